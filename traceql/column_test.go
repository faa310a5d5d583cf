package traceql

import (
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// A resource without a service name has "", in whatever form the store gives the others.
func TestServiceColumn(t *testing.T) {
	a := &Attribute{Scope: store.ResourceScope, Name: "service.name"}
	p := &planner{}
	p.attribute(a)
	p.attribute(&Attribute{Scope: store.ResourceScope, Name: "service.name", Parent: true})
	p.field(serviceName)
	names := &benchValues{span.StringValue("shop"), span.IntValue(5)}
	codes := slices.Repeat([]uint32{0, store.NoCode, 1, 0}, benchRows/4)
	numbers, has := slices.Repeat([]uint64{5, 7}, benchRows/2), store.NewBitmap(benchRows)
	for row := 0; row < benchRows; row += 2 {
		has.Set(row)
	}
	shop, empty, five := StringStatic("shop"), StringStatic(""), IntStatic(5)
	e := p.env()
	for _, c := range []struct {
		name   string
		column *store.Column
		want   [4]Static // of the first rows
	}{
		{"codes", &store.Column{Codes: codes, Dict: names}, [4]Static{shop, empty, five, shop}},
		{"codes on all rows", &store.Column{Codes: make([]uint32, benchRows), Dict: names}, [4]Static{shop, shop, shop, shop}},
		{"numbers", &store.Column{Type: span.Int, Nums: numbers, Has: has}, [4]Static{five, empty, five, empty}},
		{"nothing", &store.Column{}, [4]Static{empty, empty, empty, empty}},
	} {
		chunk := newBenchChunk()
		chunk.columns[serviceName] = c.column
		e.begin(chunk)
		own := e.column(a)
		for row, want := range c.want {
			if got := own.value(row); got != want || !own.present(row) {
				t.Errorf("%s: row %d has %v, want %v", c.name, row, got, want)
			}
		}
		of := e.column(&Attribute{Scope: store.ResourceScope, Name: "service.name", Parent: true})
		for row, parent := range chunk.parents {
			want := Static{}
			if parent >= 0 {
				want = own.value(int(parent))
			}
			if got := of.value(row); got != want {
				t.Fatalf("%s: the parent of row %d has %v, want %v", c.name, row, got, want)
			}
		}
	}
}

// What is the same list must be equal (==), and what is not must not: codes of one are looked up in what was kept of the other.
func TestListsOfValues(t *testing.T) {
	a, b := &benchValues{span.StringValue("x")}, &benchValues{span.StringValue("x")}
	for _, c := range []struct {
		l, r statics
		same bool
	}{
		{stored{a, TypeNil}, stored{a, TypeNil}, true},
		{stored{a, TypeNil}, stored{b, TypeNil}, false},
		{stored{a, TypeNil}, stored{a, TypeBytes}, false},
		{stored{a, TypeNil}, orEmpty{a}, false},
		{orEmpty{a}, orEmpty{a}, true},
		{orEmpty{a}, orEmpty{b}, false},
		{&list{nil}, &list{nil}, false},
	} {
		if (c.l == c.r) != c.same {
			t.Errorf("%#v == %#v is %t", c.l, c.r, !c.same)
		}
	}
}
