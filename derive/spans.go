package derive

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

// overflow is the value of labels that have too many.
const overflow = "__cardinality_overflow__"

var (
	kindLabels   = []string{"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"}
	statusLabels = []string{"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"}
)

// enumLabel is the label of a number, the first one if OTLP does not know it.
func enumLabel(names []string, n int32) string {
	if n < 0 || int(n) >= len(names) {
		return names[0]
	}
	return names[n]
}

// tenant has the span metrics of one tenant.
type tenant struct {
	cfg   *Config
	name  string
	names []string // of the labels, in the order in which series have their values

	mu       sync.Mutex
	series   map[string]*series // by the values of the labels, each behind its length
	limits   []labelLimit       // of each label
	rest     *series            // counts what has no series of its own
	clusters *nameTree          // nil: names are left as they are
	targets  map[string]*target // by job and instance
	graph    *graph
	batch    map[batchKey]*series
	key      []byte // scratch
	values   []string
}

// batchKey is what tells the series of a span within one batch, if there are no dimensions.
type batchKey struct {
	resource     uint32
	name         span.Ref
	kind, status int32
	message      span.Ref
}

// series is one combination of labels.
type series struct {
	values  []string
	calls   float64
	bytes   float64
	latency *histogram
	seen    time.Time // when something was last added
}

// labelLimit follows how many values a label has.
type labelLimit struct {
	seen map[string]struct{}
	max  int
}

// allow returns the value, or the one for overflow if there are too many others.
func (l *labelLimit) allow(value string) string {
	if _, ok := l.seen[value]; ok {
		return value
	}
	if len(l.seen) >= l.max {
		return overflow
	}
	l.seen[strings.Clone(value)] = struct{}{}
	return value
}

func newTenant(cfg *Config, name string) *tenant {
	t := &tenant{
		cfg: cfg, name: name, names: []string{"service", "span_name", "span_kind", "status_code"},
		series: map[string]*series{}, batch: map[batchKey]*series{}, targets: map[string]*target{},
		graph: newGraph(cfg),
	}
	if cfg.StatusMessage {
		t.names = append(t.names, "status_message")
	}
	if cfg.TargetInfo {
		t.names = append(t.names, "job", "instance")
	}
	for _, key := range cfg.Dimensions {
		t.names = append(t.names, labelName(key))
	}
	for range t.names {
		t.limits = append(t.limits, labelLimit{map[string]struct{}{}, cfg.MaxLabelValues})
	}
	if cfg.ClusterNames {
		t.clusters = newNameTree()
	}
	t.values = make([]string, len(t.names))
	return t
}

// observe counts the spans of a batch.
func (t *tenant) observe(b *span.Batch) {
	now := t.cfg.Now()
	// What a span takes on the wire is known for the request as a whole.
	bytesEach := float64(len(b.Raw)) / float64(max(b.Len(), 1))
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.batch)
	for i := range b.Len() {
		s := t.find(b, i)
		weight := 1.0
		if state := b.States[i]; state != 0 {
			weight = span.AdjustedCount(b.Dict.String(state))
		}
		s.calls += weight
		s.bytes += bytesEach * weight
		s.seen = now
		s.latency.observe(float64(max(b.Duration(i), 0))/1e9, weight, exemplar{trace: b.TraceIDs[i], span: b.SpanIDs[i], at: b.Ends[i]})
		t.graph.observe(b, i, weight, now)
	}
	t.graph.expire(now)
}

// find returns the series of a span.
func (t *tenant) find(b *span.Batch, i int) *series {
	key := batchKey{resource: b.Resource[i], name: b.Names[i], kind: b.Kinds[i], status: b.Statuses[i]}
	if t.cfg.StatusMessage {
		key.message = b.Messages[i]
	}
	if len(t.cfg.Dimensions) == 0 {
		if s := t.batch[key]; s != nil {
			return s
		}
	}
	s := t.lookUp(t.labelsOf(b, i))
	t.batch[key] = s
	return s
}

// labelsOf returns the values of the labels of a span, in scratch.
func (t *tenant) labelsOf(b *span.Batch, i int) []string {
	name := b.Dict.String(b.Names[i])
	if t.clusters != nil {
		name = t.clusters.cluster(name)
	}
	values := append(t.values[:0], b.ServiceName(b.Resource[i]), name, enumLabel(kindLabels, b.Kinds[i]), enumLabel(statusLabels, b.Statuses[i]))
	if t.cfg.StatusMessage {
		values = append(values, b.Dict.String(b.Messages[i]))
	}
	if t.cfg.TargetInfo {
		job, instance := t.target(b, b.Resource[i])
		values = append(values, job, instance)
	}
	for _, key := range t.cfg.Dimensions {
		v, ok := b.Attr(b.Resources[b.Resource[i]].Attrs, key)
		if !ok {
			v, _ = b.Attr(b.Attrs[i], key)
		}
		values = append(values, textOf(v))
	}
	for i, v := range values {
		values[i] = valid(v)
	}
	return values
}

