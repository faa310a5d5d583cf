package traceql

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// tallied is a sample of the tally tests.
type tallied struct {
	slot   uint32
	value  Static
	weight float64
}

func addAll(t tally, list []tallied, weighted bool) {
	var ints, floats samples
	for _, one := range list {
		of := &floats
		if one.value.Type == TypeInt {
			of = &ints
			of.ints = append(of.ints, one.value.Int())
		} else {
			of.floats = append(of.floats, one.value.Float())
		}
		of.slots = append(of.slots, one.slot)
		if weighted {
			of.weights = append(of.weights, one.weight)
		}
	}
	t.add(&ints)
	t.add(&floats)
}

// talliedExactly returns count, sum, least and most of a slot.
func talliedExactly(list []tallied, slot uint32) (count, total, least, most float64) {
	least, most = math.NaN(), math.NaN()
	sum := new(big.Float).SetPrec(2400)
	for _, one := range list {
		if one.slot != slot {
			continue
		}
		v := new(big.Float).SetPrec(2400).SetInt64(one.value.Int())
		if one.value.Type == TypeFloat {
			v.SetFloat64(one.value.Float())
		}
		sum.Add(sum, v.Mul(v, big.NewFloat(one.weight)))
		count += one.weight
		f, _ := one.value.Number()
		if !(least <= f) {
			least = f
		}
		if !(most >= f) {
			most = f
		}
	}
	total, _ = sum.Float64()
	return count, total, least, most
}

func TestTallies(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	number := func() Static {
		switch rng.UintN(5) {
		case 0:
			return FloatStatic(rng.NormFloat64() * 1e6)
		case 1:
			return IntStatic(int64(rng.Uint64()))
		case 2:
			return FloatStatic(math.Ldexp(1, rng.IntN(60)))
		}
		return IntStatic(rng.Int64N(1000) - 500)
	}
	const slots = 3
	for round := range 300 {
		weighted := round%2 == 1
		parts := make([][]tallied, 3)
		for range rng.IntN(200) {
			one := tallied{rng.Uint32N(slots), number(), 1}
			if weighted {
				one.weight = float64(1 + rng.IntN(4))
			}
			i := rng.IntN(len(parts))
			parts[i] = append(parts[i], one)
		}
		for _, f := range []SeriesFunc{CountOverTime, SumOverTime, AvgOverTime, MinOverTime, MaxOverTime} {
			var all []tallied
			merged := newTally(&Series{Func: f})
			merged.grow(1)
			merged.grow(slots)
			for _, part := range parts {
				all = append(all, part...)
				one := newTally(&Series{Func: f})
				one.grow(slots)
				addAll(one, part, weighted)
				for slot := range slots {
					merged.merge(slot, one, slot)
				}
			}
			for slot := range slots {
				count, total, least, most := talliedExactly(all, uint32(slot))
				want := map[SeriesFunc]float64{CountOverTime: count, SumOverTime: total, AvgOverTime: total / count, MinOverTime: least, MaxOverTime: most}[f]
				if count == 0 && f != CountOverTime {
					want = math.NaN()
				}
				got := []float64{0}
				merged.values(slot, got)
				if !(math.IsNaN(got[0]) && math.IsNaN(want)) && relativeError(got[0], want) > 1e-12 {
					t.Fatalf("round %d: %s is %v, want %v", round, seriesFuncNames[f], got[0], want)
				}
			}
		}
	}
}

func TestSums(t *testing.T) {
	for _, test := range []struct {
		name   string
		ints   []int64
		floats []float64
		want   float64
	}{
		{"more than 64 bits", []int64{math.MaxInt64, math.MaxInt64, math.MaxInt64}, nil, 3 * float64(math.MaxInt64)},
		{"less than 64 bits", []int64{math.MinInt64, math.MinInt64}, nil, 2 * float64(math.MinInt64)},
		{"back again", []int64{math.MaxInt64, math.MaxInt64, -math.MaxInt64, -math.MaxInt64, -5}, nil, -5},
		{"integers above 2^53", []int64{1<<53 + 1, -1 << 53}, nil, 1},
		{"floats that cancel out", nil, []float64{1e100, 1, -1e100}, 1},
		{"both", []int64{1 << 60, 3}, []float64{-(1 << 60), .5}, 3.5},
		{"infinite", []int64{1}, []float64{math.Inf(1), 1}, math.Inf(1)},
		{"too large", nil, []float64{math.MaxFloat64, math.MaxFloat64}, math.Inf(1)},
	} {
		var s exactSum
		for _, v := range test.ints {
			s.addInt(v)
		}
		for _, v := range test.floats {
			s.addFloat(v)
		}
		if got := s.total(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	var s exactSum
	s.addFloat(math.Inf(1))
	s.addFloat(math.Inf(-1))
	if got := s.total(); !math.IsNaN(got) {
		t.Errorf("the sum of the infinites is %v", got)
	}
}
