package recording

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/clewhq/clew/span"
)

var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func generator(t testing.TB, cfg Config) *Generator {
	t.Helper()
	g, err := NewGenerator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func decode(t testing.TB, request []byte) ptrace.Traces {
	t.Helper()
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(request)
	if err != nil {
		t.Fatal(err)
	}
	return td
}

// flatSpan is a span with the encoded form of what it belongs to.
type flatSpan struct {
	ptrace.Span
	owner string
}

// flatten lists the spans of all requests in order.
func flatten(t testing.TB, requests ...[]byte) []flatSpan {
	var list []flatSpan
	for _, r := range requests {
		for _, rs := range decode(t, r).ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				owner := fmt.Sprint(rs.Resource().Attributes().AsRaw(), rs.SchemaUrl(), ss.SchemaUrl(),
					ss.Scope().Name(), ss.Scope().Version(), ss.Scope().Attributes().AsRaw())
				for _, s := range ss.Spans().All() {
					list = append(list, flatSpan{s, owner})
				}
			}
		}
	}
	return list
}

// byTrace groups the recorded spans by trace, and those of a trace by owner, in order of first appearance.
func byTrace(spans []flatSpan) [][]flatSpan {
	trace, owner := map[pcommon.TraceID]int{}, map[string]int{}
	var groups [][]flatSpan
	for _, s := range spans {
		if _, known := owner[s.owner]; !known {
			owner[s.owner] = len(owner)
		}
		i, known := trace[s.TraceID()]
		if !known {
			i = len(groups)
			trace[s.TraceID()] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b flatSpan) int { return cmp.Compare(owner[a.owner], owner[b.owner]) })
	}
	return groups
}

func TestRequests(t *testing.T) {
	requests, err := Requests()
	if err != nil {
		t.Fatal(err)
	}
	spans := flatten(t, requests...)
	if len(requests) != 70 || len(spans) != 3318 || len(byTrace(spans)) != 795 {
		t.Errorf("recording has %d requests, %d spans, %d traces; want 70, 3318, 795",
			len(requests), len(spans), len(byTrace(spans)))
	}
}

func TestSplitRejectsCutData(t *testing.T) {
	for _, data := range [][]byte{{5, 1, 2}, {0x80}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
		if list, err := split(data); err == nil {
			t.Errorf("split(%x) = %x, want an error", data, list)
		}
	}
}

// TestReplay holds every trace of the replay's second cycle against the recorded one.
func TestReplay(t *testing.T) {
	requests, err := Requests()
	if err != nil {
		t.Fatal(err)
	}
	recorded := flatten(t, requests...)
	seen := map[string]bool{}
	for _, s := range recorded {
		seen[s.TraceID().String()], seen[s.SpanID().String()], seen[s.ParentSpanID().String()] = true, true, true
	}
	groups := byTrace(recorded)
	for _, keep := range []bool{false, true} {
		used := maps.Clone(seen)
		g := generator(t, Config{Seed: 7, Epoch: epoch, Rate: 1000, KeepResolution: keep})
		for i, old := range groups {
			k := uint64(len(groups) + i)
			want := g.Trace(k, nil)
			replayed := flatten(t, g.Append(nil, want.First, uint64(len(want.Spans))))
			if len(replayed) != len(old) {
				t.Fatalf("trace %d has %d spans, recorded are %d", i, len(replayed), len(old))
			}
			c := comparison{t: t, ids: map[string]string{}, values: map[string]string{}, keep: keep}
			c.due = uint64(epoch.UnixNano()) + want.First*1e6
			for j := range old {
				id := replayed[j].SpanID()
				if replayed[j].TraceID() != pcommon.TraceID(want.ID) || id != pcommon.SpanID(want.Spans[j]) {
					t.Fatalf("trace %d, span %d: ids %v %v, announced as %v %v", i, j,
						replayed[j].TraceID(), id, want.ID, want.Spans[j])
				}
				if used[id.String()] {
					t.Fatalf("trace %d, span %d: id %v is not fresh", i, j, id)
				}
				used[id.String()] = true
				c.span(old[j], replayed[j])
			}
			c.nesting(old, replayed)
		}
	}
}

// comparison holds the replay of one trace against its original.
type comparison struct {
	t      *testing.T
	ids    map[string]string // recorded id -> new one
	values map[string]string // recorded identifier -> new one
	due    uint64
	keep   bool
}

// same checks that equal recorded values are equal in the replay, and that none stayed as it was.
func (c *comparison) same(known map[string]string, what, old, new string) {
	c.t.Helper()
	if old == new && old != "" {
		c.t.Errorf("%s %s stayed as recorded", what, old)
	}
	if was, ok := known[old]; ok && was != new {
		c.t.Errorf("%s %s became %s and %s", what, old, was, new)
	}
	known[old] = new
}

