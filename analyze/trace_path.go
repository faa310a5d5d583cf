package analyze

import (
	"math"
	"slices"

	"github.com/clewhq/clew/tree"
)

// isAsync reports whether nothing waits for a row.
func (t *Trace) isAsync(row int32) bool {
	up := t.Parent[row]
	return up != NoRow && tree.IsAsync(t.kind(row), t.kind(up), t.Service(row) == t.Service(up))
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

// findPath sets Path and Critical.
func (t *Trace) findPath() {
	s := tree.Spans{Parents: t.Parent, Starts: t.Spans.Starts, Ends: t.Spans.Ends, At: t.At, Async: make([]bool, t.Len())}
	for row := range s.Async {
		s.Async[row] = t.isAsync(int32(row))
	}
	t.Critical = make([]int64, t.Len())
	t.Path = new(tree.PathFinder).Find(&s, t.pathRoots())
	slices.Reverse(t.Path)
	for _, p := range t.Path {
		t.Critical[p.Row] = addUpTo(t.Critical[p.Row], p.Length())
	}
}

// pathRoots returns the rows that the path begins with: the root, or all roots if no span or more than one
// names no parent.
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
