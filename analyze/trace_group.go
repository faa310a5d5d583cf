package analyze

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/clewhq/clew/traceql"
)

// ValueCounts is the values that rows of a trace have of an attribute.
type ValueCounts struct {
	Values []ValueCount // the most frequent first
	// Codes has for each row 0 if it has no value, else the place of its value, from 1; if there are more than
	// MaxValues the rarest are not in the list, and MaxUint32 stands for each of them.
	Codes []uint32
	More  bool // there are such
}

// ValueCount is a value, and how many rows have it.
type ValueCount struct {
	Value traceql.Static
	Count int
}

// MaxValues is the most values that are told of an attribute.
const MaxValues = 100_000

// Column returns the values of an attribute.
func (t *Trace) Column(ctx context.Context, a *traceql.Attribute) (*ValueCounts, error) {
	list, codes, err := t.codes(ctx, a)
	if err != nil {
		return nil, err
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(list[j].Count, list[i].Count) })
	place := make([]uint32, len(list)+1)
	sorted := make([]ValueCount, 0, min(len(list), MaxValues))
	for n, i := range order {
		if place[i+1] = math.MaxUint32; n < MaxValues {
			sorted = append(sorted, list[i])
			place[i+1] = uint32(n + 1)
		}
	}
	for row, code := range codes {
		codes[row] = place[code]
	}
	return &ValueCounts{sorted, codes, len(list) > MaxValues}, nil
}

// codes returns the values of an attribute in order of first appearance, and for each row 0 or the place of its own, from 1.
func (t *Trace) codes(ctx context.Context, a *traceql.Attribute) (list []ValueCount, codes []uint32, err error) {
	ask, err := traceql.NewRowQuery(nil, a)
	if err != nil {
		return nil, nil, err
	}
	_, value, err := ask.Run(ctx, t.chunk(ask.Where()))
	if err != nil {
		return nil, nil, err
	}
	codes = make([]uint32, t.Len())
	known := map[traceql.Static]uint32{{}: 0}
	for row, at := range t.At {
		if row%checkEvery == 0 && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		v := value(0, int(at))
		code, ok := known[v]
		if !ok {
			list = append(list, ValueCount{Value: v})
			code = uint32(len(list))
			known[v] = code
		}
		codes[row] = code
		if code > 0 {
			list[code-1].Count++
		}
	}
	return list, codes, nil
}

// Group is spans of a trace that have something in common. Times are nanoseconds.
type Group struct {
	Value  traceql.Static // TypeNil for spans without one
	Count  int
	Errors int
	// Total is of the durations; those below 0 count as 0. Sums end at the largest int64.
	Total, Min, Max, P50, P95 int64
	Self, Critical            int64
	// Groups are those within it, if there is a second level.
	Groups []Group
}

// maxGroups is the most groups of each level within one of the level before.
var maxGroups = [...]int{1000, 100}

// MaxLevels is by how many attributes Statistics groups at most.
const MaxLevels = len(maxGroups)

// Statistics groups the spans by attributes, each level within the one before. Groups come by self
// time, the longest first; of very many those with the least are left out, which more tells.
func (t *Trace) Statistics(ctx context.Context, by []*traceql.Attribute) (groups []Group, more bool, err error) {
	rows := make([]int32, t.Len())
	for row := range rows {
		rows[row] = int32(row)
	}
	g := &grouper{Trace: t}
	for _, a := range by {
		list, codes, err := t.codes(ctx, a)
		if err != nil {
			return nil, false, err
		}
		g.levels = append(g.levels, groupLevel{list, codes})
	}
	groups = g.split(rows, 0)
	return groups, g.more, nil
}

type grouper struct {
	*Trace
	levels []groupLevel
	more   bool
}

type groupLevel struct {
	values []ValueCount
	codes  []uint32
}

// sort returns rows by their codes, else in the order in which they are. It may change the list.
func (l *groupLevel) sort(rows []int32) []int32 {
	if len(l.values) > len(rows) {
		slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(l.codes[a], l.codes[b]) })
		return rows
	}
	ends := make([]int32, len(l.values)+1)
	for _, row := range rows {
		ends[l.codes[row]]++
	}
	for code := 1; code < len(ends); code++ {
		ends[code] += ends[code-1]
	}
	sorted := make([]int32, len(rows))
	for _, row := range slices.Backward(rows) {
		code := l.codes[row]
		ends[code]--
		sorted[ends[code]] = row
	}
	return sorted
}

// split groups rows from a level on. It may change the list.
func (g *grouper) split(rows []int32, level int) []Group {
	l := &g.levels[level]
	rows = l.sort(rows)
	type run struct {
		Group
		rows []int32
	}
	var runs []run
	for len(rows) > 0 {
		code, n := l.codes[rows[0]], 1
		for n < len(rows) && l.codes[rows[n]] == code {
			n++
		}
		r := run{g.measure(rows[:n]), rows[:n]}
		if code > 0 {
			r.Value = l.values[code-1].Value
		}
		runs, rows = append(runs, r), rows[n:]
	}
	slices.SortStableFunc(runs, func(a, b run) int {
		return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count))
	})
	g.more = g.more || len(runs) > maxGroups[level]
	runs = runs[:min(len(runs), maxGroups[level])]
	groups := make([]Group, len(runs))
	for i := range runs {
		if level+1 < len(g.levels) {
			runs[i].Groups = g.split(runs[i].rows, level+1)
		}
		groups[i] = runs[i].Group
	}
	return groups
}

func (t *Trace) measure(rows []int32) Group {
	g := Group{Count: len(rows)}
	all := make([]int64, len(rows))
	for i, row := range rows {
		all[i] = t.Spans.Duration(int(t.At[row]))
		g.Total = addUpTo(g.Total, max(all[i], 0))
		g.Self = addUpTo(g.Self, t.Self[row])
		g.Critical = addUpTo(g.Critical, t.Critical[row])
		if t.Failed(row) {
			g.Errors++
		}
	}
	slices.Sort(all)
	g.Min, g.Max = all[0], all[len(all)-1]
	g.P50, g.P95 = ranked(all, 50), ranked(all, 95)
	return g
}

// ranked returns the number of rank ceil(percent/100 n) of a sorted list.
func ranked(sorted []int64, percent int) int64 {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// addUpTo adds numbers that are not negative, up to the largest int64.
func addUpTo(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
