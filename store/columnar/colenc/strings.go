package colenc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
)

// Ways in which a list of byte strings is kept.
const (
	stringsPlain = 0 // lengths as AppendInts, then all bytes as AppendBytes
	stringsUUID  = 1 // 36 characters each, as xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in lower case: 16 bytes each
	stringsHex   = 2 // an even number of lower-case hex digits, the same for all: uvarint of half of it, then that many bytes each
)

// List is a list of byte strings in one piece of memory: string i is
// Arena[Ends[i-1]:Ends[i]], unless the list was read and is still packed.
type List struct {
	Arena []byte
	Ends  []uint32

	packed []byte
	size   int // packed bytes of a string, 0: not packed
	uuid   bool
	n      int // strings, if packed
}

// Alphabets are the characters of packed strings.
var Alphabets = []string{hexAlphabet, uuidAlphabet}

const (
	hexAlphabet  = "0123456789abcdef"
	uuidAlphabet = hexAlphabet + "-"
)

// Alphabet returns what the strings are made of: one of Alphabets, or "" if it is not known.
func (l *List) Alphabet() string {
	switch {
	case l.size == 0:
		return ""
	case l.uuid:
		return uuidAlphabet
	}
	return hexAlphabet
}

// Len returns the number of strings.
func (l *List) Len() int {
	if l.size > 0 {
		return l.n
	}
	return len(l.Ends)
}

// Size returns the memory held, in bytes.
func (l *List) Size() int { return len(l.Arena) + 4*len(l.Ends) + len(l.packed) }

// At returns string i; it shares the list's memory if that is not packed.
func (l *List) At(i int) []byte { return l.AppendAt(nil, i) }

// AppendAt is At with memory for the string of a packed list, which is
// overwritten. It is not used for others.
func (l *List) AppendAt(dst []byte, i int) []byte {
	if l.size > 0 {
		packed := l.packed[i*l.size : (i+1)*l.size]
		if l.uuid {
			return appendUUID(dst[:0], packed)
		}
		return appendHex(dst[:0], packed)
	}
	var start uint32
	if i > 0 {
		start = l.Ends[i-1]
	}
	return l.Arena[start:l.Ends[i]:l.Ends[i]]
}

// EachWithPrefix calls f for the strings that begin with prefix, and maybe for others. Packed
// strings are compared as they are.
func (l *List) EachWithPrefix(prefix []byte, f func(i int)) {
	if l.size == 0 {
		for i := range l.Len() {
			if bytes.HasPrefix(l.At(i), prefix) {
				f(i)
			}
		}
		return
	}
	want, ok := l.pack(prefix)
	if !ok {
		return
	}
	for i := range l.n {
		if bytes.HasPrefix(l.packed[i*l.size:(i+1)*l.size], want) {
			f(i)
		}
	}
}

// EachWith calls f for the strings that contain literal, which is not empty, and maybe for others
// or twice. The list is searched in one piece.
func (l *List) EachWith(literal []byte, f func(i int)) {
	if l.size == 0 {
		next := 0
		eachIn(l.Arena, literal, func(at int) (i, end int) {
			skip, _ := slices.BinarySearch(l.Ends[next:], uint32(at)+1)
			next += skip
			return next, int(l.Ends[next])
		}, f)
		return
	}
	needles, ok := l.needles(literal)
	if !ok {
		for i := range l.n {
			f(i)
		}
		return
	}
	for _, needle := range needles {
		eachIn(l.packed, needle, func(at int) (i, end int) { return at / l.size, (at/l.size + 1) * l.size }, f)
	}
}

// eachIn calls f once for each string of text in which needle is found; of tells in which string a
// byte is, and where that ends. It is asked in order.
func eachIn(text, needle []byte, of func(at int) (i, end int), f func(i int)) {
	for at := 0; ; {
		found := bytes.Index(text[at:], needle)
		if found < 0 {
			return
		}
		at += found
		if i, end := of(at); at+len(needle) <= end {
			f(i)
			at = end
		} else {
			at++
		}
	}
}

