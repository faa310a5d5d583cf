package columnar

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// A block file is described byte by byte in docs/format.md. In short: a magic,
// pieces (one column of one chunk of rows each), sections (what describes
// them), the footer, and a trailer of fixed size that says where the footer is.
const (
	blockMagic   = "CLEWBLK\x03" // the last byte is the format version
	trailerMagic = "CLEWEND\x03"
	trailerSize  = 8 + 4 + 4 + 8
	crcSize      = 4
)

// Rows are cut into chunks between traces, once a chunk has chunkRows rows; a
// trace that is larger, or very heavy, is cut too.
const (
	chunkRows       = 4096
	chunkRowsMax    = 2 * chunkRows
	chunkEntriesMax = 1 << 18 // attribute values and events
	chunkBytesMax   = 8 << 20 // string bytes
)

// A column keeps its strings in one dictionary for the block while they are
// few and short, else in a dictionary of each chunk.
const (
	sharedDictEntries = 8192
	sharedDictBytes   = 256 << 10
	sharedStringBytes = 2048
)

// maxCatalog is the most operations that a block lists; one with more says so
// and is asked column by column.
const maxCatalog = 1 << 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// colScope says what a column's values belong to.
type colScope uint8

const (
	colFixed colScope = iota // not an attribute: colKey.Key is one of fixedColumns
	colSpan
	colEvent
	colLink
)

// colKey identifies a column of a block.
type colKey struct {
	Scope colScope
	Type  span.Type
	Key   string
}

// encoding says how the values of a column are kept.
type encoding uint8

const (
	encInts encoding = iota
	encStrings
	encNone // values without content: only their number is kept
	encID8
	encID16
)

func (k colKey) encoding() encoding {
	if k.Scope == colFixed {
		return fixedByKey[k.Key].enc
	}
	switch {
	case k.Type == span.Empty:
		return encNone
	case k.Type.InDict():
		return encStrings
	}
	return encInts
}

// The columns that are not attributes. Those from colMessage to colLinkDropped are optional:
// a span's, event's or link's shape lists them where they are not zero. Their
// numbers are their places in every block's column directory.
const (
	colTraceID    = iota // one for each trace of the chunk
	colTraceStart        // unix ns, earliest start of the trace's spans in this block
	colTraceRows         // number of rows in this chunk
	colSpanID            // one for each row
	colParent            // 0 none, 1 see colParentID, else 2 + zigzag(row - parent's row)
	colParentID          // one for each row with parent 1: the parent is not in this chunk
	colStart             // ns after the start of the row before in the same trace, or of the trace
	colDuration          // end - start, ns, two's complement
	colName
	colKind
	colStatus
	colResource // place in the block's table of resources
	colScopeRef // place in the block's table of scopes
	colShape    // place in the block's table of shapes
	colEventTime
	colEventName
	colEventShape
	colLinkTrace
	colLinkSpan
	colLinkShape
	colMessage
	colState
	colFlags
	colDroppedAttrs
	colDroppedEvents
	colDroppedLinks
	colEvents // number of events
	colLinks  // number of links
	colEventDropped
	colLinkState
	colLinkFlags
	colLinkDropped
	colSummaryPattern  // one for each trace of the chunk, see block_summary.go
	colSummaryEnd      // ns from the end of the root's span to the latest end, of traces whose pattern says that they differ
	colSummaryCritical // ns of the critical path in a service, as patterns say for which
	numFixed
)

// fixedColumnsOf is how many fixed columns there are, by version of the format.
var fixedColumnsOf = [...]int{1: colSummaryPattern, 2: colSummaryPattern, 3: numFixed}

type fixedColumn struct {
	key string
	enc encoding
}

