package columnar

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// aLife writes, stores in blocks and merges, whatever fails; read is called in
// between. It returns when everything has been tried.
func (e *testEngine) aLife(read func(when string)) {
	e.t.Helper()
	try := func(when string, seed uint64) {
		e.t.Helper()
		if err := e.write(someSpans(seed, 12)...); err != nil && !isUnavailable(err) {
			e.t.Fatalf("%s: a write is refused with %v", when, err)
		}
		read(when)
	}
	for round := range uint64(3) {
		try(fmt.Sprint("write in round ", round), 10+round)
		e.trySettle()
		try(fmt.Sprint("write behind a block in round ", round), 20+round)
	}
	e.later.Add(int64(25 * time.Hour)) // blocks of a day that is over are merged
	time.Sleep(2 * maintainEvery)
	e.trySettle()
	read("merged")
}

// trySettle settles for some time; what fails shows in what is left.
func (e *testEngine) trySettle() {
	ctx, cancel := context.WithTimeout(e.t.Context(), 3*retryEvery)
	defer cancel()
	_ = e.Settle(ctx)
}

// recovers checks that after a fault everything goes on by itself, and that nothing was lost or kept twice.
func (e *testEngine) recovers() {
	e.t.Helper()
	time.Sleep(2*retryEvery + 5*time.Second)
	e.checkAll("healed")
	e.mustWrite(someSpans(30, 12)...)
	e.mustSettle()
	e.checkAll("settled")
	if blocks, rows := e.blockCount(); rows > e.sent.distinct() {
		e.t.Errorf("%d blocks hold %d spans, but %d were sent", blocks, rows, e.sent.distinct())
	}
	if err := e.Close(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	e.later.Store(0) // so that nothing is merged before it was looked at
	if err := e.open(); err != nil {
		e.t.Fatal(err)
	}
	e.checkAll("reopened")
	if blocks, rows := e.blockCount(); rows > e.sent.distinct() {
		e.t.Errorf("reopened, %d blocks hold %d spans, but %d were sent", blocks, rows, e.sent.distinct())
	}
	if err := e.Close(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

// TestEngineSurvivesFaults makes each call of a kind fail in the life of an
// engine, once or from then on until the disk is repaired. No write is
// acknowledged and lost, none refused without reason, reads go on, and once
// the disk is well all goes on by itself.
func TestEngineSurvivesFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		rule  fsRule
		reads bool   // fail too
		also  fsRule // fails all the time, unless it has no error
	}{
		{name: "log write", rule: fsRule{op: fsOpWrite, match: "*.wal", err: syscall.EIO}},
		{name: "log write, cut short", rule: fsRule{op: fsOpWrite, match: "*.wal", short: 30, err: syscall.EIO}},
		{name: "log write, disk full", rule: fsRule{op: fsOpWrite, match: "*.wal", short: 100, err: syscall.ENOSPC}},
		{name: "log fsync", rule: fsRule{op: fsOpSync, match: "*.wal", err: syscall.EIO}},
		{name: "log creation", rule: fsRule{op: fsOpOpen, match: "*.wal", err: syscall.EMFILE}},
		{name: "log removal", rule: fsRule{op: fsOpRemove, match: "*.wal", err: syscall.EIO}},
		{name: "log folder fsync", rule: fsRule{op: fsOpSyncDir, match: "wal", err: syscall.EIO}},
		{name: "block creation", rule: fsRule{op: fsOpOpen, match: "*.tmp", err: syscall.EMFILE}},
		{name: "block write", rule: fsRule{op: fsOpWrite, match: "*.tmp", err: syscall.EIO}},
		{name: "block write, cut short", rule: fsRule{op: fsOpWrite, match: "*.tmp", short: 1000, err: syscall.ENOSPC}},
		{name: "block fsync", rule: fsRule{op: fsOpSync, match: "*.tmp", err: syscall.EIO}},
		{name: "block rename", rule: fsRule{op: fsOpRename, match: "*.tmp", err: syscall.EIO}},
		{name: "block folder fsync", rule: fsRule{op: fsOpSyncDir, match: "blocks", err: syscall.EIO}},
		{name: "block folder fsync and removal", rule: fsRule{op: fsOpSyncDir, match: "blocks", err: syscall.EIO},
			also: fsRule{op: fsOpRemove, match: "*.blk", err: syscall.EIO}},
		{name: "block opening", rule: fsRule{op: fsOpOpen, match: "*.blk", err: syscall.EMFILE}},
		{name: "block removal", rule: fsRule{op: fsOpRemove, match: "*.blk", err: syscall.EIO}},
		{name: "block read", rule: fsRule{op: fsOpRead, match: "*.blk", err: syscall.EIO}, reads: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, times := range []int{1, 0} {
				hit := true
				for skip := 0; hit && skip < 200; skip += 1 + skip/2 {
					t.Run(fmt.Sprintf("skip=%d,times=%d", skip, times), func(t *testing.T) {
						inBubble(t, func(t *testing.T) {
							rule := c.rule
							rule.skip, rule.times = skip, times
							hit = checkFault(t, rule, c.also, c.reads)
						})
					})
				}
			}
		})
	}
}

