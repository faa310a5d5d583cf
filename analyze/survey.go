package analyze

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Survey is what stored spans tell of how they came to be: who sends them, who calls whom in one trace,
// whose clock is off.
type Survey struct {
	Services []SurveyedService // sorted by name
	Calls    []SurveyedCalls   // sorted by caller, callee, protocol
	// Gaps is as in store.ScanResult: if there are any, counts may be too low.
	Gaps []string
}

// SurveyedService is one sender of spans.
type SurveyedService struct {
	Name        string // "" for spans without one
	Spans       uint64
	Stands      float64 // for how many spans they stand, by their sampling thresholds
	First, Last uint64  // start of the earliest and of the latest span
	// Pause is the longest time between two of its spans, as coarse as a 1440th of the range.
	Pause time.Duration
	// Roots are its spans without a parent, Orphans those whose parent has not come for a while.
	Roots, Orphans uint64
	Example        span.TraceID // of its latest span
}

// How a service calls another one, as SurveyedCalls and QualityCase have it.
const (
	HTTP = "HTTP"
	RPC  = "gRPC or RPC"
)

// SurveyedCalls are the calls of a service by another one that have both sides in one trace, the callee's span below
// the caller's. Where both share an id, as Zipkin's do, the call is not counted.
type SurveyedCalls struct {
	Caller, Callee, Protocol string
	Calls                    uint64
	Example                  span.TraceID
	// Offset is what would have to be added to the callee's times so that they fit the caller's, in nanoseconds: the
	// median of some calls. Skewed of all do not fit as they are.
	Offset     int64
	Skewed     uint64
	SkewTrace  span.TraceID
	CalleeHost string // host.name of a skewed call's callee, if it is known
}

const (
	surveySlots = 1440
	// surveyOffsets bounds the offsets that are kept of one pair of services.
	surveyOffsets = 1_000
)

var hostField = store.Attr(store.ResourceScope, "host.name")

// NewSurvey looks at all spans that start within a range, which has an end.
func NewSurvey(ctx context.Context, r store.Reader, tenant string, within store.TimeRange) (*Survey, error) {
	return survey(ctx, r, tenant, within, nil)
}

// SurveyOf is NewSurvey for the spans of one service; it tells nothing of calls.
func SurveyOf(ctx context.Context, r store.Reader, tenant, service string, within store.TimeRange) (*SurveyedService, error) {
	s, err := survey(ctx, r, tenant, within, []store.Predicate{store.Compare{Field: serviceField, Value: span.StringValue(service)}})
	if err != nil {
		return nil, err
	}
	for i := range s.Services {
		if s.Services[i].Name == service {
			return &s.Services[i], nil
		}
	}
	return &SurveyedService{Name: service}, nil
}

func survey(ctx context.Context, r store.Reader, tenant string, within store.TimeRange, needs []store.Predicate) (*Survey, error) {
	q := &store.Query{
		Range: within, Needs: needs,
		Columns: append(slices.Concat(methodFields, systemFields), kindField, durationField, serviceField, traceStateField, hostField),
	}
	workers := make([]*surveyor, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	result, err := r.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error {
		if workers[worker] == nil {
			workers[worker] = newSurveyor(within)
		}
		return workers[worker].observe(c)
	})
	if err != nil {
		return nil, err
	}
	total := newSurveyor(within)
	for _, w := range workers {
		if w != nil {
			total.add(w)
		}
	}
	s := total.survey()
	s.Gaps = result.Gaps
	return s, nil
}

// LastSpan returns when the latest span of a service, or of any for "", before a time began; ok is false if there is none.
func LastSpan(ctx context.Context, r store.Reader, tenant, service string, before uint64) (last uint64, ok bool, err error) {
	found := new(latest)
	q := &store.Query{Range: store.TimeRange{End: before}, Columns: []store.Field{serviceField}, EnoughSpans: found.get}
	if service != "" {
		q.Needs = []store.Predicate{store.Compare{Field: serviceField, Value: span.StringValue(service)}}
	}
	_, err = r.Scan(ctx, tenant, q, func(_ int, c store.Chunk) error {
		starts, column := c.Starts(), c.Column(serviceField)
		for _, run := range c.Traces() {
			for row := run.Lo; row < run.Hi; row++ {
				v, _ := column.Value(row)
				if starts[row] < before && (service == "" || v.Type == span.String && v.Str == service) {
					found.raise(starts[row])
				}
			}
		}
		return nil
	})
	return found.get(), found.get() > 0, err
}

// survey returns what was counted, in order.
func (s *surveyor) survey() *Survey {
	out := &Survey{}
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		t := s.services[name]
		one := t.SurveyedService
		one.Name, one.Pause = name, t.pause(s.slot)
		out.Services = append(out.Services, one)
	}
	for key, c := range s.calls {
		one := c.SurveyedCalls
		one.Caller, one.Callee, one.Protocol = key.caller, key.callee, protocolNames[key.protocol]
		if len(c.offsets) > 0 {
			slices.Sort(c.offsets)
			one.Offset = c.offsets[len(c.offsets)/2]
		}
		out.Calls = append(out.Calls, one)
	}
	slices.SortFunc(out.Calls, func(a, b SurveyedCalls) int {
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Protocol, b.Protocol))
	})
	return out
}
