package sample

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// slice is traces that are decided at once, and what policies have to know of each.
type slice struct {
	policies *Policies
	seconds  float64 // that it stands for
	traces   []judgedTrace
	holds    []uint64 // rules that hold for a trace, a bit each; words() a trace
	keys     []uint64 // of the keyed limits, len(policies.keyed) a trace
	links    []traceLink
	gaps     []string // what could not be read
	census   *census  // nil unless it is asked for

	// Memory of limits.
	order, grouped []candidate
	raised         []span.Threshold // by trace
}

// judgedTrace is what is known of a trace.
type judgedTrace struct {
	id     span.TraceID
	key    uint64 // by which decisions are looked up
	random uint64 // that it is judged by: its own, or that of the traces that it is linked with
	own    uint64 // its own randomness
	// before is the greatest threshold that its spans have: that with which it was sampled earlier.
	before span.Threshold
	start  uint64 // unix nanoseconds
	spans  uint32
	seen   int32  // place in the census
	bytes  uint64 // about; 0 if no policy asks
}

// traceLink says that a trace has a link to another one.
type traceLink struct {
	from int // place in the slice
	to   span.TraceID
}

func (p *Policies) words() int { return (len(p.rules) + 63) / 64 }

func (s *slice) key(trace, place int) uint64 { return s.keys[trace*len(s.policies.keyed)+place] }

func (s *slice) holdsFor(r *rule, trace int) bool {
	return s.holds[trace*s.policies.words()+r.place/64]>>(r.place%64)&1 != 0
}

// decisionKeyBits is how many bits of a hash of its id tell a trace among decisions.
const decisionKeyBits = 48

func decisionKey(id span.TraceID) uint64 { return xxhash.Sum64(id[:]) >> (64 - decisionKeyBits) }

// wholeTraces is a look through some traces as a store's.
type wholeTraces struct {
	store.Reader
	scan func(ctx context.Context, tenant string, q *store.Query, yield func(worker int, c store.Chunk) error) (*store.ScanResult, error)
}

func (w wholeTraces) Scan(ctx context.Context, tenant string, q *store.Query, yield func(worker int, c store.Chunk) error) (*store.ScanResult, error) {
	return w.scan(ctx, tenant, q, yield)
}

// judge looks through traces and finds which conditions of the policies they meet. Those that start outside of a range are left out.
func judge(ctx context.Context, p *Policies, traces store.Reader, tenant string, starts store.TimeRange) (*slice, error) {
	return judgeWith(ctx, p, traces, tenant, starts, nil)
}

// judgeWith is judge that also takes a census, unless names is nil. Policies have to be sized for it.
func judgeWith(ctx context.Context, p *Policies, traces store.Reader, tenant string, starts store.TimeRange, names *catalog) (*slice, error) {
	workers := make([]judging, runtime.NumCPU())
	opts := traceql.LookOptions{Range: starts, Columns: p.columns()}
	for i := range workers {
		workers[i] = judging{slice: slice{policies: p}, found: make([]bool, len(p.searches)), starts: starts}
		if names != nil {
			workers[i].census = &census{catalog: names, placed: map[[2]uint64]censusPlace{}}
			opts.Columns = append(opts.Columns, workers[i].census.columns()...)
		}
	}
	result, err := (&traceql.Engine{Store: traces}).Look(ctx, tenant, p.searches, opts,
		func(i int, c store.Chunk, rows traceql.RowsOf) error { return workers[i].chunk(c, rows) })
	if err != nil {
		return nil, err
	}
	s := &slice{policies: p, gaps: result.Gaps}
	for i := range workers {
		w := &workers[i]
		if s.census == nil {
			s.census = w.census
		} else {
			base := s.census.join(w.census)
			for k := range w.traces {
				w.traces[k].seen += base
			}
		}
		for _, l := range w.links {
			s.links = append(s.links, traceLink{l.from + len(s.traces), l.to})
		}
		s.traces = append(s.traces, w.traces...)
		s.holds = append(s.holds, w.holds...)
		s.keys = append(s.keys, w.keys...)
	}
	s.sort()
	s.raised = make([]span.Threshold, len(s.traces))
	return s, nil
}

// columns returns the fields that are asked for of every chunk.
func (p *Policies) columns() []store.Field {
	columns := []store.Field{fieldState, fieldLinked}
	if p.flags {
		columns = append(columns, fieldFlags)
	}
	if p.sized {
		columns = append(columns, fieldName)
	}
	for _, k := range p.keyed {
		columns = append(columns, k.columns()...)
	}
	return columns
}

// sort puts the traces in the order of their keys.
func (s *slice) sort() {
	order := make([]int32, len(s.traces))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch ka, kb := s.traces[a].key, s.traces[b].key; {
		case ka < kb:
			return -1
		case ka > kb:
			return 1
		}
		return 0
	})
	words, keys := s.policies.words(), len(s.policies.keyed)
	sorted := slice{traces: make([]judgedTrace, 0, len(s.traces)), holds: make([]uint64, 0, len(s.holds)), keys: make([]uint64, 0, len(s.keys))}
	places := make([]int32, len(s.traces)) // where each has gone
	for at, i := range order {
		places[i] = int32(at)
		sorted.traces = append(sorted.traces, s.traces[i])
		sorted.holds = append(sorted.holds, s.holds[int(i)*words:int(i+1)*words]...)
		sorted.keys = append(sorted.keys, s.keys[int(i)*keys:int(i+1)*keys]...)
	}
	s.traces, s.holds, s.keys = sorted.traces, sorted.holds, sorted.keys
	for i := range s.links {
		s.links[i].from = int(places[s.links[i].from])
	}
}

