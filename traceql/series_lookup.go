package traceql

import "math/rand/v2"

// lookup is a hash table from numbers to numbers, with linear probing.
type lookup struct {
	entries []lookupEntry // the length is 0 or a power of two
	used    int
}

type lookupEntry struct {
	key   uint64
	value uint32 // plus 1; 0: free
}

// lookupSeed makes collisions unpredictable for whoever sends the values.
var lookupSeed = rand.Uint64() | 1

// find returns the place of a key, or the free place where it belongs; there has to be one.
func (t *lookup) find(key uint64) *lookupEntry {
	mask := uint64(len(t.entries) - 1)
	h := key * lookupSeed
	for at := h>>32 ^ h; ; at++ {
		if e := &t.entries[at&mask]; e.key == key || e.value == 0 {
			return e
		}
	}
}

// at returns the value of a key; fresh makes it if there was none.
func (t *lookup) at(key uint64, fresh func() uint32) uint32 {
	if 2*t.used >= len(t.entries) {
		t.grow()
	}
	e := t.find(key)
	if e.value == 0 {
		*e = lookupEntry{key, fresh() + 1}
		t.used++
	}
	return e.value - 1
}

func (t *lookup) grow() {
	old := t.entries
	t.entries = make([]lookupEntry, max(16, 2*len(old)))
	for _, e := range old {
		if e.value != 0 {
			*t.find(e.key) = e
		}
	}
}

func (t *lookup) reset() {
	clear(t.entries)
	t.used = 0
}

func (t *lookup) bytes() int64 { return 16 * int64(len(t.entries)) }
