package derive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/prompb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clewhq/clew/span"
)

// RemoteWrite sends the metrics of all tenants to a Prometheus, at an interval.
type RemoteWrite struct {
	metrics *Metrics
	api     *remote.API
	log     *slog.Logger

	mu      sync.Mutex
	written map[string]time.Time // by tenant: what was made before is known to the receiver
	started time.Time
}

const (
	// remoteSeries is how many series go in one request, and up to a histogram's more.
	remoteSeries = 2000
	// remoteTimeout is how long a request and its repetitions take at most, whatever the receiver wants to be waited for.
	remoteTimeout = 30 * time.Second
	// remoteReach is how far back the first sample of a series lies at most: far older ones are refused.
	remoteReach = 5 * time.Minute
)

// NewRemoteWrite returns what writes to a URL, such as http://127.0.0.1:9090/api/v1/write.
// Each tenant's metrics have its name in the header X-Scope-OrgID.
func NewRemoteWrite(m *Metrics, url string, transport http.RoundTripper, log *slog.Logger) (*RemoteWrite, error) {
	client := &http.Client{Timeout: remoteTimeout, Transport: remoteHeaders{transport}}
	api, err := remote.NewAPI(url, remote.WithAPIHTTPClient(client), remote.WithAPIPath(""),
		remote.WithAPIBackoff(remote.BackoffConfig{Min: 100 * time.Millisecond, Max: 5 * time.Second, MaxRetries: 3}))
	if err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	return &RemoteWrite{metrics: m, api: api, log: log, written: map[string]time.Time{}, started: m.cfg.Now().Add(-time.Second)}, nil
}

// remoteRequest is what the transport knows of a request, and learns: it goes with the context.
type remoteRequest struct {
	tenant string
	status int // of the last answer; 0: there was none
}

type remoteKey struct{}

// refused reports whether it makes no sense to send the same again.
func (r *remoteRequest) refused() bool {
	return r.status/100 == 4 && r.status != http.StatusTooManyRequests
}

// remoteHeaders names the tenant of a request, and us.
type remoteHeaders struct{ http.RoundTripper }

func (t remoteHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	of := r.Context().Value(remoteKey{}).(*remoteRequest)
	r = r.Clone(r.Context())
	r.Header.Set(span.TenantHeader, of.tenant)
	r.Header.Set("User-Agent", "clew")
	res, err := t.RoundTripper.RoundTrip(r)
	of.status = 0
	if err == nil {
		of.status = res.StatusCode
	}
	return res, err
}

// Run writes at an interval, until ctx ends. What cannot be written is logged and counted:
// the next time there are newer values.
func (w *RemoteWrite) Run(ctx context.Context, interval time.Duration) {
	every(ctx, interval, func() { w.write(ctx) })
}

// Close writes what came since the last time.
func (w *RemoteWrite) Close(ctx context.Context) { w.write(ctx) }

