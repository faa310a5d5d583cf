package traceql

import (
	"bytes"
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// place says where a trace or a span stands in the order of an answer.
type place struct {
	rank  int64 // goes before all else: the duration, in a search for the slowest
	start uint64
	trace span.TraceID
	span  span.SpanID // of a span
	same  uint32      // counts the spans of a trace that share start and id
	took  int64       // duration of a span, for orders that ask for it
}

// order is SearchOptions.Order; nil is that of an answer for which none is given.
type order []SpanOrder

// compare is below 0 if p comes before q.
func (o order) compare(p, q *place) int {
	if o == nil {
		return -cmp.Or(
			cmp.Compare(p.rank, q.rank), cmp.Compare(p.start, q.start), bytes.Compare(p.trace[:], q.trace[:]),
			bytes.Compare(p.span[:], q.span[:]), -cmp.Compare(p.same, q.same),
		)
	}
	for _, key := range o {
		if c := key.By.compare(p, q); c != 0 {
			if key.Descending {
				return -c
			}
			return c
		}
	}
	return cmp.Compare(p.same, q.same)
}

func (k SpanKey) compare(p, q *place) int {
	switch k {
	case ByStart:
		return cmp.Compare(p.start, q.start)
	case ByDuration:
		return cmp.Compare(p.took, q.took)
	case ByTraceID:
		return bytes.Compare(p.trace[:], q.trace[:])
	}
	return bytes.Compare(p.span[:], q.span[:])
}

// newestFirst reports whether nothing starts later than what comes before it.
func (o order) newestFirst() bool { return o == nil || o[0] == SpanOrder{ByStart, true} }

// mark is what a cursor of an order ends with: one letter for each key.
func (o order) mark() string {
	var letters []byte
	for _, key := range o {
		letter := "sdti"[key.By]
		if key.Descending {
			letter -= 'a' - 'A'
		}
		letters = append(letters, letter)
	}
	return string(letters)
}

// cursor returns what resumes behind a place.
func (p *place) cursor(ofSpan bool, o order) store.Cursor {
	c := store.MakeCursor(p.start, p.trace)
	if ofSpan {
		c += store.Cursor(fmt.Sprintf("%s%08x", p.span, p.same))
	}
	if o != nil {
		c += store.Cursor(fmt.Sprintf("%016x%s", uint64(p.took), o.mark()))
	}
	return c
}

// parseCursor returns the place behind which a cursor resumes. The cursor of one order is none of another.
func parseCursor(c store.Cursor, ofSpan bool, o order) (*place, error) {
	const tail = 16 + 8 // digits of what a cursor of spans has behind that of traces
	p := &place{}
	var err error
	if o != nil {
		rest, ok := strings.CutSuffix(string(c), o.mark())
		at := len(rest) - 16
		if !ok || at < 0 {
			return nil, store.ErrCursor
		}
		took, err := strconv.ParseUint(rest[at:], 16, 64)
		if err != nil {
			return nil, store.ErrCursor
		}
		p.took, c = int64(took), store.Cursor(rest[:at])
	}
	if ofSpan {
		at := len(c) - tail
		if at < 0 {
			return nil, store.ErrCursor
		}
		same, err1 := strconv.ParseUint(string(c[at+16:]), 16, 32)
		id, err2 := span.ParseSpanID(string(c[at : at+16]))
		if err1 != nil || err2 != nil {
			return nil, store.ErrCursor
		}
		p.span, p.same, c = id, uint32(same), c[:at]
	}
	var ok bool
	if p.start, p.trace, ok, err = c.Parse(); err == nil && !ok {
		err = store.ErrCursor
	}
	return p, err
}

// found is a trace or a span of an answer.
type found struct {
	place
	trace *Trace
	span  *FoundSpan
	bytes int64 // memory, about
}

// top keeps the first of what is found, up to a limit and one more, which tells that there are more.
// It may be used concurrently.
type top struct {
	order  order
	limit  int   // below 0: none
	memory int64 // budget
	shared *Memory
	worst  atomic.Pointer[place]

	mu    sync.Mutex
	heap  []*found // the last in order on top; see foundHeap
	bytes int64
}

// takes reports whether what stands at p is among the first as far as is known.
func (t *top) takes(p *place) bool {
	worst := t.worst.Load()
	return worst == nil || t.order.compare(p, worst) < 0
}

// enough returns a start before which nothing is among the first any more; 0 if there is none.
func (t *top) enough() uint64 {
	if worst := t.worst.Load(); worst != nil {
		return worst.start
	}
	return 0
}

// add keeps f if it is among the first.
func (t *top) add(f *found) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.takes(&f.place) {
		return nil
	}
	if err := t.shared.take(f.bytes); err != nil {
		return err
	}
	heap.Push((*foundHeap)(t), f)
	t.bytes += f.bytes
	if t.limit >= 0 && len(t.heap) > t.limit+1 {
		last := heap.Pop((*foundHeap)(t)).(*found).bytes
		t.bytes -= last
		t.shared.give(last)
	}
	if t.limit >= 0 && len(t.heap) == t.limit+1 {
		t.worst.Store(&t.heap[0].place)
	}
	if t.bytes > t.memory {
		return tooLarge(t.memory)
	}
	return nil
}

// end gives back what was taken of the memory of all queries.
func (t *top) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shared.give(t.bytes)
}

func tooLarge(memory int64) error {
	return fmt.Errorf("%w of %d MiB: ask for fewer traces, for fewer spans of each, or for a shorter time",
		store.ErrTooLarge, memory>>20)
}

// sorted returns what is kept, in order, and whether there is more.
func (t *top) sorted() (list []*found, more bool) {
	t.mu.Lock()
	list = slices.Clone(t.heap)
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b *found) int { return t.order.compare(&a.place, &b.place) })
	if t.limit >= 0 && len(list) > t.limit {
		return list[:t.limit], true
	}
	return list, false
}

// foundHeap is top.heap as a heap.Interface.
type foundHeap top

func (h *foundHeap) Len() int { return len(h.heap) }
func (h *foundHeap) Less(i, j int) bool {
	return h.order.compare(&h.heap[i].place, &h.heap[j].place) > 0
}
func (h *foundHeap) Swap(i, j int) { h.heap[i], h.heap[j] = h.heap[j], h.heap[i] }
func (h *foundHeap) Push(x any)    { h.heap = append(h.heap, x.(*found)) }
func (h *foundHeap) Pop() any {
	n := len(h.heap) - 1
	last := h.heap[n]
	h.heap = h.heap[:n]
	return last
}

// limitOf returns a limit of SearchOptions as top has it.
func limitOf(n, otherwise int) int {
	switch {
	case n == 0:
		return otherwise
	case n < 0:
		return -1
	}
	return min(n, math.MaxInt-1)
}
