package clew

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/propagators/jaeger"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/http/httpguts"
)

// jaegerFormat is Jaeger's with what its clients did beside ids: headers with
// percent signs, baggage, debug without the flag of sampling, and a debug id
// instead of a trace. The contributed propagator knows ids and flags.
type jaegerFormat struct{ jaeger.Jaeger }

const (
	jaegerHeader  = "uber-trace-id"
	jaegerDebugID = "jaeger-debug-id"
	jaegerBaggage = "uberctx-"
	typedBaggage  = "jaeger-baggage" // by hand: a=1, b=2
	maxBaggage    = 64               // members, as W3C's has
)

func (f jaegerFormat) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	header := carrier.Get(jaegerHeader)
	if strings.Contains(header, "%") {
		if plain, err := url.QueryUnescape(header); err == nil {
			header = plain
		}
	}
	was := trace.SpanContextFromContext(ctx)
	ctx = f.Jaeger.Extract(ctx, propagation.MapCarrier{jaegerHeader: withSampled(header)})
	if carrier.Get(jaegerDebugID) != "" && header == "" && !was.IsValid() {
		ctx = context.WithValue(ctx, hintKey{}, hint{decision: debugged})
	}
	return extractJaegerBaggage(ctx, carrier)
}

// withSampled adds the flag of sampling to that of debug, which implies it.
func withSampled(header string) string {
	const sampled, debug = 1, 2
	last := strings.LastIndexByte(header, ':') + 1
	flags, err := strconv.ParseUint(header[last:], 16, 64)
	if err != nil || flags&debug == 0 {
		return header
	}
	return header[:last] + strconv.FormatUint(flags|sampled, 16)
}

func extractJaegerBaggage(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	bag := baggage.FromContext(ctx)
	was := bag.Len()
	add := func(name, value string) {
		if bag.Len() >= maxBaggage || bag.Member(name).Key() != "" {
			return
		}
		if member, err := baggage.NewMemberRaw(name, value); err == nil {
			if more, err := bag.SetMember(member); err == nil {
				bag = more
			}
		}
	}
	for _, key := range carrier.Keys() {
		if name, ok := strings.CutPrefix(strings.ToLower(key), jaegerBaggage); ok {
			if value, err := url.QueryUnescape(carrier.Get(key)); err == nil {
				add(name, value)
			}
		}
	}
	for pair := range strings.SplitSeq(carrier.Get(typedBaggage), ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	if bag.Len() == was {
		return ctx
	}
	return baggage.ContextWithBaggage(ctx, bag)
}

func (f jaegerFormat) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	f.Jaeger.Inject(ctx, carrier)
	for _, m := range baggage.FromContext(ctx).Members() {
		if httpguts.ValidHeaderFieldName(m.Key()) { // a request with another one would fail
			carrier.Set(jaegerBaggage+m.Key(), url.QueryEscape(m.Value()))
		}
	}
}
