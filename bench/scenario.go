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
// A time range is added to each, and a limit, or for metrics a step; what lists
// names ignores them.
type scenario struct {
	api    string // jaeger, tempo, or clew for Clew's own
	name   string
	path   string
	params []string
}

const (
	jaegerSearch = "/api/traces"
	clewSearch   = "/api/clew/v1/search"
	tempoSearch  = "/api/search"
	tempoMetrics = "/api/metrics/query_range"
)

// scenarios has what is measured. Jaeger's API cannot say "≥" and, on most
// servers, needs a service. What ends in "none" finds nothing.
var scenarios = []scenario{
	{"jaeger", "service, duration", jaegerSearch, []string{"service=frontend-proxy", "minDuration=100ms"}},
	{"jaeger", "attribute =", jaegerSearch, []string{"service=product-catalog", `tags={"app.product.id":"HQTGWGPNH4"}`}},
	{"jaeger", "status error", jaegerSearch, []string{"service=payment", `tags={"error":"true"}`}},
	{"jaeger", "rare value", jaegerSearch, []string{"service=frontend-proxy", `tags={"guid:x-request-id":"{request}"}`}},
	{"jaeger", "services", "/api/services", nil},
	{"jaeger", "operations of a service", "/api/operations", []string{"service=frontend"}},

	{"clew", "service, duration", clewSearch, []string{`q=service=frontend-proxy duration >= 100ms`}},
	{"clew", "attribute =", clewSearch, []string{`q=app.product.id=HQTGWGPNH4`}},
	{"clew", "attribute ≥ number", clewSearch, []string{`q=span.http.response_content_length >= 100000`}},
	{"clew", "error", clewSearch, []string{`q=error=true`}},
	{"clew", "rare value", clewSearch, []string{`q=guid:x-request-id={request}`}},
	{"clew", "rare value, regex", clewSearch, []string{`q={ span."guid:x-request-id" =~ "{request}.*" }`}},

	{"tempo", "service, duration", tempoSearch, []string{`q={ resource.service.name = "frontend-proxy" && duration >= 100ms }`}},
	{"tempo", "rare service, duration", tempoSearch, []string{`q={ resource.service.name = "checkout" && duration > 1ms }`}},
	{"tempo", "rare service, duration, none", tempoSearch, []string{`q={ resource.service.name = "checkout" && duration > 10ms }`}},
	{"tempo", "attribute =", tempoSearch, []string{`q={ span.app.product.id = "HQTGWGPNH4" }`}},
	{"tempo", "attribute =, any scope", tempoSearch, []string{`q={ .app.product.id = "HQTGWGPNH4" }`}},
	{"tempo", "attribute =, any scope, none", tempoSearch, []string{`q={ .app.product.id = "no such product" }`}},
	{"tempo", "attribute ≥ number", tempoSearch, []string{`q={ span.http.response_content_length >= 100000 }`}},
	{"tempo", "status code ≥ 400", tempoSearch, []string{`q={ span.http.status_code >= 400 }`}},
	{"tempo", "status code ≥ 500, none", tempoSearch, []string{`q={ span.http.status_code >= 500 }`}},
	{"tempo", "status error", tempoSearch, []string{`q={ status = error }`}},
	{"tempo", "rare value", tempoSearch, []string{`q={ span."guid:x-request-id" = "{request}" }`}},
	{"tempo", "rare value, regex", tempoSearch, []string{`q={ span."guid:x-request-id" =~ "{request}.*" }`}},
	{"tempo", "regex, many", tempoSearch, []string{`q={ span."guid:x-request-id" =~ ".*[a-f][0-9]{5}.*" }`}},
	{"tempo", "regex, none", tempoSearch, []string{`q={ span."guid:x-request-id" =~ ".*[g-z].*" }`}},
	{"tempo", "descendant, few", tempoSearch,
		[]string{`q={ resource.service.name = "frontend" } >> { resource.service.name = "product-catalog" && duration > 1ms }`}},
	{"tempo", "descendant, none", tempoSearch,
		[]string{`q={ resource.service.name = "frontend" } >> { resource.service.name = "product-catalog" && duration > 5ms }`}},
	{"tempo", "count", tempoSearch, []string{`q={ resource.service.name = "frontend" } | count() > 1`}},

	{"tempo", "rate by service", tempoMetrics, []string{`q={ } | rate() by (resource.service.name)`}},
	{"tempo", "quantiles by service", tempoMetrics, []string{`q={ } | quantile_over_time(duration, .5, .9, .99) by (resource.service.name)`}},
	{"tempo", "compare", tempoMetrics, []string{`q={ } | compare({ status = error })`}},
}

