package columnar

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/clewhq/clew/span"
)

// rowSet is a run of spans in rows: what the head holds, what is read back
// from blocks, and what the block writer takes in. Its Batch has all span
// columns, Events, Links and Values; strings, shapes, resources and scopes are
// those of its space, which rowSets can share.
type rowSet struct {
	span.Batch
	space *space
	// local holds the strings of Refs with localRef set.
	local [][]byte
	heavy bool // some string of local is longer than sharedStringBytes
	// localBytes is the length of all strings of local.
	localBytes int64
	// tag and localMarks belong to a blockWriter while it takes rows in.
	tag        uint32
	localMarks []mark
}

// localRef marks a Ref into rowSet.local.
const localRef = 1 << 31

// space is the namespace of the Refs and places in a rowSet.
type space struct {
	strs   stringTable
	shapes span.Shapes
	// tables holds Resources and Scopes, with Shapes and Values of their attributes.
	tables *span.Batch
	heavy  bool // some string of strs is longer than sharedStringBytes
	// out is what a blockWriter knows about the space.
	out *spaceMap
}

// stringTable resolves Refs without localRef.
type stringTable interface {
	Bytes(r span.Ref) []byte
	Len() int
}

func (rs *rowSet) bytes(r span.Ref) []byte {
	if r&localRef != 0 {
		return rs.local[r&^localRef]
	}
	return rs.space.strs.Bytes(r)
}

// addLocal keeps b, which must not change, and returns its Ref.
func (rs *rowSet) addLocal(b []byte) span.Ref {
	if len(b) == 0 {
		return 0
	}
	rs.local = append(rs.local, b)
	rs.heavy = rs.heavy || len(b) > sharedStringBytes
	rs.localBytes += int64(len(b))
	return localRef | span.Ref(len(rs.local)-1)
}

// reset empties the set and keeps its memory.
func (rs *rowSet) reset() {
	rs.Reset()
	clear(rs.local)
	rs.local, rs.localBytes, rs.heavy = rs.local[:0], 0, false
}

// copier appends rows of rowSets to a Batch of their own, with its own dictionary.
type copier struct {
	dst       *span.Batch
	resources map[tableRef]uint32
	scopes    map[tableRef]uint32
	shapes    map[shapeRef]uint32
	content   map[string]uint32 // place of each resource and scope by what it holds
	scratch   []span.Entry
}

// tableRef is a place in one of a space's tables.
type tableRef struct {
	space *space
	at    uint32
}

// shapeRef is a place in a table of shapes.
type shapeRef struct {
	shapes *span.Shapes
	at     uint32
}

func newCopier() *copier {
	return &copier{
		dst: new(span.Batch), resources: map[tableRef]uint32{}, scopes: map[tableRef]uint32{},
		shapes: map[shapeRef]uint32{}, content: map[string]uint32{},
	}
}

func (c *copier) add(rs *rowSet, i int) {
	d := c.dst
	d.TraceIDs = append(d.TraceIDs, rs.TraceIDs[i])
	d.SpanIDs = append(d.SpanIDs, rs.SpanIDs[i])
	d.Parents = append(d.Parents, rs.Parents[i])
	d.Starts = append(d.Starts, rs.Starts[i])
	d.Ends = append(d.Ends, rs.Ends[i])
	d.Names = append(d.Names, c.ref(rs, rs.Names[i]))
	d.Kinds = append(d.Kinds, rs.Kinds[i])
	d.Statuses = append(d.Statuses, rs.Statuses[i])
	d.Messages = append(d.Messages, c.ref(rs, rs.Messages[i]))
	d.States = append(d.States, c.ref(rs, rs.States[i]))
	d.Flags = append(d.Flags, rs.Flags[i])
	d.Resource = append(d.Resource, c.resource(rs.space, rs.Resource[i]))
	d.Scope = append(d.Scope, c.scope(rs.space, rs.Scope[i]))
	d.Attrs = append(d.Attrs, c.attrs(rs, &rs.space.shapes, rs.Values, rs.Attrs[i]))
	d.Dropped = append(d.Dropped, rs.Dropped[i])
	for _, e := range rs.EventsOf(i) {
		e.Name, e.Attrs = c.ref(rs, e.Name), c.attrs(rs, &rs.space.shapes, rs.Values, e.Attrs)
		d.Events = append(d.Events, e)
	}
	d.EventEnds = append(d.EventEnds, uint32(len(d.Events)))
	for _, l := range rs.LinksOf(i) {
		l.State, l.Attrs = c.ref(rs, l.State), c.attrs(rs, &rs.space.shapes, rs.Values, l.Attrs)
		d.Links = append(d.Links, l)
	}
	d.LinkEnds = append(d.LinkEnds, uint32(len(d.Links)))
}

