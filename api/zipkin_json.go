package api

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
)

// zipkinJSON writes one trace in Zipkin's v2 form, as its API describes it: 64-bit
// ids with 16 digits, names in lower case, times in microseconds and left out
// if they are 0, and spans whose id a client and a server share as they are.
//
// The ends of a call come from attributes, see endpointKeys. What Zipkin has no
// fields for becomes tags and annotations, in the way of the Collector's
// translator and of OpenTelemetry's specification of Zipkin exporters:
// attributes of the span, of the scope and of the resource are tags by their
// own keys, the first of them if there are several; the status is
// otel.status_code and, of a failure, error; a link is otlp.link.N; an event
// with attributes is an annotation "name|{attributes}|dropped". A span that has
// http.response.status_code gets http.status_code too, the tag that Zipkin's
// users know.
//
// The attributes zipkin.debug and zipkin.shared become Zipkin's fields, for
// which OpenTelemetry has none.
type zipkinJSON struct {
	*jsonWriter
	b        *span.Batch
	services [][]byte // by resource: its name in lower case
	shared   []bool   // by span: it has the id of its caller's span; nil: none has

	role   []keyRole           // by Ref of a key
	keys   map[string]span.Ref // of tags that are written for other things than attributes
	seen   []uint32            // by Ref of a key: 1 + the span that has the tag already
	ips    map[span.Ref]addressText
	nested map[nestedKey][]byte // their texts

	// Of the span being written.
	ends      [numEndpointParts]endpointValue
	skip      []bool // by attribute: it is no tag
	errorAt   int    // the attribute "error", or -1
	statusAt  int    // the attribute "http.response.status_code", or -1
	debug     bool
	taken     bool // zipkin.shared
	tagsBegun bool

	linkKeys []string // by number of a link
	scratch  []byte
}

// endpointValue is a part of an endpoint, from the attribute at some place of its span.
type endpointValue struct {
	rank keyRole // of the key; 0: there is none
	at   int
	name []byte
	ip   netip.Addr
	port uint64
}

// nestedKey is an array or a map; one of each may be the same bytes.
type nestedKey struct {
	t span.Type
	r span.Ref
}

// addressText is a text that may be an IP address, or look like one.
type addressText struct {
	ip   netip.Addr
	like bool
}

// keyRole says what an attribute of spans stands for: 0 for nothing but a tag,
// 1 + the place in endpointKeys, or one of those below.
type keyRole uint8

const (
	errorRole keyRole = 200 + iota
	httpStatusRole
	debugRole
	sharedRole
	noStartRole
)

// keyRoles are the keys with a role.
var keyRoles = func() map[string]keyRole {
	roles := map[string]keyRole{
		"error": errorRole, httpResponseStatus: httpStatusRole, "zipkin.debug": debugRole, "zipkin.shared": sharedRole,
		"otel.zipkin.absentField.startTime": noStartRole, // the Collector's, on spans that came without
	}
	for i, k := range endpointKeys {
		roles[k.key] = keyRole(i + 1)
	}
	return roles
}()

// writeZipkinTrace writes the spans of a trace as an array.
func writeZipkinTrace(w *jsonWriter, b *span.Batch) {
	j := &zipkinJSON{
		jsonWriter: w, b: b, shared: sharedIDs(b),
		keys: map[string]span.Ref{}, ips: map[span.Ref]addressText{}, nested: map[nestedKey][]byte{},
	}
	for i := range b.Resources {
		j.services = append(j.services, appendLower(nil, []byte(b.ServiceName(uint32(i)))))
	}
	j.role = make([]keyRole, max(1, b.Dict.Len()))
	j.seen = make([]uint32, len(j.role))
	for shape := range b.Shapes.Len() {
		for _, e := range b.Shapes.Entries(uint32(shape)) {
			key := b.Dict.Bytes(e.Key)
			j.role[e.Key] = keyRoles[string(key)]
			if isZipkinTag(key) {
				j.keys[string(key)] = e.Key
			}
		}
	}
	j.array()
	for i := range b.Len() {
		if j.err != nil { // the client is gone
			return
		}
		j.span(i)
	}
	j.endArray()
}

