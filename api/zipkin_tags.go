package api

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clewhq/clew/span"
)

const (
	zipkinLinkPrefix   = "otlp.link."
	httpStatus         = "http.status_code"
	httpResponseStatus = "http.response.status_code"
)

// ownZipkinTags are tags that are written for other things than attributes.
var ownZipkinTags = []string{
	"error", "span.kind", "otel.status_code", "otel.status_description", "otel.scope.name", "otel.scope.version", "w3c.tracestate",
	"otel.dropped_attributes_count", "otel.dropped_events_count", "otel.dropped_links_count", httpStatus,
}

// isZipkinTag reports whether a tag may be one of ours.
func isZipkinTag(key []byte) bool {
	return slices.Contains(ownZipkinTags, string(key)) || bytes.HasPrefix(key, []byte(zipkinLinkPrefix))
}

// tags writes the tags of a span: ours, which win over attributes of the same
// key, then its attributes, and those of its scope and its resource.
func (j *zipkinJSON) tags(i int) {
	b := j.b
	scope, resource := &b.Scopes[b.Scope[i]], b.Resource[i]
	j.tagsBegun = false
	j.statusTags(i)
	if b.Kinds[i] == kindInternal {
		j.tag(i, "span.kind", "internal")
	}
	j.textTag(i, "w3c.tracestate", b.Dict.Bytes(b.States[i]))
	j.textTag(i, "otel.scope.name", b.Dict.Bytes(scope.Name))
	j.textTag(i, "otel.scope.version", b.Dict.Bytes(scope.Version))
	j.countTag(i, "otel.dropped_attributes_count", b.Dropped[i].Attrs)
	j.countTag(i, "otel.dropped_events_count", b.Dropped[i].Events)
	j.countTag(i, "otel.dropped_links_count", b.Dropped[i].Links)
	j.linkTags(i)
	j.attributeTags(i, b.Attrs[i], j.skip)
	j.attributeTags(i, scope.Attrs, nil)
	j.resourceTags(i, resource)
	j.httpStatusTag(i)
	if j.tagsBegun {
		j.endObject()
	}
}

// kindInternal is a number of OTLP's SpanKind.
const kindInternal = 1

// statusTags writes the status. By the tag "error", whatever its value, Zipkin
// knows what has failed; the value says why.
func (j *zipkinJSON) statusTags(i int) {
	b := j.b
	message := b.Dict.Bytes(b.Messages[i])
	why, failed := j.errorText(i)
	switch b.Statuses[i] {
	case 1:
		j.tag(i, "otel.status_code", "OK")
	case statusError:
		j.tag(i, "otel.status_code", "ERROR")
		if !failed && len(message) > 0 {
			why = message
		}
		failed = true
	}
	j.textTag(i, "otel.status_description", message)
	if failed {
		j.beginTag(i, "error")
		j.bytes(why)
	}
}

// errorText returns the attribute "error", unless it says that there is none;
// then it returns "true".
func (j *zipkinJSON) errorText(i int) (text []byte, ok bool) {
	if j.errorAt >= 0 {
		a := j.b.Attrs[i]
		e := j.b.Shapes.Entries(a.Shape)[j.errorAt]
		j.scratch = j.appendText(j.scratch[:0], e.Type, j.b.Values[int(a.First)+j.errorAt])
		if string(j.scratch) != "false" {
			return j.scratch, true
		}
	}
	return trueText, false
}

var trueText = []byte("true")

// httpStatusTag writes the tag unless there is an attribute of that name.
func (j *zipkinJSON) httpStatusTag(i int) {
	if j.statusAt < 0 {
		return
	}
	if r, ok := j.keys[httpStatus]; ok && j.seen[r] == uint32(i+1) {
		return
	}
	a := j.b.Attrs[i]
	e := j.b.Shapes.Entries(a.Shape)[j.statusAt]
	j.scratch = j.appendText(j.scratch[:0], e.Type, j.b.Values[int(a.First)+j.statusAt])
	j.textTag(i, httpStatus, j.scratch)
}

// linkTags writes a link as "trace|span|state|{attributes}|dropped".
func (j *zipkinJSON) linkTags(i int) {
	b := j.b
	for n, l := range b.LinksOf(i) {
		text := j.scratch[:0]
		if !l.TraceID.IsZero() {
			text = hex.AppendEncode(text, l.TraceID[:])
		}
		text = append(text, '|')
		if !l.SpanID.IsZero() {
			text = hex.AppendEncode(text, l.SpanID[:])
		}
		text = append(append(append(text, '|'), b.Dict.Bytes(l.State)...), '|')
		text = j.appendObject(text, l.Attrs)
		j.scratch = strconv.AppendUint(append(text, '|'), uint64(l.DroppedAttrs), 10)
		if n == len(j.linkKeys) {
			j.linkKeys = append(j.linkKeys, zipkinLinkPrefix+strconv.Itoa(n))
		}
		j.textTag(i, j.linkKeys[n], j.scratch)
	}
}

func (j *zipkinJSON) attributeTags(i int, a span.Attrs, skip []bool) {
	for n, e := range j.b.Shapes.Entries(a.Shape) {
		if skip == nil || !skip[n] {
			j.attributeTag(i, e, j.b.Values[int(a.First)+n])
		}
	}
}

