package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// look is a Query, and what else is done while it runs.
type look struct {
	store.Query
	fields []store.Field // asked for, though Columns do not announce them
	// Once after traces have come, those that start before enough are not
	// wanted any more. 0: they always are.
	after  int
	enough uint64
	// bySpans says that it is EnoughSpans which tells so: those without a span that starts at or after it.
	bySpans bool
}

func (l *look) String() string {
	return fmt.Sprintf("where %q\n  needs %q\n  range %v before=%d eachSpan=%t columns=%q fields=%q after %d traces enough=%d by spans=%t",
		l.Where, l.Needs, l.Range, l.Before, l.EachSpan, l.Columns, l.fields, l.after, l.enough, l.bySpans)
}

// asked returns all fields that chunks are asked for. The parent's id is always among them.
func (l *look) asked() []store.Field {
	return slices.Concat([]store.Field{store.Of(store.ParentID)}, l.Columns, l.fields)
}

// seenTrace is a trace of a chunk, or what it should be.
type seenTrace struct {
	id   span.TraceID
	rows []seenRow
}

// seenRow is what a chunk tells about a row, or what it should.
type seenRow struct {
	id         span.SpanID
	start, end uint64
	where      []bool
	values     [][]span.Value // of look.asked
	span       *span.Span     // that the row should be of
}

// row returns what a chunk should tell about s.
func (l *look) row(s *span.Span) seenRow {
	row := seenRow{id: s.SpanID, start: s.Start, end: s.End, span: s}
	for _, p := range l.Where {
		row.where = append(row.where, Judge(p, s))
	}
	for _, f := range l.asked() {
		row.values = append(row.values, Values(f, s))
	}
	return row
}

// wants reports whether the look has to show a span of a trace, when enough is
// the latest that Enough has said.
func (l *look) wants(t *modelTrace, s *span.Span, enough uint64) bool {
	spans, start := t.spans, t.start()
	if l.EachSpan { // it may be a trace of its own, or come with spans that start earlier
		spans = []*span.Span{s}
	}
	inRange := func(s *span.Span) bool { return l.Range.Contains(s.Start) }
	lacks := func(p store.Predicate) bool {
		return !slices.ContainsFunc(spans, func(s *span.Span) bool { return Judge(p, s) })
	}
	if l.bySpans {
		start = spans[len(spans)-1].Start
	}
	return slices.ContainsFunc(spans, inRange) && !slices.ContainsFunc(l.Needs, lacks) &&
		(l.Before == 0 || spans[0].Start <= l.Before) && start >= enough
}

func (r *seenRow) encode() string {
	e := encoder(fmt.Appendf(nil, "%s %t ", r.id, r.where))
	e.num(r.start, r.end, uint64(len(r.values)))
	for _, list := range r.values {
		e.num(uint64(len(list)))
		for _, v := range list {
			e.value(v)
		}
	}
	return string(e)
}

func (r *seenRow) format(l *look) string {
	var b strings.Builder
	fmt.Fprintf(&b, "span %s at %d to %d", r.id, r.start, r.end)
	for i, holds := range r.where {
		fmt.Fprintf(&b, " where[%d]=%t", i, holds)
	}
	for i, f := range l.asked() {
		fmt.Fprintf(&b, " %q=%s", f.String(), formatValues(r.values[i]))
	}
	return b.String()
}

// seen is all that came in a look.
type seen struct {
	mu     sync.Mutex
	traces []seenTrace
	enough uint64 // the latest that was said
}