func (c *comparison) span(old, new flatSpan) {
	t := c.t
	t.Helper()
	c.same(c.ids, "span id", old.SpanID().String(), new.SpanID().String())
	c.same(c.ids, "parent id", old.ParentSpanID().String(), new.ParentSpanID().String())
	if old.Name() != new.Name() || old.Kind() != new.Kind() || old.Status() != new.Status() && old.Status().Code() != new.Status().Code() ||
		old.Flags() != new.Flags() || old.TraceState().AsRaw() != new.TraceState().AsRaw() || old.owner != new.owner {
		t.Errorf("span %s: replayed as %s of %s", old.Name(), new.Name(), new.owner)
	}
	c.attributes(old.Attributes(), new.Attributes())
	start, end := uint64(new.StartTimestamp()), uint64(new.EndTimestamp())
	if end < start || end > c.due {
		t.Errorf("span %s lies in [%d, %d], due at %d", old.Name(), start, end, c.due)
	}
	if (old.EndTimestamp() == old.StartTimestamp()) && start != end {
		t.Errorf("span %s of no duration lasts %d ns", old.Name(), end-start)
	}
	if c.keep && old.StartTimestamp()%1000 == 0 && old.EndTimestamp()%1000 == 0 && (start%1000 != 0 || end%1000 != 0) {
		t.Errorf("span %s: [%d, %d] is finer than the recorded microseconds", old.Name(), start, end)
	}
	if old.Events().Len() != new.Events().Len() || old.Links().Len() != new.Links().Len() {
		t.Fatalf("span %s: lost events or links", old.Name())
	}
	for i, e := range old.Events().All() {
		n := new.Events().At(i)
		if e.Name() != n.Name() {
			t.Errorf("event %s became %s", e.Name(), n.Name())
		}
		c.attributes(e.Attributes(), n.Attributes())
		if within(e.Timestamp(), old.StartTimestamp(), old.EndTimestamp()) &&
			!within(n.Timestamp(), new.StartTimestamp(), new.EndTimestamp()) {
			t.Errorf("event %s of %s left its span", e.Name(), old.Name())
		}
	}
}

func within(t, lo, hi pcommon.Timestamp) bool { return lo <= t && t <= hi }

func (c *comparison) attributes(old, new pcommon.Map) {
	t := c.t
	t.Helper()
	if old.Len() != new.Len() {
		t.Fatalf("%d attributes became %d", old.Len(), new.Len())
	}
	for key, was := range old.All() {
		is, _ := new.Get(key)
		if !identifiers[key] {
			if !was.Equal(is) {
				t.Errorf("%s=%s became %s", key, was.AsString(), is.AsString())
			}
			continue
		}
		if was.Type() != is.Type() {
			t.Fatalf("%s changed its type to %v", key, is.Type())
		}
		if was.Type() == pcommon.ValueTypeInt {
			if is.Int() < 32768 || is.Int() > 60999 {
				t.Errorf("%s=%d is no ephemeral port", key, is.Int())
			}
			c.values[was.AsString()] = is.AsString()
			continue
		}
		c.same(c.values, key, was.Str(), is.Str())
		if mask(was.Str()) != mask(is.Str()) {
			t.Errorf("%s=%s became %s, which looks different", key, was.Str(), is.Str())
		}
	}
}

// mask shows of a text only what is no letter or digit.
func mask(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return 'x'
		}
		return r
	}, s)
}

// nesting checks that a span that lay inside its parent does so again.
func (c *comparison) nesting(old, new []flatSpan) {
	index := map[pcommon.SpanID]int{}
	for i, s := range old {
		index[s.SpanID()] = i
	}
	for i, s := range old {
		p, known := index[s.ParentSpanID()]
		if !known || c.keep { // coarser clocks show children outside of their parents, as in life
			continue
		}
		if new[i].ParentSpanID() != new[p].SpanID() {
			c.t.Errorf("span %s has lost its parent", s.Name())
		}
		within := func(list []flatSpan) bool {
			return list[i].StartTimestamp() >= list[p].StartTimestamp() && list[i].EndTimestamp() <= list[p].EndTimestamp()
		}
		if within(old) && !within(new) {
			c.t.Errorf("span %s lay inside its parent and does so no more", s.Name())
		}
	}
}

// encodedSpans returns the spans of requests in an order of their own.
func encodedSpans(t *testing.T, requests ...[]byte) []string {
	var list []string
	for _, s := range flatten(t, requests...) {
		td := ptrace.NewTraces()
		s.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
		b, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s.owner+string(b))
	}
	slices.Sort(list)
	return list
}

// TestSequence checks that the spans sent depend neither on how they are cut into requests nor on how they are merged.
func TestSequence(t *testing.T) {
	const n = 5000
	cfg := Config{Seed: 1, Epoch: epoch, Rate: 5000}
	want := encodedSpans(t, generator(t, cfg).Append(nil, 0, n))
	if len(want) != n || len(slices.Compact(slices.Clone(want))) != n {
		t.Fatalf("%d spans, %d of them distinct; want %d", len(want), len(slices.Compact(want)), n)
	}
	for _, size := range []uint64{1, 7, 1000} {
		for _, merge := range []int{1, 3, 1 << 20} {
			cfg.Merge = merge
			g := generator(t, cfg)
			var requests [][]byte
			for at := uint64(0); at < n; at += size {
				requests = append(requests, g.Clone().Append(nil, at, min(size, n-at)))
			}
			if !slices.Equal(encodedSpans(t, requests...), want) {
				t.Errorf("requests of %d spans with %d traces merged hold other spans", size, merge)
			}
		}
	}
}

