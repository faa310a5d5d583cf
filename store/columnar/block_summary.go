package columnar

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// The summary of a trace (store.Summary) stands in three columns. What many traces have in common is a string:
//
//	uvarint  patternRooted | patternWhole | patternOutlasted, and the number of orphans from bit 3 on
//	8 bytes  shape
//	uvarint  the root's row in the trace
//	uvarint  number of services; for each, ascending by resource:
//	           uvarint  the first resource in the block's table with this name
//	           uvarint  spans, shifted left by one, plus 1 if it is on the critical path
//	           uvarint  errors
//	uvarint  place of the root's service among these; the rest is the root's name
//
// An empty pattern says that the trace has no summary: it lies in several chunks.
const (
	patternRooted    = 1 << iota // HasRoot
	patternWhole                 // the critical path lasts from the trace's start to its end: the last service on it is left out
	patternOutlasted             // a span ends after the root
	patternOrphans
)

// summaryWriter makes the summaries of the pending chunk.
type summaryWriter struct {
	store.Summarizer
	resources []uint32          // by place in the table of resources: number of the service
	first     []uint32          // by number of a service: its first resource
	numbers   map[string]uint32 // of services
	patterns  rowSet            // those of the chunk, as its local strings
	places    map[string]uint32 // in patterns
	scratch   []byte
	codes     []uint64 // by trace: place in patterns
}

// gatherSummaries fills the columns of summaries; those of rows are filled.
func (w *blockWriter) gatherSummaries() {
	s, p := &w.summaries, &w.pending
	s.readRows(w)
	s.patterns.reset()
	if s.places == nil {
		s.places = map[string]uint32{}
	}
	clear(s.places)
	s.codes = s.codes[:0]
	at := 0
	for i, t := range p.traces {
		lo := at
		at += int(t.rows)
		s.scratch = s.scratch[:0]
		if !(i == 0 && p.continues || i == len(p.traces)-1 && p.cut) {
			sum := s.Trace(lo, at)
			s.append(w, sum, lo, sum.End-t.start)
		}
		s.codes = append(s.codes, uint64(s.place()))
	}
	tag := uint64(w.setTag(&s.patterns)) << 32
	for _, code := range s.codes {
		w.put(w.cols[colSummaryPattern], tag|localRef|code)
	}
}

// readRows brings the columns of the pending chunk in the form of a Summarizer.
func (s *summaryWriter) readRows(w *blockWriter) {
	rows := w.pending.rows
	n := len(rows)
	s.Starts, s.Ends, s.IDs, s.Parents = resizeTo(s.Starts, n), resizeTo(s.Ends, n), resizeTo(s.IDs, n), resizeTo(s.Parents, n)
	s.Kinds, s.Failed, s.Services, s.Names = resizeTo(s.Kinds, n), resizeTo(s.Failed, n), resizeTo(s.Services, n), resizeTo(s.Names, n)
	row := 0
	for _, t := range w.pending.traces {
		start := t.start
		for range t.rows {
			start += w.cols[colStart].vals[row]
			s.Starts[row], s.Ends[row] = start, start+w.cols[colDuration].vals[row]
			row++
		}
	}
	for row := range s.IDs {
		s.IDs[row] = span.SpanID(w.cols[colSpanID].ids[8*row:])
	}
	for row, kind := range w.cols[colKind].vals {
		s.Kinds[row] = int32(kind)
	}
	for row, status := range w.cols[colStatus].vals {
		s.Failed[row] = status == statusError
	}
	s.ParentID = func(row int) span.SpanID { return rows[row].rs.Parents[rows[row].row] }
	for row, code := range w.cols[colParent].vals {
		parent := store.NoParent - int32(code)
		if code > 1 {
			parent = int32(parentRow(row, code))
		}
		s.Parents[row] = parent
	}
	for row, resource := range w.cols[colResource].vals {
		s.Services[row] = s.serviceOf(w.tables.dst, uint32(resource))
	}
	w.stamp++
	s.NameHashes = s.NameHashes[:0]
	for row, name := range w.cols[colName].vals {
		m := w.mark(name)
		if m.stamp != w.stamp {
			*m = mark{w.stamp, uint32(len(s.NameHashes))}
			s.NameHashes = append(s.NameHashes, xxhash.Sum64(w.resolve(name)))
		}
		s.Names[row] = m.code
	}
}

// statusError is OTLP's number of the status.
const statusError = 2

// serviceOf returns the number of a resource's service.
func (s *summaryWriter) serviceOf(tables *span.Batch, resource uint32) uint32 {
	for int(resource) >= len(s.resources) {
		if s.numbers == nil {
			s.numbers = map[string]uint32{}
		}
		at := uint32(len(s.resources))
		name := serviceName(tables, at)
		number, ok := s.numbers[name]
		if !ok {
			number = uint32(len(s.first))
			s.numbers[name] = number
			s.first, s.ServiceHashes = append(s.first, at), append(s.ServiceHashes, xxhash.Sum64String(name))
		}
		s.resources = append(s.resources, number)
	}
	return s.resources[resource]
}

