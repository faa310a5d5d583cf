package traceql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/store"
)

// looksFor returns the spans that a look finds for each search, as "trace span", sorted.
func looksFor(ctx context.Context, r store.Reader, searches ...*Query) ([][]string, error) {
	var mu sync.Mutex
	found := make([][]string, len(searches))
	_, err := (&Engine{Store: r}).Look(ctx, "single-tenant", searches, LookOptions{}, func(_ int, c store.Chunk, rows RowsOf) error {
		for i := range searches {
			set, err := rows(i)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, run := range c.Traces() {
				for row := set.Next(run.Lo); row >= 0 && row < run.Hi; row = set.Next(row + 1) {
					found[i] = append(found[i], fmt.Sprint(run.ID, c.SpanIDs()[row]))
				}
			}
			mu.Unlock()
		}
		return nil
	})
	for _, list := range found {
		slices.Sort(list)
	}
	return found, err
}

// TestLook: a look for two searches at once finds for each of them what it finds by itself.
func TestLook(t *testing.T) {
	seed := testkit.Seed(t)
	g := newGen(seed)
	g.about = g.spans()
	model := modelWith(t, g.about)
	blocks := columnarWith(t, g.about, rand.New(rand.NewPCG(seed, 2)))
	some := 0
	for range 100 {
		var searches []*Query
		for len(searches) < 2 {
			if q, err := Parse(g.pipeline(2)); err == nil {
				searches = append(searches, q)
			}
		}
		for _, r := range []store.Reader{model, blocks} {
			found, err := looksFor(t.Context(), r, searches...)
			if err != nil {
				t.Fatal(err)
			}
			for i, q := range searches {
				result, err := (&Engine{Store: r}).Search(t.Context(), "single-tenant", q, SearchOptions{Spans: true, Limit: -1})
				if err != nil {
					t.Fatal(err)
				}
				var want []string
				for _, s := range result.Spans {
					want = append(want, fmt.Sprint(s.TraceID, s.ID))
				}
				slices.Sort(want)
				if some += len(want); !slices.Equal(found[i], want) {
					t.Fatalf("%T: %s beside %s: found %v, want %v", r, q, searches[1-i], found[i], want)
				}
			}
		}
	}
	if some == 0 {
		t.Error("nothing was looked for")
	}
}

func TestLookFails(t *testing.T) {
	m := modelWith(t, newGen(1).spans())
	series, err := Parse("{ } | rate()")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := looksFor(t.Context(), m, series); err == nil || !errors.As(err, new(*Error)) {
		t.Errorf("a metrics query: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	all, _ := Parse("{ }")
	if _, err := looksFor(ctx, m, all); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
}
