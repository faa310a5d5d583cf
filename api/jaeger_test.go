package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func TestJaegerGolden(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, append(recorded(t), odd()...)...))
	for name, url := range map[string]string{
		"jaeger_services.json":        "/api/services",
		"jaeger_operation_names.json": "/api/services/frontend-proxy/operations",
		"jaeger_operations.json":      "/api/operations?service=frontend-proxy",
		"jaeger_no_operations.json":   "/api/operations?service=nobody",
		"jaeger_trace.json":           "/api/traces/" + traceWhole,
		"jaeger_orphan.json":          "/api/traces/" + traceOrphans,
		"jaeger_odd.json":             "/api/traces/ab00000000000001",
		"jaeger_odd_raw.json":         "/api/traces/ab00000000000001?raw=true",
		"jaeger_nothing_found.json":   "/api/traces?service=nobody",
		"jaeger_missing_ids.json":     "/api/traces?traceID=77&traceID=ab00000000000001ab00000000000001",
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, h, url)
			if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("status %d, %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			golden(t, name, w.Body.Bytes())
		})
	}
}

// found is what the tests look at of an answer with traces.
type found struct {
	Data []struct {
		TraceID string
		Spans   []struct {
			SpanID, TraceID string
			Warnings        []string
		}
		Warnings []string
	}
	Total  int
	Errors []jaegerError
}

func (f *found) ids() []string {
	ids := []string{}
	for _, trace := range f.Data {
		ids = append(ids, trace.TraceID)
	}
	return ids
}

func parseFound(t *testing.T, body []byte) *found {
	t.Helper()
	f := &found{}
	if err := json.Unmarshal(body, f); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return f
}

func TestJaegerPrettyPrint(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, recorded(t)...))
	for _, url := range []string{"/api/services?", "/api/traces/" + traceWhole + "?", "/api/traces?traceID=1&"} {
		plain, off := getOK(t, h, url), getOK(t, h, url+"prettyPrint=false")
		if string(plain) != string(off) || strings.Count(string(plain), "\n") != 1 {
			t.Errorf("%s: not one line: %s", url, plain)
		}
		pretty := getOK(t, h, url+"prettyPrint=true")
		var a, b any
		if json.Unmarshal(plain, &a) != nil || json.Unmarshal(pretty, &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s: indented differently: %s", url, pretty)
		}
		if !strings.HasPrefix(string(pretty), "{\n    \"data\": [") {
			t.Errorf("%s: not indented: %s", url, pretty)
		}
	}
}

func TestJaegerTraceIDs(t *testing.T) {
	long := span.Span{TraceID: span.TraceID{0xfb, 0xff, 15: 0xfe}, SpanID: span.SpanID{1}}
	short := span.Span{TraceID: span.TraceID{8: 0xfb, 0xff, 15: 0xfe}, SpanID: span.SpanID{1}}
	h := NewJaeger(testConfig(), filled(t, long, short))
	tests := []struct {
		path string
		code int
		want string
	}{
		{"fbff00000000000000000000000000fe", 200, "fbff00000000000000000000000000fe"},
		{"FBFF00000000000000000000000000FE", 200, "fbff00000000000000000000000000fe"},
		{"fbff0000000000fe", 200, "fbff0000000000fe"},
		{"0000fbff0000000000fe", 200, "fbff0000000000fe"},
		{"%2B%2F8AAAAAAAAAAAAAAAAA%2Fg==", 200, "fbff00000000000000000000000000fe"},
		{"-_8AAAAAAAAAAAAAAAAA_g==", 200, "fbff00000000000000000000000000fe"},
		{"-_8AAAAAAAAAAAAAAAAA_g", 200, "fbff00000000000000000000000000fe"},
		{"%2B%2F8AAAAAAP4=", 200, "fbff0000000000fe"},
		{"-_8AAAAAAP4", 200, "fbff0000000000fe"},
		{"1", 404, "trace not found"},
		{"00000000000000000000000000000000", 404, "trace not found"},
		{"fbff00000000000000000000000000fe0", 400, "33 digits"},
		{"nothex", 400, "character 1 is not a hex digit"},
		{"-_8AAAAAAAAAAAAA", 400, "not a hex digit"}, // base64 of 12 bytes
		{"%00", 400, "not a hex digit"},
		{"%20", 400, "not a hex digit"},
	}
	for _, test := range tests {
		w := get(t, h, "/api/traces/"+test.path)
		if w.Code != test.code {
			t.Errorf("%s: status %d, want %d: %s", test.path, w.Code, test.code, w.Body)
			continue
		}
		f := parseFound(t, w.Body.Bytes())
		if test.code == 200 {
			if got := f.Data[0].TraceID; got != test.want {
				t.Errorf("%s: trace %s, want %s", test.path, got, test.want)
			}
		} else if len(f.Errors) != 1 || f.Errors[0].Code != test.code || !strings.Contains(f.Errors[0].Msg, test.want) {
			t.Errorf("%s: errors %v, want one with %q", test.path, f.Errors, test.want)
		}
	}
}

