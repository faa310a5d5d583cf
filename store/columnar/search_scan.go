package columnar

import (
	"container/heap"
	"context"
	"math"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Scan implements store.Reader.
//
// Every head and every block is a stream of candidates: traces that seem to
// have a matching span, newest first. The streams are merged by a heap; a block
// that has not been looked into yet stands in it with the newest start that its
// next chunk can have, so chunks are read only as far as the answer reaches.
//
// A trace may lie in several places and match in one of them only. Whenever one
// is met, all its parts are brought together: its true start may put it further
// back, and the predicate is judged on the real rows.
func (e *Engine) Scan(ctx context.Context, tenant string, q *store.Query, yield func(*store.Match) bool) (*store.ScanResult, error) {
	after, err := parseCursor(q.After)
	if err != nil {
		return nil, err
	}
	s, err := e.snapshot(ctx, tenant)
	if err != nil || s == nil {
		return &store.ScanResult{}, err
	}
	defer s.release()
	sc := newScan(e, s, q, after)
	if err := sc.open(); err != nil {
		return nil, err
	}
	err = sc.run(ctx, yield)
	if err != nil {
		return nil, err
	}
	sc.result.Gaps = sc.gaps
	return &sc.result, nil
}

// position is a place in a scan's order.
type position struct {
	start uint64
	id    span.TraceID
}

func (p position) newer(o position) bool { return store.Newer(p.start, p.id, o.start, o.id) }

// beginning is before every trace.
var beginning = position{math.MaxUint64, span.TraceID{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}}

func parseCursor(c store.Cursor) (*position, error) {
	start, id, ok, err := c.Parse()
	if err != nil || !ok {
		return nil, err
	}
	return &position{start, id}, nil
}

// scan is one Scan under way.
type scan struct {
	e     *Engine
	s     *snapshot
	q     *store.Query
	where store.Predicate // compiled
	after *position
	want  *projection
	views viewsOf
	whole viewsOf // under everything, for traces with rows that may be repeated
	queue scanQueue
	// done holds the traces in several places that were answered or are deferred.
	done    map[span.TraceID]bool
	gaps    []string
	result  store.ScanResult
	yielded int
}

// stream yields candidates, newest first.
type stream interface {
	// advance moves on and returns the place of the next candidate, or, with ready false, an upper
	// bound for it; ok is false at the end.
	advance(ctx context.Context) (at position, ready, ok bool)
}

// scanEntry is an entry of the heap: a stream and where it stands, or, without
// one, a trace that turned out to be older than where it was met.
type scanEntry struct {
	at     position
	ready  bool
	stream stream
}

type scanQueue []scanEntry

func (q scanQueue) Len() int           { return len(q) }
func (q scanQueue) Less(i, j int) bool { return q[i].at.newer(q[j].at) }
func (q scanQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *scanQueue) Push(x any)        { *q = append(*q, x.(scanEntry)) }
func (q *scanQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

func newScan(e *Engine, s *snapshot, q *store.Query, after *position) *scan {
	sc := &scan{e: e, s: s, q: q, after: after, where: compile(q.Where), done: map[span.TraceID]bool{}, gaps: s.gaps}
	sc.want = projectionFor(sc.where, q.Columns)
	sc.views = viewsOf{sc.want, map[*block]*view{}}
	sc.whole = viewsOf{everything, map[*block]*view{}}
	return sc
}

// open fills the heap.
func (sc *scan) open() error {
	for _, h := range sc.s.heads {
		sc.queue = append(sc.queue, scanEntry{beginning, false, &headStream{sc: sc, v: h}})
	}
	for _, b := range sc.s.blocks {
		if !sc.q.Range.Overlaps(b.meta.MinStart, b.meta.MaxStart) {
			sc.result.Stats.ChunksSkipped += b.meta.Chunks
			continue
		}
		at := beginning
		at.start = b.meta.MaxTrace
		sc.queue = append(sc.queue, scanEntry{at, false, &blockStream{sc: sc, b: b}})
	}
	heap.Init(&sc.queue)
	return nil
}

func (sc *scan) run(ctx context.Context, yield func(*store.Match) bool) error {
	before := sc.e.cache.read.Load()
	defer func() { sc.result.Stats.BytesRead = sc.e.cache.read.Load() - before }()
	for len(sc.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		top := sc.queue[0]
		if top.stream == nil {
			heap.Pop(&sc.queue)
		} else if at, ready, ok := top.stream.advance(ctx); ok {
			sc.queue[0].at, sc.queue[0].ready = at, ready
			heap.Fix(&sc.queue, 0)
		} else {
			heap.Pop(&sc.queue)
		}
		if !top.ready {
			continue
		}
		m, err := sc.candidate(ctx, top)
		if err != nil {
			return err
		}
		if m == nil {
			continue
		}
		sc.yielded++
		sc.result.Next = store.MakeCursor(m.Start, m.TraceID)
		if !yield(m) || sc.yielded == sc.q.Limit {
			return nil
		}
	}
	sc.result.Next = ""
	return nil
}

// candidate brings a trace together and returns it if it is due here and matches.
func (sc *scan) candidate(ctx context.Context, top scanEntry) (*store.Match, error) {
	id := top.at.id
	if top.stream != nil && sc.done[id] {
		return nil, nil
	}
	places, err := sc.s.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	// What cannot be read now may be read when the trace is met again.
	single := places.count() == 1 && len(places.gaps) == len(sc.s.gaps)
	if single && sc.after != nil && !sc.after.newer(top.at) {
		return nil, nil // was answered before the cursor
	}
	p, err := places.load(&sc.views, sc.e.budget(id))
	if err != nil {
		return nil, err
	}
	sc.addGaps(p.gaps)
	if len(p.rows) == 0 {
		return nil, nil
	}
	if !single && top.stream != nil {
		sc.done[id] = true
		if p.start != top.at.start {
			heap.Push(&sc.queue, scanEntry{position{p.start, id}, true, nil})
			return nil, nil
		}
	}
	if sc.after != nil && !sc.after.newer(position{p.start, id}) {
		return nil, nil
	}
	if repeats(p.rows) { // only the full rows tell whether they are the same span
		if p, err = places.load(&sc.whole, sc.e.budget(id)); err != nil {
			return nil, err
		}
		sc.addGaps(p.gaps)
		p.rows = dedupe(p.rows)
	}
	return sc.match(id, p), nil
}

func (sc *scan) addGaps(gaps []string) {
	for _, g := range gaps {
		if !slices.Contains(sc.gaps, g) {
			sc.gaps = append(slices.Clip(sc.gaps), g)
		}
	}
}

// repeats reports whether two rows have the same start and span id.
func repeats(rows []rowRef) bool {
	for i := 1; i < len(rows); i++ {
		if compareRows(rows[i-1], rows[i]) == 0 {
			return true
		}
	}
	return false
}

// match judges the rows of a trace; it returns nil if none matches.
func (sc *scan) match(id span.TraceID, p *pieces) *store.Match {
	m := &store.Match{TraceID: id, Start: p.start}
	any := false
	for _, r := range p.rows {
		at := place{r.rs, int(r.row), -1, -1}
		start := r.rs.Starts[r.row]
		matched := sc.q.Range.Contains(start) && judge(sc.where, at)
		sc.result.Stats.Rows++
		any = any || matched
		if !matched && !sc.q.Whole {
			continue
		}
		row := store.Row{SpanID: r.rs.SpanIDs[r.row], Start: start, End: r.rs.Ends[r.row], Matched: matched}
		if len(sc.q.Columns) > 0 {
			row.Values = at.columns(sc.q.Columns)
		}
		m.Spans = append(m.Spans, row)
	}
	if !any {
		return nil
	}
	return m
}

// columns returns the values of fields.
func (at place) columns(fields []store.Field) [][]span.Value {
	out := make([][]span.Value, len(fields))
	for i, f := range fields {
		at.values(f, func(typ span.Type, bits uint64, b []byte) bool {
			v := span.Value{Type: typ, Num: bits}
			if typ.InDict() {
				v = span.Value{Type: typ, Str: string(b)}
			}
			out[i] = append(out[i], v)
			return true
		})
	}
	return out
}

// headStream yields the traces of a head that have a matching row.
type headStream struct {
	sc    *scan
	v     *headView
	begun bool
	found []position // a heap, newest first
}

type positionHeap []position

func (h positionHeap) Len() int           { return len(h) }
func (h positionHeap) Less(i, j int) bool { return h[i].newer(h[j]) }
func (h positionHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *positionHeap) Push(x any)        { *h = append(*h, x.(position)) }
func (h *positionHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func (h *headStream) advance(ctx context.Context) (position, bool, bool) {
	if !h.begun {
		h.begun = true
		h.search(ctx)
		heap.Init((*positionHeap)(&h.found))
	} else if len(h.found) > 0 {
		heap.Pop((*positionHeap)(&h.found))
	}
	if len(h.found) == 0 {
		return position{}, false, false
	}
	return h.found[0], true, true
}

func (h *headStream) search(ctx context.Context) {
	var traces []headFound
	for _, c := range h.v.chunks {
		if ctx.Err() != nil {
			return
		}
		for i := range c.Len() {
			at := int(c.traceOf[i])
			if at >= len(traces) {
				traces = append(traces, make([]headFound, at+1-len(traces)+at/4)...)
			}
			t := &traces[at]
			if t.id.IsZero() {
				t.id, t.start = c.TraceIDs[i], c.Starts[i]
			}
			t.start = min(t.start, c.Starts[i])
			t.matched = t.matched || h.sc.q.Range.Contains(c.Starts[i]) && judge(h.sc.where, place{&c.rowSet, i, -1, -1})
		}
		h.sc.result.Stats.Rows += uint64(c.Len())
	}
	for i := range traces {
		if t := &traces[i]; t.matched {
			h.found = append(h.found, t.position)
		}
	}
}

// headFound is a trace of a head as a view has it. (The head itself may meanwhile know an earlier start.)
type headFound struct {
	position
	matched bool
}

// blockStream yields the traces of a block that have a row which seems to match.
type blockStream struct {
	sc     *scan
	b      *block
	eval   *evaluator
	chunks []chunkInfo
	left   int        // chunks that are not looked into yet are 0 to left
	found  []position // of the chunk before, oldest first
}

func (s *blockStream) advance(context.Context) (position, bool, bool) {
	if s.eval == nil {
		if err := s.open(); err != nil {
			s.sc.addGaps([]string{err.Error()})
			return position{}, false, false
		}
	} else if len(s.found) > 0 {
		s.found = s.found[:len(s.found)-1]
	}
	for len(s.found) == 0 {
		s.skip()
		if s.left == 0 {
			return position{}, false, false
		}
		if at := s.bound(); len(s.sc.queue) > 1 && s.sc.others().newer(at) {
			return at, false, true // others are due first
		}
		s.left--
		if err := s.search(uint32(s.left)); err != nil {
			s.sc.addGaps([]string{err.Error()})
		}
	}
	return s.found[len(s.found)-1], true, true
}

// others returns the newest place in the heap behind its top.
func (sc *scan) others() position {
	at := sc.queue[1].at
	if len(sc.queue) > 2 && sc.queue[2].at.newer(at) {
		at = sc.queue[2].at
	}
	return at
}

func (s *blockStream) open() (err error) {
	if s.chunks, err = s.b.chunkTable(); err != nil {
		return err
	}
	s.left = len(s.chunks)
	s.eval, err = newEvaluator(s.b)
	return err
}

// skip passes over the chunks that cannot match, as far as indexes tell.
func (s *blockStream) skip() {
	for ; s.left > 0; s.left-- {
		c := &s.chunks[s.left-1]
		if s.sc.q.Range.Overlaps(c.minStart, c.maxStart) && s.eval.prune(s.sc.where, uint32(s.left-1)) != never {
			return
		}
		s.sc.result.Stats.ChunksSkipped++
	}
}

// bound returns a place that no trace of the next chunk is before.
func (s *blockStream) bound() position {
	at := beginning
	at.start = s.chunks[s.left-1].maxTrace
	return at
}

// search looks for candidates in a chunk.
func (s *blockStream) search(chunk uint32) error {
	info, v := &s.chunks[chunk], s.eval
	s.sc.result.Stats.ChunksRead++
	s.sc.result.Stats.Rows += uint64(info.rows)
	v.begin(chunk, int(info.rows))
	got := v.rows(s.sc.where, colSpan)
	if r := s.sc.q.Range; v.err == nil && !(r.Contains(info.minStart) && r.Contains(info.maxStart)) {
		within := v.onStarts(func(_ int, start uint64) bool { return r.Contains(start) })
		if got.rows == nil && got.all != never {
			got.rows = within.rows
		} else if got.rows != nil {
			got.rows.And(within.rows)
		}
	}
	if v.err != nil {
		err := v.err
		v.err = nil
		return err
	}
	if got.rows == nil && got.all == never || got.rows != nil && !got.rows.Any() {
		return nil
	}
	return s.collect(chunk, got.rows)
}

// collect appends the traces that have a row in rows (nil: any row).
func (s *blockStream) collect(chunk uint32, rows store.Bitmap) error {
	ids, err := s.b.ids(colTraceID, chunk, 16)
	if err != nil {
		return err
	}
	starts, err := s.b.ints(colTraceStart, chunk)
	if err != nil {
		return err
	}
	counts, err := s.b.ints(colTraceRows, chunk)
	if err != nil {
		return err
	}
	lo, n := 0, int(s.chunks[chunk].rows)
	for i := range min(len(ids)/16, len(starts), len(counts)) {
		hi := min(lo+int(counts[i]), n)
		for row := lo; row < hi; row++ {
			if rows == nil || rows.Has(row) {
				s.found = append(s.found, position{starts[i], span.TraceID(ids[16*i:])})
				break
			}
		}
		lo = hi
	}
	return nil
}
