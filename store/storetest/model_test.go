package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// moving is a Model whose data can be moved, to no effect.
type moving struct{ *Model }

func (moving) Churn(context.Context, *rand.Rand) error { return nil }
func (moving) Settle(context.Context) error            { return nil }
func (moving) Reopen(context.Context) error            { return nil }

func TestModelPassesTheSuite(t *testing.T) {
	Run(t, func(*testing.T) Backend { return moving{&Model{}} })
}

// smallModel holds two traces of which the newer one has more spans, one of them twice.
func smallModel(t *testing.T) *Model {
	t.Helper()
	a, b, c := plain(1, 1, 10), plain(2, 1, 20), plain(2, 2, 15)
	b.Attrs = attrs("k", number(1), "k", number(1), "k", text("x"), "m", span.MapValue())
	b.Events = []span.SpanEvent{{Name: "e", Attrs: attrs("k", number(1), "k", number(1))}, {Name: "e"}, {Attrs: attrs("k", number(1))}}
	c.Resource.Attrs = attrs("service.name", text("cart"))
	c.Attrs = attrs("k", number(1), "z", number(2))
	c.Kind = 3
	m := &Model{}
	for _, list := range [][]span.Span{{b, a}, {c, b}} {
		var batch span.Batch
		for i := range list {
			batch.Append(&list[i])
		}
		if err := m.Write(t.Context(), tenant, &batch); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestModelTrace(t *testing.T) {
	m := smallModel(t)
	tr, err := m.Trace(t.Context(), tenant, span.TraceID{15: 2}, store.TimeRange{})
	if err != nil {
		t.Fatal(err)
	}
	if got := []string{tr.Spans.Span(0).Name, tr.Spans.Span(1).Name}; tr.Spans.Len() != 2 || !slices.Equal(got, []string{"op-2", "op-1"}) {
		t.Errorf("%d spans, %q", tr.Spans.Len(), got)
	}
	for _, id := range []span.TraceID{{}, {15: 3}, {0: 1}} {
		if tr, err := m.Trace(t.Context(), tenant, id, store.TimeRange{}); err != store.ErrNotFound || tr != nil {
			t.Errorf("Trace(%s) = %v, %v", id, tr, err)
		}
	}
	if _, err := m.Trace(t.Context(), "other", span.TraceID{15: 2}, store.TimeRange{}); err != store.ErrNotFound {
		t.Errorf("another tenant: %v", err)
	}
	if got := m.Tenants(); !slices.Equal(got, []string{tenant}) {
		t.Errorf("tenants = %q", got)
	}
}

func TestModelCatalog(t *testing.T) {
	m, ctx := smallModel(t), t.Context()
	late := store.TimeRange{Start: 15 * second, End: 20 * second}
	check := func(what string, got any, err error, want string) {
		t.Helper()
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s = %v, %v, want %s", what, got, err, want)
		}
	}
	services, err := whole(m.Services(ctx, tenant, store.TimeRange{}))
	check("services", services, err, "[cart shop]")
	services, err = whole(m.Services(ctx, tenant, late))
	check("services of a range", services, err, "[cart]")
	ops, err := whole(m.Operations(ctx, tenant, "", store.TimeRange{}))
	check("operations", ops, err, "[{op-1 2} {op-2 3}]")
	ops, err = whole(m.Operations(ctx, tenant, "cart", store.TimeRange{}))
	check("operations of cart", ops, err, "[{op-2 3}]")
	keys, err := whole(m.AttributeKeys(ctx, tenant, store.TimeRange{}))
	check("keys", keys, err, "[{span k string 1} {span k int 2} {span m map 1} {span z int 1} {resource service.name string 3} {event k int 2}]")
	keys, err = whole(m.AttributeKeys(ctx, tenant, late))
	check("keys of a range", keys, err, "[{span k int 1} {span z int 1} {resource service.name string 1}]")

	for _, c := range []struct {
		field store.Field
		limit int
		want  []store.ValueCount
	}{
		{store.Attr(store.SpanScope, "k"), 0, []store.ValueCount{{Value: number(1), Count: 2}, {Value: text("x"), Count: 1}}},
		{store.Attr(store.SpanScope, "k"), 1, []store.ValueCount{{Value: number(1), Count: 2}}},
		{store.Attr(store.SpanScope, "m"), 0, nil},
		{store.Attr(store.EventScope, "k"), 0, []store.ValueCount{{Value: number(1), Count: 2}}},
		{store.Attr(store.AnyScope, "k"), 0, []store.ValueCount{{Value: number(1), Count: 2}, {Value: text("x"), Count: 1}}},
		{store.Of(store.EventName), 0, []store.ValueCount{{Value: text("e"), Count: 2}, {Value: text(""), Count: 1}}},
		{store.Of(store.Kind), 0, []store.ValueCount{{Value: number(2), Count: 2}, {Value: number(3), Count: 1}}},
		{store.Of(store.LinkSpanID), 0, nil},
	} {
		got, err := whole(m.AttributeValues(ctx, tenant, c.field, store.TimeRange{}, c.limit))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("values of %s, limit %d = %v, %v, want %v", c.field, c.limit, got, err, c.want)
		}
	}
}
