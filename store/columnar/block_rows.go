package columnar

import (
	"fmt"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// projection says which parts of spans are to be read. Ids, parents and times always are.
type projection struct {
	all   bool
	fixed uint64 // bit k: fixed column k
	// attrs holds the wanted attribute keys by what they belong to.
	attrs [colLink + 1]map[string]bool
}

var everything = &projection{all: true}

func (p *projection) wants(k colKey, num uint32) bool {
	if p.all {
		return true
	}
	if k.Scope == colFixed {
		return p.fixed>>num&1 != 0
	}
	return p.attrs[k.Scope][k.Key]
}

// covers reports whether p shows all that other shows.
func (p *projection) covers(other *projection) bool {
	if p.all || other.all {
		return p.all
	}
	for scope, keys := range other.attrs {
		for key := range keys {
			if !p.attrs[scope][key] {
				return false
			}
		}
	}
	return other.fixed&^p.fixed == 0
}

func (p *projection) wantsFixed(num int) bool { return p.all || p.fixed>>num&1 != 0 }

// blockSpace is what all views of a block share: strings of keys and tables.
type blockSpace struct {
	dict   *span.Dict
	tables *span.Batch
	counts *tableCounts
	keys   []span.Ref // Ref of each column's key
}

func (b *block) space() (*blockSpace, error) {
	return remember(b, partTables, wholePart, func() (s *blockSpace, size int, err error) {
		d, err := b.directory()
		if err != nil {
			return nil, 0, err
		}
		s = new(blockSpace)
		err = b.read(b.meta.tables, func(raw []byte) error {
			s.tables, s.counts, err = parseTables(raw)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		s.dict = &s.tables.Dict
		for _, k := range d.keys {
			s.keys = append(s.keys, s.dict.InternString(k.Key))
		}
		return s, s.dict.Size() + s.tables.Shapes.Size() + 8*cap(s.tables.Values) + 64*len(s.tables.Resources) + 4*len(s.keys), nil
	})
}

// view reads rows of one block under a projection. It belongs to one goroutine.
type view struct {
	b      *block
	dir    *directory
	table  *blockShapes
	base   *blockSpace
	want   *projection
	space  *space
	shapes []*viewShape // by shape of the block, made when first met
	// caching says whether decoded columns go through the cache; a merge reads each once and for all.
	caching bool
	cursors []cursor // by column
	moved   []uint32 // columns whose cursor is in use
	counts  []uint32 // scratch: rows by shape
	ids     []byte   // scratch
	err     error
}

// viewShape is a shape of the block as the projection shows it.
type viewShape struct {
	shape    uint32   // in view.space
	attrs    []uint32 // columns of the attributes that are shown
	optional []uint32 // optional columns that are shown
}

// cursor stands before the next value of a column in the chunk that is being read.
type cursor struct {
	vals   []uint64
	own    []uint64 // memory of vals if it is not the cache's
	strs   *pieceStrings
	refs   []span.Ref // of strs' distinct strings, 0 if not met yet
	n      int        // values in the chunk, 0 if they cannot be read
	pos    int
	loaded bool
}

func newView(b *block, want *projection, caching bool) (*view, error) {
	v := &view{b: b, want: want, caching: caching}
	var err error
	if v.dir, err = b.directory(); err != nil {
		return nil, err
	}
	if v.table, err = b.shapes(); err != nil {
		return nil, err
	}
	if v.base, err = b.space(); err != nil {
		return nil, err
	}
	v.space = &space{strs: v.base.dict, tables: v.base.tables}
	v.shapes = make([]*viewShape, v.table.len())
	v.counts = make([]uint32, v.table.len())
	v.cursors = make([]cursor, len(v.dir.keys))
	return v, nil
}

func (v *view) shape(num uint64) *viewShape {
	if num >= uint64(len(v.shapes)) {
		v.fail("shape %d of %d", num, len(v.shapes))
		return &viewShape{}
	}
	if s := v.shapes[num]; s != nil {
		return s
	}
	s := new(viewShape)
	var entries []span.Entry
	for _, col := range v.table.at(uint32(num)) {
		k := v.dir.keys[col]
		switch {
		case k.Scope == colFixed && (col >= colMessage && v.want.wants(k, col)):
			s.optional = append(s.optional, col)
		case k.Scope != colFixed && v.want.wants(k, col):
			s.attrs = append(s.attrs, col)
			entries = append(entries, span.Entry{Key: v.base.keys[col], Type: k.Type})
		}
	}
	s.shape = v.space.shapes.Intern(entries)
	v.shapes[num] = s
	return s
}

func (v *view) fail(format string, args ...any) {
	if v.err == nil {
		v.err = fmt.Errorf("block %s: %w: "+format, append([]any{v.b.path, colenc.ErrCorrupt}, args...)...)
	}
}

// cursor returns the cursor of a column, with its values loaded.
func (v *view) cursor(num, chunk uint32) *cursor {
	c := &v.cursors[num]
	if c.loaded {
		return c
	}
	if c.pos == 0 {
		v.moved = append(v.moved, num)
	}
	c.loaded = true
	p, err := v.b.piece(num, chunk)
	if err == nil && p != nil {
		err = v.loadCursor(c, p, num, chunk)
	}
	if err == nil && p != nil {
		c.n = int(p.n)
	}
	if err != nil && v.err == nil {
		v.err = err
	}
	return c
}

func (v *view) loadCursor(c *cursor, p *pieceRef, num, chunk uint32) (err error) {
	enc := v.dir.keys[num].encoding()
	switch {
	case enc == encNone:
	case enc == encStrings:
		if v.caching {
			c.strs, err = v.b.strings(num, chunk)
		} else {
			var dict *dictionary
			if dict, err = v.b.dictionary(num); err == nil {
				c.strs = new(pieceStrings)
				err = v.b.readStrings(c.strs, dict, p)
			}
		}
		if err == nil {
			c.refs = append(c.refs[:0], make([]span.Ref, c.strs.distinct())...)
		}
	case v.caching:
		c.vals, err = v.b.ints(num, chunk)
	default:
		c.own, err = v.b.readInts(c.own[:0], p)
		c.vals = c.own
	}
	return err
}

// reset puts all cursors back.
func (v *view) reset() {
	for _, num := range v.moved {
		c := &v.cursors[num]
		c.vals, c.strs, c.n, c.pos, c.loaded = nil, nil, 0, 0, false
	}
	v.moved = v.moved[:0]
}

// next returns the next value of a column as it stands in Batch.Values.
func (v *view) next(rs *rowSet, num, chunk uint32) uint64 {
	c := &v.cursors[num]
	if !c.loaded {
		c = v.cursor(num, chunk)
	}
	at := c.pos
	c.pos++
	if at >= c.n {
		v.fail("column %+v has no value %d in chunk %d", v.dir.keys[num], at, chunk)
		return 0
	}
	if c.strs != nil {
		code := c.strs.code(at)
		r := c.refs[code]
		if r == 0 {
			r = rs.addLocal(c.strs.at(code))
			c.refs[code] = r
		}
		return uint64(r)
	}
	if c.vals != nil {
		return c.vals[at]
	}
	return 0 // a value without content
}

// skip moves the cursors over the values of rows that are not read. shapes are those rows' shapes.
func (v *view) skip(shapes []uint64) {
	if len(shapes) == 0 {
		return
	}
	var met []uint64
	for _, s := range shapes {
		if s >= uint64(len(v.counts)) {
			v.fail("shape %d of %d", s, len(v.counts))
			clear(v.counts)
			return
		}
		if v.counts[s] == 0 {
			met = append(met, s)
		}
		v.counts[s]++
	}
	for _, s := range met {
		for _, col := range v.table.at(uint32(s)) {
			v.advance(col, int(v.counts[s]))
		}
		v.counts[s] = 0
	}
}

func (v *view) advance(col uint32, n int) {
	c := &v.cursors[col]
	if n > 0 && c.pos == 0 && !c.loaded {
		v.moved = append(v.moved, col)
	}
	c.pos += n
}

// traceRows is a run of rows of one trace in a chunk.
type traceRows struct {
	id    span.TraceID
	start uint64
	rows  int
}

// chunkTraces returns the traces of a chunk in the order of their rows.
func (v *view) chunkTraces(chunk uint32) ([]traceRows, error) {
	ids, err := v.b.ids(colTraceID, chunk, 16)
	if err != nil {
		return nil, err
	}
	starts, err := v.b.ints(colTraceStart, chunk)
	if err != nil {
		return nil, err
	}
	rows, err := v.b.ints(colTraceRows, chunk)
	if err != nil {
		return nil, err
	}
	if len(starts) != len(rows) || len(ids) != 16*len(rows) {
		return nil, fmt.Errorf("block %s: %w: chunk %d has %d traces and %d starts", v.b.path, colenc.ErrCorrupt, chunk, len(rows), len(starts))
	}
	list := make([]traceRows, len(rows))
	for i := range list {
		list[i] = traceRows{span.TraceID(ids[16*i:]), starts[i], int(min(rows[i], maxCount))}
	}
	return list, nil
}

// load appends rows of a chunk to rs, which must be the view's: those of traces, which begin at row lo.
func (v *view) load(rs *rowSet, chunk uint32, lo int, traces []traceRows) error {
	defer v.reset()
	v.err = nil
	n := 0
	for _, t := range traces {
		n += t.rows
	}
	shapes := v.whole(colShape, chunk)
	if v.err == nil && (lo+n > len(shapes) || lo < 0) {
		v.fail("chunk %d has %d rows, not %d", chunk, len(shapes), lo+n)
	}
	if v.err != nil {
		return v.err
	}
	first := rs.Len()
	v.loadIDs(rs, chunk, lo, n)
	v.loadTimes(rs, chunk, lo, traces)
	v.loadParents(rs, chunk, lo, first, traces)
	v.loadFixed(rs, chunk, lo, n)
	if v.err != nil {
		return v.err
	}
	v.loadAttrs(rs, chunk, lo, shapes[lo:lo+n], shapes[:lo])
	return v.err
}

// whole returns all numbers of a column in a chunk.
func (v *view) whole(num, chunk uint32) []uint64 { return v.cursor(num, chunk).vals }

func (v *view) loadIDs(rs *rowSet, chunk uint32, lo, n int) {
	var ids []byte
	var err error
	if v.caching {
		ids, err = v.b.ids(colSpanID, chunk, 8)
	} else if p, e := v.b.piece(colSpanID, chunk); e != nil || p == nil {
		err = e
	} else {
		v.ids, err = v.b.readIDs(v.ids[:0], p, 8)
		ids = v.ids
	}
	if err == nil && len(ids) < 8*(lo+n) {
		v.fail("chunk %d has %d span ids", chunk, len(ids)/8)
	}
	if err != nil || v.err != nil {
		if v.err == nil {
			v.err = err
		}
		return
	}
	for i := lo; i < lo+n; i++ {
		rs.SpanIDs = append(rs.SpanIDs, span.SpanID(ids[8*i:]))
	}
}

func (v *view) loadTimes(rs *rowSet, chunk uint32, lo int, traces []traceRows) {
	starts, durations := v.whole(colStart, chunk), v.whole(colDuration, chunk)
	if v.err != nil {
		return
	}
	row := lo
	for _, t := range traces {
		if row+t.rows > len(starts) || row+t.rows > len(durations) {
			v.fail("chunk %d has %d starts and %d durations", chunk, len(starts), len(durations))
			return
		}
		at := t.start
		for i := row; i < row+t.rows; i++ {
			at += starts[i]
			rs.TraceIDs = append(rs.TraceIDs, t.id)
			rs.Starts = append(rs.Starts, at)
			rs.Ends = append(rs.Ends, at+durations[i])
		}
		row += t.rows
	}
}

func (v *view) loadParents(rs *rowSet, chunk uint32, lo, first int, traces []traceRows) {
	codes := v.whole(colParent, chunk)
	if v.err != nil {
		return
	}
	lost, err := v.b.ids(colParentID, chunk, 8)
	if err != nil {
		v.err = err
		return
	}
	n := 0
	for _, t := range traces {
		n += t.rows
	}
	if lo+n > len(codes) || len(rs.SpanIDs) != first+n {
		v.fail("chunk %d has %d parents", chunk, len(codes))
		return
	}
	missing := 0
	for _, c := range codes[:lo] {
		if c == 1 {
			missing++
		}
	}
	for i, c := range codes[lo : lo+n] {
		var parent span.SpanID
		switch c {
		case 0:
		case 1:
			if 8*missing+8 > len(lost) {
				v.fail("chunk %d lacks the id of parent %d", chunk, missing)
				return
			}
			parent = span.SpanID(lost[8*missing:])
			missing++
		default:
			d := int64((c-2)>>1) ^ -int64((c-2)&1)
			j := int64(first+i) - d
			if j < int64(first) || j >= int64(first+n) {
				v.fail("chunk %d: parent of row %d is not in its trace", chunk, lo+i)
				return
			}
			parent = rs.SpanIDs[j]
		}
		rs.Parents = append(rs.Parents, parent)
	}
}

// loadFixed loads the columns that each row has, zeros where the projection leaves one out.
func (v *view) loadFixed(rs *rowSet, chunk uint32, lo, n int) {
	number := func(num int, put func(x uint64)) {
		if !v.want.wantsFixed(num) {
			for range n {
				put(0)
			}
			return
		}
		vals := v.whole(uint32(num), chunk)
		if v.err == nil && lo+n > len(vals) {
			v.fail("chunk %d has %d values of %s", chunk, len(vals), fixedColumns[num].key)
		}
		if v.err == nil {
			for _, x := range vals[lo : lo+n] {
				put(x)
			}
		}
	}
	number(colKind, func(x uint64) { rs.Kinds = append(rs.Kinds, int32(x)) })
	number(colStatus, func(x uint64) { rs.Statuses = append(rs.Statuses, int32(x)) })
	resources, scopes := uint64(len(v.base.tables.Resources)), uint64(len(v.base.tables.Scopes))
	number(colResource, func(x uint64) {
		if x >= resources {
			v.fail("resource %d of %d", x, resources)
		}
		rs.Resource = append(rs.Resource, uint32(x))
	})
	number(colScopeRef, func(x uint64) {
		if x >= scopes {
			v.fail("scope %d of %d", x, scopes)
		}
		rs.Scope = append(rs.Scope, uint32(x))
	})
	if !v.want.wantsFixed(colName) {
		rs.Names = append(rs.Names, make([]span.Ref, n)...)
		return
	}
	v.advance(colName, lo)
	for range n {
		rs.Names = append(rs.Names, span.Ref(v.next(rs, colName, chunk)))
	}
}

// loadAttrs loads attributes, optional columns, events and links.
func (v *view) loadAttrs(rs *rowSet, chunk uint32, lo int, shapes, before []uint64) {
	events, links := v.want.wantsFixed(colEvents), v.want.wantsFixed(colLinks)
	v.skip(before)
	if events {
		v.skipChildren(chunk, colEvents, colEventShape, colEventTime, colEventName)
	}
	if links {
		v.skipChildren(chunk, colLinks, colLinkShape)
	}
	for i, num := range shapes {
		s := v.shape(num)
		rs.Attrs = append(rs.Attrs, v.nextAttrs(rs, s, chunk))
		rs.Messages, rs.States, rs.Flags = append(rs.Messages, 0), append(rs.States, 0), append(rs.Flags, 0)
		rs.Dropped = append(rs.Dropped, span.Dropped{})
		if len(s.optional) > 0 {
			v.loadOptional(rs, s, chunk, rs.Len()-len(shapes)+i)
		}
		rs.EventEnds = append(rs.EventEnds, uint32(len(rs.Events)))
		rs.LinkEnds = append(rs.LinkEnds, uint32(len(rs.Links)))
		if v.err != nil {
			return
		}
	}
}

// skipChildren moves the columns of events or links over those of the rows before.
func (v *view) skipChildren(chunk uint32, count, shape uint32, others ...uint32) {
	c := &v.cursors[count]
	rows := c.pos
	if rows == 0 {
		return
	}
	n := uint64(0)
	counts := v.whole(count, chunk)
	for _, k := range counts[:min(rows, len(counts))] {
		n += k
	}
	shapes := v.whole(shape, chunk)
	if n > uint64(len(shapes)) {
		v.fail("chunk %d has %d of %d events or links", chunk, len(shapes), n)
		return
	}
	v.skip(shapes[:n])
	for _, col := range append(others, shape) {
		v.advance(col, int(n))
	}
}

func (v *view) nextAttrs(rs *rowSet, s *viewShape, chunk uint32) span.Attrs {
	a := span.Attrs{Shape: s.shape, First: uint32(len(rs.Values))}
	for _, col := range s.attrs {
		rs.Values = append(rs.Values, v.next(rs, col, chunk))
	}
	return a
}

func (v *view) loadOptional(rs *rowSet, s *viewShape, chunk uint32, i int) {
	for _, col := range s.optional {
		x := v.next(rs, col, chunk)
		switch col {
		case colMessage:
			rs.Messages[i] = span.Ref(x)
		case colState:
			rs.States[i] = span.Ref(x)
		case colFlags:
			rs.Flags[i] = uint32(x)
		case colDroppedAttrs:
			rs.Dropped[i].Attrs = uint32(x)
		case colDroppedEvents:
			rs.Dropped[i].Events = uint32(x)
		case colDroppedLinks:
			rs.Dropped[i].Links = uint32(x)
		case colEvents:
			for range x {
				if v.err != nil {
					return
				}
				v.loadEvent(rs, chunk, rs.Starts[i])
			}
		case colLinks:
			for range x {
				if v.err != nil {
					return
				}
				v.loadLink(rs, chunk)
			}
		}
	}
}

func (v *view) loadEvent(rs *rowSet, chunk uint32, start uint64) {
	e := span.Event{Time: start + v.next(rs, colEventTime, chunk), Name: span.Ref(v.next(rs, colEventName, chunk))}
	s := v.shape(v.next(rs, colEventShape, chunk))
	e.Attrs = v.nextAttrs(rs, s, chunk)
	if slices.Contains(s.optional, colEventDropped) {
		e.DroppedAttrs = uint32(v.next(rs, colEventDropped, chunk))
	}
	rs.Events = append(rs.Events, e)
}

func (v *view) loadLink(rs *rowSet, chunk uint32) {
	at := v.cursors[colLinkShape].pos
	s := v.shape(v.next(rs, colLinkShape, chunk))
	traces, err1 := v.b.ids(colLinkTrace, chunk, 16)
	spans, err2 := v.b.ids(colLinkSpan, chunk, 8)
	if err1 != nil || err2 != nil || 16*at+16 > len(traces) || 8*at+8 > len(spans) {
		v.fail("chunk %d lacks the ids of link %d (%v, %v)", chunk, at, err1, err2)
		return
	}
	l := span.Link{TraceID: span.TraceID(traces[16*at:]), SpanID: span.SpanID(spans[8*at:]), Attrs: v.nextAttrs(rs, s, chunk)}
	for _, col := range s.optional {
		x := v.next(rs, col, chunk)
		switch col {
		case colLinkState:
			l.State = span.Ref(x)
		case colLinkFlags:
			l.Flags = uint32(x)
		case colLinkDropped:
			l.DroppedAttrs = uint32(x)
		}
	}
	rs.Links = append(rs.Links, l)
}
