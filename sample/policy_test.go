package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// A Collector's file is read as it is, but for conditions in OTTL.
const collectorFile = `
receivers: {otlp: {}}
processors:
  batch: {}
  tail_sampling/shop:
    decision_wait: 10s
    num_traces: 100
    expected_new_traces_per_sec: 10
    decision_cache: {sampled_cache_size: 100_000}
    policies:
      [
        {name: all, type: always_sample},
        {name: slow, type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}},
        {name: numbers, type: numeric_attribute, numeric_attribute: {key: key1, min_value: 50, max_value: 100}},
        {name: tenth, type: probabilistic, probabilistic: {sampling_percentage: 10, hash_salt: x}},
        {name: status, type: status_code, status_code: {status_codes: [ERROR, UNSET]}},
        {name: strings, type: string_attribute, string_attribute: {key: key2, values: [value1, val*], enabled_regex_matching: true, cache_max_size: 10}},
        {name: spans, type: rate_limiting, rate_limiting: {spans_per_second: 35}},
        {name: bytes, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1024000, burst_capacity: 2048000}},
        {name: count, type: span_count, span_count: {min_spans: 2, max_spans: 20}},
        {name: state, type: trace_state, trace_state: {key: key3, values: [value1, value2]}},
        {name: flagged, type: trace_flags},
        {name: bool, type: boolean_attribute, boolean_attribute: {key: key4, value: true}},
        {name: both, type: and, and: {and_sub_policy: [
          {name: a, type: numeric_attribute, numeric_attribute: {key: key1, min_value: 50, max_value: 100}},
          {name: b, type: string_attribute, string_attribute: {key: key2, values: [value1, value2]}}]}},
        {name: health, type: drop, drop: {drop_sub_policy: [
          {name: c, type: string_attribute, string_attribute: {key: url.path, values: [\/health, \/metrics], enabled_regex_matching: true}}]}},
        {name: inverted, type: not, not: {not_sub_policy: {name: d, type: latency, latency: {threshold_ms: 1}}}},
        {name: shares, type: composite, composite: {max_total_spans_per_second: 1000, policy_order: [p2, p1, p3],
          composite_sub_policy: [
            {name: p1, type: numeric_attribute, numeric_attribute: {key: key1, min_value: 50}},
            {name: p2, type: string_attribute, string_attribute: {key: key2, values: [value1, value2]}},
            {name: p3, type: always_sample}],
          rate_allocation: [{policy: p1, percent: 50}, {policy: p2, percent: 25}]}},
      ]
`

func TestCollectorFile(t *testing.T) {
	p := mustPolicies(t, collectorFile)
	if n := len(p.list); n != 16 {
		t.Errorf("%d policies, want 16: %q", n, p.Names())
	}
	if n := len(p.Warnings()); n != 7 {
		t.Errorf("%d warnings, want 7:\n%s", n, strings.Join(p.Warnings(), "\n"))
	}
	shares := p.list[len(p.list)-1]
	for i, want := range []float64{250, 500, 1000. / 3} { // in the order of policy_order
		if got := shares.rules[i].limits[0].(rate).perSecond; math.Abs(got-want) > 1e-9 {
			t.Errorf("part %d of the composite has %v spans a second, want %v", i, got, want)
		}
	}
	if t10 := p.list[3].rules[0].limits[0].(least); span.Threshold(t10).String() != "e6666" {
		t.Errorf("10 %% is %s", span.Threshold(t10))
	}
}

func TestPolicyErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, "the file is empty: expected policies"},
		{`a: [`, "line 1: did not find expected node content"},
		{"policies: []\n---\na: b", "expected one YAML document"},
		{`policies: []`, "line 1: there are no policies"},
		{`polices: []`, "line 1: there is no setting polices"},
		{`{"policies": [{"name": "a", "type": "latency", "latency": {"threshold_ms": "5s"}}]}`,
			`line 1: policy "a": latency.threshold_ms: expected a whole number from 0 to 9223372036854, not "5s"`},
		{"- name: a\n  type: latency\n  latency:\n    threshold: 5", `line 4: policy "a": latency: there is no setting threshold`},
		{"- {name: a, type: latency, latncy: {}}", `line 1: policy "a": there is no setting latncy for the type latency`},
		{"- {type: always_sample}", "line 1: a policy has no name"},
		{"- {name: a, type: always_sample}\n- {name: a, type: always_sample}", `line 2: policy "a": there is another policy of this name`},
		{"- {name: a, type: often}", `line 1: policy "a": there is no type "often"; there are always_sample, and, boolean_attribute, bytes_limiting,`},
		{"- {name: a, type: ottl_condition}", `line 1: policy "a": conditions in OTTL are not understood; say it in TraceQL, as attributes["k"] == "v" by type: traceql, traceql: {query: '{ span.k = "v" }'}`},
		{"- {name: a, type: traceql, traceql: {query: '{ status = }'}}", `line 1: policy "a": traceql: parse error at line 1, col 12`},
		{"- {name: a, type: traceql, traceql: {query: '{ } | rate()'}}", `a metrics query finds no traces: expected a search`},
		{"- {name: a, type: string_attribute, string_attribute: {key: k, values: ['('], enabled_regex_matching: true}}", "error parsing regexp"},
		{"- {name: a, type: numeric_attribute, numeric_attribute: {key: k}}", "neither min_value nor max_value is set"},
		{"- {name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 2, max_value: 1}}", "min_value is above max_value"},
		{"- {name: a, type: not, not: {not_sub_policy: [{name: b, type: probabilistic, probabilistic: {sampling_percentage: 1}}]}}", "a limit cannot be inverted"},
		{"- {name: a, type: and, and: {and_sub_policy: []}}", `and.and_sub_policy has no policies`},
		{"- {name: a, type: and, and: {and_sub_policy: [{name: b, type: drop}]}}", `policy "a": policy "b": the type drop cannot be a part of another policy`},
		{"- {name: a, type: drop, drop: {drop_sub_policy: [{name: b, type: rate_limiting, rate_limiting: {spans_per_second: 1}}]}}", "of the limits only probabilistic says what is dropped"},
		{"- {name: a, type: dynamic, dynamic: {keys: [name]}}", "either traces_per_second or keep_one_in has to be set"},
		{"- {name: a, type: dynamic, dynamic: {keys: [nestedSetLeft], keep_one_in: 5}}", "nestedSetLeft cannot be a key"},
		{"- {name: a, type: rate_limiting, rate_limiting: {spans_per_second: 0}}", "expected a number above 0"},
		{"- {name: a, type: composite, composite: {max_total_spans_per_second: 1, policy_order: [b], composite_sub_policy: [{name: c, type: always_sample}]}}",
			`policy_order: "b" is none of the parts`},
		{"- {name: a, type: composite, composite: {max_total_spans_per_second: 1, rate_allocation: 50, composite_sub_policy: [{name: c, type: always_sample}]}}",
			`rate_allocation: expected a list`},
		{"processors:\n  tail_sampling/a: {policies: [{name: a, type: error}]}\n  tail_sampling/b:\n    policies: [{name: b, type: error}]",
			"line 3: there is tail_sampling/b besides tail_sampling/a: leave the one that is meant"},
		{"receivers: {otlp: {}}\nprocessors:\n  batch: {}", "line 2: there is no tail_sampling among the processors"},
		{"processors: [tail_sampling]", "line 1: processors: expected keys with values"},
		{"- {name: a, type: probabilistic, probabilistic: {sampling_percentage: '${env:PERCENT}'}}", "line 1: ${env:PERCENT} is not replaced here: write what it stands for"},
		{"- {name: a, type: string_attribute, string_attribute: {key: k, values: [x, '${file:names}']}}", "line 1: ${file:names} is not replaced here"},
		{"- {name: a, type: boolean_attribute, string_attribute: {key: k, value: true}}", "there is no setting string_attribute for the type boolean_attribute"},
		{"- &x {name: a, type: and, and: {and_sub_policy: [*x]}}", "policies are nested too deep"},
		{"- {name: a, type: not, not: {not_sub_policy: [" + strings.Repeat("{name: b, type: always_sample},", maxPolicies) + "]}}", "there are more than 500 policies"},
	} {
		_, err := ParsePolicies([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200s:\n%v\nwant %s", c.text, err, c.want)
		}
	}
}

