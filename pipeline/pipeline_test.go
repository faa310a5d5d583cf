package pipeline

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

type writer func(tenant string, b *span.Batch) error

func (w writer) Write(_ context.Context, tenant string, b *span.Batch) error { return w(tenant, b) }

func TestConsumeWritesToTheStore(t *testing.T) {
	batch, failure := &span.Batch{}, errors.New("disk on fire")
	p := New(writer(func(tenant string, b *span.Batch) error {
		if tenant != "a" || b != batch {
			t.Errorf("the store got %p of %q", b, tenant)
		}
		return failure
	}))
	if err := p.Consume(t.Context(), "a", batch); !errors.Is(err, failure) {
		t.Errorf("got %v, want the store's error", err)
	}
}

func TestStopWaitsAndRefuses(t *testing.T) {
	entered, write := make(chan struct{}), make(chan struct{})
	p := New(writer(func(string, *span.Batch) error { close(entered); <-write; return nil }))
	stored, stopped := make(chan error, 1), make(chan struct{})
	go func() { stored <- p.Consume(t.Context(), "a", &span.Batch{}) }()
	<-entered
	go func() { p.Stop(); close(stopped) }()
	for p.stopping.TryRLock() { // until Stop asks for the lock
		p.stopping.RUnlock()
		runtime.Gosched()
	}
	select {
	case <-stopped:
		t.Fatal("Stop returned while a batch was being stored")
	default:
	}
	close(write)
	<-stopped
	if err := <-stored; err != nil {
		t.Errorf("the batch under way: %v", err)
	}
	var retry *store.RetryError
	if err := p.Consume(t.Context(), "a", &span.Batch{}); !errors.As(err, &retry) || retry.Overloaded() || retry.RetryAfter() <= 0 {
		t.Errorf("after Stop: got %v, want an error that asks to come again", err)
	}
}
