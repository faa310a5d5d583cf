package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar"
	"github.com/clewhq/clew/store/storetest"
)

// query makes a URL with parameters, which are pairs of name and value.
func query(path string, params ...string) string {
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Add(params[i], params[i+1])
	}
	return path + "?" + values.Encode()
}

// tempoGolden returns a function that compares an answer about recorded and odd spans with a golden file: as the model
// gives it, and as the engine does with the spans in its head and in a block.
func tempoGolden(t *testing.T) func(t *testing.T, name, message, url string) {
	rows := append(recorded(t), odd()...)
	stores := []store.Reader{filled(t, rows...), opened(t, rows...), opened(t, rows...)}
	if err := stores[2].(*columnar.Engine).Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	cost := regexp.MustCompile(`"metrics":{[^}]*}`)
	return func(t *testing.T, name, message, url string) {
		t.Helper()
		for _, r := range stores {
			body := answers(t, NewTempo(testConfig(), r), message, url)
			golden(t, name, cost.ReplaceAll(body, []byte(`"metrics":{}`)))
		}
	}
}

// opened returns an engine with rows of the default tenant.
func opened(t *testing.T, rows ...span.Span) *columnar.Engine {
	t.Helper()
	decode := func(_ span.Format, raw []byte, b *span.Batch) error {
		td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(raw)
		for _, row := range rowsOf(td) {
			b.Append(&row)
		}
		return err
	}
	e, err := columnar.Open(columnar.Options{Dir: t.TempDir(), Decode: decode, SyncInterval: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b := batchOf(rows...)
	var raw bytes.Buffer
	if err := WriteOTLP(&raw, b); err != nil {
		t.Fatal(err)
	}
	b.Raw, b.Format, b.Received = raw.Bytes(), span.FormatOTLPProto, recordedAt
	if err := e.Write(t.Context(), store.DefaultTenant, b); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTempoSearchGolden(t *testing.T) {
	golden := tempoGolden(t)
	for name, params := range map[string][]string{
		"all":       nil,
		"select":    {"q", `{ resource.service.name = "shop" && name =~ "GET.*" } | select(.text, .yes, .big, .ratio, .nan, .raw, .list, .map, status, span:kind, event.exception.type, event:name, link:traceID, span:parentID, trace:duration)`},
		"groups":    {"q", `{ status = error } | by(resource.service.name) | max(duration) > 1us | count() > 1`, "limit", "2"},
		"structure": {"q", `{ kind = server } >> { .x = nil } | select(nestedSetParent, nestedSetLeft, nestedSetRight)`, "spss", "1"},
		"words":     {"q", `service=shop error=true`},
		"tags":      {"tags", `service.name=shop name="GET /" status.code=error`},
		"nothing":   {"q", `{ .a = "nothing has that" }`},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "tempo_search_"+name+".json", "SearchResponse", query("/api/search", params...))
		})
	}
}

// tempoFound is what tests want to know of a search.
type tempoFound struct {
	Traces []struct {
		TraceID, RootServiceName, RootTraceName, StartTimeUnixNano string
		DurationMs                                                 int
		SpanSet                                                    *tempoSet
		SpanSets                                                   []tempoSet
		ServiceStats                                               map[string]struct{ SpanCount, ErrorCount int }
	}
}

type tempoSet struct {
	Spans []struct {
		SpanID, Name, StartTimeUnixNano, DurationNanos string
		Attributes                                     []struct{ Key string }
	}
	Matched int
}

// ids returns the ids of the traces, in order.
func (f tempoFound) ids() string {
	var ids []string
	for _, t := range f.Traces {
		ids = append(ids, t.TraceID)
	}
	return strings.Join(ids, " ")
}

func searchFound(t *testing.T, h string, body []byte) (f tempoFound) {
	t.Helper()
	if err := json.Unmarshal(body, &f); err != nil {
		t.Fatalf("%s: %v in %s", h, err, body)
	}
	return f
}

