package analyze

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
	"github.com/clewhq/clew/traceql"
)

func query(t *testing.T, text string) *traceql.Query {
	t.Helper()
	q, err := traceql.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func attr(key string, v any) span.KeyValue {
	switch v := v.(type) {
	case int:
		return span.KeyValue{Key: key, Value: span.IntValue(int64(v))}
	case float64:
		return span.KeyValue{Key: key, Value: span.FloatValue(v)}
	case bool:
		return span.KeyValue{Key: key, Value: span.BoolValue(v)}
	}
	return span.KeyValue{Key: key, Value: span.StringValue(v.(string))}
}

// shopSpans are traces of a root and some calls, with attributes that have nothing to do with each other.
func shopSpans(rng *rand.Rand, traces int) (spans []span.Span) {
	for n := range traces {
		host := attr("host.name", fmt.Sprint("host-", rng.IntN(8)))
		for i := range 1 + rng.IntN(4) {
			s := span.Span{
				TraceID: span.TraceID{2: byte(n >> 16), 3: byte(n >> 8), 4: byte(n), 15: 1}, SpanID: span.SpanID{7: byte(i + 1)},
				Name: pick(rng, "GET /", "GET /cart", "POST /buy"), Kind: pick[int32](rng, 1, 2, 3), Start: 1e18 + uint64(rng.IntN(3600))*1e9,
			}
			if i > 0 {
				s.Parent[7] = 1
			}
			s.End = s.Start + 1e6 + rng.Uint64N(9e6)
			s.Resource.Attrs = []span.KeyValue{attr("service.name", pick(rng, "web", "shop")), host}
			s.Attrs = []span.KeyValue{
				attr("request.id", fmt.Sprintf("%08x", rng.Uint32())), attr("region", pick(rng, "eu", "us", "asia")),
				attr("status", pick(rng, 200, 200, 200, 404)), attr("size", rng.ExpFloat64()*1000), attr("items", rng.IntN(500)), attr("cached", rng.IntN(2) == 0),
			}
			if rng.IntN(3) == 0 {
				s.Attrs = append(s.Attrs, attr("retry", rng.IntN(3)))
			}
			spans = append(spans, s)
		}
	}
	return spans
}

func whatDiffers(t *testing.T, spans []span.Span, opts DiffersOptions) *Differs {
	t.Helper()
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, spans)
	return askDiffers(t, m, opts)
}

func askDiffers(t *testing.T, r store.Reader, opts DiffersOptions) *Differs {
	t.Helper()
	if opts.Baseline == nil {
		opts.Baseline = query(t, "{ }")
	}
	d, err := WhatDiffers(t.Context(), &traceql.Engine{Store: r}, store.DefaultTenant, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func summary(d *Differs) string {
	var out strings.Builder
	for _, a := range d.Attributes {
		fmt.Fprintf(&out, "%s %.3f given=%t\n", &a.Attribute, a.Score, a.Given)
	}
	return out.String()
}

// TestPlantedDifference: what makes spans slow comes first, and the value that does it first of its values.
func TestPlantedDifference(t *testing.T) {
	for name, plant := range map[string]struct {
		slow  func(i int, s *span.Span) bool
		first string
		value string
	}{
		"a value":        {func(_ int, s *span.Span) bool { return s.Attrs[1].Value.Str == "asia" }, "span.region", `span.region = "asia"`},
		"a resource":     {func(_ int, s *span.Span) bool { return s.Resource.Attrs[1].Value.Str == "host-3" }, "resource.host.name", `resource.host.name = "host-3"`},
		"absence":        {func(_ int, s *span.Span) bool { return len(s.Attrs) == 6 }, "span.retry", `span.retry = nil`},
		"large numbers":  {func(_ int, s *span.Span) bool { return s.Attrs[3].Value.Float() > 1500 }, "span.size", `span.size >= `},
		"a few":          {func(i int, s *span.Span) bool { return s.Name == "POST /buy" && i%40 == 0 }, "name", `name = "POST /buy"`},
		"a service":      {func(_ int, s *span.Span) bool { return s.Resource.Attrs[0].Value.Str == "web" }, "resource.service.name", `resource.service.name = "`},
		"several values": {func(_ int, s *span.Span) bool { return s.Attrs[4].Value.Int() >= 450 }, "span.items", `span.items >= `},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 3))
			spans := shopSpans(rng, 2000)
			for i := range spans {
				if plant.slow(i, &spans[i]) && rng.IntN(10) > 0 {
					spans[i].End += 1e9
				}
			}
			d := whatDiffers(t, spans, DiffersOptions{MinDuration: 1e9})
			if len(d.Attributes) == 0 {
				t.Fatal("nothing differs")
			}
			first := d.Attributes[0]
			if first.Attribute.String() != plant.first || len(d.Attributes) > 1 && d.Attributes[1].Score > first.Score-0.2 && !d.Attributes[1].Given {
				t.Errorf("in order are\n%s", summary(d))
			}
			top := slices.MaxFunc(first.Values, func(a, b DifferingValue) int {
				part := func(v *DifferingValue) float64 { return v.Count[0] / float64(d.Selection.Compared) }
				return int(1e6 * (part(&a) - part(&b)))
			})
			if !strings.HasPrefix(top.In, plant.value) {
				t.Errorf("%s: most have %+v, want %s", plant.first, top, plant.value)
			}
			if last := d.Attributes[len(d.Attributes)-1]; !last.Given || last.Attribute.Intrinsic != traceql.SpanDuration || last.Score < 0.6 {
				t.Errorf("the last is %s with %g", &last.Attribute, last.Score)
			}
			if len(d.Ignored) != 1 || d.Ignored[0].Attribute.String() != "span.request.id" {
				t.Errorf("ignored are %v", d.Ignored)
			}
		})
	}
}

