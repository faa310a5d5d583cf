package traceql

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// tagFilters are what may have been typed so far, with what it means.
var tagFilters = []struct{ typed, means string }{
	{``, ``},
	{`{`, ``},
	{`{ status = error }`, `{ status = error }`},
	{`{ kind = server && .x =`, `{ kind = server }`},
	{`{ resource.service.name = "front" && span.`, `{ resource.service.name = "front" }`},
	{`{ duration >= 0 }`, `{ duration >= 0 }`},
	{`{ trace:duration > 1ms && `, `{ trace:duration > 1ms }`},
	{`{ name = "no span is called that" }`, `{ name = "no span is called that" }`},
}

// tagStores opens both stores on the same spans, which are as nasty as storetest makes them.
func tagStores(t *testing.T, n int) (map[string]store.Reader, *naive) {
	seed := testkit.Seed(t)
	spans := storetest.NewGen(seed).Spans(n)
	return map[string]store.Reader{
		"model": modelWith(t, spans), "columnar": columnarWith(t, spans, rand.New(rand.NewPCG(seed, 0))),
	}, newNaive(spans)
}

// matching returns the spans in a range on which a filter holds.
func (n *naive) matching(t *testing.T, filter string, r store.TimeRange) (list []*naiveSpan) {
	if filter == "" {
		filter = "{ }"
	}
	q, err := Parse(filter)
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range n.traces {
		sets := naiveRun(q.Search, trace.all())
		for _, s := range trace.spans {
			if naiveSetsHave(sets, s) && r.Contains(s.Start) {
				list = append(list, s)
			}
		}
	}
	return list
}

// rangeOf returns a range that leaves some spans out.
func (n *naive) rangeOf() store.TimeRange {
	var starts []uint64
	for _, trace := range n.traces {
		for _, s := range trace.spans {
			starts = append(starts, s.Start)
		}
	}
	slices.Sort(starts)
	return store.TimeRange{Start: starts[len(starts)/4], End: starts[len(starts)*3/4] + 1}
}

func TestTagsOfMatchingSpans(t *testing.T) {
	stores, oracle := tagStores(t, 300)
	for _, filter := range tagFilters {
		if filter.means == "" {
			continue
		}
		for _, r := range []store.TimeRange{{}, oracle.rangeOf()} {
			want := map[string]uint64{}
			for _, s := range oracle.matching(t, filter.means, r) {
				for f := range attributesPresent(s.Span) {
					want[f.String()]++
				}
			}
			for name, reader := range stores {
				e := &Engine{Store: reader}
				found, err := e.Tags(t.Context(), store.DefaultTenant, store.AnyScope, TagOptions{Filter: filter.typed, Range: r})
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]uint64{}
				for _, tag := range found.Tags {
					if tag.Scope != store.IntrinsicScope {
						got[store.Attr(tag.Scope, tag.Name).String()] = tag.Count
					}
				}
				for tag := range maps.Keys(merged(got, want)) {
					if got[tag] != want[tag] {
						t.Errorf("%s, %s, %v: %q is on %d spans, want %d", name, filter.typed, r, tag, got[tag], want[tag])
					}
				}
				if found.Partial {
					t.Errorf("%s, %s: all was looked through, and it says partial", name, filter.typed)
				}
			}
		}
	}
}

