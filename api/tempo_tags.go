package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// tempoDefaultValues is how many values are returned if the request does not say.
const tempoDefaultValues = 10_000

// tagQuery looks for names or values.
type tagQuery struct {
	// find is told how far a look has come by progress, which may be nil.
	find   func(ctx context.Context, tenants []string, p params, progress tagProgress) (*traceql.TagResult, error)
	answer func(found *traceql.TagResult, c cost) tempoAnswer
}

type tagProgress = func(store.Progress, func() *traceql.TagResult)

// tags answers GET /api/search/tags: names without their scopes.
func (t *tempo) tags(w http.ResponseWriter, r *http.Request) error {
	return t.answerTags(w, r, t.tagNames())
}

// tagsV2 answers GET /api/v2/search/tags.
func (t *tempo) tagsV2(w http.ResponseWriter, r *http.Request) error {
	return t.answerTags(w, r, t.scopedTags())
}

func (t *tempo) answerTags(w http.ResponseWriter, r *http.Request, q tagQuery) error {
	tenants, err := tenantsOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	found, err := q.find(r.Context(), tenants, p, nil)
	if err != nil {
		return err
	}
	tellGaps(w, tagGaps(found))
	answer := q.answer(found, cost{stats: found.Stats, jobs: allJobs(found.Stats)})
	if short, ok := answer.(typedValues); ok && wantsLLM(r) {
		w.Header().Set("Content-Type", typeLLM)
		return short.writeLLM(w)
	}
	return writeTempo(w, r, answer)
}

func (t *tempo) tagNames() tagQuery {
	return tagQuery{t.listTags, func(found *traceql.TagResult, c cost) tempoAnswer {
		var names []string
		for _, list := range groupTags(found.Tags) {
			names = append(names, list.names...)
		}
		slices.Sort(names)
		return tagNames{slices.Compact(names), c}
	}}
}

// scopedTags are the scopes that have tags.
func (t *tempo) scopedTags() tagQuery {
	return tagQuery{t.listTags, func(found *traceql.TagResult, c cost) tempoAnswer {
		return scopedTags{groupTags(found.Tags), c}
	}}
}

// scopeTags are the tags of a scope, sorted.
type scopeTags struct {
	scope store.Scope
	names []string
}

func (t *tempo) listTags(ctx context.Context, tenants []string, p params, progress tagProgress) (*traceql.TagResult, error) {
	scope, err := p.tagScope()
	if err != nil {
		return nil, err
	}
	opts, err := t.tagOptions(p, 0)
	if err != nil {
		return nil, err
	}
	opts.Progress = progress
	engine, tenant := t.engine(tenants)
	found, err := engine.Tags(ctx, tenant, scope, opts)
	return found, invalidQuery(err)
}

// tagScopeOrder is the order of scopes in an answer.
var tagScopeOrder = []store.Scope{
	store.SpanScope, store.ResourceScope, store.EventScope, store.LinkScope, store.InstrumentationScope, store.IntrinsicScope,
}

