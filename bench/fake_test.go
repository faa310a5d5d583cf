package main

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/traceql"
)

// fake is a small tracing backend in memory, which can be told to fail.
type fake struct {
	tracecollector.UnimplementedTraceServiceServer

	// refuse, if set, tells whether request n (from 0) is refused.
	refuse func(n int) refusal
	// keep, if set, gets every request that was taken.
	keep     func(*tracecollector.ExportTraceServiceRequest)
	rejected int64 // told in every answer

	asked atomic.Int64 // queries in TraceQL; each costs a millisecond of CPU

	mu       sync.Mutex // guards what follows
	requests int
	traces   map[span.TraceID][]*trace.Span
}

// refusal is what is answered instead; the zero value refuses nothing.
type refusal struct {
	grpc       error
	http       int
	retryAfter string
}

func newFake() *fake { return &fake{traces: map[span.TraceID][]*trace.Span{}} }

// startFake serves f on loopback ports until the test ends.
func startFake(t *testing.T, f *fake) (grpcAddr, httpURL string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := f.grpcServer()
	go s.Serve(l)
	t.Cleanup(s.Stop)
	h := httptest.NewServer(f.handler())
	t.Cleanup(h.Close)
	return l.Addr().String(), h.URL
}

// grpcServer takes spans, and answers all other calls with a list of two.
func (f *fake) grpcServer() *grpc.Server {
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, call grpc.ServerStream) error {
		if err := call.RecvMsg(&emptypb.Empty{}); err != nil {
			return err
		}
		return call.SendMsg(&trace.TracesData{ResourceSpans: make([]*trace.ResourceSpans, 2)})
	}))
	tracecollector.RegisterTraceServiceServer(s, f)
	return s
}

func (f *fake) Export(_ context.Context, req *tracecollector.ExportTraceServiceRequest) (*tracecollector.ExportTraceServiceResponse, error) {
	if r := f.refused(); r.grpc != nil {
		return nil, r.grpc
	}
	return f.add(req), nil
}

// refused counts the request.
func (f *fake) refused() refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.requests
	f.requests++
	if f.refuse == nil {
		return refusal{}
	}
	return f.refuse(n)
}

func (f *fake) add(req *tracecollector.ExportTraceServiceRequest) *tracecollector.ExportTraceServiceResponse {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				id := span.TraceID(s.TraceId)
				f.traces[id] = append(f.traces[id], s)
			}
		}
	}
	if f.keep != nil {
		f.keep(req)
	}
	return &tracecollector.ExportTraceServiceResponse{
		PartialSuccess: &tracecollector.ExportTracePartialSuccess{RejectedSpans: f.rejected},
	}
}

// change lets a test damage what is stored.
func (f *fake) change(id span.TraceID, change func([]*trace.Span) []*trace.Span) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.traces[id] = change(f.traces[id])
}

func (f *fake) numSpans() (spans, traces int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.traces {
		spans += len(t)
	}
	return spans, len(f.traces)
}

func (f *fake) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", f.httpExport)
	mux.HandleFunc("GET /api/v2/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		var msg []byte
		if r.Header.Get("Accept") == "application/json" {
			io.WriteString(w, `{"trace":{"resourceSpans":[{}]}}`)
			return
		}
		if body := f.traceProto(r); body != nil {
			msg = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
		}
		w.Write(msg) // unknown: an empty trace
	})
	mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		body := f.traceProto(r)
		switch {
		case body == nil:
			http.Error(w, "trace not found", http.StatusNotFound)
		case r.Header.Get("Accept") == "application/protobuf":
			w.Write(body)
		default:
			f.jaegerTrace(w, r)
		}
	})
	mux.HandleFunc("GET /api/traces", f.jaegerSearch)
	mux.HandleFunc("GET /api/search", f.askedInTraceQL("traces"))
	mux.HandleFunc("GET /api/clew/v1/search", f.askedInTraceQL("traces"))
	mux.HandleFunc("GET /api/metrics/query_range", f.askedInTraceQL("series"))
	mux.HandleFunc("GET /api/", func(w http.ResponseWriter, r *http.Request) { // all that lists something
		if strings.HasSuffix(r.Header.Get("Accept"), "protobuf") {
			w.Write([]byte{0x0a, 0, 0x0a, 0})
			return
		}
		io.WriteString(w, `{"data":["a","b"]}`)
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "process_cpu_seconds_total %.3f\nprocess_resident_memory_bytes %d\n", 1.5+float64(f.asked.Load())/1e3, 64<<20)
	})
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (f *fake) httpExport(w http.ResponseWriter, r *http.Request) {
	if r := f.refused(); r.http != 0 {
		w.Header().Set("Retry-After", r.retryAfter)
		http.Error(w, "refused", r.http)
		return
	}
	var body io.Reader = r.Body
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		body, err = gzip.NewReader(body)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(body)
		defer d.Close()
		body = d
	}
	var raw []byte
	if err == nil {
		raw, err = io.ReadAll(body)
	}
	var req tracecollector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &req)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, _ := proto.Marshal(f.add(&req))
	w.Write(answer)
}

// traceProto returns the trace with the id of the path as TracesData, nil if there is none.
func (f *fake) traceProto(r *http.Request) []byte {
	id, _ := span.ParseTraceID(r.PathValue("id"))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.traces[id] == nil {
		return nil
	}
	body, _ := proto.Marshal(&trace.TracesData{ResourceSpans: []*trace.ResourceSpans{
		{ScopeSpans: []*trace.ScopeSpans{{Spans: f.traces[id]}}},
	}})
	return body
}

func (f *fake) jaegerTrace(w http.ResponseWriter, r *http.Request) {
	id, _ := span.ParseTraceID(r.PathValue("id"))
	f.mu.Lock()
	defer f.mu.Unlock()
	var spans []map[string]string
	for _, s := range f.traces[id] {
		spans = append(spans, map[string]string{"traceID": hex.EncodeToString(s.TraceId), "spanID": hex.EncodeToString(s.SpanId)})
	}
	json.NewEncoder(w).Encode(map[string]any{"data": []any{map[string]any{"traceID": id.String(), "spans": spans}}})
}

// jaegerSearch finds traces by tags, and by nothing else.
func (f *fake) jaegerSearch(w http.ResponseWriter, r *http.Request) {
	var tags map[string]string
	json.Unmarshal([]byte(r.FormValue("tags")), &tags)
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []any{}
	for id, spans := range f.traces {
		if matches(spans, tags) {
			found = append(found, map[string]string{"traceID": id.String()})
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"data": found})
}

// askedInTraceQL returns a handler that understands no query, but whether it is one, and finds two of the things.
func (f *fake) askedInTraceQL(things string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if _, err := traceql.ParseAny(r.FormValue("q")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{%q:[{},{}]}`, things)
	}
}

func matches(spans []*trace.Span, tags map[string]string) bool {
	for _, s := range spans {
		n := 0
		for _, kv := range s.Attributes {
			if want, ok := tags[kv.Key]; ok && want == kv.Value.GetStringValue() {
				n++
			}
		}
		if n == len(tags) {
			return true
		}
	}
	return false
}

// contains fails the test unless err is there and says want.
func contains(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one that says %q", err, want)
	}
}
