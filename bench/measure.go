package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is the process under measurement, as it can be seen from outside.
type server struct {
	client  *http.Client
	metrics string // URL of its Prometheus metrics
	pid     int    // 0 if unknown
	dataDir string // "" if unknown
}

// usage is what the server has used since it started, and uses now.
type usage struct {
	cpu    float64 // seconds
	memory float64 // bytes resident
}

// The names that servers give to what is wanted; the second ones are the Collector's.
var (
	cpuMetrics    = []string{"process_cpu_seconds_total", "otelcol_process_cpu_seconds_total", "otelcol_process_cpu_seconds"}
	memoryMetrics = []string{"process_resident_memory_bytes", "otelcol_process_memory_rss_bytes", "otelcol_process_memory_rss"}
)

// usage reads the server's metrics.
func (s *server) usage(ctx context.Context) (usage, error) {
	body, err := get(ctx, s.client, s.metrics, "text/plain")
	if err != nil {
		return usage{}, err
	}
	cpu, ok := metric(body, cpuMetrics)
	if !ok {
		return usage{}, fmt.Errorf("%s has no metric %s", s.metrics, cpuMetrics[0])
	}
	memory, _ := metric(body, memoryMetrics)
	return usage{cpu, memory}, nil
}

// metric returns the value of the first of names that a Prometheus text has; of several series, their sum.
func metric(text []byte, names []string) (float64, bool) {
	for _, name := range names {
		sum, found := 0.0, false
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, len(text)+1)
		for lines.Scan() {
			rest, ok := strings.CutPrefix(lines.Text(), name)
			if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
				continue
			}
			if end := strings.LastIndexByte(rest, '}'); end >= 0 {
				rest = rest[end+1:]
			}
			fields := strings.Fields(rest) // a value, perhaps a time
			if len(fields) == 0 {
				continue
			}
			if v, err := strconv.ParseFloat(fields[0], 64); err == nil {
				sum, found = sum+v, true
			}
		}
		if found {
			return sum, true
		}
	}
	return 0, false
}

// resident returns the resident memory. With a pid it does not disturb the server.
func (s *server) resident(ctx context.Context) (float64, error) {
	if s.pid != 0 {
		return procStatus(s.pid, "VmRSS")
	}
	u, err := s.usage(ctx)
	return u.memory, err
}

// procStatus returns a size in bytes from /proc/PID/status.
func procStatus(pid int, key string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, key)
}

const memoryInterval = 200 * time.Millisecond

// watchMemory samples the resident memory until stop is called, which returns
// the highest value. If the kernel's own record is higher (it misses nothing,
// but begins with the process), that is the peak.
func (s *server) watchMemory(ctx context.Context) (stop func() float64) {
	done, peak := make(chan struct{}), make(chan float64)
	go func() {
		highest := 0.0
		tick := time.NewTicker(memoryInterval)
		defer tick.Stop()
		for last := false; ; {
			if m, err := s.resident(ctx); err == nil {
				highest = max(highest, m)
			}
			if last {
				peak <- highest
				return
			}
			select {
			case <-tick.C:
			case <-done:
				last = true
			}
		}
	}()
	return func() float64 {
		close(done)
		highest := <-peak
		if s.pid != 0 {
			if m, err := procStatus(s.pid, "VmHWM"); err == nil {
				highest = max(highest, m)
			}
		}
		return highest
	}
}

// diskUse is the size of a folder in bytes: what its files occupy, and how long they are.
type diskUse struct {
	Allocated int64 `json:"allocated_bytes"`
	Apparent  int64 `json:"apparent_bytes"`
}

func (d diskUse) String() string {
	return fmt.Sprintf("%.1f MiB, in files of %.1f MiB", float64(d.Allocated)/(1<<20), float64(d.Apparent)/(1<<20))
}

// measureDisk adds up a folder. Files that vanish meanwhile count as absent.
func measureDisk(dir string) (diskUse, error) {
	var d diskUse
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		d.Apparent += info.Size()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			d.Allocated += st.Blocks * 512
		}
		return nil
	})
	return d, err
}

// idleRule says when a server counts as idle: for Window it used less than
// Share of one core and its folder did not change its size.
type idleRule struct {
	window  time.Duration
	share   float64
	timeout time.Duration
}

// idleDetector applies an idleRule to observations in order of time.
type idleDetector struct {
	rule  idleRule
	start observation // of the current quiet period
	began bool
}

type observation struct {
	at   time.Time
	cpu  float64
	disk diskUse
}

// observe reports whether the server has been idle for the window that ends now.
func (d *idleDetector) observe(o observation) bool {
	if !d.began || o.disk != d.start.disk || o.cpu-d.start.cpu > d.rule.share*d.rule.window.Seconds() {
		d.start, d.began = o, true
		return false
	}
	return o.at.Sub(d.start.at) >= d.rule.window
}

const idleInterval = 250 * time.Millisecond

// observe returns what the server has used by now.
func (s *server) observe(ctx context.Context) (observation, error) {
	u, err := s.usage(ctx)
	o := observation{at: time.Now(), cpu: u.cpu}
	if err == nil && s.dataDir != "" {
		o.disk, err = measureDisk(s.dataDir)
	}
	return o, err
}

var errBusy = errors.New("the server is still busy long after the load")

// waitIdle waits until the server is idle. It returns what the server has used
// by then, as of the time at which the quiet period began: what little it did in
// that period counts. With errBusy, the observation is the last one.
func (s *server) waitIdle(ctx context.Context, rule idleRule) (observation, error) {
	detector := idleDetector{rule: rule}
	deadline := time.Now().Add(rule.timeout)
	for {
		o, err := s.observe(ctx)
		if err != nil {
			return o, err
		}
		if detector.observe(o) {
			o.at = detector.start.at
			return o, nil
		}
		if o.at.After(deadline) {
			return o, fmt.Errorf("%w: for %v", errBusy, rule.timeout)
		}
		if err := sleep(ctx, idleInterval); err != nil {
			return o, err
		}
	}
}
