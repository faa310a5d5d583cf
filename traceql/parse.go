package traceql

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxQueryBytes is how long the text of a query may be.
const maxQueryBytes = 128 << 10

// maxDepth is how deep expressions may be nested.
const maxDepth = 1000

// Parse parses and checks a query. An error is an *Error.
func Parse(text string) (*Query, error) {
	return parseWith(text, func() *Query {
		p := newParser(text)
		q := p.query()
		check(q)
		return q
	})
}

// Check checks a query that was not parsed, as Parse does.
func (q *Query) Check() error {
	if p := catch(func() { check(q) }); p != nil {
		return newError(q.String(), 0, p.message)
	}
	return nil
}

// Error is what is wrong with the text of a query.
type Error struct {
	Text         string // the query
	Pos          Pos
	Line, Column int // from 1; columns count characters
	Message      string
}

func (e *Error) Error() string {
	return fmt.Sprintf("parse error at line %d, col %d: %s", e.Line, e.Column, e.Message)
}

// Caret returns the line of the query in which the error is, and a line below with a caret under the
// place. Of a long line it has a part.
func (e *Error) Caret() string {
	const width = 60 // characters on either side
	start := strings.LastIndexByte(e.Text[:e.Pos], '\n') + 1
	before := []rune(e.Text[start:e.Pos])
	line, _, _ := strings.Cut(e.Text[e.Pos:], "\n")
	after := []rune(strings.TrimSuffix(line, "\r"))
	if len(before) > width {
		before = append([]rune("..."), before[len(before)-width:]...)
	}
	if len(after) > width {
		after = append(after[:width], []rune("...")...)
	}
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(before))
	return string(before) + string(after) + "\n" + indent + "^"
}

func newError(text string, pos Pos, message string) *Error {
	before := text[:pos]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return &Error{
		Text: text, Pos: pos, Message: message,
		Line:   1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[lineStart:]),
	}
}

// problem is what parser and checks panic with; catch returns it.
type problem struct {
	pos     Pos
	message string
}

func fail(pos Pos, format string, args ...any) {
	panic(&problem{pos, fmt.Sprintf(format, args...)})
}

// catch runs a parse, and returns what was wrong or nil.
func catch(parse func()) (p *problem) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *problem:
			p = r
		default:
			panic(r)
		}
	}()
	parse()
	return nil
}

// parseWith runs a parse of a whole text.
func parseWith(text string, parse func() *Query) (q *Query, err error) {
	p := catch(func() {
		checkText(text)
		q = parse()
	})
	if p != nil {
		return nil, newError(text, p.pos, p.message)
	}
	return q, nil
}

// checkText refuses text that need not be looked at.
func checkText(text string) {
	if len(text) > maxQueryBytes {
		fail(0, "query has %d bytes: at most %d are allowed", len(text), maxQueryBytes)
	}
	for pos, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[pos:], string(r)) {
			fail(Pos(pos), `query is not valid UTF-8: in a string write \xNN for a byte`)
		}
	}
}

// parser goes through the tokens of a query. Its methods stand at the first token of what they parse,
// leave the parser behind it, and fail by panicking with a problem.
type parser struct {
	tokens []token
	at     int
	depth  int
}

func newParser(text string) *parser { return &parser{tokens: lexAll(text)} }

func (p *parser) tok() *token { return &p.tokens[p.at] }

// after returns the token behind the current one.
func (p *parser) after() *token { return &p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) next() *token {
	t := p.tok()
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

func (p *parser) isOp(op string) bool { return p.tok().kind == tokOp && p.tok().text == op }

// accept takes the operator if it stands here.
func (p *parser) accept(op string) bool {
	if p.isOp(op) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(op string) {
	if !p.accept(op) {
		p.unexpected("%q", op)
	}
}

// isCall reports whether the function of this name is called here.
func (p *parser) isCall(name string) bool {
	return p.tok().kind == tokWord && p.tok().text == name && p.after().kind == tokOp && p.after().text == "("
}

// unexpected fails at the current token.
func (p *parser) unexpected(expected string, args ...any) {
	t := p.tok()
	expected = fmt.Sprintf(expected, args...)
	switch t.kind {
	case tokBad:
		fail(t.wrong, "%s", t.problem)
	case tokEnd:
		fail(t.pos, "unexpected end of the query: expected %s", expected)
	}
	fail(t.pos, "unexpected %s: expected %s", quoteToken(t), expected)
}

// quoteToken returns a token as messages show it.
func quoteToken(t *token) string {
	if t.kind == tokLiteral && t.value.Type == TypeString {
		return strconv.Quote(brief(t.value.Str))
	}
	return strconv.Quote(brief(t.text))
}

// brief cuts text that is long for a message.
func brief(text string) string {
	const longest = 60
	for i := range text {
		if i >= longest {
			return text[:i] + "..."
		}
	}
	return text
}

// enter goes one level deeper. Who calls it sets depth back.
func (p *parser) enter() {
	p.depth++
	if p.depth > maxDepth {
		fail(p.tok().pos, "query is nested too deeply: at most %d levels are allowed", maxDepth)
	}
}

func (p *parser) query() *Query {
	q := &Query{}
	switch n := p.pipe(false).(type) {
	case *Pipeline:
		q.Search = n
	case Metrics:
		q.Metrics = n
	}
	if p.isCall("with") {
		q.Hints = p.hints()
	}
	if p.tok().kind != tokEnd {
		p.unexpected(p.behind(q))
	}
	return q
}

// behind says what may follow on a complete query.
func (p *parser) behind(q *Query) string {
	if len(q.Hints) > 0 {
		return "the end of the query: hints are the last of it"
	}
	if q.Metrics != nil {
		return `"|" and topk or bottomk, a comparison with a number, with(...) or the end of the query (to calculate with ` +
			`metrics queries, put each in parentheses)`
	}
	return `"|" and a stage, an operator, with(...) or the end of the query`
}

func (p *parser) hints() (hints []Hint) {
	p.next()
	p.expect("(")
	for {
		name := p.tok()
		if name.kind != tokWord {
			p.unexpected("the name of a hint")
		}
		p.next()
		p.expect("=")
		hints = append(hints, Hint{Name: name.text, Value: p.static()})
		if !p.accept(",") {
			p.expect(")")
			return hints
		}
	}
}

// static parses a literal, a number maybe with a sign.
func (p *parser) static() Static {
	negative := p.accept("-")
	t := p.tok()
	v := t.value
	if t.kind == tokWord {
		word, ok := literals[t.text]
		if !ok {
			p.unexpected("a value")
		}
		v = word
	} else if t.kind != tokLiteral {
		p.unexpected("a value")
	}
	if negative {
		if v = negate(v); v.Type == TypeNil {
			p.unexpected(`a number behind "-"`)
		}
	}
	p.next()
	return v
}
