package derive

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// graphTest observes spans of one trace, by a clock that stands still.
type graphTest struct {
	*testing.T
	*Metrics
	now   time.Time
	trace span.TraceID
}

func newGraphTest(t *testing.T, change func(*Config)) *graphTest {
	g := &graphTest{T: t, now: time.Unix(1_700_000_000, 0), trace: span.TraceID{0: 1, 8: 1}}
	g.Metrics = newMetrics(t, func(c *Config) {
		c.Now, c.Histograms, c.GraphBuckets = func() time.Time { return g.now }, Classic, []float64{1}
		if change != nil {
			change(c)
		}
	})
	return g
}

// span observes a span that took 100 ms, in a batch of its own.
func (g *graphTest) span(service string, id, parent byte, kind int32, attrs ...span.KeyValue) {
	g.spanWith(func(s *span.Span) {
		s.SpanID, s.Parent, s.Kind, s.Attrs = span.SpanID{7: id}, span.SpanID{7: parent}, kind, attrs
		s.Resource.Attrs = []span.KeyValue{str("service.name", service)}
	})
}

func (g *graphTest) spanWith(change func(*span.Span)) {
	g.Observe("a", batchOf(buy(1, "x", 100, func(s *span.Span) {
		s.TraceID = g.trace
		change(s)
	})))
}

// edges lists the requests of each edge: its labels but those without a value, and the number.
func (g *graphTest) edges() []string {
	g.Helper()
	var list []string
	for _, m := range find(g.T, g.Metrics, "traces_service_graph_request_total") {
		var values []string
		for _, l := range m.Label {
			if l.GetValue() != "" {
				values = append(values, l.GetName()+"="+l.GetValue())
			}
		}
		list = append(list, fmt.Sprintf("%s %v", strings.Join(values, ","), m.Counter.GetValue()))
	}
	slices.Sort(list)
	return list
}

