package api

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// jaegerJSON writes one trace in the form of Jaeger's UI.
//
// Of what has no place in that form, scope attributes become tags of the span
// as otel.scope.attributes.<key>, those of link n (from 0, in the order of the
// span's links) as otel.link.<n>.attributes.<key>, and counts of dropped things
// as the tags that OpenTelemetry names for exporters.
type jaegerJSON struct {
	*jsonWriter
	b       *span.Batch
	ids     []span.SpanID // of the spans of b, as they are shown
	parents []span.SpanID
	process []uint32 // the number of each resource's process, from 1
	known   []uint64 // ids, sorted; nil if orphans are not to be marked
	raw     bool
	scratch []byte
	prefix  []byte
}

const (
	scopeTagPrefix    = "otel.scope.attributes."
	linkTagPrefix     = "otel.link."
	linkTagAttributes = ".attributes."
)

// linkTagKey returns the attribute's key of a tag otel.link.<n>.attributes.<key>.
func linkTagKey(tag string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(tag, linkTagPrefix)
	if !ok {
		return "", false
	}
	n, key, ok := strings.Cut(rest, linkTagAttributes)
	if _, err := strconv.ParseUint(n, 10, 32); err != nil {
		return "", false
	}
	return key, ok
}

// writeJaegerTrace writes t. A raw answer has no remarks of ours, and keeps
// links to nowhere and ids that a client and a server share.
func writeJaegerTrace(w *jsonWriter, t *store.Trace, raw bool) {
	b := t.Spans
	j := &jaegerJSON{jsonWriter: w, b: b, ids: b.SpanIDs, parents: b.Parents, raw: raw}
	if !raw {
		j.known = sortedIDs(j.ids)
		j.splitShared()
	}
	j.object()
	j.traceID(b.TraceIDs[0])
	processes := j.numberProcesses()
	j.name("spans")
	j.array()
	for i := range b.Len() {
		if j.err != nil { // the client is gone
			return
		}
		j.span(i)
	}
	j.endArray()
	j.name("processes")
	j.object()
	for n, resource := range processes {
		j.name("p" + strconv.Itoa(n+1))
		j.processOf(resource)
	}
	j.endObject()
	var warnings []string
	if !raw {
		for _, gap := range t.Gaps {
			warnings = append(warnings, "this trace may lack spans: "+gap)
		}
	}
	j.warnings(warnings)
	j.endObject()
}

// traceID writes the id as 16 digits if it is a 64-bit one, else as 32.
func (j *jaegerJSON) traceID(id span.TraceID) {
	j.name("traceID")
	if hi, _ := id.Uint64s(); hi == 0 {
		j.hex(id[8:])
	} else {
		j.hex(id[:])
	}
}

// numberProcesses gives each distinct resource a number in order of first
// appearance and returns the resources in that order.
func (j *jaegerJSON) numberProcesses() []uint32 {
	first := sameResources(j.b)
	j.process = make([]uint32, len(first))
	var order []uint32
	for _, r := range j.b.Resource {
		f := first[r]
		if j.process[f] == 0 {
			order = append(order, f)
			j.process[f] = uint32(len(order))
		}
		j.process[r] = j.process[f]
	}
	return order
}

func (j *jaegerJSON) processOf(resource uint32) {
	r := &j.b.Resources[resource]
	j.object()
	j.name("serviceName")
	j.text(j.serviceName(resource))
	j.name("tags")
	j.array()
	for i, e := range j.b.Shapes.Entries(r.Attrs.Shape) {
		if e.Type != span.String || string(j.b.Dict.Bytes(e.Key)) != "service.name" {
			j.attribute(j.b.Dict.Bytes(e.Key), e.Type, j.b.Values[int(r.Attrs.First)+i])
		}
	}
	j.countTag("otel.dropped_attributes_count", r.DroppedAttrs)
	j.endArray()
	j.endObject()
}

