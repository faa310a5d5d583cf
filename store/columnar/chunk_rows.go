package columnar

import (
	"fmt"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// rowsChunk is traces of a head, or brought together from several places, as store.Chunk.
type rowsChunk struct {
	w       *looker
	rows    []rowRef
	traces  []store.TraceRun
	reload  []func() ([]rowRef, error) // for each trace: its rows with everything; nil: they have it
	wide    bool
	err     error
	live    store.Bitmap
	starts  []uint64
	ends    []uint64
	ids     []span.SpanID
	parents []int32
	columns map[store.Field]*store.Column
}

func (c *rowsChunk) begin(w *looker) {
	*c = rowsChunk{w: w, rows: c.rows[:0], traces: c.traces[:0], reload: c.reload[:0], starts: c.starts[:0], ends: c.ends[:0],
		ids: c.ids[:0], parents: c.parents[:0], columns: map[store.Field]*store.Column{}}
}

// add adds a trace: its rows, without repetitions, in the order of compareRows.
func (c *rowsChunk) add(id span.TraceID, rows []rowRef, reload func() ([]rowRef, error)) {
	if len(rows) == 0 {
		return
	}
	lo := len(c.rows)
	c.rows = append(c.rows, rows...)
	c.traces = append(c.traces, store.TraceRun{ID: id, Start: rows[0].rs.Starts[rows[0].row], Lo: lo, Hi: len(c.rows)})
	c.reload = append(c.reload, reload)
	for _, r := range rows {
		c.starts = append(c.starts, r.rs.Starts[r.row])
		c.ends = append(c.ends, r.rs.Ends[r.row])
		c.ids = append(c.ids, r.rs.SpanIDs[r.row])
	}
}

// widen brings everything of the rows, if they may lack something of a field.
func (c *rowsChunk) widen(f store.Field) {
	if !c.w.want.covers(projectionFor(nil, []store.Field{f})) {
		c.widenAll()
	}
}

func (c *rowsChunk) widenAll() {
	if c.wide {
		return
	}
	c.wide = true
	for i, t := range c.traces {
		if c.reload[i] == nil {
			continue
		}
		rows, err := c.reload[i]()
		if err == nil && len(rows) != t.Hi-t.Lo {
			err = fmt.Errorf("trace %s: %d of its %d spans can be read again", t.ID, len(rows), t.Hi-t.Lo)
		}
		if err != nil {
			c.fail(err)
			return
		}
		copy(c.rows[t.Lo:t.Hi], rows)
	}
}

func (c *rowsChunk) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *rowsChunk) at(row int) place { return place{c.rows[row].rs, int(c.rows[row].row), -1, -1} }

func (c *rowsChunk) Len() int                 { return len(c.rows) }
func (c *rowsChunk) Err() error               { return c.err }
func (c *rowsChunk) Traces() []store.TraceRun { return c.traces }
func (c *rowsChunk) Starts() []uint64         { return c.starts }
func (c *rowsChunk) Ends() []uint64           { return c.ends }
func (c *rowsChunk) SpanIDs() []span.SpanID   { return c.ids }

func (c *rowsChunk) Live() store.Bitmap {
	if len(c.live) == 0 {
		c.live = store.NewBitmap(c.Len())
		c.live.Fill(0, c.Len())
	}
	return c.live
}

// fewSpans is up to how many spans of a trace a parent is looked for one by one.
const fewSpans = 24

func (c *rowsChunk) Parents() []int32 {
	if len(c.parents) > 0 {
		return c.parents
	}
	for _, t := range c.traces {
		find := func(id span.SpanID) int { return slices.Index(c.ids[t.Lo:t.Hi], id) }
		if t.Hi-t.Lo > fewSpans {
			places := make(map[span.SpanID]int, t.Hi-t.Lo)
			for i, id := range c.ids[t.Lo:t.Hi] {
				if _, ok := places[id]; !ok {
					places[id] = i
				}
			}
			find = func(id span.SpanID) int {
				if i, ok := places[id]; ok {
					return i
				}
				return -1
			}
		}
		for _, r := range c.rows[t.Lo:t.Hi] {
			parent := int32(store.NoParent)
			if id := r.rs.Parents[r.row]; !id.IsZero() {
				parent = store.LostParent
				if i := find(id); i >= 0 {
					parent = int32(t.Lo + i)
				}
			}
			c.parents = append(c.parents, parent)
		}
	}
	return c.parents
}

func (c *rowsChunk) Where(i int) store.Bitmap {
	out := store.NewBitmap(c.Len())
	for row := range c.rows {
		if judge(c.w.where[i], c.at(row)) {
			out.Set(row)
		}
	}
	return out
}

func (c *rowsChunk) Values(f store.Field, row int, yield func(span.Value) bool) {
	c.widen(f)
	c.at(row).each(f, yield)
}

