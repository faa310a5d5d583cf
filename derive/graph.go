package derive

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

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

// edgeKey is what the two spans of a call have in common: the id of the
// caller's, which is the parent of the callee's.
type edgeKey struct {
	trace span.TraceID
	span  span.SpanID
}

// call is what is known of a call, by the spans that have come.
type call struct {
	client, server         string
	connection             string
	failed                 bool
	weight                 float64
	clientTook, serverTook float64 // seconds; below 0: that side sent no span
	sent, taken            uint64  // when a message was sent and when it was taken, unix nanoseconds
	exemplar               exemplar
	waits                  bool // for the other side
}

// waiting is a call in the order in which calls stop waiting.
type waiting struct {
	key   edgeKey
	until time.Time
}

// edgeLabels are those of an edge's series.
type edgeLabels struct{ client, server, connection string }

// edge is all calls with the same labels.
type edge struct {
	requests, failed float64
	client, server   *histogram
	message          *histogram
	seen             time.Time
}

// graph has the service graph of one tenant. It belongs to its tenant's lock.
type graph struct {
	cfg     *Config
	calls   map[edgeKey]*call
	queue   []waiting
	edges   map[edgeLabels]*edge
	dropped float64 // spans for which there was no room
	single  float64 // spans whose other side did not come
}

func newGraph(cfg *Config) *graph {
	return &graph{cfg: cfg, calls: map[edgeKey]*call{}, edges: map[edgeLabels]*edge{}}
}

// observe adds span i of a batch, if it is one side of a call.
func (g *graph) observe(b *span.Batch, i int, weight float64, now time.Time) {
	id := b.TraceIDs[i]
	switch b.Kinds[i] {
	case kindClient, kindProducer:
		g.caller(b, i, edgeKey{id, b.SpanIDs[i]}, weight, now)
	case kindServer, kindConsumer:
		if parent := b.Parents[i]; parent != (span.SpanID{}) {
			g.callee(b, i, edgeKey{id, parent}, weight, now)
		}
	}
}

// OTLP's kinds of spans.
const (
	kindServer   = 2
	kindClient   = 3
	kindProducer = 4
	kindConsumer = 5
)

func (g *graph) caller(b *span.Batch, i int, key edgeKey, weight float64, now time.Time) {
	c := g.call(key, now)
	if c == nil {
		return
	}
	c.client = strings.Clone(b.ServiceName(b.Resource[i]))
	c.clientTook = seconds(b, i)
	c.sent = b.Ends[i]
	if b.Kinds[i] == kindProducer {
		c.connection = messagingSystem
	}
	g.add(b, i, c, weight)
	if !c.waits {
		g.finish(key, c, now)
		return
	}
	// A database sends no spans: the client's is all that there will be.
	if name := firstAttr(b, i, "db.namespace", "db.name", "db.system.name", "db.system"); name != "" {
		c.server, c.connection, c.serverTook, c.waits = name, databaseNode, c.clientTook, false
		g.finish(key, c, now)
		return
	}
	c.server = firstAttr(b, i, "peer.service", "messaging.destination.name", "messaging.system", "server.address", "net.peer.name") // unless the callee tells its name
}

func (g *graph) callee(b *span.Batch, i int, key edgeKey, weight float64, now time.Time) {
	c := g.call(key, now)
	if c == nil {
		return
	}
	c.server = strings.Clone(b.ServiceName(b.Resource[i]))
	c.serverTook = seconds(b, i)
	c.taken = b.Starts[i]
	if b.Kinds[i] == kindConsumer {
		c.connection = messagingSystem
	}
	g.add(b, i, c, weight)
	g.finish(key, c, now)
}

// call returns the call of a key; it waits if this is its first span. There may be no room for it.
func (g *graph) call(key edgeKey, now time.Time) *call {
	if c := g.calls[key]; c != nil {
		c.waits = false
		return c
	}
	if len(g.calls) >= g.cfg.MaxCalls {
		g.dropped++
		return nil
	}
	c := &call{clientTook: -1, serverTook: -1, waits: true}
	g.calls[key] = c
	g.queue = append(g.queue, waiting{key, now.Add(g.cfg.CallWait)})
	return c
}

func (g *graph) add(b *span.Batch, i int, c *call, weight float64) {
	c.weight = max(c.weight, weight)
	c.failed = c.failed || b.Statuses[i] == 2
	c.exemplar = exemplar{trace: b.TraceIDs[i], span: b.SpanIDs[i], at: b.Ends[i]}
}

func seconds(b *span.Batch, i int) float64 { return float64(max(b.Duration(i), 0)) / 1e9 }

// firstAttr returns the first of a span's attributes that is a text.
func firstAttr(b *span.Batch, i int, keys ...string) string {
	for _, key := range keys {
		if v, ok := b.Attr(b.Attrs[i], key); ok && textOf(v) != "" {
			return strings.Clone(textOf(v))
		}
	}
	return ""
}

