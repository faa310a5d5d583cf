package columnar

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
)

// A write-ahead log is a folder of segments, named by their number: %016x.wal.
// Integers are little-endian, checksums are CRC-32C (Castagnoli).
//
//	segment                              record
//	 0  7  "CLEWWAL"                      0  4  length of the payload
//	 7  1  version: 1                     4  4  checksum of the payload
//	 8  8  number of the segment          8  1  format of the payload: span.Format
//	16  4  checksum of bytes 0 to 15     9  8  time received, unix nanoseconds
//	20     records up to the end         17  4  checksum of bytes 0 to 16, the segment's
//	                                            number (8) and the record's offset (8)
//	                                     21     payload: the request as it came
//
// A record's header has a checksum of its own so that a damaged length is
// never followed, and so that looking for the next record behind damage costs
// little. It covers the record's place because a payload may hold anything, a
// copy of a segment too: bytes that were not written as a record here are
// never taken for one.
const (
	walMagic            = "CLEWWAL"
	walVersion          = 1
	walHeaderSize       = 20
	walRecordHeaderSize = 21
	walRecordFieldsSize = walRecordHeaderSize - 4
	// walMaxPayload bounds what append takes. Readers go by the segment's size alone.
	walMaxPayload = 1 << 30

	walSuffix        = ".wal"
	walDamagedSuffix = ".damaged"
)

var walCRC = crc32.MakeTable(crc32.Castagnoli)

// walName returns the file name of segment seq.
func walName(seq uint64) string { return fmt.Sprintf("%016x%s", seq, walSuffix) }

// walParseName is the reverse of walName, also for a segment that was set aside as damaged.
func walParseName(name string) (seq uint64, damaged, ok bool) {
	base, damaged := strings.CutSuffix(name, walDamagedSuffix)
	seq, err := strconv.ParseUint(strings.TrimSuffix(base, walSuffix), 16, 64)
	return seq, damaged, err == nil && base == walName(seq)
}

// walAppendHeader appends the header of segment seq to b.
func walAppendHeader(b []byte, seq uint64) []byte {
	at := len(b)
	b = append(b, walMagic...)
	b = append(b, walVersion)
	b = binary.LittleEndian.AppendUint64(b, seq)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], walCRC))
}

// walParseHeader returns the version and the number in a segment's header; ok
// is false if b is no header.
func walParseHeader(b []byte) (version byte, seq uint64, ok bool) {
	if len(b) < walHeaderSize || string(b[:len(walMagic)]) != walMagic ||
		crc32.Checksum(b[:16], walCRC) != binary.LittleEndian.Uint32(b[16:]) {
		return 0, 0, false
	}
	return b[7], binary.LittleEndian.Uint64(b[8:]), true
}

// walRecordHeader is what stands before a payload.
type walRecordHeader struct {
	length   uint32
	sum      uint32 // checksum of the payload
	format   span.Format
	received int64 // unix nanoseconds
}

// walPlaced is the memory for the bytes that a record header's checksum is
// made of. Callers keep one, since a local array would be allocated each time.
type walPlaced [walRecordFieldsSize + 16]byte

// sum returns the checksum of the fields of a record header at offset off of segment seq.
func (p *walPlaced) sum(fields []byte, seq uint64, off int64) uint32 {
	copy(p[:walRecordFieldsSize], fields)
	binary.LittleEndian.PutUint64(p[walRecordFieldsSize:], seq)
	binary.LittleEndian.PutUint64(p[walRecordFieldsSize+8:], uint64(off))
	return crc32.Checksum(p[:], walCRC)
}

// append appends h to b, as the header of a record at offset off of segment seq.
func (h walRecordHeader) append(b []byte, p *walPlaced, seq uint64, off int64) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, h.length)
	b = binary.LittleEndian.AppendUint32(b, h.sum)
	b = append(b, byte(h.format))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.received))
	return binary.LittleEndian.AppendUint32(b, p.sum(b[at:], seq, off))
}

// walParseRecordHeader reads the header of a record at offset off of segment
// seq, which is size bytes long; ok is false if b is not one. The length is
// looked at first as it rules out most other bytes at less cost than the checksum.
func walParseRecordHeader(b []byte, p *walPlaced, seq uint64, off, size int64) (h walRecordHeader, ok bool) {
	fields := b[:walRecordFieldsSize]
	h.length = binary.LittleEndian.Uint32(fields)
	if int64(h.length) > size-off-walRecordHeaderSize ||
		p.sum(fields, seq, off) != binary.LittleEndian.Uint32(b[walRecordFieldsSize:]) {
		return h, false
	}
	h.sum = binary.LittleEndian.Uint32(fields[4:])
	h.format = span.Format(fields[8])
	h.received = int64(binary.LittleEndian.Uint64(fields[9:]))
	return h, true
}

// walRecord is one request of the log.
type walRecord struct {
	format   span.Format
	received time.Time
	payload  []byte
}
