package traceql

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// The naive evaluator is the oracle of the tests: it answers a query from a list of spans, as plain as
// the words of docs/traceql.md, in any time it takes. It shares the tree and the values with the engine,
// and no code that finds, compares or counts.

// naive answers queries about some spans.
type naive struct {
	traces []*naiveTrace // newest first
}

type naiveTrace struct {
	id    span.TraceID
	spans []*naiveSpan // by start, then by id
}

// naiveSpan is a span with its place in the trace.
type naiveSpan struct {
	*span.Span
	trace    *naiveTrace
	parent   *naiveSpan
	lost     bool // names a parent that the trace does not have
	children []*naiveSpan
	// left, right and above are the nested-set numbers.
	left, right, above int
}

// newNaive takes spans as they arrived; equal ones count once.
func newNaive(spans []span.Span) *naive {
	n := &naive{}
	seen := map[string]bool{}
	byID := map[span.TraceID]*naiveTrace{}
	for i := range spans {
		s := &spans[i]
		if key := fmt.Sprintf("%#v", *s); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		t := byID[s.TraceID]
		if t == nil {
			t = &naiveTrace{id: s.TraceID}
			byID[s.TraceID] = t
			n.traces = append(n.traces, t)
		}
		t.spans = append(t.spans, &naiveSpan{Span: s, trace: t})
	}
	for _, t := range n.traces {
		slices.SortStableFunc(t.spans, naiveBySpanStart)
		t.connect()
		t.number()
	}
	slices.SortFunc(n.traces, func(a, b *naiveTrace) int {
		return -cmp.Or(cmp.Compare(a.start(), b.start()), cmp.Compare(a.id.String(), b.id.String()))
	})
	return n
}

func naiveBySpanStart(a, b *naiveSpan) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.SpanID.String(), b.SpanID.String()))
}

func (t *naiveTrace) start() uint64 { return t.spans[0].Start }

func (t *naiveTrace) end() (end uint64) {
	for _, s := range t.spans {
		end = max(end, s.End)
	}
	return end
}

// root is the span without a parent id, of several the first; nil if there is none.
func (t *naiveTrace) root() *naiveSpan {
	for _, s := range t.spans {
		if s.Parent.IsZero() {
			return s
		}
	}
	return nil
}

func (s *naiveSpan) sends() bool    { return s.Kind == 3 || s.Kind == 4 }
func (s *naiveSpan) receives() bool { return s.Kind == 2 || s.Kind == 5 }

// connect finds each span's parent.
func (t *naiveTrace) connect() {
	first := func(id span.SpanID, accept func(*naiveSpan) bool) *naiveSpan {
		for _, s := range t.spans {
			if s.SpanID == id && accept(s) {
				return s
			}
		}
		return nil
	}
	for _, s := range t.spans {
		if sender := first(s.SpanID, (*naiveSpan).sends); s.receives() && sender != nil {
			s.parent = sender // one id for both sides of a call
			continue
		}
		if s.Parent.IsZero() {
			continue
		}
		s.parent = first(s.Parent, func(*naiveSpan) bool { return true })
		if receiver := first(s.Parent, (*naiveSpan).receives); receiver != nil && first(s.Parent, (*naiveSpan).sends) != nil {
			s.parent = receiver
		}
		s.lost = s.parent == nil
	}
	for _, s := range t.spans { // by start: the earliest of each circle comes first
		if s.inCircle() {
			s.parent = nil
		}
	}
	for _, s := range t.spans {
		if s.parent != nil {
			s.parent.children = append(s.parent.children, s)
		}
	}
}

func (s *naiveSpan) inCircle() bool {
	seen := map[*naiveSpan]bool{}
	for up := s.parent; up != nil && !seen[up]; up = up.parent {
		if up == s {
			return true
		}
		seen[up] = true
	}
	return false
}

// number walks down from roots and numbers each span on the way in and on the way out.
func (t *naiveTrace) number() {
	n := 0
	var walk func(s *naiveSpan, above int)
	walk = func(s *naiveSpan, above int) {
		n++
		s.left, s.above = n, above
		for _, child := range s.children {
			walk(child, s.left)
		}
		n++
		s.right = n
	}
	for _, s := range t.spans {
		if s.parent == nil {
			walk(s, -1)
		}
	}
}

func (s *naiveSpan) hasAncestor(a *naiveSpan) bool {
	for up := s.parent; up != nil; up = up.parent {
		if up == a {
			return true
		}
	}
	return false
}

func (s *naiveSpan) isSibling(o *naiveSpan) bool {
	switch {
	case s == o:
		return false
	case s.parent != nil || o.parent != nil:
		return s.parent == o.parent
	case s.lost || o.lost:
		return s.lost && o.lost && s.Parent == o.Parent
	}
	return s.Parent.IsZero() && o.Parent.IsZero()
}

// naiveView is a span as an expression sees it: own and parent are the rows, maybe with only one event or link left.
type naiveView struct {
	node        *naiveSpan
	own, parent *span.Span // parent is nil if it is not there
}

