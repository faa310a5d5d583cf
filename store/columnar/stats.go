package columnar

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// engineStats counts what an engine does, and is its prometheus.Collector.
type engineStats struct {
	e   *Engine
	wal walStats

	spans   atomic.Uint64 // taken in since the start
	flushes atomic.Uint64
	merges  atomic.Uint64
	expired atomic.Uint64 // spans dropped by retention
	thinned atomic.Uint64 // spans of traces that did not stay
}

func newEngineStats(e *Engine) *engineStats { return &engineStats{e: e} }

type statDesc struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*engineStats) float64
}

func counter(name, help string, value func(*engineStats) float64) statDesc {
	return statDesc{prometheus.NewDesc("clew_store_"+name, help, nil, nil), prometheus.CounterValue, value}
}

var statDescs = []statDesc{
	counter("spans_written_total", "Spans taken in.", func(s *engineStats) float64 { return float64(s.spans.Load()) }),
	counter("spans_expired_total", "Spans dropped because of their age or the store's size.", func(s *engineStats) float64 { return float64(s.expired.Load()) }),
	counter("spans_thinned_total", "Spans dropped because their trace was sampled out.", func(s *engineStats) float64 { return float64(s.thinned.Load()) }),
	counter("flushes_total", "Heads written as blocks.", func(s *engineStats) float64 { return float64(s.flushes.Load()) }),
	counter("merges_total", "Merges of blocks.", func(s *engineStats) float64 { return float64(s.merges.Load()) }),
	counter("read_bytes_total", "Bytes read from block files.", func(s *engineStats) float64 { return float64(s.e.cache.read.Load()) }),
	counter("wal_records_total", "Requests appended to the write-ahead log.", func(s *engineStats) float64 { return float64(s.wal.records.Load()) }),
	counter("wal_bytes_total", "Bytes appended to the write-ahead log.", func(s *engineStats) float64 { return float64(s.wal.bytes.Load()) }),
	counter("wal_syncs_total", "Fsyncs of the write-ahead log.", func(s *engineStats) float64 { return float64(s.wal.syncs.Load()) }),
	counter("wal_sync_seconds_total", "Time spent in fsyncs of the write-ahead log.", func(s *engineStats) float64 {
		return time.Duration(s.wal.syncNanos.Load()).Seconds()
	}),
	counter("wal_errors_total", "Failed writes and fsyncs of the write-ahead log.", func(s *engineStats) float64 {
		return float64(s.wal.writeErrors.Load() + s.wal.syncErrors.Load())
	}),
}

var gaugeDescs = []*prometheus.Desc{
	prometheus.NewDesc("clew_store_blocks", "Blocks on disk.", []string{"tenant"}, nil),
	prometheus.NewDesc("clew_store_block_bytes", "Size of the blocks on disk.", []string{"tenant"}, nil),
	prometheus.NewDesc("clew_store_block_spans", "Spans in blocks.", []string{"tenant"}, nil),
	prometheus.NewDesc("clew_store_head_bytes", "Memory of the spans that are not in a block yet.", []string{"tenant"}, nil),
	prometheus.NewDesc("clew_store_head_spans", "Spans that are not in a block yet.", []string{"tenant"}, nil),
	prometheus.NewDesc("clew_store_wal_bytes", "Size of the write-ahead log on disk.", []string{"tenant"}, nil),
	prometheus.NewDesc("clew_store_damaged_blocks", "Blocks that were set aside because they are damaged.", []string{"tenant"}, nil),
}

// Describe implements prometheus.Collector.
func (s *engineStats) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range statDescs {
		ch <- d.desc
	}
	for _, d := range gaugeDescs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *engineStats) Collect(ch chan<- prometheus.Metric) {
	for _, d := range statDescs {
		ch <- prometheus.MustNewConstMetric(d.desc, d.kind, d.value(s))
	}
	s.e.mu.RLock()
	defer s.e.mu.RUnlock()
	for name, t := range s.e.tenants {
		for i, v := range t.sizes() {
			ch <- prometheus.MustNewConstMetric(gaugeDescs[i], prometheus.GaugeValue, v, name)
		}
	}
}

// sizes returns the values of gaugeDescs.
func (t *tenant) sizes() [7]float64 {
	t.state.RLock()
	defer t.state.RUnlock()
	var v [7]float64
	v[0] = float64(len(t.blocks))
	for _, b := range t.blocks {
		v[1] += float64(b.size)
		v[2] += float64(b.meta.Rows)
	}
	for _, h := range append([]*head{t.head}, t.sealed...) {
		h.mu.RLock()
		v[3] += float64(h.size())
		v[4] += float64(h.rows)
		h.mu.RUnlock()
	}
	v[5], v[6] = float64(t.wal.size()), float64(len(t.gaps))
	return v
}
