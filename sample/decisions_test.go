package sample

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

func openDecisions(t testing.TB, cfg DecisionsConfig, log *slog.Logger) *Decisions {
	t.Helper()
	d, err := OpenDecisions(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func randomID(rng *rand.Rand) (id span.TraceID) {
	binary.BigEndian.PutUint64(id[:], rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], rng.Uint64())
	return id
}

// What is recorded is found by every look-up: in memory, in the file, and after a restart.
func TestDecisions(t *testing.T) {
	at := time.Now().Add(-time.Minute).Truncate(0)
	for _, cfg := range []DecisionsConfig{
		{Recent: time.Hour, MaxRecent: 1e6}, {Recent: time.Hour, MaxRecent: 2500}, {},
	} {
		cfg.Dir = t.TempDir()
		rng := rand.New(rand.NewPCG(1, 2))
		d := openDecisions(t, cfg, quiet())
		want := map[span.TraceID]Decision{}
		var again span.TraceID
		for run := range 3 {
			var made []decided
			for i := range []int{1, 511, 2300}[run] {
				id := randomID(rng)
				one := Decision{Policy: []string{"", "a", "keep: { }"}[i%3], At: at.Add(time.Duration(run)), Kept: i%2 == 0, Threshold: span.Threshold(i%5) << 50, DryRun: run == 1}
				if run == 2 && i == 0 {
					id = again // the newest counts
				}
				again = id
				want[id] = one
				made = append(made, decided{decisionKey(id), one})
			}
			if err := d.record("shop", at, at.Add(time.Second), made); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			for id, w := range want {
				if got, ok := d.Of("shop", id); !ok || got.At.UnixNano() != w.At.UnixNano() || got.Policy != w.Policy || got.Kept != w.Kept || got.Threshold != w.Threshold || got.DryRun != w.DryRun {
					t.Fatalf("%+v: %s is %+v, %t, want %+v", cfg, id, got, ok, w)
				}
			}
			for range 1000 {
				id := randomID(rng)
				if got, ok := d.Of("shop", id); ok {
					t.Fatalf("%s was never decided, but is %+v", id, got)
				}
			}
			if _, ok := d.Of("other", again); ok {
				t.Error("another tenant knows of a trace")
			}
			if last := d.lastArrival("shop"); last.UnixNano() != at.Add(time.Second).UnixNano() {
				t.Errorf("the last arrival is %s", last)
			}
			d = openDecisions(t, cfg, quiet())
		}
		held := 0
		for _, r := range d.runs("shop") {
			held += len(r.entries)
		}
		if held > cfg.MaxRecent || cfg.MaxRecent > 0 && held == 0 {
			t.Errorf("%+v: %d decisions are in memory", cfg, held)
		}
	}
}

// More kinds of decisions than a file can number go into several.
func TestDecisionsOfManyGroups(t *testing.T) {
	d := openDecisions(t, DecisionsConfig{Dir: t.TempDir()}, quiet())
	var made []decided
	for i := range maxGroups + 10 {
		made = append(made, decided{uint64(i), Decision{Policy: "a", At: time.Now(), Threshold: span.Threshold(i)}})
	}
	if err := d.record("a", time.Now(), time.Now(), made); err != nil {
		t.Fatal(err)
	}
	runs := d.runs("a")
	for _, key := range []int{0, maxGroups - 1, maxGroups, maxGroups + 9} {
		group, ok, err := runs[key/maxGroups].findInFile(uint64(key))
		if err != nil || !ok || runs[key/maxGroups].groups[group].Threshold != span.Threshold(key) {
			t.Errorf("%d: group %d, %t, %v", key, group, ok, err)
		}
	}
}

func TestDecisionsExpire(t *testing.T) {
	dir := t.TempDir()
	d := openDecisions(t, DecisionsConfig{Dir: dir, Remember: time.Hour}, quiet())
	now := time.Now()
	id := span.TraceID{1}
	for _, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, time.Minute} {
		d.now = func() time.Time { return now.Add(-age) }
		if err := d.record("a", now, now, []decided{{decisionKey(id), Decision{Policy: age.String(), At: now.Add(-age)}}}); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, "a"))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v; want that of the last hour", len(files), err)
	}
	if got, ok := d.Of("a", id); !ok || got.Policy != "1m0s" {
		t.Errorf("%+v", got)
	}
	if c := d.counts(now.Add(-time.Hour)); len(c) != 1 || c[0].Dropped != 1 {
		t.Errorf("counts are %+v", c)
	}
}

// Damage anywhere in a file is noticed, and the file set aside or not believed; what is half written does not count.
func TestDamagedDecisions(t *testing.T) {
	dir := t.TempDir()
	cfg := DecisionsConfig{Dir: dir}
	d := openDecisions(t, cfg, quiet())
	var made []decided
	rng := rand.New(rand.NewPCG(5, 5))
	var ids []span.TraceID
	for range 600 {
		ids = append(ids, randomID(rng))
		made = append(made, decided{decisionKey(ids[len(ids)-1]), Decision{Policy: "a", At: time.Now()}})
	}
	if err := d.record("a", time.Now(), time.Now(), made); err != nil {
		t.Fatal(err)
	}
	path := d.runs("a")[0].path
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 9, 33, 50, headerBytes + 3, len(good) / 2, len(good) - 1, -1} {
		bad := bytes.Clone(good)
		if at < 0 {
			bad = bad[:len(bad)-1]
		} else {
			bad[at] ^= 4
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+temporary, good[:100], 0o600); err != nil {
			t.Fatal(err)
		}
		var logged strings.Builder
		d := openDecisions(t, cfg, slog.New(slog.NewTextHandler(&logged, nil)))
		known := 0
		for _, id := range ids {
			if got, ok := d.Of("a", id); ok {
				known++
				if got.Policy != "a" {
					t.Fatalf("byte %d: %+v", at, got)
				}
			}
		}
		if known == len(ids) || !strings.Contains(logged.String(), "sampling decisions") {
			t.Errorf("byte %d: all is known, the log says %q", at, &logged)
		}
		if _, err := os.Stat(path + temporary); err == nil {
			t.Error("what was half written is still there")
		}
		os.Remove(path + ".damaged")
	}
}
