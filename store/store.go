// Package store is the seam between everything that asks for spans and every
// backend that keeps them: Writer and Reader, with the predicates and chunks of a look through it.
// The embedded engine is store/columnar; store/storetest is the suite that
// every backend passes.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clewhq/clew/span"
)

// DefaultTenant is the tenant of requests that name none.
const DefaultTenant = "single-tenant"

// Writer takes spans in.
type Writer interface {
	// Write keeps the spans of b. When it returns nil they are as durable as
	// the backend promises and are found by every read that starts afterwards.
	// It may read b, Raw included, until it returns. It returns a *RetryError
	// when the same call may succeed later. Spans of b may have been kept all the
	// same, short of the promised durability; to repeat the call does no harm, as
	// equal spans are stored once.
	Write(ctx context.Context, tenant string, b *span.Batch) error
}

// Reader finds spans. Every method may be called concurrently with every other
// and with Write, ends early with ctx's error when ctx ends, and treats an
// unknown tenant as one without spans.
//
// A span that is written twice, equal in all of span.Span, is one span. Spans
// that share their ids and differ in anything else are different spans.
type Reader interface {
	// Trace returns all spans of a trace, wherever they lie, ordered by start,
	// then by span id, else in any order. The hint says where in time the trace is likely to
	// lie; the trace is found without it and outside of it too. It returns
	// ErrNotFound if no span has the id.
	Trace(ctx context.Context, tenant string, id span.TraceID, hint TimeRange) (*Trace, error)

	// Services returns the distinct non-empty service names, sorted bytewise.
	// A range limits the answer to spans that start in it, and may be taken
	// loosely: a backend can answer for whole files that overlap with it.
	// Without bounds the answer is exact.
	Services(ctx context.Context, tenant string, r TimeRange) (*Listing[string], error)

	// Operations returns the distinct span names (the empty one too) with their
	// kinds, of one service or, for "", of all spans, sorted by name and then by
	// kind. The range is taken as in Services.
	Operations(ctx context.Context, tenant, service string, r TimeRange) (*Listing[Operation], error)

	// AttributeKeys returns the attribute keys by scope and type, sorted by
	// scope, key, type. The count of a key in event or link scope is the number
	// of events or links that have it with that type, else the number of spans,
	// also for resource and instrumentation scope; who repeats a key counts
	// once. Spans that came more than once may count as often as they came.
	// The range is taken as in Services; then counts are of what was looked at.
	AttributeKeys(ctx context.Context, tenant string, r TimeRange) (*Listing[AttributeKey], error)

	// AttributeValues returns the distinct values of a field, most frequent
	// first, then by CompareValues; at most limit of them, if limit is above 0.
	// Counts are as in AttributeKeys: of events or links that have the value if
	// f.OfEvent or f.OfLink, else of spans. Array and Map values are left out.
	AttributeValues(ctx context.Context, tenant string, f Field, r TimeRange, limit int) (*Listing[ValueCount], error)

	// Scan looks through the traces, in chunks, and calls yield with each chunk:
	// concurrently, with a number below the count of CPUs that tells the callers
	// apart. Each trace that the query does not let it leave out comes in one chunk,
	// once, with all its spans; others may come too. Chunks come roughly newest
	// first, so that Enough is of use. An error of yield ends the look and is returned.
	Scan(ctx context.Context, tenant string, q *Query, yield func(worker int, c Chunk) error) (*ScanResult, error)
}

// TimeRange is a half-open range [Start, End) in unix nanoseconds. A zero End means no bound.
type TimeRange struct {
	Start, End uint64
}

// Contains reports whether t lies in the range.
func (r TimeRange) Contains(t uint64) bool { return t >= r.Start && (r.End == 0 || t < r.End) }

// Overlaps reports whether some time in [lo, hi] lies in the range.
func (r TimeRange) Overlaps(lo, hi uint64) bool { return hi >= r.Start && (r.End == 0 || lo < r.End) }

// Trace is the answer to Reader.Trace.
type Trace struct {
	Spans *span.Batch // belongs to the caller
	// Gaps names what could not be read (a damaged file, an unreachable
	// server). If it is not empty the answer may lack spans.
	Gaps []string
}

// Listing is an answer of names, keys or values.
type Listing[T any] struct {
	List []T // belongs to the caller
	// Gaps is as in Trace. If it is not empty the list may lack elements, and counts may be too low.
	Gaps []string
}

// Operation is a span name with the kind of the spans that bear it.
type Operation struct {
	Name string
	Kind int32 // OTLP's SpanKind
}

// AttributeKey is a key in one scope with values of one type.
type AttributeKey struct {
	Scope Scope
	Key   string
	Type  span.Type
	Count uint64
}

// ValueCount is a value with how often it occurs.
type ValueCount struct {
	Value span.Value
	Count uint64
}

// Cursor marks a place between two traces in the order of Newer. It is opaque, printable
// and stays valid when spans are added, merged or expire.
type Cursor string

// ScanResult is how a look through the store ended.
type ScanResult struct {
	// Gaps is as in Trace.
	Gaps  []string
	Stats ScanStats
}

// ScanStats says what a look through the store cost.
type ScanStats struct {
	Blocks        uint64 // files, and parts in memory, that may have spans of the range
	Rows          uint64 // spans judged
	ChunksRead    uint64
	ChunksSkipped uint64
	BytesRead     uint64 // as they lie on disk
}

// ErrNotFound is returned for a trace that no span belongs to.
var ErrNotFound = errors.New("trace not found")

// ErrCursor is returned for a cursor that no search returned.
var ErrCursor = errors.New("invalid cursor")

// ErrTooLarge is wrapped by errors about a query that passes its memory budget.
var ErrTooLarge = errors.New("query needs more memory than its budget")

// RetryError says that a write was not taken and may be tried again.
type RetryError struct {
	// After is how long the sender should wait.
	After time.Duration
	// Overload tells back-pressure (too much comes in at once) from
	// unavailability (a full disk, a backend that is down).
	Overload bool
	Reason   error
}

func (e *RetryError) Error() string { return e.Reason.Error() }
func (e *RetryError) Unwrap() error { return e.Reason }

// RetryAfter returns how long the sender should wait.
func (e *RetryError) RetryAfter() time.Duration { return e.After }

// Overloaded reports whether the cause is back-pressure.
func (e *RetryError) Overloaded() bool { return e.Overload }

// MakeCursor returns the cursor behind the trace with the given start and id.
func MakeCursor(start uint64, id span.TraceID) Cursor {
	return Cursor(fmt.Sprintf("%016x%s", start, id))
}

// Parse returns what MakeCursor was given; ok is false for "".
func (c Cursor) Parse() (start uint64, id span.TraceID, ok bool, err error) {
	if c == "" {
		return 0, id, false, nil
	}
	if len(c) != 48 {
		return 0, id, false, ErrCursor
	}
	s, err1 := span.ParseSpanID(string(c[:16]))
	id, err2 := span.ParseTraceID(string(c[16:]))
	if err1 != nil || err2 != nil {
		return 0, id, false, ErrCursor
	}
	return s.Uint64(), id, true, nil
}

// Newer reports whether the trace (startA, a) comes before (startB, b) when the newest come first.
func Newer(startA uint64, a span.TraceID, startB uint64, b span.TraceID) bool {
	if startA != startB {
		return startA > startB
	}
	return string(a[:]) > string(b[:])
}
