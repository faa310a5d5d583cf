package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// read asks the native API, and fails if the answer has fields that the type lacks.
func read[T any](t *testing.T, r store.Reader, path string, query url.Values) (answer T) {
	t.Helper()
	body := getOK(t, NewNative(testConfig(), r), "/api/clew/v1/"+path+"?"+query.Encode())
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&answer); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return answer
}

func search(t *testing.T, r store.Reader, query url.Values) SearchResult {
	t.Helper()
	return read[SearchResult](t, r, "search", query)
}

func idsOf(result SearchResult) []string {
	ids := []string{}
	for _, trace := range result.Traces {
		ids = append(ids, trace.TraceID)
	}
	return ids
}

// withoutStats empties the stats of an answer, which depend on how its workers overtook each other.
func withoutStats(body []byte) []byte {
	return regexp.MustCompile(`"stats":\{[^}]*\}`).ReplaceAll(body, []byte(`"stats":{}`))
}

func TestNativeSearchGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, append(recorded(t), odd()...)...))
	for name, query := range map[string]url.Values{
		"native_search.json":        {},
		"native_search_words.json":  {"q": {"service=frontend-proxy error=true"}},
		"native_search_groups.json": {"q": {"{ } | by(resource.service.name) | count() > 1 | select(span.http.method)"}, "spss": {"1"}},
		"native_spans.json":         {"mode": {"spans"}, "limit": {"3"}, "q": {"{ status = error } | select(span.http.url)"}},
		"native_nothing_found.json": {"q": {"service=nobody"}},
		"native_no_spans.json":      {"q": {"service=nobody"}, "mode": {"spans"}},
	} {
		golden(t, name, withoutStats(getOK(t, h, "/api/clew/v1/search?"+query.Encode())))
	}
}

// TestNativePages checks that pages put together are the whole list, of traces and of spans.
func TestNativePages(t *testing.T) {
	var rows []span.Span
	for i := range 25 {
		rows = append(rows, span.Span{TraceID: span.TraceID{0: 1, 15: byte(i)}, SpanID: span.SpanID{1}, Start: uint64(100 + i/3)})
	}
	r := filled(t, rows...)
	for _, mode := range []string{"traces", "spans"} {
		ids := func(page SearchResult) []string {
			list := idsOf(page)
			for _, s := range page.Spans {
				list = append(list, s.TraceID)
			}
			return list
		}
		whole := ids(search(t, r, url.Values{"mode": {mode}, "limit": {"100"}}))
		if len(whole) != 25 {
			t.Fatalf("found %d %s", len(whole), mode)
		}
		var paged []string
		pages := 0
		for next := ""; pages < 5; {
			page := search(t, r, url.Values{"mode": {mode}, "limit": {"7"}, "after": {next}})
			paged = append(paged, ids(page)...)
			pages++
			if next = string(page.Next); next == "" {
				break
			}
		}
		if !slices.Equal(paged, whole) || pages != 4 {
			t.Errorf("%d pages: %v\nwhole: %v", pages, paged, whole)
		}
		if page := search(t, r, url.Values{"mode": {mode}}); len(ids(page)) != nativeDefaultLimit {
			t.Errorf("%d %s without a limit", len(ids(page)), mode)
		}
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
		{url.Values{"q": {`{ resource.service.name = "mail" }`}}, []string{id}},
		{url.Values{"q": {"service=mail"}}, []string{id}},
		{url.Values{"q": {"operation=child kind=producer"}}, []string{id}},
		{url.Values{"q": {"yes=true link.why=batch"}}, []string{id}},
		{url.Values{"q": {"yes=true link.why=other"}}, []string{}},
		{url.Values{"q": {"big>=9007199254740993"}}, []string{id}},
		{url.Values{"q": {"service=shop duration >= 5000123ns"}}, []string{id}},
		{url.Values{"q": {"service=shop duration > 5000123ns"}}, []string{}},
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

func TestNativeSlowest(t *testing.T) {
	var rows []span.Span
	for i, took := range []uint64{5, 9, 1, 7} {
		rows = append(rows, span.Span{TraceID: span.TraceID{15: byte(took)}, SpanID: span.SpanID{1}, Start: uint64(100 + i), End: uint64(100+i) + took})
	}
	var took []uint64
	for _, trace := range search(t, filled(t, rows...), url.Values{"sort": {"slowest"}, "limit": {"3"}}).Traces {
		took = append(took, trace.Duration)
	}
	if !slices.Equal(took, []uint64{9, 7, 5}) {
		t.Errorf("slowest traces took %d", took)
	}
}

func TestNativeSlowestSpans(t *testing.T) {
	var rows []span.Span
	for i, took := range []uint64{5, 9, 1, 7, 9} {
		rows = append(rows, span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{byte(i + 1)}, Start: uint64(100 + i), End: uint64(100+i) + took})
	}
	r := filled(t, rows...)
	var ids []string
	query := url.Values{"mode": {"spans"}, "sort": {"slowest"}, "limit": {"2"}}
	for {
		page := search(t, r, query)
		for _, s := range page.Spans {
			ids = append(ids, s.SpanID[:2])
		}
		if page.Next == "" {
			break
		}
		query.Set("after", string(page.Next))
	}
	if want := []string{"05", "02", "04", "01", "03"}; !slices.Equal(ids, want) {
		t.Errorf("slowest spans: %q, want %q", ids, want)
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
		}, TraceSummary{Start: 10, Duration: 20, Operation: "a", Spans: 2, Orphans: 2, Matched: 2, Services: []ServiceCount{{"", 2, 0}}}},
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
		for i := range got {
			got[i].SpanSets = nil
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal([]TraceSummary{test.want})
		if !bytes.Equal(a, b) {
			t.Errorf("%s:\n got %s\nwant %s", test.name, a, b)
		}
	}
}

