package span

// Span is one span as a row: for tests, for whoever builds spans by hand, and
// for answers of a few spans. The ingest path never makes one.
type Span struct {
	TraceID    TraceID
	SpanID     SpanID
	Parent     SpanID
	TraceState string
	Flags      uint32
	Name       string
	Kind       int32
	Start, End uint64 // unix nanoseconds
	Status     int32
	Message    string
	Attrs      []KeyValue
	Dropped    Dropped
	Events     []SpanEvent
	Links      []SpanLink
	Resource   SpanResource
	Scope      SpanScope
}

// KeyValue is one attribute.
type KeyValue struct {
	Key   string
	Value Value
}

// SpanEvent is an Event as a row.
type SpanEvent struct {
	Time         uint64
	Name         string
	Attrs        []KeyValue
	DroppedAttrs uint32
}

// SpanLink is a Link as a row.
type SpanLink struct {
	TraceID      TraceID
	SpanID       SpanID
	TraceState   string
	Flags        uint32
	Attrs        []KeyValue
	DroppedAttrs uint32
}

// SpanResource is a Resource as a row.
type SpanResource struct {
	Attrs        []KeyValue
	DroppedAttrs uint32
	SchemaURL    string
	EntityRefs   string
}

// SpanScope is a Scope as a row.
type SpanScope struct {
	Name, Version, SchemaURL string
	Attrs                    []KeyValue
	DroppedAttrs             uint32
}

// Span returns span i as a row.
func (b *Batch) Span(i int) Span {
	r, c := &b.Resources[b.Resource[i]], &b.Scopes[b.Scope[i]]
	s := Span{
		TraceID: b.TraceIDs[i], SpanID: b.SpanIDs[i], Parent: b.Parents[i],
		TraceState: b.Dict.String(b.States[i]), Flags: b.Flags[i],
		Name: b.Dict.String(b.Names[i]), Kind: b.Kinds[i], Start: b.Starts[i], End: b.Ends[i],
		Status: b.Statuses[i], Message: b.Dict.String(b.Messages[i]),
		Attrs: b.list(b.Attrs[i]), Dropped: b.Dropped[i],
		Resource: SpanResource{
			Attrs: b.list(r.Attrs), DroppedAttrs: r.DroppedAttrs,
			SchemaURL: b.Dict.String(r.SchemaURL), EntityRefs: b.Dict.String(r.EntityRefs),
		},
		Scope: SpanScope{
			Name: b.Dict.String(c.Name), Version: b.Dict.String(c.Version),
			SchemaURL: b.Dict.String(c.SchemaURL), Attrs: b.list(c.Attrs), DroppedAttrs: c.DroppedAttrs,
		},
	}
	for _, e := range b.EventsOf(i) {
		s.Events = append(s.Events, SpanEvent{e.Time, b.Dict.String(e.Name), b.list(e.Attrs), e.DroppedAttrs})
	}
	for _, l := range b.LinksOf(i) {
		s.Links = append(s.Links, SpanLink{l.TraceID, l.SpanID, b.Dict.String(l.State), l.Flags, b.list(l.Attrs), l.DroppedAttrs})
	}
	return s
}

func (b *Batch) list(a Attrs) []KeyValue {
	var list []KeyValue
	for k, v := range b.AllAttrs(a) {
		list = append(list, KeyValue{k, v})
	}
	return list
}

// Append adds a row. The resource and the scope are shared with the span
// before if they are equal to its.
func (b *Batch) Append(s *Span) {
	b.TraceIDs = append(b.TraceIDs, s.TraceID)
	b.SpanIDs = append(b.SpanIDs, s.SpanID)
	b.Parents = append(b.Parents, s.Parent)
	b.Starts = append(b.Starts, s.Start)
	b.Ends = append(b.Ends, s.End)
	b.Names = append(b.Names, b.Dict.InternString(s.Name))
	b.Kinds = append(b.Kinds, s.Kind)
	b.Statuses = append(b.Statuses, s.Status)
	b.Messages = append(b.Messages, b.Dict.InternString(s.Message))
	b.States = append(b.States, b.Dict.InternString(s.TraceState))
	b.Flags = append(b.Flags, s.Flags)
	b.Resource = append(b.Resource, b.appendResource(&s.Resource))
	b.Scope = append(b.Scope, b.appendScope(&s.Scope))
	b.Attrs = append(b.Attrs, b.AppendAttrs(s.Attrs))
	b.Dropped = append(b.Dropped, s.Dropped)
	for _, e := range s.Events {
		b.Events = append(b.Events, Event{e.Time, b.Dict.InternString(e.Name), b.AppendAttrs(e.Attrs), e.DroppedAttrs})
	}
	b.EventEnds = append(b.EventEnds, uint32(len(b.Events)))
	for _, l := range s.Links {
		b.Links = append(b.Links, Link{l.TraceID, l.SpanID, b.Dict.InternString(l.TraceState), l.Flags, b.AppendAttrs(l.Attrs), l.DroppedAttrs})
	}
	b.LinkEnds = append(b.LinkEnds, uint32(len(b.Links)))
}

// AppendAttrs adds an attribute list to the batch's dictionary, shapes and values.
func (b *Batch) AppendAttrs(list []KeyValue) Attrs {
	a := Attrs{First: uint32(len(b.Values))}
	shape := make([]Entry, 0, 32)
	for _, kv := range list {
		shape = append(shape, Entry{b.Dict.InternString(kv.Key), kv.Value.Type})
		b.Values = append(b.Values, b.Bits(kv.Value))
	}
	a.Shape = b.Shapes.Intern(shape)
	return a
}

// Bits returns the 64 bits that stand for v in this batch.
func (b *Batch) Bits(v Value) uint64 {
	if v.Type.InDict() {
		return uint64(b.Dict.InternString(v.Str))
	}
	return v.Num
}

func (b *Batch) appendResource(r *SpanResource) uint32 {
	next := Resource{b.AppendAttrs(r.Attrs), r.DroppedAttrs, b.Dict.InternString(r.SchemaURL), b.Dict.InternString(r.EntityRefs)}
	if n := len(b.Resources); n > 0 {
		last := b.Resources[n-1]
		if b.SameAttrs(last.Attrs, next.Attrs) && last.DroppedAttrs == next.DroppedAttrs &&
			last.SchemaURL == next.SchemaURL && last.EntityRefs == next.EntityRefs {
			return uint32(n - 1)
		}
	}
	b.Resources = append(b.Resources, next)
	return uint32(len(b.Resources) - 1)
}

func (b *Batch) appendScope(c *SpanScope) uint32 {
	next := Scope{b.Dict.InternString(c.Name), b.Dict.InternString(c.Version), b.Dict.InternString(c.SchemaURL), b.AppendAttrs(c.Attrs), c.DroppedAttrs}
	if n := len(b.Scopes); n > 0 {
		last := b.Scopes[n-1]
		if b.SameAttrs(last.Attrs, next.Attrs) && last.DroppedAttrs == next.DroppedAttrs &&
			last.Name == next.Name && last.Version == next.Version && last.SchemaURL == next.SchemaURL {
			return uint32(n - 1)
		}
	}
	b.Scopes = append(b.Scopes, next)
	return uint32(len(b.Scopes) - 1)
}

// SameAttrs reports whether two lists of this batch are equal, order included.
func (b *Batch) SameAttrs(x, y Attrs) bool {
	if x.Shape != y.Shape {
		return false
	}
	for i := range b.Shapes.Entries(x.Shape) {
		if b.Values[int(x.First)+i] != b.Values[int(y.First)+i] {
			return false
		}
	}
	return true
}
