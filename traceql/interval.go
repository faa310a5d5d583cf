package traceql

import (
	"math"
	"time"
)

// intervals are the intervals of time for which a metrics query has values. Interval i reaches from
// end(i-1), which is left out, to end(i). The first has its end only: it takes what starts at
// the very beginning. An instant query has one interval, both ends included.
type intervals struct {
	first, last uint64 // the earliest and the latest start that counts, unix nanoseconds
	step        uint64
	n           int
	instant     bool
}

// makeIntervals aligns a range to its step, outwards.
func makeIntervals(start, end, step uint64, instant bool) intervals {
	if instant {
		return intervals{first: start, last: end, step: end - start, n: 1, instant: true}
	}
	return intervalsFrom(start-start%step, end, step)
}

// intervalsFrom returns intervals from first on, until end lies in one.
func intervalsFrom(first, end, step uint64) intervals {
	n := (end - first) / step
	if (end-first)%step != 0 {
		n++
	}
	last := uint64(math.MaxUint64) // the end of all times
	if n <= (last-first)/step {
		last = first + n*step
	}
	// Only absurd ranges have more intervals than that; compile refuses them.
	return intervals{first: first, last: last, step: step, n: int(min(n, math.MaxInt64-1)) + 1}
}

// of returns the interval in which t lies, which is not before first and not behind last.
func (v *intervals) of(t uint64) int {
	if v.instant || t == v.first {
		return 0
	}
	return int((t-v.first-1)/v.step) + 1
}

// bounds returns the earliest and the latest time of an interval.
func (v *intervals) bounds(i int) (lo, hi uint64) {
	switch {
	case v.instant:
		return v.first, v.last
	case i == 0:
		return v.first, v.first
	}
	lo = v.first + uint64(i-1)*v.step + 1
	return lo, lo + min(v.step-1, v.last-lo)
}

// seconds returns how long an interval is.
func (v *intervals) seconds() float64 { return float64(v.step) / 1e9 }

// times returns the end of each interval, in unix milliseconds.
func (v *intervals) times() []int64 {
	times := make([]int64, v.n)
	for i := range times {
		_, hi := v.bounds(i)
		times[i] = int64(hi / 1e6)
	}
	return times
}

// friendlySteps are the units of default steps, largest first.
var friendlySteps = []time.Duration{time.Hour, 5 * time.Minute, time.Minute, 15 * time.Second, 5 * time.Second, time.Second}

// DefaultStep returns the step for a range, both in nanoseconds: about a 240th, rounded down to a friendly unit.
func DefaultStep(rangeNanos uint64) uint64 {
	step := rangeNanos / 240
	if rangeNanos < uint64(time.Minute) {
		const unit = uint64(50 * time.Millisecond)
		return max(step/unit*unit, unit)
	}
	for _, unit := range friendlySteps {
		if step >= uint64(unit) {
			return step / uint64(unit) * uint64(unit)
		}
	}
	return uint64(time.Second)
}
