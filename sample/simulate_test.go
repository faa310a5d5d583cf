package sample

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

const simulatedSlice = 90 * time.Second

// spread returns traces that start evenly over a number of slices.
func spreadTraces(rng *rand.Rand, traces, slices int) (spans []span.Span, within store.TimeRange) {
	m := newTraces(rng)
	within = store.TimeRange{Start: testStart, End: testStart + uint64(slices)*uint64(simulatedSlice)}
	for range traces {
		trace := m.trace()
		shift := rng.Uint64N(within.End - within.Start)
		for i := range trace {
			trace[i].Start += shift
			trace[i].End += shift
		}
		spans = append(spans, trace...)
	}
	return spans, within
}

func simulateOn(t testing.TB, policies string, spans []span.Span, within store.TimeRange) *Simulation {
	t.Helper()
	got, err := Simulate(t.Context(), modelWith(t, spans), testTenant, mustPolicies(t, policies), within, simulatedSlice)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func startOf(trace []span.Span) (start, end uint64) {
	start = math.MaxUint64
	for _, s := range trace {
		start, end = min(start, s.Start), max(end, s.End)
	}
	return start, end
}

// oracle adds up, trace by trace, what halfFile makes of them.
type oracle struct {
	stored, kept map[string]Amount // by what is counted; bytes are left out
	rates        map[string]*[4]float64
	took         map[string][]weighedDuration // by service
}

// weighedDuration is how long a request took, what it stands for, and what it stands for if it is kept.
type weighedDuration struct {
	took          uint64
	before, after float64
}

// quantile returns the duration that a share of requests is at most as long as.
func quantile(list []weighedDuration, percent float64, weight func(weighedDuration) float64) uint64 {
	slices.SortFunc(list, func(a, b weighedDuration) int { return cmp.Compare(a.took, b.took) })
	total, longest := 0.0, uint64(0)
	for _, d := range list {
		if total += weight(d); weight(d) > 0 {
			longest = d.took
		}
	}
	rank := math.Ceil(total * percent / 100)
	for _, d := range list {
		if rank -= weight(d); rank <= 0 && weight(d) > 0 {
			return d.took
		}
	}
	return longest
}

// check holds the durations of a service's requests against those counted one by one.
func (o *oracle) check(t *testing.T, service string, got *SimulatedDurations) {
	t.Helper()
	list := o.took[service]
	kept := uint64(0)
	for _, d := range list {
		if d.after > 0 {
			kept++
		}
	}
	if got == nil || kept == 0 || got.Kept != kept || got.Truth == got.Estimate {
		t.Fatalf("%s: %+v, want %d of %d requests", service, got, kept, len(list))
	}
	for side, weight := range map[*SimulatedQuantiles]func(weighedDuration) float64{
		&got.Truth:    func(d weighedDuration) float64 { return d.before },
		&got.Estimate: func(d weighedDuration) float64 { return d.after },
	} {
		for percent, at := range map[float64]uint64{50: side.P50, 95: side.P95, 99: side.P99} {
			if want := quantile(list, percent, weight); math.Abs(float64(at)-float64(want)) > 0.008*float64(want) {
				t.Errorf("%s: p%v is %d, want %d", service, percent, at, want)
			}
		}
	}
}

func (o *oracle) add(t *testing.T, trace []span.Span) {
	id := trace[0].TraceID
	random, before := span.Randomness("", id), span.Threshold(1)<<55
	kept := random >= uint64(before) || failedTrace(trace)
	policy, threshold := "half", before
	if failedTrace(trace) {
		policy, threshold = "errors", 0
	}
	start, end := startOf(trace)
	band := "< 1s"
	switch took := time.Duration(end - start); {
	case took < 10*time.Millisecond:
		band = "< 10ms"
	case took < 100*time.Millisecond:
		band = "< 100ms"
	case took >= 10*time.Second:
		t.Fatal("traces are shorter")
	case took >= time.Second:
		band = "< 10s"
	}
	status := int32(0)
	spans := map[string]uint64{} // by part
	weights := map[string][2]float64{}
	for _, s := range trace {
		if s.Status == 2 || status == 0 {
			status = s.Status
		}
		service := s.Resource.Attrs[0].Value.Str
		w := span.AdjustedCount(s.TraceState)
		for _, part := range []string{"service " + service, "operation " + service + " " + s.Name, "all"} {
			spans[part]++
			sums := weights[part]
			had, _ := span.StateThreshold(s.TraceState)
			weights[part] = [2]float64{sums[0] + w, sums[1] + max(had, threshold).AdjustedCount()}
		}
		calls := func(p span.Span) bool { return p.SpanID == s.Parent && p.Resource.Attrs[0].Value.Str != service }
		if s.Kind == kindServer || s.Kind == kindConsumer || s.Parent == (span.SpanID{}) || slices.ContainsFunc(trace, calls) {
			d := weighedDuration{took: s.End - s.Start, before: w}
			if had, _ := span.StateThreshold(s.TraceState); kept {
				d.after = max(had, threshold).AdjustedCount()
			}
			o.took[service] = append(o.took[service], d)
		}
	}
	for _, part := range []string{"policy " + policy, "status " + []string{"unset", "ok", "error"}[status], "latency " + band} {
		spans[part] = uint64(len(trace))
	}
	for part, n := range spans {
		add := Amount{Traces: 1, Spans: n}
		a, k := o.stored[part], o.kept[part]
		a.add(add)
		if kept {
			k.add(add)
		}
		o.stored[part], o.kept[part] = a, k
	}
	for part, w := range weights {
		r := o.rates[part]
		if r == nil {
			r = &[4]float64{}
			o.rates[part] = r
		}
		r[0] += w[0]
		if kept {
			r[1] += w[1]
			r[2] += w[1] * (w[1] - w[0])
		}
	}
}

// A simulation says what adding up trace by trace says.
func TestSimulateOracle(t *testing.T) {
	spans, within := spreadTraces(rand.New(rand.NewPCG(11, 2)), 500, 10)
	within.End -= 30 * uint64(time.Second) // the last slice is cut short
	o := oracle{map[string]Amount{}, map[string]Amount{}, map[string]*[4]float64{}, map[string][]weighedDuration{}}
	for _, trace := range byTrace(spans) {
		if start, _ := startOf(trace); within.Contains(start) {
			o.add(t, trace)
		}
	}
	got := simulateOn(t, halfFile, spans, within)
	if got.Partial() || got.Slices != 10 || got.Start != within.Start || got.End != within.End || got.Seconds != 90 {
		t.Errorf("%+v", got)
	}
	seen := 0
	check := func(part string, stored, kept Amount, rate *SimulatedRate) {
		t.Helper()
		seen++
		if stored.Bytes < stored.Spans*bytesOfSpan || kept.Bytes < kept.Spans*bytesOfSpan || kept.Bytes > stored.Bytes {
			t.Errorf("%s: %+v of %+v", part, kept, stored)
		}
		stored.Bytes, kept.Bytes = 0, 0
		if stored != o.stored[part] || kept != o.kept[part] {
			t.Errorf("%s: %+v of %+v, want %+v of %+v", part, kept, stored, o.kept[part], o.stored[part])
		}
		if rate == nil {
			return
		}
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*b }
		if want := o.rates[part]; !near(rate.Spans, want[0]) || !near(rate.Estimate, want[1]) || !near(rate.StandardError, math.Sqrt(want[2])) || rate.Unseen != 0 {
			t.Errorf("%s: %+v, want %v", part, *rate, *want)
		}
	}
	check("all", got.Stored, got.Kept, &got.Rate)
	for _, p := range got.Policies {
		check("policy "+p.Policy, p.Decided, p.Kept, nil)
	}
	for _, p := range got.Services {
		check("service "+p.Service, p.Stored, p.Kept, p.Rate)
		o.check(t, p.Service, p.Durations)
	}
	for _, p := range got.Operations {
		check("operation "+p.Service+" "+p.Name, p.Stored, p.Kept, p.Rate)
	}
	for _, p := range got.Statuses {
		check("status "+p.Name, p.Stored, p.Kept, p.Rate)
	}
	for _, p := range got.Latencies {
		check("latency "+p.Name, p.Stored, p.Kept, p.Rate)
	}
	if seen != 1+2+3+9+3+5 {
		t.Errorf("%d parts", seen)
	}
}

