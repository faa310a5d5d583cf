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
func (j *jaegerJSON) splitShared() {
	halves := j.sharedServers()
	if len(halves) == 0 {
		return
	}
	ids, parents := slices.Clone(j.ids), slices.Clone(j.parents)
	server := make(map[span.SpanID]span.SpanID, len(halves)) // shared id -> that of its first server
	taken := make(map[span.SpanID]bool, len(halves))
	for _, i := range halves {
		shared := j.ids[i]
		ids[i], parents[i] = j.newID(shared, taken), shared
		if _, ok := server[shared]; !ok {
			server[shared] = ids[i]
		}
	}
	for i := range parents {
		if id, ok := server[parents[i]]; ok && ids[i] == j.ids[i] && ids[i] != parents[i] {
			parents[i] = id
		}
	}
	j.ids, j.parents, j.known = ids, parents, sortedIDs(ids)
}

// sharedServers returns the server spans that have the id of a client span.
func (j *jaegerJSON) sharedServers() []int {
	unique := true
	for i := 1; unique && i < len(j.known); i++ {
		unique = j.known[i-1] != j.known[i]
	}
	if unique {
		return nil
	}
	clients := make(map[span.SpanID]bool)
	for i, kind := range j.b.Kinds {
		if kind == kindClient {
			clients[j.ids[i]] = true
		}
	}
	var list []int
	for i, kind := range j.b.Kinds {
		if kind == kindServer && clients[j.ids[i]] {
			list = append(list, i)
		}
	}
	return list
}

// newID makes an id out of one that is shared, and takes it.
func (j *jaegerJSON) newID(shared span.SpanID, taken map[span.SpanID]bool) (id span.SpanID) {
	for h := fnv.New64a(); ; {
		h.Write(shared[:])
		binary.BigEndian.PutUint64(id[:], h.Sum64())
		if _, known := slices.BinarySearch(j.known, id.Uint64()); !known && !taken[id] && !id.IsZero() {
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
