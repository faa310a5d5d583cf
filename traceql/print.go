package traceql

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// String returns the query in TraceQL, such that parsing it gives the same query.
func (q *Query) String() string {
	var p printer
	if q.Metrics != nil {
		p.metrics(q.Metrics, false)
	} else {
		p.pipeline(q.Search)
	}
	for i, h := range q.Hints {
		if i == 0 {
			p.add(" with(")
		} else {
			p.add(", ")
		}
		p.add(h.Name, "=", h.Value.String())
	}
	if len(q.Hints) > 0 {
		p.add(")")
	}
	return p.String()
}

func (p *Pipeline) String() string { return printed(func(b *printer) { b.pipeline(p) }) }
func (f *Filter) String() string   { return printed(func(b *printer) { b.stage(f) }) }
func (g *Group) String() string    { return printed(func(b *printer) { b.stage(g) }) }

func (a *Attribute) String() string { return printed(func(b *printer) { b.attribute(a) }) }
func (c *Const) String() string     { return c.Value.String() }
func (e *Binary) String() string    { return printed(func(b *printer) { b.expr(e, precLogic) }) }
func (e *Unary) String() string     { return printed(func(b *printer) { b.expr(e, precLogic) }) }

func (a *Aggregate) String() string      { return scalarText(a) }
func (o *ScalarOp) String() string       { return scalarText(o) }
func (s *ScalarPipeline) String() string { return scalarText(s) }

func scalarText(s Scalar) string { return printed(func(b *printer) { b.scalar(s, precAdd) }) }

func printed(f func(b *printer)) string {
	var b printer
	f(&b)
	return b.String()
}

var opTexts = [...]string{
	And: "&&", Or: "||", Equal: "=", NotEqual: "!=", Less: "<", LessEqual: "<=", Greater: ">", GreaterEqual: ">=",
	Regex: "=~", NotRegex: "!~", Add: "+", Sub: "-", Mul: "*", Div: "/", Mod: "%", Pow: "^", Neg: "-", Not: "!",
	SomeEvent: "someEvent", SomeLink: "someLink",
}

func (o Op) String() string {
	if int(o) < len(opTexts) {
		return opTexts[o]
	}
	return "invalid"
}

func nameOf[F comparable](names map[string]F, f F) string {
	for name, g := range names {
		if g == f {
			return name
		}
	}
	return "invalid"
}

func (o SpansetOperator) String() string { return nameOf(spansetOps, o) }
func (f AggregateFunc) String() string   { return nameOf(aggregates, f) }
func (f SeriesFunc) String() string      { return nameOf(seriesFuncs, f) }

// printer writes parts of queries. Where operators of one level stand in each other it leaves
// parentheses out if the parser puts them there, but never between && and ||.
type printer struct{ strings.Builder }

func (b *printer) add(parts ...string) {
	for _, s := range parts {
		b.WriteString(s)
	}
}

// parens writes what f writes, in parentheses if needed.
func (b *printer) parens(needed bool, f func()) {
	if needed {
		b.add("(")
	}
	f()
	if needed {
		b.add(")")
	}
}

func (b *printer) pipeline(p *Pipeline) {
	for i, s := range p.Stages {
		if i > 0 {
			b.add(" | ")
		}
		b.stage(s)
	}
}

func (b *printer) stage(s Stage) {
	switch s := s.(type) {
	case SpansetExpr:
		b.spanset(s, precLogic)
	case *ScalarFilter:
		b.scalar(s.L, precCompare+1)
		b.add(" ", s.Op.String(), " ")
		b.scalar(s.R, precCompare+1)
	case *Group:
		b.add("by(")
		b.expr(s.Key, precLogic)
		b.add(")")
	case *Coalesce:
		b.add("coalesce()")
	case *Select:
		b.add("select")
		b.attributes(s.Fields)
	}
}

// spanset writes a spanset expression as an operand that needs parentheses if its operator's precedence is below least.
func (b *printer) spanset(s SpansetExpr, least int) {
	switch s := s.(type) {
	case *Filter:
		if s.Body == nil {
			b.add("{ }")
			return
		}
		b.add("{ ")
		b.expr(s.Body, precLogic)
		b.add(" }")
	case *Pipeline:
		b.parens(true, func() { b.pipeline(s) })
	case *SpansetOp:
		prec := s.Op.precedence()
		left := prec
		if l, ok := s.L.(*SpansetOp); ok && prec == precLogic && l.Op != s.Op {
			left++
		}
		b.parens(prec < least, func() {
			b.spanset(s.L, left)
			b.add(" ", s.Op.String(), " ")
			b.spanset(s.R, prec+1)
		})
	}
}

