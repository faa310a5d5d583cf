package traceql

import (
	"slices"
	"strings"
	"unicode"

	"github.com/clewhq/clew/store"
)

// Completion says what may stand at a place of a query that is being typed.
type Completion struct {
	// Start and End are the bytes of the text that a choice replaces: those of the word at the place.
	Start, End int
	// Prefix is what was typed of that word so far, of an attribute without its scope, of a string
	// without its quote.
	Prefix string
	// Attributes is set if attributes may stand there: those of Scope (of all, for store.AnyScope), of
	// the span's parent if Parent is set.
	Attributes bool
	Scope      store.Scope
	Parent     bool
	// Values is the attribute whose values may stand there; nil if none may.
	Values *Attribute
	// Words are the operators, keywords, intrinsics and functions that may stand there and begin with
	// what was typed, the likely ones first.
	Words []string
	// Filter is the text before the word: what TagOptions.Filter takes to narrow names and values.
	Filter string
}

// Complete says what may stand at a place of a text, which may be unfinished or wrong, in TraceQL or in
// plain words. The cursor is a byte offset.
func Complete(text string, cursor int) Completion {
	cursor = min(max(cursor, 0), len(text))
	if len(text) > maxQueryBytes {
		return Completion{Start: cursor, End: cursor}
	}
	c := completer{Completion: Completion{Start: cursor, End: cursor}, before: cursor}
	if before := text[:cursor]; strings.TrimSpace(before) == "" || beginsLikeTraceQL(before) {
		c.tokens = lexAll(before)
		c.tokens = c.tokens[:len(c.tokens)-1]
		c.takeWord(text)
		c.complete()
	} else {
		c.completeWords(text)
	}
	c.Filter = text[:c.before]
	c.Words = slices.DeleteFunc(c.Words, func(w string) bool {
		return !strings.HasPrefix(w, c.typed) || w == c.typed && strings.HasSuffix(w, ".")
	})
	return c.Completion
}

// completer finds out what the end of tokens is in.
type completer struct {
	Completion
	typed  string  // the word at the cursor up to there, with its scope or quote
	before int     // where it begins, with its sign
	tokens []token // before that
	calls  []call  // what is open there
}

// call is something in parentheses or braces.
type call struct {
	function string // before the parenthesis; "{" for a brace, "" for a plain parenthesis
	metrics  bool   // a metrics function has been called inside
	closed   string // the function of what has been closed last inside
}

// takeWord takes the word that ends at the cursor from the tokens, if there is one.
func (c *completer) takeWord(text string) {
	n := len(c.tokens)
	if n == 0 || int(c.tokens[n-1].end) < c.End {
		return
	}
	last, before := c.tokens[n-1], c.tokens[:n-1]
	if last.kind == tokOp && (last.text != "!" && last.text != "|" || !endsOperand(before)) {
		return
	}
	c.tokens, c.Start, c.before = before, int(last.pos), int(last.pos)
	c.typed = text[c.Start:c.End]
	for _, t := range lexAll(text) { // the word goes on behind the cursor
		if t.pos == last.pos && t.end > last.end && t.kind != tokBad && t.kind != tokOp {
			c.End = int(t.end)
		}
	}
	c.takeScope()
}

// takeScope cuts what was typed in the scope and the name of an attribute.
func (c *completer) takeScope() {
	name, parent := strings.CutPrefix(c.typed, "parent.")
	prefix, rest, dotted := strings.Cut(name, ".")
	if scope, ok := scopes[prefix]; ok && dotted {
		name, c.Scope = rest, scope
	} else if !parent && prefix == "" && dotted {
		name = rest
	}
	c.Parent = parent
	c.Prefix = strings.TrimLeft(name, "\"'`")
}

// endsOperand reports whether behind the tokens an operator is expected.
func endsOperand(tokens []token) bool {
	if len(tokens) == 0 {
		return false
	}
	last := tokens[len(tokens)-1]
	return last.kind != tokOp || last.text == ")" || last.text == "}"
}

// complete fills in what may stand behind the tokens.
func (c *completer) complete() {
	c.calls = []call{{}}
	for i, t := range c.tokens {
		c.step(i, t)
	}
	top := c.calls[len(c.calls)-1]
	inside := ""
	for _, call := range c.calls {
		if call.function != "" {
			inside = call.function
		}
	}
	_, isAggregate := aggregates[inside]
	_, isSeries := seriesFuncs[inside]
	switch {
	case inside == "":
		c.inPipeline(top)
	case inside == "with":
		c.inHints()
	case inside == "compare":
		c.Words = []string{"{"}
	case inside == "{" || inside == "by" || isAggregate && inside != "count":
		c.inExpr(top)
	case inside == "select" || isSeries && inside != "rate" && inside != "count_over_time":
		c.inList()
	}
}

