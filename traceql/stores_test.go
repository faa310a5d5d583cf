package traceql

import (
	"context"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar"
	"github.com/clewhq/clew/store/storetest"
)

// modelWith returns a model that has spans.
func modelWith(t *testing.T, spans []span.Span) *storetest.Model {
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, spans)
	return m
}

// columnarWith returns an engine that has spans, some in its head and some in blocks.
func columnarWith(t *testing.T, spans []span.Span, rng *rand.Rand) *columnar.Engine {
	e, err := columnar.Open(columnar.Options{
		Dir: t.TempDir(), Decode: storetest.DecodeSpans, SyncInterval: time.Hour, HeadAge: time.Hour, HeadIdle: time.Hour,
		FS: hastyFS{}, HeadBytes: 8 << 20, CacheBytes: 8 << 20, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	shuffled := append([]span.Span(nil), spans...)
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for len(shuffled) > 0 {
		n := 1 + rng.IntN(len(shuffled))
		storetest.WriteSpans(t, e, shuffled[:n])
		shuffled = shuffled[n:]
		if rng.IntN(2) == 0 {
			if err := e.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return e
}

// hastyFS is a disk that never waits until it is safe: nobody pulls the plug here.
type hastyFS struct{ columnar.OSFS }

func (hastyFS) SyncDir(string) error { return nil }

func (h hastyFS) OpenFile(name string, flag int, perm fs.FileMode) (columnar.File, error) {
	f, err := h.OSFS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return hastyFile{f}, nil
}

type hastyFile struct{ columnar.File }

func (hastyFile) Sync() error { return nil }
