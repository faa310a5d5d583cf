package api

import (
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/storetest"
)

// TestConditions checks which spans a condition finds, with the conformance
// suite's own reading of predicates as the judge.
func TestConditions(t *testing.T) {
	list := func(key string, v span.Value) []span.KeyValue { return []span.KeyValue{{Key: key, Value: v}} }
	with := func(key string, v span.Value) span.Span { return span.Span{Attrs: list(key, v)} }
	text, number, float := span.StringValue, span.IntValue, span.FloatValue
	onResource := span.Span{Resource: span.SpanResource{Attrs: list("k", text("v"))}}
	onScope := span.Span{Scope: span.SpanScope{Attrs: list("k", text("v"))}}
	onEvent := span.Span{Events: []span.SpanEvent{{Name: "log"}, {Attrs: list("k", text("v"))}}}
	onLink := span.Span{Links: []span.SpanLink{{Attrs: list("k", text("v"))}}}
	lasting := func(ns uint64) span.Span { return span.Span{Start: 5, End: 5 + ns} }
	tests := []struct {
		condition string
		span      span.Span
		want      bool
	}{
		// Texts are taken as they are.
		{"k=v", with("k", text("v")), true},
		{"k=v", with("k", text("w")), false},
		{"k=", with("k", text("")), true},
		{"k=", span.Span{}, false},
		{"k==v", with("k", text("=v")), true},
		{"k=>5", with("k", text(">5")), true},
		{`k="v"`, with("k", text(`"v"`)), true},
		{"k=a=b", with("k", text("a=b")), true},
		{"k = v w ", with("k", text("v w ")), true},
		{"k=5", with("k", number(5)), true},
		{"k=true", with("k", span.BoolValue(true)), true},
		{"größe=ü", with("größe", text("ü")), true},
		{"guid:x-request-id=1", with("guid:x-request-id", text("1")), true},
		{"a b~c=v", with("a b~c", text("v")), true},
		{"duration.ms=5", with("duration.ms", number(5)), true},

		// What is not equal is there.
		{"k!=v", with("k", text("w")), true},
		{"k!=v", with("k", text("v")), false},
		{"k!=v", span.Span{}, false},
		{"k!=5", with("k", float(5)), false},
		{"k!=5", with("k", float(5.5)), true},
		{"k!=5", with("k", text("v")), true},
		{"k != 5", with("k", span.BoolValue(true)), true},
		{"k!=a", with("k", span.ArrayValue(text("a"), text("b"))), false},
		{"k!=c", with("k", span.ArrayValue(text("a"), text("b"))), true},
		{"k!=v", span.Span{Attrs: list("k", text("w")), Resource: span.SpanResource{Attrs: list("k", text("v"))}}, false},

		// Order is that of numbers.
		{"k>5", with("k", number(6)), true},
		{"k>5", with("k", number(5)), false},
		{"k>=5", with("k", number(5)), true},
		{"k>=5", with("k", float(4.999)), false},
		{"k<5", with("k", float(4.999)), true},
		{"k<5", with("k", number(5)), false},
		{"k<=5", with("k", float(5)), true},
		{"k<=-0.5", with("k", number(-1)), true},
		{"k>1e3", with("k", number(1001)), true},
		{"k>9007199254740992", with("k", number(1<<53+1)), true},
		{"k>5", with("k", text("6")), false},
		{"k < 5", span.Span{}, false},
		{"k>1", onEvent, false},

		// A regular expression matches the whole of a text.
		{"k=~v", with("k", text("v")), true},
		{"k=~v", with("k", text("vw")), false},
		{"k=~v.*", with("k", text("v\nw")), true},
		{"k=~[0-9]+", with("k", number(5)), false},
		{"k =~ a|b", with("k", span.ArrayValue(text("x"), text("b"))), true},
		{"k!~v.*", with("k", text("w")), true},
		{"k!~v.*", with("k", text("vw")), false},
		{"k!~v.*", with("k", number(5)), true},
		{"k!~v.*", span.Span{}, false},

		// Existence.
		{"k", with("k", span.Value{}), true},
		{" k ", with("k", text("")), true},
		{"k", onResource, true},
		{"k", onLink, true},
		{"k", with("kk", text("")), false},
		{"!k", with("k", span.Value{}), false},
		{"!k", onEvent, false},
		{"! k", with("kk", text("")), true},

		// Levels.
		{"k=v", onResource, true},
		{"k=v", onScope, true},
		{"k=v", onEvent, true},
		{"k=v", onLink, true},
		{"span.k=v", with("k", text("v")), true},
		{"span.k=v", onResource, false},
		{"resource.k=v", onResource, true},
		{"resource.k=v", with("k", text("v")), false},
		{"resource.k=v", with("resource.k", text("v")), false},
		{"event.k=v", onEvent, true},
		{"event.k=v", onLink, false},
		{"link.k=~v", onLink, true},
		{"link.k=~v", onEvent, false},
		{"instrumentation.k!=w", onScope, true},
		{"instrumentation.k!=w", onResource, false},
		{"!span.k", onResource, true},
		{"resource.k", onResource, true},
		{"event.name=v", span.Span{Events: []span.SpanEvent{{Attrs: list("name", text("v"))}}}, true},
		{"other.k=v", with("other.k", text("v")), true},

		// Quotes.
		{`"a=b"=v`, with("a=b", text("v")), true},
		{`"a>b" >= 5`, with("a>b", number(5)), true},
		{`!"!k"`, with("!k", number(5)), false},
		{`"a\"b\u00fc"`, with(`a"bü`, number(5)), true},
		{`""=v`, with("", text("v")), true},
		{`span."a<b"=~v`, with("a<b", text("v")), true},
		{`span."a<b"=~v`, span.Span{Resource: span.SpanResource{Attrs: list("a<b", text("v"))}}, false},
		{`"resource.k"=v`, with("resource.k", text("v")), true},
		{`"resource.k"=v`, onResource, false},

		// What is no attribute.
		{"duration>100ms", lasting(100_000_001), true},
		{"duration>100ms", lasting(100_000_000), false},
		{"duration >= 1.5s", lasting(1_500_000_000), true},
		{"duration<=1h", lasting(1), true},
		{"duration=5ns", lasting(5), true},
		{"duration!=5ns", lasting(6), true},
		{"duration<0s", span.Span{Start: 5, End: 4}, true},
		{"duration>1ns", with("duration", number(5)), false},
		{"span.duration>1", with("duration", number(5)), true},
		{`"duration">1`, with("duration", number(5)), true},
		{"error=true", span.Span{Status: 2}, true},
		{"error=false", span.Span{Status: 2}, false},
		{"error!=true", span.Span{Status: 2}, false},
		{"error!=true", span.Span{}, true},
		{"error!=false", span.Span{Status: 2}, true},
		{"error!=false", span.Span{}, false},
		{"error!=timeout", span.Span{}, false},
		{"error!=timeout", with("error", text("reset")), true},
		{"error", span.Span{Status: 2}, true},
		{"error", with("error", text("reset")), true},
		{"error", span.Span{Status: 1}, false},
		{"!error", span.Span{Status: 1}, true},
		{"span.error", span.Span{Status: 2}, false},
		{`"error"=true`, span.Span{Status: 2}, false},
		{`"error"=true`, with("error", span.BoolValue(true)), true},
		{"span.kind=server", span.Span{Kind: 2}, true},
		{"span.kind!=server", span.Span{Kind: 2}, false},
		{"span.kind!=server", span.Span{Kind: 3}, true},
		{"span.kind!=server", span.Span{}, true},
		{"span.kind=~server|client", span.Span{Kind: 3}, true},
		{"span.kind=~server|client", span.Span{Kind: 4}, false},
		{"span.kind", span.Span{}, true},
		{`span."kind"=server`, span.Span{Kind: 2}, false},
		{`span."kind"=server`, with("kind", text("server")), true},
		{"otel.status_code=~(?i)error|ok", span.Span{Status: 1}, true},
		{"span.status!~ERR.*", span.Span{Status: 2}, false},
		{"event", onEvent, true},
		{"event", span.Span{Events: []span.SpanEvent{{}}}, false},
		{"event=~l.g", onEvent, true},
		{"event!=log", span.Span{}, false},
		{"!otel.status_description", span.Span{}, true},
		{"otel.status_description!=x", span.Span{Message: "y"}, true},
		{"otel.scope.name=~lib.*", span.Span{Scope: span.SpanScope{Name: "lib/x"}}, true},
		{"otel.scope.attributes.k", onScope, true},
		{"otel.link.0.attributes.k!=v", onLink, false},
	}
	for _, test := range tests {
		p, err := parseCondition(test.condition)
		if err != nil {
			t.Errorf("%s: %v", test.condition, err)
			continue
		}
		if got := storetest.Judge(p, &test.span); got != test.want {
			t.Errorf("%s is %v for %+v\n%s", test.condition, got, test.span, p)
		}
	}
}

