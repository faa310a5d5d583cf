package api

import (
	"encoding/binary"

	"github.com/clewhq/clew/span"
)

// OTLP nests spans in scopes and scopes in resources. These are the spans of a
// batch in that order: resources, the scopes in them and the spans in those,
// each by first appearance.
type (
	resourceGroup struct {
		resource uint32 // index into Batch.Resources
		scopes   []scopeGroup
	}
	scopeGroup struct {
		scope uint32   // index into Batch.Scopes
		spans []uint32 // ascending indexes of spans
	}
)

// group sorts the spans of b into their groups. Resources and scopes that are
// equal are one, also where the batch keeps them several times.
func group(b *span.Batch) []resourceGroup {
	type pair struct{ resource, scope uint32 }
	resources, scopes := sameResources(b), sameScopes(b)
	numbers := make(map[pair]uint32)
	var pairs []pair
	var counts []uint32
	groupOf := make([]uint32, b.Len())
	for i := range groupOf {
		p := pair{resources[b.Resource[i]], scopes[b.Scope[i]]}
		n, ok := numbers[p]
		if !ok {
			n = uint32(len(pairs))
			numbers[p] = n
			pairs, counts = append(pairs, p), append(counts, 0)
		}
		groupOf[i] = n
		counts[n]++
	}
	lists := make([][]uint32, len(pairs))
	arena := make([]uint32, b.Len())
	for n, count := range counts {
		lists[n], arena = arena[:0:count], arena[count:]
	}
	for i, n := range groupOf {
		lists[n] = append(lists[n], uint32(i))
	}
	var groups []resourceGroup
	place := make(map[uint32]int) // of a resource in groups
	for n, p := range pairs {
		at, ok := place[p.resource]
		if !ok {
			at = len(groups)
			place[p.resource] = at
			groups = append(groups, resourceGroup{resource: p.resource})
		}
		groups[at].scopes = append(groups[at].scopes, scopeGroup{p.scope, lists[n]})
	}
	return groups
}

// sameResources returns for each resource the first one that is equal to it.
func sameResources(b *span.Batch) []uint32 {
	return firstEqual(len(b.Resources), func(key []byte, i int) []byte {
		r := &b.Resources[i]
		key = appendRefs(key, r.DroppedAttrs, r.SchemaURL, r.EntityRefs)
		return appendAttrsKey(key, b, r.Attrs)
	})
}

// sameScopes is sameResources for scopes.
func sameScopes(b *span.Batch) []uint32 {
	return firstEqual(len(b.Scopes), func(key []byte, i int) []byte {
		s := &b.Scopes[i]
		key = appendRefs(key, s.DroppedAttrs, s.Name, s.Version, s.SchemaURL)
		return appendAttrsKey(key, b, s.Attrs)
	})
}

func firstEqual(n int, appendKey func(key []byte, i int) []byte) []uint32 {
	firsts := make(map[string]uint32, n)
	equal := make([]uint32, n)
	var key []byte
	for i := range equal {
		key = appendKey(key[:0], i)
		first, ok := firsts[string(key)]
		if !ok {
			first = uint32(i)
			firsts[string(key)] = first
		}
		equal[i] = first
	}
	return equal
}

func appendRefs(key []byte, refs ...uint32) []byte {
	for _, r := range refs {
		key = binary.LittleEndian.AppendUint32(key, r)
	}
	return key
}

// appendAttrsKey appends bytes that are the same for lists of b that are equal.
func appendAttrsKey(key []byte, b *span.Batch, a span.Attrs) []byte {
	key = binary.LittleEndian.AppendUint32(key, a.Shape)
	for i := range b.Shapes.Entries(a.Shape) {
		key = binary.LittleEndian.AppendUint64(key, b.Values[int(a.First)+i])
	}
	return key
}