// searchLimit is how many traces a search asks for, metricsSteps how many points of time metrics do.
const (
	searchLimit  = 20
	metricsSteps = 100
)

// A scenario runs no longer than searchTime, if it has run leastTimes by then.
const (
	searchTime = 30 * time.Second
	leastTimes = 3
)

// timeRange is when the traces that are searched for ended.
type timeRange struct{ start, end time.Time }

// searcher runs scenarios against a server's APIs.
type searcher struct {
	client  *http.Client
	bases   map[string]string // API -> URL, where it is served
	window  timeRange         // of searches
	metrics timeRange         // of metrics
	server  *server           // whose CPU is measured; nil: it is not known
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
	window, bound := s.window, fmt.Sprintf("limit=%d", searchLimit)
	if sc.path == tempoMetrics {
		window = s.metrics
		step := max(time.Second, window.end.Sub(window.start)/metricsSteps).Round(time.Second)
		bound = fmt.Sprintf("step=%.0fs", step.Seconds())
	}
	params := []string{bound, fmt.Sprintf("start=%d", stamp(window.start)), fmt.Sprintf("end=%d", stamp(window.end))}
	fill := strings.NewReplacer("{request}", request)
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
		Series []json.RawMessage `json:"series"` // Tempo's metrics
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, took, fmt.Errorf("%s: %w", sc.name, err)
	}
	return len(answer.Data) + len(answer.Traces) + len(answer.Series), took, nil
}

// measure runs a scenario n times, or as often as searchTime allows, after one time that does not count.
func (s *searcher) measure(ctx context.Context, sc scenario, n int, request func() string) latency {
	name := fmt.Sprintf("%s: %s", sc.api, sc.name)
	l, err := s.run(ctx, sc, n, request)
	if err != nil {
		return latency{Name: name, Error: reason(err)}
	}
	l.Name = name
	return l
}

func (s *searcher) run(ctx context.Context, sc scenario, n int, request func() string) (latency, error) {
	if _, _, err := s.search(ctx, sc, request()); err != nil {
		return latency{}, err
	}
	var before, after usage
	var err error
	if s.server != nil {
		if before, err = s.server.usage(ctx); err != nil {
			return latency{}, err
		}
	}
	times := make([]time.Duration, 0, n)
	sum := 0
	for began := time.Now(); len(times) < n && (len(times) < leastTimes || time.Since(began) < searchTime); {
		found, took, err := s.search(ctx, sc, request())
		if err != nil {
			return latency{}, err
		}
		times = append(times, took)
		sum += found
	}
	l := newLatency("", times)
	if n > 0 {
		l.Found = new(float64(sum) / float64(len(times)))
	}
	if s.server != nil && n > 0 {
		if after, err = s.server.usage(ctx); err != nil {
			return latency{}, err
		}
		l.CPU = new((after.cpu - before.cpu) * 1e3 / float64(len(times)))
	}
	return l, nil
}

// reason is the status of an answer, or else the error.
func reason(err error) string {
	if h := (*httpError)(nil); errors.As(err, &h) {
		return h.status
	}
	return err.Error()
}
