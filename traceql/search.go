package traceql

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/clewhq/clew/store"
)

// Limits of a search where SearchOptions say nothing.
const (
	defaultLimit       = 20
	defaultSpansPerSet = 3
)

// Search answers a search. The error is the context's, wraps store.ErrTooLarge or store.ErrCursor, is an
// *Error (what only turns out when the query is run), or one of the store.
func (e *Engine) Search(ctx context.Context, tenant string, q *Query, opts SearchOptions) (*SearchResult, error) {
	s, err := newSearch(q, opts, e.MemoryBytes)
	if err != nil {
		return nil, err
	}
	s.top.shared = e.Shared
	defer s.top.end()
	envs := make([]*env, workers())
	ended, err := e.Store.Scan(ctx, tenant, s.chunkQuery(), func(worker int, c store.Chunk) error {
		if envs[worker] == nil {
			envs[worker] = s.plan.env()
			envs[worker].ctx = ctx
		}
		envs[worker].begin(c)
		s.looked.Add(uint64(len(c.Traces())))
		return s.observe(envs[worker])
	})
	if err != nil {
		return nil, err
	}
	result := s.result()
	result.Gaps, result.Stats = ended.Gaps, ended.Stats
	return result, nil
}

// searchRun is one call of Engine.Search.
type searchRun struct {
	opts     SearchOptions
	plan     *planner
	pipeline *pipeline
	wanted   []field // of the spans of the answer
	after    *place  // nil: from the first
	top      top
	looked   atomic.Uint64 // traces
}

func newSearch(q *Query, opts SearchOptions, memory int64) (*searchRun, error) {
	if q.Search == nil {
		return nil, newError(q.String(), 0, "a metrics query gives series: it cannot be searched for")
	}
	if memory <= 0 {
		memory = defaultMemoryBytes
	}
	s := &searchRun{opts: opts, plan: &planner{traces: true}}
	s.opts.SpansPerSet = limitOf(opts.SpansPerSet, defaultSpansPerSet)
	s.top = top{order: opts.Order, limit: limitOf(opts.Limit, defaultLimit), memory: memory}
	var err error
	if opts.After != "" {
		if opts.Slowest {
			return nil, fmt.Errorf("%w: a search for the slowest has none", store.ErrCursor)
		}
		if s.after, err = parseCursor(opts.After, opts.Spans, opts.Order); err != nil {
			return nil, err
		}
	}
	if s.pipeline, err = s.plan.pipeline(q.Search); err != nil {
		return nil, err
	}
	s.plan.structural()
	s.plan.field(store.Of(store.Name))
	s.plan.field(store.Of(store.Status))
	s.plan.field(serviceName)
	for _, a := range mentionedBy(q.Search) {
		s.wanted = append(s.wanted, field{a.String(), s.plan.slot(a)})
	}
	return s, nil
}

func (s *searchRun) chunkQuery() *store.Query {
	q := s.plan.chunkQuery(s.opts.Range)
	if s.after != nil && s.top.order.newestFirst() {
		q.Before = s.after.start
	}
	switch {
	case s.opts.Slowest, !s.top.order.newestFirst(): // what starts early may come first
	case s.opts.Spans:
		q.EnoughSpans = s.top.enough
	default:
		q.Enough = s.top.enough
	}
	if s.opts.Progress != nil {
		q.Progress = func(p store.Progress) { s.opts.Progress(p, s.result) }
	}
	return q
}

// result returns what was found so far.
func (s *searchRun) result() *SearchResult {
	list, more := s.top.sorted()
	result := &SearchResult{Looked: s.looked.Load()}
	for _, f := range list {
		if s.opts.Spans {
			result.Spans = append(result.Spans, *f.span)
		} else {
			result.Traces = append(result.Traces, f.trace)
		}
	}
	if more && len(list) > 0 && !s.opts.Slowest {
		result.Next = list[len(list)-1].cursor(s.opts.Spans, s.opts.Order)
	}
	return result
}

