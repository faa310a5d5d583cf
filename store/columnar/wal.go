package columnar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clewhq/clew/span"
)

// wal is the write-ahead log of one tenant: the requests that no block holds
// yet, as they came. Once append has returned, a record outlives the end of the
// process; once it was synced, which happens for many records together, it
// outlives a power cut.
//
// The first call is replay, the last one close; in between all others may be
// made from any goroutine. The segments up to a number that rotate returned
// hold what was appended before it, so the owner serialises append and rotate
// with what it keeps of the records in memory. Neither waits for an fsync;
// commit, removeThrough and close do.
//
// A segment whose fsync failed is never synced again: the kernel may have
// dropped its data and would report success. The log then refuses to append
// until removeThrough has said that the segment's records are safe in a block.
type wal struct {
	fs    FS
	dir   string
	opts  walOptions
	log   *slog.Logger
	stats *walStats

	kick chan struct{} // asks the syncer to work now
	quit chan struct{} // closed by close: the syncer ends
	done chan struct{} // closed by the syncer as it ends

	// syncMu is held while segments are synced, closed or removed. It is taken before mu.
	syncMu sync.Mutex

	mu       sync.Mutex
	segments []*walSegment // every file of the log, ascending
	cur      *walSegment   // the one that is appended to; nil: the next append starts one
	next     uint64        // number of the next segment
	failed   error         // the first failed fsync among segments
	closed   bool
	synced   chan struct{} // closed and replaced when an fsync has ended or segments were removed
	buf      []byte        // a record header, and a small payload behind it
	placed   walPlaced
}

type walOptions struct {
	// min is the least number that a new segment may get: it has to lie above
	// every segment that a block covers.
	min uint64
	// interval is the time between fsyncs, 0 for one before each commit returns.
	interval time.Duration
	// failed, unless nil, is called when an fsync has failed: the owner should
	// rotate, store its records in a block, and call removeThrough. It runs on the
	// log's own goroutine and must not call close.
	failed func(error)
	// log is slog.Default() if nil.
	log *slog.Logger
	// stats may be shared by several logs; nil if nobody asks for it.
	stats *walStats
}

// walStats counts what logs have done since the process started.
type walStats struct {
	records     atomic.Uint64 // appended
	bytes       atomic.Uint64 // appended, headers included
	syncs       atomic.Uint64 // fsyncs of segments, failed ones included
	syncNanos   atomic.Uint64 // time spent in them
	writeErrors atomic.Uint64 // appends that failed to write
	syncErrors  atomic.Uint64
}

// walSegment is one file of the log. Its variable fields are guarded by wal.mu;
// file is set to nil with wal.syncMu held as well.
type walSegment struct {
	seq     uint64
	name    string // in the log's folder
	file    File   // nil once it needs no more fsync
	end     int64  // behind the last record
	durable int64  // synced up to here
	named   bool   // the folder was synced since the file was created
	err     error  // the failed fsync
	stored  bool   // its records are in a block
	damaged bool   // set aside: not removed
}

// walPos is the end of a record in the log.
type walPos struct {
	seg *walSegment
	end int64
}

var (
	errWALClosed = errors.New("write-ahead log is closed")
	errWALFailed = errors.New("write-ahead log could not be synced; writing resumes once the spans in memory are stored")
)

const (
	walFilePerm = 0o640
	// walCopyLimit is the largest payload that is copied behind its header to
	// save a system call; above it the copy costs more than the call.
	walCopyLimit = 16 << 10
)

// openWAL opens the log in dir and creates the folder if need be. It writes no
// file, so a full disk does not keep a log from being read.
func openWAL(fsys FS, dir string, opts walOptions) (*wal, error) {
	if err := fsys.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("write-ahead log: %w", err)
	}
	w := &wal{
		fs: fsys, dir: dir, opts: opts, log: opts.log, stats: opts.stats, next: max(opts.min, 1),
		kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		synced: make(chan struct{}), buf: make([]byte, 0, walRecordHeaderSize+walCopyLimit),
	}
	if w.log == nil {
		w.log = slog.Default()
	}
	if w.stats == nil {
		w.stats = new(walStats)
	}
	if err := w.list(); err != nil {
		return nil, fmt.Errorf("write-ahead log: %w", err)
	}
	go w.syncLoop()
	return w, nil
}

// list finds the segments of earlier processes.
func (w *wal) list() error {
	entries, err := w.fs.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		seq, damaged, ok := walParseName(e.Name())
		if !ok || e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		w.segments = append(w.segments, &walSegment{
			seq: seq, name: e.Name(), end: info.Size(), durable: info.Size(), damaged: damaged,
		})
		w.next = max(w.next, seq+1)
	}
	slices.SortFunc(w.segments, func(a, b *walSegment) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.name, b.name))
	})
	return nil
}

// append writes one record. When it returns nil, the record has reached the
// operating system; commit waits until it is durable. After an error the log is
// as it was before, and the next call may succeed.
func (w *wal) append(format span.Format, received time.Time, payload []byte) (walPos, error) {
	if len(payload) > walMaxPayload {
		return walPos{}, fmt.Errorf("request of %d bytes is too large for the write-ahead log, which takes %d", len(payload), walMaxPayload)
	}
	head := walRecordHeader{
		length: uint32(len(payload)), sum: crc32.Checksum(payload, walCRC),
		format: format, received: received.UnixNano(),
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return walPos{}, err
	}
	seg := w.cur
	if err := w.write(seg, head, payload); err != nil {
		w.stats.writeErrors.Add(1)
		w.cutBack(seg)
		return walPos{}, fmt.Errorf("write-ahead log: %w", err)
	}
	size := walRecordHeaderSize + int64(len(payload))
	seg.end += size
	w.stats.records.Add(1)
	w.stats.bytes.Add(uint64(size))
	return walPos{seg, seg.end}, nil
}

