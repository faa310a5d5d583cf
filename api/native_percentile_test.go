package api

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/clewhq/clew/span"
)

func TestPercentile(t *testing.T) {
	var rows []span.Span
	at := uint64(recordedAt.UnixNano()) - 60e9
	for i := range 100 {
		s := span.Span{
			TraceID: span.TraceID{0: 1, 15: byte(i)}, SpanID: span.SpanID{1}, Name: "GET", Kind: 2, Start: at, End: at + uint64(i+1)*1e6,
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}},
		}
		rows = append(rows, s)
		s.SpanID, s.Kind, s.End = span.SpanID{2}, 3, at+1e9 // is no server
		rows = append(rows, s)
		s.SpanID, s.Kind, s.Name = span.SpanID{3}, 2, "PUT"
		rows = append(rows, s)
		s.SpanID, s.Name, s.Start, s.End = span.SpanID{4}, "GET", at-7200e9, at // too early
		rows = append(rows, s)
	}
	r := filled(t, rows...)
	p := read[PercentileAnswer](t, r, "percentile", url.Values{"service": {"shop"}, "name": {"GET"}, "kind": {"server"}, "durationNanos": {"90500000"}})
	if p.Seen != 100 || p.Count != 100 || p.Estimated || p.Rank == nil || *p.Rank != 0.9 || p.MinNanos != 1e6 || p.MaxNanos != 100e6 {
		t.Errorf("%+v", p)
	}
	for _, q := range []struct{ got, want uint64 }{{p.P50Nanos, 50e6}, {p.P95Nanos, 95e6}, {p.P99Nanos, 99e6}} {
		if off := float64(q.got)/float64(q.want) - 1; off > 0.008 || off < -0.008 {
			t.Errorf("quantile %d, want about %d", q.got, q.want)
		}
	}
	total := 0.0
	for i, b := range p.Histogram {
		total += b.Count
		if b.FromNanos >= b.ToNanos || i > 0 && b.FromNanos != p.Histogram[i-1].ToNanos {
			t.Errorf("bucket %d is %+v", i, b)
		}
	}
	if total != 100 {
		t.Errorf("the histogram has %v spans", total)
	}
	if nobody := read[PercentileAnswer](t, r, "percentile", url.Values{"name": {"GET"}, "durationNanos": {"1"}}); nobody.Seen != 0 || nobody.Rank != nil {
		t.Errorf("spans without a service: %+v", nobody)
	}

	rows[0].TraceState = "ot=th:c" // one of four was kept
	weighted := read[PercentileAnswer](t, filled(t, rows[0], rows[4]), "percentile", url.Values{"service": {"shop"}, "name": {"GET"}, "durationNanos": {"1500000"}})
	if fmt.Sprint(weighted.Seen, weighted.Count, weighted.Estimated, *weighted.Rank) != "2 5 true 0.8" {
		t.Errorf("%+v", weighted)
	}
}
