package api

import (
	"bytes"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// chunkBytes is the size that a message of a stream does not pass, but with one
// span that is larger. Clients take 4 MiB if nothing else is said.
const chunkBytes = 1 << 20

// sendJaegerSpans sends a trace as messages of SpansResponseChunk { repeated Span 1 }.
func sendJaegerSpans(t *store.Trace, raw bool, send func([]byte) error) error {
	p := &jaegerProto{jaegerView: newJaegerView(t, raw)}
	p.addReference = p.reference
	p.encodedProcesses = make([][]byte, len(p.processes))
	for i := range p.b.Len() {
		begun := len(p.buf)
		p.span(i)
		if p.err != nil {
			return p.err
		}
		if begun > 0 && len(p.buf) > chunkBytes {
			if err := send(p.buf[:begun]); err != nil {
				return err
			}
			p.buf = append(p.buf[:0], p.buf[begun:]...)
		}
	}
	return send(p.buf)
}

// jaegerProto encodes spans in the protobuf form of Jaeger's model. Text that is
// not UTF-8 is mended, as protobuf refuses it.
type jaegerProto struct {
	*jaegerView
	buf              []byte
	scratch          []byte
	tagField         protowire.Number                                       // of the message whose tags are written
	encodedProcesses [][]byte                                               // field 10 of Span, by number - 1; nil if not needed yet
	addReference     func(childOf bool, trace span.TraceID, id span.SpanID) // p.reference
	err              error
}

// span appends, as field 1, Span { bytes trace_id 1; bytes span_id 2; string
// operation_name 3; repeated SpanRef 4; uint32 flags 5; Timestamp start_time 6;
// Duration duration 7; repeated KeyValue tags 8; repeated Log 9; Process 10;
// repeated string warnings 12 }. What would be field 11 refers to processes
// that are kept apart from the spans.
func (p *jaegerProto) span(i int) {
	b := p.b
	var at int
	p.buf, at = begin(p.buf, 1)
	p.buf = appendText(p.buf, 1, b.TraceIDs[i][:])
	p.buf = appendText(p.buf, 2, p.ids[i][:])
	p.buf = appendUTF8(p.buf, 3, b.Dict.Bytes(b.Names[i]))
	p.references(i, p.addReference)
	p.buf = appendNumber(p.buf, 5, uint64(b.Flags[i]&0xff)) // those of W3C; the others are OTLP's
	p.buf = appendSeconds(p.buf, 6, b.Starts[i])
	p.buf = appendSeconds(p.buf, 7, uint64(max(b.Duration(i), 0)))
	p.tagField = 8
	p.spanTags(p, i)
	p.logs(i)
	p.buf = append(p.buf, p.processOf(i)...)
	if i == 0 {
		p.warnings(p.notes)
	}
	p.warnings(p.remarks(i))
	p.buf = end(p.buf, at)
}

// reference appends SpanRef { bytes trace_id 1; bytes span_id 2; SpanRefType 3 }.
func (p *jaegerProto) reference(childOf bool, trace span.TraceID, id span.SpanID) {
	var at int
	p.buf, at = begin(p.buf, 4)
	p.buf = appendText(p.buf, 1, trace[:])
	p.buf = appendText(p.buf, 2, id[:])
	if !childOf {
		p.buf = appendNumber(p.buf, 3, 1)
	}
	p.buf = end(p.buf, at)
}

// logs appends each Log { Timestamp 1; repeated KeyValue fields 2 }.
func (p *jaegerProto) logs(i int) {
	p.tagField = 2
	events := p.b.EventsOf(i)
	for k := range events {
		var at int
		p.buf, at = begin(p.buf, 9)
		p.buf = appendSeconds(p.buf, 1, events[k].Time)
		p.logFields(p, &events[k])
		p.buf = end(p.buf, at)
	}
}

// processOf returns Process { string service_name 1; repeated KeyValue tags 2 }
// of a span as field 10.
func (p *jaegerProto) processOf(i int) []byte {
	n := p.process[p.b.Resource[i]] - 1
	if p.encodedProcesses[n] == nil {
		before, at := begin(p.buf, 10)
		p.buf = appendUTF8(before, 1, []byte(p.serviceName(p.processes[n])))
		p.tagField = 2
		p.processTags(p, p.processes[n])
		p.buf = end(p.buf, at)
		start := at - 2 // a tag and a length of one byte each, where end begins
		p.encodedProcesses[n] = bytes.Clone(p.buf[start:])
		p.buf = p.buf[:start]
	}
	return p.encodedProcesses[n]
}

func (p *jaegerProto) warnings(list []string) {
	for _, text := range list {
		p.buf = appendUTF8(p.buf, 12, []byte(text))
	}
}

// Numbers of ValueType. KeyValue { string key 1; ValueType 2; string v_str 3;
// bool v_bool 4; int64 v_int64 5; double v_float64 6; bytes v_binary 7 }.
const (
	jaegerBool   = 1
	jaegerInt    = 2
	jaegerFloat  = 3
	jaegerBinary = 4
)

// attribute implements tagWriter.
func (p *jaegerProto) attribute(key []byte, t span.Type, bits uint64) {
	var at int
	p.buf, at = begin(p.buf, p.tagField)
	p.buf = appendUTF8(p.buf, 1, key)
	switch t {
	case span.String:
		p.buf = appendUTF8(p.buf, 3, p.b.Dict.Bytes(span.Ref(bits)))
	case span.Bool:
		p.buf = appendNumber(p.buf, 2, jaegerBool)
		p.buf = appendNumber(p.buf, 4, bits)
	case span.Int:
		p.buf = appendNumber(p.buf, 2, jaegerInt)
		p.buf = appendNumber(p.buf, 5, bits)
	case span.Float:
		p.buf = appendNumber(p.buf, 2, jaegerFloat)
		p.buf = appendFixed64(p.buf, 6, bits)
	case span.Bytes:
		p.buf = appendNumber(p.buf, 2, jaegerBinary)
		p.buf = appendText(p.buf, 7, p.b.Dict.Bytes(span.Ref(bits)))
	case span.Array, span.Map:
		var err error
		if p.scratch, err = appendPlain(p.scratch[:0], p.b.Value(t, bits)); err != nil && p.err == nil {
			p.err = err
		}
		p.buf = appendUTF8(p.buf, 3, p.scratch)
	}
	p.buf = end(p.buf, at)
}

// stringTag implements tagWriter.
func (p *jaegerProto) stringTag(key string, value []byte) {
	var at int
	p.buf, at = begin(p.buf, p.tagField)
	p.buf = appendText(p.buf, 1, []byte(key))
	p.buf = appendUTF8(p.buf, 3, value)
	p.buf = end(p.buf, at)
}

// boolTag implements tagWriter.
func (p *jaegerProto) boolTag(key string, value bool) {
	p.numberTag(key, jaegerBool, 4, protowire.EncodeBool(value))
}

// intTag implements tagWriter.
func (p *jaegerProto) intTag(key string, value int64) {
	p.numberTag(key, jaegerInt, 5, uint64(value))
}

func (p *jaegerProto) numberTag(key string, valueType uint64, field protowire.Number, value uint64) {
	var at int
	p.buf, at = begin(p.buf, p.tagField)
	p.buf = appendText(p.buf, 1, []byte(key))
	p.buf = appendNumber(p.buf, 2, valueType)
	p.buf = appendNumber(p.buf, field, value)
	p.buf = end(p.buf, at)
}

// appendUTF8 appends a text, mended if it is not UTF-8 as it is in JSON: byte by byte.
func appendUTF8(dst []byte, num protowire.Number, s []byte) []byte {
	if !utf8.Valid(s) {
		s = bytes.Map(func(c rune) rune { return c }, s) // U+FFFD for each byte that is wrong
	}
	return appendText(dst, num, s)
}

// appendSeconds appends a Timestamp or a Duration { int64 seconds 1; int32 nanos 2 },
// also for 0: readers take a Timestamp that is missing for the year 1.
func appendSeconds(dst []byte, num protowire.Number, ns uint64) []byte {
	dst, at := begin(dst, num)
	dst = appendNumber(dst, 1, ns/uint64(time.Second))
	dst = appendNumber(dst, 2, ns%uint64(time.Second))
	return end(dst, at)
}
