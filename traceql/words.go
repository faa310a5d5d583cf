package traceql

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clewhq/clew/store"
)

// ParseAny parses a query, or plain words such as
//
//	service=checkout duration > 1s error=true
//
// as the query that they stand for. Text that begins like TraceQL is taken as such.
func ParseAny(text string) (*Query, error) {
	if q, err := Parse(text); err == nil || beginsLikeTraceQL(text) {
		return q, err
	}
	return parseWith(text, func() *Query {
		w := &words{text: text}
		q := &Query{Search: &Pipeline{Stages: []Stage{&Filter{Body: w.query()}}}}
		check(q)
		return q
	})
}

// beginsLikeTraceQL reports whether the text is no plain words, right or wrong.
func beginsLikeTraceQL(text string) bool {
	l := &lexer{text: text}
	first, second := l.next(), l.next()
	if first.text == "-" && second.kind == tokLiteral {
		first, second = second, l.next()
	}
	switch first.kind {
	case tokOp:
		return first.text == "{" || first.text == "(" || first.text == "-" && second.text == "("
	case tokWord:
		return stageWords[first.text] && second.text == "("
	case tokLiteral: // 100 * ({ ...
		return first.value.isNumber() && fieldOps[second.text].isArithmetic() && l.next().text == "("
	}
	return false
}

// words parses plain words: conditions (key op value), absent keys (!key, -key) and free text, which all
// have to hold, unless OR stands between them.
type words struct {
	text string
	at   int
	last clause // the latest, maybe unfinished
}

// query returns the filter that the words stand for; nil if there are none.
func (w *words) query() (all Expr) {
	for {
		all = join(Or, all, w.group())
		or := w.skipSpace()
		if !w.connective("or", "||") {
			return all
		}
		if w.skipSpace(); w.at == len(w.text) {
			fail(Pos(or), "expected a condition behind OR")
		}
	}
}

// group returns the conditions up to OR or the end; nil if there is no word at all.
func (w *words) group() (group Expr) {
	for {
		pos := w.skipSpace()
		switch {
		case w.connective("and", "&&"):
			w.skipSpace()
			if group == nil || w.ends() || w.isConnective("and", "&&") {
				fail(Pos(pos), "expected a condition on both sides of AND")
			}
		case w.ends():
			if group == nil && pos < len(w.text) {
				fail(Pos(pos), "expected a condition before OR")
			}
			return group
		}
		group = join(And, group, w.term())
	}
}

// ends reports whether a group of conditions ends here.
func (w *words) ends() bool { return w.at == len(w.text) || w.isConnective("or", "||") }

// join joins those of two conditions that are not nil.
func join(op Op, l, r Expr) Expr {
	switch {
	case l == nil:
		return r
	case r == nil:
		return l
	}
	return &Binary{Op: op, L: l, R: r, Pos: startOf(r)}
}

// skipSpace returns where the next word begins.
func (w *words) skipSpace() int {
	w.at = len(w.text) - len(strings.TrimLeftFunc(w.text[w.at:], unicode.IsSpace))
	return w.at
}

// connective takes a word that joins conditions, if it stands here by itself.
func (w *words) connective(word, sign string) bool {
	is := w.isConnective(word, sign)
	if is {
		w.at += wordEnd(w.text[w.at:])
	}
	return is
}

// isConnective looks no further than it has to: words in quotes may follow each other without white space.
func (w *words) isConnective(word, sign string) bool {
	for _, text := range []string{word, strings.ToUpper(word), sign} {
		behind, ok := strings.CutPrefix(w.text[w.at:], text)
		if !ok {
			continue
		}
		next := strings.TrimLeftFunc(behind, unicode.IsSpace)
		return (behind == "" || len(next) < len(behind)) && operatorAt(next) == "" // else it is a key
	}
	return false
}

// wordEnd returns where white space begins.
func wordEnd(s string) int {
	if n := strings.IndexFunc(s, unicode.IsSpace); n >= 0 {
		return n
	}
	return len(s)
}

// word is a key, a value or free text.
type word struct {
	text   string
	quoted bool
	pos    Pos
}

