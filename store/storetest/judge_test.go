package storetest

import (
	"math"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

var (
	text   = span.StringValue
	number = span.IntValue
	float  = span.FloatValue
)

// judged is the span that the tables below speak about.
func judged() *span.Span {
	return &span.Span{
		TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 2}, Parent: span.SpanID{7: 3},
		TraceState: "a=1", Flags: 0x301, Name: "GET /", Kind: 2, Start: 100, End: 90, Status: 2, Message: "no",
		Attrs: attrs("n", number(1), "n", number(2), "s", text("abc"), "list", span.ArrayValue(number(4), number(6)),
			"none", span.Value{}, "mixed", span.ArrayValue(number(4), text("4")), "nothing", span.ArrayValue()),
		Resource: span.SpanResource{Attrs: attrs("s", text("resource"), "r", span.BoolValue(true))},
		Scope:    span.SpanScope{Name: "lib", Version: "1.0", Attrs: attrs("i", float(1.5))},
		Events: []span.SpanEvent{
			{Name: "first", Time: 105, Attrs: attrs("a", number(1), "b", number(2))},
			{Name: "second", Time: 95, Attrs: attrs("a", number(2), "b", number(1), "e", text("x"))},
		},
		Links: []span.SpanLink{{TraceID: span.TraceID{15: 9}, SpanID: span.SpanID{7: 8}, Attrs: attrs("e", text("link"), "l", number(1))}},
	}
}

func TestValues(t *testing.T) {
	attr, of := store.Attr, store.Of
	for _, c := range []struct {
		field store.Field
		want  []span.Value
	}{
		{attr(store.SpanScope, "n"), []span.Value{number(1), number(2)}},
		{attr(store.SpanScope, "r"), nil},
		{attr(store.SpanScope, "none"), []span.Value{{}}},
		{attr(store.ResourceScope, "s"), []span.Value{text("resource")}},
		{attr(store.InstrumentationScope, "i"), []span.Value{float(1.5)}},
		{attr(store.EventScope, "a"), []span.Value{number(1), number(2)}},
		{attr(store.EventScope, "e"), []span.Value{text("x")}},
		{attr(store.LinkScope, "e"), []span.Value{text("link")}},
		{attr(store.AnyScope, "s"), []span.Value{text("abc")}},
		{attr(store.AnyScope, "r"), []span.Value{span.BoolValue(true)}},
		{attr(store.AnyScope, "e"), []span.Value{text("x")}},
		{attr(store.AnyScope, "l"), []span.Value{number(1)}},
		{attr(store.AnyScope, "i"), []span.Value{float(1.5)}},
		{attr(store.AnyScope, "x"), nil},
		{of(store.Duration), []span.Value{number(-10)}},
		{of(store.Name), []span.Value{text("GET /")}},
		{of(store.Kind), []span.Value{number(2)}},
		{of(store.Status), []span.Value{number(2)}},
		{of(store.StatusMessage), []span.Value{text("no")}},
		{of(store.Start), []span.Value{number(100)}},
		{of(store.End), []span.Value{number(90)}},
		{of(store.TraceID), []span.Value{span.BytesValue("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")}},
		{of(store.SpanID), []span.Value{span.BytesValue("\x00\x00\x00\x00\x00\x00\x00\x02")}},
		{of(store.ParentID), []span.Value{span.BytesValue("\x00\x00\x00\x00\x00\x00\x00\x03")}},
		{of(store.TraceState), []span.Value{text("a=1")}},
		{of(store.Flags), []span.Value{number(0x301)}},
		{of(store.ScopeName), []span.Value{text("lib")}},
		{of(store.ScopeVersion), []span.Value{text("1.0")}},
		{of(store.EventName), []span.Value{text("first"), text("second")}},
		{of(store.EventTime), []span.Value{number(5), number(-5)}},
		{of(store.LinkTraceID), []span.Value{span.BytesValue("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09")}},
		{of(store.LinkSpanID), []span.Value{span.BytesValue("\x00\x00\x00\x00\x00\x00\x00\x08")}},
	} {
		if got := Values(c.field, judged()); !slices.Equal(got, c.want) {
			t.Errorf("%s = %s, want %s", c.field, formatValues(got), formatValues(c.want))
		}
	}
	bare := &span.Span{Start: math.MaxUint64}
	if got := Values(store.Of(store.ParentID), bare); got != nil {
		t.Errorf("parent of a root = %s", formatValues(got))
	}
	if got := Values(store.Of(store.StatusMessage), bare); !slices.Equal(got, []span.Value{text("")}) {
		t.Errorf("status message of a span without one = %s", formatValues(got))
	}
	if got := Values(store.Of(store.Start), bare); !slices.Equal(got, []span.Value{number(-1)}) {
		t.Errorf("start at the end of time = %s", formatValues(got))
	}
}

