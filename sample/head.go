package sample

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/clewhq/clew/span"
)

// Head is head sampling: what SDKs are told. A service that the file of
// strategies names is told that; others what adaptive sampling finds, if it is
// on, else the file's default.
type Head struct {
	source   *Source
	adaptive *Adaptive // nil if it is off
	log      *slog.Logger
}

// NewHead returns head sampling from a source; adaptive may be nil.
func NewHead(source *Source, adaptive *Adaptive, log *slog.Logger) *Head {
	return &Head{source, adaptive, log}
}

// Run reloads the file at an interval and adapts, until ctx ends.
func (h *Head) Run(ctx context.Context, reload time.Duration) {
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() { h.source.Watch(ctx, reload) })
	if h.adaptive == nil {
		return
	}
	tick := time.NewTicker(h.adaptive.cfg.CalculationInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.adaptive.Calculate(); err != nil {
				h.log.Error("adaptive sampling", "err", err)
			}
		}
	}
}

// Strategy returns what a service is told.
func (h *Head) Strategy(service string) *Response {
	r, named := h.source.Current().Of(service)
	if named || h.adaptive == nil {
		return r
	}
	return h.adaptive.Strategy(service)
}

// Adaptive returns adaptive sampling, nil if it is off.
func (h *Head) Adaptive() *Adaptive { return h.adaptive }

// Observe counts the root spans of a batch.
func (h *Head) Observe(_ string, b *span.Batch) {
	if h.adaptive == nil {
		return
	}
	for i, parent := range b.Parents {
		if parent != (span.SpanID{}) {
			continue
		}
		weight := 0.0
		if t, ok := span.StateThreshold(b.Dict.String(b.States[i])); ok {
			weight = t.AdjustedCount()
		}
		h.adaptive.Observe(b.ServiceName(b.Resource[i]), b.Dict.String(b.Names[i]), weight)
	}
}
