// Package derive makes metrics out of spans before any of them is sampled away:
// rate, errors and duration of each operation, by the names and labels of
// Tempo's metrics-generator.
package derive

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

// Histograms says in which form durations are told.
type Histograms string

// The forms: buckets with fixed bounds, Prometheus' native ones, or both.
const (
	Classic Histograms = "classic"
	Native  Histograms = "native"
	Both    Histograms = "both"
)

// Config configures Metrics.
type Config struct {
	// Intrinsic are the labels of span metrics that are made of what every span
	// has: service, span_name, span_kind, status_code, status_message.
	Intrinsic []string
	// Dimensions are keys of resource or span attributes that become labels: KEY, or LABEL=KEY where the label has a name
	// of its own, or LABEL=KEY+KEY of several, the values of which have a / between them.
	Dimensions []string
	// Multiplier is the key of an attribute with the share of spans that was
	// sampled, for spans whose trace state does not tell; "" is none.
	Multiplier string
	// TargetInfo adds traces_target_info, and the labels job and instance.
	TargetInfo bool
	// TargetInfoExclude are keys of resource attributes that traces_target_info does not have.
	TargetInfoExclude []string
	Histograms        Histograms
	// Buckets are the upper bounds of classic histograms, in seconds, ascending.
	Buckets []float64
	// MaxSeries is how many series of labels there are of each tenant; what
	// comes on top counts in one series that is labelled as overflow.
	MaxSeries int
	// MaxLabelValues is how many values a label has; others are labelled as overflow.
	MaxLabelValues int
	// Idle is after what time a series is dropped to which nothing was added.
	Idle time.Duration
	// ClusterNames joins span names that differ in ids and numbers alone.
	ClusterNames bool
	// GraphBuckets are the bounds of the service graph's classic histograms.
	GraphBuckets []float64
	// GraphDimensions are keys of resource or span attributes of either side of
	// a call that become labels of the service graph; with GraphPrefix they
	// become two, client_ and server_.
	GraphDimensions []string
	GraphPrefix     bool
	// VirtualNodeLabel adds the label virtual_node: which side sends no spans, client or server.
	VirtualNodeLabel bool
	// ConnectionInfo adds traces_service_graph_connection_info.
	ConnectionInfo bool
	// Peers are keys of span attributes that name a peer which sends no spans, the first one that is there.
	Peers []string
	// CallWait is how long one side of a call waits for the other.
	CallWait time.Duration
	// MaxCalls is how many calls wait at once.
	MaxCalls int
	// Kept says what becomes of a trace, of which the randomness is given too,
	// as sampling sees it. Only traces that are kept are shown as exemplars. It is asked
	// again as long as it says Undecided, and answers fast. nil keeps all.
	Kept func(tenant string, id span.TraceID, randomness uint64) Decision
	// KeptWithin is after what time a trace that is undecided still is given up; 0 is never.
	KeptWithin time.Duration
	// Registerer counts what is sent of the metrics, and whether it is taken; nil does not.
	Registerer prometheus.Registerer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// The labels that can be in Config.Intrinsic.
const (
	service       = "service"
	spanName      = "span_name"
	spanKind      = "span_kind"
	statusCode    = "status_code"
	statusMessage = "status_message"
)

// IntrinsicLabels are those that Config.Intrinsic can have.
func IntrinsicLabels() []string {
	return []string{service, spanName, spanKind, statusCode, statusMessage}
}

// DefaultConfig has Tempo's labels and buckets.
func DefaultConfig() Config {
	c := Config{Intrinsic: []string{service, spanName, spanKind, statusCode}, Histograms: Both,
		MaxSeries: 50_000, MaxLabelValues: 10_000, Idle: 15 * time.Minute,
		// Those of Tempo, then others by which OpenTelemetry's instrumentations name whom they call.
		Peers: []string{"peer.service", "db.name", "db.system", "db.system.name", "service.peer.name",
			"messaging.destination.name", "messaging.system", "server.address", "net.peer.name"},
		CallWait: 10 * time.Second, MaxCalls: 100_000}
	for bound := 0.002; len(c.Buckets) < 14; bound *= 2 {
		c.Buckets = append(c.Buckets, bound)
	}
	for bound := 0.1; len(c.GraphBuckets) < 8; bound *= 2 {
		c.GraphBuckets = append(c.GraphBuckets, bound)
	}
	return c
}

// labelNames are the labels of span metrics, in the order in which series have their values.
func (c *Config) labelNames() []string {
	names := slices.Clone(c.Intrinsic)
	if c.TargetInfo {
		names = append(names, "job", "instance")
	}
	own := append(IntrinsicLabels(), "job", "instance", boundLabel, nameLabel)
	for _, d := range c.Dimensions {
		name, _ := splitDimension(d)
		names = append(names, dimensionName(name, own))
	}
	return names
}

// edgeLabels is how many labels every edge has.
const edgeLabels = 3

// edgeNames are the labels of the service graph.
func (c *Config) edgeNames() []string {
	names := []string{"client", "server", "connection_type"}
	own := append(slices.Clone(names), boundLabel, nameLabel)
	if c.VirtualNodeLabel {
		own = append(own, virtualNode)
	}
	for _, key := range c.GraphDimensions {
		if c.GraphPrefix {
			names = append(names, labelName("client_"+key), labelName("server_"+key))
		} else {
			names = append(names, dimensionName(key, own))
		}
	}
	if c.VirtualNodeLabel {
		names = append(names, virtualNode)
	}
	return names
}

// check fills in what is not set and returns what is wrong.
func (c *Config) check() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case c.Histograms != Classic && c.Histograms != Native && c.Histograms != Both:
		return fmt.Errorf("histograms %q are neither classic, native nor both", c.Histograms)
	case !ascends(c.Buckets) || !ascends(c.GraphBuckets):
		return fmt.Errorf("the bounds of buckets %v and %v do not ascend", c.Buckets, c.GraphBuckets)
	case c.MaxSeries <= 0 || c.MaxLabelValues <= 0 || c.MaxCalls <= 0 || c.Idle <= 0 || c.CallWait <= 0:
		return fmt.Errorf("the limits of series, label values and calls, and the times after which series are dropped and calls expire, have to be above 0")
	}
	for _, name := range c.Intrinsic {
		if !slices.Contains(IntrinsicLabels(), name) {
			return fmt.Errorf("label %q is none of %s", name, strings.Join(IntrinsicLabels(), ", "))
		}
	}
	for _, d := range c.Dimensions {
		if name, keys := splitDimension(d); name == "" || slices.Contains(keys, "") {
			return fmt.Errorf("the dimension %q names no attribute or no label: it is KEY, LABEL=KEY or LABEL=KEY+KEY", d)
		}
	}
	for _, names := range [][]string{c.labelNames(), c.edgeNames()} {
		slices.Sort(names)
		for i := 1; i < len(names); i++ {
			if names[i] == names[i-1] {
				return fmt.Errorf("two labels, or the keys of two attributes, would be the label %s", names[i])
			}
		}
	}
	return nil
}

