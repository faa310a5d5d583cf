package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
)

const shopSource = "../../examples/shop"

// shopChain is how the shop's services call one another, up to the one with the queue.
var shopChain = []string{"shopper", "frontend", "api", "stock"}

// shopRun is what is known of one run of the shop.
type shopRun struct {
	*testServer
	visits []shopVisit
	logs   map[string][]shopLine // by trace
	spans  map[string][]shopSpan // by trace
}

// shopLine is a line of a service's log.
type shopLine struct {
	Service, Msg string
	TraceID      string `json:"trace_id"`
	SpanID       string `json:"span_id"`
}

// shopVisit is the line by which a customer tells of a visit.
type shopVisit struct {
	shopLine
	Status                    int
	Tier, Product, Fail, Slow string
}

type shopSpan struct {
	*tracepb.Span
	service string
}

// The example: services in Go, Python and Node, traced by today's SDKs and by
// those of Jaeger's days, over HTTP, gRPC and a queue.
func TestShop(t *testing.T) {
	for _, program := range []string{"node", "npm", "python3"} {
		testkit.Needs(t, program)
	}
	clew, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	// Without cgo, whatever the test is built with: the checks have compiled it so before.
	testkit.Run(t, shopSource, []string{"CGO_ENABLED=0"}, "go", "build", "-o", programs+"/", "./...")

	missing := exec.Command(filepath.Join(programs, "shop"))
	missing.Env = []string{"PATH=" + programs}
	if out, err := missing.CombinedOutput(); err == nil || !strings.Contains(string(out), "node is missing") {
		t.Errorf("without Node.js: %v: %s", err, out)
	}

	for _, form := range []string{"modern", "legacy"} {
		t.Run(form, func(t *testing.T) {
			data := t.TempDir()
			testkit.Run(t, ".", nil, slices.Concat([]string{filepath.Join(programs, "shop"), "-form", form, "-clew", clew, "-source", shopSource,
				"-data", data, "-port", "0", "-visits", "150", "-rate", "40", "--"}, anyPort)...)
			shop := readShop(t, data)
			for _, v := range shop.visits {
				shop.checkVisit(t, v)
			}
			shop.checkQueries(t)
			shop.checkGraph(t)
			if form == "modern" {
				shop.checkLogsInClew(t)
			} else {
				checkShopSendsByUDP(t)
			}
		})
	}
}

