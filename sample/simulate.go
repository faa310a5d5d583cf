package sample

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Simulation is what policies would have kept of stored traces.
type Simulation struct {
	Start uint64 `json:"startTimeUnixNano,string"`
	End   uint64 `json:"endTimeUnixNano,string"`
	// Until is the end of what was looked at: traces that start later are left out. It is before End if time ran out.
	Until    uint64            `json:"untilTimeUnixNano,string"`
	Slices   int               `json:"slices"` // decided, each SliceSeconds long but for the last
	Seconds  float64           `json:"sliceSeconds"`
	Stored   Amount            `json:"stored"`
	Kept     Amount            `json:"kept"`
	Policies []SimulatedPolicy `json:"policies"` // in the order of the file; then what none of them decided, if there is any
	// Rate is of all spans.
	Rate SimulatedRate `json:"rate"`
	// Services and Operations tell of spans, those first of which most go; what there are more of is summed in the last.
	Services   []SimulatedPart `json:"services"`
	Operations []SimulatedPart `json:"operations"`
	// Statuses and Latencies tell of traces: whether a span failed or says that all is well, and how long they took.
	Statuses  []SimulatedPart `json:"statuses"`
	Latencies []SimulatedPart `json:"latencies"`
	Warnings  []string        `json:"warnings,omitempty"` // what of the policies is not done as they say
	Gaps      []string        `json:"gaps,omitempty"`
}

// Partial reports whether time ran out.
func (s *Simulation) Partial() bool { return s.Until < s.End }

// Amount counts what is stored. Bytes are about those of OTLP: of what each span takes by itself, without its resource.
type Amount struct {
	Traces uint64 `json:"traces"`
	Spans  uint64 `json:"spans"`
	Bytes  uint64 `json:"bytes"`
}

func (a *Amount) add(b Amount) {
	a.Traces += b.Traces
	a.Spans += b.Spans
	a.Bytes += b.Bytes
}

// SimulatedPolicy is what a policy decides about: of the traces that it matches those for which no other has a lower threshold.
type SimulatedPolicy struct {
	Policy  string `json:"policy"` // "" if none matches
	Decided Amount `json:"decided"`
	Kept    Amount `json:"kept"`
}

// SimulatedPart is what would be kept of a part of what is stored.
type SimulatedPart struct {
	Service string `json:"service,omitempty"`
	Name    string `json:"name,omitempty"`   // of an operation, a status, or a band of latencies
	Others  int    `json:"others,omitempty"` // of how many it is the sum; 0 if it is one
	Stored  Amount `json:"stored"`
	Kept    Amount `json:"kept"`
	// Rate is there for one service or operation.
	Rate *SimulatedRate `json:"rate,omitempty"`
	// Durations are there for a service that took requests.
	Durations *SimulatedDurations `json:"durations,omitempty"`
}

// SimulatedDurations is how long the requests of a service took, each counted by what it stands for, and how long they would seem
// to have taken, by what is kept.
type SimulatedDurations struct {
	Requests float64 `json:"requests"`
	// Kept is how many spans the estimate is made of.
	Kept     uint64             `json:"kept"`
	Truth    SimulatedQuantiles `json:"truth"`
	Estimate SimulatedQuantiles `json:"estimate"` // zeros if nothing is kept
}

// SimulatedQuantiles are nanoseconds.
type SimulatedQuantiles struct {
	P50 uint64 `json:"p50Nanos,string"`
	P95 uint64 `json:"p95Nanos,string"`
	P99 uint64 `json:"p99Nanos,string"`
}

// SimulatedRate is how many spans there were, each counted by what it stands for, and how many there would seem to have been, by
// what is kept. Over the time of the simulation it is a rate.
type SimulatedRate struct {
	Spans    float64 `json:"spans"`
	Estimate float64 `json:"estimate"`
	// StandardError is that of the estimate, as it follows from what is kept and its thresholds.
	StandardError float64 `json:"standardError"`
	// Unseen is how many of Spans are of traces which no policy gives a chance: the estimate lacks them.
	Unseen float64 `json:"unseen"`
}

