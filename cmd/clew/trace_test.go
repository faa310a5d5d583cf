package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

var update = flag.Bool("update", false, "write testdata anew from what the code does")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", path, got)
	}
}

// serveSpans starts a server with spans of a tenant.
func serveSpans(t *testing.T, tenant string, rows ...span.Span) client {
	t.Helper()
	var b span.Batch
	for i := range rows {
		b.Append(&rows[i])
	}
	m := &storetest.Model{}
	if err := m.Write(context.Background(), tenant, &b); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.NewNative(api.Config{}, m))
	t.Cleanup(server.Close)
	return client{server: server.URL}
}

const shopStart = 1_700_000_000_000_000_000

// node makes a span of a test's trace; times are milliseconds after its start.
func node(id, parent byte, service, name string, from, to float64) span.Span {
	s := span.Span{
		TraceID: span.TraceID{0: 0xc1, 15: 0xe3}, SpanID: span.SpanID{7: id}, Name: name,
		Start: shopStart + uint64(from*1e6), End: shopStart + uint64(to*1e6),
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}},
	}
	if parent != 0 {
		s.Parent = span.SpanID{7: parent}
	}
	return s
}

// shopTrace has a root, errors, a missing parent, a second root and an instant.
func shopTrace() []span.Span {
	rows := []span.Span{
		node(1, 0, "frontend", "GET /checkout", 0, 200),
		node(2, 1, "checkout", "PlaceOrder", 10, 190),
		node(3, 2, "cart", "GetCart", 12, 30.5),
		node(4, 3, "redis", "HGET", 13, 13.2),
		node(5, 2, "payment", "Charge", 40, 150),
		node(6, 5, "bank", "POST /v1/charges", 45, 149),
		node(7, 1, "frontend", "render", 191, 191),
		node(8, 0xee, "mail", "send order confirmation", 160, 500),
		node(9, 8, "mail", "smtp", 170, 480.123456),
		node(10, 0, "cron", "sweep", 100, 300),
	}
	rows[4].Status, rows[5].Status = 2, 2
	return rows
}

func draw(t *testing.T, o traceOptions, out screen, id string) string {
	t.Helper()
	var buf bytes.Buffer
	out.Writer, out.zone = &buf, time.UTC
	if out.width == 0 {
		out.width = fallbackWidth
	}
	if err := showTrace(context.Background(), &o, id, out); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestWaterfall(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, shopTrace()...)
	id := shopTrace()[0].TraceID.String()
	for name, test := range map[string]struct {
		options traceOptions
		screen  screen
	}{
		"waterfall.txt":        {traceOptions{client: c}, screen{}},
		"waterfall_narrow.txt": {traceOptions{client: c}, screen{width: 60}},
		"waterfall_tiny.txt":   {traceOptions{client: c}, screen{width: 1}},
		"waterfall_wide.txt":   {traceOptions{client: c}, screen{width: 160}},
		"waterfall_color.txt":  {traceOptions{client: c}, screen{color: true}},
		"waterfall_depth.txt":  {traceOptions{client: c, depth: 2}, screen{}},
		"waterfall_limit.txt":  {traceOptions{client: c, limit: 4}, screen{}},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, draw(t, test.options, test.screen, id)) })
	}
}

// TestWaterfallOfHostileTrace draws a trace that tries to steer the terminal
// and whose tree is none: circles, a span that is its own parent, shared ids,
// an end before the start, a nesting deeper than the screen is wide.
func TestWaterfallOfHostileTrace(t *testing.T) {
	rows := []span.Span{
		node(1, 2, "a\x1b[31m", "circle\nof two", 1, 2),
		node(2, 1, "b", "\u202eevil\u200b\x9b", 0, 2),
		node(3, 3, "c", "own parent", 3, 4),
		node(4, 1, "d", "under the circle", 5, 6),
		node(9, 0, "e", "shared id", 7, 8),
		node(9, 0, "e", "shared id again", 7.5, 8),
		node(10, 9, "e", "日本語の操作名はとても長いのでここで切られるはずです、きっと", 7.6, 9),
		node(11, 0, "", "", 8, 7),
	}
	for i := byte(20); i < 60; i++ {
		parent := i - 1
		if i == 20 {
			parent = 11
		}
		rows = append(rows, node(i, parent, "deep", "down", 9, 10))
	}
	c := serveSpans(t, store.DefaultTenant, rows...)
	got := draw(t, traceOptions{client: c}, screen{}, rows[0].TraceID.String())
	golden(t, "waterfall_hostile.txt", got)
	if n := strings.Count(got, "deep down"); n != 40 {
		t.Errorf("%d of 40 nested spans are there", n)
	}
}

