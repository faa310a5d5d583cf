package traceql

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	candidates := []string{"duration", "status", "statusMessage", "name", "nestedSetLeft", "nil", "kind", "rate"}
	for word, want := range map[string]string{
		"durration": "duration", "duratoin": "duration", "DURATION": "duration", "dur": "", "nam": "name", "naem": "name", "statusMsg": "status",
		"ratee": "rate", "kinds": "kind", "nul": "nil", "x": "", "zzzz": "", "": "", "and": "&&", "traceID": "trace:id",
		strings.Repeat("x", 1000): "", "duration" + strings.Repeat("x", 1000): "duration",
	} {
		if got := nearest(word, candidates); got != want {
			t.Errorf("%q is like %q, want %q", brief(word), got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "xabc", 1}, {"abcd", "abdc", 1},
		{"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got, back := editDistance(c.a, c.b), editDistance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("from %q to %q: %d, back %d; want %d", c.a, c.b, got, back, c.want)
		}
	}
}
