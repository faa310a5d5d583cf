package analyze

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// naiveSurvey counts spans of each service as the documentation tells of them.
func naiveSurvey(spans []*span.Span, within store.TimeRange) map[string]*SurveyedService {
	services := map[string]*SurveyedService{}
	for _, s := range spans {
		name := text(s.Resource.Attrs, "service.name")
		if !within.Contains(s.Start) {
			continue
		}
		if services[name] == nil {
			services[name] = &SurveyedService{Name: name, First: s.Start}
		}
		one := services[name]
		one.Spans++
		one.Stands += span.AdjustedCount(s.TraceState)
		one.First, one.Last = min(one.First, s.Start), max(one.Last, s.Start)
		if s.Parent.IsZero() {
			one.Roots++
		}
	}
	return services
}

func TestSurveyRandomly(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		spans := randomSpans(rng, 1+rng.IntN(40))
		model, engine := &storetest.Model{}, newEngine(t)
		storetest.WriteSpans(t, model, spans)
		storetest.WriteSpans(t, engine, spans)
		within := store.TimeRange{Start: rng.Uint64N(1500), End: 1500 + rng.Uint64N(1500)}
		want := naiveSurvey(model.Spans(store.DefaultTenant), within)
		for _, r := range []store.Reader{model, engine} {
			got, err := NewSurvey(t.Context(), r, store.DefaultTenant, within)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Services) != len(want) {
				t.Fatalf("seed %d, %T: %d services, want %d", seed, r, len(got.Services), len(want))
			}
			for _, one := range got.Services {
				w := want[one.Name]
				if w == nil || fmt.Sprint(one.Spans, one.Stands, one.First, one.Last, one.Roots) != fmt.Sprint(w.Spans, w.Stands, w.First, w.Last, w.Roots) {
					t.Fatalf("seed %d, %T: got %+v, want %+v", seed, r, one, w)
				}
			}
		}
	}
}
