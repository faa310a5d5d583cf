package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// compareAll asks for everything there is and holds it against the model.
func (t *trial) compareAll() error {
	for _, tenant := range t.model.Tenants() {
		for _, id := range t.traceIDs(tenant) {
			if err := t.compareTrace(tenant, id, store.TimeRange{}); err != nil {
				return err
			}
		}
		fields := t.fields(tenant)
		if err := t.compareCatalog(tenant, store.TimeRange{}, fields); err != nil {
			return err
		}
		half := len(fields) / 2
		for _, q := range []store.Query{
			{Columns: fields[:half]},
			{Columns: fields[half:], EachSpan: true},
			{Needs: []store.Predicate{store.Or{}}},
		} {
			if err := t.compareLook(tenant, &look{Query: q, fields: fields[half:]}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *trial) traceIDs(tenant string) []span.TraceID {
	var ids []span.TraceID
	for _, tr := range t.model.traces(tenant) {
		ids = append(ids, tr.id)
	}
	return ids
}

// fields returns every field that a span of the tenant has.
func (t *trial) fields(tenant string) []store.Field {
	set := map[store.Field]bool{}
	for _, k := range attributeKeys(t.model.Spans(tenant)) {
		set[store.Attr(k.Scope, k.Key)] = true
		set[store.Attr(store.AnyScope, k.Key)] = true
	}
	for _, i := range intrinsics {
		set[store.Of(i)] = true
	}
	return slices.SortedFunc(maps.Keys(set), func(a, b store.Field) int { return strings.Compare(a.String(), b.String()) })
}

func (t *trial) compareTrace(tenant string, id span.TraceID, hint store.TimeRange) error {
	var want []*span.Span
	for _, s := range t.model.Spans(tenant) {
		if s.TraceID == id {
			want = append(want, s)
		}
	}
	fail := func(err error) error { return fmt.Errorf("Trace(%q, %s, %v): %w", tenant, id, hint, err) }
	answer, err := t.backend.Trace(t.ctx, tenant, id, hint)
	if len(want) == 0 {
		if !errors.Is(err, store.ErrNotFound) || answer != nil {
			return fail(fmt.Errorf("answer %v, error %v, want ErrNotFound", answer, err))
		}
		return nil
	}
	if err != nil {
		return fail(err)
	}
	if len(answer.Gaps) > 0 {
		return fail(fmt.Errorf("gaps: %q", answer.Gaps))
	}
	var got []*span.Span
	for i := range answer.Spans.Len() {
		s := answer.Spans.Span(i)
		got = append(got, &s)
	}
	// The batch is the caller's: what it does to it must not show in later answers.
	answer.Spans.Reset()
	answer.Spans.Append(&span.Span{Name: "of the caller", Attrs: []span.KeyValue{{Key: "x", Value: span.StringValue("y")}}})
	if err := diffSpans(got, want); err != nil {
		return fail(err)
	}
	return nil
}

func simplerPredicates(p store.Predicate) (list []store.Predicate) {
	rebuild := func(parts []store.Predicate, whole func([]store.Predicate) store.Predicate) {
		list = append(list, parts...)
		for i, part := range parts {
			list = append(list, whole(slices.Delete(slices.Clone(parts), i, i+1)))
			for _, s := range simplerPredicates(part) {
				changed := slices.Clone(parts)
				changed[i] = s
				list = append(list, whole(changed))
			}
		}
	}
	wrap := func(inner store.Predicate, outer func(store.Predicate) store.Predicate) {
		list = append(list, inner)
		for _, s := range simplerPredicates(inner) {
			list = append(list, outer(s))
		}
	}
	switch p := p.(type) {
	case store.And:
		rebuild(p, func(parts []store.Predicate) store.Predicate { return store.And(parts) })
	case store.Or:
		rebuild(p, func(parts []store.Predicate) store.Predicate { return store.Or(parts) })
	case store.Not:
		wrap(p.P, func(q store.Predicate) store.Predicate { return store.Not{P: q} })
	case store.AnyEvent:
		wrap(p.P, func(q store.Predicate) store.Predicate { return store.AnyEvent{P: q} })
	case store.AnyLink:
		wrap(p.P, func(q store.Predicate) store.Predicate { return store.AnyLink{P: q} })
	}
	return list
}

// simplify looks for a question with less in it that fails too, and returns its error with it.
func simplify[Q any](q Q, err error, simpler func(Q) []Q, run func(Q) error) (Q, error) {
	for {
		found := false
		for _, s := range simpler(q) {
			if e := run(s); e != nil {
				q, err, found = s, e, true
				break
			}
		}
		if !found {
			return q, err
		}
	}
}
