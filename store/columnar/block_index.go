package columnar

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// The index of traces lists, in ascending order of a hash of the trace id, the
// chunk that the trace lies in; a trace in several chunks is listed for each.
// It is cut in pages of tracesPerPage entries, each small enough to be unpacked
// for every look-up. The hash is cut to some bits more than would number all
// traces, so an entry is a good guess, about one in a thousand wrong: the
// chunk's column of trace ids decides.
const (
	tracesPerPage  = 128
	spareHashBits  = 10
	maxHashBits    = 40
	chunkBits      = 24
	chunkMask      = 1<<chunkBits - 1
	maxBlockChunks = 1 << chunkBits
)

// hashTraceID is part of the format. Ids are random by specification, but not
// by the hands of all clients, so both halves are mixed.
func hashTraceID(id span.TraceID) uint64 {
	hi, lo := id.Uint64s()
	h, l := bits.Mul64(hi^0x9E3779B97F4A7C15, lo^0xD6E8FEB86659FD93)
	h ^= l
	h *= 0xA0761D6478BD642F
	return h ^ h>>32
}

// traceIndex is the top of the index: where its pages are.
type traceIndex struct {
	hashBits int
	pages    []location
	first    []uint64 // lowest hash of each page
}

// writeTraceIndex writes the pages and returns where the top of the index lies:
//
//	uvarint  bits of the hash that are kept, the highest ones
//	uvarint  number of pages
//	uvarint  offset of the first page; the others follow
//	ints     length of each page
//	ints     lowest hash of each page
//
// A page is the number of its entries, their hashes as differences, the first
// from the page's lowest, and their chunks, both as colenc.AppendBits.
func (w *blockWriter) writeTraceIndex() location {
	hashBits := min(maxHashBits, bits.Len(uint(len(w.traces)))+spareHashBits)
	cut := chunkBits + maxHashBits - hashBits
	slices.Sort(w.traces)
	var lens, first []uint64
	start := w.off
	for page := range slices.Chunk(w.traces, tracesPerPage) {
		var hashes, chunks [tracesPerPage]uint64
		before := page[0] >> cut
		for i, e := range page {
			hashes[i], chunks[i] = e>>cut-before, e&chunkMask
			before = e >> cut
		}
		w.piece = binary.AppendUvarint(w.piece[:0], uint64(len(page)))
		w.piece = colenc.AppendBits(w.piece, hashes[:len(page)])
		w.piece = colenc.AppendBits(w.piece, chunks[:len(page)])
		lens = append(lens, uint64(w.section(w.piece).len))
		first = append(first, page[0]>>cut)
	}
	dst := binary.AppendUvarint(nil, uint64(hashBits))
	dst = binary.AppendUvarint(dst, uint64(len(lens)))
	dst = binary.AppendUvarint(dst, start)
	dst = colenc.AppendInts(dst, lens)
	dst = colenc.AppendInts(dst, first)
	return w.section(dst)
}

func parseTraceIndex(raw []byte, most uint64) (*traceIndex, error) {
	r := reader{src: raw}
	x := &traceIndex{hashBits: r.number(maxHashBits)}
	n := r.number(most)
	off := r.uvarint()
	lens := r.ints(n)
	x.first = r.ints(n)
	for _, l := range lens {
		x.pages = append(x.pages, location{off: off, len: uint32(l)})
		off += l
	}
	return x, r.end()
}

