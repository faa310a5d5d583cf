package columnar

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
