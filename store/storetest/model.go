// Package storetest holds what every store backend is measured by: Run, the
// conformance suite; Model, a slow and obviously right store that is its oracle;
// Judge, the meaning of a predicate; and Gen, which makes nasty spans and the
// queries that find them.
package storetest

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Model is a store that keeps rows in a list and answers everything by walking
// through all of them. The zero Model is empty and ready for use.
type Model struct {
	// Lax makes Scan leave nothing out and cut no trace, whatever the query allows.
	// It is set before the first use.
	Lax bool

	mu      sync.Mutex
	tenants map[string]*modelTenant
}

var (
	_ store.Writer = (*Model)(nil)
	_ store.Reader = (*Model)(nil)
)

// modelTenant only grows, so readers may walk through what was there when they came; thin replaces its lists.
type modelTenant struct {
	seen    map[string]bool // encodings of the spans
	spans   []*span.Span    // each once
	arrived []*span.Span    // each as often as it was written
	traces  []*modelTrace   // of spans, newest first; nil: to be made
}

// Write implements store.Writer.
func (m *Model) Write(ctx context.Context, tenant string, b *span.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tenants == nil {
		m.tenants = map[string]*modelTenant{}
	}
	t := m.tenants[tenant]
	if t == nil {
		t = &modelTenant{seen: map[string]bool{}}
		m.tenants[tenant] = t
	}
	t.traces = nil
	for i := range b.Len() {
		s := b.Span(i)
		t.add(&s)
	}
	return nil
}

func (t *modelTenant) add(s *span.Span) {
	t.arrived = append(t.arrived, s)
	if key := encode(s); !t.seen[key] {
		t.seen[key] = true
		t.spans = append(t.spans, s)
	}
}

// Tenants returns the names of all tenants that have spans, sorted.
func (m *Model) Tenants() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name, t := range m.tenants {
		if len(t.spans) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Spans returns the spans of a tenant, each once, in the order of their first
// arrival. They are shared and must not be changed.
func (m *Model) Spans(tenant string) []*span.Span {
	distinct, _ := m.lists(tenant)
	return distinct
}

// lists returns the spans of a tenant, once each and as often as they arrived.
func (m *Model) lists(tenant string) (distinct, arrived []*span.Span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tenants[tenant]; t != nil {
		return t.spans, t.arrived
	}
	return nil, nil
}

// modelTrace is all spans of one trace, ordered by start, span id and content.
type modelTrace struct {
	id    span.TraceID
	spans []*span.Span
}

func (t *modelTrace) start() uint64 { return t.spans[0].Start }

// traces returns the traces of a tenant, newest first. They are shared and must not be changed.
func (m *Model) traces(tenant string) []*modelTrace {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenants[tenant]
	if t == nil {
		return nil
	}
	if t.traces == nil {
		t.traces = makeTraces(t.spans)
	}
	return t.traces
}

func makeTraces(spans []*span.Span) []*modelTrace {
	byID := map[span.TraceID]*modelTrace{}
	var list []*modelTrace
	for _, s := range spans {
		t := byID[s.TraceID]
		if t == nil {
			t = &modelTrace{id: s.TraceID}
			byID[s.TraceID] = t
			list = append(list, t)
		}
		t.spans = append(t.spans, s)
	}
	for _, t := range list {
		slices.SortFunc(t.spans, compareSpans)
	}
	slices.SortFunc(list, func(a, b *modelTrace) int {
		if store.Newer(a.start(), a.id, b.start(), b.id) {
			return -1
		}
		return 1
	})
	return list
}

func compareSpans(a, b *span.Span) int {
	if order := compareStarts(a.Start, a.SpanID, b.Start, b.SpanID); order != 0 {
		return order
	}
	return cmp.Compare(encode(a), encode(b))
}

// compareStarts is the order of spans in a trace: by start, then by span id.
func compareStarts(startA uint64, a span.SpanID, startB uint64, b span.SpanID) int {
	return cmp.Or(cmp.Compare(startA, startB), cmp.Compare(a.Uint64(), b.Uint64()))
}

// Trace implements store.Reader. It needs no hint.
func (m *Model) Trace(ctx context.Context, tenant string, id span.TraceID, _ store.TimeRange) (*store.Trace, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []*span.Span
	for _, s := range m.Spans(tenant) {
		if s.TraceID == id {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, store.ErrNotFound
	}
	slices.SortFunc(found, compareSpans)
	answer := &store.Trace{Spans: &span.Batch{}}
	for _, s := range found {
		answer.Spans.Append(s)
	}
	return answer, nil
}
