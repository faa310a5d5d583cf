package columnar

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"

	"github.com/clewhq/clew/span"
)

// head holds the spans that came last, in memory and searchable. All strings
// are in one dictionary and all resources in one table; rows are in chunks in
// the order of arrival, and those of one trace are chained.
//
// One goroutine appends at a time. Readers take a headView, which stays as it
// is while the head goes on growing: what a view refers to is only ever
// appended to. A head that is sealed does not change any more.
type head struct {
	mu      sync.RWMutex
	dict    span.Dict
	shapes  span.Shapes
	tables  span.Batch        // Resources, Scopes, Shapes, Values; strings are in dict
	content map[string]uint32 // place of each resource and scope by what it holds
	chunks  []*headChunk
	rows    int
	values  int
	events  int  // and links
	heavy   bool // some string is longer than sharedStringBytes

	traces []headTrace
	table  []uint32 // open addressing by trace id: 1 + place in traces

	minReceived, maxReceived uint64 // unix ns
	// lastSegment is the last log segment with spans of this head; set when it is sealed.
	lastSegment uint64

	// scratch of append: this head's Ref, shape, resource and scope for each of the batch.
	refs, newShapes, resources, scopes []uint32
	entries                            []span.Entry
	key                                []byte
}

// headChunk is headChunkRows rows, but for the last one of a head, which has fewer.
type headChunk struct {
	rowSet
	traceOf []uint32 // place in head.traces
	before  []uint32 // 1 + the row before in the same trace, 0 for none; rows count through all chunks
}

// headTrace is one trace of the head.
type headTrace struct {
	id    span.TraceID
	start uint64 // earliest of its spans, unix ns
	last  uint32 // 1 + its row that came last
	rows  uint32
}

const headChunkRows = 8192

// secret makes collisions of trace ids in head.table unpredictable.
var secret = span.Hash([]byte("trace ids")) | 1

func newHead() *head {
	return &head{content: map[string]uint32{}, table: make([]uint32, 1024)}
}

// size returns the memory that the head holds, in bytes, give or take some percent.
func (h *head) size() int64 {
	const rowBytes = 16 + 8 + 8 + 8 + 8 + 4*10 + 8 + 12 + 4 + 4 + 4 + 4
	const eventBytes = 56
	const tableBytes, tableValueBytes = 200, 32 // with what h.content takes
	tables := (len(h.tables.Resources)+len(h.tables.Scopes))*tableBytes + len(h.tables.Values)*tableValueBytes
	return int64(h.dict.Size() + h.shapes.Size() + h.tables.Shapes.Size() + tables +
		h.rows*rowBytes + 8*h.values + h.events*eventBytes + len(h.traces)*36 + 4*len(h.table))
}

// append copies the spans of b in. received is when they arrived, in unix ns.
func (h *head) append(b *span.Batch, received uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rows == 0 {
		h.minReceived = received
	}
	h.minReceived, h.maxReceived = min(h.minReceived, received), max(h.maxReceived, received)
	h.translate(b)
	for at := 0; at < b.Len(); {
		c := h.chunk()
		n := min(b.Len()-at, headChunkRows-c.Len())
		h.appendRows(c, b, at, at+n)
		at += n
	}
}

// chunk returns the chunk that has room.
func (h *head) chunk() *headChunk {
	if n := len(h.chunks); n > 0 && h.chunks[n-1].Len() < headChunkRows {
		return h.chunks[n-1]
	}
	c := new(headChunk)
	if n := len(h.chunks); n > 0 {
		c.reserve(len(h.chunks[n-1].Values))
	}
	h.chunks = append(h.chunks, c)
	return c
}

