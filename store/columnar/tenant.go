package columnar

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// tenant is the log, the heads and the blocks of one tenant.
//
// Locks: writing orders writes, so that log and head agree on what lies before
// a seal; state guards the lists of heads and blocks. writing is taken first.
type tenant struct {
	e    *Engine
	name string
	dir  string // of blocks
	log  *slog.Logger
	wal  *wal

	writing   sync.Mutex
	lastWrite time.Time

	state  sync.RWMutex
	head   *head
	born   time.Time // first write to head
	sealed []*head   // waiting to become blocks, oldest first
	blocks []*block  // ascending by id
	nextID uint64
	unused []uint64 // block ids that were given out in vain
	gaps   []string // what was found damaged
	closed bool     // blocks are released
	failed error    // why the last attempt to store a head failed
	splits splitCache
	change chan struct{}  // closed and replaced when sealed, blocks or failed change
	kick   chan struct{}  // asks for maintenance
	grown  chan struct{}  // tells that there is a new block
	done   sync.WaitGroup // maintenance that is running
}

// maxSealed is how many full heads may wait before writers do.
const maxSealed = 1

// writeWait is how long a writer waits for room before it is turned away.
const writeWait = 10 * time.Second

var errNoSpace error = syscall.ENOSPC

func openTenant(e *Engine, name string) (*tenant, error) {
	dir := filepath.Join(e.opts.Dir, tenantsFolder, name)
	t := &tenant{
		e: e, name: name, dir: filepath.Join(dir, "blocks"), log: e.log.With("tenant", name), head: newHead(), nextID: 1,
		change: make(chan struct{}), kick: make(chan struct{}, 1), grown: make(chan struct{}, 1),
	}
	if err := e.fs.MkdirAll(t.dir, 0o750); err != nil {
		return nil, err
	}
	if err := t.openBlocks(); err != nil {
		return nil, err
	}
	covered := uint64(0)
	for _, b := range t.blocks {
		covered = max(covered, b.meta.WALSegment)
	}
	var err error
	t.wal, err = openWAL(e.fs, filepath.Join(dir, "wal"), walOptions{
		min: t.firstSegment(covered), interval: e.opts.SyncInterval, log: t.log, stats: &e.stats.wal,
		failed: func(error) { t.seal() },
	})
	if err == nil {
		err = t.recover(covered)
	}
	if err != nil {
		if t.wal != nil {
			err = errors.Join(err, t.wal.close())
		}
		t.releaseBlocks()
		return nil, err
	}
	t.done.Go(t.maintain)
	t.done.Go(t.tidy)
	return t, nil
}

// openBlocks opens the blocks, removes what was not finished or has been
// replaced, and sets damaged files aside.
func (t *tenant) openBlocks() error {
	entries, err := t.e.fs.ReadDir(t.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(t.dir, entry.Name())
		if strings.HasSuffix(entry.Name(), tmpSuffix) {
			_ = t.e.fs.Remove(path) // in the way of nothing
		}
		name, damaged := strings.CutSuffix(entry.Name(), damagedSuffix)
		id, ok := parseBlockName(name)
		if !ok {
			continue
		}
		t.nextID = max(t.nextID, id+1)
		if damaged {
			t.gaps = append(t.gaps, damagedGap(name))
			continue
		}
		b, err := openBlock(t.e.fs, path, t.e.cache)
		switch {
		case err == nil:
			t.blocks = append(t.blocks, b)
		case errors.Is(err, colenc.ErrCorrupt):
			t.setAside(path, err)
		case errors.Is(err, syscall.EIO):
			t.log.Error("block cannot be read; all other data is served", "error", err)
			t.gaps = append(t.gaps, err.Error())
		default:
			t.releaseBlocks()
			return err
		}
	}
	slices.SortFunc(t.blocks, func(a, b *block) int { return int(a.meta.ID) - int(b.meta.ID) })
	t.dropReplaced()
	t.removeKept(entries)
	return nil
}

