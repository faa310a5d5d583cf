package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// searchAt is an hour after the last trace of searchSpans.
var searchAt = time.Unix(0, shopStart).UTC().Add(time.Hour)

func searchSpans() []span.Span {
	rows := shopTrace()
	other := node(1, 0, "shop\x1b[2J", "GET /\n", -3_600_000, -3_598_500)
	other.TraceID = span.TraceID{15: 7}
	other.Attrs = []span.KeyValue{{Key: "user", Value: span.StringValue("a=b")}}
	orphan := node(2, 3, "mail", "send", -7_200_000, -7_199_999.9)
	orphan.TraceID = span.TraceID{15: 8}
	return append(rows, other, orphan)
}

func list(t *testing.T, o searchOptions, out screen) (text, notes string) {
	t.Helper()
	var a, b bytes.Buffer
	out.Writer, out.zone = &a, time.UTC
	if o.limit == 0 {
		o.limit = 20
	}
	if err := listTraces(context.Background(), &o, searchAt, out, &b); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String()
}

func TestSearchTable(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, searchSpans()...)
	text, notes := list(t, searchOptions{client: c}, screen{})
	golden(t, "search.txt", text)
	if notes != "" {
		t.Errorf("notes: %s", notes)
	}
	text, _ = list(t, searchOptions{client: c}, screen{color: true})
	golden(t, "search_color.txt", text)
}

func TestSearchFlags(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, searchSpans()...)
	tests := []struct {
		name string
		o    searchOptions
		want []string // ends of trace ids
	}{
		{"all", searchOptions{}, []string{"e3", "07", "08"}},
		{"service", searchOptions{service: "mail"}, []string{"e3", "08"}},
		{"operation", searchOptions{service: "mail", operation: "send"}, []string{"08"}},
		{"min", searchOptions{minDuration: time.Second}, []string{"07"}},
		{"max", searchOptions{maxDuration: 100 * time.Microsecond}, []string{"e3", "08"}},
		{"tag", searchOptions{tags: []string{"user=a=b"}}, []string{"07"}},
		{"tags", searchOptions{tags: []string{"error=true", "service.name=bank"}}, []string{"e3"}},
		{"tag is there", searchOptions{tags: []string{"user"}}, []string{"07"}},
		{"tag is not there", searchOptions{tags: []string{"!user", "duration<1s", "service.name=~(mail)?"}}, []string{"e3", "08"}},
		{"tag compares", searchOptions{tags: []string{"duration >= 1s", "user!=b"}}, []string{"07"}},
		{"since", searchOptions{since: 2*time.Hour + time.Second}, []string{"e3", "07"}},
		{"to", searchOptions{to: "2023-11-14 22:00"}, []string{"07", "08"}},
		{"since before to", searchOptions{to: "2023-11-14 22:00", since: time.Hour}, []string{"07"}},
		{"from", searchOptions{from: "2023-11-14T23:00:00+01:00"}, []string{"e3"}},
		{"nothing", searchOptions{service: "nobody"}, nil},
	}
	for _, test := range tests {
		test.o.client = c
		text, notes := list(t, test.o, screen{})
		var got []string
		for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
			if i > 0 {
				got = append(got, line[30:32])
			}
		}
		if strings.Join(got, " ") != strings.Join(test.want, " ") {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		if (len(test.want) == 0) != strings.Contains(notes, "no traces found") {
			t.Errorf("%s: notes %q", test.name, notes)
		}
	}
}

func TestSearchPages(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, searchSpans()...)
	o := searchOptions{client: c, limit: 2}
	_, notes := list(t, o, screen{})
	_, cursor, found := strings.Cut(strings.TrimSpace(notes), "--after ")
	if !found {
		t.Fatalf("no cursor in %q", notes)
	}
	o.after = cursor
	text, notes := list(t, o, screen{})
	if !strings.Contains(text, "00000008") || strings.Contains(text, "00000007") || notes != "" {
		t.Errorf("second page: %s%s", text, notes)
	}
}

func TestSearchJSON(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, searchSpans()...)
	for _, terminal := range []bool{false, true} {
		text, _ := list(t, searchOptions{client: c, json: true}, screen{terminal: terminal})
		var answer api.SearchResult
		if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Traces) != 3 || answer.Traces[1].Service != "shop\x1b[2J" {
			t.Errorf("terminal %v: %v in %s", terminal, err, text)
		}
	}
}

func TestSearchErrors(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant)
	tests := []struct {
		o    searchOptions
		want string
	}{
		{searchOptions{from: "yesterday"}, `--from "yesterday": not a time such as`},
		{searchOptions{to: "25:00"}, `--to "25:00": not a time such as`},
		{searchOptions{tags: []string{"error>true"}, limit: 1}, `"error>true" at character 7: "true" is not a number`},
		{searchOptions{limit: -1}, "limit must be from 1 to"},
		{searchOptions{after: "x", limit: 1}, "invalid cursor"},
		{searchOptions{from: "2026-01-02", to: "2026-01-01", limit: 1}, "start must be before end"},
	}
	for _, test := range tests {
		test.o.client = c
		err := listTraces(context.Background(), &test.o, searchAt, screen{Writer: &bytes.Buffer{}}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %q, want one with %q", err, test.want)
		}
	}
}

// TestCommands runs both commands as they are typed.
func TestCommands(t *testing.T) {
	c := serveSpans(t, "team-a", searchSpans()...)
	var out, notes bytes.Buffer
	search := newSearchCmd()
	search.SetOut(&out)
	search.SetErr(&notes)
	search.SetArgs([]string{"--server", c.server, "--tenant", "team-a", "--since", "0", "--tag", "error=true", "--limit", "1"})
	if err := search.Execute(); err != nil || !strings.Contains(out.String(), "frontend GET /checkout") {
		t.Errorf("search: %v\n%s%s", err, &out, &notes)
	}
	out.Reset()
	trace := newTraceCmd()
	trace.SetOut(&out)
	trace.SetArgs([]string{"C10000000000000000000000000000E3", "--server", strings.TrimPrefix(c.server, "http://"), "--tenant", "team-a", "--depth", "1"})
	if err := trace.Execute(); err != nil || !strings.Contains(out.String(), "10 spans of 8 services, 2 errors") {
		t.Errorf("trace: %v\n%s", err, &out)
	}
}
