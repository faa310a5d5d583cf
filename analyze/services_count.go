package analyze

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unsafe"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// requestCounter counts the requests in chunks. It belongs to one goroutine.
type requestCounter struct {
	*counting
	services, names labels
	groups          map[groupKey]*requestTally
	recent          [1 << recentBits]recentGroup
	spans           []uint64                    // by number of the service
	waits           []Waits                     // likewise
	patterns        map[*store.Pattern][]uint32 // their services by number

	// Of the chunk, by row.
	chunk               store.Chunk
	own, named          []uint32
	starts              []uint64 // nil: all rows are in the range, and nobody asks when
	kinds               []uint64
	statuses, durations []uint64
	parents             []int32
	weights             weigher
	memory              [3][]uint64

	senders   map[sender]bool // of the trace that begins in row sendersOf
	sendersOf int             // or noRow
}

// sender is a service that sent a span with an id.
type sender struct {
	id      span.SpanID
	service uint32
}

// groupKey is whose requests are counted together, by numbers. Without operations the name is 0.
type groupKey struct{ service, name uint32 }

// unnamed is the number of all names past the limit of labels.
const unnamed = 1<<32 - 1

// recentGroup is one of those that are found without a look into the map.
type recentGroup struct {
	key   groupKey
	tally *requestTally
}

func (k groupKey) slot() uint64 {
	return (uint64(k.service)<<32 | uint64(k.name)) * 0x9e3779b97f4a7c15 >> (64 - recentBits)
}

// requestTally is what is counted of the requests of a group.
type requestTally struct {
	seen             uint64
	errors           float64
	took             durations
	points           []*pointTally
	slowest, failing []SpanExample // the first first
}

type pointTally struct {
	errors float64
	took   durations
}

// pointCoarse makes the durations of a point take few bytes.
const pointCoarse = 3

func newRequestCounter(k *counting) *requestCounter {
	return &requestCounter{
		counting: k, services: newLabels(serviceField), names: newLabels(nameField), groups: map[groupKey]*requestTally{},
		senders: map[sender]bool{},
	}
}

func (w *requestCounter) observe(c store.Chunk) error {
	w.chunk = c
	w.sendersOf = noRow
	w.parents = c.Parents()
	w.kinds = numbersOf(c, kindField, &w.memory[0])
	w.statuses, w.durations = numbersOf(c, statusField, &w.memory[1]), numbersOf(c, durationField, &w.memory[2])
	w.weights.begin(c)
	isCut := cuts(c, w.Within)
	w.starts = nil
	if isCut || w.step > 0 {
		w.starts = c.Starts()
	}
	w.own = w.services.read(c, w.own)
	if w.Operations {
		w.named = w.names.read(c, w.named)
	}
	runs := runsOf(c)
	if c.Err() != nil {
		return nil // it is told as a gap
	}
	for len(w.spans) < len(w.services.list) {
		w.spans = append(w.spans, 0)
	}
	if w.services.full {
		return errTooManyServices
	}
	if w.Waits {
		w.addWaits(c, runs, isCut)
	}
	only, isOne := w.services.numbers[w.Service]
	if w.Service != "" && !isOne {
		return nil
	}
	for _, run := range runs {
		for row := run.Lo; row < run.Hi; row++ {
			service := w.own[row]
			if isCut && !w.Within.Contains(w.starts[row]) || w.Service != "" && service != only {
				continue
			}
			w.spans[service]++
			if w.isRequest(run, row) {
				w.count(row)
			}
		}
	}
	if w.counting.memory.Load() < 0 {
		return errTooManyRequests
	}
	return nil
}

// addWaits adds the critical paths of the traces that start in the range, from the summaries that the store has of them.
func (w *requestCounter) addWaits(c store.Chunk, runs []store.TraceRun, isCut bool) {
	for i, s := range store.Summaries(c) {
		all := uint64(0)
		for _, own := range s.Critical {
			all += own
		}
		row := runs[i].Lo
		if all == 0 || isCut && !w.Within.Contains(w.starts[row]) {
			continue
		}
		weight := w.weights.of(row)
		for k, number := range w.servicesOf(s.Pattern) {
			w.waits[number].Own += weight * float64(s.Critical[k])
			w.waits[number].All += weight * float64(all)
		}
	}
}

