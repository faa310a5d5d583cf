package columnar

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// benchSpans is how many spans benchmarks of reads look at: CLEW_BENCH_SPANS, else 200,000.
func benchSpans(tb testing.TB) uint64 {
	text := os.Getenv("CLEW_BENCH_SPANS")
	if text == "" {
		return 200_000
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("CLEW_BENCH_SPANS: %v", err)
	}
	return n
}

func decodeOTLP(format span.Format, raw []byte, b *span.Batch) error {
	_, err := ingest.DecodeOTLP(format, raw, b, ingest.Limits{})
	return err
}

type benchData struct {
	engine *Engine
	gen    *recording.Generator
	traces uint64
	value  string // of a guid:x-request-id that occurs
}

var (
	benchOnce sync.Once
	benchHeld *benchData
)

// openBench fills a store with recorded traffic, once for all benchmarks.
func openBench(b *testing.B) *benchData {
	benchOnce.Do(func() {
		dir, err := os.MkdirTemp("", "clew-bench-*")
		if err != nil {
			b.Fatal(err)
		}
		e, err := Open(Options{Dir: dir, Decode: decodeOTLP, SyncInterval: time.Hour, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		n := benchSpans(b)
		d := &benchData{engine: e, gen: newGenerator(b)}
		write(b, e, d.gen, n)
		if err := e.Settle(context.Background()); err != nil {
			b.Fatal(err)
		}
		d.traces = d.gen.NumTraces(n)
		d.value = someValue(b, e)
		_ = os.RemoveAll(dir) // the open files stay readable
		benchHeld = d
	})
	return benchHeld
}

func newGenerator(tb testing.TB) *recording.Generator {
	g, err := recording.NewGenerator(recording.Config{Seed: 1, Epoch: time.Unix(1_780_000_000, 0), Rate: 100_000, Merge: 64})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func write(tb testing.TB, e *Engine, g *recording.Generator, spans uint64) {
	var batch span.Batch
	var raw []byte
	for at := uint64(0); at < spans; at += 1000 {
		raw = g.Append(raw[:0], at, 1000)
		batch.Reset()
		if err := decodeOTLP(span.FormatOTLPProto, raw, &batch); err != nil {
			tb.Fatal(err)
		}
		if err := e.Write(context.Background(), store.DefaultTenant, &batch); err != nil {
			tb.Fatal(err)
		}
	}
}

func someValue(b *testing.B, e *Engine) string {
	var value string
	q := &store.Query{Needs: []store.Predicate{store.Exists{Field: requestID}}, Columns: []store.Field{requestID}}
	_, err := eachTrace(context.Background(), e, q, func(c store.Chunk, t store.TraceRun) {
		for i := t.Lo; i < t.Hi && value == ""; i++ {
			v, _ := c.Column(requestID).Value(i)
			value = v.Str
		}
	})
	if err != nil || value == "" {
		b.Fatalf("no value to look for: %v", err)
	}
	return value
}

var requestID = store.Attr(store.SpanScope, "guid:x-request-id")

// BenchmarkWrite measures decode, log, head and blocks, merges included.
func BenchmarkWrite(b *testing.B) {
	g := newGenerator(b)
	e, err := Open(Options{Dir: b.TempDir(), Decode: decodeOTLP, SyncInterval: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close(context.Background())
	b.ResetTimer()
	spans := uint64(0)
	for b.Loop() {
		var batch span.Batch
		raw := g.Append(nil, spans, 1000)
		if err := decodeOTLP(span.FormatOTLPProto, raw, &batch); err != nil {
			b.Fatal(err)
		}
		if err := e.Write(context.Background(), store.DefaultTenant, &batch); err != nil {
			b.Fatal(err)
		}
		spans += 1000
	}
	if err := e.Settle(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(spans), "ns/span")
}

// BenchmarkThin measures how a slice is rewritten of which some traces stay, in all spans of the slice.
func BenchmarkThin(b *testing.B) {
	for _, percent := range []uint64{0, 1, 10, 50, 100} {
		b.Run(fmt.Sprintf("%d%%", percent), func(b *testing.B) {
			const spans = 200_000
			fate := func(id span.TraceID) store.Fate {
				return store.Fate{Stays: hashTraceID(id)%100 < percent, State: func(string) string { return "ot=th:8" }}
			}
			for range b.N {
				b.StopTimer()
				e, err := Open(Options{Dir: b.TempDir(), Decode: decodeOTLP, SyncInterval: time.Hour, Slice: time.Hour, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				write(b, e, newGenerator(b), spans)
				if err := e.Settle(b.Context()); err != nil {
					b.Fatal(err)
				}
				slice, err := e.Undecided(b.Context(), store.DefaultTenant, time.Now())
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := slice.Thin(b.Context(), fate); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				slice.Close()
				_ = e.Close(b.Context())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
		})
	}
}

func BenchmarkTrace(b *testing.B) {
	d := openBench(b)
	rng := rand.New(rand.NewPCG(1, 2))
	b.Run("hit", func(b *testing.B) {
		for b.Loop() {
			id := d.gen.Trace(rng.Uint64N(d.traces), nil).ID
			if _, err := d.engine.Trace(context.Background(), store.DefaultTenant, id, store.TimeRange{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("recent", func(b *testing.B) { // in a chunk that is decoded already
		for b.Loop() {
			id := d.gen.Trace(d.traces-2000+rng.Uint64N(100), nil).ID
			if _, err := d.engine.Trace(context.Background(), store.DefaultTenant, id, store.TimeRange{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("miss", func(b *testing.B) {
		for b.Loop() {
			var id span.TraceID
			for i := range id {
				id[i] = byte(rng.Uint32())
			}
			if _, err := d.engine.Trace(context.Background(), store.DefaultTenant, id, store.TimeRange{}); err == nil {
				b.Fatal("found")
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	d := openBench(b)
	service := func(name string) store.Predicate {
		return store.Compare{Field: store.Attr(store.ResourceScope, "service.name"), Value: span.StringValue(name)}
	}
	regex, err := store.NewRegex(d.value[:20] + ".*")
	if err != nil {
		b.Fatal(err)
	}
	suffix, err := store.NewRegex(".*" + d.value[20:])
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		where store.Predicate
	}{
		{"all", nil},
		{"service and duration", store.And{service("frontend-proxy"), store.Compare{Field: store.Of(store.Duration), Op: store.GreaterEqual, Value: span.IntValue(100e6)}}},
		{"service and no duration", store.And{service("frontend-proxy"), store.Compare{Field: store.Of(store.Duration), Op: store.GreaterEqual, Value: span.IntValue(100e12)}}},
		{"service and rare duration", store.And{service("cart"), store.Compare{Field: store.Of(store.Duration), Op: store.GreaterEqual, Value: span.IntValue(100e9)}}},
		{"attribute", store.Compare{Field: store.Attr(store.SpanScope, "app.product.id"), Value: span.StringValue("HQTGWGPNH4")}},
		{"attribute in any scope", store.Compare{Field: store.Attr(store.AnyScope, "app.product.id"), Value: span.StringValue("HQTGWGPNH4")}},
		{"number", store.Compare{Field: store.Attr(store.SpanScope, "http.response_content_length"), Op: store.GreaterEqual, Value: span.IntValue(100_000)}},
		{"error", store.Compare{Field: store.Of(store.Status), Value: span.IntValue(2)}},
		{"rare value", store.Compare{Field: requestID, Value: span.StringValue(d.value)}},
		{"unknown value", store.Compare{Field: requestID, Value: span.StringValue("00000000-0000-0000-0000-000000000000")}},
		{"rare value by regex", store.Matches{Field: requestID, Regex: regex}},
		{"rare value by its end", store.Matches{Field: requestID, Regex: suffix}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var stats store.ScanStats
			for b.Loop() {
				var enough atomic.Uint64
				q := &store.Query{Needs: []store.Predicate{c.where}, Where: []store.Predicate{c.where}, Enough: enough.Load}
				res, err := d.engine.Scan(context.Background(), store.DefaultTenant, q, func(_ int, c store.Chunk) error {
					if c.Where(0).Count() >= 20 {
						enough.Store(c.Traces()[0].Start)
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				stats = res.Stats
			}
			b.ReportMetric(float64(stats.ChunksRead), "chunks")
		})
	}
}

func BenchmarkNames(b *testing.B) {
	d := openBench(b)
	ctx := context.Background()
	for name, f := range map[string]func() error{
		"services": func() error {
			_, err := d.engine.Services(ctx, store.DefaultTenant, store.TimeRange{})
			return err
		},
		"keys": func() error {
			_, err := d.engine.AttributeKeys(ctx, store.DefaultTenant, store.TimeRange{})
			return err
		},
		"values": func() error {
			_, err := d.engine.AttributeValues(ctx, store.DefaultTenant, store.Attr(store.SpanScope, "app.product.id"), store.TimeRange{}, 100)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
