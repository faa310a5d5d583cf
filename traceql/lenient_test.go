package traceql

import "testing"

func TestParseLenient(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// Finished.
		{`{ .a = 1 }`, `.a = 1`},
		{`{ .a = 1 && span.b =~ "x" } | rate()`, `.a = 1 && span.b =~ "x"`},
		{`{ (.a = 1 || .b = 2) && !(.c = 3) }`, `(.a = 1 || .b = 2) && !(.c = 3)`},
		{`{ nestedSetParent < 0 && true && resource.b = "x" }`, `nestedSetParent < 0 && resource.b = "x"`},
		{`{ .a = nil && .b != nil }`, `.a = nil && .b != nil`},

		// An unfinished matcher is true.
		{`{ .a = "x" && resource.b = `, `.a = "x"`},
		{`{ .a = "x" && resource.b = }`, `.a = "x"`},
		{`{ .a = "x" && resource.b =~ "ab`, `.a = "x"`},
		{`{ .a = "x" && resource.b`, `.a = "x"`},
		{`{ .a = "x" && resource.`, `.a = "x"`},
		{`{ .a = "x" && `, `.a = "x"`},
		{`{ .a = "x" &`, ``},
		{`{ resource.b = && .a = "x" }`, `.a = "x"`},
		{`{ && .a = "x" && && .b = "y" }`, `.a = "x" && .b = "y"`},
		{`{ .a = "x" .b && .c = 1 }`, `.c = 1`},
		{`{ name = 5 && .c = 1 }`, `.c = 1`},
		{`{ durration > 1s && .c =~ "(" && .d > 1 }`, `.d > 1`},
		{`{ .a = 1 && (.b = 2 && .c`, `.a = 1 && .b = 2`},
		{`{ .a = 1 && (.b = 2 && .c = )`, `.a = 1 && .b = 2`},
		{`{ .a = 1 && !(.b = 2 && .c`, `.a = 1`},
		{`{ .a = 1 && ((.b = 2 && .c`, `.a = 1 && .b = 2`},
		{`{ .a = 1 ) && .b = 2`, `.b = 2`},
		{`{ .a + 1 && .b = 2`, `.b = 2`},

		// What may be true makes the whole of || true.
		{`{ .a = 1 || .b = `, ``},
		{`{ .a = 1 || .b = 2`, `.a = 1 || .b = 2`},
		{`{ .a = 1 || .b = && .c = 3`, `.c = 3`},
		{`{ .a = || .b = 2 && .c = 3`, `.c = 3`},
		{`{ .a = 1 && .c = 3 || `, ``},
		{`{ (.a = 1 || .b = ) && .c = 3`, `.c = 3`},

		// Of several filters, the open one.
		{`{ .a = 1 } >> { .b = 2 && .c`, `.b = 2`},
		{`{ .a = 1 } | rate() by (`, `.a = 1`},
		{`{ .a = 1 } >> { .b = 2 } | rate() by (`, ``},
		{`{ .a = 1 } | compare({ .b = 2 && `, `.b = 2`},
		{`count() > 1`, ``},
		{`{`, ``},
		{`{}`, ``},
		{`{ "`, ``},
		{`{ /*`, ``},
		{"{ .a = \"\xff\" && .b = 1", ``},

		// Plain words.
		{`service=a duration > 1s `, `resource.service.name = "a" && duration > 1s`},
		{`service=a dur`, `resource.service.name = "a"`},
		{`service=a dur `, `resource.service.name = "a" && (name =~ "(?i).*dur.*" || resource.service.name =~ "(?i).*dur.*")`},
		{`service=a k=`, `resource.service.name = "a"`},
		{`service=a k="b`, `resource.service.name = "a"`},
		{`service=a status=x k="b" = (c`, `resource.service.name = "a" && .k = "b"`},
		{`service=a OR `, ``},
		{`service=a OR k=b`, `resource.service.name = "a" || .k = "b"`},
		{`service=a OR k=`, ``},
		{`service=a AND `, `resource.service.name = "a"`},
		{`service=a !k`, `resource.service.name = "a" && .k = nil`},
		{``, ``},
	} {
		got := ""
		if e := parseLenient(c.text); e != nil {
			got = e.String()
		}
		if got != c.want {
			t.Errorf("%s\ngives %s\nwant  %s", c.text, got, c.want)
		}
	}
}
