package traceql

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/clewhq/clew/store"
)

// contrast is the share of compare(): how often each value of each attribute occurs in the selection, and in the
// rest, the baseline. Rows are first put in cells, of one interval and one side each; then
// the values of one column after the other are counted, cell by cell.
type contrast struct {
	*leaf
	memory     *seriesMemory
	attributes map[Attribute]*contrasted
	taken      int64

	// Of the chunk, or used for one after the other.
	selected store.Bitmap
	columns  []contrastColumn
	keys     []uint64 // to order rows by cell
	rows     []int32  // ordered
	cells    []contrastCell
	weights  []float64 // by row, or nil
	numbers  []uint32  // of the values of rows
	counts   []float64 // by number; 0 between cells
}

// maxContrasted is how many values of an attribute are told apart. One with more
// has ids or the like, and it hardly matters which of them are the most frequent.
const maxContrasted = 1 << 16

// contrastIntrinsics are compared besides attributes. The others have too many values, or no meaning.
var contrastIntrinsics = []Intrinsic{
	SpanName, SpanKind, SpanStatus, SpanStatusMessage, TraceRootName, TraceRootService, EventName, ScopeName, ScopeVersion,
}

// The sides of a comparison, as numbers. The selection comes first: if there are too many values, its
// are more likely to be told apart.
const (
	selectionSide = iota
	baselineSide
	sides
)

var (
	sideNames  = [sides]string{"selection", "baseline"}
	totalNames = [sides]string{"selection_total", "baseline_total"}
)

// contrastCell is rows of one side in one interval, up to end.
type contrastCell struct {
	side, interval uint32
	end            int
}

type contrastColumn struct {
	of     *contrasted
	column *column
}

// contrasted is an attribute with its values and how often they were met.
type contrasted struct {
	values *numbering
	// counts has how many spans of a side in an interval have a value, by contrastKey; that with the
	// number 0 stands for any.
	counts numberTable[float64]
}

// contrastKey makes a key of less than 18 bits, one, and 32.
func contrastKey(value, side, interval uint32) uint64 {
	return uint64(value)<<33 | uint64(side)<<32 | uint64(interval)
}

func splitContrastKey(key uint64) (of valueOfSide, interval uint32) {
	return valueOfSide{uint32(key >> 33), uint32(key >> 32 & 1)}, uint32(key)
}

func (l *leaf) compileCompare(p *planner) (err error) {
	for _, a := range contrastFields() {
		p.attribute(a)
	}
	l.selection, err = p.filter(l.query.Compare.Filter)
	return err
}

// contrastFields returns what is compared and known before the chunks are.
func contrastFields() []*Attribute {
	list := []*Attribute{{Scope: serviceName.Scope, Name: serviceName.Key}}
	for _, i := range contrastIntrinsics {
		list = append(list, intrinsic(i, 0))
	}
	return list
}

func newContrast(l *leaf, memory *seriesMemory) *contrast {
	return &contrast{leaf: l, memory: memory, attributes: map[Attribute]*contrasted{}}
}

// attribute returns what is known of an attribute.
func (c *contrast) attribute(a Attribute) *contrasted {
	known := c.attributes[a]
	if known == nil {
		known = &contrasted{values: newNumbering(maxContrasted)}
		c.attributes[a] = known
	}
	return known
}

func (c *contrast) fetch(e *env) {
	c.columns = c.columns[:0]
	add := func(a Attribute, column *column) {
		if column.codes != nil || column.nums != nil {
			c.columns = append(c.columns, contrastColumn{c.attribute(a), column})
		}
	}
	for _, a := range contrastFields() {
		add(*a, e.column(a))
	}
	for _, f := range e.chunk.Attributes() {
		if f == serviceName {
			continue
		}
		from := e.chunk.Column(f)
		made := &column{typ: staticTypes[from.Type], nums: from.Nums, has: from.Has, codes: from.Codes}
		if from.Codes != nil {
			made.dict = stored{Values: from.Dict}
		}
		add(Attribute{Scope: f.Scope, Name: f.Key}, made)
	}
	c.selected = c.selection.rows(e)
	if q := c.query.Compare; q.End != 0 {
		starts := e.chunk.Starts()
		for row := c.selected.Next(0); row >= 0; row = c.selected.Next(row + 1) {
			if starts[row] < q.Start || starts[row] >= q.End {
				c.selected.Clear(row)
			}
		}
	}
}

func (c *contrast) observe(_ *env, s *selection) error {
	c.order(s)
	c.weights = s.weights
	c.numbers = sized(c.numbers, len(c.rows))
	for _, column := range c.columns {
		values := column.of.values
		values.each(column.column, c.rows, c.numbers)
		if n := len(values.values) + 1; n > len(c.counts) {
			c.counts = append(c.counts, make([]float64, n-len(c.counts))...)
		}
		from := 0
		for _, cell := range c.cells {
			c.count(column.of, cell, from)
			from = cell.end
		}
	}
	return c.account()
}

