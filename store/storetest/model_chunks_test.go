package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// chunkTraces runs a look and returns the traces and their spans, sorted.
func chunkTraces(t *testing.T, m *Model, q *store.Query) []string {
	t.Helper()
	var mu sync.Mutex
	var list []string
	_, err := m.Scan(t.Context(), tenant, q, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		for _, run := range c.Traces() {
			text := fmt.Sprintf("%d@%d:", run.ID[15], run.Start/second)
			for row := run.Lo; row < run.Hi; row++ {
				text += fmt.Sprintf(" %d@%d", c.SpanIDs()[row][7], c.Starts()[row]/second)
				for i := range q.Where {
					text += fmt.Sprintf(" %t", c.Where(i).Has(row))
				}
			}
			list = append(list, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func TestModelChunks(t *testing.T) {
	m := smallModel(t)
	is := func(kind int64) store.Predicate {
		return store.Compare{Field: store.Of(store.Kind), Op: store.Equal, Value: number(kind)}
	}
	const older, newer = "1@10: 1@10", "2@15: 2@15 1@20"
	for _, c := range []struct {
		q    store.Query
		want string
	}{
		{store.Query{}, older + "; " + newer},
		{store.Query{Where: []store.Predicate{is(3)}}, "1@10: 1@10 false; 2@15: 2@15 true 1@20 false"},
		{store.Query{Needs: []store.Predicate{is(3)}}, newer},
		{store.Query{Needs: []store.Predicate{is(3), is(2)}}, newer}, // of two spans
		{store.Query{Needs: []store.Predicate{is(9)}}, ""},
		{store.Query{Range: store.TimeRange{Start: 20 * second}}, newer},
		{store.Query{Range: store.TimeRange{End: 15 * second}}, older},
		{store.Query{Range: store.TimeRange{Start: 11 * second, End: 15 * second}}, ""},
		{store.Query{Range: store.TimeRange{Start: 20 * second}, Needs: []store.Predicate{is(3)}}, newer}, // of a span out of the range
		{store.Query{Before: 15 * second}, older + "; " + newer},
		{store.Query{Before: 15*second - 1}, older},
		{store.Query{Enough: func() uint64 { return 10*second + 1 }}, newer},
		{store.Query{Enough: func() uint64 { return 10 * second }}, older + "; " + newer},
	} {
		if got := strings.Join(chunkTraces(t, m, &c.q), "; "); got != c.want {
			t.Errorf("Scan(%+v)\n  = %s\nwant %s", c.q, got, c.want)
		}
		if len(c.q.Where) > 0 {
			continue
		}
		lax := &Model{Lax: true, tenants: m.tenants}
		if got := strings.Join(chunkTraces(t, lax, &c.q), "; "); got != older+"; "+newer {
			t.Errorf("if it is lax, Scan(%+v)\n  = %s\nwant all", c.q, got)
		}
	}
}

// TestModelChunksTakeLiberties: the forms that a chunk may have all occur.
func TestModelChunksTakeLiberties(t *testing.T) {
	var m Model
	var b span.Batch
	for _, s := range NewGen(1).Spans(400) {
		b.Append(&s)
	}
	if err := m.Write(t.Context(), tenant, &b); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen, traces, dicts, starts := map[string]int{}, map[span.TraceID]int{}, map[store.Values]int{}, []uint64(nil)
	var kept *store.Column
	look := func(c store.Chunk) {
		for _, run := range c.Traces() {
			traces[run.ID]++
			starts = append(starts, run.Start)
		}
		for _, i := range intrinsics {
			column := c.Column(store.Of(i))
			if i == store.Kind && column.Nums != nil {
				kept = column
			}
			if column.Dict != nil {
				dicts[column.Dict]++
			}
			for what, is := range map[string]bool{
				"nothing": column.Nums == nil && column.Codes == nil, "codes": column.Codes != nil,
				"numbers": column.Nums != nil, "all numbers": column.Nums != nil && column.Has == nil,
				"numbers as codes": column.Codes != nil && i == store.Kind,
				"rows of no trace": c.Live().Count() < c.Len(), "no rows of no trace": c.Live().Count() == c.Len(),
			} {
				if is {
					seen[what]++
				}
			}
		}
	}
	_, err := m.Scan(t.Context(), tenant, &store.Query{EachSpan: true}, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		look(c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"nothing", "codes", "numbers", "all numbers", "numbers as codes", "rows of no trace", "no rows of no trace"} {
		if seen[what] == 0 {
			t.Errorf("%s: never", what)
		}
	}
	for what, counts := range map[string][]int{"trace in pieces": mapValues(traces), "shared dictionary": mapValues(dicts)} {
		if slices.Max(counts) < 2 {
			t.Errorf("%s: never", what)
		}
	}
	if kept == nil || slices.Max(kept.Nums) != 0 {
		t.Errorf("after its time a column still has its numbers: %v", kept)
	}
	slices.Reverse(starts)
	if slices.IsSorted(starts) {
		t.Error("chunks come exactly newest first")
	}
}

func mapValues[K comparable](m map[K]int) (list []int) {
	for _, n := range m {
		list = append(list, n)
	}
	return list
}

func TestModelChunksEnd(t *testing.T) {
	m := smallModel(t)
	mine := errors.New("mine")
	if result, err := m.Scan(t.Context(), tenant, &store.Query{}, func(int, store.Chunk) error { return mine }); err != mine || result != nil {
		t.Errorf("after an error of yield: %v, %v", result, err)
	}
}
