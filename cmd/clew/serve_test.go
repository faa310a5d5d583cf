package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/internal/recording"
)

// testEpoch is when generated traces happened.
var testEpoch = time.Now()

// What real programs sent, over every protocol, comes back unchanged: at once,
// and from the disk after a restart.
func TestSentIsReadBack(t *testing.T) {
	requests, err := recording.Requests()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := startServer(t, "--data-dir", dir)
	client := traceClient(t, s.addrs["otlp-grpc"])
	sent := spanSet{}
	for i, raw := range requests {
		req := decodeRequest(t, raw)
		sent.add(t, req.GetResourceSpans())
		code, answer := http.StatusOK, ""
		switch i % 3 {
		case 0:
			if _, err := client.Export(t.Context(), req); err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
		case 1:
			var body bytes.Buffer
			z := gzip.NewWriter(&body)
			z.Write(raw)
			z.Close()
			code, answer = post(t, s.url("otlp-http", "/v1/traces"), "application/x-protobuf", "gzip", body.Bytes())
		case 2:
			code, answer = post(t, s.url("otlp-http", "/v1/traces"), "application/json", "", asJSON(t, raw))
		}
		if code != http.StatusOK {
			t.Fatalf("request %d: %d %s", i, code, answer)
		}
	}
	s.checkRead(t, sent)
	services := jaegerServices(t, s)
	if len(services) < 10 {
		t.Errorf("Jaeger's API has the services %q", services)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}

	s = startServer(t, "--data-dir", dir)
	s.checkRead(t, sent)
	if after := jaegerServices(t, s); !slices.Equal(after, services) {
		t.Errorf("services were %q and are %q after a restart", services, after)
	}
}

func asJSON(t *testing.T, raw []byte) []byte {
	t.Helper()
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalProto(raw); err != nil {
		t.Fatal(err)
	}
	text, err := req.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func jaegerServices(t *testing.T, s *testServer) []string {
	t.Helper()
	code, body := get(t, s.url("http", "/api/services"))
	var answer struct{ Data []string }
	if err := json.Unmarshal(body, &answer); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	return answer.Data
}

// The OpenTelemetry SDK, as programs use it.
func TestSDK(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	overGRPC, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(s.addrs["otlp-grpc"]), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	overHTTP, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpoint(s.addrs["otlp-http"]), otlptracehttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	for service, exporter := range map[string]sdktrace.SpanExporter{"over grpc": overGRPC, "over http": overHTTP} {
		tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
		ctx, parent := tp.Tracer("test").Start(t.Context(), "parent")
		_, child := tp.Tracer("test").Start(ctx, "child")
		child.SetAttributes(attribute.Int("answer", 42))
		child.End()
		parent.End()
		if err := tp.Shutdown(t.Context()); err != nil {
			t.Fatalf("%s: %v", service, err)
		}

		code, body := get(t, s.url("http", "/api/traces?tag=answer%3A42&service="+strings.ReplaceAll(service, " ", "%20")))
		var found struct {
			Data []struct {
				TraceID string
				Spans   []struct {
					SpanID, OperationName string
					References            []struct{ SpanID string }
				}
			}
		}
		if err := json.Unmarshal(body, &found); err != nil || code != http.StatusOK || len(found.Data) != 1 {
			t.Fatalf("%s: %d %s: %v", service, code, body, err)
		}
		trace := found.Data[0]
		if trace.TraceID != parent.SpanContext().TraceID().String() || len(trace.Spans) != 2 ||
			trace.Spans[1].OperationName != "child" || trace.Spans[1].References[0].SpanID != trace.Spans[0].SpanID {
			t.Errorf("%s: got %+v", service, trace)
		}
	}
}

func TestStopLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, "--data-dir", dir)
	a := newAcked(t, 1)
	const senders, size = 4, 100
	var at atomic.Uint64
	next := func() uint64 { return at.Add(size) - size }
	enough := make(chan struct{}, 1)
	finished := make(chan struct{}, senders)
	for range senders {
		client := traceClient(t, s.addrs["otlp-grpc"])
		go func() {
			a.send(t.Context(), client, next, size, func(n int) {
				if n >= 5000 {
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
			finished <- struct{}{}
		}()
	}
	<-enough
	if err := s.stop(); err != nil { // while all of them go on sending
		t.Fatal(err)
	}
	for range senders {
		<-finished
	}
	a.check(t, startServer(t, "--data-dir", dir))
}

// A sender that never ends its request cannot hold up the stop for ever.
func TestStopCutsOffWhoDoesNotFinish(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--shutdown-timeout=50ms")
	conn := stalledRequest(t, s.addrs["otlp-http"])
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn) // until the connection is closed
	if bytes.Contains(answer, []byte(" 200 ")) {
		t.Errorf("half a request was answered with %s", answer)
	}
}

func TestStopRightAfterStart(t *testing.T) {
	cfg := loadConfig(t, "--data-dir", t.TempDir())
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		if err := run(ctx, cfg, slog.New(slog.DiscardHandler), func(map[string]string) { cancel() }); err != nil {
			t.Fatal(err)
		}
	}
}

// stalledRequest begins a request, and returns when the server is reading its body.
func stalledRequest(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	const want = "HTTP/1.1 100 Continue\r\n\r\n"
	answer := make([]byte, len(want))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != want {
		t.Fatalf("got %q: %v", answer, err)
	}
	return conn
}

func TestServeErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := t.TempDir()
	startServer(t, "--data-dir", inUse)
	addr := taken.Addr().String()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"taken port": {[]string{"--listen.tempo", addr}, "listener tempo cannot use " + addr +
			": another program uses this address; give it another one with --listen.tempo=ADDRESS, or disable it with --listen.tempo=off"},
		"all off": {[]string{"--listen.zipkin=off", "--listen.tempo=off", "--listen.grpc=off", "--listen.http=off", "--listen.otlp-http=off", "--listen.otlp-grpc=off",
			"--listen.jaeger-thrift-http=off", "--listen.jaeger-grpc=off", "--listen.jaeger-compact=off", "--listen.jaeger-binary=off", "--listen.sampling-http=off", "--listen.sampling-grpc=off"},
			"every listener is off; there is nothing to serve"},
		"data-dir is a file":   {[]string{"--data-dir", file}, "cannot open data-dir " + file},
		"data-dir is in use":   {[]string{"--data-dir", inUse}, "cannot open data-dir " + inUse},
		"request size too big": {[]string{"--ingest.max-request-size=2GiB"}, "largest request"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := loadConfig(t, slices.Concat([]string{"--data-dir", t.TempDir()}, tc.args)...)
			err := run(t.Context(), cfg, slog.New(slog.DiscardHandler), func(map[string]string) { t.Error("it serves") })
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestListenersCanBeOff(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--listen.zipkin=off", "--listen.tempo=off", "--listen.grpc=off", "--listen.otlp-grpc=off", "--listen.otlp-http=off",
		"--listen.jaeger-thrift-http=off", "--listen.jaeger-grpc=off", "--listen.jaeger-compact=off", "--listen.jaeger-binary=off", "--listen.sampling-http=off", "--listen.sampling-grpc=off")
	if len(s.addrs) != 1 || s.addrs["http"] == "" {
		t.Errorf("listening on %q", s.addrs)
	}
	_, page := get(t, s.url("http", "/"))
	if bytes.Contains(page, []byte("OTLP")) || bytes.Contains(page, []byte("Tempo")) || bytes.Contains(page, []byte("Zipkin")) || bytes.Contains(page, []byte("gRPC")) {
		t.Errorf("the front page tells of listeners that are off:\n%s", page)
	}
}

// TestQueryLimits: what the settings say of queries holds for the server that runs.
func TestQueryLimits(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--memory.query=1MiB", "--tempo.max-traces=5", "--tempo.max-spans-per-set=4",
		"--tempo.max-range=1h", "--tempo.max-metrics-range=2h", "--tempo.max-intervals=100", "--tempo.max-series=2")
	gen, err := recording.NewGenerator(recording.Config{Seed: 1, Epoch: testEpoch})
	if err != nil {
		t.Fatal(err)
	}
	req := decodeRequest(t, gen.Append(nil, 0, 5000))
	if _, err := traceClient(t, s.addrs["otlp-grpc"]).Export(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	window := func(length time.Duration) string {
		start := testEpoch.Add(-10 * time.Minute)
		return fmt.Sprintf("start=%d&end=%d", start.UnixNano(), start.Add(length).UnixNano())
	}
	hour := window(time.Hour)
	for _, c := range []struct {
		listener, path, q string
		code              int
		says              string
	}{
		{"tempo", "/api/search?limit=5&spss=4&" + hour, "{ }", 200, `"traces":[{`},
		{"tempo", "/api/search?limit=6&" + hour, "{ }", 400, "6 exceeds the limit of 5"},
		{"tempo", "/api/search?spss=5&" + hour, "{ }", 400, "5 exceeds the limit of 4"},
		{"tempo", "/api/search?" + window(time.Hour+1), "{ }", 400, "exceeds 1h0m0s"},
		{"tempo", "/api/metrics/query?" + window(2*time.Hour+1), "{ } | rate()", 400, "exceeds 2h0m0s"},
		{"tempo", "/api/metrics/query_range?step=36s&" + hour, "{ } | rate()", 400, "more than 100 points"},
		{"tempo", "/api/metrics/query_range?step=1m&exemplars=0&" + hour, "{ } | rate() by (name)", 200, "series are left out"},
		{"tempo", "/api/metrics/query?" + hour, "{ } | rate() by (span:id)", 422, "memory"},
		{"http", "/api/clew/v1/series?step=1m&" + hour, "{ } | rate() by (span:id)", 422, "memory"},
	} {
		code, body := get(t, s.url(c.listener, c.path+"&q="+url.QueryEscape(c.q)))
		if code != c.code || !strings.Contains(string(body), c.says) {
			t.Errorf("%s of %s: %d %.300s", c.path, c.q, code, body)
		}
	}
}

// Our own requests, traced, as another Clew sees them.
func TestSelfTracing(t *testing.T) {
	other := startServer(t, "--data-dir", t.TempDir())
	s := startServer(t, "--data-dir", t.TempDir(), "--self-tracing.endpoint", other.addrs["otlp-grpc"])
	get(t, s.url("tempo", "/api/echo"))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	code, body := get(t, other.url("http", "/api/services/clew/operations"))
	if code != http.StatusOK || !bytes.Contains(body, []byte(`"data":["GET /api/echo"]`)) {
		t.Errorf("got %d %s", code, body)
	}
}

func TestRunStopsWhenAListenerFails(t *testing.T) {
	cfg := loadConfig(t, "--data-dir", t.TempDir())
	s, err := open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.sockets.streams["tempo"].Close()
	err = s.run(context.Background(), func(map[string]string) {})
	if err == nil || !strings.Contains(err.Error(), "listener tempo: ") {
		t.Errorf("got %v", err)
	}
}
