package columnar

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Names and values are answered for whole heads and whole blocks that overlap
// with the range: from tables and dictionaries where these know, else from rows.

// Services implements store.Reader.
func (e *Engine) Services(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[string], error) {
	ops, gaps, err := e.operations(ctx, tenant, r)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for op := range ops {
		if op.service != "" {
			names[op.service] = true
		}
	}
	return &store.Listing[string]{List: slices.Sorted(maps.Keys(names)), Gaps: gaps}, nil
}

// Operations implements store.Reader.
func (e *Engine) Operations(ctx context.Context, tenant, service string, r store.TimeRange) (*store.Listing[store.Operation], error) {
	ops, gaps, err := e.operations(ctx, tenant, r)
	if err != nil {
		return nil, err
	}
	found := map[store.Operation]bool{}
	for op := range ops {
		if service == "" || op.service == service {
			found[store.Operation{Name: op.name, Kind: op.kind}] = true
		}
	}
	list := slices.SortedFunc(maps.Keys(found), func(a, b store.Operation) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return &store.Listing[store.Operation]{List: list, Gaps: gaps}, nil
}

func (e *Engine) operations(ctx context.Context, tenant string, r store.TimeRange) (found map[operation]struct{}, gaps []string, err error) {
	found = map[operation]struct{}{}
	gaps, err = e.overlapping(ctx, tenant, r, func(h *headView) error {
		return h.eachRow(ctx, addOperations(found))
	}, func(b *block) error {
		list, err := b.operations(ctx)
		for op := range list {
			found[op] = struct{}{}
		}
		return err
	})
	return found, gaps, err
}

// addOperations returns a function that adds each row's operation, once for each distinct triple of places.
func addOperations(found map[operation]struct{}) func(place) {
	type key struct {
		s              *space
		resource, name uint32
		local          string // the name, where it is no string of the space
		kind           int32
	}
	seen := map[key]struct{}{}
	return func(at place) {
		rs, i := at.rs, at.row
		k := key{s: rs.space, resource: rs.Resource[i], name: rs.Names[i], kind: rs.Kinds[i]}
		if k.name&localRef != 0 {
			k.name, k.local = 0, string(rs.bytes(k.name))
		}
		if _, ok := seen[k]; ok {
			return
		}
		seen[k] = struct{}{}
		service := ""
		at.attrs(store.ResourceScope, "service.name", func(t span.Type, _ uint64, b []byte) bool {
			if t == span.String {
				service = string(b)
			}
			return false
		})
		found[operation{service, string(rs.bytes(rs.Names[i])), k.kind}] = struct{}{}
	}
}

// operations returns the operations of a block.
func (b *block) operations(ctx context.Context) (map[operation]struct{}, error) {
	found := map[operation]struct{}{}
	overflow := false
	err := b.read(b.meta.catalog, func(raw []byte) error {
		list, over, err := parseCatalog(raw)
		for _, op := range list {
			found[op] = struct{}{}
		}
		overflow = over
		return err
	})
	if err != nil || !overflow {
		return found, err
	}
	want := projectionFor(nil, []store.Field{store.Of(store.Name), store.Of(store.Kind), store.Attr(store.ResourceScope, "")})
	return found, b.eachRow(ctx, want, addOperations(found))
}

// overlapping calls the functions for each head and block that may have spans in the range. A block that
// cannot be read becomes a gap, as do those that were set aside: nobody knows which times they had spans of.
func (e *Engine) overlapping(ctx context.Context, tenant string, r store.TimeRange, ofHead func(*headView) error, ofBlock func(*block) error) (gaps []string, err error) {
	s, err := e.snapshot(ctx, tenant)
	if err != nil || s == nil {
		return nil, err
	}
	defer s.release()
	for _, h := range s.heads {
		if err := ofHead(h); err != nil {
			return nil, err
		}
	}
	gaps = s.gaps
	for _, b := range s.blocks {
		var err error
		if r.Overlaps(b.meta.MinStart, b.meta.MaxStart) {
			err = ofBlock(b)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			gaps = append(gaps, err.Error())
		}
	}
	return gaps, nil
}

// eachRow calls f for each row of the view.
func (v *headView) eachRow(ctx context.Context, f func(place)) error {
	for _, c := range v.chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range c.Len() {
			f(place{&c.rowSet, i, -1, -1})
		}
	}
	return nil
}

// eachRow calls f for each row of the block under a projection.
func (b *block) eachRow(ctx context.Context, want *projection, f func(place)) error {
	v, err := newView(b, want, false)
	if err != nil {
		return err
	}
	rs := &rowSet{space: v.space}
	for chunk := range uint32(b.meta.Chunks) {
		if err := ctx.Err(); err != nil {
			return err
		}
		traces, err := v.chunkTraces(chunk)
		if err != nil {
			return err
		}
		rs.reset()
		if err := v.load(rs, chunk, 0, traces); err != nil {
			return err
		}
		for i := range rs.Len() {
			f(place{rs, i, -1, -1})
		}
	}
	return nil
}

