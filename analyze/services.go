package analyze

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// ServiceOptions says what is asked of services.
type ServiceOptions struct {
	Within store.TimeRange // with an end
	// Before is the range to compare with; one without an end: none.
	Before store.TimeRange
	// Service is the one to tell of; "" means all.
	Service    string
	Operations bool // tells of their operations too
	Points     int  // intervals of Requests.Points; 0: none
	Waits      bool // tells what traces waited for
}

// ServiceList is how services did.
type ServiceList struct {
	Step     uint64         // nanoseconds of a point; the last one may be shorter
	Services []ServiceStats // sorted by name
	// Gaps is as in store.ScanResult: if there are any, numbers may be too low.
	Gaps  []string
	Stats store.ScanStats
}

// ServiceStats is how one service did.
type ServiceStats struct {
	Name  string
	Spans uint64 // that it sent in the range, of all kinds
	Waits Waits
	Requests
	Operations []OperationStats // most requests first, then by name
}

// Waits is how long the traces that start in the range waited for a service, in nanoseconds. A sampled
// trace counts as what its first span stands for.
type Waits struct {
	Own float64 // of their critical paths, what lies in its spans
	All float64 // the critical paths of those traces that it has spans in
}

// OperationStats is how the requests with one span name did.
type OperationStats struct {
	Name string
	Requests
}

// Requests are the spans with which a service took a request or a message, or began
// something by itself: those of kind server or consumer, those without a parent,
// and those whose parent is of another service.
type Requests struct {
	Now, Before Traffic
	Points      []Point
	// Slowest are the longest ones, Failing the newest ones that failed.
	Slowest, Failing []SpanExample
}

// Traffic is what is counted of requests. All but Seen counts sampled spans by what they stand for.
type Traffic struct {
	Count, Errors float64
	Seen          uint64 // spans that were counted
	Took          Latency
}

// Point is what is counted of the requests of a short time. P95 is less than 6.3 % off.
type Point struct {
	Count, Errors float64
	P95           uint64 // 0 if there are no requests
}

// SpanExample is a span that stands for others.
type SpanExample struct {
	TraceID  span.TraceID
	SpanID   span.SpanID
	Name     string
	Start    uint64
	Duration int64
	Failed   bool
}

const (
	// maxOperations is the most operations that are told of, and the most that a worker tells apart.
	maxOperations = 10_000
	// maxExamples is how many there are of each sort.
	maxExamples = 3
	// maxServiceBytes bounds the memory of what is counted.
	maxServiceBytes = 256 << 20
)

var (
	errTooManyServices = fmt.Errorf("%w: more than %d services; narrow the time range", store.ErrTooLarge, maxNames)
	errTooManyRequests = fmt.Errorf("%w: the requests of all operations take more than %d MiB; ask for one service, or for fewer points", store.ErrTooLarge, maxServiceBytes>>20)
)

// Services counts the requests of services and how long they took.
func Services(ctx context.Context, r store.Reader, tenant string, opts ServiceOptions) (*ServiceList, error) {
	t := serviceTable{services: map[string]*serviceTally{}, waits: map[string]Waits{}}
	list := &ServiceList{}
	if opts.Points > 0 {
		length := opts.Within.End - opts.Within.Start
		list.Step = (length + uint64(opts.Points) - 1) / uint64(opts.Points)
	}
	now := &counting{ServiceOptions: opts, step: list.Step, examples: true}
	if err := now.look(ctx, r, tenant, &t, list); err != nil {
		return nil, err
	}
	if opts.Before.End != 0 {
		opts.Within = opts.Before
		opts.Waits = false
		before := &counting{ServiceOptions: opts, before: true}
		if err := before.look(ctx, r, tenant, &t, list); err != nil {
			return nil, err
		}
	}
	list.Services = t.list(&opts)
	if t.overflow {
		list.Gaps = append(list.Gaps, fmt.Sprintf(
			"there are more than %d operations: some are left out or counted in part; their services are counted in full", maxOperations))
	}
	return list, nil
}

// counting is one look through the store.
type counting struct {
	ServiceOptions
	step     uint64 // of points; 0: none
	examples bool
	before   bool
	memory   atomic.Int64 // that is left
}