func ascends(bounds []float64) bool {
	for i := range bounds {
		if i > 0 && !(bounds[i] > bounds[i-1]) {
			return false
		}
	}
	return len(bounds) > 0
}

// Metrics are those of all tenants. They are safe for concurrent use.
type Metrics struct {
	cfg  Config
	sent *prometheus.CounterVec // by receiver and outcome

	mu      sync.RWMutex
	tenants map[string]*tenant
}

// New returns Metrics without any span.
func New(cfg Config) (*Metrics, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("span metrics: %w", err)
	}
	m := &Metrics{cfg: cfg, tenants: map[string]*tenant{}, sent: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clew_span_metrics_requests_total",
		Help: "Requests with the metrics of spans, by receiver and outcome: sent, refused (they are not sent again) or failed.",
	}, []string{"receiver", "outcome"})}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(m.sent)
	}
	return m, nil
}

// Who takes metrics, and what becomes of a request with them.
const (
	toRemoteWrite = "remote-write"
	toOTLP        = "otlp"

	outcomeSent    = "sent"
	outcomeRefused = "refused"
	outcomeFailed  = "failed"
)

func (m *Metrics) count(receiver, outcome string) { m.sent.WithLabelValues(receiver, outcome).Inc() }

// Observe counts the spans of a batch, of which it keeps nothing.
func (m *Metrics) Observe(name string, b *span.Batch) {
	m.mu.RLock()
	t := m.tenants[name]
	m.mu.RUnlock()
	if t == nil {
		m.mu.Lock()
		if t = m.tenants[name]; t == nil {
			t = newTenant(&m.cfg, name)
			m.tenants[name] = t
		}
		m.mu.Unlock()
	}
	t.observe(b)
}

// Gatherer returns the metrics of one tenant.
func (m *Metrics) Gatherer(name string) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, _ := m.gather(name, 0)
		return families, nil
	})
}

// gather returns the metrics of one tenant, with the exemplars that are shown since after a time, in unix
// nanoseconds, and since when they are.
func (m *Metrics) gather(name string, after int64) ([]*dto.MetricFamily, time.Time) {
	m.mu.RLock()
	t := m.tenants[name]
	m.mu.RUnlock()
	if t == nil {
		return nil, m.cfg.Now()
	}
	return t.gather(after)
}

// Tenants returns those that sent spans, sorted.
func (m *Metrics) Tenants() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	names := make([]string, 0, len(m.tenants))
	for name := range m.tenants {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func family(name, help string, kind dto.MetricType, metrics []*dto.Metric) []*dto.MetricFamily {
	if len(metrics) == 0 {
		return nil
	}
	return []*dto.MetricFamily{{Name: proto.String(name), Help: proto.String(help), Type: kind.Enum(), Metric: metrics}}
}
