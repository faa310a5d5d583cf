// Package span holds the words that all of Clew speaks: ids, values, and Batch,
// a set of spans in columns. It imports nothing else of Clew.
package span

import (
	"iter"
	"time"
)

// Batch is a set of spans in columns. Element i of every span column belongs to
// span i. Names, keys and string values are Refs into Dict, attribute lists are
// a shape and a run of Values, and each resource and scope is kept once.
//
// A Batch belongs to one goroutine until it is handed on; whoever receives one
// may read it until the call returns and must not change it, unless the
// receiving function says otherwise.
type Batch struct {
	// Format and Raw are the request as it came, for the write-ahead log.
	// Raw is nil for a batch that was read from a store.
	Format Format
	Raw    []byte
	// Received is the time of arrival.
	Received time.Time

	Dict   Dict
	Shapes Shapes
	Values []uint64 // attribute values: a Ref where the type is InDict, else 64 bits as in Value.Num

	Resources []Resource
	Scopes    []Scope

	TraceIDs  []TraceID
	SpanIDs   []SpanID
	Parents   []SpanID // zero: no parent
	Starts    []uint64 // unix nanoseconds
	Ends      []uint64 // unix nanoseconds; may lie before the start
	Names     []Ref
	Kinds     []int32 // OTLP's SpanKind; numbers that OTLP does not define are kept
	Statuses  []int32 // OTLP's StatusCode: 0 unset, 1 ok, 2 error
	Messages  []Ref   // status messages
	States    []Ref   // W3C trace state
	Flags     []uint32
	Resource  []uint32 // index into Resources
	Scope     []uint32 // index into Scopes
	Attrs     []Attrs
	Dropped   []Dropped
	EventEnds []uint32 // the events of span i are EventEnds[i-1] (or 0) up to EventEnds[i]
	LinkEnds  []uint32
	Events    []Event
	Links     []Link
}

// Format says how Batch.Raw is encoded. The numbers are written to disk.
type Format uint8

const (
	FormatNone      Format = iota
	FormatOTLPProto        // ExportTraceServiceRequest, protobuf
	FormatOTLPJSON         // ExportTraceServiceRequest, OTLP/JSON
	FormatLogsProto        // ExportLogsServiceRequest, protobuf
	FormatLogsJSON         // ExportLogsServiceRequest, OTLP/JSON
)

// Attrs is one ordered list of attributes: its shape, and its first value in Batch.Values.
type Attrs struct {
	Shape uint32
	First uint32
}

// Dropped counts what the sender's SDK left out of a span.
type Dropped struct {
	Attrs, Events, Links uint32
}

// Resource is what produced spans.
type Resource struct {
	Attrs        Attrs
	DroppedAttrs uint32
	SchemaURL    Ref
	// EntityRefs holds the message's entity_refs as OTLP encodes them: any
	// number of field 3, tag and length included.
	EntityRefs Ref
}

// Scope is the instrumentation scope of spans.
type Scope struct {
	Name, Version, SchemaURL Ref
	Attrs                    Attrs
	DroppedAttrs             uint32
}

// Event is a timed event of a span.
type Event struct {
	Time         uint64 // unix nanoseconds
	Name         Ref
	Attrs        Attrs
	DroppedAttrs uint32
}

// Link is a reference from a span to another one.
type Link struct {
	TraceID      TraceID
	SpanID       SpanID
	State        Ref
	Flags        uint32
	Attrs        Attrs
	DroppedAttrs uint32
}

// Len returns the number of spans.
func (b *Batch) Len() int { return len(b.TraceIDs) }

// Duration returns end minus start in nanoseconds; negative when the end lies before the start.
func (b *Batch) Duration(i int) int64 { return int64(b.Ends[i] - b.Starts[i]) }

// EventsOf returns the events of span i.
func (b *Batch) EventsOf(i int) []Event { return b.Events[start(b.EventEnds, i):b.EventEnds[i]] }

// LinksOf returns the links of span i.
func (b *Batch) LinksOf(i int) []Link { return b.Links[start(b.LinkEnds, i):b.LinkEnds[i]] }

func start(ends []uint32, i int) uint32 {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// Value returns the value that bits stand for in this batch.
func (b *Batch) Value(t Type, bits uint64) Value {
	if t.InDict() {
		return Value{Type: t, Str: b.Dict.String(Ref(bits))}
	}
	return Value{Type: t, Num: bits}
}

// AllAttrs yields the attributes of a list in the order in which they came.
func (b *Batch) AllAttrs(a Attrs) iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for i, e := range b.Shapes.Entries(a.Shape) {
			if !yield(b.Dict.String(e.Key), b.Value(e.Type, b.Values[int(a.First)+i])) {
				return
			}
		}
	}
}

// Attr returns the first attribute of a list with the given key.
func (b *Batch) Attr(a Attrs, key string) (Value, bool) {
	for i, e := range b.Shapes.Entries(a.Shape) {
		if string(b.Dict.Bytes(e.Key)) == key {
			return b.Value(e.Type, b.Values[int(a.First)+i]), true
		}
	}
	return Value{}, false
}

// ServiceName returns the resource's service.name, or "" if it has none.
func (b *Batch) ServiceName(resource uint32) string {
	v, _ := b.Attr(b.Resources[resource].Attrs, "service.name")
	if v.Type != String {
		return ""
	}
	return v.Str
}

// Size returns about what the batch holds in memory, in bytes, without Raw.
func (b *Batch) Size() int64 {
	const perSpan = 16 + 8 + 8 + 8 + 8 + 5*4 + 3*4 + 8 + 12 + 2*4 // the span columns
	return int64(cap(b.TraceIDs))*perSpan + 8*int64(cap(b.Values)) + int64(b.Dict.Size()+b.Shapes.Size()) +
		28*int64(cap(b.Resources)) + 28*int64(cap(b.Scopes)) + 24*int64(cap(b.Events)) + 48*int64(cap(b.Links))
}

// Reset empties the batch and keeps its memory for the next use.
func (b *Batch) Reset() {
	b.Format, b.Raw, b.Received = FormatNone, nil, time.Time{}
	b.Dict.Reset()
	b.Shapes.Reset()
	b.Values = b.Values[:0]
	b.Resources, b.Scopes = b.Resources[:0], b.Scopes[:0]
	b.TraceIDs, b.SpanIDs, b.Parents = b.TraceIDs[:0], b.SpanIDs[:0], b.Parents[:0]
	b.Starts, b.Ends = b.Starts[:0], b.Ends[:0]
	b.Names, b.Kinds, b.Statuses = b.Names[:0], b.Kinds[:0], b.Statuses[:0]
	b.Messages, b.States, b.Flags = b.Messages[:0], b.States[:0], b.Flags[:0]
	b.Resource, b.Scope, b.Attrs, b.Dropped = b.Resource[:0], b.Scope[:0], b.Attrs[:0], b.Dropped[:0]
	b.EventEnds, b.LinkEnds = b.EventEnds[:0], b.LinkEnds[:0]
	b.Events, b.Links = b.Events[:0], b.Links[:0]
}
