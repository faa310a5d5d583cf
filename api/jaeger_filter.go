package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// A structured filter is a jaeger.expression.v1.Call in JSON: calls within
// calls, over references and constants, which become TraceQL.
type (
	filterCall struct {
		Op   string       `json:"op"`
		Args []filterTerm `json:"args"`
	}
	// filterTerm is an Expression: one of its members is set.
	filterTerm struct {
		Attr   *filterName  `json:"attr"`
		Field  *filterName  `json:"field"`
		Nested *filterName  `json:"nested"`
		Scalar *filterConst `json:"scalar"`
		List   *filterConst `json:"list"`
		Call   *filterCall  `json:"call"`
	}
	filterName struct {
		Key   string `json:"key"`  // of an attribute
		Name  string `json:"name"` // of a field
		Level string `json:"level"`
	}
	filterConst struct {
		Value  string   `json:"value"`  // of a scalar
		Values []string `json:"values"` // of a list
		Type   string   `json:"type"`
	}
)

const (
	maxFilterDepth = 50
	maxFilterTerms = 1000
)

// parseStructuredFilter returns the search for traces with a span that a filter holds on.
func parseStructuredFilter(text []byte) (*traceql.Query, error) {
	var call filterCall
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&call); err != nil {
		return nil, fmt.Errorf("cannot unmarshal JSON: %w", err)
	}
	if d.More() {
		return nil, errors.New("cannot unmarshal JSON: there is more than one value")
	}
	c := filterCompiler{terms: maxFilterTerms}
	e, err := c.predicate(&call)
	if err != nil {
		return nil, err
	}
	q := &traceql.Query{Search: &traceql.Pipeline{Stages: []traceql.Stage{&traceql.Filter{Body: e}}}}
	return q, q.Check() // regular expressions too
}

type filterCompiler struct {
	depth int
	terms int      // how many more there may be
	some  []string // the levels of the calls of some that are around
}

func (c *filterCompiler) predicate(call *filterCall) (traceql.Expr, error) {
	if c.depth++; c.depth > maxFilterDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxFilterDepth)
	}
	defer func() { c.depth-- }()
	var e traceql.Expr
	var err error
	switch call.Op {
	case "and":
		return c.all(traceql.And, call)
	case "or":
		return c.all(traceql.Or, call)
	case "not":
		return c.not(call)
	case "some":
		return c.someOf(call)
	case "ne", "not_in":
		e, err = c.noneOf(call)
	default:
		e, err = c.leaf(call)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call.Op, err)
	}
	return c.alone(e), nil
}

// alone keeps conditions on events apart: next to each other TraceQL would
// have them hold on one and the same event, which only some() asks for.
func (c *filterCompiler) alone(e traceql.Expr) traceql.Expr {
	if len(c.some) > 0 { // within which nothing is put together
		return e
	}
	return not(not(e))
}

func (c *filterCompiler) all(op traceql.Op, call *filterCall) (traceql.Expr, error) {
	var list []traceql.Expr
	for i := range call.Args {
		e, err := c.predicateOf(call, i)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: needs an argument", call.Op)
	}
	return joined(op, list), nil
}

// predicateOf returns argument i, which has to be a predicate.
func (c *filterCompiler) predicateOf(call *filterCall, i int) (traceql.Expr, error) {
	if i >= len(call.Args) || call.Args[i].Call == nil {
		return nil, fmt.Errorf("%s: argument %d is not a call", call.Op, i+1)
	}
	return c.predicate(call.Args[i].Call)
}

func (c *filterCompiler) not(call *filterCall) (traceql.Expr, error) {
	if len(call.Args) != 1 {
		return nil, fmt.Errorf("not: has %d arguments, needs 1", len(call.Args))
	}
	e, err := c.predicateOf(call, 0)
	if err != nil {
		return nil, err
	}
	return not(e), nil
}

var someOps = map[string]traceql.Op{"event": traceql.SomeEvent, "link": traceql.SomeLink}

func (c *filterCompiler) someOf(call *filterCall) (traceql.Expr, error) {
	if len(call.Args) != 2 {
		return nil, fmt.Errorf("some: has %d arguments, needs 2", len(call.Args))
	}
	of := call.Args[0].Nested
	if of == nil || someOps[of.Level] == 0 {
		return nil, errors.New(`some: argument 1 is neither {"nested":{"level":"event"}} nor {"nested":{"level":"link"}}`)
	}
	if slices.Contains(c.some, of.Level) {
		return nil, fmt.Errorf("some: of the level %q is not served within another one", of.Level)
	}
	c.some = append(c.some, of.Level)
	e, err := c.predicateOf(call, 1)
	c.some = c.some[:len(c.some)-1]
	if err != nil {
		return nil, err
	}
	return &traceql.Unary{Op: someOps[of.Level], X: e}, nil
}

