package ingest

import (
	"github.com/clewhq/clew/span"
)

// signal is what requests of traces and of logs, which are alike otherwise, differ in.
type signal struct {
	// Names of lists, outermost first, in protobuf and in JSON.
	resources, scopes, items             string
	resourcesJSON, scopesJSON, itemsJSON string

	item     func(d *decoder, msg []byte) error
	itemJSON func(d *decoder) error
}

var (
	traces = signal{
		"resource_spans", "scope_spans", "spans", "resourceSpans", "scopeSpans", "spans",
		(*decoder).span, (*decoder).spanJSON,
	}
	logs = signal{
		"resource_logs", "scope_logs", "log_records", "resourceLogs", "scopeLogs", "logRecords",
		(*decoder).logRecord, (*decoder).logRecordJSON,
	}
)

func signalOf(format span.Format) *signal {
	if format == span.FormatLogsProto || format == span.FormatLogsJSON {
		return &logs
	}
	return &traces
}

// logAdvice is what a sender of refused log records can do.
const logAdvice = "; only log records of traces are kept: write them while a span is active, and send all others to a log store"

// logRecord reads LogRecord { fixed64 time 1; SeverityNumber 2; string severity_text 3; AnyValue body 5; repeated
// KeyValue 6; uint32 dropped 7; fixed32 flags 8; bytes trace_id 9, span_id 10; fixed64 observed 11; string event_name 12 }.
func (d *decoder) logRecord(msg []byte) error {
	if err := d.take(); err != nil {
		return err
	}
	var r protoLog
	before := d.mark()
	list := d.beginAttrs()
	if err := d.logFields(msg, &r); err != nil {
		return err
	}
	d.addAttr(d.b.Dict.InternString(span.LogBody), &r.body)
	r.attrs = d.endAttrs(list)
	if len(r.traceID) == len(r.trace) {
		copy(r.trace[:], r.traceID)
	}
	if len(r.spanID) == len(r.parent) {
		copy(r.parent[:], r.spanID)
	}
	r.name, r.message = d.b.Dict.Intern(r.nameText), d.b.Dict.Intern(r.severityText)
	d.appendLog(&r.row, len(r.traceID), len(r.trace), before)
	return nil
}

// protoLog is a row with what is only looked at when all of the record was read.
type protoLog struct {
	row
	traceID, spanID        []byte
	nameText, severityText []byte
	body                   anyValue
}

// logFields walks over a record and adds its attributes to the open list.
func (d *decoder) logFields(msg []byte, r *protoLog) (err error) {
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | fixed64:
			r.start = v
		case 2<<3 | varint:
			r.kind = int32(v)
		case 3<<3 | length:
			r.severityText = msg[end-int(v) : end]
		case 5<<3 | length:
			err = in("body", r.body.read(msg[end-int(v):end:end], 0))
		case 6<<3 | length:
			if err = d.keyValue(msg[end-int(v) : end : end]); err != nil {
				err = inItem("attributes", len(d.shape), err)
			}
		case 7<<3 | varint:
			r.dropped.Attrs = uint32(v)
		case 8<<3 | fixed32:
			r.flags = uint32(v)
		case 9<<3 | length:
			r.traceID = msg[end-int(v) : end]
		case 10<<3 | length:
			r.spanID = msg[end-int(v) : end]
		case 11<<3 | fixed64:
			r.end = v
		case 12<<3 | length:
			r.nameText = msg[end-int(v) : end]
		default:
			if tag>>3 != 4 { // reserved, so unknown
				err = other(tag, 12)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appendLog adds a record, or counts it as rejected if it is of no trace. size is how long its trace id was, want
// how long it has to be. A span id that is not valid is taken for none, as OTLP prescribes.
func (d *decoder) appendLog(r *row, size, want int, before mark) {
	if size == want && r.trace.IsZero() {
		size = allZero
	}
	if size != want {
		d.undo(before)
		d.tally.add(idFault{traceID, size})
		return
	}
	if r.start == 0 {
		r.start, r.status = r.end, span.LogUntimed
	}
	d.appendSpan(r)
	d.b.SetLogID(d.b.Len() - 1)
}

func (d *decoder) logRecordJSON() error {
	if err := d.take(); err != nil {
		return d.json.fail(err)
	}
	r := &row{}
	var size idSizes
	before := d.mark()
	list := d.beginAttrs()
	d.body = d.body[:0]
	err := d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "traceId":
			size.trace, err = d.json.id(r.trace[:])
		case "spanId":
			size.parent, err = d.json.id(r.parent[:])
		case "attributes":
			err = d.json.array(d.keyValueJSON)
		case "body":
			d.proto = d.proto[:0]
			err = d.anyJSON(0)
			d.body = append(d.body[:0], d.proto...)
		default:
			err = d.logFieldJSON(r, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	var body anyValue
	if err := body.read(d.body, 0); err != nil {
		return d.json.fail(err)
	}
	d.addAttr(d.b.Dict.InternString(span.LogBody), &body)
	r.attrs = d.endAttrs(list)
	d.appendLog(r, size.trace, traceID.digits(), before)
	return nil
}

// logFieldJSON reads what is neither an id nor a message.
func (d *decoder) logFieldJSON(r *row, name []byte) (err error) {
	j := &d.json
	switch string(name) {
	case "timeUnixNano":
		r.start, err = j.uint64()
	case "observedTimeUnixNano":
		r.end, err = j.uint64()
	case "severityNumber":
		r.kind, err = j.enum()
	case "severityText":
		r.message, err = d.stringJSON()
	case "eventName":
		r.name, err = d.stringJSON()
	case "flags":
		r.flags, err = j.uint32()
	case "droppedAttributesCount":
		r.dropped.Attrs, err = j.uint32()
	default:
		err = j.skip()
	}
	return err
}
