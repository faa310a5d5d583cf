package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// compareCatalog compares everything that lists names and values. A range may
// be taken loosely, so an answer has at least what the spans that start in it
// have, and at most what all spans have.
func (t *trial) compareCatalog(tenant string, r store.TimeRange, fields []store.Field) error {
	all := t.model.Spans(tenant)
	in := within(all, r)
	got, err := whole(t.backend.Services(t.ctx, tenant, r))
	if err == nil {
		err = diffNames(got, services(in), services(all), strings.Compare)
	}
	if err != nil {
		return fmt.Errorf("Services(%q, %v): %w", tenant, r, err)
	}
	for _, service := range append([]string{"", "no such service"}, services(all)...) {
		got, err := whole(t.backend.Operations(t.ctx, tenant, service, r))
		if err == nil {
			err = diffNames(got, operations(in, service), operations(all, service), compareOperations)
		}
		if err != nil {
			return fmt.Errorf("Operations(%q, %q, %v): %w", tenant, service, r, err)
		}
	}
	if err := t.compareKeys(tenant, r); err != nil {
		return fmt.Errorf("AttributeKeys(%q, %v): %w", tenant, r, err)
	}
	for _, f := range fields {
		limit := max(0, t.rng.IntN(10)-4) // mostly none
		if err := t.compareValues(tenant, f, r, limit); err != nil {
			return fmt.Errorf("AttributeValues(%q, %s, %v, %d): %w", tenant, f, r, limit, err)
		}
	}
	return nil
}

// whole returns the list of an answer, which must have no gaps as nothing is damaged.
func whole[T any](answer *store.Listing[T], err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	if len(answer.Gaps) > 0 {
		return nil, fmt.Errorf("gaps: %q", answer.Gaps)
	}
	return answer.List, nil
}

// diffNames holds a sorted list against the least and the most that it may be.
func diffNames[T comparable](got, least, most []T, compare func(a, b T) int) error {
	r := &report{}
	for _, name := range least {
		if !slices.Contains(got, name) {
			r.addf("missing: %s", describe(name))
		}
	}
	for _, name := range got {
		if !slices.Contains(most, name) {
			r.addf("extra: %s", describe(name))
		}
	}
	checkSorted(r, got, compare)
	return r.err()
}

func checkSorted[T any](r *report, got []T, compare func(a, b T) int) {
	for i := 1; i < len(got); i++ {
		if compare(got[i-1], got[i]) >= 0 {
			r.addf("out of order: after %s comes %s", describe(got[i-1]), describe(got[i]))
		}
	}
}

// listBounds returns the least and the most that an answer lists: of the spans
// that start in r, and of all, counted as often as they arrived.
func listBounds[T any](t *trial, tenant string, r store.TimeRange, list func([]*span.Span) []T) (least, most []T) {
	distinct, arrived := t.model.lists(tenant)
	in := within(distinct, r)
	least = list(in)
	if len(in) == len(arrived) {
		return least, least
	}
	return least, list(arrived)
}

func (t *trial) compareKeys(tenant string, r store.TimeRange) error {
	got, err := whole(t.backend.AttributeKeys(t.ctx, tenant, r))
	if err != nil {
		return err
	}
	split := func(k store.AttributeKey) (store.AttributeKey, uint64) {
		n := k.Count
		k.Count = 0
		return k, n
	}
	least, most := listBounds(t, tenant, r, attributeKeys)
	diff := &report{}
	diffCounts(diff, counts(got, split), counts(least, split), counts(most, split))
	checkSorted(diff, got, compareAttributeKeys)
	return diff.err()
}

func (t *trial) compareValues(tenant string, f store.Field, r store.TimeRange, limit int) error {
	got, err := whole(t.backend.AttributeValues(t.ctx, tenant, f, r, limit))
	if err != nil {
		return err
	}
	split := func(v store.ValueCount) (span.Value, uint64) { return v.Value, v.Count }
	sure, possible := listBounds(t, tenant, r, func(spans []*span.Span) []store.ValueCount { return attributeValues(spans, f) })
	least, most := counts(sure, split), counts(possible, split)
	diff := &report{}
	if limit > 0 {
		if n := min(limit, len(sure)); len(got) < n || len(got) > limit {
			diff.addf("%d values, want %d to %d", len(got), n, limit)
		}
		// Which values are the most frequent is certain only if all counts are.
		if maps.Equal(least, most) {
			least = counts(sure[:min(limit, len(sure))], split)
		} else {
			clear(least)
		}
	}
	diffCounts(diff, counts(got, split), least, most)
	checkSorted(diff, got, compareValueCounts)
	return diff.err()
}

// counts makes a map of a list of things with their counts.
func counts[T any, K comparable](list []T, split func(T) (K, uint64)) map[K]uint64 {
	m := make(map[K]uint64, len(list))
	for _, v := range list {
		key, n := split(v)
		m[key] += n
	}
	return m
}

// diffCounts checks that each count lies between the least and the most that it may be.
func diffCounts[K comparable](r *report, got, least, most map[K]uint64) {
	for key, n := range least {
		if _, ok := got[key]; !ok {
			r.addf("missing: %s, counted %d times", describe(key), n)
		}
	}
	for key, n := range got {
		if n < max(1, least[key]) || n > most[key] {
			r.addf("count of %s is %d, want %d to %d", describe(key), n, max(1, least[key]), most[key])
		}
	}
}
