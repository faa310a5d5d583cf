package ingest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// linesNow is when lines are observed in tests.
var linesNow = time.Unix(1_700_000_000, 0)

// readLines returns the log records that lines become.
func readLines(t testing.TB, text string) (*logLines, *span.Batch) {
	t.Helper()
	lines := newLogLines("", linesNow)
	lines.read([]byte(text))
	b := new(span.Batch)
	rejected, err := DecodeOTLP(span.FormatLogsProto, lines.request(), b, Limits{})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if rejected.Count > 0 || int64(b.Len()) != lines.total-lines.malformed-lines.untraced {
		t.Fatalf("%q: %d records, %d rejected, of %d lines, %d malformed, %d untraced", text, b.Len(), rejected.Count, lines.total, lines.malformed, lines.untraced)
	}
	return lines, b
}

const lineTrace = "0af7651916cd43dd8448eb211c80319c"

// TestLineNames reads the lines of usual loggers.
func TestLineNames(t *testing.T) {
	const at = 1752253200123456789
	for name, test := range map[string]struct {
		line           string
		time           uint64
		severity       int32
		text           string
		service, attrs string
	}{
		"slog":      {`{"time":"2025-07-11T17:00:00.123456789Z","level":"WARN","msg":"sold","trace_id":"T","span_id":"S","n":1}`, at, 13, "WARN", "", "n=1"},
		"pino":      {`{"level":40,"time":1752253200123,"pid":7,"trace_id":"T","span_id":"S","trace_flags":"01","msg":"sold"}`, 1752253200123000000, 13, "warn", "", "pid=7"},
		"zap":       {`{"level":"error","ts":1752253200.125,"msg":"sold","traceID":"T","spanID":"S"}`, 1752253200125000000, 17, "error", "", ""},
		"python":    {`{"timestamp":"2025-07-11 17:00:00,123","levelname":"CRITICAL","message":"sold","otelTraceID":"T","otelSpanID":"S","otelServiceName":"cart"}`, 1752253200123000000, 18, "CRITICAL", "cart", ""},
		"ecs":       {`{"@timestamp":"2025-07-11T17:00:00.123+0000","log.level":"info","message":"sold","trace.id":"T","span.id":"S","service.name":"cart"}`, 1752253200123000000, 9, "info", "cart", ""},
		"nanos":     {`{"time":1752253200123456789,"traceId":"T","spanId":"S","body":"sold"}`, at, 0, "", "", ""},
		"micros":    {`{"time":"1752253200123456","TraceId":"T","SpanId":"S","Body":"sold"}`, 1752253200123456000, 0, "", "", ""},
		"no time":   {`{"trace_id":"T","span_id":"S","msg":"sold","time":"yesterday","level":null}`, 0, 0, "", "", "time=yesterday"},
		"twice":     {`{"trace_id":"T","span_id":"S","msg":"sold","message":"again","service":"a","service.name":"b"}`, 0, 0, "", "a", "message=again service.name=b"},
		"big time":  {`{"trace_id":"T","span_id":"S","msg":"sold","time":1e300}`, 0, 0, "", "", "time=1e+300"},
		"old trace": {`{"trace_id":"T","span_id":"S","msg":"sold","traceid":[1]}`, 0, 0, "", "", "traceid=array"},
	} {
		_, b := readLines(t, strings.NewReplacer(`"T"`, `"`+lineTrace+`"`, `"S"`, `"b7ad6b7169203331"`).Replace(test.line))
		if b.Len() != 1 {
			t.Errorf("%s: %d records", name, b.Len())
			continue
		}
		l := b.Log(0)
		var attrs []string
		for key, value := range b.LogAttrs(l.Attrs) {
			attrs = append(attrs, key+"="+plainValue(value))
		}
		if l.TraceID.String() != lineTrace || l.SpanID.String() != "b7ad6b7169203331" || l.Body != span.StringValue("sold") {
			t.Errorf("%s: %+v", name, l)
		}
		if want := uint32(strings.Count(test.line, `"trace_flags":"01"`)); l.Flags != want {
			t.Errorf("%s: flags %d, want %d", name, l.Flags, want)
		}
		if l.Time != test.time || l.Severity != test.severity || l.SeverityText != test.text || b.ServiceName(b.Resource[0]) != test.service || strings.Join(attrs, " ") != test.attrs {
			t.Errorf("%s: time %d, severity %d %q, service %q, attributes %q", name, l.Time, l.Severity, l.SeverityText, b.ServiceName(b.Resource[0]), attrs)
		}
		if l.Observed != test.time && test.time != 0 || l.Observed == 0 {
			t.Errorf("%s: observed at %d", name, l.Observed)
		}
	}
}

