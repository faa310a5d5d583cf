package api

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// filterSpans are single spans of traces 1, 2 and 3.
func filterSpans() []span.Span {
	text := func(key, value string) span.KeyValue { return span.KeyValue{Key: key, Value: span.StringValue(value)} }
	resource := func(name string) span.SpanResource {
		return span.SpanResource{Attrs: []span.KeyValue{text("service.name", name), text("zone", "z-"+name)}}
	}
	at := uint64(recordedAt.Add(-time.Minute).UnixNano())
	return []span.Span{
		{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 0xa1}, Name: "pay", Kind: kindServer, Status: statusError, Message: "no money",
			Start: at, End: at + 5e9, Resource: resource("shop"), Scope: span.SpanScope{Name: "lib", Version: "1.0"},
			Attrs: []span.KeyValue{{Key: "code", Value: span.IntValue(500)}, {Key: "vip", Value: span.BoolValue(true)}, text("zone", "here"), text("note", "The quick, brown Fox")},
			Events: []span.SpanEvent{
				{Time: at + 1e9, Name: "exception", Attrs: []span.KeyValue{text("type", "Timeout")}},
				{Time: at + 2e9, Name: "retry", Attrs: []span.KeyValue{text("type", "Other")}},
			},
		},
		{
			TraceID: span.TraceID{15: 2}, SpanID: span.SpanID{7: 0xa2}, Parent: span.SpanID{7: 0xff}, Name: "look", Kind: kindClient,
			Start: at + 1e9, End: at + 2e9, Resource: resource("shop"), TraceState: "a=b",
			Attrs:  []span.KeyValue{text("code", "404"), text("empty", ""), text("note", "fox quick")},
			Events: []span.SpanEvent{{Time: at + 1e9, Name: "retry", Attrs: []span.KeyValue{text("type", "Timeout")}}},
			Links:  []span.SpanLink{{TraceID: span.TraceID{15: 9}, SpanID: span.SpanID{7: 8}, Attrs: []span.KeyValue{text("why", "batch")}}},
		},
		{TraceID: span.TraceID{15: 3}, SpanID: span.SpanID{7: 0xa3}, Name: "idle", Status: 1, Start: at + 2e9, End: at + 2e9, Resource: resource("mail"),
			Attrs: []span.KeyValue{{Key: "code", Value: span.FloatValue(72.5)}}},
	}
}

// The terms of filters.
func term(member, text string) string { return `{"` + member + `":{` + text + `}}` }
func field(level, name string) string { return term("field", `"level":"`+level+`","name":"`+name+`"`) }
func attr(level, key string) string   { return term("attr", `"level":"`+level+`","key":"`+key+`"`) }
func scalar(value string) string      { return term("scalar", `"value":"`+value+`"`) }
func typed(typ, value string) string  { return term("scalar", `"value":"`+value+`","type":"`+typ+`"`) }
func values(list ...string) string {
	return term("list", `"values":["`+strings.Join(list, `","`)+`"]`)
}
func op(name string, args ...string) string {
	return `{"op":"` + name + `","args":[` + strings.Join(args, ",") + `]}`
}
func within(name string, args ...string) string { return `{"call":` + op(name, args...) + `}` }

