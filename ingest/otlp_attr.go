package ingest

import (
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

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
	if val.odd {
		d.canonical = appendList(d.canonical[:0], val.typ, val.raw)
		val.raw = d.canonical
	}
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
	// odd: something within is not encoded as appendList does it.
	odd bool
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
	odd, err := checkList(typ, msg, depth)
	if err != nil {
		return err
	}
	if a.typ == typ {
		a.raw, a.odd = append(a.raw, msg...), a.odd || odd
	} else {
		*a = anyValue{typ: typ, raw: msg, odd: odd}
	}
	return nil
}

// checkList checks ArrayValue { repeated AnyValue 1 } or KeyValueList { repeated KeyValue 1 }.
func checkList(typ span.Type, msg []byte, depth int) (odd bool, err error) {
	n := 0
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return odd, errWire[-end]
		}
		i = end
		if tag != 1<<3|length {
			if err := other(tag, 1); err != nil {
				return odd, err
			}
			continue
		}
		member := pair{}
		if typ == span.Array {
			err = member.val.read(msg[end-int(v):end:end], depth+1)
		} else {
			err = member.read(msg[end-int(v):end:end], depth+1)
		}
		if err != nil {
			return odd, inItem("values", n, err)
		}
		odd = odd || member.val.odd
		n++
	}
	return odd, nil
}

// pair is a KeyValue of a KeyValueList.
type pair struct {
	key []byte
	val anyValue // odd if the pair is
}

func (p *pair) read(msg []byte, depth int) error {
	keys, values := 0, 0
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		if end < 0 {
			return errWire[-end]
		}
		i = end
		switch tag {
		case 1<<3 | length:
			p.key = msg[end-int(v) : end]
			keys += 1 + values // behind a value it counts twice
		case 2<<3 | length:
			if err := p.val.read(msg[end-int(v):end:end], depth); err != nil {
				return in("value", err)
			}
			values++
		default:
			if err := other(tag, 2); err != nil {
				return err
			}
		}
	}
	p.val.odd = p.val.odd || keys != 1 || values != 1
	return nil
}

// appendList appends an Array or Map, which was checked, in the form that it is kept in: each pair has its key and then
// its value, also if they are empty. Encoders differ in that, and what is the same has to have the same bytes.
func appendList(dst []byte, typ span.Type, msg []byte) []byte {
	for i := 0; i < len(msg); {
		tag, v, end := field(msg, i)
		i = end
		if tag != 1<<3|length {
			continue
		}
		var member pair
		dst = append(dst, 1<<3|length)
		begin := len(dst)
		if typ == span.Array {
			member.val.read(msg[end-int(v):end:end], 0) // never fails
			dst = appendAny(dst, &member.val)
		} else {
			member.read(msg[end-int(v):end:end], 0)
			dst = protowire.AppendBytes(append(dst, 1<<3|length), member.key)
			dst = append(dst, 2<<3|length)
			value := len(dst)
			dst = insertSize(appendAny(dst, &member.val), value)
		}
		dst = insertSize(dst, begin)
	}
	return dst
}

// appendAny appends an AnyValue.
func appendAny(dst []byte, a *anyValue) []byte {
	switch a.typ {
	case span.String:
		return protowire.AppendBytes(append(dst, 1<<3|length), a.raw)
	case span.Bool:
		return protowire.AppendVarint(append(dst, 2<<3|varint), a.num)
	case span.Int:
		return protowire.AppendVarint(append(dst, 3<<3|varint), a.num)
	case span.Float:
		return protowire.AppendFixed64(append(dst, 4<<3|fixed64), a.num)
	case span.Array, span.Map:
		dst = append(dst, byte(5+a.typ-span.Array)<<3|length)
		begin := len(dst)
		return insertSize(appendList(dst, a.typ, a.raw), begin)
	case span.Bytes:
		return protowire.AppendBytes(append(dst, 7<<3|length), a.raw)
	}
	return dst
}

// insertSize puts the size of what begins at a place before it.
func insertSize(dst []byte, begin int) []byte {
	var prefix [binary.MaxVarintLen64]byte
	return slices.Insert(dst, begin, prefix[:binary.PutUvarint(prefix[:], uint64(len(dst)-begin))]...)
}
