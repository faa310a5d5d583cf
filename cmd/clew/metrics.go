package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/derive"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// newSpanMetrics returns the metrics that are made of spans; nil if there are none.
func newSpanMetrics(c config.SpanMetrics) (*derive.Metrics, error) {
	if c.Enabled != "on" {
		return nil, nil
	}
	cfg := derive.DefaultConfig()
	cfg.Dimensions, cfg.Histograms = c.Dimensions, derive.Histograms(c.Histograms)
	cfg.StatusMessage, cfg.TargetInfo, cfg.ClusterNames = c.StatusMessage == "on", c.TargetInfo == "on", c.ClusterNames == "on"
	cfg.MaxSeries, cfg.MaxLabelValues, cfg.Idle = c.MaxSeries, c.MaxLabelValues, c.Idle
	return derive.New(cfg)
}

// spanMetrics serves the metrics of the tenant that a request names.
func spanMetrics(m *derive.Metrics) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m == nil {
			http.Error(w, "no metrics are made of spans; start with --span-metrics.enabled=on", http.StatusNotFound)
			return
		}
		tenant := r.Header.Get(span.TenantHeader)
		if tenant == "" {
			tenant = store.DefaultTenant
		}
		promhttp.HandlerFor(m.Gatherer(tenant), promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
	})
}
