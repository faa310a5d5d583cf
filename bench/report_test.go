package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	r := report{
		Label: "example", Time: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Machine: machine{"linux", "amd64", 2},
		Data: dataReport{dataset{Seed: 1, Spans: 1_000_000, SpansPerSecond: 1e5, Merge: 64}, 239_578},
		Load: &loadResult{Spans: 1_000_000, Rejected: 1, Requests: 1000, Bytes: 485_000_000, Seconds: 4, LoaderCPUSeconds: 0.3,
			Retries: map[string]int{"429": 2}, Acks: latency{Count: 1000, P50: 3, P95: 5.25, P99: 7, Max: 20}},
		Cost: newCost(observation{cpu: 1, disk: diskUse{4096, 100}},
			observation{cpu: 4.5, disk: diskUse{4096 + 36<<20, 100 + 35<<20}}, 1_000_000),
		Verify:         &verifyResult{Traces: 239_578, Of: 239_578, Spans: 1_000_000},
		Restart:        &restart{StopSeconds: 0.25, StopCPUSeconds: 0.125, StartSeconds: 0.0125, Disk: diskUse{33 << 20, 32 << 20}, DiskPerSpan: 34.6},
		ReadPeakMemory: 260 << 20,
		Reads: []latency{
			{Name: "trace by id", Count: 500, P50: 0.5, P95: 0.75, P99: 1, Max: 1.5},
			{Name: "jaeger: rare value", Count: 100, P50: 2, P95: 3, P99: 4, Max: 5, Found: new(1.0), CPU: new(1.25)},
			{Name: "tempo: compare", Error: "400 Bad Request"},
		},
	}
	r.Cost.IdleSeconds, r.Cost.PeakMemory = 1.5, 250<<20
	var out strings.Builder
	if err := r.write(&out); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the report is\n%s\nwant\n%s", out.String(), want)
	}

	path := filepath.Join(t.TempDir(), "results", "r.json")
	if err := r.save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, back) {
		t.Errorf("saved was %+v, read is %+v", r, back)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1_234_567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}
