package derive

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/prompb"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
)

// startPrometheus starts a Prometheus that takes remote writes, and returns its URL.
func startPrometheus(t *testing.T) string {
	t.Helper()
	testkit.Needs(t, "prometheus")
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := testkit.FreeAddress(t)
	cmd := exec.CommandContext(t.Context(), "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--web.enable-remote-write-receiver", "--enable-feature=native-histograms,exemplar-storage", "--log.level=error")
	testkit.Serve(t, cmd, func() bool {
		res, err := http.Get("http://" + addr + "/-/ready")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return "http://" + addr
}

// prometheusSays returns the values of a query, by the labels that are asked for.
func prometheusSays(t *testing.T, base, query string, at time.Time, by ...string) map[string]string {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("%s/api/v1/query?time=%d&query=%s", base, at.Unix(), url.QueryEscape(query)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  []any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", query, body)
	}
	out := map[string]string{}
	for _, r := range answer.Data.Result {
		var key []string
		for _, name := range by {
			key = append(key, r.Metric[name])
		}
		out[strings.Join(key, "/")] = fmt.Sprint(r.Value[1])
	}
	return out
}

// A real Prometheus answers the queries of Grafana's service graph and of
// dashboards for rate, errors and durations.
func TestRemoteWrite(t *testing.T) {
	base := startPrometheus(t)
	now := time.Now().Truncate(time.Second).Add(-2 * time.Minute)
	m := newMetrics(t, func(c *Config) { c.Now = func() time.Time { return now } })
	w, err := NewRemoteWrite(m, base+"/api/v1/write", http.DefaultTransport, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // quarters of a minute
		for range 15 {
			m.Observe("a", batchOf(
				buy(1, "buy", 3, func(s *span.Span) {
					s.Kind = kindClient
					s.Resource.Attrs = []span.KeyValue{str("service.name", "web")}
				}),
				buy(1, "sell", 100, func(s *span.Span) { s.SpanID, s.Parent, s.Status = span.SpanID{1}, span.SpanID{7: 1}, 2 }),
				// Weights that make fractions: each stands for 16/13.
				buy(2, "part", 3, func(s *span.Span) { s.Kind, s.TraceState = 1, "ot=th:3" }), buy(2, "part", 700, func(s *span.Span) { s.Kind, s.TraceState = 1, "ot=th:3" })))
		}
		if err := w.Write(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(15 * time.Second)
	}
	at := now.Add(-15 * time.Second)
	for _, c := range []struct {
		query string
		by    []string
		want  string
	}{
		{`sum by (client, server) (rate(traces_service_graph_request_total[1m]))`, []string{"client", "server"}, "map[web/shop:1]"},
		{`sum by (client, server) (rate(traces_service_graph_request_failed_total[1m]))`, []string{"client", "server"}, "map[web/shop:1]"},
		{`sum by (server) (rate(traces_service_graph_request_server_seconds_sum[1m])) / sum by (server) (rate(traces_service_graph_request_server_seconds_count[1m])) * 1000`,
			[]string{"server"}, "map[shop:99.9999"},
		{`rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR"}[1m])`, []string{"service", "span_name"}, "map[shop/sell:1]"},
		{`histogram_quantile(.9, sum by (le, span_name) (rate(traces_spanmetrics_latency_bucket{service="shop",span_name="sell"}[1m])))`, []string{"span_name"}, "map[sell:0.12"},
		{`histogram_quantile(.5, sum by (span_name) (rate(traces_spanmetrics_latency{span_name="sell"}[1m])))`, []string{"span_name"}, "map[sell:0.1007"},
		{`sum(increase(traces_service_graph_request_server_seconds_count{}[1m])) by (server, client) > 0`, []string{"client", "server"}, "map[web/shop:60]"},
		{`histogram_count(rate(traces_spanmetrics_latency{span_name="part"}[1m]))`, []string{"span_name"}, "map[part:2.4"},
		// All begin with zero.
		{`min_over_time(traces_spanmetrics_calls_total{span_name="sell"}[5m])`, []string{"span_name"}, "map[sell:0]"},
		{`count_over_time(traces_spanmetrics_latency{span_name="sell"}[5m])`, []string{"span_name"}, "map[sell:6]"},
	} {
		if got := fmt.Sprint(prometheusSays(t, base, c.query, at, c.by...)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s\ngot  %s\nwant %s", c.query, got, c.want)
		}
	}
	res, err := http.Get(fmt.Sprintf("%s/api/v1/query_exemplars?query=traces_spanmetrics_latency_bucket&start=0&end=%d", base, time.Now().Unix()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(body), `"traceID":"00000000000000000000000000000001"`) {
		t.Errorf("exemplars: %s %v", body, err)
	}
}

// receiver takes remote writes; answer says how.
type receiver struct {
	*testing.T
	url    string
	close  func()
	answer func(w http.ResponseWriter, r *http.Request)
	status int                   // unless answer has one
	got    []prompb.WriteRequest // that were answered with success
}

func startReceiver(t *testing.T) *receiver {
	to := &receiver{T: t, status: http.StatusOK}
	to.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(to.status) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{
			"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0", "User-Agent": "clew",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		packed, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		body, err := snappy.Decode(nil, packed)
		if err != nil {
			t.Error(err)
		}
		var request prompb.WriteRequest
		if err := request.Unmarshal(body); err != nil {
			t.Error(err)
		}
		answered := &statusWriter{w, http.StatusOK}
		to.answer(answered, r)
		if answered.status == http.StatusOK {
			to.got = append(to.got, request)
		}
	}))
	t.Cleanup(server.Close)
	to.url, to.close = server.URL, server.Close
	return to
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// calls lists the samples of traces_spanmetrics_calls_total that came since the last time: tenant or time, and value.
func (r *receiver) calls() string {
	var list []string
	for _, request := range r.got {
		for _, series := range request.Timeseries {
			for _, h := range series.Histograms {
				if h.GetCountInt() == 0 && len(series.Histograms) == 1 {
					r.Errorf("an empty histogram alone: %v", series)
				}
			}
			if series.Labels[0].Value != "traces_spanmetrics_calls_total" {
				continue
			}
			for _, s := range series.Samples {
				list = append(list, fmt.Sprint(s.Timestamp-1_700_000_000_000, "=", s.Value))
			}
		}
	}
	r.got = nil
	return strings.Join(list, " ")
}

func remoteWriter(t *testing.T, m *Metrics, url string) *RemoteWrite {
	t.Helper()
	w, err := NewRemoteWrite(m, url, http.DefaultTransport, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A series begins with a zero, once, at a time at which it has no other sample: what it counts at first is part of rates.
func TestRemoteWriteBeginsWithZero(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := newMetrics(t, func(c *Config) { c.Now = func() time.Time { return now } })
	to := startReceiver(t)
	w := remoteWriter(t, m, to.url)
	after := func(d time.Duration, observe bool, want string) {
		t.Helper()
		if observe {
			now = now.Add(time.Second)
			m.Observe("a", batchOf(buy(1, "buy", 3, nil)))
		}
		now = now.Add(d)
		err := w.Write(t.Context())
		if down := to.status != http.StatusOK; (err != nil) != down {
			t.Errorf("down: %v, got %v", down, err)
		}
		if got := to.calls(); got != want {
			t.Errorf("samples %s, want %s", got, want)
		}
	}
	after(2*time.Second, true, "1000=0 3000=1")
	after(2*time.Second, true, "6000=2")
	after(DefaultConfig().Idle+time.Second, false, "") // the series is dropped
	after(2*time.Second, true, "908000=0 910000=1")

	after(DefaultConfig().Idle+time.Second, false, "")
	to.status = http.StatusServiceUnavailable
	after(2*time.Second, true, "") // made at 1812 s, and not told
	to.status = http.StatusOK
	after(2*time.Second, true, "1812000=0 1817000=2")

	after(DefaultConfig().Idle+time.Second, false, "")
	after(10*time.Minute, true, "3019000=0 3319000=1") // not so far back that it is refused
}

// What is refused is not sent again, and keeps back nothing else; where nobody answers the rest is not tried.
func TestRemoteWriteIsRefused(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := newMetrics(t, func(c *Config) { c.Registerer = reg })
	for _, tenant := range []string{"a", "b", "c"} {
		m.Observe(tenant, batchOf(buy(1, "buy", 3, nil)))
	}
	to := startReceiver(t)
	w := remoteWriter(t, m, to.url)
	tries := map[string]int{}
	to.answer = func(w http.ResponseWriter, r *http.Request) {
		tenant := r.Header.Get(span.TenantHeader)
		tries[tenant]++
		switch {
		case tenant == "a":
			http.Error(w, "out of order", http.StatusBadRequest)
		case tenant == "b" && tries[tenant] == 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	err := w.Write(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "tenant a: ") || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("got %v", err)
	}
	if got := fmt.Sprint(tries); got != "map[a:1 b:2 c:1]" || len(to.got) != 2 {
		t.Errorf("tries %s, %d requests were taken, want 2", got, len(to.got))
	}
	if meta := to.got[0].Metadata; !slices.ContainsFunc(meta, func(m prompb.MetricMetadata) bool {
		return m.MetricFamilyName == "traces_spanmetrics_latency" && m.Type == prompb.MetricMetadata_HISTOGRAM && m.Help != ""
	}) {
		t.Errorf("metadata %v", meta)
	}

	clear(tries)
	to.answer = func(w http.ResponseWriter, r *http.Request) {
		tries[r.Header.Get(span.TenantHeader)]++
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := w.Write(t.Context()); err == nil || !strings.Contains(err.Error(), "503") || fmt.Sprint(tries) != "map[a:4]" {
		t.Errorf("tries %v: %v", tries, err)
	}
	want := `
# HELP clew_span_metrics_requests_total Requests with the metrics of spans, by receiver and outcome: sent, refused (they are not sent again) or failed.
# TYPE clew_span_metrics_requests_total counter
clew_span_metrics_requests_total{outcome="failed",receiver="remote-write"} 1
clew_span_metrics_requests_total{outcome="refused",receiver="remote-write"} 1
clew_span_metrics_requests_total{outcome="sent",receiver="remote-write"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// Who writes is in the URL, and the password in no message.
func TestRemoteWriteAuthenticates(t *testing.T) {
	m := newMetrics(t, nil)
	m.Observe("a", batchOf(buy(1, "buy", 3, nil)))
	to := startReceiver(t)
	url := strings.Replace(to.url, "http://", "http://shop:secret@", 1)
	to.answer = func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "shop" || password != "secret" {
			t.Errorf("%s with %q writes", user, password)
		}
	}
	if err := remoteWriter(t, m, url).Write(t.Context()); err != nil {
		t.Error(err)
	}
	to.close()
	if err := remoteWriter(t, m, url).Write(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

// However many series there are, a request has a bounded number.
func TestRemoteWriteInParts(t *testing.T) {
	m := newMetrics(t, nil)
	for i := range 300 {
		m.Observe("a", batchOf(buy(1, fmt.Sprint("name ", i), 3, func(s *span.Span) { s.Kind = 1 })))
	}
	to := startReceiver(t)
	if err := remoteWriter(t, m, to.url).Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, request := range to.got {
		if n := len(request.Timeseries); n == 0 || n > remoteSeries+20 {
			t.Errorf("%d series in a request", n)
		}
		total += len(request.Timeseries)
	}
	// Of each name: calls, size, and of its durations 15 buckets, sum, count and the native histogram; and two of the graph.
	if want := 300*20 + 2; total != want {
		t.Errorf("%d series, want %d", total, want)
	}
}

func TestRemoteWriteFails(t *testing.T) {
	m := newMetrics(t, nil)
	m.Observe("a", batchOf(buy(1, "buy", 3, nil)))
	w, err := NewRemoteWrite(m, "http://127.0.0.1:1/api/v1/write", http.DefaultTransport, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "tenant a: ") {
		t.Errorf("got %v", err)
	}
	if _, err := NewRemoteWrite(m, "http://\x00", http.DefaultTransport, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a bad URL is taken")
	}
}
