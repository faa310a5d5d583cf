package colenc

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A run of integers is kept as byte planes: all lowest bytes, then all second
// bytes, and so on, each plane compressed by itself. Before that it is made
// small: less its minimum, or as differences, as zigzag numbers where some are
// negative.
const (
	intsPlanes = 0x0f // mask: number of planes, 0 to 8
	intsZigzag = 0x10 // numbers were zigzagged: 0, -1, 1, -2 …
	intsDelta  = 0x20 // each number is the zigzagged difference from the one before, the first from 0
)

// AppendInts appends a run of numbers; the reader has to know how many.
//
//	byte     number of planes (0 to 8), plus 0x10 zigzag or 0x20 differences
//	uvarint  base, which was subtracted from each number
//	...      each plane as AppendBytes, lowest first
func AppendInts(dst []byte, vals []uint64) []byte {
	var s intScratch
	return s.append(dst, vals)
}

// IntEncoder is AppendInts with its working memory kept from call to call.
type IntEncoder struct{ s intScratch }

// Append is AppendInts.
func (e *IntEncoder) Append(dst []byte, vals []uint64) []byte {
	return e.s.append(dst, vals)
}

type intScratch struct {
	work  []uint64
	plane []byte
}

func (s *intScratch) append(dst []byte, vals []uint64) []byte {
	head, base, work := s.transform(vals)
	var all uint64
	for _, v := range work {
		all |= v
	}
	planes := (bits.Len64(all) + 7) / 8
	dst = append(dst, head|byte(planes))
	dst = binary.AppendUvarint(dst, base)
	if cap(s.plane) < len(work) {
		s.plane = make([]byte, len(work)+len(work)/4)
	}
	plane := s.plane[:len(work)]
	for p := range planes {
		shift := 8 * p
		for i, v := range work {
			plane[i] = byte(v >> shift)
		}
		dst = AppendBytes(dst, plane)
	}
	return dst
}

// transform chooses how to make the numbers small and returns them less their base.
func (s *intScratch) transform(vals []uint64) (head byte, base uint64, work []uint64) {
	if len(vals) == 0 {
		return 0, 0, nil
	}
	if cap(s.work) < len(vals) {
		s.work = make([]uint64, len(vals)+len(vals)/4)
	}
	work = s.work[:len(vals)]
	minimum, maximum, prev := vals[0], vals[0], uint64(0)
	var deltaBits, plainBits int
	negative := false
	for _, v := range vals {
		minimum, maximum = min(minimum, v), max(maximum, v)
		negative = negative || int64(v) < 0
		deltaBits += bits.Len64(zigzag(v - prev))
		prev = v
	}
	spread := maximum - minimum
	if negative {
		head = intsZigzag
		lo, hi := zigzag(vals[0]), zigzag(vals[0])
		for i, v := range vals {
			work[i] = zigzag(v)
			lo, hi = min(lo, work[i]), max(hi, work[i])
		}
		if hi-lo < spread {
			minimum = lo
		} else {
			head = 0
			copy(work, vals)
		}
	} else {
		copy(work, vals)
	}
	for _, v := range work {
		plainBits += bits.Len64(v - minimum)
	}
	if deltaBits+8*len(vals) < plainBits { // differences have to save a byte a number to be worth it
		prev = 0
		for i, v := range vals {
			work[i] = zigzag(v - prev)
			prev = v
		}
		return intsDelta, 0, work
	}
	if minimum != 0 {
		for i := range work {
			work[i] -= minimum
		}
	}
	return head, minimum, work
}

func zigzag(v uint64) uint64   { return v<<1 ^ uint64(int64(v)>>63) }
func unzigzag(v uint64) uint64 { return v>>1 ^ -(v & 1) }

// Ints reads n numbers that AppendInts wrote from the front of src, appends them to dst and
// returns the rest of src.
func Ints(dst []uint64, src []byte, n int) (vals []uint64, rest []byte, err error) {
	head, base, src, err := intsHead(src)
	if err != nil {
		return nil, nil, err
	}
	buf := getBuf()
	defer putBuf(buf)
	var p planes
	if src, err = p.read(src, int(head&intsPlanes), n, buf); err != nil {
		return nil, nil, err
	}
	at := len(dst)
	dst = grow(dst, n)
	out := dst[at:]
	weave(out, &p, int(head&intsPlanes), base)
	restore(out, head)
	return dst, src, nil
}

// planes are the byte planes of a run of numbers, lowest first.
type planes [8][]byte

