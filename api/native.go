package api

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// NewNative serves Clew's own API under /api/clew/v1:
//
//	GET /api/clew/v1/dependencies?start&end&brokers
//	GET /api/clew/v1/diff?a&b&aView&bView&limit
//	GET /api/clew/v1/differs?q&selection&start&end&selectionStart&selectionEnd&minDuration&maxDuration&values&limit
//	GET /api/clew/v1/doctor?start&end
//	GET /api/clew/v1/openapi.json
//	GET /api/clew/v1/percentile?service&name&kind&durationNanos&start&end
//	GET /api/clew/v1/quality?service&start&end
//	GET /api/clew/v1/sampling
//	GET /api/clew/v1/search?q&mode&start&end&limit&after&spss&sort&explain
//	GET /api/clew/v1/series?q&start&end&step&instant&exemplars&limit&explain
//	GET /api/clew/v1/services?start&end&by&service&compare&points
//	GET /api/clew/v1/status
//	GET /api/clew/v1/tags?q&scope&start&end&limit
//	GET /api/clew/v1/tags/{tag}/values?q&start&end&limit
//	GET /api/clew/v1/traces/{traceID}?view
//	GET /api/clew/v1/traces/{traceID}/column?name&view
//	GET /api/clew/v1/traces/{traceID}/find?q&view
//	GET /api/clew/v1/traces/{traceID}/logs?span&severity&q&limit&after&view
//	GET /api/clew/v1/traces/{traceID}/spans/{row or id}?view&linkedFrom
//	GET /api/clew/v1/traces/{traceID}/statistics?by&view
//	GET /api/clew/v1/traces/{traceID}/view?view
//	POST /api/clew/v1/logs (see Config.LogLines)
//	POST /api/clew/v1/sampling/keep?q
//	POST /api/clew/v1/sampling/simulate?start&end
//	POST /api/clew/v1/uploads
//
// q is TraceQL, or plain words such as service=checkout duration > 1s. start
// (inclusive) and end (exclusive) are RFC 3339 or nanoseconds since 1970. A
// search answers with one page of traces (or, with mode=spans, of spans), newest
// first; "next" is what "after" takes to get the following page. 64-bit integers
// are strings. With Accept: text/event-stream, searches, series and differs come as events
// (see events). A trace comes as OTLP: JSON, or protobuf if that is accepted.
// Errors are an ErrorBody as {"error":{"code":404,"message":"…"}}.
func NewNative(cfg Config, r store.Reader) http.Handler {
	n := &native{face: newFace(cfg, r, failNative), views: newViews(cfg.ViewBytes)}
	n.get("/api/clew/v1/dependencies", n.dependencies)
	n.get("/api/clew/v1/diff", n.diff)
	n.get("/api/clew/v1/differs", n.differs)
	n.get("/api/clew/v1/doctor", n.examine)
	n.get("/api/clew/v1/openapi.json", describe)
	n.get("/api/clew/v1/percentile", n.percentile)
	n.get("/api/clew/v1/quality", n.quality)
	n.get("/api/clew/v1/sampling", n.sampling)
	n.get("/api/clew/v1/search", n.search)
	n.get("/api/clew/v1/series", n.series)
	n.get("/api/clew/v1/services", n.services)
	n.get("/api/clew/v1/status", n.status)
	n.get("/api/clew/v1/tags", n.tags)
	n.get("/api/clew/v1/tags/{tag}/values", n.tagValues)
	n.get("/api/clew/v1/traces/{traceID}", n.trace)
	n.get("/api/clew/v1/traces/{traceID}/column", n.column)
	n.get("/api/clew/v1/traces/{traceID}/find", n.find)
	n.get("/api/clew/v1/traces/{traceID}/logs", n.logs)
	n.get("/api/clew/v1/traces/{traceID}/spans/{span}", n.span)
	n.get("/api/clew/v1/traces/{traceID}/statistics", n.statistics)
	n.get("/api/clew/v1/traces/{traceID}/view", n.view)
	if n.LogLines != nil {
		n.mux.Handle("POST "+n.Prefix+"/api/clew/v1/logs", n.LogLines)
	}
	n.post("/api/clew/v1/sampling/keep", n.keep)
	n.post("/api/clew/v1/sampling/simulate", n.simulate)
	n.post("/api/clew/v1/uploads", n.upload)
	return n.handler()
}

type native struct {
	*face
	views      *views
	simulating sync.Mutex // one at a time, as each may take a slice's memory
}

// nativeOpenAPI describes this API in OpenAPI 3.1.
//
//go:embed openapi.json
var nativeOpenAPI []byte

func describe(w http.ResponseWriter, r *http.Request) error {
	if _, err := nativeParams(r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(nativeOpenAPI)
	return err
}

// ErrorBody says what went wrong. Line, Column (from 1) and Caret are there if
// the text of the query is to blame.
type ErrorBody struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	// Caret is the line of the query, and below it a caret under the place.
	Caret string `json:"caret,omitempty"`
	// SampledOut is what was decided about a trace that is not there any more.
	SampledOut *DecisionBody `json:"sampledOut,omitempty"`
}

