package columnar

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// countKept counts how often a look comes across each span, in a chunk or in what was kept of one, and
// how many spans it did not have to look at again.
func countKept(t *testing.T, r store.Reader, within store.TimeRange, as string) (seen map[spanKey]int, kept int) {
	t.Helper()
	seen, kept, err := keepIDs(t.Context(), r, within, as)
	if err != nil {
		t.Fatal(err)
	}
	return seen, kept
}

// keepIDs is a look that keeps the ids of spans.
func keepIDs(ctx context.Context, r store.Reader, within store.TimeRange, as string) (seen map[spanKey]int, kept int, err error) {
	seen = map[spanKey]int{}
	var mu sync.Mutex
	met := map[int][]spanKey{} // by worker, since its part began
	take := func(list []spanKey) {
		for _, k := range list {
			seen[k]++
		}
	}
	settle := func(worker int) []spanKey {
		list := met[worker]
		take(list)
		delete(met, worker)
		return list
	}
	q := &store.Query{Range: within, Keep: &store.Keep{
		As: as,
		Begin: func(worker int) {
			mu.Lock()
			defer mu.Unlock()
			settle(worker)
		},
		End: func(worker int) (any, int) {
			mu.Lock()
			defer mu.Unlock()
			list := settle(worker)
			return list, 24 * len(list)
		},
		Again: func(_ int, made any) error {
			mu.Lock()
			defer mu.Unlock()
			take(made.([]spanKey))
			kept += len(made.([]spanKey))
			return nil
		},
		Pack: func(made any) (packed []byte) {
			for _, k := range made.([]spanKey) {
				packed = append(append(packed, k.trace[:]...), k.span[:]...)
			}
			return packed
		},
		Unpack: func(packed []byte) (any, int, error) {
			if len(packed)%24 != 0 {
				return nil, 0, fmt.Errorf("%d bytes of ids", len(packed))
			}
			list := make([]spanKey, len(packed)/24)
			for i := range list {
				list[i] = spanKey{span.TraceID(packed[24*i:]), span.SpanID(packed[24*i+16:])}
			}
			return list, len(packed), nil
		},
	}}
	result, err := r.Scan(ctx, testTenant, q, func(worker int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		ids := c.SpanIDs()
		for _, run := range c.Traces() {
			for row := run.Lo; row < run.Hi; row++ {
				met[worker] = append(met[worker], spanKey{run.ID, ids[row]})
			}
		}
		return nil
	})
	if err == nil && len(result.Gaps) > 0 {
		err = fmt.Errorf("gaps: %v", result.Gaps)
	}
	for worker := range met {
		settle(worker)
	}
	return seen, kept, err
}

type spanKey struct {
	trace span.TraceID
	span  span.SpanID
}

// TestWhatWasMadeOfPartsStaysTrue: each span is counted once, also when spans come that belong to traces of
// parts of which something was kept, and when blocks are merged.
func TestWhatWasMadeOfPartsStaysTrue(t *testing.T) {
	e := openEngine(t, Options{})
	rng := rand.New(rand.NewPCG(3, 9))
	want := 0
	check := func(when string) (kept int) {
		t.Helper()
		for range 2 {
			var seen map[spanKey]int
			seen, kept = countKept(t, e, store.TimeRange{}, "ids")
			if len(seen) != want {
				t.Fatalf("%s: %d spans, want %d", when, len(seen), want)
			}
			for k, n := range seen {
				if n != 1 {
					t.Fatalf("%s: span %v is counted %d times", when, k, n)
				}
			}
		}
		return kept
	}
	for round := range 3 {
		var spans []span.Span
		for i := range 2000 {
			if round == 0 || rng.IntN(50) == 0 {
				spans = append(spans, splitSpan(i, round))
			}
		}
		e.mustWrite(spans...)
		want += len(spans)
		check("in the head")
		e.mustSettle()
		if kept := check("in blocks"); kept == 0 {
			t.Error("nothing was kept of blocks")
		}
	}
	if err := e.mergeAll(); err != nil {
		t.Fatal(err)
	}
	if kept := check("merged"); kept != want {
		t.Errorf("%d of %d spans were looked at again", want-kept, want)
	}
	if _, kept := countKept(t, e, store.TimeRange{}, "others"); kept != 0 {
		t.Error("what was made for one purpose served another")
	}
	if _, kept := countKept(t, e, store.TimeRange{Start: splitSpan(5, 0).Start}, "ids"); kept != 0 {
		t.Error("a part served that is not all in the range")
	}
}