func (b *printer) scalar(s Scalar, least int) {
	switch s := s.(type) {
	case *Const:
		b.add(s.Value.String())
	case *Aggregate:
		b.add(s.Func.String(), "(")
		if s.Arg != nil {
			b.expr(s.Arg, precLogic)
		}
		b.add(")")
	case *ScalarPipeline:
		b.parens(true, func() {
			b.pipeline(s.Pipeline)
			b.add(" | ")
			b.scalar(s.Value, precAdd)
		})
	case *ScalarOp:
		left, right := operandPrecedences(s.Op)
		b.parens(s.Op.precedence() < least, func() {
			b.scalar(s.L, left)
			b.add(" ", s.Op.String(), " ")
			b.scalar(s.R, right)
		})
	}
}

// operandPrecedences returns the least precedences that operands of a binary operator may have without parentheses.
func operandPrecedences(op Op) (left, right int) {
	prec := op.precedence()
	if op == Pow { // from right to left
		return prec + 1, prec
	}
	return prec, prec + 1
}

// expr writes an expression on a span; least is as in spanset.
func (b *printer) expr(e Expr, least int) {
	switch e := e.(type) {
	case *Const:
		text := e.Value.String()
		b.parens(text[0] == '-' && precAdd < least, func() { b.add(text) })
	case *Attribute:
		b.attribute(e)
	case *Unary:
		b.parens(e.Op.precedence() < least, func() {
			b.add(e.Op.String())
			b.expr(e.X, e.Op.precedence()+1)
		})
	case *Binary:
		left, right := operandPrecedences(e.Op)
		if l, ok := e.L.(*Binary); ok && left == precLogic && l.Op != e.Op {
			left++
		}
		b.parens(e.Op.precedence() < least, func() {
			b.expr(e.L, left)
			b.add(" ", e.Op.String(), " ")
			b.expr(e.R, right)
		})
	}
}

func (b *printer) attribute(a *Attribute) {
	if a.Parent {
		b.add("parent.")
	}
	switch a.Scope {
	case store.IntrinsicScope:
		b.add(a.Intrinsic.String())
		return
	case store.AnyScope:
		if !a.Parent {
			b.add(".")
		}
	default:
		b.add(a.Scope.String(), ".")
	}
	b.add(quoteName(a))
}

// quoteName returns the name of an attribute, in quotes if the lexer would read it otherwise.
func quoteName(a *Attribute) string {
	quote := a.Name == "" || strings.ContainsFunc(a.Name, endsName) || strings.Contains(a.Name, `"`)
	if a.Scope == store.AnyScope && a.Name != "" {
		first, _, dotted := strings.Cut(a.Name, ".")
		quote = quote || a.Parent && dotted && scopes[first] != 0 || !a.Parent && a.Name[0] >= '0' && a.Name[0] <= '9'
	}
	if !quote {
		return a.Name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.Name) + `"`
}

func (b *printer) attributes(list []*Attribute) {
	b.add("(")
	for i, a := range list {
		if i > 0 {
			b.add(", ")
		}
		b.attribute(a)
	}
	b.add(")")
}

// metrics writes a metrics query, as an operand or alone.
func (b *printer) metrics(m Metrics, operand bool) {
	switch m := m.(type) {
	case *Const:
		b.add(m.Value.String())
	case *Series:
		b.parens(operand, func() { b.series(m) })
	case *MetricsStage:
		b.parens(operand, func() { b.secondStage(m) })
	case *MetricsOp:
		b.metricsOp(m, precAdd)
	}
}

func (b *printer) metricsOp(m *MetricsOp, least int) {
	left, right := operandPrecedences(m.Op)
	operand := func(m Metrics, least int) {
		if op, ok := m.(*MetricsOp); ok {
			b.metricsOp(op, least)
		} else {
			b.metrics(m, true)
		}
	}
	b.parens(m.Op.precedence() < least, func() {
		operand(m.L, left)
		b.add(" ", m.Op.String(), " ")
		operand(m.R, right)
	})
}

