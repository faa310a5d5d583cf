package analyze

import (
	"context"
	"math"
	"runtime"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// AnyKind stands for spans of all kinds.
const AnyKind = -1

// Operation names the spans that a duration is compared with.
type Operation struct {
	Service string // "" for spans without one
	Name    string
	Kind    int32 // OTLP's, or AnyKind
}

// Percentile is where a duration lies among those of an operation's spans. Times are nanoseconds, less than 0.8 % off
// where they are quantiles.
type Percentile struct {
	Seen uint64 // spans that were looked at
	// Count is how many spans those stand for, as some were sampled; the rest goes by that.
	Count float64
	// Rank is the share of spans that took less time, 0 to 1; 0 if there are none.
	Rank          float64
	Min, Max      uint64
	P50, P95, P99 uint64
	Buckets       []Bucket // by duration; four to an octave, without empty ones at the ends
	// Gaps is as in store.ScanResult.
	Gaps  []string
	Stats store.ScanStats
}

// Bucket is the spans that took From or longer, and less than To.
type Bucket struct {
	From, To uint64
	Count    float64
}

// bucketCoarse is durations.coarse of Percentile.Buckets.
const bucketCoarse = bucketBits - 2

// ranking counts durations for one worker.
type ranking struct {
	seen    uint64
	less    float64
	fine    durations
	coarse  durations
	weights weigher
	memory  []uint64
}

// FindPercentile looks at the spans of an operation that start in a range.
func FindPercentile(ctx context.Context, r store.Reader, tenant string, op Operation, duration int64, within store.TimeRange) (*Percentile, error) {
	is := op.predicate()
	q := &store.Query{
		Range: within, Needs: []store.Predicate{is}, Where: []store.Predicate{is},
		Columns: []store.Field{durationField, traceStateField}, EachSpan: true,
	}
	workers := make([]*ranking, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	found, err := r.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error {
		if workers[worker] == nil {
			workers[worker] = &ranking{coarse: durations{coarse: bucketCoarse}}
		}
		workers[worker].observe(c, duration, within)
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := &ranking{coarse: durations{coarse: bucketCoarse}}
	for _, w := range workers {
		if w != nil {
			all.seen += w.seen
			all.less += w.less
			all.fine.merge(&w.fine)
			all.coarse.merge(&w.coarse)
		}
	}
	p := all.percentile()
	p.Gaps, p.Stats = found.Gaps, found.Stats
	return p, nil
}

func (o Operation) predicate() store.Predicate {
	is := func(f store.Field, v span.Value) store.Predicate {
		return store.Compare{Field: f, Op: store.Equal, Value: v}
	}
	all := store.And{is(nameField, span.StringValue(o.Name))}
	if o.Service == "" {
		named := store.Matches{Field: serviceField, Regex: nonEmpty}
		all = append(all, store.Not{P: named})
	} else {
		all = append(all, is(serviceField, span.StringValue(o.Service)))
	}
	if o.Kind != AnyKind {
		all = append(all, is(kindField, span.IntValue(int64(o.Kind))))
	}
	return all
}

var nonEmpty = func() *store.Regex {
	r, err := store.NewRegex(".+")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return r
}()

func (w *ranking) observe(c store.Chunk, duration int64, within store.TimeRange) {
	rows := c.Where(0)
	if !rows.Any() {
		return
	}
	took := numbersOf(c, durationField, &w.memory)
	w.weights.begin(c)
	var starts []uint64
	if cuts(c, within) {
		starts = c.Starts()
	}
	if c.Err() != nil {
		return // it is told as a gap
	}
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if starts != nil && !within.Contains(starts[row]) {
			continue
		}
		weight, d := w.weights.of(row), int64(took[row])
		w.seen++
		if d < duration {
			w.less += weight
		}
		w.fine.add(d, weight)
		w.coarse.add(d, weight)
	}
}

func (w *ranking) percentile() *Percentile {
	d := &w.fine
	p := &Percentile{Seen: w.seen, Count: d.total, Min: d.min, Max: d.max}
	if d.total == 0 {
		return p
	}
	p.Rank = w.less / d.total
	p.P50, p.P95, p.P99 = d.quantile(50), d.quantile(95), d.quantile(99)
	p.Buckets = w.coarse.buckets()
	return p
}

// buckets returns what was counted, without empty buckets at the ends.
func (d *durations) buckets() []Bucket {
	first, last := 0, len(d.counts)
	for first < last && d.counts[first] == 0 {
		first++
	}
	for last > first && d.counts[last-1] == 0 {
		last--
	}
	list := make([]Bucket, 0, last-first)
	for i := first; i < last; i++ {
		from, to := bucketBounds(d.first+i, d.octave())
		list = append(list, Bucket{from, to, d.counts[i]})
	}
	return list
}

// bucketBounds returns from where to where a bucket reaches, the end left out.
func bucketBounds(bucket int, octave uint8) (from, to uint64) {
	shift := max(bucket>>octave-1, 0)
	from = uint64(bucket-shift<<octave) << shift
	if from > math.MaxUint64-1<<shift {
		return from, math.MaxUint64
	}
	return from, from + 1<<shift
}
