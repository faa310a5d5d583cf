package clewhttp

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// record makes the global provider one that remembers spans, and the names that the sampler was asked about.
func record(t *testing.T) (spans *tracetest.SpanRecorder, sampled *names) {
	t.Helper()
	spans, sampled = tracetest.NewSpanRecorder(), &names{Sampler: sdktrace.AlwaysSample()}
	before, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans), sdktrace.WithSampler(sampled)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() {
		otel.SetTracerProvider(before)
		otel.SetTextMapPropagator(propagator)
	})
	return spans, sampled
}

type names struct {
	sdktrace.Sampler
	all []string
}

func (n *names) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	n.all = append(n.all, p.Name)
	return n.Sampler.ShouldSample(p)
}

func shop() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "broken" {
			w.WriteHeader(http.StatusBadGateway)
		}
		io.WriteString(w, r.PathValue("id"))
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("no stock") })
	mux.HandleFunc("GET /early", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
		w.(http.Flusher).Flush()
	})
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/internal/", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func TestHandler(t *testing.T) {
	spans, sampled := record(t)
	handler := Handler(shop(), Without("/healthz", "/internal/"))
	for _, test := range []struct {
		method, path, name, route string
		code                      int64
		status                    codes.Code
	}{
		{"GET", "/orders/7?secret=1", "GET /orders/{id}", "/orders/{id}", 200, codes.Unset},
		{"GET", "/orders/broken", "GET /orders/{id}", "/orders/{id}", 502, codes.Error},
		{"GET", "/panic", "GET /panic", "/panic", 500, codes.Error},
		{"GET", "/early", "GET /early", "/early", 202, codes.Unset},
		{"GET", "/nothing", "GET", "", 404, codes.Unset},
		{"BREW", "/pot", "HTTP", "", 404, codes.Unset},
		{"GET", "/healthz", "", "", 0, 0},
		{"GET", "/internal/x", "", "", 0, 0},
	} {
		spans.Reset()
		sampled.all = nil
		func() {
			defer func() {
				if p := recover(); p != nil && p != "no stock" {
					t.Errorf("panic %v", p)
				}
			}()
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(test.method, test.path, nil))
		}()
		ended := spans.Ended()
		if test.name == "" {
			if len(ended) != 0 {
				t.Errorf("%s has the span %s", test.path, ended[0].Name())
			}
			continue
		}
		if len(ended) != 1 {
			t.Fatalf("%s has %d spans", test.path, len(ended))
		}
		s := ended[0]
		if s.Name() != test.name || s.SpanKind() != trace.SpanKindServer || s.Status().Code != test.status || !slices.Equal(sampled.all, []string{test.name}) {
			t.Errorf("%s: %s (asked about %q), %v, %v", test.path, s.Name(), sampled.all, s.SpanKind(), s.Status())
		}
		if got := value(s, "http.route"); got != test.route {
			t.Errorf("%s has the route %q", test.path, got)
		}
		if !slices.Contains(s.Attributes(), attribute.Int64("http.response.status_code", test.code)) {
			t.Errorf("%s: %v", test.path, s.Attributes())
		}
	}
}

// What is known of a request only inside is known outside: the server removes the files of its form.
func TestHandlerGivesBack(t *testing.T) {
	record(t)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("a", "1"); err != nil {
		t.Fatal(err)
	}
	form.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /upload", func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
		}
	})
	r := httptest.NewRequest("POST", "/upload", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	Handler(mux).ServeHTTP(httptest.NewRecorder(), r)
	if r.MultipartForm == nil || r.Pattern != "POST /upload" {
		t.Errorf("the form is %v, the pattern %q", r.MultipartForm, r.Pattern)
	}
}

func value(s sdktrace.ReadOnlySpan, key attribute.Key) string {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

func TestTransport(t *testing.T) {
	spans, _ := record(t)
	srv := httptest.NewServer(Handler(shop()))
	defer srv.Close()
	client := &http.Client{Transport: Transport(nil)}
	resp, err := client.Get(strings.Replace(srv.URL, "://", "://ada:secret@", 1) + "/orders/broken?a=1&sig=xyz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "broken" {
		t.Fatalf("read %q, %v", body, err)
	}
	srv.Close() // waits for the server's span
	var server, caller sdktrace.ReadOnlySpan
	for _, s := range spans.Ended() {
		if s.SpanKind() == trace.SpanKindClient {
			caller = s
		} else {
			server = s
		}
	}
	if server == nil || caller == nil || server.Parent().SpanID() != caller.SpanContext().SpanID() || caller.Name() != "GET" || caller.Status().Code != codes.Error {
		t.Fatalf("server %v below client %v", server, caller)
	}
	if got := value(caller, "url.full"); got != srv.URL+"/orders/broken?a=1&sig=REDACTED" {
		t.Errorf("the client's URL is %q", got)
	}
	spans.Reset()
	if _, err := client.Get(srv.URL); err == nil {
		t.Fatal("a server that is closed answers")
	}
	if ended := spans.Ended(); len(ended) != 1 || ended[0].Status().Code != codes.Error || value(ended[0], "error.type") != "*net.OpError" {
		t.Errorf("a failed call has %v", ended)
	}
}
