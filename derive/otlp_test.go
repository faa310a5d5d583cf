package derive

import (
	"context"
	"log/slog"
	"net"
	"testing"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
)

// collector takes metrics as an OpenTelemetry Collector does.
type collector struct {
	colmetrics.UnimplementedMetricsServiceServer
	got chan *colmetrics.ExportMetricsServiceRequest
}

func (c *collector) Export(_ context.Context, in *colmetrics.ExportMetricsServiceRequest) (*colmetrics.ExportMetricsServiceResponse, error) {
	c.got <- in
	return &colmetrics.ExportMetricsServiceResponse{}, nil
}

func TestOTLP(t *testing.T) {
	c := &collector{got: make(chan *colmetrics.ExportMetricsServiceRequest, 1)}
	server := grpc.NewServer()
	colmetrics.RegisterMetricsServiceServer(server, c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Stop()
	for _, form := range []Histograms{Classic, Native} {
		m := newMetrics(t, func(c *Config) { c.Histograms = form })
		m.Observe("a", batchOf(buy(1, "buy", 3, nil), buy(2, "buy", 5, nil)))
		o, err := NewOTLP(t.Context(), m, l.Addr().String(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := <-c.got
		calls, latency := 0.0, uint64(0)
		for _, metric := range in.ResourceMetrics[0].ScopeMetrics[0].Metrics {
			switch metric.Name {
			case "traces_spanmetrics_calls_total":
				calls = metric.GetSum().DataPoints[0].GetAsDouble()
			case "traces_spanmetrics_latency":
				if form == Classic {
					latency = metric.GetHistogram().DataPoints[0].Count
				} else {
					latency = metric.GetExponentialHistogram().DataPoints[0].Count
				}
			}
		}
		if calls != 2 || latency != 2 {
			t.Errorf("%s: %v calls, %d durations, want 2", form, calls, latency)
		}
	}
}
