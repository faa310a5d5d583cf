package doctor

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// What was refused is told of the last quarter of an hour: what once was is no problem any more.
const (
	recently     = 15 * time.Minute
	historyEvery = time.Minute
)

// History has a server's own metrics about receiving as they were in the last minutes. It is safe for concurrent use.
type History struct {
	mu   sync.Mutex
	list []pastMetrics // oldest first
}

type pastMetrics struct {
	at       time.Time
	families []*dto.MetricFamily
}

// Watch notes the metrics now and every minute, until ctx ends.
func (h *History) Watch(ctx context.Context, from prometheus.Gatherer) {
	tick := time.NewTicker(historyEvery)
	defer tick.Stop()
	for {
		if families, err := from.Gather(); err == nil { // else there is none of this minute
			h.note(time.Now(), families)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *History) note(at time.Time, families []*dto.MetricFamily) {
	var kept []*dto.MetricFamily
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "clew_ingest_") {
			kept = append(kept, f)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, pastMetrics{at, kept})
	for len(h.list) > 1 && at.Sub(h.list[1].at) >= recently {
		h.list = h.list[1:]
	}
}

// Earlier returns the metrics as they were a quarter of an hour ago, or as long ago as is known; no time if nothing is.
func (h *History) Earlier() (families []*dto.MetricFamily, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) == 0 {
		return nil, time.Time{}
	}
	return h.list[0].families, h.list[0].at
}

// since returns what counters have counted since they had earlier values. All else is as it is.
func (m metrics) since(earlier metrics) metrics {
	key := func(name string, one *dto.Metric) string {
		var b strings.Builder
		b.WriteString(name)
		for _, l := range one.GetLabel() {
			b.WriteString("\x00" + l.GetName() + "\x00" + l.GetValue())
		}
		return b.String()
	}
	before := map[string]float64{}
	for name, list := range earlier {
		for _, one := range list {
			before[key(name, one)] = one.GetCounter().GetValue()
		}
	}
	out := metrics{}
	for name, list := range m {
		for _, one := range list {
			if one.GetCounter() != nil {
				one = &dto.Metric{Label: one.GetLabel(), Counter: &dto.Counter{Value: proto.Float64(one.GetCounter().GetValue() - before[key(name, one)])}}
			}
			out[name] = append(out[name], one)
		}
	}
	return out
}
