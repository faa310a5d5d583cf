package analyze

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

const (
	// minSupport is how many spans of both sides a value needs to be told of by itself.
	minSupport = 5
	// An attribute is ignored if it has more than manyValues, one for each ignoredTraces traces or spans or more, and none of them has a share of
	// commonShare on either side, unless its values tell more than ignoredScore.
	manyValues    = 50
	ignoredTraces = 4
	commonShare   = 0.05
	ignoredScore  = 0.1
)

// result returns the answer from what is counted so far.
func (c *comparing) result() *Differs {
	j := &judge{comparing: c, given: c.givenAttributes()}
	attributes := map[traceql.Attribute]*comparedValues{}
	d := &Differs{}
	counts := [sides]*SideCount{&d.Selection, &d.Baseline}
	leftOut := false
	for _, w := range c.workers {
		w.mu.Lock()
		for side, to := range counts {
			to.Matched += w.matched[side].rows
			j.total[side].merge(&w.compared[side])
		}
		leftOut = leftOut || w.leftOut
		for a, values := range w.attributes {
			if attributes[a] == nil {
				attributes[a] = newComparedValues(nil)
			}
			attributes[a].merge(values)
		}
		w.mu.Unlock()
	}
	for side, to := range counts {
		to.Compared, to.Weight = j.total[side].seen[side], j.total[side].weight[side]
		to.Matched = max(to.Matched, to.Compared) // if spans came between the passes
	}
	for a, values := range attributes {
		if of, ignored := j.attribute(a, values); ignored {
			d.Ignored = append(d.Ignored, IgnoredAttribute{a, of.Distinct})
		} else {
			d.Attributes = append(d.Attributes, of)
		}
	}
	slices.SortFunc(d.Attributes, func(a, b DifferingAttribute) int {
		return cmp.Or(compareBools(a.Given, b.Given), cmp.Compare(b.Score, a.Score), cmp.Compare(a.Attribute.String(), b.Attribute.String()))
	})
	slices.SortFunc(d.Ignored, func(a, b IgnoredAttribute) int { return cmp.Compare(a.Attribute.String(), b.Attribute.String()) })
	if leftOut {
		d.Gaps = append(d.Gaps, fmt.Sprintf("there are more than %d attributes: some are left out", maxAttributes))
	}
	if c.memory.Load() < 0 {
		d.Gaps = append(d.Gaps, "the values take more memory than there is for them: some count as others")
	}
	return d
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func (s *comparedSide) merge(other *comparedSide) {
	s.valueCount.merge(&other.valueCount)
	s.squares += other.squares
	s.traces += other.traces
}

// givenAttributes returns what the selection is made by.
func (c *comparing) givenAttributes() map[traceql.Attribute]bool {
	given := map[traceql.Attribute]bool{}
	if c.Selection != nil {
		for _, a := range c.Selection.Mentioned() {
			given[*a] = true
		}
	}
	if c.MinDuration != 0 || c.MaxDuration != 0 {
		given[traceql.Attribute{Scope: store.IntrinsicScope, Intrinsic: traceql.SpanDuration}] = true
	}
	return given
}

// isGiven reports whether the selection is made by an attribute, with its scope or without.
func (j *judge) isGiven(a traceql.Attribute) bool {
	return j.given[a] || a.Scope != store.IntrinsicScope && j.given[traceql.Attribute{Name: a.Name}]
}

// judge says how much attributes differ.
type judge struct {
	*comparing
	given map[traceql.Attribute]bool
	total [sides]comparedSide
}

// attribute returns what is to be told of one; with ignored nothing is, as its values are those of single traces.
func (j *judge) attribute(a traceql.Attribute, values *comparedValues) (of DifferingAttribute, ignored bool) {
	of = DifferingAttribute{
		Attribute: a, Given: j.isGiven(a), Distinct: len(values.list) + len(values.numbers.list), More: values.full || values.numbers.isCoarse,
	}
	var list []DifferingValue
	var others valueCount
	others.merge(&values.others)
	add := func(value traceql.Static, count *valueCount) {
		if count.seen[0]+count.seen[1] < minSupport {
			others.merge(count)
		} else {
			list = append(list, DifferingValue{Kind: OneValue, Value: value, Count: count.weight})
		}
	}
	for i := range values.list {
		add(values.list[i].value, &values.list[i].valueCount)
	}
	if values.numbers.areScattered() {
		values.numbers.makeCoarse()
	}
	if values.numbers.isCoarse {
		of.Quantiles = &[sides]Quantiles{values.numbers.quantiles(SelectionSide), values.numbers.quantiles(BaselineSide)}
		list = append(list, values.numbers.ranges()...)
	} else {
		for i := range values.numbers.list {
			n := &values.numbers.list[i]
			add(traceql.Static{Type: values.numbers.typ, Num: n.key}, &n.valueCount)
		}
	}
	if j.areSingle(values) {
		list = j.dropRare(list, &others)
		ignored = true
	}
	list = append(list, DifferingValue{Kind: OtherValues, Count: others.weight})
	list = append(list, j.absent(list))
	of.Score = j.score(list)
	of.Values = j.topValues(list)
	for i := range of.Values {
		v := &of.Values[i]
		v.In, v.Out = v.conditions(a)
	}
	return of, ignored && of.Score < ignoredScore && !of.Given
}

// areSingle reports whether nearly every trace, or span, that has the attribute has a value of its own.
func (j *judge) areSingle(values *comparedValues) bool {
	listed := 0.0
	for i := range values.list {
		listed += float64(values.list[i].seen[0] + values.list[i].seen[1])
	}
	if len(values.list) <= manyValues {
		return false
	}
	all := listed + float64(values.others.seen[0]+values.others.seen[1])
	distinct := float64(len(values.list)) * all / listed // if the others repeat as often
	traces := float64(j.total[SelectionSide].traces + j.total[BaselineSide].traces)
	return distinct*ignoredTraces > min(all, traces)
}

// dropRare adds the values that are not common on either side to the others.
func (j *judge) dropRare(list []DifferingValue, others *valueCount) []DifferingValue {
	return slices.DeleteFunc(list, func(v DifferingValue) bool {
		rare := v.Kind == OneValue && j.share(&v, SelectionSide) < commonShare && j.share(&v, BaselineSide) < commonShare
		if rare {
			others.merge(&valueCount{weight: v.Count})
		}
		return rare
	})
}

// absent returns what is left of the spans: those that do not have the attribute.
func (j *judge) absent(list []DifferingValue) DifferingValue {
	v := DifferingValue{Kind: AbsentValue}
	for side := range v.Count {
		v.Count[side] = j.total[side].weight[side]
		for i := range list {
			v.Count[side] -= list[i].Count[side]
		}
		if v.Count[side] < 1e-9*j.total[side].weight[side] { // nothing but rounding
			v.Count[side] = 0
		}
	}
	return v
}

// share returns which part of a side has a value.
func (j *judge) share(v *DifferingValue, side int) float64 {
	if total := j.total[side].weight[side]; total > 0 {
		return v.Count[side] / total
	}
	return 0
}

// score returns the total variation distance of the shares on both sides, less what chance makes of equal ones: its mean
// and two standard deviations, if the traces are independent.
func (j *judge) score(list []DifferingValue) float64 {
	n := [sides]float64{j.independent(SelectionSide), j.independent(BaselineSide)}
	if n[0] == 0 || n[1] == 0 {
		return 0
	}
	distance, mean, variance := 0.0, 0.0, 0.0
	for i := range list {
		p, q := j.share(&list[i], SelectionSide), j.share(&list[i], BaselineSide)
		pooled := (n[0]*p + n[1]*q) / (n[0] + n[1])
		deviation := math.Sqrt(pooled * max(1-pooled, 0) * (1/n[0] + 1/n[1]))
		distance += math.Abs(p-q) / 2
		mean += min(math.Sqrt(2/math.Pi)*deviation, 2*pooled) / 2
		variance += (1 - 2/math.Pi) * deviation * deviation / 4
	}
	const digits = 1e6 // others depend on the order of the sums
	return math.Round(digits*max(distance-mean-2*math.Sqrt(variance), 0)) / digits
}

// independent returns how many observations a side counts as: its traces, or fewer if the spans have very different weights.
func (j *judge) independent(side int) float64 {
	t := &j.total[side]
	if t.squares == 0 {
		return 0
	}
	return min(float64(t.traces), t.weight[side]*t.weight[side]/t.squares)
}

// topValues returns the values to tell of, those that differ most first; ranges stay in their order, and what is no value comes last.
func (j *judge) topValues(list []DifferingValue) []DifferingValue {
	difference := func(v *DifferingValue) float64 {
		return math.Abs(j.share(v, SelectionSide) - j.share(v, BaselineSide))
	}
	slices.SortStableFunc(list, func(a, b DifferingValue) int {
		switch {
		case a.Kind != b.Kind:
			return cmp.Compare(a.Kind, b.Kind)
		case a.Kind != OneValue:
			return 0
		}
		return cmp.Or(cmp.Compare(difference(&b), difference(&a)), cmp.Compare(b.Count[0]+b.Count[1], a.Count[0]+a.Count[1]),
			cmp.Compare(a.Value.Type, b.Value.Type), cmp.Compare(a.Value.Num, b.Value.Num), cmp.Compare(a.Value.Str, b.Value.Str))
	})
	var top []DifferingValue
	left := valueCount{}
	single := 0
	for _, v := range list {
		switch {
		case v.Kind == OneValue:
			if single++; single > j.Values {
				left.merge(&valueCount{weight: v.Count})
				continue
			}
		case v.Kind == OtherValues:
			for side := range v.Count {
				v.Count[side] += left.weight[side]
			}
			fallthrough
		default:
			if v.Count[0]+v.Count[1] == 0 {
				continue
			}
		}
		top = append(top, v)
	}
	return top
}
