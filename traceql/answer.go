package traceql

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// finder makes an answer of the spansets of a chunk.
type finder struct {
	*searchRun
	*env
	sets  *spansets
	bytes int64 // memory of what is being made
}

// latestSpan is before the places of all spans of a trace that start no later.
func latestSpan(start uint64, id span.TraceID) place {
	p := place{start: start, trace: id}
	for i := range p.span {
		p.span[i] = math.MaxUint8
	}
	return p
}

// entrant is a trace, or a span, that may get into the answer.
type entrant struct {
	place
	run store.TraceRun
	row int // of a span
}

// traces adds the traces that have spansets.
func (a *finder) traces() error {
	var list []entrant
	for row := a.sets.rows.Next(0); row >= 0; {
		run := a.chunk.Traces()[a.structure.trace(row)]
		c := entrant{place: place{start: run.Start, trace: run.ID}, run: run}
		if a.opts.Slowest {
			c.rank = int64(endOf(a.chunk, run) - run.Start)
		}
		list = append(list, c)
		row = a.sets.rows.Next(run.Hi)
	}
	return a.addAll(list, func(c *entrant, f *found) error {
		trace, err := a.trace(c.run)
		f.trace = trace
		return err
	})
}

// spans adds the spans that are in spansets.
func (a *finder) spans() error {
	var list []entrant
	for row := a.sets.rows.Next(0); row >= 0; row = a.sets.rows.Next(row + 1) {
		run := a.chunk.Traces()[a.structure.trace(row)]
		start := a.chunk.Starts()[row]
		c := entrant{place: place{start: start, trace: run.ID, span: a.chunk.SpanIDs()[row], took: int64(a.chunk.Ends()[row] - start)}, run: run, row: row}
		for before := row - 1; before >= run.Lo && a.sameSpan(before, row); before-- {
			c.same++
		}
		if a.top.takes(&c.place) && a.isBehind(&c.place) {
			list = append(list, c)
		}
	}
	return a.addAll(list, func(c *entrant, f *found) error {
		f.span = &FoundSpan{TraceID: c.run.ID, Span: a.span(c.row)}
		return nil
	})
}

// sameSpan reports whether two rows of a trace cannot be told apart by start and id.
func (a *finder) sameSpan(i, j int) bool {
	return a.chunk.Starts()[i] == a.chunk.Starts()[j] && a.chunk.SpanIDs()[i] == a.chunk.SpanIDs()[j]
}

// addAll makes answers of candidates, the first first, as long as they get in.
func (a *finder) addAll(list []entrant, fill func(*entrant, *found) error) error {
	slices.SortFunc(list, func(x, y entrant) int { return a.top.order.compare(&x.place, &y.place) })
	for i := range list {
		c := &list[i]
		if !a.top.takes(&c.place) {
			return nil
		}
		f := &found{place: c.place}
		a.bytes = int64(unsafe.Sizeof(found{}))
		if err := fill(c, f); err != nil {
			return err
		}
		f.bytes = a.bytes
		if err := a.top.add(f); err != nil {
			return err
		}
	}
	return nil
}

