package traceql

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/clewhq/clew/store"
)

func attr(scope store.Scope, name string) *Attribute { return &Attribute{Scope: scope, Name: name} }

func constant(v Static) *Const { return &Const{Value: v} }

func search(stages ...Stage) *Query { return &Query{Search: &Pipeline{Stages: stages}} }

func TestTree(t *testing.T) {
	a, b := attr(store.AnyScope, "a"), attr(store.SpanScope, "b")
	duration := intrinsic(SpanDuration, 0)
	filterA, filterB := &Filter{Body: a}, &Filter{Body: b}
	pipelineA := &Pipeline{Stages: []Stage{filterA}}
	rateA := &Series{Pipeline: pipelineA, Func: Rate}
	one := constant(IntStatic(1))
	for _, c := range []struct {
		text string
		want *Query
	}{
		{"{}", search(&Filter{})},
		{"{ .a } | { span.b }", search(filterA, filterB)},
		{"{ .a =~ `x` }", search(&Filter{Body: &Binary{Op: Regex, L: a, R: constant(StringStatic("x"))}})},
		{"{ !(-.a >= 1.0) }", search(&Filter{Body: &Unary{Op: Not, X: &Binary{
			Op: GreaterEqual, L: &Unary{Op: Neg, X: a}, R: constant(FloatStatic(1)),
		}}})},
		{"{ .a = nil }", search(&Filter{Body: &Binary{Op: Equal, L: a, R: constant(Static{})}})},
		{"{ kind = client }", search(&Filter{Body: &Binary{Op: Equal, L: intrinsic(SpanKind, 0), R: constant(KindStatic(3))}})},
		{"{ status = error }", search(&Filter{Body: &Binary{Op: Equal, L: intrinsic(SpanStatus, 0), R: constant(StatusStatic(2))}})},
		{"{ duration > -1d1ms }", search(&Filter{Body: &Binary{Op: Greater, L: duration, R: constant(DurationStatic(-86400_001e6))}})},
		{"{ parent.event.x }", search(&Filter{Body: &Attribute{Parent: true, Scope: store.EventScope, Name: "x"}})},
		{"{ parent.x }", search(&Filter{Body: &Attribute{Parent: true, Name: "x"}})},
		{"{ .a } !>> { span.b }", search(&SpansetOp{Op: SpansetOperator{Rel: Descendant, Not: true}, L: filterA, R: filterB})},
		{"{ .a } &~ { span.b }", search(&SpansetOp{Op: SpansetOperator{Rel: Sibling, Union: true}, L: filterA, R: filterB})},
		{"{ .a } || ({ span.b } | coalesce())", search(&SpansetOp{
			Op: SpansetOperator{Rel: SpansetOr}, L: filterA, R: &Pipeline{Stages: []Stage{filterB, &Coalesce{}}},
		})},
		{"({ .a } | { span.b }) | by(.a)", search(filterA, filterB, &Group{Key: a})},
		{"select(.a, duration)", search(&Select{Fields: []*Attribute{a, duration}})},
		{"1 <= sum(.a)", search(&ScalarFilter{Op: LessEqual, L: one, R: &Aggregate{Func: Sum, Arg: a}})},
		{"count() % 1 = 1", search(&ScalarFilter{Op: Equal, L: &ScalarOp{Op: Mod, L: &Aggregate{}, R: one}, R: one})},
		{"({ .a } | count()) != 1", search(&ScalarFilter{
			Op: NotEqual, L: &ScalarPipeline{Pipeline: pipelineA, Value: &Aggregate{}}, R: one,
		})},
		{"{ .a } | rate() by (span.b)", &Query{Metrics: &Series{Pipeline: pipelineA, Func: Rate, By: []*Attribute{b}}}},
		{"{ .a } | quantile_over_time(duration, .5, 1)", &Query{Metrics: &Series{
			Pipeline: pipelineA, Func: QuantileOverTime, Attr: duration, Quantiles: []float64{.5, 1},
		}}},
		{"{ .a } | compare({ span.b })", &Query{Metrics: &Series{
			Pipeline: pipelineA, Func: CompareFunc, Compare: &Compare{Filter: filterB, TopN: 10},
		}}},
		{"{ .a } | compare({}, 3, 1, 2)", &Query{Metrics: &Series{
			Pipeline: pipelineA, Func: CompareFunc, Compare: &Compare{Filter: &Filter{}, TopN: 3, Start: 1, End: 2},
		}}},
		{"1 - ({ .a } | rate()) | bottomk(3) >= 2s", &Query{Metrics: &MetricsStage{
			Of:   &MetricsStage{Of: &MetricsOp{Op: Sub, L: one, R: rateA}, Kind: BottomK, N: 3},
			Kind: FilterStage, Op: GreaterEqual, Value: DurationStatic(2e9),
		}}},
		{"{ .a } with(x=-1.5, y=ok)", &Query{
			Search: pipelineA, Hints: []Hint{{"x", FloatStatic(-1.5)}, {"y", StatusStatic(1)}},
		}},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		withoutPlaces(reflect.ValueOf(q))
		if !reflect.DeepEqual(q, c.want) {
			t.Errorf("%s\nis parsed as the tree of %s", c.text, q)
		}
	}
}

