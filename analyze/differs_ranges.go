package analyze

import (
	"cmp"
	"math"
	"slices"

	"github.com/clewhq/clew/traceql"
)

// areScattered reports whether most spans have a number that is rare.
func (n *valueNumbers) areScattered() bool {
	all, rare := uint64(0), uint64(0)
	for i := range n.list {
		seen := n.list[i].seen[0] + n.list[i].seen[1]
		all += seen
		if seen < minSupport {
			rare += seen
		}
	}
	return 2*rare > all
}

// rangeShares are where the ranges of numbers end, as shares of the numbers of both sides.
var rangeShares = []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}

// sorted returns the numbers with their counts.
func (n *valueNumbers) sorted() []sortedNumber {
	list := make([]sortedNumber, len(n.list))
	for i := range n.list {
		list[i] = sortedNumber{coarseMiddle(n.list[i].key), &n.list[i].valueCount}
	}
	slices.SortFunc(list, func(a, b sortedNumber) int { return cmp.Compare(a.number, b.number) })
	return list
}

type sortedNumber struct {
	number float64
	*valueCount
}

// ranges returns the ranges of the numbers. Each side counts as half where they end, or a small selection would not be seen.
func (n *valueNumbers) ranges() []DifferingValue {
	numbers := n.sorted()
	var total [sides]float64
	for _, at := range numbers {
		for side := range total {
			total[side] += at.weight[side]
		}
	}
	var ends []float64
	below, share := 0.0, 0
	for _, at := range numbers {
		for ; share < len(rangeShares) && below >= rangeShares[share]; share++ {
			end := n.rounded(at.number)
			if len(ends) == 0 || end > ends[len(ends)-1] {
				ends = append(ends, end)
			}
		}
		for side := range total {
			if total[side] > 0 {
				below += at.weight[side] / total[side] / 2
			}
		}
	}
	list := make([]DifferingValue, len(ends)+1)
	for i := range list {
		v := &list[i]
		v.Kind = ValueRange
		if i > 0 {
			v.From = n.static(ends[i-1])
		}
		if i < len(ends) {
			v.To = n.static(ends[i])
		}
	}
	at := 0
	for _, number := range numbers {
		for at < len(ends) && number.number >= ends[at] {
			at++
		}
		for side, weight := range number.weight {
			list[at].Count[side] += weight
		}
	}
	return list
}

// static returns a number as a value of the type that all have.
func (n *valueNumbers) static(f float64) traceql.Static {
	whole := int64(math.Round(max(min(f, math.MaxInt64/2), math.MinInt64/2)))
	switch n.typ {
	case traceql.TypeInt:
		return traceql.IntStatic(whole)
	case traceql.TypeDuration:
		return traceql.DurationStatic(whole)
	}
	return traceql.FloatStatic(f)
}

// rounded returns a number near to f that is easy to read and of the type.
func (n *valueNumbers) rounded(f float64) float64 {
	f = roundTo2Digits(f)
	if n.typ != traceql.TypeFloat {
		f = math.Round(f)
	}
	return f
}

func roundTo2Digits(f float64) float64 {
	if f == 0 || math.IsInf(f, 0) {
		return f
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(f)))-1)
	if unit < 1 { // its inverse is exact
		unit = math.Round(1 / unit)
		return math.Round(f*unit) / unit
	}
	return math.Round(f/unit) * unit
}

// quantiles returns those of one side.
func (n *valueNumbers) quantiles(side int) Quantiles {
	numbers := n.sorted()
	total := 0.0
	for _, at := range numbers {
		total += at.weight[side]
	}
	if total == 0 {
		return Quantiles{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	}
	at := func(q float64) float64 {
		below := 0.0
		for _, at := range numbers {
			if below += at.weight[side]; below >= q*total {
				return min(max(at.number, n.min[side]), n.max[side])
			}
		}
		return n.max[side]
	}
	return Quantiles{Min: n.min[side], P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: n.max[side]}
}
