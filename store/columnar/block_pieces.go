package columnar

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/clewhq/clew/store/columnar/colenc"
)

// Where a piece lies stands twice: in the index of its column, for those who
// look through many chunks of few columns, and in the list of its chunk, for
// those who want many columns of few chunks.

// column is the index of a column.
type column struct {
	num    uint32
	key    colKey
	enc    encoding
	pieces []pieceRef // ascending by chunk
	dict   *dictionary
}

// dictionary is what the pieces of a column of strings share.
type dictionary struct {
	strings colenc.List
	counts  []uint64 // occurrences of each string
}

func (d *dictionary) len() int {
	if d == nil {
		return 0
	}
	return len(d.counts)
}

// column returns the index of column num; it is nil if the column has no values.
func (b *block) column(num uint32) (*column, error) {
	d, err := b.directory()
	if err != nil || d.where[num].len == 0 {
		return nil, err
	}
	return remember(b, num, wholePart, func() (c *column, size int, err error) {
		dict, err := b.dictionary(num)
		if err != nil {
			return nil, 0, err
		}
		err = b.read(d.where[num], func(raw []byte) error {
			c, size, err = parseColumn(raw, num, d.keys[num], dict, b.meta.Chunks)
			return err
		})
		return c, size, err
	})
}

// dictionary returns the strings that the pieces of a column share; nil if there are none.
func (b *block) dictionary(num uint32) (*dictionary, error) {
	d, err := b.directory()
	if err != nil || d.dicts[num].len == 0 {
		return nil, err
	}
	return remember(b, num, partDictionary, func() (*dictionary, int, error) {
		dict := new(dictionary)
		err := b.read(d.dicts[num], func(raw []byte) error {
			r := reader{src: raw}
			dict.counts = r.ints(r.number(maxDictionary))
			dict.strings = r.strings(len(dict.counts))
			return r.end()
		})
		return dict, dict.strings.Size() + 8*len(dict.counts), err
	})
}

func parseColumn(raw []byte, num uint32, key colKey, dict *dictionary, chunks uint64) (c *column, size int, err error) {
	r := reader{src: raw}
	c = &column{num: num, key: key, enc: key.encoding(), dict: dict}
	n := r.number(chunks)
	var vals [8][]uint64
	for i := range vals {
		vals[i] = r.ints(n)
	}
	var list []uint32
	if c.enc == encStrings {
		most := min(uint64(n)*uint64(dict.len()), maxColumnCodes)
		list = r.codes(r.number(most), dict.len())
	}
	if err := r.end(); err != nil {
		return nil, 0, err
	}
	size = 80*n + 4*len(list)
	c.pieces = make([]pieceRef, n)
	for i := range c.pieces {
		p := &c.pieces[i]
		*p = pieceRef{chunk: uint32(vals[0][i]), n: uint32(vals[1][i]), len: uint32(vals[2][i]), mode: pieceMode(vals[3][i]),
			off: vals[4][i], min: vals[5][i], max: vals[5][i] + vals[6][i], at: uint32(i)}
		if vals[7][i] > uint64(len(list)) || vals[1][i] > maxChunkValues || i > 0 && p.chunk <= c.pieces[i-1].chunk {
			return nil, 0, fmt.Errorf("%w: piece %d of column %+v", colenc.ErrCorrupt, i, key)
		}
		p.codes, list = list[:vals[7][i]:vals[7][i]], list[vals[7][i]:]
		if err := p.sumCodes(dict); err != nil {
			return nil, 0, fmt.Errorf("column %+v: %w", key, err)
		}
	}
	return c, size, nil
}

// sumCodes turns the differences in p.codes into codes of a dictionary.
func (p *pieceRef) sumCodes(dict *dictionary) error {
	code := uint32(0)
	for i := range p.codes {
		code += p.codes[i]
		if int(code) >= dict.len() {
			return fmt.Errorf("%w: code %d of %d", colenc.ErrCorrupt, code, dict.len())
		}
		p.codes[i] = code
	}
	if p.mode == pieceShared && len(p.codes) == 0 {
		return fmt.Errorf("%w: piece without codes", colenc.ErrCorrupt)
	}
	return nil
}

// piece returns the piece of a chunk, or nil if the column has no values in it.
func (c *column) piece(chunk uint32) *pieceRef {
	if c == nil {
		return nil
	}
	if int(chunk) < len(c.pieces) && c.pieces[chunk].chunk == chunk {
		return &c.pieces[chunk]
	}
	i := sort.Search(len(c.pieces), func(i int) bool { return c.pieces[i].chunk >= chunk })
	if i == len(c.pieces) || c.pieces[i].chunk != chunk {
		return nil
	}
	return &c.pieces[i]
}

