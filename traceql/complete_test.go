package traceql

import (
	"slices"
	"strings"
	"testing"
)

// A bar in the text is where the cursor stands; || stands for a bar.
func TestComplete(t *testing.T) {
	for _, c := range []struct {
		text string
		// replaced is the word at the cursor; prefix what was typed of it.
		replaced, prefix string
		attributes       string // the scope, "any" or "" if there may be none; of the parent's with "parent."
		values           string
		words            []string // some that are offered
		not              []string // some that are not
	}{
		{text: "|", words: []string{"{", "count()", "by("}, not: []string{"coalesce()", "rate()", "|"}},
		{text: "{|", attributes: "any", words: []string{"duration", "span.", "event:name", "true"}, not: []string{"=", "count()"}},
		{text: "{ du|", replaced: "du", prefix: "du", attributes: "any", words: []string{"duration"}, not: []string{"name"}},
		{text: "{ du|ra > 1s }", replaced: "dura", prefix: "du", attributes: "any", words: []string{"duration"}},
		{text: "{ span.ht|tp.method = 1 }", replaced: "span.http.method", prefix: "ht", attributes: "span"},
		{text: "{ span.|", replaced: "span.", attributes: "span", not: []string{"span."}},
		{text: "{ .|", replaced: ".", attributes: "any"},
		{text: "{ .5|", replaced: ".5", prefix: "5", attributes: "any"},
		{text: `{ span."a b|`, replaced: `span."a b`, prefix: "a b", attributes: "span"},
		{text: "{ parent.resource.x| = 1", replaced: "parent.resource.x", prefix: "x", attributes: "parent.resource"},
		{text: "{ parent.x|", replaced: "parent.x", prefix: "x", attributes: "parent.any"},
		{text: "{ event:n|", replaced: "event:n", prefix: "event:n", attributes: "any", words: []string{"event:name"}},
		{text: "{ .a = 1 && |", attributes: "any"},
		{text: "{ (|", attributes: "any"},
		{text: "{ !|", attributes: "any"},
		{text: "{ duration + |", attributes: "any"},

		{text: "{ duration |", words: []string{">", "<=", "+", "&&", "}"}, not: []string{"=~"}},
		{text: "{ status |", words: []string{"=", "!="}, not: []string{">", "=~"}},
		{text: "{ name |", words: []string{"=", "=~", "!~"}, not: []string{"+"}},
		{text: "{ .a |", words: []string{"=", "=~", "+", "||"}},
		{text: "{ .a !|", replaced: "!", prefix: "!", words: []string{"!=", "!~"}, not: []string{"="}},
		{text: "{ .a = 1 |", words: []string{"&&", "||", "}"}, not: []string{"="}},
		{text: "{ .a = 1 &|", replaced: "&", prefix: "&", words: []string{"&&"}},
		{text: "{ (.a = 1) |", words: []string{"&&", "}"}},

		{text: "{ span.a = |", values: "span.a", words: []string{"true", "nil"}},
		{text: "{ span.a =~ |", values: "span.a", not: []string{"nil"}},
		{text: `{ span.a = "x|y" && .b = 1 }`, replaced: `"xy"`, prefix: "x", values: "span.a"},
		{text: `{ span.a = "x|`, replaced: `"x`, prefix: "x", values: "span.a"},
		{text: "{ status = e|", replaced: "e", prefix: "e", values: "status", words: []string{"error"}, not: []string{"ok"}},
		{text: "{ span:kind != |", values: "kind", words: []string{"server", "client", "nil"}},
		{text: "{ name = |", values: "name", not: []string{"nil"}},
		{text: "{ span.a = 1 && resource.b >= |", values: "resource.b"},

		{text: "{ } |", words: []string{"|", ">>", "&&", "with("}, not: []string{"{", ")"}},
		{text: "({ } |", words: []string{"|", ")"}},
		{text: "{ } > |", words: []string{"{", "("}, not: []string{"count()"}},
		{text: "{ } || |", words: []string{"{"}, not: []string{"rate()"}},
		{text: "{ } \x00 |", words: []string{"{", "coalesce()", "rate()", "avg(", "select("}, not: []string{"topk("}},
		{text: "{ } \x00 ra|", replaced: "ra", prefix: "ra", words: []string{"rate()"}, not: []string{"{"}},
		{text: "{ } \x00 count() |", words: []string{">", "+"}, not: []string{"|", "by ("}},
		{text: "{ } \x00 count() > 1 |", words: []string{"|"}, not: []string{">"}},
		{text: "{ } \x00 by(|", attributes: "any"},
		{text: "{ } \x00 by(duration |", words: []string{")", "+"}, not: []string{"}"}},
		{text: "{ } \x00 max(|", attributes: "any"},
		{text: "{ } \x00 select(|", attributes: "any"},
		{text: "{ } \x00 select(.a |", words: []string{",", ")"}},
		{text: "{ } \x00 select(.a, resource.x|", replaced: "resource.x", prefix: "x", attributes: "resource"},

		{text: "{ } \x00 rate() |", words: []string{"by (", "|", ">", "with("}, not: []string{"+"}},
		{text: "{ } \x00 rate() by (|", attributes: "any"},
		{text: "{ } \x00 rate() by (name) |", words: []string{"|", ">"}, not: []string{"by (", "+"}},
		{text: "{ } \x00 rate() \x00 |", words: []string{"topk(", "bottomk("}, not: []string{"rate()"}},
		{text: "({ } \x00 rate()) |", words: []string{"/", "|"}, not: []string{"by ("}},
		{text: "({ } \x00 rate() |", words: []string{")", "by ("}},
		{text: "{ } \x00 quantile_over_time(|", attributes: "any"},
		{text: "{ } \x00 quantile_over_time(duration, |", words: []string{"0.99"}},
		{text: "{ } \x00 compare(|", words: []string{"{"}},
		{text: "{ } \x00 compare({ |", attributes: "any"},
		{text: "{ } with(|", words: []string{"most_recent=", "sample="}},
		{text: "{ } with(sample=|", words: []string{"true"}},
		{text: "{ } with(sample=true |", words: []string{",", ")"}},

		{text: "serv|", replaced: "serv", prefix: "serv", attributes: "any", words: []string{"service"}, not: []string{"kind"}},
		{text: "service=|", values: "resource.service.name"},
		{text: "service=ch|eck dur", replaced: "check", prefix: "ch", values: "resource.service.name"},
		{text: `service="a b|`, replaced: `"a b`, prefix: "a b", values: "resource.service.name"},
		{text: "service = |", values: "resource.service.name"},
		{text: "service |", attributes: "any", words: []string{"=", "duration"}},
		{text: "service=x |", attributes: "any", words: []string{"duration"}, not: []string{"="}},
		{text: "service=x and du|", replaced: "du", prefix: "du", attributes: "any", words: []string{"duration"}},
		{text: "a=( status=er|", replaced: "er", prefix: "er", values: "status", words: []string{"error"}},
		{text: "error=|", values: ".error", words: []string{"true", "false"}},
		{text: "-span.h|", replaced: "span.h", prefix: "h", attributes: "span"},
		{text: "x=1 resource.k=|", values: "resource.k"},
	} {
		at := strings.LastIndexByte(c.text, '|')
		text := strings.ReplaceAll(c.text[:at]+c.text[at+1:], "\x00", "|")
		got := Complete(text, at)
		if text[got.Start:got.End] != c.replaced || got.Prefix != c.prefix {
			t.Errorf("%s: replaces %q by what begins with %q, want %q and %q", c.text, text[got.Start:got.End], got.Prefix, c.replaced, c.prefix)
		}
		attributes := ""
		if got.Attributes {
			if attributes = got.Scope.String(); attributes == "" {
				attributes = "any"
			}
			if got.Parent {
				attributes = "parent." + attributes
			}
		}
		values := ""
		if got.Values != nil {
			values = got.Values.String()
		}
		if attributes != c.attributes || values != c.values {
			t.Errorf("%s: offers attributes of %q, values of %q; want %q and %q", c.text, attributes, values, c.attributes, c.values)
		}
		for _, word := range c.words {
			if !slices.Contains(got.Words, word) {
				t.Errorf("%s: offers %q, want %q too", c.text, got.Words, word)
			}
		}
		for _, word := range c.not {
			if slices.Contains(got.Words, word) {
				t.Errorf("%s: offers %q", c.text, word)
			}
		}
	}
}

