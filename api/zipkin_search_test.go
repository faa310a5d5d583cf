package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openzipkin/zipkin-go/model"

	"github.com/clewhq/clew/span"
)

// zipkinFound returns the ids of the traces that a search finds, in its order.
func zipkinFound(t *testing.T, h http.Handler, query url.Values) []string {
	t.Helper()
	ids := []string{}
	for _, trace := range zipkinTraces(t, getOK(t, h, "/api/v2/traces?"+query.Encode())) {
		ids = append(ids, trace[0].TraceID.String())
	}
	return ids
}

// zipkinSteps are traces of one span each, a second apart, the newest first: trace 1, 2, …
func zipkinSteps() []span.Span {
	text := span.StringValue
	attr := func(key string, v span.Value) span.KeyValue { return span.KeyValue{Key: key, Value: v} }
	rows := []span.Span{
		{Name: "GET /Cart", Kind: 2, End: 300, Attrs: []span.KeyValue{attr("http.method", text("GET")), attr("n", span.IntValue(1))}},
		{Name: "get /cart", Kind: 3, End: 1_000, Attrs: []span.KeyValue{attr("peer.service", text("Stock")), attr("http.method", text("PUT"))}, Status: 2, Message: "it broke"},
		{Name: "all", Kind: 3, End: 1_999, Attrs: []span.KeyValue{attr("db.system", text("redis")), attr("error", text("oh no"))}},
		{Name: "x.y", Kind: 1, End: 2_000, Attrs: []span.KeyValue{attr("db.system", text("redis")), attr("error", span.BoolValue(false)), attr("http.response.status_code", span.IntValue(404))}},
		{Name: "xzy", Kind: 1, End: 2_001, Events: []span.SpanEvent{{Name: "retry", Attrs: []span.KeyValue{attr("why", text("x"))}}}},
		{Name: "", Kind: 0, Attrs: []span.KeyValue{attr("a key", text("a = b"))}},
	}
	for i := range rows {
		s := &rows[i]
		s.TraceID, s.SpanID = span.TraceID{15: byte(i + 1)}, span.SpanID{7: 1}
		s.Start = uint64(recordedAt.UnixNano()) - uint64(i+1)*1_000_000_000
		s.End += s.Start
		s.Resource.Attrs = []span.KeyValue{attr("service.name", text([]string{"Shop", "shop", "mail"}[i%3])), attr("host.name", text("h"))}
	}
	return rows
}

func TestZipkinSearch(t *testing.T) {
	h := NewZipkin(testConfig(), filled(t, zipkinSteps()...))
	nowMs := recordedAt.UnixMilli()
	tests := []struct {
		query string // as it is typed, with + for spaces
		want  string // the last digits of the ids
	}{
		{"", "123456"},
		{"limit=2", "12"},
		{"serviceName=&spanName=&remoteServiceName=&annotationQuery=&minDuration=&maxDuration=&limit=", "123456"},
		{"serviceName=shop", "1245"},
		{"serviceName=SHOP", "1245"},
		{"serviceName=sho", ""},
		{"serviceName=sh.p", ""},
		{"spanName=get+/cart", "12"},
		{"spanName=GET+/CART", "12"},
		{"spanName=x.y", "4"},
		{"spanName=all", "123456"}, // any name
		{"serviceName=shop&spanName=xzy", "5"},
		{"serviceName=mail&spanName=xzy", ""},
		{"remoteServiceName=stock", "2"},
		{"remoteServiceName=Redis", "3"},
		{"serviceName=mail&remoteServiceName=stock", ""},

		{"minDuration=1", "12345"}, // 300 ns are shown as 1 µs
		{"minDuration=2", "45"},
		{"minDuration=3", ""},
		{"maxDuration=1", "1236"},
		{"maxDuration=2", "123456"},
		{"minDuration=1&maxDuration=1", "123"},
		{"minDuration=2&maxDuration=2", "45"},

		{fmt.Sprintf("endTs=%d", nowMs-1000), "123456"}, // at that millisecond
		{fmt.Sprintf("endTs=%d", nowMs-1001), "23456"},
		{fmt.Sprintf("endTs=%d&lookback=1000", nowMs-2000), "23"},
		{fmt.Sprintf("endTs=%d&lookback=999", nowMs-2000), "2"},
		{"lookback=3500", "123"},
		{"endTs=1", ""},

		{"annotationQuery=http.method", "12"},
		{"annotationQuery=http.method=GET", "1"},
		{"annotationQuery=http.method=get", ""},
		{"annotationQuery=http.method=", "12"},
		{"annotationQuery=n=1", "1"},
		{"annotationQuery=n=2", ""},
		{"annotationQuery=host.name=h", "123456"},
		{"annotationQuery=host.name", "123456"},
		{"annotationQuery=service.name", ""}, // no tag
		{"annotationQuery=retry", "5"},
		{"annotationQuery=retries", ""},
		{"annotationQuery=error", "23"},
		{"annotationQuery=error=it+broke", "2"},
		{"annotationQuery=error=oh+no", "3"},
		{"annotationQuery=error=true", "2"},
		{"annotationQuery=http.status_code=404", "4"},
		{"annotationQuery=http.status_code", "4"},
		{"annotationQuery=http.response.status_code=404", "4"},
		{"annotationQuery=a+key=a+=+b", "6"},
		{"annotationQuery=error+and+http.method=PUT", "2"},
		{"annotationQuery=++error+++and+http.method+=+PUT+", "2"},
		{"annotationQuery=error+and+http.method=GET", ""},
		{"serviceName=shop&annotationQuery=error&minDuration=1&spanName=get+/cart&remoteServiceName=stock", "2"},
	}
	for _, test := range tests {
		values := url.Values{}
		for part := range strings.SplitSeq(test.query, "&") {
			key, value, _ := strings.Cut(part, "=")
			values.Set(key, strings.ReplaceAll(value, "+", " "))
		}
		got := ""
		for _, id := range zipkinFound(t, h, values) {
			got += id[len(id)-1:]
		}
		if got != test.want {
			t.Errorf("%s: found %q, want %q", test.query, got, test.want)
		}
	}
}

