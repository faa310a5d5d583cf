package clew

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The table of the specification, for a precision of four digits.
func TestThresholds(t *testing.T) {
	for n, want := range map[float64]string{1: "0", 2: "8", 3: "aaab", 4: "c", 5: "cccd", 8: "e", 10: "e666", 16: "f", 100: "fd70a",
		1000: "ffbe77", 10000: "fff9724", 100000: "ffff583a", 1000000: "ffffef39"} {
		if got := thresholdText(threshold(1 / n)); got != want {
			t.Errorf("1 in %g has the threshold %s, want %s", n, got, want)
		}
	}
	for left, want := range map[float64]string{0.01: "028f6", 0.0001: "00068dc", 0x1p-40: "0000000001", 0x456789ap-40: "0004568"} {
		if got := thresholdText(threshold(1 - left)); got != want {
			t.Errorf("all but %g have the threshold %s, want %s", left, got, want)
		}
	}
	for _, p := range []float64{0, -1, math.NaN(), 0x1p-60} {
		if got := threshold(p); got != allTraces {
			t.Errorf("the probability %g leaves out %x", p, got)
		}
	}
	if got := threshold(0x1p-56); got != allTraces-1 {
		t.Errorf("the smallest probability leaves out %x", got)
	}
	if got := threshold(0.99999999); got >= 1<<48 {
		t.Errorf("about all leaves out %x", got)
	}
}

// decide asks a sampler about a trace with this randomness, below a parent with this trace state.
func decide(t *testing.T, s sdktrace.Sampler, random uint64, parent string, flags trace.TraceFlags, remote bool) (bool, string) {
	t.Helper()
	var id trace.TraceID
	binary.BigEndian.PutUint64(id[:], 0xfeedface)
	binary.BigEndian.PutUint64(id[8:], 0xab<<56|random)
	ctx := t.Context()
	if parent != "none" {
		state, err := trace.ParseTraceState(parent)
		if err != nil {
			t.Fatal(err)
		}
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: flags, TraceState: state, Remote: remote}))
	}
	r := s.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: id, Name: "GET /"})
	return r.Decision == sdktrace.RecordAndSample, r.Tracestate.String()
}

func TestProbabilitySampler(t *testing.T) {
	for _, test := range []struct {
		random      uint64
		parent      string
		wantSampled bool
		want        string
	}{
		{0xc0000000000000, "none", true, "ot=th:c"},
		{0xbfffffffffffff, "none", false, ""},
		{0, "ot=rv:ffffffffffffff", true, "ot=th:c;rv:ffffffffffffff"},
		{0xffffffffffffff, "ot=rv:00000000000000;x:1,a=b", false, "ot=rv:00000000000000;x:1,a=b"},
		{0xffffffffffffff, "a=b,ot=th:8;x:1", true, "ot=th:c;x:1,a=b"},
		{0, "a=b,ot=th:0", false, "a=b"},
		{0, "a=b,ot=x:1", false, "a=b,ot=x:1"},
		{0xffffffffffffff, "ot=rv:short", true, "ot=th:c;rv:short"},
		{0xffffffffffffff, "ot=x:" + strings.Repeat("y", 252), true, "ot=x:" + strings.Repeat("y", 252)}, // no room
	} {
		sampled, state := decide(t, newProbability(0.25), test.random, test.parent, 0, true)
		if sampled != test.wantSampled || state != test.want {
			t.Errorf("%x below %q: %t with %q, want %t with %q", test.random, test.parent, sampled, state, test.wantSampled, test.want)
		}
	}
	if sampled, _ := decide(t, newProbability(0), 0xffffffffffffff, "none", 0, false); sampled {
		t.Error("a probability of 0 samples")
	}
	if sampled, state := decide(t, newProbability(1), 0, "none", 0, false); !sampled || state != "ot=th:0" {
		t.Errorf("a probability of 1 samples %t with %q", sampled, state)
	}
}

func TestSamplersOfTheEnvironment(t *testing.T) {
	const most, least = uint64(0xffffffffffffff), uint64(0)
	var answer atomic.Value
	answer.Store(`{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}`)
	for _, test := range []struct {
		name, arg string
		random    uint64
		parent    string
		flags     trace.TraceFlags
		remote    bool
		want      bool
		wantState string
	}{
		{"", "", least, "none", 0, false, true, "ot=th:0"},
		{"", "", least, "a=b", 0, true, false, "a=b"},
		{"", "", least, "a=b", 1, true, true, "a=b"},
		{"always_on", "", least, "a=b,ot=th:c", 0, true, true, "ot=th:0,a=b"},
		{"always_off", "", most, "none", 0, false, false, ""},
		{"TraceIdRatio", "0.5", least, "none", 0, false, false, ""},
		{"traceidratio", "0.5", least, "a=b", 1, true, false, "a=b"},
		{"traceidratio", "", least, "none", 0, false, true, "ot=th:0"},
		{"parentbased_traceidratio", "0.5", most, "none", 0, false, true, "ot=th:8"},
		{"parentbased_traceidratio", "0.5", least, "none", 0, false, false, ""},
		{"parentbased_traceidratio", "0.5", least, "", 1, true, true, ""},                          // of an unknown probability
		{"parentbased_traceidratio", "0.5", most, "a=b,ot=th:c", 1, true, true, "a=b,ot=th:c"},     // the parent's threshold
		{"parentbased_traceidratio", "0.5", most, "ot=th:c", 1, false, true, "ot=th:c"},            // also within a process
		{"parentbased_traceidratio", "0.5", least, "ot=th:c;x:1,a=b", 1, true, true, "ot=x:1,a=b"}, // contradicts the decision
		{"parentbased_traceidratio", "0.5", least, "ot=th:nonsense,a=b", 1, true, true, "a=b"},     // is none
		{"parentbased_traceidratio", "0.5", least, "ot=rv:c0000000000000;th:c", 1, true, true, "ot=rv:c0000000000000;th:c"},
		{"parentbased_jaeger_remote", "", most, "a=b,ot=th:c", 1, true, true, "a=b,ot=th:c"},
		{"parentbased_jaeger_remote", "", most, "ot=th:c", 1, false, true, "ot=th:c"},
		{"parentbased_jaeger_remote", "", least, "ot=th:c", 1, true, true, ""},
		{"parentbased_jaeger_remote", "", most, "a=b", 0, true, false, "a=b"},
		{"parentbased_always_off", "", most, "none", 0, false, false, ""},
		{"parentbased_always_off", "", most, "ot=th:c", 1, true, true, "ot=th:c"},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", test.name)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", test.arg)
		if strings.HasSuffix(test.name, "jaeger_remote") {
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", "endpoint="+strategies(t, &answer))
		}
		s, closeSampler, err := samplerFromEnv("shop")
		if err != nil {
			t.Fatal(err)
		}
		got, state := decide(t, s, test.random, test.parent, test.flags, test.remote)
		if got != test.want || state != test.wantState {
			t.Errorf("%+v: %t with %q", test, got, state)
		}
		closeSampler()
	}
}

