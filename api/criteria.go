package api

import (
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// criteria is what a form of a search asks for. One and the same span has to
// satisfy all of it.
type criteria struct {
	service   string
	operation string
	min, max  time.Duration
	hasMin    bool
	hasMax    bool
	tags      []tag
}

type tag struct{ key, value string }

// maxTags bounds the work for one span.
const maxTags = 100

func (p params) criteria() (criteria, error) {
	c := criteria{service: p.Get("service"), operation: p.Get("operation")}
	var err error
	if c.min, c.hasMin, err = p.duration("minDuration"); err != nil {
		return c, err
	}
	if c.max, c.hasMax, err = p.duration("maxDuration"); err != nil {
		return c, err
	}
	if c.hasMin && c.hasMax && c.max < c.min {
		return c, badRequest("'maxDuration' should be greater than 'minDuration'")
	}
	return c, nil
}

func (c *criteria) addTag(key, value string) error {
	if len(c.tags) == maxTags {
		return badRequest("too many tags, the limit is %d", maxTags)
	}
	c.tags = append(c.tags, tag{key, value})
	return nil
}

// predicate returns nil if everything is asked for.
func (c *criteria) predicate() store.Predicate {
	var all store.And
	if c.service != "" {
		all = append(all, equal(store.Attr(store.ResourceScope, "service.name"), span.StringValue(c.service)))
	}
	if c.operation != "" {
		all = append(all, equal(store.Of(store.Name), span.StringValue(c.operation)))
	}
	if c.hasMin {
		all = append(all, store.Compare{Field: store.Of(store.Duration), Op: store.GreaterEqual, Value: span.IntValue(int64(c.min))})
	}
	if c.hasMax {
		all = append(all, store.Compare{Field: store.Of(store.Duration), Op: store.LessEqual, Value: span.IntValue(int64(c.max))})
	}
	for _, t := range c.tags {
		all = append(all, t.predicate())
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// predicate holds for spans that have the tag as an attribute at any level
// (span, resource, scope, an event, a link), or that Jaeger's form shows with
// the tag. Values come as text and match any type that reads like it.
func (t tag) predicate() store.Predicate {
	attribute := anyOf(t.value, attributes(t.key)...)
	if t.key == "error" {
		return t.errorPredicate(attribute)
	}
	if shown := t.shown(); shown != nil {
		return append(store.Or{shown}, attribute...)
	}
	return attribute
}

// errorPredicate reads error=true as "has failed" and error=false as the
// opposite; any other value is that of an attribute.
func (t tag) errorPredicate(attribute store.Or) store.Predicate {
	failed := equal(store.Of(store.Status), span.IntValue(statusError))
	switch t.value {
	case "true":
		return append(store.Or{failed}, attribute...)
	case "false":
		return store.Not{P: append(store.Or{failed}, anyOf("true", attributes("error")...)...)}
	}
	return attribute
}

// shown returns the condition on what is no attribute but appears as a tag, or nil.
func (t tag) shown() store.Predicate {
	switch t.key {
	case "span.kind":
		if kind, ok := parseKind(t.value); ok {
			return equal(store.Of(store.Kind), span.IntValue(int64(kind)))
		}
	case "span.status", "otel.status_code":
		if code, ok := parseStatus(t.value); ok {
			return equal(store.Of(store.Status), span.IntValue(int64(code)))
		}
	}
	if i, ok := shownTexts[t.key]; ok {
		return equal(store.Of(i), span.StringValue(t.value))
	}
	if key, ok := strings.CutPrefix(t.key, "resource."); ok {
		return anyOf(t.value, store.Attr(store.ResourceScope, key))
	}
	if key, ok := strings.CutPrefix(t.key, scopeTagPrefix); ok {
		return anyOf(t.value, store.Attr(store.InstrumentationScope, key))
	}
	if key, ok := linkTagKey(t.key); ok {
		return anyOf(t.value, store.Attr(store.LinkScope, key))
	}
	return nil
}

// shownTexts are the intrinsic texts that appear as tags, and Jaeger's short names for them.
var shownTexts = map[string]store.Intrinsic{
	"scope.name":              store.ScopeName,
	"scope.version":           store.ScopeVersion,
	"otel.scope.name":         store.ScopeName,
	"otel.scope.version":      store.ScopeVersion,
	"otel.status_description": store.StatusMessage,
	"w3c.tracestate":          store.TraceState,
	"event":                   store.EventName,
}

func attributes(key string) []store.Field {
	return []store.Field{
		store.Attr(store.SpanScope, key), store.Attr(store.ResourceScope, key),
		store.Attr(store.EventScope, key), store.Attr(store.LinkScope, key),
		store.Attr(store.InstrumentationScope, key),
	}
}

func anyOf(text string, fields ...store.Field) store.Or {
	var or store.Or
	for _, f := range fields {
		for _, v := range readings(text) {
			or = append(or, equal(f, v))
		}
	}
	return or
}

// readings returns the values that a text can stand for.
func readings(text string) []span.Value {
	list := []span.Value{span.StringValue(text)}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		list = append(list, span.IntValue(n)) // compares with floats too
	} else if f, err := strconv.ParseFloat(text, 64); err == nil {
		list = append(list, span.FloatValue(f))
	}
	if text == "true" || text == "false" {
		list = append(list, span.BoolValue(text == "true"))
	}
	return list
}

func equal(f store.Field, v span.Value) store.Predicate {
	return store.Compare{Field: f, Op: store.Equal, Value: v}
}

const statusError = 2

// kindNames are Jaeger's names for OTLP's SpanKind.
var kindNames = []string{"", "internal", "server", "client", "producer", "consumer"}

// kindName returns "" for an unspecified kind and for numbers that OTLP does not define.
func kindName(kind int32) string {
	if kind < 0 || int(kind) >= len(kindNames) {
		return ""
	}
	return kindNames[kind]
}

func parseKind(name string) (int32, bool) {
	if strings.EqualFold(name, "unspecified") {
		return 0, true
	}
	for kind, known := range kindNames {
		if kind > 0 && strings.EqualFold(name, known) {
			return int32(kind), true
		}
	}
	return 0, false
}

func parseStatus(name string) (int32, bool) {
	for code, known := range []string{"UNSET", "OK", "ERROR"} {
		if strings.EqualFold(name, known) {
			return int32(code), true
		}
	}
	return 0, false
}
