package sample

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// Files of decisions are merged, and what they say stays: of each trace the newest, when it was decided, and the counts, also after a
// restart. Looking for a trace that was never seen opens few of them.
func TestDecisionsAreMerged(t *testing.T) {
	const runs, perRun = 3*mergedRuns + 10, 20
	cfg := DecisionsConfig{Dir: t.TempDir(), MaxRecent: 1e6} // nothing is recent
	d := openDecisions(t, cfg, quiet())
	began := time.Now().Truncate(time.Second).Add(-time.Hour)
	d.now = func() time.Time { return began.Add(time.Hour) }
	rng := rand.New(rand.NewPCG(1, 2))
	want := map[span.TraceID]Decision{}
	var made []decided
	id := func(n int) span.TraceID { return span.TraceID{0: byte(n), 1: byte(n >> 8), 15: 1} }
	for i := range runs {
		made = made[:0]
		at := began.Add(time.Duration(i) * time.Second)
		for k := range perRun {
			n := i*perRun + k
			if k == 0 && i > 0 {
				n = rng.IntN(i * perRun) // decided again
			}
			decision := Decision{Policy: fmt.Sprint("p", n%3), At: at, Kept: n%2 == 0, Threshold: span.Threshold(n % 5), DryRun: n%7 == 0}
			made = append(made, decided{decisionKey(id(n)), decision})
			want[id(n)] = decision
		}
		if err := d.record(testTenant, at, at.Add(time.Second), made); err != nil {
			t.Fatal(err)
		}
	}
	check := func(d *Decisions) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(cfg.Dir, testTenant, "*"))
		if err != nil || len(files) > 3+mergedRuns || len(files) != len(d.runs(testTenant)) {
			t.Fatalf("%d files, %d runs, %v", len(files), len(d.runs(testTenant)), err)
		}
		for id, w := range want {
			if got, ok := d.Of(testTenant, id); !ok || !got.At.Equal(w.At) || got.Policy != w.Policy || got.Kept != w.Kept || got.Threshold != w.Threshold || got.DryRun != w.DryRun {
				t.Fatalf("%s: %+v, %t, want %+v", id, got, ok, w)
			}
		}
		if got, ok := d.Of(testTenant, span.TraceID{9}); ok {
			t.Errorf("a trace that was never seen: %+v", got)
		}
		if last := d.lastArrival(testTenant); !last.Equal(began.Add(runs * time.Second)) {
			t.Errorf("the last arrived at %s", last)
		}
	}
	check(d)
	counted := uint64(0)
	for _, c := range d.counts(began.Add((mergedRuns / 2) * time.Second)) {
		counted += c.Kept + c.Dropped
	}
	if most := uint64((runs - mergedRuns/2) * perRun); counted > most || counted < most-runs {
		t.Errorf("%d decisions since the middle of a merged file, made were %d", counted, most)
	}
	again := openDecisions(t, cfg, quiet())
	check(again)

	// A process that ended before the old files were removed finds both.
	if merged, _, err := mergeRuns(again.runs(testTenant)[3:]); err != nil {
		t.Fatal(err)
	} else if err := writeDecisionRun(filepath.Join(cfg.Dir, testTenant), merged); err != nil {
		t.Fatal(err)
	}
	check(openDecisions(t, cfg, quiet()))

	// A damaged file is set aside, and the others are merged without it.
	bad := again.runs(testTenant)[5]
	if err := os.Truncate(bad.path, 100); err != nil {
		t.Fatal(err)
	}
	at := began.Add(runs * time.Second)
	for i := range 2 * mergedRuns {
		if err := again.record(testTenant, at, at, []decided{{decisionKey(id(i)), Decision{At: at}}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(bad.path + ".damaged"); err != nil || len(again.runs(testTenant)) > 5+mergedRuns {
		t.Errorf("%v, %d runs", err, len(again.runs(testTenant)))
	}
}
