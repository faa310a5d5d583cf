package sample

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// combinedKinds are the types of policies that are made of others.
var combinedKinds = []string{"and", "not", "drop", "composite"}

// policyKinds reads each of the other types: its condition, nil for none, and its limits.
var policyKinds map[string]func(p *policyParser, f *fields) (condition, []limit)

func init() { // as it refers to itself
	policyKinds = map[string]func(p *policyParser, f *fields) (condition, []limit){
		"always_sample":     func(*policyParser, *fields) (condition, []limit) { return nil, nil },
		"latency":           latencyPolicy,
		"error":             func(p *policyParser, f *fields) (condition, []limit) { return p.found(f, "{ status = error }") },
		"status_code":       statusPolicy,
		"string_attribute":  stringPolicy,
		"numeric_attribute": numericPolicy,
		"boolean_attribute": booleanPolicy,
		"span_count":        spanCountPolicy,
		"trace_state":       tracestatePolicy,
		"trace_flags": func(p *policyParser, _ *fields) (condition, []limit) {
			p.out.flags = true
			return hasFlag{}, nil
		},
		"traceql":       traceqlPolicy,
		"probabilistic": probabilisticPolicy,
		"traces_limiting": func(_ *policyParser, f *fields) (condition, []limit) {
			return nil, limitOf(f, "traces_per_second", sizeInTraces)
		},
		"rate_limiting": func(_ *policyParser, f *fields) (condition, []limit) {
			return nil, limitOf(f, "spans_per_second", sizeInSpans)
		},
		"bytes_limiting": bytesPolicy,
		"dynamic":        dynamicPolicy,
		"diversity":      diversityPolicy,
	}
}

func kindNames() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(policyKinds)), combinedKinds...)))
}

// found is a policy that a search makes.
func (p *policyParser) found(f *fields, text string) (condition, []limit) {
	c, err := p.search(text)
	if err != nil {
		f.p.fail(f.node, "%s: %s", f.place, err)
	}
	return c, nil
}

func latencyPolicy(p *policyParser, f *fields) (condition, []limit) {
	const most = math.MaxInt64 / 1_000_000
	lo := f.whole("threshold_ms", 0, most, -1)
	if lo < 0 {
		f.p.fail(f.node, "%s.threshold_ms is not set", f.place)
	}
	hi := f.whole("upper_threshold_ms", 0, most, 0)
	if hi == 0 {
		return p.found(f, fmt.Sprintf("{ trace:duration >= %dms }", lo))
	}
	return p.found(f, fmt.Sprintf("{ trace:duration > %dms && trace:duration <= %dms }", lo, hi))
}

func statusPolicy(p *policyParser, f *fields) (condition, []limit) {
	var parts []string
	for _, code := range f.some("status_codes") {
		if !slices.Contains([]string{"ERROR", "OK", "UNSET"}, code) {
			f.p.fail(f.node, "%s.status_codes: there is no status %q; there are ERROR, OK and UNSET", f.place, code)
		}
		parts = append(parts, "status = "+strings.ToLower(code))
	}
	return p.found(f, "{ "+strings.Join(parts, " || ")+" }")
}

// attribute returns the condition that a span or its resource has an attribute for which a comparison holds: compare makes its text.
func (p *policyParser) attribute(f *fields, key string, compare func(attribute string) string) condition {
	var parts []string
	for _, scope := range []store.Scope{store.SpanScope, store.ResourceScope} {
		parts = append(parts, compare((&traceql.Attribute{Scope: scope, Name: key}).String()))
	}
	c, _ := p.found(f, "{ "+strings.Join(parts, " || ")+" }")
	if f.boolean("invert_match") {
		return not{c}
	}
	return c
}

func stringPolicy(p *policyParser, f *fields) (condition, []limit) {
	key, values := f.text("key"), f.some("values")
	f.ignore("cache_max_size", "each value is compared once")
	op, regex := "=", f.boolean("enabled_regex_matching")
	if regex {
		op = "=~"
	}
	for i, v := range values {
		if regex {
			if _, err := regexp.Compile(v); err != nil {
				f.p.fail(f.node, "%s.values: %s", f.place, err)
				return nil, nil
			}
			v = "(?s:.*)(?:" + v + ")(?s:.*)" // it may match a part, as in the Collector
		}
		values[i] = traceql.StringStatic(v).String()
	}
	return p.attribute(f, key, func(attribute string) string {
		return attribute + " " + op + " " + strings.Join(values, " || "+attribute+" "+op+" ")
	}), nil
}

func numericPolicy(p *policyParser, f *fields) (condition, []limit) {
	key := f.text("key")
	if !f.has("min_value") && !f.has("max_value") {
		f.p.fail(f.node, "%s: neither min_value nor max_value is set", f.place)
	}
	lo := f.whole("min_value", math.MinInt64, math.MaxInt64, math.MinInt64)
	hi := f.whole("max_value", math.MinInt64, math.MaxInt64, math.MaxInt64)
	if lo > hi {
		f.p.fail(f.node, "%s.min_value is above max_value", f.place)
	}
	return p.attribute(f, key, func(attribute string) string {
		return fmt.Sprintf("(%s >= %s && %s <= %s)", attribute, traceql.IntStatic(lo), attribute, traceql.IntStatic(hi))
	}), nil
}

