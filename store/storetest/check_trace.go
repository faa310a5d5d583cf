package storetest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// nasty holds values that are easily confused, cut or rounded.
var nasty = []span.Value{
	{},
	span.StringValue(""), span.StringValue("a"), span.StringValue("ab"), span.StringValue("A"), span.StringValue("\x00"),
	span.StringValue("\xff"), span.StringValue("�"), span.StringValue("é"), span.StringValue("1"), span.StringValue("a\nb"),
	span.BoolValue(false), span.BoolValue(true),
	span.IntValue(0), span.IntValue(1), span.IntValue(-1), span.IntValue(1 << 53), span.IntValue(1<<53 + 1),
	span.IntValue(math.MaxInt64), span.IntValue(math.MinInt64),
	span.FloatValue(0), span.FloatValue(math.Copysign(0, -1)), span.FloatValue(1), span.FloatValue(1.5), span.FloatValue(1 << 53),
	span.FloatValue(1 << 63), span.FloatValue(-1 << 63), span.FloatValue(math.Inf(1)), span.FloatValue(math.Inf(-1)),
	span.FloatValue(math.NaN()), {Type: span.Float, Num: 0xfff8000000000001}, span.FloatValue(math.SmallestNonzeroFloat64),
	span.BytesValue(""), span.BytesValue("a"), span.BytesValue("\x00\xff"),
	span.ArrayValue(), span.ArrayValue(span.StringValue("a"), span.StringValue("b")), span.ArrayValue(span.StringValue("")),
	span.ArrayValue(span.IntValue(1), span.IntValue(2)), span.ArrayValue(span.FloatValue(1), span.FloatValue(math.NaN())),
	span.ArrayValue(span.BoolValue(true)), span.ArrayValue(span.IntValue(1), span.StringValue("1")),
	span.ArrayValue(span.ArrayValue(span.IntValue(1))), span.ArrayValue(span.Value{}), span.ArrayValue(span.BytesValue("a")),
	span.MapValue(), span.MapValue(span.KeyValue{Key: "k", Value: span.MapValue(span.KeyValue{Key: "", Value: span.Value{}})}),
}

const second = 1e9

// plain returns a span with ids made of small numbers, that starts at the given second.
func plain(trace, id byte, start uint64) span.Span {
	return span.Span{
		TraceID: span.TraceID{15: trace}, SpanID: span.SpanID{7: id}, Name: fmt.Sprintf("op-%d", id), Kind: 2,
		Start: start * second, End: start*second + 5e6,
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}},
	}
}

// attrs makes an attribute list of keys and values in turn.
func attrs(pairs ...any) (list []span.KeyValue) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, span.KeyValue{Key: pairs[i].(string), Value: pairs[i+1].(span.Value)})
	}
	return list
}

// eachLeaf calls f with every field inside v, whether v is a struct, a list or
// a field itself. The path names fields and no positions: "Events.Attrs.Key".
func eachLeaf(path string, v reflect.Value, f func(path string, leaf reflect.Value)) {
	switch {
	case v.Type() == reflect.TypeFor[span.Value]() || v.Kind() != reflect.Struct && v.Kind() != reflect.Slice:
		f(path, v)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			eachLeaf(strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i), f)
		}
	default:
		for i := range v.Len() {
			eachLeaf(path, v.Index(i), f)
		}
	}
}

