package store

import (
	"testing"

	"github.com/clewhq/clew/span"
)

func TestRegexHolds(t *testing.T) {
	r, err := NewRegex("a+|1|true")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		v         span.Value
		want, not bool // of =~ and of !~
	}{
		{str("aa"), true, false},
		{str("b"), false, true},
		{span.BytesValue("aa"), false, false},
		{num(1), false, false},
		{yes, false, false},
		{span.Value{}, false, false},
		{list(str("b"), str("aa")), true, false},
		{list(str("b"), str("ab")), false, true},
		{list(), false, true},
		{list(str("aa"), num(1)), false, false},
		{list(str("b"), num(1)), false, false},
		{list(num(1)), false, false},
		{list(list(str("aa"))), false, false},
		{span.MapValue(span.KeyValue{Key: "aa", Value: str("aa")}), false, false},
	} {
		if got := (Matches{Regex: r}).Holds(c.v); got != c.want {
			t.Errorf("%s =~ %q: %v, want %v", literal(c.v), r.Expr, got, c.want)
		}
		if got := (Matches{Regex: r, Not: true}).Holds(c.v); got != c.not {
			t.Errorf("%s !~ %q: %v, want %v", literal(c.v), r.Expr, got, c.not)
		}
	}
}

func TestPredicateString(t *testing.T) {
	regex, err := NewRegex(`a"b`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    Predicate
		want string
	}{
		{And{}, "true"},
		{Or{}, "false"},
		{Not{}, "!(true)"},
		{And{nil, Exists{Attr(SpanScope, "k")}}, "(true) && (span.k != nil)"},
		{Or{Exists{Attr(AnyScope, "k")}, Exists{Of(ParentID)}}, "(.k != nil) || (span:parentID != nil)"},
		{Compare{Attr(ResourceScope, "k"), Equal, num(1)}, "resource.k = 1"},
		{Compare{Of(Duration), GreaterEqual, flt(1)}, "duration >= 1.0"},
		{Compare{Of(Duration), Less, flt(nan)}, "duration < NaN"},
		{Compare{Of(Duration), Less, flt(1e300)}, "duration < 1e+300"},
		{Compare{Of(Name), NotEqual, str("a\n")}, `name != "a\n"`},
		{Compare{Of(TraceID), NotEqual, span.BytesValue("\x0a\xff")}, "trace:id != 0x0aff"},
		{Compare{Attr(EventScope, "k"), Equal, yes}, "event.k = true"},
		{AnyEvent{Matches{Field: Of(EventName), Regex: regex}}, `event(event:name =~ "a\"b")`},
		{Matches{Field: Of(Name), Regex: regex, Not: true}, `name !~ "a\"b"`},
		{AnyLink{Not{Exists{Attr(LinkScope, "k")}}}, "link(!(link.k != nil))"},
		{Compare{Field{Scope: 99, Key: "k"}, 99, span.Value{}}, `invalid.k invalid empty("")`},
		{Exists{Of(99)}, "invalid != nil"},
	} {
		if got := c.p.String(); got != c.want {
			t.Errorf("String() = %s, want %s", got, c.want)
		}
	}
}

func TestFieldOfEventAndOfLink(t *testing.T) {
	ofEvent := map[string]bool{"event.k": true, "event:name": true, "event:timeSinceStart": true}
	ofLink := map[string]bool{"link.k": true, "link:traceID": true, "link:spanID": true}
	fields := []Field{}
	for s := AnyScope; s < IntrinsicScope; s++ {
		fields = append(fields, Attr(s, "k"))
	}
	for i := Duration; i < numIntrinsics; i++ {
		fields = append(fields, Of(i))
	}
	for _, f := range fields {
		if f.OfEvent() != ofEvent[f.String()] || f.OfLink() != ofLink[f.String()] {
			t.Errorf("%s: OfEvent = %v, OfLink = %v", f, f.OfEvent(), f.OfLink())
		}
	}
}
