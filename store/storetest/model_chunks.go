package storetest

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

var _ store.Reader = (*Model)(nil)

// Scan implements store.Reader. It leaves out all that it may, unless
// m.Lax is set, and uses every liberty of a Chunk: rows of no trace, columns in
// all forms, dictionaries that chunks share or that repeat themselves. The same
// spans make the same chunks. What a chunk gave is spoilt when yield returns.
func (m *Model) Scan(ctx context.Context, tenant string, q *store.Query, yield func(worker int, c store.Chunk) error) (*store.ScanResult, error) {
	traces := m.traces(tenant) // before the spans, which others may be writing: there are none of a trace without any
	look := &modelLook{q: q, lax: m.Lax, spans: m.Spans(tenant), dicts: map[store.Field]*modelDict{}}
	plan := look.plan(traces)
	look.progress.Total = uint64(len(plan))
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for worker := range min(2, runtime.NumCPU(), runtime.GOMAXPROCS(0)) {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(plan)) {
					return nil
				}
				c := look.chunk(plan[i], uint64(i))
				if err := yield(worker, c); err != nil {
					return err
				}
				c.spoil()
				look.done(c)
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &store.ScanResult{Stats: look.progress.Stats}, nil
}

// modelLook is one call of Scan.
type modelLook struct {
	q     *store.Query
	lax   bool
	spans []*span.Span

	mu    sync.Mutex // of dicts
	dicts map[store.Field]*modelDict

	// telling is held while Progress is told, which may wait for calls of yield.
	telling  sync.Mutex
	progress store.Progress
}

// plan says which traces, or parts of traces, come in each chunk.
func (l *modelLook) plan(traces []*modelTrace) [][]*modelTrace {
	rng := rand.New(rand.NewPCG(uint64(len(l.spans)), 1))
	var chunks [][]*modelTrace
	for _, t := range traces {
		for i, part := range l.split(rng, t) {
			if i > 0 || len(chunks) == 0 || rng.IntN(3) == 0 {
				chunks = append(chunks, nil)
			}
			last := &chunks[len(chunks)-1]
			*last = append(*last, part)
		}
	}
	for i := 1; i < len(chunks); i++ {
		if rng.IntN(4) == 0 { // only roughly newest first
			chunks[i-1], chunks[i] = chunks[i], chunks[i-1]
		}
	}
	return chunks
}

// split cuts a trace where a look at each span may.
func (l *modelLook) split(rng *rand.Rand, t *modelTrace) []*modelTrace {
	if !l.q.EachSpan || l.lax || rng.IntN(2) == 0 {
		return []*modelTrace{t}
	}
	parts := make([]*modelTrace, 3)
	for i := range parts {
		parts[i] = &modelTrace{id: t.id}
	}
	for _, s := range t.spans {
		p := parts[rng.IntN(len(parts))]
		p.spans = append(p.spans, s)
	}
	return slices.DeleteFunc(parts, func(p *modelTrace) bool { return len(p.spans) == 0 })
}

// leavesOut reports whether the query allows to leave t out.
func (l *modelLook) leavesOut(t *modelTrace) bool {
	if l.lax {
		return false
	}
	inRange := func(s *span.Span) bool { return l.q.Range.Contains(s.Start) }
	lacks := func(p store.Predicate) bool {
		return !slices.ContainsFunc(t.spans, func(s *span.Span) bool { return Judge(p, s) })
	}
	return !slices.ContainsFunc(t.spans, inRange) || slices.ContainsFunc(l.q.Needs, lacks) ||
		l.q.Before != 0 && t.start() > l.q.Before || l.q.Enough != nil && t.start() < l.q.Enough() ||
		l.q.EnoughSpans != nil && t.spans[len(t.spans)-1].Start < l.q.EnoughSpans()
}

// done counts a chunk and tells how far the look has come.
func (l *modelLook) done(c *modelChunk) {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.progress.Done++
	l.progress.Stats.Blocks = 1
	l.progress.Stats.Rows += uint64(c.live.Count())
	if len(c.runs) == 0 {
		l.progress.Stats.ChunksSkipped++
	} else {
		l.progress.Stats.ChunksRead++
	}
	if l.q.Progress != nil {
		l.q.Progress(l.progress)
	}
}

