package store

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
)

func TestRegexMatchesTheWholeString(t *testing.T) {
	for _, c := range []struct {
		expr    string
		matches []string
		misses  []string
	}{
		{"abc", []string{"abc"}, []string{"", "ab", "abcd", "xabc", "abc\n", "ABC"}},
		{"", []string{""}, []string{"a", "\n"}},
		{"()|(?:)", []string{""}, []string{"a"}},
		{"ab|cd", []string{"ab", "cd"}, []string{"abd", "acd", "abcd", "b", "c"}},
		{"a|ab|abc", []string{"a", "ab", "abc"}, []string{"abcd"}},
		{"a||b", []string{"a", "b", ""}, []string{"ab"}},
		{"(foo|foobar)(bar)?", []string{"foo", "foobar", "foobarbar"}, []string{"fo", "foob", "foobarbarbar"}},
		{"GET.*", []string{"GET", "GET /", "GET \n /"}, []string{"get /", " GET"}},
		{".*/cart", []string{"/cart", "a/cart", "/cart/cart"}, []string{"/cart/", "cart", "/cartx"}},
		{".*a.*b.*", []string{"ab", "xaxbx", "\xffa\xffb"}, []string{"ba", "a", "b", ""}},
		{".*[g-z].*", []string{"g", "0g", "z0"}, []string{"", "0f", "é"}},
		{".", []string{"\n", "é", "\xff"}, []string{"", "ab", "\xff\xff"}},
		{"..", []string{"é\xff", "\xc3\xc3", "\xe2\x82"}, []string{"é", "\xe2\x82\xac"}},
		{".*", []string{"", "a\nb", "\xff\xfe"}, nil},
		{".+x", []string{"ax", "xx", "\xffx"}, []string{"x", "", "xa"}},
		{"^abc$", []string{"abc"}, []string{"abcd", "\nabc"}},
		{"abc$|x", []string{"abc", "x"}, []string{"abcx"}},
		{`abc\z|\Ax`, []string{"abc", "x"}, []string{"abcx"}},
		{"a^b|c", []string{"c"}, []string{"ab", "a^b", "a", "b"}},
		{"a$b?|c", []string{"a", "c"}, []string{"ab", "b"}},
		{"(^a|b)*", []string{"", "a", "ab", "bb"}, []string{"aa", "ba"}},
		{"(a|b$)*", []string{"", "a", "aab"}, []string{"ba", "bb"}},
		{"^$^$", []string{""}, []string{"\n", "a"}},
		{"$.*^", []string{""}, []string{"a"}},
		{"(?i)post|put", []string{"POST", "post", "Put"}, []string{"posts"}},
		{"(?i)K", []string{"k", "K", "\u212a"}, []string{"\u212b", "kk"}},
		{"(?i)ſet", []string{"set", "SET", "ſEt"}, []string{"xet"}},
		{"(?i)straße", []string{"STRAẞE", "straße"}, []string{"strasse"}},
		{"[^a-f]", []string{"g", "é", "\xff", "\n"}, []string{"a", "gg", ""}},
		{`[\d_x-z]+`, []string{"0", "_9z"}, []string{"w", "٣"}},
		{`\PN\pN`, []string{"a٣", "\xff1"}, []string{"11", "aa"}},
		{`\p{Greek}+`, []string{"α", "Ωμέγα"}, []string{"a", "αa", "\xce"}},
		{`[α-ω]\p{L}*`, []string{"α", "αbЖ"}, []string{"a", "α1", "ω\xff"}},
		{`[^\x00-\x7f]`, []string{"é", "\xc3", "\U0010ffff"}, []string{"a", "\xc3\xa9\xc3"}},
		{"(?m)^a$", []string{"a"}, []string{"b\na\nb"}},
		{"(?m)a$.^b", []string{"a\nb"}, []string{"a-b", "ab"}},
		{`\bfoo\b.*`, []string{"foo", "foo bar"}, []string{"foobar"}},
		{`a\Bb`, []string{"ab"}, []string{"a", "b"}},
		{"(?-s)a.b", []string{"a-b", "aéb"}, []string{"a\nb"}},
		{"(?U)a+", []string{"a", "aaa"}, []string{""}},
		{"a+?b*?", []string{"a", "aab"}, []string{"", "ba"}},
		{"a{2,3}", []string{"aa", "aaa"}, []string{"a", "aaaa"}},
		{"a{2,}", []string{"aa", "aaaaa"}, []string{"a", ""}},
		{"a{0}b", []string{"b"}, []string{"ab"}},
		{"(ab?){3}", []string{"aaa", "abaab", "ababab"}, []string{"ab", "abab", "bbb"}},
		{".{2,3}é", []string{"aaé", "ééé\u00e9", "\xff\xffé"}, []string{"é", "aé", "aaaaé"}},
		{`a\.b`, []string{"a.b"}, []string{"axb"}},
		{`\Qa.b`, []string{"a.b"}, []string{"axb", "a.b)"}}, // a quote left open
		{`\Qa.b\E+`, []string{"a.b", "a.bbb"}, []string{"a.ba.b"}},
		{`abc\x{FFFD}`, []string{"abc\xff", "abc�"}, []string{"abc"}},
		{`[^\x{FFFD}]`, []string{"a", "é"}, []string{"\xff", "�"}},
		{"préfixe.+", []string{"préfixe1"}, []string{"préfixe", "prefixe1"}},
		{`[^\x00-\x{10FFFF}]|a`, []string{"a"}, []string{"", "b", "\xff"}},
	} {
		r := mustRegex(t, c.expr)
		for range 2 { // with an automaton to be built and with a built one
			for _, s := range c.matches {
				if !r.Match([]byte(s)) {
					t.Errorf("%q does not match %q", c.expr, s)
				}
			}
			for _, s := range c.misses {
				if r.Match([]byte(s)) {
					t.Errorf("%q matches %q", c.expr, s)
				}
			}
		}
		o := newRegexOracle(t, r)
		for _, s := range append(c.matches, c.misses...) {
			o.check(t, s)
		}
	}
}

