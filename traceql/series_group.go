package traceql

import (
	"math"
	"strings"
)

// codeMap maps the codes of a dictionary to numbers of one's own, each worked out when it is first met. It
// remembers one dictionary.
type codeMap struct {
	dict    statics
	turn    uint64   // counts dictionaries
	numbers []uint64 // by code: the turn in the upper half, the number in the lower
}

// begin turns to a dictionary and reports whether it is another one.
func (m *codeMap) begin(d statics) (fresh bool) {
	if n := d.Len(); n > len(m.numbers) {
		m.numbers = append(m.numbers, make([]uint64, n-len(m.numbers))...)
	}
	if m.turn != 0 && d == m.dict {
		return false
	}
	m.dict = d
	if m.turn = (m.turn + 1) & (1<<32 - 1); m.turn == 0 {
		clear(m.numbers)
		m.turn = 1
	}
	return true
}

// of returns the number of a code.
func (m *codeMap) of(code uint32, work func(code uint32) uint32) uint32 {
	n := m.numbers[code]
	if n>>32 != m.turn {
		n = m.turn<<32 | uint64(work(code))
		m.numbers[code] = n
	}
	return uint32(n)
}

// each sets out to the numbers of some rows, 0 for those without a code.
func (m *codeMap) each(codes []uint32, rows []int32, out []uint32, work func(code uint32) uint32) {
	numbers, turn := m.numbers, m.turn
	out = out[:len(rows)]
	for i, row := range rows {
		code := codes[row]
		if uint64(code) >= uint64(len(numbers)) { // NoCode
			out[i] = 0
			continue
		}
		n := numbers[code]
		if n>>32 != turn {
			n = turn<<32 | uint64(work(code))
			numbers[code] = n
		}
		out[i] = uint32(n)
	}
}

func (m *codeMap) bytes() int64 { return 8 * int64(cap(m.numbers)) }

// numbering numbers the values of an attribute in the order in which they are met. Number 0 is Nil: the
// attribute is missing.
type numbering struct {
	values  []Static
	numbers map[Static]uint32
	// limit is the most numbers to give, 0: any. Values that are met later are unnumbered.
	limit int
	held  int64 // bytes of values and numbers, about

	codes   codeMap
	numType Type // of byNum
	byNum   lookup
}

// unnumbered is the number of all values past the limit of a numbering.
const unnumbered = math.MaxUint32

func newNumbering(limit int) *numbering {
	return &numbering{values: []Static{{}}, numbers: map[Static]uint32{{}: 0}, limit: limit}
}

// number returns the number of a value.
func (n *numbering) number(v Static) uint32 {
	if v.Type == TypeNil {
		return 0
	}
	number, ok := n.numbers[v]
	if !ok {
		number = uint32(len(n.values))
		if n.limit > 0 && len(n.values) >= n.limit {
			return unnumbered
		}
		v.Str = strings.Clone(v.Str) // the store's may not last
		n.values = append(n.values, v)
		n.numbers[v] = number
		n.held += 128 + int64(len(v.Str))
	}
	return number
}

// full reports whether values that are met now are unnumbered.
func (n *numbering) full() bool { return n.limit > 0 && len(n.values) >= n.limit }

// each sets out to the numbers of a column's values on some rows.
func (n *numbering) each(c *column, rows []int32, out []uint32) {
	switch {
	case c.codes != nil:
		n.codes.begin(c.dict)
		n.codes.each(c.codes, rows, out, func(code uint32) uint32 { return n.number(c.dict.At(code)) })
	case c.nums != nil:
		n.eachNum(c, rows, out)
	default:
		clear(out[:len(rows)])
	}
}

func (n *numbering) eachNum(c *column, rows []int32, out []uint32) {
	if c.typ != n.numType {
		n.byNum.reset()
		n.numType = c.typ
	}
	var last uint64
	var number uint32
	for i, row := range rows {
		if c.has != nil && !c.has.Has(int(row)) {
			out[i] = 0
			continue
		}
		if v := c.nums[row]; i == 0 || v != last || number == 0 {
			last = v
			number = n.byNum.at(v, func() uint32 { return n.number(Static{Type: c.typ, Num: v}) })
		}
		out[i] = number
	}
}