// step keeps account of what is open behind a token.
func (c *completer) step(i int, t token) {
	if t.kind != tokOp {
		return
	}
	switch t.text {
	case "{":
		c.calls = append(c.calls, call{function: "{"})
	case "(":
		function := ""
		if i > 0 && c.tokens[i-1].kind == tokWord {
			function = c.tokens[i-1].text
		}
		c.calls = append(c.calls, call{function: function})
	case "}", ")":
		if n := len(c.calls); n > 1 {
			closed := c.calls[n-1]
			c.calls = c.calls[:n-1]
			outer := &c.calls[n-2]
			outer.closed = closed.function
			if _, ok := seriesFuncs[closed.function]; ok || closed.metrics {
				outer.metrics = true
			}
		}
	}
}

var (
	comparisonWords = []string{"=", "!=", ">", ">=", "<", "<="}
	spansetWords    = []string{
		"|", "&&", "||", ">>", ">", "<<", "<", "~", "!>>", "!>", "!<<", "!<", "!~", "&>>", "&>", "&<<", "&<", "&~", "with(",
	}
	firstWords     = []string{"{", "(", "count()", "max(", "min(", "avg(", "sum(", "by(", "select("}
	seriesWords    = []string{"rate()", "count_over_time()", "quantile_over_time(", "histogram_over_time(", "avg_over_time(", "max_over_time(", "min_over_time(", "sum_over_time(", "compare("}
	hintWords      = []string{"most_recent=", "sample=", "span_sample=", "trace_sample=", "exemplars=", "extrapolate="}
	attributeWords = func() []string {
		words := sortedKeys(intrinsicsByName)
		slices.SortStableFunc(words, func(a, b string) int { return strings.Count(a, ":") - strings.Count(b, ":") })
		return append(words, "span.", "resource.", "event.", "link.", "instrumentation.", "parent.", ".")
	}()
)

// inPipeline is outside of braces and of the arguments of functions.
func (c *completer) inPipeline(top call) {
	n := len(c.tokens)
	_, closedAggregate := aggregates[top.closed]
	_, closedSeries := seriesFuncs[top.closed]
	switch {
	case endsOperand(c.tokens) && c.tokens[n-1].kind != tokOp:
		c.Words = []string{"|", "with("} // a constant
	case endsOperand(c.tokens) && top.metrics:
		if closedSeries && top.closed != "compare" {
			c.Words = []string{"by ("}
		}
		c.Words = append(c.Words, "|", ">", ">=", "<", "<=", "=", "!=")
		if top.closed == "" { // in parentheses
			c.Words = append(c.Words, "+", "-", "*", "/")
		}
		c.Words = append(c.Words, "with(")
	case endsOperand(c.tokens) && closedAggregate:
		c.Words = append([]string{">", ">=", "<", "<=", "=", "!="}, "+", "-", "*", "/")
	case endsOperand(c.tokens):
		c.Words = spansetWords
	case n == 0 || c.tokens[n-1].text == "(":
		c.Words = firstWords
	case c.tokens[n-1].text == "|" && top.metrics:
		c.Words = []string{"topk(", "bottomk("}
	case c.tokens[n-1].text == "|":
		c.Words = slices.Concat(firstWords, []string{"coalesce()"}, seriesWords)
	case !closedAggregate && !top.metrics:
		c.Words = []string{"{", "("}
	}
	c.Words = slices.Clone(c.Words)
	if top.function == "" && len(c.calls) > 1 && endsOperand(c.tokens) {
		c.Words = append(c.Words, ")")
	}
}

// inExpr is where an expression on spans is written.
func (c *completer) inExpr(top call) {
	if !endsOperand(c.tokens) {
		c.operand()
		return
	}
	n := len(c.tokens)
	left := c.tokens[n-1]
	compared := n > 1 && c.tokens[n-2].kind == tokOp && precedences[fieldOps[c.tokens[n-2].text]] == precCompare
	if !compared {
		c.Words = operatorsOf(left.operandType())
	}
	c.Words = append(c.Words, "&&", "||")
	if top.function == "{" {
		c.Words = append(c.Words, "}")
	} else {
		c.Words = append(c.Words, ")")
	}
}

// operand is where an operand of an expression is written.
func (c *completer) operand() {
	if n := len(c.tokens); n > 1 {
		op, ok := fieldOps[c.tokens[n-1].text]
		if a := c.tokens[n-2].attribute(); a != nil && ok && op.precedence() == precCompare {
			c.Values = a
			c.Words = valueWords(a, op)
			return
		}
	}
	c.Attributes = true
	c.Words = append(slices.Clone(attributeWords), "true", "false")
}

