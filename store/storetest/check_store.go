package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// checkCatalog: names, keys and values are counted as the Reader says.
func checkCatalog(t *trial) error {
	services := []span.Value{
		span.StringValue("shop"), span.StringValue("cart"), span.StringValue("Cart"), span.StringValue("é"), span.StringValue("\xff"),
		span.StringValue(""), span.IntValue(1), span.BytesValue("shop"), {}, span.ArrayValue(span.StringValue("shop")),
	}
	for i, service := range services {
		s := plain(byte(i+1), 1, uint64(i))
		s.Name, s.Kind = []string{"", "GET", "get"}[i%3], int32(i%4)-1
		s.Resource.Attrs = attrs("service.name", service, "k", span.IntValue(1), "service.name", span.StringValue("second"))
		if i == 0 {
			s.Resource.Attrs = nil
		}
		s.Scope = span.SpanScope{Name: "n", Attrs: attrs("k", span.BoolValue(true))}
		s.Attrs = attrs("k", span.IntValue(int64(i%3)), "k", span.IntValue(int64(i%3)), "k", span.StringValue("a"), "m", span.MapValue(), "a", span.ArrayValue())
		for event := range i % 4 {
			list := attrs("k", span.FloatValue(float64(event)), "k", span.FloatValue(math.NaN()), "j", span.StringValue("x"))
			s.Events = append(s.Events, span.SpanEvent{Name: fmt.Sprint("e", event%2), Attrs: list})
			s.Links = append(s.Links, span.SpanLink{SpanID: span.SpanID{7: byte(event)}, Attrs: attrs("k", span.BytesValue("b"))})
		}
		child := s
		child.SpanID[0], child.Name = 1, "child"
		if err := t.write(tenant, s, child); err != nil {
			return err
		}
	}
	return t.everywhere(func() error {
		for _, r := range []store.TimeRange{{Start: 3 * second}, {End: 3 * second}, {Start: 2 * second, End: 4 * second}, {Start: 100 * second}} {
			if err := t.compareCatalog(tenant, r, t.fields(tenant)); err != nil {
				return err
			}
		}
		return t.compareAll()
	})
}

// checkContextEnds: every method returns the context's error.
func checkContextEnds(t *trial) error {
	const traces = 500
	var list []span.Span
	for i := range traces {
		s := plain(1, 1, uint64(i))
		s.TraceID[0], s.TraceID[1] = byte(i), byte(i>>8)
		list = append(list, s)
	}
	if err := t.write(tenant, list...); err != nil {
		return err
	}
	return t.everywhere(func() error {
		ended, cancel := context.WithCancel(t.ctx)
		cancel()
		for name, call := range t.reads(list[0].TraceID) {
			if err := call(ended); !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s with a context that was cancelled: error %v, want context.Canceled", name, err)
			}
			if err := call(t.ctx); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return t.endLook()
	})
}

// reads returns a call of each method of the Reader that finds something.
func (t *trial) reads(id span.TraceID) map[string]func(context.Context) error {
	b := t.backend
	return map[string]func(context.Context) error{
		"Trace": func(ctx context.Context) error {
			_, err := b.Trace(ctx, tenant, id, store.TimeRange{})
			return err
		},
		"Services": func(ctx context.Context) error {
			_, err := b.Services(ctx, tenant, store.TimeRange{})
			return err
		},
		"Operations": func(ctx context.Context) error {
			_, err := b.Operations(ctx, tenant, "", store.TimeRange{})
			return err
		},
		"AttributeKeys": func(ctx context.Context) error {
			_, err := b.AttributeKeys(ctx, tenant, store.TimeRange{})
			return err
		},
		"AttributeValues": func(ctx context.Context) error {
			_, err := b.AttributeValues(ctx, tenant, store.Of(store.Name), store.TimeRange{}, 0)
			return err
		},
		"Scan": func(ctx context.Context) error {
			_, err := b.Scan(ctx, tenant, &store.Query{}, func(int, store.Chunk) error { return nil })
			return err
		},
	}
}

