package traceql

import "strings"

var spansetOps = map[string]SpansetOperator{
	"&&": {Rel: SpansetAnd}, "||": {Rel: SpansetOr},
	">": {Rel: Child}, ">>": {Rel: Descendant}, "<": {Rel: Parent}, "<<": {Rel: Ancestor}, "~": {Rel: Sibling},
	"!>": {Rel: Child, Not: true}, "!>>": {Rel: Descendant, Not: true}, "!<": {Rel: Parent, Not: true},
	"!<<": {Rel: Ancestor, Not: true}, "!~": {Rel: Sibling, Not: true},
	"&>": {Rel: Child, Union: true}, "&>>": {Rel: Descendant, Union: true}, "&<": {Rel: Parent, Union: true},
	"&<<": {Rel: Ancestor, Union: true}, "&~": {Rel: Sibling, Union: true},
}

func (o SpansetOperator) precedence() int {
	if o.Rel == SpansetAnd || o.Rel == SpansetOr {
		return precLogic
	}
	return precCompare
}

var aggregates = map[string]AggregateFunc{"count": Count, "min": Min, "max": Max, "sum": Sum, "avg": Avg}

var seriesFuncs = map[string]SeriesFunc{
	"rate": Rate, "count_over_time": CountOverTime, "min_over_time": MinOverTime, "max_over_time": MaxOverTime,
	"avg_over_time": AvgOverTime, "sum_over_time": SumOverTime, "quantile_over_time": QuantileOverTime,
	"histogram_over_time": HistogramOverTime, "compare": CompareFunc,
}

// stageWords has all functions that stand in a pipeline.
var stageWords = func() map[string]bool {
	m := map[string]bool{"by": true, "coalesce": true, "select": true, "topk": true, "bottomk": true}
	for _, name := range append(sortedKeys(aggregates), sortedKeys(seriesFuncs)...) {
		m[name] = true
	}
	return m
}()

// node is what may stand between the bars of a query: Stage, Scalar or Metrics.
type node any

// isMetrics reports whether a node is a metrics query; a constant alone is none.
func isMetrics(n node) bool {
	_, isConst := n.(*Const)
	_, ok := n.(Metrics)
	return ok && !isConst
}

// pipe parses stages with bars between them, up to the end of the query or a closing parenthesis. It
// returns a *Pipeline or Metrics; in parentheses also a SpansetExpr or a Scalar.
func (p *parser) pipe(inParens bool) node {
	var stages []Stage
	for {
		switch n := p.stage(stages).(type) {
		case *Pipeline: // the outer pipeline goes on where the inner one ends
			stages = append(stages, n.Stages...)
		case Stage:
			stages = append(stages, n)
		case Scalar:
			return p.scalarEnd(stages, n, inParens)
		case Metrics:
			return p.secondStages(n)
		}
		if !p.accept("|") {
			break
		}
	}
	if expr, ok := stages[0].(SpansetExpr); ok && inParens && len(stages) == 1 {
		return expr
	}
	return &Pipeline{Stages: stages}
}

// scalarEnd returns what a pipeline is whose last stage is a scalar that is not compared.
func (p *parser) scalarEnd(stages []Stage, value Scalar, inParens bool) node {
	c, isConst := value.(*Const)
	if isConst && (len(stages) > 0 || !inParens) {
		fail(c.Pos, "unexpected %s: a constant is no stage, it has to be compared with an aggregate", brief(c.String()))
	}
	if !inParens || !p.isOp(")") {
		p.unexpected("a comparison, as in %s > 1", brief(value.String()))
	}
	if len(stages) > 0 {
		return &ScalarPipeline{Pipeline: &Pipeline{Stages: stages}, Value: value}
	}
	return value
}