// TestWaterfallOfManySpans draws the top of a chain and of a fan that are far
// larger than what is shown.
func TestWaterfallOfManySpans(t *testing.T) {
	const n = 200_000
	for name, parent := range map[string]func(i int) int{
		"chain": func(i int) int { return i - 1 },
		"fan":   func(int) int { return 0 },
		"loop":  func(i int) int { return (i + n - 1) % n },
	} {
		spans := make([]traceSpan, n)
		for i := range spans {
			spans[i] = traceSpan{id: numbered(i), start: uint64(i), end: uint64(n)}
			if i > 0 || name == "loop" {
				spans[i].parent = numbered(parent(i))
			}
		}
		var buf bytes.Buffer
		w := newWaterfall(spans)
		if err := w.draw(screen{Writer: &buf, width: fallbackWidth, zone: time.UTC}, 0, 500); err != nil {
			t.Fatal(err)
		}
		if len(w.order) != n {
			t.Errorf("%s: %d of %d spans are in the tree", name, len(w.order), n)
		}
		if got := buf.String(); !strings.Contains(got, "199,500 more spans not drawn") || strings.Count(got, "\n") > 510 {
			t.Errorf("%s: %d lines, ending in %q", name, strings.Count(got, "\n"), got[max(0, len(got)-80):])
		}
	}
}

func numbered(i int) span.SpanID {
	return span.SpanID{0: 1, 4: byte(i >> 24), 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)}
}

func TestTraceJSON(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, shopTrace()...)
	got := draw(t, traceOptions{client: c, json: true}, screen{}, shopTrace()[0].TraceID.String())
	var answer struct{ ResourceSpans []any }
	if err := json.Unmarshal([]byte(got), &answer); err != nil || len(answer.ResourceSpans) != 8 {
		t.Errorf("%v, %d resources in %s", err, len(answer.ResourceSpans), got)
	}
}

func TestTraceGaps(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Clew-Gap", "block 7 is \u202edamaged")
		w.Write([]byte(`{"resourceSpans":[]}`))
	}))
	defer server.Close()
	got := draw(t, traceOptions{client: client{server: server.URL}}, screen{}, "1")
	if !strings.Contains(got, `spans may be missing: block 7 is \u202edamaged`) {
		t.Error(got)
	}
}

func TestTenantOfTrace(t *testing.T) {
	c := serveSpans(t, "team-a", shopTrace()...)
	c.tenant = "team-a"
	id := shopTrace()[0].TraceID.String()
	if got := draw(t, traceOptions{client: c}, screen{}, id); !strings.Contains(got, "10 spans") {
		t.Error(got)
	}
	c.tenant = "team-b"
	if err := showTrace(context.Background(), &traceOptions{client: c}, id, screen{}); err == nil {
		t.Error("another tenant sees the trace")
	}
}

func TestTraceErrors(t *testing.T) {
	answer := func(code int, body string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			w.Write([]byte(body))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	served := serveSpans(t, store.DefaultTenant)
	tests := []struct{ server, id, want string }{
		{served.server, "xyz", `trace id "xyz": character 1 is not a hex digit`},
		{served.server, "77", "the server answered 404 Not Found: trace not found"},
		{gone.URL, "1", `cannot reach a server at ` + gone.URL + ` (is "clew serve" running?)`},
		{"::", "1", `--server "::" is not a URL such as http://127.0.0.1:16686`},
		{"http://", "1", `--server "http://" is not a URL such as http://127.0.0.1:16686`},
		{answer(502, "<h1>\x1b[31mbad</h1>"), "1", `the server answered 502 Bad Gateway: <h1>\x1b[31mbad</h1>`},
		{answer(503, ""), "1", "the server answered 503 Service Unavailable"},
		{answer(200, ""), "1", "cannot read the server's answer: EOF"},
		{answer(200, "<html>"), "1", "cannot read the server's answer: jsontext: invalid character '<'"},
		{answer(200, "[]"), "1", "cannot read the server's answer: not OTLP JSON: found [ at byte 1"},
		{answer(200, `{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"x"`), "1", "cannot read the server's answer: "},
		{answer(200, `{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"x"}]}]}]}`), "1", `span id "x"`},
		{answer(200, `{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"1","parentSpanId":"x"}]}]}]}`), "1", `span id "x"`},
		{answer(200, `{"resourceSpans":[{"scopeSpans":[{"spans":[7]}]}]}`), "1", "cannot read the server's answer: json: "},
	}
	for _, test := range tests {
		err := showTrace(context.Background(), &traceOptions{client: client{server: test.server}}, test.id, screen{Writer: &bytes.Buffer{}})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: error %q, want one with %q", test.id, err, test.want)
		}
	}
}

