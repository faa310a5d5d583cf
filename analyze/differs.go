package analyze

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// DiffersOptions says which spans are compared with which.
type DiffersOptions struct {
	// Baseline and Selection are searches. What is in the selection is not in the baseline; a
	// nil Selection is the same search.
	Baseline, Selection *traceql.Query
	// Spans of each side start in its range.
	BaselineRange, SelectionRange store.TimeRange
	// MinDuration and MaxDuration bound the selection's durations; the upper bound is left out. 0: none.
	MinDuration, MaxDuration int64
	Values                   int // most values to tell of an attribute; 0 means 10
	// SampleRows is about how many rows are looked at for each side if there are more; 0 means 1 << 20.
	SampleRows uint64
	// Progress is told how far the comparison has come, with the answer so far if want is called.
	Progress func(p store.Progress, want func() *Differs)
}

// Differs is how the attributes of the spans of a selection differ from those of a baseline.
type Differs struct {
	Selection, Baseline SideCount
	// Attributes are those that tell most first, but for those that the selection is made by, which come last.
	Attributes []DifferingAttribute
	// Ignored have a value of its own on nearly every trace.
	Ignored []IgnoredAttribute
	// Gaps is as in store.ScanResult; it also says what was left out.
	Gaps  []string
	Stats store.ScanStats
}

// SideCount is how many spans a side has, and how many of them were compared. Weight is what
// those stand for, as they may be sampled.
type SideCount struct {
	Matched, Compared uint64
	Weight            float64
}

// DifferingAttribute is an attribute with its values on both sides.
type DifferingAttribute struct {
	Attribute traceql.Attribute
	// Score is by how much the shares of the values differ beyond what chance does, 0 to 1.
	Score float64
	// Given: the selection is made by it, so that it has to differ.
	Given bool
	// Distinct is how many values were told apart; with More there are others.
	Distinct int
	More     bool
	// Values are in order of how much they differ; ranges by size, and what is no value behind.
	Values []DifferingValue
	// Quantiles are those of numbers that are shown as ranges, of each side; nil for others.
	Quantiles *[2]Quantiles
}

// IgnoredAttribute is an attribute that is not compared, and how many values it has at least.
type IgnoredAttribute struct {
	Attribute traceql.Attribute
	Distinct  int
}

// ValueKind says what a DifferingValue is.
type ValueKind uint8

// The kinds of values.
const (
	OneValue ValueKind = iota
	ValueRange
	AbsentValue
	OtherValues
)

var valueKinds = [...]string{OneValue: "value", ValueRange: "range", AbsentValue: "absent", OtherValues: "others"}

func (k ValueKind) String() string { return valueKinds[k] }

// DifferingValue is a value, or several, with its share of both sides.
type DifferingValue struct {
	Kind  ValueKind
	Value traceql.Static // of OneValue
	// From and To are the bounds of a ValueRange; the upper one is left out. TypeNil: none.
	From, To traceql.Static
	// Count is how many spans have it, by what they stand for; by Side.
	Count [2]float64
	// In and Out are conditions of TraceQL that hold on the spans that have it, and on all others; "" if there are none.
	In, Out string
}

// Quantiles tell how numbers are distributed; NaN if there are none.
type Quantiles struct{ Min, P50, P90, P99, Max float64 }

// Sides of a comparison, as places in arrays.
const (
	SelectionSide = iota
	BaselineSide
	sides
)

const (
	defaultValues     = 10
	defaultSampleRows = 1 << 20
	// maxDiffersBytes bounds the memory of the values that are told apart, as the engine's limit does.
	maxDiffersBytes = 256 << 20
)

// WhatDiffers compares the attributes of the spans of a selection with those of a baseline. It first counts the spans of
// both, and then looks at the attributes, if there are very many only of some chunks.
func WhatDiffers(ctx context.Context, engine *traceql.Engine, tenant string, opts DiffersOptions) (*Differs, error) {
	if opts.Values == 0 {
		opts.Values = defaultValues
	}
	if opts.SampleRows == 0 {
		opts.SampleRows = defaultSampleRows
	}
	c := &comparing{DiffersOptions: opts, searches: []*traceql.Query{opts.Baseline}}
	if opts.Selection != nil {
		c.searches = append(c.searches, opts.Selection)
	}
	c.memory.Store(maxDiffersBytes)
	if engine.MemoryBytes > 0 {
		c.memory.Store(min(engine.MemoryBytes, maxDiffersBytes))
	}
	for range max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) {
		c.workers = append(c.workers, newComparer(c))
	}
	counted, err := c.look(ctx, engine, tenant, 0, (*comparer).count)
	if err != nil {
		return nil, err
	}
	for _, w := range c.workers {
		for side, s := range w.matched {
			c.matched[side].rows += s.rows
			c.matched[side].around += s.around
		}
	}
	compared, err := c.look(ctx, engine, tenant, 1, (*comparer).compare)
	if err != nil {
		return nil, err
	}
	d := c.result()
	d.Gaps = append(addGaps(counted.Gaps, compared.Gaps), d.Gaps...)
	d.Stats = addStats(counted.Stats, compared.Stats)
	return d, nil
}

// comparing is one call of WhatDiffers.
type comparing struct {
	DiffersOptions
	searches []*traceql.Query
	matched  [sides]matched // once all is counted
	memory   atomic.Int64   // that is left
	workers  []*comparer
}

// matched is how many rows a side has, and how many there are in all chunks that have such.
type matched struct{ rows, around uint64 }

// look hands chunks to the workers, in one of two passes.
func (c *comparing) look(ctx context.Context, engine *traceql.Engine, tenant string, pass uint64, do func(*comparer, store.Chunk, traceql.RowsOf) error) (*store.ScanResult, error) {
	opts := traceql.LookOptions{Range: hull(c.BaselineRange, c.SelectionRange), Columns: comparedFields()}
	if c.Progress != nil {
		opts.Progress = func(p store.Progress) {
			p.Done, p.Total = p.Done+pass*p.Total, 2*p.Total
			c.DiffersOptions.Progress(p, c.result)
		}
	}
	return engine.Look(ctx, tenant, c.searches, opts, func(worker int, chunk store.Chunk, rows traceql.RowsOf) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		w := c.workers[worker]
		w.mu.Lock()
		defer w.mu.Unlock()
		return do(w, chunk, rows)
	})
}

// hull returns the range from the earlier start to the later end of two.
func hull(a, b store.TimeRange) store.TimeRange {
	r := store.TimeRange{Start: min(a.Start, b.Start), End: max(a.End, b.End)}
	if a.End == 0 || b.End == 0 {
		r.End = 0
	}
	return r
}
