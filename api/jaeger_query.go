package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

const (
	jaegerDefaultLimit = 100
	jaegerLookback     = 48 * time.Hour
)

// jaegerQuery is a search, or a list of traces to get.
type jaegerQuery struct {
	search *traceql.Query
	opts   traceql.SearchOptions
	traces []traceRef // if there are any, there is no search
	raw    bool
}

func (j *jaeger) parseQuery(p params) (*jaegerQuery, error) {
	q := &jaegerQuery{}
	var err error
	if q.raw, err = p.boolean("raw"); err != nil {
		return nil, err
	}
	given, hasStart, err := p.jaegerRange()
	if err != nil {
		return nil, err
	}
	if ids := p.Values["traceID"]; len(ids) > 0 {
		q.traces, err = j.parseIDs(ids, given)
		return q, err
	}
	filter, err := p.jaegerFilter()
	if err != nil {
		return nil, err
	}
	if q.search, err = filter.query(); err != nil {
		return nil, err
	}
	if given.End == 0 {
		given.End = uint64(j.Now().UnixNano()) + 1
	}
	if !hasStart && given.End > uint64(jaegerLookback) {
		given.Start = given.End - uint64(jaegerLookback)
	}
	q.opts = traceql.SearchOptions{Range: given, SpansPerSet: 1}
	q.opts.Limit, err = p.limit("limit", jaegerDefaultLimit, j.MaxTraces)
	return q, err
}

// jaegerRange reads start and end, in microseconds or RFC 3339. The whole of the last
// microsecond belongs to the range, as times are shown cut to microseconds.
func (p params) jaegerRange() (r store.TimeRange, hasStart bool, err error) {
	start, hasStart, err := p.jaegerTime("start", time.Microsecond)
	if err != nil {
		return r, false, err
	}
	end, hasEnd, err := p.jaegerTime("end", time.Microsecond)
	if err != nil {
		return r, false, err
	}
	if !hasEnd {
		return store.TimeRange{Start: start}, hasStart, nil
	}
	if start > end {
		return r, false, badRequest("invalid parameter: start time must be before end time")
	}
	return store.TimeRange{Start: start, End: saturate(end, 1000)}, hasStart, nil
}

// saturate adds without passing the end of time.
func saturate(t, more uint64) uint64 {
	if t > math.MaxUint64-more {
		return math.MaxUint64
	}
	return t + more
}

func (j *jaeger) parseIDs(ids []string, hint store.TimeRange) ([]traceRef, error) {
	if len(ids) > j.MaxTraces {
		return nil, badRequest("invalid parameter: traceID is given %d times, the limit is %d", len(ids), j.MaxTraces)
	}
	refs := make([]traceRef, len(ids))
	for i, text := range ids {
		id, err := parseJaegerID(text)
		if err != nil {
			return nil, badRequest("cannot parse traceID param: %v", err)
		}
		refs[i] = traceRef{id, hint}
	}
	return refs, nil
}

// jaegerFilter is what one and the same span has to satisfy.
type jaegerFilter struct {
	service, operation string         // "": any
	shortest, longest  *time.Duration // nil: no bound
	tags               []tag
}

// jaegerFilter reads what the legacy API says of spans.
func (p params) jaegerFilter() (*jaegerFilter, error) {
	f := &jaegerFilter{service: p.Get("service"), operation: p.Get("operation")}
	shortest, hasMin, err := p.duration("minDuration")
	if err != nil {
		return nil, err
	}
	if hasMin {
		f.shortest = &shortest
	}
	longest, hasMax, err := p.duration("maxDuration")
	if err != nil {
		return nil, err
	}
	if hasMax {
		f.longest = &longest
	}
	if hasMin && hasMax && longest < shortest {
		return nil, badRequest("'maxDuration' should be greater than 'minDuration'")
	}
	f.tags, err = p.tags()
	return f, err
}

// query finds the traces with such a span.
func (f *jaegerFilter) query() (*traceql.Query, error) {
	if len(f.tags) > maxTags {
		return nil, badRequest("too many tags, the limit is %d", maxTags)
	}
	var list []traceql.Expr
	if f.service != "" {
		list = append(list, equal(attribute(store.ResourceScope, "service.name"), traceql.StringStatic(f.service)))
	}
	if f.operation != "" {
		list = append(list, equal(intrinsic(traceql.SpanName), traceql.StringStatic(f.operation)))
	}
	if f.shortest != nil {
		list = append(list, compare(intrinsic(traceql.SpanDuration), traceql.GreaterEqual, traceql.DurationStatic(int64(*f.shortest))))
	}
	if f.longest != nil {
		list = append(list, compare(intrinsic(traceql.SpanDuration), traceql.LessEqual, traceql.DurationStatic(int64(*f.longest))))
	}
	for _, t := range f.tags {
		list = append(list, t.expr())
	}
	filter := &traceql.Filter{Body: joined(traceql.And, list)}
	return &traceql.Query{Search: &traceql.Pipeline{Stages: []traceql.Stage{filter}}}, nil
}

// tags reads tag=key:value and tags={"key":"value"}.
func (p params) tags() ([]tag, error) {
	var list []tag
	for _, text := range p.Values["tag"] {
		if text == "" {
			continue
		}
		key, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, badRequest("malformed 'tag' parameter, expecting key:value, received: %s", text)
		}
		list = append(list, tag{key, value})
	}
	for _, text := range p.Values["tags"] {
		if text == "" {
			continue
		}
		more, err := parseJSONTags(text)
		if err != nil {
			return nil, badRequest("malformed 'tags' parameter, %v", err)
		}
		list = append(list, more...)
	}
	return list, nil
}

// parseJSONTags reads an object of texts; numbers and booleans are taken by their text.
func parseJSONTags(text string) ([]tag, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return nil, fmt.Errorf("cannot unmarshal JSON: %w", err)
	}
	var list []tag
	for _, key := range slices.Sorted(maps.Keys(members)) {
		member := members[key]
		value := string(member)
		switch member[0] {
		case '"':
			if err := json.Unmarshal(member, &value); err != nil {
				return nil, fmt.Errorf("cannot unmarshal JSON: %w", err)
			}
		case '{', '[', 'n':
			return nil, fmt.Errorf("the value of %q is neither a string nor a number nor a boolean", key)
		}
		list = append(list, tag{key, value})
	}
	return list, nil
}
