package storetest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// faulty is a Model with a fault in it. What is nil works as it should.
type faulty struct {
	*Model
	tenant   func(string) string
	written  func(*span.Span) bool // changes a span; false drops it
	trace    func(*store.Trace, store.TimeRange)
	where    func(store.Predicate) store.Predicate
	look     lookFaults
	services func([]string) []string
	ops      func([]store.Operation) []store.Operation
	keys     func([]store.AttributeKey) []store.AttributeKey
	values   func([]store.ValueCount) []store.ValueCount
	gapsOf   string // the method that says that its list has gaps
	settle   func(*Model)
}

func (f *faulty) name(tenant string) string {
	if f.tenant != nil {
		return f.tenant(tenant)
	}
	return tenant
}

func (f *faulty) Write(ctx context.Context, tenant string, b *span.Batch) error {
	var out span.Batch
	for i := range b.Len() {
		s := b.Span(i)
		if f.written == nil || f.written(&s) {
			out.Append(&s)
		}
	}
	return f.Model.Write(ctx, f.name(tenant), &out)
}

func (f *faulty) Trace(ctx context.Context, tenant string, id span.TraceID, hint store.TimeRange) (*store.Trace, error) {
	tr, err := f.Model.Trace(ctx, f.name(tenant), id, hint)
	if err == nil && f.trace != nil {
		f.trace(tr, hint)
	}
	return tr, err
}

// change applies the faults of a method to its answer.
func change[T any](f *faulty, method string, fault func([]T) []T, answer *store.Listing[T], err error) (*store.Listing[T], error) {
	if err == nil && fault != nil {
		answer.List = fault(answer.List)
	}
	if err == nil && f.gapsOf == method {
		answer.Gaps = []string{"block 1"}
	}
	return answer, err
}

func (f *faulty) Services(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[string], error) {
	answer, err := f.Model.Services(ctx, f.name(tenant), r)
	return change(f, "Services", f.services, answer, err)
}

func (f *faulty) Operations(ctx context.Context, tenant, service string, r store.TimeRange) (*store.Listing[store.Operation], error) {
	answer, err := f.Model.Operations(ctx, f.name(tenant), service, r)
	return change(f, "Operations", f.ops, answer, err)
}

func (f *faulty) AttributeKeys(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[store.AttributeKey], error) {
	answer, err := f.Model.AttributeKeys(ctx, f.name(tenant), r)
	return change(f, "AttributeKeys", f.keys, answer, err)
}

func (f *faulty) AttributeValues(ctx context.Context, tenant string, field store.Field, r store.TimeRange, limit int) (*store.Listing[store.ValueCount], error) {
	answer, err := f.Model.AttributeValues(ctx, f.name(tenant), field, r, limit)
	return change(f, "AttributeValues", f.values, answer, err)
}

func (f *faulty) Settle(context.Context) error {
	if f.settle != nil {
		f.settle(f.Model)
	}
	return nil
}

// rewrite returns a fault that changes every comparison, match and so on inside a query.
func rewrite(f func(store.Predicate) store.Predicate) func(store.Predicate) store.Predicate {
	var walk func(store.Predicate) store.Predicate
	each := func(list []store.Predicate) (out []store.Predicate) {
		for _, p := range list {
			out = append(out, walk(p))
		}
		return out
	}
	walk = func(p store.Predicate) store.Predicate {
		switch q := p.(type) {
		case store.And:
			p = store.And(each(q))
		case store.Or:
			p = store.Or(each(q))
		case store.Not:
			p = store.Not{P: walk(q.P)}
		case store.AnyEvent:
			p = store.AnyEvent{P: walk(q.P)}
		case store.AnyLink:
			p = store.AnyLink{P: walk(q.P)}
		}
		return f(p)
	}
	return walk
}

// compares returns a fault in comparisons.
func compares(f func(store.Compare) store.Predicate) func(store.Predicate) store.Predicate {
	return rewrite(func(p store.Predicate) store.Predicate {
		if c, ok := p.(store.Compare); ok {
			return f(c)
		}
		return p
	})
}

// everyValue returns a fault that changes the attribute values that are written.
func everyValue(f func(span.Value) span.Value) func(*span.Span) bool {
	return func(s *span.Span) bool {
		for _, scope := range anyScope {
			for _, list := range attrLists(scope, s) {
				for i := range list {
					list[i].Value = f(list[i].Value)
				}
			}
		}
		return true
	}
}

// rebuild makes an answer of other spans.
func rebuild(tr *store.Trace, f func([]span.Span) []span.Span) {
	var list []span.Span
	for i := range tr.Spans.Len() {
		list = append(list, tr.Spans.Span(i))
	}
	tr.Spans.Reset()
	for _, s := range f(list) {
		tr.Spans.Append(&s)
	}
}

