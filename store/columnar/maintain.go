package columnar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"slices"
	"time"

	"github.com/clewhq/clew/store/columnar/colenc"
)

const (
	// mergeFanIn is how many blocks of about one size make a merge worth it; of a day that is over, two do.
	mergeFanIn = 8
	// maxMergeFanIn bounds the memory of a merge.
	maxMergeFanIn = 12
	// maxBlockRows is the largest block that a merge makes.
	maxBlockRows = 32 << 20
	// maxListed bounds what a merge holds in memory of lists, see block.listed.
	maxListed = 1 << 18

	maintainEvery = 500 * time.Millisecond
	retryEvery    = 2 * time.Second
)

// maintain seals heads that are full or old and stores sealed ones, until the engine is closed.
func (t *tenant) maintain() {
	t.loop(t.kick, func() bool {
		if t.headIsDue() {
			t.seal()
		}
		return t.flushOne(t.e.ctx)
	})
}

// tidy merges blocks, looks at the new ones ahead, and drops those whose time is over, until the engine
// is closed. It runs beside maintain: a large merge must not keep writers waiting.
func (t *tenant) tidy() {
	t.loop(t.grown, func() bool {
		t.expire()
		if t.mergeOne(t.e.ctx) {
			return true
		}
		t.knowSplits()
		return t.lookAhead(t.e.ctx)
	})
}

// loop calls work again and again: at once while it reports that it did something, else at each tick and kick.
func (t *tenant) loop(kick <-chan struct{}, work func() bool) {
	ticker := time.NewTicker(maintainEvery)
	defer ticker.Stop()
	for t.e.ctx.Err() == nil {
		if work() {
			continue
		}
		select {
		case <-t.e.ctx.Done():
		case <-ticker.C:
		case <-kick:
		}
	}
}

// headBudget is the memory that one tenant's head may take before it is sealed.
// At most one sealed head waits beside it, and the one being written.
func (e *Engine) headBudget() int64 { return e.share.Load() }

func (t *tenant) headIsDue() bool {
	now := t.e.opts.Now()
	t.writing.Lock()
	last := t.lastWrite
	t.writing.Unlock()
	t.state.RLock()
	defer t.state.RUnlock()
	if len(t.sealed) >= maxSealed {
		return false
	}
	t.head.mu.RLock()
	defer t.head.mu.RUnlock()
	if t.head.rows == 0 {
		return false
	}
	return t.head.size() >= t.e.headBudget() || now.Sub(t.born) >= t.e.opts.HeadAge || now.Sub(last) >= t.e.opts.HeadIdle
}

// flushOne stores the oldest sealed head as a block. It reports whether it did;
// after a failure the head stays where it is and is tried again.
func (t *tenant) flushOne(ctx context.Context) bool {
	t.state.RLock()
	var h *head
	if len(t.sealed) > 0 {
		h = t.sealed[0]
	}
	t.state.RUnlock()
	if h == nil {
		return false
	}
	t.e.flushing <- struct{}{}
	b, err := t.writeHead(ctx, h)
	<-t.e.flushing
	t.state.Lock()
	t.failed = err
	if err == nil {
		t.sealed = t.sealed[1:]
		t.blocks = append(t.blocks, b)
	}
	t.changed()
	t.state.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			t.log.Error("recent spans cannot be stored in a block; they stay in memory and in the log, and it is tried again", "error", err)
			t.pause(ctx)
		}
		return false
	}
	if err := t.wal.removeThrough(h.lastSegment); err != nil {
		t.log.Warn("log segments that are stored in a block cannot be removed", "error", err)
	}
	wake(t.grown)
	return true
}

func (t *tenant) pause(ctx context.Context) {
	select {
	case <-time.After(retryEvery):
	case <-ctx.Done():
	}
}

// makeBlock makes a block, or leaves nothing of it.
func (t *tenant) makeBlock(meta blockMeta, fill func(w *blockWriter) error) (*block, error) {
	b, err := makeBlock(t.e.fs, t.dir, t.e.cache, meta, fill)
	if err != nil {
		t.state.Lock()
		t.unused = append(t.unused, meta.ID)
		t.state.Unlock()
	}
	return b, err
}

