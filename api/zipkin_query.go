package api

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

const (
	zipkinDefaultLimit = 10
	// maxNameLength bounds the regular expressions that names become.
	maxNameLength = 1000
)

// parseQuery reads the parameters of a search.
func (z *zipkin) parseQuery(p params) (*traceql.Query, traceql.SearchOptions, error) {
	opts := traceql.SearchOptions{SpansPerSet: 1}
	service, conditions, err := p.zipkinConditions()
	if err != nil {
		return nil, opts, err
	}
	limit, err := p.above0("limit", zipkinDefaultLimit)
	if err != nil {
		return nil, opts, err
	}
	if limit > int64(z.MaxTraces) {
		return nil, opts, badRequest("invalid parameter: limit must be from 1 to %d", z.MaxTraces)
	}
	opts.Limit = int(limit)
	opts.Range, err = z.parseRange(p)
	stages := []traceql.Stage{ofService(service, conditions)}
	return &traceql.Query{Search: &traceql.Pipeline{Stages: stages}}, opts, err
}

// ofService holds for traces where each condition is true of some span of the service, not of the same one.
func ofService(service, conditions []traceql.Expr) traceql.SpansetExpr {
	if len(conditions) == 0 {
		return &traceql.Filter{Body: joined(traceql.And, service)}
	}
	var all traceql.SpansetExpr
	for _, condition := range conditions {
		one := &traceql.Filter{Body: joined(traceql.And, append(slices.Clip(service), condition))}
		if all == nil {
			all = one
			continue
		}
		all = &traceql.SpansetOp{Op: traceql.SpansetOperator{Rel: traceql.SpansetAnd}, L: all, R: one}
	}
	return all
}

// parseRange reads endTs and lookback, in milliseconds. The whole of the last
// one belongs to the range.
func (z *zipkin) parseRange(p params) (r store.TimeRange, err error) {
	end, err := p.above0("endTs", z.Now().UnixMilli())
	if err != nil {
		return r, err
	}
	lookback, err := p.above0("lookback", zipkinLookback.Milliseconds())
	if err != nil {
		return r, err
	}
	const ms = uint64(time.Millisecond)
	nanos := func(n int64) uint64 { return min(uint64(n), math.MaxUint64/ms) * ms }
	r.End = nanos(end)
	r.Start = r.End - min(r.End, nanos(lookback))
	r.End = saturate(r.End, ms)
	return r, nil
}

// above0 reads a number above 0.
func (p params) above0(name string, absent int64) (int64, error) {
	text := p.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badParam(name, fmt.Errorf("%q is not a whole number of at most 64 bits", text))
	}
	if n <= 0 {
		return 0, badRequest("%s <= 0", name)
	}
	return n, nil
}

// zipkinName reads the name of a service or a span, and returns it in lower case.
func (p params) zipkinName(name string) (string, error) {
	text := p.Get(name)
	if len(text) > maxNameLength {
		return "", badParam(name, fmt.Errorf("it has %d bytes, the limit is %d", len(text), maxNameLength))
	}
	return strings.ToLower(text), nil
}

// zipkinConditions returns what tells the service, if one is named, and what its spans have to satisfy.
func (p params) zipkinConditions() (service, list []traceql.Expr, err error) {
	for _, field := range []struct {
		param string
		to    *[]traceql.Expr
		expr  func(name string) traceql.Expr
	}{
		{"serviceName", &service, func(name string) traceql.Expr { return named(attribute(store.ResourceScope, "service.name"), name) }},
		{"spanName", &list, func(name string) traceql.Expr { return named(intrinsic(traceql.SpanName), name) }},
		{"remoteServiceName", &list, peerExpr},
	} {
		name, err := p.zipkinName(field.param)
		if err != nil {
			return nil, nil, err
		}
		if name == "" || field.param == "spanName" && name == "all" { // which stands for any
			continue
		}
		*field.to = append(*field.to, field.expr(name))
	}
	durations, err := p.zipkinDurations()
	if err != nil {
		return nil, nil, err
	}
	annotations, err := parseAnnotationQuery(p.Get("annotationQuery"))
	if err != nil {
		return nil, nil, err
	}
	if len(durations) > 0 { // the bounds are those of one span
		list = append(list, joined(traceql.And, durations))
	}
	for _, t := range annotations {
		list = append(list, annotationExpr(t))
	}
	return service, list, nil
}

