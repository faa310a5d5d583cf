package clewgrpc

import (
	"context"
	"net"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// watched is a health service that passes on which span it was called in.
type watched struct {
	grpc_health_v1.HealthServer
	called chan trace.SpanContext
}

func (w watched) Check(ctx context.Context, req *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	w.called <- trace.SpanContextFromContext(ctx)
	return w.HealthServer.Check(ctx, req)
}

func TestCallsAreTraced(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	before, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() {
		otel.SetTracerProvider(before)
		otel.SetTextMapPropagator(propagator)
	})
	for _, silent := range []bool{false, true} {
		spans.Reset()
		server := []grpc.ServerOption{Server()}
		client := Client()
		if silent {
			server, client = []grpc.ServerOption{Server(WithoutHealthChecks())}, Client(WithoutHealthChecks())
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := grpc.NewServer(server...)
		w := watched{health.NewServer(), make(chan trace.SpanContext, 1)}
		grpc_health_v1.RegisterHealthServer(srv, w)
		go srv.Serve(l)
		conn, err := grpc.NewClient(l.Addr().String(), client, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		ctx, parent := otel.Tracer("test").Start(t.Context(), "parent")
		if _, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
		got := <-w.called
		conn.Close()
		srv.GracefulStop()
		if ended := spans.Ended(); silent != (len(ended) == 0) || !silent && len(ended) != 2 {
			t.Errorf("without health checks %t: %d spans", silent, len(ended))
		}
		for _, s := range spans.Ended() {
			if s.Name() != "grpc.health.v1.Health/Check" {
				t.Errorf("a span is named %s", s.Name())
			}
		}
		if !silent && got.TraceID() != parent.SpanContext().TraceID() {
			t.Errorf("the call is in the trace %v, its caller in %v", got.TraceID(), parent.SpanContext().TraceID())
		}
	}
}
