package store

import (
	"cmp"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
)

var (
	str  = span.StringValue
	num  = span.IntValue
	flt  = span.FloatValue
	yes  = span.BoolValue(true)
	no   = span.BoolValue(false)
	list = span.ArrayValue
	nan  = math.NaN()
)

func TestOrder(t *testing.T) {
	const none = 2 // not comparable
	for _, c := range []struct {
		a, b span.Value
		want int
	}{
		{num(1), num(2), -1},
		{num(math.MinInt64), num(math.MaxInt64), -1},
		{num(1), flt(1), 0},
		{num(0), flt(math.Copysign(0, -1)), 0},
		{flt(0), flt(math.Copysign(0, -1)), 0},
		{num(1), flt(1.5), -1},
		{num(-1), flt(-1.5), 1},
		{num(-2), flt(-1.5), -1},
		// Beyond 2^53 a float64 cannot hold every integer.
		{num(1<<53 + 1), flt(1 << 53), 1},
		{num(1<<53 + 1), flt(1<<53 + 2), -1},
		{num(-1<<53 - 1), flt(-1 << 53), -1},
		{num(math.MaxInt64), flt(1 << 63), -1},
		{num(math.MaxInt64), flt(math.Nextafter(1<<63, 0)), 1},
		{num(math.MinInt64), flt(-1 << 63), 0},
		{num(math.MinInt64), flt(math.Nextafter(-1<<63, math.Inf(-1))), 1},
		{num(math.MaxInt64), flt(math.Inf(1)), -1},
		{num(math.MinInt64), flt(math.Inf(-1)), 1},
		{num(0), flt(math.SmallestNonzeroFloat64), -1},
		{num(1), flt(nan), none},
		{flt(nan), flt(nan), none},
		{str("a"), str("b"), -1},
		{str("Z"), str("a"), -1},
		{str("\xff"), str("é"), 1},
		{str(""), str("\x00"), -1},
		{span.BytesValue("a"), span.BytesValue("ab"), -1},
		{str("a"), span.BytesValue("a"), none},
		{str("1"), num(1), none},
		{no, yes, -1},
		{yes, num(1), none},
		{span.Value{}, span.Value{}, none},
		{list(), list(), none},
		{span.MapValue(), span.MapValue(), none},
	} {
		check := func(a, b span.Value, want int) {
			got, ok := Order(a, b)
			if !ok {
				got = none
			}
			if got != want {
				t.Errorf("Order(%v, %v) = %d, want %d", a, b, got, want)
			}
		}
		check(c.a, c.b, c.want)
		if c.want == none {
			check(c.b, c.a, none)
		} else {
			check(c.b, c.a, -c.want)
		}
	}
}

func TestOrderOfNumbersIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	exact := func(v span.Value) *big.Float {
		if v.Type == span.Int {
			return new(big.Float).SetInt64(v.Int())
		}
		return new(big.Float).SetFloat64(v.Float())
	}
	for range 200_000 {
		a, b := randomNumber(rng), randomNumber(rng)
		if rng.IntN(2) == 0 { // the float next to an integer, or the integer next to a float
			b = neighbour(rng, a)
		}
		if a.Type == span.Float && math.IsNaN(a.Float()) || b.Type == span.Float && math.IsNaN(b.Float()) {
			continue
		}
		if got, ok := Order(a, b); !ok || got != exact(a).Cmp(exact(b)) {
			t.Fatalf("Order(%v, %v) = %d, %v, want %d", literal(a), literal(b), got, ok, exact(a).Cmp(exact(b)))
		}
	}
}

func randomNumber(rng *rand.Rand) span.Value {
	bits := rng.Uint64() >> rng.IntN(64)
	switch rng.IntN(3) {
	case 0:
		return num(int64(bits))
	case 1:
		return num(-int64(bits))
	}
	return flt(math.Float64frombits(rng.Uint64()))
}

func neighbour(rng *rand.Rand, v span.Value) span.Value {
	if v.Type == span.Int {
		f := float64(v.Int())
		return flt([]float64{f, math.Nextafter(f, math.Inf(1)), math.Nextafter(f, math.Inf(-1)), f + 0.5}[rng.IntN(4)])
	}
	f := max(min(v.Float(), 1<<62), -1<<62)
	return num(int64(f) + rng.Int64N(3) - 1)
}

