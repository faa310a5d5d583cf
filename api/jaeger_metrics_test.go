package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

func TestJaegerDependenciesGolden(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, recorded(t)...))
	for name, url := range map[string]string{
		"jaeger_dependencies.json":            "/api/dependencies",
		"jaeger_dependencies_of_service.json": "/api/dependencies?service=frontend-proxy",
		"jaeger_no_dependencies.json":         "/api/dependencies?endTs=1&lookback=1",
	} {
		golden(t, name, getOK(t, h, url))
	}
	var all, some struct {
		Data []struct{ Parent, Child string }
	}
	parse(t, getOK(t, h, "/api/dependencies"), &all)
	parse(t, getOK(t, h, "/api/dependencies?service=frontend-proxy"), &some)
	want := slices.DeleteFunc(all.Data, func(d struct{ Parent, Child string }) bool {
		return d.Parent != "frontend-proxy" && d.Child != "frontend-proxy"
	})
	if !slices.Equal(some.Data, want) || len(want) == 0 {
		t.Errorf("of one service: %v, want %v", some.Data, want)
	}
	ms := recordedAt.UnixMilli()
	whole := string(getOK(t, h, "/api/dependencies"))
	for _, query := range []string{
		fmt.Sprintf("endTs=%d&lookback=86400000", ms), "endTs=2025-07-11T18:00:00Z&lookback=24h",
		"endTs=2025-07-11T20:00:00+02:00", // the + is not encoded
	} {
		if got := string(getOK(t, h, "/api/dependencies?"+query)); got != whole {
			t.Errorf("%s: %s", query, got)
		}
	}
}

func TestJaegerMetricsGolden(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, recorded(t)...))
	const query = "service=frontend&service=frontend-proxy&spanKind=server&spanKind=client&endTs=1752256800000&lookback=86400000&step=21600000&ratePer=43200000"
	for name, url := range map[string]string{
		"jaeger_calls.json":                  "/api/metrics/calls?" + query,
		"jaeger_errors.json":                 "/api/metrics/errors?" + query,
		"jaeger_latencies.json":              "/api/metrics/latencies?quantile=0.95&" + query,
		"jaeger_calls_of_operations.json":    "/api/metrics/calls?groupByOperation=true&" + query,
		"jaeger_errors_of_operations.json":   "/api/metrics/errors?groupByOperation=true&" + query,
		"jaeger_latency_of_operations.json":  "/api/metrics/latencies?groupByOperation=1&quantile=0.5&" + query,
		"jaeger_metrics_of_nobody.json":      "/api/metrics/calls?service=nobody",
		"jaeger_metrics_min_step.json":       "/api/metrics/minstep",
		"jaeger_latencies_without_data.json": "/api/metrics/latencies?service=nobody&quantile=1",
	} {
		golden(t, name, getOK(t, h, url))
	}
	pretty := getOK(t, h, "/api/metrics/calls?prettyPrint=true&"+query)
	if !strings.HasPrefix(string(pretty), "{\n    \"name\": \"service_call_rate\"") {
		t.Errorf("not indented: %s", pretty)
	}
}

// metrics is what the tests look at of an answer of /api/metrics.
type metrics struct {
	Metrics []struct {
		Labels       []struct{ Name, Value string }
		MetricPoints []struct {
			GaugeValue struct{ DoubleValue float64 }
			Timestamp  time.Time
		}
	}
}

func parse(t *testing.T, body []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}

