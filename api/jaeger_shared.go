package api

import (
	"encoding/binary"
	"hash/fnv"
	"slices"

	"github.com/clewhq/clew/span"
)

// splitShared tells spans apart whose id a client and a server share, as
// Zipkin's instrumentation does it: the server's half gets an id of its own and
// becomes the child of the client's, and the children of both become the
// server's, which most of them are. New ids follow from the shared ones, so
// that a link to a span stays valid.
func (v *jaegerView) splitShared() {
	halves := v.sharedServers()
	if len(halves) == 0 {
		return
	}
	ids, parents := slices.Clone(v.ids), slices.Clone(v.parents)
	server := make(map[span.SpanID]span.SpanID, len(halves)) // shared id -> that of its first server
	taken := make(map[span.SpanID]bool, len(halves))
	for _, i := range halves {
		shared := v.ids[i]
		ids[i], parents[i] = v.newID(shared, taken), shared
		if _, ok := server[shared]; !ok {
			server[shared] = ids[i]
		}
	}
	for i := range parents {
		if id, ok := server[parents[i]]; ok && ids[i] == v.ids[i] && ids[i] != parents[i] {
			parents[i] = id
		}
	}
	v.ids, v.parents, v.known = ids, parents, sortedIDs(ids)
}

// sharedServers returns the server spans that have the id of a client span.
func (v *jaegerView) sharedServers() []int {
	unique := true
	for i := 1; unique && i < len(v.known); i++ {
		unique = v.known[i-1] != v.known[i]
	}
	if unique {
		return nil
	}
	clients := make(map[span.SpanID]bool)
	for i, kind := range v.b.Kinds {
		if kind == kindClient {
			clients[v.ids[i]] = true
		}
	}
	var list []int
	for i, kind := range v.b.Kinds {
		if kind == kindServer && clients[v.ids[i]] {
			list = append(list, i)
		}
	}
	return list
}

// newID makes an id out of one that is shared, and takes it.
func (v *jaegerView) newID(shared span.SpanID, taken map[span.SpanID]bool) (id span.SpanID) {
	for h := fnv.New64a(); ; {
		h.Write(shared[:])
		binary.BigEndian.PutUint64(id[:], h.Sum64())
		if _, known := slices.BinarySearch(v.known, id.Uint64()); !known && !taken[id] && !id.IsZero() {
			taken[id] = true
			return id
		}
	}
}

func sortedIDs(ids []span.SpanID) []uint64 {
	list := make([]uint64, len(ids))
	for i, id := range ids {
		list[i] = id.Uint64()
	}
	slices.Sort(list)
	return list
}
