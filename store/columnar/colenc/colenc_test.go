package colenc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestIntsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ramp := make([]uint64, 5000)
	noise := make([]uint64, 5000)
	signed := make([]uint64, 5000)
	for i := range ramp {
		ramp[i] = 1_700_000_000_000_000_000 + uint64(i)*1000
		noise[i] = rng.Uint64() >> rng.IntN(64)
		signed[i] = uint64(rng.Int64N(2000) - 1000)
	}
	for name, vals := range map[string][]uint64{
		"none": {}, "one": {7}, "zero": {0, 0, 0}, "same": {9, 9, 9, 9},
		"extremes": {0, math.MaxUint64, 1 << 63, 1}, "ramp": ramp, "noise": noise, "signed": signed,
	} {
		enc := AppendInts([]byte("x"), vals)
		got, rest, err := Ints(nil, append(enc[1:], "tail"...), len(vals))
		if err != nil || !slices.Equal(got, vals) || string(rest) != "tail" {
			t.Errorf("%s: got %d numbers, rest %q, error %v", name, len(got), rest, err)
		}
	}
	if n := len(AppendInts(nil, ramp)); n > 200 {
		t.Errorf("an even ramp of 5000 numbers takes %d bytes", n)
	}
	if n := len(AppendInts(nil, signed)); n > 6950 {
		t.Errorf("5000 numbers of ±1000 take %d bytes", n)
	}
}

func TestStringsRoundTrip(t *testing.T) {
	uuids, hexes, mixed := List{}, List{}, List{}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		a, b := rng.Uint64(), rng.Uint64()
		uuids.Append(fmt.Appendf(nil, "%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff))
		hexes.Append(fmt.Appendf(nil, "%016x", a))
		mixed.Append([]byte(strings.Repeat("x", rng.IntN(5))))
	}
	upper := List{}
	for i := range 100 {
		upper.Append(bytes.ToUpper(uuids.At(i)))
	}
	for _, c := range []struct {
		name string
		list List
		most int
	}{
		{"none", List{}, 16}, {"uuids", uuids, 6_410}, {"hex", hexes, 3_210}, {"mixed", mixed, 700}, {"upper", upper, 4_000},
	} {
		enc := AppendStrings(nil, &c.list)
		if len(enc) > c.most {
			t.Errorf("%s: %d bytes, expected at most %d", c.name, len(enc), c.most)
		}
		got, rest, err := Strings(append(enc, 1, 2, 3), c.list.Len())
		if err != nil || len(rest) != 3 || got.Len() != c.list.Len() {
			t.Fatalf("%s: %d strings, %d bytes left, error %v", c.name, got.Len(), len(rest), err)
		}
		for i := range got.Len() {
			checkPrefix(t, &got, i, []byte("0a"))
			checkLiteral(t, &got, i, []byte("0a-e"))
			if !bytes.Equal(got.At(i), c.list.At(i)) {
				t.Fatalf("%s: string %d is %q, expected %q", c.name, i, got.At(i), c.list.At(i))
			}
		}
	}
}

// FuzzRoundTrip cuts the input into numbers and strings; what was encoded must come back.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("039e1b3c-19a1-99bc-ab6e-db98823afcca"), uint8(8))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 64), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var vals []uint64
		for at := 0; at+8 <= len(data); at += 8 {
			vals = append(vals, binary.LittleEndian.Uint64(data[at:])>>(size%64))
		}
		var l List
		for part := range slices.Chunk(data, int(size)+1) {
			l.Append(part)
		}
		enc := AppendInts(nil, vals)
		got, rest, err := Ints(nil, enc, len(vals))
		if err != nil || len(rest) != 0 || !slices.Equal(got, vals) {
			t.Fatalf("numbers %v came back as %v, rest %d, %v", vals, got, len(rest), err)
		}
		if limit := slices.Max(append(vals, 0)) + 1; limit < 1<<32 && limit > 0 {
			codes, _, err := Codes(nil, enc, len(vals), uint32(limit))
			if err != nil || len(codes) != len(vals) {
				t.Fatalf("codes: %v", err)
			}
			for i, c := range codes {
				if uint64(c) != vals[i] {
					t.Fatalf("code %d is %d, expected %d", i, c, vals[i])
				}
			}
		}
		packed := AppendBits(nil, vals)
		if got, rest, err := Bits(nil, packed, len(vals)); err != nil || len(rest) != 0 || !slices.Equal(got, vals) {
			t.Fatalf("bits: %v came back as %v, rest %d, %v", vals, got, len(rest), err)
		}
		senc := AppendStrings(nil, &l)
		back, rest, err := Strings(senc, l.Len())
		if err != nil || len(rest) != 0 || back.Len() != l.Len() {
			t.Fatalf("strings: rest %d, %v", len(rest), err)
		}
		for i := range l.Len() {
			if !bytes.Equal(back.At(i), l.At(i)) {
				t.Fatalf("string %d is %q, expected %q", i, back.At(i), l.At(i))
			}
			if i%(l.Len()/10+1) == 0 { // each of these looks at all of them
				checkPrefix(t, &back, i, data)
				checkLiteral(t, &back, i, data)
			}
		}
	})
}

