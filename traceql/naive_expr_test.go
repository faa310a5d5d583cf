package traceql

import (
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// holds reports whether e is true on the span.
func (v naiveView) holds(e Expr) bool {
	conjuncts := []Expr{e}
	for i := 0; i < len(conjuncts); i++ {
		if and, ok := conjuncts[i].(*Binary); ok && and.Op == And {
			conjuncts = slices.Replace(conjuncts, i, i+1, and.L, and.R)
			i--
		}
	}
	together := map[naiveSubject][]Expr{}
	for _, c := range conjuncts {
		if s := naiveSubjectOf(c); s != (naiveSubject{}) {
			together[s] = append(together[s], c)
		} else if !v.holdsAlone(c) {
			return false
		}
	}
	for s, list := range together {
		if !slices.ContainsFunc(v.each(s), func(one naiveView) bool {
			return !slices.ContainsFunc(list, func(c Expr) bool { return !one.holdsAlone(c) })
		}) {
			return false
		}
	}
	return true
}

// holdsAlone is holds for one condition of a && chain.
func (v naiveView) holdsAlone(e Expr) bool {
	switch e := e.(type) {
	case *Attribute:
		return slices.ContainsFunc(v.values(e), func(x Static) bool { return naiveHolds(Equal, x, BoolStatic(true)) })
	case *Binary:
		if e.Op == Or {
			return v.holds(e.L) || v.holds(e.R)
		}
		if naiveCompares(e.Op) {
			return v.compares(e)
		}
	case *Unary:
		if e.Op == Not {
			return !v.holds(e.X)
		}
	}
	return v.eval(e) == BoolStatic(true)
}

// naiveSubject is what conditions in one && chain have to hold on together.
type naiveSubject struct {
	event, link bool // one of them, or neither: each condition stands by itself
	parent      bool
}

// naiveSubjectOf returns what a condition is about, if it is about events or about links only.
func naiveSubjectOf(e Expr) naiveSubject {
	switch e := e.(type) {
	case *Attribute:
		switch {
		case e.Scope == store.EventScope, e.Intrinsic == EventName, e.Intrinsic == EventTimeSinceStart:
			return naiveSubject{event: true, parent: e.Parent}
		case e.Scope == store.LinkScope, e.Intrinsic == LinkTraceID, e.Intrinsic == LinkSpanID:
			return naiveSubject{link: true, parent: e.Parent}
		}
	case *Binary:
		if e.Op == And || e.Op == Or {
			if s := naiveSubjectOf(e.L); s == naiveSubjectOf(e.R) {
				return s
			}
		}
		if naiveCompares(e.Op) {
			if a, ok := e.L.(*Attribute); ok && naiveIsConst(e.R) {
				return naiveSubjectOf(a)
			}
			if a, ok := e.R.(*Attribute); ok && naiveIsConst(e.L) {
				return naiveSubjectOf(a)
			}
		}
	}
	return naiveSubject{}
}

// each returns the span once for each of its events or links, with no other left.
func (v naiveView) each(s naiveSubject) (views []naiveView) {
	row := v.own
	if s.parent {
		row = v.parent
	}
	if row == nil {
		return nil
	}
	add := func(one span.Span) {
		view := v
		if s.parent {
			view.parent = &one
		} else {
			view.own = &one
		}
		views = append(views, view)
	}
	for i := range row.Events {
		if one := *row; s.event {
			one.Events = row.Events[i : i+1]
			add(one)
		}
	}
	for i := range row.Links {
		if one := *row; s.link {
			one.Links = row.Links[i : i+1]
			add(one)
		}
	}
	return views
}

func naiveCompares(op Op) bool { return op >= Equal && op <= NotRegex }

func naiveIsConst(e Expr) bool {
	switch e := e.(type) {
	case *Const:
		return true
	case *Unary:
		return naiveIsConst(e.X)
	case *Binary:
		return naiveIsConst(e.L) && naiveIsConst(e.R)
	}
	return false
}

// eval returns the value of e; TypeNil if it has none. A field with several values has the first.
func (v naiveView) eval(e Expr) Static {
	switch e := e.(type) {
	case *Const:
		return e.Value
	case *Attribute:
		if list := v.values(e); len(list) > 0 {
			return list[0]
		}
		return Static{}
	case *Unary:
		if e.Op == Not {
			return BoolStatic(!v.holds(e.X))
		}
		return naiveArithmetic(Sub, IntStatic(0), v.eval(e.X))
	case *Binary:
		if e.Op == And || e.Op == Or || naiveCompares(e.Op) {
			return BoolStatic(v.holds(e))
		}
		return naiveArithmetic(e.Op, v.eval(e.L), v.eval(e.R))
	}
	panic("BUG: an expression of a form that there is not")
}

// compares judges a comparison.
func (v naiveView) compares(e *Binary) bool {
	left, right := v.sideOf(e.L, e.R), v.sideOf(e.R, e.L)
	switch nilLeft, nilRight := naiveIsNil(e.L), naiveIsNil(e.R); {
	case nilLeft && nilRight:
		return false
	case nilLeft:
		return (len(right) == 0) == (e.Op == Equal)
	case nilRight:
		return (len(left) == 0) == (e.Op == Equal)
	}
	id := naiveIDDigits(e.L) + naiveIDDigits(e.R)
	return slices.ContainsFunc(left, func(l Static) bool {
		return slices.ContainsFunc(right, func(r Static) bool {
			if id > 0 && (e.Op == Equal || e.Op == NotEqual) && l.Type == TypeString && r.Type == TypeString {
				return (naivePadID(l.Str, id) == naivePadID(r.Str, id)) == (e.Op == Equal)
			}
			return naiveHolds(e.Op, l, r)
		})
	})
}

// sideOf returns the values that a side of a comparison has: all of a field that is compared with a constant.
func (v naiveView) sideOf(e, other Expr) []Static {
	if a, ok := e.(*Attribute); ok && naiveIsConst(other) {
		return v.values(a)
	}
	if a, ok := e.(*Attribute); ok && len(v.values(a)) == 0 {
		return nil
	}
	if value := v.eval(e); value.Type != TypeNil {
		return []Static{value}
	}
	return nil
}

func naiveIsNil(e Expr) bool {
	c, ok := e.(*Const)
	return ok && c.Value.Type == TypeNil
}

// naiveIDDigits returns how many hex digits the ids have that e stands for, 0 if it stands for none.
func naiveIDDigits(e Expr) int {
	if a, ok := e.(*Attribute); ok {
		switch a.Intrinsic {
		case TraceID, LinkTraceID:
			return 32
		case SpanID, SpanParentID, LinkSpanID:
			return 16
		}
	}
	return 0
}

// naivePadID makes the text of an id comparable, and leaves what is none as it is.
func naivePadID(text string, digits int) string {
	if !regexp.MustCompile(`^[0-9a-fA-F]+$`).MatchString(text) || len(text) > digits {
		return text
	}
	return strings.Repeat("0", digits-len(text)) + strings.ToLower(text)
}

// naiveHolds reports whether "l op r" is true.
func naiveHolds(op Op, l, r Static) bool {
	none := func(s Static) bool { return s.Type == TypeNil || s.Type == TypeBytes || s.Type == TypeMap }
	switch {
	case none(l), none(r), l.Type == TypeArray && r.Type == TypeArray:
		return false
	case l.Type == TypeArray:
		return naiveOverElements(op, l, func(e Static) bool { return naiveHolds(op, e, r) })
	case r.Type == TypeArray:
		return naiveOverElements(op, r, func(e Static) bool { return naiveHolds(op, l, e) })
	case op == Regex || op == NotRegex:
		return l.Type == TypeString && r.Type == TypeString && naiveMatchesWhole(r.Str, l.Str) == (op == Regex)
	case naiveIsNumber(l) && naiveIsNumber(r):
		return naiveOrderFits(op, naiveExactNumber(l).Cmp(naiveExactNumber(r)))
	case l.Type == TypeString && r.Type == TypeString:
		return naiveOrderFits(op, strings.Compare(l.Str, r.Str))
	case l.Type == TypeBool && r.Type == TypeBool, naiveIsEnum(l) && (r.Type == l.Type || r.Type == TypeInt), naiveIsEnum(r) && l.Type == TypeInt:
		return op == Equal && l.Num == r.Num || op == NotEqual && l.Num != r.Num
	}
	return false
}

// naiveOverElements judges an array: != and !~ hold if they do for every element, all else if it does for one.
func naiveOverElements(op Op, array Static, holds func(Static) bool) bool {
	elements, err := span.Value{Type: span.Array, Str: array.Str}.Elements()
	if err != nil {
		return false
	}
	for _, e := range elements {
		if e.Type != elements[0].Type || e.Type == span.Empty || e.Type >= span.Bytes {
			return false
		}
	}
	if op == NotEqual || op == NotRegex {
		return !slices.ContainsFunc(elements, func(e span.Value) bool { return !holds(StaticOf(e)) })
	}
	return slices.ContainsFunc(elements, func(e span.Value) bool { return holds(StaticOf(e)) })
}

func naiveMatchesWhole(expr, text string) bool {
	whole, err := regexp.Compile(`(?s)\A(?:` + expr + `)\z`)
	if err != nil { // expr ends in an open \Q
		whole = regexp.MustCompile(`(?s)\A(?:` + expr + `\E)\z`)
	}
	return whole.MatchString(text)
}

func naiveIsEnum(s Static) bool { return s.Type == TypeStatus || s.Type == TypeKind }

// naiveIsNumber leaves NaN out, which compares with nothing.
func naiveIsNumber(s Static) bool {
	return s.Type == TypeInt || s.Type == TypeDuration || s.Type == TypeFloat && !math.IsNaN(s.Float())
}

// naiveExactNumber holds any int64 and any float64 without rounding.
func naiveExactNumber(s Static) *big.Float {
	if s.Type == TypeFloat {
		return new(big.Float).SetFloat64(s.Float())
	}
	return new(big.Float).SetInt64(s.Int())
}

func naiveOrderFits(op Op, order int) bool {
	return map[Op]bool{
		Equal: order == 0, NotEqual: order != 0, Less: order < 0, LessEqual: order <= 0, Greater: order > 0, GreaterEqual: order >= 0,
	}[op]
}

// naiveArithmetic returns l op r, TypeNil if there is no such value.
func naiveArithmetic(op Op, l, r Static) Static {
	number := func(s Static) bool { return naiveIsNumber(s) || s.Type == TypeFloat }
	switch {
	case !number(l) || !number(r):
		return Static{}
	case l.Type == TypeFloat || r.Type == TypeFloat, op == Pow && r.Int() < 0:
		return FloatStatic(naiveFloat(op, naiveAsFloat(l), naiveAsFloat(r)))
	case (op == Div || op == Mod) && r.Int() == 0:
		return Static{}
	case op == Div && r.Type == TypeDuration: // how many times
		return FloatStatic(naiveAsFloat(l) / naiveAsFloat(r))
	case l.Type == TypeDuration || r.Type == TypeDuration:
		return DurationStatic(naiveInt(op, l.Int(), r.Int()))
	}
	return IntStatic(naiveInt(op, l.Int(), r.Int()))
}

func naiveAsFloat(s Static) float64 {
	if s.Type == TypeFloat {
		return s.Float()
	}
	return float64(s.Int())
}

func naiveFloat(op Op, l, r float64) float64 {
	switch op {
	case Add:
		return l + r
	case Sub:
		return l - r
	case Mul:
		return l * r
	case Div:
		return l / r
	case Mod:
		return math.Mod(l, r)
	}
	return math.Pow(l, r)
}

// naiveInt wraps around: the exact result, cut to 64 bits.
func naiveInt(op Op, l, r int64) int64 {
	a, b, mod := big.NewInt(l), big.NewInt(r), new(big.Int).Lsh(big.NewInt(1), 64)
	switch op {
	case Add:
		a.Add(a, b)
	case Sub:
		a.Sub(a, b)
	case Mul:
		a.Mul(a, b)
	case Div:
		a.Quo(a, b)
	case Mod:
		a.Rem(a, b)
	case Pow:
		a.Exp(a.Mod(a, mod), b, mod)
	}
	return int64(a.Mod(a, mod).Uint64())
}
