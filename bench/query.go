package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// queryConfig says what to measure of a server that holds data.
type queryConfig struct {
	lookups  int // traces by id, and as many that do not exist
	searches int // of each scenario
	fresh    int // requests that are sent to see how soon they are found
}

// querier measures reads one after the other, on one connection.
type querier struct {
	cfg    queryConfig
	data   dataset
	gen    *recording.Generator
	reader *traceReader
	search *searcher
	rng    *rand.Rand
}

func newQuerier(cfg queryConfig, d dataset, r *traceReader, s *searcher) (*querier, error) {
	g, err := d.generator(time.Now())
	return &querier{cfg: cfg, data: d, gen: g, reader: r, search: s, rng: rand.New(rand.NewPCG(d.Seed, 1))}, err
}

// reads returns the distributions of look-ups and searches.
func (q *querier) reads(ctx context.Context) ([]latency, error) {
	hits, err := q.hits(ctx)
	if err != nil {
		return nil, err
	}
	misses, err := q.misses(ctx)
	if err != nil {
		return nil, err
	}
	list := []latency{hits, misses}
	for _, sc := range scenarios {
		if q.search.bases[sc.api] == "" {
			continue
		}
		list = append(list, q.search.measure(ctx, sc, q.cfg.searches, q.pick))
		if err := ctx.Err(); err != nil {
			return list, context.Cause(ctx)
		}
	}
	return list, nil
}

// hits fetches traces from all over the data. It fails if one is not whole.
func (q *querier) hits(ctx context.Context) (latency, error) {
	picks := newSampler(q.gen.NumTraces(q.data.Spans), uint64(q.cfg.lookups))
	order := q.rng.Perm(int(picks.sample))
	var want, got []span.SpanID
	var took []time.Duration
	for n, i := range append(order[:1:1], order...) { // the first one, twice, makes the connection
		t := expected(q.gen, q.data.Spans, picks.pick(uint64(i), q.rng), want)
		want = t.Spans
		start := time.Now()
		var err error
		if got, err = q.reader.spans(ctx, t.ID, got[:0]); err != nil {
			return latency{}, err
		}
		if n > 0 {
			took = append(took, time.Since(start))
		}
		if missing, extra := diff(want, got); missing+extra > 0 {
			return latency{}, fmt.Errorf("trace %v: %d spans are missing, %d too many", t.ID, missing, extra)
		}
	}
	return newLatency("trace by id", took), nil
}

// misses asks for traces that were never sent.
func (q *querier) misses(ctx context.Context) (latency, error) {
	g, err := dataset{Seed: ^q.data.Seed}.generator(time.Now())
	if err != nil {
		return latency{}, err
	}
	var took []time.Duration
	var spans, got []span.SpanID
	for k := range uint64(q.cfg.lookups) {
		t := g.Trace(k, spans)
		spans = t.Spans
		start := time.Now()
		if got, err = q.reader.spans(ctx, t.ID, got[:0]); err != nil {
			return latency{}, err
		}
		took = append(took, time.Since(start))
		if len(got) > 0 {
			return latency{}, fmt.Errorf("trace %v was never sent but has %d spans", t.ID, len(got))
		}
	}
	return newLatency("trace by id, unknown", took), nil
}

// pick returns a random trace of the data that has a request id.
func (q *querier) pick() (about asked) {
	traces := q.gen.NumTraces(q.data.Spans)
	about.other = q.gen.Trace(q.rng.Uint64N(traces), nil).ID
	for range 1000 {
		t := expected(q.gen, q.data.Spans, q.rng.Uint64N(traces), nil)
		about.trace, about.request = t.ID, requestID(q.gen.Append(nil, t.First, uint64(len(t.Spans))))
		if about.request != "" {
			return about
		}
	}
	return about // of so few traces none has one
}

// requestID returns the first guid:x-request-id of an encoded request, or "".
func requestID(request []byte) string {
	var r tracecollector.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &r); err != nil {
		panic("BUG: a generated request cannot be read: " + err.Error())
	}
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				for _, kv := range s.Attributes {
					if kv.Key == "guid:x-request-id" {
						return kv.Value.GetStringValue()
					}
				}
			}
		}
	}
	return ""
}

// freshTimeout is how long a trace may take to be found before that is an error.
const freshTimeout = 30 * time.Second

// pollInterval is the pause between two tries to find a trace.
const pollInterval = time.Millisecond

// freshness sends traces one by one and measures from the acknowledgement of
// each until all its spans are found by id, and of others until a search finds them.
func (q *querier) freshness(ctx context.Context, exp exporter) ([]latency, error) {
	sender := &freshSender{exp: exp, seed: rand.Uint64()}
	byID, err := q.fresh(ctx, sender, func(ctx context.Context, t recording.Trace, _ string) (bool, error) {
		got, err := q.reader.spans(ctx, t.ID, nil)
		return len(got) == len(t.Spans), err
	})
	if err != nil {
		return nil, err
	}
	list := []latency{newLatency("acknowledged until found by id", byID)}
	rare := rareValue(q.search.bases)
	if rare == nil {
		return list, nil
	}
	bySearch, err := q.fresh(ctx, sender, func(ctx context.Context, _ recording.Trace, request string) (bool, error) {
		n, _, err := q.search.search(ctx, *rare, asked{request: request})
		return n > 0, err
	})
	return append(list, newLatency("acknowledged until found by search", bySearch)), err
}

// fresh sends traces and returns how long each took until found was true.
func (q *querier) fresh(ctx context.Context, sender *freshSender,
	found func(ctx context.Context, t recording.Trace, request string) (bool, error)) ([]time.Duration, error) {
	var took []time.Duration
	for range q.cfg.fresh {
		t, request, err := sender.send(ctx)
		if err != nil {
			return nil, err
		}
		acked := time.Now()
		if err := poll(ctx, func(ctx context.Context) (bool, error) { return found(ctx, t, request) }); err != nil {
			return nil, fmt.Errorf("trace %v after its acknowledgement: %w", t.ID, err)
		}
		took = append(took, time.Since(acked))
	}
	return took, nil
}

// freshSender sends one trace at a time, each of which has just ended and has a request id.
type freshSender struct {
	exp  exporter
	seed uint64
}

func (f *freshSender) send(ctx context.Context) (t recording.Trace, request string, err error) {
	var body []byte
	for request == "" {
		f.seed++
		g, err := dataset{Seed: f.seed}.generator(time.Now())
		if err != nil {
			return t, "", err
		}
		t = g.Trace(f.seed%1000, nil)
		body = g.Append(body[:0], t.First, uint64(len(t.Spans)))
		request = requestID(body)
	}
	rejected, err := f.exp.export(ctx, 0, body)
	if err == nil && rejected > 0 {
		err = fmt.Errorf("%d of %d spans of a single trace are rejected", rejected, len(t.Spans))
	}
	return t, request, err
}

// rareValue returns the scenario that finds one trace by its request id, if its API is there.
func rareValue(bases map[string]string) *scenario {
	for i, sc := range scenarios {
		if bases[sc.api] != "" && sc.name == "rare value" {
			return &scenarios[i]
		}
	}
	return nil
}

// poll calls found until it is true.
func poll(ctx context.Context, found func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, freshTimeout, fmt.Errorf("not found for %v", freshTimeout))
	defer cancel()
	for {
		ok, err := found(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case ok || err != nil:
			return err
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}
