package traceql

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// free is what a word without a key stands for.
func free(expr string) string {
	quoted := StringStatic("(?i).*" + expr + ".*").String()
	return "(name =~ " + quoted + " || resource.service.name =~ " + quoted + ")"
}

const isErrorText = "(status = error || .error = true)"

// plainWords has plain words and the body of the filter that they stand for.
var plainWords = []struct{ text, body string }{
	{"service=checkout", `resource.service.name = "checkout"`},
	{"service=my-service duration > 1s", `resource.service.name = "my-service" && duration > 1s`},
	{"service=my-service error=true tags.http.status_code >= 500", `resource.service.name = "my-service" && ` + isErrorText + ` && (.http.status_code >= 500 || .http.response.status_code >= 500)`},
	{"service!=a service=~b.* service!~c", `resource.service.name != "a" && resource.service.name =~ "b.*" && resource.service.name !~ "c"`},
	{"service=500", `resource.service.name = "500"`},

	// Keys.
	{"operation=x name=y", `name = "x" && name = "y"`},
	{`operation="GET /api" name!='a "b"'`, `name = "GET /api" && name != "a \"b\""`},
	{"status=error status!=OK status=Unset", `status = error && status != ok && status = unset`},
	{"kind=server kind!=client", `kind = server && kind != client`},
	{"duration>=1.5s duration<1d12h duration=0", `duration >= 1.5s && duration < 1d12h && duration = 0`},
	{"minDuration=1s maxDuration=2m", `duration >= 1s && duration <= 2m`},
	{"error=true", isErrorText[1 : len(isErrorText)-1]},
	{"error!=false", isErrorText[1 : len(isErrorText)-1]},
	{"error=false", "!" + isErrorText},
	{"error!=true", "!" + isErrorText},
	{"!error", "!" + isErrorText},
	{"error=timeout", `.error = "timeout"`},
	{`"error"=true`, `.error = true || .error = "true"`},
	{"traceID=0af7 trace=b7", `trace:id = "0af7" && trace:id = "b7"`},
	{"tags.k=v tag.k=v attributes.k=v .k=v k=v", `.k = "v" && .k = "v" && .k = "v" && .k = "v" && .k = "v"`},
	{"span.k=v resource.k=v event.k=v link.k=v instrumentation.k=v", `span.k = "v" && resource.k = "v" && event.k = "v" && link.k = "v" && instrumentation.k = "v"`},
	{"parent.k=v parent.span.k=v", `parent.k = "v" && parent.span.k = "v"`},
	{"rootName=x trace:rootService=y trace:duration>1s nestedSetParent<0 span:childCount=3 span:id=ab", `rootName = "x" && rootServiceName = "y" && traceDuration > 1s && nestedSetParent < 0 && span:childCount = 3 && span:id = "ab"`},
	{`"my key"=v 'tags.k'=v`, `."my key" = "v" && .tags.k = "v"`},

	// Attributes that have another name today, unless it is said which is meant.
	{"http.method=PUT http.url!~a http.user_agent>b", `(.http.method = "PUT" || .http.request.method = "PUT") && (.http.url !~ "a" || .url.full !~ "a") && (.http.user_agent > "b" || .user_agent.original > "b")`},
	{"parent.http.status_code<400 !tags.http.method", `(parent.http.status_code < 400 || parent.http.response.status_code < 400) && (.http.method = nil && .http.request.method = nil)`},
	{"-http.method=PUT http.status_code=5", `!(.http.method = "PUT" || .http.request.method = "PUT") && (.http.status_code = 5 || .http.status_code = "5" || (.http.response.status_code = 5 || .http.response.status_code = "5"))`},
	{`"http.method"=PUT span.http.method=PUT http.request.method=PUT`, `.http.method = "PUT" && span.http.method = "PUT" && .http.request.method = "PUT"`},

	// Values.
	{"k=500", `.k = 500 || .k = "500"`},
	{"k!=500", `.k != 500 || .k != "500"`},
	{"k=-1.5 j=1e3", `(.k = -1.5 || .k = "-1.5") && (.j = 1000.0 || .j = "1e3")`},
	{"k=true j!=false", `(.k = true || .k = "true") && (.j != false || .j != "false")`},
	{"k=T j=TRUE", `.k = "T" && .j = "TRUE"`},
	{"k=1s", `.k = 1s || .k = "1s"`},
	{"k>=500 k<1.5 k>1m k<=-3", `.k >= 500 && .k < 1.5 && .k > 1m && .k <= -3`},
	{"k>=abc k<true", `.k >= "abc" && .k < "true"`},
	{`k="500" j='true' i>"5"`, `.k = "500" && .j = "true" && .i > "5"`},
	{`k=~5.. j!~"a b"`, `.k =~ "5.." && .j !~ "a b"`},
	{"k=99999999999999999999 j=0x10 i=1e999", `.k = "99999999999999999999" && .j = "0x10" && .i = "1e999"`},
	{"url=http://x/?a=b&c=d", `.url = "http://x/?a=b&c=d"`},
	{"k = v   j\t!=\nw", `.k = "v" && .j != "w"`},
	{`k="a\tb\"" j='a\tb'`, `.k = "a\tb\"" && .j = ` + "`a\\tb`"},
	{"k=-", `.k = "-"`},
	{`k=""`, `.k = ""`},

	// Absence and negation.
	{"!k -j !span.k -'a b'", `.k = nil && .j = nil && span.k = nil && ."a b" = nil`},
	{"!span:parentID", "span:parentID = nil"},
	{"!k=v -k=v -k>5", `!(.k = "v") && !(.k = "v") && !(.k > 5)`},
	{"!k=5", `!(.k = 5 || .k = "5")`},

	// Connectives.
	{"a=x AND b=y and c=z && d=w", `.a = "x" && .b = "y" && .c = "z" && .d = "w"`},
	{"a=x OR b=y or c=z || d=w", `.a = "x" || .b = "y" || .c = "z" || .d = "w"`},
	{"a=x b=y OR c=z d=w", `(.a = "x" && .b = "y") || (.c = "z" && .d = "w")`},
	{`a="x"'or'OR b=y`, `(.a = "x" && ` + free("or") + `) || .b = "y"`},
	{"-100 -k", `."100" = nil && .k = nil`},
	{"and=x or = y", `.and = "x" && .or = "y"`},
	{`"and" 'or'`, free("and") + " && " + free("or")},

	// Free text.
	{"checkout", free("checkout")[1 : len(free("checkout"))-1]},
	{`cart "add item" a.b(c)`, free("cart") + " && " + free("add item") + " && " + free(`a\.b\(c\)`)},
	{"- ! a-b", free("-") + " && " + free("!") + " && " + free("a-b")},
	{"cart OR error=true", `name =~ "(?i).*cart.*" || resource.service.name =~ "(?i).*cart.*" || ` + isErrorText},
	{"rate", free("rate")[1 : len(free("rate"))-1]},
	{"", ""},
	{" \n ", ""},
}

