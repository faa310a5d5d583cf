package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	clew "github.com/clewhq/clew/instrument"

	"github.com/clewhq/clew/examples/shop/stock/stockpb"
)

// service answers the API.
type service struct {
	stockpb.UnimplementedStockServer
	goods *goods
	queue orders
}

func (s *service) List(ctx context.Context, _ *stockpb.ListRequest) (*stockpb.ListReply, error) {
	products, err := s.goods.list(ctx)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return &stockpb.ListReply{Products: products}, nil
}

func (s *service) Reserve(ctx context.Context, req *stockpb.ReserveRequest) (*stockpb.Order, error) {
	order, err := s.goods.reserve(ctx, req.GetProduct(), req.GetQuantity())
	if err != nil {
		return nil, failed(ctx, err)
	}
	if err := s.queue.send(ctx, order); err != nil {
		return nil, failed(ctx, err)
	}
	slog.InfoContext(ctx, "reserved", "order", order.GetNumber(), "product", order.GetProduct())
	return order, nil
}

// failed makes of an error what the caller is told. What the caller could not know is no fault of the stock.
func failed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return status.Error(codes.NotFound, "there is no such product")
	case errors.Is(err, errSoldOut):
		slog.WarnContext(ctx, err.Error())
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	clew.RecordError(ctx, err)
	slog.ErrorContext(ctx, err.Error())
	return err // gRPC makes of it what it is, or an unknown one
}
