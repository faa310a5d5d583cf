package storetest

import (
	"fmt"

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
				if err := t.compareWhere(tenant, p, f); err != nil {
					return err
				}
			}
		}
		for i, expr := range regexes {
			r, err := store.NewRegex(expr)
			if err != nil {
				return err
			}
			for _, not := range []bool{false, true} {
				p := store.Matches{Field: store.Attr(anyScope[i%len(anyScope)], "k"), Regex: r, Not: not}
				if err := t.compareWhere(tenant, p); err != nil {
					return err
				}
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
		if err := t.compareWhere(tenant, p, anyS); err != nil {
			return err
		}
	}
	return nil
}

// hasBoth is a condition that some spans meet.
var hasBoth = store.And{store.Exists{Field: store.Attr(store.SpanScope, "k")}, store.Exists{Field: store.Attr(store.EventScope, "k")}}
