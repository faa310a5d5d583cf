package api

import (
	"context"
	"net/http"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// SearchResult is the answer to a native search.
type SearchResult struct {
	Query  string         `json:"query"`           // what was asked, in TraceQL
	Traces []TraceSummary `json:"traces,omitzero"` // with mode=traces
	Spans  []FoundSpan    `json:"spans,omitzero"`  // with mode=spans
	// Next is the cursor of the following page; "" if there is none.
	Next store.Cursor `json:"next,omitempty"`
	// Gaps names what could not be read; if there are any, traces may be missing.
	Gaps  []string `json:"gaps,omitempty"`
	Stats Stats    `json:"stats"`
	Plan  []Look   `json:"plan,omitempty"` // with explain=true
}

// TraceSummary is a trace in a list.
type TraceSummary struct {
	TraceID string `json:"traceId"`
	// Start is the earliest start of a span, in unix nanoseconds.
	Start uint64 `json:"startTimeUnixNano,string"`
	// Duration is from Start to the latest end, in nanoseconds.
	Duration uint64 `json:"durationNanos,string"`
	// Root tells whether the root span is there. If not, service and operation
	// are those of the earliest span whose parent is missing.
	Root      bool           `json:"root"`
	Service   string         `json:"rootServiceName"`
	Operation string         `json:"rootSpanName"`
	Spans     int            `json:"spanCount"`
	Errors    int            `json:"errorCount"`
	Orphans   int            `json:"orphanCount"`  // spans whose parent is missing
	Matched   int            `json:"matchedCount"` // of all span sets
	Services  []ServiceCount `json:"services"`     // sorted by name
	SpanSets  []SpanSet      `json:"spanSets"`
}

// ServiceCount says how much of a trace a service has.
type ServiceCount struct {
	Name   string `json:"name"`
	Spans  int    `json:"spanCount"`
	Errors int    `json:"errorCount"`
}

// SpanSet is a set of spans that a query left of a trace.
type SpanSet struct {
	Matched    int         `json:"matched"`              // spans of the set
	Attributes []Attribute `json:"attributes,omitempty"` // of by() and of aggregates
	Spans      []FoundSpan `json:"spans"`                // the first ones
}

// FoundSpan is a span that a query found, with the values that the query mentions.
type FoundSpan struct {
	TraceID    string      `json:"traceId,omitempty"` // not within a trace
	SpanID     string      `json:"spanId"`
	Start      uint64      `json:"startTimeUnixNano,string"`
	Duration   int64       `json:"durationNanos,string"`
	Name       string      `json:"name"`
	Service    string      `json:"serviceName"`
	Attributes []Attribute `json:"attributes,omitempty"`
}

// Stats says what an answer cost. Of chunks that were skipped no rows were read.
type Stats struct {
	Blocks        uint64 `json:"-"`
	Rows          uint64 `json:"rows"` // spans that were looked at
	ChunksRead    uint64 `json:"chunksRead"`
	ChunksSkipped uint64 `json:"chunksSkipped"`
	BytesRead     uint64 `json:"bytesRead"` // from the disk
}

const (
	nativeDefaultLimit = 20
	nativeMaxSpanSet   = 1000
)

// nativeSearch is what a search asks for.
type nativeSearch struct {
	query   *traceql.Query
	opts    traceql.SearchOptions
	explain bool
}

func (n *native) search(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	s, err := n.parseSearch(r)
	if err != nil {
		return err
	}
	return n.answer(w, r, func(ctx context.Context, e *events) (any, error) {
		if e != nil {
			s.opts.Progress = func(p store.Progress, want func() *traceql.SearchResult) {
				e.progress(p, func() any { return s.encode(want()) })
			}
		}
		query, looks := n.query, (*recorder)(nil)
		if s.explain {
			query, looks = n.recorded()
		}
		found, err := query.Search(ctx, tenant, s.query, s.opts)
		if err != nil {
			return nil, err
		}
		answer := s.encode(found)
		answer.Plan = looks.plan()
		return answer, nil
	})
}

// longestFirst orders spans; those that took equally long come newest first.
var longestFirst = []traceql.SpanOrder{
	{By: traceql.ByDuration, Descending: true}, {By: traceql.ByStart, Descending: true},
	{By: traceql.ByTraceID, Descending: true}, {By: traceql.BySpanID, Descending: true},
}

func (n *native) parseSearch(r *http.Request) (*nativeSearch, error) {
	p, err := nativeParams(r, "q", "mode", "start", "end", "limit", "after", "spss", "sort", "explain")
	if err != nil {
		return nil, err
	}
	s := &nativeSearch{}
	if s.query, err = traceql.ParseAny(p.Get("q")); err != nil {
		return nil, err
	}
	if s.query.Metrics != nil {
		return nil, badRequest("the query gives time series; ask /api/clew/v1/series")
	}
	mode, err := p.oneOf("mode", "traces", "spans")
	if err != nil {
		return nil, err
	}
	sort, err := p.oneOf("sort", "newest", "slowest")
	if err != nil {
		return nil, err
	}
	s.opts = traceql.SearchOptions{Spans: mode == "spans", After: store.Cursor(p.Get("after"))}
	switch {
	case sort == "newest":
	case s.opts.Spans:
		s.opts.Order = longestFirst
	case s.opts.After != "":
		return nil, badRequest("invalid parameter: the slowest traces have one page, without after")
	default:
		s.opts.Slowest = true
	}
	if s.opts.Range, err = p.nativeRange(); err != nil {
		return nil, err
	}
	if s.opts.Limit, err = p.limit("limit", nativeDefaultLimit, n.MaxTraces); err != nil {
		return nil, err
	}
	if s.opts.SpansPerSet, err = p.limit("spss", 3, nativeMaxSpanSet); err != nil {
		return nil, err
	}
	s.explain, err = p.boolean("explain")
	return s, err
}

func (s *nativeSearch) encode(found *traceql.SearchResult) *SearchResult {
	answer := &SearchResult{Query: s.query.String(), Next: found.Next, Gaps: found.Gaps, Stats: Stats(found.Stats)}
	if s.opts.Spans {
		answer.Spans = make([]FoundSpan, len(found.Spans))
		for i := range found.Spans {
			answer.Spans[i] = foundSpan(&found.Spans[i].Span)
			answer.Spans[i].TraceID = found.Spans[i].TraceID.String()
		}
		return answer
	}
	answer.Traces = make([]TraceSummary, len(found.Traces))
	for i, t := range found.Traces {
		answer.Traces[i] = summarize(t)
	}
	return answer
}

func summarize(t *traceql.Trace) TraceSummary {
	s := TraceSummary{
		TraceID: t.ID.String(), Start: t.Start, Duration: max(t.End, t.Start) - t.Start,
		Root: t.HasRoot, Service: t.RootService, Operation: t.RootName, Spans: t.Spans, Orphans: t.Orphans,
	}
	s.Services = make([]ServiceCount, len(t.Services))
	for i, service := range t.Services {
		s.Services[i] = ServiceCount(service)
		s.Errors += service.Errors
	}
	s.SpanSets = make([]SpanSet, len(t.SpanSets))
	for i := range t.SpanSets {
		from, to := &t.SpanSets[i], &s.SpanSets[i]
		s.Matched += from.Matched
		to.Matched, to.Attributes = from.Matched, attributeList(from.Attributes)
		to.Spans = make([]FoundSpan, len(from.Spans))
		for k := range from.Spans {
			to.Spans[k] = foundSpan(&from.Spans[k])
		}
	}
	return s
}

func foundSpan(s *traceql.Span) FoundSpan {
	return FoundSpan{
		SpanID: s.ID.String(), Start: s.Start, Duration: s.Duration, Name: s.Name, Service: s.Service,
		Attributes: attributeList(s.Attributes),
	}
}
