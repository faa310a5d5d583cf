package api

import (
	"bytes"
	"context"
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

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// tempoStreams are the methods of StreamingQuerier with the messages that they take and give.
var tempoStreams = map[string][2]string{
	"Search":              {"SearchRequest", "SearchResponse"},
	"SearchTags":          {"SearchTagsRequest", "SearchTagsResponse"},
	"SearchTagsV2":        {"SearchTagsRequest", "SearchTagsV2Response"},
	"SearchTagValues":     {"SearchTagValuesRequest", "SearchTagValuesResponse"},
	"SearchTagValuesV2":   {"SearchTagValuesRequest", "SearchTagValuesV2Response"},
	"MetricsQueryRange":   {"QueryRangeRequest", "QueryRangeResponse"},
	"MetricsQueryInstant": {"QueryInstantRequest", "QueryInstantResponse"},
}

// tempoServer serves Tempo's API as clew does, and returns its address.
func tempoServer(t *testing.T, cfg Config, r store.Reader) string {
	t.Helper()
	s := httptest.NewUnstartedServer(NewTempo(cfg, r))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func dialTempo(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// callTempo begins a call with a request in JSON.
func callTempo(ctx context.Context, t *testing.T, conn *grpc.ClientConn, method, request string) grpc.ClientStream {
	t.Helper()
	in := dynamicpb.NewMessage(messageKind(t, tempoStreams[method][0]))
	if err := protojson.Unmarshal([]byte(request), in); err != nil {
		t.Fatal(err)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/tempopb.StreamingQuerier/"+method)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(in); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	return stream
}

// receive returns all messages of a call that has begun.
func receive(t *testing.T, stream grpc.ClientStream, method string) (list []*dynamicpb.Message, err error) {
	t.Helper()
	for {
		m := dynamicpb.NewMessage(messageKind(t, tempoStreams[method][1]))
		if err := stream.RecvMsg(m); err == io.EOF {
			return list, nil
		} else if err != nil {
			return list, err
		}
		list = append(list, m)
	}
}

// elements returns the list that an answer consists of, each element as the key that tells it from others and as text.
func elements(m *dynamicpb.Message) (keys, texts []string) {
	fields := m.Descriptor().Fields()
	list := m.Get(fields.Get(0)).List()
	for i := range list.Len() {
		if fields.Get(0).Message() == nil {
			keys, texts = append(keys, list.Get(i).String()), append(texts, list.Get(i).String())
			continue
		}
		e := list.Get(i).Message()
		if tags := e.Descriptor().Fields().ByName("tags"); tags != nil { // the tags of a scope, which may come in parts
			for k := range e.Get(tags).List().Len() {
				text := e.Get(e.Descriptor().Fields().ByName("name")).String() + "." + e.Get(tags).List().Get(k).String()
				keys, texts = append(keys, text), append(texts, text)
			}
			continue
		}
		key := dynamicpb.NewMessage(e.Descriptor())
		for _, name := range []protoreflect.Name{"traceID", "labels", "name", "type", "value"} {
			if f := e.Descriptor().Fields().ByName(name); f != nil && f.Kind() != protoreflect.DoubleKind {
				key.Set(f, e.Get(f))
			}
		}
		keys, texts = append(keys, wireText(key)), append(texts, wireText(e.Interface()))
	}
	return keys, texts
}

func wireText(m proto.Message) string {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestTempoStreams holds the messages of each method against the answer over HTTP: what was sent last of
// each element is what the whole answer has, and nothing is sent twice as it is.
func TestTempoStreams(t *testing.T) {
	rows := recorded(t)
	m := filled(t, rows...)
	first, last := rows[0].Start, rows[0].Start
	for _, row := range rows {
		first, last = min(first, row.Start), max(last, row.Start)
	}
	from, to := first/uint64(time.Second)-1, last/uint64(time.Second)+2
	const counts = "{ } | count_over_time() by (name) with (exemplars=false)"
	overRange := fmt.Sprintf(`{"query":"`+counts+`","start":"%d000000007","end":"%d000000000","step":"60000000000"}`, from, to)
	inOne := fmt.Sprintf(`{"query":"`+counts+`","start":"%d000000007","end":"%d000000000"}`, from, to)
	rangeURL := query("/api/metrics/query_range", "q", counts, "start", fmt.Sprintf("%d.000000007", from), "end", fmt.Sprint(to), "step", "60")
	conns := map[bool]*grpc.ClientConn{
		true:  dialTempo(t, tempoServer(t, hurried(), m)), // tells all that it can
		false: dialTempo(t, tempoServer(t, testConfig(), m)),
	}
	for _, test := range []struct {
		method, request, url string
		parts                bool
	}{
		{"Search", `{"Query":"{ } | select(name)","Limit":1000,"SpansPerSpanSet":5}`, query("/api/search", "q", "{ } | select(name)", "limit", "1000", "spss", "5"), true},
		{"Search", `{"Query":"{ kind = server }","Limit":2}`, query("/api/search", "q", "{ kind = server }", "limit", "2"), true},
		{"Search", `{"Query":"{ .nobody = 1 }"}`, query("/api/search", "q", "{ .nobody = 1 }"), true},
		{"Search", `{"Tags":{"name":"GET","service.name":"front end"}, "MinDurationMs":1, "MaxDurationMs":60000}`,
			query("/api/search", "tags", `name=GET service.name="front end"`, "minDuration", "1ms", "maxDuration", "1m"), true},
		{"Search", fmt.Sprintf(`{"start":%d,"end":%d}`, from, to), query("/api/search", "start", fmt.Sprint(from), "end", fmt.Sprint(to)), true},
		{"SearchTags", `{"scope":"span"}`, "/api/search/tags?scope=span", false},
		{"SearchTagsV2", `{"query":"{ kind = server }","maxTagsPerScope":3}`, query("/api/v2/search/tags", "q", "{ kind = server }", "limit", "3"), true},
		{"SearchTagValues", `{"tagName":"name","query":"{ kind = server }"}`, query("/api/search/tag/name/values", "q", "{ kind = server }"), true},
		{"SearchTagValuesV2", `{"tagName":"name","query":"{ kind = server }"}`, query("/api/v2/search/tag/name/values", "q", "{ kind = server }"), true},
		{"SearchTagValues", `{"tagName":"service.name"}`, "/api/search/tag/service.name/values", false},
		{"SearchTagValuesV2", `{"tagName":"span.http.status_code","maxTagValues":2}`, "/api/v2/search/tag/span.http.status_code/values?limit=2", false},
		{"MetricsQueryRange", overRange, rangeURL, true},
		{"MetricsQueryInstant", inOne, strings.Replace(rangeURL, "query_range", "query", 1), true},
	} {
		for hurry, conn := range conns {
			got, err := receive(t, callTempo(t.Context(), t, conn, test.method, test.request), test.method)
			if err != nil {
				t.Fatalf("%s %s: %v", test.method, test.request, err)
			}
			if parts := len(got) > 2; parts != (hurry && test.parts) {
				t.Errorf("%s %s: %d messages", test.method, test.request, len(got))
			}
			sent := map[string]string{}
			for _, m := range got {
				keys, texts := elements(m)
				for i, key := range keys {
					if texts[i] == sent[key] {
						t.Errorf("%s %s: sent twice: %q", test.method, test.request, texts[i])
					}
					sent[key] = texts[i]
				}
			}
			whole := dynamicpb.NewMessage(messageKind(t, tempoStreams[test.method][1]))
			if err := proto.Unmarshal(getOK(t, NewTempo(testConfig(), m), test.url, "Accept", "application/protobuf"), whole); err != nil {
				t.Fatal(err)
			}
			keys, texts := elements(whole)
			for i, key := range keys {
				if sent[key] != texts[i] {
					t.Errorf("%s %s: got %q, want %q", test.method, test.request, sent[key], texts[i])
				}
			}
			if nothing := strings.Contains(test.request, "nobody") || strings.Contains(test.request, "front end"); (len(keys) == 0) != nothing {
				t.Errorf("%s %s: the answer has %d elements", test.method, test.request, len(keys))
			}
		}
	}
}

// TestTempoStreamProgress checks that messages tell how far a query is, and the last one that it is done.
func TestTempoStreamProgress(t *testing.T) {
	r := &reporting{faulty: &faulty{Reader: filled(t, recorded(t)...), gaps: []string{"block 7\nis gone; caf\u00e9"}}, times: 3}
	stream := callTempo(t.Context(), t, dialTempo(t, tempoServer(t, hurried(), r)), "Search", `{}`)
	got, err := receive(t, stream, "Search")
	if err != nil || len(got) < 4 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	for i, m := range got {
		text := protojson.MarshalOptions{}.Format(m)
		metrics := m.Get(m.Descriptor().Fields().ByName("metrics")).Message()
		done := metrics.Get(metrics.Descriptor().Fields().ByName("completedJobs")).Uint()
		total := metrics.Get(metrics.Descriptor().Fields().ByName("totalJobs")).Uint()
		if i < 3 && (done != uint64(i) || total != 9) || i == len(got)-1 && (done != total || total == 0) {
			t.Errorf("message %d: %s", i, text)
		}
	}
	if gaps := stream.Trailer().Get("clew-gap"); !slices.Equal(gaps, []string{"block 7?is gone; caf?"}) {
		t.Errorf("gaps %q", gaps)
	}
}

func TestTempoStreamErrors(t *testing.T) {
	for _, test := range []struct {
		method, request string
		r               store.Reader
		code            codes.Code
		says            string
	}{
		{"Search", `{"Query":"{ duration > }"}`, filled(t), codes.InvalidArgument, "invalid TraceQL query: parse error at line 1, col"},
		{"Search", `{"Query":"{ } | rate()"}`, filled(t), codes.InvalidArgument, "it gives time series"},
		{"Search", `{"Query":"{ }","Tags":{"a":"b"}}`, filled(t), codes.InvalidArgument, "can't specify tags and q"},
		{"Search", `{"Tags":{"a b":"c"}}`, filled(t), codes.InvalidArgument, `"a b" is not the name of a tag`},
		{"Search", `{"start":9,"end":8}`, filled(t), codes.InvalidArgument, "start must be before end"},
		{"SearchTags", `{"scope":"galaxy"}`, filled(t), codes.InvalidArgument, "invalid scope"},
		{"SearchTagValuesV2", `{"tagName":"{"}`, filled(t), codes.InvalidArgument, "provide a valid tagName"},
		{"MetricsQueryRange", `{"query":"{ }"}`, filled(t), codes.InvalidArgument, "it gives traces"},
		{"MetricsQueryRange", `{"query":"{ } | rate()","step":"5"}`, filled(t), codes.InvalidArgument, "step: must be 1ms"},
		{"MetricsQueryInstant", `{"query":"{ } | rate("}`, filled(t), codes.InvalidArgument, "parse error"},
		{"Search", `{}`, &faulty{Reader: filled(t), onChunks: func(context.Context) error { panic("oops") }}, codes.Internal, "internal error"},
	} {
		stream := callTempo(t.Context(), t, dialTempo(t, tempoServer(t, testConfig(), test.r)), test.method, test.request)
		got, err := receive(t, stream, test.method)
		if status.Code(err) != test.code || !strings.Contains(fmt.Sprint(err), test.says) || len(got) > 0 {
			t.Errorf("%s %s: %d messages, %v", test.method, test.request, len(got), err)
		}
	}
}

func TestTempoStreamTenants(t *testing.T) {
	m := filled(t)
	write(t, m, "a", span.Span{TraceID: span.TraceID{1}, SpanID: span.SpanID{1}, Start: 2, Name: "of a"})
	write(t, m, "b", span.Span{TraceID: span.TraceID{1}, SpanID: span.SpanID{2}, Start: 1, Name: "of b"})
	conn := dialTempo(t, tempoServer(t, hurried(), m))
	for tenants, want := range map[string]string{"": "", "a": "of a", "b": "of b", "b|a": "of b,of a"} {
		ctx := t.Context()
		if tenants != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "X-Scope-OrgID", tenants)
		}
		got, err := receive(t, callTempo(ctx, t, conn, "SearchTagValues", `{"tagName":"name"}`), "SearchTagValues")
		if err != nil {
			t.Fatal(err)
		}
		names, _ := elements(got[0])
		wanted := strings.FieldsFunc(want, func(c rune) bool { return c == ',' })
		slices.Sort(wanted)
		if !slices.Equal(names, wanted) {
			t.Errorf("%q: names %q", tenants, names)
		}
		got, err = receive(t, callTempo(ctx, t, conn, "Search", `{}`), "Search")
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for _, m := range got {
			if _, texts := elements(m); len(texts) > 0 {
				last = texts[0]
			}
		}
		for _, name := range wanted {
			if !strings.Contains(last, name) {
				t.Errorf("%q: no span %q in %q", tenants, name, last)
			}
		}
	}
}

// TestTempoStreamCanceled checks that a client that goes ends the query.
func TestTempoStreamCanceled(t *testing.T) {
	ended := make(chan error, 1)
	r := &waiting{Reader: filled(t), ended: ended}
	ctx, cancel := context.WithCancel(t.Context())
	stream := callTempo(ctx, t, dialTempo(t, tempoServer(t, testConfig(), r)), "Search", `{}`)
	first := dynamicpb.NewMessage(messageKind(t, "SearchResponse"))
	if err := stream.RecvMsg(first); err != nil { // while the query runs
		t.Fatal(err)
	}
	cancel()
	if _, err := receive(t, stream, "Search"); status.Code(err) != codes.Canceled {
		t.Errorf("the client got %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the query ended with %v", err)
	}
}

// waiting is a store that reports progress once and then waits for its end.
type waiting struct {
	store.Reader
	ended chan<- error
}

func (w *waiting) Scan(ctx context.Context, _ string, q *store.Query, _ func(int, store.Chunk) error) (*store.ScanResult, error) {
	q.Progress(store.Progress{Done: 1, Total: 2})
	<-ctx.Done()
	w.ended <- ctx.Err()
	return nil, ctx.Err()
}

// TestTempoStreamPackets checks that a long answer comes in messages that clients take.
func TestTempoStreamPackets(t *testing.T) {
	var rows []span.Span
	for i := range 300 {
		rows = append(rows, span.Span{TraceID: span.TraceID{1}, SpanID: span.SpanID{byte(i >> 8), byte(i), 1}, Start: uint64(i),
			Name: fmt.Sprint(i, strings.Repeat("x", 20_000))})
	}
	stream := callTempo(t.Context(), t, dialTempo(t, tempoServer(t, testConfig(), filled(t, rows...))), "SearchTagValues", `{"tagName":"name"}`)
	got, err := receive(t, stream, "SearchTagValues")
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	for _, m := range got {
		keys, _ := elements(m)
		values += len(keys)
		if size := proto.Size(m); size > packetBytes+30_000 {
			t.Errorf("a message of %d bytes", size)
		}
	}
	if values != len(rows) || len(got) < 5 || len(got) > 7 {
		t.Errorf("%d values in %d messages", values, len(got))
	}
}

// TestTempoOnePort checks that HTTP/1.1, HTTP/2 and gRPC are served on one port.
func TestTempoOnePort(t *testing.T) {
	addr := tempoServer(t, testConfig(), filled(t))
	for _, version := range []int{1, 2} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(version == 1)
		transport.Protocols.SetUnencryptedHTTP2(version == 2)
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		res, err := client.Get("http://" + addr + "/api/echo")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.ProtoMajor != version || string(body) != "echo" {
			t.Errorf("HTTP/%d: HTTP/%d, %q, %v", version, res.ProtoMajor, body, err)
		}
		res, err = client.Post("http://"+addr+"/tempopb.StreamingQuerier/Search", "text/plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("HTTP/%d, no gRPC: status %d", version, res.StatusCode)
		}
	}
	conn := dialTempo(t, addr)
	if _, err := receive(t, callTempo(t.Context(), t, conn, "Search", `{}`), "Search"); err != nil {
		t.Error(err)
	}
	for _, method := range []string{"/tempopb.StreamingQuerier/Delete", "/tempopb.Querier/Search"} {
		if err := conn.Invoke(t.Context(), method, dynamicpb.NewMessage(messageKind(t, "SearchRequest")),
			dynamicpb.NewMessage(messageKind(t, "SearchResponse"))); status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestTempoRequest(t *testing.T) {
	for _, test := range []struct{ request, in, want string }{
		{"SearchRequest", `{"Tags":{"b":"x y","a":"1"},"MinDurationMs":1500,"MaxDurationMs":2,"Limit":7,"start":1,"end":2,"Query":"{}","SpansPerSpanSet":4}`,
			`end=2&limit=7&maxDuration=0.002000000&minDuration=1.500000000&q={}&spss=4&start=1&tags=a=1 b="x y"`},
		{"SearchTagsRequest", `{"scope":"span","query":"q","start":1,"end":2,"maxTagsPerScope":3,"staleValuesThreshold":9}`, `end=2&limit=3&q=q&scope=span&start=1`},
		{"SearchTagValuesRequest", `{"tagName":"a","query":"q","start":1,"end":2,"maxTagValues":3,"staleValueThreshold":9}`, `end=2&limit=3&q=q&start=1&tag=a`},
		{"QueryInstantRequest", `{"query":"q","start":"1000000001","end":"18446744073709551615"}`, `end=18446744073.709551615&q=q&start=1.000000001`},
		{"QueryRangeRequest", `{"query":"q","start":"5","end":"6","step":"15000000000","exemplars":3}`,
			`end=0.000000006&exemplars=3&q=q&start=0.000000005&step=15.000000000`},
		{"QueryRangeRequest", `{}`, ``},
	} {
		fields := map[string]requestFields{"SearchRequest": searchRequest, "SearchTagsRequest": tagsRequest, "SearchTagValuesRequest": valuesRequest,
			"QueryInstantRequest": instantRequest, "QueryRangeRequest": rangeRequest}[test.request]
		m := dynamicpb.NewMessage(messageKind(t, test.request))
		if err := protojson.Unmarshal([]byte(test.in), m); err != nil {
			t.Fatal(err)
		}
		p, err := fields.parse([]byte(wireText(m)))
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
		}
		if got, err := url.QueryUnescape(p.Encode()); err != nil || got != test.want {
			t.Errorf("%s: got %s, want %s", test.in, got, test.want)
		}
	}
	for _, bad := range []string{"\x0a", "\x42\x05a", "\x20\xff", "\x0a\x02\x0a\x05", "\x00\x00"} {
		if _, err := searchRequest.parse([]byte(bad)); statusOf(err) != http.StatusBadRequest {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzTempoRequest(f *testing.F) {
	f.Add([]byte("\x0a\x06\x0a\x01a\x12\x01b\x20\x05\x42\x03{ }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := tempoFile()
		if err != nil {
			t.Fatal(err)
		}
		for name, fields := range map[string]requestFields{"SearchRequest": searchRequest, "QueryRangeRequest": rangeRequest} {
			p, got := fields.parse(data)
			m := dynamicpb.NewMessage(file.Messages().ByName(protoreflect.Name(name)))
			want := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, m)
			if want == nil && got != nil && !strings.Contains(got.Error(), "tag") {
				t.Errorf("%s: refused: %v", name, got)
			}
			if got != nil || want != nil {
				continue
			}
			for i := range m.Descriptor().Fields().Len() {
				field := m.Descriptor().Fields().Get(i)
				if field.Kind() == protoreflect.StringKind && !bytes.Equal([]byte(p.Get(fields[field.Number()].param)), []byte(m.Get(field).String())) {
					t.Errorf("%s: %s is %q", name, field.Name(), p.Get(fields[field.Number()].param))
				}
			}
		}
	})
}

// packets keeps messages.
type packets [][]byte

func (p *packets) Write(b []byte) (int, error) {
	*p = append(*p, bytes.Clone(b))
	return len(b), nil
}

// TestTempoMessagesAreBounded: what does not fit into one message comes in several that say the same together.
func TestTempoMessagesAreBounded(t *testing.T) {
	const full, most = 1 << 10, 4 << 10
	traces := make([]*traceql.Trace, 20)
	for i := range traces {
		traces[i] = &traceql.Trace{ID: span.TraceID{15: byte(i + 1)}, SpanSets: []traceql.SpanSet{{}}}
		traces[i].SpanSets[0].Spans = make([]traceql.Span, i) // up to 3 KiB, twice
		for n := range traces[i].SpanSets[0].Spans {
			traces[i].SpanSets[0].Spans[n].Name = strings.Repeat("n", 80)
		}
	}
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("name %d", i))
	}
	for _, test := range []struct {
		answer tempoAnswer
		kind   string
	}{
		{searchAnswer{SearchResult: &traceql.SearchResult{Traces: traces}}, "SearchResponse"},
		{scopedTags{list: []scopeTags{{store.SpanScope, names}, {store.EventScope, nil}}}, "SearchTagsV2Response"},
		{tagNames{list: names}, "SearchTagsResponse"},
	} {
		whole, parts := &packets{}, &packets{}
		for _, p := range []*protoWriter{{w: whole, full: 1 << 30}, {w: parts, full: full, most: most}} {
			test.answer.writeProto(p)
			if err := p.flush(); err != nil {
				t.Fatal(err)
			}
		}
		count := map[string]int{}
		for i, list := range []packets{*whole, *parts} {
			for _, message := range list {
				if i == 1 && len(message) > most {
					t.Errorf("%s: a message has %d bytes", test.kind, len(message))
				}
				for _, text := range leaves(t, test.kind, message) {
					count[text] += 1 - 2*i
				}
			}
		}
		if len(*parts) < 3 {
			t.Errorf("%s: %d messages", test.kind, len(*parts))
		}
		for text, n := range count {
			if n != 0 {
				t.Errorf("%s: %q comes %d times less in parts", test.kind, text, n)
			}
		}
	}
	p := &protoWriter{w: io.Discard, full: full, most: most / 8}
	searchAnswer{SearchResult: &traceql.SearchResult{Traces: traces}}.writeProto(p)
	if err := p.flush(); !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), "one trace of the answer has") {
		t.Errorf("a trace that fits into no message: %v", err)
	}
}

// leaves returns the elements of an answer; of scopes each tag, with the scope's name.
func leaves(t *testing.T, kind string, message []byte) (list []string) {
	t.Helper()
	m := dynamicpb.NewMessage(messageKind(t, kind))
	if err := proto.Unmarshal(message, m); err != nil {
		t.Fatal(err)
	}
	if kind != "SearchTagsV2Response" {
		_, list = elements(m)
		return list
	}
	scopes := m.Get(m.Descriptor().Fields().ByName("scopes")).List()
	for i := range scopes.Len() {
		scope := scopes.Get(i).Message()
		name := scope.Get(scope.Descriptor().Fields().ByName("name")).String()
		tags := scope.Get(scope.Descriptor().Fields().ByName("tags")).List()
		for n := range tags.Len() {
			list = append(list, name+"."+tags.Get(n).String())
		}
	}
	return list
}
