// Package traceql is the query language of Clew: lexer, parser, printer,
// checks, planning and execution over a store. docs/traceql.md is its guide.
package traceql

import (
	"fmt"

	"github.com/clewhq/clew/store"
)

// Pos is a place in the text of a query: a byte offset, from 0.
type Pos int

// Query is a parsed query: a search or a metrics query.
type Query struct {
	Search  *Pipeline // nil for a metrics query
	Metrics Metrics   // nil for a search
	Hints   []Hint
}

// Hint is one of with(...). Names are not checked.
type Hint struct {
	Name  string
	Value Static
}

// Pipeline is a list of stages, at least one. Each takes the spansets of a trace that the one before
// left; the first takes one spanset, of all spans.
type Pipeline struct {
	Stages []Stage
}

// Stage is a stage of a Pipeline: SpansetExpr, *ScalarFilter, *Group, *Coalesce or *Select.
type Stage interface{ stage() }

// SpansetExpr gives one spanset: *Filter, *SpansetOp or *Pipeline (in parentheses).
type SpansetExpr interface {
	Stage
	spansetExpr()
}

// Filter is {Body}; a nil Body is true.
type Filter struct {
	Body Expr
}

// SpansetOp relates two spansets of a trace.
type SpansetOp struct {
	Op   SpansetOperator
	L, R SpansetExpr
	Pos  Pos // of the operator
}

// SpansetOperator is the kind of a SpansetOp.
type SpansetOperator struct {
	Rel   Relation
	Not   bool // !> and so on; not for And and Or
	Union bool // &> and so on; not for And and Or
}

// Relation is what a span of the right side is to one of the left.
type Relation uint8

const (
	SpansetAnd Relation = iota // no relation: both sides have spans
	SpansetOr                  // no relation: either side has spans
	Child
	Descendant
	Parent
	Ancestor
	Sibling
)

// Group is by(Key).
type Group struct {
	Key Expr
}

// Coalesce is coalesce().
type Coalesce struct{}

// Select is select(Fields...).
type Select struct {
	Fields []*Attribute
}

// ScalarFilter keeps the spansets for which L Op R holds. Op is a comparison.
type ScalarFilter struct {
	Op   Op
	L, R Scalar
	Pos  Pos // of the operator
}

// Scalar is a number that a spanset has: *Aggregate, *ScalarOp, *ScalarPipeline or *Const.
type Scalar interface {
	fmt.Stringer // as the printed query has it
	scalar()
}

// Aggregate is count(), min(Arg), max(Arg), sum(Arg) or avg(Arg).
type Aggregate struct {
	Func AggregateFunc
	Arg  Expr // nil for count
	Pos  Pos
}

type AggregateFunc uint8

const (
	Count AggregateFunc = iota
	Min
	Max
	Sum
	Avg
)

// ScalarOp is arithmetic of two scalars: Add, Sub, Mul, Div, Mod or Pow.
type ScalarOp struct {
	Op   Op
	L, R Scalar
	Pos  Pos
}

// ScalarPipeline is (Stages... | Value): a scalar of the spansets that a pipeline of its own leaves of the trace.
type ScalarPipeline struct {
	Pipeline *Pipeline
	Value    Scalar
}

// Const is a constant.
type Const struct {
	Value Static
	Pos   Pos
}

// Expr is an expression on one span: *Const, *Attribute, *Binary or *Unary.
type Expr interface {
	fmt.Stringer // as the printed query has it
	expr()
}

// Attribute is an attribute or an intrinsic, of the span or of its parent.
type Attribute struct {
	Parent    bool // parent.x: of the span's parent
	Scope     store.Scope
	Name      string    // the attribute's key
	Intrinsic Intrinsic // set if Scope is store.IntrinsicScope
	Pos       Pos
}

// Intrinsic is a field that is not an attribute. Its names are in intrinsicTable.
type Intrinsic uint8

const (
	NoIntrinsic Intrinsic = iota
	SpanDuration
	SpanName
	SpanStatus
	SpanStatusMessage
	SpanKind
	SpanID
	SpanParentID
	SpanChildCount
	SpanStart      // span:start: nanoseconds since 1970
	SpanTraceState // span:traceState: as W3C writes it
	NestedSetLeft
	NestedSetRight
	NestedSetParent
	TraceDuration
	TraceRootName
	TraceRootService
	TraceID
	EventName
	EventTimeSinceStart
	LinkTraceID
	LinkSpanID
	ScopeName
	ScopeVersion
	numIntrinsics
)

// Binary is L Op R.
type Binary struct {
	Op   Op
	L, R Expr
	Pos  Pos // of the operator
}

// Unary is Op X: Neg or Not, or SomeEvent or SomeLink, which no text says: those hold if one event (or link) of
// the span satisfies X, in which fields of events (or links) are that one's.
type Unary struct {
	Op  Op
	X   Expr
	Pos Pos
}

// Op is an operator of Binary, Unary, ScalarOp, ScalarFilter or MetricsOp.
type Op uint8

const (
	And Op = iota
	Or
	Equal
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Regex
	NotRegex
	Add
	Sub
	Mul
	Div
	Mod
	Pow
	Neg
	Not
	SomeEvent
	SomeLink
)

// Metrics is a metrics query: *Series, *MetricsOp, *MetricsStage or *Const (a number, only below a MetricsOp).
type Metrics interface{ metrics() }

// Series makes time series of the spans that a pipeline leaves.
type Series struct {
	Pipeline  *Pipeline
	Func      SeriesFunc
	Attr      *Attribute // what is measured; nil for Rate, CountOverTime and Compare
	Quantiles []float64  // of QuantileOverTime
	By        []*Attribute
	Compare   *Compare // of CompareFunc
	Pos       Pos      // of the function
}

type SeriesFunc uint8

const (
	Rate SeriesFunc = iota
	CountOverTime
	MinOverTime
	MaxOverTime
	AvgOverTime
	SumOverTime
	QuantileOverTime
	HistogramOverTime
	CompareFunc
)

// Compare is what compare() is given.
type Compare struct {
	Filter     *Filter
	TopN       int    // 10 where nothing is said
	Start, End uint64 // unix nanoseconds, both 0: no bounds
}

// MetricsOp is arithmetic of two metrics queries, or of one and a number: Add, Sub, Mul or Div.
type MetricsOp struct {
	Op   Op
	L, R Metrics
	Pos  Pos
}

// MetricsStage is a second stage: topk(N), bottomk(N), or a comparison of values.
type MetricsStage struct {
	Of    Metrics
	Kind  StageKind
	N     int
	Op    Op     // of FilterStage
	Value Static // of FilterStage
	Pos   Pos
}

type StageKind uint8

const (
	TopK StageKind = iota
	BottomK
	FilterStage
)

func (*Filter) stage()       {}
func (*SpansetOp) stage()    {}
func (*Pipeline) stage()     {}
func (*Group) stage()        {}
func (*Coalesce) stage()     {}
func (*Select) stage()       {}
func (*ScalarFilter) stage() {}

func (*Filter) spansetExpr()    {}
func (*SpansetOp) spansetExpr() {}
func (*Pipeline) spansetExpr()  {}

func (*Aggregate) scalar()      {}
func (*ScalarOp) scalar()       {}
func (*ScalarPipeline) scalar() {}
func (*Const) scalar()          {}

func (*Const) expr()     {}
func (*Attribute) expr() {}
func (*Binary) expr()    {}
func (*Unary) expr()     {}

func (*Series) metrics()       {}
func (*MetricsOp) metrics()    {}
func (*MetricsStage) metrics() {}
func (*Const) metrics()        {}
