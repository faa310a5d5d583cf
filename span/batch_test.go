package span

import (
	"math"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

// Generate makes values of every type for package quick, nested ones included.
func (Value) Generate(rng *rand.Rand, size int) reflect.Value {
	return reflect.ValueOf(randomValue(rng, 3))
}

func randomValue(rng *rand.Rand, depth int) Value {
	text := make([]byte, rng.Intn(12))
	rng.Read(text)
	switch t := Type(rng.Intn(int(numTypes))); t {
	case String, Bytes:
		return Value{Type: t, Str: string(text)}
	case Bool:
		return BoolValue(rng.Intn(2) == 0)
	case Int:
		return IntValue(int64(rng.Uint64()) >> rng.Intn(64))
	case Float:
		special := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), rng.NormFloat64()}
		return FloatValue(special[rng.Intn(len(special))])
	case Array, Map:
		var elements []Value
		var members []KeyValue
		for range rng.Intn(4) * min(depth, 1) {
			v := randomValue(rng, depth-1)
			elements = append(elements, v)
			members = append(members, KeyValue{string(text), v})
		}
		if t == Array {
			return ArrayValue(elements...)
		}
		return MapValue(members...)
	}
	return Value{}
}

// quickConfig is seeded, so that a failure comes back.
func quickConfig(seed int64, count int) *quick.Config {
	return &quick.Config{MaxCount: count, Rand: rand.New(rand.NewSource(seed))}
}

func TestBatchKeepsRows(t *testing.T) {
	var b Batch
	err := quick.Check(func(rows []Span) bool {
		b.Reset()
		for i := range rows {
			if i%3 == 2 { // a run of spans that share both
				rows[i].Resource, rows[i].Scope = rows[i-1].Resource, rows[i-1].Scope
			}
			b.Append(&rows[i])
		}
		if b.Len() != len(rows) {
			t.Errorf("Len() = %d, want %d", b.Len(), len(rows))
		}
		for i, want := range rows {
			nilEmpty(&want)
			if got := b.Span(i); !reflect.DeepEqual(got, want) {
				t.Errorf("row %d of %d\n got %+v\nwant %+v", i, len(rows), got, want)
				return false
			}
		}
		return !t.Failed()
	}, quickConfig(4, 60))
	if err != nil {
		t.Fatal(err)
	}
}

// nilEmpty makes the empty lists of s nil, as Batch.Span returns them.
func nilEmpty(s *Span) {
	trim := func(list *[]KeyValue) {
		if len(*list) == 0 {
			*list = nil
		}
	}
	trim(&s.Attrs)
	trim(&s.Resource.Attrs)
	trim(&s.Scope.Attrs)
	s.Events, s.Links = slices.Clone(s.Events), slices.Clone(s.Links)
	for i := range s.Events {
		trim(&s.Events[i].Attrs)
	}
	for i := range s.Links {
		trim(&s.Links[i].Attrs)
	}
	if len(s.Events) == 0 {
		s.Events = nil
	}
	if len(s.Links) == 0 {
		s.Links = nil
	}
}

func TestBatchSharesEqualNeighbours(t *testing.T) {
	resource := func(attrs ...KeyValue) SpanResource { return SpanResource{Attrs: attrs, SchemaURL: "u"} }
	one := resource(KeyValue{"k", IntValue(1)})
	for _, c := range []struct {
		name   string
		second SpanResource
		want   int
	}{
		{"equal", resource(KeyValue{"k", IntValue(1)}), 1},
		{"other value", resource(KeyValue{"k", IntValue(2)}), 2},
		{"same bits of another type", resource(KeyValue{"k", Value{Type: Float, Num: 1}}), 2},
		{"other key", resource(KeyValue{"l", IntValue(1)}), 2},
		{"repeated", resource(KeyValue{"k", IntValue(1)}, KeyValue{"k", IntValue(1)}), 2},
		{"other dropped count", SpanResource{Attrs: one.Attrs, SchemaURL: "u", DroppedAttrs: 1}, 2},
		{"other schema URL", SpanResource{Attrs: one.Attrs, SchemaURL: "v"}, 2},
		{"other entity refs", SpanResource{Attrs: one.Attrs, SchemaURL: "u", EntityRefs: "\x1a\x00"}, 2},
	} {
		var b Batch
		b.Append(&Span{Resource: one})
		b.Append(&Span{Resource: c.second})
		if got := len(b.Resources); got != c.want {
			t.Errorf("%s: %d resources, want %d", c.name, got, c.want)
		}
	}
	for i, second := range []SpanScope{{Name: "n", Version: "v"}, {Name: "n"}, {Name: "n", Version: "v", SchemaURL: "u"},
		{Name: "n", Version: "v", DroppedAttrs: 1}, {Version: "v"}, {Name: "n", Version: "v", Attrs: one.Attrs}} {
		var b Batch
		b.Append(&Span{Scope: SpanScope{Name: "n", Version: "v"}})
		b.Append(&Span{Scope: second})
		if got, want := len(b.Scopes), min(i, 1)+1; got != want {
			t.Errorf("scope %+v: %d scopes, want %d", second, got, want)
		}
	}
}

