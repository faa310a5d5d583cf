package traceql

import (
	"math/bits"

	"github.com/clewhq/clew/store"
)

// selection is the rows of a chunk that a metrics query counts, with their intervals and weights. It belongs to
// one worker, and its memory is used again for every chunk.
type selection struct {
	at    *intervals
	hints *seriesHints

	rows []int32
	// single is the interval of all rows; below 0 each has its own, by row.
	single   int
	interval []uint32
	weights  []float64 // by row; nil: all 1

	all     []int32 // 0, 1, 2, ...
	some    []int32
	weigher weigher
}

// boundedChunk is a chunk that knows the earliest and the latest start of its rows, lo > hi if it has none.
type boundedChunk interface {
	Bounds() (lo, hi uint64)
}

// begin selects rows of a set, which it may change: those in the sample and in the range.
func (s *selection) begin(c store.Chunk, set store.Bitmap) {
	s.hints.sample(c, set)
	s.list(set, c.Len())
	s.locate(c)
	s.weights = nil
	if s.hints.extrapolate {
		s.weights = s.weigher.each(c.Column(traceState), c.Len(), s.rows)
	}
}

// list sets rows to those of a set of n rows.
func (s *selection) list(set store.Bitmap, n int) {
	count := set.Count()
	for len(s.all) < n {
		s.all = append(s.all, int32(len(s.all)))
	}
	if count == n {
		s.rows = s.all[:n]
		return
	}
	s.some = sized(s.some, count)
	i := 0
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			s.some[i] = int32(w<<6 + bits.TrailingZeros64(word))
			i++
		}
	}
	s.rows = s.some
}

// locate finds the interval of each row, and drops rows out of the range. Starts are looked at only if
// the rows may lie in several intervals.
func (s *selection) locate(c store.Chunk) {
	s.single = -1
	if b, ok := c.(boundedChunk); ok && len(s.rows) > 0 {
		lo, hi := b.Bounds()
		if lo <= hi && lo >= s.at.first && hi <= s.at.last {
			if i := s.at.of(lo); i == s.at.of(hi) {
				s.single = i
				return
			}
		}
	}
	s.interval = sized(s.interval, c.Len())
	starts := c.Starts()
	kept := sized(s.some, len(s.rows))[:0] // may be the memory of s.rows, and never overtakes it
	lo, hi, i := uint64(1), uint64(0), uint32(0)
	for _, row := range s.rows {
		t := starts[row]
		if t < lo || t > hi {
			if t < s.at.first || t > s.at.last {
				continue
			}
			at := s.at.of(t)
			lo, hi = s.at.bounds(at)
			i = uint32(at)
		}
		s.interval[row] = i
		kept = append(kept, row)
	}
	s.some, s.rows = kept, kept
}

// slots turns the groups of some rows into slots, of n intervals each.
func (s *selection) slots(groups []uint32, rows []int32) {
	n := uint32(s.at.n)
	if s.single >= 0 {
		for i, g := range groups {
			groups[i] = g*n + uint32(s.single)
		}
		return
	}
	for i, g := range groups {
		groups[i] = g*n + s.interval[rows[i]]
	}
}
