package derive

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/clewhq/clew/span"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden holds text against a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func newMetrics(t testing.TB, change func(*Config)) *Metrics {
	t.Helper()
	cfg := DefaultConfig()
	now := time.Unix(1_700_000_000, 0)
	cfg.Now = func() time.Time { return now }
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func str(key, value string) span.KeyValue {
	return span.KeyValue{Key: key, Value: span.StringValue(value)}
}

// buy is a span of the service shop that took some milliseconds.
func buy(id byte, name string, ms uint64, change func(*span.Span)) *span.Span {
	const start = 1_700_000_000_000_000_000
	s := &span.Span{
		TraceID: span.TraceID{15: id}, SpanID: span.SpanID{7: id}, Name: name, Kind: 2, Start: start, End: start + ms*1e6,
		Resource: span.SpanResource{Attrs: []span.KeyValue{str("service.name", "shop"), str("service.namespace", "eu"), str("service.instance.id", "i-1"), str("k8s.pod.name", "p1")}},
	}
	if change != nil {
		change(s)
	}
	return s
}

func batchOf(spans ...*span.Span) *span.Batch {
	var b span.Batch
	for _, s := range spans {
		b.Append(s)
	}
	b.Raw = make([]byte, 100*len(spans))
	return &b
}

func text(t *testing.T, m *Metrics, tenant string) string {
	t.Helper()
	families, err := m.Gatherer(tenant).Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc := expfmt.NewEncoder(&out, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestSpanMetrics(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := newMetrics(t, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Dimensions, c.Intrinsic, c.TargetInfo = []string{"http.method", "k8s.pod.name"}, IntrinsicLabels(), true
	})
	m.Observe("a", batchOf(
		buy(1, "buy", 3, func(s *span.Span) { s.Attrs = []span.KeyValue{str("http.method", "GET")} }),
		buy(2, "buy", 5, func(s *span.Span) { s.Attrs = []span.KeyValue{str("http.method", "GET")} }),
		buy(3, "buy", 20_000, func(s *span.Span) { s.Kind, s.Status, s.Message = 3, 2, "no \"stock\"" }),
		buy(4, "odd", 0, func(s *span.Span) { s.Kind, s.Status, s.End, s.Name = 77, -1, 0, "bad\xff" }),
		buy(5, "sampled", 4, func(s *span.Span) { s.TraceState = "ot=th:c" }),
	))
	m.Observe("b", batchOf(buy(1, "other", 1, nil)))
	now = now.Add(DefaultConfig().CallWait)
	golden(t, "spanmetrics.txt", []byte(text(t, m, "a")))
	if got := text(t, m, "b"); !strings.Contains(got, `span_name="other"`) || strings.Contains(got, "buy") {
		t.Errorf("tenant b has\n%s", got)
	}
	if got := text(t, m, "nobody"); got != "" {
		t.Errorf("an unknown tenant has\n%s", got)
	}
	if got := fmt.Sprint(m.Tenants()); got != "[a b]" {
		t.Errorf("tenants %s", got)
	}
}

// Counters stay below their limits, and nothing is left out.
func TestCardinality(t *testing.T) {
	m := newMetrics(t, func(c *Config) { c.MaxSeries, c.MaxLabelValues, c.Histograms = 3, 5, Classic })
	for i := range 20 {
		m.Observe("a", batchOf(buy(1, fmt.Sprint("name ", i), 1, nil)))
	}
	calls := find(t, m, "traces_spanmetrics_calls_total")
	total := 0.0
	for _, c := range calls {
		total += c.Counter.GetValue()
	}
	if len(calls) != 4 || total != 20 {
		t.Errorf("%d series of %v calls, want 3 and the rest with 20", len(calls), total)
	}

	m = newMetrics(t, func(c *Config) { c.MaxLabelValues = 5 })
	for i := range 20 {
		m.Observe("a", batchOf(buy(1, fmt.Sprint("name ", i), 1, nil)))
	}
	byName := map[string]float64{}
	for _, c := range find(t, m, "traces_spanmetrics_calls_total") {
		byName[value(c, "span_name")] += c.Counter.GetValue()
	}
	if len(byName) != 6 || byName[overflow] != 15 {
		t.Errorf("calls by name: %v", byName)
	}
}

// Series that are idle go, and make room.
func TestIdleSeries(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := newMetrics(t, func(c *Config) { c.Now, c.MaxLabelValues = func() time.Time { return now }, 1 })
	m.Observe("a", batchOf(buy(1, "old", 1, nil)))
	now = now.Add(DefaultConfig().Idle + time.Second)
	if calls := find(t, m, "traces_spanmetrics_calls_total"); len(calls) != 0 {
		t.Errorf("%d series are left", len(calls))
	}
	m.Observe("a", batchOf(buy(1, "new", 1, nil)))
	if calls := find(t, m, "traces_spanmetrics_calls_total"); len(calls) != 1 || value(calls[0], "span_name") != "new" {
		t.Errorf("series: %v", calls)
	}
}

func find(t *testing.T, m *Metrics, name string) []*dto.Metric {
	t.Helper()
	families, err := m.Gatherer("a").Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric
		}
	}
	return nil
}

