package traceql

import (
	"cmp"
	"context"
	"slices"
	"strings"

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

// Tag is an attribute or an intrinsic.
type Tag struct {
	Scope store.Scope
	Name  string // the key, or the intrinsic's name
	Types []Type // of all its values; an intrinsic has one
	// Count is the number of spans (events, links) that have it; with a filter, of spans in any case.
	// Intrinsics are not counted.
	Count uint64
}

// TagValue is a value with the number of spans (events, links) that have it. With a filter, spans count by
// the first value that they have. The count is 0 for values that are listed without being looked for.
type TagValue struct {
	Value Static
	Count uint64
}

// Tags returns the attributes of a scope, or of all for store.AnyScope. Intrinsics come for
// store.IntrinsicScope only, and for AnyScope.
func (e *Engine) Tags(ctx context.Context, tenant string, scope store.Scope, opts TagOptions) (*TagResult, error) {
	result := &TagResult{}
	if scope != store.IntrinsicScope {
		keys, err := e.Store.AttributeKeys(ctx, tenant, opts.Range)
		if err != nil {
			return nil, err
		}
		result.Tags = tagsOf(keys, scope)
	}
	if filter := tagFilter(opts.Filter); filter != nil && len(result.Tags) > 0 {
		if err := e.countTags(ctx, tenant, filter, opts.Range, result); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(result.Tags, func(a, b Tag) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope))
	})
	if opts.Limit > 0 {
		result.limitTags(opts.Limit)
	}
	if scope == store.IntrinsicScope || scope == store.AnyScope {
		result.Tags = append(result.Tags, intrinsicTags()...)
	}
	return result, nil
}

// tagsOf returns the attributes of a scope, each once, in the order of the keys.
func tagsOf(keys []store.AttributeKey, scope store.Scope) []Tag {
	var tags []Tag
	for _, k := range keys { // those of one key, which differ in their type, stand together
		if scope != store.AnyScope && k.Scope != scope {
			continue
		}
		if n := len(tags); n == 0 || tags[n-1].Scope != k.Scope || tags[n-1].Name != k.Key {
			tags = append(tags, Tag{Scope: k.Scope, Name: k.Key})
		}
		t := &tags[len(tags)-1]
		t.Types = append(t.Types, staticTypes[k.Type])
		t.Count += k.Count
	}
	return tags
}