// Traces that no policy gives a chance are not in the estimate, which is said.
func TestSimulateUnseen(t *testing.T) {
	spans, within := spreadTraces(rand.New(rand.NewPCG(1, 2)), 100, 2)
	got := simulateOn(t, "- {name: errors, type: error}", spans, within)
	want, traces := 0.0, uint64(0)
	for _, trace := range byTrace(spans) {
		if start, _ := startOf(trace); within.Contains(start) && !failedTrace(trace) {
			traces++
			for _, s := range trace {
				want += span.AdjustedCount(s.TraceState)
			}
		}
	}
	if r := got.Rate; r.Unseen != want || r.Estimate != r.Spans-want || r.StandardError != 0 {
		t.Errorf("%+v, want %v unseen", r, want)
	}
	for _, p := range got.Services {
		if d := p.Durations; d.Kept == 0 || d.Requests <= float64(d.Kept) || d.Truth.P50 == 0 {
			t.Errorf("%s: %+v", p.Service, d)
		}
	}
	if last := got.Policies[len(got.Policies)-1]; len(got.Policies) != 2 || last.Policy != "" || last.Decided.Traces != traces || last.Kept.Traces != 0 {
		t.Errorf("%+v, want %d traces that no policy matches", got.Policies, traces)
	}
}

