package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// What the demo announces and counts is what the server has, with the current time.
func TestDemo(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	var out bytes.Buffer
	d := demo{program: "bin/clew", endpoint: s.addrs["otlp-grpc"], rate: 20_000, duration: 200 * time.Millisecond, out: &out}
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !regexp.MustCompile(`\nSent 4000 spans of \d+ traces\.\n$`).MatchString(text) {
		t.Errorf("printed:\n%s", text)
	}
	id, err := span.ParseTraceID(regexp.MustCompile(`bin/clew trace (\w+)`).FindStringSubmatch(text)[1])
	if err != nil {
		t.Fatal(err)
	}
	spans := 0
	for _, rs := range s.readTrace(t, id) {
		for _, ss := range rs.GetScopeSpans() {
			spans += len(ss.GetSpans())
		}
	}
	if spans < 10 {
		t.Errorf("the example has %d spans", spans)
	}
	code, body := get(t, s.url("http", "/api/traces?service=frontend&lookback=1m&limit=5"))
	var found struct{ Data []struct{} }
	if err := json.Unmarshal(body, &found); err != nil || code != http.StatusOK || len(found.Data) != 5 {
		t.Errorf("search: %d %.200s: %v", code, body, err)
	}
}

func TestDemoIsInterrupted(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	d := demo{program: "bin/clew", endpoint: s.addrs["otlp-grpc"], rate: 1, out: writerFunc(func(p []byte) {
		if strings.Contains(string(p), "clew trace") {
			cancel()
		}
	})}
	if err := d.run(ctx); err != nil {
		t.Error(err)
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestDemoErrors(t *testing.T) {
	for _, tc := range []struct {
		d    demo
		want string
	}{
		{demo{endpoint: "127.0.0.1:1", rate: 1}, "is `clew serve` running there?"},
		{demo{endpoint: "127.0.0.1:1", rate: -1}, "--rate is -1; expected a number above 0"},
	} {
		tc.d.out = t.Output()
		if err := tc.d.run(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}
