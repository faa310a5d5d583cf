package traceql

import (
	"cmp"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// naiveMetrics answers one metrics query.
type naiveMetrics struct {
	*naive
	opts        SeriesOptions
	extrapolate bool
	times       []uint64 // ends of the intervals, unix nanoseconds
	seconds     float64  // how long an interval is
}

// series answers a metrics query, without exemplars.
func (n *naive) series(q *Query, opts SeriesOptions) *SeriesResult {
	m := naiveMetrics{naive: n, opts: opts, times: []uint64{opts.End}, seconds: float64(opts.End-opts.Start) / 1e9}
	if !opts.Instant {
		m.seconds = float64(opts.Step) / 1e9
		m.times = nil
		for t := opts.Start / opts.Step * opts.Step; ; t += opts.Step {
			m.times = append(m.times, t)
			if t >= opts.End {
				break
			}
		}
	}
	for _, h := range q.Hints {
		m.extrapolate = m.extrapolate || h.Name == "extrapolate" && h.Value == BoolStatic(true)
	}
	list := m.metrics(q.Metrics)
	naiveSortSeries(list)
	result := &SeriesResult{Series: list, Step: opts.Step}
	for _, t := range m.times {
		result.Times = append(result.Times, int64(t/1e6))
	}
	return result
}

// interval returns the place of a time in m.times, -1 if it has none.
func (m *naiveMetrics) interval(at uint64) int {
	if m.opts.Instant {
		if m.opts.Start <= at && at <= m.opts.End {
			return 0
		}
		return -1
	}
	if at < m.times[0] {
		return -1
	}
	return slices.IndexFunc(m.times, func(end uint64) bool { return at <= end })
}

func (m *naiveMetrics) metrics(q Metrics) []*TimeSeries {
	switch q := q.(type) {
	case *Series:
		if q.Func == CompareFunc {
			return m.compare(q)
		}
		return m.measure(q)
	case *MetricsOp:
		return m.op(q)
	case *MetricsStage:
		return m.stage(q, m.metrics(q.Of))
	case *Const:
		value := naiveAsFloat(q.Value)
		name := Label{"__name__", StringStatic(pointText(value))}
		return []*TimeSeries{{Labels: []Label{name}, Values: slices.Repeat([]float64{value}, len(m.times))}}
	}
	panic("BUG: a metrics query of a form that there is not")
}

// naiveSample is a span's part in a series.
type naiveSample struct {
	value  float64
	exact  *big.Float // value, without rounding; nil for infinity
	weight float64
}

// matching calls yield with each span that the pipeline leaves in an interval.
func (m *naiveMetrics) matching(p *Pipeline, yield func(sp *naiveSpan, interval int)) {
	for _, t := range m.traces {
		sets := naiveRun(p, t.all())
		for _, sp := range t.spans {
			if i := m.interval(sp.Start); i >= 0 && naiveSetsHave(sets, sp) {
				yield(sp, i)
			}
		}
	}
}

// group is the spans of one combination of by() values.
type naiveGroup struct {
	labels  []Label
	samples [][]naiveSample // by interval
}

func (m *naiveMetrics) measure(q *Series) []*TimeSeries {
	groups := map[string]*naiveGroup{}
	m.matching(q.Pipeline, func(sp *naiveSpan, i int) {
		s := naiveSample{weight: m.weight(sp)}
		if q.Attr != nil {
			v := sp.view().eval(q.Attr)
			if !naiveIsNumber(v) {
				return
			}
			if s.value = naiveAsFloat(v); !math.IsInf(s.value, 0) {
				s.exact = naiveExactNumber(v)
			}
		}
		labels := naiveLabelsOf(q, sp)
		key := labelsText(labels)
		if groups[key] == nil {
			groups[key] = &naiveGroup{labels, make([][]naiveSample, len(m.times))}
		}
		groups[key].samples[i] = append(groups[key].samples[i], s)
	})
	if counts := q.Func == Rate || q.Func == CountOverTime; counts && len(q.By) == 0 && len(groups) == 0 {
		groups[""] = &naiveGroup{nil, make([][]naiveSample, len(m.times))} // 0 is an answer
	}
	var list []*TimeSeries
	for _, g := range groups {
		list = append(list, m.seriesOf(q, g)...)
	}
	naiveSortSeries(list)
	return list
}

// weight is how many spans a span stands for.
func (m *naiveMetrics) weight(sp *naiveSpan) float64 {
	if !m.extrapolate {
		return 1
	}
	return naiveWeight(sp.TraceState)
}

func naiveLabelsOf(q *Series, sp *naiveSpan) (labels []Label) {
	for _, a := range q.By {
		l := Label{a.String(), sp.view().eval(a)}
		if l.Value.Type != TypeNil && !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	if len(labels) == 0 && len(q.By) > 0 {
		labels = append(labels, Label{q.By[0].String(), Static{}})
	}
	return labels
}

var naiveNames = map[SeriesFunc]string{
	Rate: "rate", CountOverTime: "count_over_time", MinOverTime: "min_over_time", MaxOverTime: "max_over_time",
	AvgOverTime: "avg_over_time", SumOverTime: "sum_over_time", QuantileOverTime: "quantile_over_time",
	HistogramOverTime: "histogram_over_time", CompareFunc: "compare",
}

func (m *naiveMetrics) seriesOf(q *Series, g *naiveGroup) (list []*TimeSeries) {
	unit := 1.0
	if q.Attr != nil && slices.Contains([]Intrinsic{SpanDuration, TraceDuration, EventTimeSinceStart}, q.Attr.Intrinsic) {
		unit = 1e9 // nanoseconds in, seconds out
	}
	one := func(labels []Label, unit float64, value func([]naiveSample) float64) {
		s := &TimeSeries{Labels: append(slices.Clone(g.labels), labels...)}
		for _, samples := range g.samples {
			s.Values = append(s.Values, value(samples)/unit)
		}
		list = append(list, s)
	}
	switch q.Func {
	case QuantileOverTime:
		for _, p := range q.Quantiles {
			one([]Label{{"p", FloatStatic(p)}}, unit, func(samples []naiveSample) float64 { return naiveQuantileOf(samples, p) })
		}
	case HistogramOverTime:
		for _, bound := range naiveBoundsOf(g.samples, unit) {
			one([]Label{{"__bucket", FloatStatic(bound)}}, 1, func(samples []naiveSample) (n float64) {
				for _, s := range samples {
					if naiveBoundOf(s.value/unit) == bound {
						n += s.weight
					}
				}
				return n
			})
		}
	default:
		var name []Label
		if len(q.By) == 0 {
			name = []Label{{"__name__", StringStatic(naiveNames[q.Func])}}
		}
		one(name, unit, func(samples []naiveSample) float64 { return m.reduce(q.Func, samples) })
	}
	return list
}

func (m *naiveMetrics) reduce(f SeriesFunc, samples []naiveSample) float64 {
	count, least, most := 0.0, math.NaN(), math.NaN()
	for i, s := range samples {
		count += s.weight
		if i == 0 {
			least, most = s.value, s.value
		}
		least, most = min(least, s.value), max(most, s.value)
	}
	switch {
	case f == CountOverTime:
		return count
	case f == Rate:
		return count / m.seconds
	case f == MinOverTime:
		return least
	case f == MaxOverTime:
		return most
	case count == 0:
		return math.NaN()
	case f == SumOverTime:
		return naiveSum(samples)
	}
	return naiveSum(samples) / count
}

// naiveSum is exact, up to its last step.
func naiveSum(samples []naiveSample) float64 {
	sum, infinite := new(big.Float).SetPrec(4000), 0.0
	for _, s := range samples {
		if s.exact == nil {
			infinite += s.value
			continue
		}
		part := new(big.Float).SetPrec(4000).Set(s.exact)
		sum.Add(sum, part.Mul(part, big.NewFloat(s.weight)))
	}
	if infinite != 0 { // or NaN
		return infinite
	}
	total, _ := sum.Float64()
	return total
}

// naiveQuantileOf returns the value of rank ceil(p*n), exactly.
func naiveQuantileOf(samples []naiveSample, p float64) float64 {
	sorted, total := slices.Clone(samples), 0.0
	slices.SortFunc(sorted, func(a, b naiveSample) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	for _, s := range sorted {
		total += s.weight
	}
	rank := max(1, math.Ceil(p*total))
	for _, s := range sorted {
		if rank -= s.weight; rank <= 0 {
			return s.value
		}
	}
	return math.NaN()
}

// naiveBoundOf returns the upper bound of the bucket of a value: the least power of two that is not below it,
// or 0 if the value is not above 0.
func naiveBoundOf(v float64) float64 {
	if v <= 0 {
		return 0
	}
	if math.IsInf(v, 1) {
		return v
	}
	bound := 1.0
	for bound < v {
		bound *= 2
	}
	for bound/2 >= v {
		bound /= 2
	}
	return bound
}

func naiveBoundsOf(intervals [][]naiveSample, unit float64) (bounds []float64) {
	for _, samples := range intervals {
		for _, s := range samples {
			bounds = append(bounds, naiveBoundOf(s.value/unit))
		}
	}
	slices.Sort(bounds)
	return slices.Compact(bounds)
}

// stage keeps values, and the series that are left with some.
func (m *naiveMetrics) stage(q *MetricsStage, list []*TimeSeries) []*TimeSeries {
	naiveSortSeries(list)
	for i := range m.times {
		switch q.Kind {
		case FilterStage:
			bound := q.Value
			if bound.Type == TypeDuration {
				bound = FloatStatic(naiveAsFloat(bound) / 1e9)
			}
			for _, s := range list {
				if !naiveHolds(q.Op, FloatStatic(s.Values[i]), bound) {
					s.Values[i] = math.NaN()
				}
			}
		default:
			naiveKeepBest(list, i, q.N, q.Kind == TopK)
		}
	}
	return naiveWithValues(list)
}

// naiveKeepBest keeps the n series with the largest or smallest values at one time; of equal ones the first.
func naiveKeepBest(list []*TimeSeries, i, n int, largest bool) {
	ranked := slices.DeleteFunc(slices.Clone(list), func(s *TimeSeries) bool { return math.IsNaN(s.Values[i]) })
	slices.SortStableFunc(ranked, func(a, b *TimeSeries) int {
		switch x, y := a.Values[i], b.Values[i]; {
		case x == y:
			return 0
		case (x > y) == largest:
			return -1
		}
		return 1
	})
	for _, s := range ranked[min(n, len(ranked)):] {
		s.Values[i] = math.NaN()
	}
}

// op pairs series with the same labels, names aside; one without labels goes with every series of the other side.
func (m *naiveMetrics) op(q *MetricsOp) (list []*TimeSeries) {
	left, right := m.metrics(q.L), m.metrics(q.R)
	plain := func(list []*TimeSeries) bool { return len(list) == 1 && naiveLabelSet(list[0]) == "{}" }
	for _, l := range left {
		for _, r := range right {
			if naiveLabelSet(l) == naiveLabelSet(r) || plain(left) || plain(right) {
				list = append(list, naiveCombine(q.Op, l, r))
			}
		}
	}
	return naiveWithValues(list)
}

func naiveCombine(op Op, l, r *TimeSeries) *TimeSeries {
	s := &TimeSeries{}
	nameL, labels := naiveSplitName(l)
	nameR, labelsR := naiveSplitName(r)
	if len(labels) == 0 {
		labels = labelsR
	}
	if nameL != "" && nameR != "" {
		sign := map[Op]string{Add: "+", Sub: "-", Mul: "*", Div: "/"}[op]
		s.Labels = append(s.Labels, Label{"__name__", StringStatic("(" + nameL + " " + sign + " " + nameR + ")")})
	}
	s.Labels = append(s.Labels, labels...)
	for i := range l.Values {
		v := naiveFloat(op, l.Values[i], r.Values[i])
		if op == Div && r.Values[i] == 0 {
			v = math.NaN()
		}
		s.Values = append(s.Values, v)
	}
	return s
}

// naiveSplitName returns the name of a series and its other labels.
func naiveSplitName(s *TimeSeries) (name string, others []Label) {
	for _, l := range s.Labels {
		if l.Name == "__name__" {
			name = l.Value.Str
		} else {
			others = append(others, l)
		}
	}
	return name, others
}

// naiveLabelSet is the labels but for the name, in no order.
func naiveLabelSet(s *TimeSeries) string {
	_, labels := naiveSplitName(s)
	slices.SortFunc(labels, naiveCompareLabels)
	return labelsText(labels)
}

func naiveWithValues(list []*TimeSeries) []*TimeSeries {
	return slices.DeleteFunc(list, func(s *TimeSeries) bool {
		return !slices.ContainsFunc(s.Values, func(v float64) bool { return !math.IsNaN(v) })
	})
}

func naiveSortSeries(list []*TimeSeries) {
	slices.SortFunc(list, func(a, b *TimeSeries) int { return slices.CompareFunc(a.Labels, b.Labels, naiveCompareLabels) })
}

// naiveCompareLabels orders by name, then by type, then by value.
func naiveCompareLabels(a, b Label) int {
	order := cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Value.Type, b.Value.Type))
	if order == 0 && naiveIsNumber(a.Value) && naiveIsNumber(b.Value) {
		order = naiveExactNumber(a.Value).Cmp(naiveExactNumber(b.Value))
	}
	isNaN := func(s Static) int {
		if s.Type == TypeFloat && math.IsNaN(s.Float()) {
			return 0
		}
		return 1
	}
	order = cmp.Or(order, cmp.Compare(isNaN(a.Value), isNaN(b.Value))) // NaN goes first
	if naiveIsEnum(a.Value) {
		order = cmp.Or(order, cmp.Compare(a.Value.Int(), b.Value.Int()))
	}
	return cmp.Or(order, cmp.Compare(a.Value.Num, b.Value.Num), strings.Compare(a.Value.Str, b.Value.Str))
}

// naiveWeight returns the inverse of the probability with which a span was sampled: 2^56 / (2^56 - th), where th is
// the number of up to 14 hex digits, padded on the right, of ot=...th:...
func naiveWeight(state string) float64 {
	found := regexp.MustCompile(`(?:^|[^a-z0-9_\-*/@])ot=(?:[^,]*;)?\s*th:([0-9a-f]{1,14})\s*(?:[;,]|$)`).FindStringSubmatch(state)
	if found == nil {
		return 1
	}
	th, _ := new(big.Int).SetString((found[1] + strings.Repeat("0", 14))[:14], 16)
	all := new(big.Int).Lsh(big.NewInt(1), 56)
	weight, _ := new(big.Rat).SetFrac(all, new(big.Int).Sub(all, th)).Float64()
	return weight
}