// observe looks at a chunk.
func (s *searchRun) observe(e *env) error {
	rows := s.candidates(e)
	if !rows.Any() {
		return e.err()
	}
	sets := s.pipeline.spansets(e, rows)
	s.cutToRange(e, sets.rows)
	a := finder{searchRun: s, env: e, sets: sets}
	var err error
	if s.opts.Spans {
		err = a.spans()
	} else {
		err = a.traces()
	}
	if failed := e.err(); failed != nil {
		return failed
	}
	return err
}

// candidates returns the rows of the traces that can get into the answer.
func (s *searchRun) candidates(e *env) store.Bitmap {
	rows := e.copyOf(e.chunk.Live())
	if s.after == nil && s.top.worst.Load() == nil && s.opts.Range == (store.TimeRange{}) {
		return rows // all do
	}
	for _, run := range e.chunk.Traces() {
		if !s.isCandidate(e, run) {
			rows.ClearRange(run.Lo, run.Hi)
		}
	}
	return rows
}

func (s *searchRun) isCandidate(e *env, run store.TraceRun) bool {
	if s.opts.Range != (store.TimeRange{}) && !s.opts.Range.Overlaps(run.Start, e.chunk.Starts()[run.Hi-1]) {
		return false
	}
	if s.opts.Slowest {
		return true
	}
	p := place{start: run.Start, trace: run.ID}
	switch {
	case s.opts.Order != nil:
		return !s.top.order.newestFirst() || e.chunk.Starts()[run.Hi-1] >= s.top.enough()
	case s.opts.Spans:
		p = latestSpan(e.chunk.Starts()[run.Hi-1], run.ID)
		return s.top.takes(&p)
	}
	return s.top.takes(&p) && s.isBehind(&p)
}

// isBehind reports whether p is on the page that was asked for, or one behind it.
func (s *searchRun) isBehind(p *place) bool {
	return s.after == nil || s.top.order.compare(s.after, p) < 0
}

// cutToRange takes the rows away that do not start in the range of the search.
func (s *searchRun) cutToRange(e *env, rows store.Bitmap) {
	if s.opts.Range == (store.TimeRange{}) || !rows.Any() {
		return
	}
	starts := e.chunk.Starts()
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if !s.opts.Range.Contains(starts[row]) {
			rows.Clear(row)
		}
	}
}

// mentionedBy returns the attributes that filters and select() of a pipeline mention, each once, in order.
func mentionedBy(p *Pipeline) []*Attribute {
	m := mentions{seen: map[Attribute]bool{}}
	m.pipeline(p)
	return m.list
}

type mentions struct {
	seen map[Attribute]bool
	list []*Attribute
}

func (m *mentions) attribute(a *Attribute) {
	key := *a
	key.Pos = 0
	if !m.seen[key] {
		m.seen[key] = true
		m.list = append(m.list, &key)
	}
}

func (m *mentions) pipeline(p *Pipeline) {
	for _, s := range p.Stages {
		m.stage(s)
	}
}

func (m *mentions) stage(s Stage) {
	switch s := s.(type) {
	case *Filter:
		m.expr(s.Body)
	case *SpansetOp:
		m.stage(s.L)
		m.stage(s.R)
	case *Pipeline:
		m.pipeline(s)
	case *Select:
		for _, a := range s.Fields {
			m.attribute(a)
		}
	case *ScalarFilter:
		m.scalar(s.L)
		m.scalar(s.R)
	}
}

func (m *mentions) scalar(s Scalar) {
	switch s := s.(type) {
	case *ScalarOp:
		m.scalar(s.L)
		m.scalar(s.R)
	case *ScalarPipeline:
		m.pipeline(s.Pipeline)
		m.scalar(s.Value)
	}
}

func (m *mentions) expr(x Expr) {
	switch x := x.(type) {
	case *Attribute:
		m.attribute(x)
	case *Unary:
		m.expr(x.X)
	case *Binary:
		m.expr(x.L)
		m.expr(x.R)
	}
}