// TestZipkinSearchIsOfAService checks that what is asked for may be on several
// spans, all of the service that is named, and that their trace comes whole.
func TestZipkinSearchIsOfAService(t *testing.T) {
	rows := zipkinSteps()
	for i := range rows {
		rows[i].TraceID, rows[i].SpanID = span.TraceID{15: 1}, span.SpanID{7: byte(i + 1)}
	}
	h := NewZipkin(testConfig(), filled(t, rows...))
	for query, want := range map[string]int{
		"serviceName=shop&spanName=xzy": 6, "serviceName=mail&spanName=xzy": 0,
		"lookback=1500&serviceName=mail": 0, "lookback=3500&serviceName=mail": 6,
		"annotationQuery=http.method%3DGET+and+error": 6, "serviceName=shop&annotationQuery=http.method%3DGET+and+error": 6,
		"serviceName=shop&annotationQuery=http.method%3DGET+and+error%3Doh+no": 0, // which is of another service
		"serviceName=shop&spanName=xzy&remoteServiceName=stock&minDuration=2":  6, "serviceName=mail&spanName=all&remoteServiceName=stock": 0,
		"minDuration=1&maxDuration=1": 6, "serviceName=shop&minDuration=3&maxDuration=4": 0,
	} {
		traces := zipkinTraces(t, getOK(t, h, "/api/v2/traces?"+query))
		got := 0
		if len(traces) > 0 {
			got = len(traces[0])
		}
		if got != want || len(traces) > 1 {
			t.Errorf("%s: %d spans in %d traces, want %d", query, got, len(traces), want)
		}
	}
}

// TestZipkinFindsWhatItShows checks that every name, tag and annotation of a
// span that is shown finds its trace.
func TestZipkinFindsWhatItShows(t *testing.T) {
	h := NewZipkin(testConfig(), filled(t, slices.Concat(recorded(t), odd(), zipkinRows(t, "yelp.json", "kafka.json", "skew.json"))...))
	all := zipkinTraces(t, getOK(t, h, "/api/v2/traces?limit=100&"+everything))
	if len(all) != 8 {
		t.Fatalf("%d traces", len(all))
	}
	asked := map[string]bool{}
	for _, trace := range all {
		for _, s := range trace {
			for _, query := range questionsFor(s) {
				text := query.Encode()
				if asked[s.TraceID.String()+text] {
					continue
				}
				asked[s.TraceID.String()+text] = true
				query.Set("endTs", "1800000000000")
				query.Set("lookback", "1800000000000")
				if !slices.Contains(zipkinFound(t, h, query), s.TraceID.String()) {
					t.Errorf("%s does not find span %s of trace %s", text, s.ID, s.TraceID)
				}
			}
		}
	}
	if len(asked) < 200 {
		t.Errorf("only %d questions were asked", len(asked))
	}
}

