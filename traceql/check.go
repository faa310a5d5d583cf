package traceql

import (
	"regexp/syntax"
	"strings"

	"github.com/clewhq/clew/store"
)

// check fails if a query that could be parsed makes no sense.
func check(q *Query) {
	var c checker
	if q.Metrics != nil {
		c.metrics(q.Metrics)
	} else {
		c.pipeline(q.Search)
	}
}

// checker goes through a query.
type checker struct {
	regexSize int // of the programs of all regular expressions so far
}

// maxRegexSize is how many instructions the regular expressions of a query may have together: what
// bounds the memory that they take, as a few characters can stand for thousands.
const maxRegexSize = 100_000

func (c *checker) pipeline(p *Pipeline) {
	for _, s := range p.Stages {
		switch s := s.(type) {
		case SpansetExpr:
			c.spanset(s)
		case *Group:
			c.typeOf(s.Key)
			checkMentionsSpan(s.Key, "by()")
		case *ScalarFilter:
			l, r := c.scalar(s.L), c.scalar(s.R)
			if !l && !r {
				fail(s.Pos, "unexpected comparison of constants: one side needs an aggregate, as in count() > 1")
			}
		}
	}
}

func (c *checker) spanset(s SpansetExpr) {
	switch s := s.(type) {
	case *Filter:
		c.filter(s)
	case *Pipeline:
		c.pipeline(s)
	case *SpansetOp:
		c.spanset(s.L)
		c.spanset(s.R)
		if s.Op.precedence() == precCompare && (isGrouped(s.L) || isGrouped(s.R)) {
			fail(s.Pos, "%q needs one spanset on each side, but by() gives several: put coalesce() behind it", s.Op)
		}
	}
}

// isGrouped reports whether a spanset expression gives several spansets, which a pipeline with by() does;
// filters and operators give one.
func isGrouped(s SpansetExpr) (grouped bool) {
	p, ok := s.(*Pipeline)
	if !ok {
		return false
	}
	for _, stage := range p.Stages {
		switch stage.(type) {
		case *Group:
			grouped = true
		case *Coalesce:
			grouped = false
		}
	}
	return grouped
}

func (c *checker) filter(f *Filter) {
	if f.Body == nil {
		return
	}
	if t := c.typeOf(f.Body); t != TypeBool && t != anyType {
		fail(startOf(f.Body), "a filter has to be true or false, but %s is of type %s%s",
			brief(f.Body.String()), typeName(t), compareInstead(f.Body))
	}
}

// compareInstead says how a bare intrinsic becomes a condition.
func compareInstead(e Expr) string {
	a, ok := e.(*Attribute)
	if !ok {
		return ""
	}
	operands := map[Type]string{TypeString: ` = "..."`, TypeDuration: " > 1s", TypeInt: " > 0", TypeStatus: " = error", TypeKind: " = server"}
	return ": compare it, as in " + brief(a.String()) + operands[a.staticType()]
}

