package span

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// The published message definitions are the oracle of these tests.

func TestValuesAreOTLPMessages(t *testing.T) {
	err := quick.Check(func(v Value) bool {
		v = toUTF8(t, v) // the oracle takes no other strings
		msg := AppendAny(nil, v)
		if err := CheckAny(msg, 0); err != nil {
			t.Errorf("CheckAny(%x): %v", msg, err)
		}
		if got, err := DecodeAny(msg); err != nil || got != v {
			t.Errorf("DecodeAny(%x) = %v, %v, want %v", msg, got, err, v)
		}
		var pb commonpb.AnyValue
		if err := proto.Unmarshal(msg, &pb); err != nil {
			t.Errorf("AppendAny(%v) is no AnyValue: %v", v, err)
		}
		sameAsProto(t, v, &pb)
		return !t.Failed()
	}, quickConfig(5, 2000))
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzAny: what passes CheckAny is readable to its leaves, and says the same to the oracle.
func FuzzAny(f *testing.F) {
	rng := quickConfig(6, 0).Rand
	for range 50 {
		f.Add(AppendAny(nil, randomValue(rng, 3)))
	}
	f.Add([]byte{0x0a})                                        // a string without its length
	f.Add([]byte{0x0a, 1, 'a', 0x18, 5})                       // two set fields
	f.Add([]byte{0x08, 1})                                     // a string as varint
	f.Add([]byte{0x2a, 2, 0x0b, 0x0c})                         // an empty group inside an array
	f.Add([]byte{0x32, 4, 0x0a, 2, 0x10, 1})                   // a member whose value is a varint
	f.Add(AppendAny(nil, nestedArrays(MaxDepth+1)))            // too deep
	f.Add([]byte{0x2a, 8, 0x0a, 6, 0x32, 4, 0x0a, 2, 0x0a, 0}) // a map in an array
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := bytes.Clone(msg)
		err := CheckAny(msg, 0)
		if !bytes.Equal(msg, before) {
			t.Fatal("CheckAny changes its input")
		}
		if err != nil {
			if !errors.Is(err, errWire) && !errors.Is(err, ErrDepth) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		v, err := DecodeAny(msg)
		if err != nil || v.Check() != nil {
			t.Fatalf("CheckAny takes it, but DecodeAny: %v, Check: %v", err, v.Check())
		}
		v = toUTF8(t, v)
		var pb commonpb.AnyValue
		if err := proto.Unmarshal(AppendAny(nil, v), &pb); err != nil {
			t.Fatalf("%v written again is no AnyValue: %v", v, err)
		}
		sameAsProto(t, v, &pb)
	})
}

// toUTF8 rebuilds v with invalid strings and keys replaced, and without what a decoder skips.
func toUTF8(t *testing.T, v Value) Value {
	clean := func(s string) string { return strings.ToValidUTF8(s, "?") }
	switch v.Type {
	case String:
		return StringValue(clean(v.Str))
	case Array:
		list, err := v.Elements()
		if err != nil {
			t.Fatalf("Elements of %x: %v", v.Str, err)
		}
		for i := range list {
			list[i] = toUTF8(t, list[i])
		}
		return ArrayValue(list...)
	case Map:
		list, err := v.Pairs()
		if err != nil {
			t.Fatalf("Pairs of %x: %v", v.Str, err)
		}
		for i, kv := range list {
			list[i] = KeyValue{clean(kv.Key), toUTF8(t, kv.Value)}
		}
		return MapValue(list...)
	}
	return v
}

func sameAsProto(t *testing.T, v Value, pb *commonpb.AnyValue) {
	t.Helper()
	var want Value
	switch x := pb.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		want = StringValue(x.StringValue)
	case *commonpb.AnyValue_BoolValue:
		want = BoolValue(x.BoolValue)
	case *commonpb.AnyValue_IntValue:
		want = IntValue(x.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		want = FloatValue(x.DoubleValue)
	case *commonpb.AnyValue_BytesValue:
		want = BytesValue(string(x.BytesValue))
	case *commonpb.AnyValue_ArrayValue:
		list, err := v.Elements()
		if v.Type != Array || err != nil || len(list) != len(x.ArrayValue.GetValues()) {
			t.Fatalf("%v: %d elements, %v, the oracle has %v", v, len(list), err, x)
		}
		for i, e := range list {
			sameAsProto(t, e, x.ArrayValue.Values[i])
		}
		return
	case *commonpb.AnyValue_KvlistValue:
		list, err := v.Pairs()
		if v.Type != Map || err != nil || len(list) != len(x.KvlistValue.GetValues()) {
			t.Fatalf("%v: %d pairs, %v, the oracle has %v", v, len(list), err, x)
		}
		for i, kv := range list {
			if kv.Key != x.KvlistValue.Values[i].GetKey() {
				t.Fatalf("key %q, the oracle has %q", kv.Key, x.KvlistValue.Values[i].GetKey())
			}
			sameAsProto(t, kv.Value, x.KvlistValue.Values[i].GetValue())
		}
		return
	}
	if v != want {
		t.Fatalf("%v, the oracle has %v", v, want)
	}
}

