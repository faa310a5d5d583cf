// Package ingest turns what applications send into span.Batch.
//
// A Receiver serves OTLP over gRPC (grpc.go) and HTTP (http.go, body.go), within
// limits (inflight.go), and hands each request to a Sink. Between the two stands
// DecodeOTLP, which a store also replays its log with: it walks a request once,
// from the wire (wire.go, json.go) straight into columns (otlp_*.go).
package ingest

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/clewhq/clew/span"
)

// Limits bounds what one request may hold.
type Limits struct {
	// Items is the most spans, events, links and attributes together; 0 means
	// no bound. An item may be as small as two bytes on the wire and takes up
	// to some fifty in a batch, so a bound on bytes alone would not bound memory.
	Items int
}

// ErrTooLarge is wrapped by errors about a request that passes its Limits.
var ErrTooLarge = errors.New("request too large")

// maxRaw is the most bytes of one request. It keeps every index and every Ref
// of a batch within 32 bits, whatever the request holds.
const maxRaw = 1 << 30

// DecodeOTLP decodes an ExportTraceServiceRequest, or an ExportLogsServiceRequest whose records become
// spans (see span.Log), into b, which is reset first. Raw is the request after decompression; b.Raw aliases it, and nothing else in b does.
//
// Spans without valid ids, and log records without a trace id, are left out and counted in Rejected. An error means
// that the request as a whole is malformed, and names the place; what b holds
// then is undefined.
//
// Fields are merged as protobuf prescribes, and unknown ones are skipped.
// Strings of protobuf are taken as they come, valid UTF-8 or not; in JSON what
// is not valid becomes U+FFFD.
func DecodeOTLP(format span.Format, raw []byte, b *span.Batch, lim Limits) (Rejected, error) {
	if len(raw) > maxRaw {
		return Rejected{}, fmt.Errorf("%w: %d bytes, at most %d are possible", ErrTooLarge, len(raw), maxRaw)
	}
	b.Reset()
	b.Format, b.Raw = format, raw
	d := decoders.Get().(*decoder)
	defer d.release()
	d.b = b
	d.itemsLeft = lim.Items
	if lim.Items <= 0 {
		d.itemsLeft = math.MaxInt
	}
	var err error
	switch format {
	case span.FormatOTLPProto, span.FormatLogsProto:
		d.of = signalOf(format)
		err = d.request(raw)
	case span.FormatOTLPJSON, span.FormatLogsJSON:
		d.of = signalOf(format)
		err = d.requestJSON(raw)
	default:
		err = fmt.Errorf("format %d is not OTLP", format)
	}
	if err != nil {
		return Rejected{}, err
	}
	return d.tally.rejected(format), nil
}

// decoder holds the scratch memory of one request.
type decoder struct {
	b         *span.Batch
	of        *signal
	itemsLeft int
	tally     tally

	shape  []span.Entry // of the attribute list being read
	events [][]byte     // of the span being read: encoded Events
	links  [][]byte     // and Links
	body   []byte       // of the log record being read from JSON: an AnyValue

	// Each resource and scope by its encoding: string i+1 of resources stands
	// for b.Resources[i], and likewise for scopes.
	resources, scopes span.Dict
	key               []byte

	json  jsonReader
	proto []byte // what was read from JSON and is kept as protobuf
	// canonical is a nested value that came in another form than it is kept in.
	canonical []byte
	fault     idFault // in the span that is read from JSON
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// release returns d to the pool, with nothing in it that keeps the request or the batch alive.
func (d *decoder) release() {
	if d.size() > maxPooled {
		return
	}
	d.b = nil
	d.tally.reset()
	clear(d.events[:cap(d.events)])
	clear(d.links[:cap(d.links)])
	d.json.release()
	d.resources.Reset()
	d.scopes.Reset()
	decoders.Put(d)
}

// maxPooled is the most memory that one pooled object keeps, in bytes; a rare
// giant must not stay for ever.
const maxPooled = 1 << 20

// size is the memory that d holds, in bytes.
func (d *decoder) size() int {
	return 8*cap(d.shape) + 24*(cap(d.events)+cap(d.links)) + cap(d.key) + cap(d.proto) + cap(d.canonical) + cap(d.body) +
		d.resources.Size() + d.scopes.Size() + d.json.size()
}

// take counts one item against the limit.
func (d *decoder) take() error {
	if d.itemsLeft--; d.itemsLeft < 0 {
		return errItems
	}
	return nil
}

var errItems = fmt.Errorf("%w: it has more spans, events, links and attributes than the limit allows; send smaller batches", ErrTooLarge)

// row is one span before it is appended to the columns.
type row struct {
	trace                span.TraceID
	id, parent           span.SpanID
	start, end           uint64
	name, state, message span.Ref
	kind, status         int32
	flags                uint32
	attrs                span.Attrs
	dropped              span.Dropped
}

// appendSpan adds a span whose events and links are in b already. The
// resource and the scope are filled in when the messages around it end.
func (d *decoder) appendSpan(r *row) {
	b := d.b
	b.TraceIDs = append(b.TraceIDs, r.trace)
	b.SpanIDs = append(b.SpanIDs, r.id)
	b.Parents = append(b.Parents, r.parent)
	b.Starts = append(b.Starts, r.start)
	b.Ends = append(b.Ends, r.end)
	b.Names = append(b.Names, r.name)
	b.Kinds = append(b.Kinds, r.kind)
	b.Statuses = append(b.Statuses, r.status)
	b.Messages = append(b.Messages, r.message)
	b.States = append(b.States, r.state)
	b.Flags = append(b.Flags, r.flags)
	b.Resource = append(b.Resource, 0)
	b.Scope = append(b.Scope, 0)
	b.Attrs = append(b.Attrs, r.attrs)
	b.Dropped = append(b.Dropped, r.dropped)
	b.EventEnds = append(b.EventEnds, uint32(len(b.Events)))
	b.LinkEnds = append(b.LinkEnds, uint32(len(b.Links)))
}

// mark remembers the lengths of the columns that a span fills before it is
// known to be kept.
type mark struct{ values, events, links int }

func (d *decoder) mark() mark {
	return mark{len(d.b.Values), len(d.b.Events), len(d.b.Links)}
}

// undo drops what was appended after m.
func (d *decoder) undo(m mark) {
	b := d.b
	b.Values, b.Events, b.Links = b.Values[:m.values], b.Events[:m.events], b.Links[:m.links]
}

// fill sets column[first:] to v.
func fill(column []uint32, first int, v uint32) {
	for i := first; i < len(column); i++ {
		column[i] = v
	}
}

// pathError says where in a request an error lies.
type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// in returns err, which may be nil, as one that lies in a field of the message around it.
func in(field string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*pathError); ok {
		e.path = field + "." + e.path
		return e
	}
	return &pathError{field, err}
}

// inItem is in for item i of a repeated field.
func inItem(field string, i int, err error) error {
	return in(fmt.Sprintf("%s[%d]", field, i), err)
}