func TestIntrinsicNamesAreParsed(t *testing.T) {
	for i := NoIntrinsic + 1; i < numIntrinsics; i++ {
		row := intrinsicTable[i]
		for _, name := range []string{row.scoped, row.bare} {
			if name == "" {
				continue
			}
			q, err := Parse("select(" + name + ")")
			if err != nil {
				t.Error(err)
				continue
			}
			if a := q.Search.Stages[0].(*Select).Fields[0]; a.Scope != store.IntrinsicScope || a.Intrinsic != i {
				t.Errorf("%s is parsed as %+v", name, a)
			}
		}
		if want := row.bare; want != "" && i.String() != want || want == "" && i.String() != row.scoped {
			t.Errorf("%q or %q is called %q", row.bare, row.scoped, i)
		}
	}
}

func TestPlaces(t *testing.T) {
	q, err := Parse("{ -.a + 1 = span.b }\n  &>> { 1 + 2 < .c } | count() * 2 > 3")
	if err != nil {
		t.Fatal(err)
	}
	op := q.Search.Stages[0].(*SpansetOp)
	left := op.L.(*Filter).Body.(*Binary)
	sum := left.L.(*Binary)
	right := op.R.(*Filter).Body.(*Binary)
	scalar := q.Search.Stages[1].(*ScalarFilter)
	for _, c := range []struct {
		pos  Pos
		text string
	}{
		{op.Pos, "&>> { 1"}, {left.Pos, "= span"}, {sum.Pos, "+ 1"}, {sum.L.(*Unary).Pos, "-.a"}, {sum.L.(*Unary).X.(*Attribute).Pos, ".a"},
		{sum.R.(*Const).Pos, "1 ="}, {left.R.(*Attribute).Pos, "span.b"}, {right.L.(*Const).Pos, "1 + 2"}, {scalar.Pos, "> 3"},
		{scalar.L.(*ScalarOp).Pos, "* 2"}, {scalar.L.(*ScalarOp).L.(*Aggregate).Pos, "count"}, {scalar.R.(*Const).Pos, "3"},
	} {
		text := "{ -.a + 1 = span.b }\n  &>> { 1 + 2 < .c } | count() * 2 > 3"
		if !strings.HasPrefix(text[c.pos:], c.text) {
			t.Errorf("position %d is at %q, want %q", c.pos, text[c.pos:], c.text)
		}
	}
}

func TestCaret(t *testing.T) {
	const term = ".ä && " // 6 characters
	long := strings.Repeat(term, 100)
	for _, c := range []struct {
		text         string
		line, column int
		caret        string
	}{
		{"{ .a == 1 }", 1, 6, "{ .a == 1 }\n     ^"},
		{"{\n\t.ä = \"ö\" && durration > 1s\r\n}", 2, 14, "\t.ä = \"ö\" && durration > 1s\n\t            ^"},
		{"{ .a", 1, 5, "{ .a\n    ^"},
		{"{ .a\n", 2, 1, "\n^"},
		{
			"{ " + long + "== " + long + "}", 1, 603,
			"..." + strings.Repeat(term, 10) + "== " + strings.Repeat(term, 9) + ".ä ...\n" + strings.Repeat(" ", 63) + "^",
		},
	} {
		_, err := Parse(c.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q is parsed", c.text)
			continue
		}
		if e.Text != c.text || e.Line != c.line || e.Column != c.column {
			t.Errorf("%q: error is at %d:%d, want %d:%d", c.text, e.Line, e.Column, c.line, c.column)
		}
		if got := e.Caret(); got != c.caret {
			t.Errorf("%q: caret is\n%s\nwant\n%s", c.text, got, c.caret)
		}
	}
}

