package traceql

import (
	"strings"

	"github.com/clewhq/clew/store"
)

// check fails if a query that could be parsed makes no sense.
func check(q *Query) {
	if q.Metrics != nil {
		checkMetrics(q.Metrics)
		return
	}
	checkPipeline(q.Search)
}

func checkPipeline(p *Pipeline) {
	for _, s := range p.Stages {
		switch s := s.(type) {
		case SpansetExpr:
			checkSpanset(s)
		case *Group:
			typeOf(s.Key)
			checkMentionsSpan(s.Key, "by()")
		case *ScalarFilter:
			l, r := checkScalar(s.L), checkScalar(s.R)
			if !l && !r {
				fail(s.Pos, "unexpected comparison of constants: one side needs an aggregate, as in count() > 1")
			}
		}
	}
}

func checkSpanset(s SpansetExpr) {
	switch s := s.(type) {
	case *Filter:
		checkFilter(s)
	case *Pipeline:
		checkPipeline(s)
	case *SpansetOp:
		checkSpanset(s.L)
		checkSpanset(s.R)
		if s.Op.precedence() == precCompare && (isGrouped(s.L) || isGrouped(s.R)) {
			fail(s.Pos, "%q needs one spanset on each side, but by() gives several: put coalesce() behind it", s.Op)
		}
	}
}

// isGrouped reports whether a spanset expression gives several spansets, which by() makes.
func isGrouped(s SpansetExpr) bool {
	switch s := s.(type) {
	case *SpansetOp:
		return s.Op.precedence() == precLogic && (isGrouped(s.L) || isGrouped(s.R))
	case *Pipeline:
		grouped := false
		for _, stage := range s.Stages {
			switch stage := stage.(type) {
			case *Group:
				grouped = true
			case *Coalesce:
				grouped = false
			case SpansetExpr:
				grouped = grouped || isGrouped(stage)
			}
		}
		return grouped
	}
	return false
}

func checkFilter(f *Filter) {
	if f.Body == nil {
		return
	}
	if t := typeOf(f.Body); t != TypeBool && t != anyType {
		fail(startOf(f.Body), "a filter has to be true or false, but %s is of type %s%s",
			ExprString(f.Body), typeName(t), compareInstead(f.Body))
	}
}

// compareInstead says how a bare intrinsic becomes a condition.
func compareInstead(e Expr) string {
	a, ok := e.(*Attribute)
	if !ok {
		return ""
	}
	operands := map[Type]string{TypeString: ` = "..."`, TypeDuration: " > 1s", TypeInt: " > 0", TypeStatus: " = error", TypeKind: " = server"}
	return ": compare it, as in " + a.String() + operands[typeOf(a)]
}

func checkMentionsSpan(e Expr, what string) {
	if !mentionsSpan(e) {
		fail(startOf(e), "%s of the constant %s says nothing about spans: an attribute or an intrinsic is needed", what, ExprString(e))
	}
}

func mentionsSpan(e Expr) bool {
	switch e := e.(type) {
	case *Attribute:
		return true
	case *Unary:
		return mentionsSpan(e.X)
	case *Binary:
		return mentionsSpan(e.L) || mentionsSpan(e.R)
	}
	return false
}

// startOf returns where an expression begins, leaving out parentheses.
func startOf(e Expr) Pos {
	for {
		switch x := e.(type) {
		case *Binary:
			e = x.L
		case *Unary:
			return x.Pos
		case *Attribute:
			return x.Pos
		case *Const:
			return x.Pos
		}
	}
}

// checkScalar reports whether the scalar has an aggregate.
func checkScalar(s Scalar) bool {
	switch s := s.(type) {
	case *Aggregate:
		checkAggregate(s)
		return true
	case *ScalarPipeline:
		checkPipeline(s.Pipeline)
		return checkScalar(s.Value)
	case *ScalarOp:
		l, r := checkScalar(s.L), checkScalar(s.R)
		checkDivision(s.Op, s.R, s.Pos)
		return l || r
	}
	return false
}

func checkAggregate(a *Aggregate) {
	if a.Arg == nil {
		return
	}
	if t := typeOf(a.Arg); !isNumeric(t) {
		fail(startOf(a.Arg), "%s() needs a number or a duration, but %s is of type %s", a.Func, ExprString(a.Arg), typeName(t))
	}
	checkMentionsSpan(a.Arg, a.Func.String()+"()")
}

// checkDivision fails at a division by the constant zero. The divisor is an Expr, a Scalar or Metrics.
func checkDivision(op Op, divisor node, pos Pos) {
	c, ok := divisor.(*Const)
	if ok && (op == Div || op == Mod) && c.Value.isNumber() && c.Value.Type != TypeFloat && c.Value.Num == 0 {
		fail(pos, "division by zero")
	}
}

func checkMetrics(m Metrics) {
	switch m := m.(type) {
	case *Series:
		checkPipeline(m.Pipeline)
		if m.Attr != nil {
			if t := typeOf(m.Attr); !isNumeric(t) {
				fail(m.Attr.Pos, "%s() needs a number or a duration, but %s is of type %s", m.Func, m.Attr, typeName(t))
			}
		}
		if m.Compare != nil {
			checkFilter(m.Compare.Filter)
		}
	case *MetricsOp:
		for _, side := range []Metrics{m.L, m.R} {
			checkMetrics(side)
			checkNoCompare(side, m.Pos)
		}
	case *MetricsStage:
		checkMetrics(m.Of)
		checkNoCompare(m.Of, m.Pos)
	}
}

func checkNoCompare(m Metrics, pos Pos) {
	if s, ok := m.(*Series); ok && s.Func == CompareFunc {
		fail(pos, "the answer of compare() cannot be ranked, compared or calculated with")
	}
}