// checkShopSendsByUDP checks that Python's exporter keeps to the agent when the collector's address, which is for Node's, is set too.
func checkShopSendsByUDP(t *testing.T) {
	t.Helper()
	python := filepath.Join(shopSource, "python")
	packages := testkit.Installed(t, []string{filepath.Join(python, "legacy", "requirements.txt")}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
	got := testkit.Run(t, filepath.Join(python, "legacy"), []string{
		"PYTHONPATH=" + packages + ":..", "PYTHONWARNINGS=ignore", "OTEL_SERVICE_NAME=api",
		"OTEL_EXPORTER_JAEGER_ENDPOINT=http://127.0.0.1:1/api/traces",
	}, "python3", "-c", "import telemetry; print(telemetry.exporter.collector_endpoint)")
	if !strings.Contains(got, "None") {
		t.Errorf("Python's exporter sends to %s, not to the agent", got)
	}
}

// readShop reads the shop's log, and its spans from a server on its data.
func readShop(t *testing.T, data string) *shopRun {
	t.Helper()
	s := &shopRun{testServer: startServer(t, "--data-dir", filepath.Join(data, "clew")), logs: map[string][]shopLine{}, spans: map[string][]shopSpan{}}
	f, err := os.Open(filepath.Join(data, "shop.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v shopVisit
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Errorf("no line of JSON: %s", lines.Text())
			continue
		}
		if v.TraceID != "" {
			s.logs[v.TraceID] = append(s.logs[v.TraceID], v.shopLine)
		}
		if v.Msg == "visit" {
			s.visits = append(s.visits, v)
		}
	}
	if len(s.visits) != 150 {
		t.Fatalf("%d visits, want 150", len(s.visits))
	}
	for _, v := range s.visits {
		id, err := span.ParseTraceID(v.TraceID)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range s.readTrace(t, id) {
			for _, scope := range resource.GetScopeSpans() {
				for _, one := range scope.GetSpans() {
					s.spans[v.TraceID] = append(s.spans[v.TraceID], shopSpan{one, textOf(resource.GetResource().GetAttributes(), "service.name")})
				}
			}
		}
	}
	return s
}

// checkVisit holds the trace of a visit and its logs against what the customer did and was answered.
func (s *shopRun) checkVisit(t *testing.T, v shopVisit) {
	t.Helper()
	packed := v.Status == http.StatusCreated // or it would have been, if the worker had not failed
	want := http.StatusCreated
	switch {
	case v.Fail == "frontend":
		want = http.StatusInternalServerError
	case v.Fail == "api" || v.Fail == "stock":
		want = http.StatusBadGateway
	case v.Product == "samovar":
		want = http.StatusConflict
	}
	if v.Status != want {
		t.Errorf("%+v: want status %d", v, want)
	}
	services := slices.Clone(shopChain)
	if packed {
		services = append(services, "worker")
	}

	spans := s.spans[v.TraceID]
	byID, reached, failed := map[string]shopSpan{}, map[string]bool{}, map[string]bool{}
	for _, one := range spans {
		byID[string(one.SpanId)] = one
		reached[one.service] = true
		if one.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			failed[one.service] = true
		}
	}
	if !maps.Equal(reached, setOf(services...)) {
		t.Errorf("%+v: spans of %v, want %v", v, reached, services)
	}
	roots := 0
	for _, one := range spans {
		if len(one.ParentSpanId) == 0 {
			roots++
		} else if byID[string(one.ParentSpanId)].Span == nil {
			t.Errorf("%+v: the parent of %s %s is missing", v, one.service, one.Name)
		}
		if one.TraceState != "ot=th:0" {
			t.Errorf("%+v: %s %s has the trace state %q", v, one.service, one.Name, one.TraceState)
		}
		if tier := textOf(one.Attributes, "user.tier"); tier != v.Tier {
			t.Errorf("%+v: %s %s has the tier %q", v, one.service, one.Name, tier)
		}
		if one.Kind == tracepb.Span_SPAN_KIND_CONSUMER {
			sent := byID[string(one.ParentSpanId)]
			if sent.Span == nil || sent.Kind != tracepb.Span_SPAN_KIND_PRODUCER || len(one.Links) != 1 || string(one.Links[0].SpanId) != string(sent.SpanId) {
				t.Errorf("%+v: %s is not below what was sent, and linked to it: %v", v, one.Name, one.Links)
			}
		}
	}
	if roots != 1 {
		t.Errorf("%+v: %d roots", v, roots)
	}
	if spread := s.failing(v); !maps.Equal(failed, spread) && v.Status != http.StatusConflict { // whether that is an error is the SDKs' to say
		t.Errorf("%+v: errors in %v, want %v", v, failed, spread)
	}

	logged := map[string]bool{}
	for _, line := range s.logs[v.TraceID] {
		logged[line.Service] = true
		if id, err := span.ParseSpanID(line.SpanID); err != nil || byID[string(id[:])].service != line.Service {
			t.Errorf("%+v: the line %+v is on no span of its service", v, line)
		}
	}
	if packed && !maps.Equal(logged, setOf(services...)) {
		t.Errorf("%+v: logs of %v, want %v", v, logged, services)
	}
}

// failing returns the services to which a failure spreads: all callers, but not over the queue.
func (s *shopRun) failing(v shopVisit) map[string]bool {
	if v.Fail == "worker" && v.Status == http.StatusCreated {
		return setOf("worker")
	}
	return setOf(shopChain[:slices.Index(shopChain, v.Fail)+1]...)
}

