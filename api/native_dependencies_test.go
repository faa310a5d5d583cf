package api

import (
	"net/url"
	"reflect"
	"testing"

	"github.com/clewhq/clew/span"
)

func TestNativeDependenciesGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	golden(t, "native_dependencies.json", getOK(t, h, "/api/clew/v1/dependencies"))
}

func graphRows(t *testing.T) []span.Span {
	rows := linkedRows(t, `
		1 0 client web start=1000
		2 1 server shop error start=2000
		3 2 producer shop messaging.system=kafka start=3000
		4 3 consumer mail messaging.system=kafka start=4000`)
	for i := range rows {
		rows[i].End = rows[i].Start + 100
	}
	return rows
}

func TestNativeDependencies(t *testing.T) {
	r := filled(t, graphRows(t)...)
	took := &GraphLatency{1, 100, 100, 100, 100}
	call := GraphEdge{"web", "shop", "call", 1, 1, took, took}
	shop, web, mail := GraphNode{"shop", "service", 2, 1}, GraphNode{"web", "service", 1, 0}, GraphNode{"mail", "service", 1, 0}
	kafka := GraphNode{"kafka", "messaging", 0, 0}
	for _, test := range []struct {
		query url.Values
		nodes []GraphNode
		edges []GraphEdge
	}{
		{nil, []GraphNode{mail, shop, web}, []GraphEdge{{"shop", "mail", "messaging", 1, 0, took, took}, call}},
		{url.Values{"brokers": {"true"}}, []GraphNode{kafka, mail, shop, web}, []GraphEdge{
			{"kafka", "mail", "messaging", 1, 0, nil, took}, {"shop", "kafka", "messaging", 1, 0, took, nil}, call}},
		{url.Values{"start": {"2000"}, "end": {"3000"}}, []GraphNode{{"shop", "service", 1, 1}, {"web", "service", 0, 0}}, []GraphEdge{call}},
		{url.Values{"start": {"1"}, "end": {"2"}}, []GraphNode{}, []GraphEdge{}},
	} {
		got := read[ServiceGraph](t, r, "dependencies", test.query)
		if !reflect.DeepEqual(got.Nodes, test.nodes) || !reflect.DeepEqual(got.Edges, test.edges) {
			t.Errorf("%v:\n got %+v %+v\nwant %+v %+v", test.query, got.Nodes, got.Edges, test.nodes, test.edges)
		}
	}
}

func TestNativeDependenciesTellGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, graphRows(t)...), gaps: []string{"a file is damaged"}}
	if got := read[ServiceGraph](t, r, "dependencies", nil).Gaps; !reflect.DeepEqual(got, r.gaps) {
		t.Errorf("gaps are %v", got)
	}
}
