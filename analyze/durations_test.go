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
		b := bucketOf(ns, bucketBits)
		if b < last {
			t.Errorf("the bucket of %d ns is %d, of less it is %d", ns, b, last)
		}
		last = b
		if off := math.Abs(float64(bucketMiddle(b, bucketBits)) - float64(ns)); off > float64(ns)*0.008 || ns < 128 && off > 0 {
			t.Errorf("%d ns are counted as %d", ns, bucketMiddle(b, bucketBits))
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
			parts[rng.IntN(3)].add(int64(ns), 1)
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
	d.add(-5, 1)
	if got := d.latency(); got != (Latency{Count: 1}) {
		t.Errorf("a span that ends before it starts took %+v", got)
	}
}

func TestCoarseDurations(t *testing.T) {
	d := durations{coarse: 3}
	for ns := uint64(1); ns < 1<<40; ns += 1 + ns>>7 {
		d.add(int64(ns), 1)
		off := math.Abs(float64(bucketMiddle(bucketOf(ns, d.octave()), d.octave())) - float64(ns))
		if off > float64(ns)*0.0625 {
			t.Errorf("%d ns are %g off", ns, off)
		}
	}
	if n := len(d.counts); n > 8*41 {
		t.Errorf("%d buckets", n)
	}
}

// TestWeightedDurations: a duration that stands for n counts as n of them.
func TestWeightedDurations(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var weighted, repeated durations
	for range 500 {
		ns, n := rng.Int64N(1<<30), 1+rng.IntN(8)
		weighted.add(ns, float64(n))
		for range n {
			repeated.add(ns, 1)
		}
	}
	if got, want := weighted.latency(), repeated.latency(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
