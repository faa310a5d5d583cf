package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// lookFaults are faults of Scan. What is nil works as it should.
type lookFaults struct {
	query  func(*store.Query)
	chunk  func(*store.Query, *badChunk)
	yield  func(q *store.Query, worker int, c store.Chunk, yield func(int, store.Chunk) error) error
	result func(*store.ScanResult, error) (*store.ScanResult, error)
}

func (f *faulty) Scan(ctx context.Context, tenant string, q *store.Query, yield func(worker int, c store.Chunk) error) (*store.ScanResult, error) {
	changed := *q
	if f.where != nil {
		changed.Where, changed.Needs = mapList(q.Where, f.where), mapList(q.Needs, f.where)
	}
	if f.look.query != nil {
		f.look.query(&changed)
	}
	result, err := f.Model.Scan(ctx, f.name(tenant), &changed, func(worker int, c store.Chunk) error {
		if f.look.chunk != nil {
			bad := newBadChunk(c)
			f.look.chunk(q, bad)
			c = bad
		}
		if f.look.yield != nil {
			return f.look.yield(q, worker, c, yield)
		}
		return yield(worker, c)
	})
	if f.look.result != nil {
		return f.look.result(result, err)
	}
	return result, err
}

func mapList[T any](list []T, f func(T) T) (out []T) {
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

// badChunk is a chunk whose parts can be changed.
type badChunk struct {
	store.Chunk
	runs         []store.TraceRun
	live         store.Bitmap
	starts, ends []uint64
	ids          []span.SpanID
	parents      []int32
	attributes   []store.Field
	lo, hi       uint64
	error        error
	where        func(i int, set store.Bitmap) store.Bitmap
	column       func(store.Field, *store.Column) *store.Column
	values       func(f store.Field, row int, yield func(span.Value) bool)
	summaries    func([]store.Summary)
}

func newBadChunk(c store.Chunk) *badChunk {
	lo, hi := c.(*modelChunk).Bounds()
	return &badChunk{
		Chunk: c, runs: slices.Clone(c.Traces()), live: slices.Clone(c.Live()), starts: slices.Clone(c.Starts()),
		ends: slices.Clone(c.Ends()), ids: slices.Clone(c.SpanIDs()), parents: slices.Clone(c.Parents()), attributes: c.Attributes(), lo: lo, hi: hi,
	}
}

func (c *badChunk) Traces() []store.TraceRun  { return c.runs }
func (c *badChunk) Live() store.Bitmap        { return c.live }
func (c *badChunk) Starts() []uint64          { return c.starts }
func (c *badChunk) Ends() []uint64            { return c.ends }
func (c *badChunk) SpanIDs() []span.SpanID    { return c.ids }
func (c *badChunk) Parents() []int32          { return c.parents }
func (c *badChunk) Attributes() []store.Field { return c.attributes }
func (c *badChunk) Bounds() (lo, hi uint64)   { return c.lo, c.hi }
func (c *badChunk) Err() error                { return c.error }
func (c *badChunk) Where(i int) store.Bitmap {
	set := c.Chunk.Where(i)
	if c.where != nil {
		return c.where(i, set)
	}
	return set
}

func (c *badChunk) Column(f store.Field) *store.Column {
	column := c.Chunk.Column(f)
	if c.column != nil {
		return c.column(f, column)
	}
	return column
}

func (c *badChunk) Values(f store.Field, row int, yield func(span.Value) bool) {
	if c.values != nil {
		c.values(f, row, yield)
		return
	}
	c.Chunk.Values(f, row, yield)
}

func (c *badChunk) Summaries() []store.Summary {
	list := store.Summarize(c, c.Traces())
	if c.summaries != nil {
		c.summaries(list)
	}
	return list
}

// drop leaves the traces out of which keep is false.
func (c *badChunk) drop(keep func(store.TraceRun) bool) {
	c.runs = slices.DeleteFunc(c.runs, func(run store.TraceRun) bool { return !keep(run) })
	clear(c.live)
	for _, run := range c.runs {
		c.live.Fill(run.Lo, run.Hi)
	}
}

// reverse turns the rows of each trace around.
func (c *badChunk) reverse() {
	at := make([]int, c.Len()) // where a row was
	for row := range at {
		at[row] = row
	}
	for _, run := range c.runs {
		slices.Reverse(at[run.Lo:run.Hi])
		slices.Reverse(c.starts[run.Lo:run.Hi])
		slices.Reverse(c.ends[run.Lo:run.Hi])
		slices.Reverse(c.ids[run.Lo:run.Hi])
		slices.Reverse(c.parents[run.Lo:run.Hi])
		for row := run.Lo; row < run.Hi; row++ {
			if c.parents[row] >= 0 {
				c.parents[row] = int32(run.Lo + run.Hi - 1 - int(c.parents[row]))
			}
		}
	}
	for i := range c.runs {
		c.runs[i].Start = c.starts[c.runs[i].Lo]
	}
	c.where = func(_ int, set store.Bitmap) store.Bitmap {
		turned := store.NewBitmap(c.Len())
		for row, from := range at {
			if set.Has(from) {
				turned.Set(row)
			}
		}
		return turned
	}
	c.values = func(f store.Field, row int, yield func(span.Value) bool) { c.Chunk.Values(f, at[row], yield) }
	c.column = func(f store.Field, _ *store.Column) *store.Column {
		return c.codes(f, func(list []span.Value) []span.Value { return list })
	}
}

// codes makes a column of the first of what choose returns.
func (c *badChunk) codes(f store.Field, choose func([]span.Value) []span.Value) *store.Column {
	dict := &modelDict{codes: map[span.Value]uint32{}}
	column := &store.Column{Dict: dict, Codes: make([]uint32, c.Len())}
	for row := range column.Codes {
		var list []span.Value
		c.Values(f, row, func(v span.Value) bool {
			list = append(list, v)
			return true
		})
		column.Codes[row] = store.NoCode
		if list = choose(list); len(list) > 0 {
			column.Codes[row] = dict.code(list[0], false)
		}
	}
	return column
}

// badColumns returns a fault of every column.
func badColumns(change func(*badChunk, store.Field, *store.Column) *store.Column) faulty {
	return badChunks(func(c *badChunk) {
		c.column = func(f store.Field, column *store.Column) *store.Column { return change(c, f, column) }
	})
}

// badChunks returns a fault of every chunk that has traces.
func badChunks(change func(*badChunk)) faulty {
	return faulty{look: lookFaults{chunk: func(_ *store.Query, c *badChunk) {
		if len(c.runs) > 0 {
			change(c)
		}
	}}}
}

// eachRow returns a fault of the rows of traces.
func eachRow(change func(c *badChunk, run store.TraceRun, row int)) faulty {
	return badChunks(func(c *badChunk) {
		for _, run := range c.runs {
			for row := run.Lo; row < run.Hi; row++ {
				change(c, run, row)
			}
		}
	})
}

func badQuery(change func(*store.Query)) faulty { return faulty{look: lookFaults{query: change}} }

var errOther = errors.New("another error")

var traceFaults = []fault{
	{"leaves out a trace", checkLooks, badChunks(func(c *badChunk) {
		last := c.runs[len(c.runs)-1]
		c.drop(func(run store.TraceRun) bool { return run != last })
	})},
	{"shows each trace twice", checkLooks, faulty{look: lookFaults{yield: func(q *store.Query, worker int, c store.Chunk, yield func(int, store.Chunk) error) error {
		return errors.Join(yield(worker, c), yield(worker, c))
	}}}},
	{"shows each span twice", checkLooks, faulty{look: lookFaults{yield: func(q *store.Query, worker int, c store.Chunk, yield func(int, store.Chunk) error) error {
		if q.EachSpan {
			return errors.Join(yield(worker, c), yield(worker, c))
		}
		return yield(worker, c)
	}}}},
	{"shows each trace twice while others write", checkConcurrent, faulty{look: lookFaults{yield: func(q *store.Query, worker int, c store.Chunk, yield func(int, store.Chunk) error) error {
		return errors.Join(yield(worker, c), yield(worker, c))
	}}}},
	{"leaves out a trace while others write", checkConcurrent, badChunks(func(c *badChunk) {
		c.drop(func(run store.TraceRun) bool { return run != c.runs[0] })
	})},
	{"shows no trace", checkYieldUsesChunks, badChunks(func(c *badChunk) { c.drop(func(store.TraceRun) bool { return false }) })},
	{"cuts traces in pieces", checkLooks, badQuery(func(q *store.Query) { q.EachSpan = true })},
	{"leaves out the first span", checkLooks, badChunks(func(c *badChunk) {
		for i, run := range c.runs {
			if run.Hi-run.Lo > 1 {
				c.live.Clear(run.Lo)
				c.runs[i].Lo, c.runs[i].Start = run.Lo+1, c.starts[run.Lo+1]
			}
		}
	})},
	{"leaves out a span where it looks at each", checkLooks, faulty{look: lookFaults{chunk: func(q *store.Query, c *badChunk) {
		if last := len(c.runs) - 1; q.EachSpan && last >= 0 && c.runs[last].Hi-c.runs[last].Lo > 1 {
			c.runs[last].Hi--
			c.live.Clear(c.runs[last].Hi)
		}
	}}}},
	{"does not order spans", checkLooks, badChunks((*badChunk).reverse)},
	{"says that traces start later", checkLooks, badChunks(func(c *badChunk) { c.runs[0].Start++ })},
	{"leaves out the 2,048th trace and what follows", checkManyTraces, badChunks(func(c *badChunk) {
		c.drop(func(run store.TraceRun) bool { return run.ID[14] < 8 })
	})},
	{"has another trace id", checkLooks, badChunks(func(c *badChunk) { c.runs[0].ID[0]++ })},
	{"has rows in two traces", checkLooks, badChunks(func(c *badChunk) {
		if len(c.runs) > 1 && c.runs[0].Hi == c.runs[1].Lo {
			c.runs[0].Hi++
		}
	})},
	{"has rows beyond the last", checkLooks, badChunks(func(c *badChunk) { c.runs[len(c.runs)-1].Hi = c.Len() + 1 })},
	{"has a trace without rows", checkLooks, badChunks(func(c *badChunk) { c.runs[0].Hi = c.runs[0].Lo })},
	{"says that all rows are of traces", checkLooks, badChunks(func(c *badChunk) { c.live.Fill(0, c.Len()) })},
	{"has starts that are too late", checkLooks, eachRow(func(c *badChunk, _ store.TraceRun, row int) { c.starts[row] += 1 })},
	{"has ends that are too late", checkLooks, eachRow(func(c *badChunk, _ store.TraceRun, row int) { c.ends[row] += 1 })},
	{"has other span ids", checkLooks, eachRow(func(c *badChunk, _ store.TraceRun, row int) { c.ids[row][7] ^= 1 })},
	{"has too few starts", checkLooks, badChunks(func(c *badChunk) { c.starts = c.starts[:c.runs[0].Lo] })},
	{"takes orphans for roots", checkLooks, eachRow(func(c *badChunk, _ store.TraceRun, row int) { c.parents[row] = max(c.parents[row], store.NoParent) })},
	{"takes roots for orphans", checkLooks, eachRow(func(c *badChunk, _ store.TraceRun, row int) {
		if c.parents[row] == store.NoParent {
			c.parents[row] = store.LostParent
		}
	})},
	{"counts parents within the trace", checkLooks, eachRow(func(c *badChunk, run store.TraceRun, row int) {
		if c.parents[row] >= 0 {
			c.parents[row] -= int32(run.Lo)
		}
	})},
	{"sums up without an error", checkLooks, badChunks(func(c *badChunk) {
		c.summaries = func(list []store.Summary) {
			for i := range list {
				list[i].Services[0].Errors++
			}
		}
	})},
	{"has a longer critical path", checkLooks, badChunks(func(c *badChunk) {
		c.summaries = func(list []store.Summary) {
			for i := range list {
				list[i].Critical[0]++
			}
		}
	})},
	{"bounds starts too closely", checkLooks, badChunks(func(c *badChunk) { c.lo++ })},
	{"has an error", checkLooks, badChunks(func(c *badChunk) { c.error = errOther })},
}

var queryFaults = []fault{
	{"looks for what it needs in the range only", checkLooks, badQuery(func(q *store.Query) {
		from := store.Compare{Field: store.Of(store.Start), Op: store.GreaterEqual, Value: span.IntValue(int64(q.Range.Start))}
		q.Needs = mapList(q.Needs, func(p store.Predicate) store.Predicate { return store.And{p, from} })
	})},
	{"looks for one span with all it needs", checkLooks, badQuery(func(q *store.Query) { q.Needs = []store.Predicate{store.And(q.Needs)} })},
	{"leaves out traces that start before the range", checkLooks, faulty{look: lookFaults{chunk: func(q *store.Query, c *badChunk) {
		c.drop(func(run store.TraceRun) bool { return run.Start >= q.Range.Start })
	}}}},
	{"leaves out what starts at Before", checkLooks, badQuery(func(q *store.Query) { q.Before = max(q.Before, 1) - 1 })},
	{"takes Before for the last start of a trace", checkTraceInPieces, faulty{look: lookFaults{chunk: func(q *store.Query, c *badChunk) {
		c.drop(func(run store.TraceRun) bool { return q.Before == 0 || c.starts[run.Hi-1] <= q.Before })
	}}}},
	{"has enough one too early", checkEqualStarts, badQuery(func(q *store.Query) {
		said := q.Enough
		if said == nil {
			return
		}
		q.Enough = func() uint64 {
			if at := said(); at > 0 {
				return at + 1
			}
			return 0
		}
	})},
	{"ends when there is enough", checkLooks, faulty{look: lookFaults{chunk: func(q *store.Query, c *badChunk) {
		c.drop(func(store.TraceRun) bool { return q.Enough == nil || q.Enough() == 0 })
	}}}},
	{"says where on rows of no trace", checkLooks, badChunks(func(c *badChunk) {
		c.where = func(_ int, set store.Bitmap) store.Bitmap {
			set.Fill(0, c.Len())
			return set
		}
	})},
	{"says where nowhere", checkLooks, badChunks(func(c *badChunk) { c.where = func(int, store.Bitmap) store.Bitmap { return nil } })},
	{"gives one set to all", checkLooks, badChunks(func(c *badChunk) {
		sets := map[int]store.Bitmap{}
		c.where = func(i int, set store.Bitmap) store.Bitmap {
			if sets[i] == nil {
				sets[i] = set
			}
			return sets[i]
		}
	})},
	{"confuses conditions", checkLooks, badQuery(func(q *store.Query) {
		q.Where = slices.Clone(q.Where)
		slices.Reverse(q.Where)
	})},
	{"takes !~ for !(=~)", checkPredicates, faulty{where: rewrite(func(p store.Predicate) store.Predicate {
		if m, ok := p.(store.Matches); ok && m.Not {
			return store.Not{P: store.Matches{Field: m.Field, Regex: m.Regex}}
		}
		return p
	})}},
	{"takes !~ for =~", checkPredicates, faulty{where: rewrite(func(p store.Predicate) store.Predicate {
		if m, ok := p.(store.Matches); ok {
			m.Not = false
			return m
		}
		return p
	})}},
}

var columnFaults = []fault{
	{"has the last value in a column", checkLooks, badColumns(func(c *badChunk, f store.Field, _ *store.Column) *store.Column {
		return c.codes(f, func(list []span.Value) []span.Value { return list[max(0, len(list)-1):] })
	})},
	{"has an empty value where there is none", checkLooks, badColumns(func(c *badChunk, f store.Field, _ *store.Column) *store.Column {
		return c.codes(f, func(list []span.Value) []span.Value { return append(list, span.Value{}) })
	})},
	{"has columns of one type", checkLooks, badColumns(func(c *badChunk, f store.Field, _ *store.Column) *store.Column {
		return c.codes(f, func(list []span.Value) []span.Value {
			return slices.DeleteFunc(list, func(v span.Value) bool { return v.Type != span.String })
		})
	})},
	{"has announced columns only", checkLooks, faulty{look: lookFaults{chunk: func(q *store.Query, c *badChunk) {
		c.column = func(f store.Field, column *store.Column) *store.Column {
			if !slices.Contains(q.Columns, f) {
				return &store.Column{}
			}
			return column
		}
	}}}},
	{"has no column", checkLooks, badColumns(func(*badChunk, store.Field, *store.Column) *store.Column { return nil })},
	{"has a number on every row", checkLooks, badColumns(func(_ *badChunk, _ store.Field, column *store.Column) *store.Column {
		column.Has = nil
		return column
	})},
	{"has codes of one list less", checkLooks, badColumns(func(_ *badChunk, _ store.Field, column *store.Column) *store.Column {
		for i, code := range column.Codes {
			if code != store.NoCode {
				column.Codes[i]++
			}
		}
		return column
	})},
	{"has numbers and codes", checkLooks, badColumns(func(c *badChunk, _ store.Field, column *store.Column) *store.Column {
		column.Nums, column.Codes = make([]uint64, c.Len()), make([]uint32, c.Len())
		return column
	})},
	{"has numbers of texts", checkLooks, badColumns(func(c *badChunk, _ store.Field, column *store.Column) *store.Column {
		return &store.Column{Type: span.String, Nums: make([]uint64, c.Len())}
	})},
	{"has short columns", checkLooks, badColumns(func(c *badChunk, _ store.Field, column *store.Column) *store.Column {
		return &store.Column{Codes: make([]uint32, c.runs[0].Lo), Dict: column.Dict}
	})},
	{"uses the memory of a column again", checkLooks, badChunks(func(c *badChunk) {
		var shared store.Column
		c.column = func(_ store.Field, column *store.Column) *store.Column {
			shared = *column
			return &shared
		}
	})},
	{"gives the first value", checkLooks, badChunks(func(c *badChunk) {
		c.values = func(f store.Field, row int, yield func(span.Value) bool) {
			c.Chunk.Values(f, row, func(v span.Value) bool {
				yield(v)
				return false
			})
		}
	})},
	{"gives all values at once", checkLooks, badChunks(func(c *badChunk) {
		c.values = func(f store.Field, row int, yield func(span.Value) bool) {
			c.Chunk.Values(f, row, func(v span.Value) bool {
				yield(v)
				return true
			})
		}
	})},
	{"gives values of spans for any scope", checkLooks, badChunks(func(c *badChunk) {
		c.values = func(f store.Field, row int, yield func(span.Value) bool) {
			if f.Scope == store.AnyScope {
				f.Scope = store.SpanScope
			}
			c.Chunk.Values(f, row, yield)
		}
		c.column = func(f store.Field, _ *store.Column) *store.Column {
			return c.codes(f, func(list []span.Value) []span.Value { return list })
		}
	})},
	{"counts the values of a key in a byte", checkManyAttributes, badChunks(func(c *badChunk) {
		c.values = func(f store.Field, row int, yield func(span.Value) bool) {
			n := 0
			c.Chunk.Values(f, row, func(v span.Value) bool {
				n++
				return n <= 255 && yield(v)
			})
		}
	})},
	{"names no attributes of events", checkLooks, badChunks(func(c *badChunk) {
		c.attributes = slices.DeleteFunc(c.attributes, store.Field.OfEvent)
	})},
	{"names attributes twice", checkLooks, badChunks(func(c *badChunk) { c.attributes = append(c.attributes, c.attributes...) })},
	{"names attributes of any scope", checkLooks, badChunks(func(c *badChunk) {
		c.attributes = append(c.attributes, store.Attr(store.AnyScope, "k"))
	})},
}

// afterError is a fault in what follows an error of yield or the end of a context.
func afterError(change func(error) error) faulty {
	return faulty{look: lookFaults{result: func(result *store.ScanResult, err error) (*store.ScanResult, error) {
		if err == nil {
			return result, nil
		}
		return nil, change(err)
	}}}
}

var endFaults = []fault{
	{"says not why a look ended", checkContextEnds, afterError(func(error) error { return errOther })},
	{"ends a look in silence", checkContextEnds, afterError(func(error) error { return nil })},
	{"has an error of its own", checkYieldEnds, afterError(func(error) error { return errOther })},
	{"ignores errors", checkYieldEnds, afterError(func(error) error { return nil })},
	{"goes on after an error", checkYieldEnds, faulty{look: lookFaults{yield: func(_ *store.Query, worker int, c store.Chunk, yield func(int, store.Chunk) error) error {
		return errors.Join(yield(worker, c), yield(worker, c))
	}}}},
	{"answers and fails", checkYieldEnds, faulty{look: lookFaults{result: func(_ *store.ScanResult, err error) (*store.ScanResult, error) {
		return &store.ScanResult{}, err
	}}}},
	{"has a worker too many", checkLooks, faulty{look: lookFaults{yield: func(_ *store.Query, _ int, c store.Chunk, yield func(int, store.Chunk) error) error {
		return yield(1<<20, c)
	}}}},
	{"has one number for all workers", checkLooks, faulty{look: lookFaults{yield: func(_ *store.Query, _ int, c store.Chunk, yield func(int, store.Chunk) error) error {
		return yield(0, &nested{Chunk: c, again: func() error { return yield(0, c) }})
	}}}},
	{"has no result", checkLooks, faulty{look: lookFaults{result: func(*store.ScanResult, error) (*store.ScanResult, error) { return nil, nil }}}},
	{"has gaps", checkLooks, faulty{look: lookFaults{result: func(result *store.ScanResult, err error) (*store.ScanResult, error) {
		result.Gaps = []string{"block 1"}
		return result, err
	}}}},
	{"comes backwards", checkLooks, badQuery(func(q *store.Query) {
		told := q.Progress
		q.Progress = func(p store.Progress) {
			p.Done = p.Total - p.Done
			told(p)
		}
	})},
	{"comes too far", checkLooks, badQuery(func(q *store.Query) {
		told := q.Progress
		q.Progress = func(p store.Progress) {
			p.Done += p.Total
			told(p)
		}
	})},
}

// nested is a chunk during which another one comes.
type nested struct {
	store.Chunk
	again func() error
	err   error
}

func (n *nested) Len() int {
	if again := n.again; again != nil {
		n.again = nil
		n.err = again()
	}
	return n.Chunk.Len()
}

func (n *nested) Err() error { return n.err }

func (l *locked) Scan(ctx context.Context, tenant string, q *store.Query, yield func(worker int, c store.Chunk) error) (*store.ScanResult, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Model.Scan(ctx, tenant, q, yield)
}
