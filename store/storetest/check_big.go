package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// checkManyAttributes: a span with 10,000 attributes, between others.
func checkManyAttributes(t *trial) error {
	const n = 10_000
	big := plain(1, 1, 5)
	for i := range n {
		v := span.IntValue(int64(i))
		if i%3 == 0 {
			v = span.StringValue(fmt.Sprint("value ", i))
		}
		big.Attrs = append(big.Attrs, span.KeyValue{Key: fmt.Sprint("key ", i), Value: v})
	}
	if err := t.write(tenant, plain(1, 2, 5), big, plain(1, 3, 5)); err != nil {
		return err
	}
	last := store.Attr(store.SpanScope, fmt.Sprint("key ", n-1))
	return t.everywhere(func() error {
		return errors.Join(
			t.compareTrace(tenant, big.TraceID, store.TimeRange{}),
			t.compareKeys(tenant, store.TimeRange{}),
			t.compareScan(tenant, &store.Query{Where: store.Exists{Field: last}, Columns: []store.Field{last}}),
		)
	})
}

// checkManyEvents: a span with 100,000 events and one with as many links.
func checkManyEvents(t *trial) error {
	const n = 100_000
	events, links := plain(1, 1, 5), plain(1, 2, 5)
	for i := range n {
		list := attrs("n", span.IntValue(int64(i)))
		events.Events = append(events.Events, span.SpanEvent{Time: events.Start + uint64(i), Name: fmt.Sprint("e", i%10), Attrs: list})
		links.Links = append(links.Links, span.SpanLink{SpanID: span.SpanID{5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)}, Attrs: list})
	}
	if err := t.write(tenant, events, links, plain(1, 3, 5)); err != nil {
		return err
	}
	last := span.IntValue(n - 1)
	lastEvent := store.AnyEvent{P: store.And{
		store.Compare{Field: store.Attr(store.EventScope, "n"), Op: store.Equal, Value: last},
		store.Compare{Field: store.Of(store.EventTime), Op: store.Equal, Value: last},
	}}
	lastLink := store.Compare{Field: store.Attr(store.LinkScope, "n"), Op: store.GreaterEqual, Value: last}
	return t.everywhere(func() error {
		return errors.Join(
			t.compareTrace(tenant, events.TraceID, store.TimeRange{}),
			t.compareKeys(tenant, store.TimeRange{}),
			t.compareValues(tenant, store.Of(store.EventName), store.TimeRange{}, 0),
			t.compareScan(tenant, &store.Query{Where: lastEvent}),
			t.compareScan(tenant, &store.Query{Where: lastLink}),
		)
	})
}

// checkLongValues: values, keys and names of a mebibyte.
func checkLongValues(t *trial) error {
	long := strings.Repeat("0123456789abcdef", 1<<16)
	s := plain(1, 1, 5)
	s.Attrs = attrs("s", span.StringValue(long), "b", span.BytesValue(long+"\xff"), "a", span.ArrayValue(span.StringValue(long), span.StringValue("x")))
	s.Resource.Attrs = append(s.Resource.Attrs, attrs("s", span.StringValue("r"+long))...)
	s.Events = []span.SpanEvent{{Name: "e" + long, Attrs: attrs("s", span.StringValue("e"+long))}}
	other := plain(2, 1, 5)
	other.Name = "n" + long
	other.Attrs = attrs("k"+long, span.IntValue(1), "s", span.StringValue(long[1:]))
	for _, s := range []span.Span{s, other, plain(3, 1, 5)} {
		if err := t.write(tenant, s); err != nil {
			return err
		}
	}
	inSpan := store.Attr(store.SpanScope, "s")
	return t.everywhere(func() error {
		for _, f := range []store.Field{inSpan, store.Of(store.Name), store.Of(store.EventName)} {
			if err := t.compareValues(tenant, f, store.TimeRange{}, 0); err != nil {
				return err
			}
		}
		return errors.Join(
			t.compareTrace(tenant, s.TraceID, store.TimeRange{}),
			t.compareTrace(tenant, other.TraceID, store.TimeRange{}),
			t.compareKeys(tenant, store.TimeRange{}),
			t.compareScan(tenant, &store.Query{
				Where:   store.Compare{Field: inSpan, Op: store.Equal, Value: span.StringValue(long)},
				Columns: []store.Field{inSpan, store.Attr(store.SpanScope, "a")},
			}),
			t.compareScan(tenant, &store.Query{Where: store.Exists{Field: store.Attr(store.AnyScope, "k"+long)}}),
		)
	})
}

