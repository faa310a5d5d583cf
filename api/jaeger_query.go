package api

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/store"
)

const (
	jaegerDefaultLimit = 100
	jaegerLookback     = 48 * time.Hour
)

// jaegerQuery is a search, or a list of traces to get.
type jaegerQuery struct {
	scan   store.Query
	traces []traceRef // if there are any, scan is not set
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
	c, err := p.jaegerCriteria()
	if err != nil {
		return nil, err
	}
	if given.End == 0 {
		given.End = uint64(j.Now().UnixNano()) + 1
	}
	if !hasStart && given.End > uint64(jaegerLookback) {
		given.Start = given.End - uint64(jaegerLookback)
	}
	q.scan = store.Query{Range: given, Where: c.predicate()}
	q.scan.Limit, err = p.limit("limit", jaegerDefaultLimit, j.MaxTraces)
	return q, err
}

// jaegerRange reads start and end in microseconds. The whole of the last
// microsecond belongs to the range, as times are shown cut to microseconds.
func (p params) jaegerRange() (r store.TimeRange, hasStart bool, err error) {
	start, hasStart, err := p.unix("start", time.Microsecond)
	if err != nil {
		return r, false, err
	}
	end, hasEnd, err := p.unix("end", time.Microsecond)
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

func (p params) jaegerCriteria() (criteria, error) {
	c, err := p.criteria()
	if err != nil {
		return c, err
	}
	for _, text := range p.Values["tag"] {
		if text == "" {
			continue
		}
		key, value, ok := strings.Cut(text, ":")
		if !ok {
			return c, badRequest("malformed 'tag' parameter, expecting key:value, received: %s", text)
		}
		if err := c.addTag(tag{key, value}.predicate()); err != nil {
			return c, err
		}
	}
	for _, text := range p.Values["tags"] {
		if text == "" {
			continue
		}
		if err := c.addJSONTags(text); err != nil {
			return c, err
		}
	}
	return c, nil
}

// addJSONTags reads an object of texts; numbers and booleans are taken by their text.
func (c *criteria) addJSONTags(text string) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return badRequest("malformed 'tags' parameter, cannot unmarshal JSON: %v", err)
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		member := members[key]
		value := string(member)
		switch member[0] {
		case '"':
			if err := json.Unmarshal(member, &value); err != nil {
				return badRequest("malformed 'tags' parameter, cannot unmarshal JSON: %v", err)
			}
		case '{', '[', 'n':
			return badRequest("malformed 'tags' parameter: the value of %q is neither a string nor a number nor a boolean", key)
		}
		if err := c.addTag(tag{key, value}.predicate()); err != nil {
			return err
		}
	}
	return nil
}
