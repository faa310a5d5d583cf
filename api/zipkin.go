package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// NewZipkin serves the queries of Zipkin's v2 API, and what its UI and its
// clients ask besides:
//
//	GET /api/v2/services
//	GET /api/v2/spans?serviceName
//	GET /api/v2/remoteServices?serviceName
//	GET /api/v2/traces?serviceName&spanName&remoteServiceName&annotationQuery&minDuration&maxDuration&endTs&lookback&limit
//	GET /api/v2/trace/{traceId}
//	GET /api/v2/traceMany?traceIds
//	GET /api/v2/autocompleteKeys
//	GET /api/v2/autocompleteValues?key
//	GET /api/v2/dependencies?endTs&lookback
//	GET /config.json
//	GET /health
//	GET /info
//
// All but the last two are served below /zipkin too, where that UI looks for
// them. As Zipkin does, it shows names of services and spans in lower case and
// finds them in any. What a search asks for may be on several spans of a trace,
// all of them of the service that is named. An answer that may lack something says so in headers Clew-Gap.
func NewZipkin(cfg Config, r store.Reader) http.Handler {
	z := &zipkin{newFace(cfg, r, failZipkin)}
	for _, base := range []string{"", "/zipkin"} {
		z.get(base+"/api/v2/services", z.services)
		z.get(base+"/api/v2/spans", z.spanNames)
		z.get(base+"/api/v2/remoteServices", z.remoteServices)
		z.get(base+"/api/v2/traces", z.search)
		z.get(base+"/api/v2/trace/{traceId}", z.trace)
		z.get(base+"/api/v2/traceMany", z.traceMany)
		z.get(base+"/api/v2/autocompleteKeys", z.tagKeys)
		z.get(base+"/api/v2/autocompleteValues", z.tagValues)
		z.get(base+"/api/v2/dependencies", z.dependencies)
		z.get(base+"/config.json", z.uiConfig)
	}
	z.get("/health", z.health)
	z.get("/info", z.info)
	return z.handler()
}

type zipkin struct{ *face }

// failZipkin answers with the bare message, as Zipkin does.
func failZipkin(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, err.Error()) // or the client is gone
}

const (
	// zipkinLookback is how far back an answer reaches if nothing else is said.
	zipkinLookback = 24 * time.Hour
	// zipkinValues is the most values of a tag that are offered to choose from.
	zipkinValues = 1000
)

// recently is the time up to now in which keys and names are looked for.
func (z *zipkin) recently() store.TimeRange {
	now := uint64(z.Now().UnixNano())
	return store.TimeRange{Start: now - min(now, uint64(zipkinLookback))}
}

func (z *zipkin) services(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	names, err := z.store.Services(r.Context(), tenant, store.TimeRange{})
	if err != nil {
		return err
	}
	tellGaps(w, names.Gaps)
	return writeJSON(w, lowerNames(names.List))
}

func (z *zipkin) spanNames(w http.ResponseWriter, r *http.Request) error {
	tenant, wanted, err := zipkinServiceOf(r)
	if err != nil {
		return err
	}
	services, err := z.store.Services(r.Context(), tenant, store.TimeRange{})
	if err != nil {
		return err
	}
	tellGaps(w, services.Gaps)
	var names []string
	for _, service := range services.List {
		if strings.ToLower(service) != wanted {
			continue
		}
		operations, err := z.store.Operations(r.Context(), tenant, service, store.TimeRange{})
		if err != nil {
			return err
		}
		tellGaps(w, operations.Gaps)
		for _, o := range operations.List {
			names = append(names, o.Name)
		}
	}
	return writeJSON(w, lowerNames(names))
}

func (z *zipkin) remoteServices(w http.ResponseWriter, r *http.Request) error {
	tenant, service, err := zipkinServiceOf(r)
	if err != nil {
		return err
	}
	names, gaps, err := findPeers(r.Context(), z.store, tenant, service, z.recently())
	if err != nil {
		return err
	}
	tellGaps(w, gaps)
	return writeJSON(w, lowerNames(names))
}

// zipkinServiceOf returns the service that a request is about, in lower case.
func zipkinServiceOf(r *http.Request) (tenant, service string, err error) {
	if tenant, err = tenantOf(r); err != nil {
		return "", "", err
	}
	p, err := paramsOf(r)
	if err != nil {
		return "", "", err
	}
	if !p.Has("serviceName") {
		return "", "", badRequest("parameter 'serviceName' is required")
	}
	service, err = p.zipkinName("serviceName")
	return tenant, service, err
}

