package doctor

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar"
	"github.com/clewhq/clew/store/storetest"
)

// now is the end of what tests examine, and latest the time of the last spans.
var (
	now    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	latest = now.Add(-time.Second)
)

// scene makes spans.
type scene struct {
	spans []span.Span
	ids   uint64
}

func text(key, value string) span.KeyValue {
	return span.KeyValue{Key: key, Value: span.StringValue(value)}
}

// add adds a span and returns it. A nil parent begins a trace.
func (s *scene) add(parent *span.Span, service string, kind int32, start time.Time, took time.Duration, attrs ...span.KeyValue) *span.Span {
	s.ids++
	one := span.Span{Name: "work", Kind: kind, Start: uint64(start.UnixNano()), Attrs: attrs}
	one.End = one.Start + uint64(took)
	binary.BigEndian.PutUint64(one.SpanID[:], s.ids)
	binary.BigEndian.PutUint64(one.TraceID[:], s.ids)
	if parent != nil {
		one.TraceID, one.Parent = parent.TraceID, parent.SpanID
	}
	if service != "" {
		one.Resource.Attrs = []span.KeyValue{text("service.name", service), text("host.name", "host-"+service)}
	}
	s.spans = append(s.spans, one)
	return &one
}

// call adds a call by HTTP, of a path, from one service to another one, whose clock is ahead. If it is broken, the
// callee begins a trace.
func (s *scene) call(caller, callee, path string, at time.Time, ahead time.Duration, broken bool) {
	method := text("http.request.method", "GET")
	root := s.add(nil, caller, 2, at, 100*time.Millisecond, method, text("url.path", "/"))
	out := s.add(root, caller, 3, at.Add(10*time.Millisecond), 80*time.Millisecond, method, text("url.full", "http://"+callee+":8080"+path+"?q=1"))
	if broken {
		out = nil
	}
	s.add(out, callee, 2, at.Add(20*time.Millisecond+ahead), 50*time.Millisecond, method, text("url.path", path))
}

// examine returns the findings about a scene, and the checklist.
func examine(t *testing.T, s *scene, change func(*Subject)) (findings, checklist map[string]Finding) {
	t.Helper()
	e, err := columnar.Open(columnar.Options{Dir: t.TempDir(), Decode: storetest.DecodeSpans, SyncInterval: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	storetest.WriteSpans(t, e, s.spans)
	subject := Subject{
		Store: e, Tenant: store.DefaultTenant, Operator: true,
		Within: store.TimeRange{Start: uint64(now.Add(-time.Hour).UnixNano()), End: uint64(now.UnixNano())},
		Status: Status{
			Started: uint64(now.Add(-2 * time.Hour).UnixNano()), Retention: 14 * 24 * time.Hour,
			Budgets: Budgets{Head: 1 << 20, InFlight: 1 << 20, DiskFree: 100 << 30},
		},
		Sampling: sample.Overview{Default: sample.ServiceStrategy{Type: "probabilistic", Param: 1}},
	}
	if change != nil {
		change(&subject)
	}
	report, err := Examine(t.Context(), &subject)
	if err != nil {
		t.Fatal(err)
	}
	if report.Result != Worst(report.Findings) {
		t.Errorf("the report says %s", report.Result)
	}
	index := func(list []Finding) map[string]Finding {
		by := map[string]Finding{}
		for _, f := range list {
			if !slices.Contains(Checks, f.Check) || !slices.Contains(severity, f.Result) || f.Title == "" || (f.Result == Problem || f.Result == Warning) && f.Fix == "" {
				t.Errorf("finding %+v", f)
			}
			by[f.ID] = f
		}
		return by
	}
	return index(report.Findings), index(report.Checklist)
}

// says fails unless there is such a finding with these texts in it.
func says(t *testing.T, found map[string]Finding, id string, result Result, texts ...string) {
	t.Helper()
	f, ok := found[id]
	if !ok || f.Result != result {
		t.Errorf("%s is %q, want %s; there are %v", id, f.Result, result, found)
		return
	}
	all := strings.Join(append([]string{f.Title, f.Cause, f.Fix}, f.Evidence...), "\n")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%s lacks %q:\n%s", id, text, all)
		}
	}
}

