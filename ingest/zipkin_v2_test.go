package ingest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	zipkinthrift "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinthriftconverter"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"google.golang.org/protobuf/proto"
)

// Spans of version 2 arrive as they were meant, also by clients that take the form lightly.
func TestZipkinV2(t *testing.T) {
	for _, c := range []struct{ name, span, want string }{
		{"all", `{"traceId":"7180c278b62e8f6a216a2aea45d08fc9","parentId":"1","id":"2","name":"get","kind":"SERVER","timestamp":1,"duration":3,"shared":true,"debug":true,
			"localEndpoint":{"serviceName":"back","ipv4":"192.168.99.101","port":9000},"remoteEndpoint":{"serviceName":"front","ipv6":"2001:db8::c001"},
			"annotations":[{"timestamp":2,"value":"foo"}],"tags":{"http.path":"/api"}}`,
			"7180c278b62e8f6a216a2aea45d08fc9/2<1 2 back 1+3 @2=foo http.path=/api net.host.port=9000 network.local.address=192.168.99.101 " +
				"network.peer.address=2001:db8::c001 service.peer.name=front zipkin.debug=true zipkin.shared=true"},
		{"neither shared nor debug", `{"traceId":"1","id":"2","kind":"CLIENT","timestamp":1,"shared":false,"debug":false}`, "1/2< 3  1+0"},
		{"nulls", `{"traceId":"1","parentId":null,"id":"2","name":null,"kind":null,"timestamp":null,"duration":null,"localEndpoint":null,"remoteEndpoint":null,
			"annotations":null,"tags":null,"debug":null,"shared":null}`, "1/2< 0  0+0 otel.zipkin.absentField.startTime=true"},
		{"endpoints of nulls", `{"traceId":"1","id":"2","timestamp":1,"localEndpoint":{"serviceName":null,"ipv4":"127.0.0.1","ipv6":null,"port":null},"remoteEndpoint":{}}`,
			"1/2< 0  1+0 network.local.address=127.0.0.1"},
		{"ids of odd length", `{"traceId":"4d2000000000000162e","id":"62e","parentId":"0","timestamp":1}`, "4d2000000000000162e/62e< 0  1+0"},
		{"a trace id with zeros before it", `{"traceId":"0000000000000000000000000000162e","id":"00000000000000001","timestamp":1}`, "162e/1< 0  1+0"},
		{"capitals", `{"traceId":"48485A3953BB6124","id":"B","kind":"producer","timestamp":1}`, "48485a3953bb6124/b< 4  1+0"},
		{"its own parent", `{"traceId":"1","id":"2","parentId":"2","timestamp":1}`, "1/2< 0  1+0"},
		{"numbers as strings", `{"traceId":"1","id":"2","timestamp":"1472470996199000","duration":"207000","localEndpoint":{"port":"80"}}`,
			"1/2< 0  1472470996199000+207000 net.host.port=80"},
		{"numbers with fractions", `{"traceId":"1","id":"2","timestamp":1.472470996199e15,"duration":207000.5}`, "1/2< 0  1472470996199000+207000"},
		{"numbers below 0", `{"traceId":"1","id":"2","timestamp":5,"duration":-1,"localEndpoint":{"port":-1}}`, "1/2< 0  5+0"},
		{"tags that are no texts", `{"traceId":"1","id":"2","timestamp":1,"tags":{"n":200,"t":true,"o":{"a":[1]}}}`, `1/2< 0  1+0 n=200 o={"a":[1]} t=true`},
		{"addresses that are none", `{"traceId":"1","id":"2","timestamp":1,"localEndpoint":{"serviceName":"s","ipv4":"localhost","ipv6":"127.0.0.A"}}`, "1/2< 0 s 1+0"},
		{"another kind", `{"traceId":"1","id":"2","kind":"INTERNAL","timestamp":1,"more":[{}]}`, "1/2< 0  1+0"},
		{"an error without a reason", `{"traceId":"1","id":"2","timestamp":1,"tags":{"error":""}}`, "1/2< 0  1+0 error="},
		{"an annotation of that name", `{"traceId":"1","id":"2","timestamp":1,"annotations":[{"timestamp":1,"value":"error"}]}`, "1/2< 0  1+0 @1=error"},
	} {
		s := &store{}
		if code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v2/spans", []byte("["+c.span+", null]")); code != http.StatusAccepted {
			t.Fatalf("%s: %d %s", c.name, code, text)
		}
		if got := zipkinLines(s.spans[testTenant]); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if failed := strings.HasPrefix(c.name, "an error"); failed != (s.spans[testTenant][0].Status == 2) {
			t.Errorf("%s: status %d", c.name, s.spans[testTenant][0].Status)
		}
	}
}