// Limits are those of a slice, as at the tail.
func TestSimulateLimits(t *testing.T) {
	spans, within := spreadTraces(rand.New(rand.NewPCG(1, 2)), 600, 4)
	got := simulateOn(t, "- {name: few, type: traces_limiting, traces_limiting: {traces_per_second: 0.5}}", spans, within)
	if got.Kept.Traces != 4*45 {
		t.Errorf("%d traces are kept in 4 slices of 90 s, want half a trace per second", got.Kept.Traces)
	}
}

// Over many seeds estimates are right on the average, and as far from the truth as their standard errors say.
func TestSimulateUnbiased(t *testing.T) {
	const seeds = 250
	policies := "- {name: few, type: rate_limiting, rate_limiting: {spans_per_second: 0.5}}\n" +
		"- {name: cart, type: and, and: {and_sub_policy: [{name: a, type: string_attribute, string_attribute: {key: service.name, values: [cart]}}, {name: b, type: probabilistic, probabilistic: {sampling_percentage: 30}}]}}"
	rng := rand.New(rand.NewPCG(3, 2))
	off, stated, within := map[string]*estimate{}, map[string]float64{}, map[string]int{}
	for range seeds {
		spans, r := spreadTraces(rng, 100, 2)
		for i := range spans { // nothing was sampled before, as its ids would have to tell
			spans[i].TraceState = ""
		}
		got := simulateOn(t, policies, spans, r)
		for _, p := range append(got.Services, SimulatedPart{Service: "all", Rate: &got.Rate}) {
			if off[p.Service] == nil {
				off[p.Service] = &estimate{}
			}
			d := p.Rate.Estimate - p.Rate.Spans
			off[p.Service].add(d)
			stated[p.Service] += p.Rate.StandardError * p.Rate.StandardError / seeds
			if math.Abs(d) < 2*p.Rate.StandardError {
				within[p.Service]++
			}
		}
	}
	for name, e := range off {
		if mean, se := e.mean(); math.Abs(mean) > 4*se {
			t.Errorf("%s: the estimate is off by %.2f on the average, with a standard error of %.2f", name, mean, se)
		}
		if ratio := e.squares / e.n / stated[name]; ratio < 0.75 || ratio > 1.3 {
			t.Errorf("%s: the variance is %.2f times what is stated", name, ratio)
		}
		if share := float64(within[name]) / seeds; share < 0.88 {
			t.Errorf("%s: %.0f %% of the estimates are within two standard errors", name, 100*share)
		}
	}
}

// A trace that is linked to one of an earlier slice shares its fate.
func TestSimulateLinks(t *testing.T) {
	spans, within := spreadTraces(rand.New(rand.NewPCG(1, 2)), 2, 1)
	first, second := spans[:1], spans[len(spans)-1:]
	first[0].Start, first[0].Status, first[0].End = testStart, 2, testStart+1
	second[0].Start, second[0].Status, second[0].End, second[0].Parent = testStart+2*uint64(simulatedSlice), 0, testStart+2*uint64(simulatedSlice), span.SpanID{}
	second[0].Links = []span.SpanLink{{TraceID: first[0].TraceID}}
	within.End += 2 * uint64(simulatedSlice)
	got := simulateOn(t, "- {name: errors, type: error}", []span.Span{first[0], second[0]}, within)
	if got.Kept.Traces != 2 || got.Policies[1].Policy != linkedPolicy || got.Policies[1].Kept.Traces != 1 {
		t.Errorf("%+v", got)
	}
}

