package traceql

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// metricsMath works out a metrics query, given the series of its leaves.
type metricsMath struct {
	leaves map[*Series][]*TimeSeries
	points int
	memory *seriesMemory
}

// series returns the series of a part of the query. A number is a series whose name it is.
func (m *metricsMath) series(q Metrics) ([]*TimeSeries, error) {
	switch q := q.(type) {
	case *Series:
		return m.leaves[q], nil
	case *MetricsStage:
		list, err := m.series(q.Of)
		sortTimeSeries(list)
		return q.apply(list), err
	case *MetricsOp:
		l, err := m.series(q.L)
		if err != nil {
			return nil, err
		}
		r, err := m.series(q.R)
		if err != nil {
			return nil, err
		}
		return m.arithmetic(q.Op, l, r)
	case *Const:
		f, _ := q.Value.Number()
		name := Label{Name: metricName, Value: StringStatic(strconv.FormatFloat(f, 'g', -1, 64))}
		return []*TimeSeries{{Labels: []Label{name}, Values: slices.Repeat([]float64{f}, m.points)}}, nil
	}
	panic(fmt.Sprintf("BUG: metrics query of type %T", q))
}

// apply applies a second stage to sorted series, which it changes.
func (q *MetricsStage) apply(list []*TimeSeries) []*TimeSeries {
	if q.Kind != FilterStage {
		keepExtremes(list, q.N, q.Kind == TopK)
		return withValues(list)
	}
	bound := FloatStatic(inSeconds(q.Value))
	for _, s := range list {
		for i, v := range s.Values {
			if !holds(q.Op, FloatStatic(v), bound) {
				s.Values[i] = math.NaN()
			}
		}
		s.Exemplars = slices.DeleteFunc(s.Exemplars, func(e Exemplar) bool { return !holds(q.Op, FloatStatic(e.Value), bound) })
	}
	return withValues(list)
}

// inSeconds returns a number, a duration in seconds.
func inSeconds(v Static) float64 {
	f, _ := v.Number()
	if v.Type == TypeDuration {
		f /= 1e9
	}
	return f
}

// withValues returns the series that have a value.
func withValues(list []*TimeSeries) []*TimeSeries {
	isValue := func(v float64) bool { return !math.IsNaN(v) }
	return slices.DeleteFunc(list, func(s *TimeSeries) bool { return !slices.ContainsFunc(s.Values, isValue) })
}

// keepExtremes keeps at each time the n largest or smallest values; of equal ones those of the first series.
func keepExtremes(list []*TimeSeries, n int, largest bool) {
	if len(list) <= n {
		return
	}
	ranked := make([]*TimeSeries, 0, len(list))
	for i := range list[0].Values {
		ranked = ranked[:0]
		for _, s := range list {
			if !math.IsNaN(s.Values[i]) {
				ranked = append(ranked, s)
			}
		}
		if len(ranked) <= n {
			continue
		}
		slices.SortStableFunc(ranked, func(a, b *TimeSeries) int {
			order := cmp.Compare(a.Values[i], b.Values[i])
			if largest {
				return -order
			}
			return order
		})
		for _, s := range ranked[n:] {
			s.Values[i] = math.NaN()
		}
	}
}

// arithmetic pairs the series of two sides that have the same labels, whatever their names; if one
// side is a single series without labels, it with every series of the other.
func (m *metricsMath) arithmetic(op Op, l, r []*TimeSeries) ([]*TimeSeries, error) {
	var pairs [][2]*TimeSeries
	switch {
	case unlabelled(r):
		for _, s := range l {
			pairs = append(pairs, [2]*TimeSeries{s, r[0]})
		}
	case unlabelled(l):
		for _, s := range r {
			pairs = append(pairs, [2]*TimeSeries{l[0], s})
		}
	default:
		byLabels := map[string]*TimeSeries{}
		for _, s := range r {
			byLabels[labelSet(s)] = s
		}
		for _, s := range l {
			if other := byLabels[labelSet(s)]; other != nil {
				pairs = append(pairs, [2]*TimeSeries{s, other})
			}
		}
	}
	if err := m.memory.take(seriesBytes(m.points) * int64(len(pairs))); err != nil {
		return nil, err
	}
	list := make([]*TimeSeries, len(pairs))
	for i, p := range pairs {
		list[i] = combineSeries(op, p[0], p[1])
	}
	return withValues(list), nil
}

// unlabelled reports whether a list is one series without labels but its name.
func unlabelled(list []*TimeSeries) bool { return len(list) == 1 && labelSet(list[0]) == "" }

// labelSet returns the labels of a series as a key: all but the name, in the order of their names.
func labelSet(s *TimeSeries) string {
	sorted := slices.SortedFunc(slices.Values(s.Labels), compareLabels)
	var b strings.Builder
	for _, l := range sorted {
		if l.Name != metricName {
			fmt.Fprintf(&b, "%q %d %d %q ", l.Name, l.Value.Type, l.Value.Num, l.Value.Str)
		}
	}
	return b.String()
}

// combineSeries does arithmetic of two series with the same labels, or one of which has none.
func combineSeries(op Op, l, r *TimeSeries) *TimeSeries {
	s := &TimeSeries{Values: make([]float64, len(l.Values))}
	for i, x := range l.Values {
		y := r.Values[i]
		s.Values[i] = floatOp(op, x, y)
		if op == Div && y == 0 {
			s.Values[i] = math.NaN()
		}
	}
	nameL, labelsL := splitName(l.Labels)
	nameR, labelsR := splitName(r.Labels)
	if nameL != "" && nameR != "" {
		s.Labels = []Label{{Name: metricName, Value: StringStatic(fmt.Sprintf("(%s %s %s)", nameL, opTexts[op], nameR))}}
	}
	switch {
	case len(labelsL) == len(labelsR):
		s.Labels = append(s.Labels, labelsL...)
		s.Exemplars = slices.Concat(l.Exemplars, r.Exemplars)
	case len(labelsL) > 0:
		s.Labels, s.Exemplars = append(s.Labels, labelsL...), l.Exemplars
	default:
		s.Labels, s.Exemplars = append(s.Labels, labelsR...), r.Exemplars
	}
	return s
}

// splitName returns the name that labels have, "" if there is none, and the others.
func splitName(labels []Label) (name string, others []Label) {
	for _, l := range labels {
		if l.Name == metricName {
			name = l.Value.Str
		} else {
			others = append(others, l)
		}
	}
	return name, others
}
