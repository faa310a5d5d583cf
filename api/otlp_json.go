package api

import (
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

// WriteOTLPJSON writes the spans of all batches in OTLP's JSON form: ids in
// hex, enums as numbers, 64-bit integers as strings, bytes in base64, NaN and
// infinities as strings. Bytes of a string that are not UTF-8 become U+FFFD.
// Fields that hold their default are left out.
//
// The key is the name of the outermost list: "resourceSpans" in OTLP, "batches"
// in Tempo.
func WriteOTLPJSON(w io.Writer, key string, batches ...*span.Batch) error {
	j := otlpJSON{newJSON(w)}
	j.tracesData(key, batches)
	return j.err
}

type otlpJSON struct{ *jsonWriter }

func (j otlpJSON) tracesData(key string, batches []*span.Batch) {
	j.object()
	j.name(key)
	j.array()
	for _, b := range batches {
		for _, g := range group(b) {
			j.resourceSpans(b, g)
		}
	}
	j.endArray()
	j.endObject()
}

func (j otlpJSON) resourceSpans(b *span.Batch, g resourceGroup) {
	r := &b.Resources[g.resource]
	j.object()
	j.name("resource")
	j.object()
	j.attributes(b, r.Attrs)
	j.count("droppedAttributesCount", r.DroppedAttrs)
	j.entityRefs(b.Dict.Bytes(r.EntityRefs))
	j.endObject()
	j.name("scopeSpans")
	j.array()
	for _, s := range g.scopes {
		j.scopeSpans(b, s)
	}
	j.endArray()
	j.field("schemaUrl", b.Dict.Bytes(r.SchemaURL))
	j.endObject()
}

func (j otlpJSON) scopeSpans(b *span.Batch, g scopeGroup) {
	s := &b.Scopes[g.scope]
	j.object()
	j.name("scope")
	j.object()
	j.field("name", b.Dict.Bytes(s.Name))
	j.field("version", b.Dict.Bytes(s.Version))
	j.attributes(b, s.Attrs)
	j.count("droppedAttributesCount", s.DroppedAttrs)
	j.endObject()
	j.name("spans")
	j.array()
	for _, i := range g.spans {
		if j.err != nil { // the client is gone, perhaps a million spans before the end
			return
		}
		j.span(b, int(i))
	}
	j.endArray()
	j.field("schemaUrl", b.Dict.Bytes(s.SchemaURL))
	j.endObject()
}

func (j otlpJSON) span(b *span.Batch, i int) {
	j.object()
	j.name("traceId")
	j.hex(b.TraceIDs[i][:])
	j.name("spanId")
	j.hex(b.SpanIDs[i][:])
	j.field("traceState", b.Dict.Bytes(b.States[i]))
	if !b.Parents[i].IsZero() {
		j.name("parentSpanId")
		j.hex(b.Parents[i][:])
	}
	j.count("flags", b.Flags[i])
	j.name("name")
	j.bytes(b.Dict.Bytes(b.Names[i]))
	j.enum("kind", b.Kinds[i])
	j.name("startTimeUnixNano")
	j.quotedUint(b.Starts[i])
	j.name("endTimeUnixNano")
	j.quotedUint(b.Ends[i])
	j.attributes(b, b.Attrs[i])
	j.count("droppedAttributesCount", b.Dropped[i].Attrs)
	j.events(b, b.EventsOf(i))
	j.count("droppedEventsCount", b.Dropped[i].Events)
	j.links(b, b.LinksOf(i))
	j.count("droppedLinksCount", b.Dropped[i].Links)
	j.name("status")
	j.object()
	j.field("message", b.Dict.Bytes(b.Messages[i]))
	j.enum("code", b.Statuses[i])
	j.endObject()
	j.endObject()
}

func (j otlpJSON) events(b *span.Batch, events []span.Event) {
	if len(events) == 0 {
		return
	}
	j.name("events")
	j.array()
	for i := range events {
		e := &events[i]
		j.object()
		j.name("timeUnixNano")
		j.quotedUint(e.Time)
		j.name("name")
		j.bytes(b.Dict.Bytes(e.Name))
		j.attributes(b, e.Attrs)
		j.count("droppedAttributesCount", e.DroppedAttrs)
		j.endObject()
	}
	j.endArray()
}

func (j otlpJSON) links(b *span.Batch, links []span.Link) {
	if len(links) == 0 {
		return
	}
	j.name("links")
	j.array()
	for i := range links {
		l := &links[i]
		j.object()
		j.name("traceId")
		j.hex(l.TraceID[:])
		j.name("spanId")
		j.hex(l.SpanID[:])
		j.field("traceState", b.Dict.Bytes(l.State))
		j.attributes(b, l.Attrs)
		j.count("droppedAttributesCount", l.DroppedAttrs)
		j.count("flags", l.Flags)
		j.endObject()
	}
	j.endArray()
}

func (j otlpJSON) attributes(b *span.Batch, a span.Attrs) {
	entries := b.Shapes.Entries(a.Shape)
	if len(entries) == 0 {
		return
	}
	j.name("attributes")
	j.array()
	for i, e := range entries {
		j.object()
		j.name("key")
		j.bytes(b.Dict.Bytes(e.Key))
		j.name("value")
		j.anyBits(b, e.Type, b.Values[int(a.First)+i])
		j.endObject()
	}
	j.endArray()
}

// anyBits writes an AnyValue. Strings, which most are, go out without a copy.
func (j otlpJSON) anyBits(b *span.Batch, t span.Type, bits uint64) {
	if t != span.String {
		j.any(b.Value(t, bits))
		return
	}
	j.object()
	j.name("stringValue")
	j.bytes(b.Dict.Bytes(span.Ref(bits)))
	j.endObject()
}

func (j otlpJSON) any(v span.Value) {
	j.object()
	switch v.Type {
	case span.String:
		j.name("stringValue")
		j.text(v.Str)
	case span.Bool:
		j.name("boolValue")
		j.boolean(v.Bool())
	case span.Int:
		j.name("intValue")
		j.quotedInt(v.Int())
	case span.Float:
		j.name("doubleValue")
		j.float(v.Float())
	case span.Bytes:
		j.name("bytesValue")
		j.base64([]byte(v.Str))
	case span.Array:
		j.arrayValue(v)
	case span.Map:
		j.kvlistValue(v)
	}
	j.endObject()
}

func (j otlpJSON) arrayValue(v span.Value) {
	elements, err := v.Elements()
	j.fail(err)
	j.name("arrayValue")
	j.object()
	j.name("values")
	j.array()
	for _, e := range elements {
		j.any(e)
	}
	j.endArray()
	j.endObject()
}

func (j otlpJSON) kvlistValue(v span.Value) {
	pairs, err := v.Pairs()
	j.fail(err)
	j.name("kvlistValue")
	j.object()
	j.name("values")
	j.array()
	for _, kv := range pairs {
		j.object()
		j.name("key")
		j.text(kv.Key)
		j.name("value")
		j.any(kv.Value)
		j.endObject()
	}
	j.endArray()
	j.endObject()
}

// entityRefs writes the EntityRef messages in raw, which holds them as fields
// of a Resource message.
func (j otlpJSON) entityRefs(raw []byte) {
	if len(raw) == 0 {
		return
	}
	j.name("entityRefs")
	j.array()
	for len(raw) > 0 {
		_, _, n := protowire.ConsumeTag(raw)
		msg, m := protowire.ConsumeBytes(raw[max(n, 0):])
		if n < 0 || m < 0 {
			j.fail(protowire.ParseError(min(n, m)))
			return
		}
		j.entityRef(msg)
		raw = raw[n+m:]
	}
	j.endArray()
}

// entityRef writes an EntityRef { schema_url 1; type 2; repeated id_keys 3; repeated description_keys 4 }.
func (j otlpJSON) entityRef(msg []byte) {
	var texts [5][][]byte
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		m := protowire.ConsumeFieldValue(num, typ, msg[max(n, 0):])
		if n < 0 || m < 0 {
			j.fail(protowire.ParseError(min(n, m)))
			return
		}
		if num >= 1 && num <= 4 && typ == protowire.BytesType {
			text, _ := protowire.ConsumeBytes(msg[n:])
			texts[num] = append(texts[num], text)
		}
		msg = msg[n+m:]
	}
	j.object()
	for num, name := range []string{1: "schemaUrl", 2: "type"} {
		if list := texts[num]; len(list) > 0 {
			j.field(name, list[len(list)-1])
		}
	}
	for i, name := range []string{"idKeys", "descriptionKeys"} {
		if len(texts[3+i]) == 0 {
			continue
		}
		j.name(name)
		j.array()
		for _, key := range texts[3+i] {
			j.bytes(key)
		}
		j.endArray()
	}
	j.endObject()
}

func (j otlpJSON) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

// field writes a text if it is not empty.
func (j otlpJSON) field(name string, s []byte) {
	if len(s) > 0 {
		j.name(name)
		j.bytes(s)
	}
}

// count writes a 32-bit number if it is not 0.
func (j otlpJSON) count(name string, n uint32) {
	if n != 0 {
		j.name(name)
		j.unsigned(uint64(n))
	}
}

// enum writes an enum's number if it is not 0.
func (j otlpJSON) enum(name string, n int32) {
	if n != 0 {
		j.name(name)
		j.integer(int64(n))
	}
}
