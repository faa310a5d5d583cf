package derive

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/clewhq/clew/internal/testkit"
)

// Native buckets hold each value between their bounds, however coarse they are.
func TestNativeBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(testkit.Seed(t), 1))
	for _, spread := range []float64{1, 10, 58} {
		n := nativeBuckets{schema: nativeSchema}
		var values []float64
		for range 5000 {
			v := math.Exp2(spread * (rng.Float64() - 0.5))
			if rng.IntN(10) == 0 {
				v = math.Exp2(math.Round(math.Log2(v))) // on a bound
			}
			n.observe(v, 1)
			values = append(values, v)
		}
		if len(n.counts) > nativeLimit {
			t.Fatalf("%d buckets", len(n.counts))
		}
		slices.Sort(values)
		for at, want := range n.counts {
			i := n.first + int32(at)
			lower, upper := math.Exp2(math.Ldexp(float64(i-1), -int(n.schema))), math.Exp2(math.Ldexp(float64(i), -int(n.schema)))
			count := 0
			for len(values) > 0 && values[0] <= upper*(1+1e-12) {
				if values[0] < lower*(1-1e-12) {
					t.Fatalf("%v is not in the bucket from %v to %v", values[0], lower, upper)
				}
				values = values[1:]
				count++
			}
			if float64(count) != want {
				t.Fatalf("bucket %d of schema %d has %v, want %d", i, n.schema, want, count)
			}
		}
		if len(values) > 0 {
			t.Fatalf("%d values are in no bucket", len(values))
		}
	}
}

// Where weights make fractions, buckets and counts agree all the same, in whole
// numbers: Prometheus refuses histograms whose do not.
func TestFractions(t *testing.T) {
	for _, form := range []Histograms{Classic, Native, Both} {
		cfg := DefaultConfig()
		cfg.Histograms = form
		h := newHistogram(&cfg, []float64{.001, .01, .1}, 1)
		for i := range 100 {
			h.observe(.0005*float64(i), 10./7, &exemplar{})
			checkHistogram(t, h.write(0))
		}
	}
}

// checkHistogram holds that counts add up and do not fall.
func checkHistogram(t *testing.T, h *dto.Histogram) {
	t.Helper()
	if len(h.Bucket) > 0 {
		var below uint64
		for _, b := range h.Bucket {
			if b.GetCumulativeCount() < below {
				t.Fatalf("the count up to %v falls", b.GetUpperBound())
			}
			below = b.GetCumulativeCount()
		}
		if below != h.GetSampleCount() {
			t.Fatalf("%d in classic buckets, count %d", below, h.GetSampleCount())
		}
	}
	if h.Schema != nil {
		total, count := h.GetZeroCount(), int64(0)
		for _, delta := range h.PositiveDelta {
			count += delta
			total += uint64(count)
		}
		if total != h.GetSampleCount() {
			t.Fatalf("%d in native buckets, count %d", total, h.GetSampleCount())
		}
	}
}
