package clew_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel"

	clew "github.com/clewhq/clew/instrument"
)

func Example() {
	ctx := context.Background()
	shutdown, err := clew.Setup(ctx, clew.WithService("shop", "v1.2.3"))
	if err != nil {
		log.Print(err)
	}
	defer shutdown(ctx)
	slog.SetDefault(clew.Logger(slog.NewJSONHandler(os.Stderr, nil)))

	ctx, span := otel.Tracer("shop").Start(ctx, "price an order")
	defer span.End()
	slog.InfoContext(ctx, "with the ids of the span")
	clew.RecordError(ctx, errors.New("out of tea"))
}
