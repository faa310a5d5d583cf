package clew

import (
	"log/slog"
	"sync"
	"time"
)

const reportInterval = time.Minute

// reporter logs the errors of tracing, at most one in reportInterval: a
// collector that is down is no reason to fill the log of the application.
type reporter struct {
	log *slog.Logger // nil: slog.Default() at the time
	now func() time.Time

	mu      sync.Mutex
	next    time.Time
	skipped int
}

// Handle implements otel.ErrorHandler.
func (r *reporter) Handle(err error) {
	r.mu.Lock()
	now := r.now()
	if now.Before(r.next) {
		r.skipped++
		r.mu.Unlock()
		return
	}
	skipped := r.skipped
	r.next, r.skipped = now.Add(reportInterval), 0
	r.mu.Unlock()

	log := r.log
	if log == nil {
		log = slog.Default()
	}
	s := Counts()
	attrs := []any{"err", err, "more_errors", skipped, "spans_sent", s.Sent, "spans_failed", s.Failed, "spans_dropped", s.Dropped}
	if s := LogCounts(); s.Ended > 0 {
		attrs = append(attrs, "logs_sent", s.Sent, "logs_failed", s.Failed, "logs_dropped", s.Dropped)
	}
	log.Warn("tracing has a problem", attrs...)
}