// What is wrong with a span is said with its place.
func TestZipkinRefuses(t *testing.T) {
	const v1, v2 = "/api/v1/spans", "/api/v2/spans"
	for _, c := range []struct{ path, span, want string }{
		{v2, `{"id":"1"}`, `span 1: traceId "": `},
		{v1, `{"id":"1"}`, `span 1: traceId "": `},
		{v2, `{"traceId":null,"id":"1"}`, `span 1: traceId "": `},
		{v2, `{"traceId":"1","id":null}`, `span 1: id "": `},
		{v2, `{"traceId":"1","id":"0"}`, `span 1: traceId "1", id "0": none of them may be 0`},
		{v1, `{"traceId":"0000000000000000","id":"1"}`, `span 1: traceId "0000000000000000", id "1": none of them may be 0`},
		{v2, `{"traceId":"1","id":"1"},{"traceId":"1","id":"1","parentId":"xyz"}`, `span 2: parentId "xyz": `},
		{v2, `{"traceId":"ab3de6b2-4cd5-4d4a-8d6d-1c4b5a6d7e8f","id":"1"}`, `span 1: traceId "ab3de6b2-4cd5-4d4a-8d6d-1c4b5a6d7e8f": `},
		{v2, `{"traceId":"1","id":"12345678912345671234"}`, `span 1: id "12345678912345671234": `},
		{v2, `{"traceId":"1","id":"1","tags":{"foo":null}}`, `span 1: tag "foo" has no value`},
		{v2, `{"traceId":"1","id":"1","annotations":[{"timestamp":1}]}`, `span 1: annotation 1 is incomplete`},
		{v1, `{"traceId":"1","id":"1","annotations":[{"timestamp":1,"value":"sr"},{"value":"sr"}]}`, `span 1: annotation 2 is incomplete`},
		{v2, `{"traceId":"1","id":"1","timestamp":1472470996199000000}`, `span 1: "1472470996199000000" is too much for a number of microseconds`},
		{v2, `{"traceId":"1","id":"1","timestamp":"noon"}`, `span 1: "\"noon\"" is no number of microseconds`},
		{v2, `{"traceId":"1","id":"1","localEndpoint":{"port":65536}}`, `span 1: "65536" is no port`},
		{v2, `{"traceId":"1","id":"1","binaryAnnotations":[]}`, `span 1: it is one of version 1, which go to /api/v1/spans`},
		{v1, `{"traceId":"1","id":"1","tags":{}}`, `span 1: it is one of version 2, which go to /api/v2/spans`},
		{v1, `{"traceId":"1","id":"1","localEndpoint":{"serviceName":"s"}}`, `span 1: it is one of version 2, which go to /api/v2/spans`},
	} {
		code, text := postTo(t, newTestReceiver(t, &store{}, nil).Zipkin(), c.path, []byte("["+c.span+"]"))
		if code != http.StatusBadRequest || !strings.HasPrefix(text, "malformed request: "+c.want) {
			t.Errorf("%s: got %d %q, want 400 %q", c.span, code, text, c.want)
		}
	}
}

