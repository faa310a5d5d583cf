package columnar

import (
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// blockChunk is a chunk of a block as store.Chunk. It decodes what it is asked
// for; its memory is used again for the worker's next chunk.
type blockChunk struct {
	w     *looker
	v     *evaluator
	info  *chunkInfo
	apart []uint32 // traces that are brought together elsewhere, ascending

	live    store.Bitmap
	where   []store.Bitmap // of Query.Where; nil: not asked for yet
	traces  []store.TraceRun
	runs    []store.TraceRun // memory of Runs
	ends    []uint64
	ids     []span.SpanID
	parents []int32
	at      []int32 // memory of places
	childAt []int32
	rows    *rowSet // all rows, under some projection
	wide    bool    // rows has everything
	has     struct{ traces, ends, ids, parents, rows bool }
}

func (c *blockChunk) begin(w *looker, v *evaluator, info *chunkInfo, apart []uint32) {
	c.w, c.v, c.info, c.apart = w, v, info, apart
	c.where = append(c.where[:0], make([]store.Bitmap, len(w.where))...)
	c.has = struct{ traces, ends, ids, parents, rows bool }{}
	c.live = store.NewBitmap(c.Len())
	c.live.Fill(0, c.Len())
	if len(apart) == 0 {
		return
	}
	c.eachTrace(func(i, lo, hi int) {
		if len(apart) > 0 && int(apart[0]) == i {
			apart = apart[1:]
			for row := lo; row < hi; row++ {
				c.live.Clear(row)
			}
		}
	})
}

// eachTrace calls f with the number and the rows of each trace, those apart too.
func (c *blockChunk) eachTrace(f func(i, lo, hi int)) {
	lo := 0
	for i, rows := range c.v.ints(colTraceRows) {
		hi := min(lo+int(min(rows, maxCount)), c.Len())
		f(i, lo, hi)
		lo = hi
	}
}

// due reports whether all that the query needs is in the chunk.
func (c *blockChunk) due() bool {
	if c.v.err != nil || !c.live.Any() {
		return false
	}
	for _, n := range c.w.needs {
		var rows store.Bitmap
		if n.at >= 0 {
			c.where[n.at] = c.exactly(n.p)
			rows = c.where[n.at]
		} else {
			rows = c.exactly(n.p)
		}
		if c.v.err != nil || !rows.Any() {
			return false
		}
	}
	return true
}

// exactly returns the live rows on which p holds.
func (c *blockChunk) exactly(p store.Predicate) store.Bitmap {
	got := c.v.rows(p, colSpan)
	rows := got.rows
	switch {
	case rows != nil:
		rows.And(c.live)
	case got.all == never:
		rows = store.NewBitmap(c.Len())
	default:
		rows = append(rows, c.live...)
	}
	if got.exact || c.v.err != nil {
		return rows
	}
	rs := c.load(projectionFor(p, nil))
	if rs == nil {
		return store.NewBitmap(c.Len())
	}
	for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
		if !judge(p, place{rs, i, -1, -1}) {
			rows.Clear(i)
		}
	}
	return rows
}

// load returns all rows of the chunk under the projection of the query if that covers want, else under
// everything; nil if they cannot be read.
func (c *blockChunk) load(want *projection) *rowSet {
	narrow := c.w.want.covers(want)
	if c.has.rows && (narrow || c.wide) {
		return c.rows
	}
	views := &c.w.views
	if !narrow {
		views = &c.w.whole
	}
	v, err := views.of(c.v.b)
	if err != nil {
		c.v.fail(err)
		return nil
	}
	traces, err := v.chunkTraces(c.v.chunk)
	if err != nil {
		c.v.fail(err)
		return nil
	}
	rs := &rowSet{space: v.space}
	if err := v.load(rs, c.v.chunk, 0, traces); err != nil {
		c.v.fail(err)
		return nil
	}
	if rs.Len() != c.Len() {
		c.v.fail(errRows(c.v.b, c.v.chunk, rs.Len(), c.Len()))
		return nil
	}
	c.rows, c.wide, c.has.rows = rs, !narrow, true
	return rs
}

func (c *blockChunk) Len() int           { return int(c.info.rows) }
func (c *blockChunk) Live() store.Bitmap { return c.live }
func (c *blockChunk) Err() error         { return c.v.err }

// Bounds returns times that no start of a row lies outside of.
func (c *blockChunk) Bounds() (lo, hi uint64) { return c.info.minStart, c.info.maxStart }

func (c *blockChunk) Traces() []store.TraceRun {
	if c.has.traces {
		return c.traces
	}
	c.has.traces, c.traces = true, c.traces[:0]
	ids, starts, apart := c.v.ids(colTraceID, 16), c.v.ints(colTraceStart), c.apart
	c.eachTrace(func(i, lo, hi int) {
		switch {
		case len(apart) > 0 && int(apart[0]) == i:
			apart = apart[1:]
		case 16*i+16 <= len(ids) && i < len(starts):
			start := starts[i]
			if i == 0 && c.info.continues { // a trace of its own, for who looks at each span
				start = c.Starts()[lo]
			}
			c.traces = append(c.traces, store.TraceRun{ID: span.TraceID(ids[16*i:]), Start: start, Lo: lo, Hi: hi})
		}
	})
	return c.traces
}

