package traceql

import (
	"cmp"
	"slices"
	"strings"
)

// search answers a search. It knows no cursors: Next only says that there is more.
func (n *naive) search(q *Query, opts SearchOptions) *SearchResult {
	result := &SearchResult{}
	fields := naiveMentioned(q)
	for _, t := range n.traces {
		trace := t.facts()
		for _, set := range naiveRun(q.Search, t.all()) {
			for _, in := range set.with(func(sp *naiveSpan) bool { return set.has(sp) && opts.Range.Contains(sp.Start) }) {
				answer := SpanSet{Matched: len(in.spans), Attributes: in.attrs}
				for _, sp := range in.spans {
					found := sp.found(fields)
					result.Spans = append(result.Spans, FoundSpan{t.id, found})
					answer.Spans = append(answer.Spans, found)
				}
				trace.SpanSets = append(trace.SpanSets, answer)
			}
		}
		if len(trace.SpanSets) > 0 {
			result.Traces = append(result.Traces, trace)
		}
	}
	if opts.Slowest {
		slices.SortStableFunc(result.Traces, func(a, b *Trace) int { return cmp.Compare(int64(b.End-b.Start), int64(a.End-a.Start)) })
	}
	slices.SortStableFunc(result.Spans, func(a, b FoundSpan) int {
		return -cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.TraceID.String(), b.TraceID.String()), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	if opts.Spans {
		result.Traces = nil
	} else {
		result.Spans = nil
	}
	naiveLimit(result, opts)
	return result
}

// naiveLimit leaves out what is not wanted. There are no defaults: 0 means no limit.
func naiveLimit(r *SearchResult, opts SearchOptions) {
	if n := opts.Limit; n > 0 && len(r.Traces)+len(r.Spans) > n {
		r.Traces, r.Spans = r.Traces[:min(n, len(r.Traces))], r.Spans[:min(n, len(r.Spans))]
		if !opts.Slowest {
			r.Next = "more"
		}
	}
	for _, t := range r.Traces {
		for i, set := range t.SpanSets {
			if n := opts.SpansPerSet; n > 0 {
				t.SpanSets[i].Spans = set.Spans[:min(n, len(set.Spans))]
			}
		}
	}
}

// facts returns what an answer says of a trace, without spansets.
func (t *naiveTrace) facts() *Trace {
	answer := &Trace{ID: t.id, Start: t.start(), End: t.end(), Spans: len(t.spans)}
	root := t.root()
	answer.HasRoot = root != nil
	services := map[string]ServiceStats{}
	for _, s := range t.spans {
		if s.lost {
			answer.Orphans++
		}
		if root == nil && s.parent == nil {
			root = s
		}
		stats := services[s.service()]
		stats.Name = s.service()
		stats.Spans++
		if s.Status == 2 {
			stats.Errors++
		}
		services[stats.Name] = stats
	}
	answer.RootName, answer.RootService = root.Name, root.service()
	for _, stats := range services {
		answer.Services = append(answer.Services, stats)
	}
	slices.SortFunc(answer.Services, func(a, b ServiceStats) int { return strings.Compare(a.Name, b.Name) })
	return answer
}

func (s *naiveSpan) found(fields []*Attribute) Span {
	answer := Span{ID: s.SpanID, Start: s.Start, Duration: int64(s.End - s.Start), Name: s.Name, Service: s.service()}
	for _, f := range fields {
		if v := s.view().values(f); len(v) > 0 {
			answer.Attributes = append(answer.Attributes, NamedValue{f.String(), v[0]})
		}
	}
	return answer
}

// naiveMentioned returns the fields that filters and select() mention, each once, in their order.
func naiveMentioned(q *Query) (fields []*Attribute) {
	add := func(a *Attribute) {
		if !slices.ContainsFunc(fields, func(f *Attribute) bool { return f.String() == a.String() }) {
			fields = append(fields, a)
		}
	}
	var inStage func(Stage)
	var inScalar func(Scalar)
	inStages := func(p *Pipeline) {
		for _, s := range p.Stages {
			inStage(s)
		}
	}
	inScalar = func(s Scalar) {
		switch s := s.(type) {
		case *ScalarOp:
			inScalar(s.L)
			inScalar(s.R)
		case *ScalarPipeline:
			inStages(s.Pipeline)
		}
	}
	inStage = func(s Stage) {
		switch s := s.(type) {
		case *Filter:
			naiveInExpr(s.Body, add)
		case *Select:
			for _, a := range s.Fields {
				add(a)
			}
		case *SpansetOp:
			inStage(s.L)
			inStage(s.R)
		case *Pipeline:
			inStages(s)
		case *ScalarFilter:
			inScalar(s.L)
			inScalar(s.R)
		}
	}
	inStages(q.Search)
	return fields
}

func naiveInExpr(e Expr, add func(*Attribute)) {
	switch e := e.(type) {
	case *Attribute:
		add(e)
	case *Unary:
		naiveInExpr(e.X, add)
	case *Binary:
		naiveInExpr(e.L, add)
		naiveInExpr(e.R, add)
	}
}
