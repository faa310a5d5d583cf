// Package clewgrpc traces calls of gRPC, on both sides, and lets traces go on from one to the other:
//
//	grpc.NewServer(clewgrpc.Server())
//	grpc.NewClient(target, clewgrpc.Client(), …)
package clewgrpc

import (
	"context"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// WithoutHealthChecks leaves out the calls of grpc.health.v1.Health.
func WithoutHealthChecks() otelgrpc.Option {
	return otelgrpc.WithFilter(filters.Not(filters.HealthCheck()))
}

// Server traces the calls that a server answers. The options are those of
// go.opentelemetry.io/contrib's otelgrpc, which this package wraps.
func Server(opts ...otelgrpc.Option) grpc.ServerOption {
	return grpc.StatsHandler(otelgrpc.NewServerHandler(append([]otelgrpc.Option{otelgrpc.WithPropagators(fromMetadata{})}, opts...)...))
}

// Client traces the calls of a client.
func Client(opts ...otelgrpc.Option) grpc.DialOption {
	return grpc.WithStatsHandler(otelgrpc.NewClientHandler(opts...))
}

// fromMetadata is the global propagator as it is at the time of a call. It
// reads what came with the call itself, because the carrier that it is given
// has only the first value of a key.
type fromMetadata struct{}

func (fromMetadata) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	return otel.GetTextMapPropagator().Extract(ctx, incoming(md))
}

func (fromMetadata) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	otel.GetTextMapPropagator().Inject(ctx, c)
}

func (fromMetadata) Fields() []string { return otel.GetTextMapPropagator().Fields() }

// incoming is a carrier that has all values of a key. HTTP/2 leaves space around
// them, which is not part of a value.
type incoming metadata.MD

func (c incoming) Values(key string) []string { return metadata.MD(c).Get(key) }

func (c incoming) Get(key string) string {
	if values := c.Values(key); len(values) > 0 {
		return strings.TrimSpace(values[0])
	}
	return ""
}

func (c incoming) Set(key, value string) { metadata.MD(c).Set(key, value) }

func (c incoming) Keys() []string { return slices.Collect(maps.Keys(c)) }