// stage parses one stage. It is told those before it, which a metrics function measures.
func (p *parser) stage(before []Stage) node {
	t := p.tok()
	f, isSeries := seriesFuncs[t.text]
	switch {
	case !p.isCall(t.text):
	case isSeries:
		if len(before) == 0 {
			fail(t.pos, "%s() needs spans to measure: put a filter before it, as in { } | %s(...)", t.text, t.text)
		}
		return p.series(f, &Pipeline{Stages: before})
	case t.text == "by":
		p.next()
		p.next()
		key := p.expr(precLogic)
		if p.isOp(",") {
			p.unexpected(`")": as a stage, by() takes one expression (for several, put by() behind by())`)
		}
		p.closeCall()
		return &Group{Key: key}
	case t.text == "select":
		p.next()
		return &Select{Fields: p.attributes()}
	case t.text == "coalesce":
		if len(before) == 0 {
			fail(t.pos, "coalesce() cannot be the first stage: before any by() there is nothing to put together")
		}
		p.next()
		p.next()
		p.closeCall()
		return &Coalesce{}
	case t.text == "topk" || t.text == "bottomk":
		fail(t.pos, "%s() stands behind a metrics function, as in { } | rate() by (name) | %s(5)", t.text, t.text)
	}
	n := p.stageExpr(precLogic)
	if isMetrics(n) && len(before) > 0 {
		fail(t.pos, "unexpected metrics query: it has filters of its own, and cannot stand behind a bar")
	}
	return n
}

// closeCall takes the parenthesis that ends a function's arguments.
func (p *parser) closeCall() {
	if !p.accept(")") {
		p.notAnOperator(`")"`)
	}
}

// unknownStage fails at a word that begins no stage.
func (p *parser) unknownStage() {
	t := p.tok()
	if stageWords[t.text] {
		p.next()
		p.unexpected(`"(" behind %s`, t.text)
	}
	if t.text == "with" {
		fail(t.pos, "unexpected with: hints stand at the end of a query, without a bar before them")
	}
	if _, ok := intrinsicsByName[t.text]; ok {
		fail(t.pos, "unexpected %q: conditions on spans stand in braces, as in { %s ... }", t.text, t.text)
	}
	if p.after().kind == tokOp && p.after().text == "(" {
		fail(t.pos, "unknown function %q%s", brief(t.text), didYouMean(t.text, sortedKeys(stageWords),
			": there are "+strings.Join(sortedKeys(stageWords), ", ")))
	}
	p.unexpected(`a filter in braces, "(" or a function`)
}

// stageExpr parses an expression of spansets, of scalars or of metrics queries, of operators from the
// given precedence on. A comparison of scalars gives a *ScalarFilter.
func (p *parser) stageExpr(least int) node {
	depth := p.depth
	p.enter()
	left := p.stageOperand()
	var last string
	for {
		t := p.tok()
		prec := stagePrecedence(t)
		if prec == precCompare && isMetrics(left) {
			prec = 0 // a second stage
		}
		if prec == 0 || prec < least {
			p.depth = depth
			return left
		}
		if prec == precLogic && last != "" && t.text != last {
			p.enter() // as in expr
		}
		last = t.text
		p.next()
		right := prec + 1
		if t.text == "^" {
			right = precPow
		}
		left = combine(t, left, p.stageExpr(right))
	}
}

// stagePrecedence returns the precedence of an operator outside of braces; 0 for what is none.
func stagePrecedence(t *token) int {
	if t.kind != tokOp {
		return 0
	}
	if op, ok := spansetOps[t.text]; ok {
		return op.precedence()
	}
	if op, ok := fieldOps[t.text]; ok {
		return op.precedence()
	}
	return 0
}