// expire lets all that waits end, and checks the edges.
func (g *graphTest) expire(want ...string) {
	g.Helper()
	g.now = g.now.Add(DefaultConfig().CallWait + time.Second)
	slices.Sort(want)
	if got := g.edges(); !slices.Equal(got, want) {
		g.Errorf("edges:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (g *graphTest) single(want float64) {
	g.Helper()
	if got := find(g.T, g.Metrics, "traces_service_graph_unpaired_spans_total")[0].Counter.GetValue(); got != want {
		g.Errorf("%v spans are unpaired, want %v", got, want)
	}
}

// Both sides of a call make an edge, in any order and in batches apart; peers
// that send no spans have the name that callers give them.
func TestServiceGraph(t *testing.T) {
	g := newGraphTest(t, nil)
	g.span("web", 1, 0, kindServer) // a root: it is called from outside
	g.span("web", 2, 1, kindClient)
	g.spanWith(func(s *span.Span) { s.SpanID, s.Parent, s.Status = span.SpanID{7: 3}, span.SpanID{7: 2}, 2 })
	g.span("shop", 5, 4, kindServer) // before its caller
	g.span("web", 4, 1, kindClient, str("server.address", "shop.example"))
	g.span("shop", 6, 3, kindClient, str("db.system", "redis"))
	g.span("shop", 7, 3, kindClient, str("peer.service", "bank"))
	g.span("shop", 8, 3, kindProducer)
	g.spanWith(func(s *span.Span) {
		s.SpanID, s.Parent, s.Kind, s.Resource.Attrs = span.SpanID{7: 9}, span.SpanID{7: 8}, kindConsumer, []span.KeyValue{str("service.name", "mail")}
		s.Start, s.End = s.Start+5e8, s.End+5e8
	})
	g.span("shop", 10, 3, kindClient) // whom it calls nobody says
	weighted := func(service string, id, parent byte, kind int32) {
		g.spanWith(func(s *span.Span) {
			s.SpanID, s.Parent, s.Kind, s.TraceState = span.SpanID{7: id}, span.SpanID{7: parent}, kind, "ot=th:8"
			s.Resource.Attrs = []span.KeyValue{str("service.name", service)}
		})
	}
	weighted("web", 11, 1, kindClient)
	weighted("shop", 12, 11, kindServer)
	if n := len(g.edges()); n != 4 {
		t.Errorf("%d edges before calls expire, want 4", n)
	}
	g.now = g.now.Add(DefaultConfig().CallWait + time.Second)
	golden(t, "servicegraph.txt", []byte(strings.SplitAfter(text(t, g.Metrics, "a"), "# HELP traces_spanmetrics")[0]))
}

// What Tempo calls the nodes that send no spans, and in what order their names are looked for.
func TestVirtualNodes(t *testing.T) {
	g := newGraphTest(t, nil)
	g.span("web", 1, 0, kindServer)
	g.span("app", 2, 0, kindServer, str("peer.service", "browser")) // a root that knows who called
	g.span("web", 3, 1, kindClient, str("server.address", "10.0.0.1"), str("db.system", "mysql"), str("peer.service", "bank"))
	g.span("web", 4, 1, kindProducer, str("messaging.destination.name", "orders")) // nobody takes it
	g.span("web", 5, 1, kindClient, str("server.address", "api.example"))
	g.span("app", 6, 99, kindServer) // whose caller sends no spans, though there is one
	g.span("web", 7, 1, kindClient)
	g.expire(
		"client=user,connection_type=virtual_node,server=web 1",
		"client=browser,connection_type=virtual_node,server=app 1",
		"client=web,connection_type=database,server=bank 1",
		"client=web,connection_type=virtual_node,server=orders 1",
		"client=web,connection_type=virtual_node,server=api.example 1")
	g.single(2)
	for _, name := range []string{"client", "server"} { // what is not known of one side is what the other one knows
		for _, m := range find(t, g.Metrics, "traces_service_graph_request_"+name+"_seconds") {
			if sum := m.Histogram.GetSampleSum(); sum != .1 {
				t.Errorf("%s seconds of %v: %v, want 0.1", name, m.Label, sum)
			}
		}
	}
}

func TestDatabaseNames(t *testing.T) {
	for want, attrs := range map[string][]span.KeyValue{
		"bank":          {str("db.name", "accounts"), str("server.address", "db.example"), str("peer.service", "bank")},
		"db.example":    {str("db.name", "accounts"), str("network.peer.address", "10.0.0.1"), str("server.address", "db.example")},
		"10.0.0.1:5432": {str("db.system", "postgresql"), str("network.peer.address", "10.0.0.1"), {Key: "network.peer.port", Value: span.IntValue(5432)}},
		"10.0.0.1":      {str("db.system.name", "postgresql"), str("network.peer.address", "10.0.0.1")},
		"shop":          {str("db.system", "postgresql"), str("db.name", "accounts"), str("db.namespace", "shop")},
		"accounts":      {str("db.system", "postgresql"), str("db.name", "accounts")},
		"postgresql":    {str("db.system.name", "other"), str("db.system", "postgresql")},
		"redis":         {str("db.system.name", "redis")},
	} {
		g := newGraphTest(t, nil)
		g.span("web", 1, 9, kindClient, attrs...)
		if got := g.edges(); !slices.Equal(got, []string{"client=web,connection_type=database,server=" + want + " 1"}) {
			t.Errorf("%v: %v, want %s", attrs, got, want)
		}
	}
}

// Peers are looked for as the configuration says.
func TestPeers(t *testing.T) {
	g := newGraphTest(t, func(c *Config) { c.Peers = []string{"to", "peer.service"} })
	g.span("web", 1, 9, kindClient, str("peer.service", "bank"), str("to", "mint"))
	g.span("web", 2, 9, kindClient, str("server.address", "api.example"))
	g.expire("client=web,connection_type=virtual_node,server=mint 1")
}

// Dimensions come from either side, or from both under names of their own.
func TestServiceGraphDimensions(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   []string
	}{
		{func(c *Config) { c.GraphDimensions = []string{"k8s.cluster", "server"} }, []string{
			"client=web,connection_type=virtual_node,k8s_cluster=b,server=bank 1",
			"__server=s,client=web,k8s_cluster=b,server=shop 1"}},
		{func(c *Config) { c.GraphDimensions, c.GraphPrefix = []string{"k8s.cluster"}, true }, []string{
			"client=web,client_k8s_cluster=b,connection_type=virtual_node,server=bank 1",
			"client=web,client_k8s_cluster=a,server=shop,server_k8s_cluster=b 1"}},
		{func(c *Config) {
			c.GraphDimensions, c.GraphPrefix, c.VirtualNodeLabel = []string{"k8s.cluster"}, true, true
		}, []string{
			"client=web,client_k8s_cluster=b,connection_type=virtual_node,server=bank,virtual_node=server 1",
			"client=web,client_k8s_cluster=a,server=shop,server_k8s_cluster=b 1"}},
		{func(c *Config) { c.VirtualNodeLabel = true }, []string{
			"client=web,connection_type=virtual_node,server=bank,virtual_node=server 1",
			"client=web,server=shop 1"}},
	} {
		g := newGraphTest(t, c.change)
		g.span("web", 1, 9, kindClient, str("k8s.cluster", "a"))
		g.span("shop", 2, 1, kindServer, str("k8s.cluster", "b"), str("server", "s"))
		g.span("web", 3, 9, kindClient, str("k8s.cluster", "b"), str("peer.service", "bank"))
		g.expire(c.want...)
	}
}

func TestConnectionInfo(t *testing.T) {
	g := newGraphTest(t, func(c *Config) { c.ConnectionInfo = true })
	g.span("web", 1, 0, kindServer)
	if info := find(t, g.Metrics, "traces_service_graph_connection_info"); len(info) != 1 || info[0].Gauge.GetValue() != 1 {
		t.Errorf("%v", info)
	}
}

// A span that comes twice is one side of a call still, and what has no service is no node.
func TestServiceGraphRepetitions(t *testing.T) {
	g := newGraphTest(t, nil)
	g.span("web", 1, 9, kindClient)
	g.span("web", 1, 9, kindClient)
	g.span("", 2, 1, kindServer)
	if got := g.edges(); len(got) > 0 {
		t.Errorf("edges of one side: %v", got)
	}
	g.span("shop", 2, 1, kindServer)
	g.expire("client=web,server=shop 1")
	g.single(0)
}

// Clients of Zipkin give both sides of a call one id, and one parent.
func TestServiceGraphSharedIDs(t *testing.T) {
	for _, first := range []int32{kindClient, kindServer} {
		g := newGraphTest(t, nil)
		sides := []func(){func() { g.span("web", 2, 1, kindClient) }, func() { g.span("shop", 2, 1, kindServer) }}
		if first == kindServer {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			side()
		}
		g.expire("client=web,server=shop 1")
		g.single(0)
	}
	for order := range 24 { // two calls below one span, in any order
		g := newGraphTest(t, nil)
		sides := []func(){
			func() { g.span("web", 2, 1, kindClient) }, func() { g.span("shop", 2, 1, kindServer) },
			func() { g.span("web", 3, 1, kindClient) }, func() { g.span("bank", 3, 1, kindServer) },
		}
		for n := 4; n > 0; n-- {
			sides[order%n]()
			sides = slices.Delete(sides, order%n, order%n+1)
			order /= n
		}
		g.expire("client=web,server=bank 1", "client=web,server=shop 1")
		g.single(0)
	}
	g := newGraphTest(t, nil) // a client below a server is no other side of that
	g.span("shop", 2, 1, kindServer)
	g.span("shop", 3, 2, kindClient)
	g.span("shop", 4, 1, kindClient)
	g.expire()
	g.single(3)
}

// inAnyOrder calls functions in each of their orders.
func inAnyOrder(calls []func(), begin, end func()) {
	var permute func(done int)
	permute = func(done int) {
		if done == len(calls) {
			begin()
			for _, call := range calls {
				call()
			}
			end()
		}
		for i := done; i < len(calls); i++ {
			calls[done], calls[i] = calls[i], calls[done]
			permute(done + 1)
			calls[done], calls[i] = calls[i], calls[done]
		}
	}
	permute(0)
}

// shared is on Zipkin's spans that have the id of the caller's span.
var shared = span.KeyValue{Key: "zipkin.shared", Value: span.BoolValue(true)}

// The call whose sides share an id may be the root. In whatever order the spans come, it does not come from outside.
func TestServiceGraphSharedRoots(t *testing.T) {
	for name, test := range map[string]struct {
		trace span.TraceID
		attrs []span.KeyValue
		peer  string // that these name
	}{
		"64 bits":       {trace: span.TraceID{8: 1}},
		"the root's id": {trace: span.TraceID{0: 1, 15: 2}},
		"told":          {trace: span.TraceID{0: 1}, attrs: []span.KeyValue{shared}},
		"with a peer":   {trace: span.TraceID{0: 1}, attrs: []span.KeyValue{shared, str("peer.service", "front")}, peer: "front"},
		"messages":      {trace: span.TraceID{8: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var g *graphTest
			from, to, connection := int32(kindClient), int32(kindServer), ""
			if name == "messages" {
				from, to, connection = kindProducer, kindConsumer, "connection_type=messaging_system,"
			}
			client := func() { g.span("web", 2, 0, from) }
			server := func() { g.span("shop", 2, 0, to, test.attrs...) }
			begin := func() { g = newGraphTest(t, nil); g.trace = test.trace }
			inAnyOrder([]func(){client, server}, begin, func() { g.expire("client=web," + connection + "server=shop 1") })
			begin()
			server()
			server()
			g.expire("client=" + cmp.Or(test.peer, "user") + ",connection_type=virtual_node,server=shop 1")
		})
	}
}

// A span that says that it shares its id is no child of the client that has its parent's id.
func TestServiceGraphSharedIDsAreTold(t *testing.T) {
	var g *graphTest
	inAnyOrder([]func(){
		func() { g.span("web", 2, 0, kindClient) }, func() { g.span("shop", 2, 0, kindServer, shared) },
		func() { g.span("shop", 3, 2, kindClient) }, func() { g.span("bank", 3, 2, kindServer, shared) },
		func() { g.span("shop", 4, 2, kindClient) }, func() { g.span("mint", 4, 2, kindServer, shared) },
	}, func() { g = newGraphTest(t, nil) }, func() {
		g.expire("client=web,server=shop 1", "client=shop,server=bank 1", "client=shop,server=mint 1")
		g.single(0)
	})
	g = newGraphTest(t, nil) // its parent was not told to the server
	g.span("shop", 3, 0, kindServer, shared)
	g.span("web", 3, 2, kindClient)
	g.expire("client=web,server=shop 1")
}

// Roots that wait leave half of the places to others.
func TestServiceGraphRootsAreBounded(t *testing.T) {
	g := newGraphTest(t, func(c *Config) { c.MaxCalls = 10 })
	g.trace = span.TraceID{8: 1}
	for i := range byte(8) {
		g.span("shop", i+1, 0, kindServer)
	}
	if got := g.edges(); !slices.Equal(got, []string{"client=user,connection_type=virtual_node,server=shop 3"}) {
		t.Errorf("edges %v, want the three that do not wait", got)
	}
	g.expire("client=user,connection_type=virtual_node,server=shop 8")
}

// A side that comes after the other one has stopped waiting waits itself.
func TestServiceGraphIsLate(t *testing.T) {
	g := newGraphTest(t, nil)
	g.span("web", 1, 9, kindClient, str("peer.service", "bank"))
	g.expire("client=web,connection_type=virtual_node,server=bank 1")
	g.span("shop", 2, 1, kindServer)
	g.expire("client=web,connection_type=virtual_node,server=bank 1")
	g.single(1)
}

// Calls that wait are bounded, and their places are used again.
func TestServiceGraphIsBounded(t *testing.T) {
	g := newGraphTest(t, func(c *Config) { c.MaxCalls = 10 })
	for round := range 3 {
		for i := range byte(30) {
			g.span("web", i+1, 99, kindClient)
		}
		for i := range byte(5) { // in the middle of those that wait
			g.span("shop", 100, i+3, kindServer)
		}
		if got, want := find(t, g.Metrics, "traces_service_graph_dropped_spans_total")[0].Counter.GetValue(), float64(20*(round+1)); got != want {
			t.Errorf("%v spans are dropped, want %v", got, want)
		}
		g.expire(fmt.Sprint("client=web,server=shop ", 5*(round+1)))
		g.single(float64(5 * (round + 1)))
	}
	if n := len(g.tenants["a"].graph.calls.list); n != 10 {
		t.Errorf("there are places for %d calls, want 10", n)
	}
}

// Edges are bounded, and nothing is left out.
func TestEdgesAreBounded(t *testing.T) {
	g := newGraphTest(t, func(c *Config) { c.MaxSeries = 3 })
	for i := range 10 {
		g.span(fmt.Sprint("web ", i), 1, 0, kindServer)
	}
	edges := g.edges()
	if want := "client=" + overflow + ",connection_type=" + overflow + ",server=" + overflow + " 7"; len(edges) != 4 || !slices.Contains(edges, want) {
		t.Errorf("edges %v, want %s", edges, want)
	}
}
