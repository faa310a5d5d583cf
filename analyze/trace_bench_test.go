package analyze

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clewhq/clew/span"
)

// largeTrace makes a trace as a batch job leaves it: spans below others that began before them, a hundred names.
func largeTrace(n int) *span.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	b := new(span.Batch)
	ends := make([]uint64, n)
	for i := range n {
		s := row(0, 0, fmt.Sprintf("service-%d", i/7%20), int32(1+i%5), uint64(1_000_000+10*i), 0)
		s.SpanID, s.Name = spanID(uint64(i+1)*0x9E3779B97F4A7C15), fmt.Sprintf("operation-%d", rng.IntN(100))
		s.End = s.Start + uint64(rng.IntN(100_000))
		if i == 0 {
			s.End = s.Start + uint64(20*n)
		} else {
			up := max(0, i-1-rng.IntN(64))
			s.Parent = spanID(uint64(up+1) * 0x9E3779B97F4A7C15)
			s.End = max(s.Start, min(s.End, ends[up]))
		}
		ends[i] = s.End
		s.Attrs = []span.KeyValue{
			{Key: "http.method", Value: span.StringValue("GET")}, {Key: "http.status_code", Value: span.IntValue(int64(200 + i%3))},
			{Key: "request.id", Value: span.StringValue(fmt.Sprintf("%016x", rng.Uint64()))},
		}
		if i%1000 == 999 {
			s.Status = statusError
		}
		b.Append(&s)
	}
	return b
}

func BenchmarkTrace(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		spans := largeTrace(n)
		b.Run(fmt.Sprintf("%d/tree", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				NewTrace(spans)
			}
		})
		t := NewTrace(spans)
		for _, q := range []string{"operation-17 -GET", "duration > 50us", `{ name = "operation-3" && span.http.status_code = 201 }`} {
			b.Run(fmt.Sprintf("%d/find/%s", n, q), func(b *testing.B) {
				for b.Loop() {
					if _, err := t.Find(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
