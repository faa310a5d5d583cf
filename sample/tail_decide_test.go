package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// decideOn returns the verdicts on spans, by trace.
func decideOn(t testing.TB, p *Policies, seconds float64, spans []span.Span, settled map[span.TraceID]Decision) (*slice, []verdict) {
	t.Helper()
	s, err := judge(t.Context(), p, modelWith(t, spans), testTenant, store.TimeRange{})
	if err != nil {
		t.Fatal(err)
	}
	s.seconds = seconds
	earlier := make([]*Decision, len(s.traces))
	for i, trace := range s.traces {
		if d, ok := settled[trace.id]; ok {
			earlier[i] = &d
		}
	}
	return s, s.decide(earlier, func(id span.TraceID) (Decision, bool) {
		d, ok := settled[id]
		return d, ok
	})
}

// Policies without limits are arithmetic on thresholds.
func TestThresholds(t *testing.T) {
	spans := newTraces(rand.New(rand.NewPCG(5, 6))).some(300)
	failed := func(trace []span.Span) bool {
		return slices.ContainsFunc(trace, func(s span.Span) bool { return s.Status == 2 })
	}
	percent := func(p float64) span.Threshold { return span.ProbabilityThreshold(p/100, 5) }
	if got := percent(1).String(); got != "fd70a4" {
		t.Errorf("1 %% is %s", got)
	}
	const never = span.NeverSample
	for _, c := range []struct {
		text string
		want func(trace []span.Span) (span.Threshold, string)
	}{
		{"- {name: tenth, type: probabilistic, probabilistic: {sampling_percentage: 10}}",
			func([]span.Span) (span.Threshold, string) { return percent(10), "tenth" }},
		{"- {name: none, type: probabilistic, probabilistic: {sampling_percentage: 0}}",
			func([]span.Span) (span.Threshold, string) { return never, "none" }},
		{"- {name: all, type: probabilistic, probabilistic: {sampling_percentage: 250}}",
			func([]span.Span) (span.Threshold, string) { return 0, "all" }},
		{"- {name: tenth, type: probabilistic, probabilistic: {sampling_percentage: 10}}\n- {name: errors, type: error}",
			func(trace []span.Span) (span.Threshold, string) {
				if failed(trace) {
					return 0, "errors"
				}
				return percent(10), "tenth"
			}},
		{"- {name: both, type: and, and: {and_sub_policy: [{name: a, type: error}, {name: b, type: probabilistic, probabilistic: {sampling_percentage: 25}}]}}",
			func(trace []span.Span) (span.Threshold, string) {
				if failed(trace) {
					return percent(25), "both"
				}
				return never, ""
			}},
		{"- {name: all, type: always_sample}\n- {name: no-errors, type: drop, drop: {drop_sub_policy: [{name: a, type: error}]}}",
			func(trace []span.Span) (span.Threshold, string) {
				if failed(trace) {
					return never, "no-errors"
				}
				return 0, "all"
			}},
		{"- {name: all, type: always_sample}\n- {name: few, type: drop, drop: {drop_sub_policy: [{name: a, type: error}, {name: b, type: probabilistic, probabilistic: {sampling_percentage: 75}}]}}",
			func(trace []span.Span) (span.Threshold, string) {
				switch {
				case !failed(trace):
					return 0, "all"
				case percent(25).Samples(span.Randomness("", trace[0].TraceID)):
					return percent(25), "all"
				}
				return percent(25), "few" // which took it out
			}},
	} {
		p := mustPolicies(t, c.text)
		s, verdicts := decideOn(t, p, 1, spans, nil)
		for id, trace := range byTrace(spans) {
			v := verdicts[s.find(id)]
			want, policy := c.want(trace)
			if kept := want.Samples(span.Randomness("", id)); v.threshold != want || p.nameOf(v.policy) != policy || v.kept != kept {
				t.Fatalf("%s: %+v by %q, want %s by %q", c.text, v, p.nameOf(v.policy), want, policy)
			}
		}
	}
}

