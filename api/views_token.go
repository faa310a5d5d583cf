package api

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
)

// contentHash hashes all that a batch says of its spans, in their order. The numbers that its dictionary,
// shapes, resources and scopes happen to have do not matter: each of those is hashed once, by what it holds.
func contentHash(b *span.Batch) uint64 {
	h := contentHasher{b: b, words: make([]byte, 0, contentBuffer)}
	h.texts = make([]uint64, max(1, b.Dict.Len())) // the empty text is in no dictionary that is empty
	for i := range h.texts {
		h.texts[i] = xxhash.Sum64(b.Dict.Bytes(span.Ref(i)))
	}
	h.shapes = make([]uint64, b.Shapes.Len())
	for i := range h.shapes {
		for _, e := range b.Shapes.Entries(uint32(i)) {
			h.add(h.texts[e.Key], uint64(e.Type))
		}
		h.shapes[i] = h.sum()
	}
	resources := make([]uint64, len(b.Resources))
	for i, r := range b.Resources {
		h.add(uint64(r.DroppedAttrs), h.texts[r.SchemaURL], h.texts[r.EntityRefs])
		h.attrs(r.Attrs)
		resources[i] = h.sum()
	}
	scopes := make([]uint64, len(b.Scopes))
	for i, s := range b.Scopes {
		h.add(h.texts[s.Name], h.texts[s.Version], h.texts[s.SchemaURL], uint64(s.DroppedAttrs))
		h.attrs(s.Attrs)
		scopes[i] = h.sum()
	}
	for i := range b.Len() {
		h.add(resources[b.Resource[i]], scopes[b.Scope[i]])
		h.span(i)
	}
	return h.sum()
}

const contentBuffer = 32 << 10

// contentHasher gathers words, which are hashed many at a time.
type contentHasher struct {
	b             *span.Batch
	texts, shapes []uint64
	digest        xxhash.Digest
	words         []byte
}

func (h *contentHasher) add(words ...uint64) {
	for _, w := range words {
		h.words = binary.LittleEndian.AppendUint64(h.words, w)
	}
	if len(h.words) >= contentBuffer-256 {
		h.flush()
	}
}

func (h *contentHasher) flush() {
	h.digest.Write(h.words)
	h.words = h.words[:0]
}

// sum returns the hash of what was added since the last one.
func (h *contentHasher) sum() uint64 {
	h.flush()
	sum := h.digest.Sum64()
	h.digest.Reset()
	return sum
}

func (h *contentHasher) attrs(a span.Attrs) {
	h.add(h.shapes[a.Shape])
	for i, e := range h.b.Shapes.Entries(a.Shape) {
		value := h.b.Values[int(a.First)+i]
		if e.Type.InDict() {
			value = h.texts[value]
		}
		h.add(value)
	}
}

func (h *contentHasher) span(i int) {
	b := h.b
	number := binary.LittleEndian.Uint64
	h.add(number(b.TraceIDs[i][:8]), number(b.TraceIDs[i][8:]), number(b.SpanIDs[i][:]), number(b.Parents[i][:]),
		b.Starts[i], b.Ends[i], h.texts[b.Names[i]], uint64(uint32(b.Kinds[i]))<<32|uint64(uint32(b.Statuses[i])),
		h.texts[b.Messages[i]], h.texts[b.States[i]], uint64(b.Flags[i]))
	dropped := b.Dropped[i]
	h.add(uint64(dropped.Attrs)<<32|uint64(dropped.Events), uint64(dropped.Links))
	h.attrs(b.Attrs[i])
	events, links := b.EventsOf(i), b.LinksOf(i)
	h.add(uint64(len(events))<<32 | uint64(len(links)))
	for _, e := range events {
		h.add(e.Time, h.texts[e.Name], uint64(e.DroppedAttrs))
		h.attrs(e.Attrs)
	}
	for _, l := range links {
		h.add(number(l.TraceID[:8]), number(l.TraceID[8:]), number(l.SpanID[:]), h.texts[l.State],
			uint64(l.Flags)<<32|uint64(l.DroppedAttrs))
		h.attrs(l.Attrs)
	}
}
