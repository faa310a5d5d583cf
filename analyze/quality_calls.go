package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/store"
)

// protocol is how a call is made.
type protocol uint8

const (
	otherProtocol protocol = iota
	httpProtocol
	rpcProtocol
	messagingProtocol
	numProtocols
)

var protocolNames = [numProtocols]string{"unknown protocol", HTTP, RPC, "messaging"}

// callKey is what calls, or the beginnings of traces, have in common: whose they are, and what they tell of the call.
type callKey struct {
	service  uint32
	protocol protocol
	host     string // with a port, if it is told
	peer     string // the service that the caller names
	path     string // method and path, or method of RPC, or destination
}

// callTally counts such, from the first to the last.
type callTally struct {
	qualityTally
	from, to uint64
}

// maxCallKeys is how many calls, and beginnings of traces, a worker tells apart.
const maxCallKeys = 4096

// lookAtCall looks at a span whose parent is of another service.
func (w *qualityCounter) lookAtCall(caller, callee int) {
	if w.within.Contains(w.starts[callee]) {
		w.pairs[[2]uint32{w.own[caller], w.own[callee]}]++
	}
	w.answered.Set(caller)
	proto := w.protocolOf(callee)
	w.totals[w.own[callee]].continued[proto] += w.weights.of(callee)
	w.totals[w.own[caller]].answered[proto] += w.weights.of(caller)
	if w.kinds[caller] != client || w.kinds[callee] != server || !w.judged.Has(callee) {
		return
	}
	w.totals[w.own[callee]].of[ofCalled] += w.weights.of(callee)
	start, from := w.starts[caller], w.starts[callee]
	end, to := start+w.durations[caller], from+w.durations[callee]
	if end < start || to < from || from+minSkew > start && from < end+minSkew {
		return // one that only ends too late may go on after its caller gave up
	}
	skew := clockOffset(start, end, from, to, 0)
	if skew == 0 {
		return // it is as near as these clocks tell, or a call that began when its caller had given up
	}
	if t := w.hit(ruleClocks, callee, w.pairText(w.own[caller], w.own[callee])); t != nil {
		t.sum += float64(magnitude(skew))
		if magnitude(skew) > magnitude(t.largest) {
			t.largest = skew
		}
	}
}

// pairText returns the number of a case that is about two services.
func (w *qualityCounter) pairText(caller, callee uint32) uint32 {
	key := [2]uint32{caller, callee}
	n, ok := w.pairTexts[key]
	if !ok {
		n = w.what(w.services.list[caller] + " → " + w.services.list[callee])
		w.pairTexts[key] = n
	}
	return n
}

// protocolOf tells how a call is made, by the attributes of its span.
func (w *qualityCounter) protocolOf(row int) protocol {
	switch {
	case w.groups[3].Has(row):
		return messagingProtocol
	case w.groups[2].Has(row):
		return rpcProtocol
	case w.groups[0].Has(row):
		return httpProtocol
	}
	return otherProtocol
}

// listCalls notes calls of a trace that no other service continues, and that the trace begins with a call.
func (w *qualityCounter) listCalls(run store.TraceRun) {
	if !w.AtOnce && !w.settled(run) {
		return
	}
	for row := run.Lo; row < run.Hi; row++ {
		if !w.within.Contains(w.starts[row]) || !w.chunk.Live().Has(row) {
			continue
		}
		switch w.kinds[row] {
		case client, producer:
			proto := w.protocolOf(row)
			w.totals[w.own[row]].called[proto] += w.weights.of(row)
			if !w.answered.Has(row) && proto != otherProtocol && !w.groups[1].Has(row) {
				w.noteCall(w.calls, row, &w.clientColumns)
			}
		case server, consumer:
			if w.parents[row] == store.NoParent && (w.links.Codes == nil || w.links.Codes[row] == store.NoCode) {
				w.noteCall(w.roots, row, &w.serverColumns)
			}
		}
	}
}

// callFields are attributes that tell of a call, of one thing those with the present name first.
type callFields struct{ host, port, url, peer, method, path, rpcService, rpcMethod, destination []store.Field }