// steps are three traces of one service, a second apart: of 1, 2 and 3 spans, each 1 ms longer than the one before.
func steps() (rows []span.Span) {
	shop := span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}}
	for trace := range byte(3) {
		for n := range trace + 1 {
			s := span.Span{
				TraceID: span.TraceID{0: trace, 15: trace + 1}, SpanID: span.SpanID{7: n + 1}, Name: "step", Kind: 1,
				Start: (1_700_000_000 + uint64(trace)) * 1e9, Resource: shop,
				Attrs: []span.KeyValue{{Key: "n", Value: span.IntValue(int64(n))}, {Key: "on", Value: span.BoolValue(n == 0)}},
			}
			s.End = s.Start + uint64(n+1)*1e6
			if n > 0 {
				s.Parent = span.SpanID{7: 1}
			}
			rows = append(rows, s)
		}
	}
	return rows
}

const (
	step1 = "1"
	step2 = "1000000000000000000000000000002"
	step3 = "2000000000000000000000000000003"
)

func TestTempoSearchParameters(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, steps()...))
	tests := []struct {
		params []string
		ids    string
	}{
		{nil, step3 + " " + step2 + " " + step1},
		{[]string{"limit", "2"}, step3 + " " + step2},
		{[]string{"q", "{ }", "start", "1700000001"}, step3 + " " + step2},
		{[]string{"q", "{ }", "end", "1700000001"}, step1},
		{[]string{"start", "1700000001", "end", "1700000002"}, step2},
		{[]string{"start", "1700000000.5", "end", "1700000001.000000001"}, step2},
		{[]string{"start", "1700000000000000001", "end", "1700000001000000001"}, step2},
		{[]string{"start", "2023-11-14T22:13:20.5Z", "end", "2023-11-14T23:13:21.5+01:00"}, step2},
		{[]string{"start", "0", "end", "0"}, step3 + " " + step2 + " " + step1},
		{[]string{"minDuration", "2ms"}, step3 + " " + step2},
		{[]string{"minDuration", "2ms", "maxDuration", "2ms"}, step2},
		{[]string{"minDuration", "0.002", "q", "{ .n = 0 }"}, step3 + " " + step2}, // of the trace, not of the span
		{[]string{"maxDuration", "1d", "q", "{ .n = 2 } | count() > 0"}, step3},
		{[]string{"q", "service=shop n>=1"}, step3 + " " + step2},
		{[]string{"q", "", "tags", ""}, step3 + " " + step2 + " " + step1},
		{[]string{"tags", "n=2"}, step3},
		{[]string{"tags", "n=2 on=true"}, ""},
		{[]string{"tags", "n=1 on=false"}, step3 + " " + step2},
		{[]string{"tags", `service.name=sho name="te"`}, step3 + " " + step2 + " " + step1},
		{[]string{"tags", `service.name="s.op"`}, ""}, // no regular expression
		{[]string{"tags", `root.name=step root.service.name=shop n=2`}, step3},
		{[]string{"tags", "status.code=ok"}, ""},
		{[]string{"tags", "status.code=UNSET n=2"}, step3},
		{[]string{"tags", "error=true"}, ""},
		{[]string{"tags", "n=2", "minDuration", "4ms"}, ""},
	}
	for _, test := range tests {
		target := query("/api/search", test.params...)
		if got := searchFound(t, target, answers(t, h, "SearchResponse", target)).ids(); got != test.ids {
			t.Errorf("%v: got %q, want %q", test.params, got, test.ids)
		}
	}
}

func TestTempoSearchAnswer(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, append(steps(), odd()...)...))
	target := query("/api/search", "q", `{ .n >= 0 && duration > 0 } | select(name, span.on, parent.span.n)`, "spss", "2", "limit", "1")
	trace := searchFound(t, target, answers(t, h, "SearchResponse", target)).Traces[0]
	if trace.TraceID != step3 || trace.RootServiceName != "shop" || trace.RootTraceName != "step" || trace.StartTimeUnixNano != "1700000002000000000" || trace.DurationMs != 3 {
		t.Errorf("got %+v", trace)
	}
	if len(trace.SpanSets) != 1 || trace.SpanSet == nil || trace.SpanSets[0].Matched != 3 || len(trace.SpanSets[0].Spans) != 2 || trace.SpanSet.Matched != 3 {
		t.Fatalf("got %+v", trace)
	}
	first := trace.SpanSets[0].Spans[0]
	if first.SpanID != "0000000000000001" || first.Name != "step" || first.DurationNanos != "1000000" {
		t.Errorf("got %+v", first)
	}
	var keys []string // without scopes, and without what the span has anyway
	for _, s := range trace.SpanSets[0].Spans {
		for _, a := range s.Attributes {
			keys = append(keys, a.Key)
		}
	}
	if got := strings.Join(keys, " "); got != "n on n on parent.span.n" {
		t.Errorf("attributes %s", got)
	}
	if stats := trace.ServiceStats["shop"]; stats.SpanCount != 3 || stats.ErrorCount != 0 {
		t.Errorf("got %+v", trace.ServiceStats)
	}
}

