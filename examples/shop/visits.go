package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/contrib/processors/baggagecopy"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sync/errgroup"

	clew "github.com/clewhq/clew/instrument"
	"github.com/clewhq/clew/instrument/clewhttp"
)

// visits are what customers do.
type visits struct {
	number int     // 0 for no end
	rate   float64 // visits a second
	seed   uint64
}

// visit is one customer's: a look at the products, and an order.
type visit struct {
	tier, product string
	quantity      int
	fail, slow    string // services that shall, or ""
}

// atOnce is how many customers there are at one time.
const atOnce = 16

// one returns one of the values given.
func one[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// next makes up a visit. One of ten is in for a failure, one of ten has to wait, and samovars are sold out.
func next(random *rand.Rand) visit {
	v := visit{
		tier:     one(random, "gold", "silver", "silver", "basic", "basic", "basic"),
		product:  one(random, "cup", "cup", "cup", "cup", "teapot", "teapot", "teapot", "kettle", "kettle", "samovar"),
		quantity: 1 + random.IntN(6),
	}
	service := one(random, "frontend", "api", "stock", "worker")
	switch random.IntN(10) {
	case 0:
		v.fail = service
	case 1:
		v.slow = service
	}
	return v
}

// run lets customers visit the shop until all were there or ctx ends.
func (vs visits) run(ctx context.Context, front string, log io.Writer) error {
	shutdown, err := clew.Setup(ctx, clew.WithService("shopper", ""))
	if err != nil {
		return err
	}
	defer shutdown(context.WithoutCancel(ctx))
	otel.GetTracerProvider().(*sdktrace.TracerProvider).RegisterSpanProcessor(baggagecopy.NewSpanProcessor(isTier))
	s := &shopper{front: front, client: &http.Client{Transport: clewhttp.Transport(nil)}, log: clew.Logger(slog.NewJSONHandler(log, nil)).With("service", "shopper")}

	random := rand.New(rand.NewPCG(vs.seed, 0))
	var group errgroup.Group
	group.SetLimit(atOnce)
	defer group.Wait()
	tick := time.NewTicker(time.Duration(float64(time.Second) / vs.rate))
	defer tick.Stop()
	for i := 0; vs.number == 0 || i < vs.number; i++ {
		v := next(random)
		group.Go(func() error { s.visit(context.WithoutCancel(ctx), v); return nil })
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// isTier tells which baggage becomes an attribute of spans.
func isTier(m baggage.Member) bool { return m.Key() == "user.tier" }

// shopper is the service of the customers.
type shopper struct {
	front  string
	client *http.Client
	log    *slog.Logger
}

// visit is one trace. The customer's tier goes as baggage through all services.
func (s *shopper) visit(ctx context.Context, v visit) {
	tier, err := baggage.NewMember("user.tier", v.tier)
	if err != nil {
		panic(err) // the tiers are above
	}
	carried, err := baggage.New(tier)
	if err != nil {
		panic(err)
	}
	ctx, span := otel.Tracer("shop").Start(baggage.ContextWithBaggage(ctx, carried), "visit")
	defer span.End()
	span.SetAttributes(attribute.String("product", v.product))

	status, err := s.shop(ctx, v)
	clew.RecordError(ctx, err)
	s.log.InfoContext(ctx, "visit", "status", status, "tier", v.tier, "product", v.product, "fail", v.fail, "slow", v.slow)
}

func (s *shopper) shop(ctx context.Context, v visit) (status int, err error) {
	if status, err = s.ask(ctx, http.MethodGet, "/products", nil); err != nil {
		return status, err
	}
	order, err := json.Marshal(map[string]any{"product": v.product, "quantity": v.quantity})
	if err != nil {
		return 0, err
	}
	faults := url.Values{}
	if service := cmp.Or(v.fail, v.slow); service != "" {
		faults.Set(map[bool]string{true: "fail", false: "slow"}[v.fail != ""], service)
	}
	return s.ask(ctx, http.MethodPost, "/checkout?"+faults.Encode(), order)
}

// ask sends a request; an answer that the shop is to blame for is an error.
func (s *shopper) ask(ctx context.Context, method, path string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, s.front+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, err
	}
	if res.StatusCode >= 500 {
		return res.StatusCode, fmt.Errorf("the shop answered %s", res.Status)
	}
	return res.StatusCode, nil
}
