package ingest

import (
	"encoding/binary"
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

func (d *decoder) stringJSON() (span.Ref, error) {
	s, err := d.json.text()
	return d.b.Dict.Intern(s), err
}

// attrsJSON reads a list of KeyValue.
func (d *decoder) attrsJSON() (span.Attrs, error) {
	list := d.beginAttrs()
	err := d.json.array(d.keyValueJSON)
	return d.endAttrs(list), err
}

func (d *decoder) keyValueJSON() error {
	if err := d.take(); err != nil {
		return d.json.fail(err)
	}
	var key span.Ref
	d.proto = d.proto[:0]
	err := d.json.object(func(name []byte) (err error) {
		switch string(name) {
		case "key":
			key, err = d.stringJSON()
		case "value":
			err = d.anyJSON(0)
		default:
			err = d.json.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	var val anyValue
	if err := val.read(d.proto, 0); err != nil {
		return d.json.fail(err)
	}
	d.addAttr(key, &val)
	return nil
}

// anyJSON reads an AnyValue and appends it to d.proto as protobuf encodes it,
// which is the form that nested values are kept in. depth counts the lists around it.
func (d *decoder) anyJSON(depth int) error {
	set := false
	return d.json.object(func(name []byte) error {
		known, err := d.anyFieldJSON(name, depth)
		if !known {
			return d.json.skip()
		}
		if err == nil && set {
			err = d.json.fail(errors.New("a value of two types"))
		}
		set = true
		return err
	})
}

// anyFieldJSON reads the member name of an AnyValue if it is known.
func (d *decoder) anyFieldJSON(name []byte, depth int) (known bool, err error) {
	j := &d.json
	switch string(name) {
	case "stringValue":
		var s []byte
		s, err = j.text()
		d.appendBytes(1, s)
	case "boolValue":
		var v bool
		v, err = j.bool()
		d.proto = append(d.proto, 2<<3|varint, byte(protowire.EncodeBool(v)))
	case "intValue":
		var v int64
		v, err = j.int64()
		d.proto = protowire.AppendVarint(append(d.proto, 3<<3|varint), uint64(v))
	case "doubleValue":
		var v float64
		v, err = j.float64()
		d.proto = binary.LittleEndian.AppendUint64(append(d.proto, 4<<3|fixed64), math.Float64bits(v))
	case "arrayValue":
		err = d.messageJSON(5, func() error {
			return d.listJSON(func() error { return d.anyJSON(depth + 1) }, depth)
		})
	case "kvlistValue":
		err = d.messageJSON(6, func() error {
			return d.listJSON(func() error { return d.pairJSON(depth + 1) }, depth)
		})
	case "bytesValue":
		var s []byte
		s, err = j.bytes()
		d.appendBytes(7, s)
	default:
		return false, nil
	}
	return true, err
}

// listJSON reads an ArrayValue or KeyValueList whose members element reads.
func (d *decoder) listJSON(element func() error, depth int) error {
	if depth >= span.MaxDepth {
		return d.json.fail(span.ErrDepth)
	}
	return d.json.object(func(name []byte) error {
		if string(name) != "values" {
			return d.json.skip()
		}
		return d.json.array(func() error { return d.messageJSON(1, element) })
	})
}

// pairJSON reads a KeyValue of a KeyValueList.
func (d *decoder) pairJSON(depth int) error {
	return d.json.object(func(name []byte) error {
		switch string(name) {
		case "key":
			s, err := d.json.text()
			d.appendBytes(1, s)
			return err
		case "value":
			return d.messageJSON(2, func() error { return d.anyJSON(depth) })
		}
		return d.json.skip()
	})
}

// entityRefJSON reads an EntityRef.
func (d *decoder) entityRefJSON() error {
	text := func(num byte) func() error {
		return func() error {
			s, err := d.json.text()
			d.appendBytes(num, s)
			return err
		}
	}
	return d.messageJSON(3, func() error {
		return d.json.object(func(name []byte) error {
			switch string(name) {
			case "schemaUrl":
				return text(1)()
			case "type":
				return text(2)()
			case "idKeys":
				return d.json.array(text(3))
			case "descriptionKeys":
				return d.json.array(text(4))
			}
			return d.json.skip()
		})
	})
}

// messageJSON appends field num with the message that body appends.
func (d *decoder) messageJSON(num byte, body func() error) error {
	d.proto = append(d.proto, num<<3|length)
	begin := len(d.proto)
	err := body()
	d.proto = insertSize(d.proto, begin)
	return err
}

// appendBytes appends field num with a string or bytes.
func (d *decoder) appendBytes(num byte, s []byte) {
	d.proto = protowire.AppendBytes(append(d.proto, num<<3|length), s)
}