func (t *tenant) writeHead(ctx context.Context, h *head) (*block, error) {
	began := time.Now()
	meta := blockMeta{ID: t.newID(), WALSegment: h.lastSegment, MinReceived: h.minReceived, MaxReceived: h.maxReceived, Undecided: t.e.undecided()}
	b, err := t.makeBlock(meta, func(w *blockWriter) error { return fillFromHead(ctx, w, h) })
	if err == nil {
		t.e.stats.flushes.Add(1)
		t.log.Debug("stored a head", "block", b.path, "spans", b.meta.Rows, "bytes", b.size, "took", time.Since(began).Round(time.Millisecond))
	}
	return b, err
}

// newID returns the id of the next block. One that was handed back comes first:
// if its file could not be removed, it is overwritten before anything is stored
// that the file should not stand beside.
func (t *tenant) newID() uint64 {
	t.state.Lock()
	defer t.state.Unlock()
	if n := len(t.unused); n > 0 {
		id := t.unused[n-1]
		t.unused = t.unused[:n-1]
		return id
	}
	id := t.nextID
	t.nextID++
	return id
}

// day returns the UTC day on which a block's spans arrived: the partition that merges stay in.
func (b *block) day() uint64 { return b.meta.MaxReceived / uint64(24*time.Hour) }

// tier groups blocks of about one size: up to 256 rows, and a factor of eight each from there.
func (b *block) tier() int { return bits.Len64(b.meta.Rows>>6) / 3 }

// mergeGroup is what blocks must have in common to be merged.
type mergeGroup struct {
	day   uint64
	slice uint64 // of undecided blocks: when they arrived, and more than 0
	tier  int
}

func (t *tenant) groupOf(b *block) mergeGroup {
	g := mergeGroup{day: b.day(), tier: b.tier()}
	if t.isUndecided(b) {
		g.slice = 1 + b.meta.MaxReceived/uint64(t.e.opts.Slice)
	}
	return g
}

// dueMerge chooses blocks that should become one: of one group, the
// smallest tier first, as many as do not make too large a block.
func dueMerge(blocks []*block, groupOf func(*block) mergeGroup, today uint64, listed func(*block) int) []*block {
	groups := map[mergeGroup][]*block{}
	var due []mergeGroup
	for _, b := range blocks {
		g := groupOf(b)
		groups[g] = append(groups[g], b)
	}
	for g, list := range groups {
		if len(list) >= mergeFanIn || g.day < today && len(list) >= 2 {
			due = append(due, g)
		}
	}
	slices.SortFunc(due, func(a, b mergeGroup) int {
		return cmp.Or(cmp.Compare(a.tier, b.tier), cmp.Compare(a.day, b.day), cmp.Compare(a.slice, b.slice))
	})
	for _, g := range due {
		if n := fitting(groups[g], listed); n >= 2 {
			return groups[g][:n]
		}
	}
	return nil
}

// fitting returns how many blocks, from the first one on, one merge may take.
func fitting(blocks []*block, listed func(*block) int) (n int) {
	rows, lists := uint64(0), 0
	for _, b := range blocks {
		rows += b.meta.Rows
		if n == maxMergeFanIn || b.meta.Chunks > maxBlockChunks/maxMergeFanIn || rows > maxBlockRows {
			break
		}
		if lists += listed(b); lists > maxListed {
			break
		}
		n++
	}
	return n
}

// mergeOne merges the blocks that are due, and reports whether it did.
func (t *tenant) mergeOne(ctx context.Context) bool {
	t.e.merging <- struct{}{}
	defer func() { <-t.e.merging }()
	s := t.snapshot()
	defer s.release()
	parents := t.due(s.blocks)
	if len(parents) == 0 {
		return false
	}
	b, err := t.writeMerged(ctx, parents, nil)
	if err != nil {
		if ctx.Err() == nil {
			t.log.Error("blocks cannot be merged; they are served as they are", "error", err)
			t.checkParents(parents, err)
			t.pause(ctx)
		}
		return false
	}
	t.replace(parents, b)
	return true
}

