package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// zoneSpans are requests of shop; those in zone b are slow and some fail.
func zoneSpans() []span.Span {
	var rows []span.Span
	for i := range 400 {
		s := node(1, 0, "shop", "GET /", float64(i), float64(i)+5)
		s.Kind = 2
		s.TraceID = span.TraceID{0: 1, 1: byte(i >> 8), 2: byte(i), 15: 1}
		s.Attrs = []span.KeyValue{
			{Key: "zone", Value: span.StringValue("a")}, {Key: "request.id", Value: span.StringValue(fmt.Sprint("r", i))},
			{Key: "bytes", Value: span.IntValue(int64(i * i))},
		}
		if i%4 == 0 {
			s.Attrs[0].Value.Str = "b\x1b[2J"
			s.End += 2_000_000 * uint64(i)
			if i%3 == 0 {
				s.Status = 2
			}
		}
		rows = append(rows, s)
	}
	return rows
}

func TestDiffersGolden(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, zoneSpans()...)
	for name, args := range map[string][]string{
		"differs.txt":          {"--since", "all", "--limit", "4", "status=error"},
		"differs_duration.txt": {"--since", "all", "--limit", "2", "service=shop", "--min-duration", "100ms"},
		"differs_two.txt":      {"--since", "all", "--limit", "1", "--values", "1", "duration < 100ms", "status=error duration > 50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			text, notes, err := differs(t, c, args...)
			if err != nil || !strings.Contains(notes, "more attributes differ less, or not at all") {
				t.Errorf("%v, notes %q", err, notes)
			}
			golden(t, name, text)
		})
	}
}

// differs runs a comparison with arguments as they are typed.
func differs(t *testing.T, c client, args ...string) (text, notes string, err error) {
	t.Helper()
	var o differsOptions
	cmd := o.command()
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	o.client = c
	var a, b bytes.Buffer
	out := screen{Writer: &a, zone: time.UTC, width: fallbackWidth}
	err = o.run(t.Context(), cmd.Flags().Args(), queryAt, out, screen{Writer: &b})
	return a.String(), b.String(), err
}

func TestDiffersSays(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, zoneSpans()...)
	for want, args := range map[string][]string{
		"which spans are to be compared?":               nil,
		"the selection is empty in 1h; --since":         {"name=nothing"},
		"there is nothing to compare the selection wit": {"--since", "all", "name=nothing", "service=shop"},
		"parse error at line 1, col 1":                  {"=x"},
		`--since "soon"`:                                {"--since", "soon", "status=error"},
	} {
		_, notes, err := differs(t, c, args...)
		if said := fmt.Sprint(notes, err); !strings.Contains(said, want) {
			t.Errorf("%q: %s", args, said)
		}
	}
	if text, _, err := differs(t, c, "--since", "all", "--json", "status=error"); err != nil || !strings.HasPrefix(text, `{"query":"{ }","selected":`) {
		t.Errorf("%v: %s", err, text)
	}
}

func TestFitEnds(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "          ",
		"0123456789":               "0123456789",
		"0123456789a":              "01234…789a",
		"http://shop/item/5?q=xyz": "http:…=xyz",
		"日本語日本語日本語":                "日本… 本語",
	} {
		if got := fitEnds(text, 10); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