func TestTempoSearchWithoutRoot(t *testing.T) {
	rows := steps()
	h := NewTempo(testConfig(), filled(t, rows[4:]...)) // two children
	target := "/api/search"
	trace := searchFound(t, target, answers(t, h, "SearchResponse", target)).Traces[0]
	if trace.RootServiceName != "<root span not yet received>" || trace.RootTraceName != "<root span not yet received>" {
		t.Errorf("got %+v", trace)
	}
}

func TestTempoSearchGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, steps()...), gaps: []string{"block 7 is damaged"}}
	w := get(t, NewTempo(testConfig(), r), "/api/search")
	if got := w.Header()["Clew-Gap"]; w.Code != 200 || len(got) != 1 || got[0] != "block 7 is damaged" {
		t.Errorf("status %d, header %q", w.Code, got)
	}
}

// TestTempoQueryErrors checks the codes of what goes wrong in the store.
func TestTempoQueryErrors(t *testing.T) {
	paths := []string{
		"/api/search", query("/api/search/tags", "q", "{ .a = 1 }"), query("/api/v2/search/tags", "q", "{ .a = 1 }"),
		"/api/v2/search/tag/statusMessage/values", query("/api/v2/search/tag/name/values", "q", "{ .a = 1 }"),
		query("/api/metrics/query_range", "q", "{ } | rate()"), query("/api/metrics/query", "q", "{ } | rate()"),
	}
	for code, failure := range map[int]error{
		422: store.ErrTooLarge, 429: &store.RetryError{Overload: true, Reason: errors.New("busy")},
		504: context.DeadlineExceeded, 499: context.Canceled, 500: errors.New("disk on fire"),
	} {
		r := &faulty{Reader: filled(t, steps()...), onChunks: func(context.Context) error { return failure }}
		for _, path := range paths {
			if w := get(t, NewTempo(testConfig(), r), path); w.Code != code {
				t.Errorf("%s, %v: status %d, want %d: %s", path, failure, w.Code, code, w.Body)
			}
		}
	}
}

func TestTempoLimits(t *testing.T) {
	cfg := testConfig()
	cfg.Now = func() time.Time { return time.Unix(1_700_000_003, 0) }
	cfg.Tempo = TempoLimits{Traces: 2, SpansPerSet: 1, Range: 2 * time.Second, MetricsRange: time.Minute, Intervals: 10, Series: 1}
	h := NewTempo(cfg, filled(t, steps()...))
	for _, test := range []struct {
		params []string
		ids    string
	}{
		{nil, step3 + " " + step2}, // not too many, and of the last two seconds
		{[]string{"limit", "1"}, step3},
		{[]string{"end", "1700000002"}, step2 + " " + step1},
	} {
		target := query("/api/search", test.params...)
		found := searchFound(t, target, answers(t, h, "SearchResponse", target))
		if got := found.ids(); got != test.ids {
			t.Errorf("%v: got %q, want %q", test.params, got, test.ids)
		}
		for _, trace := range found.Traces {
			if n := len(trace.SpanSets[0].Spans); n != 1 {
				t.Errorf("%v: %d spans of a set", test.params, n)
			}
		}
	}
	for target, says := range map[string]string{
		query("/api/search", "limit", "3"):                                                   "invalid limit: 3 exceeds the limit of 2",
		query("/api/search", "spss", "2"):                                                    "invalid spss: 2 exceeds the limit of 1",
		query("/api/search", "start", "1700000000"):                                          "range specified by start and end exceeds 2s. received start=1700000000 end=1700000003",
		query("/api/metrics/query", "q", "{ } | rate()"):                                     "range specified by start and end exceeds 1m0s. received start=1699996403 end=1700000003",
		query("/api/metrics/query_range", "q", "{ } | rate()", "since", "10s", "step", "1s"): "invalid step: 1s is too small for the range: it makes more than 10 points",
	} {
		if w := get(t, h, target); w.Code != 400 || w.Body.String() != says+"\n" {
			t.Errorf("%s: status %d: %s", target, w.Code, w.Body)
		}
	}
	target := query("/api/metrics/query_range", "q", "{ } | count_over_time() by (span.n) with (exemplars = 0)", "since", "5s", "step", "1s")
	var answer struct {
		Series          []any
		Status, Message string
	}
	if err := json.Unmarshal(answers(t, h, "QueryRangeResponse", target), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Series) != 1 || answer.Status != "PARTIAL" || answer.Message == "" {
		t.Errorf("got %+v", answer)
	}
}

