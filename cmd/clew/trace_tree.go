package main

import (
	"cmp"
	"slices"

	"github.com/clewhq/clew/span"
)

// waterfall is a trace as a tree. Its nodes are the spans, ordered by start,
// and behind them one node for each parent that is not in the trace.
type waterfall struct {
	id       span.TraceID
	gaps     []string
	warnings []string
	sampling string // what was decided at the tail; "" if nothing was

	nodes []traceSpan
	spans int // nodes[spans:] stand for missing parents

	parent []int32 // node of the parent, or none
	order  []int32 // nodes as they are drawn, parents before children
	depth  []int32 // of each node; roots have 0
	below  []int32 // spans under each node
	last   []bool  // whether a node is the last child of its parent
	logs   waterfallLogs
	looped int // spans that lost their parent to break a circle
}

const none = -1

func newWaterfall(spans []traceSpan) *waterfall {
	slices.SortFunc(spans, func(a, b traceSpan) int {
		return cmp.Or(cmp.Compare(a.start, b.start), slices.Compare(a.id[:], b.id[:]))
	})
	w := &waterfall{nodes: spans, spans: len(spans)}
	w.findParents()
	w.breakCircles()
	w.arrange()
	return w
}

// findParents sets parent, adding a node for each parent that is missing. Of
// spans that share an id the first one is the parent of all children.
func (w *waterfall) findParents() {
	byID := make(map[span.SpanID]int32, len(w.nodes))
	for i := range w.nodes {
		if _, ok := byID[w.nodes[i].id]; !ok {
			byID[w.nodes[i].id] = int32(i)
		}
	}
	for i := range w.spans {
		s := w.nodes[i]
		if s.parent.IsZero() {
			w.parent = append(w.parent, none)
			continue
		}
		at, ok := byID[s.parent]
		if !ok {
			at = int32(len(w.nodes))
			byID[s.parent] = at
			w.nodes = append(w.nodes, traceSpan{id: s.parent, start: s.start})
		}
		w.parent = append(w.parent, at)
	}
	for range w.nodes[w.spans:] {
		w.parent = append(w.parent, none)
	}
}

// breakCircles makes a root of one span in each circle of parents.
func (w *waterfall) breakCircles() {
	const (
		unseen = iota
		onPath
		done
	)
	state := make([]uint8, len(w.nodes))
	var path []int32
	for i := range w.nodes {
		path = path[:0]
		at := int32(i)
		for at != none && state[at] == unseen {
			state[at] = onPath
			path = append(path, at)
			at = w.parent[at]
		}
		if at != none && state[at] == onPath {
			w.parent[at] = none
			w.looped++
		}
		for _, at := range path {
			state[at] = done
		}
	}
}

// arrange sets order, depth, below and last.
func (w *waterfall) arrange() {
	children, roots := w.children()
	n := len(w.nodes)
	w.order, w.depth = make([]int32, 0, n), make([]int32, n)
	w.below, w.last = make([]int32, n), make([]bool, n)
	stack := slices.Clone(roots)
	slices.Reverse(stack)
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		w.order = append(w.order, at)
		for i, child := range slices.Backward(children[at]) {
			w.depth[child] = w.depth[at] + 1
			w.last[child] = i == len(children[at])-1
			stack = append(stack, child)
		}
	}
	for _, at := range slices.Backward(w.order) {
		if up := w.parent[at]; up != none {
			w.below[up] += w.below[at] + 1
		}
	}
}

// children lists the children of each node and the roots, ordered by start.
func (w *waterfall) children() (children [][]int32, roots []int32) {
	counts := make([]int32, len(w.nodes))
	for _, up := range w.parent {
		if up != none {
			counts[up]++
		}
	}
	arena := make([]int32, len(w.nodes))
	children = make([][]int32, len(w.nodes))
	for at, n := range counts {
		children[at], arena = arena[:0:n], arena[n:]
	}
	for at, up := range w.parent {
		if up == none {
			roots = append(roots, int32(at))
		} else {
			children[up] = append(children[up], int32(at))
		}
	}
	slices.SortStableFunc(roots, func(a, b int32) int { return cmp.Compare(w.nodes[a].start, w.nodes[b].start) })
	return children, roots
}

// isMissing reports whether a node stands for a parent that is not there.
func (w *waterfall) isMissing(at int32) bool { return int(at) >= w.spans }
