package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/clewhq/clew/sample"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

// The sampler that the OpenTelemetry SDK for Go has for Jaeger does as it is told.
func TestRemoteSampler(t *testing.T) {
	strategies := filepath.Join(t.TempDir(), "strategies.json")
	if err := os.WriteFile(strategies, []byte(`{"default_strategy":{"type":"probabilistic","param":1,
		"operation_strategies":[{"operation":"/health","type":"probabilistic","param":0}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "--data-dir", t.TempDir(), "--sampling.strategies="+strategies)
	sampler := jaegerremote.New("shop",
		jaegerremote.WithSamplingServerURL(s.url("sampling-http", "/sampling")),
		jaegerremote.WithSamplingRefreshInterval(time.Millisecond),
		jaegerremote.WithInitialSampler(sdktrace.NeverSample()))
	defer sampler.Close()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler)).Tracer("test")
	for sampled := false; !sampled; { // until it has asked once
		_, span := tracer.Start(t.Context(), "/buy")
		sampled = span.SpanContext().IsSampled()
		span.End()
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if _, span := tracer.Start(t.Context(), "/health"); span.SpanContext().IsSampled() {
			t.Fatal("/health is sampled, which the strategy forbids")
		}
	}
}

// Root spans that arrive give their operation a probability of its own.
func TestAdaptiveSampling(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--sampling.adaptive=on", "--sampling.calculation-interval=1ms")
	var req coltrace.ExportTraceServiceRequest
	if err := protojson.Unmarshal([]byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
		"scopeSpans":[{"spans":[{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","name":"buy","traceState":"ot=th:0"}]}]}]}`), &req); err != nil {
		t.Fatal(err)
	}
	if _, err := traceClient(t, s.addrs["otlp-grpc"]).Export(t.Context(), &req); err != nil {
		t.Fatal(err)
	}
	code, body := get(t, s.url("sampling-http", "/sampling?service=shop"))
	if want := `"perOperationStrategies":[{"operation":"buy",`; code != 200 || !strings.Contains(string(body), want) {
		t.Errorf("%d %s, want %s", code, body, want)
	}
}

func TestDrawSampling(t *testing.T) {
	overview := sample.Overview{
		Default:  sample.ServiceStrategy{Type: "probabilistic", Param: 1, Operations: []sample.OperationStrategy{{Operation: "/health", Probability: 0}}},
		Services: []sample.ServiceStrategy{{Service: "shop", Type: "ratelimiting", Param: 5}},
		Adaptive: &sample.AdaptiveOverview{Operations: []sample.Probability{{Service: "web", Operation: "buy", Probability: .25, Rate: 4}}},
	}
	for _, c := range []struct {
		only []string
		want string
	}{
		{nil, `
SAMPLED                   REQUESTS  SERVICE, OPERATION
5 traces/s                          shop
adaptive                            web
25.0%                          4/s    buy
100%                                (all others)
0%                                    /health
`},
		{[]string{"web"}, `
SAMPLED                   REQUESTS  SERVICE, OPERATION
adaptive                            web
25.0%                          4/s    buy
`},
		{[]string{"mail"}, `
SAMPLED                   REQUESTS  SERVICE, OPERATION
100%                                mail (by default: nothing is said of it)
0%                                    /health
`},
	} {
		var out strings.Builder
		drawSampling(newScreen(&out), &overview, c.only)
		if got := "\n" + out.String(); got != c.want {
			t.Errorf("%q: got%s\nwant%s", c.only, got, c.want)
		}
	}
}