func TestExamineNothing(t *testing.T) {
	found, list := examine(t, &scene{}, func(s *Subject) {
		reg := prometheus.NewRegistry()
		reg.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_store_flushes_total"}))
		s.Metrics, _ = reg.Gather()
	})
	says(t, found, "nothing-received", Warning, "clew doctor --pid N")
	says(t, list, "list-instrumented", Problem)
	says(t, list, "list-propagation-http", Skipped)
	says(t, list, "list-dependencies", Skipped)
	says(t, list, "list-sampling", Skipped)
}

func TestExamineWholeTraces(t *testing.T) {
	s := &scene{}
	for i := range 60 {
		s.call("web", "shop", fmt.Sprint("/buy/", i), latest.Add(-time.Duration(i)*time.Minute), 0, false)
	}
	s.add(nil, Service, 1, now.Add(-50*time.Minute), 0)
	found, list := examine(t, s, nil)
	for id, f := range found {
		if f.Result == Problem || slices.Contains(f.Services, Service) || id == "service-silent" {
			t.Errorf("%+v", f)
		}
	}
	says(t, found, "propagation-joined", OK, "60 calls")
	says(t, found, "clock-services", OK, "60 calls")
	says(t, list, "list-instrumented", OK, "web: 120 spans")
	says(t, list, "list-propagation-http", OK, "web to shop: 60 calls in one trace")
	says(t, list, "list-dependencies", OK, "web calls shop: 60 times")
}

func TestExamineBrokenPropagation(t *testing.T) {
	s := &scene{}
	for i := range 20 {
		at := latest.Add(-time.Duration(i) * time.Minute)
		s.call("web", "shop", "/buy", at, 0, true)
		s.call("web", "stock", "/count", at, 0, false)
	}
	// Somebody else asks the shop, at a time when nobody of ours does.
	s.add(nil, "shop", 2, now.Add(-25*time.Minute), time.Millisecond, text("http.request.method", "GET"), text("url.path", "/buy"))
	found, list := examine(t, s, nil)
	says(t, found, "propagation-broken", Problem, "between web and shop, over HTTP", "20 calls", "it is shop that does not take the context up", "shop is to blame first")
	if f := found["propagation-broken"]; !slices.Equal(f.Services, []string{"web", "shop"}) || len(f.Traces) == 0 {
		t.Errorf("%+v", f)
	}
	says(t, list, "list-propagation-http", Problem, "Traces break between web and shop", "web to stock: 20 calls in one trace")
}

func TestExaminePropagationOverGRPC(t *testing.T) {
	s := &scene{}
	method := []span.KeyValue{text("rpc.system", "grpc"), text("rpc.service", "bank.Accounts"), text("rpc.method", "Pay")}
	for i := range 4 {
		at := latest.Add(-time.Duration(i+1) * time.Minute)
		out := s.add(nil, "shop", 3, at, 50*time.Millisecond, method...)
		s.add(out, "bank", 2, at.Add(time.Millisecond), 40*time.Millisecond, method...)
	}
	_, list := examine(t, s, nil)
	says(t, list, "list-propagation-grpc", OK, "shop to bank: 4 calls in one trace")
	says(t, list, "list-propagation-http", Skipped)

	for i := range s.spans {
		s.spans[i].Parent = span.SpanID{}
		s.spans[i].TraceID[15] = byte(i)
	}
	found, list := examine(t, s, nil)
	says(t, found, "propagation-broken", Problem, "between shop and bank, over gRPC", "look at both")
	says(t, list, "list-propagation-grpc", Problem)
}

func TestExamineQuality(t *testing.T) {
	s := &scene{}
	parent := s.add(nil, "web", 2, latest.Add(-time.Minute), time.Second, text("password", "hunter2"))
	s.ids++ // of a span that never comes
	parent.SpanID = span.SpanID{7: 99}
	s.add(parent, "shop", 2, latest.Add(-time.Minute), time.Millisecond)
	s.add(parent, "shop", 2, latest.Add(-time.Second), time.Millisecond) // whose parent may still come
	found, _ := examine(t, s, nil)
	says(t, found, "quality-sensitive", Warning, "web sends secrets")
	says(t, found, "quality-score", OK, "web: 76, Good", "SPA-006")
	says(t, found, "parents-missing", Warning, "The parents of 1 span are not stored", "shop: 1 span")
	for _, f := range found {
		if strings.Contains(fmt.Sprint(f), "hunter2") {
			t.Errorf("a secret is told: %+v", f)
		}
	}
}

