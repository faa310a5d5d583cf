package sample

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/traceql"
)

// tailTest is tail sampling of a store in memory, with a clock that stands.
type tailTest struct {
	*Tail
	memory *memory
	clock  time.Time
	file   string // of the policies
	cfg    DecisionsConfig
	log    strings.Builder
	reg    *prometheus.Registry
}

func newTailTest(t *testing.T, policies string, dryRun bool) *tailTest {
	t.Helper()
	tt := &tailTest{memory: &memory{}, clock: time.Now().Truncate(time.Second), file: filepath.Join(t.TempDir(), "policies.yaml")}
	tt.cfg = DecisionsConfig{Dir: t.TempDir(), Recent: time.Hour, MaxRecent: 1e6}
	tt.write(t, policies)
	tt.restart(t, dryRun)
	return tt
}

func (tt *tailTest) write(t *testing.T, policies string) {
	t.Helper()
	if err := os.WriteFile(tt.file, []byte(policies), 0o600); err != nil {
		t.Fatal(err)
	}
}

// restart begins anew with what is on disk.
func (tt *tailTest) restart(t *testing.T, dryRun bool) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(&tt.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	tt.reg = prometheus.NewRegistry()
	source := NewPolicySource(tt.file, http.DefaultClient, log)
	cfg := TailConfig{Window: 15 * time.Minute, DryRun: dryRun, Log: log, Registerer: tt.reg}
	tt.Tail = NewTail(cfg, tt.memory, source, openDecisions(t, tt.cfg, log))
	tt.now = func() time.Time { return tt.clock }
	if err := source.Reload(t.Context()); err != nil {
		tt.log.WriteString(err.Error())
	}
}

// pass lets time pass and decides what is due.
func (tt *tailTest) pass(t *testing.T, d time.Duration) {
	t.Helper()
	tt.clock = tt.clock.Add(d)
	tt.round(t.Context())
	if tt.problem != nil && tt.memory.broken == nil {
		t.Fatal(tt.problem)
	}
}

const halfFile = "- {name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}\n- {name: errors, type: error}"

func failedTrace(trace []span.Span) bool {
	return slices.ContainsFunc(trace, func(s span.Span) bool { return s.Status == 2 })
}

// checkHalf checks that of traces those are left that halfFile keeps, with their thresholds.
func checkHalf(t *testing.T, m *memory, all []span.Span) {
	t.Helper()
	stored := m.traces()
	for id, trace := range byTrace(all) {
		want := failedTrace(trace) || id[9] >= 0x80
		if got := len(stored[id]); want && got != len(trace) || !want && got > 0 {
			t.Fatalf("of %d spans of %s %d are there, kept should be %t", len(trace), id, got, want)
		}
		for _, s := range stored[id] {
			th, ok := span.StateThreshold(s.TraceState)
			if wantTh := span.Threshold(1 << 55); !failedTrace(trace) && (!ok || th != wantTh) {
				t.Fatalf("%s has the state %q", id, s.TraceState)
			}
		}
	}
}

func TestTail(t *testing.T) {
	tt := newTailTest(t, halfFile, false)
	spans := newTraces(rand.New(rand.NewPCG(1, 2))).some(200)
	tt.memory.add(tt.clock, spans...)
	tt.pass(t, 14*time.Minute)
	if n := len(tt.memory.arrived); n != len(spans) {
		t.Fatalf("%d of %d spans are there within the window", n, len(spans))
	}
	tt.pass(t, 2*time.Minute)
	checkHalf(t, tt.memory, spans)
	for id, trace := range byTrace(spans) {
		d, ok := tt.decisions.Of(testTenant, id)
		policy, kept := "half", id[9] >= 0x80
		if failedTrace(trace) {
			policy, kept = "errors", true
		}
		if !ok || d.Policy != policy || d.Kept != kept || !d.At.Equal(tt.clock) {
			t.Fatalf("%+v, want %s, %t", d, policy, kept)
		}
	}
	want := `
# HELP clew_tail_spans_total Spans that tail sampling decided about.
# TYPE clew_tail_spans_total counter
clew_tail_spans_total{decision="dropped"} %d
clew_tail_spans_total{decision="kept"} %d
`
	left := len(tt.memory.arrived)
	if err := testutil.GatherAndCompare(tt.reg, strings.NewReader(fmt.Sprintf(want, len(spans)-left, left)), "clew_tail_spans_total"); err != nil {
		t.Error(err)
	}
	tt.pass(t, time.Hour) // nothing is due any more
	if n := len(tt.memory.arrived); n != left {
		t.Errorf("%d spans are left, want %d", n, left)
	}
}

