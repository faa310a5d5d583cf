package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

func serveTestGRPC(t *testing.T, r *Receiver, opts ...grpc.ServerOption) string {
	t.Helper()
	return serveGRPC(t, r.GRPC(opts...))
}

func serveGRPC(t *testing.T, server GRPCServer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// exportRaw sends a request as it is encoded.
func exportRaw(ctx context.Context, conn *grpc.ClientConn, raw []byte, opts ...grpc.CallOption) (*collectorpb.ExportTraceServiceResponse, error) {
	in, out := &frame{data: raw}, new(frame)
	opts = append(opts, grpc.ForceCodecV2(frameCodec{encoding.GetCodecV2("proto")}))
	if err := conn.Invoke(ctx, "/"+traceService+"/Export", in, out, opts...); err != nil {
		return nil, err
	}
	defer out.free()
	var answer collectorpb.ExportTraceServiceResponse
	return &answer, proto.Unmarshal(out.data, &answer)
}

// The client that protobuf's compiler makes, with all recorded requests.
func TestGRPCRecorded(t *testing.T) {
	for _, compression := range []string{encoding.Identity, "gzip", "zstd", "snappy"} {
		t.Run(compression, func(t *testing.T) {
			s := &store{}
			client := collectorpb.NewTraceServiceClient(dial(t, serveTestGRPC(t, newTestReceiver(t, s, nil))))
			var want []span.Span
			for i, raw := range recorded(t) {
				if compression != encoding.Identity && i%10 > 0 {
					continue
				}
				var req collectorpb.ExportTraceServiceRequest
				if err := proto.Unmarshal(raw, &req); err != nil {
					t.Fatal(err)
				}
				answer, err := client.Export(t.Context(), &req, grpc.UseCompressor(compression))
				if err != nil || answer.PartialSuccess != nil {
					t.Fatalf("request %d: %v, %v", i, err, answer)
				}
				list, _, err := rows(span.FormatOTLPProto, raw)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, list...)
			}
			if d := firstDifference(s.spans[testTenant], want); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestGRPCRawIsTheRequest(t *testing.T) {
	s := &store{}
	conn := dial(t, serveTestGRPC(t, newTestReceiver(t, s, nil)))
	raw := benchRequests(t, 1)[0] // many HTTP/2 frames
	for range 2 {
		if _, err := exportRaw(t.Context(), conn, raw); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.raw) != 2 || !bytes.Equal(s.raw[0], raw) || !bytes.Equal(s.raw[1], raw) {
		t.Error("Raw is not what was sent")
	}
}

func TestGRPCEmptyRequestSucceeds(t *testing.T) {
	s := &store{err: errors.New("must not be asked")}
	conn := dial(t, serveTestGRPC(t, newTestReceiver(t, s, nil)))
	if answer, err := exportRaw(t.Context(), conn, nil); err != nil || answer.PartialSuccess != nil {
		t.Errorf("%v, %v", answer, err)
	}
}

func TestGRPCPartialSuccess(t *testing.T) {
	s := &store{}
	conn := dial(t, serveTestGRPC(t, newTestReceiver(t, s, nil)))
	raw := append(inSpan(), sub(1, sub(2, sub(2, sub(1, traceA[:]), sub(2, []byte("1234567")))))...)
	answer, err := exportRaw(t.Context(), conn, raw)
	if err != nil {
		t.Fatal(err)
	}
	want := &collectorpb.ExportTracePartialSuccess{
		RejectedSpans: 1, ErrorMessage: "1 span rejected: 1 with a span id of 7 bytes (expected 8)",
	}
	if !proto.Equal(answer.PartialSuccess, want) || len(s.spans[testTenant]) != 1 {
		t.Errorf("%v; %d spans were stored", answer, len(s.spans[testTenant]))
	}
}

func TestGRPCRefusals(t *testing.T) {
	good := inSpan()
	bomb := make([]byte, 16<<20)
	tests := []struct {
		name    string
		tenants []string
		opts    []grpc.CallOption
		raw     []byte
		sinkErr error
		code    codes.Code
		message string
		retry   time.Duration
	}{
		{name: "malformed", raw: sub(1, sub(2, []byte{0x0a})), code: codes.InvalidArgument, message: "malformed request: resource_spans[0].scope_spans[0]: truncated value"},
		{name: "too large", raw: bomb[:1<<20+1], code: codes.ResourceExhausted, message: "larger than max"},
		{name: "gzip bomb", raw: bomb, opts: []grpc.CallOption{grpc.UseCompressor("gzip")}, code: codes.ResourceExhausted, message: "larger than max"},
		{name: "zstd bomb", raw: bomb, opts: []grpc.CallOption{grpc.UseCompressor("zstd")}, code: codes.ResourceExhausted, message: "larger than max"},
		{name: "snappy bomb", raw: bomb, opts: []grpc.CallOption{grpc.UseCompressor("snappy")}, code: codes.ResourceExhausted, message: "larger than max"},
		{name: "too many items", raw: bytes.Repeat(good, 101), code: codes.ResourceExhausted, message: "request too large"},
		{name: "tenant", tenants: []string{"a/b"}, raw: good, code: codes.InvalidArgument, message: "X-Scope-OrgID"},
		{name: "two tenants", tenants: []string{"a", "b"}, raw: good, code: codes.InvalidArgument, message: "at most one"},
		{name: "overload", raw: good, sinkErr: fmt.Errorf("sink: %w", &retryError{1500 * time.Millisecond, true}), code: codes.ResourceExhausted, message: "come again", retry: 1500 * time.Millisecond},
		{name: "unavailable", raw: good, sinkErr: &retryError{0, false}, code: codes.Unavailable, message: "come again", retry: time.Second},
		{name: "out of time", raw: good, sinkErr: fmt.Errorf("sink: %w", context.DeadlineExceeded), code: codes.DeadlineExceeded, retry: time.Second},
		{name: "own fault", raw: good, sinkErr: errors.New("secret"), code: codes.Internal, message: "could not be taken in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &store{err: tt.sinkErr}
			conn := dial(t, serveTestGRPC(t, newTestReceiver(t, s, func(c *Config) { c.MaxRequestItems = 100 })))
			ctx := t.Context()
			for _, tenant := range tt.tenants {
				ctx = metadata.AppendToOutgoingContext(ctx, span.TenantHeader, tenant)
			}
			_, err := exportRaw(ctx, conn, tt.raw, tt.opts...)
			st := status.Convert(err)
			if st.Code() != tt.code || !strings.Contains(st.Message(), tt.message) || strings.Contains(st.Message(), "secret") {
				t.Errorf("%v, want %v …%s…", st, tt.code, tt.message)
			}
			if got := retryInfo(t, st.Proto()); got != tt.retry {
				t.Errorf("retry info says %v, want %v", got, tt.retry)
			}
			if len(s.spans) > 0 {
				t.Error("spans were stored")
			}
		})
	}
}

func TestGRPCOverBudget(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := &store{consume: func(context.Context) error {
		entered <- struct{}{}
		<-leave
		return nil
	}}
	conn := dial(t, serveTestGRPC(t, newTestReceiver(t, s, func(c *Config) {
		c.MaxInflightBytes, c.InflightWait = 1, time.Nanosecond
	})))
	first := make(chan error)
	go func() {
		_, err := exportRaw(t.Context(), conn, inSpan())
		first <- err
	}()
	<-entered
	_, err := exportRaw(t.Context(), conn, inSpan())
	if st := status.Convert(err); st.Code() != codes.ResourceExhausted || retryInfo(t, st.Proto()) != time.Second {
		t.Errorf("while the budget is used up: %v", err)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
}

// A body that is not what its encoding says is refused by grpc itself.
func TestGRPCUndecompressable(t *testing.T) {
	addr := serveTestGRPC(t, newTestReceiver(t, &store{}, nil))
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for _, name := range []string{"gzip", "zstd", "snappy"} {
		garbage := []byte("this is not compressed")
		body := binary.BigEndian.AppendUint32([]byte{1}, uint32(len(garbage)))
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+"/"+traceService+"/Export", bytes.NewReader(append(body, garbage...)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Grpc-Encoding", name)
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		got := res.Trailer.Get("Grpc-Status") + res.Header.Get("Grpc-Status")
		if want := fmt.Sprint(int(codes.Internal)); got != want {
			t.Errorf("%s: status %q, want %s", name, got, want)
		}
	}
}

func TestGRPCTenant(t *testing.T) {
	s := &store{}
	conn := dial(t, serveTestGRPC(t, newTestReceiver(t, s, nil)))
	for _, tenant := range []string{"blue", "green"} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), span.TenantHeader, tenant)
		if _, err := exportRaw(ctx, conn, inSpan()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exportRaw(t.Context(), conn, inSpan()); err != nil {
		t.Fatal(err)
	}
	if len(s.spans) != 3 || len(s.spans["blue"]) != 1 || len(s.spans["green"]) != 1 || len(s.spans[testTenant]) != 1 {
		t.Errorf("stored %v", s.spans)
	}
}

// Other services and interceptors work beside the raw one.
func TestGRPCWithOthers(t *testing.T) {
	var called []string
	server := newTestReceiver(t, &store{}, nil).GRPC(grpc.UnaryInterceptor(
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			called = append(called, info.FullMethod)
			return next(ctx, req)
		}))
	healthpb.RegisterHealthServer(server, health.NewServer())
	conn := dial(t, serveGRPC(t, server))
	answer, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || answer.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", answer, err)
	}
	if _, err := exportRaw(t.Context(), conn, inSpan()); err != nil {
		t.Error(err)
	}
	if want := "/grpc.health.v1.Health/Check /opentelemetry.proto.collector.trace.v1.TraceService/Export"; strings.Join(called, " ") != want {
		t.Errorf("intercepted %q", called)
	}
}

func TestGRPCShutdown(t *testing.T) {
	start := func(t *testing.T, s *store) (GRPCServer, chan error) {
		server := newTestReceiver(t, s, nil).GRPC()
		conn := dial(t, serveGRPC(t, server))
		answered := make(chan error, 1)
		go func() {
			_, err := exportRaw(context.WithoutCancel(t.Context()), conn, inSpan())
			answered <- err
		}()
		return server, answered
	}
	t.Run("waits for requests under way", func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		server, answered := start(t, &store{consume: func(context.Context) error {
			close(entered)
			<-leave
			return nil
		}})
		<-entered
		stopped := make(chan error)
		go func() { stopped <- server.Shutdown(context.Background()) }()
		close(leave)
		if err := <-answered; err != nil {
			t.Errorf("the request under way: %v", err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	t.Run("but not for ever", func(t *testing.T) {
		entered := make(chan struct{})
		server, answered := start(t, &store{consume: func(ctx context.Context) error {
			close(entered)
			<-ctx.Done()
			return ctx.Err()
		}})
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := server.Shutdown(ctx); err != context.Canceled {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-answered; err == nil {
			t.Error("the request that was cut off succeeded")
		}
	})
}
