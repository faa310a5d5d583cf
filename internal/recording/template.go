package recording

import (
	"cmp"
	"fmt"
	"slices"

	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// identifiers are the attributes whose values differ from request to request in
// life. A replay that repeated them would flatter every store.
var identifiers = map[string]bool{
	"guid:x-request-id":        true,
	"session.id":               true,
	"app.user.id":              true,
	"app.order.id":             true,
	"app.shipping.tracking.id": true,
	"net.peer.port":            true,
	"net.sock.peer.port":       true,
}

// Replayed ports are ephemeral ones, all of which take 3 bytes as a varint, so
// that they can be overwritten in place.
const (
	minPort = 32768
	numPort = 60999 - minPort + 1
)

// A template is a recorded trace, ready to be copied and patched.
type template struct {
	// spans holds the encoded spans, each with the tag and length that it has
	// as a member of ScopeSpans. Spans of one scope lie together.
	spans   []byte
	spanAt  []uint32 // span i is spans[spanAt[i]:spanAt[i+1]]
	patchAt []uint32 // and its patches are patches[patchAt[i]:patchAt[i+1]]
	patches []patch
	runs    []run
	times   []timing // in an order in which parents come first
	length  float64  // nanoseconds from the first start to the last end
}

// A run is the longest sequence of spans of one scope: spans [first, end).
type run struct {
	scope      int
	first, end int
}

type patchKind uint8

const (
	patchTraceID patchKind = iota
	patchID                // 8 random bytes; ref is a slot
	patchStart             // ref is a span
	patchEnd               // ref is a span
	patchEvent             // ref is a span, part says where in it the event lies
	patchText              // n bytes, letters and digits become random hex digits; ref is the first slot
	patchPort              // ref is a slot
)

// A patch says what to write at a place of template.spans. A slot is an ordinal
// number of the trace's random numbers: equal slots give equal values.
type patch struct {
	at   uint32
	ref  uint16
	n    uint16
	kind patchKind
	part float64 // 0 at the span's start, 1 at its end
}

// timing is how one span lies in time, in nanoseconds. Each length is scaled by
// a random number of its own.
type timing struct {
	span   uint16
	parent int32 // the span that it lies relative to; -1: the start of the trace
	nested bool  // lies wholly inside its parent, and shall do so when replayed
	lead   float64
	length float64
	tail   float64 // from its end to the parent's end, if nested
	tick   int64   // resolution of the sender's clock
}

// A scope is what comes before and after the spans of a ScopeSpans message.
type scope struct {
	resource   int
	head, tail []byte
}

// A resource is what comes before and after the scopes of a ResourceSpans message.
type resource struct{ head, tail []byte }

// A corpus is the recording in its compiled form. It does not change.
type corpus struct {
	resources []resource
	scopes    []scope
	templates []template
	firsts    []uint64 // templates[i] starts at span firsts[i] of a cycle; one more element, the cycle's length
}

// numSpans is how many spans the recording has.
func (c *corpus) numSpans() uint64 { return c.firsts[len(c.firsts)-1] }

type placedSpan struct {
	scope int
	*trace.Span
}

// compile turns requests into templates, one for each trace, in order of first appearance.
func compile(requests [][]byte) (*corpus, error) {
	c := &corpus{}
	index := map[string]int{} // of resources and scopes, by their encoded form
	traces := map[string][]placedSpan{}
	var order []string
	for i, raw := range requests {
		var req tracecollector.ExportTraceServiceRequest
		if err := proto.Unmarshal(raw, &req); err != nil {
			return nil, fmt.Errorf("recorded request %d: %w", i, err)
		}
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				at, err := c.addScope(index, rs, ss)
				if err != nil {
					return nil, fmt.Errorf("recorded request %d: %w", i, err)
				}
				for _, s := range ss.Spans {
					id := string(s.TraceId)
					if traces[id] == nil {
						order = append(order, id)
					}
					traces[id] = append(traces[id], placedSpan{at, s})
				}
			}
		}
	}
	c.firsts = []uint64{0}
	for _, id := range order {
		t, err := compileTrace(traces[id])
		if err != nil {
			return nil, fmt.Errorf("recorded trace %x: %w", id, err)
		}
		c.templates = append(c.templates, t)
		c.firsts = append(c.firsts, c.numSpans()+uint64(len(traces[id])))
	}
	if c.numSpans() == 0 {
		return nil, fmt.Errorf("%d recorded requests hold no spans", len(requests))
	}
	return c, nil
}

