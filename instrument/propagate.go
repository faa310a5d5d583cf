package clew

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/contrib/propagators/jaeger"
	"go.opentelemetry.io/otel/propagation"
)

// propagatorFromEnv joins those that OTEL_PROPAGATORS names. Of several formats
// in one request the last that is valid counts.
func propagatorFromEnv() (propagation.TextMapPropagator, error) {
	list, name := firstEnv("OTEL_PROPAGATORS")
	if list == "" {
		list = "tracecontext,baggage"
	}
	var all []propagation.TextMapPropagator
	var errs []error
	seen := map[string]bool{}
	for _, v := range strings.Split(list, ",") {
		v = strings.ToLower(strings.TrimSpace(v))
		if v == "" || seen[v] {
			continue
		}
		seen[v] = true
		switch v {
		case "tracecontext":
			all = append(all, traceContext{})
		case "baggage":
			all = append(all, propagation.Baggage{})
		case "b3":
			all = append(all, b3.New(b3.WithInjectEncoding(b3.B3SingleHeader)))
		case "b3multi":
			all = append(all, b3.New(b3.WithInjectEncoding(b3.B3MultipleHeader)))
		case "jaeger":
			all = append(all, jaeger.Jaeger{})
		case "none":
		default:
			errs = append(errs, unknown(name, v, "tracecontext, baggage, b3, b3multi, jaeger or none"))
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...), errors.Join(errs...)
}

// traceContext is W3C's trace context where a header occurs several times, of
// which the SDK's propagator sees the first only: two parents are none, and
// lists of trace state are one list.
type traceContext struct{ propagation.TraceContext }

func (t traceContext) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	if headers, ok := carrier.(propagation.ValuesGetter); ok {
		if len(headers.Values("traceparent")) > 1 {
			return ctx
		}
		if states := headers.Values("tracestate"); len(states) > 1 {
			carrier = joinedState{carrier, strings.Join(states, ",")}
		}
	}
	return t.TraceContext.Extract(ctx, carrier)
}

// joinedState is a carrier with one trace state.
type joinedState struct {
	propagation.TextMapCarrier
	state string
}

func (c joinedState) Get(key string) string {
	if key == "tracestate" {
		return c.state
	}
	return c.TextMapCarrier.Get(key)
}
