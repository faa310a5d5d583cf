package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func postUpload(t *testing.T, h http.Handler, kind string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/clew/v1/uploads", bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return serve(t, h, r)
}

func upload(t *testing.T, h http.Handler, kind string, body []byte) (answer UploadAnswer) {
	t.Helper()
	w := postUpload(t, h, kind, body)
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestUploadFormats checks that a trace is the same however it comes.
func TestUploadFormats(t *testing.T) {
	r := filled(t, recorded(t)...)
	source := NewNative(testConfig(), r)
	stored := readView(t, source, "/api/clew/v1/traces/"+traceWhole+"/view")
	otlp := getOK(t, source, "/api/clew/v1/traces/"+traceWhole)
	other := getOK(t, source, "/api/clew/v1/traces/"+traceFailed)
	jaegerUI := getOK(t, NewJaeger(testConfig(), r), "/api/traces/"+traceWhole)
	var bare struct{ Data []json.RawMessage }
	if err := json.Unmarshal(jaegerUI, &bare); err != nil {
		t.Fatal(err)
	}
	zipkin := getOK(t, NewZipkin(testConfig(), r), "/api/v2/trace/"+traceWhole)
	var indented bytes.Buffer
	if err := json.Indent(&indented, otlp, "", "\t"); err != nil {
		t.Fatal(err)
	}
	tempo := NewTempo(testConfig(), r)
	for name, test := range map[string]struct {
		kind   string
		body   []byte
		traces int
	}{
		"OTLP JSON":              {"application/json", otlp, 1},
		"OTLP protobuf":          {"application/x-protobuf", getOK(t, source, "/api/clew/v1/traces/"+traceWhole, "Accept", "application/x-protobuf"), 1},
		"a file without type":    {"", append([]byte("\ufeff"), indented.Bytes()...), 1},
		"Jaeger's download":      {"application/json", jaegerUI, 1},
		"Jaeger's third API":     {"application/json", getOK(t, NewJaeger(testConfig(), r), "/api/v3/traces/"+traceWhole), 1},
		"a bare Jaeger trace":    {"text/plain", bare.Data[0], 1},
		"a list of those":        {"application/json", slices.Concat([]byte("["), bare.Data[0], []byte("]")), 1},
		"Zipkin's list":          {"application/json", zipkin, 1},
		"Zipkin's list of lists": {"application/json", slices.Concat([]byte("["), zipkin, []byte("]")), 1},
		"Tempo":                  {"application/json", getOK(t, tempo, "/api/traces/"+traceWhole), 1},
		"Tempo's second":         {"application/json", getOK(t, tempo, "/api/v2/traces/"+traceWhole), 1},
		"JSONL":                  {"application/jsonl", slices.Concat(otlp, []byte("\n"), other, []byte("\r\n"), bare.Data[0], []byte("\n")), 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewNative(testConfig(), filled(t))
			answer := upload(t, h, test.kind, test.body)
			at := slices.IndexFunc(answer.Traces, func(v ViewHead) bool { return v.TraceID == traceWhole })
			if len(answer.Traces) != test.traces || at < 0 || answer.Rejected != 0 {
				t.Fatalf("answer %+v", answer)
			}
			v := readView(t, h, "/api/clew/v1/traces/"+traceWhole+"/view?view="+answer.Traces[at].View)
			if name == "JSONL" { // which has the trace twice
				if v.SpanCount != 2*stored.SpanCount {
					t.Errorf("%d spans", v.SpanCount)
				}
				return
			}
			if !bytes.Equal(v.Spans.ID, stored.Spans.ID) || !bytes.Equal(v.Spans.Parent, stored.Spans.Parent) ||
				!bytes.Equal(v.Spans.Duration, stored.Spans.Duration) || !bytes.Equal(v.CriticalPath.End, stored.CriticalPath.End) {
				t.Errorf("the trace is another one:\n%s\nwant\n%s", viewText(v), viewText(stored))
			}
			getOK(t, h, "/api/clew/v1/traces/"+traceWhole+"/find?q=get&view="+v.View)
			if again := upload(t, h, "application/json", getOK(t, h, "/api/clew/v1/traces/"+traceWhole+"?view="+v.View)); again.Traces[0].View != v.View {
				t.Errorf("downloaded and uploaded again it is another trace: %+v", again)
			}
			if w := get(t, h, "/api/clew/v1/traces/"+traceWhole+"/view"); w.Code != 404 {
				t.Errorf("the upload is found in the store: status %d", w.Code)
			}
			if w := get(t, h, "/api/clew/v1/traces/"+traceWhole+"/view?view="+v.View, "X-Scope-OrgID", "somebody-else"); w.Code != 410 {
				t.Errorf("the upload is found by another tenant: status %d", w.Code)
			}
		})
	}
}

