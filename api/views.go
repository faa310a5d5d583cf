package api

import (
	"container/list"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
)

const (
	// defaultViewBytes is Config.ViewBytes where nothing else is said.
	defaultViewBytes = 64 << 20
	// viewIdle is how long a view is kept that nobody asks about.
	viewIdle = 30 * time.Minute
	// viewRowBytes is what a row of a tree takes beside the span.
	viewRowBytes = 56
	// readingViews is how many traces are read at the same time, so that they do not take all memory together.
	readingViews = 2
)

// view is a trace as it was when it was opened, and its tree. Its rows are what further requests are about.
type view struct {
	viewKey
	trace *analyze.Trace
	gaps  []string
	note  string // what was left out of an upload, or ""
	bytes int64
}

// viewKey names a view.
type viewKey struct {
	tenants string // as in the header
	id      span.TraceID
	// token follows from the spans, so that a trace that did not change since has the same.
	token string
}

// uploadMark begins the tokens of uploads, which are in no store.
const uploadMark = "upload-"

func newView(tenants []string, mark string, trace *analyze.Trace, gaps []string) *view {
	b := trace.Spans
	return &view{
		viewKey: viewKey{strings.Join(tenants, "|"), b.TraceIDs[0], fmt.Sprintf("%s%016x", mark, contentHash(b))},
		trace:   trace, gaps: gaps, bytes: b.Size() + viewRowBytes*int64(b.Len()),
	}
}

// views keeps the views that were asked for last, within a budget.
type views struct {
	budget  int64
	reading chan struct{} // has room for those who read a trace
	flights singleflight.Group

	mu    sync.Mutex
	bytes int64
	order *list.List // of *keptView, the latest first
	byKey map[viewKey]*list.Element
	sweep *time.Timer // nil while nothing is kept
}

type keptView struct {
	*view
	used time.Time
}

func newViews(budget int64) *views {
	if budget == 0 {
		budget = defaultViewBytes
	}
	return &views{
		budget: budget, reading: make(chan struct{}, readingViews),
		order: list.New(), byKey: map[viewKey]*list.Element{},
	}
}

// get returns a view, or nil if it is not kept.
func (s *views) get(key viewKey) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byKey[key]
	if e == nil {
		return nil
	}
	s.order.MoveToFront(e)
	kept := e.Value.(*keptView)
	kept.used = time.Now()
	return kept.view
}

// keep keeps a view, unless it is larger than the budget, and reports whether it does. Older ones make room.
func (s *views) keep(v *view) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.bytes > s.budget {
		return false
	}
	if e := s.byKey[v.viewKey]; e != nil {
		s.drop(e)
	}
	for s.bytes+v.bytes > s.budget {
		s.drop(s.order.Back())
	}
	s.byKey[v.viewKey] = s.order.PushFront(&keptView{v, time.Now()})
	s.bytes += v.bytes
	if s.sweep == nil {
		s.sweep = time.AfterFunc(viewIdle, s.dropIdle)
	}
	return true
}

func (s *views) drop(e *list.Element) {
	kept := s.order.Remove(e).(*keptView)
	delete(s.byKey, kept.viewKey)
	s.bytes -= kept.bytes
}

// dropIdle drops what nobody asked about for long.
func (s *views) dropIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Back(); e != nil && time.Since(e.Value.(*keptView).used) >= viewIdle; e = s.order.Back() {
		s.drop(e)
	}
	s.sweep = nil
	if oldest := s.order.Back(); oldest != nil {
		s.sweep = time.AfterFunc(viewIdle-time.Since(oldest.Value.(*keptView).used), s.dropIdle)
	}
}

// once reads a view, or waits for somebody else who reads the same.
func (s *views) once(key viewKey, read func() (*view, error)) (*view, error) {
	v, err, _ := s.flights.Do(fmt.Sprint(key), func() (any, error) { return read() })
	if err != nil {
		return nil, err
	}
	return v.(*view), nil
}

// read waits until a trace may be read; done is to be called afterwards.
func (s *views) read(ctx context.Context) (done func(), err error) {
	select {
	case s.reading <- struct{}{}:
		return func() { <-s.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
