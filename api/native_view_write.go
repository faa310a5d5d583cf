package api

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"slices"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
)

// maxViewEvents is the most events that a view tells of.
const maxViewEvents = 100_000

// writeView writes a view as JSON. Columns are base64 of little-endian numbers, and are written in pieces.
func writeView(w io.Writer, v *view, sampling *DecisionBody) error {
	d := &document{w: w}
	t := v.trace
	texts := newViewTexts(t)
	d.open("")
	head := v.head()
	head.Sampling = sampling
	d.members(head)
	texts.write(d)
	writeViewSpans(d, t, texts)
	d.open("criticalPath")
	d.column("row", len(t.Path), func(to []byte, i int) []byte { return appendUint32(to, uint32(t.Path[i].Row)) })
	d.column("start", len(t.Path), func(to []byte, i int) []byte { return appendFloat64(to, since(t, t.Path[i].Start)) })
	d.column("end", len(t.Path), func(to []byte, i int) []byte { return appendFloat64(to, since(t, t.Path[i].End)) })
	d.close()
	writeViewEvents(d, t, texts)
	d.member("services", v.services())
	errors, total := v.errors()
	d.member("errors", errors)
	d.member("errorOrigins", total)
	d.member("skew", v.skew())
	d.member("warnings", v.warnings())
	if len(v.gaps) > 0 {
		d.member("gaps", v.gaps)
	}
	d.close()
	return d.err
}

// since returns the nanoseconds since the start of the trace.
func since(t *analyze.Trace, at uint64) float64 {
	if at < t.Start { // as events may
		return -float64(t.Start - at)
	}
	return float64(at - t.Start)
}

func writeViewSpans(d *document, t *analyze.Trace, texts *viewTexts) {
	b, n := t.Spans, t.Len()
	d.open("spans")
	d.column("id", n, func(to []byte, row int) []byte { return append(to, b.SpanIDs[t.At[row]][:]...) })
	d.column("parent", n, func(to []byte, row int) []byte { return appendUint32(to, uint32(t.Parent[row])) })
	d.column("descendants", n, func(to []byte, row int) []byte { return appendUint32(to, uint32(t.Below[row])) })
	d.column("depth", n, func(to []byte, row int) []byte {
		return binary.LittleEndian.AppendUint16(to, uint16(min(t.Depth[row], math.MaxUint16)))
	})
	d.column("start", n, func(to []byte, row int) []byte { return appendFloat64(to, since(t, b.Starts[t.At[row]])) })
	d.column("duration", n, func(to []byte, row int) []byte { return appendFloat64(to, float64(b.Duration(int(t.At[row])))) })
	d.column("self", n, func(to []byte, row int) []byte { return appendFloat64(to, float64(t.Self[row])) })
	d.column("critical", n, func(to []byte, row int) []byte { return appendFloat64(to, float64(t.Critical[row])) })
	d.column("name", n, func(to []byte, row int) []byte { return appendUint32(to, texts.place[b.Names[t.At[row]]]) })
	d.column("service", n, func(to []byte, row int) []byte { return appendUint32(to, t.Service(int32(row))) })
	d.column("flags", n, func(to []byte, row int) []byte { return binary.LittleEndian.AppendUint16(to, uint16(t.Flags[row])) })
	d.close()
}

// viewEvent is an event and the row that it is of.
type viewEvent struct {
	row int32
	*span.Event
}

// viewEvents returns the events by time, the first maxViewEvents of them.
func viewEvents(t *analyze.Trace) (list []viewEvent, truncated bool) {
	for row, at := range t.At {
		events := t.Spans.EventsOf(int(at))
		for i := range events {
			list = append(list, viewEvent{int32(row), &events[i]})
		}
	}
	slices.SortStableFunc(list, func(a, b viewEvent) int { return cmp.Compare(a.Time, b.Time) })
	return list[:min(len(list), maxViewEvents)], len(list) > maxViewEvents
}

