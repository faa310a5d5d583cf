package tree

import (
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
)

func ids(list ...byte) (out []span.SpanID) {
	for _, b := range list {
		out = append(out, span.SpanID{7: b})
	}
	return out
}

func TestLink(t *testing.T) {
	for _, c := range []struct {
		name         string
		ids, parents []span.SpanID
		kinds, want  []int32
	}{
		{"a chain", ids(1, 2, 3), ids(0, 1, 2), []int32{2, 3, 2}, []int32{NoParent, 0, 1}},
		{"a child that starts first", ids(2, 1), ids(1, 0), []int32{1, 1}, []int32{1, NoParent}},
		{"a parent that is not there", ids(1, 2), ids(9, 1), []int32{1, 1}, []int32{LostParent, 0}},
		{"both sides of a call share an id", ids(1, 2, 2, 3), ids(0, 1, 1, 2), []int32{2, 3, 2, 1}, []int32{NoParent, 0, 1, 2}},
		{"the call is the root", ids(1, 1, 2), ids(0, 0, 1), []int32{3, 2, 1}, []int32{NoParent, 0, 1}},
		{"the call is the root, the server starts first", ids(1, 1, 2), ids(0, 0, 1), []int32{2, 3, 1}, []int32{1, NoParent, 0}},
		{"a child that starts before both", ids(2, 1, 1), ids(1, 0, 0), []int32{1, 2, 3}, []int32{1, 2, NoParent}},
		{"the server was not told the parent", ids(1, 2, 2, 3), ids(0, 0, 1, 2), []int32{2, 2, 3, 1}, []int32{NoParent, 2, 0, 1}},
		{"the client was not told the parent", ids(1, 2, 2, 3), ids(0, 1, 0, 2), []int32{2, 2, 3, 1}, []int32{NoParent, 2, NoParent, 1}},
		{"an id that comes twice", ids(1, 2, 2, 3), ids(0, 1, 1, 2), []int32{1, 1, 1, 1}, []int32{NoParent, 0, 0, 1}},
		{"its own parent", ids(1, 2), ids(1, 1), []int32{1, 1}, []int32{CutParent, 0}},
		{"a circle behind a span", ids(1, 2, 3), ids(3, 3, 2), []int32{1, 1, 1}, []int32{2, CutParent, 1}},
	} {
		if got := Link(c.ids, c.parents, c.kinds).Parents; !slices.Equal(got, c.want) {
			t.Errorf("%s: parents are %d, want %d", c.name, got, c.want)
		}
	}
}

func TestFind(t *testing.T) {
	// The root waits for row 1, then for row 3; row 2 ends before row 1 does, and nothing waits for row 4.
	s := &Spans{
		Parents: []int32{NoParent, 0, 0, 0, 0},
		Starts:  []uint64{0, 10_000, 11_000, 50_000, 55_000},
		Ends:    []uint64{100_000, 40_000, 30_000, 90_000, 200_000},
		Async:   []bool{4: true},
	}
	want := []Segment{{0, 90_000, 100_000}, {3, 50_000, 90_000}, {0, 40_000, 50_000}, {1, 10_000, 40_000}, {0, 0, 10_000}}
	var finder PathFinder
	for range 2 { // in the same memory
		if got := finder.Find(s, []int32{0}); !slices.Equal(got, want) {
			t.Errorf("the path is %v, want %v", got, want)
		}
	}
	one := &Spans{Parents: []int32{NoParent}, Starts: []uint64{5}, Ends: []uint64{3}}
	if got := finder.Find(one, []int32{0}); len(got) != 0 {
		t.Errorf("a span that ends before its start has the path %v", got)
	}
}
