package storetest

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/clewhq/clew/span"
)

// encode returns bytes that are equal for two spans if and only if the spans
// are: floats by their bits, lists with their order.
func encode(s *span.Span) string {
	var e encoder
	e = append(e, s.TraceID[:]...)
	e = append(e, s.SpanID[:]...)
	e = append(e, s.Parent[:]...)
	e.str(s.TraceState, s.Name, s.Message)
	e.num(uint64(s.Flags), uint64(s.Kind), s.Start, s.End, uint64(s.Status))
	e.num(uint64(s.Dropped.Attrs), uint64(s.Dropped.Events), uint64(s.Dropped.Links))
	e.attrs(s.Attrs)
	e.num(uint64(len(s.Events)))
	for _, v := range s.Events {
		e.num(v.Time, uint64(v.DroppedAttrs))
		e.str(v.Name)
		e.attrs(v.Attrs)
	}
	e.num(uint64(len(s.Links)))
	for _, l := range s.Links {
		e = append(e, l.TraceID[:]...)
		e = append(e, l.SpanID[:]...)
		e.num(uint64(l.Flags), uint64(l.DroppedAttrs))
		e.str(l.TraceState)
		e.attrs(l.Attrs)
	}
	e.num(uint64(s.Resource.DroppedAttrs), uint64(s.Scope.DroppedAttrs))
	e.str(s.Resource.SchemaURL, s.Resource.EntityRefs, s.Scope.Name, s.Scope.Version, s.Scope.SchemaURL)
	e.attrs(s.Resource.Attrs)
	e.attrs(s.Scope.Attrs)
	return string(e)
}

type encoder []byte

func (e *encoder) num(list ...uint64) {
	for _, n := range list {
		*e = binary.AppendUvarint(*e, n)
	}
}

func (e *encoder) str(list ...string) {
	for _, s := range list {
		e.num(uint64(len(s)))
		*e = append(*e, s...)
	}
}

func (e *encoder) attrs(list []span.KeyValue) {
	e.num(uint64(len(list)))
	for _, kv := range list {
		e.str(kv.Key)
		e.value(kv.Value)
	}
}

func (e *encoder) value(v span.Value) {
	e.num(uint64(v.Type), v.Num)
	e.str(v.Str)
}

// formatValue writes a value so that different values read differently.
func formatValue(v span.Value) string {
	switch v.Type {
	case span.Empty:
		return "empty"
	case span.String:
		return fmt.Sprintf("%q", v.Str)
	case span.Bool:
		return fmt.Sprint(v.Bool())
	case span.Int:
		return fmt.Sprint(v.Int())
	case span.Float:
		if f := v.Float(); !math.IsNaN(f) {
			return fmt.Sprintf("float(%v)", f)
		}
		return fmt.Sprintf("NaN(%#x)", v.Num)
	case span.Bytes:
		return fmt.Sprintf("0x%x", v.Str)
	case span.Array:
		if list, err := v.Elements(); err == nil && span.ArrayValue(list...) == v {
			return formatValues(list)
		}
	case span.Map:
		if list, err := v.Pairs(); err == nil && span.MapValue(list...) == v {
			return formatAttrs(list)
		}
	}
	return fmt.Sprintf("%s(0x%x)", v.Type, v.Str)
}

func formatValues(list []span.Value) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = formatValue(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func formatAttrs(list []span.KeyValue) string {
	parts := make([]string, len(list))
	for i, kv := range list {
		parts[i] = fmt.Sprintf("%q", kv.Key) + ": " + formatValue(kv.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
