package columnar

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// optional returns the optional columns of row i as a mask: bit k stands for column colMessage+k.
func (rs *rowSet) optional(i int) (mask uint32) {
	bit := func(col int, v uint32) {
		if v != 0 {
			mask |= 1 << (col - colMessage)
		}
	}
	bit(colMessage, rs.Messages[i])
	bit(colState, rs.States[i])
	bit(colFlags, rs.Flags[i])
	d := &rs.Dropped[i]
	bit(colDroppedAttrs, d.Attrs)
	bit(colDroppedEvents, d.Events)
	bit(colDroppedLinks, d.Links)
	bit(colEvents, uint32(len(rs.EventsOf(i))))
	bit(colLinks, uint32(len(rs.LinksOf(i))))
	return mask
}

// gatherAttrs fills the columns of shapes, attributes, events and links.
func (w *blockWriter) gatherAttrs() {
	for _, r := range w.pending.rows {
		rs, i := r.rs, int(r.row)
		mask := rs.optional(i)
		w.putAttrs(rs, colSpan, colShape, rs.Attrs[i], mask)
		if mask == 0 {
			continue
		}
		w.putString(colMessage, rs, rs.Messages[i])
		w.putString(colState, rs, rs.States[i])
		w.putNumber(colFlags, rs.Flags[i])
		w.putNumber(colDroppedAttrs, rs.Dropped[i].Attrs)
		w.putNumber(colDroppedEvents, rs.Dropped[i].Events)
		w.putNumber(colDroppedLinks, rs.Dropped[i].Links)
		events, links := rs.EventsOf(i), rs.LinksOf(i)
		w.putNumber(colEvents, uint32(len(events)))
		w.putNumber(colLinks, uint32(len(links)))
		for j := range events {
			w.putEvent(rs, i, &events[j])
		}
		for j := range links {
			w.putLink(rs, &links[j])
		}
	}
}

func (w *blockWriter) putEvent(rs *rowSet, i int, e *span.Event) {
	w.cols[colEventTime].vals = append(w.cols[colEventTime].vals, e.Time-rs.Starts[i])
	w.cols[colEventName].vals = append(w.cols[colEventName].vals, w.tagged(rs, e.Name))
	var mask uint32
	if e.DroppedAttrs != 0 {
		mask |= 1 << (colEventDropped - colMessage)
	}
	w.putAttrs(rs, colEvent, colEventShape, e.Attrs, mask)
	w.putNumber(colEventDropped, e.DroppedAttrs)
}

func (w *blockWriter) putLink(rs *rowSet, l *span.Link) {
	w.cols[colLinkTrace].ids = append(w.cols[colLinkTrace].ids, l.TraceID[:]...)
	w.cols[colLinkSpan].ids = append(w.cols[colLinkSpan].ids, l.SpanID[:]...)
	var mask uint32
	if l.State != 0 {
		mask |= 1 << (colLinkState - colMessage)
	}
	if l.Flags != 0 {
		mask |= 1 << (colLinkFlags - colMessage)
	}
	if l.DroppedAttrs != 0 {
		mask |= 1 << (colLinkDropped - colMessage)
	}
	w.putAttrs(rs, colLink, colLinkShape, l.Attrs, mask)
	w.putString(colLinkState, rs, l.State)
	w.putNumber(colLinkFlags, l.Flags)
	w.putNumber(colLinkDropped, l.DroppedAttrs)
}

// putString and putNumber add the value of an optional column where it is not zero.
func (w *blockWriter) putString(col int, rs *rowSet, r span.Ref) {
	if r != 0 {
		w.put(w.cols[col], w.tagged(rs, r))
	}
}

func (w *blockWriter) putNumber(col int, v uint32) {
	if v != 0 {
		w.put(w.cols[col], uint64(v))
	}
}

func (w *blockWriter) put(c *outCol, v uint64) {
	if len(c.vals) == 0 {
		w.pending.touched = append(w.pending.touched, c)
	}
	c.vals = append(c.vals, v)
}

