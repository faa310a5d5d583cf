package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Backend is a store under test. It starts empty and must not let data expire:
// some spans lie in 1970 and some in 2554.
type Backend interface {
	store.Writer
	store.Reader
}

// What else a Backend can do, the suite does between its questions: answers
// must not depend on where spans lie.
type (
	// Settler brings all data into its final form: flushed and merged.
	// It is called while others read and write.
	Settler interface {
		Settle(ctx context.Context) error
	}
	// Reopener closes the store and opens it again over the same data.
	// It is called while nobody else uses the store.
	Reopener interface {
		Reopen(ctx context.Context) error
	}
	// Churner moves some of the data at random: flushes, merges a few pieces,
	// drops caches. It is called as Reopener is, and may reopen.
	Churner interface {
		Churn(ctx context.Context, rng *rand.Rand) error
	}
)

// traceVar is how many spans the big trace has; default 20,000.
const traceVar = "CLEW_TEST_TRACE_SPANS"

// checks are the claims of the suite. Those on random data run once for each round.
var checks = []struct {
	name   string
	random bool
	run    func(*trial) error
}{
	{"EveryField", false, checkEveryField},
	{"TraceInPieces", false, checkTraceInPieces},
	{"SharedIDs", false, checkSharedIDs},
	{"TraceIDs", false, checkTraceIDs},
	{"Tenants", false, checkTenants},
	{"Catalog", false, checkCatalog},
	{"Predicates", false, checkPredicates},
	{"EqualStarts", false, checkEqualStarts},
	{"Empty", false, checkEmpty},
	{"ContextEnds", false, checkContextEnds},
	{"YieldUsesChunks", false, checkYieldUsesChunks},
	{"YieldEnds", false, checkYieldEnds},
	{"Looks", true, checkLooks},
	{"Random", true, checkRandom},
	{"Thin", true, checkThin},
	{"Concurrent", false, checkConcurrent},
	{"ManyAttributes", false, checkManyAttributes},
	{"ManyTraces", false, checkManyTraces},
	{"ManyEvents", false, checkManyEvents},
	{"LongValues", false, checkLongValues},
	{"ManyKeys", false, checkManyKeys},
	{"BigTrace", false, checkBigTrace},
}

// Run holds the stores that open returns against the Model. Each is used by one
// subtest; open registers its clean-up with the t that it is given. Data is
// random: CLEW_TEST_SEED repeats a run, CLEW_TEST_ROUNDS and
// CLEW_TEST_TRACE_SPANS make a longer one.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	base, rounds := testkit.Seed(t), testkit.Rounds(t, 4)
	for _, c := range checks {
		if !c.random {
			t.Run(c.name, func(t *testing.T) { runCheck(t, c.run, open(t), base) })
			continue
		}
		for round := range rounds {
			t.Run(fmt.Sprintf("%s/%d", c.name, round), func(t *testing.T) { runCheck(t, c.run, open(t), base+round) })
		}
	}
}

func runCheck(t *testing.T, check func(*trial) error, b Backend, seed uint64) {
	tr := newTrial(t.Context(), b, seed)
	tr.bigTrace = int(testkit.Number(t, traceVar, uint64(tr.bigTrace)))
	if err := check(tr); err != nil {
		t.Fatalf("seed %d (repeat with %s=%d %s=1):\n%v", seed, testkit.SeedVar, seed, testkit.RoundsVar, err)
	}
}

// trial is a backend beside the model that got the same spans.
type trial struct {
	ctx      context.Context
	backend  Backend
	model    *Model
	gen      *Gen
	rng      *rand.Rand    // of the trial's own choices
	batch    span.Batch    // used for every write, so that a backend that holds on to one is found out
	bigTrace int           // spans in the big trace
	patience time.Duration // for what must not wait
}

func newTrial(ctx context.Context, b Backend, seed uint64) *trial {
	return &trial{
		ctx: ctx, backend: b, model: &Model{}, gen: NewGen(seed),
		rng: rand.New(rand.NewPCG(seed, 1)), bigTrace: 20_000, patience: time.Minute,
	}
}

const tenant = store.DefaultTenant

// write puts spans into the backend and the model, as one batch.
func (t *trial) write(tenant string, spans ...span.Span) error {
	t.batch.Reset()
	for i := range spans {
		t.batch.Append(&spans[i])
	}
	if err := t.model.Write(t.ctx, tenant, &t.batch); err != nil {
		return err
	}
	return writeBatch(t.ctx, t.backend, tenant, &t.batch)
}

// writeBatch writes b and waits as a sender does where the backend asks for it.
func writeBatch(ctx context.Context, w store.Writer, tenant string, b *span.Batch) error {
	b.Received = time.Now()
	for {
		err := w.Write(ctx, tenant, b)
		var retry *store.RetryError
		if !errors.As(err, &retry) {
			if err != nil {
				return fmt.Errorf("write %d spans: %w", b.Len(), err)
			}
			return nil
		}
		select {
		case <-time.After(retry.After):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// everywhere runs check on the data as it was written, and again wherever the backend can move it.
func (t *trial) everywhere(check func() error) error {
	if err := check(); err != nil {
		return fmt.Errorf("as written: %w", err)
	}
	churner, churns := t.backend.(Churner)
	settler, settles := t.backend.(Settler)
	reopener, reopens := t.backend.(Reopener)
	for _, move := range []struct {
		name string
		can  bool
		do   func() error
	}{
		{"churned", churns, func() error { return churner.Churn(t.ctx, t.rng) }},
		{"settled", settles, func() error { return settler.Settle(t.ctx) }},
		{"reopened", reopens, func() error { return reopener.Reopen(t.ctx) }},
	} {
		if !move.can {
			continue
		}
		if err := move.do(); err != nil {
			return fmt.Errorf("to be %s: %w", move.name, err)
		}
		if err := check(); err != nil {
			return fmt.Errorf("%s: %w", move.name, err)
		}
	}
	return nil
}

// churn moves data at random in one of the ways that the backend has.
func (t *trial) churn() error {
	if churner, ok := t.backend.(Churner); ok && t.rng.IntN(4) > 0 {
		return churner.Churn(t.ctx, t.rng)
	}
	if settler, ok := t.backend.(Settler); ok && t.rng.IntN(2) == 0 {
		return settler.Settle(t.ctx)
	}
	if reopener, ok := t.backend.(Reopener); ok {
		return reopener.Reopen(t.ctx)
	}
	return nil
}
