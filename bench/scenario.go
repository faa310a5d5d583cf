package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A scenario is a question, sent as GET path?params. In params may stand:
//
//	{request}  the guid:x-request-id of a trace that was sent, each time of another one
//
// A time range and a limit are added to each; what lists names ignores them.
type scenario struct {
	api    string // jaeger, tempo, or clew for Clew's own
	name   string
	path   string
	params []string
}

// scenarios has what is measured. Jaeger's API cannot say "≥" and, on most
// servers, needs a service.
var scenarios = []scenario{
	{"jaeger", "service, duration", "/api/traces",
		[]string{"service=frontend-proxy", "minDuration=100ms"}},
	{"jaeger", "attribute =", "/api/traces",
		[]string{"service=product-catalog", `tags={"app.product.id":"HQTGWGPNH4"}`}},
	{"jaeger", "status error", "/api/traces",
		[]string{"service=payment", `tags={"error":"true"}`}},
	{"jaeger", "rare value", "/api/traces",
		[]string{"service=frontend-proxy", `tags={"guid:x-request-id":"{request}"}`}},
	{"jaeger", "services", "/api/services", nil},
	{"jaeger", "operations of a service", "/api/operations", []string{"service=frontend"}},

	{"clew", "service, duration", "/api/clew/v1/search",
		[]string{"service=frontend-proxy", "minDuration=100ms"}},
	{"clew", "attribute =", "/api/clew/v1/search",
		[]string{"tag=app.product.id=HQTGWGPNH4"}},
	{"clew", "attribute ≥ number", "/api/clew/v1/search",
		[]string{"tag=span.http.response_content_length>=100000"}},
	{"clew", "status error", "/api/clew/v1/search",
		[]string{"tag=error=true"}},
	{"clew", "rare value", "/api/clew/v1/search",
		[]string{"tag=guid:x-request-id={request}"}},
	{"clew", "rare value, regex", "/api/clew/v1/search",
		[]string{"tag=span.guid:x-request-id=~{request}.*"}},

	{"tempo", "service, duration", "/api/search",
		[]string{`q={ resource.service.name = "frontend-proxy" && duration >= 100ms }`}},
	{"tempo", "attribute =", "/api/search",
		[]string{`q={ span.app.product.id = "HQTGWGPNH4" }`}},
	{"tempo", "attribute ≥ number", "/api/search",
		[]string{`q={ span.http.response_content_length >= 100000 }`}},
	{"tempo", "status error", "/api/search",
		[]string{`q={ status = error }`}},
	{"tempo", "rare value, regex", "/api/search",
		[]string{`q={ span."guid:x-request-id" =~ "{request}.*" }`}},
}

// searchLimit is how many traces a search asks for.
const searchLimit = 20

// timeRange is when the traces that are searched for ended.
type timeRange struct{ start, end time.Time }

// searcher runs scenarios against a server's APIs.
type searcher struct {
	client *http.Client
	bases  map[string]string // API -> URL, where it is served
	window timeRange
}

// url returns the address of a scenario; request replaces {request}.
func (s *searcher) url(sc scenario, request string) string {
	stamp := time.Time.Unix
	switch sc.api {
	case "jaeger":
		stamp = time.Time.UnixMicro
	case "clew":
		stamp = time.Time.UnixNano
	}
	fill := strings.NewReplacer("{request}", request)
	params := []string{fmt.Sprintf("limit=%d", searchLimit),
		fmt.Sprintf("start=%d", stamp(s.window.start)), fmt.Sprintf("end=%d", stamp(s.window.end))}
	for _, p := range sc.params {
		key, value, _ := strings.Cut(p, "=")
		params = append(params, key+"="+url.QueryEscape(fill.Replace(value)))
	}
	return strings.TrimSuffix(s.bases[sc.api], "/") + sc.path + "?" + strings.Join(params, "&")
}

// search runs a scenario once and returns how much it found, and how long the
// answer took, without the time to understand it.
func (s *searcher) search(ctx context.Context, sc scenario, request string) (found int, took time.Duration, err error) {
	start := time.Now()
	body, err := get(ctx, s.client, s.url(sc, request), "application/json")
	took = time.Since(start)
	if err != nil {
		return 0, took, err
	}
	var answer struct {
		Data   []json.RawMessage `json:"data"`   // Jaeger
		Traces []json.RawMessage `json:"traces"` // Tempo, Clew
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, took, fmt.Errorf("%s: %w", sc.name, err)
	}
	return len(answer.Data) + len(answer.Traces), took, nil
}

// measure runs a scenario n times after one time that does not count.
func (s *searcher) measure(ctx context.Context, sc scenario, n int, request func() string) latency {
	name := fmt.Sprintf("%s: %s", sc.api, sc.name)
	if _, _, err := s.search(ctx, sc, request()); err != nil {
		return latency{Name: name, Error: reason(err)}
	}
	times := make([]time.Duration, 0, n)
	sum := 0
	for range n {
		found, took, err := s.search(ctx, sc, request())
		if err != nil {
			return latency{Name: name, Error: reason(err)}
		}
		times = append(times, took)
		sum += found
	}
	l := newLatency(name, times)
	l.Found = new(float64(sum) / float64(n))
	return l
}

// reason is the status of an answer, or else the error.
func reason(err error) string {
	if h := (*httpError)(nil); errors.As(err, &h) {
		return h.status
	}
	return err.Error()
}
