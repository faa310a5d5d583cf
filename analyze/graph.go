// Package analyze answers questions about what stored spans mean together. Its
// rooms do not know each other: graph*.go is who calls whom, services*.go how
// services did, trace*.go what happened in a trace, diff*.go how two traces differ,
// differs*.go what differs between sets of spans, survey*.go who sends spans, and by which clock.
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
	// Brokers: messages go to the node of their broker and from there on, as far as the spans
	// name it. Without it the calls are from producer to consumer, and brokers stand
	// only for the side that is not there.
	Brokers bool
	// Direct: with Brokers, a consumer that names none got its message from the one that its producer names, or else from
	// whoever is above it.
	Direct bool
	// Queues: brokers are named by the queue or topic, where spans name it, and else by what system they are.
	Queues bool
}

// view returns how messages are seen.
func (o GraphOptions) view() views {
	if o.Brokers {
		return brokered
	}
	return direct
}

const (
	// maxNames bounds the nodes, and the edges too.
	maxNames = 100_000
	// maxGraphBytes bounds the memory of the distributions: of those that workers make of some chunks, of
	// those of all chunks before, and of the sum of all.
	maxGraphBytes = 96 << 20
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
// other spans of their traces help to tell who is meant. Spans, calls and durations
// count by how many spans a sampled one stands for.
func Dependencies(ctx context.Context, r store.Reader, tenant string, within store.TimeRange, opts GraphOptions) (*Graph, error) {
	opts.Direct = opts.Direct && opts.Brokers
	workers := make(graphWorkers, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	for i := range workers {
		workers[i].linker = newLinker(within, opts, newSums(len(workers), allViews))
		workers[i].total = newSums(len(workers), opts.view())
	}
	q := &store.Query{
		Range:   within,
		Columns: append(peerFields(), kindField, statusField, durationField, serviceField, traceStateField, linkTrace, linkSpan),
		Keep: &store.Keep{
			As: fmt.Sprintf("graph %d, queues %t, direct %t", sheetVersion, opts.Queues, opts.Direct), Begin: workers.settle, End: workers.end, Again: workers.again,
			Pack: func(made any) []byte { return made.(*sheet).pack() }, Unpack: unpackSheet,
		},
	}
	result, err := r.Scan(ctx, tenant, q, workers.observe)
	if err != nil {
		return nil, err
	}
	total := newSums(1, opts.view())
	for i := range workers {
		workers.settle(i)
		if err := workers[i].total.err(); err != nil {
			return nil, err
		}
		total.add(workers[i].total.cut())
	}
	total.join()
	if err := total.err(); err != nil {
		return nil, err
	}
	g := total.graph()
	g.Gaps, g.Stats = result.Gaps, result.Stats
	if total.short {
		g.Gaps = append(slices.Clip(g.Gaps), gapMessages)
	}
	return g, nil
}

// KeepGraph has a store that can keep what Dependencies makes of its spans, without Direct and Queues, do so.
func KeepGraph(ctx context.Context, r store.Reader, tenant string) error {
	_, err := Dependencies(ctx, r, tenant, store.TimeRange{}, GraphOptions{})
	return err
}

// graphWorkers add up what they see.
type graphWorkers []struct {
	linker *linker
	total  *sums // without what is still in the linker
}

func (w graphWorkers) observe(worker int, c store.Chunk) error {
	if err := w[worker].total.err(); err != nil {
		return err
	}
	return w[worker].linker.observe(c)
}

func (w graphWorkers) settle(worker int) { w[worker].total.add(w[worker].linker.cut()) }

// end returns what was found since settle, for the store to keep.
func (w graphWorkers) end(worker int) (made any, bytes int) {
	found := w[worker].linker.cut()
	w[worker].total.add(found)
	return found, found.size()
}

// again adds what was found in the same chunks before.
func (w graphWorkers) again(worker int, made any) error {
	w[worker].total.add(made.(*sheet))
	return w[worker].total.err()
}

// graph returns the nodes that sent spans in the range or have an edge, and the edges.
func (s *sums) graph() *Graph {
	g := &Graph{Nodes: []Node{}, Edges: make([]Edge, 0, len(s.tallies))}
	connected := make([]bool, len(s.nodes))
	for key, t := range s.tallies {
		caller, callee, via, _ := key.parts()
		connected[caller], connected[callee] = true, true
		g.Edges = append(g.Edges, Edge{
			Caller: s.nodes[caller].name, Callee: s.nodes[callee].name, Connection: via,
			Calls: rounded(t.calls), Errors: rounded(t.errors), Client: t.client.latency(), Server: t.server.latency(),
		})
	}
	for i, n := range s.nodes {
		if n.name != "" && (n.spans > 0 || connected[i]) {
			g.Nodes = append(g.Nodes, Node{Name: n.name, Kind: n.kindIn(s.view), Spans: rounded(n.spans), Errors: rounded(n.errors)})
		}
	}
	slices.SortFunc(g.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Connection, b.Connection))
	})
	return g
}