func (b *printer) secondStage(m *MetricsStage) {
	b.metrics(m.Of, false)
	switch m.Kind {
	case TopK:
		b.add(" | topk(", strconv.Itoa(m.N), ")")
	case BottomK:
		b.add(" | bottomk(", strconv.Itoa(m.N), ")")
	case FilterStage:
		b.add(" ", m.Op.String(), " ", m.Value.String())
	}
}

func (b *printer) series(s *Series) {
	b.pipeline(s.Pipeline)
	b.add(" | ", s.Func.String(), "(")
	if s.Attr != nil {
		b.attribute(s.Attr)
	}
	for _, q := range s.Quantiles {
		b.add(", ", strconv.FormatFloat(q, 'g', -1, 64))
	}
	if c := s.Compare; c != nil {
		b.spanset(c.Filter, precLogic)
		if c.TopN != defaultTopN || c.End != 0 {
			b.add(", ", strconv.Itoa(c.TopN))
		}
		if c.End != 0 {
			b.add(", ", strconv.FormatUint(c.Start, 10), ", ", strconv.FormatUint(c.End, 10))
		}
	}
	b.add(")")
	if len(s.By) > 0 {
		b.add(" by ")
		b.attributes(s.By)
	}
}

// String returns the value as the language writes it. Of values that it cannot write the text is for people.
func (s Static) String() string {
	switch s.Type {
	case TypeNil:
		return "nil"
	case TypeInt:
		if s.Int() == math.MinInt64 {
			return "minInt"
		}
		return strconv.FormatInt(s.Int(), 10)
	case TypeFloat:
		text := strconv.FormatFloat(s.Float(), 'g', -1, 64)
		if strings.Trim(text, "-0123456789") == "" {
			text += ".0"
		}
		return text
	case TypeString:
		return quoteString(s.Str)
	case TypeBool:
		return strconv.FormatBool(s.Bool())
	case TypeDuration:
		return durationText(time.Duration(s.Int()))
	case TypeStatus:
		return enumText(statusNames, s.Int())
	case TypeKind:
		return enumText(kindNames, s.Int())
	case TypeBytes:
		return hex.EncodeToString([]byte(s.Str))
	}
	return nestedText(s)
}

// quoteString prefers backquotes where they save escapes, as in regular expressions.
func quoteString(s string) string {
	if strings.Contains(s, `\`) && !strings.Contains(s, "`") && utf8.ValidString(s) && strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func enumText(names []string, i int64) string {
	if i >= 0 && i < int64(len(names)) {
		return names[i]
	}
	return strconv.FormatInt(i, 10)
}

// durationText writes days, and leaves out the zeros that Duration.String has at the end. Days go with
// whole seconds only: 1d12h, but 36h0m0.5s.
func durationText(d time.Duration) string {
	switch {
	case d <= -day && d != math.MinInt64:
		return "-" + durationText(-d)
	case d >= day && d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d >= day && d%time.Second == 0:
		return strconv.Itoa(int(d/day)) + "d" + durationText(d%day)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func nestedText(s Static) string {
	var parts []string
	if s.Type == TypeMap {
		pairs, _ := span.Value{Type: span.Map, Str: s.Str}.Pairs()
		for _, kv := range pairs {
			parts = append(parts, strconv.Quote(kv.Key)+": "+StaticOf(kv.Value).String())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	elements, _ := span.Value{Type: span.Array, Str: s.Str}.Elements()
	for _, e := range elements {
		parts = append(parts, StaticOf(e).String())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// isNumber reports whether the value is an int, a float or a duration.
func (s Static) isNumber() bool {
	return s.Type == TypeInt || s.Type == TypeFloat || s.Type == TypeDuration
}

// hasLiteral reports whether a number can be written, with a sign, such that it is read as the same.
func (s Static) hasLiteral() bool {
	switch s.Type {
	case TypeInt:
		return true
	case TypeFloat:
		return !math.IsNaN(s.Float()) && !math.IsInf(s.Float(), 0)
	case TypeDuration:
		return s.Int() != math.MinInt64
	}
	return false
}
