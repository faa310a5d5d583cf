package columnar

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// verify reads every byte of a block and checks that all of it makes sense together.
func (b *block) verify() error {
	chunks, err := b.chunkTable()
	if err != nil {
		return err
	}
	v, err := newView(b, everything, false)
	if err != nil {
		return err
	}
	if err := b.verifyColumns(v.dir); err != nil {
		return err
	}
	e, err := newEvaluator(b)
	if err != nil {
		return err
	}
	rs := &rowSet{space: v.space}
	rows, traces := uint64(0), uint64(0)
	for i, c := range chunks {
		list, err := v.chunkTraces(uint32(i))
		if err != nil {
			return err
		}
		rs.reset()
		if err := v.load(rs, uint32(i), 0, list); err != nil {
			return err
		}
		if rs.Len() != int(c.rows) || len(list) != int(c.traces) {
			return fmt.Errorf("block %s: %w: chunk %d has %d rows in %d traces, its index says %d in %d",
				b.path, colenc.ErrCorrupt, i, rs.Len(), len(list), c.rows, c.traces)
		}
		rows, traces = rows+uint64(c.rows), traces+uint64(c.traces)
		if err := b.verifyIndexed(list, uint32(i)); err != nil {
			return err
		}
		if err := e.verifySummaries(chunks, i); err != nil {
			return err
		}
	}
	if rows != b.meta.Rows || traces != b.meta.Traces {
		return fmt.Errorf("block %s: %w: %d rows in %d traces, its footer says %d in %d", b.path, colenc.ErrCorrupt, rows, traces, b.meta.Rows, b.meta.Traces)
	}
	return b.read(b.meta.catalog, func(raw []byte) error {
		_, _, err := parseCatalog(raw)
		return err
	})
}

// verifyColumns reads every piece of every column.
func (b *block) verifyColumns(d *directory) error {
	var vals []uint64
	var ids []byte
	for num := range d.keys {
		c, err := b.column(uint32(num))
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		filters, err := b.filters(c)
		if err != nil {
			return err
		}
		total := uint64(0)
		for i := range c.pieces {
			p := &c.pieces[i]
			total += uint64(p.n)
			switch c.enc {
			case encInts:
				vals, err = b.readInts(vals[:0], p)
			case encStrings:
				var s pieceStrings
				if err = b.readStrings(&s, c.dict, p); err == nil && filters != nil && filters[i] != nil {
					err = s.verifyFilter(filters[i])
				}
			case encID8:
				ids, err = b.readIDs(ids[:0], p, 8)
			case encID16:
				ids, err = b.readIDs(ids[:0], p, 16)
			}
			if err != nil {
				return fmt.Errorf("column %s: %w", c.key.Key, err)
			}
		}
		if total != d.totals[num] {
			return fmt.Errorf("block %s: %w: column %s has %d values, the directory says %d", b.path, colenc.ErrCorrupt, c.key.Key, total, d.totals[num])
		}
	}
	return nil
}

// verifyFilter checks that a piece's filter lets all of its strings through.
func (s *pieceStrings) verifyFilter(f *filter) error {
	for i := range s.distinct() {
		if !f.Contains(xxhash.Sum64(s.at(uint32(i)))) {
			return fmt.Errorf("%w: filter lacks string %d", colenc.ErrCorrupt, i)
		}
	}
	return nil
}

// verifySummaries checks that the summaries of a chunk are those of its rows, and that traces without one go on
// in another chunk.
func (v *evaluator) verifySummaries(chunks []chunkInfo, at int) error {
	if v.dir.fixed <= colSummaryPattern {
		return nil
	}
	info := &chunks[at]
	v.begin(uint32(at), int(info.rows))
	c := &blockChunk{}
	c.begin(newLooker(&look{q: &store.Query{}, want: everything}, 0), v, info, nil)
	got, want := c.summaries(), store.Summarize(c, c.Traces())
	if v.err != nil {
		return v.err
	}
	for i := range want {
		s, run := got[i], c.Traces()[i]
		whole := !(i == 0 && info.continues || i == len(want)-1 && at+1 < len(chunks) && chunks[at+1].continues)
		if whole != (s.Pattern != nil) || whole && !sameSummary(&s, &want[i]) {
			return fmt.Errorf("block %s: %w: the summary of trace %s in chunk %d is not that of its spans", v.b.path, colenc.ErrCorrupt, run.ID, at)
		}
	}
	return nil
}

func sameSummary(a, b *store.Summary) bool {
	return a.RootName == b.RootName && a.RootService == b.RootService && a.HasRoot == b.HasRoot && a.Orphans == b.Orphans && a.Shape == b.Shape &&
		a.End == b.End && slices.Equal(a.Services, b.Services) && slices.Equal(a.Critical, b.Critical)
}

// verifyIndexed checks that the traces of a chunk are found by id.
func (b *block) verifyIndexed(list []traceRows, chunk uint32) error {
	for _, t := range list {
		found, err := b.findChunks(t.id)
		if err != nil {
			return err
		}
		ok := false
		for _, c := range found {
			ok = ok || c == chunk
		}
		if !ok {
			return fmt.Errorf("block %s: %w: trace %s of chunk %d is not in the index", b.path, colenc.ErrCorrupt, t.id, chunk)
		}
	}
	return nil
}