// combine returns l op r.
func combine(t *token, l, r node) node {
	op, isFieldOp := fieldOps[t.text]
	switch l := l.(type) {
	case SpansetExpr:
		if r, ok := r.(SpansetExpr); ok {
			return combineSpansets(t, l, r)
		}
	case Scalar:
		if r, ok := r.(Scalar); ok && isFieldOp {
			return combineScalars(op, t, l, r)
		}
	}
	ml, okL := l.(Metrics)
	mr, okR := r.(Metrics)
	if okL && okR && isFieldOp {
		return combineMetrics(op, t, ml, mr)
	}
	advice := ""
	for _, side := range []node{l, r} {
		if _, ok := side.(*ScalarFilter); ok {
			advice = ": between conditions on aggregates stands a bar, as in count() > 1 | max(duration) > 1s"
		}
	}
	fail(t.pos, "%q cannot stand between %s and %s%s", t.text, kindOf(l), kindOf(r), advice)
	return nil
}

func combineSpansets(t *token, l, r SpansetExpr) *SpansetOp {
	op, ok := spansetOps[t.text]
	if !ok {
		fail(t.pos, "unexpected %q: between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides", t.text)
	}
	return &SpansetOp{Op: op, L: l, R: r, Pos: t.pos}
}

func combineScalars(op Op, t *token, l, r Scalar) node {
	switch {
	case op.comparesValues():
		return &ScalarFilter{Op: op, L: l, R: r, Pos: t.pos}
	case !op.isArithmetic():
		fail(t.pos, "%q cannot stand between %s and %s: only comparisons and + - * / %% ^ can", t.text, kindOf(l), kindOf(r))
	}
	cl, okL := l.(*Const)
	cr, okR := r.(*Const)
	if okL && okR {
		if c, ok := fold(&Binary{Op: op, L: cl, R: cr, Pos: t.pos}).(*Const); ok {
			return c
		}
		checkDivision(op, cr, t.pos)
	}
	return &ScalarOp{Op: op, L: l, R: r, Pos: t.pos}
}

// kindOf says what a node is.
func kindOf(n node) string {
	switch n := n.(type) {
	case *Const:
		return "the constant " + brief(n.String())
	case SpansetExpr:
		return "a spanset"
	case *ScalarFilter:
		return "a comparison of aggregates"
	case Scalar:
		return "an aggregate"
	case Metrics:
		return "a metrics query"
	}
	return "a stage"
}

// stageOperand parses an operand of stageExpr.
func (p *parser) stageOperand() node {
	t := p.tok()
	switch {
	case p.isOp("{"):
		return p.filter()
	case p.accept("("):
		n := p.pipe(true)
		if !p.isOp(")") {
			p.unexpected(`"|", an operator or ")"`)
		}
		p.next()
		return n
	case p.accept("-"):
		p.enter()
		c, ok := p.stageOperand().(*Const)
		if !ok {
			fail(t.pos, `unexpected "-": a sign stands before a number only; to negate something else, subtract it from 0`)
		}
		return fold(&Unary{Op: Neg, X: c, Pos: t.pos})
	case t.kind == tokLiteral:
		return p.scalarConst()
	case t.kind == tokWord:
		if _, ok := literals[t.text]; ok {
			return p.scalarConst()
		}
		if f, ok := aggregates[t.text]; ok && p.isCall(t.text) {
			return p.aggregate(f)
		}
		p.unknownStage()
	}
	p.unexpected(`a filter in braces, "(", a function or a number`)
	return nil
}

func (p *parser) scalarConst() *Const {
	t := p.tok()
	v := p.static()
	if !v.isNumber() {
		fail(t.pos, "unexpected %s: expected a number or a duration", quoteToken(t))
	}
	return &Const{Value: v, Pos: t.pos}
}

func (p *parser) aggregate(f AggregateFunc) *Aggregate {
	t := p.next()
	p.expect("(")
	a := &Aggregate{Func: f, Pos: t.pos}
	if f == Count {
		if !p.accept(")") {
			p.unexpected(`")": count() counts spans, and takes no argument`)
		}
		return a
	}
	if p.isOp(")") {
		p.unexpected("what to take the %s of, as in %s(duration)", t.text, t.text)
	}
	a.Arg = p.expr(precLogic)
	p.closeCall()
	return a
}
