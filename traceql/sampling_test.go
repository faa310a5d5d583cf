package traceql

import (
	"math"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
)

func TestStateWeight(t *testing.T) {
	for state, want := range map[string]float64{
		"":                       1,
		"ot=th:8":                2,
		"ot=th:c":                4,
		"ot=th:0":                1,
		"ot=th:fd70a3d70a3d71":   100,
		"ot=th:fff":              4096,
		"ot=th:ffffffffffffff":   math.Exp2(56),
		"ot=th:80000000000000":   2,
		"ot=rv:abcdef;th:8":      2,
		"a=1,ot=th:8;rv:1,b=2":   2,
		"a=1, ot = th:8":         1,
		"a=1, ot=th:8":           2,
		"ot=rv:1,b=th:8":         1,
		"vendor=s:1;ot=th:8,x=1": 2,
		"vendor=ot=th:c":         4,
		"root=th:8":              1,
		"root=1,ot=th:8":         2,
		"ot=th:":                 1,
		"ot=th:g":                1,
		"ot=th:-8":               1,
		"ot=th:+8":               1,
		"ot=th:0x8":              1,
		"ot=th:8_0":              1,
		"ot=th:800000000000000":  1, // too long
		"ot=th:8;th:c":           2,
		"th:8":                   1,
	} {
		if got := span.AdjustedCount(state); relativeError(got, want) > 1e-12 {
			t.Errorf("%q weighs %v, want %v", state, got, want)
		}
	}
}

func TestSeriesHints(t *testing.T) {
	hint := func(name string, v Static) Hint { return Hint{Name: name, Value: v} }
	for _, test := range []struct {
		name      string
		hints     []Hint
		whole     bool
		exemplars int
		want      seriesHints
		factor    float64
	}{
		{"none", nil, false, 7, seriesHints{exemplars: 7}, 1},
		{"default exemplars", nil, false, -1, seriesHints{exemplars: 100}, 1},
		{"exact sample", []Hint{hint("sample", BoolStatic(true))}, false, 0, seriesHints{spans: 1}, 1},
		{"sample of spans", []Hint{hint("sample", FloatStatic(.1))}, false, 0, seriesHints{spans: 10}, 10},
		{"sample of traces", []Hint{hint("sample", FloatStatic(.1))}, true, 0, seriesHints{traces: 10}, 10},
		{"both", []Hint{hint("span_sample", FloatStatic(.5)), hint("trace_sample", FloatStatic(.3))}, false, 0, seriesHints{spans: 2, traces: 3}, 6},
		{"no share", []Hint{hint("sample", FloatStatic(1)), hint("span_sample", FloatStatic(0)), hint("trace_sample", FloatStatic(-1))},
			false, 0, seriesHints{spans: 1, traces: 1}, 1},
		{"wrong types", []Hint{hint("sample", IntStatic(1)), hint("extrapolate", IntStatic(1)), hint("exemplars", StringStatic("5"))},
			false, 3, seriesHints{spans: 1, exemplars: 3}, 1},
		{"not a number", []Hint{hint("span_sample", FloatStatic(math.NaN()))}, false, 0, seriesHints{spans: 1}, 1},
		{"very small", []Hint{hint("span_sample", FloatStatic(math.SmallestNonzeroFloat64))}, false, 0, seriesHints{spans: 1 << 32}, 1 << 32},
		{"exemplars", []Hint{hint("exemplars", IntStatic(5))}, false, 0, seriesHints{exemplars: 5}, 1},
		{"all exemplars", []Hint{hint("exemplars", BoolStatic(true))}, false, 0, seriesHints{exemplars: 100}, 1},
		{"no exemplars", []Hint{hint("exemplars", BoolStatic(false))}, false, 50, seriesHints{}, 1},
		{"too many exemplars", []Hint{hint("exemplars", IntStatic(1e6))}, false, 0, seriesHints{exemplars: 100}, 1},
		{"negative exemplars", []Hint{hint("exemplars", IntStatic(-1))}, false, 2, seriesHints{exemplars: 2}, 1},
		{"extrapolate", []Hint{hint("extrapolate", BoolStatic(true)), hint("unknown", BoolStatic(true))}, false, 0, seriesHints{extrapolate: true}, 1},
	} {
		got := readSeriesHints(test.hints, test.whole, test.exemplars)
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
		if got.factor() != test.factor {
			t.Errorf("%s: the factor is %v, want %v", test.name, got.factor(), test.factor)
		}
	}
}

// TestSample holds that a sample is about as large as it should be, is always the same, and has
// all spans of a trace or none if it is of traces.
func TestSample(t *testing.T) {
	chunks := newMemoryChunks(8)
	for _, hints := range []seriesHints{{spans: 4}, {traces: 4}, {spans: 2, traces: 2}} {
		kept := 0
		for _, c := range chunks {
			rows := slices.Clone(c.live)
			hints.sample(c, rows)
			again := slices.Clone(c.live)
			hints.sample(c, again)
			for i := range rows {
				if rows[i] != again[i] {
					t.Fatalf("%+v: another sample the second time", hints)
				}
			}
			kept += rows.Count()
			for _, run := range c.runs {
				if n := rows.CountIn(run.Lo, run.Hi); hints.spans == 0 && n != 0 && n != run.Hi-run.Lo {
					t.Fatalf("%d of the %d spans of a trace", n, run.Hi-run.Lo)
				}
			}
		}
		if share := float64(kept) / float64(len(chunks)*memoryRows); math.Abs(share-.25) > .03 {
			t.Errorf("%+v: a share of %v, want .25", hints, share)
		}
	}
}