// needles returns what packed strings that contain literal contain one of; ok is false if that
// cannot be told. Two digits share a byte: without a dash beside them it is open which two.
func (l *List) needles(literal []byte) (needles [][]byte, ok bool) {
	runs := [][]byte{literal}
	if l.uuid {
		runs = bytes.Split(literal, []byte("-"))
	}
	longest := 0
	for i, run := range runs {
		for _, c := range run {
			if hexValue[c] == 0xff {
				return nil, true // no string has it
			}
		}
		if len(run) > len(runs[longest]) {
			longest = i
		}
	}
	digits, lo, hi := runs[longest], 0, 1
	if longest > 0 { // behind a dash
		hi = 0
	} else if len(runs) > 1 { // before one
		lo = len(digits) & 1
		hi = lo
	}
	if len(digits) < hi+2 {
		return nil, false
	}
	for first := lo; first <= hi; first++ {
		n := (len(digits) - first) &^ 1
		needle, _ := appendPacked(nil, digits[first:first+n])
		needles = append(needles, needle)
	}
	return needles, true
}

// pack packs the beginning of a string as this list's strings are packed, but
// for an odd digit at its end; ok is false if none of them can begin so.
func (l *List) pack(prefix []byte) (packed []byte, ok bool) {
	digits := prefix
	if l.uuid {
		digits = make([]byte, 0, len(prefix))
		for i, c := range prefix {
			if dash := i == 8 || i == 13 || i == 18 || i == 23; !dash {
				digits = append(digits, c)
			} else if c != '-' {
				return nil, false
			}
		}
	}
	if len(digits) > 2*l.size {
		return nil, false
	}
	return appendPacked(nil, digits[:len(digits)&^1])
}

// Append adds a string to a list that is not packed.
func (l *List) Append(s []byte) {
	l.Arena = append(l.Arena, s...)
	l.Ends = append(l.Ends, uint32(len(l.Arena)))
}

// Reset empties the list and keeps its memory.
func (l *List) Reset() { *l = List{Arena: l.Arena[:0], Ends: l.Ends[:0]} }

// AppendStrings appends a list; the reader has to know how many strings it has.
// The first byte is one of the ways above.
func AppendStrings(dst []byte, l *List) []byte {
	if n := l.Len(); n >= 8 {
		if packed, ok := packUUIDs(dst, l); ok {
			return packed
		}
		if packed, ok := packHex(dst, l); ok {
			return packed
		}
	}
	lengths := make([]uint64, l.Len())
	var prev uint32
	for i, end := range l.Ends {
		lengths[i] = uint64(end - prev)
		prev = end
	}
	dst = append(dst, stringsPlain)
	dst = AppendInts(dst, lengths)
	return AppendBytes(dst, l.Arena)
}

// Strings reads a list of n strings from the front of src and returns the rest of src.
func Strings(src []byte, n int) (l List, rest []byte, err error) {
	l, rest, err = StringsIn(src, n)
	l.packed = bytes.Clone(l.packed)
	return l, rest, err
}

// StringsIn is Strings for a list that is used no longer than src stays as it is: it may share its memory.
func StringsIn(src []byte, n int) (l List, rest []byte, err error) {
	if len(src) == 0 {
		return l, nil, fmt.Errorf("%w: no header of a list of strings", ErrCorrupt)
	}
	mode, src := src[0], src[1:]
	switch mode {
	case stringsPlain:
		return plainStrings(src, n)
	case stringsUUID:
		return packedStrings(src, n, 16, true)
	case stringsHex:
		half, src, err := uvarint(src, 1<<20)
		if err != nil {
			return l, nil, err
		}
		return packedStrings(src, n, int(half), false)
	}
	return l, nil, fmt.Errorf("%w: unknown kind %d of a list of strings", ErrCorrupt, mode)
}

func plainStrings(src []byte, n int) (l List, rest []byte, err error) {
	lengths, src, err := Ints(nil, src, n)
	if err != nil {
		return l, nil, err
	}
	l.Ends = make([]uint32, n)
	var end uint64
	for i, length := range lengths {
		if length > MaxRaw || end+length > MaxRaw {
			return List{}, nil, fmt.Errorf("%w: string of %d bytes", ErrCorrupt, length)
		}
		end += length
		l.Ends[i] = uint32(end)
	}
	if l.Arena, rest, err = bytesUpTo(nil, src, int(end)); err != nil {
		return List{}, nil, err
	}
	if end != uint64(len(l.Arena)) {
		return l, nil, fmt.Errorf("%w: strings of %d bytes in all, not %d", ErrCorrupt, end, len(l.Arena))
	}
	return l, rest, nil
}

