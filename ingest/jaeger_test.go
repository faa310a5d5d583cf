package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/span"
)

func ref[T any](v T) *T { return &v }

// shopBatch has the spans of two requests: one with a 64-bit trace id, one with 128 bits.
func shopBatch() *thriftjaeger.Batch {
	return &thriftjaeger.Batch{
		Process: &thriftjaeger.Process{ServiceName: "shop", Tags: []*thriftjaeger.Tag{
			{Key: "hostname", VType: thriftjaeger.TagType_STRING, VStr: ref("web-1")},
		}},
		Spans: []*thriftjaeger.Span{
			{
				TraceIdLow: 0x1e223ff1f80f1c69, SpanId: 1, OperationName: "GET /buy", Flags: 1,
				StartTime: 1470150004008761, Duration: 93577, // µs
				Tags: []*thriftjaeger.Tag{
					{Key: "span.kind", VType: thriftjaeger.TagType_STRING, VStr: ref("server")},
					{Key: "error", VType: thriftjaeger.TagType_BOOL, VBool: ref(true)},
					{Key: "http.status_code", VType: thriftjaeger.TagType_LONG, VLong: ref(int64(503))},
					{Key: "load", VType: thriftjaeger.TagType_DOUBLE, VDouble: ref(0.25)},
					{Key: "w3c.tracestate", VType: thriftjaeger.TagType_STRING, VStr: ref("ot=th:8")},
				},
				Logs: []*thriftjaeger.Log{{Timestamp: 1470150004008800, Fields: []*thriftjaeger.Tag{
					{Key: "event", VType: thriftjaeger.TagType_STRING, VStr: ref("retry")},
				}}},
			},
			{
				TraceIdLow: -2, TraceIdHigh: 0x0af7651916cd43dd, SpanId: -1, ParentSpanId: 7, OperationName: "charge",
				StartTime: 1470150004008762, Duration: 0,
				References: []*thriftjaeger.SpanRef{{RefType: thriftjaeger.SpanRefType_FOLLOWS_FROM, TraceIdLow: 9, SpanId: 8}},
			},
		},
	}
}

func encodeThrift(t testing.TB, protocol thriftProtocol, write func(context.Context, thrift.TProtocol) error) []byte {
	t.Helper()
	buffer := thrift.NewTMemoryBuffer()
	if err := write(t.Context(), protocol(buffer, &thrift.TConfiguration{})); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// emitBatch is the packet that a client sends to its agent.
func emitBatch(t testing.TB, protocol thriftProtocol, batch *thriftjaeger.Batch) []byte {
	return encodeThrift(t, protocol, func(ctx context.Context, p thrift.TProtocol) error {
		return errors.Join(
			p.WriteMessageBegin(ctx, "emitBatch", thrift.ONEWAY, 1),
			(&agent.AgentEmitBatchArgs{Batch: batch}).Write(ctx, p),
			p.WriteMessageEnd(ctx), p.Flush(ctx))
	})
}

// checkShop holds what was stored against shopBatch.
func checkShop(t *testing.T, got []span.Span) {
	t.Helper()
	if len(got) != 2 {
		t.Fatalf("%d spans, want 2", len(got))
	}
	buy, charge := got[0], got[1]
	for _, c := range []struct{ what, got, want string }{
		{"trace id of 64 bits", buy.TraceID.String(), "00000000000000001e223ff1f80f1c69"},
		{"trace id", charge.TraceID.String(), "0af7651916cd43ddfffffffffffffffe"},
		{"span id", charge.SpanID.String(), "ffffffffffffffff"},
		{"parent", charge.Parent.String(), "0000000000000007"},
		{"name", buy.Name, "GET /buy"},
		{"kind", fmt.Sprint(buy.Kind), "2"},
		{"status", fmt.Sprint(buy.Status), "2"},
		{"trace state", buy.TraceState, "ot=th:8"},
		{"start", fmt.Sprint(buy.Start), "1470150004008761000"},
		{"end", fmt.Sprint(buy.End), "1470150004102338000"},
		{"end of a span that took no time", fmt.Sprint(charge.End), "1470150004008762000"},
		{"attributes", fmt.Sprint(attributeText(buy.Attrs)), "[http.status_code=503 load=0.25]"},
		{"resource", fmt.Sprint(attributeText(buy.Resource.Attrs)), "[host.name=web-1 service.name=shop]"},
		{"event", buy.Events[0].Name + fmt.Sprint(buy.Events[0].Time), "retry1470150004008800000"},
		{"link", charge.Links[0].SpanID.String(), "0000000000000008"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
		}
	}
}

// attributeText is key=value of each, sorted.
func attributeText(list []span.KeyValue) []string {
	texts := make([]string, len(list))
	for i, kv := range list {
		texts[i] = kv.Key + "=" + fmt.Sprint(testValue(kv.Value))
	}
	slices.Sort(texts)
	return texts
}

func testValue(v span.Value) any {
	switch v.Type {
	case span.String:
		return v.Str
	case span.Int:
		return v.Int()
	case span.Float:
		return v.Float()
	case span.Bool:
		return v.Bool()
	}
	return v
}

// postTo sends a body and returns the answer's code and text.
func postTo(t *testing.T, h http.Handler, path string, body []byte, header ...string) (int, string) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Code, strings.TrimSpace(w.Body.String())
}