var (
	clientCallFields = callFields{
		host: spanFields("server.address", "net.peer.name", "http.host"), port: spanFields("server.port", "net.peer.port"),
		url: spanFields("url.full", "http.url"), peer: spanFields("service.peer.name", "peer.service"),
		method: methodFields, path: spanFields("url.path", "http.target"), rpcService: spanFields("rpc.service"), rpcMethod: spanFields("rpc.method"),
		destination: spanFields("messaging.destination.name", "messaging.destination"),
	}
	serverCallFields = func() callFields {
		f := clientCallFields
		f.host, f.port, f.peer = spanFields("server.address", "net.host.name", "http.host"), spanFields("server.port", "net.host.port"), nil
		return f
	}()
)

// callColumns are the columns of callFields that a chunk has.
type callColumns struct{ host, port, url, peer, method, path, rpcService, rpcMethod, destination []*store.Column }

// callColumns finds the columns of a chunk.
func (w *qualityCounter) callColumns(f callFields) callColumns {
	find := func(fields []store.Field) (list []*store.Column) {
		for _, f := range fields {
			if column := w.byField[f]; column != nil && (column.Codes != nil || column.Nums != nil) {
				list = append(list, column)
			}
		}
		return list
	}
	return callColumns{
		find(f.host), find(f.port), find(f.url), find(f.peer), find(f.method), find(f.path), find(f.rpcService), find(f.rpcMethod), find(f.destination),
	}
}

// firstText returns the first value that a row has.
func firstText(columns []*store.Column, row int) string {
	for _, column := range columns {
		if v, ok := column.Value(row); ok {
			if v.Type.InDict() {
				return v.Str
			}
			return strconv.FormatInt(v.Int(), 10)
		}
	}
	return ""
}

// noteCall counts a call, or the beginning of a trace, with its like.
func (w *qualityCounter) noteCall(into map[callKey]*callTally, row int, c *callColumns) {
	key := callKey{
		service: w.own[row], protocol: w.protocolOf(row),
		host: strings.ToLower(firstText(c.host, row)), peer: firstText(c.peer, row),
	}
	if port := firstText(c.port, row); port != "" && key.host != "" && !strings.Contains(key.host, ":") {
		key.host = net.JoinHostPort(key.host, port)
	}
	switch key.protocol {
	case messagingProtocol:
		key.path = firstText(c.destination, row)
	case rpcProtocol:
		key.path = firstText(c.rpcMethod, row)
		if service := firstText(c.rpcService, row); service != "" {
			key.path = service + "/" + key.path
		}
	case httpProtocol:
		w.addURL(&key, row, c)
	}
	t := into[key]
	if t == nil {
		if len(into) >= maxCallKeys {
			w.full = true
			return
		}
		t = &callTally{from: w.starts[row]}
		into[key] = t
	}
	w.count(&t.qualityTally, row)
	t.from, t.to = min(t.from, w.starts[row]), max(t.to, w.starts[row]+w.durations[row])
}

// addURL adds host, method and path of a request by HTTP. Ids in the path are as in names, so that paths are few.
func (w *qualityCounter) addURL(key *callKey, row int, c *callColumns) {
	path := firstText(c.path, row)
	if _, rest, ok := strings.Cut(firstText(c.url, row), "://"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		path = rest[end:]
		if key.host == "" {
			key.host = strings.ToLower(rest[strings.LastIndexByte(rest[:end], '@')+1 : end])
		}
	}
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	if path != "" {
		template, _ := idTemplate(path[:min(len(path), maxNameLength)])
		key.path = firstText(c.method, row) + " " + template
	}
}

// brokenCall is a caller whose calls go on in another trace, of the callee.
type brokenCall struct {
	caller, callee string
	protocol       protocol
}

// sideTally is calls of one caller, or beginnings of traces of one callee.
type sideTally struct {
	service  string
	protocol protocol
	host     string
	peer     string
	path     string
	callTally
}

// agreement says how surely a call caused the beginning of a trace; 0: it did not.
func agreement(call, root *sideTally) int {
	if call.protocol != root.protocol || call.service == root.service || call.from > root.to || root.from > call.to {
		return 0
	}
	paths := call.path != "" && call.path == root.path
	if call.path != "" && root.path != "" && !paths {
		return 0
	}
	hosts := call.host != "" && call.host == root.host
	host, _, _ := strings.Cut(call.host, ":")
	label, _, _ := strings.Cut(host, ".")
	named := root.service != "" && (call.peer == root.service || host == root.service || label == root.service)
	switch {
	case call.peer != "" && call.peer != root.service:
		return 0
	case named:
		return 3
	case hosts:
		return 2
	case paths && (call.protocol != httpProtocol || call.host == "" || root.host == ""):
		return 1
	}
	return 0
}

