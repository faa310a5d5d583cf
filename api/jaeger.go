package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// NewJaeger serves the HTTP API of Jaeger's query service under /api:
//
//	GET /api/services
//	GET /api/services/{service}/operations
//	GET /api/operations?service&spanKind
//	GET /api/traces?service&operation&tag&tags&minDuration&maxDuration&start&end&limit&traceID
//	GET /api/traces/{traceID}?start&end
//	GET /api/dependencies?endTs&lookback&service
//	GET /api/metrics/latencies?quantile&service&spanKind&groupByOperation&endTs&lookback&step
//	GET /api/metrics/{calls,errors}?service&spanKind&groupByOperation&endTs&lookback&step&ratePer
//	GET /api/metrics/minstep
//	GET /api/deep-dependencies?service&operation&start&end, and under /analytics/v1/dependencies
//	POST /api/transform
//	POST /api/archive/{traceID}?start&end
//
// and below /api/v3 what routeV3 has.
//
// Unlike there, a search needs no service, and the traces come newest first.
// Times may be in RFC 3339.
func NewJaeger(cfg Config, r store.Reader) http.Handler {
	j := &jaeger{newFace(cfg, r, failJaeger)}
	j.get("/api/services", j.services)
	j.get("/api/services/{service}/operations", j.operationNames)
	j.get("/api/operations", j.operations)
	j.get("/api/traces", j.search)
	j.get("/api/traces/{traceID}", j.trace)
	j.get("/api/dependencies", j.dependencies)
	j.get("/api/metrics/latencies", j.latencies)
	j.get("/api/metrics/calls", j.calls)
	j.get("/api/metrics/errors", j.errors)
	j.get("/api/metrics/minstep", j.minStep)
	j.get("/api/deep-dependencies", j.deepDependencies)
	j.get("/analytics/v1/dependencies", j.deepDependencies) // where Jaeger's UI looks for them
	j.get("/api/quality-metrics", j.qualityMetrics)
	j.post("/api/transform", j.transform)
	j.post("/api/archive/{traceID}", j.archive)
	j.routeV3()
	return traceResponse(j.handler())
}

// traceResponse tells the client, in W3C's header, by which trace of our own its request can be looked up.
func traceResponse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := trace.SpanContextFromContext(r.Context())
		if own.IsValid() && !own.IsRemote() { // else it is the client's, and there is none of ours
			w.Header().Set("Traceresponse", fmt.Sprintf("00-%s-%s-%s", own.TraceID(), own.SpanID(), own.TraceFlags()))
		}
		next.ServeHTTP(w, r)
	})
}

type jaeger struct{ *face }

// envelope is what every answer is wrapped in.
type envelope struct {
	Data   any           `json:"data"`
	Total  int           `json:"total"`
	Limit  int           `json:"limit"`
	Offset int           `json:"offset"`
	Errors []jaegerError `json:"errors"`
}

type jaegerError struct {
	Code    int    `json:"code,omitempty"`
	Msg     string `json:"msg"`
	TraceID string `json:"traceID,omitempty"`
}

// failJaeger answers as Jaeger does: the envelope, labelled as plain text.
func failJaeger(w http.ResponseWriter, code int, err error) {
	body, _ := json.Marshal(envelope{Errors: []jaegerError{{Code: code, Msg: err.Error()}}})
	http.Error(w, string(body), code)
}

func (j *jaeger) services(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	names, err := j.store.Services(r.Context(), tenant, store.TimeRange{})
	if err != nil {
		return err
	}
	return writeList(w, r, names.List, names.Gaps)
}

func (j *jaeger) operationNames(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	operations, err := j.store.Operations(r.Context(), tenant, r.PathValue("service"), store.TimeRange{})
	if err != nil {
		return err
	}
	var names []string // sorted, as the operations are
	for _, o := range operations.List {
		names = append(names, o.Name)
	}
	return writeList(w, r, slices.Compact(names), operations.Gaps)
}

func (j *jaeger) operations(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	service := p.Get("service")
	if service == "" {
		return badRequest("parameter 'service' is required")
	}
	wanted, filter := int32(0), p.Get("spanKind") != ""
	if filter {
		var ok bool
		if wanted, ok = parseKind(p.Get("spanKind")); !ok {
			return badParam("spanKind", fmt.Errorf("unsupported span kind: '%s'", p.Get("spanKind")))
		}
	}
	operations, err := j.store.Operations(r.Context(), tenant, service, store.TimeRange{})
	if err != nil {
		return err
	}
	type operation struct {
		Name     string `json:"name"`
		SpanKind string `json:"spanKind"`
	}
	var list []operation
	for _, o := range operations.List {
		if !filter || o.Kind == wanted {
			list = append(list, operation{o.Name, kindName(o.Kind)})
		}
	}
	return writeList(w, r, slices.Compact(list), operations.Gaps)
}

