package traceql

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Laws that answers obey whatever the spans are, so that the engine and the oracle cannot be wrong together.

// eachLaw checks a law on the engine over blocks and head, with random conditions.
func eachLaw(t *testing.T, law func(*lawWorld) error) {
	base := testkit.Seed(t)
	for round := range testkit.Rounds(t, 8) {
		seed := base + round
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			w := &lawWorld{randomWorld: newRandomWorld(t, seed), t: t}
			for i := range 40 {
				w.engine = w.who[1+i%2]
				if err := law(w); err != nil {
					t.Fatalf("repeat with %s=%d %s=1\n%s: %v\nload\n%s", testkit.SeedVar, seed, testkit.RoundsVar, w.engine.name, err, spansText(w.spans))
				}
			}
		})
	}
}

type lawWorld struct {
	*randomWorld
	t      *testing.T
	engine answerer
}

// spanKey is a span of an answer.
type spanKey struct {
	trace span.TraceID
	id    span.SpanID
	start uint64
}

type spanKeys map[spanKey]bool

// find returns the spans that a search finds.
func (w *lawWorld) find(query string, args ...any) spanKeys {
	w.t.Helper()
	r, err := w.engine.search(parsed(w.t, fmt.Sprintf(query, args...)), SearchOptions{Spans: true, Limit: -1})
	if err != nil {
		w.t.Fatalf("%s: %v", fmt.Sprintf(query, args...), err)
	}
	keys := spanKeys{}
	for _, s := range r.Spans {
		keys[spanKey{s.TraceID, s.ID, s.Start}] = true
	}
	if len(keys) != len(r.Spans) {
		w.t.Fatalf("%s: %d spans, %d of them different", fmt.Sprintf(query, args...), len(r.Spans), len(keys))
	}
	return keys
}

func (k spanKeys) or(other spanKeys) spanKeys {
	all := maps.Clone(k)
	maps.Copy(all, other)
	return all
}

func (k spanKeys) and(other spanKeys) spanKeys {
	both := spanKeys{}
	for key := range k {
		if other[key] {
			both[key] = true
		}
	}
	return both
}

// parsable returns a condition that the checks accept.
func (w *lawWorld) parsable(make func() string) string {
	for {
		if text := make(); parses("{ " + text + " }") {
			return text
		}
	}
}

func parses(text string) bool {
	_, err := Parse(text)
	return err == nil
}

func (w *lawWorld) condition() string {
	return w.parsable(func() string { return w.gen.condition(w.gen.IntN(3)) })
}

// same reports two answers that should be one.
func same(what string, a, b spanKeys) error {
	if maps.Equal(a, b) {
		return nil
	}
	return fmt.Errorf("%s: %d spans on the one side, %d on the other, %d on both", what, len(a), len(b), len(a.and(b)))
}

// A condition or its negation holds on every span, and never both.
func TestLawOfNegation(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		c := w.condition()
		yes, no, all := w.find("{ %s }", c), w.find("{ !(%s) }", c), w.find("{ }")
		if both := yes.and(no); len(both) > 0 {
			return fmt.Errorf("{ %s }: on %d spans it holds and does not", c, len(both))
		}
		return same("{ "+c+" } or not", yes.or(no), all)
	})
}

// Or is union, everywhere. And is intersection, if it is not about one event.
func TestLawOfLogic(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		a, b := w.condition(), w.condition()
		ofA, ofB := w.find("{ %s }", a), w.find("{ %s }", b)
		if err := same(fmt.Sprintf("{ (%s) || (%s) }", a, b), w.find("{ (%s) || (%s) }", a, b), ofA.or(ofB)); err != nil {
			return err
		}
		if err := same(fmt.Sprintf("{ %s } | { %s }", a, b), w.find("{ %s } | { %s }", a, b), ofA.and(ofB)); err != nil {
			return err
		}
		if strings.Contains(a+b, "event") || strings.Contains(a+b, "link") {
			return nil
		}
		return same(fmt.Sprintf("{ (%s) && (%s) }", a, b), w.find("{ (%s) && (%s) }", a, b), ofA.and(ofB))
	})
}

// What is related and what is not make up the right side; a union has the related ones of both sides.
func TestLawOfStructure(t *testing.T) {
	inverse := map[string]string{">": "<", ">>": "<<", "<": ">", "<<": ">>", "~": "~"}
	eachLaw(t, func(w *lawWorld) error {
		a, b := "{ "+w.condition()+" }", "{ "+w.condition()+" }"
		op := pick(w.gen, slices.Sorted(maps.Keys(inverse))...)
		what := a + " " + op + " " + b
		right, related, others := w.find("%s", b), w.find("%s %s %s", a, op, b), w.find("%s !%s %s", a, op, b)
		if both := related.and(others); len(both) > 0 {
			return fmt.Errorf("%s: %d spans are related and are not", what, len(both))
		}
		if err := same(what+" or not", related.or(others), right); err != nil {
			return err
		}
		back := w.find("%s %s %s", b, inverse[op], a)
		if (len(related) == 0) != (len(back) == 0) {
			return fmt.Errorf("%s: %d spans one way, %d the other", what, len(related), len(back))
		}
		if err := same(a+" &"+op+" "+b, w.find("%s &%s %s", a, op, b), related.or(back)); err != nil {
			return err
		}
		near, far := w.find("%s > %s", a, b), w.find("%s >> %s", a, b)
		return same(a+" > "+b+" is part of >>", near.and(far), near)
	})
}

