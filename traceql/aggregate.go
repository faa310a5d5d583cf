package traceql

import (
	"fmt"
	"math"
	"slices"

	"github.com/clewhq/clew/store"
)

// scalarFilter is a compiled ScalarFilter.
type scalarFilter struct {
	op   Op
	l, r scalar
	text string
}

// scalar is a compiled Scalar.
type scalar interface {
	// of returns the values of the spansets.
	of(e *env, s *spansets, w *workings) setValues
}

// workings is what comes of the aggregates of a scalarFilter beside their values.
type workings struct {
	named []setAttribute
	rows  store.Bitmap // of the spansets that they are about
}

type (
	constantScalar struct{ Static }
	scalarOp       struct {
		op   Op
		l, r scalar
	}
	aggregate struct {
		name string
		f    AggregateFunc
		arg  value // nil for count
	}
	// scalarPipeline is the value of all spans together that a pipeline leaves.
	scalarPipeline struct {
		pipeline *pipeline
		value    scalar
	}
)

func (f *scalarFilter) run(e *env, s *spansets) {
	if f.beyond(s.rows.Count()) {
		clear(s.rows)
		return
	}
	w := &workings{rows: e.bitmap()}
	l, r := f.l.of(e, s, w), f.r.of(e, s, w)
	copy(s.rows, w.rows)
	s.keep(e, func(set int) bool { return holds(f.op, l(set), r(set)) })
	for _, attr := range w.named {
		s.set(attr)
	}
}

// beyond reports whether the filter asks for more spans than there are in all spansets together.
func (f *scalarFilter) beyond(rows int) bool {
	a, ok := f.l.(*aggregate)
	c, isConst := f.r.(constantScalar)
	least, isNumber := c.Number()
	if !ok || !isConst || !isNumber || a.f != Count {
		return false
	}
	return f.op == Greater && float64(rows) <= least || (f.op == GreaterEqual || f.op == Equal) && float64(rows) < least
}

func (c constantScalar) of(*env, *spansets, *workings) setValues {
	return func(int) Static { return c.Static }
}

func (o scalarOp) of(e *env, s *spansets, w *workings) setValues {
	l, r := o.l.of(e, s, w), o.r.of(e, s, w)
	return func(set int) Static { return arithmetic(o.op, l(set), r(set)) }
}

func (a *aggregate) of(e *env, s *spansets, w *workings) setValues {
	var values setValues
	if a.f == Count {
		values = count(e, s)
	} else {
		sums := make([]sum, s.size(e))
		for row := s.rows.Next(0); row >= 0; row = s.rows.Next(row + 1) {
			sums[s.number(e, row)].add(a.f, a.arg.at(e, row))
		}
		values = func(set int) Static { return sums[set].result(a.f) }
	}
	w.named = append(w.named, setAttribute{a.name, values})
	w.rows.Or(s.rows)
	return values
}

// count returns how many spans each spanset has now.
func count(e *env, s *spansets) setValues {
	counts := e.int32s(s.size(e))
	if s.of == nil {
		for trace, run := range e.chunk.Traces() {
			counts[trace] = int32(s.rows.CountIn(run.Lo, run.Hi))
		}
	} else {
		clear(counts)
		for row := s.rows.Next(0); row >= 0; row = s.rows.Next(row + 1) {
			counts[s.of[row]]++
		}
	}
	return func(set int) Static { return IntStatic(int64(counts[set])) }
}

func (p *scalarPipeline) of(e *env, s *spansets, w *workings) setValues {
	inner := s.copyFor(e)
	p.pipeline.run(e, inner)
	inner.partition = s.partition
	return p.value.of(e, inner, w)
}

// sum sums up the numbers of a spanset, or keeps the least or the greatest.
type sum struct {
	n               int64
	value           Static
	float, duration bool // whether there was one
}

