package columnar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
)

// TestWALFlippedBits flips each bit of a small segment, first as the last of
// the log, then as one in the middle: every record comes back but the one that
// was hit, and nothing is thrown away but the end of the log.
func TestWALFlippedBits(t *testing.T) {
	for _, last := range []bool{true, false} {
		clean := newFSMem()
		want := walTestFill(clean, 1, 3, 0, 9)
		segment := clean.read(walTestPath(1))
		ends := walTestEnds(want)
		if !last {
			want = append(want, walTestFill(clean, 2, 4)...)
		}
		for bit := range 8 * len(segment) {
			mem := clean.powerCut(nil)
			hurt := bytes.Clone(segment)
			hurt[bit/8] ^= 1 << (bit % 8)
			mem.put(walTestPath(1), hurt)

			hit := 0 // record; -1 for the segment's header
			for hit < len(ends) && bit/8 >= ends[hit] {
				hit++
			}
			hit--
			left, lost := slices.Clone(want), int64(walHeaderSize)
			if hit >= 0 {
				left = slices.Delete(left, hit, hit+1)
				lost = walRecordHeaderSize + int64(len(want[hit].payload))
			}
			torn := int64(0)
			if last && hit == 2 {
				lost, torn = 0, lost
			}
			got, sum := walTestReplay(t, mem, 0)
			walTestCompare(t, got, left)
			if sum.lost != lost || sum.torn != torn || len(sum.damaged) == 1 != (lost > 0) {
				t.Errorf("last %v, bit %d of byte %d: %+v, want %d bytes lost, %d torn", last, bit%8, bit/8, sum, lost, torn)
			}
			if lost > 0 && !bytes.Equal(mem.read(walTestPath(1)+walDamagedSuffix), hurt) {
				t.Errorf("last %v, bit %d of byte %d: the damaged segment was changed", last, bit%8, bit/8)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// walTestEnds returns where the header and each of the records of a segment end.
func walTestEnds(records []walRecord) []int {
	ends := []int{walHeaderSize}
	for _, r := range records {
		ends = append(ends, ends[len(ends)-1]+walRecordHeaderSize+len(r.payload))
	}
	return ends
}

// TestWALTornTail cuts a segment off at each of its bytes. All records before
// the cut come back, the log goes on, and the cut is no damage at its end.
func TestWALTornTail(t *testing.T) {
	for _, last := range []bool{true, false} {
		clean := newFSMem()
		first := walTestFill(clean, 1, 3, 0, 9)
		segment := clean.read(walTestPath(1))
		ends := walTestEnds(first)
		var second []walRecord
		if !last {
			second = walTestFill(clean, 2, 4)
		}
		for size := range segment {
			mem := clean.powerCut(nil)
			mem.put(walTestPath(1), segment[:size])
			n, tail := 0, size // records before the cut, and the bytes behind them
			for n < len(ends) && ends[n] <= size {
				tail = size - ends[n]
				n++
			}
			want := append(slices.Clone(first[:max(n-1, 0)]), second...)

			l := walTestOpen(t, mem, walOptions{})
			got, sum := l.replayAll(0)
			walTestCompare(t, got, want)
			damage := !last && n > 0 && tail > 0
			if sum.lost+sum.torn != int64(tail) || (sum.lost > 0) != damage || (len(sum.damaged) > 0) != damage {
				t.Errorf("last %v, cut at %d: %+v, want damage %v of %d bytes", last, size, sum, damage, tail)
			}
			l.add(11)
			l.mustClose()
			got, sum = walTestReplay(t, mem, 0)
			walTestCompare(t, got, append(want, l.want...))
			if !damage && sum.lost+sum.torn != 0 {
				t.Errorf("last %v, cut at %d: a second replay finds %+v", last, size, sum)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// TestWALDamagedIsKept: a segment that was set aside is replayed until a block
// covers it, and outlives that.
func TestWALDamagedIsKept(t *testing.T) {
	mem := newFSMem()
	want := walTestFill(mem, 1, 3, 4, 5)
	hurt := mem.read(walTestPath(1))
	hurt[walHeaderSize+walRecordHeaderSize] ^= 0x80
	mem.put(walTestPath(1), hurt)

	for range 2 {
		l := walTestOpen(t, mem, walOptions{})
		got, sum := l.replayAll(0)
		walTestCompare(t, got, want[1:])
		if sum.lost != walRecordHeaderSize+3 || fmt.Sprint(sum.damaged) != "["+walTestPath(1)+walDamagedSuffix+"]" {
			t.Errorf("replay: %+v", sum)
		}
		l.mustClose()
	}
	l := walTestOpen(t, mem, walOptions{})
	l.replayAll(0)
	l.add(1)
	if err := l.removeThrough(l.rotate()); err != nil {
		t.Fatal(err)
	}
	if files := walTestFiles(t, mem); files != "1.wal.damaged" || l.size() != 0 {
		t.Errorf("files %s, size %d", files, l.size())
	}
	l.mustClose()
	if got, sum := walTestReplay(t, mem, 3); len(got) != 0 || sum.segments != 0 {
		t.Errorf("replay of what a block covers: %d records, %+v", len(got), sum)
	}
}

// TestWALDamagedAtEnd: a segment that was set aside stays whole when it has
// become the last of the log, where its damage looks like a torn tail.
func TestWALDamagedAtEnd(t *testing.T) {
	mem := newFSMem()
	want := walTestFill(mem, 1, 3, 4)
	hurt := mem.read(walTestPath(1))
	hurt[len(hurt)-1] ^= 1
	mem.put(walTestPath(1), hurt)
	mem.put(walTestPath(2), walTestHeader(2)) // is removed, as it is empty
	for range 2 {
		got, sum := walTestReplay(t, mem, 0)
		walTestCompare(t, got, want[:1])
		if sum.lost == 0 || sum.torn != 0 {
			t.Errorf("replay: %+v", sum)
		}
		if !bytes.Equal(mem.read(walTestPath(1)+walDamagedSuffix), hurt) {
			t.Error("the damaged segment was changed")
		}
	}
}

// TestWALLargeDamage: behind damage in a record of several reads the next is found.
func TestWALLargeDamage(t *testing.T) {
	for _, at := range []int{0, 1, 3*walReadAhead - 1} {
		mem := newFSMem()
		want := walTestFill(mem, 1, 10, 3*walReadAhead, 20, 2*walReadAhead)
		hurt := mem.read(walTestPath(1))
		hurt[walTestEnds(want)[1]+walRecordHeaderSize+at] ^= 1
		mem.put(walTestPath(1), hurt)
		got, _ := walTestReplay(t, mem, 0)
		walTestCompare(t, got, slices.Delete(want, 1, 2))
	}
}

// TestWALPlace: a record counts only at its own place. A payload that holds a
// copy of a segment, and a segment under another's name, give no records.
func TestWALPlace(t *testing.T) {
	mem := newFSMem()
	walTestFill(mem, 1, 5, 6)
	inner := mem.read(walTestPath(1))
	outer := walRecord{span.FormatOTLPProto, walTestRecord(0, 0).received, inner}
	segment := walTestAppend(walTestHeader(1), 1, outer)
	segment[walHeaderSize] ^= 1 // so that the payload is searched for records
	mem.put(walTestPath(1), segment)
	mem.put(walTestPath(2), inner)
	got, sum := walTestReplay(t, mem, 0)
	if len(got) != 0 || sum.lost != int64(len(segment)-walHeaderSize+len(inner)) || len(sum.damaged) != 2 {
		t.Errorf("%d records, %+v; want none, and two damaged segments", len(got), sum)
	}
}

// FuzzWALReplay damages a log as edits says and replays it. What comes back is
// exactly what still lies where it was written, in order; the same again the
// next time; and the log takes new records.
func FuzzWALReplay(f *testing.F) {
	f.Add([]byte{3, 0, 9}, []byte{})
	f.Add([]byte{3, 0, 9, 251, 40}, []byte{0, 0, 0, 30, 1})
	f.Add([]byte{200, 3, 120, 8, 9}, []byte{1, 1, 0, 30, 0})
	f.Add([]byte{30, 30, 64, 30, 30}, []byte{2, 0, 0, 0, 60, 3, 1, 0, 25, 9})
	f.Add([]byte{30, 255, 30, 64, 255}, []byte{4, 0, 0, 25, 7, 0, 1, 0, 7, 1})
	f.Fuzz(func(t *testing.T, spec, edits []byte) {
		mem := newFSMem()
		var log []walTestSegment
		for i := 0; i < min(len(spec), 16); {
			s := walTestSegment{seq: uint64(len(log) + 1)}
			i += s.build(spec[i:min(len(spec), 16)])
			log = append(log, s)
		}
		if len(log) == 0 {
			return
		}
		for ; len(edits) >= 5; edits = edits[5:] {
			log[int(edits[1])%len(log)].edit(edits)
		}
		var want []walRecord
		for _, s := range log {
			want = append(want, s.intact()...)
			mem.put(walTestPath(s.seq), s.now)
		}

		got, _ := walTestReplay(t, mem, 0)
		walTestCompare(t, got, want)
		l := walTestOpen(t, mem, walOptions{})
		got, _ = l.replayAll(0)
		walTestCompare(t, got, want)
		l.add(20)
		l.mustClose()
		got, _ = walTestReplay(t, mem, 0)
		walTestCompare(t, got, append(want, l.want...))
	})
}

// walTestSegment is a segment that is damaged after it was written.
type walTestSegment struct {
	seq      uint64
	records  []walRecord
	was, now []byte
}

// build writes a record for each byte of spec, up to one that ends the segment,
// and returns how many bytes it used.
func (s *walTestSegment) build(spec []byte) int {
	s.was = walTestHeader(s.seq)
	used := 0
	for _, b := range spec {
		used++
		r := walTestRecord(int(s.seq)<<8+used, int(b%64))
		if b >= 250 { // a payload that looks like the log itself
			r.payload = bytes.Clone(s.was)
		}
		s.was = walTestAppend(s.was, s.seq, r)
		s.records = append(s.records, r)
		if b >= 64 && b < 128 {
			break
		}
	}
	s.now = bytes.Clone(s.was)
	return used
}

// edit damages the segment: e is what, segment, place (2), amount.
func (s *walTestSegment) edit(e []byte) {
	at := min(int(binary.BigEndian.Uint16(e[2:])), len(s.now))
	n := min(int(e[4]), len(s.now)-at)
	switch e[0] % 5 {
	case 0: // flip bits
		if at < len(s.now) {
			s.now[at] ^= e[4]
		}
	case 1: // cut off
		s.now = s.now[:at]
	case 2: // lose a block
		clear(s.now[at : at+n])
	case 3: // bytes that come from nowhere
		s.now = slices.Insert(s.now, at, bytes.Repeat(e[:1], int(e[4]))...)
	case 4: // bytes that go missing
		s.now = slices.Delete(s.now, at, at+n)
	}
}

// intact returns the records that still lie where they were written.
func (s *walTestSegment) intact() []walRecord {
	var left []walRecord
	ends := walTestEnds(s.records)
	for i, r := range s.records {
		if ends[i+1] <= len(s.now) && bytes.Equal(s.now[ends[i]:ends[i+1]], s.was[ends[i]:ends[i+1]]) {
			left = append(left, r)
		}
	}
	return left
}

// FuzzWALScan reads any bytes as a segment. A record is at a place exactly if
// encoding it again there gives the same bytes.
func FuzzWALScan(f *testing.F) {
	segment := walTestHeader(1)
	f.Add(bytes.Clone(segment))
	for i, size := range []int{3, 0, 40} {
		segment = walTestAppend(segment, 1, walTestRecord(i, size))
		f.Add(bytes.Clone(segment))
	}
	f.Add(slices.Insert(bytes.Clone(segment), 44, 0xff))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		var got []walRecord
		scan, err := walScanSegment(bytes.NewReader(b), int64(len(b)), 1, func(r walRecord) error {
			r.payload = bytes.Clone(r.payload)
			got = append(got, r)
			return nil
		})
		if err != nil {
			return // a header of another version
		}
		var want []walRecord
		bytesOf := int64(0)
		for off := walHeaderSize; off+walRecordHeaderSize <= len(b); {
			r, n := walTestDecode(b, off)
			off += max(n, 1)
			if n > 0 {
				want = append(want, r)
				bytesOf += int64(n)
			}
		}
		walTestCompare(t, got, want)
		if scan.records != len(want) || scan.bytes != bytesOf || scan.readErr != nil {
			t.Errorf("scan counts %+v, want %d records of %d bytes", scan, len(want), bytesOf)
		}
		if scan.header && scan.lost+scan.bytes+walHeaderSize != scan.end || scan.end > int64(len(b)) {
			t.Errorf("scan of %d bytes does not add up: %+v", len(b), scan)
		}
	})
}

// walTestDecode returns the record at off and its length, or 0.
func walTestDecode(b []byte, off int) (walRecord, int) {
	payload := b[off+walRecordHeaderSize:]
	length := binary.LittleEndian.Uint32(b[off:])
	if uint64(length) > uint64(len(payload)) {
		return walRecord{}, 0
	}
	r := walRecord{span.Format(b[off+8]), walTestTime(int64(binary.LittleEndian.Uint64(b[off+9:]))), payload[:length]}
	again := walTestAppend(bytes.Clone(b[:off]), 1, r)
	if !bytes.HasPrefix(b, again) {
		return walRecord{}, 0
	}
	return r, len(again) - off
}
