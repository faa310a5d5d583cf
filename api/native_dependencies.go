package api

import (
	"net/http"

	"github.com/clewhq/clew/analyze"
)

// ServiceGraph is who called whom.
type ServiceGraph struct {
	Nodes []GraphNode `json:"nodes"` // sorted by name
	Edges []GraphEdge `json:"edges"` // sorted by caller, callee, connection
	// Gaps names what could not be read; if there are any, calls may be missing.
	Gaps  []string `json:"gaps,omitempty"`
	Stats Stats    `json:"stats"`
}

// GraphNode is a service, or somebody that only the spans of services tell of.
type GraphNode struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // service, database, messaging or external
	// Spans and Errors are those it sent; 0 if it sends none.
	Spans  uint64 `json:"spans"`
	Errors uint64 `json:"errors"`
}

// GraphEdge is all calls of one node by another.
type GraphEdge struct {
	Caller     string `json:"caller"`
	Callee     string `json:"callee"`
	Connection string `json:"connection"` // call, messaging or database
	Calls      uint64 `json:"calls"`
	Errors     uint64 `json:"errors"` // calls that failed in the eyes of either side
	// How long calls took for the caller and the callee; not there if that side sent no spans.
	Client *GraphLatency `json:"client,omitempty"`
	Server *GraphLatency `json:"server,omitempty"`
}

// GraphLatency is a distribution of durations.
type GraphLatency struct {
	Count uint64 `json:"count"`
	P50   uint64 `json:"p50Nanos,string"`
	P95   uint64 `json:"p95Nanos,string"`
	P99   uint64 `json:"p99Nanos,string"`
	Max   uint64 `json:"maxNanos,string"`
}

func (n *native) dependencies(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := nativeParams(r, "start", "end", "brokers")
	if err != nil {
		return err
	}
	within, err := p.nativeRange()
	if err != nil {
		return err
	}
	brokers, err := p.boolean("brokers")
	if err != nil {
		return err
	}
	found, err := analyze.Dependencies(r.Context(), n.store, tenant, within, analyze.GraphOptions{Brokers: brokers, Direct: brokers, Queues: brokers})
	if err != nil {
		return err
	}
	return writeJSON(w, serviceGraph(found))
}

func serviceGraph(found *analyze.Graph) *ServiceGraph {
	g := &ServiceGraph{
		Nodes: make([]GraphNode, 0, len(found.Nodes)), Edges: make([]GraphEdge, 0, len(found.Edges)),
		Gaps: found.Gaps, Stats: Stats(found.Stats),
	}
	for _, n := range found.Nodes {
		g.Nodes = append(g.Nodes, GraphNode{Name: n.Name, Kind: n.Kind.String(), Spans: n.Spans, Errors: n.Errors})
	}
	for _, e := range found.Edges {
		g.Edges = append(g.Edges, GraphEdge{
			Caller: e.Caller, Callee: e.Callee, Connection: e.Connection.String(), Calls: e.Calls, Errors: e.Errors,
			Client: graphLatency(e.Client), Server: graphLatency(e.Server),
		})
	}
	return g
}

func graphLatency(l analyze.Latency) *GraphLatency {
	if l.Count == 0 {
		return nil
	}
	return &GraphLatency{Count: l.Count, P50: l.P50, P95: l.P95, P99: l.P99, Max: l.Max}
}
