package derive

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/clewhq/clew/span"
)

// labelText is name=value of each label.
func labelText(m *dto.Metric) string {
	var list []string
	for _, l := range m.Label {
		list = append(list, l.GetName()+"="+l.GetValue())
	}
	return strings.Join(list, " ")
}

// Dimensions are of the resource first; a name that is taken gets two underscores; values are as Tempo writes them.
func TestDimensions(t *testing.T) {
	keys := []string{"text", "int", "float", "bool", "list", "map", "bytes", "none", "both", "status.code", "9lives", "job", "le", "__name__"}
	m := newMetrics(t, func(c *Config) { c.Dimensions, c.Intrinsic = keys, []string{spanName} })
	b := buy(1, "buy", 3, func(s *span.Span) {
		s.Attrs = []span.KeyValue{
			str("text", "a\xffb"), {Key: "int", Value: span.IntValue(-5)}, {Key: "float", Value: span.FloatValue(1e21)}, {Key: "bool", Value: span.BoolValue(true)},
			{Key: "list", Value: span.ArrayValue(span.StringValue("a"), span.IntValue(1))},
			{Key: "map", Value: span.MapValue(str("k", "v"))}, {Key: "bytes", Value: span.BytesValue("x")},
			str("both", "span"), str("status.code", "teapot"), str("9lives", "cat"), str("job", "baker"), str("le", "1"), str("__name__", "up"),
		}
		s.Resource.Attrs = append(s.Resource.Attrs, str("both", "resource"))
	})
	m.Observe("a", batchOf(b))
	calls := find(t, m, "traces_spanmetrics_calls_total")
	want := "_9lives=cat ____name__=up __job=baker __le=1 __status_code=teapot bool=true both=resource bytes= float=1000000000000000000000 int=-5 list=[a1] map={k:v} none= span_name=buy text=a\ufffdb"
	if got := labelText(calls[0]); len(calls) != 1 || got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A label can have a name of its own, and be made of several attributes.
func TestNamedDimensions(t *testing.T) {
	m := newMetrics(t, func(c *Config) {
		c.Dimensions, c.Intrinsic = []string{"env=deployment.environment.name+deployment.environment", "who.is=service.namespace+none+service.name+http.method", "status.code=none", "http.method"}, nil
	})
	m.Observe("a", batchOf(buy(1, "buy", 3, func(s *span.Span) {
		s.Attrs = []span.KeyValue{str("http.method", "GET"), str("deployment.environment", "test")}
	}), buy(2, "sell", 3, nil)))
	var got []string
	for _, c := range find(t, m, "traces_spanmetrics_calls_total") {
		got = append(got, labelText(c))
	}
	if want := []string{"__status_code= env= http_method= who_is=eu/shop", "__status_code= env=test http_method=GET who_is=eu/shop/GET"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Which labels there are of what every span has is a choice.
func TestIntrinsicLabels(t *testing.T) {
	m := newMetrics(t, func(c *Config) { c.Intrinsic = []string{service, statusCode} })
	m.Observe("a", batchOf(buy(1, "buy", 3, nil), buy(2, "sell", 3, nil), buy(3, "sell", 3, func(s *span.Span) { s.Status = 1 })))
	var got []string
	for _, c := range find(t, m, "traces_spanmetrics_calls_total") {
		got = append(got, fmt.Sprint(labelText(c), " ", c.Counter.GetValue()))
	}
	if want := []string{"service=shop status_code=STATUS_CODE_OK 1", "service=shop status_code=STATUS_CODE_UNSET 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A span counts by its trace state, else by the ratio in an attribute of its own or of its resource.
func TestMultiplier(t *testing.T) {
	ratio := func(v span.Value) []span.KeyValue { return []span.KeyValue{{Key: "ratio", Value: v}} }
	for _, c := range []struct {
		change func(*span.Span)
		want   float64
	}{
		{func(s *span.Span) {}, 1},
		{func(s *span.Span) { s.Attrs = ratio(span.FloatValue(.25)) }, 4},
		{func(s *span.Span) { s.Resource.Attrs = append(s.Resource.Attrs, ratio(span.FloatValue(.5))...) }, 2},
		{func(s *span.Span) { s.Attrs, s.TraceState = ratio(span.FloatValue(.25)), "ot=th:8" }, 2},
		{func(s *span.Span) { s.Attrs = ratio(span.FloatValue(0)) }, 1},
		{func(s *span.Span) { s.Attrs = ratio(span.FloatValue(-1)) }, 1},
		{func(s *span.Span) { s.Attrs = ratio(span.StringValue("half")) }, 1},
	} {
		m := newMetrics(t, func(c *Config) { c.Multiplier = "ratio" })
		m.Observe("a", batchOf(buy(1, "buy", 3, func(s *span.Span) {
			s.TraceID[0] = 1
			s.SpanID[0] = 1
			c.change(s)
		})))
		calls := find(t, m, "traces_spanmetrics_calls_total")[0].Counter.GetValue()
		edges := find(t, m, "traces_service_graph_request_total")[0].Counter.GetValue()
		if calls != c.want || edges != c.want {
			t.Errorf("%v calls, %v of the graph, want %v", calls, edges, c.want)
		}
	}
}

// There is a target where something leads to it, and something is to be told of it.
func TestTargetInfo(t *testing.T) {
	resource := func(attrs ...span.KeyValue) func(*span.Span) {
		return func(s *span.Span) { s.Resource.Attrs = attrs }
	}
	for _, c := range []struct {
		name   string
		change func(*span.Span)
		want   string
	}{
		{"all", resource(str("service.name", "shop"), str("service.namespace", "eu"), str("service.instance.id", "i"), str("k8s.pod", "p")), "instance=i job=eu/shop k8s_pod=p"},
		{"no namespace", resource(str("service.name", "shop"), str("k8s.pod", "p")), "instance= job=shop k8s_pod=p"},
		{"namespace alone", resource(str("service.namespace", "eu"), str("service.instance.id", "i"), str("k8s.pod", "p")), "instance=i job= k8s_pod=p"},
		{"nothing to tell", resource(str("service.name", "shop"), str("service.instance.id", "i")), ""},
		{"nothing leads to it", resource(str("k8s.pod", "p")), ""},
		{"excluded", resource(str("service.name", "shop"), str("process.pid", "7"), str("k8s.pod", "p")), "instance= job=shop k8s_pod=p"},
		{"names that are taken", resource(str("service.name", "shop"), str("job", "j"), str("a.b", "1"), str("a_b", "2"), str("9", "x"), str("", "y"), str("__name__", "up")), "____name__=up __job=j a_b=1 instance= job=shop"},
	} {
		m := newMetrics(t, func(c *Config) { c.TargetInfo, c.TargetInfoExclude = true, []string{"process.pid"} })
		for range 2 {
			m.Observe("a", batchOf(buy(1, "buy", 3, c.change)))
		}
		got := ""
		for _, m := range find(t, m, "traces_target_info") {
			got += labelText(m)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What labels take is bounded, whatever the spans have.
func TestLongLabels(t *testing.T) {
	long := strings.Repeat("ä", maxLabelBytes)
	resource := []span.KeyValue{str("service.name", "x"+long)}
	for i := range 100 {
		resource = append(resource, str(fmt.Sprint("key.", i), long))
	}
	m := newMetrics(t, func(c *Config) { c.TargetInfo, c.ClusterNames, c.Dimensions = true, true, []string{"a", "key.1"} })
	m.Observe("a", batchOf(buy(1, long, 3, func(s *span.Span) {
		s.Resource.Attrs, s.Attrs = resource, []span.KeyValue{str("a", "x"+long), str("db.name", long)}
	}), buy(2, "a "+long, 3, func(s *span.Span) { s.Kind, s.Attrs = kindClient, []span.KeyValue{str("db.name", "x"+long)} })))
	families, err := m.Gatherer("a").Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range families {
		for _, metric := range f.Metric {
			sum := 0
			for _, l := range metric.Label {
				if n := len(l.GetValue()); n > maxLabelBytes || strings.Contains(l.GetValue(), "\ufffd") {
					t.Errorf("%s of %s has %d bytes: %q", l.GetName(), f.GetName(), n, l.GetValue())
				} else if n >= maxLabelBytes-1 {
					seen++
				}
				sum += len(l.GetName()) + len(l.GetValue())
			}
			if sum > maxTarget {
				t.Errorf("the labels of %s have %d bytes", f.GetName(), sum)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d labels were cut", seen)
	}
}

// Nothing is allocated for a span whose series are there, but for those of its batch.
func TestObserveDoesNotAllocate(t *testing.T) {
	var spans []*span.Span
	for i := range 1000 {
		spans = append(spans, buy(byte(i), "buy", uint64(i), func(s *span.Span) {
			s.TraceID[0], s.Kind, s.Parent = byte(i>>8), int32(i%6), span.SpanID{1}
			s.Attrs = []span.KeyValue{str("http.method", "GET"), str("server.address", "api.example")}
		}))
	}
	m := newMetrics(t, func(c *Config) {
		c.Dimensions, c.GraphDimensions, c.TargetInfo = []string{"http.method"}, []string{"http.method"}, true
		c.Kept = func(string, span.TraceID, uint64) Decision { return Undecided }
	})
	b := batchOf(spans...)
	m.Observe("a", b)
	if n := testing.AllocsPerRun(10, func() { m.Observe("a", b) }); n > 20 {
		t.Errorf("%v allocations for 1,000 spans", n)
	}
	b = batchOf(spans[:20]...)
	if n := testing.AllocsPerRun(10, func() { m.Observe("a", b) }); n > 0 {
		t.Errorf("%v allocations for 20 spans", n)
	}
}
