package storetest

import (
	"fmt"
	"math"
	"regexp"
	"unicode/utf8"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

var intrinsics = func() (list []store.Intrinsic) {
	for i := store.Duration; i.String() != "invalid"; i++ {
		list = append(list, i)
	}
	return list
}()

// Field returns a field that one of the spans is likely to have.
func (g *Gen) Field(spans []*span.Span) store.Field {
	if g.chance(3) {
		return store.Of(pick(g, intrinsics...))
	}
	scope := pick(g, anyScope...)
	key := pick(g, g.keys...)
	for range 10 {
		if len(spans) == 0 {
			break
		}
		if lists := attrLists(scope, pick(g, spans...)); len(lists) > 0 {
			if list := pick(g, lists...); len(list) > 0 {
				key = pick(g, list...).Key
				break
			}
		}
	}
	if g.chance(3) {
		scope = store.AnyScope
	}
	return store.Attr(scope, key)
}

// Predicate returns a condition made of parts that are likely to hold on some
// of the spans and not on others. depth limits how deep it nests.
func (g *Gen) Predicate(spans []*span.Span, depth int) store.Predicate {
	if depth == 0 || g.chance(3) {
		return g.leaf(spans)
	}
	switch g.rng.IntN(9) {
	case 0, 1, 2:
		return store.And(g.predicates(spans, depth-1))
	case 3, 4, 5:
		return store.Or(g.predicates(spans, depth-1))
	case 6:
		return store.Not{P: g.Predicate(spans, depth-1)}
	case 7:
		return store.AnyEvent{P: g.inside(spans, depth-1, store.EventScope, store.EventName, store.EventTime)}
	}
	return store.AnyLink{P: g.inside(spans, depth-1, store.LinkScope, store.LinkSpanID, store.LinkTraceID)}
}

// inside is a conjunction of which a part is about the one event or link.
func (g *Gen) inside(spans []*span.Span, depth int, scope store.Scope, its ...store.Intrinsic) store.Predicate {
	f := store.Of(pick(g, its...))
	if g.chance(2) {
		f = store.Attr(scope, g.Field(spans).Key)
	}
	own := g.leafAbout(f, spans)
	if depth == 0 || g.chance(2) {
		return own
	}
	return store.And{own, g.Predicate(spans, depth-1)}
}

func (g *Gen) predicates(spans []*span.Span, depth int) []store.Predicate {
	var list []store.Predicate
	for range pick(g, 0, 1, 2, 2, 2, 3, 3, 4) {
		list = append(list, g.Predicate(spans, depth))
	}
	if g.chance(30) {
		list = append(list, nil)
	}
	return list
}

func (g *Gen) leaf(spans []*span.Span) store.Predicate { return g.leafAbout(g.Field(spans), spans) }

func (g *Gen) leafAbout(f store.Field, spans []*span.Span) store.Predicate {
	if g.chance(6) {
		return store.Exists{Field: f}
	}
	v := g.Value()
	for range 20 {
		if len(spans) == 0 {
			break
		}
		if values := Values(f, pick(g, spans...)); len(values) > 0 {
			v = pick(g, values...)
			break
		}
	}
	if elements, err := v.Elements(); v.Type == span.Array && err == nil && len(elements) > 0 {
		v = pick(g, elements...)
	}
	if f.OfID() && g.chance(3) {
		return store.Matches{Field: f, Regex: g.regex(fmt.Sprintf("%x", v.Str)), Not: g.chance(3)}
	}
	if v.Type == span.String && g.chance(3) {
		return store.Matches{Field: f, Regex: g.regex(v.Str), Not: g.chance(3)}
	}
	if g.chance(3) {
		v = g.near(v)
	}
	ops := []store.Op{store.Equal, store.Equal, store.NotEqual, store.Less, store.LessEqual, store.Greater, store.GreaterEqual}
	return store.Compare{Field: f, Op: pick(g, ops...), Value: v}
}

// near returns a value that is easily taken for v.
func (g *Gen) near(v span.Value) span.Value {
	switch v.Type {
	case span.Int:
		f := float64(v.Int())
		return pick(g, span.IntValue(v.Int()+1), span.IntValue(v.Int()-1), span.IntValue(-v.Int()),
			span.FloatValue(f), span.FloatValue(f+0.5), span.FloatValue(math.Nextafter(f, 0)))
	case span.Float:
		f := v.Float()
		return pick(g, span.FloatValue(-f), span.FloatValue(math.Nextafter(f, math.Inf(1))), span.FloatValue(f+1), span.IntValue(int64(f)))
	case span.String, span.Bytes:
		if n := len(v.Str); n > 0 && g.chance(2) {
			v.Str = v.Str[:g.rng.IntN(n)]
		} else {
			v.Str += pick(g, "\x00", "a", "\xff")
		}
		if g.chance(4) {
			v.Type = span.String + span.Bytes - v.Type // the same bytes as the other type
		}
		return v
	case span.Bool:
		return pick(g, span.BoolValue(!v.Bool()), span.IntValue(int64(v.Num)), span.StringValue("true"))
	}
	return g.Value()
}

// regex returns an expression that s or something like it matches.
func (g *Gen) regex(s string) *store.Regex {
	if len(s) > 50 {
		s = s[:50]
	}
	if !utf8.ValidString(s) { // not allowed in an expression
		s = "a"
	}
	runes := []rune(s)
	at := g.rng.IntN(len(runes) + 1)
	head, tail := regexp.QuoteMeta(string(runes[:at])), regexp.QuoteMeta(string(runes[at:]))
	expr := pick(g, head+tail, head+".*", ".*"+tail, head+".?"+tail, "(?i)"+head+tail, head+"|"+tail, head+tail+"|zzz",
		"(?:"+head+")+"+tail, head+"[a-z]*", "[^"+`\n`+"]*", ".+", "", head)
	r, err := store.NewRegex(expr)
	if err != nil {
		panic("BUG: generated an invalid expression: " + err.Error())
	}
	return r
}

// Range returns a range that has a start of one of the spans at a bound, or no bounds.
func (g *Gen) Range(spans []*span.Span) store.TimeRange {
	if len(spans) == 0 || !g.chance(3) {
		return store.TimeRange{}
	}
	a, b := pick(g, spans...).Start, pick(g, spans...).Start
	r := store.TimeRange{Start: min(a, b), End: max(a, b)}
	switch g.rng.IntN(5) {
	case 0:
		r.End = 0
	case 1:
		r.Start = 0
	case 2:
		r.End = r.Start // empty, or without an end if it is 0
	case 3:
		r.End++
	}
	return r
}
