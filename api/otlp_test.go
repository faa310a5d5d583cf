package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/storetest"
)

// inOrder sorts rows by all they hold: encoders group spans, and ids repeat.
func inOrder(rows []span.Span) []span.Span {
	keys := make(map[string][]span.Span)
	for _, s := range rows {
		key := fmt.Sprintf("%+v", s)
		keys[key] = append(keys[key], s)
	}
	var sorted []span.Span
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		sorted = append(sorted, keys[key]...)
	}
	return sorted
}

func diffRows(t *testing.T, got, want []span.Span) {
	t.Helper()
	got, want = inOrder(got), inOrder(want)
	if len(got) != len(want) {
		t.Fatalf("got %d spans, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("span %s:\n got %+v\nwant %+v", want[i].SpanID, got[i], want[i])
		}
	}
}

func decodeProto(t *testing.T, raw []byte) []span.Span {
	t.Helper()
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(raw)
	if err != nil {
		t.Fatal(err)
	}
	return rowsOf(td)
}

func decodeJSON(t *testing.T, raw []byte) []span.Span {
	t.Helper()
	td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(raw)
	if err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return rowsOf(td)
}

func TestOTLPRoundTrip(t *testing.T) {
	sets := map[string][]span.Span{"recorded": recorded(t), "odd": odd(), "none": nil}
	for seed := range uint64(10) {
		sets[fmt.Sprint("random ", seed)] = storetest.NewGen(seed).Spans(100)
	}
	for name, rows := range sets {
		t.Run(name, func(t *testing.T) {
			b := batchOf(rows...)
			for i := range rows {
				rows[i] = b.Span(i)
				rows[i].Resource.EntityRefs = "" // which pdata does not show
			}
			var buf bytes.Buffer
			if err := WriteOTLP(&buf, b); err != nil {
				t.Fatal(err)
			}
			diffRows(t, decodeProto(t, buf.Bytes()), rows)

			buf.Reset()
			if err := WriteOTLPJSON(&buf, "resourceSpans", b); err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				rows[i] = utf8Row(rows[i])
			}
			diffRows(t, decodeJSON(t, buf.Bytes()), rows)
		})
	}
}

// utf8Row returns what JSON can hold of a row: U+FFFD for each byte that is not
// UTF-8, and one NaN for all.
func utf8Row(s span.Span) span.Span {
	s.TraceState, s.Name, s.Message = utf8Text(s.TraceState), utf8Text(s.Name), utf8Text(s.Message)
	s.Attrs = utf8List(s.Attrs)
	s.Resource.SchemaURL, s.Resource.Attrs = utf8Text(s.Resource.SchemaURL), utf8List(s.Resource.Attrs)
	s.Scope.Name, s.Scope.Version = utf8Text(s.Scope.Name), utf8Text(s.Scope.Version)
	s.Scope.SchemaURL, s.Scope.Attrs = utf8Text(s.Scope.SchemaURL), utf8List(s.Scope.Attrs)
	s.Events, s.Links = slices.Clone(s.Events), slices.Clone(s.Links)
	for i := range s.Events {
		e := &s.Events[i]
		e.Name, e.Attrs = utf8Text(e.Name), utf8List(e.Attrs)
	}
	for i := range s.Links {
		l := &s.Links[i]
		l.TraceState, l.Attrs = utf8Text(l.TraceState), utf8List(l.Attrs)
	}
	return s
}

func utf8Text(s string) string { return string([]rune(s)) }

func utf8List(list []span.KeyValue) []span.KeyValue {
	list = slices.Clone(list)
	for i, kv := range list {
		list[i] = span.KeyValue{Key: utf8Text(kv.Key), Value: utf8Value(kv.Value)}
	}
	return list
}

func utf8Value(v span.Value) span.Value {
	switch v.Type {
	case span.String:
		v.Str = utf8Text(v.Str)
	case span.Float:
		if math.IsNaN(v.Float()) {
			return span.FloatValue(math.NaN())
		}
	case span.Array:
		elements, _ := v.Elements()
		for i := range elements {
			elements[i] = utf8Value(elements[i])
		}
		return span.ArrayValue(elements...)
	case span.Map:
		pairs, _ := v.Pairs()
		return span.MapValue(utf8List(pairs)...)
	}
	return v
}

func TestOTLPKeepsEntityRefs(t *testing.T) {
	want := &tracepb.TracesData{}
	text := `{"resourceSpans":[{"resource":{"entityRefs":[
		{"schemaUrl":"u","type":"service","idKeys":["service.name","service.id"],"descriptionKeys":["service.version"]},
		{"type":"host"}]},
		"scopeSpans":[{"scope":{},"spans":[{"traceId":"0000000000000000000000000000000a","spanId":"000000000000000b",
			"name":"x","startTimeUnixNano":"0","endTimeUnixNano":"0","status":{}}]}]}]}`
	var refs []byte
	for _, f := range [][]string{{"\x0a", "u", "\x12", "service", "\x1a", "service.name", "\x1a", "service.id", "\x22", "service.version"}, {"\x12", "host"}} {
		var msg []byte
		for i := 0; i < len(f); i += 2 {
			msg = append(append(append(msg, f[i]...), byte(len(f[i+1]))), f[i+1]...)
		}
		refs = append(append(refs, 0x1a, byte(len(msg))), msg...)
	}
	b := batchOf(span.Span{
		TraceID: span.TraceID{15: 10}, SpanID: span.SpanID{7: 11}, Name: "x",
		Resource: span.SpanResource{EntityRefs: string(refs)},
	})

	var buf bytes.Buffer
	if err := WriteOTLP(&buf, b); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(buf.Bytes(), want); err != nil {
		t.Fatal(err)
	}
	entities := want.ResourceSpans[0].Resource.EntityRefs
	if len(entities) != 2 || entities[0].Type != "service" || entities[0].IdKeys[1] != "service.id" || entities[1].Type != "host" {
		t.Errorf("entity refs in protobuf: %v", entities)
	}

	buf.Reset()
	if err := WriteOTLPJSON(&buf, "resourceSpans", b); err != nil {
		t.Fatal(err)
	}
	var got, expected any
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &expected); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("got %s", buf.Bytes())
	}
}

