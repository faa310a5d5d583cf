package traceql

import (
	"fmt"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// comparedChunk has a span for each value of the attribute x; the given ones are errors.
func comparedChunk(values []span.Value, errors []int) *memoryChunk {
	c := &memoryChunk{live: store.NewBitmap(len(values)), columns: map[store.Field]*store.Column{}}
	c.live.Fill(0, len(values))
	dict := memoryValues(values)
	x := &store.Column{Dict: &dict}
	status := &store.Column{Type: span.Int, Nums: make([]uint64, len(values))}
	for row := range values {
		c.starts = append(c.starts, memoryStart)
		c.parents = append(c.parents, store.NoParent)
		x.Codes = append(x.Codes, uint32(row))
	}
	for _, row := range errors {
		status.Nums[row] = 2
	}
	c.runs = []store.TraceRun{{Start: memoryStart, Hi: len(values)}}
	c.fields = []store.Field{store.Attr(store.SpanScope, "x")}
	c.columns[c.fields[0]], c.columns[store.Of(store.Status)] = x, status
	return c
}

// comparedLines returns what a comparison says of the attribute x.
func comparedLines(t *testing.T, from store.Reader, text string) (lines, gaps []string) {
	e := &Engine{Store: from}
	opts := SeriesOptions{Start: memoryStart - 1, End: memoryStart + 1, Instant: true}
	result, err := e.Series(t.Context(), "t", mustParse(t, text), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Series {
		if s.Labels[1].Name == "span.x" {
			lines = append(lines, fmt.Sprint(s.Labels[0].Value.Str, " ", s.Labels[1].Value, " ", s.Values[0]))
		}
	}
	return lines, result.Gaps
}

func TestCompareMostFrequent(t *testing.T) {
	text := func(s string) span.Value { return span.StringValue(s) }
	chunk := comparedChunk([]span.Value{
		text("a"), text("b"), text("b"), text("c"), text("a"), {}, span.IntValue(1), text("b"), span.IntValue(1),
	}, []int{0, 1, 2, 5, 6})
	for _, test := range []struct {
		text string
		want []string
	}{
		{"{ } | compare({ status = error }, 10)", []string{
			"baseline 1 1", `baseline "a" 1`, `baseline "b" 1`, `baseline "c" 1`, "baseline_total nil 4",
			"selection 1 1", `selection "a" 1`, `selection "b" 2`, "selection_total nil 4",
		}},
		{"{ } | compare({ status = error }, 1)", []string{ // of equally frequent ones the first in order
			"__too_many_values__ nil NaN", "baseline 1 1", "baseline_total nil 4", `selection "b" 2`, "selection_total nil 4",
		}},
		{"{ status = error } | compare({ status = error }, 3)", []string{
			"selection 1 1", `selection "a" 1`, `selection "b" 2`, "selection_total nil 4",
		}},
	} {
		got, gaps := comparedLines(t, &oneChunkStore{chunk: chunk}, test.text)
		if !slices.Equal(got, test.want) || !slices.Equal(gaps, []string{"gap"}) {
			t.Errorf("%s: %q, gaps %q; want %q", test.text, got, gaps, test.want)
		}
	}
}

// TestCompareManyValues holds that all spans are in the totals, and those of the selection among the values, when
// there are more values than are told apart.
func TestCompareManyValues(t *testing.T) {
	const rows = 3 * maxSelected
	values := make([]span.Value, rows)
	for i := range values {
		values[i] = span.IntValue(int64(i))
	}
	chunks := []*memoryChunk{comparedChunk(values, nil), comparedChunk(values, []int{3, rows - 1, rows - 2})}
	want := []string{
		"__too_many_values__ nil NaN", "baseline 0 2", fmt.Sprintf("baseline_total nil %d", 2*rows-3),
		"selection 3 1", fmt.Sprintf("selection %d 1", rows-2), fmt.Sprintf("selection %d 1", rows-1), "selection_total nil 3",
	}
	text := "{ } | compare({ status = error }, 3)"
	for _, from := range []store.Reader{&memoryStore{chunks: chunks, times: 1}, &parallelStore{memoryStore{chunks: chunks}}} {
		got, gaps := comparedLines(t, from, text)
		if i := slices.Index(got, "baseline 0 2"); i >= 0 {
			got = slices.Delete(got, i+1, i+3) // more of the same
		}
		if !slices.Equal(got, want) || len(gaps) > 0 {
			t.Errorf("%q, gaps %q; want %q", got, gaps, want)
		}
	}
}
