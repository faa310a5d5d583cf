package api

import (
	"cmp"
	"context"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// engine returns what answers queries over some tenants, and the tenant to ask it for.
func (t *tempo) engine(tenants []string) (*traceql.Engine, string) {
	if len(tenants) == 1 {
		return t.query, tenants[0]
	}
	return &traceql.Engine{Store: &united{t.store, tenants}, MemoryBytes: t.QueryBytes, Shared: t.QueryMemory}, ""
}

// united shows several tenants of a store as one; the tenant that its methods
// are given is ignored. A trace of which two tenants have spans is judged as two;
// see joinTraces.
type united struct {
	store.Reader
	tenants []string
}

// Trace implements store.Reader.
func (u *united) Trace(ctx context.Context, _ string, id span.TraceID, hint store.TimeRange) (*store.Trace, error) {
	found, err := readTenants(ctx, u.Reader, u.tenants, id, hint)
	if err != nil {
		return nil, err
	}
	all := found.batches[0]
	for _, b := range found.batches[1:] {
		for i := range b.Len() {
			s := b.Span(i)
			all.Append(&s)
		}
	}
	return &store.Trace{Spans: all, Gaps: found.gaps}, nil
}

// Services implements store.Reader.
func (u *united) Services(ctx context.Context, _ string, r store.TimeRange) (*store.Listing[string], error) {
	return gather(u, func(tenant string) (*store.Listing[string], error) { return u.Reader.Services(ctx, tenant, r) },
		cmp.Compare[string], nil)
}

// Operations implements store.Reader.
func (u *united) Operations(ctx context.Context, _, service string, r store.TimeRange) (*store.Listing[store.Operation], error) {
	return gather(u, func(tenant string) (*store.Listing[store.Operation], error) {
		return u.Reader.Operations(ctx, tenant, service, r)
	},
		func(a, b store.Operation) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
		}, nil)
}

// AttributeKeys implements store.Reader.
func (u *united) AttributeKeys(ctx context.Context, _ string, r store.TimeRange) (*store.Listing[store.AttributeKey], error) {
	return gather(u, func(tenant string) (*store.Listing[store.AttributeKey], error) {
		return u.Reader.AttributeKeys(ctx, tenant, r)
	},
		func(a, b store.AttributeKey) int {
			return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Type, b.Type))
		},
		func(a *store.AttributeKey, b store.AttributeKey) { a.Count += b.Count })
}

// AttributeValues implements store.Reader.
func (u *united) AttributeValues(ctx context.Context, _ string, f store.Field, r store.TimeRange, limit int) (*store.Listing[store.ValueCount], error) {
	all, err := gather(u, func(tenant string) (*store.Listing[store.ValueCount], error) {
		return u.Reader.AttributeValues(ctx, tenant, f, r, 0)
	},
		func(a, b store.ValueCount) int { return store.CompareValues(a.Value, b.Value) },
		func(a *store.ValueCount, b store.ValueCount) { a.Count += b.Count })
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all.List, func(a, b store.ValueCount) int { return cmp.Compare(b.Count, a.Count) })
	if limit > 0 && len(all.List) > limit {
		all.List = all.List[:limit]
	}
	return all, nil
}

// gather puts the lists of all tenants together, in order; of elements that are
// the same it keeps the first, to which add adds the others.
func gather[T any](u *united, ask func(tenant string) (*store.Listing[T], error), order func(a, b T) int, add func(a *T, b T)) (*store.Listing[T], error) {
	all := &store.Listing[T]{}
	for _, tenant := range u.tenants {
		one, err := ask(tenant)
		if err != nil {
			return nil, err
		}
		all.List, all.Gaps = append(all.List, one.List...), append(all.Gaps, one.Gaps...)
	}
	slices.SortFunc(all.List, order)
	kept := all.List[:0]
	for _, e := range all.List {
		switch {
		case len(kept) == 0 || order(kept[len(kept)-1], e) != 0:
			kept = append(kept, e)
		case add != nil:
			add(&kept[len(kept)-1], e)
		}
	}
	all.List = kept
	return all, nil
}

// Scan implements store.Reader: one tenant after the other.
func (u *united) Scan(ctx context.Context, _ string, q *store.Query, yield func(worker int, c store.Chunk) error) (*store.ScanResult, error) {
	all := &store.ScanResult{}
	for _, tenant := range u.tenants {
		result, err := u.Reader.Scan(ctx, tenant, q, yield)
		if err != nil {
			return nil, err
		}
		all.Gaps = append(all.Gaps, result.Gaps...)
		all.Stats.Blocks += result.Stats.Blocks
		all.Stats.Rows += result.Stats.Rows
		all.Stats.ChunksRead += result.Stats.ChunksRead
		all.Stats.ChunksSkipped += result.Stats.ChunksSkipped
		all.Stats.BytesRead += result.Stats.BytesRead
	}
	return all, nil
}

// joinTraces puts the parts of a trace that several tenants have together. It leaves
// the parts as they are: a query that runs may return them again.
func joinTraces(list []*traceql.Trace) []*traceql.Trace {
	at := map[span.TraceID]*traceql.Trace{}
	joined := make([]*traceql.Trace, 0, len(list))
	for _, t := range list {
		first := at[t.ID]
		if first == nil {
			whole := *t
			whole.SpanSets, whole.Services = slices.Clone(t.SpanSets), slices.Clone(t.Services)
			at[t.ID] = &whole
			joined = append(joined, &whole)
			continue
		}
		first.Start, first.End = min(first.Start, t.Start), max(first.End, t.End)
		if t.HasRoot && !first.HasRoot {
			first.HasRoot, first.RootService, first.RootName = true, t.RootService, t.RootName
		}
		first.SpanSets = append(first.SpanSets, t.SpanSets...)
		for _, s := range t.Services {
			i, found := slices.BinarySearchFunc(first.Services, s.Name, func(s traceql.ServiceStats, name string) int {
				return cmp.Compare(s.Name, name)
			})
			if !found {
				first.Services = slices.Insert(first.Services, i, s)
				continue
			}
			first.Services[i].Spans += s.Spans
			first.Services[i].Errors += s.Errors
		}
	}
	slices.SortFunc(joined, func(a, b *traceql.Trace) int {
		if store.Newer(a.Start, a.ID, b.Start, b.ID) {
			return -1
		}
		return 1
	})
	return joined
}