func TestOpHolds(t *testing.T) {
	ops := []Op{Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual}
	for _, c := range []struct {
		have, want span.Value
		holds      []Op
	}{
		{num(1), num(1), []Op{Equal, LessEqual, GreaterEqual}},
		{num(1), flt(1), []Op{Equal, LessEqual, GreaterEqual}},
		{num(1), flt(1.5), []Op{NotEqual, Less, LessEqual}},
		{flt(2), num(1), []Op{NotEqual, Greater, GreaterEqual}},
		{flt(nan), num(1), nil},
		{num(1), flt(nan), nil},
		{flt(nan), flt(nan), nil},
		{str("a"), str("a"), []Op{Equal, LessEqual, GreaterEqual}},
		{str("a"), str("b"), []Op{NotEqual, Less, LessEqual}},
		{str("1"), num(1), nil},
		{str("a"), span.BytesValue("a"), nil},
		{span.BytesValue("b"), span.BytesValue("a"), []Op{NotEqual, Greater, GreaterEqual}},
		{yes, yes, []Op{Equal}},
		{yes, no, []Op{NotEqual}},
		{no, yes, []Op{NotEqual}},
		{yes, num(1), nil},
		{span.Value{}, span.Value{}, nil},
		{span.Value{}, str(""), nil},
		{span.MapValue(), span.MapValue(), nil},

		{list(num(1), num(3)), num(3), []Op{Equal, Less, LessEqual, GreaterEqual}},
		{list(num(1), num(3)), num(2), []Op{NotEqual, Less, LessEqual, Greater, GreaterEqual}},
		{list(flt(1), flt(3)), num(5), []Op{NotEqual, Less, LessEqual}},
		{list(str("a"), str("b")), str("c"), []Op{NotEqual, Less, LessEqual}},
		{list(yes, no), yes, []Op{Equal}},
		{list(no), yes, []Op{NotEqual}},
		{list(), num(1), []Op{NotEqual}},
		{list(str("a")), num(1), nil}, // no element is of a comparable type
		{list(flt(nan), flt(1)), num(1), []Op{Equal, LessEqual, GreaterEqual}},
		{list(flt(nan), flt(1)), num(2), []Op{Less, LessEqual}}, // NaN != 2 is false
		{list(num(1), str("1")), num(1), nil},                   // mixed
		{list(num(1), flt(1)), num(1), nil},                     // mixed
		{list(list(num(1))), num(1), nil},                       // nested
		{list(span.BytesValue("a")), span.BytesValue("a"), nil},
		{list(span.Value{}), num(1), nil},
		{num(1), list(num(1)), nil},
		{list(num(1)), list(num(1)), nil},
		{span.Value{Type: span.Array, Str: "\xff"}, num(1), nil}, // malformed
	} {
		for _, op := range ops {
			if got, want := op.Holds(c.have, c.want), slices.Contains(c.holds, op); got != want {
				t.Errorf("%s %s %s = %v, want %v", literal(c.have), op, literal(c.want), got, want)
			}
		}
	}
}

func TestCompareValuesIsATotalOrder(t *testing.T) {
	sorted := []span.Value{
		{},
		str(""), str("a"), str("b"), str("\xff"),
		no, yes,
		num(math.MinInt64), num(-1), num(0), num(1<<53 + 1), num(math.MaxInt64),
		flt(nan), span.Value{Type: span.Float, Num: math.Float64bits(nan) | 1<<63},
		flt(math.Inf(-1)), flt(-1), flt(0), flt(math.Copysign(0, -1)), flt(math.SmallestNonzeroFloat64), flt(math.Inf(1)),
		span.BytesValue(""), span.BytesValue("a"),
		list(), list(num(1)),
		span.MapValue(),
	}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := CompareValues(a, b), cmp.Compare(i, j); got != want {
				t.Errorf("CompareValues(%s, %s) = %d, want %d", literal(a), literal(b), got, want)
			}
		}
	}
}
