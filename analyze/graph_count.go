package analyze

import "github.com/clewhq/clew/store"

// count counts the calls of a chunk: at once where it is clear between whom
// they are, which are most, then those for which a span has to name its peer.
func (l *linker) count(c store.Chunk) {
	for _, row := range l.talkers[client] {
		l.lookAbove(row)
	}
	for _, row := range l.talkers[server] {
		l.lookAbove(row)
		l.countServer(row)
	}
	for _, row := range l.talkers[consumer] {
		l.lookAbove(row)
	}
	l.followLinks(c)
	for _, row := range l.talkers[consumer] {
		l.countConsumer(row)
	}
	for _, row := range l.talkers[client] {
		if a := l.above[row]; a >= 0 && l.own[row] != l.own[a] && l.own[row] != 0 { // the server's span between them is missing
			l.answerAbove(row)
			l.add(allViews, row, l.own[a], l.own[row], Call, l.callAbove(row), noRow)
		}
	}
	for _, row := range l.talkers[client] {
		if !l.answered.Has(int(row)) {
			l.ask(row, allViews)
		}
	}
	for _, row := range l.talkers[producer] {
		if l.answered.Has(int(row)) {
			l.ask(row, brokered)
		} else {
			l.ask(row, allViews)
		}
	}
	l.namePeers(c)
	for _, row := range l.asking {
		if l.kinds[row] == client && l.peers[row].node != 0 {
			l.answerAbove(row)
		}
	}
	if c.Err() != nil {
		return // the peers are not known
	}
	for _, row := range l.asking {
		l.countNamed(c, row)
	}
}

// countServer counts the call that a server took.
func (l *linker) countServer(row int32) {
	l.answerAbove(row)
	a := l.above[row]
	switch {
	case a < 0 || l.own[a] == 0:
		if l.callersNamed {
			l.ask(row, allViews)
		}
	default:
		l.add(allViews, row, l.own[a], l.own[row], Call, l.callAbove(row), row)
	}
}

// callAbove returns the client right above a row, whose call it is a part of, or noRow.
func (l *linker) callAbove(row int32) int32 {
	if a := l.above[row]; l.kinds[a] == client && l.parents[row] == a {
		return a
	}
	return noRow
}

// countConsumer counts the message that a consumer took. One below another of
// its service goes on with the same message.
func (l *linker) countConsumer(row int32) {
	l.answerAbove(row)
	a := l.above[row]
	if a >= 0 && l.kinds[a] == producer {
		l.answered.Set(int(a))
	}
	switch {
	case a >= 0 && l.kinds[a] == consumer && l.own[a] == l.own[row]:
	case l.sends(a):
		l.add(direct, row, l.own[a], l.own[row], Message, a, row)
		l.ask(row, brokered)
	default:
		l.ask(row, allViews)
	}
}

// ask lists a row, to be counted in some views once it is known whom it names.
func (l *linker) ask(row int32, in views) {
	l.asking = append(l.asking, row)
	l.asked[row] = in
}

// answerAbove marks the clients above a row that tells of their call.
func (l *linker) answerAbove(row int32) {
	for a := l.above[row]; a >= 0 && a != row && l.kinds[a] == client && !l.answered.Has(int(a)); a = l.above[a] {
		l.answered.Set(int(a))
	}
}

// countNamed counts the call that a row tells of, whose peer was looked for.
// Messages whose other side may be in another trace are counted at last.
func (l *linker) countNamed(c store.Chunk, row int32) {
	own, p, in := l.own[row], l.peers[row], l.asked[row]
	switch l.kinds[row] {
	case server:
		l.addNamed(in, row, p.node, own, Call, noRow, row)
	case client:
		if a := l.above[row]; own == 0 && a >= 0 {
			own = l.own[a] // a client without a name is of the service above it
		}
		if !l.answered.Has(int(row)) {
			l.addNamed(in, row, own, p.node, l.keys[p.key].via, row, noRow)
		}
	case producer:
		if in&direct != 0 {
			l.send(c, row)
		}
		l.addNamed(brokered, row, own, p.node, Message, row, noRow)
	case consumer:
		if to, ok := l.linked[row]; ok {
			l.receive(row, to)
			in &^= direct
		}
		if p.node != 0 {
			l.addNamed(in, row, p.node, own, Message, noRow, row)
			return
		}
		if !l.fromAbove {
			in &^= brokered
		}
		l.countUnnamed(in, row)
	}
}

// countUnnamed counts the message of a consumer that names no broker.
func (l *linker) countUnnamed(in views, row int32) {
	a := l.above[row]
	if a < 0 {
		return
	}
	if in&brokered != 0 && l.kinds[a] == producer && l.peers[a].node != 0 {
		l.add(brokered, row, l.peers[a].node, l.own[row], Message, noRow, row)
		in &^= brokered
	}
	if l.sends(a) {
		l.add(in, row, l.own[a], l.own[row], Message, a, row)
	} else {
		l.add(in, row, l.own[a], l.own[row], Message, noRow, row)
	}
}

// noRow is a row that is not there.
const noRow = -1

// add counts a call in some views that a row tells of, if that is in the range and it is known from whom and to whom
// it was. The spans that tell how long it took, and whether it failed, are rows or noRow.
func (l *linker) add(in views, row int32, caller, callee uint32, via Connection, client, server int32) {
	if in == 0 || caller == 0 || callee == 0 || !l.inRange(row) {
		return
	}
	t := l.tally(keyOf(caller, callee, via, in))
	if t == nil {
		return
	}
	failed := false
	if client >= 0 {
		failed = l.statuses[client] == statusError
		l.bytes -= t.client.add(int64(l.durations[client]), l.weight(client))
	}
	if server >= 0 {
		failed = failed || l.statuses[server] == statusError
		l.bytes -= t.server.add(int64(l.durations[server]), l.weight(server))
	}
	w := l.weight(row)
	t.calls += w
	if failed {
		t.errors += w
	}
}

// addNamed is add for a call to or from the peer of the row, of which it is then known what it is.
func (l *linker) addNamed(in views, row int32, caller, callee uint32, via Connection, client, server int32) {
	if caller == 0 || callee == 0 || !l.inRange(row) {
		return
	}
	p := l.peers[row]
	l.nodes[p.node].isAtLeast(l.keys[p.key].node, in)
	l.add(in, row, caller, callee, via, client, server)
}
