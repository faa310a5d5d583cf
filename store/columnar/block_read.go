package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// block is an open block file. It is immutable; only its footer is held in
// memory, all else is read when needed and kept by the cache as long as that
// finds it worth it.
//
// Whoever reads a block holds a reference (acquire, release); the file is
// closed, and deleted if drop was called, when the last one is gone.
type block struct {
	meta    blockMeta
	version byte // of the format
	path    string
	file    File
	fs      FS
	cache   *cache
	size    int64
	sum     uint32 // checksum of the footer

	refs   atomic.Int64
	doomed atomic.Bool
	spared atomic.Bool // from merges
	held   atomic.Bool // by a slice, from merges
	ahead  atomic.Bool // Options.Ahead has seen it
}

// cache keeps decoded parts of blocks, within a budget of bytes.
type cache struct {
	entries *otter.Cache[cacheKey, cached]
	read    atomic.Uint64 // bytes read from files
}

type cacheKey struct {
	block *block
	part  uint32 // a column's number, or one of the parts below
	chunk uint32 // wholePart for what is not of one chunk
	made  uint64 // of partMade: what it is and of which traces, as a hash
}

type cached struct {
	value  any
	weight uint32
}

func newCached(v any, size int) cached { return cached{v, uint32(min(size+64, 1<<31))} }

const (
	wholePart  = ^uint32(0)
	partChunks = wholePart - iota // all parts are above any column number
	partShapes
	partTables
	partDirectory
	partTraceIndex
	partFilters    // as a chunk: those of a column
	partDictionary // as a chunk: that of a column
	partPieces     // of a chunk
	partMade       // what others made of chunks, by the first one
	partKept       // what of that is kept on disk
)

func newCache(bytes int64) *cache {
	return &cache{entries: otter.Must(&otter.Options[cacheKey, cached]{
		MaximumWeight: uint64(max(bytes, 1<<20)),
		Weigher:       func(_ cacheKey, c cached) uint32 { return c.weight },
	})}
}

// remember returns what load makes, from the cache if it is there. load says how many bytes of memory its result takes.
func remember[T any](b *block, part, chunk uint32, load func() (T, int, error)) (T, error) {
	key := cacheKey{block: b, part: part, chunk: chunk}
	if c, ok := b.cache.entries.GetIfPresent(key); ok {
		return c.value.(T), nil
	}
	v, size, err := load()
	if err == nil {
		b.cache.entries.Set(key, newCached(v, size))
	}
	return v, err
}

// forget drops everything that the cache holds of the block.
func (b *block) forget() {
	for key := range b.cache.entries.Keys() {
		if key.block == b {
			b.cache.entries.Invalidate(key)
		}
	}
}

// openBlock opens a block file and checks its trailer and footer.
func openBlock(fs FS, path string, c *cache) (*block, error) {
	f, err := fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	b := &block{path: path, file: f, fs: fs, cache: c}
	b.refs.Store(1)
	if err := b.readFooter(); err != nil {
		return nil, errors.Join(fmt.Errorf("block %s: %w", path, err), f.Close())
	}
	return b, nil
}

func (b *block) readFooter() error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	b.size = info.Size()
	head, trailer := make([]byte, len(blockMagic)), make([]byte, trailerSize)
	if b.size < int64(len(head)+trailerSize) {
		return fmt.Errorf("%w: %d bytes are too few", colenc.ErrCorrupt, b.size)
	}
	if _, err := b.file.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := b.file.ReadAt(trailer, b.size-trailerSize); err != nil {
		return err
	}
	if string(head[:7]) != blockMagic[:7] || string(trailer[16:23]) != trailerMagic[:7] || head[7] != trailer[23] {
		return fmt.Errorf("%w: not a block file", colenc.ErrCorrupt)
	}
	if b.version = head[7]; b.version == 0 || b.version > blockMagic[7] {
		return fmt.Errorf("block format version %d is not known to this program; a newer one wrote it", head[7])
	}
	off, n := binary.LittleEndian.Uint64(trailer), binary.LittleEndian.Uint32(trailer[8:])
	if off > uint64(b.size) || uint64(n) != uint64(b.size-trailerSize)-off {
		return fmt.Errorf("%w: footer of %d bytes at %d", colenc.ErrCorrupt, n, off)
	}
	footer := make([]byte, n)
	if _, err := b.file.ReadAt(footer, int64(off)); err != nil {
		return err
	}
	if b.sum = binary.LittleEndian.Uint32(trailer[12:]); crc32.Checksum(footer, castagnoli) != b.sum {
		return fmt.Errorf("%w: checksum of the footer does not match", colenc.ErrCorrupt)
	}
	if err := b.meta.parse(footer, head[7]); err != nil {
		return err
	}
	// Each row takes the 8 bytes of its id at least.
	if m := &b.meta; m.Rows > uint64(b.size)/8 || m.Chunks > min(m.Rows, maxBlockChunks) {
		return fmt.Errorf("%w: %d rows in %d chunks in %d bytes", colenc.ErrCorrupt, m.Rows, m.Chunks, b.size)
	}
	return nil
}

