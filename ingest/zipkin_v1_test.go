package ingest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"
	zipkinthrift "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinthriftconverter"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"

	"github.com/clewhq/clew/span"
)

// zipkinLines is one line for each stored span: its ids, kind, service, times in microseconds, events and attributes.
func zipkinLines(spans []span.Span) string {
	var lines []string
	for _, s := range spans {
		service := ""
		for _, kv := range s.Resource.Attrs {
			if kv.Key == "service.name" {
				service = kv.Value.Str
			}
		}
		line := fmt.Sprintf("%s/%s<%s %d %s %d+%d", strings.TrimLeft(s.TraceID.String(), "0"), strings.TrimLeft(s.SpanID.String(), "0"), strings.TrimLeft(s.Parent.String(), "0"),
			s.Kind, service, s.Start/1000, (s.End-s.Start)/1000)
		for _, e := range s.Events {
			line += fmt.Sprintf(" @%d=%s", e.Time/1000, e.Name)
		}
		lines = append(lines, strings.TrimSpace(line+" "+strings.Join(attributeText(s.Attrs), " ")))
	}
	slices.SortFunc(lines, cmp.Compare)
	return strings.Join(lines, "\n")
}

const (
	frontEndpoint = `"endpoint":{"serviceName":"front","ipv4":"127.0.0.1","port":80}`
	backEndpoint  = `"endpoint":{"serviceName":"back","ipv4":"nonsense"}`
)