// What was sampled before is never un-sampled, and its states keep what they say of others.
func TestFates(t *testing.T) {
	spans := newTraces(rand.New(rand.NewPCG(5, 6))).some(100)
	p := mustPolicies(t, "- {name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}")
	s, verdicts := decideOn(t, p, 1, spans, nil)
	f := newFates(s, verdicts, false)
	for id := range byTrace(spans) {
		fate := f.of(id)
		if want := id[9] >= 0x80; fate.Stays != want {
			t.Fatalf("%s stays %t", id, fate.Stays)
		}
		if !fate.Stays {
			continue
		}
		for state, want := range map[string]string{
			"": "ot=th:8", "a=b": "ot=th:8,a=b", "ot=th:4;rv:ffffffffffffff": "ot=th:8;rv:ffffffffffffff", "ot=th:c": "ot=th:c", "ot=th:8,a=": "ot=th:8,a=",
		} {
			if got := fate.State(state); got != want {
				t.Errorf("%q becomes %q, want %q", state, got, want)
			}
		}
	}
	if fate := f.of(span.TraceID{1}); !fate.Stays || fate.State != nil || len(f.unjudged) != 1 {
		t.Errorf("a trace that is not known: %+v", fate)
	}
	dry := newFates(s, verdicts, true)
	for id := range byTrace(spans) {
		if fate := dry.of(id); !fate.Stays || fate.State != nil {
			t.Errorf("a dry run changes a trace: %+v", fate)
		}
	}
}

// simulated is traces as a judge finds them, without a store behind it.
type simulated struct {
	slice
	kinds []int // of each trace
}

const simulatedKinds = 5

// simulate makes traces of a few kinds, some much rarer than others, with spans and bytes of any number. Some came with a threshold.
func simulate(p *Policies, rng *rand.Rand, n int) *simulated {
	s := &simulated{slice: slice{policies: p, seconds: 10}}
	for i := range n {
		kind := min(simulatedKinds-1, int(rng.ExpFloat64()))
		var id span.TraceID
		for k := range id {
			id[k] = byte(rng.Uint32())
		}
		trace := judgedTrace{id: id, key: decisionKey(id), own: span.Randomness("", id), spans: 1 + uint32(rng.ExpFloat64()*8), bytes: uint64(rng.ExpFloat64() * 3000)}
		trace.random = trace.own
		s.traces = append(s.traces, trace)
		s.kinds = append(s.kinds, kind)
		for range p.words() {
			s.holds = append(s.holds, 0)
		}
		for place, r := range p.rules {
			if r.when.holds(foundOfKind(p, kind), false) {
				s.holds[i*p.words()+place/64] |= 1 << (place % 64)
			}
		}
		for range p.keyed {
			s.keys = append(s.keys, uint64(kind+1)*0x9e3779b97f4a7c15)
		}
	}
	s.raised = make([]span.Threshold, n)
	return s
}

// foundOfKind: a search that has `kind=N` in its text finds traces of that kind; { } finds all.
func foundOfKind(p *Policies, kind int) []bool {
	found := make([]bool, len(p.searches))
	for i, q := range p.searches {
		found[i] = i == 0 || strings.Contains(q.String(), fmt.Sprintf("kind = %d", kind)) || strings.Contains(q.String(), "kind >= 0")
	}
	return found
}

const (
	ofKind0 = "traceql, traceql: {query: '{ .kind = 0 }'}"
	ofKind3 = "traceql, traceql: {query: '{ .kind = 3 }'}"
)

