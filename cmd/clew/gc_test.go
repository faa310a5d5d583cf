package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 4 << 20: 400, 5 << 20: 300, 16 << 20: 100, 30 << 20: 50, 1 << 30: 50, 1 << 50: 50,
	} {
		if got := gcPercentAt(live); got != want {
			t.Errorf("%d bytes live: %d %%, want %d", live, got, want)
		}
	}
}

// TestGCPace checks that the percentage falls when much lives, and rises again.
func TestGCPace(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	percent := func() int { // without setting it, which a cycle may do at the same time
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(now)
		return int(now[0].Value.Uint64())
	}
	await := func(what string, reached func() bool) {
		for range 10_000 { // finalizers run some time after a cycle
			if reached() {
				return
			}
			runtime.GC()
		}
		t.Fatalf("%s: the percentage stays at %d", what, percent())
	}
	paceGC()
	start := percent()
	ballast := make([]byte, 256<<20)
	await("much lives", func() bool { return percent() == gcPercent })
	runtime.KeepAlive(ballast)
	await("little lives", func() bool { return percent() >= start })
}
