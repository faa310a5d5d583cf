package analyze

import (
	"cmp"
	"math/bits"
	"net/url"
	"slices"
	"strings"
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
	// loose are the sides of calls that have no other side in their trace.
	clients, servers []looseSide

	names    labels
	own      []uint32
	tallies  []*surveyedService // by number of the service
	weights  weigher
	memory   [2][]uint64
	answered store.Bitmap // rows with a child of another service, or of kind server
}

type callsKey struct {
	caller, callee string
	protocol       Protocol
}

type surveyedService struct {
	SurveyedService
	slots [surveySlots/64 + 1]uint64
}

type surveyedCalls struct {
	SurveyedCalls
	offsets []int64
}

// looseSide is one side of a call.
type looseSide struct {
	service    string
	protocol   Protocol
	target     string // what was called, as far as both sides can tell
	start, end uint64
	trace      span.TraceID
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
	s.answered = store.NewBitmap(c.Len())
	for _, run := range runs {
		for row := run.Lo; row < run.Hi; row++ {
			if up := rows.parents[row]; up >= 0 && (rows.kinds[row] == server || s.own[up] != s.own[row]) {
				s.answered.Set(int(up))
			}
		}
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
	case up == store.LostParent:
		t.Orphans++
	}
	switch {
	case r.kinds[row] == server && up == store.NoParent:
		s.keep(&s.servers, r, trace, row)
	case r.kinds[row] == server && up >= 0 && r.kinds[up] == client && s.own[up] != s.own[row]:
		s.join(r, trace, int(up), row)
	case r.kinds[row] == client && !s.answered.Has(row):
		s.keep(&s.clients, r, trace, row)
	}
}

// keep remembers a side of a call whose other side is not in its trace.
func (s *surveyor) keep(list *[]looseSide, r *surveyRows, trace span.TraceID, row int) {
	if len(*list) >= surveyLoose {
		return
	}
	if protocol, target := r.protocols.of(row); protocol != OtherProtocol {
		*list = append(*list, looseSide{s.names.list[s.own[row]], protocol, target, r.starts[row], r.end(row), trace})
	}
}

// join counts a call whose sides are in one trace.
func (s *surveyor) join(r *surveyRows, trace span.TraceID, up, row int) {
	protocol, _ := r.protocols.of(row)
	c := s.callsOf(callsKey{s.names.list[s.own[up]], s.names.list[s.own[row]], protocol})
	c.Joined++
	c.JoinedTrace = trace
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
		c.Joined += from.Joined
		c.JoinedTrace = from.JoinedTrace
		if c.Skewed += from.Skewed; from.Skewed > 0 {
			c.SkewTrace, c.CalleeHost = from.SkewTrace, cmp.Or(from.CalleeHost, c.CalleeHost)
		}
		c.offsets = append(c.offsets, from.offsets...)
	}
	s.clients, s.servers = append(s.clients, o.clients...), append(s.servers, o.servers...)
}

// match finds for each server's span without a caller the client's span, of another trace, in which it took place. Each
// client's span is the caller of one.
func (s *surveyor) match() {
	type call struct {
		protocol Protocol
		target   string
	}
	clients := map[call][]looseSide{}
	for _, c := range s.clients {
		key := call{c.protocol, c.target}
		clients[key] = append(clients[key], c)
	}
	for _, list := range clients {
		slices.SortFunc(list, func(a, b looseSide) int { return cmp.Compare(a.start, b.start) })
	}
	slices.SortFunc(s.servers, func(a, b looseSide) int { return cmp.Compare(a.start, b.start) })
	for _, to := range s.servers {
		key := call{to.protocol, to.target}
		list := clients[key]
		for len(list) > 0 && list[0].end < to.start { // nobody later can be within it
			list = list[1:]
		}
		clients[key] = list
		i := -1
		for k, from := range list[:min(len(list), surveyCandidates)] {
			if from.start > to.start {
				break
			}
			if to.end <= from.end && from.service != to.service && from.trace != to.trace {
				i = k
				break
			}
		}
		if i < 0 {
			continue
		}
		c := s.callsOf(callsKey{list[i].service, to.service, to.protocol})
		c.Broken++
		c.CallerTrace, c.CalleeTrace = list[i].trace, to.trace
		clients[key] = slices.Delete(list, i, i+1)
	}
}

// protocolColumns are what spans say of how they were called.
type protocolColumns struct {
	method, path, rpcSystem, rpcService, rpcMethod []*store.Column
}

// Fields of calls, in the present conventions and in those of before.
var (
	methodFields = spanFields("http.request.method", "http.method")
	pathFields   = spanFields("url.path", "url.full", "http.target", "http.url")
	systemFields = spanFields("rpc.system.name", "rpc.system")
	rpcServices  = spanFields("rpc.service")
	rpcMethods   = spanFields("rpc.method")
)

func spanFields(keys ...string) []store.Field {
	fields := make([]store.Field, len(keys))
	for i, key := range keys {
		fields[i] = store.Attr(store.SpanScope, key)
	}
	return fields
}

func protocolFields() []store.Field {
	return slices.Concat(methodFields, pathFields, systemFields, rpcServices, rpcMethods)
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
	return protocolColumns{columns(methodFields), columns(pathFields), columns(systemFields), columns(rpcServices), columns(rpcMethods)}
}

// firstText returns the first text that a row has in some columns.
func firstText(columns []*store.Column, row int) string {
	for _, c := range columns {
		if v, ok := c.Value(row); ok && v.Type == span.String && v.Str != "" {
			return v.Str
		}
	}
	return ""
}

// of returns how the call of a row was made, and what it called: the method and the path, or the procedure.
func (p *protocolColumns) of(row int) (Protocol, string) {
	if firstText(p.rpcSystem, row) == "grpc" {
		service, method := firstText(p.rpcService, row), firstText(p.rpcMethod, row)
		if service != "" {
			method = service + "/" + method
		}
		return GRPC, strings.TrimPrefix(method, "/")
	}
	if method := firstText(p.method, row); method != "" {
		return HTTP, method + " " + pathOf(firstText(p.path, row))
	}
	return OtherProtocol, ""
}

// pathOf cuts a URL, or the target of a request, to its path.
func pathOf(target string) string {
	if u, err := url.Parse(target); err == nil {
		target = u.Path
	}
	if target == "" {
		return "/"
	}
	return target
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
