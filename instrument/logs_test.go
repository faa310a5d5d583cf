package clew

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// logCollector takes log records by gRPC and HTTP and remembers the requests.
type logCollector struct {
	collogs.UnimplementedLogsServiceServer
	requests chan *collogs.ExportLogsServiceRequest
}

func (c *logCollector) Export(_ context.Context, req *collogs.ExportLogsServiceRequest) (*collogs.ExportLogsServiceResponse, error) {
	c.requests <- req
	return &collogs.ExportLogsServiceResponse{}, nil
}

func (c *logCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	req := &collogs.ExportLogsServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, req)
	}
	if err != nil || r.URL.Path != "/v1/logs" {
		http.Error(w, r.URL.Path, http.StatusBadRequest)
		return
	}
	c.requests <- req
}

func listenForLogs(t *testing.T) (c *logCollector, grpcAddr, httpAddr string) {
	t.Helper()
	c = &logCollector{requests: make(chan *collogs.ExportLogsServiceRequest, 10)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	collogs.RegisterLogsServiceServer(srv, c)
	go srv.Serve(l)
	t.Cleanup(srv.Stop)
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	return c, l.Addr().String(), strings.TrimPrefix(web.URL, "http://")
}

func TestLogsReachTheCollector(t *testing.T) {
	c, grpcAddr, httpAddr := listenForLogs(t)
	for name, test := range map[string]struct {
		env  []string
		opts []Option
	}{
		"gRPC":           {[]string{"OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=" + grpcAddr}, nil},
		"HTTP":           {[]string{"OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + httpAddr}, nil},
		"HTTP, for logs": {[]string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://" + httpAddr + "/v1/logs", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"}, []Option{WithLogs()}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range test.env {
				k, v, _ := strings.Cut(e, "=")
				t.Setenv(k, v)
			}
			t.Setenv("OTEL_SERVICE_NAME", "shop")
			shutdown := setup(t, append(test.opts, WithExporter(tracetest.NewInMemoryExporter()))...)
			var lines bytes.Buffer
			log := Logger(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelInfo}))
			ctx, span := otel.Tracer("test").Start(t.Context(), "x")
			log.Info("of no span")
			log.DebugContext(ctx, "too low")
			log.With("a", 1).WithGroup("order").WarnContext(ctx, "stock is low", "left", 3)
			span.End()
			if err := shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			sent := (<-c.requests).ResourceLogs[0]
			records := sent.ScopeLogs[0].LogRecords
			if len(records) != 1 {
				t.Fatalf("%d records: %v", len(records), records)
			}
			r, sc := records[0], span.SpanContext()
			if trace.TraceID(r.TraceId) != sc.TraceID() || trace.SpanID(r.SpanId) != sc.SpanID() || r.Flags != 1 {
				t.Errorf("it is not on its span: %v", r)
			}
			if r.Body.GetStringValue() != "stock is low" || r.SeverityText != "WARN" || r.SeverityNumber != 13 || len(r.Attributes) != 2 ||
				r.Attributes[0].Value.GetIntValue() != 1 || r.Attributes[1].Value.GetKvlistValue().GetValues()[0].GetKey() != "left" {
				t.Errorf("the record is %v", r)
			}
			attrs := map[string]string{}
			for _, kv := range sent.Resource.Attributes {
				attrs[kv.Key] = kv.Value.GetStringValue()
			}
			if attrs["service.name"] != "shop" || attrs["service.instance.id"] == "" {
				t.Errorf("the resource is %v", attrs)
			}
			if s := LogCounts(); s != (Stats{Ended: 1, Sent: 1}) {
				t.Errorf("counted %+v", s)
			}
			if got := strings.Count(lines.String(), "\n"); got != 2 || !strings.Contains(lines.String(), sc.TraceID().String()) {
				t.Errorf("the lines are\n%s", lines.String())
			}
		})
	}
}

// Nothing is sent, and nothing counted, unless it is asked for; whoever runs the program has the last word.
func TestLogsAreNotAskedFor(t *testing.T) {
	for exporter, opts := range map[string][]Option{"": nil, "none": {WithLogs()}} {
		t.Setenv("OTEL_LOGS_EXPORTER", exporter)
		setup(t, append(opts, WithExporter(tracetest.NewInMemoryExporter()))...)
		Logger(slog.DiscardHandler).InfoContext(inTrace(t.Context(), 1), "hi")
		if currentLogs.Load() != nil || LogCounts() != (Stats{}) {
			t.Errorf("with %q: %+v", exporter, LogCounts())
		}
	}
}

// stuckLogs is an exporter whose collector does not answer.
type stuckLogs struct{}

func (stuckLogs) Export(ctx context.Context, _ []sdklog.Record) error {
	<-ctx.Done()
	return ctx.Err()
}
func (stuckLogs) Shutdown(context.Context) error   { return nil }
func (stuckLogs) ForceFlush(context.Context) error { return nil }

func TestLogCollectorThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := batching{queue: 8, batch: 4, delay: time.Second, timeout: 30 * time.Second}
		q := newLogQueue(stuckLogs{}, b)
		provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(q))
		handler := LogHandler(slog.NewTextHandler(io.Discard, nil)).(*logHandler)
		handler.bridge = otelslog.NewHandler("test", otelslog.WithLoggerProvider(provider))
		log := slog.New(handler)
		begin := time.Now()
		for range 100 {
			log.InfoContext(inTrace(context.Background(), 0), "hi")
			synctest.Wait()
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("100 records waited for %v", took)
		}
		if s := q.stats(); s.Ended != 100 || s.Sent != 0 || s.Dropped < 100-8-4 {
			t.Errorf("counted %+v", s)
		}
		ctx, cancel := bounded(context.Background())
		defer cancel()
		err := q.close(provider.Shutdown(ctx))
		if took := time.Since(begin); took != shutdownTimeout {
			t.Errorf("the shutdown took %v", took)
		}
		if err == nil || !strings.Contains(err.Error(), " of 100 log records are lost: ") {
			t.Errorf("the shutdown says %v", err)
		}
		synctest.Wait()
		if s := q.stats(); s.Ended != s.Sent+s.Failed+s.Dropped {
			t.Errorf("counted %+v", s)
		}
	})
}