func (s *naiveSpan) view() naiveView {
	v := naiveView{node: s, own: s.Span}
	if s.parent != nil {
		v.parent = s.parent.Span
	}
	return v
}

// values returns all values of an attribute or intrinsic, in order.
func (v naiveView) values(a *Attribute) []Static {
	node, row := v.node, v.own
	if a.Parent {
		if node, row = v.node.parent, v.parent; row == nil {
			return nil
		}
	}
	if a.Scope == store.IntrinsicScope {
		return node.intrinsic(a.Intrinsic, row)
	}
	return naiveAttributeValues(row, a.Scope, a.Name)
}

func naiveAttributeValues(s *span.Span, scope store.Scope, key string) []Static {
	switch {
	case scope == store.AnyScope:
		for _, scope := range []store.Scope{store.SpanScope, store.ResourceScope, store.EventScope, store.LinkScope, store.InstrumentationScope} {
			if list := naiveAttributesOf(s, scope, key); len(list) > 0 {
				return list
			}
		}
		return nil
	case scope == store.ResourceScope && key == "service.name" && len(naiveAttributesOf(s, scope, key)) == 0:
		return []Static{StringStatic("")}
	}
	return naiveAttributesOf(s, scope, key)
}

// naiveAttributesOf returns what is there, without a service name that is made up.
func naiveAttributesOf(s *span.Span, scope store.Scope, key string) (list []Static) {
	var lists [][]span.KeyValue
	switch scope {
	case store.SpanScope:
		lists = append(lists, s.Attrs)
	case store.ResourceScope:
		lists = append(lists, s.Resource.Attrs)
	case store.InstrumentationScope:
		lists = append(lists, s.Scope.Attrs)
	case store.EventScope:
		for _, e := range s.Events {
			lists = append(lists, e.Attrs)
		}
	case store.LinkScope:
		for _, l := range s.Links {
			lists = append(lists, l.Attrs)
		}
	}
	for _, attrs := range lists {
		for _, kv := range attrs {
			if kv.Key == key {
				list = append(list, StaticOf(kv.Value))
			}
		}
	}
	return list
}

// intrinsic returns the values of an intrinsic of row, which is s, maybe with fewer events and links.
func (s *naiveSpan) intrinsic(i Intrinsic, row *span.Span) (list []Static) {
	switch i {
	case EventName:
		for _, e := range row.Events {
			list = append(list, StringStatic(e.Name))
		}
	case EventTimeSinceStart:
		for _, e := range row.Events {
			list = append(list, DurationStatic(int64(e.Time-s.Start)))
		}
	case LinkTraceID:
		for _, l := range row.Links {
			list = append(list, StringStatic(l.TraceID.String()))
		}
	case LinkSpanID:
		for _, l := range row.Links {
			list = append(list, StringStatic(l.SpanID.String()))
		}
	case SpanParentID:
		if !s.Parent.IsZero() {
			list = append(list, StringStatic(s.Parent.String()))
		}
	default:
		list = append(list, s.single(i))
	}
	return list
}

// single returns the value of an intrinsic that every span has.
func (s *naiveSpan) single(i Intrinsic) Static {
	root := s.trace.root()
	switch i {
	case SpanDuration:
		return DurationStatic(int64(s.End - s.Start))
	case SpanName:
		return StringStatic(s.Name)
	case SpanStatus:
		return StatusStatic(int(s.Status))
	case SpanStatusMessage:
		return StringStatic(s.Message)
	case SpanKind:
		return KindStatic(int(s.Kind))
	case SpanID:
		return StringStatic(s.SpanID.String())
	case SpanChildCount:
		return IntStatic(int64(len(s.children)))
	case SpanTraceState:
		return StringStatic(s.TraceState)
	case SpanStart:
		return IntStatic(int64(s.Start))
	case NestedSetLeft:
		return IntStatic(int64(s.left))
	case NestedSetRight:
		return IntStatic(int64(s.right))
	case NestedSetParent:
		return IntStatic(int64(s.above))
	case TraceDuration:
		return DurationStatic(int64(s.trace.end() - s.trace.start()))
	case TraceRootName:
		if root == nil {
			return StringStatic("<root span not yet received>")
		}
		return StringStatic(root.Name)
	case TraceRootService:
		if root == nil {
			return StringStatic("<root span not yet received>")
		}
		return StringStatic(root.service())
	case TraceID:
		return StringStatic(s.TraceID.String())
	case ScopeName:
		return StringStatic(s.Span.Scope.Name)
	case ScopeVersion:
		return StringStatic(s.Span.Scope.Version)
	}
	panic(fmt.Sprintf("BUG: intrinsic %d", i))
}

// service returns the service's name, "" for none.
func (s *naiveSpan) service() string {
	for _, v := range naiveAttributesOf(s.Span, store.ResourceScope, "service.name") {
		if v.Type == TypeString {
			return v.Str
		}
	}
	return ""
}
