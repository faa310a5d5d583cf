package columnar

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// Most traces lie in one run of rows of one block and can be judged there. The
// others, split traces, have to be brought together first. They are found by
// walking the indexes of traces of two blocks side by side: where the hashes
// agree, the chunks' trace ids decide. What was found for two blocks stays true
// as long as both live, so it is kept for each pair.

// splitRun is a run of rows of a trace in a block.
type splitRun struct {
	b     *block
	chunk uint32
	index uint32 // of the trace in the chunk
	start uint64 // earliest start of the run's spans, unix ns
}

// splitTrace is a trace with all the places where it lies.
type splitTrace struct {
	id    span.TraceID
	start uint64 // not after the start of any of its spans
	runs  []splitRun
	heads []*headView
	// joined is set if it is one run that goes on from chunk to chunk: no span of it can be there twice.
	joined bool
}

// splitSet is split traces and where they lie in blocks.
type splitSet struct {
	traces map[span.TraceID]*splitTrace
	list   []*splitTrace // newest first
	// apart has, by block and chunk, the places of the traces, ascending; eachSpan without those that are joined.
	apart, eachSpan map[*block]map[uint32][]uint32
}

// splitRuns are runs of traces of one block, by trace.
type splitRuns map[span.TraceID][]splitRun

// splitCache keeps what was found for pairs of blocks of a tenant, and for a head and a block.
type splitCache struct {
	mu     sync.Mutex
	pairs  map[blockPair][2]splitRuns
	heads  map[headPair]*headRuns
	blocks []*block // of set
	set    *splitSet
	// idle is set when blocks were compared and nobody has asked since.
	idle atomic.Bool
}

// blockPair is two blocks, or one and itself, by their numbers.
type blockPair struct{ a, b uint64 }

type headPair struct {
	h *head
	b uint64
}

// headRuns are the runs in a block of those traces of a head that were looked up so far.
type headRuns struct {
	looked int // the first traces of the head
	runs   splitRuns
}

// splits returns the traces that are split over the blocks of a snapshot alone, those of which the heads
// have something (which the first may have too), and what could not be read to find them.
func (s *snapshot) splits() (blocks, heads *splitSet, gaps []string) {
	c := &s.t.splits
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(s)
	if !slices.Equal(c.blocks, s.blocks) {
		var found map[span.TraceID]*splitTrace
		if found, gaps = c.among(s.blocks); len(gaps) > 0 {
			return newSplitSet(found), s.headSplits(c, found, &gaps), gaps
		}
		c.blocks, c.set = slices.Clone(s.blocks), newSplitSet(found)
	}
	if c.set == nil {
		c.set = newSplitSet(nil)
	}
	return c.set, s.headSplits(c, c.set.traces, &gaps), gaps
}

// splitsOf returns the traces that are split, of which a block has something: over all blocks if these were compared,
// else within this one, which costs little.
func (s *snapshot) splitsOf(b *block) (*splitSet, []string) {
	c := &s.t.splits
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(s)
	if slices.Equal(c.blocks, s.blocks) && c.set != nil {
		return c.set, nil
	}
	found, gaps := c.among([]*block{b})
	return newSplitSet(found), gaps
}

// knowSplits compares blocks before a query has to: at the start, and when someone has asked since the last time.
func (t *tenant) knowSplits() {
	if t.splits.idle.Swap(true) {
		return
	}
	if s := t.snapshot(); s != nil {
		s.splits()
		s.release()
	}
}

// among returns the traces that are split over blocks.
func (c *splitCache) among(blocks []*block) (found map[span.TraceID]*splitTrace, gaps []string) {
	if err := c.compare(blocks); err != nil {
		gaps = append(gaps, err.Error())
	}
	found = map[span.TraceID]*splitTrace{}
	for i, a := range blocks {
		for _, b := range blocks[i:] {
			for _, runs := range c.pairs[blockPair{a.meta.ID, b.meta.ID}] {
				for id, list := range runs {
					if found[id] == nil {
						found[id] = &splitTrace{id: id}
					}
					found[id].runs = append(found[id].runs, list...)
				}
			}
		}
	}
	return found, gaps
}

