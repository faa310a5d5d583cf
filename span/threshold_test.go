package span

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
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
		{0x1p-56, 4, "ffffffffffffff"}, {0x3p-56, 3, "fffffffffffffd"}, {0x10p-56, 3, "fffffffffffff"},
		{0.4, 3, "99a"}, {0.4, 6, "99999a"}, {0.01, 3, "fd71"},
		// Digits count from the first that is not 0, and half of the last goes up.
		{1 - 0x456789ap-28, 7, "456789a"}, {1 - 0x456789ap-28, 6, "45678a"}, {1 - 0x456789ap-28, 4, "4568"}, {1 - 0x456789ap-28, 3, "456"},
		{1 - 0x456789ap-40, 7, "000456789a"}, {1 - 0x456789ap-40, 5, "00045679"}, {1 - 0x456789ap-40, 1, "0004"},
		{1 - 0x789abcdefp-40, 4, "0789b"}, {1 - 0x12345678p-32, 7, "1234568"}, {1 - 0x12345678p-32, 6, "123456"},
		{1 - 0x80801p-28, 3, "00808"}, {1 - 0x80801p-28, 1, "008"},
		{1 - 0x1p-53, 1, "00000000000008"},
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
	rng := rand.New(rand.NewPCG(testkit.Seed(t), 1))
	for _, p := range []float64{0.5, 0.1, 0.01} {
		th, kept := ProbabilityThreshold(p, 14), 0
		for range n {
			if th.Samples(rng.Uint64N(1 << 56)) {
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
		{"ot=rv:FD70A3D70A3D71;th:80000000000000", "ot=th:8;rv:FD70A3D70A3D71"},
		{strings.Repeat("x=y,", 31) + "z=1", "ot=th:8" + strings.Repeat(",x=y", 31)},
		{strings.Repeat("x=y,", 31) + "ot=rv:6e6d1a75832a2f", "ot=th:8;rv:6e6d1a75832a2f" + strings.Repeat(",x=y", 31)},
	} {
		if got := WithThreshold(c.state, 1<<55); got != c.want {
			t.Errorf("%q: %q, want %q", c.state, got, c.want)
		}
	}
}

// What others make of OpenTelemetry's member.
func TestStateThreshold(t *testing.T) {
	for state, want := range map[string]float64{ // the adjusted count; 0 if there is no threshold
		"ot=th:c": 4, " ot=th:c ": 4, "x=y , ot=th:c": 4, "ot=th:c000": 4, "ot=rv:12341234123412;p:2;th:c": 4, "ot=th:0": 1,
		"ot=th:FFFFFFFFFFFFFF": 1 << 56, "ot=th:555": 1 / (1 - 0x555p-12),
		"": 0, "ot=th:": 0, "ot=th:g": 0, "ot=th:$": 0, "ot=th:0x1p+3": 0, "ot=th:14.5": 0, "ot=th:-1": 0, "ot=th:+1": 0, "ot=th:1=p:2": 0,
		"ot=th:ffffffffffffffff": 0, "ot=th:100000000000000": 0, "ot=t:8": 0, "xot=th:c": 0, "ot@x=th:c": 0,
	} {
		th, ok := StateThreshold(state)
		if ok != (want > 0) || ok && th.AdjustedCount() != want {
			t.Errorf("%q: threshold %s, %t; want one that counts %v", state, th, ok, want)
		}
	}
	if got := Randomness("ot=rv:FD70A3D70A3D71", TraceID{}); got != 0xfd70a3d70a3d71 {
		t.Errorf("upper case is read as %x", got)
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