// putAttrs adds an attribute list to its columns and its shape to shapeCol.
func (w *blockWriter) putAttrs(rs *rowSet, scope colScope, shapeCol int, a span.Attrs, mask uint32) {
	m := w.spaceOf(rs.space)
	key := uint64(scope)<<60 | uint64(mask)<<32 | uint64(a.Shape)
	out := m.shapes[key]
	if out == nil {
		out = w.newShape(rs.space, scope, a.Shape, mask)
		m.shapes[key] = out
	}
	w.cols[shapeCol].vals = append(w.cols[shapeCol].vals, out.num)
	w.usage[out.num]++
	spaceTag := uint64(m.tag) << 32
	for j, v := range rs.Values[a.First : int(a.First)+len(out.attrs)] {
		c := out.attrs[j]
		if c.enc == encStrings {
			if v&localRef != 0 {
				v |= uint64(w.setTag(rs)) << 32
			} else {
				v |= spaceTag
			}
		}
		if len(c.vals) == 0 {
			w.pending.touched = append(w.pending.touched, c)
		}
		c.vals = append(c.vals, v)
	}
}

func (w *blockWriter) newShape(s *space, scope colScope, shape, mask uint32) *outShape {
	out := new(outShape)
	var entries []span.Entry
	for _, e := range s.shapes.Entries(shape) {
		c := w.column(colKey{Scope: scope, Type: e.Type, Key: string(s.strs.Bytes(e.Key))})
		out.attrs = append(out.attrs, c)
		entries = append(entries, span.Entry{Key: c.num})
	}
	for k := range colSummaryPattern - colMessage {
		if mask&(1<<k) != 0 {
			entries = append(entries, span.Entry{Key: uint32(colMessage + k)})
		}
	}
	out.num = uint64(w.shapes.Intern(entries))
	for len(w.usage) < w.shapes.Len() {
		w.usage = append(w.usage, 0)
	}
	return out
}

// flushColumn encodes and writes what a column collected for a chunk.
func (w *blockWriter) flushColumn(c *outCol, chunk uint32) {
	p := pieceRef{chunk: chunk, n: uint32(len(c.vals)), off: w.off}
	w.piece = w.piece[:0]
	switch c.enc {
	case encID8:
		p.n = uint32(len(c.ids) / 8)
		w.piece = append(w.piece, c.ids...)
	case encID16:
		p.n = uint32(len(c.ids) / 16)
		w.piece = append(w.piece, c.ids...)
	case encInts:
		w.encodeInts(c, &p)
	case encStrings:
		w.encodeStrings(c, &p)
	}
	c.vals, c.ids = c.vals[:0], c.ids[:0]
	if p.n == 0 {
		return
	}
	c.total += uint64(p.n)
	if len(w.piece) > 0 {
		w.piece = binary.LittleEndian.AppendUint32(w.piece, crc32.Checksum(w.piece, castagnoli))
		p.len = uint32(len(w.piece))
		w.write(w.piece)
	}
	c.pieces = append(c.pieces, p)
	w.present = append(w.present, chunkPiece{c.num, p})
}

func (w *blockWriter) encodeInts(c *outCol, p *pieceRef) {
	if len(c.vals) == 0 {
		return
	}
	p.min, p.max = c.vals[0], c.vals[0]
	same := true
	if c.key.Type == span.Float {
		for _, v := range c.vals {
			f := math.Float64frombits(v)
			if math.IsNaN(f) {
				p.mode = pieceNoZone
			}
			if f < math.Float64frombits(p.min) {
				p.min = v
			}
			if f > math.Float64frombits(p.max) {
				p.max = v
			}
			same = same && v == c.vals[0]
		}
	} else {
		for _, v := range c.vals {
			p.min = uint64(min(int64(p.min), int64(v)))
			p.max = uint64(max(int64(p.max), int64(v)))
		}
		same = p.min == p.max
	}
	if same {
		p.mode, p.min, p.max = pieceConstant, c.vals[0], c.vals[0]
		return
	}
	if p.mode == pieceNoZone {
		p.min, p.max = 0, 0
	}
	w.piece = w.ints.Append(w.piece, c.vals)
}

