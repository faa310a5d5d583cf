package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// testData is what most tests send: 293 traces, of the last of which the first of 3 spans.
var testData = dataset{Seed: 5, Spans: 1310, SpansPerSecond: 1e6}

const testTraces = 293

func testGenerator(t *testing.T) *recording.Generator {
	t.Helper()
	g, err := testData.generator(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func testLoad(target string) loadConfig {
	return loadConfig{target: target, compression: "none", connections: 2, inFlight: 3, perRequest: 100, retryFor: time.Minute}
}

func TestLoad(t *testing.T) {
	for _, test := range []struct {
		http        bool
		compression string
	}{{false, "none"}, {false, "gzip"}, {true, "none"}, {true, "gzip"}, {true, "zstd"}} {
		f := newFake()
		grpcAddr, url := startFake(t, f)
		cfg := testLoad(grpcAddr)
		if test.http {
			cfg.target = url
		}
		cfg.compression = test.compression
		r, err := load(t.Context(), cfg, testGenerator(t), testData.Spans)
		if err != nil {
			t.Fatalf("%+v: %v", test, err)
		}
		spans, traces := f.numSpans()
		if spans != int(testData.Spans) || traces != testTraces {
			t.Errorf("%+v: %d spans of %d traces have arrived", test, spans, traces)
		}
		if r.Spans != testData.Spans || r.Requests != 14 || r.Acks.Count != 14 || r.Bytes < 400*r.Spans || len(r.Retries) > 0 {
			t.Errorf("%+v: told %+v", test, r)
		}
	}
}

// TestLoadTimes checks that the data's time ends when it should and goes back as far as it should.
func TestLoadTimes(t *testing.T) {
	f := newFake()
	addr, _ := startFake(t, f)
	end := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	d := dataset{Seed: 1, Spans: 7000, SpansPerSecond: 100} // 70 s
	g, err := d.generator(end)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t.Context(), testLoad(addr), g, d.Spans); err != nil {
		t.Fatal(err)
	}
	first, last := ^uint64(0), uint64(0)
	for _, spans := range f.traces {
		for _, s := range spans {
			first, last = min(first, s.StartTimeUnixNano), max(last, s.EndTimeUnixNano)
		}
	}
	from, to := end.Sub(time.Unix(0, int64(first))), end.Sub(time.Unix(0, int64(last)))
	if from < 68*time.Second || from > 110*time.Second || to < 0 || to > 2*time.Second {
		t.Errorf("data lies between %v and %v before its end", from, to)
	}
}

func TestLoadRetries(t *testing.T) {
	busy, err := status.New(codes.ResourceExhausted, "busy").
		WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	f.refuse = func(n int) refusal {
		switch n {
		case 0, 5:
			return refusal{busy.Err(), http.StatusTooManyRequests, "0"}
		case 2:
			return refusal{status.Error(codes.Unavailable, "disk full"), http.StatusServiceUnavailable, ""}
		}
		return refusal{}
	}
	f.rejected = 2
	for _, test := range []struct {
		http              bool
		busy, unavailable string
	}{{false, "ResourceExhausted", "Unavailable"}, {true, "429", "503"}} {
		f.requests = 0
		f.traces = map[span.TraceID][]*trace.Span{}
		grpcAddr, url := startFake(t, f)
		cfg := testLoad(grpcAddr)
		if test.http {
			cfg.target = url
		}
		r, err := load(t.Context(), cfg, testGenerator(t), testData.Spans)
		if err != nil {
			t.Fatal(err)
		}
		if spans, _ := f.numSpans(); spans != int(testData.Spans) {
			t.Errorf("%d spans have arrived", spans)
		}
		if len(r.Retries) != 2 || r.Retries[test.busy] != 2 || r.Retries[test.unavailable] != 1 {
			t.Errorf("retries %v", r.Retries)
		}
		if r.Rejected != 2*14 {
			t.Errorf("rejected %d spans, want 28", r.Rejected)
		}
	}
}

func TestRetryHint(t *testing.T) {
	s, err := status.New(codes.ResourceExhausted, "busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	f.refuse = func(int) refusal { return refusal{s.Err(), http.StatusTooManyRequests, "7"} }
	grpcAddr, url := startFake(t, f)
	for _, target := range []string{grpcAddr, url} {
		e, err := newExporter(target, "none", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer e.close()
		_, err = e.export(t.Context(), 0, nil)
		var retry *retryError
		if !errors.As(err, &retry) || retry.after != 7*time.Second {
			t.Errorf("%s: error %#v, want one to retry after 7 s", target, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-3": 0, "soon": 0,
		"Sun, 01 Nov 2026 12:00:09 GMT": 9 * time.Second,
		"Sun, 01 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("Retry-After %q is %v, want %v", value, got, want)
		}
	}
}

func TestLoadFails(t *testing.T) {
	tests := []struct {
		name     string
		http     bool
		refuse   refusal
		retryFor time.Duration
		want     string
	}{
		{"invalid", false, refusal{grpc: status.Error(codes.InvalidArgument, "no")}, time.Minute, "spans 0 to 99"},
		{"bad request", true, refusal{http: http.StatusBadRequest}, time.Minute, "400 Bad Request"},
		{"gives up", false, refusal{grpc: status.Error(codes.Unavailable, "down")}, 0, "gave up after"},
	}
	for _, test := range tests {
		f := newFake()
		f.refuse = func(int) refusal { return test.refuse }
		grpcAddr, url := startFake(t, f)
		cfg := testLoad(grpcAddr)
		if test.http {
			cfg.target = url
		}
		cfg.inFlight, cfg.retryFor = 1, test.retryFor
		r, err := load(t.Context(), cfg, testGenerator(t), testData.Spans)
		contains(t, err, test.want)
		if r.Spans != 0 {
			t.Errorf("%s: told that %d spans were sent", test.name, r.Spans)
		}
	}
	for target, compression := range map[string]string{"127.0.0.1:1": "zstd", "http://127.0.0.1:1": "lz4"} {
		cfg := testLoad(target)
		cfg.compression = compression
		_, err := load(t.Context(), cfg, testGenerator(t), 1)
		contains(t, err, compression)
	}
}

// TestLoadRate checks that no request is sent before its time.
func TestLoadRate(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.refuse = func(int) refusal {
		time.AfterFunc(time.Millisecond, cancel) // once the first request is answered; the next is due in an hour
		return refusal{}
	}
	addr, _ := startFake(t, f)
	cfg := testLoad(addr)
	cfg.rate = float64(cfg.perRequest) / 3600
	_, err := load(ctx, cfg, testGenerator(t), testData.Spans)
	if !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "canceled") {
		t.Errorf("error %v, want that of the context", err)
	}
	if f.requests != 1 {
		t.Errorf("%d requests were sent, want 1", f.requests)
	}
}
