package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
)

// logsOf returns the log records of a trace; none if there is neither trace nor record.
func (s *testServer) logsOf(t *testing.T, id string) api.LogList {
	t.Helper()
	var list api.LogList
	code, body := get(t, s.url("http", "/api/clew/v1/traces/"+id+"/logs?limit=10000"))
	if code == http.StatusNotFound {
		return list
	}
	if err := json.Unmarshal(body, &list); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	return list
}

// The OpenTelemetry SDK for Go delivers logs over both protocols; those without a trace are refused and counted.
func TestLogsOfTheSDK(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	exporters := map[string]func(context.Context) (sdklog.Exporter, error){
		"grpc": func(ctx context.Context) (sdklog.Exporter, error) {
			return otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(s.addrs["otlp-grpc"]), otlploggrpc.WithInsecure())
		},
		"grpc gzip": func(ctx context.Context) (sdklog.Exporter, error) {
			return otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(s.addrs["otlp-grpc"]), otlploggrpc.WithInsecure(), otlploggrpc.WithCompressor("gzip"))
		},
		"http": func(ctx context.Context) (sdklog.Exporter, error) {
			return otlploghttp.New(ctx, otlploghttp.WithEndpointURL(s.url("otlp-http", "/v1/logs")))
		},
		"http gzip": func(ctx context.Context) (sdklog.Exporter, error) {
			return otlploghttp.New(ctx, otlploghttp.WithEndpointURL(s.url("otlp-http", "/v1/logs")), otlploghttp.WithCompression(otlploghttp.GzipCompression))
		},
	}
	number := byte(0)
	for name, newExporter := range exporters {
		number++
		id := trace.TraceID{number}
		t.Run(name, func(t *testing.T) {
			exporter, err := newExporter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)),
				sdklog.WithResource(resource.NewSchemaless(attribute.String("service.name", name))))
			inSpan := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{7}, TraceFlags: 1}))
			emit := func(ctx context.Context, text string) {
				var r log.Record
				r.SetBody(attribute.StringValue(text))
				r.SetSeverity(log.SeverityWarn)
				r.SetSeverityText("WARN")
				r.AddAttributes(attribute.Int("n", 42))
				provider.Logger("logger").Emit(ctx, r)
			}
			emit(inSpan, "in a span")
			emit(t.Context(), "alone")
			if err := provider.Shutdown(t.Context()); err != nil && !strings.Contains(err.Error(), "1 log record rejected: 1 without a trace id; only log records of traces are kept") {
				t.Fatal(err)
			}
			list := s.logsOf(t, id.String())
			if list.Total != 1 || list.TraceFound || list.Note == "" {
				t.Fatalf("%+v", list)
			}
			got := list.Logs[0]
			if got.Text != "in a span" || got.SpanID != "0700000000000000" || got.Level != "warn" || got.Service != name || got.Flags != 1 ||
				got.Attributes[0].Key != "n" || list.Scopes[got.Scope].Name != "logger" || got.ObservedTimeUnixNano == 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	_, metrics := get(t, s.url("http", "/metrics"))
	for _, line := range []string{
		`clew_ingest_log_records_total{protocol="otlp-grpc"} 2`, `clew_ingest_log_records_total{protocol="otlp-http"} 2`,
		`clew_ingest_rejected_log_records_total{protocol="otlp-grpc",reason="trace_id"} 2`,
		`clew_store_spans_written_total{signal="logs"} 4`, `clew_store_spans_written_total{signal="traces"} 0`,
	} {
		if !bytes.Contains(metrics, []byte("\n"+line+"\n")) {
			t.Errorf("/metrics has no line %s", line)
		}
	}
}

// logRequest makes a request with the records from first to last of a trace, one after the other in time.
func logRequest(id span.TraceID, first, last uint64) *collogs.ExportLogsServiceRequest {
	var records []*logspb.LogRecord
	for i := first; i < last; i++ {
		records = append(records, &logspb.LogRecord{
			TraceId: id[:], TimeUnixNano: 1e18 + i, ObservedTimeUnixNano: 1e18 + i,
			Body: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: fmt.Sprint("record ", i)}},
		})
	}
	return &collogs.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: records}}}}}
}

