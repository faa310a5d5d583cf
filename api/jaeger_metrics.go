package api

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// What Jaeger assumes where a request for metrics does not say.
const (
	metricsLookback = time.Hour
	metricsStep     = 5 * time.Second
	metricsRatePer  = 10 * time.Minute
)

const (
	minStep          = time.Millisecond // points are told apart by milliseconds
	maxMetricsPoints = 11_000
)

// metricsQuery is what is asked of the spans of some services. Times are unix
// nanoseconds.
type metricsQuery struct {
	services    []string
	kinds       []int32
	byOperation bool
	quantile    float64
	first, last uint64 // the points to answer with, a step apart
	step        uint64
	window      int // of a rate, in steps
}

// latencies answers GET /api/metrics/latencies: the quantile of the durations,
// in milliseconds, of the spans that start within the step before each point.
// That is exact, where Jaeger smooths it over ratePer by interpolation in a histogram.
func (j *jaeger) latencies(w http.ResponseWriter, r *http.Request) error {
	m, err := j.parseMetrics(r)
	if err != nil {
		return err
	}
	m.window = 1
	found, err := j.metricsSeries(r, m, &traceql.Series{
		Func: traceql.QuantileOverTime, Attr: intrinsic(traceql.SpanDuration), Quantiles: []float64{m.quantile}, By: m.by(),
	})
	if err != nil {
		return err
	}
	lines := m.collect(found, func(line *metricsLine, _ []traceql.Label, values []float64) {
		for i, v := range values[1:] {
			line.values[i] = v * 1000
		}
	})
	tellGaps(w, found.Gaps)
	return m.write(w, r, "latencies", fmt.Sprintf("%sth quantile latency", strconv.FormatFloat(m.quantile, 'g', -1, 64)), lines)
}

// calls answers GET /api/metrics/calls: calls per second within ratePer before each point.
func (j *jaeger) calls(w http.ResponseWriter, r *http.Request) error {
	m, err := j.parseMetrics(r)
	if err != nil {
		return err
	}
	found, err := j.metricsSeries(r, m, &traceql.Series{Func: traceql.CountOverTime, By: m.by()})
	if err != nil {
		return err
	}
	seconds := float64(m.window) * time.Duration(m.step).Seconds()
	lines := m.collect(found, func(line *metricsLine, _ []traceql.Label, values []float64) {
		for i, n := range m.sums(values) {
			line.values[i] = n / seconds
		}
	})
	tellGaps(w, found.Gaps)
	return m.write(w, r, "call_rate", "calls/sec", lines)
}

// errors answers GET /api/metrics/errors: which part of the calls within
// ratePer before each point has failed.
func (j *jaeger) errors(w http.ResponseWriter, r *http.Request) error {
	m, err := j.parseMetrics(r)
	if err != nil {
		return err
	}
	by := append(m.by(), intrinsic(traceql.SpanStatus))
	found, err := j.metricsSeries(r, m, &traceql.Series{Func: traceql.CountOverTime, By: by})
	if err != nil {
		return err
	}
	lines := m.collect(found, func(line *metricsLine, labels []traceql.Label, values []float64) {
		failed := labels[len(labels)-1].Value == traceql.StatusStatic(statusError)
		if line.calls == nil {
			line.calls = make([]float64, len(line.values))
			clear(line.values)
		}
		for i, n := range m.sums(values) {
			line.calls[i] += n
			if failed {
				line.values[i] += n
			}
		}
	})
	for _, line := range lines {
		for i, n := range line.calls {
			line.values[i] /= n // nothing of nothing is no number, and left out
		}
	}
	tellGaps(w, found.Gaps)
	return m.write(w, r, "error_rate", "error rate, computed as a fraction of errors/sec over calls/sec", lines)
}

// minStep answers GET /api/metrics/minstep.
func (j *jaeger) minStep(w http.ResponseWriter, r *http.Request) error {
	return writeEnvelope(w, r, envelope{Data: minStep.Milliseconds()})
}

func (j *jaeger) parseMetrics(r *http.Request) (*metricsQuery, error) {
	p, err := paramsOf(r)
	if err != nil {
		return nil, err
	}
	m := &metricsQuery{services: slices.DeleteFunc(p.Values["service"], func(s string) bool { return s == "" })}
	if r.URL.Path == j.Prefix+"/api/metrics/latencies" {
		if m.quantile, err = p.quantile(); err != nil {
			return nil, err
		}
	}
	if len(m.services) == 0 {
		return nil, badParam("service", fmt.Errorf("please provide at least one service name"))
	}
	if len(m.services) > maxTags {
		return nil, badParam("service", fmt.Errorf("it is given %d times, the limit is %d", len(m.services), maxTags))
	}
	if m.byOperation, err = p.boolean("groupByOperation"); err != nil {
		return nil, err
	}
	m.kinds = []int32{kindServer}
	if names := p.Values["spanKind"]; len(names) > 0 {
		m.kinds = nil
		for _, name := range names {
			kind, ok := parseKind(name)
			if !ok {
				return nil, badParam("spanKind", fmt.Errorf("unsupported span kind: '%s'", name))
			}
			m.kinds = append(m.kinds, kind)
		}
	}
	return m, j.parseMetricsTimes(p, m)
}

func (p params) quantile() (float64, error) {
	q, err := strconv.ParseFloat(p.Get("quantile"), 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0, badParam("quantile", fmt.Errorf("%q is not a number from 0 to 1", p.Get("quantile")))
	}
	return q, nil
}