// TestJaegerMetricsAreRight compares rates with those of a count by hand, span by span.
func TestJaegerMetricsAreRight(t *testing.T) {
	const ratePer, step = 10 * time.Minute, time.Minute
	begin := recordedAt.Add(-time.Hour)
	resource := span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}}
	var rows []span.Span
	for i := range 500 {
		s := span.Span{TraceID: span.TraceID{14: byte(i >> 8), 15: byte(i + 1)}, SpanID: span.SpanID{7: 1}, Name: "op", Kind: kindServer, Resource: resource}
		s.Start = uint64(begin.Add(time.Duration(i*i) * 14400 * time.Microsecond).UnixNano())
		s.End = s.Start + uint64(i)*1e6
		if i%3 == 0 {
			s.Status = statusError
		}
		rows = append(rows, s)
	}
	within := func(at time.Time, length time.Duration) (n, failed int, longest time.Duration) {
		for _, s := range rows {
			if ago := at.Sub(time.Unix(0, int64(s.Start))); ago >= 0 && ago < length {
				n++
				longest = max(longest, time.Duration(s.End-s.Start))
				if s.Status == statusError {
					failed++
				}
			}
		}
		return n, failed, longest
	}
	h := NewJaeger(testConfig(), filled(t, rows...))
	tests := map[string]func(at time.Time) float64{
		"calls":                func(at time.Time) float64 { n, _, _ := within(at, ratePer); return float64(n) / ratePer.Seconds() },
		"errors":               func(at time.Time) float64 { n, failed, _ := within(at, ratePer); return float64(failed) / float64(n) },
		"latencies?quantile=1": func(at time.Time) float64 { _, _, d := within(at, step); return float64(d) / 1e6 },
	}
	end := recordedAt.Add(-17*time.Second - 3*time.Millisecond) // of no minute
	for path, want := range tests {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		var got metrics
		parse(t, getOK(t, h, fmt.Sprintf("/api/metrics/%s%sservice=shop&step=60000&lookback=3600000&endTs=%d", path, sep, end.UnixMilli())), &got)
		if len(got.Metrics) != 1 || len(got.Metrics[0].MetricPoints) < 50 {
			t.Fatalf("%s: %+v", path, got)
		}
		if last := got.Metrics[0].MetricPoints[len(got.Metrics[0].MetricPoints)-1].Timestamp; !last.Equal(end) {
			t.Errorf("%s: the last point lies at %v, want %v", path, last, end)
		}
		for _, point := range got.Metrics[0].MetricPoints {
			if v, w := point.GaugeValue.DoubleValue, want(point.Timestamp); math.Abs(v-w) > 1e-9*w {
				t.Errorf("%s at %v: %v, want %v", path, point.Timestamp, v, w)
			}
		}
	}
}

func TestJaegerMetricsBadParameters(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t))
	tests := []struct{ path, msg string }{
		{"dependencies?endTs=x", `unable to parse param 'endTs': "x" is neither a number of milliseconds since 1970 nor a time as in 2026-01-31T12:00:00Z`},
		{"dependencies?endTs=-1", `unable to parse param 'endTs': "-1" is not a number of milliseconds since 1970`},
		{"dependencies?endTs=99999999999999999", `unable to parse param 'endTs': lies too far in the future`},
		{"dependencies?lookback=x", `unable to parse param 'lookback': "x" is neither a number of milliseconds nor a duration as in 15m`},
		{"dependencies?lookback=0", `invalid parameter: lookback must be above 0`},
		{"dependencies?lookback=-5m", `invalid parameter: lookback must be above 0`},
		{"dependencies?lookback=9223372036854775807", `unable to parse param 'lookback': it is too long`},
		{"metrics/calls", `unable to parse param 'service': please provide at least one service name`},
		{"metrics/calls?service=", `unable to parse param 'service': please provide at least one service name`},
		{"metrics/errors?" + strings.Repeat("service=a&", 101), `unable to parse param 'service': it is given 101 times, the limit is 100`},
		{"metrics/latencies?service=a", `unable to parse param 'quantile': "" is not a number from 0 to 1`},
		{"metrics/latencies?service=a&quantile=x", `unable to parse param 'quantile': "x" is not a number from 0 to 1`},
		{"metrics/latencies?service=a&quantile=1.5", `unable to parse param 'quantile': "1.5" is not a number from 0 to 1`},
		{"metrics/latencies?service=a&quantile=NaN", `unable to parse param 'quantile': "NaN" is not a number from 0 to 1`},
		{"metrics/calls?service=a&groupByOperation=x", `unable to parse param 'groupByOperation': "x" is neither true nor false`},
		{"metrics/calls?service=a&spanKind=x", `unable to parse param 'spanKind': unsupported span kind: 'x'`},
		{"metrics/calls?service=a&endTs=x", `unable to parse param 'endTs': "x" is neither a number of milliseconds since 1970 nor a time as in 2026-01-31T12:00:00Z`},
		{"metrics/calls?service=a&endTs=1", `unable to parse param 'endTs': there is no time before it that is as long as ratePer`},
		{"metrics/calls?service=a&lookback=x", `unable to parse param 'lookback': "x" is neither a number of milliseconds nor a duration as in 15m`},
		{"metrics/calls?service=a&step=x", `unable to parse param 'step': "x" is neither a number of milliseconds nor a duration as in 15m`},
		{"metrics/calls?service=a&step=0", `invalid parameter: step must be above 0`},
		{"metrics/calls?service=a&step=1us", `invalid parameter: step must be 1ms or more`},
		{"metrics/calls?service=a&step=1", `invalid parameter: step 1ms cuts lookback and ratePer into 4200000 intervals, the limit is 11000`},
		{"metrics/calls?service=a&ratePer=x", `unable to parse param 'ratePer': "x" is neither a number of milliseconds nor a duration as in 15m`},
	}
	for _, test := range tests {
		w := get(t, h, "/api/"+test.path)
		want, _ := json.Marshal(test.msg)
		body := `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":` + string(want) + "}]}\n"
		if w.Code != 400 || w.Body.String() != body {
			t.Errorf("%s: status %d\n got %s\nwant %s", test.path, w.Code, w.Body, body)
		}
	}
}