// Whatever a file has, it is read or refused, and what is read can be judged by.
func FuzzPolicies(f *testing.F) {
	f.Add(collectorFile)
	f.Add("- {name: a, type: traceql, traceql: {query: '{ .a = `b` } | count() > 2'}}")
	f.Add("- {name: a, type: dynamic, dynamic: {keys: [name], span_keys: [.a], keep_one_in: 5}}\n- &x {name: b, type: diversity}\n- *x")
	spans := newTraces(rand.New(rand.NewPCG(1, 1))).some(20)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePolicies([]byte(text))
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatalf("%v with %v", p, err)
			}
			return
		}
		s, err := judge(t.Context(), p, modelWith(t, spans), testTenant, store.TimeRange{})
		if err != nil {
			t.Skip(err) // a query that fails when it is run
		}
		s.seconds = 1
		if n := len(s.decide(make([]*Decision, len(s.traces)), nil)); n != 20 {
			t.Fatalf("%d verdicts on 20 traces", n)
		}
	})
}

// newTraces makes small random traces of few names, services and values.
type traceMaker struct{ rng *rand.Rand }

func newTraces(rng *rand.Rand) *traceMaker { return &traceMaker{rng} }

func (m *traceMaker) id() (id span.TraceID) {
	for i := range id {
		id[i] = byte(m.rng.Uint32())
	}
	return id
}

func pickOf[T any](m *traceMaker, list ...T) T { return list[m.rng.IntN(len(list))] }

const testStart = 1_790_000_000_000_000_000

func (m *traceMaker) trace() []span.Span {
	id := m.id()
	spans := make([]span.Span, 1+m.rng.IntN(6))
	for i := range spans {
		s := &spans[i]
		*s = span.Span{
			TraceID: id, SpanID: span.SpanID{7: byte(i + 1)}, Name: pickOf(m, "get", "put", "pay"), Kind: int32(m.rng.IntN(6)),
			Start: testStart + m.rng.Uint64N(3e9), Status: pickOf[int32](m, 0, 0, 0, 0, 0, 0, 0, 1, 2),
			TraceState: pickOf(m, "", "", "", "key3=value1", "a=b, key3=value2,c=d", "key3=value10", "xkey3=value1", "ot=th:8"),
			Flags:      pickOf[uint32](m, 0, 0, 0x300, 0x301),
			Resource: span.SpanResource{Attrs: []span.KeyValue{
				{Key: "service.name", Value: span.StringValue(pickOf(m, "shop", "cart", "mail"))}}},
		}
		s.End = s.Start + m.rng.Uint64N(2e9)
		if i > 0 {
			s.Parent = span.SpanID{7: byte(1 + m.rng.IntN(i))}
		}
		for _, kv := range []span.KeyValue{
			{Key: "k", Value: pickOf(m, span.StringValue("a"), span.StringValue("say \"b\"\n`c`"), span.IntValue(7), span.BoolValue(true), span.BoolValue(false))},
			{Key: "n", Value: span.IntValue(int64(m.rng.IntN(20) - 5))},
			{Key: `odd "key"`, Value: span.StringValue(pickOf(m, "x", "y\\"))},
		} {
			switch m.rng.IntN(4) {
			case 0:
				s.Attrs = append(s.Attrs, kv)
			case 1:
				s.Resource.Attrs = append(s.Resource.Attrs, kv)
			}
		}
	}
	return spans
}

