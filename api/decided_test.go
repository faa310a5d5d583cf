package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// TestMissingTraceSaysWhy: a trace that was sampled out, one that has expired and one that never came get three
// different answers, in every API.
func TestMissingTraceSaysWhy(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	decisions := map[byte]sample.Decision{
		1: {Policy: "normal", At: at, Threshold: span.ProbabilityThreshold(0.05, 14)},
		2: {Policy: "errors", At: at, Kept: true},
	}
	decided := func(tenant string, id span.TraceID) (sample.Decision, bool) {
		d, ok := decisions[id[15]]
		return d, ok && tenant == store.DefaultTenant
	}
	cfg := testConfig()
	cfg.Decided = decided
	reader := sample.WithReasons(&storetest.Model{}, 48*time.Hour, decided, 24*time.Hour+time.Minute)
	for last, want := range map[byte]string{
		1: `it was sampled out at 2026-03-04T05:06:07Z: policy "normal" keeps 5% of such traces`,
		2: `it was kept at 2026-03-04T05:06:07Z (policy "errors" keeps all such traces), and its retention of 2 days is over`,
		3: `none of its spans has arrived, or that was longer ago than the retention of 2 days, or it was sampled out more than 24h1m0s ago, which is forgotten`,
	} {
		id := fmt.Sprintf("%032x", last)
		for path, h := range map[string]http.Handler{
			"/api/clew/v1/traces/":            NewNative(cfg, reader),
			"/api/clew/v1/traces/%s/view":     NewNative(cfg, reader),
			"/api/traces/":                    NewJaeger(cfg, reader),
			"/api/v3/traces/":                 NewJaeger(cfg, reader),
			"/tempo/api/traces/":              http.StripPrefix("/tempo", NewTempo(cfg, reader)),
			"/tempo/api/v2/traces/":           http.StripPrefix("/tempo", NewTempo(cfg, reader)),
			"/zipkin/api/v2/trace/":           http.StripPrefix("/zipkin", NewZipkin(cfg, reader)),
			"/api/clew/v1/traces/%s/find?q=x": NewNative(cfg, reader),
		} {
			url := path + id
			if strings.Contains(path, "%s") {
				url = fmt.Sprintf(path, id)
			}
			res := get(t, h, url)
			code := http.StatusNotFound
			if strings.Contains(path, "v2/traces") { // where a trace that is not there is an empty one
				code = http.StatusOK
			}
			body := strings.ReplaceAll(res.Body.String(), `\"`, `"`)
			if res.Code != code || !strings.Contains(body, want) {
				t.Errorf("%s: %d %s, want %d and %q", url, res.Code, body, code, want)
			}
		}
	}
	var answer struct{ Error ErrorBody }
	res := get(t, NewNative(cfg, reader), "/api/clew/v1/traces/"+fmt.Sprintf("%032x", 1))
	if err := json.Unmarshal(res.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if out := answer.Error.SampledOut; out == nil || out.Policy != "normal" || !out.At.Equal(at) || out.Kept || out.KeepRate < 0.0499 || out.KeepRate > 0.0501 {
		t.Errorf("error %s", res.Body)
	}
}

// TestTraceTellsDecision: a trace in OTLP says in a header what was decided about it, or would have been.
func TestTraceTellsDecision(t *testing.T) {
	row := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}, Start: 1, End: 2}
	half := sample.Decision{Policy: "slow\n", At: recordedAt, Threshold: span.ProbabilityThreshold(0.5, 14)}
	at := recordedAt.UTC().Format(time.RFC3339)
	for want, kept := range map[string][2]bool{ // and whether it is a dry run
		"kept at " + at + `: policy "slow\n" keeps 50% of such traces`:                                              {true, false},
		"would have been kept at " + at + `: policy "slow\n" keeps 50% of such traces (a dry run: all stay)`:        {true, true},
		"would have been sampled out at " + at + `: policy "slow\n" keeps 50% of such traces (a dry run: all stay)`: {false, true},
	} {
		cfg := testConfig()
		cfg.Decided = func(string, span.TraceID) (sample.Decision, bool) {
			d := half
			d.Kept, d.DryRun = kept[0], kept[1]
			return d, true
		}
		res := get(t, NewNative(cfg, filled(t, row)), "/api/clew/v1/traces/"+row.TraceID.String())
		if got := res.Header().Get("Clew-Sampling"); res.Code != 200 || got != want {
			t.Errorf("%d %q, want %q", res.Code, got, want)
		}
	}
	res := get(t, NewNative(testConfig(), filled(t, row)), "/api/clew/v1/traces/"+row.TraceID.String())
	if got := res.Header().Values("Clew-Sampling"); res.Code != 200 || got != nil {
		t.Errorf("without tail sampling: %d %q", res.Code, got)
	}
}

// TestViewTellsDecision: a trace that stayed says by which policy.
func TestViewTellsDecision(t *testing.T) {
	cfg := testConfig()
	cfg.Decided = func(string, span.TraceID) (sample.Decision, bool) {
		return sample.Decision{Policy: "slow", At: recordedAt, Kept: true, Threshold: span.ProbabilityThreshold(0.5, 14)}, true
	}
	row := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}, Start: 1, End: 2}
	res := get(t, NewNative(cfg, filled(t, row)), "/api/clew/v1/traces/"+row.TraceID.String()+"/view")
	var head ViewHead
	if err := json.Unmarshal(res.Body.Bytes(), &head); err != nil {
		t.Fatal(err)
	}
	if s := head.Sampling; s == nil || s.Policy != "slow" || !s.Kept || s.KeepRate != 0.5 || s.Reason != `policy "slow" keeps 50% of such traces` {
		t.Errorf("sampling %+v", s)
	}
}
