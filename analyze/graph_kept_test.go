package analyze

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar"
	"github.com/clewhq/clew/store/storetest"
)

// keepingOptions are those of an engine for which every day is over, so that it merges any two blocks of about one size.
func keepingOptions(dir string) columnar.Options {
	return columnar.Options{Dir: dir, Ahead: KeepGraph, Now: func() time.Time { return time.Now().Add(24 * time.Hour) }}
}

// TestDependenciesAreKept: what one process kept of merged blocks, the next one adds up, without a look at the spans,
// and however messages are seen.
func TestDependenciesAreKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	spans := randomSpans(rng, 300)
	half := len(spans) / 2
	for spans[half].TraceID == spans[half-1].TraceID {
		half++
	}
	opts := keepingOptions(t.TempDir())
	e := openEngine(t, opts)
	for _, part := range [][]span.Span{spans[:half], spans[half:]} {
		storetest.WriteSpans(t, e, part)
		if err := e.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	closeEngine(t, e)
	opts.Ahead = nil
	e = openEngine(t, opts)
	defer closeEngine(t, e)
	for _, o := range []GraphOptions{{}, {Brokers: true}} {
		got, err := Dependencies(t.Context(), e, store.DefaultTenant, store.TimeRange{}, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := newNaiveGraph(spans, store.TimeRange{}, o).diff(got); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
		if got.Stats.ChunksRead > 0 || got.Stats.ChunksSkipped == 0 {
			t.Errorf("%+v: %d chunks were read, %d were not; want none read", o, got.Stats.ChunksRead, got.Stats.ChunksSkipped)
		}
	}
}

// TestKeptDependenciesStayTrue: also when spans come late for traces of which something is kept, and blocks are merged
// again, by processes that begin at any time.
func TestKeptDependenciesStayTrue(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 7))
	for range 5 {
		spans := randomSpans(rng, 1+rng.IntN(150))
		rng.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		opts := keepingOptions(t.TempDir())
		e := openEngine(t, opts)
		m := &storetest.Model{}
		for done := 0; done < len(spans); {
			next := spans[done:min(done+1+rng.IntN(len(spans)/3+1), len(spans))]
			done += len(next)
			storetest.WriteSpans(t, m, next)
			storetest.WriteSpans(t, e, next)
			if rng.IntN(3) > 0 {
				if err := e.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if rng.IntN(2) == 0 {
				closeEngine(t, e)
				e = openEngine(t, opts)
			}
			askDependencies(t, rng, spans[:done], m, e)
		}
		closeEngine(t, e)
	}
}

// someSheet returns what random spans add up to.
func someSheet(t testing.TB, spans []span.Span) *sheet {
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, spans)
	l := newLinker(store.TimeRange{Start: 1200}, GraphOptions{}, newSums(1, allViews))
	columns := append(peerFields(), kindField, statusField, durationField, serviceField, traceStateField, linkTrace, linkSpan)
	var mu sync.Mutex
	_, err := m.Scan(t.Context(), store.DefaultTenant, &store.Query{Columns: columns}, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		return l.observe(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l.cut()
}

// FuzzUnpackSheet: whatever the bytes are, what is made of them can be packed again and added up.
func FuzzUnpackSheet(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 3 {
		p := someSheet(f, randomSpans(rng, 20))
		if len(p.sent) == 0 || len(p.received) == 0 {
			f.Fatal("the sheet has no messages")
		}
		packed := p.pack()
		made, size, err := unpackSheet(packed)
		if err != nil || size != p.size() || !bytes.Equal(made.(*sheet).pack(), packed) {
			f.Fatalf("%v, %d bytes, want %d; or it is another sheet", err, size, p.size())
		}
		for _, short := range []int{0, 1, len(packed) / 2, len(packed) - 1} {
			if _, _, err := unpackSheet(packed[:short]); err == nil {
				f.Errorf("the first %d of %d bytes were understood", short, len(packed))
			}
		}
		if _, _, err := unpackSheet(append(bytes.Clone(packed), 0)); err == nil {
			f.Error("a byte too many was not seen")
		}
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		made, _, err := unpackSheet(packed)
		if err != nil {
			return
		}
		p := made.(*sheet)
		again, _, err := unpackSheet(p.pack())
		if err != nil || !bytes.Equal(again.(*sheet).pack(), p.pack()) {
			t.Fatal("what is packed again is not the same:", err)
		}
		for _, view := range []views{direct, brokered} {
			s := newSums(1, view)
			s.add(p)
			s.join()
			s.graph()
		}
	})
}