// What a simulation takes and tells.
const (
	maxSimulatedSlices = 20_000
	maxSimulatedParts  = 20
)

// simulatedSpare is the share of the time left that is kept for the answer.
const simulatedSpare = 20

// Simulate tells what policies would have kept of the traces of a tenant that start in a range, had they been decided by when they
// start, in slices of some length. When the time of ctx runs out, it tells of those slices that are done.
func Simulate(ctx context.Context, reader store.Reader, tenant string, p *Policies, within store.TimeRange, length time.Duration) (*Simulation, error) {
	if within.End <= within.Start || length <= 0 {
		return nil, fmt.Errorf("a simulation needs a range with both ends, and a length of slices, not %v and %v", within, length)
	}
	if n := (within.End - within.Start - 1) / uint64(length); n >= maxSimulatedSlices {
		return nil, &RangeError{Longest: length * maxSimulatedSlices, Slice: length}
	}
	m := newSimulating(p)
	m.Start, m.End, m.Seconds = within.Start, within.End, length.Seconds()
	hurry := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		hurry, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/simulatedSpare))
		defer cancel()
	}
	for m.Until = within.Start; m.Until < within.End; {
		next := store.TimeRange{Start: m.Until, End: min(m.Until+uint64(length), within.End)}
		s, err := judgeWith(hurry, m.policies, reader, tenant, next, m.names)
		if err != nil {
			if hurry.Err() != nil && ctx.Err() == nil && m.Slices > 0 {
				break
			}
			return nil, err
		}
		s.seconds = time.Duration(next.End - next.Start).Seconds()
		m.decide(s)
		m.Slices++
		m.Until = next.End
	}
	return m.answer(), nil
}

// RangeError says that a simulation was to be of too long a range.
type RangeError struct{ Longest, Slice time.Duration }

func (e *RangeError) Error() string {
	return fmt.Sprintf("the range is too long: policies are tried in slices of %v, and on at most %v at once", e.Slice, e.Longest)
}

// simulating is a simulation under way.
type simulating struct {
	Simulation
	policies   *Policies
	names      *catalog
	byPolicy   []SimulatedPolicy // by place; the last two are byLink and byNone
	services   []tally           // by number
	operations []tally
	took       []requestTally // by number of the service
	whole      tally
	gaps       map[string]bool
	recent     []*decisionRun // for traces that are linked to earlier ones, oldest first
}

// tally sums up a part.
type tally struct {
	stored, kept Amount
	rate         SimulatedRate
	variance     float64
}

// requestTally has the durations of requests: all, and those that are kept.
type requestTally struct {
	truth, estimate analyze.Durations
	requests        float64
	kept            uint64
}

var latencyBands = []struct {
	name  string
	below time.Duration // 0 is for ever
}{{"< 10ms", 10 * time.Millisecond}, {"< 100ms", 100 * time.Millisecond}, {"< 1s", time.Second}, {"< 10s", 10 * time.Second}, {">= 10s", 0}}

func newSimulating(p *Policies) *simulating {
	weighed := *p
	weighed.sized = true
	m := &simulating{policies: &weighed, names: newCatalog(), gaps: map[string]bool{}}
	m.Warnings = p.Warnings()
	for _, name := range append(p.Names(), linkedPolicy, "") {
		m.byPolicy = append(m.byPolicy, SimulatedPolicy{Policy: name})
	}
	for _, name := range []string{"unset", "ok", "error"} {
		m.Statuses = append(m.Statuses, SimulatedPart{Name: name})
	}
	for _, band := range latencyBands {
		m.Latencies = append(m.Latencies, SimulatedPart{Name: band.name})
	}
	return m
}

