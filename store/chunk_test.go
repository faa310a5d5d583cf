package store

import (
	"math"
	"testing"

	"github.com/clewhq/clew/span"
)

// valueList is the simplest Values.
type valueList []span.Value

func (l valueList) Len() int                  { return len(l) }
func (l valueList) At(code uint32) span.Value { return l[code] }

func TestColumnValue(t *testing.T) {
	some := NewBitmap(3)
	some.Set(0)
	some.Set(2)
	missing := span.Value{Type: 99} // stands for a row that lacks the field
	for _, c := range []struct {
		name   string
		column Column
		want   []span.Value
	}{
		{"no row", Column{}, []span.Value{missing, missing, missing}},
		{"all numbers", Column{Type: span.Int, Nums: []uint64{1, math.MaxUint64, 0}}, []span.Value{num(1), num(-1), num(0)}},
		{"some numbers", Column{Type: span.Float, Nums: []uint64{math.Float64bits(1.5), 7, 0}, Has: some}, []span.Value{flt(1.5), missing, flt(0)}},
		{"truth", Column{Type: span.Bool, Nums: []uint64{1, 1, 0}, Has: some}, []span.Value{yes, missing, no}},
		{"codes", Column{Codes: []uint32{1, NoCode, 0}, Dict: valueList{str("a"), num(1)}}, []span.Value{num(1), missing, str("a")}},
		{"an empty value is one", Column{Codes: []uint32{0, NoCode, 0}, Dict: valueList{{}}}, []span.Value{{}, missing, {}}},
	} {
		for row, want := range c.want {
			got, ok := c.column.Value(row)
			if want == missing {
				want = span.Value{}
			}
			if wantOK := c.want[row] != missing; got != want || ok != wantOK {
				t.Errorf("%s: row %d has %s, %t, want %s, %t", c.name, row, literal(got), ok, literal(want), wantOK)
			}
		}
	}
}
