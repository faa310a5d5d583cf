package clew

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

// setUpLogs makes the logger provider, if log records are to be sent. What it
// returns ends it, and is never nil.
func setUpLogs(ctx context.Context, o options, res *resource.Resource) (end func(context.Context) error, errs []error) {
	currentLogs.Store(nil)
	end = func(context.Context) error { return nil }
	on, err := logs.exporter(o.logs)
	errs = append(errs, err)
	if !on {
		return end, errs
	}
	d, wrong := logs.destination()
	exporter, err := logExporter(ctx, d)
	batching, wrongToo := batchingFromEnv("OTEL_BLRP_", time.Second)
	errs = slices.Concat(errs, checkLimits(logLimits...), wrong, logs.checkExporter(), wrongToo, []error{err})
	if exporter == nil {
		return end, errs
	}
	q := newLogQueue(exporter, batching)
	provider := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(q))
	otel.SetLoggerProvider(provider)
	currentLogs.Store(q.account)
	return func(ctx context.Context) error { return q.close(provider.Shutdown(ctx)) }, errs
}

// logQueue is the SDK's batch processor for the records of spans, and an account of them.
type logQueue struct {
	sdklog.Processor
	*account
}

func newLogQueue(exporter sdklog.Exporter, b batching) *logQueue {
	q := &logQueue{account: newAccount("log records", "OTEL_BLRP_MAX_QUEUE_SIZE", b)}
	q.Processor = sdklog.NewBatchProcessor(logDelivery{exporter, q.account},
		sdklog.WithMaxQueueSize(b.queue), sdklog.WithExportMaxBatchSize(b.batch),
		sdklog.WithExportInterval(b.delay), sdklog.WithExportTimeout(b.timeout))
	return q
}

// Enabled spares loggers the work on records that OnEmit leaves out.
func (q *logQueue) Enabled(ctx context.Context, _ sdklog.EnabledParameters) bool {
	return trace.SpanContextFromContext(ctx).IsValid()
}

// OnEmit queues the records of spans: Clew takes no others.
func (q *logQueue) OnEmit(ctx context.Context, r *sdklog.Record) error {
	if !r.TraceID().IsValid() {
		return nil
	}
	q.ended.Add(1)
	return q.Processor.OnEmit(ctx, r)
}

// logDelivery is an exporter that counts.
type logDelivery struct {
	sdklog.Exporter
	account *account
}

func (d logDelivery) Export(ctx context.Context, records []sdklog.Record) error {
	return d.account.export(ctx, len(records), func(ctx context.Context) error { return d.Exporter.Export(ctx, records) })
}