// by() takes spansets apart and coalesce() puts them together; select() changes nothing.
func TestLawOfGroups(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		q, key := "{ "+w.condition()+" }", pick(w.gen, "name", "status", "span.a", ".b", "duration", "resource.service.name", "parent.a", "event.a")
		spans := w.find("%s", q)
		for _, stages := range []string{
			"by(" + key + ")", "by(" + key + ") | coalesce()", "by(" + key + ") | count() > 0", "select(" + key + ")", "count() > 0",
		} {
			if err := same(q+" | "+stages, w.find("%s | %s", q, stages), spans); err != nil {
				return err
			}
		}
		one, more := w.find("%s | by(%s) | count() = 1", q, key), w.find("%s | by(%s) | count() > 1", q, key)
		return same(q+" | by("+key+") | count() of 1 or more", one.or(more), spans)
	})
}

// A query that is printed and read again has the same answer.
func TestLawOfPrinting(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		text := w.gen.pipeline(3)
		q, err := Parse(text)
		if err != nil {
			return nil
		}
		r1, err1 := w.engine.search(q, SearchOptions{Limit: -1, SpansPerSet: -1})
		r2, err2 := w.engine.search(parsed(w.t, q.String()), SearchOptions{Limit: -1, SpansPerSet: -1})
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%s: %v, %v", text, err1, err2)
		}
		return expect(text+"\nprinted as "+q.String(), searchLines("attributes", r1), searchLines("attributes", r2))
	})
}

// Pages put together are the whole answer, whatever their length.
func TestLawOfPages(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		text := w.gen.pipeline(1)
		q, err := Parse(text)
		if err != nil {
			return nil
		}
		o := SearchOptions{Limit: -1, SpansPerSet: -1, Spans: w.gen.chance(2), Range: w.searchRange()}
		whole, err := w.engine.search(q, o)
		if err != nil {
			return err
		}
		var lines []string
		for o.Limit = 1 + w.gen.IntN(5); ; {
			page, err := w.engine.search(q, o)
			if err != nil {
				return err
			}
			if len(page.Traces)+len(page.Spans) > o.Limit || page.Next != "" && len(page.Traces)+len(page.Spans) == 0 {
				return fmt.Errorf("%s: a page of %d has %d traces and %d spans", text, o.Limit, len(page.Traces), len(page.Spans))
			}
			o.After, page.Next = page.Next, ""
			lines = append(lines, searchLines("attributes", page)...)
			if o.After == "" {
				break
			}
		}
		return expect(text+" in pages", searchLines("attributes", whole), lines)
	})
}

// instant returns the values of a metrics query in one interval that has all spans.
func (w *lawWorld) instant(text string) (map[string]float64, error) {
	from, to := w.bounds()
	r, err := w.engine.series(parsed(w.t, text), SeriesOptions{Start: from, End: to, Instant: true})
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for _, s := range r.Series {
		values[labelsText(s.Labels)] = s.Values[0]
	}
	return values, nil
}

// bounds returns the least and the greatest start, and one nanosecond more.
func (w *lawWorld) bounds() (from, to uint64) {
	from = math.MaxUint64
	for _, s := range w.spans {
		from, to = min(from, s.Start), max(to, s.Start)
	}
	return from, max(to, to+1)
}

func sumOf(values map[string]float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// Series count what a search finds, in parts or as a whole.
func TestLawOfCounts(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		q := w.gen.pipeline(1)
		if !parses(q) {
			return nil
		}
		found := float64(len(w.find("%s", q)))
		from, to := w.bounds()
		for _, f := range []struct {
			text string
			unit float64
		}{
			{"count_over_time()", 1}, {"count_over_time() by (name, kind)", 1}, {"count_over_time() by (.a, parent.b, event.c)", 1},
			{"rate()", 1e9 / float64(to-from)}, {"rate() by (status)", 1e9 / float64(to-from)},
			{"histogram_over_time(duration)", 1}, {"histogram_over_time(traceDuration) by (span.a)", 1},
		} {
			values, err := w.instant(q + " | " + f.text)
			if err != nil {
				return err
			}
			if total := sumOf(values); !isNear(total, found*f.unit, 1e-9) {
				return fmt.Errorf("%s | %s: counts %v of %v spans", q, f.text, total/f.unit, found)
			}
		}
		return nil
	})
}

