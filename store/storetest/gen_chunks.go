package storetest

import (
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Query returns a query that is likely to find some of the spans.
func (g *Gen) Query(spans []*span.Span) *store.Query {
	q := &store.Query{Range: g.Range(spans), EachSpan: g.chance(3)}
	for range g.rng.IntN(3) {
		q.Needs = append(q.Needs, g.Predicate(spans, g.rng.IntN(3)))
	}
	for range g.rng.IntN(4) {
		q.Where = append(q.Where, g.Predicate(spans, g.rng.IntN(4)))
	}
	if len(q.Where) > 0 && g.chance(2) {
		q.Needs = append(q.Needs, q.Where[0])
	}
	for range g.rng.IntN(5) {
		q.Columns = append(q.Columns, g.Field(spans))
	}
	if len(spans) > 0 && g.chance(4) {
		q.Before = pick(g, spans...).Start
	}
	return q
}

// look returns a look that is likely to find some of the spans.
func (g *Gen) look(spans []*span.Span) *look {
	l := &look{Query: *g.Query(spans)}
	for range g.rng.IntN(3) {
		l.fields = append(l.fields, g.Field(spans))
	}
	if len(spans) > 0 && g.chance(3) {
		l.after, l.enough, l.bySpans = 1+g.rng.IntN(5), pick(g, spans...).Start, g.chance(3)
	}
	return l
}
