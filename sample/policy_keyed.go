package sample

import (
	"math"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// dynamic shares a goal among the keys of traces by the logarithm of how many each has, so that all traces of
// rare keys are kept and common ones are thinned. The algorithm is that of Honeycomb's dynsampler,
// with the counts of the slice itself.
type dynamic struct {
	place     int // among the keyed limits
	perSecond float64
	oneIn     float64 // if perSecond is 0: the rate on the average
	maxKeys   int
	rootKeys  []store.Field // taken of the root span, or else of the first
	spanKeys  []store.Field // all values that spans of the trace have
}

func (d *dynamic) columns() []store.Field { return append(slices.Clone(d.rootKeys), d.spanKeys...) }

func (d *dynamic) key(v *viewer, run store.TraceRun) uint64 {
	key := uint64(len(d.rootKeys))
	root := v.root(run)
	for _, f := range d.rootKeys {
		key = mix(key, v.hashes(f).at(root))
	}
	for _, f := range d.spanKeys {
		values := v.numbers[:0]
		hashes := v.hashes(f)
		for row := run.Lo; row < run.Hi; row++ {
			if h := hashes.at(row); len(values) == 0 || values[len(values)-1] != h {
				values = append(values, h)
			}
		}
		key = mix(key, hashOfSet(values))
		v.numbers = values
	}
	return key
}

func (d *dynamic) raise(s *slice, candidates []candidate) {
	groups := s.byKey(candidates, d.place, d.maxKeys)
	total := 0
	for _, g := range groups {
		total += len(g)
	}
	goal := d.perSecond * s.seconds
	if d.perSecond == 0 {
		goal = float64(total) / d.oneIn
	}
	slices.SortStableFunc(groups, func(a, b []candidate) int { return len(a) - len(b) })
	weights := 0.0
	for _, g := range groups {
		weights += math.Log1p(float64(len(g)))
	}
	for _, g := range groups {
		weight := math.Log1p(float64(len(g)))
		share := max(1, math.Round(goal*weight/weights))
		raiseTo(g, s.fit(g, share, sizeInTraces))
		weights -= weight
		goal = max(0, goal-min(share, float64(len(g))))
	}
	s.spread(candidates, groups)
}

// diversity keeps some traces of each shape: the set of paths from the root to each span, where a
// span is its service, its name and its kind.
type diversity struct {
	place     int // among the keyed limits
	perShape  int
	maxShapes int
}

var (
	fieldName   = store.Of(store.Name)
	fieldState  = store.Of(store.TraceState)
	fieldFlags  = store.Of(store.Flags)
	fieldLinked = store.Of(store.LinkTraceID)
)

func (d *diversity) columns() []store.Field { return store.SummaryFields() }

func (d *diversity) key(v *viewer, run store.TraceRun) uint64 { return v.shape(run) }

func (d *diversity) raise(s *slice, candidates []candidate) {
	groups := s.byKey(candidates, d.place, d.maxShapes)
	for _, g := range groups {
		raiseTo(g, s.fit(g, float64(d.perShape), sizeInTraces))
	}
	s.spread(candidates, groups)
}

// byKey returns the candidates that their thresholds let through by their keys. If there are too many keys, what comes
// on top shares one.
func (s *slice) byKey(candidates []candidate, place, most int) [][]candidate {
	sorted := s.grouped[:0]
	for _, c := range candidates {
		if c.threshold.Samples(c.random) {
			sorted = append(sorted, c)
		}
	}
	s.grouped = sorted
	slices.SortFunc(sorted, func(a, b candidate) int {
		switch ka, kb := s.key(a.trace, place), s.key(b.trace, place); {
		case ka < kb:
			return -1
		case ka > kb:
			return 1
		}
		return a.trace - b.trace
	})
	var groups [][]candidate
	for len(sorted) > 0 {
		end := 1
		for end < len(sorted) && (len(groups)+1 >= most || s.key(sorted[end].trace, place) == s.key(sorted[0].trace, place)) {
			end++
		}
		groups = append(groups, sorted[:end])
		sorted = sorted[end:]
	}
	return groups
}

// spread gives the candidates the thresholds that they have in groups. Those that are in no group were let through by no other limit.
func (s *slice) spread(candidates []candidate, groups [][]candidate) {
	for _, g := range groups {
		for _, c := range g {
			s.raised[c.trace] = c.threshold
		}
	}
	for i := range candidates {
		if c := &candidates[i]; c.threshold.Samples(c.random) {
			c.threshold = s.raised[c.trace]
		}
	}
}

// hashOfSet returns a number that tells a set of numbers, which it sorts.
func hashOfSet(set []uint64) uint64 {
	slices.Sort(set)
	h := uint64(0)
	for i, n := range set {
		if i == 0 || n != set[i-1] {
			h = mix(h, n)
		}
	}
	return h
}

// mix is a hash of two numbers: the finalizer of splitmix64 over both.
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 ^ b
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hashOf returns a number that tells a value.
func hashOf(v span.Value) uint64 {
	if v.Type.InDict() {
		return mix(uint64(v.Type), span.Hash([]byte(v.Str)))
	}
	return mix(uint64(v.Type), v.Num)
}
