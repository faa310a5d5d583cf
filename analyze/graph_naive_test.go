package analyze

import (
	"cmp"
	"maps"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// naiveGraph is Dependencies as its documentation tells it, span by span.
type naiveGraph struct {
	within store.TimeRange
	opts   GraphOptions
	nodes  map[string]*Node
	edges  map[edgeName]*naiveEdge
}

type edgeName struct {
	caller, callee string
	connection     Connection
}

type naiveEdge struct {
	calls, errors  uint64
	client, server []uint64
}

// naiveSpan is a span of a trace.
type naiveSpan struct {
	*span.Span
	service, peer string
	key           PeerKey // that names the peer
	kind          int32
	parent, above *naiveSpan
	producer      *naiveSpan // of a consumer, in another trace
	answered      bool
	weight        uint64
}

func newNaiveGraph(spans []span.Span, within store.TimeRange, opts GraphOptions) *naiveGraph {
	g := &naiveGraph{within, opts, map[string]*Node{}, map[edgeName]*naiveEdge{}}
	traces := map[span.TraceID][]*naiveSpan{}
	for i := range spans {
		s := newNaiveSpan(&spans[i], opts)
		traces[s.TraceID] = append(traces[s.TraceID], s)
	}
	services := map[string]bool{}           // that send spans in these
	seen := map[span.TraceID][]*naiveSpan{} // traces with spans in the range
	for id, trace := range traces {
		relate(trace)
		if !slices.ContainsFunc(trace, func(s *naiveSpan) bool { return within.Contains(s.Start) }) {
			continue
		}
		seen[id] = trace
		for _, s := range trace {
			services[s.service] = true
		}
	}
	if !opts.Brokers {
		g.followLinks(seen)
	}
	for _, trace := range seen {
		for _, s := range trace {
			if within.Contains(s.Start) {
				g.count(s)
			}
		}
	}
	for name, n := range g.nodes {
		if services[name] {
			n.Kind = Service
		}
	}
	return g
}

func newNaiveSpan(s *span.Span, opts GraphOptions) *naiveSpan {
	n := &naiveSpan{Span: s, kind: s.Kind, service: text(s.Resource.Attrs, "service.name"), weight: someStates[s.TraceState]}
	if n.kind < 2 {
		n.kind = 0
	}
	keys := PeerKeys
	if opts.Queues {
		keys = slices.Concat(PeerKeys[:2], PeerKeys[7:9], PeerKeys[2:7], PeerKeys[9:])
	}
	for _, k := range keys {
		name := text(s.Attrs, k.Key)
		if name == "" || k.Talkers && (n.kind < 3 || name == "10.0.0.1") {
			continue
		}
		n.peer, n.key = name, k
		if n.kind == 0 {
			n.kind = 3
		}
		break
	}
	return n
}

func text(attrs []span.KeyValue, key string) string {
	for _, a := range attrs {
		if a.Key == key {
			return a.Value.Str
		}
	}
	return ""
}

func (s *naiveSpan) sends() bool { return s != nil && (s.kind == 3 || s.kind == 4) }

// relate finds the spans above the spans of a trace, and those that others answer for.
func relate(trace []*naiveSpan) {
	find := func(id span.SpanID, fits func(*naiveSpan) bool) *naiveSpan {
		for _, s := range trace {
			if s.SpanID == id && fits(s) {
				return s
			}
		}
		return nil
	}
	takes := func(s *naiveSpan) bool { return s.kind == 2 || s.kind == 5 }
	for _, s := range trace {
		sender := find(s.SpanID, (*naiveSpan).sends)
		if takes(s) && sender != nil {
			s.parent = sender
			continue
		}
		if s.parent = find(s.Parent, takes); s.parent == nil {
			s.parent = find(s.Parent, func(*naiveSpan) bool { return true })
		}
	}
	for _, s := range trace {
		for s.above = s.parent; s.above != nil && s.above.kind == 0; {
			s.above = s.above.parent
		}
	}
	for _, s := range trace {
		if s.kind == 5 && !s.above.sends() && len(s.Links) > 0 && s.Links[0].TraceID == s.TraceID {
			if sender := find(s.Links[0].SpanID, (*naiveSpan).sends); sender != nil {
				s.above = sender
			}
		}
	}
	for _, s := range trace {
		if s.kind == 5 && s.above != nil && s.above.kind == 4 {
			s.above.answered = true
		}
		if takes(s) || s.kind == 3 && (s.peer != "" || s.service != "" && s.above != nil && s.above.service != s.service) {
			for a := s.above; a != nil && a.kind == 3; a = a.above {
				a.answered = true
			}
		}
	}
}

// followLinks finds the producers of consumers that link to another trace, if no other consumer answers for them.
func (g *naiveGraph) followLinks(traces map[span.TraceID][]*naiveSpan) {
	var found []*naiveSpan
	for _, trace := range traces {
		for _, s := range trace {
			if s.kind != 5 || len(s.Links) == 0 || s.Links[0].TraceID == s.TraceID || s.above.sends() || !g.within.Contains(s.Start) ||
				s.above != nil && s.above.kind == 5 && s.above.service == s.service {
				continue
			}
			for _, p := range traces[s.Links[0].TraceID] {
				if p.kind == 4 && p.SpanID == s.Links[0].SpanID && !p.answered && p.service != "" {
					s.producer = p
					found = append(found, p)
				}
			}
		}
	}
	for _, p := range found {
		p.answered = true
	}
}

func (g *naiveGraph) count(s *naiveSpan) {
	if s.service != "" {
		n := g.node(s.service, External)
		n.Spans += s.weight
		if s.Status == 2 {
			n.Errors += s.weight
		}
	}
	above := cmp.Or(s.above, &naiveSpan{})
	var call *naiveSpan // that it is a part of
	if above.kind == 3 && s.parent == s.above {
		call = s.above
	}
	switch s.kind {
	case 2:
		if above.service == "" {
			g.named(s, s.peer, s.service, nil, s, Call)
		} else {
			g.add(s, above.service, s.service, Call, call, s)
		}
	case 3:
		if above.service != s.service {
			g.add(s, above.service, s.service, Call, call, nil)
		}
		if !s.answered {
			g.named(s, cmp.Or(s.service, above.service), s.peer, s, nil, s.key.via)
		}
	case 4:
		if g.opts.Brokers || !s.answered {
			g.named(s, s.service, s.peer, s, nil, Message)
		}
	case 5:
		switch {
		case above.kind == 5 && above.service == s.service:
		case s.producer != nil:
			g.add(s, s.producer.service, s.service, Message, s.producer, s)
		case s.peer != "" && (g.opts.Brokers || !s.above.sends()):
			g.named(s, s.peer, s.service, nil, s, Message)
		case g.opts.Brokers && !g.opts.Direct:
		case g.opts.Brokers && above.kind == 4 && above.peer != "":
			g.add(s, above.peer, s.service, Message, nil, s)
		case s.above.sends():
			g.add(s, above.service, s.service, Message, s.above, s)
		default:
			g.add(s, above.service, s.service, Message, nil, s)
		}
	}
}

func (g *naiveGraph) node(name string, kind NodeKind) *Node {
	if g.nodes[name] == nil {
		g.nodes[name] = &Node{Name: name}
	}
	g.nodes[name].Kind = max(g.nodes[name].Kind, kind)
	return g.nodes[name]
}

// named adds a call to or from the peer of a span.
func (g *naiveGraph) named(s *naiveSpan, caller, callee string, client, server *naiveSpan, via Connection) {
	if caller != "" && callee != "" {
		g.node(s.peer, s.key.node)
		g.add(s, caller, callee, via, client, server)
	}
}

func (g *naiveGraph) add(s *naiveSpan, caller, callee string, via Connection, client, server *naiveSpan) {
	if caller == "" || callee == "" {
		return
	}
	g.node(caller, External)
	g.node(callee, External)
	name := edgeName{caller, callee, via}
	e := g.edges[name]
	if e == nil {
		e = &naiveEdge{}
		g.edges[name] = e
	}
	e.calls += s.weight
	if client != nil && client.Status == 2 || server != nil && server.Status == 2 {
		e.errors += s.weight
	}
	e.client, e.server = client.appendDuration(e.client), server.appendDuration(e.server)
}

// appendDuration appends the duration of a span as often as there are spans that it stands for.
func (s *naiveSpan) appendDuration(list []uint64) []uint64 {
	if s == nil {
		return list
	}
	return append(list, slices.Repeat([]uint64{s.End - s.Start}, int(s.weight))...)
}

func (g *naiveGraph) sortedNodes() []Node {
	list := []Node{}
	for _, name := range slices.Sorted(maps.Keys(g.nodes)) {
		list = append(list, *g.nodes[name])
	}
	return list
}