func TestJaegerBadParameters(t *testing.T) {
	cfg := testConfig()
	cfg.MaxTraces = 1000
	h := NewJaeger(cfg, filled(t))
	tests := []struct{ path, msg string }{
		{"/api/traces?limit=x", `unable to parse param 'limit': "x" is not a number`},
		{"/api/traces?limit=0", "invalid parameter: limit must be from 1 to 1000"},
		{"/api/traces?limit=-1", "invalid parameter: limit must be from 1 to 1000"},
		{"/api/traces?limit=1001", "invalid parameter: limit must be from 1 to 1000"},
		{"/api/traces?start=yesterday", `unable to parse param 'start': "yesterday" is neither a number of microseconds since 1970 nor a time as in 2026-01-31T12:00:00Z`},
		{"/api/traces?end=-5", `unable to parse param 'end': "-5" is not a number of microseconds since 1970`},
		{"/api/traces?end=18446744073709551", ""},
		{"/api/traces?end=18446744073709552", "unable to parse param 'end': lies too far in the future"},
		{"/api/traces?start=2&end=1", "invalid parameter: start time must be before end time"},
		{"/api/traces?minDuration=5", `unable to parse param 'minDuration': time: missing unit in duration "5"`},
		{"/api/traces?maxDuration=long", `unable to parse param 'maxDuration': time: invalid duration "long"`},
		{"/api/traces?minDuration=2s&maxDuration=1s", "'maxDuration' should be greater than 'minDuration'"},
		{"/api/traces?tag=error", "malformed 'tag' parameter, expecting key:value, received: error"},
		{"/api/traces?tags=error", "malformed 'tags' parameter, cannot unmarshal JSON: invalid character 'e' looking for beginning of value"},
		{"/api/traces?tags=[]", "malformed 'tags' parameter, cannot unmarshal JSON: json: cannot unmarshal array into Go value of type map[string]json.RawMessage"},
		{`/api/traces?tags={"a":{}}`, `malformed 'tags' parameter, the value of "a" is neither a string nor a number nor a boolean`},
		{`/api/traces?tags={"a":null}`, `malformed 'tags' parameter, the value of "a" is neither a string nor a number nor a boolean`},
		{"/api/traces?" + strings.Repeat("tag=a:b&", 101), "too many tags, the limit is 100"},
		{"/api/traces?traceID=xyz", `cannot parse traceID param: trace id "xyz": character 1 is not a hex digit`},
		{"/api/traces?traceID=", `cannot parse traceID param: trace id "": has 0 digits, expected 1 to 32 hex digits`},
		{"/api/traces?" + strings.Repeat("traceID=1&", 1001), "invalid parameter: traceID is given 1001 times, the limit is 1000"},
		{"/api/traces?raw=perhaps", `unable to parse param 'raw': "perhaps" is neither true nor false`},
		{"/api/traces/1?raw=perhaps", `unable to parse param 'raw': "perhaps" is neither true nor false`},
		{"/api/traces/1?start=x", `unable to parse param 'start': "x" is neither a number of microseconds since 1970 nor a time as in 2026-01-31T12:00:00Z`},
		{"/api/traces/1?end=x", `unable to parse param 'end': "x" is neither a number of microseconds since 1970 nor a time as in 2026-01-31T12:00:00Z`},
		{"/api/traces?tag=%zz", `malformed query: invalid URL escape "%zz"`},
		{"/api/traces/1?a=1;b=2", "malformed query: invalid semicolon separator in query"},
		{"/api/operations", "parameter 'service' is required"},
		{"/api/operations?service=a&spanKind=b", "unable to parse param 'spanKind': unsupported span kind: 'b'"},
	}
	for _, test := range tests {
		w := get(t, h, strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(test.path))
		name := test.path[:min(len(test.path), 60)]
		if test.msg == "" {
			if w.Code != 200 {
				t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
			}
			continue
		}
		want, _ := json.Marshal(test.msg)
		body := `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":` + string(want) + "}]}\n"
		if w.Code != 400 || w.Body.String() != body {
			t.Errorf("%s: status %d\n got %s\nwant %s", name, w.Code, w.Body, body)
		}
		if kind := w.Header().Get("Content-Type"); kind != "text/plain; charset=utf-8" {
			t.Errorf("%s: Content-Type %s", name, kind)
		}
	}
}