// checkFault runs an engine under faults and reports whether rule was applied.
func checkFault(t *testing.T, rule, also fsRule, reads bool) bool {
	disk := newFSFault(newFSMem())
	e := openEngine(t, Options{FS: disk})
	var applied atomic.Bool
	rule.hook = func() { applied.Store(true) }
	disk.inject(rule)
	disk.inject(also)
	e.aLife(func(when string) {
		t.Helper()
		missing, gaps, err := e.sent.compare(t.Context(), e.Engine)
		if err != nil || len(gaps) > 0 && !reads || missing > 0 && len(gaps) == 0 {
			t.Fatalf("%s: %d acknowledged spans are missing, gaps %q, %v", when, missing, gaps, err)
		}
	})
	disk.heal()
	e.recovers()
	if n := disk.FS.(*fsMem).openFiles(); n != 0 {
		t.Errorf("%d files are left open", n)
	}
	return applied.Load()
}

// TestEngineFullDisk lets the disk run full at any point of an engine's life.
// Writes are refused with words that say so, reads go on, and writing resumes by
// itself when there is room.
func TestEngineFullDisk(t *testing.T) {
	for room, full := int64(0), true; full; room += 1500 + room/20 {
		t.Run(fmt.Sprintf("room=%d", room), func(t *testing.T) {
			inBubble(t, func(t *testing.T) { full = checkFullDisk(t, room) })
		})
	}
}

func checkFullDisk(t *testing.T, room int64) (full bool) {
	disk := newFSFault(newFSMem())
	e := openEngine(t, Options{FS: disk})
	disk.setRoom(room)
	e.aLife(e.checkAll)
	if free, _ := disk.Free("/data"); free == 0 {
		full = true
		err := e.write(someSpans(40, 12)...)
		const want = "spans cannot be stored now: the disk that holds /data is full; free some space or lower the retention: "
		if !isUnavailable(err) || !errors.Is(err, syscall.ENOSPC) || err.Error()[:min(len(want), len(err.Error()))] != want {
			t.Errorf("a write to a full disk is refused with %v", err)
		}
	}
	disk.heal()
	e.recovers()
	return full
}

// TestMergesGoAroundBadBlocks: a block that a merge finds damaged is set aside,
// one that it cannot read stays as it is; the others are merged.
func TestMergesGoAroundBadBlocks(t *testing.T) {
	for _, c := range []struct {
		name  string
		rule  fsRule
		files string
	}{
		{"damaged", fsRule{op: fsOpRead, match: blockName(2), flip: 8*20 + 1}, "2.blk.damaged 5.blk"},
		{"unreadable", fsRule{op: fsOpRead, match: blockName(2), err: syscall.EIO}, "2.blk 5.blk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				disk := newFSFault(newFSMem())
				e := openEngine(t, Options{FS: disk})
				for seed := range uint64(4) {
					e.mustWrite(someSpans(seed, 10)...)
					e.mustSettle()
				}
				e.cache.entries.InvalidateAll()
				disk.inject(c.rule)
				e.later.Add(int64(25 * time.Hour))
				time.Sleep(10 * retryEvery)
				if files := e.files(blocksDir); files != c.files {
					t.Errorf("files %s, want %s", files, c.files)
				}
				missing, gaps, err := e.sent.compare(t.Context(), e.Engine)
				if err != nil || missing == 0 || len(gaps) == 0 {
					t.Errorf("%d spans are missing, gaps %q, %v", missing, gaps, err)
				}
				merges := e.stats.merges.Load()
				time.Sleep(10 * retryEvery)
				if n := disk.count(fsOpRename); merges != 1 || n > 6 {
					t.Errorf("%d merges, %d files renamed: it does not come to rest", merges, n)
				}
			})
		})
	}
}

// TestFailedSync: a write is not acknowledged before it is synced. When the disk
// is well again writing resumes, and nothing hangs on a sync that may have lied.
func TestFailedSync(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		mem := newFSMem()
		disk := newFSFault(mem)
		e := openEngine(t, Options{FS: disk})
		e.mustWrite(someSpans(1, 10)...)
		disk.inject(fsRule{op: fsOpSync, match: "*.wal", err: syscall.EIO})
		disk.inject(fsRule{op: fsOpSync, match: "*.tmp", err: syscall.EIO})
		for seed := range uint64(3) {
			if err := e.write(someSpans(2+seed, 10)...); !isUnavailable(err) {
				t.Errorf("a write that cannot be synced: %v", err)
			}
		}
		disk.heal()
		time.Sleep(2 * retryEvery)
		e.mustWrite(someSpans(7, 10)...)
		cut := newTestEngine(t, Options{FS: mem.powerCut(nil)})
		cut.sent = e.sent
		if err := cut.open(); err != nil {
			t.Fatal(err)
		}
		cut.survived("the power was cut")
	})
}
