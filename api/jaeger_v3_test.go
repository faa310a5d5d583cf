package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// recordedRange is a time that all recorded traces lie in.
const recordedRange = "query.startTimeMin=2025-07-11T00:00:00Z&query.startTimeMax=2025-07-11T18:00:00Z"

func TestJaegerV3Golden(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, append(recorded(t), odd()...)...))
	for name, url := range map[string]string{
		"jaeger_v3_services.json":        "services",
		"jaeger_v3_operations.json":      "operations?service=shop",
		"jaeger_v3_operations_kind.json": "operations?service=shop&spanKind=server",
		"jaeger_v3_no_operations.json":   "operations?service=nobody",
		"jaeger_v3_trace.json":           "traces/ab00000000000001",
		"jaeger_v3_traces.json":          "traces?query.serviceName=image-provider&" + recordedRange,
		"jaeger_v3_summaries.json":       "trace-summaries?" + recordedRange,
		"jaeger_v3_no_summaries.json":    "trace-summaries?query.serviceName=nobody&" + recordedRange,
		"jaeger_v3_dependencies.json":    "dependencies?startTime=2025-07-11T00:00:00Z&endTime=2025-07-11T18:00:00Z",
		"jaeger_v3_no_dependencies.json": "dependencies?start_time=2025-07-10T00:00:00Z&end_time=2025-07-10T18:00:00Z",
	} {
		w := get(t, h, "/api/v3/"+url)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d, %s: %s", url, w.Code, w.Header().Get("Content-Type"), w.Body)
			continue
		}
		golden(t, name, w.Body.Bytes())
	}
}

// TestJaegerV3Trace checks that the trace within the envelope is what Tempo's face has.
func TestJaegerV3Trace(t *testing.T) {
	rows := filled(t, append(recorded(t), odd()...)...)
	h, tempo := NewJaeger(testConfig(), rows), NewTempo(testConfig(), rows)
	for _, id := range []string{traceWhole, traceOrphans, "ab00000000000001"} {
		spans := strings.TrimPrefix(strings.TrimSpace(string(getOK(t, tempo, "/api/traces/"+id))), `{"batches":`)
		want := `{"result":{"resourceSpans":` + spans + "}\n"
		for _, query := range []string{"?rawTraces=true", "?raw_traces=1&startTime=2025-07-11T00:00:00%2B02:00&endTime=2025-07-11T18:00:00+02:00"} {
			if got := string(getOK(t, h, "/api/v3/traces/"+id+query)); got != want {
				t.Errorf("%s%s:\n got %s\nwant %s", id, query, got, want)
			}
		}
	}
}

// v3Found is what the tests look at of answers with traces.
type v3Found struct {
	Result struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []struct{ TraceID string }
			}
		}
	}
	Summaries     []traceSummary
	NextPageToken string
}

func (f *v3Found) ids() []string {
	var ids []string
	for _, r := range f.Result.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for _, span := range s.Spans {
				ids = append(ids, span.TraceID)
			}
		}
	}
	for _, s := range f.Summaries {
		ids = append(ids, s.TraceID)
	}
	return slices.Compact(ids) // a trace's spans are together
}

// TestJaegerV3Search checks that searches of the third API find what those of the legacy one do.
func TestJaegerV3Search(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, append(recorded(t), odd()...)...))
	const oldRange = "query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=2025-07-11T18:00:00Z&"
	tests := []struct{ query, legacy string }{
		{recordedRange, ""},
		{recordedRange + "&query.searchDepth=2", "limit=2"},
		{recordedRange + "&query.num_traces=1&query.searchDepth=0", "limit=1"},
		{recordedRange + "&query.searchDepth=0", ""},
		{recordedRange + "&query.num_traces=1", "limit=1"},
		{recordedRange + `&query.attributes={"error":"true"}`, "tag=error:true"},
		{recordedRange + `&query.serviceName=image-provider&query.attributes={"http.status_code":"200"}`, "service=image-provider&tag=http.status_code:200"},
		{recordedRange + "&query.service_name=frontend&query.durationMin=7ms", "service=frontend&minDuration=7ms"},
		{oldRange + "query.serviceName=shop&query.operationName=child", "start=0&service=shop&operation=child"},
		{oldRange + "query.serviceName=shop&query.durationMin=5000123ns&query.duration_max=5000123ns", "start=0&service=shop&minDuration=5000123ns&maxDuration=5000123ns"},
		{oldRange + "query.serviceName=nobody&query.rawTraces=true", "start=0&service=nobody"},
	}
	for _, test := range tests {
		values, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		legacy := parseFound(t, getOK(t, h, "/api/traces?"+test.legacy)).ids()
		for i, id := range legacy {
			legacy[i] = strings.Repeat("0", 32-len(id)) + id
		}
		for _, path := range []string{"traces", "trace-summaries"} {
			for _, method := range []string{"GET", "POST"} {
				w := askV3(t, h, method, path, values)
				var got v3Found
				parse(t, w.Body.Bytes(), &got)
				if path == "traces" && len(legacy) == 0 {
					if w.Code != 404 || w.Body.String() != `{"error":{"httpCode":404,"message":"No traces found"}}`+"\n" {
						t.Errorf("%s: status %d: %s", test.query, w.Code, w.Body)
					}
				} else if w.Code != 200 || !slices.Equal(got.ids(), legacy) {
					t.Errorf("%s %s?%s: status %d, %v, want %v", method, path, test.query, w.Code, got.ids(), legacy)
				}
			}
		}
	}
}