func TestJudge(t *testing.T) {
	at := func(key string) store.Field { return store.Attr(store.SpanScope, key) }
	event := func(key string) store.Field { return store.Attr(store.EventScope, key) }
	compare := func(f store.Field, op store.Op, v span.Value) store.Predicate {
		return store.Compare{Field: f, Op: op, Value: v}
	}
	matches := func(f store.Field, expr string) store.Predicate {
		r, err := store.NewRegex(expr)
		if err != nil {
			t.Fatal(err)
		}
		return store.Matches{Field: f, Regex: r}
	}
	yes, no := store.And{}, store.Or{}
	for _, c := range []struct {
		p    store.Predicate
		want bool
	}{
		{nil, true}, {yes, true}, {no, false},
		{store.And{yes, no}, false}, {store.And{yes, yes}, true}, {store.Or{no, yes}, true}, {store.Or{no, no}, false},
		{store.Not{P: yes}, false}, {store.Not{P: no}, true}, {store.Not{}, false}, {store.And{nil}, true}, {store.Or{nil}, true},

		{compare(at("n"), store.Equal, number(2)), true}, // any of the values
		{compare(at("n"), store.NotEqual, number(2)), true},
		{compare(at("n"), store.Greater, number(2)), false},
		{compare(at("n"), store.Less, float(1.5)), true},
		{compare(at("x"), store.NotEqual, number(1)), false}, // missing
		{store.Not{P: compare(at("x"), store.Equal, number(1))}, true},
		{compare(at("s"), store.NotEqual, number(1)), false}, // another type
		{compare(at("list"), store.Equal, number(6)), true},
		{compare(at("list"), store.NotEqual, number(6)), false},
		{compare(at("list"), store.NotEqual, number(5)), true},
		{compare(at("list"), store.NotEqual, text("5")), false},
		{compare(at("nothing"), store.NotEqual, number(5)), true},
		{compare(at("nothing"), store.Equal, number(5)), false},
		{compare(at("mixed"), store.Equal, number(4)), false},
		{compare(store.Of(store.Duration), store.Less, number(0)), true},
		{compare(store.Of(store.SpanID), store.Equal, span.BytesValue("\x00\x00\x00\x00\x00\x00\x00\x02")), true},
		{compare(store.Of(store.SpanID), store.Equal, text("\x00\x00\x00\x00\x00\x00\x00\x02")), false},

		{matches(at("s"), "a.c"), true}, {matches(at("s"), "b"), false}, {matches(at("n"), "1"), false}, {matches(at("x"), ".*"), false},
		{store.Exists{Field: at("none")}, true}, {store.Exists{Field: at("nothing")}, true}, {store.Exists{Field: at("x")}, false},

		{store.And{compare(event("a"), store.Equal, number(1)), compare(event("b"), store.Equal, number(1))}, true},
		{store.AnyEvent{P: store.And{compare(event("a"), store.Equal, number(1)), compare(event("b"), store.Equal, number(1))}}, false},
		{store.AnyEvent{P: store.And{compare(event("a"), store.Equal, number(2)), compare(event("b"), store.Equal, number(1))}}, true},
		{store.AnyEvent{P: store.Not{P: store.Exists{Field: event("e")}}}, true}, // the first one lacks it
		{store.AnyEvent{P: compare(at("n"), store.Equal, number(1))}, true},
		{store.AnyEvent{}, true}, {store.AnyLink{}, true}, {store.AnyEvent{P: no}, false},
		{store.AnyEvent{P: store.And{compare(event("a"), store.Equal, number(1)), compare(store.Attr(store.AnyScope, "e"), store.Equal, text("link"))}}, true},
		{store.AnyLink{P: compare(event("a"), store.Equal, number(2))}, true},
		{store.AnyLink{P: store.Exists{Field: store.Attr(store.LinkScope, "x")}}, false},
	} {
		if got := Judge(c.p, judged()); got != c.want {
			t.Errorf("%v = %t, want %t", c.p, got, c.want)
		}
	}
	bare := &span.Span{}
	if Judge(store.AnyEvent{}, bare) || Judge(store.AnyLink{}, bare) {
		t.Error("a span without events and links has one that satisfies a condition")
	}
}

// TestJudgeAgreesWithStore holds the two evaluators of comparisons against each other.
func TestJudgeAgreesWithStore(t *testing.T) {
	g := NewGen(11)
	both := 0
	for range 100_000 {
		have, op := g.Value(), pick(g, allOps...)
		want := pick(g, have, g.near(have), g.near(have), g.Value())
		if elements, err := have.Elements(); have.Type == span.Array && err == nil && len(elements) > 0 && g.chance(2) {
			want = pick(g, elements...)
		}
		got := op.Holds(have, want)
		if got != holds(op, have, want) {
			t.Fatalf("%s %s %s: store says %t, the oracle %t", formatValue(have), op, formatValue(want), got, !got)
		}
		if got {
			both++
		}
	}
	if both < 20_000 {
		t.Errorf("only %d of 100,000 comparisons hold", both)
	}
	for range 20_000 {
		v := g.Value()
		r := g.regex(pick(g, v.Str, g.text()))
		m := store.Matches{Regex: r, Not: g.chance(2)}
		if got := m.Holds(v); got != matches(wholeRegexp(r.Expr), v, m.Not) {
			t.Fatalf("%s %s: store says %t, the oracle %t", formatValue(v), m, got, !got)
		}
	}
}
