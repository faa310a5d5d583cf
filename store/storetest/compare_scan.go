package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

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
	small, err := simplify(q, err, simpler, func(q *store.Query) error { return t.compareQuery(tenant, q) })
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

// matchError is what differs between two answers of a scan.
type matchError struct {
	error
	trace span.TraceID // the first that differs
	span  span.SpanID  // the first in it that differs; zero: the whole trace does
}

// diffMatches compares two answers of a scan.
func diffMatches(got, want []store.Match, columns []store.Field) error {
	var r report
	first := &matchError{}
	note := func(trace span.TraceID, span span.SpanID) {
		if first.trace.IsZero() {
			first.trace, first.span = trace, span
		}
	}
	for i := 1; i < len(got); i++ {
		a, b := &got[i-1], &got[i]
		if !store.Newer(a.Start, a.TraceID, b.Start, b.TraceID) {
			r.addf("out of order: trace %d is %s, after it comes %s", i-1, nameMatch(a), nameMatch(b))
		}
	}
	missing, extra := unmatched(got, want, func(m *store.Match) string { return string(m.TraceID[:]) })
	for i := range missing {
		note(missing[i].TraceID, span.SpanID{})
		r.addf("missing: %s with %d rows", nameMatch(&missing[i]), len(missing[i].Spans))
	}
	for i := range extra {
		note(extra[i].TraceID, span.SpanID{})
		r.addf("extra: %s with %d rows", nameMatch(&extra[i]), len(extra[i].Spans))
	}
	byID := map[span.TraceID]*store.Match{}
	for i := range got {
		byID[got[i].TraceID] = &got[i]
	}
	for i := range want {
		if g := byID[want[i].TraceID]; g != nil {
			if id, differs := diffRows(&r, g, &want[i], columns); differs {
				note(g.TraceID, id)
			}
		}
	}
	if first.error = r.err(); first.error != nil {
		return first
	}
	return nil
}

func nameMatch(m *store.Match) string { return fmt.Sprintf("trace %s at %d", m.TraceID, m.Start) }

// diffRows adds what differs between two answers about one trace. It reports
// whether anything does, and the first span that does.
func diffRows(r *report, got, want *store.Match, columns []store.Field) (first span.SpanID, differs bool) {
	before := len(r.lines) + r.more
	if got.Start != want.Start {
		r.addf("%s: starts at %d", nameMatch(want), got.Start)
	}
	for i := 1; i < len(got.Spans); i++ {
		a, b := &got.Spans[i-1], &got.Spans[i]
		if compareStarts(a.Start, a.SpanID, b.Start, b.SpanID) > 0 {
			r.addf("%s: out of order: row %d is %s, after it comes %s", nameMatch(want), i-1, a.SpanID, b.SpanID)
		}
	}
	missing, extra := unmatched(got.Spans, want.Spans, encodeRow)
	if rows := slices.Concat(missing, extra); len(rows) > 0 {
		first = rows[0].SpanID
	}
	for _, w := range missing {
		at := slices.IndexFunc(extra, func(g store.Row) bool { return g.SpanID == w.SpanID })
		if at < 0 {
			r.addf("%s: missing: %s", nameMatch(want), formatRow(&w, columns))
			continue
		}
		r.change(nameMatch(want), formatRow(&extra[at], columns), formatRow(&w, columns))
		extra = slices.Delete(extra, at, at+1)
	}
	for _, g := range extra {
		r.addf("%s: extra: %s", nameMatch(want), formatRow(&g, columns))
	}
	return first, len(r.lines)+r.more > before
}

func formatRow(row *store.Row, columns []store.Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "span %s at %d to %d matched=%t", row.SpanID, row.Start, row.End, row.Matched)
	if len(row.Values) != len(columns) {
		fmt.Fprintf(&b, " %d columns instead of %d", len(row.Values), len(columns))
		return b.String()
	}
	for i, f := range columns {
		fmt.Fprintf(&b, " %q=%s", f.String(), formatValues(row.Values[i]))
	}
	return b.String()
}

// encodeRow is encode for a row of a scan.
func encodeRow(r *store.Row) string {
	e := encoder(fmt.Appendf(nil, "%s %t ", r.SpanID, r.Matched))
	e.num(r.Start, r.End, uint64(len(r.Values)))
	for _, list := range r.Values {
		e.num(uint64(len(list)))
		for _, v := range list {
			e.value(v)
		}
	}
	return string(e)
}
