package traceql

import (
	"math"
	"math/bits"
)

// samples are spans to be counted, all of integer values, all of floats, or without values.
type samples struct {
	slots   []uint32  // where each counts
	ints    []int64   // nil if there are none
	floats  []float64 // nil if there are none; no NaN
	weights []float64 // how many spans each stands for; nil: one
}

// tally is what a function of a metrics query keeps for each slot, which is a group in an interval. Slots are
// numbered by group, then by interval, so that room for more groups can be added behind.
type tally interface {
	// grow makes room for slots; slotBytes is what each takes.
	grow(slots int)
	slotBytes() int64
	// heldBytes is the memory held beyond slots.
	heldBytes() int64
	add(s *samples)
	// merge adds a slot of another tally of the same kind.
	merge(slot int, other tally, from int)
	// width is how many values a slot has; values sets them, NaN where there is none.
	width() int
	values(slot int, values []float64)
}

func newTally(q *Series) tally {
	switch q.Func {
	case MinOverTime:
		return &extremeTally{}
	case MaxOverTime:
		return &extremeTally{most: true}
	case SumOverTime:
		return &sumTally{}
	case AvgOverTime:
		return &sumTally{mean: true}
	case QuantileOverTime:
		return &histogramTally{quantiles: q.Quantiles}
	}
	return &countTally{}
}

func grown[T any](list []T, n int) []T { return append(make([]T, 0, n), list...)[:n] }

// countTally counts samples.
type countTally struct {
	counts []float64
}

func (t *countTally) grow(slots int)                    { t.counts = grown(t.counts, slots) }
func (t *countTally) slotBytes() int64                  { return 8 }
func (t *countTally) heldBytes() int64                  { return 0 }
func (t *countTally) width() int                        { return 1 }
func (t *countTally) values(slot int, values []float64) { values[0] = t.counts[slot] }

func (t *countTally) add(s *samples) {
	if s.weights == nil {
		for _, slot := range s.slots {
			t.counts[slot]++
		}
		return
	}
	for i, slot := range s.slots {
		t.counts[slot] += s.weights[i]
	}
}

func (t *countTally) merge(slot int, other tally, from int) {
	t.counts[slot] += other.(*countTally).counts[from]
}

// extremeTally keeps the smallest or the largest value.
type extremeTally struct {
	most bool
	best []float64 // NaN: none
}

func (t *extremeTally) slotBytes() int64                  { return 8 }
func (t *extremeTally) heldBytes() int64                  { return 0 }
func (t *extremeTally) width() int                        { return 1 }
func (t *extremeTally) values(slot int, values []float64) { values[0] = t.best[slot] }

func (t *extremeTally) grow(slots int) {
	had := len(t.best)
	t.best = grown(t.best, slots)
	for i := had; i < slots; i++ {
		t.best[i] = math.NaN()
	}
}

func (t *extremeTally) add(s *samples) {
	for i, v := range s.ints {
		t.observe(s.slots[i], float64(v))
	}
	for i, v := range s.floats {
		t.observe(s.slots[i], v)
	}
}

// observe compares such that any value is better than NaN.
func (t *extremeTally) observe(slot uint32, v float64) {
	have := t.best[slot]
	if t.most && !(v <= have) || !t.most && !(v >= have) {
		t.best[slot] = v
	}
}

func (t *extremeTally) merge(slot int, other tally, from int) {
	if v := other.(*extremeTally).best[from]; !math.IsNaN(v) {
		t.observe(uint32(slot), v)
	}
}

// sumTally keeps sums, or means.
type sumTally struct {
	mean  bool
	slots []exactSum
}

func (t *sumTally) grow(slots int)   { t.slots = grown(t.slots, slots) }
func (t *sumTally) slotBytes() int64 { return 40 }
func (t *sumTally) heldBytes() int64 { return 0 }
func (t *sumTally) width() int       { return 1 }

func (t *sumTally) values(slot int, values []float64) {
	s := &t.slots[slot]
	switch {
	case s.n == 0:
		values[0] = math.NaN()
	case t.mean:
		values[0] = s.total() / s.n
	default:
		values[0] = s.total()
	}
}

