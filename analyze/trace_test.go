package analyze

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
	"github.com/clewhq/clew/traceql"
	"github.com/clewhq/clew/tree"
)

func batch(rows ...span.Span) *span.Batch {
	b := new(span.Batch)
	for i := range rows {
		b.Append(&rows[i])
	}
	return b
}

// row makes a span of a test's trace; times are nanoseconds.
func row(id, parent byte, service string, kind int32, start, end uint64) span.Span {
	s := span.Span{
		TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: id}, Name: fmt.Sprintf("s%d", id), Kind: kind, Start: start, End: end,
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}},
	}
	if parent > 0 {
		s.Parent = span.SpanID{7: parent}
	}
	return s
}

// oddTrace makes a trace with all that can be wrong: circles, ids that come twice, parents that are missing, ends
// before starts, children that begin before or end after their parents, or later than those end.
func oddTrace(rng *rand.Rand) []span.Span {
	const unit = 10_000 // more than the tolerance of a short span
	n := 1 + rng.IntN(14)
	rows := make([]span.Span, n)
	for i := range rows {
		parent := byte(0)
		switch rng.IntN(12) {
		case 0: // a root
		case 1:
			parent = byte(1 + rng.IntN(n+3)) // anybody, maybe missing
		default:
			if i > 0 {
				parent = byte(1 + rng.IntN(i))
			}
		}
		start := uint64(unit * (10 + rng.IntN(20)))
		end := start + uint64(unit*rng.IntN(20))
		if rng.IntN(4) == 0 {
			end += uint64(rng.IntN(3000))
		}
		if rng.IntN(20) == 0 {
			end = start - unit
		}
		id := byte(i + 1)
		if rng.IntN(15) == 0 {
			id = byte(1 + rng.IntN(n))
		}
		rows[i] = row(id, parent, string(rune('a'+rng.IntN(3))), int32(rng.IntN(6)), start, end)
		if rng.IntN(5) == 0 {
			rows[i].Status = statusError
		}
	}
	rng.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

func forOddTraces(t *testing.T, check func(t *testing.T, tr *Trace)) {
	t.Helper()
	for seed := range uint64(3000) {
		rows := oddTrace(rand.New(rand.NewPCG(seed, 5)))
		if check(t, NewTrace(batch(rows...))); t.Failed() {
			for _, s := range rows {
				t.Logf("%x under %x: kind %d, %d to %d", s.SpanID, s.Parent, s.Kind, s.Start, s.End)
			}
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestTreeHolds(t *testing.T) {
	forOddTraces(t, func(t *testing.T, tr *Trace) {
		below := make([]int32, tr.Len())
		for r := range int32(tr.Len()) {
			if tr.Row[tr.At[r]] != r {
				t.Errorf("row %d is at %d, which is row %d", r, tr.At[r], tr.Row[tr.At[r]])
			}
			up := tr.Parent[r]
			if up >= r || up == NoRow && tr.Depth[r] != 0 || up != NoRow && tr.Depth[r] != tr.Depth[up]+1 {
				t.Errorf("row %d at depth %d is under row %d", r, tr.Depth[r], up)
			}
			for ; up != NoRow; up = tr.Parent[up] {
				below[up]++
			}
		}
		if !slices.Equal(below, tr.Below) {
			t.Errorf("below %d, want %d", tr.Below, below)
		}
		ordered := func(list []int32) {
			if !slices.IsSortedFunc(list, func(a, b int32) int {
				x, y := tr.At[a], tr.At[b]
				idX, idY := tr.ID(a), tr.ID(b)
				return cmp.Or(cmp.Compare(tr.Spans.Starts[x], tr.Spans.Starts[y]), bytes.Compare(idX[:], idY[:]))
			}) {
				t.Errorf("siblings %d are not by start and id", list)
			}
		}
		for r := range int32(tr.Len()) {
			ordered(slices.Collect(tr.Children(r)))
		}
		var roots []int32
		for r, up := range tr.Parent {
			if up == NoRow {
				roots = append(roots, int32(r))
			}
		}
		ordered(roots)
	})
}

// TestSelfIsCounted holds self time against a count of moments.
func TestSelfIsCounted(t *testing.T) {
	const moment = 100
	forOddTraces(t, func(t *testing.T, tr *Trace) {
		for i := range tr.Spans.Ends {
			tr.Spans.Ends[i] -= tr.Spans.Ends[i] % moment
		}
		tr = NewTrace(tr.Spans)
		for r := range int32(tr.Len()) {
			start, end := tr.times(r)
			self := int64(0)
			for at := start; at < end; at += moment {
				waits := false
				for child := range tr.Children(r) {
					from, to := tr.times(child)
					waits = waits || !tr.isAsync(child) && from <= at && at < to
				}
				if !waits {
					self += moment
				}
			}
			if tr.Self[r] != self {
				t.Errorf("row %d: self %d, want %d", r, tr.Self[r], self)
			}
		}
	})
}

func byEnd(t *Trace, a, b int32) int {
	startA, endA := t.times(a)
	startB, endB := t.times(b)
	return cmp.Or(cmp.Compare(endA, endB), cmp.Compare(startA, startB))
}

// naivePath is the critical path as it is defined, from the last segment to the first.
func naivePath(t *Trace, row int32, children []int32, from, to uint64) (path []tree.Segment) {
	end := to
	emit := func(start, end uint64) {
		if start < end && row != NoRow {
			path = append(path, tree.Segment{Row: row, Start: start, End: end})
		}
	}
	looked := map[int32]bool{}
	for {
		last := int32(NoRow)
		for _, child := range children {
			s, e := t.times(child)
			s, e = max(s, from), min(e, end)
			if looked[child] || s >= e || s >= to || e > to && e-to > max(1000, (e-s)/100) {
				continue
			}
			if last == NoRow || byEnd(t, child, last) >= 0 {
				last = child
			}
		}
		if last == NoRow {
			emit(from, to)
			return path
		}
		looked[last] = true
		s, e := t.times(last)
		s, e = max(s, from), min(e, end, to)
		emit(e, to)
		var below []int32
		for child := range t.Children(last) {
			if !t.isAsync(child) {
				below = append(below, child)
			}
		}
		path = append(path, naivePath(t, last, below, s, e)...)
		to = s
	}
}

func TestPathIsAsDefined(t *testing.T) {
	forOddTraces(t, func(t *testing.T, tr *Trace) {
		want := naivePath(tr, NoRow, tr.pathRoots(), tr.Start, tr.End)
		slices.Reverse(want)
		joined := want[:0]
		for _, s := range want {
			if n := len(joined); n > 0 && joined[n-1].Row == s.Row && joined[n-1].End == s.Start {
				joined[n-1].End = s.End
				continue
			}
			joined = append(joined, s)
		}
		if !slices.Equal(tr.Path, joined) {
			t.Errorf("path %v, want %v", tr.Path, joined)
		}
	})
}

func TestPathFillsTheRoot(t *testing.T) {
	forOddTraces(t, func(t *testing.T, tr *Trace) {
		total, critical := uint64(0), make([]int64, tr.Len())
		for i, s := range tr.Path {
			start, end := tr.times(s.Row)
			if s.Start >= s.End || s.Start < start || s.End > end || i > 0 && s.Start < tr.Path[i-1].End {
				t.Errorf("segment %d: %+v of a span from %d to %d", i, s, start, end)
			}
			total += s.End - s.Start
			critical[s.Row] += int64(s.End - s.Start)
		}
		if !slices.Equal(critical, tr.Critical) {
			t.Errorf("critical %d, want %d", tr.Critical, critical)
		}
		if roots := tr.pathRoots(); len(roots) == 1 {
			if start, end := tr.times(roots[0]); total != end-start {
				t.Errorf("the path has %d of the root's %d", total, end-start)
			}
		}
	})
}

// TestDeepTrace checks that depth costs no stack, and no more than its length in time.
func TestDeepTrace(t *testing.T) {
	const depth = 1_000_000
	b := new(span.Batch)
	for i := range uint64(depth) {
		s := span.Span{TraceID: span.TraceID{1}, Start: i, End: 3*depth - i, Status: statusError}
		s.SpanID = spanID(i + 1)
		if i > 0 {
			s.Parent = spanID(i)
		}
		b.Append(&s)
	}
	tr := NewTrace(b)
	if tr.Depth[depth-1] != depth-1 || tr.Self[0] != 2 || tr.Self[depth-1] != depth+2 || len(tr.Path) != 2*depth-1 {
		t.Errorf("depth %d, self %d and %d, %d segments", tr.Depth[depth-1], tr.Self[0], tr.Self[depth-1], len(tr.Path))
	}
	if list, total := tr.Failures(); total != 1 || len(list[0].Path) != maxErrorPath {
		t.Errorf("%d failures", total)
	}
}

func spanID(n uint64) (id span.SpanID) {
	for i := range id {
		id[7-i] = byte(n >> (8 * i))
	}
	return id
}

// TestPathOf has the shapes that matter by themselves.
func TestPathOf(t *testing.T) {
	const ms = 1_000_000
	node := func(id, parent byte, from, to uint64) span.Span { return row(id, parent, "a", 1, from*ms, to*ms) }
	late := func(s span.Span, ns uint64) span.Span { s.End += ns; return s }
	message := func(id, parent byte, from, to uint64) span.Span {
		return row(id, parent, "b", consumer, from*ms, to*ms)
	}
	for name, test := range map[string]struct {
		rows []span.Span
		want string // id:from-to in milliseconds
	}{
		"one span":                      {[]span.Span{node(1, 0, 0, 10)}, "1:0-10"},
		"one after the other":           {[]span.Span{node(1, 0, 0, 10), node(2, 1, 1, 4), node(3, 1, 5, 9)}, "1:0-1 2:1-4 1:4-5 3:5-9 1:9-10"},
		"side by side: the last to end": {[]span.Span{node(1, 0, 0, 10), node(2, 1, 1, 9), node(3, 1, 2, 7)}, "1:0-1 2:1-9 1:9-10"},
		"what the last one waited for":  {[]span.Span{node(1, 0, 0, 10), node(2, 1, 1, 4), node(3, 1, 3, 9)}, "1:0-3 3:3-9 1:9-10"},
		"a little overlap":              {[]span.Span{node(1, 0, 0, 10), late(node(2, 1, 1, 5), 30_000), node(3, 1, 5, 9)}, "1:0-1 2:1-5 3:5-9 1:9-10"},
		"ends after its parent":         {[]span.Span{node(1, 0, 0, 10), node(2, 1, 4, 15)}, "1:0-4 2:4-10"},
		"begins before its parent":      {[]span.Span{node(1, 0, 5, 10), node(2, 1, 3, 7)}, "2:5-7 1:7-10"},
		"begins after its parent's end": {[]span.Span{node(1, 0, 0, 10), node(2, 1, 12, 15)}, "1:0-10"},
		"nobody waits for a consumer":   {[]span.Span{node(1, 0, 0, 10), message(2, 1, 4, 9), node(3, 2, 5, 8)}, "1:0-10"},
		"a grandchild is cut too":       {[]span.Span{node(1, 0, 0, 10), node(2, 1, 4, 15), node(3, 2, 6, 14)}, "1:0-4 2:4-6 3:6-10"},
		"an orphan beside the root":     {[]span.Span{node(1, 0, 0, 10), node(2, 9, 4, 15)}, "1:0-10"},
		"two roots":                     {[]span.Span{node(1, 0, 0, 4), node(2, 0, 6, 10)}, "1:0-4 2:6-10"},
		"orphans only":                  {[]span.Span{node(1, 8, 0, 6), node(2, 9, 6, 10)}, "1:0-6 2:6-10"},
		"a circle":                      {[]span.Span{node(1, 2, 0, 10), node(2, 1, 2, 8)}, "1:0-2 2:2-8 1:8-10"},
		"its own parent":                {[]span.Span{node(1, 1, 0, 10)}, "1:0-10"},
		"no time at all":                {[]span.Span{node(1, 0, 5, 5), node(2, 1, 5, 5)}, ""},
		"ends before it starts":         {[]span.Span{node(1, 0, 5, 3), node(2, 1, 4, 6)}, ""},
	} {
		tr := NewTrace(batch(test.rows...))
		got := ""
		for _, s := range tr.Path {
			got += fmt.Sprintf(" %d:%d-%d", tr.ID(s.Row)[7], s.Start/ms, s.End/ms)
		}
		if got != "" {
			got = got[1:]
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestSidesThatShareAnID: the server's side of a call is below the client's, and has the children.
func TestSidesThatShareAnID(t *testing.T) {
	tr := NewTrace(batch(row(1, 0, "a", 0, 0, 100), row(2, 1, "b", server, 9, 60), row(2, 1, "a", client, 10, 70), row(3, 2, "b", 1, 20, 30)))
	var got []string
	for r := range int32(tr.Len()) {
		got = append(got, fmt.Sprintf("%d/%s/%d", tr.ID(r)[7], tr.Services[tr.Service(r)], tr.Parent[r]))
	}
	if want := []string{"1/a/-1", "2/a/0", "2/b/1", "3/b/2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if tr.Flags[1]&SharedID == 0 || tr.Flags[2]&SharedID == 0 || tr.Flags[3]&SharedID != 0 {
		t.Errorf("flags %b", tr.Flags)
	}
	if list := tr.Warnings(); len(list) != 0 {
		t.Errorf("what is no mistake is warned of: %v", list)
	}
	same := row(2, 1, "c", 1, 12, 13)
	if list := NewTrace(batch(append([]span.Span{same}, row(1, 0, "a", 0, 0, 100), row(2, 1, "b", server, 9, 60), row(2, 1, "a", client, 10, 70))...)).Warnings(); len(list) != 1 || list[0].Kind != "duplicate" {
		t.Errorf("a third span with the id: %v", list)
	}
}

// TestManyWarnings: of each kind at most a hundred, and the last says how many more there are.
func TestManyWarnings(t *testing.T) {
	var rows []span.Span
	for i := range uint64(150) {
		for range 2 {
			s := row(0, 0, "a", 1, 100+i, 50)
			s.SpanID = spanID(1 + i)
			s.Name = fmt.Sprint(len(rows))
			rows = append(rows, s)
		}
	}
	counts := map[string]int{}
	more := map[string]string{}
	for _, w := range NewTrace(batch(rows...)).Warnings() {
		counts[w.Kind]++
		if _, text, found := strings.Cut(w.Text, " ("); found {
			more[w.Kind] += text
		}
	}
	if fmt.Sprint(counts, more) != "map[duplicate:100 endsBeforeStart:100] map[duplicate:and 50 more such warnings) endsBeforeStart:and 200 more such warnings)]" {
		t.Errorf("%v %q", counts, more)
	}
}

func TestSkew(t *testing.T) {
	const ms = 1_000_000
	const base = 1_000_000 * ms
	at := func(id, parent byte, service string, kind int32, from, to int64) span.Span {
		return row(id, parent, service, kind, uint64(base+from), uint64(base+to))
	}
	for name, test := range map[string]struct {
		rows []span.Span
		want string
	}{
		"fits":                              {[]span.Span{at(1, 0, "a", client, 0, 10*ms), at(2, 1, "b", server, 2*ms, 8*ms)}, "[]"},
		"too early":                         {[]span.Span{at(1, 0, "a", client, 0, 10*ms), at(2, 1, "b", server, -5*ms, 1*ms)}, "[{1 7000000}]"},
		"too late":                          {[]span.Span{at(1, 0, "a", client, 0, 10*ms), at(2, 1, "b", server, 7*ms, 13*ms)}, "[{1 -5000000}]"},
		"takes longer":                      {[]span.Span{at(1, 0, "a", client, 0, 10*ms), at(2, 1, "b", server, -5*ms, 13*ms)}, "[{1 5000000}]"},
		"goes on after a time-out":          {[]span.Span{at(1, 0, "a", client, 0, 10*ms), at(2, 1, "b", server, 1*ms, 13*ms)}, "[]"},
		"the same service":                  {[]span.Span{at(1, 0, "a", client, 0, 10*ms), at(2, 1, "a", server, -5*ms, 1*ms)}, "[]"},
		"no client":                         {[]span.Span{at(1, 0, "a", 1, 0, 10*ms), at(2, 1, "b", server, -5*ms, 1*ms)}, "[]"},
		"a coarse clock":                    {[]span.Span{at(1, 0, "a", client, 999, 10*ms+7), at(2, 1, "b", server, 0, 1*ms)}, "[]"},
		"a caller's start by another clock": {[]span.Span{at(1, 0, "a", client, 0, 10*ms+7), at(2, 1, "b", server, -1080*ms/1000, 1*ms)}, "[]"},
		"more than such clocks explain":     {[]span.Span{at(1, 0, "a", client, 0, 10*ms+7), at(2, 1, "b", server, -3*ms, 1*ms)}, "[{1 6000003}]"},
		"what is below, by the same clock": {[]span.Span{
			at(1, 0, "a", client, 0, 10*ms), at(2, 1, "b", server, -5*ms, 1*ms), at(3, 2, "b", client, -4*ms, 0), at(4, 3, "c", server, 4*ms, 6*ms)},
			"[{1 7000000} {3 0}]"},
	} {
		tr := NewTrace(batch(test.rows...))
		list := tr.Skew()
		for i := range list { // by id, as an early child does not change the order
			list[i].Row = int32(tr.ID(list[i].Row)[7]) - 1
		}
		if got := fmt.Sprint(list); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestFailures(t *testing.T) {
	fail := func(s span.Span, message string, attrs ...span.KeyValue) span.Span {
		s.Status, s.Message, s.Attrs = statusError, message, attrs
		return s
	}
	broken := fail(row(5, 4, "db", client, 30, 40), "")
	broken.Events = []span.SpanEvent{{Name: "exception", Time: 35, Attrs: []span.KeyValue{
		{Key: "exception.type", Value: span.StringValue("Timeout")}, {Key: "exception.message", Value: span.StringValue("gave up")}}}}
	alike := func(s span.Span) span.Span { s.Name = "call"; return s }
	tr := NewTrace(batch(
		fail(row(1, 0, "web", server, 0, 100), "failed"),
		row(2, 1, "web", client, 10, 90), // says nothing of it
		fail(row(3, 2, "shop", server, 11, 80), "failed too"),
		fail(row(4, 3, "shop", client, 20, 50), ""),
		broken,
		fail(alike(row(6, 3, "shop", 1, 20, 25)), "", span.KeyValue{Key: "http.response.status_code", Value: span.IntValue(503)}),
		fail(alike(row(7, 3, "shop", 1, 21, 26)), "", span.KeyValue{Key: "http.response.status_code", Value: span.IntValue(503)}),
		fail(row(8, 9, "lost", 1, 1, 2), "alone"),
	))
	list, total := tr.Failures()
	var got []string
	for _, f := range list {
		path := ""
		for _, r := range f.Path {
			path += fmt.Sprintf("<%d", tr.ID(r)[7])
		}
		got = append(got, fmt.Sprintf("%d%s %s %q at %d, %d of them", tr.ID(f.Origin)[7], path, f.Service, f.Message, f.Time, f.Count))
	}
	want := []string{
		`6<6<3<2<1 shop "HTTP 503" at 25, 2 of them`,
		`5<5<4<3<2<1 db "Timeout: gave up" at 35, 1 of them`,
		`8<8 lost "alone" at 2, 1 of them`,
		`7<7<3<2<1 shop "HTTP 503" at 26, 2 of them`,
	}
	if total != 4 || !slices.Equal(got, want) {
		t.Errorf("%d failures:\n%q, want\n%q", total, got, want)
	}
	for r, f := range tr.Flags {
		id := tr.ID(int32(r))[7]
		if origin := slices.Contains([]byte{5, 6, 7, 8}, id); (f&ErrorOrigin != 0) != origin || (f&ErrorWay != 0) != (!origin && id != 2) {
			t.Errorf("span %d has flags %b", id, f)
		}
	}
}

// TestPredicatesOnTraces holds the judgement of predicates against that of the stores' oracle.
func TestPredicatesOnTraces(t *testing.T) {
	for seed := range uint64(300) {
		g := storetest.NewGen(seed)
		rows := g.Trace(1 + int(seed%7))
		tr := NewTrace(batch(rows...))
		var spans []*span.Span
		for at := range tr.Len() {
			s := tr.Spans.Span(at)
			spans = append(spans, &s)
		}
		for range 20 {
			p, f := g.Predicate(spans, 3), g.Field(spans)
			c := tr.chunk([]store.Predicate{p})
			matches, column := c.Where(0), c.Column(f)
			for at, s := range spans {
				if want := storetest.Judge(p, s); matches.Has(at) != want {
					t.Fatalf("seed %d, %v on %+v: %t", seed, p, s, !want)
				}
				values := storetest.Values(f, s)
				var got []span.Value
				c.Values(f, at, func(v span.Value) bool { got = append(got, v); return true })
				if !slices.Equal(got, values) {
					t.Fatalf("seed %d, %v of %+v: %v", seed, f, s, got)
				}
				if first, ok := column.Value(at); ok != (len(values) > 0) || ok && first != values[0] {
					t.Fatalf("seed %d, column %v of %+v: %v", seed, f, s, first)
				}
			}
		}
	}
}

// TestRecordedTraces holds the largest of the recorded traces, and some that failed, against testdata.
func TestRecordedTraces(t *testing.T) {
	requests, err := recording.Requests()
	if err != nil {
		t.Fatal(err)
	}
	parts := map[span.TraceID]*span.Batch{}
	for _, raw := range requests {
		var b span.Batch
		if _, err := ingest.DecodeOTLP(span.FormatOTLPProto, raw, &b, ingest.Limits{}); err != nil {
			t.Fatal(err)
		}
		for i, id := range b.TraceIDs {
			if parts[id] == nil {
				parts[id] = new(span.Batch)
			}
			s := b.Span(i)
			parts[id].Append(&s)
		}
	}
	var traces []*Trace
	for _, b := range parts {
		traces = append(traces, NewTrace(b))
	}
	failures := func(t *Trace) int { _, n := t.Failures(); return n }
	slices.SortFunc(traces, func(a, b *Trace) int {
		return cmp.Or(cmp.Compare(min(1, failures(b)), min(1, failures(a))), cmp.Compare(b.Len(), a.Len()),
			slices.Compare(a.Spans.TraceIDs[0][:], b.Spans.TraceIDs[0][:]))
	})
	sound := slices.IndexFunc(traces, func(t *Trace) bool { return failures(t) == 0 })
	var out strings.Builder
	for _, tr := range append(slices.Clone(traces[:4]), traces[sound:sound+4]...) {
		describe(&out, tr)
	}
	const path = "testdata/traces.txt"
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", path, out.String())
	}
}

func describe(out *strings.Builder, t *Trace) {
	fmt.Fprintf(out, "trace %s: %d spans, %v\n", t.Spans.TraceIDs[0], t.Len(), time.Duration(t.Duration()))
	for r := range int32(t.Len()) {
		start, _ := t.times(r)
		mark := " "
		if t.Failed(r) {
			mark = "!"
		}
		fmt.Fprintf(out, "%4d%s%10v%12v self %12v critical %12v %s%s %s\n", r, mark, time.Duration(start-t.Start), time.Duration(t.Spans.Duration(int(t.At[r]))),
			time.Duration(t.Self[r]), time.Duration(t.Critical[r]), strings.Repeat(" ", int(t.Depth[r])), t.Services[t.Service(r)], t.Name(r))
	}
	fmt.Fprint(out, "  path")
	for _, s := range t.Path {
		fmt.Fprintf(out, " %d:%v", s.Row, time.Duration(s.End-s.Start))
	}
	fmt.Fprintln(out)
	list, _ := t.Failures()
	for _, f := range list {
		fmt.Fprintf(out, "  error %d: %s (%d times)\n", f.Path, f.Message, f.Count)
	}
	for _, w := range t.Warnings() {
		fmt.Fprintf(out, "  %s: %s\n", w.Kind, w.Text)
	}
}

// TestStatistics holds groups of two levels against a count of each row.
func TestStatistics(t *testing.T) {
	by := []*traceql.Attribute{{Scope: store.IntrinsicScope, Intrinsic: traceql.SpanKind}, {Scope: store.IntrinsicScope, Intrinsic: traceql.SpanName}}
	forOddTraces(t, func(t *testing.T, tr *Trace) {
		groups, more, err := tr.Statistics(t.Context(), by)
		if err != nil || more {
			t.Fatal(err, more)
		}
		type key struct {
			kind int64
			name string
		}
		want, got := map[key]Group{}, map[key]Group{}
		for r := range int32(tr.Len()) {
			k := key{int64(tr.kind(r)), tr.Name(r)}
			g := want[k]
			d := tr.Spans.Duration(int(tr.At[r]))
			if g.Count == 0 {
				g.Min, g.Max = d, d
			}
			g.Count++
			g.Total, g.Self, g.Critical = g.Total+max(0, d), g.Self+tr.Self[r], g.Critical+tr.Critical[r]
			g.Min, g.Max = min(g.Min, d), max(g.Max, d)
			if tr.Failed(r) {
				g.Errors++
			}
			want[k] = g
		}
		for _, kind := range groups {
			var sum Group
			for _, name := range kind.Groups {
				sum.Count, sum.Self, sum.Critical = sum.Count+name.Count, sum.Self+name.Self, sum.Critical+name.Critical
				if name.P50 < name.Min || name.P95 < name.P50 || name.Max < name.P95 {
					t.Errorf("quantiles of %+v", name)
				}
				k := key{kind.Value.Int(), name.Value.Str}
				name.Value, name.P50, name.P95 = traceql.Static{}, 0, 0
				got[k] = name
			}
			if sum.Count != kind.Count || sum.Self != kind.Self || sum.Critical != kind.Critical {
				t.Errorf("%+v, and its groups have %+v", kind, sum)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("groups %v, want %v", got, want)
		}
	})
}

// TestSpansOfAges: no time is so long that a sum turns around.
func TestSpansOfAges(t *testing.T) {
	tr := NewTrace(batch(row(1, 0, "a", 1, 0, math.MaxUint64), row(2, 1, "a", 1, 5, math.MaxUint64-5), row(3, 1, "a", 1, math.MaxUint64-3, 2)))
	for r := range int32(tr.Len()) {
		if tr.Self[r] < 0 || tr.Critical[r] < 0 {
			t.Errorf("row %d: self %d, critical %d", r, tr.Self[r], tr.Critical[r])
		}
	}
	groups, _, err := tr.Statistics(t.Context(), []*traceql.Attribute{{Scope: store.IntrinsicScope, Intrinsic: traceql.SpanKind}})
	if err != nil || tr.Duration() != math.MaxInt64 || groups[0].Self < 0 || groups[0].Critical < 0 || groups[0].Total < 0 {
		t.Errorf("%v, %d: %+v", err, tr.Duration(), groups)
	}
}

// TestManyFailures: one of each kind comes before others, and texts are cut.
func TestManyFailures(t *testing.T) {
	var rows []span.Span
	for i := range uint64(300) {
		s := row(0, 0, "a", 1, i, i+1)
		s.SpanID, s.Name, s.Status, s.Message = spanID(i+1), "alike", statusError, "broken"
		if i == 299 {
			s.Message = strings.Repeat("long é", 1000)
		}
		rows = append(rows, s)
	}
	list, total := NewTrace(batch(rows...)).Failures()
	if total != 300 || len(list) != maxFailures || list[0].Message != "broken" || list[0].Count != 299 || list[2].Message != "broken" {
		t.Fatalf("%d failures of %d: %+v", len(list), total, list[:3])
	}
	if m := list[1].Message; !strings.HasPrefix(m, "long é") || len(m) > maxText+len("…") || !utf8.ValidString(m) || list[1].Count != 1 {
		t.Errorf("%d bytes of message", len(m))
	}
}

// TestFindIsASearch: what TraceQL finds in a trace is what it finds in a store that has only this trace.
func TestFindIsASearch(t *testing.T) {
	queries := []string{
		"{ }", "{ duration > 60us }", "{ status = error }", "{ resource.service.name = `a` && kind != client }", "{ name =~ `s[1-4]` }",
		"{ kind = server } >> { status = error }", "{ } > { kind = client }", "{ kind = internal } ~ { }", "{ span:childCount > 1 }",
		"{ parent.service.name = `b` }", "{ resource.service.name = `a` } | count() > 2", "{ nestedSetParent < 0 }", "service=c duration<100us",
	}
	for seed := range uint64(200) {
		rows := oddTrace(rand.New(rand.NewPCG(seed, 9)))
		ids := map[span.SpanID]bool{}
		rows = slices.DeleteFunc(rows, func(s span.Span) bool { // in stores any span with its id is a parent
			twice := ids[s.SpanID]
			ids[s.SpanID] = true
			return twice
		})
		tr := NewTrace(batch(rows...))
		if len(tr.circles) > 0 { // which stores do not break
			continue
		}
		m := &storetest.Model{}
		if err := m.Write(t.Context(), store.DefaultTenant, batch(rows...)); err != nil {
			t.Fatal(err)
		}
		for _, text := range queries {
			q, err := traceql.ParseAny(text)
			if err != nil {
				t.Fatal(err)
			}
			result, err := (&traceql.Engine{Store: m}).Search(t.Context(), store.DefaultTenant, q, traceql.SearchOptions{Spans: true, Limit: -1})
			if err != nil {
				t.Fatal(err)
			}
			found, err := tr.Find(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, s := range result.Spans {
				want = append(want, s.ID.String())
			}
			for _, r := range found {
				got = append(got, tr.ID(r).String())
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s: %q, want %q", seed, text, got, want)
			}
		}
	}
}
