package columnar

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// BenchmarkChunks measures looks through the whole store: ns/span is elapsed time by stored span.
func BenchmarkLook(b *testing.B) {
	d := openBench(b)
	service := store.Attr(store.ResourceScope, "service.name")
	slow := store.And{store.Compare{Field: service, Value: span.StringValue("product-catalog")},
		store.Compare{Field: store.Of(store.Duration), Op: store.Greater, Value: span.IntValue(5e12)}}
	unknown := store.Compare{Field: requestID, Value: span.StringValue("00000000-0000-0000-0000-000000000000")}
	for _, c := range []struct {
		name string
		q    store.Query
		look func(store.Chunk)
	}{
		{"unknown value", store.Query{Needs: []store.Predicate{unknown}, Where: []store.Predicate{unknown}}, func(store.Chunk) {}},
		{"service and no duration", store.Query{Needs: []store.Predicate{slow}, Where: []store.Predicate{slow}}, func(store.Chunk) {}},
		{"service", store.Query{Columns: []store.Field{service}, EachSpan: true}, func(c store.Chunk) { c.Column(service) }},
		{"service and start", store.Query{Columns: []store.Field{service}, EachSpan: true}, func(c store.Chunk) { c.Column(service); c.Starts() }},
		{"service and duration", store.Query{Columns: []store.Field{service}, EachSpan: true}, func(c store.Chunk) { c.Column(service); c.Column(store.Of(store.Duration)) }},
		{"summaries", store.Query{}, func(c store.Chunk) { store.Summaries(c) }},
		{"summaries made of rows", store.Query{Columns: store.SummaryFields()}, func(c store.Chunk) { store.Summarize(c, c.Traces()) }},
		{"all attributes", store.Query{}, func(c store.Chunk) {
			for _, f := range c.Attributes() {
				c.Column(f)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var rows atomic.Int64
			for b.Loop() {
				rows.Store(0)
				_, err := d.engine.Scan(context.Background(), store.DefaultTenant, &c.q, func(_ int, chunk store.Chunk) error {
					rows.Add(int64(chunk.Len()))
					c.look(chunk)
					return chunk.Err()
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(benchSpans(b)), "ns/span")
			b.ReportMetric(float64(rows.Load()), "rows")
		})
	}
}
