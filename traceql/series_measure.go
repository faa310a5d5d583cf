package traceql

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/clewhq/clew/store"
)

// leaf is a Series of a query, compiled. It is shared by all workers and does not change.
type leaf struct {
	query     *Series
	pipeline  *pipeline
	selection *filter // of compare()
	by        []*Attribute
	at        *intervals
	hints     *seriesHints
	exemplars int
}

// share is what a worker, or all together, have counted for a leaf.
type share interface {
	// fetch takes the columns of a chunk that observe needs. If the chunk has an error then, observe is not called.
	fetch(e *env)
	observe(e *env, s *selection) error
	merge(other share) error
	// series returns the series, in any order, and what is wrong with them.
	series() (list []*TimeSeries, gaps []string, err error)
	// release gives back the memory that was taken for it.
	release()
}

func (l *leaf) newShare(memory *seriesMemory) share {
	if l.query.Func == CompareFunc {
		return newContrast(l, memory)
	}
	return newMeasure(l, memory)
}

// seriesMemory is the memory that a query may still take, in bytes.
type seriesMemory struct {
	left   atomic.Int64
	limit  int64
	shared *Memory
	taken  atomic.Int64 // of shared
}

// take takes memory. What fails to is to be left alone.
func (m *seriesMemory) take(n int64) error {
	if m.left.Add(-n) < 0 {
		return fmt.Errorf("%w of %d MiB: ask for a shorter range or a larger step, group by attributes with fewer values, or filter more",
			store.ErrTooLarge, m.limit>>20)
	}
	if err := m.shared.take(n); err != nil {
		return err
	}
	m.taken.Add(n)
	return nil
}

// give gives back what was taken.
func (m *seriesMemory) give(n int64) {
	m.left.Add(n)
	m.taken.Add(-n)
	m.shared.give(n)
}

// end gives back what was taken of the memory of all queries.
func (m *seriesMemory) end() { m.shared.give(m.taken.Swap(0)) }

// seriesBytes is about what a series takes.
func seriesBytes(points int) int64 { return 8*int64(points) + 256 }

// measure is the share of a leaf that is not compare().
type measure struct {
	*leaf
	memory   *seriesMemory
	groups   *tuples // by the keys; of a histogram, by the bound of the bucket last
	tally    tally
	room     int // slots of tally
	nominees *nominees
	taken    int64

	// Of the chunk, or used for one after the other.
	columns  []*column // of the keys
	measured *column
	numbers  numbers
	slots    []uint32
	weights  []float64
	bounds   []uint64
}

func newMeasure(l *leaf, memory *seriesMemory) *measure {
	keys := len(l.by)
	if l.query.Func == HistogramOverTime {
		keys++
	}
	return &measure{
		leaf: l, memory: memory, groups: newTuples(keys), tally: newTally(l.query),
		nominees: newNominees(l.at, l.exemplars), columns: make([]*column, keys),
	}
}

func (m *measure) fetch(e *env) {
	for i, a := range m.by {
		m.columns[i] = e.column(a)
	}
	if m.query.Attr != nil {
		m.measured = e.column(m.query.Attr)
	}
}

func (m *measure) observe(e *env, s *selection) error {
	if m.query.Attr == nil {
		return m.count(e, s, s.rows, &samples{})
	}
	n := &m.numbers
	n.split(m.measured, s.rows)
	if err := m.count(e, s, n.intRows, &samples{ints: n.ints}); err != nil {
		return err
	}
	return m.count(e, s, n.floatRows, &samples{floats: n.floats})
}

// count counts rows, given their values.
func (m *measure) count(e *env, s *selection, rows []int32, values *samples) error {
	if len(rows) == 0 {
		return nil
	}
	if m.query.Func == HistogramOverTime {
		m.columns[len(m.by)] = m.bucketColumn(e.chunk.Len(), rows, values)
	}
	m.slots = sized(m.slots, len(rows))
	m.groups.each(m.columns, rows, m.slots)
	if err := m.makeRoom(); err != nil {
		return err
	}
	s.slots(m.slots, rows)
	values.slots = m.slots
	if s.weights != nil {
		m.weights = sized(m.weights, len(rows))
		for i, row := range rows {
			m.weights[i] = s.weights[row]
		}
		values.weights = m.weights
	}
	m.tally.add(values)
	if m.nominees != nil {
		m.nominees.offer(e.chunk, rows, values)
	}
	return m.account()
}

