package analyze

import (
	"encoding/hex"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// traceChunk shows a trace as a store's chunk, so that TraceQL can be asked about it. Its rows are
// the places in Trace.Spans, which are ordered as a chunk has to be.
type traceChunk struct {
	*Trace
	where   []store.Predicate
	columns map[store.Field]*store.Column
	parents []int32
}

func (t *Trace) chunk(where []store.Predicate) *traceChunk {
	return &traceChunk{Trace: t, where: where, columns: map[store.Field]*store.Column{}}
}

func (c *traceChunk) Err() error             { return nil }
func (c *traceChunk) Starts() []uint64       { return c.Spans.Starts }
func (c *traceChunk) Ends() []uint64         { return c.Spans.Ends }
func (c *traceChunk) SpanIDs() []span.SpanID { return c.Spans.SpanIDs }

func (c *traceChunk) Traces() []store.TraceRun {
	return []store.TraceRun{{ID: c.Spans.TraceIDs[0], Start: c.Start, Hi: c.Len()}}
}

func (c *traceChunk) Live() store.Bitmap {
	live := store.NewBitmap(c.Len())
	live.Fill(0, c.Len())
	return live
}

func (c *traceChunk) Parents() []int32 {
	if c.parents == nil {
		c.parents = make([]int32, c.Len())
		for row, at := range c.At {
			switch up := c.Parent[row]; {
			case up != NoRow:
				c.parents[at] = c.At[up]
			case c.Spans.Parents[at].IsZero():
				c.parents[at] = store.NoParent
			default:
				c.parents[at] = store.LostParent
			}
		}
	}
	return c.parents
}

func (c *traceChunk) Where(i int) store.Bitmap {
	p := compile(c.where[i])
	rows := store.NewBitmap(c.Len())
	for at := range c.Len() {
		if p.holds(spanAt{c.Spans, at, -1, -1}) {
			rows.Set(at)
		}
	}
	return rows
}

func (c *traceChunk) Values(f store.Field, row int, yield func(span.Value) bool) {
	spanAt{c.Spans, row, -1, -1}.values(f, func(t span.Type, bits uint64, text string) bool {
		return yield(valueOf(c.Spans, t, bits, text))
	})
}

func (c *traceChunk) Column(f store.Field) *store.Column {
	if c.columns[f] == nil {
		c.columns[f] = c.column(f)
	}
	return c.columns[f]
}

func (c *traceChunk) column(f store.Field) *store.Column {
	if f.Scope == store.IntrinsicScope {
		if number := numberOf(f.Intrinsic); number != nil {
			nums := make([]uint64, c.Len())
			for at := range nums {
				nums[at] = number(c.Spans, at)
			}
			return &store.Column{Type: span.Int, Nums: nums}
		}
	}
	dict := &valueList{codes: map[valueKey]uint32{}}
	codes := make([]uint32, c.Len())
	for at := range codes {
		codes[at] = store.NoCode
		spanAt{c.Spans, at, -1, -1}.values(f, func(t span.Type, bits uint64, text string) bool {
			codes[at] = dict.code(c.Spans, t, bits, text)
			return false // the first counts
		})
	}
	return &store.Column{Codes: codes, Dict: dict}
}

// numberOf returns how an intrinsic is read that is a number on each span, or nil.
func numberOf(i store.Intrinsic) func(b *span.Batch, at int) uint64 {
	switch i {
	case store.Duration:
		return func(b *span.Batch, at int) uint64 { return b.Ends[at] - b.Starts[at] }
	case store.Start:
		return func(b *span.Batch, at int) uint64 { return b.Starts[at] }
	case store.End:
		return func(b *span.Batch, at int) uint64 { return b.Ends[at] }
	case store.Kind:
		return func(b *span.Batch, at int) uint64 { return uint64(int64(b.Kinds[at])) }
	case store.Status:
		return func(b *span.Batch, at int) uint64 { return uint64(int64(b.Statuses[at])) }
	case store.Flags:
		return func(b *span.Batch, at int) uint64 { return uint64(b.Flags[at]) }
	}
	return nil
}

// valueList is the dictionary of a column.
type valueList struct {
	values []span.Value
	codes  map[valueKey]uint32
}

type valueKey struct {
	typ  span.Type
	bits uint64
	text string
}

func (l *valueList) Len() int                  { return len(l.values) }
func (l *valueList) At(code uint32) span.Value { return l.values[code] }

func (l *valueList) code(b *span.Batch, t span.Type, bits uint64, text string) uint32 {
	key := valueKey{t, bits, text}
	code, ok := l.codes[key]
	if !ok {
		code = uint32(len(l.values))
		l.codes[key] = code
		l.values = append(l.values, valueOf(b, t, bits, text))
	}
	return code
}

// valueOf returns what an eachValue was told.
func valueOf(b *span.Batch, t span.Type, bits uint64, text string) span.Value {
	if text != "" {
		return span.Value{Type: t, Str: text}
	}
	return b.Value(t, bits)
}

func (c *traceChunk) Attributes() []store.Field {
	type shape struct {
		scope store.Scope
		shape uint32
	}
	shapes, met := map[shape]bool{}, map[store.Field]bool{}
	var list []store.Field
	b := c.Spans
	add := func(scope store.Scope, a span.Attrs) {
		if key := (shape{scope, a.Shape}); shapes[key] {
			return
		} else {
			shapes[key] = true
		}
		for _, e := range b.Shapes.Entries(a.Shape) {
			if f := store.Attr(scope, b.Dict.String(e.Key)); !met[f] {
				met[f] = true
				list = append(list, f)
			}
		}
	}
	for _, a := range b.Attrs {
		add(store.SpanScope, a)
	}
	for i := range b.Resources {
		add(store.ResourceScope, b.Resources[i].Attrs)
	}
	for i := range b.Scopes {
		add(store.InstrumentationScope, b.Scopes[i].Attrs)
	}
	for i := range b.Events {
		add(store.EventScope, b.Events[i].Attrs)
	}
	for i := range b.Links {
		add(store.LinkScope, b.Links[i].Attrs)
	}
	return list
}

// spanAt is a span of a batch, or one event or link of it (-1: all of them).
type spanAt struct {
	*span.Batch
	at          int
	event, link int
}

// eachValue takes a value: its bits, or, of ids, its text. It returns whether to go on.
type eachValue func(t span.Type, bits uint64, text string) bool

// anyScope is where an attribute without a scope is looked for, in order.
var anyScope = [...]store.Scope{store.SpanScope, store.ResourceScope, store.EventScope, store.LinkScope, store.InstrumentationScope}

// values calls yield with the values of a field, in order.
func (s spanAt) values(f store.Field, yield eachValue) {
	switch f.Scope {
	case store.IntrinsicScope:
		s.intrinsic(f.Intrinsic, yield)
	case store.AnyScope:
		for _, scope := range anyScope {
			if s.attribute(scope, f.Key, yield) {
				return
			}
		}
	default:
		s.attribute(f.Scope, f.Key, yield)
	}
}

// attribute calls yield with the values of an attribute, and reports whether there are any.
func (s spanAt) attribute(scope store.Scope, key string, yield eachValue) (found bool) {
	more := true
	in := func(a span.Attrs) {
		for i, e := range s.Shapes.Entries(a.Shape) {
			if more && string(s.Dict.Bytes(e.Key)) == key {
				found = true
				more = yield(e.Type, s.Values[int(a.First)+i], "")
			}
		}
	}
	switch scope {
	case store.SpanScope:
		in(s.Attrs[s.at])
	case store.ResourceScope:
		in(s.Resources[s.Resource[s.at]].Attrs)
	case store.InstrumentationScope:
		in(s.Scopes[s.Scope[s.at]].Attrs)
	case store.EventScope:
		for _, e := range s.events() {
			in(e.Attrs)
		}
	case store.LinkScope:
		for _, l := range s.links() {
			in(l.Attrs)
		}
	}
	return found
}

func (s spanAt) events() []span.Event {
	if list := s.EventsOf(s.at); s.event < 0 {
		return list
	} else {
		return list[s.event : s.event+1]
	}
}

func (s spanAt) links() []span.Link {
	if list := s.LinksOf(s.at); s.link < 0 {
		return list
	} else {
		return list[s.link : s.link+1]
	}
}

func (s spanAt) intrinsic(i store.Intrinsic, yield eachValue) {
	if number := numberOf(i); number != nil {
		yield(span.Int, number(s.Batch, s.at), "")
		return
	}
	switch i {
	case store.Name:
		yield(span.String, uint64(s.Names[s.at]), "")
	case store.StatusMessage:
		yield(span.String, uint64(s.Messages[s.at]), "")
	case store.TraceState:
		yield(span.String, uint64(s.States[s.at]), "")
	case store.ScopeName:
		yield(span.String, uint64(s.Scopes[s.Scope[s.at]].Name), "")
	case store.ScopeVersion:
		yield(span.String, uint64(s.Scopes[s.Scope[s.at]].Version), "")
	case store.TraceID:
		yield(span.Bytes, 0, string(s.TraceIDs[s.at][:]))
	case store.SpanID:
		yield(span.Bytes, 0, string(s.SpanIDs[s.at][:]))
	case store.ParentID:
		if !s.Parents[s.at].IsZero() {
			yield(span.Bytes, 0, string(s.Parents[s.at][:]))
		}
	case store.EventName, store.EventTime:
		for _, e := range s.events() {
			t, bits := span.String, uint64(e.Name)
			if i == store.EventTime {
				t, bits = span.Int, e.Time-s.Starts[s.at]
			}
			if !yield(t, bits, "") {
				return
			}
		}
	case store.LinkTraceID, store.LinkSpanID:
		for _, l := range s.links() {
			id := string(l.TraceID[:])
			if i == store.LinkSpanID {
				id = string(l.SpanID[:])
			}
			if !yield(span.Bytes, 0, id) {
				return
			}
		}
	}
}

// condition is a store.Predicate that is judged on spans of one batch.
type condition interface{ holds(s spanAt) bool }

type (
	always   struct{}
	allOf    []condition
	oneOf    []condition
	notOf    struct{ condition }
	anyEvent struct{ condition }
	anyLink  struct{ condition }
	// onField asks for a value that passes. What is known of values in the dictionary is kept.
	onField struct {
		field  store.Field
		passes func(v span.Value) bool
		known  map[valueKey]bool
	}
)

func compile(p store.Predicate) condition {
	list := func(of []store.Predicate) []condition {
		compiled := make([]condition, len(of))
		for i, q := range of {
			compiled[i] = compile(q)
		}
		return compiled
	}
	switch p := p.(type) {
	case nil:
		return always{}
	case store.And:
		return allOf(list(p))
	case store.Or:
		return oneOf(list(p))
	case store.Not:
		return notOf{compile(p.P)}
	case store.AnyEvent:
		return anyEvent{compile(p.P)}
	case store.AnyLink:
		return anyLink{compile(p.P)}
	case store.Exists:
		return onValues(p.Field, func(span.Value) bool { return true })
	case store.Compare:
		return onValues(p.Field, func(v span.Value) bool { return p.Op.Holds(v, p.Value) })
	case store.Matches:
		return onValues(p.Field, func(v span.Value) bool {
			if p.Field.OfID() {
				v = span.StringValue(hex.EncodeToString([]byte(v.Str)))
			}
			return p.Holds(v)
		})
	}
	panic("BUG: a predicate of a form that store does not have")
}

func onValues(f store.Field, passes func(v span.Value) bool) *onField {
	return &onField{f, passes, map[valueKey]bool{}}
}

func (always) holds(spanAt) bool { return true }

func (c allOf) holds(s spanAt) bool {
	for _, one := range c {
		if !one.holds(s) {
			return false
		}
	}
	return true
}

func (c oneOf) holds(s spanAt) bool {
	for _, one := range c {
		if one.holds(s) {
			return true
		}
	}
	return false
}

func (c notOf) holds(s spanAt) bool { return !c.condition.holds(s) }

func (c anyEvent) holds(s spanAt) bool {
	if s.event >= 0 {
		return c.condition.holds(s)
	}
	for i := range s.EventsOf(s.at) {
		if c.condition.holds(spanAt{s.Batch, s.at, i, s.link}) {
			return true
		}
	}
	return false
}

func (c anyLink) holds(s spanAt) bool {
	if s.link >= 0 {
		return c.condition.holds(s)
	}
	for i := range s.LinksOf(s.at) {
		if c.condition.holds(spanAt{s.Batch, s.at, s.event, i}) {
			return true
		}
	}
	return false
}

func (c *onField) holds(s spanAt) (found bool) {
	s.values(c.field, func(t span.Type, bits uint64, text string) bool {
		if !t.InDict() || text != "" {
			found = c.passes(valueOf(s.Batch, t, bits, text))
			return !found
		}
		key := valueKey{t, bits, ""}
		passes, ok := c.known[key]
		if !ok {
			passes = c.passes(s.Value(t, bits))
			c.known[key] = passes
		}
		found = passes
		return !found
	})
	return found
}
