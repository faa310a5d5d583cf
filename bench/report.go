package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything that was measured. Parts that were not are nil.
type report struct {
	Label   string        `json:"label,omitempty"`
	Time    time.Time     `json:"time"`
	Machine machine       `json:"machine"`
	Data    dataReport    `json:"data"`
	Load    *loadResult   `json:"load,omitempty"`
	Cost    *cost         `json:"cost,omitempty"`
	Verify  *verifyResult `json:"verify,omitempty"`
	Restart *restart      `json:"restart,omitempty"`
	Reads   []latency     `json:"reads,omitempty"`
	Faces   []faceCost    `json:"faces,omitempty"`
	UDP     []udpResult   `json:"udp,omitempty"`
	// ReadPeakMemory is the peak when look-ups and searches are over, in bytes.
	ReadPeakMemory float64 `json:"read_peak_memory_bytes,omitempty"`
}

func (r *report) measured() bool {
	return r.Load != nil || r.Verify != nil || r.Reads != nil || r.Faces != nil || r.UDP != nil
}

type machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Cores int    `json:"cores"`
}

func thisMachine() machine { return machine{runtime.GOOS, runtime.GOARCH, runtime.NumCPU()} }

// dataReport says what was sent: with it, the same can be sent or verified again.
type dataReport struct {
	dataset
	Traces uint64 `json:"traces"`
}

// cost is what the server spent on the load, until it was idle again.
type cost struct {
	CPUSeconds  float64 `json:"cpu_seconds"`
	CPUPerSpan  float64 `json:"cpu_us_per_span"`
	IdleSeconds float64 `json:"idle_after_seconds"` // from the last acknowledgement until it was idle
	PeakMemory  float64 `json:"peak_memory_bytes"`
	Disk        diskUse `json:"disk"` // what the load added; zero if it is not known
	DiskPerSpan float64 `json:"disk_bytes_per_span,omitempty"`
}

func newCost(before, after observation, spans uint64) *cost {
	c := &cost{CPUSeconds: after.cpu - before.cpu}
	c.CPUPerSpan = per(c.CPUSeconds*1e6, spans)
	c.Disk.Allocated = after.disk.Allocated - before.disk.Allocated
	c.Disk.Apparent = after.disk.Apparent - before.disk.Apparent
	c.DiskPerSpan = per(float64(c.Disk.Allocated), spans)
	return c
}

// restart is how long it takes to end in order, and to be ready again with the data.
type restart struct {
	StopSeconds    float64 `json:"stop_seconds"`
	StopCPUSeconds float64 `json:"stop_cpu_seconds"` // much of it means that the server was not idle before
	StartSeconds   float64 `json:"start_seconds"`
	Disk           diskUse `json:"disk"` // in between
	DiskPerSpan    float64 `json:"disk_bytes_per_span"`
}

// write prints the report for people.
func (r *report) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	if r.Label != "" {
		row("label", "%s", r.Label)
	}
	row("data", "%s spans, %s traces, seed %d", thousands(r.Data.Spans), thousands(r.Data.Traces), r.Data.Seed)
	if l := r.Load; l != nil {
		row("sent", "%s requests, %.0f bytes a span, in %.2f s", thousands(uint64(l.Requests)), per(float64(l.Bytes), l.Spans), l.Seconds)
		row("throughput", "%s spans/s", thousands(uint64(l.spansPerSecond())))
		row("acknowledgement", "p50 %.2f ms, p95 %.2f ms, p99 %.2f ms, max %.2f ms", l.Acks.P50, l.Acks.P95, l.Acks.P99, l.Acks.Max)
		row("loader CPU", "%.2f µs a span", per(l.LoaderCPUSeconds*1e6, l.Spans))
		if len(l.Retries) > 0 {
			row("retries", "%s", strings.Trim(fmt.Sprint(l.Retries), "map[]"))
		}
		if l.Rejected > 0 {
			row("rejected", "%s spans", thousands(uint64(l.Rejected)))
		}
	}
	if c := r.Cost; c != nil {
		row("server CPU", "%.2f µs a span, %.2f s; idle %.1f s after the last acknowledgement", c.CPUPerSpan, c.CPUSeconds, c.IdleSeconds)
		reading := ""
		if r.ReadPeakMemory > 0 {
			reading = fmt.Sprintf("; %.0f MiB after look-ups and searches", r.ReadPeakMemory/(1<<20))
		}
		row("peak memory", "%.0f MiB%s", c.PeakMemory/(1<<20), reading)
		if c.Disk != (diskUse{}) {
			row("disk", "%.1f bytes a span; %v", c.DiskPerSpan, c.Disk)
		}
	}
	if v := r.Verify; v != nil {
		row("verified", "%s of %s traces: %s spans expected, %d missing, %d too many",
			thousands(v.Traces), thousands(v.Of), thousands(v.Spans), v.Missing, v.Extra)
	}
	if s := r.Restart; s != nil {
		row("restart", "stopped in %.3f s with %.2f s of CPU, ready again in %.3f s", s.StopSeconds, s.StopCPUSeconds, s.StartSeconds)
		row("disk when stopped", "%.1f bytes a span; %v", s.DiskPerSpan, s.Disk)
	}
	if len(r.Reads) > 0 {
		fmt.Fprintln(w) // ends the columns
		fmt.Fprintln(w, "milliseconds\tp50\tp95\tp99\tmax\tserver CPU\ttimes\tfound")
	}
	for _, l := range r.Reads {
		if l.Error != "" {
			row(l.Name, "%s", l.Error)
			continue
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%d\t%s\n",
			l.Name, l.P50, l.P95, l.P99, l.Max, known("%.2f", l.CPU), l.Count, known("%.1f", l.Found))
	}
	if len(r.Faces) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintln(w, "\tp50 ms\tmax ms\tfirst byte ms\tserver CPU ms\tMiB\tlargest message KiB\tpeak memory above idle MiB")
	}
	for _, f := range r.Faces {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%s\t%.1f\t%d\t%.0f\n", f.Name, f.P50, f.Max, f.FirstByte, known("%.0f", f.CPU),
			float64(f.Bytes)/(1<<20), f.Message/1024, f.PeakMemory/(1<<20))
	}
	if len(r.UDP) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintln(w, "spans/s\tsent\tpackets\tbytes a span\tin s\treceived\tlost %\tdropped packets\tserver CPU µs a span")
	}
	for _, u := range r.UDP {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f\t%.2f\t%s\t%.3f\t%s\t%.2f\n", thousands(uint64(u.Rate)), thousands(u.Spans), thousands(uint64(u.Packets)),
			per(float64(u.Bytes), u.Spans), u.Seconds, thousands(u.Received), u.lost(), cmp.Or(droppedText(u.Dropped), "0"), u.CPUPerSpan)
	}
	return w.Flush()
}

// known formats a figure that may not be known.
func known(format string, x *float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf(format, *x)
}

// per divides by a number of spans.
func per(x float64, spans uint64) float64 { return x / float64(max(spans, 1)) }

// thousands formats n with commas.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// save writes the report as JSON, making the folder if there is none.
func (r *report) save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
