package traceql

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// accepted has queries as they are typed and as they are printed; "" where that is the same.
var accepted = []struct{ text, printed string }{
	// Evaluation.
	{"{}", "{ }"},
	{"{ true }", ""},
	{"{ false }", ""},
	{`{ resource.service.name = "cart" && duration > 1s }`, ""},
	{"{ .a } | { .b }", ""},

	// Lexical rules.
	{"  {  .a  =  1  }  ", "{ .a = 1 }"},
	{"{ .a = 1 } // the end", "{ .a = 1 }"},
	{"/* the start */ { /* inside */ .a = 1 // and so on\n\t&& .b = 2 }", "{ .a = 1 && .b = 2 }"},
	{"{ .a//b = 1 }", ""},
	{"{ .a/*b*/ = 1 }", ""},
	{`{ .s = "a\n\t\"\\\x41\u00e9" }`, `{ .s = "a\n\t\"\\Aé" }`},
	{"{ .s = `a\"\\n` }", ""},
	{"{ .s = `two\nlines` }", `{ .s = "two\nlines" }`},
	{"{ .i = 9223372036854775807 && .j = maxInt && .k = minInt }", "{ .i = 9223372036854775807 && .j = 9223372036854775807 && .k = minInt }"},
	{"{ .i = 007 }", "{ .i = 7 }"},
	{"{ .f = 1.5 || .f = .5 || .f = 5. || .f = 1e3 || .f = 1.5e-3 || .f = 1E+2 }", "{ .f = 1.5 || .f = 0.5 || .f = 5.0 || .f = 1000.0 || .f = 0.0015 || .f = 100.0 }"},
	{"{ .d = 1ns || .d = 1us || .d = 1µs || .d = 1μs || .d = 1ms || .d = 1s || .d = 1m || .d = 1h || .d = 1d || .d = 1w || .d = 1y }", "{ .d = 1ns || .d = 1µs || .d = 1µs || .d = 1µs || .d = 1ms || .d = 1s || .d = 1m || .d = 1h || .d = 1d || .d = 7d || .d = 365d }"},
	{"{ .d = 1d12h || .d = 1w2d || .d = 1.5s || .d = 1h15m30.9s || .d = .24h || .d = 100ms || .d = 1m0s }", "{ .d = 1d12h || .d = 9d || .d = 1.5s || .d = 1h15m30.9s || .d = 14m24s || .d = 100ms || .d = 1m }"},
	{"{ .b = true || .b = false || .n = nil }", ""},
	{"{ status = ok || status = error || status = unset }", ""},
	{"{ kind = unspecified || kind = internal || kind = server || kind = client || kind = producer || kind = consumer }", ""},
	{"{ .foo-bar = .a/b }", ""},
	{"{ .a*b = .a+1 }", ""},
	{"{ .a[0] = .a:b }", ""},
	{"{ .5xx = ..x }", `{ ."5xx" = ..x }`},
	{"{ .a + 1 = .b - 1 }", ""},
	{"{ .a^2 = 4 && .a=1 && .a>1 }", "{ .a ^ 2 = 4 && .a = 1 && .a > 1 }"},
	{"{ .a = .5*2+.5-1 && .b = .5s/2 }", "{ .a = 0.5 && .b = 250ms }"},
	{"{ span.resource.foo = 1 }", ""},
	{`{ span."foo bar" = ."a=b" }`, ""},
	{`{ .foo."x y".z = 1 }`, `{ ."foo.x y.z" = 1 }`},
	{`{ ."with \" and \\" = 1 }`, ""},
	{"{ .\"tab\tand\nnewline\" = 1 }", ""},
	{`{ ."" = 1 }`, ""},
	{`{ ."5" = .5 }`, `{ ."5" = 0.5 }`},
	{`{ .naïve = "日本" }`, ""},
	{"{ .a = -1 && .b = - 1 }", "{ .a = -1 && .b = -1 }"},
	{`{ .a=~"x"&&.b!~"y"&&.c!="z" }`, `{ .a =~ "x" && .b !~ "y" && .c != "z" }`},

	// Scopes.
	{"{ span.x = 1 && resource.x = 1 && event.x = 1 && link.x = 1 && instrumentation.x = 1 && .x = 1 }", ""},
	{"{ parent.x = 1 && parent.span.x = 1 && parent.resource.x = 1 && parent.event.x = 1 && parent.link.x = 1 && parent.instrumentation.x = 1 }", ""},
	{`{ parent."span.x" = 1 && parent.span = 2 && parent.duration = 1 && parent.parent.x = 1 }`, ""},
	{`{ .duration = 1 && span.name = "x" && .parent = 1 && .count = 2 }`, ""},
	{"{ span.http.response.status_code >= 500 }", ""},

	// Intrinsics.
	{"{ span:duration = duration && span:name = name && span:status = status }", "{ duration = duration && name = name && status = status }"},
	{"{ span:statusMessage = statusMessage && span:kind = kind && span:id = span:parentID && span:childCount > 1 }", "{ statusMessage = statusMessage && kind = kind && span:id = span:parentID && span:childCount > 1 }"},
	{"{ span:start > 1700000000000000000 }", ""},
	{"{ nestedSetLeft > 0 && nestedSetRight > 0 && nestedSetParent < 0 }", ""},
	{`{ trace:duration = traceDuration && trace:rootName = rootName && trace:rootService = rootServiceName && trace:id = "1" }`, `{ traceDuration = traceDuration && rootName = rootName && rootServiceName = rootServiceName && trace:id = "1" }`},
	{`{ event:name = "e" && event:timeSinceStart > 2ms && link:traceID = "1" && link:spanID = "2" }`, ""},
	{`{ instrumentation:name = "x" && instrumentation:version = 1 }`, ""},
	{"{nestedSetParent<0 && true && kind=server}", "{ nestedSetParent < 0 && true && kind = server }"},
	{"{ status = 2 && 1 != kind }", ""},

	// Types.
	{`{ .http.status >= "200" }`, ""},
	{"{ 1 * 1h = 1 }", "{ 1h = 1 }"},
	{"{ 1 < 1h && 1.5 < 2 && 1s > 0.5 }", ""},
	{"{ !.a }", ""},
	{`{ !("test" != .c || ((true && .b) || 3 < .a)) }`, ""},
	{"{ .a }", ""},
	{"{ true = .a && .a = ok }", ""},
	{"{ nil = .a && .a != nil && nil = nil && nil != nil }", ""},
	{"{ name != nil && resource.service.name != nil }", ""},
	{"{ span:parentID = nil && parent.resource.service.name = nil }", ""},
	{`{ .a =~ "x" = true }`, ""},
	{`{ "abc" =~ "a.*" }`, ""},
	{"{ duration > 1s * 2 }", "{ duration > 2s }"},
	{"{ duration > traceDuration * 0.5 }", ""},
	{"{ span:duration / span.items > 2ms }", "{ duration / span.items > 2ms }"},
	{"{ (.a + .b) * 2 > 10 }", ""},
	{"{ .x / 0.0 = 1 }", ""},

	// Operators and precedence.
	{"{ .a || .b && .c }", "{ (.a || .b) && .c }"},
	{"{ .a && .b || .c }", "{ (.a && .b) || .c }"},
	{"{ .a || .b || .c }", ""},
	{"{ .a && (.b || .c) }", ""},
	{"{ !.a = .b }", ""},
	{"{ !.a * .b }", ""},
	{"{ !(.a = .b) }", ""},
	{"{ !!.a }", "{ !(!.a) }"},
	{"{ -.a * .b = 1 }", ""},
	{"{ -.a ^ .b = 1 }", ""},
	{"{ -.a + .b = 1 }", ""},
	{"{ (-.a) * .b = 1 }", ""},
	{"{ .a * -.b + .c = 1 }", "{ .a * (-.b) + .c = 1 }"},
	{"{ .a * -.b * .c = 1 }", "{ .a * (-.b * .c) = 1 }"},
	{"{ - -.a = 1 }", "{ -(-.a) = 1 }"},
	{"{ .a - -.b = -5 }", "{ .a - (-.b) = -5 }"},
	{"{ .a ^ .b ^ .c = 1 }", ""},
	{"{ (.a ^ .b) ^ .c = 1 }", ""},
	{"{ 2 ^ 3 ^ 2 = 512 }", "{ 512 = 512 }"},
	{"{ .a - .b - .c = 1 }", ""},
	{"{ .a - (.b - .c) = 1 }", ""},
	{"{ .a / .b * .c % 2 = 1 }", ""},
	{"{ 1 = 1 = true }", ""},
	{"{ .a = (.b = .c) }", ""},
	{"{ 1 + 2 * 3 = .a }", "{ 7 = .a }"},
	{"{ -2 ^ 2 = .a }", "{ -4 = .a }"},
	{"{ (-2) * .a = 1 }", ""},
	{"{ .a + 1 > .b * 2 && .c }", ""},

	// Operators between spansets.
	{"{ .a } && { .b }", ""},
	{"{ .a } || { .b }", ""},
	{"{ .a } > { .b }", ""},
	{"{ .a } >> { .b }", ""},
	{"{ .a } < { .b }", ""},
	{"{ .a } << { .b }", ""},
	{"{ .a } ~ { .b }", ""},
	{"{ .a } !> { .b }", ""},
	{"{ .a } !>> { .b }", ""},
	{"{ .a } !< { .b }", ""},
	{"{ .a } !<< { .b }", ""},
	{"{ .a } !~ { .b }", ""},
	{"{ .a } &> { .b }", ""},
	{"{ .a } &>> { .b }", ""},
	{"{ .a } &< { .b }", ""},
	{"{ .a } &<< { .b }", ""},
	{"{ .a } &~ { .b }", ""},
	{"{.a}>{.b}>>{.c}", "{ .a } > { .b } >> { .c }"},
	{"{ .a } && { .b } >> { .c }", ""},
	{"{ .a } || { .b } && { .c }", "({ .a } || { .b }) && { .c }"},
	{"({ .a } && { .b }) >> { .c }", ""},
	{"{ .a } > ({ .b } > { .c })", ""},
	{"(({ .a }))", "{ .a }"},
	{"({ .a } | count() > 1) && ({ .b })", "({ .a } | count() > 1) && { .b }"},
	{"{ .a } && ({ .b } | count() > 1)", ""},
	{"({ .a } | by(.x) | coalesce()) >> { .b }", ""},
	{"({ .a } | by(.x)) && { .b }", ""},
	{"{ .a } >> (({ .b } | by(name)) || { .c })", ""},
	{`{ .a !~ "x" } !~ { .b !~ "y" }`, ""},

	// Pipelines, grouping, aggregates.
	{"{ status = error } | by(resource.service.name) | count() > 2", ""},
	{"by(name) | max(duration) > 1s", ""},
	{"{} | by(1 + .a)", "{ } | by(1 + .a)"},
	{"{} | by(.a) | by(.b) | coalesce()", "{ } | by(.a) | by(.b) | coalesce()"},
	{"{} | by(name) | count() > 10 | coalesce()", "{ } | by(name) | count() > 10 | coalesce()"},
	{"{ status = error } | select(span.http.url, resource.k8s.pod.name)", ""},
	{"{} >> { kind = server } | select(nestedSetLeft, nestedSetRight, nestedSetParent)", "{ } >> { kind = server } | select(nestedSetLeft, nestedSetRight, nestedSetParent)"},
	{"{} | select(.missing) | { !(.missing != nil) }", "{ } | select(.missing) | { !(.missing != nil) }"},
	{"select(.a) | { .a }", ""},
	{`{ name = "GET" } | count() > 10`, ""},
	{"max(duration) > 3s | { status = error }", ""},
	{"{} | avg(span.http.response.size) > 1024", "{ } | avg(span.http.response.size) > 1024"},
	{"{} | sum(duration) >= 1m | min(.a) <= 2 | count() != 3 | count() = 4 | avg(.b) < 5.5", "{ } | sum(duration) >= 1m | min(.a) <= 2 | count() != 3 | count() = 4 | avg(.b) < 5.5"},
	{"1 < count()", ""},
	{"{} | max(duration) > avg(duration) * 2", "{ } | max(duration) > avg(duration) * 2"},
	{"{} | max(duration) - min(duration) > 1s", "{ } | max(duration) - min(duration) > 1s"},
	{"{} | (count() + 1) * 2 > 10 % 4", "{ } | (count() + 1) * 2 > 2"},
	{"{} | -5 < sum(.x)", "{ } | -5 < sum(.x)"},
	{"{} | -2 ^ 2 < sum(.x)", "{ } | 4 < sum(.x)"},
	{"{} | sum(.a - .b) > minInt", "{ } | sum(.a - .b) > minInt"},
	{"{} | count() > 2 / 6", "{ } | count() > 0"},
	{"({} | count()) > ({ .a } | count())", "({ } | count()) > ({ .a } | count())"},
	{"({} | count()) * 2 > count()", "({ } | count()) * 2 > count()"},
	{"({} | by(name) | count() + 1) > 2", "({ } | by(name) | count() + 1) > 2"},
	{"(count()) > 2", "count() > 2"},
	{"{} | sum(-.a * 2) > 0", "{ } | sum(-.a * 2) > 0"},
	{"({} | count() > 2) | { .a }", "{ } | count() > 2 | { .a }"},
	{"{} | ({ .a } | count() > 1)", "{ } | { .a } | count() > 1"},

	// Metrics.
	{"{} | rate()", "{ } | rate()"},
	{"{} | count_over_time() by (resource.service.name)", "{ } | count_over_time() by (resource.service.name)"},
	{"{ status = error } | rate() by (resource.service.name)", ""},
	{"{ kind = server } | quantile_over_time(duration, .5, .99) by (name)", "{ kind = server } | quantile_over_time(duration, 0.5, 0.99) by (name)"},
	{"{} | quantile_over_time(duration, 0, 1)", "{ } | quantile_over_time(duration, 0, 1)"},
	{"{} | histogram_over_time(duration)", "{ } | histogram_over_time(duration)"},
	{"{} | min_over_time(.a) by(.b)", "{ } | min_over_time(.a) by (.b)"},
	{"{} | max_over_time(parent.a) by (parent.span.b)", "{ } | max_over_time(parent.a) by (parent.span.b)"},
	{"{} | sum_over_time(event:timeSinceStart)", "{ } | sum_over_time(event:timeSinceStart)"},
	{`{ span.http.method = "GET" } | avg_over_time(span.http.response.size)`, ""},
	{`{ resource.service.name = "a" } | compare({ status = error })`, ""},
	{"{} | compare({ status = error }, 20)", "{ } | compare({ status = error }, 20)"},
	{"{} | compare({ status = error }, 10, 1, 2)", "{ } | compare({ status = error }, 10, 1, 2)"},
	{"{ nestedSetParent < 0 && true } | rate() by (resource.service.name)", ""},
	{"{} | rate() by (.a, .b, .c, .d, .e, .f, name)", "{ } | rate() by (.a, .b, .c, .d, .e, .f, name)"},
	{"{} | by(name) | count() > 2 | rate() by (name)", "{ } | by(name) | count() > 2 | rate() by (name)"},
	{"{} >> { .a } | rate()", "{ } >> { .a } | rate()"},
	{"{} | rate() by (name) > 0 | topk(5) <= 10", "{ } | rate() by (name) > 0 | topk(5) <= 10"},
	{"{} | avg_over_time(duration) by (name) > 10s", "{ } | avg_over_time(duration) by (name) > 10s"},
	{"{} | rate() | topk(5) > 20 | bottomk(10) <= 10", "{ } | rate() | topk(5) > 20 | bottomk(10) <= 10"},
	{"{} | rate() > 1 / 2", "{ } | rate() > 0"},
	{"{} | rate() > -5 != 3 = 1.5", "{ } | rate() > -5 != 3 = 1.5"},
	{"({ status = error } | rate()) / ({} | rate())", "({ status = error } | rate()) / ({ } | rate())"},
	{"({} | rate()) * 100", "({ } | rate()) * 100"},
	{"1 - (({ .a } | rate()) / ({ .b } | rate()))", "1 - ({ .a } | rate()) / ({ .b } | rate())"},
	{"(({} | rate()) + ({ .a } | rate())) | topk(5) > 10", "({ } | rate()) + ({ .a } | rate()) | topk(5) > 10"},
	{"({} | rate()) + ({} | rate()) * 2 > 3", "({ } | rate()) + ({ } | rate()) * 2 > 3"},
	{"({} | rate()) - (({} | rate()) - 1)", "({ } | rate()) - (({ } | rate()) - 1)"},
	{"(({} | rate()) - ({} | rate())) / 2", "(({ } | rate()) - ({ } | rate())) / 2"},
	{"3 / 2 + ({} | rate())", "1 + ({ } | rate())"},
	{"-1 * ({} | rate())", "-1 * ({ } | rate())"},
	{"({} | rate() | topk(2)) / ({} | rate() > 1)", "({ } | rate() | topk(2)) / ({ } | rate() > 1)"},
	{"(({} | rate()))", "{ } | rate()"},

	// Hints.
	{"{ status = error } with(most_recent=true)", ""},
	{"{} | rate() with(sample=true)", "{ } | rate() with(sample=true)"},
	{"{} | rate() with(sample=0.1)", "{ } | rate() with(sample=0.1)"},
	{"{} >> { status = error } | count_over_time() with(trace_sample=0.05)", "{ } >> { status = error } | count_over_time() with(trace_sample=0.05)"},
	{`{} | rate() with(extrapolate=true, exemplars=100, unknown="x", d=1s, n=-1, s=error, nothing=nil)`, `{ } | rate() with(extrapolate=true, exemplars=100, unknown="x", d=1s, n=-1, s=error, nothing=nil)`},
	{"({} | rate()) / ({} | rate()) with(sample=true)", "({ } | rate()) / ({ } | rate()) with(sample=true)"},
	{"{} | count() > 1 with (span_sample=0.5)", "{ } | count() > 1 with(span_sample=0.5)"},
}