// attrKey is a key of store.AttributeKey.
type attrKey struct {
	scope store.Scope
	key   string
	typ   span.Type
}

// AttributeKeys implements store.Reader.
func (e *Engine) AttributeKeys(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[store.AttributeKey], error) {
	counts := map[attrKey]uint64{}
	gaps, err := e.overlapping(ctx, tenant, r, func(h *headView) error {
		h.countKeys(counts)
		return ctx.Err()
	}, func(b *block) error {
		return b.countKeys(counts)
	})
	if err != nil {
		return nil, err
	}
	list := make([]store.AttributeKey, 0, len(counts))
	for k, n := range counts {
		list = append(list, store.AttributeKey{Scope: k.scope, Key: k.key, Type: k.typ, Count: n})
	}
	slices.SortFunc(list, func(a, b store.AttributeKey) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Type, b.Type))
	})
	return &store.Listing[store.AttributeKey]{List: list, Gaps: gaps}, nil
}

func (v *headView) countKeys(counts map[attrKey]uint64) {
	if len(v.chunks) == 0 {
		return
	}
	s := v.chunks[0].space
	byShape := map[store.Scope][]uint64{}
	for _, scope := range []store.Scope{store.SpanScope, store.EventScope, store.LinkScope} {
		byShape[scope] = make([]uint64, s.shapes.Len())
	}
	tables := tableCounts{make([]uint64, len(s.tables.Resources)), make([]uint64, len(s.tables.Scopes))}
	for _, c := range v.chunks {
		for i := range c.Len() {
			byShape[store.SpanScope][c.Attrs[i].Shape]++
			tables.add(c.Resource[i], c.Scope[i])
			for _, e := range c.EventsOf(i) {
				byShape[store.EventScope][e.Attrs.Shape]++
			}
			for _, l := range c.LinksOf(i) {
				byShape[store.LinkScope][l.Attrs.Shape]++
			}
		}
	}
	for scope, n := range byShape {
		for shape, n := range n {
			countShape(counts, scope, s.strs, s.shapes.Entries(uint32(shape)), n)
		}
	}
	countTableKeys(counts, s.strs, s.tables, &tables)
}

// countShape counts the distinct keys of a shape that n rows have.
func countShape(counts map[attrKey]uint64, scope store.Scope, strs stringTable, entries []span.Entry, n uint64) {
	if n == 0 {
		return
	}
	for i, e := range entries {
		if !slices.Contains(entries[:i], e) {
			counts[attrKey{scope, string(strs.Bytes(e.Key)), e.Type}] += n
		}
	}
}

func countTableKeys(counts map[attrKey]uint64, strs stringTable, t *span.Batch, n *tableCounts) {
	for i, r := range t.Resources {
		countShape(counts, store.ResourceScope, strs, t.Shapes.Entries(r.Attrs.Shape), n.resources[i])
	}
	for i, s := range t.Scopes {
		countShape(counts, store.InstrumentationScope, strs, t.Shapes.Entries(s.Attrs.Shape), n.scopes[i])
	}
}

var scopeOfColumn = [...]store.Scope{colSpan: store.SpanScope, colEvent: store.EventScope, colLink: store.LinkScope}

func (b *block) countKeys(counts map[attrKey]uint64) error {
	d, err := b.directory()
	if err != nil {
		return err
	}
	s, err := b.space()
	if err != nil {
		return err
	}
	for i, k := range d.keys[d.fixed:] {
		counts[attrKey{scopeOfColumn[k.Scope], k.Key, k.Type}] += d.rows[d.fixed+i]
	}
	countTableKeys(counts, s.dict, s.tables, s.counts)
	return nil
}

// valueCounts counts values: strings and bytes, and all others, apart, to make no string for a number.
type valueCounts map[span.Value]uint64

func (c valueCounts) add(v span.Value, n uint64) {
	if n > 0 && v.Type != span.Array && v.Type != span.Map {
		c[v] += n
	}
}

// AttributeValues implements store.Reader.
func (e *Engine) AttributeValues(ctx context.Context, tenant string, f store.Field, r store.TimeRange, limit int) (*store.Listing[store.ValueCount], error) {
	counts := valueCounts{}
	gaps, err := e.overlapping(ctx, tenant, r, func(h *headView) error {
		return h.eachRow(ctx, counts.row(f))
	}, func(b *block) error {
		return b.countValues(ctx, f, counts)
	})
	if err != nil {
		return nil, err
	}
	list := make([]store.ValueCount, 0, len(counts))
	for v, n := range counts {
		list = append(list, store.ValueCount{Value: v, Count: n})
	}
	slices.SortFunc(list, func(a, b store.ValueCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), store.CompareValues(a.Value, b.Value))
	})
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return &store.Listing[store.ValueCount]{List: list, Gaps: gaps}, nil
}

