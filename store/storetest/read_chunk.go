package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// spanTimes is what a row tells about its span in any case.
type spanTimes struct {
	trace      span.TraceID
	id         span.SpanID
	start, end uint64
}

func spansByTimes(spans []*span.Span) map[spanTimes][]*span.Span {
	m := map[spanTimes][]*span.Span{}
	for _, s := range spans {
		key := spanTimes{s.TraceID, s.SpanID, s.Start, s.End}
		m[key] = append(m[key], s)
	}
	return m
}

// chunkCheck reads a chunk and checks that its parts agree.
type chunkCheck struct {
	store.Chunk
	look *look
	live store.Bitmap // as Traces have it
	report
}

// readChunk returns the traces of a chunk.
func readChunk(l *look, c store.Chunk, spans map[spanTimes][]*span.Span) ([]seenTrace, error) {
	check := &chunkCheck{Chunk: c, look: l, live: store.NewBitmap(c.Len())}
	if check.lengths(); check.err() != nil {
		return nil, check.err()
	}
	if check.runs(); check.err() != nil {
		return nil, check.err()
	}
	check.parents()
	check.bounds()
	check.attributes(spans)
	where, values := check.where(), check.columns()
	var traces []seenTrace
	for _, run := range c.Traces() {
		trace := seenTrace{id: run.ID}
		for row := run.Lo; row < run.Hi; row++ {
			seen := seenRow{id: c.SpanIDs()[row], start: c.Starts()[row], end: c.Ends()[row]}
			for _, set := range where {
				seen.where = append(seen.where, set.Has(row))
			}
			for _, of := range values {
				seen.values = append(seen.values, of[row])
			}
			trace.rows = append(trace.rows, seen)
		}
		traces = append(traces, trace)
	}
	if err := c.Err(); err != nil {
		check.addf("Err() = %v", err)
	}
	if check.err() == nil {
		check.summaries()
	}
	return traces, check.err()
}

func (c *chunkCheck) lengths() {
	for what, n := range map[string]int{"Starts": len(c.Starts()), "Ends": len(c.Ends()), "SpanIDs": len(c.SpanIDs()), "Parents": len(c.Parents())} {
		if n != c.Len() {
			c.addf("%s of %d rows has %d", what, c.Len(), n)
		}
	}
}

// runs checks that traces are runs of their own rows, in order, and that Live has their rows.
func (c *chunkCheck) runs() {
	ids := map[span.TraceID]bool{}
	for _, run := range c.Traces() {
		if run.Lo < 0 || run.Hi > c.Len() || run.Lo >= run.Hi {
			c.addf("trace %s has rows from %d to %d of %d", run.ID, run.Lo, run.Hi, c.Len())
			return
		}
		if ids[run.ID] {
			c.addf("trace %s is twice in a chunk", run.ID)
		}
		ids[run.ID] = true
		if run.Start != c.Starts()[run.Lo] {
			c.addf("trace %s starts at %d, its first row at %d", run.ID, run.Start, c.Starts()[run.Lo])
		}
		for row := run.Lo; row < run.Hi; row++ {
			if c.live.Has(row) {
				c.addf("row %d is of trace %s and of another one", row, run.ID)
			}
			c.live.Set(row)
			if row > run.Lo && compareStarts(c.Starts()[row-1], c.SpanIDs()[row-1], c.Starts()[row], c.SpanIDs()[row]) > 0 {
				c.addf("trace %s: row %d, span %s at %d, comes behind %s at %d", run.ID, row, c.SpanIDs()[row], c.Starts()[row], c.SpanIDs()[row-1], c.Starts()[row-1])
			}
		}
	}
	if live := c.Live(); !slices.Equal(live, c.live) {
		c.addf("Live has %d rows, Traces have %d", live.Count(), c.live.Count())
	}
}

// parents checks Parents against the ids that Values has.
func (c *chunkCheck) parents() {
	for _, run := range c.Traces() {
		ids := c.SpanIDs()[run.Lo:run.Hi]
		there := map[span.SpanID]bool{}
		for _, id := range ids {
			there[id] = true
		}
		for row := run.Lo; row < run.Hi; row++ {
			at := int(c.Parents()[row])
			var want span.SpanID
			c.Values(store.Of(store.ParentID), row, func(v span.Value) bool {
				copy(want[:], v.Str)
				return true
			})
			ok := false
			switch {
			case want.IsZero():
				ok = at == store.NoParent
			case !there[want]:
				ok = at == store.LostParent
			default:
				ok = at >= run.Lo && at < run.Hi && c.SpanIDs()[at] == want
			}
			if !ok {
				c.addf("trace %s, rows %d to %d: the parent of row %d is row %d, want that of span %s", run.ID, run.Lo, run.Hi, row, at, want)
			}
		}
	}
}

// bounds checks what a chunk may offer beside the interface: the earliest and the latest start of its rows.
func (c *chunkCheck) bounds() {
	bounded, ok := c.Chunk.(interface{ Bounds() (lo, hi uint64) })
	if !ok {
		return
	}
	lo, hi := bounded.Bounds()
	for row := c.live.Next(0); row >= 0; row = c.live.Next(row + 1) {
		if start := c.Starts()[row]; start < lo || start > hi {
			c.addf("Bounds() = %d, %d, and row %d starts at %d", lo, hi, row, start)
		}
	}
}