var fixedColumns = [numFixed]fixedColumn{
	colTraceID: {"trace.id", encID16}, colTraceStart: {"trace.start", encInts}, colTraceRows: {"trace.rows", encInts},
	colSpanID: {"span.id", encID8}, colParent: {"span.parent", encInts}, colParentID: {"span.parent.id", encID8},
	colStart: {"span.start", encInts}, colDuration: {"span.duration", encInts}, colName: {"span.name", encStrings},
	colKind: {"span.kind", encInts}, colStatus: {"span.status", encInts},
	colResource: {"span.resource", encInts}, colScopeRef: {"span.scope", encInts}, colShape: {"span.shape", encInts},
	colEventTime: {"event.time", encInts}, colEventName: {"event.name", encStrings}, colEventShape: {"event.shape", encInts},
	colLinkTrace: {"link.trace", encID16}, colLinkSpan: {"link.span", encID8}, colLinkShape: {"link.shape", encInts},
	colMessage: {"span.message", encStrings}, colState: {"span.state", encStrings}, colFlags: {"span.flags", encInts},
	colDroppedAttrs: {"span.dropped.attributes", encInts}, colDroppedEvents: {"span.dropped.events", encInts},
	colDroppedLinks: {"span.dropped.links", encInts}, colEvents: {"span.events", encInts}, colLinks: {"span.links", encInts},
	colEventDropped: {"event.dropped.attributes", encInts},
	colLinkState:    {"link.state", encStrings}, colLinkFlags: {"link.flags", encInts}, colLinkDropped: {"link.dropped.attributes", encInts},
	colSummaryPattern: {"summary.pattern", encStrings}, colSummaryEnd: {"summary.end", encInts}, colSummaryCritical: {"summary.critical", encInts},
}

var fixedByKey = func() map[string]fixedColumn {
	m := make(map[string]fixedColumn, numFixed)
	for _, c := range fixedColumns {
		m[c.key] = c
	}
	return m
}()

func fixedKey(col int) colKey {
	c := fixedColumns[col]
	t := span.Int
	switch c.enc {
	case encStrings:
		t = span.String
	case encID8, encID16:
		t = span.Bytes
	}
	return colKey{Scope: colFixed, Type: t, Key: c.key}
}

// location is where a section lies in the file, checksum included.
type location struct {
	off uint64
	len uint32
}

// blockMeta is the footer of a block.
type blockMeta struct {
	ID       uint64 // number of the block in its tenant; also its file name
	Rows     uint64
	Traces   uint64 // a trace counts once for each chunk it lies in
	Chunks   uint64
	MinStart uint64 // of spans, unix ns
	MaxStart uint64
	MaxTrace uint64 // latest start of a trace, unix ns
	// When the spans arrived, unix ns: retention counts from here.
	MinReceived, MaxReceived uint64
	// WALSegment is the last log segment whose spans are all in this block or in older ones.
	WALSegment uint64
	// Level counts merges: 0 for a block that was written from the head.
	Level uint64
	// Undecided: its spans stay until a store.Slice says otherwise. Blocks of version 1 are decided.
	Undecided bool
	// Parents are the blocks that this one replaces.
	Parents []uint64

	chunks, shapes, tables, directory, catalog location
	traceIndex                                 location // list of pages
}

func (m *blockMeta) fields() []*uint64 {
	return []*uint64{&m.ID, &m.Rows, &m.Traces, &m.Chunks, &m.MinStart, &m.MaxStart, &m.MaxTrace,
		&m.MinReceived, &m.MaxReceived, &m.WALSegment, &m.Level}
}

func (m *blockMeta) sections() []*location {
	return []*location{&m.chunks, &m.shapes, &m.tables, &m.directory, &m.catalog, &m.traceIndex}
}

// flagUndecided is blockMeta.Undecided in the flags of the footer.
const flagUndecided = 1

// append appends the footer: every field, the flags, the number of parents, the parents, and offset and length of each section, as uvarints.
func (m *blockMeta) append(dst []byte) []byte {
	for _, f := range m.fields() {
		dst = binary.AppendUvarint(dst, *f)
	}
	flags := uint64(0)
	if m.Undecided {
		flags |= flagUndecided
	}
	dst = binary.AppendUvarint(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(len(m.Parents)))
	for _, p := range m.Parents {
		dst = binary.AppendUvarint(dst, p)
	}
	for _, l := range m.sections() {
		dst = binary.AppendUvarint(dst, l.off)
		dst = binary.AppendUvarint(dst, uint64(l.len))
	}
	return dst
}

