package ingest

import (
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

func post(t *testing.T, url, contentType string, body []byte) *http.Response {
	t.Helper()
	return do(t, http.MethodPost, url+tracesPath, body, "Content-Type", contentType)
}

// do sends a request with headers given as names and values, and reads the body of the answer.
func do(t *testing.T, method, url string, body []byte, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return &http.Response{}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	return res
}

// decodeBody reads the message that an answer holds by its content type.
func decodeBody(t *testing.T, res *http.Response, msg proto.Message) {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	unmarshal := proto.Unmarshal
	if res.Header.Get("Content-Type") == mediaJSON {
		unmarshal = protojson.Unmarshal
	}
	if err := unmarshal(body, msg); err != nil {
		t.Fatalf("%s answer %q: %v", res.Header.Get("Content-Type"), body, err)
	}
}

func compressWith(t testing.TB, newWriter func(io.Writer) io.WriteCloser, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := newWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zstdWriter(w io.Writer) io.WriteCloser {
	z, _ := zstd.NewWriter(w)
	return z
}

func flateWriter(w io.Writer) io.WriteCloser {
	f, _ := flate.NewWriter(w, flate.DefaultCompression)
	return f
}

var compressions = []struct {
	name, header string
	compress     func(t testing.TB, data []byte) []byte
}{
	{"none", "", func(_ testing.TB, data []byte) []byte { return data }},
	{"identity", "identity", func(_ testing.TB, data []byte) []byte { return data }},
	{"gzip", "gzip", func(t testing.TB, data []byte) []byte {
		return compressWith(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, data)
	}},
	{"gzip in upper case", "GZIP", func(t testing.TB, data []byte) []byte {
		return compressWith(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, data)
	}},
	{"zstd", "zstd", func(t testing.TB, data []byte) []byte { return compressWith(t, zstdWriter, data) }},
	{"zlib", "deflate", func(t testing.TB, data []byte) []byte {
		return compressWith(t, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, data)
	}},
	{"deflate", "deflate", func(t testing.TB, data []byte) []byte { return compressWith(t, flateWriter, data) }},
	{"snappy block", "snappy", func(_ testing.TB, data []byte) []byte { return s2.EncodeSnappy(nil, data) }},
	{"snappy frames", "snappy", snappyFrames},
	{"snappy frames by their name", "x-snappy-framed", snappyFrames},
}

func snappyFrames(t testing.TB, data []byte) []byte {
	return compressWith(t, func(w io.Writer) io.WriteCloser { return s2.NewWriter(w, s2.WriterSnappyCompat()) }, data)
}

func TestHTTPTakesEveryEncoding(t *testing.T) {
	raw := bytes.Join(seeds(t), nil)
	want, _, err := rows(span.FormatOTLPProto, raw)
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string][]byte{
		"application/x-protobuf":          raw,
		"application/protobuf":            raw,
		"application/json":                toJSON(t, raw),
		"Application/JSON; charset=utf-8": toJSON(t, raw),
	}
	for contentType, body := range bodies {
		for _, c := range compressions {
			t.Run(contentType+"/"+c.name, func(t *testing.T) {
				s := &store{}
				url := serveTestHTTP(t, newTestReceiver(t, s, func(c *Config) { c.MaxRequestBytes = 0 }))
				headers := []string{"Content-Type", contentType}
				if c.header != "" {
					headers = append(headers, "Content-Encoding", c.header)
				}
				// Twice, for what comes from the pools.
				for range 2 {
					res := do(t, http.MethodPost, url+tracesPath, c.compress(t, body), headers...)
					media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
					if res.StatusCode != 200 || res.Header.Get("Content-Type") != media {
						t.Fatalf("%s of type %q", res.Status, res.Header.Get("Content-Type"))
					}
					var answer collectorpb.ExportTraceServiceResponse
					if decodeBody(t, res, &answer); answer.PartialSuccess != nil {
						t.Errorf("partial success %v", answer.PartialSuccess)
					}
				}
				if d := firstDifference(s.spans[testTenant], append(want[:len(want):len(want)], want...)); d != "" {
					t.Error(d)
				}
				if !bytes.Equal(s.raw[0], body) || !bytes.Equal(s.raw[1], body) {
					t.Error("Raw is not the request after decompression")
				}
			})
		}
	}
}

func TestHTTPRefusals(t *testing.T) {
	good := inSpan()
	again := func(after time.Duration, overloaded bool) error {
		return fmt.Errorf("sink: %w", &retryError{after, overloaded})
	}
	tests := []struct {
		name     string
		method   string // default POST
		path     string // default /v1/traces
		headers  []string
		body     []byte
		sinkErr  error
		code     int
		grpc     codes.Code
		media    string // of the answer; default protobuf
		message  string // part of it
		allow    string
		retry    string // Retry-After
		retryFor time.Duration
	}{
		{name: "method", method: "GET", code: 405, grpc: codes.InvalidArgument, message: "POST", allow: "POST"},
		{name: "method, JSON accepted", method: "PUT", headers: []string{"Accept", "application/json"}, code: 405, grpc: codes.InvalidArgument, media: mediaJSON, message: "POST", allow: "POST"},
		{name: "method, JSON sent", method: "DELETE", headers: []string{"Content-Type", "application/json"}, code: 405, grpc: codes.InvalidArgument, media: mediaJSON, message: "POST", allow: "POST"},
		{name: "path", path: "/v1/metrics", headers: []string{"Content-Type", mediaProto}, code: 404, grpc: codes.InvalidArgument, message: "/v1/traces"},
		{name: "no content type", body: good, code: 415, grpc: codes.InvalidArgument, message: `content type ""`},
		{name: "content type", headers: []string{"Content-Type", "text/plain"}, body: good, code: 415, grpc: codes.InvalidArgument, message: `content type "text/plain"`},
		{name: "content type, JSON accepted", headers: []string{"Content-Type", "text/plain", "Accept", "application/json"}, code: 415, grpc: codes.InvalidArgument, media: mediaJSON, message: "text/plain"},
		{name: "content encoding", headers: []string{"Content-Type", mediaProto, "Content-Encoding", "br"}, body: good, code: 415, grpc: codes.InvalidArgument, message: `content encoding "br"`},
		{name: "two content encodings", headers: []string{"Content-Type", mediaJSON, "Content-Encoding", "gzip, gzip"}, body: good, code: 415, grpc: codes.InvalidArgument, media: mediaJSON, message: `"gzip, gzip"`},
		{name: "malformed protobuf", headers: []string{"Content-Type", mediaProto}, body: sub(1, sub(2, []byte{1})), code: 400, grpc: codes.InvalidArgument, message: "malformed request: resource_spans[0].scope_spans[0]: "},
		{name: "malformed JSON", headers: []string{"Content-Type", mediaJSON}, body: []byte("{"), code: 400, grpc: codes.InvalidArgument, media: mediaJSON, message: "malformed request: byte 1: "},
		{name: "a path that is not UTF-8", headers: []string{"Content-Type", mediaJSON}, body: []byte("{\"" + strings.Repeat("é", 400) + "\xff\":{\"\xff\":}"), code: 400, grpc: codes.InvalidArgument, media: mediaJSON, message: "ééé"},
		{name: "JSON without a body", headers: []string{"Content-Type", mediaJSON}, code: 400, grpc: codes.InvalidArgument, media: mediaJSON, message: "unexpected end"},
		{name: "not gzip", headers: []string{"Content-Type", mediaProto, "Content-Encoding", "gzip"}, body: good, code: 400, grpc: codes.InvalidArgument, message: "cannot decompress the body as gzip"},
		{name: "gzip of nothing", headers: []string{"Content-Type", mediaProto, "Content-Encoding", "gzip"}, code: 400, grpc: codes.InvalidArgument, message: "cannot decompress the body as gzip"},
		{name: "not zstd", headers: []string{"Content-Type", mediaProto, "Content-Encoding", "zstd"}, body: good, code: 400, grpc: codes.InvalidArgument, message: "cannot decompress the body as zstd"},
		{name: "not deflate", headers: []string{"Content-Type", mediaProto, "Content-Encoding", "deflate"}, body: good, code: 400, grpc: codes.InvalidArgument, message: "cannot decompress the body as deflate"},
		{name: "not snappy", headers: []string{"Content-Type", mediaProto, "Content-Encoding", "snappy"}, body: bytes.Repeat([]byte{0xff}, 20), code: 400, grpc: codes.InvalidArgument, message: "cannot decompress the body as snappy"},
		{name: "cut gzip", headers: []string{"Content-Type", mediaProto, "Content-Encoding", "gzip"}, body: compressions[2].compress(t, good)[:20], code: 400, grpc: codes.InvalidArgument, message: "unexpected EOF"},
		{name: "tenant", headers: []string{"Content-Type", mediaProto, span.TenantHeader, "../other"}, body: good, code: 400, grpc: codes.InvalidArgument, message: "X-Scope-OrgID: tenant id"},
		{name: "two tenants", headers: []string{"Content-Type", mediaProto, span.TenantHeader, "a", span.TenantHeader, "b"}, body: good, code: 400, grpc: codes.InvalidArgument, message: "at most one"},
		{name: "too many items", headers: []string{"Content-Type", mediaProto}, body: bytes.Repeat(good, 101), code: 413, grpc: codes.ResourceExhausted, message: "request too large"},
		{name: "overload", headers: []string{"Content-Type", mediaProto}, body: good, sinkErr: again(1500*time.Millisecond, true), code: 429, grpc: codes.ResourceExhausted, message: "come again", retry: "2", retryFor: 1500 * time.Millisecond},
		{name: "overload, JSON", headers: []string{"Content-Type", mediaJSON}, body: []byte(jsonSpan("")), sinkErr: again(time.Minute, true), code: 429, grpc: codes.ResourceExhausted, media: mediaJSON, message: "come again", retry: "60", retryFor: time.Minute},
		{name: "unavailable", headers: []string{"Content-Type", mediaProto}, body: good, sinkErr: again(0, false), code: 503, grpc: codes.Unavailable, message: "come again", retry: "1", retryFor: time.Second},
		{name: "own fault", headers: []string{"Content-Type", mediaProto}, body: good, sinkErr: errors.New("secret"), code: 500, grpc: codes.Internal, message: "could not be taken in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &store{err: tt.sinkErr}
			url := serveTestHTTP(t, newTestReceiver(t, s, func(c *Config) { c.MaxRequestItems = 100 }))
			res := do(t, cmp.Or(tt.method, "POST"), url+cmp.Or(tt.path, tracesPath), tt.body, tt.headers...)
			if res.StatusCode != tt.code {
				t.Errorf("%s, want %d", res.Status, tt.code)
			}
			if got, want := res.Header.Get("Content-Type"), cmp.Or(tt.media, mediaProto); got != want {
				t.Errorf("answer of type %q, want %q", got, want)
			}
			if res.Header.Get("Allow") != tt.allow || res.Header.Get("Retry-After") != tt.retry {
				t.Errorf("Allow %q, Retry-After %q", res.Header.Get("Allow"), res.Header.Get("Retry-After"))
			}
			var status spb.Status
			decodeBody(t, res, &status)
			if codes.Code(status.Code) != tt.grpc || !strings.Contains(status.Message, tt.message) || strings.Contains(status.Message, "secret") {
				t.Errorf("status %v %q, want %v …%s…", codes.Code(status.Code), status.Message, tt.grpc, tt.message)
			}
			if got := retryInfo(t, &status); got != tt.retryFor {
				t.Errorf("retry info says %v, want %v", got, tt.retryFor)
			}
			if len(s.spans) > 0 {
				t.Errorf("spans were stored")
			}
		})
	}
}