const thriftType = "application/x-thrift"

func TestJaegerHTTP(t *testing.T) {
	body := encodeThrift(t, binaryThrift, shopBatch().Write)
	for _, media := range []string{thriftType, "application/vnd.apache.thrift.binary", "application/x-thrift; charset=utf-8"} {
		s := &store{}
		code, text := postTo(t, newTestReceiver(t, s, nil).JaegerHTTP(), "/api/traces?format=jaeger.thrift", body, "Content-Type", media)
		if code != http.StatusAccepted || text != "" {
			t.Fatalf("%s: %d %s", media, code, text)
		}
		checkShop(t, s.spans[testTenant])
	}
}

// emptySpans is a batch of spans that say nothing, of a byte each.
func emptySpans() []byte {
	const n = 1 << 19
	list := binary.BigEndian.AppendUint32([]byte{15, 0, 2, 12}, n) // field 2 is a list of structs
	return append(list, make([]byte, n+1)...)
}

func TestJaegerHTTPErrors(t *testing.T) {
	good := encodeThrift(t, binaryThrift, shopBatch().Write)
	noProcess := encodeThrift(t, binaryThrift, (&thriftjaeger.Batch{Spans: shopBatch().Spans}).Write)
	for _, c := range []struct {
		name, path, media string
		body              []byte
		err               error // of the store
		code              int
		text              string
	}{
		{name: "no media type", body: good, code: 400, text: "cannot read the content type: mime: no media type"},
		{name: "JSON", media: "application/json", body: good, code: 400,
			text: "unsupported content type: application/json; application/x-thrift and application/vnd.apache.thrift.binary are supported"},
		{name: "empty", media: thriftType, code: 400, text: "malformed request: *jaeger.Batch field 0 read error: EOF"},
		{name: "cut off", media: thriftType, body: good[:len(good)-40], code: 400, text: "malformed request: "},
		{name: "text", media: thriftType, body: []byte("hello, collector"), code: 400, text: "malformed request: "},
		{name: "empty spans", media: thriftType, body: emptySpans(), code: 400, text: "malformed request: "},
		{name: "no process", media: thriftType, body: noProcess, code: 400, text: "malformed request: "},
		{name: "too large", media: thriftType, body: make([]byte, 2<<20), code: 413, text: "request too large"},
		{name: "path", path: "/api/trace", media: thriftType, body: good, code: 404},
		{name: "overloaded", media: thriftType, body: good, err: &retryError{time.Second, true}, code: 429, text: "come again"},
		{name: "stopping", media: thriftType, body: good, err: &retryError{time.Second, false}, code: 503, text: "come again"},
		{name: "broken", media: thriftType, body: good, err: errors.New("disk"), code: 500, text: "the spans could not be taken in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/api/traces"
			if c.path != "" {
				path = c.path
			}
			code, text := postTo(t, newTestReceiver(t, &store{err: c.err}, nil).JaegerHTTP(), path, c.body, "Content-Type", c.media)
			if code != c.code || !strings.HasPrefix(text, c.text) {
				t.Errorf("got %d %q, want %d %q", code, text, c.code, c.text)
			}
		})
	}
	if code, _ := get(t, newTestReceiver(t, &store{}, nil).JaegerHTTP(), "/api/traces"); code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d, want 405", code)
	}
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// protoBatch is shopBatch in Jaeger's model for gRPC.
func protoBatch() model.Batch {
	shop := &model.Process{ServiceName: "shop", Tags: []model.KeyValue{model.String("hostname", "web-1")}}
	start := time.UnixMicro(1470150004008761).UTC()
	return model.Batch{Process: shop, Spans: []*model.Span{
		{
			TraceID: model.NewTraceID(0, 0x1e223ff1f80f1c69), SpanID: 1, OperationName: "GET /buy", Flags: 1,
			StartTime: start, Duration: 93577 * time.Microsecond,
			Tags: []model.KeyValue{model.String("span.kind", "server"), model.Bool("error", true), model.Int64("http.status_code", 503),
				model.Float64("load", 0.25), model.String("w3c.tracestate", "ot=th:8")},
			Logs: []model.Log{{Timestamp: start.Add(39 * time.Microsecond), Fields: []model.KeyValue{model.String("event", "retry")}}},
		},
		{
			TraceID: model.NewTraceID(0x0af7651916cd43dd, 0xfffffffffffffffe), SpanID: 0xffffffffffffffff, OperationName: "charge",
			StartTime: start.Add(time.Microsecond),
			References: []model.SpanRef{
				{RefType: model.ChildOf, TraceID: model.NewTraceID(0x0af7651916cd43dd, 0xfffffffffffffffe), SpanID: 7},
				{RefType: model.FollowsFrom, TraceID: model.NewTraceID(0, 9), SpanID: 8},
			},
		},
	}}
}

