package derive

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// recordedBatches are requests of the recorded traffic, each with a number of spans.
func recordedBatches(b *testing.B, requests int, spans uint64) []*span.Batch {
	g, err := recording.NewGenerator(recording.Config{Epoch: time.Unix(1_700_000_000, 0), Rate: 1e5})
	if err != nil {
		b.Fatal(err)
	}
	list := make([]*span.Batch, requests)
	for i := range list {
		list[i] = &span.Batch{Raw: g.Append(nil, uint64(i)*spans, spans)}
		if _, err := ingest.DecodeOTLP(span.FormatOTLPProto, list[i].Raw, list[i], ingest.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
	return list
}

// BenchmarkObserve measures a span of the recorded traffic, in large and small
// requests. The clock goes on as if there were 20,000 spans a second, so that
// calls wait, and expire, as many as would in life.
func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct {
		name     string
		spans    int
		requests int
		change   func(*Config)
	}{
		{"both", 1000, 100, func(*Config) {}},
		{"classic", 1000, 100, func(c *Config) { c.Histograms = Classic }},
		{"both-by-20", 20, 5000, func(*Config) {}},
		{"names", 1000, 100, func(c *Config) { c.ClusterNames = true }},
		{"dimensions", 1000, 100, func(c *Config) { c.Dimensions = []string{"http.status_code", "rpc.method", "host.name"} }},
		{"target-info", 1000, 100, func(c *Config) { c.TargetInfo = true }},
	} {
		b.Run(c.name, func(b *testing.B) {
			now := time.Unix(1_700_000_000, 0)
			m := newMetrics(b, func(cfg *Config) {
				c.change(cfg)
				cfg.Now = func() time.Time { return now }
			})
			batches := recordedBatches(b, c.requests, uint64(c.spans))
			b.ReportAllocs()
			next, cpu := 0, cpuNanos(b)
			for b.Loop() {
				m.Observe("a", batches[next])
				next = (next + 1) % len(batches)
				now = now.Add(time.Second * time.Duration(c.spans) / 20_000)
			}
			b.ReportMetric(float64(cpuNanos(b)-cpu)/float64(b.N*c.spans), "cpu-ns/span")
		})
	}
}

// cpuNanos is the CPU time of this process: unlike the time on the wall it does not depend on who else runs.
func cpuNanos(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkGather measures a scrape of as many series as there are at most.
func BenchmarkGather(b *testing.B) {
	m := newMetrics(b, func(c *Config) { c.MaxLabelValues = c.MaxSeries })
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	series := DefaultConfig().MaxSeries
	for i := range series {
		name := fmt.Sprint("operation ", i)
		m.Observe("a", batchOf(buy(1, name, 3, nil), buy(2, name, 50, nil), buy(3, name, 700, nil)))
	}
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	cpu := cpuNanos(b)
	for b.Loop() {
		if _, err := m.Gatherer("a").Gather(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuNanos(b)-cpu)/float64(b.N)/1e6, "cpu-ms/op")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(series), "B/series")
}
