package analyze

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar"
	"github.com/clewhq/clew/store/storetest"
)

// A service that sends no spans may be named as a peer, so some names are both.
var (
	someServices = []string{"", "web", "shop", "stock", "mail", "Shop"}
	somePeers    = []string{"redis", "shop", "10.0.0.1", "kafka", "web", ""}
)

// someStates are trace states, with how many spans one that has it stands for.
var someStates = map[string]uint64{"": 1, "a=b": 1, "ot=th:0": 1, "ot=th:8": 2, "ot=th:c": 4}

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

// randomSpans returns traces. Only the halves of a call share an id, and most often their parent too.
func randomSpans(rng *rand.Rand, traces int) []span.Span {
	var all []span.Span
	for n := range traces {
		var trace []span.Span
		for range 1 + rng.IntN(14) {
			trace = append(trace, randomSpan(rng, n, trace, all))
		}
		all = append(all, trace...)
	}
	return all
}

func randomSpan(rng *rand.Rand, trace int, before, others []span.Span) span.Span {
	s := span.Span{
		TraceID: span.TraceID{0: byte(trace), 1: byte(trace >> 8), 15: 1}, SpanID: span.SpanID{0: byte(len(before)), 7: 1},
		Kind: pick[int32](rng, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 5, 5), Status: pick[int32](rng, 0, 0, 1, 2), Start: 1000 + rng.Uint64N(1000),
	}
	s.End = s.Start + rng.Uint64N(1<<rng.IntN(40))
	if rng.IntN(3) == 0 {
		s.TraceState = pick(rng, "", "a=b", "ot=th:0", "ot=th:8", "ot=th:c")
	}
	if name := pick(rng, someServices...); name != "" {
		s.Resource.Attrs = []span.KeyValue{{Key: "service.name", Value: span.StringValue(name)}}
	}
	for _, k := range PeerKeys {
		if rng.IntN(8) == 0 {
			s.Attrs = append(s.Attrs, span.KeyValue{Key: k.Key, Value: span.StringValue(pick(rng, somePeers...))})
		}
	}
	if len(others) > 0 && rng.IntN(3) == 0 {
		other := pick(rng, others...)
		s.Links = []span.SpanLink{{TraceID: other.TraceID, SpanID: other.SpanID}}
	}
	if len(before) == 0 {
		return s
	}
	other := pick(rng, before...)
	switch rng.IntN(12) {
	case 0: // it stays a root
	case 1:
		s.Parent = span.SpanID{1, 2, 3, 4}
	case 2, 3:
		s.Links = []span.SpanLink{{TraceID: other.TraceID, SpanID: other.SpanID}}
		s.Links[0].TraceID[15] = pick[byte](rng, 1, 1, 2)
	case 4:
		twins := slices.ContainsFunc(before, func(b span.Span) bool { return b.SpanID == other.SpanID && b.Kind != other.Kind })
		if s.Parent = other.SpanID; other.Kind == 3 && !twins {
			s.SpanID, s.Parent, s.Kind = other.SpanID, pick(rng, other.Parent, other.Parent, span.SpanID{}), 2
		}
	default:
		s.Parent = other.SpanID
	}
	return s
}

