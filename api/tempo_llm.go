package api

import (
	"io"
	"net/http"
	"time"

	"github.com/clewhq/clew/span"
)

// typeLLM is the media type of answers for language models: JSON without what costs them much and tells them little. Its form is
// not meant to be relied on.
const typeLLM = "application/vnd.grafana.llm"

func wantsLLM(r *http.Request) bool { return accepts(r, typeLLM) }

// llmJSON writes the short form.
type llmJSON struct{ otlpJSON }

// writeLLM writes {"trace":{"traceId","services":[{"serviceName","resource","scopes":[{"name","version","spans":[…]}]}]}}, with
// attributes as plain members and values.
func (f foundTrace) writeLLM(w io.Writer) error {
	j := llmJSON{otlpJSON{newJSON(w)}}
	j.object()
	j.name("trace")
	j.object()
	if len(f.batches) > 0 && f.batches[0].Len() > 0 {
		j.name("traceId")
		j.hex(f.batches[0].TraceIDs[0][:])
	}
	j.name("services")
	j.array()
	for _, b := range f.batches {
		for _, g := range group(b) {
			j.service(b, g)
		}
	}
	j.endArray()
	j.endObject()
	f.writeStatus(j.jsonWriter)
	j.endObject()
	return j.err
}

func (j llmJSON) service(b *span.Batch, g resourceGroup) {
	j.object()
	j.name("serviceName")
	j.text(b.ServiceName(g.resource))
	j.attributes("resource", b, b.Resources[g.resource].Attrs, "service.name")
	j.name("scopes")
	j.array()
	for _, s := range g.scopes {
		scope := &b.Scopes[s.scope]
		j.object()
		j.field("name", b.Dict.Bytes(scope.Name))
		j.field("version", b.Dict.Bytes(scope.Version))
		j.attributes("attributes", b, scope.Attrs, "")
		j.name("spans")
		j.array()
		for _, i := range s.spans {
			if j.err != nil { // the client is gone
				return
			}
			j.span(b, int(i))
		}
		j.endArray()
		j.endObject()
	}
	j.endArray()
	j.endObject()
}

func (j llmJSON) span(b *span.Batch, i int) {
	j.object()
	j.name("spanId")
	j.hex(b.SpanIDs[i][:])
	if !b.Parents[i].IsZero() {
		j.name("parentSpanId")
		j.hex(b.Parents[i][:])
	}
	j.name("name")
	j.bytes(b.Dict.Bytes(b.Names[i]))
	if kind := kindName(b.Kinds[i]); kind != "" {
		j.name("kind")
		j.text(kind)
	}
	j.name("startTime")
	j.text(time.Unix(0, int64(b.Starts[i])).UTC().Format(time.RFC3339Nano))
	j.name("durationMs")
	j.float(float64(b.Duration(i)) / 1e6)
	if code := b.Statuses[i]; code > 0 && int(code) < len(statusNames) {
		j.name("status")
		j.text(statusNames[code])
	}
	j.field("statusMessage", b.Dict.Bytes(b.Messages[i]))
	j.attributes("attributes", b, b.Attrs[i], "")
	j.events(b, i)
	j.links(b, i)
	j.endObject()
}

func (j llmJSON) events(b *span.Batch, i int) {
	events := b.EventsOf(i)
	if len(events) == 0 {
		return
	}
	j.name("events")
	j.array()
	for k := range events {
		j.object()
		j.field("name", b.Dict.Bytes(events[k].Name))
		j.name("timeSinceStartMs")
		j.float(float64(int64(events[k].Time-b.Starts[i])) / 1e6)
		j.attributes("attributes", b, events[k].Attrs, "")
		j.endObject()
	}
	j.endArray()
}

func (j llmJSON) links(b *span.Batch, i int) {
	links := b.LinksOf(i)
	if len(links) == 0 {
		return
	}
	j.name("links")
	j.array()
	for k := range links {
		j.object()
		j.name("traceId")
		j.hex(links[k].TraceID[:])
		j.name("spanId")
		j.hex(links[k].SpanID[:])
		j.attributes("attributes", b, links[k].Attrs, "")
		j.endObject()
	}
	j.endArray()
}

// attributes writes attributes as the members of an object, if there are any besides the one that is left out.
func (j llmJSON) attributes(name string, b *span.Batch, attrs span.Attrs, without string) {
	begun := false
	for key, value := range b.AllAttrs(attrs) {
		if key == without {
			continue
		}
		if !begun {
			begun = true
			j.name(name)
			j.object()
		}
		j.text(key)
		plain, err := appendPlain(nil, value)
		if err != nil && j.err == nil {
			j.err = err
		}
		j.value(plain)
	}
	if begun {
		j.endObject()
	}
}

// writeLLM writes the values of a tag by their types.
func (a typedValues) writeLLM(w io.Writer) error {
	j := newJSON(w)
	j.object()
	j.name("tagValues")
	j.object()
	byType := map[string][]string{}
	var kinds []string
	for _, v := range a.list {
		kind, text := typedText(v.Value)
		if byType[kind] == nil {
			kinds = append(kinds, kind)
		}
		byType[kind] = append(byType[kind], text)
	}
	for _, kind := range kinds {
		j.name(kind)
		j.array()
		for _, text := range byType[kind] {
			j.text(text)
		}
		j.endArray()
	}
	j.endObject()
	j.endObject()
	return j.err
}