func TestStructuredFilter(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, filterSpans()...))
	timeout, exception, retry := within("eq", attr("event", "type"), scalar("Timeout")), within("eq", field("event", "name"), scalar("exception")), within("eq", field("event", "name"), scalar("retry"))
	events, links := term("nested", `"level":"event"`), term("nested", `"level":"link"`)
	tests := []struct{ filter, want string }{
		{op("eq", attr("", "code"), scalar("500")), "1"},
		{op("eq", scalar("500"), attr("span", "code")), "1"},
		{op("eq", attr("", "code"), scalar("404")), "2"},
		{op("eq", attr("", "code"), typed("int", "404")), ""},
		{op("eq", attr("", "code"), typed("string", "404")), "2"},
		{op("eq", attr("", "code"), typed("double", "72.5")), "3"},
		{op("eq", attr("", "vip"), typed("bool", "true")), "1"},
		{op("ne", attr("", "code"), scalar("500")), "32"},
		{op("ne", attr("", "vip"), scalar("false")), "1"},
		{op("ne", attr("", "zone"), scalar("z-shop")), "3"}, // of the two values of trace 1, one equals
		{op("gt", attr("", "code"), scalar("100")), "1"},
		{op("gte", scalar("100"), attr("", "code")), "3"},
		{op("lt", attr("", "zone"), scalar("k")), "1"},
		{op("in", attr("", "code"), values("72.5", "500", "7")), "31"},
		{op("not_in", attr("", "code"), values("72.5", "500", "7")), "2"},
		{op("exists", attr("", "vip")), "1"},
		{op("exists", attr("", "empty")), "2"},
		{op("not", within("exists", attr("", "empty"))), "31"},
		{op("exists", field("span", "parentSpanID")), "2"},
		{op("exists", field("span", "statusMessage")), "1"},
		{op("exists", field("span", "status")), "31"},
		{op("exists", field("span", "kind")), "21"},
		{op("exists", field("span", "endTime")), "321"},
		{op("exists", field("span", "traceID")), "321"},
		{op("exists", field("event", "name")), "21"},
		{op("exists", field("link", "spanID")), "2"},
		{op("eq", field("span", "traceID"), scalar("2")), "2"},
		{op("eq", field("span", "spanID"), scalar("00000000000000a3")), "3"},
		{op("eq", field("span", "parentSpanID"), scalar("00000000000000ff")), "2"},
		{op("eq", field("span", "traceState"), scalar("a=b")), "2"},
		{op("eq", field("span", "name"), scalar("pay")), "1"},
		{op("eq", field("span", "statusMessage"), scalar("no money")), "1"},
		{op("eq", field("span", "kind"), scalar("client")), "2"},
		{op("ne", field("span", "kind"), scalar("client")), "1"}, // trace 3 has none
		{op("eq", field("span", "status"), scalar("error")), "1"},
		{op("in", field("span", "status"), values("ok", "unset")), "32"},
		{op("gte", field("span", "duration"), scalar("1s")), "21"},
		{op("lt", field("span", "duration"), scalar("1ns")), "3"},
		{op("eq", field("span", "startTime"), scalar("2025-07-11T17:59:01Z")), "2"},
		{op("gt", field("span", "startTime"), scalar("2025-07-11T17:59:01Z")), "3"},
		{op("gt", field("span", "endTime"), scalar("2025-07-11T17:59:02Z")), "1"},
		{op("eq", field("resource", "service"), scalar("mail")), "3"},
		{op("eq", field("scope", "name"), scalar("lib")), "1"},
		{op("eq", field("scope", "version"), scalar("1.0")), "1"},
		{op("gte", field("event", "timeSinceStart"), scalar("2s")), "1"},
		{op("eq", field("link", "traceID"), scalar("9")), "2"},
		{op("eq", attr("link", "why"), scalar("batch")), "2"},
		{op("eq", attr("resource", "zone"), field("resource", "service")), ""},
		{op("gt", attr("resource", "zone"), field("resource", "service")), "321"},
		{op("regex", field("span", "name"), scalar("^(pa|i)")), "31"},
		{op("regex", attr("", "zone"), scalar("sh.p")), "21"},
		{op("regex", field("span", "kind"), scalar("er")), "1"},
		{op("regex", field("span", "status"), scalar("x")), ""},
		{op("fulltext", attr("", "note"), values("FOX", "quick")), "21"},
		{op("phrase", attr("", "note"), values("quick", "brown")), "1"},
		{op("phrase", attr("", "note"), values("brown", "quick")), ""},
		{op("fulltext", attr("", "note"), values("row")), ""},
		{op("and", exception, timeout), "1"},
		{op("and", retry, timeout), "21"}, // in trace 1 these are two events
		{op("some", events, within("and", retry, timeout)), "2"},
		{op("some", events, within("and", exception, timeout)), "1"},
		{op("and", within("some", events, exception), within("some", events, retry)), "1"},
		{op("some", events, within("or", exception, within("in", attr("event", "type"), values("x")))), "1"},
		{op("some", links, within("exists", attr("link", "why"))), "2"},
		{op("some", events, within("and", retry, within("not", timeout))), "1"},
		{op("some", events, within("and", retry, within("ne", attr("event", "type"), scalar("Timeout")))), "1"},
		{op("some", events, within("and", exception, within("ne", attr("event", "type"), scalar("Timeout")))), ""},
		{op("some", events, within("not_in", attr("event", "type"), values("Timeout", "x"))), "1"},
		{op("some", events, within("ne", attr("event", "none"), scalar("x"))), ""}, // which no event has
		{op("some", events, within("not", within("eq", attr("event", "none"), scalar("x")))), "21"},
		{op("some", events, within("not", within("exists", attr("event", "type")))), ""},
		{op("some", events, within("and", retry, within("eq", attr("span", "code"), scalar("404")))), "2"},
		{op("some", events, within("and", retry, within("not", within("exists", attr("", "empty"))))), "1"},
		{op("some", events, within("and", retry, within("some", links, within("eq", attr("link", "why"), scalar("batch"))))), "2"},
		{op("some", events, within("and", retry, within("eq", attr("link", "why"), scalar("batch")))), "2"},
		{op("some", links, within("not", within("eq", attr("link", "why"), scalar("batch")))), ""},
		{op("not", within("some", events, within("not", timeout))), "32"}, // all events, of which trace 3 has none
		{op("or", exception, within("eq", field("span", "name"), scalar("idle"))), "31"},
		{op("not", within("or", exception, within("eq", field("span", "name"), scalar("idle")))), "2"},
		{op("not", timeout), "3"},
	}
	for _, test := range tests {
		var got v3Found
		parse(t, getOK(t, h, "/api/v3/trace-summaries?"+recordedRange+"&query.filter="+url.QueryEscape(test.filter)), &got)
		want := []string{}
		for _, n := range test.want {
			want = append(want, strings.Repeat("0", 31)+string(n))
		}
		if ids := got.ids(); !slices.Equal(ids, want) {
			t.Errorf("%s: got %v, want %v", test.filter, ids, want)
		}
	}
}