// TestConditionsDivide checks that a tag is equal, or different, or not there.
func TestConditionsDivide(t *testing.T) {
	rows := append(odd(), recorded(t)...)
	keys := map[string]bool{"event": true, "otel.scope.name": true, "otel.status_description": true, "none": true}
	for _, row := range rows {
		for _, kv := range append(row.Attrs, row.Resource.Attrs...) {
			keys[kv.Key] = true
		}
	}
	judge := func(row *span.Span, condition string) int {
		p, err := parseCondition(condition)
		if err != nil {
			t.Fatal(err)
		}
		if storetest.Judge(p, row) {
			return 1
		}
		return 0
	}
	for key := range keys {
		if key == "" {
			key = `""`
		}
		for _, value := range []string{"GET", "200", "true", "", "shop", "exception"} {
			for i := range rows {
				row := &rows[i]
				missing := judge(row, "!"+key)
				equal, different := judge(row, key+"="+value), judge(row, key+"!="+value)
				like, unlike := judge(row, key+"=~"+value), judge(row, key+"!~"+value)
				if judge(row, key) != 1-missing || equal+different+missing != 1 || like+unlike+missing != 1 {
					t.Errorf("%q, %q: equal %d, different %d, like %d, unlike %d, missing %d", key, value, equal, different, like, unlike, missing)
				}
			}
		}
	}
}

