package span

import (
	"math"
)

// Type is the type of an attribute value, as OTLP's AnyValue has them.
// The numbers are part of the block format (docs/format.md): never renumber.
type Type uint8

const (
	Empty  Type = iota // an AnyValue in which nothing is set
	String             // UTF-8 by contract, any bytes in fact
	Bool
	Int
	Float
	Bytes
	Array // an encoded OTLP ArrayValue message
	Map   // an encoded OTLP KeyValueList message
	numTypes
)

var typeNames = [numTypes]string{"empty", "string", "bool", "int", "float", "bytes", "array", "map"}

func (t Type) String() string {
	if t < numTypes {
		return typeNames[t]
	}
	return "invalid"
}

// InDict reports whether values of the type are kept as a Ref into a dictionary.
// All others are kept as 64 bits: 0 or 1, two's complement, or IEEE 754.
func (t Type) InDict() bool { return t == String || t >= Bytes }

// Value is one attribute value on its own, outside of a Batch. Values can be compared with ==.
type Value struct {
	Type Type
	Str  string // String and Bytes: the bytes. Array and Map: the encoded message, see Elements and Pairs.
	Num  uint64 // Bool: 0 or 1. Int: two's complement. Float: IEEE 754 bits.
}

func StringValue(s string) Value { return Value{Type: String, Str: s} }
func BytesValue(b string) Value  { return Value{Type: Bytes, Str: b} }
func IntValue(i int64) Value     { return Value{Type: Int, Num: uint64(i)} }
func FloatValue(f float64) Value { return Value{Type: Float, Num: math.Float64bits(f)} }
func BoolValue(b bool) Value {
	if b {
		return Value{Type: Bool, Num: 1}
	}
	return Value{Type: Bool}
}

func (v Value) Int() int64     { return int64(v.Num) }
func (v Value) Float() float64 { return math.Float64frombits(v.Num) }
func (v Value) Bool() bool     { return v.Num != 0 }
