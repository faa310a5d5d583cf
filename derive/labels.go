package derive

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

// overflow is the value of labels that have too many.
const overflow = "__cardinality_overflow__"

// maxLabelBytes is where values of labels are cut: what takes metrics in refuses far longer ones.
const maxLabelBytes = 1024

// cut returns a text as long as labels are at most, without a part of a character at its end.
func cut(text []byte) []byte {
	if len(text) <= maxLabelBytes {
		return text
	}
	n := maxLabelBytes
	for n > maxLabelBytes-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// A key of a series is the values of its labels, each behind its length.
func appendLabel(key []byte, value []byte) []byte {
	value = cut(value)
	return append(binary.AppendUvarint(key, uint64(len(value))), value...)
}

func appendLabelText(key []byte, value string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(value))), value...)
}

// splitKey returns the values in a key, made valid.
func splitKey(key []byte) []string {
	var values []string
	for len(key) > 0 {
		n, size := binary.Uvarint(key)
		value := key[size:][:n]
		values = append(values, strings.ToValidUTF8(string(value), "\ufffd"))
		key = key[size+int(n):]
	}
	return values
}

func keyOf(dst []byte, values []string) []byte {
	for _, v := range values {
		dst = appendLabelText(dst, v)
	}
	return dst
}

// label is a pair of name and value, as Prometheus' model has it.
func label(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: proto.String(name), Value: proto.String(value)}
}

// pairs returns the labels of a series, in the order of their names.
func pairs(names, values []string) []*dto.LabelPair {
	list := make([]*dto.LabelPair, len(names))
	for i, name := range names {
		list[i] = label(name, values[i])
	}
	slices.SortFunc(list, func(x, y *dto.LabelPair) int { return strings.Compare(x.GetName(), y.GetName()) })
	return list
}

// nameLabel and boundLabel are what Prometheus itself makes of a metric's name and of the bounds of buckets.
const (
	nameLabel  = "__name__"
	boundLabel = "le"
)

// labelName is a key as Prometheus allows it.
func labelName(key string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, key)
	if name == "" || '0' <= name[0] && name[0] <= '9' {
		return "_" + name
	}
	return name
}

// dimensionName is the label of a dimension: two underscores set it apart from one of the series' own labels.
func dimensionName(key string, own []string) string {
	name := labelName(key)
	if slices.Contains(own, name) {
		return "__" + name
	}
	return name
}

// splitDimension returns the name of a dimension's label, and the keys of the attributes that it is made of.
func splitDimension(d string) (name string, keys []string) {
	name, list, named := strings.Cut(d, "=")
	if !named {
		return d, []string{d}
	}
	return name, strings.Split(list, "+")
}

// keySet finds attributes by keys that are known beforehand, in one batch after the other.
type keySet struct {
	names []string
	refs  []span.Ref // by name, in the dictionary of the batch; noKey: it has none
}

const noKey = ^span.Ref(0)

func newKeySet(names ...string) keySet {
	return keySet{names, make([]span.Ref, len(names))}
}

// resolve looks the keys up in a batch, which find is for until the next one.
func (k *keySet) resolve(b *span.Batch) {
	for i, name := range k.names {
		ref, ok := b.Dict.Lookup([]byte(name))
		if !ok {
			ref = noKey
		}
		k.refs[i] = ref
	}
}

// find returns type and bits of the attribute with key i.
func (k *keySet) find(b *span.Batch, a span.Attrs, i int) (t span.Type, bits uint64, ok bool) {
	ref := k.refs[i]
	if ref == noKey {
		return 0, 0, false
	}
	for at, e := range b.Shapes.Entries(a.Shape) {
		if e.Key == ref {
			return e.Type, b.Values[int(a.First)+at], true
		}
	}
	return 0, 0, false
}

// text appends the text of the attribute with key i, if there is one.
func (k *keySet) text(dst []byte, b *span.Batch, a span.Attrs, i int) ([]byte, bool) {
	t, bits, ok := k.find(b, a, i)
	if !ok {
		return dst, false
	}
	return appendBits(dst, b, t, bits), true
}

// appendBits appends a value of a batch as a label has it.
func appendBits(dst []byte, b *span.Batch, t span.Type, bits uint64) []byte {
	if t == span.String {
		return append(dst, b.Dict.Bytes(span.Ref(bits))...)
	}
	return appendText(dst, b.Value(t, bits))
}

// appendText appends a value as a label has it: elements without anything
// between them, as Tempo writes them.
func appendText(dst []byte, v span.Value) []byte {
	switch v.Type {
	case span.String:
		return append(dst, v.Str...)
	case span.Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case span.Float:
		return strconv.AppendFloat(dst, v.Float(), 'f', -1, 64)
	case span.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case span.Array:
		elements, _ := v.Elements() // the receiver has checked it
		dst = append(dst, '[')
		for _, e := range elements {
			dst = appendText(dst, e)
		}
		return append(dst, ']')
	case span.Map:
		members, _ := v.Pairs()
		dst = append(dst, '{')
		for _, m := range members {
			dst = append(append(dst, m.Key...), ':')
			dst = appendText(dst, m.Value)
		}
		return append(dst, '}')
	}
	return dst
}

// names keeps one copy of each text, which callers of many spans share.
type names map[string]string

// maxNames bounds the texts; with more they are collected anew.
const maxNames = 100_000

func (n names) of(text []byte) string {
	text = cut(text)
	if name, ok := n[string(text)]; ok {
		return name
	}
	if len(n) >= maxNames {
		clear(n)
	}
	raw := string(text)
	name := strings.ToValidUTF8(raw, "\ufffd")
	n[raw] = name
	return name
}
