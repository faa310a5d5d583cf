package sample

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file of decisions with anything in it is read or set aside, and what it says of a trace is one of its groups.
func FuzzDecisionFile(f *testing.F) {
	run := makeRuns([]decided{{1, Decision{Policy: "a"}}, {2, Decision{Kept: true, Threshold: 7}}, {1 << 47, Decision{Policy: "a"}}})[0]
	run.at, run.first, run.last = time.Unix(1, 0), time.Unix(0, 0), time.Unix(1, 0)
	good, err := run.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:headerBytes])
	f.Add([]byte(decisionsMagic))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "1"+decisionsSuffix)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := readDecisionRun(path)
		if err != nil {
			return
		}
		for _, key := range []uint64{0, 1, 2, 1 << 47, 1<<48 - 1} {
			if group, ok, err := r.find(key); ok && (err != nil || group >= len(r.groups)) {
				t.Fatalf("%d is of group %d, %v", key, group, err)
			}
		}
		if entries, err := readDecisionEntries(r); err == nil && len(entries) != r.n {
			t.Fatalf("%d entries, want %d", len(entries), r.n)
		}
	})
}
