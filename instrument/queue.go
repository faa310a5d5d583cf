package clew

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Stats counts the sampled spans that ended since Setup.
type Stats struct {
	Ended   uint64
	Sent    uint64 // acknowledged by the collector
	Failed  uint64 // refused, or given up after several attempts
	Dropped uint64 // found the queue full; before shutdown this is at least how many
}

// current is the queue of the last Setup.
var current atomic.Pointer[queue]

// Counts returns what became of the spans since Setup.
func Counts() Stats {
	if q := current.Load(); q != nil {
		return q.stats()
	}
	return Stats{}
}

// queue is the SDK's batch processor, which drops spans without a word, and an account of them.
type queue struct {
	sdktrace.SpanProcessor
	delivery *delivery
	capacity uint64 // spans that can wait or be under way
	ended    atomic.Uint64
}

func newQueue(exporter sdktrace.SpanExporter) *queue {
	q := &queue{}
	q.delivery = &delivery{SpanExporter: exporter, queue: q}
	q.delivery.over, q.delivery.giveUp = context.WithCancel(context.Background())
	q.SpanProcessor = sdktrace.NewBatchSpanProcessor(q.delivery, func(o *sdktrace.BatchSpanProcessorOptions) {
		limit(o)
		q.capacity = uint64(o.MaxQueueSize + o.MaxExportBatchSize)
	})
	return q
}

// maxQueue bounds OTEL_BSP_MAX_QUEUE_SIZE.
const maxQueue = 1 << 20

// limit mends what OTEL_BSP_* has put into o: the SDK panics with sizes that
// are negative or huge, and never rests with a delay of 0.
func limit(o *sdktrace.BatchSpanProcessorOptions) {
	if o.MaxQueueSize <= 0 {
		o.MaxQueueSize = sdktrace.DefaultMaxQueueSize
	}
	if o.MaxExportBatchSize <= 0 {
		o.MaxExportBatchSize = sdktrace.DefaultMaxExportBatchSize
	}
	if o.BatchTimeout <= 0 {
		o.BatchTimeout = sdktrace.DefaultScheduleDelay * time.Millisecond
	}
	if o.ExportTimeout <= 0 {
		o.ExportTimeout = sdktrace.DefaultExportTimeout * time.Millisecond
	}
	o.MaxQueueSize = min(o.MaxQueueSize, maxQueue)
	o.MaxExportBatchSize = min(o.MaxExportBatchSize, o.MaxQueueSize)
}

// checkQueueEnv names the numbers in OTEL_BSP_* that limit replaces.
func checkQueueEnv() error {
	var errs []error
	for _, name := range []string{"OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT"} {
		v, _ := firstEnv(name)
		if n, err := strconv.ParseInt(v, 10, 32); v != "" && (err != nil || n <= 0) {
			errs = append(errs, unknown(name, v, "a number above 0"))
		}
	}
	return errors.Join(errs...)
}

// OnEnd counts what the batch processor is about to queue or to drop.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		q.ended.Add(1)
	}
	q.SpanProcessor.OnEnd(s)
}

func (q *queue) stats() Stats {
	// In this order no span is missing from those that ended.
	s := Stats{Sent: q.delivery.sent.Load(), Failed: q.delivery.failed.Load()}
	s.Ended = q.ended.Load()
	pending := s.Ended - s.Sent - s.Failed
	if q.delivery.over.Err() != nil {
		s.Dropped = pending
	} else if pending > q.capacity {
		s.Dropped = pending - q.capacity
	}
	return s
}

// close ends what a shutdown, which ended with err, left over.
func (q *queue) close(err error) error {
	q.delivery.giveUp()
	if s := q.stats(); s.Failed+s.Dropped > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d spans are lost: %d could not be sent, %d did not find room in the queue or time at the end",
			s.Failed+s.Dropped, s.Ended, s.Failed, s.Dropped))
	}
	return err
}

// delivery is an exporter that counts. It stops trying when the program does.
type delivery struct {
	sdktrace.SpanExporter
	queue        *queue
	over         context.Context
	giveUp       context.CancelFunc
	sent, failed atomic.Uint64
	told         uint64 // dropped spans that were reported
}

// ExportSpans is called by one goroutine at a time.
func (d *delivery) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.over, cancel)()
	err := d.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		d.sent.Add(uint64(len(spans)))
	} else {
		d.failed.Add(uint64(len(spans)))
	}
	if dropped := d.queue.stats().Dropped; dropped > d.told {
		d.told = dropped
		otel.Handle(fmt.Errorf("the queue is full: at least %d spans were dropped; OTEL_BSP_MAX_QUEUE_SIZE makes it larger", dropped))
	}
	return err
}
