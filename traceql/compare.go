package traceql

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/clewhq/clew/store"
)

// contrast is the share of compare(): how often each value of each attribute occurs in the selection, and in the
// rest, the baseline. Rows are first put in cells, of one side and one interval each; then
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
	sets     [sides]store.Bitmap
	some     []int32 // of the rows of a cell
	cells    []contrastCell
	weights  []float64 // by row, or nil
	numbers  []uint32  // of the values of a cell
	counts   []float64 // by code; 0 between cells
}

// The most values of an attribute that are told apart in a worker's share: those that are met first, of the
// selection more than of the baseline. Frequent ones are met soon, and of others there are too many.
const (
	maxSelected = 1 << 14
	maxBaseline = 1 << 13
)

// contrastIntrinsics are compared besides attributes. The others have too many values, or no meaning.
var contrastIntrinsics = []Intrinsic{
	SpanName, SpanKind, SpanStatus, SpanStatusMessage, TraceRootName, TraceRootService, EventName, ScopeName, ScopeVersion,
}

// The sides of a comparison, as numbers.
const (
	selectionSide = iota
	baselineSide
	sides
)

var (
	sideNames  = [sides]string{"selection", "baseline"}
	totalNames = [sides]string{"selection_total", "baseline_total"}
)

// contrastCell is rows of one side in one interval.
type contrastCell struct {
	side, interval uint32
	rows           []int32
	set            store.Bitmap // of rows; nil: not made
}

type contrastColumn struct {
	of      *contrasted
	column  *column
	present store.Bitmap // rows that have a value; nil: that is not known
}

// contrasted is an attribute with its values and how often they were met.
type contrasted struct {
	values *numbering
	// counts has how many spans of a side in an interval have a value, by contrastKey; that with the
	// number 0 stands for any.
	counts numberTable[float64]
}

// contrastKey makes a key of 31 bits, one, and 32.
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
		known = &contrasted{values: newNumbering(maxSelected)}
		c.attributes[a] = known
	}
	return known
}