func booleanPolicy(p *policyParser, f *fields) (condition, []limit) {
	key := f.text("key")
	value := f.boolean("value")
	return p.attribute(f, key, func(attribute string) string { return fmt.Sprintf("%s = %t", attribute, value) }), nil
}

func spanCountPolicy(p *policyParser, f *fields) (condition, []limit) {
	lo, hi := f.whole("min_spans", 0, math.MaxInt32, 0), f.whole("max_spans", 0, math.MaxInt32, 0)
	text := fmt.Sprintf("{ } | count() >= %d", lo)
	if hi > 0 {
		text += fmt.Sprintf(" | count() <= %d", hi)
	}
	if hi > 0 && lo > hi {
		f.p.fail(f.node, "%s.min_spans is above max_spans", f.place)
	}
	return p.found(f, text)
}

func tracestatePolicy(p *policyParser, f *fields) (condition, []limit) {
	var values []string
	key := regexp.QuoteMeta(f.text("key"))
	for _, v := range f.some("values") {
		values = append(values, regexp.QuoteMeta(v))
	}
	regex := `(.*,)?[ \t]*` + key + `=(` + strings.Join(values, "|") + `)[ \t]*(,.*)?`
	return p.found(f, "{ span:traceState =~ "+traceql.StringStatic(regex).String()+" }")
}

func traceqlPolicy(p *policyParser, f *fields) (condition, []limit) {
	text := f.text("query")
	if text == "" {
		return nil, nil
	}
	return p.found(f, text)
}

func probabilisticPolicy(_ *policyParser, f *fields) (condition, []limit) {
	f.ignore("hash_salt", "traces are judged by the randomness of their ids, or that of ot=rv, as OpenTelemetry has it")
	percent := f.number("sampling_percentage", func(v float64) string {
		if v >= 0 {
			return "" // from 100 on it is all, as in the Collector
		}
		return "expected a number from 0 to 100"
	})
	return nil, []limit{least(span.ProbabilityThreshold(percent/100, thresholdDigits))}
}

func limitOf(f *fields, name string, size func(*judgedTrace) float64) []limit {
	return []limit{rate{f.number(name, above(0)), size}}
}

func bytesPolicy(p *policyParser, f *fields) (condition, []limit) {
	f.ignore("burst_capacity", "a slice of the window is decided at once, so its bytes count together")
	p.out.sized = true
	return nil, limitOf(f, "bytes_per_second", sizeInBytes)
}

// maxKeys is the most keys, or shapes, that a policy tells apart in a slice.
const maxKeys = 10_000

func dynamicPolicy(p *policyParser, f *fields) (condition, []limit) {
	d := &dynamic{place: len(p.out.keyed), rootKeys: f.keys("keys"), spanKeys: f.keys("span_keys")}
	if len(d.rootKeys)+len(d.spanKeys) == 0 {
		f.p.fail(f.node, "%s: neither keys nor span_keys is set", f.place)
	}
	switch perSecond, oneIn := f.has("traces_per_second"), f.has("keep_one_in"); {
	case perSecond == oneIn:
		f.p.fail(f.node, "%s: either traces_per_second or keep_one_in has to be set", f.place)
	case perSecond:
		d.perSecond = f.number("traces_per_second", above(0))
	default:
		d.oneIn = f.number("keep_one_in", between(1, 1e9))
	}
	d.maxKeys = int(f.whole("max_keys", 1, maxKeys, 500))
	p.out.keyed = append(p.out.keyed, d)
	return nil, []limit{d}
}

func diversityPolicy(p *policyParser, f *fields) (condition, []limit) {
	d := &diversity{place: len(p.out.keyed)}
	d.perShape = int(f.whole("traces_per_shape", 1, 1e6, 1))
	d.maxShapes = int(f.whole("max_shapes", 1, maxKeys, 1000))
	p.out.keyed = append(p.out.keyed, d)
	return nil, []limit{d}
}

// storedIntrinsics are the intrinsics that can be keys.
var storedIntrinsics = map[traceql.Intrinsic]store.Field{
	traceql.SpanName: store.Of(store.Name), traceql.SpanKind: store.Of(store.Kind), traceql.SpanStatus: store.Of(store.Status),
	traceql.SpanStatusMessage: store.Of(store.StatusMessage), traceql.ScopeName: store.Of(store.ScopeName),
}

func (f *fields) keys(name string) []store.Field {
	var keys []store.Field
	for _, text := range f.texts(name) {
		a, err := traceql.ParseAttribute(text)
		switch {
		case err != nil:
			f.p.fail(f.node, "%s.%s: %s", f.place, name, err)
		case a.Parent:
			f.p.fail(f.node, "%s.%s: %s is of a parent, which cannot be a key", f.place, name, text)
		case a.Scope != store.IntrinsicScope:
			keys = append(keys, store.Attr(a.Scope, a.Name))
		default:
			field, ok := storedIntrinsics[a.Intrinsic]
			if !ok {
				f.p.fail(f.node, "%s.%s: %s cannot be a key; of the intrinsics name, kind, status, statusMessage and instrumentation:name can", f.place, name, text)
			}
			keys = append(keys, field)
		}
	}
	return keys
}
