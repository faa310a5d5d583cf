// Package columnar is Clew's embedded store: a write-ahead log and a head in
// memory for what came last, immutable blocks of columns for all else.
//
// The path of a span: Engine.Write appends the request to the tenant's log
// (wal.go) and its spans to the head (head.go). A head that is full or old is
// sealed and written as a block (block_make.go, block_write.go); blocks of one
// day are merged to larger ones, and dropped when their time is over
// (maintain.go). Reads look at a snapshot of head and blocks: traces by id
// (search_trace.go), scans (search_scan.go, with predicates in search_eval.go),
// and names and values (search_names.go). The bytes on disk are described in
// docs/format.md.
package columnar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Options say how to open an Engine. Zero values mean the defaults given here.
type Options struct {
	// Dir is the data folder.
	Dir string
	// Decode turns a request that was logged back into spans, the same ones that were written.
	Decode func(format span.Format, raw []byte, b *span.Batch) error
	// SyncInterval is the time between fsyncs of the log; 0 means before each acknowledgement.
	SyncInterval time.Duration
	// Retention is how long spans are kept after their arrival; 0 means for ever.
	Retention time.Duration
	// MaxBytes is the most that blocks may take on disk; past it the oldest go. 0 means no limit.
	MaxBytes int64
	// HeadBytes is the memory for spans that are not yet in a block, of all tenants (default 64 MiB, at most 1 GiB).
	HeadBytes int64
	// CacheBytes is the memory for decoded parts of blocks (default 64 MiB).
	CacheBytes int64
	// QueryBytes is the memory that the answer of one query may take (default 512 MiB).
	QueryBytes int64
	// HeadAge is how long a span may wait for its block (default 30 s), and
	// HeadIdle how long while nothing arrives (default 2 s).
	HeadAge, HeadIdle time.Duration
	// Slice makes spans that arrive undecided (see store.Thinner), and is in how large parts: those
	// that arrived within one such time are decided together. 0 means that all spans stay.
	Slice time.Duration
	// Ahead, if not nil, is called once for each block that merges made, with a reader whose Scan looks at that block
	// alone: what a Query.Keep of it makes is kept on disk, where later looks find it.
	Ahead func(ctx context.Context, r store.Reader, tenant string) error
	// FS is the disk (default OSFS).
	FS         FS
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock (default time.Now).
	Now func() time.Time
}

func (o *Options) setDefaults() {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.HeadBytes, 64<<20)
	o.HeadBytes = min(o.HeadBytes, maxHeadBytes)
	def(&o.CacheBytes, 64<<20)
	def(&o.QueryBytes, 512<<20)
	if o.HeadAge <= 0 {
		o.HeadAge = 30 * time.Second
	}
	if o.HeadIdle <= 0 {
		o.HeadIdle = 2 * time.Second
	}
	if o.FS == nil {
		o.FS = OSFS{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Engine is the embedded store. It implements store.Writer and store.Reader.
type Engine struct {
	opts  Options
	fs    FS
	log   *slog.Logger
	lock  io.Closer
	cache *cache
	stats *engineStats

	mu      sync.RWMutex
	tenants map[string]*tenant
	closed  bool
	share   atomic.Int64 // of Options.HeadBytes for each tenant; its own, as it is asked for under a tenant's locks

	stop    context.CancelFunc // ends maintenance
	ctx     context.Context
	working sync.WaitGroup
	// flushing and merging let one tenant at a time write a block of a head, and one a merged block or look at one ahead.
	flushing, merging chan struct{}
}

var (
	_ store.Writer  = (*Engine)(nil)
	_ store.Reader  = (*Engine)(nil)
	_ store.Thinner = (*Engine)(nil)
)

// ErrClosed is returned by an Engine that was closed.
var ErrClosed = errors.New("store is closed")

const tenantsFolder = "tenants"

// Open opens the data folder, creates it if need be, and recovers what an
// earlier process left there: when it returns, all that was ever acknowledged
// is found. A damaged file is set aside with a message and is no error.
func Open(opts Options) (*Engine, error) {
	opts.setDefaults()
	if opts.Dir == "" || opts.Decode == nil {
		return nil, errors.New("columnar store: Options.Dir and Options.Decode must be set")
	}
	e := &Engine{
		opts: opts, fs: opts.FS, log: opts.Logger, cache: newCache(opts.CacheBytes),
		tenants: map[string]*tenant{}, flushing: make(chan struct{}, 1), merging: make(chan struct{}, 1),
	}
	e.share.Store(opts.HeadBytes)
	e.stats = newEngineStats(e)
	e.ctx, e.stop = context.WithCancel(context.Background())
	if err := e.fs.MkdirAll(filepath.Join(opts.Dir, tenantsFolder), 0o750); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	var err error
	if e.lock, err = e.fs.Lock(opts.Dir); err != nil {
		return nil, err
	}
	if err := e.openTenants(); err != nil {
		return nil, errors.Join(err, e.Close(context.Background()))
	}
	if opts.Registerer != nil {
		if err := opts.Registerer.Register(e.stats); err != nil {
			return nil, errors.Join(err, e.Close(context.Background()))
		}
	}
	e.working.Add(1)
	go e.keepSize()
	return e, nil
}

func (e *Engine) openTenants() error {
	entries, err := e.fs.ReadDir(filepath.Join(e.opts.Dir, tenantsFolder))
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		t, err := openTenant(e, entry.Name())
		if err != nil {
			return fmt.Errorf("tenant %s: %w", entry.Name(), err)
		}
		e.add(t)
	}
	return nil
}

// Close stores what is in memory in blocks and releases the data folder. Reads
// and writes that begin later fail with ErrClosed. If ctx ends first, the spans
// in memory stay in the log, from where the next Open takes them.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	e.closed = true
	e.mu.Unlock()
	e.stop()
	e.working.Wait()
	var errs []error
	for _, t := range e.tenants {
		errs = append(errs, t.close(ctx))
	}
	if e.opts.Registerer != nil {
		e.opts.Registerer.Unregister(e.stats)
	}
	e.cache.entries.InvalidateAll()
	if e.lock != nil {
		errs = append(errs, e.lock.Close())
	}
	return errors.Join(errs...)
}

