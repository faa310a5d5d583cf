package traceql

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clewhq/clew/store"
)

func TestNumberTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var l numberTable[uint32]
	want := map[uint64]uint32{}
	for i := range 5000 {
		key := rng.Uint64() >> rng.UintN(64)
		if rng.UintN(2) == 0 {
			key = uint64(i) << 32 // neighbours in the upper half only
		}
		if _, ok := want[key]; !ok {
			want[key] = uint32(len(want))
		}
		got, fresh := l.slot(key)
		if fresh {
			if *got != 0 {
				t.Fatalf("the fresh key %d has %d", key, *got)
			}
			*got = want[key]
		}
		if *got != want[key] {
			t.Fatalf("key %d has %d, want %d", key, *got, want[key])
		}
	}
	if got := maps.Collect(l.all()); !maps.Equal(got, want) {
		t.Errorf("%d keys with their values, want %d", len(got), len(want))
	}
}

// randomColumn makes a column of some of the given values, or none of them, in any form.
func randomColumn(rng *rand.Rand, rows int, values []Static, shared *list) *column {
	dict := shared
	if rng.UintN(2) == 0 {
		dict = &list{slices.Concat(values, values)} // not distinct
	}
	c := &column{codes: make([]uint32, rows), dict: dict}
	switch rng.UintN(5) {
	case 0:
		return &column{}
	case 1:
		c = &column{typ: TypeInt, nums: make([]uint64, rows), has: store.NewBitmap(rows)}
		for row := range rows {
			c.nums[row] = rng.Uint64N(5)
			if rng.UintN(3) > 0 {
				c.has.Set(row)
			}
		}
		if rng.UintN(2) == 0 {
			c.has = nil
		}
		return c
	}
	for row := range rows {
		c.codes[row] = rng.Uint32N(uint32(dict.Len()))
		if rng.UintN(4) == 0 {
			c.codes[row] = store.NoCode
		}
	}
	return c
}

// TestTuples numbers tuples of random columns in two groupings, brings these together, and finds
// the values of all rows again.
func TestTuples(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	values := []Static{{}, IntStatic(1), IntStatic(2), StringStatic("1"), StringStatic(""), FloatStatic(1), BoolStatic(true)}
	for keys := range 4 {
		shared := &list{values}
		parts := []*tuples{newTuples(keys), newTuples(keys)}
		type seen struct {
			part   int
			group  uint32
			values string
		}
		var all []seen
		for range 40 {
			part, rows := rng.IntN(2), 1+rng.IntN(100)
			columns := make([]*column, keys)
			for i := range columns {
				columns[i] = randomColumn(rng, rows, values, shared)
			}
			var some []int32
			for row := range rows {
				if rng.UintN(4) > 0 {
					some = append(some, int32(row))
				}
			}
			groups := make([]uint32, len(some))
			parts[part].each(columns, some, groups)
			for i, row := range some {
				tuple := []Static{}
				for _, c := range columns {
					tuple = append(tuple, c.value(int(row)))
				}
				all = append(all, seen{part, groups[i], fmt.Sprint(tuple)})
			}
		}
		moved := [][]uint32{nil, parts[0].adopt(parts[1])}
		distinct := map[string]uint32{}
		for _, s := range all {
			if got := fmt.Sprint(parts[s.part].values(s.group)); got != s.values {
				t.Fatalf("%d keys: group %d is %s, want %s", keys, s.group, got, s.values)
			}
			if s.part == 1 {
				s.group = moved[1][s.group]
			}
			if got := fmt.Sprint(parts[0].values(s.group)); got != s.values {
				t.Fatalf("%d keys: group %d of both is %s, want %s", keys, s.group, got, s.values)
			}
			if known, ok := distinct[s.values]; ok && known != s.group {
				t.Fatalf("%d keys: %s is group %d and group %d", keys, s.values, known, s.group)
			}
			distinct[s.values] = s.group
			if int(s.group) >= parts[0].len() {
				t.Fatalf("%d keys: group %d of %d", keys, s.group, parts[0].len())
			}
		}
	}
}

func TestNumberingLimit(t *testing.T) {
	n := newNumbering(3)
	for _, test := range []struct {
		value Static
		want  uint32
	}{
		{IntStatic(7), 1}, {IntStatic(8), 2}, {IntStatic(9), unnumbered}, {IntStatic(10), unnumbered}, {IntStatic(8), 2}, {Static{}, 0},
	} {
		if got := n.number(test.value); got != test.want {
			t.Errorf("%v has number %d, want %d", test.value, got, test.want)
		}
	}
}

// TestCodeMapDictionaries holds that the codes of one dictionary are not taken for those of another.
func TestCodeMapDictionaries(t *testing.T) {
	a, b := &list{[]Static{IntStatic(1), IntStatic(2)}}, &list{[]Static{IntStatic(3), IntStatic(4)}}
	n := newNumbering(0)
	out := make([]uint32, 2)
	for i, test := range []struct {
		dict *list
		want []Static
	}{{a, a.values}, {b, b.values}, {a, a.values}, {a, a.values}} {
		n.each(&column{codes: []uint32{0, 1}, dict: test.dict}, []int32{0, 1}, out)
		if got := []Static{n.values[out[0]], n.values[out[1]]}; !slices.Equal(got, test.want) {
			t.Errorf("column %d has %v, want %v", i, got, test.want)
		}
	}
	n.codes.turn = 1<<32 - 1 // the next dictionary starts the count again
	n.each(&column{codes: []uint32{0, 1}, dict: b}, []int32{0, 1}, out)
	if got := []Static{n.values[out[0]], n.values[out[1]]}; !slices.Equal(got, b.values) {
		t.Errorf("after all turns the column has %v, want %v", got, b.values)
	}
}