func TestDecodeAnyReadsEncodersOfOthers(t *testing.T) {
	field := func(num protowire.Number, raw string) string {
		return string(protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), raw))
	}
	for _, c := range []struct {
		name, msg string
		want      Value
	}{
		{"nothing set", "", Value{}},
		{"an unknown field", field(99, "x"), Value{}},
		{"an unknown field behind", "\x18\x05" + field(99, "x"), IntValue(5)},
		{"the last of two", field(1, "a") + "\x18\x05", IntValue(5)},
		{"a bool above 1", "\x10\x07", BoolValue(true)},
		{"a negative int", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", IntValue(-1)},
		{"empty bytes", field(7, ""), BytesValue("")},
		{"an empty array", field(5, ""), ArrayValue()},
	} {
		if got, err := DecodeAny([]byte(c.msg)); err != nil || got != c.want {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	v := Value{Type: Map, Str: field(1, field(1, "k")) + field(2, "?") + field(1, field(2, "\x18\x01"))}
	want := []KeyValue{{"k", Value{}}, {"", IntValue(1)}}
	if got, err := v.Pairs(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("members that lack a value or a key: %v, %v, want %v", got, err, want)
	}
}

func TestMalformedValuesAreErrors(t *testing.T) {
	for name, msg := range map[string]string{
		"a tag cut short":              "\xff",
		"field number 0":               "\x02\x00",
		"a length past the end":        "\x0a\x05ab",
		"a string as varint":           "\x08\x01",
		"an int as string":             "\x1a\x01\x01",
		"a double as varint":           "\x20\x01",
		"a double cut short":           "\x21\x00\x00",
		"an endless varint":            "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"a bad element in an array":    "\x2a\x03\x0a\x01\xff",
		"an element as varint":         "\x2a\x02\x08\x01",
		"a bad member in a map":        "\x32\x03\x0a\x01\xff",
		"a bad value in a map":         "\x32\x05\x0a\x03\x12\x01\xff",
		"a key as varint in a map":     "\x32\x04\x0a\x02\x08\x01",
		"a bad map inside of an array": "\x2a\x05\x0a\x03\x32\x01\xff",
	} {
		if err := CheckAny([]byte(msg), 0); !errors.Is(err, errWire) {
			t.Errorf("%s: %v, want an error about malformed protobuf", name, err)
		}
	}
}

func nestedArrays(depth int) Value {
	v := IntValue(1)
	for range depth {
		v = ArrayValue(v)
	}
	return v
}

func TestDepthIsLimited(t *testing.T) {
	if err := nestedArrays(MaxDepth).Check(); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	if err := nestedArrays(MaxDepth + 1).Check(); !errors.Is(err, ErrDepth) {
		t.Errorf("%d levels: %v, want ErrDepth", MaxDepth+1, err)
	}
	if err := CheckAny(AppendAny(nil, nestedArrays(1)), MaxDepth); !errors.Is(err, ErrDepth) {
		t.Errorf("an array below %d levels: %v, want ErrDepth", MaxDepth, err)
	}
	maps := Value{}
	for range MaxDepth + 1 {
		maps = MapValue(KeyValue{"k", maps})
	}
	if err := maps.Check(); !errors.Is(err, ErrDepth) {
		t.Errorf("%d levels of maps: %v, want ErrDepth", MaxDepth+1, err)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v    Value
		want float64
		ok   bool
	}{
		{IntValue(-3), -3, true},
		{IntValue(math.MaxInt64), 1 << 63, true},
		{FloatValue(2.5), 2.5, true},
		{StringValue("1"), 0, false},
		{BoolValue(true), 0, false},
		{Value{}, 0, false},
	} {
		if f, ok := c.v.Number(); f != c.want || ok != c.ok {
			t.Errorf("%v.Number() = %v, %v, want %v, %v", c.v, f, ok, c.want, c.ok)
		}
	}
	if f, ok := FloatValue(math.NaN()).Number(); !ok || !math.IsNaN(f) {
		t.Errorf("NaN.Number() = %v, %v", f, ok)
	}
}
