package analyze

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// naiveRequests returns the requests of services as the documentation tells of them.
func naiveRequests(spans []span.Span) (requests []span.Span) {
	type place struct {
		trace span.TraceID
		id    span.SpanID
	}
	with := map[place][]span.Span{}
	for _, s := range spans {
		at := place{s.TraceID, s.SpanID}
		with[at] = append(with[at], s)
	}
	service := func(s span.Span) string { return text(s.Resource.Attrs, "service.name") }
	for _, s := range spans {
		parents := with[place{s.TraceID, s.Parent}]
		isOwn := func(p span.Span) bool { return service(p) == service(s) }
		if s.Kind == server || s.Kind == consumer || s.Parent.IsZero() || len(parents) > 0 && !slices.ContainsFunc(parents, isOwn) {
			requests = append(requests, s)
		}
	}
	return requests
}

// naiveTraffic counts requests; total is their durations, as often as they count.
func naiveTraffic(requests []span.Span, within store.TimeRange) (t Traffic, total []uint64) {
	for _, s := range requests {
		if !within.Contains(s.Start) {
			continue
		}
		weight := span.AdjustedCount(s.TraceState)
		t.Seen++
		t.Count += weight
		if s.Status == statusError {
			t.Errors += weight
		}
		for range int(weight) {
			total = append(total, s.End-s.Start)
		}
	}
	return t, total
}

func sameTraffic(got, want Traffic, took []uint64) error {
	if !got.Took.near(took) {
		return fmt.Errorf("took %+v, not of %v", got.Took, took)
	}
	if got.Took = want.Took; got != want {
		return fmt.Errorf("counted %+v, want %+v", got, want)
	}
	return nil
}

func naiveExamples(requests []span.Span, order func(a, b *SpanExample) int, keep func(span.Span) bool) []SpanExample {
	var list []SpanExample
	for _, s := range requests {
		if keep(s) {
			list = append(list, SpanExample{s.TraceID, s.SpanID, s.Name, s.Start, int64(s.End - s.Start), s.Status == statusError})
		}
	}
	slices.SortFunc(list, func(a, b SpanExample) int { return order(&a, &b) })
	return list[:min(len(list), maxExamples)]
}

func checkRequests(got *Requests, requests []span.Span, opts *ServiceOptions, step uint64) error {
	for _, half := range []struct {
		got    Traffic
		within store.TimeRange
	}{{got.Now, opts.Within}, {got.Before, opts.Before}} {
		if half.within.End == 0 {
			continue
		}
		want, took := naiveTraffic(requests, half.within)
		if err := sameTraffic(half.got, want, took); err != nil {
			return fmt.Errorf("in %v: %w", half.within, err)
		}
	}
	if len(got.Points) != opts.Points {
		return fmt.Errorf("%d points", len(got.Points))
	}
	for i, p := range got.Points {
		at := store.TimeRange{Start: opts.Within.Start + uint64(i)*step}
		at.End = min(at.Start+step, opts.Within.End)
		if at.Start >= at.End {
			at = store.TimeRange{Start: 1, End: 1}
		}
		want, took := naiveTraffic(requests, at)
		if p.Count != want.Count || p.Errors != want.Errors {
			return fmt.Errorf("point %d is %+v, want %+v", i, p, want)
		}
		if n := len(took); n > 0 {
			slices.Sort(took)
			if p95 := float64(took[(n*95+99)/100-1]); math.Abs(float64(p.P95)-p95) > 0.0625*p95 {
				return fmt.Errorf("point %d has the p95 %d, want %g", i, p.P95, p95)
			}
		}
	}
	inRange := func(s span.Span) bool { return opts.Within.Contains(s.Start) }
	slowest := naiveExamples(requests, slowerExample, inRange)
	failing := naiveExamples(requests, newerExample, func(s span.Span) bool { return inRange(s) && s.Status == statusError })
	if !slices.Equal(got.Slowest, slowest) || !slices.Equal(got.Failing, failing) {
		return fmt.Errorf("examples are %v and %v, want %v and %v", got.Slowest, got.Failing, slowest, failing)
	}
	return nil
}

// checkServices compares an answer with what is counted span by span.
func checkServices(got *ServiceList, spans []span.Span, opts *ServiceOptions) error {
	byService := map[string][]span.Span{}
	sent := map[string]uint64{}
	for _, s := range spans {
		if opts.Within.Contains(s.Start) {
			sent[text(s.Resource.Attrs, "service.name")]++
		}
		if opts.Within.Contains(s.Start) || opts.Before.End != 0 && opts.Before.Contains(s.Start) {
			byService[text(s.Resource.Attrs, "service.name")] = nil
		}
	}
	for _, s := range naiveRequests(spans) {
		name := text(s.Resource.Attrs, "service.name")
		if _, ok := byService[name]; ok {
			byService[name] = append(byService[name], s)
		}
	}
	want := 0
	for name := range byService {
		if opts.Service == "" || opts.Service == name {
			want++
		}
	}
	if len(got.Services) != want || !slices.IsSortedFunc(got.Services, func(a, b ServiceStats) int { return cmp.Compare(a.Name, b.Name) }) {
		return fmt.Errorf("%d services, want %d", len(got.Services), want)
	}
	waits, certain := naiveWaits(spans, opts)
	for i := range got.Services {
		s := &got.Services[i]
		if want := waits[s.Name]; certain && s.Waits != want {
			return fmt.Errorf("%s has %+v of critical paths, want %+v", s.Name, s.Waits, want)
		}
		if s.Spans != sent[s.Name] {
			return fmt.Errorf("%s has %d spans, want %d", s.Name, s.Spans, sent[s.Name])
		}
		requests := byService[s.Name]
		if err := checkRequests(&s.Requests, requests, opts, got.Step); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		byName := map[string][]span.Span{}
		for _, r := range requests {
			if opts.Within.Contains(r.Start) || opts.Before.End != 0 && opts.Before.Contains(r.Start) {
				byName[r.Name] = append(byName[r.Name], r)
			}
		}
		if opts.Operations != (len(s.Operations) > 0) && len(byName) > 0 || opts.Operations && len(s.Operations) != len(byName) {
			return fmt.Errorf("%s has %d operations, want %d", s.Name, len(s.Operations), len(byName))
		}
		for k := range s.Operations {
			o := &s.Operations[k]
			if k > 0 && s.Operations[k-1].Now.Count < o.Now.Count {
				return fmt.Errorf("%s: operation %s is not in order", s.Name, o.Name)
			}
			if err := checkRequests(&o.Requests, byName[o.Name], opts, got.Step); err != nil {
				return fmt.Errorf("%s %s: %w", s.Name, o.Name, err)
			}
		}
	}
	return nil
}

