package api

import (
	"net/http"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// TagList is the answer to a request for tags.
type TagList struct {
	Tags []TagSummary `json:"tags"` // the most frequent first
	TagLook
}

// TagSummary is an attribute or intrinsic.
type TagSummary struct {
	Scope   string   `json:"scope"` // span, resource, event, link, instrumentation or intrinsic
	Name    string   `json:"name"`  // the key, or the intrinsic's name
	TraceQL string   `json:"traceql"`
	Types   []string `json:"types"`
	// Count is how many spans (events, links) have it; 0 if nobody counts, as all have it.
	Count uint64 `json:"count,omitempty"`
}

// TagValueList is the answer to a request for values.
type TagValueList struct {
	Values []TagValue `json:"values"` // the most frequent first
	TagLook
}

// TagValue is a value of a tag.
type TagValue struct {
	TypedValue
	Count uint64 `json:"count,omitempty"` // 0 if nobody counts
}

// TagLook says how complete a list of tags or values is.
type TagLook struct {
	Partial bool     `json:"partial"` // not everything was looked through, or something was left out
	Gaps    []string `json:"gaps,omitempty"`
	Stats   Stats    `json:"stats"`
}

const (
	nativeDefaultTags = 1000
	nativeMaxTags     = 100_000
)

var tagScopes = map[string]store.Scope{
	"any": store.AnyScope, "span": store.SpanScope, "resource": store.ResourceScope, "event": store.EventScope,
	"link": store.LinkScope, "instrumentation": store.InstrumentationScope, "intrinsic": store.IntrinsicScope,
}

func (n *native) tags(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := nativeParams(r, "q", "scope", "start", "end", "limit")
	if err != nil {
		return err
	}
	scope, err := p.oneOf("scope", "any", "span", "resource", "event", "link", "instrumentation", "intrinsic")
	if err != nil {
		return err
	}
	opts, err := p.tagOptions()
	if err != nil {
		return err
	}
	found, err := n.query.Tags(r.Context(), tenant, tagScopes[scope], opts)
	if err != nil {
		return err
	}
	answer := TagList{Tags: make([]TagSummary, len(found.Tags)), TagLook: tagLook(found)}
	for i, t := range found.Tags {
		answer.Tags[i] = tagSummary(&t)
	}
	return writeJSON(w, answer)
}

func tagSummary(t *traceql.Tag) TagSummary {
	s := TagSummary{Scope: t.Scope.String(), Name: t.Name, TraceQL: t.Name, Types: make([]string, len(t.Types)), Count: t.Count}
	if t.Scope != store.IntrinsicScope {
		s.TraceQL = (&traceql.Attribute{Scope: t.Scope, Name: t.Name}).String()
	}
	for i, typ := range t.Types {
		s.Types[i] = typeNames[typ]
	}
	return s
}

func (n *native) tagValues(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := nativeParams(r, "q", "start", "end", "limit")
	if err != nil {
		return err
	}
	opts, err := p.tagOptions()
	if err != nil {
		return err
	}
	a, err := traceql.ParseAttribute(r.PathValue("tag"))
	if err != nil {
		return badRequest("%v", err)
	}
	found, err := n.query.TagValues(r.Context(), tenant, a, opts)
	if err != nil {
		return err
	}
	answer := TagValueList{Values: make([]TagValue, len(found.Values)), TagLook: tagLook(found)}
	for i, v := range found.Values {
		answer.Values[i] = TagValue{typedValue(v.Value), v.Count}
	}
	return writeJSON(w, answer)
}

func (p params) tagOptions() (opts traceql.TagOptions, err error) {
	opts.Filter = p.Get("q")
	if opts.Range, err = p.nativeRange(); err != nil {
		return opts, err
	}
	opts.Limit, err = p.limit("limit", nativeDefaultTags, nativeMaxTags)
	return opts, err
}

func tagLook(found *traceql.TagResult) TagLook {
	return TagLook{Partial: found.Partial, Gaps: found.Gaps, Stats: Stats(found.Stats)}
}
