package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

var update = flag.Bool("update", false, "write testdata/*.json anew from what the code does")

// golden compares an answer with testdata/name; JSON is indented first.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".json") {
		var buf bytes.Buffer
		if err := json.Indent(&buf, got, "", "  "); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		got = buf.Bytes()
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", path, got)
	}
}

// filled returns a store with rows of the default tenant.
func filled(t *testing.T, rows ...span.Span) *storetest.Model {
	t.Helper()
	m := &storetest.Model{}
	write(t, m, store.DefaultTenant, rows...)
	return m
}

func write(t *testing.T, m *storetest.Model, tenant string, rows ...span.Span) {
	t.Helper()
	if err := m.Write(context.Background(), tenant, batchOf(rows...)); err != nil {
		t.Fatal(err)
	}
}

// recordedAt is some minutes after the recorded traces.
var recordedAt = time.Date(2025, 7, 11, 18, 0, 0, 0, time.UTC)

func testConfig() Config {
	return Config{
		Now: func() time.Time { return recordedAt },
		Log: slog.New(slog.DiscardHandler),
		// What is posted is not kept.
		LogLines: logLines(&storetest.Model{}),
	}
}

// get asks a handler; headers are pairs of name and value.
func get(t *testing.T, h http.Handler, url string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return serve(t, h, r)
}

// serve asks a handler, and holds the answer against the description of its API, if there is one.
func serve(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	checkDescribed(t, r, w)
	return w
}

// getOK is get for an answer that has to be a success.
func getOK(t *testing.T, h http.Handler, url string, headers ...string) []byte {
	t.Helper()
	w := get(t, h, url, headers...)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d: %s", url, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// faulty is a store with faults on top. A hook that is nil does nothing.
type faulty struct {
	store.Reader
	onTrace  func(ctx context.Context, id span.TraceID) error
	onChunks func(ctx context.Context) error
	fails    error // of all reads
	gaps     []string
}

func (f *faulty) Trace(ctx context.Context, tenant string, id span.TraceID, hint store.TimeRange) (*store.Trace, error) {
	if f.onTrace != nil {
		if err := f.onTrace(ctx, id); err != nil {
			return nil, err
		}
	}
	if f.fails != nil {
		return nil, f.fails
	}
	t, err := f.Reader.Trace(ctx, tenant, id, hint)
	if err == nil {
		t.Gaps = f.gaps
	}
	return t, err
}

func (f *faulty) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	if f.onChunks != nil {
		if err := f.onChunks(ctx); err != nil {
			return nil, err
		}
	}
	if f.fails != nil {
		return nil, f.fails
	}
	r, err := f.Reader.Scan(ctx, tenant, q, yield)
	if err == nil {
		r.Gaps = f.gaps
	}
	return r, err
}

func (f *faulty) Services(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[string], error) {
	list, err := f.Reader.Services(ctx, tenant, r)
	return withGaps(f, list, err)
}

func (f *faulty) Operations(ctx context.Context, tenant, service string, r store.TimeRange) (*store.Listing[store.Operation], error) {
	list, err := f.Reader.Operations(ctx, tenant, service, r)
	return withGaps(f, list, err)
}

func (f *faulty) AttributeKeys(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[store.AttributeKey], error) {
	list, err := f.Reader.AttributeKeys(ctx, tenant, r)
	return withGaps(f, list, err)
}

func (f *faulty) AttributeValues(ctx context.Context, tenant string, field store.Field, r store.TimeRange, limit int) (*store.Listing[store.ValueCount], error) {
	list, err := f.Reader.AttributeValues(ctx, tenant, field, r, limit)
	return withGaps(f, list, err)
}

func withGaps[T any](f *faulty, list *store.Listing[T], err error) (*store.Listing[T], error) {
	if f.fails != nil {
		return nil, f.fails
	}
	if err == nil {
		list.Gaps = f.gaps
	}
	return list, err
}

// faces are the APIs with a path of each that reads a trace.
var faces = []struct {
	name  string
	open  func(Config, store.Reader) http.Handler
	trace string
}{
	{"jaeger", NewJaeger, "/api/traces/"},
	{"tempo", NewTempo, "/api/traces/"},
	{"native", NewNative, "/api/clew/v1/traces/"},
	{"zipkin", NewZipkin, "/api/v2/trace/"},
}