// checkManyKeys: 100,000 distinct attribute keys.
func checkManyKeys(t *trial) error {
	const spans, each, batch = 1000, 100, 50
	var list []span.Span
	for i := range spans {
		s := plain(byte(i%100+1), byte(i%255+1), uint64(i))
		for k := range each {
			s.Attrs = append(s.Attrs, span.KeyValue{Key: fmt.Sprint("key ", i*each+k), Value: span.IntValue(int64(k % 5))})
		}
		if list = append(list, s); len(list) == batch {
			if err := t.write(tenant, list...); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	return t.everywhere(func() error {
		for _, i := range []int{0, 12_345, spans*each - 1} {
			f := store.Attr(store.SpanScope, fmt.Sprint("key ", i))
			if err := t.compareScan(tenant, &store.Query{Where: store.Exists{Field: f}, Columns: []store.Field{f}}); err != nil {
				return err
			}
		}
		return errors.Join(
			t.compareTrace(tenant, span.TraceID{15: 42}, store.TimeRange{}),
			t.compareKeys(tenant, store.TimeRange{}),
		)
	})
}

// bigTraceSpan is span i of the big trace.
func bigTraceSpan(i int) span.Span {
	s := plain(1, 1, 5)
	s.TraceID[0] = 0xb1
	binary.BigEndian.PutUint64(s.SpanID[:], uint64(i)+1)
	binary.BigEndian.PutUint64(s.Parent[:], uint64(i)/2)
	s.Start += uint64(i/3) * 1e6 // some start together
	s.End = s.Start + 1e6
	s.Name = fmt.Sprint("step ", i%50)
	s.Attrs = attrs("i", span.IntValue(int64(i)), "text", span.StringValue(fmt.Sprint("text ", i%1000)))
	return s
}

// checkBigTrace: one trace of very many spans, over many writes. The model does not take part: it would be too slow.
func checkBigTrace(t *trial) error {
	const batch = 1000
	for first := 0; first < t.bigTrace; first += batch {
		t.batch.Reset()
		for i := first; i < min(first+batch, t.bigTrace); i++ {
			s := bigTraceSpan(i)
			t.batch.Append(&s)
		}
		if err := writeBatch(t.ctx, t.backend, tenant, &t.batch); err != nil {
			return err
		}
	}
	return t.everywhere(func() error {
		return errors.Join(t.compareBigTrace(), t.scanBigTrace())
	})
}

func (t *trial) compareBigTrace() error {
	id := bigTraceSpan(0).TraceID
	answer, err := t.backend.Trace(t.ctx, tenant, id, store.TimeRange{})
	if err != nil {
		return err
	}
	if n := answer.Spans.Len(); n != t.bigTrace || len(answer.Gaps) > 0 {
		return fmt.Errorf("Trace of %d spans: %d spans, gaps %q", t.bigTrace, n, answer.Gaps)
	}
	// Starts grow with ids, so the order of the answer is that of the ids.
	for i := range t.bigTrace {
		got, want := answer.Spans.Span(i), bigTraceSpan(i)
		if encode(&got) != encode(&want) {
			return fmt.Errorf("Trace of %d spans, span %d:\n%w", t.bigTrace, i, diffSpans([]*span.Span{&got}, []*span.Span{&want}))
		}
	}
	return nil
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