func (k *counting) look(ctx context.Context, r store.Reader, tenant string, t *serviceTable, list *ServiceList) error {
	k.memory.Store(maxServiceBytes)
	q := &store.Query{
		Range:   k.Within,
		Columns: []store.Field{nameField, kindField, statusField, durationField, serviceField, traceStateField},
	}
	if k.Service != "" {
		q.Needs = []store.Predicate{store.Compare{Field: serviceField, Value: span.StringValue(k.Service)}}
	}
	workers := make([]*requestCounter, max(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	result, err := r.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error {
		if workers[worker] == nil {
			workers[worker] = newRequestCounter(k)
		}
		return workers[worker].observe(c)
	})
	if err != nil {
		return err
	}
	list.Gaps = addGaps(list.Gaps, result.Gaps)
	list.Stats = addStats(list.Stats, result.Stats)
	for _, w := range workers {
		if w != nil {
			t.add(w)
		}
	}
	if len(t.services) > maxNames {
		return errTooManyServices
	}
	return nil
}

// serviceTable brings together what several requestCounters found.
type serviceTable struct {
	services map[string]*serviceTally
	waits    map[string]Waits // of services that may have no span in the range
	overflow bool             // some operations are not told apart
}

type serviceTally struct {
	spans      uint64
	total      bothTallies
	operations map[string]*bothTallies
}

// bothTallies are those of the range and of the one before.
type bothTallies struct{ now, before requestTally }

func (b *bothTallies) of(before bool) *requestTally {
	if before {
		return &b.before
	}
	return &b.now
}

func (t *serviceTable) service(name string) *serviceTally {
	s := t.services[name]
	if s == nil {
		s = &serviceTally{operations: map[string]*bothTallies{}}
		t.services[name] = s
	}
	return s
}

func (t *serviceTable) add(w *requestCounter) {
	for number, spans := range w.spans {
		if spans == 0 {
			continue
		}
		if s := t.service(w.services.list[number]); !w.before {
			s.spans += spans
		}
	}
	for number, c := range w.waits {
		if c.All > 0 {
			name := w.services.list[number]
			sum := t.waits[name]
			t.waits[name] = Waits{sum.Own + c.Own, sum.All + c.All}
		}
	}
	for key, tally := range w.groups {
		s := t.service(w.services.list[key.service])
		s.total.of(w.before).merge(tally)
		switch {
		case !w.Operations:
		case key.name == unnamed:
			t.overflow = true
		default:
			name := w.names.list[key.name]
			if s.operations[name] == nil {
				s.operations[name] = &bothTallies{}
			}
			s.operations[name].of(w.before).merge(tally)
		}
	}
}

func (t *serviceTable) list(opts *ServiceOptions) []ServiceStats {
	t.dropRare()
	services := make([]ServiceStats, 0, len(t.services))
	for _, name := range slices.Sorted(maps.Keys(t.services)) {
		if opts.Service != "" && name != opts.Service {
			continue
		}
		s := t.services[name]
		stats := ServiceStats{Name: name, Spans: s.spans, Waits: t.waits[name], Requests: s.total.requests(opts.Points)}
		for name, o := range s.operations {
			stats.Operations = append(stats.Operations, OperationStats{name, o.requests(opts.Points)})
		}
		slices.SortFunc(stats.Operations, func(a, b OperationStats) int {
			return cmp.Or(cmp.Compare(b.Now.Count, a.Now.Count), cmp.Compare(a.Name, b.Name))
		})
		services = append(services, stats)
	}
	return services
}

// dropRare leaves the maxOperations operations with most requests.
func (t *serviceTable) dropRare() {
	type operation struct {
		service *serviceTally
		name    string
		count   float64
	}
	var all []operation
	for _, s := range t.services {
		for name, o := range s.operations {
			all = append(all, operation{s, name, o.now.took.total + o.before.took.total})
		}
	}
	if len(all) <= maxOperations {
		return
	}
	t.overflow = true
	slices.SortFunc(all, func(a, b operation) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	for _, o := range all[maxOperations:] {
		delete(o.service.operations, o.name)
	}
}

func (b *bothTallies) requests(points int) Requests {
	r := Requests{
		Now: b.now.traffic(), Before: b.before.traffic(), Points: make([]Point, points),
		Slowest: b.now.slowest, Failing: b.now.failing,
	}
	for i, p := range b.now.points {
		if p != nil {
			r.Points[i] = Point{Count: p.took.total, Errors: p.errors, P95: p.took.quantile(95)}
		}
	}
	return r
}
