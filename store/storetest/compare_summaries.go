package storetest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// maxModelPath is the most rows of a trace whose critical path is looked for: that takes their square.
const maxModelPath = 2000

// summaryRow is what a summary depends on of a span.
type summaryRow struct {
	id, parent    span.SpanID
	start, end    uint64
	kind          int32
	failed        bool
	service, name string

	up int // place of the parent, or below 0: names none, is lost, is cut
}

// summaryModel makes the summary of one trace as slowly as it is defined.
type summaryModel []summaryRow

// summaries checks the summaries of all traces.
func (c *chunkCheck) summaries() {
	for _, f := range store.SummaryFields() { // the query may not have asked for them
		if !c.form(f, c.Column(f)) {
			return
		}
	}
	got := store.Summaries(c.Chunk)
	if len(got) != len(c.Traces()) {
		c.addf("there are %d summaries of %d traces", len(got), len(c.Traces()))
		return
	}
	for i, run := range c.Traces() {
		var m summaryModel
		for row := run.Lo; row < run.Hi; row++ {
			m = append(m, c.summaryRow(row))
		}
		want := m.summary()
		if len(m) > maxModelPath {
			got[i].Critical, want.Critical = nil, nil
		}
		if got, want := formatSummary(&got[i]), formatSummary(want); got != want {
			c.change("summary of trace "+run.ID.String(), got, want)
		}
	}
}

func (c *chunkCheck) summaryRow(row int) summaryRow {
	s := summaryRow{id: c.SpanIDs()[row], start: c.Starts()[row], end: c.Ends()[row]}
	first := func(f store.Field, use func(v span.Value) (done bool)) {
		c.Values(f, row, func(v span.Value) bool { return !use(v) })
	}
	first(store.Of(store.ParentID), func(v span.Value) bool { copy(s.parent[:], v.Str); return true })
	first(store.Of(store.Kind), func(v span.Value) bool { s.kind = int32(v.Int()); return true })
	first(store.Of(store.Status), func(v span.Value) bool { s.failed = v.Int() == 2; return true })
	first(store.Of(store.Name), func(v span.Value) bool { s.name = strings.Clone(v.Str); return true })
	first(store.Attr(store.ResourceScope, "service.name"), func(v span.Value) bool {
		if v.Type == span.String {
			s.service = strings.Clone(v.Str)
		}
		return v.Type == span.String
	})
	return s
}

func formatSummary(s *store.Summary) string {
	return fmt.Sprintf("root %q of %q (%t), %d orphans, shape %x, end %d, services %+v, critical %v",
		s.RootName, s.RootService, s.HasRoot, s.Orphans, s.Shape, s.End, s.Services, s.Critical)
}

func (m summaryModel) summary() *store.Summary {
	slices.SortFunc(m, func(a, b summaryRow) int {
		return cmp.Or(cmp.Compare(a.start, b.start), slices.Compare(a.id[:], b.id[:]), cmp.Compare(a.kind, b.kind), cmp.Compare(a.end, b.end),
			slices.Compare(a.parent[:], b.parent[:]), cmp.Compare(xxhash.Sum64String(a.service), xxhash.Sum64String(b.service)),
			cmp.Compare(xxhash.Sum64String(a.name), xxhash.Sum64String(b.name)))
	})
	m.findParents()
	s := &store.Summary{Pattern: &store.Pattern{}}
	critical := map[string]uint64{}
	if len(m) <= maxModelPath {
		m.path(critical, -1, m.pathRoots(), 0, ^uint64(0))
	}
	counts := map[string]*store.ServiceCount{}
	root, paths := -1, map[uint64]bool{}
	for i := range m {
		r := &m[i]
		s.End = max(s.End, r.end)
		if counts[r.service] == nil {
			counts[r.service] = &store.ServiceCount{Name: r.service}
		}
		counts[r.service].Spans++
		if r.failed {
			counts[r.service].Errors++
		}
		if r.up == -2 {
			s.Orphans++
		}
		if r.up == -1 && !s.HasRoot || r.up < 0 && root < 0 {
			root, s.HasRoot = i, r.up == -1
		}
		if hash := m.pathHash(i); !paths[hash] {
			paths[hash] = true
			s.Shape += hash
		}
	}
	s.RootName, s.RootService = m[root].name, m[root].service
	for _, of := range counts {
		s.Services = append(s.Services, *of)
	}
	slices.SortFunc(s.Services, func(a, b store.ServiceCount) int { return strings.Compare(a.Name, b.Name) })
	for _, of := range s.Services {
		s.Critical = append(s.Critical, critical[of.Name])
	}
	return s
}

