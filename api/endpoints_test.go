package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/clewhq/clew/store"
)

// endpoint is a request that one of the APIs answers.
type endpoint struct {
	face   string // see faces
	url    string
	static bool // it reads nothing from the store
}

// endpoints returns a right request to each endpoint; those of our own API come from its description.
func endpoints(t *testing.T) []endpoint {
	t.Helper()
	const (
		rate  = "q=%7B%7D%7Crate()&start=1752242000&end=1752249600"
		times = "startTime=2025-07-11T00:00:00Z&endTime=2025-07-11T18:00:00Z"
	)
	list := []endpoint{
		{"jaeger", "/api/services", false},
		{"jaeger", "/api/services/frontend/operations", false},
		{"jaeger", "/api/operations?service=frontend", false},
		{"jaeger", "/api/traces?service=frontend", false},
		{"jaeger", "/api/traces/" + traceWhole, false},
		{"jaeger", "/api/dependencies", false},
		{"jaeger", "/api/metrics/calls?service=frontend", false},
		{"jaeger", "/api/metrics/errors?service=frontend", false},
		{"jaeger", "/api/metrics/latencies?service=frontend&quantile=0.5", false},
		{"jaeger", "/api/metrics/minstep", true},
		{"jaeger", "/api/v3/services", false},
		{"jaeger", "/api/v3/operations?service=frontend", false},
		{"jaeger", "/api/v3/traces?" + recordedRange, false},
		{"jaeger", "/api/v3/traces/" + traceWhole, false},
		{"jaeger", "/api/v3/trace-summaries?" + recordedRange, false},
		{"jaeger", "/api/v3/spans?" + recordedRange, false},
		{"jaeger", "/api/v3/dependencies?" + times, false},
		{"jaeger", "/api/v3/capabilities", true},
		{"tempo", "/api/echo", true},
		{"tempo", "/api/traces/" + traceWhole, false},
		{"tempo", "/api/v2/traces/" + traceWhole, false},
		{"tempo", "/api/search?q=%7B%7D", false},
		{"tempo", "/api/search/tags", false},
		{"tempo", "/api/v2/search/tags", false},
		{"tempo", "/api/search/tag/service.name/values", false},
		{"tempo", "/api/v2/search/tag/resource.service.name/values", false},
		{"tempo", "/api/metrics/query_range?" + rate, false},
		{"tempo", "/api/metrics/query?" + rate, false},
		{"tempo", "/api/status/buildinfo", true},
		{"tempo", "/ready", true},
		{"zipkin", "/api/v2/services", false},
		{"zipkin", "/api/v2/spans?serviceName=frontend", false},
		{"zipkin", "/api/v2/remoteServices?serviceName=frontend", false},
		{"zipkin", "/api/v2/traces?serviceName=frontend", false},
		{"zipkin", "/api/v2/trace/" + traceWhole, false},
		{"zipkin", "/api/v2/traceMany?traceIds=" + traceWhole + "," + traceFailed, false},
		{"zipkin", "/api/v2/autocompleteKeys", false},
		{"zipkin", "/api/v2/autocompleteValues?key=rpc.system", false},
		{"zipkin", "/api/v2/dependencies?" + everything, false},
		{"zipkin", "/config.json", true},
		{"zipkin", "/health", true},
		{"zipkin", "/info", true},
	}
	for path, item := range described().doc.Paths.Map() {
		if item.Get != nil {
			static := item.Get.Responses.Status(http.StatusInternalServerError) == nil
			list = append(list, endpoint{"native", describedURL(t, path, item.Get), static})
		}
	}
	return list
}

// describedURL fills in what an operation needs: of a path what the recorded traces have, else the examples of its
// description, which are there for what is required and where something else is.
func describedURL(t *testing.T, path string, op *openapi3.Operation) string {
	t.Helper()
	query := url.Values{}
	for _, p := range op.Parameters {
		switch {
		case p.Value.In != openapi3.ParameterInQuery:
		case p.Value.Example != nil:
			query.Set(p.Value.Name, fmt.Sprint(p.Value.Example))
		case p.Value.Required:
			t.Fatalf("openapi.json: %s of %s is required, and needs an example for the tests to ask with", p.Value.Name, path)
		}
	}
	at := nativeRoot + strings.NewReplacer("{traceId}", traceWhole, "{tag}", "name", "{span}", "0").Replace(path)
	return at + "?" + query.Encode()
}

// open returns the API of an endpoint.
func (e endpoint) open(cfg Config, r store.Reader) http.Handler {
	for _, f := range faces {
		if f.name == e.face {
			return f.open(cfg, r)
		}
	}
	panic("no API " + e.face)
}

