package analyze

import (
	"cmp"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// message is what one side tells, in the direct view, of a message whose other side was not found in
// its trace: a producer's span, or a consumer's that links to a span of another trace.
type message struct {
	producer spanKey
	own      uint32 // node that sent, or received it
	// peer is the node that is taken for the other side if that is not found, most often the broker; 0: it is not known.
	peer     uint32
	peerKind NodeKind
	failed   bool
	// unasked: the span starts outside of the range.
	unasked  bool
	duration uint64
	weight   float64
}

// spanKey names a span.
type spanKey struct {
	trace span.TraceID
	span  span.SpanID
}

// maxMessages is how many messages wait for their other side, before the others are counted without.
const maxMessages = 1_000_000

// gapMessages tells that some were.
const gapMessages = "the messages between traces are too many to follow: some are counted to and from their broker only"

// wait keeps a message until its other side is known.
func (s *sums) wait(list *[]message, m message, half func(*message)) {
	if len(s.sent)+len(s.received) >= s.room {
		s.short = true
		half(&m)
		return
	}
	*list = append(*list, m)
}

// addWaiting adds messages whose nodes have other numbers.
func (s *sums) addWaiting(p *sheet, number func(place uint32) uint32) {
	for _, m := range p.sent {
		m.own, m.peer = number(m.own), number(m.peer)
		s.wait(&s.sent, m, s.addSent)
	}
	for _, m := range p.received {
		m.own, m.peer = number(m.own), number(m.peer)
		s.wait(&s.received, m, s.addReceived)
	}
	s.short = s.short || p.short
}

// messageOf returns what a row tells of its message.
func (l *linker) messageOf(row int32, producer spanKey) message {
	p := l.peers[row]
	m := message{
		producer: producer, own: l.own[row], peer: p.node, failed: l.statuses[row] == statusError,
		unasked: !l.inRange(row), duration: l.durations[row], weight: l.weight(row),
	}
	if p.node != 0 {
		m.peerKind = l.keys[p.key].node
	}
	return m
}

// send notes the message of a producer.
func (l *linker) send(c store.Chunk, row int32) {
	key := spanKey{runOf(c, int(row)).ID, c.SpanIDs()[row]}
	l.wait(&l.sent, l.messageOf(row, key), l.addSent)
}

// receive notes the message of a consumer. If its producer is not found it came
// from its peer or else, as all calls, from the one above.
func (l *linker) receive(row int32, producer spanKey) {
	m := l.messageOf(row, producer)
	if a := l.above[row]; m.peer == 0 && a >= 0 {
		m.peer = l.own[a]
	}
	if !m.unasked {
		l.wait(&l.received, m, l.addReceived)
	}
}

// join counts the messages whose sides are in several traces.
func (s *sums) join() {
	sent := make(map[spanKey]*message, len(s.sent))
	for i := range s.sent {
		sent[s.sent[i].producer] = &s.sent[i]
	}
	answered := map[*message]bool{}
	for i := range s.received {
		m := &s.received[i]
		if p := sent[m.producer]; p != nil && p.own != 0 {
			answered[p] = true
			s.addMessage(p.own, m.own, p, m)
		} else {
			s.addReceived(m)
		}
	}
	for i := range s.sent {
		if !answered[sent[s.sent[i].producer]] {
			s.addSent(&s.sent[i])
		}
	}
}

// addSent counts a message that nobody is known to have received.
func (s *sums) addSent(p *message) {
	if !p.unasked {
		s.addMessage(p.own, p.peer, p, nil)
	}
}

// addReceived counts a message that nobody is known to have sent.
func (s *sums) addReceived(m *message) { s.addMessage(m.peer, m.own, nil, m) }

// addMessage counts a message, of which one side may not be there.
func (s *sums) addMessage(caller, callee uint32, producer, consumer *message) {
	if caller == 0 || callee == 0 {
		return
	}
	t := s.tally(keyOf(caller, callee, Message, direct))
	if t == nil {
		return
	}
	teller, failed := cmp.Or(consumer, producer), false
	if producer != nil {
		failed = producer.failed
		s.bytes -= t.client.add(int64(producer.duration), producer.weight)
	}
	if consumer != nil {
		failed = failed || consumer.failed
		s.bytes -= t.server.add(int64(consumer.duration), consumer.weight)
	}
	if producer == nil || consumer == nil {
		s.nodes[teller.peer].isAtLeast(teller.peerKind, direct)
	}
	t.calls += teller.weight
	if failed {
		t.errors += teller.weight
	}
}