// chunkPiece is a piece with the number of its column.
type chunkPiece struct {
	col uint32
	pieceRef
}

// encodePieces encodes the list of a chunk: where its pieces begin and how many
// there are, then, for each in the order in which they lie one behind the other:
// column, number of values, length, way, the value of a constant, and number and
// differences of its codes. All are uvarints.
func encodePieces(base uint64, pieces []chunkPiece) []byte {
	dst := binary.AppendUvarint(nil, base)
	dst = binary.AppendUvarint(dst, uint64(len(pieces)))
	for _, p := range pieces {
		dst = binary.AppendUvarint(dst, uint64(p.col))
		dst = binary.AppendUvarint(dst, uint64(p.n))
		dst = binary.AppendUvarint(dst, uint64(p.len))
		dst = append(dst, byte(p.mode))
		if p.mode == pieceConstant {
			dst = binary.AppendUvarint(dst, p.min)
		}
		if p.mode == pieceShared {
			dst = binary.AppendUvarint(dst, uint64(len(p.codes)))
			before := uint32(0)
			for _, code := range p.codes {
				dst = binary.AppendUvarint(dst, uint64(code-before))
				before = code
			}
		}
	}
	return dst
}

func parsePieces(raw []byte, chunk uint32, columns int) (list []chunkPiece, codes int, err error) {
	r := reader{src: raw}
	off := r.uvarint()
	list = make([]chunkPiece, r.count())
	values := uint64(0)
	for i := range list {
		p := &list[i]
		col, n := r.uvarint(), r.uvarint()
		*p = chunkPiece{uint32(col), pieceRef{chunk: chunk, n: uint32(n), off: off, len: uint32(r.uvarint()), mode: pieceMode(r.uvarint())}}
		off += uint64(p.len)
		if p.mode == pieceConstant {
			p.min = r.uvarint()
			p.max = p.min
		}
		if p.mode == pieceShared {
			p.codes = make([]uint32, r.count())
			codes += len(p.codes)
			for j := range p.codes {
				p.codes[j] = uint32(r.uvarint())
			}
		}
		values += min(n, maxCount)
		if col >= uint64(columns) || values > maxChunkValues || i > 0 && p.col <= list[i-1].col {
			r.fail("piece %d of column %d with %d values", i, col, n)
		}
		if r.err != nil {
			break
		}
	}
	return list, codes, r.end()
}