// made is a store that makes up the spans of a range when it is asked, and calls scanned before.
type made struct {
	store.Reader
	spans   func(store.TimeRange) []span.Span
	scanned func(ctx context.Context) error
	t       testing.TB
}

func (m made) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	if err := m.scanned(ctx); err != nil {
		return nil, err
	}
	result, err := modelWith(m.t, m.spans(q.Range)).Scan(ctx, tenant, q, yield)
	if err == nil {
		result.Gaps = []string{"block 7 is damaged"}
	}
	return result, err
}

// When time runs out, what is done is told, and until when; so is what could not be read.
func TestSimulatePartial(t *testing.T) {
	p := mustPolicies(t, halfFile)
	within := store.TimeRange{Start: testStart, End: testStart + 10*uint64(simulatedSlice)}
	for _, slow := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			n := 0
			m := made{t: t, spans: func(r store.TimeRange) []span.Span { return oneSpan(r.Start, "a") }, scanned: func(ctx context.Context) error {
				if n++; n == slow {
					<-ctx.Done()
				}
				return ctx.Err()
			}}
			got, err := Simulate(ctx, m, testTenant, p, within, simulatedSlice)
			if slow == 1 {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, want that nothing is done", err)
				}
				return
			}
			if err != nil || ctx.Err() != nil || !got.Partial() || got.Slices != 3 || got.Until != testStart+3*uint64(simulatedSlice) || got.Stored.Traces != 3 ||
				!slices.Equal(got.Gaps, []string{"block 7 is damaged"}) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func oneSpan(start uint64, name string) []span.Span {
	var id span.TraceID
	for i := range id {
		id[i] = byte(rand.Uint32())
	}
	return []span.Span{{TraceID: id, SpanID: span.SpanID{1}, Name: name, Start: start, End: start + 1,
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(name)}}}}}
}

// Memory is that of a slice and of what is told apart, however long the range.
func TestSimulateMemory(t *testing.T) {
	const slicesOfAll = 1000
	p := mustPolicies(t, halfFile)
	n, early := 0, uint64(0)
	m := made{t: t, spans: func(r store.TimeRange) (spans []span.Span) {
		for i := range 10 {
			spans = append(spans, oneSpan(r.Start, fmt.Sprint(n, " ", i))...)
		}
		return spans
	}, scanned: func(context.Context) error {
		if n++; n == slicesOfAll/2 || n == slicesOfAll {
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			if early == 0 {
				early = stats.HeapAlloc
			} else if stats.HeapAlloc > early+1<<20 {
				t.Errorf("%d KiB of memory after %d slices, %d after half of them", stats.HeapAlloc>>10, n, early>>10)
			}
		}
		return nil
	}}
	within := store.TimeRange{Start: testStart, End: testStart + slicesOfAll*uint64(simulatedSlice)}
	got, err := Simulate(t.Context(), m, testTenant, p, within, simulatedSlice)
	if err != nil {
		t.Fatal(err)
	}
	if got.Stored.Traces != 10*slicesOfAll || len(got.Services) != maxSimulatedParts+1 {
		t.Errorf("%d traces, %d services", got.Stored.Traces, len(got.Services))
	}
	sum, others := uint64(0), got.Services[maxSimulatedParts]
	for _, s := range got.Services {
		sum += s.Stored.Spans
	}
	if sum != got.Stored.Spans || others.Rate != nil || others.Others < maxCensusServices-maxSimulatedParts {
		t.Errorf("%d of %d spans are of services; others: %+v", sum, got.Stored.Spans, others)
	}
	within.End = within.Start + (maxSimulatedSlices+1)*uint64(simulatedSlice)
	if _, err := Simulate(t.Context(), m, testTenant, p, within, simulatedSlice); err == nil || !strings.Contains(err.Error(), "the range is too long") {
		t.Errorf("too many slices: %v", err)
	}
}