// rejected has what is no query, with the column (in line 1) and the message of the error.
var rejected = []struct {
	text    string
	column  int
	message string
}{
	// Lexical rules.
	{"", 1, `unexpected end of the query: expected a filter in braces, "(", a function or a number`},
	{"{", 2, "unexpected end of the query: expected an attribute, an intrinsic or a value"},
	{"{ .a = 1", 9, `unexpected end of the query: expected an operator or "}"`},
	{"{ .a = TRUE }", 8, `unknown intrinsic "TRUE": did you mean "true"?`},
	{"{ Status = error }", 3, `unknown intrinsic "Status": did you mean "status"?`},
	{"{ .a AND .b }", 6, `unknown operator "AND": use "&&"`},
	{"{ .a = 'x' }", 8, `strings stand in double quotes: did you mean "x"?`},
	{"{ .a = 'x }", 8, "unexpected ': strings stand in double quotes"},
	{`{ .a = "x }`, 8, `string is not closed: expected "`},
	{"{ .a = \"x\ny\" }", 8, `string is not closed: expected " on the same line (for text of several lines use backquotes)`},
	{"{ .a = `x }", 8, "string is not closed: expected `"},
	{`{ .a = "\d" }`, 9, `unknown escape in a string: write \\ for a backslash, or put the string in backquotes`},
	{`{ .a = "tab\qx" }`, 12, `unknown escape in a string: write \\ for a backslash, or put the string in backquotes`},
	{"{ .a = 9223372036854775808 }", 8, "number 9223372036854775808 is too large: the largest is 9223372036854775807"},
	{"{ .a = 0x10 }", 8, `bad number or duration "0x10": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
	{"{ .a = 1_000 }", 8, `bad number or duration "1_000": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
	{"{ .a = 1e999 }", 8, "number 1e999 is too large"},
	{"{ .a = 1t }", 8, `bad number or duration "1t": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
	{"{ .a = 1h1d }", 8, `bad number or duration "1h1d": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
	{"{ .a = 1.5d }", 8, `bad number or duration "1.5d": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
	{"{ .a = 300y }", 8, "duration 300y is too long: the longest is 292 years"},
	{"{ .a = 1..2 }", 8, `bad number or duration "1..2": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
	{"{ x }", 3, `unknown intrinsic "x": for an attribute write .x or span.x, for text "x"`},
	{"{ . foo }", 3, `expected the name of an attribute directly behind "."`},
	{"{ span. foo }", 3, `expected the name of an attribute directly behind "span."`},
	{"{ . }", 3, `expected the name of an attribute directly behind "."`},
	{"{ span. }", 3, `expected the name of an attribute directly behind "span."`},
	{`{ span."abc`, 12, `unexpected end of the query: expected " that closes the attribute's name`},
	{`{ span."a\n" }`, 10, `in the name of an attribute only \" and \\ are escapes: write \\ for a backslash`},
	{"{ .a == 1 }", 6, `unknown operator "==": use "="`},
	{"{ .a <> 1 }", 6, `unknown operator "<>": use "!="`},
	{"{ .a & .b }", 6, `unknown operator "&": use "&&"`},
	{"{ .a => 1 }", 6, `unknown operator "=>": use ">="`},
	{"{ .a # 1 }", 6, `unexpected character "#"`},
	{"{ .a } /* open", 7, `comment is not closed: expected "*/"`},

	// Scopes.
	{"{ trace.x = 1 }", 3, "a trace has no attributes, only intrinsics: trace:duration, trace:id, trace:rootName, trace:rootService"},
	{"{ foo.x = 1 }", 3, `unknown scope "foo": did you mean ".foo.x"?`},
	{`{ resorce.service.name = "x" }`, 3, `unknown scope "resorce": did you mean "resource"?`},
	{"{ span = 1 }", 3, `expected a name directly behind "span": an attribute (span.name) or an intrinsic (span:childCount, span:duration, span:id, span:kind, span:name, span:parentID, span:start, span:status, span:statusMessage, span:traceState)`},
	{"{ parent = nil }", 3, "the parent itself has no value: for its id use span:parentID, for its attributes parent.name, parent.span.name and so on"},
	{"{ parent }", 3, "the parent itself has no value: for its id use span:parentID, for its attributes parent.name, parent.span.name and so on"},
	{"{ parent. = 1 }", 3, `expected the name of an attribute directly behind "parent."`},

	// Intrinsics.
	{"{ durration > 1s }", 3, `unknown intrinsic "durration": did you mean "duration"?`},
	{"{ trace:status = ok }", 3, `unknown intrinsic "trace:status": there are trace:duration, trace:id, trace:rootName, trace:rootService`},
	{"{ trace:kind = server }", 3, `unknown intrinsic "trace:kind": there are trace:duration, trace:id, trace:rootName, trace:rootService`},
	{`{ trace:name = "x" }`, 3, `unknown intrinsic "trace:name": there are trace:duration, trace:id, trace:rootName, trace:rootService`},
	{`{ trace:rootServiceName = "x" }`, 3, `unknown intrinsic "trace:rootServiceName": did you mean "trace:rootService"?`},
	{`{ span:rootName = "x" }`, 3, `unknown intrinsic "span:rootName": there are span:childCount, span:duration, span:id, span:kind, span:name, span:parentID, span:start, span:status, span:statusMessage, span:traceState`},
	{`{ spam:name = "x" }`, 3, `unknown scope "spam": did you mean "span"?`},
	{"{ span: = 1 }", 3, `expected the name of an intrinsic directly behind "span:"`},
	{"{ Duration > 1s }", 3, `unknown intrinsic "Duration": did you mean "duration"?`},
	{`{ service = "x" }`, 3, `unknown intrinsic "service": did you mean "resource.service.name"?`},

	// Types.
	{`{ 1 = "foo" }`, 5, `1 and "foo" cannot be compared: they are of type int and string`},
	{"{ status > ok }", 10, `">" cannot compare values of type status: only = and != can`},
	{"{ kind >= server }", 8, `">=" cannot compare values of type kind: only = and != can`},
	{"{ true > false }", 8, `">" cannot compare values of type boolean: only = and != can`},
	{"{ status }", 3, "a filter has to be true or false, but status is of type status: compare it, as in status = error"},
	{"{ 1 + 1 }", 3, "a filter has to be true or false, but 2 is of type int"},
	{`{ "foo" }`, 3, `a filter has to be true or false, but "foo" is of type string`},
	{"{ 1h }", 3, "a filter has to be true or false, but 1h is of type duration"},
	{"{ duration }", 3, "a filter has to be true or false, but duration is of type duration: compare it, as in duration > 1s"},
	{"{ nil }", 3, "a filter has to be true or false, but nil is of type nil"},
	{"{ .a && 1 }", 9, `"&&" needs something that is true or false on both sides, but 1 is of type int`},
	{`{ "x" || .a }`, 3, `"||" needs something that is true or false on both sides, but "x" is of type string`},
	{"{ !1 }", 3, `"!" needs something that is true or false, but 1 is of type int`},
	{"{ !duration }", 3, `"!" needs something that is true or false, but duration is of type duration; "!" binds tighter than a comparison: write !(...)`},
	{`{ !name = "x" }`, 3, `"!" needs something that is true or false, but name is of type string; "!" binds tighter than a comparison: write !(...)`},
	{`{ -name = "x" }`, 3, `"-" needs a number or a duration, but name is of type string`},
	{"{ !.a + .b = 1 }", 3, `"+" needs a number or a duration on both sides, but !.a is of type boolean`},
	{"{ -true }", 3, `"-" needs a number or a duration, but true is of type boolean`},
	{"{ name + 1 = 2 }", 3, `"+" needs a number or a duration on both sides, but name is of type string`},
	{`{ .a = "x" + "y" }`, 8, `"+" needs a number or a duration on both sides, but "x" is of type string`},
	{"{ name = 1 }", 8, "name and 1 cannot be compared: they are of type string and int"},
	{"{ name = duration }", 8, "name and duration cannot be compared: they are of type string and duration"},
	{"{ status = kind }", 10, "status and kind cannot be compared: they are of type status and kind"},
	{`{ status = "error" }`, 10, `status and "error" cannot be compared: they are of type status and string: did you mean error without quotes?`},
	{`{ "Server" = kind }`, 12, `"Server" and kind cannot be compared: they are of type string and kind: did you mean server without quotes?`},
	{`{ duration > "100ms" }`, 12, `duration and "100ms" cannot be compared: they are of type duration and string: did you mean 100ms without quotes?`},
	{"{ status = 2.5 }", 10, "status and 2.5 cannot be compared: they are of type status and float"},
	{"{ .a =~ .b }", 9, `"=~" needs a regular expression in quotes on its right side`},
	{"{ .a =~ 1 }", 9, `"=~" needs a regular expression in quotes on its right side`},
	{`{ .a =~ "(" }`, 9, "bad regular expression: missing closing ): `(`"},
	{`{ .a !~ "a{2000}" }`, 9, "bad regular expression: invalid repeat count: `{2000}`"},
	{`{ duration =~ "1.*" }`, 3, `"=~" needs text on its left side, but duration is of type duration`},
	{`{ 1 =~ "1" }`, 3, `"=~" needs text on its left side, but 1 is of type int`},
	{"{ .a < nil }", 6, `"<" cannot take nil: only = and != can`},
	{"{ nil && .a }", 7, `"&&" cannot take nil: only = and != can`},
	{"{ nil + 1 = 2 }", 7, `"+" cannot take nil: only = and != can`},
	{"{ name = nil }", 8, "name is never nil: every span has it"},
	{"{ nil = duration }", 7, "duration is never nil: every span has it"},
	{"{ event:name = nil }", 14, "event:name is never nil: every event has it"},
	{"{ resource.service.name = nil }", 25, "resource.service.name is never nil: every span has it"},
	{"{ .a / 0 = 1 }", 6, "division by zero"},
	{"{ 1 % 0 = 1 }", 5, "division by zero"},
	{`{ .a =~ "(a{1000}){10}(b{1000}){100}" }`, 9, "bad regular expression: invalid repeat count: `{10}`"},
	{"by(1)", 4, "by() of the constant 1 says nothing about spans: an attribute or an intrinsic is needed"},
	{"by(1 + 2 * 3)", 4, "by() of the constant 7 says nothing about spans: an attribute or an intrinsic is needed"},
	{"{} | sum(3) > 1", 10, "sum() of the constant 3 says nothing about spans: an attribute or an intrinsic is needed"},
	{"{} | max(1h + 2h) > 1", 10, "max() of the constant 3h says nothing about spans: an attribute or an intrinsic is needed"},
	{"{} | max(name) > 1", 10, "max() needs a number or a duration, but name is of type string"},
	{"{} | max(status) > 1", 10, "max() needs a number or a duration, but status is of type status"},
	{"{} | sum(.a = 1) > 1", 10, "sum() needs a number or a duration, but .a = 1 is of type boolean"},
	{"{} | by(name + 1)", 9, `"+" needs a number or a duration on both sides, but name is of type string`},
	{"{} | topk(1)", 6, "topk() stands behind a metrics function, as in { } | rate() by (name) | topk(5)"},
	{"{} | rate() | topk(0)", 20, "the number of series has to be from 1 to 2147483647"},
	{"{} | rate() | bottomk(-1)", 23, "the number of series has to be from 1 to 2147483647"},
	{"{} | rate() | topk(1.5)", 20, `unexpected "1.5": expected the number of series, an integer`},
	{"{} | compare({ true }) | topk(1)", 26, "the answer of compare() cannot be ranked, compared or calculated with"},
	{"{} | compare({ true }) > 1", 24, "the answer of compare() cannot be ranked, compared or calculated with"},
	{"({} | compare({ true })) + 1", 26, "the answer of compare() cannot be ranked, compared or calculated with"},

	// Operators and precedence.
	{"{ .a .b }", 6, `unexpected ".b": expected an operator or "}"`},
	{"{ .a = }", 8, `unexpected "}": expected an attribute, an intrinsic or a value`},
	{"{ = 1 }", 3, `unexpected "=": expected an attribute, an intrinsic or a value`},
	{"{ .a && }", 9, `unexpected "}": expected an attribute, an intrinsic or a value`},
	{"{ (.a }", 7, `unexpected "}": expected an operator or ")"`},
	{"{ .a) }", 5, `unexpected ")": expected an operator or "}"`},
	{"{ () }", 4, `unexpected ")": expected an attribute, an intrinsic or a value`},
	{"{ .a | .b }", 6, `unexpected "|": expected an operator or "}"`},
	{"{ .a and .b }", 6, `unknown operator "and": use "&&"`},
	{"{ not .a }", 3, `unknown operator "not": use "!"`},
	{`{ .a like "x" }`, 6, `unknown operator "like": use "=~"`},

	// Operators between spansets.
	{"{ .a } + { .b }", 8, `unexpected "+": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } - { .b }", 8, `unexpected "-": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } * { .b }", 8, `unexpected "*": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } / { .b }", 8, `unexpected "/": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } ^ { .b }", 8, `unexpected "^": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } = { .b }", 8, `unexpected "=": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } <= { .b }", 8, `unexpected "<=": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } >= { .b }", 8, `unexpected ">=": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } =~ { .b }", 8, `unexpected "=~": between filters stand && || > >> < << ~, the negated ones as !>, and &> and so on for both sides`},
	{"{ .a } { .b }", 8, `unexpected "{": expected "|" and a stage, an operator, with(...) or the end of the query`},
	{"{ .a >> .b }", 6, `unexpected ">>": expected an operator or "}" (>> stands between filters: { ... } >> { ... })`},
	{"{ .a ~ .b }", 6, `unexpected "~": expected an operator or "}" (~ stands between filters: { ... } ~ { ... })`},
	{"{ .a } >>", 10, `unexpected end of the query: expected a filter in braces, "(", a function or a number`},
	{">> { .a }", 1, `unexpected ">>": expected a filter in braces, "(", a function or a number`},
	{`{ .a } && name = "x"`, 11, `unexpected "name": conditions on spans stand in braces, as in { name ... }`},
	{"{ .a } > 1", 8, `">" cannot stand between a spanset and the constant 1`},
	{"{ .a } >> ({ .b } | by(name) | { .c })", 8, `">>" needs one spanset on each side, but by() gives several: put coalesce() behind it`},
	{"({ .a } | by(name)) > { .b }", 21, `">" needs one spanset on each side, but by() gives several: put coalesce() behind it`},
	{"{ .a } && ({ .b } | rate())", 8, `"&&" cannot stand between a spanset and a metrics query`},
	{"{ .a } | { .b", 14, `unexpected end of the query: expected an operator or "}"`},
	{"({ .a }", 8, `unexpected end of the query: expected "|", an operator or ")"`},
	{"{ .a })", 7, `unexpected ")": expected "|" and a stage, an operator, with(...) or the end of the query`},

	// Pipelines, grouping, aggregates.
	{"{} |", 5, `unexpected end of the query: expected a filter in braces, "(", a function or a number`},
	{"{} | |", 6, `unexpected "|": expected a filter in braces, "(", a function or a number`},
	{"{} | count()", 13, "unexpected end of the query: expected a comparison, as in count() > 1"},
	{"{} | count() + 1", 17, "unexpected end of the query: expected a comparison, as in count() + 1 > 1"},
	{"({} | count())", 15, "unexpected end of the query: expected a comparison, as in ({ } | count()) > 1"},
	{"{} | 5", 6, "unexpected 5: a constant is no stage, it has to be compared with an aggregate"},
	{"{} | 1 > 2", 8, "unexpected comparison of constants: one side needs an aggregate, as in count() > 1"},
	{"{} | (1 + 2) > 3", 14, "unexpected comparison of constants: one side needs an aggregate, as in count() > 1"},
	{`{} | count() > "x"`, 16, `unexpected "x": expected a number or a duration`},
	{"{} | count() > name", 16, `unexpected "name": conditions on spans stand in braces, as in { name ... }`},
	{"{} | count() = nil", 16, `unexpected "nil": expected a number or a duration`},
	{"{} | count() == 1", 14, `unknown operator "==": use "="`},
	{"{} | count(.a) > 1", 12, `unexpected ".a": expected ")": count() counts spans, and takes no argument`},
	{"{} | avg() > 1", 10, `unexpected ")": expected what to take the avg of, as in avg(duration)`},
	{"{} | count() > 1 > 2", 18, `">" cannot stand between a comparison of aggregates and the constant 2: between conditions on aggregates stands a bar, as in count() > 1 | max(duration) > 1s`},
	{"{} | count() > 1 && { .a }", 18, `"&&" cannot stand between a comparison of aggregates and a spanset: between conditions on aggregates stands a bar, as in count() > 1 | max(duration) > 1s`},
	{"{} | count() > 1 && count() < 5", 18, `"&&" cannot stand between a comparison of aggregates and a comparison of aggregates: between conditions on aggregates stands a bar, as in count() > 1 | max(duration) > 1s`},
	{"{} | count() > 1 / 0", 18, "division by zero"},
	{"{} | count() / 0 > 1", 14, "division by zero"},
	{"{} | -count() > 1", 6, `unexpected "-": a sign stands before a number only; to negate something else, subtract it from 0`},
	{"{} | cuont() > 1", 6, `unknown function "cuont": did you mean "count"?`},
	{"{} | count > 1", 12, `unexpected ">": expected "(" behind count`},
	{"{} | coalesce() | nosuch()", 19, `unknown function "nosuch": there are avg, avg_over_time, bottomk, by, coalesce, compare, count, count_over_time, histogram_over_time, max, max_over_time, min, min_over_time, quantile_over_time, rate, select, sum, sum_over_time, topk`},
	{"coalesce()", 1, "coalesce() cannot be the first stage: before any by() there is nothing to put together"},
	{"{} | by()", 9, `unexpected ")": expected an attribute, an intrinsic or a value`},
	{"{} | by(.a, .b)", 11, `unexpected ",": expected ")": as a stage, by() takes one expression (for several, put by() behind by())`},
	{"{} | by(.a", 11, `unexpected end of the query: expected ")"`},
	{"{} | by(.a and .b)", 12, `unknown operator "and": use "&&"`},
	{"{} | 1 && count()", 8, `"&&" cannot stand between the constant 1 and an aggregate: only comparisons and + - * / % ^ can`},
	{"{} | by .a", 9, `unexpected ".a": expected "(" behind by`},
	{"{} | select()", 13, `unexpected ")": expected an attribute or an intrinsic`},
	{"{} | select(.a + 1)", 16, `unexpected "+": expected "," or ")" (only attributes and intrinsics stand here, no expressions)`},
	{"{} | select(1)", 13, `unexpected "1": expected an attribute or an intrinsic`},
	{"{} | select(.a,)", 16, `unexpected ")": expected an attribute or an intrinsic`},
	{`{} | name = "x"`, 6, `unexpected "name": conditions on spans stand in braces, as in { name ... }`},
	{"{ count() > 1 }", 3, "count() is not for a single span: it stands behind a filter, as in { ... } | count(...)"},
	{"{ rate() }", 3, "rate() is not for a single span: it stands behind a filter, as in { ... } | rate(...)"},
	{`name = "x"`, 1, `unexpected "name": conditions on spans stand in braces, as in { name ... }`},

	// Metrics.
	{"rate()", 1, "rate() needs spans to measure: put a filter before it, as in { } | rate(...)"},
	{"{} | rate", 10, `unexpected end of the query: expected "(" behind rate`},
	{"{} | rate(.a)", 11, `unexpected ".a": expected ")": rate() counts spans, and takes no argument`},
	{"{} | rate() + 5", 13, `unexpected "+": expected "|" and topk or bottomk, a comparison with a number, with(...) or the end of the query (to calculate with metrics queries, put each in parentheses)`},
	{"{} | rate() * { .a }", 13, `unexpected "*": expected "|" and topk or bottomk, a comparison with a number, with(...) or the end of the query (to calculate with metrics queries, put each in parentheses)`},
	{"{} | rate() | rate()", 15, `unexpected "rate": expected topk(...) or bottomk(...): nothing else can stand behind a metrics function and a bar`},
	{"{} | rate() | { .a }", 15, `unexpected "{": expected topk(...) or bottomk(...): nothing else can stand behind a metrics function and a bar`},
	{"{} | rate() | count() > 1", 15, `unexpected "count": expected topk(...) or bottomk(...): nothing else can stand behind a metrics function and a bar`},
	{"{} | rate() by name", 16, `unexpected "name": expected "("`},
	{"{} | rate() by ()", 17, `unexpected ")": expected an attribute or an intrinsic`},
	{"{} | rate() by (1)", 17, `unexpected "1": expected an attribute or an intrinsic`},
	{"{} | rate() by (.a + .b)", 20, `unexpected "+": expected "," or ")" (only attributes and intrinsics stand here, no expressions)`},
	{"{} | rate() > ({} | rate())", 13, "a metrics query is compared with a number or a duration"},
	{`{} | rate() > "x"`, 15, `unexpected "x": expected a number or a duration`},
	{"{} | rate() == 1", 13, `unknown operator "==": use "="`},
	{`{} | rate() =~ "x"`, 13, `unexpected "=~": expected "|" and topk or bottomk, a comparison with a number, with(...) or the end of the query (to calculate with metrics queries, put each in parentheses)`},
	{"{} | rate() | topn(5)", 15, `unknown function "topn": did you mean "topk"?`},
	{"{} | min_over_time()", 20, `unexpected ")": expected what to measure, as in min_over_time(duration)`},
	{"{} | min_over_time(.a + 1)", 23, `unexpected "+": expected "," or ")": min_over_time() measures an attribute or an intrinsic, not an expression`},
	{"{} | min_over_time(.a, .b)", 22, `unexpected ",": expected ")"`},
	{"{} | min_over_time(name)", 20, "min_over_time() needs a number or a duration, but name is of type string"},
	{"{} | quantile_over_time(duration)", 33, `unexpected ")": expected the quantiles that are wanted, as in quantile_over_time(duration, 0.5, 0.99)`},
	{"{} | quantile_over_time(duration, 1.5)", 35, "a quantile is a number from 0 to 1, as 0.99"},
	{"{} | quantile_over_time(duration, -0.1)", 35, "a quantile is a number from 0 to 1, as 0.99"},
	{"{} | quantile_over_time(duration, 1s)", 35, "a quantile is a number from 0 to 1, as 0.99"},
	{"{} | quantile_over_time(duration, .a)", 35, `unexpected ".a": expected a value`},
	{"{} | quantile_over_time()", 25, `unexpected ")": expected what to measure, as in quantile_over_time(duration)`},
	{"{} | compare()", 14, `unexpected ")": expected a filter for the spans to compare with all others, as in compare({ status = error })`},
	{"{} | compare(.a)", 14, `unexpected ".a": expected a filter for the spans to compare with all others, as in compare({ status = error })`},
	{"{} | compare({ 1 })", 16, "a filter has to be true or false, but 1 is of type int"},
	{"{} | compare({}, 0)", 18, "the number of values for each attribute has to be from 1 to 1000"},
	{"{} | compare({}, 1001)", 18, "the number of values for each attribute has to be from 1 to 1000"},
	{"{} | compare({}, 10, 5)", 23, `unexpected ")": expected "," and the end: compare() takes both a start and an end, or none`},
	{"{} | compare({}, 10, 5, 5)", 25, "the end of compare() has to lie behind its start"},
	{"{} | compare({}, 10, -5, 5)", 22, "the start in nanoseconds since 1970 has to be from 0 to 9223372036854775807"},
	{"{} | compare({}, 1.5)", 18, `unexpected "1.5": expected the number of values for each attribute, an integer`},
	{"{} | compare({}) by (name)", 18, "compare() goes through all attributes by itself: it takes no by(...)"},
	{"({} | rate()) % ({} | rate())", 15, `"%" cannot stand between metrics queries: only + - * / can`},
	{"({} | rate()) ^ 2", 15, `"^" cannot stand between metrics queries: only + - * / can`},
	{"({} | rate()) + 1s", 17, "metrics queries are calculated with plain numbers: write a duration in seconds"},
	{"({} | rate()) > ({} | rate())", 15, "a metrics query is compared with a number or a duration"},
	{"5 < ({} | rate())", 3, "a metrics query is compared with a number on its right, and with nothing else"},
	{"({} | rate()) + {}", 15, `"+" cannot stand between a metrics query and a spanset`},
	{"({} | rate()) && ({} | rate())", 15, `"&&" cannot stand between metrics queries: only + - * / can`},
	{"1 / 0 + ({} | rate())", 3, "division by zero"},
	{"({} | rate()) + count()", 15, `"+" cannot stand between a metrics query and an aggregate`},
	{"{} | ({} | rate())", 6, "unexpected metrics query: it has filters of its own, and cannot stand behind a bar"},
	{"({} | rate()) | { .a }", 17, `unexpected "{": expected topk(...) or bottomk(...): nothing else can stand behind a metrics function and a bar`},

	// Hints.
	{"{} with", 4, `unexpected "with": expected "|" and a stage, an operator, with(...) or the end of the query`},
	{"{} with()", 9, `unexpected ")": expected the name of a hint`},
	{"{} with(1=2)", 9, `unexpected "1": expected the name of a hint`},
	{"{} with(a)", 10, `unexpected ")": expected "="`},
	{"{} with(a=b)", 11, `unexpected "b": expected a value`},
	{"{} with(a=1) | { .a }", 14, `unexpected "|": expected the end of the query: hints are the last of it`},
	{"{} with(a=1 b=2)", 13, `unexpected "b": expected ")"`},
	{"{} with(a=-true)", 12, `unexpected "true": expected a number behind "-"`},
	{"with(a=1)", 1, "unexpected with: hints stand at the end of a query, without a bar before them"},
	{"{} | with(a=1)", 6, "unexpected with: hints stand at the end of a query, without a bar before them"},
}

func TestParse(t *testing.T) {
	for _, c := range accepted {
		q, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s\n%v", c.text, err)
			continue
		}
		want := c.printed
		if want == "" {
			want = c.text
		}
		if got := q.String(); got != want {
			t.Errorf("%s\nis printed as %s\nwant          %s", c.text, got, want)
		}
		checkPrinted(t, q)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range rejected {
		q, err := Parse(c.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s\nis parsed as %v, error %v", c.text, q, err)
			continue
		}
		if e.Line != 1 || e.Column != c.column || e.Message != c.message {
			t.Errorf("%s\n%d:%d: %s\nwant 1:%d: %s", c.text, e.Line, e.Column, e.Message, c.column, c.message)
		}
		if want := fmt.Sprintf("parse error at line 1, col %d: %s", c.column, c.message); err.Error() != want {
			t.Errorf("error is %q, want %q", err, want)
		}
	}
}

// checkPrinted holds a query against what its printed form is parsed as.
func checkPrinted(t *testing.T, q *Query) {
	t.Helper()
	printed := q.String()
	again, err := Parse(printed)
	if err != nil {
		t.Errorf("%s\nwas printed and cannot be parsed: %v", printed, err)
		return
	}
	if got := again.String(); got != printed {
		t.Errorf("%s\nis printed as %s", printed, got)
	}
	withoutPlaces(reflect.ValueOf(q))
	withoutPlaces(reflect.ValueOf(again))
	if !reflect.DeepEqual(q, again) {
		t.Errorf("%s\nis parsed as another tree", printed)
	}
}

// withoutPlaces sets every Pos in a tree to 0.
func withoutPlaces(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			withoutPlaces(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			withoutPlaces(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.Type() == reflect.TypeFor[Pos]() {
				f.SetInt(0)
			} else {
				withoutPlaces(f)
			}
		}
	}
}

// grouped writes an expression with all its parentheses.
func grouped(e Expr) string {
	switch e := e.(type) {
	case *Binary:
		return "(" + grouped(e.L) + " " + e.Op.String() + " " + grouped(e.R) + ")"
	case *Unary:
		return e.Op.String() + "(" + grouped(e.X) + ")"
	}
	return e.String()
}

func TestPrecedence(t *testing.T) {
	for _, c := range [][2]string{
		{".a || .b && .c", "((.a || .b) && .c)"},
		{".a && .b || .c", "((.a && .b) || .c)"},
		{".a && .b = .c && .d", "((.a && (.b = .c)) && .d)"},
		{".a = .b != .c", "((.a = .b) != .c)"},
		{".a < .b + 1 && .c =~ `x`", "((.a < (.b + 1)) && (.c =~ \"x\"))"},
		{".a + .b - .c = 1", "(((.a + .b) - .c) = 1)"},
		{".a + .b * .c = 1", "((.a + (.b * .c)) = 1)"},
		{".a * .b / .c % .d = 1", "((((.a * .b) / .c) % .d) = 1)"},
		{".a ^ .b ^ .c = 1", "((.a ^ (.b ^ .c)) = 1)"},
		{".a * .b ^ .c = 1", "((.a * (.b ^ .c)) = 1)"},
		{"!.a = .b", "(!(.a) = .b)"},
		{"!.a * .b", "!((.a * .b))"},
		{"!.a ^ .b", "!((.a ^ .b))"},
		{"!.a && .b", "(!(.a) && .b)"},
		{"-.a * .b = 1", "(-((.a * .b)) = 1)"},
		{"-.a ^ .b = 1", "(-((.a ^ .b)) = 1)"},
		{"-.a + .b = 1", "((-(.a) + .b) = 1)"},
		{"-.a - .b = 1", "((-(.a) - .b) = 1)"},
		{".a * -.b * .c + .d = 1", "(((.a * -((.b * .c))) + .d) = 1)"},
		{".a ^ -.b + .c = 1", "(((.a ^ -(.b)) + .c) = 1)"},
	} {
		q, err := Parse("{ " + c[0] + " }")
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		if got := grouped(q.Search.Stages[0].(*Filter).Body); got != c[1] {
			t.Errorf("%s is parsed as %s, want %s", c[0], got, c[1])
		}
	}
}
