package clew

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	strategyURL     = "http://localhost:5778/sampling"
	strategyTimeout = 10 * time.Second
	maxStrategy     = 4 << 20 // bytes of an answer
)

// remoteSampler asks Clew, or Jaeger, how to sample, and writes the probability
// by which it did into the trace state.
type remoteSampler struct {
	sampler *jaegerremote.Sampler
	stop    context.CancelFunc
	last    atomic.Pointer[remoteState]
}

// remoteState is what a probability looks like in a trace state.
type remoteState struct {
	probability float64
	text        string
	alone       trace.TraceState
}

// newRemoteSampler takes the argument that the specification describes:
// endpoint=http://…,pollingIntervalMs=5000,initialSamplingRate=0.25
func newRemoteSampler(service, arg string) (*remoteSampler, error) {
	address, interval, initial := strategyURL, time.Minute, 0.001
	var errs []error
	for part := range strings.SplitSeq(arg, ",") {
		key, value, _ := strings.Cut(part, "=")
		var err error
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); key {
		case "":
		case "endpoint":
			address, err = strategyAddress(value)
		case "pollingIntervalMs":
			ms, bad := strconv.ParseUint(value, 10, 31)
			if bad != nil || ms == 0 {
				err = unknown("pollingIntervalMs", value, "a number of milliseconds")
				break
			}
			interval = time.Duration(ms) * time.Millisecond
		case "initialSamplingRate":
			initial, err = parseProbability(key, value)
		default:
			err = unknown("OTEL_TRACES_SAMPLER_ARG", part, "endpoint=URL, pollingIntervalMs=N or initialSamplingRate=P")
		}
		errs = append(errs, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &remoteSampler{stop: stop, sampler: jaegerremote.New(service,
		jaegerremote.WithSamplingRefreshInterval(interval),
		jaegerremote.WithSamplingStrategyFetcher(fetcher{ctx, address}),
		jaegerremote.WithInitialSampler(initialSampler{sdktrace.TraceIDRatioBased(initial), initial}),
	)}, errors.Join(errs...)
}

// strategyAddress completes an endpoint. Where there is no path it is Jaeger's.
func strategyAddress(endpoint string) (string, error) {
	u, err := url.Parse(withScheme(endpoint, "http"))
	if err != nil || u.Host == "" {
		return strategyURL, unknown("endpoint", endpoint, "a URL such as "+strategyURL)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/sampling"
	}
	return u.String(), nil
}

// ShouldSample lets the sampler decide about an id whose first bits are small
// where the trace's randomness is large. It compares them with a bound, and so
// keeps exactly the traces that are not below the threshold.
func (s *remoteSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	state := trace.SpanContextFromContext(p.ParentContext).TraceState()
	binary.BigEndian.PutUint64(p.TraceID[8:], mirrored(randomness(p.TraceID, state)))
	result := s.sampler.ShouldSample(p)
	result.Tracestate = withThreshold(state, "")
	if result.Decision == sdktrace.RecordAndSample {
		if probability, ok := sampledBy(result.Attributes); ok {
			result.Tracestate = s.told(probability, state)
		}
	}
	return result
}

// mirrored returns 64 bits that are small where the randomness is large.
func mirrored(random uint64) uint64 { return (allTraces - 1 - random) << (64 - randomBits) }

// sampledBy returns the probability that decided; a limit of the rate has none.
func sampledBy(attrs []attribute.KeyValue) (p float64, ok bool) {
	for _, a := range attrs {
		switch a.Key {
		case "jaeger.sampler.type":
			ok = a.Value.AsString() == "probabilistic"
		case "jaeger.sampler.param":
			p = a.Value.AsFloat64()
		}
	}
	return p, ok
}

func (s *remoteSampler) told(p float64, state trace.TraceState) trace.TraceState {
	last := s.last.Load()
	if last == nil || last.probability != p {
		last = &remoteState{probability: p, text: thresholdText(exactThreshold(p))}
		last.alone, _ = trace.ParseTraceState("ot=th:" + last.text)
		s.last.Store(last)
	}
	if state.Len() == 0 {
		return last.alone
	}
	return withThreshold(state, last.text)
}

// exactThreshold is the bound of the SDK's TraceIDRatioBased, which compares 63
// bits, as a threshold.
func exactThreshold(p float64) uint64 {
	const unit = 1 << (63 - randomBits)
	if p >= 1 {
		return 0
	}
	bound := uint64(math.Max(p, 0) * (1 << 63))
	return allTraces - (bound+unit-1)/unit
}

// Description implements sdktrace.Sampler.
func (s *remoteSampler) Description() string { return s.sampler.Description() }

func (s *remoteSampler) close() {
	s.stop() // a request that is under way would be waited for
	s.sampler.Close()
}

// initialSampler decides until there is an answer, and says by what as the later ones do.
type initialSampler struct {
	sdktrace.Sampler
	probability float64
}

func (s initialSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	r := s.Sampler.ShouldSample(p)
	if r.Decision == sdktrace.RecordAndSample {
		r.Attributes = []attribute.KeyValue{
			attribute.String("jaeger.sampler.type", "probabilistic"),
			attribute.Float64("jaeger.sampler.param", s.probability),
		}
	}
	return r
}

// fetcher asks for the strategy of a service. Its requests end with ctx.
type fetcher struct {
	ctx     context.Context
	address string
}

// strategyClient is not http.DefaultClient, which the application may have instrumented.
var strategyClient = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}

// Fetch implements jaegerremote.SamplingStrategyFetcher.
func (f fetcher) Fetch(service string) ([]byte, error) {
	body, err := f.fetch(service)
	if err != nil && f.ctx.Err() == nil {
		otel.Handle(fmt.Errorf("how to sample is not known, so it stays as it is: %w", err))
	}
	return body, err
}

func (f fetcher) fetch(service string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(f.ctx, strategyTimeout)
	defer cancel()
	u, err := url.Parse(f.address)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	query.Set("service", service)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := strategyClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStrategy))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", u, resp.Status)
	}
	return body, err
}