func (m *traceMaker) some(n int) (spans []span.Span) {
	for range n {
		spans = append(spans, m.trace()...)
	}
	return spans
}

func byTrace(spans []span.Span) map[span.TraceID][]span.Span {
	traces := map[span.TraceID][]span.Span{}
	for _, s := range spans {
		traces[s.TraceID] = append(traces[s.TraceID], s)
	}
	return traces
}

// A condition matches the traces that the words of the Collector's documentation say, in every store.
func TestConditions(t *testing.T) {
	anyAttr := func(key string, ok func(span.Value) bool) func([]span.Span) bool {
		return func(trace []span.Span) bool {
			for _, s := range trace {
				for _, list := range [][]span.KeyValue{s.Attrs, s.Resource.Attrs} {
					if slices.ContainsFunc(list, func(kv span.KeyValue) bool { return kv.Key == key && ok(kv.Value) }) {
						return true
					}
				}
			}
			return false
		}
	}
	anySpan := func(ok func(span.Span) bool) func([]span.Span) bool {
		return func(trace []span.Span) bool { return slices.ContainsFunc(trace, ok) }
	}
	invert := func(f func([]span.Span) bool) func([]span.Span) bool {
		return func(trace []span.Span) bool { return !f(trace) }
	}
	duration := func(trace []span.Span) uint64 {
		first, last := trace[0].Start, uint64(0)
		for _, s := range trace {
			first, last = min(first, s.Start), max(last, s.End)
		}
		return last - first
	}
	text := func(want ...string) func(span.Value) bool {
		return func(v span.Value) bool { return v.Type == span.String && slices.Contains(want, v.Str) }
	}
	number := func(lo, hi int64) func(span.Value) bool {
		return func(v span.Value) bool { return v.Type == span.Int && v.Int() >= lo && v.Int() <= hi }
	}
	isTrue := func(v span.Value) bool { return v == span.BoolValue(true) }
	failed := anySpan(func(s span.Span) bool { return s.Status == 2 })
	for kind, match := range map[string]func([]span.Span) bool{
		`type: always_sample`: func([]span.Span) bool { return true },
		`type: error`:         failed,
		`type: latency, latency: {threshold_ms: 2000}`:                                                    func(tr []span.Span) bool { return duration(tr) >= 2e9 },
		`type: latency, latency: {threshold_ms: 500, upper_threshold_ms: 1500}`:                           func(tr []span.Span) bool { return duration(tr) > 5e8 && duration(tr) <= 15e8 },
		`type: status_code, status_code: {status_codes: [ERROR]}`:                                         failed,
		`type: status_code, status_code: {status_codes: [ERROR, OK]}`:                                     anySpan(func(s span.Span) bool { return s.Status > 0 }),
		`type: string_attribute, string_attribute: {key: k, values: [a]}`:                                 anyAttr("k", text("a")),
		"type: string_attribute, string_attribute: {key: k, values: [x, \"say \\\"b\\\"\\n`c`\"]}":        anyAttr("k", text("say \"b\"\n`c`")),
		`type: string_attribute, string_attribute: {key: 'odd "key"', values: ['y\']}`:                    anyAttr(`odd "key"`, text(`y\`)),
		`type: string_attribute, string_attribute: {key: k, values: [b.$], enabled_regex_matching: true}`: anyAttr("k", func(span.Value) bool { return false }),
		`type: string_attribute, string_attribute: {key: k, values: ['zz', 'b"'], enabled_regex_matching: true}`: anyAttr("k", func(v span.Value) bool {
			return v.Type == span.String && regexp.MustCompile(`b"`).MatchString(v.Str)
		}),
		`type: string_attribute, string_attribute: {key: k, values: [a], invert_match: true}`:    invert(anyAttr("k", text("a"))),
		`type: numeric_attribute, numeric_attribute: {key: n, min_value: 3, max_value: 5}`:       anyAttr("n", number(3, 5)),
		`type: numeric_attribute, numeric_attribute: {key: n, max_value: -2}`:                    anyAttr("n", number(-100, -2)),
		`type: numeric_attribute, numeric_attribute: {key: n, min_value: 3, invert_match: true}`: invert(anyAttr("n", number(3, 100))),
		`type: boolean_attribute, boolean_attribute: {key: k, value: true}`:                      anyAttr("k", isTrue),
		`type: boolean_attribute, boolean_attribute: {key: k, value: true, invert_match: true}`:  invert(anyAttr("k", isTrue)),
		`type: span_count, span_count: {min_spans: 4}`:                                           func(tr []span.Span) bool { return len(tr) >= 4 },
		`type: span_count, span_count: {min_spans: 2, max_spans: 3}`:                             func(tr []span.Span) bool { return len(tr) == 2 || len(tr) == 3 },
		`type: trace_state, trace_state: {key: key3, values: [value1, value2]}`: anySpan(func(s span.Span) bool {
			return s.TraceState == "key3=value1" || s.TraceState == "a=b, key3=value2,c=d"
		}),
		`type: trace_flags`: anySpan(func(s span.Span) bool { return s.Flags&1 != 0 }),
		`type: traceql, traceql: {query: '{ resource.service.name = "shop" } >> { status = error }'}`: nil, // TraceQL has tests of its own
		`type: and, and: {and_sub_policy: [{name: a, type: error}, {name: b, type: span_count, span_count: {min_spans: 4}}]}`: func(tr []span.Span) bool {
			return failed(tr) && len(tr) >= 4
		},
		`type: not, not: {not_sub_policy: {name: a, type: error}}`: invert(failed),
		`type: not, not: {not_sub_policy: [{name: a, type: error}, {name: b, type: span_count, span_count: {min_spans: 4}}]}`: func(tr []span.Span) bool {
			return !failed(tr) || len(tr) < 4
		},
	} {
		t.Run(kind, func(t *testing.T) {
			spans := newTraces(rand.New(rand.NewPCG(1, 2))).some(300)
			p := mustPolicies(t, "- {name: it, "+kind+"}")
			s, err := judge(t.Context(), p, modelWith(t, spans), testTenant, store.TimeRange{})
			if err != nil {
				t.Fatal(err)
			}
			matched := 0
			for id, trace := range byTrace(spans) {
				got := s.holdsFor(p.rules[0], s.find(id))
				if got {
					matched++
				}
				if match != nil && got != match(trace) {
					t.Fatalf("matches %t: %v", got, trace)
				}
			}
			if wantsNone := strings.Contains(kind, "b.$"); !wantsNone && matched == 0 || wantsNone && matched > 0 || matched == 300 && !strings.Contains(kind, "always") {
				t.Errorf("%d of 300 match", matched)
			}
		})
	}
}