func TestBadConditions(t *testing.T) {
	const operators = "expected one of = != > >= < <= =~ !~"
	tests := []struct {
		condition string
		at        string
		msg       string
	}{
		{"=v", "1", "expected a key"},
		{"  =v", "3", "expected a key"},
		{"!", "2", "expected a key"},
		{"!=v", "2", "expected a key"},
		{" ", "2", "expected a key"},
		{"span.=v", "6", "expected a key"},
		{"!resource.", "11", "expected a key"},
		{"!k=v", "3", "after !key nothing may follow; use key!=value or key!~regex"},
		{`!"k" x`, "6", "after !key nothing may follow; use key!=value or key!~regex"},
		{"k!v", "2", operators},
		{"kü !v", "4", operators},
		{`"k" v`, "5", operators},
		{`a"b"=v`, "2", "a quote may only begin a key or follow one of span. resource. event. link. instrumentation."},
		{`"k=v`, "1", "the quoted key does not end, or has an unknown escape"},
		{`span."k\q"=v`, "6", "the quoted key does not end, or has an unknown escape"},
		{"k>v", "3", `"v" is not a number`},
		{"k >= ", "6", `"" is not a number`},
		{"größe < 1.5 ", "9", `"1.5 " is not a number`},
		{"k<NaN", "3", `"NaN" is not a number`},
		{"k<1e999", "3", `"1e999" is not a number`},
		{"k=~(a", "4", "the regular expression has an error: missing closing ): \"(a\""},
		{"k !~ a**", "6", "the regular expression has an error: invalid nested repetition operator: \"**\""},
		{"span.kind>2", "10", "span.kind has no order; use = != =~ or !~"},
		{"duration>5", "10", `"5" is not a duration such as 100ms or 1.5s`},
		{"duration=", "10", `"" is not a duration such as 100ms or 1.5s`},
		{"duration =~ 5", "10", `the duration of a span takes one of = != > >= < <=; "duration" in quotes is an attribute`},
		{"!duration", "1", `the duration of a span takes one of = != > >= < <=; "duration" in quotes is an attribute`},
	}
	for _, test := range tests {
		p, err := parseCondition(test.condition)
		if err == nil {
			t.Errorf("%s is taken as %s", test.condition, p)
			continue
		}
		if want := "at character " + test.at + ": " + test.msg; statusOf(err) != 400 || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: status %d: %v", test.condition, statusOf(err), err)
		}
	}
}

// TestConditionsOfASearch checks conditions on their way through the server:
// together they hold for one span.
func TestConditionsOfASearch(t *testing.T) {
	r := filled(t, append(recorded(t), odd()...)...)
	tests := []struct {
		tags []string
		want []string
	}{
		{[]string{"big>=9007199254740993"}, []string{"0000000000000000ab00000000000001"}},
		{[]string{"ratio<1", "resource.process.pid", "!none", "why=~ba.*", ""}, []string{"0000000000000000ab00000000000001"}},
		{[]string{"ratio<1", "!resource.process.pid"}, []string{}},
		{[]string{"duration>1h"}, []string{}},
	}
	for _, test := range tests {
		if got := idsOf(search(t, r, map[string][]string{"tag": test.tags})); strings.Join(got, " ") != strings.Join(test.want, " ") {
			t.Errorf("%q: got %v, want %v", test.tags, got, test.want)
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
