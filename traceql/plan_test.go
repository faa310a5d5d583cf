package traceql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clewhq/clew/store"
)

// Predicates are printed as the store prints them, several with a semicolon between.
func TestPlan(t *testing.T) {
	for _, c := range []struct {
		query, needs, where string
		eachSpan            bool
	}{
		{`{ }`, ``, ``, true},
		{`{ true || .a = 1 }`, ``, ``, true},
		{`{ false && .a = 1 }`, `false`, `false`, true},
		{`{ 1 > 2 }`, `false`, `false`, true},
		{`{ .a = 1 }`, `.a = 1`, `.a = 1`, true},
		{`{ 1 < .a }`, `.a > 1`, `.a > 1`, true},
		{`{ .a }`, `.a = true`, `.a = true`, true},
		{`{ !.a }`, `!(.a = true)`, `!(.a = true)`, true},
		{`{ .a = nil }`, `!(.a != nil)`, `!(.a != nil)`, true},
		{`{ nil != span.a }`, `span.a != nil`, `span.a != nil`, true},
		{`{ name != nil }`, `name != nil`, `name != nil`, true},
		{`{ .a != 1h }`, `.a != 3600000000000`, `.a != 3600000000000`, true},
		{`{ .a !~ "x" }`, `.a !~ "x"`, `.a !~ "x"`, true},
		{`{ (.a = 1) = false }`, `!(.a = 1)`, `!(.a = 1)`, true},
		{`{ status = error && kind != server }`, `(status = 2) && (kind != 2)`, `(status = 2) && (kind != 2)`, true},
		{`{ status = 2 }`, `status = 2`, `status = 2`, true},
		{`{ duration > 1.5 }`, `duration > 1.5`, `duration > 1.5`, true},
		{`{ .a = error }`, `.a = 2`, `.a = 2`, true},
		// Ids.
		{`{ trace:id = "0aB" }`, `trace:id = 0x000000000000000000000000000000ab`, `trace:id = 0x000000000000000000000000000000ab`, true},
		{`{ span:id = "xyz" }`, `false`, `false`, true},
		{`{ span:parentID != "xyz" }`, `span:parentID != nil`, `span:parentID != nil`, true},
		{`{ span:id =~ "a.*" }`, `span:id =~ "a.*"`, `span:id =~ "a.*"`, true},
		{`{ span:id > "0f" }`, `span:id >= 0x0f00000000000000`, `span:id >= 0x0f00000000000000`, true},
		// The service name that is always there.
		{`{ resource.service.name = "x" }`, `resource.service.name = "x"`, `resource.service.name = "x"`, true},
		{`{ resource.service.name = "" }`, `(resource.service.name = "") || (!(resource.service.name != nil))`,
			`(resource.service.name = "") || (!(resource.service.name != nil))`, true},
		{`{ resource.service.name != nil }`, ``, ``, true},
		// What is cheap comes first.
		{`{ .a = 1 && span.b = 1 && name =~ "x" && status = ok && resource.c = 1 }`,
			`(status = 1) && (resource.c = 1) && (span.b = 1) && (name =~ "x") && (.a = 1)`,
			`(status = 1) && (resource.c = 1) && (span.b = 1) && (name =~ "x") && (.a = 1)`, true},
		// Events and links.
		{`{ event.a = 1 }`, `event.a = 1`, `event.a = 1`, true},
		{`{ event.a = 1 && event:name = "x" }`, `event((event.a = 1) && (event:name = "x"))`, `event((event.a = 1) && (event:name = "x"))`, true},
		{`{ event.a = nil }`, `event(!(event.a != nil))`, `event(!(event.a != nil))`, true},
		{`{ event.a = 1 && !(event.b = 2) }`, `(event.a = 1) && (!(event.b = 2))`, `(event.a = 1) && (!(event.b = 2))`, true},
		{`{ event.a = error && event.b = 1 }`, `(event.a = 2) && (event((event.a = 2) && (event.b = 1)))`,
			`event.a = 2; event((event.a = 2) && (event.b = 1))`, true},
		{`{ link.a = 1 && event.a = 1 && link.b = 2 }`, `(event.a = 1) && (link((link.a = 1) && (link.b = 2)))`,
			`(event.a = 1) && (link((link.a = 1) && (link.b = 2)))`, true},
		// Evaluated row by row.
		{`{ .a > .b }`, `(.a != nil) && (.b != nil)`, `(.a != nil) && (.b != nil)`, true},
		{`{ .a + duration > span.b && name = "x" }`, `(name = "x") && (span.b != nil) && (.a != nil)`,
			`(span.b != nil) && (.a != nil); name = "x"`, true},
		{`{ .a + 1 = nil }`, ``, ``, true},
		{`{ !(.a > .b) }`, ``, `(.a != nil) && (.b != nil)`, true},
		{`{ .a = 1 || .b > .c }`, `(.a = 1) || ((.b != nil) && (.c != nil))`, `(.b != nil) && (.c != nil); .a = 1`, true},
		{`{ (.a = 1) = (.b = 1) }`, ``, `.a = 1; .b = 1`, true},
		// What takes the whole trace.
		{`{ parent.a = 1 && .b = 2 }`, `.b = 2; .a = 1`, `.a = 1; .b = 2`, false},
		{`{ parent.a = nil }`, ``, `!(.a != nil)`, false},
		{`{ parent.event.a = 1 && parent.event.b = 1 }`, `event((event.a = 1) && (event.b = 1))`, `event((event.a = 1) && (event.b = 1))`, false},
		{`{ rootName = "x" && .a = 1 }`, `.a = 1; name = "x"`, `.a = 1`, false},
		{`{ rootName = "x" || .a = 1 }`, `(name = "x") || (.a = 1)`, `.a = 1`, false},
		{`{ rootServiceName != "x" }`, ``, ``, false},
		{`{ nestedSetParent < 0 }`, ``, ``, false},
		{`{ traceDuration > 1s }`, ``, ``, false},
		// Spansets.
		{`{ .a = 1 } && { .b = 1 }`, `.a = 1; .b = 1`, `.a = 1; .b = 1`, false},
		{`{ .a = 1 } || { .b = 1 }`, `(.a = 1) || (.b = 1)`, `.a = 1; .b = 1`, true},
		{`({ .a = 1 } && { .b = 1 }) || { .c = 1 }`, `(.a = 1) || (.c = 1); (.b = 1) || (.c = 1)`, `.a = 1; .b = 1; .c = 1`, false},
		{`{ .a = 1 } || { }`, ``, `.a = 1`, true},
		{`{ .a = 1 } >> { .b = 1 }`, `.a = 1; .b = 1`, `.a = 1; .b = 1`, false},
		{`{ .a = 1 } !>> { .b = 1 }`, `.b = 1`, `.a = 1; .b = 1`, false},
		{`{ .a = 1 } &~ { .b = 1 }`, `.a = 1; .b = 1`, `.a = 1; .b = 1`, false},
		{`{ .a = 1 } | { .b = 1 }`, `.a = 1; .b = 1`, `.a = 1; .b = 1`, true},
		{`{ .a = 1 } | by(.b) | select(.c)`, `.a = 1`, `.a = 1`, true},
		{`{ .a = 1 } | count() > 1`, `.a = 1`, `.a = 1`, false},
		{`{ .a = 1 } | max(.b) > 1`, `.a = 1; .b != nil`, `.a = 1`, false},
		{`({ .a = 1 } | count()) > ({ .b = 1 } | count())`, `(.a = 1) || (.b = 1)`, `.a = 1; .b = 1`, false},
		{`({ .a = 1 } | avg(.c)) > 1`, `.c != nil; .a = 1`, `.a = 1`, false},
		{`(({ .a = 1 } | count() > 1) && { .b = 1 }) | { .c = 1 }`, `.a = 1; .b = 1; .c = 1`, `.a = 1; .b = 1; .c = 1`, false},
	} {
		p := &planner{}
		if _, err := p.pipeline(parsed(t, c.query).Search); err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		q := p.chunkQuery(store.TimeRange{})
		got := [3]string{predicatesText(q.Needs), predicatesText(q.Where), fmt.Sprint(q.EachSpan)}
		if want := [3]string{c.needs, c.where, fmt.Sprint(c.eachSpan)}; got != want {
			t.Errorf("%s\n got needs %s, where %s, each span %s\nwant needs %s, where %s, each span %s",
				c.query, got[0], got[1], got[2], want[0], want[1], want[2])
		}
	}
}

func predicatesText(list []store.Predicate) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return strings.Join(texts, "; ")
}

func TestIDsInOrder(t *testing.T) {
	const digits = 4
	texts := []string{"", "0", "00", "12", "12a", "12ab", "12ab0", "12abz", "1 2", "9", "9:", "A", "az", "fff", "ffff", "ffff0", "g", "f\xff", "ff9z", "0fffz"}
	for _, text := range texts {
		first, ok := firstID(text, digits)
		if !ok {
			first = "past all"
		}
		want := "past all"
		for id := range 1 << 16 {
			if s := fmt.Sprintf("%04x", id); s >= text {
				want = s
				break
			}
		}
		if first != want {
			t.Errorf("the first id not before %q is %s, want %s", text, first, want)
		}
	}
}
