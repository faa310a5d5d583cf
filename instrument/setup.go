// Package clew sets up tracing for a Go program: where spans go, what they say
// about the process, how they are sampled and how a trace goes on in the next
// service. The OTEL_* variables of OpenTelemetry decide; without them spans go
// to a Clew or any other collector on this machine.
//
//	shutdown, err := clew.Setup(ctx)
//	if err != nil {
//		log.Print(err) // what was not understood; the rest is set up
//	}
//	defer shutdown(context.Background())
//
// The packages below it wrap net/http, gRPC, database/sql and Kafka.
package clew

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// shutdownTimeout bounds a shutdown whose context has no deadline.
const shutdownTimeout = 5 * time.Second

// Option changes what Setup does. Variables of the environment win over options,
// so that whoever runs a program has the last word.
type Option func(*options)

type options struct {
	name, version string
	attributes    []attribute.KeyValue
	exporter      sdktrace.SpanExporter
	logs          bool
	logger        *slog.Logger
}

// WithService names the service and its version. Without it they come from the
// environment, or are the name of the program and the version it was built from.
func WithService(name, version string) Option {
	return func(o *options) { o.name, o.version = name, version }
}

// WithAttributes adds attributes to the resource that all spans have in common.
func WithAttributes(attrs ...attribute.KeyValue) Option {
	return func(o *options) { o.attributes = append(o.attributes, attrs...) }
}

// WithExporter sends spans there instead of where OTEL_EXPORTER_OTLP_* says; for tests.
func WithExporter(e sdktrace.SpanExporter) Option {
	return func(o *options) { o.exporter = e }
}

// WithLogs sends the log records of spans to where spans go, as OTEL_LOGS_EXPORTER=otlp
// does: those that are made by LogHandler, and through OpenTelemetry's global
// logger provider, with the context of a span. All others stay where they are.
func WithLogs() Option {
	return func(o *options) { o.logs = true }
}

// WithErrorLogger says where tracing reports its own errors, at most one a
// minute. Without it they go to slog.Default().
func WithErrorLogger(l *slog.Logger) Option {
	return func(o *options) { o.logger = l }
}

// Setup makes the global tracer provider, propagator and error handler of
// OpenTelemetry, and its logger provider if logs are asked for. Neither it nor any
// span or log record waits for the collector: they are queued, up to
// OTEL_BSP_MAX_QUEUE_SIZE and OTEL_BLRP_MAX_QUEUE_SIZE, and dropped and counted beyond.
//
// An error names each setting that was not understood. Everything else is set
// up all the same, with the default in that setting's place, and shutdown is
// never nil: a program may log the error and go on.
//
// Shutdown sends what is queued, for as long as its context allows; if that has
// no deadline, or is done already, for five seconds. Its error says how many
// spans and log records were lost since Setup.
func Setup(ctx context.Context, opts ...Option) (shutdown func(context.Context) error, err error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	var wrong problems
	propagator, err := propagatorFromEnv()
	wrong.add(err)
	otel.SetTextMapPropagator(propagator)
	if v, name := firstEnv("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE"); v != "" {
		wrong.add(fmt.Errorf("%s is not read; set the variables that it would replace", name))
	}
	disabled, err := boolEnv("OTEL_SDK_DISABLED")
	wrong.add(err)
	if disabled {
		return func(context.Context) error { return nil }, wrong.err()
	}
	errorHandler := &reporter{log: o.logger, now: time.Now}
	otel.SetErrorHandler(silence) // the SDK knows fewer settings, and complains of what is said here
	defer otel.SetErrorHandler(errorHandler)
	res, err := newResource(ctx, o)
	wrong.add(err)
	endLogs, errs := setUpLogs(ctx, o, res)
	wrong.add(errs...)
	endSpans, errs := setUpSpans(ctx, o, res) // last: a remote sampler has complaints of its own
	wrong.add(errs...)
	return func(ctx context.Context) error {
		ctx, cancel := bounded(ctx)
		defer cancel()
		ended := make(chan error, 1) // at once, so that neither takes the time of the other
		go func() { ended <- endLogs(ctx) }()
		return errors.Join(endSpans(ctx), <-ended)
	}, wrong.err()
}

// setUpSpans makes the tracer provider. What it returns ends it, and is never nil.
func setUpSpans(ctx context.Context, o options, res *resource.Resource) (end func(context.Context) error, errs []error) {
	errs = checkLimits(spanLimits...)
	exporter := o.exporter
	if exporter == nil {
		on, err := traces.exporter(true)
		errs = append(errs, err)
		if on {
			d, wrong := traces.destination()
			exporter, err = spanExporter(ctx, d)
			errs = slices.Concat(errs, wrong, traces.checkExporter(), []error{err})
		}
	}
	batching, wrong := batchingFromEnv("OTEL_BSP_", 5*time.Second)
	sampler, closeSampler, err := samplerFromEnv(serviceName(res))
	errs = append(append(errs, wrong...), err)
	provider := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithSampler(sampler)}
	var sent *account
	if exporter != nil {
		q := newSpanQueue(exporter, batching)
		sent, provider = q.account, append(provider, sdktrace.WithSpanProcessor(q))
	}
	tp := sdktrace.NewTracerProvider(provider...)
	otel.SetTracerProvider(tp)
	currentSpans.Store(sent)
	return func(ctx context.Context) error {
		err := tp.Shutdown(ctx)
		closeSampler()
		return sent.close(err)
	}, errs
}

// problems are what Setup did not understand. Spans and logs have settings in
// common: each problem is told once.
type problems []error

func (p *problems) add(errs ...error) {
	for _, err := range errs {
		if err != nil && !slices.ContainsFunc(*p, func(e error) bool { return e.Error() == err.Error() }) {
			*p = append(*p, err)
		}
	}
}

func (p problems) err() error { return errors.Join(p...) }

var silence = otel.ErrorHandlerFunc(func(error) {})

// bounded gives a context a deadline. One that is done, as those that a signal
// ends are at the end of a program, is replaced: it would lose all that is queued.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, shutdownTimeout)
}
