package main

import "slices"

// A scenario is a question, sent as GET path?params or, to the APIs that end in "-grpc", as a
// message to a method. In path and params may stand:
//
//	{trace}    the id of a trace that was sent, each time of another one
//	{request}  its guid:x-request-id
//	{other}    the id of another trace
//	{range}    as a param of its own: the time range of searches, as the API has it
//	{metrics}  that of metrics
//
// Searches get a time range and a limit, metrics a step.
type scenario struct {
	api     string // jaeger, tempo, zipkin, clew for Clew's own; jaeger-grpc, tempo-grpc
	name    string
	path    string // or /service/method
	params  []string
	accept  string                   // "": application/json
	message func(about asked) []byte // by gRPC: the request
	byID    bool                     // it fetches a whole trace
}

const (
	jaegerSearch = "/api/traces"
	clewSearch   = "/api/clew/v1/search"
	tempoSearch  = "/api/search"
	tempoMetrics = "/api/metrics/query_range"
)

// scenarios is what is measured.
var scenarios = slices.Concat(searches, endpoints)

// searches look for spans in several ways. Jaeger's API cannot say "≥" and, on most
// servers, needs a service. What ends in "none" finds nothing.
var searches = []scenario{
	{api: "jaeger", name: "service, duration", path: jaegerSearch, params: []string{"service=frontend-proxy", "minDuration=100ms"}},
	{api: "jaeger", name: "attribute =", path: jaegerSearch, params: []string{"service=product-catalog", `tags={"app.product.id":"HQTGWGPNH4"}`}},
	{api: "jaeger", name: "status error", path: jaegerSearch, params: []string{"service=payment", `tags={"error":"true"}`}},
	{api: "jaeger", name: "rare value", path: jaegerSearch, params: []string{"service=frontend-proxy", `tags={"guid:x-request-id":"{request}"}`}},

	{api: "clew", name: "service, duration", path: clewSearch, params: []string{`q=service=frontend-proxy duration >= 100ms`}},
	{api: "clew", name: "attribute =", path: clewSearch, params: []string{`q=app.product.id=HQTGWGPNH4`}},
	{api: "clew", name: "attribute ≥ number", path: clewSearch, params: []string{`q=span.http.response_content_length >= 100000`}},
	{api: "clew", name: "error", path: clewSearch, params: []string{`q=error=true`}},
	{api: "clew", name: "rare value", path: clewSearch, params: []string{`q=guid:x-request-id={request}`}},
	{api: "clew", name: "rare value, regex", path: clewSearch, params: []string{`q={ span."guid:x-request-id" =~ "{request}.*" }`}},

	{api: "tempo", name: "service, duration", path: tempoSearch, params: []string{`q={ resource.service.name = "frontend-proxy" && duration >= 100ms }`}},
	{api: "tempo", name: "rare service, duration", path: tempoSearch, params: []string{`q={ resource.service.name = "checkout" && duration > 1ms }`}},
	{api: "tempo", name: "rare service, duration, none", path: tempoSearch, params: []string{`q={ resource.service.name = "checkout" && duration > 10ms }`}},
	{api: "tempo", name: "attribute =", path: tempoSearch, params: []string{`q={ span.app.product.id = "HQTGWGPNH4" }`}},
	{api: "tempo", name: "attribute =, any scope", path: tempoSearch, params: []string{`q={ .app.product.id = "HQTGWGPNH4" }`}},
	{api: "tempo", name: "attribute =, any scope, none", path: tempoSearch, params: []string{`q={ .app.product.id = "no such product" }`}},
	{api: "tempo", name: "attribute ≥ number", path: tempoSearch, params: []string{`q={ span.http.response_content_length >= 100000 }`}},
	{api: "tempo", name: "status code ≥ 400", path: tempoSearch, params: []string{`q={ span.http.status_code >= 400 }`}},
	{api: "tempo", name: "status code ≥ 500, none", path: tempoSearch, params: []string{`q={ span.http.status_code >= 500 }`}},
	{api: "tempo", name: "status error", path: tempoSearch, params: []string{`q={ status = error }`}},
	{api: "tempo", name: "rare value", path: tempoSearch, params: []string{`q={ span."guid:x-request-id" = "{request}" }`}},
	{api: "tempo", name: "rare value, regex", path: tempoSearch, params: []string{`q={ span."guid:x-request-id" =~ "{request}.*" }`}},
	{api: "tempo", name: "regex, many", path: tempoSearch, params: []string{`q={ span."guid:x-request-id" =~ ".*[a-f][0-9]{5}.*" }`}},
	{api: "tempo", name: "regex, none", path: tempoSearch, params: []string{`q={ span."guid:x-request-id" =~ ".*[g-z].*" }`}},
	{api: "tempo", name: "descendant, few", path: tempoSearch, params: []string{`q={ resource.service.name = "frontend" } >> { resource.service.name = "product-catalog" && duration > 1ms }`}},
	{api: "tempo", name: "descendant, none", path: tempoSearch, params: []string{`q={ resource.service.name = "frontend" } >> { resource.service.name = "product-catalog" && duration > 5ms }`}},
	{api: "tempo", name: "count", path: tempoSearch, params: []string{`q={ resource.service.name = "frontend" } | count() > 1`}},

	{api: "tempo", name: "rate by service", path: tempoMetrics, params: []string{`q={ } | rate() by (resource.service.name)`}},
	{api: "tempo", name: "quantiles by service", path: tempoMetrics, params: []string{`q={ } | quantile_over_time(duration, .5, .9, .99) by (resource.service.name)`}},
	{api: "tempo", name: "compare", path: tempoMetrics, params: []string{`q={ } | compare({ status = error })`}},
}
