package pipeline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// gate is a Writer whose writes wait until it is opened.
type gate struct {
	open    chan struct{}
	mu      sync.Mutex
	written []string // tenants
}

func (g *gate) Write(_ context.Context, tenant string, _ *span.Batch) error {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written = append(g.written, tenant)
	return nil
}

func batch(n int) *span.Batch { return &span.Batch{Raw: make([]byte, n)} }

func TestConsumeReturnsTheStoresError(t *testing.T) {
	want := errors.New("disk on fire")
	p := New(writerFunc(func() error { return want }), 10)
	if err := p.Consume(t.Context(), "a", batch(1)); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

type writerFunc func() error

func (f writerFunc) Write(context.Context, string, *span.Batch) error { return f() }

func TestInFlightIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		p := New(g, 10)
		for _, tenant := range []string{"a", "b"} {
			go func() {
				if err := p.Consume(t.Context(), tenant, batch(5)); err != nil {
					t.Errorf("within the bound: %v", err)
				}
			}()
		}
		synctest.Wait()

		var retry *store.RetryError
		if err := p.Consume(t.Context(), "c", batch(1)); !errors.As(err, &retry) || !retry.Overloaded() || retry.RetryAfter() <= 0 {
			t.Errorf("past the bound: got %v, want an overload that may be tried again", err)
		}
		close(g.open)
		synctest.Wait()
		if err := p.Consume(t.Context(), "c", batch(1000)); err != nil {
			t.Errorf("a request larger than the bound, alone: %v", err)
		}
		if len(g.written) != 3 {
			t.Errorf("written for %q, want three", g.written)
		}
	})
}

func TestStopWaitsAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		p := New(g, 10)
		go p.Consume(t.Context(), "a", batch(4))
		synctest.Wait()

		stopped := make(chan error, 1)
		go func() { stopped <- p.Stop(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-stopped:
			t.Fatalf("Stop returned %v before what was under way was stored", err)
		default:
		}
		close(g.open)
		if err := <-stopped; err != nil || len(g.written) != 1 {
			t.Errorf("Stop: %v, written for %q", err, g.written)
		}
		var retry *store.RetryError
		if err := p.Consume(t.Context(), "b", batch(0)); !errors.As(err, &retry) || retry.Overloaded() {
			t.Errorf("after Stop: got %v, want an unavailability that may be tried again", err)
		}
	})
}

func TestStopEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		p := New(g, 10)
		go p.Consume(t.Context(), "a", batch(4))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Stop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(g.open)
	})
}
