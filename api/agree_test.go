package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// everyFace is one store behind all APIs.
type everyFace struct {
	native, jaeger, tempo, zipkin http.Handler
	grpc                          *grpc.ClientConn
}

// openFaces opens them over an engine that has the rows in its head or, with every other seed, in a block.
func openFaces(t *testing.T, seed uint64, rows []span.Span) *everyFace {
	t.Helper()
	cfg, r := testConfig(), opened(t, rows...)
	if seed%2 == 1 {
		if err := r.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return &everyFace{NewNative(cfg, r), NewJaeger(cfg, r), NewTempo(cfg, r), NewZipkin(cfg, r), dialJaeger(t, cfg, r)}
}

// TestTraceIsTheSameEverywhere writes random traces, with all that OTLP allows in them, and reads each through every
// API: OTLP has to be what was written, the forms of Jaeger and Zipkin what they can hold of it.
func TestTraceIsTheSameEverywhere(t *testing.T) {
	seed := testkit.Seed(t)
	rows := storetest.NewGen(seed).Spans(150)
	faces, model := openFaces(t, seed, rows), filled(t, rows...)
	for id, want := range storedTraces(t, model, rows) {
		faces.compareOTLP(t, id, want)
		faces.compareOTLPJSON(t, id, want)
		faces.compareJaeger(t, id, want)
		faces.compareZipkin(t, id, want)
		if t.Failed() {
			return
		}
	}
}

func (f *everyFace) compareOTLP(t *testing.T, id span.TraceID, want []span.Span) {
	const accept, protobuf = "Accept", "application/x-protobuf"
	for name, read := range map[string]func(t *testing.T) []span.Span{
		"native": func(t *testing.T) []span.Span {
			return decodeProto(t, getOK(t, f.native, nativeRoot+"/traces/"+id.String(), accept, protobuf))
		},
		"Tempo v1": func(t *testing.T) []span.Span {
			return decodeProto(t, getOK(t, f.tempo, "/api/traces/"+id.String(), accept, protobuf))
		},
		"Tempo v2": func(t *testing.T) []span.Span {
			raw := getOK(t, f.tempo, "/api/v2/traces/"+id.String(), accept, protobuf)
			field, _, n := protowire.ConsumeTag(raw)
			if field != 1 {
				t.Fatalf("field %d comes first, not TraceByIDResponse.trace", field)
			}
			trace, _ := protowire.ConsumeBytes(raw[n:])
			return decodeProto(t, trace)
		},
		"api_v3": func(t *testing.T) []span.Span {
			return askTraces(t, f.grpc, serviceV3+"/GetTrace", fmt.Sprintf("trace_id: %q raw_traces: true", id))
		},
		"storage v2": func(t *testing.T) []span.Span {
			return askTraces(t, f.grpc, serviceStorage+"/GetTraces", fmt.Sprintf("query { trace_id: %s }", bytesText(id[:])))
		},
	} {
		t.Run(name, func(t *testing.T) { diffRows(t, read(t), want) })
	}
}

// compareOTLPJSON is compareOTLP for JSON, where bytes that are not UTF-8 and the kinds of NaN are lost.
func (f *everyFace) compareOTLPJSON(t *testing.T, id span.TraceID, rows []span.Span) {
	var want []span.Span
	for _, row := range rows {
		want = append(want, utf8Row(row))
	}
	for name, face := range map[string]struct {
		h                    http.Handler
		path, before, behind string // the trace, and what is around {"resourceSpans":…}
	}{
		"native":   {f.native, nativeRoot + "/traces/%s", "", ""},
		"Jaeger":   {f.jaeger, "/api/v3/traces/%s?rawTraces=true", `{"result":`, `}`},
		"Tempo v1": {f.tempo, "/api/traces/%s", "", ""},
		"Tempo v2": {f.tempo, "/api/v2/traces/%s", `{"trace":`, `}`},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.TrimSpace(string(getOK(t, face.h, fmt.Sprintf(face.path, id))))
			inner, hasBefore := strings.CutPrefix(body, face.before)
			inner, hasBehind := strings.CutSuffix(inner, face.behind)
			if !hasBefore || !hasBehind {
				t.Fatalf("answer %.100s", body)
			}
			if rest, ok := strings.CutPrefix(inner, `{"batches":`); ok {
				inner = `{"resourceSpans":` + rest
			}
			diffRows(t, decodeJSON(t, []byte(inner)), want)
		})
	}
}