// fault is what a store may get wrong, with the check that a store with the fault fails.
type fault struct {
	fault string
	check func(*trial) error
	store faulty
}

var faults = []fault{
	{"writes nothing", checkEveryField, faulty{written: func(*span.Span) bool { return false }}},
	{"makes -0 to 0", checkEveryField, faulty{written: everyValue(func(v span.Value) span.Value {
		if v.Type == span.Float && v.Float() == 0 {
			v.Num = 0
		}
		return v
	})}},
	{"has one NaN", checkEveryField, faulty{written: everyValue(func(v span.Value) span.Value {
		if v.Type == span.Float && math.IsNaN(v.Float()) {
			v = span.FloatValue(math.NaN())
		}
		return v
	})}},
	{"keeps integers as floats", checkEveryField, faulty{written: everyValue(func(v span.Value) span.Value {
		if v.Type == span.Int {
			v = span.IntValue(int64(float64(v.Int())))
		}
		return v
	})}},
	{"keeps valid UTF-8 only", checkEveryField, faulty{written: everyValue(func(v span.Value) span.Value {
		if v.Type == span.String {
			v.Str = strings.ToValidUTF8(v.Str, "�")
		}
		return v
	})}},
	{"loses empty values", checkEveryField, faulty{written: everyValue(func(v span.Value) span.Value {
		if v.Type == span.Empty {
			v = text("")
		}
		return v
	})}},
	{"keeps the last of repeated keys", checkEveryField, faulty{written: func(s *span.Span) bool {
		if len(s.Attrs) > 2 && s.Attrs[0] == s.Attrs[2] {
			s.Attrs = s.Attrs[1:]
		}
		return true
	}}},
	{"orders a trace by id", checkTraceInPieces, faulty{trace: func(tr *store.Trace, _ store.TimeRange) {
		rebuild(tr, func(list []span.Span) []span.Span {
			slices.SortStableFunc(list, func(a, b span.Span) int { return strings.Compare(string(a.SpanID[:]), string(b.SpanID[:])) })
			return list
		})
	}}},
	{"believes the hint", checkTraceInPieces, faulty{trace: func(tr *store.Trace, hint store.TimeRange) {
		rebuild(tr, func(list []span.Span) []span.Span {
			return slices.DeleteFunc(list, func(s span.Span) bool { return !hint.Contains(s.Start) })
		})
	}}},
	{"keeps what comes twice", checkSharedIDs, faulty{trace: func(tr *store.Trace, _ store.TimeRange) {
		rebuild(tr, func(list []span.Span) []span.Span { return append(list[:1:1], list...) })
	}}},
	{"keeps one span of an id", checkSharedIDs, faulty{trace: func(tr *store.Trace, _ store.TimeRange) {
		rebuild(tr, func(list []span.Span) []span.Span {
			return slices.CompactFunc(list, func(a, b span.Span) bool { return a.SpanID == b.SpanID })
		})
	}}},
	{"says that a trace has gaps", checkTraceIDs, faulty{trace: func(tr *store.Trace, _ store.TimeRange) { tr.Gaps = []string{"block 1"} }}},
	{"knows the lower half of an id", checkTraceIDs, faulty{written: func(s *span.Span) bool { clear(s.TraceID[:8]); return true }}},
	{"has one tenant", checkTenants, faulty{tenant: func(string) string { return "all" }}},
	{"sees a missing field as different", checkPredicates, faulty{where: compares(func(c store.Compare) store.Predicate {
		if c.Op == store.NotEqual {
			return store.Not{P: store.Compare{Field: c.Field, Op: store.Equal, Value: c.Value}}
		}
		return c
	})}},
	{"compares integers as floats", checkPredicates, faulty{where: compares(func(c store.Compare) store.Predicate {
		if c.Value.Type == span.Int {
			c.Value = float(float64(c.Value.Int()))
		}
		return c
	})}},
	{"takes < for <=", checkPredicates, faulty{where: compares(func(c store.Compare) store.Predicate {
		if c.Op == store.LessEqual {
			c.Op = store.Less
		}
		return c
	})}},
	{"looks for unscoped keys in spans", checkPredicates, faulty{where: compares(func(c store.Compare) store.Predicate {
		if c.Field.Scope == store.AnyScope {
			c.Field.Scope = store.SpanScope
		}
		return c
	})}},
	{"looks for unscoped keys in every scope", checkPredicates, faulty{where: compares(func(c store.Compare) store.Predicate {
		var list store.Or
		for _, scope := range anyScope {
			if c.Field.Scope == store.AnyScope {
				list = append(list, store.Compare{Field: store.Attr(scope, c.Field.Key), Op: c.Op, Value: c.Value})
			}
		}
		return append(list, c)
	})}},
	{"mixes events", checkPredicates, faulty{where: rewrite(func(p store.Predicate) store.Predicate {
		if e, ok := p.(store.AnyEvent); ok {
			return store.And{e.P, store.Exists{Field: store.Of(store.EventName)}}
		}
		return p
	})}},
	{"mixes links", checkPredicates, faulty{where: rewrite(func(p store.Predicate) store.Predicate {
		if l, ok := p.(store.AnyLink); ok {
			return store.And{l.P, store.Exists{Field: store.Of(store.LinkSpanID)}}
		}
		return p
	})}},
	{"matches a part", checkPredicates, faulty{where: rewrite(func(p store.Predicate) store.Predicate {
		if m, ok := p.(store.Matches); ok {
			m.Regex, _ = store.NewRegex(".*(?:" + m.Regex.Expr + ").*")
			return m
		}
		return p
	})}},
	{"says that services have gaps", checkCatalog, faulty{gapsOf: "Services"}},
	{"says that operations have gaps", checkCatalog, faulty{gapsOf: "Operations"}},
	{"says that keys have gaps", checkCatalog, faulty{gapsOf: "AttributeKeys"}},
	{"says that values have gaps", checkCatalog, faulty{gapsOf: "AttributeValues"}},
	{"names no service", checkCatalog, faulty{services: func([]string) []string { return nil }}},
	{"names an empty service", checkCatalog, faulty{services: func(s []string) []string { return append([]string{""}, s...) }}},
	{"does not sort services", checkCatalog, faulty{services: func(s []string) []string { slices.Reverse(s); return s }}},
	{"ignores kinds", checkCatalog, faulty{ops: func(list []store.Operation) []store.Operation {
		return slices.CompactFunc(list, func(a, b store.Operation) bool { return a.Name == b.Name })
	}}},
	{"counts too much", checkCatalog, faulty{keys: func(list []store.AttributeKey) []store.AttributeKey {
		for i := range list {
			list[i].Count++
		}
		return list
	}}},
	{"counts too little", checkCatalog, faulty{keys: func(list []store.AttributeKey) []store.AttributeKey {
		for i := range list {
			list[i].Count--
		}
		return list
	}}},
	{"has one type for a key", checkCatalog, faulty{keys: func(list []store.AttributeKey) []store.AttributeKey {
		return slices.CompactFunc(list, func(a, b store.AttributeKey) bool { return a.Scope == b.Scope && a.Key == b.Key })
	}}},
	{"sorts values by value", checkCatalog, faulty{values: func(list []store.ValueCount) []store.ValueCount {
		slices.SortFunc(list, func(a, b store.ValueCount) int { return store.CompareValues(a.Value, b.Value) })
		return list
	}}},
	{"drops the most frequent value", checkCatalog, faulty{values: func(list []store.ValueCount) []store.ValueCount { return list[min(1, len(list)):] }}},
	{"keeps the first 4,096 attributes", checkManyAttributes, faulty{written: func(s *span.Span) bool {
		s.Attrs = s.Attrs[:min(len(s.Attrs), 4096)]
		return true
	}}},
	{"keeps the first 65,535 events", checkManyEvents, faulty{written: func(s *span.Span) bool {
		s.Events = s.Events[:min(len(s.Events), 65_535)]
		return true
	}}},
	{"keeps the first 65,535 links", checkManyEvents, faulty{written: func(s *span.Span) bool {
		s.Links = s.Links[:min(len(s.Links), 65_535)]
		return true
	}}},
	{"cuts values at 1,000,000 bytes", checkLongValues, faulty{written: everyValue(func(v span.Value) span.Value {
		if v.Type == span.Bytes {
			v.Str = v.Str[:min(len(v.Str), 1_000_000)]
		}
		return v
	})}},
	{"cuts listed values at 1,000 bytes", checkLongValues, faulty{values: func(list []store.ValueCount) []store.ValueCount {
		for i := range list {
			list[i].Value.Str = list[i].Value.Str[:min(len(list[i].Value.Str), 1000)]
		}
		return list
	}}},
	{"lists the first 10,000 keys", checkManyKeys, faulty{keys: func(list []store.AttributeKey) []store.AttributeKey {
		return list[:min(len(list), 10_000)]
	}}},
	{"drops a span of a big trace", checkBigTrace, faulty{written: func(s *span.Span) bool { return s.SpanID[6] != 7 || s.SpanID[7] != 7 }}},
	{"mixes up two values in a big trace", checkBigTrace, faulty{written: func(s *span.Span) bool {
		if len(s.Attrs) > 0 && s.Attrs[0].Value == number(777) {
			s.Attrs[0].Value = number(778)
		}
		return true
	}}},
	{"finds services where there are none", checkEmpty, faulty{services: func(s []string) []string { return append([]string{""}, s...) }}},
	{"keeps one span of an id, at random", checkRandom, faulty{trace: func(tr *store.Trace, _ store.TimeRange) {
		rebuild(tr, func(list []span.Span) []span.Span {
			return slices.CompactFunc(list, func(a, b span.Span) bool { return a.SpanID == b.SpanID })
		})
	}}},
	{"loses spans when it settles", checkTraceInPieces, faulty{settle: func(m *Model) {
		t := m.tenants[tenant]
		t.spans = t.spans[:len(t.spans)-1]
	}}},
}

