package columnar

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// walTestHeader and walTestAppend encode a segment as docs/format.md says. They
// share no code with the log, so that a change of the format shows.
func walTestHeader(seq uint64) []byte {
	b := append([]byte("CLEWWAL"), 1)
	b = binary.LittleEndian.AppendUint64(b, seq)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, walCRC))
}

func walTestAppend(segment []byte, seq uint64, r walRecord) []byte {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(r.payload)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(r.payload, walCRC))
	head = append(head, byte(r.format))
	head = binary.LittleEndian.AppendUint64(head, uint64(r.received.UnixNano()))
	placed := binary.LittleEndian.AppendUint64(slices.Clone(head), seq)
	placed = binary.LittleEndian.AppendUint64(placed, uint64(len(segment)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(placed, walCRC))
	return append(append(segment, head...), r.payload...)
}

// walTestRecord returns a record that differs from that of every other i.
func walTestRecord(i, size int) walRecord {
	payload := bytes.Repeat([]byte{byte(i), 0xd5, 0x11}, size/3+1)[:size]
	if size >= 4 {
		binary.BigEndian.PutUint32(payload, uint32(i))
	}
	return walRecord{span.Format(1 + i%2), time.Unix(1700000000, int64(i)), payload}
}

// walTestLog is a log under test, with the records that it was given.
type walTestLog struct {
	*wal
	t    *testing.T
	want []walRecord
	pos  walPos // behind the last of them
}

const walTestDir = "/tenant/wal"

// walTestOpen opens a log that nothing but the test syncs, unless opts say otherwise.
func walTestOpen(t *testing.T, fsys FS, opts walOptions) *walTestLog {
	t.Helper()
	switch {
	case opts.interval == 0:
		opts.interval = time.Hour // longer than any test
	case opts.interval < 0:
		opts.interval = 0 // every commit waits
	}
	if opts.log == nil {
		opts.log = slog.New(slog.DiscardHandler)
	}
	w, err := openWAL(fsys, walTestDir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.close() })
	return &walTestLog{wal: w, t: t}
}

// add appends records, which have to be taken.
func (l *walTestLog) add(sizes ...int) {
	l.t.Helper()
	for _, size := range sizes {
		if err := l.try(size); err != nil {
			l.t.Fatal(err)
		}
	}
}

// try appends a record and remembers it if it was taken.
func (l *walTestLog) try(size int) error {
	r := walTestRecord(len(l.want), size)
	pos, err := l.append(r.format, r.received, r.payload)
	if err == nil {
		l.want, l.pos = append(l.want, r), pos
	}
	return err
}

func (l *walTestLog) mustClose() {
	l.t.Helper()
	if err := l.close(); err != nil {
		l.t.Fatal(err)
	}
}

// walTestReplay replays the log on fsys from number from on.
func walTestReplay(t *testing.T, fsys FS, from uint64) ([]walRecord, walReplayed) {
	t.Helper()
	return walTestOpen(t, fsys, walOptions{}).replayAll(from)
}

func (l *walTestLog) replayAll(from uint64) ([]walRecord, walReplayed) {
	l.t.Helper()
	var got []walRecord
	sum, err := l.replay(from, func(_ uint64, r walRecord) error {
		r.payload = bytes.Clone(r.payload)
		got = append(got, r)
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if sum.records != len(got) {
		l.t.Errorf("replay counts %d records, but %d came", sum.records, len(got))
	}
	return got, sum
}

func walTestEqual(a, b walRecord) bool {
	return a.format == b.format && a.received.Equal(b.received) && bytes.Equal(a.payload, b.payload)
}

func walTestCompare(t *testing.T, got, want []walRecord) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d records came back, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !walTestEqual(got[i], want[i]) {
			t.Errorf("record %d came back as format %d, %s, %d bytes; want format %d, %s, %d bytes", i,
				got[i].format, got[i].received, len(got[i].payload), want[i].format, want[i].received, len(want[i].payload))
		}
	}
}

// walTestFiles returns the names in the log's folder.
func walTestFiles(t *testing.T, fsys FS) string {
	t.Helper()
	entries, err := fsys.ReadDir(walTestDir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimLeft(e.Name(), "0"))
	}
	return strings.Join(names, " ")
}

func walTestPath(seq uint64) string { return filepath.Join(walTestDir, walName(seq)) }

