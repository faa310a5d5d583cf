package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
)

// TestWALAppendFaults: whatever goes wrong in a write, the segment is as it was
// before, the next append succeeds, and what was taken comes back.
func TestWALAppendFaults(t *testing.T) {
	const large = walCopyLimit + 1 // takes two writes
	for _, c := range []struct {
		name string
		size int
		rule fsRule
	}{
		{"nothing written", 100, fsRule{err: syscall.EIO}},
		{"part of the header written", 100, fsRule{short: 5, err: syscall.EIO}},
		{"the header written", 100, fsRule{short: walRecordHeaderSize, err: syscall.EIO}},
		{"all but a byte written", 100, fsRule{short: walRecordHeaderSize + 99, err: syscall.EIO}},
		{"all written", 100, fsRule{short: walRecordHeaderSize + 100, err: syscall.EIO}},
		{"large: part of the header", large, fsRule{short: 5, err: syscall.ENOSPC}},
		{"large: no payload", large, fsRule{skip: 1, err: syscall.ENOSPC}},
		{"large: part of the payload", large, fsRule{skip: 1, short: 4096, err: syscall.EDQUOT}},
		{"large: all of the payload", large, fsRule{skip: 1, short: large, err: syscall.EIO}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mem := newFSMem()
			disk := newFSFault(mem)
			l := walTestOpen(t, disk, walOptions{})
			l.add(7, 8)
			before := mem.read(walTestPath(1))
			c.rule.op, c.rule.times = fsOpWrite, 1
			disk.inject(c.rule)
			if err := l.try(c.size); !errors.Is(err, c.rule.err) || !strings.Contains(err.Error(), walName(1)) {
				t.Errorf("append: %v, want %v of %s", err, c.rule.err, walName(1))
			}
			if !bytes.Equal(mem.read(walTestPath(1)), before) {
				t.Error("the failed write left something behind")
			}
			if n := l.stats.writeErrors.Load(); n != 1 {
				t.Errorf("counted %d failures", n)
			}
			l.add(c.size, 9)
			l.mustClose()
			got, sum := walTestReplay(t, disk, 0)
			walTestCompare(t, got, l.want)
			if sum.torn+sum.lost != 0 {
				t.Errorf("replay: %+v", sum)
			}
		})
	}
}

// TestWALFullDisk fills the disk at every byte of a log, and makes room again.
func TestWALFullDisk(t *testing.T) {
	sizes := []int{3, 0, 9, 1}
	total := walHeaderSize
	for _, n := range sizes {
		total += walRecordHeaderSize + n
	}
	for room := range total {
		disk := newFSFault(newFSMem())
		disk.setRoom(int64(room))
		l := walTestOpen(t, disk, walOptions{})
		failures := 0
		for _, size := range sizes {
			if err := l.try(size); err == nil {
				continue
			} else if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("room for %d bytes: %v", room, err)
			}
			failures++
		}
		if failures == 0 {
			t.Fatalf("room for %d bytes was enough for %d", room, total)
		}
		disk.heal()
		l.add(5)
		l.mustClose()
		got, sum := walTestReplay(t, disk, 0)
		walTestCompare(t, got, l.want)
		if sum.torn+sum.lost != 0 {
			t.Errorf("room for %d bytes: %+v", room, sum)
		}
	}
}

// TestWALCutBackFails: if what a failed write left cannot be cut off, the
// segment is given up and the next one started; no record is lost.
func TestWALCutBackFails(t *testing.T) {
	disk := newFSFault(newFSMem())
	l := walTestOpen(t, disk, walOptions{})
	l.add(7)
	disk.inject(fsRule{op: fsOpWrite, times: 1, short: 30, err: syscall.EIO})
	disk.inject(fsRule{op: fsOpTruncate, times: 1, err: syscall.EIO})
	if err := l.try(100); !errors.Is(err, syscall.EIO) {
		t.Errorf("append: %v", err)
	}
	l.add(8, 9)
	if files := walTestFiles(t, disk); files != "1.wal 2.wal" {
		t.Errorf("files %s", files)
	}
	l.mustClose()
	got, sum := walTestReplay(t, disk, 0)
	walTestCompare(t, got, l.want)
	if files := walTestFiles(t, disk); files != "1.wal.damaged 2.wal" || sum.lost != 30 {
		t.Errorf("files %s, %d bytes lost; want segment 1 set aside for 30 bytes", files, sum.lost)
	}
}

// TestWALCreateFaults: a segment that cannot be started leaves the log in order.
func TestWALCreateFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []fsRule
		left  string
	}{
		{"open", []fsRule{{op: fsOpOpen, err: syscall.EMFILE}}, "2.wal"},
		{"header", []fsRule{{op: fsOpWrite, err: syscall.ENOSPC}}, "2.wal"},
		{"part of the header", []fsRule{{op: fsOpWrite, short: 11, err: syscall.ENOSPC}}, "2.wal"},
		{"header, and removal", []fsRule{{op: fsOpWrite, short: 11, err: syscall.EIO}, {op: fsOpRemove, err: syscall.EROFS}}, "1.wal 2.wal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := newFSFault(newFSMem())
			l := walTestOpen(t, disk, walOptions{})
			for _, r := range c.rules {
				r.times = 1
				disk.inject(r)
			}
			if err := l.try(5); !errors.Is(err, c.rules[0].err) {
				t.Errorf("append: %v, want %v", err, c.rules[0].err)
			}
			l.add(6)
			if files := walTestFiles(t, disk); files != c.left {
				t.Errorf("files %s, want %s", files, c.left)
			}
			l.mustClose()
			got, sum := walTestReplay(t, disk, 0)
			walTestCompare(t, got, l.want)
			if files := walTestFiles(t, disk); files != "2.wal" || sum.lost != 0 {
				t.Errorf("after replay: files %s, %+v", files, sum)
			}
		})
	}
}

