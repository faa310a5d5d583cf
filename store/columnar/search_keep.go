package columnar

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/store"
)

// chunksOfPart is how many chunks of a block a part has, for store.Keep: so many that
// what is made of them together is small beside them.
const chunksOfPart = 64

// partBelow returns the first chunk of the part that ends before chunk hi.
func partBelow(hi uint32) uint32 {
	lo := hi - 1
	return lo - lo%chunksOfPart
}

// lookAtPart looks at the chunks of a block from lo to below hi, or takes what was made of them before.
func (w *looker) lookAtPart(unit *blockWork, lo, hi uint32) error {
	for _, info := range unit.chunks[lo:hi] {
		if !w.q.Range.Contains(info.minStart) || !w.q.Range.Contains(info.maxStart) {
			return w.lookAtChunks(unit, lo, hi)
		}
	}
	key := cacheKey{unit.b, partMade, lo, w.hashOfPart(unit, lo, hi)}
	made, ok := w.madeBefore(key)
	if ok {
		w.own.ChunksSkipped += uint64(hi - lo)
		return w.q.Keep.Again(w.number, made)
	}
	_, _, err := w.makePart(unit, hi, key)
	return err
}

// madeBefore returns what was made of a part, from memory or from disk.
func (w *looker) madeBefore(key cacheKey) (made any, ok bool) {
	keep, cache := w.q.Keep, key.block.cache.entries
	if c, ok := cache.GetIfPresent(key); ok {
		return c.value, true
	}
	if keep.Unpack == nil {
		return nil, false
	}
	kept, err := key.block.kept()
	if err != nil {
		return nil, false // the next start tells it, and replaces the file
	}
	packed := kept[w.keptKey(key)]
	if len(packed) == 0 {
		return nil, false
	}
	made, bytes, err := keep.Unpack(packed)
	if err != nil {
		w.e.log.Warn("what is kept of a block cannot be understood and is made again", "path", key.block.keptPath(), "error", err)
		return nil, false
	}
	cache.Set(key, newCached(made, bytes))
	return made, true
}

// makePart looks at the chunks from that of key to below hi, and keeps in memory what is made of them. There is
// nothing if one could not be read.
func (w *looker) makePart(unit *blockWork, hi uint32, key cacheKey) (made any, ok bool, err error) {
	keep, failed := w.q.Keep, w.failed
	keep.Begin(w.number)
	if err := w.lookAtChunks(unit, key.chunk, hi); err != nil || w.failed > failed {
		return nil, false, err
	}
	made, bytes := keep.End(w.number)
	unit.b.cache.entries.Set(key, newCached(made, bytes))
	return made, true, nil
}

func (w *looker) keptKey(key cacheKey) keptKey {
	return keptKey{xxhash.Sum64String(w.q.Keep.As), key.chunk, key.made}
}

// hashOfPart tells apart what is made of chunks: for what purpose, and without which traces.
func (w *looker) hashOfPart(unit *blockWork, lo, hi uint32) uint64 {
	text := append([]byte(w.q.Keep.As), 0)
	for chunk := lo; chunk < hi; chunk++ {
		apart := w.apart(unit.b, chunk)
		text = binary.AppendUvarint(text, uint64(len(apart)))
		for _, trace := range apart {
			text = binary.AppendUvarint(text, uint64(trace))
		}
	}
	return xxhash.Sum64(text)
}

// lookAtChunks looks at the chunks of a block from lo to below hi, the last one first.
func (w *looker) lookAtChunks(unit *blockWork, lo, hi uint32) error {
	for chunk := hi; chunk > lo; chunk-- {
		if err := w.lookAtChunk(unit, chunk-1); err != nil {
			return err
		}
	}
	return nil
}

// isAheadDue reports whether Options.Ahead has not seen a block that merges made. Others are small or will be merged.
func (t *tenant) isAheadDue(b *block) bool {
	return t.e.opts.Ahead != nil && len(b.meta.Parents) > 0 && !b.ahead.Load()
}

// lookAhead has Options.Ahead see a block, and reports whether there was one.
func (t *tenant) lookAhead(ctx context.Context) bool {
	t.state.RLock()
	due := slices.ContainsFunc(t.blocks, t.isAheadDue)
	t.state.RUnlock()
	if !due {
		return false
	}
	t.e.merging <- struct{}{}
	defer func() { <-t.e.merging }()
	s := t.snapshot()
	defer s.release()
	at := slices.IndexFunc(s.blocks, t.isAheadDue)
	if at < 0 {
		return false
	}
	b := s.blocks[at]
	if err := t.e.opts.Ahead(ctx, &aheadReader{Engine: t.e, s: s, b: b}, t.name); err != nil && ctx.Err() == nil {
		t.log.Warn("what will be asked of a block is not kept on disk; it is made when it is asked for", "block", b.path, "error", err)
	}
	b.ahead.Store(true)
	t.state.Lock()
	t.changed()
	t.state.Unlock()
	return true
}

// aheadReader is an Engine whose Scan looks at one block alone, without the traces that are split.
type aheadReader struct {
	*Engine
	s        *snapshot
	b        *block
	purposes []uint64 // of scans: what is kept for others is of no use any more
}

// Scan has what Query.Keep makes of the parts of the block kept on disk. yield does not see parts of which that is so.
func (r *aheadReader) Scan(ctx context.Context, _ string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	if q.Keep == nil || q.Keep.Pack == nil {
		return &store.ScanResult{}, nil
	}
	chunks, err := r.b.chunkTable()
	if err != nil {
		return nil, err
	}
	l := newLook(r.Engine, r.s, q, yield)
	l.ofBlocks, l.gaps = r.s.splitsOf(r.b)
	l.ofHeads = newSplitSet(nil)
	before, err := r.b.kept()
	if err != nil {
		r.log.Warn("what is kept of a block is made again", "error", err)
	}
	list, isNew, err := r.parts(ctx, newLooker(l, 0), &blockWork{b: r.b, chunks: chunks}, before)
	if err == nil && isNew {
		err = r.write(list)
	}
	r.purposes = append(r.purposes, xxhash.Sum64String(q.Keep.As))
	return &store.ScanResult{Gaps: l.gaps, Stats: l.stats}, err
}

// parts returns what is to be kept of the block: what earlier scans made, and what this one makes, and whether any of it is new.
func (r *aheadReader) parts(ctx context.Context, w *looker, unit *blockWork, before keptParts) (list keptParts, isNew bool, err error) {
	list = keptParts{}
	room := r.b.keptRoom()
	for key, packed := range before {
		if slices.Contains(r.purposes, key.purpose) {
			list.add(key, packed, &room)
		}
	}
	for hi := uint32(len(unit.chunks)); hi > 0; hi = partBelow(hi) {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		lo := partBelow(hi)
		key := cacheKey{unit.b, partMade, lo, w.hashOfPart(unit, lo, hi)}
		at := w.keptKey(key)
		packed, ok := before[at]
		if len(packed) > 0 {
			_, _, err := w.q.Keep.Unpack(packed)
			ok = err == nil
		}
		if !ok {
			made, ok, err := w.makePart(unit, hi, key)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				continue
			}
			packed, isNew = w.q.Keep.Pack(made), true
		}
		list.add(at, packed, &room)
	}
	return list, isNew, nil
}

// write replaces what is kept of the block.
func (r *aheadReader) write(list keptParts) error {
	free, err := r.fs.Free(r.s.t.dir)
	if err == nil && free < spareBytes+uint64(r.b.keptRoom()) {
		return nil // the disk is for spans
	}
	return r.b.writeKept(list)
}
