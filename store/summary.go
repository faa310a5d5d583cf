package store

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
)

// Summary is what a trace is without its spans. Summaries may share all that they refer to.
type Summary struct {
	*Pattern
	// End is the latest end of its spans, unix nanoseconds.
	End uint64
	// Critical has for each of Services the nanoseconds of the critical path (see package tree) in its spans.
	Critical []uint64
}

// Pattern is what many traces have in common.
type Pattern struct {
	// RootName and RootService are of the earliest span that names no parent, which HasRoot tells of. Without
	// one they are of the first whose parent is not in the trace, or whose parents go round in a circle.
	RootName, RootService string
	HasRoot               bool
	Orphans               int // spans that name a parent which the trace does not have
	// Shape is equal for traces with the same calls, however often each is repeated: the sum of the
	// distinct hashes of the paths from a root to each span, by service, name and kind.
	Shape    uint64
	Services []ServiceCount // sorted by name, each once
}

// ServiceCount is how many spans of a trace are of a service, "" for those of none.
type ServiceCount struct {
	Name          string
	Spans, Errors int
}

// Spans returns how many spans the trace has.
func (p *Pattern) Spans() (n int) {
	for i := range p.Services {
		n += p.Services[i].Spans
	}
	return n
}

// Errors returns how many of its spans failed.
func (p *Pattern) Errors() (n int) {
	for i := range p.Services {
		n += p.Services[i].Errors
	}
	return n
}

// Summarized is a Chunk that knows the summaries of its traces, in the order of Traces.
type Summarized interface {
	Summaries() []Summary
}

// SummaryFields are the columns of a chunk that Summaries reads if the store does not know them.
func SummaryFields() []Field {
	return []Field{nameField, kindField, statusField, serviceField}
}

var (
	nameField    = Of(Name)
	kindField    = Of(Kind)
	statusField  = Of(Status)
	serviceField = Attr(ResourceScope, "service.name")
	parentField  = Of(ParentID)
)

// Summaries returns the summaries of the traces of a chunk, in their order: as the store knows them, or made of
// the spans. They are valid as long as the chunk, but for their patterns, which stay.
func Summaries(c Chunk) []Summary {
	if s, ok := c.(Summarized); ok {
		return s.Summaries()
	}
	return Summarize(c, c.Traces())
}

// Summarize makes the summaries of some traces of a chunk from their spans.
func Summarize(c Chunk, runs []TraceRun) []Summary {
	s := columnsOf(c, runs)
	list := make([]Summary, 0, len(runs))
	for _, run := range runs {
		sum := Summary{Pattern: &Pattern{}}
		if run.Lo < run.Hi { // else the chunk cannot be read
			sum = s.summary(run.Lo, run.Hi)
		}
		list = append(list, sum)
	}
	return list
}

// columnSummarizer makes summaries of the columns of a chunk.
type columnSummarizer struct {
	Summarizer
	services, names []string // by number
}

func columnsOf(c Chunk, runs []TraceRun) *columnSummarizer {
	s := &columnSummarizer{}
	s.Starts, s.Ends, s.IDs, s.Parents = c.Starts(), c.Ends(), c.SpanIDs(), c.Parents()
	services, names, kinds, statuses := numberer{}, numberer{}, c.Column(kindField), c.Column(statusField)
	s.Services, s.Names = make([]uint32, c.Len()), make([]uint32, c.Len())
	s.Kinds, s.Failed = make([]int32, c.Len()), make([]bool, c.Len())
	s.ParentID = func(row int) (id span.SpanID) {
		c.Values(parentField, row, func(v span.Value) bool {
			copy(id[:], v.Str)
			return false
		})
		return id
	}
	serviceColumn, nameColumn := c.Column(serviceField), c.Column(nameField)
	for _, run := range runs {
		for row := run.Lo; row < run.Hi; row++ {
			kind, _ := kinds.Value(row)
			status, _ := statuses.Value(row)
			s.Kinds[row], s.Failed[row] = int32(kind.Int()), status.Int() == statusError
			s.Services[row] = services.number(serviceColumn, row, func() string { return serviceOf(c, serviceColumn, row) })
			s.Names[row] = names.number(nameColumn, row, func() string {
				v, _ := nameColumn.Value(row)
				return v.Str
			})
		}
	}
	s.services, s.ServiceHashes = services.list, services.hashes
	s.names, s.NameHashes = names.list, names.hashes
	return s
}

// statusError is OTLP's number of the status.
const statusError = 2

// serviceOf returns the first name of a row's service that is a string.
func serviceOf(c Chunk, column *Column, row int) (name string) {
	if v, ok := column.Value(row); !ok || v.Type == span.String {
		return v.Str
	}
	c.Values(serviceField, row, func(v span.Value) bool {
		if v.Type == span.String {
			name = v.Str
		}
		return v.Type != span.String
	})
	return name
}

// numberer numbers strings in the order in which they are met.
type numberer struct {
	list    []string
	hashes  []uint64
	numbers map[string]uint32
	byCode  map[uint32]uint32
}

// number returns the number of a row's string, which is asked for once for each code of a column.
func (n *numberer) number(c *Column, row int, text func() string) uint32 {
	code := uint32(NoCode)
	if c.Codes != nil {
		code = c.Codes[row]
	}
	if at, ok := n.byCode[code]; ok {
		return at
	}
	if n.numbers == nil {
		n.numbers, n.byCode = map[string]uint32{}, map[uint32]uint32{}
	}
	s := text()
	at, ok := n.numbers[s]
	if !ok {
		at = uint32(len(n.list))
		n.numbers[s] = at
		n.list, n.hashes = append(n.list, s), append(n.hashes, xxhash.Sum64String(s))
	}
	// Rows with one code have one value, but may have others behind it if that is no string.
	if v, ok := c.Value(row); c.Codes != nil && (!ok || v.Type == span.String) {
		n.byCode[code] = at
	}
	return at
}

func (s *columnSummarizer) summary(lo, hi int) Summary {
	t := s.Trace(lo, hi)
	sum := Summary{
		Pattern: &Pattern{
			RootName: s.names[s.Names[t.Root]], RootService: s.services[s.Services[t.Root]],
			HasRoot: t.HasRoot, Orphans: t.Orphans, Shape: t.Shape,
		},
		End: t.End,
	}
	slices.SortFunc(t.Services, func(a, b ServiceSum) int { return cmp.Compare(s.services[a.Number], s.services[b.Number]) })
	for _, of := range t.Services {
		sum.Services = append(sum.Services, ServiceCount{s.services[of.Number], of.Spans, of.Errors})
		sum.Critical = append(sum.Critical, of.Critical)
	}
	return sum
}
