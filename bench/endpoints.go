package main

import (
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	jaegerDependencies = "/api/dependencies"
	jaegerMetrics      = "/api/metrics/"
)

// endpoints are all the others of each API.
var endpoints = []scenario{
	{api: "jaeger", name: "services", path: "/api/services"},
	{api: "jaeger", name: "operations", path: "/api/operations", params: []string{"service=frontend"}},
	{api: "jaeger", name: "operations, by path", path: "/api/services/frontend/operations"},
	{api: "jaeger", name: "trace", path: "/api/traces/{trace}", byID: true},
	{api: "jaeger", name: "dependencies", path: jaegerDependencies, params: []string{"{range}"}},
	{api: "jaeger", name: "metrics, latencies", path: jaegerMetrics + "latencies", params: []string{"service=frontend", "quantile=0.95", "step=60000", "{metrics}"}},
	{api: "jaeger", name: "metrics, calls by operation", path: jaegerMetrics + "calls", params: []string{"service=frontend", "groupByOperation=true", "step=60000", "{metrics}"}},
	{api: "jaeger", name: "metrics, errors", path: jaegerMetrics + "errors", params: []string{"service=frontend", "step=60000", "{metrics}"}},
	{api: "jaeger", name: "metrics, minstep", path: jaegerMetrics + "minstep"},
	{api: "jaeger", name: "v3 services", path: "/api/v3/services"},
	{api: "jaeger", name: "v3 operations", path: "/api/v3/operations", params: []string{"service=frontend"}},
	{api: "jaeger", name: "v3 trace", path: "/api/v3/traces/{trace}", byID: true},
	{api: "jaeger", name: "v3 search", path: "/api/v3/traces", params: []string{"query.service_name=frontend-proxy", "query.search_depth=20", "{range}"}},
	{api: "jaeger", name: "v3 summaries", path: "/api/v3/trace-summaries", params: []string{"query.service_name=frontend-proxy", "query.search_depth=20", "{range}"}},
	{api: "jaeger", name: "v3 spans", path: "/api/v3/spans", params: []string{"{range}"}},
	{api: "jaeger", name: "v3 dependencies", path: "/api/v3/dependencies", params: []string{"{range}"}},
	{api: "jaeger", name: "v3 capabilities", path: "/api/v3/capabilities"},

	{api: "jaeger-grpc", name: "v2 services", path: apiV2 + "GetServices", message: nothing},
	{api: "jaeger-grpc", name: "v2 operations", path: apiV2 + "GetOperations", message: ofService},
	{api: "jaeger-grpc", name: "v2 trace", path: apiV2 + "GetTrace", message: traceBytes, byID: true},
	{api: "jaeger-grpc", name: "v2 search", path: apiV2 + "FindTraces", message: byService},
	{api: "jaeger-grpc", name: "v2 dependencies", path: apiV2 + "GetDependencies", message: within},
	{api: "jaeger-grpc", name: "v3 services", path: apiV3 + "GetServices", message: nothing},
	{api: "jaeger-grpc", name: "v3 operations", path: apiV3 + "GetOperations", message: ofService},
	{api: "jaeger-grpc", name: "v3 trace", path: apiV3 + "GetTrace", message: traceText, byID: true},
	{api: "jaeger-grpc", name: "v3 search", path: apiV3 + "FindTraces", message: byService},
	{api: "jaeger-grpc", name: "v3 summaries", path: apiV3 + "FindTraceSummaries", message: byService},
	{api: "jaeger-grpc", name: "v3 spans", path: apiV3 + "FindSpans", message: spansWithin},
	{api: "jaeger-grpc", name: "v3 dependencies", path: apiV3 + "GetDependencies", message: within},
	{api: "jaeger-grpc", name: "storage services", path: storageReader + "GetServices", message: nothing},
	{api: "jaeger-grpc", name: "storage operations", path: storageReader + "GetOperations", message: ofService},
	{api: "jaeger-grpc", name: "storage traces", path: storageReader + "GetTraces", message: traceQuery, byID: true},
	{api: "jaeger-grpc", name: "storage search", path: storageReader + "FindTraces", message: byService},
	{api: "jaeger-grpc", name: "storage trace ids", path: storageReader + "FindTraceIDs", message: byService},
	{api: "jaeger-grpc", name: "storage summaries", path: storageReader + "FindTraceSummaries", message: byService},
	{api: "jaeger-grpc", name: "storage spans", path: storageReader + "FindSpans", message: spansWithin},
	{api: "jaeger-grpc", name: "storage dependencies", path: "/jaeger.storage.v2.DependencyReader/GetDependencies", message: within},

	{api: "clew", name: "spans", path: clewSearch, params: []string{`q=app.product.id=HQTGWGPNH4`, "mode=spans"}},
	{api: "clew", name: "series", path: "/api/clew/v1/series", params: []string{`q={ } | rate() by (resource.service.name)`, "{metrics}"}},
	{api: "clew", name: "dependencies", path: "/api/clew/v1/dependencies", params: []string{"{range}"}},
	{api: "clew", name: "dependencies by way of brokers", path: "/api/clew/v1/dependencies", params: []string{"brokers=true", "{range}"}},
	{api: "clew", name: "services", path: "/api/clew/v1/services", params: []string{"{metrics}"}},
	{api: "clew", name: "operations of a service", path: "/api/clew/v1/services", params: []string{"service=frontend", "by=operation", "{metrics}"}},
	{api: "clew", name: "quality of services", path: "/api/clew/v1/quality", params: []string{"{metrics}"}},
	{api: "clew", name: "tags", path: "/api/clew/v1/tags", params: []string{"{range}"}},
	{api: "clew", name: "tag values", path: "/api/clew/v1/tags/span.app.product.id/values", params: []string{"{range}"}},
	{api: "clew", name: "trace", path: "/api/clew/v1/traces/{trace}", byID: true},
	{api: "clew", name: "trace, protobuf", path: "/api/clew/v1/traces/{trace}", accept: "application/x-protobuf", byID: true},
	{api: "clew", name: "view of a trace", path: "/api/clew/v1/traces/{trace}/view", byID: true},

	{api: "clew", name: "one span of a trace", path: "/api/clew/v1/traces/{trace}/spans/0"},
	{api: "clew", name: "rows of a trace that match", path: "/api/clew/v1/traces/{trace}/find", params: []string{"q=frontend"}},
	{api: "clew", name: "values of an attribute in a trace", path: "/api/clew/v1/traces/{trace}/column", params: []string{"name=span.http.method"}},
	{api: "clew", name: "statistics of a trace", path: "/api/clew/v1/traces/{trace}/statistics", params: []string{"by=service"}},
	{api: "clew", name: "how two traces differ", path: "/api/clew/v1/diff", params: []string{"a={trace}", "b={other}"}},
	{api: "clew", name: "what differs between errors and others", path: "/api/clew/v1/differs", params: []string{`q={ resource.service.name = "frontend" }`, "selection={ status = error }", "{metrics}"}},
	{api: "clew", name: "rank of a duration", path: "/api/clew/v1/percentile", params: []string{"service=frontend", "name=GET", "kind=server", "durationNanos=1000000", "{metrics}"}},

	{api: "tempo", name: "trace", path: "/api/traces/{trace}", byID: true},
	{api: "tempo", name: "trace, protobuf", path: "/api/traces/{trace}", accept: "application/protobuf", byID: true},
	{api: "tempo", name: "v2 trace", path: "/api/v2/traces/{trace}", byID: true},
	{api: "tempo", name: "v2 trace, protobuf", path: "/api/v2/traces/{trace}", accept: "application/protobuf", byID: true},
	{api: "tempo", name: "part of a trace", path: "/api/v2/traces/{trace}", params: []string{`q={ resource.service.name = "frontend" }`}},
	{api: "tempo", name: "tags", path: "/api/search/tags", params: []string{"{range}"}},
	{api: "tempo", name: "tags by scope", path: "/api/v2/search/tags", params: []string{"{range}"}},
	{api: "tempo", name: "tag values", path: "/api/search/tag/app.product.id/values", params: []string{"{range}"}},
	{api: "tempo", name: "typed tag values", path: "/api/v2/search/tag/span.app.product.id/values", params: []string{"{range}"}},
	{api: "tempo", name: "values of tags that a query finds", path: "/api/v2/search/tag/span.app.product.id/values", params: []string{`q={ resource.service.name = "frontend" }`, "{range}"}},
	{api: "tempo", name: "instant metrics", path: "/api/metrics/query", params: []string{`q={ } | rate() by (resource.service.name)`, "{metrics}"}},
	{api: "tempo", name: "build", path: "/api/status/buildinfo"},

	{api: "tempo-grpc", name: "search", path: streaming + "Search", message: func(about asked) []byte {
		return slices.Concat(secondsField(5, about.window.start), secondsField(6, about.window.end), numberField(4, searchLimit),
			textField(8, `{ resource.service.name = "frontend-proxy" && duration >= 100ms }`))
	}},
	{api: "tempo-grpc", name: "tags", path: streaming + "SearchTags", message: tagsWithin},
	{api: "tempo-grpc", name: "tags by scope", path: streaming + "SearchTagsV2", message: tagsWithin},
	{api: "tempo-grpc", name: "tag values", path: streaming + "SearchTagValues", message: valuesOf("app.product.id")},
	{api: "tempo-grpc", name: "typed tag values", path: streaming + "SearchTagValuesV2", message: valuesOf("span.app.product.id")},
	{api: "tempo-grpc", name: "rate by service", path: streaming + "MetricsQueryRange", message: func(about asked) []byte {
		return append(rateBetween(about), numberField(4, uint64(about.step()))...)
	}},
	{api: "tempo-grpc", name: "instant metrics", path: streaming + "MetricsQueryInstant", message: rateBetween},

	{api: "zipkin", name: "services", path: "/api/v2/services"},
	{api: "zipkin", name: "spans", path: "/api/v2/spans", params: []string{"serviceName=frontend"}},
	{api: "zipkin", name: "remote services", path: "/api/v2/remoteServices", params: []string{"serviceName=frontend"}},
	{api: "zipkin", name: "trace", path: "/api/v2/trace/{trace}", byID: true},
	{api: "zipkin", name: "several traces", path: "/api/v2/traceMany", params: []string{"traceIds={trace},0123456789abcdef"}},
	{api: "zipkin", name: "search", path: "/api/v2/traces", params: []string{"serviceName=frontend-proxy", "minDuration=100000", "limit=20", "{range}"}},
	{api: "zipkin", name: "search by tag", path: "/api/v2/traces", params: []string{"annotationQuery=app.product.id=HQTGWGPNH4", "limit=20", "{range}"}},
	{api: "zipkin", name: "dependencies", path: "/api/v2/dependencies", params: []string{"{range}"}},
	{api: "zipkin", name: "autocomplete keys", path: "/api/v2/autocompleteKeys"},
	{api: "zipkin", name: "autocomplete values", path: "/api/v2/autocompleteValues", params: []string{"key=app.product.id"}},
}