// noneOf holds where there is a value, and none that equals.
func (c *filterCompiler) noneOf(call *filterCall) (traceql.Expr, error) {
	positive := map[string]string{"ne": "eq", "not_in": "in"}[call.Op]
	equal, err := c.leaf(&filterCall{positive, call.Args})
	if err != nil {
		return nil, err
	}
	list := []traceql.Expr{not(equal)}
	for _, arg := range call.Args {
		if arg.Attr != nil || arg.Field != nil {
			refs, err := c.references(arg)
			if err != nil {
				return nil, err
			}
			list = append(list, refs.exist())
		}
	}
	return joined(traceql.And, list), nil
}

var filterComparisons = map[string]traceql.Op{
	"eq": traceql.Equal, "gt": traceql.Greater, "lt": traceql.Less, "gte": traceql.GreaterEqual, "lte": traceql.LessEqual,
}

var mirroredComparisons = map[traceql.Op]traceql.Op{
	traceql.Equal: traceql.Equal, traceql.Greater: traceql.Less, traceql.Less: traceql.Greater,
	traceql.GreaterEqual: traceql.LessEqual, traceql.LessEqual: traceql.GreaterEqual,
}

// leaf compiles a positive call over references and constants.
func (c *filterCompiler) leaf(call *filterCall) (traceql.Expr, error) {
	args := call.Args
	if call.Op == "exists" {
		args = append(slices.Clone(args), filterTerm{})
	}
	if len(args) != 2 {
		return nil, fmt.Errorf("has %d arguments, needs %d", len(call.Args), 2-len(args)+len(call.Args))
	}
	op, compares := filterComparisons[call.Op]
	if compares && args[0].Scalar != nil {
		args, op = []filterTerm{args[1], args[0]}, mirroredComparisons[op]
	}
	refs, err := c.references(args[0])
	if err != nil {
		return nil, err
	}
	other := args[1]
	switch {
	case call.Op == "exists":
		return refs.exist(), nil
	case compares && other.Scalar != nil:
		return c.compare(refs, op, other.Scalar, other.Scalar.Value)
	case compares:
		return c.compareReferences(refs, op, other)
	case call.Op == "in" && other.List != nil && len(other.List.Values) > 0:
		var list []traceql.Expr
		for _, value := range other.List.Values {
			e, err := c.compare(refs, traceql.Equal, other.List, value)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return joined(traceql.Or, list), nil
	case call.Op == "regex" && other.Scalar != nil:
		return refs.match(other.Scalar.Value)
	case (call.Op == "phrase" || call.Op == "fulltext") && other.List != nil && len(other.List.Values) > 0:
		return refs.haveWords(other.List.Values, call.Op == "phrase")
	case call.Op == "in" || call.Op == "phrase" || call.Op == "fulltext":
		return nil, errors.New("argument 2 is not a list of values")
	case call.Op == "regex":
		return nil, errors.New("argument 2 is not a scalar")
	}
	return nil, errors.New("there is no such operator")
}

func (c *filterCompiler) compare(refs references, op traceql.Op, of *filterConst, text string) (traceql.Expr, error) {
	values, err := refs.constants(of.Type, text, op != traceql.Equal)
	if err != nil {
		return nil, err
	}
	var list []traceql.Expr
	for _, ref := range refs.list {
		for _, v := range values {
			list = append(list, &traceql.Binary{Op: op, L: ref, R: &traceql.Const{Value: v}})
		}
	}
	if c.terms -= len(list); c.terms < 0 {
		return nil, fmt.Errorf("there are more than %d comparisons", maxFilterTerms)
	}
	return joined(traceql.Or, list), nil
}

func (c *filterCompiler) compareReferences(refs references, op traceql.Op, other filterTerm) (traceql.Expr, error) {
	if len(c.some) > 0 { // no store can say that of one event
		return nil, errors.New("two references are not compared within some")
	}
	with, err := c.references(other)
	if err != nil {
		return nil, err
	}
	if refs.kind != with.kind && refs.kind != attributeKind && with.kind != attributeKind {
		return nil, fmt.Errorf("a %s is not compared with a %s", refs.kind, with.kind)
	}
	var list []traceql.Expr
	for _, l := range refs.list {
		for _, r := range with.list {
			list = append(list, &traceql.Binary{Op: op, L: l, R: r})
		}
	}
	if c.terms -= len(list); c.terms < 0 {
		return nil, fmt.Errorf("there are more than %d comparisons", maxFilterTerms)
	}
	return joined(traceql.Or, list), nil
}

// references are what a term stands for: one of them decides.
type references struct {
	list []traceql.Expr
	kind string // what kind of values they have
}

const attributeKind = "attribute"

var filterScopes = map[string][]store.Scope{
	"":         {store.SpanScope, store.ResourceScope},
	"span":     {store.SpanScope},
	"resource": {store.ResourceScope},
	"scope":    {store.InstrumentationScope},
	"event":    {store.EventScope},
	"link":     {store.LinkScope},
}

// filterFields are the fields that can be asked for.
var filterFields = map[string]references{
	"span.traceID":         {[]traceql.Expr{intrinsic(traceql.TraceID)}, "id"},
	"span.spanID":          {[]traceql.Expr{intrinsic(traceql.SpanID)}, "id"},
	"span.parentSpanID":    {[]traceql.Expr{intrinsic(traceql.SpanParentID)}, "id"},
	"span.traceState":      {[]traceql.Expr{intrinsic(traceql.SpanTraceState)}, "string"},
	"span.name":            {[]traceql.Expr{intrinsic(traceql.SpanName)}, "string"},
	"span.statusMessage":   {[]traceql.Expr{intrinsic(traceql.SpanStatusMessage)}, "string"},
	"span.kind":            {[]traceql.Expr{intrinsic(traceql.SpanKind)}, "kind"},
	"span.status":          {[]traceql.Expr{intrinsic(traceql.SpanStatus)}, "status"},
	"span.duration":        {[]traceql.Expr{intrinsic(traceql.SpanDuration)}, "duration"},
	"span.startTime":       {[]traceql.Expr{intrinsic(traceql.SpanStart)}, "timestamp"},
	"span.endTime":         {[]traceql.Expr{&traceql.Binary{Op: traceql.Add, L: intrinsic(traceql.SpanStart), R: intrinsic(traceql.SpanDuration)}}, "timestamp"},
	"resource.service":     {[]traceql.Expr{attribute(store.ResourceScope, "service.name")}, "string"},
	"scope.name":           {[]traceql.Expr{intrinsic(traceql.ScopeName)}, "string"},
	"scope.version":        {[]traceql.Expr{intrinsic(traceql.ScopeVersion)}, "string"},
	"event.name":           {[]traceql.Expr{intrinsic(traceql.EventName)}, "string"},
	"event.timeSinceStart": {[]traceql.Expr{intrinsic(traceql.EventTimeSinceStart)}, "duration"},
	"link.traceID":         {[]traceql.Expr{intrinsic(traceql.LinkTraceID)}, "id"},
	"link.spanID":          {[]traceql.Expr{intrinsic(traceql.LinkSpanID)}, "id"},
}

func (c *filterCompiler) references(t filterTerm) (references, error) {
	switch {
	case t.Attr != nil && t.Attr.Key == "":
		return references{}, errors.New("an attribute needs a key")
	case t.Attr != nil:
		scopes, ok := filterScopes[t.Attr.Level]
		if !ok {
			return references{}, fmt.Errorf("there is no level %q", t.Attr.Level)
		}
		refs := references{kind: attributeKind}
		for _, scope := range scopes {
			refs.list = append(refs.list, attribute(scope, t.Attr.Key))
		}
		return refs, nil
	case t.Field != nil:
		refs, ok := filterFields[t.Field.Level+"."+t.Field.Name]
		switch {
		case !ok:
			return references{}, fmt.Errorf("the field %q of the level %q is not served here", t.Field.Name, t.Field.Level)
		case len(c.some) > 0 && t.Field.Name == "endTime":
			return references{}, errors.New("endTime is not served within some; put the condition beside it")
		}
		return refs, nil
	}
	return references{}, errors.New("an argument is neither an attribute nor a field")
}

// exist holds where there is a value. What OTLP has as its default is none.
func (r references) exist() traceql.Expr {
	var list []traceql.Expr
	for _, ref := range r.list {
		var none traceql.Static // nil
		a, _ := ref.(*traceql.Attribute)
		switch {
		case a == nil || slices.Contains(neverAbsent, a.Intrinsic):
			return &traceql.Const{Value: traceql.BoolStatic(true)}
		case r.kind == "kind" || r.kind == "status":
			none = wordStatic(r.kind, 0)
		case r.kind == "string" && a.Intrinsic != traceql.EventName: // an event may have an empty name
			none = traceql.StringStatic("")
		}
		list = append(list, &traceql.Binary{Op: traceql.NotEqual, L: ref, R: &traceql.Const{Value: none}})
	}
	return joined(traceql.Or, list)
}

// neverAbsent are fields that every span has.
var neverAbsent = []traceql.Intrinsic{traceql.TraceID, traceql.SpanID, traceql.SpanDuration, traceql.SpanStart}

// constants returns what a text can stand for next to the references.
func (r references) constants(typ, text string, ordered bool) ([]traceql.Static, error) {
	if ordered && (r.kind == "kind" || r.kind == "status") {
		return nil, fmt.Errorf("a %s has no order", r.kind)
	}
	switch r.kind {
	case attributeKind:
		return attributeConstants(typ, text, ordered)
	case "duration":
		d, err := time.ParseDuration(text)
		return []traceql.Static{traceql.DurationStatic(int64(d))}, err
	case "timestamp":
		ns, err := parseRFC3339(text)
		return []traceql.Static{traceql.IntStatic(int64(ns))}, err
	case "kind", "status":
		n := slices.Index(filterWords[r.kind], text)
		if n < 0 {
			return nil, fmt.Errorf("%q is no %s; there are %s", text, r.kind, strings.Join(filterWords[r.kind], ", "))
		}
		return []traceql.Static{wordStatic(r.kind, n)}, nil
	}
	return []traceql.Static{traceql.StringStatic(text)}, nil
}

// filterWords are the values of a kind and of a status, from 0.
var filterWords = map[string][]string{"kind": kindNames, "status": {"unset", "ok", "error"}}

func wordStatic(kind string, n int) traceql.Static {
	if kind == "kind" {
		return traceql.KindStatic(n)
	}
	return traceql.StatusStatic(n)
}

// attributeConstants returns what a text can stand for: with no type said,
// anything for equality, and one thing in an order.
func attributeConstants(typ, text string, ordered bool) ([]traceql.Static, error) {
	var v traceql.Static
	var err error
	switch typ {
	case "":
		list := readings(text)
		if ordered && len(list) > 1 && list[1].Type != traceql.TypeBool {
			return list[1:2], nil // a number is compared as one
		}
		if ordered {
			return list[:1], nil
		}
		return list, nil
	case "string":
		v = traceql.StringStatic(text)
	case "int":
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v = traceql.IntStatic(n)
	case "double":
		var f float64
		f, err = strconv.ParseFloat(text, 64)
		v = traceql.FloatStatic(f)
	case "bool":
		var b bool
		if b, err = strconv.ParseBool(text); err == nil && ordered {
			err = errors.New("a bool has no order")
		}
		v = traceql.BoolStatic(b)
	default:
		err = fmt.Errorf("there is no type %q", typ)
	}
	return []traceql.Static{v}, err
}

// match holds where a pattern matches somewhere in a text.
func (r references) match(pattern string) (traceql.Expr, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var list []traceql.Expr
	switch r.kind {
	case "duration", "timestamp":
		return nil, fmt.Errorf("a %s is not text", r.kind)
	case "kind", "status":
		for n, word := range filterWords[r.kind] {
			if re.MatchString(word) {
				list = append(list, &traceql.Binary{Op: traceql.Equal, L: r.list[0], R: &traceql.Const{Value: wordStatic(r.kind, n)}})
			}
		}
		if len(list) == 0 {
			return &traceql.Const{Value: traceql.BoolStatic(false)}, nil
		}
		return joined(traceql.Or, list), nil
	}
	for _, ref := range r.list {
		list = append(list, matchesText(ref, ".*(?:"+pattern+").*"))
	}
	return joined(traceql.Or, list), nil
}

func matchesText(ref traceql.Expr, pattern string) traceql.Expr {
	return &traceql.Binary{Op: traceql.Regex, L: ref, R: &traceql.Const{Value: traceql.StringStatic(pattern)}}
}

// haveWords holds where a text has all words, whatever their case: next to each other, or anywhere.
func (r references) haveWords(words []string, phrase bool) (traceql.Expr, error) {
	if r.kind != attributeKind {
		return nil, errors.New("words are looked for in attributes only")
	}
	const letter = `\pL\pN\pM`
	for i, word := range words {
		if !regexp.MustCompile(`^[`+letter+`]+$`).MatchString(word) || len(word) > 1020 {
			return nil, fmt.Errorf("%q is not a word", word)
		}
		words[i] = regexp.QuoteMeta(word)
	}
	patterns := words
	if phrase {
		patterns = []string{strings.Join(words, `[^`+letter+`]+`)}
	}
	var list []traceql.Expr
	for _, ref := range r.list {
		var each []traceql.Expr
		for _, p := range patterns {
			each = append(each, matchesText(ref, `(?i)(?:.*[^`+letter+`])?`+p+`(?:[^`+letter+`].*)?`))
		}
		list = append(list, joined(traceql.And, each))
	}
	return joined(traceql.Or, list), nil
}