// TestReadSpansInAnyOrder reads JSON whose members come in another order, with
// members that nobody knows.
func TestReadSpansInAnyOrder(t *testing.T) {
	spans, err := readSpans(strings.NewReader(`{"x":{"y":[1]},"resourceSpans":[{"scopeSpans":[{"z":null,"spans":[
		{"status":{"message":"m","code":2},"endTimeUnixNano":"9","startTimeUnixNano":"7","name":"n","spanId":"000000000000000A","links":[{}]}]}],
		"resource":{"attributes":[{"key":"k","value":{"intValue":"1"}},{"key":"service.name","value":{"stringValue":"s"}}]}}]}`))
	want := traceSpan{id: span.SpanID{7: 10}, start: 7, end: 9, service: "s", name: "n", failed: true}
	if err != nil || len(spans) != 1 || spans[0] != want {
		t.Errorf("got %+v, %v", spans, err)
	}
}

// FuzzWaterfall makes traces of any shape, two bytes a span: its id and its
// parent's. Whatever the shape, each span is drawn once, under its parent.
func FuzzWaterfall(f *testing.F) {
	f.Add([]byte{1, 0, 2, 1, 3, 1, 4, 3})          // a tree
	f.Add([]byte{1, 2, 2, 1, 3, 3, 4, 3, 5, 9})    // circles and an orphan
	f.Add([]byte{1, 0, 1, 0, 1, 1, 2, 1, 2, 2, 0}) // shared ids
	f.Fuzz(func(t *testing.T, shape []byte) {
		var spans []traceSpan
		for i := 0; i+1 < len(shape); i += 2 {
			spans = append(spans, traceSpan{
				id: span.SpanID{7: shape[i]}, parent: span.SpanID{7: shape[i+1]},
				start: uint64(i * 7 % 13), end: uint64(i * 5 % 11), name: string(shape[i : i+2]),
			})
		}
		n := len(spans)
		w := newWaterfall(spans)
		if w.spans != n || len(w.order) != len(w.nodes) {
			t.Fatalf("%d of %d nodes are in order, for %d spans", len(w.order), len(w.nodes), n)
		}
		below := make([]int32, len(w.nodes))
		place := make([]int, len(w.nodes))
		for i, at := range w.order {
			if place[at] != 0 {
				t.Fatalf("node %d comes twice", at)
			}
			place[at] = i + 1
			up := w.parent[at]
			if up == none {
				continue
			}
			if place[up] == 0 || w.depth[at] != w.depth[up]+1 || w.nodes[up].id != w.nodes[at].parent {
				t.Fatalf("node %d is not under its parent", at)
			}
			for ; up != none; up = w.parent[up] {
				below[up]++
			}
		}
		for at := range below {
			if below[at] != w.below[at] {
				t.Fatalf("%d nodes are under node %d, not %d", below[at], at, w.below[at])
			}
		}
		var buf bytes.Buffer
		if err := w.draw(screen{Writer: &buf, width: fallbackWidth, zone: time.UTC}, 0, 0); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(buf.String(), func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }) {
			t.Fatalf("what is drawn has control characters: %q", &buf)
		}
	})
}

// TestTraceWarnings has what is odd below the waterfall, but for missing parents, which are drawn.
func TestTraceWarnings(t *testing.T) {
	rows := []span.Span{
		node(1, 0, "web", "call", 0, 10), node(2, 1, "shop", "serve", 100, 105),
		node(3, 0, "web", "backwards", 8, 7), node(4, 0xee, "web", "lost", 9, 10),
	}
	rows[0].Kind, rows[1].Kind = 3, 2 // client, server
	rows[2].TraceState, rows[2].Dropped.Attrs = "ot=th:8", 5
	c := serveSpans(t, store.DefaultTenant, rows...)
	got := draw(t, traceOptions{client: c}, screen{}, rows[0].TraceID.String())
	_, warnings, _ := strings.Cut(got, "\nWARNINGS\n")
	for _, want := range []string{
		"span 0000000000000003: the span ends 1ms before it starts\n",
		"span 0000000000000002: the clock of shop differs from that of its caller by about ",
		"1 of 4 spans were kept by a probability below 1",
		"limits of the senders cut 5 attributes",
	} {
		if !strings.Contains(warnings, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(warnings, "00ee") {
		t.Errorf("the missing parent is told twice:\n%s", got)
	}
}
