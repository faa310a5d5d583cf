package clew

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// maxFrames bounds a stack trace.
const maxFrames = 32

// RecordError marks the span of ctx as failed: its status is an error with err's
// text, and an event "exception" has the type, the message and the stack of the
// caller. Without an error or a span that is sampled it does nothing.
func RecordError(ctx context.Context, err error, attrs ...attribute.KeyValue) {
	span := trace.SpanFromContext(ctx)
	if err == nil || !span.IsRecording() {
		return
	}
	kind := errorType(err)
	span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(append([]attribute.KeyValue{
		semconv.ExceptionType(kind),
		semconv.ExceptionMessage(err.Error()),
		semconv.ExceptionStacktrace(stack(1)),
	}, attrs...)...))
	span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	span.SetStatus(codes.Error, err.Error())
}

// errorType is the type of the outermost error that is not just a text around another one.
func errorType(err error) string {
	for {
		name := fmt.Sprintf("%T", err)
		inner := errors.Unwrap(err)
		if name != "*fmt.wrapError" || inner == nil {
			return name
		}
		err = inner
	}
}

// stack returns the frames of whoever called its caller's caller, for skip 1,
// as a panic prints them.
func stack(skip int) string {
	pcs := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip+2, pcs)])
	var b strings.Builder
	for {
		f, more := frames.Next()
		if f.Function != "" {
			fmt.Fprintf(&b, "%s()\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}