// What narrows the choices is what stands before the word.
func TestCompletionFilter(t *testing.T) {
	for _, c := range []struct {
		text   string
		cursor int
		want   string
	}{
		{`{ .a = 1 && span.b = "x" }`, 22, `.a = 1`},
		{`{ .a = 1 && span.b = "x" }`, 17, `.a = 1`},
		{`{ .a = 1 && span.b = "x" && .c = 3 }`, 30, `.a = 1 && span.b = "x"`},
		{`service=a -ope`, 14, `resource.service.name = "a"`},
		{`service=a k=v`, 13, `resource.service.name = "a"`},
	} {
		got := parseLenient(Complete(c.text, c.cursor).Filter)
		if got == nil || got.String() != c.want {
			t.Errorf("%s at %d: filter is %v, want %s", c.text, c.cursor, got, c.want)
		}
	}
}

// A choice that is put in its place makes a text that goes on to be understood.
func TestChoicesFit(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"{ ", " }"}, {"{ name ", ` "x" }`}, {"{ .a = 1 ", " .b }"}, {"{ status = ", " }"}, {"{ kind = ", " }"},
		{"{ .a } ", " { .b }"}, {"{ .a } | rate() by (", ")"}, {"{ .a } | rate() ", " 1"},
	} {
		fits := 0
		for _, word := range Complete(c.before, len(c.before)).Words {
			if _, err := Parse(c.before + word + c.after); err == nil {
				fits++
			}
		}
		if fits == 0 {
			t.Errorf("no choice fits between %q and %q", c.before, c.after)
		}
	}
}
