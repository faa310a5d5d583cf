package api

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// TestFetchIsBounded checks how many traces are read at once, and that all
// reading has ended when fetch returns, early or not.
func TestFetchIsBounded(t *testing.T) {
	var rows []span.Span
	var refs []traceRef
	for i := range 50 {
		id := span.TraceID{15: byte(i + 1)}
		rows = append(rows, span.Span{TraceID: id, SpanID: span.SpanID{1}})
		refs = append(refs, traceRef{id: id})
	}
	var running, most, started atomic.Int32
	r := &faulty{Reader: filled(t, rows...)}
	r.onTrace = func(ctx context.Context, id span.TraceID) error {
		started.Add(1)
		n := running.Add(1)
		defer running.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		if id[15]%readAhead == 1 { // let the others overtake
			for running.Load() > 1 && ctx.Err() == nil {
				runtime.Gosched()
			}
		}
		return nil
	}
	stop := errors.New("stop")
	for _, after := range []int{0, 1, 7, len(refs)} {
		started.Store(0)
		var got []byte
		err := fetch(context.Background(), r, store.DefaultTenant, refs, func(f fetched) error {
			if len(got) == after {
				return stop
			}
			got = append(got, f.trace.Spans.TraceIDs[0][15])
			return nil
		})
		if (err == stop) != (after < len(refs)) {
			t.Errorf("after %d: error %v", after, err)
		}
		for i, id := range got {
			if int(id) != i+1 {
				t.Errorf("after %d: out of order: %d", after, got)
				break
			}
		}
		if n := running.Load(); n != 0 {
			t.Errorf("after %d: %d reads still run", after, n)
		}
		if n := started.Load(); int(n) > after+readAhead+1 {
			t.Errorf("after %d: %d reads were started", after, n)
		}
	}
	if n := most.Load(); n > readAhead {
		t.Errorf("%d reads at once, the limit is %d", n, readAhead)
	}
}
