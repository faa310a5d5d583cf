package columnar

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"math"
	"slices"
)

// A merge walks through its blocks side by side, trace by trace, and holds one
// chunk of each. Traces whose parts lie in several of the blocks, or twice in
// one, are left out there and come from a source of their own, brought together.

// mergeSource yields traces in the order of blocks.
type mergeSource interface {
	// trace returns the present trace.
	trace() *traceRows
	// next moves to the next trace; ok is false at the end.
	next() (ok bool, err error)
	// nextRow returns the next row of the present trace; ok is false behind its last one.
	nextRow() (r rowRef, ok bool, err error)
}

// blockSource is the traces of a block.
type blockSource struct {
	v      *view
	chunks []chunkInfo
	chunk  uint32 // the next one to load
	rs     *rowSet
	traces []traceRows         // of rs that are left, the present one first
	row    uint32              // next row of the present trace
	apart  map[uint32][]uint32 // by chunk: traces that are left out, ascending
	out    []uint32            // those of rs that are not reached yet
	index  uint32              // place of the present trace in its chunk
	free   *rowPool
	thin   *thinning
}

func (s *blockSource) trace() *traceRows { return &s.traces[0] }

// rowPool keeps the memory of rowSets that are not needed any more.
type rowPool struct {
	used, free []*rowSet
	// hold keeps what was retired from being recycled, while older rows are still compared with.
	hold bool
}

func (p *rowPool) get() *rowSet {
	rs := new(rowSet)
	if n := len(p.free); n > 0 {
		rs = p.free[n-1]
		p.free = p.free[:n-1]
	}
	return rs
}

// retire hands a rowSet back that is read no more once the writer's pending chunk is written.
func (p *rowPool) retire(rs *rowSet) { p.used = append(p.used, rs) }

// recycle makes what was retired available: the pending chunk was written.
func (p *rowPool) recycle() {
	if p.hold {
		return
	}
	for _, rs := range p.used {
		rs.reset()
		p.free = append(p.free, rs)
	}
	p.used = p.used[:0]
}

func (s *blockSource) next() (ok bool, err error) {
	s.pass()
	for {
		for len(s.traces) == 0 {
			if int(s.chunk) == len(s.chunks) {
				return false, nil
			}
			if err := s.loadChunk(); err != nil {
				return false, err
			}
		}
		apart := len(s.out) > 0 && s.out[0] == s.index
		if apart {
			s.out = s.out[1:]
		} else if s.thin.stays(s.traces[0].id) {
			return true, nil
		}
		s.pass()
	}
}

// pass leaves what is left of the present trace behind.
func (s *blockSource) pass() {
	if len(s.traces) > 0 {
		s.row += uint32(s.traces[0].rows)
		s.traces = s.traces[1:]
		s.index++
	}
}

func (s *blockSource) loadChunk() (err error) {
	if s.rs != nil {
		s.free.retire(s.rs)
	}
	s.rs = s.free.get()
	s.rs.space = s.v.space
	if s.traces, err = s.v.chunkTraces(s.chunk); err != nil {
		return err
	}
	s.out = s.apart[s.chunk]
	if !slices.ContainsFunc(s.traces, func(t traceRows) bool { return s.thin.stays(t.id) }) {
		s.traces, s.out = nil, nil
	}
	err = s.v.load(s.rs, s.chunk, 0, s.traces)
	s.chunk++
	s.row, s.index = 0, 0
	return err
}

func (s *blockSource) nextRow() (r rowRef, ok bool, err error) {
	t := &s.traces[0]
	for t.rows == 0 {
		if len(s.traces) > 1 || int(s.chunk) == len(s.chunks) || !s.chunks[s.chunk].continues {
			return r, false, nil
		}
		if err := s.loadChunk(); err != nil {
			return r, false, err
		}
		if len(s.traces) == 0 {
			return r, false, nil
		}
		t = &s.traces[0]
	}
	t.rows--
	s.row++
	return rowRef{s.rs, s.row - 1}, true, nil
}

// splitSource is the traces of several parts in the blocks of a merge.
type splitSource struct {
	s     *snapshot // of these blocks
	views *viewsOf
	left  []*splitTrace // oldest first, the present one not among them
	thin  *thinning
	now   traceRows
	rows  []rowRef // of the present trace that are left
}

func (s *splitSource) trace() *traceRows { return &s.now }

func (s *splitSource) next() (ok bool, err error) {
	for len(s.left) > 0 && !s.thin.stays(s.left[0].id) {
		s.left = s.left[1:]
	}
	if len(s.left) == 0 {
		return false, nil
	}
	t := s.left[0]
	s.left = s.left[1:]
	at, err := t.places(s.s)
	if err != nil {
		return false, err
	}
	p, err := at.load(s.views, &budget{t.id, math.MaxInt64, math.MaxInt64})
	if err != nil {
		return false, err
	}
	if len(p.gaps) > 0 {
		return false, errors.New(p.gaps[0])
	}
	s.rows = dedupe(p.rows)
	s.now = traceRows{t.id, p.start, len(s.rows)}
	return true, nil
}

func (s *splitSource) nextRow() (r rowRef, ok bool, err error) {
	if len(s.rows) == 0 {
		return r, false, nil
	}
	r, s.rows = s.rows[0], s.rows[1:]
	return r, true, nil
}

