package store

import (
	"cmp"
	"encoding/hex"
	"math"
	"strings"

	"github.com/clewhq/clew/span"
)

// Holds reports whether "have op want" is true, by the rules of Op.
func (o Op) Holds(have, want span.Value) bool {
	if have.Type == span.Array {
		return o.holdsArray(have, want)
	}
	order, ok := Order(have, want)
	return ok && o.accepts(order, have.Type)
}

func (o Op) accepts(order int, t span.Type) bool {
	switch o {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	}
	if t == span.Bool {
		return false
	}
	switch o {
	case Less:
		return order < 0
	case LessEqual:
		return order <= 0
	case Greater:
		return order > 0
	}
	return order >= 0
}

func (o Op) holdsArray(have, want span.Value) bool {
	elements, ok := scalars(have)
	if !ok {
		return false
	}
	for _, e := range elements {
		if holds := o.Holds(e, want); holds != (o == NotEqual) {
			return holds
		}
	}
	return o == NotEqual
}

// scalars returns the elements of an array of one scalar type; ok is false for any other array.
func scalars(v span.Value) ([]span.Value, bool) {
	elements, err := v.Elements()
	if err != nil {
		return nil, false
	}
	for _, e := range elements {
		switch e.Type {
		case span.String, span.Bool, span.Int, span.Float:
			if e.Type != elements[0].Type {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return elements, true
}

// Order compares two values of comparable types; ok is false if they are not
// comparable, and for NaN. Bools are ordered false before true.
func Order(a, b span.Value) (order int, ok bool) {
	switch {
	case a.Type == span.Int && b.Type == span.Int:
		return cmp.Compare(a.Int(), b.Int()), true
	case a.Type == span.Float && b.Type == span.Float:
		return orderFloats(a.Float(), b.Float())
	case a.Type == span.Int && b.Type == span.Float:
		return orderIntFloat(a.Int(), b.Float())
	case a.Type == span.Float && b.Type == span.Int:
		order, ok = orderIntFloat(b.Int(), a.Float())
		return -order, ok
	case a.Type != b.Type:
		return 0, false
	case a.Type == span.String || a.Type == span.Bytes:
		return strings.Compare(a.Str, b.Str), true
	case a.Type == span.Bool:
		return cmp.Compare(a.Num, b.Num), true
	}
	return 0, false
}

// CompareValues is the order of sorted values: by type, then numbers by
// magnitude (NaN first, equal floats by their bits) and all others bytewise.
// It is 0 only for values that are ==.
func CompareValues(a, b span.Value) int {
	if order := cmp.Compare(a.Type, b.Type); order != 0 {
		return order
	}
	switch a.Type {
	case span.Int:
		return cmp.Compare(a.Int(), b.Int())
	case span.Float:
		return cmp.Or(cmp.Compare(a.Float(), b.Float()), cmp.Compare(a.Num, b.Num))
	}
	return cmp.Or(strings.Compare(a.Str, b.Str), cmp.Compare(a.Num, b.Num))
}

func orderFloats(a, b float64) (int, bool) {
	if math.IsNaN(a) || math.IsNaN(b) {
		return 0, false
	}
	return cmp.Compare(a, b), true
}

// orderIntFloat compares exactly, also where float64 cannot hold the integer.
func orderIntFloat(i int64, f float64) (int, bool) {
	switch {
	case math.IsNaN(f):
		return 0, false
	case f >= 1<<63:
		return -1, true
	case f < -(1 << 63):
		return 1, true
	}
	whole := math.Trunc(f)
	if order := cmp.Compare(i, int64(whole)); order != 0 {
		return order, true
	}
	return cmp.Compare(0, f-whole), true
}

// Holds reports whether v satisfies the condition, by the rules of Matches.
func (m Matches) Holds(v span.Value) bool {
	if v.Type == span.Bytes && m.Field.OfID() {
		v = span.StringValue(hex.EncodeToString([]byte(v.Str)))
	}
	if v.Type == span.String {
		return m.Regex.MatchString(v.Str) != m.Not
	}
	elements, ok := scalars(v)
	if v.Type != span.Array || !ok {
		return false
	}
	for _, e := range elements {
		if e.Type != span.String {
			return false
		}
		if m.Regex.MatchString(e.Str) {
			return !m.Not
		}
	}
	return m.Not
}