// What a judge knows of a trace besides is what the trace has.
func TestJudgedTraces(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	spans := newTraces(rng).some(200)
	spans[0].TraceState = "ot=th:c;rv:ff000000000000"
	other := span.TraceID{1, 2, 3}
	spans[1].Links = []span.SpanLink{{TraceID: spans[1].TraceID}, {TraceID: other}, {TraceID: spans[0].TraceID}}
	p := mustPolicies(t, "- {name: a, type: diversity}\n- {name: b, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1}}\n- {name: c, type: dynamic, dynamic: {keys: [name], span_keys: [.k], keep_one_in: 2}}")
	s, err := judge(t.Context(), p, modelWith(t, spans), testTenant, store.TimeRange{})
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, l := range s.links {
		links = append(links, fmt.Sprint(s.traces[l.from].id, l.to))
	}
	for _, l := range spans[1].Links {
		if want := fmt.Sprint(spans[1].TraceID, l.TraceID); (l.TraceID != spans[1].TraceID) != slices.Contains(links, want) {
			t.Errorf("links are %v; %v", links, want)
		}
	}
	shapes, keys := map[string]uint64{}, map[string]uint64{}
	for id, trace := range byTrace(spans) {
		got := s.traces[s.find(id)]
		before := span.Threshold(0)
		random := span.Randomness("", id)
		for _, s := range trace {
			th, _ := span.StateThreshold(s.TraceState)
			before = max(before, th)
			if strings.Contains(s.TraceState, "rv:") {
				random = span.Randomness(s.TraceState, id)
			}
		}
		if got.spans != uint32(len(trace)) || got.before != before || got.own != random || got.bytes < uint64(len(trace))*bytesOfSpan {
			t.Errorf("%+v, want %d spans, threshold %s, randomness %x", got, len(trace), before, random)
		}
		place := s.find(id)
		same(t, shapes, shapeOf(trace), s.key(place, 0))
		same(t, keys, keyOf(trace), s.key(place, 1))
	}
	if len(shapes) < 20 || len(shapes) == 200 || len(keys) < 10 {
		t.Errorf("%d shapes and %d keys", len(shapes), len(keys))
	}
}