// bucketColumn returns the bounds of the buckets of values, as a column.
func (m *measure) bucketColumn(n int, rows []int32, values *samples) *column {
	m.bounds = sized(m.bounds, n)
	unit := m.unit()
	for i, row := range rows {
		m.bounds[row] = math.Float64bits(powerBound(values.value(i) / unit))
	}
	return &column{typ: TypeFloat, nums: m.bounds}
}

// unit is what values are divided by: durations are measured in seconds.
func (l *leaf) unit() float64 {
	if l.query.Attr != nil && l.query.Attr.Intrinsic.Type() == TypeDuration {
		return 1e9
	}
	return 1
}

// makeRoom makes room for slots of all groups.
func (m *measure) makeRoom() error {
	groups := m.groups.len()
	need := groups * m.at.n // each is below 2^32
	if need <= m.room {
		return nil
	}
	if need > math.MaxUint32 {
		return m.memory.take(math.MaxInt64)
	}
	room := max(need, min(m.room+m.room/2, math.MaxUint32))
	if err := m.take(int64(room-m.room) * m.tally.slotBytes()); err != nil {
		return err
	}
	m.tally.grow(room)
	m.room = room
	return nil
}

// account takes the memory that was used since the last time.
func (m *measure) account() error {
	return m.take(int64(m.room)*m.tally.slotBytes() + m.tally.heldBytes() + m.groups.bytes() - m.taken)
}

func (m *measure) take(n int64) error {
	m.taken += n
	return m.memory.take(n)
}

func (m *measure) release() { m.memory.give(m.taken) }

func (m *measure) merge(from share) error {
	other := from.(*measure)
	groups := m.groups.adopt(other.groups)
	if err := m.makeRoom(); err != nil {
		return err
	}
	n := m.at.n
	for theirs, mine := range groups {
		if (theirs+1)*n > other.room {
			break // a group of which no span was counted
		}
		for i := range n {
			m.tally.merge(int(mine)*n+i, other.tally, theirs*n+i)
		}
	}
	if m.nominees != nil {
		m.nominees.merge(other.nominees, groups)
	}
	return m.account()
}

func (m *measure) series() (list []*TimeSeries, gaps []string, err error) {
	if err := m.makeRoom(); err != nil {
		return nil, nil, err
	}
	width := m.tally.width()
	ofGroup := map[uint32][]*TimeSeries{}
	for g := range m.groups.len() {
		if err := m.take(int64(width) * seriesBytes(m.at.n)); err != nil {
			return nil, nil, err
		}
		if found := m.groupSeries(g, width); found != nil {
			ofGroup[uint32(g)] = found
			list = append(list, found...)
		}
	}
	m.attach(ofGroup)
	return list, nil, nil
}

// groupSeries returns the series of a group, nil if it has no values.
func (m *measure) groupSeries(group, width int) []*TimeSeries {
	n := m.at.n
	list := make([]*TimeSeries, width)
	for i := range list {
		list[i] = &TimeSeries{Values: make([]float64, n)}
	}
	values := make([]float64, width)
	factor, unit := m.scale()
	some := m.counts() && len(m.groups.keys) == 0
	for i := range n {
		m.tally.values(group*n+i, values)
		for j, v := range values {
			list[j].Values[i] = v * factor / unit
			some = some || !math.IsNaN(v) && !(m.counts() && v == 0)
		}
	}
	if !some {
		return nil
	}
	labels := m.labels(uint32(group))
	for i, s := range list {
		s.Labels = labels
		if m.query.Func == QuantileOverTime {
			s.Labels = append(slices.Clip(labels), Label{Name: "p", Value: FloatStatic(m.query.Quantiles[i])})
		}
	}
	return list
}

// counts reports whether the function counts spans, and not values.
func (m *measure) counts() bool {
	return m.query.Func == Rate || m.query.Func == CountOverTime || m.query.Func == HistogramOverTime
}