// compare fills in the pairs of blocks that were not compared before: first their indexes, then, for each
// block once, the chunks of all entries that agree with one of another block.
func (c *splitCache) compare(blocks []*block) error {
	var errs []error
	hits := make([][]indexHit, len(blocks))
	isNew := map[[2]int]bool{}
	for i, a := range blocks {
		for j := i; j < len(blocks); j++ {
			if _, ok := c.pairs[blockPair{a.meta.ID, blocks[j].meta.ID}]; ok {
				continue
			}
			ofA, ofB, err := agreeing(a, blocks[j])
			if err != nil {
				errs = append(errs, err)
				continue
			}
			isNew[[2]int{i, j}] = true
			hits[i] = append(hits[i], ofA...)
			hits[j] = append(hits[j], ofB...)
		}
	}
	in := map[span.TraceID][]int{} // blocks of each trace that an entry may mean
	runs := make([]splitRuns, len(blocks))
	for i, b := range blocks {
		var err error
		if runs[i], err = b.runsOf(hits[i]); err != nil {
			return errors.Join(append(errs, err)...) // to be tried again
		}
		for id := range runs[i] {
			in[id] = append(in[id], i)
		}
	}
	c.keep(blocks, isNew, runs, in)
	return errors.Join(errs...)
}

// keep notes for the new pairs the runs of the traces that are in both.
func (c *splitCache) keep(blocks []*block, isNew map[[2]int]bool, runs []splitRuns, in map[span.TraceID][]int) {
	if c.pairs == nil {
		c.pairs = map[blockPair][2]splitRuns{}
	}
	key := func(i, j int) blockPair { return blockPair{blocks[i].meta.ID, blocks[j].meta.ID} }
	for p := range isNew {
		c.pairs[key(p[0], p[1])] = [2]splitRuns{{}, {}}
	}
	for id, list := range in {
		for n, i := range list {
			if isNew[[2]int{i, i}] && len(runs[i][id]) > 1 {
				c.pairs[key(i, i)][0][id] = runs[i][id]
			}
			for _, j := range list[n+1:] {
				if isNew[[2]int{i, j}] {
					pair := c.pairs[key(i, j)]
					pair[0][id], pair[1][id] = runs[i][id], runs[j][id]
				}
			}
		}
	}
}

// headSplits returns the traces of heads that lie elsewhere too. blocks are those that are split over blocks.
func (s *snapshot) headSplits(c *splitCache, blocks map[span.TraceID]*splitTrace, gaps *[]string) *splitSet {
	found := map[span.TraceID]*splitTrace{}
	add := func(id span.TraceID, runs []splitRun) {
		if found[id] == nil {
			found[id] = &splitTrace{id: id}
			if t := blocks[id]; t != nil {
				found[id].runs = slices.Clone(t.runs)
			}
		}
		found[id].runs = append(found[id].runs, runs...)
	}
	for _, h := range s.heads {
		for _, b := range s.blocks {
			runs, err := c.head(h.h, b)
			if err != nil {
				*gaps = append(*gaps, err.Error())
			}
			for id, list := range runs {
				add(id, list)
			}
		}
	}
	for i, h := range s.heads {
		for _, other := range s.heads[i+1:] {
			for _, id := range h.h.idsFrom(0) {
				if other.has(id) {
					add(id, nil)
				}
			}
		}
	}
	for id, t := range found {
		for _, h := range s.heads {
			if h.has(id) {
				t.heads = append(t.heads, h)
			}
		}
		if len(t.heads) == 0 || len(t.runs)+len(t.heads) < 2 { // the look-up was ahead of the view
			delete(found, id)
		}
	}
	return newSplitSet(found)
}

func newSplitSet(traces map[span.TraceID]*splitTrace) *splitSet {
	s := &splitSet{traces: traces, apart: map[*block]map[uint32][]uint32{}, eachSpan: map[*block]map[uint32][]uint32{}}
	for _, t := range traces {
		t.finish()
		s.list = append(s.list, t)
		for _, r := range t.runs {
			note(s.apart, r)
			if !t.joined {
				note(s.eachSpan, r)
			}
		}
	}
	for _, m := range []map[*block]map[uint32][]uint32{s.apart, s.eachSpan} {
		for _, chunks := range m {
			for _, places := range chunks {
				slices.Sort(places)
			}
		}
	}
	slices.SortFunc(s.list, func(a, b *splitTrace) int {
		return cmp.Or(cmp.Compare(b.start, a.start), bytes.Compare(b.id[:], a.id[:]))
	})
	return s
}