func TestOTLPJSONFailsOnBrokenEntityRefs(t *testing.T) {
	for _, refs := range []string{"\x1a", "\x1a\x05ab", "\x1a\x01\x0a", "\xff"} {
		b := batchOf(span.Span{SpanID: span.SpanID{1}, Resource: span.SpanResource{EntityRefs: refs}})
		if err := WriteOTLPJSON(io.Discard, "resourceSpans", b); err == nil {
			t.Errorf("%q was written without an error", refs)
		}
	}
}

// TestGrouping checks the order of resources, scopes and spans, and that equal
// resources come out once however often the batch has them.
func TestGrouping(t *testing.T) {
	resource := func(name string) span.SpanResource {
		return span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(name)}}}
	}
	var b span.Batch
	for i, place := range []string{"a/x", "b/x", "a/y", "a/x", "c/z", "b/x", "a/y", "a/x"} {
		b.Append(&span.Span{SpanID: span.SpanID{7: byte(i + 1)}, Resource: resource(place[:1]), Scope: span.SpanScope{Name: place[2:]}})
	}
	if len(b.Resources) < 5 {
		t.Fatalf("the batch merged resources itself, to %d; this test needs copies", len(b.Resources))
	}
	var got string
	for _, g := range group(&b) {
		got += b.ServiceName(g.resource) + "("
		for _, s := range g.scopes {
			got += b.Dict.String(b.Scopes[s.scope].Name) + fmt.Sprint(s.spans)
		}
		got += ")"
	}
	if want := "a(x[0 3 7]y[2 6])b(x[1 5])c(z[4])"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestOTLPOfSeveralBatches puts the parts of a trace from two tenants together.
func TestOTLPOfSeveralBatches(t *testing.T) {
	rows := recorded(t)
	var buf bytes.Buffer
	if err := WriteOTLP(&buf, batchOf(rows[:5]...), batchOf(rows[5:]...)); err != nil {
		t.Fatal(err)
	}
	diffRows(t, decodeProto(t, buf.Bytes()), rows)
}

// TestEncodersStream checks that an encoder's memory does not grow with the
// text it writes, only by the few bytes per span of the grouping, or of the tree that tells what is odd.
func TestEncodersStream(t *testing.T) {
	const spans = 30_000
	rows := odd()
	var b span.Batch
	for i := range spans {
		s := rows[0]
		s.SpanID = span.SpanID{0: byte(i >> 16), 1: byte(i >> 8), 2: byte(i), 7: 1} // in the order of a store
		s.Attrs = s.Attrs[2:6]
		b.Append(&s)
	}
	encoders := map[string]func(w io.Writer) error{
		"protobuf": func(w io.Writer) error { return WriteOTLP(w, &b) },
		"json":     func(w io.Writer) error { return WriteOTLPJSON(w, "batches", &b) },
		"jaeger": func(w io.Writer) error {
			j := newJSON(w)
			writeJaegerTrace(j, storeTrace(&b), false)
			return j.err
		},
		"zipkin": func(w io.Writer) error {
			j := newJSON(w)
			writeZipkinTrace(j, &b)
			return j.err
		},
	}
	for name, encode := range encoders {
		t.Run(name, func(t *testing.T) {
			perSpan := 16
			if name == "jaeger" {
				perSpan = 128
			}
			allowed := uint64(spans*perSpan + 2<<20)
			var out counter
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := encode(&out); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if uint64(out.bytes) < 4*allowed {
				t.Fatalf("wrote %d bytes, too few to tell", out.bytes)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > allowed {
				t.Errorf("allocated %d bytes to write %d spans, more than %d", used, spans, allowed)
			}
		})
	}
}

type counter struct{ bytes, writes int }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += len(p)
	c.writes++
	return len(p), nil
}

// TestEncodersStopWithTheirWriter checks that nobody encodes for a client that is gone.
func TestEncodersStopWithTheirWriter(t *testing.T) {
	var b span.Batch
	for i := range 10_000 {
		b.Append(&span.Span{SpanID: span.SpanID{0: 1, 6: byte(i), 7: byte(i >> 8)}, Name: "a span name of some length, to fill buffers"})
	}
	w := &failing{after: 2}
	if err := WriteOTLPJSON(w, "batches", &b); err == nil || w.calls > 3 {
		t.Errorf("JSON: error %v after %d writes", err, w.calls)
	}
	w = &failing{after: 2}
	if err := WriteOTLP(w, &b); err == nil || w.calls > 3 {
		t.Errorf("protobuf: error %v after %d writes", err, w.calls)
	}
}

type failing struct{ after, calls int }

func (f *failing) Write(p []byte) (int, error) {
	f.calls++
	if f.calls > f.after {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}