func TestBatchReads(t *testing.T) {
	var b Batch
	b.Append(&Span{Start: 5, End: 3, Resource: SpanResource{Attrs: []KeyValue{
		{"service.name", StringValue("shop")}, {"service.name", StringValue("second")},
	}}, Events: []SpanEvent{{Name: "a"}, {Name: "b"}}})
	b.Append(&Span{Start: 3, End: 5, Links: []SpanLink{{Flags: 1}}})
	b.Append(&Span{Events: []SpanEvent{{Name: "c"}}, Links: []SpanLink{{Flags: 2}, {Flags: 3}}, Resource: SpanResource{Attrs: []KeyValue{
		{"service.name", BytesValue("not a string")},
	}}})

	if got := []int64{b.Duration(0), b.Duration(1), b.Duration(2)}; !slices.Equal(got, []int64{-2, 2, 0}) {
		t.Errorf("durations = %d", got)
	}
	var events, links []int
	for i := range b.Len() {
		events = append(events, len(b.EventsOf(i)))
		links = append(links, len(b.LinksOf(i)))
	}
	if !slices.Equal(events, []int{2, 0, 1}) || !slices.Equal(links, []int{0, 1, 2}) {
		t.Errorf("events = %d, links = %d", events, links)
	}
	if got := b.Dict.String(b.EventsOf(2)[0].Name); got != "c" {
		t.Errorf("event of the last span = %q", got)
	}
	services := []string{b.ServiceName(b.Resource[0]), b.ServiceName(b.Resource[1]), b.ServiceName(b.Resource[2])}
	if !slices.Equal(services, []string{"shop", "", ""}) {
		t.Errorf("services = %q", services)
	}
	if v, ok := b.Attr(b.Resources[0].Attrs, "service"); ok {
		t.Errorf("Attr finds %v for the beginning of a key", v)
	}
	for range b.AllAttrs(b.Resources[0].Attrs) {
		break // must not go on
	}
}

func TestBatchReset(t *testing.T) {
	var b Batch
	b.Append(&Span{Name: "n", Attrs: []KeyValue{{"k", StringValue("v")}}, Events: []SpanEvent{{}}, Links: []SpanLink{{}}})
	b.Format, b.Raw, b.Received = FormatOTLPProto, []byte{1}, time.Unix(1, 0)
	b.Reset()
	v := reflect.ValueOf(b)
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case f.Kind() == reflect.Slice && f.Len() != 0:
			t.Errorf("%s has %d elements after Reset", name, f.Len())
		case name != "Dict" && name != "Shapes" && f.Kind() != reflect.Slice && !f.IsZero():
			t.Errorf("%s = %v after Reset", name, f)
		}
	}
	if b.Dict.ArenaLen() != 0 || b.Shapes.Len() != 1 {
		t.Errorf("after Reset the dictionary holds %d bytes, and there are %d shapes", b.Dict.ArenaLen(), b.Shapes.Len())
	}
}

func TestTypesAreNamed(t *testing.T) {
	var names []string
	var inDict []bool
	for typ := Empty; typ <= numTypes; typ++ {
		names = append(names, typ.String())
		inDict = append(inDict, typ.InDict())
	}
	if got := strings.Join(names, " "); got != "empty string bool int float bytes array map invalid" {
		t.Errorf("types = %s", got)
	}
	if !slices.Equal(inDict[:numTypes], []bool{false, true, false, false, false, true, true, true}) {
		t.Errorf("in a dictionary: %v", inDict)
	}
}
