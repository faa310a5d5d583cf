package main

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	clew "github.com/clewhq/clew/instrument"

	"github.com/clewhq/clew/examples/shop/stock/stockpb"
)

const subject = "orders"

// orders is the queue to the worker.
type orders struct{ conn *nats.Conn }

// send puts an order into the queue. The headers of the message carry the trace and the baggage on.
func (o orders) send(ctx context.Context, order *stockpb.Order) error {
	ctx, span := otel.Tracer("shop.stock").Start(ctx, "send "+subject, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "nats"),
		attribute.String("messaging.operation.type", "send"),
		attribute.String("messaging.destination.name", subject),
	))
	defer span.End()
	message := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: strconv.AppendInt(nil, order.GetNumber(), 10)}
	otel.GetTextMapPropagator().Inject(ctx, headers(message.Header))
	err := o.conn.PublishMsg(message)
	if err != nil {
		clew.RecordError(ctx, err)
	}
	return err
}

// headers are a message's. NATS keeps the case of their names; an http.Header would change it.
type headers nats.Header

func (h headers) Get(key string) string { return nats.Header(h).Get(key) }
func (h headers) Set(key, value string) { nats.Header(h).Set(key, value) }
func (h headers) Keys() []string        { return slices.Collect(maps.Keys(h)) }
