// Package clewhttp traces the requests that an HTTP server answers and a
// client sends, and lets traces go on from one to the other.
//
// Spans are as OpenTelemetry's semantic conventions for HTTP have them. A
// request that is not sampled costs no attributes and no wrappers.
package clewhttp

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/felixge/httpsnoop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/clewhq/clew/instrument/clewhttp"

// Option changes what is traced.
type Option func(*options)

type options struct{ without []string }

// Without leaves out requests for these paths, such as those of health checks.
// A path that ends with a slash stands for everything below it.
func Without(paths ...string) Option {
	return func(o *options) { o.without = append(o.without, paths...) }
}

func newOptions(opts []Option) (o options) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

func (o options) leaveOut(path string) bool {
	for _, p := range o.without {
		if path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// Handler traces the requests that next answers. A span is named after the
// method and, where an http.ServeMux routes, the pattern: GET /orders/{id}, so
// that there are as many names as routes. If next is that mux, the name is
// known before the request is sampled, as sampling by operation needs it.
func Handler(next http.Handler, opts ...Option) http.Handler {
	h := &handler{options: newOptions(opts), next: next, tracer: otel.Tracer(scope)}
	h.router, _ = next.(router)
	return h
}

// router is an http.ServeMux, or what is like one.
type router interface {
	Handler(*http.Request) (h http.Handler, pattern string)
}

type handler struct {
	options
	next   http.Handler
	router router // nil: next is none
	tracer trace.Tracer
}

var serverKind = trace.WithSpanKind(trace.SpanKindServer)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.leaveOut(r.URL.Path) {
		h.next.ServeHTTP(w, r)
		return
	}
	pattern := r.Pattern
	if pattern == "" && h.router != nil {
		_, pattern = h.router.Handler(r)
	}
	ctx := otel.GetTextMapPropagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := h.tracer.Start(ctx, name(r.Method, pattern), serverKind)
	defer span.End() // which records a panic
	inner := r.WithContext(ctx)
	// The server removes the files of a form, and handlers around this one look at the pattern.
	defer func() { r.MultipartForm, r.Pattern = inner.MultipartForm, inner.Pattern }()
	if !span.IsRecording() {
		h.next.ServeHTTP(w, inner)
		return
	}
	a := answer{span: span, request: inner, named: pattern, code: http.StatusInternalServerError}
	defer a.describe()
	h.next.ServeHTTP(httpsnoop.Wrap(w, httpsnoop.Hooks{WriteHeader: a.hookHeader, Write: a.hookWrite}), inner)
	if !a.begun {
		a.code = http.StatusOK
	}
}

// answer is what becomes of a request that is sampled.
type answer struct {
	span    trace.Span
	request *http.Request // as next has it: a mux puts its pattern there
	named   string        // the pattern that the span is named after
	begun   bool
	code    int // that of a panic until the answer is begun
}

func (a *answer) hookHeader(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
	return func(code int) {
		// Up to 199 more headers follow, but for a change of the protocol.
		if !a.begun && (code >= 200 || code == http.StatusSwitchingProtocols) {
			a.begun, a.code = true, code
		}
		next(code)
	}
}

func (a *answer) hookWrite(next httpsnoop.WriteFunc) httpsnoop.WriteFunc {
	return func(p []byte) (int, error) {
		if !a.begun {
			a.begun, a.code = true, http.StatusOK
		}
		return next(p)
	}
}

func (a *answer) describe() {
	r := a.request
	if r.Pattern != "" && r.Pattern != a.named {
		a.named = r.Pattern
		a.span.SetName(name(r.Method, a.named))
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	attrs := append(make([]attribute.KeyValue, 0, 12),
		semconv.HTTPRequestMethodKey.String(method(r.Method)),
		semconv.URLScheme(scheme),
		semconv.URLPath(r.URL.Path),
		semconv.HTTPResponseStatusCode(a.code),
		semconv.NetworkProtocolVersion(protocolVersion(r)))
	if route := route(a.named); route != "" {
		attrs = append(attrs, semconv.HTTPRoute(route))
	}
	if agent := r.UserAgent(); agent != "" {
		attrs = append(attrs, semconv.UserAgentOriginal(agent))
	}
	if client := clientAddress(r); client != "" {
		attrs = append(attrs, semconv.ClientAddress(client))
	}
	attrs = appendServer(attrs, r.Host)
	if a.code >= 500 {
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(a.code)))
		a.span.SetStatus(codes.Error, "")
	}
	a.span.SetAttributes(attrs...)
}

// clientAddress is the first that proxies tell of, or whoever is connected.
func clientAddress(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-For"); forwarded != "" {
		first, _, _ := strings.Cut(forwarded, ",")
		return strings.TrimSpace(first)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

func appendServer(attrs []attribute.KeyValue, address string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if host != "" {
		attrs = append(attrs, semconv.ServerAddress(host))
	}
	if n, err := strconv.Atoi(port); err == nil {
		attrs = append(attrs, semconv.ServerPort(n))
	}
	return attrs
}

func protocolVersion(r *http.Request) string {
	switch {
	case r.ProtoMajor >= 2:
		return strconv.Itoa(r.ProtoMajor)
	case r.ProtoMinor == 0:
		return "1.0"
	}
	return "1.1"
}

// method has few values: any other comes from outside.
func method(m string) string {
	switch m {
	case "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY":
		return m
	case "":
		return "GET"
	}
	return "_OTHER"
}

func name(m, pattern string) string {
	if m = method(m); m == "_OTHER" {
		m = "HTTP"
	}
	if route := route(pattern); route != "" {
		return m + " " + route
	}
	return m
}

// route is a pattern of http.ServeMux without its method and host.
func route(pattern string) string {
	return pattern[max(0, strings.IndexByte(pattern, '/')):]
}
