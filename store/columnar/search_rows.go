package columnar

import (
	"math/bits"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// begin turns the evaluator to a chunk of n spans.
func (v *evaluator) begin(chunk uint32, n int) {
	v.chunk, v.hasStarts, v.byShape.ok, v.err = chunk, false, false, v.broken
	v.n = [colLink + 1]int{colSpan: n, colEvent: -1, colLink: -1}
}

// shapeColumn is the column with the shapes of a level's rows.
var shapeColumn = [...]uint32{colSpan: colShape, colEvent: colEventShape, colLink: colLinkShape}

// size returns the number of spans, events or links of the chunk.
func (v *evaluator) size(at level) int {
	if v.n[at] < 0 {
		v.n[at] = 0
		if p := v.column(shapeColumn[at]).piece(v.chunk); p != nil {
			v.n[at] = int(p.n)
		}
	}
	return v.n[at]
}

// rows evaluates p on the chunk's spans, or on its events or links inside of AnyEvent and AnyLink.
func (v *evaluator) rows(p store.Predicate, at level) answer {
	switch p := p.(type) {
	case nil:
		return answer{all: always, exact: true}
	case store.And:
		return v.and(p, at)
	case store.Or:
		return v.or(p, at)
	case store.Not:
		got := v.rows(p.P, at)
		if !got.exact {
			return answer{all: always}
		}
		if got.rows == nil {
			return answer{all: got.all.not(), exact: true}
		}
		got.rows.Invert(v.size(at))
		return got
	case store.AnyEvent:
		return v.any(p.P, at, colEvent)
	case store.AnyLink:
		return v.any(p.P, at, colLink)
	}
	return v.leaf(p.(*leaf), at)
}

func (v *evaluator) and(list store.And, at level) answer {
	out := answer{all: always, exact: true}
	for _, p := range list {
		if at == colSpan && v.prune(p, v.chunk) == always {
			continue
		}
		got := v.rows(p, at)
		out.exact = out.exact && got.exact
		switch {
		case got.rows == nil && got.all == never:
			return answer{all: never, exact: true}
		case got.rows == nil:
		case out.rows == nil:
			out.rows = got.rows
		default:
			out.rows.And(got.rows)
		}
		if out.rows != nil && !out.rows.Any() {
			return answer{all: never, exact: true}
		}
	}
	return out
}

func (v *evaluator) or(list store.Or, at level) answer {
	out := answer{all: never, exact: true}
	for _, p := range list {
		if at == colSpan && v.prune(p, v.chunk) == never {
			continue
		}
		got := v.rows(p, at)
		out.exact = out.exact && got.exact
		switch {
		case got.rows == nil && got.all == always:
			return got
		case got.rows == nil:
		case out.rows == nil:
			out.rows = got.rows
		default:
			out.rows.Or(got.rows)
		}
	}
	return out
}

// any evaluates AnyEvent or AnyLink. Where one is asked within the other, all rows are let through.
func (v *evaluator) any(p store.Predicate, at, child level) answer {
	if at == child {
		return v.rows(p, at)
	}
	if at != colSpan {
		return answer{all: always}
	}
	got := v.rows(p, child)
	if got.rows == nil && got.all == never {
		return got
	}
	if got.rows == nil {
		got.rows = store.NewBitmap(v.size(child))
		got.rows.Fill(0, v.size(child))
	}
	return answer{rows: v.owners(got.rows, child), exact: got.exact}
}

// owners returns the spans of which some event or link is in children.
func (v *evaluator) owners(children store.Bitmap, child level) store.Bitmap {
	out := store.NewBitmap(v.size(colSpan))
	v.eachParent(child, func(row, lo, hi int) {
		for i := lo; i < hi; i++ {
			if children.Has(i) {
				out.Set(row)
				return
			}
		}
	})
	return out
}

// rowsOfShapes sets rows to the spans that have one of some shapes; nil if the block has too many.
func (v *evaluator) rowsOfShapes(rows store.Bitmap, shapes []uint32) store.Bitmap {
	if v.table.len() > maxShapeRows {
		return nil
	}
	s := &v.byShape
	if !s.ok {
		s.ok = true
		v.findShapes()
	}
	n := (v.size(colSpan) + 63) / 64
	rows = append(rows, make(store.Bitmap, n)...)
	for _, shape := range shapes {
		if of := s.rows[shape]; len(of) == n {
			rows.Or(of)
		}
	}
	return rows
}

func (v *evaluator) findShapes() {
	s := &v.byShape
	if s.rows == nil {
		s.rows = make([]store.Bitmap, v.table.len())
	}
	for _, shape := range s.used {
		s.rows[shape] = s.rows[shape][:0]
	}
	s.used = s.used[:0]
	n := (v.size(colSpan) + 63) / 64
	for row, shape := range v.shapesOf(colSpan) {
		if shape >= uint64(len(s.rows)) {
			continue
		}
		if len(s.rows[shape]) == 0 {
			s.rows[shape] = append(s.rows[shape], make(store.Bitmap, n)...)
			s.used = append(s.used, uint32(shape))
		}
		s.rows[shape].Set(row)
	}
}

// eachParent calls f for each span that has events or links: those from lo to hi.
func (v *evaluator) eachParent(child level, f func(row, lo, hi int)) {
	count := uint32(colEvents)
	if child == colLink {
		count = colLinks
	}
	counts := v.ints(count)
	if len(counts) == 0 {
		return
	}
	has := make([]bool, v.table.len())
	for i := range has {
		for _, col := range v.table.at(uint32(i)) {
			has[i] = has[i] || col == count
		}
	}
	at, lo, n := 0, 0, v.size(child)
	for row, s := range v.shapesOf(colSpan) {
		if s < uint64(len(has)) && has[s] && at < len(counts) {
			hi := min(lo+int(min(counts[at], uint64(n))), n)
			f(row, lo, hi)
			at, lo = at+1, hi
		}
	}
}

func (v *evaluator) shapesOf(at level) []uint64 {
	shapes := v.ints(shapeColumn[at])
	if len(shapes) > v.size(at) {
		shapes = shapes[:v.size(at)]
	}
	return shapes
}

// leaf evaluates a predicate on one field.
func (v *evaluator) leaf(l *leaf, at level) answer {
	if l.field.Scope != store.AnyScope {
		return v.lift(v.scoped(l, l.field.Scope), levelOf(l.field.Scope, l.field), at)
	}
	// The first scope that has the field decides, so rows found in one count
	// only where no scope before has it.
	out := answer{rows: store.NewBitmap(v.size(at)), exact: true}
	taken := store.NewBitmap(v.size(at))
	exists := &leaf{Predicate: l.Predicate, field: l.field, test: &test{exists: true, ints: intTest{-1 << 63, 1<<63 - 1, false}}}
	for _, scope := range anyScope {
		own := levelOf(scope, l.field)
		got := v.lift(v.scoped(l, scope), own, at)
		has := v.lift(v.scoped(exists, scope), own, at)
		if !got.exact || !has.exact {
			return answer{all: always}
		}
		found := v.expand(got, at)
		found.AndNot(taken)
		out.rows.Or(found)
		taken.Or(v.expand(has, at))
	}
	return out
}

// expand turns an answer into a bitmap of the caller's own.
func (v *evaluator) expand(a answer, at level) store.Bitmap {
	if a.rows != nil {
		return append(store.Bitmap(nil), a.rows...)
	}
	out := store.NewBitmap(v.size(at))
	if a.all != never {
		out.Fill(0, v.size(at))
	}
	return out
}

// lift brings an answer about rows of one level to another one.
func (v *evaluator) lift(a answer, from, to level) answer {
	switch {
	case from == to || a.rows == nil && a.all == never:
		return a
	case to == colSpan: // some event or link satisfies it
		return answer{rows: v.owners(v.expand(a, from), from), exact: a.exact}
	case from == colSpan: // a field of the span, asked for each of its events or links
		out := store.NewBitmap(v.size(to))
		spans := v.expand(a, from)
		v.eachParent(to, func(row, lo, hi int) {
			if spans.Has(row) {
				out.Fill(lo, hi)
			}
		})
		return answer{rows: out, exact: a.exact}
	}
	return answer{all: always} // links within events or the other way round
}

// scoped evaluates a leaf in one scope, on the level of that scope.
func (v *evaluator) scoped(l *leaf, scope store.Scope) answer {
	s := v.state(l, scope)
	if v.err != nil {
		return answer{all: always}
	}
	if s.tables != nil {
		return v.byTable(s, tableColumn(scope))
	}
	if scope == store.IntrinsicScope && !v.byColumns(l, scope) {
		return v.computed(l)
	}
	own := levelOf(scope, l.field)
	out := answer{all: never, exact: true}
	var held store.Bitmap // rows that have a value which the default does not stand for
	def := v.defaults(l, scope) != nil
	if def {
		held = store.NewBitmap(v.size(own))
	}
	for _, c := range s.cols {
		p := c.col.piece(v.chunk)
		if p == nil {
			continue
		}
		if def {
			v.scatter(c, own, nil, held)
		}
		if c.prune(l.test, p) == never {
			continue
		}
		if out.rows == nil {
			out.rows = store.NewBitmap(v.size(own))
		}
		v.testColumn(l.test, c, p, own, out.rows)
	}
	if def {
		held.Invert(v.size(own))
		if out.rows == nil {
			out.rows = store.NewBitmap(v.size(own))
		}
		out.rows.Or(held)
	}
	return out
}

// byTable evaluates by the verdicts on resources or scopes.
func (v *evaluator) byTable(s *leafState, num uint32) answer {
	refs := v.ints(num)
	out := store.NewBitmap(v.size(colSpan))
	refs = refs[:min(len(refs), v.size(colSpan))]
	for w := range out {
		var word uint64
		for j, r := range refs[min(64*w, len(refs)):min(64*w+64, len(refs))] {
			if r < uint64(len(s.tables)) {
				word |= uint64(s.tables[r]) << (j & 63)
			}
		}
		out[w] = word
	}
	return answer{rows: out, exact: true}
}

// testColumn adds the rows that have a passing value in a column.
func (v *evaluator) testColumn(t *test, c *leafColumn, p *pieceRef, own level, out store.Bitmap) {
	if c.prune(t, p) == always {
		v.scatter(c, own, nil, out)
		return
	}
	passed := store.NewBitmap(int(p.n))
	if c.col.enc == encStrings {
		v.fail(v.testStrings(t, c, p, passed))
	} else {
		vals := v.ints(c.col.num)
		testInts(t, c.col.key.Type, vals[:min(len(vals), int(p.n))], passed)
	}
	if passed.Any() {
		v.scatter(c, own, passed, out)
	}
}

// testStrings sets the values of a piece that pass.
func (v *evaluator) testStrings(t *test, c *leafColumn, p *pieceRef, passed store.Bitmap) error {
	if p.mode == pieceLocal {
		v.read += uint64(p.len)
		return v.b.read(location{p.off, p.len}, func(raw []byte) error {
			return testLocal(t, c.col.key.Type, p, raw, passed)
		})
	}
	s := v.strings(c.col.num)
	if s == nil {
		return v.err
	}
	verdicts := make([]uint8, len(s.shared))
	for i, code := range s.shared {
		verdicts[i] = oneIf(c.passesShared(t, code))
	}
	setPassed(passed, s.codes, verdicts)
	return nil
}

// testLocal is testStrings for a piece with a dictionary of its own, which it looks through where it
// lies: most often nothing passes, and neither the strings nor the codes are needed.
func testLocal(t *test, typ span.Type, p *pieceRef, raw []byte, passed store.Bitmap) error {
	n, raw, err := localStrings(raw, p)
	if err != nil {
		return err
	}
	list, raw, err := colenc.StringsIn(raw, n)
	if err != nil {
		return err
	}
	if typ == span.String && t.outside[list.Alphabet()] {
		return nil
	}
	verdicts := make([]uint8, n)
	some := false
	var text []byte
	judge := func(i int) {
		text = list.AppendAt(text, i)
		verdicts[i] = oneIf(t.bytes(typ, text))
		some = some || verdicts[i] != 0
	}
	literal := t.literal()
	switch {
	case typ != span.Array && len(t.prefix) > 0:
		list.EachWithPrefix(t.prefix, judge)
	case typ != span.Array && literal != "":
		list.EachWith([]byte(literal), judge)
	default:
		for i := range n {
			judge(i)
		}
	}
	if !some {
		return nil
	}
	codes, raw, err := colenc.Codes(nil, raw, int(p.n), uint32(n))
	setPassed(passed, codes, verdicts)
	return trailing(raw, err)
}

// literal returns what every string that passes contains, or "".
func (t *test) literal() string {
	if t.regex == nil || t.not {
		return ""
	}
	return t.regex.Literal()
}

// setPassed sets the values whose codes have the verdict 1, the others have 0.
func setPassed(passed store.Bitmap, codes []uint32, verdicts []uint8) {
	for w := range passed {
		var word uint64
		for j, code := range codes[min(64*w, len(codes)):min(64*w+64, len(codes))] {
			word |= uint64(verdicts[code]) << (j & 63)
		}
		passed[w] |= word
	}
}

func oneIf(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func testInts(t *test, typ span.Type, vals []uint64, passed store.Bitmap) {
	if typ == span.Int {
		lo, width := uint64(t.ints.lo), uint64(t.ints.hi)-uint64(t.ints.lo)
		if t.ints.lo > t.ints.hi {
			if t.ints.not {
				passed.Fill(0, len(vals))
			}
			return
		}
		outside := uint64(1) // what a number that is not in the range counts
		if t.ints.not {
			outside = 0
		}
		for w := range passed {
			var word uint64
			for j, x := range vals[min(64*w, len(vals)):min(64*w+64, len(vals))] {
				_, above := bits.Sub64(width, x-lo, 0)
				word |= (above ^ outside) << (j & 63)
			}
			passed[w] |= word
		}
		return
	}
	for i, x := range vals {
		if t.bits(typ, x) {
			passed.Set(i)
		}
	}
}

// scatter sets the rows whose values in a column are in passed (nil: all values are).
func (v *evaluator) scatter(c *leafColumn, own level, passed, out store.Bitmap) {
	if c.in == nil { // a value for each row
		if passed == nil {
			out.Fill(0, v.size(own))
		} else {
			out.Or(passed)
		}
		return
	}
	n := v.size(own)
	at := 0
	for row, s := range v.shapesOf(own) {
		if s >= uint64(len(c.in)) || c.in[s] == 0 || row >= n {
			continue
		}
		k := int(c.in[s])
		if k == 255 { // more often than is counted: look for all of them
			k = v.occurrences(c.col.num, uint32(s))
		}
		for i := at; i < at+k; i++ {
			if passed == nil || i < len(passed)*64 && passed.Has(i) {
				out.Set(row)
				break
			}
		}
		at += k
	}
}

func (v *evaluator) occurrences(num, shape uint32) (n int) {
	for _, col := range v.table.at(shape) {
		if col == num {
			n++
		}
	}
	return n
}

// computed evaluates a leaf on an intrinsic that is not kept as it is asked for.
func (v *evaluator) computed(l *leaf) answer {
	switch l.field.Intrinsic {
	case store.Start:
		return v.onStarts(func(i int, start uint64) bool { return l.test.bits(span.Int, start) })
	case store.End:
		durations := v.ints(colDuration)
		return v.onStarts(func(i int, start uint64) bool {
			return i < len(durations) && l.test.bits(span.Int, start+durations[i])
		})
	case store.TraceID:
		return v.onTraces(l.test)
	case store.SpanID:
		return v.onIDs(l.test, colSpanID, 8, colSpan)
	case store.ParentID:
		return v.onParents(l.test)
	case store.LinkTraceID:
		return v.onIDs(l.test, colLinkTrace, 16, colLink)
	case store.LinkSpanID:
		return v.onIDs(l.test, colLinkSpan, 8, colLink)
	}
	return answer{all: always}
}

func (v *evaluator) onIDs(t *test, num uint32, size int, own level) answer {
	ids := v.ids(num, size)
	out := store.NewBitmap(v.size(own))
	for i := range min(len(ids)/size, v.size(own)) {
		if t.bytes(span.Bytes, ids[i*size:(i+1)*size]) {
			out.Set(i)
		}
	}
	return answer{rows: out, exact: true}
}

func (v *evaluator) onParents(t *test) answer {
	out := store.NewBitmap(v.size(colSpan))
	v.eachParentID(func(row int, id []byte) {
		if t.bytes(span.Bytes, id) {
			out.Set(row)
		}
	})
	return answer{rows: out, exact: true}
}

// eachParentID calls f for each span that names a parent, with its id.
func (v *evaluator) eachParentID(f func(row int, id []byte)) {
	ids, lost := v.ids(colSpanID, 8), v.ids(colParentID, 8)
	n := v.size(colSpan)
	for row, code := range v.ints(colParent) {
		id := ids
		at := 0
		switch {
		case row >= n:
			return
		case code == 0:
			continue
		case code == 1:
			id, lost = lost, lost[min(8, len(lost)):]
		default:
			at = 8 * parentRow(row, code)
		}
		if at < 0 || at+8 > len(id) {
			v.fail(errRows(v.b, v.chunk, len(id)/8, n))
			return
		}
		f(row, id[at:at+8:at+8])
	}
}

func (v *evaluator) onTraces(t *test) answer {
	ids, rows := v.ids(colTraceID, 16), v.ints(colTraceRows)
	out := store.NewBitmap(v.size(colSpan))
	lo := 0
	for i := range min(len(ids)/16, len(rows)) {
		hi := min(lo+int(rows[i]), v.size(colSpan))
		if t.bytes(span.Bytes, ids[16*i:16*i+16]) {
			out.Fill(lo, hi)
		}
		lo = hi
	}
	return answer{rows: out, exact: true}
}

// onStarts evaluates a condition on the starts of spans, unix ns.
func (v *evaluator) onStarts(f func(i int, start uint64) bool) answer {
	out := store.NewBitmap(v.size(colSpan))
	for i, start := range v.spanStarts() {
		if f(i, start) {
			out.Set(i)
		}
	}
	return answer{rows: out, exact: true}
}

// spanStarts returns the starts of the chunk's spans.
func (v *evaluator) spanStarts() []uint64 {
	if v.hasStarts {
		return v.starts
	}
	deltas, starts, rows := v.ints(colStart), v.ints(colTraceStart), v.ints(colTraceRows)
	n := min(len(deltas), v.size(colSpan))
	if cap(v.starts) < n {
		v.starts = make([]uint64, max(n, chunkRowsMax))
	}
	v.starts, v.hasStarts = v.starts[:n], true
	row := 0
	for i := range min(len(starts), len(rows)) {
		at, hi := starts[i], row+int(min(rows[i], uint64(n-row)))
		for ; row < hi; row++ {
			at += deltas[row]
			v.starts[row] = at
		}
	}
	v.starts = v.starts[:row]
	return v.starts
}
