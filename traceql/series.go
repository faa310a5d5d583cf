package traceql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/clewhq/clew/store"
)

// ErrRange is returned for SeriesOptions with a range that ends before it starts, or an instant
// query over no time at all.
var ErrRange = errors.New("the end of the range has to be behind its start")

// Series answers a metrics query. Errors are as those of Search, or ErrRange.
func (e *Engine) Series(ctx context.Context, tenant string, q *Query, opts SeriesOptions) (*SeriesResult, error) {
	if opts.End < opts.Start || opts.Instant && opts.End == opts.Start {
		return nil, ErrRange
	}
	if opts.Step == 0 || opts.Instant {
		opts.Step = DefaultStep(opts.End - opts.Start)
	}
	r := &seriesRun{query: q, opts: opts, at: makeIntervals(opts.Start, opts.End, opts.Step, opts.Instant)}
	if opts.FromStart && !opts.Instant {
		r.at = intervalsFrom(opts.Start, opts.End, opts.Step)
	}
	r.memory.shared = e.Shared
	defer r.memory.end()
	if err := r.compile(e.MemoryBytes); err != nil {
		return nil, err
	}
	found, err := r.look(ctx, e.Store, tenant)
	if err != nil {
		return nil, err
	}
	shares, err := r.merged()
	if err != nil {
		return nil, err
	}
	result, err := r.result(shares, &r.memory)
	if err != nil {
		return nil, err
	}
	result.Gaps, result.Stats = append(found.Gaps, result.Gaps...), found.Stats
	if err := describe(ctx, e.Store, tenant, result.Series); err != nil {
		return nil, err
	}
	return result, nil
}

// seriesRun is one call of Engine.Series.
type seriesRun struct {
	query   *Query
	opts    SeriesOptions
	at      intervals
	hints   seriesHints
	memory  seriesMemory
	planner planner
	leaves  []*leaf
	workers []*seriesWorker
}

// seriesWorker is what one worker has counted so far.
type seriesWorker struct {
	mu     sync.Mutex // for Progress, which reads the shares meanwhile
	env    *env
	shares []share     // of each leaf
	rows   []selection // of each leaf
}

// defaultMemoryBytes is Engine.MemoryBytes where nothing is said.
const defaultMemoryBytes = 512 << 20

func (r *seriesRun) compile(memory int64) error {
	if memory <= 0 {
		memory = defaultMemoryBytes
	}
	r.memory.limit = memory
	r.memory.left.Store(memory)
	need := 8 * int64(min(r.at.n, math.MaxInt32))
	if r.at.n > math.MaxInt32 {
		need = math.MaxInt64
	}
	if err := r.memory.take(need); err != nil {
		return fmt.Errorf("%d intervals: %w", r.at.n, err)
	}
	if err := r.compileLeaves(r.query.Metrics); err != nil {
		return err
	}
	r.hints = readSeriesHints(r.query.Hints, r.planner.traces, r.opts.Exemplars)
	if r.hints.extrapolate {
		r.planner.field(traceState)
	}
	for _, l := range r.leaves {
		l.exemplars = r.hints.exemplars / len(r.leaves)
	}
	return nil
}

// compileLeaves compiles the leaves of a part of the query. They share the planner, and so the look through the store.
func (r *seriesRun) compileLeaves(q Metrics) error {
	switch q := q.(type) {
	case *MetricsStage:
		return r.compileLeaves(q.Of)
	case *MetricsOp:
		if err := r.compileLeaves(q.L); err != nil {
			return err
		}
		return r.compileLeaves(q.R)
	case *Series:
		l := &leaf{query: q, by: distinctAttributes(q.By), at: &r.at, hints: &r.hints}
		r.leaves = append(r.leaves, l)
		return l.compile(&r.planner)
	}
	return nil
}

func (l *leaf) compile(p *planner) (err error) {
	if l.pipeline, err = p.pipeline(l.query.Pipeline); err != nil {
		return err
	}
	for _, a := range l.by {
		p.attribute(a)
	}
	if l.query.Attr != nil {
		p.attribute(l.query.Attr)
	}
	if l.query.Func == CompareFunc {
		return l.compileCompare(p)
	}
	return nil
}

