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

// slotColumn is the column of a slot, with memory for columns that are not the store's.
type slotColumn struct {
	column
	made    bool // for this chunk
	ownCode []uint32
	ownNum  []uint64
	ownHas  store.Bitmap
}

// codesOf returns memory for a column of n codes.
func (c *slotColumn) codesOf(n int) []uint32 {
	c.ownCode = sized(c.ownCode, n)
	return c.ownCode
}

// column returns the values of an attribute on the rows of the chunk.
func (e *env) column(a *Attribute) *column {
	key := *a
	key.Pos = 0
	return e.slot(e.plan.slotOf[key])
}

// field returns a column of the store, which the planner has asked for.
func (e *env) field(f store.Field) *store.Column {
	i := slices.Index(e.plan.columns, f)
	if e.fields[i] == nil {
		e.fields[i] = e.chunk.Column(f)
	}
	return e.fields[i]
}

// slot returns the column of a slot.
func (e *env) slot(i int) *column {
	c := &e.columns[i]
	if !c.made {
		c.made = true
		e.makeColumn(c, &e.plan.slots[i])
	}
	return &c.column
}

func (e *env) makeColumn(c *slotColumn, s *slot) {
	f, typ := fieldOf(&s.attr)
	switch {
	case s.attr.Parent:
		e.makeParents(c, e.slot(s.own))
		return
	case isServiceName(&s.attr):
		e.makeServices(c)
		return
	case s.attr.Scope == store.IntrinsicScope && f.Intrinsic == store.NoIntrinsic:
		e.compute(c, s.attr.Intrinsic)
		return
	}
	from := e.field(f)
	c.column = column{codes: from.Codes, nums: from.Nums, has: from.Has, typ: staticTypes[from.Type]}
	if from.Codes != nil {
		c.dict = stored{from.Dict, typ}
	}
	if c.typ == TypeInt && typ != TypeNil {
		c.typ = typ
	}
}

// makeServices has "" where a resource has no service name.
func (e *env) makeServices(c *slotColumn) {
	from, n := e.field(serviceName), e.chunk.Len()
	dict := orEmpty{from.Dict}
	c.column = column{codes: from.Codes, dict: dict}
	switch {
	case from.Nums != nil: // no name at all, but a number
		e.eachRow(c, func(row int) Static {
			if v, ok := from.Value(row); ok {
				return StaticOf(v)
			}
			return StringStatic("")
		})
		return
	case from.Codes == nil:
		c.codes = c.codesOf(n)
		clear(c.codes)
		return
	case !slices.Contains(from.Codes, store.NoCode):
		return
	}
	c.codes = c.codesOf(n)
	for row, code := range from.Codes {
		if code == store.NoCode {
			code = uint32(dict.empty())
		}
		c.codes[row] = code
	}
}

// eachRow makes a column of what value returns for the rows of traces.
func (e *env) eachRow(c *slotColumn, value func(row int) Static) {
	values := &list{make([]Static, e.chunk.Len())}
	c.column = column{codes: c.codesOf(e.chunk.Len()), dict: values}
	live := e.chunk.Live()
	for row := live.Next(0); row >= 0; row = live.Next(row + 1) {
		c.codes[row] = uint32(row)
		values.values[row] = value(row)
	}
}

// makeParents has the values of the parents, and none where there is no parent.
func (e *env) makeParents(c *slotColumn, own *column) {
	n, live := e.chunk.Len(), e.chunk.Live()
	parents := e.parentsOf(live)
	c.column = column{typ: own.typ, dict: own.dict}
	if own.nums != nil {
		c.ownNum, c.ownHas = sized(c.ownNum, n), sized(c.ownHas, len(live))
		c.nums, c.has = c.ownNum, c.ownHas
		clear(c.has)
	}
	if own.codes != nil {
		c.codes = c.codesOf(n)
	}
	for row := live.Next(0); row >= 0; row = live.Next(row + 1) {
		p := parents[row]
		switch {
		case own.codes != nil && p < 0:
			c.codes[row] = store.NoCode
		case own.codes != nil:
			c.codes[row] = own.codes[p]
		case own.nums != nil && p >= 0 && (own.has == nil || own.has.Has(int(p))):
			c.nums[row] = own.nums[p]
			c.has.Set(row)
		}
	}
}

// noRoot stands for the name and the service of the root of a trace whose root is not there.
const noRoot = "<root span not yet received>"

// compute makes the column of an intrinsic that the store does not have.
func (e *env) compute(c *slotColumn, i Intrinsic) {
	c.column = column{typ: TypeInt}
	switch i {
	case TraceRootName, TraceRootService:
		e.eachTrace(c, func(run store.TraceRun) Static {
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
		e.eachTrace(c, func(run store.TraceRun) Static {
			return DurationStatic(int64(endOf(e.chunk, run) - run.Start))
		})
	case SpanChildCount:
		c.ownNum = sized(c.ownNum, e.chunk.Len())
		c.nums = c.ownNum
		e.countChildren(c.nums)
	case NestedSetLeft:
		c.nums = e.number().left
	case NestedSetRight:
		c.nums = e.number().right
	case NestedSetParent:
		c.nums = e.number().above
	}
}

// eachTrace makes a column of a value for each trace.
func (e *env) eachTrace(c *slotColumn, value func(run store.TraceRun) Static) {
	values := &list{make([]Static, len(e.chunk.Traces()))}
	c.column = column{codes: c.codesOf(e.chunk.Len()), dict: values}
	for t, run := range e.chunk.Traces() {
		values.values[t] = value(run)
		for row := run.Lo; row < run.Hi; row++ {
			c.codes[row] = uint32(t)
		}
	}
}

func (e *env) countChildren(counts []uint64) {
	clear(counts)
	live := e.chunk.Live()
	parents := e.parentsOf(live)
	for row := live.Next(0); row >= 0; row = live.Next(row + 1) {
		if p := parents[row]; p >= 0 {
			counts[p]++
		}
	}
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
	v, _ := e.field(store.Of(store.Name)).Value(row)
	return v.Str
}

// service returns the first service name of a row that is a string, "" if there is none.
func (e *env) service(row int) string {
	if v, ok := e.field(serviceName).Value(row); !ok || v.Type == span.String {
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
