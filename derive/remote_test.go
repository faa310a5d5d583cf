package derive

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.CommandContext(t.Context(), "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--web.enable-remote-write-receiver", "--enable-feature=native-histograms,exemplar-storage", "--log.level=error")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for { // until it is ready
		res, err := http.Get("http://" + addr + "/-/ready")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return "http://" + addr
			}
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
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
