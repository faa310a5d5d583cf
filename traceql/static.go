package traceql

import (
	"math"

	"github.com/clewhq/clew/span"
)

// Type is the type of a Static.
type Type uint8

const (
	TypeNil Type = iota
	TypeInt
	TypeFloat
	TypeString
	TypeBool
	TypeDuration // nanoseconds
	TypeStatus   // OTLP's StatusCode: 0 unset, 1 ok, 2 error
	TypeKind     // OTLP's SpanKind
	TypeBytes    // from data only
	TypeArray    // from data only: Str is an encoded OTLP ArrayValue
	TypeMap      // from data only: Str is an encoded OTLP KeyValueList
)

// Static is a value of the language. Statics can be compared with ==, and used as keys of maps.
type Static struct {
	Type Type
	Num  uint64 // Int, Duration, Status, Kind: two's complement; Float: IEEE 754 bits; Bool: 0 or 1
	Str  string // String, Bytes, Array, Map
}

func IntStatic(i int64) Static      { return Static{Type: TypeInt, Num: uint64(i)} }
func FloatStatic(f float64) Static  { return Static{Type: TypeFloat, Num: math.Float64bits(f)} }
func StringStatic(s string) Static  { return Static{Type: TypeString, Str: s} }
func DurationStatic(d int64) Static { return Static{Type: TypeDuration, Num: uint64(d)} }
func StatusStatic(code int) Static  { return Static{Type: TypeStatus, Num: uint64(code)} }
func KindStatic(kind int) Static    { return Static{Type: TypeKind, Num: uint64(kind)} }
func BoolStatic(b bool) Static {
	if b {
		return Static{Type: TypeBool, Num: 1}
	}
	return Static{Type: TypeBool}
}

func (s Static) Int() int64     { return int64(s.Num) }
func (s Static) Float() float64 { return math.Float64frombits(s.Num) }
func (s Static) Bool() bool     { return s.Num != 0 }

// staticTypes has the Static type of each type of value. An empty value counts as nil.
var staticTypes = [...]Type{
	span.Empty: TypeNil, span.String: TypeString, span.Bool: TypeBool, span.Int: TypeInt,
	span.Float: TypeFloat, span.Bytes: TypeBytes, span.Array: TypeArray, span.Map: TypeMap,
}

// StaticOf returns a value of the store as a Static.
func StaticOf(v span.Value) Static { return Static{Type: staticTypes[v.Type], Num: v.Num, Str: v.Str} }

// Number returns the value of an Int, a Float or a Duration (in nanoseconds) as a float; ok is false for other types.
func (s Static) Number() (f float64, ok bool) {
	switch s.Type {
	case TypeInt, TypeDuration:
		return float64(s.Int()), true
	case TypeFloat:
		return s.Float(), true
	}
	return 0, false
}
