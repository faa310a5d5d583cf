package traceql

import (
	"cmp"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// relate leaves what a structural operator does of the rows l and r of its sides.
func (o *spansetOp) relate(e *env, s *spansets, l, r store.Bitmap) {
	related := e.bitmap()
	e.eachPair(s, l, r, func(l, r store.Bitmap, run store.TraceRun) {
		e.findRelated(o.op.Rel, l, r, related, run)
		if o.op.Union {
			e.findRelated(inverse[o.op.Rel], r, l, related, run)
		}
	})
	copy(s.rows, related)
	if o.op.Not {
		copy(s.rows, r)
		s.rows.AndNot(related)
	}
}

// eachPair calls f for each spanset in which both l and r have rows, with those rows of its trace.
func (e *env) eachPair(s *spansets, l, r store.Bitmap, f func(l, r store.Bitmap, run store.TraceRun)) {
	for row := r.Next(0); row >= 0; {
		t := e.structure.trace(row)
		run := e.chunk.Traces()[t]
		other := l.Next(run.Lo)
		switch {
		case other < 0:
			return
		case other >= run.Hi: // on to the trace of that
			row = r.Next(e.chunk.Traces()[e.structure.trace(other)].Lo)
			continue
		}
		e.structure.know(t, e)
		if s.of == nil {
			f(l, r, run)
		} else {
			e.eachGroup(s, l, r, run, f)
		}
		row = r.Next(run.Hi)
	}
}

// eachGroup is eachPair for the spansets of one trace.
func (e *env) eachGroup(s *spansets, l, r store.Bitmap, run store.TraceRun, f func(l, r store.Bitmap, run store.TraceRun)) {
	defer e.release(e.mark())
	either := e.copyOf(l)
	either.Or(r)
	rows := e.int32s(run.Hi - run.Lo)[:0]
	for row := either.Next(run.Lo); row >= 0 && row < run.Hi; row = either.Next(row + 1) {
		rows = append(rows, int32(row))
	}
	slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(s.of[a], s.of[b]) })
	ofL, ofR := e.bitmap(), e.bitmap()
	for len(rows) > 0 && !e.ended() {
		n := 1
		for n < len(rows) && s.of[rows[n]] == s.of[rows[0]] {
			n++
		}
		group := rows[:n]
		rows = rows[n:]
		for _, row := range group {
			ofL[row>>6] |= l[row>>6] & (1 << (row & 63))
			ofR[row>>6] |= r[row>>6] & (1 << (row & 63))
		}
		f(ofL, ofR, run)
		for _, row := range group {
			ofL.Clear(int(row))
			ofR.Clear(int(row))
		}
	}
}

var inverse = [...]Relation{Child: Parent, Parent: Child, Descendant: Ancestor, Ancestor: Descendant, Sibling: Sibling}

// findRelated adds the rows of r that have the relation to a row of l, in one trace.
func (e *env) findRelated(rel Relation, l, r, related store.Bitmap, run store.TraceRun) {
	parents := e.structure.parents
	switch rel {
	case Child:
		for row := r.Next(run.Lo); row >= 0 && row < run.Hi; row = r.Next(row + 1) {
			if p := parents[row]; p >= 0 && l.Has(int(p)) {
				related.Set(row)
			}
		}
	case Parent:
		for row := l.Next(run.Lo); row >= 0 && row < run.Hi; row = l.Next(row + 1) {
			if p := parents[row]; p >= 0 && r.Has(int(p)) {
				related.Set(int(p))
			}
		}
	case Descendant:
		e.findDescendants(l, r, related, run)
	case Ancestor:
		e.findAncestors(l, r, related, run)
	case Sibling:
		e.findSiblings(l, r, related, run)
	}
}

// findDescendants walks up from each row of r, no span twice.
func (e *env) findDescendants(l, r, related store.Bitmap, run store.TraceRun) {
	defer e.release(e.mark())
	parents := e.structure.parents
	seen, below := e.bitmap(), e.bitmap() // below: in l, or with an ancestor in it
	for row := r.Next(run.Lo); row >= 0 && row < run.Hi; row = r.Next(row + 1) {
		up := int(parents[row])
		for up >= 0 && !seen.Has(up) && !l.Has(up) {
			up = int(parents[up])
		}
		found := up >= 0 && (l.Has(up) || below.Has(up))
		for at := int(parents[row]); at != up; at = int(parents[at]) {
			seen.Set(at)
			if found {
				below.Set(at)
			}
		}
		if found {
			related.Set(row)
		}
	}
}

// findAncestors walks up from each row of l, no span twice.
func (e *env) findAncestors(l, r, related store.Bitmap, run store.TraceRun) {
	defer e.release(e.mark())
	parents := e.structure.parents
	seen := e.bitmap()
	for row := l.Next(run.Lo); row >= 0 && row < run.Hi; row = l.Next(row + 1) {
		for up := int(parents[row]); up >= 0 && !seen.Has(up); up = int(parents[up]) {
			seen.Set(up)
			if r.Has(up) {
				related.Set(up)
			}
		}
	}
}

// findSiblings counts the rows of l below each parent. A row is not its own sibling.
func (e *env) findSiblings(l, r, related store.Bitmap, run store.TraceRun) {
	defer e.release(e.mark())
	c := siblings{env: e, below: e.int32s(e.chunk.Len())}
	c.begin(l, r, run)
	for row := l.Next(run.Lo); row >= 0 && row < run.Hi; row = l.Next(row + 1) {
		if n := c.of(row); n != nil {
			*n++
		}
	}
	for row := r.Next(run.Lo); row >= 0 && row < run.Hi; row = r.Next(row + 1) {
		if n := c.of(row); n != nil && (*n > 1 || *n == 1 && !l.Has(row)) {
			related.Set(row)
		}
	}
}

// siblings has counters for the children of one parent, for roots, and for those that name one parent which is not there.
type siblings struct {
	*env
	below []int32 // by row of the parent
	roots int32
	lost  map[span.SpanID]*int32 // by id of the parent; nil if there are none that share one
}

// begin makes the counters for the rows of l and r zero.
func (s *siblings) begin(l, r store.Bitmap, run store.TraceRun) {
	lost := 0
	for i, rows := range [...]store.Bitmap{l, r} {
		for row := rows.Next(run.Lo); row >= 0 && row < run.Hi; row = rows.Next(row + 1) {
			switch p := s.structure.parents[row]; {
			case p >= 0:
				s.below[p] = 0
			case p == store.LostParent && (i == 0 || !l.Has(row)):
				lost++
			}
		}
	}
	if lost > 1 { // ids are not cheap
		s.lost = map[span.SpanID]*int32{}
	}
}

// of returns the counter for a row; nil if it has no siblings.
func (s *siblings) of(row int) *int32 {
	switch p := s.structure.parents[row]; {
	case p >= 0:
		return &s.below[p]
	case p == store.NoParent:
		return &s.roots
	case p == cutParent || s.lost == nil:
		return nil
	}
	var id span.SpanID
	v, _ := s.field(store.Of(store.ParentID)).Value(row)
	copy(id[:], v.Str)
	n := s.lost[id]
	if n == nil {
		n = new(int32)
		s.lost[id] = n
	}
	return n
}