func (c *copier) ref(rs *rowSet, r span.Ref) span.Ref { return c.dst.Dict.Intern(rs.bytes(r)) }

func (c *copier) attrs(rs *rowSet, shapes *span.Shapes, values []uint64, a span.Attrs) span.Attrs {
	out := span.Attrs{Shape: c.shape(rs.space, shapes, a.Shape), First: uint32(len(c.dst.Values))}
	for i, e := range shapes.Entries(a.Shape) {
		v := values[int(a.First)+i]
		if e.Type.InDict() {
			v = uint64(c.ref(rs, span.Ref(v)))
		}
		c.dst.Values = append(c.dst.Values, v)
	}
	return out
}

func (c *copier) shape(s *space, shapes *span.Shapes, at uint32) uint32 {
	if at == 0 {
		return 0
	}
	key := shapeRef{shapes, at}
	if out, ok := c.shapes[key]; ok {
		return out
	}
	c.scratch = c.scratch[:0]
	for _, e := range shapes.Entries(at) {
		c.scratch = append(c.scratch, span.Entry{Key: c.dst.Dict.Intern(s.strs.Bytes(e.Key)), Type: e.Type})
	}
	out := c.dst.Shapes.Intern(c.scratch)
	c.shapes[key] = out
	return out
}

func (c *copier) resource(s *space, at uint32) uint32 {
	key := tableRef{s, at}
	if out, ok := c.resources[key]; ok {
		return out
	}
	rs, r := rowSet{space: s}, s.tables.Resources[at]
	r.Attrs = c.attrs(&rs, &s.tables.Shapes, s.tables.Values, r.Attrs)
	r.SchemaURL, r.EntityRefs = c.ref(&rs, r.SchemaURL), c.ref(&rs, r.EntityRefs)
	out, isNew := c.known('r', uint32(len(c.dst.Resources)), r.Attrs, uint64(r.DroppedAttrs), uint64(r.SchemaURL), uint64(r.EntityRefs))
	if isNew {
		c.dst.Resources = append(c.dst.Resources, r)
	}
	c.resources[key] = out
	return out
}

func (c *copier) scope(s *space, at uint32) uint32 {
	key := tableRef{s, at}
	if out, ok := c.scopes[key]; ok {
		return out
	}
	rs, p := rowSet{space: s}, s.tables.Scopes[at]
	p.Attrs = c.attrs(&rs, &s.tables.Shapes, s.tables.Values, p.Attrs)
	p.Name, p.Version, p.SchemaURL = c.ref(&rs, p.Name), c.ref(&rs, p.Version), c.ref(&rs, p.SchemaURL)
	out, isNew := c.known('s', uint32(len(c.dst.Scopes)), p.Attrs, uint64(p.DroppedAttrs), uint64(p.Name), uint64(p.Version), uint64(p.SchemaURL))
	if isNew {
		c.dst.Scopes = append(c.dst.Scopes, p)
	}
	c.scopes[key] = out
	return out
}

// known returns the place of a resource or scope with this content, which is next if there is none yet.
func (c *copier) known(kind byte, next uint32, a span.Attrs, content ...uint64) (at uint32, isNew bool) {
	key := []byte{kind}
	for _, v := range append(content, uint64(a.Shape)) {
		key = binary.AppendUvarint(key, v)
	}
	for i := range c.dst.Shapes.Entries(a.Shape) {
		key = binary.AppendUvarint(key, c.dst.Values[int(a.First)+i])
	}
	if at, ok := c.content[string(key)]; ok {
		return at, false
	}
	c.content[string(key)] = next
	return next, true
}

// compareRows orders rows of one trace: by start, then by span id.
func compareRows(a, b rowRef) int {
	if c := cmp.Compare(a.rs.Starts[a.row], b.rs.Starts[b.row]); c != 0 {
		return c
	}
	return cmp.Compare(a.rs.SpanIDs[a.row].Uint64(), b.rs.SpanIDs[b.row].Uint64())
}

