package columnar

import (
	"fmt"
	"math"
	"slices"

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

	chunk   uint32 // whose column out is
	ok      bool
	out     store.Column
	nums    []uint64 // memory of out
	codes   []uint32
	has     store.Bitmap
	present store.Bitmap // of a sparse column
}

// fieldPart is a column with values of a field.
type fieldPart struct {
	num    uint32
	typ    span.Type
	in     []uint8  // as in leafColumn; nil: a value for each row
	shapes []uint32 // that have the column; nil: not asked for yet
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
	case fc.f.Intrinsic == store.LinkTraceID || fc.f.Intrinsic == store.LinkSpanID:
		if c.v.column(colLinks).piece(c.v.chunk) != nil {
			c.fillByRow(fc)
		}
	case fc.f.Scope == store.IntrinsicScope && !fc.f.OfEvent():
		c.fillIntrinsic(fc)
	default:
		switch parts := c.present(fc); len(parts) {
		case 0:
		case 1:
			c.fillPart(fc, parts[0], false)
		default:
			c.fillParts(fc, parts)
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
	case store.ParentID:
		fc.codes = resize(fc.codes, c.Len())
		for row := range fc.codes {
			fc.codes[row] = store.NoCode
		}
		var ids []byte
		c.v.eachParentID(func(row int, id []byte) {
			fc.codes[row] = uint32(len(ids) / 8)
			ids = append(ids, id...)
		})
		fc.out = store.Column{Codes: fc.codes, Dict: &idValues{ids, 8}}
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
	if c.fillSparse(fc, part, int(p.n), defaults) {
		return
	}
	places := c.places(part, int(p.n), levelOf(fc.f.Scope, fc.f))
	switch v.dir.keys[part.num].encoding() {
	case encStrings:
		c.fillStrings(fc, part, places, defaults)
	case encNone:
		fc.codes = resize(fc.codes, c.Len())
		clear(fc.codes)
		for row, at := range places {
			if at < 0 {
				fc.codes[row] = store.NoCode
			}
		}
		fc.out = store.Column{Codes: fc.codes, Dict: emptyValue}
	default:
		c.fillNumbers(fc, part, places, defaults)
	}
}

// fillSparse is fillPart for a column that some spans have once, and the others have not: it touches the former only.
func (c *blockChunk) fillSparse(fc *fieldColumn, part *fieldPart, n int, defaults bool) bool {
	v := c.v
	if n == c.Len() || part.in == nil || defaults || levelOf(fc.f.Scope, fc.f) != colSpan || v.dir.rows[part.num] != v.dir.totals[part.num] {
		return false
	}
	if part.shapes == nil {
		for shape, times := range part.in {
			if times > 0 {
				part.shapes = append(part.shapes, uint32(shape))
			}
		}
	}
	has := v.rowsOfShapes(fc.present[:0], part.shapes)
	if has == nil || has.Count() != n {
		return false
	}
	fc.present = has
	switch v.dir.keys[part.num].encoding() {
	case encStrings:
		c.fillSparseStrings(fc, part)
	case encNone:
		c.lackAll(fc)
		for row := has.Next(0); row >= 0; row = has.Next(row + 1) {
			fc.codes[row] = 0
		}
		fc.out = store.Column{Codes: fc.codes, Dict: emptyValue, Has: has}
	default:
		vals := v.ints(part.num)
		if len(vals) < n {
			return false
		}
		c.roomForNumbers(fc)
		at := 0
		for row := has.Next(0); row >= 0; row = has.Next(row + 1) {
			fc.nums[row] = vals[at]
			at++
		}
		fc.out = store.Column{Type: part.typ, Nums: fc.nums[:c.Len()], Has: has}
	}
	return true
}

func (c *blockChunk) fillSparseStrings(fc *fieldColumn, part *fieldPart) {
	s := c.v.strings(part.num)
	if s == nil {
		return
	}
	c.lackAll(fc)
	at := 0
	for row := fc.present.Next(0); row >= 0; row = fc.present.Next(row + 1) {
		code := s.code(at)
		if s.shared != nil {
			code = s.shared[code]
		}
		fc.codes[row] = code
		at++
	}
	var dict store.Values = part.shared
	if s.shared == nil {
		dict = &localValues{s.list, part.typ}
	}
	fc.out = store.Column{Codes: fc.codes, Dict: dict, Has: fc.present}
}

// lackAll makes codes of rows that all lack the field.
func (c *blockChunk) lackAll(fc *fieldColumn) {
	fc.codes = resize(fc.codes, c.Len())
	for i := range fc.codes {
		fc.codes[i] = store.NoCode
	}
}

var emptyValue = &valueList{values: []span.Value{{}}}

func (c *blockChunk) fillStrings(fc *fieldColumn, part *fieldPart, places []int32, defaults bool) {
	s := c.v.strings(part.num)
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
	for row := range fc.codes {
		at := int32(row)
		if places != nil {
			at = places[row]
		}
		if at < 0 {
			fc.codes[row] = none
			continue
		}
		code := s.code(int(at))
		if s.shared != nil {
			code = s.shared[code]
		}
		fc.codes[row] = code
	}
	fc.out = store.Column{Codes: fc.codes, Dict: dict}
}

// fillParts fills from columns of several types.
func (c *blockChunk) fillParts(fc *fieldColumn, parts []*fieldPart) {
	if levelOf(fc.f.Scope, fc.f) != colSpan {
		c.fillByRow(fc)
		return
	}
	dict := new(joinedValues)
	codes := make([][]uint32, len(parts)) // by part and place
	for i, part := range parts {
		codes[i] = c.valueCodes(part, dict)
	}
	first := c.v.firstParts(parts)
	at := make([]int, len(parts))
	fc.codes = resize(fc.codes, c.Len())
	shapes := padded(c, c.v.shapesOf(colSpan))
	for row, s := range shapes {
		fc.codes[row] = store.NoCode
		if s >= uint64(len(first)) || first[s] < 0 {
			continue
		}
		if i := first[s]; at[i] < len(codes[i]) {
			fc.codes[row] = codes[i][at[i]]
		}
		for i, part := range parts {
			if k := int(part.in[s]); k < math.MaxUint8 {
				at[i] += k
			} else {
				at[i] += c.v.occurrences(part.num, uint32(s))
			}
		}
	}
	fc.out = store.Column{Codes: fc.codes, Dict: dict}
}

// valueCodes adds the values of a column in the chunk to dict and returns their codes.
func (c *blockChunk) valueCodes(part *fieldPart, dict *joinedValues) []uint32 {
	n := int(c.v.column(part.num).piece(c.v.chunk).n)
	codes := make([]uint32, n)
	switch c.v.dir.keys[part.num].encoding() {
	case encStrings:
		s := c.v.strings(part.num)
		if s == nil {
			return nil
		}
		from := uint32(dict.Len())
		if s.shared != nil {
			dict.add(part.shared)
		} else {
			dict.add(&localValues{s.list, part.typ})
		}
		for i := range codes {
			code := s.code(i)
			if s.shared != nil {
				code = s.shared[code]
			}
			codes[i] = from + code
		}
	case encNone:
		from := uint32(dict.Len())
		dict.add(emptyValue)
		for i := range codes {
			codes[i] = from
		}
	default:
		from := uint32(dict.Len())
		nums := &numberValues{part.typ, c.v.ints(part.num)}
		dict.add(nums)
		for i := range codes[:min(n, nums.Len())] {
			codes[i] = from + uint32(i)
		}
	}
	return codes
}

// firstParts returns for each shape of the block the first of parts that it has, or -1.
func (v *evaluator) firstParts(parts []*fieldPart) []int {
	first := make([]int, v.table.len())
	for s := range first {
		first[s] = -1
		for _, num := range v.table.at(uint32(s)) {
			if first[s] = slices.IndexFunc(parts, func(p *fieldPart) bool { return p.num == num }); first[s] >= 0 {
				break
			}
		}
	}
	return first
}

// joinedValues is several lists of values, one behind the other.
type joinedValues struct {
	lists []store.Values
	n     int
}

func (l *joinedValues) add(list store.Values) { l.lists, l.n = append(l.lists, list), l.n+list.Len() }
func (l *joinedValues) Len() int              { return l.n }

func (l *joinedValues) At(code uint32) span.Value {
	for _, list := range l.lists {
		if n := uint32(list.Len()); code >= n {
			code -= n
			continue
		}
		return list.At(code)
	}
	return span.Value{}
}

// numberValues is the values of one column in a chunk, by place.
type numberValues struct {
	typ  span.Type
	nums []uint64
}

func (l *numberValues) Len() int                  { return len(l.nums) }
func (l *numberValues) At(code uint32) span.Value { return span.Value{Type: l.typ, Num: l.nums[code]} }

func (c *blockChunk) fillNumbers(fc *fieldColumn, part *fieldPart, places []int32, defaults bool) {
	vals := c.v.ints(part.num)
	if places == nil {
		fc.out = store.Column{Type: part.typ, Nums: padded(c, vals)}
		return
	}
	c.roomForNumbers(fc)
	nums, has := fc.nums[:c.Len()], fc.has[:(c.Len()+63)/64]
	clear(has)
	for row, at := range places {
		nums[row] = 0
		if at >= 0 && int(at) < len(vals) {
			nums[row] = vals[at]
			has.Set(row)
		}
	}
	fc.out = store.Column{Type: part.typ, Nums: nums, Has: has}
	if defaults {
		fc.out.Has = nil
	}
}

func (c *blockChunk) roomForNumbers(fc *fieldColumn) {
	if cap(fc.nums) < c.Len() {
		fc.nums, fc.has = make([]uint64, max(c.Len(), chunkRowsMax)), store.NewBitmap(max(c.Len(), chunkRowsMax))
	}
}

// places returns for each span the place of its first value among the n of a column in the chunk, or -1;
// nil if span i has value i. own is what has the values. It is valid until it is asked for again.
func (c *blockChunk) places(part *fieldPart, n int, own level) []int32 {
	size := c.v.size(own)
	whole := n == size && (part.in == nil || c.v.dir.rows[part.num] == c.v.dir.totals[part.num])
	if own == colSpan {
		if !whole {
			c.at = c.v.firstValues(c.at, part, n, own)
		} else if size == c.Len() {
			return nil
		}
		return c.at[:c.Len()]
	}
	if !whole {
		c.childAt = c.v.firstValues(c.childAt, part, n, own)
	}
	c.at = resizeTo(c.at, c.Len())
	for i := range c.at {
		c.at[i] = -1
	}
	c.v.eachParent(own, func(row, lo, hi int) {
		for i := lo; i < hi && c.at[row] < 0; i++ {
			if c.at[row] = int32(i); !whole {
				c.at[row] = c.childAt[i]
			}
		}
	})
	return c.at
}

// firstValues sets places to those of the first value, of n in the column, of each row of a level, or -1.
func (v *evaluator) firstValues(places []int32, part *fieldPart, n int, own level) []int32 {
	places = resizeTo(places, v.size(own))
	at := 0
	shapes := v.shapesOf(own)
	for row := range places {
		k := 0
		if row < len(shapes) && shapes[row] < uint64(len(part.in)) {
			if k = int(part.in[shapes[row]]); k == math.MaxUint8 {
				k = v.occurrences(part.num, uint32(shapes[row]))
			}
		}
		places[row] = int32(at)
		if k == 0 || at >= n {
			places[row] = -1
		}
		at += k
	}
	return places
}

func resizeTo[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
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
