package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// BuildInfo is what /api/status/buildinfo tells.
type BuildInfo struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	Branch    string `json:"branch"`
	BuildDate string `json:"buildDate"`
	BuildUser string `json:"buildUser"`
	GoVersion string `json:"goVersion"`
}

// TempoLimits bounds what one request to Tempo's API may ask for; 0 means no bound.
type TempoLimits struct {
	Traces       int           // "limit" of a search
	SpansPerSet  int           // "spss" of a search
	Range        time.Duration // from start to end of a search
	MetricsRange time.Duration // from start to end of a metrics query
	Intervals    int           // of a metrics query
	Series       int           // of a metrics query; more are left out, which makes the answer partial
}

// NewTempo serves Tempo's API:
//
//	GET /api/echo
//	GET /api/traces/{traceID}?start&end
//	GET /api/v2/traces/{traceID}?start&end&q&keep_hierarchy&match_depth&ancestor_depth&span_pruning&span_pruning_…
//	POST /api/v2/traces/diff
//	GET /api/search?q&tags&minDuration&maxDuration&limit&spss&start&end
//	GET /api/search/tags?scope&limit&start&end
//	GET /api/v2/search/tags?scope&q&limit&start&end
//	GET /api/search/tag/{tag}/values?limit&start&end
//	GET /api/v2/search/tag/{tag}/values?q&limit&start&end
//	GET /api/metrics/query_range?q&start&end&since&step&exemplars
//	GET /api/metrics/query?q&start&end&since
//	GET /api/status/buildinfo
//	GET /ready
//
// and, over HTTP/2 with the paths of gRPC, tempopb.StreamingQuerier: what is found so
// far is sent while a query runs, as far as it is new or changed.
//
// X-Scope-OrgID may name several tenants, as in "a|b"; what they have is put
// together. Traces in JSON have OTLP's own form, with hex ids and numbers for
// enums; Tempo writes base64 and names there, against OTLP's rules. All answers
// but echo, buildinfo and ready come as protobuf to who accepts that; traces and
// values of the second API come in a short form to who accepts that.
//
// q may have plain words, such as service=checkout duration > 1s, for TraceQL.
// Search looks at all that is stored if it is not told when, start and end may
// have fractions or be in RFC 3339, and minDuration and maxDuration are of the
// whole trace, with q too. What may be missing in an answer is told by headers
// named Clew-Gap, or by its status and message.
func NewTempo(cfg Config, r store.Reader) http.Handler {
	t := &tempo{newFace(cfg, r, failText)}
	for _, route := range t.routes() {
		t.handle(route.method, route.path, route.answer)
	}
	mux := http.NewServeMux()
	mux.Handle("/", t.handler())
	mux.Handle("POST /"+tempoService+"/{method}", t.streams())
	return mux
}

type tempo struct{ *face }

type tempoRoute struct {
	method, path string
	answer       handlerFunc
}

func (t *tempo) routes() []tempoRoute {
	return []tempoRoute{
		{"GET", "/api/echo", t.echo},
		{"GET", "/api/traces/{traceID}", t.trace},
		{"GET", "/api/v2/traces/{traceID}", t.traceV2},
		{"POST", "/api/v2/traces/diff", t.diff},
		{"GET", "/api/search", t.search},
		{"GET", "/api/search/tags", t.tags},
		{"GET", "/api/v2/search/tags", t.tagsV2},
		{"GET", "/api/search/tag/{tag...}", t.tagValues}, // {tag}/values, in which a tag may have slashes
		{"GET", "/api/v2/search/tag/{tag...}", t.tagValuesV2},
		{"GET", "/api/metrics/query_range", t.queryRange},
		{"GET", "/api/metrics/query", t.queryInstant},
		{"GET", "/api/status/buildinfo", t.buildinfo},
		{"GET", "/ready", t.ready},
	}
}

// TempoEndpoints lists the methods and paths of Tempo's HTTP API, as in "GET /api/echo".
func TempoEndpoints(prefix string) []string {
	var list []string
	for _, route := range new(tempo).routes() {
		list = append(list, route.method+" "+prefix+strings.Replace(route.path, "{tag...}", "{tag}/values", 1))
	}
	return list
}

func failText(w http.ResponseWriter, code int, err error) { http.Error(w, err.Error(), code) }

func (t *tempo) echo(w http.ResponseWriter, _ *http.Request) error {
	return writeText(w, "echo")
}

func (t *tempo) ready(w http.ResponseWriter, _ *http.Request) error {
	if t.Ready != nil {
		if err := t.Ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return nil
		}
	}
	return writeText(w, "ready\n")
}

func writeText(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := io.WriteString(w, text)
	return err
}

func (t *tempo) buildinfo(w http.ResponseWriter, _ *http.Request) error {
	info := t.Build
	if info.GoVersion == "" {
		info.GoVersion = runtime.Version()
	}
	return writeJSON(w, info)
}

func (t *tempo) trace(w http.ResponseWriter, r *http.Request) error {
	found, err := t.read(r, pruning{})
	if err != nil {
		return err
	}
	tellGaps(w, found.gaps)
	tellWarnings(w, found.warnings)
	if wantsProtobuf(r) {
		w.Header().Set("Content-Type", "application/protobuf")
		return WriteOTLP(w, found.batches...)
	}
	w.Header().Set("Content-Type", "application/json")
	return WriteOTLPJSON(w, "batches", found.batches...)
}