// TestWALOnDisk goes through the life of a log on a real disk.
func TestWALOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "wal")
	sizes := []int{0, 1, walCopyLimit - 1, walCopyLimit, walCopyLimit + 1, 478_000, 3 << 20, 17}
	var want []walRecord
	for round := range 3 {
		w, err := openWAL(OSFS{}, dir, walOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got []walRecord
		sum, err := w.replay(0, func(_ uint64, r walRecord) error {
			r.payload = bytes.Clone(r.payload)
			got = append(got, r)
			return nil
		})
		if err != nil || sum.lost != 0 || sum.torn != 0 {
			t.Fatalf("replay: %+v, %v", sum, err)
		}
		walTestCompare(t, got, want)
		for i, size := range sizes {
			r := walTestRecord(len(want), size)
			want = append(want, r)
			pos, err := w.append(r.format, r.received, r.payload)
			if err == nil {
				err = w.commit(t.Context(), pos)
			}
			if err != nil {
				t.Fatal(err)
			}
			if i == len(sizes)/2 {
				w.rotate()
			}
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		if segments, err := filepath.Glob(dir + "/*.wal"); err != nil || len(segments) != 2*(round+1) {
			t.Errorf("round %d left segments %v, %v", round, segments, err)
		}
	}
}

// TestWALAppendReachesFile: what append has taken is in the file before it
// returns, without any sync, and exactly as the format says.
func TestWALAppendReachesFile(t *testing.T) {
	mem := newFSMem()
	l := walTestOpen(t, mem, walOptions{min: 7})
	want := walTestHeader(7)
	for _, size := range []int{5, 0, 100_000, 33} {
		l.add(size)
		want = walTestAppend(want, 7, l.want[len(l.want)-1])
		if got := mem.read(walTestPath(7)); !bytes.Equal(got, want) {
			t.Fatalf("after a record of %d bytes the file holds %d bytes, want %d, or others", size, len(got), len(want))
		}
	}
	if l.size() != int64(len(want)) {
		t.Errorf("size is %d, want %d", l.size(), len(want))
	}
	if records, bytes := l.stats.records.Load(), l.stats.bytes.Load(); records != 4 || bytes != uint64(len(want)-walHeaderSize) {
		t.Errorf("counted %d records of %d bytes, want 4 of %d", records, bytes, len(want)-walHeaderSize)
	}
}

func TestWALRotateAndRemove(t *testing.T) {
	mem := newFSMem()
	l := walTestOpen(t, mem, walOptions{})
	if sealed := l.rotate(); sealed != 0 {
		t.Errorf("rotating an empty log seals segment %d", sealed)
	}
	l.add(10, 20)
	if sealed := l.rotate(); sealed != 1 {
		t.Errorf("sealed segment %d, want 1", sealed)
	}
	if sealed := l.rotate(); sealed != 1 {
		t.Errorf("rotating twice seals segment %d, want 1", sealed)
	}
	l.add(30)
	if sealed := l.rotate(); sealed != 2 {
		t.Errorf("sealed segment %d, want 2", sealed)
	}
	l.add(40)
	if files := walTestFiles(t, mem); files != "1.wal 2.wal 3.wal" {
		t.Fatalf("files %s", files)
	}
	if err := l.removeThrough(3); err == nil {
		t.Error("the segment that is written to can be removed")
	}
	if err := l.removeThrough(1); err != nil {
		t.Fatal(err)
	}
	if files := walTestFiles(t, mem); files != "2.wal 3.wal" {
		t.Errorf("files %s after removing through 1", files)
	}
	if want := int64(2*(walHeaderSize+walRecordHeaderSize) + 30 + 40); l.size() != want {
		t.Errorf("size is %d, want %d", l.size(), want)
	}
	l.mustClose()
	got, sum := walTestReplay(t, mem, 3)
	walTestCompare(t, got, l.want[3:])
	if sum.segments != 1 {
		t.Errorf("replay from 3 read %d segments", sum.segments)
	}
}

// TestWALNumbersGoUp: whatever was removed, set aside or failed, a number is never used twice.
func TestWALNumbersGoUp(t *testing.T) {
	mem := newFSMem()
	step := func(opts walOptions, wantFiles string) {
		t.Helper()
		l := walTestOpen(t, mem, opts)
		l.add(1)
		l.mustClose()
		if files := walTestFiles(t, mem); files != wantFiles {
			t.Fatalf("files %s, want %s", files, wantFiles)
		}
	}
	step(walOptions{}, "1.wal")
	step(walOptions{}, "1.wal 2.wal")
	step(walOptions{min: 9}, "1.wal 2.wal 9.wal")
	step(walOptions{min: 3}, "1.wal 2.wal 9.wal a.wal")
	if err := mem.Rename(walTestPath(10), walTestPath(10)+".damaged"); err != nil {
		t.Fatal(err)
	}
	step(walOptions{}, "1.wal 2.wal 9.wal a.wal.damaged b.wal")
	mem.put(walTestDir+"/00000000000000FF.wal", nil) // not names of segments
	mem.put(walTestDir+"/ff.wal", nil)
	mem.put(walTestDir+"/00000000000000ff.wal.tmp", nil)
	mem.put(walTestDir+"/00000000000000ff", nil)
	l := walTestOpen(t, mem, walOptions{})
	if sealed := l.rotate(); sealed != 11 {
		t.Errorf("foreign files moved the number to %d", sealed)
	}
	if got, sum := l.replayAll(0); len(got) != 5 || sum.segments != 5 {
		t.Errorf("%d records from %d segments, want 5 from 5", len(got), sum.segments)
	}
}

func TestWALEmptySegmentsGo(t *testing.T) {
	mem := newFSMem()
	for seq, content := range [][]byte{nil, walTestHeader(1)[:7], walTestHeader(2)} {
		mem.put(walTestPath(uint64(seq)), content)
	}
	mem.put(walTestPath(3), walTestAppend(walTestHeader(3), 3, walTestRecord(0, 3)))
	mem.put(walTestPath(4), walTestHeader(4)[:19])
	got, sum := walTestReplay(t, mem, 0)
	walTestCompare(t, got, []walRecord{walTestRecord(0, 3)})
	if files := walTestFiles(t, mem); files != "3.wal" || sum.lost != 0 || len(sum.damaged) != 0 || sum.torn != 26 {
		t.Errorf("files %s, %+v; want 3.wal and nothing but 26 torn bytes", files, sum)
	}
}

// TestWALReplayAgain: a replay changes nothing about what the next one finds.
func TestWALReplayAgain(t *testing.T) {
	mem := newFSMem()
	l := walTestOpen(t, mem, walOptions{})
	l.add(10, 300_000, 20)
	l.rotate()
	l.add(30)
	l.mustClose()
	for range 2 {
		got, _ := walTestReplay(t, mem, 0)
		walTestCompare(t, got, l.want)
	}
}

func TestWALReplayEndsWithCallersError(t *testing.T) {
	mem := newFSMem()
	l := walTestOpen(t, mem, walOptions{})
	l.add(1, 2, 3)
	l.mustClose()
	stop, calls := errors.New("stop"), 0
	_, err := walTestOpen(t, mem, walOptions{}).replay(0, func(seq uint64, _ walRecord) error {
		if calls++; calls == 2 && seq == 1 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 2 {
		t.Errorf("replay called %d times and returned %v", calls, err)
	}
}

func TestWALNewerVersion(t *testing.T) {
	mem := newFSMem()
	header := walTestHeader(1)
	header[7] = 2
	binary.LittleEndian.PutUint32(header[16:], crc32.Checksum(header[:16], walCRC))
	mem.put(walTestPath(1), append(header, "what a later release writes"...))
	before := mem.read(walTestPath(1))
	l := walTestOpen(t, mem, walOptions{})
	_, err := l.replay(0, func(uint64, walRecord) error { return nil })
	if !errors.Is(err, errWALVersion) || !strings.Contains(err.Error(), "version 2") || !strings.Contains(err.Error(), walName(1)) {
		t.Errorf("replay of version 2: %v", err)
	}
	if !bytes.Equal(mem.read(walTestPath(1)), before) {
		t.Error("the segment was changed")
	}
}

func TestWALTooLarge(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("needs a slice of more than 1 GiB")
	}
	l := walTestOpen(t, newFSMem(), walOptions{})
	huge := make([]byte, walMaxPayload+1) // never touched, so it takes no memory
	if _, err := l.append(span.FormatOTLPProto, time.Unix(0, 0), huge); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("appending %d bytes: %v", len(huge), err)
	}
}

// TestWALReleasesFiles: only the segment that is written to is kept open.
func TestWALReleasesFiles(t *testing.T) {
	mem := newFSMem()
	walTestFill(mem, 1, 5)
	l := walTestOpen(t, mem, walOptions{})
	check := func(when string, want int) {
		t.Helper()
		if n := mem.openFiles(); n != want {
			t.Errorf("%s: %d open files, want %d", when, n, want)
		}
	}
	l.replayAll(0)
	check("after replay", 0)
	for range 3 {
		l.add(1)
		l.rotate()
	}
	check("before a sync", 3)
	if err := l.removeThrough(2); err != nil {
		t.Fatal(err)
	}
	l.add(1)
	check("after removal", 3)
	l.sync()
	check("after a sync", 1)
	l.mustClose()
	check("after close", 0)
}

func TestWALClosed(t *testing.T) {
	l := walTestOpen(t, newFSMem(), walOptions{})
	l.add(1)
	l.mustClose()
	if err := l.try(1); !errors.Is(err, errWALClosed) {
		t.Errorf("append to a closed log: %v", err)
	}
	if err := l.close(); !errors.Is(err, errWALClosed) {
		t.Errorf("closing twice: %v", err)
	}
	if err := l.waitDurable(t.Context(), l.pos); err != nil {
		t.Errorf("close did not sync: %v", err)
	}
}

// TestWALConcurrent has writers, rotation and removal at work at once. Exactly
// what was not removed comes back, each writer's records in its order.
func TestWALConcurrent(t *testing.T) {
	const writers, each = 8, 60
	mem := newFSMem()
	l := walTestOpen(t, mem, walOptions{interval: -1})
	segments := make([][]uint64, writers) // of each record
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				payload := binary.BigEndian.AppendUint32([]byte{byte(i)}, uint32(j))
				pos, err := l.append(span.FormatOTLPProto, time.Unix(0, 1), append(payload, make([]byte, 300*j)...))
				if err == nil {
					err = l.commit(context.Background(), pos)
				}
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				segments[i] = append(segments[i], pos.seg.seq)
			}
		})
	}
	var removed uint64
	wg.Go(func() {
		for range 20 {
			removed = l.rotate() / 2
			if err := l.removeThrough(removed); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	l.mustClose()

	next := make([]uint32, writers)
	for i, of := range segments {
		for next[i] < each && of[next[i]] <= removed {
			next[i]++
		}
	}
	got, _ := walTestReplay(t, mem, 0)
	for _, r := range got {
		i, j := r.payload[0], binary.BigEndian.Uint32(r.payload[1:])
		if j != next[i] {
			t.Fatalf("writer %d: record %d came where %d was due", i, j, next[i])
		}
		next[i]++
	}
	for i, n := range next {
		if n != each {
			t.Errorf("writer %d: records end at %d, want %d", i, n, each)
		}
	}
}

// TestWALGolden reads a segment of format version 1 that will never change, and
// holds against it what is written today. v1.txt describes its bytes.
func TestWALGolden(t *testing.T) {
	segment, err := os.ReadFile("testdata/wal/v1/0000000000000007.wal")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/wal/v1/bytes.txt")
	if err != nil {
		t.Fatal(err)
	}
	if described := walTestHex(t, string(text)); !bytes.Equal(described, segment) {
		t.Errorf("bytes.txt describes %d bytes, the segment has %d, or others", len(described), len(segment))
	}

	records := []walRecord{
		{span.FormatOTLPProto, time.Unix(1700000000, 123456789), []byte("\x0a\x05first")},
		{span.FormatOTLPJSON, time.Unix(1700000001, 0), []byte("{}")},
		{span.FormatOTLPProto, time.Unix(1700000002, 999999999), nil},
	}
	mem := newFSMem()
	mem.put(walTestPath(7), segment)
	got, sum := walTestReplay(t, mem, 0)
	walTestCompare(t, got, records)
	if sum.torn != 0 || sum.lost != 0 {
		t.Errorf("replay of the golden segment: %+v", sum)
	}

	now := newFSMem()
	l := walTestOpen(t, now, walOptions{min: 7})
	for _, r := range records {
		if _, err := l.append(r.format, r.received, r.payload); err != nil {
			t.Fatal(err)
		}
	}
	if written := now.read(walTestPath(7)); !bytes.Equal(written, segment) {
		t.Errorf("the same records are written as\n%x\nwhere version 1 has\n%x", written, segment)
	}
}

// walTestHex reads annotated hex: pairs of digits up to a "|" on each line.
func walTestHex(t *testing.T, text string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(text) {
		digits, _, ok := strings.Cut(line, "|")
		if !ok {
			continue
		}
		for _, pair := range strings.Fields(digits) {
			var c byte
			if _, err := fmt.Sscanf(pair, "%02x", &c); err != nil || len(pair) != 2 {
				t.Fatalf("bytes.txt: %q is not a byte", pair)
			}
			b = append(b, c)
		}
	}
	return b
}
