package derive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/span"
)

// OTLP sends the metrics of all tenants to an OTLP/gRPC endpoint, at an
// interval. The resource attribute clew.tenant has the name of the tenant.
type OTLP struct {
	metrics  *Metrics
	exporter *otlpmetricgrpc.Exporter
	log      *slog.Logger

	mu   sync.Mutex
	sent map[string]int64 // by tenant: when it was last, unix nanoseconds
}

// NewOTLP returns what sends to HOST:PORT, without TLS.
func NewOTLP(ctx context.Context, m *Metrics, endpoint string, log *slog.Logger) (*OTLP, error) {
	exporter, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure())
	if err != nil {
		return nil, fmt.Errorf("OTLP metrics: %w", err)
	}
	return &OTLP{metrics: m, exporter: exporter, log: log, sent: map[string]int64{}}, nil
}

// Run sends at an interval, until ctx ends. What cannot be sent is logged and counted: the
// next time there are newer values.
func (o *OTLP) Run(ctx context.Context, interval time.Duration) {
	every(ctx, interval, func() { o.send(ctx) })
}

// Close sends what came since the last time, and ends.
func (o *OTLP) Close(ctx context.Context) {
	o.send(ctx)
	if err := o.exporter.Shutdown(ctx); err != nil {
		o.log.Warn("the connection for the metrics of spans was not closed", "err", err)
	}
}

func (o *OTLP) send(ctx context.Context) {
	if err := o.Send(ctx); err != nil && !errors.Is(err, context.Canceled) && status.Code(err) != codes.Canceled {
		o.log.Warn("the metrics of spans were not sent", "err", err)
	}
}

// Send sends all metrics as they are now. A tenant whose metrics are refused keeps back no other one.
func (o *OTLP) Send(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, tenant := range o.metrics.Tenants() {
		families, now := o.metrics.gather(tenant, o.sent[tenant])
		for _, part := range split(families, otlpPoints) {
			err := o.export(ctx, tenant, part)
			if err == nil {
				o.metrics.count(toOTLP, outcomeSent)
				continue
			}
			errs = append(errs, fmt.Errorf("tenant %s: %w", tenant, err))
			if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) {
				o.metrics.count(toOTLP, outcomeFailed)
				return errors.Join(errs...) // nor would the rest arrive
			}
			o.metrics.count(toOTLP, outcomeRefused)
		}
		o.sent[tenant] = now.UnixNano()
	}
	return errors.Join(errs...)
}

// otlpPoints is how many data points go in one request, about 1 MB of histograms: Collectors take 4 MiB unless told otherwise.
const otlpPoints = 1000

// split divides families into parts with a number of metrics at most.
func split(families []*dto.MetricFamily, most int) (parts [][]*dto.MetricFamily) {
	room := 0
	for _, f := range families {
		for rest := f.Metric; len(rest) > 0; {
			if room == 0 {
				parts, room = append(parts, nil), most
			}
			n := min(room, len(rest))
			last := len(parts) - 1
			parts[last] = append(parts[last], &dto.MetricFamily{Name: f.Name, Help: f.Help, Type: f.Type, Metric: rest[:n]})
			rest, room = rest[n:], room-n
		}
	}
	return parts
}

func (o *OTLP) export(ctx context.Context, tenant string, families []*dto.MetricFamily) error {
	gathered := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
	scopes, err := bridge.NewMetricProducer(bridge.WithGatherer(gathered)).Produce(ctx)
	if err != nil {
		return err
	}
	addExemplars(scopes, families)
	return o.exporter.Export(ctx, &metricdata.ResourceMetrics{
		Resource:     resource.NewSchemaless(attribute.String("service.name", "clew"), attribute.String("clew.tenant", tenant)),
		ScopeMetrics: scopes,
	})
}

// addExemplars gives the data points of histograms their exemplars, with the
// trace's id in its own place. The points are in the order of the families' metrics.
func addExemplars(scopes []metricdata.ScopeMetrics, families []*dto.MetricFamily) {
	byName := map[string][]*dto.Metric{}
	for _, f := range families {
		byName[f.GetName()] = f.Metric
	}
	for _, scope := range scopes {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for i, of := range byName[m.Name] {
					data.DataPoints[i].Exemplars = exemplarsOf(of.Histogram)
				}
			case metricdata.ExponentialHistogram[float64]:
				for i, of := range byName[m.Name] {
					data.DataPoints[i].Exemplars = exemplarsOf(of.Histogram)
				}
			}
		}
	}
}

func exemplarsOf(h *dto.Histogram) []metricdata.Exemplar[float64] {
	var list []metricdata.Exemplar[float64]
	for _, e := range exemplars(h) {
		id, err := span.ParseTraceID(e.Label[0].GetValue())
		if err != nil {
			panic("BUG: " + err.Error()) // it was written by exemplar.write
		}
		list = append(list, metricdata.Exemplar[float64]{Value: e.GetValue(), Time: e.Timestamp.AsTime(), TraceID: id[:]})
	}
	return list
}
