package span

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Nested values (Array, Map) are kept as OTLP encodes them, opentelemetry.proto.common.v1:
//
//	AnyValue     { string 1; bool 2; int64 3; double 4; ArrayValue 5; KeyValueList 6; bytes 7 }
//	ArrayValue   { repeated AnyValue 1 }
//	KeyValueList { repeated KeyValue 1 }
//	KeyValue     { string key 1; AnyValue value 2 }

// MaxDepth is how deep values may nest.
const MaxDepth = 64

// ErrDepth reports a value that nests deeper than MaxDepth.
var ErrDepth = fmt.Errorf("attribute value nests deeper than %d levels", MaxDepth)

var errWire = errors.New("malformed protobuf")

// DecodeAny reads an encoded AnyValue. The value's Str shares memory with
// nothing. Nested messages are not looked into; CheckAny does that. The last
// member set wins, and a list merges with the same kind of list before it.
func DecodeAny(msg []byte) (Value, error) {
	var v Value
	var list []byte // of an Array or Map
	err := eachField(msg, func(num protowire.Number, typ protowire.Type, raw []byte, n uint64) error {
		want := protowire.BytesType
		switch num {
		case 2, 3, 8:
			want = protowire.VarintType
		case 4:
			want = protowire.Fixed64Type
		case 1, 5, 6, 7:
		default:
			return nil
		}
		if typ != want {
			return fmt.Errorf("%w: field %d of AnyValue has wire type %d", errWire, num, typ)
		}
		switch num {
		case 1:
			v = StringValue(string(raw))
		case 2:
			v = BoolValue(n != 0)
		case 3:
			v = Value{Type: Int, Num: n}
		case 4:
			v = Value{Type: Float, Num: n}
		case 5, 6:
			t := Array + Type(num-5)
			if v.Type != t {
				v, list = Value{Type: t}, nil
			}
			list = append(list, raw...)
		case 7:
			v = BytesValue(string(raw))
		case 8: // string_value_strindex: only in profiles, but of the oneof
			v = Value{}
		}
		return nil
	})
	if v.Type == Array || v.Type == Map {
		v.Str = string(list)
	}
	return v, err
}

// CheckAny verifies an encoded AnyValue to its leaves, at depth levels below the top.
func CheckAny(msg []byte, depth int) error {
	v, err := DecodeAny(msg)
	if err != nil {
		return err
	}
	return v.check(depth)
}

func (v Value) check(depth int) error {
	if v.Type != Array && v.Type != Map {
		return nil
	}
	if depth >= MaxDepth {
		return ErrDepth
	}
	return v.members(func(_ string, member []byte) error { return CheckAny(member, depth+1) })
}

// Check verifies that an Array or Map is well formed to its leaves.
func (v Value) Check() error { return v.check(0) }

// Elements returns the elements of an Array.
func (v Value) Elements() ([]Value, error) {
	var list []Value
	err := v.members(func(_ string, member []byte) error {
		e, err := DecodeAny(member)
		list = append(list, e)
		return err
	})
	return list, err
}

// Pairs returns the members of a Map.
func (v Value) Pairs() ([]KeyValue, error) {
	var list []KeyValue
	err := v.members(func(key string, member []byte) error {
		e, err := DecodeAny(member)
		list = append(list, KeyValue{key, e})
		return err
	})
	return list, err
}

// members calls f with the encoded AnyValue of each member of an Array or Map.
func (v Value) members(f func(key string, member []byte) error) error {
	return eachField([]byte(v.Str), func(num protowire.Number, typ protowire.Type, raw []byte, _ uint64) error {
		if num != 1 {
			return nil
		}
		if typ != protowire.BytesType {
			return fmt.Errorf("%w: nested value has wire type %d", errWire, typ)
		}
		if v.Type == Array {
			return f("", raw)
		}
		var key string
		var member []byte
		err := eachField(raw, func(num protowire.Number, typ protowire.Type, raw []byte, _ uint64) error {
			if num != 1 && num != 2 {
				return nil
			}
			if typ != protowire.BytesType {
				return fmt.Errorf("%w: field %d of KeyValue has wire type %d", errWire, num, typ)
			}
			switch {
			case num == 1:
				key = string(raw)
			case member == nil:
				member = slices.Clip(raw)
			default: // occurrences merge
				member = append(member, raw...)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return f(key, member)
	})
}

func eachField(msg []byte, f func(num protowire.Number, typ protowire.Type, raw []byte, n uint64) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return fmt.Errorf("%w: %w", errWire, protowire.ParseError(n))
		}
		msg = msg[n:]
		var raw []byte
		var bits uint64
		switch typ {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(msg)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(msg)
		case protowire.BytesType:
			raw, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return fmt.Errorf("%w: %w", errWire, protowire.ParseError(n))
		}
		if err := f(num, typ, raw, bits); err != nil {
			return err
		}
		msg = msg[n:]
	}
	return nil
}

// AppendAny appends the OTLP encoding of v as an AnyValue message, without a length.
func AppendAny(dst []byte, v Value) []byte {
	switch v.Type {
	case String:
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		return protowire.AppendString(dst, v.Str)
	case Bool:
		dst = protowire.AppendTag(dst, 2, protowire.VarintType)
		return protowire.AppendVarint(dst, v.Num)
	case Int:
		dst = protowire.AppendTag(dst, 3, protowire.VarintType)
		return protowire.AppendVarint(dst, v.Num)
	case Float:
		dst = protowire.AppendTag(dst, 4, protowire.Fixed64Type)
		return protowire.AppendFixed64(dst, v.Num)
	case Array, Map, Bytes:
		num := map[Type]protowire.Number{Array: 5, Map: 6, Bytes: 7}[v.Type]
		dst = protowire.AppendTag(dst, num, protowire.BytesType)
		return protowire.AppendString(dst, v.Str)
	}
	return dst
}

// ArrayValue makes an Array of elements.
func ArrayValue(elements ...Value) Value {
	var msg []byte
	for _, e := range elements {
		msg = protowire.AppendTag(msg, 1, protowire.BytesType)
		msg = protowire.AppendBytes(msg, AppendAny(nil, e))
	}
	return Value{Type: Array, Str: string(msg)}
}

// MapValue makes a Map of members.
func MapValue(members ...KeyValue) Value {
	var msg []byte
	for _, m := range members {
		var kv []byte
		kv = protowire.AppendTag(kv, 1, protowire.BytesType)
		kv = protowire.AppendString(kv, m.Key)
		kv = protowire.AppendTag(kv, 2, protowire.BytesType)
		kv = protowire.AppendBytes(kv, AppendAny(nil, m.Value))
		msg = protowire.AppendTag(msg, 1, protowire.BytesType)
		msg = protowire.AppendBytes(msg, kv)
	}
	return Value{Type: Map, Str: string(msg)}
}

// Number returns the value of an Int or Float as a float64; ok is false for other types.
func (v Value) Number() (f float64, ok bool) {
	switch v.Type {
	case Int:
		return float64(v.Int()), true
	case Float:
		return math.Float64frombits(v.Num), true
	}
	return 0, false
}
