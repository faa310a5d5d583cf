package derive

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clewhq/clew/span"
)

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
	cfg     *Config
	name    string
	names   []string // of the labels, in the order in which series have their values
	message bool     // whether the message of a status is one of them
	ends    []int    // of the keys of each dimension, among those of all

	mu       sync.Mutex
	series   map[string]*series // by key
	limits   []labelLimit       // of each label
	rest     *series            // counts what has no series of its own
	clusters *nameTree          // nil: names are left as they are
	targets  targets
	graph    *graph
	texts    names

	// Of the batch that is observed:
	dimensions keySet // of all keys of dimensions
	multiplier keySet
	services   []string           // by resource
	batch      map[string]*series // by what tells the series of spans of the batch
	state      span.Ref           // a trace state, and what it says:
	stateText  string
	weight     float64
	key        []byte // scratch
}

// series is one combination of labels.
type series struct {
	values  []string
	calls   float64
	bytes   float64
	latency *histogram
	seen    int64 // when something was last added, unix nanoseconds
}

// labelLimit follows how many values a label has.
type labelLimit struct {
	seen map[string]string // to themselves
	max  int
}

// allow returns the value, of which all series have one copy, or the one for overflow if there are too many others.
func (l *labelLimit) allow(value string) string {
	if known, ok := l.seen[value]; ok {
		return known
	}
	if len(l.seen) >= l.max {
		return overflow
	}
	l.seen[value] = value
	return value
}

func newTenant(cfg *Config, name string) *tenant {
	t := &tenant{
		cfg: cfg, name: name, names: cfg.labelNames(), message: slices.Contains(cfg.Intrinsic, statusMessage), texts: names{},
		series: map[string]*series{}, batch: map[string]*series{},
		multiplier: newKeySet(cfg.Multiplier),
	}
	var keys []string
	for _, d := range cfg.Dimensions {
		_, of := splitDimension(d)
		keys = append(keys, of...)
		t.ends = append(t.ends, len(keys))
	}
	t.dimensions = newKeySet(keys...)
	t.graph = newGraph(cfg, t.texts)
	if cfg.TargetInfo {
		t.targets = newTargets(cfg)
	}
	for range t.names {
		t.limits = append(t.limits, labelLimit{map[string]string{}, cfg.MaxLabelValues})
	}
	if cfg.ClusterNames {
		t.clusters = newNameTree()
	}
	return t
}

// observe counts the spans of a batch.
func (t *tenant) observe(b *span.Batch) {
	// What a span takes on the wire is known for the request as a whole.
	bytesEach := float64(len(b.Raw)) / float64(max(b.Len(), 1))
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now().UnixNano()
	t.begin(b, now)
	for i := range b.Len() {
		s := t.find(b, i, now)
		weight := t.weightOf(b, i)
		e := exemplar{trace: b.TraceIDs[i], came: now}
		if t.cfg.Kept != nil {
			e.randomness = span.Randomness(t.stateText, e.trace)
		}
		s.calls += weight
		s.bytes += bytesEach * weight
		s.seen = now
		s.latency.observe(seconds(b, i), weight, &e)
		t.graph.observe(b, i, t.services[b.Resource[i]], weight, &e, now)
	}
	t.graph.expire(now)
}

// begin reads what spans of a batch have in common.
func (t *tenant) begin(b *span.Batch, now int64) {
	clear(t.batch)
	t.state, t.stateText, t.weight = 0, "", 0
	t.dimensions.resolve(b)
	t.multiplier.resolve(b)
	t.graph.begin(b)
	t.services = t.services[:0]
	for i := range b.Resources {
		t.services = append(t.services, t.texts.of(serviceName(b, b.Resources[i].Attrs)))
	}
	if t.cfg.TargetInfo {
		t.targets.begin(b, t.services, now)
	}
}

// serviceName is span.Batch.ServiceName without a copy.
func serviceName(b *span.Batch, a span.Attrs) []byte {
	for i, e := range b.Shapes.Entries(a.Shape) {
		if string(b.Dict.Bytes(e.Key)) != "service.name" {
			continue
		}
		if e.Type != span.String {
			return nil
		}
		return b.Dict.Bytes(span.Ref(b.Values[int(a.First)+i]))
	}
	return nil
}

