package api

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func TestNativeGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, append(recorded(t), odd()...)...))
	golden(t, "native_search.json", getOK(t, h, "/api/clew/v1/search"))
	golden(t, "native_trace.json", getOK(t, h, "/api/clew/v1/traces/"+traceWhole))
	golden(t, "native_nothing_found.json", getOK(t, h, "/api/clew/v1/search?service=nobody"))
}

func TestNativeTraceProtobuf(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	w := get(t, h, "/api/clew/v1/traces/"+traceWhole, "Accept", "application/x-protobuf")
	if kind := w.Header().Get("Content-Type"); kind != "application/x-protobuf" {
		t.Fatalf("Content-Type %s", kind)
	}
	diffRows(t, decodeProto(t, w.Body.Bytes()), traceRows(t, traceWhole))
}

func search(t *testing.T, r store.Reader, query url.Values) SearchResult {
	t.Helper()
	var result SearchResult
	body := getOK(t, NewNative(testConfig(), r), "/api/clew/v1/search?"+query.Encode())
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&result); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return result
}

func idsOf(result SearchResult) []string {
	ids := []string{}
	for _, trace := range result.Traces {
		ids = append(ids, trace.TraceID)
	}
	return ids
}

// TestNativePages checks that pages put together are the whole list.
func TestNativePages(t *testing.T) {
	var rows []span.Span
	for i := range 25 {
		rows = append(rows, span.Span{TraceID: span.TraceID{0: 1, 15: byte(i)}, SpanID: span.SpanID{1}, Start: uint64(100 + i/3)})
	}
	r := filled(t, rows...)
	whole := idsOf(search(t, r, url.Values{"limit": {"100"}}))
	if len(whole) != 25 {
		t.Fatalf("found %d traces", len(whole))
	}
	var paged []string
	pages := 0
	for next := ""; ; {
		page := search(t, r, url.Values{"limit": {"7"}, "after": {next}})
		paged = append(paged, idsOf(page)...)
		pages++
		if next = string(page.Next); next == "" {
			break
		}
	}
	if !slices.Equal(paged, whole) || pages != 4 {
		t.Errorf("%d pages: %v\nwhole: %v", pages, paged, whole)
	}
	if page := search(t, r, nil); len(page.Traces) != nativeDefaultLimit {
		t.Errorf("%d traces without a limit", len(page.Traces))
	}
}

func TestNativeSearch(t *testing.T) {
	rows := odd()
	r := filled(t, append(recorded(t), rows...)...)
	at := time.Unix(0, int64(rows[0].Start)).UTC()
	const id = "0000000000000000ab00000000000001"
	tests := []struct {
		query url.Values
		want  []string
	}{
		{url.Values{"service": {"mail"}}, []string{id}},
		{url.Values{"operation": {"child"}, "tag": {"span.kind=producer"}}, []string{id}},
		{url.Values{"tag": {"w3c.tracestate=a=1,b=2"}}, []string{id}},
		{url.Values{"tag": {"yes=true", "why=batch"}}, []string{id}},
		{url.Values{"tag": {"yes=true", "why=other"}}, []string{}},
		{url.Values{"minDuration": {"5000123ns"}, "service": {"shop"}}, []string{id}},
		{url.Values{"end": {"1700000000000000001"}}, []string{id}},
		{url.Values{"end": {"1700000000000000000"}}, []string{}},
		{url.Values{"end": {at.Add(time.Second).Format(time.RFC3339Nano)}}, []string{id}},
		{url.Values{"start": {at.Format(time.RFC3339Nano)}, "end": {"1700000001000000000"}}, []string{id}},
		{url.Values{"start": {at.In(time.FixedZone("", 3600)).Format(time.RFC3339Nano)}, "end": {"1700000001000000000"}}, []string{id}},
	}
	for _, test := range tests {
		if got := idsOf(search(t, r, test.query)); !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.query, got, test.want)
		}
	}
}

func TestNativeBadParameters(t *testing.T) {
	cfg := testConfig()
	cfg.MaxTraces = 1000
	h := NewNative(cfg, filled(t))
	tests := []struct {
		path string
		code int
		msg  string
	}{
		{"traces/1", 404, "trace not found"},
		{"traces/xyz", 400, `trace id "xyz": character 1 is not a hex digit`},
		{"search?limit=0", 400, "invalid parameter: limit must be from 1 to 1000"},
		{"search?limit=many", 400, `unable to parse param 'limit': "many" is not a number`},
		{"search?start=now", 400, `unable to parse param 'start': "now" is neither a time since 1970 as in 2026-01-31T12:00:00Z nor a number of nanoseconds`},
		{"search?end=1969-01-01T00:00:00Z", 400, `unable to parse param 'end': "1969-01-01T00:00:00Z" is neither a time since 1970 as in 2026-01-31T12:00:00Z nor a number of nanoseconds`},
		{"search?start=2&end=2", 400, "invalid parameter: start must be before end"},
		{"search?end=0", 400, "invalid parameter: start must be before end"},
		{"search?tag=%3Derror", 400, `malformed 'tag' parameter "=error" at character 1: expected a key`},
		{"search?tag=k%3Ev", 400, `malformed 'tag' parameter "k>v" at character 3: "v" is not a number`},
		{"search?minDuration=x", 400, `unable to parse param 'minDuration': time: invalid duration "x"`},
		{"search?after=x", 400, "invalid cursor"},
		{"search?after=%zz", 400, `malformed query: invalid URL escape "%zz"`},
	}
	for _, test := range tests {
		w := get(t, h, "/api/clew/v1/"+test.path)
		var got struct {
			Error struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v in %s", test.path, err, w.Body)
		}
		if w.Code != test.code || got.Error.Code != test.code || got.Error.Message != test.msg {
			t.Errorf("%s: status %d: %s", test.path, w.Code, w.Body)
		}
	}
}

func TestNativeGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, recorded(t)...), gaps: []string{"block 7 is damaged"}}
	if got := search(t, r, nil).Gaps; !slices.Equal(got, r.gaps) {
		t.Errorf("search: gaps %q", got)
	}
	w := get(t, NewNative(testConfig(), r), "/api/clew/v1/traces/"+traceWhole)
	if got := w.Header()["Clew-Gap"]; !slices.Equal(got, r.gaps) {
		t.Errorf("trace: gaps %q", got)
	}
}

// TestSummaries checks the parts of a summary that the recorded traces do not show.
func TestSummaries(t *testing.T) {
	named := func(s string) span.SpanResource {
		return span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(s)}}}
	}
	id := span.TraceID{15: 1}
	tests := []struct {
		name string
		rows []span.Span
		want TraceSummary
	}{
		{"no root", []span.Span{
			{TraceID: id, SpanID: span.SpanID{1}, Parent: span.SpanID{9}, Name: "b", Start: 20, End: 30},
			{TraceID: id, SpanID: span.SpanID{2}, Parent: span.SpanID{9}, Name: "a", Start: 10, End: 15},
		}, TraceSummary{Start: 10, Duration: 20, Operation: "a", Spans: 2, Matched: 2, Services: []ServiceCount{{"", 2, 0}}}},
		{"root after a child", []span.Span{
			{TraceID: id, SpanID: span.SpanID{1}, Parent: span.SpanID{2}, Name: "child", Start: 10, End: 15, Status: 2, Resource: named("z")},
			{TraceID: id, SpanID: span.SpanID{2}, Name: "root", Start: 11, End: 14, Resource: named("a")},
			{TraceID: id, SpanID: span.SpanID{3}, Name: "second root", Start: 12, End: 12, Resource: named("z")},
		}, TraceSummary{Start: 10, Duration: 5, Root: true, Service: "a", Operation: "root", Spans: 3, Errors: 1, Matched: 3,
			Services: []ServiceCount{{"a", 1, 0}, {"z", 2, 1}}}},
		{"end before start", []span.Span{
			{TraceID: id, SpanID: span.SpanID{1}, Name: "x", Start: 10, End: 5},
		}, TraceSummary{Start: 10, Root: true, Operation: "x", Spans: 1, Matched: 1, Services: []ServiceCount{{"", 1, 0}}}},
	}
	for _, test := range tests {
		test.want.TraceID = id.String()
		got := search(t, filled(t, test.rows...), nil).Traces
		a, _ := json.Marshal(got)
		b, _ := json.Marshal([]TraceSummary{test.want})
		if !bytes.Equal(a, b) {
			t.Errorf("%s:\n got %s\nwant %s", test.name, a, b)
		}
	}
}

// TestHostileText checks that nothing in a trace can break out of an answer.
func TestHostileText(t *testing.T) {
	const nasty = "\"},\\\u2028</script>\x00\x1b]0;x\a\xff\xc3\r\n"
	clean := strings.ToValidUTF8(nasty, "\ufffd\ufffd") // one for each byte
	row := span.Span{
		TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{1}, Name: nasty, Message: nasty, TraceState: nasty,
		Attrs:    []span.KeyValue{{Key: nasty, Value: span.StringValue(nasty)}, {Key: "m", Value: span.MapValue(span.KeyValue{Key: nasty, Value: span.StringValue(nasty)})}},
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(nasty)}}},
		Scope:    span.SpanScope{Name: nasty, Attrs: []span.KeyValue{{Key: nasty, Value: span.IntValue(1)}}},
		Events:   []span.SpanEvent{{Name: nasty}},
	}
	m := filled(t, row)
	cfg := testConfig()
	texts := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, member := range v {
				walk(key)
				walk(member)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case string:
			if strings.Contains(v, clean) {
				texts++
			}
		}
	}
	for _, test := range []struct {
		face  string
		url   string
		texts int // how often the text is in the answer, at least
	}{
		{"jaeger", "/api/services", 1},
		{"jaeger", "/api/traces/1", 7},
		{"jaeger", "/api/operations?service=" + url.QueryEscape(nasty), 1},
		{"jaeger", "/api/services/" + url.PathEscape(nasty) + "/operations", 1},
		{"tempo", "/api/traces/1", 9},
		{"native", "/api/clew/v1/search", 3},
	} {
		for _, f := range faces {
			if f.name != test.face {
				continue
			}
			var v any
			body := getOK(t, f.open(cfg, m), test.url)
			if err := json.Unmarshal(body, &v); err != nil {
				t.Errorf("%s: %v in %s", test.url, err, body)
				continue
			}
			texts = 0
			walk(v)
			if texts < test.texts {
				t.Errorf("%s %s: the text is there %d times, want %d: %s", f.name, test.url, texts, test.texts, body)
			}
		}
	}
	for _, f := range faces { // and what comes back in an error is no markup
		w := get(t, f.open(cfg, m), f.trace+url.PathEscape("<script>alert(1)</script>"))
		kind := w.Header().Get("Content-Type")
		if w.Code != 400 || !strings.HasPrefix(kind, "text/plain") && kind != "application/json" {
			t.Errorf("%s: status %d, Content-Type %s", f.name, w.Code, kind)
		}
	}
}
