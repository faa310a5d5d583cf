package sample

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

const testTenant = "single-tenant"

// memory is a store.Thinner that keeps spans in a list.
type memory struct {
	mu      sync.Mutex
	arrived []arrival
	broken  error    // what Thin fails with
	gaps    []string // what scans cannot read; hidden are the traces concerned
	hidden  map[span.TraceID]bool
}

type arrival struct {
	at      time.Time
	span    span.Span
	decided bool
}

func (m *memory) add(at time.Time, spans ...span.Span) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range spans {
		m.arrived = append(m.arrived, arrival{at: at, span: s})
	}
}

// traces returns what is stored, by trace.
func (m *memory) traces() map[span.TraceID][]span.Span {
	m.mu.Lock()
	defer m.mu.Unlock()
	traces := map[span.TraceID][]span.Span{}
	for _, a := range m.arrived {
		traces[a.span.TraceID] = append(traces[a.span.TraceID], a.span)
	}
	return traces
}

func (m *memory) Tenants() []string { return []string{testTenant} }

func (m *memory) Undecided(_ context.Context, _ string, before time.Time) (store.Slice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &memorySlice{memory: m, in: map[int]bool{}}
	for i, a := range m.arrived {
		if !a.decided && a.at.Before(before) {
			s.in[i] = true
			if s.first.IsZero() || a.at.Before(s.first) {
				s.first = a.at
			}
			s.last = later(s.last, a.at)
		}
	}
	if len(s.in) == 0 {
		return nil, nil
	}
	return s, nil
}

type memorySlice struct {
	*memory
	in          map[int]bool
	first, last time.Time
}

func (s *memorySlice) Arrived() (first, last time.Time) { return s.first, s.last }
func (s *memorySlice) Close()                           {}

func (s *memorySlice) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	s.mu.Lock()
	wanted := map[span.TraceID]bool{}
	for i := range s.in {
		wanted[s.arrived[i].span.TraceID] = true
	}
	var spans []span.Span
	for _, a := range s.arrived {
		if id := a.span.TraceID; wanted[id] && !s.hidden[id] {
			spans = append(spans, a.span)
		}
	}
	s.mu.Unlock()
	var b span.Batch
	for i := range spans {
		b.Append(&spans[i])
	}
	model := &storetest.Model{}
	if err := model.Write(ctx, tenant, &b); err != nil {
		return nil, err
	}
	result, err := model.Scan(ctx, tenant, q, yield)
	if err == nil {
		result.Gaps = s.gaps
	}
	return result, err
}

func (s *memorySlice) Thin(_ context.Context, fate func(span.TraceID) store.Fate) (store.Thinned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return store.Thinned{}, s.broken
	}
	var done store.Thinned
	var left []arrival
	for i, a := range s.arrived {
		if !s.in[i] {
			left = append(left, a)
			continue
		}
		f := fate(a.span.TraceID)
		if !f.Stays {
			done.DroppedSpans++
			continue
		}
		done.KeptSpans++
		if f.State != nil {
			a.span.TraceState = f.State(a.span.TraceState)
		}
		a.decided = true
		left = append(left, a)
	}
	s.arrived = left
	return done, nil
}

// modelWith returns a store that has spans.
func modelWith(t testing.TB, spans []span.Span) *storetest.Model {
	t.Helper()
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, spans)
	return m
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func mustPolicies(t testing.TB, text string) *Policies {
	t.Helper()
	p, err := ParsePolicies([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sortedIDs[V any](m map[span.TraceID]V) []span.TraceID {
	return slices.SortedFunc(maps.Keys(m), func(a, b span.TraceID) int { return slices.Compare(a[:], b[:]) })
}