// Write implements store.Writer. The batch must have its request in Raw.
func (e *Engine) Write(ctx context.Context, name string, b *span.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if n := len(b.Values) + len(b.Events) + len(b.Links); n > maxBatchItems {
		return fmt.Errorf("request with %d attributes, events and links is too large: the store takes %d at once", n, maxBatchItems)
	}
	t, err := e.tenant(name, true)
	if err != nil {
		return err
	}
	return t.write(ctx, b)
}

// tenant returns the tenant with a name, or nil if there is none and it is not to be created.
func (e *Engine) tenant(name string, create bool) (*tenant, error) {
	e.mu.RLock()
	t, closed := e.tenants[name], e.closed
	e.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	if t != nil || !create {
		return t, nil
	}
	if err := span.CheckTenant(name); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if t = e.tenants[name]; t != nil {
		return t, nil
	}
	t, err := openTenant(e, name)
	if err != nil {
		return nil, e.unavailable(err)
	}
	e.add(t)
	return t, nil
}

func (e *Engine) add(t *tenant) {
	e.tenants[t.name] = t
	e.share.Store(e.opts.HeadBytes / int64(len(e.tenants)))
}

// unavailable wraps an error of the disk so that the sender tries again.
func (e *Engine) unavailable(err error) error {
	reason := fmt.Errorf("spans cannot be stored now: %w", err)
	if errors.Is(err, errNoSpace) {
		reason = fmt.Errorf("spans cannot be stored now: the disk that holds %s is full; free some space or lower the retention: %w", e.opts.Dir, err)
	}
	return &store.RetryError{After: 5 * time.Second, Reason: reason}
}

// Settle waits until all spans that were written are in blocks, no merge is due, and Options.Ahead has seen
// what was merged: for tests and benchmarks.
func (e *Engine) Settle(ctx context.Context) error {
	e.mu.RLock()
	tenants := make([]*tenant, 0, len(e.tenants))
	for _, t := range e.tenants {
		tenants = append(tenants, t)
	}
	e.mu.RUnlock()
	for _, t := range tenants {
		if err := t.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// snapshot returns what tenant name holds now; nil if it is unknown. The caller releases it.
func (e *Engine) snapshot(ctx context.Context, name string) (*snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, err := e.tenant(name, false)
	if err != nil || t == nil {
		return nil, err
	}
	s := t.snapshot()
	if s == nil {
		return nil, ErrClosed
	}
	return s, nil
}