// TestJaegerSearch checks searches over the recorded traces and an old one.
func TestJaegerSearch(t *testing.T) {
	old := odd()
	h := NewJaeger(testConfig(), filled(t, append(recorded(t), old...)...))
	start := func(id string) uint64 {
		first := ^uint64(0)
		for _, s := range recorded(t) {
			if s.TraceID == traceID(t, id) {
				first = min(first, s.Start)
			}
		}
		return first / 1000
	}
	all := []string{traceWhole, traceFailed, traceMixed, traceOrphans}
	slices.SortFunc(all, func(a, b string) int { return int(start(b)) - int(start(a)) }) // newest first
	const oldID = "ab00000000000001"
	within := fmt.Sprintf("start=%d&end=%d", old[0].Start/1000, old[0].Start/1000+10)
	tests := []struct {
		query string
		want  []string
	}{
		{"", all},
		{"service=&operation=&minDuration=&maxDuration=&tags=&tag=&limit=&lookback=custom", all},
		{"limit=2", all[:2]},
		{"lookback=1h", all},
		{fmt.Sprintf("start=%d&end=%d", start(traceMixed), start(traceMixed)), []string{traceMixed}},
		{fmt.Sprintf("end=%d", start(all[3])-1), nil},
		{fmt.Sprintf("start=%d", start(all[0])), all[:1]},
		{"tag=error:true", []string{traceFailed, traceMixed}},
		{within, []string{oldID}},
		{"start=0&tag=big:9007199254740993", []string{oldID}},
		{"start=0&service=shop", []string{oldID}},
		{"start=0&service=shop&operation=child", []string{oldID}},
		{"start=0&service=mail&operation=child&tag=span.kind:producer", []string{oldID}},
		{"start=0&service=mail&tag=span.kind:client", nil}, // each holds, but not on one span
		{"start=0&service=shop&minDuration=5000123ns&maxDuration=5000123ns", []string{oldID}},
		{"start=0&service=shop&minDuration=5000124ns", nil},
		{"start=0&service=shop&maxDuration=-1500ns", []string{oldID}},
		{`start=0&tags={"text":"höchst\u0000\u001b[31m\u2028","ratio":0.25,"yes":true}`, []string{oldID}},
		{"start=0&tag=yes:true&tag=why:batch&tag=exception.type:E&tag=lib.mode:fast&tag=service.name:shop", []string{oldID}},
	}
	for _, test := range tests {
		values, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		f := parseFound(t, getOK(t, h, "/api/traces?"+values.Encode()))
		got, want := f.ids(), slices.Clone(test.want)
		if strings.HasPrefix(test.query, "tag=error") {
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) || f.Total != 0 || f.Errors != nil {
			t.Errorf("%s: got %v, errors %v; want %v", test.query, got, f.Errors, want)
		}
	}
}

// TestJaegerSearchIsWhole checks that a search returns traces with all their
// spans, the ones outside of the time range too, as the trace itself would be.
func TestJaegerSearchIsWhole(t *testing.T) {
	rows := recorded(t)
	for i := range rows {
		if rows[i].TraceID == traceID(t, traceWhole) && rows[i].Parent.IsZero() {
			rows[i].Start -= uint64(72 * time.Hour)
		}
	}
	h := NewJaeger(testConfig(), filled(t, rows...))
	alone := getOK(t, h, "/api/traces/"+traceWhole)
	for _, query := range []string{"service=image-provider&tag=http.status_code:200", "traceID=" + traceWhole} {
		if got := getOK(t, h, "/api/traces?"+query); string(got) != string(alone) {
			t.Errorf("%s:\n got %s\nwant %s", query, got, alone)
		}
	}
}