// TestTempoSearchTenants checks that several tenants are searched as one.
func TestTempoSearchTenants(t *testing.T) {
	m := &storetest.Model{}
	rows := steps()
	write(t, m, "a", rows[0])
	write(t, m, "b", rows[1:3]...)
	write(t, m, store.DefaultTenant, rows[3:]...)
	h := NewTempo(testConfig(), m)
	const header = "X-Scope-OrgID"
	for tenants, want := range map[string]string{"a": step1, "a|b": step2 + " " + step1, "b|nobody": step2, "nobody|none": ""} {
		if got := searchFound(t, tenants, answers(t, h, "SearchResponse", "/api/search", header, tenants)).ids(); got != want {
			t.Errorf("%s: got %q, want %q", tenants, got, want)
		}
	}
	if got := searchFound(t, "limit", answers(t, h, "SearchResponse", "/api/search?limit=1", header, "a|b")).ids(); got != step2 {
		t.Errorf("the newest of both: %q", got)
	}
	write(t, m, "c", rows[3:5]...)
	write(t, m, "d", rows[5])
	split := searchFound(t, "c|d", answers(t, h, "SearchResponse", "/api/search", header, "c|d"))
	if len(split.Traces) != 1 || len(split.Traces[0].SpanSets) != 2 || split.Traces[0].ServiceStats["shop"].SpanCount != 3 ||
		split.Traces[0].RootTraceName != "step" || split.Traces[0].DurationMs != 3 {
		t.Errorf("a trace that two tenants have parts of: %+v", split)
	}
	values := string(answers(t, h, "SearchTagValuesV2Response", "/api/v2/search/tag/span.n/values", header, "a|b"))
	if want := `{"tagValues":[{"type":"int","value":"0"},{"type":"int","value":"1"}],"metrics":{}}`; strings.TrimSpace(values) != want {
		t.Errorf("values of both: %s", values)
	}
	tags := string(answers(t, h, "SearchTagsV2Response", "/api/v2/search/tags?scope=span", header, "a|b"))
	if want := `{"scopes":[{"name":"span","tags":["n","on"]}],"metrics":{}}`; strings.TrimSpace(tags) != want {
		t.Errorf("tags of both: %s", tags)
	}
	target := query("/api/metrics/query", "q", "{ } | quantile_over_time(span.n, 1) by (span.on)", "start", "1700000000", "end", "1700000002")
	series := string(answers(t, h, "QueryInstantResponse", target, header, "a|b"))
	if want := `"value":{"boolValue":false}`; !strings.Contains(series, want) || !strings.Contains(series, `"value":1}`) {
		t.Errorf("series of both: %s", series)
	}
}

// TestTempoMetricsAreTrue asks for everything, and for what few spans have.
func TestTempoMetricsAreTrue(t *testing.T) {
	rows := recorded(t)
	traces := map[span.TraceID]bool{}
	for _, row := range rows {
		traces[row.TraceID] = true
	}
	h := NewTempo(testConfig(), opened(t, rows...))
	for url, all := range map[string]bool{
		query("/api/search", "q", "{ }", "limit", "1000"):                                                  true,
		query("/api/search", "q", `{ .nobody = 1 }`):                                                       false,
		query("/api/metrics/query_range", "q", "{ } | rate()", "start", "1752192000", "end", "1752278400"): true,
	} {
		var got struct {
			Metrics struct{ InspectedTraces, TotalBlocks, CompletedJobs, TotalJobs int }
		}
		parse(t, getOK(t, h, url), &got)
		m := got.Metrics
		looked := 0
		if all && strings.Contains(url, "search") {
			looked = len(traces)
		}
		if m.InspectedTraces != looked || m.TotalBlocks != 1 || all && m.TotalJobs < 1 || m.CompletedJobs != m.TotalJobs {
			t.Errorf("%s: %+v, want %d traces in one block", url, m, looked)
		}
	}
}