// postTo sends a body to a path of Jaeger's API.
func postTo(t *testing.T, path, body string, rows ...span.Span) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	NewJaeger(testConfig(), filled(t, rows...)).ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w
}

// TestJaegerTransform checks that a trace that is uploaded looks as if it had been stored.
func TestJaegerTransform(t *testing.T) {
	rows := append(recorded(t), odd()...)
	jaeger, tempo := NewJaeger(testConfig(), filled(t, rows...)), NewTempo(testConfig(), filled(t, rows...))
	for _, id := range []string{traceWhole, traceOrphans, "ab00000000000001"} {
		otlp := string(getOK(t, tempo, "/api/traces/"+id))
		w := postTo(t, "/api/transform", strings.Replace(otlp, `{"batches":`, `{"resourceSpans":`, 1))
		if want := string(getOK(t, jaeger, "/api/traces/"+id)); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: status %d\n got %s\nwant %s", id, w.Code, w.Body, want)
		}
	}
}

func TestJaegerTransformOdd(t *testing.T) {
	const first = `{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","startTimeUnixNano":"9007199254740993000"}`
	const other = `{"traceId":"00000000000000000000000000000002","spanId":"0000000000000002"}`
	const bad = `{"traceId":"00000000000000000000000000000002","spanId":"00"}`
	const none = `{"data":[],"total":0,"limit":0,"offset":0,"errors":null}`
	tests := []struct {
		body string
		code int
		want string
	}{
		{"{}", 200, none},
		{`{"resourceSpans":[]}`, 200, none},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[` + first + "," + other + "," + first + `]}]}]}`, 200, `"traceID":"0000000000000001","spans":[{"traceID":"0000000000000001","spanID":"0000000000000001","operationName":"","references":[],"startTime":9007199254740993,`},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[` + bad + "," + other + `]}]}]}`, 200, `"errors":[{"msg":"1 spans are left out: `},
		{"", 400, "cannot unmarshal OTLP: "},
		{"[]", 400, "cannot unmarshal OTLP: "},
		{`{"resourceSpans":7}`, 400, "cannot unmarshal OTLP: "},
		{strings.Repeat(" ", maxTransformBytes+1), 400, "the body has more than 67108864 bytes"},
	}
	for _, test := range tests {
		w := postTo(t, "/api/transform", test.body)
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%.60q: status %d: %s", test.body, w.Code, w.Body)
		}
	}
	if w := get(t, NewJaeger(testConfig(), filled(t)), "/api/transform"); w.Code != 405 {
		t.Errorf("GET: status %d", w.Code)
	}
}

func TestJaegerArchive(t *testing.T) {
	for path, want := range map[string]string{
		traceWhole:         `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":500,"msg":"archive span storage was not configured"}]}` + "\n",
		"1?start=x":        `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":"unable to parse param 'start': \"x\" is neither a number of microseconds since 1970 nor a time as in 2026-01-31T12:00:00Z"}]}` + "\n",
		"nothex?start=123": `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":"trace id \"nothex\": character 1 is not a hex digit"}]}` + "\n",
	} {
		if w := postTo(t, "/api/archive/"+path, "", recorded(t)...); w.Body.String() != want {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
}