// sameLists compares lists whose order does not matter.
func sameLists[T any](t *testing.T, got, want []T) {
	t.Helper()
	text := func(v T) string { return fmt.Sprintf("%+v", v) }
	order := func(a, b T) int { return cmp.Compare(text(a), text(b)) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if len(got) != len(want) {
		t.Fatalf("%d spans, want %d", len(got), len(want))
	}
	for i := range got {
		if a, b := text(got[i]), text(want[i]); a != b {
			at := 0 // where they part
			for at < min(len(a), len(b)) && a[at] == b[at] {
				at++
			}
			at = max(0, at-100)
			t.Fatalf("\n got %.100s … %.300s\nwant %.100s … %.300s", a, a[min(at, len(a)):], b, b[min(at, len(b)):])
		}
	}
}

func (f *everyFace) compareJaeger(t *testing.T, id span.TraceID, rows []span.Span) {
	var want []uiSpan
	for _, row := range rows {
		want = append(want, asJaeger(utf8Row(row)))
	}
	sorted := func(list []uiSpan) []uiSpan {
		for i := range list {
			slices.Sort(list[i].Tags)
			slices.Sort(list[i].Process)
			for _, fields := range list[i].Logs {
				slices.Sort(fields[1:])
			}
		}
		return list
	}
	t.Run("Jaeger's JSON", func(t *testing.T) {
		got := uiSpans(t, getOK(t, f.jaeger, "/api/traces/"+id.String()+"?raw=true"))
		sameLists(t, sorted(got), sorted(want))
	})
	t.Run("api_v2", func(t *testing.T) {
		var got []uiSpan
		for _, s := range newClientV2(f.grpc).trace(t, id, true) {
			got = append(got, uiSpanOf(&s))
		}
		sameLists(t, sorted(got), sorted(want))
	})
}

// asJaeger returns what Jaeger's model can hold of a span.
func asJaeger(s span.Span) uiSpan {
	u := uiSpan{
		TraceID: s.TraceID.String(), SpanID: s.SpanID.String(), Name: s.Name, Service: "missing-service-name",
		Flags: int64(s.Flags & 0xff), Start: int64(s.Start / 1000), Duration: max(int64(s.End-s.Start), 0) / 1000,
	}
	named := false
	for _, kv := range s.Resource.Attrs {
		isName := kv.Key == "service.name" && kv.Value.Type == span.String
		if kv.Key == "service.name" && !named {
			named = true
			u.Service = "service-name-wrong-type"
			if isName {
				u.Service = cmp.Or(kv.Value.Str, "empty-service-name")
			}
		}
		if !isName {
			u.Process = append(u.Process, jaegerTag("", kv))
		}
	}
	u.Process = append(u.Process, jaegerCount(s.Resource.DroppedAttrs, "attributes")...)
	if !s.Parent.IsZero() {
		u.References = append(u.References, fmt.Sprintf("CHILD_OF %s %s", s.TraceID, s.Parent))
	}
	u.Tags = slices.Concat(jaegerText("otel.scope.name", s.Scope.Name), jaegerText("otel.scope.version", s.Scope.Version),
		jaegerTags("otel.scope.attributes.", s.Scope.Attrs), jaegerTags("", s.Attrs),
		jaegerText("otel.status_description", s.Message), jaegerText("w3c.tracestate", s.TraceState),
		jaegerCount(s.Dropped.Attrs, "attributes"), jaegerCount(s.Dropped.Events, "events"), jaegerCount(s.Dropped.Links, "links"))
	if kinds := []string{"", "internal", "server", "client", "producer", "consumer"}; s.Kind > 0 && int(s.Kind) < len(kinds) {
		u.Tags = append(u.Tags, jaegerText("span.kind", kinds[s.Kind])...)
	}
	switch s.Status {
	case 1:
		u.Tags = append(u.Tags, jaegerText("otel.status_code", "OK")...)
	case 2:
		u.Tags = append(u.Tags, "otel.status_code string ERROR", "error bool true")
	}
	for n, l := range s.Links {
		kind := "FOLLOWS_FROM"
		for _, kv := range l.Attrs {
			if kv.Key == "opentracing.ref_type" && kv.Value == span.StringValue("child_of") {
				kind = "CHILD_OF"
			}
		}
		u.References = append(u.References, fmt.Sprintf("%s %s %s", kind, l.TraceID, l.SpanID))
		u.Tags = append(u.Tags, jaegerTags(fmt.Sprintf("otel.link.%d.attributes.", n), l.Attrs)...)
	}
	for _, e := range s.Events {
		u.Logs = append(u.Logs, slices.Concat([]string{fmt.Sprint(e.Time / 1000)}, jaegerText("event", e.Name),
			jaegerTags("", e.Attrs), jaegerCount(e.DroppedAttrs, "attributes")))
	}
	return u
}

func jaegerTags(prefix string, attrs []span.KeyValue) (list []string) {
	for _, kv := range attrs {
		list = append(list, jaegerTag(prefix, kv))
	}
	return list
}

func jaegerTag(prefix string, kv span.KeyValue) string {
	types := map[span.Type]string{span.Bool: "bool", span.Int: "int64", span.Float: "float64", span.Bytes: "binary"}
	value := valueText(kv.Value)
	if kv.Value.Type == span.Float {
		value = fmt.Sprint(kv.Value.Float())
	}
	return prefix + kv.Key + " " + cmp.Or(types[kv.Value.Type], "string") + " " + value
}

func jaegerText(key, value string) []string {
	if value == "" {
		return nil
	}
	return []string{key + " string " + value}
}

func jaegerCount(n uint32, of string) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("otel.dropped_%s_count int64 %d", of, n)}
}

