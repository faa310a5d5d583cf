package traceql

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

const (
	memoryRows       = 4096
	memoryChunkCount = 32
	memoryTimes      = 16
	memoryStart      = uint64(1_800_000_000_000_000_000)
	// memoryGap is how far neighbouring spans lie apart: a chunk takes 41 s.
	memoryGap = uint64(10 * time.Millisecond)
)

// newMemoryChunks makes chunks of traces of about 16 spans of 20 services, with an attribute of many kinds each.
func newMemoryChunks(n int) []*memoryChunk {
	rng := rand.New(rand.NewPCG(1, 1))
	dicts := map[string]*memoryValues{}
	dict := func(name string, size int) *memoryValues {
		if dicts[name] == nil {
			dicts[name] = &memoryValues{}
			for i := range size {
				*dicts[name] = append(*dicts[name], span.StringValue(fmt.Sprintf("%s-%d", name, i)))
			}
		}
		return dicts[name]
	}
	chunks := make([]*memoryChunk, n)
	for i := range chunks {
		c := &memoryChunk{live: store.NewBitmap(memoryRows), columns: map[store.Field]*store.Column{}}
		c.live.Fill(0, memoryRows)
		c.parents = make([]int32, memoryRows)
		for row := range memoryRows {
			c.parents[row] = int32(row &^ 15)
			c.starts = append(c.starts, memoryStart+uint64(i*memoryRows+row)*memoryGap)
			c.ids = append(c.ids, span.SpanID(binary.BigEndian.AppendUint64(nil, rng.Uint64())))
			if row%16 == 0 {
				c.parents[row] = store.NoParent
				run := store.TraceRun{Start: c.starts[row], Lo: row, Hi: row + 16}
				binary.BigEndian.PutUint64(run.ID[8:], rng.Uint64())
				c.runs = append(c.runs, run)
			}
		}
		codes := func(f store.Field, name string, size, share int) {
			column := &store.Column{Dict: dict(name, size), Codes: make([]uint32, memoryRows)}
			for row := range column.Codes {
				column.Codes[row] = store.NoCode
				if (row/8)%share == 0 {
					column.Codes[row] = rng.Uint32N(uint32(size))
				}
			}
			c.columns[f] = column
		}
		nums := func(f store.Field, next func() uint64) {
			column := &store.Column{Type: span.Int, Nums: make([]uint64, memoryRows)}
			for row := range column.Nums {
				column.Nums[row] = next()
			}
			c.columns[f] = column
		}
		codes(serviceName, "service", 20, 1)
		codes(store.Of(store.Name), "operation", 200, 1)
		nums(store.Of(store.Duration), func() uint64 { return uint64(math.Exp(rng.NormFloat64()*2 + 15)) })
		nums(store.Of(store.Status), func() uint64 { return max(rng.Uint64N(50), 47) - 47 })
		nums(store.Of(store.Kind), func() uint64 { return rng.Uint64N(6) })
		for a := range 40 {
			f := store.Attr(store.SpanScope, fmt.Sprintf("attribute.%d", a))
			codes(f, f.Key, 1<<(a%12), 1+a%8)
			c.fields = append(c.fields, f)
		}
		chunks[i] = c
	}
	return chunks
}

// BenchmarkSeries measures what a span costs beyond its reading.
func BenchmarkSeries(b *testing.B) {
	from := &memoryStore{chunks: newMemoryChunks(memoryChunkCount), times: memoryTimes}
	e := &Engine{Store: from}
	all := SeriesOptions{Start: memoryStart, End: memoryStart + memoryChunkCount*memoryRows*memoryGap}
	for _, text := range []string{
		"{ } | rate()",
		"{ } | rate() by (resource.service.name)",
		"{ status = error } | rate() by (resource.service.name)",
		"{ } | rate() by (resource.service.name, name)",
		"{ } | rate() by (span.attribute.11)",
		"{ } | rate() by (kind)",
		"{ } | sum_over_time(duration) by (resource.service.name)",
		"{ } | max_over_time(duration) by (resource.service.name)",
		"{ } | quantile_over_time(duration, .5, .99)",
		"{ } | quantile_over_time(duration, .5, .99) by (resource.service.name)",
		"{ } | histogram_over_time(duration) by (resource.service.name)",
		"{ } | compare({ status = error })",
	} {
		q, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		for name, opts := range map[string]SeriesOptions{
			"range":     all,
			"instant":   {Start: all.Start, End: all.End, Instant: true},
			"exemplars": {Start: all.Start, End: all.End, Exemplars: 100},
		} {
			b.Run(text+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := e.Series(b.Context(), "t", q, opts); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*memoryChunkCount*memoryTimes*memoryRows), "ns/span")
			})
		}
	}
}
