// Package clewhttp traces the requests that an HTTP server answers and a
// client sends, and lets traces go on from one to the other.
package clewhttp

import (
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Option changes what is traced.
type Option func(*options)

type options struct {
	contrib []otelhttp.Option
}

// Without leaves out requests for these paths, such as those of health checks.
// A path that ends with a slash stands for everything below it.
func Without(paths ...string) Option {
	return func(o *options) {
		o.contrib = append(o.contrib, otelhttp.WithFilter(func(r *http.Request) bool {
			return !slices.ContainsFunc(paths, func(p string) bool {
				return r.URL.Path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(r.URL.Path, p)
			})
		}))
	}
}

// WithContrib passes options on to go.opentelemetry.io/contrib's otelhttp, which this package wraps.
func WithContrib(opts ...otelhttp.Option) Option {
	return func(o *options) { o.contrib = append(o.contrib, opts...) }
}

func contrib(defaults otelhttp.Option, opts []Option) []otelhttp.Option {
	o := options{contrib: []otelhttp.Option{defaults}}
	for _, opt := range opts {
		opt(&o)
	}
	return o.contrib
}

// Handler traces the requests that next answers. A span is named after the
// method and, where an http.ServeMux routes, the pattern: GET /orders/{id}, so
// that there are as many names as routes. If next is that mux, the name is
// known before the request is sampled, as sampling by operation needs it.
func Handler(next http.Handler, opts ...Option) http.Handler {
	router, _ := next.(interface {
		Handler(*http.Request) (http.Handler, string)
	})
	return otelhttp.NewHandler(routed(next), "", contrib(otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		pattern := r.Pattern
		if pattern == "" && router != nil {
			_, pattern = router.Handler(r)
		}
		return name(r.Method, pattern)
	}), opts)...)
}

// routed adds the route to the span when it is known, which is after the mux.
func routed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if route := route(r.Pattern); route != "" {
			trace.SpanFromContext(r.Context()).SetAttributes(semconv.HTTPRoute(route))
		}
	})
}

// route is a pattern of http.ServeMux without its method and host.
func route(pattern string) string {
	return pattern[max(0, strings.IndexByte(pattern, '/')):]
}

// Transport traces the requests that go through next, or http.DefaultTransport
// if that is nil, and adds the headers by which a trace goes on:
//
//	client := &http.Client{Transport: clewhttp.Transport(nil)}
func Transport(next http.RoundTripper, opts ...Option) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return otelhttp.NewTransport(next, contrib(otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		return name(r.Method, "")
	}), opts)...)
}

// name has few values: any other method comes from outside.
func name(method, pattern string) string {
	switch method {
	case "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY":
	case "":
		method = "GET"
	default:
		method = "HTTP"
	}
	if route := route(pattern); route != "" {
		return method + " " + route
	}
	return method
}
