package span

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
)

// Ref names a byte string of a Dict. Ref 0 is always the empty string.
type Ref = uint32

// seed makes hash collisions unpredictable for whoever sends the strings.
var seed = maphash.MakeSeed()

// Hash is the process-local hash of b that every table in Clew uses for
// interning. It differs from run to run and must not be written to disk.
func Hash(b []byte) uint64 { return maphash.Bytes(seed, b) }

// Dict interns byte strings. Refs count up from 0 in order of first appearance.
//
// It may be read by many while nobody interns. What Bytes returned stays valid
// and unchanged while others intern, until Reset.
type Dict struct {
	arena []byte
	ends  []uint32 // end of string i in arena
	hash  []uint32 // low half of Hash of string i: rehashing and probing without touching the arena
	table []uint32 // open addressing, power of two; 0 is a free slot, as Ref 0 is never looked up
}

// MaxDictBytes is the most bytes that a Dict can hold.
const MaxDictBytes = math.MaxUint32

// Len returns the number of strings, at least 1 once anything was interned.
func (d *Dict) Len() int { return len(d.ends) }

// Size returns the memory held, in bytes.
func (d *Dict) Size() int {
	return cap(d.arena) + 4*(cap(d.ends)+cap(d.hash)+cap(d.table))
}

// ArenaLen returns the bytes of all strings together.
func (d *Dict) ArenaLen() int { return len(d.arena) }

// Bytes returns string r. The caller must not change it.
func (d *Dict) Bytes(r Ref) []byte {
	if r == 0 {
		return nil
	}
	return d.arena[d.ends[r-1]:d.ends[r]:d.ends[r]]
}

// String returns a copy of string r.
func (d *Dict) String(r Ref) string { return string(d.Bytes(r)) }

// Lookup returns the Ref of b if b was interned.
func (d *Dict) Lookup(b []byte) (Ref, bool) {
	if len(b) == 0 {
		return 0, true
	}
	if len(d.table) == 0 {
		return 0, false
	}
	h := uint32(Hash(b))
	mask := uint32(len(d.table) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		r := d.table[at]
		if r == 0 {
			return 0, false
		}
		if d.hash[r] == h && bytes.Equal(d.Bytes(r), b) {
			return r, true
		}
	}
}

// Intern returns the Ref of b, adding a copy of it if it is new.
// It panics when the dictionary would pass MaxDictBytes; callers bound their input.
func (d *Dict) Intern(b []byte) Ref {
	if len(b) == 0 {
		return 0
	}
	if 2*len(d.ends) >= len(d.table) {
		d.grow()
	}
	h := uint32(Hash(b))
	mask := uint32(len(d.table) - 1)
	at := h & mask
	for r := d.table[at]; r != 0; r = d.table[at] {
		if d.hash[r] == h && bytes.Equal(d.Bytes(r), b) {
			return r
		}
		at = (at + 1) & mask
	}
	if uint64(len(d.arena))+uint64(len(b)) > MaxDictBytes {
		panic(fmt.Sprintf("BUG: dictionary of %d bytes cannot take %d more", len(d.arena), len(b)))
	}
	r := Ref(len(d.ends))
	d.arena = append(d.arena, b...)
	d.ends = append(d.ends, uint32(len(d.arena)))
	d.hash = append(d.hash, h)
	d.table[at] = r
	return r
}

// InternString is Intern for a string.
func (d *Dict) InternString(s string) Ref { return d.Intern([]byte(s)) }

// Reset forgets all strings and keeps the memory.
func (d *Dict) Reset() {
	keep := min(1, len(d.ends)) // string 0 stays
	d.arena, d.ends, d.hash = d.arena[:0], d.ends[:keep], d.hash[:keep]
	clear(d.table)
}

// grow makes room for one more string and adds the empty string to a fresh dictionary.
func (d *Dict) grow() {
	if len(d.ends) == 0 {
		d.ends = append(d.ends, 0)
		d.hash = append(d.hash, 0)
	}
	if 2*len(d.ends) < len(d.table) {
		return
	}
	d.table = make([]uint32, max(64, 2*len(d.table)))
	mask := uint32(len(d.table) - 1)
	for r := 1; r < len(d.ends); r++ {
		at := d.hash[r] & mask
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = Ref(r)
	}
}

// View returns a read-only copy of d that stays as it is while d goes on growing.
// It answers Bytes and String, and not Lookup.
func (d *Dict) View() Dict { return Dict{arena: d.arena, ends: d.ends} }