func TestSuiteFindsFaults(t *testing.T) {
	for _, c := range slices.Concat(faults, traceFaults, queryFaults, columnFaults, endFaults) {
		t.Run(c.fault, func(t *testing.T) {
			c.store.Model = &Model{}
			tr := newTrial(t.Context(), &c.store, 1)
			tr.bigTrace = 2500
			err := c.check(tr)
			if err == nil {
				t.Fatal("the check finds nothing")
			}
			if strings.Contains(err.Error(), "BUG") || len(err.Error()) > 20_000 {
				t.Errorf("the check says %d bytes: %v", len(err.Error()), err)
			}
			t.Log(err)
		})
	}
}

// TestSuiteMissesNoField: a store that loses any one field fails.
func TestSuiteMissesNoField(t *testing.T) {
	_, paths := fullSpan()
	if want := "Events.Attrs.Value"; !slices.Contains(paths, want) {
		t.Fatalf("%q lack %s", paths, want)
	}
	for _, lost := range paths {
		b := &faulty{Model: &Model{}, written: func(s *span.Span) bool { without(s, lost); return true }}
		if err := checkEveryField(newTrial(t.Context(), b, 1)); err == nil {
			t.Errorf("the check does not miss %s", lost)
		}
	}
}

// late is a store that shows a write only when the next one comes.
type late struct {
	*Model
	last *span.Batch
}

