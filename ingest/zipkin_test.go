package ingest

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"
	zipkinthrift "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinthriftconverter"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"

	"github.com/clewhq/clew/span"
)

// zipkinThrift is a span of Zipkin's first version.
func zipkinThrift() []*zipkincore.Span {
	shop := &zipkincore.Endpoint{ServiceName: "shop", Ipv4: 0x7f000001}
	return []*zipkincore.Span{{
		TraceID: 0x1e223ff1f80f1c69, ID: 1, ParentID: ref(int64(7)), Name: "buy",
		Timestamp: ref(int64(1470150004008761)), Duration: ref(int64(93577)),
		Annotations:       []*zipkincore.Annotation{{Timestamp: 1470150004008761, Value: "sr", Host: shop}},
		BinaryAnnotations: []*zipkincore.BinaryAnnotation{{Key: "http.path", Value: []byte("/buy"), AnnotationType: zipkincore.AnnotationType_STRING, Host: shop}},
	}}
}

const zipkinV1Text = `[{"traceId":"1e223ff1f80f1c69","id":"0000000000000001","parentId":"0000000000000007","name":"buy","timestamp":1470150004008761,"duration":93577,
	"annotations":[{"timestamp":1470150004008761,"value":"sr","endpoint":{"serviceName":"shop","ipv4":"127.0.0.1"}}],
	"binaryAnnotations":[{"key":"http.path","value":"/buy","endpoint":{"serviceName":"shop","ipv4":"127.0.0.1"}}]}]`

const zipkinV2Text = `[{"traceId":"1e223ff1f80f1c69","id":"1","parentId":"7","name":"buy","kind":"SERVER","timestamp":1470150004008761,"duration":93577,
	"localEndpoint":{"serviceName":"shop","ipv4":"127.0.0.1"},"tags":{"http.path":"/buy"}}]`

func encodeZipkin(t testing.TB, text string) []byte {
	t.Helper()
	var spans []*model.SpanModel
	if err := json.Unmarshal([]byte(text), &spans); err != nil {
		t.Fatal(err)
	}
	body, err := zipkin_proto3.SpanSerializer{}.Serialize(spans)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestZipkin(t *testing.T) {
	thrift, err := zipkinthrift.SerializeThrift(t.Context(), zipkinThrift())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, media string
		body              []byte
	}{
		{"version 1, JSON", "/api/v1/spans", "application/json", []byte(zipkinV1Text)},
		{"version 1, Thrift", "/api/v1/spans", thriftType, thrift},
		{"version 2, JSON", "/api/v2/spans", "application/json", []byte(zipkinV2Text)},
		{"version 2, no type, other path", "/", "", []byte(zipkinV2Text)},
		{"version 2, protobuf", "/api/v2/spans", "application/x-protobuf", encodeZipkin(t, zipkinV2Text)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &store{}
			if code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), c.path, c.body, "Content-Type", c.media); code != http.StatusAccepted || text != "" {
				t.Fatalf("%d %s", code, text)
			}
			got := s.spans[testTenant]
			if len(got) != 1 {
				t.Fatalf("%d spans", len(got))
			}
			if g := got[0]; g.TraceID.String() != "00000000000000001e223ff1f80f1c69" || g.SpanID != (span.SpanID{7: 1}) || g.Parent != (span.SpanID{7: 7}) ||
				g.Name != "buy" || g.Kind != 2 || g.Start != 1470150004008761000 || g.End != 1470150004102338000 {
				t.Errorf("got %+v", g)
			}
			if text := strings.Join(attributeText(got[0].Resource.Attrs), " "); !strings.Contains(text, "service.name=shop") {
				t.Errorf("resource: %s", text)
			}
			if text := strings.Join(attributeText(got[0].Attrs), " "); !strings.Contains(text, "http.path=/buy") {
				t.Errorf("attributes: %s", text)
			}
		})
	}
}

