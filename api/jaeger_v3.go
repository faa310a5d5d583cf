package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// routeV3 adds Jaeger's third API, whose traces come in OTLP's JSON, within {"result":…}:
//
//	GET /api/v3/services
//	GET /api/v3/operations?service&spanKind
//	GET /api/v3/traces?query.serviceName&query.operationName&query.attributes&query.startTimeMin&…
//	GET /api/v3/traces/{traceID}?startTime&endTime&rawTraces
//	GET /api/v3/trace-summaries, with the parameters of traces, in pages if query.pagination.pageSize is there
//	GET /api/v3/spans?query.startTimeMin&query.startTimeMax&query.filter&query.orderBy, in pages: spans that match
//	GET /api/v3/dependencies?startTime&endTime
//	GET /api/v3/capabilities
//
// All searches take POST too, with their request in JSON as the body.
func (j *jaeger) routeV3() {
	f := *j.face // the same routes and store
	f.fail = failJaegerV3
	v := &jaegerV3{&jaeger{&f}}
	v.get("/api/v3/services", v.services)
	v.get("/api/v3/operations", v.operations)
	v.get("/api/v3/traces", v.traces)
	v.post("/api/v3/traces", v.traces)
	v.get("/api/v3/traces/{traceID}", v.trace)
	v.get("/api/v3/trace-summaries", v.summaries)
	v.post("/api/v3/trace-summaries", v.summaries)
	v.get("/api/v3/spans", v.spans)
	v.post("/api/v3/spans", v.spans)
	v.get("/api/v3/dependencies", v.dependencies)
	v.get("/api/v3/capabilities", v.capabilities)
}

type jaegerV3 struct{ *jaeger }

// failJaegerV3 answers as Jaeger's gateway does: a document labelled as plain text.
func failJaegerV3(w http.ResponseWriter, code int, err error) {
	type details struct {
		Code    int    `json:"httpCode"`
		Message string `json:"message"`
	}
	body, _ := json.Marshal(map[string]details{"error": {code, err.Error()}})
	http.Error(w, string(body), code)
}

// noTracesError is the answer to a search that finds nothing.
type noTracesError struct{}

func (noTracesError) Error() string { return "No traces found" }
func (noTracesError) Unwrap() error { return store.ErrNotFound }

func (v *jaegerV3) services(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	names, err := v.store.Services(r.Context(), tenant, store.TimeRange{})
	if err != nil {
		return err
	}
	tellGaps(w, names.Gaps)
	return writeJSON(w, map[string][]string{"services": append([]string{}, names.List...)})
}