// Spans whose parents are on the way, and those of the doctor itself, are not held against anybody.
func TestExamineScore(t *testing.T) {
	s := &scene{}
	s.add(nil, "web", 2, latest.Add(-time.Minute), time.Second)
	before, _ := examine(t, s, nil)
	onTheWay := s.add(nil, "web", 2, latest.Add(-time.Second), time.Second)
	onTheWay.SpanID = span.SpanID{7: 99}
	s.add(onTheWay, "web", 2, latest.Add(-time.Second), time.Millisecond)
	s.add(nil, Service, 2, latest, time.Second, text("password", "hunter2"))
	found, _ := examine(t, s, nil)
	if want, got := before["quality-score"], found["quality-score"]; got.Title != want.Title || !slices.Equal(got.Evidence, want.Evidence) {
		t.Errorf("the score is %+v, want %+v", got, want)
	}
}

func TestExamineLogs(t *testing.T) {
	s := &scene{}
	s.add(nil, "web", 2, latest.Add(-time.Minute), time.Second)
	s.add(nil, "shop", 2, latest.Add(-time.Minute), time.Second)
	records := &scene{}
	records.add(nil, "web", 0, latest.Add(-time.Minute), 0)
	logs := &storetest.Model{}
	storetest.WriteSpans(t, logs, records.spans)
	records.add(&records.spans[0], "stock", 0, latest.Add(-time.Minute), 0)
	storetest.WriteSpans(t, logs, records.spans[1:])
	_, list := examine(t, s, func(s *Subject) { s.Logs = logs })
	says(t, list, "list-logs", Warning, "web: 1 log record with a trace id", "none of shop")
	if traces := list["list-logs"].Traces; len(traces) != 1 {
		t.Errorf("the examples are %v, want one trace", traces)
	}
	_, list = examine(t, s, nil)
	says(t, list, "list-logs", Skipped)
}

func TestExamineClocks(t *testing.T) {
	for name, c := range map[string]struct {
		ahead time.Duration
		want  string
	}{
		"behind": {-5 * time.Second, "The clock of shop on host-shop is off by -5s"},
		"ahead":  {5 * time.Second, "The clock of shop on host-shop is off by +5s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scene{}
			for i := range 5 {
				at := latest.Add(-time.Duration(i+1) * time.Minute)
				s.call("web", "shop", "/buy", at, c.ahead, false)
				s.call("web", "stock", "/count", at, 0, false)
				s.call("shop", "bank", "/pay", at, -c.ahead, false)
			}
			found, _ := examine(t, s, nil)
			says(t, found, "clock-skew", Problem, c.want, "in 5 of 5 calls")
			if f := found["clock-skew"]; !slices.Equal(f.Services, []string{"shop"}) {
				t.Errorf("%v are blamed", f.Services)
			}
		})
	}
}

// Of two services alone nobody knows whose clock is right.
func TestExamineTwoClocks(t *testing.T) {
	s := &scene{}
	s.call("web", "shop", "/buy", latest.Add(-time.Minute), -5*time.Second, false)
	found, _ := examine(t, s, nil)
	says(t, found, "clock-skew", Problem, "The clock of shop on host-shop is off by -5s", "the other one's clock may be to blame: web")
}

func TestExamineHidden(t *testing.T) {
	s := &scene{}
	s.add(nil, "tomorrow", 2, now.Add(24*time.Hour), 0)
	s.add(nil, "seventies", 2, time.Unix(5, 0), 0)
	found, _ := examine(t, s, func(s *Subject) {
		reg := prometheus.NewRegistry()
		spans := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "clew_store_head_spans"}, []string{"tenant"})
		spans.WithLabelValues("acme").Set(7)
		spans.WithLabelValues(store.DefaultTenant).Set(2)
		reg.MustRegister(spans)
		s.Metrics, _ = reg.Gather()
	})
	says(t, found, "clock-future", Problem, "tomorrow: 1 span, the latest begins +24h from")
	says(t, found, "clock-past", Problem, "seventies: 1 span")
	says(t, found, "hidden-tenant", Problem, "acme: 7 spans")
}

