package ingest

import "github.com/clewhq/clew/span"

// span reads Span { bytes trace_id 1, span_id 2; string trace_state 3; bytes
// parent_span_id 4; string name 5; SpanKind 6; fixed64 start 7, end 8; repeated
// KeyValue 9; uint32 dropped 10; repeated Event 11; uint32 dropped 12; repeated
// Link 13; uint32 dropped 14; Status 15; fixed32 flags 16 }.
//
// Events and links are decoded after the walk, so that the span's own
// attributes lie side by side in b.Values.
func (d *decoder) span(msg []byte) error {
	if err := d.take(); err != nil {
		return err
	}
	var s protoSpan
	before := d.mark()
	d.events, d.links = d.events[:0], d.links[:0]
	list := d.beginAttrs()
	if err := d.spanFields(msg, &s); err != nil {
		return err
	}
	s.attrs = d.endAttrs(list)
	fault, err := d.eventsAndLinks()
	if err != nil {
		return err
	}
	if f := s.ids.check(&s.row); f != (idFault{}) {
		fault = f
	}
	if fault != (idFault{}) {
		d.undo(before)
		d.tally.add(fault)
		return nil
	}
	dict := &d.b.Dict
	s.name, s.state, s.message = dict.Intern(s.nameText), dict.Intern(s.stateText), dict.Intern(s.messageText)
	d.appendSpan(&s.row)
	return nil
}

// protoSpan is a row with what is only looked at when the span is known to be kept.
type protoSpan struct {
	row
	ids                              spanIDs
	nameText, stateText, messageText []byte
}

// spanFields walks over a span, adds its attributes to the open list, and puts
// its events and links aside.
func (d *decoder) spanFields(msg []byte, s *protoSpan) (err error) {
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			s.ids.trace = msg[end-int(v) : end]
		case 2<<3 | length:
			s.ids.span = msg[end-int(v) : end]
		case 3<<3 | length:
			s.stateText = msg[end-int(v) : end]
		case 4<<3 | length:
			s.ids.parent = msg[end-int(v) : end]
		case 5<<3 | length:
			s.nameText = msg[end-int(v) : end]
		case 6<<3 | varint:
			s.kind = int32(v)
		case 7<<3 | fixed64:
			s.start = v
		case 8<<3 | fixed64:
			s.end = v
		case 9<<3 | length:
			if err = d.keyValue(msg[end-int(v) : end : end]); err != nil {
				err = inItem("attributes", len(d.shape), err)
			}
		case 10<<3 | varint:
			s.dropped.Attrs = uint32(v)
		case 11<<3 | length:
			d.events, err = append(d.events, msg[end-int(v):end:end]), d.take()
		case 12<<3 | varint:
			s.dropped.Events = uint32(v)
		case 13<<3 | length:
			d.links, err = append(d.links, msg[end-int(v):end:end]), d.take()
		case 14<<3 | varint:
			s.dropped.Links = uint32(v)
		case 15<<3 | length:
			err = in("status", readStatus(msg[end-int(v):end], &s.status, &s.messageText))
		case 16<<3 | fixed32:
			s.flags = uint32(v)
		default:
			err = other(tag, 16)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readStatus reads Status { string message 2; StatusCode 3 } into what earlier occurrences left.
func readStatus(msg []byte, code *int32, message *[]byte) error {
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 2<<3 | length:
			*message = msg[end-int(v) : end]
		case 3<<3 | varint:
			*code = int32(v)
		default:
			if tag>>3 != 1 { // reserved, so unknown
				if err := other(tag, 3); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// eventsAndLinks reads what the walk over a span has put aside.
func (d *decoder) eventsAndLinks() (idFault, error) {
	var fault idFault
	for n, msg := range d.events {
		if err := d.event(msg); err != nil {
			return fault, inItem("events", n, err)
		}
	}
	for n, msg := range d.links {
		f, err := d.link(msg)
		if err != nil {
			return fault, inItem("links", n, err)
		}
		if f != (idFault{}) {
			fault = f
		}
	}
	return fault, nil
}

// event reads Event { fixed64 time 1; string name 2; repeated KeyValue 3; uint32 dropped 4 }.
func (d *decoder) event(msg []byte) error {
	var e span.Event
	var name []byte
	list := d.beginAttrs()
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | fixed64:
			e.Time = v
		case 2<<3 | length:
			name = msg[end-int(v) : end]
		case 3<<3 | length:
			if err := d.keyValue(msg[end-int(v) : end : end]); err != nil {
				return inItem("attributes", len(d.shape), err)
			}
		case 4<<3 | varint:
			e.DroppedAttrs = uint32(v)
		default:
			if err := other(tag, 4); err != nil {
				return err
			}
		}
	}
	e.Name, e.Attrs = d.b.Dict.Intern(name), d.endAttrs(list)
	d.b.Events = append(d.b.Events, e)
	return nil
}

// link reads Link { bytes trace_id 1, span_id 2; string trace_state 3;
// repeated KeyValue 4; uint32 dropped 5; fixed32 flags 6 }.
func (d *decoder) link(msg []byte) (idFault, error) {
	var l span.Link
	var trace, id, state []byte
	list := d.beginAttrs()
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return idFault{}, errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			trace = msg[end-int(v) : end]
		case 2<<3 | length:
			id = msg[end-int(v) : end]
		case 3<<3 | length:
			state = msg[end-int(v) : end]
		case 4<<3 | length:
			if err := d.keyValue(msg[end-int(v) : end : end]); err != nil {
				return idFault{}, inItem("attributes", len(d.shape), err)
			}
		case 5<<3 | varint:
			l.DroppedAttrs = uint32(v)
		case 6<<3 | fixed32:
			l.Flags = uint32(v)
		default:
			if err := other(tag, 6); err != nil {
				return idFault{}, err
			}
		}
	}
	l.State, l.Attrs = d.b.Dict.Intern(state), d.endAttrs(list)
	fault := setLinkIDs(&l, trace, id)
	d.b.Links = append(d.b.Links, l)
	return fault, nil
}
