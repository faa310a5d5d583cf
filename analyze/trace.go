package analyze

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/tree"
)

// Trace is the spans of one trace as a tree (of several, if there are several roots). Its rows are the
// spans depth first, siblings by start and then by id; what is below a span is in the Below[row] rows
// behind it. All slices but those of Spans are by row. It is not changed once it is made.
type Trace struct {
	Spans *span.Batch // ordered by start, then by span id
	At    []int32     // place of each row in Spans
	Row   []int32     // row of each place in Spans

	Parent []int32 // row, or NoRow
	Below  []int32 // how many rows lie below
	Depth  []int32 // 0 for roots
	Flags  []Flags

	Start, End uint64 // unix nanoseconds: the earliest start, the latest end
	// Root is the row of the earliest span that names no parent, or NoRow.
	Root int32

	Services []string // names, in order of first appearance by row; "" for spans without one
	service  []uint32 // place in Services by place in Spans.Resources

	// Self is what a span took without waiting for one below it; nanoseconds, 0 or more.
	Self []int64
	// Path is the critical path, by time, and Critical what each row has of it.
	Path     []tree.Segment
	Critical []int64

	weights map[span.Ref]float64 // of the trace states that say one
	circles []int32              // rows that were made roots
	// twoSides has the ids that a client and a server share, and nobody else.
	twoSides map[span.SpanID]bool
}

// NoRow stands for a row that there is not.
const NoRow = -1

// Flags says in bits what a span is. The numbers are part of the native API.
type Flags uint16

// Bits 0 to 2 are OTLP's kind of the span, bits 3 and 4 its status.
const (
	Orphan      Flags = 1 << (iota + 5) // its parent is not in the trace
	SharedID                            // another span has the same id
	HasEvents                           // it has events
	HasError                            // one of them is an exception
	HasLinks                            // it has links
	Sampled                             // it stands for more spans than itself
	ErrorOrigin                         // it failed, and nothing below it
	ErrorWay                            // it failed, and something below it as well
	GenAI                               // it has attributes gen_ai.*
)

// NewTrace makes the tree. The batches are spans of one trace, and belong to the tree from now on.
// Parents are found as tree.Link does.
func NewTrace(batches ...*span.Batch) *Trace {
	t := &Trace{Spans: ordered(batches), Root: NoRow}
	parents := t.findParents()
	t.arrange(parents)
	t.readServices()
	t.readSpans()
	t.findSelf()
	t.findPath()
	t.markErrors()
	return t
}

// Len returns the number of spans.
func (t *Trace) Len() int { return len(t.At) }

// Duration returns what lies between the earliest start and the latest end; nanoseconds.
func (t *Trace) Duration() int64 { return length(t.Start, t.End) }

// length returns what lies between two times, as far as an int64 reaches.
func length(start, end uint64) int64 { return int64(min(end-start, math.MaxInt64)) }

// Service returns the place in Services of a row's service.
func (t *Trace) Service(row int32) uint32 { return t.service[t.Spans.Resource[t.At[row]]] }

// Name returns the name of a row's span.
func (t *Trace) Name(row int32) string { return t.Spans.Dict.String(t.Spans.Names[t.At[row]]) }

// ID returns the id of a row's span.
func (t *Trace) ID(row int32) span.SpanID { return t.Spans.SpanIDs[t.At[row]] }

// RowOf returns the first row of a span id, or NoRow.
func (t *Trace) RowOf(id span.SpanID) int32 {
	row := int32(NoRow)
	for at, have := range t.Spans.SpanIDs {
		if have == id && (row == NoRow || t.Row[at] < row) {
			row = t.Row[at]
		}
	}
	return row
}

// LinkingTo yields the rows whose spans have a link to a span of a trace.
func (t *Trace) LinkingTo(trace span.TraceID, id span.SpanID) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for row, at := range t.At {
			to := func(l span.Link) bool { return l.SpanID == id && l.TraceID == trace }
			if slices.ContainsFunc(t.Spans.LinksOf(int(at)), to) && !yield(int32(row)) {
				return
			}
		}
	}
}

// Failed reports whether a row's status is an error.
func (t *Trace) Failed(row int32) bool { return t.Spans.Statuses[t.At[row]] == statusError }

// Weight returns how many spans a row's span stands for, by the probability with which it was sampled.
func (t *Trace) Weight(row int32) float64 {
	if w, ok := t.weights[t.Spans.States[t.At[row]]]; ok {
		return w
	}
	return 1
}

func (t *Trace) kind(row int32) int32 { return t.Spans.Kinds[t.At[row]] }

// times returns when a row's span was under way; one that ends before its start is an instant.
func (t *Trace) times(row int32) (start, end uint64) {
	at := t.At[row]
	return t.Spans.Starts[at], max(t.Spans.Starts[at], t.Spans.Ends[at])
}

// Children yields the rows right below a row, by start.
func (t *Trace) Children(row int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		end := row + 1 + t.Below[row]
		for child := row + 1; child < end; child += 1 + t.Below[child] {
			if !yield(child) {
				return
			}
		}
	}
}

// ordered returns the spans of all batches in one, ordered by start, then by id.
func ordered(batches []*span.Batch) *span.Batch {
	if len(batches) == 1 && isOrdered(batches[0]) {
		return batches[0]
	}
	type place struct {
		b  *span.Batch
		at int
	}
	var places []place
	for _, b := range batches {
		for at := range b.Len() {
			places = append(places, place{b, at})
		}
	}
	slices.SortStableFunc(places, func(x, y place) int {
		return cmp.Or(cmp.Compare(x.b.Starts[x.at], y.b.Starts[y.at]), bytes.Compare(x.b.SpanIDs[x.at][:], y.b.SpanIDs[y.at][:]))
	})
	all := new(span.Batch)
	for _, p := range places {
		s := p.b.Span(p.at)
		all.Append(&s)
	}
	return all
}

