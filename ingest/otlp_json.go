package ingest

import (
	"encoding/binary"

	"github.com/clewhq/clew/span"
)

// OTLP/JSON: protobuf's JSON mapping, but ids in hex, enums only as integers,
// and names only in lowerCamelCase. One method for each message; unknown
// members are skipped.

func (d *decoder) requestJSON(raw []byte) error {
	j := &d.json
	j.reset(raw)
	err := j.object(func(name []byte) error {
		if string(name) == d.of.resourcesJSON {
			return j.array(d.resourceSpansJSON)
		}
		return j.skip()
	})
	if err == nil {
		err = j.end()
	}
	return j.locate(err)
}

func (d *decoder) resourceSpansJSON() error {
	first := d.b.Len()
	var r span.Resource
	err := d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "resource":
			return d.resourceJSON(&r)
		case d.of.scopesJSON:
			return d.json.array(d.scopeSpansJSON)
		case "schemaUrl":
			r.SchemaURL, err = d.stringJSON()
			return err
		}
		return d.json.skip()
	})
	if err != nil || first == d.b.Len() {
		return err
	}
	d.attrsKey(r.Attrs)
	for _, v := range []uint32{r.SchemaURL, r.DroppedAttrs, r.EntityRefs} {
		d.key = binary.LittleEndian.AppendUint32(d.key, v)
	}
	known := d.resources.Len()
	ref := d.resources.Intern(d.key)
	if d.resources.Len() != known {
		d.b.Resources = append(d.b.Resources, r)
	}
	fill(d.b.Resource, first, ref-1)
	return nil
}

// attrsKey sets d.key to what two equal attribute lists have in common.
func (d *decoder) attrsKey(a span.Attrs) {
	d.key = binary.LittleEndian.AppendUint32(d.key[:0], a.Shape)
	for i := range d.b.Shapes.Entries(a.Shape) {
		d.key = binary.LittleEndian.AppendUint64(d.key, d.b.Values[int(a.First)+i])
	}
}

func (d *decoder) resourceJSON(r *span.Resource) error {
	return d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "attributes":
			r.Attrs, err = d.attrsJSON()
		case "droppedAttributesCount":
			r.DroppedAttrs, err = d.json.uint32()
		case "entityRefs":
			d.proto = d.proto[:0]
			err = d.json.array(d.entityRefJSON)
			r.EntityRefs = d.b.Dict.Intern(d.proto)
		default:
			err = d.json.skip()
		}
		return err
	})
}

func (d *decoder) scopeSpansJSON() error {
	first := d.b.Len()
	var s span.Scope
	err := d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "scope":
			return d.scopeJSON(&s)
		case d.of.itemsJSON:
			return d.json.array(func() error { return d.of.itemJSON(d) })
		case "schemaUrl":
			s.SchemaURL, err = d.stringJSON()
			return err
		}
		return d.json.skip()
	})
	if err != nil || first == d.b.Len() {
		return err
	}
	d.attrsKey(s.Attrs)
	for _, v := range []uint32{s.Name, s.Version, s.SchemaURL, s.DroppedAttrs} {
		d.key = binary.LittleEndian.AppendUint32(d.key, v)
	}
	known := d.scopes.Len()
	ref := d.scopes.Intern(d.key)
	if d.scopes.Len() != known {
		d.b.Scopes = append(d.b.Scopes, s)
	}
	fill(d.b.Scope, first, ref-1)
	return nil
}

func (d *decoder) scopeJSON(s *span.Scope) error {
	return d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			s.Name, err = d.stringJSON()
		case "version":
			s.Version, err = d.stringJSON()
		case "attributes":
			s.Attrs, err = d.attrsJSON()
		case "droppedAttributesCount":
			s.DroppedAttrs, err = d.json.uint32()
		default:
			err = d.json.skip()
		}
		return err
	})
}

