package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/store/storetest"
)

func TestFront(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	for path, want := range map[string]string{
		"/healthz": "ok\n",
		"/readyz":  "ok\n",
		"/":        s.addrs["otlp-grpc"], // on the web page or, without one, on the front page
		"/metrics": "\nprocess_cpu_seconds_total ",
	} {
		if code, body := get(t, s.url("http", path)); code != http.StatusOK || !bytes.Contains(body, []byte(want)) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _ := get(t, s.url("http", "/api/nothing")); code != http.StatusNotFound {
		t.Errorf("/api/nothing: %d", code)
	}
}

func TestMetricsCountRequests(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	get(t, s.url("http", "/api/services"))
	get(t, s.url("tempo", "/api/traces/00"))
	_, metrics := get(t, s.url("http", "/metrics"))
	for _, want := range []string{
		`clew_http_request_duration_seconds_count{code="200",listener="http",route="GET /api/services"} 1`,
		`clew_http_request_duration_seconds_count{code="404",listener="tempo",route="GET /api/traces/{traceID}"} 1`,
	} {
		if !bytes.Contains(metrics, []byte(want)) {
			t.Errorf("%s is missing in:\n%s", want, metrics)
		}
	}
}

func TestPathPrefix(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--http.path-prefix=/traces/")
	for _, path := range []string{"/traces/", "/traces/healthz", "/traces/metrics", "/traces/api/services", "/traces/api/clew/v1/search"} {
		if code, body := get(t, s.url("http", path)); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body := get(t, s.url("tempo", "/traces/api/echo")); code != http.StatusOK {
		t.Errorf("tempo: %d %s", code, body)
	}
	if code, _ := get(t, s.url("http", "/api/services")); code != http.StatusNotFound {
		t.Errorf("without the prefix: %d", code)
	}
}

func TestCORS(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--http.cors-origins=https://shop.example")
	for listener, path := range map[string]string{"http": "/api/services", "tempo": "/api/echo", "zipkin": "/api/v2/services", "otlp-http": "/v1/traces"} {
		for origin, want := range map[string]string{"https://shop.example": "https://shop.example", "https://evil.example": ""} {
			req := httptest.NewRequest(http.MethodOptions, s.url(listener, path), nil)
			req.RequestURI = ""
			req.Header.Set("Origin", origin)
			req.Header.Set("Access-Control-Request-Method", map[bool]string{true: "POST", false: "GET"}[listener == "otlp-http"])
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := strings.Join(res.Header.Values("Access-Control-Allow-Origin"), " and "); got != want {
				t.Errorf("%s for %s: %q", listener, origin, got)
			}
		}
	}
}

func TestReadyzWhileStopping(t *testing.T) {
	faces := api.Config{Ready: func() error { return errors.New("stopping") }}
	h := newFront(faces, new(storetest.Model), prometheus.NewRegistry(), frontPage{}, nil)
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// A listener on all interfaces is shown with the host that the browser used.
func TestFrontPageShowsReachableAddresses(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	r := httptest.NewRequest(http.MethodGet, "http://clew.example:8080/", nil)
	w := httptest.NewRecorder()
	frontPage{listeners: map[string]net.Listener{"otlp-http": l}}.ServeHTTP(w, r)
	if want := "curl http://clew.example:" + port + "/v1/traces"; !strings.Contains(w.Body.String(), want) {
		t.Errorf("%q is missing in:\n%s", want, w.Body)
	}
}