func (t *sumTally) add(s *samples) {
	if s.weights != nil {
		t.addWeighted(s)
		return
	}
	for i, v := range s.ints {
		slot := &t.slots[s.slots[i]]
		slot.n++
		slot.addInt(v)
	}
	for i, v := range s.floats {
		slot := &t.slots[s.slots[i]]
		slot.n++
		slot.addFloat(v)
	}
}

func (t *sumTally) addWeighted(s *samples) {
	for i, v := range s.ints {
		slot := &t.slots[s.slots[i]]
		slot.n += s.weights[i]
		slot.addFloat(float64(v) * s.weights[i])
	}
	for i, v := range s.floats {
		slot := &t.slots[s.slots[i]]
		slot.n += s.weights[i]
		slot.addFloat(v * s.weights[i])
	}
}

func (t *sumTally) merge(slot int, other tally, from int) {
	t.slots[slot].merge(&other.(*sumTally).slots[from])
}

// exactSum is a sum of integers, exact, and of floats, with what their additions have lost.
type exactSum struct {
	n          float64 // how many, by weight
	hi         int64   // the integers, as 128 bits
	lo         uint64
	float, err float64
}

func (s *exactSum) addInt(v int64) {
	lo, carry := bits.Add64(s.lo, uint64(v), 0)
	s.lo = lo
	s.hi += v>>63 + int64(carry)
}

// addFloat is Neumaier's summation.
func (s *exactSum) addFloat(v float64) {
	total := s.float + v
	if math.Abs(s.float) >= math.Abs(v) {
		s.err += s.float - total + v
	} else {
		s.err += v - total + s.float
	}
	s.float = total
}

func (s *exactSum) merge(other *exactSum) {
	s.n += other.n
	lo, carry := bits.Add64(s.lo, other.lo, 0)
	s.lo = lo
	s.hi += other.hi + int64(carry)
	s.addFloat(other.float)
	s.err += other.err
}

func (s *exactSum) total() float64 {
	hi, lo, sign := s.hi, s.lo, 1.0
	if hi < 0 {
		sign = -1
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi = -hi - int64(borrow)
	}
	t := *s
	t.addFloat(sign * float64(hi) * (1 << 64))
	t.addFloat(sign * float64(lo>>32) * (1 << 32))
	t.addFloat(sign * float64(uint32(lo)))
	if math.IsInf(t.float, 0) {
		return t.float // err is of no use then
	}
	return t.float + t.err
}

// histogramTally keeps a histogram of the values, for their quantiles.
type histogramTally struct {
	quantiles []float64
	slots     []*histogram // nil: no value yet
	held      int64
	scratch   []bucketCount
}

func (t *histogramTally) grow(slots int)   { t.slots = grown(t.slots, slots) }
func (t *histogramTally) slotBytes() int64 { return 8 }
func (t *histogramTally) heldBytes() int64 { return t.held }
func (t *histogramTally) width() int       { return len(t.quantiles) }

func (t *histogramTally) values(slot int, values []float64) {
	h := t.slots[slot]
	if h == nil {
		for i := range values {
			values[i] = math.NaN()
		}
		return
	}
	t.scratch = h.quantiles(t.quantiles, values, t.scratch)
}

func (t *histogramTally) add(s *samples) {
	weight := 1.0
	for i, v := range s.ints {
		if s.weights != nil {
			weight = s.weights[i]
		}
		t.observe(s.slots[i], float64(v), weight)
	}
	for i, v := range s.floats {
		if s.weights != nil {
			weight = s.weights[i]
		}
		t.observe(s.slots[i], v, weight).fractions = true
	}
}

func (t *histogramTally) observe(slot uint32, v, weight float64) *histogram {
	h := t.slots[slot]
	if h == nil {
		h = t.fresh(int(slot))
	}
	had := len(h.table)
	h.add(v, weight)
	if len(h.table) != had {
		t.held += bucketCountBytes * int64(len(h.table)-had)
	}
	return h
}

func (t *histogramTally) fresh(slot int) *histogram {
	h := newHistogram()
	t.slots[slot] = h
	t.held += h.bytes()
	return h
}

func (t *histogramTally) merge(slot int, other tally, from int) {
	theirs := other.(*histogramTally).slots[from]
	if theirs == nil {
		return
	}
	mine := t.slots[slot]
	if mine == nil {
		mine = t.fresh(slot)
	}
	t.held -= mine.bytes()
	mine.merge(theirs)
	t.held += mine.bytes()
}
