package clew

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/trace"
)

// Logger returns a logger whose records that are made with the context of a
// span (InfoContext and the like) have its ids; see LogHandler.
func Logger(next slog.Handler) *slog.Logger { return slog.New(LogHandler(next)) }

// LogHandler adds trace_id, span_id and trace_flags, whose last bit says that
// the trace is sampled, to each record that is made with the context of a
// span. They stand at the top, whatever groups the logger has. Such a record goes
// to the collector too if Setup was asked to send them, before or after this.
func LogHandler(next slog.Handler) slog.Handler {
	return &logHandler{plain: next, base: next, bridge: otelslog.NewHandler(bridgeName)}
}

// bridgeName is the scope of the log records that are sent.
const bridgeName = "github.com/clewhq/clew/instrument"

// logHandler keeps what has been opened with WithGroup apart, because whatever
// is added later would end up in there.
type logHandler struct {
	plain  slog.Handler // with all groups and attributes, for records without a span
	base   slog.Handler // up to the first group
	groups []logGroup   // outermost first
	bridge slog.Handler // to OpenTelemetry's logger provider, which does nothing until Setup has made it
}

type logGroup struct {
	name  string
	attrs []slog.Attr
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.plain.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return h.plain.Handle(ctx, r)
	}
	if h.bridge.Enabled(ctx, r.Level) {
		h.bridge.Handle(ctx, r) // queues it, and has no error
	}
	if len(h.groups) > 0 {
		r = h.nested(r)
	} else {
		r = r.Clone()
	}
	r.AddAttrs(
		slog.String("trace_id", sc.TraceID().String()),
		slog.String("span_id", sc.SpanID().String()),
		slog.String("trace_flags", sc.TraceFlags().String()))
	return h.base.Handle(ctx, r)
}

// nested returns the record with its attributes inside of the groups.
func (h *logHandler) nested(r slog.Record) slog.Record {
	var inner []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		inner = append(inner, a)
		return true
	})
	for _, g := range slices.Backward(h.groups) {
		inner = []slog.Attr{{Key: g.name, Value: slog.GroupValue(append(slices.Clip(g.attrs), inner...)...)}}
	}
	r = slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.AddAttrs(inner...)
	return r
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	n := *h
	n.plain, n.bridge = h.plain.WithAttrs(attrs), h.bridge.WithAttrs(attrs)
	if len(h.groups) == 0 {
		n.base = n.plain
		return &n
	}
	n.groups = slices.Clone(h.groups)
	last := &n.groups[len(n.groups)-1]
	last.attrs = append(slices.Clip(last.attrs), attrs...)
	return &n
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	n := *h
	n.plain, n.bridge = h.plain.WithGroup(name), h.bridge.WithGroup(name)
	n.groups = append(slices.Clip(h.groups), logGroup{name: name})
	return &n
}