// retryInfo returns the delay that a status asks for, or 0.
func retryInfo(t *testing.T, status *spb.Status) time.Duration {
	t.Helper()
	if len(status.Details) == 0 {
		return 0
	}
	var info errdetails.RetryInfo
	if err := status.Details[0].UnmarshalTo(&info); err != nil {
		t.Fatal(err)
	}
	return info.RetryDelay.AsDuration()
}

func TestHTTPTooLarge(t *testing.T) {
	const limit = 1 << 20
	exact := bytes.Repeat(sub(1, make([]byte, 0)), limit/2) // empty ResourceSpans
	tooMuch := append(bytes.Clone(exact), sub(1)...)
	for _, c := range compressions {
		t.Run(c.name, func(t *testing.T) {
			url := serveTestHTTP(t, newTestReceiver(t, &store{}, nil))
			for _, tt := range []struct {
				body []byte
				want int
			}{{exact, 200}, {tooMuch, 413}} {
				body := c.compress(t, tt.body)
				if len(body) > limit && tt.want == 200 { // the compression adds to it
					continue
				}
				headers := []string{"Content-Type", mediaProto, "Content-Encoding", c.header}
				if res := do(t, "POST", url+tracesPath, body, headers...); res.StatusCode != tt.want {
					t.Errorf("%d bytes: %s, want %d", len(tt.body), res.Status, tt.want)
				} else if tt.want == 413 {
					var status spb.Status
					if decodeBody(t, res, &status); !strings.Contains(status.Message, "more than 1048576 bytes") {
						t.Errorf("status %v", &status)
					}
				}
			}
		})
	}
	t.Run("of unknown length", func(t *testing.T) {
		url := serveTestHTTP(t, newTestReceiver(t, &store{}, nil))
		body := struct{ io.Reader }{bytes.NewReader(tooMuch)} // hides its length
		res, err := http.Post(url+tracesPath, mediaProto, body)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 413 {
			t.Error(res.Status)
		}
	})
}