// Annotations say which side of a call a span is, and when.
func TestZipkinV1(t *testing.T) {
	for _, c := range []struct{ name, span, want string }{
		{"client", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"cs",` + frontEndpoint + `},{"timestamp":150,"value":"cr",` + frontEndpoint + `}]}`,
			"a/b< 3 front 100+50 net.host.port=80 network.local.address=127.0.0.1"},
		{"its times come first", `{"traceId":"a","id":"b","timestamp":90,"duration":70,"annotations":[{"timestamp":100,"value":"cs",` + backEndpoint + `},{"timestamp":150,"value":"cr"}]}`,
			"a/b< 3 back 90+70"},
		{"server", `{"traceId":"a","id":"b","parentId":"c","annotations":[{"timestamp":120,"value":"sr",` + backEndpoint + `},{"timestamp":140,"value":"ss",` + backEndpoint + `}]}`,
			"a/b<c 2 back 120+20 zipkin.shared=true"},
		{"both sides", `{"traceId":"a","id":"b","parentId":"c","timestamp":100,"duration":50,"annotations":[
			{"timestamp":120,"value":"sr",` + backEndpoint + `},{"timestamp":130,"value":"cache miss",` + backEndpoint + `},{"timestamp":140,"value":"ss",` + backEndpoint + `},
			{"timestamp":100,"value":"cs",` + frontEndpoint + `},{"timestamp":150,"value":"cr",` + frontEndpoint + `}],
			"binaryAnnotations":[{"key":"side","value":"f",` + frontEndpoint + `},{"key":"side","value":"b",` + backEndpoint + `}]}`,
			"a/b<c 2 back 120+20 @130=cache miss side=b zipkin.shared=true\na/b<c 3 front 100+50 net.host.port=80 network.local.address=127.0.0.1 side=f"},
		{"messages", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"ms",` + backEndpoint + `}]}`, "a/b< 4 back 100+0"},
		{"messages taken", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"mr",` + backEndpoint + `},{"timestamp":110,"value":"wr",` + backEndpoint + `}]}`, "a/b< 5 back 100+10"},
		{"only an end", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"cr",` + backEndpoint + `}]}`, "a/b< 3 back 100+0 @100=cr"},
		{"only the end of the span", `{"traceId":"a","id":"b","timestamp":90,"duration":10,"annotations":[{"timestamp":100,"value":"ss",` + backEndpoint + `}]}`, "a/b< 2 back 90+10"},
		{"bytes under way", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"cs",` + backEndpoint + `},{"timestamp":110,"value":"ws",` + backEndpoint + `},
			{"timestamp":140,"value":"wr",` + backEndpoint + `},{"timestamp":150,"value":"cr",` + backEndpoint + `}]}`, "a/b< 3 back 100+50 @110=ws @140=wr"},
		{"a message sent", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"ms",` + backEndpoint + `},{"timestamp":110,"value":"ws",` + backEndpoint + `}],
			"binaryAnnotations":[{"key":"ma","value":true,` + frontEndpoint + `}]}`, "a/b< 4 back 100+10 net.peer.port=80 network.peer.address=127.0.0.1 service.peer.name=front"},
		{"a message from the wire", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"wr",` + backEndpoint + `},{"timestamp":110,"value":"mr",` + backEndpoint + `}]}`, "a/b< 5 back 100+10"},
		{"both sides of a service", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"cs",` + backEndpoint + `},{"timestamp":110,"value":"sr",` + backEndpoint + `}]}`,
			"a/b< 2 back 110+0 zipkin.shared=true\na/b< 3 back 100+0"},
		{"only a server's address", `{"traceId":"a","id":"b","timestamp":5,"binaryAnnotations":[{"key":"sa","value":true,` + backEndpoint + `}]}`, "a/b< 0  5+0 service.peer.name=back"},
		{"only a client's address", `{"traceId":"a","id":"b","timestamp":5,"binaryAnnotations":[{"key":"ca","value":true,` + backEndpoint + `}]}`, "a/b< 2  5+0 service.peer.name=back"},
		{"only addresses", `{"traceId":"a","id":"b","timestamp":5,"binaryAnnotations":[{"key":"ca","value":true,` + backEndpoint + `},{"key":"sa","value":"1","endpoint":{"serviceName":"mint"}}]}`,
			"a/b< 0 back 5+0 service.peer.name=mint"},
		{"a server that is its client", `{"traceId":"a","id":"b","timestamp":5,"duration":1,"annotations":[{"timestamp":5,"value":"sr",` + backEndpoint + `}],"binaryAnnotations":[{"key":"ca","value":true,` + backEndpoint + `}]}`,
			"a/b< 2 back 5+1"},
		{"a server that knows a socket", `{"traceId":"a","id":"b","timestamp":5,"duration":1,"annotations":[{"timestamp":5,"value":"sr",` + backEndpoint + `}],
			"binaryAnnotations":[{"key":"ca","value":true,"endpoint":{"serviceName":"back","ipv4":"127.0.0.2","port":"63840"}}]}`, "a/b< 2 back 5+1 net.peer.port=63840 network.peer.address=127.0.0.2"},
		{"a client that is its server", `{"traceId":"a","id":"b","timestamp":5,"duration":1,"annotations":[{"timestamp":5,"value":"cs",` + backEndpoint + `}],"binaryAnnotations":[{"key":"sa","value":true,` + backEndpoint + `}]}`,
			"a/b< 3 back 5+1 service.peer.name=back"},
		{"a local component without a name", `{"traceId":"a","id":"b","timestamp":5,"binaryAnnotations":[{"key":"lc","value":"",` + backEndpoint + `}]}`, "a/b< 0 back 5+0"},
		{"debug", `{"traceId":"a","id":"b","timestamp":5,"debug":true}`, "a/b< 0  5+0 zipkin.debug=true"},
		{"nothing but ids", `{"traceId":"a","parentId":null,"id":"b","name":null,"timestamp":null,"duration":null,"annotations":null,"binaryAnnotations":null,"debug":null}`,
			"a/b< 0  0+0 otel.zipkin.absentField.startTime=true"},
		{"endpoints of nulls", `{"traceId":"a","id":"b","timestamp":5,"binaryAnnotations":[{"key":"lc","value":"","endpoint":{"serviceName":null,"ipv4":"127.0.0.1","ipv6":null,"port":null}}]}`,
			"a/b< 0  5+0 network.local.address=127.0.0.1"},
		{"local, without times", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"late",` + backEndpoint + `},{"timestamp":90,"value":"early"}]}`,
			"a/b< 0 back 90+0 @100=late @90=early"},
		{"local component", `{"traceId":"a","id":"b","timestamp":5,"binaryAnnotations":[{"key":"lc","value":"cron",` + backEndpoint + `}]}`, "a/b< 0 back 5+0 lc=cron"},
		{"values of other types", `{"traceId":"a","id":"b","timestamp":5,"binaryAnnotations":[{"key":"n","value":7},{"key":"t","value":true},{"key":"s","value":"7"}]}`,
			"a/b< 0  5+0 n=7 s=7 t=true"},
		{"whom a client calls", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"cs"}],"binaryAnnotations":[{"key":"sa","value":true,` + backEndpoint + `}]}`,
			"a/b< 3  100+0 service.peer.name=back"},
		{"who calls a server", `{"traceId":"a","id":"b","annotations":[{"timestamp":100,"value":"sr",` + backEndpoint + `}],"binaryAnnotations":[{"key":"ca","value":true,` + frontEndpoint + `},{"key":"sa","value":true,` + backEndpoint + `}]}`,
			"a/b< 2 back 100+0 net.peer.port=80 network.peer.address=127.0.0.1 service.peer.name=front zipkin.shared=true"},
		{"128 bits", `{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312","timestamp":1}`, "463ac35c9f6413ad48485a3953bb6124/a2fb4a1d1a96d312< 0  1+0"},
		{"its own parent", `{"traceId":"a","id":"b","parentId":"b","timestamp":1}`, "a/b< 0  1+0"},
	} {
		s := &store{}
		if code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v1/spans", []byte("["+c.span+", null]")); code != http.StatusAccepted {
			t.Fatalf("%s: %d %s", c.name, code, text)
		}
		if got := zipkinLines(s.spans[testTenant]); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// Values of Thrift become texts, with their signs.
