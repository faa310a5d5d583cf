package storetest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Services implements store.Reader.
func (m *Model) Services(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[string], error) {
	return listing(ctx, services(within(m.Spans(tenant), r)))
}

// Operations implements store.Reader.
func (m *Model) Operations(ctx context.Context, tenant, service string, r store.TimeRange) (*store.Listing[store.Operation], error) {
	return listing(ctx, operations(within(m.Spans(tenant), r), service))
}

// AttributeKeys implements store.Reader.
func (m *Model) AttributeKeys(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[store.AttributeKey], error) {
	return listing(ctx, attributeKeys(within(m.Spans(tenant), r)))
}

// AttributeValues implements store.Reader.
func (m *Model) AttributeValues(ctx context.Context, tenant string, f store.Field, r store.TimeRange, limit int) (*store.Listing[store.ValueCount], error) {
	list := attributeValues(within(m.Spans(tenant), r), f)
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return listing(ctx, list)
}

// listing returns a list as an answer, or the context's error.
func listing[T any](ctx context.Context, list []T) (*store.Listing[T], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &store.Listing[T]{List: list}, nil
}

// within returns the spans that start in r.
func within(spans []*span.Span, r store.TimeRange) []*span.Span {
	var in []*span.Span
	for _, s := range spans {
		if r.Contains(s.Start) {
			in = append(in, s)
		}
	}
	return in
}

// serviceOf returns the first service.name of the span's resource, if it is a String.
func serviceOf(s *span.Span) string {
	values := Values(store.Attr(store.ResourceScope, "service.name"), s)
	if len(values) == 0 || values[0].Type != span.String {
		return ""
	}
	return values[0].Str
}

func services(spans []*span.Span) []string {
	names := map[string]bool{}
	for _, s := range spans {
		if name := serviceOf(s); name != "" {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func operations(spans []*span.Span, service string) []store.Operation {
	found := map[store.Operation]bool{}
	for _, s := range spans {
		if service == "" || serviceOf(s) == service {
			found[store.Operation{Name: s.Name, Kind: s.Kind}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), compareOperations)
}

func compareOperations(a, b store.Operation) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
}

func attributeKeys(spans []*span.Span) []store.AttributeKey {
	counts := map[store.AttributeKey]uint64{} // by a key without its count
	for _, s := range spans {
		for _, scope := range anyScope {
			for _, list := range attrLists(scope, s) {
				once := map[store.AttributeKey]bool{}
				for _, kv := range list {
					once[store.AttributeKey{Scope: scope, Key: kv.Key, Type: kv.Value.Type}] = true
				}
				for key := range once {
					counts[key]++
				}
			}
		}
	}
	var list []store.AttributeKey
	for key, n := range counts {
		key.Count = n
		list = append(list, key)
	}
	slices.SortFunc(list, compareAttributeKeys)
	return list
}

func compareAttributeKeys(a, b store.AttributeKey) int {
	return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Type, b.Type))
}

func attributeValues(spans []*span.Span, f store.Field) []store.ValueCount {
	counts := map[span.Value]uint64{}
	for _, s := range spans {
		for _, one := range counted(f, s) {
			once := map[span.Value]bool{}
			for _, v := range Values(f, one) {
				if v.Type != span.Array && v.Type != span.Map {
					once[v] = true
				}
			}
			for v := range once {
				counts[v]++
			}
		}
	}
	var list []store.ValueCount
	for v, n := range counts {
		list = append(list, store.ValueCount{Value: v, Count: n})
	}
	slices.SortFunc(list, compareValueCounts)
	return list
}

func compareValueCounts(a, b store.ValueCount) int {
	return cmp.Or(-cmp.Compare(a.Count, b.Count), store.CompareValues(a.Value, b.Value))
}

// counted returns what is counted of s for a field: the span, or a copy of it for each event or link.
func counted(f store.Field, s *span.Span) []*span.Span {
	var list []*span.Span
	switch {
	case f.OfEvent():
		for i := range s.Events {
			one := *s
			one.Events = s.Events[i : i+1]
			list = append(list, &one)
		}
	case f.OfLink():
		for i := range s.Links {
			one := *s
			one.Links = s.Links[i : i+1]
			list = append(list, &one)
		}
	default:
		list = append(list, s)
	}
	return list
}
