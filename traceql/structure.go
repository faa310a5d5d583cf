package traceql

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// cutParent is the row of the parent of a span that is its own ancestor, where the circle is cut: at the
// earliest of its members, which then counts as a root. It stands beside store.NoParent and store.LostParent.
const cutParent = -3

// structure knows how the spans of the traces of a chunk hang together. It looks at a trace only when asked about it.
type structure struct {
	chunk   store.Chunk
	traceOf []int32 // by row: its trace; empty until asked for
	parents []int32 // by row: the row of its parent, or a negative number; for traces that are known
	known   []bool  // by trace; empty until asked for

	table  []int32 // open addressing: row + 1 by span id
	shared map[span.SpanID]sharedID
	visits []int32 // by row
}

func (s *structure) begin(c store.Chunk) {
	s.chunk = c
	s.traceOf = s.traceOf[:0]
	s.known = s.known[:0]
}

// trace returns the number of a row's trace.
func (s *structure) trace(row int) int {
	if len(s.traceOf) == 0 {
		s.findTraces()
	}
	return int(s.traceOf[row])
}

func (s *structure) findTraces() {
	s.traceOf = sized(s.traceOf, s.chunk.Len())
	for t, run := range s.chunk.Traces() {
		for row := run.Lo; row < run.Hi; row++ {
			s.traceOf[row] = int32(t)
		}
	}
}

// parentsOf returns the rows of the parents, valid for the traces of the given rows.
func (e *env) parentsOf(rows store.Bitmap) []int32 {
	s := &e.structure
	for row := rows.Next(0); row >= 0; {
		t := s.trace(row)
		s.know(t, e)
		row = rows.Next(s.chunk.Traces()[t].Hi)
	}
	return s.parents
}

// know finds out the parents of a trace's spans.
func (s *structure) know(trace int, e *env) {
	if len(s.known) == 0 {
		s.known = sized(s.known, len(s.chunk.Traces()))
		clear(s.known)
	}
	if s.known[trace] {
		return
	}
	s.known[trace] = true
	s.parents = sized(s.parents, s.chunk.Len())
	run := s.chunk.Traces()[trace]
	copy(s.parents[run.Lo:run.Hi], s.chunk.Parents()[run.Lo:run.Hi])
	if s.sharesIDs(run) {
		s.tellApart(run, e)
	}
	for row := run.Lo; row < run.Hi; row++ {
		if int(s.parents[row]) >= row { // else no span can be its own ancestor
			s.cutCircles(run)
			return
		}
	}
}

// idSeed makes collisions unpredictable for whoever sends the ids.
var idSeed = rand.Uint64() | 1

// sharesIDs reports whether two spans of a trace have the same id.
func (s *structure) sharesIDs(run store.TraceRun) bool {
	ids := s.chunk.SpanIDs()
	size := 1 << bits.Len(uint(2*(run.Hi-run.Lo)))
	s.table = sized(s.table, size)
	clear(s.table)
	shift := 64 - bits.TrailingZeros(uint(size))
	for row := run.Lo; row < run.Hi; row++ {
		at := binary.LittleEndian.Uint64(ids[row][:]) * idSeed >> shift
		for ; s.table[at] != 0; at = (at + 1) & uint64(size-1) {
			if ids[s.table[at]-1] == ids[row] {
				return true
			}
		}
		s.table[at] = int32(row + 1)
	}
	return false
}

// sharedID has the first of the spans with one id, and the first of them that sends, and that receives; -1 for none.
type sharedID struct{ first, sender, receiver int32 }

