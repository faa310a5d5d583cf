package traceql

import (
	"fmt"
	"math"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// storeOps has the store's operator for each comparison.
var storeOps = [...]store.Op{
	Equal: store.Equal, NotEqual: store.NotEqual, Less: store.Less, LessEqual: store.LessEqual,
	Greater: store.Greater, GreaterEqual: store.GreaterEqual,
}

// compareConst compiles the comparison of an attribute with a constant that is not nil.
func (p *planner) compareConst(a *Attribute, op Op, c Static) (condition, error) {
	if a.Parent {
		own := *a
		own.Parent = false
		of, err := p.compareConst(&own, op, c)
		return p.ofParent(of, false), err
	}
	switch pred, exact, err := pushed(a, op, c); {
	case exact || err != nil:
		return condition{pred: pred}, err
	case pred != nil:
		return p.residual(pred, &each{store.Attr(a.Scope, a.Name), op, c, textOf(op, a, &Const{Value: c})}), nil
	case a.Intrinsic == NestedSetParent:
		if c, ok := rootCondition(op, c); ok {
			p.structural()
			return c, nil
		}
	}
	cond, err := p.compareValues(op, a, &Const{Value: c})
	cond.needs = append(cond.needs, rootNeeds(a.Intrinsic, op, c)...)
	return cond, err
}

// pushed returns the comparison of an attribute of the span itself with a constant as the store's predicate, nil
// if the store knows nothing of it. Unless it is exact, it holds on more spans.
func pushed(a *Attribute, op Op, c Static) (pred store.Predicate, exact bool, err error) {
	f, typ := fieldOf(a)
	switch {
	case a.Scope == store.IntrinsicScope && f.Intrinsic == store.NoIntrinsic:
		return nil, false, nil
	case op == Regex || op == NotRegex:
		re, err := store.NewRegex(c.Str)
		if err != nil {
			return nil, false, fmt.Errorf("regular expression %q: %w", c.Str, err)
		}
		m := store.Matches{Field: f, Regex: re, Not: op == NotRegex}
		return orNoService(a, m, m.Holds(span.StringValue(""))), true, nil
	case typ == TypeBytes:
		return pushedID(f, op, c), true, nil
	}
	v := span.Value{Type: span.Int, Num: c.Num}
	switch c.Type {
	case TypeStatus, TypeKind:
		if a.Scope != store.IntrinsicScope { // equals integers, but no floats as for the store
			return store.Compare{Field: f, Op: storeOps[op], Value: v}, false, nil
		}
		if c.Type != typ {
			return never, true, nil
		}
	case TypeInt:
	case TypeDuration, TypeFloat:
		if typ == TypeStatus || typ == TypeKind {
			return never, true, nil
		}
		if c.Type == TypeFloat {
			v.Type = span.Float
		}
	case TypeString:
		v = span.StringValue(c.Str)
	case TypeBool:
		v.Type = span.Bool
	}
	holds := storeOps[op].Holds(span.StringValue(""), v)
	return orNoService(a, store.Compare{Field: f, Op: storeOps[op], Value: v}, holds), true, nil
}

// fieldOf returns the store's field of an attribute, and what its values are to be taken for (TypeNil: for
// what they are). An intrinsic that the store does not have gives store.NoIntrinsic.
func fieldOf(a *Attribute) (store.Field, Type) {
	if a.Scope != store.IntrinsicScope {
		return store.Attr(a.Scope, a.Name), TypeNil
	}
	i := intrinsicFields[a.Intrinsic]
	return store.Of(i.field), i.typ
}

// orNoService adds the resources without a service name, where p would hold on "".
func orNoService(a *Attribute, p store.Predicate, holdsOnEmpty bool) store.Predicate {
	if isServiceName(a) && holdsOnEmpty {
		return store.Or{p, store.Not{P: store.Exists{Field: serviceName}}}
	}
	return p
}

// compareNil compiles "l = nil" and "l != nil".
func (p *planner) compareNil(op Op, l Expr) (condition, error) {
	a, ok := l.(*Attribute)
	switch {
	case op != Equal && op != NotEqual:
		return constantCondition(false), nil
	case isCondition(l):
		return constantCondition(op == NotEqual), nil
	case !ok:
		v, err := p.value(l)
		return condition{pred: always, node: missing{v, op == NotEqual, textOf(op, l, &Const{})}}, err
	case a.Parent:
		own := *a
		own.Parent = false
		of, err := p.compareNil(op, &own)
		about := correlationOf(&own)
		return p.ofParent(of, op == Equal && about == correlation{}), err
	}
	f, _ := fieldOf(a)
	var present store.Predicate = store.Exists{Field: f}
	if isServiceName(a) || a.Scope == store.IntrinsicScope && f.Intrinsic == store.NoIntrinsic {
		present = always
	}
	if op == NotEqual {
		return condition{pred: present}, nil
	}
	switch about := correlationOf(a); {
	case about.event:
		return condition{pred: store.AnyEvent{P: store.Not{P: present}}}, nil
	case about.link:
		return condition{pred: store.AnyLink{P: store.Not{P: present}}}, nil
	}
	return condition{pred: noneOf(present)}, nil
}

func textOf(op Op, l, r Expr) string {
	b := &Binary{Op: op, L: l, R: r}
	return b.String()
}

// residual is a condition that n judges on the spans on which pred holds; on no others it can hold.
func (p *planner) residual(pred store.Predicate, n narrower) condition {
	if isAlways(pred) {
		return condition{pred: always, node: n}
	}
	return condition{pred: pred, node: conjunction{p.node(condition{pred: pred}), n}}
}

// compareValues compiles a comparison of two values that are computed for each span.
func (p *planner) compareValues(op Op, l, r Expr) (condition, error) {
	left, err := p.value(l)
	if err != nil {
		return condition{}, err
	}
	right, err := p.value(r)
	if err != nil {
		return condition{}, err
	}
	n := &comparison{op: op, l: left, r: right, idDigits: max(idDigits(l), idDigits(r)), text: textOf(op, l, r)}
	if op == Regex || op == NotRegex {
		c, _ := constantValue(r)
		if n.regex, err = store.NewRegex(c.Str); err != nil {
			return condition{}, fmt.Errorf("regular expression %q: %w", c.Str, err)
		}
	}
	both := present(r, present(l, nil))
	sortByCost(both)
	return p.residual(allOf(both...), n), nil
}

// present appends what a span must have for x to have a value.
func present(x Expr, list []store.Predicate) []store.Predicate {
	switch x := x.(type) {
	case *Attribute:
		f, _ := fieldOf(x)
		computed := x.Scope == store.IntrinsicScope && f.Intrinsic == store.NoIntrinsic
		if !x.Parent && !computed && !isServiceName(x) && !everywhere(f) {
			list = append(list, store.Exists{Field: f})
		}
	case *Unary:
		if x.Op == Neg {
			return present(x.X, list)
		}
	case *Binary:
		if x.Op > NotRegex {
			return present(x.R, present(x.L, list))
		}
	}
	return list
}

// everywhere reports whether every span has the field.
func everywhere(f store.Field) bool {
	return f.Scope == store.IntrinsicScope && f.Intrinsic != store.ParentID && !f.OfEvent() && !f.OfLink()
}

// ofParent compiles a condition on the parent; absent says whether it holds where there is none.
func (p *planner) ofParent(c condition, absent bool) condition {
	p.structural()
	of := condition{pred: always, node: onParent{p.node(c), absent}}
	if !absent {
		of.needs = c.allNeeds()
	}
	return of
}

// rootCondition compiles a comparison with nestedSetParent if it tells what counts as a root from all else:
// the former have -1, the latter numbers above 0.
func rootCondition(op Op, c Static) (condition, bool) {
	on := func(n int64) bool { return holds(op, IntStatic(n), c) }
	switch op {
	case Equal, NotEqual:
		if c != IntStatic(-1) {
			return condition{}, false
		}
	case Regex, NotRegex:
		return condition{}, false
	}
	if on(-1) == on(1) || on(1) != on(math.MaxInt64) {
		return condition{}, false
	}
	return condition{pred: always, node: roots{not: on(1)}}, true
}

// rootNeeds returns what some span of a trace must satisfy if the name or the service of its root satisfies a comparison.
func rootNeeds(i Intrinsic, op Op, c Static) []store.Predicate {
	var of Attribute
	switch i {
	case TraceRootName:
		of = Attribute{Scope: store.IntrinsicScope, Intrinsic: SpanName}
	case TraceRootService:
		of = Attribute{Scope: store.ResourceScope, Name: serviceName.Key}
	default:
		return nil
	}
	matchesText := func(text string) bool {
		if op == Regex || op == NotRegex {
			re, err := store.NewRegex(c.Str)
			return err != nil || matches(re, op == NotRegex, StringStatic(text))
		}
		return holds(op, StringStatic(text), c)
	}
	if matchesText(noRoot) || matchesText("") { // "": whatever is no string
		return nil
	}
	pred, _, _ := pushed(&of, op, c)
	return []store.Predicate{pred}
}
