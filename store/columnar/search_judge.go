package columnar

import (
	"encoding/hex"
	"math"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// test is the part of a predicate that looks at one value.
type test struct {
	exists bool         // any value will do
	regex  *store.Regex // else if set, the expression to match
	not    bool         // or rather not to
	digits bool         // the hex digits of an id, that is
	op     store.Op     // else the comparison
	want   span.Value
	ints   intTest // the comparison, for Int values
	prefix []byte  // what every string that passes begins with
	// outside has the alphabets of packed strings of which none passes.
	outside map[string]bool
}

// intTest is a comparison of integers: lo <= v <= hi, or not that. lo > hi: no integer.
type intTest struct {
	lo, hi int64
	not    bool
}

func (t intTest) holds(v int64) bool { return (v >= t.lo && v <= t.hi) != t.not }

// noInt is true of no integer at all.
var noInt = intTest{lo: 1, hi: 0}

func newTest(p store.Predicate) (store.Field, *test) {
	switch p := p.(type) {
	case store.Compare:
		t := &test{op: p.Op, want: p.Value, ints: newIntTest(p.Op, p.Value)}
		if p.Op == store.Equal {
			t.prefix = []byte(p.Value.Str)
		}
		return p.Field, t
	case store.Matches:
		t := &test{regex: p.Regex, not: p.Not, digits: p.Field.OfID(), ints: noInt}
		if !p.Not && !t.digits {
			t.prefix = []byte(p.Regex.Prefix())
			t.outside = map[string]bool{}
			for _, alphabet := range colenc.Alphabets {
				t.outside[alphabet] = !p.Regex.MatchesSome(alphabet)
			}
		}
		return p.Field, t
	case store.Exists:
		return p.Field, &test{exists: true, ints: intTest{math.MinInt64, math.MaxInt64, false}}
	}
	panic("BUG: not a predicate on a field")
}

// newIntTest turns a comparison with a number into a range of integers.
func newIntTest(op store.Op, want span.Value) intTest {
	var floor int64 // the largest integer that is not above want
	exact := true   // want is floor
	switch want.Type {
	case span.Int:
		floor = want.Int()
	case span.Float:
		f := want.Float()
		switch {
		case math.IsNaN(f):
			return noInt
		case f >= 1<<63: // above every integer
			return rangeFor(op == store.Less || op == store.LessEqual || op == store.NotEqual)
		case f < -(1 << 63):
			return rangeFor(op == store.Greater || op == store.GreaterEqual || op == store.NotEqual)
		}
		floor = int64(math.Floor(f))
		exact = float64(floor) == f
	default:
		return noInt
	}
	switch op {
	case store.Equal, store.NotEqual:
		if !exact {
			return rangeFor(op == store.NotEqual)
		}
		return intTest{floor, floor, op == store.NotEqual}
	case store.LessEqual:
		return intTest{math.MinInt64, floor, false}
	case store.Less:
		if !exact {
			return intTest{math.MinInt64, floor, false}
		}
		if floor == math.MinInt64 {
			return noInt
		}
		return intTest{math.MinInt64, floor - 1, false}
	case store.GreaterEqual:
		if exact {
			return intTest{floor, math.MaxInt64, false}
		}
	}
	if floor == math.MaxInt64 {
		return noInt
	}
	return intTest{floor + 1, math.MaxInt64, false}
}

func rangeFor(all bool) intTest {
	if all {
		return intTest{math.MinInt64, math.MaxInt64, false}
	}
	return noInt
}

// bits applies the test to a value that is not in a dictionary.
func (t *test) bits(typ span.Type, v uint64) bool {
	switch {
	case t.exists:
		return true
	case typ == span.Int:
		return t.ints.holds(int64(v))
	case t.regex != nil:
		return false
	}
	return t.op.Holds(span.Value{Type: typ, Num: v}, t.want)
}

// bytes applies the test to a value that is in a dictionary.
func (t *test) bytes(typ span.Type, b []byte) bool {
	switch {
	case t.exists:
		return true
	case typ == span.Map:
		return false
	case typ == span.Array:
		v := span.Value{Type: typ, Str: string(b)}
		if t.regex != nil {
			return store.Matches{Regex: t.regex, Not: t.not}.Holds(v)
		}
		return t.op.Holds(v, t.want)
	case t.digits:
		return t.regex.Match(hex.AppendEncode(nil, b)) != t.not
	case t.regex != nil:
		return typ == span.String && t.regex.Match(b) != t.not
	case typ != t.want.Type:
		return false
	case t.op == store.Equal:
		return string(b) == t.want.Str
	}
	return t.op.Holds(span.Value{Type: typ, Str: string(b)}, t.want)
}

// exactly returns the one string that can pass.
func (t *test) exactly() ([]byte, bool) {
	one := !t.exists && t.regex == nil && t.op == store.Equal && t.want.Type.InDict()
	return t.prefix, one
}

// can reports whether some value of the type may pass.
func (t *test) can(typ span.Type) bool {
	switch {
	case t.exists:
		return true
	case typ == span.Map || typ == span.Empty:
		return false
	case typ == span.Array:
		return true
	case t.digits:
		return typ == span.Bytes
	case t.regex != nil:
		return typ == span.String
	case typ == span.Int || typ == span.Float:
		return t.want.Type == span.Int || t.want.Type == span.Float
	}
	return typ == t.want.Type
}

// place is a span, or one event or link of it (-1: all of them).
type place struct {
	rs          *rowSet
	row         int
	event, link int
}

// judge reports whether p holds on a row. It is exact; what is faster may only rule out rows on which it is false.
func judge(p store.Predicate, at place) bool {
	switch p := p.(type) {
	case nil:
		return true
	case store.And:
		for _, q := range p {
			if !judge(q, at) {
				return false
			}
		}
		return true
	case store.Or:
		for _, q := range p {
			if judge(q, at) {
				return true
			}
		}
		return false
	case store.Not:
		return !judge(p.P, at)
	case store.AnyEvent:
		return at.anyEvent(p.P)
	case store.AnyLink:
		return at.anyLink(p.P)
	case *leaf:
		found := false
		at.values(p.field, func(typ span.Type, bits uint64, b []byte) bool {
			if typ.InDict() {
				found = p.test.bytes(typ, b)
			} else {
				found = p.test.bits(typ, bits)
			}
			return !found
		})
		return found
	}
	panic("BUG: a predicate that was not compiled")
}

// events returns the events that the place means.
func (at place) events() []span.Event {
	list := at.rs.EventsOf(at.row)
	if at.event >= 0 {
		return list[at.event : at.event+1]
	}
	return list
}

func (at place) links() []span.Link {
	list := at.rs.LinksOf(at.row)
	if at.link >= 0 {
		return list[at.link : at.link+1]
	}
	return list
}

func (at place) anyEvent(p store.Predicate) bool {
	if at.event >= 0 {
		return judge(p, at)
	}
	for i := range at.rs.EventsOf(at.row) {
		one := at
		one.event = i
		if judge(p, one) {
			return true
		}
	}
	return false
}

func (at place) anyLink(p store.Predicate) bool {
	if at.link >= 0 {
		return judge(p, at)
	}
	for i := range at.rs.LinksOf(at.row) {
		one := at
		one.link = i
		if judge(p, one) {
			return true
		}
	}
	return false
}

// leaf is a compiled predicate on one field.
type leaf struct {
	store.Predicate
	field store.Field
	test  *test
}

// compile replaces the predicates on fields by leaves.
func compile(p store.Predicate) store.Predicate {
	switch p := p.(type) {
	case nil:
		return nil
	case store.And:
		out := make(store.And, len(p))
		for i, q := range p {
			out[i] = compile(q)
		}
		return out
	case store.Or:
		out := make(store.Or, len(p))
		for i, q := range p {
			out[i] = compile(q)
		}
		return out
	case store.Not:
		return store.Not{P: compile(p.P)}
	case store.AnyEvent:
		return store.AnyEvent{P: compile(p.P)}
	case store.AnyLink:
		return store.AnyLink{P: compile(p.P)}
	}
	field, t := newTest(p)
	return &leaf{p, field, t}
}

// valueFunc takes one value of a field: bits, or bytes if the type is InDict. It returns whether to go on.
type valueFunc func(typ span.Type, bits uint64, b []byte) bool

// values calls f with the values of a field, in order.
func (at place) values(field store.Field, f valueFunc) {
	if field.Scope == store.IntrinsicScope {
		at.intrinsic(field.Intrinsic, f)
		return
	}
	if field.Scope != store.AnyScope {
		at.attrs(field.Scope, field.Key, f)
		return
	}
	for _, scope := range anyScope {
		if at.attrs(scope, field.Key, f) {
			return
		}
	}
}

// anyScope is where an unscoped attribute is looked for, in order.
var anyScope = [...]store.Scope{store.SpanScope, store.ResourceScope, store.EventScope, store.LinkScope, store.InstrumentationScope}

// attrs calls f with the values of an attribute in one scope, and reports whether there are any.
func (at place) attrs(scope store.Scope, key string, f valueFunc) (any bool) {
	rs, i := at.rs, at.row
	list := func(shapes *span.Shapes, values []uint64, a span.Attrs) (goOn bool) {
		for j, e := range shapes.Entries(a.Shape) {
			if string(rs.space.strs.Bytes(e.Key)) != key {
				continue
			}
			any = true
			v := values[int(a.First)+j]
			var b []byte
			if e.Type.InDict() {
				b = rs.bytes(span.Ref(v))
			}
			if !f(e.Type, v, b) {
				return false
			}
		}
		return true
	}
	t := rs.space.tables
	switch scope {
	case store.SpanScope:
		list(&rs.space.shapes, rs.Values, rs.Attrs[i])
	case store.ResourceScope:
		list(&t.Shapes, t.Values, t.Resources[rs.Resource[i]].Attrs)
	case store.InstrumentationScope:
		list(&t.Shapes, t.Values, t.Scopes[rs.Scope[i]].Attrs)
	case store.EventScope:
		for _, e := range at.events() {
			if !list(&rs.space.shapes, rs.Values, e.Attrs) {
				break
			}
		}
	case store.LinkScope:
		for _, l := range at.links() {
			if !list(&rs.space.shapes, rs.Values, l.Attrs) {
				break
			}
		}
	}
	return any
}

func (at place) intrinsic(in store.Intrinsic, f valueFunc) {
	rs, i := at.rs, at.row
	text := func(r span.Ref) { f(span.String, 0, rs.bytes(r)) }
	switch in {
	case store.Duration:
		f(span.Int, rs.Ends[i]-rs.Starts[i], nil)
	case store.Name:
		text(rs.Names[i])
	case store.Kind:
		f(span.Int, uint64(int64(rs.Kinds[i])), nil)
	case store.Status:
		f(span.Int, uint64(int64(rs.Statuses[i])), nil)
	case store.StatusMessage:
		text(rs.Messages[i])
	case store.Start:
		f(span.Int, rs.Starts[i], nil)
	case store.End:
		f(span.Int, rs.Ends[i], nil)
	case store.TraceID:
		f(span.Bytes, 0, rs.TraceIDs[i][:])
	case store.SpanID:
		f(span.Bytes, 0, rs.SpanIDs[i][:])
	case store.ParentID:
		if !rs.Parents[i].IsZero() {
			f(span.Bytes, 0, rs.Parents[i][:])
		}
	case store.TraceState:
		text(rs.States[i])
	case store.Flags:
		f(span.Int, uint64(rs.Flags[i]), nil)
	case store.ScopeName:
		text(rs.space.tables.Scopes[rs.Scope[i]].Name)
	case store.ScopeVersion:
		text(rs.space.tables.Scopes[rs.Scope[i]].Version)
	case store.EventName, store.EventTime:
		at.eventValues(in, f)
	case store.LinkTraceID, store.LinkSpanID:
		at.linkValues(in, f)
	}
}

func (at place) eventValues(in store.Intrinsic, f valueFunc) {
	for _, e := range at.events() {
		if in == store.EventName && !f(span.String, 0, at.rs.bytes(e.Name)) ||
			in == store.EventTime && !f(span.Int, e.Time-at.rs.Starts[at.row], nil) {
			return
		}
	}
}

func (at place) linkValues(in store.Intrinsic, f valueFunc) {
	links := at.links()
	for j := range links {
		if in == store.LinkTraceID && !f(span.Bytes, 0, links[j].TraceID[:]) ||
			in == store.LinkSpanID && !f(span.Bytes, 0, links[j].SpanID[:]) {
			return
		}
	}
}

// fieldsOf calls f with every field that p looks at.
func fieldsOf(p store.Predicate, f func(store.Field)) {
	switch p := p.(type) {
	case store.And:
		for _, q := range p {
			fieldsOf(q, f)
		}
	case store.Or:
		for _, q := range p {
			fieldsOf(q, f)
		}
	case store.Not:
		fieldsOf(p.P, f)
	case store.AnyEvent:
		f(store.Of(store.EventName))
		fieldsOf(p.P, f)
	case store.AnyLink:
		f(store.Of(store.LinkSpanID))
		fieldsOf(p.P, f)
	case *leaf:
		f(p.field)
	}
}

// projectionFor returns what has to be read for p and columns.
func projectionFor(p store.Predicate, columns []store.Field) *projection {
	want := &projection{}
	for i := range want.attrs {
		want.attrs[i] = map[string]bool{}
	}
	fieldsOf(p, want.add)
	for _, f := range columns {
		want.add(f)
	}
	return want
}

// fixedOf lists the fixed columns that an intrinsic needs beside those that are always read.
var fixedOf = map[store.Intrinsic]uint64{
	store.Name: 1 << colName, store.Kind: 1 << colKind, store.Status: 1 << colStatus,
	store.StatusMessage: 1 << colMessage, store.TraceState: 1 << colState, store.Flags: 1 << colFlags,
	store.ScopeName: 1 << colScopeRef, store.ScopeVersion: 1 << colScopeRef,
	store.EventName: 1 << colEvents, store.EventTime: 1 << colEvents,
	store.LinkTraceID: 1 << colLinks, store.LinkSpanID: 1 << colLinks,
}

func (want *projection) add(f store.Field) {
	switch f.Scope {
	case store.IntrinsicScope:
		want.fixed |= fixedOf[f.Intrinsic]
	case store.SpanScope:
		want.attrs[colSpan][f.Key] = true
	case store.ResourceScope:
		want.fixed |= 1 << colResource
	case store.InstrumentationScope:
		want.fixed |= 1 << colScopeRef
	case store.EventScope:
		want.fixed |= 1 << colEvents
		want.attrs[colEvent][f.Key] = true
	case store.LinkScope:
		want.fixed |= 1 << colLinks
		want.attrs[colLink][f.Key] = true
	case store.AnyScope:
		for _, scope := range anyScope {
			want.add(store.Attr(scope, f.Key))
		}
	}
}
