package clew

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestRecordError(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	for _, test := range []struct {
		err  error
		kind string
	}{
		{errors.New("no"), "*errors.errorString"},
		{fmt.Errorf("loading: %w", fmt.Errorf("reading: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist})), "*fs.PathError"},
		{fmt.Errorf("twice: %w", errors.New("no")), "*errors.errorString"},
		{errors.Join(fs.ErrExist, fs.ErrClosed), "*errors.joinError"},
	} {
		ctx, span := tracer.Start(t.Context(), "x")
		RecordError(ctx, nil)
		RecordError(ctx, test.err, attribute.Int("attempt", 3))
		span.End()
		got := spans.Ended()[len(spans.Ended())-1]
		if got.Status() != (sdktrace.Status{Code: codes.Error, Description: test.err.Error()}) || len(got.Events()) != 1 {
			t.Fatalf("%v: %v with %v", test.err, got.Status(), got.Events())
		}
		attrs := map[string]string{}
		for _, a := range append(got.Events()[0].Attributes, got.Attributes()...) {
			attrs[string(a.Key)] = a.Value.String()
		}
		stack := attrs["exception.stacktrace"]
		if got.Events()[0].Name != "exception" || attrs["exception.type"] != test.kind || attrs["exception.message"] != test.err.Error() ||
			attrs["error.type"] != test.kind || attrs["attempt"] != "3" {
			t.Errorf("%v: recorded %v", test.err, attrs)
		}
		if !strings.HasPrefix(stack, "github.com/clewhq/clew/instrument.TestRecordError()\n\t") || !strings.Contains(stack, "error_test.go:") {
			t.Errorf("the stack begins elsewhere:\n%s", stack)
		}
	}
	RecordError(context.Background(), errors.New("no span"))
}
