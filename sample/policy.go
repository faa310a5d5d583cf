package sample

import (
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// Policies are what a file of policies says about which traces are kept. They do not change.
//
// Every policy is a threshold: of the traces that it matches, it rejects those whose randomness lies
// below. A trace's threshold is the least of all policies that match it, so what is kept tells how
// many it stands for, and estimates from it are unbiased.
type Policies struct {
	list     []*policy
	rules    []*rule          // of all policies, by place
	searches []*traceql.Query // that conditions are made of, each once; the first is of all spans
	keyed    []keyed          // limits that tell traces apart by a key, by place
	sized    bool             // whether bytes of traces count
	flags    bool             // whether trace flags count
	certain  span.Threshold   // what it lets through is kept, whatever it is
	warnings []string
}

// Names returns the names of the policies, in their order.
func (p *Policies) Names() []string {
	names := make([]string, len(p.list))
	for i, each := range p.list {
		names[i] = each.name
	}
	return names
}

// Warnings returns what of the file is not done as it says.
func (p *Policies) Warnings() []string { return p.warnings }

// policy is one policy. It has one rule, or those of a composite's parts.
type policy struct {
	name, kind string
	drop       bool // its thresholds are the least that others can go down to
	rules      []*rule
	// firstOnly says that a trace belongs to the first of the rules that holds, as in a composite.
	firstOnly bool
}

// rule is a condition on traces and the limits to what is kept of those that meet it. The threshold of a
// trace is the greatest that a limit gives it.
type rule struct {
	place  int // among the rules of all policies
	when   condition
	limits []limit
}

// condition says something about a whole trace.
type condition interface {
	// holds is told which searches, by place, find the trace, and whether it has the flag of a sampled one.
	holds(found []bool, flagged bool) bool
}

type (
	foundBy   int      // holds for traces that a search finds
	hasFlag   struct{} // holds if a span is flagged as sampled
	not       struct{ c condition }
	all       []condition // empty: always
	searchSet struct {
		list   []*traceql.Query
		places map[string]int // by text
	}
)

func (f foundBy) holds(found []bool, _ bool) bool { return found[f] }
func (hasFlag) holds(_ []bool, flagged bool) bool { return flagged }
func (n not) holds(found []bool, flagged bool) bool {
	return !n.c.holds(found, flagged)
}

func (a all) holds(found []bool, flagged bool) bool {
	for _, c := range a {
		if !c.holds(found, flagged) {
			return false
		}
	}
	return true
}

// add returns the place of a search.
func (s *searchSet) add(q *traceql.Query) int {
	text := q.String()
	if i, ok := s.places[text]; ok {
		return i
	}
	s.list = append(s.list, q)
	s.places[text] = len(s.list) - 1
	return len(s.list) - 1
}

// A limit bounds how many traces of a slice are kept of those that meet a condition. All traces of a slice
// are known when it is decided, so a limit is kept by an order statistic of the randomness: the threshold
// is that of the first trace left out. With it the estimate from those kept is unbiased (priority sampling;
// Duffield, Lund, Thorup 2007).
type limit interface {
	// raise raises the thresholds of candidates to what the limit asks for.
	raise(s *slice, candidates []candidate)
}

// candidate is a trace that meets the condition of a rule, and its threshold by the rule so far.
type candidate struct {
	trace     int // place in the slice
	random    uint64
	threshold span.Threshold
}

// keyed is a limit by key: of each trace a number is made that tells its key.
type keyed interface {
	columns() []store.Field
	key(v *viewer, run store.TraceRun) uint64
}

// least is a limit that is the same for all.
type least span.Threshold

func (l least) raise(_ *slice, candidates []candidate) {
	for i := range candidates {
		candidates[i].threshold = max(candidates[i].threshold, span.Threshold(l))
	}
}

// rate limits traces, spans or bytes per second.
type rate struct {
	perSecond float64
	size      func(*judgedTrace) float64
}

func sizeInTraces(*judgedTrace) float64  { return 1 }
func sizeInSpans(t *judgedTrace) float64 { return float64(t.spans) }
func sizeInBytes(t *judgedTrace) float64 { return float64(t.bytes) }

func (r rate) raise(s *slice, candidates []candidate) {
	raiseTo(candidates, s.fit(candidates, r.perSecond*s.seconds, r.size))
}

func raiseTo(candidates []candidate, t span.Threshold) {
	for i := range candidates {
		candidates[i].threshold = max(candidates[i].threshold, t)
	}
}

// fit returns the threshold with which candidates fit into a budget: those with the greatest randomness,
// up to the first that does not. One fits in any case, so that every trace has a chance.
func (s *slice) fit(candidates []candidate, budget float64, size func(*judgedTrace) float64) span.Threshold {
	order := s.eligible(candidates)
	used := 0.0
	for i := 0; i < len(order); {
		random, sum := order[i].random, 0.0
		end := i
		for ; end < len(order) && order[end].random == random; end++ { // linked traces share it
			sum += size(&s.traces[order[end].trace])
		}
		if used += sum; used > budget && i > 0 {
			return span.Threshold(random) + 1
		}
		i = end
	}
	return 0
}

// eligible returns the candidates that their thresholds let through, the greatest randomness first.
func (s *slice) eligible(candidates []candidate) []candidate {
	order := s.order[:0]
	for _, c := range candidates {
		if c.threshold.Samples(c.random) {
			order = append(order, c)
		}
	}
	slices.SortFunc(order, func(a, b candidate) int {
		switch {
		case a.random > b.random:
			return -1
		case a.random < b.random:
			return 1
		}
		return a.trace - b.trace
	})
	s.order = order
	return order
}
