package columnar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// With Options.Slice, blocks of heads are undecided. A slice is some of these: the look through it is Scan, for
// the traces that have a span there, and thinning is a merge that leaves traces out and makes a decided block. So
// a process that ends in the middle leaves each block either as it was or replaced.

// Tenants implements store.Thinner.
func (e *Engine) Tenants() []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.Sorted(maps.Keys(e.tenants))
}

// undecided reports whether spans that arrive have to be decided about.
func (e *Engine) undecided() bool { return e.opts.Slice > 0 }

func (t *tenant) isUndecided(b *block) bool { return b.meta.Undecided && t.e.undecided() }

// slice is a store.Slice: blocks that no merge touches until it is closed.
type slice struct {
	t      *tenant
	blocks []*block
}

// Undecided implements store.Thinner. A block that also has spans that arrived later is in the next slice.
func (e *Engine) Undecided(ctx context.Context, tenant string, before time.Time) (store.Slice, error) {
	t, err := e.tenant(tenant, false)
	if err != nil || t == nil {
		return nil, err
	}
	at := uint64(before.UnixNano())
	if err := t.flush(ctx, at); err != nil {
		return nil, fmt.Errorf("tenant %s: %w", tenant, err)
	}
	select { // what is being merged is not for us
	case e.merging <- struct{}{}:
		defer func() { <-e.merging }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s := &slice{t: t}
	t.state.RLock()
	defer t.state.RUnlock()
	for _, b := range t.blocks {
		if t.isUndecided(b) && b.meta.MaxReceived < uint64(before.UnixNano()) {
			s.blocks = append(s.blocks, b)
		}
	}
	if len(s.blocks) == 0 || t.closed {
		return nil, nil
	}
	for _, b := range s.blocks {
		if b.held.Swap(true) {
			return nil, fmt.Errorf("tenant %s: the slice before is not closed", tenant)
		}
		b.acquire() // it is in the list, so it is open
	}
	return s, nil
}

// Arrived implements store.Slice.
func (s *slice) Arrived() (first, last time.Time) {
	lo, hi := uint64(math.MaxUint64), uint64(0)
	for _, b := range s.blocks {
		lo, hi = min(lo, b.meta.MinReceived), max(hi, b.meta.MaxReceived)
	}
	return time.Unix(0, int64(lo)), time.Unix(0, int64(hi))
}

// Scan implements store.Slice.
func (s *slice) Scan(ctx context.Context, _ string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	return s.t.e.scan(ctx, s.t.name, s.blocks, q, yield)
}

// Close implements store.Slice.
func (s *slice) Close() {
	for _, b := range s.blocks {
		b.held.Store(false)
		b.release()
	}
	s.blocks = nil
}

// Thin implements store.Slice.
func (s *slice) Thin(ctx context.Context, fate func(span.TraceID) store.Fate) (sum store.Thinned, err error) {
	left := s.blocks
	for len(left) > 0 {
		n := max(fitting(left, (*block).listed), 1)
		kept, err := s.t.thin(ctx, left[:n], fate)
		if err != nil {
			return sum, err
		}
		sum.KeptSpans += kept
		for _, b := range left[:n] {
			sum.DroppedSpans += b.meta.Rows
		}
		left = left[n:]
	}
	sum.DroppedSpans -= sum.KeptSpans
	s.t.e.stats.thinned.Add(sum.DroppedSpans)
	return sum, nil
}

// thin replaces blocks by one without the spans that do not stay, and returns how many do.
func (t *tenant) thin(ctx context.Context, blocks []*block, fate func(span.TraceID) store.Fate) (kept uint64, err error) {
	select {
	case t.e.merging <- struct{}{}:
		defer func() { <-t.e.merging }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.e.ctx, cancel)()
	b, err := t.writeMerged(ctx, blocks, &thinning{fate: fate})
	if err != nil {
		if ctx.Err() == nil {
			t.checkParents(blocks, err)
		}
		return 0, fmt.Errorf("tenant %s: undecided spans cannot be thinned: %w", t.name, err)
	}
	t.replace(blocks, b)
	if b == nil {
		return 0, nil
	}
	return b.meta.Rows, nil
}

// errNoRows ends a block to which no row came.
var errNoRows = errors.New("block without spans")

// thinning takes traces out of a merge and changes the trace states of the others. A nil one does nothing.
type thinning struct {
	fate   func(span.TraceID) store.Fate
	state  func(string) string // of the present trace
	set    *rowSet             // of which states are
	states map[string]span.Ref // new ones
}

func (t *thinning) stays(id span.TraceID) bool { return t == nil || t.fate(id).Stays }

// begin goes on to a trace.
func (t *thinning) begin(id span.TraceID) {
	if t != nil {
		t.state = t.fate(id).State
	}
}

// changes reports whether spans of the present trace change: what was different may be the same then.
func (t *thinning) changes() bool { return t != nil && t.state != nil }

// change changes a row of the present trace. It is called once for each, before it is compared with others.
func (t *thinning) change(r rowRef) {
	old := string(r.rs.bytes(r.rs.States[r.row]))
	state := t.state(old)
	if state == old {
		return
	}
	if t.set != r.rs || t.states == nil {
		t.set, t.states = r.rs, map[string]span.Ref{}
	}
	ref, ok := t.states[state]
	if !ok {
		ref = r.rs.addLocal([]byte(state))
		t.states[state] = ref
	}
	r.rs.States[r.row] = ref
}