// attributes checks that Attributes lacks none of the spans whose row is certain.
func (c *chunkCheck) attributes(spans map[spanTimes][]*span.Span) {
	var named attributeSet
	for _, f := range c.Attributes() {
		if f.Scope == store.AnyScope || f.Scope >= store.IntrinsicScope || !named.add(f.Scope, f.Key) {
			c.addf("Attributes has %q, twice or in a scope that it should not", f)
		}
	}
	for _, run := range c.Traces() {
		for row := run.Lo; row < run.Hi; row++ {
			of := spans[spanTimes{run.ID, c.SpanIDs()[row], c.Starts()[row], c.Ends()[row]}]
			if len(of) != 1 {
				continue
			}
			for _, scope := range anyScope {
				for _, list := range attrLists(scope, of[0]) {
					for _, kv := range list {
						if !named[scope][kv.Key] {
							c.addf("Attributes lacks %q, which row %d has", store.Attr(scope, kv.Key), row)
						}
					}
				}
			}
		}
	}
}

// where returns the rows of each predicate. What is done to a set must not show in the next.
func (c *chunkCheck) where() []store.Bitmap {
	var sets []store.Bitmap
	for i := range c.look.Where {
		set := c.Where(i)
		if len(set) != len(c.live) {
			c.addf("Where(%d) has %d words, %d rows have %d", i, len(set), c.Len(), len(c.live))
			set = store.NewBitmap(c.Len())
		}
		outside := slices.Clone(set)
		outside.AndNot(c.live)
		if outside.Any() {
			c.addf("Where(%d) has %d rows of no trace", i, outside.Count())
		}
		sets = append(sets, slices.Clone(set))
		set.Invert(c.Len())
	}
	for i := range c.look.Where {
		if set := c.Where(i); !slices.Equal(set, sets[i]) {
			c.addf("Where(%d) has %d rows, and when it is asked again %d", i, sets[i].Count(), set.Count())
		}
	}
	return sets
}

// columns returns all values of each field by row, and checks that columns have the first of them.
func (c *chunkCheck) columns() [][][]span.Value {
	asked := c.look.asked()
	columns := make([]*store.Column, len(asked))
	for i, f := range asked {
		columns[i] = c.Column(f)
	}
	all := make([][][]span.Value, len(asked))
	for i, f := range asked {
		all[i] = make([][]span.Value, c.Len())
		whole := c.form(f, columns[i])
		for row := c.live.Next(0); row >= 0; row = c.live.Next(row + 1) {
			values := c.values(f, row)
			all[i][row] = values
			if !whole {
				continue
			}
			if has := columns[i].Has; has != nil && has.Has(row) != (len(values) > 0) {
				c.addf("Column(%q).Has is %t of row %d, Values has %s", f, has.Has(row), row, formatValues(values))
			}
			if v, ok := columns[i].Value(row); ok != (len(values) > 0) || ok && v != values[0] {
				c.addf("Column(%q) has %s (%t) on row %d, Values has %s", f, formatValue(v), ok, row, formatValues(values))
			}
		}
	}
	return all
}

// form checks that a column has what its form needs.
func (c *chunkCheck) form(f store.Field, column *store.Column) bool {
	bad := ""
	switch {
	case column == nil:
		bad = "nil"
	case column.Nums != nil && column.Codes != nil:
		bad = "numbers and codes"
	case column.Nums != nil && (len(column.Nums) != c.Len() || column.Has != nil && len(column.Has) != len(c.live)):
		bad = fmt.Sprintf("%d numbers, and %d words that say which rows have one", len(column.Nums), len(column.Has))
	case column.Nums != nil && column.Type != span.Int && column.Type != span.Float && column.Type != span.Bool:
		bad = "numbers of type " + column.Type.String()
	case column.Codes != nil && len(column.Codes) != c.Len():
		bad = fmt.Sprintf("%d codes", len(column.Codes))
	}
	if bad == "" && column.Codes != nil {
		for row := c.live.Next(0); row >= 0; row = c.live.Next(row + 1) {
			if code := column.Codes[row]; code != store.NoCode && int(code) >= column.Dict.Len() {
				bad = fmt.Sprintf("code %d of a list of %d on row %d", code, column.Dict.Len(), row)
			}
		}
	}
	if bad != "" {
		c.addf("Column(%q) of %d rows has %s", f, c.Len(), bad)
	}
	return bad == ""
}

// values returns the values of a field on a row, and checks that Values stops when it is told to.
func (c *chunkCheck) values(f store.Field, row int) (list []span.Value) {
	c.Values(f, row, func(v span.Value) bool {
		v.Str = strings.Clone(v.Str)
		list = append(list, v)
		return true
	})
	calls := 0
	c.Values(f, row, func(span.Value) bool {
		calls++
		return false
	})
	if calls != min(1, len(list)) {
		c.addf("Values(%q, %d) goes on for %d values when it is told to stop", f, row, calls)
	}
	return list
}
