package traceql

import (
	"encoding/hex"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// column has an attribute's values on the rows of a chunk: as numbers, as codes into a dictionary, or,
// if both are nil, none. Of several values on a row (events, links) it has the first.
type column struct {
	typ  Type         // of nums
	nums []uint64     // bits of each row's value
	has  store.Bitmap // rows that have a number; nil means all

	codes []uint32 // for each row its code, or store.NoCode
	dict  statics
}

// statics is a list of values by code, not always distinct. Two that are equal (==) are the same list,
// also for different chunks.
type statics interface {
	Len() int
	At(code uint32) Static
}

// value returns the value of a row; TypeNil if it has none.
func (c *column) value(row int) Static {
	switch {
	case c.nums != nil && (c.has == nil || c.has.Has(row)):
		return Static{Type: c.typ, Num: c.nums[row]}
	case c.codes != nil && c.codes[row] != store.NoCode:
		return c.dict.At(c.codes[row])
	}
	return Static{}
}

// present reports whether a row has the attribute, maybe without a value.
func (c *column) present(row int) bool {
	if c.nums != nil {
		return c.has == nil || c.has.Has(row)
	}
	return c.codes != nil && c.codes[row] != store.NoCode
}

// stored is a list of the store's, as values of a type (see fieldOf).
type stored struct {
	store.Values
	typ Type
}

func (s stored) At(code uint32) Static { return typed(s.Values.At(code), s.typ) }

// orEmpty is a list of the store's, or nil, and "" behind it.
type orEmpty struct{ store.Values }

func (o orEmpty) Len() int { return o.empty() + 1 }

// empty returns the code of "".
func (o orEmpty) empty() int {
	if o.Values == nil {
		return 0
	}
	return o.Values.Len()
}

func (o orEmpty) At(code uint32) Static {
	if int(code) == o.empty() {
		return StringStatic("")
	}
	return StaticOf(o.Values.At(code))
}

// list is a list of a chunk's own.
type list struct{ values []Static }

func (l *list) Len() int              { return len(l.values) }
func (l *list) At(code uint32) Static { return l.values[code] }

// typed returns a value of the store as one of a type (see fieldOf).
func typed(v span.Value, typ Type) Static {
	s := StaticOf(v)
	switch {
	case typ == TypeBytes && s.Type == TypeBytes:
		return StringStatic(hex.EncodeToString([]byte(s.Str)))
	case s.Type == TypeInt && typ != TypeNil:
		s.Type = typ
	}
	return s
}

// column returns the values of an attribute on the rows of the chunk.
func (e *env) column(a *Attribute) *column {
	key := *a
	key.Pos = 0
	return e.slotColumn(e.plan.slotOf[key])
}

// stored returns a column of the store, which the planner has asked for.
func (e *env) stored(f store.Field) *store.Column {
	i := slices.Index(e.plan.columns, f)
	if e.raw[i] == nil {
		e.raw[i] = e.chunk.Column(f)
	}
	return e.raw[i]
}

func (e *env) slotColumn(i int) *column {
	if e.columns[i] == nil {
		e.columns[i] = e.makeColumn(&e.plan.slots[i])
	}
	return e.columns[i]
}

func (e *env) makeColumn(s *slot) *column {
	f, typ := fieldOf(&s.attr)
	switch {
	case s.attr.Parent:
		return e.parentColumn(e.slotColumn(s.own))
	case isServiceName(&s.attr):
		return e.serviceColumn()
	case s.attr.Scope == store.IntrinsicScope && f.Intrinsic == store.NoIntrinsic:
		return e.computedColumn(s.attr.Intrinsic)
	}
	c := e.stored(f)
	made := &column{codes: c.Codes, nums: c.Nums, has: c.Has, typ: staticTypes[c.Type]}
	if c.Codes != nil {
		made.dict = stored{c.Dict, typ}
	}
	if made.typ == TypeInt && typ != TypeNil {
		made.typ = typ
	}
	return made
}

// serviceColumn has "" where a resource has no service name.
func (e *env) serviceColumn() *column {
	c := e.stored(serviceName)
	dict := orEmpty{c.Dict}
	if c.Nums != nil {
		return e.eachRow(func(row int) Static {
			if v, ok := c.Value(row); ok {
				return StaticOf(v)
			}
			return StringStatic("")
		})
	}
	made := &column{codes: make([]uint32, e.chunk.Len()), dict: dict}
	copy(made.codes, c.Codes)
	for row, code := range made.codes {
		if code == store.NoCode || c.Codes == nil {
			made.codes[row] = uint32(dict.empty())
		}
	}
	return made
}

// eachRow makes a column of what value returns for the rows of traces.
func (e *env) eachRow(value func(row int) Static) *column {
	values := &list{make([]Static, e.chunk.Len())}
	made := &column{codes: make([]uint32, e.chunk.Len()), dict: values}
	live := e.chunk.Live()
	for row := live.Next(0); row >= 0; row = live.Next(row + 1) {
		made.codes[row] = uint32(row)
		values.values[row] = value(row)
	}
	return made
}

// parentColumn has the values of the parents, and none where there is no parent.
func (e *env) parentColumn(own *column) *column {
	n, live := e.chunk.Len(), e.chunk.Live()
	parents := e.parentsOf(live)
	made := &column{typ: own.typ, dict: own.dict}
	if own.nums != nil {
		made.nums, made.has = make([]uint64, n), store.NewBitmap(n)
	}
	if own.codes != nil {
		made.codes = make([]uint32, n)
	}
	for row := live.Next(0); row >= 0; row = live.Next(row + 1) {
		p := parents[row]
		switch {
		case own.codes != nil && p < 0:
			made.codes[row] = store.NoCode
		case own.codes != nil:
			made.codes[row] = own.codes[p]
		case own.nums != nil && p >= 0 && (own.has == nil || own.has.Has(int(p))):
			made.nums[row] = own.nums[p]
			made.has.Set(row)
		}
	}
	return made
}

// noRoot stands for the name and the service of the root of a trace whose root is not there.
const noRoot = "<root span not yet received>"

// computedColumn makes the column of an intrinsic that the store does not have.
func (e *env) computedColumn(i Intrinsic) *column {
	switch i {
	case TraceRootName, TraceRootService:
		return e.eachTrace(func(run store.TraceRun) Static {
			root := rootOf(e.chunk, run)
			switch {
			case root < 0:
				return StringStatic(noRoot)
			case i == TraceRootName:
				return StringStatic(e.name(root))
			}
			return StringStatic(e.service(root))
		})
	case TraceDuration:
		return e.eachTrace(func(run store.TraceRun) Static {
			return DurationStatic(int64(endOf(e.chunk, run) - run.Start))
		})
	case SpanChildCount:
		return &column{typ: TypeInt, nums: e.childCounts()}
	}
	numbers := e.number()
	switch i {
	case NestedSetLeft:
		return &column{typ: TypeInt, nums: numbers.left}
	case NestedSetRight:
		return &column{typ: TypeInt, nums: numbers.right}
	}
	return &column{typ: TypeInt, nums: numbers.above}
}

// eachTrace makes a column of a value for each trace.
func (e *env) eachTrace(value func(run store.TraceRun) Static) *column {
	values := &list{make([]Static, len(e.chunk.Traces()))}
	made := &column{codes: make([]uint32, e.chunk.Len()), dict: values}
	for t, run := range e.chunk.Traces() {
		values.values[t] = value(run)
		for row := run.Lo; row < run.Hi; row++ {
			made.codes[row] = uint32(t)
		}
	}
	return made
}

func (e *env) childCounts() []uint64 {
	counts, live := make([]uint64, e.chunk.Len()), e.chunk.Live()
	parents := e.parentsOf(live)
	for row := live.Next(0); row >= 0; row = live.Next(row + 1) {
		if p := parents[row]; p >= 0 {
			counts[p]++
		}
	}
	return counts
}

// rootOf returns the first span of a trace that names no parent, or -1.
func rootOf(c store.Chunk, run store.TraceRun) int {
	for row, p := range c.Parents()[run.Lo:run.Hi] {
		if p == store.NoParent {
			return run.Lo + row
		}
	}
	return -1
}

// endOf returns the latest end of a trace's spans.
func endOf(c store.Chunk, run store.TraceRun) (end uint64) {
	for _, t := range c.Ends()[run.Lo:run.Hi] {
		end = max(end, t)
	}
	return end
}

func (e *env) name(row int) string {
	v, _ := e.stored(store.Of(store.Name)).Value(row)
	return v.Str
}

// service returns the first service name of a row that is a string, "" if there is none.
func (e *env) service(row int) string {
	if v, ok := e.stored(serviceName).Value(row); !ok || v.Type == span.String {
		return v.Str
	}
	name := ""
	e.chunk.Values(serviceName, row, func(v span.Value) bool {
		if v.Type == span.String {
			name = v.Str
		}
		return v.Type != span.String
	})
	return name
}
