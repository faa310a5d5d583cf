package sample

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// caseSpan is a span of a trace that takes its time from start on, both in milliseconds.
type caseSpan struct {
	start, took     int
	status          int32
	state           string
	attrs, resource []span.KeyValue
}

func text(key, value string) []span.KeyValue {
	return []span.KeyValue{{Key: key, Value: span.StringValue(value)}}
}

func number(key string, value int64) []span.KeyValue {
	return []span.KeyValue{{Key: key, Value: span.IntValue(value)}}
}

func truth(key string, value bool) []span.KeyValue {
	return []span.KeyValue{{Key: key, Value: span.BoolValue(value)}}
}

// TestPolicyCases: each policy keeps and leaves what the Collector's does at the edges of what it says.
func TestPolicyCases(t *testing.T) {
	ms := time.Millisecond
	of := func(spans ...caseSpan) []caseSpan { return spans }
	const between = "{key: example, min_value: -2147483648, max_value: 2147483647}"
	const least, most = -1 << 31, 1<<31 - 1
	example := func(value string) []caseSpan { return of(caseSpan{attrs: text("example", value)}) }
	stringPolicy := func(settings string) string {
		return "type: string_attribute, string_attribute: {key: example, " + settings + "}"
	}
	both := func(kind, list string) string {
		return "type: " + kind + ", " + kind + ": {" + kind + "_sub_policy: [" + list + "]}"
	}
	const failed = "{name: f, type: status_code, status_code: {status_codes: [ERROR]}}"
	for _, c := range []struct {
		policy string
		trace  []caseSpan
		kept   bool
	}{
		{"type: latency, latency: {threshold_ms: 5000}", of(caseSpan{took: 4500}), false},
		{"type: latency, latency: {threshold_ms: 5000}", of(caseSpan{took: 4999}), false},
		{"type: latency, latency: {threshold_ms: 5000}", of(caseSpan{took: 5000}), true},
		{"type: latency, latency: {threshold_ms: 5000}", of(caseSpan{took: 3000}, caseSpan{start: 2500, took: 3000}), true},
		{"type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}", of(caseSpan{took: 5000}), false},
		{"type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}", of(caseSpan{took: 5001}), true},
		{"type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}", of(caseSpan{took: 10000}), true},
		{"type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}", of(caseSpan{took: 10001}), false},

		{"type: numeric_attribute, numeric_attribute: " + between, of(caseSpan{attrs: number("other", least)}), false},
		{"type: numeric_attribute, numeric_attribute: " + between, of(caseSpan{attrs: number("example", least)}), true},
		{"type: numeric_attribute, numeric_attribute: " + between, of(caseSpan{resource: number("example", least)}), true},
		{"type: numeric_attribute, numeric_attribute: " + between, of(caseSpan{attrs: number("example", most)}), true},
		{"type: numeric_attribute, numeric_attribute: " + between, of(caseSpan{attrs: number("example", least-1)}), false},
		{"type: numeric_attribute, numeric_attribute: " + between, of(caseSpan{resource: number("example", most+1), attrs: number("other", most)}), false},
		{"type: numeric_attribute, numeric_attribute: {key: example, min_value: 100}", of(caseSpan{attrs: number("example", 1<<63-1)}), true},
		{"type: numeric_attribute, numeric_attribute: {key: example, max_value: 100}", of(caseSpan{attrs: number("example", -1<<63)}), true},
		{"type: numeric_attribute, numeric_attribute: {key: example, max_value: 100}", of(caseSpan{attrs: number("example", 101)}), false},
		{"type: numeric_attribute, numeric_attribute: {key: example, min_value: 0, max_value: 0}", of(caseSpan{attrs: number("example", 0)}), true},
		{"type: numeric_attribute, numeric_attribute: {key: example, min_value: 100, invert_match: true}", of(caseSpan{attrs: number("example", 200)}), false},
		{"type: numeric_attribute, numeric_attribute: {key: example, min_value: 100, invert_match: true}", of(caseSpan{attrs: number("other", 200)}), true},
		{"type: numeric_attribute, numeric_attribute: {key: example, min_value: 100, invert_match: true}", of(caseSpan{attrs: number("example", 1)}, caseSpan{attrs: number("example", 200)}), false},

		{stringPolicy("values: [value]"), of(caseSpan{resource: text("example", "value")}), true},
		{stringPolicy("values: [value]"), example("non_matching"), false},
		{stringPolicy("values: [value]"), example("values"), false},
		{stringPolicy("values: [value]"), of(caseSpan{attrs: number("example", 1)}), false},
		{stringPolicy("values: ['v[0-9]+.HealthCheck$'], enabled_regex_matching: true"), example("grpc.health.v1.HealthCheck"), true},
		{stringPolicy("values: ['v[a-z]+.HealthCheck$'], enabled_regex_matching: true"), example("grpc.health.v1.HealthCheck"), false},
		{stringPolicy("values: [value], enabled_regex_matching: true"), of(caseSpan{resource: text("example", "a value")}), true},
		{stringPolicy("values: ['^http', 'v[0-9]+.HealthCheck$', 'metrics$'], enabled_regex_matching: true, invert_match: true"), example("grpc.health.v1.HealthCheck"), false},
		{stringPolicy("values: ['^http', 'v[a-z]+.HealthCheck$', 'metrics$'], enabled_regex_matching: true, invert_match: true"), example("grpc.health.v1.HealthCheck"), true},
		{stringPolicy("values: ['a|b$', '^(?i)c'], enabled_regex_matching: true"), example("C\nd"), true},
		{stringPolicy("values: [first_value, value], invert_match: true"), example("value"), false},
		{stringPolicy("values: [first_value, value], invert_match: true"), of(caseSpan{attrs: text("other", "value")}), true},

		{"type: boolean_attribute, boolean_attribute: {key: example, value: true}", of(caseSpan{attrs: truth("example", false)}), false},
		{"type: boolean_attribute, boolean_attribute: {key: example, value: true}", of(caseSpan{resource: truth("example", true)}), true},
		{"type: boolean_attribute, boolean_attribute: {key: example, value: false}", of(caseSpan{attrs: truth("other", false)}), false},
		{"type: boolean_attribute, boolean_attribute: {key: example, value: true, invert_match: true}", of(caseSpan{attrs: truth("example", false)}), true},
		{"type: boolean_attribute, boolean_attribute: {key: example, value: true, invert_match: true}", of(caseSpan{attrs: truth("example", true)}), false},

		{"type: status_code, status_code: {status_codes: [ERROR]}", of(caseSpan{status: 1}, caseSpan{}, caseSpan{status: 1}), false},
		{"type: status_code, status_code: {status_codes: [OK, ERROR]}", of(caseSpan{}, caseSpan{}), false},
		{"type: status_code, status_code: {status_codes: [UNSET]}", of(caseSpan{}), true},
		{"type: status_code, status_code: {status_codes: [OK, UNSET]}", of(caseSpan{status: 2}, caseSpan{status: 1}), true},

		{"type: span_count, span_count: {min_spans: 2, max_spans: 3}", of(caseSpan{}), false},
		{"type: span_count, span_count: {min_spans: 2, max_spans: 3}", of(caseSpan{}, caseSpan{}), true},
		{"type: span_count, span_count: {min_spans: 2, max_spans: 3}", of(caseSpan{}, caseSpan{}, caseSpan{}), true},
		{"type: span_count, span_count: {min_spans: 2, max_spans: 3}", of(caseSpan{}, caseSpan{}, caseSpan{}, caseSpan{}), false},
		{"type: span_count, span_count: {max_spans: 1}", of(caseSpan{}), true},

		{"type: trace_state, trace_state: {key: example, values: [value]}", of(caseSpan{state: "example=value,non_matching=value"}), true},
		{"type: trace_state, trace_state: {key: example, values: [value]}", of(caseSpan{state: "example=non_matching,non_matching=value"}), false},
		{"type: trace_state, trace_state: {key: example, values: [value1, value2]}", of(caseSpan{}, caseSpan{state: "a=b,example=value2"}), true},
		{"type: trace_state, trace_state: {key: example, values: [value]}", of(caseSpan{state: "an.example=value"}), false},

		{"type: probabilistic, probabilistic: {sampling_percentage: 100}", of(caseSpan{}), true},
		{"type: probabilistic, probabilistic: {sampling_percentage: 150}", of(caseSpan{}), true},
		{"type: probabilistic, probabilistic: {sampling_percentage: 0}", of(caseSpan{state: "ot=rv:ffffffffffffff"}), false},
		{"type: probabilistic, probabilistic: {sampling_percentage: 50}", of(caseSpan{state: "ot=rv:80000000000000"}), true},
		{"type: probabilistic, probabilistic: {sampling_percentage: 50}", of(caseSpan{state: "ot=rv:7fffffffffffff"}), false},
		{"type: probabilistic, probabilistic: {sampling_percentage: 1}", of(caseSpan{state: "ot=rv:FD70B000000000"}), true},
		{"type: probabilistic, probabilistic: {sampling_percentage: 1}", of(caseSpan{state: "ot=rv:fd709000000000"}), false},

		{both("and", failed+", {name: s, "+stringPolicy("values: [value]")+"}"), of(caseSpan{status: 2}, caseSpan{attrs: text("example", "value")}), true},
		{both("and", failed+", {name: s, "+stringPolicy("values: [value]")+"}"), of(caseSpan{status: 2}), false},
		{both("and", failed+", {name: s, "+stringPolicy("values: [no], invert_match: true")+"}"), of(caseSpan{status: 2, attrs: text("example", "value")}), true},
		{both("and", failed+", {name: s, "+stringPolicy("values: [value], invert_match: true")+"}"), of(caseSpan{status: 2, attrs: text("example", "value")}), false},
		{both("drop", failed+", {name: s, "+stringPolicy("values: [value]")+"}"), of(caseSpan{status: 2, attrs: text("example", "value")}), false},
		{both("drop", failed+", {name: s, "+stringPolicy("values: [value]")+"}"), of(caseSpan{status: 2}), true},
		{both("drop", failed+", {name: s, "+stringPolicy("values: [no], invert_match: true")+"}"), of(caseSpan{status: 2}), false},
		{both("drop", failed+", {name: s, "+stringPolicy("values: [value], invert_match: true")+"}"), of(caseSpan{status: 2, attrs: text("example", "value")}), true},
	} {
		file := "- {name: it, " + c.policy + "}"
		if strings.HasPrefix(c.policy, "type: drop") {
			file += "\n- {name: all, type: always_sample}"
		}
		var spans []span.Span
		for i, s := range c.trace {
			start := testStart + uint64(time.Duration(s.start)*ms)
			spans = append(spans, span.Span{
				TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: byte(i + 1)}, Name: "a", Start: start, End: start + uint64(time.Duration(s.took)*ms),
				Status: s.status, TraceState: s.state, Attrs: s.attrs, Resource: span.SpanResource{Attrs: s.resource},
			})
		}
		judged, err := judge(t.Context(), mustPolicies(t, file), modelWith(t, spans), testTenant, store.TimeRange{})
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		judged.seconds = 1
		if v := judged.decide([]*Decision{nil}, nil)[0]; v.kept != c.kept {
			t.Errorf("%s: a trace of %+v is kept: %t", c.policy, c.trace, v.kept)
		}
	}
}

