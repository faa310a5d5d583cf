package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// foldSpans makes the spans of trace 1 of lines "id parent name millisecondsLong [error] [key=value]"; each starts as many
// milliseconds after the first as its id says.
func foldSpans(text string) []span.Span {
	var rows []span.Span
	for line := range strings.Lines(text) {
		var id, parent, took byte
		var name string
		if n, _ := fmt.Sscan(line, &id, &parent, &name, &took); n < 4 {
			continue
		}
		start := 1e9 + uint64(id)*1e6
		s := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: id}, Parent: span.SpanID{7: parent}, Name: name, Start: start, End: start + uint64(took)*1e6}
		for _, word := range strings.Fields(line)[4:] {
			if key, value, ok := strings.Cut(word, "="); ok {
				s.Attrs = append(s.Attrs, span.KeyValue{Key: key, Value: span.StringValue(value)})
			} else {
				s.Status = statusError
			}
		}
		rows = append(rows, s)
	}
	return rows
}

// foldedTree draws a trace: "name×count(children)" in the order of the spans' starts.
func foldedTree(rows []span.Span) string {
	slices.SortStableFunc(rows, func(a, b span.Span) int { return int(a.Start) - int(b.Start) })
	var draw func(parent span.SpanID) string
	draw = func(parent span.SpanID) string {
		var list []string
		for _, s := range rows {
			if s.Parent != parent {
				continue
			}
			text := s.Name
			if s.Status == statusError {
				text += "!"
			}
			for _, kv := range s.Attrs {
				if kv.Key == "aggregation.span_count" {
					text += fmt.Sprintf("×%d", kv.Value.Int())
				}
			}
			if below := draw(s.SpanID); below != "" {
				text += "(" + below + ")"
			}
			list = append(list, text)
		}
		return strings.Join(list, " ")
	}
	return draw(span.SpanID{})
}

// handlers are 4 that worked, one of which with something else below it, 2 that failed, and something with another name.
const handlers = `1 0 root 90
	2 1 handler 8
	3 2 SELECT 4
	4 1 handler 9
	5 4 SELECT 5
	6 1 handler 7
	7 6 SELECT 6
	8 1 handler 9 error
	9 8 SELECT 5 error
	10 1 handler 9 error
	11 10 SELECT 5 error
	12 1 handler 9
	13 12 INSERT 5
	14 1 worker 9
	15 14 SELECT 5`

func TestTempoFold(t *testing.T) {
	leaves := "1 0 root 90\n"
	for i := 2; i < 8; i++ {
		leaves += fmt.Sprintf("%d 1 query 3 db.system=%s db.name=x\n", i, []string{"a", "b"}[i%2])
	}
	chain := "1 0 root 90\n"
	for i := range 3 {
		chain += fmt.Sprintf("%d 1 outer 9\n%d %d inner 8\n%d %d leaf 7\n", 10*i+10, 10*i+11, 10*i+10, 10*i+12, 10*i+11)
	}
	const alone = "root(handler(SELECT) handler(SELECT) handler(SELECT) handler!(SELECT!) handler!(SELECT!) handler(INSERT) worker(SELECT))"
	tests := []struct{ spans, params, want string }{
		{leaves, "span_pruning=false", "root(query query query query query query)"},
		{leaves, "", "root(query query query query query query)"},
		{leaves, "span_pruning=true", "root(query×6)"},
		{leaves, "span_pruning=true&span_pruning_min_spans=7", "root(query query query query query query)"},
		{leaves, "span_pruning=true&span_pruning_min_spans=3&span_pruning_group_by=http.method,db.s*", "root(query×3 query×3)"},
		{leaves, "span_pruning=true&span_pruning_min_spans=3&span_pruning_group_by=db.name", "root(query×6)"},
		{handlers, "span_pruning=true", alone},
		{handlers, "span_pruning=true&span_pruning_min_spans=2", "root(handler×3(SELECT×3) handler!×2(SELECT!×2) handler(INSERT) worker(SELECT))"},
		{handlers, "span_pruning=true&span_pruning_min_spans=2&span_pruning_max_parent_depth=0", alone},
		{chain, "span_pruning=true&span_pruning_min_spans=3", "root(outer(inner(leaf)) outer(inner(leaf)) outer(inner(leaf)))"},
		{chain, "span_pruning=true&span_pruning_min_spans=3&span_pruning_max_parent_depth=-1", "root(outer×3(inner×3(leaf×3)))"},
		{chain, "span_pruning=true&span_pruning_min_spans=3&span_pruning_max_parent_depth=-1&q={name=\"root\"}", "root"},
	}
	for _, test := range tests {
		h := NewTempo(testConfig(), filled(t, foldSpans(test.spans)...))
		params, err := url.ParseQuery(test.params)
		if err != nil {
			t.Fatal(err)
		}
		var v2 struct{ Trace json.RawMessage }
		parse(t, getOK(t, h, "/api/v2/traces/1?"+params.Encode()), &v2)
		if got := foldedTree(decodeJSON(t, v2.Trace)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.params, got, test.want)
		}
	}
}

