package traceql

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestIntervals(t *testing.T) {
	const s = uint64(time.Second)
	for _, test := range []struct {
		name             string
		start, end, step uint64
		instant          bool
		times            []int64 // milliseconds
		places           map[uint64]int
	}{
		{"aligned", 10 * s, 30 * s, 10 * s, false, []int64{10000, 20000, 30000},
			map[uint64]int{10 * s: 0, 10*s + 1: 1, 20 * s: 1, 20*s + 1: 2, 30 * s: 2}},
		{"outwards", 11 * s, 29 * s, 10 * s, false, []int64{10000, 20000, 30000},
			map[uint64]int{10 * s: 0, 15 * s: 1, 30 * s: 2}},
		{"no time", 20 * s, 20 * s, 10 * s, false, []int64{20000}, map[uint64]int{20 * s: 0}},
		{"no time, not aligned", 25 * s, 25 * s, 10 * s, false, []int64{20000, 30000},
			map[uint64]int{20 * s: 0, 25 * s: 1}},
		{"step above the range", 25 * s, 26 * s, 100 * s, false, []int64{0, 100000}, map[uint64]int{0: 0, 1: 1, 100 * s: 1}},
		{"below a millisecond", 1e6, 1e6 + 1000, 500, false, []int64{1, 1, 1}, map[uint64]int{1e6: 0, 1e6 + 501: 2}},
		{"instant", 11 * s, 29*s + 1, 7, true, []int64{29000}, map[uint64]int{11 * s: 0, 20 * s: 0, 29*s + 1: 0}},
		{"end of times", math.MaxUint64 - 5, math.MaxUint64, 1e18, false, []int64{18000000000000, 18446744073709},
			map[uint64]int{18e18: 0, 18e18 + 1: 1, math.MaxUint64: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := makeIntervals(test.start, test.end, test.step, test.instant)
			if got := v.times(); !slices.Equal(got, test.times) {
				t.Errorf("times %v, want %v", got, test.times)
			}
			for at, want := range test.places {
				if got := v.of(at); got != want {
					t.Errorf("%d lies in interval %d, want %d", at, got, want)
				}
			}
		})
	}
}

// TestIntervalBounds holds that intervals cover all times from first to last, each time once.
func TestIntervalBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		start := rng.Uint64() >> rng.UintN(64)
		end := start + min(rng.Uint64()>>rng.UintN(64), math.MaxUint64-start)
		step := max(1, (end-start)/(1+rng.Uint64N(20)))
		v := makeIntervals(start, end, step, rng.UintN(8) == 0)
		if v.first > start || v.last < end {
			t.Fatalf("[%d, %d] by %d: intervals from %d to %d", start, end, step, v.first, v.last)
		}
		next := v.first
		for i := range v.n {
			lo, hi := v.bounds(i)
			if lo != next || hi < lo || v.of(lo) != i || v.of(hi) != i {
				t.Fatalf("[%d, %d] by %d: interval %d is [%d, %d], of %d and %d; want a start of %d",
					start, end, step, i, lo, hi, v.of(lo), v.of(hi), next)
			}
			next = hi + 1
		}
		if next != v.last+1 {
			t.Fatalf("[%d, %d] by %d: the intervals end before %d, want %d", start, end, step, next, v.last)
		}
	}
}

// TestIntervalsFrom: what is counted from a start is not aligned.
func TestIntervalsFrom(t *testing.T) {
	v := intervalsFrom(13, 30, 10)
	if lo, hi := v.bounds(2); v.first != 13 || v.last != 33 || v.n != 3 || lo != 24 || hi != 33 || v.of(23) != 1 || v.of(24) != 2 {
		t.Errorf("%+v, of which the last is [%d, %d]", v, lo, hi)
	}
}

func TestDefaultStep(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		0:                               50 * time.Millisecond,
		10 * time.Second:                50 * time.Millisecond,
		30 * time.Second:                100 * time.Millisecond,
		time.Minute - time.Nanosecond:   200 * time.Millisecond,
		time.Minute:                     time.Second,
		4 * time.Minute:                 time.Second,
		10 * time.Minute:                2 * time.Second,
		time.Hour:                       15 * time.Second,
		3 * time.Hour:                   45 * time.Second,
		6 * time.Hour:                   time.Minute,
		24 * time.Hour:                  5 * time.Minute,
		7 * 24 * time.Hour:              40 * time.Minute,
		30 * 24 * time.Hour:             3 * time.Hour,
		29 * time.Minute:                5 * time.Second,
		240*5*time.Minute - time.Second: 4 * time.Minute,
	} {
		if got := time.Duration(DefaultStep(uint64(length))); got != want {
			t.Errorf("default step for %v is %v, want %v", length, got, want)
		}
	}
}
