package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// Without an automaton matching would be right, but slow.
func TestRegexHasAnAutomaton(t *testing.T) {
	var letters []string
	for r := rune(0x4e00); len(letters) < 1000; r++ {
		letters = append(letters, string(r))
	}
	for _, c := range []struct {
		expr string
		want bool
	}{
		{"", true},
		{"^abc$", true},
		{`\Aabc\z`, true},
		{"(?i).*straße.*", true},
		{`\p{L}{1000}`, true},
		{strings.Join(letters[:500], "."), true},
		{`\bfoo`, false},
		{`a\Bb`, false},
		{"(?m)^a", false},
		{"(?m)a$", false},
		{strings.Repeat(".{1000}", dfaMaxInsts/1000+1), false},
		{strings.Join(letters, "."), false}, // too many classes of runes
	} {
		r := mustRegex(t, c.expr)
		if got := r.dfa != nil; got != c.want {
			t.Errorf("%.20q: automaton %v, want %v", c.expr, got, c.want)
		}
	}
}

// after returns the state that text leads to.
func after(d *dfa, text string) *dfaState {
	s := d.start
	for _, r := range text {
		s = d.build(s, d.slot(s, r), r)
	}
	return s
}

func TestAutomatonKnowsWhenToStop(t *testing.T) {
	for _, c := range []struct {
		expr, text       string
		settled, accepts bool
	}{
		{".*", "", true, true},
		{`[\s\S]*`, "", true, true},
		{"[^a]*", "", false, true},
		{"(?-s:.*)", "", false, true}, // a newline does not match
		{".*a.*", "xxx", false, false},
		{".*a.*", "xxxa", true, true},
		{".*a.*b(.*)$", "ba", false, false},
		{".*a.*b(.*)$", "bab", true, true},
		{".*a.+", "a", false, false},
		{".*a.+", "aé", true, true},
		{".*a.{3,}", "abcd", true, true},
		{".*a.{0,3}", "abcd", false, true},
		{"(.x|.*)", "", false, true}, // it does, but that shows a rune later
		{"(.x|.*)", "a", true, true},
		{"ab|cd", "x", true, false},
		{"ab|cd", "abc", true, false},
		{"ab|cd", "ab", false, true},
		{"a^b", "a", true, false},
		{"é+", "è", true, false},
	} {
		r := mustRegex(t, c.expr)
		s := after(newRegexOracle(t, r).bare, c.text)
		if s.settled != c.settled || s.accepts != c.accepts {
			t.Errorf("%q after %q: settled %v, accepts %v", c.expr, c.text, s.settled, s.accepts)
		}
	}
}

func TestRunesThatNothingTellsApartAreOneClass(t *testing.T) {
	for _, c := range []struct {
		expr    string
		classes int
		same    string // runes of one class
		other   rune   // and one of another, 0: none
	}{
		{".*[g-z][^x]", 1, "\u0080é\U0010ffff\ufffd", 0},
		{"é", 2, "\u0080è\U0010ffff\ufffd", 'é'},
		{"(?i)k", 2, "\u0080é", '\u212a'},
		{"[à-ý]+", 2, "àéý", '\u00ff'},
		{"[à-ý]é?", 3, "àýè", 'é'},
		{`\p{Greek}{1,50}|\pN`, 4, "αω", '٣'},
		{"[^\x00-\x7f]", 1, "\u0080\U0010ffff", 0},
		{`\x{10FFFF}|[\x{80}]`, 2, "\u0081\U0010fffe", '\U0010ffff'},
	} {
		classes := newRegexOracle(t, mustRegex(t, c.expr)).bare.classes
		if classes.n != c.classes {
			t.Errorf("%q: %d classes, want %d", c.expr, classes.n, c.classes)
		}
		var class uint32
		for i, r := range c.same {
			if i == 0 {
				class = classes.of(r)
			} else if classes.of(r) != class {
				t.Errorf("%q: %q is of class %d, others of %d", c.expr, r, classes.of(r), class)
			}
		}
		if c.other != 0 && classes.of(c.other) == class {
			t.Errorf("%q: %q is of the class of %q", c.expr, c.other, c.same)
		}
	}
}

// What has more states than there is room for is matched all the same.
func TestAutomatonStaysWithinItsMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, expr := range []string{".*[ab].{14}", "(.*é.{12})?"} { // 2^14 states
		r := mustRegex(t, expr)
		o := newRegexOracle(t, r)
		matched := 0
		for range 5000 {
			s := make([]rune, rng.IntN(40))
			for i := range s {
				s[i] = []rune("aé-")[rng.IntN(3)]
			}
			o.check(t, string(s))
			if r.MatchString(string(s)) {
				matched++
			}
		}
		if !r.dfa.full.Load() || !o.bare.full.Load() || matched == 0 {
			t.Errorf("%q: %d states, %d strings matched", expr, len(r.dfa.states), matched)
		}
		if r.dfa.memory > dfaMaxMemory+4096 {
			t.Errorf("%q: %d bytes in %d states", expr, r.dfa.memory, len(r.dfa.states))
		}
		if r.dfa.memory > 2*1024*len(r.dfa.states) || r.dfa.memory < 1024*len(r.dfa.states) {
			t.Errorf("%q: %d states of %d bytes in all", expr, len(r.dfa.states), r.dfa.memory)
		}
	}
}

