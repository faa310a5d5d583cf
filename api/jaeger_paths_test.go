package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// pathRows are two traces of four services: web calls shop for two things, which calls mail, by messages, and db.
func pathRows() []span.Span {
	var rows []span.Span
	for trace := byte(1); trace <= 2; trace++ {
		for i, line := range []string{"1 0 web internal get", "2 1 web client call", "3 2 shop server buy", "4 3 shop internal think",
			"5 4 mail consumer send", "6 3 db server query", "7 1 shop server look", "8 7 db client none"} {
			var id, parent byte
			var service, kind, name string
			fmt.Sscan(line, &id, &parent, &service, &kind, &name)
			if trace == 2 && id == 6 {
				continue
			}
			start := uint64(recordedAt.UnixNano()) - 1e9 + uint64(trace)*1e6 + uint64(i)
			rows = append(rows, span.Span{TraceID: span.TraceID{15: trace}, SpanID: span.SpanID{7: id}, Parent: span.SpanID{7: parent}, Name: name,
				Kind: int32(slices.Index(kindNames, kind)), Start: start, End: start + 10,
				Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}}})
		}
	}
	return rows
}

func TestJaegerDeepDependencies(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, pathRows()...))
	for query, want := range map[string][]string{
		"service=shop":                        {"web:get > shop:buy > mail:send (2)", "web:get > shop:look (2)", "web:get > shop:buy > db:query (1)"},
		"service=shop&operation=look&start=0": {"web:get > shop:look (2)"},
		"service=mail&end=1752256799001500":   {"web:get > shop:buy > mail:send (1)"},
		"service=db":                          {"web:get > shop:buy > db:query (1)"},
		"service=nobody":                      nil,
	} {
		for _, path := range []string{"/api/deep-dependencies?", "/analytics/v1/dependencies?"} {
			var found struct{ Dependencies []servicePath }
			parse(t, getOK(t, h, path+query), &found)
			var got []string
			for _, p := range found.Dependencies {
				var steps []string
				for _, s := range p.Path {
					steps = append(steps, s.Service+":"+s.Operation)
				}
				exemplar := p.Attributes[0]
				got = append(got, fmt.Sprintf("%s (%s)", strings.Join(steps, " > "), strings.TrimLeft(exemplar.Value, "0")))
				if exemplar.Key != "exemplar_trace_id" {
					t.Errorf("attribute %q", exemplar.Key)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
	}
	if w := get(t, h, "/api/deep-dependencies"); w.Code != 400 || !strings.Contains(w.Body.String(), "parameter 'service' is required") {
		t.Errorf("without a service: status %d: %s", w.Code, w.Body)
	}
	if w := get(t, h, "/api/quality-metrics?service=shop"); w.Code != 501 || !strings.Contains(w.Body.String(), `"msg":"quality metrics are not computed"`) {
		t.Errorf("quality metrics: status %d: %s", w.Code, w.Body)
	}
}

// TestJaegerDeepDependenciesAreBounded asks where there is more than is looked at.
func TestJaegerDeepDependenciesAreBounded(t *testing.T) {
	var rows []span.Span
	for i := range 10_000 {
		rows = append(rows, span.Span{TraceID: span.TraceID{14: byte(i % 250 / 200), 15: byte(i%200 + 1)}, SpanID: span.SpanID{6: byte(i >> 8), 7: byte(i), 0: 1}, Kind: kindServer,
			Name: fmt.Sprint(i), Start: uint64(recordedAt.UnixNano()) - 1e9, End: uint64(recordedAt.UnixNano()),
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("a")}}}})
	}
	w := get(t, NewJaeger(testConfig(), filled(t, rows...)), "/api/deep-dependencies?service=a")
	var found struct{ Dependencies []servicePath }
	parse(t, w.Body.Bytes(), &found)
	gaps := strings.Join(w.Header()[gapHeader], "; ")
	if len(found.Dependencies) != maxPaths || !strings.Contains(gaps, "more traces than the newest 200") || !strings.Contains(gaps, "more paths than the 1000 told") {
		t.Errorf("%d paths, gaps %q", len(found.Dependencies), gaps)
	}
}