// parseMetricsTimes finds the points from endTs - lookback to endTs, where the last one lies.
func (j *jaeger) parseMetricsTimes(p params, m *metricsQuery) error {
	within, err := j.lookback(p, metricsLookback)
	if err != nil {
		return err
	}
	step, err := p.millis("step", metricsStep)
	if err != nil {
		return err
	}
	if step < minStep {
		return badRequest("invalid parameter: step must be 1ms or more")
	}
	ratePer, err := p.millis("ratePer", metricsRatePer)
	if err != nil {
		return err
	}
	m.step = uint64(step)
	m.last = min(within.End-uint64(time.Millisecond), math.MaxInt64)
	m.first = m.last - (m.last-min(within.Start, m.last))/m.step*m.step
	window := (uint64(ratePer) + m.step - 1) / m.step
	if points := (m.last-m.first)/m.step + window; points > maxMetricsPoints {
		return badRequest("invalid parameter: step %v cuts lookback and ratePer into %d intervals, the limit is %d", step, points, maxMetricsPoints)
	}
	m.window = int(window)
	if m.first < window*m.step {
		return badParam("endTs", fmt.Errorf("there is no time before it that is as long as ratePer"))
	}
	return nil
}

func (m *metricsQuery) by() []*traceql.Attribute {
	by := []*traceql.Attribute{attribute(store.ResourceScope, "service.name")}
	if m.byOperation {
		by = append(by, intrinsic(traceql.SpanName))
	}
	return by
}

// metricsSeries asks for series that have window values for the first point,
// and one more before them.
func (j *jaeger) metricsSeries(r *http.Request, m *metricsQuery, s *traceql.Series) (*traceql.SeriesResult, error) {
	tenant, err := tenantOf(r)
	if err != nil {
		return nil, err
	}
	var services, kinds []traceql.Expr
	for _, name := range m.services {
		services = append(services, equal(attribute(store.ResourceScope, "service.name"), traceql.StringStatic(name)))
	}
	for _, kind := range m.kinds {
		kinds = append(kinds, equal(intrinsic(traceql.SpanKind), traceql.KindStatic(int(kind))))
	}
	filter := &traceql.Filter{Body: joined(traceql.And, []traceql.Expr{joined(traceql.Or, services), joined(traceql.Or, kinds)})}
	s.Pipeline = &traceql.Pipeline{Stages: []traceql.Stage{filter}}
	return j.query.Series(r.Context(), tenant, &traceql.Query{Metrics: s}, traceql.SeriesOptions{
		Start: m.first - uint64(m.window)*m.step, End: m.last, Step: m.step, FromStart: true,
	})
}

// sums returns for each point the sum of a window of values.
func (m *metricsQuery) sums(values []float64) []float64 {
	sums := make([]float64, len(values)-m.window)
	sum := 0.0
	for i := 1; i < len(values); i++ { // values are whole numbers: nothing is lost
		sum += values[i]
		if i > m.window {
			sum -= values[i-m.window]
		}
		if i >= m.window {
			sums[i-m.window] = sum
		}
	}
	return sums
}

// metricsLine is one metric of an answer.
type metricsLine struct {
	service, operation string
	values             []float64 // one for each point; NaN where there is none
	calls              []float64 // the same
}

// collect makes lines of series; those with the same service and operation share one.
func (m *metricsQuery) collect(found *traceql.SeriesResult, add func(line *metricsLine, labels []traceql.Label, values []float64)) []*metricsLine {
	var lines []*metricsLine
	known := map[[2]string]*metricsLine{}
	for _, s := range found.Series {
		key := [2]string{s.Labels[0].Value.Str}
		if m.byOperation {
			key[1] = s.Labels[1].Value.Str
		}
		line := known[key]
		if line == nil {
			line = &metricsLine{service: key[0], operation: key[1], values: make([]float64, len(found.Times)-m.window)}
			known[key] = line
			lines = append(lines, line)
		}
		add(line, s.Labels, s.Values)
	}
	return lines
}

// write answers with a jaeger.api_v2.metrics.MetricFamily, in the JSON of protobuf.
func (m *metricsQuery) write(w http.ResponseWriter, r *http.Request, name, help string, lines []*metricsLine) error {
	w.Header().Set("Content-Type", "application/json")
	j := jsonFor(w, r)
	prefix, grouped := "service_", ", grouped by service"
	if m.byOperation {
		prefix, grouped = "service_operation_", ", grouped by service & operation"
	}
	j.object()
	j.name("name")
	j.text(prefix + name)
	j.name("type")
	j.text("GAUGE")
	j.name("help")
	j.text(help + grouped)
	j.name("metrics")
	j.array()
	for _, line := range lines {
		m.writeLine(j, line)
	}
	j.endArray()
	j.endObject()
	return j.err
}

func (m *metricsQuery) writeLine(j *jsonWriter, line *metricsLine) {
	j.object()
	j.name("labels")
	j.array()
	label := func(name, value string) {
		j.object()
		j.name("name")
		j.text(name)
		j.name("value")
		j.text(value)
		j.endObject()
	}
	label("service_name", line.service) // first, where Jaeger's UI looks for it
	if m.byOperation {
		label("operation", line.operation)
	}
	j.endArray()
	j.name("metricPoints")
	j.array()
	for i, value := range line.values {
		if math.IsNaN(value) {
			continue
		}
		j.object()
		j.name("gaugeValue")
		j.object()
		j.name("doubleValue")
		j.float(value)
		j.endObject()
		j.name("timestamp")
		j.text(time.Unix(0, int64(m.first+uint64(i)*m.step)).UTC().Format(time.RFC3339Nano))
		j.endObject()
	}
	j.endArray()
	j.endObject()
}
