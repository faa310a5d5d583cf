package storetest

import (
	"context"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func TestGenRepeatsItself(t *testing.T) {
	a, b := NewGen(7), NewGen(7)
	spans, again := a.Spans(300), b.Spans(300)
	if !reflect.DeepEqual(spans, again) {
		t.Fatal("the same seed makes other spans")
	}
	list := pointers(spans)
	for range 100 {
		if q, r := a.look(list).String(), b.look(list).String(); q != r {
			t.Fatalf("the same seed makes other queries: %s and %s", q, r)
		}
	}
	if reflect.DeepEqual(NewGen(8).Spans(300), spans) {
		t.Error("another seed makes the same spans")
	}
}

func pointers(spans []span.Span) (list []*span.Span) {
	for i := range spans {
		list = append(list, &spans[i])
	}
	return list
}

// TestGenIsNasty: what backends get wrong is there.
func TestGenIsNasty(t *testing.T) {
	seen := map[string]int{}
	note := func(what string, is bool) {
		if is {
			seen[what]++
		} else {
			seen[what] += 0
		}
	}
	var spans []span.Span
	for seed := range uint64(8) { // each has few resources and scopes
		spans = append(spans, NewGen(seed).Spans(500)...)
	}
	inTrace := map[[2]any]string{}
	ids := map[[2]any]bool{}
	for _, s := range spans {
		ids[[2]any{s.TraceID, s.SpanID}] = true
	}
	for i := range spans {
		s := &spans[i]
		at := [2]any{s.TraceID, s.SpanID}
		note("exact duplicate", inTrace[at] == encode(s))
		note("other span with the same ids", inTrace[at] != "" && inTrace[at] != encode(s))
		inTrace[at] = encode(s)
		note("root", s.Parent.IsZero())
		note("parent that is there", ids[[2]any{s.TraceID, s.Parent}])
		note("missing parent", !s.Parent.IsZero() && !ids[[2]any{s.TraceID, s.Parent}])
		note("own parent", s.Parent == s.SpanID)
		note("end before start", s.End < s.Start)
		note("start at 0", s.Start == 0)
		note("start after 2262", s.Start > 1<<63)
		note("no name", s.Name == "")
		note("invalid UTF-8", !utf8.ValidString(s.Name))
		note("odd kind", s.Kind < 0 || s.Kind > 5)
		note("64-bit trace id", [8]byte(s.TraceID[:8]) == [8]byte{})
		note("invalid id", s.TraceID.IsZero() || s.SpanID.IsZero())
		note("entity refs", s.Resource.EntityRefs != "")
		note("no resource attributes", len(s.Resource.Attrs) == 0)
		note("many events", len(s.Events) > 10)
		note("many attributes", len(s.Attrs) > 20)
		for _, scope := range anyScope {
			for _, list := range attrLists(scope, s) {
				note("no attributes in "+scope.String(), len(list) == 0)
				types := map[string]span.Type{}
				for _, kv := range list {
					first, repeated := types[kv.Key]
					note("repeated key in "+scope.String(), repeated && first == kv.Value.Type)
					note("key of two types in "+scope.String(), repeated && first != kv.Value.Type)
					types[kv.Key] = kv.Value.Type
					note(kv.Value.Type.String()+" in "+scope.String(), true)
					note("empty "+kv.Value.Type.String(), kv.Value.Type.InDict() && kv.Value.Str == "")
				}
			}
		}
	}
	for what, n := range seen {
		impossible := what == "invalid id" || what == "empty empty" || what == "empty bool" || what == "empty int" || what == "empty float"
		if impossible != (n == 0) {
			t.Errorf("%s: %d times", what, n)
		}
	}
	for _, scope := range anyScope {
		for typ := span.Empty; typ <= span.Map; typ++ {
			if what := typ.String() + " in " + scope.String(); seen[what] == 0 {
				t.Errorf("%s: never", what)
			}
		}
	}
}

// TestQueriesHit: random queries tell spans apart more often than not.
func TestQueriesHit(t *testing.T) {
	g := NewGen(10)
	var m Model
	var b span.Batch
	for _, s := range g.Spans(300) {
		b.Append(&s)
	}
	if err := m.Write(context.Background(), tenant, &b); err != nil {
		t.Fatal(err)
	}
	spans := m.Spans(tenant)
	some, none, all := 0, 0, 0
	forms := map[string]int{}
	for range 2000 {
		p := g.Predicate(spans, 2)
		countForms(p, forms)
		hits := 0
		for _, s := range spans {
			if Judge(p, s) {
				hits++
			}
		}
		switch hits {
		case 0:
			none++
		case len(spans):
			all++
		default:
			some++
		}
	}
	if some < 1000 || none > 700 || all > 400 {
		t.Errorf("of 2000 predicates %d hold on some spans, %d on none, %d on all", some, none, all)
	}
	for _, form := range []store.Predicate{store.And{}, store.Or{}, store.Not{}, store.Compare{}, store.Matches{}, store.Exists{}, store.AnyEvent{}, store.AnyLink{}} {
		if name := reflect.TypeOf(form).Name(); forms[name] < 50 {
			t.Errorf("%s occurs %d times in 2000 predicates", name, forms[name])
		}
	}
}

func countForms(p store.Predicate, forms map[string]int) {
	if p == nil {
		return
	}
	forms[reflect.TypeOf(p).Name()]++
	switch p := p.(type) {
	case store.And:
		for _, q := range p {
			countForms(q, forms)
		}
	case store.Or:
		for _, q := range p {
			countForms(q, forms)
		}
	case store.Not:
		countForms(p.P, forms)
	case store.AnyEvent:
		countForms(p.P, forms)
	case store.AnyLink:
		countForms(p.P, forms)
	}
}