// add takes a value, if it is a number.
func (t *sum) add(f AggregateFunc, v Static) {
	number, ok := v.Number()
	if !ok || math.IsNaN(number) {
		return
	}
	t.float = t.float || v.Type == TypeFloat
	t.duration = t.duration || v.Type == TypeDuration
	t.n++
	switch {
	case f == Sum || f == Avg:
		if t.n == 1 {
			t.value = IntStatic(0)
		}
		t.value = arithmetic(Add, t.value, v)
	case t.n == 1 || f == Min && holds(Less, v, t.value) || f == Max && holds(Greater, v, t.value):
		t.value = v
	}
}

// result returns the value of an aggregate; TypeNil if there were no numbers.
func (t *sum) result(f AggregateFunc) Static {
	if t.n == 0 {
		return Static{}
	}
	v := t.value
	if number, _ := v.Number(); t.float || f == Avg && !t.duration {
		v = FloatStatic(number)
	} else if t.duration {
		v.Type = TypeDuration
	}
	if f == Avg {
		return arithmetic(Div, v, IntStatic(t.n))
	}
	return v
}

// scalarNeeds are predicates that each hold on some span of a trace that a scalarFilter leaves.
type scalarNeeds struct {
	values []store.Predicate   // for its aggregates to have values
	rows   [][]store.Predicate // for each of them to have spans: one of them must
}

func (p *planner) scalarFilter(f *ScalarFilter) (stage, []store.Predicate, error) {
	var n scalarNeeds
	l, err := p.scalar(f.L, nil, &n)
	if err != nil {
		return nil, nil, err
	}
	r, err := p.scalar(f.R, nil, &n)
	filter := &scalarFilter{f.Op, l, r, printed(func(b *printer) { b.stage(f) })}
	if err != nil || len(n.rows) == 0 {
		return filter, nil, err
	}
	rows := n.rows[0]
	for _, other := range n.rows[1:] {
		rows = eitherNeeds(rows, other)
	}
	return filter, slices.Concat(n.values, rows, extremeNeeds(f)), nil
}

// extremeNeeds returns what some span has to satisfy if max() is above a constant, or min() below. It knows
// intrinsics only: among attributes there may be floats, and integers that are rounded to theirs.
func extremeNeeds(f *ScalarFilter) []store.Predicate {
	op, l, r := f.Op, f.L, f.R
	if _, ok := l.(*Const); ok {
		op, l, r = mirrored(op), r, l
	}
	a, ok := l.(*Aggregate)
	c, isConst := r.(*Const)
	if !ok || !isConst || !(a.Func == Max && (op == Greater || op == GreaterEqual) || a.Func == Min && (op == Less || op == LessEqual)) {
		return nil
	}
	if of, ok := a.Arg.(*Attribute); ok && of.Scope == store.IntrinsicScope && !of.Parent {
		if pred, exact, _ := pushed(of, op, c.Value); exact {
			return []store.Predicate{pred}
		}
	}
	return nil
}

// scalar compiles a scalar of the spansets that within holds on.
func (p *planner) scalar(s Scalar, within []store.Predicate, n *scalarNeeds) (scalar, error) {
	switch s := s.(type) {
	case *Const:
		return constantScalar{s.Value}, nil
	case *ScalarOp:
		l, err := p.scalar(s.L, within, n)
		if err != nil {
			return nil, err
		}
		r, err := p.scalar(s.R, within, n)
		return scalarOp{s.Op, l, r}, err
	case *Aggregate:
		a := &aggregate{name: s.String(), f: s.Func}
		n.rows = append(n.rows, within)
		if s.Func == Count {
			return a, nil
		}
		n.values = present(s.Arg, n.values)
		arg, err := p.value(s.Arg)
		a.arg = arg
		return a, err
	case *ScalarPipeline:
		pl, needs, err := p.stages(s.Pipeline)
		if err != nil {
			return nil, err
		}
		v, err := p.scalar(s.Value, slices.Concat(within, needs), n)
		return &scalarPipeline{pl, v}, err
	}
	return nil, fmt.Errorf("scalar %T cannot be computed", s)
}