// Runs returns what Traces does, without ids and starts, which take longer to read than all else of it.
func (c *blockChunk) Runs() []store.TraceRun {
	if c.has.traces {
		return c.traces
	}
	c.runs = c.runs[:0]
	apart, hi := c.apart, 0
	for i, rows := range c.v.ints(colTraceRows) {
		lo := hi
		hi = min(lo+int(min(rows, maxCount)), c.Len())
		if len(apart) > 0 && int(apart[0]) == i {
			apart = apart[1:]
			continue
		}
		c.runs = append(c.runs, store.TraceRun{Lo: lo, Hi: hi})
	}
	return c.runs
}

func (c *blockChunk) Starts() []uint64 { return padded(c, c.v.spanStarts()) }

// padded returns vals if there is one for each row; else it notes an error and returns zeros.
func padded(c *blockChunk, vals []uint64) []uint64 {
	if len(vals) >= c.Len() {
		return vals[:c.Len()]
	}
	c.v.fail(errRows(c.v.b, c.v.chunk, len(vals), c.Len()))
	return make([]uint64, c.Len())
}

func (c *blockChunk) Ends() []uint64 {
	if c.has.ends {
		return c.ends
	}
	c.has.ends, c.ends = true, c.ends[:0]
	durations := padded(c, c.v.ints(colDuration))
	for i, start := range c.Starts() {
		c.ends = append(c.ends, start+durations[i])
	}
	return c.ends
}

func (c *blockChunk) SpanIDs() []span.SpanID {
	if c.has.ids {
		return c.ids
	}
	c.has.ids, c.ids = true, c.ids[:0]
	raw := c.v.ids(colSpanID, 8)
	if len(raw) < 8*c.Len() {
		c.v.fail(errRows(c.v.b, c.v.chunk, len(raw)/8, c.Len()))
		raw = make([]byte, 8*c.Len())
	}
	for i := range c.Len() {
		c.ids = append(c.ids, span.SpanID(raw[8*i:]))
	}
	return c.ids
}

func (c *blockChunk) Parents() []int32 {
	if c.has.parents {
		return c.parents
	}
	c.has.parents = true
	c.parents = resizeTo(c.parents, c.Len())
	for i, code := range padded(c, c.v.ints(colParent)) {
		if code <= 1 {
			c.parents[i] = store.NoParent - int32(code) // 1 is LostParent
			continue
		}
		parent := parentRow(i, code)
		if uint(parent) >= uint(c.Len()) {
			c.v.fail(errRows(c.v.b, c.v.chunk, parent, c.Len()))
			parent = store.LostParent
		}
		c.parents[i] = int32(parent)
	}
	return c.parents
}

// parentRow decodes a code above 1 of the column of parents.
func parentRow(row int, code uint64) int {
	return row - int(int64((code-2)>>1)^-int64((code-2)&1))
}

func (c *blockChunk) Where(i int) store.Bitmap {
	if c.where[i] == nil {
		c.where[i] = c.exactly(c.w.where[i])
	}
	if c.v.err != nil {
		return store.NewBitmap(c.Len())
	}
	return append(store.Bitmap(nil), c.where[i]...)
}

func (c *blockChunk) Values(f store.Field, row int, yield func(span.Value) bool) {
	if rs := c.load(projectionFor(nil, []store.Field{f})); rs != nil {
		place{rs, row, -1, -1}.each(f, yield)
	}
}

// each calls yield with the values of a field.
func (at place) each(f store.Field, yield func(span.Value) bool) {
	at.values(f, func(typ span.Type, bits uint64, b []byte) bool {
		if typ.InDict() {
			return yield(span.Value{Type: typ, Str: string(b)})
		}
		return yield(span.Value{Type: typ, Num: bits})
	})
}

func (c *blockChunk) Attributes() []store.Field {
	met := map[store.Field]bool{}
	var list []store.Field
	add := func(f store.Field) {
		if !met[f] {
			met[f] = true
			list = append(list, f)
		}
	}
	for num, k := range c.v.dir.keys {
		if k.Scope != colFixed && c.v.column(uint32(num)).piece(c.v.chunk) != nil {
			add(store.Attr(scopeOfColumn[k.Scope], k.Key))
		}
	}
	t, strs := c.v.base.tables, c.v.base.dict
	for _, r := range t.Resources {
		for _, e := range t.Shapes.Entries(r.Attrs.Shape) {
			add(store.Attr(store.ResourceScope, string(strs.Bytes(e.Key))))
		}
	}
	for _, s := range t.Scopes {
		for _, e := range t.Shapes.Entries(s.Attrs.Shape) {
			add(store.Attr(store.InstrumentationScope, string(strs.Bytes(e.Key))))
		}
	}
	return list
}