// sharedIDs tells which spans have the id of the span that called them.
func sharedIDs(b *span.Batch) []bool {
	if len(slices.Compact(sortedIDs(b.SpanIDs))) == b.Len() {
		return nil
	}
	type sender struct {
		id   span.SpanID
		kind int32
	}
	receives := map[int32]int32{kindServer: kindClient, kindConsumer: kindProducer} // from whom
	senders := map[sender]bool{}
	for i, id := range b.SpanIDs {
		senders[sender{id, b.Kinds[i]}] = true
	}
	shared := make([]bool, b.Len())
	for i, id := range b.SpanIDs {
		from, ok := receives[b.Kinds[i]]
		shared[i] = ok && senders[sender{id, from}]
	}
	return shared
}

// zipkinKinds are Zipkin's names of OTLP's SpanKinds; others have none.
var zipkinKinds = map[int32]string{kindServer: "SERVER", kindClient: "CLIENT", kindProducer: "PRODUCER", kindConsumer: "CONSUMER"}

func (j *zipkinJSON) span(i int) {
	b := j.b
	j.readAttributes(i)
	j.object()
	j.name("traceId")
	if hi, _ := b.TraceIDs[i].Uint64s(); hi == 0 {
		j.hex(b.TraceIDs[i][8:])
	} else {
		j.hex(b.TraceIDs[i][:])
	}
	if parent := b.Parents[i]; !parent.IsZero() && parent != b.SpanIDs[i] {
		j.name("parentId")
		j.hex(parent[:])
	}
	j.name("id")
	j.hex(b.SpanIDs[i][:])
	if kind := zipkinKinds[b.Kinds[i]]; kind != "" {
		j.name("kind")
		j.text(kind)
	}
	if name := b.Dict.Bytes(b.Names[i]); len(name) > 0 {
		j.name("name")
		j.scratch = appendLower(j.scratch[:0], name)
		j.bytes(j.scratch)
	}
	if start := b.Starts[i] / 1000; start > 0 {
		j.name("timestamp")
		j.unsigned(start)
	}
	if d := b.Duration(i); d > 0 {
		j.name("duration")
		j.integer(max(d/1000, 1))
	}
	j.endpoint(i, "localEndpoint", j.services[b.Resource[i]], localIP, localPort)
	j.endpoint(i, "remoteEndpoint", j.peerName(i), peerIP, peerPort)
	j.annotations(i)
	j.tags(i)
	if j.debug {
		j.name("debug")
		j.boolean(true)
	}
	if j.taken || j.shared != nil && j.shared[i] {
		j.name("shared")
		j.boolean(true)
	}
	j.endObject()
}

