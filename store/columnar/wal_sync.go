package columnar

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// syncLoop is the syncer: it syncs the log at each tick and each kick, until quit.
func (w *wal) syncLoop() {
	defer close(w.done)
	var tick <-chan time.Time
	if w.opts.interval > 0 {
		ticker := time.NewTicker(w.opts.interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-w.quit:
			return
		case <-tick:
		case <-w.kick:
		}
		w.sync()
	}
}

// sync makes durable what was appended before it was called, one fsync for each
// segment with new records, and closes sealed segments for which it was the last.
func (w *wal) sync() {
	for _, err := range w.syncSegments() {
		w.log.Error("write-ahead log: fsync failed; no writes are taken until the spans in memory are stored", "error", err)
		if w.opts.failed != nil {
			w.opts.failed(err)
		}
	}
}

// syncSegments does the work of sync and returns the failures.
func (w *wal) syncSegments() (failures []error) {
	w.syncMu.Lock()
	defer w.syncMu.Unlock()
	w.mu.Lock()
	segments := slices.Clone(w.segments)
	w.mu.Unlock()
	for _, seg := range segments {
		if seg.file == nil {
			continue
		}
		if err := w.syncSegment(seg); err != nil {
			failures = append(failures, err)
		}
	}
	return failures
}

// syncSegment syncs seg unless it is clean or has failed before. The caller holds syncMu.
func (w *wal) syncSegment(seg *walSegment) error {
	w.mu.Lock()
	end, dirty := seg.end, seg.end > seg.durable && seg.err == nil
	w.mu.Unlock()
	var err error
	if dirty {
		err = w.fsync(seg)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		seg.err = fmt.Errorf("%w: %w", errWALFailed, err)
		if w.failed == nil {
			w.failed = seg.err
		}
		w.wake()
		return seg.err
	}
	if dirty {
		seg.durable, seg.named = end, true
		w.wake()
	}
	if seg != w.cur && seg.durable == seg.end {
		_ = seg.file.Close() // everything in it is durable
		seg.file = nil
	}
	return nil
}

// fsync makes the file's content and, the first time, its name durable.
func (w *wal) fsync(seg *walSegment) error {
	began := time.Now()
	err := seg.file.Sync()
	if err == nil && !seg.named {
		err = w.fs.SyncDir(w.dir)
	}
	w.stats.syncs.Add(1)
	w.stats.syncNanos.Add(uint64(time.Since(began)))
	if err != nil {
		w.stats.syncErrors.Add(1)
	}
	return err
}

// wake lets everyone in waitDurable look again. The caller holds mu.
func (w *wal) wake() {
	close(w.synced)
	w.synced = make(chan struct{})
}

// waitDurable returns when the record that ends at pos outlives a power cut, or
// why it does not.
func (w *wal) waitDurable(ctx context.Context, pos walPos) error {
	for {
		w.mu.Lock()
		durable := pos.seg.stored || pos.seg.durable >= pos.end
		err, synced := pos.seg.err, w.synced
		w.mu.Unlock()
		if durable {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-synced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