func (d *decoder) spanJSON() error {
	if err := d.take(); err != nil {
		return d.json.fail(err)
	}
	r := &row{}
	var size idSizes
	before := d.mark()
	d.fault = idFault{}
	err := d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "traceId":
			size.trace, err = d.json.id(r.trace[:])
		case "spanId":
			size.span, err = d.json.id(r.id[:])
		case "parentSpanId":
			size.parent, err = d.json.id(r.parent[:])
		case "status":
			err = d.statusJSON(r)
		case "events":
			err = d.json.array(d.eventJSON)
		case "links":
			err = d.json.array(d.linkJSON)
		default:
			err = d.spanFieldJSON(r, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	if f := size.check(r); f != (idFault{}) {
		d.fault = f
	}
	if d.fault != (idFault{}) {
		d.undo(before)
		d.tally.add(d.fault)
		return nil
	}
	d.appendSpan(r)
	return nil
}

// spanFieldJSON reads what is neither an id nor a message.
func (d *decoder) spanFieldJSON(r *row, name []byte) (err error) {
	j := &d.json
	switch string(name) {
	case "traceState":
		r.state, err = d.stringJSON()
	case "flags":
		r.flags, err = j.uint32()
	case "name":
		r.name, err = d.stringJSON()
	case "kind":
		r.kind, err = j.enum()
	case "startTimeUnixNano":
		r.start, err = j.uint64()
	case "endTimeUnixNano":
		r.end, err = j.uint64()
	case "attributes":
		r.attrs, err = d.attrsJSON()
	case "droppedAttributesCount":
		r.dropped.Attrs, err = j.uint32()
	case "droppedEventsCount":
		r.dropped.Events, err = j.uint32()
	case "droppedLinksCount":
		r.dropped.Links, err = j.uint32()
	default:
		err = j.skip()
	}
	return err
}

func (d *decoder) statusJSON(r *row) error {
	return d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "message":
			r.message, err = d.stringJSON()
		case "code":
			r.status, err = d.json.enum()
		default:
			err = d.json.skip()
		}
		return err
	})
}

func (d *decoder) eventJSON() error {
	if err := d.take(); err != nil {
		return d.json.fail(err)
	}
	var e span.Event
	err := d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "timeUnixNano":
			e.Time, err = d.json.uint64()
		case "name":
			e.Name, err = d.stringJSON()
		case "attributes":
			e.Attrs, err = d.attrsJSON()
		case "droppedAttributesCount":
			e.DroppedAttrs, err = d.json.uint32()
		default:
			err = d.json.skip()
		}
		return err
	})
	d.b.Events = append(d.b.Events, e)
	return err
}

func (d *decoder) linkJSON() error {
	if err := d.take(); err != nil {
		return d.json.fail(err)
	}
	var l span.Link
	var size idSizes
	err := d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "traceId":
			size.trace, err = d.json.id(l.TraceID[:])
		case "spanId":
			size.span, err = d.json.id(l.SpanID[:])
		case "traceState":
			l.State, err = d.stringJSON()
		case "flags":
			l.Flags, err = d.json.uint32()
		case "attributes":
			l.Attrs, err = d.attrsJSON()
		case "droppedAttributesCount":
			l.DroppedAttrs, err = d.json.uint32()
		default:
			err = d.json.skip()
		}
		return err
	})
	if f := size.checkLink(); f != (idFault{}) {
		d.fault = f
	}
	d.b.Links = append(d.b.Links, l)
	return err
}

// idSizes are the numbers of hex digits of the ids of a span or link.
type idSizes struct{ trace, span, parent int }

// check returns what is wrong with the first wrong id of a span.
func (s *idSizes) check(r *row) idFault {
	if s.trace != 32 {
		return idFault{traceID, s.trace}
	}
	if s.span != 16 {
		return idFault{spanID, s.span}
	}
	if s.parent != 0 && s.parent != 16 {
		return idFault{parentID, s.parent}
	}
	return r.zeroID()
}

// checkLink is check for a link, whose ids may be absent or all zero.
func (s *idSizes) checkLink() idFault {
	if s.trace != 0 && s.trace != 32 {
		return idFault{linkTraceID, s.trace}
	}
	if s.span != 0 && s.span != 16 {
		return idFault{linkSpanID, s.span}
	}
	return idFault{}
}
