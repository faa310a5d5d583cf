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
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
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

// WithErrorLogger says where tracing reports its own errors, at most one a
// minute. Without it they go to slog.Default().
func WithErrorLogger(l *slog.Logger) Option {
	return func(o *options) { o.logger = l }
}

// Setup makes the global tracer provider, propagator and error handler of
// OpenTelemetry. Neither it nor any span waits for the collector: spans
// are queued, up to OTEL_BSP_MAX_QUEUE_SIZE, and dropped and counted beyond.
//
// An error names each setting that was not understood. Everything else is set
// up all the same, with the default in that setting's place, and shutdown is
// never nil: a program may log the error and go on.
//
// Shutdown sends what is queued, for as long as its context allows; if that has
// no deadline, or is done already, for five seconds. Its error says how many
// spans were lost since Setup.
func Setup(ctx context.Context, opts ...Option) (shutdown func(context.Context) error, err error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	propagator, propagatorErr := propagatorFromEnv()
	otel.SetTextMapPropagator(propagator)
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return func(context.Context) error { return nil }, propagatorErr
	}
	errorHandler := &reporter{log: o.logger, now: time.Now}
	otel.SetErrorHandler(errorHandler)

	res, resourceErr := newResource(ctx, o)
	sampler, closeSampler, samplerErr := samplerFromEnv(serviceName(res))
	exporter, exporterErr := o.exporter, error(nil)
	if exporter == nil {
		exporter, exporterErr = exporterFromEnv(ctx)
	}
	provider := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithSampler(sampler)}
	var q *queue
	if exporter != nil {
		q = newQueue(exporter)
		provider = append(provider, sdktrace.WithSpanProcessor(q))
	}
	otel.SetErrorHandler(silence) // the SDK knows fewer samplers, and complains
	tp := sdktrace.NewTracerProvider(provider...)
	otel.SetErrorHandler(errorHandler)
	otel.SetTracerProvider(tp)
	current.Store(q)
	stop := func(ctx context.Context) error {
		ctx, cancel := bounded(ctx)
		defer cancel()
		err := tp.Shutdown(ctx)
		closeSampler()
		if q != nil {
			err = q.close(err)
		}
		return err
	}
	return stop, errors.Join(propagatorErr, resourceErr, samplerErr, exporterErr, checkQueueEnv())
}

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

// firstEnv returns the value of the first variable that is set to something,
// and the name of that variable.
func firstEnv(names ...string) (value, name string) {
	for _, name := range names {
		if v := strings.TrimSpace(os.Getenv(name)); v != "" {
			return v, name
		}
	}
	return "", ""
}

// unknown is the error of a variable with a value that means nothing.
func unknown(variable, value, known string) error {
	return fmt.Errorf("%s=%q is not known; it may be %s", variable, value, known)
}
