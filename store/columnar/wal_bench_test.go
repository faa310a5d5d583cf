package columnar

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// Bytes of a recorded request, of one span to a thousand.
const (
	walBenchSpanBytes    = 478
	walBenchSegmentBytes = 64 << 20
)

// BenchmarkWALAppend writes requests to a log on disk with a group commit every
// 200 ms. cpu-ns/span is the CPU of the whole process, the kernel's part included.
func BenchmarkWALAppend(b *testing.B) {
	for _, spans := range []int{1, 10, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("spans=%d", spans), func(b *testing.B) {
			w := walBenchOpen(b, 200*time.Millisecond)
			payload := walBenchPayload(spans * walBenchSpanBytes)
			received := time.Now()
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			before := walBenchCPU(b)
			for b.Loop() {
				if _, err := w.append(span.FormatOTLPProto, received, payload); err != nil {
					b.Fatal(err)
				}
				if w.size() > walBenchSegmentBytes {
					if err := w.removeThrough(w.rotate()); err != nil {
						b.Fatal(err)
					}
				}
			}
			used := walBenchCPU(b) - before
			b.ReportMetric(float64(used)/float64(b.N*spans), "cpu-ns/span")
		})
	}
}

// BenchmarkWALCommit has many writers wait for their fsync.
func BenchmarkWALCommit(b *testing.B) {
	w := walBenchOpen(b, 0)
	payload := walBenchPayload(walBenchSpanBytes)
	received := time.Now()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			pos, err := w.append(span.FormatOTLPProto, received, payload)
			if err == nil {
				err = w.commit(context.Background(), pos)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(w.stats.syncs.Load())/float64(b.N), "fsyncs/op")
}

// BenchmarkWALScan reads a segment: whole, and with every record's header
// damaged, which makes each byte a candidate for the start of a record.
func BenchmarkWALScan(b *testing.B) {
	const records = 16
	payload, received := walBenchPayload(1000*walBenchSpanBytes), time.Now()
	segment := walTestHeader(1)
	damaged := walTestHeader(1)
	for range records {
		at := len(segment)
		segment = walTestAppend(segment, 1, walRecord{span.FormatOTLPProto, received, payload})
		damaged = append(damaged, segment[at:]...)
		damaged[at+9] ^= 1
	}
	for _, c := range []struct {
		name    string
		bytes   []byte
		records int
	}{{"whole", segment, records}, {"damaged", damaged, 0}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(segment)))
			for b.Loop() {
				scan, err := walScanSegment(bytes.NewReader(c.bytes), int64(len(c.bytes)), 1, func(walRecord) error { return nil })
				if err != nil || scan.records != c.records {
					b.Fatal(scan, err)
				}
			}
		})
	}
}

func walBenchOpen(b *testing.B, interval time.Duration) *wal {
	w, err := openWAL(OSFS{}, b.TempDir(), walOptions{interval: interval, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := w.close(); err != nil {
			b.Error(err)
		}
	})
	return w
}

func walBenchPayload(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(p)
	return p
}

func walBenchCPU(b *testing.B) time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