// weightOf returns how many spans a span stands for: by its trace state, else by the ratio in an attribute.
func (t *tenant) weightOf(b *span.Batch, i int) float64 {
	if state := b.States[i]; state != t.state || t.weight == 0 {
		t.state, t.stateText, t.weight = state, b.Dict.String(state), 1
		if threshold, ok := span.StateThreshold(t.stateText); ok {
			t.weight = threshold.AdjustedCount()
		}
	}
	if t.weight == 1 && t.cfg.Multiplier != "" {
		for _, a := range []span.Attrs{b.Attrs[i], b.Resources[b.Resource[i]].Attrs} {
			kind, bits, ok := t.multiplier.find(b, a, 0)
			if ratio, isNumber := b.Value(kind, bits).Number(); ok && isNumber && ratio > 0 && ratio <= 1 {
				return 1 / ratio
			}
		}
	}
	return t.weight
}

func seconds(b *span.Batch, i int) float64 { return float64(max(b.Duration(i), 0)) / 1e9 }

// fewSpans is up to how many spans of a batch it does not pay to note which have the same series.
const fewSpans = 100

// find returns the series of a span.
func (t *tenant) find(b *span.Batch, i int, now int64) *series {
	if b.Len() < fewSpans && t.clusters == nil {
		return t.lookUp(b, i, now)
	}
	key := binary.LittleEndian.AppendUint32(t.key[:0], b.Resource[i])
	key = binary.LittleEndian.AppendUint32(key, b.Names[i])
	key = binary.LittleEndian.AppendUint32(key, uint32(b.Kinds[i]))
	key = binary.LittleEndian.AppendUint32(key, uint32(b.Statuses[i]))
	if t.message {
		key = binary.LittleEndian.AppendUint32(key, b.Messages[i])
	}
	for d := range t.dimensions.names {
		kind, bits, _ := t.dimensions.find(b, b.Attrs[i], d)
		key = binary.LittleEndian.AppendUint64(append(key, byte(kind)), bits)
	}
	t.key = key
	if s := t.batch[string(key)]; s != nil {
		return s
	}
	ofBatch := string(key)
	s := t.lookUp(b, i, now)
	t.batch[ofBatch] = s
	return s
}

// lookUp returns the series with the labels of a span.
func (t *tenant) lookUp(b *span.Batch, i int, now int64) *series {
	t.key = t.appendLabels(t.key[:0], b, i)
	if s := t.series[string(t.key)]; s != nil {
		return s
	}
	values := splitKey(t.key)
	for i, v := range values {
		values[i] = t.limits[i].allow(v)
	}
	t.key = keyOf(t.key[:0], values)
	s := t.series[string(t.key)]
	switch {
	case s != nil:
	case len(t.series) < t.cfg.MaxSeries:
		s = t.newSeries(values, now)
		t.series[string(t.key)] = s
	default:
		if t.rest == nil {
			t.rest = t.newSeries(slices.Repeat([]string{overflow}, len(t.names)), now)
		}
		s = t.rest
	}
	return s
}

func (t *tenant) newSeries(values []string, now int64) *series {
	return &series{values: values, latency: newHistogram(t.cfg, t.cfg.Buckets, now)}
}

// appendLabels appends the values of the labels of a span.
func (t *tenant) appendLabels(key []byte, b *span.Batch, i int) []byte {
	for _, name := range t.cfg.Intrinsic {
		switch name {
		case service:
			key = appendLabelText(key, t.services[b.Resource[i]])
		case spanName:
			if t.clusters != nil {
				key = appendLabelText(key, t.clusters.cluster(string(cut(b.Dict.Bytes(b.Names[i])))))
			} else {
				key = appendLabel(key, b.Dict.Bytes(b.Names[i]))
			}
		case spanKind:
			key = appendLabelText(key, enumLabel(kindLabels, b.Kinds[i]))
		case statusCode:
			key = appendLabelText(key, enumLabel(statusLabels, b.Statuses[i]))
		case statusMessage:
			key = appendLabel(key, b.Dict.Bytes(b.Messages[i]))
		}
	}
	if t.cfg.TargetInfo {
		of := t.targets.batch[b.Resource[i]]
		key = appendLabelText(appendLabelText(key, of.job), of.instance)
	}
	from := 0
	for _, to := range t.ends {
		var scratch [64]byte
		key = appendLabel(key, t.appendDimension(scratch[:0], b, i, from, to))
		from = to
	}
	return key
}

