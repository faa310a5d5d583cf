package storetest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

// Gen makes random spans, and predicates and queries about them. It draws from
// small pools, so that values meet, and has all that OTLP allows in them. The
// same seed makes the same sequence. A Gen belongs to one goroutine.
type Gen struct {
	rng       *rand.Rand
	now       uint64 // most spans start soon after it
	keys      []string
	resources []span.SpanResource
	scopes    []span.SpanScope
	traceIDs  []span.TraceID
}

// NewGen returns a generator of its own vocabulary.
func NewGen(seed uint64) *Gen {
	g := &Gen{rng: rand.New(rand.NewPCG(seed, 0x636c6577)), now: 1_790_000_000e9}
	g.keys = []string{
		"service.name", "service.name", "http.method", "http.status_code", "k", "K", "k.k", "",
		"é", "\xff\xfe", "\x00", "a b\n\"", "name", strings.Repeat("long", 100),
	}
	for _, service := range []string{"shop", "cart", "Cart", "café", "pay"} {
		named := []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}
		g.resources = append(g.resources, span.SpanResource{
			Attrs: append(named, g.Attrs(6)...), DroppedAttrs: g.count(), SchemaURL: g.text(), EntityRefs: g.entityRefs(),
		})
		g.scopes = append(g.scopes, span.SpanScope{
			Name: g.text(), Version: g.text(), SchemaURL: g.text(), Attrs: g.Attrs(6), DroppedAttrs: g.count(),
		})
	}
	g.resources = append(g.resources, span.SpanResource{}, span.SpanResource{Attrs: g.Attrs(4)})
	g.scopes = append(g.scopes, span.SpanScope{})
	return g
}

func pick[T any](g *Gen, list ...T) T { return list[g.rng.IntN(len(list))] }

// chance is true once in n times.
func (g *Gen) chance(n int) bool { return g.rng.IntN(n) == 0 }

// few is mostly small, and once in a hundred times many.
func (g *Gen) few(most, many int) int {
	if g.chance(100) {
		most = many
	}
	return g.rng.IntN(most + 1)
}

// count is one of the counters that mostly are 0.
func (g *Gen) count() uint32 {
	if g.chance(6) {
		return pick[uint32](g, 1, 2, math.MaxUint32)
	}
	return 0
}

