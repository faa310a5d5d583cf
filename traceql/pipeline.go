package traceql

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/clewhq/clew/store"
)

// pipeline is a compiled Pipeline.
type pipeline struct{ stages []stage }

// stage is a compiled Stage.
type stage interface {
	// run changes the spansets of a chunk into those that the stage leaves of them.
	run(e *env, s *spansets)
	explainer
}

// spansets are the spansets of all traces of a chunk. No row is in two of them. One without rows is none.
type spansets struct {
	rows store.Bitmap // that are in a spanset
	partition
	attrs []setAttribute
}

// partition says which rows are in one spanset: those of one trace, or by number.
type partition struct {
	of []int32 // by row: its spanset; nil: that of its trace
	n  int     // of spansets
}

// setAttribute is an attribute of spansets. Those for which it was not made have TypeNil.
type setAttribute struct {
	name   string
	values []Static // by number of the spanset
}

// rows returns the rows that are in some spanset which the pipeline leaves, of all traces of the chunk.
// The caller may change the bitmap.
func (p *pipeline) rows(e *env) (store.Bitmap, error) {
	return p.spansets(e, e.copyOf(e.chunk.Live())).rows, e.chunk.Err()
}

// spansets returns what the pipeline leaves of the given rows, which it may change.
func (p *pipeline) spansets(e *env, rows store.Bitmap) *spansets {
	s := &spansets{rows: rows, partition: partition{n: len(e.chunk.Traces())}}
	p.run(e, s)
	return s
}

func (p *pipeline) run(e *env, s *spansets) {
	whole := s.partition
	for _, stage := range p.stages {
		if !s.rows.Any() {
			return
		}
		if _, ok := stage.(coalesce); ok {
			s.partition, s.attrs = whole, nil
		} else {
			stage.run(e, s)
		}
	}
}

// number returns the number of the spanset of a row.
func (g *partition) number(e *env, row int) int {
	if g.of == nil {
		return e.structure.trace(row)
	}
	return int(g.of[row])
}

// copyFor lends a copy for an operand.
func (s *spansets) copyFor(e *env) *spansets {
	return &spansets{rows: e.copyOf(s.rows), partition: s.partition}
}

func (f *filter) run(e *env, s *spansets) { f.node.narrow(e, s.rows) }

// coalesce puts together what by() took apart; pipeline.run does it.
type coalesce struct{}

func (coalesce) run(*env, *spansets) {}

// spansetOp is a compiled SpansetOp.
type spansetOp struct {
	op   SpansetOperator
	l, r stage
}

func (o *spansetOp) run(e *env, s *spansets) {
	defer e.release(e.mark())
	l, r := s.copyFor(e), s.copyFor(e)
	o.r.run(e, r)
	needsBoth := o.op.Rel != SpansetOr && !o.op.Not
	if needsBoth && !r.rows.Any() {
		clear(s.rows)
		return
	}
	o.l.run(e, l)
	if needsBoth && !l.rows.Any() {
		clear(s.rows)
		return
	}
	switch o.op.Rel {
	case SpansetAnd:
		both(e, s, l.rows, r.rows)
	case SpansetOr:
		copy(s.rows, l.rows)
		s.rows.Or(r.rows)
	default:
		o.relate(e, s, l.rows, r.rows)
	}
}

// both leaves the rows of l and r in the spansets that have some of each.
func both(e *env, s *spansets, l, r store.Bitmap) {
	has := e.int32s(s.n)
	clear(has)
	for row := l.Next(0); row >= 0; row = l.Next(row + 1) {
		has[s.number(e, row)] |= 1
	}
	for row := r.Next(0); row >= 0; row = r.Next(row + 1) {
		has[s.number(e, row)] |= 2
	}
	copy(s.rows, l)
	s.rows.Or(r)
	for row := s.rows.Next(0); row >= 0; row = s.rows.Next(row + 1) {
		if has[s.number(e, row)] != 3 {
			s.rows.Clear(row)
		}
	}
}

// by is a compiled Group.
type by struct {
	name string
	key  value
}