// questionsFor returns searches that have to find a span as it is shown.
func questionsFor(s model.SpanModel) []url.Values {
	var list []url.Values
	ask := func(key, value string) { list = append(list, url.Values{key: {value}}) }
	ask("spanName", strings.ToUpper(s.Name))
	if s.LocalEndpoint != nil {
		ask("serviceName", strings.ToUpper(s.LocalEndpoint.ServiceName))
	}
	if s.RemoteEndpoint != nil {
		ask("remoteServiceName", strings.ToUpper(s.RemoteEndpoint.ServiceName))
	}
	if us := s.Duration.Microseconds(); us > 0 {
		list = append(list, url.Values{"minDuration": {fmt.Sprint(us)}, "maxDuration": {fmt.Sprint(us)}, "spanName": {s.Name}})
	}
	for _, a := range s.Annotations {
		if name, _, hasMore := strings.Cut(a.Value, "|"); !hasMore {
			ask("annotationQuery", name)
		}
	}
	for key, value := range s.Tags {
		if strings.HasPrefix(key, "otel.") || strings.HasPrefix(key, "otlp.link.") || key == "w3c.tracestate" || key == "span.kind" {
			continue // of a span's own fields
		}
		ask("annotationQuery", key)
		isList := strings.ContainsAny(value, "{[") && json.Valid([]byte(value))
		if !isList && key != "raw" && key != "nan" && key != "broken" && value == strings.TrimSpace(value) { // else no text stands for it
			ask("annotationQuery", key+"="+value)
		}
	}
	return list
}

// TestPeers checks that the places which tell who was called agree: spans,
// lists of names, and searches for them.
func TestPeers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := []span.Value{
		span.StringValue("db"), span.StringValue("DB"), span.StringValue("cache"), span.StringValue("1.2.3.4"), span.StringValue("::1"),
		span.StringValue("1.2:80"), span.StringValue("cafe"), span.StringValue(""), span.IntValue(7), span.StringValue("a.b"), {},
	}
	var rows []span.Span
	for n := range 400 {
		s := span.Span{
			TraceID: span.TraceID{14: byte(n >> 8), 15: byte(n)}, SpanID: span.SpanID{7: 1}, Kind: int32(rng.IntN(6)),
			Start:    uint64(recordedAt.UnixNano()) - uint64(n+1),
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue([]string{"web", "Web", "shop"}[n%3])}}},
		}
		for _, k := range peerNames {
			if rng.IntN(4) == 0 {
				s.Attrs = append(s.Attrs, span.KeyValue{Key: k.key, Value: values[rng.IntN(len(values))]})
			}
		}
		s.TraceID[0] = 1
		rows = append(rows, s)
	}
	h := NewZipkin(testConfig(), filled(t, rows...))
	called := map[string][]string{} // the traces, by who was called
	byWeb := map[string]bool{}
	for _, trace := range zipkinTraces(t, getOK(t, h, "/api/v2/traces?limit=1000")) {
		s := trace[0]
		if s.RemoteEndpoint == nil || s.RemoteEndpoint.ServiceName == "" {
			continue
		}
		name := s.RemoteEndpoint.ServiceName
		called[name] = append(called[name], s.TraceID.String())
		if s.LocalEndpoint.ServiceName == "web" {
			byWeb[name] = true
		}
	}
	if len(called) < 5 {
		t.Fatalf("only %d peers: %v", len(called), called)
	}
	for name, want := range called {
		got := zipkinFound(t, h, url.Values{"remoteServiceName": {strings.ToUpper(name)}, "limit": {"1000"}})
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %d traces, want %d", name, len(got), len(want))
		}
	}
	for _, name := range []string{"nobody", "7", ""} {
		if called[name] != nil {
			t.Errorf("%q is a peer", name)
		}
	}
	var names []string
	if err := json.Unmarshal(getOK(t, h, "/api/v2/remoteServices?serviceName=WEB"), &names); err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(byWeb)); !slices.Equal(names, want) {
		t.Errorf("peers of web: %v, want %v", names, want)
	}
}

// TestRemoteServicesAreRecent checks the range in which they are looked for.
func TestRemoteServicesAreRecent(t *testing.T) {
	var rows []span.Span
	for i, name := range []string{"now", "yesterday", "before"} {
		rows = append(rows, span.Span{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: byte(i + 1)}, Start: uint64(recordedAt.UnixNano()) - uint64(i)*uint64(zipkinLookback) + uint64(i%2),
			Attrs:    []span.KeyValue{{Key: "peer.service", Value: span.StringValue(name)}},
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("web")}}},
		})
	}
	h := NewZipkin(testConfig(), filled(t, rows...))
	if got := strings.TrimSpace(string(getOK(t, h, "/api/v2/remoteServices?serviceName=web"))); got != `["now","yesterday"]` {
		t.Errorf("got %s", got)
	}
}