// order makes the cells, and orders rows by them.
func (c *contrast) order(s *selection) {
	c.keys = c.keys[:0]
	interval := uint64(max(s.single, 0))
	for _, row := range s.rows {
		if s.single < 0 {
			interval = uint64(s.interval[row])
		}
		side := uint64(baselineSide)
		if c.selected.Has(int(row)) {
			side = selectionSide
		}
		// A chunk has fewer than 2^30 rows, as it is in memory.
		c.keys = append(c.keys, interval<<32|side<<31|uint64(row))
	}
	slices.Sort(c.keys)
	c.rows, c.cells = sized(c.rows, len(c.keys)), c.cells[:0]
	for i, key := range c.keys {
		c.rows[i] = int32(key & (1<<31 - 1))
		if i == 0 || key>>31 != c.keys[i-1]>>31 {
			c.cells = append(c.cells, contrastCell{side: uint32(key >> 31 & 1), interval: uint32(key >> 32)})
		}
		c.cells[len(c.cells)-1].end = i + 1
	}
}

// count adds the values of a cell's rows, which start at from.
func (c *contrast) count(of *contrasted, cell contrastCell, from int) {
	any := 0.0
	add := func(number uint32, count float64) {
		if number != 0 && count > 0 {
			any += count
			of.add(number, cell.side, cell.interval, count)
		}
	}
	numbers := c.numbers[from:cell.end]
	if known := len(of.values.values); known > len(numbers) { // most occur once at most
		for i, number := range numbers {
			add(number, c.weight(from+i))
		}
	} else {
		counts := c.counts[:known+1]
		for i, number := range numbers {
			if number != 0 { // a sum that all rows wait for
				counts[number] += c.weight(from + i)
			}
		}
		for number, count := range counts {
			add(uint32(number), count)
			counts[number] = 0
		}
	}
	if any > 0 {
		of.add(0, cell.side, cell.interval, any)
	}
}

// weight returns the weight of a row, by its place in c.rows.
func (c *contrast) weight(i int) float64 {
	if c.weights == nil {
		return 1
	}
	return c.weights[c.rows[i]]
}

// add counts spans with a value.
func (of *contrasted) add(value, side, interval uint32, count float64) {
	if value == maxContrasted {
		return // one of too many, which are not told apart
	}
	have, _ := of.counts.slot(contrastKey(value, side, interval))
	*have += count
}

func (c *contrast) account() error {
	total := int64(0)
	for _, of := range c.attributes {
		total += of.values.bytes() + of.counts.bytes()
	}
	taken := c.taken
	c.taken = total
	return c.memory.take(total - taken)
}

func (c *contrast) release() { c.memory.left.Add(c.taken) }

func (c *contrast) merge(from share) error {
	for a, theirs := range from.(*contrast).attributes {
		mine := c.attribute(a)
		numbers := mine.values.adopt(theirs.values)
		for key, count := range theirs.counts.all() {
			of, interval := splitContrastKey(key)
			mine.add(numbers[of.value], of.side, interval, count)
		}
	}
	return c.account()
}

func (c *contrast) series() (list []*TimeSeries, gaps []string, err error) {
	for a, of := range c.attributes {
		found, err := c.attributeSeries(a.String(), of)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, found...)
		if len(of.values.values) == maxContrasted {
			gaps = append(gaps, fmt.Sprintf("%s has %d values or more: only some of them are compared", a.String(), maxContrasted))
		}
	}
	slices.Sort(gaps)
	return list, gaps, nil
}

// valueOfSide is a value on one side. That with number 0 is any.
type valueOfSide struct{ value, side uint32 }

// attributeSeries returns the series of an attribute: of its most frequent values on each side, of any, and one
// without points if there were more values.
func (c *contrast) attributeSeries(name string, of *contrasted) (list []*TimeSeries, err error) {
	top, more := of.mostFrequent(c.query.Compare.TopN)
	if err := c.memory.take(seriesBytes(c.at.n) * int64(len(top)+1)); err != nil {
		return nil, err
	}
	add := func(label, text string, value Static) []float64 {
		s := &TimeSeries{Labels: []Label{{label, StringStatic(text)}, {name, value}}, Values: make([]float64, c.at.n)}
		list = append(list, s)
		return s.Values
	}
	values := map[valueOfSide][]float64{}
	for _, v := range top {
		if v.value == 0 {
			values[v] = add("__meta_type", totalNames[v.side], Static{})
		} else {
			values[v] = add("__meta_type", sideNames[v.side], of.values.values[v.value])
		}
	}
	for key, count := range of.counts.all() {
		v, interval := splitContrastKey(key)
		if points := values[v]; points != nil {
			points[interval] = count * c.hints.factor()
		}
	}
	if more {
		points := add("__meta_error", "__too_many_values__", Static{})
		for i := range points {
			points[i] = math.NaN()
		}
	}
	return list, nil
}

// mostFrequent returns any value and the n most frequent ones of each side, and whether there are more.
func (of *contrasted) mostFrequent(n int) (list []valueOfSide, more bool) {
	totals := map[valueOfSide]float64{}
	for key, count := range of.counts.all() {
		v, _ := splitContrastKey(key)
		totals[v] += count
	}
	values := of.values.values
	for side := range uint32(sides) {
		var ofSide []valueOfSide
		for v := range totals {
			if v.side == side {
				ofSide = append(ofSide, v)
			}
		}
		slices.SortFunc(ofSide, func(a, b valueOfSide) int {
			if a.value == 0 || b.value == 0 {
				return cmp.Compare(a.value, b.value)
			}
			return cmp.Or(cmp.Compare(totals[b], totals[a]), compareStatics(values[a.value], values[b.value]))
		})
		more = more || len(ofSide) > n+1
		list = append(list, ofSide[:min(len(ofSide), n+1)]...)
	}
	return list, more
}
