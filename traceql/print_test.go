package traceql

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func TestStaticString(t *testing.T) {
	for _, c := range []struct {
		value Static
		want  string
	}{
		{Static{}, "nil"},
		{IntStatic(-5), "-5"}, {IntStatic(math.MinInt64), "minInt"}, {IntStatic(math.MaxInt64), "9223372036854775807"},
		{FloatStatic(1), "1.0"}, {FloatStatic(-0.5), "-0.5"}, {FloatStatic(1e100), "1e+100"}, {FloatStatic(math.Inf(1)), "+Inf"},
		{StringStatic(`a"b`), `"a\"b"`}, {StringStatic(`\d`), "`\\d`"}, {StringStatic("\\`"), "\"\\\\`\""}, {StringStatic("\xff\\"), `"\xff\\"`},
		{BoolStatic(true), "true"}, {BoolStatic(false), "false"},
		{DurationStatic(0), "0s"}, {DurationStatic(1500), "1.5µs"}, {DurationStatic(36e11), "1h"}, {DurationStatic(-60e9), "-1m"},
		{DurationStatic(86400e9), "1d"}, {DurationStatic(90e12), "1d1h"}, {DurationStatic(-86460e9), "-1d1m"}, {DurationStatic(86400e9 + 1), "24h0m0.000000001s"},
		{StatusStatic(0), "unset"}, {StatusStatic(2), "error"}, {StatusStatic(7), "7"},
		{KindStatic(0), "unspecified"}, {KindStatic(5), "consumer"}, {KindStatic(-1), "-1"},
		{Static{Type: TypeBytes, Str: "\x01\xff"}, "01ff"},
		{StaticOf(span.ArrayValue(span.IntValue(1), span.StringValue("x"))), `[1, "x"]`},
		{StaticOf(span.MapValue(span.KeyValue{Key: "k", Value: span.ArrayValue()})), `{"k": []}`},
	} {
		if got := c.value.String(); got != c.want {
			t.Errorf("%+v is printed as %s, want %s", c.value, got, c.want)
		}
	}
}