func packedStrings(src []byte, n, size int, uuid bool) (l List, rest []byte, err error) {
	if size == 0 || len(src)/size < n {
		return l, nil, fmt.Errorf("%w: %d bytes for %d packed strings of %d", ErrCorrupt, len(src), n, size)
	}
	return List{packed: src[: n*size : n*size], size: size, uuid: uuid, n: n}, src[n*size:], nil
}

func packUUIDs(dst []byte, l *List) ([]byte, bool) {
	if len(l.Arena) != 36*l.Len() {
		return dst, false
	}
	mark := len(dst)
	dst = append(dst, stringsUUID)
	for i := range l.Len() {
		s := l.At(i)
		if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return dst[:mark], false
		}
		for _, part := range [...][]byte{s[:8], s[9:13], s[14:18], s[19:23], s[24:]} {
			var ok bool
			if dst, ok = appendPacked(dst, part); !ok {
				return dst[:mark], false
			}
		}
	}
	return dst, true
}

func packHex(dst []byte, l *List) ([]byte, bool) {
	size := len(l.At(0))
	if size < 8 || size%2 != 0 || size > 1<<20 || len(l.Arena) != size*l.Len() {
		return dst, false
	}
	mark := len(dst)
	dst = binary.AppendUvarint(append(dst, stringsHex), uint64(size/2))
	for i := range l.Len() {
		s := l.At(i)
		var ok bool
		if len(s) != size {
			return dst[:mark], false
		}
		if dst, ok = appendPacked(dst, s); !ok {
			return dst[:mark], false
		}
	}
	return dst, true
}

const hexDigits = "0123456789abcdef"

// hexValue is the value of a lower-case hex digit, or 0xff.
var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
		if at := bytes.IndexByte([]byte(hexDigits), byte(i)); at >= 0 {
			t[i] = byte(at)
		}
	}
	return t
}()

// appendPacked packs an even number of lower-case hex digits.
func appendPacked(dst, digits []byte) ([]byte, bool) {
	for i := 0; i+1 < len(digits); i += 2 {
		hi, lo := hexValue[digits[i]], hexValue[digits[i+1]]
		if hi|lo == 0xff {
			return dst, false
		}
		dst = append(dst, hi<<4|lo)
	}
	return dst, true
}

// hexPairs is the two digits of each byte, as a little-endian uint16.
var hexPairs = func() (t [256]uint16) {
	for i := range t {
		t[i] = uint16(hexDigits[i>>4]) | uint16(hexDigits[i&15])<<8
	}
	return t
}()

func appendHex(dst, packed []byte) []byte {
	for _, b := range packed {
		dst = binary.LittleEndian.AppendUint16(dst, hexPairs[b])
	}
	return dst
}

func appendUUID(dst, packed []byte) []byte {
	at := len(dst)
	dst = append(dst, "00000000-0000-0000-0000-000000000000"...)
	text, id := (*[36]byte)(dst[at:]), (*[16]byte)(packed)
	for i, b := range id[:4] {
		binary.LittleEndian.PutUint16(text[2*i:], hexPairs[b])
	}
	for i, b := range id[4:6] {
		binary.LittleEndian.PutUint16(text[9+2*i:], hexPairs[b])
	}
	for i, b := range id[6:8] {
		binary.LittleEndian.PutUint16(text[14+2*i:], hexPairs[b])
	}
	for i, b := range id[8:10] {
		binary.LittleEndian.PutUint16(text[19+2*i:], hexPairs[b])
	}
	for i, b := range id[10:] {
		binary.LittleEndian.PutUint16(text[24+2*i:], hexPairs[b])
	}
	return dst
}

func grow[T any](s []T, n int) []T {
	if cap(s)-len(s) < n {
		s = append(make([]T, 0, len(s)+n), s...)
	}
	return s[:len(s)+n]
}

var bufs = sync.Pool{New: func() any { return new([]byte) }}

func getBuf() *[]byte  { return bufs.Get().(*[]byte) }
func putBuf(b *[]byte) { bufs.Put(b) }
