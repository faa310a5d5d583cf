package ingest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"

	"github.com/clewhq/clew/span"
)

func thriftText(key, value string) *thriftjaeger.Tag {
	return &thriftjaeger.Tag{Key: key, VType: thriftjaeger.TagType_STRING, VStr: ref(value)}
}

// postThrift returns the spans that are stored of a batch, in the order of their ids.
func postThrift(t *testing.T, batch *thriftjaeger.Batch) []span.Span {
	t.Helper()
	s := &store{}
	body := encodeThrift(t, binaryThrift, batch.Write)
	if code, text := postTo(t, newTestReceiver(t, s, nil).JaegerHTTP(), "/api/traces", body, "Content-Type", "application/x-thrift; charset=utf-8"); code != http.StatusAccepted || text != "" {
		t.Fatalf("%d %s", code, text)
	}
	got := s.spans[testTenant]
	slices.SortFunc(got, func(a, b span.Span) int { return slices.Compare(a.SpanID[:], b.SpanID[:]) })
	return got
}

// Values of every type arrive in spans, logs and processes.
func TestJaegerValues(t *testing.T) {
	tags := []*thriftjaeger.Tag{
		thriftText("text", "x"), {Key: "long", VType: thriftjaeger.TagType_LONG, VLong: ref(int64(-53931))},
		{Key: "bool", VType: thriftjaeger.TagType_BOOL, VBool: ref(true)}, {Key: "double", VType: thriftjaeger.TagType_DOUBLE, VDouble: ref(129.8)},
		{Key: "bytes", VType: thriftjaeger.TagType_BINARY, VBinary: []byte{0, 1, 0xff}},
	}
	got := postThrift(t, &thriftjaeger.Batch{
		Process: &thriftjaeger.Process{Tags: tags}, // it has no name
		Spans: []*thriftjaeger.Span{{
			TraceIdLow: -1, TraceIdHigh: -2, SpanId: -3, ParentSpanId: -4, OperationName: "get", StartTime: 1485467191639875, Duration: 22938, Tags: tags, Flags: 3,
			Logs: []*thriftjaeger.Log{{Timestamp: 1485467191639876, Fields: tags}, {Timestamp: 1485467191639877, Fields: []*thriftjaeger.Tag{thriftText("event", "nothing")}}},
		}},
	})
	want := fmt.Sprint(attributeText([]span.KeyValue{
		{Key: "text", Value: span.StringValue("x")}, {Key: "long", Value: span.IntValue(-53931)}, {Key: "bool", Value: span.BoolValue(true)},
		{Key: "double", Value: span.FloatValue(129.8)}, {Key: "bytes", Value: span.BytesValue("\x00\x01\xff")},
	}))
	if len(got) != 1 {
		t.Fatalf("%d spans", len(got))
	}
	g := got[0]
	for of, attrs := range map[string][]span.KeyValue{"span": g.Attrs, "event": g.Events[0].Attrs, "resource": g.Resource.Attrs} {
		if text := fmt.Sprint(attributeText(attrs)); text != want {
			t.Errorf("%s: %s, want %s", of, text, want)
		}
	}
	if g.TraceID.String() != "fffffffffffffffeffffffffffffffff" || g.SpanID.String() != "fffffffffffffffd" || g.Parent.String() != "fffffffffffffffc" ||
		g.Start != 1485467191639875000 || g.End != 1485467191662813000 || g.Events[0].Time != 1485467191639876000 || g.Events[1].Name != "nothing" || g.Flags&1 != 1 {
		t.Errorf("got %+v", g)
	}
}