// groupKey is a value in a spanset.
type groupKey struct {
	set   int32
	value Static
}

func (b *by) run(e *env, s *spansets) {
	if e.groups == nil {
		e.groups = map[groupKey]int32{}
	}
	clear(e.groups)
	of := e.int32s(e.chunk.Len())
	var keys []groupKey // by number
	for row := s.rows.Next(0); row >= 0; row = s.rows.Next(row + 1) {
		k := groupKey{int32(s.number(e, row)), b.key.at(e, row)}
		n, ok := e.groups[k]
		if !ok {
			n = int32(len(keys))
			e.groups[k] = n
			keys = append(keys, k)
		}
		of[row] = n
	}
	if s.of != nil {
		order(keys, of, s.rows)
	}
	for i, attr := range s.attrs {
		values := make([]Static, len(keys))
		for n, k := range keys {
			values[n] = attr.values[k.set]
		}
		s.attrs[i].values = values
	}
	values := make([]Static, len(keys))
	for n, k := range keys {
		values[n] = k.value
	}
	s.set(setAttribute{b.name, values})
	s.partition = partition{of, len(keys)}
}

// order numbers spansets anew: the parts of one in a row.
func order(keys []groupKey, of []int32, rows store.Bitmap) {
	places := make([]int32, len(keys))
	for n := range places {
		places[n] = int32(n)
	}
	slices.SortStableFunc(places, func(a, b int32) int { return cmp.Compare(keys[a].set, keys[b].set) })
	numbers, old := make([]int32, len(keys)), slices.Clone(keys)
	for n, place := range places {
		numbers[place] = int32(n)
		keys[n] = old[place]
	}
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		of[row] = numbers[of[row]]
	}
}

// set adds an attribute in place of one of that name.
func (s *spansets) set(attr setAttribute) {
	kept := s.attrs[:0]
	for _, have := range s.attrs {
		if have.name != attr.name {
			kept = append(kept, have)
		}
	}
	s.attrs = append(kept, attr)
}

// stages compiles a pipeline, and returns predicates that each hold on some span of each trace that it leaves something of.
func (p *planner) stages(q *Pipeline) (*pipeline, []store.Predicate, error) {
	pl := &pipeline{}
	var needs []store.Predicate
	for _, stage := range q.Stages {
		compiled, more, err := p.stage(stage)
		if err != nil {
			return nil, nil, err
		}
		if compiled != nil {
			pl.stages = append(pl.stages, compiled)
		}
		needs = append(needs, more...)
	}
	return pl, needs, nil
}

// stage compiles a stage; nil stands for one that does nothing.
func (p *planner) stage(s Stage) (stage, []store.Predicate, error) {
	switch s := s.(type) {
	case *Filter:
		c, err := p.filterCondition(s)
		return &filter{p.node(c)}, c.allNeeds(), err
	case *SpansetOp:
		return p.spansetOp(s)
	case *Pipeline:
		return p.stages(s)
	case *ScalarFilter:
		p.traces = true
		return p.scalarFilter(s)
	case *Group:
		key, err := p.value(s.Key)
		return &by{name: s.String(), key: key}, nil, err
	case *Coalesce:
		return coalesce{}, nil, nil
	case *Select:
		return nil, nil, nil
	}
	return nil, nil, fmt.Errorf("stage %T cannot be run", s)
}

func (p *planner) spansetOp(o *SpansetOp) (stage, []store.Predicate, error) {
	l, left, err := p.stage(o.L)
	if err != nil {
		return nil, nil, err
	}
	r, right, err := p.stage(o.R)
	if err != nil {
		return nil, nil, err
	}
	op := &spansetOp{op: o.Op, l: l, r: r}
	switch {
	case o.Op.Rel == SpansetOr:
		return op, eitherNeeds(left, right), nil
	case o.Op.Rel == SpansetAnd:
		p.traces = true
	case o.Op.Rel == Sibling:
		p.field(store.Of(store.ParentID))
		fallthrough
	default:
		p.structural()
	}
	if o.Op.Not {
		return op, right, nil
	}
	return op, append(left, right...), nil
}