// postSpans sends what the client that protobuf's compiler makes would send.
func postSpans(ctx context.Context, conn *grpc.ClientConn, raw []byte) error {
	return conn.Invoke(ctx, "/jaeger.api_v2.CollectorService/PostSpans", &frame{data: raw}, new(frame),
		grpc.ForceCodecV2(frameCodec{encoding.GetCodecV2("proto")}))
}

func TestJaegerGRPC(t *testing.T) {
	s := &store{}
	conn := dial(t, serveGRPC(t, newTestReceiver(t, s, nil).JaegerGRPC()))
	raw, err := (&api_v2.PostSpansRequest{Batch: protoBatch()}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), span.TenantHeader, "blue")
	if err := postSpans(ctx, conn, raw); err != nil {
		t.Fatal(err)
	}
	checkShop(t, s.spans["blue"])
	if err := postSpans(t.Context(), conn, []byte{0xff}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("malformed: got %v, want InvalidArgument", err)
	}
	s.err = &retryError{time.Second, true}
	if err := postSpans(t.Context(), conn, raw); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("overloaded: got %v, want ResourceExhausted", err)
	}
}

// serveAgent returns where to send packets, and the agent.
func serveAgent(t *testing.T, a *JaegerAgent) net.Conn {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.ServePacket(server) }()
	t.Cleanup(func() {
		if err := errors.Join(a.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestJaegerAgent(t *testing.T) {
	for _, c := range []struct {
		protocol string
		agent    func(*Receiver) *JaegerAgent
		thrift   thriftProtocol
	}{
		{protocolJaegerCompact, (*Receiver).JaegerCompact, compactThrift},
		{protocolJaegerBinary, (*Receiver).JaegerBinary, binaryThrift},
	} {
		t.Run(c.protocol, func(t *testing.T) {
			stored := make(chan struct{}, 1)
			s := &store{}
			sink := sinkFunc(func(ctx context.Context, tenant string, b *span.Batch) error {
				defer func() { stored <- struct{}{} }()
				return s.Consume(ctx, tenant, b)
			})
			r := newTestReceiver(t, sink, nil)
			client := serveAgent(t, c.agent(r))
			for _, bad := range [][]byte{{}, []byte("hello"), emitBatch(t, c.thrift, &thriftjaeger.Batch{})} {
				client.Write(bad)
			}
			client.Write(emitBatch(t, c.thrift, shopBatch()))
			<-stored
			checkShop(t, s.spans[testTenant])
			if err := c.agent(r).Shutdown(t.Context()); err != nil { // one that never served
				t.Error(err)
			}
		})
	}
}

// What was queued before a stop is stored; what cannot be is counted.
func TestJaegerAgentStops(t *testing.T) {
	s := &store{}
	started, goOn := make(chan struct{}, 100), make(chan struct{})
	s.consume = func(context.Context) error { started <- struct{}{}; <-goOn; return nil }
	r := newTestReceiver(t, s, nil)
	a := r.JaegerCompact()
	client := serveAgent(t, a)
	client.Write([]byte("hello"))
	for range 10 {
		client.Write(emitBatch(t, compactThrift, shopBatch()))
	}
	<-started // so the packet before it was taken, too
	stopped := make(chan error)
	go func() { stopped <- a.Shutdown(t.Context()) }()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Shutdown(ended); err == nil {
		t.Error("a stop without time waited for the store")
	}
	close(goOn)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := len(s.spans[testTenant]); n == 0 || n%2 != 0 {
		t.Errorf("%d spans were stored", n)
	}
	if n := testutil.ToFloat64(r.metrics.dropped.WithLabelValues(protocolJaegerCompact, "malformed")); n != 1 {
		t.Errorf("%v packets were malformed, want 1", n)
	}
}

func TestJaegerAgentTakesZipkin(t *testing.T) {
	packet := encodeThrift(t, compactThrift, func(ctx context.Context, p thrift.TProtocol) error {
		return errors.Join(
			p.WriteMessageBegin(ctx, "emitZipkinBatch", thrift.ONEWAY, 1),
			(&agent.AgentEmitZipkinBatchArgs{Spans: zipkinThrift()}).Write(ctx, p),
			p.WriteMessageEnd(ctx), p.Flush(ctx))
	})
	traces, err := newTestReceiver(t, &store{}, nil).JaegerCompact().translate(packet)
	if err != nil || traces.SpanCount() != 1 {
		t.Errorf("%d spans, %v", traces.SpanCount(), err)
	}
}

// sinkFunc is a function that is a Sink.
type sinkFunc func(ctx context.Context, tenant string, b *span.Batch) error

func (f sinkFunc) Consume(ctx context.Context, tenant string, b *span.Batch) error {
	return f(ctx, tenant, b)
}

func FuzzJaegerThrift(f *testing.F) {
	f.Add(encodeThrift(f, binaryThrift, shopBatch().Write))
	fuzzTranslator(f, jaegerThrift)
}

func FuzzJaegerProto(f *testing.F) {
	raw, err := (&api_v2.PostSpansRequest{Batch: protoBatch()}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	fuzzTranslator(f, jaegerProto)
}

func FuzzJaegerAgent(f *testing.F) {
	f.Add(emitBatch(f, compactThrift, shopBatch()))
	r, err := New(Config{DefaultTenant: testTenant}, &store{})
	if err != nil {
		f.Fatal(err)
	}
	fuzzTranslator(f, r.JaegerCompact().translate)
}

// fuzzTranslator holds that a request is refused or becomes OTLP that our decoder reads.
func fuzzTranslator(f *testing.F, t translator) {
	f.Fuzz(func(test *testing.T, body []byte) {
		s := &store{}
		r, err := New(Config{DefaultTenant: testTenant, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, s)
		if err != nil {
			test.Fatal(err)
		}
		l := r.inflight.lease()
		defer l.release()
		err = r.exportTranslated(test.Context(), "fuzz", testTenant, body, l, t)
		var bad invalid
		if err != nil && !errors.As(err, &bad) {
			test.Errorf("the server is to blame for %q: %v", body, err)
		}
	})
}

// TestJaegerKeepsHTTPStatus: http.status_code and http.response.status_code stay what they are, wherever they come.
func TestJaegerKeepsHTTPStatus(t *testing.T) {
	thriftTag := func(key string, n int64) *thriftjaeger.Tag {
		return &thriftjaeger.Tag{Key: key, VType: thriftjaeger.TagType_LONG, VLong: ref(n)}
	}
	thriftSpan := func(tags ...*thriftjaeger.Tag) *thriftjaeger.Span {
		return &thriftjaeger.Span{TraceIdLow: 1, SpanId: 1, OperationName: "GET", Tags: tags, Logs: []*thriftjaeger.Log{{Timestamp: 1, Fields: tags}}}
	}
	thriftBody := encodeThrift(t, binaryThrift, (&thriftjaeger.Batch{
		Process: &thriftjaeger.Process{ServiceName: "shop", Tags: []*thriftjaeger.Tag{thriftTag(newHTTPStatus, 1)}},
		Spans: []*thriftjaeger.Span{
			thriftSpan(thriftTag(newHTTPStatus, 503)), thriftSpan(thriftTag(oldHTTPStatus, 503)),
			thriftSpan(thriftTag(oldHTTPStatus, 504), thriftTag(newHTTPStatus, 503)),
		},
	}).Write)

	protoSpan := func(tags ...model.KeyValue) *model.Span {
		return &model.Span{
			TraceID: model.NewTraceID(0, 1), SpanID: 1, OperationName: "GET", Tags: tags,
			Logs: []model.Log{{Fields: slices.Clone(tags)}},
		}
	}
	protoBody, err := (&api_v2.PostSpansRequest{Batch: model.Batch{
		Process: &model.Process{ServiceName: "shop", Tags: []model.KeyValue{model.Int64(newHTTPStatus, 1)}},
		Spans: []*model.Span{
			protoSpan(model.Int64(newHTTPStatus, 503)), protoSpan(model.Int64(oldHTTPStatus, 503)),
			protoSpan(model.Int64(oldHTTPStatus, 504), model.Int64(newHTTPStatus, 503)),
		},
	}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}

	uiSpan := func(tags string) string {
		return `{"traceID":"1","spanID":"1","processID":"p","tags":[` + tags + `],"logs":[{"fields":[` + tags + `]}]}`
	}
	older, newer := `{"key":"http.status_code","type":"int64","value":%d}`, `{"key":"http.response.status_code","type":"int64","value":%d}`
	uiBody := fmt.Sprintf(`{"spans":[`+uiSpan(newer)+`,`+uiSpan(older)+`,`+uiSpan(older+`,`+newer)+`],
		"processes":{"p":{"serviceName":"shop","tags":[`+newer+`]}}}`, 503, 503, 503, 503, 504, 503, 504, 503, 1)

	for name, c := range map[string]struct {
		body      []byte
		translate translator
	}{
		"thrift": {thriftBody, jaegerThrift}, "proto": {protoBody, jaegerProto}, "json": {[]byte(uiBody), jaegerUI},
	} {
		s := &store{}
		r := newTestReceiver(t, s, nil)
		l := r.inflight.lease()
		if err := r.exportTranslated(t.Context(), name, testTenant, c.body, l, c.translate); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l.release()
		got := s.spans[testTenant]
		if len(got) != 3 {
			t.Fatalf("%s: %d spans, want 3", name, len(got))
		}
		for i, want := range []string{
			"[http.response.status_code=503]", "[http.status_code=503]", "[http.response.status_code=503 http.status_code=504]",
		} {
			attrs, event := fmt.Sprint(attributeText(got[i].Attrs)), fmt.Sprint(attributeText(got[i].Events[0].Attrs))
			resource := fmt.Sprint(attributeText(got[i].Resource.Attrs))
			if attrs != want || event != want || got[i].Status != 2 || resource != "[http.response.status_code=1 service.name=shop]" {
				t.Errorf("%s: span %d: attributes %s, of its event %s, want %s; status %d; resource %s", name, i, attrs, event, want, got[i].Status, resource)
			}
		}
	}
}

// TestJaegerUIPutsTagsBack: tags that stand for attributes of scopes and links become those; what fits nowhere stays.
func TestJaegerUIPutsTagsBack(t *testing.T) {
	tag := func(key, value string) string {
		return fmt.Sprintf(`{"key":%q,"type":"string","value":%q}`, key, value)
	}
	uiSpan := func(id, scope string, more ...string) string {
		tags := append([]string{tag("otel.scope.name", scope)}, more...)
		return fmt.Sprintf(`{"traceID":"1","spanID":%q,"processID":"p","tags":[%s],
			"references":[{"refType":"CHILD_OF","traceID":"1","spanID":"9"},{"refType":"FOLLOWS_FROM","traceID":"2","spanID":"8"}]}`, id, strings.Join(tags, ","))
	}
	body := `{"spans":[` + strings.Join([]string{
		uiSpan("1", "same", tag("otel.scope.attributes.k", "v"), tag("otel.link.0.attributes.why", "retry")),
		uiSpan("2", "same", tag("otel.scope.attributes.k", "v"), tag("otel.link.1.attributes.why", "x"), tag("otel.link.0", "x")),
		uiSpan("3", "other", tag("otel.scope.attributes.k", "v")), uiSpan("4", "other", tag("otel.scope.attributes.k", "w")),
	}, ",") + `],"processes":{"p":{"serviceName":"shop"}}}`
	s := &store{}
	r := newTestReceiver(t, s, nil)
	l := r.inflight.lease()
	defer l.release()
	if err := r.exportTranslated(t.Context(), "json", testTenant, []byte(body), l, jaegerUI); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range s.spans[testTenant] {
		got = append(got, fmt.Sprint(attributeText(s.Scope.Attrs), attributeText(s.Attrs), attributeText(s.Links[0].Attrs)))
	}
	want := []string{
		"[k=v] [] [opentracing.ref_type=follows_from why=retry]",
		"[k=v] [otel.link.0=x otel.link.1.attributes.why=x] [opentracing.ref_type=follows_from]",
		"[] [otel.scope.attributes.k=v] [opentracing.ref_type=follows_from]",
		"[] [otel.scope.attributes.k=w] [opentracing.ref_type=follows_from]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
