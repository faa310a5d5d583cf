package sample

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/store"
)

// tailMetrics counts what tail sampling does.
type tailMetrics struct {
	traces             *prometheus.CounterVec
	kept, dropped      prometheus.Counter
	unjudged, failures prometheus.Counter
	seconds            prometheus.Counter
}

// newTailMetrics registers the metrics; reg may be nil.
func newTailMetrics(reg prometheus.Registerer) *tailMetrics {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clew_tail_spans_total", Help: "Spans that tail sampling decided about."}, []string{"decision"})
	m := &tailMetrics{
		traces:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clew_tail_traces_total", Help: "Traces that tail sampling decided about, by policy; none is empty."}, []string{"policy", "decision"}),
		kept:     spans.WithLabelValues("kept"),
		dropped:  spans.WithLabelValues("dropped"),
		unjudged: prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_tail_unjudged_traces_total", Help: "Traces that stay because they could not be read when they were to be decided."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_tail_failures_total", Help: "Attempts to decide a slice that failed."}),
		seconds:  prometheus.NewCounter(prometheus.CounterOpts{Name: "clew_tail_decision_seconds_total", Help: "Time spent on decisions, thinning included."}),
	}
	if reg != nil {
		reg.MustRegister(m.traces, spans, m.unjudged, m.failures, m.seconds)
	}
	return m
}

func (m *tailMetrics) add(s *slice, verdicts []verdict, thinned store.Thinned, took time.Duration) {
	counts := map[[2]string]int{}
	for _, v := range verdicts {
		if v.policy == byEarlier {
			continue
		}
		decision := "dropped"
		if v.kept {
			decision = "kept"
		}
		counts[[2]string{s.policies.nameOf(v.policy), decision}]++
	}
	for labels, n := range counts {
		m.traces.WithLabelValues(labels[0], labels[1]).Add(float64(n))
	}
	m.kept.Add(float64(thinned.KeptSpans))
	m.dropped.Add(float64(thinned.DroppedSpans))
	m.seconds.Add(took.Seconds())
}
