package traceql

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

func bothStores(t *testing.T, spans []span.Span) map[string]store.Reader {
	return map[string]store.Reader{
		"model": modelWith(t, spans), "columnar": columnarWith(t, spans, rand.New(rand.NewPCG(1, testkit.Seed(t)))),
	}
}

// TestSearchForSpansInOrder asks for spans in several orders, at once and in pages, and sorts them itself.
func TestSearchForSpansInOrder(t *testing.T) {
	const query = `{ .k != nil } || { kind = server }`
	for name, s := range bothStores(t, storetest.NewGen(7).Spans(300)) {
		all := searched(t, s, query, SearchOptions{Spans: true, Limit: -1}).Spans
		for sorted, o := range map[string]order{
			"newest":        {{ByStart, true}, {ByTraceID, false}, {BySpanID, false}},
			"oldest":        {{ByStart, false}, {ByTraceID, false}, {BySpanID, false}},
			"longest":       {{ByDuration, true}, {ByStart, true}, {ByTraceID, false}, {BySpanID, false}},
			"by ids":        {{ByTraceID, true}, {BySpanID, false}, {ByStart, false}},
			"by start only": {{ByStart, true}, {BySpanID, true}, {ByTraceID, true}},
		} {
			want := slices.Clone(all)
			slices.SortStableFunc(want, func(a, b FoundSpan) int {
				for _, key := range o {
					c := map[SpanKey]int{
						ByStart: cmp.Compare(a.Start, b.Start), ByDuration: cmp.Compare(a.Duration, b.Duration),
						ByTraceID: bytes.Compare(a.TraceID[:], b.TraceID[:]), BySpanID: bytes.Compare(a.ID[:], b.ID[:]),
					}[key.By]
					if c != 0 {
						return map[bool]int{false: c, true: -c}[key.Descending]
					}
				}
				return 0
			})
			for _, limit := range []int{-1, 1, 13} {
				var got []FoundSpan
				opts := SearchOptions{Spans: true, Limit: limit, Order: o}
				for more := true; more; more = opts.After != "" {
					r := searched(t, s, query, opts)
					got = append(got, r.Spans...)
					opts.After = r.Next
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s, %s in pages of %d: %d spans of %d, or in another order", name, sorted, limit, len(got), len(want))
				}
			}
		}
	}
}

// TestSomeEvent judges conditions, negations among them, on one and the same event.
func TestSomeEvent(t *testing.T) {
	text := func(key, value string) span.KeyValue { return span.KeyValue{Key: key, Value: span.StringValue(value)} }
	spans := tree(1, "1 0 a\n2 1 b\n3 1 c")
	spans[0].Events = []span.SpanEvent{
		{Name: "x", Attrs: []span.KeyValue{text("k", "1")}},
		{Name: "y", Attrs: []span.KeyValue{{Key: "k", Value: span.BytesValue("b")}}},
	}
	spans[1].Events = []span.SpanEvent{{Name: "x"}}
	spans[1].Links = []span.SpanLink{{Attrs: []span.KeyValue{text("l", "1")}}, {}}
	both := bothStores(t, spans)
	condition := func(text string) Expr { return parsed(t, text).Search.Stages[0].(*Filter).Body }
	some := func(op Op, x Expr) Expr { return &Unary{Op: op, X: x} }
	not := func(x Expr) Expr { return &Unary{Op: Not, X: x} }
	and := func(l, r Expr) Expr { return &Binary{Op: And, L: l, R: r} }
	k1, x, named := condition(`{ event.k = "1" }`), condition(`{ event:name = "x" }`), condition(`{ name = "b" }`)
	for _, c := range []struct {
		body Expr
		want string
	}{
		{some(SomeEvent, and(x, not(k1))), "b"},
		{some(SomeEvent, not(k1)), "ab"}, // of span a the one whose k is of another type
		{some(SomeEvent, not(x)), "a"},
		{not(some(SomeEvent, not(x))), "bc"},
		{some(SomeEvent, and(x, named)), "b"},
		{some(SomeEvent, &Binary{Op: Or, L: not(x), R: named}), "ab"},
		{some(SomeEvent, some(SomeLink, not(condition(`{ link.l = "1" }`)))), "b"},
		{some(SomeLink, not(condition(`{ link.l = "1" }`))), "b"},
		{some(SomeEvent, condition("{ true }")), "ab"},
		{some(SomeEvent, condition("{ false }")), ""},
		{and(some(SomeEvent, x), some(SomeEvent, not(x))), "a"},
	} {
		q := &Query{Search: &Pipeline{Stages: []Stage{&Filter{Body: c.body}}}}
		if err := q.Check(); err != nil {
			t.Fatal(err)
		}
		for name, s := range both {
			r, err := (&Engine{Store: s}).Search(t.Context(), store.DefaultTenant, q, SearchOptions{Spans: true})
			if err != nil {
				t.Fatal(err)
			}
			var found []byte
			for _, s := range r.Spans {
				found = append(found, s.Name...)
			}
			slices.Sort(found)
			if string(found) != c.want {
				t.Errorf("%s in %s: found %q, want %q", q, name, found, c.want)
			}
		}
	}
	q := &Query{Search: &Pipeline{Stages: []Stage{&Filter{Body: some(SomeEvent, condition("{ span:start + span:duration > 5 }"))}}}}
	if _, err := (&Engine{Store: both["model"]}).Search(t.Context(), store.DefaultTenant, q, SearchOptions{}); err == nil {
		t.Error("what only a row can tell is judged on an event")
	}
	if err := (&Query{Search: &Pipeline{Stages: []Stage{&Filter{Body: condition("{ name = \"a\" }").(*Binary).L}}}}).Check(); err == nil {
		t.Error("a name is taken for a condition")
	}
}
