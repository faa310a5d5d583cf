package store

import (
	"context"
	"time"

	"github.com/clewhq/clew/span"
)

// Thinner is a store that keeps all spans for a while and can then be told which traces stay: what arrived
// lately is undecided, all else decided. Its user decides about one slice after the other, oldest first.
type Thinner interface {
	// Tenants returns the tenants that have spans, sorted.
	Tenants() []string
	// Undecided returns the undecided spans that arrived before a time; nil if there are none. A tenant
	// has one slice at a time: the caller closes it before it asks for the next one.
	Undecided(ctx context.Context, tenant string, before time.Time) (Slice, error)
}

// Slice is spans of one tenant that arrived in a time and are undecided.
type Slice interface {
	// Arrived is the time of arrival: all undecided spans of the tenant up to the end are in the slice.
	Arrived() (first, last time.Time)
	// Scan is Reader.Scan on the traces that have a span in the slice, with all their spans wherever they lie:
	// those that arrived later, and those that were kept before, are among them. It ignores the tenant.
	Scan(ctx context.Context, tenant string, q *Query, yield func(worker int, c Chunk) error) (*ScanResult, error)
	// Thin takes those spans out of the slice whose trace does not stay, changes the trace state of those that
	// do, and makes the slice decided. fate is asked once or more often for each trace, by one
	// goroutine, and has to answer alike. If the process ends before Thin returned, the spans may be undecided
	// again, thinned or not.
	Thin(ctx context.Context, fate func(id span.TraceID) Fate) (Thinned, error)
	Close()
}

// Fate is what becomes of a trace.
type Fate struct {
	Stays bool
	// State returns the trace state that a span has from now on; nil leaves them as they are.
	State func(state string) string
}

// Thinned counts what Thin did.
type Thinned struct {
	KeptSpans, DroppedSpans uint64
}