// inList is where only attributes are written.
func (c *completer) inList() {
	if endsOperand(c.tokens) {
		c.Words = []string{",", ")"}
		return
	}
	if n := len(c.tokens); n > 1 && c.tokens[n-1].text == "," && c.calls[len(c.calls)-1].function == "quantile_over_time" {
		c.Words = []string{"0.5", "0.9", "0.95", "0.99"}
		return
	}
	c.Attributes = true
	c.Words = slices.Clone(attributeWords)
}

func (c *completer) inHints() {
	switch last := c.tokens[len(c.tokens)-1]; {
	case endsOperand(c.tokens):
		c.Words = []string{",", ")"}
	case last.text == "=":
		c.Words = []string{"true", "false"}
	default:
		c.Words = slices.Clone(hintWords)
	}
}

// attribute returns the attribute or intrinsic that the token is; nil if it is something else.
func (t *token) attribute() *Attribute {
	if i, ok := intrinsicsByName[t.text]; ok && t.kind == tokWord {
		return intrinsic(i, t.pos)
	}
	return t.attr
}

// operandType returns the type that an operand ending with the token is likely to have.
func (t *token) operandType() Type {
	if a := t.attribute(); a != nil {
		return a.staticType()
	}
	return anyType
}

// operatorsOf returns the operators that compare or calculate with values of a type.
func operatorsOf(t Type) []string {
	switch t {
	case TypeStatus, TypeKind, TypeBool:
		return []string{"=", "!="}
	case TypeString:
		return append(slices.Clone(comparisonWords), "=~", "!~")
	case TypeInt, TypeFloat, TypeDuration:
		return []string{">", ">=", "<", "<=", "=", "!=", "+", "-", "*", "/", "%", "^"}
	}
	return append(slices.Clone(comparisonWords), "=~", "!~", "+", "-", "*", "/", "%", "^")
}

// valueWords returns the keywords that an attribute may be compared with.
func valueWords(a *Attribute, op Op) (words []string) {
	switch a.staticType() {
	case TypeStatus:
		words = []string{"error", "ok", "unset"}
	case TypeKind:
		words = slices.Clone(kindNames)
	case anyType:
		if op == Equal || op == NotEqual {
			words = []string{"true", "false"}
		}
	}
	if op == Equal && !a.neverNil() || op == NotEqual {
		words = append(words, "nil")
	}
	return words
}

// completeWords does for plain words what takeWord and complete do for TraceQL.
func (c *completer) completeWords(text string) {
	w := &words{text: text[:c.End]}
	for {
		start := w.skipSpace()
		if start == len(w.text) {
			break
		}
		if w.connective("and", "&&") || w.connective("or", "||") {
			w.last = clause{}
			continue
		}
		failed := catch(w.clause) != nil
		value := int(w.last.value.pos)
		openQuote := failed && w.last.op != "" && value < len(w.text) && strings.IndexByte(`"'`, w.text[value]) >= 0
		switch {
		case w.at == len(w.text) || openQuote:
			c.lastClause(text, &w.last)
			return
		case failed:
			w.skipWord(start)
		}
	}
	if last := &w.last; last.op == "" && last.key.text != "" && !last.negated {
		c.Words = append(c.Words, append(comparisonWords, "=~", "!~")...)
	}
	c.Attributes = true
	c.Words = append(c.Words, clauseWords...)
}

// clauseWords are the keys of plain words that are no attributes.
var clauseWords = []string{"service", "operation", "duration", "status", "kind", "error", "minDuration", "maxDuration", "traceID"}

// lastClause completes the clause at the cursor.
func (c *completer) lastClause(text string, last *clause) {
	cursor, start := c.End, int(last.key.pos)
	c.before = int(last.pos)
	if last.op != "" {
		start = int(last.value.pos)
		c.before = start
	}
	c.Start, c.typed = start, text[start:cursor]
	if c.typed != "" && strings.IndexByte(`"'`, c.typed[0]) < 0 {
		n := strings.IndexFunc(text[cursor:], func(r rune) bool {
			return unicode.IsSpace(r) || last.op == "" && strings.ContainsRune("=!<>~", r)
		})
		if n < 0 {
			n = len(text) - cursor
		}
		c.End += n
	}
	var key *Attribute
	catch(func() { key = last.key.attribute() })
	switch {
	case last.op == "":
		c.Attributes, c.Words = true, slices.Clone(clauseWords)
		c.takeScope()
	case key != nil:
		c.Values, c.Words = key, valueWords(key, Less)
		c.Prefix = strings.TrimLeft(c.typed, `"'`)
		if key.Name == "error" {
			c.Words = []string{"true", "false"}
		}
	}
}