func (w *RemoteWrite) write(ctx context.Context) {
	if err := w.Write(ctx); err != nil && !errors.Is(err, context.Canceled) {
		w.log.Warn("the metrics of spans were not written", "err", err)
	}
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

// Write sends all metrics as they are now. A tenant whose metrics are refused keeps back no other one.
func (w *RemoteWrite) Write(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, tenant := range w.metrics.Tenants() {
		answered, err := w.writeTenant(ctx, tenant)
		if err != nil {
			errs = append(errs, fmt.Errorf("tenant %s: %w", tenant, err))
		}
		if !answered { // nor would it answer for the others
			break
		}
	}
	return errors.Join(errs...)
}

// writeTenant sends the metrics of a tenant, and reports whether the receiver is there. It goes on past what is refused.
func (w *RemoteWrite) writeTenant(ctx context.Context, tenant string) (answered bool, err error) {
	known := w.started
	if at, ok := w.written[tenant]; ok {
		known = at
	}
	families, now := w.metrics.gather(tenant, known.UnixNano())
	var errs []error
	request := prompb.WriteRequest{Metadata: metadata(families)}
	for chunk := range timeSeries(families, now, known) {
		request.Timeseries = chunk
		of := &remoteRequest{tenant: tenant}
		err := w.send(context.WithValue(ctx, remoteKey{}, of), &request)
		switch {
		case err == nil:
			w.metrics.count(toRemoteWrite, outcomeSent)
		case of.refused():
			w.metrics.count(toRemoteWrite, outcomeRefused)
			errs = append(errs, err)
		default:
			w.metrics.count(toRemoteWrite, outcomeFailed)
			return of.status == http.StatusTooManyRequests, errors.Join(append(errs, err)...)
		}
		// Zeros that a receiver has must not be sent again, behind what it has since.
		w.written[tenant] = now
		request.Metadata = nil
	}
	return true, errors.Join(errs...)
}

func (w *RemoteWrite) send(ctx context.Context, request *prompb.WriteRequest) error {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	var why error
	_, err := w.api.Write(ctx, remote.WriteV1MessageType, request, remote.WithWriteRetryCallback(func(err error) { why = err }))
	if errors.Is(err, context.DeadlineExceeded) && why != nil { // while it waited to try again
		return why
	}
	return err
}

func metadata(families []*dto.MetricFamily) []prompb.MetricMetadata {
	var list []prompb.MetricMetadata
	for _, f := range families {
		list = append(list, prompb.MetricMetadata{
			Type:             prompb.MetricMetadata_MetricType(prompb.MetricMetadata_MetricType_value[f.GetType().String()]),
			MetricFamilyName: f.GetName(), Help: f.GetHelp(),
		})
	}
	return list
}

// timeSeries returns a sample of each metric, by request; each is valid until the next one. Those that were
// made after what the receiver knows begin with a zero when they were made: or what they count at first would
// be missing in rates.
func timeSeries(families []*dto.MetricFamily, now, known time.Time) iter.Seq[[]prompb.TimeSeries] {
	return func(yield func([]prompb.TimeSeries) bool) {
		out := seriesWriter{now: now, at: now.UnixMilli(), known: known}
		for _, f := range families {
			for _, m := range f.Metric {
				out.metric(f.GetName(), m)
				if len(out.series) < remoteSeries {
					continue
				}
				if !yield(out.series) {
					return
				}
				out.series = out.series[:0]
			}
		}
		if len(out.series) > 0 {
			yield(out.series)
		}
	}
}

type seriesWriter struct {
	now, known time.Time
	at         int64 // now, in unix milliseconds
	zero       int64 // when the metric began that is written, unix milliseconds; 0: the receiver knows it
	series     []prompb.TimeSeries
}

func (w *seriesWriter) metric(name string, m *dto.Metric) {
	switch {
	case m.Gauge != nil:
		w.zero = 0
		w.sample(name, m.Label, m.Gauge.GetValue())
	case m.Counter != nil && w.begin(m.Counter.CreatedTimestamp):
		w.sample(name, m.Label, m.Counter.GetValue())
	case m.Histogram != nil && w.begin(m.Histogram.CreatedTimestamp):
		w.histogram(name, m.Label, m.Histogram)
	}
}

// begin begins a metric that counts since a time. It returns false for one that is to be written the next time only.
func (w *seriesWriter) begin(created *timestamppb.Timestamp) bool {
	since := created.AsTime()
	w.zero = 0
	if since.After(w.known) {
		w.zero = max(min(since.UnixMilli(), w.at-1), w.at-remoteReach.Milliseconds())
	}
	return !since.After(w.now)
}

// labels returns the labels of a series in the order of their names.
func (w *seriesWriter) labels(name string, pairs []*dto.LabelPair, more ...prompb.Label) []prompb.Label {
	list := append([]prompb.Label{{Name: nameLabel, Value: name}}, more...)
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
	s := prompb.TimeSeries{Labels: w.labels(name, pairs, more...)}
	if w.zero != 0 {
		s.Samples = []prompb.Sample{{Timestamp: w.zero}}
	}
	s.Samples = append(s.Samples, prompb.Sample{Value: value, Timestamp: w.at})
	w.series = append(w.series, s)
	return &w.series[len(w.series)-1]
}

func (w *seriesWriter) histogram(name string, pairs []*dto.LabelPair, h *dto.Histogram) {
	for _, b := range h.Bucket {
		s := w.sample(name+"_bucket", pairs, float64(b.GetCumulativeCount()), prompb.Label{Name: boundLabel, Value: boundText(b.GetUpperBound())})
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
	s := prompb.TimeSeries{Labels: w.labels(name, pairs)}
	if w.zero != 0 {
		s.Histograms = []prompb.Histogram{{
			Count: &prompb.Histogram_CountInt{}, ZeroCount: &prompb.Histogram_ZeroCountInt{},
			Schema: h.GetSchema(), ZeroThreshold: h.GetZeroThreshold(), Timestamp: w.zero,
		}}
	}
	s.Histograms = append(s.Histograms, native)
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