func note(apart map[*block]map[uint32][]uint32, r splitRun) {
	if apart[r.b] == nil {
		apart[r.b] = map[uint32][]uint32{}
	}
	apart[r.b][r.chunk] = append(apart[r.b][r.chunk], r.index)
}

// finish sorts the runs, leaves each in once, and sets the start and joined.
func (t *splitTrace) finish() {
	slices.SortFunc(t.runs, func(a, b splitRun) int {
		return cmp.Or(cmp.Compare(a.b.meta.ID, b.b.meta.ID), cmp.Compare(a.chunk, b.chunk), cmp.Compare(a.index, b.index))
	})
	t.runs = slices.Compact(t.runs)
	t.start = math.MaxUint64
	t.joined = len(t.heads) == 0
	for i, r := range t.runs {
		t.start = min(t.start, r.start)
		t.joined = t.joined && (i == 0 || r.continues(t.runs[i-1]))
	}
	for _, h := range t.heads {
		_, start := h.rowsOf(t.id)
		t.start = min(t.start, start)
	}
}

// continues reports whether the run goes on where the one before ended.
func (r splitRun) continues(before splitRun) bool {
	if r.b != before.b || r.index != 0 || r.chunk != before.chunk+1 {
		return false
	}
	chunks, err := r.b.chunkTable()
	return err == nil && chunks[r.chunk].continues
}

// forget drops what belongs to heads and blocks that are gone.
func (c *splitCache) forget(s *snapshot) {
	blocks, heads := map[uint64]bool{}, map[*head]bool{}
	for _, b := range s.blocks {
		blocks[b.meta.ID] = true
	}
	for _, h := range s.heads {
		heads[h.h] = true
	}
	maps.DeleteFunc(c.pairs, func(p blockPair, _ [2]splitRuns) bool { return !blocks[p.a] || !blocks[p.b] })
	maps.DeleteFunc(c.heads, func(p headPair, _ *headRuns) bool { return !heads[p.h] || !blocks[p.b] })
}

// head returns the runs in b of the traces of h.
func (c *splitCache) head(h *head, b *block) (splitRuns, error) {
	key := headPair{h, b.meta.ID}
	r := c.heads[key]
	if r == nil {
		r = &headRuns{runs: splitRuns{}}
		if c.heads == nil {
			c.heads = map[headPair]*headRuns{}
		}
		c.heads[key] = r
	}
	ids := h.idsFrom(r.looked)
	hashes := make([]uint64, len(ids))
	for i, id := range ids {
		hashes[i] = hashTraceID(id)
	}
	slices.Sort(hashes)
	hits, err := b.findHashes(hashes)
	if err != nil {
		return nil, err
	}
	runs, err := b.runsOf(hits)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if list := runs[id]; list != nil {
			r.runs[id] = list
		}
	}
	r.looked += len(ids)
	return r.runs, nil
}

// idsFrom returns the ids of the head's traces but for the first n.
func (h *head) idsFrom(n int) []span.TraceID {
	h.mu.RLock()
	defer h.mu.RUnlock()
	ids := make([]span.TraceID, 0, len(h.traces)-n)
	for _, t := range h.traces[n:] {
		ids = append(ids, t.id)
	}
	return ids
}

// hashSpan is the range of hashes that an entry of an index stands for: what was cut off may be anything.
type hashSpan struct{ lo, hi uint64 } // hi included

func (a hashSpan) meets(b hashSpan) bool { return a.lo <= b.hi && b.lo <= a.hi }

// indexHit is an entry of an index that is to be looked at: the chunk has a trace with such a hash.
type indexHit struct {
	chunk uint32
	hashSpan
}

// hashCursor walks through a block's index of traces.
type hashCursor struct {
	b       *block
	x       *traceIndex
	page    int
	at, n   int
	hash    uint64 // of the entry, as the index has it
	memory  [2 * tracesPerPage]uint64
	deltas  []uint64
	chunks  []uint64
	done    bool
	err     error
	hits    []indexHit
	lastHit int // 1 + page and place of the last hit, packed

	ahead   []byte // pages that were read, the present one among them, from aheadAt in the file
	aheadAt uint64
	aheadTo int // the first page behind them
}