// operatorAt returns the operator that s begins with, or "".
func operatorAt(s string) string {
	for _, op := range []string{"!=", "!~", "=~", ">=", "<=", "=", ">", "<"} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

// clause is a condition in pieces; op is "" where there is only a key, which may be free text.
type clause struct {
	pos     Pos
	negated bool
	key     word
	op      string
	opPos   Pos
	value   word
}

// clause reads the next clause into w.last, piece by piece, so that it is known how far it came if it fails.
func (w *words) clause() {
	w.last = clause{pos: Pos(w.at)}
	c := &w.last
	rest := w.text[w.at:]
	if (rest[0] == '!' || rest[0] == '-') && operatorAt(rest) == "" {
		next, _ := utf8.DecodeRuneInString(rest[1:])
		c.negated = len(rest) > 1 && !unicode.IsSpace(next)
	}
	if c.negated {
		w.at++
	}
	c.key = w.word(func(rest string) bool { return operatorAt(rest) != "" })
	end := w.at
	c.opPos = Pos(w.skipSpace())
	if c.op = operatorAt(w.text[w.at:]); c.op == "" {
		w.at = end
		return
	}
	w.at += len(c.op)
	c.value.pos = Pos(w.skipSpace())
	if w.at == len(w.text) {
		fail(c.value.pos, "expected a value behind %s%s", brief(c.key.text), c.op)
	}
	if again := operatorAt(w.text[w.at:]); again != "" {
		fail(c.value.pos, "unexpected %q behind %q: use = != > >= < <= =~ or !~ (put a value in quotes that begins with one of them)", again, c.op)
	}
	c.value = w.word(func(string) bool { return false })
}

// term parses a condition or free text.
func (w *words) term() Expr {
	w.clause()
	c := &w.last
	switch {
	case c.op != "" && c.negated:
		return &Unary{Op: Not, X: c.condition(), Pos: c.pos}
	case c.op != "":
		return c.condition()
	case c.negated && c.key.text == "error" && !c.key.quoted:
		return &Unary{Op: Not, X: isError(c.key.pos), Pos: c.pos}
	case c.negated:
		return join(And, c.absent(c.key.attribute()), c.absent(c.key.renamed()))
	}
	return freeText(c.key)
}

// word reads a word: one in quotes, or what there is up to white space or to what stops it.
func (w *words) word(stops func(rest string) bool) word {
	start := w.at
	if q := w.text[w.at]; q == '"' || q == '\'' {
		return w.quoted()
	}
	if strings.IndexByte("(){}|", w.text[w.at]) >= 0 {
		fail(Pos(start), "unexpected %q: parentheses, braces and bars are for TraceQL, which begins with { (put the word in quotes to search for it)", w.text[start:start+1])
	}
	for w.at < len(w.text) {
		r, size := utf8.DecodeRuneInString(w.text[w.at:])
		if unicode.IsSpace(r) || stops(w.text[w.at:]) {
			break
		}
		w.at += size
	}
	if w.at == start {
		fail(Pos(start), "unexpected %q: expected a key before it, as in service=checkout", operatorAt(w.text[start:]))
	}
	return word{text: w.text[start:w.at], pos: Pos(start)}
}

// quoted reads a word in double quotes, with the escapes of a string, or in single quotes, without any.
func (w *words) quoted() word {
	start := w.at
	if w.text[start] == '\'' {
		n := strings.IndexByte(w.text[start+1:], '\'')
		if n < 0 {
			fail(Pos(start), "quote is not closed: expected '")
		}
		w.at += n + 2
		return word{text: w.text[start+1 : w.at-1], quoted: true, pos: Pos(start)}
	}
	l := &lexer{text: w.text, at: start}
	t := l.str()
	if t.kind == tokBad {
		fail(t.wrong, "%s", t.problem)
	}
	w.at = l.at
	return word{text: t.value.Str, quoted: true, pos: Pos(start)}
}

// condition returns what a clause with an operator means.
func (c *clause) condition() Expr {
	op := fieldOps[c.op]
	if name := c.key.text; !c.key.quoted {
		switch name {
		case "error":
			if e := errorCondition(c.key, op, c.value); e != nil {
				return e
			}
		case "minDuration", "maxDuration":
			if op != Equal {
				fail(c.opPos, "unexpected %q: %s is given with =, other conditions with duration", c.op, name)
			}
			if op = GreaterEqual; name == "maxDuration" {
				op = LessEqual
			}
		}
	}
	return join(Or, c.compare(c.key.attribute(), op), c.compare(c.key.renamed(), op))
}

// compare returns nil for no attribute.
func (c *clause) compare(a *Attribute, op Op) (all Expr) {
	if a == nil {
		return nil
	}
	// || for != too, as each comparison holds on values of its own type only.
	for _, v := range c.value.statics(a, op) {
		all = join(Or, all, &Binary{Op: op, L: a, R: &Const{Value: v, Pos: c.value.pos}, Pos: c.opPos})
	}
	return all
}

// absent returns nil for no attribute.
func (c *clause) absent(a *Attribute) Expr {
	if a == nil {
		return nil
	}
	return &Binary{Op: Equal, L: a, R: &Const{Pos: c.key.pos}, Pos: c.pos}
}

func isError(pos Pos) Expr {
	status := &Binary{Op: Equal, L: intrinsic(SpanStatus, pos), R: &Const{Value: StatusStatic(2), Pos: pos}, Pos: pos}
	tag := &Binary{Op: Equal, L: &Attribute{Name: "error", Pos: pos}, R: &Const{Value: BoolStatic(true), Pos: pos}, Pos: pos}
	return &Binary{Op: Or, L: status, R: tag, Pos: pos}
}

// errorCondition returns what error=true and error=false mean; nil for other values.
func errorCondition(key word, op Op, value word) Expr {
	if op != Equal && op != NotEqual || value.text != "true" && value.text != "false" {
		return nil
	}
	if (value.text == "true") == (op == Equal) {
		return isError(key.pos)
	}
	return &Unary{Op: Not, X: isError(key.pos), Pos: key.pos}
}

func freeText(w word) Expr {
	expr := Static{Type: TypeString, Str: "(?i).*" + regexp.QuoteMeta(w.text) + ".*"}
	match := func(a *Attribute) Expr {
		return &Binary{Op: Regex, L: a, R: &Const{Value: expr, Pos: w.pos}, Pos: w.pos}
	}
	service := &Attribute{Scope: store.ResourceScope, Name: "service.name", Pos: w.pos}
	return &Binary{Op: Or, L: match(intrinsic(SpanName, w.pos)), R: match(service), Pos: w.pos}
}

// wordKeys has the keys that are intrinsics under names of their own.
var wordKeys = map[string]Intrinsic{
	"operation": SpanName, "minDuration": SpanDuration, "maxDuration": SpanDuration, "traceID": TraceID, "trace": TraceID,
}

// attribute returns what a key stands for.
func (w word) attribute() *Attribute {
	a := &Attribute{Name: w.text, Pos: w.pos}
	if w.quoted {
		return a
	}
	if w.text == "service" {
		a.Scope, a.Name = store.ResourceScope, "service.name"
		return a
	}
	i, ok := wordKeys[w.text]
	if !ok {
		i, ok = intrinsicsByName[w.text]
	}
	if ok {
		return intrinsic(i, w.pos)
	}
	rest := w.text
	if r, ok := strings.CutPrefix(rest, "parent."); ok {
		a.Parent, rest = true, r
	}
	prefix, name, dotted := strings.Cut(rest, ".")
	switch scope, isScope := scopes[prefix]; {
	case dotted && isScope:
		a.Scope, rest = scope, name
	case dotted && (prefix == "tags" || prefix == "tag" || prefix == "attributes" || prefix == ""):
		rest = name
	}
	if rest == "" {
		fail(w.pos, "expected the name of an attribute behind %q", brief(w.text))
	}
	a.Name = rest
	return a
}

// renames has attributes of HTTP and the names that OpenTelemetry's semantic conventions gave them since. Old and new
// services send both, and who asks for one in plain words means both.
var renames = map[string]string{
	"http.method": "http.request.method", "http.status_code": "http.response.status_code", "http.url": "url.full", "http.user_agent": "user_agent.original",
}

// renamed returns what an attribute is called today; nil if a key is no attribute of another name, or names its scope.
func (w word) renamed() *Attribute {
	a := w.attribute()
	today, ok := renames[a.Name]
	if !ok || w.quoted || a.Scope != store.AnyScope {
		return nil
	}
	a.Name = today
	return a
}

// statics returns the values that a word may stand for, beside an attribute.
func (w word) statics(a *Attribute, op Op) []Static {
	text := StringStatic(w.text)
	if op == Regex || op == NotRegex {
		return []Static{text}
	}
	if a.Scope == store.IntrinsicScope {
		return []Static{w.intrinsicValue(a)}
	}
	v := w.bareValue()
	switch {
	case w.quoted || v.Type == TypeNil || a.Scope == store.ResourceScope && a.Name == "service.name":
		return []Static{text}
	case op == Equal || op == NotEqual:
		return []Static{v, text}
	case v.Type == TypeBool:
		return []Static{text}
	}
	return []Static{v}
}

// bareValue reads a word as a boolean, a number or a duration; it returns nil for others.
func (w word) bareValue() (v Static) {
	if b, err := strconv.ParseBool(w.text); err == nil && len(w.text) > 1 && w.text == strings.ToLower(w.text) {
		return BoolStatic(b)
	}
	digits, negative := strings.CutPrefix(w.text, "-")
	if digits == "" || strings.IndexByte(".0123456789", digits[0]) < 0 {
		return v
	}
	v, problem := parseNumber(digits)
	if problem != "" {
		return Static{}
	}
	if negative {
		v = negate(v)
	}
	return v
}

// intrinsicValue reads a word as a value of an intrinsic's type.
func (w word) intrinsicValue(a *Attribute) Static {
	v := w.bareValue()
	switch typ := a.Intrinsic.Type(); typ {
	case TypeStatus, TypeKind:
		v = literals[strings.ToLower(w.text)]
		names := map[Type][]string{TypeStatus: statusNames, TypeKind: kindNames}[typ]
		if v.Type != typ {
			fail(w.pos, "%s is one of %s", a, strings.Join(names, ", "))
		}
	case TypeDuration:
		if v.Type != TypeDuration && v != IntStatic(0) {
			fail(w.pos, "%s needs a duration with its unit, as 100ms, 1.5s or 2m", a)
		}
	case TypeInt:
		if v.Type != TypeInt {
			fail(w.pos, "%s needs an integer", a)
		}
	default:
		v = StringStatic(w.text)
	}
	return v
}
