package traceql

import (
	"context"

	"github.com/clewhq/clew/store"
)

// RowQuery asks about the rows of one chunk that the caller has, as of a trace in memory.
type RowQuery struct {
	planner  planner
	pipeline *pipeline // nil: all rows match
	slots    []int     // of the attributes
}

// NewRowQuery compiles a search, or nil, and attributes.
func NewRowQuery(q *Query, attributes ...*Attribute) (*RowQuery, error) {
	r := &RowQuery{planner: planner{traces: true}}
	if q != nil {
		if q.Search == nil {
			return nil, newError(q.String(), 0, "a metrics query gives series, not spans")
		}
		var err error
		if r.pipeline, err = r.planner.pipeline(q.Search); err != nil {
			return nil, err
		}
		r.planner.structural()
	}
	for _, a := range attributes {
		r.slots = append(r.slots, r.planner.slot(a))
	}
	return r, nil
}

// Where are the predicates that the chunk's Where has to answer for.
func (r *RowQuery) Where() []store.Predicate { return r.planner.where }

// Run returns the rows of a chunk that are in a spanset of the search's answer, and what tells the value of each
// attribute, by its place among them, on a row; TypeNil if there is none, and of several the first.
func (r *RowQuery) Run(ctx context.Context, c store.Chunk) (rows store.Bitmap, value func(attribute, row int) Static, err error) {
	e := r.planner.env()
	e.ctx = ctx
	e.begin(c)
	rows = c.Live()
	if r.pipeline != nil {
		if rows, err = r.pipeline.rows(e); err != nil {
			return nil, nil, err
		}
	}
	columns := make([]*column, len(r.slots))
	for i, slot := range r.slots {
		columns[i] = e.slot(slot)
	}
	return rows, func(attribute, row int) Static { return columns[attribute].value(row) }, e.err()
}