// checkQueries looks for failures and waits as a person would.
func (s *shopRun) checkQueries(t *testing.T) {
	t.Helper()
	for _, service := range []string{"frontend", "api", "stock", "worker"} {
		slow, failed := map[string]bool{}, map[string]bool{}
		for _, v := range s.visits {
			waits := v.Slow == service && (service != "worker" || v.Status == http.StatusCreated)
			if waits {
				slow[v.TraceID] = true
			}
			if s.failing(v)[service] {
				failed[v.TraceID] = true
			}
		}
		if len(slow) == 0 || len(failed) == 0 {
			t.Fatalf("%s: %d visits were slow and %d failed: take another seed, or more visits", service, len(slow), len(failed))
		}
		found := s.find(t, "service="+service+" duration > 1s") // a busy machine may be slow by itself
		for id := range slow {
			if !found[id] {
				t.Errorf("%s: trace %s is not found by its duration", service, id)
			}
		}
		if service == "frontend" || service == "api" { // speak HTTP
			if found := s.find(t, "service="+service+" error=true tags.http.status_code >= 500"); !maps.Equal(found, failed) {
				t.Errorf("%s: %d traces are found by the status of a failure, want %d", service, len(found), len(failed))
			}
		} else if found := s.find(t, "service="+service+" error=true"); !maps.Equal(found, failed) {
			t.Errorf("%s: %d traces are found as failed, want %d", service, len(found), len(failed))
		}
	}
}

// find returns the ids of the traces that a query finds.
func (s *shopRun) find(t *testing.T, query string) map[string]bool {
	t.Helper()
	var answer api.SearchResult
	s.getJSON(t, "/api/clew/v1/search?limit=1000&q="+url.QueryEscape(query), &answer)
	found := map[string]bool{}
	for _, trace := range answer.Traces {
		found[trace.TraceID] = true
	}
	return found
}

func (s *shopRun) checkGraph(t *testing.T) {
	t.Helper()
	var graph api.ServiceGraph
	s.getJSON(t, "/api/clew/v1/dependencies", &graph)
	got := map[string]bool{}
	for _, e := range graph.Edges {
		got[e.Caller+" "+e.Connection+" "+e.Callee] = true
	}
	want := setOf("shopper call frontend", "frontend call api", "api call stock", "stock database sqlite", "stock messaging worker")
	if !maps.Equal(got, want) {
		t.Errorf("who calls whom: got %v, want %v", got, want)
	}
}

// checkLogsInClew reads the logs that SDKs sent, with their traces.
func (s *shopRun) checkLogsInClew(t *testing.T) {
	t.Helper()
	for _, v := range s.visits {
		if v.Status != http.StatusCreated {
			continue
		}
		on := map[string]string{} // the service of a span
		for _, one := range s.spans[v.TraceID] {
			on[span.SpanID(one.SpanId).String()] = one.service
		}
		services := map[string]bool{}
		for _, record := range s.logsOf(t, v.TraceID).Logs {
			services[record.Service] = true
			if on[record.SpanID] != record.Service {
				t.Errorf("%+v: %q is on no span of %s", v, record.Text, record.Service)
			}
		}
		if want := setOf(append(slices.Clone(shopChain), "worker")...); !maps.Equal(services, want) {
			t.Errorf("%+v: logs of %v, want %v", v, services, want)
		}
	}
}

func (s *testServer) getJSON(t *testing.T, path string, into any) {
	t.Helper()
	code, body := get(t, s.url("http", path))
	if err := json.Unmarshal(body, into); err != nil || code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, code, body)
	}
}

// textOf returns the text of an attribute; "" if it is not there.
func textOf(attrs []*commonpb.KeyValue, key string) string {
	for _, kv := range attrs {
		if kv.GetKey() == key {
			return kv.GetValue().GetStringValue()
		}
	}
	return ""
}

func setOf(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}