// TestNoDifference: where there is none, scores are near 0, also if the selection is small.
func TestNoDifference(t *testing.T) {
	for _, selected := range []int{2, 10, 50} {
		rng := rand.New(rand.NewPCG(uint64(selected), 4))
		spans := shopSpans(rng, 2000)
		for i := range spans {
			spans[i].Attrs = append(spans[i].Attrs, attr("chosen", rng.IntN(selected) == 0))
		}
		d := whatDiffers(t, spans, DiffersOptions{Selection: query(t, "{ span.chosen = true }")})
		for _, a := range d.Attributes {
			if a.Given != (a.Attribute.Name == "chosen") || !a.Given && a.Score > 0.06 {
				t.Errorf("one of %d: %s has %.3f, given %t", selected, &a.Attribute, a.Score, a.Given)
			}
		}
		if d.Selection.Compared+d.Baseline.Compared != uint64(len(spans)) {
			t.Errorf("%+v and %+v of %d", d.Selection, d.Baseline, len(spans))
		}
	}
}

// found returns how many spans of the sides satisfy a condition.
func found(t *testing.T, r store.Reader, q, condition string) float64 {
	t.Helper()
	e := &traceql.Engine{Store: r}
	result, err := e.Search(t.Context(), store.DefaultTenant, query(t, q+" | { "+condition+" }"), traceql.SearchOptions{Spans: true, Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	return float64(len(result.Spans))
}

// TestDiffersCounts holds every count against a search with the condition that the value comes with.
func TestDiffersCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(testkit.Seed(t), 5))
	spans := shopSpans(rng, 150)
	for i := range spans {
		spans[i].Status = pick[int32](rng, 0, 1, 2)
		spans[i].Attrs = append(spans[i].Attrs, attr("an \"odd\" key\n{}", pick(rng, "it's `odd`", "\"\\\n", "\xff", "")), attr("", "no key"))
		if rng.IntN(2) == 0 {
			spans[i].Events = []span.SpanEvent{{Name: pick(rng, "retry", "exception"), Attrs: []span.KeyValue{attr("reason", pick(rng, "a", "b"))}}}
		}
	}
	m, e := &storetest.Model{}, newEngine(t)
	for part := range slices.Chunk(spans, 60) {
		storetest.WriteSpans(t, m, part)
		storetest.WriteSpans(t, e, part)
		if rng.IntN(2) == 0 {
			if err := e.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	const selection, baseline = `{ span.region = "eu" || rootName = "GET /" }`, `{ kind = client }`
	opts := DiffersOptions{Baseline: query(t, baseline), Selection: query(t, selection), Values: 1000}
	texts := map[bool]string{}
	for _, r := range []store.Reader{m, e} {
		d := askDiffers(t, r, opts)
		queries := [sides]string{selection, baseline + ` | { !(span.region = "eu" || rootName = "GET /") }`}
		for _, a := range d.Attributes {
			quantiles := [sides]Quantiles{}
			if a.Quantiles != nil {
				quantiles, a.Quantiles = *a.Quantiles, nil
			}
			texts[r == store.Reader(m)] += fmt.Sprintf("%+v %+v\n", a, quantiles)
		}
		for _, a := range d.Attributes {
			var total [sides]float64
			for _, v := range a.Values {
				for side, q := range queries {
					total[side] += v.Count[side]
					slack := 0.0
					if v.Kind == ValueRange {
						slack = 6 // of those near the ends of a range
					}
					if v.In == "" && v.Kind != OtherValues {
						t.Errorf("%s: no condition for %+v", &a.Attribute, v)
						continue
					}
					if v.Kind != OtherValues && math.Abs(found(t, r, q, v.In)-v.Count[side]) > slack {
						t.Errorf("%T: %s has %g, a search for %s finds %g", r, q, v.Count[side], v.In, found(t, r, q, v.In))
					}
					if all := found(t, r, q, "true"); v.Kind != OtherValues && math.Abs(found(t, r, q, v.Out)-(all-v.Count[side])) > slack {
						t.Errorf("%T: %s has %g of %g, a search for %s finds %g", r, q, v.Count[side], all, v.Out, found(t, r, q, v.Out))
					}
				}
			}
			if total != [sides]float64{d.Selection.Weight, d.Baseline.Weight} {
				t.Errorf("%s counts %v in all", &a.Attribute, total)
			}
		}
	}
	if texts[true] != texts[false] {
		t.Errorf("stores differ:\n%s\n%s", texts[true], texts[false])
	}
}

// TestDiffersIsASample: a sample tells the same, and says how large it is.
func TestDiffersIsASample(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	spans := shopSpans(rng, 20_000)
	for i := range spans {
		if spans[i].Attrs[1].Value.Str == "asia" {
			spans[i].End += 1e9
		}
	}
	e := newEngine(t)
	for part := range slices.Chunk(spans, 5000) {
		storetest.WriteSpans(t, e, part)
	}
	if err := e.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := askDiffers(t, e, DiffersOptions{MinDuration: 1e9})
	d := askDiffers(t, e, DiffersOptions{MinDuration: 1e9, SampleRows: 20_000})
	if d.Selection.Matched != all.Selection.Matched || d.Baseline.Matched != all.Baseline.Matched || all.Baseline.Compared != all.Baseline.Matched {
		t.Errorf("%+v and %+v; all %+v and %+v", d.Selection, d.Baseline, all.Selection, all.Baseline)
	}
	if d.Selection.Compared == 0 || d.Selection.Compared > 3*d.Selection.Matched/4 || d.Baseline.Compared > 3*d.Baseline.Matched/4 {
		t.Errorf("%d of %d and %d of %d are compared", d.Selection.Compared, d.Selection.Matched, d.Baseline.Compared, d.Baseline.Matched)
	}
	if first := d.Attributes[0]; first.Attribute.Name != "region" || math.Abs(first.Score-all.Attributes[0].Score) > 0.05 {
		t.Errorf("in order are\n%s", summary(d))
	}
}

func TestDiffersOfRanges(t *testing.T) {
	var spans []span.Span
	for i := range 400 {
		s := span.Span{TraceID: span.TraceID{0: byte(i >> 8), 1: byte(i), 15: 1}, SpanID: span.SpanID{7: 1}, Name: "old", Start: uint64(1000 + i), End: uint64(2000 + i)}
		if i >= 200 {
			s.Name = "new"
		}
		if i%2 == 0 {
			s.TraceState = "ot=th:8"
		}
		spans = append(spans, s)
	}
	d := whatDiffers(t, spans, DiffersOptions{
		SelectionRange: store.TimeRange{Start: 1200, End: 1300}, BaselineRange: store.TimeRange{Start: 1000, End: 1100},
	})
	if d.Selection != (SideCount{100, 100, 150}) || d.Baseline != (SideCount{100, 100, 150}) {
		t.Fatalf("%+v, %+v", d.Selection, d.Baseline)
	}
	name := d.Attributes[0]
	if name.Attribute.String() != "name" && name.Attribute.String() != "rootName" || len(name.Values) != 2 || name.Values[0].Count[0]+name.Values[0].Count[1] != 150 {
		t.Errorf("the first is %+v", name)
	}
}

// TestManyValues: memory is bounded, and what is not told apart is still counted.
func TestManyValues(t *testing.T) {
	values := newComparedValues(nil)
	one := &valueCount{seen: [sides]uint64{0, 1}, weight: [sides]float64{0, 1}}
	for i := range 2 * maxBaselineValues {
		values.add(traceql.StringStatic(fmt.Sprint(i)), BaselineSide, one)
	}
	values.add(traceql.StringStatic(strings.Repeat("x", maxValueLength+1)), SelectionSide, one)
	values.add(traceql.StringStatic("selected"), SelectionSide, one)
	if len(values.list) != maxBaselineValues+1 || values.others.seen[BaselineSide] != maxBaselineValues+1 || !values.full {
		t.Errorf("%d values, others %+v", len(values.list), values.others)
	}
}

func TestNumbersMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range 50 {
		var all valueNumbers
		parts := make([]valueNumbers, 3)
		for range 1 + rng.IntN(300) {
			v := traceql.IntStatic(int64(rng.IntN(1 << rng.IntN(12))))
			if round%3 == 0 && rng.IntN(20) == 0 {
				v = traceql.FloatStatic(rng.NormFloat64())
			}
			one := &valueCount{}
			one.add(rng.IntN(2), 1)
			all.add(v, one)
			parts[rng.IntN(3)].add(v, one)
		}
		var sum valueNumbers
		for i := range parts {
			sum.merge(&parts[i])
		}
		if all.isCoarse && !sum.isCoarse {
			sum.makeCoarse() // no part had too many
		}
		if all.typ != sum.typ || all.isCoarse != sum.isCoarse || fmt.Sprint(all.min, all.max) != fmt.Sprint(sum.min, sum.max) || len(all.list) != len(sum.list) {
			t.Fatalf("%v %t %d, in parts %v %t %d", all.typ, all.isCoarse, len(all.list), sum.typ, sum.isCoarse, len(sum.list))
		}
		for key, place := range all.places {
			if got := sum.list[sum.places[key]]; got != all.list[place] {
				t.Fatalf("%x: %+v, in parts %+v", key, all.list[place], got)
			}
		}
	}
}