// naiveWaits asks the trees of all traces; certain is false if spans share start and id: then any may come first.
func naiveWaits(spans []span.Span, opts *ServiceOptions) (waits map[string]Waits, certain bool) {
	type place struct {
		trace span.TraceID
		id    span.SpanID
		start uint64
	}
	waits = map[string]Waits{}
	seen, traces := map[place]bool{}, map[span.TraceID][]span.Span{}
	for _, s := range spans {
		at := place{s.TraceID, s.SpanID, s.Start}
		if seen[at] {
			return nil, false
		}
		seen[at] = true
		traces[s.TraceID] = append(traces[s.TraceID], s)
	}
	for _, of := range traces {
		tr := NewTrace(batch(of...))
		if !opts.Waits || !opts.Within.Contains(tr.Start) {
			continue
		}
		own, all, weight := map[string]float64{}, 0.0, tr.Weight(tr.Row[0])
		for row, c := range tr.Critical {
			own[tr.Services[tr.Service(int32(row))]] += float64(c)
			all += float64(c)
		}
		if all == 0 {
			continue
		}
		for name, c := range own {
			sum := waits[name]
			waits[name] = Waits{sum.Own + weight*c, sum.All + weight*all}
		}
	}
	return waits, true
}

func TestServicesRandomly(t *testing.T) {
	rng := rand.New(rand.NewPCG(testkit.Seed(t), 1))
	for range 40 {
		spans := randomSpans(rng, 1+rng.IntN(200))
		for i := range spans {
			s := &spans[i]
			s.Name = pick(rng, "GET /", "POST /buy", "", "work")
			s.TraceState = pick(rng, "", "", "", "ot=th:8", "a=b,ot=rv:1;th:c", "ot=th:0")
		}
		m, e := &storetest.Model{Lax: rng.IntN(2) == 0}, newEngine(t)
		for part := range slices.Chunk(spans, 1+rng.IntN(len(spans))) {
			storetest.WriteSpans(t, m, part)
			storetest.WriteSpans(t, e, part)
			if rng.IntN(2) == 0 {
				if err := e.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		opts := ServiceOptions{
			Within:     pick(rng, store.TimeRange{Start: 1000, End: 2000}, store.TimeRange{Start: 1300, End: 1700}, store.TimeRange{Start: 1, End: 1e6}),
			Before:     pick(rng, store.TimeRange{}, store.TimeRange{Start: 1000, End: 1300}, store.TimeRange{Start: 1200, End: 1600}),
			Service:    pick(rng, "", "", "shop", "nobody"),
			Operations: rng.IntN(2) == 0,
			Waits:      rng.IntN(2) == 0,
			Points:     pick(rng, 0, 1, 7, 60),
		}
		for _, r := range []store.Reader{m, e} {
			got, err := Services(t.Context(), r, store.DefaultTenant, opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkServices(got, spans, &opts); err != nil {
				t.Fatalf("%T, %+v: %v", r, opts, err)
			}
		}
	}
}

// TestManyOperations: what is not told apart is counted in the service all the same.
func TestManyOperations(t *testing.T) {
	const operations = maxOperations + 500
	spans := make([]span.Span, operations+100)
	for i := range spans {
		spans[i] = span.Span{
			TraceID: span.TraceID{13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}, SpanID: span.SpanID{7: 1},
			Kind: server, Name: fmt.Sprint("GET /", max(i-100, 0)), Start: 1000, End: 1001,
		}
	}
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, spans)
	got, err := Services(t.Context(), m, store.DefaultTenant, ServiceOptions{Within: store.TimeRange{End: 2000}, Operations: true, Points: 2})
	if err != nil {
		t.Fatal(err)
	}
	s := got.Services[0]
	if s.Now.Count != float64(len(spans)) || len(s.Operations) != maxOperations || s.Operations[0].Now.Count != 101 || len(got.Gaps) != 1 {
		t.Errorf("%v requests, %d operations, first %+v; gaps %q", s.Now.Count, len(s.Operations), s.Operations[0].Now, got.Gaps)
	}
}

func TestServicesOfNothing(t *testing.T) {
	got, err := Services(t.Context(), &storetest.Model{}, store.DefaultTenant, ServiceOptions{Within: store.TimeRange{End: 2000}, Points: 7})
	if want := (&ServiceList{Step: 286, Services: []ServiceStats{}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}
