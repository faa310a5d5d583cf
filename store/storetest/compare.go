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
		for _, q := range []*store.Query{
			{Columns: fields},
			{Whole: true},
			{Where: store.Or{}},
		} {
			if err := t.compareScan(tenant, q); err != nil {
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

// ask runs a query on a reader and copies what it yields; it stops the scan
// itself after stop matches, if that is above 0.
func (t *trial) ask(r store.Reader, tenant string, q *store.Query, stop int) ([]store.Match, *store.ScanResult, error) {
	var list []store.Match
	result, err := r.Scan(t.ctx, tenant, q, func(m *store.Match) bool {
		list = append(list, copyMatch(m))
		return len(list) != stop
	})
	if err != nil {
		return nil, nil, err
	}
	if len(result.Gaps) > 0 {
		return nil, nil, fmt.Errorf("gaps: %q", result.Gaps)
	}
	return list, result, nil
}

// copyMatch keeps a match beyond its yield, bytes of strings included.
func copyMatch(m *store.Match) store.Match {
	out := *m
	out.Spans = slices.Clone(m.Spans)
	for i := range out.Spans {
		row := &out.Spans[i]
		row.Values = slices.Clone(row.Values)
		for c := range row.Values {
			row.Values[c] = slices.Clone(row.Values[c])
			for v := range row.Values[c] {
				row.Values[c][v].Str = strings.Clone(row.Values[c][v].Str)
			}
		}
	}
	return out
}

// compareScan runs a query, and names the simplest query like it that goes wrong.
func (t *trial) compareScan(tenant string, q *store.Query) error {
	err := t.compareQuery(tenant, q)
	if err == nil {
		return nil
	}
	small, err := simplify(q, err, func(q *store.Query) error { return t.compareQuery(tenant, q) })
	err = fmt.Errorf("Scan(%q, %s):\n%w", tenant, formatQuery(small), err)
	var differs *matchError
	if errors.As(err, &differs) {
		err = fmt.Errorf("%w\n%s", err, t.explain(tenant, differs, small))
	}
	return err
}

// explain shows the spans that an answer is wrong about, in the light of the query.
func (t *trial) explain(tenant string, e *matchError, q *store.Query) string {
	text := "what differs first is in the model:"
	shown := 0
	for _, s := range t.model.Spans(tenant) {
		if s.TraceID != e.trace || !e.span.IsZero() && s.SpanID != e.span {
			continue
		}
		if shown++; shown > 4 {
			return text + "\n  …"
		}
		text += fmt.Sprintf("\n  in range=%t, where=%t: %s", q.Range.Contains(s.Start), Judge(q.Where, s), clip(formatSpan(s), 1500))
		for i, e := range s.Events[:min(3, len(s.Events))] {
			text += fmt.Sprintf("\n    event %d: %q at %d %s", i, clip(e.Name, 100), e.Time, clip(formatAttrs(e.Attrs), 300))
		}
		for i, l := range s.Links[:min(3, len(s.Links))] {
			text += fmt.Sprintf("\n    link %d: %s %s %s", i, l.TraceID, l.SpanID, clip(formatAttrs(l.Attrs), 300))
		}
	}
	return text
}

func (t *trial) compareQuery(tenant string, q *store.Query) error {
	got, result, err := t.ask(t.backend, tenant, q, 0)
	if err != nil {
		return err
	}
	want, wantResult, err := t.ask(t.model, tenant, q, 0)
	if err != nil {
		return err
	}
	if err := diffMatches(got, want, q.Columns); err != nil {
		return err
	}
	stopped := q.Limit > 0 && len(got) == q.Limit
	if result.Next == "" && wantResult.Next != "" {
		return errors.New("no cursor to what comes behind the limit")
	}
	if result.Next != "" && !stopped {
		return fmt.Errorf("cursor %q at the end of the scan", result.Next)
	}
	return nil
}

func formatQuery(q *store.Query) string {
	where := "true"
	if q.Where != nil {
		where = q.Where.String()
	}
	return fmt.Sprintf("where %s\n  range %v whole=%t limit=%d after=%q columns=%q", where, q.Range, q.Whole, q.Limit, q.After, q.Columns)
}

// simplify looks for a query with less in it that fails too, and returns its error with it.
func simplify(q *store.Query, err error, run func(*store.Query) error) (*store.Query, error) {
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

// simpler returns queries that lack one thing of q.
func simpler(q *store.Query) []*store.Query {
	var list []*store.Query
	try := func(change func(*store.Query)) {
		s := *q
		change(&s)
		list = append(list, &s)
	}
	if q.Limit > 0 {
		try(func(s *store.Query) { s.Limit = 0 })
	}
	if q.Whole {
		try(func(s *store.Query) { s.Whole = false })
	}
	if q.Range != (store.TimeRange{}) {
		try(func(s *store.Query) { s.Range = store.TimeRange{} })
	}
	for i := range q.Columns {
		try(func(s *store.Query) { s.Columns = slices.Delete(slices.Clone(q.Columns), i, i+1) })
	}
	if q.Where != nil {
		try(func(s *store.Query) { s.Where = nil })
	}
	for _, p := range simplerPredicates(q.Where) {
		try(func(s *store.Query) { s.Where = p })
	}
	return list
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

// comparePages reads a query page by page and holds the pages together against one scan.
func (t *trial) comparePages(tenant string, q *store.Query, size int) error {
	want, _, err := t.ask(t.model, tenant, q, 0)
	if err != nil {
		return err
	}
	page := *q
	page.Limit = size
	var got []store.Match
	for {
		list, result, err := t.ask(t.backend, tenant, &page, 0)
		if err != nil {
			return err
		}
		got = append(got, list...)
		if len(list) > size || result.Next != "" && (len(list) < size || len(got) > len(want)) {
			return fmt.Errorf("pages of %d of Scan(%q, %s): %d traces on a page, %d so far of %d, next %q",
				size, tenant, formatQuery(q), len(list), len(got), len(want), result.Next)
		}
		if result.Next == "" {
			break
		}
		page.After = result.Next
	}
	if err := diffMatches(got, want, q.Columns); err != nil {
		return fmt.Errorf("pages of %d of Scan(%q, %s):\n%w", size, tenant, formatQuery(q), err)
	}
	return nil
}
