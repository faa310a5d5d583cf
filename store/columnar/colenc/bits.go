package colenc

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// AppendBits appends numbers with as many bits each as the largest one needs,
// for runs that are read often and have to be unpacked fast:
//
//	byte  bits of a number, 0 to 64
//	...   the numbers one behind the other, lowest bit first, filled up to a byte
func AppendBits(dst []byte, vals []uint64) []byte {
	var all uint64
	for _, v := range vals {
		all |= v
	}
	width := bits.Len64(all)
	dst = append(dst, byte(width))
	var acc uint64 // bits that are not written yet
	have := 0
	for _, v := range vals {
		acc |= v << have
		if have+width < 64 {
			have += width
			continue
		}
		dst = binary.LittleEndian.AppendUint64(dst, acc)
		acc = v >> (64 - have) // 0 if have is 0
		have += width - 64
	}
	for ; have > 0; have -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// Bits reads n numbers that AppendBits wrote from the front of src, appends
// them to dst and returns the rest of src.
func Bits(dst []uint64, src []byte, n int) (vals []uint64, rest []byte, err error) {
	if len(src) == 0 || src[0] > 64 {
		return nil, nil, fmt.Errorf("%w: bad width of packed numbers", ErrCorrupt)
	}
	width := int(src[0])
	src = src[1:]
	if width > 0 && n > 8*len(src)/width {
		return nil, nil, fmt.Errorf("%w: %d packed numbers of %d bits in %d bytes", ErrCorrupt, n, width, len(src))
	}
	size := (n*width + 7) / 8
	mask := uint64(1)<<width - 1 // all ones if width is 64
	at := 0
	for range n {
		v := load64(src[:size], at>>3) >> (at & 7)
		if at&7+width > 64 {
			v |= uint64(src[at>>3+8]) << (64 - at&7)
		}
		dst = append(dst, v&mask)
		at += width
	}
	return dst, src[size:], nil
}

// load64 reads up to 8 bytes from at on, as far as there are any.
func load64(src []byte, at int) uint64 {
	if at+8 <= len(src) {
		return binary.LittleEndian.Uint64(src[at:])
	}
	var v uint64
	for i := len(src) - 1; i >= at; i-- {
		v = v<<8 | uint64(src[i])
	}
	return v
}
