package derive

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"

	"github.com/clewhq/clew/span"
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
		o, err := NewOTLP(t.Context(), m, l.Addr().String(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := <-c.got
		calls, latency, exemplars := 0.0, uint64(0), []*metrics.Exemplar(nil)
		for _, metric := range in.ResourceMetrics[0].ScopeMetrics[0].Metrics {
			switch metric.Name {
			case "traces_spanmetrics_calls_total":
				calls = metric.GetSum().DataPoints[0].GetAsDouble()
			case "traces_spanmetrics_latency":
				if form == Classic {
					point := metric.GetHistogram().DataPoints[0]
					latency, exemplars = point.Count, point.Exemplars
				} else {
					point := metric.GetExponentialHistogram().DataPoints[0]
					latency, exemplars = point.Count, point.Exemplars
				}
			}
		}
		if len(exemplars) != 1 || !bytes.Equal(exemplars[0].TraceId, []byte{15: 1}) || exemplars[0].GetAsDouble() != .003 {
			t.Errorf("%s: exemplars %v, want that of trace 1", form, exemplars)
		}
		if calls != 2 || latency != 2 {
			t.Errorf("%s: %v calls, %d durations, want 2", form, calls, latency)
		}
	}
}
