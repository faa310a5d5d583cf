package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/tree"
)

// Summarizer summarizes traces that lie in columns, each a run of rows ordered by start, then by span id.
type Summarizer struct {
	Starts, Ends []uint64
	IDs          []span.SpanID
	Parents      []int32                   // as in Chunk.Parents
	ParentID     func(row int) span.SpanID // asked only for traces whose spans share ids
	Kinds        []int32
	Failed       []bool
	// Services and Names are numbers; their xxHash64 is by number.
	Services, Names           []uint32
	ServiceHashes, NameHashes []uint64

	paths   tree.PathFinder
	circles tree.CircleCutter
	parents []int32 // of the trace, by row of it
	roots   []int32
	async   []bool
	hashes  []uint64 // of the paths from a root to each row
	sorted  []uint64
	above   []int32
	table   []int32  // open addressing: row + 1 by span id
	place   []uint32 // by number of a service: 1 + its place in sum.Services
	sum     TraceSum
	apart   *Summarizer // of traces whose spans share ids
}

// TraceSum is what a Summarizer finds of a trace; it is valid until the next one.
type TraceSum struct {
	Root     int // row
	HasRoot  bool
	Orphans  int
	Shape    uint64
	End      uint64
	Services []ServiceSum // in the order in which they are met
}

// ServiceSum is a service by number.
type ServiceSum struct {
	Number        uint32
	Spans, Errors int
	Critical      uint64
}

// Trace summarizes the rows from lo to below hi.
func (s *Summarizer) Trace(lo, hi int) *TraceSum {
	if s.sharesIDs(s.IDs[lo:hi]) {
		return s.traceApart(lo, hi)
	}
	s.parents = s.parents[:0]
	for _, p := range s.Parents[lo:hi] {
		if p >= 0 {
			p -= int32(lo)
			if uint(p) >= uint(hi-lo) {
				p = tree.LostParent
			}
		}
		s.parents = append(s.parents, p)
	}
	return s.summarize(lo, hi)
}

// summarize is Trace, when parents are known.
func (s *Summarizer) summarize(lo, hi int) *TraceSum {
	ordered := true
	for row, p := range s.parents {
		ordered = ordered && int(p) < row
	}
	if !ordered {
		s.circles.Cut(s.parents)
	}
	t := &s.sum
	*t = TraceSum{Root: -1, Services: t.Services[:0]}
	s.findRoots(lo)
	for row := lo; row < hi; row++ {
		t.End = max(t.End, s.Ends[row])
		of := s.service(s.Services[row])
		of.Spans++
		if s.Failed[row] {
			of.Errors++
		}
	}
	t.Shape = s.shape(lo, ordered)
	s.addCritical(lo, hi)
	for i := range t.Services {
		s.place[t.Services[i].Number] = 0
	}
	return t
}

// findRoots lists the roots of the critical path: the root, or all if no span or more than one names no parent.
func (s *Summarizer) findRoots(lo int) {
	t := &s.sum
	s.roots = s.roots[:0]
	first, named := -1, 0
	for row, p := range s.parents {
		if p >= 0 {
			continue
		}
		s.roots = append(s.roots, int32(row))
		if p == tree.LostParent {
			t.Orphans++
		}
		if p == tree.NoParent {
			if named == 0 {
				first = row
			}
			named++
		}
	}
	if t.HasRoot = named > 0; !t.HasRoot {
		first = int(s.roots[0])
	}
	t.Root = lo + first
	if named == 1 {
		s.roots = append(s.roots[:0], int32(first))
	}
}

// service returns the sum of a service.
func (s *Summarizer) service(number uint32) *ServiceSum {
	for int(number) >= len(s.place) {
		s.place = append(s.place, 0)
	}
	t := &s.sum
	if s.place[number] == 0 {
		t.Services = append(t.Services, ServiceSum{Number: number})
		s.place[number] = uint32(len(t.Services))
	}
	return &t.Services[s.place[number]-1]
}

func (s *Summarizer) addCritical(lo, hi int) {
	spans := tree.Spans{Parents: s.parents, Starts: s.Starts[lo:hi], Ends: s.Ends[lo:hi]}
	if len(s.roots) == 1 && len(s.sum.Services) == 1 { // the path of a root lasts as long as it
		start, end := spans.Times(s.roots[0])
		s.sum.Services[0].Critical = end - start
		return
	}
	kinds, services := s.Kinds[lo:hi], s.Services[lo:hi]
	s.async = s.async[:0]
	for row, p := range s.parents {
		if p >= 0 && tree.IsAsync(kinds[row], kinds[p], services[row] == services[p]) {
			for len(s.async) < len(s.parents) {
				s.async = append(s.async, false)
			}
			s.async[row] = true
			spans.Async = s.async
		}
	}
	for _, p := range s.paths.Find(&spans, s.roots) {
		s.service(services[p.Row]).Critical += p.End - p.Start
	}
}