// reserve makes room for a full chunk.
func (c *headChunk) reserve(values int) {
	const n = headChunkRows
	c.TraceIDs, c.SpanIDs, c.Parents = make([]span.TraceID, 0, n), make([]span.SpanID, 0, n), make([]span.SpanID, 0, n)
	c.Starts, c.Ends = make([]uint64, 0, n), make([]uint64, 0, n)
	c.Names, c.Messages, c.States = make([]span.Ref, 0, n), make([]span.Ref, 0, n), make([]span.Ref, 0, n)
	c.Kinds, c.Statuses = make([]int32, 0, n), make([]int32, 0, n)
	c.Flags, c.Resource, c.Scope = make([]uint32, 0, n), make([]uint32, 0, n), make([]uint32, 0, n)
	c.Attrs, c.Dropped = make([]span.Attrs, 0, n), make([]span.Dropped, 0, n)
	c.EventEnds, c.LinkEnds = make([]uint32, 0, n), make([]uint32, 0, n)
	c.traceOf, c.before = make([]uint32, 0, n), make([]uint32, 0, n)
	c.Values = make([]uint64, 0, values+values/16)
}

// translate fills refs, newShapes, resources and scopes for the batch.
func (h *head) translate(b *span.Batch) {
	h.refs = resize(h.refs, max(1, b.Dict.Len()))
	for r := range h.refs {
		s := b.Dict.Bytes(span.Ref(r))
		h.heavy = h.heavy || len(s) > sharedStringBytes
		h.refs[r] = h.dict.Intern(s)
	}
	h.newShapes = resize(h.newShapes, b.Shapes.Len())
	for i := range h.newShapes {
		h.newShapes[i] = h.shapes.Intern(h.translateShape(b, uint32(i)))
	}
	h.resources = resize(h.resources, len(b.Resources))
	for i, r := range b.Resources {
		r.SchemaURL, r.EntityRefs = h.refs[r.SchemaURL], h.refs[r.EntityRefs]
		r.Attrs = h.tableAttrs(b, r.Attrs)
		at, isNew := h.known(len(h.tables.Resources), r.Attrs, 'r', uint64(r.DroppedAttrs), uint64(r.SchemaURL), uint64(r.EntityRefs))
		if isNew {
			h.tables.Resources = append(h.tables.Resources, r)
		}
		h.resources[i] = at
	}
	h.scopes = resize(h.scopes, len(b.Scopes))
	for i, s := range b.Scopes {
		s.Name, s.Version, s.SchemaURL = h.refs[s.Name], h.refs[s.Version], h.refs[s.SchemaURL]
		s.Attrs = h.tableAttrs(b, s.Attrs)
		at, isNew := h.known(len(h.tables.Scopes), s.Attrs, 's', uint64(s.DroppedAttrs), uint64(s.Name), uint64(s.Version), uint64(s.SchemaURL))
		if isNew {
			h.tables.Scopes = append(h.tables.Scopes, s)
		}
		h.scopes[i] = at
	}
}

func (h *head) translateShape(b *span.Batch, shape uint32) []span.Entry {
	h.entries = h.entries[:0]
	for _, e := range b.Shapes.Entries(shape) {
		h.entries = append(h.entries, span.Entry{Key: h.refs[e.Key], Type: e.Type})
	}
	return h.entries
}

// tableAttrs appends an attribute list to the tables' values.
func (h *head) tableAttrs(b *span.Batch, a span.Attrs) span.Attrs {
	out := span.Attrs{Shape: h.tables.Shapes.Intern(h.translateShape(b, a.Shape)), First: uint32(len(h.tables.Values))}
	for i, e := range b.Shapes.Entries(a.Shape) {
		v := b.Values[int(a.First)+i]
		if e.Type.InDict() {
			v = uint64(h.refs[v])
		}
		h.tables.Values = append(h.tables.Values, v)
	}
	return out
}

