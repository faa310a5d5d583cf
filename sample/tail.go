package sample

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// TailConfig says how tail sampling is done.
type TailConfig struct {
	// Window is how long all spans stay. They are decided in slices of a tenth of it.
	Window time.Duration
	// DryRun means that decisions are only recorded.
	DryRun bool
	// Reload is how often the policies are read again; 0 is never.
	Reload time.Duration
	Log    *slog.Logger
	// Registerer takes the metrics; it may be nil.
	Registerer prometheus.Registerer
}

// Tail is tail sampling: it decides which traces of a store stay when their time in the window is over.
type Tail struct {
	cfg       TailConfig
	store     store.Thinner
	policies  *PolicySource
	decisions *Decisions
	metrics   *tailMetrics
	now       func() time.Time
	followers []store.Thinner

	mu      sync.Mutex
	tenants map[string]*sync.Mutex // each held by who has a slice of the tenant
	problem error                  // of the last round
}

// NewTail returns tail sampling by the policies of a source.
func NewTail(cfg TailConfig, thinner store.Thinner, policies *PolicySource, decisions *Decisions) *Tail {
	t := &Tail{cfg: cfg, store: thinner, policies: policies, decisions: decisions, now: time.Now, tenants: map[string]*sync.Mutex{}}
	t.metrics = newTailMetrics(cfg.Registerer)
	return t
}

// SliceOf returns how much of a window is decided at once; a store keeps what arrives within one together.
func SliceOf(window time.Duration) time.Duration { return max(window/10, time.Millisecond) }

func (t *Tail) slice() time.Duration { return SliceOf(t.cfg.Window) }

