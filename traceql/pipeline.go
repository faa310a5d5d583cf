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
	n  int     // of spansets, if they go by number
}

// size returns how many numbers there are.
func (g *partition) size(e *env) int {
	if g.of == nil {
		return len(e.chunk.Traces())
	}
	return g.n
}

// setAttribute is an attribute of spansets. It can be asked for until the env turns to the next chunk.
type setAttribute struct {
	name string
	of   setValues
}

// setValues returns a value of a spanset by its number.
type setValues func(set int) Static

// rows returns the rows that are in some spanset which the pipeline leaves, of all traces of the chunk.
// The caller may change the bitmap.
func (p *pipeline) rows(e *env) (store.Bitmap, error) {
	return p.spansets(e, e.copyOf(e.chunk.Live())).rows, e.err()
}

// spansets returns what the pipeline leaves of the given rows, which it may change.
func (p *pipeline) spansets(e *env, rows store.Bitmap) *spansets {
	s := &spansets{rows: rows}
	p.run(e, s)
	return s
}

func (p *pipeline) run(e *env, s *spansets) {
	whole := s.partition
	for _, stage := range p.stages {
		if !s.rows.Any() || e.ended() {
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
	has := e.int32s(s.size(e))
	clear(has)
	for row := l.Next(0); row >= 0; row = s.after(e, l, row) {
		has[s.number(e, row)] |= 1
	}
	for row := r.Next(0); row >= 0; row = s.after(e, r, row) {
		has[s.number(e, row)] |= 2
	}
	copy(s.rows, l)
	s.rows.Or(r)
	s.keep(e, func(set int) bool { return has[set] == 3 })
}

// after returns the next row of a set; where spansets are traces, the first in another one.
func (g *partition) after(e *env, rows store.Bitmap, row int) int {
	if g.of == nil {
		row = e.chunk.Traces()[e.structure.trace(row)].Hi - 1
	}
	return rows.Next(row + 1)
}

// keep takes away the spansets of which good is not true. It is asked once about each.
func (s *spansets) keep(e *env, good func(set int) bool) {
	if s.of == nil {
		for row := s.rows.Next(0); row >= 0; row = s.after(e, s.rows, row) {
			trace := e.structure.trace(row)
			if run := e.chunk.Traces()[trace]; !good(trace) {
				s.rows.ClearRange(run.Lo, run.Hi)
			}
		}
		return
	}
	const yes, no = 1, 2
	verdicts := e.int32s(s.n)
	clear(verdicts)
	for row := s.rows.Next(0); row >= 0; row = s.rows.Next(row + 1) {
		verdict := &verdicts[s.of[row]]
		if *verdict == 0 {
			*verdict = no
			if good(int(s.of[row])) {
				*verdict = yes
			}
		}
		if *verdict == no {
			s.rows.Clear(row)
		}
	}
}

// by is a compiled Group.
type by struct {
	name  string
	key   value
	place int // of its numbering in the env
}

// maxKeyBytes is how many bytes of the keys of by() are kept from chunk to chunk.
const maxKeyBytes = 1 << 20

func (b *by) run(e *env, s *spansets) {
	rows := e.list(s.rows)
	if s.of != nil { // then the parts of a spanset get numbers in a row
		slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(s.of[a], s.of[b]) })
	}
	keys := e.keys[b.place]
	if keys == nil || keys.bytes() > maxKeyBytes {
		keys = newNumbering(0)
		e.keys[b.place] = keys
	}
	numbers := make([]uint32, len(rows))
	b.number(e, keys, rows, numbers)
	of := e.int32s(e.chunk.Len())
	var parts []part                          // by number
	latest := make([]int32, len(keys.values)) // by number of a key: 1 + its latest part
	for i, row := range rows {
		p := part{s.number(e, int(row)), numbers[i]}
		n := &latest[p.key]
		if *n == 0 || parts[*n-1].of != p.of {
			parts = append(parts, p)
			*n = int32(len(parts))
		}
		of[row] = *n - 1
	}
	for i, attr := range s.attrs {
		s.attrs[i].of = func(set int) Static { return attr.of(parts[set].of) }
	}
	s.set(setAttribute{b.name, func(set int) Static { return keys.values[parts[set].key] }})
	s.partition = partition{of, len(parts)}
}

// number sets numbers to those of the keys of rows.
func (b *by) number(e *env, keys *numbering, rows []int32, numbers []uint32) {
	if slot, ok := b.key.(slotOf); ok {
		keys.each(e.slot(int(slot)), rows, numbers)
		return
	}
	for i, row := range rows {
		numbers[i] = keys.number(b.key.at(e, int(row)))
	}
}

// part is a part of a spanset, with the number of its key.
type part struct {
	of  int
	key uint32
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
		p.groups++
		return &by{s.String(), key, p.groups - 1}, nil, err
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