// read reads k planes of n bytes each. Those that are not raw are unpacked to buf.
func (p *planes) read(src []byte, k, n int, buf *[]byte) (rest []byte, err error) {
	if cap(*buf) < k*n {
		*buf = make([]byte, 0, min(k*n, 8*MaxRaw))
	}
	memory := (*buf)[:0]
	for i := range k {
		at := len(memory)
		p[i], src, err = bytesIn(memory[at:at:cap(memory)], src, n)
		if err != nil {
			return nil, err
		}
		if len(p[i]) != n {
			return nil, fmt.Errorf("%w: plane of %d numbers, not %d", ErrCorrupt, len(p[i]), n)
		}
		memory = memory[:min(at+n, cap(memory))]
	}
	return src, nil
}

// weave makes numbers of k planes and adds base to each.
func weave[T uint32 | uint64](out []T, p *planes, k int, base T) {
	n := len(out)
	for i := range k {
		p[i] = p[i][:n]
	}
	a, b, c := p[0], p[1], p[2]
	switch k {
	case 0:
		for i := range out {
			out[i] = base
		}
	case 1:
		for i := range out {
			out[i] = base + T(a[i])
		}
	case 2:
		for i := range out {
			out[i] = base + (T(a[i]) | T(b[i])<<8)
		}
	case 3:
		for i := range out {
			out[i] = base + (T(a[i]) | T(b[i])<<8 | T(c[i])<<16)
		}
	default:
		d := p[3]
		for i := range out {
			out[i] = base + (T(a[i]) | T(b[i])<<8 | T(c[i])<<16 | T(d[i])<<24)
		}
		for j := 4; j < k; j++ {
			for i, b := range p[j] {
				out[i] += T(b) << (8 * j)
			}
		}
	}
}

// restore undoes what made the numbers small.
func restore(out []uint64, head byte) {
	switch {
	case head&intsDelta != 0:
		var v uint64
		for i, d := range out {
			v += unzigzag(d)
			out[i] = v
		}
	case head&intsZigzag != 0:
		for i, v := range out {
			out[i] = unzigzag(v)
		}
	}
}

func intsHead(src []byte) (head byte, base uint64, rest []byte, err error) {
	if len(src) == 0 {
		return 0, 0, nil, fmt.Errorf("%w: no header of a run of numbers", ErrCorrupt)
	}
	head = src[0]
	if head&intsPlanes > 8 || head&^(intsPlanes|intsZigzag|intsDelta) != 0 || head&intsZigzag != 0 && head&intsDelta != 0 {
		return 0, 0, nil, fmt.Errorf("%w: header %#x of a run of numbers", ErrCorrupt, head)
	}
	base, n := binary.Uvarint(src[1:])
	if n <= 0 {
		return 0, 0, nil, fmt.Errorf("%w: bad base of a run of numbers", ErrCorrupt)
	}
	return head, base, src[1+n:], nil
}

// Codes reads n small numbers (dictionary codes) like Ints, as 32 bits. It is an error if one is
// limit or more.
func Codes(dst []uint32, src []byte, n int, limit uint32) (codes []uint32, rest []byte, err error) {
	head, base, src, err := intsHead(src)
	if err != nil {
		return nil, nil, err
	}
	if head&^intsPlanes != 0 || head&intsPlanes > 4 || base > uint64(limit) {
		wide, rest, err := wideCodes(head, base, src, n)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range wide {
			if v >= uint64(limit) {
				return nil, nil, fmt.Errorf("%w: code %d of %d", ErrCorrupt, v, limit)
			}
			dst = append(dst, uint32(v))
		}
		return dst, rest, nil
	}
	buf := getBuf()
	defer putBuf(buf)
	var p planes
	if src, err = p.read(src, int(head&intsPlanes), n, buf); err != nil {
		return nil, nil, err
	}
	at := len(dst)
	dst = grow(dst, n)
	out := dst[at:]
	weave(out, &p, int(head&intsPlanes), uint32(base))
	var top uint32
	for _, c := range out {
		top = max(top, c)
	}
	if n > 0 && top >= limit {
		return nil, nil, fmt.Errorf("%w: code %d of %d", ErrCorrupt, top, limit)
	}
	return dst, src, nil
}

func wideCodes(head byte, base uint64, src []byte, n int) ([]uint64, []byte, error) {
	whole := append([]byte{head}, binary.AppendUvarint(nil, base)...)
	return Ints(nil, append(whole, src...), n)
}
