package traceql

import (
	"bytes"
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strconv"
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
}

// compare is below 0 if p comes before q.
func (p *place) compare(q *place) int {
	return -cmp.Or(
		cmp.Compare(p.rank, q.rank), cmp.Compare(p.start, q.start), bytes.Compare(p.trace[:], q.trace[:]),
		bytes.Compare(p.span[:], q.span[:]), -cmp.Compare(p.same, q.same),
	)
}

// cursor returns what resumes behind a place.
func (p *place) cursor(ofSpan bool) store.Cursor {
	c := store.MakeCursor(p.start, p.trace)
	if ofSpan {
		c += store.Cursor(fmt.Sprintf("%s%08x", p.span, p.same))
	}
	return c
}

// parseCursor returns the place behind which a cursor resumes.
func parseCursor(c store.Cursor, ofSpan bool) (*place, error) {
	const tail = 16 + 8 // digits of what a cursor of spans has behind that of traces
	p := &place{}
	var err error
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
	limit  int   // below 0: none
	memory int64 // budget
	shared *Memory
	worst  atomic.Pointer[place]

	mu    sync.Mutex
	heap  foundHeap
	bytes int64
}

// takes reports whether what stands at p is among the first as far as is known.
func (t *top) takes(p *place) bool {
	worst := t.worst.Load()
	return worst == nil || p.compare(worst) < 0
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
	heap.Push(&t.heap, f)
	t.bytes += f.bytes
	if t.limit >= 0 && len(t.heap) > t.limit+1 {
		last := heap.Pop(&t.heap).(*found).bytes
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
	slices.SortFunc(list, func(a, b *found) int { return a.compare(&b.place) })
	if t.limit >= 0 && len(list) > t.limit {
		return list[:t.limit], true
	}
	return list, false
}

// foundHeap has the last in order on top.
type foundHeap []*found

func (h foundHeap) Len() int           { return len(h) }
func (h foundHeap) Less(i, j int) bool { return h[i].compare(&h[j].place) > 0 }
func (h foundHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *foundHeap) Push(x any)        { *h = append(*h, x.(*found)) }
func (h *foundHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
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