// appendDimension appends the values of some keys, those of the resource before those of the span.
func (t *tenant) appendDimension(text []byte, b *span.Batch, i, from, to int) []byte {
	for k := from; k < to; k++ {
		start := len(text)
		if start > 0 {
			text = append(text, '/')
		}
		before := len(text)
		var ok bool
		if text, ok = t.dimensions.text(text, b, b.Resources[b.Resource[i]].Attrs, k); !ok {
			text, _ = t.dimensions.text(text, b, b.Attrs[i], k)
		}
		if len(text) == before { // nothing to join
			text = text[:start]
		}
	}
	return text
}

// gathered is how many series are written before the spans that wait have their turn.
const gathered = 500

// gather returns the metrics and since when they are: what was made later is not among them, but for
// counts of what was. Exemplars are those that are shown since after a time, in unix nanoseconds. Series that are idle are dropped.
func (t *tenant) gather(after int64) ([]*dto.MetricFamily, time.Time) {
	t.mu.Lock()
	now := t.cfg.Now()
	t.graph.expire(now.UnixNano())
	t.dropIdle(now.Add(-t.cfg.Idle).UnixNano())
	list := make([]*series, 0, len(t.series)+1)
	for _, s := range t.series {
		list = append(list, s)
	}
	edges := t.graph.list()
	rest := t.rest
	t.mu.Unlock()

	slices.SortFunc(list, func(x, y *series) int { return slices.Compare(x.values, y.values) })
	if rest != nil {
		list = append(list, rest)
	}
	out := seriesFamilies{decider: t.decider(now), after: after}
	for chunk := range slices.Chunk(list, gathered) {
		t.mu.Lock()
		for _, s := range chunk {
			out.write(t, s)
		}
		t.mu.Unlock()
	}
	graph := t.gatherGraph(edges, out.decider, after)
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Concat(
		graph, t.graph.counters(),
		family("traces_spanmetrics_calls_total", "Spans, counted by what each stands for.", dto.MetricType_COUNTER, out.calls),
		family("traces_spanmetrics_latency", "Duration of spans in seconds.", dto.MetricType_HISTOGRAM, out.latencies),
		family("traces_spanmetrics_size_total", "Bytes of spans as they were sent.", dto.MetricType_COUNTER, out.sizes),
		family("traces_target_info", "Resources that sent spans.", dto.MetricType_GAUGE, t.targets.gather()),
	), now
}

// seriesFamilies are the metrics of series.
type seriesFamilies struct {
	calls, sizes, latencies []*dto.Metric
	decider                 decider
	after                   int64 // of exemplars
}

func (f *seriesFamilies) write(t *tenant, s *series) {
	labels := pairs(t.names, s.values)
	s.latency.settle(f.decider)
	f.calls = append(f.calls, counter(labels, s.calls, s.latency.created))
	f.sizes = append(f.sizes, counter(labels, s.bytes, s.latency.created))
	f.latencies = append(f.latencies, &dto.Metric{Label: labels, Histogram: s.latency.write(f.after)})
}

// counter is a count since a time, in unix nanoseconds.
func counter(labels []*dto.LabelPair, value float64, created int64) *dto.Metric {
	return &dto.Metric{Label: labels, Counter: &dto.Counter{Value: proto.Float64(value), CreatedTimestamp: timestamp(created)}}
}

func timestamp(unixNano int64) *timestamppb.Timestamp { return timestamppb.New(time.Unix(0, unixNano)) }

// decider says what becomes of traces.
func (t *tenant) decider(now time.Time) decider {
	d := decider{now: now.UnixNano(), decide: func(id span.TraceID, randomness uint64) Decision { return t.cfg.Kept(t.name, id, randomness) }}
	if t.cfg.KeptWithin > 0 {
		d.before = now.Add(-t.cfg.KeptWithin).UnixNano()
	}
	return d
}

func (t *tenant) dropIdle(before int64) {
	t.graph.dropIdle(before)
	t.targets.dropIdle(before)
	dropped := false
	for key, s := range t.series {
		if s.seen < before {
			delete(t.series, key)
			dropped = true
		}
	}
	if dropped { // values that are left count anew
		for i := range t.limits {
			clear(t.limits[i].seen)
		}
		for _, s := range t.series {
			for i, v := range s.values {
				if v != overflow {
					t.limits[i].seen[v] = v
				}
			}
		}
	}
}
