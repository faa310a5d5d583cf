package columnar

import (
	"fmt"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// fieldColumn is how a field is read from the chunks of one block. It belongs to an evaluator.
type fieldColumn struct {
	f     store.Field
	parts []fieldPart // columns with values of the field, by type
	// table has, for a field of resource or scope, the code of each of them.
	table  []uint32
	dict   *valueList     // of table
	scopes []*fieldColumn // for AnyScope: those that the block has, in order

	chunk uint32 // whose column out is
	ok    bool
	out   store.Column
	nums  []uint64 // memory of out
	codes []uint32
	has   store.Bitmap
}

// fieldPart is a column with values of a field.
type fieldPart struct {
	num    uint32
	typ    span.Type
	in     []uint8 // as in leafColumn; nil: a value for each row
	shared *dictValues
}

// dictValues is the dictionary of a column as store.Values. The code behind its last string stands for
// the empty one, which optional columns do not keep.
type dictValues struct {
	dict *dictionary
	typ  span.Type
}

func (d *dictValues) Len() int { return d.dict.len() + 1 }
func (d *dictValues) At(code uint32) span.Value {
	if int(code) >= d.dict.len() {
		return span.Value{Type: d.typ}
	}
	return span.Value{Type: d.typ, Str: string(d.dict.strings.At(int(code)))}
}

// localValues is the dictionary of one piece as store.Values, with the empty string behind it.
type localValues struct {
	list colenc.List
	typ  span.Type
}

func (d *localValues) Len() int { return d.list.Len() + 1 }
func (d *localValues) At(code uint32) span.Value {
	if int(code) >= d.list.Len() {
		return span.Value{Type: d.typ}
	}
	return span.Value{Type: d.typ, Str: string(d.list.At(int(code)))}
}

// valueList is distinct values as store.Values.
type valueList struct {
	values []span.Value
	places map[span.Value]uint32
}

func newValueList() *valueList { return &valueList{places: map[span.Value]uint32{}} }

func (l *valueList) Len() int                  { return len(l.values) }
func (l *valueList) At(code uint32) span.Value { return l.values[code] }

func (l *valueList) code(v span.Value) uint32 {
	at, ok := l.places[v]
	if !ok {
		at = uint32(len(l.values))
		l.values = append(l.values, v)
		l.places[v] = at
	}
	return at
}

// first returns the code of the first value of a field, or NoCode.
func (l *valueList) first(f store.Field, at place) uint32 {
	code := uint32(store.NoCode)
	at.each(f, func(v span.Value) bool {
		code = l.code(v)
		return false
	})
	return code
}

// idValues is ids, one for each row, as store.Values.
type idValues struct {
	ids  []byte
	size int
}

func (l *idValues) Len() int { return len(l.ids) / l.size }
func (l *idValues) At(code uint32) span.Value {
	return span.BytesValue(string(l.ids[int(code)*l.size : (int(code)+1)*l.size]))
}

func errRows(b *block, chunk uint32, have, want int) error {
	return fmt.Errorf("block %s: %w: chunk %d has %d values for %d rows", b.path, colenc.ErrCorrupt, chunk, have, want)
}

// field returns how a field is read, made when first asked for.
func (v *evaluator) field(f store.Field) *fieldColumn {
	if c := v.fields[f]; c != nil {
		return c
	}
	c := &fieldColumn{f: f}
	v.fields[f] = c
	switch {
	case f.Scope == store.AnyScope:
		for _, scope := range anyScope {
			if s := v.field(store.Attr(scope, f.Key)); len(s.parts) > 0 || s.dict != nil && s.dict.Len() > 0 {
				c.scopes = append(c.scopes, s)
			}
		}
	case f.Scope == store.ResourceScope, f.Scope == store.InstrumentationScope, f.Intrinsic == store.ScopeName, f.Intrinsic == store.ScopeVersion:
		v.tabulate(c)
	case f.Scope == store.IntrinsicScope:
		if num, ok := fixedFor[f.Intrinsic]; ok {
			v.addPart(c, num)
		}
	default:
		for typ := span.Empty; typ <= span.Map; typ++ {
			if num, ok := v.dir.byKey[colKey{levelOf(f.Scope, f), typ, f.Key}]; ok {
				v.addPart(c, num)
			}
		}
	}
	return c
}

func (v *evaluator) addPart(c *fieldColumn, num uint32) {
	col := v.column(num)
	if col == nil {
		return
	}
	p := fieldPart{num: num, typ: col.key.Type, shared: &dictValues{col.dict, col.key.Type}}
	if num >= colMessage {
		p.in = v.occurrencesByShape(num)
	}
	c.parts = append(c.parts, p)
}

// tabulate sets the codes of a field of all resources or scopes.
func (v *evaluator) tabulate(c *fieldColumn) {
	t := v.base.tables
	rs := &rowSet{space: &space{strs: v.base.dict, tables: t}}
	rs.Resource, rs.Scope = []uint32{0}, []uint32{0}
	c.dict = newValueList()
	n, at := len(t.Scopes), rs.Scope
	if c.f.Scope == store.ResourceScope {
		n, at = len(t.Resources), rs.Resource
	}
	c.table = make([]uint32, n)
	for i := range n {
		at[0] = uint32(i)
		c.table[i] = c.dict.first(c.f, place{rs, 0, -1, -1})
	}
}

// Column implements store.Chunk.
func (c *blockChunk) Column(f store.Field) *store.Column {
	fc := c.v.field(f)
	if !fc.ok || fc.chunk != c.v.chunk {
		fc.chunk, fc.ok, fc.out = c.v.chunk, true, store.Column{}
		c.fill(fc)
	}
	if c.v.err != nil {
		return &store.Column{}
	}
	return &fc.out
}

// fill makes the column of the present chunk.
func (c *blockChunk) fill(fc *fieldColumn) {
	switch {
	case fc.f.Scope == store.AnyScope:
		c.fillAnyScope(fc)
	case fc.table != nil:
		c.fillTable(fc)
	case fc.f.OfEvent() || fc.f.OfLink():
		count := uint32(colEvents)
		if fc.f.OfLink() {
			count = colLinks
		}
		if c.v.column(count).piece(c.v.chunk) != nil {
			c.fillByRow(fc)
		}
	case fc.f.Scope == store.IntrinsicScope:
		c.fillIntrinsic(fc)
	default:
		switch parts := c.present(fc); len(parts) {
		case 0:
		case 1:
			c.fillPart(fc, parts[0], false)
		default:
			c.fillByRow(fc)
		}
	}
}

// present returns the parts that have values in the chunk.
func (c *blockChunk) present(fc *fieldColumn) (parts []*fieldPart) {
	for i := range fc.parts {
		if c.v.column(fc.parts[i].num).piece(c.v.chunk) != nil {
			parts = append(parts, &fc.parts[i])
		}
	}
	return parts
}

// fillAnyScope fills from the one scope that has the field in this chunk, or row by row.
func (c *blockChunk) fillAnyScope(fc *fieldColumn) {
	var only *fieldColumn
	for _, s := range fc.scopes {
		if s.table == nil && c.present(s) == nil {
			continue
		}
		if only != nil {
			c.fillByRow(fc)
			return
		}
		only = s
	}
	if only != nil {
		fc.out = *c.Column(only.f)
	}
}

func (c *blockChunk) fillTable(fc *fieldColumn) {
	refs := padded(c, c.v.ints(tableColumn(fc.f.Scope)))
	fc.codes = resize(fc.codes, c.Len())
	for i, r := range refs {
		code := uint32(store.NoCode)
		if r < uint64(len(fc.table)) {
			code = fc.table[r]
		}
		fc.codes[i] = code
	}
	fc.out = store.Column{Codes: fc.codes, Dict: fc.dict}
}

func (c *blockChunk) fillIntrinsic(fc *fieldColumn) {
	number := func(vals []uint64) { fc.out = store.Column{Type: span.Int, Nums: vals} }
	switch fc.f.Intrinsic {
	case store.Duration:
		number(padded(c, c.v.ints(colDuration)))
	case store.Kind:
		number(padded(c, c.v.ints(colKind)))
	case store.Status:
		number(padded(c, c.v.ints(colStatus)))
	case store.Start:
		number(c.Starts())
	case store.End:
		number(c.Ends())
	case store.Name, store.StatusMessage, store.TraceState, store.Flags:
		if len(fc.parts) > 0 && c.v.column(fc.parts[0].num).piece(c.v.chunk) != nil {
			c.fillPart(fc, &fc.parts[0], true)
			return
		}
		fc.codes = resize(fc.codes, c.Len())
		clear(fc.codes)
		fc.out = store.Column{Codes: fc.codes, Dict: emptyText}
		if fc.f.Intrinsic == store.Flags {
			fc.out.Dict = zeroFlags
		}
	case store.SpanID:
		c.SpanIDs()
		c.eachRowItsOwn(fc, &idValues{c.v.ids(colSpanID, 8), 8})
	case store.TraceID:
		fc.codes = resize(fc.codes, c.Len())
		c.eachTrace(func(i, lo, hi int) {
			for row := lo; row < hi; row++ {
				fc.codes[row] = uint32(i)
			}
		})
		fc.out = store.Column{Codes: fc.codes, Dict: &idValues{c.v.ids(colTraceID, 16), 16}}
	default:
		c.fillByRow(fc)
	}
}

// What rows have that lack an optional column.
var (
	emptyText = &valueList{values: []span.Value{span.StringValue("")}}
	zeroFlags = &valueList{values: []span.Value{span.IntValue(0)}}
)

func (c *blockChunk) eachRowItsOwn(fc *fieldColumn, dict store.Values) {
	fc.codes = resize(fc.codes, c.Len())
	for i := range fc.codes {
		fc.codes[i] = uint32(i)
	}
	if dict.Len() < c.Len() {
		return // noted as an error
	}
	fc.out = store.Column{Codes: fc.codes, Dict: dict}
}

// fillPart fills from one column. Where a row has no value, it lacks the field or, with defaults, has the empty one.
func (c *blockChunk) fillPart(fc *fieldColumn, part *fieldPart, defaults bool) {
	v, p := c.v, c.v.column(part.num).piece(c.v.chunk)
	switch v.dir.keys[part.num].encoding() {
	case encStrings:
		s := v.strings(part.num)
		if s == nil {
			return
		}
		var dict store.Values = part.shared
		if s.shared == nil {
			dict = &localValues{s.list, part.typ}
		}
		none := uint32(store.NoCode)
		if defaults {
			none = uint32(dict.Len() - 1)
		}
		fc.codes = resize(fc.codes, c.Len())
		c.spread(part, int(p.n), func(row, at int) {
			if at < 0 {
				fc.codes[row] = none
				return
			}
			code := s.code(at)
			if s.shared != nil {
				code = s.shared[code]
			}
			fc.codes[row] = code
		})
		fc.out = store.Column{Codes: fc.codes, Dict: dict}
	case encNone:
		fc.codes = resize(fc.codes, c.Len())
		c.spread(part, int(p.n), func(row, at int) {
			fc.codes[row] = 0
			if at < 0 {
				fc.codes[row] = store.NoCode
			}
		})
		fc.out = store.Column{Codes: fc.codes, Dict: emptyValue}
	default:
		c.fillNumbers(fc, part, int(p.n), defaults)
	}
}

var emptyValue = &valueList{values: []span.Value{{}}}

func (c *blockChunk) fillNumbers(fc *fieldColumn, part *fieldPart, n int, defaults bool) {
	vals := c.v.ints(part.num)
	if len(vals) < n {
		return
	}
	if part.in == nil || n == c.Len() && c.once(part) {
		fc.out = store.Column{Type: part.typ, Nums: padded(c, vals)}
		return
	}
	if cap(fc.nums) < c.Len() {
		fc.nums, fc.has = make([]uint64, max(c.Len(), chunkRowsMax)), store.NewBitmap(max(c.Len(), chunkRowsMax))
	}
	nums, has := fc.nums[:c.Len()], fc.has[:(c.Len()+63)/64]
	clear(has)
	c.spread(part, n, func(row, at int) {
		nums[row] = 0
		if at >= 0 {
			nums[row] = vals[at]
			has.Set(row)
		}
	})
	fc.out = store.Column{Type: part.typ, Nums: nums, Has: has}
	if defaults {
		fc.out.Has = nil
	}
}

// once reports whether no row of the block has several values in the column.
func (c *blockChunk) once(part *fieldPart) bool {
	return c.v.dir.rows[part.num] == c.v.dir.totals[part.num]
}

// spread calls set for each row with the place of its first value among n, or -1.
func (c *blockChunk) spread(part *fieldPart, n int, set func(row, at int)) {
	if part.in == nil || n == c.Len() && c.once(part) {
		for row := range c.Len() {
			at := row
			if at >= n {
				at = -1
			}
			set(row, at)
		}
		return
	}
	at := 0
	shapes := padded(c, c.v.shapesOf(colSpan))
	for row, s := range shapes {
		k := 0
		if s < uint64(len(part.in)) {
			if k = int(part.in[s]); k == 255 {
				k = c.v.occurrences(part.num, uint32(s))
			}
		}
		if k == 0 || at >= n {
			set(row, -1)
			continue
		}
		set(row, at)
		at += k
	}
}

// fillByRow fills from the rows themselves.
func (c *blockChunk) fillByRow(fc *fieldColumn) {
	rs := c.load(projectionFor(nil, []store.Field{fc.f}))
	if rs == nil {
		return
	}
	fc.codes = resize(fc.codes, c.Len())
	dict := newValueList()
	for i := range fc.codes {
		fc.codes[i] = dict.first(fc.f, place{rs, i, -1, -1})
	}
	fc.out = store.Column{Codes: fc.codes, Dict: dict}
}
