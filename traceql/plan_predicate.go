package traceql

import (
	"slices"

	"github.com/clewhq/clew/store"
)

// eitherNeeds returns predicates that each have to hold on some span of a trace that satisfies all of a, or all of b.
func eitherNeeds(a, b []store.Predicate) []store.Predicate {
	const most, mostTerms = 8, 64 // more of them say little more, and cost a lot
	var needs []store.Predicate
	for _, x := range a {
		for _, y := range b {
			either := anyOf(x, y)
			if or, ok := either.(store.Or); len(needs) < most && (!ok || len(or) <= mostTerms) {
				needs = append(needs, either)
			}
		}
	}
	return needs
}

// The constant predicates.
var (
	always = store.And(nil)
	never  = store.Or(nil)
)

func isAlways(p store.Predicate) bool {
	and, ok := p.(store.And)
	return p == nil || ok && len(and) == 0
}

func isNever(p store.Predicate) bool {
	or, ok := p.(store.Or)
	return ok && len(or) == 0
}

// allOf is And with what is constant folded, and what is nested flattened.
func allOf(list ...store.Predicate) store.Predicate {
	var and store.And
	for _, p := range list {
		switch inner, ok := p.(store.And); {
		case isNever(p):
			return never
		case ok:
			and = append(and, inner...)
		case p != nil:
			and = append(and, p)
		}
	}
	if len(and) == 1 {
		return and[0]
	}
	return and
}

// anyOf is allOf for Or.
func anyOf(list ...store.Predicate) store.Predicate {
	var or store.Or
	for _, p := range list {
		switch inner, ok := p.(store.Or); {
		case isAlways(p):
			return always
		case ok:
			or = append(or, inner...)
		default:
			or = append(or, p)
		}
	}
	if len(or) == 1 {
		return or[0]
	}
	return or
}

func noneOf(p store.Predicate) store.Predicate {
	switch inner, ok := p.(store.Not); {
	case ok:
		return inner.P
	case isAlways(p):
		return never
	case isNever(p):
		return always
	}
	return store.Not{P: p}
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