// encodeStrings finds the distinct strings of a piece and keeps them in the
// column's dictionary or, where they are many, long or new each time, in the piece.
func (w *blockWriter) encodeStrings(c *outCol, p *pieceRef) {
	if len(c.vals) == 0 {
		return
	}
	w.stamp++
	w.locals, w.codes = w.locals[:0], w.codes[:0]
	for _, v := range c.vals {
		m := w.mark(v)
		if m.stamp != w.stamp {
			*m = mark{w.stamp, uint32(len(w.locals))}
			w.locals = append(w.locals, localString{ref: v})
		}
		w.locals[m.code].count++
		w.codes = append(w.codes, uint64(m.code))
	}
	if c.num == colName {
		w.names.note(w)
	}
	if w.share(c) {
		w.encodeShared(c, p)
		return
	}
	p.mode = pieceLocal
	w.list.Reset()
	for _, l := range w.locals {
		w.list.Append(w.resolve(l.ref))
	}
	w.addFilter(c)
	w.piece = binary.AppendUvarint(w.piece, uint64(len(w.locals)))
	w.piece = colenc.AppendStrings(w.piece, &w.list)
	w.piece = w.ints.Append(w.piece, w.codes)
}

// share decides whether the strings in w.locals go to the column's dictionary, and puts them there.
func (w *blockWriter) share(c *outCol) bool {
	values, distinct := int(c.total)+len(c.vals), c.dict.Len()+len(w.locals)
	if values >= 64 && 2*distinct > values && 2*len(w.locals) > len(c.vals) {
		return false
	}
	size := c.dict.ArenaLen()
	for _, l := range w.locals {
		s := w.resolve(l.ref)
		if size += len(s); len(s) > sharedStringBytes {
			return false
		}
	}
	if distinct > sharedDictEntries || size > sharedDictBytes {
		for _, l := range w.locals {
			if _, ok := c.dict.Lookup(w.resolve(l.ref)); !ok {
				return false
			}
		}
	}
	for i := range w.locals {
		l := &w.locals[i]
		l.ref = uint64(c.dict.Intern(w.resolve(l.ref)))
	}
	if n := c.dict.Len() - len(c.counts); n > 0 {
		c.counts = append(c.counts, make([]uint64, n)...)
	}
	return true
}

// encodeShared writes codes as places in the ascending list of those dictionary codes that occur.
// Two strings of w.locals may have got the same code, where two spaces hold one string.
func (w *blockWriter) encodeShared(c *outCol, p *pieceRef) {
	p.mode = pieceShared
	list := make([]uint32, 0, len(w.locals))
	for _, l := range w.locals {
		if len(c.counts) == 0 {
			c.counts = append(c.counts, 0) // a column of nothing but "" has no dictionary
		}
		c.counts[l.ref] += uint64(l.count)
		list = append(list, uint32(l.ref))
	}
	slices.Sort(list)
	list = slices.Compact(list)
	p.codes = list
	if len(list) == 1 {
		return
	}
	w.rank = w.rank[:0]
	for _, l := range w.locals {
		at, _ := slices.BinarySearch(list, uint32(l.ref))
		w.rank = append(w.rank, uint32(at))
	}
	for i, code := range w.codes {
		w.codes[i] = uint64(w.rank[code])
	}
	w.piece = w.ints.Append(w.piece, w.codes)
}

// finish writes what describes the pieces and returns the block's footer.
func (w *blockWriter) finish() (*blockMeta, error) {
	w.flushChunk()
	m := &w.meta
	m.Chunks = uint64(len(w.chunks))
	directory := w.writeColumns()
	m.directory = w.section(directory)
	m.chunks = w.section(w.encodeChunks())
	m.shapes = w.section(encodeShapes(&w.shapes))
	m.tables = w.section(encodeTables(w.tables.dst, &w.counts))
	m.catalog = w.section(w.names.encode(w.tables.dst))
	m.traceIndex = w.writeTraceIndex()
	footer := m.append(nil)
	at := w.off
	w.write(footer)
	trailer := binary.LittleEndian.AppendUint64(nil, at)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(len(footer)))
	trailer = binary.LittleEndian.AppendUint32(trailer, crc32.Checksum(footer, castagnoli))
	w.write(append(trailer, trailerMagic...))
	if w.err == nil {
		w.err = w.buf.Flush()
	}
	if w.err == nil {
		w.err = w.file.Sync()
	}
	return m, w.err
}

