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

// What is wrong with files of strategies and policies is told by who is asked how sampling stands.
func TestSamplingTellsBadFiles(t *testing.T) {
	dir := t.TempDir()
	strategies, policies := filepath.Join(dir, "strategies.json"), filepath.Join(dir, "policies.yaml")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strategies, `{"default_strategy": {"type": "probabilistic", "param": 0.5}}`)
	write(policies, "policies:\n- {name: a, type: never}\n- {name: a, type: error}\n")
	tt := &tailTest{t: t, dir: t.TempDir(), policies: policies}
	tt.start("--sampling.strategies", strategies, "--sampling.reload-interval=10ms")
	tt.await("/api/clew/v1/sampling", `line 2: policy \"a\": there is no type \"never\"`)
	write(strategies, `{"default_strategy": []}`)
	tt.await("/api/clew/v1/sampling", `line 1: default_strategy: expected object, not array`)
	out, err := clew("sampling", "--server", tt.addrs["http"])
	want := "The file of strategies is not used as it is now, but as it was before:\n  " + strategies + ": line 1: default_strategy: expected object, not array\n"
	if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "\n50.0% ") || !strings.Contains(out, "nothing is dropped.\n  "+policies+": line 2: ") {
		t.Errorf("clew sampling: %v %s", err, out)
	}
	write(policies, "policies:\n- {name: a, type: error}\n")
	tt.await("/api/clew/v1/sampling", `"policies":["a"]`)
	write(policies, "policies:\n- {name: b, type: errors}\n")
	tt.await("/api/clew/v1/sampling", `there is no type \"errors\"`)
	if out, err := clew("sampling", "--server", tt.addrs["http"]); err != nil || !strings.Contains(out, "  a\nThe file of policies is not used as it is now, but as it was before:\n  "+policies) {
		t.Errorf("clew sampling: %v %s", err, out)
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
