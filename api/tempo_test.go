package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/storetest"
)

func traceRows(t *testing.T, id string) []span.Span {
	t.Helper()
	var rows []span.Span
	for _, s := range recorded(t) {
		if s.TraceID == traceID(t, id) {
			rows = append(rows, s)
		}
	}
	return rows
}

func TestTempoGolden(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, append(recorded(t), odd()...)...))
	for name, url := range map[string]string{
		"tempo_trace.json":      "/api/traces/" + traceWhole,
		"tempo_odd.json":        "/api/traces/ab00000000000001",
		"tempo_v2_trace.json":   "/api/v2/traces/" + traceWhole,
		"tempo_v2_unknown.json": "/api/v2/traces/77",
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, h, url, "Accept", "application/json")
			if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("status %d, %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			golden(t, name, w.Body.Bytes())
		})
	}
}

// traceByIDResponse reads tempopb.TraceByIDResponse.
func traceByIDResponse(t *testing.T, raw []byte) (trace *tracepb.TracesData, status uint64, message string, fields []protowire.Number) {
	t.Helper()
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeTag(raw)
		m := protowire.ConsumeFieldValue(num, typ, raw[max(n, 0):])
		if n < 0 || m < 0 {
			t.Fatalf("malformed answer at field %d", num)
		}
		value := raw[n : n+m]
		switch num {
		case 1:
			trace = &tracepb.TracesData{}
			content, _ := protowire.ConsumeBytes(value)
			if err := proto.Unmarshal(content, trace); err != nil {
				t.Fatal(err)
			}
		case 3:
			status, _ = protowire.ConsumeVarint(value)
		case 4:
			message, _ = protowire.ConsumeString(value)
		}
		fields = append(fields, num)
		raw = raw[n+m:]
	}
	return trace, status, message, fields
}

func TestTempoProtobuf(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, recorded(t)...))
	for _, accept := range []string{"application/protobuf", "application/x-protobuf", "text/html, application/protobuf;q=0.9"} {
		w := get(t, h, "/api/traces/"+traceWhole, "Accept", accept)
		if kind := w.Header().Get("Content-Type"); w.Code != 200 || kind != "application/protobuf" {
			t.Fatalf("%s: status %d, Content-Type %s", accept, w.Code, kind)
		}
		diffRows(t, decodeProto(t, w.Body.Bytes()), traceRows(t, traceWhole))
	}
	for _, accept := range []string{"", "*/*", "application/json", "application/protobuff", ";;"} {
		if kind := get(t, h, "/api/traces/"+traceWhole, "Accept", accept).Header().Get("Content-Type"); kind != "application/json" {
			t.Errorf("%q: Content-Type %s", accept, kind)
		}
	}

	w := get(t, h, "/api/v2/traces/"+traceWhole, "Accept", "application/protobuf")
	trace, status, message, _ := traceByIDResponse(t, w.Body.Bytes())
	if status != 0 || message != "" {
		t.Errorf("v2: status %d, message %q", status, message)
	}
	raw, err := proto.Marshal(trace)
	if err != nil {
		t.Fatal(err)
	}
	diffRows(t, decodeProto(t, raw), traceRows(t, traceWhole))

	w = get(t, h, "/api/v2/traces/77", "Accept", "application/protobuf")
	trace, _, _, fields := traceByIDResponse(t, w.Body.Bytes())
	if w.Code != 200 || trace == nil || len(trace.ResourceSpans) != 0 {
		t.Errorf("v2, unknown id: status %d, trace %v, fields %v; clients need an empty trace", w.Code, trace, fields)
	}
}

func TestTempoGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, recorded(t)...), gaps: []string{"block 7 is damaged", "block 9\nis gone"}}
	h := NewTempo(testConfig(), r)
	const message = "the trace may lack spans: block 7 is damaged; block 9\nis gone"
	w := get(t, h, "/api/v2/traces/"+traceWhole, "Accept", "application/protobuf")
	if _, status, got, _ := traceByIDResponse(t, w.Body.Bytes()); status != 1 || got != message {
		t.Errorf("v2: status %d, message %q", status, got)
	}
	body := string(getOK(t, h, "/api/v2/traces/"+traceWhole))
	if !strings.Contains(body, `"status":"PARTIAL","message":"the trace may lack spans: block 7 is damaged; block 9\nis gone"`) {
		t.Errorf("v2: %s", body[len(body)-200:])
	}
	w = get(t, h, "/api/traces/"+traceWhole)
	if got := w.Header()["Clew-Gap"]; len(got) != 2 || got[0] != "block 7 is damaged" || got[1] != "block 9 is gone" {
		t.Errorf("v1: header %q", got)
	}
}

