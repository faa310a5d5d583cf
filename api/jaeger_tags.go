package api

import (
	"strconv"
	"strings"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// tag is a key with the text that a value of it reads like.
type tag struct{ key, value string }

// maxTags bounds the work for one span.
const maxTags = 100

// expr holds for spans that have the tag as an attribute at any level (span,
// resource, scope, an event, a link), or that Jaeger's form shows with the
// tag. Values come as text and match any type that reads like it.
func (t tag) expr() traceql.Expr {
	if t.key == "error" {
		return t.errorExpr()
	}
	fields := tagFields(t.key)
	if key, ok := strings.CutPrefix(t.key, "resource."); ok {
		fields = append(fields, attribute(store.ResourceScope, key))
	}
	list := equalText(t.value, fields)
	if e, ok := shownNumbers[t.key]; ok {
		list = append(list, e.named(t.value)...)
	}
	return joined(traceql.Or, list)
}

// errorExpr reads error=true as "has failed" and error=false as the opposite;
// any other value is that of an attribute.
func (t tag) errorExpr() traceql.Expr {
	if t.value == "false" {
		return &traceql.Unary{Op: traceql.Not, X: tag{"error", "true"}.errorExpr()}
	}
	list := equalText(t.value, attributes(t.key))
	if t.value == "true" {
		list = append(list, equal(intrinsic(traceql.SpanStatus), traceql.StatusStatic(statusError)))
	}
	return joined(traceql.Or, list)
}

// tagFields returns the fields that Jaeger's form shows as a tag with this key.
func tagFields(key string) []*traceql.Attribute {
	fields := attributes(key)
	if i, ok := shownTexts[key]; ok {
		fields = append(fields, intrinsic(i))
	}
	if key, ok := strings.CutPrefix(key, scopeTagPrefix); ok {
		fields = append(fields, attribute(store.InstrumentationScope, key))
	}
	if key, ok := linkTagKey(key); ok {
		fields = append(fields, attribute(store.LinkScope, key))
	}
	return fields
}

// shownTexts are the intrinsic texts that appear as tags, and Jaeger's short names for them.
var shownTexts = map[string]traceql.Intrinsic{
	"scope.name":              traceql.ScopeName,
	"scope.version":           traceql.ScopeVersion,
	"otel.scope.name":         traceql.ScopeName,
	"otel.scope.version":      traceql.ScopeVersion,
	"otel.status_description": traceql.SpanStatusMessage,
	"w3c.tracestate":          traceql.SpanTraceState,
	"event":                   traceql.EventName,
}

// shownNumbers are the intrinsic numbers that appear as tags by name.
var shownNumbers = map[string]enum{
	"span.kind":        {traceql.SpanKind, traceql.KindStatic, kindNames},
	"span.status":      {traceql.SpanStatus, traceql.StatusStatic, statusNames},
	"otel.status_code": {traceql.SpanStatus, traceql.StatusStatic, statusNames},
}

// Jaeger's names for OTLP's SpanKind and StatusCode.
var (
	kindNames   = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	statusNames = []string{"UNSET", "OK", "ERROR"}
)

// enum is an intrinsic with the names of its values, from 0.
type enum struct {
	intrinsic traceql.Intrinsic
	static    func(int) traceql.Static
	names     []string
}

// named holds for spans whose value has the name, in upper or lower case.
func (e enum) named(text string) []traceql.Expr {
	for n, name := range e.names {
		if strings.EqualFold(name, text) {
			return []traceql.Expr{equal(intrinsic(e.intrinsic), e.static(n))}
		}
	}
	return nil
}

func attribute(scope store.Scope, key string) *traceql.Attribute {
	return &traceql.Attribute{Scope: scope, Name: key}
}

func intrinsic(i traceql.Intrinsic) *traceql.Attribute {
	return &traceql.Attribute{Scope: store.IntrinsicScope, Intrinsic: i}
}

// attributes returns an attribute at every level.
func attributes(key string) []*traceql.Attribute {
	return []*traceql.Attribute{
		attribute(store.SpanScope, key), attribute(store.ResourceScope, key),
		attribute(store.EventScope, key), attribute(store.LinkScope, key),
		attribute(store.InstrumentationScope, key),
	}
}

// equalText compares each field with each value that a text can stand for.
func equalText(text string, fields []*traceql.Attribute) []traceql.Expr {
	var list []traceql.Expr
	for _, f := range fields {
		for _, v := range readings(text) {
			list = append(list, equal(f, v))
		}
	}
	return list
}

func readings(text string) []traceql.Static {
	list := []traceql.Static{traceql.StringStatic(text)}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		list = append(list, traceql.IntStatic(n)) // compares with floats too
	} else if f, err := strconv.ParseFloat(text, 64); err == nil {
		list = append(list, traceql.FloatStatic(f))
	}
	if text == "true" || text == "false" {
		list = append(list, traceql.BoolStatic(text == "true"))
	}
	return list
}

func equal(a *traceql.Attribute, v traceql.Static) traceql.Expr { return compare(a, traceql.Equal, v) }

func compare(a *traceql.Attribute, op traceql.Op, v traceql.Static) traceql.Expr {
	return &traceql.Binary{Op: op, L: a, R: &traceql.Const{Value: v}}
}

// joined puts And or Or between expressions; nil if there are none.
func joined(op traceql.Op, list []traceql.Expr) traceql.Expr {
	if len(list) == 0 {
		return nil
	}
	e := list[0]
	for _, next := range list[1:] {
		e = &traceql.Binary{Op: op, L: e, R: next}
	}
	return e
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