// tellApart finds the parents in a trace in which spans share ids, as both sides of a call do in Zipkin: then
// the receiver is the child of the sender, and the children of that id are the receiver's.
func (s *structure) tellApart(run store.TraceRun, e *env) {
	ids, kinds := s.chunk.SpanIDs(), e.field(store.Of(store.Kind))
	if s.shared == nil {
		s.shared = map[span.SpanID]sharedID{}
	}
	clear(s.shared)
	receives := func(row int) bool { return isOneOf(kinds, row, kindServer, kindConsumer) }
	for row := run.Lo; row < run.Hi; row++ {
		own, ok := s.shared[ids[row]]
		if !ok {
			own = sharedID{int32(row), -1, -1}
		}
		if own.sender < 0 && isOneOf(kinds, row, kindClient, kindProducer) {
			own.sender = int32(row)
		}
		if own.receiver < 0 && receives(row) {
			own.receiver = int32(row)
		}
		s.shared[ids[row]] = own
	}
	for row := run.Lo; row < run.Hi; row++ {
		if own := s.shared[ids[row]]; own.sender >= 0 && receives(row) {
			s.parents[row] = own.sender
		} else if p := s.parents[row]; p >= 0 {
			parent := s.shared[ids[p]]
			s.parents[row] = parent.first
			if parent.sender >= 0 && parent.receiver >= 0 {
				s.parents[row] = parent.receiver
			}
		}
	}
}

// OTLP's numbers of kinds.
const (
	kindServer   = 2
	kindClient   = 3
	kindProducer = 4
	kindConsumer = 5
)

func isOneOf(c *store.Column, row int, a, b int64) bool {
	v, _ := c.Value(row)
	return v.Int() == a || v.Int() == b
}

// cutCircles makes roots of spans, so that no span is its own ancestor.
func (s *structure) cutCircles(run store.TraceRun) {
	s.visits = sized(s.visits, s.chunk.Len())
	clear(s.visits[run.Lo:run.Hi])
	for row := run.Lo; row < run.Hi; row++ {
		walk := int32(row + 1) // marks what this walk up has come by
		up := int32(row)
		for up >= 0 && s.visits[up] == 0 {
			s.visits[up] = walk
			up = s.parents[up]
		}
		if up < 0 || s.visits[up] != walk {
			continue
		}
		earliest := up
		for at := s.parents[up]; at != up; at = s.parents[at] {
			earliest = min(earliest, at)
		}
		s.parents[earliest] = cutParent
		if s.chunk.Parents()[earliest] == store.NoParent { // a root that was made the child of a sender
			s.parents[earliest] = store.NoParent
		}
	}
}

// nested is the nested-set numbering of the traces of a chunk, by row.
type nested struct {
	known              bool
	left, right, above []uint64
}

// number walks down each trace and numbers every span on the way in and on the way out.
func (e *env) number() *nested {
	defer e.release(e.mark())
	if e.nested.known {
		return &e.nested
	}
	n := e.chunk.Len()
	e.nested = nested{true, sized(e.nested.left, n), sized(e.nested.right, n), sized(e.nested.above, n)}
	w := walker{e.parentsOf(e.chunk.Live()), e.int32s(n), e.int32s(n), &e.nested}
	for _, run := range e.chunk.Traces() {
		w.walk(run)
	}
	return &e.nested
}

// walker numbers traces. Lists of children are linked, in order; -1 ends them.
type walker struct {
	parents, child, sibling []int32
	*nested
}

func (w *walker) walk(run store.TraceRun) {
	for row := run.Lo; row < run.Hi; row++ {
		w.child[row] = -1
	}
	root := int32(-1)
	for row := int32(run.Hi - 1); row >= int32(run.Lo); row-- {
		list := &root
		if p := w.parents[row]; p >= 0 {
			list = &w.child[p]
		}
		w.sibling[row], *list = *list, row
	}
	number := uint64(0)
	for row := root; row >= 0; {
		number++
		w.left[row], w.above[row] = number, ^uint64(0)
		if p := w.parents[row]; p >= 0 {
			w.above[row] = w.left[p]
		}
		if w.child[row] >= 0 {
			row = w.child[row]
			continue
		}
		for { // out of this one, and of all of which it was the last
			number++
			w.right[row] = number
			if w.sibling[row] >= 0 || w.parents[row] < 0 {
				row = w.sibling[row]
				break
			}
			row = w.parents[row]
		}
	}
}
