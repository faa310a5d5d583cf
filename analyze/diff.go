package analyze

import (
	"cmp"
	"math"
	"slices"
)

// Diff is how trace B differs from trace A. Its nodes are the paths of both: who called whom from the root on, each by
// service, name and kind. A node stands for all spans with its path.
//
// Spans are matched from the roots down: of the spans below two that match, those with the same path match in the
// order of their starts. What is left over of A is missing, of B it is added.
type Diff struct {
	A, B  *Trace
	Pairs []int32    // by row of B: the row of A that it matches, or NoRow
	Nodes []DiffNode // depth first, below a node as in A; what only B has is behind what is before it in B
	DiffCounts
	Services []DiffService // sorted by name
}

// DiffNode is a path with the spans that have it.
type DiffNode struct {
	Parent, Depth int32 // Parent is a place in Nodes, or NoRow
	Service, Name string
	Kind          int32
	Change        Change
	A, B          DiffSide
	DiffCounts
	// Delta is by how many nanoseconds the matched spans of B took longer, together.
	Delta int64

	tookA, tookB int64 // what the matched spans took together
}

// DiffSide is what one of the traces has of a node or a service.
type DiffSide struct {
	Spans, Errors  int
	Duration, Self int64 // of all spans together; nanoseconds
	First          int32 // row of the first span, or NoRow
}

// DiffCounts counts spans: pairs that match, and what is on one side only.
type DiffCounts struct {
	Matched, Missing, Added int
	// Of the pairs: how many took longer or shorter in B, failed only in B, failed only in A.
	Slower, Faster, Broken, Mended int
}

// DiffService is what the traces have of a service.
type DiffService struct {
	Name string
	A, B DiffSide
}

// Change says how a node differs.
type Change uint8

// The changes. Slower and Faster are about the matched spans together.
const (
	Same Change = iota
	Slower
	Faster
	Missing
	Added
)

var changes = [...]string{Same: "same", Slower: "slower", Faster: "faster", Missing: "missing", Added: "added"}

func (c Change) String() string { return changes[c] }

// A duration has changed if it did by more than one part of changedPart, and by more than one part
// of changedTrace of the shorter trace.
const (
	changedPart  = 10
	changedTrace = 200
)

// NewDiff compares two traces.
func NewDiff(a, b *Trace) *Diff {
	m := &diffMaker{
		Diff: &Diff{A: a, B: b}, least: min(a.Duration(), b.Duration()) / changedTrace,
		strings: map[string]uint32{}, paths: map[diffPath]int32{}, services: map[string]*DiffService{},
	}
	nodesA, nodesB := m.add(a, false), m.add(b, true)
	m.match(nodesA, nodesB)
	m.arrange()
	for i := range m.Nodes {
		m.conclude(&m.Nodes[i])
	}
	for _, s := range m.services {
		m.Services = append(m.Services, *s)
	}
	slices.SortFunc(m.Services, func(x, y DiffService) int { return cmp.Compare(x.Name, y.Name) })
	return m.Diff
}

// diffMaker makes a Diff. Until arrange, nodes are in the order in which they were met.
type diffMaker struct {
	*Diff
	least    int64 // by which a duration has changed at least
	strings  map[string]uint32
	paths    map[diffPath]int32
	services map[string]*DiffService

	below []diffList // see list
	next  []int32    // by node: the next one below the same node, or NoRow
}

// diffPath is a node by the one above, or NoRow, and what tells it from the others there.
type diffPath struct {
	parent        int32
	service, name uint32
	kind          int32
}

// diffList is the nodes below one, linked by next.
type diffList struct {
	first, last int32 // or NoRow
	latest      int32 // that was met last in B, or NoRow
}

// list returns the nodes below a node, or the roots for NoRow.
func (m *diffMaker) list(node int32) *diffList {
	for int(node)+1 >= len(m.below) {
		m.below = append(m.below, diffList{NoRow, NoRow, NoRow})
	}
	return &m.below[node+1]
}

// add counts the spans of a trace, and returns the node of each row.
func (m *diffMaker) add(t *Trace, isB bool) []int32 {
	nodes := make([]int32, t.Len())
	for row := range int32(t.Len()) {
		up := int32(NoRow)
		if p := t.Parent[row]; p != NoRow {
			up = nodes[p]
		}
		node := m.node(t, row, up, isB)
		nodes[row] = node
		m.service(t.Services[t.Service(row)]).side(isB).count(t, row)
		m.Nodes[node].side(isB).count(t, row)
	}
	return nodes
}

func (m *diffMaker) node(t *Trace, row, up int32, isB bool) int32 {
	service, name := t.Services[t.Service(row)], t.Name(row)
	path := diffPath{up, m.number(service), m.number(name), t.kind(row)}
	node, known := m.paths[path]
	list := m.list(up)
	if !known {
		node = int32(len(m.Nodes))
		m.paths[path] = node
		n := DiffNode{Parent: up, Service: service, Name: name, Kind: path.kind, A: DiffSide{First: NoRow}, B: DiffSide{First: NoRow}}
		if up != NoRow {
			n.Depth = m.Nodes[up].Depth + 1
		}
		m.Nodes = append(m.Nodes, n)
		m.next = append(m.next, NoRow)
		before := list.last
		if isB {
			before = list.latest
		}
		m.insert(list, node, before)
	}
	if isB && m.Nodes[node].B.Spans == 0 {
		list.latest = node
	}
	return node
}

