package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

const (
	tempoDefaultTraces = 20
	tempoDefaultSpans  = 3 // of each spanset
	// tempoMaxQuery is the longest text of a query, in bytes.
	tempoMaxQuery = 128 << 10
)

// search answers GET /api/search.
func (t *tempo) search(w http.ResponseWriter, r *http.Request) error {
	tenants, err := tenantsOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	q, opts, err := t.parseSearch(p)
	if err != nil {
		return err
	}
	found, err := t.findTraces(r.Context(), tenants, q, opts)
	if err != nil {
		return err
	}
	tellGaps(w, found.Gaps)
	return writeTempo(w, r, searchAnswer{found, allJobs(found.Stats)})
}

func (t *tempo) findTraces(ctx context.Context, tenants []string, q *traceql.Query, opts traceql.SearchOptions) (*traceql.SearchResult, error) {
	engine, tenant := t.engine(tenants)
	found, err := engine.Search(ctx, tenant, q, opts)
	if err != nil {
		return nil, invalidQuery(err)
	}
	if len(tenants) > 1 {
		found.Traces = joinTraces(found.Traces)
	}
	return found, nil
}

func (t *tempo) parseSearch(p params) (q *traceql.Query, opts traceql.SearchOptions, err error) {
	if q, err = p.searchQuery(); err != nil {
		return nil, opts, err
	}
	within, err := p.traceDuration()
	if err != nil {
		return nil, opts, err
	}
	if within != nil { // by() and aggregates of the query are left as they are
		q.Search.Stages = append(q.Search.Stages, &traceql.Filter{Body: within})
	}
	if opts.Limit, err = p.positive("limit", tempoDefaultTraces, t.Tempo.Traces); err != nil {
		return nil, opts, err
	}
	if opts.SpansPerSet, err = p.positive("spss", tempoDefaultSpans, t.Tempo.SpansPerSet); err != nil {
		return nil, opts, err
	}
	if opts.Range, err = p.tempoRange(); err != nil {
		return nil, opts, err
	}
	opts.Range, err = t.limitRange(opts.Range)
	return q, opts, err
}

// searchQuery reads q or tags; if there is neither, all spans are asked for.
func (p params) searchQuery() (*traceql.Query, error) {
	text, tags := p.Get("q"), p.Get("tags")
	if text != "" && tags != "" {
		return nil, badRequest("invalid request: can't specify tags and q in the same query")
	}
	if tags != "" {
		return parseLogfmtTags(tags)
	}
	q, err := parseTempoQuery(text)
	if err != nil {
		return nil, err
	}
	if q.Search == nil {
		return nil, badRequest("invalid TraceQL query: it gives time series, which /api/metrics/query_range and /api/metrics/query answer")
	}
	return q, nil
}

func parseTempoQuery(text string) (*traceql.Query, error) {
	if len(text) > tempoMaxQuery {
		return nil, badRequest("invalid TraceQL query: it has %d bytes, the limit is %d", len(text), tempoMaxQuery)
	}
	q, err := traceql.ParseAny(text)
	return q, invalidQuery(err)
}

// invalidQuery says that an error is about the query, if it is.
func invalidQuery(err error) error {
	if bad := (*traceql.Error)(nil); errors.As(err, &bad) {
		return fmt.Errorf("invalid TraceQL query: %w", err)
	}
	return err
}

// traceDuration reads minDuration and maxDuration of the whole trace; nil if there are none.
func (p params) traceDuration() (traceql.Expr, error) {
	least, hasMin, err := p.timeSpan("minDuration")
	if err != nil {
		return nil, err
	}
	most, hasMax, err := p.timeSpan("maxDuration")
	if err != nil {
		return nil, err
	}
	if hasMin && hasMax && most < least {
		return nil, badRequest("invalid maxDuration: must be greater than minDuration")
	}
	var list []traceql.Expr
	if hasMin {
		list = append(list, compare(intrinsic(traceql.TraceDuration), traceql.GreaterEqual, traceql.DurationStatic(int64(least))))
	}
	if hasMax {
		list = append(list, compare(intrinsic(traceql.TraceDuration), traceql.LessEqual, traceql.DurationStatic(int64(most))))
	}
	return joined(traceql.And, list), nil
}

