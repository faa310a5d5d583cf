package api

import (
	"math"
	"path"
	"slices"
	"strings"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
)

// folding says when spans that are alike are shown as one, as the Collector's span pruning processor does it: siblings with
// the same name, kind, status and resource that nothing is below, and siblings with only such below.
type folding struct {
	least   int      // spans that are alike
	levels  int      // of parents that may be folded; below 0 means as many as there are
	groupBy []string // patterns of attribute keys; spans that are alike have the same values
}

const (
	foldDefaultLeast  = 5
	foldDefaultLevels = 1
	foldMostLevels    = 16 // where all are wanted
	maxFoldPatterns   = 100
)

// folding reads span_pruning and the parameters that go with it; nil if spans are wanted as they are.
func (p params) folding() (*folding, error) {
	wanted, err := p.boolean("span_pruning")
	if err != nil {
		return nil, err
	}
	f := &folding{}
	if f.least, err = p.number("span_pruning_min_spans", foldDefaultLeast, 2, math.MaxInt32); err != nil {
		return nil, err
	}
	if f.levels, err = p.depth("span_pruning_max_parent_depth", foldDefaultLevels); err != nil {
		return nil, err
	}
	if f.levels < 0 || f.levels > foldMostLevels {
		f.levels = foldMostLevels
	}
	if text := p.Get("span_pruning_group_by"); text != "" {
		f.groupBy = strings.Split(text, ",")
	}
	if len(f.groupBy) > maxFoldPatterns {
		return nil, badRequest("invalid span_pruning_group_by: has %d patterns, the limit is %d", len(f.groupBy), maxFoldPatterns)
	}
	for i, pattern := range f.groupBy {
		f.groupBy[i] = strings.TrimSpace(pattern)
		if _, err := path.Match(f.groupBy[i], ""); err != nil {
			return nil, badRequest("invalid span_pruning_group_by: %q: %v", pattern, err)
		}
	}
	if !wanted {
		return nil, nil
	}
	return f, nil
}

// folder folds the spans of one trace.
type folder struct {
	folding
	*analyze.Trace
	keys   map[span.Ref]bool // whether the key of an attribute matches a pattern
	same   []uint32          // by resource: the first that is equal
	folded []bool            // by row
	work   int               // rows that may still be looked at, so that odd traces take no more than linear time
	out    *span.Batch
}

// fold returns the spans of a trace, those that are alike as one.
func (f *folding) fold(batches []*span.Batch) *span.Batch {
	t := analyze.NewTrace(batches...)
	d := &folder{folding: *f, Trace: t, keys: map[span.Ref]bool{}, same: sameResources(t.Spans),
		folded: make([]bool, t.Len()), work: 64 * t.Len(), out: &span.Batch{}}
	var roots []int32
	for row := int32(0); int(row) < t.Len(); row += 1 + t.Below[row] {
		roots = append(roots, row)
	}
	for _, row := range roots { // which are not alike: nothing is known above them
		d.keep(row)
	}
	for row := range int32(t.Len()) {
		if !d.folded[row] {
			d.siblings(slices.Collect(t.Children(row)), t.ID(row))
		}
	}
	return d.out
}

func (d *folder) keep(row int32) {
	s := d.Spans.Span(int(d.At[row]))
	d.out.Append(&s)
}

// siblings folds those of some spans below a parent that are alike, and keeps the others.
func (d *folder) siblings(rows []int32, parent span.SpanID) {
	for _, alike := range d.alike(rows) {
		some := d.foldable(alike, d.levels)
		if len(some) > 0 {
			d.one(some, parent)
		}
		for _, row := range alike {
			if !d.folded[row] {
				d.keep(row)
			}
		}
	}
}

// foldKey is what spans that are alike have in common.
type foldKey struct {
	name         span.Ref
	kind, status int32
	resource     uint32
	leaf         bool
	values       string
}

// alike groups spans, in the order of the first of each group.
func (d *folder) alike(rows []int32) [][]int32 {
	d.work -= len(rows)
	places := map[foldKey]int{}
	var groups [][]int32
	for _, row := range rows {
		key := d.key(row)
		at, ok := places[key]
		if !ok {
			at = len(groups)
			places[key] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], row)
	}
	return groups
}