// named compares a text with a name, whatever the case of their letters.
func named(a *traceql.Attribute, name string) traceql.Expr {
	return compare(a, traceql.Regex, traceql.StringStatic("(?i)"+regexp.QuoteMeta(name)))
}

// zipkinDurations reads minDuration and maxDuration. They are compared with
// durations as they are shown: cut to microseconds, and at least one.
func (p params) zipkinDurations() ([]traceql.Expr, error) {
	const most = math.MaxInt64/int64(time.Microsecond) - 1
	shortest, err := p.above0("minDuration", 0)
	if err != nil {
		return nil, err
	}
	longest, err := p.above0("maxDuration", math.MaxInt64)
	if err != nil {
		return nil, err
	}
	if longest < shortest {
		return nil, badRequest("maxDuration < minDuration")
	}
	var list []traceql.Expr
	duration := intrinsic(traceql.SpanDuration)
	switch shortest = min(shortest, most); shortest {
	case 0:
	case 1:
		list = append(list, compare(duration, traceql.Greater, traceql.DurationStatic(0)))
	default:
		list = append(list, compare(duration, traceql.GreaterEqual, traceql.DurationStatic(shortest*int64(time.Microsecond))))
	}
	if longest < most {
		list = append(list, compare(duration, traceql.Less, traceql.DurationStatic((longest+1)*int64(time.Microsecond))))
	}
	return list, nil
}

// parseAnnotationQuery reads "error and http.method=GET". A tag without a value
// is a word: the key of any tag, or an annotation.
func parseAnnotationQuery(text string) ([]tag, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, " and ")
	if len(parts) > maxTags {
		return nil, badRequest("annotationQuery has %d parts, the limit is %d", len(parts), maxTags)
	}
	var list []tag
	for _, part := range parts {
		key, value, _ := strings.Cut(part, "=")
		if key = strings.TrimSpace(key); key != "" {
			list = append(list, tag{key, strings.TrimSpace(value)})
		}
	}
	return list, nil
}

// annotationExpr holds for spans that are shown with the tag or, if it is a
// word, with the annotation.
func annotationExpr(t tag) traceql.Expr {
	if t.value == "" {
		return wordExpr(t.key)
	}
	list := []traceql.Expr{t.expr()}
	switch t.key {
	case httpStatus:
		list = append(list, tag{httpResponseStatus, t.value}.expr())
	case "error":
		message := equal(intrinsic(traceql.SpanStatusMessage), traceql.StringStatic(t.value))
		list = append(list, both(hasFailed(), message))
	}
	return joined(traceql.Or, list)
}

// wordExpr holds for spans with an annotation, or with a tag of any value.
func wordExpr(word string) traceql.Expr {
	list := []traceql.Expr{equal(intrinsic(traceql.EventName), traceql.StringStatic(word))}
	switch word {
	case "error":
		return joined(traceql.Or, append(list, hasFailed(), errorAttribute()))
	case httpStatus:
		list = append(list, present(attribute(store.SpanScope, httpResponseStatus)))
	}
	for _, scope := range zipkinTagScopes {
		if isTag(scope, word) {
			list = append(list, present(attribute(scope, word)))
		}
	}
	return joined(traceql.Or, list)
}

func hasFailed() traceql.Expr {
	return equal(intrinsic(traceql.SpanStatus), traceql.StatusStatic(statusError))
}

// errorAttribute holds for spans with an attribute that says more than that there is no error.
func errorAttribute() traceql.Expr {
	a := attribute(store.SpanScope, "error")
	none := joined(traceql.Or, equalText("false", []*traceql.Attribute{a}))
	return both(present(a), not(none))
}

func present(a *traceql.Attribute) traceql.Expr {
	return compare(a, traceql.NotEqual, traceql.Static{})
}

func not(x traceql.Expr) traceql.Expr { return &traceql.Unary{Op: traceql.Not, X: x} }
