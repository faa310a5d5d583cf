package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/gogo/protobuf/jsonpb"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc"
)

// JaegerHTTP returns the handler of Jaeger's collector: batches in Thrift's
// binary protocol, posted to /api/traces.
func (r *Receiver) JaegerHTTP() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/traces", r.post(protocolJaegerThrift, func(req *http.Request) (translator, error) {
		media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
		switch media {
		case "application/x-thrift", "application/vnd.apache.thrift.binary":
			return jaegerThrift, nil
		}
		if err != nil {
			return nil, invalid{fmt.Errorf("cannot read the content type: %w", err)}
		}
		return nil, invalid{fmt.Errorf("unsupported content type: %s; application/x-thrift and application/vnd.apache.thrift.binary are supported", media)}
	}))
	return mux
}

// jaegerThrift translates a batch in Thrift's binary protocol.
func jaegerThrift(body []byte) (ptrace.Traces, error) {
	batch := thriftjaeger.NewBatch()
	if err := batch.Read(context.Background(), thriftOf(body, binaryThrift)); err != nil {
		return ptrace.Traces{}, err
	}
	return thriftBatch(batch)
}

func thriftBatch(batch *thriftjaeger.Batch) (ptrace.Traces, error) {
	if batch.Process == nil { // it is said to be there always; the translator relies on it
		return ptrace.Traces{}, fmt.Errorf("the batch has no process")
	}
	return thriftToTraces(batch)
}

// thriftProtocol is one of Thrift's encodings.
type thriftProtocol func(thrift.TTransport, *thrift.TConfiguration) thrift.TProtocol

func binaryThrift(t thrift.TTransport, conf *thrift.TConfiguration) thrift.TProtocol {
	return thrift.NewTBinaryProtocolConf(t, conf)
}

func compactThrift(t thrift.TTransport, conf *thrift.TConfiguration) thrift.TProtocol {
	return thrift.NewTCompactProtocolConf(t, conf)
}

// thriftOf reads data. Nothing in it may say that it is longer than data, or be made of
// more structs than there is room for: an empty one is a single byte, and takes a hundred in memory.
func thriftOf(data []byte, protocol thriftProtocol) thrift.TProtocol {
	const leastBytes = 4 // of a struct that says anything, on average
	buffer := &thrift.TMemoryBuffer{Buffer: bytes.NewBuffer(data)}
	p := protocol(buffer, &thrift.TConfiguration{MaxMessageSize: int32(max(len(data), 1))})
	return &boundedThrift{p, 16 + len(data)/leastBytes}
}

// boundedThrift reads a number of structs.
type boundedThrift struct {
	thrift.TProtocol
	structs int // that may still come
}

func (b *boundedThrift) ReadStructBegin(ctx context.Context) (string, error) {
	if b.structs--; b.structs < 0 {
		return "", thrift.NewTProtocolExceptionWithType(thrift.SIZE_LIMIT, errors.New("there are too many empty structs"))
	}
	return b.TProtocol.ReadStructBegin(ctx)
}

// jaegerProto translates a PostSpansRequest of Jaeger's gRPC protocol.
func jaegerProto(body []byte) (ptrace.Traces, error) {
	var req api_v2.PostSpansRequest
	if err := req.Unmarshal(body); err != nil {
		return ptrace.Traces{}, err
	}
	return protoToTraces(&req.Batch)
}

const jaegerCollector = "jaeger.api_v2.CollectorService"

// JaegerGRPC returns a server of Jaeger's collector protocol, PostSpans.
func (r *Receiver) JaegerGRPC(opts ...grpc.ServerOption) GRPCServer {
	server := r.newGRPC(protocolJaegerGRPC, opts)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: jaegerCollector,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{r.rawMethod(jaegerCollector, "PostSpans", func(ctx context.Context, tenant string, raw []byte, l *lease) ([]byte, error) {
			return nil, r.exportTranslated(ctx, protocolJaegerGRPC, tenant, raw, l, jaegerProto)
		})},
		Metadata: "collector.proto",
	}, r)
	return GRPCServer{server}
}

// jaegerSpanProto translates one span, as Jaeger writes it to Kafka.
func jaegerSpanProto(body []byte) (ptrace.Traces, error) {
	var s model.Span
	if err := s.Unmarshal(body); err != nil {
		return ptrace.Traces{}, err
	}
	return jaegerSpan(&s)
}

// jaegerSpanJSON translates one span, as Jaeger writes it to Kafka in the JSON of protobuf.
func jaegerSpanJSON(body []byte) (ptrace.Traces, error) {
	var s model.Span
	if err := jsonpb.Unmarshal(bytes.NewReader(body), &s); err != nil {
		return ptrace.Traces{}, err
	}
	return jaegerSpan(&s)
}

func jaegerSpan(s *model.Span) (ptrace.Traces, error) {
	return protoToTraces(&model.Batch{Process: s.Process, Spans: []*model.Span{s}})
}