// Names of attributes are quoted where they have to be, and only there.
func TestAttributeString(t *testing.T) {
	for _, c := range []struct {
		a    Attribute
		want string
	}{
		{Attribute{Name: "a.b-c/d[0]:e+f*g%h"}, ".a.b-c/d[0]:e+f*g%h"},
		{Attribute{Scope: store.SpanScope, Name: "500"}, "span.500"},
		{Attribute{Name: "500"}, `."500"`},
		{Attribute{Name: "span.x"}, ".span.x"},
		{Attribute{Parent: true, Name: "span.x"}, `parent."span.x"`},
		{Attribute{Parent: true, Name: "spam.x"}, "parent.spam.x"},
		{Attribute{Parent: true, Name: "span"}, "parent.span"},
		{Attribute{Parent: true, Scope: store.SpanScope, Name: "span.x"}, "parent.span.span.x"},
		{Attribute{Name: ""}, `.""`},
		{Attribute{Name: `\`}, `.\`},
		{Attribute{Name: `\"`}, `."\\\""`},
		{Attribute{Name: "a b"}, `."a b"`},
		{Attribute{Name: "a\u00a0b"}, ".\"a\u00a0b\""},
		{Attribute{Scope: store.EventScope, Name: "a=b"}, `event."a=b"`},
		{Attribute{Scope: store.IntrinsicScope, Intrinsic: TraceRootService}, "rootServiceName"},
		{Attribute{Scope: store.IntrinsicScope, Intrinsic: SpanStart}, "span:start"},
		{Attribute{Scope: store.IntrinsicScope, Intrinsic: numIntrinsics}, "invalid"},
	} {
		if got := c.a.String(); got != c.want {
			t.Errorf("%+v is printed as %s, want %s", c.a, got, c.want)
		}
		if c.want != "invalid" {
			checkPrinted(t, search(&Select{Fields: []*Attribute{&c.a}}))
		}
	}
}

func TestOperatorStrings(t *testing.T) {
	for text, op := range fieldOps {
		if op.String() != text {
			t.Errorf("%q is printed as %q", text, op)
		}
	}
	for text, op := range spansetOps {
		if op.String() != text {
			t.Errorf("%q is printed as %q", text, op)
		}
	}
	for text, f := range aggregates {
		if f.String() != text {
			t.Errorf("%q is printed as %q", text, f)
		}
	}
	for text, f := range seriesFuncs {
		if f.String() != text {
			t.Errorf("%q is printed as %q", text, f)
		}
	}
	for _, got := range []string{Op(99).String(), AggregateFunc(99).String(), SeriesFunc(99).String(), SpansetOperator{Rel: 99}.String()} {
		if got != "invalid" {
			t.Errorf("what is no operator is printed as %q", got)
		}
	}
}

// What the parser would make of a random tree is that tree.
func TestRandomTreesArePrinted(t *testing.T) {
	for seed := range uint64(5000) {
		checkPrinted(t, newTreeMaker(seed, 1).query())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// treeMaker makes trees as the parser makes them: such that pass the checks, with arithmetic of constants done.
type treeMaker struct{ *rand.Rand }

func newTreeMaker(a, b uint64) treeMaker { return treeMaker{rand.New(rand.NewPCG(a, b))} }

func oneOf[T any](r treeMaker, list ...T) T { return list[r.IntN(len(list))] }

func (r treeMaker) query() *Query {
	q := &Query{}
	if r.IntN(2) == 0 {
		q.Search = r.pipeline(3)
	} else {
		q.Metrics = r.metrics(3)
	}
	for range r.IntN(3) {
		q.Hints = append(q.Hints, Hint{oneOf(r, "sample", "x", "error"), r.static()})
	}
	return q
}

func (r treeMaker) pipeline(depth int) *Pipeline {
	p := &Pipeline{Stages: []Stage{r.firstStage(depth)}}
	for range r.IntN(3) {
		if r.IntN(4) == 0 {
			p.Stages = append(p.Stages, &Coalesce{})
		} else {
			p.Stages = append(p.Stages, r.firstStage(depth))
		}
	}
	return p
}

func (r treeMaker) firstStage(depth int) Stage {
	switch r.IntN(6) {
	case 0:
		return &Group{Key: r.mentioning(r.number(depth))}
	case 1:
		return &Select{Fields: r.attributes()}
	case 2:
		l, other := Scalar(r.aggregate(depth)), r.scalar(depth)
		if r.IntN(2) == 0 {
			l, other = other, l
		}
		return &ScalarFilter{Op: r.comparison(), L: l, R: other}
	}
	return r.spanset(depth)
}

func (r treeMaker) spanset(depth int) SpansetExpr {
	switch n := r.IntN(8); {
	case n < 3 && depth > 0:
		var ops []SpansetOperator
		for _, text := range sortedKeys(spansetOps) {
			ops = append(ops, spansetOps[text])
		}
		op := &SpansetOp{Op: oneOf(r, ops...), L: r.operand(depth - 1), R: r.operand(depth - 1)}
		if catch(func() { new(checker).spanset(op) }) == nil {
			return op
		}
	case n == 3:
		return &Filter{}
	}
	return &Filter{Body: r.boolean(depth)}
}

// operand makes an operand of a SpansetOp.
func (r treeMaker) operand(depth int) SpansetExpr {
	if r.IntN(4) > 0 {
		return r.spanset(depth)
	}
	p := r.pipeline(depth)
	if expr, ok := p.Stages[0].(SpansetExpr); ok && len(p.Stages) == 1 {
		return expr
	}
	return p
}

func (r treeMaker) comparison() Op {
	return oneOf(r, Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual)
}

func (r treeMaker) boolean(depth int) Expr {
	n := r.IntN(8)
	if depth == 0 {
		n = 5 + r.IntN(3)
	}
	switch n {
	case 0, 1:
		return &Binary{Op: oneOf(r, And, Or), L: r.boolean(depth - 1), R: r.boolean(depth - 1)}
	case 2:
		return &Unary{Op: Not, X: r.boolean(depth - 1)}
	case 3, 4:
		return &Binary{Op: r.comparison(), L: r.number(depth - 1), R: r.number(depth - 1)}
	case 5:
		return &Binary{Op: oneOf(r, Regex, NotRegex), L: r.attribute(), R: constant(StringStatic(oneOf(r, `\d+`, "", "a\"`\n")))}
	case 6:
		return &Binary{Op: oneOf(r, Equal, NotEqual), L: r.attribute(), R: constant(r.static())}
	}
	return r.attribute()
}

func (r treeMaker) number(depth int) Expr {
	n := r.IntN(6)
	if depth <= 0 {
		n = 4 + r.IntN(2)
	}
	switch n {
	case 0, 1, 2:
		op := oneOf(r, Add, Sub, Mul, Div, Mod, Pow)
		e := &Binary{Op: op, L: r.number(depth - 1), R: r.number(depth - 1)}
		if catch(func() { checkDivision(op, e.R, 0) }) != nil {
			e.Op = Add
		}
		return fold(e)
	case 3:
		return fold(&Unary{Op: Neg, X: r.number(depth - 1)})
	case 4:
		return constant(r.numeral())
	}
	return oneOf[Expr](r, r.attribute(), intrinsic(oneOf(r, SpanDuration, NestedSetParent, EventTimeSinceStart), 0))
}

func (r treeMaker) mentioning(e Expr) Expr {
	if mentionsSpan(e) {
		return e
	}
	return r.attribute()
}

func (r treeMaker) numeral() Static {
	return oneOf(r, IntStatic(0), IntStatic(-7), IntStatic(math.MinInt64), IntStatic(r.Int64()), FloatStatic(2), FloatStatic(-1e300),
		FloatStatic(math.Copysign(0, -1)), FloatStatic(r.NormFloat64()), DurationStatic(-r.Int64()), DurationStatic(r.Int64N(1e12)), DurationStatic(864e11))
}

func (r treeMaker) static() Static {
	return oneOf(r, Static{}, r.numeral(), StringStatic("x"), StringStatic("\x00\xff'\"\\`"), BoolStatic(true), StatusStatic(1), KindStatic(3))
}

func (r treeMaker) attribute() *Attribute {
	return &Attribute{
		Parent: r.IntN(4) == 0,
		Scope:  oneOf(r, store.AnyScope, store.SpanScope, store.ResourceScope, store.EventScope, store.LinkScope, store.InstrumentationScope),
		Name:   oneOf(r, "a", "a.b", "", "5", "5.x", "event.x", "span", `q"\uote`, "a b", "\t\n", "a=b", "ü", "nil", "//", "-", "x."),
	}
}

func (r treeMaker) attributes() (list []*Attribute) {
	for range 1 + r.IntN(3) {
		list = append(list, r.attribute())
	}
	return list
}

func (r treeMaker) aggregate(depth int) *Aggregate {
	if f := oneOf(r, Count, Min, Max, Sum, Avg); f != Count {
		return &Aggregate{Func: f, Arg: r.mentioning(r.number(depth))}
	}
	return &Aggregate{}
}

func (r treeMaker) scalar(depth int) Scalar {
	switch n := r.IntN(6); {
	case n < 2 && depth > 0:
		op := &ScalarOp{Op: oneOf(r, Add, Sub, Mul, Div, Mod, Pow), L: r.scalar(depth - 1), R: r.scalar(depth - 1)}
		if catch(func() { checkDivision(op.Op, op.R, 0) }) != nil {
			op.Op = Sub
		}
		l, okL := op.L.(*Const)
		c, okR := op.R.(*Const)
		if okL && okR {
			if folded, ok := fold(&Binary{Op: op.Op, L: l, R: c}).(*Const); ok {
				return folded
			}
		}
		return op
	case n == 2 && depth > 0:
		return &ScalarPipeline{Pipeline: r.pipeline(depth - 1), Value: r.aggregate(depth - 1)}
	case n == 3:
		return constant(r.numeral())
	}
	return r.aggregate(depth)
}

func (r treeMaker) series() *Series {
	s := &Series{Pipeline: r.pipeline(1), Func: SeriesFunc(r.IntN(int(CompareFunc) + 1))}
	switch s.Func {
	case Rate, CountOverTime:
	case CompareFunc:
		s.Compare = oneOf(r, &Compare{TopN: 10}, &Compare{TopN: 3}, &Compare{TopN: 10, Start: 0, End: 1}, &Compare{TopN: 1000, Start: 5, End: math.MaxInt64})
		s.Compare.Filter = &Filter{Body: r.boolean(1)}
		return s
	case QuantileOverTime:
		s.Quantiles = oneOf(r, []float64{0.5}, []float64{0, 1, 1e-9})
		fallthrough
	default:
		s.Attr = oneOf(r, r.attribute(), intrinsic(SpanDuration, 0))
	}
	if r.IntN(2) == 0 {
		s.By = r.attributes()
	}
	return s
}

func (r treeMaker) metrics(depth int) Metrics {
	m := Metrics(r.series())
	if depth == 0 || m.(*Series).Func == CompareFunc {
		return m
	}
	switch r.IntN(4) {
	case 0:
		sides := []Metrics{r.metrics(depth - 1), r.metrics(depth - 1)}
		if r.IntN(2) == 0 {
			sides[r.IntN(2)] = constant(oneOf(r, IntStatic(3), IntStatic(-3), FloatStatic(0.5)))
		}
		op := &MetricsOp{Op: oneOf(r, Add, Sub, Mul, Div), L: sides[0], R: sides[1]}
		if catch(func() { new(checker).metrics(op) }) == nil {
			m = op
		}
	case 1:
		m = &MetricsStage{Of: m, Kind: oneOf(r, TopK, BottomK), N: 1 + r.IntN(100)}
	case 2:
		m = &MetricsStage{Of: m, Kind: FilterStage, Op: r.comparison(), Value: r.numeral()}
	}
	return m
}

// The parts of a query that answers show are printed as in the whole.
func TestPartsArePrinted(t *testing.T) {
	const text = `{ name = "x" && -span.a < 1 } > { .b } | by(1 + .c) | avg(duration) + 1 > ({ } | count()) * 2`
	q, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	stages := q.Search.Stages
	op := stages[0].(*SpansetOp)
	and := op.L.(*Filter).Body.(*Binary)
	filter := stages[2].(*ScalarFilter)
	for want, part := range map[string]interface{ String() string }{
		text: q.Search, `{ name = "x" && -span.a < 1 }`: op.L.(*Filter), `name = "x" && -span.a < 1`: and, "-span.a": and.R.(*Binary).L,
		"1": and.R.(*Binary).R, "by(1 + .c)": stages[1].(*Group), "avg(duration)": filter.L.(*ScalarOp).L, "avg(duration) + 1": filter.L,
		"({ } | count())": filter.R.(*ScalarOp).L, "({ } | count()) * 2": filter.R,
	} {
		if got := part.String(); got != want || !strings.Contains(text, got) {
			t.Errorf("part is printed as %s, want %s", got, want)
		}
	}
}
