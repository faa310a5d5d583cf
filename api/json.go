package api

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clewhq/clew/span"
)

// jsonWriter writes one JSON document piece by piece; what it holds back is
// bounded by the largest string. The first error sticks, in err.
type jsonWriter struct {
	enc *jsontext.Encoder
	err error
}

func newJSON(w io.Writer, opts ...jsontext.Options) *jsonWriter {
	// Names are ours and need no check for duplicates.
	opts = append(opts, jsontext.AllowDuplicateNames(true))
	return &jsonWriter{enc: jsontext.NewEncoder(w, opts...)}
}

func (j *jsonWriter) token(t jsontext.Token) {
	if j.err == nil {
		j.err = j.enc.WriteToken(t)
	}
}

func (j *jsonWriter) value(v []byte) {
	if j.err == nil {
		j.err = j.enc.WriteValue(v)
	}
}

func (j *jsonWriter) object()           { j.token(jsontext.BeginObject) }
func (j *jsonWriter) endObject()        { j.token(jsontext.EndObject) }
func (j *jsonWriter) array()            { j.token(jsontext.BeginArray) }
func (j *jsonWriter) endArray()         { j.token(jsontext.EndArray) }
func (j *jsonWriter) null()             { j.token(jsontext.Null) }
func (j *jsonWriter) name(s string)     { j.token(jsontext.String(s)) }
func (j *jsonWriter) boolean(b bool)    { j.token(jsontext.Bool(b)) }
func (j *jsonWriter) integer(n int64)   { j.token(jsontext.Int(n)) }
func (j *jsonWriter) unsigned(n uint64) { j.token(jsontext.Uint(n)) }

// float writes a number, or "NaN", "Infinity", "-Infinity" as a string.
func (j *jsonWriter) float(f float64) { j.token(jsontext.Float(f)) }

// text writes a string; bytes that are not UTF-8 become U+FFFD.
func (j *jsonWriter) text(s string) {
	v, _ := jsontext.AppendQuote(j.enc.AvailableBuffer(), s)
	j.value(v)
}

// bytes is text for a byte slice.
func (j *jsonWriter) bytes(s []byte) {
	v, _ := jsontext.AppendQuote(j.enc.AvailableBuffer(), s)
	j.value(v)
}

func (j *jsonWriter) hex(b []byte) {
	v := append(j.enc.AvailableBuffer(), '"')
	j.value(append(hex.AppendEncode(v, b), '"'))
}

func (j *jsonWriter) base64(b []byte) {
	v := append(j.enc.AvailableBuffer(), '"')
	j.value(append(base64.StdEncoding.AppendEncode(v, b), '"'))
}

// quotedInt writes a 64-bit number as a string, which JavaScript cannot round.
func (j *jsonWriter) quotedInt(n int64) {
	v := append(j.enc.AvailableBuffer(), '"')
	j.value(append(strconv.AppendInt(v, n, 10), '"'))
}

func (j *jsonWriter) quotedUint(n uint64) {
	v := append(j.enc.AvailableBuffer(), '"')
	j.value(append(strconv.AppendUint(v, n, 10), '"'))
}

// appendPlain appends v as ordinary JSON: an array as an array, a map as an
// object with its members in order, bytes as base64, an empty value as null.
func appendPlain(dst []byte, v span.Value) ([]byte, error) {
	switch v.Type {
	case span.String:
		dst, _ = jsontext.AppendQuote(dst, v.Str)
	case span.Bool:
		dst = strconv.AppendBool(dst, v.Bool())
	case span.Int:
		dst = strconv.AppendInt(dst, v.Int(), 10)
	case span.Float:
		dst = appendFloat(dst, v.Float())
	case span.Bytes:
		dst = append(dst, '"')
		dst = append(base64.StdEncoding.AppendEncode(dst, []byte(v.Str)), '"')
	case span.Array:
		return appendPlainArray(dst, v)
	case span.Map:
		return appendPlainMap(dst, v)
	default:
		dst = append(dst, "null"...)
	}
	return dst, nil
}

// appendFloat appends a number as float writes it.
func appendFloat(dst []byte, f float64) []byte {
	switch { // for some JSON has no numbers
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	return jsontext.AppendFloat(dst, f, 64)
}

func appendPlainArray(dst []byte, v span.Value) ([]byte, error) {
	elements, err := v.Elements()
	if err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendPlain(dst, e); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendPlainMap(dst []byte, v span.Value) ([]byte, error) {
	pairs, err := v.Pairs()
	if err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	for i, kv := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, kv.Key)
		dst = append(dst, ':')
		if dst, err = appendPlain(dst, kv.Value); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
