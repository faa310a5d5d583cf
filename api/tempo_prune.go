package api

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// pruning says which spans of a trace are wanted: those on which the filter holds, and
// some around them. Depths are numbers of levels; below 0 means all.
type pruning struct {
	filter       *traceql.Filter // nil: all spans are wanted
	above, below int             // levels of ancestors and of descendants
	fold         *folding        // nil: spans are wanted as they are
}

// parsePruning reads q, keep_hierarchy, match_depth, ancestor_depth and the parameters of folding.
func parsePruning(r *http.Request) (w pruning, err error) {
	p, err := paramsOf(r)
	if err != nil {
		return w, err
	}
	if w.below, err = p.depth("match_depth", 0); err != nil {
		return w, err
	}
	if w.above, err = p.depth("ancestor_depth", -1); err != nil {
		return w, err
	}
	keep, err := p.boolean("keep_hierarchy")
	if err != nil {
		return w, err
	}
	if !keep {
		w.above = 0
	}
	if w.fold, err = p.folding(); err != nil {
		return w, err
	}
	if text := p.Get("q"); text != "" {
		w.filter, err = parseFilter(text)
	}
	return w, err
}

// depth reads a number of levels; -1 stands for all.
func (p params) depth(name string, absent int) (int, error) {
	return p.number(name, absent, -1, math.MaxInt32)
}

// parseFilter reads a query that is one filter, about spans by themselves.
func parseFilter(text string) (*traceql.Filter, error) {
	q, err := parseTempoQuery(text)
	if err != nil {
		return nil, err
	}
	if q.Search != nil && len(q.Search.Stages) == 1 {
		if f, ok := q.Search.Stages[0].(*traceql.Filter); ok {
			return f, checkFilter(f.Body)
		}
	}
	return nil, badRequest("invalid TraceQL query: spans of a trace are picked by one filter, as in { status = error }")
}

// ofTrace are the intrinsics that a filter of a trace's spans may not ask for: they
// are the same on all spans, or about where a span stands in the trace.
var ofTrace = []traceql.Intrinsic{
	traceql.TraceID, traceql.TraceDuration, traceql.TraceRootName, traceql.TraceRootService,
	traceql.NestedSetLeft, traceql.NestedSetRight, traceql.NestedSetParent, traceql.SpanChildCount,
}

func checkFilter(e traceql.Expr) error {
	switch e := e.(type) {
	case *traceql.Attribute:
		if slices.Contains(ofTrace, e.Intrinsic) {
			return badRequest("invalid TraceQL query: %v cannot pick spans of a trace", e)
		}
	case *traceql.Unary:
		return checkFilter(e.X)
	case *traceql.Binary:
		if err := checkFilter(e.L); err != nil {
			return err
		}
		return checkFilter(e.R)
	}
	return nil
}

// spanKey tells the spans of a trace apart, those that share an id mostly too.
type spanKey struct {
	id    span.SpanID
	start uint64
}

// prune takes from a trace the spans that are not wanted.
func (t *tempo) prune(ctx context.Context, tenants []string, id span.TraceID, w pruning, found *foundTrace) error {
	if w.filter == nil || len(found.batches) == 0 {
		return nil
	}
	matched, err := t.matching(ctx, tenants, id, w.filter, found)
	if err != nil {
		return err
	}
	tree := treeOf(found.batches)
	ids := map[span.SpanID]bool{}
	for key := range matched {
		ids[key.id] = true
	}
	around := reach(ids, w.above, tree.parents)
	maps.Copy(around, reach(ids, w.below, tree.children))
	if w.above != 0 {
		maps.Copy(around, ids) // the other side of a call may be the parent
	}
	for i, b := range found.batches {
		kept := &span.Batch{}
		for row := range b.Len() {
			if id := b.SpanIDs[row]; around[id] || matched[spanKey{id, b.Starts[row]}] {
				s := b.Span(row)
				kept.Append(&s)
			}
		}
		found.batches[i] = kept
	}
	return nil
}

// matching returns the spans of a trace on which a filter holds.
func (t *tempo) matching(ctx context.Context, tenants []string, id span.TraceID, f *traceql.Filter, found *foundTrace) (map[spanKey]bool, error) {
	of := equal(intrinsic(traceql.TraceID), traceql.StringStatic(id.String()))
	body := of
	if f.Body != nil {
		body = joined(traceql.And, []traceql.Expr{of, f.Body})
	}
	q := &traceql.Query{Search: &traceql.Pipeline{Stages: []traceql.Stage{&traceql.Filter{Body: body}}}}
	engine, tenant := t.engine(tenants)
	result, err := engine.Search(ctx, tenant, q, traceql.SearchOptions{Range: startsOf(found.batches), Spans: true, Limit: -1})
	if err != nil {
		return nil, invalidQuery(err)
	}
	for _, gap := range result.Gaps {
		if !slices.Contains(found.gaps, gap) {
			found.gaps = append(found.gaps, gap)
		}
	}
	matched := map[spanKey]bool{}
	for i := range result.Spans {
		matched[spanKey{result.Spans[i].ID, result.Spans[i].Start}] = true
	}
	return matched, nil
}

// startsOf returns the range in which the spans of a trace start, of which there are some.
func startsOf(batches []*span.Batch) (r store.TimeRange) {
	r.Start = math.MaxUint64
	for _, b := range batches {
		for _, start := range b.Starts {
			r.Start, r.End = min(r.Start, start), max(r.End, start)
		}
	}
	r.End++ // 0, for no end, if a span starts at the end of time
	return r
}

// idTree has the parents and the children of each span id. Spans that share an id, as the two
// sides of a call do in Zipkin's, are one to it.
type idTree struct{ parents, children map[span.SpanID][]span.SpanID }

func treeOf(batches []*span.Batch) idTree {
	tree := idTree{map[span.SpanID][]span.SpanID{}, map[span.SpanID][]span.SpanID{}}
	for _, b := range batches {
		for row, id := range b.SpanIDs {
			if parent := b.Parents[row]; parent != (span.SpanID{}) && parent != id {
				tree.parents[id] = append(tree.parents[id], parent)
				tree.children[parent] = append(tree.children[parent], id)
			}
		}
	}
	return tree
}

// reach returns what is one or more steps away from start, at most depth steps; below 0 means any number.
func reach(start map[span.SpanID]bool, depth int, next map[span.SpanID][]span.SpanID) map[span.SpanID]bool {
	reached := map[span.SpanID]bool{}
	level := slices.Collect(maps.Keys(start))
	for ; depth != 0 && len(level) > 0; depth-- {
		var beyond []span.SpanID
		for _, id := range level {
			for _, to := range next[id] {
				if !start[to] && !reached[to] {
					reached[to] = true
					beyond = append(beyond, to)
				}
			}
		}
		level = beyond
	}
	return reached
}