// A small body that stands for a large one must not be unpacked beyond the limit.
func TestDecompressionBombs(t *testing.T) {
	const size = 32 << 20
	zeros := make([]byte, size)
	bombs := []struct {
		name, header string
		body         []byte
	}{
		{"gzip", "gzip", compressions[2].compress(t, zeros)},
		{"zstd", "zstd", compressWith(t, zstdWriter, zeros)},
		{"zstd that wants a window of 32 MiB", "zstd", compressWith(t, func(w io.Writer) io.WriteCloser {
			z, _ := zstd.NewWriter(w, zstd.WithWindowSize(size), zstd.WithEncoderConcurrency(1))
			return z
		}, zeros)},
		{"deflate", "deflate", compressWith(t, flateWriter, zeros)},
		{"snappy that says it is 4 GiB", "snappy", []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}},
		{"snappy frames", "snappy", snappyFrames(t, zeros[:16<<20])},
	}
	zeros = nil
	r := newTestReceiver(t, &store{}, nil)
	handler := r.HTTP()
	for _, bomb := range bombs {
		t.Run(bomb.name, func(t *testing.T) {
			if len(bomb.body) > 1<<20 {
				t.Fatalf("the bomb itself has %d bytes", len(bomb.body))
			}
			req := httptest.NewRequest("POST", tracesPath, bytes.NewReader(bomb.body))
			req.Header.Set("Content-Type", mediaProto)
			req.Header.Set("Content-Encoding", bomb.header)
			rec := httptest.NewRecorder()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			handler.ServeHTTP(rec, req)
			runtime.ReadMemStats(&after)
			if rec.Code != 413 {
				t.Errorf("code %d: %s", rec.Code, rec.Body)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 {
				t.Errorf("%d MiB were allocated for it", used>>20)
			}
		})
	}
}

