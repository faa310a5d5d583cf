package columnar

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/FastFilter/xorfilter"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// blockWriter writes one block. Traces come in by begin, row and end, in the
// order of their starts; rows collect to a chunk, and a full chunk is encoded column by
// column and written at once, so memory does not grow with the block but for
// dictionaries, tables and the indexes of columns.
type blockWriter struct {
	file File
	buf  *bufio.Writer
	off  uint64
	err  error
	// written, unless nil, is called when a chunk was written: no row given before is read any more.
	written func()

	meta      blockMeta
	cols      []*outCol
	byKey     map[colKey]*outCol
	shapes    span.Shapes // entries are {column number, 0}
	usage     []uint64    // rows of each shape
	tables    *copier
	summaries summaryWriter
	counts    tableCounts
	names     catalog

	chunks  []chunkInfo
	traces  []uint64 // all traces, for the index: maxHashBits of the id's hash, then the chunk
	pending chunkBuilder
	present []chunkPiece // of the chunk that is being written

	ints   colenc.IntEncoder
	piece  []byte
	codes  []uint64
	list   colenc.List
	rank   []uint32
	hashes []uint64
	fuse   xorfilter.BinaryFuseBuilder
	stamp  uint32
	locals []localString
}

// chunkInfo says what lies in a chunk of rows.
type chunkInfo struct {
	rows, traces       uint32
	continues          bool   // its first trace began in the chunk before
	minStart, maxStart uint64 // of spans
	minTrace, maxTrace uint64 // of the traces' starts
	pieces             location
}

// rowRef names a row.
type rowRef struct {
	rs  *rowSet
	row uint32
}

// pendingTrace is a trace, or the part of one, in a chunk that is being built.
type pendingTrace struct {
	id    span.TraceID
	start uint64
	rows  uint32
}

// chunkBuilder collects the rows of the next chunk.
type chunkBuilder struct {
	rows      []rowRef
	traces    []pendingTrace
	continues bool // the first trace began in the chunk before
	cut       bool // the last trace goes on in the next chunk
	entries   int
	bytes     int
	touched   []*outCol
	sets      []*rowSet // by tag, for strings that are a set's own
	spaces    []*space  // by tag, for strings that a space shares
	bySpan    map[span.SpanID]uint32
}

// outCol is a column being written.
type outCol struct {
	key     colKey
	num     uint32
	enc     encoding
	vals    []uint64 // of the present chunk; a string is tag<<32 | Ref
	ids     []byte   // of the present chunk, for encID8 and encID16
	pieces  []pieceRef
	dict    span.Dict
	counts  []uint64 // occurrences of each code of dict
	filters []byte   // of pieces with a dictionary of their own
	total   uint64
	rows    uint64 // spans, events or links with a value, set at the end
}

// pieceRef says where the values of one column for one chunk lie and what they are.
type pieceRef struct {
	chunk    uint32
	n        uint32 // number of values
	len      uint32 // bytes in the file, checksum included; 0 if list or range say all
	mode     pieceMode
	off      uint64
	min, max uint64   // encInts: range of the values, as int64 or float64 bits by the column's type
	codes    []uint32 // pieceShared: the dictionary codes that occur, ascending
	at       uint32   // place among the column's pieces, set by who reads the column's index
}

// pieceMode says how a piece is encoded.
type pieceMode uint8

const (
	pieceValues   pieceMode = iota // encInts: numbers. encID: the ids themselves
	pieceConstant                  // encInts: all are min; no bytes
	pieceShared                    // encStrings: places in the piece's list of dictionary codes; no bytes if that has one
	pieceLocal                     // encStrings: a dictionary of its own, and codes
	pieceNoZone                    // encInts of floats among which is a NaN: min and max say nothing
)

// mark is what the chunk builder knows of a Ref for the column it encodes.
type mark struct {
	stamp uint32 // equal to blockWriter.stamp if code is of this column and chunk
	code  uint32
}

// localString is a distinct string of the piece being encoded.
type localString struct {
	ref   uint64
	count uint32
}

// spaceMap is what the writer knows about a space.
type spaceMap struct {
	tag    uint32
	shapes map[uint64]*outShape
	marks  []mark
	inUse  bool // tag is set for the present chunk
}

