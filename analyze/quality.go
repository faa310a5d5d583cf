package analyze

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Doctor is the service under which Clew's doctor sends its own spans. It is only told of if asked for.
const Doctor = "clew-doctor"

// QualityOptions says what is assessed.
type QualityOptions struct {
	Within  store.TimeRange // with an end
	Service string          // the one to tell of; "" means all
	Now     uint64          // unix nanoseconds
	// AtOnce judges calls between services without waiting until their traces have arrived whole: somebody has just tried
	// something and wants to know. Parents are waited for all the same, as they mostly come after their children.
	AtOnce bool
	// SampleRows is about how many spans are looked at if there are more, and as many again of those that are in no
	// chunk with the service; 0 means 1 << 20.
	SampleRows uint64
}

// Quality is how well services are instrumented, by what they sent.
type Quality struct {
	// Score is the mean of the services' scores; Category says what it means, "" if there are no services.
	Score    float64
	Category string
	Services []ServiceQuality // lowest score first, then by name
	// Looked is how many of about Spans were looked at: some by chance, if there are very many.
	Looked, Spans uint64
	// Gaps is as in store.ScanResult: if there are any, something may have been overlooked.
	Gaps  []string
	Stats store.ScanStats
}

// ServiceQuality is what was found of a service.
type ServiceQuality struct {
	Name     string
	Language string // telemetry.sdk.language of most of its spans
	// Score is from 0 to 100, by the rules of the Instrumentation Score that are judged.
	Score    float64
	Category string
	Seen     uint64           // spans that were looked at
	Count    float64          // what they stand for
	Names    int              // different names of its spans
	Findings []QualityFinding // of most impact first
}

// QualityFinding is a rule that a service breaks. Numbers are of what was looked at.
type QualityFinding struct {
	Rule *QualityRule
	Seen uint64
	// Count is what Seen stands for, as spans may be sampled, and Of that of all that the rule is about, in the rule's unit.
	Count, Of float64
	Fix       string
	Cases     []QualityCase // most first
	MoreCases int           // that are not told
}

// QualityCase is one way in which a service breaks a rule.
type QualityCase struct {
	What                     string // "" if there is nothing more to say
	Caller, Callee, Protocol string // of CLEW-001
	Seen                     uint64
	Count                    float64
	Examples                 []QualityExample // newest first, each of another trace
}

// QualityExample is a span that shows what is meant. It has no name, as that may have a secret in it.
type QualityExample struct {
	TraceID span.TraceID
	SpanID  span.SpanID
	Start   uint64
}

const (
	maxQualityExamples = 5
	maxQualityCases    = 20
	// maxCases is how many cases a worker tells apart.
	maxCases = 50_000
	// settlesAfter is how long after its last span a trace is taken to have arrived whole.
	settlesAfter = 30_000_000_000
)

// Dates that nobody means: before 2000, and later than this from now.
const (
	longAgo   = 946_684_800_000_000_000
	tooFuture = 300_000_000_000
)

// AssessQuality holds the spans of a range against QualityRules.
func AssessQuality(ctx context.Context, r store.Reader, tenant string, opts QualityOptions) (*Quality, error) {
	if opts.SampleRows == 0 {
		opts.SampleRows = defaultSampleRows
	}
	a := &assessing{QualityOptions: opts, q: &Quality{}, workers: make([]*qualityCounter, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))}
	query := &store.Query{Range: opts.Within}
	if opts.Service != "" {
		query.Where = []store.Predicate{store.Compare{Field: serviceField, Value: span.StringValue(opts.Service)}}
	}
	rows := make([][2]uint64, len(a.workers))
	if err := a.look(ctx, r, tenant, query, func(worker int, c store.Chunk) error {
		rows[worker][a.class(c)] += uint64(c.Len())
		return nil
	}); err != nil {
		return nil, err
	}
	for _, n := range rows {
		a.rows[0], a.rows[1] = a.rows[0]+n[0], a.rows[1]+n[1]
	}
	query.Columns = qualityFields
	if err := a.look(ctx, r, tenant, query, func(worker int, c store.Chunk) error {
		return a.worker(worker).observe(c)
	}); err != nil {
		return nil, err
	}
	for _, odd := range []store.TimeRange{{End: longAgo}, {Start: opts.Now + tooFuture}} {
		if err := a.look(ctx, r, tenant, &store.Query{Range: odd, Columns: qualityFields}, func(worker int, c store.Chunk) error {
			return a.worker(worker).observeDates(c, odd)
		}); err != nil {
			return nil, err
		}
	}
	return a.report(), nil
}

