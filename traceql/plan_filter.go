package traceql

import (
	"slices"

	"github.com/clewhq/clew/store"
)

// condition is a compiled boolean expression.
type condition struct {
	// pred is the whole of it if node is nil. Else it is what the store can judge of it: it holds on
	// all spans on which the condition does, and on others.
	pred store.Predicate
	node narrower
	// needs are predicates that each hold on some span of the trace of a span on which the condition holds.
	needs []store.Predicate
}

func constantCondition(holds bool) condition {
	if holds {
		return condition{pred: always}
	}
	return condition{pred: never}
}

// allNeeds returns pred among the needs.
func (c *condition) allNeeds() []store.Predicate {
	if isAlways(c.pred) {
		return c.needs
	}
	return append([]store.Predicate{c.pred}, c.needs...)
}

// node returns what evaluates a condition.
func (p *planner) node(c condition) narrower {
	switch {
	case c.node != nil:
		return c.node
	case isAlways(c.pred):
		return everything{}
	}
	p.where = append(p.where, c.pred)
	return where(len(p.where) - 1)
}

func (p *planner) and(list ...condition) condition {
	var exact, preds, needs []store.Predicate
	var nodes []narrower
	for _, c := range list {
		if c.node == nil {
			exact = append(exact, c.pred)
		} else {
			nodes = append(nodes, c.node)
		}
		preds = append(preds, c.pred)
		needs = append(needs, c.needs...)
	}
	sortByCost(preds)
	sortByCost(exact)
	c := condition{pred: allOf(preds...), needs: needs}
	if isNever(c.pred) {
		return constantCondition(false)
	}
	if len(nodes) == 0 {
		return c
	}
	if pushed := allOf(exact...); !isAlways(pushed) {
		nodes = append(nodes, p.node(condition{pred: pushed}))
	}
	if c.node = nodes[0]; len(nodes) > 1 {
		c.node = conjunction(byCost(nodes))
	}
	return c
}

func (p *planner) or(list ...condition) condition {
	var exact, preds []store.Predicate
	var nodes []narrower
	for _, c := range list {
		if c.node == nil {
			exact = append(exact, c.pred)
		} else {
			nodes = append(nodes, c.node)
		}
		preds = append(preds, c.pred)
	}
	if isAlways(anyOf(exact...)) {
		return constantCondition(true)
	}
	c := condition{pred: anyOf(preds...)}
	if len(nodes) == 0 {
		return c
	}
	if isAlways(c.pred) { // else that says as much as the needs
		c.needs = list[0].allNeeds()
		for _, other := range list[1:] {
			c.needs = eitherNeeds(c.needs, other.allNeeds())
		}
	}
	if pushed := anyOf(exact...); !isNever(pushed) {
		nodes = append(nodes, p.node(condition{pred: pushed}))
	}
	if c.node = nodes[0]; len(nodes) > 1 {
		c.node = disjunction(byCost(nodes))
	}
	return c
}

// byCost puts cheap nodes first.
func byCost(nodes []narrower) []narrower {
	slices.SortStableFunc(nodes, func(a, b narrower) int { return a.cost() - b.cost() })
	return nodes
}

func (p *planner) not(c condition) condition {
	if c.node == nil {
		return condition{pred: noneOf(c.pred)}
	}
	return condition{pred: always, node: negation{c.node}}
}

// filterCondition compiles the body of a filter.
func (p *planner) filterCondition(f *Filter) (condition, error) {
	if f.Body == nil {
		return constantCondition(true), nil
	}
	return p.chain(f.Body)
}

// chain compiles an && chain. Of its members those about events only have to hold on one and the same
// event; so with links, and with those of the parent.
func (p *planner) chain(x Expr) (condition, error) {
	var conjuncts []condition
	together := map[correlation][]store.Predicate{}
	for _, x := range flatten(And, x, nil) {
		if about := correlationOf(x); about != (correlation{}) {
			pred, exact := p.onOne(x)
			together[about] = append(together[about], pred)
			if exact {
				continue
			}
		}
		c, err := p.condition(x)
		if err != nil {
			return condition{}, err
		}
		conjuncts = append(conjuncts, c)
	}
	for _, about := range correlations {
		if preds := together[about]; len(preds) > 0 {
			conjuncts = append(conjuncts, p.onSame(about, preds))
		}
	}
	return p.and(conjuncts...), nil
}

// flatten appends the members of a chain of one operator to list.
func flatten(op Op, x Expr, list []Expr) []Expr {
	if b, ok := x.(*Binary); ok && b.Op == op {
		return flatten(op, b.R, flatten(op, b.L, list))
	}
	return append(list, x)
}

