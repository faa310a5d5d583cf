package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// logBatch returns the batch that log records become.
func logBatch(t *testing.T, ld plog.Logs) *span.Batch {
	t.Helper()
	raw, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
	if err != nil {
		t.Fatal(err)
	}
	b := new(span.Batch)
	if _, err := ingest.DecodeOTLP(span.FormatLogsProto, raw, b, ingest.Limits{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// withLogs returns the API over a store with one trace, and its log records: each with a second between them.
func withLogs(t *testing.T, id string, fill func(i int, r plog.LogRecord), n int) http.Handler {
	t.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "cart")
	list := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range n {
		r := list.AppendEmpty()
		r.SetTraceID(pcommon.TraceID(traceID(t, id)))
		r.SetTimestamp(pcommon.Timestamp(uint64(i+1) * 1e9))
		fill(i, r)
	}
	logs := &storetest.Model{}
	if err := logs.Write(t.Context(), store.DefaultTenant, logBatch(t, ld)); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Logs = logs
	return NewNative(cfg, filled(t, recorded(t)...))
}

func readLogs(t *testing.T, h http.Handler, id string, values url.Values) LogList {
	t.Helper()
	var list LogList
	if err := json.Unmarshal(getOK(t, h, "/api/clew/v1/traces/"+id+"/logs?"+values.Encode()), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func logTexts(list LogList) (texts []string) {
	for _, l := range list.Logs {
		texts = append(texts, l.Text)
	}
	return texts
}

func TestTraceLogs(t *testing.T) {
	h := withLogs(t, traceWhole, func(i int, r plog.LogRecord) {
		r.SetSpanID(pcommon.SpanID{byte(i%2 + 1)})
		r.SetSeverityNumber(plog.SeverityNumber(4*i + 1))
		r.SetSeverityText([]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}[i])
		r.Body().SetStr(fmt.Sprintf("line %d", i))
		r.Attributes().PutInt("Order", int64(1000+i))
	}, 6)
	for _, test := range []struct {
		query string
		want  []string
	}{
		{"", []string{"line 0", "line 1", "line 2", "line 3", "line 4", "line 5"}},
		{"span=0200000000000000", []string{"line 1", "line 3", "line 5"}},
		{"severity=warn", []string{"line 3", "line 4", "line 5"}},
		{"severity=18", []string{"line 5"}},
		{"q=LINE+2", []string{"line 2"}},
		{"q=1004", []string{"line 4"}},
		{"q=cart&severity=Fatal", []string{"line 5"}},
		{"q=order&span=1", nil},
	} {
		values, _ := url.ParseQuery(test.query)
		list := readLogs(t, h, traceWhole, values)
		if got := logTexts(list); !slices.Equal(got, test.want) || list.Matching != len(test.want) || list.Total != 6 || !list.TraceFound || list.Next != "" {
			t.Errorf("%s: %q of %+v", test.query, got, list)
		}
	}
	first := readLogs(t, h, traceWhole, nil).Logs[1]
	if first.Service != "cart" || first.Level != "debug" || first.SeverityText != "DEBUG" || first.SpanID != "0200000000000000" ||
		first.Attributes[0].Key != "Order" || string(first.Attributes[0].Value) != `"1001"` || len(first.Attributes) != 1 {
		t.Errorf("%+v", first)
	}
	for query, message := range map[string]string{
		"severity=loud": `unable to parse param 'severity': "loud" is neither one of trace, debug, info, warn, error, fatal nor a number`,
		"limit=10001":   "invalid parameter: limit must be from 1 to 10000",
		"after=xyz":     "invalid cursor",
		"span=zz":       `unable to parse param 'span': span id "zz": character 1 is not a hex digit`,
	} {
		w := get(t, h, "/api/clew/v1/traces/"+traceWhole+"/logs?"+query)
		var got struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 400 || got.Error.Message != message {
			t.Errorf("%s: status %d: %s", query, w.Code, w.Body)
		}
	}
}

// TestTraceLogsPages walks over pages of every size; some records share their place.
func TestTraceLogsPages(t *testing.T) {
	h := withLogs(t, traceWhole, func(i int, r plog.LogRecord) {
		r.SetTimestamp(pcommon.Timestamp(i / 3))
		r.Body().SetInt(int64(i))
	}, 20)
	all := logTexts(readLogs(t, h, traceWhole, nil))
	for limit := 1; limit <= 21; limit++ {
		values := url.Values{"limit": {fmt.Sprint(limit)}}
		var got []string
		for {
			list := readLogs(t, h, traceWhole, values)
			got = append(got, logTexts(list)...)
			if list.Next == "" {
				break
			}
			if len(list.Logs) != limit {
				t.Errorf("limit %d: a page of %d", limit, len(list.Logs))
			}
			values.Set("after", list.Next)
		}
		if !slices.Equal(got, all) {
			t.Errorf("limit %d: %q, want %q", limit, got, all)
		}
	}
}

func TestLogsOfATraceThatIsNotThere(t *testing.T) {
	const unknown = "000000000000000000000000000000aa"
	h := withLogs(t, unknown, func(_ int, r plog.LogRecord) { r.Body().SetStr("alone") }, 1)
	list := readLogs(t, h, unknown, nil)
	if list.TraceFound || !strings.HasSuffix(list.Note, "never sent; there are log records of it") || len(list.Logs) != 1 {
		t.Errorf("%+v", list)
	}
	if list := readLogs(t, h, traceWhole, nil); !list.TraceFound || list.Note != "" || len(list.Logs) != 0 {
		t.Errorf("a trace without logs: %+v", list)
	}
	if w := get(t, h, "/api/clew/v1/traces/000000000000000000000000000000bb/logs"); w.Code != http.StatusNotFound {
		t.Errorf("neither trace nor logs: status %d %s", w.Code, w.Body)
	}
}

// logSink keeps what a receiver hands on.
type logSink struct{ *storetest.Model }

func (s logSink) Consume(ctx context.Context, tenant string, b *span.Batch) error {
	return s.Write(ctx, tenant, b)
}

// logLines returns what takes lines into a store.
func logLines(logs *storetest.Model) http.Handler {
	receiver, err := ingest.New(ingest.Config{DefaultTenant: store.DefaultTenant, Logs: logSink{logs}}, logSink{logs})
	if err != nil {
		panic(err)
	}
	return receiver.LogLines()
}

func TestPostedLogLines(t *testing.T) {
	cfg := testConfig()
	logs := &storetest.Model{}
	cfg.Logs, cfg.LogLines = logs, logLines(logs)
	h := NewNative(cfg, filled(t, recorded(t)...))
	body := `{"trace_id":"` + traceWhole + `","span_id":"0102030405060708","msg":"sold","level":"warn","time":"2025-07-11T17:00:00Z"}` + "\n" + `{"msg":"alone"}`
	r := httptest.NewRequest(http.MethodPost, "/api/clew/v1/logs?service=shop", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-ndjson")
	w := serve(t, h, r)
	var answer ingest.LinesAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || answer.Accepted != 1 || answer.WithoutTraceID != 1 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	list := readLogs(t, h, traceWhole, nil)
	if len(list.Logs) != 1 || list.Logs[0].Text != "sold" || list.Logs[0].Level != "warn" || list.Logs[0].Service != "shop" {
		t.Errorf("%+v", list)
	}
}

// FuzzLogsRoundTrip checks that OTLP's log records come back as they came, by protobuf and by JSON.
func FuzzLogsRoundTrip(f *testing.F) {
	marshal := new(plog.ProtoMarshaler)
	for _, seed := range logSeeds() {
		raw, err := marshal.MarshalLogs(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sent, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(raw)
		if err != nil {
			return
		}
		want, records := traced(sent)
		if raw, err = marshal.MarshalLogs(sent); err != nil {
			return
		}
		b := new(span.Batch)
		rejected, err := ingest.DecodeOTLP(span.FormatLogsProto, raw, b, ingest.Limits{})
		if err != nil {
			return // deeper than we take
		}
		if b.Len() != records || int(rejected.Count) != sent.LogRecordCount()-records {
			t.Fatalf("%d records and %d rejected, want %d", b.Len(), rejected.Count, records)
		}
		if got := logsBack(t, b); !slices.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
		checkJSONLogs(t, sent, want)
	})
}

// logsBack returns what traced does of the records that a batch holds.
func logsBack(t *testing.T, b *span.Batch) []string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteOTLPLogs(&out, b); err != nil {
		t.Fatal(err)
	}
	back, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	list, _ := traced(back)
	return list
}

// replaced is what JSON has for bytes that are no UTF-8, as it is or escaped.
var replaced = regexp.MustCompile("\ufffd|" + `\\ufffd`)

// checkJSONLogs checks that JSON gives the same records.
func checkJSONLogs(t *testing.T, sent plog.Logs, want []string) {
	t.Helper()
	text, err := new(plog.JSONMarshaler).MarshalLogs(sent)
	if err != nil || strings.Contains(string(text), "NaN") || !utf8.Valid([]byte(strings.Join(want, ""))) && replaced.Match(text) {
		return // not what it was
	}
	b := new(span.Batch)
	if _, err := ingest.DecodeOTLP(span.FormatLogsJSON, text, b, ingest.Limits{}); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if got := logsBack(t, b); !slices.Equal(got, want) {
		t.Fatalf("from JSON %s\ngot  %q\nwant %q", text, got, want)
	}
}

// traced returns the records that have a trace id, each with all that is around it, sorted.
func traced(ld plog.Logs) (list []string, n int) {
	marshal := new(plog.ProtoMarshaler)
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				if r.TraceID().IsEmpty() {
					continue
				}
				one := plog.NewLogs()
				to := one.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(to.Resource())
				to.SetSchemaUrl(rl.SchemaUrl())
				scope := to.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(scope.Scope())
				scope.SetSchemaUrl(sl.SchemaUrl())
				r.CopyTo(scope.LogRecords().AppendEmpty())
				raw, err := marshal.MarshalLogs(one)
				if err != nil {
					panic(err)
				}
				list = append(list, string(raw))
			}
		}
	}
	slices.Sort(list)
	return list, len(list)
}

