package span

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDictInternsEachStringOnce(t *testing.T) {
	var d Dict
	refs := map[string]Ref{"": 0}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		s := randomBytes(rng)
		r := d.InternString(s)
		if want, ok := refs[s]; ok && r != want {
			t.Fatalf("Intern(%q) = %d, and %d before", s, r, want)
		} else if !ok && int(r) != len(refs) {
			t.Fatalf("Intern of the new string %q = %d, want the next ref %d", s, r, len(refs))
		}
		refs[s] = r
	}
	checkDict(t, &d, refs)
	if d.Len() != len(refs) {
		t.Errorf("Len() = %d, want %d", d.Len(), len(refs))
	}
	if _, ok := d.Lookup([]byte("never interned")); ok {
		t.Error("Lookup found a string that was not interned")
	}
}

func TestDictAfterReset(t *testing.T) {
	var d Dict
	d.Reset() // of one that was never used
	for round := range 3 {
		refs := map[string]Ref{"": 0}
		for i := range 200 {
			s := fmt.Sprintf("round %d string %d", round, i)
			refs[s] = d.InternString(s)
		}
		checkDict(t, &d, refs)
		d.Reset()
		for s := range refs {
			if _, ok := d.Lookup([]byte(s)); ok && s != "" {
				t.Fatalf("Lookup(%q) finds a string from before Reset", s)
			}
		}
	}
}

// checkDict holds d against the refs that Intern returned.
func checkDict(t *testing.T, d *Dict, refs map[string]Ref) {
	t.Helper()
	seen := map[Ref]string{}
	for s, r := range refs {
		if other, ok := seen[r]; ok {
			t.Fatalf("%q and %q share ref %d", s, other, r)
		}
		seen[r] = s
		if got := d.String(r); got != s {
			t.Fatalf("String(%d) = %q, want %q", r, got, s)
		}
		if got, ok := d.Lookup([]byte(s)); !ok || got != r {
			t.Fatalf("Lookup(%q) = %d, %v, want %d", s, got, ok, r)
		}
	}
}

func TestDictViewStaysAsItIs(t *testing.T) {
	var d Dict
	a := d.InternString("a")
	view, held := d.View(), d.Bytes(a)
	for i := range 10_000 {
		d.InternString(fmt.Sprint("more ", i))
	}
	if view.Len() != 2 || view.String(a) != "a" || view.String(0) != "" {
		t.Errorf("view has %d strings, %q and %q", view.Len(), view.String(0), view.String(a))
	}
	if string(held) != "a" || cap(held) != 1 {
		t.Errorf("bytes held from before = %q with room for %d, want %q with 1", held, cap(held), "a")
	}
}

func TestDictKnowsInternedBytesByCopy(t *testing.T) {
	var d Dict
	b := []byte("mine")
	r := d.Intern(b)
	copy(b, "YOUR")
	if got := d.String(r); got != "mine" {
		t.Errorf("String = %q after the caller reused its buffer", got)
	}
}

func TestShapesInternEachListOnce(t *testing.T) {
	var s Shapes
	rng := rand.New(rand.NewPCG(2, 2))
	for round := range 3 {
		var all [][]Entry
		for range 2000 {
			list := make([]Entry, rng.IntN(6))
			for i := range list {
				list[i] = Entry{Key: rng.Uint32N(5), Type: Type(rng.IntN(int(numTypes)))}
			}
			id := int(s.Intern(list))
			if len(list) == 0 {
				if id != 0 {
					t.Fatalf("round %d: the empty list is shape %d", round, id)
				}
				continue
			}
			known := slices.IndexFunc(all, func(have []Entry) bool { return slices.Equal(have, list) })
			switch {
			case known >= 0 && id != known+1:
				t.Fatalf("round %d: %v is shape %d, and %d before", round, list, id, known+1)
			case known < 0 && id != len(all)+1:
				t.Fatalf("round %d: %v is shape %d, want the next, %d", round, list, id, len(all)+1)
			case known < 0:
				all = append(all, list)
			}
		}
		for i, want := range all {
			if got := s.Entries(uint32(i + 1)); !slices.Equal(got, want) {
				t.Fatalf("round %d: Entries(%d) = %v, want %v", round, i+1, got, want)
			}
		}
		if s.Len() != len(all)+1 {
			t.Fatalf("round %d: Len() = %d, want %d", round, s.Len(), len(all)+1)
		}
		s.Reset()
	}
}

func randomBytes(rng *rand.Rand) string {
	b := make([]byte, rng.IntN(4))
	for i := range b {
		b[i] = byte(rng.IntN(8)) + 0xfb // wraps: 0 to 2 and bytes that are not UTF-8
	}
	return string(b)
}