// addScope returns the index of the scope, which is added if it is new.
func (c *corpus) addScope(index map[string]int, rs *trace.ResourceSpans, ss *trace.ScopeSpans) (int, error) {
	opts := proto.MarshalOptions{Deterministic: true}
	bare := &trace.ResourceSpans{Resource: rs.Resource, SchemaUrl: rs.SchemaUrl}
	encoded, err := opts.Marshal(bare)
	if err != nil {
		return 0, err
	}
	r, known := index["r"+string(encoded)]
	if !known {
		r = len(c.resources)
		index["r"+string(encoded)] = r
		head, tail := cutAfterField1(encoded)
		c.resources = append(c.resources, resource{head, tail})
	}
	if encoded, err = opts.Marshal(&trace.ScopeSpans{Scope: ss.Scope, SchemaUrl: ss.SchemaUrl}); err != nil {
		return 0, err
	}
	key := fmt.Sprintf("s%d %s", r, encoded)
	s, known := index[key]
	if !known {
		s = len(c.scopes)
		index[key] = s
		head, tail := cutAfterField1(encoded)
		c.scopes = append(c.scopes, scope{r, head, tail})
	}
	return s, nil
}

// cutAfterField1 cuts msg behind its field 1, which comes first if present.
func cutAfterField1(msg []byte) (head, tail []byte) {
	if num, _, n := protowire.ConsumeField(msg); num == 1 {
		return msg[:n], msg[n:]
	}
	return nil, msg
}

// compileTrace makes the template of one trace. Spans keep their order within a scope.
func compileTrace(spans []placedSpan) (template, error) {
	slices.SortStableFunc(spans, func(a, b placedSpan) int { return cmp.Compare(a.scope, b.scope) })
	c := templateCompiler{traceID: string(spans[0].TraceId), slots: map[string]uint16{}}
	for _, s := range spans {
		c.slot(string(s.SpanId), 1) // slot i is the id of span i
	}
	if c.next != len(spans) {
		return template{}, fmt.Errorf("%d spans have %d distinct ids", len(spans), c.next)
	}
	c.t.spanAt, c.t.patchAt = []uint32{0}, []uint32{0}
	for i, s := range spans {
		if err := c.addSpan(uint16(i), s.Span); err != nil {
			return template{}, fmt.Errorf("span %x: %w", s.SpanId, err)
		}
		if n := len(c.t.runs); n > 0 && c.t.runs[n-1].scope == s.scope {
			c.t.runs[n-1].end++
		} else {
			c.t.runs = append(c.t.runs, run{s.scope, i, i + 1})
		}
	}
	c.t.times, c.t.length = timings(spans)
	return c.t, nil
}

type templateCompiler struct {
	t       template
	traceID string
	slots   map[string]uint16 // recorded value -> its first slot
	next    int
	err     error
}

// slot returns the first of n slots for a recorded value.
func (c *templateCompiler) slot(value string, n int) uint16 {
	s, known := c.slots[value]
	if !known {
		s = uint16(c.next)
		c.slots[value] = s
		c.next += n
	}
	return s
}

func (c *templateCompiler) addSpan(i uint16, s *trace.Span) error {
	widenPorts(s)
	msg, err := proto.Marshal(s)
	if err != nil {
		return err
	}
	c.t.spans = protowire.AppendTag(c.t.spans, 2, protowire.BytesType)
	c.t.spans = protowire.AppendVarint(c.t.spans, uint64(len(msg)))
	at := len(c.t.spans)
	c.t.spans = append(c.t.spans, msg...)
	c.patchSpan(at, i, s, msg)
	c.t.spanAt = append(c.t.spanAt, uint32(len(c.t.spans)))
	c.t.patchAt = append(c.t.patchAt, uint32(len(c.t.patches)))
	return c.err
}

// widenPorts gives integer identifiers a value that takes as many bytes as all ports in the replay.
func widenPorts(s *trace.Span) {
	widen := func(list []*common.KeyValue) {
		for _, kv := range list {
			if v, ok := kv.GetValue().GetValue().(*common.AnyValue_IntValue); ok && identifiers[kv.Key] {
				v.IntValue = minPort | v.IntValue&(minPort-1) // equal ports stay equal
			}
		}
	}
	widen(s.Attributes)
	for _, e := range s.Events {
		widen(e.Attributes)
	}
}

// fields calls f for each field of an encoded message: its number, where its
// payload lies in the template when msg lies at base, and the payload.
func (c *templateCompiler) fields(msg []byte, base int, f func(num protowire.Number, at int, payload []byte)) {
	for at := 0; at < len(msg); {
		num, typ, n := protowire.ConsumeTag(msg[at:])
		if n < 0 {
			c.err = protowire.ParseError(n)
			return
		}
		at += n
		size := protowire.ConsumeFieldValue(num, typ, msg[at:])
		if size < 0 {
			c.err = protowire.ParseError(size)
			return
		}
		end := at + size
		if typ == protowire.BytesType {
			_, n := protowire.ConsumeVarint(msg[at:])
			at += n
		}
		f(num, base+at, msg[at:end])
		at = end
	}
}

