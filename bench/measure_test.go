package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100-i) * time.Millisecond // newLatency sorts
	}
	for _, test := range []struct {
		took               []time.Duration
		p50, p95, p99, max ms
	}{
		{nil, 0, 0, 0, 0},
		{[]time.Duration{3 * time.Millisecond}, 3, 3, 3, 3},
		{[]time.Duration{2 * time.Millisecond, time.Millisecond}, 1, 2, 2, 2},
		{[]time.Duration{1500 * time.Microsecond, 1e6, 2e6}, 1.5, 2, 2, 2},
		{hundred, 50, 95, 99, 100},
		{append([]time.Duration{101 * time.Millisecond}, hundred...), 51, 96, 100, 101},
	} {
		l := newLatency("x", test.took)
		if l.P50 != test.p50 || l.P95 != test.p95 || l.P99 != test.p99 || l.Max != test.max || l.Count != len(test.took) {
			t.Errorf("of %d values: %+v, want %v %v %v %v", len(test.took), l, test.p50, test.p95, test.p99, test.max)
		}
	}
}

func TestMetric(t *testing.T) {
	const text = `# HELP a_seconds_total Help for a_seconds_total 7
# TYPE a_seconds_total counter
a_seconds_total_more 9
a_seconds_total 1.25e+02
b_bytes{x="a b",y="}"} 5 1700000000000
b_bytes{x="c"} 7
c_broken
d_nan NaN
`
	for _, test := range []struct {
		names []string
		want  float64
		found bool
	}{
		{[]string{"a_seconds_total"}, 125, true},
		{[]string{"b_bytes"}, 12, true},
		{[]string{"none", "b_bytes"}, 12, true},
		{[]string{"a_seconds_total", "b_bytes"}, 125, true},
		{[]string{"a_seconds"}, 0, false},
		{[]string{"c_broken"}, 0, false},
		{nil, 0, false},
	} {
		got, found := metric([]byte(text), test.names)
		if got != test.want || found != test.found {
			t.Errorf("metric %v is %v, %v; want %v, %v", test.names, got, found, test.want, test.found)
		}
	}
}

func TestUsage(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/collector":
			w.Write([]byte("otelcol_process_cpu_seconds_total 2\notelcol_process_memory_rss_bytes 3\n"))
		case "/else":
			w.Write([]byte("up 1\n"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer h.Close()
	s := &server{client: h.Client(), metrics: h.URL + "/collector"}
	if u, err := s.usage(t.Context()); err != nil || u != (usage{2, 3}) {
		t.Errorf("usage %+v, %v", u, err)
	}
	s.metrics = h.URL + "/else"
	_, err := s.usage(t.Context())
	contains(t, err, "has no metric process_cpu_seconds_total")
	s.metrics = h.URL + "/nothing"
	_, err = s.usage(t.Context())
	contains(t, err, "404 Not Found")
}

func TestWatchMemory(t *testing.T) {
	h := httptest.NewServer(newFake().handler())
	defer h.Close()
	s := &server{client: h.Client(), metrics: h.URL + "/metrics"}
	if peak := s.watchMemory(t.Context())(); peak != 64<<20 {
		t.Errorf("peak of %v bytes by metrics, want 64 MiB", peak)
	}
	s.pid = os.Getpid()
	peak := s.watchMemory(t.Context())()
	if high, err := procStatus(s.pid, "VmHWM"); err != nil || peak < 1<<20 || peak > high {
		t.Errorf("peak of %v bytes, the kernel says %v, %v", peak, high, err)
	}
	if _, err := procStatus(s.pid, "VmNothing"); err == nil {
		t.Error("an unknown key of /proc/PID/status is no error")
	}
}

func TestMeasureDisk(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "full"), make([]byte, 10_000), 0o644); err != nil {
		t.Fatal(err)
	}
	sparse, err := os.Create(filepath.Join(dir, "sub", "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sparse.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	sparse.Close()
	d, err := measureDisk(dir)
	if err != nil || d.Apparent != 10_000+1<<20 || d.Allocated >= 1<<20 {
		t.Errorf("%+v, %v; want %d bytes in files, and less than that on disk", d, err, 10_000+1<<20)
	}
	if d, err := measureDisk(filepath.Join(dir, "nowhere")); err != nil || d != (diskUse{}) {
		t.Errorf("a folder that is not there: %+v, %v", d, err)
	}
}

func TestIdleDetector(t *testing.T) {
	rule := idleRule{window: 3 * time.Second, share: 0.1} // 0.3 s of CPU in 3 s
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type second struct {
		cpu  float64 // used by then
		disk int64
	}
	for _, test := range []struct {
		name    string
		seconds []second
		idleAt  int // -1: never
		since   int
	}{
		{"quiet from the start", []second{{5, 0}, {5, 0}, {5, 0}, {5, 0}}, 3, 0},
		{"too short", []second{{5, 0}, {5, 0}, {5, 0}}, -1, 0},
		{"busy, then quiet", []second{{5, 0}, {6, 0}, {7, 0}, {7.1, 0}, {7.2, 0}, {7.3, 0}}, 5, 2},
		{"a merge in the pause", []second{{5, 0}, {5, 0}, {6, 0}, {6, 0}, {6, 0}, {6, 0}}, 5, 2},
		{"creeping", []second{{0, 0}, {0.2, 0}, {0.4, 0}, {0.6, 0}, {0.8, 0}, {1, 0}, {1.2, 0}}, -1, 0},
		{"a file vanishes", []second{{5, 2}, {5, 2}, {5, 1}, {5, 1}, {5, 1}, {5, 1}}, 5, 2},
	} {
		d := idleDetector{rule: rule}
		idleAt := -1
		for i, s := range test.seconds {
			o := observation{at: start.Add(time.Duration(i) * time.Second), cpu: s.cpu, disk: diskUse{Allocated: s.disk}}
			if d.observe(o) {
				idleAt = i
				break
			}
		}
		since := int(d.start.at.Sub(start).Seconds())
		if idleAt != test.idleAt || idleAt >= 0 && since != test.since {
			t.Errorf("%s: idle at %d s since %d s, want %d s since %d s", test.name, idleAt, since, test.idleAt, test.since)
		}
	}
}

func TestWaitIdleGivesUp(t *testing.T) {
	h := httptest.NewServer(newFake().handler())
	defer h.Close()
	s := &server{client: h.Client(), metrics: h.URL + "/metrics"}
	_, err := s.waitIdle(t.Context(), idleRule{window: time.Hour, share: 1})
	contains(t, err, "still busy")
}
