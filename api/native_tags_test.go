package api

import (
	"net/url"
	"reflect"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
)

func tagRows() []span.Span {
	text := span.StringValue
	attr := func(key string, v span.Value) span.KeyValue { return span.KeyValue{Key: key, Value: v} }
	shop := span.SpanResource{Attrs: []span.KeyValue{attr("service.name", text("shop"))}}
	mail := span.SpanResource{Attrs: []span.KeyValue{attr("service.name", text("mail"))}}
	rows := []span.Span{
		{Start: 10, Resource: shop, Attrs: []span.KeyValue{attr("code", span.IntValue(200)), attr("a b", text("x"))}},
		{Start: 20, Resource: shop, Attrs: []span.KeyValue{attr("code", span.IntValue(500))}},
		{Start: 30, Resource: mail, Attrs: []span.KeyValue{attr("code", text("200"))}, Events: []span.SpanEvent{{Attrs: []span.KeyValue{attr("why", text("e"))}}}},
	}
	for i := range rows {
		rows[i].TraceID, rows[i].SpanID = span.TraceID{15: byte(i + 1)}, span.SpanID{7: 1}
	}
	return rows
}

func TestNativeTagsGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, append(recorded(t), odd()...)...))
	for name, url := range map[string]string{
		"native_tags.json":                "tags?scope=event",
		"native_no_tags.json":             "tags?start=1&end=2&scope=span",
		"native_tag_values.json":          "tags/.twice/values",
		"native_tag_values_status.json":   "tags/status/values",
		"native_tag_values_filtered.json": "tags/resource.service.name/values?limit=2&q=%7Bstatus=error%20%26%26%20",
	} {
		golden(t, name, withoutStats(getOK(t, h, nativeRoot+"/"+url)))
	}
}

func TestNativeTags(t *testing.T) {
	r := filled(t, tagRows()...)
	code := TagSummary{"span", "code", "span.code", []string{"int", "string"}, 3}
	odd := TagSummary{"span", "a b", `span."a b"`, []string{"string"}, 1}
	event := TagSummary{"event", "why", "event.why", []string{"string"}, 1}
	narrowed := code
	narrowed.Count = 1
	for _, test := range []struct {
		query url.Values
		want  []TagSummary
	}{
		{url.Values{"scope": {"span"}}, []TagSummary{code, odd}},
		{url.Values{"scope": {"event"}}, []TagSummary{event}},
		{url.Values{"scope": {"link"}}, []TagSummary{}},
		{url.Values{"scope": {"span"}, "limit": {"1"}}, []TagSummary{code}},
		{url.Values{"scope": {"span"}, "q": {`{ resource.service.name = "mail" && `}}, []TagSummary{narrowed}},
	} {
		got := read[TagList](t, r, "tags", test.query)
		for _, tag := range got.Tags {
			slices.Sort(tag.Types)
		}
		if !reflect.DeepEqual(got.Tags, test.want) {
			t.Errorf("%v: got %v, want %v", test.query, got.Tags, test.want)
		}
	}
	scopes := map[string]bool{}
	for _, tag := range read[TagList](t, r, "tags", nil).Tags {
		scopes[tag.Scope] = true
	}
	if !scopes["span"] || !scopes["resource"] || !scopes["event"] || !scopes["intrinsic"] {
		t.Errorf("tags of all scopes are of %v", scopes)
	}
}

func TestNativeTagValues(t *testing.T) {
	r := filled(t, tagRows()...)
	for _, test := range []struct {
		tag   string
		query url.Values
		want  []string // type, value and count
	}{
		{"span.code", nil, []string{`int "200" 1`, `int "500" 1`, `string "200" 1`}},
		{".code", nil, []string{`int "200" 1`, `int "500" 1`, `string "200" 1`}},
		{`span."a b"`, nil, []string{`string "x" 1`}},
		{"resource.service.name", nil, []string{`string "shop" 2`, `string "mail" 1`}},
		{"resource.service.name", url.Values{"limit": {"1"}}, []string{`string "shop" 2`}},
		{"resource.service.name", url.Values{"q": {"{ span.code = 500 }"}}, []string{`string "shop" 1`}},
		{"span.none", nil, []string{}},
		{"span.a/b", nil, []string{}},
	} {
		got := []string{}
		list := read[TagValueList](t, r, "tags/"+url.PathEscape(test.tag)+"/values", test.query)
		for _, v := range list.Values {
			got = append(got, v.Type+" "+string(v.Value)+" "+string('0'+rune(v.Count)))
		}
		if test.tag == "span.code" || test.tag == ".code" {
			slices.Sort(got) // they occur as often
		}
		if !slices.Equal(got, test.want) || list.Values == nil {
			t.Errorf("%s %v: got %v, want %v", test.tag, test.query, got, test.want)
		}
	}
}