// serviceName returns what Jaeger shows, whose UI needs a name for every process.
func (j *jaegerJSON) serviceName(resource uint32) string {
	v, ok := j.b.Attr(j.b.Resources[resource].Attrs, "service.name")
	switch {
	case !ok:
		return "missing-service-name"
	case v.Type != span.String:
		return "service-name-wrong-type"
	case v.Str == "":
		return "empty-service-name"
	}
	return v.Str
}

func (j *jaegerJSON) span(i int) {
	b := j.b
	j.object()
	j.traceID(b.TraceIDs[i])
	j.name("spanID")
	j.hex(j.ids[i][:])
	if flags := b.Flags[i] & 0xff; flags != 0 { // those of W3C; the others are OTLP's
		j.name("flags")
		j.unsigned(uint64(flags))
	}
	j.name("operationName")
	j.bytes(b.Dict.Bytes(b.Names[i]))
	j.references(i)
	j.name("startTime")
	j.unsigned(b.Starts[i] / 1000)
	j.name("duration")
	j.integer(max(b.Duration(i), 0) / 1000)
	j.name("tags")
	j.array()
	j.spanTags(i)
	j.endArray()
	j.logs(i)
	j.name("processID")
	j.scratch = strconv.AppendUint(append(j.scratch[:0], 'p'), uint64(j.process[b.Resource[i]]), 10)
	j.bytes(j.scratch)
	j.warnings(j.remarks(i))
	j.endObject()
}

// references writes the parent first, where clients look for it, then the links.
func (j *jaegerJSON) references(i int) {
	j.name("references")
	j.array()
	if !j.parents[i].IsZero() {
		j.reference("CHILD_OF", j.b.TraceIDs[i], j.parents[i])
	}
	for _, l := range j.b.LinksOf(i) {
		if !j.raw && l.TraceID.IsZero() && l.SpanID.IsZero() {
			continue // it would point to nothing
		}
		kind := "FOLLOWS_FROM"
		if v, ok := j.b.Attr(l.Attrs, "opentracing.ref_type"); ok && v == span.StringValue("child_of") {
			kind = "CHILD_OF"
		}
		j.reference(kind, l.TraceID, l.SpanID)
	}
	j.endArray()
}

func (j *jaegerJSON) reference(kind string, trace span.TraceID, id span.SpanID) {
	j.object()
	j.name("refType")
	j.text(kind)
	j.traceID(trace)
	j.name("spanID")
	j.hex(id[:])
	j.endObject()
}

func (j *jaegerJSON) spanTags(i int) {
	b := j.b
	s := &b.Scopes[b.Scope[i]]
	j.textTag("otel.scope.name", b.Dict.Bytes(s.Name))
	j.textTag("otel.scope.version", b.Dict.Bytes(s.Version))
	j.prefix = append(j.prefix[:0], scopeTagPrefix...)
	j.prefixed(j.prefix, s.Attrs)
	j.attributes(b.Attrs[i])
	if kind := kindName(b.Kinds[i]); kind != "" {
		j.tag("span.kind", "string", func() { j.text(kind) })
	}
	switch b.Statuses[i] {
	case 1:
		j.tag("otel.status_code", "string", func() { j.text("OK") })
	case statusError:
		j.tag("otel.status_code", "string", func() { j.text("ERROR") })
		j.tag("error", "bool", func() { j.boolean(true) })
	}
	j.textTag("otel.status_description", b.Dict.Bytes(b.Messages[i]))
	j.textTag("w3c.tracestate", b.Dict.Bytes(b.States[i]))
	j.countTag("otel.dropped_attributes_count", b.Dropped[i].Attrs)
	j.countTag("otel.dropped_events_count", b.Dropped[i].Events)
	j.countTag("otel.dropped_links_count", b.Dropped[i].Links)
	for n, l := range b.LinksOf(i) {
		if l.Attrs.Shape != 0 {
			j.prefix = strconv.AppendInt(append(j.prefix[:0], linkTagPrefix...), int64(n), 10)
			j.prefix = append(j.prefix, linkTagAttributes...)
			j.prefixed(j.prefix, l.Attrs)
		}
	}
}

