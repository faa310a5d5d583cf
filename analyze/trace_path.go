package analyze

import (
	"cmp"
	"math"
	"slices"
)

// Segment is a part of the critical path: for that time, what the trace waited for was a row's own work.
type Segment struct {
	Row        int32
	Start, End uint64 // unix nanoseconds
}

// Length returns the nanoseconds of a segment.
func (s *Segment) Length() int64 { return length(s.Start, s.End) }

// isAsync reports whether nothing waits for a row: it takes a message that its parent left behind.
func (t *Trace) isAsync(row int32) bool {
	up := t.Parent[row]
	return up != NoRow && t.kind(row) == consumer &&
		(t.kind(up) == producer || t.Service(row) != t.Service(up))
}

// findSelf sets Self: the time of each row's span less that of its children which it waits for, each
// moment once, as far as they lie within it.
func (t *Trace) findSelf() {
	t.Self = make([]int64, t.Len())
	for row := range t.Self {
		start, end := t.times(int32(row))
		self, covered := end-start, start
		for child := range t.Children(int32(row)) {
			from, to := t.times(child)
			from, to = max(from, covered), min(to, end)
			if from < to && !t.isAsync(child) {
				self -= to - from
				covered = to
			}
		}
		t.Self[row] = int64(min(self, math.MaxInt64))
	}
}

// visit is a span on the critical path whose children are being looked at, the last to end first.
type visit struct {
	row      int32
	from, to uint64  // what of the path is to be found in it, and is not found yet
	end      uint64  // what to was at first: children are cut off there
	children []int32 // not looked at yet, by end: the last in the list ended last
	first    int     // place of children in pathfinder.children
}

// pathfinder walks back from the end of a trace.
type pathfinder struct {
	*Trace
	stack    []visit
	children []int32 // memory of the lists of stack
}

// findPath sets Path and Critical. As Zhang et al. describe it (CRISP, USENIX ATC 2022), the walk
// goes back from the end of the root: a span waited for that of its children which ended last, before
// that one's start for the one which had ended last by then, and so on. What of a child lies outside of its parent
// is cut off.
//
// The path is that of the root. If no span or more than one names no parent it is that of all roots
// together, as if something had waited for them that was not recorded.
func (t *Trace) findPath() {
	t.Critical = make([]int64, t.Len())
	p := &pathfinder{Trace: t}
	roots := t.pathRoots()
	slices.SortStableFunc(roots, t.byEnd)
	p.stack = append(p.stack, visit{row: NoRow, from: t.Start, to: t.End, end: t.End, children: roots})
	for len(p.stack) > 0 {
		p.step()
	}
	slices.Reverse(t.Path)
	for _, s := range t.Path {
		t.Critical[s.Row] = addUpTo(t.Critical[s.Row], s.Length())
	}
}

// pathRoots returns the rows that the path begins with.
func (t *Trace) pathRoots() []int32 {
	var real, all []int32
	for row := int32(0); int(row) < t.Len(); row += 1 + t.Below[row] {
		all = append(all, row)
		if t.Spans.Parents[t.At[row]].IsZero() {
			real = append(real, row)
		}
	}
	if len(real) == 1 {
		return real
	}
	return all
}

func (t *Trace) byEnd(a, b int32) int {
	startA, endA := t.times(a)
	startB, endB := t.times(b)
	return cmp.Or(cmp.Compare(endA, endB), cmp.Compare(startA, startB))
}

// step goes from the span on top of the stack into the child that it waited for, or ends it.
func (p *pathfinder) step() {
	v := &p.stack[len(p.stack)-1]
	for n := len(v.children); n > 0; n = len(v.children) {
		child := v.children[n-1]
		v.children = v.children[:n-1]
		start, end := p.times(child)
		start, end = max(start, v.from), min(end, v.end)
		if start >= min(end, v.to) || end > v.to && end-v.to > tolerance(start, end) {
			continue
		}
		end = min(end, v.to)
		p.emit(v.row, end, v.to)
		v.to = start
		p.enter(child, start, end)
		return
	}
	p.emit(v.row, v.from, v.to)
	p.leave()
}

// tolerance is how much later than another began a sibling may end and still count as over by then: clocks are coarse.
func tolerance(start, end uint64) uint64 {
	const (
		coarse = 1000 // nanoseconds
		share  = 100
	)
	return max(coarse, (end-start)/share)
}

func (p *pathfinder) enter(row int32, from, to uint64) {
	first := len(p.children)
	for child := range p.Children(row) {
		if !p.isAsync(child) {
			p.children = append(p.children, child)
		}
	}
	children := p.children[first:len(p.children):len(p.children)]
	slices.SortStableFunc(children, p.byEnd)
	p.stack = append(p.stack, visit{row, from, to, to, children, first})
}

func (p *pathfinder) leave() {
	last := len(p.stack) - 1
	p.children = p.children[:p.stack[last].first]
	p.stack = p.stack[:last]
}

// emit adds a segment before those that there are.
func (p *pathfinder) emit(row int32, start, end uint64) {
	if start >= end || row == NoRow {
		return
	}
	if n := len(p.Path); n > 0 && p.Path[n-1].Row == row && p.Path[n-1].Start == end {
		p.Path[n-1].Start = start
		return
	}
	p.Path = append(p.Path, Segment{row, start, end})
}
