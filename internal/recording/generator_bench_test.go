package recording

import (
	"testing"
	"time"
)

// BenchmarkAppend measures what a load generator pays for a span, without sending it.
func BenchmarkAppend(b *testing.B) {
	const n = 1000
	g, err := NewGenerator(Config{Epoch: time.Now(), Rate: 1e5})
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	var spans, size uint64
	b.ReportAllocs()
	for b.Loop() {
		buf = g.Append(buf[:0], spans, n)
		spans += n
		size += uint64(len(buf))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(spans), "ns/span")
	b.ReportMetric(float64(size)/float64(spans), "B/span")
}
