package columnar

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// chunksOfPart is how many chunks of a block a part has, for store.Keep: so many that
// what is made of them together is small beside them.
const chunksOfPart = 64

// lookAtPart looks at the chunks of a block from lo to below hi, or takes what was made of them before.
func (w *looker) lookAtPart(unit *blockWork, lo, hi uint32) error {
	for _, info := range unit.chunks[lo:hi] {
		if !w.q.Range.Contains(info.minStart) || !w.q.Range.Contains(info.maxStart) {
			return w.lookAtChunks(unit, lo, hi)
		}
	}
	cache, keep := unit.b.cache.entries, w.q.Keep
	key := cacheKey{unit.b, partMade, lo, w.hashOfPart(unit, lo, hi)}
	if c, ok := cache.GetIfPresent(key); ok {
		w.own.ChunksSkipped += uint64(hi - lo)
		return keep.Again(w.number, c.value)
	}
	keep.Begin(w.number)
	failed := w.failed
	if err := w.lookAtChunks(unit, lo, hi); err != nil || w.failed > failed {
		return err
	}
	made, bytes := keep.End(w.number)
	cache.Set(key, newCached(made, bytes))
	return nil
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