// decide decides a slice, as tail sampling does, and counts what becomes of it.
func (m *simulating) decide(s *slice) {
	for _, gap := range s.gaps {
		m.gaps[gap] = true
	}
	verdicts := s.decide(make([]*Decision, len(s.traces)), m.lookup)
	var made []decided
	for i := range verdicts {
		t, v := &s.traces[i], &verdicts[i]
		made = append(made, decided{t.key, Decision{Policy: m.policies.nameOf(v.policy), Kept: v.kept, Threshold: v.threshold}})
		m.count(v, &s.census.traces[t.seen], s.census)
	}
	m.remember(makeRuns(made))
}

// Decisions that are remembered for linked traces, at most.
const (
	maxRememberedRuns   = 20 // of two windows
	maxRememberedTraces = 2 << 20
)

func (m *simulating) remember(runs []*decisionRun) {
	m.recent = append(m.recent, runs...)
	n := 0
	for i, r := range slices.Backward(m.recent) {
		if n += r.n; n > maxRememberedTraces || len(m.recent)-i > maxRememberedRuns {
			m.recent = slices.Clone(m.recent[i+1:])
			return
		}
	}
}

// lookup tells what was decided about a trace of an earlier slice.
func (m *simulating) lookup(id span.TraceID) (Decision, bool) {
	for _, r := range slices.Backward(m.recent) {
		if group, ok, _ := r.find(decisionKey(id)); ok {
			return r.decision(group), true
		}
	}
	return Decision{}, false
}

// count adds a trace.
func (m *simulating) count(v *verdict, seen *censusTrace, of *census) {
	parts, requests := of.parts[seen.lo:seen.hi], of.requests[seen.asked[0]:seen.asked[1]]
	whole := amountOf(parts)
	policy := v.policy
	if policy < 0 { // byNone is the last, and before it comes byLink
		policy = len(m.byPolicy) - 1
		if v.policy == byLink {
			policy--
		}
	}
	m.byPolicy[policy].Decided.add(whole)
	m.Statuses[seen.status].Stored.add(whole)
	band := 0
	for latencyBands[band].below > 0 && seen.duration >= uint64(latencyBands[band].below) {
		band++
	}
	m.Latencies[band].Stored.add(whole)
	if v.kept {
		m.byPolicy[policy].Kept.add(whole)
		m.Statuses[seen.status].Kept.add(whole)
		m.Latencies[band].Kept.add(whole)
	}
	m.whole.add(parts, v)
	m.services, m.took = grown(m.services, len(m.names.services)), grown(m.took, len(m.names.services))
	for _, r := range requests {
		m.took[r.service].add(r, v)
	}
	m.operations = grown(m.operations, len(m.names.operations))
	alike(parts, func(p censusPart) uint32 { return p.service }, func(service uint32, of []censusPart) {
		m.services[service].add(of, v)
		alike(of, func(p censusPart) uint32 { return p.operation }, func(operation uint32, of []censusPart) {
			m.operations[operation].add(of, v)
		})
	})
}

// alike calls yield with each run of parts that have the same number.
func alike(parts []censusPart, number func(censusPart) uint32, yield func(uint32, []censusPart)) {
	for len(parts) > 0 {
		end := 1
		for end < len(parts) && number(parts[end]) == number(parts[0]) {
			end++
		}
		yield(number(parts[0]), parts[:end])
		parts = parts[end:]
	}
}

func amountOf(parts []censusPart) Amount {
	a := Amount{Traces: 1}
	for _, p := range parts {
		a.Spans += uint64(p.spans)
		a.Bytes += p.bytes
	}
	return a
}

func grown[T any](list []T, n int) []T {
	if len(list) < n {
		list = append(list, make([]T, n-len(list))...)
	}
	return list
}

// add adds what a part has of one trace.
func (t *tally) add(parts []censusPart, v *verdict) {
	amount := amountOf(parts)
	t.stored.add(amount)
	if v.kept {
		t.kept.add(amount)
	}
	t.estimate(parts, v)
}