func (t *tempo) traceV2(w http.ResponseWriter, r *http.Request) error {
	wanted, err := parsePruning(r)
	if err != nil {
		return err
	}
	found, err := t.read(r, wanted)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // clients take an empty trace for an unknown one
		return err
	}
	if why := (*sample.Missing)(nil); errors.As(err, &why) {
		found.warnings = append(found.warnings, why.Error())
	}
	switch {
	case wantsProtobuf(r):
		w.Header().Set("Content-Type", "application/protobuf")
		return found.writeProto(w)
	case wantsLLM(r):
		w.Header().Set("Content-Type", typeLLM)
		return found.writeLLM(w)
	}
	w.Header().Set("Content-Type", "application/json")
	return found.writeJSON(w)
}

// foundTrace is a trace as one or several tenants have it.
type foundTrace struct {
	batches  []*span.Batch
	gaps     []string
	warnings []string // of the whole trace
}

func (t *tempo) read(r *http.Request, wanted pruning) (found foundTrace, err error) {
	tenants, err := tenantsOf(r)
	if err != nil {
		return found, err
	}
	id, err := span.ParseTraceID(r.PathValue("traceID"))
	if err != nil {
		return found, badRequest("%v", err)
	}
	p, err := paramsOf(r)
	if err != nil {
		return found, err
	}
	hint, err := p.tempoRange()
	if err != nil {
		return found, err
	}
	if found, err = readTenants(r.Context(), t.store, tenants, id, hint); err != nil {
		return found, err
	}
	found.warnings = warningsOf(found.batches...)
	err = t.prune(r.Context(), tenants, id, wanted, &found)
	if err == nil && wanted.fold != nil {
		found.batches = []*span.Batch{wanted.fold.fold(found.batches)}
	}
	return found, err
}

// readTenants returns the ErrNotFound of one of them if no tenant has the trace, that of who sampled it out if there is one.
func readTenants(ctx context.Context, r store.Reader, tenants []string, id span.TraceID, hint store.TimeRange) (found foundTrace, err error) {
	missing := store.ErrNotFound
	for _, tenant := range tenants {
		trace, err := r.Trace(ctx, tenant, id, hint)
		if errors.Is(err, store.ErrNotFound) {
			if why := (*sample.Missing)(nil); missing == store.ErrNotFound || errors.As(err, &why) && why.SampledOut() {
				missing = err
			}
			continue
		}
		if err != nil {
			return foundTrace{}, err
		}
		found.batches = append(found.batches, trace.Spans)
		found.gaps = append(found.gaps, trace.Gaps...)
	}
	if len(found.batches) == 0 {
		return found, missing
	}
	return found, nil
}

func (f foundTrace) partial() bool { return len(f.gaps) > 0 }

// message says what may be missing, and then what is odd.
func (f foundTrace) message() string {
	var list []string
	if f.partial() {
		list = append(list, "the trace may lack spans: "+strings.Join(f.gaps, "; "))
	}
	return strings.Join(append(list, f.warnings...), "; ")
}

// writeProto writes tempopb.TraceByIDResponse
// { Trace 1; TraceByIDMetrics 2; PartialStatus 3; string message 4 },
// in which Trace has the form of OTLP's TracesData.
func (f foundTrace) writeProto(w io.Writer) error {
	trace := measure(f.batches, appendSpan)
	if _, err := w.Write(appendLength(nil, 1, trace.size)); err != nil {
		return err
	}
	if err := trace.writeTo(w); err != nil {
		return err
	}
	tail := appendLength(nil, 2, 0)
	tail = appendNumber(tail, 3, protowire.EncodeBool(f.partial()))
	tail = appendText(tail, 4, []byte(f.message()))
	_, err := w.Write(tail)
	return err
}

func (f foundTrace) writeJSON(w io.Writer) error {
	j := otlpJSON{newJSON(w)}
	j.object()
	j.name("trace")
	j.tracesData("resourceSpans", f.batches)
	j.name("metrics")
	j.object()
	j.endObject()
	f.writeStatus(j.jsonWriter)
	j.endObject()
	return j.err
}

func (f foundTrace) writeStatus(j *jsonWriter) {
	j.name("status")
	if f.partial() {
		j.text("PARTIAL")
	} else {
		j.text("COMPLETE")
	}
	j.name("message")
	j.text(f.message())
}

// gapHeader is set, once for each reason, on an answer that may lack something and
// has no other place to say so.
const gapHeader = "Clew-Gap"

func tellGaps(w http.ResponseWriter, gaps []string) {
	for _, gap := range gaps {
		line := headerLine(gap)
		if !slices.Contains(w.Header()[gapHeader], line) {
			w.Header().Add(gapHeader, line)
		}
	}
}

// headerLine returns a text as a header can have it.
func headerLine(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, text)
}

// wantsProtobuf reports whether the request accepts protobuf by name.
func wantsProtobuf(r *http.Request) bool {
	return accepts(r, "application/protobuf") || accepts(r, "application/x-protobuf")
}