// askV3 sends parameters in the URL, or as a FindTracesRequest.
func askV3(t *testing.T, h http.Handler, method, path string, values url.Values) *httptest.ResponseRecorder {
	t.Helper()
	if method == "GET" {
		return get(t, h, "/api/v3/"+path+"?"+values.Encode())
	}
	query := map[string]any{"filter": nil}
	for name, list := range values {
		name = strings.TrimPrefix(name, "query.")
		switch {
		case json.Valid([]byte(list[0])): // a number, a boolean or an object
			query[name] = json.RawMessage(list[0])
		default:
			query[name] = list[0]
		}
	}
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, h, httptest.NewRequest("POST", "/api/v3/"+path, strings.NewReader(string(body))))
}

func TestJaegerV3BadParameters(t *testing.T) {
	cfg := testConfig()
	cfg.MaxTraces = 1000
	h := NewJaeger(cfg, filled(t))
	const ok = "traces?query.startTimeMin=2025-07-11T00:00:00Z&query.startTimeMax=2025-07-11T18:00:00Z&"
	const noTime = `parsing time "x" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "x" as "2006"`
	tests := []struct {
		path string
		code int
		msg  string
	}{
		{"traces", 400, "query.startTimeMin and query.startTimeMax are required"},
		{"trace-summaries?query.startTimeMin=2025-07-11T00:00:00Z", 400, "query.startTimeMin and query.startTimeMax are required"},
		{"traces?query.startTimeMin=x&query.startTimeMax=x", 400, "malformed parameter query.startTimeMin: " + noTime},
		{"traces?query.start_time_min=x&query.startTimeMax=x", 400, "malformed parameter query.start_time_min: " + noTime},
		{"traces?query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=x", 400, "malformed parameter query.startTimeMax: " + noTime},
		{"traces?query.startTimeMin=1969-01-01T00:00:00Z&query.startTimeMax=x", 400, `malformed parameter query.startTimeMin: "1969-01-01T00:00:00Z" does not lie between 1970 and 2262`},
		{"traces?query.startTimeMin=2025-07-11T00:00:00Z&query.startTimeMax=2025-07-11T00:00:00Z", 400, "query.startTimeMin must be before query.startTimeMax"},
		{ok + "query.searchDepth=x", 400, `malformed parameter query.searchDepth: "x" is not a number from 0 to 1000`},
		{ok + "query.num_traces=-1", 400, `malformed parameter query.num_traces: "-1" is not a number from 0 to 1000`},
		{ok + "query.search_depth=1001", 400, `malformed parameter query.search_depth: "1001" is not a number from 0 to 1000`},
		{ok + "query.pagination.pageSize=x", 400, `malformed parameter query.pagination.pageSize: "x" is not a number from 0 to 1000`},
		{ok + "query.pagination.pageSize=1&query.searchDepth=1", 400, "query.pagination and query.searchDepth cannot be combined"},
		{ok + "query.pagination.pageToken=x&query.num_traces=1", 400, "query.pagination and query.searchDepth cannot be combined"},
		{ok + "query.pagination.pageToken=x", 400, "invalid cursor"},
		{ok + "query.durationMin=5", 400, `malformed parameter query.durationMin: time: missing unit in duration "5"`},
		{ok + "query.duration_max=x", 400, `malformed parameter query.duration_max: time: invalid duration "x"`},
		{ok + "query.durationMin=2s&query.durationMax=1s", 400, "query.durationMin must not be above query.durationMax"},
		{ok + "query.attributes=x", 400, "malformed parameter query.attributes: cannot unmarshal JSON: invalid character 'x' looking for beginning of value"},
		{ok + "query.attributes=%7B%22a%22:%5B%5D%7D", 400, `malformed parameter query.attributes: the value of "a" is neither a string nor a number nor a boolean`},
		{ok + "query.rawTraces=x", 400, `malformed parameter query.rawTraces: "x" is neither true nor false`},
		{ok + "query.filter=x", 400, "malformed parameter query.filter: cannot unmarshal JSON: invalid character 'x' looking for beginning of value"},
		{ok + "query.filter=%7B%7D&query.duration_min=1s", 400, "query.filter and query.duration_min cannot be combined"},
		{ok + "a=%zz", 400, `malformed query: invalid URL escape "%zz"`},
		{"traces/nothex", 400, `malformed parameter trace_id: trace id "nothex": character 1 is not a hex digit`},
		{"traces/1", 404, "trace not found"},
		{"traces/1?startTime=x", 400, "malformed parameter startTime: " + noTime},
		{"traces/1?end_time=x", 400, "malformed parameter end_time: " + noTime},
		{"traces/1?startTime=2025-07-12T00:00:00Z&endTime=2025-07-11T18:00:00Z", 400, "startTime must be before endTime"},
		{"traces/1?rawTraces=x", 400, `malformed parameter rawTraces: "x" is neither true nor false`},
		{"operations?service=a&spanKind=x", 400, "malformed parameter spanKind: unsupported span kind: 'x'"},
		{"operations?service=a&span_kind=x", 400, "malformed parameter span_kind: unsupported span kind: 'x'"},
		{"dependencies?startTime=2025-07-11T00:00:00Z", 400, "startTime and endTime are required"},
		{"dependencies?startTime=x&endTime=x", 400, "malformed parameter startTime: " + noTime},
	}
	for _, test := range tests {
		w := get(t, h, "/api/v3/"+test.path)
		message, _ := json.Marshal(test.msg)
		want := fmt.Sprintf(`{"error":{"httpCode":%d,"message":%s}}`+"\n", test.code, message)
		if w.Code != test.code || w.Body.String() != want || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: status %d\n got %s\nwant %s", test.path, w.Code, w.Body, want)
		}
	}
	for body, want := range map[string]string{
		"":            "cannot unmarshal the body: unexpected end of JSON input",
		"[]":          "cannot unmarshal the body: json: cannot unmarshal array",
		`{"query":7}`: "cannot unmarshal the body: json: cannot unmarshal number",
		`{}`:          "query.startTimeMin and query.startTimeMax are required",
		`{"query":{"startTimeMin":7,"startTimeMax":8}}`: "malformed parameter query.startTimeMin: ",
		`{"query":{"pagination":7}}`:                    "cannot unmarshal the body: json: cannot unmarshal number",
		strings.Repeat(" ", maxQueryBytes+1):            "cannot read the body: http: request body too large",
	} {
		if w := postTo(t, "/api/v3/traces", body); w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.60q: status %d: %s", body, w.Code, w.Body)
		}
	}
}

