package analyze

import (
	"math"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// conditions returns conditions of TraceQL that hold on the spans that have a value of an attribute, and on all others; "" if
// there are none.
func (v *DifferingValue) conditions(a traceql.Attribute) (in, out string) {
	switch v.Kind {
	case OneValue:
		if canBeWritten(v.Value) {
			return bothWays(compared(a, traceql.Equal, v.Value))
		}
	case ValueRange:
		return rangeConditions(a, v.From, v.To)
	case AbsentValue:
		return absenceConditions(a)
	}
	return "", ""
}

func compared(a traceql.Attribute, op traceql.Op, with traceql.Static) *traceql.Binary {
	return &traceql.Binary{Op: op, L: &a, R: &traceql.Const{Value: with}}
}

// bothWays returns a condition and its opposite, which holds where the attribute is missing too.
func bothWays(x traceql.Expr) (in, out string) {
	not := traceql.Unary{Op: traceql.Not, X: x}
	return x.String(), not.String()
}

// canBeWritten reports whether TraceQL can write a value down.
func canBeWritten(value traceql.Static) bool {
	switch value.Type {
	case traceql.TypeString, traceql.TypeBool, traceql.TypeInt, traceql.TypeDuration:
		return true
	case traceql.TypeFloat:
		return !math.IsInf(value.Float(), 0)
	case traceql.TypeStatus:
		return value.Int() >= 0 && value.Int() <= 2
	case traceql.TypeKind:
		return value.Int() >= 0 && value.Int() <= 5
	}
	return false
}

func rangeConditions(a traceql.Attribute, from, to traceql.Static) (in, out string) {
	switch none := traceql.TypeNil; {
	case from.Type == none && to.Type == none:
		return bothWays(compared(a, traceql.NotEqual, traceql.Static{}))
	case from.Type == none:
		return bothWays(compared(a, traceql.Less, to))
	case to.Type == none:
		return bothWays(compared(a, traceql.GreaterEqual, from))
	}
	return bothWays(&traceql.Binary{Op: traceql.And, L: compared(a, traceql.GreaterEqual, from), R: compared(a, traceql.Less, to)})
}

// absenceConditions returns conditions that hold on the spans without an attribute, and on those with it, if there are.
func absenceConditions(a traceql.Attribute) (in, out string) {
	switch {
	case a.Scope == store.ResourceScope && a.Name == serviceField.Key: // without a name it is ""
		return bothWays(compared(a, traceql.Equal, traceql.StringStatic("")))
	case a.Intrinsic == traceql.EventName: // which every event has
		out, in = bothWays(compared(a, traceql.Regex, traceql.StringStatic(".*")))
	case a.Scope == store.IntrinsicScope: // which every span has, or every trace with a root
	case a.Scope == store.EventScope || a.Scope == store.LinkScope: // = nil holds if one of several lacks it
		out, in = bothWays(compared(a, traceql.NotEqual, traceql.Static{}))
	default:
		in, out = compared(a, traceql.Equal, traceql.Static{}).String(), compared(a, traceql.NotEqual, traceql.Static{}).String()
	}
	return in, out
}
