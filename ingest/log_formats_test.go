package ingest

import (
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// TestLogFormats reads lines as the libraries write them by themselves, or with what correlates them with traces.
func TestLogFormats(t *testing.T) {
	const (
		seconds = 1752253200
		milli   = seconds*1e9 + 123_000_000
		micro   = milli + 456_000
		nano    = micro + 789
	)
	for name, test := range map[string]struct {
		line     string
		time     uint64
		severity int32
		text     string
		service  string // "" if the line has none
		flags    uint32
	}{
		"pino":                      {`{"level":30,"time":1752253200123,"pid":657,"hostname":"web-1","trace_id":"T","span_id":"S","trace_flags":"01","msg":"sold"}`, milli, 9, "info", "", 1},
		"pino, own level":           {`{"level":35,"time":1752253200123,"trace_id":"T","span_id":"S","msg":"sold"}`, milli, 9, "info", "", 0},
		"pino, labels and ISO":      {`{"level":"fatal","time":"2025-07-11T17:00:00.123Z","trace_id":"T","span_id":"S","msg":"sold"}`, milli, 21, "fatal", "", 0},
		"winston":                   {`{"level":"http","message":"sold","span_id":"S","timestamp":"2025-07-11T17:00:00.123Z","trace_flags":"01","trace_id":"T"}`, milli, 7, "http", "", 1},
		"winston, silly":            {`{"level":"silly","message":"sold","span_id":"S","timestamp":"2025-07-11T19:00:00.123+02:00","trace_id":"T"}`, milli, 1, "silly", "", 0},
		"bunyan":                    {`{"name":"cart","hostname":"web-1","pid":7,"level":50,"msg":"sold","time":"2025-07-11T17:00:00.123Z","v":0,"trace_id":"T","span_id":"S"}`, milli, 17, "error", "", 0},
		"python-json-logger":        {`{"asctime":"2025-07-11 17:00:00,123","levelname":"WARNING","levelno":30,"name":"cart","message":"sold","otelSpanID":"S","otelTraceID":"T","otelTraceSampled":true,"otelServiceName":"cart","taskName":null}`, milli, 13, "WARNING", "cart", 1},
		"python, numbers only":      {`{"levelno":20,"message":"sold","timestamp":"2025-07-11T17:00:00.123456+00:00","otelTraceSampled":"false","trace_id":"T","span_id":"S"}`, micro, 9, "info", "", 0},
		"structlog":                 {`{"event":"sold","level":"critical","timestamp":"2025-07-11T17:00:00.123456Z","trace_id":"T","span_id":"S"}`, micro, 18, "critical", "", 0},
		"structlog, no zone":        {`{"event":"sold","level":"info","timestamp":"2025-07-11T17:00:00.123456","trace_id":"T","span_id":"S"}`, micro, 9, "info", "", 0},
		"loguru":                    {`{"text":"2025 | sold\n","record":{"extra":{"trace_id":"T","span_id":"S"},"level":{"icon":"x","name":"SUCCESS","no":25},"message":"sold","time":{"repr":"2025-07-11 17:00:00.123456+00:00","timestamp":1752253200.123456}}}`, micro, 10, "SUCCESS", "", 0},
		"zap":                       {`{"level":"info","ts":1752253200.123456,"caller":"cart/main.go:7","msg":"sold","trace_id":"T","span_id":"S"}`, micro, 9, "info", "", 0},
		"zap, dpanic, ISO":          {`{"level":"DPANIC","ts":"2025-07-11T17:00:00.123+0000","msg":"sold","traceID":"T","spanID":"S"}`, milli, 21, "DPANIC", "", 0},
		"zap, milliseconds":         {`{"level":"debug","ts":1752253200123.456,"msg":"sold","trace_id":"T","span_id":"S"}`, micro, 5, "debug", "", 0},
		"zap, nanoseconds":          {`{"level":"error","ts":1752253200123456789,"msg":"sold","trace_id":"T","span_id":"S"}`, nano, 17, "error", "", 0},
		"klog":                      {`{"ts":1752253200123.456,"caller":"a.go:1","msg":"sold","v":0,"traceID":"T","spanID":"S"}`, micro, 0, "", "", 0},
		"zerolog":                   {`{"level":"warn","trace_id":"T","span_id":"S","time":1752253200,"message":"sold"}`, seconds * 1e9, 13, "warn", "", 0},
		"zerolog, microseconds":     {`{"level":"panic","trace_id":"T","span_id":"S","time":1752253200123456,"message":"sold"}`, micro, 21, "panic", "", 0},
		"logrus":                    {`{"level":"warning","msg":"sold","time":"2025-07-11T19:00:00+02:00","trace_id":"T","span_id":"S"}`, seconds * 1e9, 13, "warning", "", 0},
		"logrus, own names":         {`{"@level":"trace","@message":"sold","@timestamp":"2025-07-11T17:00:00.123456789Z","trace_id":"T","span_id":"S"}`, nano, 1, "trace", "", 0},
		"slog":                      {`{"time":"2025-07-11T17:00:00.123456789Z","level":"INFO","msg":"sold","trace_id":"T","span_id":"S","trace_flags":"01"}`, nano, 9, "INFO", "", 1},
		"slog, between levels":      {`{"time":"2025-07-11T14:00:00.123456789-03:00","level":"WARN+2","msg":"sold","trace_id":"T","span_id":"S"}`, nano, 15, "WARN+2", "", 0},
		"slog, below debug":         {`{"time":"2025-07-11T17:00:00.123456789Z","level":"DEBUG-4","msg":"sold","trace_id":"T","span_id":"S"}`, nano, 1, "DEBUG-4", "", 0},
		"log4j2":                    {`{"instant":{"epochSecond":1752253200,"nanoOfSecond":123456789},"thread":"main","level":"FATAL","loggerName":"cart","message":"sold","endOfBatch":false,"contextMap":{"trace_id":"T","span_id":"S","trace_flags":"01"}}`, nano, 21, "FATAL", "", 1},
		"log4j2, old":               {`{"timeMillis":1752253200123,"thread":"main","level":"TRACE","message":"sold","contextMap":{"traceId":"T","spanId":"S"}}`, milli, 1, "TRACE", "", 0},
		"ECS":                       {`{"@timestamp":"2025-07-11T17:00:00.123Z","ecs.version":"1.2.0","log.level":"ERROR","message":"sold","service.name":"cart","trace.id":"T","span.id":"S","event.dataset":"cart"}`, milli, 17, "ERROR", "cart", 0},
		"ECS, objects":              {`{"@timestamp":"2025-07-11T17:00:00.123Z","log":{"level":"INFO","logger":"cart"},"service":{"name":"cart","version":"1"},"message":"sold","trace":{"id":"T"},"span":{"id":"S"},"event":{"dataset":"cart"}}`, milli, 9, "INFO", "cart", 0},
		"logstash for Logback":      {`{"@timestamp":"2025-07-11T17:00:00.123+00:00","@version":"1","message":"sold","logger_name":"cart","level":"DEBUG","level_value":10000,"traceId":"T","spanId":"S"}`, milli, 5, "DEBUG", "", 0},
		"Logback":                   {`{"sequenceNumber":0,"timestamp":1752253200123,"nanoseconds":123456789,"level":"INFO","loggerName":"cart","context":{"name":"default"},"mdc":{"trace_id":"T","span_id":"S"},"formattedMessage":"sold"}`, milli, 9, "INFO", "", 0},
		"Quarkus":                   {`{"timestamp":"2025-07-11T19:00:00.123+02:00","sequence":7,"level":"SEVERE","message":"sold","mdc":{"spanId":"S","traceId":"T","sampled":"true"}}`, milli, 17, "SEVERE", "", 0},
		"Serilog":                   {`{"Timestamp":"2025-07-11T19:00:00.1234560+02:00","Level":"Warning","MessageTemplate":"sold","TraceId":"T","SpanId":"S","Properties":{"n":1}}`, micro, 13, "Warning", "", 0},
		"Serilog, compact":          {`{"@t":"2025-07-11T17:00:00.1234560Z","@mt":"sold","@l":"Fatal","@tr":"T","@sp":"S","n":1}`, micro, 21, "Fatal", "", 0},
		".NET":                      {`{"Timestamp":"2025-07-11 17:00:00.123","EventId":0,"LogLevel":"Information","Category":"cart","Message":"sold","State":{"n":1},"Scopes":[{"Message":"x","SpanId":"S","TraceId":"T","ParentId":"0"}]}`, milli, 9, "Information", "", 0},
		"NLog":                      {`{"time":"2025-07-11 17:00:00.1230","level":"Warn","message":"sold","traceid":"T","spanid":"S"}`, milli, 13, "Warn", "", 0},
		"Monolog":                   {`{"message":"sold","context":{},"level":550,"level_name":"ALERT","channel":"app","datetime":"2025-07-11T17:00:00.123456+00:00","extra":{"trace_id":"T","span_id":"S"}}`, micro, 18, "alert", "", 0},
		"tracing of Rust":           {`{"timestamp":"2025-07-11T17:00:00.123456Z","level":"INFO","fields":{"message":"sold","n":1},"target":"cart","span":{"name":"sell","trace_id":"T","span_id":"S"}}`, micro, 9, "INFO", "", 0},
		"semantic_logger of Ruby":   {`{"host":"web","timestamp":"2025-07-11T17:00:00.123456Z","level":"error","level_index":4,"message":"sold","named_tags":{"trace_id":"T","span_id":"S"}}`, micro, 17, "error", "", 0},
		"logger_json of Elixir":     {`{"time":"2025-07-11T17:00:00.123Z","severity":"notice","message":"sold","metadata":{"otel_trace_id":"T","otel_span_id":"S"}}`, milli, 10, "notice", "", 0},
		"GELF":                      {`{"version":"1.1","host":"web","short_message":"sold","timestamp":1752253200.123,"level":4,"_trace_id":"T","_span_id":"S"}`, milli, 13, "warning", "", 0},
		"journald":                  {`{"__REALTIME_TIMESTAMP":"1752253200123456","PRIORITY":"3","MESSAGE":"sold","TRACE_ID":"T","SPAN_ID":"S"}`, micro, 17, "err", "", 0},
		"Google Cloud":              {`{"severity":"EMERGENCY","message":"sold","time":"2025-07-11T17:00:00.123456789Z","logging.googleapis.com/trace":"projects/shop-7/traces/T","logging.googleapis.com/spanId":"S","logging.googleapis.com/trace_sampled":true}`, nano, 21, "EMERGENCY", "", 1},
		"Google Cloud, exported":    {`{"textPayload":"sold","severity":"DEFAULT","timestamp":{"seconds":1752253200,"nanos":123456789},"trace":"projects/shop-7/traces/T","spanId":"S","traceSampled":true}`, nano, 0, "DEFAULT", "", 1},
		"OTLP's names":              {`{"timeUnixNano":"1752253200123456789","severityNumber":18,"severityText":"OOPS","body":"sold","traceId":"T","spanId":"S","resource":{"service.name":"cart"}}`, nano, 18, "OOPS", "cart", 0},
		"traceparent":               {`{"ts":"2025-07-11T17:00:00Z","level":"info","msg":"sold","traceparent":"00-T-S-01"}`, seconds * 1e9, 9, "info", "", 1},
		"a UUID":                    {`{"ts":"2025/07/11 17:00:00","level":"info","msg":"sold","trace_id":"0af76519-16cd-43dd-8448-eb211c80319c","span_id":"S"}`, seconds * 1e9, 9, "info", "", 0},
		"capitals":                  {`{"ts":"2025-07-11 17:00:00.123 +0000","level":"I","msg":"sold","trace_id":"0AF7651916CD43DD8448EB211C80319C","span_id":"S"}`, milli, 9, "I", "", 0},
		"AWS":                       {`{"level":"INFO","message":"sold","timestamp":"2025-07-11 17:00:00,123+0000","service":"cart","xray_trace_id":"1-0af76519-16cd43dd8448eb211c80319c","span_id":"S"}`, milli, 9, "INFO", "cart", 0},
		"Datadog, all 128 bits":     {`{"dd.service":"cart","dd.trace_id":"T","dd.span_id":"13235353014750950193","level":"info","timestamp":"2025-07-11 17:00:00.123 UTC","message":"sold"}`, milli, 9, "info", "cart", 0},
		"Apache's time":             {`{"time":"11/Jul/2025:19:00:00 +0200","trace_id":"T","span_id":"S","message":"sold","level":"unheard of"}`, seconds * 1e9, 0, "unheard of", "", 0},
		"fluent bit's time":         {`{"date":1752253200.123456,"trace_id":"T","span_id":"S","message":"sold"}`, micro, 0, "", "", 0},
		"a date beside a time":      {`{"date":"2020-01-01T00:00:00Z","event":"sale","time":1752253200,"trace_id":"T","span_id":"S","message":"sold"}`, seconds * 1e9, 0, "", "", 0},
		"nanoseconds of a fraction": {`{"ts":1752253200.123456789,"trace_id":"T","span_id":"S","message":"sold"}`, nano, 0, "", "", 0},
		"an exponent":               {`{"ts":1.752253200123e9,"trace_id":"T","span_id":"S","message":"sold"}`, milli, 0, "", "", 0},
	} {
		line := strings.NewReplacer(`"T"`, `"`+lineTrace+`"`, `"S"`, `"b7ad6b7169203331"`, "/T", "/"+lineTrace, "-T-S-", "-"+lineTrace+"-b7ad6b7169203331-").Replace(test.line)
		lines, b := readLines(t, line)
		if b.Len() != 1 {
			t.Errorf("%s: %s", name, lines.message())
			continue
		}
		l := b.Log(0)
		if l.TraceID.String() != lineTrace || l.SpanID.String() != "b7ad6b7169203331" || l.Flags != test.flags || l.Body != span.StringValue("sold") {
			t.Errorf("%s: trace %v, span %v, flags %d, body %v", name, l.TraceID, l.SpanID, l.Flags, l.Body)
		}
		near := uint64(0)
		if strings.Contains(test.line, "e9") { // a float has no more digits
			near = 1000
		}
		if l.Time > test.time+near || l.Time+near < test.time || l.Severity != test.severity || l.SeverityText != test.text || b.ServiceName(b.Resource[0]) != test.service {
			t.Errorf("%s: time %d, want %d, severity %d %q, service %q", name, l.Time, test.time, l.Severity, l.SeverityText, b.ServiceName(b.Resource[0]))
		}
	}
}

// TestIDsOfDatadog are decimal numbers of 64 bits, which zeros lead.
func TestIDsOfDatadog(t *testing.T) {
	for _, line := range []string{
		`{"dd.trace_id":"9532127138774266268","dd.span_id":"13235353014750950193"}`,
		`{"dd":{"trace_id":9532127138774266268,"span_id":13235353014750950193,"service":"cart"}}`,
	} {
		_, b := readLines(t, line)
		if b.Len() != 1 || b.Log(0).TraceID.String() != "0000000000000000"+"8448eb211c80319c" || b.Log(0).SpanID.String() != "b7ad6b7169203331" {
			t.Errorf("%s: %+v", line, b)
		}
	}
	if lines, _ := readLines(t, `{"dd.trace_id":"0","dd.span_id":"0","message":"alone"}`); lines.untraced != 1 {
		t.Errorf("a line of no trace is kept: %+v", lines)
	}
}

// TestWhatOnlySoundsLikeATrace stays an attribute.
func TestWhatOnlySoundsLikeATrace(t *testing.T) {
	for _, line := range []string{
		`{"trace":"at cart.js:7","msg":"x"}`, `{"trace":"beef"}`, `{"trace_id":"0"}`, `{"traceparent":"00-zz-01"}`, `{"labels":{"trace_id":"x"}}`,
		`{"xray_trace_id":"0af7651916cd43dd8448eb211c80319c"}`, `{"request":{"trace_id":"` + lineTrace + `"}}`, `{"trace_id":{"id":"x"}}`,
	} {
		if lines, _ := readLines(t, line); lines.untraced != 1 || lines.malformed != 0 {
			t.Errorf("%s: %+v", line, lines)
		}
	}
	_, b := readLines(t, `{"trace_id":"`+lineTrace+`","trace":"at cart.js:7","event":"sale","priority":"high","mdc":{"user":"u1","trace_id":"`+lineTrace+`"},"message":"sold","span":{"id":"b7ad6b7169203331"}}`)
	var attrs []string
	for key, value := range b.LogAttrs(b.Log(0).Attrs) {
		attrs = append(attrs, key+"="+value.Str[:min(len(value.Str), 4)])
	}
	if got := strings.Join(attrs, " "); !strings.HasPrefix(got, "trace=at c") || !strings.Contains(got, "event=sale") || !strings.Contains(got, "priority=high") || strings.Contains(got, "span=") || !strings.Contains(got, "mdc=") {
		t.Errorf("the attributes are %q", got)
	}
}

// TestWhatIsNotReadLeavesNothing: what cannot be read as what it is called is an attribute and nothing else.
func TestWhatIsNotReadLeavesNothing(t *testing.T) {
	const at = 1752253200 * 1_000_000_000
	for _, member := range []string{
		`"time":0.35`, `"time":"12"`, `"time":"2600-01-01T00:00:00Z"`, `"instant":{"epochSecond":7,"nanoOfSecond":5000000000}`, `"trace_flags":"1ff"`, `"trace_flags":999`,
	} {
		_, b := readLines(t, `{"trace_id":"`+lineTrace+`",`+member+`,"msg":"sold","@timestamp":1752253200}`)
		_, alone := readLines(t, `{"trace_id":"`+lineTrace+`",`+member+`}`)
		if l := b.Log(0); l.Time != at || l.Flags != 0 {
			t.Errorf("%s: time %d, flags %d", member, l.Time, l.Flags)
		}
		if l := alone.Log(0); l.Time != 0 || l.Flags != 0 {
			t.Errorf("%s alone: time %d, flags %d", member, l.Time, l.Flags)
		}
	}
}