// insert puts a node behind another one of a list, or first.
func (m *diffMaker) insert(list *diffList, node, before int32) {
	if before == NoRow {
		m.next[node], list.first = list.first, node
	} else {
		m.next[node], m.next[before] = m.next[before], node
	}
	if list.last == before {
		list.last = node
	}
}

func (m *diffMaker) number(s string) uint32 {
	n, ok := m.strings[s]
	if !ok {
		n = uint32(len(m.strings))
		m.strings[s] = n
	}
	return n
}

func (m *diffMaker) service(name string) *DiffService {
	s := m.services[name]
	if s == nil {
		s = &DiffService{Name: name, A: DiffSide{First: NoRow}, B: DiffSide{First: NoRow}}
		m.services[name] = s
	}
	return s
}

func (s *DiffService) side(isB bool) *DiffSide {
	if isB {
		return &s.B
	}
	return &s.A
}

func (n *DiffNode) side(isB bool) *DiffSide {
	if isB {
		return &n.B
	}
	return &n.A
}

func (s *DiffSide) count(t *Trace, row int32) {
	if s.Spans == 0 {
		s.First = row
	}
	s.Spans++
	if t.Failed(row) {
		s.Errors++
	}
	s.Duration = addNanos(s.Duration, took(t, row))
	s.Self = addNanos(s.Self, t.Self[row])
}

// took returns the duration of a row, 0 if it ends before it starts.
func took(t *Trace, row int32) int64 {
	start, end := t.times(row)
	return int64(min(end-start, math.MaxInt64))
}

// addNanos adds durations that are not below 0, as far as the sum can be told.
func addNanos(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// diffPlace is a span by the row above, or NoRow, its node, and how many with that are before it.
type diffPlace struct {
	parent, node int32
	nth          int32
}

// places calls found with the place of each row, the rows above first.
func places(t *Trace, nodes []int32, found func(row int32, at diffPlace)) {
	seen := map[diffPlace]int32{} // by place without nth
	for row := range int32(t.Len()) {
		at := diffPlace{parent: t.Parent[row], node: nodes[row]}
		nth := seen[at]
		seen[at] = nth + 1
		at.nth = nth
		found(row, at)
	}
}

// match finds the pairs.
func (m *diffMaker) match(nodesA, nodesB []int32) {
	rowsA := make(map[diffPlace]int32, m.A.Len())
	places(m.A, nodesA, func(row int32, at diffPlace) { rowsA[at] = row })
	pairs := make([]int32, m.B.Len())
	m.Pairs = pairs
	places(m.B, nodesB, func(row int32, at diffPlace) {
		pairs[row] = NoRow
		if at.parent != NoRow {
			if at.parent = pairs[at.parent]; at.parent == NoRow {
				return
			}
		}
		if of, ok := rowsA[at]; ok {
			pairs[row] = of
			m.pair(&m.Nodes[at.node], of, row)
		}
	})
}

// pair counts two spans that match.
func (m *diffMaker) pair(n *DiffNode, a, b int32) {
	n.Matched++
	tookA, tookB := took(m.A, a), took(m.B, b)
	switch m.change(tookA, tookB-tookA) {
	case Slower:
		n.Slower++
	case Faster:
		n.Faster++
	}
	switch failedA, failedB := m.A.Failed(a), m.B.Failed(b); {
	case failedB && !failedA:
		n.Broken++
	case failedA && !failedB:
		n.Mended++
	}
	n.tookA, n.tookB = addNanos(n.tookA, tookA), addNanos(n.tookB, tookB)
}

// change tells what it is if something that took so long takes longer.
func (m *diffMaker) change(took, delta int64) Change {
	switch most := max(took/changedPart, m.least); {
	case delta > most:
		return Slower
	case -delta > most:
		return Faster
	}
	return Same
}

// arrange brings the nodes into their order.
func (m *diffMaker) arrange() {
	nodes := make([]DiffNode, 0, len(m.Nodes))
	to := make([]int32, len(m.Nodes))
	for at := m.list(NoRow).first; at != NoRow; {
		to[at] = int32(len(nodes))
		nodes = append(nodes, m.Nodes[at])
		n := &nodes[len(nodes)-1]
		up := n.Parent // as it was
		if up != NoRow {
			n.Parent = to[up]
		}
		if first := m.list(at).first; first != NoRow {
			at = first
			continue
		}
		for at != NoRow && m.next[at] == NoRow {
			at = m.Nodes[at].Parent
		}
		if at != NoRow {
			at = m.next[at]
		}
	}
	m.Nodes = nodes
}

// conclude says how a node differs once all is counted, and counts it in the whole.
func (m *diffMaker) conclude(n *DiffNode) {
	n.Missing, n.Added = n.A.Spans-n.Matched, n.B.Spans-n.Matched
	switch {
	case n.A.Spans == 0:
		n.Change = Added
	case n.B.Spans == 0:
		n.Change = Missing
	default:
		n.Delta = n.tookB - n.tookA
		n.Change = m.change(n.tookA, n.Delta)
	}
	m.Matched += n.Matched
	m.Missing += n.Missing
	m.Added += n.Added
	m.Slower += n.Slower
	m.Faster += n.Faster
	m.Broken += n.Broken
	m.Mended += n.Mended
}