// appendLower appends text in lower case.
func appendLower(dst, text []byte) []byte {
	end := len(dst)
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return append(dst[:end], bytes.ToLower(text)...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// readAttributes finds among the attributes of a span those that are more than tags.
func (j *zipkinJSON) readAttributes(i int) {
	j.ends = [numEndpointParts]endpointValue{}
	j.errorAt, j.statusAt, j.debug, j.taken = -1, -1, false, false
	j.skip = j.skip[:0]
	for at, e := range j.b.Shapes.Entries(j.b.Attrs[i].Shape) {
		bits := j.b.Values[int(j.b.Attrs[i].First)+at]
		yes := e.Type == span.Bool && bits != 0
		skip := false
		switch role := j.role[e.Key]; role {
		case 0:
		case errorRole:
			if j.errorAt < 0 {
				j.errorAt = at
			}
			skip = true // it is written by itself
		case httpStatusRole:
			if j.statusAt < 0 {
				j.statusAt = at
			}
		case debugRole:
			j.debug, skip = j.debug || yes, yes
		case sharedRole:
			j.taken, skip = j.taken || yes, yes
		case noStartRole:
			skip = yes && j.b.Starts[i] == 0
		default:
			j.offer(i, endpointValue{rank: role, at: at}, e.Type, bits)
		}
		j.skip = append(j.skip, skip)
	}
}

// offer takes a value for a part of an endpoint unless it has a better one.
func (j *zipkinJSON) offer(i int, v endpointValue, t span.Type, bits uint64) {
	key := &endpointKeys[v.rank-1]
	if key.sent && !sendsOrTakes(j.b.Kinds[i]) {
		return
	}
	part := key.part
	switch part {
	case localPort, peerPort:
		if v.port = j.portOf(t, bits); v.port == 0 {
			return
		}
	default:
		if t != span.String || bits == 0 {
			return
		}
		text := j.addressOf(span.Ref(bits))
		if part == peerName && !(key.sent && text.like) {
			v.name = j.b.Dict.Bytes(span.Ref(bits))
			break
		}
		if v.ip = text.ip; !v.ip.IsValid() {
			return
		}
		if part == peerName {
			part = peerIP
		}
	}
	if best := &j.ends[part]; best.rank == 0 || v.rank < best.rank {
		*best = v
	}
}

func (j *zipkinJSON) portOf(t span.Type, bits uint64) uint64 {
	switch t {
	case span.Int:
		if bits <= 65535 {
			return bits
		}
	case span.String:
		if text := j.b.Dict.Bytes(span.Ref(bits)); len(text) <= 5 {
			port, _ := strconv.ParseUint(string(text), 10, 16)
			return port
		}
	}
	return 0
}

// maxAddresses bounds how many texts are remembered.
const maxAddresses = 10_000

func (j *zipkinJSON) addressOf(r span.Ref) addressText {
	known, ok := j.ips[r]
	if !ok {
		text := j.b.Dict.String(r)
		known.like = analyze.IsAddress(text)
		if ip, err := netip.ParseAddr(text); err == nil {
			known.ip = ip.WithZone("").Unmap() // clients refuse zones
		}
		if len(j.ips) < maxAddresses {
			j.ips[r] = known
		}
	}
	return known
}

// peerName returns the name of who was called, in lower case.
func (j *zipkinJSON) peerName(i int) []byte {
	v := &j.ends[peerName]
	j.scratch = appendLower(j.scratch[:0], v.name)
	j.move(i, v, j.scratch)
	return j.scratch
}

// endpoint writes one end of a call, if anything but a port is known of it. The
// service may lie in j.scratch.
func (j *zipkinJSON) endpoint(i int, field string, service []byte, ip, port endpointPart) {
	address := &j.ends[ip]
	if len(service) == 0 && address.rank == 0 {
		return
	}
	j.name(field)
	j.object()
	if len(service) > 0 {
		j.name("serviceName")
		j.bytes(service)
	}
	if address.rank != 0 {
		if address.ip.Is4() {
			j.name("ipv4")
		} else {
			j.name("ipv6")
		}
		j.scratch = address.ip.AppendTo(j.scratch[:0])
		j.bytes(j.scratch)
		j.move(i, address, j.scratch)
	}
	if v := &j.ends[port]; v.rank != 0 {
		j.name("port")
		j.unsigned(v.port)
		j.scratch = strconv.AppendUint(j.scratch[:0], v.port, 10)
		j.move(i, v, j.scratch)
	}
	j.endObject()
}

// move leaves the attribute of a part out of the tags if it reads as it is shown.
func (j *zipkinJSON) move(i int, v *endpointValue, shown []byte) {
	if v.rank == 0 || !endpointKeys[v.rank-1].moved {
		return
	}
	a := j.b.Attrs[i]
	bits := j.b.Values[int(a.First)+v.at]
	j.skip[v.at] = j.b.Shapes.Entries(a.Shape)[v.at].Type == span.Int || bytes.Equal(j.b.Dict.Bytes(span.Ref(bits)), shown)
}
