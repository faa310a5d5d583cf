// Package pipeline is the order of what happens to a batch between its arrival
// and its store, with the bound on how much may be under way.
package pipeline

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Pipeline takes batches from all receivers. It is safe for concurrent use.
//
// Its parts stop in the order of the path: first the receivers, which wait for
// the requests that they took; then Stop; then the store is closed.
type Pipeline struct {
	store    store.Writer
	limit    int64
	inFlight *semaphore.Weighted // bytes; Stop takes all of them
	stopping chan struct{}
}

// retryAfter is how long a refused sender should wait: a few requests' worth of work.
const retryAfter = time.Second

var (
	errOverload = errors.New("too many bytes of spans are being stored at once; raise memory.in-flight or send less at a time")
	errStopping = errors.New("the server is stopping")
)

// New returns a Pipeline into w. The requests under way at the same time are
// at most limit bytes together, or one that is larger.
func New(w store.Writer, limit int64) *Pipeline {
	return &Pipeline{store: w, limit: limit, inFlight: semaphore.NewWeighted(limit), stopping: make(chan struct{})}
}

// Consume stores b. When it returns nil, the spans are as durable as the store
// promises. It returns a *store.RetryError if the sender should try again.
func (p *Pipeline) Consume(ctx context.Context, tenant string, b *span.Batch) error {
	n := min(max(int64(len(b.Raw)), 1), p.limit)
	if !p.inFlight.TryAcquire(n) {
		return p.refusal()
	}
	defer p.inFlight.Release(n)
	return p.store.Write(ctx, tenant, b)
}

func (p *Pipeline) refusal() error {
	select {
	case <-p.stopping:
		return &store.RetryError{After: retryAfter, Reason: errStopping}
	default:
		return &store.RetryError{After: retryAfter, Overload: true, Reason: errOverload}
	}
}

// Stop refuses new batches and waits until those under way are stored, or ctx
// ends. It is called once.
func (p *Pipeline) Stop(ctx context.Context) error {
	close(p.stopping)
	return p.inFlight.Acquire(ctx, p.limit)
}
