package api

import (
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

// WriteOTLP writes the spans of all batches as one TracesData message of
// opentelemetry.proto.trace.v1. Strings go out byte by byte as they came in,
// also where they are not UTF-8.
func WriteOTLP(w io.Writer, batches ...*span.Batch) error {
	return measure(batches, appendSpan).writeTo(w)
}

// WriteOTLPLogs writes the log records that the spans of all batches stand for as one LogsData message of
// opentelemetry.proto.logs.v1, as they came.
func WriteOTLPLogs(w io.Writer, batches ...*span.Batch) error {
	return measure(batches, appendLog).writeTo(w)
}

// tracesData is a TracesData message, or LogsData, which is the same around its items, with the lengths that
// protobuf writes ahead of contents, so that the message itself needs not be held.
type tracesData struct {
	item      appendItem
	resources []sizedResource
	size      uint64
}

type sizedResource struct {
	batch  *span.Batch
	group  resourceGroup
	sizes  []uint64 // of each ScopeSpans
	size   uint64   // of the ResourceSpans
	header []byte   // the Resource, field 1
	tail   []byte   // the schema URL, field 3
}

// flushAt is how much is gathered before it goes to the writer.
const flushAt = 64 << 10

// appendItem appends field 2 of ScopeSpans or ScopeLogs.
type appendItem func(dst []byte, b *span.Batch, i int) []byte

// measure encodes everything once to learn the sizes; writeTo does it again.
// That is cheaper than it sounds and cannot disagree with itself.
func measure(batches []*span.Batch, item appendItem) *tracesData {
	t := &tracesData{item: item}
	var scratch []byte
	for _, b := range batches {
		for _, g := range group(b) {
			r := sizedResource{batch: b, group: g}
			r.header = appendResource(nil, b, g.resource)
			r.tail = appendText(nil, 3, b.Dict.Bytes(b.Resources[g.resource].SchemaURL))
			r.size = uint64(len(r.header) + len(r.tail))
			for _, s := range g.scopes {
				var size uint64
				scratch = appendScopeEnds(scratch[:0], b, s.scope)
				size += uint64(len(scratch))
				for _, i := range s.spans {
					scratch = item(scratch[:0], b, int(i))
					size += uint64(len(scratch))
				}
				r.sizes = append(r.sizes, size)
				r.size += fieldSize(2, size)
			}
			t.resources = append(t.resources, r)
			t.size += fieldSize(1, r.size)
		}
	}
	return t
}

// fieldSize is the size of a length-delimited field with size bytes of content.
func fieldSize(num protowire.Number, size uint64) uint64 {
	return uint64(protowire.SizeTag(num)) + uint64(protowire.SizeVarint(size)) + size
}

func (t *tracesData) writeTo(w io.Writer) error {
	var buf []byte
	for i := range t.resources {
		r := &t.resources[i]
		buf = appendLength(buf, 1, r.size)
		buf = append(buf, r.header...)
		for k, s := range r.group.scopes {
			buf = appendLength(buf, 2, r.sizes[k])
			buf = appendScopeEnds(buf, r.batch, s.scope)
			for _, i := range s.spans {
				if len(buf) >= flushAt {
					if _, err := w.Write(buf); err != nil {
						return err
					}
					buf = buf[:0]
				}
				buf = t.item(buf, r.batch, int(i))
			}
		}
		buf = append(buf, r.tail...)
	}
	_, err := w.Write(buf)
	return err
}

// appendResource appends field 1 of ResourceSpans.
func appendResource(dst []byte, b *span.Batch, i uint32) []byte {
	r := &b.Resources[i]
	dst, at := begin(dst, 1)
	dst = appendAttrs(dst, 1, b, r.Attrs)
	dst = appendNumber(dst, 2, uint64(r.DroppedAttrs))
	dst = append(dst, b.Dict.Bytes(r.EntityRefs)...)
	return end(dst, at)
}

// appendScopeEnds appends the fields of ScopeSpans other than the spans: 1 and 3.
func appendScopeEnds(dst []byte, b *span.Batch, i uint32) []byte {
	s := &b.Scopes[i]
	dst, at := begin(dst, 1)
	dst = appendText(dst, 1, b.Dict.Bytes(s.Name))
	dst = appendText(dst, 2, b.Dict.Bytes(s.Version))
	dst = appendAttrs(dst, 3, b, s.Attrs)
	dst = appendNumber(dst, 4, uint64(s.DroppedAttrs))
	dst = end(dst, at)
	return appendText(dst, 3, b.Dict.Bytes(s.SchemaURL))
}

// appendSpan appends field 2 of ScopeSpans.
func appendSpan(dst []byte, b *span.Batch, i int) []byte {
	dst, at := begin(dst, 2)
	dst = appendID(dst, 1, b.TraceIDs[i][:])
	dst = appendID(dst, 2, b.SpanIDs[i][:])
	dst = appendText(dst, 3, b.Dict.Bytes(b.States[i]))
	dst = appendID(dst, 4, b.Parents[i][:])
	dst = appendText(dst, 5, b.Dict.Bytes(b.Names[i]))
	dst = appendNumber(dst, 6, uint64(int64(b.Kinds[i])))
	dst = appendFixed64(dst, 7, b.Starts[i])
	dst = appendFixed64(dst, 8, b.Ends[i])
	dst = appendAttrs(dst, 9, b, b.Attrs[i])
	dst = appendNumber(dst, 10, uint64(b.Dropped[i].Attrs))
	for _, e := range b.EventsOf(i) {
		dst = appendEvent(dst, b, &e)
	}
	dst = appendNumber(dst, 12, uint64(b.Dropped[i].Events))
	for _, l := range b.LinksOf(i) {
		dst = appendLink(dst, b, &l)
	}
	dst = appendNumber(dst, 14, uint64(b.Dropped[i].Links))
	if b.Statuses[i] != 0 || b.Messages[i] != 0 {
		var status int
		dst, status = begin(dst, 15)
		dst = appendText(dst, 2, b.Dict.Bytes(b.Messages[i]))
		dst = appendNumber(dst, 3, uint64(int64(b.Statuses[i])))
		dst = end(dst, status)
	}
	dst = appendFixed32(dst, 16, b.Flags[i])
	return end(dst, at)
}

// appendLog appends field 2 of ScopeLogs.
func appendLog(dst []byte, b *span.Batch, i int) []byte {
	l := b.Log(i)
	dst, at := begin(dst, 2)
	dst = appendFixed64(dst, 1, l.Time)
	dst = appendNumber(dst, 2, uint64(int64(l.Severity)))
	dst = appendText(dst, 3, b.Dict.Bytes(b.Messages[i]))
	if l.Body.Type != span.Empty {
		var body int
		dst, body = begin(dst, 5)
		dst = end(span.AppendAny(dst, l.Body), body)
	}
	for key, value := range b.LogAttrs(l.Attrs) {
		var kv, val int
		dst, kv = begin(dst, 6)
		dst = appendText(dst, 1, []byte(key))
		dst, val = begin(dst, 2)
		dst = end(end(span.AppendAny(dst, value), val), kv)
	}
	dst = appendNumber(dst, 7, uint64(l.DroppedAttrs))
	dst = appendFixed32(dst, 8, l.Flags)
	dst = appendID(dst, 9, l.TraceID[:])
	dst = appendID(dst, 10, l.SpanID[:])
	dst = appendFixed64(dst, 11, l.Observed)
	dst = appendText(dst, 12, b.Dict.Bytes(b.Names[i]))
	return end(dst, at)
}

// appendEvent appends field 11 of Span.
func appendEvent(dst []byte, b *span.Batch, e *span.Event) []byte {
	dst, at := begin(dst, 11)
	dst = appendFixed64(dst, 1, e.Time)
	dst = appendText(dst, 2, b.Dict.Bytes(e.Name))
	dst = appendAttrs(dst, 3, b, e.Attrs)
	dst = appendNumber(dst, 4, uint64(e.DroppedAttrs))
	return end(dst, at)
}

// appendLink appends field 13 of Span.
func appendLink(dst []byte, b *span.Batch, l *span.Link) []byte {
	dst, at := begin(dst, 13)
	dst = appendID(dst, 1, l.TraceID[:])
	dst = appendID(dst, 2, l.SpanID[:])
	dst = appendText(dst, 3, b.Dict.Bytes(l.State))
	dst = appendAttrs(dst, 4, b, l.Attrs)
	dst = appendNumber(dst, 5, uint64(l.DroppedAttrs))
	dst = appendFixed32(dst, 6, l.Flags)
	return end(dst, at)
}

// appendAttrs appends a list of KeyValue as field num.
func appendAttrs(dst []byte, num protowire.Number, b *span.Batch, a span.Attrs) []byte {
	for i, e := range b.Shapes.Entries(a.Shape) {
		var kv, value int
		dst, kv = begin(dst, num)
		dst = appendText(dst, 1, b.Dict.Bytes(e.Key))
		dst, value = begin(dst, 2)
		dst = appendAny(dst, b, e.Type, b.Values[int(a.First)+i])
		dst = end(dst, value)
		dst = end(dst, kv)
	}
	return dst
}

// anyField is the field of AnyValue that holds a value of a type.
var anyField = [...]protowire.Number{
	span.String: 1, span.Bool: 2, span.Int: 3, span.Float: 4, span.Array: 5, span.Map: 6, span.Bytes: 7,
}

func appendAny(dst []byte, b *span.Batch, t span.Type, bits uint64) []byte {
	switch t {
	case span.Empty:
		return dst
	case span.Bool, span.Int: // zeros too: the field says which type it is
		dst = protowire.AppendTag(dst, anyField[t], protowire.VarintType)
		return protowire.AppendVarint(dst, bits)
	case span.Float:
		dst = protowire.AppendTag(dst, anyField[t], protowire.Fixed64Type)
		return protowire.AppendFixed64(dst, bits)
	}
	content := b.Dict.Bytes(span.Ref(bits))
	return append(appendLength(dst, anyField[t], uint64(len(content))), content...)
}

// begin starts a message field whose length is not known yet. It leaves one
// byte for the length, which is enough for most; end makes room for more.
func begin(dst []byte, num protowire.Number) (_ []byte, at int) {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	return append(dst, 0), len(dst) + 1
}

// end closes the message that begin started; at is where its content starts.
func end(dst []byte, at int) []byte {
	size := uint64(len(dst) - at)
	if size < 0x80 {
		dst[at-1] = byte(size)
		return dst
	}
	more := protowire.SizeVarint(size) - 1
	dst = append(dst, make([]byte, more)...)
	copy(dst[at+more:], dst[at:])
	protowire.AppendVarint(dst[:at-1], size)
	return dst
}

// The fields below are left out when they hold their default, as proto3 does.

func appendText(dst []byte, num protowire.Number, s []byte) []byte {
	if len(s) == 0 {
		return dst
	}
	return append(appendLength(dst, num, uint64(len(s))), s...)
}

func appendID(dst []byte, num protowire.Number, id []byte) []byte {
	for _, c := range id {
		if c != 0 {
			return appendText(dst, num, id)
		}
	}
	return dst
}

func appendNumber(dst []byte, num protowire.Number, n uint64) []byte {
	if n == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, num, protowire.VarintType)
	return protowire.AppendVarint(dst, n)
}

func appendFixed64(dst []byte, num protowire.Number, n uint64) []byte {
	if n == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, num, protowire.Fixed64Type)
	return protowire.AppendFixed64(dst, n)
}

func appendFixed32(dst []byte, num protowire.Number, n uint32) []byte {
	if n == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, num, protowire.Fixed32Type)
	return protowire.AppendFixed32(dst, n)
}

func appendLength(dst []byte, num protowire.Number, size uint64) []byte {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	return protowire.AppendVarint(dst, size)
}
