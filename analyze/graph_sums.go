package analyze

import "math"

// views are ways to see messages, as bits. What a chunk tells is counted for all at once, so that it can be kept for
// whoever asks.
type views uint8

const (
	direct   views = 1 << iota // from producer to consumer
	brokered                   // by way of the broker
	allViews = direct | brokered
)

// sums is what calls add up to. It belongs to one goroutine.
type sums struct {
	view    views     // of which sheets are added
	nodes   []nodeSum // by number; 0 is who has no name
	numbers map[string]uint32
	tallies map[edgeKey]*tally
	recent  [1 << recentBits]*tally
	// Messages whose other side may be in another trace.
	sent, received []message

	room  int  // for those
	short bool // there was not enough of it

	bytes int  // that distributions may still take
	full  bool // something was left out
}

// nodeSum is a node without what others tell of it.
type nodeSum struct {
	name          string
	kinds         [2]NodeKind // by view: direct, brokered
	spans, errors float64
}

// isAtLeast notes in some views what kind of node it is.
func (n *nodeSum) isAtLeast(kind NodeKind, in views) {
	if in&direct != 0 {
		n.kinds[0] = max(n.kinds[0], kind)
	}
	if in&brokered != 0 {
		n.kinds[1] = max(n.kinds[1], kind)
	}
}

// kindIn returns what kind of node it is in one view.
func (n *nodeSum) kindIn(view views) NodeKind { return n.kinds[view>>1] }

// newSums returns those of one of several goroutines.
func newSums(of int, view views) *sums {
	return &sums{
		view: view, nodes: make([]nodeSum, 1), numbers: map[string]uint32{}, tallies: map[edgeKey]*tally{},
		room: maxMessages / of, bytes: maxGraphBytes / of,
	}
}

// err says whether all had room.
func (s *sums) err() error {
	switch {
	case s.full:
		return errTooLarge
	case s.bytes < 0:
		return errTooLong
	}
	return nil
}

// number returns the number of a node.
func (s *sums) number(name string) uint32 {
	n, ok := s.numbers[name]
	if ok || name == "" {
		return n
	}
	if len(s.nodes) > maxNames {
		s.full = true
		return 0
	}
	n = uint32(len(s.nodes))
	s.nodes = append(s.nodes, nodeSum{name: name})
	s.numbers[name] = n
	return n
}

// edgeKey is an edge by the numbers of its nodes, below 2^24, its connection, and the views that it is in.
type edgeKey uint64

func keyOf(caller, callee uint32, via Connection, in views) edgeKey {
	return edgeKey(caller)<<32 | edgeKey(callee)<<8 | edgeKey(in)<<4 | edgeKey(via)
}

func (k edgeKey) parts() (caller, callee uint32, via Connection, in views) {
	return uint32(k >> 32), uint32(k) >> 8, Connection(k & 15), views(k>>4) & 15
}

// tally is the calls of an edge.
type tally struct {
	key            edgeKey
	calls, errors  float64
	client, server durations
}

// recentBits is how many edges are found without a look into the map.
const recentBits = 9

// slot returns the place of an edge among the recent ones.
func (k edgeKey) slot() uint64 { return uint64(k) * 0x9e3779b97f4a7c15 >> (64 - recentBits) }

// tally returns that of an edge; nil: there are too many.
func (s *sums) tally(key edgeKey) *tally {
	recent := &s.recent[key.slot()]
	if t := *recent; t != nil && t.key == key {
		return t
	}
	t := s.tallies[key]
	if t == nil {
		if len(s.tallies) == maxNames {
			s.full = true
			return nil
		}
		t = &tally{key: key}
		s.tallies[key] = t
	}
	*recent = t
	return t
}

// sheet is sums that do not change any more, in little memory.
type sheet struct {
	nodes          []nodeSum
	edges          []sheetEdge
	sent, received []message
	short          bool
}

// sheetEdge is a tally whose key is of places in sheet.nodes.
type sheetEdge struct {
	key            edgeKey
	calls, errors  float64
	client, server bars
}

// bars are durations without the room to count more.
type bars struct {
	min, max uint64
	first    int
	counts   []float32 // exact for whole numbers up to 2^24
	total    float64
}