// limitRange holds a range to what is allowed: one that is not bounded becomes the last part of time that is.
func (t *tempo) limitRange(r store.TimeRange) (store.TimeRange, error) {
	most := uint64(t.Tempo.Range)
	if most == 0 {
		return r, nil
	}
	end := r.End
	if end == 0 {
		end = uint64(t.Now().UnixNano())
	}
	if r.Start == 0 {
		r.Start = end - min(end, most)
	}
	if end > r.Start && end-r.Start > most {
		return r, tooLong(r.Start, end, t.Tempo.Range)
	}
	return r, nil
}

// searchAnswer is a tempopb.SearchResponse.
type searchAnswer struct {
	*traceql.SearchResult
	jobs jobs
}

func (a searchAnswer) cost() cost { return cost{a.Looked, a.Stats, a.jobs} }

func (a searchAnswer) writeJSON(j tempoJSON) {
	j.object()
	j.name("traces")
	j.array()
	for _, t := range a.Traces {
		if j.err != nil {
			return
		}
		j.trace(t)
	}
	j.endArray()
	j.metrics(a.cost())
	j.endObject()
}

// missingRoot is what Tempo says for the root of a trace that has none yet.
const missingRoot = "<root span not yet received>"

// rootOf returns the service and the name of the root span.
func rootOf(t *traceql.Trace) (service, name string) {
	if t.HasRoot {
		return t.RootService, t.RootName
	}
	return missingRoot, missingRoot
}

// shortID returns a trace id as Tempo writes it in answers to queries: without leading zeros.
func shortID(id span.TraceID) string { return strings.TrimLeft(id.String(), "0") }

// milliseconds returns how long a trace took, in 32 bits.
func milliseconds(t *traceql.Trace) uint64 {
	return min((max(t.End, t.Start)-t.Start)/uint64(time.Millisecond), math.MaxUint32)
}

func (j tempoJSON) trace(t *traceql.Trace) {
	service, name := rootOf(t)
	j.object()
	j.string("traceID", shortID(t.ID))
	j.string("rootServiceName", service)
	j.string("rootTraceName", name)
	j.big("startTimeUnixNano", t.Start)
	j.small("durationMs", milliseconds(t))
	if len(t.SpanSets) > 0 { // for clients that know no spanSets
		j.name("spanSet")
		j.spanSet(&t.SpanSets[0])
	}
	j.name("spanSets")
	j.array()
	for i := range t.SpanSets {
		j.spanSet(&t.SpanSets[i])
	}
	j.endArray()
	j.name("serviceStats")
	j.object()
	for _, s := range t.Services {
		j.key(s.Name)
		j.object()
		j.small("spanCount", uint64(s.Spans))
		j.small("errorCount", uint64(s.Errors))
		j.endObject()
	}
	j.endObject()
	j.endObject()
}

func (j tempoJSON) spanSet(s *traceql.SpanSet) {
	j.object()
	j.name("spans")
	j.array()
	for i := range s.Spans {
		j.span(&s.Spans[i])
	}
	j.endArray()
	j.small("matched", uint64(s.Matched))
	j.keyValues("attributes", s.Attributes)
	j.endObject()
}

func (j tempoJSON) span(s *traceql.Span) {
	j.object()
	j.string("spanID", s.ID.String())
	j.string("name", s.Name)
	j.big("startTimeUnixNano", s.Start)
	j.big("durationNanos", uint64(max(s.Duration, 0)))
	j.keyValues("attributes", spanAttributes(s))
	j.endObject()
}

// spanAttributes returns the attributes of a span by the keys that Tempo gives
// them: without the scope, and without what the answer has elsewhere. What is of
// the parent says so.
func spanAttributes(s *traceql.Span) []traceql.NamedValue {
	list := make([]traceql.NamedValue, 0, len(s.Attributes))
	for _, v := range s.Attributes {
		a, err := traceql.ParseAttribute(v.Name)
		switch {
		case err != nil, a.Parent:
		case a.Scope != store.IntrinsicScope:
			v.Name = a.Name
		case slices.Contains(shownElsewhere, a.Intrinsic):
			continue
		default:
			v.Name = a.Intrinsic.String()
		}
		list = append(list, v)
	}
	return list
}

// shownElsewhere are the intrinsics that are fields of the answer.
var shownElsewhere = []traceql.Intrinsic{
	traceql.SpanName, traceql.SpanDuration, traceql.SpanID,
	traceql.TraceDuration, traceql.TraceRootName, traceql.TraceRootService, traceql.TraceID,
}
