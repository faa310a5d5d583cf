package ingest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/span"
)

// store keeps what it is given, or fails.
type store struct {
	err     error                       // what Consume returns
	consume func(context.Context) error // called by Consume, if not nil

	mu    sync.Mutex
	spans map[string][]span.Span // by tenant
	raw   [][]byte
}

func (s *store) Consume(ctx context.Context, tenant string, b *span.Batch) error {
	if s.consume != nil {
		if err := s.consume(ctx); err != nil {
			return err
		}
	}
	if s.err != nil {
		return s.err
	}
	if b.Received.IsZero() || b.Len() == 0 {
		return fmt.Errorf("batch of %d spans that came at %v", b.Len(), b.Received)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spans == nil {
		s.spans = map[string][]span.Span{}
	}
	for i := range b.Len() {
		row := b.Span(i)
		canonize(&row)
		s.spans[tenant] = append(s.spans[tenant], row)
	}
	s.raw = append(s.raw, bytes.Clone(b.Raw))
	return nil
}

const testTenant = "default-tenant"

// newTestReceiver returns a Receiver with limits that tests can reach.
func newTestReceiver(t *testing.T, s Sink, change func(*Config)) *Receiver {
	t.Helper()
	cfg := Config{DefaultTenant: testTenant, MaxRequestBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func serveTestHTTP(t *testing.T, r *Receiver) string {
	server := httptest.NewServer(r.HTTP())
	t.Cleanup(server.Close)
	return server.URL
}

// retryError is what the sink's errors look like when the sender should come again.
type retryError struct {
	after      time.Duration
	overloaded bool
}

func (e *retryError) Error() string             { return "come again" }
func (e *retryError) RetryAfter() time.Duration { return e.after }
func (e *retryError) Overloaded() bool          { return e.overloaded }

func TestConfig(t *testing.T) {
	tests := []struct {
		cfg  Config
		want string // part of the error; "" for none
	}{
		{Config{DefaultTenant: "t"}, ""},
		{Config{}, "default tenant: tenant id is empty"},
		{Config{DefaultTenant: "a/b"}, "not allowed"},
		{Config{DefaultTenant: "t", MaxRequestBytes: -1}, "largest request"},
		{Config{DefaultTenant: "t", MaxRequestBytes: maxRaw + 1}, "largest request"},
		{Config{DefaultTenant: "t", MaxInflightBytes: -1}, "negative"},
		{Config{DefaultTenant: "t", MaxRequestItems: -1}, "negative"},
		{Config{DefaultTenant: "t", InflightWait: -1}, "negative"},
	}
	for _, tt := range tests {
		_, err := New(tt.cfg, &store{})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %q", tt.cfg, err, tt.want)
		}
	}
}

// Two requests that together pass the budget cannot be worked on at once; one
// that passes it alone can, when there is no other.
func TestInflightBudget(t *testing.T) {
	raw := benchRequests(t, 1)[0]
	entered, leave := make(chan struct{}), make(chan struct{})
	s := &store{consume: func(context.Context) error {
		entered <- struct{}{}
		<-leave
		return nil
	}}
	r := newTestReceiver(t, s, func(c *Config) {
		c.MaxInflightBytes = int64(len(raw) / 2)
		c.InflightWait = time.Nanosecond
	})
	url := serveTestHTTP(t, r)

	first := make(chan *http.Response)
	go func() { first <- post(t, url, "application/x-protobuf", raw) }()
	<-entered
	small := inSpan()
	if res := post(t, url, "application/x-protobuf", small); res.StatusCode != 429 || res.Header.Get("Retry-After") != "1" {
		t.Errorf("while the budget is used up: %s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
	close(leave)
	if res := <-first; res.StatusCode != 200 {
		t.Errorf("the first: %s", res.Status)
	}
	go func() { <-entered }()
	if res := post(t, url, "application/x-protobuf", small); res.StatusCode != 200 {
		t.Errorf("afterwards: %s", res.Status)
	}
}

func TestLeaseEndsWithItsContext(t *testing.T) {
	f := newInflight(10, time.Hour, prometheus.NewGauge(prometheus.GaugeOpts{Name: "x"}))
	all := f.lease()
	if err := all.grow(t.Context(), 100); err != nil || all.held != 10 {
		t.Fatalf("held %d, error %v", all.held, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.lease().grow(ctx, 1); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	all.release()
	if err := f.lease().grow(t.Context(), 10); err != nil {
		t.Errorf("after the release: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := &store{}
	r := newTestReceiver(t, s, func(c *Config) { c.Metrics = reg })
	url := serveTestHTTP(t, r)
	good := inSpan()
	bad := sub(1, sub(2, sub(2, sub(1, traceA[:]), sub(2, make([]byte, 8))), sub(2)))
	post(t, url, "application/x-protobuf", append(bytes.Clone(good), bad...))
	post(t, url, "application/x-protobuf", []byte{1})
	conn := dial(t, serveTestGRPC(t, r))
	if _, err := exportRaw(t.Context(), conn, good); err != nil {
		t.Fatal(err)
	}
	if _, err := exportRaw(t.Context(), conn, []byte{1}); err == nil {
		t.Fatal("malformed, and no error")
	}

	got := gather(t, reg)
	for series, want := range map[string]float64{
		"clew_ingest_requests_total otlp-http 200":             1,
		"clew_ingest_requests_total otlp-http 400":             1,
		"clew_ingest_requests_total otlp-grpc OK":              1,
		"clew_ingest_requests_total otlp-grpc InvalidArgument": 1,
		"clew_ingest_spans_total otlp-http":                    1,
		"clew_ingest_spans_total otlp-grpc":                    1,
		"clew_ingest_rejected_spans_total otlp-http span_id":   1,
		"clew_ingest_rejected_spans_total otlp-http trace_id":  1,
		"clew_ingest_request_bytes_total otlp-http":            float64(len(good) + len(bad) + 1),
		"clew_ingest_received_bytes_total otlp-http":           float64(len(good) + len(bad) + 1),
		"clew_ingest_request_bytes_total otlp-grpc":            float64(len(good) + 1),
		"clew_ingest_received_bytes_total otlp-grpc":           float64(len(good) + 1),
		"clew_ingest_inflight_bytes":                           0,
	} {
		if v, ok := got[series]; !ok || v != want {
			t.Errorf("%s is %v, want %v", series, v, want)
		}
	}
	if _, err := New(r.cfg, s); err == nil {
		t.Error("the same metrics were registered twice")
	}
}

// gather returns every series of reg: name and label values, and the value.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			values := map[string]string{}
			for _, l := range m.Label {
				values[l.GetName()] = l.GetValue()
			}
			name := strings.Join([]string{f.GetName(), values["protocol"], values["code"] + values["reason"]}, " ")
			series[strings.TrimSpace(name)] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return series
}
