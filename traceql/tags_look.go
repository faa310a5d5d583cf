package traceql

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/store"
)

// Autocompletion is asked for with each key that is pressed, and its answers need not be complete. A look
// for tags or values therefore goes from the newest spans back, and ends when it has done so much:
const (
	// maxLooked is how many values are read; maxSampled, for a first impression.
	maxLooked  = 250_000
	maxSampled = maxLooked / 16
	// maxKept is about how many bytes of distinct values each worker keeps.
	maxKept = 2 << 20
)

// tagLook looks through the spans on which a filter holds.
type tagLook struct {
	planner  planner
	pipeline *pipeline // nil for all spans
	r        store.TimeRange
	most     int64 // values to read
	looked   atomic.Int64
	cut      atomic.Bool // not everything was looked at
	progress func(store.Progress, func() *TagResult)
	partial  func() *TagResult // the answer so far
}

func newTagLook(opts TagOptions) *tagLook {
	return &tagLook{r: opts.Range, most: maxLooked, progress: opts.Progress}
}

// tagFilter returns the conditions that were typed so far; nil if there are none.
func tagFilter(text string) *Filter {
	if conditions := parseLenient(text); conditions != nil {
		return &Filter{Body: conditions}
	}
	return nil
}

// only limits the look to spans on which a filter holds, if there is one.
func (l *tagLook) only(filter *Filter) (err error) {
	if filter != nil {
		l.pipeline, err = l.planner.pipeline(&Pipeline{Stages: []Stage{filter}})
	}
	return err
}

// enough reports whether the look has read as much as it may.
func (l *tagLook) enough() bool {
	if l.looked.Load() < l.most {
		return false
	}
	l.cut.Store(true)
	return true
}

// run calls visit for each chunk that has spans of interest, with their rows; concurrently, for different workers.
func (l *tagLook) run(ctx context.Context, e *Engine, tenant string, result *TagResult, visit func(worker int, at *env, rows store.Bitmap)) error {
	q := l.planner.chunkQuery(l.r)
	q.Enough = func() uint64 {
		if l.enough() {
			return math.MaxUint64
		}
		return 0
	}
	if l.progress != nil {
		q.Progress = func(p store.Progress) { l.progress(p, l.partial) }
	}
	envs := make([]*env, workers())
	found, err := e.Store.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error {
		if l.enough() {
			return nil
		}
		if envs[worker] == nil {
			envs[worker] = l.planner.env()
			envs[worker].ctx = ctx
		}
		at := envs[worker]
		at.begin(c)
		rows, err := l.rows(at, c)
		if err != nil {
			return err
		}
		l.looked.Add(int64(c.Live().Count()))
		if rows.Any() {
			visit(worker, at, rows)
		}
		return c.Err()
	})
	if err != nil {
		return err
	}
	result.Partial = result.Partial || l.cut.Load()
	result.addGaps(found.Gaps)
	result.Stats = found.Stats
	return nil
}

// workers is above all numbers of workers.
func workers() int { return max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// rows returns the spans of interest.
func (l *tagLook) rows(at *env, c store.Chunk) (rows store.Bitmap, err error) {
	if l.pipeline == nil {
		rows = slices.Clone(c.Live())
	} else if rows, err = l.pipeline.rows(at); err != nil {
		return nil, err
	}
	if l.r != (store.TimeRange{}) {
		starts := c.Starts()
		for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
			if !l.r.Contains(starts[i]) {
				rows.Clear(i)
			}
		}
	}
	return rows, nil
}

// countTags puts into result the tags that spans on which the filter holds have. What was found so far is told
// as finish makes it.
func (e *Engine) countTags(ctx context.Context, tenant string, filter *Filter, opts TagOptions, result *TagResult, finish func(*TagResult) *TagResult) error {
	l := newTagLook(opts)
	if err := l.only(filter); err != nil {
		return err
	}
	place := map[store.Field]int{}
	for i, t := range result.Tags {
		f := store.Attr(t.Scope, t.Name)
		place[f] = i
		l.planner.field(f)
	}
	tags := result.Tags
	counts := make([]atomic.Uint64, len(tags))
	found := func() (list []Tag) {
		for i, t := range tags {
			if t.Count = counts[i].Load(); t.Count > 0 {
				list = append(list, t)
			}
		}
		return list
	}
	l.partial = func() *TagResult { return finish(&TagResult{Tags: found()}) }
	err := l.run(ctx, e, tenant, result, func(_ int, at *env, rows store.Bitmap) {
		for _, f := range at.chunk.Attributes() {
			if i, ok := place[f]; ok {
				counts[i].Add(countPresent(at.chunk.Column(f), rows))
				l.looked.Add(int64(at.chunk.Len()))
			}
		}
	})
	if err != nil {
		return err
	}
	result.Tags = found()
	return nil
}

