package api

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// endpointPart is what an attribute tells about one of the two ends of a call.
type endpointPart uint8

const (
	localIP endpointPart = iota
	localPort
	peerIP
	peerPort
	peerName
	numEndpointParts
)

// endpointKey is an attribute of spans that tells a part of an endpoint.
type endpointKey struct {
	key  string
	part endpointPart
	// sent: on spans that sent something, or took it from a broker; on others it is about themselves.
	sent bool
	// moved: it is no tag where the endpoint shows all of it. Zipkin's own spans
	// have no such tags: the Collector makes these attributes of their endpoints.
	moved bool
}

// endpointKeys are in order of precedence, for each part.
var endpointKeys = slices.Concat([]endpointKey{
	{key: "network.local.address", part: localIP, moved: true},
	{key: "net.host.ip", part: localIP, moved: true},
	{key: "net.sock.host.addr", part: localIP},
	{key: "network.local.port", part: localPort},
	{key: "net.host.port", part: localPort, moved: true},
	{key: "net.sock.host.port", part: localPort},

	{key: "network.peer.address", part: peerIP, moved: true},
	{key: "net.peer.ip", part: peerIP, moved: true},
	{key: "net.sock.peer.addr", part: peerIP},
	{key: "peer.ipv4", part: peerIP},
	{key: "peer.ipv6", part: peerIP},
	{key: "network.peer.port", part: peerPort},
	{key: "net.peer.port", part: peerPort, moved: true},
	{key: "net.sock.peer.port", part: peerPort},
	{key: "peer.port", part: peerPort},
	{key: "server.port", part: peerPort, sent: true},
}, peerNames)

// peerNames are the keys that can name a peer.
var peerNames = namesOfPeers()

func namesOfPeers() (keys []endpointKey) {
	for _, k := range analyze.PeerKeys {
		keys = append(keys, endpointKey{key: k.Key, part: peerName, sent: k.Talkers, moved: !k.Talkers})
	}
	return keys
}

// sendsOrTakes reports whether spans of a kind talk to somebody on their own account.
func sendsOrTakes(kind int32) bool {
	return kind == kindClient || kind == kindProducer || kind == kindConsumer
}

// Those of OTLP's SpanKinds that Jaeger's form has no use for.
const (
	kindProducer = 4
	kindConsumer = 5
)

// peerExpr holds for spans whose peer has the name: the first of the
// attributes that can name it and do.
func peerExpr(name string) traceql.Expr {
	var rest traceql.Expr // holds for those that the attributes from here on name so
	for i, k := range slices.Backward(peerNames) {
		a := attribute(store.SpanScope, k.key)
		is := named(a, name)
		isName := compare(a, traceql.Regex, traceql.StringStatic(".+"))
		if k.sent {
			isAddress := compare(a, traceql.Regex, traceql.StringStatic(analyze.AddressPattern))
			is, isName = both(is, not(isAddress)), both(isName, not(isAddress))
		}
		if rest != nil {
			rest = joined(traceql.Or, []traceql.Expr{is, both(not(isName), rest)})
		} else {
			rest = is
		}
		if k.sent && !peerNames[i-1].sent { // those that follow are for such spans only
			rest = both(talks(), rest)
		}
	}
	return rest
}

func both(a, b traceql.Expr) traceql.Expr { return joined(traceql.And, []traceql.Expr{a, b}) }

// talks is sendsOrTakes as an expression.
func talks() traceql.Expr {
	var kinds []traceql.Expr
	for _, kind := range []int{kindClient, kindProducer, kindConsumer} {
		kinds = append(kinds, equal(intrinsic(traceql.SpanKind), traceql.KindStatic(kind)))
	}
	return joined(traceql.Or, kinds)
}

// nameList gives each name, in lower case, a number from 1. Number 0 is no name.
type nameList struct {
	numbers map[string]uint32
	names   []string
	full    bool // names were left out
}

// maxNames bounds the memory of an answer about services.
const maxNames = 100_000

// errTooManyNames is what becomes of an answer that maxNames does not suffice for.
var errTooManyNames = fmt.Errorf("%w: more than %d services or links between them; narrow the time range", store.ErrTooLarge, maxNames)

func (l *nameList) number(name string) uint32 {
	name = strings.ToLower(name)
	if n, ok := l.numbers[name]; ok || name == "" {
		return n
	}
	if len(l.names) == maxNames {
		l.full = true
		return 0
	}
	if l.numbers == nil {
		l.numbers = map[string]uint32{}
	}
	l.names = append(l.names, name)
	l.numbers[name] = uint32(len(l.names))
	return uint32(len(l.names))
}

