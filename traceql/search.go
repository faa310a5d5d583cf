package traceql

import "context"

// Search answers a search. The error is the context's, wraps store.ErrTooLarge or store.ErrCursor, is an
// *Error (what only turns out when the query is run), or one of the store.
func (e *Engine) Search(ctx context.Context, tenant string, q *Query, opts SearchOptions) (*SearchResult, error) {
	panic("not there yet")
}