// findChunks returns the chunks that a trace may lie in, ascending.
func (b *block) findChunks(id span.TraceID) ([]uint32, error) {
	x, err := b.traceIndex()
	if err != nil || len(x.pages) == 0 {
		return nil, err
	}
	hash := hashTraceID(id) >> (64 - x.hashBits)
	page, _ := slices.BinarySearch(x.first, hash)
	if page > 0 {
		page-- // the page before may hold the hash, even if this one begins with it
	}
	var found []uint32
	for ; page < len(x.pages) && x.first[page] <= hash; page++ {
		err := b.read(x.pages[page], func(raw []byte) (err error) {
			found, err = findInPage(found, raw, hash-x.first[page], b.meta.Chunks)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("trace index: %w", err)
		}
	}
	return found, nil
}

// findInPage appends the chunks of those entries of a page whose hash is the page's lowest plus offset.
func findInPage(found []uint32, raw []byte, offset, chunks uint64) ([]uint32, error) {
	var memory [2 * tracesPerPage]uint64
	r := reader{src: raw}
	n := r.number(tracesPerPage)
	hashes := r.bits(memory[:0:tracesPerPage], n)
	places := r.bits(memory[tracesPerPage:tracesPerPage], n)
	at := uint64(0)
	for i := range hashes {
		at += hashes[i]
		if r.err != nil || at > offset {
			break
		}
		if at < offset || slices.Contains(found, uint32(places[i])) {
			continue
		}
		if places[i] >= chunks {
			r.fail("chunk %d of %d", places[i], chunks)
		}
		found = append(found, uint32(places[i]))
	}
	return found, r.end()
}

// operation is an entry of the catalog.
type operation struct {
	service, name string
	kind          int32
}

// catalog collects the distinct operations of a block.
type catalog struct {
	chunk map[chunkOperation]struct{}
	all   map[blockOperation]struct{}
	// overflow is set when there were more than maxCatalog.
	overflow bool
}

type chunkOperation struct {
	resource, name uint32
	kind           int32
}

type blockOperation struct {
	resource uint32
	kind     int32
	name     string
}

func compareOperations(a, b operation) int {
	return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind))
}

func newCatalog() catalog {
	return catalog{chunk: map[chunkOperation]struct{}{}, all: map[blockOperation]struct{}{}}
}

// note takes in a chunk's rows; w.codes and w.locals are those of its names.
func (c *catalog) note(w *blockWriter) {
	if c.overflow {
		return
	}
	clear(c.chunk)
	resources, kinds := w.cols[colResource].vals, w.cols[colKind].vals
	for i, code := range w.codes {
		c.chunk[chunkOperation{uint32(resources[i]), uint32(code), int32(kinds[i])}] = struct{}{}
	}
	for op := range c.chunk {
		c.all[blockOperation{op.resource, op.kind, string(w.resolve(w.locals[op.name].ref))}] = struct{}{}
	}
	if len(c.all) > maxCatalog {
		c.overflow, c.all = true, nil
	}
}

func (c *catalog) encode(tables *span.Batch) []byte {
	if c.overflow {
		return []byte{1}
	}
	distinct := map[operation]struct{}{}
	for op := range c.all {
		distinct[operation{tables.ServiceName(op.resource), op.name, op.kind}] = struct{}{}
	}
	list := make([]operation, 0, len(distinct))
	for op := range distinct {
		list = append(list, op)
	}
	slices.SortFunc(list, compareOperations)
	var services, names colenc.List
	kinds := make([]uint64, len(list))
	for i, op := range list {
		services.Append([]byte(op.service))
		names.Append([]byte(op.name))
		kinds[i] = uint64(int64(op.kind))
	}
	dst := binary.AppendUvarint([]byte{0}, uint64(len(list)))
	dst = colenc.AppendInts(dst, kinds)
	dst = colenc.AppendStrings(dst, &services)
	return colenc.AppendStrings(dst, &names)
}

// parseCatalog returns nil and true if the block did not list its operations.
func parseCatalog(raw []byte) (list []operation, overflow bool, err error) {
	r := reader{src: raw}
	if r.uvarint() == 1 {
		return nil, true, r.end()
	}
	n := r.number(maxCatalog)
	kinds, services, names := r.ints(n), r.strings(n), r.strings(n)
	if err := r.end(); err != nil {
		return nil, false, err
	}
	list = make([]operation, n)
	for i := range list {
		list[i] = operation{string(services.At(i)), string(names.At(i)), int32(kinds[i])}
	}
	return list, false, nil
}

// tableCounts counts the spans of each resource and scope.
type tableCounts struct {
	resources, scopes []uint64
}

func (t *tableCounts) add(resource, scope uint32) {
	for int(resource) >= len(t.resources) {
		t.resources = append(t.resources, 0)
	}
	for int(scope) >= len(t.scopes) {
		t.scopes = append(t.scopes, 0)
	}
	t.resources[resource]++
	t.scopes[scope]++
}

