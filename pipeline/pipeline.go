// Package pipeline is the order of what happens to a batch between the receiver
// that decoded it and the store that keeps it.
package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Pipeline takes batches from all receivers, which bound how much is under way
// at once. It is safe for concurrent use.
//
// A stop follows the path of a span: first the receivers, which wait for the
// requests that they took; then Stop; then the store is closed.
type Pipeline struct {
	store   store.Writer
	observe []Observer

	// stopping is held for reading by each batch that is under way.
	stopping sync.RWMutex
	stopped  bool
}

// Observer sees a batch of a tenant.
type Observer func(tenant string, b *span.Batch)

// New returns a Pipeline into w. Those who observe see each batch that was
// stored, before its sender is told; they must neither change nor keep it.
func New(w store.Writer, observe ...Observer) *Pipeline {
	return &Pipeline{store: w, observe: observe}
}

// Consume stores b. When it returns nil, the spans are as durable as the store
// promises. It returns a *store.RetryError if the sender should try again.
func (p *Pipeline) Consume(ctx context.Context, tenant string, b *span.Batch) error {
	p.stopping.RLock()
	defer p.stopping.RUnlock()
	if p.stopped {
		return errStopped
	}
	if err := p.store.Write(ctx, tenant, b); err != nil {
		return err
	}
	for _, observe := range p.observe {
		observe(tenant, b)
	}
	return nil
}

// errStopped tells senders to come again when another process may listen.
var errStopped = &store.RetryError{After: time.Second, Reason: errors.New("the server is stopping")}

// Stop waits for the batches under way; later ones are refused.
func (p *Pipeline) Stop() {
	p.stopping.Lock()
	defer p.stopping.Unlock()
	p.stopped = true
}