// scale is what values of the tally are multiplied with, and divided by.
func (m *measure) scale() (factor, unit float64) {
	switch m.query.Func {
	case Rate:
		return m.hints.factor(), m.at.seconds()
	case CountOverTime, HistogramOverTime:
		return m.hints.factor(), 1
	case SumOverTime:
		return m.hints.factor(), m.unit()
	}
	return 1, m.unit()
}

// attach gives exemplars to the series: those of quantiles to the one whose value is nearest.
func (m *measure) attach(ofGroup map[uint32][]*TimeSeries) {
	n := uint32(m.at.n)
	for _, c := range m.nominees.chosen() {
		i := c.slot % n
		value := c.value / m.unit()
		var best *TimeSeries
		for _, s := range ofGroup[c.slot/n] {
			if best == nil || math.Abs(s.Values[i]-value) < math.Abs(best.Values[i]-value) {
				best = s
			}
		}
		if best == nil { // a sum of infinities is no value
			continue
		}
		if m.counts() {
			value = best.Values[i]
		}
		best.Exemplars = append(best.Exemplars, Exemplar{TraceID: c.traceID, SpanID: c.spanID, Time: c.start, Value: value})
	}
}

// numbers splits the values of a column into integers (and durations, in nanoseconds) and floats. NaN is none.
type numbers struct {
	intRows   []int32
	ints      []int64
	floatRows []int32
	floats    []float64

	codes codeMap
	list  []Static // by number; the first stands for what is no number
	found []uint32
	rows  []int32 // the memory of intRows, unless they are all
}

func (n *numbers) split(c *column, rows []int32) {
	n.intRows, n.floatRows = nil, nil
	n.ints, n.floats = sized(n.ints, len(rows))[:0], sized(n.floats, len(rows))[:0]
	switch {
	case c.codes != nil:
		n.splitCodes(c, rows)
	case c.nums == nil:
	case c.typ == TypeInt || c.typ == TypeDuration:
		n.takeInts(c, rows)
	case c.typ == TypeFloat:
		n.takeFloats(c, rows)
	}
}

func (n *numbers) takeInts(c *column, rows []int32) {
	n.intRows = rows
	if c.has != nil {
		n.rows = sized(n.rows, len(rows))[:0]
		for _, row := range rows {
			if c.has.Has(int(row)) {
				n.rows = append(n.rows, row)
			}
		}
		n.intRows = n.rows
	}
	n.ints = n.ints[:len(n.intRows)]
	for i, row := range n.intRows {
		n.ints[i] = int64(c.nums[row])
	}
}

func (n *numbers) takeFloats(c *column, rows []int32) {
	n.rows = sized(n.rows, len(rows))[:0]
	for _, row := range rows {
		if c.has == nil || c.has.Has(int(row)) {
			if f := math.Float64frombits(c.nums[row]); f == f {
				n.rows = append(n.rows, row)
				n.floats = append(n.floats, f)
			}
		}
	}
	n.floatRows = n.rows
}

func (n *numbers) splitCodes(c *column, rows []int32) {
	if n.codes.begin(c.dict) {
		n.list = append(n.list[:0], Static{})
	}
	n.found = sized(n.found, len(rows))
	n.codes.each(c.codes, rows, n.found, func(code uint32) uint32 {
		v := c.dict.At(code)
		if f, ok := v.Number(); !ok || math.IsNaN(f) {
			return 0
		}
		n.list = append(n.list, v)
		return uint32(len(n.list) - 1)
	})
	n.rows = sized(n.rows, 2*len(rows))
	n.intRows, n.floatRows = n.rows[:0:len(rows)], n.rows[len(rows):len(rows)]
	for i, row := range rows {
		switch v := &n.list[n.found[i]]; v.Type {
		case TypeInt, TypeDuration:
			n.intRows = append(n.intRows, row)
			n.ints = append(n.ints, v.Int())
		case TypeFloat:
			n.floatRows = append(n.floatRows, row)
			n.floats = append(n.floats, v.Float())
		}
	}
}