// TestTempoFoldSummary checks what a span tells that stands for others.
func TestTempoFoldSummary(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, foldSpans("1 0 root 90\n2 1 q 5\n3 1 q 15 k=v\n4 1 q 10")...))
	golden(t, "tempo_folded.json", getOK(t, h, "/api/v2/traces/1?span_pruning=true&span_pruning_min_spans=3"))
}

func TestTempoFoldBadRequests(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, foldSpans(handlers)...))
	for query, want := range map[string]string{
		"span_pruning=perhaps":                               `"perhaps" is neither true nor false`,
		"span_pruning_min_spans=1":                           "span_pruning_min_spans must be from 2 to 2147483647",
		"span_pruning_max_parent_depth=-2":                   "span_pruning_max_parent_depth must be from -1 to 2147483647",
		"span_pruning_group_by=a,[":                          `invalid span_pruning_group_by: "[": syntax error in pattern`,
		"span_pruning_group_by=" + strings.Repeat("a,", 100): "has 101 patterns, the limit is 100",
	} {
		if w := get(t, h, "/api/v2/traces/1?"+query); w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: status %d: %s", query, w.Code, w.Body)
		}
	}
}

// TestTempoFoldLarge folds traces of many spans, a deep one too.
func TestTempoFoldLarge(t *testing.T) {
	var wide, deep []span.Span
	id := func(i int) span.SpanID { return span.SpanID{4: 1, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)} }
	for i := range 100_000 {
		s := span.Span{TraceID: span.TraceID{15: 1}, SpanID: id(i), Name: "step", Start: uint64(i) + 1, End: uint64(i) + 9}
		w, d := s, s
		if i > 0 {
			w.Parent, d.Parent = id((i-1)/100), id(i-1)
		}
		wide, deep = append(wide, w), append(deep, d)
	}
	f := &folding{least: 5, levels: foldMostLevels}
	if got := f.fold([]*span.Batch{batchOf(wide...)}).Len(); got > 20 {
		t.Errorf("wide: %d spans are left", got)
	}
	if got := f.fold([]*span.Batch{batchOf(deep...)}).Len(); got != len(deep) {
		t.Errorf("deep: %d spans are left", got)
	}
}

func TestTempoLLM(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, append(recorded(t), odd()...)...))
	for name, url := range map[string]string{
		"tempo_llm_trace.json":   "/api/v2/traces/ab00000000000001",
		"tempo_llm_unknown.json": "/api/v2/traces/77",
		"tempo_llm_values.json":  "/api/v2/search/tag/span.http.status_code/values",
	} {
		w := get(t, h, url, "Accept", "application/vnd.grafana.llm")
		if w.Code != 200 || w.Header().Get("Content-Type") != typeLLM {
			t.Errorf("%s: status %d, %s", url, w.Code, w.Header().Get("Content-Type"))
		}
		golden(t, name, w.Body.Bytes())
	}
	if w := get(t, h, "/api/search?q={}", "Accept", typeLLM); w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("a search comes as %s", w.Header().Get("Content-Type"))
	}
}
