package clew

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// decision is what a caller says about sampling beside the flag of its span context.
type decision uint8

const (
	deferred decision = iota // to whoever is asked
	denied
	accepted
	debugged // accepted, and wanted for a search for a fault
)

// hint is what the caller of a request decided; of is its span context, which is
// empty if it sent a decision without ids.
type hint struct {
	of       trace.SpanContext
	decision decision
}

type hintKey struct{}

func hintOf(ctx context.Context) hint {
	h, _ := ctx.Value(hintKey{}).(hint)
	return h
}

// isDebugOf reports whether a span is of the trace that is debugged.
func (h hint) isDebugOf(sc trace.SpanContext) bool {
	return h.decision == debugged && (!h.of.IsValid() || h.of.TraceID() == sc.TraceID())
}

// hinted samples by the hints of callers, and by a sampler where there are none.
type hinted struct {
	sdktrace.Sampler
	root sdktrace.Sampler // for what is left to us
}

func (s hinted) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	if parent.IsValid() && !parent.IsRemote() {
		return s.Sampler.ShouldSample(p)
	}
	h, ok := p.ParentContext.Value(hintKey{}).(hint)
	if !ok || !h.of.Equal(parent) {
		return s.Sampler.ShouldSample(p)
	}
	state := withThreshold(parent.TraceState(), "")
	switch h.decision {
	case deferred:
		return s.root.ShouldSample(p)
	case denied:
		return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: state}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: state}
}
