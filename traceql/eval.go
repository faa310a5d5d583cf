package traceql

import (
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// holds reports whether "l op r" is true, for Equal to GreaterEqual.
func holds(op Op, l, r Static) bool {
	switch {
	case l.Type == TypeArray:
		return isScalar(r) && anyElement(op == NotEqual, l, func(e Static) bool { return holds(op, e, r) })
	case r.Type == TypeArray:
		return isScalar(l) && anyElement(op == NotEqual, r, func(e Static) bool { return holds(op, l, e) })
	case isCode(l) || isCode(r):
		if l.Type != r.Type && l.Type != TypeInt && r.Type != TypeInt {
			return false
		}
		return op == Equal && l.Num == r.Num || op == NotEqual && l.Num != r.Num
	}
	return storeOps[op].Holds(scalarOf(l), scalarOf(r))
}

func isScalar(v Static) bool { return TypeNil < v.Type && v.Type < TypeBytes }

func isCode(v Static) bool { return v.Type == TypeStatus || v.Type == TypeKind }

// scalarOf returns a value as the store compares it; the empty value if it compares with nothing.
func scalarOf(v Static) span.Value {
	switch v.Type {
	case TypeInt, TypeDuration:
		return span.Value{Type: span.Int, Num: v.Num}
	case TypeFloat:
		return span.Value{Type: span.Float, Num: v.Num}
	case TypeString:
		return span.StringValue(v.Str)
	case TypeBool:
		return span.Value{Type: span.Bool, Num: v.Num}
	}
	return span.Value{}
}

// anyElement judges an array of elements of one scalar type: whether all of them satisfy a condition, or any.
func anyElement(all bool, array Static, holds func(Static) bool) bool {
	elements, err := span.Value{Type: span.Array, Str: array.Str}.Elements()
	if err != nil {
		return false
	}
	for _, e := range elements {
		if e.Type != elements[0].Type || e.Type == span.Empty || e.Type >= span.Bytes {
			return false
		}
	}
	for _, e := range elements {
		if holds(StaticOf(e)) != all {
			return !all
		}
	}
	return all
}

// matches reports whether v is a string that "=~", or with not "!~", holds on.
func matches(re *store.Regex, not bool, v Static) bool {
	return v.Type == TypeString && re.MatchString(v.Str) != not
}

// value is an expression's value on each row. An attribute with several values has the first.
type value interface {
	at(e *env, row int) Static
}

type (
	constantOf  struct{ Static }
	slotOf      int // a column of the env
	arithmetics struct {
		op   Op
		l, r value
	}
	negated struct{ x value }
	truth   struct { // of a condition, which is evaluated once for a chunk
		node  narrower
		place int
	}
)

// value compiles an expression that is evaluated for each row.
func (p *planner) value(x Expr) (value, error) {
	if v, ok := constantValue(x); ok {
		return constantOf{v}, nil
	}
	switch x := x.(type) {
	case *Attribute:
		return slotOf(p.slot(x)), nil
	case *Unary:
		if x.Op == Neg {
			v, err := p.value(x.X)
			return negated{v}, err
		}
	case *Binary:
		if x.Op > NotRegex {
			l, err := p.value(x.L)
			if err != nil {
				return nil, err
			}
			r, err := p.value(x.R)
			return arithmetics{x.Op, l, r}, err
		}
	}
	c, err := p.condition(x)
	p.truths++
	return truth{p.node(c), p.truths - 1}, err
}

func (v constantOf) at(*env, int) Static   { return v.Static }
func (v slotOf) at(e *env, row int) Static { return e.slot(int(v)).value(row) }
func (v arithmetics) at(e *env, row int) Static {
	return arithmetic(v.op, v.l.at(e, row), v.r.at(e, row))
}
func (v negated) at(e *env, row int) Static { return negate(v.x.at(e, row)) }
func (v truth) at(e *env, row int) Static   { return BoolStatic(e.truth(v).Has(row)) }
