package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go"
	zipkinhttp "github.com/openzipkin/zipkin-go/middleware/http"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinreporter "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/sample"
)

// Two services traced by zipkin-go call each other. Client and server share
// the id of their span, which has 64 bits, as Zipkin's API tells afterwards.
func TestZipkinGo(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--span-metrics.enabled=on")
	for _, serializer := range []reporter.SpanSerializer{reporter.JSONSerializer{}, zipkin_proto3.SpanSerializer{}} {
		t.Run(serializer.ContentType(), func(t *testing.T) {
			id := callByZipkin(t, s, serializer)
			if len(id) != 16 {
				t.Errorf("the trace id %s has not 64 bits", id)
			}
			code, body := get(t, s.url("zipkin", "/api/v2/trace/"+id))
			var spans []model.SpanModel
			if err := json.Unmarshal(body, &spans); err != nil || code != http.StatusOK || len(spans) != 3 {
				t.Fatalf("%d %v %s", code, err, body)
			}
			byKind := map[model.Kind]model.SpanModel{}
			for _, s := range spans {
				byKind[s.Kind] = s
			}
			client, server := byKind[model.Client], byKind[model.Server]
			if client.ID == 0 || client.ID != server.ID || client.Shared || !server.Shared || client.LocalEndpoint.ServiceName != "front" || server.LocalEndpoint.ServiceName != "back" {
				t.Errorf("client %+v, server %+v", client, server)
			}
			if server.Tags["http.status_code"] != "418" || client.Timestamp.IsZero() || client.Timestamp.After(server.Timestamp) || client.Duration < server.Duration {
				t.Errorf("the server's tags are %v; %v and %v, %v and %v", server.Tags, client.Timestamp, server.Timestamp, client.Duration, server.Duration)
			}
		})
	}
	const want = `traces_service_graph_request_total{client="front",connection_type="",server="back"} 2`
	if _, body := get(t, s.url("http", "/metrics/spans")); !strings.Contains(string(body), want+"\n") {
		t.Errorf("no %s in\n%s", want, body)
	}
}

// callByZipkin lets one service call another, and returns the id of the trace.
func callByZipkin(t *testing.T, s *testServer, serializer reporter.SpanSerializer) string {
	var reporters []reporter.Reporter
	tracer := func(service string) *zipkin.Tracer {
		r := zipkinreporter.NewReporter(s.url("zipkin", "/api/v2/spans"), zipkinreporter.Serializer(serializer))
		reporters = append(reporters, r)
		endpoint, err := zipkin.NewEndpoint(service, "127.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		tracer, err := zipkin.NewTracer(r, zipkin.WithLocalEndpoint(endpoint), zipkin.WithSharedSpans(true), zipkin.WithTraceID128Bit(false))
		if err != nil {
			t.Fatal(err)
		}
		return tracer
	}
	var id string
	back := httptest.NewServer(zipkinhttp.NewServerMiddleware(tracer("back"))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id = zipkin.SpanFromContext(r.Context()).Context().TraceID.String()
		w.WriteHeader(http.StatusTeapot)
	})))
	defer back.Close()
	client, err := zipkinhttp.NewClient(tracer("front"))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, back.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.DoWithAppSpan(req, "call")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	back.Close() // with which the server's span ends
	for _, r := range reporters {
		if err := r.Close(); err != nil { // which sends what there is
			t.Fatal(err)
		}
	}
	return id
}

// probabilities returns what adaptive sampling tells the operations of a service.
func (s *testServer) probabilities(t *testing.T, service string) map[string]float64 {
	t.Helper()
	code, body := get(t, s.url("http", "/api/clew/v1/sampling"))
	var overview sample.Overview
	if err := json.Unmarshal(body, &overview); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	list := map[string]float64{}
	for _, p := range overview.Adaptive.Operations {
		if p.Service == service {
			list[p.Operation] = p.Probability
		}
	}
	return list
}

// The whole way round: the SDK asks, samples and sends by OTLP; what arrives
// moves the probability, and the SDK samples less.
func TestAdaptiveSamplingOfSDK(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--sampling.adaptive=on", "--sampling.calculation-interval=20ms",
		"--sampling.initial-probability=1", "--sampling.min-samples-per-second=0")
	exporters := map[string]func(context.Context) (*otlptrace.Exporter, error){
		"grpc": func(ctx context.Context) (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(s.addrs["otlp-grpc"]), otlptracegrpc.WithInsecure())
		},
		"http": func(ctx context.Context) (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(s.addrs["otlp-http"]), otlptracehttp.WithInsecure())
		},
	}
	for service, newExporter := range exporters {
		t.Run(service, func(t *testing.T) {
			exporter, err := newExporter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			sampler := jaegerremote.New(service, jaegerremote.WithSamplingServerURL(s.url("sampling-http", "/sampling")),
				jaegerremote.WithSamplingRefreshInterval(10*time.Millisecond), jaegerremote.WithInitialSampler(sdktrace.AlwaysSample()))
			defer sampler.Close()
			provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(10*time.Millisecond)),
				sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
			defer provider.Shutdown(context.WithoutCancel(t.Context()))
			tracer := provider.Tracer("shop")
			left := 0 // requests that are not sampled
			for p := 1.0; p > .5 || left == 0; p = max(s.probabilities(t, service)["buy"], 0) {
				if p == 0 { // nothing has come yet
					p = 1
				}
				for range 100 {
					_, request := tracer.Start(t.Context(), "buy")
					if !request.SpanContext().IsSampled() {
						left++
					}
					request.End()
				}
				if err := t.Context().Err(); err != nil {
					t.Fatal(err)
				}
			}
			if n := s.count(t, "service="+service); n == 0 {
				t.Error("no span is stored")
			}
		})
	}
}

// A sampler that samples consistently says so in the trace state, and what is
// counted is the requests that there were.
func TestConsistentSampling(t *testing.T) {
	const dir, requests = "testdata/consistent", 2000
	python := "PYTHONPATH=" + testkit.Installed(t, []string{dir + "/requirements.txt"}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
	s := startServer(t, "--data-dir", t.TempDir(), "--span-metrics.enabled=on", "--sampling.adaptive=on")
	out := testkit.Run(t, dir, []string{python}, "python3", "shop.py", "shop", s.url("otlp-http", "/v1/traces"), strconv.Itoa(requests))
	sampled, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil || sampled < requests/8 || sampled > requests/2 {
		t.Fatalf("sampled %q of %d", out, requests)
	}
	_, metrics := get(t, s.url("http", "/metrics/spans"))
	for _, name := range []string{"request", "work"} {
		want := fmt.Sprintf(`traces_spanmetrics_calls_total{service="shop",span_kind="SPAN_KIND_INTERNAL",span_name="%s",status_code="STATUS_CODE_UNSET"} %d`, name, 4*sampled)
		if !strings.Contains(string(metrics), want+"\n") {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	if n := s.count(t, "service=shop name=request"); n != min(sampled, 1000) {
		t.Errorf("%d requests are stored, want %d", n, sampled)
	}
}
