package store

import (
	"math"

	"github.com/clewhq/clew/span"
)

// Query says which traces a look through the store is about, and what of them.
type Query struct {
	// Range: traces without a span that starts in it may be left out.
	Range TimeRange
	// Needs: a trace may be left out if one of these holds on none of its spans, in the range or not.
	Needs []Predicate
	// Before: traces that start later may be left out; 0 means none.
	Before uint64
	// Enough returns a time: traces that start before it may be left out from now on. It is called
	// often, concurrently, and may be nil.
	Enough func() uint64
	// EnoughSpans is like Enough: traces without a span that starts at or after the time may be left out.
	EnoughSpans func() uint64
	// Where are the predicates that Chunk.Where answers for.
	Where []Predicate
	// Columns are the fields that Chunk.Column is asked for.
	Columns []Field
	// EachSpan says that spans are looked at one by one: the spans of a trace may
	// then come in several chunks, in each as if it were a trace of its own, and
	// what is said above of a trace is then said of each such part.
	EachSpan bool
	// Keep, if not nil, lets the store keep what is made of chunks. It does not go with Before,
	// Enough and EnoughSpans.
	Keep *Keep
	// Progress is told from time to time how far the look has come; one call at a time. It may wait
	// for calls of yield that are under way. It may be nil.
	Progress func(Progress)
}

// Keep is how a look uses again what was made of spans that stay as they are. Where
// the store knows a part of them, all in the range, it gives its chunks to one worker
// between Begin and End; when the part comes again in another look, it calls Again
// instead, unless it has forgotten; an error of that ends the look. It need not know any parts.
type Keep struct {
	// As tells what is made, and what else the query says but for its range: where it is equal, the same is
	// made of the same spans.
	As    string
	Begin func(worker int)
	// End returns what was made of the chunks since Begin, and how many bytes of memory it takes. It is
	// not called if a chunk could not be read. Looks that run at once share what is made.
	End   func(worker int) (made any, bytes int)
	Again func(worker int, made any) error
	// Pack returns what was made as bytes, and Unpack makes it of them again, with the bytes of memory that it
	// takes: so a store can keep it on disk. As tells the form of the bytes too. Both are there, or neither.
	Pack   func(made any) []byte
	Unpack func(packed []byte) (made any, bytes int, err error)
}

// Progress is how far a look has come.
type Progress struct {
	Done, Total uint64 // chunks
	Stats       ScanStats
}

// Chunk is some traces with all their spans, in columns. It belongs to the
// goroutine that got it and is valid, with all that it returned, until that
// returns. Bitmaps and slices of rows are by row of the chunk.
type Chunk interface {
	// Len returns the number of rows. A row of no trace is to be ignored.
	Len() int
	// Traces returns the traces, each a run of rows ordered by start, then by span id, else in any order.
	Traces() []TraceRun
	// Live returns the rows of all traces.
	Live() Bitmap
	Starts() []uint64 // unix nanoseconds
	Ends() []uint64
	SpanIDs() []span.SpanID
	// Parents returns the row of each row's parent, NoParent or LostParent. If several spans of
	// the trace have the parent's id, it is the row of one of them.
	Parents() []int32
	// Where returns the rows of traces on which Query.Where[i] holds. The caller may change it.
	Where(i int) Bitmap
	// Column returns the values of a field on the rows of traces, of several on a row the first.
	Column(f Field) *Column
	// Values calls yield with all values of a field on a row, in order.
	Values(f Field, row int, yield func(span.Value) bool)
	// Attributes returns the attributes (of all scopes but AnyScope) that rows of the chunk have, in
	// any order, each once; it may name some that they do not have.
	Attributes() []Field
	// Err returns the first error of the methods above, which return something safe when they fail.
	// What was made of the chunk is then to be dropped: the look goes on and names it among its gaps.
	Err() error
}

// Rows of Chunk.Parents that are none.
const (
	NoParent   = -1 // the span names no parent
	LostParent = -2 // the span names a parent that the trace does not have
)

// TraceRun is a trace of a Chunk: the rows from Lo to Hi, Hi left out.
type TraceRun struct {
	ID     span.TraceID
	Start  uint64 // earliest start of its spans, unix nanoseconds
	Lo, Hi int
}

// NoCode is the code of a row that lacks the field.
const NoCode = math.MaxUint32

// Column has the values of a field by row, as numbers or as codes. If both
// Nums and Codes are nil, no row has the field. Rows of no trace have anything.
type Column struct {
	// Nums has the bits of each row's value, of Type: Int, Float or Bool.
	Type span.Type
	Nums []uint64
	// Has has the rows that have a value; nil means all where there are Nums, else that Codes tell.
	Has Bitmap
	// Codes has for each row the place of its value in Dict, or NoCode.
	Codes []uint32
	Dict  Values
}

// Values is a list of values, not always distinct. Columns of several chunks may share one: two
// that are equal (==) are the same list.
type Values interface {
	Len() int
	At(code uint32) span.Value
}

// Value returns the value of a row; ok is false if the row lacks the field.
func (c *Column) Value(row int) (v span.Value, ok bool) {
	switch {
	case c.Nums != nil && (c.Has == nil || c.Has.Has(row)):
		return span.Value{Type: c.Type, Num: c.Nums[row]}, true
	case c.Codes != nil && c.Codes[row] != NoCode:
		return c.Dict.At(c.Codes[row]), true
	}
	return span.Value{}, false
}