// checkRandom: random data, moved at random, and random questions about it.
func checkRandom(t *trial) error {
	tenants := []string{tenant, tenant, tenant, "team-a"}
	for step := range 6 {
		for _, part := range t.gen.Split(t.gen.Spans(10 + t.rng.IntN(80))) {
			if err := t.write(tenants[t.rng.IntN(len(tenants))], part...); err != nil {
				return err
			}
			if t.rng.IntN(4) == 0 {
				if err := t.churn(); err != nil {
					return err
				}
			}
		}
		if err := t.askAtRandom(tenants[t.rng.IntN(len(tenants))]); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	return t.everywhere(t.compareAll)
}

// askAtRandom compares the answers to a number of random questions.
func (t *trial) askAtRandom(tenant string) error {
	spans, ids := t.model.Spans(tenant), t.traceIDs(tenant)
	for range 60 {
		if err := t.compareLook(tenant, t.gen.look(spans)); err != nil {
			return err
		}
	}
	for range 5 {
		if len(ids) > 0 {
			if err := t.compareTrace(tenant, ids[t.rng.IntN(len(ids))], t.gen.Range(spans)); err != nil {
				return err
			}
		}
		if err := t.compareTrace(tenant, t.gen.newTraceID(), t.gen.Range(spans)); err != nil {
			return err
		}
		if err := t.compareCatalog(tenant, t.gen.Range(spans), []store.Field{t.gen.Field(spans), t.gen.Field(spans)}); err != nil {
			return err
		}
	}
	return nil
}

// acked is what has been acknowledged: how many spans of each trace.
type acked struct {
	mu    sync.Mutex
	ids   []span.TraceID
	spans map[span.TraceID]int
}

func (a *acked) add(list []span.Span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range list {
		id := list[i].TraceID
		if a.spans[id] == 0 {
			a.ids = append(a.ids, id)
		}
		a.spans[id]++
	}
}

// snapshot returns the acknowledged counts as they are now.
func (a *acked) snapshot() map[span.TraceID]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := make(map[span.TraceID]int, len(a.ids))
	for _, id := range a.ids {
		counts[id] = a.spans[id]
	}
	return counts
}

const (
	concurrentWriters = 4
	concurrentReaders = 2
	concurrentWrites  = 15 // of each writer
	concurrentBatch   = 20 // spans
)

// checkConcurrent: many write, read and settle at once; what is acknowledged is found, and nothing is lost in the end.
func checkConcurrent(t *trial) error {
	ctx, cancel := context.WithCancelCause(t.ctx)
	defer cancel(nil)
	done := &acked{spans: map[span.TraceID]int{}}
	var writers, others sync.WaitGroup
	for w := range concurrentWriters {
		writers.Go(func() {
			if err := t.writeMany(ctx, byte(w), done); err != nil {
				cancel(err)
			}
		})
	}
	finished := make(chan struct{})
	background := func(f func() error) {
		others.Go(func() {
			for {
				select {
				case <-finished:
					return
				case <-ctx.Done():
					return
				default:
				}
				if err := f(); err != nil {
					cancel(err)
				}
			}
		})
	}
	for range concurrentReaders {
		background(func() error { return t.readAcked(ctx, done) })
	}
	if settler, ok := t.backend.(Settler); ok {
		background(func() error { return settler.Settle(ctx) })
	}
	writers.Wait()
	close(finished)
	others.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if n, want := len(t.model.Spans(tenant)), concurrentWriters*concurrentWrites*concurrentBatch; n != want {
		return fmt.Errorf("BUG: the model has %d spans, want %d", n, want)
	}
	return t.everywhere(t.compareAll)
}

// writeMany writes spans of a trace of its own and of traces that it shares
// with the other writers, and finds its own after each write.
func (t *trial) writeMany(ctx context.Context, writer byte, done *acked) error {
	own := span.TraceID{0: 1, 15: writer}
	mine := 0
	for n := range concurrentWrites {
		var b span.Batch
		var list []span.Span
		for i := range concurrentBatch {
			s := plain(byte(i), byte(n+1), uint64(100-n))
			s.SpanID[0], s.SpanID[1] = writer, byte(i)
			if i%4 == 0 {
				s.TraceID = own
				mine++
			}
			b.Append(&s)
			list = append(list, s)
		}
		if err := t.model.Write(ctx, tenant, &b); err != nil {
			return err
		}
		if err := writeBatch(ctx, t.backend, tenant, &b); err != nil {
			return err
		}
		done.add(list)
		tr, err := t.backend.Trace(ctx, tenant, own, store.TimeRange{})
		if err != nil {
			return fmt.Errorf("Trace %s after its write: %w", own, err)
		}
		if got := tr.Spans.Len(); got != mine {
			return fmt.Errorf("Trace %s after %d writes: %d spans, want %d", own, n+1, got, mine)
		}
	}
	return nil
}

// readAcked checks that what was acknowledged before a read is in its answer.
func (t *trial) readAcked(ctx context.Context, done *acked) error {
	want := done.snapshot()
	for id, n := range want {
		tr, err := t.backend.Trace(ctx, tenant, id, store.TimeRange{})
		if err != nil {
			return fmt.Errorf("Trace %s of %d acknowledged spans: %w", id, n, err)
		}
		if got := tr.Spans.Len(); got < n {
			return fmt.Errorf("Trace %s: %d spans, want at least the %d acknowledged", id, got, n)
		}
		break // one of them, and then what was acknowledged meanwhile
	}
	err := t.lookForAcked(ctx, done.snapshot())
	if ctx.Err() != nil { // another one has failed
		return nil
	}
	return err
}
