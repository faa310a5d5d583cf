package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"github.com/openzipkin/zipkin-go/model"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/storetest"
)

// zipkinTexts returns spans as they are sent to Zipkin, sorted.
func zipkinTexts(t *testing.T, list []model.SpanModel) []string {
	t.Helper()
	var texts []string
	for _, s := range list {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	return texts
}

// TestZipkinRoundTrip checks that what Zipkin's instrumentation recorded comes
// out as it was, apart from what becomes of it on its way through OTLP.
func TestZipkinRoundTrip(t *testing.T) {
	for _, file := range zipkinFiles {
		t.Run(file, func(t *testing.T) {
			want := zipkinSpans(t, zipkinJSONOf(t, file))
			h := NewZipkin(testConfig(), filled(t, zipkinRows(t, file)...))
			body := getOK(t, h, "/api/v2/trace/"+want[0].TraceID.String())
			checkZipkinTrace(t, body)
			got := zipkinSpans(t, body)
			callers := map[model.ID]bool{}
			for _, s := range want {
				callers[s.ID] = callers[s.ID] || s.Kind == model.Client
			}
			for i := range got {
				for key, why := range map[string]string{ // tags that came on the way
					"otel.status_code":          "a tag \"error\" is a status in OTLP",
					"http.response.status_code": "what http.status_code is called in OTLP",
					"service.name":              "names in which upper case matters",
				} {
					if _, ok := got[i].Tags[key]; ok {
						t.Logf("span %s has %s: %s", got[i].ID, key, why)
						delete(got[i].Tags, key)
					}
				}
				if len(got[i].Tags) == 0 {
					got[i].Tags = nil
				}
			}
			for i := range want {
				if want[i].Shared && !callers[want[i].ID] {
					want[i].Shared = false // nobody to share with; the flag is lost in OTLP
				}
			}
			gotTexts, wantTexts := zipkinTexts(t, got), zipkinTexts(t, want)
			if len(gotTexts) != len(wantTexts) {
				t.Fatalf("%d spans, want %d", len(gotTexts), len(wantTexts))
			}
			for i := range wantTexts {
				if gotTexts[i] != wantTexts[i] {
					t.Errorf("\n got %s\nwant %s", gotTexts[i], wantTexts[i])
				}
			}
		})
	}
}

// encodedZipkin returns a trace of rows in Zipkin's form.
func encodedZipkin(t testing.TB, rows ...span.Span) []byte {
	t.Helper()
	var buf bytes.Buffer
	j := newJSON(&buf)
	writeZipkinTrace(j, batchOf(rows...))
	if j.err != nil {
		t.Fatal(j.err)
	}
	return buf.Bytes()
}

// TestZipkinIsReadBack checks against the Collector, which turns Zipkin's spans
// into OTLP, that what OTLP has is in ours.
func TestZipkinIsReadBack(t *testing.T) {
	sets := map[string][]span.Span{"recorded": recorded(t), "odd": odd(), "zipkin": zipkinRows(t, zipkinFiles...)}
	for seed := range uint64(5) {
		sets[fmt.Sprint("random ", seed)] = storetest.NewGen(seed).Spans(100)
	}
	for name, rows := range sets {
		t.Run(name, func(t *testing.T) {
			read := 0
			for _, s := range rows {
				body := encodedZipkin(t, s)
				checkZipkinTrace(t, body)
				td, err := zipkinv2.NewJSONTracesUnmarshaler(false).UnmarshalTraces(body)
				if err != nil {
					if strings.Contains(s.TraceState, "|") || s.SpanID.IsZero() || hasOddEvents(s) {
						continue // the Collector's form has no way to tell
					}
					t.Fatalf("%v in %s", err, body)
				}
				compareWithCollectors(t, s, rowsOf(td)[0])
				read++
			}
			if read < len(rows)/2 {
				t.Errorf("only %d of %d spans were read back", read, len(rows))
			}
		})
	}
}

// hasOddEvents reports whether the Collector takes a part of an event's name for what it adds to names.
func hasOddEvents(s span.Span) bool {
	return slices.ContainsFunc(s.Events, func(e span.SpanEvent) bool { return strings.Contains(e.Name, "|") }) ||
		slices.ContainsFunc(s.Links, func(l span.SpanLink) bool { return strings.Contains(l.TraceState, "|") })
}

func compareWithCollectors(t *testing.T, want, got span.Span) {
	t.Helper()
	check := func(what string, is, should any) {
		t.Helper()
		if is != should {
			t.Errorf("span %s: %s is %v, want %v", want.SpanID, what, is, should)
		}
	}
	check("trace id", got.TraceID, want.TraceID)
	check("id", got.SpanID, want.SpanID)
	if want.Parent != want.SpanID {
		check("parent", got.Parent, want.Parent)
	}
	check("name", got.Name, strings.ToLower(utf8Text(want.Name)))
	check("trace state", got.TraceState, utf8Text(want.TraceState))
	check("failed", got.Status == statusError, want.Status == statusError || hasErrorTag(want))
	if want.Kind >= 0 && want.Kind <= kindConsumer {
		check("kind", got.Kind, want.Kind)
	}
	if len(got.Events) != len(want.Events) || len(got.Links) != min(len(want.Links), 128) {
		t.Errorf("%d events and %d links, want %d and %d", len(got.Events), len(got.Links), len(want.Events), len(want.Links))
	}
	for i := range got.Links {
		check("link", got.Links[i].SpanID, want.Links[i].SpanID)
		check("link's trace", got.Links[i].TraceID, want.Links[i].TraceID)
	}
}

func hasErrorTag(s span.Span) bool {
	for _, a := range s.Attrs {
		if a.Key == "error" {
			return tagText(a.Value) != "false"
		}
	}
	return slices.ContainsFunc(slices.Concat(s.Scope.Attrs, s.Resource.Attrs), func(a span.KeyValue) bool { return a.Key == "error" })
}

// TestZipkinFields checks how single fields and tags are written.
func TestZipkinFields(t *testing.T) {
	text := span.StringValue
	attrs := func(list ...any) (kvs []span.KeyValue) {
		for i := 0; i < len(list); i += 2 {
			kvs = append(kvs, span.KeyValue{Key: list[i].(string), Value: list[i+1].(span.Value)})
		}
		return kvs
	}
	tests := []struct {
		name string
		span span.Span
		want string // behind the ids
	}{
		{"nothing", span.Span{}, ``},
		{"times are cut", span.Span{Start: 1_999, End: 3_998}, `"timestamp":1,"duration":1`},
		{"short ones count as one", span.Span{Start: 5_000, End: 5_001}, `"timestamp":5,"duration":1`},
		{"no duration", span.Span{Start: 5_000, End: 5_000}, `"timestamp":5`},
		{"backwards", span.Span{Start: 5_000, End: 4_000}, `"timestamp":5`},
		{"own parent", span.Span{Parent: span.SpanID{7: 1}}, ``},
		{"name", span.Span{Name: "GET /Ärger"}, `"name":"get /ärger"`},
		{"internal", span.Span{Kind: 1}, `"tags":{"span.kind":"internal"}`},
		{"unknown kind", span.Span{Kind: 9}, ``},
		{"ok", span.Span{Status: 1, Message: "fine"}, `"tags":{"otel.status_code":"OK","otel.status_description":"fine"}`},
		{"failed", span.Span{Status: 2}, `"tags":{"otel.status_code":"ERROR","error":"true"}`},
		{"failed with a message", span.Span{Status: 2, Message: "why"}, `"tags":{"otel.status_code":"ERROR","otel.status_description":"why","error":"why"}`},
		{"failed with an attribute", span.Span{Status: 2, Message: "why", Attrs: attrs("error", text("oh"))}, `"tags":{"otel.status_code":"ERROR","otel.status_description":"why","error":"oh"}`},
		{"failed in spite of an attribute", span.Span{Status: 2, Attrs: attrs("error", span.BoolValue(false))}, `"tags":{"otel.status_code":"ERROR","error":"true"}`},
		{"no error", span.Span{Attrs: attrs("error", span.BoolValue(false))}, ``},
		{"no error, as text", span.Span{Attrs: attrs("error", text("false"))}, ``},
		{"an error without a status", span.Span{Attrs: attrs("error", text(""))}, `"tags":{"error":""}`},
		{"our tags win", span.Span{Status: 1, Attrs: attrs("otel.status_code", text("x"), "span.kind", text("y"))}, `"tags":{"otel.status_code":"OK","span.kind":"y"}`},
		{"of a link too", span.Span{Links: []span.SpanLink{{}}, Attrs: attrs("otlp.link.0", text("x"), "otlp.link.1", text("y"))}, `"tags":{"otlp.link.0":"|||{}|0","otlp.link.1":"y"}`},
		{"the nearest wins", span.Span{
			Attrs: attrs("a", text("1"), "a", text("2")), Scope: span.SpanScope{Attrs: attrs("a", text("3"), "b", text("4"))},
			Resource: span.SpanResource{Attrs: attrs("a", text("5"), "b", text("6"), "c", text("7"))},
		}, `"tags":{"a":"1","b":"4","c":"7"}`},
		{"service", span.Span{Resource: span.SpanResource{Attrs: attrs("service.name", text("shop"))}}, `"localEndpoint":{"serviceName":"shop"}`},
		{"Service", span.Span{Resource: span.SpanResource{Attrs: attrs("service.name", text("Shop"))}}, `"localEndpoint":{"serviceName":"shop"},"tags":{"service.name":"Shop"}`},
		{"no service", span.Span{Resource: span.SpanResource{Attrs: attrs("service.name", span.IntValue(7))}}, `"tags":{"service.name":"7"}`},
		{"HTTP status", span.Span{Attrs: attrs("http.response.status_code", span.IntValue(404))}, `"tags":{"http.response.status_code":"404","http.status_code":"404"}`},
		{"HTTP status, twice", span.Span{Attrs: attrs("http.response.status_code", text("a"), "http.response.status_code", text("b"))}, `"tags":{"http.response.status_code":"a","http.status_code":"a"}`},
		{"HTTP status of both kinds", span.Span{Attrs: attrs("http.response.status_code", span.IntValue(404), "http.status_code", text("x"))}, `"tags":{"http.response.status_code":"404","http.status_code":"x"}`},
		{"debug and shared", span.Span{Attrs: attrs("zipkin.debug", span.BoolValue(true), "zipkin.shared", span.BoolValue(true))}, `"debug":true,"shared":true`},
		{"neither", span.Span{Attrs: attrs("zipkin.debug", span.BoolValue(false), "zipkin.shared", text("true"))}, `"tags":{"zipkin.debug":"false","zipkin.shared":"true"}`},
		{"no start", span.Span{End: 2_000, Attrs: attrs("otel.zipkin.absentField.startTime", span.BoolValue(true))}, `"duration":2`},
		{"event without a time", span.Span{Events: []span.SpanEvent{{Name: "x"}}}, `"annotations":[{"timestamp":1,"value":"x"}]`},
		{"event with an attribute", span.Span{Events: []span.SpanEvent{{Time: 2_000, Name: "x", Attrs: attrs("a", span.BoolValue(true), "b", text("\""))}}},
			`"annotations":[{"timestamp":2,"value":"x|{\"a\":true,\"b\":\"\\\"\"}|0"}]`},
		{"ends", span.Span{Attrs: attrs("net.host.ip", text("10.0.0.1"), "net.host.port", text("80"), "net.peer.ip", text("::1"), "net.peer.port", span.IntValue(1234), "peer.service", text("db"))},
			`"localEndpoint":{"ipv4":"10.0.0.1","port":80},"remoteEndpoint":{"serviceName":"db","ipv6":"::1","port":1234}`},
		{"ends shown otherwise", span.Span{Attrs: attrs("net.host.ip", text("::ffff:10.0.0.1"), "net.peer.ip", text("fe80:0::1%eth0"), "net.peer.port", text("080"), "peer.service", text("DB"))},
			`"localEndpoint":{"ipv4":"10.0.0.1"},"remoteEndpoint":{"serviceName":"db","ipv6":"fe80::1","port":80},` +
				`"tags":{"net.host.ip":"::ffff:10.0.0.1","net.peer.ip":"fe80:0::1%eth0","net.peer.port":"080","peer.service":"DB"}`},
		{"no ends", span.Span{Attrs: attrs("net.host.ip", text("here"), "net.host.port", span.IntValue(80), "net.peer.port", span.IntValue(-1), "peer.service", text(""))},
			`"tags":{"net.host.ip":"here","net.host.port":"80","net.peer.port":"-1","peer.service":""}`},
		{"port of nobody", span.Span{Attrs: attrs("net.peer.ip", text("1.2.3.4"), "net.peer.port", span.IntValue(65536))}, `"remoteEndpoint":{"ipv4":"1.2.3.4"},"tags":{"net.peer.port":"65536"}`},
		{"database", span.Span{Kind: 3, Attrs: attrs("db.system", text("redis"), "server.address", text("cache"), "server.port", span.IntValue(6379), "network.peer.address", text("10.0.0.9"))},
			`"kind":"CLIENT","remoteEndpoint":{"serviceName":"redis","ipv4":"10.0.0.9","port":6379},"tags":{"db.system":"redis","server.address":"cache","server.port":"6379"}`},
		{"database seen by its server", span.Span{Kind: 2, Attrs: attrs("db.system", text("redis"))}, `"kind":"SERVER","tags":{"db.system":"redis"}`},
		{"an address as a name", span.Span{Kind: 3, Attrs: attrs("server.address", text("10.0.0.9"), "net.peer.name", text("cache"))},
			`"kind":"CLIENT","remoteEndpoint":{"serviceName":"cache","ipv4":"10.0.0.9"},"tags":{"server.address":"10.0.0.9","net.peer.name":"cache"}`},
		{"like an address", span.Span{Kind: 4, Attrs: attrs("server.address", text("10.9:80"))}, `"kind":"PRODUCER","tags":{"server.address":"10.9:80"}`},
		{"a service called like an address", span.Span{Attrs: attrs("peer.service", text("10.0.0.9"))}, `"remoteEndpoint":{"serviceName":"10.0.0.9"}`},
	}
	for _, test := range tests {
		s := test.span
		s.TraceID, s.SpanID = span.TraceID{15: 1}, span.SpanID{7: 1}
		body := encodedZipkin(t, s)
		checkZipkinTrace(t, body)
		want := `[{"traceId":"0000000000000001","id":"0000000000000001"`
		if test.want != "" {
			want += "," + test.want
		}
		if got := strings.TrimSpace(string(body)); got != want+"}]" {
			t.Errorf("%s:\n got %s\nwant %s}]", test.name, got, want)
		}
	}
}

// TestZipkinShared checks which spans are said to share an id.
func TestZipkinShared(t *testing.T) {
	tests := map[string]struct {
		kinds []int32
		want  []bool
	}{
		"client and server":     {[]int32{3, 2}, []bool{false, true}},
		"server and client":     {[]int32{2, 3}, []bool{true, false}},
		"one client, many":      {[]int32{2, 3, 2}, []bool{true, false, true}},
		"producer and consumer": {[]int32{4, 5}, []bool{false, true}},
		"client and consumer":   {[]int32{3, 5}, []bool{false, false}},
		"two servers":           {[]int32{2, 2}, []bool{false, false}},
		"internal":              {[]int32{1, 2}, []bool{false, false}},
		"alone":                 {[]int32{2}, []bool{false}},
	}
	for name, test := range tests {
		var rows []span.Span
		for i, kind := range test.kinds {
			rows = append(rows, span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}, Kind: kind, Start: uint64(i)})
		}
		rows = append(rows, span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 2}, Kind: 2})
		for i, s := range zipkinSpans(t, encodedZipkin(t, rows...)) {
			if want := i < len(test.want) && test.want[i]; s.Shared != want {
				t.Errorf("%s: span %d: shared is %v", name, i, s.Shared)
			}
		}
	}
}

