package traceql

// series parses a metrics function with its by(...).
func (p *parser) series(f SeriesFunc, spans *Pipeline) *Series {
	t := p.next()
	s := &Series{Pipeline: spans, Func: f, Pos: t.pos}
	p.expect("(")
	switch f {
	case Rate, CountOverTime:
		if !p.isOp(")") {
			p.unexpected(`")": %s() counts spans, and takes no argument`, t.text)
		}
	case CompareFunc:
		s.Compare = p.compare()
	default:
		s.Attr = p.measured(t.text)
	}
	if f == QuantileOverTime {
		s.Quantiles = p.quantiles()
	}
	if !p.accept(")") {
		p.unexpected(`")"`)
	}
	if p.tok().kind == tokWord && p.tok().text == "by" {
		if f == CompareFunc {
			fail(p.tok().pos, "compare() goes through all attributes by itself: it takes no by(...)")
		}
		p.next()
		s.By = p.attributes()
	}
	return s
}

// measured parses the attribute that a metrics function measures.
func (p *parser) measured(function string) *Attribute {
	if p.isOp(")") || p.isOp(",") {
		p.unexpected("what to measure, as in %s", function+"(duration)")
	}
	a := p.attribute()
	if !p.isOp(")") && !p.isOp(",") {
		p.unexpected(`"," or ")": %s() measures an attribute or an intrinsic, not an expression`, function)
	}
	return a
}

func (p *parser) quantiles() (list []float64) {
	for p.accept(",") {
		t := p.tok()
		v := p.static()
		q, ok := v.Number()
		if !ok || v.Type == TypeDuration || q < 0 || q > 1 {
			fail(t.pos, "a quantile is a number from 0 to 1, as 0.99")
		}
		list = append(list, q)
	}
	if len(list) == 0 {
		p.unexpected("the quantiles that are wanted, as in quantile_over_time(duration, 0.5, 0.99)")
	}
	return list
}

// defaultTopN is how many values of each attribute compare() returns, maxTopN the most it may be asked for.
const (
	defaultTopN = 10
	maxTopN     = 1000
)

func (p *parser) compare() *Compare {
	if !p.isOp("{") {
		p.unexpected("a filter for the spans to compare with all others, as in compare({ status = error })")
	}
	c := &Compare{Filter: p.filter(), TopN: defaultTopN}
	if p.accept(",") {
		c.TopN = int(p.integer("the number of values for each attribute", 1, maxTopN))
	}
	if !p.accept(",") {
		return c
	}
	const most = 1<<63 - 1
	c.Start = uint64(p.integer("the start in nanoseconds since 1970", 0, most))
	if !p.accept(",") {
		p.unexpected(`"," and the end: compare() takes both a start and an end, or none`)
	}
	end := p.tok()
	c.End = uint64(p.integer("the end in nanoseconds since 1970", 0, most))
	if c.End <= c.Start {
		fail(end.pos, "the end of compare() has to lie behind its start")
	}
	return c
}

// integer parses an integer from lo to hi.
func (p *parser) integer(what string, lo, hi int64) int64 {
	t := p.tok()
	if t.kind != tokLiteral && !p.isOp("-") || t.kind == tokLiteral && t.value.Type != TypeInt {
		p.unexpected("%s, an integer", what)
	}
	i := p.static().Int()
	if i < lo || i > hi {
		fail(t.pos, "%s has to be from %d to %d", what, lo, hi)
	}
	return i
}

// secondStages parses what follows on a metrics query: topk and bottomk behind bars, and comparisons.
func (p *parser) secondStages(m Metrics) Metrics {
	for {
		t := p.tok()
		op, isOp := fieldOps[t.text]
		switch {
		case p.accept("|"):
			m = p.rank(m)
		case t.kind == tokOp && isOp && op.comparesValues():
			p.next()
			c, ok := p.stageExpr(precCompare + 1).(*Const)
			if !ok {
				fail(t.pos, "a metrics query is compared with a number or a duration")
			}
			m = &MetricsStage{Of: m, Kind: FilterStage, Op: op, Value: c.Value, Pos: t.pos}
		default:
			return m
		}
	}
}

func (p *parser) rank(m Metrics) Metrics {
	t := p.tok()
	s := &MetricsStage{Of: m, Pos: t.pos}
	switch {
	case p.isCall("topk"):
	case p.isCall("bottomk"):
		s.Kind = BottomK
	case t.kind == tokWord && p.after().text == "(" && !stageWords[t.text]:
		p.unknownStage()
	default:
		p.unexpected("topk(...) or bottomk(...): nothing else can stand behind a metrics function and a bar")
	}
	p.next()
	p.expect("(")
	s.N = int(p.integer("the number of series", 1, 1<<31-1))
	p.expect(")")
	return s
}

// combineMetrics returns l op r, one of which is more than a number.
func combineMetrics(op Op, t *token, l, r Metrics) Metrics {
	switch op {
	case Add, Sub, Mul, Div:
	default:
		if op.comparesValues() {
			fail(t.pos, "a metrics query is compared with a number on its right, and with nothing else")
		}
		fail(t.pos, "%q cannot stand between metrics queries: only + - * / can", t.text)
	}
	for _, side := range []Metrics{l, r} {
		if c, ok := side.(*Const); ok && c.Value.Type == TypeDuration {
			fail(c.Pos, "metrics queries are calculated with plain numbers: write a duration in seconds")
		}
	}
	return &MetricsOp{Op: op, L: l, R: r, Pos: t.pos}
}