// due returns the blocks that are to be merged next, if that is possible now.
func (t *tenant) due(blocks []*block) []*block {
	blocks = slices.DeleteFunc(slices.Clone(blocks), func(b *block) bool { return b.spared.Load() || b.held.Load() })
	parents := dueMerge(blocks, t.groupOf, uint64(t.e.opts.Now().UnixNano())/uint64(24*time.Hour), (*block).listed)
	if len(parents) == 0 || !t.hasSpaceFor(parents) {
		return nil
	}
	return parents
}

// spareBytes is the room on the disk that a merge leaves to what cannot wait.
const spareBytes = 256 << 20

// hasSpaceFor reports whether the disk has room for a merge of blocks, which are removed only after it.
func (t *tenant) hasSpaceFor(blocks []*block) bool {
	need := uint64(spareBytes)
	for _, b := range blocks {
		need += uint64(b.size)
	}
	free, err := t.e.fs.Free(t.dir)
	return err != nil || free >= need // if it cannot be known, the merge will find out
}

// listed returns the number of resources, scopes and columns of a block, and of
// its shapes by what they take beside these; 0 if they cannot be read: the merge
// will say why.
func (b *block) listed() int {
	s, err1 := b.space()
	d, err2 := b.directory()
	shapes, err3 := b.shapes()
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0
	}
	return len(s.tables.Resources) + len(s.tables.Scopes) + len(d.keys) - d.fixed + (len(shapes.ends)+len(shapes.cols))/16
}

// writeMerged makes one block of several, without what thin takes out. It returns nil if that is everything.
func (t *tenant) writeMerged(ctx context.Context, parents []*block, thin *thinning) (*block, error) {
	began := time.Now()
	meta := blockMeta{ID: t.newID(), MinReceived: parents[0].meta.MinReceived}
	for _, p := range parents {
		meta.Undecided = meta.Undecided || thin == nil && t.isUndecided(p)
		meta.WALSegment = max(meta.WALSegment, p.meta.WALSegment)
		meta.MinReceived = min(meta.MinReceived, p.meta.MinReceived)
		meta.MaxReceived = max(meta.MaxReceived, p.meta.MaxReceived)
		meta.Level = max(meta.Level, p.meta.Level+1)
		meta.Parents = append(meta.Parents, p.meta.ID)
		for _, id := range p.meta.Parents { // who would be left behind without a successor
			if _, err := t.e.fs.Stat(filepath.Join(t.dir, blockName(id))); err == nil {
				meta.Parents = append(meta.Parents, id)
			}
		}
	}
	b, err := t.makeBlock(meta, func(w *blockWriter) error { return fillFromBlocks(ctx, w, parents, thin) })
	if errors.Is(err, errNoRows) {
		return nil, nil
	}
	if err == nil {
		t.e.stats.merges.Add(1)
		t.log.Debug("merged blocks", "block", b.path, "parents", len(parents), "spans", b.meta.Rows, "bytes", b.size, "took", time.Since(began).Round(time.Millisecond))
	}
	return b, err
}

// replace puts a merged block, or nothing, in the place of its parents.
func (t *tenant) replace(parents []*block, b *block) {
	t.state.Lock()
	var gone []*block // without those that retention has dropped meanwhile
	t.blocks = slices.DeleteFunc(t.blocks, func(old *block) bool {
		replaced := slices.Contains(parents, old)
		if replaced {
			gone = append(gone, old)
		}
		return replaced
	})
	if b != nil {
		t.blocks = append(t.blocks, b)
	}
	t.changed()
	t.state.Unlock()
	for _, p := range gone {
		p.drop()
	}
}

