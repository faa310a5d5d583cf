package columnar

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// Trace implements store.Reader.
func (e *Engine) Trace(ctx context.Context, tenant string, id span.TraceID, hint store.TimeRange) (*store.Trace, error) {
	s, err := e.snapshot(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, store.ErrNotFound
	}
	defer s.release()
	places, err := s.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	c := newCopier()
	gaps, err := places.copyTo(ctx, c, e.budget(id))
	if err != nil {
		return nil, err
	}
	if c.dst.Len() == 0 {
		if len(gaps) > 0 {
			return nil, fmt.Errorf("%w; it may be in what cannot be read: %s", store.ErrNotFound, gaps[0])
		}
		return nil, store.ErrNotFound
	}
	return &store.Trace{Spans: c.dst, Gaps: gaps}, nil
}

// pieces is all that was found of one trace.
type pieces struct {
	rows  []rowRef // in the order of compareRows; what arrived twice is there twice
	start uint64   // earliest start
	gaps  []string
}

// viewsOf hands out views of blocks under one projection, each made once.
type viewsOf struct {
	want  *projection
	views map[*block]*view
}

func (v *viewsOf) of(b *block) (*view, error) {
	if have := v.views[b]; have != nil {
		return have, nil
	}
	made, err := newView(b, v.want, true)
	if err == nil {
		v.views[b] = made
	}
	return made, err
}

// places says where the parts of a trace lie.
type places struct {
	s      *snapshot
	id     span.TraceID
	heads  []*headView
	blocks []blockPlaces
	gaps   []string
}

// blockPlaces are the runs of rows of a trace in a block.
type blockPlaces struct {
	b    *block
	runs []run
}

// run is a run of rows of one trace in a chunk.
type run struct {
	chunk uint32
	lo    int
	rows  traceRows
}

// rowMemory is about what a span takes while an answer is made from it, beside its strings, in bytes.
const rowMemory = 256

// budget is what the answer of one query may still take, in bytes.
type budget struct {
	id         span.TraceID
	left, size int64
}

func (e *Engine) budget(id span.TraceID) *budget {
	return &budget{id, e.opts.QueryBytes, e.opts.QueryBytes}
}

// take takes bytes from the budget, or says that they are too many.
func (b *budget) take(bytes int64) error {
	if b.left -= bytes; b.left < 0 {
		return fmt.Errorf("%w: trace %s takes more than %d MiB; raise memory.query", store.ErrTooLarge, b.id, b.size>>20)
	}
	return nil
}

// locate finds the parts of a trace in heads and blocks.
func (s *snapshot) locate(ctx context.Context, id span.TraceID) (*places, error) {
	p := &places{s: s, id: id, gaps: s.gaps}
	for _, h := range s.heads {
		if h.has(id) {
			p.heads = append(p.heads, h)
		}
	}
	for _, b := range s.blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		runs, err := b.locate(id)
		if err != nil {
			p.gaps = append(slices.Clip(p.gaps), err.Error())
		}
		if len(runs) > 0 {
			p.blocks = append(p.blocks, blockPlaces{b, runs})
		}
	}
	return p, nil
}

// locate finds the parts of a trace in a block.
func (b *block) locate(id span.TraceID) (runs []run, err error) {
	chunks, err := b.findChunks(id)
	if err != nil {
		return nil, err
	}
	for _, chunk := range chunks {
		ids, err := b.ids(colTraceID, chunk, 16)
		if err != nil {
			return runs, err
		}
		for i := 0; i+16 <= len(ids); i += 16 {
			if string(ids[i:i+16]) != string(id[:]) {
				continue
			}
			r, err := b.runAt(chunk, i/16)
			if err != nil {
				return runs, err
			}
			runs = append(runs, r)
		}
	}
	return runs, nil
}

// runAt returns the rows of trace i of a chunk.
func (b *block) runAt(chunk uint32, i int) (run, error) {
	ids, err1 := b.ids(colTraceID, chunk, 16)
	starts, err2 := b.ints(colTraceStart, chunk)
	rows, err3 := b.ints(colTraceRows, chunk)
	if err := errors.Join(err1, err2, err3); err != nil {
		return run{}, err
	}
	if i >= len(starts) || i >= len(rows) {
		return run{}, fmt.Errorf("block %s: %w: chunk %d has %d traces", b.path, colenc.ErrCorrupt, chunk, len(rows))
	}
	r := run{chunk: chunk, rows: traceRows{span.TraceID(ids[16*i:]), starts[i], int(min(rows[i], maxCount))}}
	for _, n := range rows[:i] {
		r.lo += int(min(n, maxCount))
	}
	return r, nil
}

// load reads the rows. views says under which projection. The error is that of the budget; what cannot be read is a gap.
func (p *places) load(views *viewsOf, left *budget) (*pieces, error) {
	out := &pieces{gaps: p.gaps}
	for _, h := range p.heads {
		rows, _ := h.rowsOf(p.id)
		out.rows = append(out.rows, rows...)
	}
	for _, at := range p.blocks {
		rs, err := at.load(views, left)
		if errors.Is(err, store.ErrTooLarge) {
			return nil, err
		}
		if err != nil {
			out.gaps = append(slices.Clip(out.gaps), err.Error())
			continue
		}
		for i := range rs.Len() {
			out.rows = append(out.rows, rowRef{rs, uint32(i)})
		}
	}
	slices.SortStableFunc(out.rows, compareRows)
	if len(out.rows) > 0 {
		out.start = out.rows[0].rs.Starts[out.rows[0].row]
	}
	return out, nil
}

func (at *blockPlaces) load(views *viewsOf, left *budget) (*rowSet, error) {
	v, err := views.of(at.b)
	if err != nil {
		return nil, err
	}
	rs := &rowSet{space: v.space}
	for _, r := range at.runs {
		if err := left.take(int64(r.rows.rows) * rowMemory); err != nil {
			return nil, err
		}
		before := rs.localBytes
		if err := v.load(rs, r.chunk, r.lo, []traceRows{r.rows}); err != nil {
			return nil, err
		}
		if err := left.take(rs.localBytes - before); err != nil {
			return nil, err
		}
	}
	return rs, nil
}
