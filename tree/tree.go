// Package tree is how the spans of one trace hang together: who is whose parent, and what the trace
// waited for. It works on columns, and imports nothing of ours but span.
package tree

import (
	"slices"

	"github.com/clewhq/clew/span"
)

// What stands for a parent that is no row.
const (
	NoParent   = -1 // the span names none
	LostParent = -2 // the trace does not have the one that it names
	CutParent  = -3 // the span is the earliest of a circle of parents, which is cut there
)

// OTLP's SpanKinds that say how spans hang together.
const (
	server   = 2
	client   = 3
	producer = 4
	consumer = 5
)

// Links says who is whose parent among the spans of a trace.
type Links struct {
	Parents []int32 // row, or one of the constants above; without circles
	Shared  []bool  // rows whose id another one has too
	// TwoSides has the ids that a client and a server share; true: and nobody else.
	TwoSides map[span.SpanID]bool
	Circles  []int32 // rows with CutParent
}

// Link finds the parents. Rows are ordered by start, then by id. Of spans that share an id the first is
// the parent of what names the id, unless they are the two sides of a call, as in Zipkin: then the server
// is below the client, and the others are below it.
func Link(ids, parents []span.SpanID, kinds []int32) *Links {
	l := &Links{Parents: make([]int32, len(ids)), Shared: make([]bool, len(ids)), TwoSides: map[span.SpanID]bool{}}
	table := newIDTable(ids)
	servers := l.pairSides(table, kinds)
	for row, id := range parents {
		if id.IsZero() {
			l.Parents[row] = NoParent
			continue
		}
		first := table.first(id)
		answers, shared := servers[id]
		switch {
		case first < 0:
			l.Parents[row] = LostParent
		case shared && answers != int32(row) && ids[row] != id:
			l.Parents[row] = answers
		default:
			l.Parents[row] = first
		}
	}
	for id, answers := range servers {
		for row := table.first(id); row >= 0; row = table.next[row] {
			if kinds[row] == client {
				l.Parents[answers] = row
				break
			}
		}
	}
	l.Circles = new(CircleCutter).Cut(l.Parents)
	return l
}

// pairSides finds the spans that share an id, and returns the server's side of each call whose sides do.
func (l *Links) pairSides(table *idTable, kinds []int32) map[span.SpanID]int32 {
	servers := map[span.SpanID]int32{}
	for id := range table.last {
		answers, calls, n := int32(-1), false, 0
		for row := table.first(id); row >= 0; row = table.next[row] {
			n++
			l.Shared[row] = true
			calls = calls || kinds[row] == client
			if kinds[row] == server && answers < 0 {
				answers = row
			}
		}
		if calls && answers >= 0 {
			servers[id] = answers
			l.TwoSides[id] = n == 2
		}
	}
	return servers
}

// CircleCutter cuts circles of parents, in one trace after the other. Its zero value is ready.
type CircleCutter struct {
	state []uint8 // by row
	path  []int32
}

// Cut makes a root of the first row of each circle, and returns these.
func (c *CircleCutter) Cut(parents []int32) (cut []int32) {
	const (
		unseen = iota
		onPath
		done
	)
	state, path := slices.Grow(c.state[:0], len(parents))[:len(parents)], c.path
	defer func() { c.state, c.path = state, path }()
	clear(state)
	for i := range parents {
		path = path[:0]
		row := int32(i)
		for row >= 0 && state[row] == unseen {
			state[row] = onPath
			path = append(path, row)
			row = parents[row]
		}
		if row >= 0 && state[row] == onPath {
			first := slices.Min(path[slices.Index(path, row):])
			cut = append(cut, first)
			parents[first] = CutParent
		}
		for _, row := range path {
			state[row] = done
		}
	}
	return cut
}

// idTable finds the rows of span ids.
type idTable struct {
	ids   []span.SpanID
	slots []int32               // open addressing, power of two: the first row with an id, or -1
	next  []int32               // by row: the next one with the same id, or -1
	last  map[span.SpanID]int32 // the last row of each id that comes twice
}

func newIDTable(ids []span.SpanID) *idTable {
	size := 16
	for size < 2*len(ids) {
		size *= 2
	}
	x := &idTable{ids: ids, slots: make([]int32, size), next: make([]int32, len(ids)), last: map[span.SpanID]int32{}}
	for i := range x.slots {
		x.slots[i] = -1
	}
	for row, id := range ids {
		x.next[row] = -1
		slot := x.find(id)
		first := x.slots[slot]
		if first < 0 {
			x.slots[slot] = int32(row)
			continue
		}
		before, ok := x.last[id]
		if !ok {
			before = first
		}
		x.next[before], x.last[id] = int32(row), int32(row)
	}
	return x
}

// find returns the slot of an id, or the free one that it would get.
func (x *idTable) find(id span.SpanID) int {
	mask := len(x.slots) - 1
	slot := int(span.Hash(id[:])) & mask
	for x.slots[slot] >= 0 && x.ids[x.slots[slot]] != id {
		slot = (slot + 1) & mask
	}
	return slot
}

// first returns the first row with an id, or -1.
func (x *idTable) first(id span.SpanID) int32 { return x.slots[x.find(id)] }