// removeKept removes what was kept of blocks that are not there any more.
func (t *tenant) removeKept(entries []fs.DirEntry) {
	for _, entry := range entries {
		path := filepath.Join(t.dir, entry.Name())
		if strings.HasSuffix(path, keptSuffix) && !slices.ContainsFunc(t.blocks, func(b *block) bool { return b.keptPath() == path }) {
			_ = t.e.fs.Remove(path) // in the way of nothing
		}
	}
}

// dropReplaced drops the blocks whose successor is there: a merge was cut short before it removed them.
func (t *tenant) dropReplaced() {
	replaced := map[uint64]bool{}
	for _, b := range t.blocks {
		for _, id := range b.meta.Parents {
			replaced[id] = true
		}
	}
	t.blocks = slices.DeleteFunc(t.blocks, func(b *block) bool {
		if replaced[b.meta.ID] {
			b.drop()
		}
		return replaced[b.meta.ID]
	})
}

// setAside renames a damaged block so that it is not opened again, and remembers that answers lack its spans.
func (t *tenant) setAside(path string, cause error) {
	t.log.Error("block is damaged and is set aside; all other data is served", "path", path+damagedSuffix, "error", cause)
	if err := t.e.fs.Rename(path, path+damagedSuffix); err != nil {
		t.log.Error("damaged block cannot be renamed", "path", path, "error", err)
	}
	t.gaps = append(t.gaps, damagedGap(filepath.Base(path)))
}

func damagedGap(name string) string {
	return fmt.Sprintf("block %s is damaged and was set aside", name)
}

// firstSegment returns the least number for new log segments, if blocks cover those up to covered.
// A block that cannot be read may cover more. It must not cover segments of today on the day
// that it is read again, restored from a copy, so these take numbers far above.
func (t *tenant) firstSegment(covered uint64) uint64 {
	if len(t.gaps) > 0 {
		covered += 1 << 32
	}
	return covered + 1
}

func (t *tenant) releaseBlocks() {
	for _, b := range t.blocks {
		b.release()
	}
	t.blocks = nil
}

