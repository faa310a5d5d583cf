package traceql

import (
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
	done := e.int32s(s.n)
	clear(done)
	ofL, ofR := e.bitmap(), e.bitmap()
	for first := r.Next(run.Lo); first >= 0 && first < run.Hi; first = r.Next(first + 1) {
		set := s.of[first]
		if done[set] != 0 {
			continue
		}
		done[set] = 1
		clear(ofL)
		clear(ofR)
		for row := run.Lo; row < run.Hi; row++ {
			if s.of[row] != set {
				continue
			}
			if l.Has(row) {
				ofL.Set(row)
			}
			if r.Has(row) {
				ofR.Set(row)
			}
		}
		f(ofL, ofR, run)
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
	parents := e.structure.parents
	below := e.int32s(e.chunk.Len())
	clear(below[run.Lo:run.Hi])
	roots := int32(0)
	lost := map[span.SpanID]int32{}
	count := func(row int) *int32 {
		switch p := parents[row]; p {
		case store.NoParent:
			return &roots
		case store.LostParent, cutParent:
			return nil
		default:
			return &below[p]
		}
	}
	for row := l.Next(run.Lo); row >= 0 && row < run.Hi; row = l.Next(row + 1) {
		if n := count(row); n != nil {
			*n++
		} else if parents[row] == store.LostParent {
			lost[e.parentID(row)]++
		}
	}
	for row := r.Next(run.Lo); row >= 0 && row < run.Hi; row = r.Next(row + 1) {
		siblings := int32(0)
		if n := count(row); n != nil {
			siblings = *n
		} else if len(lost) > 0 && parents[row] == store.LostParent {
			siblings = lost[e.parentID(row)]
		}
		if l.Has(row) {
			siblings--
		}
		if siblings > 0 {
			related.Set(row)
		}
	}
}

// parentID returns the id that a row names as its parent's.
func (e *env) parentID(row int) (id span.SpanID) {
	v, _ := e.stored(store.Of(store.ParentID)).Value(row)
	copy(id[:], v.Str)
	return id
}
