package traceql

import (
	"context"

	"github.com/clewhq/clew/store"
)

// env evaluates what a planner compiled on one chunk after the other. It belongs to one worker.
type env struct {
	plan  *planner
	ctx   context.Context // ends long walks; nil for none
	chunk store.Chunk

	wheres    []store.Bitmap  // by place in planner.where; nil until asked for
	fields    []*store.Column // by place in planner.columns; nil until asked for
	columns   []slotColumn    // by slot
	truths    []store.Bitmap  // by place; nil until asked for
	structure structure
	nested    nested
	keys      []*numbering // by place of a by()

	bitmaps stack[store.Bitmap]
	ints    stack[[]int32]
}

func (p *planner) env() *env {
	return &env{
		plan: p, wheres: make([]store.Bitmap, len(p.where)), fields: make([]*store.Column, len(p.columns)),
		columns: make([]slotColumn, len(p.slots)), truths: make([]store.Bitmap, p.truths),
		keys: make([]*numbering, p.groups),
	}
}

// begin turns to the next chunk.
func (e *env) begin(c store.Chunk) {
	e.chunk = c
	clear(e.wheres)
	clear(e.fields)
	for i := range e.columns {
		e.columns[i].made = false
	}
	clear(e.truths)
	e.structure.begin(c)
	e.nested.known = false
	e.release(mark{})
}

// ended reports whether nobody waits for the answer any more.
func (e *env) ended() bool { return e.ctx != nil && e.ctx.Err() != nil }

// err returns why what was evaluated is not to be used.
func (e *env) err() error {
	if e.ended() {
		return e.ctx.Err()
	}
	return e.chunk.Err()
}

// where returns the rows on which a predicate of the planner holds. They must not be changed.
func (e *env) where(i int) store.Bitmap {
	if e.wheres[i] == nil {
		e.wheres[i] = e.chunk.Where(i)
	}
	return e.wheres[i]
}

// truth returns the rows of the chunk on which a condition holds that is used as a value.
func (e *env) truth(t truth) store.Bitmap {
	if e.truths[t.place] == nil {
		rows := make(store.Bitmap, len(e.chunk.Live()))
		copy(rows, e.chunk.Live())
		t.node.narrow(e, rows)
		e.truths[t.place] = rows
	}
	return e.truths[t.place]
}

// stack lends pieces of memory that are used again when they were given back.
type stack[T any] struct {
	pieces []T
	used   int
}

// mark is a state of the env's stacks. What was lent since ends with release.
type mark struct{ bitmaps, ints int }

func (e *env) mark() mark { return mark{e.bitmaps.used, e.ints.used} }

func (e *env) release(m mark) { e.bitmaps.used, e.ints.used = m.bitmaps, m.ints }

// bitmap lends an empty set of rows, until the enclosing release.
func (e *env) bitmap() store.Bitmap {
	b := e.rawBitmap()
	clear(b)
	return b
}

// copyOf lends a copy of a set of rows.
func (e *env) copyOf(rows store.Bitmap) store.Bitmap {
	b := e.rawBitmap()
	copy(b, rows)
	return b
}

func (e *env) rawBitmap() store.Bitmap {
	n := len(e.chunk.Live())
	s := &e.bitmaps
	if s.used == len(s.pieces) {
		s.pieces = append(s.pieces, nil)
	}
	b := &s.pieces[s.used]
	s.used++
	if cap(*b) < n {
		*b = make(store.Bitmap, n)
	}
	*b = (*b)[:n]
	return *b
}

// list lends the numbers of the rows of a set.
func (e *env) list(set store.Bitmap) []int32 {
	list := e.int32s(set.Count())[:0]
	for row := set.Next(0); row >= 0; row = set.Next(row + 1) {
		list = append(list, int32(row))
	}
	return list
}

// int32s lends n numbers, whatever they are.
func (e *env) int32s(n int) []int32 {
	s := &e.ints
	if s.used == len(s.pieces) {
		s.pieces = append(s.pieces, nil)
	}
	p := &s.pieces[s.used]
	s.used++
	if cap(*p) < n {
		*p = make([]int32, n)
	}
	*p = (*p)[:n]
	return *p
}
