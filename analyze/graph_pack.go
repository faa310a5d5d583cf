package analyze

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"github.com/clewhq/clew/span"
)

// sheetVersion is the version of the form in which sheets are packed, and of what they count: it changes with either.
const sheetVersion = 1

// pack returns a sheet as bytes. Counts, which most often are small whole numbers, are uvarints of their reversed
// bits, as floats are; places of nodes are those of the sheet.
//
//	uvarint  number of nodes but for the first, which has no name; for all: uvarint length of the name, the name,
//	         a byte for the kind in each view, float spans, float errors
//	uvarint  number of edges; for each: uvarint key, float calls, float errors, durations of clients, of servers;
//	         durations are float total and, unless that is 0, uvarint min, max, first bucket, number of buckets, and
//	         their float counts, each 0 followed by an uvarint of how many more there are behind it
//	uvarint  number of messages sent, and those; then the same of messages received. A message is 16 bytes trace,
//	         8 bytes span, uvarint own, uvarint peer, a byte for the kind of the peer, a byte 1 if it failed plus 2 if
//	         it is unasked, uvarint duration, float weight
//	byte     1 if there was no room for messages
func (p *sheet) pack() []byte {
	b := packer(nil)
	b.uvarint(uint64(len(p.nodes) - 1))
	for i := range p.nodes {
		n := &p.nodes[i]
		b.uvarint(uint64(len(n.name)))
		b = append(append(b, n.name...), byte(n.kinds[0]), byte(n.kinds[1]))
		b.float(n.spans)
		b.float(n.errors)
	}
	b.uvarint(uint64(len(p.edges)))
	for i := range p.edges {
		e := &p.edges[i]
		b.uvarint(uint64(e.key))
		b.float(e.calls)
		b.float(e.errors)
		b.bars(&e.client)
		b.bars(&e.server)
	}
	b.messages(p.sent)
	b.messages(p.received)
	return append(b, bitIf(p.short, 1))
}

// packer appends to itself.
type packer []byte

func (b *packer) uvarint(v uint64)  { *b = binary.AppendUvarint(*b, v) }
func (b *packer) float(v float64)   { b.uvarint(bits.ReverseBytes64(math.Float64bits(v))) }
func (b *packer) float32(v float32) { b.uvarint(uint64(bits.ReverseBytes32(math.Float32bits(v)))) }

func (b *packer) bars(d *bars) {
	if b.float(d.total); d.total == 0 {
		return
	}
	b.uvarint(d.min)
	b.uvarint(d.max)
	b.uvarint(uint64(d.first))
	b.uvarint(uint64(len(d.counts)))
	for i := 0; i < len(d.counts); i++ {
		if b.float32(d.counts[i]); d.counts[i] == 0 {
			zeros := 0
			for i+1 < len(d.counts) && d.counts[i+1] == 0 {
				zeros, i = zeros+1, i+1
			}
			b.uvarint(uint64(zeros))
		}
	}
}

func (b *packer) messages(list []message) {
	b.uvarint(uint64(len(list)))
	for i := range list {
		m := &list[i]
		*b = append(append(*b, m.producer.trace[:]...), m.producer.span[:]...)
		b.uvarint(uint64(m.own))
		b.uvarint(uint64(m.peer))
		*b = append(*b, byte(m.peerKind), bitIf(m.failed, 1)|bitIf(m.unasked, 2))
		b.uvarint(m.duration)
		b.float(m.weight)
	}
}

