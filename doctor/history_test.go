package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestReceivingForgets: what was refused is told of for a quarter of an hour, and not for ever.
func TestReceivingForgets(t *testing.T) {
	reg := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clew_ingest_requests_total"}, []string{"protocol", "code"})
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clew_ingest_spans_total"}, []string{"protocol"})
	reg.MustRegister(requests, spans, prometheus.NewGauge(prometheus.GaugeOpts{Name: "clew_ingest_inflight_bytes"}))
	var h History
	start := time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC)
	said := func(now time.Time) string {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		h.note(now, families)
		s := &Subject{Metrics: families, Status: Status{Started: uint64(start.UnixNano()), Time: uint64(now.UnixNano())}}
		s.Earlier, s.EarlierAt = h.Earlier()
		var ids []string
		for _, f := range s.receiving(metricsOf(s.Metrics)) {
			ids = append(ids, f.ID)
		}
		return strings.Join(ids, " ")
	}
	if got := said(start); got != "nothing-received" {
		t.Errorf("at the start: %s", got)
	}
	requests.WithLabelValues("otlp-grpc", "ResourceExhausted").Add(3)
	spans.WithLabelValues("otlp-grpc").Add(100)
	for minute := 1; minute < 40; minute++ {
		spans.WithLabelValues("otlp-grpc").Add(100)
		want := "refused-overload spans-accepted"
		if minute > 15 { // the note of the first minute has them already
			want = "spans-accepted"
		}
		if got := said(start.Add(time.Duration(minute) * time.Minute)); got != want {
			t.Fatalf("in minute %d: %s, want %s", minute, got, want)
		}
	}
}