// parse reads the footer of a block of a version; the first had no flags.
func (m *blockMeta) parse(src []byte, version byte) error {
	r := reader{src: src}
	for _, f := range m.fields() {
		*f = r.uvarint()
	}
	if version > 1 {
		m.Undecided = r.uvarint()&flagUndecided != 0
	}
	for range r.count() {
		m.Parents = append(m.Parents, r.uvarint())
	}
	for _, l := range m.sections() {
		l.off, l.len = r.uvarint(), uint32(r.uvarint())
	}
	return r.end()
}

// reader takes a section apart; its first error stays.
type reader struct {
	src []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{colenc.ErrCorrupt}, args...)...)
	}
	r.src = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.fail("bad varint")
		return 0
	}
	r.src = r.src[n:]
	return v
}

// fixed64 reads a number of 8 bytes.
func (r *reader) fixed64() uint64 {
	if len(r.src) < 8 {
		r.fail("%d bytes are too few for a number of 8", len(r.src))
		return 0
	}
	v := binary.LittleEndian.Uint64(r.src)
	r.src = r.src[8:]
	return v
}

// fixed32 reads a number of 4 bytes.
func (r *reader) fixed32() uint32 {
	b := r.bytes(4)
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// bytes reads n bytes.
func (r *reader) bytes(n int) []byte {
	if len(r.src) < n {
		r.fail("%d bytes, expected %d", len(r.src), n)
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

// count reads a number of things of which each takes at least a byte.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.fail("count of %d in %d bytes", n, len(r.src))
		return 0
	}
	return int(n)
}

// number reads a number of things that may take no bytes at all.
func (r *reader) number(limit uint64) int {
	n := r.uvarint()
	if n > limit {
		r.fail("count of %d is above %d", n, limit)
		return 0
	}
	return int(n)
}

func (r *reader) ints(n int) []uint64 {
	if r.err != nil {
		return nil
	}
	vals, rest, err := colenc.Ints(nil, r.src, n)
	if err != nil {
		r.err, r.src = err, nil
		return nil
	}
	r.src = rest
	return vals
}

func (r *reader) bits(dst []uint64, n int) []uint64 {
	if r.err != nil {
		return nil
	}
	vals, rest, err := colenc.Bits(dst, r.src, n)
	if err != nil {
		r.err, r.src = err, nil
		return nil
	}
	r.src = rest
	return vals
}

// codes reads n numbers below limit.
func (r *reader) codes(n, limit int) []uint32 {
	if r.err != nil {
		return nil
	}
	codes, rest, err := colenc.Codes(nil, r.src, n, uint32(limit))
	if err != nil {
		r.err, r.src = err, nil
		return nil
	}
	r.src = rest
	return codes
}

func (r *reader) strings(n int) (l colenc.List) {
	if r.err != nil {
		return l
	}
	l, rest, err := colenc.Strings(r.src, n)
	if err != nil {
		r.err, r.src = err, nil
		return colenc.List{}
	}
	r.src = rest
	return l
}

func (r *reader) end() error {
	if r.err == nil && len(r.src) > 0 {
		r.fail("%d bytes too many", len(r.src))
	}
	return r.err
}

// Bounds on numbers that a damaged file could make absurd, beside those that
// follow from its size. What the engine takes in stays below all of them.
const (
	maxCount       = 1 << 31
	maxBatchItems  = 1 << 22 // attributes, events and links of a request
	maxChunkValues = 1 << 25 // values of all columns in a chunk: six for each item of chunkEntriesMax and of one request, and the rows'
	maxDictionary  = 1 << 20 // strings that pieces share
	maxColumnCodes = 1 << 27 // codes that the pieces of a column list
	maxShapeValues = 1 << 27 // columns of all shapes together
	maxTableValues = 1 << 27 // numbers in the tables of resources and scopes
	maxHeadBytes   = 1 << 30 // keeps the lists of a block that is made from a head below these bounds
)

// checksum verifies and removes the crc32c at the end of data.
func checksum(data []byte) ([]byte, error) {
	if len(data) < crcSize {
		return nil, fmt.Errorf("%w: %d bytes are too few for a checksum", colenc.ErrCorrupt, len(data))
	}
	body, sum := data[:len(data)-crcSize], binary.LittleEndian.Uint32(data[len(data)-crcSize:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: checksum does not match", colenc.ErrCorrupt)
	}
	return body, nil
}
