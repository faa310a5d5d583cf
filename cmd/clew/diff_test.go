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

const traceA, traceB = "c10000000000000000000000000000e3", "b0000000000000000000000000000001"

// laterTrace is shopTrace once more, with other calls and times.
func laterTrace() []span.Span {
	rows := []span.Span{
		node(1, 0, "frontend", "GET /checkout", 0, 420),
		node(11, 1, "auth", "check", 1, 4),
		node(2, 1, "checkout", "PlaceOrder", 10, 400),
		node(3, 2, "cart", "GetCart", 12, 31),
		node(4, 3, "redis", "HGET", 13, 13.2),
		node(12, 3, "redis", "HGET", 14, 14.2),
		node(5, 2, "payment", "Charge", 40, 390),
		node(6, 5, "bank", "POST /v1/charges", 45, 389),
		node(7, 1, "frontend", "render", 401, 401),
	}
	rows[2].Status = 2
	for i := range rows {
		rows[i].TraceID = span.TraceID{0: 0xb0, 15: 1}
	}
	return rows
}

func TestDiffGolden(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, append(shopTrace(), laterTrace()...)...)
	for name, test := range map[string]struct {
		out  screen
		o    diffOptions
		a, b string
	}{
		"diff.txt":       {o: diffOptions{limit: 100}, a: traceA, b: traceB},
		"diff_back.txt":  {o: diffOptions{limit: 6}, a: traceB, b: traceA},
		"diff_color.txt": {out: screen{color: true}, o: diffOptions{limit: 100}, a: traceA, b: traceB},
	} {
		t.Run(name, func(t *testing.T) {
			var text, notes bytes.Buffer
			test.out.Writer, test.out.zone, test.out.width = &text, time.UTC, fallbackWidth
			test.o.client = c
			if err := test.o.run(t.Context(), test.a, test.b, test.out, screen{Writer: &notes}); err != nil {
				t.Fatal(err)
			}
			if more := strings.Contains(notes.String(), "more lines not drawn"); more != (test.o.limit == 6) {
				t.Errorf("notes %q", &notes)
			}
			golden(t, name, text.String())
		})
	}
}

func TestDiffOfHostileTraces(t *testing.T) {
	rows := laterTrace()
	for i := range rows {
		rows[i].Name = "\x1b[2J" + rows[i].Name
	}
	for i := range 80 { // deeper than the screen is wide
		deep := node(byte(20+i), byte(19+i), "deep", fmt.Sprint("\n", i), 1, 2)
		deep.TraceID = rows[0].TraceID
		rows = append(rows, deep)
	}
	c := serveSpans(t, store.DefaultTenant, append(shopTrace(), rows...)...)
	var text bytes.Buffer
	o := diffOptions{client: c, limit: 1000}
	out := screen{Writer: &text, zone: time.UTC, width: 60}
	if err := o.run(t.Context(), traceA, traceB, out, out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "\x1b") || !strings.Contains(text.String(), `[79] deep \n79`) {
		t.Errorf("got\n%s", &text)
	}
}

func TestDiffErrors(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, shopTrace()...)
	for _, test := range []struct{ a, b, says string }{
		{"xyz", traceA, "character 1 is not a hex digit"},
		{traceA, "ff", "404 Not Found: trace 000000000000000000000000000000ff, 'b': trace not found"},
	} {
		o := diffOptions{client: c, limit: 10}
		if err := o.run(t.Context(), test.a, test.b, screen{}, screen{}); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s, %s: %v", test.a, test.b, err)
		}
	}
}