// Services of gRPC.
const (
	apiV2         = "/jaeger.api_v2.QueryService/"
	apiV3         = "/jaeger.api_v3.QueryService/"
	storageReader = "/jaeger.storage.v2.TraceReader/"
	streaming     = "/tempopb.StreamingQuerier/"
)

// Requests that several methods of Jaeger's take.

func nothing(asked) []byte           { return nil }
func ofService(asked) []byte         { return textField(1, "frontend") }
func traceBytes(about asked) []byte  { return textField(1, string(about.trace[:])) }
func traceText(about asked) []byte   { return textField(1, about.trace.String()) }
func traceQuery(about asked) []byte  { return messageField(1, traceBytes(about)) }
func within(about asked) []byte      { return rangeFields(1, about.window) }
func spansWithin(about asked) []byte { return messageField(1, within(about)) }

func byService(about asked) []byte {
	return messageField(1, textField(1, "frontend-proxy"), rangeFields(4, about.window), numberField(8, searchLimit))
}

// rangeFields is a start and an end, with numbers in a row.
func rangeFields(first protowire.Number, r timeRange) []byte {
	return append(timeField(first, r.start), timeField(first+1, r.end)...)
}

// Those of Tempo's.

func tagsWithin(about asked) []byte {
	return append(secondsField(3, about.window.start), secondsField(4, about.window.end)...)
}

func valuesOf(tag string) func(asked) []byte {
	return func(about asked) []byte {
		return slices.Concat(textField(1, tag), secondsField(4, about.window.start), secondsField(5, about.window.end))
	}
}

func rateBetween(about asked) []byte {
	return slices.Concat(textField(1, `{ } | rate() by (resource.service.name)`),
		numberField(2, uint64(about.metrics.start.UnixNano())), numberField(3, uint64(about.metrics.end.UnixNano())))
}

func secondsField(num protowire.Number, t time.Time) []byte {
	return numberField(num, uint64(t.Unix()))
}