// dedupe removes rows that repeat another one in every field, from the rows of
// one trace in the order of compareRows.
func dedupe(rows []rowRef) []rowRef {
	kept := rows[:0]
	for i, r := range rows {
		repeated := false
		for j := len(kept) - 1; j >= 0 && compareRows(kept[j], r) == 0 && !repeated; j-- {
			repeated = sameSpan(kept[j], r)
		}
		if !repeated {
			kept = append(kept, rows[i])
		}
	}
	return kept
}

// sameSpan reports whether two rows with equal trace id, span id and start are equal in all else.
func sameSpan(a, b rowRef) bool {
	x, y, i, j := a.rs, b.rs, int(a.row), int(b.row)
	if x.Ends[i] != y.Ends[j] || x.Parents[i] != y.Parents[j] || x.Kinds[i] != y.Kinds[j] || x.Statuses[i] != y.Statuses[j] ||
		x.Flags[i] != y.Flags[j] || x.Dropped[i] != y.Dropped[j] ||
		!sameString(x, x.Names[i], y, y.Names[j]) || !sameString(x, x.Messages[i], y, y.Messages[j]) ||
		!sameString(x, x.States[i], y, y.States[j]) || !sameAttrs(x, x.Attrs[i], y, y.Attrs[j]) {
		return false
	}
	return slices.EqualFunc(x.EventsOf(i), y.EventsOf(j), func(e, f span.Event) bool {
		return e.Time == f.Time && e.DroppedAttrs == f.DroppedAttrs && sameString(x, e.Name, y, f.Name) && sameAttrs(x, e.Attrs, y, f.Attrs)
	}) && slices.EqualFunc(x.LinksOf(i), y.LinksOf(j), func(l, m span.Link) bool {
		return l.TraceID == m.TraceID && l.SpanID == m.SpanID && l.Flags == m.Flags && l.DroppedAttrs == m.DroppedAttrs &&
			sameString(x, l.State, y, m.State) && sameAttrs(x, l.Attrs, y, m.Attrs)
	}) && sameResource(x, x.Resource[i], y, y.Resource[j]) && sameScope(x, x.Scope[i], y, y.Scope[j])
}

func sameString(x *rowSet, r span.Ref, y *rowSet, s span.Ref) bool {
	return r == s && r&localRef == 0 && x.space == y.space || bytes.Equal(x.bytes(r), y.bytes(s))
}

func sameAttrs(x *rowSet, a span.Attrs, y *rowSet, b span.Attrs) bool {
	return sameLists(x, &x.space.shapes, x.Values, a, y, &y.space.shapes, y.Values, b)
}

func sameLists(x *rowSet, xs *span.Shapes, xv []uint64, a span.Attrs, y *rowSet, ys *span.Shapes, yv []uint64, b span.Attrs) bool {
	e, f := xs.Entries(a.Shape), ys.Entries(b.Shape)
	if len(e) != len(f) {
		return false
	}
	for i := range e {
		v, w := xv[int(a.First)+i], yv[int(b.First)+i]
		switch {
		case e[i].Type != f[i].Type || !sameString(x, e[i].Key, y, f[i].Key):
			return false
		case e[i].Type.InDict():
			if !sameString(x, span.Ref(v), y, span.Ref(w)) {
				return false
			}
		case v != w:
			return false
		}
	}
	return true
}

func sameResource(x *rowSet, i uint32, y *rowSet, j uint32) bool {
	if i == j && x.space == y.space {
		return true
	}
	s, t := x.space.tables, y.space.tables
	a, b := &s.Resources[i], &t.Resources[j]
	return a.DroppedAttrs == b.DroppedAttrs && sameString(x, a.SchemaURL, y, b.SchemaURL) && sameString(x, a.EntityRefs, y, b.EntityRefs) &&
		sameLists(x, &s.Shapes, s.Values, a.Attrs, y, &t.Shapes, t.Values, b.Attrs)
}

func sameScope(x *rowSet, i uint32, y *rowSet, j uint32) bool {
	if i == j && x.space == y.space {
		return true
	}
	s, t := x.space.tables, y.space.tables
	a, b := &s.Scopes[i], &t.Scopes[j]
	return a.DroppedAttrs == b.DroppedAttrs && sameString(x, a.Name, y, b.Name) && sameString(x, a.Version, y, b.Version) &&
		sameString(x, a.SchemaURL, y, b.SchemaURL) && sameLists(x, &s.Shapes, s.Values, a.Attrs, y, &t.Shapes, t.Values, b.Attrs)
}