func newHashCursor(b *block) (*hashCursor, error) {
	x, err := b.traceIndex()
	if err != nil {
		return nil, err
	}
	c := &hashCursor{b: b, x: x, page: -1}
	c.turn()
	return c, c.err
}

// pagesAhead is how many pages are read at once when one is needed after the other.
const pagesAhead = 32

// turn goes to the first entry of the next page.
func (c *hashCursor) turn() {
	if c.page++; c.page >= len(c.x.pages) {
		c.done = true
		return
	}
	raw, err := c.pageBytes()
	if err == nil {
		r := reader{src: raw}
		c.n = r.number(tracesPerPage)
		c.deltas = r.bits(c.memory[:0:tracesPerPage], c.n)
		c.chunks = r.bits(c.memory[tracesPerPage:tracesPerPage], c.n)
		if r.err == nil && c.n == 0 {
			r.fail("page without entries")
		}
		err = r.end()
	}
	if err != nil {
		c.err, c.done = fmt.Errorf("block %s: trace index: %w", c.b.path, err), true
		return
	}
	c.at, c.hash = 0, c.x.first[c.page]+c.deltas[0]
}

// pageBytes returns the verified bytes of the present page. If the one before was needed too, it reads more than that.
func (c *hashCursor) pageBytes() ([]byte, error) {
	at := c.x.pages[c.page]
	if c.page >= c.aheadTo {
		to := c.page + 1
		if c.page == c.aheadTo && c.page > 0 {
			to = min(c.page+pagesAhead, len(c.x.pages))
		}
		last := c.x.pages[to-1]
		n := last.off + uint64(last.len) - at.off
		if last.off < at.off || n > uint64(c.b.size) || at.off > uint64(c.b.size)-n {
			return nil, fmt.Errorf("%w: pages from %d to %d of %d bytes", colenc.ErrCorrupt, at.off, at.off+n, c.b.size)
		}
		c.ahead = slices.Grow(c.ahead[:0], int(n))[:n]
		c.aheadAt, c.aheadTo = at.off, to
		if _, err := c.b.file.ReadAt(c.ahead, int64(at.off)); err != nil {
			c.aheadTo = 0
			return nil, err
		}
	}
	return checksum(c.ahead[at.off-c.aheadAt:][:at.len])
}

// next goes to the next entry.
func (c *hashCursor) next() {
	if c.at++; c.at >= c.n {
		c.turn()
		return
	}
	c.hash += c.deltas[c.at]
}

// seek goes on to the first entry that does not lie before hash.
func (c *hashCursor) seek(hash uint64) {
	cut := hash >> (64 - c.x.hashBits)
	if next := c.page + 2; next < len(c.x.first) && c.x.first[next] < cut { // else it is near
		page, _ := slices.BinarySearch(c.x.first[next:], cut)
		c.page = next + page - 2 // so that it turns to the page before the first that begins behind cut
		c.turn()
	}
	for !c.done && c.hash < cut {
		c.next()
	}
}

func (c *hashCursor) span() hashSpan {
	cut := 64 - c.x.hashBits
	return hashSpan{c.hash << cut, c.hash<<cut | (1<<cut - 1)}
}

// hit notes the present entry, once.
func (c *hashCursor) hit() {
	at := 1 + c.page*tracesPerPage + c.at
	if c.lastHit == at {
		return
	}
	c.lastHit = at
	c.hits = append(c.hits, indexHit{uint32(c.chunks[c.at]), c.span()})
}

// agreeing returns the entries of a and of b whose hashes agree, or those of a that agree with each other if b is a.
func agreeing(a, b *block) (ofA, ofB []indexHit, err error) {
	x, err := newHashCursor(a)
	if err != nil {
		return nil, nil, err
	}
	if a == b {
		x.repeats()
		return x.hits, nil, x.err
	}
	y, err := newHashCursor(b)
	if err != nil {
		return nil, nil, err
	}
	x.join(y)
	return x.hits, y.hits, cmp.Or(x.err, y.err)
}