// checkParents sets those blocks aside that a failed merge found damaged, and
// spares those that cannot be read: others must not wait for them.
func (t *tenant) checkParents(parents []*block, cause error) {
	for _, p := range parents {
		err := p.verify()
		p.spared.Store(err != nil)
		if errors.Is(err, colenc.ErrCorrupt) {
			t.state.Lock()
			n := len(t.blocks)
			t.blocks = slices.DeleteFunc(t.blocks, func(b *block) bool { return b == p })
			ours := len(t.blocks) < n // retention has not dropped it meanwhile
			if ours {
				t.setAside(p.path, fmt.Errorf("%w (found by: %w)", err, cause))
				t.changed()
			}
			t.state.Unlock()
			if ours {
				p.release()
			}
		}
	}
}

// expire drops blocks whose spans arrived longer ago than the retention.
func (t *tenant) expire() {
	if t.e.opts.Retention <= 0 {
		return
	}
	limit := t.e.opts.Now().Add(-t.e.opts.Retention).UnixNano()
	t.dropBlocks(func(b *block) bool { return int64(b.meta.MaxReceived) < limit }, "their retention is over")
}

func (t *tenant) dropBlocks(which func(*block) bool, why string) {
	t.state.Lock()
	var gone []*block
	t.blocks = slices.DeleteFunc(t.blocks, func(b *block) bool {
		if which(b) {
			gone = append(gone, b)
			return true
		}
		return false
	})
	if len(gone) > 0 {
		t.changed()
	}
	t.state.Unlock()
	for _, b := range gone {
		t.log.Info("dropped a block: "+why, "block", b.path, "spans", b.meta.Rows, "bytes", b.size)
		t.e.stats.expired.Add(b.meta.Rows)
		b.drop()
	}
}

// settle stores everything in blocks and does all merges that are due.
func (t *tenant) settle(ctx context.Context) error {
	t.seal()
	return t.await(ctx, func() bool {
		return len(t.sealed) == 0 && len(t.due(t.blocks)) == 0 && !slices.ContainsFunc(t.blocks, t.isAheadDue)
	})
}

// flush stores what arrived before a time in blocks.
func (t *tenant) flush(ctx context.Context, before uint64) error {
	t.state.RLock()
	t.head.mu.RLock()
	older := t.head.rows > 0 && t.head.minReceived < before
	t.head.mu.RUnlock()
	t.state.RUnlock()
	if older {
		t.seal()
	}
	return t.await(ctx, func() bool {
		return !slices.ContainsFunc(t.sealed, func(h *head) bool { return h.minReceived < before })
	})
}

// await has maintenance work until done, which is called under state, or a head cannot be stored.
func (t *tenant) await(ctx context.Context, done func() bool) error {
	for {
		t.state.RLock()
		change, failed, ready := t.change, t.failed, done()
		t.state.RUnlock()
		if ready {
			return nil
		}
		if failed != nil {
			return failed
		}
		wake(t.kick)
		wake(t.grown)
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.e.ctx.Done():
			return ErrClosed
		}
	}
}

// keepSize drops the oldest blocks of all tenants while they take more than Options.MaxBytes.
func (e *Engine) keepSize() {
	defer e.working.Done()
	ticker := time.NewTicker(maintainEvery)
	defer ticker.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-ticker.C:
			if e.opts.MaxBytes > 0 {
				e.dropOldest()
			}
		}
	}
}

func (e *Engine) dropOldest() {
	type owned struct {
		t *tenant
		b *block
	}
	var all []owned
	total := int64(0)
	e.mu.RLock()
	for _, t := range e.tenants {
		t.state.RLock()
		for _, b := range t.blocks {
			all = append(all, owned{t, b})
			total += b.size
		}
		t.state.RUnlock()
	}
	e.mu.RUnlock()
	slices.SortFunc(all, func(x, y owned) int { return cmp.Compare(x.b.meta.MaxReceived, y.b.meta.MaxReceived) })
	for _, o := range all {
		if total <= e.opts.MaxBytes {
			return
		}
		total -= o.b.size
		o.t.dropBlocks(func(b *block) bool { return b == o.b }, "the store is larger than its limit")
	}
}