// A parent may be told by a reference alone, and a reference to another trace is none.
func TestJaegerReferences(t *testing.T) {
	to := func(kind thriftjaeger.SpanRefType, trace, id int64) *thriftjaeger.SpanRef {
		return &thriftjaeger.SpanRef{RefType: kind, TraceIdLow: trace, SpanId: id}
	}
	const child, follows = thriftjaeger.SpanRefType_CHILD_OF, thriftjaeger.SpanRefType_FOLLOWS_FROM
	for i, c := range []struct {
		parent     int64
		references []*thriftjaeger.SpanRef
		want       string // parent, and trace/span of links
	}{
		{0, nil, "0"},
		{7, nil, "7"},
		{7, []*thriftjaeger.SpanRef{to(child, 1, 7)}, "7"},
		{0, []*thriftjaeger.SpanRef{to(child, 1, 7)}, "7"},
		{0, []*thriftjaeger.SpanRef{to(follows, 1, 8)}, "8 1/8 follows_from"},
		{0, []*thriftjaeger.SpanRef{to(follows, 1, 8), to(child, 1, 7)}, "7 1/8 follows_from"},
		{0, []*thriftjaeger.SpanRef{to(child, 2, 7)}, "0 2/7 child_of"},
		{0, []*thriftjaeger.SpanRef{to(follows, 2, 8), to(child, 1, 7), to(child, 1, 9)}, "7 2/8 follows_from 1/9 child_of"},
	} {
		got := postThrift(t, &thriftjaeger.Batch{Process: &thriftjaeger.Process{ServiceName: "shop"}, Spans: []*thriftjaeger.Span{
			{TraceIdLow: 1, SpanId: 1, ParentSpanId: c.parent, References: c.references},
		}})[0]
		text := fmt.Sprint(got.Parent[7])
		for _, l := range got.Links {
			text += fmt.Sprintf(" %d/%d %s", l.TraceID[15], l.SpanID[7], strings.TrimPrefix(strings.Join(attributeText(l.Attrs), " "), "opentracing.ref_type="))
		}
		if text != c.want {
			t.Errorf("%d: got %s, want %s", i, text, c.want)
		}
	}
}

// What tags stand for is where OTLP has it, of Thrift and of protobuf.
func TestJaegerScopes(t *testing.T) {
	tags := map[int64][][2]string{
		1: {{"otel.scope.name", "http"}, {"otel.scope.version", "1"}, {"w3c.tracestate", "ot=th:8"}},
		2: {{"otel.library.name", "http"}, {"otel.library.version", "1"}, {"otel.scope.name", "http"}, {"otel.scope.version", "1"}, {"more", "x"}},
		3: {{"otel.library.name", "sql"}},
		4: {{"otel.scope.version", "1"}, {"error", "true"}},
		5: {{"error", "no route"}},
	}
	want := map[int64]string{
		1: "http 1 ot=th:8 0 []", 2: "http 1  0 [more=x]", 3: "sql   0 []", 4: "   2 [otel.scope.version=1]", 5: "   0 [error=no route]",
	}
	batch := &thriftjaeger.Batch{Process: &thriftjaeger.Process{ServiceName: "shop"}}
	request := &api_v2.PostSpansRequest{Batch: model.Batch{Process: &model.Process{ServiceName: "shop"}}}
	for id := range int64(5) {
		one := &thriftjaeger.Span{TraceIdLow: 1, SpanId: id + 1}
		other := &model.Span{TraceID: model.NewTraceID(0, 1), SpanID: model.SpanID(id + 1)}
		for _, tag := range tags[id+1] {
			one.Tags = append(one.Tags, thriftText(tag[0], tag[1]))
			other.Tags = append(other.Tags, model.String(tag[0], tag[1]))
		}
		batch.Spans, request.Batch.Spans = append(batch.Spans, one), append(request.Batch.Spans, other)
	}
	raw, err := request.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body      []byte
		translate translator
	}{
		"thrift": {encodeThrift(t, binaryThrift, batch.Write), jaegerThrift}, "proto": {raw, jaegerProto},
	} {
		s := &store{}
		r := newTestReceiver(t, s, nil)
		l := r.inflight.lease()
		if err := r.exportTranslated(t.Context(), name, testTenant, c.body, l, c.translate); err != nil {
			t.Fatal(err)
		}
		l.release()
		if n := len(s.spans[testTenant]); n != len(want) {
			t.Errorf("%s: %d spans", name, n)
		}
		for _, g := range s.spans[testTenant] {
			got := fmt.Sprintf("%s %s %s %d %s", g.Scope.Name, g.Scope.Version, g.TraceState, g.Status, attributeText(g.Attrs))
			if id := int64(g.SpanID[7]); got != want[id] {
				t.Errorf("%s: span %d is %s, want %s", name, id, got, want[id])
			}
		}
	}
}
