package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

var allOps = []store.Op{store.Equal, store.NotEqual, store.Less, store.LessEqual, store.Greater, store.GreaterEqual}

// checkPredicates: every comparison of every kind of value, in every scope.
func checkPredicates(t *trial) error {
	for i, v := range nasty {
		s := plain(byte(i+1), 1, uint64(i%5))
		putInto(&s, anyScope[i%len(anyScope)], "other", span.IntValue(int64(i)))
		for _, scope := range anyScope {
			putInto(&s, scope, "k", v)
		}
		if err := t.write(tenant, s); err != nil {
			return err
		}
	}
	if err := t.writeScopes(); err != nil {
		return err
	}
	regexes := []string{"", ".*", ".+", "a", "a.*", "(?i)A", "a|ab", "[^a]*", "\\d", "a\nb", "a.b", "\x00"}
	return t.everywhere(func() error {
		for i, v := range nasty {
			for j, op := range allOps {
				f := store.Attr(anyScope[(i+j)%len(anyScope)], "k")
				var p store.Predicate = store.Compare{Field: f, Op: op, Value: v}
				if (i+j)%3 == 0 {
					p = store.Not{P: p}
				}
				if err := t.compareScan(tenant, &store.Query{Where: p, Columns: []store.Field{f}}); err != nil {
					return err
				}
			}
		}
		for i, expr := range regexes {
			r, err := store.NewRegex(expr)
			if err != nil {
				return err
			}
			p := store.Matches{Field: store.Attr(anyScope[i%len(anyScope)], "k"), Regex: r}
			if err := t.compareScan(tenant, &store.Query{Where: p}); err != nil {
				return err
			}
		}
		return t.compareScopes()
	})
}

// putInto adds an attribute in one scope of s.
func putInto(s *span.Span, scope store.Scope, key string, v span.Value) {
	kv := span.KeyValue{Key: key, Value: v}
	switch scope {
	case store.SpanScope:
		s.Attrs = append(s.Attrs, kv)
	case store.ResourceScope:
		s.Resource.Attrs = append(s.Resource.Attrs, kv)
	case store.InstrumentationScope:
		s.Scope.Attrs = append(s.Scope.Attrs, kv)
	case store.EventScope:
		s.Events = append(s.Events, span.SpanEvent{Name: "e", Attrs: []span.KeyValue{kv}})
	case store.LinkScope:
		s.Links = append(s.Links, span.SpanLink{SpanID: span.SpanID{7: 1}, Attrs: []span.KeyValue{kv}})
	}
}

// writeScopes writes a span for each set of scopes that can have the key "s",
// and spans whose events and links satisfy conditions together and one by one.
func (t *trial) writeScopes() error {
	for set := range byte(1 << len(anyScope)) {
		s := plain(100+set, set+1, 3)
		for i, scope := range anyScope {
			if set>>i&1 == 1 {
				putInto(&s, scope, "s", span.StringValue(scope.String()))
			}
		}
		if err := t.write(tenant, s); err != nil {
			return err
		}
	}
	pairs := [][2]int64{{1, 2}, {2, 1}, {1, 1}, {3, 3}}
	for set := range byte(1 << len(pairs)) {
		s := plain(200, set+1, 4)
		for i, p := range pairs {
			if set>>i&1 == 1 {
				list := attrs("a", span.IntValue(p[0]), "b", span.IntValue(p[1]))
				s.Events = append(s.Events, span.SpanEvent{Name: fmt.Sprint("e", p[0]), Time: s.Start + uint64(p[1]), Attrs: list})
				s.Links = append(s.Links, span.SpanLink{SpanID: span.SpanID{7: byte(p[0])}, Attrs: list})
			}
		}
		if err := t.write(tenant, s); err != nil {
			return err
		}
	}
	return nil
}

// compareScopes asks about what writeScopes wrote.
func (t *trial) compareScopes() error {
	equal := func(f store.Field, v span.Value) store.Predicate {
		return store.Compare{Field: f, Op: store.Equal, Value: v}
	}
	anyS := store.Attr(store.AnyScope, "s")
	list := []store.Predicate{store.Exists{Field: anyS}, store.Not{P: store.Exists{Field: anyS}}}
	for _, scope := range anyScope {
		name := span.StringValue(scope.String())
		list = append(list, equal(anyS, name), store.Exists{Field: store.Attr(scope, "s")},
			store.AnyEvent{P: equal(anyS, name)}, store.AnyLink{P: equal(anyS, name)},
			store.AnyEvent{P: store.AnyLink{P: equal(anyS, name)}})
	}
	one, two := span.IntValue(1), span.IntValue(2)
	for _, scope := range []store.Scope{store.EventScope, store.LinkScope} {
		wrap := func(p store.Predicate) store.Predicate {
			if scope == store.EventScope {
				return store.AnyEvent{P: p}
			}
			return store.AnyLink{P: p}
		}
		both := store.And{equal(store.Attr(scope, "a"), one), equal(store.Attr(scope, "b"), one)}
		list = append(list, both, wrap(both), store.Not{P: wrap(both)}, wrap(store.Not{P: both}), wrap(nil),
			wrap(store.Or{equal(store.Attr(scope, "a"), two), equal(store.Of(store.Name), span.StringValue("op-1"))}),
			wrap(store.And{equal(store.Of(store.Kind), two), store.Not{P: equal(store.Attr(scope, "a"), one)}}))
	}
	list = append(list,
		store.AnyEvent{P: store.And{equal(store.Of(store.EventName), span.StringValue("e1")), equal(store.Of(store.EventTime), two)}},
		store.AnyEvent{P: store.AnyLink{P: store.And{equal(store.Of(store.EventTime), two), equal(store.Of(store.LinkSpanID), span.BytesValue("\x00\x00\x00\x00\x00\x00\x00\x01"))}}},
		store.AnyLink{P: equal(store.Attr(store.EventScope, "a"), one)},
		nil, store.And{}, store.Or{}, store.And{nil, nil}, store.Or{nil}, store.Not{}, store.Not{P: store.Not{P: hasBoth}},
	)
	for _, p := range list {
		if err := t.compareScan(tenant, &store.Query{Where: p, Columns: []store.Field{anyS}}); err != nil {
			return err
		}
	}
	return nil
}

// hasBoth is a condition that some spans meet.
var hasBoth = store.And{store.Exists{Field: store.Attr(store.SpanScope, "k")}, store.Exists{Field: store.Attr(store.EventScope, "k")}}

// checkEqualStarts: traces that start together come in the order of their ids, at every time.
func checkEqualStarts(t *trial) error {
	for i, start := range []uint64{0, 1, 5 * second, 1 << 63, math.MaxUint64} {
		for id := range byte(7) {
			s := plain(id*37+byte(i), 1, 0)
			s.TraceID[3*i] = id % 3
			s.TraceID[14] = 1
			s.Start, s.End = start, start
			if err := t.write(tenant, s); err != nil {
				return err
			}
		}
	}
	return t.everywhere(func() error {
		for _, r := range []store.TimeRange{{}, {Start: 1}, {End: 1}, {Start: 1 << 63}, {End: 1<<63 + 1}, {Start: math.MaxUint64}, {End: math.MaxUint64}} {
			if err := t.compareScan(tenant, &store.Query{Range: r}); err != nil {
				return err
			}
			if err := t.comparePages(tenant, &store.Query{Range: r}, 2); err != nil {
				return err
			}
		}
		return t.compareAll()
	})
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
