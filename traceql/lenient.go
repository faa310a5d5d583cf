package traceql

import "unicode/utf8"

// parseLenient returns the conditions that text has so far which may be unfinished: TraceQL, of which it
// looks at one filter only (the one that is open at the end, or the only one), or plain words. It never
// fails: what is unfinished or wrong counts as true, and so does || with such a side. A bare attribute
// counts as unfinished. nil is always true.
func parseLenient(text string) (conditions Expr) {
	if len(text) > maxQueryBytes || !utf8.ValidString(text) {
		return nil
	}
	var l lenient
	if !beginsLikeTraceQL(text) {
		return l.words(&words{text: text})
	}
	return l.expr(lastFilter(lexAll(text)), 0)
}

// lenient finds the conditions in unfinished text. What its checker finds too large in all it leaves out.
type lenient struct{ checks checker }

// lastFilter returns the tokens behind the brace that is open at the end, or else those of the only filter.
func lastFilter(tokens []token) []token {
	start, end, filters := 0, 0, 0
	for i, t := range tokens {
		switch {
		case t.kind != tokOp:
		case t.text == "{":
			start, end = i+1, len(tokens)-1
			filters++
		case t.text == "}" && end == len(tokens)-1:
			end = i
		}
	}
	if filters > 1 && end < len(tokens)-1 {
		return nil
	}
	return tokens[start:end]
}

// expr judges the operands of && and || one by one.
func (l *lenient) expr(tokens []token, depth int) (conditions Expr) {
	start, parens, op := 0, 0, And
	for i := 0; i <= len(tokens); i++ {
		if i < len(tokens) {
			switch t := tokens[i]; {
			case t.kind != tokOp:
				continue
			case t.text == "(":
				parens++
				continue
			case t.text == ")":
				parens--
				continue
			case parens > 0 || t.text != "&&" && t.text != "||":
				continue
			}
		}
		operand := l.operand(tokens[start:i], depth)
		switch {
		case op == Or && (conditions == nil || operand == nil):
			conditions = nil
		case operand != nil:
			conditions = join(op, conditions, operand)
		}
		if i < len(tokens) {
			start, op = i+1, fieldOps[tokens[i].text]
		}
	}
	return conditions
}

// maxLenientDepth is how deep unfinished parentheses are looked into.
const maxLenientDepth = 50

func (l *lenient) operand(tokens []token, depth int) Expr {
	if len(tokens) == 0 {
		return nil
	}
	last := &tokens[len(tokens)-1]
	ended := append(tokens[:len(tokens):len(tokens)], token{kind: tokEnd, pos: last.end, end: last.end})
	e := l.finished(func() Expr {
		p := &parser{tokens: ended}
		e := p.expr(precCompare)
		if p.tok().kind != tokEnd {
			p.unexpected("the end")
		}
		return e
	})
	if e != nil || tokens[0].text != "(" || depth == maxLenientDepth {
		return e
	}
	tokens = tokens[1:]
	if last.kind == tokOp && last.text == ")" {
		tokens = tokens[:len(tokens)-1]
	}
	return l.expr(tokens, depth+1)
}

// finished returns the expression that is parsed if it is a condition in which nothing is wrong.
func (l *lenient) finished(parse func() Expr) (e Expr) {
	problem := catch(func() {
		e = parse()
		if l.checks.typeOf(e) != TypeBool {
			e = nil
		}
	})
	switch e.(type) {
	case *Binary, *Unary:
		if problem == nil {
			return e
		}
	}
	return nil
}

// words finds the conditions in plain words. Free text at the end counts as unfinished.
func (l *lenient) words(w *words) (conditions Expr) {
	for {
		group, end := l.group(w)
		if group == nil {
			return nil
		}
		conditions = join(Or, conditions, group)
		if end {
			return conditions
		}
	}
}

// group returns what is finished of the conditions up to OR or the end, and whether it is the end.
func (l *lenient) group(w *words) (group Expr, end bool) {
	for {
		start := w.skipSpace()
		switch {
		case start == len(w.text):
			return group, true
		case w.connective("or", "||"):
			return group, false
		case w.connective("and", "&&"):
			continue
		}
		term := l.finished(w.term)
		if w.at == len(w.text) && w.last.op == "" && !w.last.negated && !w.last.key.quoted {
			term = nil
		}
		if term != nil {
			group = join(And, group, term)
			continue
		}
		if w.at < len(w.text) {
			w.skipWord(start)
		}
	}
}

// skipWord goes on to the next white space, behind a clause that could not be read.
func (w *words) skipWord(start int) {
	w.at = max(w.at, start+1)
	w.at += wordEnd(w.text[w.at:])
}