// textOf is a value as a label has it; lists and maps have none.
func textOf(v span.Value) string {
	switch v.Type {
	case span.String:
		return v.Str
	case span.Int:
		return strconv.FormatInt(v.Int(), 10)
	case span.Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case span.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return ""
}

// lookUp returns the series with these values.
func (t *tenant) lookUp(values []string) *series {
	if s := t.series[string(t.keyOf(values))]; s != nil {
		return s
	}
	for i, v := range values {
		values[i] = t.limits[i].allow(v)
	}
	key := t.keyOf(values)
	s := t.series[string(key)]
	switch {
	case s != nil:
	case len(t.series) < t.cfg.MaxSeries:
		s = t.newSeries(values)
		t.series[string(key)] = s
	default:
		if t.rest == nil {
			t.rest = t.newSeries(slices.Repeat([]string{overflow}, len(t.names)))
		}
		s = t.rest
	}
	return s
}

func (t *tenant) newSeries(values []string) *series {
	s := &series{values: make([]string, len(values)), latency: newHistogram(t.cfg.Buckets)}
	for i, v := range values {
		s.values[i] = strings.Clone(v) // it is part of a batch, which would stay with it
	}
	return s
}

func (t *tenant) keyOf(values []string) []byte {
	t.key = t.key[:0]
	for _, v := range values {
		t.key = binary.AppendUvarint(t.key, uint64(len(v)))
		t.key = append(t.key, v...)
	}
	return t.key
}

// gather returns the metrics, and drops series that are idle.
func (t *tenant) gather() []*dto.MetricFamily {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	t.graph.expire(now)
	t.dropIdle(now.Add(-t.cfg.Idle))
	list := make([]*series, 0, len(t.series)+1)
	for _, s := range t.series {
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y *series) int { return slices.Compare(x.values, y.values) })
	if t.rest != nil {
		list = append(list, t.rest)
	}
	kept := func(id span.TraceID) bool { return t.cfg.Kept(t.name, id) }
	var calls, sizes, latencies []*dto.Metric
	for _, s := range list {
		pairs := t.pairs(s)
		calls = append(calls, &dto.Metric{Label: pairs, Counter: &dto.Counter{Value: proto.Float64(s.calls)}})
		sizes = append(sizes, &dto.Metric{Label: pairs, Counter: &dto.Counter{Value: proto.Float64(s.bytes)}})
		latencies = append(latencies, &dto.Metric{Label: pairs, Histogram: s.latency.write(t.cfg.Histograms, kept)})
	}
	return slices.Concat(
		t.graph.gather(kept),
		family("traces_spanmetrics_calls_total", "Spans, counted by what each stands for.", dto.MetricType_COUNTER, calls),
		family("traces_spanmetrics_latency", "Duration of spans in seconds.", dto.MetricType_HISTOGRAM, latencies),
		family("traces_spanmetrics_size_total", "Bytes of spans as they were sent.", dto.MetricType_COUNTER, sizes),
		family("traces_target_info", "Resources that sent spans.", dto.MetricType_GAUGE, t.targetInfo()),
	)
}

func (t *tenant) pairs(s *series) labels {
	pairs := make(labels, len(t.names))
	for i, name := range t.names {
		pairs[i] = label(name, s.values[i])
	}
	return pairs.sorted()
}

func (t *tenant) dropIdle(before time.Time) {
	t.graph.dropIdle(before)
	dropped := false
	for key, s := range t.series {
		if s.seen.Before(before) {
			delete(t.series, key)
			dropped = true
		}
	}
	for key, target := range t.targets {
		if target.seen.Before(before) {
			delete(t.targets, key)
		}
	}
	if dropped { // values that are left count anew
		for i := range t.limits {
			clear(t.limits[i].seen)
		}
		for _, s := range t.series {
			for i, v := range s.values {
				if v != overflow {
					t.limits[i].seen[v] = struct{}{}
				}
			}
		}
		clear(t.batch)
	}
}

// target is a resource that sends spans, as traces_target_info tells it.
type target struct {
	labels labels
	seen   time.Time
}

// target returns job and instance of a resource, and notes it.
func (t *tenant) target(b *span.Batch, resource uint32) (job, instance string) {
	job = b.ServiceName(resource)
	attrs := b.Resources[resource].Attrs
	if ns, ok := b.Attr(attrs, "service.namespace"); ok && textOf(ns) != "" {
		job = textOf(ns) + "/" + job
	}
	if id, ok := b.Attr(attrs, "service.instance.id"); ok {
		instance = textOf(id)
	}
	key := job + "\x00" + instance
	known := t.targets[key]
	if known == nil {
		if len(t.targets) >= t.cfg.MaxSeries {
			return job, instance
		}
		known = &target{labels: labels{label("job", strings.Clone(job)), label("instance", strings.Clone(instance))}}
		taken := map[string]bool{"job": true, "instance": true, "service_name": true, "service_namespace": true, "service_instance_id": true}
		for key, v := range b.AllAttrs(attrs) {
			if name := labelName(key); !taken[name] {
				taken[name] = true
				known.labels = append(known.labels, label(name, valid(strings.Clone(textOf(v)))))
			}
		}
		known.labels = known.labels.sorted()
		t.targets[key] = known
	}
	known.seen = t.cfg.Now()
	return job, instance
}

func (t *tenant) targetInfo() []*dto.Metric {
	var list []*dto.Metric
	for _, target := range t.targets {
		list = append(list, &dto.Metric{Label: target.labels, Gauge: &dto.Gauge{Value: proto.Float64(1)}})
	}
	slices.SortFunc(list, func(x, y *dto.Metric) int {
		return slices.CompareFunc(x.Label, y.Label, func(a, b *dto.LabelPair) int {
			return cmp.Or(strings.Compare(a.GetName(), b.GetName()), strings.Compare(a.GetValue(), b.GetValue()))
		})
	})
	return list
}