// condition compiles a boolean expression.
func (p *planner) condition(x Expr) (condition, error) {
	if v, ok := constantValue(x); ok {
		return constantCondition(v == BoolStatic(true)), nil
	}
	switch x := x.(type) {
	case *Attribute:
		return p.compareConst(x, Equal, BoolStatic(true))
	case *Unary:
		switch x.Op {
		case Not:
			c, err := p.condition(x.X)
			return p.not(c), err
		case SomeEvent, SomeLink:
			pred, err := p.someOf(x)
			return condition{pred: pred}, err
		}
	case *Binary:
		switch {
		case x.Op == And:
			return p.chain(x)
		case x.Op == Or:
			list, err := p.conditions(flatten(Or, x, nil))
			return p.or(list...), err
		case x.Op <= NotRegex:
			return p.comparison(x.Op, x.L, x.R)
		}
	}
	return constantCondition(false), nil
}

func (p *planner) conditions(list []Expr) ([]condition, error) {
	conditions := make([]condition, len(list))
	for i, x := range list {
		var err error
		if conditions[i], err = p.condition(x); err != nil {
			return nil, err
		}
	}
	return conditions, nil
}

// comparison compiles "l op r".
func (p *planner) comparison(op Op, l, r Expr) (condition, error) {
	if _, ok := constantValue(l); ok {
		op, l, r = mirrored(op), r, l
	}
	c, isConst := constantValue(r)
	if isConst && c.Type == TypeNil {
		if !isNil(r) { // arithmetic without a result
			return constantCondition(false), nil
		}
		return p.compareNil(op, l)
	}
	if isCondition(l) && (isConst || isCondition(r)) {
		return p.compareBooleans(op, l, r)
	}
	if a, ok := l.(*Attribute); ok && isConst {
		return p.compareConst(a, op, c)
	}
	return p.compareValues(op, l, r)
}

// mirrored returns the operator for exchanged operands.
func mirrored(op Op) Op {
	switch op {
	case Less:
		return Greater
	case LessEqual:
		return GreaterEqual
	case Greater:
		return Less
	case GreaterEqual:
		return LessEqual
	}
	return op
}

func isNil(x Expr) bool {
	c, ok := x.(*Const)
	return ok && c.Value.Type == TypeNil
}

// isCondition reports whether x is a boolean whatever the data is: not an attribute, which may be one.
func isCondition(x Expr) bool {
	switch x := x.(type) {
	case *Unary:
		return x.Op != Neg
	case *Binary:
		return x.Op <= NotRegex
	}
	return false
}

// compareBooleans compiles "l = r" and "l != r" of two booleans, of which r may be a constant.
func (p *planner) compareBooleans(op Op, l, r Expr) (condition, error) {
	if op != Equal && op != NotEqual {
		return constantCondition(false), nil
	}
	left, err := p.condition(l)
	if err != nil {
		return left, err
	}
	if v, ok := constantValue(r); ok {
		switch {
		case v.Type != TypeBool:
			return constantCondition(false), nil
		case v.Bool() == (op == Equal):
			return left, nil
		}
		return p.not(left), nil
	}
	right, err := p.condition(r)
	return condition{pred: always, node: agree{p.node(left), p.node(right), op == NotEqual}}, err
}

// constantValue returns the value of an expression without attributes.
func constantValue(x Expr) (v Static, ok bool) {
	switch x := x.(type) {
	case *Const:
		return x.Value, true
	case *Unary:
		if v, ok = constantValue(x.X); !ok || x.Op == SomeEvent || x.Op == SomeLink {
			return v, false
		}
		if x.Op == Not {
			return BoolStatic(v != BoolStatic(true)), true
		}
		return negate(v), true
	case *Binary:
		l, okL := constantValue(x.L)
		if !okL {
			return v, false
		}
		r, okR := constantValue(x.R)
		return constantBinary(x, l, r), okR
	}
	return v, false
}

func constantBinary(x *Binary, l, r Static) Static {
	switch {
	case x.Op == And:
		return BoolStatic(l == BoolStatic(true) && r == BoolStatic(true))
	case x.Op == Or:
		return BoolStatic(l == BoolStatic(true) || r == BoolStatic(true))
	case x.Op > NotRegex:
		return arithmetic(x.Op, l, r)
	case isNil(x.L) && isNil(x.R):
		return BoolStatic(false)
	case isNil(x.L) || isNil(x.R):
		return BoolStatic(x.Op == NotEqual)
	case x.Op == Regex || x.Op == NotRegex:
		re, err := store.NewRegex(r.Str)
		return BoolStatic(err == nil && matches(re, x.Op == NotRegex, l))
	}
	return BoolStatic(holds(x.Op, l, r))
}