// fillLists gives every list inside v one element.
func fillLists(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[span.Value]():
		for i := range v.NumField() {
			fillLists(v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillLists(v.Index(0))
	}
}

// fullSpan returns a span of which every field is set, and the paths of the fields.
func fullSpan() (s span.Span, paths []string) {
	fillLists(reflect.ValueOf(&s).Elem())
	eachLeaf("", reflect.ValueOf(&s).Elem(), func(path string, leaf reflect.Value) {
		paths = append(paths, path)
		n := len(paths)
		switch x := leaf.Addr().Interface().(type) {
		case *span.Value:
			*x = span.StringValue(fmt.Sprint("value ", n))
		case *string:
			*x = fmt.Sprintf("text %d \xff\x00é", n)
		case *uint32:
			*x = math.MaxUint32 - uint32(n)
		case *int32:
			*x = math.MinInt32 + int32(n)
		case *uint64:
			*x = 1<<63 + uint64(n)
		default: // ids
			reflect.Copy(leaf, reflect.ValueOf([]byte{0xff, 0, byte(n), 1, 2, 3, 4, 5}))
		}
	})
	s.Resource.EntityRefs = "\x1a\x06\x12\x04host" // see span.Resource
	return s, paths
}

// without clears a field of s.
func without(s *span.Span, field string) {
	eachLeaf("", reflect.ValueOf(s).Elem(), func(path string, leaf reflect.Value) {
		if path == field {
			leaf.SetZero()
		}
	})
}

// checkEveryField: what came in comes out, with any field unset and any value anywhere.
func checkEveryField(t *trial) error {
	full, paths := fullSpan()
	list := []span.Span{full}
	for i, path := range paths {
		s, _ := fullSpan()
		without(&s, path)
		s.TraceID[15], s.SpanID[7] = byte(i+1), byte(i+1)
		list = append(list, s)
	}
	for i, v := range nasty {
		s := plain(byte(i), byte(i+1), uint64(i))
		s.TraceID[0] = 1
		s.Attrs = attrs("k", v, "", v, "k", v)
		s.Resource.Attrs = attrs("k", v, "other", v)
		s.Scope = span.SpanScope{Attrs: attrs("k", v)}
		s.Events = []span.SpanEvent{{Attrs: attrs("k", v)}, {}, {Attrs: attrs("k", v, "k", v)}}
		s.Links = []span.SpanLink{{}, {Attrs: attrs("k", v)}}
		list = append(list, s)
	}
	for part := range slices.Chunk(list, 7) {
		if err := t.write(tenant, part...); err != nil {
			return err
		}
	}
	return t.everywhere(t.compareAll)
}

// checkTraceInPieces: a trace is whole, however many writes it came in and however far apart they lie in time.
func checkTraceInPieces(t *trial) error {
	const pieces = 24
	for i := range byte(pieces) {
		long := plain(1, i+1, uint64(i)*86_400) // one trace over many days, a span a day
		long.Parent = span.SpanID{7: i}
		own := plain(100+i, 1, uint64(i)*86_400+7)
		if err := t.write(tenant, own, long); err != nil {
			return err
		}
		if i%5 == 0 {
			if err := t.churn(); err != nil {
				return err
			}
		}
		if err := t.compareTrace(tenant, long.TraceID, store.TimeRange{}); err != nil {
			return err
		}
	}
	early := plain(1, 200, 0) // arrives last, starts first
	early.Start = 1
	if err := t.write(tenant, early); err != nil {
		return err
	}
	last := plain(1, pieces, (pieces-1)*86_400)
	return t.everywhere(func() error {
		for _, hint := range []store.TimeRange{
			{}, {Start: 1, End: 2}, {Start: 5 * second}, {Start: last.Start, End: last.Start + 1},
			{End: 1}, {Start: math.MaxUint64}, {Start: 9, End: 8},
		} {
			if err := t.compareTrace(tenant, early.TraceID, hint); err != nil {
				return err
			}
		}
		named := func(s *span.Span) store.Predicate {
			return store.Compare{Field: store.Of(store.Name), Op: store.Equal, Value: span.StringValue(s.Name)}
		}
		for _, q := range []store.Query{
			{Needs: []store.Predicate{named(&last)}},
			{Needs: []store.Predicate{named(&last), named(&early)}},                              // of two spans
			{Needs: []store.Predicate{named(&early)}, Range: store.TimeRange{Start: last.Start}}, // of a span out of the range
			{Needs: []store.Predicate{named(&early)}, Range: store.TimeRange{Start: 2, End: 3}},  // no span is in the range
			{Before: early.Start}, // of the whole trace
			{Before: last.Start, Where: []store.Predicate{named(&early), named(&last)}, EachSpan: true}, // of each span
		} {
			if err := t.compareLook(tenant, &look{Query: q, after: 1, enough: early.Start + 1}); err != nil {
				return err
			}
		}
		return t.compareAll()
	})
}

// checkSharedIDs: equal spans are kept once, different ones with the same ids are all kept.
func checkSharedIDs(t *trial) error {
	first := plain(1, 1, 5)
	first.Attrs = attrs("a", span.IntValue(1), "b", span.FloatValue(0))
	first.Events = []span.SpanEvent{{Name: "e"}}
	family := []span.Span{first}
	alter := func(change func(s *span.Span)) {
		s := first
		change(&s)
		family = append(family, s)
	}
	alter(func(s *span.Span) { s.Attrs = attrs("b", span.FloatValue(0), "a", span.IntValue(1)) })
	alter(func(s *span.Span) { s.Attrs = attrs("a", span.IntValue(1), "b", span.FloatValue(math.Copysign(0, -1))) })
	alter(func(s *span.Span) { s.Attrs = attrs("a", span.IntValue(1), "b", span.IntValue(0)) })
	alter(func(s *span.Span) { s.Attrs = attrs("a", span.IntValue(1)) })
	alter(func(s *span.Span) { s.Attrs = append(first.Attrs[:2:2], first.Attrs...) })
	alter(func(s *span.Span) { s.Resource.Attrs = nil })
	alter(func(s *span.Span) { s.Resource.SchemaURL = "u" })
	alter(func(s *span.Span) { s.Scope.Name = "n" })
	alter(func(s *span.Span) { s.Scope.DroppedAttrs = 1 })
	alter(func(s *span.Span) { s.Events = []span.SpanEvent{{Name: "e"}, {Name: "e"}} })
	alter(func(s *span.Span) { s.Events = nil; s.Links = []span.SpanLink{{}} })
	alter(func(s *span.Span) { s.Kind = 3 })
	alter(func(s *span.Span) { s.Parent = s.SpanID })
	alter(func(s *span.Span) { s.End++ })
	alter(func(s *span.Span) { s.Start++ })
	alter(func(s *span.Span) { s.TraceID[0] = 1 })
	if err := t.write(tenant, family...); err != nil {
		return err
	}
	for range 3 { // again: twice in one write, and each in one of its own
		if err := t.write(tenant, append(family[:len(family):len(family)], family...)...); err != nil {
			return err
		}
		if err := t.churn(); err != nil {
			return err
		}
		for _, s := range family {
			if err := t.write(tenant, s); err != nil {
				return err
			}
		}
	}
	if n := len(t.model.Spans(tenant)); n != len(family) {
		return fmt.Errorf("BUG: the model keeps %d spans of %d", n, len(family))
	}
	return t.everywhere(t.compareAll)
}

// checkTraceIDs: ids that differ in little are kept apart, and unknown ones are not found.
func checkTraceIDs(t *trial) error {
	ids := []span.TraceID{{15: 1}, {15: 2}, {7: 1}, {0: 1}, {0: 1, 15: 1}, {8: 0x80}, {8: 0x80, 15: 1}, {0: 0x80}}
	var most, low span.TraceID
	for i := range most {
		most[i] = 0xff
	}
	copy(low[8:], most[8:]) // a 64-bit id
	ids = append(ids, most, low)
	for i, id := range ids {
		s := plain(0, byte(i+1), uint64(i))
		s.TraceID = id
		if err := t.write(tenant, s); err != nil {
			return err
		}
	}
	absent := []span.TraceID{{}, {15: 3}, {7: 2}, {0: 2}, {0: 1, 15: 2}, {0: 0xff}, {1: 1}}
	return t.everywhere(func() error {
		for _, id := range slices.Concat(ids, absent) {
			if err := t.compareTrace(tenant, id, store.TimeRange{}); err != nil {
				return err
			}
			byID := store.Compare{Field: store.Of(store.TraceID), Op: store.Equal, Value: span.BytesValue(string(id[:]))}
			if err := t.compareWhere(tenant, byID); err != nil {
				return err
			}
		}
		return t.compareAll()
	})
}

// checkTenants: a tenant sees its own spans, and nothing of others with the same ids.
func checkTenants(t *trial) error {
	names := []string{tenant, "team-a", "team-b"}
	for i, name := range names {
		for trace := range byte(6) {
			if int(trace)%len(names) == i {
				continue // every trace is missing at one of them
			}
			s := plain(trace+1, 1, uint64(trace))
			s.Attrs = attrs("tenant", span.StringValue(name))
			s.Resource.Attrs = attrs("service.name", span.StringValue("service of "+name))
			if err := t.write(name, s, plain(trace+1, 2, 9)); err != nil {
				return err
			}
		}
	}
	return t.everywhere(func() error {
		for _, name := range names {
			for trace := range byte(7) {
				if err := t.compareTrace(name, span.TraceID{15: trace + 1}, store.TimeRange{}); err != nil {
					return err
				}
			}
		}
		return errors.Join(t.compareAll(), t.compareNothing("team-c"))
	})
}

// compareNothing asks for everything where there is nothing.
func (t *trial) compareNothing(tenant string) error {
	if err := t.compareTrace(tenant, span.TraceID{15: 1}, store.TimeRange{}); err != nil {
		return err
	}
	fields := []store.Field{store.Of(store.Name), store.Attr(store.AnyScope, "service.name")}
	if err := t.compareCatalog(tenant, store.TimeRange{}, fields); err != nil {
		return err
	}
	return t.compareWhere(tenant, nil, fields...)
}

// checkEmpty: a store without spans has answers, and a batch without spans is no span.
func checkEmpty(t *trial) error {
	if err := t.compareNothing(tenant); err != nil {
		return err
	}
	if err := t.write(tenant); err != nil {
		return err
	}
	return t.everywhere(func() error { return t.compareNothing(tenant) })
}
