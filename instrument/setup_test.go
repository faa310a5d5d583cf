package clew

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// collector takes OTLP by gRPC and HTTP and remembers the requests.
type collector struct {
	coltrace.UnimplementedTraceServiceServer
	requests chan *coltrace.ExportTraceServiceRequest
}

func (c *collector) Export(_ context.Context, req *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	c.requests <- req
	return &coltrace.ExportTraceServiceResponse{}, nil
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	req := &coltrace.ExportTraceServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, req)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, r.URL.Path, http.StatusBadRequest)
		return
	}
	c.requests <- req
}

// listen returns a collector and its addresses, host:port.
func listen(t *testing.T) (c *collector, grpcAddr, httpAddr string) {
	t.Helper()
	c = &collector{requests: make(chan *coltrace.ExportTraceServiceRequest, 10)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	coltrace.RegisterTraceServiceServer(srv, c)
	go srv.Serve(l)
	t.Cleanup(srv.Stop)
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	return c, l.Addr().String(), strings.TrimPrefix(web.URL, "http://")
}

func setup(t *testing.T, opts ...Option) func(context.Context) error {
	t.Helper()
	shutdown, err := Setup(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(context.Background()) })
	return shutdown
}

func TestSpansReachTheCollector(t *testing.T) {
	c, grpcAddr, httpAddr := listen(t)
	for name, env := range map[string][]string{
		"gRPC":                    {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + grpcAddr},
		"gRPC without a scheme":   {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=" + grpcAddr},
		"HTTP":                    {"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + httpAddr},
		"HTTP without a scheme":   {"OTEL_EXPORTER_OTLP_ENDPOINT=" + httpAddr},
		"HTTP, for traces":        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://" + httpAddr + "/v1/traces", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"},
		"HTTP, traces, no scheme": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + httpAddr + "/v1/traces"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range env {
				k, v, _ := strings.Cut(e, "=")
				t.Setenv(k, v)
			}
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=blue,service.name=unnamed")
			t.Setenv("OTEL_SERVICE_NAME", "shop")
			shutdown := setup(t, WithService("other", "v7"), WithAttributes(attribute.String("region", "north")))
			ctx, parent := otel.Tracer("test").Start(t.Context(), "parent")
			_, child := otel.Tracer("test").Start(ctx, "child")
			child.End()
			parent.End()
			if err := shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			req := <-c.requests
			attrs := map[string]string{}
			for _, kv := range req.ResourceSpans[0].Resource.Attributes {
				attrs[kv.Key] = kv.Value.GetStringValue()
			}
			for key, want := range map[string]string{"service.name": "shop", "service.version": "v7", "team": "blue", "region": "north", "telemetry.sdk.language": "go"} {
				if attrs[key] != want {
					t.Errorf("%s is %q, want %q", key, attrs[key], want)
				}
			}
			if attrs["host.name"] == "" || attrs["service.instance.id"] == "" || attrs["process.executable.name"] == "" || attrs["process.command_args"] != "" {
				t.Errorf("resource %v", attrs)
			}
			spans := req.ResourceSpans[0].ScopeSpans[0].Spans
			if len(spans) != 2 || spans[0].TraceState != "ot=th:0" || spans[1].TraceState != "ot=th:0" {
				t.Errorf("spans %v", spans)
			}
			if s := Counts(); s != (Stats{Ended: 2, Sent: 2}) {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestDestination(t *testing.T) {
	for _, test := range []struct {
		endpoint, traces, protocol, insecure string
		want                                 destination
		err                                  string
	}{
		{want: destination{url: "http://localhost:4318/v1/traces"}},
		{protocol: "grpc", want: destination{grpc: true, url: "http://localhost:4317"}},
		{protocol: "grpc", insecure: "false", want: destination{grpc: true}},
		{endpoint: "http://clew:4317", want: destination{grpc: true}},
		{endpoint: "https://clew:4317/", want: destination{grpc: true}},
		{endpoint: "clew:4317", want: destination{grpc: true, url: "http://clew:4317"}},
		{endpoint: "http://clew:4317", protocol: "http/protobuf", want: destination{}},
		{endpoint: "clew:4318/", want: destination{url: "http://clew:4318/v1/traces"}},
		{traces: "clew:4318/v1/traces", endpoint: "x:1", want: destination{url: "http://clew:4318/v1/traces"}},
		{endpoint: "http://cl ew", want: destination{url: "http://localhost:4318/v1/traces"}, err: "OTEL_EXPORTER_OTLP_ENDPOINT: "},
		{protocol: "http/json", want: destination{url: "http://localhost:4318/v1/traces"}, err: `OTEL_EXPORTER_OTLP_PROTOCOL="http/json" is not known; it may be grpc or http/protobuf`},
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", test.endpoint)
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", test.traces)
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
		t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", test.insecure)
		got, err := destinationFromEnv()
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: got %+v, %v", test, got, err)
		}
	}
}

func TestMistakesAreNamedAndTheRestIsSetUp(t *testing.T) {
	t.Setenv("OTEL_PROPAGATORS", "tracecontext,carrier-pigeon,b3")
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	t.Setenv("OTEL_TRACES_EXPORTER", "fax")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "smtp")
	shutdown, err := Setup(t.Context())
	defer shutdown(context.Background())
	for _, want := range []string{`OTEL_PROPAGATORS="carrier-pigeon"`, `OTEL_TRACES_SAMPLER="sometimes"`, `OTEL_TRACES_EXPORTER="fax"`, `OTEL_EXPORTER_OTLP_PROTOCOL="smtp"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in %v", want, err)
		}
	}
	if fields := otel.GetTextMapPropagator().Fields(); !slices.Contains(fields, "traceparent") || !slices.Contains(fields, "b3") {
		t.Errorf("propagated are %q", fields)
	}
	if _, span := otel.Tracer("test").Start(t.Context(), "x"); !span.SpanContext().IsSampled() {
		t.Error("nothing is sampled")
	}
}

// What the exporters leave out without an error, or only log.
func TestExporterSettings(t *testing.T) {
	for setting, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_TIMEOUT=10s":             "a number of milliseconds",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=-1":       "a number of milliseconds",
		"OTEL_EXPORTER_OTLP_COMPRESSION=zstd":        "gzip or none",
		"OTEL_EXPORTER_OTLP_TIMEOUT=5000":            "",
		"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=gzip": "",
	} {
		t.Run(setting, func(t *testing.T) {
			name, value, _ := strings.Cut(setting, "=")
			t.Setenv(name, value)
			exporter, err := exporterFromEnv(t.Context())
			if exporter == nil {
				t.Fatal("nothing is sent")
			}
			defer exporter.Shutdown(t.Context())
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), want)) {
				t.Errorf("the error is %v, want %q", err, want)
			}
		})
	}
}

// With these the SDK would panic, or never rest.
func TestQueueOfAnySize(t *testing.T) {
	for _, v := range []string{"-1", "0", "1", "99999999999", "99999999999999999999", "many"} {
		for _, name := range []string{"OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT"} {
			t.Run(name+"="+v, func(t *testing.T) {
				t.Setenv(name, v)
				spans := tracetest.NewInMemoryExporter()
				shutdown, err := Setup(t.Context(), WithExporter(keep{spans}))
				if (err == nil) != (v == "1") || err != nil && !strings.Contains(err.Error(), name) {
					t.Errorf("the error is %v", err)
				}
				_, span := otel.Tracer("test").Start(t.Context(), "x")
				span.End()
				if err := shutdown(t.Context()); err != nil || len(spans.GetSpans()) != 1 {
					t.Errorf("%v, %d spans", err, len(spans.GetSpans()))
				}
			})
		}
	}
}

// keep does not forget the spans at the shutdown.
type keep struct{ sdktrace.SpanExporter }

func (keep) Shutdown(context.Context) error { return nil }

// What the SDK does not know by itself, such as remote sampling, is no reason for it to complain.
func TestNothingIsLoggedIfAllIsWell(t *testing.T) {
	var answer atomic.Value
	answer.Store(`{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}`)
	t.Setenv("OTEL_SERVICE_NAME", "shop")
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "endpoint="+strategies(t, &answer))
	var logged bytes.Buffer
	shutdown := setup(t, WithExporter(tracetest.NewInMemoryExporter()), WithErrorLogger(slog.New(slog.NewTextHandler(&logged, nil))))
	_, span := otel.Tracer("test").Start(t.Context(), "x")
	span.End()
	if err := shutdown(t.Context()); err != nil || logged.Len() > 0 {
		t.Errorf("%v, logged %s", err, logged.String())
	}
}

func TestDisabled(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	before := otel.GetTracerProvider()
	shutdown := setup(t)
	if otel.GetTracerProvider() != before {
		t.Error("there is a new provider")
	}
	if len(otel.GetTextMapPropagator().Fields()) == 0 {
		t.Error("what comes in does not go on")
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoExporter(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	shutdown := setup(t)
	_, span := otel.Tracer("test").Start(t.Context(), "x")
	if !span.SpanContext().IsValid() {
		t.Error("the span has no id")
	}
	span.End()
	if err := shutdown(t.Context()); err != nil || Counts() != (Stats{}) {
		t.Errorf("%v, %+v", err, Counts())
	}
}

// stuck is an exporter whose collector does not answer.
type stuck struct{ tracetest.InMemoryExporter }

func (*stuck) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestCollectorThatHangs(t *testing.T) {
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		shutdown, err := Setup(context.Background(), WithExporter(&stuck{}), WithErrorLogger(slog.New(slog.NewTextHandler(&logged, nil))))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for range 100 {
			_, span := otel.Tracer("test").Start(context.Background(), "x")
			span.End()
			synctest.Wait()
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("100 spans waited for %v", took)
		}
		if s := Counts(); s.Ended != 100 || s.Sent != 0 || s.Dropped < 100-8-4 {
			t.Errorf("counted %+v", s)
		}
		time.Sleep(55 * time.Second) // of synctest's clock: a batch is given up after 30 s
		synctest.Wait()
		if got := strings.Count(logged.String(), "\n"); got != 1 {
			t.Errorf("%d lines are logged in a minute:\n%s", got, logged.String())
		}
		begin = time.Now()
		done, cancel := context.WithCancel(context.Background())
		cancel()
		err = shutdown(done)
		if took := time.Since(begin); took != shutdownTimeout {
			t.Errorf("the shutdown took %v", took)
		}
		if err == nil || !strings.Contains(err.Error(), " of 100 spans are lost: ") {
			t.Errorf("the shutdown says %v", err)
		}
		synctest.Wait()
		if s := Counts(); s.Ended != s.Sent+s.Failed+s.Dropped {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestCollectorThatIsDown(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
		shutdown := setup(t, WithErrorLogger(slog.New(slog.DiscardHandler)))
		_, span := otel.Tracer("test").Start(t.Context(), "x")
		span.End()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := shutdown(ctx); err == nil || !strings.Contains(err.Error(), "1 of 1 spans are lost") {
			t.Errorf("%s: %v", protocol, err)
		}
	}
}

func TestReporterSaysHowMuchItLeftOut(t *testing.T) {
	var logged bytes.Buffer
	now := time.Unix(0, 0)
	r := &reporter{log: slog.New(slog.NewTextHandler(&logged, nil)), now: func() time.Time { return now }}
	for range 3 {
		r.Handle(io.ErrUnexpectedEOF)
	}
	now = now.Add(reportInterval)
	r.Handle(io.ErrClosedPipe)
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "unexpected EOF") || !strings.Contains(lines[0], "more_errors=0") ||
		!strings.Contains(lines[1], "closed pipe") || !strings.Contains(lines[1], "more_errors=2") {
		t.Errorf("logged %q", lines)
	}
}