func checkMentionsSpan(e Expr, what string) {
	if !mentionsSpan(e) {
		fail(startOf(e), "%s of the constant %s says nothing about spans: an attribute or an intrinsic is needed", what, brief(e.String()))
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
func (c *checker) scalar(s Scalar) bool {
	switch s := s.(type) {
	case *Aggregate:
		c.aggregate(s)
		return true
	case *ScalarPipeline:
		c.pipeline(s.Pipeline)
		return c.scalar(s.Value)
	case *ScalarOp:
		l, r := c.scalar(s.L), c.scalar(s.R)
		checkDivision(s.Op, s.R, s.Pos)
		return l || r
	}
	return false
}

func (c *checker) aggregate(a *Aggregate) {
	if a.Arg == nil {
		return
	}
	if t := c.typeOf(a.Arg); !isNumeric(t) {
		fail(startOf(a.Arg), "%s() needs a number or a duration, but %s is of type %s", a.Func, brief(a.Arg.String()), typeName(t))
	}
	checkMentionsSpan(a.Arg, a.Func.String()+"()")
}

// checkDivision fails at a division by the constant zero. The divisor is an Expr or a Scalar. (Metrics are
// floats, of which one divided by zero has no value.)
func checkDivision(op Op, divisor node, pos Pos) {
	c, ok := divisor.(*Const)
	if ok && (op == Div || op == Mod) && c.Value.isNumber() && c.Value.Type != TypeFloat && c.Value.Num == 0 {
		fail(pos, "division by zero")
	}
}

func (c *checker) metrics(m Metrics) {
	switch m := m.(type) {
	case *Series:
		c.pipeline(m.Pipeline)
		if m.Attr != nil {
			if t := m.Attr.staticType(); !isNumeric(t) {
				fail(m.Attr.Pos, "%s() needs a number or a duration, but %s is of type %s", m.Func, brief(m.Attr.String()), typeName(t))
			}
		}
		if m.Compare != nil {
			c.filter(m.Compare.Filter)
		}
	case *MetricsOp:
		for _, side := range []Metrics{m.L, m.R} {
			c.metrics(side)
			checkNoCompare(side, m.Pos)
		}
	case *MetricsStage:
		c.metrics(m.Of)
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
	return t == TypeInt || t == TypeFloat || t == TypeDuration || t == numberType || t == anyType
}

func isBoolean(t Type) bool { return t == TypeBool || t == anyType }

// typeOf returns the static type of an expression, and fails if its operators do not go with their operands.
func (c *checker) typeOf(e Expr) Type {
	switch e := e.(type) {
	case *Const:
		return e.Value.Type
	case *Attribute:
		return e.staticType()
	case *Unary:
		return c.unary(e)
	case *Binary:
		return c.binary(e)
	}
	return anyType
}

func (a *Attribute) staticType() Type {
	if a.Scope == store.IntrinsicScope {
		return intrinsicTable[a.Intrinsic].typ
	}
	return anyType
}

func (c *checker) unary(e *Unary) Type {
	t := c.typeOf(e.X)
	switch {
	case e.Op == Neg && !isNumeric(t):
		fail(e.Pos, `"-" needs a number or a duration, but %s is of type %s`, brief(e.X.String()), typeName(t))
	case e.Op == SomeEvent || e.Op == SomeLink:
	case e.Op == Not && !isBoolean(t):
		fail(e.Pos, `"!" needs something that is true or false, but %s is of type %s%s`, brief(e.X.String()), typeName(t), notBindsTight(e.X))
	case e.Op == Not:
		return TypeBool
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

func (c *checker) binary(e *Binary) Type {
	l, r := c.typeOf(e.L), c.typeOf(e.R)
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
		c.regex(e, l)
	default:
		checkComparison(e, l, r)
	}
	return TypeBool
}

func checkOperand(e *Binary, operand Expr, t Type, fits func(Type) bool, needs string) {
	if !fits(t) {
		fail(startOf(operand), "%q needs %s on both sides, but %s is of type %s", e.Op, needs, brief(operand.String()), typeName(t))
	}
}

func arithmeticType(l, r Type) Type {
	either := func(t Type) bool { return l == t || r == t }
	switch {
	case l == anyType && r == anyType: // as in { !.a * .b }, which passes in Tempo too
		return anyType
	case either(TypeFloat):
		return TypeFloat
	case either(anyType) || either(numberType):
		return numberType
	case either(TypeDuration):
		return TypeDuration
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
			fail(e.Pos, "%s is never nil: every %s has it", a, a.carrier())
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

// carrier says what has the attribute: a span, an event or a link.
func (a *Attribute) carrier() string {
	scope, _, _ := strings.Cut(a.Intrinsic.String(), ":")
	if scope == "event" || scope == "link" {
		return scope
	}
	return "span"
}

func (c *checker) regex(e *Binary, l Type) {
	operand, ok := e.R.(*Const)
	if !ok || operand.Value.Type != TypeString {
		fail(startOf(e.R), "%q needs a regular expression in quotes on its right side", e.Op)
	}
	if l != TypeString && l != anyType {
		fail(startOf(e.L), "%q needs text on its left side, but %s is of type %s", e.Op, brief(e.L.String()), typeName(l))
	}
	if c.regexSize <= maxRegexSize {
		c.regexSize += regexSize(operand)
	}
	if c.regexSize > maxRegexSize {
		fail(operand.Pos, "regular expressions of the query are too large together: use fewer, or smaller counts than in x{1000}")
	}
	if _, err := store.NewRegex(operand.Value.Str); err != nil {
		fail(operand.Pos, "bad regular expression: %s", brief(err.Error()))
	}
}

// regexSize returns the number of instructions of a regular expression's program.
func regexSize(c *Const) int {
	tree, err := syntax.Parse(c.Value.Str, syntax.Perl)
	if err != nil {
		fail(c.Pos, "bad regular expression: %s", brief(strings.TrimPrefix(err.Error(), "error parsing regexp: ")))
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		fail(c.Pos, "bad regular expression: %s", brief(err.Error()))
	}
	return len(prog.Inst)
}

func checkComparison(e *Binary, l, r Type) {
	if !areComparable(l, r) {
		fail(e.Pos, "%s and %s cannot be compared: they are of type %s and %s%s",
			brief(e.L.String()), brief(e.R.String()), typeName(l), typeName(r), unquoteInstead(e, l, r))
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
	isCode := func(t Type) bool { return t == TypeInt || t == numberType }
	return isEnum(l) && isCode(r) || isCode(l) && isEnum(r)
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
