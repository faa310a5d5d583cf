package traceql

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func addQueries(f *testing.F) {
	for _, c := range accepted {
		f.Add(c.text)
	}
	for _, c := range rejected {
		f.Add(c.text)
	}
	for _, c := range plainWords {
		f.Add(c.text)
	}
	for _, c := range badWords {
		f.Add(c.text)
	}
}

// Tokens lie one behind the other, with nothing but white space and comments between them.
func FuzzLexer(f *testing.F) {
	addQueries(f)
	f.Fuzz(func(t *testing.T, text string) {
		tokens := lexAll(text)
		at := Pos(0)
		for i, token := range tokens {
			if token.pos < at || token.end < token.pos || int(token.end) > len(text) || text[token.pos:token.end] != token.text {
				t.Fatalf("token %d is %+v, the one before ends at %d", i, token, at)
			}
			between := strings.TrimSpace(text[at:token.pos])
			if between != "" && !strings.HasPrefix(between, "//") && !strings.HasPrefix(between, "/*") {
				t.Fatalf("%q before token %d is left out", between, i)
			}
			if last := i == len(tokens)-1; last != (token.kind == tokEnd) || !last && token.pos == token.end {
				t.Fatalf("token %d of %d is %+v", i, len(tokens), token)
			}
			if token.kind == tokBad && (token.problem == "" || token.wrong < token.pos || token.wrong > token.end) {
				t.Fatalf("bad token %+v", token)
			}
			at = token.end
		}
	})
}

// checkParsed holds what a parse returned against what it promises.
func checkParsed(t *testing.T, text string, q *Query, err error) {
	t.Helper()
	if err != nil {
		checkError(t, text, err)
		return
	}
	places(t, reflect.ValueOf(q), len(text))
	printed := q.String()
	again, err := Parse(printed)
	if isLimit(err) {
		return
	}
	if err != nil {
		t.Fatalf("%q is printed as %q, which cannot be parsed: %v", text, printed, err)
	}
	withoutPlaces(reflect.ValueOf(q))
	withoutPlaces(reflect.ValueOf(again))
	if !reflect.DeepEqual(q, again) {
		t.Fatalf("%q is printed as %q, which is another tree: %q", text, printed, again)
	}
}

// isLimit reports whether a query was too long or too deep, which it may become when it is printed.
func isLimit(err error) bool {
	var e *Error
	return errors.As(err, &e) && (strings.HasPrefix(e.Message, "query has ") || strings.HasPrefix(e.Message, "query is nested"))
}

func checkError(t *testing.T, text string, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%q: error is a %T", text, err)
	}
	if e.Text != text || e.Pos < 0 || int(e.Pos) > len(text) || e.Message == "" {
		t.Fatalf("%q: error %+v", text, e)
	}
	lines := strings.Split(text[:e.Pos], "\n")
	if last := lines[len(lines)-1]; e.Line != len(lines) || e.Column != utf8.RuneCountInString(last)+1 {
		t.Fatalf("%q: error at byte %d is said to be at %d:%d", text, e.Pos, e.Line, e.Column)
	}
	if lines := strings.Split(e.Caret(), "\n"); len(lines) != 2 || strings.TrimLeft(lines[1], " \t") != "^" {
		t.Fatalf("%q: caret is %q", text, e.Caret())
	}
	if len(e.Message) > 1000 {
		t.Fatalf("%q: message of %d bytes", text, len(e.Message))
	}
}

// places checks that each Pos of a tree lies in the text.
func places(t *testing.T, v reflect.Value, size int) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			places(t, v.Elem(), size)
		}
	case reflect.Slice:
		for i := range v.Len() {
			places(t, v.Index(i), size)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.Type() != reflect.TypeFor[Pos]() {
				places(t, f, size)
			} else if f.Int() < 0 || int(f.Int()) >= size {
				t.Fatalf("%v has the place %d in a text of %d bytes", v.Type(), f.Int(), size)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	addQueries(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		checkParsed(t, text, q, err)
	})
}

func FuzzParseAny(f *testing.F) {
	addQueries(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseAny(text)
		checkParsed(t, text, q, err)
		strict, strictErr := Parse(text)
		if strictErr == nil && (err != nil || q.String() != strict.String()) {
			t.Fatalf("%q is TraceQL, and taken for %v, %v", text, q, err)
		}
	})
}

// FuzzPrinter lets the fuzzer choose the tree.
func FuzzPrinter(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		checkPrinted(t, newTreeMaker(a, b).query())
	})
}

// What is left of unfinished text is a filter by itself.
func FuzzLenient(f *testing.F) {
	addQueries(f)
	f.Fuzz(func(t *testing.T, text string) {
		conditions := parseLenient(text)
		if conditions == nil {
			return
		}
		q := &Query{Search: &Pipeline{Stages: []Stage{&Filter{Body: conditions}}}}
		checkParsed(t, text, q, nil)
	})
}

func FuzzComplete(f *testing.F) {
	for _, c := range accepted {
		f.Add(c.text, len(c.text)/2)
	}
	for _, c := range plainWords {
		f.Add(c.text, len(c.text)/2)
	}
	f.Fuzz(func(t *testing.T, text string, cursor int) {
		c := Complete(text, cursor)
		cursor = min(max(cursor, 0), len(text))
		if c.Start < 0 || c.Start > cursor || c.End < cursor || c.End > len(text) || !strings.HasPrefix(text[:c.Start], c.Filter) {
			t.Fatalf("%q at %d: %+v", text, cursor, c)
		}
		typed := text[c.Start:cursor]
		for _, word := range c.Words {
			if !strings.HasPrefix(word, typed) {
				t.Fatalf("%q at %d: %q does not begin with %q", text, cursor, word, typed)
			}
		}
		if c.Values != nil && c.Attributes || !strings.Contains(typed, c.Prefix) {
			t.Fatalf("%q at %d: %+v", text, cursor, c)
		}
		parseLenient(c.Filter)
	})
}
