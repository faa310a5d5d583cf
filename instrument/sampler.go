package clew

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Consistent probability sampling, as OpenTelemetry specifies it: every trace
// has 56 bits of randomness, the last of its id or those in its trace state
// (ot=rv), and a sampler keeps those that are not below its threshold. The
// threshold goes along in the trace state (ot=th), so that a span tells how
// many it stands for, and samplers with different probabilities keep the same traces.
const (
	randomBits = 56
	allTraces  = 1 << randomBits
	// thresholdDigits is the precision of a threshold behind leading f's or 0's.
	thresholdDigits = 4
)

// samplerFromEnv reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. Whatever
// they hold, the sampler can be used, and closed.
func samplerFromEnv(service string) (s sdktrace.Sampler, closeSampler func(), err error) {
	arg, argVariable := firstEnv("OTEL_TRACES_SAMPLER_ARG")
	name, variable := firstEnv("OTEL_TRACES_SAMPLER")
	if name == "" {
		name = "parentbased_always_on"
	}
	closeSampler = func() {}
	root, parentBased := strings.CutPrefix(strings.ToLower(name), "parentbased_")
	switch root {
	case "always_on":
		s = newProbability(1)
	case "always_off":
		s = sdktrace.NeverSample()
	case "traceidratio":
		var p float64
		p, err = parseProbability(argVariable, arg)
		s = newProbability(p)
	case "jaeger_remote":
		var r *remoteSampler
		r, err = newRemoteSampler(service, arg)
		s, closeSampler = r, r.close
	default:
		err = unknown(variable, name, "always_on, always_off, traceidratio or jaeger_remote, each also with parentbased_ before it")
		s, parentBased = newProbability(1), true
	}
	if parentBased {
		s = hinted{sdktrace.ParentBased(s, sdktrace.WithRemoteParentSampled(inherited{})), s}
	}
	return s, closeSampler, err
}

// parseProbability returns 1 with an error, as the specification wants.
func parseProbability(variable, s string) (float64, error) {
	if s == "" {
		return 1, nil
	}
	p, err := strconv.ParseFloat(s, 64)
	if err != nil || !(p >= 0 && p <= 1) {
		return 1, unknown(variable, s, "a probability from 0 to 1")
	}
	return p, nil
}

// probability samples a share of all traces.
type probability struct {
	threshold uint64 // allTraces: none
	text      string
	alone     trace.TraceState // of a trace that has no other
}

func newProbability(p float64) probability {
	t := threshold(p)
	s := probability{threshold: t, text: thresholdText(t)}
	s.alone, _ = trace.ParseTraceState("ot=th:" + s.text)
	return s
}

func (s probability) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	state := trace.SpanContextFromContext(p.ParentContext).TraceState()
	switch {
	case randomness(p.TraceID, state) < s.threshold:
		return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: withThreshold(state, "")}
	case state.Len() == 0:
		state = s.alone
	default:
		state = withThreshold(state, s.text)
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: state}
}

func (s probability) Description() string {
	return fmt.Sprintf("TraceIDRatioBased{%g}", float64(allTraces-s.threshold)/allTraces)
}

// inherited samples what a remote parent has sampled, and passes its threshold
// on unless that contradicts it: whoever wrote it did not decide by it.
type inherited struct{}

func (inherited) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	state := trace.SpanContextFromContext(p.ParentContext).TraceState()
	if text := otValue(state, "th"); text != "" {
		if t, ok := parseHex(text); !ok || randomness(p.TraceID, state) < t {
			state = withThreshold(state, "")
		}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: state}
}

func (inherited) Description() string { return "AlwaysOnSampler" }

// threshold returns how many of allTraces are left out, with few digits.
func threshold(p float64) uint64 {
	if !(p > 0) {
		return allTraces
	}
	kept := uint64(math.Round(min(p, 1) * allTraces))
	if kept == 0 {
		return allTraces
	}
	_, sampled := math.Frexp(p)
	_, rejected := math.Frexp(1 - min(p, 1))
	digits := min(thresholdDigits+max(0, -sampled, -rejected)/4, randomBits/4)
	shift := randomBits - 4*digits
	unit := uint64(1) << shift
	return min((allTraces-kept+unit/2)>>shift<<shift, allTraces-unit)
}

func thresholdText(t uint64) string {
	if t == 0 {
		return "0"
	}
	return strings.TrimRight(fmt.Sprintf("%014x", t), "0")
}

// randomness returns the 56 bits that decide about a trace.
func randomness(id trace.TraceID, state trace.TraceState) uint64 {
	if rv := otValue(state, "rv"); len(rv) == randomBits/4 {
		if r, ok := parseHex(rv); ok {
			return r
		}
	}
	return binary.BigEndian.Uint64(id[8:]) & (allTraces - 1)
}

// parseHex reads up to 14 digits as the first of 14.
func parseHex(s string) (uint64, bool) {
	if len(s) == 0 || len(s) > randomBits/4 {
		return 0, false
	}
	v, err := strconv.ParseUint(s, 16, 64)
	return v << (randomBits - 4*len(s)), err == nil && s[0] != '+'
}

// otValue returns the value of a key in OpenTelemetry's member of a trace state.
func otValue(state trace.TraceState, key string) string {
	for rest := state.Get("ot"); rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, ";")
		if v, ok := strings.CutPrefix(part, key); ok && strings.HasPrefix(v, ":") {
			return v[1:]
		}
	}
	return ""
}

// withThreshold replaces the threshold in a trace state, or removes it.
func withThreshold(state trace.TraceState, text string) trace.TraceState {
	if text == "" && otValue(state, "th") == "" {
		return state
	}
	ot := state.Get("ot")
	var parts []string
	if text != "" {
		parts = append(parts, "th:"+text)
	}
	for part := range strings.SplitSeq(ot, ";") {
		if part != "" && !strings.HasPrefix(part, "th:") {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return state.Delete("ot")
	}
	changed, err := state.Insert("ot", strings.Join(parts, ";"))
	if err != nil { // longer than a value may be
		return withThreshold(state, "")
	}
	return changed
}