func TestTempoTenantFanOut(t *testing.T) {
	rows := recorded(t)
	m := &storetest.Model{}
	write(t, m, "a", rows[:len(rows)/2]...)
	write(t, m, "b", rows[len(rows)/2:]...)
	write(t, m, "c", span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{1}})
	h := NewTempo(testConfig(), m)
	var id string // a trace of which both tenants have something
	for _, s := range rows {
		ask := func(tenant string) int {
			return get(t, h, "/api/traces/"+s.TraceID.String(), "X-Scope-OrgID", tenant).Code
		}
		if ask("a") == 200 && ask("b") == 200 {
			id = s.TraceID.String()
		}
	}
	if id == "" {
		t.Fatal("no trace is split; this test needs one")
	}
	for _, tenants := range []string{"a|b", "b|a", "a|b|c|nobody", "a|a|b|b"} {
		w := get(t, h, "/api/traces/"+id, "X-Scope-OrgID", tenants, "Accept", "application/protobuf")
		diffRows(t, decodeProto(t, w.Body.Bytes()), traceRows(t, id))
	}
	for tenants, code := range map[string]int{
		"c|nobody": 404, "a|": 400, "|": 400, "a|..": 400, strings.Repeat("a|", 64) + "a": 400, strings.Repeat("a|", 63) + "a": 200,
	} {
		if w := get(t, h, "/api/traces/"+id, "X-Scope-OrgID", tenants); w.Code != code {
			t.Errorf("%.20s: status %d, want %d: %s", tenants, w.Code, code, w.Body)
		}
	}
}

func TestTempoBadParameters(t *testing.T) {
	h := NewTempo(testConfig(), filled(t))
	tests := []struct {
		path string
		code int
		msg  string
	}{
		{"1", 404, "trace not found"},
		{"1?start=0&end=0", 404, "trace not found"},
		{"1?start=1&end=2", 404, "trace not found"},
		{"xyz", 400, `trace id "xyz": character 1 is not a hex digit`},
		{strings.Repeat("1", 33), 400, "has 33 digits, expected 1 to 32 hex digits"},
		{"1?end=1.5", 404, "trace not found"},
		{"1?start=2&end=2", 400, "http parameter start must be before end. received start=2 end=2"},
		{"1?start=x", 400, `unable to parse param 'start': "x" is neither seconds or nanoseconds since 1970 nor a time as in 2026-01-31T12:00:00Z`},
		{"1?end=18446744074.0", 400, "unable to parse param 'end': 18446744074.0 lies too far in the future"},
		{"1?end=%zz", 400, `malformed query: invalid URL escape "%zz"`},
	}
	for _, base := range []string{"/api/traces/", "/api/v2/traces/"} {
		for _, test := range tests {
			code := test.code
			if code == 404 && strings.Contains(base, "v2") {
				code = 200
			}
			w := get(t, h, base+test.path)
			if w.Code != code || code != 200 && !strings.HasSuffix(w.Body.String(), test.msg+"\n") {
				t.Errorf("%s%s: status %d, want %d: %s", base, test.path, w.Code, code, w.Body)
			}
		}
	}
}

func TestTempoStatus(t *testing.T) {
	cfg := testConfig()
	cfg.Build = BuildInfo{Version: "1.2.3", Revision: "abc", Branch: "main", BuildDate: "today", BuildUser: "me", GoVersion: "go1"}
	var starting error
	cfg.Ready = func() error { return starting }
	h := NewTempo(cfg, filled(t))
	if got := string(getOK(t, h, "/api/echo")); got != "echo" {
		t.Errorf("echo: %q", got)
	}
	want := `{"version":"1.2.3","revision":"abc","branch":"main","buildDate":"today","buildUser":"me","goVersion":"go1"}` + "\n"
	if got := string(getOK(t, h, "/api/status/buildinfo")); got != want {
		t.Errorf("buildinfo: %s", got)
	}
	if got := string(getOK(t, h, "/ready")); got != "ready\n" {
		t.Errorf("ready: %q", got)
	}
	starting = errors.New("replaying the log")
	if w := get(t, h, "/ready"); w.Code != http.StatusServiceUnavailable || w.Body.String() != "not ready: replaying the log\n" {
		t.Errorf("not ready: status %d: %s", w.Code, w.Body)
	}
}