// TestComposite: a trace belongs to the first part that matches it, and does not go to the next when that has no room.
func TestComposite(t *testing.T) {
	const parts = `composite_sub_policy: [{name: n, type: numeric_attribute, numeric_attribute: {key: tag, min_value: 0, max_value: 100}}, {name: rest, type: always_sample}]`
	for _, c := range []struct {
		settings string
		tags     []int64 // of traces of one span, by randomness from the least on
		kept     string  // which
	}{
		{"max_total_spans_per_second: 2, policy_order: [n, rest], ", []int64{10, 11, 1001}, "[1 2]"}, // one each a second
		{"max_total_spans_per_second: 2, policy_order: [rest, n], ", []int64{10, 11, 1001}, "[2]"},   // the first takes all
		{"max_total_spans_per_second: 10, rate_allocation: [{policy: n, percent: 20}, {policy: rest, percent: 10}], ", []int64{1, 2, 3, 1001, 1002}, "[1 2 4]"},
		{"max_total_spans_per_second: 4, rate_allocation: [{policy: n, percent: 75}], ", []int64{1, 2, 3, 1001, 1002, 1003}, "[0 1 2 4 5]"}, // and half of the whole, as nothing is said
	} {
		p := mustPolicies(t, "- {name: it, type: composite, composite: {"+c.settings+parts+"}}")
		var spans []span.Span
		for i, tag := range c.tags {
			spans = append(spans, span.Span{TraceID: span.TraceID{9: byte(i + 1), 15: 1}, SpanID: span.SpanID{7: 1}, Start: testStart, End: testStart + 1, Attrs: number("tag", tag)})
		}
		judged, err := judge(t.Context(), p, modelWith(t, spans), testTenant, store.TimeRange{})
		if err != nil {
			t.Fatal(err)
		}
		judged.seconds = 1
		verdicts := judged.decide(make([]*Decision, len(spans)), nil)
		kept := []int{}
		for i := range spans {
			if verdicts[judged.find(spans[i].TraceID)].kept {
				kept = append(kept, i)
			}
		}
		if fmt.Sprint(kept) != c.kept {
			t.Errorf("%s: %v are kept of %v, want %s", c.settings, kept, c.tags, c.kept)
		}
	}
}