func TestSeed(t *testing.T) {
	cfg := Config{Seed: 1, Epoch: epoch, Rate: 1e5}
	a := generator(t, cfg).Append(nil, 3000, 1000)
	if b := generator(t, cfg).Append(nil, 3000, 1000); !bytes.Equal(a, b) {
		t.Error("the same seed gives other bytes")
	}
	cfg.Seed = 2
	b := generator(t, cfg)
	ids := map[pcommon.SpanID]bool{}
	for _, s := range append(flatten(t, a), flatten(t, b.Append(nil, 3000, 1000))...) {
		ids[s.SpanID()] = true
	}
	if len(ids) != 2000 {
		t.Errorf("two seeds share %d span ids", 2000-len(ids))
	}
}

func TestTraceIndex(t *testing.T) {
	g := generator(t, Config{Seed: 3, Epoch: epoch})
	const n = 10_000
	sent := map[span.TraceID]int{}
	for _, s := range flatten(t, g.Append(nil, 0, n)) {
		sent[span.TraceID(s.TraceID())]++
	}
	if got := g.NumTraces(n); got != uint64(len(sent)) {
		t.Fatalf("NumTraces(%d) = %d, sent were %d", n, got, len(sent))
	}
	var tr Trace
	var next uint64
	for k := range g.NumTraces(n) {
		tr = g.Trace(k, tr.Spans)
		if tr.First != next {
			t.Fatalf("trace %d starts at span %d, want %d", k, tr.First, next)
		}
		next += uint64(len(tr.Spans))
		if want := len(tr.Spans) - int(max(next, n)-n); sent[tr.ID] != want {
			t.Fatalf("trace %d: %d spans were sent, want %d", k, sent[tr.ID], want)
		}
	}
	if g.NumTraces(0) != 0 || g.NumTraces(1) != 1 {
		t.Errorf("NumTraces(0) = %d, NumTraces(1) = %d", g.NumTraces(0), g.NumTraces(1))
	}
}

// TestOddTraces replays what the recording lacks: links, parents in a circle, a
// missing parent with two children, spans that end before they start.
func TestOddTraces(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	own, foreign := pcommon.TraceID{1}, pcommon.TraceID{2}
	add := func(id, parent byte, start, end pcommon.Timestamp) ptrace.Span {
		s := spans.AppendEmpty()
		s.SetTraceID(own)
		s.SetSpanID(pcommon.SpanID{id})
		s.SetParentSpanID(pcommon.SpanID{parent})
		s.SetStartTimestamp(start)
		s.SetEndTimestamp(end)
		return s
	}
	link := func(s ptrace.Span, trace pcommon.TraceID, id byte) {
		l := s.Links().AppendEmpty()
		l.SetTraceID(trace)
		l.SetSpanID(pcommon.SpanID{id})
	}
	link(add(1, 2, 1000, 2000), own, 2)
	link(add(2, 1, 1000, 2000), foreign, 9)
	link(add(3, 8, 5000, 4000), foreign, 9)
	add(4, 8, 5000, 6000)
	add(5, 3, 4500, 4600)
	raw, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	c, err := compile([][]byte{raw})
	if err != nil {
		t.Fatal(err)
	}
	got := flatten(t, newGenerator(c, Config{Epoch: epoch}).Append(nil, 0, 5))
	check := func(what string, ok bool) {
		if !ok {
			t.Errorf("%s: %v", what, got)
		}
	}
	target := func(i int) (pcommon.TraceID, pcommon.SpanID) {
		return got[i].Links().At(0).TraceID(), got[i].Links().At(0).SpanID()
	}
	check("circle of parents", got[0].ParentSpanID() == got[1].SpanID() && got[1].ParentSpanID() == got[0].SpanID())
	check("missing parent", got[2].ParentSpanID() == got[3].ParentSpanID() && got[2].ParentSpanID() != pcommon.SpanID{8})
	check("end before start", got[2].EndTimestamp() < got[2].StartTimestamp())
	trace, id := target(0)
	check("link inside", trace == got[0].TraceID() && id == got[1].SpanID())
	trace, id = target(1)
	again, idAgain := target(2)
	check("link to elsewhere", trace != own && trace != foreign && trace != got[0].TraceID() && id != pcommon.SpanID{9})
	check("equal links", trace == again && id == idAgain)
}

func TestCompileRejects(t *testing.T) {
	twice := ptrace.NewTraces()
	spans := twice.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for range 2 {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{1})
	}
	raw, err := new(ptrace.ProtoMarshaler).MarshalTraces(twice)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"no span", nil, "hold no spans"},
		{"garbage", []byte{0xff}, "recorded request 0"},
		{"span id twice", raw, "2 spans have 1 distinct ids"},
	} {
		if _, err := compile([][]byte{test.raw}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}