// What is too large or too deep ends with an error, soon, and what is just long does not.
func TestLimits(t *testing.T) {
	n := maxQueryBytes
	for _, c := range []struct{ name, text, message string }{
		{"size", "{" + strings.Repeat(" ", n) + "}", "query has 131074 bytes: at most 131072 are allowed"},
		{"utf-8", "{ .a = \"\xff\" }", `query is not valid UTF-8: in a string write \xNN for a byte`},
		{"parentheses", "{" + strings.Repeat("(", n-1), "query is nested too deeply: at most 1000 levels are allowed"},
		{"pipelines", strings.Repeat("(", n), "query is nested too deeply: at most 1000 levels are allowed"},
		{"not", "{" + strings.Repeat("!", n-1), "query is nested too deeply: at most 1000 levels are allowed"},
		{"minus", "{" + strings.Repeat("-", n-1), "query is nested too deeply: at most 1000 levels are allowed"},
		{"scalar minus", strings.Repeat("-", n), "query is nested too deeply: at most 1000 levels are allowed"},
		{"powers", "{.a" + strings.Repeat("^.a", n/3-2), "query is nested too deeply: at most 1000 levels are allowed"},
		{"scalar powers", "count()" + strings.Repeat("^1.5", n/4-2), "query is nested too deeply: at most 1000 levels are allowed"},
		{"changes", "{.a" + strings.Repeat("&&.a||.a", n/8-2), "query is nested too deeply: at most 1000 levels are allowed"},
		{"spanset changes", "{}" + strings.Repeat("&&{}||{}", n/8-2), "query is nested too deeply: at most 1000 levels are allowed"},
		{"regular expressions", "{.a" + strings.Repeat("&&.a=~`x{1000}`", 200) + "}", "regular expressions of the query are too large together: use fewer, or smaller counts than in x{1000}"},
		{"long number", "{ .a = " + strings.Repeat("1", 1000) + " }", "number " + strings.Repeat("1", 60) + "... is too large: the largest is 9223372036854775807"},
		{"long word", "{ " + strings.Repeat("x", 1000) + " }", "unknown intrinsic \"" + strings.Repeat("x", 60) + "...\": for an attribute write ." +
			strings.Repeat("x", 60) + "... or span." + strings.Repeat("x", 60) + "..., for text \"" + strings.Repeat("x", 60) + "...\""},
		{"long scope", "{ " + strings.Repeat("x", 1000) + ". }", "expected the name of an attribute directly behind \"" + strings.Repeat("x", 60) + "...\""},
		{"long function", "{} | rate" + strings.Repeat("x", 1000) + "()", "unknown function \"rate" + strings.Repeat("x", 56) + "...\": did you mean \"rate\"?"},
		{"conditions", "{.a" + strings.Repeat("&&.a", n/4-1) + "}", ""},
		{"sums", "{.a" + strings.Repeat("+1.5", n/4-2) + ">1}", ""},
		{"filters", "{}" + strings.Repeat("||{}", n/4-1), ""},
		{"stages", "{}" + strings.Repeat("|{}", n/3-1), ""},
	} {
		q, err := Parse(c.text)
		var e *Error
		switch {
		case c.message == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.message == "":
			if len(q.String()) < len(c.text) {
				t.Errorf("%s: the printed query lacks something", c.name)
			}
		case !errors.As(err, &e):
			t.Errorf("%s: %v, want %s", c.name, err, c.message)
		case e.Message != c.message:
			t.Errorf("%s: %v, want %s", c.name, err, c.message)
		}
	}
}