// exprGen makes expressions, and strings that often match them.
type exprGen struct{ *rand.Rand }

// atoms are expressions of one rune or none, with a string that matches most of them.
var atoms = [][2]string{
	{"a", "a"}, {"a", "a"}, {"b", "b"}, {"-", "-"}, {"0", "0"}, {"s", "s"}, {"k", "k"}, {"é", "é"}, {"語", "語"}, {"Ω", "Ω"}, {`\n`, "\n"},
	{".", "b"}, {".", "é"}, {".", "\xff"}, {"(?-s:.)", "k"}, {"[a-c]", "b"}, {"[^a]", "é"}, {"[^a-z0-9]", "\xe2"}, {`\d`, "0"}, {`\W`, "\n"},
	{"[[:alpha:]]", "k"}, {`\pL`, "語"}, {`\PL`, "0"}, {`\p{Greek}`, "Ω"}, {`[à-ÿ]`, "é"}, {`[^\x00-\x7f]`, "\xc3"}, {`\x{FFFD}`, "\xff"},
	{`[\x{10000}-\x{10FFFF}]`, "\U0001F600"}, {`[\s\S]`, "a"}, {`\Qa.b\E`, "a.b"},
	{"", ""}, {"", ""}, {"^", ""}, {"$", ""}, {`\A`, ""}, {`\z`, ""}, {`\b`, ""}, {`\B`, ""}, {"(?m:^)", ""}, {"(?m:$)", ""},
}

func (g exprGen) expr(depth int) (expr, s string) {
	if depth == 0 || g.IntN(4) == 0 {
		a := atoms[g.IntN(len(atoms))]
		return a[0], a[1]
	}
	e1, s1 := g.expr(depth - 1)
	switch g.IntN(9) {
	case 0, 1, 2:
		e2, s2 := g.expr(depth - 1)
		return e1 + e2, s1 + s2
	case 3, 4:
		e2, s2 := g.expr(depth - 1)
		if g.IntN(2) == 0 {
			s1 = s2
		}
		return "(?:" + e1 + "|" + e2 + ")", s1
	case 5:
		return "(" + e1 + ")", s1
	case 6:
		return "(?i:" + e1 + ")", strings.ToUpper(s1)
	case 7:
		lo, more := g.IntN(3), g.IntN(3)
		return fmt.Sprintf("(?:%s){%d,%d}", e1, lo, lo+more), strings.Repeat(s1, lo+g.IntN(more+1))
	}
	n := g.IntN(3)
	return "(?:" + e1 + ")" + []string{"*", "+", "?", "*?", "{2,}"}[g.IntN(5)], strings.Repeat(s1, n)
}

// near returns s with a few changes, maybe none.
func (g exprGen) near(s string) string {
	for range g.IntN(4) {
		at := g.IntN(len(s) + 1)
		tail := s[at:]
		if tail != "" && g.IntN(2) == 0 {
			tail = tail[1:] // maybe out of the middle of a rune
		}
		s = s[:at] + atoms[g.IntN(len(atoms))][1] + tail
	}
	return s
}

// round checks one expression on many strings, by several goroutines at once.
func (g exprGen) round(t *testing.T, workers int) {
	expr, s := g.expr(4)
	r, err := NewRegex(expr)
	if err != nil {
		t.Fatalf("NewRegex(%q): %v", expr, err)
	}
	texts := make([]string, 16)
	for i := range texts {
		texts[i] = g.near(s)
	}
	o := newRegexOracle(t, r)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for _, s := range texts {
				o.check(t, s)
			}
		})
	}
	wg.Wait()
}

func TestRegexOnRandomExpressions(t *testing.T) {
	for seed := range uint64(3000) {
		exprGen{rand.New(rand.NewPCG(seed, 0))}.round(t, 1)
	}
}

func TestRegexIsSafeForConcurrentUse(t *testing.T) {
	for seed := range uint64(300) {
		exprGen{rand.New(rand.NewPCG(seed, 1))}.round(t, 4)
	}
}

func FuzzRegexGrammar(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, "a\xffé")
	}
	f.Fuzz(func(t *testing.T, seed uint64, s string) {
		g := exprGen{rand.New(rand.NewPCG(seed, 2))}
		expr, _ := g.expr(5)
		o := newRegexOracle(t, mustRegex(t, expr))
		o.check(t, s)
		o.check(t, g.near(s))
		g.round(t, 2)
	})
}
