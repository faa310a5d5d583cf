package columnar

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Scan implements store.Reader.
//
// What there is to look at stands in a heap, newest first: each block with the
// newest start that a trace of its next chunk can have, the split traces one by
// one with their true start, and the heads before all others. Workers, one for
// each CPU, take from it. A chunk of a block is first pruned from the indexes
// of columns; what the query needs is then evaluated to bitmaps; only if all of
// it is there the chunk is handed on, and the rest is decoded as it is asked for.
// The rows of split traces are left out of the chunks of blocks: they are brought together
// in chunks made of rows, as the traces of a head are.
func (e *Engine) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	return e.scan(ctx, tenant, nil, q, yield)
}

// scan looks at the traces that have a span in one of the blocks only; nil means all traces.
func (e *Engine) scan(ctx context.Context, tenant string, only []*block, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	s, err := e.snapshot(ctx, tenant)
	if err != nil || s == nil {
		return &store.ScanResult{}, err
	}
	defer s.release()
	l := newLook(e, s, q, yield)
	l.only = only
	l.open()
	if err := l.run(ctx); err != nil {
		return nil, err
	}
	for _, w := range l.queue { // what was not reached
		if w.block != nil {
			l.stats.ChunksSkipped += uint64(w.block.left)
		}
	}
	slices.Sort(l.gaps)
	return &store.ScanResult{Gaps: l.gaps, Stats: l.stats}, nil
}