// outShape is a shape of the block: one column for each attribute, then the optional columns.
type outShape struct {
	num   uint64
	attrs []*outCol
}

func newBlockWriter(file File, meta blockMeta) *blockWriter {
	w := &blockWriter{
		file: file, buf: bufio.NewWriterSize(file, 1<<18), meta: meta,
		byKey: map[colKey]*outCol{}, tables: newCopier(), names: newCatalog(),
	}
	w.meta.MinStart = math.MaxUint64
	w.pending.bySpan = map[span.SpanID]uint32{}
	for i := range numFixed {
		w.column(fixedKey(i))
	}
	w.write([]byte(blockMagic))
	return w
}

func (w *blockWriter) column(key colKey) *outCol {
	c, ok := w.byKey[key]
	if !ok {
		c = &outCol{key: key, num: uint32(len(w.cols)), enc: key.encoding()}
		w.cols = append(w.cols, c)
		w.byKey[key] = c
	}
	return c
}

// begin starts a trace. Traces come in the order of (start, id), start being the earliest of their spans.
func (w *blockWriter) begin(id span.TraceID, start uint64) {
	w.pending.traces = append(w.pending.traces, pendingTrace{id: id, start: start})
}

// row adds a row to the trace that was begun, in the order of compareRows. The
// row is read until the chunk that it falls in is written.
func (w *blockWriter) row(r rowRef) {
	p := &w.pending
	if p.full() {
		t := p.traces[len(p.traces)-1]
		p.cut = true
		w.flushChunk()
		p.continues = true
		w.begin(t.id, t.start)
	}
	rs, i := r.rs, int(r.row)
	p.entries += 1 + len(rs.space.shapes.Entries(rs.Attrs[i].Shape)) + len(rs.LinksOf(i))
	for _, e := range rs.EventsOf(i) {
		p.entries += 1 + len(rs.space.shapes.Entries(e.Attrs.Shape))
	}
	if rs.heavy || rs.space.heavy {
		p.bytes += rs.heavyBytes(i)
	}
	p.rows = append(p.rows, r)
	p.traces[len(p.traces)-1].rows++
}

// end ends the trace.
func (w *blockWriter) end() {
	if p := &w.pending; len(p.rows) >= chunkRows || p.full() {
		w.flushChunk()
	}
}

func (p *chunkBuilder) full() bool {
	return len(p.rows) >= chunkRowsMax || p.entries >= chunkEntriesMax || p.bytes >= chunkBytesMax
}

// heavyBytes returns the bytes of the attribute values of row i that are large.
func (rs *rowSet) heavyBytes(i int) (n int) {
	a := rs.Attrs[i]
	for j, e := range rs.space.shapes.Entries(a.Shape) {
		if e.Type.InDict() {
			if size := len(rs.bytes(span.Ref(rs.Values[int(a.First)+j]))); size > sharedStringBytes {
				n += size
			}
		}
	}
	return n
}

// flushChunk encodes and writes the pending rows.
func (w *blockWriter) flushChunk() {
	p := &w.pending
	if len(p.rows) == 0 || w.err != nil {
		p.reset()
		return
	}
	info := chunkInfo{rows: uint32(len(p.rows)), traces: uint32(len(p.traces)), continues: p.continues, minStart: math.MaxUint64}
	w.gatherTraces(&info)
	w.gatherRows(&info)
	w.gatherAttrs()
	w.gatherSummaries()
	chunk := uint32(len(w.chunks))
	base := w.off
	w.present = w.present[:0]
	for _, c := range w.cols[:colMessage] {
		w.flushColumn(c, chunk)
	}
	slices.SortFunc(p.touched, func(a, b *outCol) int { return cmp.Compare(a.num, b.num) })
	for _, c := range p.touched {
		w.flushColumn(c, chunk)
	}
	info.pieces = w.section(encodePieces(base, w.present))
	w.chunks = append(w.chunks, info)
	w.meta.Rows += uint64(info.rows)
	w.meta.Traces += uint64(info.traces)
	w.meta.MinStart = min(w.meta.MinStart, info.minStart)
	w.meta.MaxStart = max(w.meta.MaxStart, info.maxStart)
	w.meta.MaxTrace = max(w.meta.MaxTrace, info.maxTrace)
	p.reset()
	if w.written != nil {
		w.written()
	}
}

