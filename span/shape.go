package span

import "slices"

// Entry is one place in a Shape: a key and the type of its value.
type Entry struct {
	Key  Ref
	Type Type
}

// Shapes interns attribute layouts: ordered lists of key and type, which most
// spans share with many others. Shape 0 is always the empty list.
//
// It may be read by many while nobody interns.
type Shapes struct {
	arena []Entry
	ends  []uint32
	hash  []uint32
	table []uint32 // open addressing, power of two; 0 is a free slot
}

// Len returns the number of shapes.
func (s *Shapes) Len() int { return max(1, len(s.ends)) }

// Size returns the memory held, in bytes.
func (s *Shapes) Size() int { return 8*cap(s.arena) + 4*(cap(s.ends)+cap(s.hash)+cap(s.table)) }

// Entries returns shape i. The caller must not change it.
func (s *Shapes) Entries(i uint32) []Entry {
	if i == 0 {
		return nil
	}
	return s.arena[s.ends[i-1]:s.ends[i]:s.ends[i]]
}

// Intern returns the number of the shape, adding a copy of it if it is new.
func (s *Shapes) Intern(entries []Entry) uint32 {
	if len(entries) == 0 {
		return 0
	}
	if 2*len(s.ends) >= len(s.table) {
		s.grow()
	}
	h := hashShape(entries)
	mask := uint32(len(s.table) - 1)
	at := h & mask
	for i := s.table[at]; i != 0; i = s.table[at] {
		if s.hash[i] == h && slices.Equal(s.Entries(i), entries) {
			return i
		}
		at = (at + 1) & mask
	}
	i := uint32(len(s.ends))
	s.arena = append(s.arena, entries...)
	s.ends = append(s.ends, uint32(len(s.arena)))
	s.hash = append(s.hash, h)
	s.table[at] = i
	return i
}

// Reset forgets all shapes and keeps the memory.
func (s *Shapes) Reset() {
	keep := min(1, len(s.ends)) // shape 0 stays
	s.arena, s.ends, s.hash = s.arena[:0], s.ends[:keep], s.hash[:keep]
	clear(s.table)
}

// View returns a read-only copy that stays as it is while s goes on growing.
func (s *Shapes) View() Shapes { return Shapes{arena: s.arena, ends: s.ends} }

func (s *Shapes) grow() {
	if len(s.ends) == 0 {
		s.ends = append(s.ends, 0)
		s.hash = append(s.hash, 0)
	}
	if 2*len(s.ends) < len(s.table) {
		return
	}
	s.table = make([]uint32, max(64, 2*len(s.table)))
	mask := uint32(len(s.table) - 1)
	for i := 1; i < len(s.ends); i++ {
		at := s.hash[i] & mask
		for s.table[at] != 0 {
			at = (at + 1) & mask
		}
		s.table[at] = uint32(i)
	}
}

// shapeSeed makes collisions of shapes unpredictable for whoever sends them.
var shapeSeed = Hash([]byte("shapes"))

func hashShape(entries []Entry) uint32 {
	h := shapeSeed
	for _, e := range entries {
		h = (h ^ (uint64(e.Key)<<3 | uint64(e.Type))) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return uint32(h >> 16)
}
