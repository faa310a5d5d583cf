package ingest

import (
	"encoding/binary"

	"github.com/clewhq/clew/span"
)

// The messages of opentelemetry.proto.collector.trace.v1, one method each; those
// of logs are the same around other items. All
// walk alike: field by field with field, switching on the whole tag. A list or
// a singular message may be spread over its message in pieces, and any field
// may follow any other, so what needs all of a message happens at its end.

// request reads ExportTraceServiceRequest { repeated ResourceSpans 1 }.
func (d *decoder) request(msg []byte) error {
	n := 0
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			if err := d.resourceSpans(msg[end-int(v) : end : end]); err != nil {
				return inItem(d.of.resources, n, err)
			}
			n++
		default:
			if err := other(tag, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// resourceSpans reads ResourceSpans { Resource 1; repeated ScopeSpans 2; string schema_url 3 }.
func (d *decoder) resourceSpans(msg []byte) error {
	first, n := d.b.Len(), 0
	var resource, schema []byte
	var err error
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			if resource, err = merge(resource, msg[end-int(v):end:end]); err != nil {
				return in("resource", err)
			}
		case 2<<3 | length:
			if err := d.scopeSpans(msg[end-int(v) : end : end]); err != nil {
				return inItem(d.of.scopes, n, err)
			}
			n++
		case 3<<3 | length:
			schema = msg[end-int(v) : end]
		default:
			if err := other(tag, 3); err != nil {
				return err
			}
		}
	}
	return in("resource", d.closeResource(first, resource, schema))
}

// closeResource decodes the resource of the spans from first on, unless its
// like was seen in this request. Without spans it is only checked.
func (d *decoder) closeResource(first int, msg, schema []byte) error {
	b := d.b
	d.key = identity(d.key[:0], schema, msg)
	if ref, ok := d.resources.Lookup(d.key); ok {
		fill(b.Resource, first, ref-1)
		return nil
	}
	m := d.mark()
	r := span.Resource{SchemaURL: b.Dict.Intern(schema)}
	if err := d.resource(msg, &r); err != nil {
		return err
	}
	if first == b.Len() {
		d.undo(m)
		return nil
	}
	fill(b.Resource, first, d.resources.Intern(d.key)-1)
	b.Resources = append(b.Resources, r)
	return nil
}

// identity appends what two equal resources or scopes have in common, and no two others.
func identity(key, schema, msg []byte) []byte {
	key = binary.AppendUvarint(key, uint64(len(schema)))
	return append(append(key, schema...), msg...)
}

// resource reads Resource { repeated KeyValue 1; uint32 dropped 2; repeated EntityRef 3 }.
func (d *decoder) resource(msg []byte, r *span.Resource) error {
	list := d.beginAttrs()
	var entities []byte
	for i := 0; i < len(msg); {
		begin := i
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			if err := d.keyValue(msg[end-int(v) : end : end]); err != nil {
				return inItem("attributes", len(d.shape), err)
			}
		case 2<<3 | varint:
			r.DroppedAttrs = uint32(v)
		case 3<<3 | length:
			if err := entityRef(msg[end-int(v) : end]); err != nil {
				return in("entity_refs", err)
			}
			entities = append(entities, msg[begin:end]...)
		default:
			if err := other(tag, 3); err != nil {
				return err
			}
		}
	}
	r.Attrs, r.EntityRefs = d.endAttrs(list), d.b.Dict.Intern(entities)
	return nil
}

// entityRef checks EntityRef { string schema_url 1; string type 2; repeated string id_keys 3, description_keys 4 }.
func entityRef(msg []byte) error {
	for i := 0; i < len(msg); {
		tag, _, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		if tag&7 != length {
			if err := other(tag, 4); err != nil {
				return err
			}
		}
	}
	return nil
}

// scopeSpans reads ScopeSpans { InstrumentationScope 1; repeated Span 2; string schema_url 3 }.
func (d *decoder) scopeSpans(msg []byte) error {
	first, n := d.b.Len(), 0
	var scope, schema []byte
	var err error
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			if scope, err = merge(scope, msg[end-int(v):end:end]); err != nil {
				return in("scope", err)
			}
		case 2<<3 | length:
			if err := d.of.item(d, msg[end-int(v):end:end]); err != nil {
				return inItem(d.of.items, n, err)
			}
			n++
		case 3<<3 | length:
			schema = msg[end-int(v) : end]
		default:
			if err := other(tag, 3); err != nil {
				return err
			}
		}
	}
	return in("scope", d.closeScope(first, scope, schema))
}

// closeScope is closeResource for the instrumentation scope.
func (d *decoder) closeScope(first int, msg, schema []byte) error {
	b := d.b
	d.key = identity(d.key[:0], schema, msg)
	if ref, ok := d.scopes.Lookup(d.key); ok {
		fill(b.Scope, first, ref-1)
		return nil
	}
	m := d.mark()
	s := span.Scope{SchemaURL: b.Dict.Intern(schema)}
	if err := d.scope(msg, &s); err != nil {
		return err
	}
	if first == b.Len() {
		d.undo(m)
		return nil
	}
	fill(b.Scope, first, d.scopes.Intern(d.key)-1)
	b.Scopes = append(b.Scopes, s)
	return nil
}

// scope reads InstrumentationScope { string name 1, version 2; repeated KeyValue 3; uint32 dropped 4 }.
func (d *decoder) scope(msg []byte, s *span.Scope) error {
	list := d.beginAttrs()
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			s.Name = d.b.Dict.Intern(msg[end-int(v) : end])
		case 2<<3 | length:
			s.Version = d.b.Dict.Intern(msg[end-int(v) : end])
		case 3<<3 | length:
			if err := d.keyValue(msg[end-int(v) : end : end]); err != nil {
				return inItem("attributes", len(d.shape), err)
			}
		case 4<<3 | varint:
			s.DroppedAttrs = uint32(v)
		default:
			if err := other(tag, 4); err != nil {
				return err
			}
		}
	}
	s.Attrs = d.endAttrs(list)
	return nil
}
