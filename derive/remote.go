package derive

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/prompb"

	"github.com/clewhq/clew/span"
)

// RemoteWrite sends the metrics of all tenants to a Prometheus, at an interval.
type RemoteWrite struct {
	metrics *Metrics
	api     *remote.API
	log     *slog.Logger
	now     func() time.Time
}

// remoteSeries is how many series go in one request.
const remoteSeries = 2000

// NewRemoteWrite returns what writes to a URL, such as http://127.0.0.1:9090/api/v1/write.
// Each tenant's metrics have its name in the header X-Scope-OrgID.
func NewRemoteWrite(m *Metrics, url string, transport http.RoundTripper, log *slog.Logger) (*RemoteWrite, error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: tenantHeader{transport}}
	api, err := remote.NewAPI(url, remote.WithAPIHTTPClient(client), remote.WithAPIPath(""), remote.WithAPILogger(log),
		remote.WithAPIBackoff(remote.BackoffConfig{Min: 100 * time.Millisecond, Max: 5 * time.Second, MaxRetries: 3}))
	if err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	return &RemoteWrite{m, api, log, m.cfg.Now}, nil
}

type tenantKey struct{}

// tenantHeader names the tenant of a request's context.
type tenantHeader struct{ http.RoundTripper }

func (t tenantHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(span.TenantHeader, r.Context().Value(tenantKey{}).(string))
	return t.RoundTripper.RoundTrip(r)
}

// Run writes at an interval, until ctx ends. What cannot be written is logged:
// the next time there are newer values.
func (w *RemoteWrite) Run(ctx context.Context, interval time.Duration) {
	every(ctx, interval, func() {
		if err := w.Write(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("the metrics of spans were not written", "err", err)
		}
	})
}

// every calls do at an interval, until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// Write sends all metrics as they are now.
func (w *RemoteWrite) Write(ctx context.Context) error {
	for _, tenant := range w.metrics.Tenants() {
		families, err := w.metrics.Gatherer(tenant).Gather()
		if err != nil {
			return err
		}
		series := timeSeries(families, w.now())
		for chunk := range slices.Chunk(series, remoteSeries) {
			_, err := w.api.Write(context.WithValue(ctx, tenantKey{}, tenant), remote.WriteV1MessageType, &prompb.WriteRequest{Timeseries: chunk})
			if err != nil {
				return fmt.Errorf("tenant %s: %w", tenant, err)
			}
		}
	}
	return nil
}

// timeSeries returns a sample of each metric.
func timeSeries(families []*dto.MetricFamily, now time.Time) []prompb.TimeSeries {
	out := seriesWriter{at: now.UnixMilli()}
	for _, f := range families {
		for _, m := range f.Metric {
			switch {
			case m.Counter != nil:
				out.sample(f.GetName(), m.Label, m.Counter.GetValue())
			case m.Gauge != nil:
				out.sample(f.GetName(), m.Label, m.Gauge.GetValue())
			case m.Histogram != nil:
				out.histogram(f.GetName(), m.Label, m.Histogram)
			}
		}
	}
	return out.series
}

type seriesWriter struct {
	at     int64 // unix milliseconds
	series []prompb.TimeSeries
}

// labels returns the labels of a series in the order of their names.
func (w *seriesWriter) labels(name string, pairs []*dto.LabelPair, more ...prompb.Label) []prompb.Label {
	list := append([]prompb.Label{{Name: "__name__", Value: name}}, more...)
	for _, p := range pairs {
		if p.GetValue() != "" { // which is the same as none
			list = append(list, prompb.Label{Name: p.GetName(), Value: p.GetValue()})
		}
	}
	slices.SortFunc(list, func(x, y prompb.Label) int {
		if x.Name < y.Name {
			return -1
		}
		return 1
	})
	return list
}

func (w *seriesWriter) sample(name string, pairs []*dto.LabelPair, value float64, more ...prompb.Label) *prompb.TimeSeries {
	w.series = append(w.series, prompb.TimeSeries{
		Labels: w.labels(name, pairs, more...), Samples: []prompb.Sample{{Value: value, Timestamp: w.at}},
	})
	return &w.series[len(w.series)-1]
}

func (w *seriesWriter) histogram(name string, pairs []*dto.LabelPair, h *dto.Histogram) {
	for _, b := range h.Bucket {
		s := w.sample(name+"_bucket", pairs, float64(b.GetCumulativeCount()), prompb.Label{Name: "le", Value: boundText(b.GetUpperBound())})
		if b.Exemplar != nil {
			s.Exemplars = []prompb.Exemplar{remoteExemplar(b.Exemplar)}
		}
	}
	if len(h.Bucket) > 0 {
		w.sample(name+"_sum", pairs, h.GetSampleSum())
		w.sample(name+"_count", pairs, float64(h.GetSampleCount()))
	}
	if len(h.PositiveSpan) == 0 {
		return
	}
	native := prompb.Histogram{
		Count: &prompb.Histogram_CountInt{CountInt: h.GetSampleCount()}, Sum: h.GetSampleSum(),
		Schema: h.GetSchema(), ZeroThreshold: h.GetZeroThreshold(), ZeroCount: &prompb.Histogram_ZeroCountInt{ZeroCountInt: h.GetZeroCount()},
		PositiveDeltas: h.PositiveDelta, Timestamp: w.at,
	}
	for _, s := range h.PositiveSpan {
		native.PositiveSpans = append(native.PositiveSpans, prompb.BucketSpan{Offset: s.GetOffset(), Length: s.GetLength()})
	}
	s := prompb.TimeSeries{Labels: w.labels(name, pairs), Histograms: []prompb.Histogram{native}}
	for _, e := range h.Exemplars {
		s.Exemplars = append(s.Exemplars, remoteExemplar(e))
	}
	w.series = append(w.series, s)
}

func remoteExemplar(e *dto.Exemplar) prompb.Exemplar {
	out := prompb.Exemplar{Value: e.GetValue(), Timestamp: e.Timestamp.AsTime().UnixMilli()}
	for _, l := range e.Label {
		out.Labels = append(out.Labels, prompb.Label{Name: l.GetName(), Value: l.GetValue()})
	}
	return out
}

// boundText is a bound as Prometheus' text has it.
func boundText(bound float64) string {
	if math.IsInf(bound, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(bound, 'g', -1, 64)
}
