package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// gcPercent is lower than Go's 100: most of the heap is columns without
	// pointers, which cost the collector nothing to look at, and would leave as much
	// garbage behind as they take.
	gcPercent = 50
	// gcFloor is how much garbage may gather however little lives. Go's own floor
	// is 2 MiB at that percentage, which a server with little in memory fills at
	// every other query.
	gcFloor = 16 << 20
)

// gcPacer sets the collector's percentage after each of its cycles.
type gcPacer struct {
	live    []metrics.Sample
	percent int
}

// paceGC makes the collector start when the garbage has reached gcPercent of
// what lives, or gcFloor if that is more.
func paceGC() {
	p := &gcPacer{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	p.cycle()
}

// cycle runs after each cycle, as the finalizer of an object that nobody has.
func (p *gcPacer) cycle() {
	metrics.Read(p.live)
	if percent := gcPercentAt(p.live[0].Value.Uint64()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent) // stops the world for a moment
	}
	runtime.SetFinalizer(p, (*gcPacer).cycle)
}

// gcPercentAt returns a percentage in steps, so that it seldom changes.
func gcPercentAt(live uint64) int {
	percent := gcFloor * 100 / max(live, 1<<20)
	return max(gcPercent, int(percent)/gcPercent*gcPercent)
}
