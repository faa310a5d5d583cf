package sample

import (
	"slices"

	"github.com/clewhq/clew/span"
)

// verdict is what becomes of a trace of a slice.
type verdict struct {
	policy    int // place of that which decides, or byNone, or byEarlier
	kept      bool
	threshold span.Threshold
	random    uint64 // that the spans of a trace that is kept are to say, if it is not the trace's own
}

const (
	byNone    = -1 // no policy matches
	byEarlier = -2 // it was decided before
	byLink    = -3 // it is linked to one that was decided before
)

// decide decides about each trace. earlier has what was decided before about traces of the slice, by place; lookup knows it of others.
func (s *slice) decide(earlier []*Decision, lookup func(span.TraceID) (Decision, bool)) []verdict {
	groups := s.linked(earlier, lookup) // before all else, as it says by which randomness traces are judged
	floors, dropper := s.floors(earlier)
	verdicts := make([]verdict, len(s.traces))
	for i := range verdicts {
		verdicts[i] = verdict{policy: byNone, threshold: span.NeverSample}
	}
	for place, p := range s.policies.list {
		if p.drop {
			continue
		}
		s.thresholds(p, earlier, floors, func(c candidate) {
			if v := &verdicts[c.trace]; c.threshold < v.threshold || v.policy == byNone {
				v.policy, v.threshold = place, c.threshold
			}
		})
	}
	for i := range verdicts {
		t, v := &s.traces[i], &verdicts[i]
		switch {
		case earlier[i] != nil:
			*v = follow(t, *earlier[i])
		case floors[i] == span.NeverSample:
			v.policy = dropper[i]
		}
	}
	for i := range verdicts {
		if t, v := &s.traces[i], &verdicts[i]; v.policy != byEarlier {
			v.kept, v.random = v.threshold.Samples(t.random), t.random
			if !v.kept && v.policy >= 0 && v.threshold == floors[i] { // the others would have let it through, or have no say
				v.policy = dropper[i]
			}
		}
	}
	for _, g := range groups {
		s.together(g, floors, verdicts)
	}
	return verdicts
}

// follow is the verdict on a trace that was decided before.
func follow(t *judgedTrace, d Decision) verdict {
	v := verdict{policy: byEarlier, kept: d.Kept || d.DryRun, threshold: d.Threshold}
	if d.DryRun {
		v.threshold = 0
	}
	v.random = settled(t.id, t.own, d)
	return v
}

// settled returns a randomness that goes with what was decided about a trace: its own, unless it was decided by that of another
// trace, to which it is linked. Then the decision says no more than on which side of the threshold it lies,
// and where it lies there follows from the id, so that all spans of the trace say the same.
func settled(id span.TraceID, own uint64, d Decision) uint64 {
	if d.DryRun || d.Kept == d.Threshold.Samples(own) || d.Threshold >= span.NeverSample {
		return own
	}
	share := float64(decisionKey(id)) / (1 << decisionKeyBits)
	if d.Kept {
		return uint64(d.Threshold) + uint64(share*float64(span.NeverSample-d.Threshold))
	}
	return uint64(share * float64(d.Threshold))
}

// floors returns for each trace the least threshold that policies of the kind drop let it have, and which does.
func (s *slice) floors(earlier []*Decision) (floors []span.Threshold, dropper []int) {
	floors, dropper = make([]span.Threshold, len(s.traces)), make([]int, len(s.traces))
	none := make([]span.Threshold, len(s.traces))
	for place, p := range s.policies.list {
		if !p.drop {
			continue
		}
		s.thresholds(p, earlier, none, func(c candidate) {
			if c.threshold > floors[c.trace] {
				floors[c.trace], dropper[c.trace] = c.threshold, place
			}
		})
	}
	return floors, dropper
}

// thresholds gives each trace that a policy matches its threshold. Those that were decided before take no part.
func (s *slice) thresholds(p *policy, earlier []*Decision, floors []span.Threshold, give func(candidate)) {
	candidates := make([]candidate, 0, len(s.traces))
	for n, r := range p.rules {
		candidates = candidates[:0]
		for i := range s.traces {
			if earlier[i] != nil || floors[i] == span.NeverSample || !s.holdsFor(r, i) {
				continue
			}
			if p.firstOnly && slices.ContainsFunc(p.rules[:n], func(r *rule) bool { return s.holdsFor(r, i) }) {
				continue
			}
			candidates = append(candidates, candidate{i, s.traces[i].random, floors[i]})
		}
		for _, l := range r.limits {
			l.raise(s, candidates)
		}
		for _, c := range candidates {
			give(c)
		}
	}
}
