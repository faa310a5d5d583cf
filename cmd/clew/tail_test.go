package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tailTest is a server that samples at the tail, started again with other settings over the same data.
type tailTest struct {
	*testServer
	t        *testing.T
	dir      string
	policies string
}

func (tt *tailTest) start(args ...string) {
	tt.t.Helper()
	tt.testServer = startServer(tt.t, append([]string{"--data-dir", tt.dir, "--tail-sampling.policies", tt.policies, "--span-metrics.enabled=on"}, args...)...)
}

// send sends a span of a trace, and a log record of it.
func (tt *tailTest) send(id string, spanID int, status int) {
	tt.t.Helper()
	now := time.Now().UnixNano()
	const resource = `"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}`
	span := fmt.Sprintf(`{"resourceSpans":[{%s,"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%016x","name":"buy","startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":%d}}]}]}]}`,
		resource, id, spanID, now, now+1e6, status)
	record := fmt.Sprintf(`{"resourceLogs":[{%s,"scopeLogs":[{"logRecords":[{"traceId":"%s","timeUnixNano":"%d","body":{"stringValue":"bought"}}]}]}]}`, resource, id, now)
	for path, body := range map[string]string{"/v1/traces": span, "/v1/logs": record} {
		if code, text := post(tt.t, tt.url("otlp-http", path), "application/json", "", []byte(body)); code != 200 {
			tt.t.Fatalf("%s: %d %s", path, code, text)
		}
	}
}

// await asks until the answer has a text, and returns it.
func (tt *tailTest) await(path, text string) []byte {
	tt.t.Helper()
	timeout := time.After(time.Minute)
	for {
		_, body := get(tt.t, tt.url("http", path))
		if strings.Contains(string(body), text) {
			return body
		}
		select {
		case <-timeout:
			tt.t.Fatalf("%s: %s does not come to say %q", path, body, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

const (
	failing = "0000000000000000000000000000f001"
	normal  = "0000000000000000000000000000f002"
	chosen  = "0000000000000000000000000000f003"
)

// TestTailSampling: all spans are there for the window; then those traces go that no policy keeps, with their log
// records, and it is told why; spans that come late follow; what was kept by hand stays.
func TestTailSampling(t *testing.T) {
	tt := &tailTest{t: t, dir: t.TempDir(), policies: filepath.Join(t.TempDir(), "policies.yaml")}
	policies := "policies:\n- {name: errors, type: error}\n- {name: few, type: probabilistic, probabilistic: {sampling_percentage: 0.0001}}\n"
	if err := os.WriteFile(tt.policies, []byte(policies), 0o600); err != nil {
		t.Fatal(err)
	}
	tt.start("--tail-sampling.window=1h")
	for id, status := range map[string]int{failing: 2, normal: 0, chosen: 1} {
		tt.send(id, 1, status)
	}
	for _, id := range []string{failing, normal, chosen} {
		if code, body := get(t, tt.url("http", "/api/clew/v1/traces/"+id)); code != 200 {
			t.Fatalf("within the window: %d %s", code, body)
		}
	}
	if _, metrics := get(t, tt.url("http", "/metrics/spans"), "Accept", "application/openmetrics-text"); strings.Contains(string(metrics), "# {traceID=") {
		t.Errorf("a trace that is undecided is an exemplar:\n%s", metrics)
	}
	out, err := clew("keep", "--server", tt.addrs["http"], "{ status = ok }")
	if want := "1 trace kept, 0 were to stay already\n"; err != nil || out != want {
		t.Fatalf("clew keep: %q %v, want %q", out, err, want)
	}
	if err := tt.stop(); err != nil {
		t.Fatal(err)
	}

	tt.start("--tail-sampling.window=100ms")
	body := tt.await("/api/clew/v1/traces/"+normal, `"sampledOut"`)
	var gone struct {
		Error struct {
			Code       int
			SampledOut struct {
				Policy string
				Kept   bool
			}
		}
	}
	if err := json.Unmarshal(body, &gone); err != nil || gone.Error.Code != 404 || gone.Error.SampledOut.Policy != "few" || gone.Error.SampledOut.Kept {
		t.Errorf("the trace that no policy keeps: %s, %v", body, err)
	}
	tt.await("/api/traces/"+normal, "it was sampled out at")
	tt.await("/api/clew/v1/traces/"+failing+"/view", `"policy":"errors"`)
	tt.await("/api/clew/v1/traces/"+chosen+"/view", `"policy":"keep: { status = ok }"`)
	tt.await("/api/clew/v1/sampling", `{"policy":"errors","kept":1,"dropped":0}`)

	tt.send(normal, 2, 2) // late, and it would be kept now
	tt.send(failing, 2, 0)
	tt.await("/api/clew/v1/traces/"+normal, `"sampledOut"`)
	for _, id := range []string{failing, chosen} {
		if code, body := get(t, tt.url("http", "/api/clew/v1/traces/"+id)); code != 200 {
			t.Errorf("a trace that is kept: %d %s", code, body)
		}
	}
	tt.await("/api/clew/v1/traces/"+normal+"/logs", `"sampledOut"`)
	tt.await("/metrics/spans", `traces_spanmetrics_calls_total`)
	if n := bytes.Count(tt.await("/api/clew/v1/traces/"+failing+"/logs", "bought"), []byte(`"text":"bought"`)); n != 2 {
		t.Errorf("%d log records of a trace that is kept, want 2", n)
	}
}

// TestTailDryRun: nothing goes, and each trace says what would have become of it.
func TestTailDryRun(t *testing.T) {
	tt := &tailTest{t: t, dir: t.TempDir(), policies: writePolicies(t, "- {name: errors, type: error}\n- {name: few, type: probabilistic, probabilistic: {sampling_percentage: 0.0001}}\n")}
	tt.start("--tail-sampling.window=100ms", "--tail-sampling.dry-run=on")
	for id, status := range map[string]int{failing: 2, normal: 0} {
		tt.send(id, 1, status)
	}
	for id, want := range map[string]string{
		failing: `would have been kept at \d{4}-\S+Z: policy "errors" keeps all such traces \(a dry run: all stay\)`,
		normal:  `would have been sampled out at \d{4}-\S+Z: policy "few" keeps 0.0001% of such traces \(a dry run: all stay\)`,
	} {
		tt.await("/api/clew/v1/traces/"+id+"/view", `"dryRun":true`)
		out, err := clew("trace", "--server", tt.addrs["http"], id)
		if err != nil || !regexp.MustCompile(`(?m)^sampling  `+want+"$").MatchString(out) {
			t.Errorf("%s %v, want %s", out, err, want)
		}
	}
}
