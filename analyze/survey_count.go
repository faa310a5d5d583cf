package analyze

import (
	"cmp"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// surveyor counts what a Survey tells. It belongs to one goroutine.
type surveyor struct {
	within   store.TimeRange
	slot     uint64 // nanoseconds
	services map[string]*surveyedService
	calls    map[callsKey]*surveyedCalls

	names   labels
	own     []uint32
	tallies []*surveyedService // by number of the service
	weights weigher
	memory  [2][]uint64
}

type callsKey struct {
	caller, callee string
	protocol       protocol
}

type surveyedService struct {
	SurveyedService
	slots [surveySlots/64 + 1]uint64
}

type surveyedCalls struct {
	SurveyedCalls
	offsets []int64
}

func newSurveyor(within store.TimeRange) *surveyor {
	return &surveyor{
		within: within, slot: max((within.End-within.Start+surveySlots-1)/surveySlots, 1), names: newLabels(serviceField),
		services: map[string]*surveyedService{}, calls: map[callsKey]*surveyedCalls{},
	}
}

func (s *surveyor) observe(c store.Chunk) error {
	s.own = s.names.read(c, s.own)
	if s.names.full {
		return errTooManyServices
	}
	kinds, durations := numbersOf(c, kindField, &s.memory[0]), numbersOf(c, durationField, &s.memory[1])
	s.weights.begin(c)
	rows := surveyRows{c.Starts(), durations, kinds, c.Parents(), protocolsOf(c), c.Column(hostField)}
	runs := c.Traces()
	if c.Err() != nil {
		return nil // it is told as a gap
	}
	for len(s.tallies) < len(s.names.list) {
		s.tallies = append(s.tallies, s.service(s.names.list[len(s.tallies)]))
	}
	for _, run := range runs {
		for row := run.Lo; row < run.Hi; row++ {
			if s.within.Contains(rows.starts[row]) {
				s.count(&rows, run.ID, row)
			}
		}
	}
	return nil
}

// surveyRows are the columns of a chunk.
type surveyRows struct {
	starts, durations, kinds []uint64
	parents                  []int32
	protocols                protocolColumns
	hosts                    *store.Column
}

func (r *surveyRows) end(row int) uint64 {
	return r.starts[row] + uint64(max(int64(r.durations[row]), 0))
}

func (s *surveyor) count(r *surveyRows, trace span.TraceID, row int) {
	t := s.tallies[s.own[row]]
	t.Spans++
	t.Stands += s.weights.of(row)
	t.seen(r.starts[row], trace)
	place := (r.starts[row] - s.within.Start) / s.slot
	t.slots[place/64] |= 1 << (place % 64)
	up := r.parents[row]
	switch {
	case up == store.NoParent:
		t.Roots++
	case up == store.LostParent && r.starts[row]+settlesAfter < s.within.End:
		t.Orphans++
	case up >= 0 && r.kinds[row] == server && r.kinds[up] == client && s.own[up] != s.own[row]:
		s.join(r, trace, int(up), row)
	}
}

// join counts a call whose sides are in one trace.
func (s *surveyor) join(r *surveyRows, trace span.TraceID, up, row int) {
	c := s.callsOf(callsKey{s.names.list[s.own[up]], s.names.list[s.own[row]], r.protocols.of(row)})
	c.Calls++
	c.Example = trace
	offset := clockOffset(r.starts[up], r.end(up), r.starts[row], r.end(row), 0)
	if offset != 0 {
		c.Skewed++
		c.SkewTrace = trace
		if host, ok := r.hosts.Value(row); ok && host.Type == span.String {
			c.CalleeHost = host.Str
		}
	}
	if len(c.offsets) < surveyOffsets {
		c.offsets = append(c.offsets, offset)
	}
}

func (s *surveyor) service(name string) *surveyedService {
	t := s.services[name]
	if t == nil {
		t = &surveyedService{}
		s.services[name] = t
	}
	return t
}

func (s *surveyor) callsOf(key callsKey) *surveyedCalls {
	c := s.calls[key]
	if c == nil {
		c = &surveyedCalls{}
		s.calls[key] = c
	}
	return c
}

// seen widens the time in which a service was seen.
func (t *SurveyedService) seen(start uint64, trace span.TraceID) {
	if t.First == 0 || start < t.First {
		t.First = start
	}
	if start >= t.Last {
		t.Last, t.Example = start, trace
	}
}

// pause returns the longest run of slots without a span between two with one.
func (t *surveyedService) pause(slot uint64) time.Duration {
	longest, last := 0, -1
	for i, word := range t.slots {
		for ; word != 0; word &= word - 1 {
			at := i*64 + bits.TrailingZeros64(word)
			if last >= 0 {
				longest = max(longest, at-last)
			}
			last = at
		}
	}
	return time.Duration(uint64(longest) * slot)
}

// add adds what another surveyor of the same range counted.
func (s *surveyor) add(o *surveyor) {
	for name, from := range o.services {
		if from.Spans == 0 {
			continue
		}
		t := s.service(name)
		t.Spans += from.Spans
		t.Stands += from.Stands
		t.Roots += from.Roots
		t.Orphans += from.Orphans
		t.seen(from.First, from.Example)
		t.seen(from.Last, from.Example)
		for i := range t.slots {
			t.slots[i] |= from.slots[i]
		}
	}
	for key, from := range o.calls {
		c := s.callsOf(key)
		c.Calls += from.Calls
		c.Example = from.Example
		if c.Skewed += from.Skewed; from.Skewed > 0 {
			c.SkewTrace, c.CalleeHost = from.SkewTrace, cmp.Or(from.CalleeHost, c.CalleeHost)
		}
		c.offsets = append(c.offsets, from.offsets...)
	}
}

// protocolColumns tell how a span's call was made.
type protocolColumns struct{ http, rpc []*store.Column }

var (
	methodFields = spanFields("http.request.method", "http.method")
	systemFields = spanFields("rpc.system.name", "rpc.system")
)

func spanFields(keys ...string) []store.Field {
	fields := make([]store.Field, len(keys))
	for i, key := range keys {
		fields[i] = store.Attr(store.SpanScope, key)
	}
	return fields
}

func protocolsOf(c store.Chunk) protocolColumns {
	columns := func(fields []store.Field) []*store.Column {
		var list []*store.Column
		for _, f := range fields {
			if column := c.Column(f); column.Codes != nil {
				list = append(list, column)
			}
		}
		return list
	}
	return protocolColumns{columns(methodFields), columns(systemFields)}
}

func (p *protocolColumns) of(row int) protocol {
	has := func(c *store.Column) bool { _, ok := c.Value(row); return ok }
	switch {
	case slices.ContainsFunc(p.rpc, has):
		return rpcProtocol
	case slices.ContainsFunc(p.http, has):
		return httpProtocol
	}
	return otherProtocol
}

// latest is the highest of some times. It is safe for concurrent use.
type latest struct{ at atomic.Uint64 }

func (l *latest) get() uint64 { return l.at.Load() }

func (l *latest) raise(to uint64) {
	for {
		at := l.at.Load()
		if to <= at || l.at.CompareAndSwap(at, to) {
			return
		}
	}
}