// maxPatterns is how many patterns are remembered.
const maxPatterns = 1 << 14

// servicesOf returns the numbers of the services of a pattern.
func (w *requestCounter) servicesOf(p *store.Pattern) []uint32 {
	numbers, ok := w.patterns[p]
	if ok {
		return numbers
	}
	for _, s := range p.Services {
		number := w.services.number(span.StringValue(s.Name))
		numbers = append(numbers, number)
		for int(number) >= len(w.waits) && !w.services.full {
			w.waits = append(w.waits, Waits{})
		}
	}
	if w.patterns == nil || len(w.patterns) >= maxPatterns {
		w.patterns = map[*store.Pattern][]uint32{}
	}
	w.patterns[p] = numbers
	return numbers
}

// isRequest reports whether a row is a request, see Requests.
func (w *requestCounter) isRequest(run store.TraceRun, row int) bool {
	switch p := w.parents[row]; {
	case w.kinds[row] == server || w.kinds[row] == consumer || p == store.NoParent:
		return true
	case p == store.LostParent || w.own[p] == w.own[row]:
		return false
	default:
		return !w.sharesID(run, int(p), w.own[row])
	}
}

// sharesID reports whether a service sent a span with the id of a row: both sides of a call may share an id, and
// then the parent of what is below is either of them.
func (w *requestCounter) sharesID(run store.TraceRun, row int, service uint32) bool {
	ids := w.chunk.SpanIDs()
	if w.sendersOf != run.Lo {
		w.sendersOf = run.Lo
		clear(w.senders)
		for i := run.Lo; i < run.Hi; i++ {
			w.senders[sender{ids[i], w.own[i]}] = true
		}
	}
	return w.senders[sender{ids[row], service}]
}

// count counts a request.
func (w *requestCounter) count(row int) {
	t := w.tally(row)
	took, weight := int64(w.durations[row]), w.weights.of(row)
	failed := w.statuses[row] == statusError
	t.seen++
	grown := t.took.add(took, weight)
	if failed {
		t.errors += weight
	}
	if w.step > 0 {
		p := &t.points[(w.starts[row]-w.Within.Start)/w.step]
		if *p == nil {
			*p = &pointTally{took: durations{coarse: pointCoarse}}
			grown += int(unsafe.Sizeof(pointTally{}))
		}
		grown += (*p).took.add(took, weight)
		if failed {
			(*p).errors += weight
		}
	}
	if grown > 0 {
		w.counting.memory.Add(-int64(grown))
	}
	if w.examples {
		w.example(t, row, took, failed)
	}
}

// tally returns that of a row.
func (w *requestCounter) tally(row int) *requestTally {
	key := groupKey{service: w.own[row]}
	if w.Operations {
		key.name = w.named[row]
	}
	recent := &w.recent[key.slot()]
	if recent.tally != nil && recent.key == key {
		return recent.tally
	}
	t := w.groups[key]
	if t == nil && len(w.groups) >= maxOperations {
		key.name = unnamed
		t = w.groups[key]
	}
	if t == nil {
		t = &requestTally{}
		if w.step > 0 {
			t.points = make([]*pointTally, w.Points)
		}
		w.groups[key] = t
		w.counting.memory.Add(-int64(unsafe.Sizeof(*t)) - int64(8*len(t.points)))
	}
	*recent = recentGroup{key, t}
	return t
}