func TestTimeout(t *testing.T) {
	cfg := testConfig()
	cfg.Timeout = time.Nanosecond
	slow := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	r := &faulty{
		Reader: filled(t), onChunks: slow,
		onTrace: func(ctx context.Context, _ span.TraceID) error { return slow(ctx) },
	}
	for _, f := range faces {
		w := get(t, f.open(cfg, r), f.trace+"1")
		if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "limit of 1ns") {
			t.Errorf("%s: status %d: %s", f.name, w.Code, w.Body)
		}
	}
	for _, url := range []string{"/api/traces", "/api/traces?traceID=1"} {
		if w := get(t, NewJaeger(cfg, r), url); w.Code != http.StatusGatewayTimeout {
			t.Errorf("%s: status %d: %s", url, w.Code, w.Body)
		}
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	r := &faulty{Reader: filled(t), onTrace: func(context.Context, span.TraceID) error { panic("boo") }}
	for _, f := range faces {
		log.Reset()
		w := get(t, f.open(cfg, r), f.trace+"1")
		if w.Code != 500 || strings.Contains(w.Body.String(), "boo") || !strings.Contains(log.String(), "boo") {
			t.Errorf("%s: status %d: %s; log %s", f.name, w.Code, w.Body, &log)
		}
	}
	w := get(t, NewJaeger(cfg, r), "/api/traces?traceID=1") // where traces are read in goroutines
	if w.Code != 500 || !strings.Contains(w.Body.String(), "panic while reading trace") {
		t.Errorf("search: status %d: %s", w.Code, w.Body)
	}
}

// TestBrokenAnswerIsCut checks that a client can tell half an answer: the
// connection ends without the end of the body.
func TestBrokenAnswerIsCut(t *testing.T) {
	rows := recorded(t)
	for i := range rows { // a value that cannot be written as JSON comes late
		rows[i].TraceID = span.TraceID{15: 1}
		rows[i].Message = strings.Repeat("long ", 50_000)
	}
	rows[len(rows)-1].Attrs = append(rows[len(rows)-1].Attrs, span.KeyValue{Key: "broken", Value: span.Value{Type: span.Map, Str: "\xff"}})
	rows[len(rows)-1].Start = 1 << 62
	for _, f := range faces {
		for _, encoding := range []string{"identity", "gzip"} {
			server := httptest.NewServer(f.open(testConfig(), filled(t, rows...)))
			req, err := http.NewRequest(http.MethodGet, server.URL+f.trace+"1", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept-Encoding", encoding)
			res, err := http.DefaultClient.Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			if err == nil {
				t.Errorf("%s, %s: the answer looks whole", f.name, encoding)
			}
			server.Close()
		}
	}
}

func TestCompression(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, recorded(t)...))
	plain := getOK(t, h, "/api/traces/"+traceWhole)
	w := get(t, h, "/api/traces/"+traceWhole, "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > len(plain)/2 {
		t.Fatalf("encoding %q, %d bytes of %d", w.Header().Get("Content-Encoding"), w.Body.Len(), len(plain))
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("unpacked to something else: %v", err)
	}
}

func TestPrefix(t *testing.T) {
	cfg := testConfig()
	cfg.Prefix = "/clew"
	for _, f := range faces {
		h := f.open(cfg, filled(t, recorded(t)...))
		getOK(t, h, "/clew"+f.trace+traceWhole)
		if w := get(t, h, f.trace+traceWhole); w.Code != 404 {
			t.Errorf("%s: status %d without the prefix", f.name, w.Code)
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	for _, f := range faces {
		h := f.open(testConfig(), filled(t, recorded(t)...))
		for method, code := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
			w := serve(t, h, httptest.NewRequest(method, f.trace+traceWhole, nil))
			if w.Code != code {
				t.Errorf("%s %s: status %d, want %d", f.name, method, w.Code, code)
			}
		}
		if w := get(t, h, "/api/nowhere"); w.Code != 404 {
			t.Errorf("%s: status %d for an unknown path", f.name, w.Code)
		}
	}
}

func TestTenants(t *testing.T) {
	rows := recorded(t)
	m := &storetest.Model{}
	write(t, m, "a", rows...)
	tests := []struct {
		header string
		code   int
	}{
		{"", 404}, {"a", 200}, {"b", 404}, {"a.b", 404}, {strings.Repeat("x", 150), 404}, {"!-_.*'()", 404}, {"...", 404},
		{".", 400}, {"..", 400}, {"a/b", 400}, {`a\b`, 400}, {"a b", 400}, {"ä", 400}, {"a\x00", 400}, {strings.Repeat("x", 151), 400},
	}
	for _, f := range faces {
		h := f.open(testConfig(), m)
		for _, test := range tests {
			w := get(t, h, f.trace+traceWhole, "X-Scope-OrgID", test.header)
			if w.Code != test.code {
				t.Errorf("%s, tenant %q: status %d, want %d: %s", f.name, test.header, w.Code, test.code, w.Body)
			}
			if w.Code == 400 && !strings.Contains(w.Body.String(), "X-Scope-OrgID") {
				t.Errorf("%s, tenant %q: the message does not name the header: %s", f.name, test.header, w.Body)
			}
		}
		if w := get(t, h, f.trace+traceWhole, "X-Scope-OrgID", "a", "X-Scope-OrgID", "b"); w.Code != 400 {
			t.Errorf("%s, two tenants: status %d", f.name, w.Code)
		}
	}
}
