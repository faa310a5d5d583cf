package api

import (
	"context"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/clewhq/clew/traceql"
)

// tempoLookback is the range of a metrics query that does not say when.
const tempoLookback = time.Hour

// queryRange answers GET /api/metrics/query_range.
func (t *tempo) queryRange(w http.ResponseWriter, r *http.Request) error {
	found, err := t.series(r, false)
	if err != nil {
		return err
	}
	return writeTempo(w, r, rangeAnswer{found, allJobs(found.Stats)})
}

// queryInstant answers GET /api/metrics/query.
func (t *tempo) queryInstant(w http.ResponseWriter, r *http.Request) error {
	found, err := t.series(r, true)
	if err != nil {
		return err
	}
	return writeTempo(w, r, instantAnswer{found, allJobs(found.Stats)})
}

func (t *tempo) series(r *http.Request, instant bool) (*traceql.SeriesResult, error) {
	tenants, err := tenantsOf(r)
	if err != nil {
		return nil, err
	}
	p, err := paramsOf(r)
	if err != nil {
		return nil, err
	}
	q, opts, err := t.parseSeries(p, instant)
	if err != nil {
		return nil, err
	}
	return t.findSeries(r.Context(), tenants, q, opts)
}

func (t *tempo) findSeries(ctx context.Context, tenants []string, q *traceql.Query, opts traceql.SeriesOptions) (*traceql.SeriesResult, error) {
	engine, tenant := t.engine(tenants)
	found, err := engine.Series(ctx, tenant, q, opts)
	return found, invalidQuery(err)
}

func (t *tempo) parseSeries(p params, instant bool) (q *traceql.Query, opts traceql.SeriesOptions, err error) {
	if q, err = p.metricsQuery(); err != nil {
		return nil, opts, err
	}
	opts = traceql.SeriesOptions{Instant: instant, MaxSeries: t.Tempo.Series}
	if err := t.metricsRange(p, &opts); err != nil {
		return nil, opts, err
	}
	if instant {
		return q, opts, nil
	}
	if err := t.metricsStep(p, &opts); err != nil {
		return nil, opts, err
	}
	opts.Exemplars, err = p.number("exemplars", -1, 0, math.MaxInt32)
	return q, opts, err
}

// metricsQuery reads q, or query.
func (p params) metricsQuery() (*traceql.Query, error) {
	text := p.Get("q")
	if text == "" {
		text = p.Get("query")
	}
	q, err := parseTempoQuery(text)
	if err != nil {
		return nil, err
	}
	if q.Metrics == nil {
		return nil, badRequest("invalid TraceQL query: it gives traces, not time series; end it with a function such as | rate(), or ask /api/search")
	}
	return q, nil
}

// metricsRange reads start, end and since. The range ends now where nothing is said.
func (t *tempo) metricsRange(p params, opts *traceql.SeriesOptions) error {
	now := uint64(t.Now().UnixNano())
	since, hasSince, err := p.timeSpan("since")
	switch {
	case err != nil:
		return err
	case !hasSince:
		since = tempoLookback
	case since <= 0:
		return badRequest("invalid since: must be positive")
	}
	hasStart, hasEnd := false, false
	if opts.End, hasEnd, err = p.tempoTime("end"); err != nil {
		return err
	}
	if !hasEnd {
		opts.End = now
	}
	opts.End = min(opts.End, math.MaxInt64) // which leaves room to count in steps
	if opts.Start, hasStart, err = p.tempoTime("start"); err != nil {
		return err
	}
	if !hasStart { // an end in the future would leave a range without spans
		last := min(opts.End, now)
		opts.Start = last - min(last, uint64(since))
	}
	if opts.End <= opts.Start {
		return startNotBeforeEnd(opts.Start, opts.End)
	}
	if most := t.Tempo.MetricsRange; most > 0 && opts.End-opts.Start > uint64(most) {
		return tooLong(opts.Start, opts.End, most)
	}
	return nil
}