// run looks through the backend and checks each chunk by itself.
func (t *trial) run(tenant string, l *look) (*seen, error) {
	var all seen
	var came atomic.Int64
	q := l.Query
	said := func() uint64 {
		if l.after > 0 && came.Load() >= int64(l.after) {
			return l.enough
		}
		return 0
	}
	if l.bySpans {
		q.EnoughSpans = said
	} else {
		q.Enough = said
	}
	progress := &progressCheck{}
	q.Progress = progress.told
	spans := spansByTimes(t.model.Spans(tenant))
	busy := make([]atomic.Bool, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	result, err := t.backend.Scan(t.ctx, tenant, &q, func(worker int, c store.Chunk) error {
		if worker < 0 || worker >= len(busy) {
			return fmt.Errorf("worker %d of %d", worker, len(busy))
		}
		if busy[worker].Swap(true) {
			return fmt.Errorf("two chunks at once for worker %d", worker)
		}
		defer busy[worker].Store(false)
		traces, err := readChunk(l, c, spans)
		if err != nil {
			return err
		}
		came.Add(int64(len(traces)))
		all.mu.Lock()
		defer all.mu.Unlock()
		all.traces = append(all.traces, traces...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if result == nil || len(result.Gaps) > 0 {
		return nil, fmt.Errorf("result %+v, want one without gaps", result)
	}
	all.enough = said()
	return &all, progress.err()
}

// progressCheck checks what a look tells about its progress.
type progressCheck struct {
	busy, twice atomic.Bool
	last        store.Progress
	bad         error
}

func (c *progressCheck) told(p store.Progress) {
	if c.busy.Swap(true) {
		c.twice.Store(true)
		return
	}
	defer c.busy.Store(false)
	if p.Done < c.last.Done || p.Done > p.Total || p.Stats.Rows < c.last.Stats.Rows {
		c.bad = fmt.Errorf("progress %+v after %+v", p, c.last)
	}
	c.last = p
}

func (c *progressCheck) err() error {
	if c.twice.Load() || c.busy.Load() {
		return errors.New("progress is told twice at once, or at the end still")
	}
	return c.bad
}

// compareLook runs a look, and names the simplest one like it that goes wrong.
func (t *trial) compareLook(tenant string, l *look) error {
	err := t.compareOnce(tenant, l)
	if err == nil {
		return nil
	}
	small, err := simplify(l, err, simplerLooks, func(l *look) error { return t.compareOnce(tenant, l) })
	return fmt.Errorf("Scan(%q, %s):\n%w", tenant, small, err)
}

// compareWhere looks for the spans on which p holds, in every way.
func (t *trial) compareWhere(tenant string, p store.Predicate, fields ...store.Field) error {
	for _, q := range []store.Query{
		{Where: []store.Predicate{p}, Columns: fields},
		{Needs: []store.Predicate{p}},
		{Needs: []store.Predicate{p}, Where: []store.Predicate{nil, p}, EachSpan: true},
	} {
		if err := t.compareLook(tenant, &look{Query: q}); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) compareOnce(tenant string, l *look) error {
	got, err := t.run(tenant, l)
	if err != nil {
		return err
	}
	var r report
	byID := map[span.TraceID]*seenTrace{}
	for i := range got.traces {
		g := &got.traces[i]
		before := byID[g.id]
		switch {
		case before == nil:
			byID[g.id] = g
		case l.EachSpan:
			before.rows = append(before.rows, g.rows...)
		default:
			r.addf("trace %s comes twice, with %d and with %d rows", g.id, len(before.rows), len(g.rows))
		}
	}
	for _, want := range t.model.traces(tenant) {
		diffSeen(&r, l, byID[want.id], want, got.enough)
		delete(byID, want.id)
	}
	for id, g := range byID {
		r.addf("extra: trace %s with %d rows", id, len(g.rows))
	}
	return r.err()
}

// diffSeen adds what differs between a trace as it came, nil if it did not, and as it is.
func diffSeen(r *report, l *look, got *seenTrace, want *modelTrace, enough uint64) {
	if got == nil {
		got = &seenTrace{id: want.id}
		if !l.EachSpan && l.wants(want, nil, enough) {
			r.addf("missing: trace %s at %d with %d spans", want.id, want.start(), len(want.spans))
		}
		if !l.EachSpan {
			return
		}
	}
	var rows, others []seenRow
	for _, s := range want.spans {
		if !l.EachSpan || l.wants(want, s, enough) {
			rows = append(rows, l.row(s))
		} else {
			others = append(others, l.row(s))
		}
	}
	rows = append(rows, others...) // of rows that look the same, those that have to come are found first
	missing, extra := unmatched(got.rows, rows, (*seenRow).encode)
	for _, w := range missing {
		at := slices.IndexFunc(extra, func(g seenRow) bool { return g.id == w.id && g.start == w.start })
		switch {
		case at >= 0:
			r.change("trace "+want.id.String(), extra[at].format(l), w.format(l))
			extra = slices.Delete(extra, at, at+1)
		case l.EachSpan && !l.wants(want, w.span, enough):
			continue
		default:
			r.addf("trace %s: missing: %s", want.id, w.format(l))
		}
		if len(r.lines) < 3 {
			r.addf("  which is %s", explain(w.span))
		}
	}
	for _, g := range extra {
		r.addf("trace %s: extra: %s", want.id, g.format(l))
	}
}

// explain shows a span that an answer is wrong about.
func explain(s *span.Span) string {
	text := clip(formatSpan(s), 1000)
	for i, e := range s.Events[:min(3, len(s.Events))] {
		text += fmt.Sprintf("\n    event %d: %q at %d %s", i, clip(e.Name, 100), e.Time, clip(formatAttrs(e.Attrs), 300))
	}
	for i, l := range s.Links[:min(3, len(s.Links))] {
		text += fmt.Sprintf("\n    link %d: %s %s %s", i, l.TraceID, l.SpanID, clip(formatAttrs(l.Attrs), 300))
	}
	return text
}

// simplerLooks returns looks that lack one thing of l.
func simplerLooks(l *look) []*look {
	var list []*look
	try := func(change func(*look)) {
		s := *l
		change(&s)
		list = append(list, &s)
	}
	if l.after > 0 {
		try(func(s *look) { s.after = 0 })
	}
	if l.Range != (store.TimeRange{}) {
		try(func(s *look) { s.Range = store.TimeRange{} })
	}
	if l.Before != 0 {
		try(func(s *look) { s.Before = 0 })
	}
	if l.EachSpan {
		try(func(s *look) { s.EachSpan = false })
	}
	for i := range l.Columns {
		try(func(s *look) { s.Columns = slices.Delete(slices.Clone(l.Columns), i, i+1) })
	}
	for i := range l.fields {
		try(func(s *look) { s.fields = slices.Delete(slices.Clone(l.fields), i, i+1) })
	}
	predicates := func(of []store.Predicate, in func(*look) *[]store.Predicate) {
		for i, p := range of {
			try(func(s *look) { *in(s) = slices.Delete(slices.Clone(of), i, i+1) })
			for _, simpler := range simplerPredicates(p) {
				try(func(s *look) {
					*in(s) = slices.Clone(of)
					(*in(s))[i] = simpler
				})
			}
		}
	}
	predicates(l.Where, func(l *look) *[]store.Predicate { return &l.Where })
	predicates(l.Needs, func(l *look) *[]store.Predicate { return &l.Needs })
	return list
}
