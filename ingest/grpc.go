package ingest

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec of all other services
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/span"
)

const (
	traceService = "opentelemetry.proto.collector.trace.v1.TraceService"
	logsService  = "opentelemetry.proto.collector.logs.v1.LogsService"
)

// GRPCServer is a grpc.Server whose stop can be bounded in time.
type GRPCServer struct{ *grpc.Server }

// Shutdown takes no more requests and waits for those under way, or for ctx,
// when it cuts them off.
func (s GRPCServer) Shutdown(ctx context.Context) error {
	done := context.AfterFunc(ctx, s.Stop)
	s.GracefulStop()
	if !done() {
		return ctx.Err()
	}
	return nil
}

// GRPC returns a server of OTLP/gRPC. More services can be registered on it.
// opts come after, and so override, the Receiver's own.
func (r *Receiver) GRPC(opts ...grpc.ServerOption) GRPCServer {
	server := r.newGRPC(protocolGRPC, opts)
	r.registerExport(server, traceService, span.FormatOTLPProto, "opentelemetry/proto/collector/trace/v1/trace_service.proto")
	if r.cfg.Logs != nil {
		r.registerExport(server, logsService, span.FormatLogsProto, "opentelemetry/proto/collector/logs/v1/logs_service.proto")
	}
	return GRPCServer{server}
}

// registerExport registers a service with the one method that both signals of OTLP have.
func (r *Receiver) registerExport(server *grpc.Server, service string, format span.Format, file string) {
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{r.rawMethod(service, "Export", func(ctx context.Context, tenant string, raw []byte, _ *lease) ([]byte, error) {
			rejected, err := r.export(ctx, protocolGRPC, tenant, format, raw)
			return encodeResponse(format, &rejected), err
		})},
		Metadata: file,
	}, r)
}

// newGRPC returns a server whose requests count for a protocol.
func (r *Receiver) newGRPC(protocol string, opts []grpc.ServerOption) *grpc.Server {
	own := []grpc.ServerOption{
		grpc.ForceServerCodecV2(frameCodec{encoding.GetCodecV2("proto")}),
		grpc.MaxRecvMsgSize(r.cfg.MaxRequestBytes),
		grpc.StatsHandler(grpcStats{r.metrics, protocol}),
		grpc.MaxConcurrentStreams(100),
		// Fixed windows, which save a tenth of the CPU of estimating them and bound what waits unread.
		grpc.InitialWindowSize(1 << 20),
		grpc.InitialConnWindowSize(4 << 20),
		// SDKs ping at intervals of their users' choice; without this a short one closes the connection.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
	}
	return grpc.NewServer(append(own, opts...)...)
}

// rawExport takes in an encoded request, which its lease covers, and returns the encoded answer.
type rawExport func(ctx context.Context, tenant string, raw []byte, l *lease) ([]byte, error)

// rawMethod describes a method whose handler sees requests and answers encoded.
func (r *Receiver) rawMethod(service, name string, export rawExport) grpc.MethodDesc {
	call := func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		in := new(frame)
		if err := decode(in); err != nil {
			return nil, err
		}
		defer in.free()
		handle := func(ctx context.Context, _ any) (any, error) {
			// A response of a few bytes is not worth compressing, which grpc would
			// do after a compressed request.
			grpc.SetSendCompressor(ctx, encoding.Identity)
			answer, err := r.admit(ctx, in, export)
			if err != nil {
				return nil, r.failure(err).status.Err()
			}
			return &frame{data: answer}, nil
		}
		if intercept == nil {
			return handle(ctx, in)
		}
		return intercept(ctx, in, &grpc.UnaryServerInfo{Server: r, FullMethod: "/" + service + "/" + name}, handle)
	}
	return grpc.MethodDesc{MethodName: name, Handler: call}
}

// admit finds the tenant of a request and a place for it among those in flight.
func (r *Receiver) admit(ctx context.Context, in *frame, export rawExport) ([]byte, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	tenant, err := r.tenant(md.Get(span.TenantHeader))
	if err != nil {
		return nil, err
	}
	l := r.inflight.lease()
	defer l.release()
	if err := l.grow(ctx, len(in.data)); err != nil {
		return nil, err
	}
	return export(ctx, tenant, in.data, l)
}

// frame is an encoded message that the codec passes through.
type frame struct {
	data []byte
	buf  mem.Buffer // owns data, if not nil
}

func (f *frame) free() {
	if f.buf != nil {
		f.buf.Free()
	}
}

// frameCodec passes frames through and leaves all other messages to the codec that it wraps.
type frameCodec struct{ encoding.CodecV2 }

func (c frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(f.data)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		f.buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
		f.data = f.buf.ReadOnlyData()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// grpcStats counts the RPCs that a server answers, those included that never reach a handler.
type grpcStats struct {
	m        *metrics
	protocol string
}

func (s grpcStats) HandleRPC(_ context.Context, event stats.RPCStats) {
	switch e := event.(type) {
	case *stats.InPayload:
		s.m.receivedBytes.WithLabelValues(s.protocol).Add(float64(e.CompressedLength))
	case *stats.End:
		s.m.requests.WithLabelValues(s.protocol, status.Code(e.Error).String()).Inc()
	}
}

func (grpcStats) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (grpcStats) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (grpcStats) HandleConn(context.Context, stats.ConnStats)                       {}
