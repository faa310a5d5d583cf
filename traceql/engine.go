package traceql

import (
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Engine answers queries from a store. Its methods may be called concurrently.
type Engine struct {
	Store store.Reader
	// MemoryBytes is about what the answer to one query may take; 0 means 512 MiB. A query that needs
	// more ends with an error that wraps store.ErrTooLarge.
	MemoryBytes int64
	// Shared bounds what all queries that run at once take together; nil means that nothing does. A query
	// for which there is not enough left ends with a *store.RetryError.
	Shared *Memory
}

// SearchOptions says what is wanted of a search.
type SearchOptions struct {
	// Range limits the spans of the answer to those that start in it. The query is judged on whole traces.
	Range store.TimeRange
	// Limit is the most traces (with Spans: spans) to return; 0 means 20, below 0 no limit.
	Limit int
	// SpansPerSet is the most spans to return of each spanset; 0 means 3, below 0 no limit.
	SpansPerSet int
	// Spans asks for the matching spans themselves instead of traces.
	Spans bool
	// Order sorts the spans of the answer, with Spans; nil is newest first, then by the ids, all descending. It
	// has each key once at most, and is only complete with all but ByDuration.
	Order []SpanOrder
	// After resumes behind the last trace (or span) of the SearchResult that had it as Next.
	After store.Cursor
	// Slowest orders by duration of the trace, longest first, instead of newest first. It has no cursor.
	Slowest bool
	// Progress is told how far the search has come, with the answer so far if want is called.
	Progress func(p store.Progress, want func() *SearchResult)
}

// SpanOrder is a key of an order of spans.
type SpanOrder struct {
	By         SpanKey
	Descending bool
}

// SpanKey is what spans are ordered by.
type SpanKey uint8

const (
	ByStart SpanKey = iota
	ByDuration
	ByTraceID
	BySpanID
)

// SearchResult is the answer to a search: traces or spans, newest first (by start, then by trace id,
// then by span id, all descending) unless SearchOptions.Order says otherwise.
type SearchResult struct {
	Traces []*Trace
	Spans  []FoundSpan  // with SearchOptions.Spans
	Next   store.Cursor // "" if there are no more
	Gaps   []string     // what could not be read; then the answer is partial
	Stats  store.ScanStats
	Looked uint64 // traces that the query was judged on
}

// Trace is a trace of a search's answer.
type Trace struct {
	ID         span.TraceID
	Start, End uint64 // unix nanoseconds, of all its spans
	// RootService and RootName are of the root span. If it is not there, HasRoot is false and they are
	// of the earliest orphan, which counts as a root.
	RootService, RootName string
	HasRoot               bool
	Spans                 int // all that the trace has
	Orphans               int // spans whose parent is not there
	Services              []ServiceStats
	SpanSets              []SpanSet
}

// ServiceStats says what a service has of a trace. Services are sorted by name.
type ServiceStats struct {
	Name          string
	Spans, Errors int
}

// SpanSet is a spanset of a trace: the first spans by start, and how many there are.
type SpanSet struct {
	Spans      []Span
	Matched    int
	Attributes []NamedValue // of by() and of aggregates: "by(name)", "count()"
}

// Span is a span of a SpanSet.
type Span struct {
	ID            span.SpanID
	Start         uint64 // unix nanoseconds
	Duration      int64  // nanoseconds
	Name, Service string
	// Attributes has the attributes and intrinsics that the query's filters and select() mention, as
	// far as the span has them, in the order of the query, each once.
	Attributes []NamedValue
}

// FoundSpan is a span of a search for spans.
type FoundSpan struct {
	TraceID span.TraceID
	Span
}

// NamedValue is a value with the name that the query gives it, as it is printed.
type NamedValue struct {
	Name  string
	Value Static
}

// SeriesOptions says what is wanted of a metrics query.
type SeriesOptions struct {
	// Start and End are unix nanoseconds.
	Start, End uint64
	// Step is nanoseconds; 0 means DefaultStep of the range. With Instant there is one interval.
	Step    uint64
	Instant bool
	// FromStart means that the intervals are counted from Start, which is else aligned to Step.
	FromStart bool
	// Exemplars is the most exemplars to return; below 0 means 100. The hint overrides it.
	Exemplars int
	// MaxSeries is the most series to return; 0 means all. What is left out makes the answer partial.
	MaxSeries int
	// Progress is told how far the query has come, with the answer so far if want is called.
	Progress func(p store.Progress, want func() *SeriesResult)
}

// SeriesResult is the answer to a metrics query.
type SeriesResult struct {
	Series []*TimeSeries // sorted by their labels
	// Times are the ends of the intervals, unix milliseconds, ascending.
	Times []int64
	Step  uint64   // nanoseconds
	Gaps  []string // what could not be read or was left out; then the answer is partial
	Stats store.ScanStats
}

// TimeSeries is one series.
type TimeSeries struct {
	Labels []Label // in the order of by(), then those that the function adds
	// Values has a value for each of SeriesResult.Times; NaN where there is none.
	Values    []float64
	Exemplars []Exemplar
}

// Label is a label of a series. A Nil value stands for spans that lack the attribute.
type Label = NamedValue

// Exemplar is a span that stands for a value of a series.
type Exemplar struct {
	TraceID span.TraceID
	SpanID  span.SpanID
	Time    uint64 // start of the span, unix nanoseconds
	Value   float64
	Labels  []Label
}
