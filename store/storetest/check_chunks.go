package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// checkEqualStarts: traces that start together are not confused, at every time, and ranges end where they should.
func checkEqualStarts(t *trial) error {
	for i, start := range []uint64{0, 1, 5 * second, 1 << 63, math.MaxUint64} {
		for id := range byte(7) {
			s := plain(id*37+byte(i), 1, 0)
			s.TraceID[3*i] = id % 3
			s.TraceID[14] = 1
			s.Start, s.End = start, start
			if err := t.write(tenant, s); err != nil {
				return err
			}
		}
	}
	return t.everywhere(func() error {
		for _, r := range []store.TimeRange{{}, {Start: 1}, {End: 1}, {Start: 1 << 63}, {End: 1<<63 + 1}, {Start: math.MaxUint64}, {End: math.MaxUint64}} {
			for _, q := range []store.Query{{Range: r}, {Range: r, EachSpan: true}, {Before: r.Start}, {Before: r.End}} {
				for _, enough := range []uint64{0, r.Start, r.End} {
					if err := t.compareLook(tenant, &look{Query: q, after: 5, enough: enough}); err != nil {
						return err
					}
				}
			}
		}
		return t.compareAll()
	})
}

// checkLooks: random data, moved at random, and random looks through it.
func checkLooks(t *trial) error {
	for range 4 {
		for _, part := range t.gen.Split(t.gen.Spans(40)) {
			if err := t.write(tenant, part...); err != nil {
				return err
			}
			if t.rng.IntN(4) == 0 {
				if err := t.churn(); err != nil {
					return err
				}
			}
		}
		spans := t.model.Spans(tenant)
		for range 50 {
			if err := t.compareLook(tenant, t.gen.look(spans)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkYieldEnds: an error of yield comes back as it is, and no more chunks come to who returned it.
func checkYieldEnds(t *trial) error {
	if err := t.writeMany(t.ctx, 1, &acked{spans: map[span.TraceID]int{}}); err != nil {
		return err
	}
	return t.everywhere(func() error {
		mine := errors.New("enough of this")
		var mu sync.Mutex
		ended := map[int]bool{}
		more := false
		result, err := t.backend.Scan(t.ctx, tenant, &store.Query{}, func(worker int, _ store.Chunk) error {
			mu.Lock()
			defer mu.Unlock()
			more = more || ended[worker]
			ended[worker] = true
			return mine
		})
		if !errors.Is(err, mine) || result != nil {
			return fmt.Errorf("Scan whose yield returns an error: %v, error %v, want nil and the same error", result, err)
		}
		if more {
			return errors.New("Scan whose yield returned an error goes on")
		}
		return nil
	})
}

// endLook ends a look by its context.
func (t *trial) endLook() error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	result, err := t.backend.Scan(ctx, tenant, &store.Query{}, func(int, store.Chunk) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || result != nil {
		return fmt.Errorf("Scan whose context was cancelled at the first chunk: %v, error %v, want nil and context.Canceled", result, err)
	}
	return nil
}

// checkYieldUsesChunks: whoever gets chunks may read and write meanwhile, and a slow one holds nobody up.
func checkYieldUsesChunks(t *trial) error {
	for i := range byte(10) {
		if err := t.write(tenant, plain(i+1, 1, uint64(i))); err != nil {
			return err
		}
	}
	return t.everywhere(func() error {
		ctx, cancel := context.WithTimeout(t.ctx, t.patience)
		defer cancel()
		use := func(first span.TraceID) error {
			if _, err := t.backend.Trace(ctx, tenant, first, store.TimeRange{}); err != nil {
				return err
			}
			if err := t.compareLook(tenant, &look{}); err != nil {
				return err
			}
			return t.write(tenant, plain(200, byte(len(t.model.Spans(tenant))), 0))
		}
		var used atomic.Bool
		_, err := t.backend.Scan(ctx, tenant, &store.Query{}, func(_ int, c store.Chunk) error {
			if len(c.Traces()) == 0 || used.Swap(true) {
				return nil
			}
			first := c.Traces()[0].ID
			done := make(chan error, 1)
			go func() { done <- use(first) }()
			select {
			case err := <-done:
				return err
			case <-ctx.Done():
				return errors.New("reads and writes wait for a look whose yield has not returned")
			}
		})
		if err == nil && !used.Load() {
			err = errors.New("Scan shows no trace")
		}
		return err
	})
}

// lookForAcked checks that a look while others write shows what was acknowledged, each trace in one piece.
func (t *trial) lookForAcked(ctx context.Context, want map[span.TraceID]int) error {
	var mu sync.Mutex
	seen := map[span.TraceID]int{}
	_, err := t.backend.Scan(ctx, tenant, &store.Query{}, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		for _, run := range c.Traces() {
			if seen[run.ID] > 0 {
				return fmt.Errorf("Scan while others write: trace %s comes twice", run.ID)
			}
			seen[run.ID] = run.Hi - run.Lo
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, n := range want {
		if seen[id] < n {
			return fmt.Errorf("Scan while others write: trace %s has %d spans, want at least the %d acknowledged", id, seen[id], n)
		}
	}
	return nil
}
