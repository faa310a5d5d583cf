package traceql

import (
	"context"

	"github.com/clewhq/clew/store"
)

// TagOptions says what is wanted of Tags and TagValues.
type TagOptions struct {
	Range store.TimeRange
	// Filter is what was typed so far, maybe unfinished; conditions that it has in one filter, joined by
	// &&, narrow the answer. It never fails: what cannot be understood is left out.
	Filter string
	// Limit is the most tags of a scope, or values, to return; 0 means all.
	Limit int
}

// TagResult has names or values, most frequent first, then in order.
type TagResult struct {
	Tags    []Tag      // of Tags
	Values  []TagValue // of TagValues
	Partial bool       // not everything was looked through, or something was left out
	Gaps    []string
	Stats   store.ScanStats
}

// Tag is an attribute or an intrinsic, by the name that TraceQL gives it within its scope.
type Tag struct {
	Scope store.Scope
	Name  string
	Types []Type
	Count uint64 // spans (events, links) that have it
}

// TagValue is a value with the number of spans (events, links) that have it.
type TagValue struct {
	Value Static
	Count uint64
}

// Tags returns the attributes of a scope, or of all for store.AnyScope. Intrinsics come for
// store.IntrinsicScope only, and for AnyScope.
func (e *Engine) Tags(ctx context.Context, tenant string, scope store.Scope, opts TagOptions) (*TagResult, error) {
	panic("not there yet")
}

// TagValues returns the values of an attribute or intrinsic.
func (e *Engine) TagValues(ctx context.Context, tenant string, a *Attribute, opts TagOptions) (*TagResult, error) {
	panic("not there yet")
}