// TestTypedValues checks how values of each type come out.
func TestTypedValues(t *testing.T) {
	const q = `{ } | select(span.text, span.broken, span.yes, span.big, span.least, span.ratio, span.nan, span.raw, span.list, span.map, ` +
		`span.empty, span."", duration, status, kind, span:id, event:timeSinceStart)`
	got := map[string]string{}
	for _, s := range search(t, filled(t, odd()[0]), url.Values{"mode": {"spans"}, "q": {q}}).Spans {
		for _, a := range s.Attributes {
			got[a.Name] = a.Type + " " + string(a.Value)
		}
	}
	want := map[string]string{
		"span.text": "string \"höchst\\u0000\\u001b[31m\u2028\"", "span.broken": `string "a` + "\ufffd" + `b"`,
		"span.yes": "bool true", "span.big": `int "9007199254740993"`, "span.least": `int "-9223372036854775808"`,
		"span.ratio": "float 0.25", "span.nan": `float "NaN"`, "span.raw": `bytes "AP8Q"`,
		"span.list": `array [1152921504606846976,"NaN",null,"AQ==",false]`, "span.map": `map {"z":1.5,"a":[]}`,
		`span.""`: `string "no key"`, "duration": `duration "5000123"`, "status": `status "error"`, "kind": `kind "server"`,
		"span:id": `string "0000000000000001"`, "event:timeSinceStart": `duration "1999"`,
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %s, want %s", name, got[name], value)
		}
		delete(got, name)
	}
	if delete(got, "span.empty"); len(got) > 0 {
		t.Errorf("and there are %v", got)
	}
}

// TestNativePlan checks that a plan says what the store was asked for, and that asking for it changes nothing else.
func TestNativePlan(t *testing.T) {
	r := filled(t, append(recorded(t), odd()...)...)
	query := url.Values{"q": {`{ resource.service.name = "shop" && duration > 1ms } >> { .yes = true || name =~ "c.*" }`}}
	plain := search(t, r, query)
	query.Set("explain", "true")
	explained := search(t, r, query)
	if len(plain.Plan) > 0 || len(explained.Plan) == 0 {
		t.Fatalf("%d looks without explain, %d with it", len(plain.Plan), len(explained.Plan))
	}
	look := explained.Plan[0]
	text := strings.Join(slices.Concat(look.Needs, look.Where, look.Columns), "\n")
	for _, part := range []string{"resource.service.name", "duration", "yes", "name"} {
		if !strings.Contains(text, part) {
			t.Errorf("the plan does not mention %s: %s", part, text)
		}
	}
	if !look.WholeTraces || look.Stats.ChunksRead == 0 {
		t.Errorf("first look: %+v", look)
	}
	explained.Plan = nil
	a, _ := json.Marshal(plain)
	b, _ := json.Marshal(explained)
	if !bytes.Equal(a, b) {
		t.Errorf("answers differ:\n%s\n%s", a, b)
	}
}

