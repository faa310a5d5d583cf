package store

import (
	"iter"
	"math"
	"math/bits"
)

// Bitmap is a set of rows, one bit each. Bits behind the last row are 0.
type Bitmap []uint64

// NewBitmap returns an empty set for n rows.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

func (b Bitmap) Set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b Bitmap) Clear(i int)    { b[i>>6] &^= 1 << (i & 63) }
func (b Bitmap) Has(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }

// And keeps what other has too; Or adds what other has; AndNot takes that away.
func (b Bitmap) And(other Bitmap) {
	for i, w := range other[:len(b)] {
		b[i] &= w
	}
}

func (b Bitmap) Or(other Bitmap) {
	for i, w := range other[:len(b)] {
		b[i] |= w
	}
}

func (b Bitmap) AndNot(other Bitmap) {
	for i, w := range other[:len(b)] {
		b[i] &^= w
	}
}

// Fill sets the rows from lo to hi, hi left out.
func (b Bitmap) Fill(lo, hi int) {
	for ; lo < hi && lo&63 != 0; lo++ {
		b.Set(lo)
	}
	for ; lo+64 <= hi; lo += 64 {
		b[lo>>6] = math.MaxUint64
	}
	for ; lo < hi; lo++ {
		b.Set(lo)
	}
}

// Invert turns the set into that of all others of n rows.
func (b Bitmap) Invert(n int) {
	for i := range b {
		b[i] = ^b[i]
	}
	if n&63 != 0 {
		b[len(b)-1] &= 1<<(n&63) - 1
	}
}

// Any reports whether the set has a row.
func (b Bitmap) Any() bool {
	for _, w := range b {
		if w != 0 {
			return true
		}
	}
	return false
}

// Count returns how many rows the set has.
func (b Bitmap) Count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Next returns the first row of the set at or behind i, or -1.
func (b Bitmap) Next(i int) int {
	at := i >> 6
	if at >= len(b) {
		return -1
	}
	if w := b[at] >> (i & 63); w != 0 {
		return i + bits.TrailingZeros64(w)
	}
	for at++; at < len(b); at++ {
		if b[at] != 0 {
			return at<<6 + bits.TrailingZeros64(b[at])
		}
	}
	return -1
}

// CountIn returns how many rows from lo to hi, hi left out, the set has.
func (b Bitmap) CountIn(lo, hi int) (n int) {
	for i, mask := range words(lo, hi) {
		n += bits.OnesCount64(b[i] & mask)
	}
	return n
}

// ClearRange takes the rows from lo to hi, hi left out, away.
func (b Bitmap) ClearRange(lo, hi int) {
	for i, mask := range words(lo, hi) {
		b[i] &^= mask
	}
}

// words yields the words that have a part of the rows from lo to hi, hi left out, each with that part.
func words(lo, hi int) iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for lo < hi {
			mask := uint64(math.MaxUint64) << (lo & 63)
			next := lo&^63 + 64
			if next > hi {
				mask &= 1<<(hi&63) - 1
			}
			if !yield(lo>>6, mask) {
				return
			}
			lo = next
		}
	}
}
