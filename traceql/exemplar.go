package traceql

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// nominees are spans that may become exemplars. The range is cut into equal parts, and for each those of the
// traces with the least rank are kept. A rank is that of the chunk, from the times that it covers, and then that of the trace, from
// its id: so most chunks need not be looked at, and what is kept is random, but always the same.
type nominees struct {
	at    *intervals
	parts [][]nominee // sorted by rank
	most  int         // of a part
}

// nominee is a span that may become an exemplar.
type nominee struct {
	rank    uint64 // of the chunk above that of the trace, 32 bits each
	traceID span.TraceID
	spanID  span.SpanID
	start   uint64
	slot    uint32
	value   float64 // of the measured attribute
}

// newNominees returns nominees for at most n exemplars; nil if none are wanted.
func newNominees(at *intervals, n int) *nominees {
	if n <= 0 || at.instant {
		return nil
	}
	parts := min(n, at.n)
	return &nominees{at: at, parts: make([][]nominee, parts), most: n / parts}
}

// part returns the part of the range in which a trace begins.
func (c *nominees) part(start uint64) int {
	i := c.at.of(min(max(start, c.at.first), c.at.last))
	return int(uint64(i) * uint64(len(c.parts)) / uint64(c.at.n))
}

// wants reports whether a trace of a rank would be kept.
func (c *nominees) wants(part int, rank uint64) bool {
	have := c.parts[part]
	return len(have) < c.most || rank <= have[len(have)-1].rank
}

// chunkRank returns the rank of a chunk, and whether a trace of it may be kept.
func (c *nominees) chunkRank(chunk store.Chunk) (rank uint64, wanted bool) {
	b, ok := chunk.(boundedChunk)
	if !ok {
		return 0, true
	}
	lo, hi := b.Bounds()
	rank = scramble(lo^scramble(hi)) &^ math.MaxUint32
	for part := c.part(lo); part <= c.part(hi) && !wanted; part++ {
		wanted = c.wants(part, rank)
	}
	return rank, wanted
}

// offer looks at spans that were counted: rows and their slots.
func (c *nominees) offer(chunk store.Chunk, rows []int32, s *samples) {
	ofChunk, wanted := c.chunkRank(chunk)
	if !wanted {
		return
	}
	var last uint64
	part := -1
	for _, run := range chunk.Traces() {
		if part < 0 || run.Start != last {
			part, last = c.part(run.Start), run.Start
		}
		hi, lo := run.ID.Uint64s()
		rank := ofChunk | scramble(hi^scramble(lo))>>32
		if !c.wants(part, rank) {
			continue
		}
		from, _ := slices.BinarySearch(rows, int32(run.Lo))
		to, _ := slices.BinarySearch(rows, int32(run.Hi))
		if from == to {
			continue
		}
		i := from + int(rank%uint64(to-from))
		row := rows[i]
		spanID := chunk.SpanIDs()[row]
		if chunk.Err() != nil {
			return // the rest of the chunk counts all the same
		}
		c.insert(part, nominee{
			rank: rank, traceID: run.ID, spanID: spanID, start: chunk.Starts()[row],
			slot: s.slots[i], value: s.value(i),
		})
	}
}

// value returns the value of a sample; NaN if it has none.
func (s *samples) value(i int) float64 {
	switch {
	case s.ints != nil:
		return float64(s.ints[i])
	case s.floats != nil:
		return s.floats[i]
	}
	return math.NaN()
}

// insert keeps a nominee in its place. Of two of one trace, of which parts came in several chunks, it keeps the
// earlier one, so that the order in which they come does not matter.
func (c *nominees) insert(part int, one nominee) {
	have := c.parts[part]
	at, _ := slices.BinarySearchFunc(have, one, func(a, b nominee) int { return cmp.Compare(a.rank, b.rank) })
	switch {
	case at < len(have) && have[at].rank == one.rank && have[at].traceID == one.traceID:
		if cmp.Or(cmp.Compare(one.start, have[at].start), bytes.Compare(one.spanID[:], have[at].spanID[:])) < 0 {
			have[at] = one
		}
	case at < c.most:
		have = have[:min(len(have), c.most-1)]
		c.parts[part] = slices.Insert(have, at, one)
	}
}

// merge takes the nominees of others, whose groups have other numbers.
func (c *nominees) merge(other *nominees, groups []uint32) {
	n := uint32(c.at.n)
	for part, list := range other.parts {
		for _, one := range list {
			one.slot = groups[one.slot/n]*n + one.slot%n
			c.insert(part, one)
		}
	}
}

// chosen returns the nominees that become exemplars, in the order of time, one for each trace.
func (c *nominees) chosen() []nominee {
	if c == nil {
		return nil
	}
	var list []nominee
	seen := map[span.TraceID]bool{}
	for _, part := range c.parts {
		for _, one := range part {
			if !seen[one.traceID] {
				seen[one.traceID] = true
				list = append(list, one)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b nominee) int { return cmp.Compare(a.start, b.start) })
	return list
}

// describe sets the labels of all exemplars: what their spans have.
func describe(ctx context.Context, from store.Reader, tenant string, list []*TimeSeries) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, s := range list {
		for i := range s.Exemplars {
			group.Go(func() error { return s.Exemplars[i].describe(ctx, from, tenant) })
		}
	}
	return group.Wait()
}

func (e *Exemplar) describe(ctx context.Context, from store.Reader, tenant string) error {
	e.Labels = []Label{
		{Name: TraceID.String(), Value: StringStatic(e.TraceID.String())},
		{Name: SpanID.String(), Value: StringStatic(e.SpanID.String())},
	}
	t, err := from.Trace(ctx, tenant, e.TraceID, store.TimeRange{Start: e.Time, End: e.Time + 1})
	if errors.Is(err, store.ErrNotFound) { // expired meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	b := t.Spans
	for i := range b.Len() {
		if b.SpanIDs[i] == e.SpanID && b.Starts[i] == e.Time {
			e.Labels = append(e.Labels, spanLabels(b, i)...)
			break
		}
	}
	return nil
}

// spanLabels returns intrinsics and attributes of a span.
func spanLabels(b *span.Batch, i int) []Label {
	labels := []Label{
		{Name: SpanName.String(), Value: StringStatic(b.Dict.String(b.Names[i]))},
		{Name: SpanDuration.String(), Value: DurationStatic(int64(b.Ends[i] - b.Starts[i]))},
		{Name: SpanStatus.String(), Value: StatusStatic(int(b.Statuses[i]))},
		{Name: SpanKind.String(), Value: KindStatic(int(b.Kinds[i]))},
	}
	scoped := func(scope store.Scope, attrs span.Attrs) {
		for key, v := range b.AllAttrs(attrs) {
			a := Attribute{Scope: scope, Name: key}
			labels = append(labels, Label{Name: a.String(), Value: StaticOf(v)})
		}
	}
	scoped(store.SpanScope, b.Attrs[i])
	scoped(store.ResourceScope, b.Resources[b.Resource[i]].Attrs)
	scoped(store.InstrumentationScope, b.Scopes[b.Scope[i]].Attrs)
	return labels
}