// encodeTables encodes resources and scopes row by row:
//
//	uvarint  number of strings; the strings
//	uvarint  number of resources, number of scopes, number of numbers that follow
//	ints     for each resource: spans, dropped attributes, schema URL, entity refs, list;
//	         for each scope: spans, dropped attributes, name, version, schema URL, list;
//	         a list: its length, then key, type and value of each attribute
func encodeTables(t *span.Batch, counts *tableCounts) []byte {
	var vals []uint64
	attrs := func(a span.Attrs) {
		entries := t.Shapes.Entries(a.Shape)
		vals = append(vals, uint64(len(entries)))
		for i, e := range entries {
			vals = append(vals, uint64(e.Key), uint64(e.Type), t.Values[int(a.First)+i])
		}
	}
	for i, r := range t.Resources {
		vals = append(vals, counts.resources[i], uint64(r.DroppedAttrs), uint64(r.SchemaURL), uint64(r.EntityRefs))
		attrs(r.Attrs)
	}
	for i, s := range t.Scopes {
		vals = append(vals, counts.scopes[i], uint64(s.DroppedAttrs), uint64(s.Name), uint64(s.Version), uint64(s.SchemaURL))
		attrs(s.Attrs)
	}
	var list colenc.List
	for i := range t.Dict.Len() {
		list.Append(t.Dict.Bytes(span.Ref(i)))
	}
	dst := binary.AppendUvarint(nil, uint64(list.Len()))
	dst = colenc.AppendStrings(dst, &list)
	for _, n := range []int{len(t.Resources), len(t.Scopes), len(vals)} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return colenc.AppendInts(dst, vals)
}

// parseTables reads what encodeTables wrote.
func parseTables(raw []byte) (*span.Batch, *tableCounts, error) {
	r := reader{src: raw}
	list := r.strings(r.number(maxTableValues))
	t, counts := new(span.Batch), new(tableCounts)
	refs := make([]uint64, list.Len())
	for i := range refs {
		refs[i] = uint64(t.Dict.Intern(list.At(i)))
	}
	resources, scopes := r.number(maxCount), r.number(maxCount)
	p := tableParser{r: &r, t: t, refs: refs}
	p.vals = r.ints(r.number(maxTableValues))
	for range resources {
		counts.resources = append(counts.resources, p.next())
		res := span.Resource{DroppedAttrs: uint32(p.next()), SchemaURL: p.ref(), EntityRefs: p.ref()}
		res.Attrs = p.attrs()
		if r.err != nil {
			break
		}
		t.Resources = append(t.Resources, res)
	}
	for range scopes {
		counts.scopes = append(counts.scopes, p.next())
		s := span.Scope{DroppedAttrs: uint32(p.next()), Name: p.ref(), Version: p.ref(), SchemaURL: p.ref()}
		s.Attrs = p.attrs()
		if r.err != nil {
			break
		}
		t.Scopes = append(t.Scopes, s)
	}
	return t, counts, r.end()
}

type tableParser struct {
	r    *reader
	t    *span.Batch
	vals []uint64
	refs []uint64
}

func (p *tableParser) next() uint64 {
	if len(p.vals) == 0 {
		p.r.fail("table ends early")
		return 0
	}
	v := p.vals[0]
	p.vals = p.vals[1:]
	return v
}

func (p *tableParser) ref() span.Ref { return span.Ref(p.string(p.next())) }

func (p *tableParser) string(at uint64) uint64 {
	if at >= uint64(len(p.refs)) {
		if p.r.err == nil && at != 0 {
			p.r.fail("string %d of %d", at, len(p.refs))
		}
		return 0
	}
	return p.refs[at]
}

func (p *tableParser) attrs() span.Attrs {
	a := span.Attrs{First: uint32(len(p.t.Values))}
	n := p.next()
	if n > uint64(len(p.vals))/3 {
		p.r.fail("list of %d attributes", n)
		return a
	}
	entries := make([]span.Entry, 0, n)
	for range n {
		e := span.Entry{Key: p.ref(), Type: span.Type(min(p.next(), uint64(span.Map)+1))}
		if e.Type > span.Map {
			p.r.fail("attribute of an unknown type")
			return a
		}
		v := p.next()
		if e.Type.InDict() {
			v = p.string(v)
		}
		entries = append(entries, e)
		p.t.Values = append(p.t.Values, v)
	}
	a.Shape = p.t.Shapes.Intern(entries)
	return a
}
