package derive

import (
	"cmp"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

// Connection types, as Tempo labels them. Calls between services have none.
const (
	virtualNode     = "virtual_node"
	messagingSystem = "messaging_system"
	databaseNode    = "database"
)

// unknownCaller is the name of who calls a service from outside and sends no spans.
const unknownCaller = "user"

// OTLP's kinds of spans.
const (
	kindServer   = 2
	kindClient   = 3
	kindProducer = 4
	kindConsumer = 5
)

// edge is all calls with the same labels.
type edge struct {
	values           []string
	requests, failed float64
	client, server   *histogram
	message          *histogram // nil: there are none
	seen             int64      // unix nanoseconds
}

// graph has the service graph of one tenant. It belongs to its tenant's lock.
type graph struct {
	cfg     *Config
	names   []string // of the labels
	calls   calls
	edges   map[string]*edge // by key
	rest    *edge            // counts what has no edge of its own
	dropped float64          // spans for which there was no room
	single  float64          // spans whose other side did not come
	created int64            // unix nanoseconds

	texts      names
	peers      keySet
	databases  keySet
	addresses  keySet
	dimensions keySet
	shared     keySet
	key        []byte // scratch
	text       []byte
}

// What names a database, by whether there is any the span is a call of one; and what comes before it as its name.
var (
	databaseKeys = []string{"db.namespace", "db.name", "db.system", "db.system.name"}
	addressKeys  = []string{"peer.service", "server.address", "network.peer.address", "network.peer.port"}
)

const (
	networkPeerAddress = 2 // place in addressKeys
	networkPeerPort    = 3
)

func newGraph(cfg *Config, texts names) *graph {
	return &graph{
		cfg: cfg, names: cfg.edgeNames(), calls: newCalls(), edges: map[string]*edge{}, texts: texts, created: cfg.Now().UnixNano(),
		peers: newKeySet(cfg.Peers...), databases: newKeySet(databaseKeys...), addresses: newKeySet(addressKeys...),
		dimensions: newKeySet(cfg.GraphDimensions...), shared: newKeySet("zipkin.shared"),
	}
}

// begin prepares for the spans of a batch.
func (g *graph) begin(b *span.Batch) {
	g.peers.resolve(b)
	g.databases.resolve(b)
	g.addresses.resolve(b)
	g.dimensions.resolve(b)
	g.shared.resolve(b)
}

// observe adds span i of a batch, if it is one side of a call.
func (g *graph) observe(b *span.Batch, i int, service string, weight float64, e *exemplar, now int64) {
	kind := b.Kinds[i]
	if service == "" || kind < kindServer || kind > kindConsumer {
		return
	}
	caller := kind == kindClient || kind == kindProducer
	shared := !caller && g.isShared(b, i)
	at := g.find(b, i, caller, shared)
	if at == noCall {
		if !caller && b.Parents[i].IsZero() && (!shared && !mayShare(b.TraceIDs[i], b.SpanIDs[i]) || g.calls.len() >= g.cfg.MaxCalls/2) {
			g.outside(b, i, service, weight, e, now)
			return
		}
		if at = g.wait(b, i, caller, shared, now); at == noCall {
			return
		}
	}
	c := g.calls.at(at)
	if caller {
		g.caller(b, i, c, service)
	} else {
		g.callee(b, i, c, service)
	}
	g.add(b, i, c, weight, e)
	if c.client != "" && c.server != "" {
		g.count(c, now)
		g.calls.end(at)
	}
}

// isShared reports whether a callee's span says that it has the id of the caller's.
func (g *graph) isShared(b *span.Batch, i int) bool {
	t, bits, ok := g.shared.find(b, b.Attrs[i], 0)
	return ok && t == span.Bool && bits != 0
}

// mayShare reports whether a root's id may be that of its caller's span too. Zipkin's clients share them: their trace ids have
// 64 bits, or end in the id of the root. Those of OpenTelemetry have neither, so their roots need not wait.
func mayShare(trace span.TraceID, id span.SpanID) bool {
	high, _ := trace.Uint64s()
	return high == 0 || span.SpanID(trace[8:]) == id
}

// find returns the call that waits for a span: the callee's has the caller's as
// its parent, or, from Zipkin's clients, the id of the caller's and most often its parent. There several
// callees may have one parent: the first waits by its parent's id, others by their own.
func (g *graph) find(b *span.Batch, i int, caller, shared bool) int32 {
	trace, id, parent := b.TraceIDs[i], b.SpanIDs[i], b.Parents[i]
	if at := g.calls.of(edgeKey{trace, id}); at != noCall && (caller || g.calls.at(at).takes(id)) {
		return at
	}
	if parent.IsZero() || shared {
		return noCall
	}
	at := g.calls.of(edgeKey{trace, parent})
	if at == noCall {
		return noCall
	}
	c := g.calls.at(at)
	if caller && (c.client != "" || c.callee != id) || !caller && !c.takes(id) {
		return noCall
	}
	return at
}

// wait begins the call of a span whose other side has not come.
func (g *graph) wait(b *span.Batch, i int, caller, shared bool, now int64) int32 {
	key := edgeKey{b.TraceIDs[i], b.SpanIDs[i]}
	parent := edgeKey{b.TraceIDs[i], b.Parents[i]}
	if !caller && !shared && !parent.span.IsZero() && g.calls.of(parent) == noCall {
		key = parent
	}
	switch {
	case g.calls.of(key) != noCall: // both ids wait for others
		g.single++
		return noCall
	case g.calls.len() >= g.cfg.MaxCalls:
		g.dropped++
		return noCall
	}
	return g.calls.begin(key, now+int64(g.cfg.CallWait))
}

// outside counts the request of a root at once: there will be no span of who sent it, or half of the places for calls that
// wait are taken, and the others are for those that know that there is somebody to wait for.
func (g *graph) outside(b *span.Batch, i int, service string, weight float64, e *exemplar, now int64) {
	var c call
	g.callee(b, i, &c, service)
	g.add(b, i, &c, weight, e)
	g.countOutside(&c, now)
}

// countOutside counts a request whose sender sends no spans.
func (g *graph) countOutside(c *call, now int64) {
	c.client, c.connection, c.virtual, c.clientTook = c.outside, virtualNode, "client", c.serverTook
	g.count(c, now)
}

func (g *graph) caller(b *span.Batch, i int, c *call, service string) {
	c.client, c.clientTook, c.sent = service, seconds(b, i), b.Ends[i]
	if b.Kinds[i] == kindProducer {
		c.connection = messagingSystem
	}
	g.addDimensions(b, i, c, 0)
	// A database sends no spans: the client's is all that there will be.
	if name := g.database(b, i); name != "" {
		c.server, c.serverTook, c.connection = name, c.clientTook, databaseNode
		return
	}
	if c.server == "" {
		c.peer = g.first(b, i, &g.peers)
	}
}

func (g *graph) callee(b *span.Batch, i int, c *call, service string) {
	c.server, c.callee, c.serverTook, c.taken = service, b.SpanIDs[i], seconds(b, i), b.Starts[i]
	if b.Kinds[i] == kindConsumer {
		c.connection = messagingSystem
	}
	if b.Parents[i].IsZero() && c.client == "" {
		c.outside = cmp.Or(g.first(b, i, &g.peers), unknownCaller)
	}
	g.addDimensions(b, i, c, 1)
}

func (g *graph) add(b *span.Batch, i int, c *call, weight float64, e *exemplar) {
	c.weight = max(c.weight, weight)
	c.failed = c.failed || b.Statuses[i] == 2
	c.exemplar = *e
}

// database returns the name of the database that a span calls, "" if it calls none.
func (g *graph) database(b *span.Batch, i int) string {
	name := g.first(b, i, &g.databases)
	if name == "" {
		return ""
	}
	attrs := b.Attrs[i]
	for k := range g.addresses.names[:networkPeerPort] {
		g.text, _ = g.addresses.text(g.text[:0], b, attrs, k)
		if len(g.text) == 0 {
			continue
		}
		if k == networkPeerAddress {
			address := len(g.text)
			g.text = append(g.text, ':')
			if port, ok := g.addresses.text(g.text, b, attrs, networkPeerPort); ok {
				g.text = port
			} else {
				g.text = g.text[:address]
			}
		}
		return g.texts.of(g.text)
	}
	return name
}

// first returns the first of a span's attributes with the keys that has a text.
func (g *graph) first(b *span.Batch, i int, keys *keySet) string {
	for k := range keys.names {
		if g.text, _ = keys.text(g.text[:0], b, b.Attrs[i], k); len(g.text) > 0 {
			return g.texts.of(g.text)
		}
	}
	return ""
}

// addDimensions reads the dimensions of one side of a call: 0 is the client's, 1 the server's.
func (g *graph) addDimensions(b *span.Batch, i int, c *call, side int) {
	if len(g.dimensions.names) == 0 {
		return
	}
	sides := 1
	if g.cfg.GraphPrefix {
		sides = 2
	} else {
		side = 0
	}
	if len(c.dimensions) == 0 {
		c.dimensions = append(c.dimensions, make([]string, sides*len(g.dimensions.names))...)
	}
	for d := range g.dimensions.names {
		var ok bool
		if g.text, ok = g.dimensions.text(g.text[:0], b, b.Resources[b.Resource[i]].Attrs, d); !ok {
			g.text, ok = g.dimensions.text(g.text[:0], b, b.Attrs[i], d)
		}
		if ok {
			c.dimensions[d*sides+side] = g.texts.of(g.text)
		}
	}
}

// expire ends what waits for too long: calls of peers that send no spans count
// by the name that the caller has for them, requests of roots as from outside. What the side took that sends no spans is not
// known; it is told as what the other one took.
func (g *graph) expire(now int64) {
	for {
		at := g.calls.oldest()
		if at < 0 || g.calls.at(at).until > now {
			return
		}
		switch c := g.calls.at(at); {
		case c.client != "" && c.peer != "":
			c.server, c.serverTook, c.connection, c.virtual = c.peer, c.clientTook, virtualNode, "server"
			g.count(c, now)
		case c.outside != "":
			g.countOutside(c, now)
		default:
			g.single++
		}
		g.calls.end(at)
	}
}

// count adds a call to its edge.
func (g *graph) count(c *call, now int64) {
	e := g.edge(c, now)
	e.seen, c.exemplar.came = now, now
	e.requests += c.weight
	if c.failed {
		e.failed += c.weight
	}
	e.client.observe(c.clientTook, c.weight, &c.exemplar)
	e.server.observe(c.serverTook, c.weight, &c.exemplar)
	if c.connection == messagingSystem && c.sent > 0 && c.taken > c.sent {
		if e.message == nil {
			e.message = newHistogram(g.cfg, g.cfg.GraphBuckets, now)
		}
		e.message.observe(float64(c.taken-c.sent)/1e9, c.weight, &c.exemplar)
	}
}

func (g *graph) edge(c *call, now int64) *edge {
	key := appendLabelText(appendLabelText(appendLabelText(g.key[:0], c.client), c.server), c.connection)
	for d := range len(g.names) - edgeLabels {
		switch {
		case d < len(c.dimensions):
			key = appendLabelText(key, c.dimensions[d])
		case g.cfg.VirtualNodeLabel && d == len(g.names)-edgeLabels-1:
			key = appendLabelText(key, c.virtual)
		default:
			key = appendLabelText(key, "")
		}
	}
	g.key = key
	if e := g.edges[string(key)]; e != nil {
		return e
	}
	if len(g.edges) >= g.cfg.MaxSeries {
		if g.rest == nil {
			g.rest = g.newEdge(slices.Repeat([]string{overflow}, len(g.names)), now)
		}
		return g.rest
	}
	e := g.newEdge(splitKey(key), now)
	g.edges[string(key)] = e
	return e
}

func (g *graph) newEdge(values []string, now int64) *edge {
	return &edge{values: values, client: newHistogram(g.cfg, g.cfg.GraphBuckets, now), server: newHistogram(g.cfg, g.cfg.GraphBuckets, now)}
}

// dropIdle drops edges that nothing was added to since a time.
func (g *graph) dropIdle(before int64) {
	for key, e := range g.edges {
		if e.seen < before {
			delete(g.edges, key)
		}
	}
}

// list returns all edges.
func (g *graph) list() []*edge {
	list := make([]*edge, 0, len(g.edges)+1)
	for _, e := range g.edges {
		list = append(list, e)
	}
	if g.rest != nil {
		list = append(list, g.rest)
	}
	return list
}

// edgeFamilies are the metrics of edges.
type edgeFamilies struct {
	requests, failed, client, server, message, connections []*dto.Metric
	decider                                                decider
	after                                                  int64 // of exemplars
}

func (f *edgeFamilies) write(t *tenant, e *edge) {
	labels := pairs(t.graph.names, e.values)
	seconds := func(list *[]*dto.Metric, h *histogram) {
		if h != nil {
			h.settle(f.decider)
			*list = append(*list, &dto.Metric{Label: labels, Histogram: h.write(f.after)})
		}
	}
	f.requests = append(f.requests, counter(labels, e.requests, e.client.created))
	f.failed = append(f.failed, counter(labels, e.failed, e.client.created))
	seconds(&f.client, e.client)
	seconds(&f.server, e.server)
	seconds(&f.message, e.message)
	if t.cfg.ConnectionInfo {
		f.connections = append(f.connections, &dto.Metric{Label: labels, Gauge: &dto.Gauge{Value: proto.Float64(1)}})
	}
}

func (t *tenant) gatherGraph(edges []*edge, d decider, after int64) []*dto.MetricFamily {
	slices.SortFunc(edges, func(x, y *edge) int { return slices.Compare(x.values, y.values) })
	out := edgeFamilies{decider: d, after: after}
	for chunk := range slices.Chunk(edges, gathered) {
		t.mu.Lock()
		for _, e := range chunk {
			out.write(t, e)
		}
		t.mu.Unlock()
	}
	return slices.Concat(
		family("traces_service_graph_connection_info", "Services that call each other.", dto.MetricType_GAUGE, out.connections),
		family("traces_service_graph_request_client_seconds", "How long calls took for the caller.", dto.MetricType_HISTOGRAM, out.client),
		family("traces_service_graph_request_failed_total", "Calls that failed.", dto.MetricType_COUNTER, out.failed),
		family("traces_service_graph_request_messaging_system_seconds", "How long messages were under way.", dto.MetricType_HISTOGRAM, out.message),
		family("traces_service_graph_request_server_seconds", "How long calls took for the callee.", dto.MetricType_HISTOGRAM, out.server),
		family("traces_service_graph_request_total", "Calls, counted by what each stands for.", dto.MetricType_COUNTER, out.requests),
	)
}

// counters tell what is no part of the graph.
func (g *graph) counters() []*dto.MetricFamily {
	return slices.Concat(
		family("traces_service_graph_dropped_spans_total", "Spans that were left out as too many calls waited.", dto.MetricType_COUNTER, []*dto.Metric{counter(nil, g.dropped, g.created)}),
		family("traces_service_graph_unpaired_spans_total", "Spans whose other side did not come in time.", dto.MetricType_COUNTER, []*dto.Metric{counter(nil, g.single, g.created)}),
	)
}