// Spans that come late share the fate of their trace, also after a restart, and also if they would be judged otherwise.
func TestLateSpans(t *testing.T) {
	tt := newTailTest(t, halfFile, false)
	var early, late []span.Span
	for _, trace := range byTrace(newTraces(rand.New(rand.NewPCG(3, 2))).some(200)) {
		if failedTrace(trace) {
			continue
		}
		early = append(early, trace[0])
		more := trace[0]
		more.SpanID, more.Status = span.SpanID{1}, 2 // an error, which by itself would stay
		late = append(late, more)
	}
	tt.memory.add(tt.clock, early...)
	tt.pass(t, 16*time.Minute)
	tt.memory.add(tt.clock, late[:len(late)/2]...)
	tt.pass(t, 16*time.Minute)
	tt.restart(t, false)
	tt.memory.add(tt.clock, late[len(late)/2:]...)
	tt.pass(t, 16*time.Minute)
	stored := tt.memory.traces()
	for _, s := range early {
		if want := s.TraceID[9] >= 0x80; len(stored[s.TraceID]) != 2 && want || len(stored[s.TraceID]) != 0 && !want {
			t.Fatalf("%d spans of %s", len(stored[s.TraceID]), s.TraceID)
		}
		for _, s := range stored[s.TraceID] {
			if th, _ := span.StateThreshold(s.TraceState); th != 1<<55 {
				t.Fatalf("a span has the state %q", s.TraceState)
			}
		}
	}
}

// If a slice is decided again, as the process ended before it was thinned, the same traces stay.
func TestCrashBeforeThin(t *testing.T) {
	policies := "- {name: few, type: traces_limiting, traces_limiting: {traces_per_second: 0.5}}"
	spans := newTraces(rand.New(rand.NewPCG(3, 4))).some(300)
	var want []span.TraceID
	for _, crashes := range []int{0, 1, 3} {
		tt := newTailTest(t, policies, false)
		tt.memory.add(tt.clock, spans...)
		tt.memory.broken = errors.New("power cut")
		tt.clock = tt.clock.Add(16 * time.Minute)
		for range crashes {
			tt.round(t.Context())
			if !strings.Contains(tt.log.String(), "power cut") {
				t.Fatal("the log does not tell")
			}
			tt.write(t, halfFile) // which changes nothing about what is decided
			tt.restart(t, false)
		}
		if n := len(tt.memory.arrived); n != len(spans) {
			t.Fatalf("%d of %d spans are there", n, len(spans))
		}
		tt.memory.broken = nil
		tt.pass(t, 0)
		got := sortedIDs(tt.memory.traces())
		if crashes == 0 {
			want = got
		}
		if !slices.Equal(got, want) || len(got) != 45 {
			t.Errorf("after %d crashes %d traces stay, want the %d without", crashes, len(got), len(want))
		}
	}
}

// What could not be read stays, and the log says so.
func TestGaps(t *testing.T) {
	tt := newTailTest(t, "- {name: none, type: error}", false)
	spans := newTraces(rand.New(rand.NewPCG(3, 4))).some(20)
	tt.memory.add(tt.clock, spans...)
	tt.memory.gaps, tt.memory.hidden = []string{"block 7 is damaged"}, map[span.TraceID]bool{spans[0].TraceID: true}
	tt.pass(t, 16*time.Minute)
	for id, trace := range byTrace(spans) {
		if want := failedTrace(trace) || id == spans[0].TraceID; want != (len(tt.memory.traces()[id]) > 0) {
			t.Errorf("%s: stays %t", id, !want)
		}
	}
	if text := tt.log.String(); !strings.Contains(text, "unjudged=1") || !strings.Contains(text, "block 7 is damaged") {
		t.Error(text)
	}
}

func TestDryRun(t *testing.T) {
	tt := newTailTest(t, halfFile, true)
	spans := newTraces(rand.New(rand.NewPCG(1, 2))).some(100)
	tt.memory.add(tt.clock, spans...)
	tt.pass(t, 16*time.Minute)
	if n := len(tt.memory.arrived); n != len(spans) {
		t.Errorf("%d of %d spans are left", n, len(spans))
	}
	for id, trace := range byTrace(spans) {
		if d, ok := tt.decisions.Of(testTenant, id); !ok || !d.DryRun || d.Kept != (failedTrace(trace) || id[9] >= 0x80) {
			t.Fatalf("%+v", d)
		}
	}
	tt.restart(t, false) // now in earnest: what comes late of a trace that stayed stays
	late := spans[0]
	late.SpanID = span.SpanID{9}
	tt.memory.add(tt.clock, late)
	tt.pass(t, 16*time.Minute)
	if got := tt.memory.traces()[late.TraceID]; len(got) != len(byTrace(spans)[late.TraceID])+1 || got[len(got)-1].TraceState != late.TraceState {
		t.Errorf("the late span is not with the others, or changed: %v", got)
	}
}