// Each recorded span arrives, also the two that share an id.
func TestZipkinRecorded(t *testing.T) {
	for _, file := range []string{"testdata/zipkin/messaging-kafka.json", "testdata/zipkin/skew.json", "../api/testdata/zipkin/yelp.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want []*model.SpanModel
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		s := &store{}
		if code, answer := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v2/spans", text); code != http.StatusAccepted {
			t.Fatalf("%s: %d %s", file, code, answer)
		}
		type key struct {
			id    uint64
			kind  int32
			start uint64
		}
		kinds := map[model.Kind]int32{model.Server: 2, model.Client: 3, model.Producer: 4, model.Consumer: 5}
		missing := map[key]int{}
		for _, w := range want {
			start := uint64(0)
			if !w.Timestamp.IsZero() {
				start = uint64(w.Timestamp.UnixNano())
			}
			missing[key{uint64(w.ID), kinds[w.Kind], start}]++
		}
		for _, g := range s.spans[testTenant] {
			missing[key{binary.BigEndian.Uint64(g.SpanID[:]), g.Kind, g.Start}]--
		}
		for k, n := range missing {
			if n != 0 {
				t.Errorf("%s: %d spans too few of %+v", file, n, k)
			}
		}
	}
}

// Exporters of OpenTelemetry write the status as a tag.
func TestZipkinStatus(t *testing.T) {
	for word, want := range map[string]int32{"OK": 1, "ERROR": 2, "Error": 2, "STATUS_CODE_OK": 1, "UNSET": 0} {
		s := &store{}
		body := `[{"traceId":"1","id":"1","name":"x","localEndpoint":{"serviceName":"s"},"tags":{"otel.status_code":"` + word + `"}}, null]`
		if code, text := postTo(t, newTestReceiver(t, s, nil).Zipkin(), "/api/v2/spans", []byte(body)); code != http.StatusAccepted {
			t.Fatalf("%d %s", code, text)
		}
		if got := s.spans[testTenant][0].Status; got != want {
			t.Errorf("%s: status %d, want %d", word, got, want)
		}
	}
}

func TestZipkinErrors(t *testing.T) {
	for _, c := range []struct{ name, path, media, body, text string }{
		{"not JSON", "/api/v2/spans", "application/json", "{", "malformed request: it is not a list of spans"},
		{"an object", "/api/v2/spans", "application/json", "{}", "malformed request: it is not a list of spans"},
		{"bad id", "/api/v2/spans", "application/json", `[{"traceId":"x","id":"1"}]`, "malformed request: "},
		{"bad protobuf", "/api/v2/spans", "application/x-protobuf", "hello", "malformed request: "},
		{"bad id, version 1", "/api/v1/spans", "application/json", `[{"traceId":"1","id":"x"}]`, "malformed request: span 1: id \"x\": "},
		{"bad parent, version 1", "/api/v1/spans", "application/json", `[null,{"traceId":"1","id":"1","parentId":"-"}]`, "malformed request: span 2: parentId \"-\": "},
		{"an object, version 1", "/api/v1/spans", "", "{}", "malformed request: it is not a list of spans"},
		{"no list of spans", "/api/v1/spans", thriftType, "\x08\x00\x00\x00\x01\x00\x00\x00\x01", "malformed request: it is a list of I32, not of spans"},
		{"empty spans", "/api/v1/spans", thriftType, "\x0c\x00\x08\x00\x00" + strings.Repeat("\x00", 1<<19), "malformed request: span 13"},
		{"bad Thrift", "/api/v1/spans", thriftType, "hello", "malformed request: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, text := postTo(t, newTestReceiver(t, &store{}, nil).Zipkin(), c.path, []byte(c.body), "Content-Type", c.media)
			if code != http.StatusBadRequest || !strings.HasPrefix(text, c.text) {
				t.Errorf("got %d %q, want 400 %q", code, text, c.text)
			}
		})
	}
}

func FuzzZipkin(f *testing.F) {
	f.Add([]byte(zipkinV2Text))
	f.Add([]byte(`[{"traceId":"1","id":"1","tags":{"otel.link.0":"||||"}}, null]`))
	fuzzTranslator(f, zipkinJSON)
}

func FuzzZipkinProto(f *testing.F) {
	f.Add(encodeZipkin(f, zipkinV2Text))
	fuzzTranslator(f, zipkinProto(false))
}

func FuzzZipkinV1(f *testing.F) {
	f.Add([]byte(zipkinV1Text))
	fuzzTranslator(f, zipkinV1JSON)
}

func FuzzZipkinThrift(f *testing.F) {
	body, err := zipkinthrift.SerializeThrift(f.Context(), zipkinThrift())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	fuzzTranslator(f, zipkinV1Thrift)
}
