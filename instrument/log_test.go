package clew

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/slogtest"

	"go.opentelemetry.io/otel/trace"
)

func inTrace(ctx context.Context, flags trace.TraceFlags) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 15: 2}, SpanID: trace.SpanID{3, 7: 4}, TraceFlags: flags}))
}

func TestLogHandler(t *testing.T) {
	const ids = `"trace_id":"01000000000000000000000000000002","span_id":"0300000000000004","trace_flags":"01"`
	for _, test := range []struct {
		log  func(context.Context, *slog.Logger)
		want string
	}{
		{func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "hi", "a", 1) }, `{"msg":"hi","a":1,` + ids + `}`},
		{func(_ context.Context, l *slog.Logger) { l.Info("hi", "a", 1) }, `{"msg":"hi","a":1}`},
		{func(ctx context.Context, l *slog.Logger) { l.With("a", 1).InfoContext(ctx, "hi") }, `{"msg":"hi","a":1,` + ids + `}`},
		{func(ctx context.Context, l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").With("c", 3).InfoContext(ctx, "hi", "d", 4)
		}, `{"msg":"hi","a":1,"g":{"b":2,"h":{"c":3,"d":4}},` + ids + `}`},
		{func(_ context.Context, l *slog.Logger) { l.WithGroup("g").With("b", 2).Info("hi", "d", 4) }, `{"msg":"hi","g":{"b":2,"d":4}}`},
		{func(ctx context.Context, l *slog.Logger) { l.DebugContext(ctx, "not this") }, ``},
	} {
		var b bytes.Buffer
		test.log(inTrace(t.Context(), trace.FlagsSampled), Logger(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		}})))
		if got := string(bytes.TrimSpace(b.Bytes())); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// Loggers that share a group do not share what is added to it.
func TestLogHandlersDoNotShare(t *testing.T) {
	var b bytes.Buffer
	base := Logger(slog.NewJSONHandler(&b, nil)).WithGroup("g").With("a", 1).With("b", 2).With("c", 3)
	left := base.With("left", 1)
	base.With("right", 1)
	left.InfoContext(inTrace(t.Context(), 0), "hi")
	var got struct {
		G     map[string]int
		Flags string `json:"trace_flags"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got.G["left"] != 1 || len(got.G) != 4 || got.Flags != "00" {
		t.Errorf("logged %s (%v)", b.String(), err)
	}
}

func TestLogHandlerIsAHandler(t *testing.T) {
	for name, wrap := range map[string]func(slog.Handler) slog.Handler{
		"without a span": LogHandler,
		"within a span":  func(h slog.Handler) slog.Handler { return withSpan{LogHandler(h)} },
	} {
		var b bytes.Buffer
		err := slogtest.TestHandler(wrap(slog.NewJSONHandler(&b, nil)), func() []map[string]any {
			var all []map[string]any
			for line := range bytes.Lines(b.Bytes()) {
				m := map[string]any{}
				if err := json.Unmarshal(line, &m); err != nil {
					t.Fatal(err)
				}
				all = append(all, m)
			}
			return all
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withSpan makes every record that of a span.
type withSpan struct{ slog.Handler }

func (h withSpan) Handle(ctx context.Context, r slog.Record) error {
	return h.Handler.Handle(inTrace(ctx, 0), r)
}
func (h withSpan) WithAttrs(a []slog.Attr) slog.Handler { return withSpan{h.Handler.WithAttrs(a)} }
func (h withSpan) WithGroup(n string) slog.Handler      { return withSpan{h.Handler.WithGroup(n)} }
