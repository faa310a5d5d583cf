package columnar

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// rowsBackend is an Engine that logs batches as rows, and can be moved about.
type rowsBackend struct {
	*Engine
	t    *testing.T
	opts Options
}

func (b *rowsBackend) Write(ctx context.Context, tenant string, batch *span.Batch) error {
	if batch.Raw == nil && batch.Len() > 0 {
		batch.Raw, batch.Format = encodeRows(b.t, batch), span.FormatOTLPProto
	}
	return b.Engine.Write(ctx, tenant, batch)
}

func encodeRows(t testing.TB, b *span.Batch) []byte {
	rows := make([]span.Span, b.Len())
	for i := range rows {
		rows[i] = b.Span(i)
	}
	return storetest.EncodeSpans(t, rows)
}

func openRows(t *testing.T, opts Options) *rowsBackend {
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	opts.Decode = storetest.DecodeSpans
	opts.SyncInterval = 50 * time.Millisecond
	opts.Logger = slog.New(slog.DiscardHandler)
	b := &rowsBackend{t: t, opts: opts}
	if err := b.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

func (b *rowsBackend) open() (err error) {
	b.Engine, err = Open(b.opts)
	return err
}

func (b *rowsBackend) Reopen(ctx context.Context) error {
	if err := b.Close(ctx); err != nil {
		return err
	}
	return b.open()
}

// Churn seals, merges, forgets, closes or abandons.
func (b *rowsBackend) Churn(ctx context.Context, rng *rand.Rand) error {
	switch rng.IntN(4) {
	case 0:
		return b.Settle(ctx)
	case 1:
		b.cache.entries.InvalidateAll()
		return b.mergeSome(ctx, rng)
	case 2:
		return b.Reopen(ctx)
	}
	done, cancel := context.WithCancel(ctx)
	cancel() // the head stays in the log
	_ = b.Close(done)
	return b.open()
}

// mergeSome merges a random choice of blocks of each tenant, all of them undecided or none.
func (b *rowsBackend) mergeSome(ctx context.Context, rng *rand.Rand) error {
	b.merging <- struct{}{}
	defer func() { <-b.merging }()
	for _, t := range b.tenants {
		s := t.snapshot()
		rng.Shuffle(len(s.blocks), func(i, j int) { s.blocks[i], s.blocks[j] = s.blocks[j], s.blocks[i] })
		undecided := rng.IntN(2) == 0
		mergeable := slices.DeleteFunc(slices.Clone(s.blocks), func(b *block) bool { return t.isUndecided(b) != undecided })
		if n := len(mergeable); n >= 2 {
			parents := mergeable[:2+rng.IntN(n-1)]
			merged, err := t.writeMerged(ctx, parents, nil)
			if err != nil {
				return err
			}
			t.replace(parents, merged)
		}
		s.release()
	}
	return nil
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		return openRows(t, Options{HeadBytes: 8 << 20, Slice: time.Minute})
	})
}

var _ store.Reader = (*rowsBackend)(nil)
