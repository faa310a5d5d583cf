package api

import (
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// jaegerView is one trace in Jaeger's model, which the encoders below share.
//
// Of what has no place in that model, scope attributes become tags of the span
// as otel.scope.attributes.<key>, those of link n (from 0, in the order of the
// span's links) as otel.link.<n>.attributes.<key>, and counts of dropped things
// as the tags that OpenTelemetry names for exporters.
//
// A raw view has no remarks of ours, and keeps links to nowhere and ids that a
// client and a server share.
type jaegerView struct {
	b         *span.Batch
	ids       []span.SpanID // of the spans of b, as they are shown
	parents   []span.SpanID
	process   []uint32  // the number of each resource's process, from 1
	processes []uint32  // the resource of each process, in order of first appearance
	known     []uint64  // ids, sorted
	odd       *oddities // nil if there are to be no remarks
	notes     []string  // warnings of the whole trace
	raw       bool
	key       []byte
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

func newJaegerView(t *store.Trace, raw bool) *jaegerView {
	v := &jaegerView{b: t.Spans, raw: raw}
	if !raw {
		v.odd = newOddities(v.b)
		v.odd.clips, v.odd.twin = true, v.isTwin
		v.b = v.odd.Spans
	}
	v.ids, v.parents = v.b.SpanIDs, v.b.Parents
	v.numberProcesses()
	if raw {
		return v
	}
	v.known = sortedIDs(v.ids)
	v.splitShared()
	for _, gap := range t.Gaps {
		v.notes = append(v.notes, "this trace may lack spans: "+gap)
	}
	if cut := analyze.Cut(v.b); cut != "" {
		v.notes = append(v.notes, cut)
	}
	return v
}

// numberProcesses gives each distinct resource a number.
func (v *jaegerView) numberProcesses() {
	first := sameResources(v.b)
	v.process = make([]uint32, len(first))
	for _, r := range v.b.Resource {
		f := first[r]
		if v.process[f] == 0 {
			v.processes = append(v.processes, f)
			v.process[f] = uint32(len(v.processes))
		}
		v.process[r] = v.process[f]
	}
}

// serviceName returns what Jaeger shows, whose UI needs a name for every process.
func (v *jaegerView) serviceName(resource uint32) string {
	name, ok := v.b.Attr(v.b.Resources[resource].Attrs, "service.name")
	switch {
	case !ok:
		return "missing-service-name"
	case name.Type != span.String:
		return "service-name-wrong-type"
	case name.Str == "":
		return "empty-service-name"
	}
	return name.Str
}

// tagWriter encodes the tags of a span or of a process, or the fields of a log.
// It does not keep what it is given.
type tagWriter interface {
	attribute(key []byte, t span.Type, bits uint64)
	stringTag(key string, value []byte)
	boolTag(key string, value bool)
	intTag(key string, value int64)
}

func (v *jaegerView) processTags(w tagWriter, resource uint32) {
	r := &v.b.Resources[resource]
	for i, e := range v.b.Shapes.Entries(r.Attrs.Shape) {
		if e.Type != span.String || string(v.b.Dict.Bytes(e.Key)) != "service.name" {
			w.attribute(v.b.Dict.Bytes(e.Key), e.Type, v.b.Values[int(r.Attrs.First)+i])
		}
	}
	countTag(w, "otel.dropped_attributes_count", r.DroppedAttrs)
}

// The values of tags as bytes, so that none is made for a span.
var (
	kindTexts   = textsOf(kindNames)
	statusTexts = textsOf(statusNames)
)

func textsOf(names []string) (list [][]byte) {
	for _, name := range names {
		list = append(list, []byte(name))
	}
	return list
}

func (v *jaegerView) spanTags(w tagWriter, i int) {
	b := v.b
	s := &b.Scopes[b.Scope[i]]
	textTag(w, "otel.scope.name", b.Dict.Bytes(s.Name))
	textTag(w, "otel.scope.version", b.Dict.Bytes(s.Version))
	v.key = append(v.key[:0], scopeTagPrefix...)
	v.attributes(w, s.Attrs)
	v.key = v.key[:0]
	v.attributes(w, b.Attrs[i])
	if kindName(b.Kinds[i]) != "" {
		w.stringTag("span.kind", kindTexts[b.Kinds[i]])
	}
	switch b.Statuses[i] {
	case 1:
		w.stringTag("otel.status_code", statusTexts[1])
	case statusError:
		w.stringTag("otel.status_code", statusTexts[statusError])
		w.boolTag("error", true)
	}
	textTag(w, "otel.status_description", b.Dict.Bytes(b.Messages[i]))
	textTag(w, "w3c.tracestate", b.Dict.Bytes(b.States[i]))
	countTag(w, "otel.dropped_attributes_count", b.Dropped[i].Attrs)
	countTag(w, "otel.dropped_events_count", b.Dropped[i].Events)
	countTag(w, "otel.dropped_links_count", b.Dropped[i].Links)
	for n, l := range b.LinksOf(i) {
		if l.Attrs.Shape != 0 {
			v.key = strconv.AppendInt(append(v.key[:0], linkTagPrefix...), int64(n), 10)
			v.key = append(v.key, linkTagAttributes...)
			v.attributes(w, l.Attrs)
		}
	}
}

func (v *jaegerView) logFields(w tagWriter, e *span.Event) {
	textTag(w, "event", v.b.Dict.Bytes(e.Name))
	v.key = v.key[:0]
	v.attributes(w, e.Attrs)
	countTag(w, "otel.dropped_attributes_count", e.DroppedAttrs)
}

// attributes writes attributes with v.key before their own keys.
func (v *jaegerView) attributes(w tagWriter, a span.Attrs) {
	prefix := len(v.key)
	for i, e := range v.b.Shapes.Entries(a.Shape) {
		v.key = append(v.key[:prefix], v.b.Dict.Bytes(e.Key)...)
		w.attribute(v.key, e.Type, v.b.Values[int(a.First)+i])
	}
}

// textTag writes a tag unless it is empty.
func textTag(w tagWriter, key string, value []byte) {
	if len(value) > 0 {
		w.stringTag(key, value)
	}
}

// countTag writes a tag unless it is 0.
func countTag(w tagWriter, key string, n uint32) {
	if n != 0 {
		w.intTag(key, int64(n))
	}
}

// references calls yield with the parent first, where clients look for it, then
// with the links.
func (v *jaegerView) references(i int, yield func(childOf bool, trace span.TraceID, id span.SpanID)) {
	if !v.parents[i].IsZero() {
		yield(true, v.b.TraceIDs[i], v.parents[i])
	}
	for _, l := range v.b.LinksOf(i) {
		if !v.raw && l.TraceID.IsZero() && l.SpanID.IsZero() {
			continue // it would point to nothing
		}
		kind, ok := v.b.Attr(l.Attrs, "opentracing.ref_type")
		yield(ok && kind == span.StringValue("child_of"), l.TraceID, l.SpanID)
	}
}

// isTwin reports whether a span is shown with an id that another one has too.
func (v *jaegerView) isTwin(i int) bool {
	at, _ := slices.BinarySearch(v.known, v.ids[i].Uint64())
	return at+1 < len(v.known) && v.known[at+1] == v.known[at]
}

// remarks says what is odd about a span.
func (v *jaegerView) remarks(i int) []string {
	if v.odd == nil {
		return nil
	}
	return v.odd.of(i)
}
