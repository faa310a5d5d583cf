package analyze

// edgeKey is an edge by the numbers of its nodes, below 2^24, and its connection.
type edgeKey uint64

func keyOf(caller, callee uint32, via Connection) edgeKey {
	return edgeKey(caller)<<32 | edgeKey(callee)<<8 | edgeKey(via)
}

func (k edgeKey) parts() (caller, callee uint32, via Connection) {
	return uint32(k >> 32), uint32(k) >> 8, Connection(k)
}

// tally is the calls of an edge.
type tally struct {
	key            edgeKey
	calls, errors  uint64
	client, server durations
}

func (t *tally) merge(other *tally) {
	t.calls += other.calls
	t.errors += other.errors
	t.client.merge(&other.client)
	t.server.merge(&other.server)
}

// recentBits is how many edges a linker finds without a look into its map.
const recentBits = 9

// slot returns the place of an edge among the recent ones.
func (k edgeKey) slot() uint64 { return uint64(k) * 0x9e3779b97f4a7c15 >> (64 - recentBits) }

// tally returns that of an edge; nil: there are too many.
func (l *linker) tally(key edgeKey) *tally {
	recent := &l.recent[key.slot()]
	if t := *recent; t != nil && t.key == key {
		return t
	}
	t := l.tallies[key]
	if t == nil {
		if len(l.tallies) == maxNames {
			l.full = true
			return nil
		}
		t = &tally{key: key}
		l.tallies[key] = t
	}
	*recent = t
	return t
}

// noRow is a row that is not there.
const noRow = -1

// add counts a call that a row tells of, if that is in the range and it is known from whom and to whom
// it was. The spans that tell how long it took, and whether it failed, are rows or noRow.
func (l *linker) add(row int32, caller, callee uint32, via Connection, client, server int32) {
	if caller == 0 || callee == 0 || !l.inRange(row) {
		return
	}
	t := l.tally(keyOf(caller, callee, via))
	if t == nil {
		return
	}
	t.calls++
	failed := false
	if client >= 0 {
		failed = l.statuses[client] == statusError
		l.bytes -= t.client.add(int64(l.durations[client]), 1)
	}
	if server >= 0 {
		failed = failed || l.statuses[server] == statusError
		l.bytes -= t.server.add(int64(l.durations[server]), 1)
	}
	if failed {
		t.errors++
	}
}

// addNamed is add for a call to or from the peer of the row, of which it is then known what it is.
func (l *linker) addNamed(row int32, caller, callee uint32, via Connection, client, server int32) {
	if caller == 0 || callee == 0 || !l.inRange(row) {
		return
	}
	p := l.peers[row]
	n := &l.nodes[p.node]
	n.Kind = max(n.Kind, PeerKeys[p.key].node)
	l.add(row, caller, callee, via, client, server)
}