func isOrdered(b *span.Batch) bool {
	for i := 1; i < b.Len(); i++ {
		if b.Starts[i] < b.Starts[i-1] || b.Starts[i] == b.Starts[i-1] && bytes.Compare(b.SpanIDs[i][:], b.SpanIDs[i-1][:]) < 0 {
			return false
		}
	}
	return true
}

// findParents returns the place of each span's parent, or below 0.
func (t *Trace) findParents() []int32 {
	links := tree.Link(t.Spans.SpanIDs, t.Spans.Parents, t.Spans.Kinds)
	t.twoSides, t.circles = links.TwoSides, links.Circles // places, until arrange
	t.Flags = make([]Flags, t.Spans.Len())                // by place, until the rows are known
	for at, shared := range links.Shared {
		if shared {
			t.Flags[at] |= SharedID
		}
	}
	return links.Parents
}

// arrange numbers the rows.
func (t *Trace) arrange(parents []int32) {
	n := len(parents)
	firstChild, nextSibling := make([]int32, n), make([]int32, n)
	for i := range firstChild {
		firstChild[i] = NoRow
	}
	top := int32(NoRow)
	for at, up := range slices.Backward(parents) { // so that the earliest comes first
		list := &top
		if up >= 0 {
			list = &firstChild[up]
		}
		nextSibling[at], *list = *list, int32(at)
	}
	t.At, t.Row = make([]int32, 0, n), make([]int32, n)
	t.Parent, t.Depth, t.Below = make([]int32, 0, n), make([]int32, 0, n), make([]int32, n)
	for at, depth := top, int32(0); at != NoRow; {
		row, up := int32(len(t.At)), int32(NoRow)
		if parents[at] >= 0 {
			up = t.Row[parents[at]]
		}
		t.Row[at] = row
		t.At, t.Parent, t.Depth = append(t.At, at), append(t.Parent, up), append(t.Depth, depth)
		if firstChild[at] != NoRow {
			at = firstChild[at]
			depth++
			continue
		}
		for at != NoRow && nextSibling[at] == NoRow {
			if at = parents[at]; at < 0 {
				at = NoRow
			}
			depth--
		}
		if at != NoRow {
			at = nextSibling[at]
		}
	}
	for row, up := range slices.Backward(t.Parent) {
		if up != NoRow {
			t.Below[up] += t.Below[row] + 1
		}
	}
	flags := make([]Flags, n)
	for at, row := range t.Row {
		flags[row] = t.Flags[at]
		if parents[at] == tree.LostParent {
			flags[row] |= Orphan
		}
	}
	t.Flags = flags
	for i, at := range t.circles {
		t.circles[i] = t.Row[at]
	}
}

// readServices lists the names of services.
func (t *Trace) readServices() {
	const unseen = ^uint32(0)
	t.service = make([]uint32, len(t.Spans.Resources))
	for i := range t.service {
		t.service[i] = unseen
	}
	numbers := map[string]uint32{}
	for _, at := range t.At {
		r := t.Spans.Resource[at]
		if t.service[r] != unseen {
			continue
		}
		name := t.Spans.ServiceName(r)
		n, ok := numbers[name]
		if !ok {
			n = uint32(len(t.Services))
			numbers[name] = n
			t.Services = append(t.Services, name)
		}
		t.service[r] = n
	}
}

// readSpans sets what is known of each span by itself.
func (t *Trace) readSpans() {
	b := t.Spans
	if b.Len() > 0 {
		t.Start, t.End = b.Starts[0], b.Starts[b.Len()-1]
	}
	genAI := genAIShapes(b)
	t.readWeights()
	for row, at := range t.At {
		f := &t.Flags[row]
		*f |= Flags(b.Kinds[at]&7) | Flags(b.Statuses[at]&3)<<3
		t.End = max(t.End, b.Ends[at])
		if b.Parents[at].IsZero() && t.Root == NoRow {
			t.Root = int32(row)
		}
		if events := b.EventsOf(int(at)); len(events) > 0 {
			*f |= HasEvents
			if slices.ContainsFunc(events, func(e span.Event) bool { return IsException(b, &e) }) {
				*f |= HasError
			}
		}
		if len(b.LinksOf(int(at))) > 0 {
			*f |= HasLinks
		}
		if t.Weight(int32(row)) > 1 {
			*f |= Sampled
		}
		if genAI[b.Attrs[at].Shape] {
			*f |= GenAI
		}
	}
}

func (t *Trace) readWeights() {
	t.weights = map[span.Ref]float64{}
	last := span.Ref(0)
	for _, state := range t.Spans.States {
		if state != last && state != 0 {
			t.weights[state] = span.AdjustedCount(t.Spans.Dict.String(state))
		}
		last = state
	}
}

// IsException reports whether an event of a batch tells of an exception.
func IsException(b *span.Batch, e *span.Event) bool {
	return string(b.Dict.Bytes(e.Name)) == "exception"
}

// genAIShapes returns, by shape, whether one of its keys is of GenAI.
func genAIShapes(b *span.Batch) []bool {
	has := make([]bool, b.Shapes.Len())
	for i := range has {
		has[i] = slices.ContainsFunc(b.Shapes.Entries(uint32(i)), func(e span.Entry) bool {
			return bytes.HasPrefix(b.Dict.Bytes(e.Key), []byte("gen_ai."))
		})
	}
	return has
}
