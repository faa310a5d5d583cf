package main

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// basesOf serves all APIs at one place, those by gRPC at another.
func basesOf(url, grpc string) map[string]string {
	return map[string]string{"jaeger": url, "clew": url, "tempo": url, "zipkin": url, "jaeger-grpc": grpc, "tempo-grpc": grpc}
}

func testQuerier(t *testing.T, grpc, url string) *querier {
	t.Helper()
	r, err := newTraceReader("tempo", url, 1)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s := &searcher{client: newClient(1), bases: basesOf(url, grpc),
		window: timeRange{now.Add(-time.Hour), now.Add(time.Hour)}, metrics: timeRange{now.Add(-time.Hour), now},
		server: &server{client: newClient(1), metrics: url + "/metrics"}}
	q, err := newQuerier(queryConfig{lookups: 20, searches: 3, fresh: 4}, testData, r, s)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func scenariosOf(apis ...string) (list []scenario) {
	for _, sc := range scenarios {
		if slices.Contains(apis, sc.api) {
			list = append(list, sc)
		}
	}
	return list
}

func TestReads(t *testing.T) {
	_, grpc, url := loaded(t)
	list, err := testQuerier(t, grpc, url).reads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2+len(scenarios) {
		t.Fatalf("%d measurements, want %d", len(list), 2+len(scenarios))
	}
	for _, l := range list[:2] {
		if l.Count != 20 || l.P50 <= 0 || l.P50 > l.P95 || l.P95 > l.P99 || l.P99 > l.Max {
			t.Errorf("%+v", l)
		}
	}
	for i, l := range list[2:] {
		sc := scenarios[i]
		if l.Count != 3 || l.Error != "" || l.CPU == nil {
			t.Errorf("%+v", l)
			continue
		}
		cpu, found := 0.0, *l.Found // of the fake
		switch {
		case sc.path == clewSearch, sc.path == tempoSearch, sc.path == tempoMetrics:
			cpu, found = 1, 2
		case strings.HasPrefix(sc.path, "/api/traces/"), strings.HasPrefix(sc.path, "/api/v2/traces/"):
			found = 1
		case sc.path != jaegerSearch:
			found = 2
		case sc.name == "rare value":
			found = 1
		}
		if *l.Found != found || math.Abs(*l.CPU-cpu) > 1e-6 {
			t.Errorf("%s found %v on average, want %v, and took %v ms of CPU, want %v", l.Name, *l.Found, found, *l.CPU, cpu)
		}
	}
}

func TestReadsRefuseWrongData(t *testing.T) {
	f, grpc, url := loaded(t)
	q := testQuerier(t, grpc, url)
	q.cfg.lookups = testTraces
	id := testGenerator(t).Trace(7, nil).ID
	f.change(id, func(s []*trace.Span) []*trace.Span { return s[1:] })
	_, err := q.hits(t.Context())
	contains(t, err, id.String())

	miss, err := dataset{Seed: ^testData.Seed}.generator(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	id = miss.Trace(3, nil).ID
	f.change(id, func([]*trace.Span) []*trace.Span {
		return []*trace.Span{{TraceId: id[:], SpanId: []byte("12345678")}}
	})
	_, err = q.misses(t.Context())
	contains(t, err, "was never sent")
}

func TestFreshness(t *testing.T) {
	f := newFake()
	addr, url := startFake(t, f)
	exp, err := newExporter(addr, "none", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer exp.close()
	list, err := testQuerier(t, addr, url).freshness(t.Context(), exp)
	if err != nil {
		t.Fatal(err)
	}
	if _, traces := f.numSpans(); traces != 8 || len(list) != 2 || list[0].Count != 4 || list[1].Count != 4 {
		t.Errorf("%d traces were sent, measured is %+v", traces, list)
	}
	f.rejected = 1
	_, err = testQuerier(t, addr, url).freshness(t.Context(), exp)
	contains(t, err, "rejected")
}

func TestScenarioURL(t *testing.T) {
	s := &searcher{bases: map[string]string{"jaeger": "http://j:1/", "tempo": "http://t:2", "clew": "http://c:3", "zipkin": "http://z:4"}}
	about := asked{trace: span.TraceID{15: 7}, request: "id-7",
		window: timeRange{time.Unix(10, 0), time.Unix(20, 5000)}, metrics: timeRange{time.Unix(1000, 0), time.Unix(1700, 0)}}
	for _, test := range []struct {
		scenario scenario
		want     string
	}{
		{scenario{api: "jaeger", path: jaegerSearch, params: []string{"service=a b", `tags={"k":"{request}"}`}},
			"http://j:1/api/traces?limit=20&start=10000000&end=20000005&service=a+b&tags=%7B%22k%22%3A%22id-7%22%7D"},
		{scenario{api: "tempo", path: tempoSearch, params: []string{`q={ .k >= 2 }`}},
			"http://t:2/api/search?limit=20&start=10&end=20&q=%7B+.k+%3E%3D+2+%7D"},
		{scenario{api: "clew", path: clewSearch, params: []string{"q=k={request}"}},
			"http://c:3/api/clew/v1/search?limit=20&start=10000000000&end=20000005000&q=k%3Did-7"},
		{scenario{api: "tempo", path: tempoMetrics, params: []string{`q={ } | rate()`}},
			"http://t:2/api/metrics/query_range?step=7s&start=1000&end=1700&q=%7B+%7D+%7C+rate%28%29"},
		{scenario{api: "zipkin", path: "/api/v2/dependencies", params: []string{"{range}"}},
			"http://z:4/api/v2/dependencies?endTs=20000&lookback=10000"},
		{scenario{api: "jaeger", path: "/api/v3/traces", params: []string{"{range}"}},
			"http://j:1/api/v3/traces?query.start_time_min=1970-01-01T00%3A00%3A10Z&query.start_time_max=1970-01-01T00%3A00%3A20Z"},
		{scenario{api: "clew", path: "/api/clew/v1/traces/{trace}"}, "http://c:3/api/clew/v1/traces/00000000000000000000000000000007"},
	} {
		if got := s.url(test.scenario, about); got != test.want {
			t.Errorf("URL %s, want %s", got, test.want)
		}
	}
}

// TestScenariosFit checks that what the scenarios search for was recorded, unless they are to find none.
func TestScenariosFit(t *testing.T) {
	requests, err := recording.Requests()
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.Join(requests, nil)
	words := regexp.MustCompile(`service=([\w-]+)|"([\w.:-]+)"|(?:span|resource)\.([\w.]+)|q=([\w:-]+[.:][\w.:-]+)|=([A-Z0-9]{5,})`)
	checked := 0
	for _, sc := range searches {
		for _, p := range sc.params {
			for _, m := range words.FindAllStringSubmatch(p, -1) {
				word := strings.TrimPrefix(strings.Join(m[1:], ""), "span.")
				if word == "error" || word == "true" {
					continue
				}
				checked++
				if !bytes.Contains(all, []byte(word)) {
					t.Errorf("%s search %s: nothing recorded has %q", sc.api, sc.name, word)
				}
			}
		}
	}
	if checked < len(searches) {
		t.Errorf("%d words found in %d scenarios", checked, len(searches))
	}
}

// TestSearchesKeepTheConnection checks that a search does not pay for a new connection.
func TestSearchesKeepTheConnection(t *testing.T) {
	var clients []string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clients = append(clients, r.RemoteAddr)
		w.Write([]byte(`{"traces":[{},{}],"data":[]}`))
	}))
	defer h.Close()
	s := &searcher{client: newClient(1), bases: map[string]string{"tempo": h.URL}}
	l := s.measure(t.Context(), scenario{api: "tempo", name: "x", path: "/"}, 5, func() asked { return asked{} })
	if l.Error != "" || *l.Found != 2 || l.Count != 5 || len(clients) != 6 || len(slices.Compact(clients)) != 1 {
		t.Errorf("%+v from %v", l, clients)
	}
}