// dict returns the values of a field on all spans, for all chunks of the look to share.
func (l *modelLook) dict(f store.Field) *modelDict {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.dicts[f]
	if d == nil {
		d = &modelDict{codes: map[span.Value]uint32{}}
		l.dicts[f] = d
		for _, s := range l.spans {
			for _, v := range Values(f, s) {
				d.code(v, false)
			}
		}
	}
	return d
}

// modelDict is a list of values.
type modelDict struct {
	values []span.Value
	codes  map[span.Value]uint32
}

func (d *modelDict) Len() int                  { return len(d.values) }
func (d *modelDict) At(code uint32) span.Value { return d.values[code] }

// code returns the code of v, a new one if it has none or if the list is to repeat itself.
func (d *modelDict) code(v span.Value, repeat bool) uint32 {
	code, ok := d.codes[v]
	if !ok || repeat {
		code = uint32(len(d.values))
		d.values = append(d.values, v)
		d.codes[v] = code
	}
	return code
}

// modelChunk implements store.Chunk.
type modelChunk struct {
	look    *modelLook
	rng     *rand.Rand // of the liberties that are taken
	rows    []*span.Span
	runs    []store.TraceRun
	live    store.Bitmap
	starts  []uint64
	ends    []uint64
	ids     []span.SpanID
	parents []int32
	given   []*store.Column
	sets    []store.Bitmap
}

// chunk makes a chunk of some traces, and of spans that are in none.
func (l *modelLook) chunk(traces []*modelTrace, n uint64) *modelChunk {
	c := &modelChunk{look: l, rng: rand.New(rand.NewPCG(uint64(len(l.spans)), n))}
	for _, t := range traces {
		for c.rng.IntN(3) == 0 {
			c.rows = append(c.rows, l.spans[c.rng.IntN(len(l.spans))])
		}
		out := l.leavesOut(t)
		if out && c.rng.IntN(2) == 0 {
			continue
		}
		lo := len(c.rows)
		c.rows = append(c.rows, t.spans...)
		if !out {
			c.runs = append(c.runs, store.TraceRun{ID: t.id, Start: t.start(), Lo: lo, Hi: len(c.rows)})
		}
	}
	for c.rng.IntN(3) == 0 {
		c.rows = append(c.rows, l.spans[c.rng.IntN(len(l.spans))])
	}
	c.fill()
	return c
}

// fill makes the columns that every chunk has.
func (c *modelChunk) fill() {
	c.live = store.NewBitmap(len(c.rows))
	for row, s := range c.rows {
		c.starts = append(c.starts, s.Start)
		c.ends = append(c.ends, s.End)
		c.ids = append(c.ids, s.SpanID)
		c.parents = append(c.parents, int32(row)) // which makes no sense on a row of no trace
	}
	for _, run := range c.runs {
		byID := map[span.SpanID]int32{}
		for row := run.Lo; row < run.Hi; row++ {
			c.live.Set(row)
			if _, ok := byID[c.ids[row]]; !ok || c.rng.IntN(2) == 0 {
				byID[c.ids[row]] = int32(row)
			}
		}
		for row := run.Lo; row < run.Hi; row++ {
			parent, ok := byID[c.rows[row].Parent]
			switch {
			case c.rows[row].Parent.IsZero():
				parent = store.NoParent
			case !ok:
				parent = store.LostParent
			}
			c.parents[row] = parent
		}
	}
}

func (c *modelChunk) Len() int                 { return len(c.rows) }
func (c *modelChunk) Traces() []store.TraceRun { return c.runs }
func (c *modelChunk) Live() store.Bitmap       { return c.live }
func (c *modelChunk) Starts() []uint64         { return c.starts }
func (c *modelChunk) Ends() []uint64           { return c.ends }
func (c *modelChunk) SpanIDs() []span.SpanID   { return c.ids }
func (c *modelChunk) Parents() []int32         { return c.parents }
func (c *modelChunk) Err() error               { return nil }

// Bounds returns the earliest and the latest start of the rows of traces; lo > hi if there are none.
func (c *modelChunk) Bounds() (lo, hi uint64) {
	lo = math.MaxUint64
	for row := c.live.Next(0); row >= 0; row = c.live.Next(row + 1) {
		lo, hi = min(lo, c.starts[row]), max(hi, c.starts[row])
	}
	return lo, hi
}

