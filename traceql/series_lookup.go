package traceql

import (
	"iter"
	"math/rand/v2"
	"unsafe"
)

// numberTable is a hash table by numbers, with linear probing.
type numberTable[V any] struct {
	entries []numberEntry[V] // the length is 0 or a power of two
	used    int
}

type numberEntry[V any] struct {
	key   uint64
	value V
	used  bool
}

// numberSeed makes collisions unpredictable for whoever sends the values.
var numberSeed = rand.Uint64() | 1

// find returns the place of a key, or the free place where it belongs; there has to be one.
func (t *numberTable[V]) find(key uint64) *numberEntry[V] {
	mask := uint64(len(t.entries) - 1)
	h := key * numberSeed
	for at := h>>32 ^ h; ; at++ {
		if e := &t.entries[at&mask]; e.key == key || !e.used {
			return e
		}
	}
}

// slot returns the value of a key, to be read and written before the next call. A fresh one is zero.
func (t *numberTable[V]) slot(key uint64) (value *V, fresh bool) {
	if 2*t.used >= len(t.entries) {
		t.grow()
	}
	e := t.find(key)
	if !e.used {
		e.key, e.used = key, true
		t.used++
		return &e.value, true
	}
	return &e.value, false
}

func (t *numberTable[V]) grow() {
	old := t.entries
	t.entries = make([]numberEntry[V], max(16, 2*len(old)))
	for _, e := range old {
		if e.used {
			*t.find(e.key) = e
		}
	}
}

// all yields keys and values in any order.
func (t *numberTable[V]) all() iter.Seq2[uint64, V] {
	return func(yield func(uint64, V) bool) {
		for i := range t.entries {
			if e := &t.entries[i]; e.used && !yield(e.key, e.value) {
				return
			}
		}
	}
}

func (t *numberTable[V]) reset() {
	clear(t.entries)
	t.used = 0
}

func (t *numberTable[V]) bytes() int64 {
	return int64(len(t.entries)) * int64(unsafe.Sizeof(numberEntry[V]{}))
}

// lookup maps numbers to numbers.
type lookup struct{ numberTable[uint32] }

// at returns the value of a key; fresh makes it if there was none.
func (l *lookup) at(key uint64, fresh func() uint32) uint32 {
	value, isFresh := l.slot(key)
	if isFresh {
		*value = fresh()
	}
	return *value
}
