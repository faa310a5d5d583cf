package api

import (
	"context"
	"net/http"
	"time"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// SeriesResult is the answer to a metrics query.
type SeriesResult struct {
	Query string `json:"query"` // what was asked, in TraceQL
	// Step is the length of an interval in nanoseconds.
	Step uint64 `json:"stepNanos,string"`
	// Times are the ends of the intervals, in unix milliseconds.
	Times  []int64  `json:"timesUnixMilli"`
	Series []Series `json:"series"`
	// Gaps names what could not be read or was left out; if there are any, the answer is partial.
	Gaps  []string `json:"gaps,omitempty"`
	Stats Stats    `json:"stats"`
	Plan  []Look   `json:"plan,omitempty"` // with explain=true
}

// Series is one time series.
type Series struct {
	Labels    []Attribute `json:"labels"`
	Values    Numbers     `json:"values"` // one for each of the times
	Exemplars []Exemplar  `json:"exemplars,omitempty"`
}

// Exemplar is a span that stands for a value.
type Exemplar struct {
	TraceID string      `json:"traceId"`
	SpanID  string      `json:"spanId"`
	Time    uint64      `json:"timeUnixNano,string"`
	Value   float64     `json:"value"`
	Labels  []Attribute `json:"labels,omitempty"`
}

const (
	nativeDefaultSeries = 10_000
	nativeMaxExemplars  = 1000
	nativeMaxPoints     = 11_000
)

// nativeSeries is what a metrics query asks for.
type nativeSeries struct {
	query   *traceql.Query
	opts    traceql.SeriesOptions
	explain bool
}

func (n *native) series(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	s, err := n.parseSeries(r)
	if err != nil {
		return err
	}
	return n.answer(w, r, func(ctx context.Context, e *events) (any, error) {
		if e != nil {
			s.opts.Progress = func(p store.Progress, want func() *traceql.SeriesResult) {
				e.progress(p, func() any { return s.encode(want()) })
			}
		}
		query, looks := n.query, (*recorder)(nil)
		if s.explain {
			query, looks = n.recorded()
		}
		found, err := query.Series(ctx, tenant, s.query, s.opts)
		if err != nil {
			return nil, err
		}
		answer := s.encode(found)
		answer.Plan = looks.plan()
		return answer, nil
	})
}

func (n *native) parseSeries(r *http.Request) (*nativeSeries, error) {
	p, err := nativeParams(r, "q", "start", "end", "step", "instant", "exemplars", "limit", "explain")
	if err != nil {
		return nil, err
	}
	s := &nativeSeries{}
	if s.query, err = traceql.ParseAny(p.Get("q")); err != nil {
		return nil, err
	}
	if s.query.Metrics == nil {
		return nil, badRequest("the query gives traces, not time series; ask /api/clew/v1/search, or end it with a function such as | rate()")
	}
	if err := n.parseSeriesTimes(p, &s.opts); err != nil {
		return nil, err
	}
	if s.opts.Exemplars, err = p.number("exemplars", -1, 0, nativeMaxExemplars); err != nil {
		return nil, err
	}
	if s.opts.MaxSeries, err = p.limit("limit", nativeDefaultSeries, n.MaxTraces); err != nil {
		return nil, err
	}
	s.explain, err = p.boolean("explain")
	return s, err
}

// parseSeriesTimes reads when and in which steps.
func (n *native) parseSeriesTimes(p params, opts *traceql.SeriesOptions) error {
	r, err := n.recentRange(p)
	if err != nil {
		return err
	}
	opts.Start, opts.End = r.Start, r.End
	if opts.Instant, err = p.boolean("instant"); err != nil {
		return err
	}
	if p.Get("step") == "" || opts.Instant {
		return nil
	}
	step, err := traceql.ParseDuration(p.Get("step"))
	switch {
	case err != nil:
		return badParam("step", err)
	case step < time.Millisecond:
		return badRequest("invalid parameter: step must be 1ms or more")
	}
	opts.Step = uint64(step)
	if points := (r.End - r.Start) / opts.Step; points > nativeMaxPoints {
		return badRequest("invalid parameter: step %v cuts the range into %d intervals, the limit is %d", step, points, nativeMaxPoints)
	}
	return nil
}

func (s *nativeSeries) encode(found *traceql.SeriesResult) *SeriesResult {
	answer := &SeriesResult{
		Query: s.query.String(), Step: found.Step, Times: found.Times, Gaps: found.Gaps, Stats: Stats(found.Stats),
		Series: make([]Series, len(found.Series)),
	}
	for i, from := range found.Series {
		to := &answer.Series[i]
		to.Labels, to.Values = attributeList(from.Labels), from.Values
		for _, e := range from.Exemplars {
			to.Exemplars = append(to.Exemplars, Exemplar{
				TraceID: e.TraceID.String(), SpanID: e.SpanID.String(), Time: e.Time, Value: e.Value, Labels: attributeList(e.Labels),
			})
		}
	}
	return answer
}