func bitIf(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

var errSheet = errors.New("sums of calls are damaged")

// unpackSheet makes a sheet of what pack returned, with the bytes of memory that it takes.
func unpackSheet(packed []byte) (made any, bytes int, err error) {
	u := unpacker{src: packed, room: maxGraphBytes / 4}
	p := &sheet{}
	for range 1 + u.number(len(u.src)) {
		n := nodeSum{name: string(u.bytes(u.number(len(u.src)))), kinds: [2]NodeKind{u.kind(), u.kind()}, spans: u.float(), errors: u.float()}
		p.nodes = append(p.nodes, n)
		if u.err != nil {
			return nil, 0, u.err
		}
	}
	for range u.number(len(u.src)) {
		e := sheetEdge{key: edgeKey(u.uvarint()), calls: u.float(), errors: u.float(), client: u.bars(), server: u.bars()}
		if caller, callee, via, in := e.key.parts(); max(int(caller), int(callee)) >= len(p.nodes) || via > Query || in > allViews {
			u.err = errSheet
		}
		if u.err != nil {
			return nil, 0, u.err
		}
		p.edges = append(p.edges, e)
	}
	p.sent, p.received = u.messages(len(p.nodes)), u.messages(len(p.nodes))
	p.short = u.byte(1) != 0
	if u.err == nil && len(u.src) > 0 || p.nodes[0].name != "" {
		u.err = errSheet
	}
	if u.err != nil {
		return nil, 0, u.err
	}
	return p, p.size(), nil
}

// unpacker reads what packer wrote. After an error it returns zeros.
type unpacker struct {
	src  []byte
	err  error
	room int // for counts
}

func (u *unpacker) bytes(n int) []byte {
	if u.err != nil || n > len(u.src) {
		u.src, u.err = nil, errSheet
		return make([]byte, min(n, 16))
	}
	b := u.src[:n]
	u.src = u.src[n:]
	return b
}

func (u *unpacker) uvarint() uint64 {
	v, n := binary.Uvarint(u.src)
	if n <= 0 {
		u.src, u.err = nil, errSheet
		return 0
	}
	u.src = u.src[n:]
	return v
}

// number reads a number that is not above a limit.
func (u *unpacker) number(limit int) int {
	n := u.uvarint()
	if n > uint64(limit) {
		u.src, u.err = nil, errSheet
		return 0
	}
	return int(n)
}

// byte reads one that is not above a limit.
func (u *unpacker) byte(limit byte) byte {
	b := u.bytes(1)[0]
	if b > limit {
		u.src, u.err = nil, errSheet
		return 0
	}
	return b
}

func (u *unpacker) kind() NodeKind { return NodeKind(u.byte(byte(Service))) }

// float reads a number that is not negative.
func (u *unpacker) float() float64 {
	v := math.Float64frombits(bits.ReverseBytes64(u.uvarint()))
	if !(v >= 0 && v <= math.MaxFloat64) {
		u.src, u.err = nil, errSheet
		return 0
	}
	return v
}

// maxBuckets is more than the number of buckets that durations have.
var maxBuckets = bucketOf(math.MaxUint64, bucketBits) + 1

func (u *unpacker) bars() (d bars) {
	if d.total = u.float(); d.total == 0 {
		return d
	}
	d.min, d.max, d.first = u.uvarint(), u.uvarint(), u.number(maxBuckets)
	n := u.number(min(maxBuckets-d.first, u.room))
	u.room -= n
	d.counts = make([]float32, n)
	for i := 0; i < n; i++ {
		if d.counts[i] = u.float32(); d.counts[i] == 0 {
			i += u.number(n - 1 - i)
		}
	}
	return d
}

func (u *unpacker) float32() float32 {
	n := u.uvarint()
	v := math.Float32frombits(bits.ReverseBytes32(uint32(n)))
	if n > math.MaxUint32 || !(v >= 0 && v <= math.MaxFloat32) {
		u.src, u.err = nil, errSheet
		return 0
	}
	return v
}

// messages reads messages between the first nodes.
func (u *unpacker) messages(nodes int) (list []message) {
	for range u.number(len(u.src)) {
		m := message{producer: spanKey{span.TraceID(u.bytes(16)), span.SpanID(u.bytes(8))}}
		m.own, m.peer, m.peerKind = uint32(u.number(nodes-1)), uint32(u.number(nodes-1)), u.kind()
		flags := u.byte(3)
		m.failed, m.unasked = flags&1 != 0, flags&2 != 0
		m.duration, m.weight = u.uvarint(), u.float()
		if u.err != nil {
			return nil
		}
		list = append(list, m)
	}
	return list
}