// A tenant is not told who the others are.
func TestExamineOtherTenants(t *testing.T) {
	s := &scene{}
	s.add(nil, "web", 2, latest, 0)
	found, _ := examine(t, s, func(s *Subject) {
		reg := prometheus.NewRegistry()
		spans := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "clew_store_head_spans"}, []string{"tenant"})
		spans.WithLabelValues("acme").Set(7)
		spans.WithLabelValues("globex").Set(2)
		reg.MustRegister(spans)
		s.Metrics, _ = reg.Gather()
		s.Operator = false
	})
	says(t, found, "other-tenants", OK, "9 spans of 2 other tenants")
	if text := fmt.Sprint(found); strings.Contains(text, "acme") || strings.Contains(text, "globex") {
		t.Errorf("names of others in %s", text)
	}
}

func TestExamineClockBehind(t *testing.T) {
	taken := func(s *Subject) {
		reg := prometheus.NewRegistry()
		spans := prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_ingest_spans_total", ConstLabels: prometheus.Labels{"protocol": "zipkin"}})
		spans.Add(3)
		reg.MustRegister(spans)
		s.Metrics, _ = reg.Gather()
	}
	s := &scene{}
	s.add(nil, "web", 2, now.Add(-5*time.Hour), 0)
	found, _ := examine(t, s, taken)
	says(t, found, "clock-behind", Problem, "3 spans taken in", "the latest begins 5h ago")
	s.add(nil, "", 2, latest, 0)
	if found, _ := examine(t, s, taken); found["clock-behind"].ID != "" {
		t.Errorf("%+v", found["clock-behind"])
	}
}

func TestExamineServices(t *testing.T) {
	s := &scene{}
	for i := range 400 {
		at := latest.Add(-time.Duration(i) * 15 * time.Second)
		s.add(nil, "steady", 2, at, 0)
		if i > 40 { // ten minutes
			s.add(nil, "stopped", 2, at, 0)
		}
		if i > 300 { // 75 minutes
			s.add(nil, "before", 2, at, 0)
		}
		if i%100 == 0 { // 0, 25, 50 and 75 minutes
			s.add(nil, "seldom", 2, at, 0)
		}
		if i < 20 {
			s.add(nil, "fresh", 2, at, 0)
		}
	}
	s.add(nil, "ancient", 2, now.Add(-9*24*time.Hour), 0)
	e := map[string]string{}
	found, _ := examine(t, s, nil)
	for _, f := range found {
		e[f.ID] = strings.Join(f.Services, " ")
	}
	says(t, found, "service-new", OK, "fresh: first span 4m46s ago, 20 spans since")
	says(t, found, "service-gone", OK, "ancient: last span 9 days ago")
	if e["service-new"] != "fresh" {
		t.Errorf("new are %s", e["service-new"])
	}
	report := silentServices(t, s)
	if want := []string{"stopped has sent nothing for 10m16s", "before has sent nothing for 1h15m"}; !slices.Equal(report, want) {
		t.Errorf("got %q, want %q", report, want)
	}
}

func silentServices(t *testing.T, s *scene) (titles []string) {
	t.Helper()
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, s.spans)
	report, err := Examine(t.Context(), &Subject{Store: m, Tenant: store.DefaultTenant, Within: store.TimeRange{Start: uint64(now.Add(-time.Hour).UnixNano()), End: uint64(now.UnixNano())}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		if f.ID == "service-silent" {
			titles = append(titles, f.Title)
		}
	}
	return titles
}

