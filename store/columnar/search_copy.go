package columnar

import (
	"context"
	"errors"
	"slices"

	"github.com/clewhq/clew/store"
)

// rowSource has rows of one trace in the order of compareRows: those of heads, or
// runs of a block that go on where the one before ended, of which one is in memory at a time.
type rowSource struct {
	rows []rowRef // that come next
	view *view
	runs []run   // not read yet
	rs   *rowSet // of the run that was read last
}

// sampleRows is after how many rows of a trace the memory for all is made.
const sampleRows = 4096

// copyTo copies the spans in the order of compareRows, without repetitions, and returns what could not be
// read. It holds little beside the copy. The error is that of the budget, or of ctx.
func (p *places) copyTo(ctx context.Context, c *copier, left *budget) (gaps []string, err error) {
	sources, total, gaps := p.sources()
	var same []rowRef // are equal in the order, and not copied yet
	flush := func() {
		for _, r := range dedupe(same) {
			c.add(r.rs, int(r.row))
		}
		same = same[:0]
	}
	for n := 0; ; n++ {
		if n == sampleRows {
			c.grow(total)
		}
		if n%sampleRows == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var first *rowSource
		for _, src := range sources {
			if err := src.fill(same, left); errors.Is(err, store.ErrTooLarge) {
				return nil, err
			} else if err != nil {
				gaps = append(slices.Clip(gaps), err.Error())
			}
			if len(src.rows) > 0 && (first == nil || compareRows(src.rows[0], first.rows[0]) < 0) {
				first = src
			}
		}
		if first == nil {
			flush()
			return gaps, nil
		}
		if len(same) > 0 && compareRows(same[0], first.rows[0]) != 0 {
			flush()
		}
		same = append(same, first.rows[0])
		first.rows = first.rows[1:]
	}
}

// sources returns where the rows come from, and how many there are.
func (p *places) sources() (list []*rowSource, total int, gaps []string) {
	gaps = p.gaps
	var ofHeads rowSource
	for _, h := range p.heads {
		rows, _ := h.rowsOf(p.id)
		ofHeads.rows = append(ofHeads.rows, rows...)
	}
	slices.SortStableFunc(ofHeads.rows, compareRows)
	list, total = append(list, &ofHeads), len(ofHeads.rows)
	for _, at := range p.blocks {
		v, err := newView(at.b, everything, true)
		if err != nil {
			gaps = append(slices.Clip(gaps), err.Error())
			continue
		}
		for i, r := range at.runs {
			total += r.rows.rows
			if i > 0 && at.b.goesOn(at.runs[i-1].chunk, r.chunk) && r.lo == 0 {
				last := list[len(list)-1]
				last.runs = append(last.runs, r)
				continue
			}
			list = append(list, &rowSource{view: v, runs: []run{r}})
		}
	}
	return list, total, gaps
}

// goesOn reports whether the first trace of a chunk began in the one before.
func (b *block) goesOn(before, chunk uint32) bool {
	chunks, err := b.chunkTable()
	return err == nil && chunk == before+1 && chunks[chunk].continues
}

// fill reads the next run, if there are no rows. Those of same must stay as they are. After an error the source has no more.
func (s *rowSource) fill(same []rowRef, left *budget) error {
	if len(s.rows) > 0 || len(s.runs) == 0 {
		return nil
	}
	r := s.runs[0]
	s.runs = s.runs[1:]
	if s.rs == nil || slices.ContainsFunc(same, func(r rowRef) bool { return r.rs == s.rs }) {
		s.rs = &rowSet{space: s.view.space}
	} else {
		s.rs.reset()
	}
	err := left.take(int64(r.rows.rows) * rowMemory)
	if err == nil {
		err = s.view.load(s.rs, r.chunk, r.lo, []traceRows{r.rows})
	}
	if err == nil {
		err = left.take(s.rs.localBytes)
	}
	if err != nil {
		s.runs = nil
		return err
	}
	s.rows = make([]rowRef, 0, s.rs.Len())
	for i := range s.rs.Len() {
		s.rows = append(s.rows, rowRef{s.rs, uint32(i)})
	}
	return nil
}

// grow makes room for as many rows, which are taken to be like those that are there.
func (c *copier) grow(rows int) {
	d := c.dst
	n := max(rows-d.Len(), 0)
	if n == 0 || d.Len() == 0 {
		return
	}
	d.TraceIDs = slices.Grow(d.TraceIDs, n)
	d.SpanIDs = slices.Grow(d.SpanIDs, n)
	d.Parents = slices.Grow(d.Parents, n)
	d.Starts = slices.Grow(d.Starts, n)
	d.Ends = slices.Grow(d.Ends, n)
	d.Names = slices.Grow(d.Names, n)
	d.Kinds = slices.Grow(d.Kinds, n)
	d.Statuses = slices.Grow(d.Statuses, n)
	d.Messages = slices.Grow(d.Messages, n)
	d.States = slices.Grow(d.States, n)
	d.Flags = slices.Grow(d.Flags, n)
	d.Resource = slices.Grow(d.Resource, n)
	d.Scope = slices.Grow(d.Scope, n)
	d.Attrs = slices.Grow(d.Attrs, n)
	d.Dropped = slices.Grow(d.Dropped, n)
	d.EventEnds = slices.Grow(d.EventEnds, n)
	d.LinkEnds = slices.Grow(d.LinkEnds, n)
	like := func(have int) int { return have * n / d.Len() }
	d.Values = slices.Grow(d.Values, like(len(d.Values)))
	d.Events = slices.Grow(d.Events, like(len(d.Events)))
	d.Links = slices.Grow(d.Links, like(len(d.Links)))
}
