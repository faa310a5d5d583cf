package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// verifyResult says whether what was sent is there, each span once.
type verifyResult struct {
	Traces  uint64 `json:"traces"` // looked up
	Of      uint64 `json:"of"`     // sent
	Spans   uint64 `json:"spans"`  // expected in these traces
	Missing uint64 `json:"missing_spans"`
	Extra   uint64 `json:"extra_spans"` // not sent, or sent once and there twice
	// Wrong describes the first traces that are not as sent.
	Wrong []string `json:"wrong,omitempty"`
}

// maxWrong is how many wrong traces are described.
const maxWrong = 10

// err returns an error if anything is missing or too much.
func (r *verifyResult) err() error {
	if r.Missing == 0 && r.Extra == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d spans are missing, %d are there that should not be; first: %s",
		r.Missing, r.Spans, r.Extra, r.Wrong[0])
}

// expected returns trace k of the data and the spans of it that were sent. Only the last trace may be cut short.
func expected(g *recording.Generator, total, k uint64, spans []span.SpanID) recording.Trace {
	t := g.Trace(k, spans)
	t.Spans = t.Spans[:min(uint64(len(t.Spans)), total-t.First)]
	return t
}

// sampler picks sample of total things, spread over all of them: one at random from each of sample equal parts.
type sampler struct{ total, sample uint64 }

func newSampler(total, sample uint64) sampler {
	if sample == 0 || sample > total {
		sample = total
	}
	return sampler{total, sample}
}

func (s sampler) pick(i uint64, rng *rand.Rand) uint64 {
	from, to := i*s.total/s.sample, (i+1)*s.total/s.sample
	return from + rng.Uint64N(to-from)
}

// verify fetches sample traces (0: all) of the data by id and compares their span ids with those that were sent.
func verify(ctx context.Context, g *recording.Generator, d dataset, r *traceReader, sample uint64, workers int) (*verifyResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	result := &verifyResult{Of: g.NumTraces(d.Spans)}
	picks := newSampler(result.Of, sample)
	result.Traces = picks.sample
	var next atomic.Uint64
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			part, err := verifyPart(ctx, g.Clone(), d, r, picks, &next)
			mu.Lock()
			defer mu.Unlock()
			result.Spans += part.Spans
			result.Missing += part.Missing
			result.Extra += part.Extra
			result.Wrong = append(result.Wrong, part.Wrong...)[:min(maxWrong, len(result.Wrong)+len(part.Wrong))]
			if err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return result, context.Cause(ctx)
}

func verifyPart(ctx context.Context, g *recording.Generator, d dataset, r *traceReader, picks sampler, next *atomic.Uint64) (verifyResult, error) {
	var part verifyResult
	var ids, got []span.SpanID
	for {
		i := next.Add(1) - 1
		if i >= picks.sample {
			return part, nil
		}
		t := expected(g, d.Spans, picks.pick(i, rand.New(rand.NewPCG(d.Seed, i))), ids)
		ids = t.Spans
		var err error
		if got, err = r.spans(ctx, t.ID, got[:0]); err != nil {
			return part, err
		}
		missing, extra := diff(t.Spans, got)
		part.Spans += uint64(len(t.Spans))
		part.Missing += uint64(missing)
		part.Extra += uint64(extra)
		if missing+extra > 0 && len(part.Wrong) < maxWrong {
			part.Wrong = append(part.Wrong, fmt.Sprintf("trace %v has %d spans, sent were %d: %d missing, %d too many",
				t.ID, len(got), len(t.Spans), missing, extra))
		}
	}
}

// diff counts the ids that only want has and those that only got has. An id counts as often as it occurs. It sorts both.
func diff(want, got []span.SpanID) (missing, extra int) {
	compare := func(a, b span.SpanID) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(want, compare)
	slices.SortFunc(got, compare)
	for len(want) > 0 && len(got) > 0 {
		switch c := compare(want[0], got[0]); {
		case c == 0:
			want, got = want[1:], got[1:]
		case c < 0:
			missing++
			want = want[1:]
		default:
			extra++
			got = got[1:]
		}
	}
	return missing + len(want), extra + len(got)
}
