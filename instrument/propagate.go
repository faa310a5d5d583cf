package clew

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/otel/propagation"
)

// propagatorFromEnv joins those that OTEL_PROPAGATORS names. Of several formats
// in one request the last that is valid counts.
func propagatorFromEnv() (propagation.TextMapPropagator, error) {
	list, name := firstEnv("OTEL_PROPAGATORS")
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
			all = append(all, newB3(b3.B3SingleHeader))
		case "b3multi":
			all = append(all, newB3(b3.B3MultipleHeader))
		case "jaeger":
			all = append(all, jaegerFormat{})
		case "none":
		default:
			errs = append(errs, unknown(name, v, "tracecontext, baggage, b3, b3multi, jaeger or none"))
		}
	}
	if len(all) == 0 && !seen["none"] { // nothing is said, or nothing that is known
		all = append(all, traceContext{}, propagation.Baggage{})
	}
	return propagation.NewCompositeTextMapPropagator(all...), errors.Join(errs...)
}

// traceContext is W3C's trace context to the letter. The SDK's propagator sees
// only the first of several headers, takes a dash behind a parent of version 00
// but no flag that it does not know, and discards a trace state with a member that is blank.
type traceContext struct{ propagation.TraceContext }

// parentLen is that of a parent of version 00.
const parentLen = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

func (t traceContext) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	values := func(key string) []string { return []string{carrier.Get(key)} }
	if all, ok := carrier.(propagation.ValuesGetter); ok {
		values = all.Values
	}
	parents := values("traceparent")
	if len(parents) != 1 || parents[0] == "" {
		return ctx
	}
	clean := mended{TextMapCarrier: carrier, parent: knownFlags(strings.Trim(parents[0], " \t"))}
	if len(clean.parent) > parentLen && strings.HasPrefix(clean.parent, "00") {
		return ctx
	}
	switch states := values("tracestate"); {
	case len(states) > 1 || len(states) == 1 && strings.ContainsAny(states[0], " \t"):
		clean.state = joinStates(states)
	case len(states) == 1:
		clean.state = states[0]
	}
	return t.TraceContext.Extract(ctx, clean)
}

// knownFlags leaves out the flags of version 00 that are reserved: sampled and random remain.
func knownFlags(parent string) string {
	const known = 3
	if len(parent) != parentLen || !strings.HasPrefix(parent, "00-") {
		return parent
	}
	rest, text := parent[:parentLen-2], parent[parentLen-2:]
	flags, err := strconv.ParseUint(text, 16, 8)
	if err != nil || flags <= known || strings.ToLower(text) != text {
		return parent
	}
	return rest + "0" + strconv.FormatUint(flags&known, 16)
}

// joinStates makes one list of the members of several that are not blank.
func joinStates(states []string) string {
	members := strings.Split(strings.Join(states, ","), ",")
	return strings.Join(slices.DeleteFunc(members, func(m string) bool { return strings.Trim(m, " \t") == "" }), ",")
}

// mended is a carrier with these headers in place of its own.
type mended struct {
	propagation.TextMapCarrier
	parent, state string
}

func (c mended) Get(key string) string {
	if key == "traceparent" {
		return c.parent
	}
	return c.state
}
