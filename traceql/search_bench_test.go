package traceql

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// benchChunk is a chunk whose predicates cost nothing but a copy: what is measured is what is done with it.
// Where[i] holds on one row in share[i], 0 for none.
type benchChunk struct {
	store.Reader
	runs    []store.TraceRun
	live    store.Bitmap
	starts  []uint64
	ends    []uint64
	ids     []span.SpanID
	parents []int32
	wheres  []store.Bitmap
	scratch []store.Bitmap
	columns map[store.Field]*store.Column
}

type benchValues []span.Value

func (v *benchValues) Len() int                  { return len(*v) }
func (v *benchValues) At(code uint32) span.Value { return (*v)[code] }

const benchRows = 4096

func newBenchChunk(share ...int) *benchChunk {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &benchChunk{live: store.NewBitmap(benchRows), columns: map[store.Field]*store.Column{}}
	c.live.Fill(0, benchRows)
	names, services := &benchValues{}, &benchValues{}
	for i := range 50 {
		*names = append(*names, span.StringValue("GET /path/"+strconv.Itoa(i)))
	}
	for i := range 12 {
		*services = append(*services, span.StringValue("service-"+strconv.Itoa(i)))
	}
	name, service := &store.Column{Dict: names}, &store.Column{Dict: services}
	status, size := &store.Column{Type: span.Int}, &store.Column{Type: span.Int}
	for row := range benchRows {
		lo := row - row%20
		if lo == row {
			c.runs = append(c.runs, store.TraceRun{ID: span.TraceID{0: byte(row), 1: byte(row >> 8)}, Start: uint64(1e18 - 1000*row), Lo: row})
		}
		c.runs[len(c.runs)-1].Hi = row + 1
		var id span.SpanID
		binary.BigEndian.PutUint64(id[:], rng.Uint64())
		c.ids = append(c.ids, id)
		start := uint64(1e18 - 1000*lo + 10*(row-lo))
		c.starts = append(c.starts, start)
		c.ends = append(c.ends, start+rng.Uint64N(1e9))
		if row == lo {
			c.parents = append(c.parents, store.NoParent)
		} else {
			c.parents = append(c.parents, int32(lo+rng.IntN(row-lo)))
		}
		name.Codes = append(name.Codes, rng.Uint32N(50))
		service.Codes = append(service.Codes, rng.Uint32N(12))
		status.Nums = append(status.Nums, rng.Uint64N(3))
		size.Nums = append(size.Nums, rng.Uint64N(1000))
	}
	for _, n := range share {
		set := store.NewBitmap(benchRows)
		for row := range benchRows {
			if n > 0 && rng.IntN(n) == 0 {
				set.Set(row)
			}
		}
		c.wheres = append(c.wheres, set)
		c.scratch = append(c.scratch, store.NewBitmap(benchRows))
	}
	c.columns[store.Of(store.Name)], c.columns[serviceName] = name, service
	c.columns[store.Of(store.Status)], c.columns[store.Attr(store.SpanScope, "size")] = status, size
	c.columns[store.Of(store.Kind)] = status
	return c
}

func (c *benchChunk) Len() int                           { return benchRows }
func (c *benchChunk) Traces() []store.TraceRun           { return c.runs }
func (c *benchChunk) Live() store.Bitmap                 { return c.live }
func (c *benchChunk) Starts() []uint64                   { return c.starts }
func (c *benchChunk) Ends() []uint64                     { return c.ends }
func (c *benchChunk) Bounds() (lo, hi uint64)            { return 0, math.MaxUint64 }
func (c *benchChunk) SpanIDs() []span.SpanID             { return c.ids }
func (c *benchChunk) Parents() []int32                   { return c.parents }
func (c *benchChunk) Column(f store.Field) *store.Column { return c.columns[f] }
func (c *benchChunk) Attributes() []store.Field          { return nil }
func (c *benchChunk) Err() error                         { return nil }
func (c *benchChunk) Where(i int) store.Bitmap {
	copy(c.scratch[i], c.wheres[i])
	return c.scratch[i]
}

func (c *benchChunk) Values(f store.Field, row int, yield func(span.Value) bool) {
	if v, ok := c.columns[f].Value(row); ok {
		yield(v)
	}
}

// Scan gives the same chunk again and again.
func (c *benchChunk) Scan(_ context.Context, _ string, _ *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	for range 1000 {
		if err := yield(0, c); err != nil {
			return nil, err
		}
	}
	return &store.ScanResult{}, nil
}

var benchQueries = []struct {
	name, query string
	share       []int // of the predicates
}{
	{"FilterNone", `{ name = "x" }`, []int{0}},
	{"FilterHalf", `{ name = "x" }`, []int{2}},
	{"ArithmeticHalf", `{ name = "x" && span.size * 2 > duration }`, []int{2}},
	{"ParentHalf", `{ name = "x" && parent.name = "y" }`, []int{2, 2}},
	{"RootName", `{ rootName = "GET /path/1" }`, []int{2}},
	{"Roots", `{ nestedSetParent < 0 }`, nil},
	{"NestedSet", `{ nestedSetLeft < 3 }`, nil},
	{"DescendantNone", `{ name = "x" } >> { name = "y" }`, []int{2, 0}},
	{"DescendantFew", `{ name = "x" } >> { name = "y" }`, []int{100, 100}},
	{"DescendantHalf", `{ name = "x" } >> { name = "y" }`, []int{2, 2}},
	{"ChildHalf", `{ name = "x" } > { name = "y" }`, []int{2, 2}},
	{"SiblingHalf", `{ name = "x" } ~ { name = "y" }`, []int{2, 2}},
	{"AndHalf", `{ name = "x" } && { name = "y" }`, []int{2, 2}},
	{"CountNone", `{ name = "x" } | count() > 1`, []int{0}},
	{"CountHalf", `{ name = "x" } | count() > 1`, []int{2}},
	{"SumHalf", `{ name = "x" } | sum(span.size) > 1`, []int{2}},
	{"ByNameHalf", `{ name = "x" } | by(name) | count() > 1`, []int{2}},
}

func BenchmarkPipeline(b *testing.B) {
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) {
			parsed, err := Parse(q.query)
			if err != nil {
				b.Fatal(err)
			}
			p := &planner{}
			pl, err := p.pipeline(parsed.Search)
			if err != nil {
				b.Fatal(err)
			}
			c, e := newBenchChunk(append(q.share, 2, 2, 2, 2)...), p.env()
			c.columns[store.Of(store.Duration)] = c.columns[store.Attr(store.SpanScope, "size")]
			c.columns[store.Of(store.ParentID)] = &store.Column{}
			b.ReportAllocs()
			for b.Loop() {
				e.begin(c)
				if _, err := pl.rows(e); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/span")
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) {
			parsed, err := Parse(q.query)
			if err != nil {
				b.Fatal(err)
			}
			c := newBenchChunk(append(q.share, 2, 2, 2, 2)...)
			c.columns[store.Of(store.Duration)] = c.columns[store.Attr(store.SpanScope, "size")]
			c.columns[store.Of(store.ParentID)] = &store.Column{}
			engine := &Engine{Store: c}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := engine.Search(b.Context(), "", parsed, SearchOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows/1000, "ns/span")
		})
	}
}
