package traceql

import "slices"

// naiveSet is a spanset: spans in the order of the trace.
type naiveSet struct {
	trace *naiveTrace
	spans []*naiveSpan
	attrs []NamedValue
}

func (t *naiveTrace) all() naiveSet { return naiveSet{trace: t, spans: t.spans} }

// with returns a set of other spans with the same attributes; none if there are no spans.
func (s naiveSet) with(keep func(*naiveSpan) bool) []naiveSet {
	var spans []*naiveSpan
	for _, sp := range s.trace.spans {
		if keep(sp) {
			spans = append(spans, sp)
		}
	}
	if len(spans) == 0 {
		return nil
	}
	return []naiveSet{{s.trace, spans, slices.Clone(s.attrs)}}
}

func (s naiveSet) has(sp *naiveSpan) bool { return slices.Contains(s.spans, sp) }

// naiveSetsHave reports whether a span is in one of the sets.
func naiveSetsHave(sets []naiveSet, sp *naiveSpan) bool {
	return slices.ContainsFunc(sets, func(s naiveSet) bool { return s.has(sp) })
}

// name sets an attribute of the spanset.
func (s *naiveSet) name(name string, value Static) {
	s.attrs = slices.DeleteFunc(slices.Clone(s.attrs), func(a NamedValue) bool { return a.Name == name })
	s.attrs = append(s.attrs, NamedValue{name, value})
}

// naiveRun takes a spanset through the stages.
func naiveRun(p *Pipeline, in naiveSet) []naiveSet {
	sets := []naiveSet{in}
	for _, stage := range p.Stages {
		if _, ok := stage.(*Coalesce); ok {
			sets = naiveSet{trace: in.trace}.with(func(sp *naiveSpan) bool { return naiveSetsHave(sets, sp) })
			continue
		}
		var next []naiveSet
		for _, s := range sets {
			next = append(next, naiveRunStage(stage, s)...)
		}
		sets = next
	}
	return sets
}

func naiveRunStage(stage Stage, in naiveSet) []naiveSet {
	switch stage := stage.(type) {
	case *Filter:
		return in.with(func(sp *naiveSpan) bool {
			return in.has(sp) && (stage.Body == nil || sp.view().holds(stage.Body))
		})
	case *SpansetOp:
		return naiveRunSpansetOp(stage, in)
	case *Pipeline:
		return naiveRun(stage, in)
	case *ScalarFilter:
		return naiveRunScalarFilter(stage, in)
	case *Group:
		return naiveRunGroup(stage, in)
	case *Select:
		return []naiveSet{in}
	}
	panic("BUG: a stage of a form that there is not")
}

func naiveRunSpansetOp(op *SpansetOp, in naiveSet) []naiveSet {
	left, right := naiveRunStage(op.L, in), naiveRunStage(op.R, in)
	switch {
	case op.Op.Rel == SpansetAnd && (len(left) == 0 || len(right) == 0):
		return nil
	case op.Op.Rel == SpansetAnd || op.Op.Rel == SpansetOr:
		return in.with(func(sp *naiveSpan) bool { return naiveSetsHave(left, sp) || naiveSetsHave(right, sp) })
	}
	related := func(l, r *naiveSpan) bool { return naiveRelated(op.Op.Rel, l, r) }
	return in.with(func(sp *naiveSpan) bool {
		toLeft, toRight := false, false
		for _, l := range in.trace.spans {
			toLeft = toLeft || naiveSetsHave(left, l) && related(l, sp)
			toRight = toRight || naiveSetsHave(right, l) && related(sp, l)
		}
		return naiveSetsHave(right, sp) && toLeft != op.Op.Not || op.Op.Union && naiveSetsHave(left, sp) && toRight
	})
}

// naiveRelated reports whether r is to l what the relation says.
func naiveRelated(rel Relation, l, r *naiveSpan) bool {
	switch rel {
	case Child:
		return r.parent == l
	case Parent:
		return l.parent == r
	case Descendant:
		return r.hasAncestor(l)
	case Ancestor:
		return l.hasAncestor(r)
	}
	return l.isSibling(r)
}

func naiveRunGroup(g *Group, in naiveSet) []naiveSet {
	var keys []Static
	for _, sp := range in.spans {
		if key := sp.view().eval(g.Key); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	var sets []naiveSet
	for _, key := range keys {
		set := in.with(func(sp *naiveSpan) bool { return in.has(sp) && sp.view().eval(g.Key) == key })[0]
		set.name(g.String(), key)
		sets = append(sets, set)
	}
	return sets
}

func naiveRunScalarFilter(f *ScalarFilter, in naiveSet) []naiveSet {
	about := map[*naiveSpan]bool{} // the spans that the aggregates are of
	out := in
	l, r := out.scalar(f.L, in.spans, about), out.scalar(f.R, in.spans, about)
	if !naiveHolds(f.Op, l, r) {
		return nil
	}
	return out.with(func(sp *naiveSpan) bool { return about[sp] })
}

// scalar returns the value that s has for some spans, and notes those of its aggregates.
func (in *naiveSet) scalar(s Scalar, spans []*naiveSpan, about map[*naiveSpan]bool) Static {
	switch s := s.(type) {
	case *Const:
		return s.Value
	case *ScalarOp:
		l, r := in.scalar(s.L, spans, about), in.scalar(s.R, spans, about)
		return naiveArithmetic(s.Op, l, r)
	case *ScalarPipeline:
		sets := naiveRun(s.Pipeline, naiveSet{trace: in.trace, spans: spans})
		left := slices.DeleteFunc(slices.Clone(in.trace.spans), func(sp *naiveSpan) bool { return !naiveSetsHave(sets, sp) })
		return in.scalar(s.Value, left, about)
	case *Aggregate:
		for _, sp := range spans {
			about[sp] = true
		}
		value := naiveAggregate(s, spans)
		if value.Type != TypeNil {
			in.name(s.String(), value)
		}
		return value
	}
	panic("BUG: a scalar of a form that there is not")
}

func naiveAggregate(a *Aggregate, spans []*naiveSpan) Static {
	if a.Func == Count {
		return IntStatic(int64(len(spans)))
	}
	var values []Static
	duration, float := false, false
	for _, sp := range spans {
		if v := sp.view().eval(a.Arg); naiveIsNumber(v) {
			values = append(values, v)
			duration, float = duration || v.Type == TypeDuration, float || v.Type == TypeFloat
		}
	}
	if len(values) == 0 {
		return Static{}
	}
	byNumber := func(x, y Static) int { return naiveExactNumber(x).Cmp(naiveExactNumber(y)) }
	value := IntStatic(0)
	switch a.Func {
	case Min:
		value = slices.MinFunc(values, byNumber)
	case Max:
		value = slices.MaxFunc(values, byNumber)
	default:
		for _, v := range values {
			value = naiveArithmetic(Add, value, v)
		}
	}
	switch {
	case float || a.Func == Avg && !duration:
		value = FloatStatic(naiveAsFloat(value))
	case duration:
		value.Type = TypeDuration
	}
	if a.Func == Avg {
		return naiveArithmetic(Div, value, IntStatic(int64(len(values))))
	}
	return value
}