// position is a trace's place in the order of time.
type position struct {
	start uint64
	id    span.TraceID
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

// look is one call of Scan under way.
type look struct {
	e     *Engine
	s     *snapshot
	q     *store.Query
	yield func(int, store.Chunk) error
	where []store.Predicate // compiled
	needs []need
	want  *projection // all that the query names
	only  []*block    // unless nil, traces that have no span in one of them are left out

	// ofBlocks are the traces that are split over blocks, ofHeads those that heads have something of.
	ofBlocks, ofHeads *splitSet

	mu    sync.Mutex // guards what follows
	queue lookQueue
	gaps  []string
	stats store.ScanStats
	done  uint64 // chunks
	total uint64

	telling sync.Mutex // held while Progress is told
	told    time.Time  // when that was last; guarded by telling
}

// need is a predicate of Query.Needs.
type need struct {
	p  store.Predicate // compiled
	at int             // the same one in Query.Where, or -1
}

// work is something to look at: one of head, block and splits.
type work struct {
	newest uint64 // no trace of it starts later
	head   *headView
	block  *blockWork
	splits []*splitTrace
}

// blockWork is the rest of a block: chunks 0 to left.
type blockWork struct {
	b      *block
	chunks []chunkInfo
	left   int
}

type lookQueue []work

func (q lookQueue) Len() int           { return len(q) }
func (q lookQueue) Less(i, j int) bool { return q[i].newest > q[j].newest }
func (q lookQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *lookQueue) Push(x any)        { *q = append(*q, x.(work)) }
func (q *lookQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

func newLook(e *Engine, s *snapshot, q *store.Query, yield func(int, store.Chunk) error) *look {
	l := &look{e: e, s: s, q: q, yield: yield, gaps: slices.Clone(s.gaps)}
	l.want = projectionFor(nil, q.Columns)
	at := map[string]int{}
	for i, p := range q.Where {
		compiled := compile(p)
		fieldsOf(compiled, l.want.add)
		l.where = append(l.where, compiled)
		if p != nil {
			at[p.String()] = i
		}
	}
	for _, p := range q.Needs {
		if p == nil {
			continue
		}
		n := need{at: -1}
		if i, ok := at[p.String()]; ok {
			n.p, n.at = l.where[i], i
		} else {
			n.p = compile(p)
		}
		fieldsOf(n.p, l.want.add)
		l.needs = append(l.needs, n)
	}
	// What says more is asked first: most often it decides.
	slices.SortStableFunc(l.needs, func(a, b need) int { return conjuncts(b.p) - conjuncts(a.p) })
	return l
}

func conjuncts(p store.Predicate) int {
	and, ok := p.(store.And)
	if !ok {
		return 1
	}
	return len(and)
}

// open fills the heap.
func (l *look) open() {
	heads, blocks := l.s.heads, l.s.blocks
	if l.only != nil {
		heads, blocks = nil, slices.DeleteFunc(slices.Clone(blocks), func(b *block) bool { return !slices.Contains(l.only, b) })
	}
	for _, h := range heads {
		l.queue = append(l.queue, work{newest: math.MaxUint64, head: h})
		l.total++
		l.stats.Blocks++
	}
	for _, b := range blocks {
		if !l.q.Range.Overlaps(b.meta.MinStart, b.meta.MaxStart) {
			l.stats.ChunksSkipped += b.meta.Chunks
			continue
		}
		l.stats.Blocks++
		chunks, err := b.chunkTable()
		if err != nil {
			l.gap(err)
			continue
		}
		if len(chunks) > 0 {
			l.queue = append(l.queue, work{newest: b.meta.MaxTrace, block: &blockWork{b, chunks, len(chunks)}})
			l.total += uint64(len(chunks))
		}
	}
	l.openSplits()
	heap.Init(&l.queue)
}

// splitsTogether is how many split traces are brought together for one chunk, at most.
const splitsTogether = 64

func (l *look) openSplits() {
	var gaps []string
	l.s.t.splits.idle.Store(false)
	l.ofBlocks, l.ofHeads, gaps = l.s.splits()
	l.gaps = append(l.gaps, gaps...)
	for _, set := range []*splitSet{l.ofBlocks, l.ofHeads} {
		list := set.list
		if l.only != nil {
			list = slices.DeleteFunc(slices.Clone(list), func(t *splitTrace) bool { return !t.liesIn(l.only) })
		}
		for part := range slices.Chunk(list, splitsTogether) {
			l.queue = append(l.queue, work{newest: part[0].start, splits: part})
			l.total++
		}
	}
}

// apart returns the traces of a chunk that are brought together elsewhere, ascending.
func (l *look) apart(b *block, chunk uint32) []uint32 {
	blocks := l.ofBlocks.apart[b][chunk]
	if l.q.EachSpan {
		blocks = l.ofBlocks.eachSpan[b][chunk]
	}
	heads := l.ofHeads.apart[b][chunk]
	if len(heads) == 0 {
		return blocks
	}
	all := slices.Concat(blocks, heads)
	slices.Sort(all)
	return slices.Compact(all)
}

func (l *look) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range min(runtime.GOMAXPROCS(0), int(l.total)) {
		w := newLooker(l, i)
		g.Go(func() error { return w.run(ctx) })
	}
	return g.Wait()
}

// take returns the newest that there is to look at; of a block the chunks from lo to below hi, which are
// one or, if what is made of them may be kept, the rest of a part.
func (l *look) take() (w work, lo, hi uint32, ok bool) {
	enough := uint64(0)
	if l.q.Enough != nil {
		enough = l.q.Enough()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 || l.queue[0].newest < enough {
		return w, 0, 0, false
	}
	w = l.queue[0]
	if w.block == nil {
		l.done++
		heap.Pop(&l.queue)
		return w, 0, 0, true
	}
	hi = uint32(w.block.left)
	lo = hi - 1
	if l.q.Keep != nil {
		lo = partBelow(hi)
	}
	w.block.left = int(lo)
	l.done += uint64(hi - lo)
	if w.block.left == 0 {
		heap.Pop(&l.queue)
	} else {
		l.queue[0].newest = w.block.chunks[w.block.left-1].maxTrace
		heap.Fix(&l.queue, 0)
	}
	return w, lo, hi, true
}

// gap notes what could not be read.
func (l *look) gap(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text := err.Error(); !slices.Contains(l.gaps, text) {
		l.gaps = append(l.gaps, text)
	}
}

// progressInterval is how often Progress is told.
const progressInterval = 100 * time.Millisecond

// tell tells how far the look has come, if it is time.
func (l *look) tell() {
	if l.q.Progress == nil || !l.telling.TryLock() {
		return
	}
	defer l.telling.Unlock()
	if time.Since(l.told) < progressInterval {
		return
	}
	l.mu.Lock()
	p := store.Progress{Done: l.done, Total: l.total, Stats: l.stats}
	l.mu.Unlock()
	l.q.Progress(p)
	l.told = time.Now()
}

// looker is a worker.
type looker struct {
	*look
	number int
	evals  map[*block]*evaluator
	views  viewsOf
	whole  viewsOf // under everything: to compare repeated rows, and for fields that were not announced
	block  blockChunk
	rows   rowsChunk
	own    store.ScanStats // not yet added to those of the look
	failed int             // chunks that could not be read
}

func newLooker(l *look, number int) *looker {
	return &looker{look: l, number: number, evals: map[*block]*evaluator{},
		views: viewsOf{l.want, map[*block]*view{}}, whole: viewsOf{everything, map[*block]*view{}}}
}

func (w *looker) run(ctx context.Context) error {
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		unit, lo, hi, ok := w.take()
		if !ok {
			break
		}
		var err error
		switch {
		case unit.head != nil:
			err = w.lookAtHead(ctx, unit.head)
		case unit.block != nil && w.q.Keep != nil:
			err = w.lookAtPart(unit.block, lo, hi)
		case unit.block != nil:
			err = w.lookAtChunk(unit.block, lo)
		default:
			err = w.lookAtSplits(unit.splits)
		}
		if err != nil {
			return err
		}
		if n%16 == 15 {
			w.settle()
			w.tell()
		}
	}
	w.settle()
	return nil
}

// settle adds what the worker counted to the statistics of the look.
func (w *looker) settle() {
	for _, v := range w.evals {
		w.own.BytesRead += v.read
		v.read = 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Rows += w.own.Rows
	w.stats.ChunksRead += w.own.ChunksRead
	w.stats.ChunksSkipped += w.own.ChunksSkipped
	w.stats.BytesRead += w.own.BytesRead
	w.own = store.ScanStats{}
}

func (w *looker) eval(b *block) (*evaluator, error) {
	if v := w.evals[b]; v != nil {
		return v, nil
	}
	v, err := newEvaluator(b)
	if err == nil {
		w.evals[b] = v
	}
	return v, err
}

// lookAtChunk looks at a chunk of a block.
func (w *looker) lookAtChunk(unit *blockWork, chunk uint32) error {
	info := &unit.chunks[chunk]
	if !w.recent(info) || !w.q.Range.Overlaps(info.minStart, info.maxStart) || w.q.Before != 0 && info.minTrace > w.q.Before {
		w.own.ChunksSkipped++
		return nil
	}
	v, err := w.eval(unit.b)
	if err != nil {
		w.failed++
		w.gap(err)
		return nil
	}
	v.begin(chunk, int(info.rows))
	if w.pruned(v, chunk) {
		w.own.ChunksSkipped++
		return nil
	}
	w.own.ChunksRead++
	w.own.Rows += uint64(info.rows)
	c := &w.block
	c.begin(w, v, info, w.apart(unit.b, chunk))
	if c.due() {
		err = w.yield(w.number, c)
	}
	if failed := c.Err(); failed != nil {
		w.failed++
		w.gap(failed)
	}
	return err
}

// recent reports whether a span of the chunk may start late enough.
func (w *looker) recent(info *chunkInfo) bool {
	return w.q.EnoughSpans == nil || info.maxStart >= w.q.EnoughSpans()
}

// pruned reports whether indexes tell that a need holds on no span of the chunk.
func (w *looker) pruned(v *evaluator, chunk uint32) bool {
	for _, n := range w.needs {
		if v.prune(n.p, chunk) == never {
			return v.err == nil
		}
	}
	return false
}

// lookAtSplits brings split traces together.
func (w *looker) lookAtSplits(list []*splitTrace) error {
	c := &w.rows
	c.begin(w)
	for _, t := range list {
		if w.q.Enough != nil && t.start < w.q.Enough() {
			break // as are all that follow
		}
		elsewhere := w.q.EachSpan && t.joined || len(t.heads) == 0 && w.ofHeads.traces[t.id] != nil
		if elsewhere || !w.possible(t) {
			continue
		}
		if err := w.addSplit(c, t); err != nil {
			return err
		}
	}
	return w.yieldRows(c)
}

// possible reports whether indexes leave it open that a split trace is wanted.
func (w *looker) possible(t *splitTrace) bool {
	if w.q.Before != 0 && t.start > w.q.Before {
		return false
	}
	in := len(t.heads) > 0
	for _, r := range t.runs {
		chunks, err := r.b.chunkTable()
		in = in || err != nil || w.q.Range.Overlaps(chunks[r.chunk].minStart, chunks[r.chunk].maxStart) && w.recent(&chunks[r.chunk])
	}
	if !in {
		return false
	}
	for _, n := range w.needs {
		found := len(t.heads) > 0
		for _, r := range t.runs {
			if found {
				break
			}
			v, err := w.eval(r.b)
			found = err != nil || v.prune(n.p, r.chunk) != never || v.err != nil
		}
		if !found {
			return false
		}
	}
	return true
}

// liesIn reports whether one of the blocks has a part of the trace.
func (t *splitTrace) liesIn(blocks []*block) bool {
	return slices.ContainsFunc(t.runs, func(r splitRun) bool { return slices.Contains(blocks, r.b) })
}

// places returns where the trace lies.
func (t *splitTrace) places(s *snapshot) (*places, error) {
	p := &places{s: s, id: t.id, heads: t.heads, gaps: s.gaps}
	for _, r := range t.runs {
		found, err := r.b.runAt(r.chunk, int(r.index))
		if err != nil {
			return nil, err
		}
		if n := len(p.blocks); n == 0 || p.blocks[n-1].b != r.b {
			p.blocks = append(p.blocks, blockPlaces{b: r.b})
		}
		at := &p.blocks[len(p.blocks)-1]
		at.runs = append(at.runs, found)
	}
	return p, nil
}

// addSplit adds a split trace to c. The error is that of the budget; what cannot be read is a gap.
func (w *looker) addSplit(c *rowsChunk, t *splitTrace) error {
	at, err := t.places(w.s)
	if err != nil {
		w.gap(err)
		return nil
	}
	load := func(views *viewsOf) (*pieces, error) {
		p, err := at.load(views, w.e.budget(t.id))
		if err != nil {
			return nil, err
		}
		for _, gap := range p.gaps[len(w.s.gaps):] {
			w.gap(errors.New(gap))
		}
		return p, nil
	}
	p, err := load(&w.views)
	if err != nil {
		return err
	}
	if repeats(p.rows) { // only the full rows tell whether they are the same span
		if p, err = load(&w.whole); err != nil {
			return err
		}
		p.rows = dedupe(p.rows)
	}
	c.add(t.id, p.rows, func() ([]rowRef, error) {
		p, err := load(&w.whole)
		if err != nil {
			return nil, err
		}
		return dedupe(p.rows), nil
	})
	return nil
}

// yieldRows hands a chunk of rows on, if there are any.
func (w *looker) yieldRows(c *rowsChunk) error {
	if c.Len() == 0 {
		return nil
	}
	w.own.Rows += uint64(c.Len())
	w.own.ChunksRead++
	err := w.yield(w.number, c)
	if failed := c.Err(); failed != nil {
		w.gap(failed)
	}
	return err
}

// lookAtHead looks at the traces of a head that lie there only.
func (w *looker) lookAtHead(ctx context.Context, h *headView) error {
	traces, err := w.headTraces(ctx, h)
	if err != nil {
		return err
	}
	slices.SortFunc(traces, func(a, b position) int {
		return cmp.Or(cmp.Compare(b.start, a.start), slices.Compare(b.id[:], a.id[:]))
	})
	c := &w.rows
	c.begin(w)
	for _, t := range traces {
		if w.q.Enough != nil && t.start < w.q.Enough() {
			break
		}
		rows, _ := h.rowsOf(t.id)
		c.add(t.id, dedupe(rows), nil)
		if c.Len() >= chunkRows {
			if err := w.yieldRows(c); err != nil {
				return err
			}
			c.begin(w)
		}
	}
	return w.yieldRows(c)
}

// maxHeadNeeds is how many needs are asked for in heads; that the others hold is left to the caller.
const maxHeadNeeds = 64

// headTraces returns the traces of a head that are wanted and lie there only.
func (w *looker) headTraces(ctx context.Context, h *headView) ([]position, error) {
	needs := w.needs[:min(len(w.needs), maxHeadNeeds)]
	all := uint64(1)<<len(needs) - 1
	type found struct {
		position
		met uint64 // needs that hold on some span
		in  bool   // some span is in the range
	}
	var traces []found
	for _, c := range h.chunks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range c.Len() {
			at := int(c.traceOf[i])
			if at >= len(traces) {
				traces = append(traces, make([]found, at+1-len(traces)+at/4)...)
			}
			t := &traces[at]
			if t.id.IsZero() {
				t.position = position{c.Starts[i], c.TraceIDs[i]}
			}
			t.start = min(t.start, c.Starts[i])
			t.in = t.in || w.q.Range.Contains(c.Starts[i])
			for j := range needs {
				if t.met>>j&1 == 0 && judge(needs[j].p, place{&c.rowSet, i, -1, -1}) {
					t.met |= 1 << j
				}
			}
		}
		w.own.Rows += uint64(c.Len())
	}
	list := make([]position, 0, len(traces))
	for i := range traces {
		t := &traces[i]
		if t.id.IsZero() || !t.in || t.met != all || w.q.Before != 0 && t.start > w.q.Before || w.ofHeads.traces[t.id] != nil {
			continue
		}
		list = append(list, t.position)
	}
	return list, nil
}