// known returns the place of a resource or scope with this content, which is
// next if there is none yet. The values of one that is known are taken back.
func (h *head) known(next int, a span.Attrs, content ...uint64) (at uint32, isNew bool) {
	h.key = h.key[:0]
	for _, v := range content {
		h.key = binary.AppendUvarint(h.key, v)
	}
	h.key = binary.AppendUvarint(h.key, uint64(a.Shape))
	for _, v := range h.tables.Values[a.First:] {
		h.key = binary.AppendUvarint(h.key, v)
	}
	if at, ok := h.content[string(h.key)]; ok {
		h.tables.Values = h.tables.Values[:a.First]
		return at, false
	}
	h.content[string(h.key)] = uint32(next)
	return uint32(next), true
}

// appendRows copies rows lo to hi of b to c, which has room for them.
func (h *head) appendRows(c *headChunk, b *span.Batch, lo, hi int) {
	c.TraceIDs = append(c.TraceIDs, b.TraceIDs[lo:hi]...)
	c.SpanIDs = append(c.SpanIDs, b.SpanIDs[lo:hi]...)
	c.Parents = append(c.Parents, b.Parents[lo:hi]...)
	c.Starts = append(c.Starts, b.Starts[lo:hi]...)
	c.Ends = append(c.Ends, b.Ends[lo:hi]...)
	c.Kinds = append(c.Kinds, b.Kinds[lo:hi]...)
	c.Statuses = append(c.Statuses, b.Statuses[lo:hi]...)
	c.Flags = append(c.Flags, b.Flags[lo:hi]...)
	c.Dropped = append(c.Dropped, b.Dropped[lo:hi]...)
	for i := lo; i < hi; i++ {
		c.Names = append(c.Names, h.refs[b.Names[i]])
		c.Messages = append(c.Messages, h.refs[b.Messages[i]])
		c.States = append(c.States, h.refs[b.States[i]])
		c.Resource = append(c.Resource, h.resources[b.Resource[i]])
		c.Scope = append(c.Scope, h.scopes[b.Scope[i]])
		c.Attrs = append(c.Attrs, h.rowAttrs(c, b, b.Attrs[i]))
		for _, e := range b.EventsOf(i) {
			e.Name, e.Attrs = h.refs[e.Name], h.rowAttrs(c, b, e.Attrs)
			c.Events = append(c.Events, e)
		}
		for _, l := range b.LinksOf(i) {
			l.State, l.Attrs = h.refs[l.State], h.rowAttrs(c, b, l.Attrs)
			c.Links = append(c.Links, l)
		}
		h.events += len(b.EventsOf(i)) + len(b.LinksOf(i))
		c.EventEnds = append(c.EventEnds, uint32(len(c.Events)))
		c.LinkEnds = append(c.LinkEnds, uint32(len(c.Links)))
	}
	for i := lo; i < hi; i++ {
		at := h.trace(b.TraceIDs[i], b.Starts[i])
		t := &h.traces[at]
		c.traceOf, c.before = append(c.traceOf, at), append(c.before, t.last)
		t.start = min(t.start, b.Starts[i])
		t.rows++
		h.rows++
		t.last = uint32(h.rows)
	}
}

func (h *head) rowAttrs(c *headChunk, b *span.Batch, a span.Attrs) span.Attrs {
	out := span.Attrs{Shape: h.newShapes[a.Shape], First: uint32(len(c.Values))}
	entries := b.Shapes.Entries(a.Shape)
	vals := b.Values[a.First : int(a.First)+len(entries)]
	for i, v := range vals {
		if entries[i].Type.InDict() {
			v = uint64(h.refs[v])
		}
		c.Values = append(c.Values, v)
	}
	h.values += len(vals)
	return out
}

// trace returns the place of a trace in traces, adding it if it is new.
func (h *head) trace(id span.TraceID, start uint64) uint32 {
	if 2*len(h.traces) >= len(h.table) {
		h.growTable()
	}
	mask := uint32(len(h.table) - 1)
	slot := hashForTable(id) & mask
	for ; h.table[slot] != 0; slot = (slot + 1) & mask {
		if at := h.table[slot] - 1; h.traces[at].id == id {
			return at
		}
	}
	h.traces = append(h.traces, headTrace{id: id, start: start})
	h.table[slot] = uint32(len(h.traces))
	return uint32(len(h.traces) - 1)
}

