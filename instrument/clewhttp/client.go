package clewhttp

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport traces the requests that go through next, or http.DefaultTransport
// if that is nil, and adds the headers by which a trace goes on:
//
//	client := &http.Client{Transport: clewhttp.Transport(nil)}
//
// A span is named after the method, and lasts until the body of the answer is
// read or closed.
func Transport(next http.RoundTripper, opts ...Option) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{options: newOptions(opts), next: next, tracer: otel.Tracer(scope)}
}

type transport struct {
	options
	next   http.RoundTripper
	tracer trace.Tracer
}

var clientKind = trace.WithSpanKind(trace.SpanKindClient)

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.leaveOut(r.URL.Path) {
		return t.next.RoundTrip(r)
	}
	ctx, span := t.tracer.Start(r.Context(), name(r.Method, ""), clientKind)
	r = r.WithContext(ctx)
	if r.Header = r.Header.Clone(); r.Header == nil {
		r.Header = http.Header{}
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(r.Header))
	res, err := t.next.RoundTrip(r)
	if !span.IsRecording() {
		span.End()
		return res, err
	}
	attrs := append(make([]attribute.KeyValue, 0, 8),
		semconv.HTTPRequestMethodKey.String(method(r.Method)),
		semconv.URLFull(fullURL(r.URL)))
	attrs = appendServer(attrs, r.URL.Host)
	if err != nil {
		span.SetAttributes(append(attrs, semconv.ErrorTypeKey.String(fmt.Sprintf("%T", err)))...)
		span.SetStatus(codes.Error, err.Error())
		span.End()
		return res, err
	}
	attrs = append(attrs, semconv.HTTPResponseStatusCode(res.StatusCode))
	if res.StatusCode >= 400 {
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(res.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
	span.SetAttributes(attrs...)
	if res.Body == nil || res.Body == http.NoBody || res.StatusCode == http.StatusSwitchingProtocols {
		span.End()
		return res, nil
	}
	res.Body = &body{ReadCloser: res.Body, end: sync.OnceFunc(func() { span.End() })}
	return res, nil
}

// secrets are parameters that give access to what they are a part of, as the semantic conventions list them.
var secrets = []string{"AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"}

func fullURL(u *url.URL) string {
	if u.User == nil && u.RawQuery == "" {
		return u.String()
	}
	clean := *u
	clean.User = nil
	if query := clean.Query(); hidden(query) {
		clean.RawQuery = query.Encode()
	}
	return clean.String()
}

// hidden replaces the values of secrets, and reports whether there are any.
func hidden(query url.Values) (any bool) {
	for _, key := range secrets {
		if query.Has(key) {
			query.Set(key, "REDACTED")
			any = true
		}
	}
	return any
}

// body ends the span of its request.
type body struct {
	io.ReadCloser
	end func()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
