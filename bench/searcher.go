package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/clewhq/clew/span"
)

// searchLimit is how many traces a search asks for, metricsSteps how many points of time metrics do.
const (
	searchLimit  = 20
	metricsSteps = 100
)

// A scenario runs no longer than searchTime, if it has run leastTimes by then.
const (
	searchTime = 30 * time.Second
	leastTimes = 3
)

// asked is what a scenario is about.
type asked struct {
	trace, other    span.TraceID
	request         string // its guid:x-request-id
	window, metrics timeRange
}

// timeRange is when the traces that are searched for ended.
type timeRange struct{ start, end time.Time }

// searcher runs scenarios against a server's APIs.
type searcher struct {
	client  *http.Client
	bases   map[string]string           // API -> URL, or host:port for gRPC, where it is served
	conns   map[string]*grpc.ClientConn // by API
	window  timeRange                   // of searches
	metrics timeRange                   // of metrics
	server  *server                     // whose CPU is measured; nil: it is not known
}

// url returns the address of a scenario.
func (s *searcher) url(sc scenario, about asked) string {
	fill := strings.NewReplacer("{request}", about.request, "{trace}", about.trace.String(), "{other}", about.other.String())
	var params []string
	add := func(key, value string) { params = append(params, key+"="+url.QueryEscape(value)) }
	addRange := func(r timeRange) {
		switch start, end := r.start, r.end; {
		case strings.HasPrefix(sc.path, "/api/v3/dep"):
			add("startTime", start.UTC().Format(time.RFC3339))
			add("endTime", end.UTC().Format(time.RFC3339))
		case strings.HasPrefix(sc.path, "/api/v3/"):
			add("query.start_time_min", start.UTC().Format(time.RFC3339))
			add("query.start_time_max", end.UTC().Format(time.RFC3339))
		case sc.api == "zipkin" || sc.api == "jaeger" && (strings.HasPrefix(sc.path, jaegerMetrics) || sc.path == jaegerDependencies):
			add("endTs", fmt.Sprint(end.UnixMilli()))
			add("lookback", fmt.Sprint(end.Sub(start).Milliseconds()))
		case sc.api == "jaeger":
			add("start", fmt.Sprint(start.UnixMicro()))
			add("end", fmt.Sprint(end.UnixMicro()))
		case sc.api == "clew":
			add("start", fmt.Sprint(start.UnixNano()))
			add("end", fmt.Sprint(end.UnixNano()))
		default:
			add("start", fmt.Sprint(start.Unix()))
			add("end", fmt.Sprint(end.Unix()))
		}
	}
	switch sc.path {
	case jaegerSearch, clewSearch, tempoSearch:
		add("limit", fmt.Sprint(searchLimit))
		addRange(about.window)
	case tempoMetrics:
		add("step", fmt.Sprintf("%.0fs", about.step().Seconds()))
		addRange(about.metrics)
	}
	for _, p := range sc.params {
		switch key, value, _ := strings.Cut(p, "="); key {
		case "{range}":
			addRange(about.window)
		case "{metrics}":
			addRange(about.metrics)
		default:
			add(key, fill.Replace(value))
		}
	}
	address := strings.TrimSuffix(s.bases[sc.api], "/") + fill.Replace(sc.path)
	if len(params) == 0 {
		return address
	}
	return address + "?" + strings.Join(params, "&")
}

// step is the length of an interval of metrics.
func (a asked) step() time.Duration {
	return max(time.Second, a.metrics.end.Sub(a.metrics.start)/metricsSteps).Round(time.Second)
}

// search runs a scenario once and returns how much it found, and how long the
// answer took, without the time to understand it.
func (s *searcher) search(ctx context.Context, sc scenario, about asked) (found int, took time.Duration, err error) {
	about.window, about.metrics = s.window, s.metrics
	if sc.message != nil {
		return s.call(ctx, sc, about)
	}
	start := time.Now()
	body, err := get(ctx, s.client, s.url(sc, about), cmp.Or(sc.accept, "application/json"))
	took = time.Since(start)
	if err != nil {
		return 0, took, err
	}
	if strings.HasSuffix(sc.accept, "protobuf") {
		return countFirst(body), took, nil
	}
	found, err = countListed(body)
	if err != nil {
		err = fmt.Errorf("%s: %w", sc.name, err)
	}
	return found, took, err
}

// call is search by gRPC.
func (s *searcher) call(ctx context.Context, sc scenario, about asked) (found int, took time.Duration, err error) {
	conn, err := s.dial(sc.api)
	if err != nil {
		return 0, 0, err
	}
	request := sc.message(about)
	start := time.Now()
	err = call(ctx, conn, sc.path, request, func(message []byte) { found += countFirst(message) })
	return found, time.Since(start), err
}

// dial returns the connection for calls to an API.
func (s *searcher) dial(api string) (*grpc.ClientConn, error) {
	if c := s.conns[api]; c != nil {
		return c, nil
	}
	c, err := grpc.NewClient(s.bases[api], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil {
		if s.conns == nil {
			s.conns = map[string]*grpc.ClientConn{}
		}
		s.conns[api] = c
	}
	return c, err
}

func (s *searcher) close() error {
	s.client.CloseIdleConnections()
	var errs []error
	for _, c := range s.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// countListed returns how many elements a JSON array has, or the arrays in an object have together.
func countListed(body []byte) (n int, err error) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		return len(list), nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return 0, err
	}
	for _, m := range members {
		if m[0] == '[' || m[0] == '{' {
			listed, _ := countListed(m) // which is JSON, as all of it is
			n += listed
		}
	}
	return n, nil
}

// countFirst returns how many fields 1 an encoded message has, which is where messages have their lists.
func countFirst(message []byte) (n int) {
	_ = messages(message, 1, func([]byte) error { n++; return nil }) // what is no message has none
	return n
}

// measure runs a scenario n times, or as often as searchTime allows, after one time that does not count.
func (s *searcher) measure(ctx context.Context, sc scenario, n int, pick func() asked) latency {
	name := fmt.Sprintf("%s: %s", sc.api, sc.name)
	l, err := s.run(ctx, sc, n, pick)
	if err != nil {
		return latency{Name: name, Error: reason(err)}
	}
	l.Name = name
	return l
}

func (s *searcher) run(ctx context.Context, sc scenario, n int, pick func() asked) (latency, error) {
	if _, _, err := s.search(ctx, sc, pick()); err != nil {
		return latency{}, err
	}
	var before, after usage
	var err error
	if s.server != nil {
		if before, err = s.server.usage(ctx); err != nil {
			return latency{}, err
		}
	}
	times := make([]time.Duration, 0, n)
	sum := 0
	for began := time.Now(); len(times) < n && (len(times) < leastTimes || time.Since(began) < searchTime); {
		found, took, err := s.search(ctx, sc, pick())
		if err != nil {
			return latency{}, err
		}
		times = append(times, took)
		sum += found
	}
	l := newLatency("", times)
	if n > 0 {
		l.Found = new(float64(sum) / float64(len(times)))
	}
	if s.server != nil && n > 0 {
		if after, err = s.server.usage(ctx); err != nil {
			return latency{}, err
		}
		l.CPU = new((after.cpu - before.cpu) * 1e3 / float64(len(times)))
	}
	return l, nil
}

// reason is the status of an answer, or else the error.
func reason(err error) string {
	if h := (*httpError)(nil); errors.As(err, &h) {
		return h.status
	}
	return err.Error()
}