// estimate adds spans of one trace to the rate. They stand for x before, and for y if they are kept, with a probability of x/y:
// the estimate is that of Horvitz and Thompson, and that of its variance the sum of y²(1-x/y) over what is kept,
// which is n²(1-p)/p² for n spans that were not sampled before.
func (t *tally) estimate(parts []censusPart, v *verdict) {
	x, y := 0.0, 0.0
	for _, p := range parts {
		x += float64(p.spans) * p.before.AdjustedCount()
		y += float64(p.spans) * max(p.before, v.threshold).AdjustedCount()
	}
	t.rate.Spans += x
	switch {
	case v.threshold >= span.NeverSample:
		t.rate.Unseen += x
	case v.kept:
		t.rate.Estimate += y
		t.variance += y * (y - x)
	}
}

// add adds a request of a trace.
func (t *requestTally) add(r censusRequest, v *verdict) {
	t.requests += r.before.AdjustedCount()
	t.truth.Add(r.took, r.before.AdjustedCount())
	if v.kept {
		t.kept++
		t.estimate.Add(r.took, max(r.before, v.threshold).AdjustedCount())
	}
}

func (t *requestTally) durations() *SimulatedDurations {
	if t.requests == 0 {
		return nil
	}
	quantiles := func(l analyze.Latency) SimulatedQuantiles { return SimulatedQuantiles{l.P50, l.P95, l.P99} }
	return &SimulatedDurations{t.requests, t.kept, quantiles(t.truth.Latency()), quantiles(t.estimate.Latency())}
}

func (t *tally) part() SimulatedPart {
	rate := t.rate
	rate.StandardError = math.Sqrt(t.variance)
	return SimulatedPart{Stored: t.stored, Kept: t.kept, Rate: &rate}
}

// answer ends the simulation.
func (m *simulating) answer() *Simulation {
	whole := m.whole.part()
	m.Stored, m.Kept, m.Rate = whole.Stored, whole.Kept, *whole.Rate
	for i, p := range m.byPolicy {
		if i < len(m.policies.list) || p.Decided.Traces > 0 {
			m.Policies = append(m.Policies, p)
		}
	}
	m.Services = mostLost(m.services, func(i int, p *SimulatedPart) {
		p.Service, p.Durations = m.names.services[i], m.took[i].durations()
	})
	m.Operations = mostLost(m.operations, func(i int, p *SimulatedPart) {
		o := m.names.operations[i]
		p.Service, p.Name = m.names.services[o.service], o.name
	})
	m.Gaps = slices.Sorted(maps.Keys(m.gaps))
	return &m.Simulation
}

// mostLost returns the parts of which most spans go, and the sum of the others.
func mostLost(tallies []tally, named func(i int, p *SimulatedPart)) []SimulatedPart {
	parts := []SimulatedPart{}
	others := SimulatedPart{}
	for i := range tallies {
		p := tallies[i].part()
		switch {
		case p.Stored.Traces == 0:
		case i == beyond:
			p.Rate, p.Others = nil, 1
			others = p
		default:
			named(i, &p)
			parts = append(parts, p)
		}
	}
	slices.SortStableFunc(parts, func(a, b SimulatedPart) int {
		return cmp.Or(cmp.Compare(b.Stored.Spans-b.Kept.Spans, a.Stored.Spans-a.Kept.Spans), cmp.Compare(b.Stored.Spans, a.Stored.Spans),
			cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
	if len(parts) > maxSimulatedParts {
		for _, p := range parts[maxSimulatedParts:] {
			others.Others++
			others.Stored.add(p.Stored)
			others.Kept.add(p.Kept)
		}
		parts = parts[:maxSimulatedParts]
	}
	if others.Others > 0 {
		parts = append(parts, others)
	}
	return parts
}
