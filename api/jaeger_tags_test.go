package api

import (
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// TestTags checks which spans a tag finds.
func TestTags(t *testing.T) {
	list := func(key string, v span.Value) []span.KeyValue { return []span.KeyValue{{Key: key, Value: v}} }
	with := func(key string, v span.Value) span.Span { return span.Span{Attrs: list(key, v)} }
	text := span.StringValue
	tests := []struct {
		key, value string
		span       span.Span
		want       bool
	}{
		// Types.
		{"k", "v", with("k", text("v")), true},
		{"k", "v", with("k", text("V")), false},
		{"k", "v", with("K", text("v")), false},
		{"k", "", with("k", text("")), true},
		{"k", "", span.Span{}, false},
		{"", "v", with("", text("v")), true},
		{"k", "123", with("k", text("123")), true},
		{"k", "123", with("k", span.IntValue(123)), true},
		{"k", "123", with("k", span.FloatValue(123)), true},
		{"k", "123", with("k", span.IntValue(124)), false},
		{"k", "-9223372036854775808", with("k", span.IntValue(-1<<63)), true},
		{"k", "9007199254740993", with("k", span.IntValue(1<<53+1)), true},
		{"k", "9007199254740993", with("k", span.IntValue(1<<53)), false},
		{"k", "72.5", with("k", span.FloatValue(72.5)), true},
		{"k", "72.5", with("k", text("72.5")), true},
		{"k", "1e3", with("k", span.IntValue(1000)), true},
		{"k", "1e999", with("k", text("1e999")), true},
		{"k", "true", with("k", span.BoolValue(true)), true},
		{"k", "true", with("k", text("true")), true},
		{"k", "true", with("k", span.BoolValue(false)), false},
		{"k", "false", with("k", span.BoolValue(false)), true},
		{"k", "1", with("k", span.BoolValue(true)), false},
		{"k", "b", with("k", span.ArrayValue(text("a"), text("b"))), true},
		{"k", "2", with("k", span.ArrayValue(span.IntValue(1), span.IntValue(2))), true},
		// Levels.
		{"k", "v", span.Span{Resource: span.SpanResource{Attrs: list("k", text("v"))}}, true},
		{"k", "7", span.Span{Scope: span.SpanScope{Attrs: list("k", span.IntValue(7))}}, true},
		{"k", "v", span.Span{Events: []span.SpanEvent{{}, {Attrs: list("k", text("v"))}}}, true},
		{"k", "v", span.Span{Links: []span.SpanLink{{}, {Attrs: list("k", text("v"))}}}, true},
		{"k", "v", span.Span{Attrs: list("k", text("x")), Resource: span.SpanResource{Attrs: list("k", text("v"))}}, true},
		// What is no attribute.
		{"error", "true", span.Span{Status: 2}, true},
		{"error", "true", span.Span{Status: 1}, false},
		{"error", "true", with("error", span.BoolValue(true)), true},
		{"error", "true", with("error", text("true")), true},
		{"error", "false", span.Span{Status: 2}, false},
		{"error", "false", span.Span{Status: 1}, true},
		{"error", "false", span.Span{}, true},
		{"error", "false", with("error", span.BoolValue(true)), false},
		{"error", "timeout", with("error", text("timeout")), true},
		{"error", "timeout", span.Span{Status: 2}, false},
		{"span.kind", "server", span.Span{Kind: 2}, true},
		{"span.kind", "SERVER", span.Span{Kind: 2}, true},
		{"span.kind", "server", span.Span{Kind: 3}, false},
		{"span.kind", "unspecified", span.Span{}, true},
		{"span.kind", "server", with("span.kind", text("server")), true},
		{"span.kind", "robot", with("span.kind", text("robot")), true},
		{"span.status", "ok", span.Span{Status: 1}, true},
		{"span.status", "ERROR", span.Span{Status: 2}, true},
		{"span.status", "unset", span.Span{}, true},
		{"span.status", "error", span.Span{}, false},
		{"otel.status_code", "ERROR", span.Span{Status: 2}, true},
		{"otel.status_code", "OK", span.Span{Status: 2}, false},
		{"otel.status_description", "it broke", span.Span{Message: "it broke"}, true},
		{"w3c.tracestate", "a=1", span.Span{TraceState: "a=1"}, true},
		{"scope.name", "lib", span.Span{Scope: span.SpanScope{Name: "lib"}}, true},
		{"scope.version", "2", span.Span{Scope: span.SpanScope{Version: "2"}}, true},
		{"otel.scope.name", "lib", span.Span{Scope: span.SpanScope{Name: "lib"}}, true},
		{"otel.scope.version", "2", span.Span{Scope: span.SpanScope{Version: "3"}}, false},
		{"otel.scope.attributes.k", "v", span.Span{Scope: span.SpanScope{Attrs: list("k", text("v"))}}, true},
		{"otel.scope.attributes.k", "v", with("k", text("v")), false},
		{"otel.link.0.attributes.k", "v", span.Span{Links: []span.SpanLink{{Attrs: list("k", text("v"))}}}, true},
		{"otel.link.x.attributes.k", "v", span.Span{Links: []span.SpanLink{{Attrs: list("k", text("v"))}}}, false},
		{"otel.link.0.attributes.k", "v", with("k", text("v")), false},
		{"event", "exception", span.Span{Events: []span.SpanEvent{{Name: "exception"}}}, true},
		{"resource.k", "v", span.Span{Resource: span.SpanResource{Attrs: list("k", text("v"))}}, true},
		{"resource.k", "v", with("k", text("v")), false},
		{"resource.k", "v", with("resource.k", text("v")), true},
	}
	for _, test := range tests {
		filter := &traceql.Filter{Body: tag{test.key, test.value}.expr()}
		q := &traceql.Query{Search: &traceql.Pipeline{Stages: []traceql.Stage{filter}}}
		test.span.TraceID, test.span.SpanID = span.TraceID{15: 1}, span.SpanID{7: 1}
		engine := &traceql.Engine{Store: filled(t, test.span)}
		found, err := engine.Search(t.Context(), store.DefaultTenant, q, traceql.SearchOptions{})
		if err != nil {
			t.Fatalf("%s:%s: %v", test.key, test.value, err)
		}
		if got := len(found.Traces) == 1; got != test.want {
			t.Errorf("%s:%s is %v for %+v\n%s", test.key, test.value, got, test.span, q)
		}
	}
}

// TestJaegerTagsArePlain checks that operators mean nothing to Jaeger's API.
func TestJaegerTagsArePlain(t *testing.T) {
	row := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{1}, Start: uint64(recordedAt.UnixNano()),
		Attrs: []span.KeyValue{{Key: "k", Value: span.StringValue("~v")}, {Key: "!n>", Value: span.IntValue(5)}}}
	h := NewJaeger(testConfig(), filled(t, row))
	for _, tag := range []string{"k:~v", "!n%3E:5"} {
		if f := parseFound(t, getOK(t, h, "/api/traces?tag="+tag)); len(f.Data) != 1 {
			t.Errorf("%s finds %v", tag, f.ids())
		}
	}
}