func (h *head) growTable() {
	h.table = make([]uint32, 2*len(h.table))
	mask := uint32(len(h.table) - 1)
	for i := range h.traces {
		slot := hashForTable(h.traces[i].id) & mask
		for h.table[slot] != 0 {
			slot = (slot + 1) & mask
		}
		h.table[slot] = uint32(i + 1)
	}
}

func hashForTable(id span.TraceID) uint32 {
	hi, lo := id.Uint64s()
	a, b := bits.Mul64(hi^secret, lo^0x9E3779B97F4A7C15)
	return uint32(a ^ b ^ b>>32)
}

func resize(s []uint32, n int) []uint32 {
	if cap(s) < n {
		return make([]uint32, n, n+n/4)
	}
	return s[:n]
}

// headView is what a head held when the view was taken.
type headView struct {
	h      *head
	chunks []*headChunk
	rows   int
}

// view returns the head as it is now, or nil if it is empty.
func (h *head) view() *headView {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.rows == 0 {
		return nil
	}
	dict := h.dict.View()
	tables := span.Batch{Shapes: h.tables.Shapes.View(), Values: h.tables.Values, Resources: h.tables.Resources, Scopes: h.tables.Scopes}
	s := &space{strs: &dict, shapes: h.shapes.View(), tables: &tables, heavy: h.heavy}
	v := &headView{h: h, rows: h.rows, chunks: make([]*headChunk, len(h.chunks))}
	for i, c := range h.chunks {
		copied := *c
		copied.space = s
		v.chunks[i] = &copied
	}
	return v
}

// rowsOf returns the rows of a trace and its earliest start, as far as the view has them.
func (v *headView) rowsOf(id span.TraceID) (rows []rowRef, start uint64) {
	h := v.h
	h.mu.RLock()
	defer h.mu.RUnlock()
	if t := h.find(id); t != nil {
		return v.chain(t)
	}
	return nil, 0
}

// find returns a trace of the head, or nil; the caller holds the lock.
func (h *head) find(id span.TraceID) *headTrace {
	mask := uint32(len(h.table) - 1)
	for slot := hashForTable(id) & mask; h.table[slot] != 0; slot = (slot + 1) & mask {
		if t := &h.traces[h.table[slot]-1]; t.id == id {
			return t
		}
	}
	return nil
}

// has reports whether the view has rows of a trace.
func (v *headView) has(id span.TraceID) bool {
	h := v.h
	h.mu.RLock()
	defer h.mu.RUnlock()
	t := h.find(id)
	if t == nil {
		return false
	}
	at := t.last
	for at != 0 && int(at-1) >= v.rows {
		at = h.chunks[(at-1)/headChunkRows].before[(at-1)%headChunkRows]
	}
	return at != 0
}

// chain collects the rows of a trace; the caller holds the head's lock.
func (v *headView) chain(t *headTrace) (rows []rowRef, start uint64) {
	for at := t.last; at != 0; {
		row := at - 1
		c := v.h.chunks[row/headChunkRows]
		if int(row) < v.rows {
			shown := v.chunks[row/headChunkRows]
			i := row % headChunkRows
			if len(rows) == 0 || shown.Starts[i] < start {
				start = shown.Starts[i]
			}
			rows = append(rows, rowRef{&shown.rowSet, i})
		}
		at = c.before[row%headChunkRows]
	}
	slices.SortFunc(rows, compareRows)
	return rows, start
}

// ordered returns the places of all traces in the order of blocks: by start, then by id. The head must be sealed.
func (h *head) ordered() []uint32 {
	order := make([]uint32, len(h.traces))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		x, y := &h.traces[a], &h.traces[b]
		if c := cmp.Compare(x.start, y.start); c != 0 {
			return c
		}
		return slices.Compare(x.id[:], y.id[:])
	})
	return order
}
