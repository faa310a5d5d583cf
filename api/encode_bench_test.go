package api

import (
	"io"
	"testing"

	"github.com/clewhq/clew/span"
)

// BenchmarkEncode writes a trace of 10,000 recorded spans; ns/op is for one span.
func BenchmarkEncode(b *testing.B) {
	rows := recorded(b)
	batch := &span.Batch{}
	for i := range 10_000 {
		s := rows[i%len(rows)]
		s.SpanID = span.SpanID{0: 1, 6: byte(i >> 8), 7: byte(i)}
		batch.Append(&s)
	}
	for name, encode := range map[string]func(io.Writer) error{
		"protobuf": func(w io.Writer) error { return WriteOTLP(w, batch) },
		"json":     func(w io.Writer) error { return WriteOTLPJSON(w, "batches", batch) },
		"jaeger": func(w io.Writer) error {
			j := newJSON(w)
			writeJaegerTrace(j, storeTrace(batch), false)
			return j.err
		},
		"zipkin": func(w io.Writer) error {
			j := newJSON(w)
			writeZipkinTrace(j, batch)
			return j.err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var out counter
			for i := 0; i < b.N; i += batch.Len() {
				if err := encode(&out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(out.bytes)/float64(b.N), "B/span")
		})
	}
}
