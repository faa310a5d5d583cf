// Package analyze answers questions about what stored spans mean together. Its
// rooms do not know each other: graph*.go is who calls whom, services*.go how
// services did.
package analyze

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/clewhq/clew/store"
)

// Graph is who called whom, and how that went.
type Graph struct {
	Nodes []Node // sorted by name
	Edges []Edge // sorted by caller, callee, connection
	// Gaps is as in store.ScanResult: if there are any, calls may be missing.
	Gaps  []string
	Stats store.ScanStats
}

// Node is a service, or somebody that only the spans of services tell of.
type Node struct {
	Name          string
	Kind          NodeKind
	Spans, Errors uint64 // of its own; 0 if it sends none
}

// NodeKind says what a node is.
type NodeKind uint8

// The kinds of nodes. Who sends spans is a service; else the later kind wins.
const (
	External NodeKind = iota // named by somebody who called it, or was called by it
	Messaging
	Database
	Service
)

// Connection says in which way one node called another.
type Connection uint8

// The ways of calling.
const (
	Call Connection = iota
	Message
	Query
)

var (
	nodeKinds   = [...]string{External: "external", Messaging: "messaging", Database: "database", Service: "service"}
	connections = [...]string{Call: "call", Message: "messaging", Query: "database"}
)

func (k NodeKind) String() string   { return nodeKinds[k] }
func (c Connection) String() string { return connections[c] }

// Edge is all calls of one node by another.
type Edge struct {
	Caller, Callee string
	Connection     Connection
	// Calls that failed in the eyes of either side are Errors.
	Calls, Errors uint64
	// Client and Server are how long the calls took for the caller and the callee.
	// Each has the calls of which that side sent its span.
	Client, Server Latency
}

// GraphOptions says how calls are seen.
type GraphOptions struct {
	// Brokers: messages go to the node of their broker and from there on, where the spans
	// name it. Without it the calls are from producer to consumer, and brokers stand
	// only for the side that is not there.
	Brokers bool
}

const (
	// maxNames bounds the nodes, and the edges too.
	maxNames = 100_000
	// maxGraphBytes bounds the memory of the distributions.
	maxGraphBytes = 256 << 20
)

var (
	errTooLarge = fmt.Errorf("%w: more than %d services or links between them; narrow the time range", store.ErrTooLarge, maxNames)
	errTooLong  = fmt.Errorf("%w: latencies of the links between services take more than %d MiB; narrow the time range", store.ErrTooLarge, maxGraphBytes>>20)
)

var (
	linkTrace = store.Of(store.LinkTraceID)
	linkSpan  = store.Of(store.LinkSpanID)
)

// Dependencies finds the calls that spans which start within a range tell of. The
// other spans of their traces help to tell who is meant.
func Dependencies(ctx context.Context, r store.Reader, tenant string, within store.TimeRange, opts GraphOptions) (*Graph, error) {
	q := &store.Query{
		Range:   within,
		Columns: append(peerFields(), kindField, statusField, durationField, serviceField, linkTrace, linkSpan),
	}
	workers := make([]*linker, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	result, err := r.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error {
		if workers[worker] == nil {
			workers[worker] = newLinker(within, opts, maxGraphBytes/len(workers))
		}
		return workers[worker].observe(c)
	})
	if err != nil {
		return nil, err
	}
	m := merger{nodes: map[string]*Node{}, edges: map[edgeName]*tally{}}
	for _, w := range workers {
		if w == nil {
			continue
		}
		if err := m.add(w); err != nil {
			return nil, err
		}
	}
	g := m.graph()
	g.Gaps, g.Stats = result.Gaps, result.Stats
	return g, nil
}

// merger brings together what linkers found.
type merger struct {
	nodes map[string]*Node
	edges map[edgeName]*tally
}

type edgeName struct {
	caller, callee string
	connection     Connection
}

func (m *merger) add(l *linker) error {
	for i, n := range l.nodes {
		if i == 0 {
			continue // those without a name
		}
		sum := m.nodes[n.Name]
		if sum == nil {
			sum = &Node{Name: n.Name}
			m.nodes[n.Name] = sum
		}
		sum.Kind = max(sum.Kind, n.Kind)
		sum.Spans += n.Spans
		sum.Errors += n.Errors
	}
	for _, t := range l.tallies {
		caller, callee, connection := t.key.parts()
		name := edgeName{l.nodes[caller].Name, l.nodes[callee].Name, connection}
		if sum := m.edges[name]; sum != nil {
			sum.merge(t)
		} else {
			m.edges[name] = t
		}
	}
	if len(m.nodes) > maxNames || len(m.edges) > maxNames {
		return errTooLarge
	}
	return nil
}

// graph returns the nodes that sent spans in the range or have an edge, and the edges.
func (m *merger) graph() *Graph {
	g := &Graph{Nodes: []Node{}, Edges: make([]Edge, 0, len(m.edges))}
	connected := map[string]bool{}
	for name, t := range m.edges {
		connected[name.caller], connected[name.callee] = true, true
		g.Edges = append(g.Edges, Edge{
			Caller: name.caller, Callee: name.callee, Connection: name.connection,
			Calls: t.calls, Errors: t.errors, Client: t.client.latency(), Server: t.server.latency(),
		})
	}
	for _, n := range m.nodes {
		if n.Spans > 0 || connected[n.Name] {
			g.Nodes = append(g.Nodes, *n)
		}
	}
	slices.SortFunc(g.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Connection, b.Connection))
	})
	return g
}
