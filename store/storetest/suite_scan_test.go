package storetest

import (
	"context"
	"errors"
	"strconv"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// scanFaults are faults of Scan.
type scanFaults struct {
	query  func(*store.Query)
	match  func(*store.Match)
	result func(*store.ScanResult)
	err    func(error) error
}

func (f *faulty) Scan(ctx context.Context, tenant string, q *store.Query, yield func(*store.Match) bool) (*store.ScanResult, error) {
	changed := *q
	if f.where != nil {
		changed.Where = f.where(q.Where)
	}
	if f.scan.query != nil {
		f.scan.query(&changed)
	}
	result, err := f.Model.Scan(ctx, f.name(tenant), &changed, func(m *store.Match) bool {
		if f.scan.match != nil {
			f.scan.match(m)
		}
		return yield(m)
	})
	if err != nil && f.scan.err != nil {
		err = f.scan.err(err)
	}
	if err == nil && result == nil {
		result = &store.ScanResult{}
	}
	if err == nil && f.scan.result != nil {
		f.scan.result(result)
	}
	return result, err
}

var scanFaultList = []fault{
	{"scans what comes twice twice", checkScans, faulty{scan: scanFaults{match: func(m *store.Match) { m.Spans = append(m.Spans, m.Spans[len(m.Spans)-1]) }}}},
	{"ignores Whole", checkScans, faulty{scan: scanFaults{query: func(q *store.Query) { q.Whole = false }}}},
	{"ignores the range", checkScans, faulty{scan: scanFaults{query: func(q *store.Query) { q.Range = store.TimeRange{} }}}},
	{"starts a trace at its first match", checkScans, faulty{scan: scanFaults{match: func(m *store.Match) { m.Start = m.Spans[0].Start }}}},
	{"says that all spans match", checkScans, faulty{scan: scanFaults{match: func(m *store.Match) {
		for i := range m.Spans {
			m.Spans[i].Matched = true
		}
	}}}},
	{"gives one value of each column", checkScans, faulty{scan: scanFaults{match: func(m *store.Match) {
		for _, row := range m.Spans {
			for i, values := range row.Values {
				row.Values[i] = values[:min(1, len(values))]
			}
		}
	}}}},
	{"ignores the limit", checkPages, faulty{scan: scanFaults{query: func(q *store.Query) { q.Limit = 0 }}}},
	{"gives no cursor", checkPages, faulty{scan: scanFaults{result: func(r *store.ScanResult) { r.Next = "" }}}},
	{"gives a cursor at the end", checkPages, faulty{scan: scanFaults{result: func(r *store.ScanResult) { r.Next = store.MakeCursor(0, span.TraceID{}) }}}},
	{"ignores the cursor", checkPages, faulty{scan: scanFaults{query: func(q *store.Query) { q.After = "" }}}},
	{"has cursors of a start only", checkEqualStarts, faulty{scan: scanFaults{result: func(r *store.ScanResult) {
		if start, _, ok, _ := r.Next.Parse(); ok {
			r.Next = store.MakeCursor(start, span.TraceID{})
		}
	}}}},
	{"takes any cursor", checkInvalidCursor, faulty{scan: scanFaults{err: func(err error) error { return nil }}}},
	{"says not why a scan ended", checkContextEnds, faulty{scan: scanFaults{err: func(error) error { return errors.New("ended") }}}},
	{"ends a scan in silence", checkContextEnds, faulty{scan: scanFaults{err: func(error) error { return nil }}}},
}

// recycled is a store that uses the memory of a match again.
type recycled struct{ *Model }

func (r *recycled) Scan(ctx context.Context, tenant string, q *store.Query, yield func(*store.Match) bool) (*store.ScanResult, error) {
	return r.Model.Scan(ctx, tenant, q, func(m *store.Match) bool {
		more := yield(m)
		for i := range m.Spans {
			for _, values := range m.Spans[i].Values {
				clear(values)
			}
		}
		clear(m.Spans)
		*m = store.Match{}
		return more
	})
}

// offsets is a store whose cursors count the traces before them.
type offsets struct{ *Model }

func (o *offsets) Scan(ctx context.Context, tenant string, q *store.Query, yield func(*store.Match) bool) (*store.ScanResult, error) {
	first := 0
	if q.After != "" {
		n, err := strconv.Atoi(string(q.After))
		if err != nil {
			return nil, store.ErrCursor
		}
		first = n
	}
	all := *q
	all.After, all.Limit = "", 0
	at, stopped := 0, false
	result, err := o.Model.Scan(ctx, tenant, &all, func(m *store.Match) bool {
		if at++; at <= first {
			return true
		}
		stopped = !yield(m) || at == first+q.Limit
		return !stopped
	})
	if err == nil && stopped {
		result.Next = store.Cursor(strconv.Itoa(at))
	}
	return result, err
}

func (l *locked) Scan(ctx context.Context, tenant string, q *store.Query, yield func(*store.Match) bool) (*store.ScanResult, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Model.Scan(ctx, tenant, q, yield)
}