// row returns a function that counts the distinct values of f on a row: of each event or link, if they have it.
func (c valueCounts) row(f store.Field) func(place) {
	var met []span.Value
	count := func(at place) {
		met = met[:0]
		at.values(f, func(t span.Type, bits uint64, b []byte) bool {
			v := span.Value{Type: t, Num: bits}
			if t.InDict() {
				v = span.Value{Type: t, Str: string(b)}
			}
			if !slices.Contains(met, v) {
				met = append(met, v)
				c.add(v, 1)
			}
			return true
		})
	}
	return func(at place) {
		switch {
		case f.OfEvent():
			for at.event = range at.rs.EventsOf(at.row) {
				count(at)
			}
		case f.OfLink():
			for at.link = range at.rs.LinksOf(at.row) {
				count(at)
			}
		default:
			count(at)
		}
	}
}

// countValues counts the values of a field in a block, from dictionaries if the field's values stand in columns once per row.
func (b *block) countValues(ctx context.Context, f store.Field, counts valueCounts) error {
	if f.Scope == store.ResourceScope || f.Scope == store.InstrumentationScope {
		return b.countTableValues(f, counts)
	}
	cols, ok, err := b.valueColumns(f)
	if err != nil {
		return err
	}
	if !ok {
		return b.eachRow(ctx, projectionFor(nil, []store.Field{f}), counts.row(f))
	}
	for _, num := range cols {
		c, err := b.column(num)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		if err := b.countColumn(ctx, c, counts); err != nil {
			return err
		}
	}
	return nil
}

// valueColumns returns the columns with the values of a field; ok is false if rows have to be asked.
func (b *block) valueColumns(f store.Field) (cols []uint32, ok bool, err error) {
	switch f.Scope {
	case store.AnyScope:
		return nil, false, nil
	case store.IntrinsicScope:
		switch f.Intrinsic {
		case store.Duration, store.Name, store.Kind, store.Status, store.EventName, store.EventTime:
			return []uint32{fixedFor[f.Intrinsic]}, true, nil
		}
		return nil, false, nil
	}
	d, err := b.directory()
	if err != nil {
		return nil, false, err
	}
	for t := span.Empty; t <= span.Map; t++ {
		num, have := d.byKey[colKey{levelOf(f.Scope, f), t, f.Key}]
		if !have {
			continue
		}
		if d.rows[num] != d.totals[num] { // some row has it more than once
			return nil, false, nil
		}
		cols = append(cols, num)
	}
	return cols, true, nil
}

func (b *block) countTableValues(f store.Field, counts valueCounts) error {
	s, err := b.space()
	if err != nil {
		return err
	}
	n, list := len(s.tables.Scopes), s.counts.scopes
	if f.Scope == store.ResourceScope {
		n, list = len(s.tables.Resources), s.counts.resources
	}
	rs := &rowSet{space: &space{strs: s.dict, tables: s.tables}}
	rs.Resource, rs.Scope = []uint32{0}, []uint32{0}
	for i := range n {
		rs.Resource[0] = min(uint32(i), uint32(len(s.tables.Resources)-1))
		rs.Scope[0] = min(uint32(i), uint32(len(s.tables.Scopes)-1))
		one := valueCounts{}
		one.row(f)(place{rs, 0, -1, -1})
		for v := range one {
			counts.add(v, list[i])
		}
	}
	return nil
}

func (b *block) countColumn(ctx context.Context, c *column, counts valueCounts) error {
	for i := range c.dict.len() {
		counts.add(span.Value{Type: c.key.Type, Str: string(c.dict.strings.At(i))}, c.dict.counts[i])
	}
	var vals []uint64
	for i := range c.pieces {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := &c.pieces[i]
		switch {
		case c.enc == encNone:
			counts.add(span.Value{Type: c.key.Type}, uint64(p.n))
		case c.enc == encInts && p.mode == pieceConstant:
			counts.add(span.Value{Type: c.key.Type, Num: p.min}, uint64(p.n))
		case c.enc == encInts:
			var err error
			if vals, err = b.readInts(vals[:0], p); err != nil {
				return err
			}
			for _, v := range vals {
				counts.add(span.Value{Type: c.key.Type, Num: v}, 1)
			}
		case p.mode == pieceLocal:
			if err := b.countLocal(c, p, counts); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *block) countLocal(c *column, p *pieceRef, counts valueCounts) error {
	s := new(pieceStrings)
	if err := b.readStrings(s, c.dict, p); err != nil {
		return err
	}
	each := make([]uint64, s.distinct())
	for i := range int(p.n) {
		each[s.code(i)]++
	}
	for i, n := range each {
		counts.add(span.Value{Type: c.key.Type, Str: string(s.list.At(i))}, n)
	}
	return nil
}
