package sample

import (
	"cmp"
	"slices"
	"sync"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

var (
	fieldService = store.Attr(store.ResourceScope, "service.name")
	fieldStatus  = store.Of(store.Status)
	fieldKind    = store.Of(store.Kind)
)

// What a simulation tells apart of services, and of operations; what comes on top is one.
const (
	maxCensusServices   = 1000
	maxCensusOperations = 10_000
)

// beyond is the number of all services or operations that are not told apart.
const beyond = 0

// catalog numbers services and operations. Workers share it.
type catalog struct {
	mu         sync.Mutex
	numbers    map[string]uint32 // of services, by name
	services   []string
	operations []operationName
	places     map[operationName]uint32
}

type operationName struct {
	service uint32
	name    string
}

func newCatalog() *catalog {
	return &catalog{numbers: map[string]uint32{}, services: []string{""}, operations: []operationName{{}}, places: map[operationName]uint32{}}
}

func (c *catalog) number(service, name string) (placed censusPlace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.numbers[service]
	if !ok && len(c.services) <= maxCensusServices {
		n = uint32(len(c.services))
		c.numbers[service], c.services = n, append(c.services, service)
	}
	if n == beyond {
		return placed
	}
	o := operationName{n, name}
	at, ok := c.places[o]
	if !ok && len(c.operations) <= maxCensusOperations {
		at = uint32(len(c.operations))
		c.places[o], c.operations = at, append(c.operations, o)
	}
	return censusPlace{n, at}
}

// censusPlace is the service and the operation of a span, by number.
type censusPlace struct{ service, operation uint32 }

// censusPart is the spans of a trace that are alike.
type censusPart struct {
	censusPlace
	spans  uint32
	before span.Threshold // with which they were sampled
	bytes  uint64
}

// censusRequest is a span with which a service took a request or a message, or began something by itself.
type censusRequest struct {
	service uint32
	before  span.Threshold // with which it was sampled
	took    int64          // nanoseconds
}

// censusTrace is what a simulation has to know of a trace besides what policies ask.
type censusTrace struct {
	lo, hi   int    // its parts, sorted by service and operation
	asked    [2]int // its requests, from and to
	duration uint64 // nanoseconds
	status   int    // of OTLP: error if a span failed, else ok if one says so
}

// census is what a worker has seen of traces. Each worker has its own.
type census struct {
	catalog  *catalog
	traces   []censusTrace
	parts    []censusPart
	requests []censusRequest
	placed   map[[2]uint64]censusPlace // by the hashes of service and name
}

// censusMark is how much a census has.
type censusMark struct{ traces, parts, requests int }

func (s *census) mark() censusMark {
	if s == nil {
		return censusMark{}
	}
	return censusMark{len(s.traces), len(s.parts), len(s.requests)}
}

// cut drops what came after a mark.
func (s *census) cut(m censusMark) {
	if s != nil {
		s.traces, s.parts, s.requests = s.traces[:m.traces], s.parts[:m.parts], s.requests[:m.requests]
	}
}

// columns returns the fields that the census asks for of every chunk.
func (s *census) columns() []store.Field {
	return []store.Field{fieldService, fieldName, fieldStatus, fieldKind}
}

// add looks at a trace of the viewer's chunk. state is the column of trace states, all of which states knows.
func (s *census) add(v *viewer, run store.TraceRun, state *store.Column, states *stateCache, sizes []uint64) {
	services, names, statuses, kinds := v.hashes(fieldService), v.hashes(fieldName), v.chunk.Column(fieldStatus), v.chunk.Column(fieldKind)
	starts, ends, parents := v.chunk.Starts(), v.chunk.Ends(), v.parentsOf()
	seen := censusTrace{lo: len(s.parts), asked: [2]int{0: len(s.requests)}}
	end := run.Start
	for row := run.Lo; row < run.Hi; row++ {
		end = max(end, ends[row])
		switch status, _ := statuses.Value(row); status.Int() {
		case statusError:
			seen.status = statusError
		case statusOK:
			seen.status = max(seen.status, statusOK)
		}
		part := censusPart{censusPlace: s.place(services, names, row), spans: 1, bytes: sizes[row]}
		if state.Codes != nil && state.Codes[row] != store.NoCode {
			part.before = states.list[state.Codes[row]].threshold
		}
		s.parts = append(s.parts, part)
		kind, _ := kinds.Value(row)
		parent := parents[row]
		if kind.Int() == kindServer || kind.Int() == kindConsumer || parent == store.NoParent || parent >= 0 && services.at(int(parent)) != services.at(row) {
			s.requests = append(s.requests, censusRequest{part.service, part.before, int64(ends[row] - starts[row])})
		}
	}
	seen.asked[1] = len(s.requests)
	seen.duration = end - run.Start
	s.merge(seen.lo)
	seen.hi = len(s.parts)
	s.traces = append(s.traces, seen)
}

// Statuses and kinds have OTLP's numbers.
const (
	statusOK     = 1
	statusError  = 2
	kindServer   = 2
	kindConsumer = 5
)

func (s *census) place(services, names *hashedColumn, row int) censusPlace {
	key := [2]uint64{services.at(row), names.at(row)}
	placed, ok := s.placed[key]
	if !ok {
		placed = s.catalog.number(textAt(services, row), textAt(names, row))
		if len(s.placed) < maxCensusOperations {
			s.placed[key] = placed
		}
	}
	return placed
}

func textAt(h *hashedColumn, row int) string {
	if v, ok := h.column.Value(row); ok && v.Type == span.String {
		return v.Str
	}
	return ""
}

// merge sorts the parts of the last trace, which begin at lo, and makes one of those that are alike.
func (s *census) merge(lo int) {
	parts := s.parts[lo:]
	slices.SortFunc(parts, func(a, b censusPart) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.operation, b.operation), cmp.Compare(a.before, b.before))
	})
	n := 0
	for _, p := range parts {
		if n > 0 && parts[n-1].censusPlace == p.censusPlace && parts[n-1].before == p.before {
			parts[n-1].spans += p.spans
			parts[n-1].bytes += p.bytes
			continue
		}
		parts[n] = p
		n++
	}
	s.parts = s.parts[:lo+n]
}

// join adds what another worker has seen, and returns what its places grow by.
func (s *census) join(o *census) (base int32) {
	base, parts, requests := int32(len(s.traces)), len(s.parts), len(s.requests)
	for _, t := range o.traces {
		t.lo, t.hi = t.lo+parts, t.hi+parts
		t.asked[0], t.asked[1] = t.asked[0]+requests, t.asked[1]+requests
		s.traces = append(s.traces, t)
	}
	s.parts = append(s.parts, o.parts...)
	s.requests = append(s.requests, o.requests...)
	return base
}