func (j *jaegerJSON) logs(i int) {
	b := j.b
	j.name("logs")
	j.array()
	for _, e := range b.EventsOf(i) {
		j.object()
		j.name("timestamp")
		j.unsigned(e.Time / 1000)
		j.name("fields")
		j.array()
		j.textTag("event", b.Dict.Bytes(e.Name))
		j.attributes(e.Attrs)
		j.countTag("otel.dropped_attributes_count", e.DroppedAttrs)
		j.endArray()
		j.endObject()
	}
	j.endArray()
}

// remarks says what is odd about a span.
func (j *jaegerJSON) remarks(i int) []string {
	if j.raw {
		return nil
	}
	var list []string
	if parent := j.parents[i]; !parent.IsZero() {
		if _, ok := slices.BinarySearch(j.known, parent.Uint64()); !ok {
			list = append(list, fmt.Sprintf("the parent span %s is missing: it has not arrived, was not sampled or was lost", parent))
		}
	}
	if start, end := j.b.Starts[i], j.b.Ends[i]; end < start {
		list = append(list, fmt.Sprintf("the span ends %v before it starts; its duration is shown as 0", time.Duration(start-end)))
	}
	return list
}

func (j *jaegerJSON) warnings(list []string) {
	j.name("warnings")
	if len(list) == 0 {
		j.null()
		return
	}
	j.array()
	for _, text := range list {
		j.text(text)
	}
	j.endArray()
}

func (j *jaegerJSON) attributes(a span.Attrs) {
	for i, e := range j.b.Shapes.Entries(a.Shape) {
		j.attribute(j.b.Dict.Bytes(e.Key), e.Type, j.b.Values[int(a.First)+i])
	}
}

// prefixed writes attributes with something before their keys.
func (j *jaegerJSON) prefixed(prefix []byte, a span.Attrs) {
	for i, e := range j.b.Shapes.Entries(a.Shape) {
		j.scratch = append(append(j.scratch[:0], prefix...), j.b.Dict.Bytes(e.Key)...)
		j.attribute(j.scratch, e.Type, j.b.Values[int(a.First)+i])
	}
}

// maxSafeInt is the largest integer that JavaScript reads exactly.
const maxSafeInt = 1<<53 - 1

func (j *jaegerJSON) attribute(key []byte, t span.Type, bits uint64) {
	j.object()
	j.name("key")
	j.bytes(key)
	j.name("type")
	j.text(jaegerTypes[t])
	j.name("value")
	switch v := (span.Value{Type: t, Num: bits}); t {
	case span.String:
		j.bytes(j.b.Dict.Bytes(span.Ref(bits)))
	case span.Bool:
		j.boolean(v.Bool())
	case span.Int:
		if n := v.Int(); n > maxSafeInt || n < -maxSafeInt {
			j.quotedInt(n)
		} else {
			j.integer(n)
		}
	case span.Float:
		j.float(v.Float())
	case span.Bytes:
		j.base64(j.b.Dict.Bytes(span.Ref(bits)))
	case span.Array, span.Map:
		var err error
		if j.scratch, err = appendPlain(j.scratch[:0], j.b.Value(t, bits)); err != nil && j.err == nil {
			j.err = err
		}
		j.bytes(j.scratch)
	default:
		j.text("")
	}
	j.endObject()
}

var jaegerTypes = [...]string{
	span.Empty: "string", span.String: "string", span.Bool: "bool", span.Int: "int64", span.Float: "float64",
	span.Bytes: "binary", span.Array: "string", span.Map: "string",
}

// tag writes a tag with a value that f writes.
func (j *jaegerJSON) tag(key, typ string, f func()) {
	j.object()
	j.name("key")
	j.text(key)
	j.name("type")
	j.text(typ)
	j.name("value")
	f()
	j.endObject()
}

// textTag writes a tag unless it is empty.
func (j *jaegerJSON) textTag(key string, value []byte) {
	if len(value) > 0 {
		j.tag(key, "string", func() { j.bytes(value) })
	}
}

// countTag writes a tag unless it is 0.
func (j *jaegerJSON) countTag(key string, n uint32) {
	if n != 0 {
		j.tag(key, "int64", func() { j.unsigned(uint64(n)) })
	}
}