// example keeps a row if it is one of the slowest or of the newest that failed.
func (w *requestCounter) example(t *requestTally, row int, took int64, failed bool) {
	slow := len(t.slowest) < maxExamples || took >= t.slowest[maxExamples-1].Duration
	if !slow && !failed {
		return
	}
	if w.starts == nil {
		w.starts = w.chunk.Starts()
	}
	fails := failed && (len(t.failing) < maxExamples || w.starts[row] >= t.failing[maxExamples-1].Start)
	if !slow && !fails {
		return
	}
	name, _ := w.chunk.Column(nameField).Value(row)
	e := SpanExample{
		TraceID: runOf(w.chunk, row).ID, SpanID: w.chunk.SpanIDs()[row], Name: strings.Clone(name.Str),
		Start: w.starts[row], Duration: took, Failed: failed,
	}
	if slow {
		t.slowest = insertExample(t.slowest, e, slowerExample)
	}
	if fails {
		t.failing = insertExample(t.failing, e, newerExample)
	}
}

func insertExample(list []SpanExample, e SpanExample, order func(a, b *SpanExample) int) []SpanExample {
	i, _ := slices.BinarySearchFunc(list, e, func(a, b SpanExample) int { return order(&a, &b) })
	list = slices.Insert(list, i, e)
	return list[:min(len(list), maxExamples)]
}

func slowerExample(a, b *SpanExample) int {
	return cmp.Or(cmp.Compare(b.Duration, a.Duration), newerExample(a, b))
}

func newerExample(a, b *SpanExample) int {
	return cmp.Or(cmp.Compare(b.Start, a.Start), bytes.Compare(a.TraceID[:], b.TraceID[:]), bytes.Compare(a.SpanID[:], b.SpanID[:]))
}

func (t *requestTally) traffic() Traffic {
	return Traffic{Count: t.took.total, Errors: t.errors, Seen: t.seen, Took: t.took.latency()}
}

func (t *requestTally) merge(other *requestTally) {
	t.seen += other.seen
	t.errors += other.errors
	t.took.merge(&other.took)
	if t.points == nil {
		t.points = make([]*pointTally, len(other.points))
	}
	for i, p := range other.points {
		switch {
		case p == nil:
		case t.points[i] == nil:
			t.points[i] = &pointTally{took: durations{coarse: pointCoarse}}
			fallthrough
		default:
			t.points[i].errors += p.errors
			t.points[i].took.merge(&p.took)
		}
	}
	for _, e := range other.slowest {
		t.slowest = insertExample(t.slowest, e, slowerExample)
	}
	for _, e := range other.failing {
		t.failing = insertExample(t.failing, e, newerExample)
	}
}

// labels numbers the strings of a column in the order in which they are met. Number 0 is "", which
// also stands for what is not there and what is no string.
type labels struct {
	field   store.Field
	list    []string
	numbers map[string]uint32
	full    bool // others are unnamed

	dict   store.Values
	byCode []uint32 // 1 + number, or 0 if it is not known yet
}

func newLabels(f store.Field) labels {
	return labels{field: f, list: []string{""}, numbers: map[string]uint32{"": 0}}
}

// read returns the numbers of all rows of a chunk, in the memory of rows if it is enough.
func (l *labels) read(c store.Chunk, rows []uint32) []uint32 {
	rows = slices.Grow(rows[:0], c.Len())[:c.Len()]
	column := c.Column(l.field)
	if column.Codes == nil {
		clear(rows)
		return rows
	}
	if column.Dict != l.dict {
		l.dict = column.Dict
		l.byCode = slices.Grow(l.byCode[:0], l.dict.Len())[:l.dict.Len()]
		clear(l.byCode)
	}
	for row, code := range column.Codes[:len(rows)] {
		switch {
		case uint64(code) >= uint64(len(l.byCode)): // not there, or a row of no trace
			rows[row] = 0
		case l.byCode[code] != 0:
			rows[row] = l.byCode[code] - 1
		default:
			rows[row] = l.number(l.dict.At(code))
			l.byCode[code] = rows[row] + 1
		}
	}
	return rows
}

func (l *labels) number(v span.Value) uint32 {
	if v.Type != span.String {
		return 0
	}
	n, ok := l.numbers[v.Str]
	switch {
	case ok:
		return n
	case len(l.list) > maxNames:
		l.full = true
		return unnamed
	}
	n = uint32(len(l.list))
	name := strings.Clone(v.Str) // the store's may not last
	l.list = append(l.list, name)
	l.numbers[name] = n
	return n
}
