package api

import (
	"math"
	"net/http"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// ServiceList is how services did in a range of time.
type ServiceList struct {
	Range
	// Compare is the range that "before" is about, with compare.
	Compare *Range `json:"compare,omitempty"`
	// Step is the length of a point in nanoseconds; the last one may be shorter.
	Step     uint64         `json:"stepNanos,string"`
	Services []ServiceStats `json:"services"` // sorted by name
	// Gaps names what could not be read or was left out; if there are any, numbers may be too low.
	Gaps  []string `json:"gaps,omitempty"`
	Stats Stats    `json:"stats"`
}

// Range is from a time up to another one, which is left out.
type Range struct {
	Start uint64 `json:"startTimeUnixNano,string"`
	End   uint64 `json:"endTimeUnixNano,string"`
}

// ServiceStats is how one service did.
type ServiceStats struct {
	Name  string `json:"name"`  // "" for spans without one
	Spans uint64 `json:"spans"` // that it sent, of all kinds
	// Critical is how much of the critical paths of traces that start in the range lies in its spans.
	Critical CriticalTime `json:"critical"`
	ServiceRequests
	Operations []OperationStats `json:"operations,omitempty"` // with by=operation; most requests first
}

// CriticalTime is what traces waited for a service. Sampled traces count as what they stand for.
type CriticalTime struct {
	Nanos float64 `json:"nanos"`
	Share float64 `json:"share"` // of the critical paths of the traces that it has spans in, 0 to 1
}

// OperationStats is how the requests of a service with one span name did.
type OperationStats struct {
	Name string `json:"name"`
	ServiceRequests
}

// ServiceRequests are the requests that a service took, its spans of kind server or consumer, and what it
// began by itself: spans without a parent, or with one of another service.
type ServiceRequests struct {
	Now    Traffic       `json:"now"`
	Before *Traffic      `json:"before,omitempty"` // with compare
	Points ServicePoints `json:"points"`
	// Slowest are the longest requests, Failing the newest ones that failed.
	Slowest []SpanExample `json:"slowest"`
	Failing []SpanExample `json:"failing"`
}

// Traffic is what is counted of requests. Sampled spans count as what they stand for; then requests is more than seen.
type Traffic struct {
	Requests   float64 `json:"requests"`
	Errors     float64 `json:"errors"`
	Seen       uint64  `json:"seen"`       // spans that were counted
	Rate       float64 `json:"rate"`       // requests a second
	ErrorShare float64 `json:"errorShare"` // 0 to 1
	P50        uint64  `json:"p50Nanos,string"`
	P95        uint64  `json:"p95Nanos,string"`
	P99        uint64  `json:"p99Nanos,string"`
	Max        uint64  `json:"maxNanos,string"`
}

// ServicePoints has a number for each interval; null where there are no requests.
type ServicePoints struct {
	Rate       Numbers `json:"rate"`
	ErrorShare Numbers `json:"errorShare"`
	P95        Numbers `json:"p95Nanos"`
}

// SpanExample is a span that stands for others.
type SpanExample struct {
	TraceID  string `json:"traceId"`
	SpanID   string `json:"spanId"`
	Name     string `json:"name"`
	Start    uint64 `json:"startTimeUnixNano,string"`
	Duration int64  `json:"durationNanos,string"`
	Failed   bool   `json:"failed"`
}

const (
	servicePoints    = 60 // where nobody says
	maxServicePoints = 500
)

// shifts are how far back compare looks by name.
var shifts = map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}

func (n *native) services(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	opts, err := n.parseServices(r)
	if err != nil {
		return err
	}
	found, err := analyze.Services(r.Context(), n.store, tenant, opts)
	if err != nil {
		return err
	}
	return writeJSON(w, serviceList(found, opts))
}

func (n *native) parseServices(r *http.Request) (opts analyze.ServiceOptions, err error) {
	p, err := nativeParams(r, "start", "end", "by", "service", "compare", "points")
	if err != nil {
		return opts, err
	}
	if opts.Within, err = n.recentRange(p); err != nil {
		return opts, err
	}
	by, err := p.oneOf("by", "service", "operation")
	if err != nil {
		return opts, err
	}
	opts.Waits = true
	opts.Operations, opts.Service = by == "operation", p.Get("service")
	if opts.Before, err = compareRange(p, opts.Within); err != nil {
		return opts, err
	}
	opts.Points, err = p.number("points", servicePoints, 0, maxServicePoints)
	return opts, err
}