func (w *blockWriter) encodeChunks() []byte {
	var cols [9][]uint64
	for _, c := range w.chunks {
		flag := uint64(0)
		if c.continues {
			flag = 1
		}
		for i, v := range [...]uint64{uint64(c.rows), uint64(c.traces), flag, c.minStart, c.maxStart - c.minStart, c.minTrace, c.maxTrace - c.minTrace,
			c.pieces.off, uint64(c.pieces.len)} {
			cols[i] = append(cols[i], v)
		}
	}
	var dst []byte
	for _, vals := range cols {
		dst = colenc.AppendInts(dst, vals)
	}
	return dst
}

func encodeShapes(s *span.Shapes) []byte {
	var lengths, cols []uint64
	for i := range s.Len() {
		entries := s.Entries(uint32(i))
		lengths = append(lengths, uint64(len(entries)))
		for _, e := range entries {
			cols = append(cols, uint64(e.Key))
		}
	}
	dst := binary.AppendUvarint(nil, uint64(len(lengths)))
	dst = colenc.AppendInts(dst, lengths)
	dst = binary.AppendUvarint(dst, uint64(len(cols)))
	return colenc.AppendInts(dst, cols)
}

// writeColumns writes each column's index and dictionary and returns the directory of columns.
func (w *blockWriter) writeColumns() []byte {
	w.countRows()
	var scopes, types, offs, lens, dicts, filters, totals, rows []uint64
	var names colenc.List
	for _, c := range w.cols {
		var l, d, f location
		if len(c.pieces) > 0 {
			l = w.section(c.encodeIndex())
		}
		if len(c.counts) > 0 {
			d = w.section(c.encodeDictionary())
		}
		if len(c.filters) > 0 {
			f = w.section(c.filters)
		}
		scopes, types = append(scopes, uint64(c.key.Scope)), append(types, uint64(c.key.Type))
		offs, lens = append(offs, l.off), append(lens, uint64(l.len))
		dicts, filters = append(dicts, uint64(d.len)), append(filters, uint64(f.len))
		totals, rows = append(totals, c.total), append(rows, c.rows)
		names.Append([]byte(c.key.Key))
	}
	dst := binary.AppendUvarint(nil, uint64(len(w.cols)))
	for _, vals := range [][]uint64{scopes, types, offs, lens, dicts, filters, totals, rows} {
		dst = colenc.AppendInts(dst, vals)
	}
	return colenc.AppendStrings(dst, &names)
}

// countRows counts for each column how many spans, events or links have a value in it.
func (w *blockWriter) countRows() {
	for shape, n := range w.usage {
		entries := w.shapes.Entries(uint32(shape))
		for i, e := range entries {
			if !slices.Contains(entries[:i], e) {
				w.cols[e.Key].rows += n
			}
		}
	}
}

// encodeIndex encodes where the pieces of a column are and what they hold.
func (c *outCol) encodeIndex() []byte {
	var vals [8][]uint64
	var codes []uint64
	for _, p := range c.pieces {
		for i, v := range [...]uint64{uint64(p.chunk), uint64(p.n), uint64(p.len), uint64(p.mode), p.off, p.min, p.max - p.min, uint64(len(p.codes))} {
			vals[i] = append(vals[i], v)
		}
		before := uint64(0)
		for _, code := range p.codes {
			codes = append(codes, uint64(code)-before)
			before = uint64(code)
		}
	}
	dst := binary.AppendUvarint(nil, uint64(len(c.pieces)))
	for _, v := range vals {
		dst = colenc.AppendInts(dst, v)
	}
	if c.enc != encStrings {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(codes)))
	return colenc.AppendInts(dst, codes)
}

// encodeDictionary encodes the strings that pieces share, and how often each occurs.
func (c *outCol) encodeDictionary() []byte {
	dst := binary.AppendUvarint(nil, uint64(len(c.counts)))
	dst = colenc.AppendInts(dst, c.counts)
	var list colenc.List
	for i := range c.counts {
		list.Append(c.dict.Bytes(span.Ref(i)))
	}
	return colenc.AppendStrings(dst, &list)
}