// TestLogsSurviveKill kills the server under load: every record that was acknowledged is there afterwards, once,
// those that are sent again too.
func TestLogsSurviveKill(t *testing.T) {
	dir, id := t.TempDir(), span.TraceID{1}
	const senders, size, killAt = 3, 20, 2000
	p := startProcess(t, dir, smallHead)
	var at, acked atomic.Uint64
	var mu sync.Mutex
	var want []string
	var finished sync.WaitGroup
	for range senders {
		conn, err := grpc.NewClient(p.addrs["otlp-grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		finished.Go(func() {
			for {
				first := at.Add(size) - size
				_, err := collogs.NewLogsServiceClient(conn).Export(t.Context(), logRequest(id, first, first+size))
				for status.Code(err) == codes.ResourceExhausted { // the server is there, but busy
					_, err = collogs.NewLogsServiceClient(conn).Export(t.Context(), logRequest(id, first, first+size))
				}
				if err != nil {
					return
				}
				mu.Lock()
				for i := first; i < first+size; i++ {
					want = append(want, fmt.Sprint("record ", i))
				}
				mu.Unlock()
				if acked.Add(size) == killAt {
					p.cmd.Process.Kill()
				}
			}
		})
	}
	finished.Wait()
	p.cmd.Process.Kill() // if something else stopped the senders
	p.wait()             // says that it was killed
	if out, err := clew("storage", "verify", dir); err != nil {
		t.Fatalf("verify: %v\n%s", err, out)
	}
	s := startServer(t, "--data-dir", dir)
	conn, err := grpc.NewClient(s.addrs["otlp-grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := collogs.NewLogsServiceClient(conn).Export(t.Context(), logRequest(id, 0, size)); err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, l := range s.logsOf(t, id.String()).Logs {
		if times[l.Text]++; times[l.Text] > 1 {
			t.Errorf("%s is there %d times", l.Text, times[l.Text])
		}
	}
	if missing := slices.DeleteFunc(want, func(text string) bool { return times[text] > 0 }); len(missing) > 0 {
		t.Errorf("%d acknowledged records are missing, such as %s", len(missing), missing[0])
	}
}

// The OpenTelemetry SDK for Python delivers the records of its logging; what the same program writes as lines of JSON
// can be sent too, and is then beside them.
func TestLogsOfPython(t *testing.T) {
	const folder = "testdata/logs"
	python := "PYTHONPATH=" + testkit.Installed(t, []string{folder + "/requirements.txt"}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
	s := startServer(t, "--data-dir", t.TempDir())
	lines := testkit.Run(t, folder, []string{python}, "python3", "logs.py", s.url("otlp-http", "/v1/logs"))
	_, id, found := strings.Cut(lines, `"otelTraceID": "`)
	if !found {
		t.Fatalf("no trace id in %s", lines)
	}
	id = id[:32]
	texts := func(list api.LogList) (texts []string) {
		for _, l := range list.Logs {
			texts = append(texts, l.Service+" "+l.Level+" "+l.Text)
		}
		slices.Sort(texts)
		return texts
	}
	want := []string{"python error cannot sell", "python warn stock is low: 3 left"}
	list := s.logsOf(t, id)
	if got := texts(list); !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	attributes := map[string]string{}
	for _, l := range list.Logs {
		if l.SpanID == "" || l.TimeUnixNano == 0 {
			t.Errorf("%+v", l)
		}
		for _, a := range l.Attributes {
			attributes[a.Key] = string(a.Value)
		}
	}
	if attributes["order.id"] != `"4711"` || attributes["exception.message"] != `"no stock"` {
		t.Errorf("%v", attributes)
	}
	var notes bytes.Buffer
	o := sendOptions{client: client{server: s.url("http", "")}, service: "lines"}
	if err := o.run(t.Context(), "-", strings.NewReader(lines), newScreen(&notes)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(notes.String(), "2 log records kept, 1 line without a trace id not kept\n") {
		t.Errorf("%s", notes.String())
	}
	want = append([]string{"lines error cannot sell", "lines warn stock is low: 3 left"}, want...)
	if got := texts(s.logsOf(t, id)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
