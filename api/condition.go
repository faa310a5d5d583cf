package api

import (
	"errors"
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// condition is what a native search asks of one tag:
//
//	key          the span has the tag       !key           it has not
//	key=text     a value reads like text    key!=text      it has the tag, but none does
//	key=~regex   a text matches as a whole  key!~regex     it has the tag, but none does
//	key>number   also >=, < and <=
//
// The key is looked for at every level and among what Jaeger's form shows as
// tags, as in tag.predicate; after a prefix such as resource. only there. The
// key duration is that of the span and compares with 100ms. A key in double
// quotes is that of an attribute, whatever it contains; quotes may follow a
// prefix. Spaces around the operator do not count.
type condition struct {
	text    string
	scope   store.Scope // AnyScope if no prefix says where
	key     string
	quoted  bool
	op      string // "" asks whether the tag is there, "!" whether it is not
	value   string
	opAt    int // where in text the operator begins
	valueAt int // and the value
}

// scopePrefixes may stand before a key.
var scopePrefixes = map[string]store.Scope{
	"span.": store.SpanScope, "resource.": store.ResourceScope, "event.": store.EventScope,
	"link.": store.LinkScope, "instrumentation.": store.InstrumentationScope,
}

// conditionOps has the longer operators first.
var conditionOps = []string{"=~", "!~", "!=", ">=", "<=", "=", ">", "<"}

var orderOps = map[string]store.Op{
	">": store.Greater, ">=": store.GreaterEqual, "<": store.Less, "<=": store.LessEqual,
}

func parseCondition(text string) (store.Predicate, error) {
	c := &condition{text: text}
	if err := c.parse(); err != nil {
		return nil, err
	}
	if c.key == "duration" && c.plain() {
		return c.duration()
	}
	return c.predicate()
}

// plain reports whether the key may also name what is no attribute.
func (c *condition) plain() bool { return c.scope == store.AnyScope && !c.quoted }

// fail says what is wrong at a byte of the text.
func (c *condition) fail(at int, format string, args ...any) error {
	character := utf8.RuneCountInString(c.text[:at]) + 1
	return badRequest("malformed 'tag' parameter %q at character %d: %s", c.text, character, fmt.Sprintf(format, args...))
}

const keyEnd = `=!<>"` // a key with any of these is written in quotes

func (c *condition) parse() error {
	negated := strings.HasPrefix(c.text, "!")
	at := 0
	if negated {
		at++
	}
	at = c.skipSpaces(at)
	at, err := c.parseKey(at)
	if err != nil {
		return err
	}
	at = c.skipSpaces(at)
	rest := c.text[at:]
	switch {
	case negated && rest == "":
		c.op = "!"
		return nil
	case negated:
		return c.fail(at, "after !key nothing may follow; use key!=value or key!~regex")
	case rest == "":
		return nil
	}
	i := slices.IndexFunc(conditionOps, func(op string) bool { return strings.HasPrefix(rest, op) })
	if i < 0 {
		return c.fail(at, "expected one of = != > >= < <= =~ !~")
	}
	c.op, c.opAt = conditionOps[i], at
	c.valueAt = c.skipSpaces(at + len(c.op))
	c.value = c.text[c.valueAt:]
	return nil
}

// parseKey reads the key at a place and returns where it ends.
func (c *condition) parseKey(at int) (end int, err error) {
	end = len(c.text)
	if i := strings.IndexAny(c.text[at:], keyEnd); i >= 0 {
		end = at + i
	}
	key := c.text[at:end]
	if end < len(c.text) && c.text[end] == '"' {
		scope, ok := scopePrefixes[key]
		if !ok && key != "" {
			return 0, c.fail(end, "a quote may only begin a key or follow one of span. resource. event. link. instrumentation.")
		}
		quote, err := strconv.QuotedPrefix(c.text[end:])
		if err != nil {
			return 0, c.fail(end, "the quoted key does not end, or has an unknown escape")
		}
		c.scope, c.quoted = scope, true
		c.key, _ = strconv.Unquote(quote) // QuotedPrefix has checked it
		return end + len(quote), nil
	}
	c.key = strings.TrimRight(key, " ")
	if _, shown := shownNumbers[c.key]; !shown {
		prefix, name, found := strings.Cut(c.key, ".")
		if scope, ok := scopePrefixes[prefix+"."]; found && ok {
			at += len(c.key) - len(name)
			c.scope, c.key = scope, name
		}
	}
	if c.key == "" {
		return 0, c.fail(at, "expected a key")
	}
	return end, nil
}

func (c *condition) skipSpaces(at int) int {
	return len(c.text) - len(strings.TrimLeft(c.text[at:], " "))
}

func (c *condition) predicate() (store.Predicate, error) {
	switch c.op {
	case "":
		return c.exists(), nil
	case "!":
		return store.Not{P: c.exists()}, nil
	case "=":
		return c.equal(), nil
	case "!=":
		return c.except(c.equal()), nil
	}
	if op, ok := orderOps[c.op]; ok {
		return c.compare(op)
	}
	matches, err := c.matches()
	if err == nil && c.op == "!~" {
		return c.except(matches), nil
	}
	return matches, err
}

// fields returns where the tag is looked for.
func (c *condition) fields() []store.Field {
	switch {
	case c.scope != store.AnyScope:
		return []store.Field{store.Attr(c.scope, c.key)}
	case c.quoted:
		return attributes(c.key)
	}
	return tagFields(c.key)
}

// numbers returns the intrinsic that the tag shows by name, if it is one.
func (c *condition) numbers() (e enum, ok bool) {
	if c.plain() {
		e, ok = shownNumbers[c.key]
	}
	return e, ok
}

// anyField holds for spans with a field of the tag that p, made for the field, holds for.
func (c *condition) anyField(p func(store.Field) store.Predicate) store.Or {
	var or store.Or
	for _, f := range c.fields() {
		if f.Scope == store.IntrinsicScope {
			or = append(or, store.And{notEmpty(f), p(f)})
		} else {
			or = append(or, p(f))
		}
	}
	return or
}

// notEmpty tells whether an intrinsic text is shown as a tag.
func notEmpty(f store.Field) store.Predicate {
	return store.Compare{Field: f, Op: store.NotEqual, Value: span.StringValue("")}
}

// saysFailed reports whether the tag is the one that says that a span has failed or not.
func (c *condition) saysFailed() bool {
	return c.key == "error" && c.plain() && (c.value == "true" || c.value == "false")
}

// exists holds for spans with the tag; all have kind and status.
func (c *condition) exists() store.Predicate {
	if _, ok := c.numbers(); ok {
		return store.And{}
	}
	or := c.anyField(func(f store.Field) store.Predicate { return store.Exists{Field: f} })
	if c.key == "error" && c.plain() {
		or = append(or, failed)
	}
	return or
}

// except holds for spans with the tag for which p does not hold.
func (c *condition) except(p store.Predicate) store.Predicate {
	if c.saysFailed() {
		return store.Not{P: p} // every span has either failed or not
	}
	return store.And{c.exists(), store.Not{P: p}}
}

func (c *condition) equal() store.Predicate {
	if c.saysFailed() {
		return tag{c.key, c.value}.predicate()
	}
	or := c.anyField(func(f store.Field) store.Predicate { return anyOf(c.value, f) })
	if e, ok := c.numbers(); ok {
		or = append(or, e.named(func(name string) bool { return strings.EqualFold(name, c.value) })...)
	}
	return or
}

func (c *condition) matches() (store.Predicate, error) {
	re, err := store.NewRegex(c.value)
	if err != nil {
		return nil, c.fail(c.valueAt, "%s", regexFault(err))
	}
	or := c.anyField(func(f store.Field) store.Predicate { return store.Matches{Field: f, Regex: re} })
	if e, ok := c.numbers(); ok {
		or = append(or, e.named(func(name string) bool {
			return re.Match([]byte(strings.ToLower(name))) || re.Match([]byte(strings.ToUpper(name)))
		})...)
	}
	return or, nil
}

func (c *condition) compare(op store.Op) (store.Predicate, error) {
	if _, ok := c.numbers(); ok {
		return nil, c.fail(c.opAt, "%s has no order; use = != =~ or !~", c.key)
	}
	var v span.Value
	if n, err := strconv.ParseInt(c.value, 10, 64); err == nil {
		v = span.IntValue(n)
	} else if f, err := strconv.ParseFloat(c.value, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		v = span.FloatValue(f)
	} else {
		return nil, c.fail(c.valueAt, "%q is not a number", c.value)
	}
	return c.anyField(func(f store.Field) store.Predicate { return store.Compare{Field: f, Op: op, Value: v} }), nil
}

// regexFault is the message of a syntax error without its preamble.
func regexFault(err error) string {
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		return fmt.Sprintf("the regular expression has an error: %s: %q", e.Code, e.Expr)
	}
	return err.Error()
}

// duration compares the duration of the span.
func (c *condition) duration() (store.Predicate, error) {
	f := store.Of(store.Duration)
	op, ok := orderOps[c.op]
	switch c.op {
	case "=":
		op, ok = store.Equal, true
	case "!=":
		op, ok = store.NotEqual, true
	}
	if !ok {
		return nil, c.fail(c.opAt, `the duration of a span takes one of = != > >= < <=; "duration" in quotes is an attribute`)
	}
	d, err := time.ParseDuration(c.value)
	if err != nil {
		return nil, c.fail(c.valueAt, "%q is not a duration such as 100ms or 1.5s", c.value)
	}
	return store.Compare{Field: f, Op: op, Value: span.IntValue(int64(d))}, nil
}
