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
	// Progress is told how far a look at spans has come, with the answer so far if want is called.
	Progress func(p store.Progress, want func() *TagResult)
}

// TagResult has names or values, most frequent first, then in order.
type TagResult struct {
	Tags    []Tag      // of Tags
	Values  []TagValue // of TagValues
	Partial bool       // not everything was looked through, or something was left out
	Gaps    []string   // what could not be read; then the answer may lack something
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

// TagValue is a value with the number of spans (events, links) that have it. Where spans are looked at, as with
// a filter, each counts once, by the first value that it has. The count is 0 for values of which only is known that
// they may occur.
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
		result.addGaps(keys.Gaps)
		result.Tags = tagsOf(keys.List, scope)
	}
	finish := func(r *TagResult) *TagResult { return r.finishTags(scope, opts.Limit) }
	if filter := tagFilter(opts.Filter); filter != nil && len(result.Tags) > 0 {
		if err := e.countTags(ctx, tenant, filter, opts, result, finish); err != nil {
			return nil, err
		}
	}
	return finish(result), nil
}

// finishTags brings tags in order, and adds the intrinsics if they are asked for.
func (r *TagResult) finishTags(scope store.Scope, limit int) *TagResult {
	slices.SortFunc(r.Tags, func(a, b Tag) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope))
	})
	if limit > 0 {
		r.limitTags(limit)
	}
	if scope == store.IntrinsicScope || scope == store.AnyScope {
		r.Tags = append(r.Tags, intrinsicTags()...)
	}
	return r
}

// addGaps adds what could not be read; one answer may come of several looks that miss the same.
func (r *TagResult) addGaps(gaps []string) {
	for _, gap := range gaps {
		if !slices.Contains(r.Gaps, gap) {
			r.Gaps = append(r.Gaps, gap)
		}
	}
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
	var err error
	switch filter := tagFilter(opts.Filter); {
	case a.Scope == store.IntrinsicScope && !listed[a.Intrinsic]:
	case filter != nil || a.Parent || lookedFor[a.Intrinsic]:
		err = e.lookForValues(ctx, tenant, a, filter, opts, result)
	case a.Scope == store.IntrinsicScope:
		err = e.intrinsicValues(ctx, tenant, a.Intrinsic, opts.Range, result)
	default:
		err = e.attributeValues(ctx, tenant, a, opts, result)
	}
	if err != nil {
		return nil, err
	}
	return result.limitValues(opts.Limit), nil
}

func (r *TagResult) limitValues(limit int) *TagResult {
	if limit > 0 && len(r.Values) > limit {
		r.Values, r.Partial = r.Values[:limit], true
	}
	return r
}

// listed are the intrinsics whose values are worth a list, lookedFor those of them of which stores have no tables.
var (
	listed = [numIntrinsics]bool{
		SpanName: true, SpanStatus: true, SpanStatusMessage: true, SpanKind: true, TraceRootName: true, TraceRootService: true,
		EventName: true, ScopeName: true, ScopeVersion: true,
	}
	lookedFor = [numIntrinsics]bool{SpanStatusMessage: true, ScopeName: true, ScopeVersion: true}
)

// intrinsicValues puts into result the values of an intrinsic without looking at spans.
func (e *Engine) intrinsicValues(ctx context.Context, tenant string, i Intrinsic, r store.TimeRange, result *TagResult) error {
	add := func(v Static) { result.Values = append(result.Values, TagValue{Value: v}) }
	switch i {
	case SpanName:
		return e.storedValues(ctx, tenant, []store.Field{store.Of(store.Name)}, r, result)
	case EventName:
		return e.storedValues(ctx, tenant, []store.Field{store.Of(store.EventName)}, r, result)
	case SpanStatus:
		for code := range statusNames {
			add(StatusStatic(code))
		}
	case SpanKind:
		for kind := range kindNames {
			add(KindStatic(kind))
		}
	case TraceRootService: // any service, and below any operation, may be that of a root
		services, err := e.Store.Services(ctx, tenant, r)
		if err != nil {
			return err
		}
		result.addGaps(services.Gaps)
		for _, name := range services.List {
			add(StringStatic(name))
		}
	case TraceRootName:
		operations, err := e.Store.Operations(ctx, tenant, "", r)
		if err != nil {
			return err
		}
		result.addGaps(operations.Gaps)
		for k, o := range operations.List {
			if k == 0 || operations.List[k-1].Name != o.Name { // else they differ in their kind
				add(StringStatic(o.Name))
			}
		}
	}
	return nil
}

