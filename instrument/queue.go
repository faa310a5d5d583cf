package clew

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Stats counts the sampled spans that ended, or the log records of spans, since Setup.
type Stats struct {
	Ended   uint64 // or was logged
	Sent    uint64 // acknowledged by the collector
	Failed  uint64 // refused, or given up after several attempts
	Dropped uint64 // found the queue full; before shutdown this is at least how many
}

// Those of the last Setup; nil if nothing is sent.
var currentSpans, currentLogs atomic.Pointer[account]

// Counts returns what became of the spans since Setup.
func Counts() Stats { return currentSpans.Load().stats() }

// LogCounts returns what became of the log records that are sent since Setup.
func LogCounts() Stats { return currentLogs.Load().stats() }

// account tells what becomes of all that goes through one of the SDK's queues,
// which drop without a word. What is sent is given up when over ends.
type account struct {
	noun     string
	variable string // sets the size of the queue
	capacity uint64 // how many can wait or be under way

	ended, sent, failed atomic.Uint64
	told                uint64 // dropped ones that were reported

	over   context.Context
	giveUp context.CancelFunc
}

func newAccount(noun, variable string, b batching) *account {
	a := &account{noun: noun, variable: variable, capacity: uint64(b.queue + b.batch)}
	a.over, a.giveUp = context.WithCancel(context.Background())
	return a
}

func (a *account) stats() Stats {
	if a == nil {
		return Stats{}
	}
	// In this order none is missing from those that ended.
	s := Stats{Sent: a.sent.Load(), Failed: a.failed.Load()}
	s.Ended = a.ended.Load()
	pending := s.Ended - s.Sent - s.Failed
	if a.over.Err() != nil {
		s.Dropped = pending
	} else if pending > a.capacity {
		s.Dropped = pending - a.capacity
	}
	return s
}

// export counts n that send sends. One goroutine at a time calls it.
func (a *account) export(ctx context.Context, n int, send func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.over, cancel)()
	err := send(ctx)
	if err == nil {
		a.sent.Add(uint64(n))
	} else {
		a.failed.Add(uint64(n))
	}
	if dropped := a.stats().Dropped; dropped > a.told {
		a.told = dropped
		otel.Handle(fmt.Errorf("the queue is full: at least %d %s were dropped; %s makes it larger", dropped, a.noun, a.variable))
	}
	return err
}

// close ends what a shutdown, which ended with err, left over. A nil account has nothing.
func (a *account) close(err error) error {
	if a == nil {
		return err
	}
	a.giveUp()
	if s := a.stats(); s.Failed+s.Dropped > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d %s are lost: %d could not be sent, %d did not find room in the queue or time at the end",
			s.Failed+s.Dropped, s.Ended, a.noun, s.Failed, s.Dropped))
	}
	return err
}

// spanQueue is the SDK's batch processor, and an account of its spans.
type spanQueue struct {
	sdktrace.SpanProcessor
	*account
}

func newSpanQueue(exporter sdktrace.SpanExporter, b batching) *spanQueue {
	q := &spanQueue{account: newAccount("spans", "OTEL_BSP_MAX_QUEUE_SIZE", b)}
	q.SpanProcessor = sdktrace.NewBatchSpanProcessor(spanDelivery{exporter, q.account},
		sdktrace.WithMaxQueueSize(b.queue), sdktrace.WithMaxExportBatchSize(b.batch),
		sdktrace.WithBatchTimeout(b.delay), sdktrace.WithExportTimeout(b.timeout))
	return q
}

// OnEnd counts what the batch processor is about to queue or to drop.
func (q *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		q.ended.Add(1)
	}
	q.SpanProcessor.OnEnd(s)
}

// spanDelivery is an exporter that counts.
type spanDelivery struct {
	sdktrace.SpanExporter
	account *account
}

func (d spanDelivery) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return d.account.export(ctx, len(spans), func(ctx context.Context) error { return d.SpanExporter.ExportSpans(ctx, spans) })
}
