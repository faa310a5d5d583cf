package selfobs

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(&b, "warn", "json")
	log.Info("not this")
	log.Warn("this", "n", 1)
	var line struct {
		Level slog.Level
		Msg   string
		N     int
	}
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line.Level != slog.LevelWarn || line.Msg != "this" || line.N != 1 {
		t.Errorf("logged %q (%v)", b.String(), err)
	}
	b.Reset()
	NewLogger(&b, "debug", "text").Debug("hello", "n", 2)
	if got := b.String(); !strings.Contains(got, "level=DEBUG msg=hello n=2") {
		t.Errorf("logged %q", got)
	}
}

func TestRegistry(t *testing.T) {
	reg := NewRegistry("v1", "abc")
	names := map[string]bool{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, want := range []string{"process_cpu_seconds_total", "process_resident_memory_bytes", "go_goroutines", "clew_build_info"} {
		if !names[want] {
			t.Errorf("%s is missing", want)
		}
	}
}

// routes is a server with an inner mux, as cmd/clew has one.
func routes() http.Handler {
	inner := http.NewServeMux()
	inner.HandleFunc("GET /api/things/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "broken" {
			w.WriteHeader(http.StatusBadGateway)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	outer := http.NewServeMux()
	outer.Handle("/api/", inner)
	return outer
}

func get(t *testing.T, h http.Handler, path string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("traceparent", "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01")
	h.ServeHTTP(httptest.NewRecorder(), r)
}

// told returns the labels of all series of a registry but gauges, which have to be 0, each with a + for each observation.
func told(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if g := m.GetGauge(); g != nil {
				if g.GetValue() != 0 {
					t.Errorf("%s is %v when all is done", f.GetName(), g.GetValue())
				}
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got = append(got, strings.Join(labels, " ")+strings.Repeat("+", int(m.GetHistogram().GetSampleCount())))
		}
	}
	return strings.Join(got, ", ")
}

func TestHTTPMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := NewHTTP(reg, noop.NewTracerProvider()).Wrap("web", routes())
	for _, path := range []string{"/api/things/1", "/api/things/2", "/api/things/broken", "/api/nothing", "/nothing"} {
		get(t, h, path)
	}
	want := "200 web GET /api/things/{id}++, 404 web other++, 502 web GET /api/things/{id}+"
	if s := told(t, reg); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestGRPC(t *testing.T) {
	reg := prometheus.NewRegistry()
	spans := tracetest.NewSpanRecorder()
	g := NewGRPC(reg, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"))
	for _, err := range []error{nil, nil, status.Error(grpccodes.NotFound, "no such trace"), status.Error(grpccodes.Internal, "broken")} {
		called, done := g.Watch(ctx, "shop.Orders/Get")
		if !trace.SpanContextFromContext(called).IsValid() {
			t.Error("the call has no span")
		}
		done(err)
	}
	if s, want := told(t, reg), "Internal shop.Orders/Get+, NotFound shop.Orders/Get+, OK shop.Orders/Get++"; s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	for i, s := range spans.Ended() {
		wrong := i == 3
		if s.Name() != "shop.Orders/Get" || (s.Status().Code == codes.Error) != wrong || s.Parent().SpanID().String() != "0102030405060708" ||
			!slices.Contains(s.Attributes(), attribute.String("rpc.method", "Get")) {
			t.Errorf("call %d is span %s with %v below %s", i, s.Name(), s.Status(), s.Parent().SpanID())
		}
	}
}

func TestHTTPTraces(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	get(t, NewHTTP(prometheus.NewRegistry(), tp).Wrap("web", routes()), "/api/things/broken?q=1")
	if len(spans.Ended()) != 1 {
		t.Fatalf("%d spans, want 1", len(spans.Ended()))
	}
	s := spans.Ended()[0]
	if s.Name() != "GET /api/things/{id}" || s.Status().Description != "Bad Gateway" ||
		s.SpanContext().TraceID().String() != "0102030405060708090a0b0c0d0e0f10" || s.Parent().SpanID().String() != "0102030405060708" {
		t.Errorf("got %s, %v, trace %s, parent %s", s.Name(), s.Status(), s.SpanContext().TraceID(), s.Parent().SpanID())
	}
}

// collector takes OTLP and counts spans.
type collector struct {
	coltrace.UnimplementedTraceServiceServer
	spans chan string
}

func (c *collector) Export(_ context.Context, req *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				c.spans <- s.GetName()
			}
		}
	}
	return &coltrace.ExportTraceServiceResponse{}, nil
}

func TestTracingSendsToTheEndpoint(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{spans: make(chan string, 10)}
	srv := grpc.NewServer()
	coltrace.RegisterTraceServiceServer(srv, c)
	go srv.Serve(l)
	defer srv.Stop()

	tp, stop, err := NewTracing(t.Context(), l.Addr().String(), "v1", slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	get(t, NewHTTP(prometheus.NewRegistry(), tp).Wrap("web", routes()), "/api/things/1")
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name := <-c.spans; name != "GET /api/things/{id}" {
		t.Errorf("got %q", name)
	}
}

func TestTracingIsOffWithoutEndpoint(t *testing.T) {
	tp, stop, err := NewTracing(t.Context(), "", "v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, span := tp.Tracer("x").Start(t.Context(), "x"); span.IsRecording() {
		t.Error("a span is recorded")
	}
	if err := stop(t.Context()); err != nil {
		t.Error(err)
	}
}