// Requests without spans are fine.
func TestZipkinEmpty(t *testing.T) {
	for _, c := range []struct{ path, media, body string }{
		{"/api/v1/spans", "application/json", ""}, {"/api/v2/spans", "application/json", ""}, {"/api/v2/spans", "application/x-protobuf", ""},
		{"/api/v1/spans", thriftType, ""}, {"/api/v1/spans", "application/json", "[]"}, {"/api/v2/spans", "application/json", " [ ] "},
		{"/api/v1/spans", thriftType, "\x0c\x00\x00\x00\x00"},
	} {
		s := &store{}
		code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), c.path, []byte(c.body), "Content-Type", c.media)
		if code != http.StatusAccepted || len(s.spans) > 0 {
			t.Errorf("%+v: got %d %q, %d tenants with spans", c, code, text, len(s.spans))
		}
	}
}

// Trace ids of protobuf have 8 or 16 bytes, and its spans say themselves whether they are for debugging.
func TestZipkinProto(t *testing.T) {
	good := &zipkin_proto3.Span{
		TraceId: []byte{0, 0, 0, 0, 0, 0, 0, 9}, Id: []byte{7: 2}, ParentId: []byte{7: 1}, Kind: zipkin_proto3.Span_CLIENT, Name: "get", Debug: true, Shared: true,
		LocalEndpoint:  &zipkin_proto3.Endpoint{ServiceName: "front", Ipv4: []byte{127, 0, 0, 1}, Port: 70_000},
		RemoteEndpoint: &zipkin_proto3.Endpoint{ServiceName: "back", Ipv6: []byte{1, 2}, Port: 80},
		Annotations:    []*zipkin_proto3.Annotation{{Timestamp: 2, Value: "foo"}}, Tags: map[string]string{"a": "b"},
	}
	post := func(s *zipkin_proto3.Span, header ...string) (*store, int, string) {
		body, err := proto.Marshal(&zipkin_proto3.ListOfSpans{Spans: []*zipkin_proto3.Span{s}})
		if err != nil {
			t.Fatal(err)
		}
		to := &store{}
		code, text := postTo(t, newTestReceiver(t, to, nil).Zipkin(), "/api/v2/spans", body, append(header, "Content-Type", "application/x-protobuf")...)
		return to, code, text
	}
	s, code, text := post(good)
	const want = "9/2<1 3 front 0+0 @2=foo a=b net.peer.port=80 network.local.address=127.0.0.1 otel.zipkin.absentField.startTime=true service.peer.name=back " +
		"zipkin.debug=true zipkin.shared=true"
	if got := zipkinLines(s.spans[testTenant]); code != http.StatusAccepted || got != want {
		t.Errorf("%d %s, got\n%s\nwant\n%s", code, text, got, want)
	}
	s, _, _ = post(&zipkin_proto3.Span{TraceId: []byte{0: 1, 15: 9}, Id: []byte{7: 2}, Timestamp: 5, Duration: 1}, "X-B3-Flags", "1")
	if got := zipkinLines(s.spans[testTenant]); got != "1000000000000000000000000000009/2< 0  5+1 zipkin.debug=true" {
		t.Errorf("got %s", got)
	}
	for want, bad := range map[string]*zipkin_proto3.Span{
		`malformed request: span 1: traceId "": `:                 {Id: []byte{7: 2}},
		`malformed request: span 1: traceId has 3 bytes`:          {TraceId: []byte{1, 2, 3}, Id: []byte{7: 2}},
		`malformed request: span 1: id "": `:                      {TraceId: []byte{7: 1}},
		`malformed request: span 1: id has 7 bytes`:               {TraceId: []byte{7: 1}, Id: []byte{6: 1}},
		`malformed request: span 1: parentId has 16 bytes`:        {TraceId: []byte{7: 1}, Id: []byte{7: 1}, ParentId: []byte{15: 1}},
		`malformed request: span 1: annotation 1 is incomplete: `: {TraceId: []byte{7: 1}, Id: []byte{7: 1}, Annotations: []*zipkin_proto3.Annotation{{Value: "x"}}},
	} {
		if _, code, text := post(bad); code != http.StatusBadRequest || !strings.HasPrefix(text, want) {
			t.Errorf("got %d %q, want %q", code, text, want)
		}
	}
}

