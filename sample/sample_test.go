package sample

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/span"
)

const strategiesFile = `{
  "default_strategy": {"type": "probabilistic", "param": 0.5, "operation_strategies": [
    {"operation": "/health", "type": "probabilistic", "param": 0.0},
    {"operation": "/metrics", "type": "probabilistic", "param": 0.0}]},
  "service_strategies": [
    {"service": "foo", "type": "probabilistic", "param": 0.8, "operation_strategies": [
      {"operation": "op1", "type": "probabilistic", "param": 0.2},
      {"operation": "/health", "type": "probabilistic", "param": 1},
      {"operation": "op3", "type": "ratelimiting", "param": 3}]},
    {"service": "bar", "type": "ratelimiting", "param": 5.9},
    {"service": "odd", "type": "sometimes", "param": 7}
  ]
}`

func TestStrategies(t *testing.T) {
	s, err := ParseStrategies([]byte(strategiesFile), 0.01)
	if err != nil {
		t.Fatal(err)
	}
	per := func(deflt string, rest string) string {
		return `"operationSampling":{"defaultSamplingProbability":` + deflt + `,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[` + rest +
			`],"defaultUpperBoundTracesPerSecond":0}}`
	}
	operation := func(name, rate string) string {
		return `{"operation":"` + name + `","probabilisticSampling":{"samplingRate":` + rate + `}}`
	}
	both := operation("/health", "0") + "," + operation("/metrics", "0")
	for service, want := range map[string]string{
		"": `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},` + per("0.5", both),
		"foo": `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.8},` +
			per("0.8", operation("op1", "0.2")+","+operation("/health", "1")+","+operation("/metrics", "0")),
		"bar": `{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5},` + per("0.5", both),
		"odd": `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.01},` + per("0.01", both),
	} {
		r, named := s.Of(service)
		if got, err := strategyJSON(r); got != want || err != nil || named != (service != "") {
			t.Errorf("%q: got  %s, %v\nwant %s", service, got, err, want)
		}
	}
	if got := strings.Join(s.warnings, "\n"); got !=
		`service_strategies[0].operation_strategies[2]: operations can only be sampled with type probabilistic, not "ratelimiting"; it is left out
service_strategies[2]: type "sometimes" is neither probabilistic nor ratelimiting; probability 0.01 is used` {
		t.Errorf("warnings:\n%s", got)
	}
	if got := fmt.Sprint(s.Services()); got != "[bar foo odd]" {
		t.Errorf("services: %s", got)
	}
}

// Services whose strategies limit their rate, have no type or no operations of their own are told what Jaeger tells them.
func TestStrategiesWithOperations(t *testing.T) {
	s, err := ParseStrategies([]byte(`{
	  "default_strategy": {"type": "probabilistic", "param": 0.2, "operation_strategies": [
	    {"operation": "/health", "type": "probabilistic", "param": 0.1}, {"operation": "spam", "type": "ratelimiting", "param": 1}]},
	  "service_strategies": [
	    {"service": "plain", "type": "probabilistic", "param": 1},
	    {"service": "limited", "type": "ratelimiting", "param": 3},
	    {"service": "both", "type": "ratelimiting", "param": 5, "operation_strategies": [
	      {"operation": "op3", "type": "probabilistic", "param": 0.3}, {"operation": "op4", "type": "ratelimiting", "param": 100}]},
	    {"service": "untyped", "operation_strategies": [{"operation": "op1", "type": "probabilistic", "param": 0.25}]}]}`), 0.001)
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]string{
		"plain":   "PROBABILISTIC 1, 0: 1 [/health 0.1]",
		"limited": "RATE_LIMITING 0, 3: 0.2 [/health 0.1]",
		"both":    "RATE_LIMITING 0, 5: 0.001 [op3 0.3 /health 0.1]",
		"untyped": "PROBABILISTIC 0.001, 0: 0.001 [op1 0.25 /health 0.1]",
		"other":   "PROBABILISTIC 0.2, 0: 0.2 [/health 0.1]",
	} {
		r, _ := s.Of(service)
		var operations []string
		for _, o := range r.GetOperationSampling().GetPerOperationStrategies() {
			operations = append(operations, fmt.Sprint(o.Operation, " ", o.ProbabilisticSampling.SamplingRate))
		}
		if got := fmt.Sprintf("%v %v, %d: %v %v", r.StrategyType, r.GetProbabilisticSampling().GetSamplingRate(), r.GetRateLimitingSampling().GetMaxTracesPerSecond(),
			r.GetOperationSampling().GetDefaultSamplingProbability(), operations); got != want {
			t.Errorf("%s: %s, want %s", service, got, want)
		}
	}
}