func groupTags(tags []traceql.Tag) []scopeTags {
	var list []scopeTags
	for _, scope := range tagScopeOrder {
		var names []string
		for _, tag := range tags {
			if tag.Scope == scope && tag.Name != "" { // which nobody could pick
				names = append(names, tagNamesOf(tag)...)
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			list = append(list, scopeTags{scope, slices.Compact(names)})
		}
	}
	return list
}

// tagNamesOf returns the names of a tag; some intrinsics have two.
func tagNamesOf(tag traceql.Tag) []string {
	if tag.Scope == store.IntrinsicScope {
		if a, err := traceql.ParseAttribute(tag.Name); err == nil {
			return a.Intrinsic.Names()
		}
	}
	return []string{tag.Name}
}

// tagScope reads scope; "" and none stand for all.
func (p params) tagScope() (store.Scope, error) {
	text := p.Get("scope")
	if text == "" || text == "none" {
		return store.AnyScope, nil
	}
	for _, scope := range tagScopeOrder {
		if scope.String() == text {
			return scope, nil
		}
	}
	return 0, badRequest("invalid scope: %q; expected span, resource, event, link, instrumentation or intrinsic", text)
}

func (t *tempo) tagOptions(p params, absent int) (opts traceql.TagOptions, err error) {
	opts.Filter = p.Get("q")
	if len(opts.Filter) > tempoMaxQuery {
		opts.Filter = "" // it only narrows the answer
	}
	if opts.Limit, err = p.positive("limit", absent, 0); err != nil {
		return opts, err
	}
	opts.Range, err = p.tempoRange()
	return opts, err
}

// tagGaps tells what may be missing in a list of tags or values.
func tagGaps(found *traceql.TagResult) []string {
	if found.Partial && len(found.Gaps) == 0 {
		return []string{"there is more than this answer has"}
	}
	return found.Gaps
}

// tagValues answers GET /api/search/tag/{tag}/values; the tag has no scope.
func (t *tempo) tagValues(w http.ResponseWriter, r *http.Request) error {
	name, err := tagOfPath(r)
	if err != nil {
		return err
	}
	return t.answerTags(w, r, t.tagTexts(name))
}

func (t *tempo) tagTexts(tag string) tagQuery {
	find := func(ctx context.Context, tenants []string, p params, progress tagProgress) (*traceql.TagResult, error) {
		return t.listValues(ctx, tenants, p, unscopedTag(tag), progress)
	}
	return tagQuery{find, func(found *traceql.TagResult, c cost) tempoAnswer {
		list := shownValues(found)
		values := make([]string, len(list))
		for i, v := range list {
			_, values[i] = typedText(v.Value)
		}
		slices.Sort(values)
		return tagTexts{slices.Compact(values), c}
	}}
}

// unscopedTag returns what a tag without a scope stands for.
func unscopedTag(name string) *traceql.Attribute {
	if field := legacyField(name); field != nil {
		return field
	}
	if a, err := traceql.ParseAttribute(name); err == nil && a.Scope == store.IntrinsicScope {
		return a
	}
	return attribute(store.AnyScope, name)
}

// tagValuesV2 answers GET /api/v2/search/tag/{tag}/values; the tag is written as in TraceQL.
func (t *tempo) tagValuesV2(w http.ResponseWriter, r *http.Request) error {
	name, err := tagOfPath(r)
	if err != nil {
		return err
	}
	return t.answerTags(w, r, t.typedValues(name))
}

func (t *tempo) typedValues(tag string) tagQuery {
	find := func(ctx context.Context, tenants []string, p params, progress tagProgress) (*traceql.TagResult, error) {
		a, err := traceql.ParseAttribute(tag)
		if err != nil {
			return nil, badRequest("please provide a valid tagName: %v", err)
		}
		return t.listValues(ctx, tenants, p, a, progress)
	}
	return tagQuery{find, func(found *traceql.TagResult, c cost) tempoAnswer { return typedValues{shownValues(found), c} }}
}

// tagOfPath returns the tag in a path. Clients encode it once, twice (as some
// proxies undo one encoding), or not at all.
func tagOfPath(r *http.Request) (string, error) {
	name, ok := strings.CutSuffix(r.PathValue("tag"), "/values")
	if !ok || name == "" {
		return "", badRequest("please provide a tagName: the path ends with /tag/{tagName}/values")
	}
	if once, err := url.PathUnescape(name); err == nil {
		name = once
	}
	return name, nil
}

func (t *tempo) listValues(ctx context.Context, tenants []string, p params, a *traceql.Attribute, progress tagProgress) (*traceql.TagResult, error) {
	opts, err := t.tagOptions(p, tempoDefaultValues)
	if err != nil {
		return nil, err
	}
	opts.Progress = progress
	engine, tenant := t.engine(tenants)
	found, err := engine.TagValues(ctx, tenant, a, opts)
	return found, invalidQuery(err)
}

// shownValues are the values that Tempo shows.
func shownValues(found *traceql.TagResult) []traceql.TagValue {
	return slices.DeleteFunc(found.Values, func(v traceql.TagValue) bool {
		kind, text := typedText(v.Value)
		return kind == "" || text == "" // as of a span without a status message
	})
}

// typedText returns a value as text, with Tempo's name for its type; "" for types that Tempo does not show.
func typedText(v traceql.Static) (kind, text string) {
	switch v.Type {
	case traceql.TypeString:
		return "string", v.Str
	case traceql.TypeInt:
		return "int", strconv.FormatInt(v.Int(), 10)
	case traceql.TypeFloat:
		return "float", strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case traceql.TypeBool:
		return "bool", strconv.FormatBool(v.Bool())
	case traceql.TypeDuration:
		return "duration", time.Duration(v.Int()).String()
	case traceql.TypeStatus, traceql.TypeKind:
		return "keyword", v.String()
	}
	return "", ""
}

// tagNames is a tempopb.SearchTagsResponse.
type tagNames struct {
	list []string
	cost cost
}

func (a tagNames) writeJSON(j tempoJSON) {
	j.object()
	j.texts("tagNames", a.list)
	j.metrics(a.cost)
	j.endObject()
}

// scopedTags is a tempopb.SearchTagsV2Response.
type scopedTags struct {
	list []scopeTags
	cost cost
}

func (a scopedTags) writeJSON(j tempoJSON) {
	j.object()
	j.name("scopes")
	j.array()
	for _, list := range a.list {
		j.object()
		j.string("name", list.scope.String())
		j.texts("tags", list.names)
		j.endObject()
	}
	j.endArray()
	j.metrics(a.cost)
	j.endObject()
}

// tagTexts is a tempopb.SearchTagValuesResponse.
type tagTexts struct {
	list []string
	cost cost
}

func (a tagTexts) writeJSON(j tempoJSON) {
	j.object()
	j.texts("tagValues", a.list)
	j.metrics(a.cost)
	j.endObject()
}

// typedValues is a tempopb.SearchTagValuesV2Response.
type typedValues struct {
	list []traceql.TagValue
	cost cost
}

func (a typedValues) writeJSON(j tempoJSON) {
	j.object()
	j.name("tagValues")
	j.array()
	for _, v := range a.list {
		kind, text := typedText(v.Value)
		j.object()
		j.string("type", kind)
		j.name("value")
		j.text(text)
		j.endObject()
	}
	j.endArray()
	j.metrics(a.cost)
	j.endObject()
}
