package traceql

import (
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// narrower is a part of a compiled condition.
type narrower interface {
	// narrow takes away the rows on which the condition does not hold.
	narrow(e *env, rows store.Bitmap)
	// cost estimates what that costs, in no unit.
	cost() int
	explainer
}

// filter is a compiled Filter.
type filter struct{ node narrower }

// rows returns the rows on which the filter holds. The caller may change the bitmap.
func (f *filter) rows(e *env) store.Bitmap {
	rows := e.copyOf(e.chunk.Live())
	f.node.narrow(e, rows)
	return rows
}

type (
	// everything holds on all rows, where on those of a predicate that the store has judged.
	everything struct{}
	where      int
	// conjunction and disjunction are ordered by cost.
	conjunction []narrower
	disjunction []narrower
	negation    struct{ of narrower }
	// agree holds where l and r both hold or both do not; with not where they differ.
	agree struct {
		l, r narrower
		not  bool
	}
	// onParent holds where of holds on the parent, and with absent where there is none.
	onParent struct {
		of     narrower
		absent bool
	}
	// roots holds on what counts as a root; with not on all else.
	roots struct{ not bool }
	// missing holds where an expression has no value; with not where it has one.
	missing struct {
		value value
		not   bool
		text  string
	}
	// comparison compares two values of each row.
	comparison struct {
		op       Op
		l, r     value
		regex    *store.Regex
		idDigits int // above 0 if one of them is an id
		text     string
	}
	// each compares all values of a field, by themselves, with a constant.
	each struct {
		field    store.Field
		op       Op
		constant Static
		text     string
	}
)

func (everything) narrow(*env, store.Bitmap) {}

func (i where) narrow(e *env, rows store.Bitmap) { rows.And(e.where(int(i))) }

func (n negation) narrow(e *env, rows store.Bitmap) {
	defer e.release(e.mark())
	held := e.copyOf(rows)
	n.of.narrow(e, held)
	rows.AndNot(held)
}

func (n conjunction) narrow(e *env, rows store.Bitmap) {
	for _, part := range n {
		if !rows.Any() {
			return
		}
		part.narrow(e, rows)
	}
}

func (n disjunction) narrow(e *env, rows store.Bitmap) {
	defer e.release(e.mark())
	rest, held := e.copyOf(rows), e.bitmap()
	for _, part := range n {
		copy(held, rest)
		part.narrow(e, held)
		rest.AndNot(held)
		if !rest.Any() {
			return
		}
	}
	rows.AndNot(rest)
}

func (n agree) narrow(e *env, rows store.Bitmap) {
	defer e.release(e.mark())
	l, r := e.copyOf(rows), e.copyOf(rows)
	n.l.narrow(e, l)
	n.r.narrow(e, r)
	for i := range l {
		l[i] ^= r[i]
	}
	if n.not {
		rows.And(l)
	} else {
		rows.AndNot(l)
	}
}

func (n onParent) narrow(e *env, rows store.Bitmap) {
	defer e.release(e.mark())
	parents := e.parentsOf(rows)
	held := e.bitmap()
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if p := parents[row]; p >= 0 {
			held.Set(int(p))
		}
	}
	n.of.narrow(e, held)
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		p := parents[row]
		if p < 0 && !n.absent || p >= 0 && !held.Has(int(p)) {
			rows.Clear(row)
		}
	}
}

func (n roots) narrow(e *env, rows store.Bitmap) {
	parents := e.parentsOf(rows)
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if (parents[row] < 0) == n.not {
			rows.Clear(row)
		}
	}
}

func (n missing) narrow(e *env, rows store.Bitmap) {
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if (n.value.at(e, row).Type == TypeNil) == n.not {
			rows.Clear(row)
		}
	}
}

func (n *comparison) narrow(e *env, rows store.Bitmap) {
	l, isColumn := n.l.(slotOf)
	r, isConst := n.r.(constantOf)
	if isColumn && isConst {
		if c := e.slot(int(l)); c.codes != nil {
			n.narrowByCode(c, r.Static, rows)
			return
		}
	}
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if !n.holds(n.l.at(e, row), n.r.at(e, row)) {
			rows.Clear(row)
		}
	}
}

// narrowByCode compares once for each run of rows with the same code.
func (n *comparison) narrowByCode(c *column, with Static, rows store.Bitmap) {
	code, held := uint32(store.NoCode), false // missing: compares with nothing
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		if next := c.codes[row]; next != code {
			code, held = next, n.holds(c.value(row), with)
		}
		if !held {
			rows.Clear(row)
		}
	}
}

func (n *comparison) holds(l, r Static) bool {
	switch {
	case n.regex != nil:
		return matches(n.regex, n.op == NotRegex, l)
	case n.idDigits > 0 && (n.op == Equal || n.op == NotEqual) && l.Type == TypeString && r.Type == TypeString:
		return sameID(l.Str, r.Str, n.idDigits) == (n.op == Equal)
	}
	return holds(n.op, l, r)
}

func (n *each) narrow(e *env, rows store.Bitmap) {
	for row := rows.Next(0); row >= 0; row = rows.Next(row + 1) {
		held := false
		e.chunk.Values(n.field, row, func(v span.Value) bool {
			held = holds(n.op, StaticOf(v), n.constant)
			return !held
		})
		if !held {
			rows.Clear(row)
		}
	}
}

// Costs are in units of those of a predicate's field, see costOf.
func (everything) cost() int    { return 0 }
func (where) cost() int         { return 1 }
func (n negation) cost() int    { return n.of.cost() }
func (n conjunction) cost() int { return sumOfCosts(n) }
func (n disjunction) cost() int { return sumOfCosts(n) }
func (n agree) cost() int       { return n.l.cost() + n.r.cost() }
func (n onParent) cost() int    { return 20 + n.of.cost() }
func (roots) cost() int         { return 20 }
func (missing) cost() int       { return 50 }
func (*comparison) cost() int   { return 50 }
func (*each) cost() int         { return 100 }

func sumOfCosts(list []narrower) (cost int) {
	for _, n := range list {
		cost += n.cost()
	}
	return cost
}
