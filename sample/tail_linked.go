package sample

import (
	"maps"
	"slices"

	"github.com/clewhq/clew/span"
)

// linkedGroup is traces that are linked, which stay or go together: they are judged by one randomness, and
// their threshold is the least that any of them has.
type linkedGroup struct {
	members []int // places in the slice; those that were decided before are left out
	// before is the threshold with which the trace was sampled earlier whose randomness they share.
	before span.Threshold
	// least is the threshold of traces decided before that they are linked to.
	least span.Threshold
}

// anchor is what was decided before about a trace that others are linked to.
type anchor struct {
	random    uint64
	threshold span.Threshold
	kept      bool
}

func anchorOf(id span.TraceID, own uint64, d Decision) anchor {
	return anchor{settled(id, own, d), d.Threshold, d.Kept}
}

// linked finds the traces that are linked and gives those of a group one randomness: that of a trace that was decided
// before, if there is one, else that of the one that was sampled least before.
func (s *slice) linked(earlier []*Decision, lookup func(span.TraceID) (Decision, bool)) []linkedGroup {
	sets := disjoint{}
	anchors := map[int][]anchor{} // by place of a trace that has a link to them
	for _, l := range s.links {
		if to := s.find(l.to); to >= 0 {
			sets.join(l.from, to)
		} else if d, ok := lookup(l.to); ok && !d.DryRun {
			anchors[l.from] = append(anchors[l.from], anchorOf(l.to, span.Randomness("", l.to), d))
			sets.join(l.from, l.from)
		}
	}
	members := map[int][]int{}
	for _, place := range slices.Sorted(maps.Keys(sets)) {
		root := sets.find(place)
		members[root] = append(members[root], place)
	}
	var groups []linkedGroup
	for _, root := range slices.Sorted(maps.Keys(members)) {
		if g := s.group(members[root], earlier, anchors); len(g.members) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func (s *slice) group(places []int, earlier []*Decision, anchors map[int][]anchor) linkedGroup {
	g := linkedGroup{before: span.NeverSample, least: span.NeverSample}
	var known []anchor
	random := uint64(0)
	for _, place := range places { // in the order of their keys, which has nothing to do with their randomness
		t := &s.traces[place]
		known = append(known, anchors[place]...)
		switch d := earlier[place]; {
		case d != nil && !d.DryRun:
			known = append(known, anchorOf(t.id, t.own, *d))
		case d == nil:
			g.members = append(g.members, place)
			if t.before < g.before {
				g.before, random = t.before, t.own
			}
		}
	}
	for i, a := range known {
		g.least = min(g.least, a.threshold)
		if i == 0 || a.kept {
			random = a.random
		}
	}
	for _, place := range g.members {
		s.traces[place].random = random
	}
	return g
}

// together gives the traces of a group one verdict. Those that a policy drops for certain are dropped all the same.
func (s *slice) together(g linkedGroup, floors []span.Threshold, verdicts []verdict) {
	decides := verdict{policy: byLink, threshold: g.least}
	for _, place := range g.members {
		if v := verdicts[place]; v.threshold < decides.threshold {
			decides = v
		}
	}
	for _, place := range g.members {
		t, v := &s.traces[place], &verdicts[place]
		if floors[place] == span.NeverSample || decides.threshold == span.NeverSample {
			continue
		}
		floor := max(decides.threshold, floors[place])
		v.kept = floor.Samples(t.random)
		if v.threshold > decides.threshold {
			v.policy = decides.policy
		}
		v.threshold = s.combined(t, floor, g.before)
		v.random = settled(t.id, t.random, Decision{Kept: v.kept, Threshold: v.threshold})
	}
}

// combined is the threshold of a trace that was sampled with t.before, by its own randomness, and then with another threshold by that
// of a trace that had been sampled with before.
func (s *slice) combined(t *judgedTrace, threshold, before span.Threshold) span.Threshold {
	if t.before == before {
		return threshold
	}
	p := max(threshold, before).Probability() / before.Probability() * t.before.Probability()
	return span.ProbabilityThreshold(p, 14)
}

// disjoint are sets of numbers, by union and find: each number's parent.
type disjoint map[int]int

func (d disjoint) find(i int) int {
	for {
		up, ok := d[i]
		if !ok {
			d[i] = i
			return i
		}
		if up == i {
			return i
		}
		d[i] = d[up]
		i = up
	}
}

func (d disjoint) join(a, b int) {
	if ra, rb := d.find(a), d.find(b); ra != rb {
		d[max(ra, rb)] = min(ra, rb)
	}
}