// checkPrefix asks for a beginning of string i, and for some bytes of data.
func checkPrefix(t *testing.T, l *List, i int, data []byte) {
	s := l.At(i)
	for _, prefix := range [][]byte{s[:len(s)/2], s, data[:min(len(data), 3)]} {
		found := make([]bool, l.Len())
		l.EachWithPrefix(prefix, func(i int) { found[i] = true })
		for j := range l.Len() {
			if bytes.HasPrefix(l.At(j), prefix) && !found[j] {
				t.Fatalf("%q is not found by its prefix %q", l.At(j), prefix)
			}
		}
	}
}

// checkLiteral asks for parts of string i, and for some bytes of data.
func checkLiteral(t *testing.T, l *List, i int, data []byte) {
	s := l.At(i)
	lo := 7 * i % (len(s) + 1)
	for _, literal := range [][]byte{s, s[lo:], s[lo:min(len(s), lo+1+i%11)], data[:min(len(data), 1+i%4)]} {
		if len(literal) == 0 {
			continue
		}
		found := make([]bool, l.Len())
		l.EachWith(literal, func(i int) { found[i] = true })
		for j := range l.Len() {
			if bytes.Contains(l.At(j), literal) && !found[j] {
				t.Fatalf("%q is not found by %q", l.At(j), literal)
			}
			if !bytes.Contains(l.At(j), literal) && found[j] && l.size == 0 {
				t.Fatalf("%q is found by %q", l.At(j), literal)
			}
		}
	}
}

func TestEachWithPassesOverOtherStrings(t *testing.T) {
	uuids := List{}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		uuids.Append(fmt.Appendf(nil, "%08x-%04x-%04x-%04x-%012x", rng.Uint32(), 1, 2, 3, rng.Uint64N(1<<48)))
	}
	packed, _, err := Strings(AppendStrings(nil, &uuids), uuids.Len())
	if err != nil || packed.size != 16 {
		t.Fatalf("not packed: %v", err)
	}
	s := string(uuids.At(7))
	for _, c := range []struct {
		literal string
		most    int
	}{
		{s, 1}, {s[1:], 1}, {s[24:], 1}, {s[25:34], 1}, {s[20:33], 1}, {"0002-0003-", 1000}, {"-" + s[30:33], 200},
		{"1-0", 1000}, {"-", 1000}, {s[:7] + "g", 0}, {"0A", 0},
	} {
		n := 0
		packed.EachWith([]byte(c.literal), func(int) { n++ })
		if n > c.most {
			t.Errorf("%q: looks at %d strings, expected at most %d", c.literal, n, c.most)
		}
	}
}

// FuzzDamaged feeds arbitrary bytes to every decoder: an error or a result of the right length, no panic.
func FuzzDamaged(f *testing.F) {
	f.Add(AppendInts(nil, []uint64{1, 5, 9, 1 << 40}), uint16(4))
	f.Add(AppendBytes(nil, bytes.Repeat([]byte("abc"), 50)), uint16(150))
	f.Add(AppendStrings(nil, &List{Arena: []byte("abcdef"), Ends: []uint32{2, 4, 6}}), uint16(3))
	f.Fuzz(func(t *testing.T, data []byte, n uint16) {
		if v, _, err := Ints(nil, data, int(n)); err == nil && len(v) != int(n) {
			t.Errorf("%d numbers, expected %d", len(v), n)
		}
		if v, _, err := Bits(nil, data, int(n)); err == nil && len(v) != int(n) {
			t.Errorf("%d numbers, expected %d", len(v), n)
		}
		if v, _, err := Codes(nil, data, int(n), 1000); err == nil {
			if len(v) != int(n) || n > 0 && slices.Max(v) >= 1000 {
				t.Errorf("%d codes, expected %d below 1000", len(v), n)
			}
		}
		if l, _, err := Strings(data, int(n)); err == nil && l.Len() != int(n) {
			t.Errorf("%d strings, expected %d", l.Len(), n)
		}
		if b, rest, err := bytesUpTo(nil, data, 1<<20); err == nil && len(rest) > len(data) { // Bytes makes a gigabyte of some
			t.Errorf("%d bytes, %d left of %d", len(b), len(rest), len(data))
		}
	})
}

func BenchmarkInts(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	codes, durations := make([]uint64, 4096), make([]uint64, 4096)
	for i := range codes {
		codes[i] = uint64(rng.IntN(40) * rng.IntN(2))
		durations[i] = rng.Uint64() >> (40 + rng.IntN(10))
	}
	for name, vals := range map[string][]uint64{"codes": codes, "durations": durations} {
		var e IntEncoder
		enc := AppendInts(nil, vals)
		b.Run(name+"/encode", func(b *testing.B) {
			var dst []byte
			for b.Loop() {
				dst = e.Append(dst[:0], vals)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/value")
			b.ReportMetric(float64(len(enc))/4096, "B/value")
		})
		b.Run(name+"/decode", func(b *testing.B) {
			var dst []uint64
			for b.Loop() {
				dst, _, _ = Ints(dst[:0], enc, 4096)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/value")
		})
	}
}