func writeViewEvents(d *document, t *analyze.Trace, texts *viewTexts) {
	list, truncated := viewEvents(t)
	d.open("events")
	d.column("row", len(list), func(to []byte, i int) []byte { return appendUint32(to, uint32(list[i].row)) })
	d.column("at", len(list), func(to []byte, i int) []byte { return appendFloat64(to, since(t, list[i].Time)) })
	d.column("name", len(list), func(to []byte, i int) []byte { return appendUint32(to, texts.place[list[i].Name]) })
	d.column("exception", len(list), func(to []byte, i int) []byte {
		if analyze.IsException(t.Spans, list[i].Event) {
			return append(to, 1)
		}
		return append(to, 0)
	})
	d.close()
	if truncated {
		d.member("eventsTruncated", true)
	}
}

// viewTexts are the strings that columns name: the services, then the names of spans and events.
type viewTexts struct {
	*analyze.Trace
	place []uint32 // by Ref
	refs  []span.Ref
}

func newViewTexts(t *analyze.Trace) *viewTexts {
	x := &viewTexts{Trace: t, place: make([]uint32, max(1, t.Spans.Dict.Len()))}
	add := func(r span.Ref) {
		if x.place[r] == 0 {
			x.refs = append(x.refs, r)
			x.place[r] = uint32(len(t.Services) + len(x.refs))
		}
	}
	for _, at := range t.At {
		add(t.Spans.Names[at])
	}
	for i := range t.Spans.Events {
		add(t.Spans.Events[i].Name)
	}
	for _, r := range x.refs { // 0 stood for none
		x.place[r]--
	}
	return x
}

func (x *viewTexts) write(d *document) {
	d.openList("strings")
	for _, name := range x.Services {
		d.member("", name)
	}
	for _, r := range x.refs {
		d.member("", x.Spans.Dict.String(r))
	}
	d.close()
}

func appendUint32(to []byte, n uint32) []byte { return binary.LittleEndian.AppendUint32(to, n) }

func appendFloat64(to []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(to, math.Float64bits(f))
}

// document writes JSON objects and lists whose columns are too large to be held as text. The first error sticks.
type document struct {
	w     io.Writer
	ends  []byte // of what is open
	comma bool
	err   error
}

func (d *document) write(text []byte) {
	if d.err == nil {
		_, d.err = d.w.Write(text)
	}
}

func (d *document) begin(name string) {
	if d.comma {
		d.write([]byte{','})
	}
	d.comma = true
	if name != "" {
		d.write([]byte(`"` + name + `":`))
	}
}

// open begins an object.
func (d *document) open(name string) { d.nest(name, '{', '}') }

func (d *document) openList(name string) { d.nest(name, '[', ']') }

func (d *document) nest(name string, begin, end byte) {
	d.begin(name)
	d.write([]byte{begin})
	d.ends, d.comma = append(d.ends, end), false
}

func (d *document) close() {
	last := len(d.ends) - 1
	d.write(d.ends[last:])
	d.ends, d.comma = d.ends[:last], true
}

// member writes a value; in a list it has no name.
func (d *document) member(name string, v any) {
	d.begin(name)
	text, err := json.Marshal(v)
	if err != nil && d.err == nil {
		d.err = err
	}
	d.write(text)
}

// members writes the members of an object into the one that is open.
func (d *document) members(v any) {
	text, err := json.Marshal(v)
	if err != nil && d.err == nil {
		d.err = err
	}
	if len(text) > 2 {
		d.begin("")
		d.write(text[1 : len(text)-1])
	}
}

// columnPiece is how much of a column is made at a time; a multiple of 3, so that pieces of base64 join.
const columnPiece = 24 << 10

// column writes the base64 of what add appends for each of n elements.
func (d *document) column(name string, n int, add func(to []byte, i int) []byte) {
	d.begin(name)
	d.write([]byte{'"'})
	raw := make([]byte, 0, columnPiece+16)
	text := make([]byte, 0, base64.StdEncoding.EncodedLen(columnPiece))
	for i := range n {
		if raw = add(raw, i); len(raw) >= columnPiece {
			d.write(base64.StdEncoding.AppendEncode(text, raw[:columnPiece]))
			raw = append(raw[:0], raw[columnPiece:]...)
		}
		if d.err != nil { // the client is gone
			return
		}
	}
	d.write(base64.StdEncoding.AppendEncode(text, raw))
	d.write([]byte{'"'})
}