// pieces returns the pieces of a chunk, ascending by column. The codes of shared ones are still differences.
func (b *block) pieces(chunk uint32) ([]chunkPiece, error) {
	return remember(b, partPieces, chunk, func() (list []chunkPiece, size int, err error) {
		chunks, err := b.chunkTable()
		if err != nil || int(chunk) >= len(chunks) {
			return nil, 0, err
		}
		d, err := b.directory()
		if err != nil {
			return nil, 0, err
		}
		codes := 0
		err = b.read(chunks[chunk].pieces, func(raw []byte) error {
			list, codes, err = parsePieces(raw, chunk, len(d.keys))
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		for i := range list {
			if list[i].mode != pieceShared {
				continue
			}
			dict, err := b.dictionary(list[i].col)
			if err == nil {
				err = list[i].sumCodes(dict)
			}
			if err != nil {
				return nil, 0, err
			}
		}
		return list, 88*len(list) + 4*codes, nil
	})
}

// piece returns the piece of a column in a chunk, or nil if the column has no values in it.
func (b *block) piece(num, chunk uint32) (*pieceRef, error) {
	list, err := b.pieces(chunk)
	if err != nil {
		return nil, err
	}
	i, ok := slices.BinarySearchFunc(list, num, func(p chunkPiece, num uint32) int { return int(p.col) - int(num) })
	if !ok {
		return nil, nil
	}
	return &list[i].pieceRef, nil
}

// readInts appends the numbers of a piece to dst.
func (b *block) readInts(dst []uint64, p *pieceRef) ([]uint64, error) {
	if p.mode == pieceConstant {
		for range p.n {
			dst = append(dst, p.min)
		}
		return dst, nil
	}
	err := b.read(location{p.off, p.len}, func(raw []byte) (err error) {
		dst, raw, err = colenc.Ints(dst, raw, int(p.n))
		return trailing(raw, err)
	})
	return dst, err
}

// pieceStrings is a decoded piece of strings: value i is string codes[i] of
// list, or of the column's dictionary through shared. No codes: all are 0.
type pieceStrings struct {
	codes  []uint32
	memory []uint32 // of codes
	shared []uint32
	dict   *dictionary
	list   colenc.List
}

func (s *pieceStrings) distinct() int {
	if s.shared != nil {
		return len(s.shared)
	}
	return s.list.Len()
}

// at returns distinct string i of the piece.
func (s *pieceStrings) at(i uint32) []byte {
	if s.shared != nil {
		return s.dict.strings.At(int(s.shared[i]))
	}
	return s.list.At(int(i))
}

func (s *pieceStrings) code(i int) uint32 {
	if s.codes == nil {
		return 0
	}
	return s.codes[i]
}

// readStrings decodes a piece of strings into s, whose memory it uses again. dict is the column's dictionary.
func (b *block) readStrings(s *pieceStrings, dict *dictionary, p *pieceRef) error {
	*s = pieceStrings{memory: s.memory}
	if p.mode == pieceShared {
		s.shared, s.dict = p.codes, dict
		if len(p.codes) == 1 {
			return nil
		}
	} else if p.mode != pieceLocal {
		return fmt.Errorf("block %s: %w: piece of strings of mode %d", b.path, colenc.ErrCorrupt, p.mode)
	}
	return b.read(location{p.off, p.len}, func(raw []byte) (err error) {
		n := len(p.codes)
		if p.mode == pieceLocal {
			if n, raw, err = localStrings(raw, p); err != nil {
				return err
			}
			if s.list, raw, err = colenc.Strings(raw, n); err != nil {
				return err
			}
		}
		s.codes, raw, err = colenc.Codes(s.memory[:0], raw, int(p.n), uint32(n))
		s.memory = s.codes
		return trailing(raw, err)
	})
}

// localStrings returns how many strings the dictionary at the front of a piece has.
func localStrings(raw []byte, p *pieceRef) (n int, rest []byte, err error) {
	distinct, size := binary.Uvarint(raw)
	if size <= 0 || distinct > uint64(p.n) {
		return 0, nil, fmt.Errorf("%w: dictionary of %d strings for %d values", colenc.ErrCorrupt, distinct, p.n)
	}
	return int(distinct), raw[size:], nil
}

// readIDs appends the ids of a piece, of size bytes each, to dst.
func (b *block) readIDs(dst []byte, p *pieceRef, size int) ([]byte, error) {
	err := b.read(location{p.off, p.len}, func(raw []byte) error {
		if len(raw) != int(p.n)*size {
			return fmt.Errorf("%w: %d ids in %d bytes", colenc.ErrCorrupt, p.n, len(raw))
		}
		dst = append(dst, raw...)
		return nil
	})
	return dst, err
}

func trailing(rest []byte, err error) error {
	if err == nil && len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes too many", colenc.ErrCorrupt, len(rest))
	}
	return err
}

// ints, strings and ids are readInts, readStrings and readIDs of one chunk through the cache. They
// return nothing where the column has no values.
func (b *block) ints(num, chunk uint32) ([]uint64, error) {
	p, err := b.piece(num, chunk)
	if err != nil || p == nil {
		return nil, err
	}
	return remember(b, num, chunk, func() ([]uint64, int, error) {
		vals, err := b.readInts(make([]uint64, 0, p.n), p)
		return vals, 8 * len(vals), err
	})
}

func (b *block) strings(num, chunk uint32) (*pieceStrings, error) {
	p, err := b.piece(num, chunk)
	if err != nil || p == nil {
		return nil, err
	}
	return remember(b, num, chunk, func() (*pieceStrings, int, error) {
		dict, err := b.dictionary(num)
		if err != nil {
			return nil, 0, err
		}
		s := new(pieceStrings)
		err = b.readStrings(s, dict, p)
		return s, 4*len(s.codes) + s.list.Size(), err
	})
}

func (b *block) ids(num, chunk uint32, size int) ([]byte, error) {
	p, err := b.piece(num, chunk)
	if err != nil || p == nil {
		return nil, err
	}
	return remember(b, num, chunk, func() ([]byte, int, error) {
		ids, err := b.readIDs(make([]byte, 0, int(p.n)*size), p, size)
		return ids, len(ids), err
	})
}