func TestHTTPEmptyRequestSucceeds(t *testing.T) {
	s := &store{err: errors.New("must not be asked")}
	url := serveTestHTTP(t, newTestReceiver(t, s, nil))
	for contentType, body := range map[string]string{mediaProto: "", mediaJSON: "{}"} {
		res := post(t, url, contentType, []byte(body))
		var answer collectorpb.ExportTraceServiceResponse
		if decodeBody(t, res, &answer); res.StatusCode != 200 || answer.PartialSuccess != nil {
			t.Errorf("%s: %s %v", contentType, res.Status, &answer)
		}
		if got, _ := io.ReadAll(post(t, url, contentType, []byte(body)).Body); string(got) != body {
			t.Errorf("%s: answer %q, want %q", contentType, got, body)
		}
	}
}

func TestHTTPPartialSuccess(t *testing.T) {
	raw := append(inSpan(), sub(1, sub(2, sub(2, sub(1, make([]byte, 16)), sub(2, spanA[:]))))...)
	text := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s"},{"traceId":"%032d","spanId":"%s"}]}]}]}`, traceA, spanA, 0, spanA)
	want := &collectorpb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "1 span rejected: 1 with an all-zero trace id"}
	for contentType, body := range map[string][]byte{mediaProto: raw, mediaJSON: []byte(text)} {
		s := &store{}
		res := post(t, serveTestHTTP(t, newTestReceiver(t, s, nil)), contentType, body)
		var answer collectorpb.ExportTraceServiceResponse
		if decodeBody(t, res, &answer); res.StatusCode != 200 || !proto.Equal(answer.PartialSuccess, want) {
			t.Errorf("%s: %s %v", contentType, res.Status, &answer)
		}
		if n := len(s.spans[testTenant]); n != 1 {
			t.Errorf("%s: %d spans were stored, want 1", contentType, n)
		}
	}
}

