package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// checkThin: a store that is thinned keeps what it is told to, changed as it is told, and all that arrived later.
// It takes a store whose spans are all in slices once it has settled.
func checkThin(t *trial) error {
	thinner, ok := t.backend.(store.Thinner)
	if !ok {
		return nil
	}
	decided := 0 // spans, in the order of their arrival
	for round := range 5 {
		for _, part := range t.gen.Split(t.gen.Spans(10 + t.rng.IntN(120))) {
			if err := t.write(tenant, part...); err != nil {
				return err
			}
			if t.rng.IntN(4) == 0 {
				if err := t.churn(); err != nil {
					return err
				}
			}
		}
		if err := t.thin(thinner, &decided); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if err := t.askAtRandom(tenant); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	return t.everywhere(t.compareAll)
}

// fateOf is what becomes of a trace in these tests: a third goes, and a third changes.
func fateOf(id span.TraceID) store.Fate {
	switch id[7] % 3 {
	case 0:
		return store.Fate{}
	case 1:
		return store.Fate{Stays: true, State: func(state string) string {
			return span.WithThreshold(state, span.ProbabilityThreshold(0.5, 4))
		}}
	}
	return store.Fate{Stays: true}
}

// thin decides about all that arrived since the first decided spans, while more arrives.
func (t *trial) thin(thinner store.Thinner, decided *int) error {
	if settler, ok := t.backend.(Settler); ok {
		if err := settler.Settle(t.ctx); err != nil {
			return err
		}
	}
	before := time.Now()
	slice, err := thinner.Undecided(t.ctx, tenant, before)
	if err != nil || slice == nil {
		return fmt.Errorf("no slice: %w", err)
	}
	defer slice.Close()
	if first, last := slice.Arrived(); first.After(last) || !last.Before(before) {
		return fmt.Errorf("the slice before %v arrived from %v to %v", before, first, last)
	}
	arrived := t.model.tenants[tenant].arrived
	now := len(arrived)
	if err := t.write(tenant, t.gen.Spans(t.rng.IntN(30))...); err != nil {
		return err
	}
	if t.rng.IntN(2) == 0 { // late spans, and spans that come again
		for _, s := range arrived[t.rng.IntN(now):now] {
			late := *s
			if t.rng.IntN(2) == 0 {
				late.Name = "late"
			}
			if err := t.write(tenant, late); err != nil {
				return err
			}
		}
	}
	if err := t.compareSlice(slice, arrived[*decided:now]); err != nil {
		return err
	}
	if _, err := slice.Thin(t.ctx, fateOf); err != nil {
		return err
	}
	*decided = t.model.thin(tenant, now)
	return nil
}

// compareSlice holds the traces of a slice against the model; spans are those that are in the slice.
func (t *trial) compareSlice(slice store.Slice, spans []*span.Span) error {
	want := map[span.TraceID]int{}
	for _, s := range spans {
		want[s.TraceID] = 0
	}
	for _, s := range t.model.Spans(tenant) {
		if _, in := want[s.TraceID]; in {
			want[s.TraceID]++
		}
	}
	var mu sync.Mutex
	_, err := slice.Scan(t.ctx, tenant, &store.Query{}, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		for _, run := range c.Traces() {
			if n, ok := want[run.ID]; !ok || n != run.Hi-run.Lo {
				return fmt.Errorf("the slice has trace %s, which it should not have or only once, with %d spans of %d", run.ID, run.Hi-run.Lo, n)
			}
			delete(want, run.ID)
		}
		return nil
	})
	if err == nil && len(want) > 0 {
		err = fmt.Errorf("the slice lacks the traces %v", want)
	}
	return err
}

// thin does to the first n spans that arrived what a Slice does to them, and returns how many of them are left.
func (m *Model) thin(tenant string, n int) (left int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenants[tenant]
	arrived := t.arrived
	*t = modelTenant{seen: map[string]bool{}}
	for i, s := range arrived {
		if i < n {
			fate := fateOf(s.TraceID)
			if !fate.Stays {
				continue
			}
			if fate.State != nil {
				changed := *s
				changed.TraceState = fate.State(s.TraceState)
				s = &changed
			}
			left++
		}
		t.add(s)
	}
	return left
}