// trace returns the answer for one trace.
func (a *finder) trace(run store.TraceRun) (*Trace, error) {
	t := a.facts(run)
	sets := map[int]*SpanSet{}
	var numbers []int
	for row := a.sets.rows.Next(run.Lo); row >= 0 && row < run.Hi; row = a.sets.rows.Next(row + 1) {
		n := a.sets.number(a.env, row)
		set := sets[n]
		if set == nil {
			set = &SpanSet{Attributes: a.attributesOf(n)}
			sets[n] = set
			numbers = append(numbers, n)
			a.bytes += int64(unsafe.Sizeof(*set))
		}
		set.Matched++
		if a.opts.SpansPerSet < 0 || len(set.Spans) < a.opts.SpansPerSet {
			set.Spans = append(set.Spans, a.span(row))
		}
		if a.bytes > a.top.memory {
			return nil, tooLarge(a.top.memory)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		t.SpanSets = append(t.SpanSets, *sets[n])
	}
	return t, nil
}

// attributesOf returns the attributes of a spanset.
func (a *finder) attributesOf(set int) (list []NamedValue) {
	for _, attr := range a.sets.attrs {
		list = append(list, a.named(attr.name, attr.of(set)))
	}
	return list
}

// named returns a value for the answer. It shares no memory with the chunk.
func (a *finder) named(name string, v Static) NamedValue {
	v.Str = a.text(v.Str)
	a.bytes += int64(unsafe.Sizeof(NamedValue{}))
	return NamedValue{name, v}
}

func (a *finder) text(s string) string {
	a.bytes += int64(len(s))
	return strings.Clone(s)
}

// facts returns what is said of a trace whatever the query is.
func (a *finder) facts(run store.TraceRun) *Trace {
	a.structure.know(a.structure.trace(run.Lo), a.env)
	t := &Trace{ID: run.ID, Start: run.Start, End: endOf(a.chunk, run), Spans: run.Hi - run.Lo}
	a.bytes += int64(unsafe.Sizeof(*t))
	for _, p := range a.structure.parents[run.Lo:run.Hi] {
		if p == store.LostParent {
			t.Orphans++
		}
	}
	root := rootOf(a.chunk, run)
	if t.HasRoot = root >= 0; !t.HasRoot {
		root = a.firstOrphan(run)
	}
	t.RootName, t.RootService = a.text(a.name(root)), a.text(a.service(root))
	t.Services = a.services(run)
	return t
}

// firstOrphan returns the first row that counts as a root, in a trace without one.
func (a *finder) firstOrphan(run store.TraceRun) int {
	for row := run.Lo; row < run.Hi; row++ {
		if a.structure.parents[row] < 0 {
			return row
		}
	}
	return run.Lo // of a chunk that cannot be read
}

// services counts the spans of each service of a trace.
func (a *finder) services(run store.TraceRun) (list []ServiceStats) {
	byName := map[string]*ServiceStats{}
	byCode := map[uint32]*ServiceStats{} // where the first value of the name decides
	names, statuses := a.field(serviceName), a.field(store.Of(store.Status))
	for row := run.Lo; row < run.Hi; row++ {
		code := uint32(store.NoCode)
		if names.Codes != nil {
			code = names.Codes[row]
		}
		stats := byCode[code]
		if stats == nil {
			name := a.service(row)
			if stats = byName[name]; stats == nil {
				stats = &ServiceStats{Name: a.text(name)}
				byName[stats.Name] = stats
				a.bytes += int64(unsafe.Sizeof(*stats))
			}
			if v, ok := names.Value(row); names.Codes != nil && (!ok || v.Type == span.String) {
				byCode[code] = stats
			}
		}
		stats.Spans++
		if v, _ := statuses.Value(row); v.Int() == statusError {
			stats.Errors++
		}
	}
	for _, stats := range byName {
		list = append(list, *stats)
	}
	slices.SortFunc(list, func(x, y ServiceStats) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// statusError is OTLP's number of the status.
const statusError = 2

// span returns the answer for one span.
func (a *finder) span(row int) Span {
	starts, ends := a.chunk.Starts(), a.chunk.Ends()
	s := Span{
		ID: a.chunk.SpanIDs()[row], Start: starts[row], Duration: int64(ends[row] - starts[row]),
		Name: a.text(a.name(row)), Service: a.text(a.service(row)),
	}
	a.bytes += int64(unsafe.Sizeof(s))
	for _, f := range a.wanted {
		if c := a.slot(f.slot); c.present(row) {
			s.Attributes = append(s.Attributes, a.named(f.name, c.value(row)))
		}
	}
	return s
}

// field is an attribute that spans of an answer have.
type field struct {
	name string
	slot int
}
