package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/span"
)

// simulatedSpans are traces of two services, every tenth of which failed and every hundredth of which is slow.
func simulatedSpans() (spans []span.Span) {
	at := uint64(queryAt.Add(-3 * time.Hour).UnixNano())
	for i := range 400 {
		id := span.TraceID{0: 1, 9: byte(i * 37), 10: byte(i >> 3), 15: byte(i)}
		start := at + uint64(i)*10e9
		took := uint64(5e6)
		if i%100 == 0 {
			took = 3e9
		}
		of := func(service string) span.SpanResource {
			return span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}}
		}
		root := span.Span{TraceID: id, SpanID: span.SpanID{7: 1}, Name: "GET /cart", Kind: 2, Start: start, End: start + took, Resource: of("shop")}
		if i%10 == 0 {
			root.Status = 2
		}
		spans = append(spans, root)
		if i%2 == 0 {
			spans = append(spans, span.Span{TraceID: id, SpanID: span.SpanID{7: 2}, Parent: root.SpanID, Name: "read\x1b[2J", Kind: 2, Start: start, End: start + took/2, Resource: of("cart")})
		}
	}
	return spans
}

func writePolicies(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSimulateGolden(t *testing.T) {
	c := serveSpans(t, "single-tenant", simulatedSpans()...)
	const errorsAndSlow = "- {name: errors, type: error}\n- {name: slow, type: latency, latency: {threshold_ms: 2000}}\n"
	for name, test := range map[string]struct{ policies, notes string }{
		"simulate.txt":        {errorsAndSlow + "- {name: the rest, type: probabilistic, probabilistic: {sampling_percentage: 20, hash_salt: x}}", "line 3: policy \"the rest\": probabilistic.hash_salt is ignored"},
		"simulate_unseen.txt": {errorsAndSlow, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var text, notes bytes.Buffer
			o := simulateOptions{client: c, times: times{since: "24h"}, policies: writePolicies(t, test.policies)}
			if err := o.run(t.Context(), queryAt, screen{Writer: &text, zone: time.UTC, width: fallbackWidth}, screen{Writer: &notes}); err != nil || !strings.Contains(notes.String(), test.notes) {
				t.Errorf("%v, notes %q", err, &notes)
			}
			golden(t, name, text.String())
		})
	}
	var text, notes bytes.Buffer
	o := simulateOptions{client: c, times: times{since: "24h"}, policies: writePolicies(t, "policies:\n- {name: errors, type: eror}")}
	if err := o.run(t.Context(), queryAt, screen{Writer: &text}, screen{Writer: &notes}); err == nil || !strings.Contains(err.Error(), `line 2: policy "errors": there is no type "eror"`) {
		t.Errorf("a file with an error: %v", err)
	}
	o = simulateOptions{client: c, times: times{since: "1m"}, policies: writePolicies(t, "- {name: errors, type: error}")}
	if err := o.run(t.Context(), queryAt, screen{Writer: &text}, screen{Writer: &notes}); err != nil || !strings.HasSuffix(notes.String(), "no traces found in 1m; --since looks further back\n") {
		t.Errorf("%v, notes %q", err, &notes)
	}
}

// TestSimulateHolds: what a simulation says of policies that leave nothing to chance or to limits is what becomes of the traces.
func TestSimulateHolds(t *testing.T) {
	tt := &tailTest{t: t, dir: t.TempDir(), policies: writePolicies(t, "policies:\n- {name: errors, type: error}\n- {name: third, type: probabilistic, probabilistic: {sampling_percentage: 33}}\n")}
	tt.start("--tail-sampling.window=1h")
	const traces = 40
	ids := make([]string, traces)
	for i := range ids {
		ids[i] = fmt.Sprintf("%016x%016x", i, uint64(i+1)*0x9e3779b97f4a7c15)
		tt.send(ids[i], 1, i%8/7*2)
	}
	out, err := clew("sampling", "simulate", "--server", tt.addrs["http"], "--policies", tt.policies, "--json")
	if err != nil {
		t.Fatal(out, err)
	}
	text, err := os.ReadFile(tt.policies)
	if err != nil {
		t.Fatal(err)
	}
	code, body := post(t, tt.url("http", "/api/clew/v1/sampling/simulate"), "application/yaml", "", text)
	if body, err = strconv.Unquote(body); err != nil {
		t.Fatal(err)
	}
	var said, byAPI sample.Simulation
	if err := errors.Join(json.Unmarshal([]byte(out), &said), json.Unmarshal([]byte(body), &byAPI)); err != nil || code != 200 {
		t.Fatalf("%v: %s, %d %s", err, out, code, body)
	}
	if said.Stored != byAPI.Stored || said.Kept != byAPI.Kept || said.Stored.Traces != traces || len(said.Policies) != 2 || said.Policies[0].Kept.Traces != 5 {
		t.Fatalf("%s, and by API %s", out, body)
	}
	if out, err := clew("sampling", "simulate", "--server", tt.addrs["http"], "--policies", tt.policies); err != nil || !strings.Contains(out, "(all that stays)") || !strings.Contains(out, "shop buy") {
		t.Errorf("%s %v", out, err)
	}
	if err := tt.stop(); err != nil {
		t.Fatal(err)
	}

	tt.start("--tail-sampling.window=100ms")
	for _, p := range said.Policies {
		tt.await("/api/clew/v1/sampling", fmt.Sprintf(`{"policy":%q,"kept":%d,"dropped":%d}`, p.Policy, p.Kept.Traces, p.Decided.Traces-p.Kept.Traces))
	}
	tt.await("/metrics", fmt.Sprintf("\nclew_tail_spans_total{decision=\"dropped\"} %d\n", traces-said.Kept.Traces)) // which comes after what is decided
	left := uint64(0)
	for _, id := range ids {
		if code, _ := get(t, tt.url("http", "/api/clew/v1/traces/"+id)); code == 200 {
			left++
		}
	}
	if left != said.Kept.Traces || left < 6 || left > traces/2 {
		t.Errorf("%d traces are left, %d were said to stay", left, said.Kept.Traces)
	}
}
