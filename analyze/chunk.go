package analyze

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

var (
	nameField       = store.Of(store.Name)
	kindField       = store.Of(store.Kind)
	statusField     = store.Of(store.Status)
	durationField   = store.Of(store.Duration)
	serviceField    = store.Attr(store.ResourceScope, "service.name")
	traceStateField = store.Of(store.TraceState)
)

// OTLP's SpanKinds that tell of calls; all others are quiet.
const (
	quiet    = 0
	server   = 2
	client   = 3
	producer = 4
	consumer = 5
)

// statusError is OTLP's.
const statusError = 2

// cuts reports whether rows of a chunk may start outside of a range.
func cuts(c store.Chunk, within store.TimeRange) bool {
	if within == (store.TimeRange{}) {
		return false
	}
	b, ok := c.(interface{ Bounds() (lo, hi uint64) })
	if !ok {
		return true
	}
	lo, hi := b.Bounds()
	return !within.Contains(lo) || !within.Contains(hi)
}

// runsOf returns the traces of a chunk, maybe without their ids and starts, which take time to read.
func runsOf(c store.Chunk) []store.TraceRun {
	if r, ok := c.(interface{ Runs() []store.TraceRun }); ok {
		return r.Runs()
	}
	return c.Traces()
}

// runOf returns the trace of a row.
func runOf(c store.Chunk, row int) store.TraceRun {
	runs := c.Traces()
	i, _ := slices.BinarySearchFunc(runs, row, func(r store.TraceRun, row int) int { return cmp.Compare(r.Hi, row+1) })
	return runs[i]
}

// numbersOf returns a column of integers by row, 0 where there is none. It may use memory.
func numbersOf(c store.Chunk, f store.Field, memory *[]uint64) []uint64 {
	column := c.Column(f)
	if column.Nums != nil && column.Has == nil && column.Type == span.Int {
		return column.Nums
	}
	nums := slices.Grow((*memory)[:0], c.Len())[:c.Len()]
	*memory = nums
	clear(nums)
	for _, run := range c.Traces() {
		for row := run.Lo; row < run.Hi; row++ {
			v, _ := column.Value(row)
			nums[row] = v.Num
		}
	}
	return nums
}

// weigher tells how many spans each row of a chunk stands for.
type weigher struct {
	codes  []uint32 // of the chunk; nil: all rows stand for themselves
	dict   store.Values
	byCode []float64 // 0: not known yet
}

func (w *weigher) begin(c store.Chunk) {
	column := c.Column(traceStateField)
	w.codes = column.Codes
	if w.codes == nil {
		return
	}
	if column.Dict != w.dict {
		w.dict = column.Dict
		w.byCode = slices.Grow(w.byCode[:0], w.dict.Len())[:w.dict.Len()]
		clear(w.byCode)
	}
	if len(w.byCode) == 1 && w.ofCode(0) == 1 { // most often nobody has a trace state
		w.codes = nil
	}
}

func (w *weigher) of(row int) float64 {
	if w.codes == nil || w.codes[row] == store.NoCode {
		return 1
	}
	return w.ofCode(w.codes[row])
}

func (w *weigher) ofCode(code uint32) float64 {
	if w.byCode[code] == 0 {
		w.byCode[code] = span.AdjustedCount(w.dict.At(code).Str)
	}
	return w.byCode[code]
}

func addStats(a, b store.ScanStats) store.ScanStats {
	return store.ScanStats{
		Blocks: a.Blocks + b.Blocks, Rows: a.Rows + b.Rows, ChunksRead: a.ChunksRead + b.ChunksRead,
		ChunksSkipped: a.ChunksSkipped + b.ChunksSkipped, BytesRead: a.BytesRead + b.BytesRead,
	}
}

// addGaps returns the gaps of two looks, each once.
func addGaps(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// isChosen reports whether the chunk that begins with a trace is one of those, chosen by chance, that
// have about as many rows as are wanted of all.
func isChosen(first span.TraceID, rows, wanted uint64) bool {
	if rows <= wanted {
		return true
	}
	const prime = 0x9e3779b97f4a7c15
	h := (binary.BigEndian.Uint64(first[:8])*prime ^ binary.BigEndian.Uint64(first[8:])) * prime
	h ^= h >> 32
	hi, _ := bits.Mul64(h*prime, rows)
	return hi < wanted
}
