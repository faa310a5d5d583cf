package recording

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

// Config says how the recording is replayed.
type Config struct {
	// Seed determines all that is random: ids, identifiers, lengths of time.
	Seed uint64
	// Epoch is when the first trace has ended.
	Epoch time.Time
	// Rate is how many spans a second the traces amount to: they end the later,
	// the further they are in the sequence. 0: all end about Epoch.
	Rate float64
	// Merge is how many traces share one ResourceSpans for each resource, as
	// they do after a batching SDK or Collector. 0 means DefaultMerge.
	Merge int
	// KeepResolution rounds times to the clock of the recorded sender, which
	// for about half of all spans is one of micro- or milliseconds. Without it
	// all times are random down to the nanosecond.
	KeepResolution bool
}

// DefaultMerge gives requests of 1,000 spans as many bytes a span (485) as the
// recorded requests have: about 24 spans in a ResourceSpans.
const DefaultMerge = 64

// jitter is how long before its turn a trace may have ended: senders batch.
const jitter = uint64(time.Second)

// A Generator replays the recording as an endless sequence of spans, trace
// after trace. The sequence is a function of Config alone, so that whoever
// knows the Config knows what was sent. A Generator serves one goroutine;
// Clone makes one for another.
type Generator struct {
	corpus *corpus
	cfg    Config
	seed   uint64
	epoch  uint64
	gap    float64 // nanoseconds from span to span

	// Of the traces that are being merged:
	traces []placedTrace
	pieces []piece
	times  []uint64 // start and end of each span, trace after trace
}

// placedTrace is a trace of the sequence. Its spans are at times[times:].
type placedTrace struct {
	*template
	rng   uint64
	times int
}

// piece is a run of a trace, or what of it belongs to the request.
type piece struct {
	run
	trace int // index into Generator.traces
}

var compiled = sync.OnceValues(func() (*corpus, error) {
	list, err := Requests()
	if err != nil {
		return nil, err
	}
	return compile(list)
})

// NewGenerator returns a generator of the embedded recording.
func NewGenerator(cfg Config) (*Generator, error) {
	c, err := compiled()
	if err != nil {
		return nil, err
	}
	return newGenerator(c, cfg), nil
}

func newGenerator(c *corpus, cfg Config) *Generator {
	g := &Generator{corpus: c, cfg: cfg, seed: mix(cfg.Seed), epoch: uint64(cfg.Epoch.UnixNano())}
	if cfg.Rate > 0 {
		g.gap = 1e9 / cfg.Rate
	}
	if cfg.Merge <= 0 {
		g.cfg.Merge = DefaultMerge
	}
	return g
}

// Clone returns a generator of the same sequence for another goroutine.
func (g *Generator) Clone() *Generator { return newGenerator(g.corpus, g.cfg) }

// Append appends an encoded ExportTraceServiceRequest with n spans of the
// sequence, starting with span first. A trace whose spans lie on both sides of
// a limit goes partly into this request and partly into its neighbour.
func (g *Generator) Append(dst []byte, first, n uint64) []byte {
	for at, end := first, first+n; at < end; {
		g.traces, g.pieces, g.times = g.traces[:0], g.pieces[:0], g.times[:0]
		for len(g.traces) < g.cfg.Merge && at < end {
			at += g.place(at, end)
		}
		dst = g.appendPieces(dst)
	}
	return dst
}

// Trace is what identifies a trace of the sequence.
type Trace struct {
	ID    span.TraceID
	First uint64        // place of its first span in the sequence
	Spans []span.SpanID // in the order of the sequence
}

// NumTraces returns how many traces have spans among the first n of the sequence.
func (g *Generator) NumTraces(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	k, _ := g.find(n - 1)
	return k + 1
}