func TestJaegerManyTraces(t *testing.T) {
	var rows []span.Span
	var want []string
	for i := range 100 {
		id := span.TraceID{0: 1, 15: byte(i)}
		rows = append(rows, span.Span{TraceID: id, SpanID: span.SpanID{1}, Start: uint64(recordedAt.UnixNano()) - uint64(i)})
		want = append(want, id.String())
	}
	f := parseFound(t, getOK(t, NewJaeger(testConfig(), filled(t, rows...)), "/api/traces"))
	if !slices.Equal(f.ids(), want) {
		t.Errorf("got %v", f.ids())
	}
}

// TestJaegerSearchFails checks what becomes of traces that cannot be read after
// they were found.
func TestJaegerSearchFails(t *testing.T) {
	var rows []span.Span
	for i := range 10 {
		rows = append(rows, span.Span{TraceID: span.TraceID{0: 1, 15: byte(i)}, SpanID: span.SpanID{1}, Start: uint64(recordedAt.UnixNano()) - uint64(i)})
	}
	failAt := func(n byte, err error) store.Reader {
		return &faulty{Reader: filled(t, rows...), onTrace: func(_ context.Context, id span.TraceID) error {
			if id[15] == n {
				return err
			}
			return nil
		}}
	}
	disk := errors.New("disk on fire")
	tests := []struct {
		name   string
		reader store.Reader
		code   int
		traces int
		errors string
	}{
		{"first", failAt(0, disk), 500, 0, "[{500 disk on fire }]"},
		{"later", failAt(3, disk), 200, 3, "[{500 disk on fire 01000000000000000000000000000003}]"},
		{"expired", failAt(3, store.ErrNotFound), 200, 9, "[]"},
		{"gaps", &faulty{Reader: filled(t, rows...), gaps: []string{"block 7 is damaged"}}, 200, 10,
			"[{0 the answer may lack traces: block 7 is damaged }]"},
		{"search", &faulty{Reader: filled(t, rows...), onChunks: func(context.Context) error { return store.ErrTooLarge }}, 422, 0,
			"[{422 query needs more memory than its budget }]"},
	}
	for _, test := range tests {
		w := get(t, NewJaeger(testConfig(), test.reader), "/api/traces")
		f := parseFound(t, w.Body.Bytes())
		if w.Code != test.code || len(f.Data) != test.traces || fmt.Sprint(f.Errors) != test.errors {
			t.Errorf("%s: status %d, %d traces, errors %v", test.name, w.Code, len(f.Data), f.Errors)
		}
	}
}

func TestJaegerGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, recorded(t)...), gaps: []string{"block 7 is damaged"}}
	h := NewJaeger(testConfig(), r)
	f := parseFound(t, getOK(t, h, "/api/traces/"+traceWhole))
	if got := fmt.Sprint(f.Data[0].Warnings); got != "[this trace may lack spans: block 7 is damaged]" {
		t.Errorf("warnings %s", got)
	}
	if f = parseFound(t, getOK(t, h, "/api/traces/"+traceWhole+"?raw=1")); f.Data[0].Warnings != nil {
		t.Errorf("raw, but with warnings %v", f.Data[0].Warnings)
	}
	for _, path := range []string{"/api/services", "/api/services/frontend/operations", "/api/operations?service=frontend"} {
		w := get(t, h, path)
		if got := w.Header()["Clew-Gap"]; !slices.Equal(got, r.gaps) || !strings.Contains(w.Body.String(), `"errors":null`) {
			t.Errorf("%s: gaps %q, %s", path, got, w.Body)
		}
	}
}

func TestJaegerServiceWithSlash(t *testing.T) {
	resource := span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("a/b c")}}}
	h := NewJaeger(testConfig(), filled(t, span.Span{SpanID: span.SpanID{1}, Name: "op", Resource: resource}))
	if got := string(getOK(t, h, "/api/services/a%2Fb%20c/operations")); got != `{"data":["op"],"total":1,"limit":0,"offset":0,"errors":null}`+"\n" {
		t.Error(got)
	}
}

func TestJaegerOperationsByKind(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, odd()...))
	for kind, want := range map[string]string{
		"":            `{"name":"GET /\u003cb\u003e\u0026\"","spanKind":"server"},{"name":"child","spanKind":""},{"name":"child","spanKind":"internal"},{"name":"child","spanKind":"consumer"},{"name":"child","spanKind":""}`,
		"server":      `{"name":"GET /\u003cb\u003e\u0026\"","spanKind":"server"}`,
		"Consumer":    `{"name":"child","spanKind":"consumer"}`,
		"unspecified": `{"name":"child","spanKind":""}`,
		"client":      ``,
	} {
		var got struct{ Data json.RawMessage }
		if err := json.Unmarshal(getOK(t, h, "/api/operations?service=shop&spanKind="+kind), &got); err != nil {
			t.Fatal(err)
		}
		if string(got.Data) != "["+want+"]" {
			t.Errorf("%q: got %s", kind, got.Data)
		}
	}
}

