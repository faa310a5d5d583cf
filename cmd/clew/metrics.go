package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/derive"
	"github.com/clewhq/clew/internal/selfobs"
	"github.com/clewhq/clew/pipeline"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// newSpanMetrics returns the metrics that are made of spans; nil if there are none.
func (s *server) newSpanMetrics(reg prometheus.Registerer) (*derive.Metrics, error) {
	if s.cfg.SpanMetrics.Enabled != "on" {
		return nil, nil
	}
	cfg := spanMetricsConfig(s.cfg.SpanMetrics)
	cfg.Registerer = reg
	if s.tail != nil {
		cfg.Kept, cfg.KeptWithin = s.outcome, s.cfg.TailSampling.Window+recentDecisions(s.cfg.TailSampling.Window)
	}
	return derive.New(cfg)
}

func spanMetricsConfig(c config.SpanMetrics) derive.Config {
	cfg := derive.DefaultConfig()
	cfg.Intrinsic, cfg.Dimensions, cfg.Multiplier = c.Intrinsic, c.Dimensions, c.Multiplier
	cfg.Histograms, cfg.ClusterNames = derive.Histograms(c.Histograms), c.ClusterNames == "on"
	cfg.TargetInfo, cfg.TargetInfoExclude = c.TargetInfo == "on", c.TargetInfoExclude
	cfg.GraphDimensions, cfg.GraphPrefix, cfg.Peers = c.GraphDimensions, c.GraphPrefix == "on", c.GraphPeers
	cfg.VirtualNodeLabel, cfg.ConnectionInfo = c.VirtualNodeLabel == "on", c.ConnectionInfo == "on"
	cfg.MaxSeries, cfg.MaxLabelValues, cfg.Idle = c.MaxSeries, c.MaxLabelValues, c.Idle
	return cfg
}

// newPipeline makes what spans go through on their way to the engine, and
// what goes on beside it.
func (s *server) newPipeline(ctx context.Context, reg prometheus.Registerer) (err error) {
	if s.head, err = newHead(ctx, s.cfg.Sampling, s.cfg.DataDir, &http.Client{Transport: s.traced("read sampling strategies")}, s.log); err != nil {
		return fmt.Errorf("sampling: %w", err)
	}
	s.background = append(s.background, func(ctx context.Context) { s.head.Run(ctx, s.cfg.Sampling.ReloadInterval) })
	observers := []pipeline.Observer{s.head.Observe}
	if s.spanMetrics, err = s.newSpanMetrics(reg); err != nil {
		return err
	}
	if s.spanMetrics != nil {
		observers = append(observers, s.spanMetrics.Observe)
		err = s.sendSpanMetrics(ctx)
	}
	s.pipe = pipeline.New(s.engine, observers...)
	return err
}

// sendSpanMetrics sends the metrics of spans to where they are wanted.
func (s *server) sendSpanMetrics(ctx context.Context) error {
	c := s.cfg.SpanMetrics
	if c.RemoteWrite != "" {
		w, err := derive.NewRemoteWrite(s.spanMetrics, c.RemoteWrite, s.traced("write span metrics"), s.log)
		if err != nil {
			return err
		}
		s.background, s.last = append(s.background, func(ctx context.Context) { w.Run(ctx, c.Interval) }), append(s.last, w.Close)
	}
	if c.OTLPEndpoint != "" {
		o, err := derive.NewOTLP(ctx, s.spanMetrics, c.OTLPEndpoint, s.log)
		if err != nil {
			return err
		}
		s.background, s.last = append(s.background, func(ctx context.Context) { o.Run(ctx, c.Interval) }), append(s.last, o.Close)
	}
	return nil
}

// traced sends requests, and traces them with our own.
func (s *server) traced(purpose string) http.RoundTripper {
	return selfobs.Transport(s.tracing, purpose, http.DefaultTransport)
}

// processMetrics serves the metrics of this process. A request that names a tenant gets none of the others'.
func processMetrics(reg *prometheus.Registry) http.Handler {
	all := promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant := tenantNamed(r)
		if tenant == "" {
			all.ServeHTTP(w, r)
			return
		}
		own := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			families, err := reg.Gather()
			for _, f := range families {
				f.Metric = slices.DeleteFunc(f.Metric, func(m *dto.Metric) bool {
					return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == "tenant" && l.GetValue() != tenant })
				})
			}
			return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 }), err
		})
		promhttp.HandlerFor(own, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// tenantNamed returns the tenant that a request names, "" if none. Of several headers nobody knows which one the proxy
// set: together they name a tenant that cannot be.
func tenantNamed(r *http.Request) string {
	return strings.Join(r.Header.Values(span.TenantHeader), "|")
}

// spanMetrics serves the metrics of the tenant that a request names.
func spanMetrics(m *derive.Metrics) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m == nil {
			http.Error(w, "no metrics are made of spans; start with --span-metrics.enabled=on", http.StatusNotFound)
			return
		}
		tenant := tenantNamed(r)
		if tenant == "" {
			tenant = store.DefaultTenant
		}
		promhttp.HandlerFor(m.Gatherer(tenant), promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
	})
}
