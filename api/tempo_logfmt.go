package api

import (
	"errors"
	"regexp"
	"strings"

	"github.com/go-logfmt/logfmt"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// parseLogfmtTags reads the form of a search that was there before TraceQL,
// tags=key=value key="a value", as a query for spans that have all of the tags.
//
// name, service.name, root.name and root.service.name are found by a part of
// their value, status.code by unset, ok or error, anything else by its whole value.
// Other than in Tempo
//   - one and the same span, with its resource, has to have all tags; in Tempo, the
//     spans of one resource in one batch together;
//   - a tag may be of a resource, span, event, link or scope;
//   - a value that reads like a number or a boolean matches those too, not only text;
//   - attributes that Tempo keeps in columns of their own match as a whole, too;
//   - error=true means that the span failed, or has such an attribute;
//   - tags are not taken from parameters of the request by their own names.
func parseLogfmtTags(text string) (*traceql.Query, error) {
	if len(text) > tempoMaxQuery {
		return nil, badRequest("invalid tags: they have %d bytes, the limit is %d", len(text), tempoMaxQuery)
	}
	var all []traceql.Expr
	seen := map[string]bool{}
	d := logfmt.NewDecoder(strings.NewReader(text))
	for d.ScanRecord() {
		for d.ScanKeyval() {
			t := tag{string(d.Key()), string(d.Value())}
			if seen[t.key] {
				return nil, badRequest("invalid tags: tag %s has been set twice", t.key)
			}
			if len(seen) == maxTags {
				return nil, badRequest("invalid tags: too many, the limit is %d", maxTags)
			}
			seen[t.key] = true
			e, err := t.tempoExpr()
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	if err := d.Err(); err != nil {
		if bad := (*logfmt.SyntaxError)(nil); errors.As(err, &bad) {
			return nil, badRequest("invalid tags: %s at pos %d", bad.Msg, bad.Pos)
		}
		return nil, badRequest("invalid tags: %v", err)
	}
	filter := &traceql.Filter{Body: joined(traceql.And, all)}
	return &traceql.Query{Search: &traceql.Pipeline{Stages: []traceql.Stage{filter}}}, nil
}

// legacyField returns what a tag stands for that is no attribute of any scope; nil for others.
func legacyField(key string) *traceql.Attribute {
	switch key {
	case "name":
		return intrinsic(traceql.SpanName)
	case "service.name":
		return attribute(store.ResourceScope, key)
	case "root.name":
		return intrinsic(traceql.TraceRootName)
	case "root.service.name":
		return intrinsic(traceql.TraceRootService)
	case "status.code":
		return intrinsic(traceql.SpanStatus)
	}
	return nil
}

func (t tag) tempoExpr() (traceql.Expr, error) {
	field := legacyField(t.key)
	switch {
	case t.key == "status.code":
		for code, name := range statusNames {
			if strings.EqualFold(name, t.value) {
				return equal(field, traceql.StatusStatic(code)), nil
			}
		}
		return nil, badRequest("invalid tags: status.code is unset, ok or error, not %q", t.value)
	case field != nil:
		pattern := ".*" + regexp.QuoteMeta(t.value) + ".*"
		return compare(field, traceql.Regex, traceql.StringStatic(pattern)), nil
	}
	list := equalText(t.value, []*traceql.Attribute{attribute(store.AnyScope, t.key)})
	failed := equal(intrinsic(traceql.SpanStatus), traceql.StatusStatic(statusError))
	if t.key == "error" && t.value == "true" {
		list = append(list, failed)
	}
	return joined(traceql.Or, list), nil
}
