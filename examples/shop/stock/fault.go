package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fault is slow or fails if the request asks this service for it, by baggage.
func fault(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	carried := baggage.FromContext(ctx)
	if carried.Member("shop.slow").Value() == "stock" {
		select {
		case <-time.After(1200 * time.Millisecond):
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	if carried.Member("shop.fail").Value() == "stock" {
		return nil, failed(ctx, status.Error(codes.Unavailable, "failed on request"))
	}
	return next(ctx, req)
}

// isTier tells which baggage becomes an attribute of spans.
func isTier(m baggage.Member) bool { return m.Key() == "user.tier" }
