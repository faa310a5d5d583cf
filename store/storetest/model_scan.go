package storetest

import (
	"context"

	"github.com/clewhq/clew/store"
)

// Scan implements store.Reader.
func (m *Model) Scan(ctx context.Context, tenant string, q *store.Query, yield func(*store.Match) bool) (*store.ScanResult, error) {
	afterStart, afterID, resumed, err := q.After.Parse()
	if err != nil {
		return nil, err
	}
	var result store.ScanResult
	var last store.Cursor
	yielded := 0
	for _, t := range m.traces(tenant) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if resumed && !store.Newer(afterStart, afterID, t.start(), t.id) {
			continue
		}
		result.Stats.Rows += uint64(len(t.spans))
		rows := match(t, q)
		if len(rows) == 0 {
			continue
		}
		if q.Limit > 0 && yielded == q.Limit {
			result.Next = last
			return &result, nil
		}
		last = store.MakeCursor(t.start(), t.id)
		yielded++
		if !yield(&store.Match{TraceID: t.id, Start: t.start(), Spans: rows}) {
			result.Next = last
			return &result, nil
		}
	}
	return &result, ctx.Err()
}

// match returns the rows of t that q asks for; none if no span of t matches.
func match(t *modelTrace, q *store.Query) []store.Row {
	var rows []store.Row
	matches := 0
	for _, s := range t.spans {
		matched := q.Range.Contains(s.Start) && Judge(q.Where, s)
		if matched {
			matches++
		}
		if !matched && !q.Whole {
			continue
		}
		row := store.Row{SpanID: s.SpanID, Start: s.Start, End: s.End, Matched: matched}
		for _, f := range q.Columns {
			row.Values = append(row.Values, Values(f, s))
		}
		rows = append(rows, row)
	}
	if matches == 0 {
		return nil
	}
	return rows
}