// metricsStep reads step.
func (t *tempo) metricsStep(p params, opts *traceql.SeriesOptions) error {
	step, given, err := p.timeSpan("step")
	switch {
	case err != nil:
		return err
	case given && step < time.Millisecond: // points are told apart by milliseconds
		return badRequest("invalid step: must be 1ms or more")
	case given:
		opts.Step = uint64(step)
	default:
		opts.Step = traceql.DefaultStep(opts.End - opts.Start)
	}
	if most := t.Tempo.Intervals; most > 0 && (opts.End-opts.Start)/opts.Step >= uint64(most) {
		return badRequest("invalid step: %v is too small for the range: it makes more than %d points", time.Duration(opts.Step), most)
	}
	return nil
}

// rangeAnswer is a tempopb.QueryRangeResponse.
type rangeAnswer struct {
	*traceql.SeriesResult
	jobs jobs
}

func (a rangeAnswer) cost() cost { return cost{stats: a.Stats, jobs: a.jobs} }

func (a rangeAnswer) writeJSON(j tempoJSON) {
	j.object()
	j.name("series")
	j.array()
	for _, s := range a.Series {
		if j.err != nil {
			return
		}
		j.timeSeries(a.Times, s)
	}
	j.endArray()
	j.metrics(a.cost())
	j.status(a.Gaps)
	j.endObject()
}

// timeSeries writes the points that have a value. Zeros are written: a point
// without a value would puzzle who does not know protobuf's rules.
func (j tempoJSON) timeSeries(times []int64, s *traceql.TimeSeries) {
	j.object()
	j.keyValues("labels", s.Labels)
	j.name("samples")
	j.array()
	for i, value := range s.Values {
		if math.IsNaN(value) {
			continue
		}
		j.object()
		j.name("timestampMs")
		j.quotedInt(times[i])
		j.name("value")
		j.float(value)
		j.endObject()
	}
	j.endArray()
	if len(s.Exemplars) > 0 {
		j.name("exemplars")
		j.array()
		for i := range s.Exemplars {
			j.exemplar(&s.Exemplars[i])
		}
		j.endArray()
	}
	j.endObject()
}

func (j tempoJSON) exemplar(e *traceql.Exemplar) {
	j.object()
	j.keyValues("labels", exemplarLabels(e))
	j.name("value")
	j.float(e.Value)
	j.big("timestampMs", e.Time/uint64(time.Millisecond))
	j.endObject()
}

// exemplarLabels puts the label that links to the trace before the others.
func exemplarLabels(e *traceql.Exemplar) []traceql.Label {
	const key = "trace:id"
	labels := []traceql.Label{{Name: key, Value: traceql.StringStatic(shortID(e.TraceID))}}
	for _, l := range e.Labels {
		if l.Name != key {
			labels = append(labels, l)
		}
	}
	return labels
}

// instantAnswer is a tempopb.QueryInstantResponse.
type instantAnswer struct {
	*traceql.SeriesResult
	jobs jobs
}

func (a instantAnswer) cost() cost { return cost{stats: a.Stats, jobs: a.jobs} }

func (a instantAnswer) writeJSON(j tempoJSON) {
	j.object()
	j.name("series")
	j.array()
	for _, s := range a.Series {
		value, ok := instantValue(s)
		if !ok {
			continue
		}
		j.object()
		j.keyValues("labels", s.Labels)
		j.name("value")
		j.float(value)
		j.endObject()
	}
	j.endArray()
	j.metrics(a.cost())
	if len(a.Gaps) > 0 { // Grafana's reader refuses fields that it does not know, and has known status not for long
		j.status(a.Gaps)
	}
	j.endObject()
}

// instantValue returns the one value of a series.
func instantValue(s *traceql.TimeSeries) (value float64, ok bool) {
	if len(s.Values) == 0 || math.IsNaN(s.Values[0]) {
		return 0, false
	}
	return s.Values[0], true
}

// status writes whether the answer is partial, and why.
func (j tempoJSON) status(gaps []string) {
	j.name("status")
	if len(gaps) > 0 {
		j.text("PARTIAL")
	} else {
		j.text("COMPLETE")
	}
	j.name("message")
	j.text(strings.Join(gaps, "; "))
}