// badWords has plain words that cannot be understood, with the column and the message of the error.
var badWords = []struct {
	text    string
	column  int
	message string
}{
	{"service=", 9, "expected a value behind service="},
	{"service = ", 11, "expected a value behind service="},
	{"=5", 1, `unexpected "=": expected a key before it, as in service=checkout`},
	{"a=1 >5", 5, `unexpected ">": expected a key before it, as in service=checkout`},
	{"a==5", 3, `unexpected "=" behind "=": use = != > >= < <= =~ or !~ (put a value in quotes that begins with one of them)`},
	{"a= !=5", 4, `unexpected "!=" behind "=": use = != > >= < <= =~ or !~ (put a value in quotes that begins with one of them)`},
	{`a="x`, 3, `string is not closed: expected "`},
	{"a='x", 3, "quote is not closed: expected '"},
	{`ä="\d"`, 4, `unknown escape in a string: write \\ for a backslash, or put the string in backquotes`},
	{"a OR", 3, "expected a condition behind OR"},
	{"OR a", 1, "expected a condition before OR"},
	{"a OR or b", 6, "expected a condition before OR"},
	{"AND a", 1, "expected a condition on both sides of AND"},
	{"a and ", 3, "expected a condition on both sides of AND"},
	{"a AND OR b", 3, "expected a condition on both sides of AND"},
	{"a AND and b", 3, "expected a condition on both sides of AND"},
	{"a=1 | rate()", 5, `unexpected "|": parentheses, braces and bars are for TraceQL, which begins with { (put the word in quotes to search for it)`},
	{"a=1 (b=2 OR c=3)", 5, `unexpected "(": parentheses, braces and bars are for TraceQL, which begins with { (put the word in quotes to search for it)`},
	{"status=500", 8, "status is one of unset, ok, error"},
	{"kind=x", 6, "kind is one of unspecified, internal, server, client, producer, consumer"},
	{"status>error", 7, `">" cannot compare values of type status: only = and != can`},
	{"status=~err", 1, `"=~" needs text on its left side, but status is of type status`},
	{"duration>100", 10, "duration needs a duration with its unit, as 100ms, 1.5s or 2m"},
	{"duration>fast", 10, "duration needs a duration with its unit, as 100ms, 1.5s or 2m"},
	{"span:childCount>x", 17, "span:childCount needs an integer"},
	{"minDuration>1s", 12, `unexpected ">": minDuration is given with =, other conditions with duration`},
	{"k=~a(", 4, "bad regular expression: missing closing ): `a(`"},
	{"!service", 1, "resource.service.name is never nil: every span has it"},
	{"!name", 1, "name is never nil: every span has it"},
	{"tags.=1", 1, `expected the name of an attribute behind "tags."`},

	// What begins like TraceQL is taken as such.
	{"{ a", 3, `unknown intrinsic "a": for an attribute write .a or span.a, for text "a"`},
	{"(a=1 OR b=2)", 2, `unexpected "a": expected a filter in braces, "(" or a function`},
	{"count()", 8, "unexpected end of the query: expected a comparison, as in count() > 1"},
	{"-({} | rate())", 1, `unexpected "-": a sign stands before a number only; to negate something else, subtract it from 0`},
	{"-100 * ({} | rat())", 14, `unknown function "rat": did you mean "rate"?`},
	{"// words\n{ .a = }", 8, "unexpected \"}\": expected an attribute, an intrinsic or a value"},
}

func TestPlainWords(t *testing.T) {
	for _, c := range plainWords {
		q, err := ParseAny(c.text)
		if err != nil {
			t.Errorf("%s\n%v", c.text, err)
			continue
		}
		want := "{ " + c.body + " }"
		if c.body == "" {
			want = "{ }"
		}
		if got := q.String(); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", c.text, got, want)
		}
		checkPrinted(t, q)
	}
}

func TestPlainWordErrors(t *testing.T) {
	for _, c := range badWords {
		q, err := ParseAny(c.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s\nbecomes %v, error %v", c.text, q, err)
			continue
		}
		if line := 1 + strings.Count(c.text, "\n"); e.Line != line || e.Column != c.column || e.Message != c.message {
			t.Errorf("%s\n%d:%d: %s\nwant %d:%d: %s", c.text, e.Line, e.Column, e.Message, line, c.column, c.message)
		}
	}
}

func TestParseAnyTakesTraceQL(t *testing.T) {
	for _, c := range accepted {
		want, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseAny(c.text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nbecomes %v, %v", c.text, got, err)
		}
	}
}
