// Package derive makes metrics out of spans before any of them is sampled away:
// rate, errors and duration of each operation, by the names and labels of
// Tempo's metrics-generator.
package derive

import (
	"fmt"
	"regexp"
	"slices"
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
	// Dimensions are keys of span or resource attributes that become labels.
	Dimensions []string
	// StatusMessage adds the label status_message.
	StatusMessage bool
	// TargetInfo adds traces_target_info, and the labels job and instance.
	TargetInfo bool
	Histograms Histograms
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
	// CallWait is how long one side of a call waits for the other.
	CallWait time.Duration
	// MaxCalls is how many calls wait at once.
	MaxCalls int
	// Kept reports whether a trace may be shown as an exemplar; nil means all.
	Kept func(tenant string, id span.TraceID) bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// DefaultConfig has Tempo's buckets.
func DefaultConfig() Config {
	c := Config{Histograms: Both, MaxSeries: 50_000, MaxLabelValues: 10_000, Idle: 15 * time.Minute,
		CallWait: 10 * time.Second, MaxCalls: 100_000}
	for bound := 0.002; len(c.Buckets) < 14; bound *= 2 {
		c.Buckets = append(c.Buckets, bound)
	}
	for bound := 0.1; len(c.GraphBuckets) < 8; bound *= 2 {
		c.GraphBuckets = append(c.GraphBuckets, bound)
	}
	return c
}

// check fills in what is not set and returns what is wrong.
func (c *Config) check() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Kept == nil {
		c.Kept = func(string, span.TraceID) bool { return true }
	}
	switch {
	case c.Histograms != Classic && c.Histograms != Native && c.Histograms != Both:
		return fmt.Errorf("histograms %q are neither classic, native nor both", c.Histograms)
	case !ascends(c.Buckets) || !ascends(c.GraphBuckets):
		return fmt.Errorf("the bounds of buckets %v and %v do not ascend", c.Buckets, c.GraphBuckets)
	case c.MaxSeries <= 0 || c.MaxLabelValues <= 0 || c.MaxCalls <= 0 || c.Idle <= 0 || c.CallWait <= 0:
		return fmt.Errorf("the limits of series, label values and calls, and the times after which series are dropped and calls expire, have to be above 0")
	}
	taken := map[string]string{}
	for _, name := range []string{"service", "span_name", "span_kind", "status_code", "status_message", "job", "instance"} {
		taken[name] = "a label of its own"
	}
	for _, key := range c.Dimensions {
		name := labelName(key)
		if other, ok := taken[name]; ok {
			return fmt.Errorf("dimension %q would be the label %s, which is %s", key, name, other)
		}
		taken[name] = "that of " + key
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

var notInLabels = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// labelName is a key as Prometheus allows it.
func labelName(key string) string {
	name := notInLabels.ReplaceAllString(key, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// Metrics are those of all tenants. They are safe for concurrent use.
type Metrics struct {
	cfg Config

	mu      sync.RWMutex
	tenants map[string]*tenant
}

// New returns Metrics without any span.
func New(cfg Config) (*Metrics, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("span metrics: %w", err)
	}
	return &Metrics{cfg: cfg, tenants: map[string]*tenant{}}, nil
}

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
		m.mu.RLock()
		t := m.tenants[name]
		m.mu.RUnlock()
		if t == nil {
			return nil, nil
		}
		return t.gather(), nil
	})
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
