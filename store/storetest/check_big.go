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
	var repeats []span.Span // a key more than 255 times, twice in one layout
	for i := range byte(3) {
		s := plain(2, i+1, 5)
		for k := range 300 {
			s.Attrs = append(s.Attrs, span.KeyValue{Key: "again", Value: span.IntValue(int64(k + int(i/2)))})
		}
		repeats = append(repeats, s)
	}
	if err := t.write(tenant, append(repeats, plain(1, 2, 5), big, plain(1, 3, 5))...); err != nil {
		return err
	}
	last := store.Attr(store.SpanScope, fmt.Sprint("key ", n-1))
	again := store.Compare{Field: store.Attr(store.SpanScope, "again"), Op: store.Equal, Value: span.IntValue(300)}
	return t.everywhere(func() error {
		return errors.Join(
			t.compareTrace(tenant, big.TraceID, store.TimeRange{}),
			t.compareKeys(tenant, store.TimeRange{}),
			t.compareTrace(tenant, repeats[0].TraceID, store.TimeRange{}),
			t.compareWhere(tenant, store.Exists{Field: last}, last),
			t.compareWhere(tenant, again, again.Field),
		)
	})
}

// checkManyTraces: more traces than a store keeps together, in no order of time.
func checkManyTraces(t *trial) error {
	const traces, each, batch = 2500, 4, 40
	var list []span.Span
	for i := range traces {
		at := i * 7 % traces
		for k := range byte(each) {
			s := plain(0, k+1, uint64(at))
			s.Start += uint64(k)
			binary.BigEndian.PutUint64(s.TraceID[8:], uint64(i)+1)
			s.Attrs = attrs("i", span.IntValue(int64(i)), "k", span.StringValue(fmt.Sprint("value ", i%(100*each)+int(k))))
			if k > 0 {
				s.Parent = span.SpanID{7: k}
			}
			list = append(list, s)
		}
		if len(list) >= batch*each {
			if err := t.write(tenant, list[:len(list)-1]...); err != nil {
				return err
			}
			list = list[len(list)-1:] // the last span of a trace comes later
		}
	}
	if err := t.write(tenant, list...); err != nil {
		return err
	}
	is := func(key string, op store.Op, v span.Value) store.Predicate {
		return store.Compare{Field: store.Attr(store.SpanScope, key), Op: op, Value: v}
	}
	const middle = traces / 2 * second
	return t.everywhere(func() error {
		for _, l := range []look{
			{Query: store.Query{Columns: []store.Field{store.Of(store.Name)}}, fields: []store.Field{store.Attr(store.SpanScope, "i")}},
			{Query: store.Query{Range: store.TimeRange{Start: middle, End: middle + 2}}, after: 1, enough: middle},
			{Query: store.Query{Before: middle}, after: 100, enough: middle / 2},
			{Query: store.Query{Needs: []store.Predicate{is("i", store.Equal, span.IntValue(traces-1))}}},
			{Query: store.Query{Needs: []store.Predicate{is("k", store.Equal, span.StringValue("value 7")), is("k", store.Equal, span.StringValue("value 5"))}}},
			{Query: store.Query{EachSpan: true, Range: store.TimeRange{End: middle}, Where: []store.Predicate{is("i", store.Less, span.IntValue(9))}}},
		} {
			if err := t.compareLook(tenant, &l); err != nil {
				return err
			}
		}
		return nil
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
			t.compareWhere(tenant, lastEvent),
			t.compareWhere(tenant, lastLink),
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
			t.compareWhere(tenant, store.Compare{Field: inSpan, Op: store.Equal, Value: span.StringValue(long)}, inSpan, store.Attr(store.SpanScope, "a")),
			t.compareWhere(tenant, store.Exists{Field: store.Attr(store.AnyScope, "k"+long)}),
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
			if err := t.compareWhere(tenant, store.Exists{Field: f}, f); err != nil {
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
		return errors.Join(t.compareBigTrace(), t.lookAtBigTrace())
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

// lookAtBigTrace looks at the trace as a whole, and at each of its spans.
func (t *trial) lookAtBigTrace() error {
	step := store.Compare{Field: store.Of(store.Name), Op: store.Equal, Value: span.StringValue("step 7")}
	number := store.Attr(store.SpanScope, "i")
	for _, each := range []bool{false, true} {
		l := &look{Query: store.Query{Needs: []store.Predicate{step}, Where: []store.Predicate{step}, Columns: []store.Field{number}, EachSpan: each}}
		got, err := t.run(tenant, l)
		if err != nil {
			return fmt.Errorf("Scan of a trace of %d spans, %s: %w", t.bigTrace, l, err)
		}
		want := &modelTrace{id: bigTraceSpan(0).TraceID}
		for i := range t.bigTrace {
			s := bigTraceSpan(i)
			want.spans = append(want.spans, &s)
		}
		all := &seenTrace{}
		for _, part := range got.traces {
			all.rows = append(all.rows, part.rows...)
		}
		var r report
		if diffSeen(&r, l, all, want, 0); !each && len(got.traces) != 1 {
			r.addf("it comes in %d pieces", len(got.traces))
		}
		if err := r.err(); err != nil {
			return fmt.Errorf("Scan of a trace of %d spans, %s:\n%w", t.bigTrace, l, err)
		}
	}
	return nil
}