// serviceName returns the first service.name of a resource that is a string.
func serviceName(tables *span.Batch, resource uint32) string {
	a := tables.Resources[resource].Attrs
	for i, e := range tables.Shapes.Entries(a.Shape) {
		if e.Type == span.String && string(tables.Dict.Bytes(e.Key)) == "service.name" {
			return tables.Dict.String(span.Ref(tables.Values[int(a.First)+i]))
		}
	}
	return ""
}

// append writes the pattern of a trace to scratch, and what it has of the critical path to that column.
func (s *summaryWriter) append(w *blockWriter, t *store.TraceSum, lo int, duration uint64) {
	slices.SortFunc(t.Services, func(a, b store.ServiceSum) int { return int(a.Number) - int(b.Number) })
	head, total, last := uint64(t.Orphans)*patternOrphans, uint64(0), -1
	for i := range t.Services {
		if c := t.Services[i].Critical; c > 0 {
			total += c
			last = i
		}
	}
	if t.HasRoot {
		head |= patternRooted
	}
	if last >= 0 && total == duration {
		head |= patternWhole
	}
	if after := t.End - s.Ends[t.Root]; after > 0 {
		head |= patternOutlasted
		w.put(w.cols[colSummaryEnd], after)
	}
	s.scratch = binary.AppendUvarint(s.scratch, head)
	s.scratch = binary.LittleEndian.AppendUint64(s.scratch, t.Shape)
	s.scratch = binary.AppendUvarint(s.scratch, uint64(t.Root-lo))
	s.scratch = binary.AppendUvarint(s.scratch, uint64(len(t.Services)))
	root := 0
	for i, of := range t.Services {
		spans := uint64(of.Spans) << 1
		if of.Critical > 0 {
			spans |= 1
			if i != last || head&patternWhole == 0 {
				w.put(w.cols[colSummaryCritical], of.Critical)
			}
		}
		s.scratch = binary.AppendUvarint(s.scratch, uint64(s.first[of.Number]))
		s.scratch = binary.AppendUvarint(s.scratch, spans)
		s.scratch = binary.AppendUvarint(s.scratch, uint64(of.Errors))
		if of.Number == s.Services[t.Root] {
			root = i
		}
	}
	s.scratch = binary.AppendUvarint(s.scratch, uint64(root))
	s.scratch = append(s.scratch, w.resolve(w.cols[colName].vals[t.Root])...)
}

// place returns the place of the pattern in scratch.
func (s *summaryWriter) place() uint32 {
	at, ok := s.places[string(s.scratch)]
	if !ok {
		at = uint32(len(s.patterns.local))
		pattern := string(s.scratch)
		s.places[pattern] = at
		s.patterns.local = append(s.patterns.local, []byte(pattern))
	}
	return at
}

// tracePattern is a pattern as it is read.
type tracePattern struct {
	store.Pattern
	spans     int
	root      int // row in the trace
	outlasted bool
	path      []int    // places in Services of those of which the critical path has a value
	rest      int      // place in Services of the one that has the rest of it, or -1
	none      []uint64 // a zero for each of Services
}

func parsePattern(raw []byte, tables *span.Batch) (*tracePattern, error) {
	p, r := new(tracePattern), reader{src: raw}
	head := r.uvarint()
	p.HasRoot, p.outlasted, p.rest = head&patternRooted != 0, head&patternOutlasted != 0, -1
	p.Orphans = int(min(head/patternOrphans, maxCount))
	p.Shape = r.fixed64()
	p.root = int(min(r.uvarint(), maxCount))
	n := r.number(uint64(len(raw)) / 3)
	for range n {
		resource, spans, errors := r.uvarint(), r.uvarint(), r.uvarint()
		if resource >= uint64(len(tables.Resources)) || spans>>1 > maxCount || errors > spans>>1 {
			r.fail("resource %d with %d spans, %d errors", resource, spans>>1, errors)
			break
		}
		p.Services = append(p.Services, store.ServiceCount{Name: serviceName(tables, uint32(resource)), Spans: int(spans >> 1), Errors: int(errors)})
		if spans&1 != 0 {
			p.path = append(p.path, len(p.Services)-1)
		}
		p.spans += int(spans >> 1)
	}
	root := r.uvarint()
	if r.err == nil && (root >= uint64(len(p.Services)) || p.root >= p.spans) {
		r.fail("root in row %d of %d, of service %d of %d", p.root, p.spans, root, len(p.Services))
	}
	if r.err != nil {
		return nil, fmt.Errorf("pattern of a trace: %w", r.err)
	}
	p.RootService, p.RootName = p.Services[root].Name, string(r.src)
	if last := len(p.path) - 1; head&patternWhole != 0 && last >= 0 {
		p.rest, p.path = p.path[last], p.path[:last]
	}
	p.sortServices()
	return p, nil
}

