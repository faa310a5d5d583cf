package store

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Regex is an RE2 expression that has to match the whole string; "." matches newlines too.
// It is safe for concurrent use.
type Regex struct {
	Expr string
	re   *regexp.Regexp
	dfa  *dfa // what is faster than re, nil if there is no such thing
	// prefix is a literal that every match starts with, literal one that it
	// contains; literal is empty where the prefix says as much.
	prefix, literal string
}

// NewRegex compiles expr.
func NewRegex(expr string) (*Regex, error) {
	if _, err := regexp.Compile(expr); err != nil { // for a message about expr itself
		return nil, err
	}
	group := `(?s:` + expr + `)`
	bare, err := regexp.Compile(group)
	if err != nil { // expr ends in an open \Q
		group = `(?s:` + expr + `\E)`
		if bare, err = regexp.Compile(group); err != nil {
			return nil, err
		}
	}
	re, err := regexp.Compile(`^` + group + `$`)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(group, syntax.Perl)
	if err != nil {
		return nil, err
	}
	r := &Regex{Expr: expr, re: re}
	r.prefix, _ = bare.LiteralPrefix()
	if s := requiredLiteral(tree); !strings.Contains(r.prefix, s) {
		r.literal = s
	}
	r.dfa, err = newDFA(tree, r.prefix)
	return r, err
}

// requiredLiteral returns the longest literal that stands in a row of things which all have to match.
func requiredLiteral(tree *syntax.Regexp) (longest string) {
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase == 0 && !slices.Contains(tree.Rune, utf8.RuneError) { // which matches invalid UTF-8 too
			return string(tree.Rune)
		}
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		for _, part := range tree.Sub {
			if s := requiredLiteral(part); len(s) > len(longest) {
				longest = s
			}
		}
	}
	return longest
}

// Prefix returns a literal that every match begins with, maybe "".
func (r *Regex) Prefix() string { return r.prefix }

// Literal returns a literal that every match contains, maybe "". It is "" if Prefix says as much.
func (r *Regex) Literal() string { return r.literal }

// MatchesSome reports whether some string of characters of an ASCII alphabet matches; it is true if that
// cannot be told.
func (r *Regex) MatchesSome(alphabet string) bool {
	for _, c := range r.prefix + r.literal {
		if !strings.ContainsRune(alphabet, c) {
			return false
		}
	}
	return r.dfa == nil || r.dfa.reaches(alphabet)
}

// Match reports whether the whole of b matches.
func (r *Regex) Match(b []byte) bool {
	if len(b) < len(r.prefix) || string(b[:len(r.prefix)]) != r.prefix {
		return false
	}
	if r.literal != "" && !bytes.Contains(b, []byte(r.literal)) {
		return false
	}
	if r.dfa != nil {
		if matched, ok := r.dfa.match(b[len(r.prefix):]); ok {
			return matched
		}
	}
	return r.re.Match(b)
}

// MatchString is Match for a string.
func (r *Regex) MatchString(s string) bool {
	return r.Match(unsafe.Slice(unsafe.StringData(s), len(s))) // which is only read
}
