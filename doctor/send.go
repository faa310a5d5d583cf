package doctor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/clewhq/clew/span"
)

const testSpanName = "test span of clew doctor"

// sender sends a test span by one protocol.
type sender struct {
	name     string
	listener string
	send     func(ctx context.Context, address, tenant string, t *testSpan) error
}

// senders are all protocols by which a server takes spans over the network.
var senders = []sender{
	{"OTLP/gRPC", "otlp-grpc", sendOTLPGRPC},
	{"OTLP/HTTP with protobuf", "otlp-http", posting("/v1/traces", "application/x-protobuf", func(t *testSpan) ([]byte, error) { return t.otlp().MarshalProto() })},
	{"OTLP/HTTP with JSON", "otlp-http", posting("/v1/traces", "application/json", func(t *testSpan) ([]byte, error) { return t.otlp().MarshalJSON() })},
	{"Jaeger's Thrift over HTTP", "jaeger-thrift-http", posting("/api/traces", "application/x-thrift", func(t *testSpan) ([]byte, error) {
		return encodeThrift(binaryThrift, t.thrift().Write)
	})},
	{"Jaeger's gRPC", "jaeger-grpc", sendJaegerGRPC},
	{"Jaeger's agent, compact Thrift over UDP", "jaeger-compact", emitting(compactThrift)},
	{"Jaeger's agent, binary Thrift over UDP", "jaeger-binary", emitting(binaryThrift)},
	{"Zipkin v2", "zipkin", posting("/api/v2/spans", "application/json", func(t *testSpan) ([]byte, error) { return json.Marshal(t.zipkin(false)) })},
	{"Zipkin v1", "zipkin", posting("/api/v1/spans", "application/json", func(t *testSpan) ([]byte, error) { return json.Marshal(t.zipkin(true)) })},
}

// posting sends by HTTP what encode makes.
func posting(path, media string, encode func(*testSpan) ([]byte, error)) func(context.Context, string, string, *testSpan) error {
	return func(ctx context.Context, address, tenant string, t *testSpan) error {
		body, err := encode(t)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", media)
		req.Header.Set("User-Agent", span.ProbeAgent)
		if tenant != "" {
			req.Header.Set(span.TenantHeader, tenant)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode/100 != 2 {
			text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
			return fmt.Errorf("the answer was %s %s", res.Status, firstLine(text))
		}
		return nil
	}
}

func dialGRPC(ctx context.Context, address, tenant string) (context.Context, *grpc.ClientConn, error) {
	if tenant != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, span.TenantHeader, tenant)
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return ctx, conn, err
}

func sendOTLPGRPC(ctx context.Context, address, tenant string, t *testSpan) error {
	ctx, conn, err := dialGRPC(ctx, address, tenant)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, t.otlp())
	return err
}

func sendJaegerGRPC(ctx context.Context, address, tenant string, t *testSpan) error {
	ctx, conn, err := dialGRPC(ctx, address, tenant)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = api_v2.NewCollectorServiceClient(conn).PostSpans(ctx, &api_v2.PostSpansRequest{Batch: model.Batch{Spans: []*model.Span{t.jaeger()}}})
	return err
}

func (t *testSpan) jaeger() *model.Span {
	hi, lo := t.trace.Uint64s()
	return &model.Span{
		Process: model.NewProcess(Service, nil), TraceID: model.NewTraceID(hi, lo), SpanID: model.NewSpanID(t.id.Uint64()), OperationName: testSpanName,
		StartTime: t.start, Duration: testSpanTook, Tags: model.KeyValues{model.String(testAttribute, t.trace.String())},
	}
}

// emitting sends a packet to Jaeger's agent.
func emitting(protocol thriftProtocol) func(context.Context, string, string, *testSpan) error {
	return func(ctx context.Context, address, _ string, t *testSpan) error {
		packet, err := encodeThrift(protocol, func(ctx context.Context, p thrift.TProtocol) error {
			return errors.Join(
				p.WriteMessageBegin(ctx, "emitBatch", thrift.ONEWAY, 1),
				(&agent.AgentEmitBatchArgs{Batch: t.thrift()}).Write(ctx, p),
				p.WriteMessageEnd(ctx))
		})
		if err != nil {
			return err
		}
		conn, err := new(net.Dialer).DialContext(ctx, "udp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write(packet)
		return err
	}
}

// thriftProtocol is one of Thrift's encodings.
type thriftProtocol func(thrift.TTransport) thrift.TProtocol

func binaryThrift(t thrift.TTransport) thrift.TProtocol {
	return thrift.NewTBinaryProtocolConf(t, &thrift.TConfiguration{})
}

func compactThrift(t thrift.TTransport) thrift.TProtocol {
	return thrift.NewTCompactProtocolConf(t, &thrift.TConfiguration{})
}

func encodeThrift(protocol thriftProtocol, write func(context.Context, thrift.TProtocol) error) ([]byte, error) {
	ctx := context.Background()
	buffer := thrift.NewTMemoryBuffer()
	p := protocol(buffer)
	err := errors.Join(write(ctx, p), p.Flush(ctx))
	return buffer.Bytes(), err
}

func (t *testSpan) otlp() ptraceotlp.ExportRequest {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", Service)
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID(t.trace))
	s.SetSpanID(pcommon.SpanID(t.id))
	s.SetName(testSpanName)
	s.SetKind(ptrace.SpanKindInternal)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(t.start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(t.start.Add(testSpanTook)))
	s.Attributes().PutStr(testAttribute, t.trace.String())
	return ptraceotlp.NewExportRequestFromTraces(traces)
}

func (t *testSpan) thrift() *thriftjaeger.Batch {
	hi, lo := t.trace.Uint64s()
	value := t.trace.String()
	return &thriftjaeger.Batch{
		Process: &thriftjaeger.Process{ServiceName: Service},
		Spans: []*thriftjaeger.Span{{
			TraceIdHigh: int64(hi), TraceIdLow: int64(lo), SpanId: int64(binary.BigEndian.Uint64(t.id[:])), OperationName: testSpanName, Flags: 1,
			StartTime: t.start.UnixMicro(), Duration: testSpanTook.Microseconds(),
			Tags: []*thriftjaeger.Tag{{Key: testAttribute, VType: thriftjaeger.TagType_STRING, VStr: &value}},
		}},
	}
}

// zipkin returns a list of one span of Zipkin's second version, or of its first.
func (t *testSpan) zipkin(first bool) []map[string]any {
	endpoint := map[string]any{"serviceName": Service}
	s := map[string]any{
		"traceId": t.trace.String(), "id": t.id.String(), "name": testSpanName, "timestamp": t.start.UnixMicro(), "duration": testSpanTook.Microseconds(),
	}
	if first {
		s["binaryAnnotations"] = []map[string]any{
			{"key": "lc", "value": "", "endpoint": endpoint}, // whose spans of this version are, if nobody is called
			{"key": testAttribute, "value": t.trace.String(), "endpoint": endpoint},
		}
	} else {
		s["localEndpoint"], s["tags"] = endpoint, map[string]string{testAttribute: t.trace.String()}
	}
	return []map[string]any{s}
}