// name returns the name with a number above 0.
func (l *nameList) name(number uint32) string { return l.names[number-1] }

// peerColumns reads the names of peers from chunks.
type peerColumns []analyze.NameColumn

func newPeerColumns(list *nameList) peerColumns {
	columns := make(peerColumns, len(peerNames))
	for i, k := range peerNames {
		columns[i] = analyze.NameColumn{Field: store.Attr(store.SpanScope, k.key), NoIPs: k.sent, Number: list.number}
	}
	return columns
}

func (p peerColumns) begin(chunk store.Chunk) {
	for i := range p {
		p[i].Begin(chunk)
	}
}

// at returns the number of the name of a row's peer.
func (p peerColumns) at(row, kind int32) uint32 {
	all := sendsOrTakes(kind)
	for i := range p {
		if peerNames[i].sent && !all {
			continue
		}
		if n := p[i].At(row); n != 0 {
			return n
		}
	}
	return 0
}

func peerFields() []store.Field {
	var fields []store.Field
	for _, k := range peerNames {
		fields = append(fields, store.Attr(store.SpanScope, k.key))
	}
	return fields
}

// kindAt returns the kind of a row's span.
func kindAt(kinds *store.Column, row int) int32 {
	v, _ := kinds.Value(row)
	return int32(v.Int())
}

// callers is how many goroutines may get chunks at the same time.
func callers() int { return max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// findPeers returns the names of those that spans of a service talked to, and
// what could not be looked at.
func findPeers(ctx context.Context, r store.Reader, tenant, service string, within store.TimeRange) (names, gaps []string, err error) {
	own, err := store.NewRegex("(?i)" + regexp.QuoteMeta(service))
	if err != nil {
		return nil, nil, err
	}
	ofService := store.Matches{Field: store.Attr(store.ResourceScope, "service.name"), Regex: own}
	workers := make([]*peerFinder, callers())
	for i := range workers {
		workers[i] = newPeerFinder(within)
	}
	q := &store.Query{
		Range: within, Needs: []store.Predicate{ofService}, Where: []store.Predicate{ofService},
		Columns: append(peerFields(), store.Of(store.Kind)), EachSpan: true,
		Keep: &store.Keep{
			As:    "peers of " + service,
			Begin: func(worker int) { workers[worker].settle() },
			End:   func(worker int) (any, int) { return workers[worker].settle() },
			Again: func(worker int, made any) error {
				workers[worker].add(made.([]string))
				return nil
			},
		},
	}
	result, err := r.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error { return workers[worker].look(c) })
	if err != nil {
		return nil, nil, err
	}
	all := map[string]bool{}
	for _, w := range workers {
		w.settle()
		if w.list.full {
			return nil, nil, errTooManyNames
		}
		maps.Copy(all, w.all)
	}
	return slices.Collect(maps.Keys(all)), result.Gaps, nil
}

// peerFinder gathers the names of peers. It belongs to one goroutine.
type peerFinder struct {
	within store.TimeRange
	list   nameList
	peers  peerColumns
	found  map[uint32]bool // by number, since the last settle
	all    map[string]bool // before that
}

func newPeerFinder(within store.TimeRange) *peerFinder {
	w := &peerFinder{within: within, found: map[uint32]bool{}, all: map[string]bool{}}
	w.peers = newPeerColumns(&w.list)
	return w
}

func (w *peerFinder) look(c store.Chunk) error {
	rows, kinds, starts := c.Where(0), c.Column(store.Of(store.Kind)), c.Starts()
	w.peers.begin(c)
	if c.Err() != nil {
		return nil // it is told as a gap
	}
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if w.within.Contains(starts[row]) {
			w.found[w.peers.at(int32(row), kindAt(kinds, row))] = true
		}
	}
	if w.list.full {
		return errTooManyNames
	}
	return nil
}

// settle returns the names that were found since the last time, and how many bytes they take.
func (w *peerFinder) settle() (names []string, bytes int) {
	for n := range w.found {
		if n != 0 {
			names = append(names, w.list.name(n))
			bytes += 16 + len(w.list.name(n))
		}
	}
	clear(w.found)
	w.add(names)
	return names, bytes
}

func (w *peerFinder) add(names []string) {
	for _, name := range names {
		w.all[name] = true
	}
}