func TestHTTPTenant(t *testing.T) {
	s := &store{}
	url := serveTestHTTP(t, newTestReceiver(t, s, nil))
	for _, tenant := range []string{"", "blue", "green"} {
		do(t, "POST", url+tracesPath, inSpan(), "Content-Type", mediaProto, span.TenantHeader, tenant)
	}
	row := one(t, inSpan())
	want := map[string][]span.Span{testTenant: {row}, "blue": {row}, "green": {row}}
	if !reflect.DeepEqual(s.spans, want) {
		t.Errorf("stored %v", s.spans)
	}
}

func TestCORS(t *testing.T) {
	preflight := func(t *testing.T, url, origin string) *http.Response {
		return do(t, "OPTIONS", url+tracesPath, nil, "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-scope-orgid")
	}
	t.Run("allowed", func(t *testing.T) {
		url := serveTestHTTP(t, newTestReceiver(t, &store{}, func(c *Config) { c.AllowedOrigins = []string{"https://*.example.com"} }))
		res := preflight(t, url, "https://shop.example.com")
		if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "https://shop.example.com" ||
			res.Header.Get("Access-Control-Allow-Methods") != "POST" || res.Header.Get("Access-Control-Allow-Credentials") != "true" ||
			!strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "content-type") {
			t.Errorf("%s %v", res.Status, res.Header)
		}
		res = do(t, "POST", url+tracesPath, inSpan(), "Content-Type", mediaProto, "Origin", "https://shop.example.com")
		if res.StatusCode != 200 || res.Header.Get("Access-Control-Allow-Origin") != "https://shop.example.com" {
			t.Errorf("%s %v", res.Status, res.Header)
		}
		if got := preflight(t, url, "https://example.org").Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("another origin is allowed as %q", got)
		}
	})
	for _, test := range []struct {
		allowed     []string
		credentials string
	}{
		{[]string{"https://a.example.com"}, "true"},
		{[]string{"https://a.example.com", "https://*.example.com"}, "true"},
		{[]string{"*"}, ""},
		{[]string{"https://a.example.com", "*"}, ""},
		{[]string{"https://*"}, ""},
		{[]string{"http*"}, ""},
		{[]string{"https://a.*"}, ""},
		{[]string{"*.example.com"}, ""},
	} {
		t.Run("credentials from "+strings.Join(test.allowed, ","), func(t *testing.T) {
			res := preflight(t, serveTestHTTP(t, newTestReceiver(t, &store{}, func(c *Config) { c.AllowedOrigins = test.allowed })), "https://a.example.com")
			if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") == "" {
				t.Errorf("%s %v", res.Status, res.Header)
			}
			if got := res.Header.Get("Access-Control-Allow-Credentials"); got != test.credentials {
				t.Errorf("credentials allowed: %q", got)
			}
		})
	}
	t.Run("off by default", func(t *testing.T) {
		res := preflight(t, serveTestHTTP(t, newTestReceiver(t, &store{}, nil)), "https://shop.example.com")
		if res.StatusCode != 405 || res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %v", res.Status, res.Header)
		}
	})
}

func TestHTTPRecorded(t *testing.T) {
	s := &store{}
	url := serveTestHTTP(t, newTestReceiver(t, s, nil))
	var want []span.Span
	for i, raw := range recorded(t) {
		contentType, body := mediaProto, raw
		if i%2 == 1 {
			contentType, body = mediaJSON, toJSON(t, raw)
		}
		if res := post(t, url, contentType, body); res.StatusCode != 200 {
			t.Fatalf("request %d: %s", i, res.Status)
		}
		list, _, err := rows(span.FormatOTLPProto, raw)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, list...)
	}
	if d := firstDifference(s.spans[testTenant], want); d != "" {
		t.Error(d)
	}
}