// Without policies nothing is thinned; a bad file changes nothing, and the log says what is wrong with it.
func TestPoliciesAreReloaded(t *testing.T) {
	tt := newTailTest(t, "- {name: a, type: never}", false)
	first := newTraces(rand.New(rand.NewPCG(1, 2))).some(100)
	tt.memory.add(tt.clock, first...)
	tt.pass(t, 20*time.Minute)
	if n := len(tt.memory.arrived); n != len(first) || tt.memory.arrived[0].decided {
		t.Errorf("%d of %d spans are left", n, len(first))
	}
	if !strings.Contains(tt.log.String(), `policy "a": there is no type "never"`) {
		t.Error(&tt.log)
	}
	tt.write(t, halfFile)
	if err := tt.policies.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	tt.write(t, "- {name: a, type: never}")
	if err := tt.policies.Reload(t.Context()); err == nil {
		t.Error("a bad file is taken")
	}
	tt.pass(t, time.Minute)
	checkHalf(t, tt.memory, first)
}

// What is due since long is decided in slices of their usual length, as rates are by the second.
func TestBacklog(t *testing.T) {
	tt := newTailTest(t, "- {name: few, type: traces_limiting, traces_limiting: {traces_per_second: 0.1}}", false)
	m := newTraces(rand.New(rand.NewPCG(1, 2)))
	for range 100 {
		tt.memory.add(tt.clock, m.some(3)...)
		tt.clock = tt.clock.Add(9 * time.Second)
	}
	tt.pass(t, time.Hour)
	runs := tt.decisions.runs(testTenant)
	if n := len(runs); n < 9 || n > 11 {
		t.Errorf("%d slices for 15 minutes", n)
	}
	for _, r := range runs {
		kept := uint32(0)
		for i, g := range r.groups {
			if g.Kept {
				kept += r.counts[i]
			}
		}
		if most := 0.1 * max(90, r.last.Sub(r.first).Seconds()); float64(kept) > most || float64(kept) < most-2 {
			t.Errorf("%d traces are kept of %s, want 0.1 a second", kept, r.last.Sub(r.first))
		}
	}
}

// Traces that are kept by hand stay whatever policies say, those that are undecided, and those of which something comes later.
func TestKeep(t *testing.T) {
	tt := newTailTest(t, "- {name: errors, type: error}", false)
	spans := newTraces(rand.New(rand.NewPCG(1, 2))).some(100)
	tt.memory.add(tt.clock, spans...)
	tt.pass(t, 10*time.Minute)
	pay := func(trace []span.Span) bool {
		return slices.ContainsFunc(trace, func(s span.Span) bool { return s.Name == "pay" })
	}
	want := 0
	for _, trace := range byTrace(spans) {
		if pay(trace) {
			want++
		}
	}
	q, err := traceql.Parse(`{ name = "pay" }`)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range []Kept{{Kept: want}, {Already: want}} {
		if got, err := tt.Keep(t.Context(), testTenant, q); err != nil || got.Kept != w.Kept || got.Already != w.Already {
			t.Errorf("time %d: %+v, %v, want %+v", i, got, err, w)
		}
	}
	tt.restart(t, false)
	tt.pass(t, 6*time.Minute)
	stored := tt.memory.traces()
	for id, trace := range byTrace(spans) {
		if got := len(stored[id]) == len(trace); got != (pay(trace) || failedTrace(trace)) {
			t.Errorf("%s stays %t", id, got)
		}
		if d, _ := tt.decisions.Of(testTenant, id); pay(trace) && (d.Policy != `keep: { name = "pay" }` || d.Threshold != 0) {
			t.Errorf("%+v", d)
		}
		for _, s := range stored[id] {
			if i := slices.IndexFunc(trace, func(o span.Span) bool { return o.SpanID == s.SpanID }); trace[i].TraceState != s.TraceState {
				t.Errorf("the state is %q, was %q", s.TraceState, trace[i].TraceState)
			}
		}
	}
}

func TestTailStops(t *testing.T) {
	tt := newTailTest(t, halfFile, false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { tt.Run(ctx); close(done) }()
	cancel()
	<-done
}
