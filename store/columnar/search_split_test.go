package columnar

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// splitSpan is span n of trace i, which starts n seconds after it.
func splitSpan(i, n int) span.Span {
	var s span.Span
	s.TraceID = span.TraceID{15: byte(i), 14: byte(i >> 8), 0: 1}
	s.SpanID = span.SpanID{7: byte(n + 1)}
	s.Start = uint64(1_700_000_000+i+n) * 1e9
	s.End = s.Start + 1e6
	s.Name = fmt.Sprint("step ", n)
	return s
}

// places returns in how many places each trace lies, but for those that lie in one.
func placesOf(t *testing.T, e *testEngine) map[int]int {
	t.Helper()
	s := e.tenants[testTenant].snapshot()
	defer s.release()
	ofBlocks, ofHeads, gaps := s.splits()
	if len(gaps) > 0 {
		t.Fatal(gaps)
	}
	found := map[int]int{}
	for _, set := range []*splitSet{ofBlocks, ofHeads} {
		for id, tr := range set.traces {
			found[int(id[14])<<8|int(id[15])] = len(tr.runs) + len(tr.heads)
		}
	}
	return found
}

func TestSplitTracesAreFoundAndJoinedByMerges(t *testing.T) {
	e := openEngine(t, Options{})
	rng := rand.New(rand.NewPCG(7, 7))
	want := map[int]int{}
	const traces = 3000
	for round := range 4 {
		var spans []span.Span
		for i := range traces {
			if round == 0 || rng.IntN(20) == 0 {
				want[i]++
				spans = append(spans, splitSpan(i, round))
			}
		}
		e.mustWrite(spans...)
		if round < 3 {
			e.mustSettle()
		}
	}
	for i, n := range want {
		if n < 2 {
			delete(want, i)
		}
	}
	if got := placesOf(t, e); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d traces are split, want %d:\n%v\n%v", len(got), len(want), got, want)
	}
	e.mustSettle()
	if got := placesOf(t, e); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("with all in blocks, %d traces are split, want %d", len(got), len(want))
	}
	if err := e.mergeAll(); err != nil {
		t.Fatal(err)
	}
	if got := placesOf(t, e); len(got) > 0 {
		t.Errorf("%d traces are still split after a merge", len(got))
	}
	for i, n := range want {
		trace, err := e.Trace(context.Background(), testTenant, splitSpan(i, 0).TraceID, store.TimeRange{})
		if err != nil || trace.Spans.Len() != n {
			t.Fatalf("trace %d: %v, want %d spans", i, err, n)
		}
	}
}

// A trace that goes on from chunk to chunk is one run: whoever looks at each span need not bring it together.
func TestLongTraceIsJoined(t *testing.T) {
	e := openEngine(t, Options{})
	var spans []span.Span
	for n := range 3 * chunkRowsMax {
		s := splitSpan(1, n)
		s.SpanID = span.SpanID{6: byte(n >> 8), 7: byte(n), 5: 1}
		spans = append(spans, s)
	}
	for part := range slices.Chunk(spans, 1000) {
		e.mustWrite(part...)
	}
	e.mustSettle()
	if err := e.mergeAll(); err != nil {
		t.Fatal(err)
	}
	s := e.tenants[testTenant].snapshot()
	defer s.release()
	set, _, _ := s.splits()
	if len(set.list) != 1 || !set.list[0].joined || len(set.list[0].runs) < 2 || len(set.eachSpan) > 0 {
		t.Errorf("%d split traces; joined: %v", len(set.list), set.list)
	}
}