func TestBadStructuredFilters(t *testing.T) {
	name, code, one := field("span", "name"), attr("", "code"), scalar("1")
	events := term("nested", `"level":"event"`)
	deep := op("eq", code, one)
	for range 60 {
		deep = op("not", `{"call":`+deep+`}`)
	}
	tests := []struct{ filter, want string }{
		{`{"op":"eq","argz":[]}`, `cannot unmarshal JSON: json: unknown field "argz"`},
		{op("eq", code, one) + "{}", "cannot unmarshal JSON: there is more than one value"},
		{`{}`, ": has 0 arguments, needs 2"},
		{op("like", code, one), "like: there is no such operator"},
		{op("eq", code), "eq: has 1 arguments, needs 2"},
		{op("exists"), "exists: has 0 arguments, needs 1"},
		{op("exists", code, code), "exists: has 2 arguments, needs 1"},
		{op("and"), "and: needs an argument"},
		{op("or", code), "or: argument 1 is not a call"},
		{op("not"), "not: has 0 arguments, needs 1"},
		{op("some", code, one), `some: argument 1 is neither {"nested":{"level":"event"}} nor {"nested":{"level":"link"}}`},
		{op("some", events, one), "some: argument 2 is not a call"},
		{op("some", events), "some: has 1 arguments, needs 2"},
		{op("some", events, within("some", events, within("exists", code))), `some: of the level "event" is not served within another one`},
		{op("some", events, within("eq", name, code)), "eq: two references are not compared within some"},
		{op("some", events, within("gt", field("span", "endTime"), scalar("2025-07-11T17:59:02Z"))), "gt: endTime is not served within some; put the condition beside it"},
		{op("ne", code, typed("int", "x")), `ne: strconv.ParseInt: parsing "x": invalid syntax`},
		{op("eq", code, attr("galaxy", "a")), `eq: there is no level "galaxy"`},
		{op("eq", one, one), "eq: an argument is neither an attribute nor a field"},
		{op("eq", attr("", ""), one), "eq: an attribute needs a key"},
		{op("eq", attr("galaxy", "a"), one), `eq: there is no level "galaxy"`},
		{op("eq", field("span", "schemaURL"), one), `eq: the field "schemaURL" of the level "span" is not served here`},
		{op("eq", name, field("span", "kind")), "eq: a string is not compared with a kind"},
		{op("gt", field("span", "kind"), one), "gt: a kind has no order"},
		{op("eq", field("span", "kind"), one), `eq: "1" is no kind; there are unspecified, internal, server, client, producer, consumer`},
		{op("eq", field("span", "status"), one), `eq: "1" is no status; there are unset, ok, error`},
		{op("eq", field("span", "duration"), one), `eq: time: missing unit in duration "1"`},
		{op("eq", field("span", "startTime"), one), `eq: parsing time "1" as `},
		{op("eq", code, typed("int", "x")), `eq: strconv.ParseInt: parsing "x": invalid syntax`},
		{op("gt", code, typed("bool", "true")), "gt: a bool has no order"},
		{op("eq", code, typed("date", "x")), `eq: there is no type "date"`},
		{op("in", code, one), "in: argument 2 is not a list of values"},
		{op("in", code, `{"list":{"values":[]}}`), "in: argument 2 is not a list of values"},
		{op("regex", name, values("a")), "regex: argument 2 is not a scalar"},
		{op("regex", name, scalar("(")), "regex: error parsing regexp: missing closing ): `(`"},
		{op("regex", field("span", "duration"), scalar("a")), "regex: a duration is not text"},
		{op("phrase", name, values("a")), "phrase: words are looked for in attributes only"},
		{op("fulltext", code, values("two words")), `fulltext: "two words" is not a word`},
		{op("in", code, values(slices.Repeat([]string{"a"}, 1001)...)), "in: there are more than 1000 comparisons"},
		{op("or", slices.Repeat([]string{within("eq", code, attr("", "b"))}, 300)...), "eq: there are more than 1000 comparisons"},
		{deep, "it is nested more than 50 deep"},
	}
	for _, test := range tests {
		if _, err := parseStructuredFilter([]byte(test.filter)); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%.100s: got %v, want %s", test.filter, err, test.want)
		}
	}
}