// Minimum, quantiles in their order, maximum; the mean is the sum by the count.
func TestLawOfMeasures(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		q, a := w.gen.pipeline(1), pick(w.gen, "duration", "traceDuration", "span:childCount", "nestedSetLeft")
		if !parses(q) {
			return nil
		}
		values := map[string]float64{}
		for _, f := range []string{
			"min_over_time(%s)", "max_over_time(%s)", "sum_over_time(%s)", "avg_over_time(%s)", "quantile_over_time(%s, 0, 0.3, 0.6, 1)", "count_over_time()",
		} {
			text := q + " | " + f
			if strings.Contains(f, "%s") {
				text = q + " | " + strings.Replace(f, "%s", a, 1)
			}
			more, err := w.instant(text)
			if err != nil {
				return err
			}
			maps.Copy(values, more)
		}
		least, most := values[`{__name__="min_over_time"}`], values[`{__name__="max_over_time"}`]
		row := []float64{least, values["{p=0.0}"], values["{p=0.3}"], values["{p=0.6}"], values["{p=1.0}"], most}
		if !slices.IsSorted(row) || row[0] != row[1] || row[4] != row[5] {
			return fmt.Errorf("%s | ...(%s): minimum, quantiles and maximum are %v", q, a, row)
		}
		mean, sum, n := values[`{__name__="avg_over_time"}`], values[`{__name__="sum_over_time"}`], values[`{__name__="count_over_time"}`]
		if n > 0 && (!isNear(mean, sum/n, 1e-9) || mean < least-1e-9*math.Abs(least) || mean > most+1e-9*math.Abs(most)) {
			return fmt.Errorf("%s | ...(%s): of %v spans the sum is %v, the mean %v, from %v to %v", q, a, n, sum, mean, least, most)
		}
		return nil
	})
}

// A sample counts some spans, or all of some traces, as many times as it leaves out others.
func TestLawOfSamples(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		q := w.gen.pipeline(1)
		if !parses(q) {
			return nil
		}
		for _, hint := range []string{"span_sample=0.5", "trace_sample=0.5", "sample=0.25"} {
			by, factor := " by (trace:id)", 2.0
			switch hint {
			case "span_sample=0.5":
				by = " by (trace:id, span:id)"
			case "sample=0.25":
				by, factor = " by (trace:id, span:id)", 4
			}
			all, err := w.instant(q + " | count_over_time()" + by)
			if err != nil {
				return err
			}
			some, err := w.instant(q + " | count_over_time()" + by + " with(" + hint + ")")
			if err != nil {
				return err
			}
			for labels, n := range some {
				if n != factor*all[labels] {
					return fmt.Errorf("%s with(%s): %s counts %v, without the hint %v", q, hint, labels, n, all[labels])
				}
			}
		}
		return nil
	})
}

// Exemplars are spans that a search finds, in the interval and of the value that they stand for.
func TestLawOfExemplars(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		q := w.gen.pipeline(1)
		if !parses(q) {
			return nil
		}
		most := w.gen.IntN(6)
		text := fmt.Sprintf("%s | max_over_time(duration) by (name) with(exemplars=%d)", q, most)
		from := w.gen.middle() - 10e9
		r, err := w.engine.series(parsed(w.t, text), SeriesOptions{Start: from, End: from + 20e9, Step: 5e9})
		if err != nil {
			return err
		}
		found := w.find("%s", q)
		traces := map[span.TraceID]bool{}
		for _, s := range r.Series {
			for _, e := range s.Exemplars {
				if !found[spanKey{e.TraceID, e.SpanID, e.Time}] {
					return fmt.Errorf("%s: exemplar %s/%s is not found", text, e.TraceID, e.SpanID)
				}
				if traces[e.TraceID] {
					return fmt.Errorf("%s: two exemplars of trace %s", text, e.TraceID)
				}
				traces[e.TraceID] = true
				i := slices.IndexFunc(r.Times, func(end int64) bool { return e.Time <= uint64(end)*1e6 })
				if i < 0 || !(e.Value <= s.Values[i]) {
					return fmt.Errorf("%s: exemplar %s/%s has %v, the series %v", text, e.TraceID, e.SpanID, e.Value, s.Values)
				}
			}
		}
		if len(traces) > most {
			return fmt.Errorf("%s: %d exemplars", text, len(traces))
		}
		return nil
	})
}

// The range of a search takes spans away, and does nothing else.
func TestLawOfRange(t *testing.T) {
	eachLaw(t, func(w *lawWorld) error {
		text := w.gen.pipeline(2)
		q, err := Parse(text)
		if err != nil {
			return nil
		}
		o := SearchOptions{Limit: -1, SpansPerSet: -1}
		whole, err := w.engine.search(q, o)
		if err != nil {
			return err
		}
		from := w.gen.middle() - uint64(w.gen.IntN(5e9))
		o.Range = store.TimeRange{Start: from, End: from + uint64(w.gen.IntN(10e9)) + 1}
		part, err := w.engine.search(q, o)
		if err != nil {
			return err
		}
		left := &SearchResult{}
		for _, t := range whole.Traces {
			var sets []SpanSet
			for _, set := range t.SpanSets {
				set.Spans = slices.DeleteFunc(set.Spans, func(s Span) bool { return !o.Range.Contains(s.Start) })
				if set.Matched = len(set.Spans); set.Matched > 0 {
					sets = append(sets, set)
				}
			}
			if t.SpanSets = sets; len(sets) > 0 {
				left.Traces = append(left.Traces, t)
			}
		}
		return expect(text, searchLines("attributes", left), searchLines("attributes", part))
	})
}