func (n *numbering) bytes() int64 { return n.held + n.codes.bytes() + n.byNum.bytes() }

// tuples numbers the tuples of values that the keys of by() have, in the order in which they are met. A
// tuple of one is its value's number; a longer one is the pair of the tuple without its
// last value, and that value.
type tuples struct {
	keys  []*numbering
	pairs []*pairing // pairs[i] ends with key i+1
	next  []uint32   // scratch
}

type pairing struct {
	list    []uint64 // the left number in the upper half, the right one in the lower
	numbers lookup
}

func newTuples(keys int) *tuples {
	g := &tuples{}
	for i := range keys {
		g.keys = append(g.keys, newNumbering(0))
		if i > 0 {
			g.pairs = append(g.pairs, &pairing{})
		}
	}
	return g
}

func (p *pairing) number(left, right uint32) uint32 {
	pair := uint64(left)<<32 | uint64(right)
	return p.numbers.at(pair, func() uint32 {
		p.list = append(p.list, pair)
		return uint32(len(p.list) - 1)
	})
}

// len returns how many groups there are.
func (g *tuples) len() int {
	switch {
	case len(g.keys) == 0:
		return 1
	case len(g.keys) == 1:
		return len(g.keys[0].values)
	}
	return len(g.pairs[len(g.pairs)-1].list)
}

// each sets out to the groups of some rows, given the columns of the keys.
func (g *tuples) each(columns []*column, rows []int32, out []uint32) {
	if len(g.keys) == 0 {
		clear(out[:len(rows)])
		return
	}
	g.keys[0].each(columns[0], rows, out)
	for i, p := range g.pairs {
		g.next = sized(g.next, len(rows))
		g.keys[i+1].each(columns[i+1], rows, g.next)
		p.each(out, g.next)
	}
}

// each replaces the left numbers by those of the pairs.
func (p *pairing) each(lefts, rights []uint32) {
	var last uint64
	var number uint32
	for i, right := range rights {
		left := lefts[i]
		if pair := uint64(left)<<32 | uint64(right); i == 0 || pair != last {
			last = pair
			number = p.number(left, right)
		}
		lefts[i] = number
	}
}

// values returns the values of the keys in a group.
func (g *tuples) values(group uint32) []Static {
	values := make([]Static, len(g.keys))
	for i := len(g.keys) - 1; i > 0; i-- {
		pair := g.pairs[i-1].list[group]
		values[i] = g.keys[i].values[uint32(pair)]
		group = uint32(pair >> 32)
	}
	if len(values) > 0 {
		values[0] = g.keys[0].values[group]
	}
	return values
}

// adopt adds the groups of another tuples with the same keys, and returns for each its number here.
func (g *tuples) adopt(other *tuples) []uint32 {
	if len(g.keys) == 0 {
		return []uint32{0}
	}
	groups := g.keys[0].adopt(other.keys[0])
	for i, p := range g.pairs {
		rights := g.keys[i+1].adopt(other.keys[i+1])
		lefts := groups
		groups = make([]uint32, len(other.pairs[i].list))
		for j, pair := range other.pairs[i].list {
			groups[j] = p.number(lefts[pair>>32], rights[uint32(pair)])
		}
	}
	return groups
}

// adopt adds the values of another numbering, and returns for each its number here.
func (n *numbering) adopt(other *numbering) []uint32 {
	numbers := make([]uint32, len(other.values))
	for i, v := range other.values {
		numbers[i] = n.number(v)
	}
	return numbers
}

func (g *tuples) bytes() (total int64) {
	for _, k := range g.keys {
		total += k.bytes()
	}
	for _, p := range g.pairs {
		total += 8*int64(cap(p.list)) + p.numbers.bytes()
	}
	return total
}

// sized returns a slice of n elements, in the memory of s if that is enough.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
