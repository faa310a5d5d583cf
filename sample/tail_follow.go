package sample

import (
	"context"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Follow has another store, as that of log records, thinned by what is decided about traces. What
// belongs to traces of which nothing was decided stays. It is called before Run.
func (t *Tail) Follow(other store.Thinner) { t.followers = append(t.followers, other) }

// follow thins what arrived in another store some slices before a time up to which all spans of the tenant are decided.
func (t *Tail) follow(ctx context.Context, tenant string, other store.Thinner, decided time.Time) error {
	if t.policies.Current() == nil {
		return nil
	}
	s, err := other.Undecided(ctx, tenant, decided.Add(-3*t.slice()))
	if err != nil || s == nil {
		return err
	}
	defer s.Close()
	_, err = s.Thin(ctx, func(id span.TraceID) store.Fate {
		d, ok := t.decisions.Of(tenant, id)
		return store.Fate{Stays: !ok || d.Kept || d.DryRun}
	})
	return err
}

// Outcome reports whether a trace with some randomness stays, once that is known. It only looks at decisions that are in memory.
func (t *Tail) Outcome(tenant string, id span.TraceID, random uint64) (kept, known bool) {
	if t.cfg.DryRun {
		return true, true
	}
	if d, ok := t.decisions.recent(tenant, id); ok {
		return d.Kept || d.DryRun, true
	}
	p := t.policies.Current()
	kept = p != nil && p.certain.Samples(random)
	return kept, kept
}

// certainThreshold is the threshold with which all traces are kept, whatever they are.
func (p *Policies) certainThreshold() span.Threshold {
	lowest := span.NeverSample
	for _, each := range p.list {
		if each.drop {
			return span.NeverSample
		}
		if t, ok := each.rules[0].forAll(); ok && len(each.rules) == 1 {
			lowest = min(lowest, t)
		}
	}
	return lowest
}

// forAll returns the threshold of a rule that is the same for all traces.
func (r *rule) forAll() (t span.Threshold, ok bool) {
	if conditions, isAll := r.when.(all); !isAll || len(conditions) > 0 {
		return 0, false
	}
	for _, l := range r.limits {
		fixed, ok := l.(least)
		if !ok {
			return 0, false
		}
		t = max(t, span.Threshold(fixed))
	}
	return t, true
}