func plainValue(v span.Value) string {
	if v.Type == span.Array {
		return "array"
	}
	text, _ := json.Marshal(v.Int())
	switch v.Type {
	case span.String, span.Empty:
		return v.Str
	case span.Float:
		text, _ = json.Marshal(v.Float())
	}
	return string(text)
}

func TestLinesThatAreNotKept(t *testing.T) {
	lines, b := readLines(t, `{"trace_id":"`+lineTrace+`"}
{"msg":"alone"}

not json
{"trace_id":"00000000000000000000000000000000"}
["x"]
{"trace_id":"`+lineTrace+`"} more`)
	if b.Len() != 1 || lines.malformed != 3 || lines.untraced != 2 || lines.total != 6 {
		t.Errorf("%d records of %+v", b.Len(), lines)
	}
	want := `3 of 6 lines cannot be read: line 4: it is not a JSON object; 2 of 6 lines are of no trace: line 2 has no trace_id` + logAdvice
	if got := lines.message(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPostLines(t *testing.T) {
	s := &store{}
	r := newTestReceiver(t, s, func(c *Config) { c.Logs = s })
	post := func(query, body string, header ...string) (int, LinesAnswer, string) {
		req := httptest.NewRequest(http.MethodPost, "/?"+query, strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		r.LogLines().ServeHTTP(w, req)
		var answer struct {
			LinesAnswer
			Error struct{ Message string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		return w.Code, answer.LinesAnswer, answer.Error.Message
	}
	if code, answer, _ := post("service=shop", `{"trace_id":"`+lineTrace+`"}`, span.TenantHeader, "blue"); code != 200 || answer != (LinesAnswer{Accepted: 1}) {
		t.Errorf("status %d: %+v", code, answer)
	}
	if code, answer, _ := post("", ""); code != 200 || answer != (LinesAnswer{}) {
		t.Errorf("no lines: status %d: %+v", code, answer)
	}
	for _, test := range []struct{ query, body, message string }{
		{"", "a: yaml\nb: too", "no line is a JSON object: 2 of 2 lines cannot be read: line 1: it is not a JSON object"},
		{"sevice=x", "", "unknown parameter 'sevice'; there are service"},
	} {
		if code, _, message := post(test.query, test.body); code != 400 || message != test.message {
			t.Errorf("%q: status %d: %s", test.body, code, message)
		}
	}
}

// FuzzLogLines checks that whatever is posted is read or refused, line by line, and that what is kept is OTLP.
func FuzzLogLines(f *testing.F) {
	f.Add([]byte(`{"trace_id":"` + lineTrace + `","span_id":"01","time":1.5,"level":30,"msg":{"a":[1,-0.5,null,true,"x"]},"o":{}}`))
	f.Add([]byte("{\"trace_id\":\"" + lineTrace + "\",\"\\ud800\":\"\xff\"}\n{}\n[]"))
	f.Add(bytes.Repeat([]byte("["), 100))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, b := readLines(t, string(text))
		again, _ := readLines(t, string(text))
		for i := range b.Len() {
			if b.Log(i).TraceID.IsZero() || b.SpanIDs[i].IsZero() {
				t.Errorf("record %d: %+v", i, b.Span(i))
			}
		}
		if again.message() == "" && again.malformed+again.untraced > 0 {
			t.Error("lines are left out and nothing is said")
		}
	})
}