// finish counts a call whose both sides are known.
func (g *graph) finish(key edgeKey, c *call, now time.Time) {
	if c.waits {
		return
	}
	delete(g.calls, key)
	g.count(c, now)
}

// count adds a call to its edge.
func (g *graph) count(c *call, now time.Time) {
	of := edgeLabels{c.client, c.server, c.connection}
	e := g.edges[of]
	if e == nil {
		if len(g.edges) >= g.cfg.MaxSeries {
			of = edgeLabels{overflow, overflow, overflow}
			e = g.edges[of]
		}
		if e == nil {
			e = &edge{client: newHistogram(g.cfg.GraphBuckets), server: newHistogram(g.cfg.GraphBuckets), message: newHistogram(g.cfg.GraphBuckets)}
			g.edges[of] = e
		}
	}
	e.seen = now
	e.requests += c.weight
	if c.failed {
		e.failed += c.weight
	}
	if c.clientTook >= 0 {
		e.client.observe(c.clientTook, c.weight, c.exemplar)
	}
	if c.serverTook >= 0 {
		e.server.observe(c.serverTook, c.weight, c.exemplar)
	}
	if c.connection == messagingSystem && c.sent > 0 && c.taken > c.sent {
		e.message.observe(float64(c.taken-c.sent)/1e9, c.weight, c.exemplar)
	}
}

// expire ends what waits for too long: calls of peers that send no spans count
// by the name that the caller has for them.
func (g *graph) expire(now time.Time) {
	n := 0
	for ; n < len(g.queue) && !g.queue[n].until.After(now); n++ {
		key := g.queue[n].key
		c := g.calls[key]
		if c == nil {
			continue
		}
		delete(g.calls, key)
		if c.client != "" && c.server != "" && c.serverTook < 0 {
			c.connection = cmp.Or(c.connection, virtualNode)
			g.count(c, now)
		} else {
			g.single++
		}
	}
	g.queue = slices.Delete(g.queue, 0, n)
}

// dropIdle drops edges that nothing was added to since a time.
func (g *graph) dropIdle(before time.Time) {
	maps.DeleteFunc(g.edges, func(_ edgeLabels, e *edge) bool { return e.seen.Before(before) })
}

func (g *graph) gather(kept func(span.TraceID) bool) []*dto.MetricFamily {
	order := slices.SortedFunc(maps.Keys(g.edges), func(x, y edgeLabels) int {
		return cmp.Or(strings.Compare(x.client, y.client), strings.Compare(x.server, y.server), strings.Compare(x.connection, y.connection))
	})
	var requests, failed, client, server, message []*dto.Metric
	for _, of := range order {
		e := g.edges[of]
		pairs := labels{label("client", valid(of.client)), label("server", valid(of.server)), label("connection_type", of.connection)}.sorted()
		requests = append(requests, &dto.Metric{Label: pairs, Counter: &dto.Counter{Value: proto.Float64(e.requests)}})
		failed = append(failed, &dto.Metric{Label: pairs, Counter: &dto.Counter{Value: proto.Float64(e.failed)}})
		client = append(client, &dto.Metric{Label: pairs, Histogram: e.client.write(g.cfg.Histograms, kept)})
		server = append(server, &dto.Metric{Label: pairs, Histogram: e.server.write(g.cfg.Histograms, kept)})
		if e.message.count > 0 {
			message = append(message, &dto.Metric{Label: pairs, Histogram: e.message.write(g.cfg.Histograms, kept)})
		}
	}
	total := func(n float64) []*dto.Metric { return []*dto.Metric{{Counter: &dto.Counter{Value: proto.Float64(n)}}} }
	return slices.Concat(
		family("traces_service_graph_dropped_spans_total", "Spans that were left out as too many calls waited.", dto.MetricType_COUNTER, total(g.dropped)),
		family("traces_service_graph_request_client_seconds", "How long calls took for the caller.", dto.MetricType_HISTOGRAM, client),
		family("traces_service_graph_request_failed_total", "Calls that failed.", dto.MetricType_COUNTER, failed),
		family("traces_service_graph_request_messaging_system_seconds", "How long messages were under way.", dto.MetricType_HISTOGRAM, message),
		family("traces_service_graph_request_server_seconds", "How long calls took for the callee.", dto.MetricType_HISTOGRAM, server),
		family("traces_service_graph_request_total", "Calls, counted by what each stands for.", dto.MetricType_COUNTER, requests),
		family("traces_service_graph_unpaired_spans_total", "Spans whose other side did not come in time.", dto.MetricType_COUNTER, total(g.single)),
	)
}

func valid(text string) string { return strings.ToValidUTF8(text, "\ufffd") }