func TestZipkinCompressed(t *testing.T) {
	for name, compress := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, "zlib": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	} {
		var body bytes.Buffer
		w := compress(&body)
		io.WriteString(w, zipkinV2Text)
		w.Close()
		s := &store{}
		code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v2/spans", body.Bytes(), "Content-Encoding", name)
		if code != http.StatusAccepted || len(s.spans[testTenant]) != 1 {
			t.Errorf("%s: %d %s", name, code, text)
		}
		if code, text = postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v2/spans", []byte("not good"), "Content-Encoding", name); code != http.StatusBadRequest {
			t.Errorf("%s of nothing: %d %s", name, code, text)
		}
	}
}

// Reporters for Java once named the spans of a list STRING.
func TestZipkinThriftListOfStrings(t *testing.T) {
	body, err := zipkinthrift.SerializeThrift(t.Context(), zipkinThrift())
	if err != nil {
		t.Fatal(err)
	}
	body[0] = 11
	s := &store{}
	code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v1/spans", body, "Content-Type", thriftType)
	if code != http.StatusAccepted || len(s.spans[testTenant]) != 1 {
		t.Errorf("%d %s", code, text)
	}
}

// Messages of Kafka may have either version.
func TestZipkinAnyJSON(t *testing.T) {
	for _, text := range []string{zipkinV1Text, zipkinV2Text} {
		traces, err := kafkaEncodings["zipkin_json"]([]byte(text))
		if err != nil || traces.SpanCount() != 1 || traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Kind() != 2 {
			t.Errorf("%s: %v, %v", text, traces, err)
		}
	}
	if _, err := zipkinAnyJSON([]byte(`[{"binaryAnnotations":[],"tags":{}}]`)); err == nil {
		t.Error("a span of both versions was taken")
	}
}

// TestZipkinListEndsAtAFault: what is no span is refused before a list of a million of them takes memory.
func TestZipkinListEndsAtAFault(t *testing.T) {
	const spans = 100_000
	text := []byte("[" + strings.Repeat("{},", spans) + "{}]")
	for name, c := range map[string]struct {
		translate translator
		body      []byte
	}{
		"version 1": {zipkinV1JSON, text}, "version 2": {zipkinJSON, text}, "either": {zipkinAnyJSON, text},
		"protobuf": {zipkinProto(false), bytes.Repeat([]byte{1<<3 | length, 0}, spans)},
	} {
		allocations := testing.AllocsPerRun(1, func() {
			if _, err := c.translate(c.body); err == nil || !strings.HasPrefix(err.Error(), "span 1: traceId ") {
				t.Errorf("%s: %v", name, err)
			}
		})
		if allocations > 1000 {
			t.Errorf("%s: %.0f allocations", name, allocations)
		}
	}
}

func TestZipkinIsAList(t *testing.T) {
	const one = `{"traceId":"a","id":"b"}`
	for body, want := range map[string]string{
		"null": "", "[]": "", "[null]": "", " [" + one + "] \n": "", "[null," + one + "]": "",
		one: "not a list", "7": "not a list", "[" + one + "]x": "behind the list", "[]]": "behind the list", "null,": "behind the list", "[" + one: "EOF", "[" + one + ",": "EOF",
		"[" + one + ",]": "span 2: ", "[" + one + " " + one + "]": "span 2: ", "[" + one + ",7]": "span 2: ", "[" + one + "}": "after array element",
	} {
		for version, translate := range map[string]translator{"1": zipkinV1JSON, "2": zipkinJSON} {
			_, err := translate([]byte(body))
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("version %s of %s: %v", version, body, err)
			}
		}
	}
}