// Counts of what is kept, each by its weight, are right on the average, for every limit and for mixes of them, as a whole and by kind;
// and no limit lets more through than it says.
func TestUnbiased(t *testing.T) {
	const traces, seeds = 120, 3000
	limited := func(most float64, size func(*judgedTrace) float64) func(*testing.T, *simulated, []verdict) {
		return func(t *testing.T, s *simulated, verdicts []verdict) {
			sum, n := 0.0, 0
			for i, v := range verdicts {
				if v.kept {
					sum += size(&s.traces[i])
					n++
				}
			}
			if sum > most && n > 1 {
				t.Fatalf("%v are kept, at most %v may be", sum, most)
			}
		}
	}
	none := func(*testing.T, *simulated, []verdict) {}
	for name, c := range map[string]struct {
		text  string
		check func(*testing.T, *simulated, []verdict)
	}{
		"traces":    {"- {name: a, type: traces_limiting, traces_limiting: {traces_per_second: 2}}", limited(20, sizeInTraces)},
		"spans":     {"- {name: a, type: rate_limiting, rate_limiting: {spans_per_second: 20}}", limited(200, sizeInSpans)},
		"bytes":     {"- {name: a, type: bytes_limiting, bytes_limiting: {bytes_per_second: 6000}}", limited(60_000, sizeInBytes)},
		"tiny":      {"- {name: a, type: rate_limiting, rate_limiting: {spans_per_second: 0.01}}", limited(0, sizeInSpans)},
		"dynamic":   {"- {name: a, type: dynamic, dynamic: {keys: [name], traces_per_second: 2}}", limited(22, sizeInTraces)},
		"one in":    {"- {name: a, type: dynamic, dynamic: {keys: [name], keep_one_in: 5}}", none},
		"few keys":  {"- {name: a, type: dynamic, dynamic: {keys: [name], keep_one_in: 5, max_keys: 2}}", none},
		"diversity": {"- {name: a, type: diversity, diversity: {traces_per_shape: 3}}", limited(3*simulatedKinds, sizeInTraces)},
		"mixed": {"- {name: a, type: diversity}\n- {name: b, type: probabilistic, probabilistic: {sampling_percentage: 10}}\n" +
			"- {name: c, type: and, and: {and_sub_policy: [{name: d, type: " + ofKind3 + "}, {name: e, type: traces_limiting, traces_limiting: {traces_per_second: 0.2}}]}}", none},
		"and": {"- {name: a, type: and, and: {and_sub_policy: [{name: d, type: rate_limiting, rate_limiting: {spans_per_second: 10}}, {name: e, type: probabilistic, probabilistic: {sampling_percentage: 50}}]}}",
			limited(100, sizeInSpans)},
		"drop": {"- {name: a, type: traces_limiting, traces_limiting: {traces_per_second: 3}}\n" +
			"- {name: b, type: drop, drop: {drop_sub_policy: [{name: c, type: " + ofKind0 + "}, {name: d, type: probabilistic, probabilistic: {sampling_percentage: 60}}]}}", limited(30, sizeInTraces)},
		"composite": {"- {name: a, type: composite, composite: {max_total_spans_per_second: 40, composite_sub_policy: [{name: b, type: " + ofKind3 + "}, {name: c, type: " + ofKind0 + "}, {name: d, type: always_sample}]}}",
			none},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustPolicies(t, c.text)
			rng := rand.New(rand.NewPCG(7, 8))
			var errs [simulatedKinds + 1]estimate
			for range seeds {
				s := simulate(p, rng, traces)
				verdicts := s.decide(make([]*Decision, traces), nil)
				c.check(t, s, verdicts)
				var off [simulatedKinds + 1]float64 // estimate less truth, of spans
				for i, v := range verdicts {
					size := float64(s.traces[i].spans)
					d := -size
					if v.kept {
						d += size * v.threshold.AdjustedCount()
					}
					off[s.kinds[i]] += d
					off[simulatedKinds] += d
				}
				for k := range off {
					errs[k].add(off[k])
				}
			}
			for k, e := range errs {
				if mean, se := e.mean(); math.Abs(mean) > 4*se+1e-9 {
					t.Errorf("kind %d: the estimate is off by %.3f on the average, with a standard error of %.3f", k, mean, se)
				}
			}
		})
	}
}

// estimate is a running mean and its standard error.
type estimate struct{ n, sum, squares float64 }

func (e *estimate) add(v float64) { e.n++; e.sum += v; e.squares += v * v }

func (e *estimate) mean() (mean, se float64) {
	mean = e.sum / e.n
	return mean, math.Sqrt(max(0, e.squares/e.n-mean*mean) / e.n)
}