// TestJaegerV3SearchFails checks what becomes of traces that cannot be read after they were found.
func TestJaegerV3SearchFails(t *testing.T) {
	var rows []span.Span
	for i := range 10 {
		rows = append(rows, span.Span{TraceID: span.TraceID{0: 1, 15: byte(i)}, SpanID: span.SpanID{1}, Start: uint64(recordedAt.UnixNano()) - uint64(i) - 1})
	}
	failFrom := func(n byte, err error) *faulty {
		return &faulty{Reader: filled(t, rows...), onTrace: func(_ context.Context, id span.TraceID) error {
			if id[15] >= n {
				return err
			}
			return nil
		}}
	}
	tests := []struct {
		name string
		from *faulty
		code int
		want string
	}{
		{"the disk fails", failFrom(3, errors.New("disk on fire")), 500, `{"error":{"httpCode":500,"message":"disk on fire"}}`},
		{"some have expired", failFrom(1, store.ErrNotFound), 200, `"traceId":"01000000000000000000000000000000"`},
		{"all have expired", failFrom(0, store.ErrNotFound), 404, `{"error":{"httpCode":404,"message":"No traces found"}}`},
	}
	for _, test := range tests {
		w := get(t, NewJaeger(testConfig(), test.from), "/api/v3/traces?"+recordedRange)
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s: status %d: %s", test.name, w.Code, w.Body)
		}
	}
}

// lateGaps is a store that cannot read all of the traces with these last bytes of their ids.
type lateGaps struct {
	store.Reader
	of map[byte]string
}

func (l lateGaps) Trace(ctx context.Context, tenant string, id span.TraceID, hint store.TimeRange) (*store.Trace, error) {
	t, err := l.Reader.Trace(ctx, tenant, id, hint)
	if gap := l.of[id[15]]; err == nil && gap != "" {
		t.Gaps = append(t.Gaps, gap)
	}
	return t, err
}