func (p *chunkBuilder) reset() {
	clear(p.rows)
	clear(p.sets)
	for _, s := range p.spaces {
		if s != nil {
			s.out.inUse = false
		}
	}
	clear(p.spaces)
	p.rows, p.traces, p.touched = p.rows[:0], p.traces[:0], p.touched[:0]
	p.sets, p.spaces = p.sets[:0], p.spaces[:0]
	p.entries, p.bytes, p.continues, p.cut = 0, 0, false, false
}

func (w *blockWriter) gatherTraces(info *chunkInfo) {
	info.minTrace = math.MaxUint64
	for _, t := range w.pending.traces {
		w.cols[colTraceID].ids = append(w.cols[colTraceID].ids, t.id[:]...)
		w.cols[colTraceStart].vals = append(w.cols[colTraceStart].vals, t.start)
		w.cols[colTraceRows].vals = append(w.cols[colTraceRows].vals, uint64(t.rows))
		w.traces = append(w.traces, hashTraceID(t.id)&^chunkMask|uint64(len(w.chunks)))
		info.minTrace, info.maxTrace = min(info.minTrace, t.start), max(info.maxTrace, t.start)
	}
}

// gatherRows fills the columns that every row has.
func (w *blockWriter) gatherRows(info *chunkInfo) {
	rows := w.pending.rows
	ids, durations := w.cols[colSpanID].ids, w.cols[colDuration].vals
	kinds, statuses := w.cols[colKind].vals, w.cols[colStatus].vals
	for _, r := range rows {
		ids = append(ids, r.rs.SpanIDs[r.row][:]...)
	}
	for _, r := range rows {
		durations = append(durations, r.rs.Ends[r.row]-r.rs.Starts[r.row])
	}
	for _, r := range rows {
		kinds = append(kinds, uint64(int64(r.rs.Kinds[r.row])))
		statuses = append(statuses, uint64(int64(r.rs.Statuses[r.row])))
	}
	w.cols[colSpanID].ids, w.cols[colDuration].vals = ids, durations
	w.cols[colKind].vals, w.cols[colStatus].vals = kinds, statuses
	w.gatherStarts(info)
	w.gatherParents()
	w.gatherTables()
}

func (w *blockWriter) gatherStarts(info *chunkInfo) {
	starts, at := w.cols[colStart].vals, 0
	for _, t := range w.pending.traces {
		before := t.start
		for _, r := range w.pending.rows[at : at+int(t.rows)] {
			start := r.rs.Starts[r.row]
			info.minStart, info.maxStart = min(info.minStart, start), max(info.maxStart, start)
			starts = append(starts, start-before)
			before = start
		}
		at += int(t.rows)
	}
	w.cols[colStart].vals = starts
}

// gatherParents turns parent ids into distances to the parent's row.
func (w *blockWriter) gatherParents() {
	parents, lost := w.cols[colParent].vals, w.cols[colParentID].ids
	at := 0
	for _, t := range w.pending.traces {
		rows := w.pending.rows[at : at+int(t.rows)]
		at += int(t.rows)
		find := w.parentFinder(rows)
		for i, r := range rows {
			parent := r.rs.Parents[r.row]
			if parent.IsZero() {
				parents = append(parents, 0)
			} else if j, ok := find(parent, i); ok {
				d := int64(i) - int64(j)
				parents = append(parents, 2+uint64(d<<1^d>>63))
			} else {
				parents = append(parents, 1)
				lost = append(lost, parent[:]...)
			}
		}
	}
	w.cols[colParent].vals, w.cols[colParentID].ids = parents, lost
}

// parentFinder returns a function that finds the place of a span id among rows, near place i if several have it.
func (w *blockWriter) parentFinder(rows []rowRef) func(id span.SpanID, i int) (int, bool) {
	if len(rows) <= 32 {
		return func(id span.SpanID, i int) (int, bool) {
			for j := i - 1; j >= 0; j-- {
				if rows[j].rs.SpanIDs[rows[j].row] == id {
					return j, true
				}
			}
			for j := i; j < len(rows); j++ {
				if rows[j].rs.SpanIDs[rows[j].row] == id {
					return j, true
				}
			}
			return 0, false
		}
	}
	clear(w.pending.bySpan)
	for j, r := range rows {
		w.pending.bySpan[r.rs.SpanIDs[r.row]] = uint32(j)
	}
	return func(id span.SpanID, _ int) (int, bool) {
		j, ok := w.pending.bySpan[id]
		return int(j), ok
	}
}

