package traceql

import (
	"cmp"
	"math"
	"slices"

	"github.com/clewhq/clew/store"
)

// naiveContrast counts spans by value and interval, for one attribute and one side of a comparison.
type naiveContrast map[Static][]float64

// total is how many spans there are in all intervals.
func (c naiveContrast) total(v Static) (n float64) {
	for _, count := range c[v] {
		n += count
	}
	return n
}

// compare answers compare(): for each attribute the most frequent values among the spans that the filter
// selects and among the others, and how many have any.
func (m *naiveMetrics) compare(q *Series) (list []*TimeSeries) {
	sides := map[string]map[string]naiveContrast{"baseline": {}, "selection": {}}
	m.matching(q.Pipeline, func(sp *naiveSpan, i int) {
		side := sides["baseline"]
		if naiveSelects(q.Compare, sp) {
			side = sides["selection"]
		}
		for _, a := range naiveCompared(sp) {
			v := sp.view().eval(a)
			if v.Type == TypeNil {
				continue
			}
			if side[a.String()] == nil {
				side[a.String()] = naiveContrast{}
			}
			if side[a.String()][v] == nil {
				side[a.String()][v] = make([]float64, len(m.times))
			}
			side[a.String()][v][i] += m.weight(sp)
		}
	})
	tooMany := map[string]bool{}
	for name, side := range sides {
		for attribute, contrast := range side {
			list = append(list, naiveTop(name, attribute, contrast, q.Compare.TopN, len(m.times))...)
			tooMany[attribute] = tooMany[attribute] || len(contrast) > q.Compare.TopN
		}
	}
	for attribute, many := range tooMany {
		if many {
			labels := []Label{{"__meta_error", StringStatic("__too_many_values__")}, {attribute, Static{}}}
			list = append(list, &TimeSeries{Labels: labels, Values: slices.Repeat([]float64{math.NaN()}, len(m.times))})
		}
	}
	return list
}

// naiveTop returns the series of the n most frequent values of an attribute, and of all together.
func naiveTop(side, attribute string, contrast naiveContrast, n, points int) (list []*TimeSeries) {
	var values []Static
	any := make([]float64, points)
	for v, counts := range contrast {
		values = append(values, v)
		for i, count := range counts {
			any[i] += count
		}
	}
	slices.SortFunc(values, func(a, b Static) int {
		return cmp.Or(cmp.Compare(contrast.total(b), contrast.total(a)), naiveCompareLabels(Label{"", a}, Label{"", b}))
	})
	add := func(kind string, v Static, counts []float64) {
		list = append(list, &TimeSeries{Labels: []Label{{"__meta_type", StringStatic(kind)}, {attribute, v}}, Values: counts})
	}
	add(side+"_total", Static{}, any)
	for _, v := range values[:min(n, len(values))] {
		add(side, v, contrast[v])
	}
	return list
}

func naiveSelects(c *Compare, sp *naiveSpan) bool {
	in := c.End == 0 || c.Start <= sp.Start && sp.Start < c.End
	return in && (c.Filter.Body == nil || sp.view().holds(c.Filter.Body))
}

// naiveCompared returns what is compared of a span, each once.
func naiveCompared(sp *naiveSpan) (list []*Attribute) {
	add := func(a *Attribute) {
		if !slices.ContainsFunc(list, func(have *Attribute) bool { return *have == *a }) {
			list = append(list, a)
		}
	}
	add(&Attribute{Scope: store.ResourceScope, Name: "service.name"})
	for _, i := range []Intrinsic{SpanName, SpanKind, SpanStatus, SpanStatusMessage, TraceRootName, TraceRootService, EventName, ScopeName, ScopeVersion} {
		add(&Attribute{Scope: store.IntrinsicScope, Intrinsic: i})
	}
	for _, kv := range sp.Attrs {
		add(&Attribute{Scope: store.SpanScope, Name: kv.Key})
	}
	for _, kv := range sp.Resource.Attrs {
		add(&Attribute{Scope: store.ResourceScope, Name: kv.Key})
	}
	for _, kv := range sp.Span.Scope.Attrs {
		add(&Attribute{Scope: store.InstrumentationScope, Name: kv.Key})
	}
	for _, e := range sp.Events {
		for _, kv := range e.Attrs {
			add(&Attribute{Scope: store.EventScope, Name: kv.Key})
		}
	}
	for _, l := range sp.Links {
		for _, kv := range l.Attrs {
			add(&Attribute{Scope: store.LinkScope, Name: kv.Key})
		}
	}
	return list
}