// with adds text to the query.
func (e endpoint) with(text string) string {
	if strings.Contains(e.url, "?") {
		return e.url + "&" + text
	}
	return e.url + "?" + text
}

// told returns what an error says in the form of its API.
func (e endpoint) told(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var answer struct {
		Errors []struct {
			Code int
			Msg  string
		}
		Error struct {
			Code, HTTPCode int
			Message        string
		}
	}
	switch {
	case e.face == "tempo" || e.face == "zipkin":
		return strings.TrimSuffix(w.Body.String(), "\n")
	case json.Unmarshal(w.Body.Bytes(), &answer) != nil:
		t.Errorf("%s: no JSON: %s", e.url, w.Body)
	case strings.HasPrefix(e.url, "/api/v3/") && answer.Error.HTTPCode == w.Code, e.face == "native" && answer.Error.Code == w.Code:
		return answer.Error.Message
	case len(answer.Errors) == 1 && answer.Errors[0].Code == w.Code:
		return answer.Errors[0].Msg
	default:
		t.Errorf("%s: not the form of an error: %s", e.url, w.Body)
	}
	return ""
}

func TestEndpoints(t *testing.T) {
	r := filled(t, recorded(t)...)
	for _, e := range endpoints(t) {
		getOK(t, e.open(testConfig(), r), e.url)
	}
}

// TestEveryEndpointChecksTheTenant also checks that what cannot be read of a query is not taken for something else.
func TestEveryEndpointChecksTheTenant(t *testing.T) {
	r := filled(t, recorded(t)...)
	for _, e := range endpoints(t) {
		if e.static {
			continue
		}
		h := e.open(testConfig(), r)
		w := get(t, h, e.url, "X-Scope-OrgID", "a/b")
		if got := e.told(t, w); w.Code != 400 || !strings.HasPrefix(got, "X-Scope-OrgID: ") {
			t.Errorf("%s as tenant a/b: status %d: %s", e.url, w.Code, got)
		}
		w = get(t, h, e.url, "X-Scope-OrgID", "a", "X-Scope-OrgID", "b")
		if got := e.told(t, w); w.Code != 400 || got != "2 X-Scope-OrgID headers, at most one is allowed" {
			t.Errorf("%s as two tenants: status %d: %s", e.url, w.Code, got)
		}
		w = get(t, h, e.with("end=%zz"))
		if takesNothing := w.Code == 200 && !strings.Contains(e.url, "?"); takesNothing {
			continue
		}
		if got := e.told(t, w); w.Code != 400 || got != `malformed query: invalid URL escape "%zz"` {
			t.Errorf("%s: status %d: %s", e.with("end=%zz"), w.Code, got)
		}
	}
}

// TestErrorsOfTheStore checks that every endpoint tells what the store says, with the right status.
func TestErrorsOfTheStore(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		says string
	}{
		{store.ErrTooLarge, 422, "more memory than its budget"},
		{&store.RetryError{After: 1500 * time.Millisecond, Overload: true, Reason: errors.New("busy")}, 429, "busy"},
		{&store.RetryError{Reason: errors.New("backend is down")}, 503, "backend is down"},
		{context.DeadlineExceeded, 504, "narrow the query"},
		{context.Canceled, 499, "canceled"},
		{errors.New("disk on fire"), 500, "disk on fire"},
	} {
		r := &faulty{Reader: filled(t), fails: test.err}
		for _, e := range endpoints(t) {
			w := get(t, e.open(testConfig(), r), e.url)
			if e.static {
				if w.Code != 200 {
					t.Errorf("%s, %v: status %d: %s", e.url, test.err, w.Code, w.Body)
				}
				continue
			}
			if got := e.told(t, w); w.Code != test.code || !strings.Contains(got, test.says) {
				t.Errorf("%s, %v: status %d: %s", e.url, test.err, w.Code, got)
			}
			if retry := w.Header().Get("Retry-After"); (test.code == 429) != (retry == "2") {
				t.Errorf("%s, %v: Retry-After %q", e.url, test.err, retry)
			}
		}
	}
}

// TestUnknownTraces checks what each API says of a trace that is not there.
func TestUnknownTraces(t *testing.T) {
	for _, f := range faces {
		w := get(t, f.open(testConfig(), filled(t)), f.trace+"1")
		if w.Code != 404 || !strings.Contains(w.Body.String(), "not found") {
			t.Errorf("%s: status %d: %s", f.name, w.Code, w.Body)
		}
	}
}
