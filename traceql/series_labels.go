package traceql

import (
	"cmp"
	"slices"
	"strings"
)

// metricName is the label that has the function of series without by().
const metricName = "__name__"

var seriesFuncNames = [...]string{
	Rate: "rate", CountOverTime: "count_over_time", MinOverTime: "min_over_time", MaxOverTime: "max_over_time",
	AvgOverTime: "avg_over_time", SumOverTime: "sum_over_time", QuantileOverTime: "quantile_over_time",
	HistogramOverTime: "histogram_over_time", CompareFunc: "compare",
}

// labels returns the labels of a group, without p. Keys that its spans lack have none,
// but for the first if they lack all.
func (m *measure) labels(group uint32) []Label {
	var labels []Label
	values := m.groups.values(group)
	for i, a := range m.by {
		if values[i].Type != TypeNil {
			labels = append(labels, Label{Name: a.String(), Value: values[i]})
		}
	}
	if len(labels) == 0 && len(m.by) > 0 {
		labels = append(labels, Label{Name: m.by[0].String()})
	}
	switch f := m.query.Func; {
	case f == HistogramOverTime:
		labels = append(labels, Label{Name: "__bucket", Value: values[len(m.by)]})
	case f != QuantileOverTime && len(m.by) == 0:
		labels = append(labels, Label{Name: metricName, Value: StringStatic(seriesFuncNames[f])})
	}
	return labels
}

// distinctAttributes returns attributes, each once.
func distinctAttributes(list []*Attribute) (distinct []*Attribute) {
	seen := map[string]bool{}
	for _, a := range list {
		if name := a.String(); !seen[name] {
			seen[name] = true
			distinct = append(distinct, a)
		}
	}
	return distinct
}

// sortTimeSeries sorts series by their labels, one after the other: by name, then by value.
func sortTimeSeries(list []*TimeSeries) {
	slices.SortFunc(list, func(a, b *TimeSeries) int { return slices.CompareFunc(a.Labels, b.Labels, compareLabels) })
}

func compareLabels(a, b Label) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), compareStatics(a.Value, b.Value))
}

// compareStatics orders values by type, then numbers by magnitude and all others bytewise. It is 0 only for
// values that are ==.
func compareStatics(a, b Static) int {
	if order := cmp.Compare(a.Type, b.Type); order != 0 {
		return order
	}
	if a.Type == TypeFloat {
		return cmp.Or(cmp.Compare(a.Float(), b.Float()), cmp.Compare(a.Num, b.Num))
	}
	return cmp.Or(cmp.Compare(a.Int(), b.Int()), strings.Compare(a.Str, b.Str))
}
