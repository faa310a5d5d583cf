package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Wire types of protobuf, as the low three bits of a tag.
const (
	varint  = 0
	fixed64 = 1
	length  = 2
	group   = 3
	fixed32 = 5
)

// What field returns as end when there is no field.
const (
	badTruncated = -1 - iota
	badVarint
	badTag
	badGroup
)

var errWire = [...]error{
	-badTruncated: errors.New("truncated value"),
	-badVarint:    errors.New("varint of more than 64 bits"),
	-badTag:       errors.New("illegal field number or wire type"),
	-badGroup:     errors.New("malformed group"),
}

// field reads the field of msg that begins at i < len(msg): its tag (number<<3
// | wire type) and where it ends. v is the value of a number and the length of
// a payload, which is msg[end-v:end]. end is negative if the field is malformed.
func field(msg []byte, i int) (tag, v uint64, end int) {
	tag = uint64(msg[i])
	if i++; tag >= 0x80 {
		if tag, i = uvarint(msg, i-1); i < 0 {
			return 0, 0, i
		}
	}
	if tag < 8 || tag > 1<<32-1 {
		return 0, 0, badTag
	}
	switch tag & 7 {
	case varint, length:
		if i < len(msg) && msg[i] < 0x80 {
			v = uint64(msg[i])
			i++
		} else if v, i = uvarint(msg, i); i < 0 {
			return 0, 0, i
		}
		if tag&7 == varint {
			return tag, v, i
		}
		if v > uint64(len(msg)-i) {
			return 0, 0, badTruncated
		}
		return tag, v, i + int(v)
	case fixed64:
		if len(msg)-i < 8 {
			return 0, 0, badTruncated
		}
		return tag, binary.LittleEndian.Uint64(msg[i:]), i + 8
	case fixed32:
		if len(msg)-i < 4 {
			return 0, 0, badTruncated
		}
		return tag, uint64(binary.LittleEndian.Uint32(msg[i:])), i + 4
	case group:
		n := protowire.ConsumeFieldValue(protowire.Number(tag>>3), protowire.StartGroupType, msg[i:])
		if n < 0 {
			return 0, 0, badGroup
		}
		return tag, 0, i + n
	}
	return 0, 0, badTag
}

// uvarint reads a varint at i and returns where it ends, negative if it is malformed.
func uvarint(msg []byte, i int) (v uint64, end int) {
	for shift := 0; i < len(msg); shift += 7 {
		c := msg[i]
		i++
		if c < 0x80 {
			if shift == 63 && c > 1 {
				return 0, badVarint
			}
			return v | uint64(c)<<shift, i
		}
		if shift == 63 {
			return 0, badVarint
		}
		v |= uint64(c&0x7f) << shift
	}
	return 0, badTruncated
}

// wellFormed checks the fields of msg without looking into their payloads.
func wellFormed(msg []byte) error {
	for i := 0; i < len(msg); {
		if _, _, i = field(msg, i); i < 0 {
			return errWire[-i]
		}
	}
	return nil
}

// merge joins the occurrences of a singular message field: protobuf merges
// them, and the merged message is the one that their concatenation encodes.
// The first is not copied, so part must have no capacity beyond its length.
func merge(whole, part []byte) ([]byte, error) {
	if err := wellFormed(part); err != nil {
		return nil, err
	}
	if whole == nil {
		return part, nil
	}
	return append(whole, part...), nil
}

// other judges a tag that no case of a switch names: fields above last are
// unknown and skipped, those up to it are known, and of another wire type.
func other(tag, last uint64) error {
	if tag>>3 > last {
		return nil
	}
	return fmt.Errorf("field %d has wire type %d", tag>>3, tag&7)
}
