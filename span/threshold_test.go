package span

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The examples of OpenTelemetry's specification of trace state handling, and others.
func TestProbabilityThreshold(t *testing.T) {
	for _, c := range []struct {
		p      float64
		digits int
		want   string
	}{
		{1, 4, "0"}, {2, 4, "0"},
		{0.5, 4, "8"}, {0.25, 4, "c"}, {0.75, 4, "4"}, {0.875, 1, "2"},
		{0.01, 5, "fd70a4"}, {0.01, 4, "fd70a"}, {0.01, 14, "fd70a3d70a3d71"},
		{1. / 3, 4, "aaab"}, {2. / 3, 4, "5555"},
		{0x1p-8, 3, "ff"}, {0x1p-12, 3, "fff"},
		{0x1p-56, 4, "ffffffffffffff"},
	} {
		if got := ProbabilityThreshold(c.p, c.digits); got.String() != c.want {
			t.Errorf("%v with %d digits: %s, want %s", c.p, c.digits, got, c.want)
		}
	}
	for _, p := range []float64{0, -1, math.NaN(), 0x1p-57} {
		if got := ProbabilityThreshold(p, 4); got != NeverSample {
			t.Errorf("%v: %s, want never", p, got)
		}
	}
}

func TestThresholdRoundTrip(t *testing.T) {
	for range 10_000 {
		p := math.Exp2(-56 * rand.Float64())
		for _, digits := range []int{1, 4, 14} {
			th := ProbabilityThreshold(p, digits)
			back, ok := StateThreshold("ot=th:" + th.String())
			if !ok || back != th {
				t.Fatalf("%v: %s is read as %s, %t", p, th, back, ok)
			}
			if off := math.Abs(th.Probability() - p); off > p*math.Exp2(float64(-4*(digits-1))) && off > 0x1p-56 {
				t.Fatalf("%v with %d digits is %v", p, digits, th.Probability())
			}
		}
	}
}

func TestRandomness(t *testing.T) {
	id := TraceID{8: 0xff, 9: 0x12, 15: 0x34}
	for state, want := range map[string]uint64{
		"":                                      0x12000000000034,
		"ot=rv:6e6d1a75832a2f":                  0x6e6d1a75832a2f,
		"a=1,ot=th:8;rv:6e6d1a75832a2f":         0x6e6d1a75832a2f,
		"ot=rv:6e6d1a75832a2":                   0x12000000000034, // too short
		"ot=rv:6e6d1a75832a2g":                  0x12000000000034,
		"ot=th:8":                               0x12000000000034,
		"vendor=x;ot=th:8,ot=rv:00000000000001": 1,
	} {
		if got := Randomness(state, id); got != want {
			t.Errorf("%q: %x, want %x", state, got, want)
		}
	}
}

// A threshold samples as many as its probability says.
func TestThresholdSamples(t *testing.T) {
	const n = 200_000
	for _, p := range []float64{0.5, 0.1, 0.01} {
		th, kept := ProbabilityThreshold(p, 14), 0
		for range n {
			if th.Samples(rand.Uint64N(1 << 56)) {
				kept++
			}
		}
		if off := math.Abs(float64(kept) - n*p); off > 6*math.Sqrt(n*p) {
			t.Errorf("%v: kept %d of %d", p, kept, n)
		}
	}
	if NeverSample.Samples(1<<56 - 1) {
		t.Error("the largest randomness reaches what never samples")
	}
}

func TestWithThreshold(t *testing.T) {
	for _, c := range []struct{ state, want string }{
		{"", "ot=th:8"},
		{"ot=th:4", "ot=th:8"},
		{"ot=rv:6e6d1a75832a2f;th:4;x:y", "ot=th:8;rv:6e6d1a75832a2f;x:y"},
		{"rojo=1, ot=th:0 ,congo=2", "ot=th:8,rojo=1,congo=2"},
		{"ot=,,", "ot=th:8"},
	} {
		if got := WithThreshold(c.state, 1<<55); got != c.want {
			t.Errorf("%q: %q, want %q", c.state, got, c.want)
		}
	}
}

func FuzzTraceState(f *testing.F) {
	f.Add("ot=th:8;rv:6e6d1a75832a2f,a=b", uint64(1)<<55)
	f.Fuzz(func(t *testing.T, state string, threshold uint64) {
		th := Threshold(threshold % uint64(NeverSample))
		if w := AdjustedCount(state); !(w >= 1) {
			t.Fatalf("%q weighs %v", state, w)
		}
		written := WithThreshold(state, th)
		if got, ok := StateThreshold(written); !ok || got != th {
			t.Fatalf("%q: threshold %s, %t; want %s", written, got, ok, th)
		}
		if again := WithThreshold(written, th); again != written {
			t.Fatalf("%q is written as %q", written, again)
		}
	})
}

func TestWithRandomness(t *testing.T) {
	for state, want := range map[string]string{
		"":                                 "ot=rv:000000000000ff",
		"a=1,ot=th:8;rv:6e6d1a75832a2f,b=": "ot=rv:000000000000ff;th:8,a=1,b=",
	} {
		if got := WithRandomness(state, 0xff); got != want {
			t.Errorf("%q: %q, want %q", state, got, want)
		}
	}
	if got := Randomness(WithRandomness("ot=th:c", 1<<56-1), TraceID{}); got != 1<<56-1 {
		t.Errorf("the greatest is read as %x", got)
	}
}
