package api

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/traceql"
)

// Attribute is a named value.
type Attribute struct {
	Name string `json:"name"` // as TraceQL writes it
	TypedValue
}

// TypedValue is a value with its type: nil, int, float, string, bool, duration,
// status, kind, bytes, array or map. An int is a string, as JavaScript would
// round it; so is a duration, in nanoseconds. status and kind are TraceQL's words,
// bytes are base64.
type TypedValue struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

var typeNames = [...]string{
	traceql.TypeNil: "nil", traceql.TypeInt: "int", traceql.TypeFloat: "float", traceql.TypeString: "string",
	traceql.TypeBool: "bool", traceql.TypeDuration: "duration", traceql.TypeStatus: "status", traceql.TypeKind: "kind",
	traceql.TypeBytes: "bytes", traceql.TypeArray: "array", traceql.TypeMap: "map",
}

func typedValue(s traceql.Static) TypedValue {
	return TypedValue{typeNames[s.Type], appendStatic(nil, s)}
}

func attributeList(values []traceql.NamedValue) []Attribute {
	if len(values) == 0 {
		return nil
	}
	list := make([]Attribute, len(values))
	for i, v := range values {
		list[i] = Attribute{v.Name, typedValue(v.Value)}
	}
	return list
}

// appendStatic appends a value as JSON.
func appendStatic(dst []byte, s traceql.Static) []byte {
	switch s.Type {
	case traceql.TypeInt, traceql.TypeDuration:
		dst = append(dst, '"')
		return append(strconv.AppendInt(dst, s.Int(), 10), '"')
	case traceql.TypeStatus:
		return appendWord(dst, statusNames, s)
	case traceql.TypeKind:
		return appendWord(dst, kindNames, s)
	}
	v := span.Value{Type: valueTypes[s.Type], Num: s.Num, Str: s.Str}
	plain, err := appendPlain(dst, v)
	if err != nil { // an array or map that nobody can read
		return append(dst, "null"...)
	}
	return plain
}

// appendWord appends the word for a status or kind, in lower case; for one that OTLP does not define, its number.
func appendWord(dst []byte, names []string, s traceql.Static) []byte {
	if s.Num < uint64(len(names)) {
		return strconv.AppendQuote(dst, strings.ToLower(names[s.Num]))
	}
	return append(strconv.AppendInt(append(dst, '"'), s.Int(), 10), '"')
}

// valueTypes has what appendPlain takes for the types that it writes.
var valueTypes = [...]span.Type{
	traceql.TypeNil: span.Empty, traceql.TypeFloat: span.Float, traceql.TypeString: span.String, traceql.TypeBool: span.Bool,
	traceql.TypeBytes: span.Bytes, traceql.TypeArray: span.Array, traceql.TypeMap: span.Map,
}

// Numbers is a list in which NaN stands for a number that is not there: null in JSON.
// Infinite ones are the strings "Infinity" and "-Infinity".
type Numbers []float64

// MarshalJSON implements json.Marshaler.
func (n Numbers) MarshalJSON() ([]byte, error) {
	text := make([]byte, 1, 8*len(n)+2)
	text[0] = '['
	for i, f := range n {
		if i > 0 {
			text = append(text, ',')
		}
		if math.IsNaN(f) {
			text = append(text, "null"...)
		} else {
			text = appendFloat(text, f)
		}
	}
	return append(text, ']'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Numbers) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*n = make(Numbers, len(list))
	for i, text := range list {
		switch string(text) {
		case "null":
			(*n)[i] = math.NaN()
		case `"Infinity"`:
			(*n)[i] = math.Inf(1)
		case `"-Infinity"`:
			(*n)[i] = math.Inf(-1)
		default:
			if err := json.Unmarshal(text, &(*n)[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
