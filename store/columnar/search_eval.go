package columnar

import (
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// verdict is what is known of a predicate for all rows of a chunk together.
type verdict int8

const (
	never verdict = iota
	maybe
	always
)

func (v verdict) not() verdict { return always - v }

// level says what rows are: spans, or events or links of the spans of a chunk.
type level = colScope

// answer is a set of rows that contains all on which a predicate holds. It is exact if it contains no others.
type answer struct {
	rows  store.Bitmap // nil: as verdict says
	all   verdict
	exact bool
}

// evaluator judges a predicate on chunks of one block. First prune, from the
// indexes of columns alone, tells chunks that need not be read; then rows
// evaluates column by column. It belongs to one goroutine.
type evaluator struct {
	b      *block
	dir    *directory
	table  *blockShapes
	base   *blockSpace
	leaves map[leafAt]*leafState
	err    error // about the present chunk
	broken error // about the block: no chunk of it can be judged

	chunk     uint32
	n         [colLink + 1]int // rows of the present chunk by level, -1: not known yet
	starts    []uint64         // of the chunk's spans, if hasStarts
	hasStarts bool
	// columns holds the indexes of columns that were asked for, decoded what was decoded of them last.
	columns map[uint32]*column
	decoded map[uint32]*decodedPiece
	byShape shapeRows
	fields  map[store.Field]*fieldColumn
	read    uint64 // bytes of pieces

	summarized summaryReader
}

// shapeRows has the rows of a chunk by shape, if ok.
type shapeRows struct {
	ok   bool
	rows []store.Bitmap // by shape
	used []uint32       // shapes of the chunk
}

// maxShapeRows bounds the memory of shapeRows: a bitmap for each shape of the block.
const maxShapeRows = 2048

// decodedPiece is a piece of the present chunk, if chunk says so; its memory is used again for the next.
type decodedPiece struct {
	chunk uint32
	ok    bool // false: nothing of any chunk
	vals  []uint64
	ids   []byte
	strs  pieceStrings
}

type leafAt struct {
	leaf  *leaf
	scope store.Scope // of the leaf's field, or what AnyScope is tried as
}

// leafState is what a block has for a leaf.
type leafState struct {
	cols []*leafColumn
	// tables holds the verdicts on resources or scopes, for leaves on these: 1 if it holds, else 0.
	tables []uint8
}

// leafColumn is a column whose values a leaf looks at.
type leafColumn struct {
	col *column
	// passes remembers the test on strings of the dictionary: 0 not tested, 1 fails, 2 passes.
	passes []uint8
	// filters are those of the pieces, nil unless the test looks for one string.
	filters []*filter
	key     uint64 // that string's hash
	// in is how often the column occurs in each shape of the block.
	in []uint8
}

func newEvaluator(b *block) (*evaluator, error) {
	v := &evaluator{b: b, leaves: map[leafAt]*leafState{}, columns: map[uint32]*column{}, decoded: map[uint32]*decodedPiece{}, fields: map[store.Field]*fieldColumn{}}
	var err error
	if v.dir, err = b.directory(); err != nil {
		return nil, err
	}
	if v.table, err = b.shapes(); err != nil {
		return nil, err
	}
	v.base, err = b.space()
	return v, err
}

// prune returns what the indexes say of p on all spans of a chunk.
func (v *evaluator) prune(p store.Predicate, chunk uint32) verdict {
	switch p := p.(type) {
	case nil:
		return always
	case store.And:
		all := always
		for _, q := range p {
			if all = min(all, v.prune(q, chunk)); all == never {
				return never
			}
		}
		return all
	case store.Or:
		all := never
		for _, q := range p {
			if all = max(all, v.prune(q, chunk)); all == always {
				return always
			}
		}
		return all
	case store.Not:
		return v.prune(p.P, chunk).not()
	case store.AnyEvent:
		return min(maybe, v.prune(p.P, chunk))
	case store.AnyLink:
		return min(maybe, v.prune(p.P, chunk))
	}
	l := p.(*leaf)
	if l.field.Scope != store.AnyScope {
		return v.pruneLeaf(l, l.field.Scope, chunk)
	}
	for _, scope := range anyScope {
		if v.pruneLeaf(l, scope, chunk) != never {
			return maybe // another scope may decide
		}
	}
	return never
}

func (v *evaluator) pruneLeaf(l *leaf, scope store.Scope, chunk uint32) verdict {
	s := v.state(l, scope)
	if v.err != nil {
		return maybe
	}
	if s.tables != nil {
		return v.pruneTables(s, scope, chunk)
	}
	if !v.byColumns(l, scope) {
		return maybe
	}
	all := never
	for _, c := range s.cols {
		p := c.col.piece(chunk)
		if p == nil {
			continue
		}
		got := c.prune(l.test, p)
		if got == always && !v.everyRow(l, scope) {
			got = maybe // rows that lack the field fail
		}
		all = max(all, got)
	}
	if v.defaults(l, scope) != nil {
		all = max(all, maybe)
	}
	return all
}

// everyRow reports whether each span has exactly one value of the leaf's field, in one column.
func (v *evaluator) everyRow(l *leaf, scope store.Scope) bool {
	if scope != store.IntrinsicScope {
		return false
	}
	switch l.field.Intrinsic {
	case store.Duration, store.Name, store.Kind, store.Status:
		return true
	}
	return false
}

// prune returns what the index of a column says about the values of a piece.
func (c *leafColumn) prune(t *test, p *pieceRef) verdict {
	switch c.col.enc {
	case encNone:
		if t.exists {
			return always
		}
		return never
	case encStrings:
		if p.mode != pieceShared {
			return c.pruneLocal(p)
		}
		some, each := false, true
		for _, code := range p.codes {
			ok := c.passesShared(t, code)
			some, each = some || ok, each && ok
			if some && !each {
				return maybe
			}
		}
		if each {
			return always
		}
		return never
	case encInts:
		return pruneInts(t, c.col.key.Type, p)
	}
	return maybe
}

// pruneLocal asks the filter of a piece with a dictionary of its own.
func (c *leafColumn) pruneLocal(p *pieceRef) verdict {
	if c.filters == nil {
		return maybe
	}
	if f := c.filters[p.at]; f != nil && !f.Contains(c.key) {
		return never
	}
	return maybe
}

func pruneInts(t *test, typ span.Type, p *pieceRef) verdict {
	switch {
	case t.exists:
		return always
	case p.mode == pieceConstant:
		if t.bits(typ, p.min) {
			return always
		}
		return never
	case p.mode == pieceNoZone:
		return maybe
	case typ == span.Int:
		return t.ints.prune(int64(p.min), int64(p.max))
	case typ == span.Float && t.regex == nil:
		return pruneFloats(t, math.Float64frombits(p.min), math.Float64frombits(p.max))
	}
	return maybe
}

// prune returns what is known of values from lo to hi.
func (t intTest) prune(lo, hi int64) verdict {
	got := maybe
	switch {
	case t.lo > t.hi || hi < t.lo || lo > t.hi:
		got = never
	case lo >= t.lo && hi <= t.hi:
		got = always
	}
	if t.not {
		return got.not()
	}
	return got
}

func pruneFloats(t *test, lo, hi float64) verdict {
	want, ok := t.want.Number()
	if !ok {
		return never
	}
	if t.want.Type == span.Int && (t.want.Int() > 1<<53 || t.want.Int() < -(1<<53)) {
		return maybe // not exact as a float64
	}
	switch t.op {
	case store.Equal:
		if want < lo || want > hi {
			return never
		}
	case store.Less:
		if lo >= want {
			return never
		}
	case store.LessEqual:
		if lo > want {
			return never
		}
	case store.Greater:
		if hi <= want {
			return never
		}
	case store.GreaterEqual:
		if hi < want {
			return never
		}
	}
	return maybe
}

func (c *leafColumn) passesShared(t *test, code uint32) bool {
	if c.passes == nil {
		c.passes = make([]uint8, c.col.dict.len())
	}
	if c.passes[code] == 0 {
		c.passes[code] = 1
		if t.bytes(c.col.key.Type, c.col.dict.strings.At(int(code))) {
			c.passes[code] = 2
		}
	}
	return c.passes[code] == 2
}

func (v *evaluator) pruneTables(s *leafState, scope store.Scope, chunk uint32) verdict {
	p := v.column(tableColumn(scope)).piece(chunk)
	if p == nil {
		return maybe
	}
	some, each := false, true
	for at := p.min; at <= p.max && at < uint64(len(s.tables)); at++ {
		some, each = some || s.tables[at] != 0, each && s.tables[at] != 0
	}
	switch {
	case !some:
		return never
	case each:
		return always
	}
	return maybe
}

// column returns the index of a column, or nil if it has no values or cannot be read.
func (v *evaluator) column(num uint32) *column {
	c, ok := v.columns[num]
	if !ok {
		var err error
		c, err = v.b.column(num)
		v.breakOff(err)
		v.columns[num] = c
	}
	return c
}

// piece returns where the piece of a column for the present chunk is to be decoded to, and whether it is
// there already. It is nil if there is none.
func (v *evaluator) piece(num uint32) (p *pieceRef, into *decodedPiece, done bool) {
	p = v.column(num).piece(v.chunk)
	if p == nil {
		return nil, nil, false
	}
	into = v.decoded[num]
	if into == nil {
		into = new(decodedPiece)
		v.decoded[num] = into
	}
	done = into.ok && into.chunk == v.chunk
	if !done {
		v.read += uint64(p.len)
		into.chunk, into.ok = v.chunk, true
	}
	return p, into, done
}

// ints, ids and strings return a column's values in the present chunk; nothing if it has none. They are
// valid until the evaluator turns to another chunk.
func (v *evaluator) ints(num uint32) []uint64 {
	p, into, done := v.piece(num)
	if p == nil {
		return nil
	}
	if !done {
		vals, err := v.b.readInts(into.vals[:0], p)
		if err != nil {
			v.fail(err)
			into.ok = false
			return nil
		}
		into.vals = vals
	}
	return into.vals
}

func (v *evaluator) ids(num uint32, size int) []byte {
	p, into, done := v.piece(num)
	if p == nil {
		return nil
	}
	if !done {
		ids, err := v.b.readIDs(into.ids[:0], p, size)
		if err != nil {
			v.fail(err)
			into.ok = false
			return nil
		}
		into.ids = ids
	}
	return into.ids
}

func (v *evaluator) strings(num uint32) *pieceStrings {
	p, into, done := v.piece(num)
	if p == nil {
		return nil
	}
	if !done {
		if err := v.b.readStrings(&into.strs, v.column(num).dict, p); err != nil {
			v.fail(err)
			into.ok = false
			return nil
		}
	}
	return &into.strs
}

func (v *evaluator) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

// breakOff is fail for what all chunks need.
func (v *evaluator) breakOff(err error) {
	if v.broken == nil {
		v.broken = err
	}
	v.fail(err)
}

// tableColumn returns the column that points into the table which a field of resource or scope looks at.
func tableColumn(scope store.Scope) uint32 {
	if scope == store.ResourceScope {
		return colResource
	}
	return colScopeRef
}

// fixedFor is the column that holds an intrinsic's values as they are.
var fixedFor = map[store.Intrinsic]uint32{
	store.Duration: colDuration, store.Name: colName, store.Kind: colKind, store.Status: colStatus,
	store.StatusMessage: colMessage, store.TraceState: colState, store.Flags: colFlags,
	store.EventName: colEventName, store.EventTime: colEventTime,
}

// byColumns reports whether the values of the leaf's field stand in columns as they are.
func (v *evaluator) byColumns(l *leaf, scope store.Scope) bool {
	if scope != store.IntrinsicScope {
		return true
	}
	_, ok := fixedFor[l.field.Intrinsic]
	return ok
}

// defaults returns the value of an intrinsic that is only kept where it is not
// the default; nil for other fields and where the default fails the test.
func (v *evaluator) defaults(l *leaf, scope store.Scope) *span.Value {
	if scope != store.IntrinsicScope {
		return nil
	}
	var d span.Value
	switch l.field.Intrinsic {
	case store.StatusMessage, store.TraceState:
		if d = span.StringValue(""); !l.test.bytes(span.String, nil) {
			return nil
		}
	case store.Flags:
		if d = span.IntValue(0); !l.test.bits(span.Int, 0) {
			return nil
		}
	default:
		return nil
	}
	return &d
}

// levelOf returns what has the values of a leaf's field.
func levelOf(scope store.Scope, f store.Field) level {
	f.Scope = scope
	switch {
	case f.OfEvent():
		return colEvent
	case f.OfLink():
		return colLink
	}
	return colSpan
}

// state returns what the block has for a leaf, made when first asked for.
func (v *evaluator) state(l *leaf, scope store.Scope) *leafState {
	key := leafAt{l, scope}
	if s := v.leaves[key]; s != nil {
		return s
	}
	s := new(leafState)
	v.leaves[key] = s
	in := l.field.Intrinsic
	switch {
	case scope == store.ResourceScope || scope == store.InstrumentationScope || in == store.ScopeName || in == store.ScopeVersion:
		s.tables = v.judgeTables(l, scope)
	case scope == store.IntrinsicScope:
		if num, ok := fixedFor[in]; ok {
			v.addColumn(s, num, l.test)
		}
	default:
		for typ := span.Empty; typ <= span.Map; typ++ {
			num, ok := v.dir.byKey[colKey{levelOf(scope, l.field), typ, l.field.Key}]
			if ok && l.test.can(typ) {
				v.addColumn(s, num, l.test)
			}
		}
	}
	return s
}

func (v *evaluator) addColumn(s *leafState, num uint32, t *test) {
	col := v.column(num)
	if col == nil {
		return
	}
	c := &leafColumn{col: col}
	if s, one := t.exactly(); one && col.enc == encStrings && col.key.Type != span.Array {
		c.key = xxhash.Sum64(s)
		var err error
		if c.filters, err = v.b.filters(col); err != nil {
			v.breakOff(err)
			return
		}
	}
	if num >= colMessage {
		c.in = v.occurrencesByShape(num)
	}
	s.cols = append(s.cols, c)
}

// occurrencesByShape returns how often a column occurs in each shape of the block; 255 stands for more, too.
func (v *evaluator) occurrencesByShape(num uint32) []uint8 {
	in := make([]uint8, v.table.len())
	for i := range in {
		for _, other := range v.table.at(uint32(i)) {
			if other == num && in[i] < math.MaxUint8 {
				in[i]++
			}
		}
	}
	return in
}

// judgeTables applies a leaf to each resource or scope of the block.
func (v *evaluator) judgeTables(l *leaf, scope store.Scope) []uint8 {
	t := v.base.tables
	n := len(t.Scopes)
	if scope == store.ResourceScope {
		n = len(t.Resources)
	}
	passed := make([]uint8, n)
	one := &leaf{field: l.field, test: l.test}
	if one.field.Scope == store.AnyScope {
		one.field.Scope = scope
	}
	rs := &rowSet{space: &space{strs: v.base.dict, tables: t}}
	rs.Resource, rs.Scope = []uint32{0}, []uint32{0}
	for i := range passed {
		if scope == store.ResourceScope {
			rs.Resource[0] = uint32(i)
		} else {
			rs.Scope[0] = uint32(i)
		}
		passed[i] = oneIf(judge(one, place{rs: rs, event: -1, link: -1}))
	}
	return passed
}
