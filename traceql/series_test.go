package traceql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

func mustParse(t testing.TB, text string) *Query {
	q, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

// memoryRange is the range of chunks of newMemoryChunks.
func memoryRange(chunks int) SeriesOptions {
	return SeriesOptions{Start: memoryStart, End: memoryStart + uint64(chunks)*memoryRows*memoryGap}
}

// totals returns the sum of the values of each series, by its labels.
func totals(r *SeriesResult) map[string]float64 {
	sums := map[string]float64{}
	for _, s := range r.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) {
				sums[fmt.Sprint(s.Labels)] += v
			}
		}
	}
	return sums
}

func TestSeriesRangeErrors(t *testing.T) {
	e := &Engine{Store: &memoryStore{}}
	q := mustParse(t, "{ } | rate()")
	for _, opts := range []SeriesOptions{{Start: 2, End: 1}, {Start: 2, End: 2, Instant: true}, {Start: 2, End: 1, Instant: true}} {
		if _, err := e.Series(t.Context(), "t", q, opts); !errors.Is(err, ErrRange) {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

func TestSeriesWithoutSpans(t *testing.T) {
	e := &Engine{Store: &memoryStore{}}
	for text, want := range map[string]int{
		"{ } | rate()":                                1,
		"{ } | count_over_time()":                     1,
		"({ } | rate()) + ({ } | rate())":             1,
		"({ } | rate()) / ({ } | rate())":             0,
		"{ } | rate() by (name)":                      0,
		"{ } | sum_over_time(duration)":               0,
		"{ } | quantile_over_time(duration, .5)":      0,
		"{ } | histogram_over_time(duration)":         0,
		"{ } | compare({ status = error })":           0,
		"{ } | rate() > 0":                            0,
		"({ } | rate() by (name)) * 2 | topk(3)":      0,
		"{ } | min_over_time(duration) by (span.foo)": 0,
	} {
		result, err := e.Series(t.Context(), "t", mustParse(t, text), memoryRange(1))
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Series) != want {
			t.Errorf("%s has %d series, want %d", text, len(result.Series), want)
		}
		for _, s := range result.Series {
			if len(s.Values) != len(result.Times) || slices.ContainsFunc(s.Values, func(v float64) bool { return v != 0 }) {
				t.Errorf("%s has the values %v, want 0 for each of %d times", text, s.Values, len(result.Times))
			}
		}
	}
}

func TestSeriesMemory(t *testing.T) {
	e := &Engine{Store: &memoryStore{chunks: newMemoryChunks(2), times: 1}, MemoryBytes: 1 << 20}
	tiny := memoryRange(2)
	tiny.Step = 1
	minute := memoryRange(2)
	minute.Step = uint64(time.Second)
	for _, test := range []struct {
		text string
		opts SeriesOptions
		want string // of the error; "" for none
	}{
		{"{ } | rate()", minute, ""},
		{"{ } | rate()", tiny, "intervals"},
		{"{ } | rate()", SeriesOptions{End: math.MaxUint64, Step: 1}, "intervals"},
		{"{ } | rate() by (span.attribute.11)", minute, "attributes with fewer values"},
		{"{ } | quantile_over_time(duration, .5) by (span.attribute.11)", minute, "1 MiB"},
		{"{ } | compare({ status = error })", minute, "1 MiB"},
	} {
		_, err := e.Series(t.Context(), "t", mustParse(t, test.text), test.opts)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.text, err)
		case test.want != "" && (!errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: the error is %v, want one that has %q", test.text, err, test.want)
		}
	}
}

func TestSeriesContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := &Engine{Store: &memoryStore{chunks: newMemoryChunks(1), times: 1}}
	if _, err := e.Series(ctx, "t", mustParse(t, "{ } | rate()"), memoryRange(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context ended the query ended with %v", err)
	}
}

// brokenChunk fails when a column is asked for.
type brokenChunk struct {
	*memoryChunk
	broken store.Field
	err    error
}

func (c *brokenChunk) Column(f store.Field) *store.Column {
	if f == c.broken {
		c.err = errors.New("a damaged column")
		return &store.Column{}
	}
	return c.memoryChunk.Column(f)
}

func (c *brokenChunk) Err() error { return c.err }

// oneChunkStore has one chunk.
type oneChunkStore struct {
	store.Reader
	chunk store.Chunk
}

func (s *oneChunkStore) Scan(_ context.Context, _ string, _ *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	return &store.ScanResult{Gaps: []string{"gap"}}, yield(0, s.chunk)
}

// TestSeriesDamage holds that no leaf counts a chunk that cannot be read for one of them.
func TestSeriesDamage(t *testing.T) {
	for _, broken := range []store.Field{store.Of(store.Name), store.Of(store.Duration), traceState, {}} {
		e := &Engine{Store: &oneChunkStore{chunk: &brokenChunk{memoryChunk: newMemoryChunks(1)[0], broken: broken}}}
		q := mustParse(t, "({ } | count_over_time()) + ({ } | sum_over_time(duration) by (name)) with(extrapolate=true)")
		if broken == traceState || broken == (store.Field{}) {
			q = mustParse(t, "({ } | count_over_time()) + 0 with(extrapolate=true)")
		}
		opts := memoryRange(1)
		opts.Instant = true
		result, err := e.Series(t.Context(), "t", q, opts)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{}
		if broken == (store.Field{}) {
			want[`[{__name__ "(count_over_time + 0)"}]`] = memoryRows
		} else if broken == traceState {
			want[`[{__name__ "(count_over_time + 0)"}]`] = 0
		}
		if got := totals(result); fmt.Sprint(got) != fmt.Sprint(want) || !slices.Equal(result.Gaps, []string{"gap"}) {
			t.Errorf("with a damaged %v: %v, gaps %v; want %v", broken, got, result.Gaps, want)
		}
	}
}

func TestSeriesMost(t *testing.T) {
	e := &Engine{Store: &memoryStore{chunks: newMemoryChunks(1), times: 1}}
	q := mustParse(t, "{ } | rate() by (resource.service.name)")
	opts := memoryRange(1)
	all, err := e.Series(t.Context(), "t", q, opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.MaxSeries = 3
	some, err := e.Series(t.Context(), "t", q, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Series) != 20 || len(all.Gaps) != 0 {
		t.Errorf("%d series with the gaps %v", len(all.Series), all.Gaps)
	}
	if len(some.Series) != 3 || !slices.Equal(some.Gaps, []string{"17 of 20 series are left out"}) {
		t.Errorf("%d series with the gaps %v", len(some.Series), some.Gaps)
	}
	for i, s := range some.Series {
		if fmt.Sprint(s.Labels) != fmt.Sprint(all.Series[i].Labels) {
			t.Errorf("series %d is %v, want %v", i, s.Labels, all.Series[i].Labels)
		}
	}
}

// startless is a chunk that knows its bounds and cannot say when its spans start.
type startless struct {
	*memoryChunk
	t *testing.T
}

func (c startless) Starts() []uint64 {
	c.t.Error("the starts of a chunk were read, all of which lie in one interval")
	return c.memoryChunk.Starts()
}

func TestSeriesReadsNoStarts(t *testing.T) {
	c := newMemoryChunks(1)[0]
	e := &Engine{Store: &oneChunkStore{chunk: startless{c, t}}}
	day := SeriesOptions{Start: memoryStart - 1, End: memoryStart + 86400e9, Step: 86400e9}
	instant := memoryRange(1)
	instant.Instant = true
	for _, opts := range []SeriesOptions{day, instant} {
		result, err := e.Series(t.Context(), "t", mustParse(t, "{ } | count_over_time()"), opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := totals(result)[`[{__name__ "count_over_time"}]`]; got != memoryRows {
			t.Errorf("%v spans, want %d", got, memoryRows)
		}
	}
}

// parallelStore gives chunks to two workers at once.
type parallelStore struct{ memoryStore }

func (s *parallelStore) Scan(_ context.Context, _ string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	var group sync.WaitGroup
	var telling sync.Mutex
	errs := make([]error, 2)
	for worker := range errs {
		group.Go(func() {
			for i := worker; i < len(s.chunks) && errs[worker] == nil; i += 2 {
				errs[worker] = yield(worker, s.chunks[i])
				telling.Lock()
				if q.Progress != nil {
					q.Progress(store.Progress{Done: uint64(i), Total: uint64(len(s.chunks))})
				}
				telling.Unlock()
			}
		})
	}
	group.Wait()
	return &store.ScanResult{}, errors.Join(errs...)
}

// TestSeriesWorkers holds that it does not matter how many workers count, and that what is told meanwhile
// becomes the answer.
func TestSeriesWorkers(t *testing.T) {
	chunks := newMemoryChunks(6)
	for _, text := range []string{
		"{ } | count_over_time() by (resource.service.name, name)",
		"{ } | avg_over_time(duration) by (span.attribute.7)",
		"{ } | max_over_time(duration) by (kind)",
		"{ } | quantile_over_time(duration, 0, .5, .99) by (span.attribute.3)",
		"{ } | histogram_over_time(duration)",
		"{ } | compare({ status = error }, 3)",
		"({ status = error } | rate() by (name)) / ({ } | rate()) | topk(2)",
	} {
		q := mustParse(t, text)
		one := &Engine{Store: &memoryStore{chunks: chunks, times: 1}}
		want, err := one.Series(t.Context(), "t", q, memoryRange(6))
		if err != nil {
			t.Fatal(err)
		}
		two := &Engine{Store: &parallelStore{memoryStore{chunks: chunks}}}
		var last *SeriesResult
		opts := memoryRange(6)
		opts.Progress = func(_ store.Progress, want func() *SeriesResult) { last = want() }
		got, err := two.Series(t.Context(), "t", q, opts)
		if err != nil {
			t.Fatal(err)
		}
		for name, answer := range map[string]*SeriesResult{"two workers": got, "progress": last} {
			if a, b := fmt.Sprint(resultText(answer)), fmt.Sprint(resultText(want)); a != b {
				t.Errorf("%s: %s have\n%s\nwant\n%s", text, name, a, b)
			}
		}
	}
}

func resultText(r *SeriesResult) []string {
	lines := []string{fmt.Sprint(r.Times, r.Step)}
	for _, s := range r.Series {
		lines = append(lines, fmt.Sprint(s.Labels, s.Values))
	}
	return lines
}

// TestSeriesSample holds that counts of a sample come near to those of all, and that means and extremes are
// not scaled.
func TestSeriesSample(t *testing.T) {
	e := &Engine{Store: &memoryStore{chunks: newMemoryChunks(16), times: 1}}
	opts := memoryRange(16)
	opts.Instant = true
	for _, function := range []string{
		"rate()", "count_over_time()", "sum_over_time(duration)", "avg_over_time(duration)", "quantile_over_time(duration, .5)",
	} {
		text := "{ } | " + function
		exact, err := e.Series(t.Context(), "t", mustParse(t, text), opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, hint := range []string{"sample=0.1", "span_sample=0.25", "trace_sample=0.1", "sample=true"} {
			sampled, err := e.Series(t.Context(), "t", mustParse(t, text+" with("+hint+")"), opts)
			if err != nil {
				t.Fatal(err)
			}
			for labels, want := range totals(exact) {
				if got := totals(sampled)[labels]; relativeError(got, want) > .2 {
					t.Errorf("%s with(%s): %v, want about %v", text, hint, got, want)
				}
			}
		}
	}
}

func TestSeriesExemplars(t *testing.T) {
	m := &storetest.Model{}
	b := &span.Batch{}
	for i := range 10 {
		b.Append(&span.Span{
			TraceID: span.TraceID{byte(i + 1)}, SpanID: span.SpanID{7}, Name: "op", Kind: 2,
			Start: uint64(i) * 1e9, End: uint64(i)*1e9 + 2e9,
			Attrs:    []span.KeyValue{{Key: "n", Value: span.IntValue(int64(i))}},
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}},
		})
	}
	if err := m.Write(t.Context(), "t", b); err != nil {
		t.Fatal(err)
	}
	e := &Engine{Store: m}
	opts := SeriesOptions{Start: 0, End: 10e9, Step: 1e9, Exemplars: 4}
	result, err := e.Series(t.Context(), "t", mustParse(t, "{ } | max_over_time(duration) by (resource.service.name)"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Series) != 1 || len(result.Series[0].Exemplars) != 4 {
		t.Fatalf("%d series, want 1 with 4 exemplars", len(result.Series))
	}
	for _, x := range result.Series[0].Exemplars {
		n := int64(x.TraceID[0]) - 1
		want := fmt.Sprint([]Label{
			{"trace:id", StringStatic(x.TraceID.String())}, {"span:id", StringStatic("0700000000000000")}, {"name", StringStatic("op")},
			{"duration", DurationStatic(2e9)}, {"status", StatusStatic(0)}, {"kind", KindStatic(2)},
			{"span.n", IntStatic(n)}, {"resource.service.name", StringStatic("shop")},
		})
		if fmt.Sprint(x.Labels) != want || x.Value != 2 || x.Time != uint64(n)*1e9 {
			t.Errorf("exemplar of %v at %d with the labels %v, want %v", x.Value, x.Time, x.Labels, want)
		}
	}
}

// TestSeriesInfinities holds that a sum that is no number is no value, and has no exemplar either.
func TestSeriesInfinities(t *testing.T) {
	m := &storetest.Model{}
	b := &span.Batch{}
	for i, f := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
		b.Append(&span.Span{
			TraceID: span.TraceID{byte(i + 1)}, SpanID: span.SpanID{7}, Start: 5e9, End: 6e9,
			Attrs: []span.KeyValue{{Key: "f", Value: span.FloatValue(f)}},
		})
	}
	if err := m.Write(t.Context(), "t", b); err != nil {
		t.Fatal(err)
	}
	for function, want := range map[string]string{
		"sum_over_time(span.f)": "map[]",
		"max_over_time(span.f)": `map[[{__name__ "max_over_time"}]:+Inf]`,
		"min_over_time(span.f)": `map[[{__name__ "min_over_time"}]:-Inf]`,
	} {
		opts := SeriesOptions{Start: 0, End: 10e9, Step: 10e9, Exemplars: -1}
		result, err := (&Engine{Store: m}).Series(t.Context(), "t", mustParse(t, "{ } | "+function), opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(totals(result)); got != want {
			t.Errorf("%s: %s, want %s", function, got, want)
		}
	}
}