// isNumeric reports whether values of a static type are numbers, or may be.
func isNumeric(t Type) bool {
	return t == TypeInt || t == TypeFloat || t == TypeDuration || t == anyType
}

func isBoolean(t Type) bool { return t == TypeBool || t == anyType }

// typeOf returns the static type of an expression, and fails if its operators do not go with their operands.
func typeOf(e Expr) Type {
	switch e := e.(type) {
	case *Const:
		return e.Value.Type
	case *Attribute:
		if e.Scope == store.IntrinsicScope {
			return intrinsicTable[e.Intrinsic].typ
		}
	case *Unary:
		return unaryType(e)
	case *Binary:
		return binaryType(e)
	}
	return anyType
}

func unaryType(e *Unary) Type {
	t := typeOf(e.X)
	switch {
	case e.Op == Neg && !isNumeric(t):
		fail(e.Pos, `"-" needs a number or a duration, but %s is of type %s`, ExprString(e.X), typeName(t))
	case e.Op == Not && !isBoolean(t):
		fail(e.Pos, `"!" needs something that is true or false, but %s is of type %s%s`, ExprString(e.X), typeName(t), notBindsTight(e.X))
	}
	return t
}

// notBindsTight explains !name = "x".
func notBindsTight(e Expr) string {
	if _, ok := e.(*Attribute); ok {
		return `; "!" binds tighter than a comparison: write !(...)`
	}
	return ""
}

func binaryType(e *Binary) Type {
	l, r := typeOf(e.L), typeOf(e.R)
	switch {
	case l == TypeNil || r == TypeNil:
		checkNil(e, l, r)
	case e.Op == And || e.Op == Or:
		checkOperand(e, e.L, l, isBoolean, "something that is true or false")
		checkOperand(e, e.R, r, isBoolean, "something that is true or false")
	case e.Op.isArithmetic():
		checkOperand(e, e.L, l, isNumeric, "a number or a duration")
		checkOperand(e, e.R, r, isNumeric, "a number or a duration")
		checkDivision(e.Op, e.R, e.Pos)
		return arithmeticType(l, r)
	case e.Op == Regex || e.Op == NotRegex:
		checkRegex(e, l)
	default:
		checkComparison(e, l, r)
	}
	return TypeBool
}

func checkOperand(e *Binary, operand Expr, t Type, fits func(Type) bool, needs string) {
	if !fits(t) {
		fail(startOf(operand), "%q needs %s on both sides, but %s is of type %s", e.Op, needs, ExprString(operand), typeName(t))
	}
}

func arithmeticType(l, r Type) Type {
	for _, t := range []Type{anyType, TypeFloat, TypeDuration} {
		if l == t || r == t {
			return t
		}
	}
	return TypeInt
}

// checkNil checks an operator that has nil on a side.
func checkNil(e *Binary, l, r Type) {
	if e.Op != Equal && e.Op != NotEqual {
		fail(e.Pos, "%q cannot take nil: only = and != can", e.Op)
	}
	if e.Op == NotEqual {
		return
	}
	for _, side := range []Expr{e.L, e.R} {
		if a, ok := side.(*Attribute); ok && a.neverNil() {
			fail(e.Pos, "%s is never nil: every span has it", a)
		}
	}
}

// neverNil reports whether every span has the attribute (or every event or link, if it is of these).
func (a *Attribute) neverNil() bool {
	if a.Parent {
		return false
	}
	return a.Scope == store.IntrinsicScope && a.Intrinsic != SpanParentID ||
		a.Scope == store.ResourceScope && a.Name == "service.name"
}

func checkRegex(e *Binary, l Type) {
	c, ok := e.R.(*Const)
	if !ok || c.Value.Type != TypeString {
		fail(startOf(e.R), "%q needs a regular expression in quotes on its right side", e.Op)
	}
	if l != TypeString && l != anyType {
		fail(startOf(e.L), "%q needs text on its left side, but %s is of type %s", e.Op, ExprString(e.L), typeName(l))
	}
	if _, err := store.NewRegex(c.Value.Str); err != nil {
		fail(c.Pos, "bad regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
}

func checkComparison(e *Binary, l, r Type) {
	if !areComparable(l, r) {
		fail(e.Pos, "%s and %s cannot be compared: they are of type %s and %s%s",
			ExprString(e.L), ExprString(e.R), typeName(l), typeName(r), unquoteInstead(e, l, r))
	}
	if e.Op == Equal || e.Op == NotEqual {
		return
	}
	for _, t := range []Type{l, r} {
		if t == TypeBool || t == TypeStatus || t == TypeKind {
			fail(e.Pos, "%q cannot compare values of type %s: only = and != can", e.Op, typeName(t))
		}
	}
}

// areComparable reports whether values of two static types can be compared.
func areComparable(l, r Type) bool {
	if l == r || l == anyType || r == anyType || isNumeric(l) && isNumeric(r) {
		return true
	}
	isEnum := func(t Type) bool { return t == TypeStatus || t == TypeKind }
	return isEnum(l) && r == TypeInt || l == TypeInt && isEnum(r)
}

// unquoteInstead suggests the literal for one in quotes, as in status = "error".
func unquoteInstead(e *Binary, l, r Type) string {
	operand, want := e.R, l
	if l == TypeString {
		operand, want = e.L, r
	}
	c, ok := operand.(*Const)
	if !ok || c.Value.Type != TypeString {
		return ""
	}
	tokens := lexAll(strings.ToLower(c.Value.Str))
	v := tokens[0].value
	if tokens[0].kind == tokWord {
		v = literals[tokens[0].text]
	}
	if len(tokens) != 2 || v.Type == TypeNil || !areComparable(v.Type, want) {
		return ""
	}
	return ": did you mean " + v.String() + " without quotes?"
}
