package traceql

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// numbersOf are distributions of numbers.
var numbersOf = map[string]func(rng *rand.Rand) float64{
	"lognormal":   func(rng *rand.Rand) float64 { return math.Exp(rng.NormFloat64()*3 + 10) },
	"uniform":     func(rng *rand.Rand) float64 { return rng.Float64() },
	"durations":   func(rng *rand.Rand) float64 { return float64(int64(rng.ExpFloat64() * 1e7)) },
	"small ints":  func(rng *rand.Rand) float64 { return float64(rng.IntN(5)) },
	"around zero": func(rng *rand.Rand) float64 { return rng.NormFloat64() },
	"negative":    func(rng *rand.Rand) float64 { return -math.Exp(rng.NormFloat64()) },
	"one value":   func(*rand.Rand) float64 { return 1.2345 },
	"all bits": func(rng *rand.Rand) float64 {
		for {
			if f := math.Float64frombits(rng.Uint64()); f == f {
				return f
			}
		}
	},
	"tiny": func(rng *rand.Rand) float64 { return math.Float64frombits(rng.Uint64N(1 << (1 + rng.UintN(53)))) },
	"huge": func(rng *rand.Rand) float64 { return math.MaxFloat64 * rng.Float64() },
	"powers": func(rng *rand.Rand) float64 {
		return math.Nextafter(math.Exp2(float64(rng.IntN(7680))/64-60), math.Inf(rng.IntN(2)*2-1))
	},
}

// relativeError is how far got is off from want.
func relativeError(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got/want - 1)
}

// rankedExactly returns the quantile q of sorted numbers.
func rankedExactly(sorted []float64, q float64) float64 {
	return sorted[int(max(1, math.Ceil(q*float64(len(sorted)))))-1]
}

func TestHistogramError(t *testing.T) {
	quantiles := []float64{0, .001, .05, .5, .9, .99, .999, 1}
	for name, next := range numbersOf {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			for range 60 {
				h, all := newHistogram(), []float64(nil)
				for range 1 + rng.IntN(1<<rng.UintN(12)) {
					x := next(rng)
					all = append(all, x)
					h.add(x, 1)
					h.fractions = h.fractions || x != math.Trunc(x)
				}
				slices.Sort(all)
				got := make([]float64, len(quantiles))
				h.quantiles(quantiles, got, nil)
				for i, q := range quantiles {
					want := rankedExactly(all, q)
					// The least numbers have too few bits for any relative error.
					if relativeError(got[i], want) > .006 && math.Abs(got[i]-want) > 2*math.SmallestNonzeroFloat64 {
						t.Fatalf("quantile %v of %d numbers is %v, want %v", q, len(all), got[i], want)
					}
				}
				if got[0] != all[0] || got[len(got)-1] != all[len(all)-1] {
					t.Fatalf("extremes are %v and %v, want %v and %v", got[0], got[len(got)-1], all[0], all[len(all)-1])
				}
			}
		})
	}
}

// TestBuckets holds that buckets ascend with the numbers, and are told apart at their bounds.
func TestBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200000 {
		x := math.Abs(numbersOf["all bits"](rng))
		b := bucketOf(x)
		if bucketOf(-x) != -b {
			t.Fatalf("%v lies in bucket %d, its negative in %d", x, b, bucketOf(-x))
		}
		next := math.Nextafter(x, math.Inf(1))
		if after := bucketOf(next); after != b && after != b+1 && x > 1e-300 {
			t.Fatalf("%v lies in bucket %d, the next number in %d", x, b, after)
		}
	}
	bound := math.Float64frombits(1023<<fractionBits | bucketBounds[1])
	if lower, upper := bucketOf(math.Nextafter(bound, 0)), bucketOf(bound); upper != lower+1 || lower != bucketOf(1) {
		t.Errorf("around %v lie the buckets %d and %d", bound, lower, upper)
	}
	if ratio := bound; math.Abs(math.Pow(ratio, bucketsPerOctave)-2) > 1e-12 {
		t.Errorf("the first bucket ends at %v", ratio)
	}
}

// TestHistogramIntegers holds that quantiles of small integers are exact.
func TestHistogramIntegers(t *testing.T) {
	quantiles := make([]float64, 101)
	for i := range quantiles {
		quantiles[i] = float64(i) / 100
	}
	h, got := newHistogram(), make([]float64, len(quantiles))
	for i := -90; i <= 90; i++ {
		h.add(float64(i), 1)
	}
	h.quantiles(quantiles, got, nil)
	for i, q := range quantiles {
		if want := max(1, math.Ceil(q*181)) - 91; got[i] != want {
			t.Errorf("quantile %v is %v, want %v", q, got[i], want)
		}
	}
}

func TestHistogramMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	quantiles := []float64{0, .1, .5, .9, 1}
	for name, next := range numbersOf {
		whole, merged := newHistogram(), newHistogram()
		for range 5 {
			part := newHistogram()
			for range 1 + rng.IntN(300) {
				x := next(rng)
				whole.add(x, 1)
				part.add(x, 1)
			}
			merged.merge(part)
		}
		want, got := make([]float64, len(quantiles)), make([]float64, len(quantiles))
		whole.quantiles(quantiles, want, nil)
		merged.quantiles(quantiles, got, nil)
		if !slices.Equal(want, got) {
			t.Errorf("%s: quantiles %v of the parts, %v of the whole", name, got, want)
		}
	}
}

func TestHistogramWeights(t *testing.T) {
	h := newHistogram()
	h.add(1, 98)
	h.add(100, 1)
	h.add(1000, 1.5)
	quantiles := []float64{.5, .97, .985, .99, 1}
	got := make([]float64, len(quantiles))
	h.quantiles(quantiles, got, nil)
	for i, want := range []float64{1, 1, 100, 1000, 1000} {
		if relativeError(got[i], want) > .006 {
			t.Errorf("quantile %v is %v, want %v", quantiles[i], got[i], want)
		}
	}
}

func TestPowerBound(t *testing.T) {
	for x, want := range map[float64]float64{
		1: 1, 1.0001: 2, 2: 2, 3: 4, .5: .5, .3: .5, 1e-9: math.Exp2(-29), 0: 0, math.Copysign(0, -1): 0,
		-1: 0, -1e-300: 0, math.Inf(-1): 0,
		math.Inf(1): math.Inf(1), math.SmallestNonzeroFloat64: math.SmallestNonzeroFloat64, 1 << 62: 1 << 62,
		math.Nextafter(4, 5): 8, math.Nextafter(4, 3): 4,
	} {
		if got := powerBound(x); math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("the bound of %v is %v, want %v", x, got, want)
		}
	}
}
