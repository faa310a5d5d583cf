package traceql

import (
	"fmt"

	"github.com/clewhq/clew/store"
)

// Precedences, of expressions on spans and of spansets alike. && and || are on one level.
const (
	precLogic = 1 + iota
	precCompare
	precAdd // unary minus too, in expressions on spans
	precNot
	precMul
	precPow
)

var fieldOps = map[string]Op{
	"&&": And, "||": Or, "=": Equal, "!=": NotEqual, "<": Less, "<=": LessEqual, ">": Greater, ">=": GreaterEqual,
	"=~": Regex, "!~": NotRegex, "+": Add, "-": Sub, "*": Mul, "/": Div, "%": Mod, "^": Pow,
}

var precedences = [...]int{
	And: precLogic, Or: precLogic, Equal: precCompare, NotEqual: precCompare, Less: precCompare, LessEqual: precCompare,
	Greater: precCompare, GreaterEqual: precCompare, Regex: precCompare, NotRegex: precCompare, Add: precAdd, Sub: precAdd,
	Mul: precMul, Div: precMul, Mod: precMul, Pow: precPow, Neg: precAdd, Not: precNot,
	SomeEvent: precNot, SomeLink: precNot,
}

// precedence returns the level of an operator; higher ones bind tighter.
func (o Op) precedence() int { return precedences[o] }

// comparesValues reports whether the operator compares two values; Regex and NotRegex do not.
func (o Op) comparesValues() bool { return Equal <= o && o <= GreaterEqual }

func (o Op) isArithmetic() bool { return Add <= o && o <= Pow }

// filter parses {...}.
func (p *parser) filter() *Filter {
	p.expect("{")
	if p.accept("}") {
		return &Filter{}
	}
	f := &Filter{Body: p.expr(precLogic)}
	if !p.isOp("}") {
		p.notAnOperator(`an operator or "}"`)
	}
	p.next()
	return f
}

// notAnOperator fails where an expression on spans could have ended or gone on.
func (p *parser) notAnOperator(expected string) {
	t := p.tok()
	if use := habit(t); isFieldOp(use) {
		fail(t.pos, "unknown operator %q: use %q", t.text, use)
	}
	if _, ok := spansetOps[t.text]; ok && t.kind == tokOp {
		fail(t.pos, "unexpected %q: expected %s (%s stands between filters: { ... } %s { ... })", t.text, expected, t.text, t.text)
	}
	p.unexpected("%s", expected)
}

// expr parses an expression of operators from the given precedence on.
func (p *parser) expr(least int) Expr {
	depth := p.depth
	p.enter()
	left := p.unary()
	var last Op
	for {
		op, ok := p.fieldOp()
		if !ok || op.precedence() < least {
			p.depth = depth
			return left
		}
		if op != last && op.precedence() == precLogic {
			p.enter() // printed, a change between && and || takes parentheses
		}
		last = op
		pos := p.next().pos
		right := op.precedence() + 1
		if op == Pow {
			right = precPow
		}
		left = fold(&Binary{Op: op, L: left, R: p.expr(right), Pos: pos})
	}
}

func isFieldOp(text string) bool {
	_, ok := fieldOps[text]
	return ok
}

func (p *parser) fieldOp() (Op, bool) {
	if p.tok().kind != tokOp {
		return 0, false
	}
	op, ok := fieldOps[p.tok().text]
	return op, ok
}

func (p *parser) unary() Expr {
	t := p.tok()
	switch {
	case p.accept("-"):
		return fold(&Unary{Op: Neg, X: p.expr(precAdd + 1), Pos: t.pos})
	case p.accept("!"):
		return &Unary{Op: Not, X: p.expr(precNot + 1), Pos: t.pos}
	case p.accept("("):
		e := p.expr(precLogic)
		if !p.isOp(")") {
			p.notAnOperator(`an operator or ")"`)
		}
		p.next()
		return e
	}
	return p.operand()
}

func (p *parser) operand() Expr {
	t := p.tok()
	switch t.kind {
	case tokLiteral:
		p.next()
		return &Const{Value: t.value, Pos: t.pos}
	case tokAttribute:
		p.next()
		return t.attr
	case tokWord:
		if v, ok := literals[t.text]; ok {
			p.next()
			return &Const{Value: v, Pos: t.pos}
		}
		return p.intrinsic()
	}
	p.unexpected("an attribute, an intrinsic or a value")
	return nil
}

func (p *parser) intrinsic() *Attribute {
	t := p.tok()
	i, ok := intrinsicsByName[t.text]
	if !ok {
		if _, function := stageWords[t.text]; function && p.isCall(t.text) {
			fail(t.pos, `%s() is not for a single span: it stands behind a filter, as in { ... } | %s(...)`, t.text, t.text)
		}
		if habit(t) == "!" {
			fail(t.pos, `unknown operator %q: use "!"`, t.text)
		}
		fail(t.pos, "%s", unknownWord(t.text))
	}
	p.next()
	return &Attribute{Scope: store.IntrinsicScope, Intrinsic: i, Pos: t.pos}
}

// attribute parses a single attribute or intrinsic.
func (p *parser) attribute() *Attribute {
	t := p.tok()
	_, isLiteral := literals[t.text]
	switch {
	case t.kind == tokAttribute:
		p.next()
		return t.attr
	case t.kind == tokWord && !isLiteral:
		return p.intrinsic()
	}
	p.unexpected("an attribute or an intrinsic")
	return nil
}

// attributes parses a list in parentheses.
func (p *parser) attributes() (list []*Attribute) {
	p.expect("(")
	for {
		list = append(list, p.attribute())
		if p.accept(",") {
			continue
		}
		if !p.accept(")") {
			p.unexpected(`"," or ")" (only attributes and intrinsics stand here, no expressions)`)
		}
		return list
	}
}

// fold returns the value of arithmetic on constants, where there is one that has a literal.
func fold(e Expr) Expr {
	var v Static
	var pos Pos
	switch e := e.(type) {
	case *Binary:
		l, okL := e.L.(*Const)
		r, okR := e.R.(*Const)
		if !okL || !okR || !e.Op.isArithmetic() {
			return e
		}
		v, pos = arithmetic(e.Op, l.Value, r.Value), l.Pos
	case *Unary:
		x, ok := e.X.(*Const)
		if !ok {
			return e
		}
		v, pos = negate(x.Value), e.Pos
	}
	if !v.hasLiteral() {
		return e
	}
	return &Const{Value: v, Pos: pos}
}

func typeName(t Type) string {
	names := [...]string{"nil", "int", "float", "string", "boolean", "duration", "status", "kind", "bytes", "array", "map"}
	switch {
	case int(t) < len(names):
		return names[t]
	case t == numberType:
		return "number"
	}
	return fmt.Sprintf("type %d", t)
}
