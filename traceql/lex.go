package traceql

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clewhq/clew/store"
)

type tokenKind uint8

const (
	tokEnd       tokenKind = iota // of the text
	tokBad                        // what cannot be read
	tokOp                         // operators, brackets and the comma
	tokWord                       // keywords, functions, intrinsics: name, span:name
	tokLiteral                    // a number, duration or string
	tokAttribute                  // with its scope
)

type token struct {
	kind     tokenKind
	pos, end Pos
	text     string     // as written
	problem  string     // of tokBad, at
	wrong    Pos        // this place
	value    Static     // of tokLiteral
	attr     *Attribute // of tokAttribute
}

// lexer cuts a text into tokens. It never fails: behind a tokBad it goes on as well as it can.
type lexer struct {
	text string
	at   int
}

// lexAll returns all tokens of a text; the last one is a tokEnd.
func lexAll(text string) []token {
	l := &lexer{text: text}
	var tokens []token
	for {
		t := l.next()
		tokens = append(tokens, t)
		if t.kind == tokEnd {
			return tokens
		}
	}
}

// operators, of which the first that fits is taken: longer ones stand before those that they begin with.
var operators = []string{
	"!>>", "!<<", "&>>", "&<<",
	"&&", "||", ">>", "<<", ">=", "<=", "!=", "=~", "!~", "!>", "!<", "&>", "&<", "&~",
	"{", "}", "(", ")", ",", "|", "=", "<", ">", "~", "+", "-", "*", "/", "%", "^", "!",
}

// misspelled has what people write for operators out of habit.
var misspelled = []struct{ text, use string }{
	{"==", "="}, {"<>", "!="}, {"=>", ">="}, {"=<", "<="}, {"&", "&&"},
}

func (l *lexer) next() token {
	start := l.at
	if !l.skipSpace() {
		return l.bad(start, `comment is not closed: expected "*/"`)
	}
	start = l.at
	if start == len(l.text) {
		return token{kind: tokEnd, pos: Pos(start), end: Pos(start)}
	}
	r, size := utf8.DecodeRuneInString(l.text[start:])
	switch {
	case r == '"' || r == '`':
		return l.str()
	case r == '.':
		if n := l.fraction(); n > 0 {
			return l.number(n)
		}
		l.at++
		return l.attribute(start, &Attribute{Scope: store.AnyScope})
	case '0' <= r && r <= '9':
		return l.number(numberRun(l.text[start:]))
	case isWordStart(r):
		return l.word()
	case r == '\'':
		return l.singleQuote()
	}
	return l.operator(size)
}

func (l *lexer) token(kind tokenKind, start int) token {
	return token{kind: kind, pos: Pos(start), end: Pos(l.at), text: l.text[start:l.at]}
}

func (l *lexer) bad(start int, format string, args ...any) token {
	t := l.token(tokBad, start)
	t.problem, t.wrong = fmt.Sprintf(format, args...), t.pos
	return t
}

func (l *lexer) literal(start int, v Static) token {
	t := l.token(tokLiteral, start)
	t.value = v
	return t
}

// skipSpace skips white space and comments. It returns false if a comment is not closed.
func (l *lexer) skipSpace() bool {
	for {
		rest := strings.TrimLeftFunc(l.text[l.at:], unicode.IsSpace)
		l.at = len(l.text) - len(rest)
		var n int
		switch {
		case strings.HasPrefix(rest, "//"):
			n = strings.IndexByte(rest, '\n')
		case strings.HasPrefix(rest, "/*"):
			n = strings.Index(rest[2:], "*/")
			if n < 0 {
				l.at = len(l.text)
				return false
			}
			n += 4
		default:
			return true
		}
		if n < 0 {
			n = len(rest)
		}
		l.at += n
	}
}

func (l *lexer) operator(size int) token {
	start, rest := l.at, l.text[l.at:]
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		l.at += len(op)
		t := l.token(tokOp, start)
		for _, m := range misspelled {
			if len(m.text) > len(op) && strings.HasPrefix(rest, m.text) {
				l.at = start + len(m.text)
				return l.bad(start, "unknown operator %q: use %q", m.text, m.use)
			}
		}
		return t
	}
	l.at += size
	if rest[:size] == "&" {
		return l.bad(start, `unknown operator "&": use "&&"`)
	}
	return l.bad(start, "unexpected character %q", rest[:size])
}

