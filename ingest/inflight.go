package ingest

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

// inflight bounds the bytes of all requests that are being worked on.
type inflight struct {
	sem   *semaphore.Weighted
	size  int64
	wait  time.Duration
	gauge prometheus.Gauge
}

func newInflight(size int64, wait time.Duration, gauge prometheus.Gauge) *inflight {
	return &inflight{sem: semaphore.NewWeighted(size), size: size, wait: wait, gauge: gauge}
}

// lease is the share of one request.
type lease struct {
	of   *inflight
	held int64
}

func (f *inflight) lease() *lease { return &lease{of: f} }

// grow waits until the lease covers n bytes more, and returns errBusy if that
// takes too long. A request larger than everything gets everything.
func (l *lease) grow(ctx context.Context, n int) error {
	more := min(int64(n), l.of.size-l.held)
	if more <= 0 {
		return nil
	}
	if !l.of.sem.TryAcquire(more) {
		short, cancel := context.WithTimeout(ctx, l.of.wait)
		defer cancel()
		if err := l.of.sem.Acquire(short, more); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errBusy
		}
	}
	l.held += more
	l.of.gauge.Add(float64(more))
	return nil
}

// release ends the lease.
func (l *lease) release() {
	l.of.sem.Release(l.held)
	l.of.gauge.Sub(float64(l.held))
	l.held = 0
}

// busy is the error of a server that works on too many requests already.
type busy struct{}

var errBusy error = busy{}

func (busy) Error() string             { return "too many requests at once" }
func (busy) RetryAfter() time.Duration { return time.Second }
func (busy) Overloaded() bool          { return true }