func (c *modelChunk) Where(i int) store.Bitmap {
	set := store.NewBitmap(len(c.rows))
	for row := c.live.Next(0); row >= 0; row = c.live.Next(row + 1) {
		if Judge(c.look.q.Where[i], c.rows[row]) {
			set.Set(row)
		}
	}
	c.sets = append(c.sets, set)
	return set
}

func (c *modelChunk) Values(f store.Field, row int, yield func(span.Value) bool) {
	for _, v := range Values(f, c.rows[row]) {
		if !yield(v) {
			return
		}
	}
}

// Attributes names what rows of no trace have too.
func (c *modelChunk) Attributes() []store.Field {
	var list []store.Field
	var seen attributeSet
	for _, s := range c.rows {
		for _, scope := range anyScope {
			for _, kvs := range attrLists(scope, s) {
				for _, kv := range kvs {
					if seen.add(scope, kv.Key) {
						list = append(list, store.Attr(scope, kv.Key))
					}
				}
			}
		}
	}
	return list
}

// attributeSet has keys by scope.
type attributeSet [store.IntrinsicScope]map[string]bool

// add reports whether the key is new in its scope.
func (a *attributeSet) add(scope store.Scope, key string) bool {
	if a[scope][key] {
		return false
	}
	if a[scope] == nil {
		a[scope] = map[string]bool{}
	}
	a[scope][key] = true
	return true
}

// Column takes numbers, codes of the chunk's own, or codes that the look shares.
func (c *modelChunk) Column(f store.Field) *store.Column {
	first := make([]span.Value, len(c.rows))
	has := store.NewBitmap(len(c.rows))
	types := map[span.Type]bool{}
	for row := c.live.Next(0); row >= 0; row = c.live.Next(row + 1) {
		if values := Values(f, c.rows[row]); len(values) > 0 {
			first[row] = values[0]
			has.Set(row)
			types[values[0].Type] = true
		}
	}
	column := &store.Column{}
	switch {
	case len(types) == 0 && c.rng.IntN(2) == 0:
	case len(types) == 1 && (types[span.Int] || types[span.Float] || types[span.Bool]) && c.rng.IntN(2) == 0:
		c.asNumbers(column, first, has)
	default:
		c.asCodes(column, f, first, has)
	}
	c.given = append(c.given, column)
	return column
}

func (c *modelChunk) asNumbers(column *store.Column, first []span.Value, has store.Bitmap) {
	column.Nums = make([]uint64, len(c.rows))
	for row, v := range first {
		if has.Has(row) {
			column.Type, column.Nums[row] = v.Type, v.Num
		} else {
			column.Nums[row] = c.rng.Uint64()
		}
	}
	if has.Count() < c.live.Count() || c.rng.IntN(2) == 0 {
		column.Has = has
	}
}

func (c *modelChunk) asCodes(column *store.Column, f store.Field, first []span.Value, has store.Bitmap) {
	dict, repeat := &modelDict{codes: map[span.Value]uint32{}}, c.rng.IntN(2) == 0
	if c.rng.IntN(2) == 0 {
		dict, repeat = c.look.dict(f), false
	}
	column.Dict = dict
	column.Codes = make([]uint32, len(c.rows))
	for row, v := range first {
		switch {
		case has.Has(row):
			column.Codes[row] = dict.code(v, repeat)
		case !c.live.Has(row) && dict.Len() > 0:
			column.Codes[row] = c.rng.Uint32N(uint32(dict.Len()))
		default:
			column.Codes[row] = store.NoCode
		}
	}
}

// spoil changes all that the chunk gave, so that who holds on to it is found out.
func (c *modelChunk) spoil() {
	for row := range c.rows {
		c.starts[row], c.ends[row], c.parents[row], c.ids[row] = 0xdead, 0xdead, math.MinInt32, span.SpanID{0xde, 0xad}
	}
	clear(c.live)
	for i := range c.runs {
		c.runs[i] = store.TraceRun{}
	}
	for _, set := range c.sets {
		clear(set)
	}
	for _, column := range c.given {
		clear(column.Nums)
		clear(column.Has)
		for i := range column.Codes {
			column.Codes[i] = store.NoCode
		}
	}
}
