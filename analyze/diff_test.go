package analyze

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
)

// traceOf makes a trace of lines "name service start duration [error]", in milliseconds, each
// below the line before it that is indented less.
func traceOf(t *testing.T, lines string) *Trace {
	t.Helper()
	b := &span.Batch{}
	var open []span.SpanID // by level
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		level := len(line) - len(strings.TrimLeft(line, "\t"))
		s := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{6: byte(b.Len() >> 8), 7: byte(b.Len() + 1)}, Name: f[0], Kind: client}
		if level > 0 {
			s.Parent = open[level-1]
		}
		open = append(open[:level], s.SpanID)
		var start, took float64
		if _, err := fmt.Sscan(f[2]+" "+f[3], &start, &took); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s.Start = 1e18 + uint64(start*1e6)
		s.End = s.Start + uint64(took*1e6)
		if len(f) > 4 {
			s.Status = statusError
		}
		s.Resource.Attrs = []span.KeyValue{{Key: "service.name", Value: span.StringValue(f[1])}}
		b.Append(&s)
	}
	return NewTrace(b)
}

// outline writes the nodes of a diff as a tree.
func outline(d *Diff) string {
	var out strings.Builder
	for _, n := range d.Nodes {
		fmt.Fprintf(&out, "%s%s %s: %d -> %d, %s", strings.Repeat("\t", int(n.Depth)), n.Name, n.Service, n.A.Spans, n.B.Spans, n.Change)
		if n.Delta != 0 {
			fmt.Fprintf(&out, " by %g ms", float64(n.Delta)/1e6)
		}
		if n.Broken+n.Mended > 0 {
			fmt.Fprintf(&out, ", %d broken, %d mended", n.Broken, n.Mended)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func TestDiff(t *testing.T) {
	a := traceOf(t, `
get web 0 100
	auth web 0 10
	cart shop 10 20
		sql shop 11 2
		sql shop 14 2
	old shop 40 5
	last shop 90 5 error
`)
	b := traceOf(t, `
get web 0 300
	early web 0 1
	auth web 1 10.5
	cart shop 20 80 error
		sql shop 21 2
		sql shop 24 40
		sql shop 64 2
	pay shop 150 5
		card bank 151 3
	pay shop 160 5
	last shop 290 5
`)
	d := NewDiff(a, b)
	const want = `get web: 1 -> 1, slower by 200 ms
	early web: 0 -> 1, added
	auth web: 1 -> 1, same by 0.5 ms
	cart shop: 1 -> 1, slower by 60 ms, 1 broken, 0 mended
		sql shop: 2 -> 3, slower by 38 ms
	pay shop: 0 -> 2, added
		card bank: 0 -> 1, added
	old shop: 1 -> 0, missing
	last shop: 1 -> 1, same, 0 broken, 1 mended
`
	if got := outline(d); got != want {
		t.Errorf("got\n%s", got)
	}
	if want := (DiffCounts{Matched: 6, Missing: 1, Added: 5, Slower: 3, Broken: 1, Mended: 1}); d.DiffCounts != want {
		t.Errorf("counted %+v", d.DiffCounts)
	}
	shop := d.Services[slices.IndexFunc(d.Services, func(s DiffService) bool { return s.Name == "shop" })]
	if shop.A != (DiffSide{Spans: 5, Errors: 1, Duration: 34e6, Self: 30e6, First: 2}) || shop.B.Spans != 7 || shop.B.Errors != 1 {
		t.Errorf("shop has %+v", shop)
	}
	if other := outline(NewDiff(a, a)); strings.Contains(strings.ReplaceAll(other, ", same", ""), ",") {
		t.Errorf("a trace differs from itself:\n%s", other)
	}
}

func TestDiffOfNothing(t *testing.T) {
	some, none := traceOf(t, "get web 0 100"), NewTrace(&span.Batch{})
	if got := outline(NewDiff(none, some)) + outline(NewDiff(some, none)) + outline(NewDiff(none, none)); got != "get web: 0 -> 1, added\nget web: 1 -> 0, missing\n" {
		t.Errorf("got\n%s", got)
	}
}

// naiveDiff matches the spans below two that match, path by path.
type naiveDiff struct {
	a, b    *Trace
	matched map[string]int
}

func (d *naiveDiff) key(t *Trace, row int32) string {
	return fmt.Sprintf("%q %q %d", t.Services[t.Service(row)], t.Name(row), t.kind(row))
}

func (d *naiveDiff) path(t *Trace, row int32) string {
	if up := t.Parent[row]; up != NoRow {
		return d.path(t, up) + "/" + d.key(t, row)
	}
	return d.key(t, row)
}

func (d *naiveDiff) match(as, bs []int32) {
	used := map[int32]bool{}
	for _, a := range as {
		for _, b := range bs {
			if !used[b] && d.key(d.a, a) == d.key(d.b, b) {
				used[b] = true
				d.matched[d.path(d.a, a)]++
				d.match(slices.Collect(d.a.Children(a)), slices.Collect(d.b.Children(b)))
				break
			}
		}
	}
}

func roots(t *Trace) (rows []int32) {
	for row, up := range t.Parent {
		if up == NoRow {
			rows = append(rows, int32(row))
		}
	}
	return rows
}

func randomTrace(rng *rand.Rand) *Trace {
	b := &span.Batch{}
	for i := range rng.IntN(60) {
		s := span.Span{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: byte(i + 1)}, Name: pick(rng, "get", "put", "sql"), Kind: pick[int32](rng, 1, 2, 3),
			Start: 1000 + rng.Uint64N(1000), Status: pick[int32](rng, 0, 2),
		}
		s.End = s.Start + rng.Uint64N(100)
		if i > 0 && rng.IntN(8) > 0 {
			s.Parent[7] = byte(1 + rng.IntN(i))
		}
		s.Resource.Attrs = []span.KeyValue{{Key: "service.name", Value: span.StringValue(pick(rng, "web", "shop"))}}
		b.Append(&s)
	}
	return NewTrace(b)
}

func TestDiffRandomly(t *testing.T) {
	rng := rand.New(rand.NewPCG(testkit.Seed(t), 2))
	for range 300 {
		a, b := randomTrace(rng), randomTrace(rng)
		d, naive := NewDiff(a, b), &naiveDiff{a, b, map[string]int{}}
		naive.match(roots(a), roots(b))
		spansA, spansB := map[string]int{}, map[string]int{}
		for row := range int32(a.Len()) {
			spansA[naive.path(a, row)]++
		}
		for row := range int32(b.Len()) {
			spansB[naive.path(b, row)]++
		}
		var path []string
		seen := map[string]bool{}
		for i, n := range d.Nodes {
			path = append(path[:n.Depth], fmt.Sprintf("%q %q %d", n.Service, n.Name, n.Kind))
			if n.Parent != NoRow && (int(n.Parent) >= i || d.Nodes[n.Parent].Depth != n.Depth-1) || n.Parent == NoRow && n.Depth != 0 {
				t.Fatalf("node %d is not below %d", i, n.Parent)
			}
			p := strings.Join(path, "/")
			if seen[p] {
				t.Fatalf("%s comes twice", p)
			}
			seen[p] = true
			if n.A.Spans != spansA[p] || n.B.Spans != spansB[p] || n.Matched != naive.matched[p] || n.Missing != n.A.Spans-n.Matched || n.Added != n.B.Spans-n.Matched {
				t.Fatalf("%s is %+v, want %d, %d and %d", p, n, spansA[p], spansB[p], naive.matched[p])
			}
		}
		for p := range spansA {
			spansB[p]++
		}
		if len(seen) != len(spansB) || d.Matched+d.Missing != a.Len() || d.Matched+d.Added != b.Len() {
			t.Fatalf("%d nodes of %d, %+v of %d and %d spans", len(seen), len(spansB), d.DiffCounts, a.Len(), b.Len())
		}
	}
}

// TestDiffIsLinear compares traces in which everything is below one span, in one chain, or on paths of its own.
func TestDiffIsLinear(t *testing.T) {
	const n = 100_000
	for name, shape := range map[string]func(i int, s *span.Span){
		"flat":  func(_ int, s *span.Span) { s.Parent[7] = 1 },
		"chain": func(i int, s *span.Span) { s.Parent = idOf(i) },
		"names": func(i int, s *span.Span) { s.Parent[7] = 1; s.Name = fmt.Sprint(i) },
	} {
		b := &span.Batch{}
		for i := range n {
			s := span.Span{TraceID: span.TraceID{15: 1}, SpanID: idOf(i + 1), Start: uint64(1000 + i), End: uint64(2000 + i)}
			if i > 0 {
				shape(i, &s)
			}
			b.Append(&s)
		}
		trace := NewTrace(b)
		if d := NewDiff(trace, trace); d.Matched != n || d.Missing+d.Added+d.Slower+d.Faster != 0 {
			t.Errorf("%s: %+v", name, d.DiffCounts)
		}
	}
}

func idOf(i int) span.SpanID {
	return span.SpanID{4: byte(i >> 24), 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)}
}