// look counts the spans of the store.
func (r *seriesRun) look(ctx context.Context, from store.Reader, tenant string) (*store.ScanResult, error) {
	for range max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) {
		r.workers = append(r.workers, r.newWorker(ctx))
	}
	query := r.planner.chunkQuery(store.TimeRange{Start: r.at.first, End: r.at.last + 1}) // no bound if that wraps
	if r.opts.Progress != nil {
		query.Progress = func(p store.Progress) { r.opts.Progress(p, r.soFar) }
	}
	return from.Scan(ctx, tenant, query, func(worker int, c store.Chunk) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return r.observe(r.workers[worker], c)
	})
}

func (r *seriesRun) newWorker(ctx context.Context) *seriesWorker {
	w := &seriesWorker{env: r.planner.env()}
	w.env.ctx = ctx
	for _, l := range r.leaves {
		w.shares = append(w.shares, l.newShare(&r.memory))
		w.rows = append(w.rows, selection{at: &r.at, hints: &r.hints})
	}
	return w
}

// observe counts the spans of a chunk, for all leaves or, if something cannot be read, for none.
func (r *seriesRun) observe(w *seriesWorker, c store.Chunk) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.env.begin(c)
	for i, l := range r.leaves {
		rows, err := l.pipeline.rows(w.env)
		if err != nil {
			return dropped(c, err)
		}
		w.rows[i].begin(c, rows)
		if len(w.rows[i].rows) > 0 {
			w.shares[i].fetch(w.env)
		}
	}
	if c.Err() != nil {
		return nil
	}
	for i, s := range w.shares {
		if len(w.rows[i].rows) == 0 {
			continue
		}
		if err := s.observe(w.env, &w.rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// dropped returns the error of a look, unless it comes from the chunk: the store names that among the gaps.
func dropped(c store.Chunk, err error) error {
	if c.Err() != nil {
		return nil
	}
	return err
}

// merged returns what all workers have counted together.
func (r *seriesRun) merged() ([]share, error) {
	total := r.workers[0].shares
	for _, w := range r.workers[1:] {
		if err := w.addTo(total); err != nil {
			return nil, err
		}
		for _, s := range w.shares {
			s.release()
		}
		w.shares = nil
	}
	return total, nil
}

// addTo merges the worker's shares into others.
func (w *seriesWorker) addTo(shares []share) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.shares {
		if err := shares[i].merge(s); err != nil {
			return err
		}
	}
	return nil
}

// result returns the answer that shares of all leaves come to.
func (r *seriesRun) result(shares []share, memory *seriesMemory) (*SeriesResult, error) {
	m := metricsMath{leaves: map[*Series][]*TimeSeries{}, points: r.at.n, memory: memory}
	result := &SeriesResult{Times: r.at.times(), Step: r.at.step}
	for i, s := range shares {
		list, gaps, err := s.series()
		if err != nil {
			return nil, err
		}
		m.leaves[r.leaves[i].query] = list
		result.Gaps = append(result.Gaps, gaps...)
	}
	list, err := m.series(r.query.Metrics)
	if err != nil {
		return nil, err
	}
	sortTimeSeries(list)
	if n := r.opts.MaxSeries; n > 0 && len(list) > n {
		result.Gaps = append(result.Gaps, fmt.Sprintf("%d of %d series are left out", len(list)-n, len(list)))
		list = list[:n]
	}
	result.Series = list
	return result, nil
}

// soFar returns the answer from what has been counted until now, without the labels of exemplars; without any
// series if there is no memory for it.
func (r *seriesRun) soFar() *SeriesResult {
	memory := &seriesMemory{limit: r.memory.limit}
	memory.left.Store(r.memory.left.Load())
	shares := make([]share, len(r.leaves))
	for i, l := range r.leaves {
		shares[i] = l.newShare(memory)
	}
	for _, w := range r.workers {
		if err := w.addTo(shares); err != nil {
			return &SeriesResult{Times: r.at.times(), Step: r.at.step}
		}
	}
	result, err := r.result(shares, memory)
	if err != nil {
		return &SeriesResult{Times: r.at.times(), Step: r.at.step}
	}
	return result
}