func TestZipkinThriftValues(t *testing.T) {
	for want, c := range map[string]struct {
		kind  zipkincore.AnnotationType
		value []byte
	}{
		"text": {zipkincore.AnnotationType_STRING, []byte("text")}, "true": {zipkincore.AnnotationType_BOOL, []byte{1}}, "false": {zipkincore.AnnotationType_BOOL, []byte{0}},
		"-2": {zipkincore.AnnotationType_I16, []byte{0xff, 0xfe}}, "300": {zipkincore.AnnotationType_I32, []byte{0, 0, 1, 0x2c}},
		"-1": {zipkincore.AnnotationType_I64, bytes.Repeat([]byte{0xff}, 8)}, "0.5": {zipkincore.AnnotationType_DOUBLE, []byte{0x3f, 0xe0, 0, 0, 0, 0, 0, 0}},
		"AQI=": {zipkincore.AnnotationType_BYTES, []byte{1, 2}}, "AQ==": {zipkincore.AnnotationType_I32, []byte{1}},
	} {
		if got := binaryText(c.kind, c.value); got != want {
			t.Errorf("%v %x: %s, want %s", c.kind, c.value, got, want)
		}
	}
}

// Both sides of a call in one span of Thrift, with addresses.
func TestZipkinThriftSides(t *testing.T) {
	front := &zipkincore.Endpoint{ServiceName: "front", Ipv4: 0x7f000001, Port: -1}
	back := &zipkincore.Endpoint{ServiceName: "back", Ipv6: bytes.Repeat([]byte{0xfe}, 16)}
	body, err := zipkinthrift.SerializeThrift(t.Context(), []*zipkincore.Span{{
		TraceID: 10, TraceIDHigh: ref(int64(1)), ID: -1,
		Annotations: []*zipkincore.Annotation{{Timestamp: 100, Value: "cs", Host: front}, {Timestamp: 150, Value: "cr", Host: front}, {Timestamp: 120, Value: "sr", Host: back}},
		BinaryAnnotations: []*zipkincore.BinaryAnnotation{
			{Key: "sa", Value: []byte{1}, AnnotationType: zipkincore.AnnotationType_BOOL, Host: back},
			{Key: "http.status_code", Value: []byte{1, 0xf4}, AnnotationType: zipkincore.AnnotationType_I16, Host: back}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := &store{}
	if code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v1/spans", body, "Content-Type", thriftType); code != http.StatusAccepted {
		t.Fatalf("%d %s", code, text)
	}
	const want = "1000000000000000a/ffffffffffffffff< 2 back 120+0 http.status_code=500 network.local.address=fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe zipkin.shared=true\n" +
		"1000000000000000a/ffffffffffffffff< 3 front 100+50 net.host.port=65535 network.local.address=127.0.0.1 network.peer.address=fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe service.peer.name=back"
	if got := zipkinLines(s.spans[testTenant]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A tag keeps its name.
func TestZipkinKeepsHTTPStatus(t *testing.T) {
	s := &store{}
	body := `[{"traceId":"1","id":"1","localEndpoint":{"serviceName":"s"},"tags":{"http.status_code":"503","http.response.status_code":"504"}}]`
	if code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v2/spans", []byte(body)); code != http.StatusAccepted {
		t.Fatalf("%d %s", code, text)
	}
	if got := fmt.Sprint(attributeText(s.spans[testTenant][0].Attrs)); !strings.HasPrefix(got, "[http.response.status_code=504 http.status_code=503") {
		t.Errorf("attributes %s", got)
	}
}

// Annotations are texts, also those that have bars; those of OpenTelemetry's exporter are events.
func TestZipkinBars(t *testing.T) {
	s := &store{}
	body := `[{"traceId":"1","id":"1","localEndpoint":{"serviceName":"s"},"annotations":[{"timestamp":1,"value":"a|b|c"},{"timestamp":2,"value":"x|{\"k\":1}|0"},
		{"timestamp":3,"value":"a|b"},{"timestamp":4,"value":"||"},{"timestamp":5,"value":"y|{}|-1"}]}]`
	if code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v2/spans", []byte(body)); code != http.StatusAccepted {
		t.Fatalf("%d %s", code, text)
	}
	var got []string
	for _, e := range s.spans[testTenant][0].Events {
		got = append(got, e.Name+fmt.Sprint(attributeText(e.Attrs)))
	}
	if want := []string{"a|b|c[]", "x[k=1]", "a|b[]", "||[]", "y|{}|-1[]"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// Bodies may be compressed; what names no type that there is, is JSON.
func TestZipkinBodies(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte(zipkinV2Text))
	w.Close()
	for _, c := range []struct {
		name   string
		body   []byte
		code   int
		header []string
	}{
		{"gzip", zipped.Bytes(), 202, []string{"Content-Encoding", "gzip"}},
		{"no gzip", []byte(zipkinV2Text), 400, []string{"Content-Encoding", "gzip"}},
		{"unknown encoding", []byte(zipkinV2Text), 415, []string{"Content-Encoding", "br"}},
		{"text", []byte(zipkinV2Text), 202, []string{"Content-Type", "text/plain; charset=utf-8"}},
		{"protobuf by its other name", encodeZipkin(t, zipkinV2Text), 202, []string{"Content-Type", zipkin_proto3.SpanSerializer{}.ContentType()}},
		{"none", nil, 202, nil},
		{"no spans", []byte("[]"), 202, nil},
	} {
		if code, text := postTo(t, newTestReceiver(t, &store{}, nil).Zipkin(), "/api/v2/spans", c.body, c.header...); code != c.code {
			t.Errorf("%s: %d %s, want %d", c.name, code, text, c.code)
		}
	}
}