func TestDependenciesRandomly(t *testing.T) {
	rng := rand.New(rand.NewPCG(testkit.Seed(t), 0))
	for range 30 {
		spans := randomSpans(rng, 1+rng.IntN(200))
		m := &storetest.Model{}
		e := newEngine(t)
		for done, part := 0, 1+rng.IntN(len(spans)); done < len(spans); {
			next := spans[done:min(done+part, len(spans))]
			done += len(next)
			storetest.WriteSpans(t, m, next)
			storetest.WriteSpans(t, e, next)
			if rng.IntN(2) == 0 {
				if err := e.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			askDependencies(t, rng, spans[:done], m, e, e) // what the engine keeps of the first time is of use the second
		}
	}
}

// askDependencies holds the answers of readers against the documentation.
func askDependencies(t *testing.T, rng *rand.Rand, spans []span.Span, readers ...store.Reader) {
	within := pick(rng, store.TimeRange{}, store.TimeRange{}, store.TimeRange{Start: 1200, End: 1800}, store.TimeRange{Start: 1990}, store.TimeRange{Start: 1, End: 1e6})
	opts := GraphOptions{Brokers: rng.IntN(2) == 0, Queues: rng.IntN(3) == 0, Direct: rng.IntN(2) == 0}
	want := newNaiveGraph(spans, within, opts)
	for _, r := range readers {
		got, err := Dependencies(t.Context(), r, store.DefaultTenant, within, opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := want.diff(got); err != nil {
			t.Fatalf("%T, %+v, %+v: %v", r, within, opts, err)
		}
	}
}

func (g *naiveGraph) diff(got *Graph) error {
	if want := g.sortedNodes(); !reflect.DeepEqual(got.Nodes, want) {
		return fmt.Errorf("nodes are\n%v, want\n%v", got.Nodes, want)
	}
	if len(got.Edges) != len(g.edges) || got.Gaps != nil {
		return fmt.Errorf("%d edges, want %d; gaps %v", len(got.Edges), len(g.edges), got.Gaps)
	}
	for _, e := range got.Edges {
		want := g.edges[edgeName{e.Caller, e.Callee, e.Connection}]
		if want == nil {
			return fmt.Errorf("edge %+v, want none", e)
		}
		if e.Calls != want.calls || e.Errors != want.errors || !e.Client.near(want.client) || !e.Server.near(want.server) {
			return fmt.Errorf("edge %+v, want %+v", e, want)
		}
	}
	return nil
}

// near reports whether a latency is that of durations, but for the error it may have.
func (l Latency) near(durations []uint64) bool {
	n := len(durations)
	if n == 0 || l.Count != uint64(n) {
		return l == Latency{}
	}
	slices.Sort(durations)
	near := func(got uint64, percent int) bool {
		want := float64(durations[(n*percent+99)/100-1])
		return float64(got) >= want*0.992 && float64(got) <= want*1.008
	}
	return near(l.P50, 50) && near(l.P95, 95) && near(l.P99, 99) && l.Max == durations[n-1]
}

func newEngine(t testing.TB) *columnar.Engine {
	e := openEngine(t, columnar.Options{Dir: t.TempDir()})
	t.Cleanup(func() { closeEngine(t, e) })
	return e
}

func openEngine(t testing.TB, opts columnar.Options) *columnar.Engine {
	opts.Decode, opts.SyncInterval, opts.Logger = storetest.DecodeSpans, time.Hour, slog.New(slog.DiscardHandler)
	e, err := columnar.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func closeEngine(t testing.TB, e *columnar.Engine) {
	if err := e.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestTracesAroundTheRange: a trace without a span in the range is as if it were not there, however a store cuts chunks.
func TestTracesAroundTheRange(t *testing.T) {
	from := func(service string, trace byte, kind int32, start uint64) span.Span {
		return span.Span{
			TraceID: span.TraceID{15: trace}, SpanID: span.SpanID{0: byte(start), 7: 1}, Kind: kind, Start: start, End: start + 1,
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}},
		}
	}
	sent, after, received := from("web", 1, producer, 10), from("web", 1, server, 90), from("mail", 2, consumer, 50)
	received.Links = []span.SpanLink{{TraceID: sent.TraceID, SpanID: sent.SpanID}}
	received.Attrs = []span.KeyValue{{Key: "messaging.system", Value: span.StringValue("kafka")}}
	e := newEngine(t)
	storetest.WriteSpans(t, e, []span.Span{sent, after, received})
	for _, when := range []string{"in memory", "in one block"} {
		g, err := Dependencies(t.Context(), e, store.DefaultTenant, store.TimeRange{Start: 40, End: 60}, GraphOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if want := []Node{{"kafka", Messaging, 0, 0}, {"mail", Service, 1, 0}}; !slices.Equal(g.Nodes, want) || len(g.Edges) != 1 {
			t.Errorf("%s: nodes %v, edges %v; want nodes %v", when, g.Nodes, g.Edges, want)
		}
		if err := e.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDependenciesAreBounded: an answer that has no end is refused.
func TestDependenciesAreBounded(t *testing.T) {
	shop := span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}}
	spans := make([]span.Span, maxNames+1)
	for i := range spans {
		peer := span.StringValue(fmt.Sprint("peer", i))
		spans[i] = span.Span{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{0: 1, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)},
			Kind: client, Attrs: []span.KeyValue{{Key: "peer.service", Value: peer}}, Resource: shop,
		}
	}
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, spans)
	if _, err := Dependencies(t.Context(), m, store.DefaultTenant, store.TimeRange{}, GraphOptions{}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("error %v, want that it is too large", err)
	}
}

// TestMessagesBetweenTracesAreBounded: past the bound they are counted to and from their broker, and that is told.
func TestMessagesBetweenTracesAreBounded(t *testing.T) {
	s := newSums(1, allViews)
	s.room = 2
	web, mail, kafka := s.number("web"), s.number("mail"), s.number("kafka")
	for n := range 2 {
		key := spanKey{span.TraceID{15: 1}, span.SpanID{7: byte(n)}}
		s.wait(&s.sent, message{producer: key, own: web, peer: kafka, weight: 1}, s.addSent)
		s.wait(&s.received, message{producer: key, own: mail, peer: kafka, weight: 1}, s.addReceived)
	}
	total := newSums(1, direct)
	total.add(s.cut())
	total.join()
	calls := map[string]uint64{}
	for _, e := range total.graph().Edges {
		calls[e.Caller+">"+e.Callee] = e.Calls
	}
	if want := map[string]uint64{"web>mail": 1, "web>kafka": 1, "kafka>mail": 1}; !maps.Equal(calls, want) || !total.short {
		t.Errorf("%v, short %v, want %v", calls, total.short, want)
	}
}