// TestFacesAgree asks the same of all APIs, and wants the same traces and spans.
func TestFacesAgree(t *testing.T) {
	r := filled(t, append(recorded(t), odd()...)...)
	native, tempo, jaeger := NewNative(testConfig(), r), NewTempo(testConfig(), r), NewJaeger(testConfig(), r)
	for _, test := range []struct{ traceql, words, jaeger string }{
		{`{ }`, ``, ``},
		{`{ resource.service.name = "frontend-proxy" }`, `service=frontend-proxy`, `service=frontend-proxy`},
		{`{ status = error || .error = true }`, `error=true`, `tag=error:true`},
		{`{ .http.status_code >= 500 }`, `http.status_code >= 500`, ``},
		{`{ resource.service.name = "shop" && duration >= 1ms }`, `service=shop minDuration=1ms`, `service=shop&minDuration=1ms`},
		{`{ name = "child" && kind = producer }`, `operation=child kind=producer`, `operation=child&tag=span.kind:producer`},
		{`{ .k = "nothing" }`, `k=nothing`, `tag=k:nothing`},
	} {
		want := spansOf(t, native, url.Values{"q": {test.traceql}})
		if got := spansOf(t, native, url.Values{"q": {test.words}}); !slices.Equal(got, want) {
			t.Errorf("%s as words: %v\nwant %v", test.words, got, want)
		}
		if got := spansOf(t, native, url.Values{"q": {test.traceql}, "mode": {"spans"}}); !slices.Equal(got, want) {
			t.Errorf("%s as spans: %v\nwant %v", test.traceql, got, want)
		}
		if got := tempoSpans(t, tempo, test.traceql); !slices.Equal(got, want) {
			t.Errorf("%s at Tempo's API: %v\nwant %v", test.traceql, got, want)
		}
		if test.jaeger == "" && test.words != "" {
			continue // Jaeger's API cannot say it
		}
		f := parseFound(t, getOK(t, jaeger, "/api/traces?start=0&"+test.jaeger))
		got := f.ids()
		for i, id := range got {
			got[i] = strings.Repeat("0", 32-len(id)) + id
		}
		slices.Sort(got)
		var ids []string
		for _, s := range want {
			ids = append(ids, s[:32])
		}
		if ids = slices.Compact(ids); !slices.Equal(got, ids) {
			t.Errorf("%s at Jaeger's API: %v\nwant %v", test.jaeger, got, ids)
		}
	}
}

// spansOf returns trace and span ids of what the native API finds, sorted.
func spansOf(t *testing.T, h http.Handler, query url.Values) []string {
	t.Helper()
	query.Set("limit", "1000")
	query.Set("spss", "1000")
	var answer SearchResult
	if err := json.Unmarshal(getOK(t, h, "/api/clew/v1/search?"+query.Encode()), &answer); err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, s := range answer.Spans {
		list = append(list, s.TraceID+"/"+s.SpanID)
	}
	for _, trace := range answer.Traces {
		for _, set := range trace.SpanSets {
			for _, s := range set.Spans {
				list = append(list, trace.TraceID+"/"+s.SpanID)
			}
		}
	}
	slices.Sort(list)
	return list
}

// tempoSpans is spansOf for Tempo's API; params are pairs of name and value.
func tempoSpans(t *testing.T, h http.Handler, q string, params ...string) []string {
	t.Helper()
	var answer struct {
		Traces []struct {
			TraceID  string
			SpanSets []struct{ Spans []struct{ SpanID string } }
		}
	}
	params = append(params, "q", q, "limit", "1000", "spss", "100")
	if err := json.Unmarshal(getOK(t, h, query("/api/search", params...)), &answer); err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, trace := range answer.Traces {
		id := strings.Repeat("0", 32-len(trace.TraceID)) + trace.TraceID
		for _, set := range trace.SpanSets {
			for _, s := range set.Spans {
				list = append(list, id+"/"+s.SpanID)
			}
		}
	}
	slices.Sort(list)
	return list
}
