package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

func TestNativeTraceGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	golden(t, "native_trace.json", getOK(t, h, "/api/clew/v1/traces/"+traceWhole))
}

func TestNativeTraceProtobuf(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	w := get(t, h, "/api/clew/v1/traces/"+traceWhole, "Accept", "application/x-protobuf")
	if kind := w.Header().Get("Content-Type"); kind != "application/x-protobuf" {
		t.Fatalf("Content-Type %s", kind)
	}
	diffRows(t, decodeProto(t, w.Body.Bytes()), traceRows(t, traceWhole))
}

// TestNativeErrors checks what requests are refused and how that is said, beyond what the description says of each
// parameter (see TestDescribedValues).
func TestNativeErrors(t *testing.T) {
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
		{"search?limit=1001", 400, "invalid parameter: limit must be from 1 to 1000"}, // as configured
		{"series?q={}|rate()&limit=1001", 400, "invalid parameter: limit must be from 1 to 1000"},
		{"search?sort=slowest&after=x", 400, "invalid parameter: the slowest traces have one page, without after"},
		{"search?end=0", 400, "invalid parameter: start must be before end"},
		{"search?after=x", 400, "invalid cursor"},
		{"search?after=%zz", 400, `malformed query: invalid URL escape "%zz"`},
		{"search?q={}|rate()", 400, "the query gives time series; ask /api/clew/v1/series"},
		{"series?q={}", 400, "the query gives traces, not time series; ask /api/clew/v1/search, or end it with a function such as | rate()"},
		{"series?q={}|rate()&step=soon", 400, `unable to parse param 'step': bad number or duration "soon": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
		{"series?q={}|rate()&step=1us", 400, "invalid parameter: step must be 1ms or more"},
		{"series?q={}|rate()&step=1ms", 400, "invalid parameter: step 1ms cuts the range into 3600000 intervals, the limit is 11000"},
		{"series?q={}|rate()&start=2100-01-01T00:00:00Z", 400, "invalid parameter: start lies in the future"},
		{"differs?minDuration=soon", 400, `unable to parse param 'minDuration': bad number or duration "soon": a duration is like 1.5s, 1h30m or 1d12h, with the units ns us ms s m h d w y`},
		{"differs?maxDuration=0s", 400, "invalid parameter: maxDuration must be above 0"},
		{"tags/durration/values", 400, `"durration" is neither an attribute such as span.http.method or .http.method nor an intrinsic such as name`},
	}
	for _, test := range tests {
		w := get(t, h, "/api/clew/v1/"+strings.NewReplacer("{", "%7B", "}", "%7D", "|", "%7C").Replace(test.path))
		var got struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v in %s", test.path, err, w.Body)
		}
		if w.Code != test.code || got.Error.Code != test.code || got.Error.Message != test.msg {
			t.Errorf("%s: status %d: %s", test.path, w.Code, w.Body)
		}
	}
}

// TestNativeQueryErrors checks that what is wrong in a query is shown where it is.
func TestNativeQueryErrors(t *testing.T) {
	h := NewNative(testConfig(), filled(t))
	for _, test := range []struct {
		face, q      string
		line, column int
		caret        string
		says         string
	}{
		{"search", "{ durration > 1s }", 1, 3, "{ durration > 1s }\n  ^", `did you mean "duration"`},
		{"search", "{ .a = 1 }\n&& { .b == 2 }", 2, 9, "&& { .b == 2 }\n        ^", `unknown operator "=="`},
		{"search", "service=a duration > soon", 1, 22, "service=a duration > soon\n                     ^", "needs a duration"},
		{"series", "{} | rat()", 1, 6, "{} | rat()\n     ^", `did you mean "rate"`},
	} {
		w := get(t, h, "/api/clew/v1/"+test.face+"?q="+url.QueryEscape(test.q))
		var got struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		e := got.Error
		if w.Code != 400 || e.Line != test.line || e.Column != test.column || e.Caret != test.caret || !strings.Contains(e.Message, test.says) {
			t.Errorf("%s: status %d: %+v", test.q, w.Code, e)
		}
	}
}

func TestNativeGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, recorded(t)...), gaps: []string{"block 7 is damaged"}}
	if got := search(t, r, nil).Gaps; !slices.Equal(got, r.gaps) {
		t.Errorf("search: gaps %q", got)
	}
	if got := series(t, r, url.Values{"q": {"{} | rate()"}}).Gaps; !slices.Equal(got, r.gaps) {
		t.Errorf("series: gaps %q", got)
	}
	if got := read[TagList](t, r, "tags", nil).Gaps; !slices.Equal(got, r.gaps) {
		t.Errorf("tags: gaps %q", got)
	}
	for _, tag := range []string{"resource.service.name", "name", "rootName"} {
		if got := read[TagValueList](t, r, "tags/"+tag+"/values", nil).Gaps; !slices.Equal(got, r.gaps) {
			t.Errorf("values of %s: gaps %q", tag, got)
		}
	}
	w := get(t, NewNative(testConfig(), r), "/api/clew/v1/traces/"+traceWhole)
	if got := w.Header()["Clew-Gap"]; !slices.Equal(got, r.gaps) {
		t.Errorf("trace: gaps %q", got)
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
		{"native", "/api/clew/v1/search?spss=5", 5},
		{"native", "/api/clew/v1/search?mode=spans&q=" + url.QueryEscape("{ } | select(statusMessage)"), 3},
		{"native", "/api/clew/v1/tags", 2},
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
