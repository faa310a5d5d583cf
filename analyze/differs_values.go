package analyze

import (
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// valueCount is how many spans have a value: as they were seen, and by what they stand for.
type valueCount struct {
	seen   [sides]uint64
	weight [sides]float64
}

func (c *valueCount) add(side int, weight float64) {
	c.seen[side]++
	c.weight[side] += weight
}

func (c *valueCount) merge(other *valueCount) {
	for side := range c.seen {
		c.seen[side] += other.seen[side]
		c.weight[side] += other.weight[side]
	}
}

// comparedValues counts the values of an attribute. Numbers are told apart as long as they are few, then by their first bits.
type comparedValues struct {
	memory *atomic.Int64 // that is left for values; nil: as much as there is

	places map[traceql.Static]uint32 // of list
	list   []countedValue
	others valueCount // of values that are not told apart
	full   bool       // there are such

	numbers valueNumbers

	dict   store.Values
	byCode []uint32 // 1 + place in list; 0: not known yet, isNumber or isOther
}

type countedValue struct {
	value traceql.Static
	valueCount
}

const (
	isOther  = math.MaxUint32
	isNumber = math.MaxUint32 - 1
)

const (
	// The most values of an attribute that are told apart: those that are met first, of the selection more than
	// of the baseline. Frequent ones are met soon, and of others there are too many.
	maxSelectionValues = 1 << 14
	maxBaselineValues  = 1 << 13
	// maxValueLength is the most bytes of a value that is told apart.
	maxValueLength = 512
	valueBytes     = 200 // that a value takes beside its text
)

func newComparedValues(memory *atomic.Int64) *comparedValues {
	return &comparedValues{memory: memory, places: map[traceql.Static]uint32{}}
}

// begin turns to a dictionary.
func (v *comparedValues) begin(dict store.Values) {
	if dict == v.dict && len(v.byCode) >= dict.Len() {
		return
	}
	v.dict = dict
	v.byCode = slices.Grow(v.byCode[:0], dict.Len())[:dict.Len()]
	clear(v.byCode)
}

// addCode counts the value of a code.
func (v *comparedValues) addCode(code uint32, typ traceql.Type, side int, count *valueCount) {
	switch place := v.byCode[code]; place {
	case isOther:
		v.others.merge(count)
	case 0, isNumber:
		value := traceql.StaticOf(v.dict.At(code))
		if value.Type == traceql.TypeInt && typ != traceql.TypeNil {
			value.Type = typ
		}
		v.byCode[code] = v.add(value, side, count)
	default:
		v.list[place-1].merge(count)
	}
}

// add counts a value, and returns what byCode has of it.
func (v *comparedValues) add(value traceql.Static, side int, count *valueCount) uint32 {
	if _, ok := value.Number(); ok {
		v.numbers.add(value, count)
		return isNumber
	}
	place, ok := v.places[value]
	if !ok {
		limit := maxBaselineValues
		if side == SelectionSide {
			limit = maxSelectionValues
		}
		need := int64(valueBytes + len(value.Str))
		if len(v.list) >= limit || len(value.Str) > maxValueLength || v.memory != nil && v.memory.Add(-need) < 0 {
			v.full = true
			v.others.merge(count)
			return isOther
		}
		value.Str = strings.Clone(value.Str) // the store's may not last
		place = uint32(len(v.list))
		v.list = append(v.list, countedValue{value: value})
		v.places[value] = place
	}
	v.list[place].merge(count)
	return place + 1
}

func (v *comparedValues) merge(other *comparedValues) {
	for i := range other.list {
		from := &other.list[i]
		v.add(from.value, SelectionSide, &from.valueCount)
	}
	v.others.merge(&other.others)
	v.full = v.full || other.full
	v.numbers.merge(&other.numbers)
}

// valueNumbers counts numbers.
type valueNumbers struct {
	typ      traceql.Type // of all; TypeFloat if they are of several
	isCoarse bool         // keys are those of coarse, else the numbers' bits
	places   map[uint64]uint32
	list     []countedNumber
	min, max [sides]float64
	recent   uint32 // place of the last one
}

type countedNumber struct {
	key uint64
	valueCount
}

const (
	// fewNumbers is how many are told apart.
	fewNumbers = 64
	// coarseBits are left out of a float64: seven of its fraction stay.
	coarseBits = 45
)

// coarse returns the bits that a number shares with those that are less than 0.8 % larger.
func coarse(f float64) uint64 { return math.Float64bits(f+0) &^ (1<<coarseBits - 1) }

// coarseMiddle returns the number that stands for those with a coarse key.
func coarseMiddle(key uint64) float64 {
	if key<<1 == 0 {
		return 0
	}
	return math.Float64frombits(key | 1<<(coarseBits-1))
}

func (n *valueNumbers) add(value traceql.Static, count *valueCount) {
	f, _ := value.Number()
	if math.IsNaN(f) {
		return // it is on neither side of anything, as if it were absent
	}
	if n.places == nil {
		n.places, n.typ = map[uint64]uint32{}, value.Type
		for side := range n.min {
			n.min[side], n.max[side] = math.Inf(1), math.Inf(-1)
		}
	}
	if value.Type != n.typ {
		n.makeCoarse()
		n.typ = traceql.TypeFloat
	}
	key := value.Num
	if n.isCoarse {
		key = coarse(f)
	}
	n.addKey(key, count)
	for side, seen := range count.seen {
		if seen > 0 {
			n.min[side], n.max[side] = min(n.min[side], f), max(n.max[side], f)
		}
	}
}

func (n *valueNumbers) addKey(key uint64, count *valueCount) {
	if len(n.list) > 0 && n.list[n.recent].key == key {
		n.list[n.recent].merge(count)
		return
	}
	place, ok := n.places[key]
	if !ok {
		if !n.isCoarse && len(n.list) == fewNumbers {
			n.makeCoarse()
			n.addKey(coarse(n.number(key)), count)
			return
		}
		place = uint32(len(n.list))
		n.list = append(n.list, countedNumber{key: key})
		n.places[key] = place
	}
	n.recent = place
	n.list[place].merge(count)
}

// number returns the number that bits of the type stand for.
func (n *valueNumbers) number(bits uint64) float64 {
	f, _ := traceql.Static{Type: n.typ, Num: bits}.Number()
	return f
}

func (n *valueNumbers) makeCoarse() {
	if n.isCoarse {
		return
	}
	exact := n.list
	n.isCoarse, n.list, n.recent = true, nil, 0
	clear(n.places)
	for i := range exact {
		n.addKey(coarse(n.number(exact[i].key)), &exact[i].valueCount)
	}
}

func (n *valueNumbers) merge(other *valueNumbers) {
	if other.places == nil {
		return
	}
	if n.places == nil {
		n.places, n.typ, n.min, n.max = map[uint64]uint32{}, other.typ, other.min, other.max
	}
	if other.isCoarse || other.typ != n.typ {
		n.makeCoarse()
	}
	for i := range other.list {
		from := &other.list[i]
		key := from.key
		if n.isCoarse && !other.isCoarse {
			key = coarse(other.number(key))
		}
		n.addKey(key, &from.valueCount)
	}
	if other.typ != n.typ {
		n.typ = traceql.TypeFloat
	}
	for side := range n.min {
		n.min[side], n.max[side] = min(n.min[side], other.min[side]), max(n.max[side], other.max[side])
	}
}