func TestSamplerMistakes(t *testing.T) {
	for name, arg := range map[string]string{"traceidratio": "half", "parentbased_traceidratio": "1.5", "parentbased_": "", "xray": ""} {
		t.Setenv("OTEL_TRACES_SAMPLER", name)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", arg)
		s, _, err := samplerFromEnv("shop")
		if err == nil || !strings.Contains(err.Error(), "it may be") {
			t.Errorf("%s of %q: %v", name, arg, err)
		}
		if sampled, _ := decide(t, s, 0, "none", 0, false); !sampled {
			t.Errorf("%s of %q: nothing is sampled", name, arg)
		}
	}
	for _, arg := range []string{"endpoint=http://", "pollingIntervalMs=soon", "initialSamplingRate=7", "speed=3"} {
		r, err := newRemoteSampler("shop", arg)
		if err == nil {
			t.Errorf("%q is taken", arg)
		}
		r.close()
	}
}

// strategies is a server of sampling strategies.
func strategies(t *testing.T, answer *atomic.Value) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sampling" || r.FormValue("service") != "shop" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, answer.Load())
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestRemoteSampler(t *testing.T) {
	var answer atomic.Value
	answer.Store(`{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.25}}`)
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "endpoint="+strategies(t, &answer)+",pollingIntervalMs=3600000,initialSamplingRate=0.5")
	s, err := newRemoteSampler("shop", "endpoint=http://127.0.0.1:1,initialSamplingRate=0.5")
	if err != nil {
		t.Fatal(err)
	}
	if sampled, state := decide(t, s, 0x80000000000000, "none", 0, false); !sampled || state != "ot=th:8" {
		t.Errorf("before there is an answer: %t with %q", sampled, state)
	}
	s.close()

	s, err = newRemoteSampler("shop", "endpoint="+strategies(t, &answer))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, test := range []struct {
		strategy string
		random   uint64
		parent   string
		want     bool
		state    string
	}{
		{"", 0xc0000000000000, "none", true, "ot=th:c"},
		{"", 0xbfffffffffffff, "none", false, ""},
		{"", 0xffffffffffffff, "ot=rv:00000000000000", false, "ot=rv:00000000000000"},
		{"", 0, "ot=rv:c0000000000000,a=b", true, "ot=th:c;rv:c0000000000000,a=b"},
		{`{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}`, 0, "none", true, "ot=th:0"},
		{`{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}`, 0, "a=b", true, "a=b"},
		{`{"operationSampling":{"defaultSamplingProbability":1,"perOperationStrategies":[{"operation":"GET /","probabilisticSampling":{"samplingRate":0.5}}]}}`,
			0x7fffffffffffff, "none", false, ""},
		{"", 0x80000000000000, "none", true, "ot=th:8"},
	} {
		if test.strategy != "" {
			answer.Store(test.strategy)
		}
		s.sampler.UpdateSampler()
		if sampled, state := decide(t, s, test.random, test.parent, 0, true); sampled != test.want || state != test.state {
			t.Errorf("%s: %x below %q: %t with %q, want %t with %q", answer.Load(), test.random, test.parent, sampled, state, test.want, test.state)
		}
	}
}

// What the contrib sampler keeps are exactly the traces that are not below the threshold that is written.
func TestRemoteThresholdIsWhatDecides(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := math.Pow(rnd.Float64(), 4)
		s := &remoteSampler{}
		at := exactThreshold(p)
		for _, random := range []uint64{0, at - 1, at, at + 1, allTraces - 1, rnd.Uint64() % allTraces} {
			if random >= allTraces {
				continue
			}
			var id trace.TraceID
			binary.BigEndian.PutUint64(id[8:], mirrored(random))
			got := sdktrace.TraceIDRatioBased(p).ShouldSample(sdktrace.SamplingParameters{ParentContext: t.Context(), TraceID: id})
			if (got.Decision == sdktrace.RecordAndSample) != (random >= at) {
				t.Fatalf("p=%g: %x against the threshold %x is %v", p, random, at, got.Decision)
			}
		}
		if th := otValue(s.told(p, trace.TraceState{}), "th"); th != thresholdText(at) {
			t.Fatalf("p=%g is told as %s", p, th)
		}
	}
}
