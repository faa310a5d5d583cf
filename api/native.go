package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// NewNative serves Clew's own API under /api/clew/v1:
//
//	GET /api/clew/v1/search?service&operation&tag&minDuration&maxDuration&start&end&limit&after
//	GET /api/clew/v1/traces/{traceID}
//
// A search answers with one page of trace summaries, newest first; "next" is
// what "after" takes to get the following page. start (inclusive) and end
// (exclusive) are RFC 3339 or nanoseconds since 1970. tag is a condition such
// as key=text, key!=text, key>=number, key=~regex, key or !key, and may be
// repeated. A trace comes as OTLP: JSON, or protobuf if that is accepted.
// Errors are {"error":{"code":404,"message":"…"}}.
func NewNative(cfg Config, r store.Reader) http.Handler {
	n := &native{newFace(cfg, r, failNative)}
	n.get("/api/clew/v1/search", n.search)
	n.get("/api/clew/v1/traces/{traceID}", n.trace)
	return n.handler()
}

type native struct{ *face }

func failNative(w http.ResponseWriter, code int, err error) {
	type reason struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	body, _ := json.Marshal(map[string]reason{"error": {code, err.Error()}})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(body, '\n'))
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

func (n *native) trace(w http.ResponseWriter, r *http.Request) error {
	tenants, err := tenantsOf(r)
	if err != nil {
		return err
	}
	id, err := parseJaegerID(r.PathValue("traceID"))
	if err != nil {
		return badRequest("%v", err)
	}
	found, err := readTenants(r.Context(), n.store, tenants, id, store.TimeRange{})
	if err != nil {
		return err
	}
	tellGaps(w, found.gaps)
	if wantsProtobuf(r) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		return WriteOTLP(w, found.batches...)
	}
	w.Header().Set("Content-Type", "application/json")
	return WriteOTLPJSON(w, "resourceSpans", found.batches...)
}

// SearchResult is the answer to a native search.
type SearchResult struct {
	Traces []TraceSummary `json:"traces"`
	// Next is the cursor of the following page; "" if there is none.
	Next store.Cursor `json:"next,omitempty"`
	// Gaps names what could not be read; if there are any, traces may be missing.
	Gaps []string `json:"gaps,omitempty"`
}

// TraceSummary is a trace in a list.
type TraceSummary struct {
	TraceID string `json:"traceId"`
	// Start is the earliest start of a span, in unix nanoseconds.
	Start uint64 `json:"startTimeUnixNano,string"`
	// Duration is from Start to the latest end, in nanoseconds.
	Duration uint64 `json:"durationNanos,string"`
	// Root tells whether the root span is there. If not, service and operation
	// are those of the earliest span.
	Root      bool           `json:"root"`
	Service   string         `json:"rootServiceName"`
	Operation string         `json:"rootSpanName"`
	Spans     int            `json:"spanCount"`
	Errors    int            `json:"errorCount"`
	Matched   int            `json:"matchedCount"` // spans that satisfy the search
	Services  []ServiceCount `json:"services"`     // sorted by name
}

// ServiceCount says how much of a trace a service has.
type ServiceCount struct {
	Name   string `json:"name"`
	Spans  int    `json:"spanCount"`
	Errors int    `json:"errorCount"`
}

const nativeDefaultLimit = 20

func (n *native) search(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	q, err := n.parseSearch(p)
	if err != nil {
		return err
	}
	answer := SearchResult{Traces: []TraceSummary{}}
	result, err := n.store.Scan(r.Context(), tenant, q, func(m *store.Match) bool {
		answer.Traces = append(answer.Traces, summarize(m))
		return true
	})
	if err != nil {
		return err
	}
	answer.Next, answer.Gaps = result.Next, result.Gaps
	return writeJSON(w, answer)
}

// The columns that summarize needs, in the order in which a row has them.
const (
	columnService = iota
	columnName
	columnStatus
	columnParent
)

var summaryColumns = []store.Field{
	columnService: store.Attr(store.ResourceScope, "service.name"),
	columnName:    store.Of(store.Name),
	columnStatus:  store.Of(store.Status),
	columnParent:  store.Of(store.ParentID),
}

func (n *native) parseSearch(p params) (*store.Query, error) {
	q := &store.Query{Whole: true, Columns: summaryColumns, After: store.Cursor(p.Get("after"))}
	c, err := p.criteria()
	if err != nil {
		return nil, err
	}
	for _, text := range p.Values["tag"] {
		if text == "" {
			continue
		}
		p, err := parseCondition(text)
		if err != nil {
			return nil, err
		}
		if err := c.addTag(p); err != nil {
			return nil, err
		}
	}
	q.Where = c.predicate()
	if q.Range.Start, _, err = p.instant("start"); err != nil {
		return nil, err
	}
	hasEnd := false
	if q.Range.End, hasEnd, err = p.instant("end"); err != nil {
		return nil, err
	}
	if hasEnd && q.Range.End <= q.Range.Start {
		return nil, badRequest("invalid parameter: start must be before end")
	}
	q.Limit, err = p.limit("limit", nativeDefaultLimit, n.MaxTraces)
	return q, err
}

func summarize(m *store.Match) TraceSummary {
	s := TraceSummary{TraceID: m.TraceID.String(), Start: m.Start, Spans: len(m.Spans)}
	end := m.Start
	shown := -1 // the row that stands for the trace
	services := map[string]*ServiceCount{}
	for i := range m.Spans {
		row := &m.Spans[i]
		end = max(end, row.End)
		if row.Matched {
			s.Matched++
		}
		name := text(row, columnService)
		count := services[name]
		if count == nil {
			count = &ServiceCount{Name: name}
			services[name] = count
		}
		count.Spans++
		if first(row, columnStatus).Int() == statusError {
			s.Errors++
			count.Errors++
		}
		root := len(row.Values[columnParent]) == 0
		if shown < 0 || root && !s.Root {
			shown, s.Root = i, root
		}
	}
	s.Duration = end - m.Start
	if shown >= 0 {
		s.Service, s.Operation = text(&m.Spans[shown], columnService), text(&m.Spans[shown], columnName)
	}
	for _, count := range services {
		s.Services = append(s.Services, *count)
	}
	slices.SortFunc(s.Services, func(a, b ServiceCount) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// first returns the first value of a column, or the zero Value.
func first(row *store.Row, column int) span.Value {
	if values := row.Values[column]; len(values) > 0 {
		return values[0]
	}
	return span.Value{}
}

func text(row *store.Row, column int) string {
	if v := first(row, column); v.Type == span.String {
		return v.Str
	}
	return ""
}
