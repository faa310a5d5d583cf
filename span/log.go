package span

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
)

// A log record of a trace is kept as a span, so that what keeps spans keeps records too:
//
//	TraceIDs   the record's trace id
//	Parents    the record's span id; zero: it is of the trace as a whole
//	SpanIDs    a hash of what is below, so that a record that comes twice, encoded alike, is stored once
//	Starts     the record's time, or, if it has none, when it was observed
//	Ends       when it was observed
//	Names      event name
//	Kinds      severity number
//	Messages   severity text
//	Statuses   LogUntimed if the record has no time of its own
//	Flags, Attrs, Dropped.Attrs, Resource, Scope
//	           the same; behind the attributes comes one more, LogBody, which is always there

// LogBody is the key of the attribute that holds the body of a log record.
const LogBody = "clew.log.body"

// LogUntimed is the status of a log record without a time of its own.
const LogUntimed = 1

// Log is a log record as a row.
type Log struct {
	TraceID        TraceID
	SpanID         SpanID // zero: none
	ID             SpanID // of the record among those of its trace
	Time, Observed uint64 // unix nanoseconds; 0: not set
	Severity       int32  // OTLP's SeverityNumber
	SeverityText   string
	EventName      string
	Body           Value
	Attrs          Attrs // without the body
	DroppedAttrs   uint32
	Flags          uint32
}

// Log returns the log record that span i stands for.
func (b *Batch) Log(i int) Log {
	l := Log{
		TraceID: b.TraceIDs[i], SpanID: b.Parents[i], ID: b.SpanIDs[i], Time: b.Starts[i], Observed: b.Ends[i],
		Severity: b.Kinds[i], SeverityText: b.Dict.String(b.Messages[i]), EventName: b.Dict.String(b.Names[i]),
		Attrs: b.Attrs[i], DroppedAttrs: b.Dropped[i].Attrs, Flags: b.Flags[i],
	}
	if b.Statuses[i] == LogUntimed {
		l.Time = 0
	}
	if n := len(b.Shapes.Entries(l.Attrs.Shape)); n > 0 {
		last := b.Shapes.Entries(l.Attrs.Shape)[n-1]
		l.Body = b.Value(last.Type, b.Values[int(l.Attrs.First)+n-1])
	}
	return l
}

// LogAttrs yields the attributes of a log record, in order.
func (b *Batch) LogAttrs(a Attrs) func(yield func(string, Value) bool) {
	return func(yield func(string, Value) bool) {
		left := len(b.Shapes.Entries(a.Shape)) - 1
		for key, value := range b.AllAttrs(a) {
			if left--; left < 0 || !yield(key, value) {
				return
			}
		}
	}
}

// SetLogID gives record i, which is complete but for its resource and scope, the id that follows from its content.
func (b *Batch) SetLogID(i int) {
	var h xxhash.Digest
	h.Reset()
	var num [8]byte
	add := func(n uint64) {
		binary.LittleEndian.PutUint64(num[:], n)
		_, _ = h.Write(num[:]) // never fails
	}
	text := func(r Ref) {
		s := b.Dict.Bytes(r)
		add(uint64(len(s)))
		_, _ = h.Write(s)
	}
	add(b.Parents[i].Uint64())
	add(b.Starts[i])
	add(b.Ends[i])
	add(uint64(b.Kinds[i]))
	add(uint64(b.Statuses[i])<<32 | uint64(b.Flags[i]))
	add(uint64(b.Dropped[i].Attrs))
	text(b.Names[i])
	text(b.Messages[i])
	for k, e := range b.Shapes.Entries(b.Attrs[i].Shape) {
		text(e.Key)
		add(uint64(e.Type))
		if bits := b.Values[int(b.Attrs[i].First)+k]; e.Type.InDict() {
			text(Ref(bits))
		} else {
			add(bits)
		}
	}
	binary.BigEndian.PutUint64(b.SpanIDs[i][:], h.Sum64())
	if b.SpanIDs[i].IsZero() { // which is no id
		binary.BigEndian.PutUint64(b.SpanIDs[i][:], math.MaxUint64)
	}
}
