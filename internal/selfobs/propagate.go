package selfobs

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// extract returns a context with the trace that a caller tells of; values are those of a header.
func extract(ctx context.Context, values func(header string) []string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, incoming(values))
}

// incoming is W3C's trace context to the letter, where the SDK's propagator takes
// the first of several headers, a dash behind a parent of version 00 but no flag
// that it does not know, and no trace state with a member that is blank.
type incoming func(header string) []string

// parentLen is that of a parent of version 00.
const parentLen = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

func (values incoming) Get(header string) string {
	all := values(header)
	if header == "tracestate" {
		members := strings.Split(strings.Join(all, ","), ",")
		return strings.Join(slices.DeleteFunc(members, func(m string) bool { return strings.Trim(m, " \t") == "" }), ",")
	}
	if len(all) != 1 {
		return ""
	}
	parent := strings.Trim(all[0], " \t")
	if len(parent) > parentLen && strings.HasPrefix(parent, "00") {
		return ""
	}
	return knownFlags(parent)
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

func (incoming) Set(string, string) {}

func (incoming) Keys() []string { return nil }

// Transport traces requests that the program sends, and tells those who answer of
// the trace. Requests that are part of no other trace are below a span with the
// name of what they are for.
func Transport(tp trace.TracerProvider, purpose string, next http.RoundTripper) http.RoundTripper {
	return &transport{tp.Tracer(tracerName), purpose, next}
}

type transport struct {
	tracer  trace.Tracer
	purpose string
	next    http.RoundTripper
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if !trace.SpanContextFromContext(ctx).IsValid() {
		var whole trace.Span
		ctx, whole = t.tracer.Start(ctx, t.purpose)
		defer whole.End()
	}
	ctx, span := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", r.Method),
		attribute.String("server.address", r.URL.Hostname()),
		attribute.String("url.path", r.URL.Path)))
	defer span.End()
	r = r.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	res, err := t.next.RoundTrip(r)
	switch {
	case err != nil:
		span.SetStatus(codes.Error, err.Error())
	default:
		span.SetAttributes(attribute.Int("http.response.status_code", res.StatusCode))
		if res.StatusCode >= 400 {
			span.SetStatus(codes.Error, http.StatusText(res.StatusCode))
		}
	}
	return res, err
}