func TestUploadOfRecordedZipkin(t *testing.T) {
	for name, want := range map[string]string{
		"kafka.json": "", "yelp.json": "", "skew.json": "skew",
	} {
		body, err := os.ReadFile(filepath.Join("testdata/zipkin", name))
		if err != nil {
			t.Fatal(err)
		}
		h := NewNative(testConfig(), filled(t))
		for _, head := range upload(t, h, "application/json", body).Traces {
			v := readView(t, h, "/api/clew/v1/traces/"+head.TraceID+"/view?view="+head.View)
			if want != "" && !slices.ContainsFunc(v.Warnings, func(w ViewWarning) bool { return w.Kind == want }) {
				t.Errorf("%s: no warning of kind %s in\n%s", name, want, viewText(v))
			}
		}
	}
}

func TestUploadErrors(t *testing.T) {
	cfg := testConfig()
	cfg.ViewBytes = 1
	source := NewNative(testConfig(), filled(t, recorded(t)...))
	whole := string(getOK(t, source, "/api/clew/v1/traces/"+traceWhole))
	span := `{"traceID":"1","spanID":"2","operationName":"x","startTime":1,"duration":1,"processID":"p1"%s}`
	jaeger := func(more string) string {
		return `{"traceID":"1","spans":[` + fmt.Sprintf(span, more) + `],"processes":{"p1":{"serviceName":"s"}}}`
	}
	for _, test := range []struct {
		body string
		code int
		says string
	}{
		{"", 400, "line 1, column 1: the JSON ends too early"},
		{"{\n  \"resourceSpans\": [}", 400, "line 2, column 21: this is no JSON"},
		{"{\"resourceSpans\": []}\n{", 400, "line 2, column 2: the JSON ends too early"},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}`, 400, "document that begins in line 1: byte 59, resourceSpans[0]"},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"0000000000000001"}]}]}]}`, 400, "none of 1 spans can be shown: "},
		{`{"resourceSpans":7}`, 400, "document that begins in line 1: "},
		{"{}", 400, `an object with "" is no trace; known are OTLP`},
		{`{"a":1,"b":2}`, 400, `an object with "a, b" is no trace; known are OTLP`},
		{`["x"]`, 400, "element 1: a string is no trace; known are OTLP"},
		{"[]", 400, "there are no spans in it"},
		{jaeger(`,"tags":[{"key":"n","type":"int64","value":"soon"}]`), 400, `tag "n"`},
		{jaeger(`,"references":[{"refType":"FRIEND_OF","traceID":"1","spanID":"3"}]`), 400, `unknown refType "FRIEND_OF"`},
		{strings.Replace(jaeger(""), `"processID":"p1"`, `"processID":"p2"`, 1), 400, `there is no process "p2"`},
		{strings.Replace(jaeger(""), `"startTime":1`, `"startTime":"now"`, 1), 400, `/spans/0/startTime`},
		{`[{"traceId":"1","id":"2"},{"traceId":"1","id":"x"}]`, 400, `spans of Zipkin: span 2: id "x"`},
		{whole, 422, "raise memory.views"},
	} {
		w := postUpload(t, NewNative(cfg, filled(t)), "application/json", []byte(test.body))
		var got struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%.60s: %v in %s", test.body, err, w.Body)
		}
		if w.Code != test.code || !strings.Contains(got.Error.Message, test.says) {
			t.Errorf("%.60s: status %d: %s; want %d: …%s…", test.body, w.Code, got.Error.Message, test.code, test.says)
		}
	}
}

// FuzzUpload: whatever comes is answered, and what is opened has as many rows as spans.
func FuzzUpload(f *testing.F) {
	for _, name := range []string{"native_trace.json", "jaeger_trace.json", "zipkin_trace.json", "tempo_v2_trace.json"} {
		seed, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	for _, seed := range [][]byte{
		[]byte(`[[{"traceId":"1","id":"2","shared":true,"kind":"SERVER"},{"traceId":"1","id":"2","kind":"CLIENT","annotations":[null]}]]`),
		[]byte(`{"traceID":"1","spans":[null,{"logs":[{"fields":[{"value":null}]}]}],"processes":{"p":null}}`),
		[]byte(`{"data":[{"data":{"trace":{"result":[[]]}}}]}`),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		h := NewNative(testConfig(), filled(t))
		w := postUpload(t, h, "application/json", body)
		var answer UploadAnswer
		switch {
		case w.Code == 200 && json.Unmarshal(w.Body.Bytes(), &answer) == nil:
			for _, head := range answer.Traces {
				v := readView(t, h, "/api/clew/v1/traces/"+head.TraceID+"/view?view="+head.View)
				if v.SpanCount != head.SpanCount || len(v.Spans.ID) != 8*v.SpanCount || len(v.Spans.Flags) != 2*v.SpanCount {
					t.Errorf("%d spans, %d bytes of ids, %d of flags", v.SpanCount, len(v.Spans.ID), len(v.Spans.Flags))
				}
			}
		case w.Code != 400:
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
}