// same checks that equal texts have equal numbers, and others have not.
func same(t *testing.T, seen map[string]uint64, text string, n uint64) {
	t.Helper()
	if had, ok := seen[text]; ok && had != n {
		t.Errorf("%s is %x and %x", text, had, n)
	} else if !ok && slices.Contains(slices.Collect(mapsValues(seen)), n) {
		t.Errorf("%s is as another", text)
	}
	seen[text] = n
}

func mapsValues(m map[string]uint64) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

func nodeOf(s span.Span) string {
	return fmt.Sprint(s.Resource.Attrs[0].Value.Str, " ", s.Name, " ", s.Kind)
}

func shapeOf(trace []span.Span) string {
	var paths []string
	for _, s := range trace {
		path := nodeOf(s)
		for s.Parent != (span.SpanID{}) {
			s = trace[slices.IndexFunc(trace, func(o span.Span) bool { return o.SpanID == s.Parent })]
			path = nodeOf(s) + "/" + path
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return strings.Join(slices.Compact(paths), ", ")
}

func keyOf(trace []span.Span) string {
	var values []string
	for _, s := range trace {
		value := "none"
		for _, list := range [][]span.KeyValue{s.Resource.Attrs, s.Attrs} {
			for _, kv := range list {
				if kv.Key == "k" {
					value = fmt.Sprint(kv.Value)
				}
			}
		}
		values = append(values, value)
	}
	slices.Sort(values)
	return trace[0].Name + ": " + strings.Join(slices.Compact(values), ", ")
}

// The policies of the documentation are read as they are, and it names every type that there is.
func TestPoliciesOfTheDocumentation(t *testing.T) {
	doc, err := os.ReadFile("../docs/sampling.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	if p := mustPolicies(t, text); len(p.list) != 6 || len(p.warnings) > 0 {
		t.Errorf("%q, %q", p.Names(), p.warnings)
	}
	queries := 0
	for _, row := range regexp.MustCompile("(?m)^\\|.*\\| `({ .* })` \\|$").FindAllStringSubmatch(string(doc), -1) {
		queries++
		mustPolicies(t, "- {name: it, type: traceql, traceql: {query: '"+strings.ReplaceAll(row[1], `\|`, "|")+"'}}")
	}
	if queries != 7 {
		t.Errorf("%d conditions stand for those in OTTL", queries)
	}
	for _, kind := range kindNames() {
		if !strings.Contains(string(doc), "`"+kind+"`") {
			t.Errorf("%s is not in docs/sampling.md", kind)
		}
	}
}
