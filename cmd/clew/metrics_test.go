package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/clewhq/clew/derive"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func TestSpanMetrics(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--span-metrics.enabled=on", "--span-metrics.target-info=on")
	var req coltrace.ExportTraceServiceRequest
	if err := protojson.Unmarshal([]byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"k8s.pod.name","value":{"stringValue":"p1"}}]},
		"scopeSpans":[{"spans":[{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","name":"buy","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"3000001"}]}]}]}`), &req); err != nil {
		t.Fatal(err)
	}
	if _, err := traceClient(t, s.addrs["otlp-grpc"]).Export(t.Context(), &req); err != nil {
		t.Fatal(err)
	}
	code, body := get(t, s.url("http", "/metrics/spans"))
	for _, want := range []string{
		`traces_spanmetrics_calls_total{instance="",job="shop",service="shop",span_kind="SPAN_KIND_SERVER",span_name="buy",status_code="STATUS_CODE_UNSET"} 1`,
		`traces_spanmetrics_latency_bucket{instance="",job="shop",service="shop",span_kind="SPAN_KIND_SERVER",span_name="buy",status_code="STATUS_CODE_UNSET",le="0.004"} 1`,
		`traces_target_info{instance="",job="shop",k8s_pod_name="p1"} 1`,
		`traces_service_graph_request_total{client="user",connection_type="virtual_node",server="shop"} 1`,
	} {
		if code != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%d, no %s in\n%s", code, want, body)
		}
	}
	if _, body := get(t, s.url("http", "/metrics/spans"), "X-Scope-OrgID", "other"); len(body) != 0 {
		t.Errorf("another tenant has\n%s", body)
	}
}

// What came since the last write is written when the program stops.
func TestSpanMetricsAreWrittenAtTheEnd(t *testing.T) {
	writes := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		writes <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Scope-OrgID")
	}))
	defer receiver.Close()
	s := startServer(t, "--data-dir", t.TempDir(), "--span-metrics.enabled=on",
		"--span-metrics.remote-write="+receiver.URL+"/api/v1/push", "--span-metrics.interval=1h")
	if _, err := traceClient(t, s.addrs["otlp-grpc"]).Export(t.Context(), &coltrace.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"), Name: "buy"}}}},
	}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-writes:
		if want := "POST /api/v1/push " + store.DefaultTenant; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	default:
		t.Error("nothing was written")
	}
}

// A request that names a tenant is told nothing of the others.
func TestMetricsOfATenant(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	as := func(tenant, method, url, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for header := range strings.SplitSeq(tenant, "+") {
			req.Header.Add(span.TenantHeader, header)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %v %s", url, res.Status, err, answer)
		}
		return string(answer)
	}
	for _, tenant := range []string{"acme", "globex"} {
		as(tenant, http.MethodPost, s.url("otlp-http", "/v1/traces"), `{"resourceSpans":[{"scopeSpans":[{"spans":[
			{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"x","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}`)
	}
	for _, listener := range []string{"http", "tempo"} {
		for tenant, want := range map[string][2]bool{"": {true, true}, "acme": {true, false}, "other": {false, false}, "+acme": {false, false}} {
			text := as(tenant, http.MethodGet, s.url(listener, "/metrics"), "")
			if got := [2]bool{strings.Contains(text, `tenant="acme"`), strings.Contains(text, `tenant="globex"`)}; got != want || !strings.Contains(text, "\nclew_store_spans_written_total") {
				t.Errorf("%s: %q is told of %v, want %v", listener, tenant, got, want)
			}
		}
	}
}

// The settings' defaults are those of derive, which config cannot ask.
func TestSpanMetricsDefaults(t *testing.T) {
	if got, want := spanMetricsConfig(loadConfig(t).SpanMetrics), derive.DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSpanMetricsAreOff(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	if code, body := get(t, s.url("http", "/metrics/spans")); code != http.StatusNotFound || !strings.Contains(string(body), "--span-metrics.enabled=on") {
		t.Errorf("%d %s", code, body)
	}
}