// resourceTags leaves out the name that the endpoint shows.
func (j *zipkinJSON) resourceTags(i int, resource uint32) {
	b := j.b
	a := b.Resources[resource].Attrs
	for n, e := range b.Shapes.Entries(a.Shape) {
		bits := b.Values[int(a.First)+n]
		if e.Type == span.String && string(b.Dict.Bytes(e.Key)) == "service.name" &&
			bytes.Equal(b.Dict.Bytes(span.Ref(bits)), j.services[resource]) {
			continue
		}
		j.attributeTag(i, e, bits)
	}
}

func (j *zipkinJSON) attributeTag(i int, e span.Entry, bits uint64) {
	if j.seen[e.Key] == uint32(i+1) {
		return
	}
	j.seen[e.Key] = uint32(i + 1)
	j.beginTags()
	j.bytes(j.b.Dict.Bytes(e.Key))
	switch e.Type {
	case span.String:
		j.bytes(j.b.Dict.Bytes(span.Ref(bits)))
	case span.Array, span.Map:
		j.bytes(j.nestedText(e.Type, span.Ref(bits)))
	default:
		j.scratch = j.appendText(j.scratch[:0], e.Type, bits)
		j.bytes(j.scratch)
	}
}

// maxNested bounds what is kept of arrays and maps, in number and bytes.
const maxNested = 1000

// nestedText returns an array or a map as text. Some are kept: a resource's come with each of its spans.
func (j *zipkinJSON) nestedText(t span.Type, r span.Ref) []byte {
	key := nestedKey{t, r}
	if text, ok := j.nested[key]; ok {
		return text
	}
	j.scratch = j.appendText(j.scratch[:0], t, uint64(r))
	if len(j.nested) < maxNested && len(j.scratch) <= maxNested {
		j.nested[key] = bytes.Clone(j.scratch)
	}
	return j.scratch
}

// tag writes a tag of ours.
func (j *zipkinJSON) tag(i int, key, value string) {
	j.beginTag(i, key)
	j.text(value)
}

// textTag writes a tag of ours unless it is empty.
func (j *zipkinJSON) textTag(i int, key string, value []byte) {
	if len(value) > 0 {
		j.beginTag(i, key)
		j.bytes(value)
	}
}

// countTag writes a tag of ours unless it is 0.
func (j *zipkinJSON) countTag(i int, key string, n uint32) {
	if n != 0 {
		j.scratch = strconv.AppendUint(j.scratch[:0], uint64(n), 10)
		j.textTag(i, key, j.scratch)
	}
}

// beginTag writes the key of a tag of ours.
func (j *zipkinJSON) beginTag(i int, key string) {
	if r, ok := j.keys[key]; ok {
		j.seen[r] = uint32(i + 1)
	}
	j.beginTags()
	j.name(key)
}

func (j *zipkinJSON) beginTags() {
	if !j.tagsBegun {
		j.tagsBegun = true
		j.name("tags")
		j.object()
	}
}

func (j *zipkinJSON) annotations(i int) {
	events := j.b.EventsOf(i)
	if len(events) == 0 {
		return
	}
	j.name("annotations")
	j.array()
	for _, e := range events {
		j.object()
		j.name("timestamp")
		j.unsigned(max(e.Time/1000, 1)) // clients refuse 0
		j.name("value")
		j.scratch = append(j.scratch[:0], j.b.Dict.Bytes(e.Name)...)
		if e.Attrs.Shape != 0 || e.DroppedAttrs != 0 {
			j.scratch = j.appendObject(append(j.scratch, '|'), e.Attrs)
			j.scratch = strconv.AppendUint(append(j.scratch, '|'), uint64(e.DroppedAttrs), 10)
		}
		j.bytes(j.scratch)
		j.endObject()
	}
	j.endArray()
}

// appendObject appends attributes as a JSON object.
func (j *zipkinJSON) appendObject(dst []byte, a span.Attrs) []byte {
	dst = append(dst, '{')
	for n, e := range j.b.Shapes.Entries(a.Shape) {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, j.b.Dict.Bytes(e.Key))
		dst = append(dst, ':')
		bits := j.b.Values[int(a.First)+n]
		if e.Type == span.String {
			dst, _ = jsontext.AppendQuote(dst, j.b.Dict.Bytes(span.Ref(bits)))
		} else {
			dst = j.keepError(appendPlain(dst, j.b.Value(e.Type, bits)))
		}
	}
	return append(dst, '}')
}

// appendText appends a value as the text that a tag has.
func (j *zipkinJSON) appendText(dst []byte, t span.Type, bits uint64) []byte {
	if t == span.String {
		return append(dst, j.b.Dict.Bytes(span.Ref(bits))...)
	}
	return j.keepError(appendTagText(dst, j.b.Value(t, bits)))
}

// keepError keeps the first error for the end.
func (j *zipkinJSON) keepError(text []byte, err error) []byte {
	if err != nil && j.err == nil {
		j.err = err
	}
	return text
}

// appendTagText appends a value as text: bytes in base64, arrays and maps as JSON.
func appendTagText(dst []byte, v span.Value) ([]byte, error) {
	switch v.Type {
	case span.Empty:
		return dst, nil
	case span.String:
		return append(dst, v.Str...), nil
	case span.Bytes:
		return base64.StdEncoding.AppendEncode(dst, []byte(v.Str)), nil
	}
	start := len(dst)
	dst, err := appendPlain(dst, v)
	if v.Type == span.Float && dst[start] == '"' { // NaN and the infinities
		dst = append(dst[:start], bytes.Trim(dst[start:], `"`)...)
	}
	return dst, err
}

// tagText returns a value as the text that a tag has. It has to be no array and no map.
func tagText(v span.Value) string {
	text, _ := appendTagText(nil, v)
	return string(text)
}