// Trace returns trace k of the sequence. The slice that it returns reuses the memory of spans.
func (g *Generator) Trace(k uint64, spans []span.SpanID) Trace {
	num := uint64(len(g.corpus.templates))
	i := k % num
	t := Trace{First: k/num*g.corpus.numSpans() + g.corpus.firsts[i], Spans: spans[:0]}
	rng := g.rng(k)
	putTraceID(t.ID[:], rng)
	for slot := range len(g.corpus.templates[i].spanAt) - 1 {
		var id span.SpanID
		binary.LittleEndian.PutUint64(id[:], draw(rng, uint16(slot)))
		t.Spans = append(t.Spans, id)
	}
	return t
}

// find returns the trace that span at of the sequence belongs to, and the trace's first span.
func (g *Generator) find(at uint64) (k, first uint64) {
	c := g.corpus
	cycle, in := at/c.numSpans(), at%c.numSpans()
	i := sort.Search(len(c.templates), func(i int) bool { return c.firsts[i+1] > in })
	return cycle*uint64(len(c.templates)) + uint64(i), cycle*c.numSpans() + c.firsts[i]
}

// place notes the pieces of the trace that span at belongs to, from at to its
// end or to end, and returns how many spans these are.
func (g *Generator) place(at, end uint64) uint64 {
	k, first := g.find(at)
	t := &g.corpus.templates[k%uint64(len(g.corpus.templates))]
	p := placedTrace{template: t, rng: g.rng(k), times: len(g.times)}
	g.appendTimes(p, first)
	lo := int(at - first)
	hi := int(min(end-first, uint64(len(t.spanAt)-1)))
	for _, r := range t.runs {
		r.first, r.end = max(r.first, lo), min(r.end, hi)
		if r.first < r.end {
			g.pieces = append(g.pieces, piece{r, len(g.traces)})
		}
	}
	g.traces = append(g.traces, p)
	return uint64(hi - lo)
}

// appendTimes draws when the spans of p start and end. The trace's first span
// has place first in the sequence.
//
// A span that lay inside its parent does so again: the times before, in and
// after it are scaled by three random numbers, and all by what makes their sum
// the parent's new length.
func (g *Generator) appendTimes(p placedTrace, first uint64) {
	rng := mix(p.rng)
	scale := factor(&rng)
	due := g.epoch + uint64(float64(first)*g.gap)
	base := due - uint64(p.length*maxScale) - next(&rng)%jitter
	at := len(g.times)
	g.times = slices.Grow(g.times, 2*(len(p.spanAt)-1))[:at+2*(len(p.spanAt)-1)]
	times := g.times[at:]
	for i := range p.template.times {
		t := &p.template.times[i]
		from := base
		lead, length := t.lead*factor(&rng), t.length*factor(&rng)
		by := scale
		if t.parent >= 0 {
			from = times[2*t.parent]
			if t.nested {
				room := float64(times[2*t.parent+1] - from)
				by = 0
				if sum := lead + length + t.tail*factor(&rng); sum > 0 {
					by = room / sum
				}
			}
		}
		start := from + uint64(int64(lead*by))
		stop := start + uint64(int64(length*by))
		if g.cfg.KeepResolution && t.tick > 1 {
			start -= start % uint64(t.tick)
			stop -= stop % uint64(t.tick)
		}
		times[2*t.span], times[2*t.span+1] = start, stop
	}
}

// appendPieces appends one ResourceSpans for each resource of the noted pieces.
func (g *Generator) appendPieces(dst []byte) []byte {
	slices.SortFunc(g.pieces, func(a, b piece) int {
		if a.scope != b.scope {
			return a.scope - b.scope
		}
		return a.trace - b.trace
	})
	scopes := g.corpus.scopes
	for list := g.pieces; len(list) > 0; {
		r := scopes[list[0].scope].resource
		n, size := 0, 0
		for n < len(list) && scopes[list[n].scope].resource == r {
			members, body := g.scopeSize(list[n:])
			n += members
			size += 1 + protowire.SizeBytes(body)
		}
		res := &g.corpus.resources[r]
		dst = appendHead(dst, 1, len(res.head)+size+len(res.tail))
		dst = append(dst, res.head...)
		for at := 0; at < n; {
			members, body := g.scopeSize(list[at:n])
			s := &scopes[list[at].scope]
			dst = appendHead(dst, 2, body)
			dst = append(dst, s.head...)
			for _, p := range list[at : at+members] {
				dst = g.appendSpans(dst, p)
			}
			dst = append(dst, s.tail...)
			at += members
		}
		dst = append(dst, res.tail...)
		list = list[n:]
	}
	return dst
}

