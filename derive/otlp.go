package derive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/clewhq/clew/span"
)

// OTLP sends the metrics of all tenants to an OTLP/gRPC endpoint, at an
// interval. The resource attribute clew.tenant has the name of the tenant.
type OTLP struct {
	metrics  *Metrics
	exporter *otlpmetricgrpc.Exporter
	log      *slog.Logger
}

// NewOTLP returns what sends to HOST:PORT, without TLS.
func NewOTLP(ctx context.Context, m *Metrics, endpoint string, log *slog.Logger) (*OTLP, error) {
	exporter, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure())
	if err != nil {
		return nil, fmt.Errorf("OTLP metrics: %w", err)
	}
	return &OTLP{m, exporter, log}, nil
}

// Run sends at an interval, until ctx ends. What cannot be sent is logged: the
// next time there are newer values.
func (o *OTLP) Run(ctx context.Context, interval time.Duration) {
	defer o.exporter.Shutdown(context.WithoutCancel(ctx))
	every(ctx, interval, func() {
		if err := o.Send(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("the metrics of spans were not sent", "err", err)
		}
	})
}

// Send sends all metrics as they are now.
func (o *OTLP) Send(ctx context.Context) error {
	var errs []error
	for _, tenant := range o.metrics.Tenants() {
		families, err := o.metrics.Gatherer(tenant).Gather()
		errs = append(errs, err)
		gathered := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
		scopes, err := bridge.NewMetricProducer(bridge.WithGatherer(gathered)).Produce(ctx)
		errs = append(errs, err)
		addExemplars(scopes, families)
		errs = append(errs, o.exporter.Export(ctx, &metricdata.ResourceMetrics{
			Resource:     resource.NewSchemaless(attribute.String("service.name", "clew"), attribute.String("clew.tenant", tenant)),
			ScopeMetrics: scopes,
		}))
	}
	return errors.Join(errs...)
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
