package storetest

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Judge reports whether p holds on s. It shares no code with what backends use
// to compare values, and is as plain as the words of store.Predicate.
func Judge(p store.Predicate, s *span.Span) bool {
	switch p := p.(type) {
	case nil:
		return true
	case store.And:
		return !slices.ContainsFunc(p, func(q store.Predicate) bool { return !Judge(q, s) })
	case store.Or:
		return slices.ContainsFunc(p, func(q store.Predicate) bool { return Judge(q, s) })
	case store.Not:
		return !Judge(p.P, s)
	case store.Compare:
		return slices.ContainsFunc(Values(p.Field, s), func(v span.Value) bool { return holds(p.Op, v, p.Value) })
	case store.Matches:
		whole := wholeRegexp(p.Regex.Expr)
		return slices.ContainsFunc(Values(p.Field, s), func(v span.Value) bool {
			if p.Field.OfID() {
				v = span.StringValue(fmt.Sprintf("%x", v.Str))
			}
			return matches(whole, v, p.Not)
		})
	case store.Exists:
		return len(Values(p.Field, s)) > 0
	case store.AnyEvent:
		return slices.ContainsFunc(s.Events, func(e span.SpanEvent) bool {
			one := *s
			one.Events = []span.SpanEvent{e}
			return Judge(p.P, &one)
		})
	case store.AnyLink:
		return slices.ContainsFunc(s.Links, func(l span.SpanLink) bool {
			one := *s
			one.Links = []span.SpanLink{l}
			return Judge(p.P, &one)
		})
	}
	panic("BUG: a predicate of a form that store does not have")
}

// anyScope is where an unscoped attribute is looked for, in order.
var anyScope = []store.Scope{
	store.SpanScope, store.ResourceScope, store.EventScope, store.LinkScope, store.InstrumentationScope,
}

// Values returns the values that f has on s, in order.
func Values(f store.Field, s *span.Span) []span.Value {
	switch f.Scope {
	case store.AnyScope:
		for _, scope := range anyScope {
			if values := Values(store.Attr(scope, f.Key), s); len(values) > 0 {
				return values
			}
		}
		return nil
	case store.IntrinsicScope:
		return intrinsic(f.Intrinsic, s)
	}
	var values []span.Value
	for _, list := range attrLists(f.Scope, s) {
		for _, kv := range list {
			if kv.Key == f.Key {
				values = append(values, kv.Value)
			}
		}
	}
	return values
}

// attrLists returns the attribute lists of one scope of s: one for each event or link, else just one.
func attrLists(scope store.Scope, s *span.Span) [][]span.KeyValue {
	var lists [][]span.KeyValue
	switch scope {
	case store.SpanScope:
		lists = append(lists, s.Attrs)
	case store.ResourceScope:
		lists = append(lists, s.Resource.Attrs)
	case store.InstrumentationScope:
		lists = append(lists, s.Scope.Attrs)
	case store.EventScope:
		for i := range s.Events {
			lists = append(lists, s.Events[i].Attrs)
		}
	case store.LinkScope:
		for i := range s.Links {
			lists = append(lists, s.Links[i].Attrs)
		}
	}
	return lists
}