func (d *durations) bars() bars {
	lo, hi := 0, len(d.counts)
	for lo < hi && d.counts[lo] == 0 {
		lo++
	}
	for lo < hi && d.counts[hi-1] == 0 {
		hi--
	}
	b := bars{min: d.min, max: d.max, first: d.first + lo, total: d.total, counts: make([]float32, hi-lo)}
	for i, n := range d.counts[lo:hi] {
		b.counts[i] = float32(n)
	}
	return b
}

// addBars returns by how many bytes the memory grew.
func (d *durations) addBars(b *bars) (grown int) {
	if b.total == 0 {
		return 0
	}
	if d.total == 0 {
		d.min = b.min
	}
	d.total += b.total
	d.min, d.max = min(d.min, b.min), max(d.max, b.max)
	if b.first < d.first || b.first+len(b.counts) > d.first+len(d.counts) {
		grown = d.grow(b.first, b.first+len(b.counts))
	}
	counts := d.counts[b.first-d.first:]
	for i, n := range b.counts {
		counts[i] += float64(n)
	}
	return grown
}

// reset forgets what was counted, but keeps the memory.
func (d *durations) reset() {
	d.total, d.min, d.max = 0, 0, 0
	clear(d.counts)
}

// cut moves what was added up to a sheet. The numbers of nodes stay as they are.
func (s *sums) cut() *sheet {
	out := &sheet{nodes: make([]nodeSum, 1)}
	places := make([]uint32, len(s.nodes)) // in out.nodes; 0: not there
	place := func(number uint32) uint32 {
		if number != 0 && places[number] == 0 {
			places[number] = uint32(len(out.nodes))
			out.nodes = append(out.nodes, s.nodes[number])
		}
		return places[number]
	}
	for i, n := range s.nodes {
		if n.kinds != [2]NodeKind{} {
			place(uint32(i))
		}
	}
	for _, t := range s.tallies {
		if t.calls == 0 {
			continue
		}
		caller, callee, via, in := t.key.parts()
		key := keyOf(place(caller), place(callee), via, in)
		out.edges = append(out.edges, sheetEdge{key, t.calls, t.errors, t.client.bars(), t.server.bars()})
		t.calls, t.errors = 0, 0
		t.client.reset()
		t.server.reset()
	}
	for _, m := range s.sent {
		m.own, m.peer = place(m.own), place(m.peer)
		out.sent = append(out.sent, m)
	}
	for _, m := range s.received {
		m.own, m.peer = place(m.own), place(m.peer)
		out.received = append(out.received, m)
	}
	out.short = s.short
	s.sent, s.received, s.short = s.sent[:0], s.received[:0], false
	for i := range s.nodes {
		n := &s.nodes[i]
		n.kinds, n.spans, n.errors = [2]NodeKind{}, 0, 0
	}
	return out
}

// size returns the bytes of memory that a sheet takes.
func (p *sheet) size() int {
	n := 64 * (len(p.nodes) + len(p.sent) + len(p.received))
	for i := range p.edges {
		n += 192 + 4*(len(p.edges[i].client.counts)+len(p.edges[i].server.counts))
	}
	return n
}

// add adds what a sheet has of the view.
func (s *sums) add(p *sheet) {
	numbers := make([]uint32, len(p.nodes)) // 0: not asked for yet
	number := func(place uint32) uint32 {
		if numbers[place] == 0 {
			numbers[place] = s.number(p.nodes[place].name)
		}
		return numbers[place]
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		kind := n.kindIn(s.view)
		if kind == External && n.spans == 0 {
			continue // it is shown if an edge has it
		}
		sum := &s.nodes[number(uint32(i))]
		sum.isAtLeast(kind, s.view)
		sum.spans += n.spans
		sum.errors += n.errors
	}
	for i := range p.edges {
		e := &p.edges[i]
		caller, callee, via, in := e.key.parts()
		if in&s.view == 0 {
			continue
		}
		t := s.tally(keyOf(number(caller), number(callee), via, s.view))
		if t == nil {
			return
		}
		t.calls += e.calls
		t.errors += e.errors
		s.bytes -= t.client.addBars(&e.client) + t.server.addBars(&e.server)
	}
	if s.view == direct {
		s.addWaiting(p, number)
	}
}

// rounded is a sum of weights as a number of spans or calls.
func rounded(sum float64) uint64 { return uint64(math.Round(sum)) }