// operations are those of a service, or of all services where none is named.
func (v *jaegerV3) operations(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := v3ParamsOf(r)
	if err != nil {
		return err
	}
	kind, filter, err := p.kind()
	if err != nil {
		return err
	}
	found, err := v.store.Operations(r.Context(), tenant, p.text("service"), store.TimeRange{})
	if err != nil {
		return err
	}
	type operation struct {
		Name string `json:"name"`
		Kind string `json:"spanKind"`
	}
	list := []operation{}
	for _, o := range found.List {
		if !filter || o.Kind == kind {
			list = append(list, operation{o.Name, cmp.Or(kindName(o.Kind), "internal")}) // as the gateway has it
		}
	}
	slices.SortFunc(list, func(a, b operation) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	tellGaps(w, found.Gaps)
	return writeJSON(w, map[string][]operation{"operations": slices.Compact(list)})
}

func (v *jaegerV3) dependencies(w http.ResponseWriter, r *http.Request) error {
	p, err := v3ParamsOf(r)
	if err != nil {
		return err
	}
	within, err := p.within("startTime", "endTime")
	if err != nil {
		return err
	}
	found, gaps, err := v.findDependencies(r, within)
	if err != nil {
		return err
	}
	type link struct {
		Parent string `json:"parent"`
		Child  string `json:"child"`
		Calls  uint64 `json:"callCount,string"`
	}
	list := []link{}
	for _, d := range found {
		list = append(list, link{d.Parent, d.Child, d.Calls})
	}
	tellGaps(w, gaps)
	return writeJSON(w, map[string][]link{"dependencies": list})
}

// capabilities says what searches can do, as Capabilities does by gRPC.
func (v *jaegerV3) capabilities(w http.ResponseWriter, _ *http.Request) error {
	type filter struct {
		Levels    []string `json:"levels"`
		Operators []string `json:"operators"`
	}
	type search struct {
		WithoutServiceName  bool   `json:"withoutServiceName"`
		SameSpanConjunction bool   `json:"sameSpanConjunction"`
		Filter              filter `json:"filter"`
		Paginated           bool   `json:"paginated"`
		SpanSearch          bool   `json:"spanSearch"`
		SpanSorting         bool   `json:"spanSorting"`
	}
	return writeJSON(w, map[string]search{"search": {true, true, filter{filterLevels, filterOperators}, true, true, true}})
}

// trace answers with what is stored. If it is not to be raw, what is odd about spans is among their attributes.
func (v *jaegerV3) trace(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	id, err := parseJaegerID(r.PathValue("traceID"))
	if err != nil {
		return malformed("trace_id", err)
	}
	p, err := v3ParamsOf(r)
	if err != nil {
		return err
	}
	hint, err := p.hint()
	if err != nil {
		return err
	}
	raw, err := p.boolean("rawTraces")
	if err != nil {
		return err
	}
	trace, err := v.store.Trace(r.Context(), tenant, id, hint)
	if err != nil {
		return err
	}
	answer := newV3Answer(w, r)
	answer.trace(trace, raw)
	return answer.close()
}

func (v *jaegerV3) traces(w http.ResponseWriter, r *http.Request) error {
	found, err := v.search(w, r)
	if err != nil {
		return err
	}
	answer := newV3Answer(w, r)
	err = fetch(r.Context(), v.store, found.tenant, refsOf(found.SearchResult), func(f fetched) error {
		switch {
		case errors.Is(f.err, store.ErrNotFound): // it expired since it was found
			return nil
		case f.err != nil:
			return f.err
		}
		answer.trace(f.trace, found.raw)
		return answer.json.err
	})
	switch {
	case err != nil:
		return err
	case !answer.begun:
		return noTracesError{}
	}
	return answer.close()
}

// v3Traces is what a search found, newest first.
type v3Traces struct {
	*traceql.SearchResult
	tenant string
	raw    bool // whether the traces are wanted as they came
}

func (v *jaegerV3) search(w http.ResponseWriter, r *http.Request) (*v3Traces, error) {
	tenant, err := tenantOf(r)
	if err != nil {
		return nil, err
	}
	p, err := v3ParamsOf(r)
	if err != nil {
		return nil, err
	}
	q, opts, err := v.parseSearch(p)
	if err != nil {
		return nil, err
	}
	raw, err := p.boolean("query.rawTraces")
	if err != nil {
		return nil, err
	}
	found, err := v.query.Search(r.Context(), tenant, q, opts)
	if err != nil {
		return nil, err
	}
	if p.text("query.pagination.pageSize") == "" {
		found.Next = "" // nobody asks for pages
	}
	tellGaps(w, found.Gaps)
	return &v3Traces{found, tenant, raw}, nil
}

// v3Answer writes traces as they come, as the spans of one TracesData.
type v3Answer struct {
	w     http.ResponseWriter
	json  otlpJSON
	begun bool
}

func newV3Answer(w http.ResponseWriter, r *http.Request) *v3Answer {
	return &v3Answer{w: w, json: otlpJSON{jsonFor(w, r)}}
}

func (a *v3Answer) trace(t *store.Trace, raw bool) {
	a.tellGaps(t.Gaps)
	if !raw {
		annotate(t)
	}
	j := a.json
	if !a.begun {
		a.begin("result")
	}
	for _, g := range group(t.Spans) {
		j.resourceSpans(t.Spans, g)
	}
}

// begin opens the lists of spans, in an object of that name.
func (a *v3Answer) begin(name string) {
	a.begun = true
	a.w.Header().Set("Content-Type", "application/json")
	a.json.object()
	a.json.name(name)
	a.json.object()
	a.json.name("resourceSpans")
	a.json.array()
}

// tellGaps tells them in a trailer if it is too late for a header.
func (a *v3Answer) tellGaps(gaps []string) {
	if res, ok := a.w.(*response); !ok || !res.started {
		tellGaps(a.w, gaps)
		return
	}
	const trailer = http.TrailerPrefix + gapHeader
	for _, gap := range gaps {
		line := headerLine(gap)
		if told := a.w.Header(); !slices.Contains(told[gapHeader], line) && !slices.Contains(told[trailer], line) {
			told[trailer] = append(told[trailer], line)
		}
	}
}

func (a *v3Answer) close() error {
	a.json.endArray()
	a.json.endObject()
	a.json.endObject()
	return a.json.err
}

// summaries answers with what the list of a search shows of each trace.
func (v *jaegerV3) summaries(w http.ResponseWriter, r *http.Request) error {
	found, err := v.search(w, r)
	if err != nil {
		return err
	}
	list := make([]traceSummary, len(found.Traces))
	for i, t := range found.Traces {
		list[i] = summaryOf(t)
	}
	return writeJSON(w, struct {
		Summaries []traceSummary `json:"summaries"`
		Next      store.Cursor   `json:"nextPageToken,omitempty"`
	}{list, found.Next})
}

// traceSummary is jaeger.api_v3.TraceSummary.
type traceSummary struct {
	TraceID     string           `json:"traceId"` // 32 digits
	RootService string           `json:"rootServiceName"`
	RootName    string           `json:"rootOperationName"`
	Start       uint64           `json:"minStartTimeUnixNano,string"`
	End         uint64           `json:"maxEndTimeUnixNano,string"`
	Spans       int              `json:"spanCount"`
	Errors      int              `json:"errorSpanCount"`
	Orphans     int              `json:"orphanSpanCount"`
	Services    []serviceSummary `json:"services"`
}

type serviceSummary struct {
	Name   string `json:"name"`
	Spans  int    `json:"spanCount"`
	Errors int    `json:"errorSpanCount"`
}

// summaryOf names the earliest orphan where the root has not come, as Jaeger's UI does.
func summaryOf(t *traceql.Trace) traceSummary {
	s := traceSummary{
		TraceID: t.ID.String(), RootService: t.RootService, RootName: t.RootName, Start: t.Start, End: t.End,
		Spans: t.Spans, Orphans: t.Orphans, Services: make([]serviceSummary, len(t.Services)),
	}
	for i, of := range t.Services {
		s.Services[i] = serviceSummary{of.Name, of.Spans, of.Errors}
		s.Errors += of.Errors
	}
	return s
}
