package tree

import (
	"cmp"
	"math"
	"slices"
)

// Spans are the spans of a trace as a tree. Rows with one parent are ordered by start, then by id.
type Spans struct {
	Parents []int32 // row, or below 0; without circles
	// Starts and Ends are unix nanoseconds, of row i at place At[i], or at i if At is nil.
	// A span that ends before its start is an instant.
	Starts, Ends []uint64
	At           []int32
	Async        []bool // rows that nothing waits for; nil: none
}

// IsAsync reports whether nothing waits for a span: it takes a message that its parent left behind.
func IsAsync(kind, parentKind int32, sameService bool) bool {
	return kind == consumer && (parentKind == producer || !sameService)
}

// Times returns when a row's span was under way.
func (s *Spans) Times(row int32) (start, end uint64) {
	if s.At != nil {
		row = s.At[row]
	}
	return s.Starts[row], max(s.Starts[row], s.Ends[row])
}

// Segment is a part of the critical path: for that time, what the trace waited for was a row's own work.
type Segment struct {
	Row        int32
	Start, End uint64 // unix nanoseconds
}

// Length returns the nanoseconds of a segment.
func (s *Segment) Length() int64 { return int64(min(s.End-s.Start, math.MaxInt64)) }

// visit is a span on the critical path whose children are being looked at, the last to end first.
type visit struct {
	row      int32
	from, to uint64  // what of the path is to be found in it, and is not found yet
	end      uint64  // what to was at first: children are cut off there
	children []int32 // not looked at yet, by end: the last in the list ended last
	place    int     // of children in PathFinder.children
}

// PathFinder finds critical paths, one after the other. Its zero value is ready.
type PathFinder struct {
	spans       *Spans
	path        []Segment
	stack       []visit
	children    []int32 // memory of the lists of stack
	first, next []int32 // by row: its first child, its next sibling, or -1
}

// Find returns the critical path of some roots, the last segment first; it is valid until the next call.
// As Zhang et al. describe it (CRISP, USENIX ATC 2022), the walk goes back from the end of the root:
// a span waited for that of its children which ended last, before that one's start for the one which had
// ended last by then, and so on. What of a child lies outside of its parent is cut off. The path of several
// roots is that of all together, as if something had waited for them that was not recorded.
func (p *PathFinder) Find(s *Spans, roots []int32) []Segment {
	p.spans, p.path, p.stack = s, p.path[:0], p.stack[:0]
	if len(s.Parents) == 1 {
		start, end := s.Times(0)
		p.emit(0, start, end)
		return p.path
	}
	p.linkChildren()
	from, to := s.bounds()
	p.children = append(p.children[:0], roots...)
	p.sortByEnd(p.children)
	p.stack = append(p.stack, visit{row: -1, from: from, to: to, end: to, children: p.children[:len(roots):len(roots)]})
	for len(p.stack) > 0 {
		p.step()
	}
	return p.path
}

// bounds returns the earliest start and the latest end.
func (s *Spans) bounds() (from, to uint64) {
	for row := range s.Parents {
		start, end := s.Times(int32(row))
		if row == 0 {
			from = start
		}
		from, to = min(from, start), max(to, end)
	}
	return from, to
}

func (p *PathFinder) linkChildren() {
	n := len(p.spans.Parents)
	p.first, p.next = slices.Grow(p.first[:0], n)[:n], slices.Grow(p.next[:0], n)[:n]
	for i := range p.first {
		p.first[i] = -1
	}
	for row, up := range slices.Backward(p.spans.Parents) { // so that the earliest comes first
		if up >= 0 {
			p.next[row], p.first[up] = p.first[up], int32(row)
		}
	}
}

// sortByEnd orders rows by end, then by start, else as they are.
func (p *PathFinder) sortByEnd(rows []int32) {
	const few = 12
	if len(rows) > few {
		slices.SortStableFunc(rows, p.compareEnds)
		return
	}
	for i := 1; i < len(rows); i++ { // most lists are short
		for j := i; j > 0 && p.compareEnds(rows[j], rows[j-1]) < 0; j-- {
			rows[j], rows[j-1] = rows[j-1], rows[j]
		}
	}
}

func (p *PathFinder) compareEnds(a, b int32) int {
	startA, endA := p.spans.Times(a)
	startB, endB := p.spans.Times(b)
	if endA != endB {
		return cmp.Compare(endA, endB)
	}
	return cmp.Compare(startA, startB)
}

// step goes from the span on top of the stack into the child that it waited for, or ends it.
func (p *PathFinder) step() {
	v := &p.stack[len(p.stack)-1]
	for n := len(v.children); n > 0; n = len(v.children) {
		child := v.children[n-1]
		v.children = v.children[:n-1]
		start, end := p.spans.Times(child)
		start, end = max(start, v.from), min(end, v.end)
		if start >= min(end, v.to) || end > v.to && end-v.to > tolerance(start, end) {
			continue
		}
		end = min(end, v.to)
		p.emit(v.row, end, v.to)
		v.to = start
		if p.first[child] < 0 {
			p.emit(child, start, end)
			continue
		}
		p.enter(child, start, end)
		return
	}
	p.emit(v.row, v.from, v.to)
	p.children = p.children[:v.place]
	p.stack = p.stack[:len(p.stack)-1]
}

// tolerance is how much later than another began a sibling may end and still count as over by then: clocks are coarse.
func tolerance(start, end uint64) uint64 {
	const (
		coarse = 1000 // nanoseconds
		share  = 100
	)
	return max(coarse, (end-start)/share)
}

func (p *PathFinder) enter(row int32, from, to uint64) {
	place := len(p.children)
	for child := p.first[row]; child >= 0; child = p.next[child] {
		if p.spans.Async == nil || !p.spans.Async[child] {
			p.children = append(p.children, child)
		}
	}
	children := p.children[place:len(p.children):len(p.children)]
	p.sortByEnd(children)
	p.stack = append(p.stack, visit{row, from, to, to, children, place})
}

// emit adds a segment before those that there are.
func (p *PathFinder) emit(row int32, start, end uint64) {
	if start >= end || row < 0 {
		return
	}
	if n := len(p.path); n > 0 && p.path[n-1].Row == row && p.path[n-1].Start == end {
		p.path[n-1].Start = start
		return
	}
	p.path = append(p.path, Segment{row, start, end})
}
