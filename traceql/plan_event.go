package traceql

import (
	"github.com/clewhq/clew/store"
)

// correlation is what conditions of one && chain have to hold on together: one event or one link, of the span
// or of its parent. The zero correlation is none: a condition stands by itself.
type correlation struct {
	event, link, parent bool
}

var correlations = []correlation{{event: true}, {link: true}, {event: true, parent: true}, {link: true, parent: true}}

// correlationOf returns what a condition, or an attribute, is about, if it is about events or about links only.
func correlationOf(x Expr) correlation {
	switch x := x.(type) {
	case *Attribute:
		f, _ := fieldOf(x)
		if f.OfEvent() || f.OfLink() {
			return correlation{event: f.OfEvent(), link: f.OfLink(), parent: x.Parent}
		}
	case *Binary:
		if x.Op == And || x.Op == Or {
			if s := correlationOf(x.L); s == correlationOf(x.R) {
				return s
			}
			return correlation{}
		}
		if a, _, _, ok := constComparison(x); ok {
			return correlationOf(a)
		}
	}
	return correlation{}
}

// onOne returns a condition that has a correlation as the store judges it on one event or link. Unless it is
// exact, it holds on more.
func (p *planner) onOne(x Expr) (pred store.Predicate, exact bool) {
	switch x := x.(type) {
	case *Attribute:
		return onOneField(x, Equal, &Const{Value: BoolStatic(true)})
	case *Binary:
		if a, op, c, ok := constComparison(x); ok {
			return onOneField(a, op, c)
		}
		l, exactL := p.onOne(x.L)
		r, exactR := p.onOne(x.R)
		if x.Op == And {
			return allOf(l, r), exactL && exactR
		}
		return anyOf(l, r), exactL && exactR
	}
	return always, false
}

// constComparison returns a comparison of an attribute with a constant as "a op c".
func constComparison(x *Binary) (a *Attribute, op Op, c *Const, ok bool) {
	if x.Op < Equal || x.Op > NotRegex {
		return nil, 0, nil, false
	}
	l, r, op := x.L, x.R, x.Op
	if _, ok := l.(*Attribute); !ok {
		l, r, op = r, l, mirrored(op)
	}
	if a, ok = l.(*Attribute); !ok {
		return nil, 0, nil, false
	}
	if c, ok := r.(*Const); ok {
		return a, op, c, true
	}
	v, ok := constantValue(r)
	return a, op, &Const{Value: v}, ok && v.Type != TypeNil
}

func onOneField(a *Attribute, op Op, c *Const) (pred store.Predicate, exact bool) {
	f, _ := fieldOf(a)
	switch {
	case isNil(c) && op == Equal:
		return store.Not{P: store.Exists{Field: f}}, true
	case isNil(c):
		return store.Exists{Field: f}, op == NotEqual
	}
	pred, exact, err := pushed(a, op, c.Value)
	if err != nil {
		return always, false
	}
	return pred, exact
}

// onSame returns the condition that one event or link satisfies all of preds.
func (p *planner) onSame(about correlation, preds []store.Predicate) condition {
	sortByCost(preds)
	c := condition{pred: allOf(preds...)}
	switch _, plain := c.pred.(store.Compare); {
	case plain || isNever(c.pred):
	case about.event:
		c.pred = store.AnyEvent{P: c.pred}
	default:
		c.pred = store.AnyLink{P: c.pred}
	}
	if about.parent {
		return p.ofParent(c, false)
	}
	return c
}

// someOf compiles SomeEvent and SomeLink.
func (p *planner) someOf(x *Unary) (store.Predicate, error) {
	pred, err := p.judgedByStore(x.X)
	switch {
	case err != nil || isNever(pred):
		return pred, err
	case x.Op == SomeEvent:
		return store.AnyEvent{P: pred}, nil
	}
	return store.AnyLink{P: pred}, nil
}

// judgedByStore compiles what has to be judged on one event or link, as only the store does.
func (p *planner) judgedByStore(x Expr) (store.Predicate, error) {
	if about := correlationOf(x); about.event || about.link {
		if pred, exact := p.onOne(x); exact && !about.parent {
			return pred, nil
		}
	}
	switch x := x.(type) {
	case *Unary:
		switch x.Op {
		case Not:
			pred, err := p.judgedByStore(x.X)
			return noneOf(pred), err
		case SomeEvent, SomeLink:
			return p.someOf(x)
		}
	case *Binary:
		if x.Op != And && x.Op != Or {
			break
		}
		l, err := p.judgedByStore(x.L)
		if err != nil {
			return nil, err
		}
		r, err := p.judgedByStore(x.R)
		if x.Op == And {
			return allOf(l, r), err
		}
		return anyOf(l, r), err
	}
	c, err := p.condition(x)
	if err == nil && c.node != nil {
		err = newError(x.String(), 0, "cannot be judged on one event or link")
	}
	return c.pred, err
}