func intrinsicTags() []Tag {
	tags := make([]Tag, 0, numIntrinsics)
	for i := NoIntrinsic + 1; i < numIntrinsics; i++ {
		tags = append(tags, Tag{Scope: store.IntrinsicScope, Name: i.String(), Types: []Type{i.Type()}})
	}
	slices.SortFunc(tags, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	return tags
}

// limitTags keeps the first tags of each scope.
func (r *TagResult) limitTags(limit int) {
	count := map[store.Scope]int{}
	all := len(r.Tags)
	r.Tags = slices.DeleteFunc(r.Tags, func(t Tag) bool {
		count[t.Scope]++
		return count[t.Scope] > limit
	})
	r.Partial = r.Partial || len(r.Tags) < all
}

// TagValues returns the values of an attribute or intrinsic that queries can name: strings, numbers and
// booleans. Durations, times, ids and the numbering of nested sets are too many to list, and come as none.
func (e *Engine) TagValues(ctx context.Context, tenant string, a *Attribute, opts TagOptions) (*TagResult, error) {
	result := &TagResult{}
	if !listed(a) {
		return result, nil
	}
	var err error
	if filter := tagFilter(opts.Filter); filter != nil || a.Parent || a.Scope == store.IntrinsicScope && !inTables[a.Intrinsic] {
		err = e.countValues(ctx, tenant, a, filter, opts.Range, result)
	} else {
		result.Values, err = e.knownValues(ctx, tenant, a, opts.Range)
	}
	if err != nil {
		return nil, err
	}
	if opts.Limit > 0 && len(result.Values) > opts.Limit {
		result.Values, result.Partial = result.Values[:opts.Limit], true
	}
	return result, nil
}

// listed reports whether the values of an attribute are worth a list.
func listed(a *Attribute) bool {
	if a.Scope != store.IntrinsicScope {
		return true
	}
	switch a.Intrinsic {
	case SpanName, SpanStatus, SpanStatusMessage, SpanKind, TraceRootName, TraceRootService, EventName, ScopeName, ScopeVersion:
		return true
	}
	return false
}

// inTables are the intrinsics whose values the store, or the language, has in a table.
var inTables = [numIntrinsics]bool{
	SpanName: true, SpanStatus: true, SpanKind: true, TraceRootName: true, TraceRootService: true, EventName: true,
}

// knownValues returns the values of an attribute without looking at spans, as far as the store can.
func (e *Engine) knownValues(ctx context.Context, tenant string, a *Attribute, r store.TimeRange) ([]TagValue, error) {
	var values []TagValue
	switch a.Intrinsic {
	case SpanStatus:
		for code := range statusNames {
			values = append(values, TagValue{Value: StatusStatic(code)})
		}
	case SpanKind:
		for kind := range kindNames {
			values = append(values, TagValue{Value: KindStatic(kind)})
		}
	case TraceRootService: // any service may be that of a root
		names, err := e.Store.Services(ctx, tenant, r)
		for _, name := range names {
			values = append(values, TagValue{Value: StringStatic(name)})
		}
		return values, err
	case TraceRootName:
		operations, err := e.Store.Operations(ctx, tenant, "", r)
		for i, o := range operations {
			if i == 0 || o.Name != operations[i-1].Name { // they differ in their kind
				values = append(values, TagValue{Value: StringStatic(o.Name)})
			}
		}
		return values, err
	case SpanName:
		return e.storedValues(ctx, tenant, []store.Field{store.Of(store.Name)}, r)
	case EventName:
		return e.storedValues(ctx, tenant, []store.Field{store.Of(store.EventName)}, r)
	default:
		fields, err := e.fieldsOf(ctx, tenant, a, r)
		if err != nil {
			return nil, err
		}
		return e.storedValues(ctx, tenant, fields, r)
	}
	return values, nil
}

// fieldsOf returns the attributes that a stands for: of one scope, or of those that have the key. A store has
// tables for each scope but not for what a span has in the first that has the key: a span that has
// the key in two of them counts twice.
func (e *Engine) fieldsOf(ctx context.Context, tenant string, a *Attribute, r store.TimeRange) ([]store.Field, error) {
	if a.Scope != store.AnyScope {
		return []store.Field{store.Attr(a.Scope, a.Name)}, nil
	}
	keys, err := e.Store.AttributeKeys(ctx, tenant, r)
	if err != nil {
		return nil, err
	}
	var fields []store.Field
	for _, k := range keys {
		f := store.Attr(k.Scope, k.Key)
		if k.Key == a.Name && !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	return fields, nil
}

func (e *Engine) storedValues(ctx context.Context, tenant string, fields []store.Field, r store.TimeRange) ([]TagValue, error) {
	counts := valueCounts{}
	for _, f := range fields {
		list, err := e.Store.AttributeValues(ctx, tenant, f, r, 0)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			counts.add(StaticOf(v.Value), v.Count)
		}
	}
	return counts.list(), nil
}

// valueCounts counts values that can be listed.
type valueCounts map[Static]uint64

func (c valueCounts) add(v Static, n uint64) {
	switch v.Type {
	case TypeNil, TypeBytes, TypeArray, TypeMap:
		return
	}
	c[v] += n
}

// list returns the values, most frequent first, then in order.
func (c valueCounts) list() []TagValue {
	values := make([]TagValue, 0, len(c))
	for v, n := range c {
		values = append(values, TagValue{v, n})
	}
	slices.SortFunc(values, func(a, b TagValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareTagValues(a.Value, b.Value))
	})
	return values
}

// compareTagValues orders values by type, then by value.
func compareTagValues(a, b Static) int {
	if a.Type != b.Type || a.Type == TypeString {
		return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Str, b.Str))
	}
	if a.Type == TypeFloat {
		return cmp.Or(cmp.Compare(a.Float(), b.Float()), cmp.Compare(a.Num, b.Num))
	}
	return cmp.Compare(a.Int(), b.Int())
}