// TestWALOpenFaults: what keeps a log from being opened or replayed is told, and
// nothing is lost by it.
func TestWALOpenFaults(t *testing.T) {
	for name, rule := range map[string]fsRule{
		"folder cannot be created":  {op: fsOpMkdir},
		"folder cannot be read":     {op: fsOpReadDir},
		"segment cannot be opened":  {op: fsOpOpen, skip: 1},
		"tail cannot be cut off":    {op: fsOpTruncate},
		"damaged cannot be renamed": {op: fsOpRename},
		"segment cannot be synced":  {op: fsOpSync},
		"folder cannot be synced":   {op: fsOpSyncDir},
	} {
		t.Run(name, func(t *testing.T) {
			mem := newFSMem()
			want := walTestFill(mem, 1, 3, 4)
			want = append(want, walTestFill(mem, 2, 5, 6)...)
			first := mem.read(walTestPath(1))
			first[walHeaderSize] ^= 1
			mem.put(walTestPath(1), first)
			mem.put(walTestPath(2), append(mem.read(walTestPath(2)), "half a record"...))

			rule.err, rule.times = syscall.EIO, 1
			disk := newFSFault(mem)
			disk.inject(rule)
			w, err := openWAL(disk, walTestDir, walOptions{log: slog.New(slog.DiscardHandler)})
			if err == nil {
				_, err = w.replay(0, func(uint64, walRecord) error { return nil })
				_ = w.close()
			}
			if !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), "write-ahead log") {
				t.Fatalf("error is %v", err)
			}
			got, _ := walTestReplay(t, disk, 0)
			walTestCompare(t, got, want[1:])
			if files := walTestFiles(t, disk); files != "1.wal.damaged 2.wal" {
				t.Errorf("files %s", files)
			}
		})
	}
}

// walTestFill writes segment seq with records of the given sizes.
func walTestFill(mem *fsMem, seq uint64, sizes ...int) []walRecord {
	segment := walTestHeader(seq)
	var records []walRecord
	for i, size := range sizes {
		r := walTestRecord(int(seq)*100+i, size)
		segment = walTestAppend(segment, seq, r)
		records = append(records, r)
	}
	mem.put(walTestPath(seq), segment)
	return records
}

// TestWALReadError: what cannot be read is not thought to be torn; the segment
// is kept as it is, and read again by the next replay.
func TestWALReadError(t *testing.T) {
	for skip := range 4 {
		t.Run(fmt.Sprint(skip), func(t *testing.T) {
			mem := newFSMem()
			want := walTestFill(mem, 1, walReadAhead, walReadAhead, walReadAhead)
			before := mem.read(walTestPath(1))
			disk := newFSFault(mem)
			disk.inject(fsRule{op: fsOpRead, skip: skip, err: syscall.EIO})
			got, sum := walTestReplay(t, disk, 0)
			if len(got) >= len(want) {
				t.Fatalf("%d records were read through the fault", len(got))
			}
			walTestCompare(t, got, want[:len(got)])
			readable := sum.bytes
			if skip > 0 { // the first read is that of the header
				readable += walHeaderSize
			}
			if sum.lost != int64(len(before))-readable || sum.torn != 0 || len(sum.damaged) != 1 {
				t.Errorf("replay: %+v", sum)
			}
			if kept := mem.read(walTestPath(1) + walDamagedSuffix); !bytes.Equal(kept, before) {
				t.Error("the segment was changed")
			}
			disk.heal()
			got, _ = walTestReplay(t, disk, 0)
			walTestCompare(t, got, want)
		})
	}
}

// TestWALRemoveFails: what cannot be removed is removed by the next call.
func TestWALRemoveFails(t *testing.T) {
	disk := newFSFault(newFSMem())
	l := walTestOpen(t, disk, walOptions{})
	for range 3 {
		l.add(1)
		l.rotate()
	}
	disk.inject(fsRule{op: fsOpRemove, match: walName(2), times: 1, err: syscall.EPERM})
	if err := l.removeThrough(3); !errors.Is(err, syscall.EPERM) {
		t.Errorf("removeThrough: %v", err)
	}
	if files := walTestFiles(t, disk); files != "2.wal" {
		t.Errorf("files %s", files)
	}
	if l.size() != walHeaderSize+walRecordHeaderSize+1 {
		t.Errorf("size is %d", l.size())
	}
	l.add(2)
	l.sync()
	if err := l.err(); err != nil {
		t.Errorf("a segment that is on its way out is synced: %v", err)
	}
	if err := l.removeThrough(3); err != nil {
		t.Error(err)
	}
	if files := walTestFiles(t, disk); files != "4.wal" {
		t.Errorf("files %s", files)
	}
}
