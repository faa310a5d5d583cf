package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/spf13/pflag"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// anyPort are the flags that let every listener take a free port.
var anyPort = []string{"--listen.otlp-grpc=127.0.0.1:0", "--listen.otlp-http=127.0.0.1:0", "--listen.http=127.0.0.1:0", "--listen.grpc=127.0.0.1:0",
	"--listen.tempo=127.0.0.1:0", "--listen.zipkin=127.0.0.1:0", "--listen.jaeger-thrift-http=127.0.0.1:0", "--listen.jaeger-grpc=127.0.0.1:0",
	"--listen.jaeger-compact=127.0.0.1:0", "--listen.jaeger-binary=127.0.0.1:0", "--listen.sampling-http=127.0.0.1:0", "--listen.sampling-grpc=127.0.0.1:0"}

func loadConfig(t *testing.T, args ...string) *config.Config {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(fs)
	if err := fs.Parse(slices.Concat(anyPort, args)); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Sources{Flags: fs})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// testServer is Clew within the test's own process.
type testServer struct {
	addrs map[string]string
	stop  func() error // may be called again
}

// startServer starts Clew with the flags given, and stops it at the end of the test.
func startServer(t *testing.T, args ...string) *testServer {
	t.Helper()
	cfg := loadConfig(t, args...)
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan map[string]string, 1), make(chan error, 1)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	go func() { done <- run(ctx, cfg, log, func(addrs map[string]string) { ready <- addrs }) }()
	s := &testServer{stop: sync.OnceValue(func() error { cancel(); return <-done })}
	select {
	case s.addrs = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}

// url returns the URL of a path on a listener.
func (s *testServer) url(listener, path string) string { return "http://" + s.addrs[listener] + path }

// get returns the status code and the body of an answer.
func get(t *testing.T, url string, header ...string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

func traceClient(t *testing.T, addr string) coltrace.TraceServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return coltrace.NewTraceServiceClient(conn)
}

func decodeRequest(t *testing.T, raw []byte) *coltrace.ExportTraceServiceRequest {
	t.Helper()
	req := new(coltrace.ExportTraceServiceRequest)
	if err := proto.Unmarshal(raw, req); err != nil {
		t.Fatal(err)
	}
	return req
}

// readTrace asks Tempo's API for a trace; it returns nil if there is none.
func (s *testServer) readTrace(t *testing.T, id span.TraceID) []*tracepb.ResourceSpans {
	t.Helper()
	code, body := get(t, s.url("tempo", "/api/traces/"+id.String()), "Accept", "application/protobuf")
	switch code {
	case http.StatusNotFound:
		return nil
	case http.StatusOK:
	default:
		t.Fatalf("trace %s: %d %s", id, code, body)
	}
	var data tracepb.TracesData // as Tempo's message is on the wire
	if err := proto.Unmarshal(body, &data); err != nil {
		t.Fatal(err)
	}
	return data.GetResourceSpans()
}

// spanSet is all that is known of spans, each as one string, by trace.
type spanSet map[span.TraceID]map[string]bool

func (set spanSet) add(t *testing.T, list []*tracepb.ResourceSpans) {
	t.Helper()
	for _, rs := range list {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				if proto.Size(s.GetStatus()) == 0 {
					s.Status = nil // an empty message says the same
				}
				one := &tracepb.ResourceSpans{Resource: rs.GetResource(), SchemaUrl: rs.GetSchemaUrl(), ScopeSpans: []*tracepb.ScopeSpans{{
					Scope: ss.GetScope(), SchemaUrl: ss.GetSchemaUrl(), Spans: []*tracepb.Span{s}}}}
				text, err := proto.MarshalOptions{Deterministic: true}.Marshal(one)
				if err != nil {
					t.Fatal(err)
				}
				id := span.TraceID(s.GetTraceId())
				if set[id] == nil {
					set[id] = map[string]bool{}
				}
				set[id][string(text)] = true
			}
		}
	}
}

// checkRead reads every trace of the set back and compares all of it.
func (s *testServer) checkRead(t *testing.T, want spanSet) {
	t.Helper()
	for id, spans := range want {
		got := spanSet{}
		got.add(t, s.readTrace(t, id))
		if !maps.Equal(got[id], spans) {
			t.Errorf("trace %s: read %d spans, %d were sent, or they differ", id, len(got[id]), len(spans))
		}
	}
}

// acked remembers which spans of a recording's sequence were acknowledged.
type acked struct {
	gen   *recording.Generator
	mu    sync.Mutex
	spans map[uint64]bool // by place in the sequence
}

func newAcked(t *testing.T, seed uint64) *acked {
	t.Helper()
	gen, err := recording.NewGenerator(recording.Config{Seed: seed, Epoch: testEpoch})
	if err != nil {
		t.Fatal(err)
	}
	return &acked{gen: gen, spans: map[uint64]bool{}}
}

// send exports spans of the sequence, from the first that next gives, until the
// server is gone. It calls onAck after each acknowledgement, with how many spans there are.
func (a *acked) send(ctx context.Context, client coltrace.TraceServiceClient, next func() uint64, size uint64, onAck func(n int)) {
	a.mu.Lock()
	gen := a.gen.Clone()
	a.mu.Unlock()
	for {
		first := next()
		var req coltrace.ExportTraceServiceRequest
		if proto.Unmarshal(gen.Append(nil, first, size), &req) != nil {
			return
		}
		_, err := client.Export(ctx, &req)
		for status.Code(err) == codes.ResourceExhausted { // the server is there, but busy
			_, err = client.Export(ctx, &req)
		}
		if err != nil {
			return
		}
		a.mu.Lock()
		for i := range size {
			a.spans[first+i] = true
		}
		n := len(a.spans)
		a.mu.Unlock()
		onAck(n)
	}
}

// check verifies that every acknowledged span is there, and no span twice.
func (a *acked) check(t *testing.T, s *testServer) {
	t.Helper()
	if len(a.spans) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	missing, twice := 0, 0
	last := slices.Max(slices.Collect(maps.Keys(a.spans)))
	for k := range a.gen.NumTraces(last + 1) {
		trace := a.gen.Trace(k, nil)
		found := map[span.SpanID]int{}
		for _, rs := range s.readTrace(t, trace.ID) {
			for _, ss := range rs.GetScopeSpans() {
				for _, one := range ss.GetSpans() {
					found[span.SpanID(one.GetSpanId())]++
				}
			}
		}
		for i, id := range trace.Spans {
			if a.spans[trace.First+uint64(i)] && found[id] == 0 {
				missing++
			}
			if found[id] > 1 {
				twice++
			}
		}
	}
	if missing > 0 || twice > 0 {
		t.Errorf("of %d acknowledged spans %d are missing and %d are there twice", len(a.spans), missing, twice)
	}
}

func post(t *testing.T, url, contentType, encoding string, body []byte) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, fmt.Sprintf("%q", answer)
}