// sortServices puts Services, which are in the order of the file, in that of their names.
func (p *tracePattern) sortServices() {
	from, to := make([]int, len(p.Services)), make([]int, len(p.Services))
	for i := range from {
		from[i] = i
	}
	written := p.Services
	slices.SortFunc(from, func(a, b int) int { return cmp.Compare(written[a].Name, written[b].Name) })
	p.Services, p.none = make([]store.ServiceCount, len(from)), make([]uint64, len(from))
	for place, at := range from {
		to[at], p.Services[place] = place, written[at]
	}
	for i, at := range p.path {
		p.path[i] = to[at]
	}
	if p.rest >= 0 {
		p.rest = to[p.rest]
	}
}

// summaryReader reads the summaries of a block's chunks. It belongs to an evaluator.
type summaryReader struct {
	shared   []*tracePattern // by code of the column's dictionary
	local    []*tracePattern // by place in the piece of the chunk
	list     []store.Summary // of the present chunk, by trace; no pattern: it has none
	critical []uint64
	// outlast and values are what is left of the columns.
	outlast, values []uint64
}

// summaries returns the summaries of all traces of the present chunk, without a pattern where the block has none.
func (c *blockChunk) summaries() []store.Summary {
	v := c.v
	s := &v.summarized
	s.list, s.critical = s.list[:0], s.critical[:0]
	if v.dir.fixed <= colSummaryPattern {
		return nil // a block of version 1 or 2
	}
	patterns, starts, ends := v.strings(colSummaryPattern), v.ints(colTraceStart), c.Ends()
	if v.err == nil && (patterns == nil || int(v.column(colSummaryPattern).piece(v.chunk).n) != len(starts)) {
		v.fail(errSummaries(v))
	}
	if v.err != nil {
		return nil
	}
	s.local = append(s.local[:0], make([]*tracePattern, patterns.distinct())...)
	s.outlast, s.values = v.ints(colSummaryEnd), v.ints(colSummaryCritical)
	fits := true
	c.eachTrace(func(i, lo, hi int) {
		if v.err != nil || !fits || i >= len(starts) {
			return
		}
		sum := store.Summary{}
		if p := v.pattern(patterns, patterns.code(i)); p != nil {
			if fits = p.spans == hi-lo; !fits {
				return
			}
			sum, fits = s.summary(p, starts[i], ends[lo+p.root])
		}
		s.list = append(s.list, sum)
	})
	if v.err == nil && (!fits || len(s.list) < len(starts) || len(s.outlast) > 0 || len(s.values) > 0) {
		v.fail(errSummaries(v))
	}
	if v.err != nil {
		return nil
	}
	return s.list
}

func errSummaries(v *evaluator) error {
	return fmt.Errorf("block %s: %w: summaries of chunk %d do not fit its traces", v.b.path, colenc.ErrCorrupt, v.chunk)
}

// pattern returns a pattern of the present chunk; nil if it is empty or wrong.
func (v *evaluator) pattern(in *pieceStrings, code uint32) *tracePattern {
	s := &v.summarized
	known := &s.local[code]
	if in.shared != nil {
		if s.shared == nil {
			s.shared = make([]*tracePattern, in.dict.len())
		}
		known = &s.shared[in.shared[code]]
	}
	if raw := in.at(code); *known == nil && len(raw) > 0 {
		p, err := parsePattern(raw, v.base.tables)
		if err != nil {
			v.fail(fmt.Errorf("block %s: %w", v.b.path, err))
			return nil
		}
		*known = p
	}
	return *known
}

// summary returns that of a trace, with the next values of the chunk; ok is false if there are too few.
func (s *summaryReader) summary(p *tracePattern, start, end uint64) (sum store.Summary, ok bool) {
	if p.outlasted {
		if len(s.outlast) == 0 {
			return sum, false
		}
		end += s.outlast[0]
		s.outlast = s.outlast[1:]
	}
	at := len(s.critical)
	s.critical = append(s.critical, p.none...)
	of := s.critical[at:len(s.critical):len(s.critical)]
	left := end - start
	for _, place := range p.path {
		if len(s.values) == 0 {
			return sum, false
		}
		of[place] = s.values[0]
		left -= s.values[0]
		s.values = s.values[1:]
	}
	if p.rest >= 0 {
		of[p.rest] = left
	}
	return store.Summary{Pattern: &p.Pattern, End: end, Critical: of}, true
}

// Summaries implements store.Summarized.
func (c *blockChunk) Summaries() []store.Summary {
	all, runs := c.summaries(), c.Runs()
	list := make([]store.Summary, 0, len(runs))
	var missing []store.TraceRun
	var places []int
	c.eachTrace(func(i, lo, _ int) {
		at := len(list)
		if at == len(runs) || runs[at].Lo != lo {
			return // it is brought together elsewhere
		}
		if i < len(all) && all[i].Pattern != nil {
			list = append(list, all[i])
			return
		}
		missing, places = append(missing, runs[at]), append(places, at)
		list = append(list, store.Summary{})
	})
	if len(missing) > 0 {
		for i, s := range store.Summarize(c, missing) {
			list[places[i]] = s
		}
	}
	return list
}
