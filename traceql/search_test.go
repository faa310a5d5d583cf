package traceql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// searched answers a query that has to be right.
func searched(t *testing.T, s store.Reader, text string, opts SearchOptions) *SearchResult {
	t.Helper()
	r, err := (&Engine{Store: s}).Search(t.Context(), store.DefaultTenant, parsed(t, text), opts)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func parsed(t testing.TB, text string) *Query {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

// randomModel has some hundred spans of every kind. Traces start at various times, and some at the same.
func randomModel(t *testing.T, lax bool) *storetest.Model {
	m := &storetest.Model{Lax: lax}
	write(t, m, storetest.NewGen(7).Spans(300)...)
	return m
}

func TestSearchPages(t *testing.T) {
	for _, lax := range []bool{false, true} {
		m := randomModel(t, lax)
		for _, text := range []string{`{ }`, `{ status = error }`, `{ } > { }`, `{ } | count() > 2`, `{ false }`} {
			all := searched(t, m, text, SearchOptions{Limit: -1})
			if all.Next != "" {
				t.Errorf("%s: all traces, and a cursor behind them", text)
			}
			for i, trace := range all.Traces[min(1, len(all.Traces)):] {
				if before := all.Traces[i]; !store.Newer(before.Start, before.ID, trace.Start, trace.ID) {
					t.Errorf("%s: trace %s stands behind %s", text, trace.ID, before.ID)
				}
			}
			for _, limit := range []int{1, 7, len(all.Traces), len(all.Traces) + 1} {
				var pages []*Trace
				opts := SearchOptions{Limit: max(1, limit)}
				for more := true; more; more = opts.After != "" {
					r := searched(t, m, text, opts)
					if len(r.Traces) == 0 && opts.After != "" || len(r.Traces) > opts.Limit {
						t.Fatalf("%s: %d traces on a page of %d", text, len(r.Traces), opts.Limit)
					}
					pages = append(pages, r.Traces...)
					opts.After = r.Next
				}
				if !reflect.DeepEqual(pages, all.Traces) {
					t.Errorf("%s: pages of %d have %d traces, of %d", text, limit, len(pages), len(all.Traces))
				}
			}
		}
	}
}

func TestSearchForSpansPages(t *testing.T) {
	m := randomModel(t, false)
	all := searched(t, m, `{ .k != nil } || { kind = server }`, SearchOptions{Spans: true, Limit: -1}).Spans
	if len(all) < 50 {
		t.Fatalf("found %d spans, too few for a test", len(all))
	}
	for i, s := range all[1:] {
		if before := all[i]; before.Start < s.Start || before.Start == s.Start && bytes.Compare(before.TraceID[:], s.TraceID[:]) < 0 {
			t.Errorf("span %s stands behind %s", s.ID, before.ID)
		}
	}
	for _, limit := range []int{1, 10} {
		var pages []FoundSpan
		opts := SearchOptions{Spans: true, Limit: limit}
		for more := true; more; more = opts.After != "" {
			r := searched(t, m, `{ .k != nil } || { kind = server }`, opts)
			pages = append(pages, r.Spans...)
			opts.After = r.Next
		}
		if !reflect.DeepEqual(pages, all) {
			t.Errorf("pages of %d have %d spans, of %d", limit, len(pages), len(all))
		}
	}
}

// Spans that share their start and their id are on one page each, too.
func TestSearchForSpansThatLookAlike(t *testing.T) {
	m := &storetest.Model{}
	for i := range 5 {
		write(t, m, span.Span{TraceID: span.TraceID{1}, SpanID: span.SpanID{1}, Name: fmt.Sprint(i), Start: 10, End: 20})
	}
	names := map[string]bool{}
	opts := SearchOptions{Spans: true, Limit: 2}
	for more := true; more; more = opts.After != "" {
		r := searched(t, m, `{ }`, opts)
		for _, s := range r.Spans {
			names[s.Name] = true
		}
		opts.After = r.Next
	}
	if len(names) != 5 {
		t.Errorf("found spans %v, want 5", names)
	}
}

func TestSearchForSlowest(t *testing.T) {
	m := randomModel(t, false)
	all := searched(t, m, `{ }`, SearchOptions{Slowest: true, Limit: -1}).Traces
	for i, trace := range all[1:] {
		if before := all[i]; int64(trace.End-trace.Start) > int64(before.End-before.Start) {
			t.Errorf("a trace of %d ns stands behind one of %d ns", trace.End-trace.Start, before.End-before.Start)
		}
	}
	if first := searched(t, m, `{ }`, SearchOptions{Slowest: true, Limit: 3}); !reflect.DeepEqual(first.Traces, all[:3]) || first.Next != "" {
		t.Errorf("the slowest 3 are not the first of all, or have a cursor: %q", first.Next)
	}
}

func TestSearchDefaults(t *testing.T) {
	m := &storetest.Model{}
	for i := range 25 {
		write(t, m, tree(byte(i+1), "1 0 a\n2 1 a\n3 1 a\n4 1 a")...)
	}
	r := searched(t, m, `{ }`, SearchOptions{})
	if len(r.Traces) != 20 || r.Next == "" {
		t.Errorf("found %d traces, cursor %q; want 20 and more", len(r.Traces), r.Next)
	}
	if set := r.Traces[0].SpanSets[0]; len(set.Spans) != 3 || set.Matched != 4 {
		t.Errorf("a spanset has %d of %d spans, want 3 of 4", len(set.Spans), set.Matched)
	}
	if set := searched(t, m, `{ }`, SearchOptions{SpansPerSet: -1}).Traces[0].SpanSets[0]; len(set.Spans) != 4 {
		t.Errorf("without a limit a spanset has %d spans, want 4", len(set.Spans))
	}
}

func TestSearchTellsOfTraces(t *testing.T) {
	m := &storetest.Model{}
	service := func(s span.Span, name string) span.Span {
		s.Resource.Attrs = []span.KeyValue{{Key: "service.name", Value: span.StringValue(name)}}
		return s
	}
	whole := tree(1, "1 0 root\n2 1 child\n3 2 leaf")
	whole[0], whole[1], whole[2] = service(whole[0], "b"), service(whole[1], "a"), service(whole[2], "b")
	whole[1].Status, whole[2].Status = statusError, statusError
	write(t, m, whole...)
	write(t, m, tree(2, "4 9 lost\n5 4 child\n6 8 lost too")...)
	got := searched(t, m, `{ name = "leaf" || name = "child" } | select(.n, name, parent.n) | count() > 0`, SearchOptions{})
	n := func(i int64) NamedValue { return NamedValue{".n", IntStatic(i)} }
	text := func(key, v string) NamedValue { return NamedValue{key, StringStatic(v)} }
	parent := func(i int64) NamedValue { return NamedValue{"parent.n", IntStatic(i)} }
	count := func(i int64) []NamedValue { return []NamedValue{{"count()", IntStatic(i)}} }
	want := []*Trace{{
		ID: span.TraceID{15: 2}, Start: 1000, End: 2020, RootName: "lost", Spans: 3, Orphans: 2,
		Services: []ServiceStats{{"", 3, 0}},
		SpanSets: []SpanSet{{Matched: 1, Attributes: count(1), Spans: []Span{
			{span.SpanID{7: 5}, 1001, 1009, "child", "", []NamedValue{text("name", "child"), n(5), parent(4)}},
		}}},
	}, {
		ID: span.TraceID{15: 1}, Start: 1000, End: 2020, RootName: "root", RootService: "b", HasRoot: true, Spans: 3,
		Services: []ServiceStats{{"a", 1, 1}, {"b", 2, 1}},
		SpanSets: []SpanSet{{Matched: 2, Attributes: count(2), Spans: []Span{
			{span.SpanID{7: 2}, 1001, 1009, "child", "a", []NamedValue{text("name", "child"), n(2), parent(1)}},
			{span.SpanID{7: 3}, 1002, 1018, "leaf", "b", []NamedValue{text("name", "leaf"), n(3), parent(2)}},
		}}},
	}}
	if !reflect.DeepEqual(got.Traces, want) {
		t.Errorf("\n got %+v\nwant %+v", got.Traces, want)
	}
}

func TestSearchStopsEarly(t *testing.T) {
	m := &storetest.Model{}
	for i := range 100 {
		s := tree(byte(i+1), "1 0 a")
		s[0].Start, s[0].End = uint64(1000*i), uint64(1000*i+1)
		write(t, m, s...)
	}
	r := searched(t, m, `{ }`, SearchOptions{Limit: 5})
	if r.Stats.Rows > 50 {
		t.Errorf("looked at %d spans of 100 for the newest 5", r.Stats.Rows)
	}
	r = searched(t, m, `{ }`, SearchOptions{Limit: 5, After: store.MakeCursor(20_000, span.TraceID{})})
	if len(r.Traces) != 5 || r.Traces[0].Start != 19_000 || r.Stats.Rows > 30 {
		t.Errorf("looked at %d spans behind a cursor, found %d traces from %d", r.Stats.Rows, len(r.Traces), r.Traces[0].Start)
	}
}

func TestSearchMemory(t *testing.T) {
	m := randomModel(t, false)
	e := &Engine{Store: m, MemoryBytes: 20_000}
	search := func(opts SearchOptions) error {
		_, err := e.Search(t.Context(), store.DefaultTenant, parsed(t, `{ } | select(.k, name)`), opts)
		return err
	}
	if err := search(SearchOptions{Limit: 3, SpansPerSet: 1}); err != nil {
		t.Errorf("three traces: %v", err)
	}
	if err := search(SearchOptions{Limit: -1, SpansPerSet: -1}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("all traces: %v, want ErrTooLarge", err)
	}
	if err := search(SearchOptions{Limit: -1, Spans: true}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("all spans: %v, want ErrTooLarge", err)
	}
	big := &storetest.Model{}
	write(t, big, tree(1, strings.Repeat("1 0 a\n2 1 b\n", 2000))...)
	e.Store = big
	if err := search(SearchOptions{SpansPerSet: -1}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("one large trace: %v, want ErrTooLarge", err)
	}
}

func TestSearchProgress(t *testing.T) {
	m := randomModel(t, false)
	var last *SearchResult
	opts := SearchOptions{Limit: 10}
	opts.Progress = func(p store.Progress, want func() *SearchResult) {
		if r := want(); last != nil && len(r.Traces) < len(last.Traces) {
			t.Errorf("%d traces found, and %d before", len(r.Traces), len(last.Traces))
		} else {
			last = r
		}
	}
	r := searched(t, m, `{ }`, opts)
	if last == nil || !reflect.DeepEqual(last.Traces, r.Traces) {
		t.Error("the last progress does not tell the answer")
	}
}

func TestSearchRefuses(t *testing.T) {
	e := &Engine{Store: &storetest.Model{}}
	for _, c := range []struct {
		query string
		opts  SearchOptions
		want  error
	}{
		{`{ }`, SearchOptions{After: "nonsense"}, store.ErrCursor},
		{`{ }`, SearchOptions{After: "nonsense", Spans: true}, store.ErrCursor},
		{`{ }`, SearchOptions{After: store.MakeCursor(1, span.TraceID{1}), Spans: true}, store.ErrCursor},
		{`{ }`, SearchOptions{After: (&place{}).cursor(true, nil)}, store.ErrCursor},
		{`{ }`, SearchOptions{After: (&place{}).cursor(true, nil)[:60] + "+0000000000z", Spans: true}, store.ErrCursor},
		{`{ }`, SearchOptions{After: store.MakeCursor(1, span.TraceID{1}), Slowest: true}, store.ErrCursor},
		{`{ }`, SearchOptions{After: (&place{}).cursor(true, nil), Spans: true, Order: order{{ByDuration, true}}}, store.ErrCursor},
		{`{ }`, SearchOptions{After: (&place{}).cursor(true, order{{ByDuration, false}}), Spans: true, Order: order{{ByDuration, true}}}, store.ErrCursor},
		{`{ }`, SearchOptions{After: "D", Spans: true, Order: order{{ByDuration, true}}}, store.ErrCursor},
	} {
		if _, err := e.Search(t.Context(), "", parsed(t, c.query), c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s %+v: %v, want %v", c.query, c.opts, err, c.want)
		}
	}
	var wrong *Error
	if _, err := e.Search(t.Context(), "", parsed(t, `{ } | rate()`), SearchOptions{}); !errors.As(err, &wrong) {
		t.Errorf("a metrics query: %v, want an *Error", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	e.Store = randomModel(t, false)
	if _, err := e.Search(ended, store.DefaultTenant, parsed(t, `{ }`), SearchOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
}

// failingStore gives chunks that fail, and whose answers are not to be trusted then.
type failingStore struct {
	*storetest.Model
	fails atomic.Int64 // number of the chunk
}

type failingChunk struct{ store.Chunk }

var errFailing = errors.New("broken")

func (failingChunk) Err() error { return errFailing }

func (s *failingStore) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	return s.Model.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error {
		if s.fails.Add(-1) == 0 {
			c = failingChunk{c}
		}
		return yield(worker, c)
	})
}

func TestSearchFailsWithChunk(t *testing.T) {
	s := &failingStore{Model: randomModel(t, true)}
	for _, text := range []string{`{ }`, `{ false }`, `{ } >> { .k = 1 }`, `{ } | by(name) | count() > 1`} {
		s.fails.Store(3)
		_, err := (&Engine{Store: s}).Search(t.Context(), store.DefaultTenant, parsed(t, text), SearchOptions{Limit: -1})
		if !errors.Is(err, errFailing) {
			t.Errorf("%s: %v, want the error of the chunk", text, err)
		}
	}
}

func TestCursorsOfSpans(t *testing.T) {
	for _, p := range []place{
		{},
		{start: math.MaxUint64, trace: span.TraceID{1, 15: 2}, span: span.SpanID{3, 7: 4}, same: math.MaxUint32},
		{start: 5, same: 1},
	} {
		for _, o := range []order{nil, {{ByDuration, false}, {ByStart, true}}} {
			if got, err := parseCursor(p.cursor(true, o), true, o); err != nil || *got != p {
				t.Errorf("cursor %s is read as %+v, %v", p.cursor(true, o), got, err)
			}
			p.took = -7
		}
	}
}