// TestZipkinModel checks with Zipkin's own decoder that units and types are the right ones.
func TestZipkinModel(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
	s := span.Span{
		TraceID: span.TraceID{0: 1, 15: 2}, SpanID: span.SpanID{0: 3}, Parent: span.SpanID{7: 4}, Kind: 3, Name: "get",
		Start: uint64(start.UnixNano()), End: uint64(start.Add(1500 * time.Millisecond).UnixNano()),
		Attrs: []span.KeyValue{
			{Key: "network.peer.address", Value: span.StringValue("2001:db8::1")}, {Key: "net.peer.port", Value: span.IntValue(443)},
			{Key: "peer.service", Value: span.StringValue("pay")}, {Key: "n", Value: span.FloatValue(1.5)},
		},
		Events: []span.SpanEvent{{Time: uint64(start.Add(time.Microsecond).UnixNano()), Name: "sent"}},
	}
	got := zipkinSpans(t, encodedZipkin(t, s))[0]
	if got.TraceID != (model.TraceID{High: 1 << 56, Low: 2}) || got.ID != 3<<56 || got.ParentID == nil || *got.ParentID != 4 {
		t.Errorf("ids %v %v %v", got.TraceID, got.ID, got.ParentID)
	}
	if !got.Timestamp.Equal(start) || got.Duration != 1500*time.Millisecond || got.Kind != model.Client {
		t.Errorf("%v for %v, %s", got.Timestamp, got.Duration, got.Kind)
	}
	if r := got.RemoteEndpoint; r == nil || r.ServiceName != "pay" || r.IPv6.String() != "2001:db8::1" || r.Port != 443 {
		t.Errorf("remote endpoint %+v", r)
	}
	if a := got.Annotations; len(a) != 1 || a[0].Value != "sent" || !a[0].Timestamp.Equal(start.Add(time.Microsecond)) {
		t.Errorf("annotations %+v", a)
	}
	if !maps.Equal(got.Tags, map[string]string{"n": "1.5"}) {
		t.Errorf("tags %v", got.Tags)
	}
}
