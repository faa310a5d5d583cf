package columnar

import (
	"encoding/binary"
	"fmt"

	"github.com/FastFilter/xorfilter"
	"github.com/cespare/xxhash/v2"
)

// A piece with a dictionary of its own has a filter, if that has filterStrings
// strings or more and is none of patterns: a search for a value that is rare reads no piece but those
// that have it, and one in 256 others. It is a binary fuse filter of 8 bits
// (Graf and Lemire, 2022) over the xxHash64 of each string. The filters of a
// column are one section:
//
//	for each piece with a dictionary of its own:
//	uvarint  number of fingerprints, 0: no filter
//	uint64   seed
//	uvarint  length of a segment, a power of two
//	...      the fingerprints, a byte each
const filterStrings = 32

type filter = xorfilter.BinaryFuse[uint8]

// addFilter builds the filter of the strings in w.list.
func (w *blockWriter) addFilter(c *outCol) {
	if w.list.Len() < filterStrings || c.num == colSummaryPattern { // nobody looks for a pattern
		c.filters = append(c.filters, 0)
		return
	}
	w.hashes = w.hashes[:0]
	for i := range w.list.Len() {
		w.hashes = append(w.hashes, xxhash.Sum64(w.list.At(i)))
	}
	f, err := xorfilter.BuildBinaryFuse[uint8](&w.fuse, w.hashes)
	if err != nil { // no seed was found in many tries: then without a filter
		c.filters = append(c.filters, 0)
		return
	}
	c.filters = binary.AppendUvarint(c.filters, uint64(len(f.Fingerprints)))
	c.filters = binary.LittleEndian.AppendUint64(c.filters, f.Seed)
	c.filters = binary.AppendUvarint(c.filters, uint64(f.SegmentLength))
	c.filters = append(c.filters, f.Fingerprints...)
}

// parseFilters returns the filter of each piece of a column, nil for a piece without one.
func parseFilters(raw []byte, pieces []pieceRef) ([]*filter, error) {
	filters := make([]*filter, len(pieces))
	r := reader{src: raw}
	for i := range pieces {
		if pieces[i].mode != pieceLocal {
			continue
		}
		n := r.count()
		if n == 0 {
			continue
		}
		if len(r.src) < 8 {
			r.fail("filter ends early")
			break
		}
		f := &filter{Seed: binary.LittleEndian.Uint64(r.src)}
		r.src = r.src[8:]
		length := r.uvarint()
		if r.err != nil || n > len(r.src) || length == 0 || length > 1<<18 || length&(length-1) != 0 || n%int(length) != 0 || n/int(length) < 3 {
			r.fail("filter of %d fingerprints in segments of %d", n, length)
			break
		}
		f.SegmentLength, f.SegmentLengthMask = uint32(length), uint32(length-1)
		f.SegmentCount = uint32(n)/uint32(length) - 2
		f.SegmentCountLength = f.SegmentCount * f.SegmentLength
		f.Fingerprints = append([]byte(nil), r.src[:n]...)
		r.src = r.src[n:]
		filters[i] = f
	}
	return filters, r.end()
}

// filters returns the filters of a column's pieces; nil if it has none.
func (b *block) filters(c *column) ([]*filter, error) {
	d, err := b.directory()
	if err != nil || d.filters[c.num].len == 0 {
		return nil, err
	}
	return remember(b, c.num, partFilters, func() (list []*filter, size int, err error) {
		err = b.read(d.filters[c.num], func(raw []byte) error {
			list, err = parseFilters(raw, c.pieces)
			return err
		})
		if err != nil {
			return nil, 0, fmt.Errorf("filters of column %s: %w", c.key.Key, err)
		}
		for _, f := range list {
			if size += 8; f != nil {
				size += 64 + len(f.Fingerprints)
			}
		}
		return list, size, nil
	})
}
