package api

import (
	"strconv"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// jaegerJSON writes a trace in the form of Jaeger's UI.
type jaegerJSON struct {
	*jsonWriter
	*jaegerView
	scratch      []byte
	addReference func(childOf bool, trace span.TraceID, id span.SpanID) // j.reference
}

// writeJaegerTrace writes t.
func writeJaegerTrace(w *jsonWriter, t *store.Trace, raw bool) {
	j := &jaegerJSON{jsonWriter: w, jaegerView: newJaegerView(t, raw)}
	j.addReference = j.reference
	j.object()
	j.traceID(j.b.TraceIDs[0])
	j.name("spans")
	j.array()
	for i := range j.b.Len() {
		if j.err != nil { // the client is gone
			return
		}
		j.span(i)
	}
	j.endArray()
	j.name("processes")
	j.object()
	for n, resource := range j.processes {
		j.name("p" + strconv.Itoa(n+1))
		j.processOf(resource)
	}
	j.endObject()
	j.warnings(j.notes)
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

func (j *jaegerJSON) processOf(resource uint32) {
	j.object()
	j.name("serviceName")
	j.text(j.serviceName(resource))
	j.name("tags")
	j.array()
	j.processTags(j, resource)
	j.endArray()
	j.endObject()
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
	j.name("references")
	j.array()
	j.references(i, j.addReference)
	j.endArray()
	j.name("startTime")
	j.unsigned(b.Starts[i] / 1000)
	j.name("duration")
	j.integer(max(b.Duration(i), 0) / 1000)
	j.name("tags")
	j.array()
	j.spanTags(j, i)
	j.endArray()
	j.logs(i)
	j.name("processID")
	j.scratch = strconv.AppendUint(append(j.scratch[:0], 'p'), uint64(j.process[b.Resource[i]]), 10)
	j.bytes(j.scratch)
	j.warnings(j.remarks(i))
	j.endObject()
}

func (j *jaegerJSON) reference(childOf bool, trace span.TraceID, id span.SpanID) {
	j.object()
	j.name("refType")
	if childOf {
		j.text("CHILD_OF")
	} else {
		j.text("FOLLOWS_FROM")
	}
	j.traceID(trace)
	j.name("spanID")
	j.hex(id[:])
	j.endObject()
}

func (j *jaegerJSON) logs(i int) {
	j.name("logs")
	j.array()
	events := j.b.EventsOf(i)
	for k := range events {
		j.object()
		j.name("timestamp")
		j.unsigned(events[k].Time / 1000)
		j.name("fields")
		j.array()
		j.logFields(j, &events[k])
		j.endArray()
		j.endObject()
	}
	j.endArray()
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

// maxSafeInt is the largest integer that JavaScript reads exactly.
const maxSafeInt = 1<<53 - 1

// attribute implements tagWriter.
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

// stringTag implements tagWriter.
func (j *jaegerJSON) stringTag(key string, value []byte) {
	j.beginTag(key, "string")
	j.bytes(value)
	j.endObject()
}

// boolTag implements tagWriter.
func (j *jaegerJSON) boolTag(key string, value bool) {
	j.beginTag(key, "bool")
	j.boolean(value)
	j.endObject()
}

// intTag implements tagWriter.
func (j *jaegerJSON) intTag(key string, value int64) {
	j.beginTag(key, "int64")
	j.integer(value)
	j.endObject()
}

// beginTag writes a tag up to its value.
func (j *jaegerJSON) beginTag(key, typ string) {
	j.object()
	j.name("key")
	j.text(key)
	j.name("type")
	j.text(typ)
	j.name("value")
}
