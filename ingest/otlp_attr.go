package ingest

import (
	"github.com/clewhq/clew/span"
)

// beginAttrs starts an attribute list. One list is open at a time, and its
// values follow each other in b.Values.
func (d *decoder) beginAttrs() uint32 {
	d.shape = d.shape[:0]
	return uint32(len(d.b.Values))
}

// endAttrs ends the list that began at first.
func (d *decoder) endAttrs(first uint32) span.Attrs {
	return span.Attrs{Shape: d.b.Shapes.Intern(d.shape), First: first}
}

// keyValue reads KeyValue { string key 1; AnyValue value 2 } and adds it to the open list.
func (d *decoder) keyValue(msg []byte) error {
	if err := d.take(); err != nil {
		return err
	}
	var key []byte
	var val anyValue
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			key = msg[end-int(v) : end]
		case 2<<3 | length:
			if err := val.read(msg[end-int(v):end:end], 0); err != nil {
				return in("value", err)
			}
		default:
			if err := other(tag, 2); err != nil {
				return err
			}
		}
	}
	d.addAttr(d.b.Dict.Intern(key), &val)
	return nil
}

// addAttr adds an attribute to the open list.
func (d *decoder) addAttr(key span.Ref, val *anyValue) {
	if val.typ.InDict() {
		val.num = uint64(d.b.Dict.Intern(val.raw))
	}
	d.shape = append(d.shape, span.Entry{Key: key, Type: val.typ})
	d.b.Values = append(d.b.Values, val.num)
}

// anyValue is an AnyValue while it is read.
type anyValue struct {
	typ span.Type
	num uint64 // the bits of Bool, Int and Float
	raw []byte // the payload of all others
}

// read reads AnyValue { oneof string 1, bool 2, int64 3, double 4, ArrayValue 5,
// KeyValueList 6, bytes 7 } on top of what earlier occurrences left: the last
// member set wins, and one that is a message is merged with the same before it.
// depth counts the lists around the value.
func (a *anyValue) read(msg []byte, depth int) error {
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			*a = anyValue{typ: span.String, raw: msg[end-int(v) : end]}
		case 2<<3 | varint:
			*a = anyValue{typ: span.Bool}
			if v != 0 {
				a.num = 1
			}
		case 3<<3 | varint:
			*a = anyValue{typ: span.Int, num: v}
		case 4<<3 | fixed64:
			*a = anyValue{typ: span.Float, num: v}
		case 5<<3 | length:
			if err := a.list(span.Array, msg[end-int(v):end:end], depth); err != nil {
				return in("array_value", err)
			}
		case 6<<3 | length:
			if err := a.list(span.Map, msg[end-int(v):end:end], depth); err != nil {
				return in("kvlist_value", err)
			}
		case 7<<3 | length:
			*a = anyValue{typ: span.Bytes, raw: msg[end-int(v) : end]}
		case 8<<3 | varint: // string_value_strindex: only in profiles, but of the oneof
			*a = anyValue{}
		default:
			if err := other(tag, 8); err != nil {
				return err
			}
		}
	}
	return nil
}

// list takes in an ArrayValue or KeyValueList after checking it to its leaves.
func (a *anyValue) list(typ span.Type, msg []byte, depth int) error {
	if depth >= span.MaxDepth {
		return span.ErrDepth
	}
	if err := checkList(typ, msg, depth); err != nil {
		return err
	}
	if a.typ == typ {
		a.raw = append(a.raw, msg...)
	} else {
		*a = anyValue{typ: typ, raw: msg}
	}
	return nil
}

// checkList checks ArrayValue { repeated AnyValue 1 } or KeyValueList { repeated KeyValue 1 }.
func checkList(typ span.Type, msg []byte, depth int) error {
	n := 0
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		if tag != 1<<3|length {
			if err := other(tag, 1); err != nil {
				return err
			}
			continue
		}
		var member anyValue
		var err error
		if typ == span.Array {
			err = member.read(msg[end-int(v):end:end], depth+1)
		} else {
			err = checkPair(msg[end-int(v):end:end], depth+1)
		}
		if err != nil {
			return inItem("values", n, err)
		}
		n++
	}
	return nil
}

// checkPair checks a KeyValue of a KeyValueList.
func checkPair(msg []byte, depth int) error {
	var val anyValue
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
		case 2<<3 | length:
			if err := val.read(msg[end-int(v):end:end], depth); err != nil {
				return in("value", err)
			}
		default:
			if err := other(tag, 2); err != nil {
				return err
			}
		}
	}
	return nil
}