func (c *contrast) fetch(e *env) {
	c.columns = c.columns[:0]
	add := func(a Attribute, column *column, present store.Bitmap) {
		if column.codes != nil || column.nums != nil {
			c.columns = append(c.columns, contrastColumn{c.attribute(a), column, present})
		}
	}
	for _, a := range contrastFields() {
		add(*a, e.column(a), nil)
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
		add(Attribute{Scope: f.Scope, Name: f.Key}, made, from.Has)
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
	for _, column := range c.columns {
		if column.column.codes != nil {
			column.of.values.codes.begin(column.column.dict)
		}
		for _, cell := range c.cells {
			column.of.values.limit = maxBaseline
			if cell.side == selectionSide {
				column.of.values.limit = maxSelected
			}
			if present := c.count(column, cell); present > 0 {
				column.of.add(0, cell, present)
			}
		}
	}
	return c.account()
}

// order makes the cells, the selection's first.
func (c *contrast) order(s *selection) {
	if s.single >= 0 {
		c.divide(s)
		return
	}
	c.keys = c.keys[:0]
	for _, row := range s.rows {
		interval, side := uint64(s.interval[row]), uint64(baselineSide)
		if c.selected.Has(int(row)) {
			side = selectionSide
		}
		// A chunk has fewer than 2^31 rows, as it is in memory.
		c.keys = append(c.keys, side<<63|interval<<31|uint64(row))
	}
	slices.Sort(c.keys)
	c.rows, c.cells = sized(c.rows, len(c.keys)), c.cells[:0]
	from := 0
	for i, key := range c.keys {
		c.rows[i] = int32(key & (1<<31 - 1))
		if i+1 == len(c.keys) || c.keys[i+1]>>31 != key>>31 {
			c.cells = append(c.cells, contrastCell{side: uint32(key >> 63), interval: uint32(key >> 31), rows: c.rows[from : i+1]})
			from = i + 1
		}
	}
}

// divide is order for rows of one interval.
func (c *contrast) divide(s *selection) {
	c.rows, c.cells = sized(c.rows, len(s.rows))[:0], c.cells[:0]
	for side := range uint32(sides) {
		from := len(c.rows)
		set := &c.sets[side]
		*set = sized(*set, len(c.selected))
		clear(*set)
		for _, row := range s.rows {
			if c.selected.Has(int(row)) == (side == selectionSide) {
				c.rows = append(c.rows, row)
				set.Set(int(row))
			}
		}
		if len(c.rows) > from {
			c.cells = append(c.cells, contrastCell{side, uint32(s.single), c.rows[from:], *set})
		}
	}
}

// present returns the rows of a cell, without those of which it is known that they lack the column.
func (c *contrast) present(column contrastColumn, cell contrastCell) []int32 {
	if column.present == nil || cell.set == nil {
		return cell.rows
	}
	c.some = c.some[:0]
	for i, word := range cell.set {
		for word &= column.present[i]; word != 0; word &= word - 1 {
			c.some = append(c.some, int32(64*i+bits.TrailingZeros64(word)))
		}
	}
	return c.some
}

// count adds the values that a column has on the rows of a cell, and returns how many have one.
func (c *contrast) count(column contrastColumn, cell contrastCell) (present float64) {
	of := column.of
	cell.rows = c.present(column, cell)
	if len(cell.rows) == 0 {
		return 0
	}
	add := func(number uint32, count float64) {
		if number != 0 {
			present += count
			of.add(number, cell, count)
		}
	}
	if column.column.codes == nil || column.column.dict.Len() > len(cell.rows) {
		c.numbers = sized(c.numbers, len(cell.rows))
		of.values.each(column.column, cell.rows, c.numbers)
		for i, number := range c.numbers {
			add(number, c.weight(cell.rows[i]))
		}
		return present
	}
	dict, codes := column.column.dict, column.column.codes
	if n := dict.Len(); n > len(c.counts) {
		c.counts = make([]float64, n)
	}
	counts := c.counts[:dict.Len()]
	for _, row := range cell.rows {
		if code := codes[row]; int(code) < len(counts) { // not NoCode
			counts[code] += c.weight(row)
		}
	}
	full := c.weights == nil && of.values.full()
	for code, count := range counts {
		switch {
		case count == 0:
		case count == 1 && full: // of thousands of rows one: this is not among the most frequent
			present++
			counts[code] = 0
		default:
			add(of.values.codes.of(uint32(code), func(code uint32) uint32 { return of.values.number(dict.At(code)) }), count)
			counts[code] = 0
		}
	}
	return present
}

func (c *contrast) weight(row int32) float64 {
	if c.weights == nil {
		return 1
	}
	return c.weights[row]
}

// add counts spans with a value.
func (of *contrasted) add(value uint32, cell contrastCell, count float64) {
	if value == unnumbered {
		return
	}
	have, _ := of.counts.slot(contrastKey(value, cell.side, cell.interval))
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

func (c *contrast) release() { c.memory.give(c.taken) }

func (c *contrast) merge(from share) error {
	for a, theirs := range from.(*contrast).attributes {
		mine := c.attribute(a)
		mine.values.limit = 0
		numbers := mine.values.adopt(theirs.values)
		for key, count := range theirs.counts.all() {
			v, interval := splitContrastKey(key)
			mine.add(numbers[v.value], contrastCell{side: v.side, interval: interval}, count)
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
	}
	return list, nil, nil
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
	values := of.values.values
	var totals [sides][]float64
	for side := range totals {
		totals[side] = make([]float64, len(values))
	}
	for key, count := range of.counts.all() {
		v, _ := splitContrastKey(key)
		totals[v.side][v.value] += count
	}
	for side, totals := range totals {
		var numbers []uint32
		for number, total := range totals {
			if total > 0 && number > 0 {
				numbers = append(numbers, uint32(number))
			}
		}
		slices.SortFunc(numbers, func(a, b uint32) int {
			return cmp.Or(cmp.Compare(totals[b], totals[a]), compareStatics(values[a], values[b]))
		})
		if len(numbers) > n {
			numbers, more = numbers[:n], true
		}
		if totals[0] > 0 {
			list = append(list, valueOfSide{0, uint32(side)})
		}
		for _, number := range numbers {
			list = append(list, valueOfSide{number, uint32(side)})
		}
	}
	return list, more
}
