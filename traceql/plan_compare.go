package traceql

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

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

// pushedID returns the comparison of an id with a text as one of its bytes. For = and != the text is an id,
// maybe without leading zeros; all else is about the digits.
func pushedID(f store.Field, op Op, c Static) store.Predicate {
	if c.Type != TypeString {
		return never
	}
	size := len(span.SpanID{})
	if f.Intrinsic == store.TraceID || f.Intrinsic == store.LinkTraceID {
		size = len(span.TraceID{})
	}
	compare := func(op store.Op, digits string) store.Predicate {
		id, _ := hex.DecodeString(digits) // it has digits only
		return store.Compare{Field: f, Op: op, Value: span.BytesValue(string(id))}
	}
	var present store.Predicate = store.Exists{Field: f}
	switch first, ok := firstID(c.Str, 2*size); {
	case op == Equal && !isID(c.Str, 2*size):
		return never
	case op == NotEqual && !isID(c.Str, 2*size):
		return present
	case op == Equal || op == NotEqual:
		return compare(storeOps[op], strings.Repeat("0", 2*size-len(c.Str))+c.Str)
	case ok && first == c.Str:
		return compare(storeOps[op], first)
	case ok && (op == Less || op == LessEqual):
		return compare(store.Less, first)
	case ok:
		return compare(store.GreaterEqual, first)
	case op == Less || op == LessEqual:
		return present
	}
	return never
}

// firstID returns the digits of the first id of so many that does not come before a text; ok is false if all do.
func firstID(text string, digits int) (first string, ok bool) {
	const hexDigits = "0123456789abcdef"
	id := []byte(strings.Repeat("0", digits))
	for i := range id {
		if i == len(text) {
			return string(id), true
		}
		next := strings.IndexFunc(hexDigits, func(d rune) bool { return d >= rune(text[i]) })
		if next < 0 {
			return nextID(id, i)
		}
		if id[i] = hexDigits[next]; id[i] > text[i] {
			return string(id), true
		}
	}
	if len(text) > digits {
		return nextID(id, digits)
	}
	return string(id), true
}

// nextID returns the digits of the first id behind all that begin with n given digits; ok is false if there is none.
func nextID(id []byte, n int) (next string, ok bool) {
	for n--; n >= 0; n-- {
		switch id[n] {
		case 'f':
			id[n] = '0'
			continue
		case '9':
			id[n] = 'a'
		default:
			id[n]++
		}
		return string(id), true
	}
	return "", false
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

// correlation is what conditions of one && chain have to hold on together: one event or one link, of the span or of its parent.
type correlation struct {
	event, link, parent bool
}

var correlations = []correlation{{event: true}, {link: true}, {event: true, parent: true}, {link: true, parent: true}}

// correlationOf returns what a condition, or an attribute, is about; the zero correlation if not about events or links only.
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

// onOne returns a condition that has a correlation as the store judges it on one event or link. Unless it is exact, it holds on more.
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

// onSame returns the condition that one correlation satisfies all of preds.
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

// sortByCost puts cheap predicates first.
func sortByCost(preds []store.Predicate) {
	slices.SortStableFunc(preds, func(a, b store.Predicate) int { return costOf(a) - costOf(b) })
}

// costOf estimates what a predicate costs the store, in no unit.
func costOf(p store.Predicate) int {
	sum := func(list []store.Predicate) (cost int) {
		for _, p := range list {
			cost += costOf(p)
		}
		return cost
	}
	switch p := p.(type) {
	case store.And:
		return sum(p)
	case store.Or:
		return sum(p)
	case store.Not: // holds on most spans, as a rule
		return 10 + costOf(p.P)
	case store.AnyEvent:
		return 20 + costOf(p.P)
	case store.AnyLink:
		return 20 + costOf(p.P)
	case store.Exists:
		return fieldCost(p.Field)
	case store.Compare:
		if p.Op == store.Equal {
			return fieldCost(p.Field)
		}
		return 1 + fieldCost(p.Field)
	case store.Matches:
		return 3 * fieldCost(p.Field)
	}
	return 0
}

// fieldCost is low for fields with few values and high for those that lie in several columns.
func fieldCost(f store.Field) int {
	switch {
	case f.OfEvent() || f.OfLink():
		return 15
	case f.Scope == store.AnyScope:
		return 10
	case f.Scope == store.SpanScope:
		return 5
	case f.Scope != store.IntrinsicScope:
		return 2
	case f.Intrinsic == store.Kind || f.Intrinsic == store.Status:
		return 1
	case f.Intrinsic == store.Name || f.Intrinsic == store.Duration || f.Intrinsic == store.Start:
		return 3
	}
	return 6
}
