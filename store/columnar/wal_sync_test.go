package columnar

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestWALCommitShared: everyone who waits shares one fsync.
func TestWALCommitShared(t *testing.T) {
	disk := newFSFault(newFSMem())
	l := walTestOpen(t, disk, walOptions{interval: -1})
	var waiters []walPos
	for range 100 {
		l.add(50)
		waiters = append(waiters, l.pos)
	}
	var wg sync.WaitGroup
	for _, pos := range waiters {
		wg.Go(func() {
			if err := l.commit(context.Background(), pos); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := disk.count(fsOpSync); n != 1 {
		t.Errorf("%d fsyncs for 100 commits, want 1", n)
	}
	if syncs, nanos := l.stats.syncs.Load(), l.stats.syncNanos.Load(); syncs != 1 || nanos == 0 {
		t.Errorf("counted %d fsyncs of %d ns", syncs, nanos)
	}
}

// TestWALCommitWaitsForLaterFsync: an fsync that began before a record was
// written does not count for it.
func TestWALCommitWaitsForLaterFsync(t *testing.T) {
	disk := newFSFault(newFSMem())
	began, goOn := make(chan struct{}), make(chan struct{})
	disk.inject(fsRule{op: fsOpSync, times: 2, hook: func() { began <- struct{}{}; <-goOn }})
	l := walTestOpen(t, disk, walOptions{interval: -1})
	commit := func() chan error {
		done, pos := make(chan error, 1), l.pos
		go func() { done <- l.commit(context.Background(), pos) }()
		return done
	}
	l.add(1)
	first := commit()
	<-began
	l.add(2)
	second := commit()
	goOn <- struct{}{}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	<-began
	select {
	case err := <-second:
		t.Errorf("commit returned (%v) before an fsync covered its record", err)
	default:
	}
	goOn <- struct{}{}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
}

func TestWALCommitEndsWithContext(t *testing.T) {
	disk := newFSFault(newFSMem())
	began, goOn := make(chan struct{}), make(chan struct{})
	disk.inject(fsRule{op: fsOpSync, times: 1, hook: func() { close(began); <-goOn }})
	l := walTestOpen(t, disk, walOptions{interval: -1})
	l.add(1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.commit(ctx, l.pos) }()
	<-began
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("commit returned %v", err)
	}
	close(goOn)
	if err := l.commit(t.Context(), l.pos); err != nil {
		t.Error(err)
	}
}

// TestWALInterval: with an interval commits do not wait, and each interval ends
// with one sync if there is something new.
func TestWALInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 200 * time.Millisecond
		disk := newFSFault(newFSMem())
		l := walTestOpen(t, disk, walOptions{interval: interval})
		pass := func(d time.Duration, fsyncs int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if n := disk.count(fsOpSync); n != fsyncs {
				t.Errorf("%d fsyncs, want %d", n, fsyncs)
			}
		}
		l.add(1, 2)
		if err := l.commit(t.Context(), l.pos); err != nil {
			t.Fatal(err)
		}
		pass(interval-1, 0)
		pass(1, 1)
		if err := l.waitDurable(t.Context(), l.pos); err != nil {
			t.Error(err)
		}
		pass(10*interval, 1) // nothing is new
		l.add(3)
		l.rotate()
		l.add(4)
		pass(interval, 3) // of two segments
		if err := l.waitDurable(t.Context(), l.pos); err != nil {
			t.Error(err)
		}
		if n := disk.count(fsOpSyncDir); n != 2 {
			t.Errorf("the folder was synced %d times for two new segments", n)
		}
	})
}

// TestWALFailedFsync: after a failed fsync nothing is taken, and the file is not
// synced again, until its records are stored elsewhere.
func TestWALFailedFsync(t *testing.T) {
	for name, op := range map[string]fsOp{"file": fsOpSync, "folder": fsOpSyncDir} {
		t.Run(name, func(t *testing.T) {
			disk := newFSFault(newFSMem())
			disk.inject(fsRule{op: op, times: 1, err: syscall.EIO})
			told := make(chan error, 9)
			l := walTestOpen(t, disk, walOptions{interval: -1, failed: func(err error) { told <- err }})
			l.add(10)
			lost := l.pos
			refused := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, errWALFailed) || !errors.Is(err, syscall.EIO) {
					t.Errorf("%s: %v, want a failed sync", what, err)
				}
			}
			refused("commit", l.commit(t.Context(), lost))
			refused("the owner is told", <-told)
			refused("err", l.err())
			refused("append", l.try(1))
			refused("commit again", l.commit(t.Context(), lost))
			sealed := l.rotate()
			refused("append after rotate", l.try(1))
			refused("sync of the sealed segment", l.commit(t.Context(), lost))
			l.sync()
			if n := disk.count(fsOpSync); n != 1 {
				t.Errorf("the segment was synced %d times, want 1", n)
			}

			if err := l.removeThrough(sealed); err != nil {
				t.Fatal(err)
			}
			if err := l.err(); err != nil {
				t.Errorf("after removeThrough: %v", err)
			}
			if err := l.commit(t.Context(), lost); err != nil {
				t.Errorf("a record that is stored elsewhere is not durable: %v", err)
			}
			l.add(20)
			if err := l.commit(t.Context(), l.pos); err != nil {
				t.Error(err)
			}
			if l.stats.syncErrors.Load() != 1 || len(told) != 0 {
				t.Errorf("counted %d failures, told of %d more", l.stats.syncErrors.Load(), len(told))
			}
			l.mustClose()
			got, _ := walTestReplay(t, disk, 0)
			walTestCompare(t, got, l.want[1:])
		})
	}
}

// TestWALFailedFsyncOfSealed: the failure of one segment does not touch the
// records of the next, but nothing is appended until the first is out of the way.
func TestWALFailedFsyncOfSealed(t *testing.T) {
	disk := newFSFault(newFSMem())
	disk.inject(fsRule{op: fsOpSync, match: walName(1), err: syscall.EIO})
	l := walTestOpen(t, disk, walOptions{interval: -1})
	l.add(1)
	first := l.pos
	l.rotate()
	l.add(2)
	if err := l.commit(t.Context(), l.pos); err != nil {
		t.Errorf("segment 2: %v", err)
	}
	if err := l.waitDurable(t.Context(), first); !errors.Is(err, syscall.EIO) {
		t.Errorf("segment 1: %v", err)
	}
	if err := l.try(3); !errors.Is(err, errWALFailed) {
		t.Errorf("append: %v", err)
	}
	if err := l.removeThrough(1); err != nil {
		t.Fatal(err)
	}
	l.add(4)
	if err := l.commit(t.Context(), l.pos); err != nil {
		t.Error(err)
	}
}

func TestWALCloseTellsOfFailedFsync(t *testing.T) {
	disk := newFSFault(newFSMem())
	disk.inject(fsRule{op: fsOpSync, err: syscall.EIO})
	l := walTestOpen(t, disk, walOptions{failed: func(error) { t.Error("close called failed") }})
	l.add(1)
	if err := l.close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("close: %v", err)
	}
}

// TestWALRemoveUnsynced: a segment that is removed before its fsync needs none,
// and nobody waits for it any longer.
func TestWALRemoveUnsynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFSFault(newFSMem())
		l := walTestOpen(t, disk, walOptions{})
		l.add(1)
		done := make(chan error, 1)
		go func() { done <- l.waitDurable(t.Context(), l.pos) }()
		synctest.Wait() // until it waits
		if err := l.removeThrough(l.rotate()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		l.sync()
		if n := disk.count(fsOpSync); n != 0 {
			t.Errorf("%d fsyncs of a removed segment", n)
		}
	})
}