// lowerNames returns the distinct names in lower case, sorted, without the empty one.
func lowerNames(names []string) []string {
	list := make([]string, 0, len(names))
	for _, name := range names {
		if name != "" {
			list = append(list, strings.ToLower(name))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (z *zipkin) search(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	query, opts, err := z.parseQuery(p)
	if err != nil {
		return err
	}
	result, err := z.query.Search(r.Context(), tenant, query, opts)
	if err != nil {
		return err
	}
	tellGaps(w, result.Gaps)
	refs := make([]traceRef, len(result.Traces))
	for i, t := range result.Traces {
		refs[i] = traceRef{t.ID, store.TimeRange{Start: t.Start, End: saturate(max(t.Start, t.End), 1)}}
	}
	return z.writeTraces(w, r, tenant, refs)
}

func (z *zipkin) traceMany(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	refs, err := z.parseIDs(p.Get("traceIds"))
	if err != nil {
		return err
	}
	return z.writeTraces(w, r, tenant, refs)
}

func (z *zipkin) parseIDs(list string) ([]traceRef, error) {
	if list == "" {
		return nil, badRequest("traceIds parameter is empty")
	}
	if n := 1 + strings.Count(list, ","); n > z.MaxTraces {
		return nil, badRequest("traceIds names %d traces, the limit is %d", n, z.MaxTraces)
	}
	var refs []traceRef
	known := map[span.TraceID]bool{}
	for text := range strings.SplitSeq(list, ",") {
		id, err := parseZipkinID(text)
		if err != nil {
			return nil, err
		}
		if known[id] {
			return nil, badRequest("redundant trace ID: %s", text)
		}
		known[id] = true
		refs = append(refs, traceRef{id: id})
	}
	if len(refs) == 1 {
		return nil, badRequest("Use /api/v2/trace/{traceId} endpoint to retrieve a single trace")
	}
	return refs, nil
}

// writeTraces answers with those traces that there are.
func (z *zipkin) writeTraces(w http.ResponseWriter, r *http.Request, tenant string, refs []traceRef) error {
	w.Header().Set("Content-Type", "application/json")
	j := newJSON(w)
	j.array()
	err := fetch(r.Context(), z.store, tenant, refs, func(f fetched) error {
		switch {
		case errors.Is(f.err, store.ErrNotFound):
			return nil
		case f.err != nil:
			return f.err
		}
		writeZipkinTrace(j, f.trace.Spans)
		return j.err
	})
	if err != nil {
		return err
	}
	j.endArray()
	return j.err
}

func (z *zipkin) trace(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	id, err := parseZipkinID(r.PathValue("traceId"))
	if err != nil {
		return err
	}
	trace, err := z.store.Trace(r.Context(), tenant, id, store.TimeRange{})
	if errors.Is(err, store.ErrNotFound) {
		return missingTrace{id, err}
	}
	if err != nil {
		return err
	}
	tellGaps(w, trace.Gaps)
	tellWarnings(w, warningsOf(trace.Spans))
	w.Header().Set("Content-Type", "application/json")
	j := newJSON(w)
	writeZipkinTrace(j, trace.Spans)
	return j.err
}

// missingTrace is store.ErrNotFound in Zipkin's words.
type missingTrace struct {
	id  span.TraceID
	err error
}

func (m missingTrace) Error() string {
	return zipkinID(m.id) + " not found" + strings.TrimPrefix(m.err.Error(), store.ErrNotFound.Error())
}
func (m missingTrace) Unwrap() error { return m.err }

// zipkinID returns 16 digits if the id is a 64-bit one, else 32.
func zipkinID(id span.TraceID) string {
	text := id.String()
	if hi, _ := id.Uint64s(); hi == 0 {
		return text[16:]
	}
	return text
}

// parseZipkinID reads an id of 64 or 128 bits; the former is the latter with zeros before it.
func parseZipkinID(text string) (span.TraceID, error) {
	text = strings.TrimSpace(text)
	id, err := span.ParseTraceID(text)
	switch {
	case text == "":
		err = badRequest("traceId is empty")
	case len(text) > 2*len(id):
		err = badRequest("traceId.length > %d", 2*len(id))
	case err != nil:
		err = badRequest("%s should be lower-hex encoded with no prefix", text)
	case id.IsZero():
		err = badRequest("traceId is all zeros")
	}
	return id, err
}

// tagKeys offers the keys of attributes that become tags.
func (z *zipkin) tagKeys(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	keys, err := z.store.AttributeKeys(r.Context(), tenant, z.recently())
	if err != nil {
		return err
	}
	tellGaps(w, keys.Gaps)
	list := []string{}
	for _, k := range keys.List {
		if isTag(k.Scope, k.Key) {
			list = append(list, k.Key)
		}
	}
	slices.Sort(list)
	return writeJSON(w, slices.Compact(list))
}

// zipkinTagScopes are where tags come from, in order of precedence.
var zipkinTagScopes = []store.Scope{store.SpanScope, store.InstrumentationScope, store.ResourceScope}

// isTag reports whether an attribute becomes a tag. The service's name has a place of its own.
func isTag(scope store.Scope, key string) bool {
	return slices.Contains(zipkinTagScopes, scope) && (scope != store.ResourceScope || key != "service.name")
}

// tagValues offers the most frequent values of a tag.
func (z *zipkin) tagValues(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	key := p.Get("key")
	if key == "" {
		return badRequest("parameter 'key' is required")
	}
	list := []string{}
	for _, scope := range zipkinTagScopes {
		values, err := z.store.AttributeValues(r.Context(), tenant, store.Attr(scope, key), z.recently(), zipkinValues)
		if err != nil {
			return err
		}
		tellGaps(w, values.Gaps)
		for _, v := range values.List {
			list = append(list, tagText(v.Value))
		}
	}
	slices.Sort(list)
	return writeJSON(w, slices.Compact(list))
}

// uiConfig answers with the defaults of Zipkin's UI.
func (z *zipkin) uiConfig(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, json.RawMessage(`{"environment":"","queryLimit":10,"defaultLookback":900000,"searchEnabled":true,`+
		`"logsUrl":"","supportUrl":"","archivePostUrl":"","archiveUrl":"",`+
		`"dependency":{"enabled":true,"lowErrorRate":0.5,"highErrorRate":0.75}}`))
}

func (z *zipkin) info(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, map[string]any{"zipkin": map[string]string{"version": z.Build.Version, "commit": z.Build.Revision}})
}

func (z *zipkin) health(w http.ResponseWriter, _ *http.Request) error {
	type health struct {
		Status  string            `json:"status"`
		Details map[string]string `json:"details"`
	}
	code, own := http.StatusOK, health{"UP", map[string]string{}}
	if z.Ready != nil {
		if err := z.Ready(); err != nil {
			code, own = http.StatusServiceUnavailable, health{"DOWN", map[string]string{"error": err.Error()}}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	return encodeJSON(w, map[string]any{"status": own.Status, "zipkin": own})
}