func (g *Gen) text() string {
	switch g.rng.IntN(20) {
	case 0:
		return strings.Repeat(pick(g, "x", "é", "\xff", "ab"), g.rng.IntN(3000))
	case 1:
		return string(g.bytes(1 + g.rng.IntN(20)))
	}
	return pick(g, "", "", "a", "b", "ab", "abc", "ABC", "GET", "GET /", "POST", "1", "200", "true", "nil",
		"line\nbreak", "\x00", "é", "\xff", "�", "日本", `"quoted"\`, "shop", "cart")
}

func (g *Gen) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return b
}

// entityRefs encodes field 3 of a Resource any number of times, see span.Resource.
func (g *Gen) entityRefs() string {
	var b []byte
	for range max(0, g.rng.IntN(5)-2) {
		ref := protowire.AppendTag(nil, 2, protowire.BytesType) // EntityRef.type
		ref = protowire.AppendString(ref, pick(g, "service", "host", "é"))
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendBytes(b, ref)
	}
	return string(b)
}

// Value returns a value of any type.
func (g *Gen) Value() span.Value { return g.value(3) }

func (g *Gen) value(depth int) span.Value {
	kinds := 10
	if depth == 0 {
		kinds = 8
	}
	switch g.rng.IntN(kinds) {
	case 0, 1, 2:
		return span.StringValue(g.text())
	case 3, 4:
		return span.IntValue(g.int())
	case 5:
		return span.FloatValue(g.float())
	case 6:
		return span.BoolValue(g.chance(2))
	case 7:
		if g.chance(3) {
			return span.Value{}
		}
		return span.BytesValue(pick(g, "", "a", "ab", "\x00\xff", string(g.bytes(40))))
	case 8:
		return span.ArrayValue(g.elements(depth - 1)...)
	}
	members := make([]span.KeyValue, g.rng.IntN(4))
	for i := range members {
		members[i] = span.KeyValue{Key: pick(g, g.keys...), Value: g.value(depth - 1)}
	}
	return span.MapValue(members...)
}

// elements is of one type in most cases, and may be empty.
func (g *Gen) elements(depth int) []span.Value {
	list := make([]span.Value, g.few(4, 300))
	first := g.value(depth)
	for i := range list {
		list[i] = g.value(depth)
		for tries := 0; list[i].Type != first.Type && tries < 20; tries++ {
			list[i] = g.value(depth)
		}
	}
	if len(list) > 0 && g.chance(5) {
		list[0] = g.value(depth)
	}
	return list
}

func (g *Gen) int() int64 {
	return pick(g, 0, 1, -1, 2, 200, 404, 500, math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32,
		1<<53, 1<<53+1, -1<<53-1, g.rng.Int64N(10), int64(g.rng.Uint64()))
}

func (g *Gen) float() float64 {
	return pick(g, 0, math.Copysign(0, -1), 1, -1, 1.5, 200, math.NaN(), math.Float64frombits(0xfff8000000000001),
		math.Inf(1), math.Inf(-1), 1<<53, 1<<63, -1<<63, math.MaxFloat64, math.SmallestNonzeroFloat64,
		float64(g.rng.IntN(10)), g.rng.NormFloat64())
}

// Attrs returns up to most attributes; keys repeat, with the same type or another.
func (g *Gen) Attrs(most int) []span.KeyValue {
	var list []span.KeyValue
	for range g.few(most, 80) {
		kv := span.KeyValue{Key: pick(g, g.keys...), Value: g.Value()}
		if len(list) > 0 && g.chance(6) {
			kv = pick(g, list...)
			if g.chance(2) {
				kv.Value = g.near(kv.Value)
			}
		}
		list = append(list, kv)
	}
	return list
}

func (g *Gen) spanID() (id span.SpanID) {
	binary.BigEndian.PutUint64(id[:], max(1, pick(g, g.rng.Uint64(), g.rng.Uint64(), g.rng.Uint64N(4), math.MaxUint64, 1<<63)))
	return id
}

func (g *Gen) newTraceID() (id span.TraceID) {
	copy(id[:], g.bytes(16))
	switch g.rng.IntN(6) {
	case 0: // a 64-bit id
		clear(id[:8])
	case 1: // next to another one
		if len(g.traceIDs) > 0 {
			id = pick(g, g.traceIDs...)
			id[pick(g, 0, 7, 8, 15)]++
		}
	case 2:
		id = span.TraceID{15: byte(g.rng.IntN(4))}
	}
	if id.IsZero() {
		id[15] = 0xff
	}
	return id
}

// time is soon after the generator's now, with exceptions.
func (g *Gen) time() uint64 {
	if g.chance(15) {
		return pick(g, 0, 1, math.MaxUint64, math.MaxUint64-1, 1<<63, 1<<63-1, 1e18, 4e18, g.rng.Uint64())
	}
	if g.chance(3) {
		return g.now + g.rng.Uint64N(5)*1e9 // same starts
	}
	return g.now + g.rng.Uint64N(5e9)
}

func (g *Gen) end(start uint64) uint64 {
	switch g.rng.IntN(12) {
	case 0:
		return start
	case 1:
		return start - g.rng.Uint64N(1e6) // before the start; wraps at 0
	case 2:
		return g.time()
	}
	return start + g.rng.Uint64N(2e9)
}

// Trace returns a trace of n spans, parents not always first. Its spans may
// share ids, name parents that are not there, and be their own ancestors.
func (g *Gen) Trace(n int) []span.Span {
	id := g.newTraceID()
	g.traceIDs = append(g.traceIDs, id)
	list := make([]span.Span, 0, n)
	for range n {
		s := g.span(id)
		if len(list) > 0 {
			other := pick(g, list...)
			s.Parent = pick(g, other.SpanID, other.SpanID, other.SpanID, s.SpanID, g.spanID(), span.SpanID{})
			if g.chance(12) {
				s.SpanID = other.SpanID
			}
			if g.chance(4) {
				s.Resource, s.Scope, s.Name = other.Resource, other.Scope, other.Name
			}
			switch g.rng.IntN(25) {
			case 0:
				s = other // an exact duplicate
			case 1:
				s = g.alter(other)
			}
		} else if g.chance(4) {
			s.Parent = g.spanID()
		}
		list = append(list, s)
	}
	return list
}

func (g *Gen) span(id span.TraceID) span.Span {
	s := span.Span{
		TraceID: id, SpanID: g.spanID(),
		Name:   pick(g, "", "GET /", "GET /cart", "query", "é", "\xff", g.text()),
		Kind:   pick[int32](g, 0, 1, 2, 3, 4, 5, 2, 3, 99, -1, math.MaxInt32, math.MinInt32),
		Status: pick[int32](g, 0, 0, 0, 1, 2, 2, 3, -1),
		Start:  g.time(), Attrs: g.Attrs(6),
		Resource: pick(g, g.resources...), Scope: pick(g, g.scopes...),
		Dropped: span.Dropped{Attrs: g.count(), Events: g.count(), Links: g.count()},
	}
	s.End = g.end(s.Start)
	if s.Status == 2 {
		s.Message = g.text()
	}
	if g.chance(3) {
		s.TraceState = pick(g, "a=1", "a=1,b=2", g.text())
		s.Flags = pick[uint32](g, 1, 0x100, 0x301, math.MaxUint32)
	}
	for range max(0, g.few(4, 40)-2) {
		s.Events = append(s.Events, span.SpanEvent{
			Time: pick(g, s.Start, s.End, g.time()), Name: pick(g, "exception", "log", g.text()), Attrs: g.Attrs(3), DroppedAttrs: g.count(),
		})
	}
	for range max(0, g.few(4, 30)-2) {
		s.Links = append(s.Links, span.SpanLink{
			TraceID: pick(g, id, g.newTraceID()), SpanID: g.spanID(), TraceState: pick(g, "", "l=1"),
			Flags: g.count(), Attrs: g.Attrs(2), DroppedAttrs: g.count(),
		})
	}
	return s
}

// alter returns a span that shares everything with s but one detail.
func (g *Gen) alter(s span.Span) span.Span {
	other := g.span(s.TraceID)
	switch g.rng.IntN(12) {
	case 0:
		s.Attrs = append(slices.Clone(s.Attrs), other.Attrs...)
	case 1:
		s.Attrs = slices.Clone(s.Attrs)
		slices.Reverse(s.Attrs)
	case 2:
		s.Resource.Attrs = other.Resource.Attrs
	case 3:
		s.Scope.Version += "+"
	case 4:
		s.End++
	case 5:
		s.Events = append(slices.Clone(s.Events), span.SpanEvent{})
	case 6:
		s.Links = other.Links
	case 7:
		s.Kind++
	case 8:
		s.Dropped.Events++
	case 9:
		s.TraceState += ","
	case 10:
		s.Parent = other.Parent
	default:
		s.Attrs = slices.Clone(s.Attrs)
		for i, kv := range s.Attrs {
			s.Attrs[i].Value = g.near(kv.Value)
		}
	}
	return s
}

// Spans returns about n spans of several traces, in an order in which they may arrive.
func (g *Gen) Spans(n int) []span.Span {
	var list []span.Span
	for len(list) < n {
		list = append(list, g.Trace(1+g.rng.IntN(8))...)
	}
	for range n / 3 { // out of order, but neighbours stay near
		i, j := g.rng.IntN(len(list)), g.rng.IntN(len(list))
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// Split cuts spans into batches, some of which come a second time later.
func (g *Gen) Split(spans []span.Span) [][]span.Span {
	var batches [][]span.Span
	for len(spans) > 0 {
		n := min(len(spans), 1+g.rng.IntN(25))
		batches = append(batches, spans[:n])
		spans = spans[n:]
		if g.chance(6) {
			batches = append(batches, pick(g, batches...))
		}
	}
	return batches
}
