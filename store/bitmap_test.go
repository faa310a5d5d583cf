package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// sets returns a bitmap of n rows and the rows in it, by a list that is easy to trust.
func sets(rng *rand.Rand, n int) (Bitmap, []bool) {
	b, list := NewBitmap(n), make([]bool, n)
	for i := range list {
		if list[i] = rng.IntN(3) == 0; list[i] {
			b.Set(i)
		}
	}
	return b, list
}

// checkBitmap holds b against the rows that it should have, by every way to ask.
func checkBitmap(t *testing.T, what string, b Bitmap, want []bool) {
	t.Helper()
	var rows, got []int
	for i, in := range want {
		if b.Has(i) != in {
			t.Errorf("%s: Has(%d) = %t of %d", what, i, !in, len(want))
		}
		if in {
			rows = append(rows, i)
		}
	}
	for i := b.Next(0); i >= 0; i = b.Next(i + 1) {
		got = append(got, i)
	}
	if !slices.Equal(got, rows) || b.Count() != len(rows) || b.Any() != (len(rows) > 0) {
		t.Errorf("%s: Next finds %d, Count() = %d, Any() = %t, want %d", what, got, b.Count(), b.Any(), rows)
	}
	if n := len(want); n&63 != 0 && b[len(b)-1]>>(n&63) != 0 {
		t.Errorf("%s: bits behind the last of %d rows", what, n)
	}
}

func TestBitmap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 63, 64, 65, 127, 128, 129, 300} {
		each := func(what string, op func(Bitmap, Bitmap), want func(a, b bool) bool) {
			t.Helper()
			a, listA := sets(rng, n)
			b, listB := sets(rng, n)
			before := slices.Clone(b)
			op(a, b)
			for i := range listA {
				listA[i] = want(listA[i], listB[i])
			}
			checkBitmap(t, what, a, listA)
			if !slices.Equal(b, before) {
				t.Errorf("%s changes the other set", what)
			}
		}
		for range 20 {
			each("And", Bitmap.And, func(a, b bool) bool { return a && b })
			each("Or", Bitmap.Or, func(a, b bool) bool { return a || b })
			each("AndNot", Bitmap.AndNot, func(a, b bool) bool { return a && !b })
			each("Invert", func(a, _ Bitmap) { a.Invert(n) }, func(a, _ bool) bool { return !a })
			b, list := sets(rng, n)
			lo, hi := rng.IntN(n+1), rng.IntN(n+1)
			in := 0
			for i := lo; i < hi; i++ {
				if list[i] {
					in++
				}
			}
			if got := b.CountIn(lo, hi); got != in {
				t.Errorf("CountIn(%d, %d) of %d rows = %d, want %d", lo, hi, n, got, in)
			}
			b.Fill(lo, hi)
			for i := lo; i < hi; i++ {
				list[i] = true
			}
			checkBitmap(t, "Fill", b, list)
			lo, hi = rng.IntN(n+1), rng.IntN(n+1)
			b.ClearRange(lo, hi)
			for i := lo; i < hi; i++ {
				list[i] = false
			}
			checkBitmap(t, "ClearRange", b, list)
			if n > 0 {
				i := rng.IntN(n)
				b.Clear(i)
				list[i] = false
				checkBitmap(t, "Clear", b, list)
			}
			if got := b.Next(n + rng.IntN(200)); got != -1 {
				t.Errorf("Next finds row %d of %d", got, n)
			}
		}
	}
}