// Run decides what is due, again and again, until ctx ends.
func (t *Tail) Run(ctx context.Context) {
	var both sync.WaitGroup
	defer both.Wait()
	if err := t.policies.Reload(ctx); err != nil {
		t.cfg.Log.Error("there are no sampling policies: nothing is thinned until there are", "err", err)
	}
	both.Go(func() { t.policies.Watch(ctx, t.cfg.Reload) })
	tick := time.NewTicker(t.slice())
	defer tick.Stop()
	for {
		t.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round decides what is due of all tenants, and lets the other stores follow.
func (t *Tail) round(ctx context.Context) {
	before := t.now().Add(-t.cfg.Window)
	problems := map[string]error{}
	try := func(tenant, what string, err error) {
		if err == nil || ctx.Err() != nil {
			return
		}
		t.metrics.failures.Inc()
		t.cfg.Log.Error("tail sampling: "+what+"; all of it stays until it is", "tenant", tenant, "err", err)
		problems[tenant] = fmt.Errorf("tenant %s: %w", tenant, err)
	}
	for _, tenant := range t.store.Tenants() {
		try(tenant, "a slice is not decided", t.Decide(ctx, tenant, before))
	}
	for _, other := range t.followers {
		for _, tenant := range other.Tenants() {
			if problems[tenant] == nil {
				try(tenant, "what belongs to traces is not thinned", t.follow(ctx, tenant, other, before))
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problem = errors.Join(slices.Collect(maps.Values(problems))...)
}

// lock waits until nobody else has a slice of a tenant, and returns what ends that.
func (t *Tail) lock(tenant string) (unlock func()) {
	t.mu.Lock()
	l := t.tenants[tenant]
	if l == nil {
		l = &sync.Mutex{}
		t.tenants[tenant] = l
	}
	t.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// Decide decides about all spans of a tenant that arrived before a time, slice by slice. Without policies it leaves them undecided.
func (t *Tail) Decide(ctx context.Context, tenant string, before time.Time) error {
	defer t.lock(tenant)()
	for {
		policies := t.policies.Current()
		if policies == nil {
			return nil
		}
		s, err := t.next(ctx, tenant, before)
		if err != nil || s == nil {
			return err
		}
		err = t.decideSlice(ctx, tenant, policies, s)
		s.Close()
		if err != nil {
			return err
		}
	}
}

// next returns the oldest slice, no longer than it should be, also if much is due at once; nil if there is none.
func (t *Tail) next(ctx context.Context, tenant string, before time.Time) (store.Slice, error) {
	s, err := t.store.Undecided(ctx, tenant, before)
	if err != nil || s == nil {
		return nil, err
	}
	first, last := s.Arrived()
	if last.Sub(first) <= 2*t.slice() {
		return s, nil
	}
	s.Close()
	part, err := t.store.Undecided(ctx, tenant, first.Add(t.slice()))
	if err != nil || part != nil {
		return part, err
	}
	return t.store.Undecided(ctx, tenant, before) // the store cannot cut it
}

// seconds returns how long a slice stands for: since the end of the one before, or what a slice is long, if nothing came for long.
func (t *Tail) seconds(first, last, before time.Time) float64 {
	length := max(last.Sub(first), t.slice())
	if !before.IsZero() && last.After(before) {
		length = min(length, last.Sub(before))
	}
	return max(length, time.Millisecond).Seconds()
}

func (t *Tail) decideSlice(ctx context.Context, tenant string, policies *Policies, undecided store.Slice) error {
	began := time.Now()
	s, err := judge(ctx, policies, wholeTraces{scan: undecided.Scan}, tenant, store.TimeRange{})
	if err != nil {
		return err
	}
	first, last := undecided.Arrived()
	s.seconds = t.seconds(first, last, t.decisions.lastArrival(tenant))
	earlier := t.decisions.earlier(tenant, s.traces)
	verdicts := s.decide(earlier, func(id span.TraceID) (Decision, bool) { return t.decisions.recent(tenant, id) })
	if err := t.decisions.record(tenant, first, last, t.made(s, verdicts)); err != nil {
		return err
	}
	fates := newFates(s, verdicts, t.cfg.DryRun)
	thinned, err := undecided.Thin(ctx, fates.of)
	if err != nil {
		return err
	}
	t.report(tenant, s, verdicts, fates, thinned, time.Since(began))
	return nil
}

// made returns the decisions that are new.
func (t *Tail) made(s *slice, verdicts []verdict) []decided {
	at := t.now()
	var made []decided
	for i, v := range verdicts {
		if v.policy == byEarlier {
			continue
		}
		d := Decision{Policy: s.policies.nameOf(v.policy), At: at, Kept: v.kept, Threshold: v.threshold, DryRun: t.cfg.DryRun}
		made = append(made, decided{s.traces[i].key, d})
	}
	return made
}

// linkedPolicy is the policy of traces that stay because of one that was decided before.
const linkedPolicy = "linked to a trace that was kept"

func (p *Policies) nameOf(place int) string {
	switch place {
	case byNone:
		return ""
	case byLink:
		return linkedPolicy
	}
	return p.list[place].name
}

// fates answers what becomes of each trace of a slice.
type fates struct {
	slice    *slice
	verdicts []verdict
	dryRun   bool
	states   map[span.Threshold]func(string) string
	unjudged map[span.TraceID]bool // traces of which nothing is known
}

func newFates(s *slice, verdicts []verdict, dryRun bool) *fates {
	return &fates{s, verdicts, dryRun, map[span.Threshold]func(string) string{}, map[span.TraceID]bool{}}
}

// of returns the fate of a trace. One that was not judged, as part of the store could not be read, stays.
func (f *fates) of(id span.TraceID) store.Fate {
	place := f.slice.find(id)
	if place < 0 {
		f.unjudged[id] = true
		return store.Fate{Stays: true}
	}
	v := &f.verdicts[place]
	switch {
	case f.dryRun:
		return store.Fate{Stays: true}
	case !v.kept:
		return store.Fate{}
	case v.threshold == 0:
		return store.Fate{Stays: true} // it counts as before
	case v.random != f.slice.traces[place].own:
		random, threshold := v.random, v.threshold
		return store.Fate{Stays: true, State: func(state string) string { return span.WithRandomness(raised(state, threshold), random) }}
	}
	state := f.states[v.threshold]
	if state == nil {
		threshold := v.threshold
		state = func(state string) string { return raised(state, threshold) }
		f.states[v.threshold] = state
	}
	return store.Fate{Stays: true, State: state}
}

// raised returns a trace state with a threshold, unless it has a greater one: what was sampled once counts as that.
func raised(state string, t span.Threshold) string {
	if had, ok := span.StateThreshold(state); (ok && had >= t) || t == 0 {
		return state
	}
	return span.WithThreshold(state, t)
}

func (t *Tail) report(tenant string, s *slice, verdicts []verdict, f *fates, thinned store.Thinned, took time.Duration) {
	t.metrics.add(s, verdicts, thinned, took)
	t.metrics.unjudged.Add(float64(len(f.unjudged)))
	log := t.cfg.Log.With("tenant", tenant, "traces", len(verdicts), "spans-kept", thinned.KeptSpans, "spans-dropped", thinned.DroppedSpans, "took", took)
	if len(f.unjudged) > 0 || len(s.gaps) > 0 {
		log.Warn("tail sampling: not all of a slice could be read; traces that could not be judged stay", "unjudged", len(f.unjudged), "gaps", s.gaps)
		return
	}
	log.Debug("tail sampling: a slice is decided")
}

// Keep decides that all traces stay that a search finds among those that are undecided.
func (t *Tail) Keep(ctx context.Context, tenant string, q *traceql.Query) (Kept, error) {
	defer t.lock(tenant)()
	s, err := t.store.Undecided(ctx, tenant, t.now().Add(time.Minute)) // with what arrives meanwhile
	if err != nil || s == nil {
		return Kept{}, err
	}
	defer s.Close()
	searches := &Policies{searches: []*traceql.Query{q}, rules: []*rule{{when: foundBy(0)}}}
	found, err := judge(ctx, searches, wholeTraces{scan: s.Scan}, tenant, store.TimeRange{})
	if err != nil {
		return Kept{}, err
	}
	answer := Kept{Gaps: found.gaps}
	earlier := t.decisions.earlier(tenant, found.traces)
	decision := Decision{Policy: keepPrefix + q.String(), At: t.now(), Kept: true}
	var made []decided
	for i, trace := range found.traces {
		switch d := earlier[i]; {
		case !found.holdsFor(searches.rules[0], i):
		case d != nil && d.Kept && !d.DryRun:
			answer.Already++
		default:
			answer.Kept++
			made = append(made, decided{trace.key, decision})
		}
	}
	return answer, t.decisions.record(tenant, time.Unix(0, 0), time.Unix(0, 0), made)
}

// keepPrefix begins the policy of what was kept by hand.
const keepPrefix = "keep: "

// Kept says what keeping by hand did.
type Kept struct {
	Kept    int      `json:"kept"`           // traces that stay now
	Already int      `json:"already"`        // traces that were decided to stay before
	Gaps    []string `json:"gaps,omitempty"` // what could not be read
}