// find returns the place of a trace, -1 if the slice does not have it.
func (s *slice) find(id span.TraceID) int {
	key := decisionKey(id)
	at, _ := slices.BinarySearchFunc(s.traces, key, func(t judgedTrace, key uint64) int {
		switch {
		case t.key < key:
			return -1
		case t.key > key:
			return 1
		}
		return 0
	})
	for ; at < len(s.traces) && s.traces[at].key == key; at++ {
		if s.traces[at].id == id {
			return at
		}
	}
	return -1
}

// judging is what one worker finds.
type judging struct {
	slice
	viewer
	starts store.TimeRange
	runs   []store.TraceRun
	sets   []store.Bitmap
	found  []bool
	sizes  []uint64 // bytes by row
	states stateCache
}

func (j *judging) chunk(c store.Chunk, rows traceql.RowsOf) error {
	traces, holds, keys, links := len(j.traces), len(j.holds), len(j.keys), len(j.links)
	seen := j.census.mark()
	err := j.look(c, rows)
	if err == nil {
		err = c.Err()
	}
	if err != nil { // what was made of the chunk is dropped
		j.traces, j.holds, j.keys, j.links = j.traces[:traces], j.holds[:holds], j.keys[:keys], j.links[:links]
		j.census.cut(seen)
	}
	return err
}

func (j *judging) look(c store.Chunk, rows traceql.RowsOf) error {
	j.runs = j.runs[:0]
	for _, run := range c.Traces() {
		if j.starts.Contains(run.Start) {
			j.runs = append(j.runs, run)
		}
	}
	if len(j.runs) == 0 {
		return nil
	}
	j.sets = j.sets[:0]
	for i := range j.policies.searches {
		set, err := rows(i)
		if err != nil {
			return err
		}
		j.sets = append(j.sets, set)
	}
	j.viewer.begin(c)
	if j.policies.sized {
		j.sizes = j.viewer.sizes(j.sizes)
	}
	state, flags, linked := c.Column(fieldState), j.flagsOf(c), c.Column(fieldLinked)
	j.states.begin(state)
	for _, run := range j.runs {
		t := judgedTrace{id: run.ID, key: decisionKey(run.ID), start: run.Start, spans: uint32(run.Hi - run.Lo)}
		t.before, t.own = j.states.of(state, run)
		t.random = t.own
		if j.policies.sized {
			for _, n := range j.sizes[run.Lo:run.Hi] {
				t.bytes += n
			}
		}
		j.judge(run, flags)
		if linked.Codes != nil {
			j.linksOf(c, linked, run)
		}
		if j.census != nil {
			t.seen = int32(len(j.census.traces))
			j.census.add(&j.viewer, run, state, &j.states, j.sizes)
		}
		j.traces = append(j.traces, t)
	}
	return nil
}

// judge finds the rules that hold for a trace, and its keys.
func (j *judging) judge(run store.TraceRun, flags *store.Column) {
	for i, set := range j.sets {
		next := set.Next(run.Lo)
		j.found[i] = next >= 0 && next < run.Hi
	}
	flagged := false
	if flags != nil {
		for row := run.Lo; row < run.Hi && !flagged; row++ {
			v, _ := flags.Value(row)
			flagged = v.Num&1 != 0
		}
	}
	at := len(j.holds)
	for range j.policies.words() {
		j.holds = append(j.holds, 0)
	}
	for i, r := range j.policies.rules {
		if r.when.holds(j.found, flagged) {
			j.holds[at+i/64] |= 1 << (i % 64)
		}
	}
	for _, k := range j.policies.keyed {
		j.keys = append(j.keys, k.key(&j.viewer, run))
	}
}

func (j *judging) flagsOf(c store.Chunk) *store.Column {
	if !j.policies.flags {
		return nil
	}
	return c.Column(fieldFlags)
}

func (j *judging) linksOf(c store.Chunk, linked *store.Column, run store.TraceRun) {
	for row := run.Lo; row < run.Hi; row++ {
		if linked.Codes[row] == store.NoCode {
			continue
		}
		c.Values(fieldLinked, row, func(v span.Value) bool {
			var to span.TraceID
			if copy(to[:], v.Str) == len(to) && to != run.ID {
				j.links = append(j.links, traceLink{len(j.traces), to})
			}
			return true
		})
	}
}

// stateCache reads trace states, each once.
type stateCache struct {
	dict  store.Values
	known []bool
	list  []knownState
}

type knownState struct {
	threshold span.Threshold
	text      string // if it may say a randomness
}

func (s *stateCache) begin(c *store.Column) {
	if c.Codes == nil || s.dict == c.Dict && len(s.known) == c.Dict.Len() {
		return
	}
	s.dict = c.Dict
	s.known = sized(s.known, c.Dict.Len())
	clear(s.known)
	s.list = sized(s.list, c.Dict.Len())
}

// of returns the greatest threshold that spans of a trace have, and the trace's randomness.
func (s *stateCache) of(c *store.Column, run store.TraceRun) (before span.Threshold, random uint64) {
	text := ""
	if c.Codes != nil {
		last := uint32(store.NoCode)
		for _, code := range c.Codes[run.Lo:run.Hi] {
			if code == last || code == store.NoCode {
				continue
			}
			last = code
			if !s.known[code] {
				s.known[code] = true
				state := c.Dict.At(code).Str
				s.list[code].text = ""
				if strings.Contains(state, "rv:") {
					s.list[code].text = state
				}
				s.list[code].threshold, _ = span.StateThreshold(state)
			}
			before = max(before, s.list[code].threshold)
			if text == "" {
				text = s.list[code].text
			}
		}
	}
	return before, span.Randomness(text, run.ID)
}

// sized returns memory for n elements, maybe that of list.
func sized[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	return list[:n]
}
