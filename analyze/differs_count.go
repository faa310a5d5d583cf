package analyze

import (
	"slices"
	"sync"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// comparer counts, chunk by chunk, how often each value of each attribute occurs on both sides.
type comparer struct {
	*comparing
	mu         sync.Mutex // for Progress, which reads what is counted meanwhile
	matched    [sides]matched
	compared   [sides]comparedSide
	attributes map[traceql.Attribute]*comparedValues
	leftOut    bool // attributes, as there are too many

	// Of the chunk, or used for one after the other.
	base      store.Bitmap
	rows      [sides][]int32
	roots     [sides][]int32 // of the traces of rows; noRow: there is none
	present   []int32
	weights   weigher
	durations []uint64
	byCode    []valueCount
}

// comparedSide is what is known of the spans of a side that are compared.
type comparedSide struct {
	valueCount
	squares float64 // of the weights
	traces  uint64
}

// maxAttributes is how many attributes a worker counts: those that it meets first.
const maxAttributes = 4000

// comparedIntrinsics are compared besides attributes. The others have too many values, or no meaning.
var comparedIntrinsics = []struct {
	intrinsic traceql.Intrinsic
	field     store.Field
	typ       traceql.Type // of numbers
	ofRoot    bool         // of the trace's root
}{
	{traceql.SpanName, nameField, 0, false},
	{traceql.SpanKind, kindField, traceql.TypeKind, false},
	{traceql.SpanStatus, statusField, traceql.TypeStatus, false},
	{traceql.SpanStatusMessage, store.Of(store.StatusMessage), 0, false},
	{traceql.SpanDuration, durationField, traceql.TypeDuration, false},
	{traceql.TraceRootName, nameField, 0, true},
	{traceql.TraceRootService, serviceField, 0, true},
	{traceql.EventName, store.Of(store.EventName), 0, false},
	{traceql.ScopeName, store.Of(store.ScopeName), 0, false},
	{traceql.ScopeVersion, store.Of(store.ScopeVersion), 0, false},
}

// comparedFields returns what a store is asked for beside the attributes that chunks have.
func comparedFields() []store.Field {
	list := []store.Field{serviceField, traceStateField}
	for _, i := range comparedIntrinsics {
		list = append(list, i.field)
	}
	return list
}

func newComparer(c *comparing) *comparer {
	return &comparer{comparing: c, attributes: map[traceql.Attribute]*comparedValues{}}
}

// count is the first pass.
func (w *comparer) count(c store.Chunk, rows traceql.RowsOf) error {
	sides, err := w.divide(c, rows)
	if err != nil || c.Err() != nil {
		return err
	}
	for side, set := range sides {
		if n := set.Count(); n > 0 {
			w.matched[side].rows += uint64(n)
			w.matched[side].around += uint64(c.Len())
		}
	}
	return nil
}

// divide returns the rows of both sides.
func (w *comparer) divide(c store.Chunk, rows traceql.RowsOf) (sets [sides]store.Bitmap, err error) {
	if len(w.base) != len(c.Live()) {
		w.base = store.NewBitmap(c.Len())
	}
	found, err := rows(0)
	if err != nil {
		return sets, err
	}
	copy(w.base, found)
	selected := found
	if len(w.searches) > 1 {
		if selected, err = rows(1); err != nil {
			return sets, err
		}
	}
	cut(c, selected, w.SelectionRange)
	w.cutByDuration(c, selected)
	cut(c, w.base, w.BaselineRange)
	w.base.AndNot(selected)
	return [sides]store.Bitmap{selected, w.base}, nil
}

// cut takes the rows away that do not start in a range.
func cut(c store.Chunk, rows store.Bitmap, within store.TimeRange) {
	if !rows.Any() || !cuts(c, within) {
		return
	}
	starts := c.Starts()
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if !within.Contains(starts[row]) {
			rows.Clear(row)
		}
	}
}

func (w *comparer) cutByDuration(c store.Chunk, rows store.Bitmap) {
	if w.MinDuration == 0 && w.MaxDuration == 0 || !rows.Any() {
		return
	}
	took := numbersOf(c, durationField, &w.durations)
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if d := int64(took[row]); w.MinDuration != 0 && d < w.MinDuration || w.MaxDuration != 0 && d >= w.MaxDuration {
			rows.Clear(row)
		}
	}
}

// compare is the second pass.
func (w *comparer) compare(c store.Chunk, rows traceql.RowsOf) error {
	traces := c.Traces()
	if len(traces) == 0 {
		return nil
	}
	var takes [sides]bool
	for side := range takes {
		takes[side] = w.takes(side, traces[0].ID)
	}
	if takes == [sides]bool{} {
		return nil
	}
	sets, err := w.divide(c, rows)
	if err != nil {
		return err
	}
	parents := c.Parents()
	w.weights.begin(c)
	for side, set := range sets {
		w.rows[side], w.roots[side] = w.rows[side][:0], w.roots[side][:0]
		if takes[side] {
			w.list(side, set, traces, parents)
		}
	}
	if len(w.rows[SelectionSide])+len(w.rows[BaselineSide]) == 0 {
		return nil
	}
	columns := w.columns(c)
	if c.Err() != nil {
		return nil // it is told as a gap
	}
	for side := range w.rows {
		w.countSide(side, traces)
	}
	for _, column := range columns {
		w.countColumn(column)
	}
	return nil
}