// logSeeds are log records with all that a record can have.
func logSeeds() []plog.Logs {
	full := plog.NewLogs()
	rl := full.ResourceLogs().AppendEmpty()
	rl.SetSchemaUrl("https://schema/1")
	rl.Resource().Attributes().PutStr("service.name", "cart")
	rl.Resource().SetDroppedAttributesCount(2)
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl("https://schema/2")
	sl.Scope().SetName("logger")
	sl.Scope().SetVersion("v1")
	sl.Scope().Attributes().PutBool("b", true)
	r := sl.LogRecords().AppendEmpty()
	r.SetTraceID(pcommon.TraceID{1})
	r.SetSpanID(pcommon.SpanID{2})
	r.SetTimestamp(3)
	r.SetObservedTimestamp(4)
	r.SetSeverityNumber(plog.SeverityNumberWarn2)
	r.SetSeverityText("WARN2")
	r.SetEventName("sold")
	r.SetFlags(plog.LogRecordFlags(0xffffff01))
	r.SetDroppedAttributesCount(7)
	r.Attributes().PutDouble("d", 1.5)
	r.Attributes().PutStr(span.LogBody, "an attribute that looks like a body")
	r.Body().SetEmptyMap().PutEmptySlice("list").AppendEmpty().SetEmptyBytes().FromRaw([]byte{0, 1})
	untimed := sl.LogRecords().AppendEmpty()
	untimed.SetTraceID(pcommon.TraceID{1})
	untimed.SetObservedTimestamp(4)
	untimed.Body().SetInt(-1)
	observed := sl.LogRecords().AppendEmpty()
	observed.SetTraceID(pcommon.TraceID{1})
	observed.SetTimestamp(4)
	observed.SetObservedTimestamp(4)
	sl.LogRecords().AppendEmpty().Body().SetStr("without a trace")
	return []plog.Logs{full, plog.NewLogs()}
}
