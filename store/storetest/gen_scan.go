package storetest

import (
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Query returns a query that is likely to find some of the spans. It resumes nowhere.
func (g *Gen) Query(spans []*span.Span) *store.Query {
	q := &store.Query{Range: g.Range(spans), Whole: g.chance(3)}
	if !g.chance(8) {
		q.Where = g.Predicate(spans, g.rng.IntN(4))
	}
	for range g.rng.IntN(5) {
		q.Columns = append(q.Columns, g.Field(spans))
	}
	if g.chance(3) {
		q.Limit = 1 + g.rng.IntN(8)
	}
	return q
}
