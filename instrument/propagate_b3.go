package clew

import (
	"context"
	"strings"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// b3Format is B3 with the sampling states that a span context has no place for:
// ids whose sampling is left to the receiver, a decision without ids, and debug,
// which is passed on. The contributed propagator knows ids and 0 and 1.
type b3Format struct{ propagation.TextMapPropagator }

func newB3(encoding b3.Encoding) b3Format {
	return b3Format{b3.New(b3.WithInjectEncoding(encoding))}
}

func (f b3Format) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	sc, d := f.read(carrier)
	switch {
	case !sc.IsValid():
		if d == deferred || trace.SpanContextFromContext(ctx).IsValid() {
			return ctx
		}
		return context.WithValue(ctx, hintKey{}, hint{decision: d})
	case d == deferred || d == debugged:
		ctx = context.WithValue(ctx, hintKey{}, hint{sc, d})
	}
	return trace.ContextWithRemoteSpanContext(ctx, sc)
}

// read returns what the headers say; the single one goes first, if it is valid.
func (f b3Format) read(carrier propagation.TextMapCarrier) (trace.SpanContext, decision) {
	ids := func(c propagation.TextMapCarrier) trace.SpanContext {
		return trace.SpanContextFromContext(f.TextMapPropagator.Extract(context.Background(), c)).WithRemote(true)
	}
	single := carrier.Get("b3")
	if len(single) == 1 {
		return trace.SpanContext{}, b3Decision(single)
	}
	if sc := ids(propagation.MapCarrier{"b3": single}); sc.IsValid() { // trace-span-state-parent
		var state string
		if parts := strings.Split(single, "-"); len(parts) > 2 {
			state = parts[2]
		}
		return sc, b3Decision(state)
	}
	d := b3Decision(strings.ToLower(carrier.Get("x-b3-sampled")))
	if carrier.Get("x-b3-flags") == "1" {
		d = debugged
	}
	if sc := ids(carrier); sc.IsValid() {
		return sc, d
	}
	if single != "" || carrier.Get("x-b3-traceid") != "" || carrier.Get("x-b3-spanid") != "" {
		d = deferred // what comes with invalid ids is invalid
	}
	return trace.SpanContext{}, d
}

func b3Decision(state string) decision {
	switch state {
	case "d":
		return debugged
	case "1", "true":
		return accepted
	case "0", "false":
		return denied
	}
	return deferred
}

func (f b3Format) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return
	}
	headers := propagation.MapCarrier{}
	f.TextMapPropagator.Inject(ctx, headers)
	if sc.IsSampled() && hintOf(ctx).isDebugOf(sc) {
		if single := headers["b3"]; single != "" {
			headers["b3"] = strings.TrimSuffix(single, "1") + "d"
		} else {
			headers["x-b3-flags"] = "1"
			delete(headers, "x-b3-sampled")
		}
	}
	for key, value := range headers {
		carrier.Set(key, value)
	}
}
