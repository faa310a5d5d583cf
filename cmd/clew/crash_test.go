package main

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
)

// crashRoundsVar says how often TestCrashRounds kills the server under load; default 3.
const crashRoundsVar = "CLEW_TEST_CRASH_ROUNDS"

// TestCrashRounds kills the server under load at random moments, and again while
// it starts and recovers. After each round the data folder is sound; at the end
// every span that was acknowledged is there, once, as it was sent.
func TestCrashRounds(t *testing.T) {
	seed, rounds := testkit.Seed(t), testkit.Number(t, crashRoundsVar, 3)
	rng, dir, a := rand.New(rand.NewPCG(seed, 1)), t.TempDir(), newAcked(t, seed)
	var at atomic.Uint64
	for round := range rounds {
		before := len(a.spans)
		crashUnderLoad(t, dir, a, &at, rng.IntN(10_000))
		if len(a.spans) == before {
			t.Errorf("round %d: nothing was acknowledged", round)
		}
		for range rng.IntN(3) {
			crashAtStart(t, dir, time.Duration(rng.Int64N(int64(100*time.Millisecond))))
		}
		if out, err := clew("storage", "verify", dir); err != nil {
			t.Fatalf("round %d: verify: %v\n%s", round, err, out)
		}
	}
	a.checkContent(t, startServer(t, "--data-dir", dir))
	t.Logf("%d spans were acknowledged in %d rounds", len(a.spans), rounds)
}

// smallHead makes the server write and merge blocks all the time.
const smallHead = "--memory.head=1MiB"

// crashUnderLoad lets senders send until the server is killed, when more than some spans are acknowledged.
func crashUnderLoad(t *testing.T, dir string, a *acked, at *atomic.Uint64, spans int) {
	const senders, size = 4, 50
	next := func() uint64 { return at.Add(size) - size }
	p := startProcess(t, dir, smallHead)
	killAt := len(a.spans) + 1 + spans
	var finished sync.WaitGroup
	for range senders {
		client := traceClient(t, p.addrs["otlp-grpc"])
		finished.Go(func() {
			a.send(t.Context(), client, next, size, func(n int) {
				if n >= killAt {
					p.cmd.Process.Kill()
				}
			})
		})
	}
	finished.Wait()
	p.cmd.Process.Kill() // if something else stopped the senders
	p.wait()             // says that it was killed
}

// crashAtStart kills the server some milliseconds after it is started.
func crashAtStart(t *testing.T, dir string, after time.Duration) {
	binary, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	args := slices.Concat([]string{"serve", "--data-dir", dir, smallHead}, anyPort)
	if err := exec.CommandContext(ctx, binary, args...).Run(); ctx.Err() == nil {
		t.Errorf("the server ended by itself: %v", err)
	}
}

// checkContent is check for all that spans hold.
func (a *acked) checkContent(t *testing.T, s *testServer) {
	t.Helper()
	last := uint64(0)
	for i := range a.spans {
		last = max(last, i)
	}
	missing := 0
	for k := range a.gen.NumTraces(last + 1) {
		trace := a.gen.Trace(k, nil)
		var sent coltrace.ExportTraceServiceRequest
		if err := proto.Unmarshal(a.gen.Append(nil, trace.First, uint64(len(trace.Spans))), &sent); err != nil {
			t.Fatal(err)
		}
		want := spanSet{}
		want.add(t, sent.GetResourceSpans())
		read := s.readTrace(t, trace.ID)
		got := spanSet{}
		got.add(t, read)
		for text := range got[trace.ID] {
			if !want[trace.ID][text] {
				t.Fatalf("trace %s has a span that was not sent like this: %q", trace.ID, text)
			}
		}
		found := map[span.SpanID]int{}
		for _, rs := range read {
			for _, ss := range rs.GetScopeSpans() {
				for _, one := range ss.GetSpans() {
					found[span.SpanID(one.GetSpanId())]++
				}
			}
		}
		for i, id := range trace.Spans {
			if found[id] > 1 {
				t.Errorf("span %s of trace %s is there %d times", id, trace.ID, found[id])
			}
			if a.spans[trace.First+uint64(i)] && found[id] == 0 {
				missing++
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d acknowledged spans are missing", missing, len(a.spans))
	}
}
