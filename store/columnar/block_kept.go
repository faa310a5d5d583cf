package columnar

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/clewhq/clew/store/columnar/colenc"
)

// What is made of a block's chunks for looks that come again (store.Keep) is kept beside the block, in a file of
// its own. It is no part of the block: which traces are told of there depends on what other blocks have, and it can
// be made again at any time. The file is
//
//	magic     "CLEWKPT" 01   the last byte is the format version
//	uint64    size of the block
//	uint32    checksum of the block's footer
//	uvarint   number of entries; for each, ascending by purpose, chunk, hash:
//	            uint64   xxHash64 of what it was made for (store.Keep.As)
//	            uvarint  the first chunk
//	            uint64   hash that tells apart what it was made of, see looker.hashOfPart
//	            uvarint  length; the bytes
//	uint32    checksum of all before

const (
	keptMagic  = "CLEWKPT\x01"
	keptSuffix = ".kept"
	// keptShare is what part of a block's size the file may take: this is the divisor. Small ones may take leastKept.
	keptShare = 100
	leastKept = 64 << 10
)

// keptParts are the entries of the file.
type keptParts map[keptKey][]byte

type keptKey struct {
	purpose uint64
	chunk   uint32
	made    uint64
}

func (k keptKey) compare(other keptKey) int {
	return cmp.Or(cmp.Compare(k.purpose, other.purpose), cmp.Compare(k.chunk, other.chunk), cmp.Compare(k.made, other.made))
}

func (b *block) keptPath() string { return strings.TrimSuffix(b.path, blockSuffix) + keptSuffix }

// keptRoom returns how many bytes of entries are kept of a block.
func (b *block) keptRoom() int64 { return max(b.size/keptShare, leastKept) }

// What the file takes at most beside the bytes of entries: once, and for each.
const (
	keptHeader    = int64(len(keptMagic)) + 8 + 4 + binary.MaxVarintLen32 + crcSize
	keptEntrySize = 2*8 + 2*binary.MaxVarintLen32
)

// add adds an entry, for which it takes of the room: without its bytes if they are too many, so that they are not made again.
func (p keptParts) add(key keptKey, packed []byte, room *int64) {
	if *room -= keptEntrySize; int64(len(packed)) > *room {
		packed = nil
	}
	*room -= int64(len(packed))
	p[key] = packed
}

// append writes the file of a block to dst.
func (p keptParts) append(dst []byte, b *block) []byte {
	dst = append(dst, keptMagic...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.size))
	dst = binary.LittleEndian.AppendUint32(dst, b.sum)
	dst = binary.AppendUvarint(dst, uint64(len(p)))
	for _, k := range slices.SortedFunc(maps.Keys(p), keptKey.compare) {
		dst = binary.LittleEndian.AppendUint64(dst, k.purpose)
		dst = binary.AppendUvarint(dst, uint64(k.chunk))
		dst = binary.LittleEndian.AppendUint64(dst, k.made)
		dst = binary.AppendUvarint(dst, uint64(len(p[k])))
		dst = append(dst, p[k]...)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

// parseKept reads the file of a block. The entries are parts of data.
func parseKept(data []byte, b *block) (keptParts, error) {
	if len(data) < len(keptMagic) || string(data[:7]) != keptMagic[:7] {
		return nil, fmt.Errorf("%w: not a file of what is kept of a block", colenc.ErrCorrupt)
	}
	if data[7] != keptMagic[7] {
		return nil, nil // of another version: it will be replaced
	}
	raw, err := checksum(data)
	if err != nil {
		return nil, err
	}
	r := reader{src: raw[len(keptMagic):]}
	size, sum := r.fixed64(), r.fixed32()
	if r.err == nil && (size != uint64(b.size) || sum != b.sum) {
		r.fail("it is of another block")
	}
	list := keptParts{}
	for range r.count() {
		k := keptKey{purpose: r.fixed64(), chunk: uint32(r.number(maxBlockChunks)), made: r.fixed64()}
		list[k] = r.bytes(r.count())
	}
	return list, r.end()
}

// kept returns what is kept of the block; nothing if the file is not there.
func (b *block) kept() (keptParts, error) {
	return remember(b, partKept, wholePart, func() (list keptParts, size int, err error) {
		data, err := b.readKept()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, 0, nil
		}
		if err == nil {
			list, err = parseKept(data, b)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", b.keptPath(), err)
		}
		return list, len(data) + 64*len(list), nil
	})
}

func (b *block) readKept() ([]byte, error) {
	f, err := b.fs.OpenFile(b.keptPath(), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if most := keptHeader + b.keptRoom(); info.Size() > most {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", colenc.ErrCorrupt, info.Size(), most)
	}
	data := make([]byte, info.Size())
	b.cache.read.Add(uint64(len(data)))
	_, err = f.ReadAt(data, 0)
	return data, err
}

// writeKept replaces the file. It need not outlive a power cut, but is then whole or not there.
func (b *block) writeKept(list keptParts) error {
	path := b.keptPath()
	tmp := path + tmpSuffix
	f, err := b.fs.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(list.append(nil, b))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = b.fs.Rename(tmp, path)
	}
	if err != nil {
		_ = b.fs.Remove(tmp) // the next start removes it otherwise
		return fmt.Errorf("%s: %w", path, err)
	}
	b.cache.entries.Invalidate(cacheKey{block: b, part: partKept, chunk: wholePart})
	return nil
}