// TestJaegerV3Gaps checks that they are told, also when the answer is under way.
func TestJaegerV3Gaps(t *testing.T) {
	var rows []span.Span
	for i := range 6 {
		rows = append(rows, span.Span{
			TraceID: span.TraceID{0: 1, 15: byte(i)}, SpanID: span.SpanID{1}, Name: strings.Repeat("long ", 20_000),
			Start: uint64(recordedAt.Add(-time.Hour).UnixNano()) - uint64(i),
		})
	}
	model := filled(t, rows...)
	everywhere := &faulty{Reader: model, gaps: []string{"block 7\nis damaged"}}
	late := lateGaps{Reader: model, of: map[byte]string{3: "block 3", 4: "block 4", 5: "block 3"}}
	tests := []struct {
		path             string
		from             store.Reader
		headers, trailer []string
	}{
		{"traces/01000000000000000000000000000000", everywhere, []string{"block 7 is damaged"}, nil},
		{"traces?" + recordedRange, everywhere, []string{"block 7 is damaged"}, nil},
		{"traces?" + recordedRange, late, nil, []string{"block 3", "block 4"}},
		{"trace-summaries?" + recordedRange, everywhere, []string{"block 7 is damaged"}, nil},
		{"services", everywhere, []string{"block 7 is damaged"}, nil},
		{"operations?service=a", everywhere, []string{"block 7 is damaged"}, nil},
	}
	for _, test := range tests {
		server := httptest.NewServer(NewJaeger(testConfig(), test.from))
		res, err := http.Get(server.URL + "/api/v3/" + test.path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		server.Close()
		if err != nil || !slices.Equal(res.Header["Clew-Gap"], test.headers) || !slices.Equal(res.Trailer["Clew-Gap"], test.trailer) {
			t.Errorf("%s: %v, headers %q, trailer %q", test.path, err, res.Header["Clew-Gap"], res.Trailer["Clew-Gap"])
		}
	}
}

func TestJaegerV3Pages(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, recorded(t)...))
	var whole v3Found
	parse(t, getOK(t, h, "/api/v3/trace-summaries?"+recordedRange), &whole)
	var paged []string
	for token := ""; ; {
		var page v3Found
		query := recordedRange + "&query.pagination.pageSize=3&query.pagination.pageToken=" + url.QueryEscape(token)
		parse(t, getOK(t, h, "/api/v3/trace-summaries?"+query), &page)
		paged = append(paged, page.ids()...)
		if token = page.NextPageToken; token == "" || len(paged) > 10 {
			break
		}
	}
	var few v3Found
	if parse(t, getOK(t, h, "/api/v3/trace-summaries?query.searchDepth=1&"+recordedRange), &few); len(few.ids()) != 1 || few.NextPageToken != "" {
		t.Errorf("not in pages, but with a token: %+v", few)
	}
	if !slices.Equal(paged, whole.ids()) || len(paged) != 4 || whole.NextPageToken != "" {
		t.Errorf("in pages %v, at once %v", paged, whole.ids())
	}
}

// TestJaegerV3AnswersAreMessages holds answers against the published
// definitions of their messages: every field has to be known, and to have the right type.
func TestJaegerV3AnswersAreMessages(t *testing.T) {
	h := NewJaeger(testConfig(), filled(t, append(recorded(t), odd()...)...))
	message := func(name protoreflect.FullName) proto.Message {
		d, err := jaegerFiles().FindDescriptorByName("jaeger.api_v3." + name)
		if err != nil {
			t.Fatal(err)
		}
		return dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
	}
	for path, name := range map[string]protoreflect.FullName{
		"services":                         "GetServicesResponse",
		"operations?service=shop":          "GetOperationsResponse",
		"trace-summaries?" + recordedRange: "FindTraceSummariesResponse",
		"trace-summaries?query.pagination.pageSize=1&" + recordedRange:             "FindTraceSummariesResponse",
		"dependencies?startTime=2025-07-11T00:00:00Z&endTime=2025-07-11T18:00:00Z": "DependenciesResponse",
		"traces/1": "GRPCGatewayError",
		"traces":   "GRPCGatewayError",
	} {
		body := get(t, h, "/api/v3/"+path).Body.Bytes()
		m := message(name)
		if err := protojson.Unmarshal(body, m); err != nil {
			t.Errorf("%s: %v in %s", path, err, body)
		} else if proto.Size(m) == 0 {
			t.Errorf("%s: empty", path)
		}
	}
	// A request as clients make it, through the published definition.
	request := message("FindTracesRequest")
	const query = `{"query":{"service_name":"shop","attributes":{"span.kind":"server"},"start_time_min":"1970-01-01T00:00:00Z",
		"start_time_max":"2025-07-11T18:00:00Z","duration_min":"0.005s","search_depth":5,"raw_traces":true}}`
	if err := protojson.Unmarshal([]byte(query), request); err != nil {
		t.Fatal(err)
	}
	body, err := protojson.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	w := postTo(t, "/api/v3/traces", string(body), append(recorded(t), odd()...)...)
	if want := getOK(t, h, "/api/v3/traces/ab00000000000001?rawTraces=true"); w.Code != 200 || w.Body.String() != string(want) {
		t.Errorf("%s: status %d: %s", body, w.Code, w.Body)
	}
}