func intrinsic(i store.Intrinsic, s *span.Span) []span.Value {
	text := func(v string) []span.Value { return []span.Value{span.StringValue(v)} }
	number := func(v int64) []span.Value { return []span.Value{span.IntValue(v)} }
	raw := func(v []byte) []span.Value { return []span.Value{span.BytesValue(string(v))} }
	var values []span.Value
	switch i {
	case store.Duration:
		return number(int64(s.End - s.Start))
	case store.Name:
		return text(s.Name)
	case store.Kind:
		return number(int64(s.Kind))
	case store.Status:
		return number(int64(s.Status))
	case store.StatusMessage:
		return text(s.Message)
	case store.Start:
		return number(int64(s.Start))
	case store.End:
		return number(int64(s.End))
	case store.TraceID:
		return raw(s.TraceID[:])
	case store.SpanID:
		return raw(s.SpanID[:])
	case store.ParentID:
		if s.Parent.IsZero() {
			return nil
		}
		return raw(s.Parent[:])
	case store.TraceState:
		return text(s.TraceState)
	case store.Flags:
		return number(int64(s.Flags))
	case store.ScopeName:
		return text(s.Scope.Name)
	case store.ScopeVersion:
		return text(s.Scope.Version)
	case store.EventName:
		for _, e := range s.Events {
			values = append(values, text(e.Name)...)
		}
	case store.EventTime:
		for _, e := range s.Events {
			values = append(values, number(int64(e.Time-s.Start))...)
		}
	case store.LinkTraceID:
		for _, l := range s.Links {
			values = append(values, raw(l.TraceID[:])...)
		}
	case store.LinkSpanID:
		for _, l := range s.Links {
			values = append(values, raw(l.SpanID[:])...)
		}
	}
	return values
}

// holds reports whether "have op want" is true, by the rules of store.Op.
func holds(op store.Op, have, want span.Value) bool {
	switch {
	case have.Type == span.Array:
		elements, ok := uniform(have)
		if op == store.NotEqual {
			return ok && !slices.ContainsFunc(elements, func(e span.Value) bool { return !holds(op, e, want) })
		}
		return ok && slices.ContainsFunc(elements, func(e span.Value) bool { return holds(op, e, want) })
	case isNumber(have) && isNumber(want):
		return fits(op, exact(have).Cmp(exact(want)))
	case have.Type == span.String && want.Type == span.String, have.Type == span.Bytes && want.Type == span.Bytes:
		return fits(op, strings.Compare(have.Str, want.Str))
	case have.Type == span.Bool && want.Type == span.Bool:
		return op == store.Equal && have == want || op == store.NotEqual && have != want
	}
	return false
}

// uniform returns the elements of an array if they are all of one type that arrays are compared by.
func uniform(v span.Value) ([]span.Value, bool) {
	elements, err := v.Elements()
	if err != nil || len(elements) == 0 {
		return nil, err == nil
	}
	first := elements[0].Type
	comparable := first == span.String || first == span.Bool || first == span.Int || first == span.Float
	return elements, comparable && !slices.ContainsFunc(elements, func(e span.Value) bool { return e.Type != first })
}

// isNumber leaves NaN out, which compares with nothing.
func isNumber(v span.Value) bool {
	return v.Type == span.Int || v.Type == span.Float && !math.IsNaN(v.Float())
}

// exact holds any int64 and any float64 without rounding.
func exact(v span.Value) *big.Float {
	if v.Type == span.Int {
		return new(big.Float).SetInt64(v.Int())
	}
	return new(big.Float).SetFloat64(v.Float())
}

func fits(op store.Op, order int) bool {
	return map[store.Op]bool{
		store.Equal: order == 0, store.NotEqual: order != 0,
		store.Less: order < 0, store.LessEqual: order <= 0,
		store.Greater: order > 0, store.GreaterEqual: order >= 0,
	}[op]
}

// wholeRegexp compiles expr once more, without the short cuts of store.Regex.
func wholeRegexp(expr string) *regexp.Regexp {
	whole, err := regexp.Compile(`(?s)\A(?:` + expr + `)\z`)
	if err != nil { // expr ends in an open \Q
		whole = regexp.MustCompile(`(?s)\A(?:` + expr + `\E)\z`)
	}
	return whole
}

// matches reports whether v is text that matches, or with not, text that does not.
func matches(whole *regexp.Regexp, v span.Value, not bool) bool {
	if v.Type == span.String {
		return whole.MatchString(v.Str) != not
	}
	elements, ok := uniform(v)
	if v.Type != span.Array || !ok || len(elements) > 0 && elements[0].Type != span.String {
		return false
	}
	return slices.ContainsFunc(elements, func(e span.Value) bool { return whole.MatchString(e.Str) }) != not
}