func isWordStart(r rune) bool { return r == '_' || unicode.IsLetter(r) && r != utf8.RuneError }

func isWordPart(r rune) bool { return isWordStart(r) || unicode.IsDigit(r) }

// wordLen returns the length of the word that s begins with.
func wordLen(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool { return !isWordPart(r) })
	if n < 0 {
		return len(s)
	}
	return n
}

// scopes of attributes, as they are written before a dot.
var scopes = map[string]store.Scope{
	"span": store.SpanScope, "resource": store.ResourceScope, "event": store.EventScope,
	"link": store.LinkScope, "instrumentation": store.InstrumentationScope,
}

// word reads a word, an intrinsic such as span:name, or an attribute with a scope.
func (l *lexer) word() token {
	start := l.at
	l.at += wordLen(l.text[start:])
	word, rest := l.text[start:l.at], l.text[l.at:]
	switch {
	case strings.HasPrefix(rest, ":"):
		n := wordLen(rest[1:])
		l.at += 1 + n
		if n == 0 {
			return l.bad(start, "expected the name of an intrinsic directly behind %q", brief(word)+":")
		}
	case strings.HasPrefix(rest, "."):
		return l.scoped(start, word)
	}
	return l.token(tokWord, start)
}

// scoped reads an attribute; the scope has been read.
func (l *lexer) scoped(start int, word string) token {
	l.at++
	scope, ok := scopes[word]
	switch {
	case ok:
		return l.attribute(start, &Attribute{Scope: scope})
	case word == "parent":
		a := &Attribute{Parent: true}
		n := wordLen(l.text[l.at:])
		if scope, ok := scopes[l.text[l.at:l.at+n]]; ok && strings.HasPrefix(l.text[l.at+n:], ".") {
			a.Scope = scope
			l.at += n + 1
		}
		return l.attribute(start, a)
	}
	t := l.attribute(start, &Attribute{})
	if t.kind == tokAttribute {
		return l.bad(start, "%s", unknownScope(word, t.attr.Name))
	}
	return t
}

// endsName reports whether a character ends the name of an attribute.
func endsName(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("{}()=~!<>&|^,", r) }

// attribute reads the name of an attribute; scope and dot have been read.
func (l *lexer) attribute(start int, a *Attribute) token {
	var name strings.Builder
	from := l.at
	for l.at < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.at:])
		if endsName(r) {
			break
		}
		if r == '"' {
			part, problem := l.quotedName()
			if problem != "" {
				t := l.bad(start, "%s", problem)
				t.wrong = t.end
				return t
			}
			name.WriteString(part)
			continue
		}
		name.WriteString(l.text[l.at : l.at+size])
		l.at += size
	}
	if l.at == from {
		return l.bad(start, "expected the name of an attribute directly behind %q", brief(l.text[start:l.at]))
	}
	a.Name, a.Pos = name.String(), Pos(start)
	t := l.token(tokAttribute, start)
	t.attr = a
	return t
}

// quotedName reads a part of a name that is in quotes. If there is a problem, the lexer stands where it is.
func (l *lexer) quotedName() (part, problem string) {
	var b strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; c {
		case '"':
			l.at++
			return b.String(), ""
		case '\\':
			if l.at+1 == len(l.text) || !strings.ContainsRune(`"\`, rune(l.text[l.at+1])) {
				return "", `in the name of an attribute only \" and \\ are escapes: write \\ for a backslash`
			}
			l.at++
			b.WriteByte(l.text[l.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", "unexpected end of the query: expected \" that closes the attribute's name"
}

func (l *lexer) str() token {
	start, quote := l.at, l.text[l.at]
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == quote:
			l.at++
			return l.unquoted(start)
		case c == '\\' && quote == '"':
			l.at++
		case c == '\n' && quote == '"':
			return l.bad(start, `string is not closed: expected " on the same line (for text of several lines use backquotes)`)
		}
	}
	l.at = len(l.text)
	return l.bad(start, "string is not closed: expected %c", quote)
}

func (l *lexer) unquoted(start int) token {
	text := l.text[start:l.at]
	if text[0] == '`' {
		return l.literal(start, StringStatic(text[1:len(text)-1]))
	}
	s, err := strconv.Unquote(text)
	if err == nil {
		return l.literal(start, StringStatic(s))
	}
	rest := text[1 : len(text)-1]
	for rest != "" {
		_, _, tail, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			break
		}
		rest = tail
	}
	t := l.bad(start, "%s", `unknown escape in a string: write \\ for a backslash, or put the string in backquotes`)
	t.wrong = t.end - Pos(len(rest)) - 1
	return t
}