// recover brings the requests that no block holds from the log back into the head.
func (t *tenant) recover(covered uint64) error {
	if err := t.wal.removeThrough(covered); err != nil {
		t.log.Warn("log segments that are stored in blocks cannot be removed", "error", err)
	}
	b := new(span.Batch)
	began, spans, undecoded := time.Now(), 0, 0
	sum, err := t.wal.replay(covered+1, func(_ uint64, r walRecord) error {
		b.Reset()
		if err := t.e.opts.Decode(r.format, r.payload, b); err != nil {
			t.log.Error("a logged request cannot be decoded and is left out", "error", err)
			undecoded++
			return nil
		}
		t.head.append(b, uint64(r.received.UnixNano()))
		spans += b.Len()
		return nil
	})
	if err != nil {
		return err
	}
	if undecoded > 0 {
		t.gaps = append(t.gaps, fmt.Sprintf("%d requests of the write-ahead log cannot be decoded", undecoded))
	}
	damaged, err := t.wal.damaged()
	if err != nil {
		return err
	}
	for _, name := range damaged {
		t.gaps = append(t.gaps, fmt.Sprintf("write-ahead log segment %s is damaged, and requests in it are lost", name))
	}
	if spans > 0 {
		t.born, t.lastWrite = t.e.opts.Now(), t.e.opts.Now()
		t.log.Info("recovered from the log", "spans", spans, "segments", sum.segments, "took", time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func (t *tenant) write(ctx context.Context, b *span.Batch) error {
	if b.Raw == nil {
		return errors.New("batch without its request cannot be logged")
	}
	if err := t.waitForRoom(ctx); err != nil {
		return err
	}
	received := b.Received
	if received.IsZero() {
		received = t.e.opts.Now()
	}
	t.writing.Lock()
	pos, err := t.wal.append(b.Format, received, b.Raw)
	if err != nil {
		t.writing.Unlock()
		return t.e.unavailable(err)
	}
	t.lastWrite = t.e.opts.Now()
	t.state.Lock()
	if t.head.rows == 0 {
		t.born = t.lastWrite
	}
	h := t.head
	t.state.Unlock()
	h.append(b, uint64(received.UnixNano()))
	full := h.size() >= t.e.headBudget()
	t.writing.Unlock()
	if full {
		wake(t.kick)
	}
	t.e.stats.spans.Add(uint64(b.Len()))
	if err := t.wal.commit(ctx, pos); err != nil {
		return t.e.unavailable(err)
	}
	return nil
}

// waitForRoom returns when the head may take more, or why it does not.
func (t *tenant) waitForRoom(ctx context.Context) error {
	if t.hasRoom() {
		return nil
	}
	wake(t.kick)
	timer := time.NewTimer(writeWait)
	defer timer.Stop()
	for {
		t.state.RLock()
		change, failed := t.change, t.failed
		t.state.RUnlock()
		if t.hasRoom() {
			return nil
		}
		if failed != nil {
			return t.e.unavailable(failed)
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.e.ctx.Done():
			return &store.RetryError{After: 5 * time.Second, Reason: errors.New("the server is stopping")}
		case <-timer.C:
			return &store.RetryError{After: time.Second, Overload: true, Reason: errors.New("spans arrive faster than they can be stored: the memory for recent spans is full")}
		}
	}
}

func (t *tenant) hasRoom() bool {
	t.state.RLock()
	h := t.head
	sealed := len(t.sealed)
	t.state.RUnlock()
	if sealed < maxSealed {
		return true // a full head can be sealed
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.size() < t.e.headBudget()
}

// wake asks the loop behind a channel to work now.
func wake(kick chan<- struct{}) {
	select {
	case kick <- struct{}{}:
	default:
	}
}

// changed tells waiters that the state is another one. The caller holds state.
func (t *tenant) changed() {
	close(t.change)
	t.change = make(chan struct{})
}

// seal ends the present head, if it holds anything, and starts the next one.
func (t *tenant) seal() {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.state.Lock()
	defer t.state.Unlock()
	if t.head.rows == 0 {
		return
	}
	t.head.lastSegment = t.wal.rotate()
	t.sealed = append(t.sealed, t.head)
	t.head = newHead()
	t.changed()
	wake(t.kick)
}

// close stores what is in memory and releases everything.
func (t *tenant) close(ctx context.Context) error {
	t.done.Wait()
	t.seal()
	var errs []error
	for t.flushOne(ctx) {
	}
	t.state.Lock()
	if len(t.sealed) > 0 && t.failed != nil {
		errs = append(errs, fmt.Errorf("tenant %s: the last spans are not in a block, but safe in the log: %w", t.name, t.failed))
	}
	t.releaseBlocks()
	t.closed = true
	t.state.Unlock()
	if err := t.wal.close(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// snapshot is what a tenant held at one moment. Its blocks stay open until it is released.
type snapshot struct {
	t      *tenant
	heads  []*headView
	blocks []*block
	gaps   []string
}

// snapshot returns nil if the tenant is closed.
func (t *tenant) snapshot() *snapshot {
	t.state.RLock()
	defer t.state.RUnlock()
	if t.closed {
		return nil
	}
	s := &snapshot{t: t, gaps: slices.Clone(t.gaps)}
	for _, h := range append(slices.Clone(t.sealed), t.head) {
		if v := h.view(); v != nil {
			s.heads = append(s.heads, v)
		}
	}
	for _, b := range t.blocks {
		if b.acquire() {
			s.blocks = append(s.blocks, b)
		}
	}
	return s
}

func (s *snapshot) release() {
	for _, b := range s.blocks {
		b.release()
	}
}