// valueText is a value as the text of a tag.
func valueText(v span.Value) string {
	switch v.Type {
	case span.Empty:
		return ""
	case span.String:
		return v.Str
	}
	text, err := appendPlain(nil, v)
	if err != nil {
		panic(err)
	}
	return strings.Trim(string(text), `"`)
}

// zipkinCore is what of a span in Zipkin's form follows from the span alone and is in all its forms.
type zipkinCore struct {
	TraceID, ParentID, ID, Kind, Name string
	Timestamp                         uint64
	Duration                          int64
	LocalEndpoint                     struct{ ServiceName string }
	Annotations                       []struct {
		Timestamp uint64
		Value     string
	}
	Tags map[string]string
}

// zipkinPlainKeys are the random attributes of which Zipkin's form makes no more than tags.
var zipkinPlainKeys = []string{"http.method", "http.status_code", "k", "K", "k.k"}

func (f *everyFace) compareZipkin(t *testing.T, id span.TraceID, rows []span.Span) {
	t.Run("Zipkin", func(t *testing.T) {
		var got, want []zipkinCore
		body := getOK(t, f.zipkin, "/api/v2/trace/"+id.String())
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		checkZipkinTrace(t, body)
		for i := range got {
			maps.DeleteFunc(got[i].Tags, func(key, _ string) bool { return !slices.Contains(zipkinPlainKeys, key) })
			for k, a := range got[i].Annotations {
				got[i].Annotations[k].Value, _, _ = strings.Cut(a.Value, "|{")
			}
		}
		for _, row := range rows {
			want = append(want, asZipkin(utf8Row(row)))
		}
		sameLists(t, got, want)
	})
}

// asZipkin returns what Zipkin's model can hold of a span.
func asZipkin(s span.Span) zipkinCore {
	kinds := map[int32]string{2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
	z := zipkinCore{
		TraceID: strings.TrimPrefix(s.TraceID.String(), strings.Repeat("0", 16)), ID: s.SpanID.String(), Kind: kinds[s.Kind],
		Name: strings.ToLower(s.Name), Timestamp: s.Start / 1000, Tags: map[string]string{},
	}
	if !s.Parent.IsZero() && s.Parent != s.SpanID {
		z.ParentID = s.Parent.String()
	}
	if d := int64(s.End - s.Start); d > 0 {
		z.Duration = max(d/1000, 1)
	}
	for _, kv := range s.Resource.Attrs {
		if kv.Key == "service.name" {
			if kv.Value.Type == span.String {
				z.LocalEndpoint.ServiceName = strings.ToLower(kv.Value.Str)
			}
			break
		}
	}
	for _, e := range s.Events {
		z.Annotations = append(z.Annotations, struct {
			Timestamp uint64
			Value     string
		}{max(e.Time/1000, 1), e.Name})
	}
	for _, kv := range slices.Concat(s.Attrs, s.Scope.Attrs, s.Resource.Attrs) {
		if _, taken := z.Tags[kv.Key]; !taken && slices.Contains(zipkinPlainKeys, kv.Key) {
			z.Tags[kv.Key] = valueText(kv.Value)
		}
	}
	return z
}

// storedTraces returns the traces of some rows as a store has them, by id.
func storedTraces(t *testing.T, r store.Reader, rows []span.Span) map[span.TraceID][]span.Span {
	t.Helper()
	traces := map[span.TraceID][]span.Span{}
	for _, row := range rows {
		if traces[row.TraceID] != nil {
			continue
		}
		trace, err := r.Trace(t.Context(), store.DefaultTenant, row.TraceID, store.TimeRange{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range trace.Spans.Len() {
			s := trace.Spans.Span(i)
			s.Resource.EntityRefs = "" // which pdata does not show
			traces[row.TraceID] = append(traces[row.TraceID], s)
		}
	}
	return traces
}
