package columnar

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Blocks are made in two ways: from a sealed head, and by merging blocks. Either
// way the file is written under a temporary name and renamed when it is whole
// and synced.

const (
	blockSuffix   = ".blk"
	tmpSuffix     = ".tmp"
	damagedSuffix = ".damaged"
)

func blockName(id uint64) string { return fmt.Sprintf("%016x%s", id, blockSuffix) }

func parseBlockName(name string) (id uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, blockSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 16, 64)
	return id, err == nil
}

// makeBlock writes a block into dir with what fill gives to the writer, and opens it.
func makeBlock(fs FS, dir string, c *cache, meta blockMeta, fill func(w *blockWriter) error) (*block, error) {
	path := filepath.Join(dir, blockName(meta.ID))
	tmp := path + tmpSuffix
	f, err := fs.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, err
	}
	w := newBlockWriter(f, meta)
	if err = fill(w); err == nil {
		_, err = w.finish()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fs.Rename(tmp, path)
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	var b *block
	if err == nil {
		b, err = openBlock(fs, path, c)
	}
	if err != nil {
		_ = fs.Remove(tmp)  // the next start removes it otherwise
		_ = fs.Remove(path) // the next block with this id overwrites it otherwise
		return nil, fmt.Errorf("block %s: %w", path, err)
	}
	return b, nil
}

// fillFromHead gives all spans of a sealed head to w.
func fillFromHead(ctx context.Context, w *blockWriter, h *head) error {
	v := h.view()
	for i, at := range h.ordered() {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t := &h.traces[at]
		rows, _ := v.chain(t)
		w.begin(t.id, t.start)
		for _, r := range dedupe(rows) {
			w.row(r)
		}
		w.end()
	}
	return w.err
}

// mergeSource walks through the traces of a block.
type mergeSource struct {
	v      *view
	chunks []chunkInfo
	chunk  uint32 // the next one to load
	rs     *rowSet
	traces []traceRows // of rs that are left, the present one first
	row    uint32      // next row of the present trace
	free   *rowPool
}

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

// next moves to the next trace; ok is false at the end of the block.
func (s *mergeSource) next() (ok bool, err error) {
	if len(s.traces) > 0 {
		s.traces = s.traces[1:]
	}
	for len(s.traces) == 0 {
		if int(s.chunk) == len(s.chunks) {
			return false, nil
		}
		if err := s.loadChunk(); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *mergeSource) loadChunk() (err error) {
	if s.rs != nil {
		s.free.retire(s.rs)
	}
	s.rs = s.free.get()
	s.rs.space = s.v.space
	if s.traces, err = s.v.chunkTraces(s.chunk); err != nil {
		return err
	}
	err = s.v.load(s.rs, s.chunk, 0, s.traces)
	s.chunk++
	s.row = 0
	return err
}

// nextRow returns the next row of the present trace; ok is false behind its last one.
func (s *mergeSource) nextRow() (r rowRef, ok bool, err error) {
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

// mergeQueue is a heap of sources by their present trace.
type mergeQueue []*mergeSource

func compareTraces(a, b *traceRows) int {
	return cmp.Or(cmp.Compare(a.start, b.start), slices.Compare(a.id[:], b.id[:]))
}

func (q mergeQueue) Len() int           { return len(q) }
func (q mergeQueue) Less(i, j int) bool { return compareTraces(&q[i].traces[0], &q[j].traces[0]) < 0 }
func (q mergeQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *mergeQueue) Push(x any)        { *q = append(*q, x.(*mergeSource)) }
func (q *mergeQueue) Pop() any {
	old := *q
	s := old[len(old)-1]
	*q = old[:len(old)-1]
	return s
}

// fillFromBlocks gives all spans of blocks to w. The parts of a trace that begin
// at the same time become one; other parts stay apart, and are brought together
// by whoever reads the trace.
func fillFromBlocks(ctx context.Context, w *blockWriter, blocks []*block) error {
	var q mergeQueue
	pool := new(rowPool)
	w.written = pool.recycle
	for _, b := range blocks {
		v, err := newView(b, everything, false)
		if err != nil {
			return err
		}
		s := &mergeSource{v: v, free: pool}
		if s.chunks, err = b.chunkTable(); err != nil {
			return err
		}
		if ok, err := s.next(); err != nil {
			return err
		} else if ok {
			q = append(q, s)
		}
	}
	heap.Init(&q)
	for n := 0; len(q) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := q.mergeTrace(w, pool); err != nil {
			return err
		}
		w.end()
	}
	return w.err
}

// mergeTrace writes the first trace of the queue, from all sources that have it, and moves these on.
func (q *mergeQueue) mergeTrace(w *blockWriter, pool *rowPool) error {
	first := (*q)[0].traces[0]
	w.begin(first.id, first.start)
	var same []*mergeSource
	for len(*q) > 0 && compareTraces(&(*q)[0].traces[0], &first) == 0 {
		same = append(same, heap.Pop(q).(*mergeSource))
	}
	var err error
	if len(same) == 1 {
		err = same[0].copyTrace(w)
	} else {
		pool.hold = true
		err = mergeRows(w, same)
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

func (s *mergeSource) copyTrace(w *blockWriter) error {
	for {
		r, ok, err := s.nextRow()
		if err != nil || !ok {
			return err
		}
		w.row(r)
	}
}

// mergeRows writes the rows of one trace from several sources in order, each distinct row once.
func mergeRows(w *blockWriter, sources []*mergeSource) error {
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