// writeList answers with an envelope around a list. A header says what it may lack.
func writeList[T any](w http.ResponseWriter, r *http.Request, list []T, gaps []string) error {
	if list == nil {
		list = []T{}
	}
	tellGaps(w, gaps)
	return writeEnvelope(w, r, envelope{Data: list, Total: len(list)})
}

func writeEnvelope(w http.ResponseWriter, r *http.Request, e envelope) error {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	if isPretty(r) {
		enc.SetIndent("", prettyIndent)
	}
	return enc.Encode(e)
}

const prettyIndent = "    "

func isPretty(r *http.Request) bool {
	text := r.URL.Query().Get("prettyPrint")
	return text != "" && text != "false"
}

func (j *jaeger) trace(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	id, err := parseJaegerID(r.PathValue("traceID"))
	if err != nil {
		return badRequest("%v", err)
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	hint, _, err := p.jaegerRange()
	if err != nil {
		return err
	}
	raw, err := p.boolean("raw")
	if err != nil {
		return err
	}
	trace, err := j.store.Trace(r.Context(), tenant, id, hint)
	if err != nil {
		return err
	}
	answer := newJaegerAnswer(w, r, raw)
	answer.trace(trace)
	return answer.close()
}

func (j *jaeger) search(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	q, err := j.parseQuery(p)
	if err != nil {
		return err
	}
	answer := newJaegerAnswer(w, r, q.raw)
	refs := q.traces
	if len(refs) == 0 {
		if refs, err = j.find(r, tenant, q, answer); err != nil {
			return err
		}
	}
	err = fetch(r.Context(), j.store, tenant, refs, func(f fetched) error {
		missing := errors.Is(f.err, store.ErrNotFound)
		switch {
		case f.err == nil:
			answer.trace(f.trace)
		case missing && len(q.traces) > 0:
			answer.failed(jaegerError{Msg: f.err.Error(), TraceID: f.ref.id.String()})
		case missing: // it expired since it was found
		case !answer.begun:
			return f.err
		default:
			answer.failed(jaegerError{Code: statusOf(f.err), Msg: f.err.Error(), TraceID: f.ref.id.String()})
			return errStop
		}
		return answer.json.err
	})
	if err != nil && err != errStop {
		return err
	}
	return answer.close()
}

// errStop ends a fetch whose answer already tells why.
var errStop = errors.New("stop")

// find returns the traces that a search matches, newest first.
func (j *jaeger) find(r *http.Request, tenant string, q *jaegerQuery, answer *jaegerAnswer) ([]traceRef, error) {
	result, err := j.query.Search(r.Context(), tenant, q.search, q.opts)
	if err != nil {
		return nil, err
	}
	for _, gap := range result.Gaps {
		answer.failed(jaegerError{Msg: "the answer may lack traces: " + gap})
	}
	return refsOf(result), nil
}

// jaegerAnswer writes an envelope around traces as they come.
type jaegerAnswer struct {
	w      http.ResponseWriter
	json   *jsonWriter
	raw    bool
	begun  bool
	errors []jaegerError
}

func newJaegerAnswer(w http.ResponseWriter, r *http.Request, raw bool) *jaegerAnswer {
	return &jaegerAnswer{w: w, json: jsonFor(w, r), raw: raw}
}

// jsonFor returns a writer that indents if that is asked for.
func jsonFor(w http.ResponseWriter, r *http.Request) *jsonWriter {
	if isPretty(r) {
		return newJSON(w, jsontext.WithIndent(prettyIndent))
	}
	return newJSON(w)
}

func (a *jaegerAnswer) begin() {
	if a.begun {
		return
	}
	a.begun = true
	a.w.Header().Set("Content-Type", "application/json")
	a.json.object()
	a.json.name("data")
	a.json.array()
}

func (a *jaegerAnswer) trace(t *store.Trace) {
	a.begin()
	writeJaegerTrace(a.json, t, a.raw)
}

// failed adds an error to the end of the answer.
func (a *jaegerAnswer) failed(err jaegerError) { a.errors = append(a.errors, err) }

func (a *jaegerAnswer) close() error {
	a.begin()
	j := a.json
	j.endArray()
	for _, name := range []string{"total", "limit", "offset"} {
		j.name(name)
		j.integer(0)
	}
	j.name("errors")
	if len(a.errors) == 0 {
		j.null()
	} else {
		list, err := json.Marshal(a.errors)
		if err != nil {
			return err
		}
		j.value(list)
	}
	j.endObject()
	return j.err
}

// parseJaegerID reads a trace id as hex digits, or else as base64 of 8 or 16
// bytes in either alphabet, padded or not.
func parseJaegerID(text string) (span.TraceID, error) {
	id, err := span.ParseTraceID(text)
	if err == nil {
		return id, nil
	}
	if len(text) > 2*len(id) {
		return id, err
	}
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	raw, notBase64 := base64.RawStdEncoding.DecodeString(standard)
	if notBase64 != nil || len(raw) != 8 && len(raw) != 16 {
		return id, err
	}
	copy(id[len(id)-len(raw):], raw)
	return id, nil
}
