package derive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
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
		scopes, err := bridge.NewMetricProducer(bridge.WithGatherer(o.metrics.Gatherer(tenant))).Produce(ctx)
		errs = append(errs, err)
		errs = append(errs, o.exporter.Export(ctx, &metricdata.ResourceMetrics{
			Resource:     resource.NewSchemaless(attribute.String("service.name", "clew"), attribute.String("clew.tenant", tenant)),
			ScopeMetrics: scopes,
		}))
	}
	return errors.Join(errs...)
}