// DecisionBody is what tail sampling decided about a trace.
type DecisionBody struct {
	Policy string    `json:"policy"` // "" if none matched
	At     time.Time `json:"at"`
	Kept   bool      `json:"kept"`
	// KeepRate is the share of such traces that is kept.
	KeepRate float64 `json:"keepRate"`
	// DryRun says that the trace stays, whatever was decided.
	DryRun bool   `json:"dryRun,omitempty"`
	Reason string `json:"reason"`
}

func decisionBody(d sample.Decision) *DecisionBody {
	return &DecisionBody{Policy: d.Policy, At: d.At.UTC(), Kept: d.Kept, KeepRate: d.KeepRate(), DryRun: d.DryRun, Reason: d.Reason()}
}

func errorBody(code int, err error) ErrorBody {
	body := ErrorBody{Code: code, Message: err.Error()}
	if e := (*traceql.Error)(nil); errors.As(err, &e) {
		body.Line, body.Column, body.Caret = e.Line, e.Column, e.Caret()
	}
	if e := (*sample.Missing)(nil); errors.As(err, &e) && e.SampledOut() {
		body.SampledOut = decisionBody(*e.Decision)
	}
	return body
}

func failNative(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = encodeJSON(w, map[string]ErrorBody{"error": errorBody(code, err)}) // or the client is gone
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return encodeJSON(w, v)
}

// encodeJSON writes a document on one line, with the < > & of queries as they are.
func encodeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// samplingHeader has what tail sampling decided about a trace, on an answer that has no other place to say so.
const samplingHeader = "Clew-Sampling"

func (n *native) trace(w http.ResponseWriter, r *http.Request) error {
	q, err := parseView(r)
	if err != nil {
		return err
	}
	var found foundTrace
	if q.token == "" {
		found, err = readTenants(r.Context(), n.store, q.tenants, q.id, store.TimeRange{})
	} else {
		found, err = n.spansOf(r, q)
	}
	if err != nil {
		return err
	}
	tellGaps(w, found.gaps)
	tellWarnings(w, warningsOf(found.batches...))
	if d := n.decision(q); d != nil {
		w.Header().Set(samplingHeader, headerLine(d.Outcome()))
	}
	if wantsProtobuf(r) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		return WriteOTLP(w, found.batches...)
	}
	w.Header().Set("Content-Type", "application/json")
	return WriteOTLPJSON(w, "resourceSpans", found.batches...)
}

// nativeParams is paramsOf that takes none but the parameters named: what a
// request misspells would otherwise be asked for in vain.
func nativeParams(r *http.Request, known ...string) (params, error) {
	p, err := paramsOf(r)
	if err != nil {
		return p, err
	}
	for name := range p.Values {
		if !slices.Contains(known, name) {
			return p, badRequest("unknown parameter '%s'; there are %s", name, cmp.Or(strings.Join(known, ", "), "none"))
		}
	}
	return p, nil
}

// nativeRange reads start and end.
func (p params) nativeRange() (store.TimeRange, error) {
	start, _, err := p.instant("start")
	if err != nil {
		return store.TimeRange{}, err
	}
	end, hasEnd, err := p.instant("end")
	if err != nil {
		return store.TimeRange{}, err
	}
	if hasEnd && end <= start {
		return store.TimeRange{}, badRequest("invalid parameter: start must be before end")
	}
	return store.TimeRange{Start: start, End: end}, nil
}

// nativeLookback is how long the range of a request is that needs one and does not say.
const nativeLookback = time.Hour

// recentRange reads a range that has both bounds: up to now, and an hour, where nothing is said.
func (n *native) recentRange(p params) (store.TimeRange, error) {
	r, err := p.nativeRange()
	if err != nil {
		return r, err
	}
	if r.End == 0 {
		r.End = uint64(n.Now().UnixNano())
	}
	if p.Get("start") == "" {
		r.Start = r.End - min(r.End, uint64(nativeLookback))
	}
	if r.End <= r.Start {
		return r, badRequest("invalid parameter: start lies in the future")
	}
	return r, nil
}

// askedOf reads whom a request is of, the parameters that it may have, and its recentRange.
func (n *native) askedOf(r *http.Request, known ...string) (tenant string, p params, within store.TimeRange, err error) {
	if tenant, err = tenantOf(r); err != nil {
		return
	}
	if p, err = nativeParams(r, known...); err != nil {
		return
	}
	within, err = n.recentRange(p)
	return
}

// oneOf reads one of some words; absent is the first of them.
func (p params) oneOf(name string, words ...string) (string, error) {
	text := p.Get(name)
	switch {
	case text == "":
		return words[0], nil
	case !slices.Contains(words, text):
		return "", badRequest("unable to parse param '%s': %q is none of %s", name, text, strings.Join(words, ", "))
	}
	return text, nil
}
