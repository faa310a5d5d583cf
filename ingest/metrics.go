package ingest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/span"
)

// Values of the label protocol.
const (
	protocolGRPC          = "otlp-grpc"
	protocolHTTP          = "otlp-http"
	protocolJaegerThrift  = "jaeger-thrift-http"
	protocolJaegerGRPC    = "jaeger-grpc"
	protocolJaegerCompact = "jaeger-compact"
	protocolJaegerBinary  = "jaeger-binary"
	protocolZipkin        = "zipkin"
	protocolKafka         = "kafka"
	protocolLines         = "log-lines"
)

// metrics is what a Receiver counts.
type metrics struct {
	requests      *prometheus.CounterVec
	spans         *prometheus.CounterVec
	rejected      *prometheus.CounterVec
	records       *prometheus.CounterVec
	rejectedLogs  *prometheus.CounterVec
	receivedBytes *prometheus.CounterVec
	requestBytes  *prometheus.CounterVec
	dropped       *prometheus.CounterVec
	agents        agentDrops
	inflight      prometheus.Gauge
	lag           *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clew_ingest_" + name, Help: help}, labels)
	}
	m := &metrics{
		requests: counter("requests_total",
			"Requests by protocol and by the code they were answered with.", "protocol", "code"),
		spans: counter("spans_total",
			"Spans that were accepted.", "protocol"),
		rejected: counter("rejected_spans_total",
			"Spans that were left out of a request, by the id that was invalid.", "protocol", "reason"),
		records: counter("log_records_total",
			"Log records that were accepted.", "protocol"),
		rejectedLogs: counter("rejected_log_records_total",
			"Log records that were left out of a request: trace_id if they have none, malformed if they are lines that cannot be read.", "protocol", "reason"),
		receivedBytes: counter("received_bytes_total",
			"Bytes of requests as they came over the network.", "protocol"),
		requestBytes: counter("request_bytes_total",
			"Bytes of requests after decompression.", "protocol"),
		dropped: counter("dropped_packets_total",
			"Packets of Jaeger's agent protocol that were dropped, and why: socket_full, queue_full, malformed, not_stored.", "protocol", "reason"),
		inflight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "clew_ingest_inflight_bytes", Help: "Bytes of requests that are being worked on.",
		}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "clew_ingest_kafka_lag_messages", Help: "Messages of a partition that are not read yet.",
		}, []string{"topic", "partition"}),
	}
	m.agents.dropped = m.dropped
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.spans, m.rejected, m.records, m.rejectedLogs, m.receivedBytes, m.requestBytes, &m.agents, m.inflight, m.lag} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// agentDrops is the counter of packets that agents have dropped. What the kernel
// has dropped for them is added when the counter is read.
type agentDrops struct {
	dropped *prometheus.CounterVec

	mu     sync.Mutex
	agents []*JaegerAgent
}

func (d *agentDrops) add(a *JaegerAgent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.agents = append(d.agents, a)
}

// Describe implements prometheus.Collector.
func (d *agentDrops) Describe(ch chan<- *prometheus.Desc) { d.dropped.Describe(ch) }

// Collect implements prometheus.Collector.
func (d *agentDrops) Collect(ch chan<- prometheus.Metric) {
	d.mu.Lock()
	for _, a := range d.agents {
		a.countLost()
	}
	d.mu.Unlock()
	d.dropped.Collect(ch)
}

// answered counts a request by HTTP, unless it is the doctor's and was refused, as was to be found out.
func (m *metrics) answered(protocol string, req *http.Request, code int) {
	if code < 400 || !strings.HasPrefix(req.UserAgent(), span.ProbeAgent) {
		m.requests.WithLabelValues(protocol, strconv.Itoa(code)).Inc()
	}
}

// count counts the spans or log records of a request that was taken.
func (m *metrics) count(of *signal, protocol string, accepted int, rejected *Rejected) {
	in, out := m.spans, m.rejected
	if of == &logs {
		in, out = m.records, m.rejectedLogs
	}
	in.WithLabelValues(protocol).Add(float64(accepted))
	if rejected.Count == 0 {
		return
	}
	for kind, n := range rejected.by {
		if n > 0 {
			out.WithLabelValues(protocol, reasons[kind]).Add(float64(n))
		}
	}
}
