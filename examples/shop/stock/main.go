// Stock is the shop's service in Go: gRPC in, a database, and the queue from
// which the worker takes orders.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/contrib/processors/baggagecopy"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	clew "github.com/clewhq/clew/instrument"
	"github.com/clewhq/clew/instrument/clewgrpc"

	"github.com/clewhq/clew/examples/shop/stock/stockpb"
)

func main() {
	slog.SetDefault(clew.Logger(slog.NewJSONHandler(os.Stderr, nil)).With("service", "stock"))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// run serves until ctx ends; then it answers what was asked, and sends the spans that wait.
func run(ctx context.Context) error {
	shutdown, err := clew.Setup(ctx)
	if err != nil {
		return err
	}
	defer shutdown(context.WithoutCancel(ctx))
	otel.GetTracerProvider().(*sdktrace.TracerProvider).RegisterSpanProcessor(baggagecopy.NewSpanProcessor(isTier))

	goods, err := openGoods(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer goods.close()
	queue, err := nats.Connect(os.Getenv("QUEUE"))
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	defer queue.Close()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(clewgrpc.Server(), grpc.UnaryInterceptor(fault))
	stockpb.RegisterStockServer(server, &service{goods: goods, queue: orders{queue}})
	context.AfterFunc(ctx, server.GracefulStop)
	slog.Info("listening", "addr", listener.Addr().String())
	if err := server.Serve(listener); err != nil {
		return err
	}
	return queue.Flush()
}