func TestRegexErrorIsAboutTheExpressionItself(t *testing.T) {
	for _, expr := range []string{"a)(b", "(", "a**", `a\`, "[a", "(?x)a", `\E`} {
		_, err := NewRegex(expr)
		if err == nil {
			t.Errorf("NewRegex(%q) takes an invalid expression", expr)
		} else if strings.Contains(err.Error(), "(?s:") {
			t.Errorf("NewRegex(%q): %v: speaks of what the user did not write", expr, err)
		}
	}
}

func TestRegexDoesNotAllocate(t *testing.T) {
	s := "4f0c9a52-5e09-4d55-bd5b-8b47c31fa2c7/\u00e9t\u00e9/\xff"
	for _, expr := range []string{".*[g-z].*", ".*/été/.", "(?i).*ÉTÉ.*", `.*\p{Greek}.*`, `.*\bfoo`} {
		r := mustRegex(t, expr)
		want := newRegexOracle(t, r).whole.MatchString(s)
		b := []byte(s)
		n := testing.AllocsPerRun(100, func() {
			if r.Match(b) != want || r.MatchString(s) != want {
				t.Errorf("%q on %q: not %v", expr, s, want)
			}
		})
		if n != 0 {
			t.Errorf("%q: %v allocations for a match", expr, n)
		}
	}
}

// FuzzRegex holds Regex against the standard library's idea of a whole match.
func FuzzRegex(f *testing.F) {
	f.Add("ab|cd", "abd")
	f.Add("a.*b", "a\nb")
	f.Add("(?i)K", "\u212a")
	f.Add(`\bfoo`, "foo")
	f.Add("\x00+?", "\x00\x00")
	f.Add(`\Qa.b`, "a.b")
	f.Add(`(^a|b$)*[^\x{FFFD}\p{Greek}]{2,}`, "b\xffé\xe2\x82")
	f.Fuzz(func(t *testing.T, expr, s string) {
		r, err := NewRegex(expr)
		if err != nil {
			return
		}
		newRegexOracle(t, r).check(t, s)
	})
}

// regexOracle is what a Regex should be, and its automaton without the short cuts before it.
type regexOracle struct {
	*Regex
	whole *regexp.Regexp
	bare  *dfa
}

func newRegexOracle(t *testing.T, r *Regex) *regexOracle {
	t.Helper()
	expr := r.Expr
	whole, err := regexp.Compile(`(?s)\A(?:` + expr + `)\z`)
	if err != nil { // expr ends in an open \Q
		expr += `\E`
		whole = regexp.MustCompile(`(?s)\A(?:` + expr + `)\z`)
	}
	tree, err := syntax.Parse(`(?s:`+expr+`)`, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := newDFA(tree, "")
	if err != nil || (bare == nil) != (r.dfa == nil) {
		t.Fatalf("%q: automaton %v and %v, %v", r.Expr, r.dfa != nil, bare != nil, err)
	}
	return &regexOracle{r, whole, bare}
}

func (o *regexOracle) check(t *testing.T, s string) {
	t.Helper()
	want := o.whole.MatchString(s)
	if o.Match([]byte(s)) != want || o.MatchString(s) != want {
		t.Errorf("%q on %q = %v, want %v", o.Expr, s, !want, want)
	}
	if o.bare == nil {
		return
	}
	if got, ok := o.bare.match([]byte(s)); ok && got != want {
		t.Errorf("automaton of %q on %q = %v, want %v", o.Expr, s, got, want)
	}
}

func mustRegex(t testing.TB, expr string) *Regex {
	t.Helper()
	r, err := NewRegex(expr)
	if err != nil {
		t.Fatalf("NewRegex(%q): %v", expr, err)
	}
	return r
}

func TestMatchesSome(t *testing.T) {
	const hex = "0123456789abcdef-"
	for expr, want := range map[string]bool{
		".*[g-z].*": false, ".*[f-z].*": true, "[0-9a-f-]{36}": true, "": true, "x": false, "a|x": true, "a.*x": false,
		"DEAD.*": false, "(?i)DEAD.*": true, ".*": true, "[^0-9a-f-]+": false, "[^0-9a-f-]*": true, `\bx\b`: false, `\b.x?\b`: true,
		"beef.*g?": true, "beef.*g": false, "é": false, "[aé]": true, "a{3}(b|[g-z]){2}": true, "a{3}[g-z]{2}": false, `[^\x00-\x{10FFFF}]`: false,
	} {
		r, err := NewRegex(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.MatchesSome(hex); got != want {
			t.Errorf("%q matches some string of hex digits: %v", expr, got)
		}
	}
}