func (d *folder) key(row int32) foldKey {
	b, at := d.Spans, d.At[row]
	key := foldKey{name: b.Names[at], kind: b.Kinds[at], status: b.Statuses[at], resource: d.same[b.Resource[at]], leaf: d.Below[row] == 0}
	if len(d.groupBy) == 0 {
		return key
	}
	var list []string
	attrs := b.Attrs[at]
	for i, e := range b.Shapes.Entries(attrs.Shape) {
		if d.matches(e.Key) {
			list = append(list, string(span.AppendAny(b.Dict.Bytes(e.Key), b.Value(e.Type, b.Values[int(attrs.First)+i]))))
		}
	}
	slices.Sort(list)
	key.values = strings.Join(list, "\x00")
	return key
}

func (d *folder) matches(key span.Ref) bool {
	matches, known := d.keys[key]
	if !known {
		name := d.Spans.Dict.String(key)
		matches = slices.ContainsFunc(d.groupBy, func(pattern string) bool {
			ok, _ := path.Match(pattern, name)
			return ok
		})
		d.keys[key] = matches
	}
	return matches
}

// foldable returns those of alike spans that can be folded, with all that lies below them: nil if they are too few.
func (d *folder) foldable(rows []int32, levels int) []int32 {
	switch {
	case d.Below[rows[0]] == 0 && len(rows) >= d.least:
		return rows
	case d.Below[rows[0]] == 0 || levels == 0:
		return nil
	}
	for len(rows) >= 2 && d.work > 0 {
		var children []int32
		for _, row := range rows {
			children = slices.AppendSeq(children, d.Children(row))
		}
		spoiled := map[int32]bool{} // rows with something below that cannot be folded
		for _, alike := range d.alike(children) {
			some := d.foldable(alike, levels-1)
			for _, child := range alike {
				if len(some) == len(alike) {
					break
				}
				if _, ok := slices.BinarySearch(some, child); !ok {
					spoiled[d.Parent[child]] = true
				}
			}
		}
		if len(spoiled) == 0 {
			return rows
		}
		rows = slices.DeleteFunc(slices.Clone(rows), func(row int32) bool { return spoiled[row] })
	}
	return nil
}

// one keeps one span for some that are alike: the slowest, with the times of all of them. Below it is one for each group of
// what lies below them.
func (d *folder) one(rows []int32, parent span.SpanID) {
	slowest := slices.MaxFunc(rows, func(a, b int32) int { return int(min(max(d.took(a)-d.took(b), -1), 1)) })
	s := d.Spans.Span(int(d.At[slowest]))
	s.Parent = parent
	for _, row := range rows {
		d.folded[row] = true
		s.Start, s.End = min(s.Start, d.Spans.Starts[d.At[row]]), max(s.End, d.Spans.Ends[d.At[row]])
	}
	s.Attrs = append(s.Attrs, d.summary(rows)...)
	d.out.Append(&s)
	var children []int32
	for _, row := range rows {
		children = slices.AppendSeq(children, d.Children(row))
	}
	for _, alike := range d.alike(children) {
		d.one(alike, s.SpanID)
	}
}

func (d *folder) took(row int32) int64 { return max(d.Spans.Duration(int(d.At[row])), 0) }

// foldBounds are the bounds of a summary's histogram, in seconds.
var foldBounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// summary returns the attributes that tell of spans that are shown as one.
func (d *folder) summary(rows []int32) []span.KeyValue {
	least, most, total := int64(math.MaxInt64), int64(0), int64(0)
	counts := make([]int64, len(foldBounds)+1) // cumulative
	for _, row := range rows {
		took := d.took(row)
		least, most, total = min(least, took), max(most, took), total+took
		for i := range counts {
			if i == len(foldBounds) || float64(took) <= foldBounds[i]*1e9 {
				counts[i]++
			}
		}
	}
	var bounds, buckets []span.Value
	for i, n := range counts {
		buckets = append(buckets, span.IntValue(n))
		if i < len(foldBounds) {
			bounds = append(bounds, span.FloatValue(foldBounds[i]))
		}
	}
	number := func(name string, n int64) span.KeyValue {
		return span.KeyValue{Key: "aggregation." + name, Value: span.IntValue(n)}
	}
	return []span.KeyValue{
		{Key: "aggregation.is_summary", Value: span.BoolValue(true)},
		number("span_count", int64(len(rows))),
		number("duration_min_ns", least), number("duration_max_ns", most),
		number("duration_avg_ns", total/int64(len(rows))), number("duration_total_ns", total),
		{Key: "aggregation.histogram_bucket_bounds_s", Value: span.ArrayValue(bounds...)},
		{Key: "aggregation.histogram_bucket_counts", Value: span.ArrayValue(buckets...)},
	}
}