// join notes in both cursors the entries whose hashes meet.
func (c *hashCursor) join(o *hashCursor) {
	var last hashSpan // where entries met last: more of them may follow
	met := false
	for !c.done && !o.done {
		p, q := c.span(), o.span()
		switch {
		case p.meets(q):
			c.hit()
			o.hit()
			last, met = hashSpan{max(p.lo, q.lo), min(p.hi, q.hi)}, true
			if p.hi <= q.hi {
				c.next()
			} else {
				o.next()
			}
		case p.hi < q.lo:
			c.passBy(last, met)
			c.seek(q.lo)
		default:
			o.passBy(last, met)
			o.seek(p.lo)
		}
	}
	for !c.done && met && c.span().meets(last) {
		c.hit()
		c.next()
	}
	for !o.done && met && o.span().meets(last) {
		o.hit()
		o.next()
	}
}

// passBy notes entries that equal the one that met another last.
func (c *hashCursor) passBy(last hashSpan, met bool) {
	for met && !c.done && c.span().meets(last) {
		c.hit()
		c.next()
	}
}

// repeats notes the entries that agree with the one before or behind.
func (c *hashCursor) repeats() {
	var before indexHit
	for first := true; !c.done; c.next() {
		h := indexHit{uint32(c.chunks[c.at]), c.span()}
		if !first && h.hashSpan == before.hashSpan {
			c.hits = append(c.hits, before, h)
		}
		before, first = h, false
	}
}

// findHashes returns the entries of the index that meet one of hashes, which are sorted.
func (b *block) findHashes(hashes []uint64) ([]indexHit, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	c, err := newHashCursor(b)
	if err != nil {
		return nil, err
	}
	for _, hash := range hashes {
		if c.seek(hash); c.done {
			break
		}
		for !c.done && c.span().meets(hashSpan{hash, hash}) {
			c.hit()
			c.next()
		}
	}
	return c.hits, c.err
}

// runsOf returns the runs of all traces that hits may mean.
func (b *block) runsOf(hits []indexHit) (splitRuns, error) {
	slices.SortFunc(hits, func(a, b indexHit) int {
		return cmp.Or(cmp.Compare(a.chunk, b.chunk), cmp.Compare(a.lo, b.lo))
	})
	hits = slices.Compact(hits)
	f := runFinder{b: b, found: splitRuns{}}
	var err1, err2 error
	if len(hits) > 0 {
		f.ids, err1 = b.column(colTraceID)
		f.starts, err2 = b.column(colTraceStart)
	}
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	for len(hits) > 0 {
		n := 1
		for n < len(hits) && hits[n].chunk == hits[0].chunk {
			n++
		}
		if err := f.find(hits[:n]); err != nil {
			return nil, err
		}
		hits = hits[n:]
	}
	return f.found, nil
}

// runFinder looks for runs of traces in the chunks of a block.
type runFinder struct {
	b           *block
	ids, starts *column
	found       splitRuns
	memory      []byte
}

// find adds the runs of the traces that hits, ascending and all of one chunk, may mean.
func (f *runFinder) find(hits []indexHit) (err error) {
	chunk := hits[0].chunk
	ids, starts := f.ids.piece(chunk), f.starts.piece(chunk)
	if ids == nil || starts == nil || ids.n != starts.n {
		return fmt.Errorf("block %s: %w: chunk %d lacks ids or starts of traces", f.b.path, colenc.ErrCorrupt, chunk)
	}
	if f.memory, err = f.b.readIDs(f.memory[:0], ids, 16); err != nil {
		return err
	}
	var begin []uint64
	for i := range int(ids.n) {
		id := span.TraceID(f.memory[16*i:])
		hash := hashTraceID(id)
		at, exact := slices.BinarySearchFunc(hits, hash, func(h indexHit, hash uint64) int { return cmp.Compare(h.lo, hash) })
		if !exact && (at == 0 || hits[at-1].hi < hash) {
			continue
		}
		if begin == nil {
			if begin, err = f.b.readInts(nil, starts); err != nil {
				return err
			}
		}
		f.found[id] = append(f.found[id], splitRun{f.b, chunk, uint32(i), begin[i]})
	}
	return nil
}