// compareRange reads the range to compare another one with: as long, and earlier.
func compareRange(p params, within store.TimeRange) (before store.TimeRange, err error) {
	text := p.Get("compare")
	if text == "" {
		return before, nil
	}
	back, named := shifts[text]
	switch {
	case named:
	case text == "previous":
		back = time.Duration(within.End - within.Start)
	default:
		if back, err = traceql.ParseDuration(text); err != nil || back <= 0 {
			return before, badRequest("unable to parse param 'compare': %q is none of hour, day, week and previous, nor how far to look back, as 30m", text)
		}
	}
	if uint64(back) > within.Start {
		return before, badRequest("invalid parameter: compare looks back to before 1970")
	}
	return store.TimeRange{Start: within.Start - uint64(back), End: within.End - uint64(back)}, nil
}

func serviceList(found *analyze.ServiceList, opts analyze.ServiceOptions) *ServiceList {
	list := &ServiceList{
		Range: Range(opts.Within), Step: found.Step,
		Services: make([]ServiceStats, len(found.Services)), Gaps: found.Gaps, Stats: Stats(found.Stats),
	}
	if opts.Before.End != 0 {
		before := Range(opts.Before)
		list.Compare = &before
	}
	e := requestEncoder{opts, found.Step}
	for i := range found.Services {
		from, to := &found.Services[i], &list.Services[i]
		to.Name, to.Spans, to.ServiceRequests = from.Name, from.Spans, e.requests(&from.Requests)
		to.Critical = CriticalTime{Nanos: from.Waits.Own, Share: from.Waits.Own / max(from.Waits.All, 1)}
		for k := range from.Operations {
			o := &from.Operations[k]
			to.Operations = append(to.Operations, OperationStats{o.Name, e.requests(&o.Requests)})
		}
	}
	return list
}

type requestEncoder struct {
	analyze.ServiceOptions
	step uint64
}

func (e *requestEncoder) requests(from *analyze.Requests) ServiceRequests {
	r := ServiceRequests{
		Now: traffic(&from.Now, e.Within), Points: e.points(from.Points),
		Slowest: spanExamples(from.Slowest), Failing: spanExamples(from.Failing),
	}
	if e.Before.End != 0 {
		before := traffic(&from.Before, e.Before)
		r.Before = &before
	}
	return r
}

func traffic(from *analyze.Traffic, within store.TimeRange) Traffic {
	return Traffic{
		Requests: from.Count, Errors: from.Errors, Seen: from.Seen,
		Rate: from.Count / seconds(within), ErrorShare: from.Errors / max(from.Count, 1),
		P50: from.Took.P50, P95: from.Took.P95, P99: from.Took.P99, Max: from.Took.Max,
	}
}

func seconds(r store.TimeRange) float64 { return float64(r.End-r.Start) / 1e9 }

func (e *requestEncoder) points(from []analyze.Point) ServicePoints {
	p := ServicePoints{make(Numbers, len(from)), make(Numbers, len(from)), make(Numbers, len(from))}
	for i, point := range from {
		at := store.TimeRange{Start: e.Within.Start + uint64(i)*e.step}
		at.End = min(at.Start+e.step, e.Within.End)
		p.Rate[i], p.ErrorShare[i], p.P95[i] = 0, math.NaN(), math.NaN()
		if point.Count > 0 {
			p.Rate[i], p.ErrorShare[i], p.P95[i] = point.Count/seconds(at), point.Errors/point.Count, float64(point.P95)
		}
	}
	return p
}

func spanExamples(from []analyze.SpanExample) []SpanExample {
	list := make([]SpanExample, len(from))
	for i, e := range from {
		list[i] = SpanExample{e.TraceID.String(), e.SpanID.String(), e.Name, e.Start, e.Duration, e.Failed}
	}
	return list
}
