package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// checkScans: random data, moved at random, and random scans.
func checkScans(t *trial) error {
	for range 3 {
		for _, part := range t.gen.Split(t.gen.Spans(60)) {
			if err := t.write(tenant, part...); err != nil {
				return err
			}
		}
		if err := t.churn(); err != nil {
			return err
		}
		if err := t.scanAtRandom(tenant); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) scanAtRandom(tenant string) error {
	spans := t.model.Spans(tenant)
	for range 40 {
		if err := t.compareScan(tenant, t.gen.Query(spans)); err != nil {
			return err
		}
	}
	for range 5 {
		q := t.gen.Query(spans)
		q.Limit = 0
		if err := t.comparePages(tenant, q, 1+t.rng.IntN(6)); err != nil {
			return err
		}
	}
	return nil
}

// scanAll scans for everything.
func (t *trial) scanAll(tenant string, fields []store.Field) error {
	for _, q := range []*store.Query{{Columns: fields}, {Whole: true}, {Where: store.Or{}}} {
		if err := t.compareScan(tenant, q); err != nil {
			return err
		}
	}
	return nil
}

// scanRange scans a range, at once and in pages.
func (t *trial) scanRange(r store.TimeRange) error {
	if err := t.compareScan(tenant, &store.Query{Range: r}); err != nil {
		return err
	}
	return t.comparePages(tenant, &store.Query{Range: r}, 2)
}

// checkPages: pages of every size are the same list as one scan, and a scan that was stopped can be resumed.
func checkPages(t *trial) error {
	for _, part := range t.gen.Split(t.gen.Spans(60)) {
		if err := t.write(tenant, part...); err != nil {
			return err
		}
		if err := t.churn(); err != nil {
			return err
		}
	}
	queries := []*store.Query{
		{},
		{Whole: true, Where: store.Compare{Field: store.Of(store.Kind), Op: store.GreaterEqual, Value: span.IntValue(2)}},
		{Where: store.Exists{Field: store.Of(store.EventName)}, Columns: []store.Field{store.Of(store.EventName)}},
	}
	return t.everywhere(func() error {
		n := len(t.model.traces(tenant))
		for i, q := range queries {
			for size := 1; size <= n+1; size += 1 + 3*i {
				if err := t.comparePages(tenant, q, size); err != nil {
					return err
				}
				if err := t.compareStopped(tenant, q, size); err != nil {
					return fmt.Errorf("Scan(%q, %s)\nwhose yield stops it after %d traces: %w", tenant, formatQuery(q), size, err)
				}
			}
		}
		return nil
	})
}

// compareStopped stops a scan by yield and goes on behind it.
func (t *trial) compareStopped(tenant string, q *store.Query, stop int) error {
	want, _, err := t.ask(t.model, tenant, q, 0)
	if err != nil {
		return err
	}
	got, result, err := t.ask(t.backend, tenant, q, stop)
	if err != nil {
		return err
	}
	if len(got) > stop {
		return fmt.Errorf("%d traces", len(got))
	}
	if result.Next != "" {
		rest := *q
		rest.After = result.Next
		behind, _, err := t.ask(t.backend, tenant, &rest, 0)
		if err != nil {
			return err
		}
		got = append(got, behind...)
	}
	return diffMatches(got, want, q.Columns)
}

// checkPagesWhileDataArrives: newer traces do not disturb whoever pages through older ones.
func checkPagesWhileDataArrives(t *trial) error {
	const pages, size = 8, 3
	for i := range byte(pages * size) {
		if err := t.write(tenant, plain(i+1, 1, uint64(i/2))); err != nil {
			return err
		}
	}
	q := &store.Query{Columns: []store.Field{store.Of(store.Name)}}
	want, _, err := t.ask(t.model, tenant, q, 0)
	if err != nil {
		return err
	}
	page := *q
	page.Limit = size
	var got []store.Match
	for i := range pages {
		list, result, err := t.ask(t.backend, tenant, &page, 0)
		if err != nil {
			return err
		}
		got = append(got, list...)
		if result.Next == "" {
			break
		}
		page.After = result.Next
		if err := t.write(tenant, plain(byte(200+i), 1, uint64(1000+i))); err != nil {
			return err
		}
		if err := t.churn(); err != nil {
			return err
		}
	}
	return diffMatches(got, want, q.Columns)
}

// checkInvalidCursor: what no scan returned is refused.
func checkInvalidCursor(t *trial) error {
	if err := t.write(tenant, plain(1, 1, 1)); err != nil {
		return err
	}
	return t.everywhere(func() error {
		for _, c := range []store.Cursor{"x", " ", "\x00", "-1", "{}", store.Cursor(strings.Repeat("z", 48)), store.Cursor(strings.Repeat("0", 1000))} {
			_, err := t.backend.Scan(t.ctx, tenant, &store.Query{After: c}, func(*store.Match) bool { return true })
			if !errors.Is(err, store.ErrCursor) {
				return fmt.Errorf("Scan after cursor %q: error %v, want ErrCursor", c, err)
			}
		}
		return nil
	})
}

// checkYieldUsesTheStore: whoever consumes a scan may read and write meanwhile, and a slow one holds nobody up.
func checkYieldUsesTheStore(t *trial) error {
	for i := range byte(10) {
		if err := t.write(tenant, plain(i+1, 1, uint64(i))); err != nil {
			return err
		}
	}
	return t.everywhere(func() error {
		ctx, cancel := context.WithTimeout(t.ctx, t.patience)
		defer cancel()
		var err error
		use := func(m *store.Match) error {
			if _, err := t.backend.Trace(ctx, tenant, m.TraceID, store.TimeRange{}); err != nil {
				return err
			}
			if err := t.compareScan(tenant, &store.Query{Limit: 2}); err != nil {
				return err
			}
			return t.write(tenant, plain(200, byte(len(t.model.Spans(tenant))), 0))
		}
		_, scanErr := t.backend.Scan(ctx, tenant, &store.Query{}, func(m *store.Match) bool {
			done := make(chan error, 1)
			go func() { done <- use(m) }()
			select {
			case err = <-done:
			case <-ctx.Done():
				err = errors.New("reads and writes wait for a scan whose yield has not returned")
			}
			return err == nil
		})
		return errors.Join(err, scanErr)
	})
}

func (t *trial) scanBigTrace() error {
	step := store.Compare{Field: store.Of(store.Name), Op: store.Equal, Value: span.StringValue("step 7")}
	want := (t.bigTrace + 42) / 50
	for _, whole := range []bool{false, true} {
		q := &store.Query{Where: step, Whole: whole, Columns: []store.Field{store.Attr(store.SpanScope, "i")}}
		list, _, err := t.ask(t.backend, tenant, q, 0)
		if whole && t.bigTrace > 100_000 && errors.Is(err, store.ErrTooLarge) {
			continue // a budget may forbid as much
		}
		if err != nil {
			return err
		}
		matched := 0
		for _, m := range list {
			for _, row := range m.Spans {
				if row.Matched {
					matched++
				}
			}
		}
		if len(list) != 1 || matched != want || whole && len(list[0].Spans) != t.bigTrace {
			return fmt.Errorf("Scan of a trace of %d spans, whole=%t: %d traces, %d matches, want 1 and %d", t.bigTrace, whole, len(list), matched, want)
		}
	}
	return nil
}

// endScan ends a scan by its context.
func (t *trial) endScan() error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	_, err := t.backend.Scan(ctx, tenant, &store.Query{}, func(*store.Match) bool {
		cancel()
		return true
	})
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("Scan whose context was cancelled at the first trace: error %v, want context.Canceled", err)
	}
	return nil
}

// scanForAcked checks that a scan while others write finds what was acknowledged.
func (t *trial) scanForAcked(ctx context.Context, want map[span.TraceID]int) error {
	var last *store.Match
	var out error
	_, err := t.backend.Scan(ctx, tenant, &store.Query{}, func(m *store.Match) bool {
		if last != nil && !store.Newer(last.Start, last.TraceID, m.Start, m.TraceID) {
			out = fmt.Errorf("Scan while others write: out of order: after %s comes %s", nameMatch(last), nameMatch(m))
		}
		if n := want[m.TraceID]; len(m.Spans) < n {
			out = fmt.Errorf("Scan while others write: %s: %d spans, want at least the %d acknowledged", nameMatch(m), len(m.Spans), n)
		}
		delete(want, m.TraceID)
		last = &store.Match{TraceID: m.TraceID, Start: m.Start}
		return out == nil
	})
	if err == nil && out == nil && len(want) > 0 {
		out = fmt.Errorf("Scan while others write: %d acknowledged traces are missing", len(want))
	}
	return errors.Join(err, out)
}