// gatherTables fills the columns of resource and scope, and counts what the catalog and the tables count.
func (w *blockWriter) gatherTables() {
	resources, scopes := w.cols[colResource].vals, w.cols[colScopeRef].vals
	names := w.cols[colName].vals
	var last rowRef
	var resource, scope uint32
	for i, r := range w.pending.rows {
		if i == 0 || last.rs.space != r.rs.space || last.rs.Resource[last.row] != r.rs.Resource[r.row] || last.rs.Scope[last.row] != r.rs.Scope[r.row] {
			resource = w.tables.resource(r.rs.space, r.rs.Resource[r.row])
			scope = w.tables.scope(r.rs.space, r.rs.Scope[r.row])
			last = r
		}
		w.counts.add(resource, scope)
		resources, scopes = append(resources, uint64(resource)), append(scopes, uint64(scope))
		name := w.tagged(r.rs, r.rs.Names[r.row])
		names = append(names, name)
	}
	w.cols[colResource].vals, w.cols[colScopeRef].vals, w.cols[colName].vals = resources, scopes, names
}

// tagged returns a string of a rowSet as it stands in outCol.vals.
func (w *blockWriter) tagged(rs *rowSet, r span.Ref) uint64 {
	if r&localRef != 0 {
		return uint64(w.setTag(rs))<<32 | uint64(r)
	}
	return uint64(w.spaceOf(rs.space).tag)<<32 | uint64(r)
}

// setTag gives a rowSet a number for the present chunk.
func (w *blockWriter) setTag(rs *rowSet) uint32 {
	p := &w.pending
	if int(rs.tag) < len(p.sets) && p.sets[rs.tag] == rs {
		return rs.tag
	}
	rs.tag = uint32(len(p.sets))
	p.sets = append(p.sets, rs)
	if len(rs.localMarks) < len(rs.local) {
		rs.localMarks = make([]mark, len(rs.local))
	}
	return rs.tag
}

// spaceOf gives a space a number for the present chunk.
func (w *blockWriter) spaceOf(s *space) *spaceMap {
	if s.out == nil {
		s.out = &spaceMap{shapes: map[uint64]*outShape{}}
	}
	if m := s.out; m.inUse {
		return m
	}
	p, m := &w.pending, s.out
	m.inUse, m.tag = true, uint32(len(p.spaces))
	p.spaces = append(p.spaces, s)
	if n := max(s.strs.Len(), 1); len(m.marks) < n { // the empty string is there even if no other is
		m.marks = append(m.marks, make([]mark, n-len(m.marks))...)
	}
	return m
}

// resolve returns the string that a value of a string column stands for.
func (w *blockWriter) resolve(v uint64) []byte {
	if r := span.Ref(v); r&localRef != 0 {
		return w.pending.sets[v>>32].local[r&^localRef]
	}
	return w.pending.spaces[v>>32].strs.Bytes(span.Ref(v))
}

func (w *blockWriter) mark(v uint64) *mark {
	if r := span.Ref(v); r&localRef != 0 {
		return &w.pending.sets[v>>32].localMarks[r&^localRef]
	}
	return &w.pending.spaces[v>>32].out.marks[span.Ref(v)]
}

func (w *blockWriter) write(p []byte) {
	if w.err == nil {
		_, w.err = w.buf.Write(p)
		w.off += uint64(len(p))
	}
}

// section writes raw bytes with their checksum and returns where they lie.
func (w *blockWriter) section(raw []byte) location {
	l := location{off: w.off, len: uint32(len(raw) + crcSize)}
	if len(raw) > math.MaxUint32-crcSize && w.err == nil {
		w.err = fmt.Errorf("section of %d bytes is too large for a block", len(raw))
	}
	w.write(raw)
	w.write(binary.LittleEndian.AppendUint32(nil, crc32.Checksum(raw, castagnoli)))
	return l
}
