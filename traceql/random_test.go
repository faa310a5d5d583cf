package traceql

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// TestRandomSearches holds the engine, on both stores, against the naive evaluator.
func TestRandomSearches(t *testing.T) {
	eachRandom(t, func(g gen) string { return g.pipeline(3) }, func(w *randomWorld, q *Query) error {
		o := SearchOptions{Range: w.searchRange(), Limit: pick(w.gen, -1, -1, 1, 2, 3), SpansPerSet: pick(w.gen, -1, -1, 1, 2)}
		o.Spans, o.Slowest = w.gen.chance(4), w.gen.chance(4)
		if o.Spans {
			o.Slowest = false
		}
		return w.agree(func(a answerer) ([]string, error) {
			r, err := a.search(q, o)
			if err != nil {
				return nil, err
			}
			lines := searchLines("attributes", r)
			if !o.Spans {
				lines = append(lines, searchLines("facts", &SearchResult{Traces: r.Traces})...)
			}
			return lines, nil
		})
	})
}

// TestRandomSeries does the same for metrics queries, quantiles within 1 %.
func TestRandomSeries(t *testing.T) {
	eachRandom(t, gen.series, func(w *randomWorld, q *Query) error {
		from := w.gen.middle() - 15e9 + uint64(w.gen.IntN(15e9))
		o := SeriesOptions{
			Start: from, End: from + 1 + uint64(w.gen.IntN(30e9)),
			Step: pick[uint64](w.gen, 1e9, 5e9, 10e9, 60e9, 3e9+1), Instant: w.gen.chance(5),
		}
		return w.agree(func(a answerer) ([]string, error) {
			r, err := a.series(q, o)
			if err != nil {
				return nil, err
			}
			lines := seriesLines("series", r)
			if len(lines) > 0 {
				lines = append(lines, seriesLines("times", r)...)
			}
			return lines, nil
		})
	})
}

// randomWorld is some traces, and all who answer queries about them.
type randomWorld struct {
	gen   gen
	spans []span.Span
	who   []answerer
	// answers counts the answers that say something.
	answers int
}

// eachRandom runs a check on many queries about many traces.
func eachRandom(t *testing.T, query func(gen) string, check func(*randomWorld, *Query) error) {
	base := testkit.Seed(t)
	for round := range testkit.Rounds(t, 12) {
		seed := base + round
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			w := newRandomWorld(t, seed)
			refused := 0
			for range randomQueries {
				text := query(w.gen)
				q, err := Parse(text)
				if err != nil {
					refused++ // division by a constant zero, or types that never fit
					continue
				}
				if err := check(w, q); err != nil {
					t.Fatalf("repeat with %s=%d %s=1\n%s\n%v\nload\n%s", testkit.SeedVar, seed, testkit.RoundsVar, text, err, spansText(w.spans))
				}
			}
			if refused > randomQueries/2 || w.answers < randomQueries/20 {
				t.Errorf("seed %d: of %d queries %d were refused and %d found something", seed, randomQueries, refused, w.answers)
			}
		})
	}
}

const randomQueries = 150

func newRandomWorld(t *testing.T, seed uint64) *randomWorld {
	g := newGen(seed)
	if g.about = g.spans(); seed%4 == 3 {
		g.about = g.oddSpans()
	}
	w := &randomWorld{gen: g, spans: g.about}
	w.who = answerers(t, w.spans, rand.New(rand.NewPCG(seed, 1)))
	lax := modelWith(t, w.spans)
	lax.Lax = true
	w.who = append(w.who, engineAnswerer(t.Context(), "model that leaves nothing out", lax))
	return w
}

func (w *randomWorld) searchRange() store.TimeRange {
	if !w.gen.chance(3) {
		return store.TimeRange{}
	}
	from := w.gen.middle() - 10e9 + uint64(w.gen.IntN(20e9))
	return store.TimeRange{Start: from, End: from + uint64(w.gen.IntN(20e9)) + 1}
}

// agree reports where the answers differ. The first one is right.
func (w *randomWorld) agree(answer func(answerer) ([]string, error)) error {
	var want []string
	for i, a := range w.who {
		got, err := answer(a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if i == 0 {
			if want = got; len(want) > 0 {
				w.answers++
			}
			continue
		}
		if err := expect(a.name, want, got); err != nil {
			return err
		}
	}
	return nil
}

// spansText writes spans as scripts load them.
func spansText(spans []span.Span) string {
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b span.Span) int {
		return cmp.Or(strings.Compare(a.TraceID.String(), b.TraceID.String()), cmp.Compare(a.Start, b.Start))
	})
	var b strings.Builder
	for i, s := range sorted {
		if i == 0 || s.TraceID != sorted[i-1].TraceID {
			fmt.Fprintf(&b, "  trace %s\n", shortID(s.TraceID.String()))
		}
		b.WriteString("    " + spanText(&s) + "\n")
		for _, e := range s.Events {
			fmt.Fprintf(&b, "      event %s %s%s\n", timeText(e.Time-s.Start+scriptBase), quoted(e.Name), attrsText("", e.Attrs))
		}
		for _, l := range s.Links {
			fmt.Fprintf(&b, "      link %s/%s%s\n", shortID(l.TraceID.String()), shortID(l.SpanID.String()), attrsText("", l.Attrs))
		}
	}
	return b.String()
}

func spanText(s *span.Span) string {
	var b strings.Builder
	b.WriteString(shortID(s.SpanID.String()))
	if !s.Parent.IsZero() {
		b.WriteString("<" + shortID(s.Parent.String()))
	}
	resource, service := s.Resource.Attrs, "-"
	for i, kv := range resource {
		if kv.Key == "service.name" && kv.Value.Type == span.String {
			resource, service = slices.Delete(slices.Clone(resource), i, i+1), quoted(kv.Value.Str)
			break
		}
	}
	length := timeText(s.End - s.Start + scriptBase)
	if !strings.HasPrefix(length, "-") {
		length = "+" + length
	}
	fmt.Fprintf(&b, " %s %s %s%s", service, quoted(s.Name), timeText(s.Start), length)
	b.WriteString(" " + wordOf(kindWords, KindStatic(int(s.Kind))) + " " + wordOf(statusWords, StatusStatic(int(s.Status))))
	for _, text := range []struct{ key, value string }{
		{"@message", s.Message}, {"@state", s.TraceState}, {"@scope", s.Scope.Name}, {"@version", s.Scope.Version},
	} {
		if text.value != "" {
			b.WriteString(" " + text.key + "=" + quoted(text.value))
		}
	}
	return b.String() + attrsText("", s.Attrs) + attrsText("resource.", resource) + attrsText("instrumentation.", s.Scope.Attrs)
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func attrsText(scope string, attrs []span.KeyValue) string {
	var b strings.Builder
	for _, kv := range attrs {
		text := staticText(StaticOf(kv.Value))
		if kv.Value.Type == span.Empty {
			text = "empty"
		}
		b.WriteString(" " + scope + quoted(kv.Key) + "=" + strings.ReplaceAll(text, "nil", "empty"))
	}
	return b.String()
}