// patchSpan notes what to patch in the span that lies at base.
func (c *templateCompiler) patchSpan(base int, i uint16, s *trace.Span, msg []byte) {
	event := 0
	c.fields(msg, base, func(num protowire.Number, at int, payload []byte) {
		switch num {
		case 1:
			c.add(patch{at: uint32(at), kind: patchTraceID})
		case 2, 4:
			if len(payload) == 8 {
				c.add(patch{at: uint32(at), kind: patchID, ref: c.slot(string(payload), 1)})
			}
		case 7:
			c.add(patch{at: uint32(at), kind: patchStart, ref: i})
		case 8:
			c.add(patch{at: uint32(at), kind: patchEnd, ref: i})
		case 9:
			c.patchAttribute(at, payload)
		case 11:
			c.patchEvent(at, i, s, s.Events[event], payload)
			event++
		case 13:
			c.patchLink(at, payload)
		}
	})
}

func (c *templateCompiler) patchEvent(base int, i uint16, s *trace.Span, e *trace.Span_Event, msg []byte) {
	part := 0.0
	if d := int64(s.EndTimeUnixNano - s.StartTimeUnixNano); d > 0 {
		part = float64(int64(e.TimeUnixNano-s.StartTimeUnixNano)) / float64(d)
	}
	c.fields(msg, base, func(num protowire.Number, at int, payload []byte) {
		switch num {
		case 1:
			c.add(patch{at: uint32(at), kind: patchEvent, ref: i, part: part})
		case 3:
			c.patchAttribute(at, payload)
		}
	})
}

// patchLink makes a link within the trace stay one, and a link to elsewhere lead to a new id.
func (c *templateCompiler) patchLink(base int, msg []byte) {
	c.fields(msg, base, func(num protowire.Number, at int, payload []byte) {
		switch {
		case num == 1 && string(payload) == c.traceID:
			c.add(patch{at: uint32(at), kind: patchTraceID})
		case num == 1 && len(payload) == 16:
			s := c.slot(string(payload), 2)
			c.add(patch{at: uint32(at), kind: patchID, ref: s})
			c.add(patch{at: uint32(at + 8), kind: patchID, ref: s + 1})
		case num == 2 && len(payload) == 8:
			c.add(patch{at: uint32(at), kind: patchID, ref: c.slot(string(payload), 1)})
		}
	})
}

// patchAttribute notes the value of an encoded KeyValue if it is an identifier.
func (c *templateCompiler) patchAttribute(base int, msg []byte) {
	identifier := false
	c.fields(msg, base, func(num protowire.Number, at int, payload []byte) {
		switch num {
		case 1:
			identifier = identifiers[string(payload)]
		case 2:
			if identifier {
				c.patchValue(at, payload)
			}
		}
	})
}

func (c *templateCompiler) patchValue(base int, any []byte) {
	c.fields(any, base, func(num protowire.Number, at int, payload []byte) {
		switch {
		case num == 1 && len(payload) > 0 && len(payload) <= 256:
			s := c.slot("t"+string(payload), (len(payload)+15)/16)
			c.add(patch{at: uint32(at), kind: patchText, ref: s, n: uint16(len(payload))})
		case num == 3 && len(payload) == 3:
			c.add(patch{at: uint32(at), kind: patchPort, ref: c.slot("p"+string(payload), 1)})
		}
	})
}

func (c *templateCompiler) add(p patch) { c.t.patches = append(c.t.patches, p) }

// timings returns how the spans of a trace lie in time, parents first, and the trace's length.
func timings(spans []placedSpan) ([]timing, float64) {
	index := map[string]int{}
	first, last := spans[0].StartTimeUnixNano, spans[0].EndTimeUnixNano
	for i, s := range spans {
		index[string(s.SpanId)] = i
		first, last = min(first, s.StartTimeUnixNano), max(last, s.EndTimeUnixNano)
	}
	var list []timing
	const unseen, open, done = 0, 1, 2
	state := make([]int, len(spans))
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		s := spans[i].Span
		t := timing{span: uint16(i), parent: -1, lead: distance(first, s.StartTimeUnixNano),
			length: distance(s.StartTimeUnixNano, s.EndTimeUnixNano), tick: tick(s)}
		if p, known := index[string(s.ParentSpanId)]; known && state[p] != open { // open: the parents form a circle
			if state[p] == unseen {
				visit(p)
			}
			parent := spans[p]
			t.parent = int32(p)
			t.lead = distance(parent.StartTimeUnixNano, s.StartTimeUnixNano)
			t.tail = distance(s.EndTimeUnixNano, parent.EndTimeUnixNano)
			t.nested = t.lead >= 0 && t.length >= 0 && t.tail >= 0
		}
		state[i] = done
		list = append(list, t)
	}
	for i := range spans {
		if state[i] == unseen {
			visit(i)
		}
	}
	return list, distance(first, last)
}

// tick returns the coarsest resolution of milli-, micro- and nanoseconds that fits the times of s.
func tick(s *trace.Span) int64 {
	for _, t := range []uint64{1e6, 1e3} {
		if s.StartTimeUnixNano%t == 0 && s.EndTimeUnixNano%t == 0 {
			return int64(t)
		}
	}
	return 1
}

func distance(from, to uint64) float64 { return float64(int64(to - from)) }
