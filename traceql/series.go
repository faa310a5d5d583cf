package traceql

import "context"

// Series answers a metrics query. Errors are as those of Search.
func (e *Engine) Series(ctx context.Context, tenant string, q *Query, opts SeriesOptions) (*SeriesResult, error) {
	panic("not there yet")
}

// DefaultStep returns the step for a range, both in nanoseconds: about a 240th, rounded down to a friendly unit.
func DefaultStep(rangeNanos uint64) uint64 { panic("not there yet") }