// assessing is one call of AssessQuality.
type assessing struct {
	QualityOptions
	q       *Quality
	rows    [2]uint64 // of chunks by class
	workers []*qualityCounter
}

func (a *assessing) worker(i int) *qualityCounter {
	if a.workers[i] == nil {
		a.workers[i] = newQualityCounter(a)
	}
	return a.workers[i]
}

func (a *assessing) look(ctx context.Context, r store.Reader, tenant string, q *store.Query, do func(int, store.Chunk) error) error {
	result, err := r.Scan(ctx, tenant, q, do)
	if err != nil {
		return err
	}
	a.q.Gaps = addGaps(a.q.Gaps, result.Gaps)
	a.q.Stats = addStats(a.q.Stats, result.Stats)
	return nil
}

// class tells chunks with spans of the service from others, 1: what calls it, and how, is seen there too.
func (a *assessing) class(c store.Chunk) int {
	if a.Service != "" && !c.Where(0).Any() {
		return 1
	}
	return 0
}

// report makes the answer of what the workers found.
func (a *assessing) report() *Quality {
	sum := newQualitySum(a)
	around := uint64(0)
	for _, w := range a.workers {
		if w != nil {
			sum.add(w)
			a.q.Looked += w.looked
			around += w.around
		}
	}
	a.q.Spans = a.q.Looked
	if all := a.rows[0] + a.rows[1]; around > 0 && around < all {
		a.q.Spans = uint64(float64(a.q.Looked) * float64(all) / float64(around))
	}
	sum.joinCalls()
	for _, name := range slices.Sorted(maps.Keys(sum.services)) {
		s := sum.services[name]
		if (a.Service == "" && name != Doctor || a.Service == name) && s.isSeen() {
			s.callers = sum.usualCallers(name)
			a.q.Services = append(a.q.Services, s.quality(name))
			a.q.Score += a.q.Services[len(a.q.Services)-1].Score
		}
	}
	slices.SortFunc(a.q.Services, func(a, b ServiceQuality) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Name, b.Name))
	})
	if n := len(a.q.Services); n > 0 {
		a.q.Score /= float64(n)
		a.q.Category = ScoreCategory(a.q.Score)
	}
	if sum.overflow {
		a.q.Gaps = append(a.q.Gaps, "there are too many attributes, calls or cases to tell all of them apart: some are left out or counted together")
	}
	return a.q
}

// qualityTally counts what is alike.
type qualityTally struct {
	seen     uint64
	weight   float64
	examples []QualityExample // newest first, each of another trace
	largest  int64            // of skews, nanoseconds
	sum      float64
}

func (t *qualityTally) merge(other *qualityTally) {
	t.seen += other.seen
	t.weight += other.weight
	t.sum += other.sum
	if magnitude(other.largest) > magnitude(t.largest) {
		t.largest = other.largest
	}
	for _, e := range other.examples {
		t.examples = addExample(t.examples, e)
	}
}

func magnitude(n int64) int64 { return max(n, -n) }

// wants reports whether an example with a start may be one of the newest.
func (t *qualityTally) wants(start uint64) bool {
	return len(t.examples) < maxQualityExamples || start >= t.examples[len(t.examples)-1].Start
}

func compareExamples(a, b QualityExample) int {
	return cmp.Or(cmp.Compare(b.Start, a.Start), bytes.Compare(a.TraceID[:], b.TraceID[:]), bytes.Compare(a.SpanID[:], b.SpanID[:]))
}

// addExample adds an example to the newest ones, of each trace the first in their order.
func addExample(list []QualityExample, e QualityExample) []QualityExample {
	if i := slices.IndexFunc(list, func(o QualityExample) bool { return o.TraceID == e.TraceID }); i >= 0 {
		if compareExamples(list[i], e) <= 0 {
			return list
		}
		list = slices.Delete(list, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(list, e, compareExamples)
	list = slices.Insert(list, i, e)
	return list[:min(len(list), maxQualityExamples)]
}