func value(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func TestMetricsAreWellFormed(t *testing.T) {
	m := newMetrics(t, nil)
	m.Observe("a", batchOf(buy(1, "buy", 3, nil), buy(2, "sell", 5, nil)))
	problems, err := testutil.GatherAndLint(m.Gatherer("a"))
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`histograms "x" are neither`:                                             func(c *Config) { c.Histograms = "x" },
		"the bounds of buckets [2 1] and ":                                       func(c *Config) { c.Buckets = []float64{2, 1} },
		"the limits of series":                                                   func(c *Config) { c.MaxSeries = 0 },
		"two labels, or the keys of two attributes, would be the label a_b":      func(c *Config) { c.Dimensions = []string{"a.b", "a_b"} },
		"two labels, or the keys of two attributes, would be the label x":        func(c *Config) { c.Dimensions = []string{"x", "x=a+b"} },
		`the dimension "x=a+" names no attribute`:                                func(c *Config) { c.Dimensions = []string{"x=a+"} },
		"two labels, or the keys of two attributes, would be the label client_x": func(c *Config) { c.GraphDimensions, c.GraphPrefix = []string{"x", "x"}, true },
		`label "kind" is none of service, span_name, span_kind, status_code, `:   func(c *Config) { c.Intrinsic = []string{"kind"} },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for key, want := range map[string]string{"http.method": "http_method", "9lives": "_9lives", "": "_", "äb": "_b"} {
		if got := labelName(key); got != want {
			t.Errorf("%q: %s, want %s", key, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	tree := newNameTree()
	for name, want := range map[string]string{
		"GET /api/v1/cart":                         "GET /api/v1/cart",
		"GET /users/12345/cart":                    "GET /users/<_>/cart",
		"GET /f/deadbeef0/x":                       "GET /f/<_>/x",
		"GET /f/deadbeef/x":                        "GET /f/deadbeef/x",
		"u 0af76519-16cd-43dd-8448-eb211c80319c":   "u <_>",
		"u 0af76519-16cd-43dd-8448-eb211c80319c/x": "u <_>/x",
		"":           "",
		"SELECT 1 2": "SELECT <_> <_>",
	} {
		if got := tree.cluster(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	distinct := map[string]bool{}
	for i := range 10_000 {
		distinct[tree.cluster(fmt.Sprintf("load user%dx of team%dy", i, i%7))] = true
	}
	if len(distinct) > maxBranches+8 || !distinct["load <_> of team3y"] {
		t.Errorf("%d names are left of 10,000", len(distinct))
	}
}

func FuzzNames(f *testing.F) {
	f.Add("GET /users/12345/cart")
	f.Fuzz(func(t *testing.T, name string) {
		tree := newNameTree()
		first := tree.cluster(name)
		if again := tree.cluster(name); again != first {
			t.Errorf("%q becomes %q, then %q", name, first, again)
		}
		if len(first) > len(name)+2*maxTokens {
			t.Errorf("%q becomes %q", name, first)
		}
	})
}