func (l *lexer) singleQuote() token {
	start := l.at
	l.at++
	n := strings.IndexByte(l.text[l.at:], '\'')
	if n < 0 {
		return l.bad(start, "unexpected ': strings stand in double quotes")
	}
	inner := l.text[l.at : l.at+n]
	l.at += n + 1
	return l.bad(start, "strings stand in double quotes: did you mean %s?", strconv.Quote(brief(inner)))
}

// fraction returns the length of the number without leading digits (.5, .24h) that stands here; 0 if
// what stands here is an attribute, as .5xx is.
func (l *lexer) fraction() int {
	rest := l.text[l.at:]
	n := numberRun(rest[1:]) + 1
	if n == 1 || rest[1] < '0' || rest[1] > '9' {
		return 0
	}
	if _, problem := parseNumber(rest[:n]); problem != "" {
		return 0
	}
	if r, _ := utf8.DecodeRuneInString(rest[n:]); n == len(rest) || endsName(r) || strings.ContainsRune("+-*/%", r) {
		return n
	}
	return 0
}

// numberRun returns how many bytes of s look like a number or a duration.
func numberRun(s string) int {
	for i, r := range s {
		switch {
		case r == '.' || isWordPart(r):
		case (r == '+' || r == '-') && i+1 < len(s) && isExponent(s[:i]) && s[i+1] >= '0' && s[i+1] <= '9':
		default:
			return i
		}
	}
	return len(s)
}

// isExponent reports whether s is a number up to and with the e of its exponent.
func isExponent(s string) bool {
	mantissa := strings.TrimRight(s, "eE")
	return len(mantissa) == len(s)-1 && strings.Trim(mantissa, "0123456789.") == ""
}

func (l *lexer) number(n int) token {
	start := l.at
	l.at += n
	v, problem := parseNumber(l.text[start:l.at])
	if problem != "" {
		return l.bad(start, "%s", problem)
	}
	return l.literal(start, v)
}

// parseNumber returns the value of an integer, a float or a duration without sign, or what is wrong with it.
func parseNumber(s string) (v Static, problem string) {
	if strings.Trim(s, "0123456789") == "" {
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return v, fmt.Sprintf("number %s is too large: the largest is %d", brief(s), math.MaxInt64)
		}
		return IntStatic(i), ""
	}
	if strings.Trim(s, "0123456789.eE+-") == "" {
		f, err := strconv.ParseFloat(s, 64)
		if err == nil {
			return FloatStatic(f), ""
		}
		if math.IsInf(f, 0) {
			return v, fmt.Sprintf("number %s is too large", brief(s))
		}
	}
	d, err := parseDuration(s)
	if err != nil {
		return v, err.Error()
	}
	return DurationStatic(int64(d)), ""
}

var (
	longDuration = regexp.MustCompile(`^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$`)
	longUnits    = []time.Duration{365 * day, 7 * day, day, time.Hour, time.Minute, time.Second, time.Millisecond}
)

const day = 24 * time.Hour

// parseDuration reads Prometheus' form (1d12h: whole numbers, larger units first) or Go's (1.5s).
func parseDuration(s string) (time.Duration, error) {
	parts := longDuration.FindStringSubmatch(s)
	if parts == nil {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("bad number or duration %q: a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y", brief(s))
		}
		return d, nil
	}
	var sum float64
	var d time.Duration
	for i, unit := range longUnits {
		if parts[i+1] == "" {
			continue
		}
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		sum += float64(n) * float64(unit)
		if err != nil || sum >= math.MaxInt64 {
			return 0, fmt.Errorf("duration %s is too long: the longest is 292 years", brief(s))
		}
		d += time.Duration(n) * unit
	}
	return d, nil
}
