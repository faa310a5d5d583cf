package traceql

import (
	"encoding/hex"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// pushedID returns the comparison of an id with a text as one of its bytes. For = and != the text is an id,
// maybe without leading zeros; all else is about the digits.
func pushedID(f store.Field, op Op, c Static) store.Predicate {
	if c.Type != TypeString {
		return never
	}
	size := len(span.SpanID{})
	if f.Intrinsic == store.TraceID || f.Intrinsic == store.LinkTraceID {
		size = len(span.TraceID{})
	}
	compare := func(op store.Op, digits string) store.Predicate {
		id, _ := hex.DecodeString(digits) // it has digits only
		return store.Compare{Field: f, Op: op, Value: span.BytesValue(string(id))}
	}
	var present store.Predicate = store.Exists{Field: f}
	switch first, ok := firstID(c.Str, 2*size); {
	case op == Equal && !isID(c.Str, 2*size):
		return never
	case op == NotEqual && !isID(c.Str, 2*size):
		return present
	case op == Equal || op == NotEqual:
		return compare(storeOps[op], strings.Repeat("0", 2*size-len(c.Str))+c.Str)
	case ok && first == c.Str:
		return compare(storeOps[op], first)
	case ok && (op == Less || op == LessEqual):
		return compare(store.Less, first)
	case ok:
		return compare(store.GreaterEqual, first)
	case op == Less || op == LessEqual:
		return present
	}
	return never
}

// firstID returns the digits of the first id of so many that does not come before a text; ok is false if all do.
func firstID(text string, digits int) (first string, ok bool) {
	const hexDigits = "0123456789abcdef"
	id := []byte(strings.Repeat("0", digits))
	for i := range id {
		if i == len(text) {
			return string(id), true
		}
		next := strings.IndexFunc(hexDigits, func(d rune) bool { return d >= rune(text[i]) })
		if next < 0 {
			return nextID(id, i)
		}
		if id[i] = hexDigits[next]; id[i] > text[i] {
			return string(id), true
		}
	}
	if len(text) > digits {
		return nextID(id, digits)
	}
	return string(id), true
}

// nextID returns the digits of the first id behind all that begin with n given digits; ok is false if there is none.
func nextID(id []byte, n int) (next string, ok bool) {
	for n--; n >= 0; n-- {
		switch id[n] {
		case 'f':
			id[n] = '0'
			continue
		case '9':
			id[n] = 'a'
		default:
			id[n]++
		}
		return string(id), true
	}
	return "", false
}

// idDigits returns how many hex digits the ids have that x stands for, 0 if it stands for none.
func idDigits(x Expr) int {
	if a, ok := x.(*Attribute); ok && a.Scope == store.IntrinsicScope {
		switch a.Intrinsic {
		case TraceID, LinkTraceID:
			return 2 * len(span.TraceID{})
		case SpanID, SpanParentID, LinkSpanID:
			return 2 * len(span.SpanID{})
		}
	}
	return 0
}

// sameID reports whether two texts are the same id of so many digits, leading zeros and case aside.
func sameID(a, b string, digits int) bool {
	return isID(a, digits) && isID(b, digits) &&
		strings.EqualFold(strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0"))
}

func isID(text string, digits int) bool {
	return len(text) > 0 && len(text) <= digits && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
