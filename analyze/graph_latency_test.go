package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBuckets(t *testing.T) {
	last := -1
	for _, ns := range []uint64{0, 1, 127, 128, 129, 130, 1000, 1e6, 1e9, 1e9 + 1e7, 1 << 62, math.MaxInt64} {
		b := bucketOf(ns)
		if b < last {
			t.Errorf("the bucket of %d ns is %d, of less it is %d", ns, b, last)
		}
		last = b
		if off := math.Abs(float64(bucketMiddle(b)) - float64(ns)); off > float64(ns)*0.008 || ns < 128 && off > 0 {
			t.Errorf("%d ns are counted as %d", ns, bucketMiddle(b))
		}
	}
}

// TestDurations compares quantiles with those of all durations, in any order and from several parts.
func TestDurations(t *testing.T) {
	for n := range 300 {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		var all []uint64
		parts := make([]durations, 3)
		for range n {
			ns := rng.Uint64N(1 << rng.IntN(63))
			all = append(all, ns)
			parts[rng.IntN(3)].add(int64(ns))
		}
		sum := &durations{}
		for i := range parts {
			sum.merge(&parts[i])
		}
		if got := sum.latency(); !got.near(slices.Clone(all)) {
			t.Errorf("%+v of %v", got, all)
		}
	}
}

func TestDurationsBelowZero(t *testing.T) {
	d := durations{}
	d.add(-5)
	if got := d.latency(); got != (Latency{Count: 1}) {
		t.Errorf("a span that ends before it starts took %+v", got)
	}
}
