package clewgrpc

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"slices"
	"strings"
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
	"google.golang.org/grpc/metadata"

	clew "github.com/clewhq/clew/instrument"
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

// serve returns what calls a server, the spans that it is called in, and what stops it.
func serve(t *testing.T, client grpc.DialOption, server ...grpc.ServerOption) (check func(context.Context) error, called chan trace.SpanContext, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(server...)
	called = make(chan trace.SpanContext, 1)
	grpc_health_v1.RegisterHealthServer(srv, watched{health.NewServer(), called})
	go srv.Serve(l)
	conn, err := grpc.NewClient(l.Addr().String(), client, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	stop = func() {
		conn.Close()
		srv.GracefulStop()
	}
	t.Cleanup(stop)
	return func(ctx context.Context) error {
		_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		return err
	}, called, stop
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
		check, called, stop := serve(t, client, server...)
		ctx, parent := otel.Tracer("test").Start(t.Context(), "parent")
		if err := check(ctx); err != nil {
			t.Fatal(err)
		}
		got := <-called
		stop()
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

func TestTraceContext(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	shutdown, err := clew.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(context.Background())
	text, err := os.ReadFile("../testdata/tracecontext.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name    string
		Headers [][2]string
		Kept    bool
		State   string
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	check, called, _ := serve(t, grpc.EmptyDialOption{}, Server())
	for _, c := range cases {
		// Metadata of gRPC is printable ASCII; a tab never gets there.
		if slices.ContainsFunc(c.Headers, func(h [2]string) bool { return strings.ContainsRune(h[1], '\t') }) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			ctx := t.Context()
			for _, h := range c.Headers {
				ctx = metadata.AppendToOutgoingContext(ctx, h[0], h[1])
			}
			if err := check(ctx); err != nil {
				t.Fatal(err)
			}
			got := <-called
			state := got.TraceState().String()
			if !c.Kept && state == "ot=th:0" { // of the new trace
				state = ""
			}
			if kept := got.TraceID().String() == "12345678901234567890123456789012"; kept != c.Kept || !got.IsValid() || state != c.State {
				t.Errorf("it goes on in trace %s with the state\n%q, want\n%q", got.TraceID(), state, c.State)
			}
		})
	}
}
