package traceql

import "math"

// arithmetic returns a op b, for Add, Sub, Mul, Div, Mod and Pow; nil if there is no result: an operand
// is no number, or an integer is divided by zero. With a float the result is a float. Integers truncate and
// wrap; durations are integers, of nanoseconds, and make the result a duration, but what is divided by
// one is a ratio, a float.
func arithmetic(op Op, a, b Static) Static {
	x, okA := a.Number()
	y, okB := b.Number()
	switch {
	case !okA || !okB:
		return Static{}
	case a.Type == TypeFloat || b.Type == TypeFloat || op == Pow && b.Int() < 0:
		return FloatStatic(floatOp(op, x, y))
	case b.Int() == 0 && (op == Div || op == Mod):
		return Static{}
	case op == Div && b.Type == TypeDuration:
		return FloatStatic(x / y)
	}
	typ := TypeInt
	if a.Type == TypeDuration || b.Type == TypeDuration {
		typ = TypeDuration
	}
	return Static{Type: typ, Num: uint64(intOp(op, a.Int(), b.Int()))}
}

func floatOp(op Op, x, y float64) float64 {
	switch op {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	case Div:
		return x / y
	case Mod:
		return math.Mod(x, y)
	}
	return math.Pow(x, y)
}

// intOp returns x op y. A divisor is not 0, an exponent not negative.
func intOp(op Op, x, y int64) int64 {
	switch op {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	case Div:
		return x / y
	case Mod:
		return x % y
	}
	power := int64(1)
	for ; y > 0; y >>= 1 {
		if y&1 != 0 {
			power *= x
		}
		x *= x
	}
	return power
}

// negate returns -v; nil if v is no number.
func negate(v Static) Static {
	switch v.Type {
	case TypeInt, TypeDuration:
		return Static{Type: v.Type, Num: -v.Num}
	case TypeFloat:
		return FloatStatic(-v.Float())
	}
	return Static{}
}