// mergeQueue is a heap of sources by their present trace.
type mergeQueue []mergeSource

func compareTraces(a, b *traceRows) int {
	return cmp.Or(cmp.Compare(a.start, b.start), slices.Compare(a.id[:], b.id[:]))
}

func (q mergeQueue) Len() int           { return len(q) }
func (q mergeQueue) Less(i, j int) bool { return compareTraces(q[i].trace(), q[j].trace()) < 0 }
func (q mergeQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *mergeQueue) Push(x any)        { *q = append(*q, x.(mergeSource)) }
func (q *mergeQueue) Pop() any {
	old := *q
	s := old[len(old)-1]
	*q = old[:len(old)-1]
	return s
}

// fillFromBlocks gives all spans of blocks to w, but for what thin, unless it is nil, takes out.
func fillFromBlocks(ctx context.Context, w *blockWriter, blocks []*block, thin *thinning) error {
	splits, err := splitsToJoin(blocks)
	if err != nil {
		return err
	}
	pool := new(rowPool)
	w.written = pool.recycle
	var q mergeQueue
	add := func(s mergeSource) error {
		ok, err := s.next()
		if ok {
			q = append(q, s)
		}
		return err
	}
	for _, b := range blocks {
		v, err := newView(b, everything, false)
		if err != nil {
			return err
		}
		s := &blockSource{v: v, free: pool, apart: splits.apart[b], thin: thin}
		if s.chunks, err = b.chunkTable(); err != nil {
			return err
		}
		if err := add(s); err != nil {
			return err
		}
	}
	slices.Reverse(splits.list)
	joining := &splitSource{s: &snapshot{blocks: blocks}, views: &viewsOf{everything, map[*block]*view{}}, left: splits.list, thin: thin}
	if err := add(joining); err != nil {
		return err
	}
	heap.Init(&q)
	for n := 0; len(q) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := q.mergeTrace(w, pool, thin); err != nil {
			return err
		}
		w.end()
	}
	if thin != nil && w.meta.Rows == 0 && len(w.pending.rows) == 0 {
		return errNoRows
	}
	return w.err
}

// maxJoinedRows is how many rows a trace may have whose parts a merge brings together: it holds all of them.
const maxJoinedRows = 1 << 16

// splitsToJoin returns the traces that lie in several parts in blocks, but for very large ones.
func splitsToJoin(blocks []*block) (*splitSet, error) {
	var c splitCache
	found, gaps := c.among(blocks)
	if len(gaps) > 0 {
		return nil, errors.New(gaps[0])
	}
	set := newSplitSet(found)
	for id, t := range found {
		rows := 0
		for _, r := range t.runs {
			run, err := r.b.runAt(r.chunk, int(r.index))
			if err != nil {
				return nil, err
			}
			rows += run.rows.rows
		}
		if t.joined || rows > maxJoinedRows {
			delete(found, id)
		}
	}
	if len(found) < len(set.list) {
		set = newSplitSet(found)
	}
	return set, nil
}

// mergeTrace writes the first trace of the queue, from all sources that have it, and moves these on.
func (q *mergeQueue) mergeTrace(w *blockWriter, pool *rowPool, thin *thinning) error {
	first := *(*q)[0].trace()
	thin.begin(first.id)
	w.begin(first.id, first.start)
	var same []mergeSource
	for len(*q) > 0 && compareTraces((*q)[0].trace(), &first) == 0 {
		same = append(same, heap.Pop(q).(mergeSource))
	}
	var err error
	if len(same) == 1 && !thin.changes() {
		err = copyTrace(w, same[0])
	} else {
		pool.hold = true
		err = mergeRows(w, same, thin)
		pool.hold = false
	}
	if err != nil {
		return err
	}
	for _, s := range same {
		ok, err := s.next()
		if err != nil {
			return err
		}
		if ok {
			heap.Push(q, s)
		}
	}
	return nil
}

func copyTrace(w *blockWriter, s mergeSource) error {
	for {
		r, ok, err := s.nextRow()
		if err != nil || !ok {
			return err
		}
		w.row(r)
	}
}

// mergeRows writes the rows of one trace from several sources in order, each distinct row once.
func mergeRows(w *blockWriter, sources []mergeSource, thin *thinning) error {
	next := make([]rowRef, len(sources))
	left := make([]bool, len(sources))
	for i, s := range sources {
		var err error
		if next[i], left[i], err = s.nextRow(); err != nil {
			return err
		}
	}
	var same []rowRef // rows that compare equal to the last one, each distinct one once
	for {
		least := -1
		for i := range sources {
			if left[i] && (least < 0 || compareRows(next[i], next[least]) < 0) {
				least = i
			}
		}
		if least < 0 {
			return nil
		}
		r := next[least]
		if thin.changes() {
			thin.change(r)
		}
		if len(same) > 0 && compareRows(same[0], r) != 0 {
			same = same[:0]
		}
		if !slices.ContainsFunc(same, func(other rowRef) bool { return sameSpan(other, r) }) {
			same = append(same, r)
			w.row(r)
		}
		var err error
		if next[least], left[least], err = sources[least].nextRow(); err != nil {
			return err
		}
	}
}