// takes reports whether the chunk that begins with a trace is looked at for a side, by chance if there is too much of it.
func (w *comparer) takes(side int, first span.TraceID) bool {
	return isChosen(first, w.comparing.matched[side].around, w.SampleRows)
}

// list sets the rows of a side and their roots.
func (w *comparer) list(side int, set store.Bitmap, traces []store.TraceRun, parents []int32) {
	trace, root := -1, int32(noRow)
	for row := set.Next(0); row >= 0; row = set.Next(row + 1) {
		if trace < 0 || row >= traces[trace].Hi {
			for trace++; row >= traces[trace].Hi; trace++ {
			}
			run := traces[trace]
			root = noRow
			if i := slices.Index(parents[run.Lo:run.Hi], store.NoParent); i >= 0 {
				root = int32(run.Lo + i)
			}
		}
		w.rows[side] = append(w.rows[side], int32(row))
		w.roots[side] = append(w.roots[side], root)
	}
}

// countSide counts the spans of a side themselves.
func (w *comparer) countSide(side int, traces []store.TraceRun) {
	s := &w.compared[side]
	trace, last := 0, -1
	for _, row := range w.rows[side] {
		weight := w.weights.of(int(row))
		s.add(side, weight)
		s.squares += weight * weight
		for int(row) >= traces[trace].Hi {
			trace++
		}
		if trace != last {
			s.traces++
			last = trace
		}
	}
}

// comparedColumn is a column of a chunk with what is known of its attribute.
type comparedColumn struct {
	*store.Column
	of     *comparedValues
	typ    traceql.Type // of its integers, or TypeNil
	ofRoot bool
}

func (w *comparer) columns(c store.Chunk) (list []comparedColumn) {
	add := func(a traceql.Attribute, column *store.Column, typ traceql.Type, ofRoot bool) {
		if column.Codes == nil && column.Nums == nil {
			return
		}
		of := w.attributes[a]
		if of == nil {
			if len(w.attributes) >= maxAttributes {
				w.leftOut = true
				return
			}
			of = newComparedValues(&w.memory)
			w.attributes[a] = of
		}
		list = append(list, comparedColumn{column, of, typ, ofRoot})
	}
	for _, i := range comparedIntrinsics {
		add(traceql.Attribute{Scope: store.IntrinsicScope, Intrinsic: i.intrinsic}, c.Column(i.field), i.typ, i.ofRoot)
	}
	add(traceql.Attribute{Scope: serviceField.Scope, Name: serviceField.Key}, c.Column(serviceField), 0, false)
	for _, f := range c.Attributes() {
		if f != serviceField {
			add(traceql.Attribute{Scope: f.Scope, Name: f.Key}, c.Column(f), 0, false)
		}
	}
	return list
}

// countColumn counts the values of a column on the rows of both sides, the selection's first: they are few, and get room.
func (w *comparer) countColumn(c comparedColumn) {
	if c.Codes != nil {
		c.of.begin(c.Dict)
	}
	for side, rows := range w.rows {
		at := rows
		switch {
		case c.ofRoot:
			at = w.roots[side]
		case c.Has != nil:
			at = w.presentOf(rows, c.Has)
			rows = at
		}
		if c.Codes != nil {
			w.countCodes(c, side, rows, at)
		} else {
			w.countNumbers(c, side, rows, at)
		}
	}
}

// presentOf returns the rows that have something.
func (w *comparer) presentOf(rows []int32, has store.Bitmap) []int32 {
	w.present = w.present[:0]
	for _, row := range rows {
		if has.Has(int(row)) {
			w.present = append(w.present, row)
		}
	}
	return w.present
}

// countCodes counts what a column has on the rows at, each for one of rows.
func (w *comparer) countCodes(c comparedColumn, side int, rows, at []int32) {
	n := c.Dict.Len()
	if n > len(w.byCode) {
		w.byCode = make([]valueCount, n)
	}
	byCode := w.byCode[:n]
	for i, row := range at {
		if row == noRow {
			continue
		}
		if code := c.Codes[row]; int(code) < n { // not NoCode
			byCode[code].add(side, w.weights.of(int(rows[i])))
		}
	}
	found := func(code uint32) {
		if count := &byCode[code]; count.seen[side] > 0 {
			c.of.addCode(code, c.typ, side, count)
			*count = valueCount{}
		}
	}
	if n <= len(at) {
		for code := range byCode {
			found(uint32(code))
		}
		return
	}
	for _, row := range at {
		if row != noRow && int(c.Codes[row]) < n {
			found(c.Codes[row])
		}
	}
}

// countNumbers is countCodes for numbers.
func (w *comparer) countNumbers(c comparedColumn, side int, rows, at []int32) {
	typ := c.typ
	if typ == traceql.TypeNil {
		typ = traceql.StaticOf(span.Value{Type: c.Type}).Type
	}
	var small [16]valueCount // by number: kinds, statuses, booleans and small counts are
	for i, row := range at {
		if row == noRow || c.Has != nil && !c.Has.Has(int(row)) {
			continue
		}
		weight := w.weights.of(int(rows[i]))
		if num := c.Nums[row]; num < uint64(len(small)) {
			small[num].add(side, weight)
		} else {
			one := valueCount{}
			one.add(side, weight)
			c.of.add(traceql.Static{Type: typ, Num: num}, side, &one)
		}
	}
	for num := range small {
		if small[num].seen[side] > 0 {
			c.of.add(traceql.Static{Type: typ, Num: uint64(num)}, side, &small[num])
		}
	}
}