// Rare keys are kept as a whole, and common ones share what is left.
func TestDynamicSharesTheGoal(t *testing.T) {
	p := mustPolicies(t, "- {name: a, type: dynamic, dynamic: {keys: [name], traces_per_second: 10}}")
	s := simulate(p, rand.New(rand.NewPCG(1, 1)), 10_000)
	verdicts := s.decide(make([]*Decision, len(s.traces)), nil)
	var all, kept [simulatedKinds]int
	total := 0
	for i, v := range verdicts {
		all[s.kinds[i]]++
		if v.kept {
			kept[s.kinds[i]]++
			total++
		}
	}
	if total < 98 || total > 102 {
		t.Errorf("%d of %v are kept, want 100", total, kept)
	}
	for k := 1; k < simulatedKinds; k++ {
		if common, rare := float64(kept[k-1])/float64(all[k-1]), float64(kept[k])/float64(all[k]); common >= rare {
			t.Errorf("of kind %d %v is kept, of the rarer %d %v", k-1, common, k, rare)
		}
	}
	p.list[0].rules[0].limits[0].(*dynamic).perSecond = 900
	verdicts = s.decide(make([]*Decision, len(s.traces)), nil)
	for i, v := range verdicts {
		if s.kinds[i] == simulatedKinds-1 && v.threshold != 0 {
			t.Fatalf("one of the %d rarest of 10,000 has the threshold %s", all[simulatedKinds-1], v.threshold)
		}
	}
}

// Linked traces stay or go together, also with those that were decided before, and estimates stay unbiased.
func TestLinked(t *testing.T) {
	const traces, seeds = 60, 3000
	p := mustPolicies(t, "- {name: a, type: traces_limiting, traces_limiting: {traces_per_second: 1.5}}\n"+
		"- {name: b, type: and, and: {and_sub_policy: [{name: c, type: "+ofKind3+"}, {name: d, type: probabilistic, probabilistic: {sampling_percentage: 60}}]}}")
	rng := rand.New(rand.NewPCG(9, 10))
	var off estimate
	for range seeds {
		s := simulate(p, rng, traces+10)
		before := map[span.TraceID]Decision{} // the last ten were decided before, of some of them spans came late
		earlier := make([]*Decision, traces)
		var ids []span.TraceID
		for i := range s.traces[traces:] {
			id := s.traces[traces+i].id
			th := pickOf(newTraces(rng), 0, span.Threshold(1)<<55, 3<<54)
			before[id] = Decision{Policy: "x", Threshold: th, Kept: th.Samples(span.Randomness("", id))}
			ids = append(ids, id)
		}
		s.traces = s.traces[:traces]
		for range 20 { // chains in no order
			from := rng.IntN(traces)
			to := s.traces[rng.IntN(traces)].id
			if rng.IntN(20) == 0 {
				to = ids[rng.IntN(len(ids))]
			}
			s.links = append(s.links, traceLink{from, to})
		}
		kinds := map[span.TraceID]int{}
		for i, trace := range s.traces {
			kinds[trace.id] = s.kinds[i]
		}
		links := map[span.TraceID][]span.TraceID{}
		for _, l := range s.links {
			links[s.traces[l.from].id] = append(links[s.traces[l.from].id], l.to)
		}
		s.slice.sort()
		verdicts := s.decide(earlier, func(id span.TraceID) (Decision, bool) { d, ok := before[id]; return d, ok })
		sum := 0.0
		anchors := map[span.TraceID]int{}
		for i, v := range verdicts {
			sum--
			if v.kept {
				sum += v.threshold.AdjustedCount()
			}
			id := s.traces[i].id
			for _, to := range links[id] {
				if d, ok := before[to]; ok {
					anchors[id]++
					if d.Kept && !v.kept {
						t.Fatalf("%s goes, though it is linked to one that was kept", id)
					}
				} else if other := verdicts[s.find(to)]; other.kept != v.kept {
					t.Fatalf("%s and %s are linked, kept are %t and %t", id, to, v.kept, other.kept)
				}
			}
			if v.kept && !v.threshold.Samples(v.random) {
				t.Fatalf("%s is kept with the threshold %s and the randomness %x", id, v.threshold, v.random)
			}
		}
		off.add(sum)
	}
	if mean, se := off.mean(); math.Abs(mean) > 4*se {
		t.Errorf("the estimate of traces is off by %.3f on the average, with a standard error of %.3f", mean, se)
	}
}
