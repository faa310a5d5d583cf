package analyze

import (
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// linker finds the calls in the traces of chunks. It belongs to one goroutine.
//
// A call is counted once, at the span of who took it: a server's span tells of
// a call by the service of the nearest span above it that is not quiet. A
// client's span counts if none below it tells of its call; then its attributes
// name who was called: a database, or a service that sends no spans. Messages
// are counted at their consumer's span, which may link to a producer in another trace,
// or else from the producer to the broker and from the broker to the consumer.
// Both views of messages are found at once.
type linker struct {
	*sums
	within    store.TimeRange
	fromAbove bool // see GraphOptions.Direct

	keys      []PeerKey // in the order in which they are asked
	services  NameColumn
	peerNames []NameColumn // by place in keys
	weights   weigher

	callersNamed bool // a row of the chunk may have a key that also names who called

	runs []store.TraceRun // of the chunk; with ids and starts only if starts is not nil

	// Of the chunk, by row.
	starts              []uint64 // nil: all rows are in the range
	statuses, durations []uint64
	own                 []uint32 // services
	kinds               []uint8
	parents             []int32
	above               []int32           // the nearest row above that is not quiet, noRow or notLooked
	peers               []peer            // set for the rows of asking
	asked               []views           // in which the row is counted by its peer; set for the rows of asking
	under               []uint8           // sides that rows below are on, of those that are not quiet
	answered            store.Bitmap      // whose call or message others tell of
	linked              map[int32]spanKey // by row, what a consumer links to in another trace

	talkers [consumer + 1][]int32 // rows by kind, of those that are not quiet
	shared  []store.TraceRun      // may have spans that share an id
	asking  []int32               // rows that can be counted once it is known whom they name
	unnamed []int32               // memory of namePeers
	path    []int32
	ids     map[span.SpanID]halves
	retried map[receiverKey]int32 // of ids that several received, the first row of each service but the first one's
	moved   []int32               // memory of parents
	memory  [3][]uint64
}

// notLooked is a value of linker.above.
const notLooked = -2

// Sides of a call, of linker.under.
const (
	sends = 1 << iota
	takes
)

// sideOf is by kind.
var sideOf = [consumer + 1]uint8{server: takes, client: sends, producer: sends, consumer: takes}

func newLinker(within store.TimeRange, opts GraphOptions, sums *sums) *linker {
	l := &linker{
		sums: sums, within: within, fromAbove: opts.Direct, keys: opts.peerKeys(),
		ids: map[span.SpanID]halves{}, retried: map[receiverKey]int32{}, linked: map[int32]spanKey{},
	}
	l.services = NameColumn{Field: serviceField, Number: l.number}
	for _, k := range l.keys {
		l.peerNames = append(l.peerNames, NameColumn{Field: store.Attr(store.SpanScope, k.Key), NoIPs: k.Talkers, Number: l.number})
	}
	return l
}

// inRange reports whether a row starts in the range.
func (l *linker) inRange(row int32) bool { return l.starts == nil || l.within.Contains(l.starts[row]) }

// meets reports whether a span of a trace starts in the range. Stores may leave out traces that only begin
// before it and end after it, so these are never of use.
func (l *linker) meets(run store.TraceRun) bool {
	if l.starts == nil {
		return true
	}
	starts := l.starts[run.Lo:run.Hi]
	i, _ := slices.BinarySearch(starts, l.within.Start)
	return i < len(starts) && l.within.Contains(starts[i])
}

// weight returns how many spans a row stands for.
func (l *linker) weight(row int32) float64 {
	if l.weights.codes == nil {
		return 1
	}
	return l.weights.of(int(row))
}

func (l *linker) observe(c store.Chunk) error {
	if !l.begin(c) {
		return nil // it is told as a gap
	}
	for _, run := range l.runs {
		if l.meets(run) {
			l.hear(run)
		}
	}
	l.joinHalves(c)
	if c.Err() != nil {
		return nil
	}
	l.count(c)
	return l.err()
}

// begin reads the columns that every chunk is asked for.
func (l *linker) begin(c store.Chunk) bool {
	n := c.Len()
	kinds := numbersOf(c, kindField, &l.memory[0])
	l.statuses, l.durations = numbersOf(c, statusField, &l.memory[1]), numbersOf(c, durationField, &l.memory[2])
	l.parents = c.Parents()
	l.starts = nil
	if cuts(c, l.within) {
		l.starts, l.runs = c.Starts(), c.Traces()
	} else {
		l.runs = runsOf(c)
	}
	l.services.Begin(c)
	l.callersNamed = false
	for i := range firstTalkerKey {
		l.peerNames[i].Begin(c)
		l.callersNamed = l.callersNamed || l.peerNames[i].Any()
	}
	l.weights.begin(c)
	if c.Err() != nil {
		return false
	}
	l.own = slices.Grow(l.own[:0], n)[:n]
	l.services.All(l.own)
	l.kinds = slices.Grow(l.kinds[:0], n)[:n]
	for row, kind := range kinds[:n] {
		if kind < server || kind > consumer {
			kind = quiet
		}
		l.kinds[row] = uint8(kind)
	}
	l.above = slices.Grow(l.above[:0], n)[:n]
	for row := range l.above {
		l.above[row] = notLooked
	}
	l.peers, l.asked = slices.Grow(l.peers[:0], n)[:n], slices.Grow(l.asked[:0], n)[:n]
	l.under = slices.Grow(l.under[:0], n)[:n]
	clear(l.under)
	words := len(c.Live())
	l.answered = slices.Grow(l.answered[:0], words)[:words]
	clear(l.answered)
	for kind, rows := range l.talkers {
		l.talkers[kind] = rows[:0]
	}
	l.asking, l.shared = l.asking[:0], l.shared[:0]
	clear(l.linked)
	l.nameQuiet()
	return true
}

// nameQuiet makes quiet spans that name their peer those of clients.
func (l *linker) nameQuiet() {
	for i := range firstTalkerKey {
		names := &l.peerNames[i]
		if !names.Any() {
			continue
		}
		for _, run := range l.runs {
			for row := int32(run.Lo); row < int32(run.Hi); row++ {
				if l.kinds[row] == quiet && names.At(row) != 0 {
					l.kinds[row] = client
				}
			}
		}
	}
}

// hear counts the spans of a trace by service, and lists those that are not quiet. If a
// sender and a receiver have the same parent, or one of them was not told it, they may share an id.
func (l *linker) hear(run store.TraceRun) {
	var top, both, all uint8
	tops := 0
	parents, kinds, services := l.parents[:run.Hi], l.kinds[:run.Hi], l.own[:run.Hi]
	for row := run.Lo; row < run.Hi; row++ {
		l.tell(int32(row), services[row])
		kind, parent := kinds[row], parents[row]
		if parent < 0 {
			tops++
		}
		if kind == quiet {
			continue
		}
		l.talkers[kind] = append(l.talkers[kind], int32(row))
		under := &top
		if parent >= 0 {
			under = &l.under[parent]
		}
		*under |= sideOf[kind]
		if int(parent) == row {
			*under = sends | takes
		}
		both |= *under & (*under >> 1)
		all |= sideOf[kind]
	}
	if both != 0 || tops > 1 && all == sends|takes {
		l.shared = append(l.shared, run)
	}
}

// tell counts a span of a service.
func (l *linker) tell(row int32, service uint32) {
	node := &l.nodes[service]
	node.kinds = [...]NodeKind{Service, Service}
	if !l.inRange(row) {
		return
	}
	w := l.weight(row)
	node.spans += w
	if l.statuses[row] == statusError {
		node.errors += w
	}
}

// halves are the first rows of a trace that sent, and that received, with the
// same span id.
type halves struct{ sender, receiver int32 }

// receiverKey is a service that received what was sent with a span id.
type receiverKey struct {
	id      span.SpanID
	service uint32
}

// joinHalves deals with spans whose id a sender and a receiver share, as
// Zipkin's instrumentation does it: the receivers' become children of the
// sender's, and the children of all become the receiver's.
func (l *linker) joinHalves(c store.Chunk) {
	if len(l.shared) == 0 {
		return
	}
	ids := c.SpanIDs()
	l.moved = append(l.moved[:0], l.parents...)
	l.parents = l.moved
	for _, run := range l.shared {
		l.joinTrace(run, ids)
	}
}

// listSenders fills l.ids with the senders of a trace.
func (l *linker) listSenders(run store.TraceRun, ids []span.SpanID) {
	clear(l.ids)
	for row := run.Lo; row < run.Hi; row++ {
		if !l.sends(int32(row)) {
			continue
		}
		if _, ok := l.ids[ids[row]]; !ok {
			l.ids[ids[row]] = halves{int32(row), noRow}
		}
	}
}

func (l *linker) joinTrace(run store.TraceRun, ids []span.SpanID) {
	l.listSenders(run, ids)
	clear(l.retried)
	joined := false
	for row := run.Lo; row < run.Hi; row++ {
		if k := l.kinds[row]; k != server && k != consumer {
			continue
		}
		if h, ok := l.ids[ids[row]]; ok {
			joined = true
			l.parents[row] = h.sender
			switch key := (receiverKey{ids[row], l.own[row]}); {
			case h.receiver < 0:
				l.ids[ids[row]] = halves{h.sender, int32(row)}
			case l.own[row] != l.own[h.receiver]:
				if _, ok := l.retried[key]; !ok {
					l.retried[key] = int32(row)
				}
			}
		}
	}
	for row := run.Lo; joined && row < run.Hi; row++ {
		if p := l.parents[row]; p >= 0 && ids[p] != ids[row] {
			if h, ok := l.ids[ids[p]]; ok && h.receiver >= 0 {
				l.parents[row] = l.receiverOf(ids[p], h, int32(row))
			}
		}
	}
}

// receiverOf returns the receiver that a row is below: of several, as after a retry, the one of its service.
func (l *linker) receiverOf(id span.SpanID, h halves, row int32) int32 {
	if l.own[row] != l.own[h.receiver] {
		if at, ok := l.retried[receiverKey{id, l.own[row]}]; ok {
			return at
		}
	}
	return h.receiver
}

// lookAbove sets above of a row.
func (l *linker) lookAbove(row int32) {
	switch p := l.parents[row]; {
	case p < 0:
		l.above[row] = noRow
	case p != row && l.kinds[p] != quiet:
		l.above[row] = p
	default:
		l.findAbove(row)
	}
}

// findAbove finds the nearest row above that is not quiet, for a row and all
// between the two.
func (l *linker) findAbove(row int32) {
	l.path = l.path[:0]
	found := int32(noRow)
	for at := row; ; at = l.parents[at] {
		if l.above[at] != notLooked {
			found = l.above[at]
			break
		}
		l.above[at] = noRow // where a circle of parents ends
		l.path = append(l.path, at)
		p := l.parents[at]
		if p < 0 || p == at {
			break
		}
		if l.kinds[p] != quiet {
			found = p
			break
		}
	}
	for _, at := range l.path {
		l.above[at] = found
	}
}

// sends reports whether a row is there and is one of a client or producer.
func (l *linker) sends(row int32) bool {
	return row >= 0 && (l.kinds[row] == client || l.kinds[row] == producer)
}

// followLinks puts consumers that have no sender above below the one that they link to, if it is in their
// trace, and else notes what they link to.
func (l *linker) followLinks(c store.Chunk) {
	var traces, spans *store.Column
	var run store.TraceRun // whose senders are listed
	for _, row := range l.talkers[consumer] {
		if l.sends(l.above[row]) {
			continue
		}
		if traces == nil {
			traces, spans = c.Column(linkTrace), c.Column(linkSpan)
			if traces.Codes == nil || spans.Codes == nil {
				return
			}
		}
		trace, _ := traces.Value(int(row))
		id, _ := spans.Value(int(row))
		own := runOf(c, int(row))
		if len(id.Str) != len(span.SpanID{}) || len(trace.Str) != len(span.TraceID{}) {
			continue
		}
		if trace.Str != string(own.ID[:]) {
			l.linked[row] = spanKey{span.TraceID([]byte(trace.Str)), span.SpanID([]byte(id.Str))}
			continue
		}
		if run != own {
			run = own
			l.listSenders(run, c.SpanIDs())
		}
		if h, ok := l.ids[span.SpanID([]byte(id.Str))]; ok {
			l.above[row] = h.sender
		}
	}
}