// merged returns a map with the keys of both.
func merged(a, b map[string]uint64) map[string]uint64 {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// attributesPresent returns the attributes that a span has, at any level.
func attributesPresent(s *span.Span) map[store.Field]bool {
	present := map[store.Field]bool{}
	add := func(scope store.Scope, attrs []span.KeyValue) {
		for _, kv := range attrs {
			present[store.Attr(scope, kv.Key)] = true
		}
	}
	add(store.SpanScope, s.Attrs)
	add(store.ResourceScope, s.Resource.Attrs)
	add(store.InstrumentationScope, s.Scope.Attrs)
	for _, e := range s.Events {
		add(store.EventScope, e.Attrs)
	}
	for _, l := range s.Links {
		add(store.LinkScope, l.Attrs)
	}
	return present
}

func TestTagValuesOfMatchingSpans(t *testing.T) {
	stores, oracle := tagStores(t, 300)
	attributes := []string{"name", "status", "kind", "statusMessage", "instrumentation:name", "instrumentation:version",
		"event:name", "resource.service.name", ".service.name"}
	keys, err := stores["model"].AttributeKeys(t.Context(), store.DefaultTenant, store.TimeRange{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.List {
		a := &Attribute{Scope: k.Scope, Name: k.Key}
		attributes = append(attributes, a.String(), (&Attribute{Name: k.Key}).String())
	}
	slices.Sort(attributes)
	attributes = slices.Compact(attributes)
	for _, filter := range tagFilters {
		if filter.means == "" {
			continue
		}
		r := oracle.rangeOf()
		spans := oracle.matching(t, filter.means, r)
		for _, text := range attributes {
			a, err := ParseAttribute(text)
			if err != nil {
				t.Fatal(err)
			}
			want := valueCounts{}
			for _, s := range spans {
				if values := s.view().values(a); len(values) > 0 && listedTypes[values[0].Type] > 0 {
					want[values[0]]++
				}
			}
			for name, reader := range stores {
				e := &Engine{Store: reader}
				found, err := e.TagValues(t.Context(), store.DefaultTenant, a, TagOptions{Filter: filter.typed, Range: r})
				if err != nil {
					t.Fatal(err)
				}
				if got := found.Values; !slices.Equal(got, want.list()) || found.Partial {
					t.Errorf("%s, %s of %s: got %v, want %v; partial %v", name, text, filter.typed, got, want.list(), found.Partial)
				}
			}
		}
	}
}

// shop are spans whose tags can be told by hand.
func shop() []span.Span {
	kv := func(key string, v span.Value) span.KeyValue { return span.KeyValue{Key: key, Value: v} }
	text, number := span.StringValue, span.IntValue
	front := span.SpanResource{Attrs: []span.KeyValue{kv("service.name", text("front")), kv("zone", text("a"))}}
	back := span.SpanResource{Attrs: []span.KeyValue{kv("service.name", text("back")), kv("zone", text("b"))}}
	root := span.Span{
		TraceID: span.TraceID{1}, SpanID: span.SpanID{1}, Name: "GET /", Kind: 2, Start: 1000, End: 2000, Resource: front,
		Attrs:  []span.KeyValue{kv("code", number(200)), kv("zone", text("span")), kv("raw", span.BytesValue("x"))},
		Events: []span.SpanEvent{{Name: "log", Attrs: []span.KeyValue{kv("level", text("warn"))}}, {Name: "log", Attrs: []span.KeyValue{kv("level", text("info"))}}},
		Scope:  span.SpanScope{Name: "lib", Version: "1"},
	}
	call := span.Span{
		TraceID: root.TraceID, SpanID: span.SpanID{2}, Parent: root.SpanID, Name: "call", Kind: 3, Status: 2, Message: "timeout",
		Start: 1100, End: 1900, Resource: front, Attrs: []span.KeyValue{kv("code", text("200"))},
		Links: []span.SpanLink{{Attrs: []span.KeyValue{kv("why", text("batch"))}}},
	}
	serve := span.Span{
		TraceID: root.TraceID, SpanID: span.SpanID{3}, Parent: call.SpanID, Name: "call", Kind: 2,
		Start: 5000, End: 5100, Resource: back, Attrs: []span.KeyValue{kv("code", number(500))},
	}
	return []span.Span{root, call, serve}
}

func TestTags(t *testing.T) {
	e := &Engine{Store: modelWith(t, shop())}
	tests := []struct {
		scope   store.Scope
		opts    TagOptions
		tags    string
		partial bool
	}{
		{store.SpanScope, TagOptions{}, "span.code[string int]:3 span.raw[bytes]:1 span.zone[string]:1", false},
		{store.SpanScope, TagOptions{Limit: 2}, "span.code[string int]:3 span.raw[bytes]:1", true},
		{store.SpanScope, TagOptions{Limit: 3}, "span.code[string int]:3 span.raw[bytes]:1 span.zone[string]:1", false},
		{store.ResourceScope, TagOptions{}, "resource.service.name[string]:3 resource.zone[string]:3", false},
		{store.EventScope, TagOptions{}, "event.level[string]:2", false},
		{store.EventScope, TagOptions{Filter: "{ duration > 0"}, "event.level[string]:1", false}, // spans, not events
		{store.LinkScope, TagOptions{Filter: "{ name = `call` }"}, "link.why[string]:1", false},
		{store.SpanScope, TagOptions{Filter: "{ kind = server && name = `call`"}, "span.code[string int]:1", false},
		{store.SpanScope, TagOptions{Filter: "{ name = `nobody` }"}, "", false},
		{store.InstrumentationScope, TagOptions{}, "", false},
		{store.SpanScope, TagOptions{Filter: "{ kind = server }", Range: store.TimeRange{Start: 3000}}, "span.code[int]:1", false},
	}
	for _, test := range tests {
		found, err := e.Tags(t.Context(), store.DefaultTenant, test.scope, test.opts)
		if err != nil {
			t.Fatal(err)
		}
		var tags []string
		for _, tag := range found.Tags {
			tags = append(tags, fmt.Sprintf("%s.%s%v:%d", tag.Scope, tag.Name, typeWords(tag.Types), tag.Count))
		}
		if got := strings.Join(tags, " "); got != test.tags || found.Partial != test.partial {
			t.Errorf("%v %+v: got %q, partial %v; want %q", test.scope, test.opts, got, found.Partial, test.tags)
		}
	}
}

func typeWords(types []Type) (words []string) {
	names := []string{TypeInt: "int", TypeFloat: "float", TypeString: "string", TypeBool: "bool", TypeBytes: "bytes", TypeDuration: "duration", TypeStatus: "status", TypeKind: "kind"}
	for _, typ := range types {
		words = append(words, names[typ])
	}
	return words
}

func TestIntrinsicTags(t *testing.T) {
	e := &Engine{Store: modelWith(t, nil)}
	for _, scope := range []store.Scope{store.IntrinsicScope, store.AnyScope} {
		found, err := e.Tags(t.Context(), store.DefaultTenant, scope, TagOptions{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Tags) != int(numIntrinsics)-1 || found.Partial {
			t.Errorf("%d intrinsics, partial %v", len(found.Tags), found.Partial)
		}
		if !slices.IsSortedFunc(found.Tags, func(a, b Tag) int { return cmp.Compare(a.Name, b.Name) }) {
			t.Errorf("not in order: %v", found.Tags)
		}
		for _, tag := range found.Tags {
			a, err := ParseAttribute(tag.Name)
			if err != nil || tag.Scope != store.IntrinsicScope || len(tag.Types) != 1 || tag.Types[0] != a.Intrinsic.Type() {
				t.Errorf("%+v: %v", tag, err)
			}
		}
	}
}

func TestTagValues(t *testing.T) {
	spans := shop()
	stores := map[string]store.Reader{"model": modelWith(t, spans), "columnar": columnarWith(t, spans, rand.New(rand.NewPCG(1, 2)))}
	tests := []struct {
		attribute string
		opts      TagOptions
		values    string
	}{
		{"span.code", TagOptions{}, `"200":1 200:1 500:1`},
		{"span.code", TagOptions{Limit: 1}, `"200":1 +`},
		{"span.code", TagOptions{Filter: "{ kind = server"}, `200:1 500:1`},
		{"span.code", TagOptions{Filter: "{ kind = server", Range: store.TimeRange{End: 3000}}, `200:1`},
		{"resource.zone", TagOptions{}, `"a":2 "b":1`},
		{".zone", TagOptions{}, `"a":2 "b":1 "span":1`}, // a span that has it twice counts twice
		{".zone", TagOptions{Filter: "{ duration > 0 }"}, `"a":1 "b":1 "span":1`},
		{"span.raw", TagOptions{}, ``},
		{"event.level", TagOptions{}, `"info":1 "warn":1`},
		{"event.level", TagOptions{Filter: "{ duration > 0 }"}, `"warn":1`},
		{"link.why", TagOptions{}, `"batch":1`},
		{"span.missing", TagOptions{}, ``},
		{"name", TagOptions{}, `"call":2 "GET /":1`},
		{"name", TagOptions{Filter: "{ resource.service.name = `back`"}, `"call":1`},
		{"status", TagOptions{}, `unset:0 ok:0 error:0`},
		{"status", TagOptions{Filter: "{ name = `call`"}, `unset:1 error:1`},
		{"kind", TagOptions{}, `unspecified:0 internal:0 server:0 client:0 producer:0 consumer:0`},
		{"kind", TagOptions{Filter: "{ duration > 0"}, `server:2 client:1`},
		{"statusMessage", TagOptions{}, `"":2 "timeout":1`},
		{"rootName", TagOptions{}, `"GET /":0 "call":0`},
		{"rootName", TagOptions{Filter: "{ name = `call` }"}, `"GET /":2`},
		{"rootServiceName", TagOptions{}, `"back":0 "front":0`},
		{"rootServiceName", TagOptions{Filter: "{ name = `call` }"}, `"front":2`},
		{"event:name", TagOptions{}, `"log":2`},
		{"instrumentation:name", TagOptions{}, `"":2 "lib":1`},
		{"parent.resource.zone", TagOptions{}, `"a":2`},
		{"duration", TagOptions{}, ``},
		{"span:id", TagOptions{Filter: "{ duration > 0 }"}, ``},
		{"nestedSetParent", TagOptions{}, ``},
		{"trace:duration", TagOptions{}, ``},
	}
	for _, test := range tests {
		a, err := ParseAttribute(test.attribute)
		if err != nil {
			t.Fatal(err)
		}
		for name, reader := range stores {
			found, err := (&Engine{Store: reader}).TagValues(t.Context(), store.DefaultTenant, a, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			var values []string
			for _, v := range found.Values {
				values = append(values, fmt.Sprintf("%s:%d", v.Value, v.Count))
			}
			if found.Partial {
				values = append(values, "+")
			}
			if got := strings.Join(values, " "); got != test.values {
				t.Errorf("%s: %s %+v: got %s, want %s", name, test.attribute, test.opts, got, test.values)
			}
		}
	}
}

// TestTagLookEnds checks that a look ends when it has read enough, and says so.
func TestTagLookEnds(t *testing.T) {
	var spans []span.Span
	for i := range 200 {
		spans = append(spans, span.Span{
			TraceID: span.TraceID{15: byte(i)}, SpanID: span.SpanID{1}, Start: uint64(i), End: uint64(i),
			Attrs: []span.KeyValue{{Key: "n", Value: span.IntValue(int64(i))}},
		})
	}
	e := &Engine{Store: modelWith(t, spans)}
	a := &Attribute{Scope: store.SpanScope, Name: "n"}
	look := func(most int64) (values int, partial bool) {
		l := newTagLook(TagOptions{})
		l.most = most
		result := &TagResult{}
		if err := l.values(t.Context(), e, store.DefaultTenant, a, 0, result); err != nil {
			t.Fatal(err)
		}
		return len(result.Values), result.Partial
	}
	if n, partial := look(1000); n != 200 || partial {
		t.Errorf("%d values, partial %v", n, partial)
	}
	if n, partial := look(50); n < 50 || n >= 200 || !partial {
		t.Errorf("%d values, partial %v", n, partial)
	}
}

func TestValueCounterIsBounded(t *testing.T) {
	c := valueCounter{}
	column := &column{codes: []uint32{0, 1, 0}, dict: &list{[]Static{StringStatic(strings.Repeat("x", maxKept)), StringStatic("y")}}}
	rows := store.NewBitmap(3)
	rows.Fill(0, 3)
	c.count(column, rows)
	if !c.full || len(c.values) != 0 {
		t.Errorf("kept %d values, full %v", len(c.values), c.full)
	}
	c = valueCounter{}
	column.dict = &list{[]Static{StringStatic("x"), StringStatic("y")}}
	c.count(column, rows)
	c.count(column, rows)
	if want := (valueCounts{StringStatic("x"): 4, StringStatic("y"): 2}); c.full || !maps.Equal(c.values, want) {
		t.Errorf("got %v, full %v", c.values, c.full)
	}
}

func TestParseAttribute(t *testing.T) {
	for text, want := range map[string]Attribute{
		"span.http.method":     {Scope: store.SpanScope, Name: "http.method"},
		".a":                   {Name: "a"},
		`resource."a b".c`:     {Scope: store.ResourceScope, Name: "a b.c"},
		"parent.span.a":        {Parent: true, Scope: store.SpanScope, Name: "a"},
		"name":                 {Scope: store.IntrinsicScope, Intrinsic: SpanName},
		" span:name ":          {Scope: store.IntrinsicScope, Intrinsic: SpanName},
		"event:timeSinceStart": {Scope: store.IntrinsicScope, Intrinsic: EventTimeSinceStart},
	} {
		a, err := ParseAttribute(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		a.Pos = 0
		if *a != want {
			t.Errorf("%s: got %+v, want %+v", text, *a, want)
		}
	}
	for _, text := range []string{"", "a", "span.", ".a = 1", "span.a b", "{ }", `span."a`, "parent", "foo.bar", "name)", "1", "true", "count"} {
		if a, err := ParseAttribute(text); err == nil || !strings.Contains(err.Error(), "attribute") && !strings.Contains(err.Error(), `"`) {
			t.Errorf("%q: got %+v, %v", text, a, err)
		}
	}
}

func TestIntrinsicNames(t *testing.T) {
	seen := map[string]bool{}
	for i := NoIntrinsic + 1; i < numIntrinsics; i++ {
		names := i.Names()
		if names[0] != i.String() {
			t.Errorf("%v: names %v", i, names)
		}
		for _, name := range names {
			if a, err := ParseAttribute(name); err != nil || a.Intrinsic != i || seen[name] {
				t.Errorf("%s: %v, %v", name, a, err)
			}
			seen[name] = true
		}
	}
	if len(seen) != len(intrinsicsByName) {
		t.Errorf("%d names, there are %d", len(seen), len(intrinsicsByName))
	}
}

// TestTagsProgress checks that what is told while spans are looked at grows into the answer.
func TestTagsProgress(t *testing.T) {
	var spans []span.Span
	for i := range 20_000 {
		s := tree(byte(i%200+1), "1 0 a")[0]
		s.SpanID, s.TraceID[0] = span.SpanID{6: byte(i >> 8), 7: byte(i), 0: 1}, byte(i/200)
		s.Start, s.End = uint64(1000*i), uint64(1000*i+1)
		s.Attrs = []span.KeyValue{{Key: fmt.Sprintf("k%d", i%7), Value: span.IntValue(int64(i % 50))}}
		spans = append(spans, s)
	}
	e := &Engine{Store: modelWith(t, spans)}
	told, last := 0, 0
	opts := TagOptions{Filter: `{ name = "a" && `}
	opts.Progress = func(_ store.Progress, want func() *TagResult) {
		found := want()
		if n := len(found.Tags) + len(found.Values); n < last {
			t.Errorf("%d tags or values, and %d before", n, last)
		} else {
			told, last = told+1, n
		}
	}
	found, err := e.Tags(t.Context(), store.DefaultTenant, store.SpanScope, opts)
	if err != nil || told == 0 || last != len(found.Tags) || last != 7 {
		t.Errorf("told %d times, at last of %d tags of %d, %v", told, last, len(found.Tags), err)
	}
	told, last, opts.Limit = 0, 0, 20
	found, err = e.TagValues(t.Context(), store.DefaultTenant, &Attribute{Scope: store.SpanScope, Name: "k3"}, opts)
	if err != nil || told == 0 || last != 20 || len(found.Values) != 20 || !found.Partial {
		t.Errorf("told %d times, at last of %d values of %d, %v", told, last, len(found.Values), err)
	}
}