// countPresent counts the rows that have a value.
func countPresent(c *store.Column, rows store.Bitmap) (n uint64) {
	for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
		switch {
		case c.Nums != nil && (c.Has == nil || c.Has.Has(i)):
			n++
		case c.Codes != nil && c.Codes[i] != store.NoCode:
			n++
		}
	}
	return n
}

// lookForValues puts into result the values that an attribute has on spans on which the filter holds.
func (e *Engine) lookForValues(ctx context.Context, tenant string, a *Attribute, filter *Filter, opts TagOptions, result *TagResult) error {
	l := newTagLook(opts)
	if err := l.only(filter); err != nil {
		return err
	}
	return l.values(ctx, e, tenant, a, opts.Limit, result)
}

// values puts into result the values of an attribute. What was found so far is told up to a limit.
func (l *tagLook) values(ctx context.Context, e *Engine, tenant string, a *Attribute, limit int, result *TagResult) error {
	l.planner.attribute(a)
	counters := make([]valueCounter, workers())
	found := func() []TagValue {
		all := valueCounts{}
		for i := range counters {
			counters[i].addTo(all)
		}
		return all.list()
	}
	l.partial = func() *TagResult { return (&TagResult{Values: found()}).limitValues(limit) }
	err := l.run(ctx, e, tenant, result, func(worker int, at *env, rows store.Bitmap) {
		counter := &counters[worker]
		if counter.count(at.column(a), rows); counter.full {
			l.looked.Store(l.most)
		}
	})
	if err != nil {
		return err
	}
	for i := range counters {
		result.Partial = result.Partial || counters[i].full
	}
	result.Values = found()
	return nil
}

// valueCounter counts values; it belongs to one worker.
type valueCounter struct {
	mu     sync.Mutex // held while values are counted: others may ask for them
	values valueCounts
	bytes  int  // that the values take, about
	full   bool // values were left out

	nums  map[uint64]uint64
	codes []uint64 // for each code, how often it was met
	met   []uint32 // the codes that were
}

func (c *valueCounter) addTo(all valueCounts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for v, n := range c.values {
		all[v] += n
	}
}

// count counts the values of rows of a chunk. They are resolved before the chunk goes: codes do not outlive it.
func (c *valueCounter) count(column *column, rows store.Bitmap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values, c.nums = valueCounts{}, map[uint64]uint64{}
	}
	switch {
	case column.nums != nil:
		c.countNums(column, rows)
	case column.codes != nil:
		c.countCodes(column, rows)
	}
}

func (c *valueCounter) countNums(column *column, rows store.Bitmap) {
	var last, n uint64 // many follow on their like
	for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
		if column.has != nil && !column.has.Has(i) {
			continue
		}
		v := column.nums[i]
		if v != last && n > 0 {
			c.nums[last] += n
			n = 0
		}
		last = v
		n++
	}
	if n > 0 {
		c.nums[last] += n
	}
	for v, n := range c.nums {
		c.add(Static{Type: column.typ, Num: v}, n)
	}
	clear(c.nums)
}

func (c *valueCounter) countCodes(column *column, rows store.Bitmap) {
	if n := column.dict.Len(); n > len(c.codes) {
		c.codes = make([]uint64, n) // all are 0 between two chunks
	}
	for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
		code := column.codes[i]
		if code == store.NoCode {
			continue
		}
		if c.codes[code] == 0 {
			c.met = append(c.met, code)
		}
		c.codes[code]++
	}
	for _, code := range c.met {
		c.add(column.dict.At(code), c.codes[code])
		c.codes[code] = 0
	}
	c.met = c.met[:0]
}

func (c *valueCounter) add(v Static, n uint64) {
	if listedTypes[v.Type] == 0 {
		return
	}
	if _, ok := c.values[v]; !ok {
		const each = 64 // for the place of a value
		if c.bytes += len(v.Str) + each; c.bytes > maxKept {
			c.full = true
			return
		}
		v.Str = strings.Clone(v.Str)
	}
	c.values[v] += n
}
