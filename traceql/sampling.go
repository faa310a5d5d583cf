package traceql

import (
	"encoding/binary"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// seriesHints is what with(...) says of a metrics query. Unknown names and values of a wrong type are ignored.
type seriesHints struct {
	// spans and traces are n if one in n is looked at, else 0 or 1.
	spans, traces uint64
	extrapolate   bool
	exemplars     int
}

// maxExemplars is the most exemplars that a hint can ask for, and how many come where nobody says.
const maxExemplars = 100

// readSeriesHints reads the hints of a query. A sample that is not said to be of spans or of
// traces is of traces if the query is about whole ones.
func readSeriesHints(hints []Hint, wholeTraces bool, exemplars int) seriesHints {
	h := seriesHints{exemplars: exemplars}
	if exemplars < 0 {
		h.exemplars = maxExemplars
	}
	for _, hint := range hints {
		switch hint.Name {
		case "sample":
			if n := oneIn(hint.Value); wholeTraces {
				h.traces = max(h.traces, n)
			} else {
				h.spans = max(h.spans, n)
			}
		case "span_sample":
			h.spans = max(h.spans, oneIn(hint.Value))
		case "trace_sample":
			h.traces = max(h.traces, oneIn(hint.Value))
		case "extrapolate":
			h.extrapolate = hint.Value == BoolStatic(true)
		case "exemplars":
			h.readExemplars(hint.Value)
		}
	}
	return h
}

func (h *seriesHints) readExemplars(v Static) {
	switch {
	case v.Type == TypeInt && v.Int() >= 0:
		h.exemplars = int(min(v.Int(), maxExemplars))
	case v == BoolStatic(true):
		h.exemplars = maxExemplars
	case v == BoolStatic(false):
		h.exemplars = 0
	}
}

// oneIn returns n for a share that means one in n; 1 for what is not between 0 and 1.
func oneIn(v Static) uint64 {
	share := v.Float()
	if v.Type != TypeFloat || !(share > 0 && share < 1) {
		return 1
	}
	return uint64(min(1/share, 1<<32))
}

// factor is what counts and sums of the sample are multiplied with.
func (h *seriesHints) factor() float64 { return float64(max(h.spans, 1)) * float64(max(h.traces, 1)) }

// sample takes the rows that are not in the sample out of a set. Which are is decided by their ids alone.
func (h *seriesHints) sample(c store.Chunk, rows store.Bitmap) {
	if h.traces > 1 {
		for _, run := range c.Traces() {
			if hi, lo := run.ID.Uint64s(); scramble(hi^scramble(lo))%h.traces == 0 {
				continue
			}
			for row := rows.Next(run.Lo); row >= 0 && row < run.Hi; row = rows.Next(row + 1) {
				rows.Clear(row)
			}
		}
	}
	if h.spans > 1 {
		ids := c.SpanIDs()
		for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
			if scramble(binary.BigEndian.Uint64(ids[row][:]))%h.spans != 0 {
				rows.Clear(row)
			}
		}
	}
}

// scramble is a bijection in which every bit of the result depends on all of x (the finalizer of splitmix64).
func scramble(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// weigher finds out how many spans those stand for that were sampled by probability.
type weigher struct {
	codes   codeMap
	list    []float64 // by number; the first is of spans that do not say
	numbers []uint32
	byRow   []float64
}

// traceState is the field that says it.
var traceState = store.Of(store.TraceState)

// each returns the weights of some rows, by row; nil if all are 1.
func (w *weigher) each(c *store.Column, n int, rows []int32) []float64 {
	if c.Codes == nil {
		return nil
	}
	if w.codes.begin(stored{Values: c.Dict}) {
		w.list = append(w.list[:0], 1)
	}
	w.numbers = sized(w.numbers, len(rows))
	w.codes.each(c.Codes, rows, w.numbers, func(code uint32) uint32 {
		w.list = append(w.list, span.AdjustedCount(c.Dict.At(code).Str))
		return uint32(len(w.list) - 1)
	})
	w.byRow = sized(w.byRow, n)
	for i, row := range rows {
		w.byRow[row] = w.list[w.numbers[i]]
	}
	return w.byRow
}
