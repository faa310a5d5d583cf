package api

import (
	"context"
	"sync"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// Look is one look through the store that a query took. Predicates are conditions on one span.
type Look struct {
	// Needs: a trace is left out if one of these holds on none of its spans.
	Needs []string `json:"needs,omitempty"`
	// Where: what the store judges for the query.
	Where []string `json:"where,omitempty"`
	// Columns: what the store is to read for the query.
	Columns []string `json:"columns,omitempty"`
	// WholeTraces: the spans of a trace are looked at together.
	WholeTraces bool `json:"wholeTraces"`
	// StopsEarly: older traces are left out as soon as there are enough.
	StopsEarly bool  `json:"stopsEarly"`
	Stats      Stats `json:"stats"`
}

// recorder remembers what a query asks of a store.
type recorder struct {
	store.Reader
	mu    sync.Mutex
	looks []Look
}

// recorded returns an engine whose looks through the store are recorded.
func (f *face) recorded() (*traceql.Engine, *recorder) {
	rec := &recorder{Reader: f.store}
	return &traceql.Engine{Store: rec, MemoryBytes: f.QueryBytes, Shared: f.QueryMemory}, rec
}

// plan returns what was asked so far; nil for a nil recorder.
func (r *recorder) plan() []Look {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.looks
}

// Scan implements store.Reader.
func (r *recorder) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	look := Look{WholeTraces: !q.EachSpan, StopsEarly: q.Enough != nil}
	for _, p := range q.Needs {
		look.Needs = append(look.Needs, p.String())
	}
	for _, p := range q.Where {
		look.Where = append(look.Where, p.String())
	}
	for _, f := range q.Columns {
		look.Columns = append(look.Columns, f.String())
	}
	result, err := r.Reader.Scan(ctx, tenant, q, yield)
	if err == nil {
		look.Stats = Stats(result.Stats)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks = append(r.looks, look)
	return result, err
}