func (c *rowsChunk) Column(f store.Field) *store.Column {
	if col := c.columns[f]; col != nil {
		return col
	}
	c.widen(f)
	col := c.column(f)
	c.columns[f] = col
	return col
}

func (c *rowsChunk) column(f store.Field) *store.Column {
	switch {
	case f.Scope == store.IntrinsicScope:
		if number := numberOf(f.Intrinsic); number != nil {
			nums := make([]uint64, c.Len())
			for i, r := range c.rows {
				nums[i] = number(r.rs, int(r.row))
			}
			return &store.Column{Type: span.Int, Nums: nums}
		}
	case f.Scope == store.ResourceScope:
		return c.byTable(f, func(r rowRef) uint32 { return r.rs.Resource[r.row] })
	case f.Scope == store.SpanScope:
		return c.byShape(f)
	}
	codes := make([]uint32, c.Len())
	dict := newValueList()
	for i := range codes {
		codes[i] = dict.first(f, c.at(i))
	}
	return &store.Column{Codes: codes, Dict: dict}
}

// byTable makes the column of a field of what several rows share.
func (c *rowsChunk) byTable(f store.Field, of func(rowRef) uint32) *store.Column {
	codes := make([]uint32, c.Len())
	dict := newValueList()
	met := map[tableRef]uint32{}
	for i, r := range c.rows {
		key := tableRef{r.rs.space, of(r)}
		code, ok := met[key]
		if !ok {
			code = dict.first(f, c.at(i))
			met[key] = code
		}
		codes[i] = code
	}
	return &store.Column{Codes: codes, Dict: dict}
}

// byShape makes the column of an attribute of spans, which the shapes of most say that they lack.
func (c *rowsChunk) byShape(f store.Field) *store.Column {
	codes := make([]uint32, c.Len())
	dict := newValueList()
	met := map[shapeRef]bool{}
	var last shapeRef
	has := false
	for i, r := range c.rows {
		space := r.rs.space
		shape := shapeRef{&space.shapes, r.rs.Attrs[r.row].Shape}
		if shape != last {
			var ok bool
			if has, ok = met[shape]; !ok {
				has = slices.ContainsFunc(space.shapes.Entries(shape.at), func(e span.Entry) bool {
					return string(space.strs.Bytes(e.Key)) == f.Key
				})
				met[shape] = has
			}
			last = shape
		}
		codes[i] = store.NoCode
		if has {
			codes[i] = dict.first(f, c.at(i))
		}
	}
	return &store.Column{Codes: codes, Dict: dict}
}

// numberOf returns how an intrinsic is read that is a number on each span, or nil.
func numberOf(in store.Intrinsic) func(rs *rowSet, i int) uint64 {
	switch in {
	case store.Duration:
		return func(rs *rowSet, i int) uint64 { return rs.Ends[i] - rs.Starts[i] }
	case store.Start:
		return func(rs *rowSet, i int) uint64 { return rs.Starts[i] }
	case store.End:
		return func(rs *rowSet, i int) uint64 { return rs.Ends[i] }
	case store.Kind:
		return func(rs *rowSet, i int) uint64 { return uint64(int64(rs.Kinds[i])) }
	case store.Status:
		return func(rs *rowSet, i int) uint64 { return uint64(int64(rs.Statuses[i])) }
	}
	return nil
}

func (c *rowsChunk) Attributes() []store.Field {
	c.widenAll()
	met := map[store.Field]bool{}
	shapes := map[shapeRef]bool{}
	var list []store.Field
	add := func(scope store.Scope, strs stringTable, table *span.Shapes, shape uint32, owner *span.Shapes) {
		key := shapeRef{owner, uint32(scope)<<24 | shape}
		if shapes[key] {
			return
		}
		shapes[key] = true
		for _, e := range table.Entries(shape) {
			if f := store.Attr(scope, string(strs.Bytes(e.Key))); !met[f] {
				met[f] = true
				list = append(list, f)
			}
		}
	}
	for _, r := range c.rows {
		rs, i, s := r.rs, int(r.row), r.rs.space
		add(store.SpanScope, s.strs, &s.shapes, rs.Attrs[i].Shape, &s.shapes)
		for _, e := range rs.EventsOf(i) {
			add(store.EventScope, s.strs, &s.shapes, e.Attrs.Shape, &s.shapes)
		}
		for _, l := range rs.LinksOf(i) {
			add(store.LinkScope, s.strs, &s.shapes, l.Attrs.Shape, &s.shapes)
		}
		add(store.ResourceScope, s.strs, &s.tables.Shapes, s.tables.Resources[rs.Resource[i]].Attrs.Shape, &s.tables.Shapes)
		add(store.InstrumentationScope, s.strs, &s.tables.Shapes, s.tables.Scopes[rs.Scope[i]].Attrs.Shape, &s.tables.Shapes)
	}
	return list
}