// acquire takes a reference; it fails if the block is already closed.
func (b *block) acquire() bool {
	for {
		n := b.refs.Load()
		if n == 0 {
			return false
		}
		if b.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (b *block) release() {
	if b.refs.Add(-1) > 0 {
		return
	}
	b.forget()
	_ = b.file.Close()
	if b.doomed.Load() {
		_ = b.fs.Remove(b.keptPath())
		_ = b.fs.Remove(b.path) // if it stays, the next start finds that its successor replaces it
	}
}

// drop gives the owner's reference back and deletes the file when nobody reads it any more.
func (b *block) drop() {
	b.doomed.Store(true)
	b.release()
}

var readBufs = sync.Pool{New: func() any { return new([]byte) }}

// read calls use with the verified bytes of a location, which are valid only until it returns.
func (b *block) read(l location, use func(raw []byte) error) error {
	if l.off > uint64(b.size) || uint64(l.len) > uint64(b.size)-l.off {
		return fmt.Errorf("block %s: %w: %d bytes at %d of %d", b.path, colenc.ErrCorrupt, l.len, l.off, b.size)
	}
	buf := readBufs.Get().(*[]byte)
	defer readBufs.Put(buf)
	if cap(*buf) < int(l.len) {
		*buf = make([]byte, int(l.len)+int(l.len)/4)
	}
	data := (*buf)[:l.len]
	b.cache.read.Add(uint64(l.len))
	if _, err := b.file.ReadAt(data, int64(l.off)); err != nil {
		return fmt.Errorf("block %s: %w", b.path, err)
	}
	raw, err := checksum(data)
	if err == nil {
		err = use(raw)
	}
	if err != nil {
		return fmt.Errorf("block %s, bytes %d to %d: %w", b.path, l.off, l.off+uint64(l.len), err)
	}
	return nil
}

func (b *block) chunkTable() ([]chunkInfo, error) {
	return remember(b, partChunks, wholePart, func() (list []chunkInfo, size int, err error) {
		err = b.read(b.meta.chunks, func(raw []byte) error {
			list, err = parseChunks(raw, &b.meta)
			return err
		})
		return list, 64 * len(list), err
	})
}

func parseChunks(raw []byte, m *blockMeta) ([]chunkInfo, error) {
	r, n := reader{src: raw}, int(m.Chunks)
	var cols [9][]uint64
	for i := range cols {
		cols[i] = r.ints(n)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	list := make([]chunkInfo, n)
	left := m.Rows
	for i := range list {
		c := &list[i]
		c.rows, c.traces, c.continues = uint32(cols[0][i]), uint32(cols[1][i]), cols[2][i] != 0
		c.minStart, c.maxStart = cols[3][i], cols[3][i]+cols[4][i]
		c.minTrace, c.maxTrace = cols[5][i], cols[5][i]+cols[6][i]
		c.pieces = location{cols[7][i], uint32(cols[8][i])}
		if cols[0][i] > min(left, maxChunkValues) || c.traces > c.rows {
			return nil, fmt.Errorf("%w: chunk of %d rows in %d traces", colenc.ErrCorrupt, c.rows, c.traces)
		}
		left -= cols[0][i]
	}
	return list, nil
}

func (b *block) traceIndex() (*traceIndex, error) {
	return remember(b, partTraceIndex, wholePart, func() (x *traceIndex, size int, err error) {
		err = b.read(b.meta.traceIndex, func(raw []byte) error {
			x, err = parseTraceIndex(raw, uint64(b.size)/crcSize) // each page has a checksum
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		return x, 24 * len(x.pages), nil
	})
}

// blockShapes is a block's table of shapes: shape i has the columns cols[ends[i-1]:ends[i]].
type blockShapes struct {
	cols []uint32
	ends []uint32
}

func (s *blockShapes) len() int { return len(s.ends) }

func (s *blockShapes) at(i uint32) []uint32 {
	var start uint32
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.cols[start:s.ends[i]]
}

func (b *block) shapes() (*blockShapes, error) {
	return remember(b, partShapes, wholePart, func() (s *blockShapes, size int, err error) {
		d, err := b.directory()
		if err != nil {
			return nil, 0, err
		}
		err = b.read(b.meta.shapes, func(raw []byte) error {
			s, err = parseShapes(raw, len(d.keys))
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		return s, 4 * (len(s.cols) + len(s.ends)), nil
	})
}

func parseShapes(raw []byte, columns int) (*blockShapes, error) {
	r := reader{src: raw}
	lengths := r.ints(r.number(maxShapeValues + 1)) // all but one have a column
	s := &blockShapes{ends: make([]uint32, len(lengths))}
	end := uint64(0)
	for i, n := range lengths {
		if end += min(n, maxCount); end > maxShapeValues {
			return nil, fmt.Errorf("%w: shape %d has %d columns", colenc.ErrCorrupt, i, n)
		}
		s.ends[i] = uint32(end)
	}
	if n := r.number(maxShapeValues); uint64(n) != end {
		r.fail("%d columns in shapes of %d", n, end)
	}
	s.cols = r.codes(int(end), columns)
	return s, r.end()
}

// directory lists a block's columns by number.
type directory struct {
	fixed   int // the first columns, of the block's format version
	keys    []colKey
	where   []location // of the column's index; length 0 if it has no values
	dicts   []location // of the strings that the column's pieces share, likewise
	filters []location // of the filters of the column's pieces, likewise
	totals  []uint64   // values
	rows    []uint64   // spans, events or links that have a value
	byKey   map[colKey]uint32
}

func (b *block) directory() (*directory, error) {
	return remember(b, partDirectory, wholePart, func() (d *directory, size int, err error) {
		err = b.read(b.meta.directory, func(raw []byte) error {
			d, err = parseDirectory(raw, fixedColumnsOf[b.version], numFixed+uint64(b.size)/8) // each other column has an index
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		return d, 180 * len(d.keys), nil
	})
}

func parseDirectory(raw []byte, fixed int, most uint64) (*directory, error) {
	r := reader{src: raw}
	n := r.number(most)
	scopes, types, offs, lens, dicts, filters, totals, rows := r.ints(n), r.ints(n), r.ints(n), r.ints(n), r.ints(n), r.ints(n), r.ints(n), r.ints(n)
	names := r.strings(n)
	if err := r.end(); err != nil {
		return nil, err
	}
	if n < fixed {
		return nil, fmt.Errorf("%w: %d columns, expected at least %d", colenc.ErrCorrupt, n, fixed)
	}
	d := &directory{fixed: fixed, totals: totals, rows: rows, byKey: make(map[colKey]uint32, n), keys: make([]colKey, n), where: make([]location, n), dicts: make([]location, n), filters: make([]location, n)}
	for i := range n {
		k := colKey{colScope(scopes[i]), span.Type(types[i]), string(names.At(i))}
		if i < fixed && k != fixedKey(i) || i >= fixed && (k.Scope == colFixed || k.Scope > colLink || k.Type > span.Map) {
			return nil, fmt.Errorf("%w: column %d is %+v", colenc.ErrCorrupt, i, k)
		}
		d.keys[i], d.byKey[k] = k, uint32(i)
		d.where[i] = location{offs[i], uint32(lens[i])}
		d.dicts[i] = location{offs[i] + lens[i], uint32(dicts[i])}
		d.filters[i] = location{offs[i] + lens[i] + dicts[i], uint32(filters[i])}
	}
	return d, nil
}