func TestNoStrategies(t *testing.T) {
	for _, text := range []string{"", " \n", "null", "{}", `{"service_strategies":[]}`} {
		s, err := ParseStrategies([]byte(text), 0.001)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := s.Of("x")
		if got, _ := strategyJSON(r); got != `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.001}}` {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestBadStrategies(t *testing.T) {
	for text, want := range map[string]string{
		`"nonsense"`:                            "line 1: the file: expected object, not string",
		"{\n\"default_strategy\":\n[]}":         "line 3: default_strategy: expected object, not array",
		`{"default_strategy":{"param":"0.5"}}`:  "line 1: default_strategy.param: expected number, not string",
		"{":                                     "line 1: unexpected end of JSON input",
		`{"service_strategies":[null]}`:         "service_strategies[0]: service is not set",
		`{"service_strategies":[{"type":"x"}]}`: "service_strategies[0]: service is not set",
		`{"default_strategy":{"type":"probabilistic","param":1.5}}`:                                       "default_strategy: param 1.5 is no probability; it has to be from 0 to 1",
		`{"default_strategy":{"type":"ratelimiting","param":-1}}`:                                         "default_strategy: param -1 is no number of traces per second",
		`{"default_strategy":{"type":"probabilistic","operation_strategies":[{"type":"probabilistic"}]}}`: "default_strategy.operation_strategies[0]: operation is not set",
	} {
		if _, err := ParseStrategies([]byte(text), 0.001); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func FuzzStrategies(f *testing.F) {
	f.Add(strategiesFile, "foo")
	f.Fuzz(func(t *testing.T, text, service string) {
		s, err := ParseStrategies([]byte(text), 0.5)
		if err != nil {
			return
		}
		r, _ := s.Of(service)
		if _, err := strategyJSON(r); err != nil {
			t.Error(err)
		}
	})
}

func TestSourceKeepsTheLastGoodFile(t *testing.T) {
	var logged strings.Builder
	log := slog.New(slog.NewTextHandler(&logged, nil))
	path := filepath.Join(t.TempDir(), "strategies.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewSource(t.Context(), path, 0.5, http.DefaultClient, log); err == nil {
		t.Error("a file that is not there is no error")
	}
	write(strategiesFile)
	s, err := NewSource(t.Context(), path, 0.5, http.DefaultClient, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, named := s.Current().Of("foo"); !named {
		t.Error("foo is not read")
	}
	write("{")
	if err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), path+": line 1:") {
		t.Errorf("a bad file: %v", err)
	}
	if !strings.Contains(s.Problem(), "line 1") {
		t.Errorf("the problem is %q", s.Problem())
	}
	write("\n") // as while it is being written
	if err := s.Reload(t.Context()); err == nil || s.Problem() != path+": the file is empty" {
		t.Errorf("an empty file: %v", err)
	}
	if _, named := s.Current().Of("foo"); !named {
		t.Error("foo is gone with a bad file")
	}
	write(`{"service_strategies":[{"service":"new","type":"probabilistic","param":1}], "default": {}}`)
	if err := s.Reload(t.Context()); err != nil || s.Problem() != "" {
		t.Fatal(err, s.Problem())
	}
	if !strings.Contains(logged.String(), `unknown field \"default\", which means nothing`) {
		t.Errorf("the log does not warn of a field that is not known:\n%s", &logged)
	}
	if _, named := s.Current().Of("new"); !named {
		t.Error("new is not read")
	}
	if !strings.Contains(logged.String(), "operations can only be sampled") {
		t.Errorf("the log does not warn:\n%s", &logged)
	}
}

// What is wrong with a file is told when it begins and ends, not at each reading.
func TestSourceTellsAProblemOnce(t *testing.T) {
	read := make(chan int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch <-read {
		case 0:
			io.WriteString(w, strategiesFile)
		case 1:
			w.WriteHeader(http.StatusNotFound)
		case 2:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	var logged strings.Builder
	go func() { read <- 0 }()
	s, err := NewSource(t.Context(), server.URL, 0.5, http.DefaultClient, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { s.Watch(ctx, time.Millisecond) })
	for _, answer := range []int{0, 1, 1, 1, 2, 1, 1, 0, 0, 0} {
		read <- answer
	}
	cancel()
	close(read)
	watch.Wait()
	for want, n := range map[string]int{"404 Not Found": 2, "403 Forbidden": 1, "can be read again": 1, "strategies are read": 1} {
		if got := strings.Count(logged.String(), want); got != n {
			t.Errorf("%q is told %d times, want %d:\n%s", want, got, n, &logged)
		}
	}
}

func TestSourceOfURL(t *testing.T) {
	code := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		if code == http.StatusOK {
			io.WriteString(w, strategiesFile)
		}
	}))
	defer server.Close()
	s, err := NewSource(t.Context(), server.URL, 0.5, http.DefaultClient, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	code = http.StatusNotFound
	if err := s.Reload(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "answers 404 Not Found") {
		t.Errorf("404: %v", err)
	}
	if _, named := s.Current().Of("foo"); !named {
		t.Error("foo is gone with an answer of 404")
	}
	code = http.StatusServiceUnavailable
	if err := s.Reload(t.Context()); err == nil || !strings.HasSuffix(s.Problem(), "answers 503 Service Unavailable") {
		t.Errorf("%v, %q", err, s.Problem())
	}
	if _, named := s.Current().Of("foo"); !named {
		t.Error("foo is gone while the URL is unavailable")
	}
	s, err = NewSource(t.Context(), server.URL, 0.5, http.DefaultClient, slog.New(slog.DiscardHandler))
	if err != nil || s.Problem() == "" {
		t.Fatalf("a URL that is unavailable at the start: %v, %q", err, s.Problem())
	}
	if r, _ := s.Current().Of("foo"); r.GetProbabilisticSampling().GetSamplingRate() != 0.5 {
		t.Errorf("foo is told %v", r)
	}
	code = http.StatusOK
	if err := s.Reload(t.Context()); err != nil || s.Problem() != "" {
		t.Errorf("%v, %q", err, s.Problem())
	}
	if _, named := s.Current().Of("foo"); !named {
		t.Error("foo is not there when the URL is")
	}
}

func newHead(t *testing.T, strategies string, adaptive *Adaptive) *Head {
	t.Helper()
	path := filepath.Join(t.TempDir(), "strategies.json")
	if err := os.WriteFile(path, []byte(strategies), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewSource(t.Context(), path, 0.001, http.DefaultClient, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return NewHead(s, adaptive, slog.New(slog.DiscardHandler))
}

func TestHTTP(t *testing.T) {
	h := Handler(newHead(t, strategiesFile, nil))
	for _, c := range []struct {
		method, url string
		code        int
		want        string
	}{
		{"GET", "/sampling?service=bar", 200, `{"strategyType":"RATE_LIMITING",`},
		{"GET", "/?service=bar", 200, `{"strategyType":"RATE_LIMITING",`},
		{"GET", "/api/sampling?service=other", 200, `{"strategyType":"PROBABILISTIC",`},
		{"GET", "/sampling", 400, "'service' parameter must be provided once"},
		{"GET", "/sampling?service=a&service=b", 400, "'service' parameter must be provided once"},
		{"POST", "/sampling?service=a", 405, "method POST is not allowed"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.url, nil))
		if w.Code != c.code || !strings.HasPrefix(w.Body.String(), c.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", c.method, c.url, w.Code, w.Body, c.code, c.want)
		}
	}
}

// Jaeger's published client reads the strategies.
func TestGRPC(t *testing.T) {
	server := grpc.NewServer()
	Register(server, newHead(t, strategiesFile, nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Stop()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := api_v2.NewSamplingManagerClient(conn)
	r, err := client.GetSamplingStrategy(t.Context(), &api_v2.SamplingStrategyParameters{ServiceName: "foo"})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.GetProbabilisticSampling().GetSamplingRate(); got != 0.8 {
		t.Errorf("foo samples %v", got)
	}
	if n := len(r.GetOperationSampling().GetPerOperationStrategies()); n != 3 {
		t.Errorf("foo has %d operations, want 3", n)
	}
	if _, err := client.GetSamplingStrategy(t.Context(), &api_v2.SamplingStrategyParameters{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no service: %v", err)
	}
}

func newAdaptive(t *testing.T, path string) *Adaptive {
	t.Helper()
	a, err := NewAdaptive(DefaultAdaptive(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Fifty operations from a request in ten seconds to 5,000 in one are sampled at
// about the target within ten minutes, by SDKs that write their threshold and
// by those that write nothing and take some spans in any case.
func TestAdaptiveReachesItsTarget(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprintf("threshold=%t", told), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			a := newAdaptive(t, "")
			const operations = 50
			rates := make([]float64, operations) // requests in a second
			for i := range rates {
				rates[i] = 0.1 * math.Pow(50_000, float64(i)/(operations-1))
			}
			probability := func(i int) float64 {
				for _, o := range a.Strategy("shop").OperationSampling.PerOperationStrategies {
					if o.Operation == fmt.Sprint(i) {
						return o.ProbabilisticSampling.SamplingRate
					}
				}
				return DefaultAdaptive().InitialProbability
			}
			for range 10 { // minutes
				for i, rate := range rates {
					p := probability(i)
					n := poisson(rng, rate*p*60)
					weight := 0.0
					if told {
						weight = 1 / p
					}
					for range n {
						a.Observe("shop", fmt.Sprint(i), weight)
					}
					if n == 0 && rate*60 >= 1 { // the lower bound takes one, of which nothing is known
						a.Observe("shop", fmt.Sprint(i), 0)
					}
				}
				if err := a.Calculate(); err != nil {
					t.Fatal(err)
				}
			}
			for i, rate := range rates {
				want := min(rate, 1) // samples in a second
				if got := rate * probability(i); math.Abs(got-want) > 0.3*want {
					t.Errorf("of %.2f requests in a second %.3f are sampled, want %.3f", rate, got, want)
				}
			}
		})
	}
}

// poisson returns a random number of events with a mean.
func poisson(rng *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	n, left := 0, math.Exp(-mean)
	for p := rng.Float64(); p > left; p *= rng.Float64() {
		n++
	}
	return n
}

func TestAdaptiveKeepsItsState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sampling.json")
	a := newAdaptive(t, path)
	a.Observe("shop", "buy", 0)
	if err := a.Calculate(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(a.Probabilities())
	if got := fmt.Sprint(newAdaptive(t, path).Probabilities()); got != want {
		t.Errorf("after a restart %s, want %s", got, want)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := newAdaptive(t, path).Probabilities(); len(got) != 0 {
		t.Errorf("out of a damaged file came %v", got)
	}
}

func TestAdaptiveForgets(t *testing.T) {
	a := newAdaptive(t, "")
	a.Observe("shop", "buy", 1)
	for range idleIntervals + 2 {
		if err := a.Calculate(); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.Probabilities(); len(got) != 0 {
		t.Errorf("it still knows %v", got)
	}
}

func TestAdaptiveIsBounded(t *testing.T) {
	cfg := DefaultAdaptive()
	cfg.MaxOperations = 2
	a, err := NewAdaptive(cfg, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		a.Observe("shop", fmt.Sprint("buy ", i), 1)
	}
	if got := a.Probabilities(); len(got) != 2 {
		t.Errorf("it follows %v", got)
	}
}

// What the file names is told as the file has it; others are adapted, by the
// root spans of batches.
func TestHead(t *testing.T) {
	a := newAdaptive(t, "")
	h := newHead(t, `{"service_strategies":[{"service":"fixed","type":"probabilistic","param":1}]}`, a)
	var b span.Batch
	root := span.Span{TraceID: span.TraceID{1}, SpanID: span.SpanID{1}, Name: "buy", TraceState: "ot=th:c",
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}}}
	child := root
	child.SpanID, child.Parent, child.Name = span.SpanID{2}, span.SpanID{1}, "charge"
	b.Append(&root)
	b.Append(&child)
	h.Observe("a", &b)
	if err := a.Calculate(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(a.Probabilities()); got != "[{shop buy 0.002 0.06666666666666667}]" { // 4 requests in a minute
		t.Errorf("probabilities: %s", got)
	}
	for service, want := range map[string]string{
		"fixed": `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}`,
		"shop": `{"strategyType":"PROBABILISTIC","operationSampling":{"defaultSamplingProbability":0.001,"defaultLowerBoundTracesPerSecond":0.016666666666666666,` +
			`"perOperationStrategies":[{"operation":"buy","probabilisticSampling":{"samplingRate":0.002}}],"defaultUpperBoundTracesPerSecond":0}}`,
	} {
		if got, err := strategyJSON(h.Strategy(service)); got != want || err != nil {
			t.Errorf("%s: got  %s, %v\nwant %s", service, got, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.Run(ctx, 0) // returns
}

func TestAdaptiveConfig(t *testing.T) {
	for name, change := range map[string]func(*AdaptiveConfig){
		"target":      func(c *AdaptiveConfig) { c.TargetSamplesPerSecond = 0 },
		"tolerance":   func(c *AdaptiveConfig) { c.DeltaTolerance = math.NaN() },
		"interval":    func(c *AdaptiveConfig) { c.CalculationInterval = 0 },
		"initial":     func(c *AdaptiveConfig) { c.InitialProbability = 2 },
		"lower bound": func(c *AdaptiveConfig) { c.MinSamplesPerSecond = -1 },
	} {
		cfg := DefaultAdaptive()
		change(&cfg)
		if _, err := NewAdaptive(cfg, "", slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

// What an overview tells of services that nothing is said of is what they are told.
func TestOverviewOfOthers(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	source, err := NewSource(t.Context(), "", .5, http.DefaultClient, log)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultAdaptive()
	cfg.InitialProbability = .125
	adaptive, err := NewAdaptive(cfg, filepath.Join(t.TempDir(), "sampling.json"), log)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		adaptive *Adaptive
		want     float64
	}{{nil, .5}, {adaptive, .125}} {
		if got := NewHead(source, c.adaptive, log).Overview().Default; got.Type != "probabilistic" || got.Param != c.want {
			t.Errorf("%+v, want a probability of %v", got, c.want)
		}
	}
}