// joinCalls finds the calls that go on in a trace of their own: nobody answers them in theirs, and what they call begins
// traces at the same time, with what both sides tell of the call in agreement.
func (s *qualitySum) joinCalls() {
	found := map[brokenCall]*qualityTally{}
	begun := map[brokenCall]uint64{}
	for _, call := range s.calls {
		var best *sideTally
		level := 0
		for _, root := range s.roots {
			if l := agreement(call, root); l > level || l > 0 && l == level && root.seen > best.seen {
				best, level = root, l
			}
		}
		if best == nil {
			continue
		}
		key := brokenCall{call.service, best.service, call.protocol}
		if found[key] == nil {
			found[key] = &qualityTally{}
		}
		found[key].merge(&call.qualityTally)
		begun[key] += best.seen
	}
	for key, t := range found {
		s.tellBroken(key, t, begun[key])
	}
}

// tellBroken says whose fault it is that calls go on in a trace of their own, as far as other calls tell.
func (s *qualitySum) tellBroken(key brokenCall, t *qualityTally, begun uint64) {
	caller, callee := s.services[key.caller], s.services[key.callee]
	passesOn, takesUp := caller.answered[key.protocol] > 0, callee.continued[key.protocol] > 0
	blamed, text := key.caller, ""
	switch {
	case takesUp && !passesOn:
		text = fmt.Sprintf("%s goes on with the traces of other callers: it is %s that does not send the context", key.callee, key.caller)
	case passesOn && !takesUp:
		blamed = key.callee
		text = fmt.Sprintf("other callees go on with the traces of %s: it is %s that does not take the context up", key.caller, key.callee)
	case passesOn:
		text = "both pass the context on with others: look at the client that makes these calls, and at what stands between the two"
	default:
		text = "neither passes the context on with others: look at both"
	}
	c := QualityCase{
		What: fmt.Sprintf("%s → %s (%s): nobody answers these calls in their trace, and %d traces begin in %s at the same time; %s",
			key.caller, key.callee, protocolNames[key.protocol], begun, key.callee, text),
		Caller: key.caller, Callee: key.callee, Protocol: protocolNames[key.protocol], Seen: t.seen, Count: t.weight, Examples: t.examples,
	}
	to := s.services[blamed]
	to.broken[rulePropagation].seen += t.seen
	to.broken[rulePropagation].weight += t.weight
	to.brokenCalls = append(to.brokenCalls, c)
	to.calls += caller.called[key.protocol]
}

// usualCallers says who calls a service, those first that do it most.
func (s *qualitySum) usualCallers(callee string) string {
	type caller struct {
		name  string
		calls uint64
	}
	var list []caller
	total := uint64(0)
	for pair, n := range s.pairs {
		if pair[1] == callee {
			list = append(list, caller{pair[0], n})
			total += n
		}
	}
	if len(list) == 0 {
		return ""
	}
	slices.SortFunc(list, func(a, b caller) int { return cmp.Or(cmp.Compare(b.calls, a.calls), cmp.Compare(a.name, b.name)) })
	var parts []string
	for _, c := range list[:min(len(list), 3)] {
		parts = append(parts, fmt.Sprintf("%s (%.0f %%)", c.name, 100*float64(c.calls)/float64(total)))
	}
	return "; its calls come from " + strings.Join(parts, ", ")
}

// addSides brings the calls, or beginnings of traces, of a worker to those of others.
func addSides(to map[callKey]*sideTally, numbers map[string]uint32, services []string, from map[callKey]*callTally) {
	for key, t := range from {
		name := services[key.service]
		n, ok := numbers[name]
		if !ok {
			n = uint32(len(numbers))
			numbers[name] = n
		}
		key.service = n
		side := to[key]
		if side == nil {
			side = &sideTally{service: name, protocol: key.protocol, host: key.host, peer: key.peer, path: key.path, callTally: callTally{from: t.from}}
			to[key] = side
		}
		side.merge(&t.qualityTally)
		side.from, side.to = min(side.from, t.from), max(side.to, t.to)
	}
}

// sorted returns the sides in an order that does not change.
func sortedSides(sides map[callKey]*sideTally) []*sideTally {
	return slices.SortedFunc(maps.Values(sides), func(a, b *sideTally) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.path, b.path), cmp.Compare(a.host, b.host), cmp.Compare(a.peer, b.peer), cmp.Compare(a.protocol, b.protocol))
	})
}
