package clew

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	"go.opentelemetry.io/otel/trace"
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
	const ownHTTP, ownGRPC = "http://localhost:4318/v1/traces", "http://localhost:4317"
	for _, test := range []struct {
		endpoint, traces, protocol, insecure, certificate string
		want                                              destination
		err                                               string
	}{
		{want: destination{url: ownHTTP}},
		{protocol: "grpc", want: destination{true, ownGRPC}},
		{protocol: "grpc", insecure: "false", want: destination{true, "https://localhost:4317"}},
		{endpoint: "http://clew:4317", want: destination{true, "http://clew:4317"}},
		{endpoint: "https://clew:4317/", want: destination{true, "https://clew:4317/"}},
		{endpoint: "clew:4317", want: destination{true, "http://clew:4317"}},
		{endpoint: "clew:4317", insecure: "False", want: destination{true, "https://clew:4317"}},
		{endpoint: "clew:4317", certificate: "ca.pem", want: destination{true, "https://clew:4317"}},
		{endpoint: "clew:4317", certificate: "ca.pem", insecure: "true", want: destination{true, "http://clew:4317"}},
		// A scheme counts, whatever else is said.
		{endpoint: "https://clew:4317", insecure: "true", want: destination{true, "https://clew:4317"}},
		{endpoint: "http://clew:4318", insecure: "false", want: destination{url: "http://clew:4318/v1/traces"}},
		{endpoint: "http://clew:4317", protocol: "http/protobuf", want: destination{url: "http://clew:4317/v1/traces"}},
		{endpoint: "https://clew/otlp/", want: destination{url: "https://clew/otlp/v1/traces"}},
		{endpoint: "clew:4318/", want: destination{url: "http://clew:4318/v1/traces"}},
		{traces: "clew:4318/v1/traces", endpoint: "x:1", want: destination{url: "http://clew:4318/v1/traces"}},
		{traces: "http://clew:4318", want: destination{url: "http://clew:4318"}},
		{endpoint: "unix:///run/clew.sock", protocol: "grpc", want: destination{grpc: true}},
		{endpoint: "unix:///run/clew.sock", want: destination{url: ownHTTP}, err: `OTEL_EXPORTER_OTLP_ENDPOINT="unix:///run/clew.sock" is not known; it may be a URL with http:// or https://`},
		{endpoint: "htp://clew", want: destination{url: ownHTTP}, err: `OTEL_EXPORTER_OTLP_ENDPOINT="htp://clew" is not known`},
		{endpoint: "http://:4318", want: destination{url: ownHTTP}, err: `OTEL_EXPORTER_OTLP_ENDPOINT="http://:4318" is not known; it may be a URL such as http://clew:4318`},
		{endpoint: "http://cl ew", want: destination{url: ownHTTP}, err: "OTEL_EXPORTER_OTLP_ENDPOINT: "},
		{insecure: "yes", want: destination{url: ownHTTP}, err: `OTEL_EXPORTER_OTLP_INSECURE="yes" is not known; it may be true or false`},
		{protocol: "http/json", want: destination{url: ownHTTP}, err: `OTEL_EXPORTER_OTLP_PROTOCOL="http/json" is not known; it may be grpc or http/protobuf`},
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", test.endpoint)
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", test.traces)
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
		t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", test.insecure)
		t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", test.certificate)
		got, errs := traces.destination()
		err := errors.Join(errs...)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: got %+v, %v", test, got, err)
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE"} {
		t.Run(name, func(t *testing.T) { // which only TLS takes
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "clew:4318")
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "")
			t.Setenv(name, "client.pem")
			if got, errs := traces.destination(); got.url != "https://clew:4318/v1/traces" || errs != nil {
				t.Errorf("%+v, %v", got, errs)
			}
		})
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://clew:4318")
	if got, errs := logs.destination(); got != (destination{url: "https://clew:4318/v1/logs"}) || errs == nil {
		t.Errorf("logs go to %+v", got)
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

// What the SDK leaves out without an error, or only logs. It is told once, though spans and logs have it in common.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const known = " is not known; it may be "
	for setting, want := range map[string]string{
		"OTEL_SDK_DISABLED=yes":                                    `OTEL_SDK_DISABLED="yes"` + known + "true or false",
		"OTEL_CONFIG_FILE=otel.yaml":                               "OTEL_CONFIG_FILE is not read; set the variables that it would replace",
		"OTEL_TRACES_EXPORTER=zipkin":                              `OTEL_TRACES_EXPORTER="zipkin"` + known + "otlp or none",
		"OTEL_LOGS_EXPORTER=console":                               `OTEL_LOGS_EXPORTER="console"` + known + "otlp or none",
		"OTEL_EXPORTER_OTLP_TIMEOUT=10s":                           `OTEL_EXPORTER_OTLP_TIMEOUT="10s"` + known + "a number of milliseconds",
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=-1":                     `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="-1"` + known + "a number of milliseconds",
		"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=-1":                       `OTEL_EXPORTER_OTLP_LOGS_TIMEOUT="-1"` + known + "a number of milliseconds",
		"OTEL_EXPORTER_OTLP_COMPRESSION=zstd":                      `OTEL_EXPORTER_OTLP_COMPRESSION="zstd"` + known + "gzip or none",
		"OTEL_EXPORTER_OTLP_HEADERS=a=b,hush":                      "OTEL_EXPORTER_OTLP_HEADERS: entry 2 is no NAME=VALUE of a header; in values %2C is a comma",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS=api-key=hush%":          "OTEL_EXPORTER_OTLP_TRACES_HEADERS: the value of api-key is not percent-encoded as it should be; %25 is a percent sign",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=" + dir + "/x.pem":         "OTEL_EXPORTER_OTLP_CERTIFICATE: open " + dir + "/x.pem: no such file or directory",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=" + empty:                  "OTEL_EXPORTER_OTLP_CERTIFICATE: " + empty + " has no certificate in PEM",
		"OTEL_EXPORTER_OTLP_CLIENT_KEY=" + empty:                   "OTEL_EXPORTER_OTLP_CLIENT_KEY is set alone; a client's certificate and its key go together",
		"OTEL_RESOURCE_ATTRIBUTES=team=50%,a=b":                    "OTEL_RESOURCE_ATTRIBUTES: the value of team is not percent-encoded as it should be; %25 is a percent sign",
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=many":                     `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="many"` + known + "a number",
		"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=many":                `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT="many"` + known + "a number",
		"OTEL_BLRP_MAX_QUEUE_SIZE=0":                               `OTEL_BLRP_MAX_QUEUE_SIZE="0"` + known + "a number above 0",
		"OTEL_PROPAGATORS=carrier-pigeon":                          `OTEL_PROPAGATORS="carrier-pigeon"` + known + "tracecontext, baggage, b3, b3multi, jaeger or none",
		"OTEL_SDK_DISABLED=False":                                  "",
		"OTEL_EXPORTER_OTLP_TIMEOUT=5000":                          "",
		"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=gzip":               "",
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x,x-y=": "",
		"OTEL_RESOURCE_ATTRIBUTES=team=blue%2Cgreen":               "",
		"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=-1":                "",
		"OTEL_BLRP_EXPORT_TIMEOUT=0":                               "",
		"OTEL_PROPAGATORS=none":                                    "",
	} {
		t.Run(setting, func(t *testing.T) {
			name, value, _ := strings.Cut(setting, "=")
			t.Setenv(name, value)
			var logged bytes.Buffer
			shutdown, err := Setup(t.Context(), WithLogs(), WithErrorLogger(slog.New(slog.NewTextHandler(&logged, nil))))
			if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
				t.Errorf("the error is\n%v, want\n%s", err, want)
			}
			if fields := otel.GetTextMapPropagator().Fields(); slices.Contains(fields, "traceparent") == strings.HasSuffix(setting, "=none") {
				t.Errorf("propagated are %q", fields)
			}
			if _, span := otel.Tracer("test").Start(t.Context(), "x"); !span.SpanContext().IsSampled() {
				t.Error("nothing is sampled")
			}
			if err := shutdown(t.Context()); err != nil || logged.Len() > 0 {
				t.Errorf("%v, logged %s", err, logged.String())
			}
		})
	}
}

func TestLimitsOfSpans(t *testing.T) {
	t.Setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2")
	t.Setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
	t.Setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "1")
	t.Setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "0")
	spans := tracetest.NewInMemoryExporter()
	shutdown := setup(t, WithExporter(keep{spans}))
	_, span := otel.Tracer("test").Start(t.Context(), "x", trace.WithLinks(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})}))
	span.SetAttributes(attribute.String("a", "12345"), attribute.Int("b", 1), attribute.Int("c", 1))
	span.AddEvent("first")
	span.AddEvent("second")
	span.End()
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := spans.GetSpans()[0]
	if len(got.Attributes) != 2 || got.Attributes[0].Value.AsString() != "123" || got.DroppedAttributes != 1 || len(got.Events) != 1 || len(got.Links) != 0 {
		t.Errorf("%+v", got)
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
				if (err == nil) != (v == "1" || v == "0" && !strings.HasSuffix(name, "_SIZE")) || err != nil && !strings.Contains(err.Error(), name) {
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
