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
	tags      []store.Predicate
}

// tag is a key with the text that a value of it reads like.
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

func (c *criteria) addTag(p store.Predicate) error {
	if len(c.tags) == maxTags {
		return badRequest("too many tags, the limit is %d", maxTags)
	}
	c.tags = append(c.tags, p)
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
	all = append(all, c.tags...)
	if len(all) == 0 {
		return nil
	}
	return all
}

// predicate holds for spans that have the tag as an attribute at any level
// (span, resource, scope, an event, a link), or that Jaeger's form shows with
// the tag. Values come as text and match any type that reads like it.
func (t tag) predicate() store.Predicate {
	if t.key == "error" {
		return t.errorPredicate()
	}
	or := anyOf(t.value, tagFields(t.key)...)
	if key, ok := strings.CutPrefix(t.key, "resource."); ok {
		or = append(or, anyOf(t.value, store.Attr(store.ResourceScope, key))...)
	}
	if e, ok := shownNumbers[t.key]; ok {
		or = append(or, e.named(func(name string) bool { return strings.EqualFold(name, t.value) })...)
	}
	return or
}

// errorPredicate reads error=true as "has failed" and error=false as the
// opposite; any other value is that of an attribute.
func (t tag) errorPredicate() store.Predicate {
	attribute := anyOf(t.value, attributes(t.key)...)
	switch t.value {
	case "true":
		return append(store.Or{failed}, attribute...)
	case "false":
		return store.Not{P: tag{"error", "true"}.predicate()}
	}
	return attribute
}

var failed = equal(store.Of(store.Status), span.IntValue(statusError))

// tagFields returns the fields that Jaeger's form shows as a tag with this key.
func tagFields(key string) []store.Field {
	fields := attributes(key)
	if i, ok := shownTexts[key]; ok {
		fields = append(fields, store.Of(i))
	}
	if key, ok := strings.CutPrefix(key, scopeTagPrefix); ok {
		fields = append(fields, store.Attr(store.InstrumentationScope, key))
	}
	if key, ok := linkTagKey(key); ok {
		fields = append(fields, store.Attr(store.LinkScope, key))
	}
	return fields
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

// shownNumbers are the intrinsic numbers that appear as tags by name.
var shownNumbers = map[string]enum{
	"span.kind":        {store.Kind, kindNames},
	"span.status":      {store.Status, statusNames},
	"otel.status_code": {store.Status, statusNames},
}

// Jaeger's names for OTLP's SpanKind and StatusCode.
var (
	kindNames   = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	statusNames = []string{"UNSET", "OK", "ERROR"}
)

// enum is an intrinsic with the names of its values, from 0.
type enum struct {
	intrinsic store.Intrinsic
	names     []string
}

// named holds for spans with a value whose name f holds for.
func (e enum) named(f func(name string) bool) store.Or {
	var or store.Or
	for n, name := range e.names {
		if f(name) {
			or = append(or, equal(store.Of(e.intrinsic), span.IntValue(int64(n))))
		}
	}
	return or
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

// Numbers of OTLP's SpanKind and StatusCode.
const (
	kindServer  = 2
	kindClient  = 3
	statusError = 2
)

// kindName returns Jaeger's name for an OTLP SpanKind, "" for an unspecified
// one and for numbers that OTLP does not define.
func kindName(kind int32) string {
	if kind <= 0 || int(kind) >= len(kindNames) {
		return ""
	}
	return kindNames[kind]
}

func parseKind(text string) (int32, bool) {
	for kind, name := range kindNames {
		if strings.EqualFold(text, name) {
			return int32(kind), true
		}
	}
	return 0, false
}