// findParents sets up: the first span with the id that is named, or, if a client and a server share it, the server, which
// is below the client. The earliest span of each circle loses its parent.
func (m summaryModel) findParents() {
	places := map[span.SpanID][]int{}
	for i := range m {
		places[m[i].id] = append(places[m[i].id], i)
	}
	first := func(id span.SpanID, kinds ...int32) int {
		for _, i := range places[id] {
			if len(kinds) == 0 || slices.Contains(kinds, m[i].kind) {
				return i
			}
		}
		return -1
	}
	for i := range m {
		r := &m[i]
		if caller, answers := first(r.id, 3), first(r.id, 2); caller >= 0 && answers == i {
			r.up = caller
			continue
		}
		r.up = -1
		if r.parent.IsZero() {
			continue
		}
		if r.up = first(r.parent); r.up < 0 {
			r.up = -2
		} else if caller, answers := first(r.parent, 3), first(r.parent, 2); caller >= 0 && answers >= 0 && r.id != r.parent {
			r.up = answers
		}
	}
	for i := range m {
		at := m[i].up
		for n := 0; at >= 0 && at != i && n < len(m); n++ {
			at = m[at].up
		}
		if at == i {
			m[i].up = -3
		}
	}
}

func (m summaryModel) pathHash(i int) uint64 {
	var buf []byte
	above := uint64(0)
	if m[i].up >= 0 {
		above = m.pathHash(m[i].up)
	}
	for _, part := range []uint64{above, xxhash.Sum64String(m[i].service), xxhash.Sum64String(m[i].name)} {
		buf = binary.LittleEndian.AppendUint64(buf, part)
	}
	return xxhash.Sum64(binary.LittleEndian.AppendUint32(buf, uint32(m[i].kind)))
}

// pathRoots returns the one span that names no parent, or all that have none.
func (m summaryModel) pathRoots() []int {
	var real, all []int
	for i, r := range m {
		if r.up < 0 {
			all = append(all, i)
		}
		if r.up == -1 {
			real = append(real, i)
		}
	}
	if len(real) == 1 {
		return real
	}
	return all
}

// path adds the critical path below a span, between two times, by service.
func (m summaryModel) path(sum map[string]uint64, row int, children []int, from, to uint64) {
	end := to
	looked := map[int]bool{}
	emit := func(from, to uint64) {
		if row >= 0 && from < to {
			sum[m[row].service] += to - from
		}
	}
	for {
		last, start, until := -1, uint64(0), uint64(0)
		for _, child := range children {
			r := &m[child]
			e := max(r.start, r.end)
			s, cut := max(r.start, from), min(e, end)
			if looked[child] || s >= cut || s >= to || cut > to && cut-to > max(1000, (cut-s)/100) {
				continue
			}
			if last < 0 || e > max(m[last].start, m[last].end) || e == max(m[last].start, m[last].end) && r.start >= m[last].start {
				last, start, until = child, s, min(cut, to)
			}
		}
		if last < 0 {
			emit(from, to)
			return
		}
		looked[last] = true
		emit(until, to)
		var below []int
		for i, r := range m {
			if r.up == last && !(r.kind == 5 && (m[last].kind == 4 || m[last].service != r.service)) {
				below = append(below, i)
			}
		}
		m.path(sum, last, below, start, until)
		to = start
	}
}