// attributeValues puts into result the values of an attribute. Stores have tables of texts that are not too
// many, whatever the number of spans; everything else would take them time with many spans. Tables know each scope by
// itself: a span that has the key in two of them counts twice.
func (e *Engine) attributeValues(ctx context.Context, tenant string, a *Attribute, opts TagOptions, result *TagResult) error {
	r := opts.Range
	keys, err := e.Store.AttributeKeys(ctx, tenant, r)
	if err != nil {
		return err
	}
	result.addGaps(keys.Gaps)
	var fields []store.Field
	var texts, others uint64
	for _, k := range keys.List {
		if k.Key != a.Name || a.Scope != store.AnyScope && a.Scope != k.Scope {
			continue
		}
		if f := store.Attr(k.Scope, k.Key); !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
		switch {
		case k.Scope == store.ResourceScope || k.Scope == store.InstrumentationScope: // of which there are few
		case k.Type.InDict():
			texts += k.Count
		default:
			others += k.Count
		}
	}
	switch {
	case others > maxLooked:
		return e.lookForValues(ctx, tenant, a, nil, opts, result)
	case texts > maxSampled:
		many, err := e.hasManyValues(ctx, tenant, a, r)
		if err != nil {
			return err
		}
		if many {
			return e.lookForValues(ctx, tenant, a, nil, opts, result)
		}
	}
	return e.storedValues(ctx, tenant, fields, r, result)
}

// hasManyValues reports whether an attribute seems to have a value of its own on many of the spans, by a sample.
func (e *Engine) hasManyValues(ctx context.Context, tenant string, a *Attribute, r store.TimeRange) (bool, error) {
	var sample TagResult
	l := newTagLook(TagOptions{Range: r})
	l.most = maxSampled
	err := l.values(ctx, e, tenant, a, 0, &sample)
	distinct, all := len(sample.Values), 0
	for _, v := range sample.Values {
		all += int(v.Count)
	}
	return distinct > 100 && distinct > all/10, err
}

// storedValues puts into result the values of which the store has tables.
func (e *Engine) storedValues(ctx context.Context, tenant string, fields []store.Field, r store.TimeRange, result *TagResult) error {
	for _, f := range fields {
		values, err := e.Store.AttributeValues(ctx, tenant, f, r, 0)
		if err != nil {
			return err
		}
		result.addGaps(values.Gaps)
		for _, v := range values.List {
			if s := StaticOf(v.Value); listedTypes[s.Type] > 0 {
				result.Values = append(result.Values, TagValue{s, v.Count})
			}
		}
	}
	if len(fields) <= 1 { // they are in order
		return nil
	}
	counts := valueCounts{}
	for _, v := range result.Values {
		counts[v.Value] += v.Count
	}
	result.Values = counts.list()
	return nil
}

// listedTypes are the types of values that are listed, by their order in a list; 0 means that they are not:
// a query cannot name them.
var listedTypes = [...]int{
	TypeString: 1, TypeBool: 2, TypeInt: 3, TypeFloat: 4, TypeDuration: 5, TypeStatus: 6, TypeKind: 7, TypeMap: 0,
}

type valueCounts map[Static]uint64

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

func compareTagValues(a, b Static) int {
	switch {
	case a.Type != b.Type:
		return cmp.Compare(listedTypes[a.Type], listedTypes[b.Type])
	case a.Type == TypeString:
		return strings.Compare(a.Str, b.Str)
	case a.Type == TypeFloat:
		return cmp.Or(cmp.Compare(a.Float(), b.Float()), cmp.Compare(a.Num, b.Num))
	}
	return cmp.Compare(a.Int(), b.Int())
}