func TestExamineSampling(t *testing.T) {
	s := &scene{}
	for i := range 5 {
		s.add(nil, "web", 2, latest.Add(-time.Duration(i)*time.Minute), 0)
		s.spans[i].TraceState = "ot=th:fff8"
	}
	found, list := examine(t, s, func(s *Subject) {
		s.Sampling = sample.Overview{
			Default: sample.ServiceStrategy{Type: "probabilistic", Param: 0.0001},
			Services: []sample.ServiceStrategy{
				{Service: "shop", Type: "ratelimiting", Param: 0},
				{Service: "bank", Type: "probabilistic", Param: 1, Operations: []sample.OperationStrategy{{Operation: "GET /health"}}},
			},
		}
	})
	says(t, found, "sampling-zero", Problem, "Processes of shop sample nothing")
	says(t, found, "sampling-tiny", Warning, "0.0001 of their traces")
	says(t, found, "sampling-operation-zero", OK, `sample no "GET /health"`)
	says(t, found, "sampled-rarely", Warning, "web keeps one span in 8192")
	says(t, list, "list-sampling", Problem, "sample nothing")
}

func TestExamineTailSampling(t *testing.T) {
	for _, c := range []struct {
		kept   float64
		result Result
		title  string
	}{{0, Problem, "keeps no trace"}, {1, Warning, "keeps 0.01 % of traces"}, {9999, OK, "keeps 50 % of traces"}} {
		found, _ := examine(t, &scene{}, func(s *Subject) {
			reg := prometheus.NewRegistry()
			traces := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clew_tail_traces_total"}, []string{"policy", "decision"})
			traces.WithLabelValues("errors", "kept").Add(c.kept)
			traces.WithLabelValues("", "dropped").Add(9999)
			reg.MustRegister(traces)
			s.Metrics, _ = reg.Gather()
		})
		says(t, found, "tail-drops", c.result, c.title, "dropped: 9999 traces")
	}
}

func TestExamineReceiving(t *testing.T) {
	reg := prometheus.NewRegistry()
	counter := func(name string, value float64, pairs ...string) {
		labels := prometheus.Labels{}
		for i := 0; i < len(pairs); i += 2 {
			labels[pairs[i]] = pairs[i+1]
		}
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, ConstLabels: labels})
		c.Add(value)
		reg.MustRegister(c)
	}
	counter("clew_ingest_requests_total", 3, "protocol", "otlp-http", "code", "429")
	counter("clew_ingest_requests_total", 2, "protocol", "otlp-grpc", "code", "Unavailable")
	counter("clew_ingest_requests_total", 1, "protocol", "zipkin", "code", "400")
	counter("clew_ingest_requests_total", 9, "protocol", "zipkin", "code", "202")
	counter("clew_ingest_rejected_spans_total", 4, "protocol", "otlp-http", "reason", "trace_id")
	counter("clew_ingest_dropped_packets_total", 5, "protocol", "jaeger-compact", "reason", "queue_full")
	counter("clew_ingest_kafka_lag_messages", 20_000, "topic", "a", "partition", "0")
	counter("clew_ingest_spans_total", 6, "protocol", "zipkin")
	counter("clew_store_wal_errors_total", 7)
	counter("clew_ingest_inflight_bytes", 1_000_000)
	counter("clew_store_damaged_blocks", 8, "tenant", "x")
	found, list := examine(t, &scene{}, func(s *Subject) {
		s.Metrics, _ = reg.Gather()
		s.Status.Kafka = &Kafka{Topics: []string{"a"}, Group: "g"}
		s.Status.Budgets.DiskFree = 1 << 20
	})
	says(t, found, "refused-overload", Problem, "otlp-http 429: 3 requests refused since the server started, 2h ago", "memory.in-flight")
	says(t, found, "refused-unavailable", Problem, "otlp-grpc Unavailable: 2")
	says(t, found, "refused-malformed", Warning, "zipkin 400: 1")
	says(t, found, "spans-rejected", Warning, "otlp-http trace_id: 4")
	says(t, found, "packets-dropped", Problem, "jaeger-compact queue_full: 5")
	says(t, found, "memory-pressure", Warning, "1000000 of 1048576 bytes")
	says(t, found, "kafka-lag", Warning, "20000 messages", "topics a, group g")
	says(t, found, "spans-accepted", OK, "zipkin: 6 spans")
	says(t, found, "disk-errors", Problem, "7 times")
	says(t, found, "blocks-damaged", Problem, "8 damaged")
	says(t, found, "disk-full", Problem, "1 MiB")
	says(t, list, "list-collector", Problem)
}