// ready makes sure that there is a segment to append to.
func (w *wal) ready() error {
	switch {
	case w.closed:
		return errWALClosed
	case w.failed != nil:
		return w.failed
	case w.cur != nil:
		return nil
	}
	seg, err := w.create()
	if err != nil {
		w.stats.writeErrors.Add(1)
		return fmt.Errorf("write-ahead log: new segment: %w", err)
	}
	w.cur = seg
	w.segments = append(w.segments, seg)
	return nil
}

// create starts a segment. Its number is used up even if that fails: a file
// that could be neither completed nor removed must not be in the way of the next.
func (w *wal) create() (*walSegment, error) {
	seg := &walSegment{seq: w.next, name: walName(w.next), end: walHeaderSize, durable: walHeaderSize}
	w.next++
	path := filepath.Join(w.dir, seg.name)
	f, err := w.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, walFilePerm)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(walAppendHeader(w.buf[:0], seg.seq), 0); err != nil {
		return nil, errors.Join(err, f.Close(), w.fs.Remove(path))
	}
	seg.file = f
	return seg, nil
}

// write writes a record to the end of seg.
func (w *wal) write(seg *walSegment, head walRecordHeader, payload []byte) error {
	w.buf = head.append(w.buf[:0], &w.placed, seg.seq, seg.end)
	if len(payload) <= walCopyLimit {
		w.buf = append(w.buf, payload...)
		_, err := seg.file.WriteAt(w.buf, seg.end)
		return err
	}
	if _, err := seg.file.WriteAt(w.buf, seg.end); err != nil {
		return err
	}
	_, err := seg.file.WriteAt(payload, seg.end+walRecordHeaderSize)
	return err
}

// cutBack removes what a failed write has left behind the last record. If that
// fails too, the segment takes no more records: behind the rest of one, they
// might not be found again.
func (w *wal) cutBack(seg *walSegment) {
	if err := seg.file.Truncate(seg.end); err != nil {
		w.cur = nil
		w.log.Error("write-ahead log: the rest of a failed write cannot be cut off; a new segment is started",
			"segment", filepath.Join(w.dir, seg.name), "offset", seg.end, "error", err)
	}
}

// rotate ends the segment that is appended to. Everything appended so far lies
// in segments up to sealed, everything appended later above it. The next
// append starts the new segment.
func (w *wal) rotate() (sealed uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cur = nil
	return w.next - 1
}

// removeThrough removes the segments up to seq, except those that were set
// aside as damaged. The caller vouches that their records are durable in a
// block, which ends the state of failure that one of them may have caused.
// What could not be removed is tried again by the next call.
func (w *wal) removeThrough(seq uint64) error {
	w.syncMu.Lock()
	defer w.syncMu.Unlock()
	gone, err := w.detachThrough(seq)
	if err != nil {
		return err
	}
	var errs []error
	for _, seg := range gone {
		if seg.file != nil {
			_ = seg.file.Close() // what it holds is stored elsewhere
			seg.file = nil
		}
		if seg.damaged {
			continue
		}
		if err := w.fs.Remove(filepath.Join(w.dir, seg.name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("write-ahead log: %w", err))
			w.attach(seg)
		}
	}
	return errors.Join(errs...)
}

// detachThrough takes the segments up to seq out of the log.
func (w *wal) detachThrough(seq uint64) ([]*walSegment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cur != nil && w.cur.seq <= seq {
		return nil, fmt.Errorf("BUG: write-ahead log segment %d is removed while it is written to", w.cur.seq)
	}
	n := 0
	for n < len(w.segments) && w.segments[n].seq <= seq {
		w.segments[n].stored = true
		n++
	}
	gone := slices.Clone(w.segments[:n])
	w.segments = slices.Delete(w.segments, 0, n)
	w.failed = nil
	for _, seg := range w.segments {
		if seg.err != nil && !seg.stored {
			w.failed = seg.err
			break
		}
	}
	w.wake()
	return gone, nil
}

// attach puts a segment back that could not be removed.
func (w *wal) attach(seg *walSegment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := 0
	for at < len(w.segments) && w.segments[at].seq < seg.seq {
		at++
	}
	w.segments = slices.Insert(w.segments, at, seg)
}

// err returns why append refuses to work since an fsync failed, or nil.
func (w *wal) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// size returns the bytes in the log's segments.
func (w *wal) size() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var n int64
	for _, seg := range w.segments {
		n += seg.end
	}
	return n
}

// close syncs what was appended and releases the files. It returns what err would.
func (w *wal) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errWALClosed
	}
	w.closed, w.cur = true, nil
	w.mu.Unlock()
	close(w.quit)
	<-w.done
	w.syncSegments() // failures show in err
	w.syncMu.Lock()
	defer w.syncMu.Unlock()
	for _, seg := range w.segments {
		if seg.file != nil {
			_ = seg.file.Close() // its fsync has failed
			seg.file = nil
		}
	}
	return w.err()
}

// commit returns when the record that ends at pos is as durable as the log is
// configured to make it before it is acknowledged.
func (w *wal) commit(ctx context.Context, pos walPos) error {
	if w.opts.interval > 0 {
		return nil
	}
	select {
	case w.kick <- struct{}{}:
	default: // an fsync that has not begun yet will cover pos
	}
	return w.waitDurable(ctx, pos)
}
