package selfobs

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// GRPC measures and traces calls of gRPC.
type GRPC struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	tracer   trace.Tracer
}

// NewGRPC registers the metrics of calls of gRPC.
func NewGRPC(reg prometheus.Registerer, tp trace.TracerProvider) *GRPC {
	with := promauto.With(reg)
	return &GRPC{
		duration: with.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "clew_grpc_request_duration_seconds",
			Help:    "Time to answer a call of gRPC, by service/method and status code.",
			Buckets: durationBuckets,
		}, []string{"method", "code"}),
		inFlight: with.NewGauge(prometheus.GaugeOpts{
			Name: "clew_grpc_requests_in_flight",
			Help: "Calls of gRPC that are being answered.",
		}),
		tracer: tp.Tracer(tracerName),
	}
}

// Watch measures and traces a call of service/method until its result is called. There have to be
// as many methods as the program has.
func (g *GRPC) Watch(ctx context.Context, method string) (context.Context, func(err error)) {
	g.inFlight.Inc()
	start := time.Now()
	md, _ := metadata.FromIncomingContext(ctx)
	ctx = extract(ctx, md.Get)
	service, name, _ := strings.Cut(method, "/")
	ctx, span := g.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", service), attribute.String("rpc.method", name)))
	return ctx, func(err error) {
		code := status.Code(err)
		g.inFlight.Dec()
		g.duration.WithLabelValues(method, code.String()).Observe(time.Since(start).Seconds())
		span.SetAttributes(attribute.Int("rpc.grpc.status_code", int(code)))
		switch code {
		case grpccodes.Unknown, grpccodes.DeadlineExceeded, grpccodes.Unimplemented, grpccodes.Internal, grpccodes.Unavailable, grpccodes.DataLoss:
			span.SetStatus(codes.Error, code.String()) // of the server, by the semantic conventions
		}
		span.End()
	}
}