// TestJaegerWarnings checks what is said of odd spans, and that their times stay as they came.
func TestJaegerWarnings(t *testing.T) {
	node := func(id, parent byte, start, end uint64) span.Span {
		return span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: id}, Parent: span.SpanID{7: parent}, Start: start, End: end}
	}
	const early = "the span starts 5ms before its parent; times are shown as they came"
	const twin = "another span of this trace has the same id"
	of := func(s span.Span, service string, kind int32) span.Span {
		s.Kind = kind
		s.Resource.Attrs = []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}
		return s
	}
	const behind = "clock skew: the clock is about 9.5ms behind that of the caller; times are shown as they came"
	const ahead = "clock skew: the clock is about 10ms ahead of that of the caller; times are shown as they came"
	tests := []struct {
		name string
		rows []span.Span
		want string // warnings of each span, by start
	}{
		{"a server's clock is behind", []span.Span{of(node(1, 0, 10e6, 20e6), "a", kindClient), of(node(2, 1, 5e6, 6e6), "b", kindServer),
			of(node(3, 2, 5e6, 6e6), "b", 0)}, "[" + behind + "] [] []"},
		{"a server's clock is ahead", []span.Span{of(node(1, 0, 10e6, 20e6), "a", kindClient), of(node(2, 1, 21e6, 29e6), "b", kindServer)}, "[] [" + ahead + "]"},
		{"a server within its client", []span.Span{of(node(1, 0, 10e6, 20e6), "a", kindClient), of(node(2, 1, 11e6, 19e6), "b", kindServer)}, "[] []"},
		{"nothing is odd", []span.Span{node(1, 0, 10e6, 20e6), node(2, 1, 10e6, 30e6)}, "[] []"},
		{"a child starts early", []span.Span{node(1, 0, 10e6, 20e6), node(2, 1, 5e6, 12e6), node(3, 2, 5e6, 6e6)}, "[" + early + "] [] []"},
		{"an id comes twice", []span.Span{node(1, 0, 10e6, 20e6), node(1, 0, 11e6, 12e6), node(2, 1, 12e6, 13e6)}, "[" + twin + "] [" + twin + "] []"},
		{"an orphan ends early", []span.Span{node(1, 7, 10e6, 9e6)},
			"[the parent span 0000000000000007 is missing: it has not arrived, was not sampled or was lost the span ends 1ms before it starts; its duration is shown as 0]"},
		{"its own parent", []span.Span{node(1, 1, 10e6, 20e6)}, "[]"},
	}
	for _, test := range tests {
		h := NewJaeger(testConfig(), filled(t, test.rows...))
		for _, query := range []string{"", "?raw=true"} {
			var got []string
			for _, s := range parseFound(t, getOK(t, h, "/api/traces/1"+query)).Data[0].Spans {
				got = append(got, fmt.Sprint(s.Warnings))
			}
			want := test.want
			if query != "" {
				want = strings.TrimSuffix(strings.Repeat("[] ", len(test.rows)), " ")
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s%s: got %s, want %s", test.name, query, text, want)
			}
		}
	}
}

// TestJaegerTraceResponse: answers name the trace of our own that they are of, errors included, and no trace of the client's.
func TestJaegerTraceResponse(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t))
	of := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 2}, TraceFlags: trace.FlagsSampled})
	for _, c := range []struct {
		path string
		span trace.SpanContext
		want string
	}{
		{"/api/services", of, "00-00000000000000000000000000000001-0000000000000002-01"},
		{"/api/nothing", of, "00-00000000000000000000000000000001-0000000000000002-01"},
		{"/api/v3/services", of.WithTraceFlags(0), "00-00000000000000000000000000000001-0000000000000002-00"},
		{"/api/services", of.WithRemote(true), ""},
		{"/api/services", trace.SpanContext{}, ""},
	} {
		w := httptest.NewRecorder()
		ctx := trace.ContextWithSpanContext(t.Context(), c.span)
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, c.path, nil))
		if got := w.Header().Get("traceresponse"); got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}
