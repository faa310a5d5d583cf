package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"github.com/openzipkin/zipkin-go/model"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// zipkinFiles are traces that Zipkin's instrumentation recorded.
var zipkinFiles = []string{"kafka.json", "skew.json", "smartthings.json.gz", "yelp.json"}

// zipkinJSONOf returns a recorded trace as it was sent.
func zipkinJSONOf(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/zipkin/" + file)
	if err == nil && strings.HasSuffix(file, ".gz") {
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(raw)); err == nil {
			raw, err = io.ReadAll(r)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// zipkinRows returns recorded traces as the Collector's receiver makes them OTLP.
func zipkinRows(t testing.TB, files ...string) []span.Span {
	t.Helper()
	var rows []span.Span
	for _, file := range files {
		td, err := zipkinv2.NewJSONTracesUnmarshaler(false).UnmarshalTraces(zipkinJSONOf(t, file))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, rowsOf(td)...)
	}
	return rows
}

// zipkinSpans decodes a trace with the model of Zipkin's own Go library.
func zipkinSpans(t testing.TB, body []byte) []model.SpanModel {
	t.Helper()
	var list []model.SpanModel
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return list
}

// zipkinTraces decodes a list of traces.
func zipkinTraces(t testing.TB, body []byte) [][]model.SpanModel {
	t.Helper()
	var list [][]model.SpanModel
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return list
}

// everything is a time range for all that the tests store.
const everything = "endTs=1800000000000&lookback=1800000000000"

func TestZipkinGolden(t *testing.T) {
	cfg := testConfig()
	cfg.Build = BuildInfo{Version: "1.2.3", Revision: "abcdef0"}
	h := NewZipkin(cfg, filled(t, slices.Concat(recorded(t), odd(), zipkinRows(t, "skew.json", "yelp.json", "kafka.json"))...))
	for name, url := range map[string]string{
		"zipkin_services.json":        "/api/v2/services",
		"zipkin_spans.json":           "/api/v2/spans?serviceName=Yelp-Main",
		"zipkin_no_spans.json":        "/api/v2/spans?serviceName=nobody",
		"zipkin_remote_services.json": "/api/v2/remoteServices?serviceName=FRONTEND",
		"zipkin_tag_keys.json":        "/zipkin/api/v2/autocompleteKeys",
		"zipkin_tag_values.json":      "/api/v2/autocompleteValues?key=http.status_code",
		"zipkin_no_tag_values.json":   "/api/v2/autocompleteValues?key=nothing",
		"zipkin_trace.json":           "/api/v2/trace/" + traceWhole,
		"zipkin_failed.json":          "/zipkin/api/v2/trace/" + traceFailed,
		"zipkin_odd.json":             "/api/v2/trace/ab00000000000001",
		"zipkin_shared.json":          "/api/v2/trace/1e223ff1f80f1c69",
		"zipkin_traces.json":          "/api/v2/traces?limit=1&annotationQuery=error",
		"zipkin_trace_many.json":      "/api/v2/traceMany?traceIds=77,1e223ff1f80f1c69,ab00000000000001",
		"zipkin_none_of_many.json":    "/api/v2/traceMany?traceIds=77,78",
		"zipkin_nothing_found.json":   "/api/v2/traces?serviceName=nobody",
		"zipkin_dependencies.json":    "/api/v2/dependencies?" + everything,
		"zipkin_no_dependencies.json": "/api/v2/dependencies?endTs=1",
		"zipkin_config.json":          "/zipkin/config.json",
		"zipkin_health.json":          "/health",
		"zipkin_info.json":            "/info",
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

func TestZipkinNotReady(t *testing.T) {
	cfg := testConfig()
	cfg.Ready = func() error { return errors.New("stopping") }
	w := get(t, NewZipkin(cfg, filled(t)), "/health")
	const want = `{"status":"DOWN","zipkin":{"status":"DOWN","details":{"error":"stopping"}}}` + "\n"
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != want {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestZipkinTraceIDs(t *testing.T) {
	long := span.Span{TraceID: span.TraceID{0xfb, 0xff, 15: 0xfe}, SpanID: span.SpanID{1}}
	short := span.Span{TraceID: span.TraceID{8: 0xfb, 0xff, 15: 0xfe}, SpanID: span.SpanID{1}}
	h := NewZipkin(testConfig(), filled(t, long, short))
	tests := []struct {
		text string
		code int
		want string // the trace's id, or the error
	}{
		{"fbff00000000000000000000000000fe", 200, "fbff00000000000000000000000000fe"},
		{"FBFF00000000000000000000000000FE", 200, "fbff00000000000000000000000000fe"},
		{"fbff0000000000fe", 200, "fbff0000000000fe"},
		{"0000000000000000fbff0000000000fe", 200, "fbff0000000000fe"},
		{"00fbff0000000000fe", 200, "fbff0000000000fe"},
		{"%20fbff0000000000fe", 200, "fbff0000000000fe"},
		{"1", 404, "0000000000000001 not found"},
		{"100000000000000000001", 404, "00000000000100000000000000000001 not found"},
		{"00000000000000000000000000000000", 400, "traceId is all zeros"},
		{"fbff00000000000000000000000000fe0", 400, "traceId.length > 32"},
		{"0e8b46e1-81b", 400, "0e8b46e1-81b should be lower-hex encoded with no prefix"},
		{"0x1", 400, "0x1 should be lower-hex encoded with no prefix"},
		{"%20", 400, "traceId is empty"},
	}
	for _, test := range tests {
		w := get(t, h, "/api/v2/trace/"+test.text)
		got := w.Body.String()
		if w.Code == 200 {
			var list []struct{ TraceID string }
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 1 {
				t.Fatalf("%s: %v: %s", test.text, err, w.Body)
			}
			got = list[0].TraceID
		}
		if w.Code != test.code || got != test.want {
			t.Errorf("%s: status %d, %q; want %d, %q", test.text, w.Code, got, test.code, test.want)
		}
	}
}

func TestZipkinBadParameters(t *testing.T) {
	cfg := testConfig()
	cfg.MaxTraces = 1000
	h := NewZipkin(cfg, filled(t))
	long := strings.Repeat("x", 1001)
	tests := []struct{ path, msg string }{
		{"/api/v2/spans", "parameter 'serviceName' is required"},
		{"/api/v2/spans?serviceName=" + long, "unable to parse param 'serviceName': it has 1001 bytes, the limit is 1000"},
		{"/api/v2/remoteServices", "parameter 'serviceName' is required"},
		{"/api/v2/traces?limit=x", `unable to parse param 'limit': "x" is not a whole number of at most 64 bits`},
		{"/api/v2/traces?limit=1.5", `unable to parse param 'limit': "1.5" is not a whole number of at most 64 bits`},
		{"/api/v2/traces?limit=0", "limit <= 0"},
		{"/api/v2/traces?limit=-1", "limit <= 0"},
		{"/api/v2/traces?limit=1001", "invalid parameter: limit must be from 1 to 1000"},
		{"/api/v2/traces?endTs=now", `unable to parse param 'endTs': "now" is not a whole number of at most 64 bits`},
		{"/api/v2/traces?endTs=0", "endTs <= 0"},
		{"/api/v2/traces?endTs=9223372036854775808", `unable to parse param 'endTs': "9223372036854775808" is not a whole number of at most 64 bits`},
		{"/api/v2/traces?lookback=1h", `unable to parse param 'lookback': "1h" is not a whole number of at most 64 bits`},
		{"/api/v2/traces?lookback=0", "lookback <= 0"},
		{"/api/v2/traces?minDuration=1ms", `unable to parse param 'minDuration': "1ms" is not a whole number of at most 64 bits`},
		{"/api/v2/traces?minDuration=0", "minDuration <= 0"},
		{"/api/v2/traces?maxDuration=-1", "maxDuration <= 0"},
		{"/api/v2/traces?minDuration=2&maxDuration=1", "maxDuration < minDuration"},
		{"/api/v2/traces?serviceName=" + long, "unable to parse param 'serviceName': it has 1001 bytes, the limit is 1000"},
		{"/api/v2/traces?spanName=" + long, "unable to parse param 'spanName': it has 1001 bytes, the limit is 1000"},
		{"/api/v2/traces?remoteServiceName=" + long, "unable to parse param 'remoteServiceName': it has 1001 bytes, the limit is 1000"},
		{"/api/v2/traces?annotationQuery=a" + strings.Repeat("+and+a", 100), "annotationQuery has 101 parts, the limit is 100"},
		{"/api/v2/traces?spanName=%zz", `malformed query: invalid URL escape "%zz"`},
		{"/api/v2/traceMany", "traceIds parameter is empty"},
		{"/api/v2/traceMany?traceIds=", "traceIds parameter is empty"},
		{"/api/v2/traceMany?traceIds=1", "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace"},
		{"/api/v2/traceMany?traceIds=1,2,0001", "redundant trace ID: 0001"},
		{"/api/v2/traceMany?traceIds=1,,2", "traceId is empty"},
		{"/api/v2/traceMany?traceIds=abcd,0e8b46e1-81b", "0e8b46e1-81b should be lower-hex encoded with no prefix"},
		{"/api/v2/traceMany?traceIds=" + strings.Repeat("1,", 1000) + "1", "traceIds names 1001 traces, the limit is 1000"},
		{"/api/v2/autocompleteValues", "parameter 'key' is required"},
		{"/api/v2/dependencies", "parameter 'endTs' is required"},
		{"/api/v2/dependencies?endTs=0", "endTs <= 0"},
		{"/api/v2/dependencies?endTs=1&lookback=-5", "lookback <= 0"},
		{"/api/v2/dependencies?endTs=1&lookback=x", `unable to parse param 'lookback': "x" is not a whole number of at most 64 bits`},
	}
	for _, test := range tests {
		w := get(t, h, test.path)
		if kind := w.Header().Get("Content-Type"); w.Code != 400 || w.Body.String() != test.msg || kind != "text/plain; charset=utf-8" {
			t.Errorf("%.60s: status %d, %s\n got %s\nwant %s", test.path, w.Code, kind, w.Body, test.msg)
		}
	}
	for _, path := range []string{
		"/api/v2/spans?serviceName=", "/api/v2/traces?limit=1000", "/api/v2/traces?limit=&endTs=&serviceName=",
		"/api/v2/traces?endTs=9223372036854775807&lookback=9223372036854775807&minDuration=9223372036854775807",
		"/api/v2/traces?maxDuration=9223372036854775807", "/api/v2/traces?annotationQuery=+and+%3D1+and+",
	} {
		if got := strings.TrimSpace(string(getOK(t, h, path))); got != "[]" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// describedZipkin is a description of Zipkin's API, of which none is in a package registry.
var describedZipkin = sync.OnceValue(func() *description {
	text, err := os.ReadFile("testdata/zipkin_openapi.json")
	if err != nil {
		panic(err)
	}
	d, err := newDescription(text, "/api/v2")
	if err != nil {
		panic(err)
	}
	d.schemas.AssertFormat()
	return d
})

// checkZipkinTrace holds a trace against the description of Zipkin's API.
func checkZipkinTrace(t *testing.T, body []byte) {
	t.Helper()
	if !jsontext.Value(body).IsValid() { // names that come twice included
		t.Fatalf("no valid JSON: %s", body)
	}
	if err := describedZipkin().validate(&openapi3.SchemaRef{Ref: "#/components/schemas/Trace"}, body); err != nil {
		t.Errorf("%v in %s", err, body)
	}
}

func TestZipkinGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, recorded(t)...), gaps: []string{"block 7 is damaged"}}
	h := NewZipkin(testConfig(), r)
	for _, path := range []string{"/api/v2/traces", "/api/v2/trace/" + traceWhole, "/api/v2/dependencies?" + everything, "/api/v2/remoteServices?serviceName=frontend",
		"/api/v2/services", "/api/v2/spans?serviceName=frontend", "/api/v2/autocompleteKeys", "/api/v2/autocompleteValues?key=rpc.system"} {
		if got := get(t, h, path).Header()["Clew-Gap"]; len(got) != 1 || got[0] != "block 7 is damaged" {
			t.Errorf("%s: Clew-Gap is %q", path, got)
		}
	}
}

// TestZipkinLists checks what becomes of a list when a trace cannot be read: it
// is left out if it expired, else the whole answer fails.
func TestZipkinLists(t *testing.T) {
	var rows []span.Span
	var ids []string
	for i := range 10 {
		id := span.TraceID{0: 1, 15: byte(i)}
		rows = append(rows, span.Span{TraceID: id, SpanID: span.SpanID{1}, Start: uint64(recordedAt.UnixNano()) - uint64(i)*uint64(time.Second)})
		ids = append(ids, id.String())
	}
	for _, path := range []string{"/api/v2/traces", "/api/v2/traceMany?traceIds=" + strings.Join(ids, ",")} {
		r := &faulty{Reader: filled(t, rows...)}
		h := NewZipkin(testConfig(), r)
		all := zipkinTraces(t, getOK(t, h, path))
		if len(all) != 10 {
			t.Fatalf("%s: %d traces", path, len(all))
		}
		for i, trace := range all {
			if got := fmt.Sprintf("%v", trace[0].TraceID); got != ids[i] {
				t.Errorf("%s: trace %d is %s, want %s", path, i, got, ids[i])
			}
		}
		fails := store.ErrNotFound
		r.onTrace = func(_ context.Context, id span.TraceID) error {
			if id[15] == 5 {
				return fails
			}
			return nil
		}
		if got := zipkinTraces(t, getOK(t, h, path)); len(got) != 9 {
			t.Errorf("%s: %d traces after one expired", path, len(got))
		}
		fails = errors.New("disk on fire")
		if w := get(t, h, path); w.Code != 500 || w.Body.String() != "disk on fire" {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
}
