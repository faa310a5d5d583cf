package derive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/span"
)

// collector takes metrics as an OpenTelemetry Collector does.
type collector struct {
	colmetrics.UnimplementedMetricsServiceServer
	got    chan *colmetrics.ExportMetricsServiceRequest
	answer func(tenant string) (*colmetrics.ExportMetricsServiceResponse, error) // nil takes all
}

func (c *collector) Export(_ context.Context, in *colmetrics.ExportMetricsServiceRequest) (*colmetrics.ExportMetricsServiceResponse, error) {
	c.got <- in
	if c.answer != nil {
		return c.answer(in.ResourceMetrics[0].Resource.Attributes[0].Value.GetStringValue())
	}
	return &colmetrics.ExportMetricsServiceResponse{}, nil
}

// startCollector returns a collector, which holds some requests, and its address.
func startCollector(t *testing.T) (*collector, string) {
	c := &collector{got: make(chan *colmetrics.ExportMetricsServiceRequest, 100)}
	server := grpc.NewServer()
	colmetrics.RegisterMetricsServiceServer(server, c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return c, l.Addr().String()
}

func otlpSender(t *testing.T, m *Metrics, endpoint string) *OTLP {
	t.Helper()
	o, err := NewOTLP(t.Context(), m, endpoint, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOTLP(t *testing.T) {
	c, endpoint := startCollector(t)
	for _, form := range []Histograms{Classic, Native, Both} {
		m := newMetrics(t, func(c *Config) {
			c.Histograms = form
			c.Kept = func(_ string, id span.TraceID, _ uint64) Decision {
				if id[15] == 1 {
					return Kept
				}
				return Undecided
			}
		})
		m.Observe("a", batchOf(buy(1, "buy", 3, nil), buy(2, "buy", 15, nil)))
		if err := otlpSender(t, m, endpoint).Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := <-c.got
		var started []uint64
		calls, latency, exemplars := 0.0, uint64(0), []*metrics.Exemplar(nil)
		for _, metric := range in.ResourceMetrics[0].ScopeMetrics[0].Metrics {
			switch metric.Name {
			case "traces_spanmetrics_calls_total":
				calls = metric.GetSum().DataPoints[0].GetAsDouble()
				started = append(started, metric.GetSum().DataPoints[0].StartTimeUnixNano)
				if sum := metric.GetSum(); !sum.IsMonotonic || sum.AggregationTemporality != metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
					t.Errorf("%v", sum)
				}
			case "traces_spanmetrics_latency":
				if form == Classic {
					point := metric.GetHistogram().DataPoints[0]
					latency, exemplars, started = point.Count, point.Exemplars, append(started, point.StartTimeUnixNano)
				} else {
					point := metric.GetExponentialHistogram().DataPoints[0]
					latency, exemplars, started = point.Count, point.Exemplars, append(started, point.StartTimeUnixNano)
				}
			}
		}
		if len(exemplars) != 1 || !bytes.Equal(exemplars[0].TraceId, []byte{15: 1}) || exemplars[0].GetAsDouble() != .003 {
			t.Errorf("%s: exemplars %v, want that of trace 1", form, exemplars)
		}
		if want := []uint64{1_700_000_000e9, 1_700_000_000e9}; !slices.Equal(started, want) { // when the first span came
			t.Errorf("%s: points start at %v, want %v", form, started, want)
		}
		if calls != 2 || latency != 2 {
			t.Errorf("%s: %v calls, %d durations, want 2", form, calls, latency)
		}
	}
}

// However many series there are, a request has a bounded number, and nothing is left out.
func TestOTLPInParts(t *testing.T) {
	c, endpoint := startCollector(t)
	m := newMetrics(t, nil)
	for i := range otlpPoints {
		m.Observe("a", batchOf(buy(1, fmt.Sprint("name ", i), 3, func(s *span.Span) { s.Kind = 1 })))
	}
	if err := otlpSender(t, m, endpoint).Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(c.got)
	calls, points := 0, 0
	for in := range c.got {
		n := 0
		for _, metric := range in.ResourceMetrics[0].ScopeMetrics[0].Metrics {
			n += len(metric.GetSum().GetDataPoints()) + len(metric.GetExponentialHistogram().GetDataPoints())
			if metric.Name == "traces_spanmetrics_calls_total" {
				calls += len(metric.GetSum().GetDataPoints())
			}
			for _, point := range metric.GetExponentialHistogram().GetDataPoints() {
				if len(point.Exemplars) != 1 {
					t.Fatalf("%s has exemplars %v", metric.Name, point.Exemplars)
				}
			}
		}
		if n > otlpPoints {
			t.Errorf("a request has %d points", n)
		}
		points += n
	}
	if want := 3*otlpPoints + 2; calls != otlpPoints || points != want {
		t.Errorf("%d points of calls, %d of all, want %d and %d", calls, points, otlpPoints, want)
	}
}

// What a collector refuses, in part or as a whole, is told, and keeps back nothing else.
func TestOTLPIsRefused(t *testing.T) {
	c, endpoint := startCollector(t)
	m := newMetrics(t, nil)
	for _, tenant := range []string{"a", "b", "c"} {
		m.Observe(tenant, batchOf(buy(1, "buy", 3, nil)))
	}
	c.answer = func(tenant string) (*colmetrics.ExportMetricsServiceResponse, error) {
		switch tenant {
		case "a":
			return nil, status.Error(codes.InvalidArgument, "too old")
		case "b":
			return &colmetrics.ExportMetricsServiceResponse{PartialSuccess: &colmetrics.ExportMetricsPartialSuccess{RejectedDataPoints: 2, ErrorMessage: "too many"}}, nil
		}
		return &colmetrics.ExportMetricsServiceResponse{}, nil
	}
	o := otlpSender(t, m, endpoint)
	err := o.Send(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"tenant a: ", "too old", "tenant b: ", "too many", "2 "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if len(c.got) != 3 {
		t.Errorf("%d requests, want 3", len(c.got))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Send(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