// shape returns Pattern.Shape.
func (s *Summarizer) shape(lo int, ordered bool) (sum uint64) {
	n := len(s.parents)
	s.hashes = slices.Grow(s.hashes[:0], n)[:n]
	if !ordered {
		clear(s.hashes) // 0 stands for what is not known yet
	}
	for row := range s.parents {
		if ordered {
			s.hashPath(lo, int32(row))
			continue
		}
		s.above = s.above[:0]
		for at := int32(row); at >= 0 && s.hashes[at] == 0; at = s.parents[at] {
			s.above = append(s.above, at)
		}
		for _, at := range slices.Backward(s.above) {
			s.hashPath(lo, at)
		}
	}
	s.sorted = append(s.sorted[:0], s.hashes...)
	slices.Sort(s.sorted)
	for i, hash := range s.sorted {
		if i == 0 || hash != s.sorted[i-1] {
			sum += hash
		}
	}
	return sum
}

// hashPath hashes the path to a row whose parent's is known: the xxHash64 of the parent's (0 for a root), those of service
// and name, and the kind.
func (s *Summarizer) hashPath(lo int, row int32) {
	var buf [28]byte
	if p := s.parents[row]; p >= 0 {
		binary.LittleEndian.PutUint64(buf[:], s.hashes[p])
	}
	at := lo + int(row)
	binary.LittleEndian.PutUint64(buf[8:], s.ServiceHashes[s.Services[at]])
	binary.LittleEndian.PutUint64(buf[16:], s.NameHashes[s.Names[at]])
	binary.LittleEndian.PutUint32(buf[24:], uint32(s.Kinds[at]))
	s.hashes[row] = xxhash.Sum64(buf[:])
}

// sharesIDs reports whether two spans have the same id.
func (s *Summarizer) sharesIDs(ids []span.SpanID) bool {
	if len(ids) <= 8 {
		for i := range ids {
			if slices.Contains(ids[:i], ids[i]) {
				return true
			}
		}
		return false
	}
	size := 1 << bits.Len(uint(2*len(ids)))
	s.table = slices.Grow(s.table[:0], size)[:size]
	clear(s.table)
	for i := range ids {
		at := int(span.Hash(ids[i][:])) & (size - 1)
		for ; s.table[at] != 0; at = (at + 1) & (size - 1) {
			if ids[s.table[at]-1] == ids[i] {
				return true
			}
		}
		s.table[at] = int32(i + 1)
	}
	return false
}

// traceApart is Trace where spans share ids: rows are put in an order that depends on nothing but what they
// are, since it decides whose parent is whose.
func (s *Summarizer) traceApart(lo, hi int) *TraceSum {
	order := make([]int, 0, hi-lo)
	named := make([]span.SpanID, 0, hi-lo)
	for row := lo; row < hi; row++ {
		order = append(order, row)
		named = append(named, s.ParentID(row))
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.Starts[a], s.Starts[b]), bytes.Compare(s.IDs[a][:], s.IDs[b][:]),
			cmp.Compare(s.Kinds[a], s.Kinds[b]), cmp.Compare(s.Ends[a], s.Ends[b]), bytes.Compare(named[a-lo][:], named[b-lo][:]),
			cmp.Compare(s.ServiceHashes[s.Services[a]], s.ServiceHashes[s.Services[b]]), cmp.Compare(s.NameHashes[s.Names[a]], s.NameHashes[s.Names[b]]))
	})
	if s.apart == nil {
		s.apart = &Summarizer{}
	}
	o := s.apart
	o.ServiceHashes, o.NameHashes = s.ServiceHashes, s.NameHashes
	o.Starts, o.Ends, o.IDs, o.Kinds, o.Failed, o.Services, o.Names = o.Starts[:0], o.Ends[:0], o.IDs[:0], o.Kinds[:0], o.Failed[:0], o.Services[:0], o.Names[:0]
	parents := make([]span.SpanID, 0, hi-lo)
	for _, row := range order {
		o.Starts, o.Ends, o.IDs = append(o.Starts, s.Starts[row]), append(o.Ends, s.Ends[row]), append(o.IDs, s.IDs[row])
		o.Kinds, o.Failed = append(o.Kinds, s.Kinds[row]), append(o.Failed, s.Failed[row])
		o.Services, o.Names = append(o.Services, s.Services[row]), append(o.Names, s.Names[row])
		parents = append(parents, named[row-lo])
	}
	o.parents = tree.Link(o.IDs, parents, o.Kinds).Parents
	t := o.summarize(0, hi-lo)
	t.Root = order[t.Root]
	return t
}
