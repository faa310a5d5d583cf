package traceql

import (
	"math"
	"testing"
)

func TestArithmetic(t *testing.T) {
	i, f, d := IntStatic, FloatStatic, DurationStatic
	for _, c := range []struct {
		a    Static
		op   Op
		b    Static
		want Static
	}{
		{i(7), Add, i(2), i(9)}, {i(7), Sub, i(9), i(-2)}, {i(7), Mul, i(-2), i(-14)},
		{i(7), Div, i(2), i(3)}, {i(-7), Div, i(2), i(-3)}, {i(-7), Mod, i(2), i(-1)},
		{i(2), Pow, i(10), i(1024)}, {i(-2), Pow, i(3), i(-8)}, {i(5), Pow, i(0), i(1)}, {i(2), Pow, i(-1), f(0.5)}, {i(0), Pow, i(-1), f(math.Inf(1))},

		// Integers wrap.
		{i(math.MaxInt64), Add, i(1), i(math.MinInt64)}, {i(math.MinInt64), Sub, i(1), i(math.MaxInt64)}, {i(1 << 62), Mul, i(4), i(0)},
		{i(math.MinInt64), Div, i(-1), i(math.MinInt64)}, {i(math.MinInt64), Mod, i(-1), i(0)}, {i(3), Pow, i(41), i(-420491770248316829)},

		// A float makes floats.
		{i(7), Div, f(2), f(3.5)}, {f(7), Mod, i(2), f(1)}, {f(0.5), Pow, i(2), f(0.25)}, {d(3), Mul, f(0.5), f(1.5)}, {f(1), Div, i(0), f(math.Inf(1))},

		// A duration makes durations, but what is divided by one is a ratio.
		{d(10), Add, i(1), d(11)}, {i(10), Sub, d(1), d(9)}, {d(7), Div, i(2), d(3)}, {i(2), Mul, d(3), d(6)}, {d(7), Mod, d(4), d(3)},
		{d(7), Div, d(2), f(3.5)}, {i(7), Div, d(2), f(3.5)},

		// There is no result.
		{i(1), Div, i(0), Static{}}, {i(1), Mod, d(0), Static{}}, {Static{}, Add, i(1), Static{}}, {i(1), Add, StringStatic("1"), Static{}},
		{StatusStatic(1), Add, i(1), Static{}}, {BoolStatic(true), Mul, f(1), Static{}},
	} {
		if got := arithmetic(c.op, c.a, c.b); got != c.want {
			t.Errorf("%s %s %s is %s, want %s", c.a, c.op, c.b, got, c.want)
		}
	}
	for _, c := range [][2]Static{
		{i(1), i(-1)}, {i(math.MinInt64), i(math.MinInt64)}, {f(0), f(math.Copysign(0, -1))}, {d(5), d(-5)}, {StringStatic("1"), {}}, {KindStatic(1), {}}, {},
	} {
		if got := negate(c[0]); got != c[1] {
			t.Errorf("-%s is %s, want %s", c[0], got, c[1])
		}
	}
}