func (l *late) Write(ctx context.Context, tenant string, b *span.Batch) error {
	if l.last != nil {
		if err := l.Model.Write(ctx, tenant, l.last); err != nil {
			return err
		}
	}
	l.last = b // which is not the store's to keep
	return nil
}

// shared is a store whose answers are all the same batch.
type shared struct {
	*Model
	answers sync.Map // of *store.Trace by id
}

func (s *shared) Trace(ctx context.Context, tenant string, id span.TraceID, hint store.TimeRange) (*store.Trace, error) {
	if tr, ok := s.answers.Load(id); ok {
		return tr.(*store.Trace), nil
	}
	tr, err := s.Model.Trace(ctx, tenant, id, hint)
	if err == nil {
		s.answers.Store(id, tr)
	}
	return tr, err
}

// busy is a store that asks senders to come back.
type busy struct {
	*Model
	rng *rand.Rand
}

func (b *busy) Write(ctx context.Context, tenant string, batch *span.Batch) error {
	if b.rng.IntN(2) == 0 {
		return &store.RetryError{After: time.Microsecond, Reason: errors.New("busy")}
	}
	return b.Model.Write(ctx, tenant, batch)
}

// locked is a store that lets nobody in while it scans.
type locked struct {
	*Model
	mu sync.Mutex
}

func (l *locked) Write(ctx context.Context, tenant string, b *span.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Model.Write(ctx, tenant, b)
}

func TestSuiteOnOddStores(t *testing.T) {
	for _, c := range []struct {
		name  string
		store Backend
		check func(*trial) error
		ok    bool
	}{
		{"keeps a batch beyond its write", &late{Model: &Model{}}, checkTraceInPieces, false},
		{"shares its answers", &shared{Model: &Model{}}, checkTraceInPieces, false},
		{"answers from a stale cache", &shared{Model: &Model{}}, checkConcurrent, false},
		{"asks for patience", &busy{&Model{}, rand.New(rand.NewPCG(1, 1))}, checkTraceInPieces, true},
		{"locks while it looks", &locked{Model: &Model{}}, checkYieldUsesChunks, false},
		{"does not lock while it looks", &Model{}, checkYieldUsesChunks, true},
	} {
		tr := newTrial(t.Context(), c.store, 1)
		if !c.ok {
			tr.patience = 50 * time.Millisecond
		}
		if err := c.check(tr); (err == nil) != c.ok {
			t.Errorf("a store that %s: %v", c.name, err)
		}
	}
}