// scopeSize returns how many of the first pieces are of one scope, and the size of their ScopeSpans.
func (g *Generator) scopeSize(list []piece) (members, size int) {
	s := &g.corpus.scopes[list[0].scope]
	size = len(s.head) + len(s.tail)
	for members < len(list) && list[members].scope == list[0].scope {
		p := list[members]
		at := g.traces[p.trace].spanAt
		size += int(at[p.end] - at[p.first])
		members++
	}
	return members, size
}

// appendHead appends tag and length of a submessage in a field below 16.
func appendHead(dst []byte, field protowire.Number, size int) []byte {
	dst = append(dst, byte(field<<3)|byte(protowire.BytesType))
	return protowire.AppendVarint(dst, uint64(size))
}

// appendSpans appends a copy of the spans of p and patches it.
func (g *Generator) appendSpans(dst []byte, p piece) []byte {
	t := &g.traces[p.trace]
	from := t.spanAt[p.first]
	base := len(dst)
	dst = append(dst, t.spans[from:t.spanAt[p.end]]...)
	out := dst[base:]
	times := g.times[t.times:]
	patches := t.patches[t.patchAt[p.first]:t.patchAt[p.end]]
	for i := range patches {
		p := &patches[i]
		at := out[p.at-from:]
		switch p.kind {
		case patchTraceID:
			putTraceID(at, t.rng)
		case patchID:
			binary.LittleEndian.PutUint64(at, draw(t.rng, p.ref))
		case patchStart:
			binary.LittleEndian.PutUint64(at, times[2*p.ref])
		case patchEnd:
			binary.LittleEndian.PutUint64(at, times[2*p.ref+1])
		case patchEvent:
			start, stop := times[2*p.ref], times[2*p.ref+1]
			binary.LittleEndian.PutUint64(at, start+uint64(int64(p.part*float64(int64(stop-start)))))
		case patchText:
			putText(at[:p.n], t.rng, p.ref)
		case patchPort:
			v := minPort + uint32(draw(t.rng, p.ref)%numPort)
			at[0], at[1], at[2] = byte(v)|0x80, byte(v>>7)|0x80, byte(v>>14)
		}
	}
	return dst
}

// putText makes every letter and digit of text a random hex digit.
func putText(text []byte, rng uint64, slot uint16) {
	const hex = "0123456789abcdef"
	var x uint64
	for i, n := 0, 0; i < len(text); i++ {
		if c := text[i]; !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			continue
		}
		if n%16 == 0 {
			x = draw(rng, slot+uint16(n/16))
		}
		text[i] = hex[x&15]
		x >>= 4
		n++
	}
}

// The random numbers are those of SplitMix64: a counter, well mixed, so that
// any of them can be had without those before it.

const gamma uint64 = 0x9e3779b97f4a7c15

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// rng returns the counter from which all that is random in trace k follows.
func (g *Generator) rng(k uint64) uint64 { return mix(g.seed + k*gamma) }

// draw returns the random number of a slot. Numbers -2 and -1 are the trace id.
func draw(rng uint64, slot uint16) uint64 { return mix(rng + (uint64(slot)+3)*gamma) }

func putTraceID(dst []byte, rng uint64) {
	rng += gamma
	binary.LittleEndian.PutUint64(dst, mix(rng))
	binary.LittleEndian.PutUint64(dst[8:], mix(rng+gamma))
}

func next(rng *uint64) uint64 {
	*rng += gamma
	return mix(*rng)
}

// maxScale bounds by how much a root span can be longer than recorded.
const maxScale = 1.5 * 1.5

// factor draws a number in [0.5, 1.5).
func factor(rng *uint64) float64 {
	return math.Float64frombits(next(rng)>>12|0x3ff<<52) - 0.5
}
