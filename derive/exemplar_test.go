package derive

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// shown lists the traces of the exemplars of all series, by the first byte of
// their id, as classic and as native histograms have them.
func shown(t *testing.T, m *Metrics) (classic, native string) {
	t.Helper()
	byBucket, all := map[string]bool{}, map[string]bool{}
	for _, name := range []string{"traces_spanmetrics_latency", "traces_service_graph_request_server_seconds"} {
		for _, series := range find(t, m, name) {
			for _, b := range series.Histogram.Bucket {
				if b.Exemplar != nil {
					byBucket[b.Exemplar.Label[0].GetValue()[:2]] = true
				}
			}
			for _, e := range series.Histogram.Exemplars {
				all[e.Label[0].GetValue()[:2]] = true
			}
		}
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(byBucket))), fmt.Sprint(slices.Sorted(maps.Keys(all)))
}

// Only traces that are kept are shown: a candidate waits for its decision, and
// the next one takes its place.
func TestExemplarsOfKeptTraces(t *testing.T) {
	decided := map[byte]Decision{}
	m := newMetrics(t, func(c *Config) {
		c.Kept = func(tenant string, id span.TraceID, randomness uint64) Decision {
			if tenant != "a" || randomness != span.Randomness("", id) {
				t.Errorf("asked about %s of %s with %x", id, tenant, randomness)
			}
			return decided[id[0]]
		}
	})
	observe := func(trace, randomness byte) {
		m.Observe("a", batchOf(buy(trace, "buy", 3, func(s *span.Span) { s.TraceID = span.TraceID{0: trace, 9: randomness} })))
	}
	check := func(want string) {
		t.Helper()
		if classic, native := shown(t, m); classic != want || native != want {
			t.Errorf("shown: %s and %s, want %s", classic, native, want)
		}
	}
	observe(1, 5)
	observe(2, 9) // which a probability is likelier to keep
	observe(3, 1)
	check("[]")
	observe(4, 0xff) // too late: 2 is being decided about
	decided[1], decided[3], decided[4] = Kept, Kept, Kept
	check("[]")
	decided[2] = Dropped
	check("[]")
	observe(4, 0)
	check("[04]")
	observe(5, 0) // does not replace what is shown before it is known to stay
	check("[04]")
	decided[5] = Kept
	check("[05]")
	decided[5] = Dropped // it was told once, and is not asked again
	check("[05]")
}

// What stays undecided is given up in the end, and makes room.
func TestExemplarsGivenUp(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := newMetrics(t, func(c *Config) {
		c.Now, c.KeptWithin = func() time.Time { return now }, time.Minute
		c.Kept = func(_ string, id span.TraceID, _ uint64) Decision {
			if id[0] == 2 {
				return Kept
			}
			return Undecided
		}
	})
	for i, want := range []string{"[]", "[]", "[02]"} { // asked; given up; the next one
		m.Observe("a", batchOf(buy(1, "buy", 3, func(s *span.Span) { s.TraceID = span.TraceID{0: byte(min(i, 1) + 1)} })))
		if i == 1 {
			now = now.Add(2 * time.Minute)
		}
		if classic, _ := shown(t, m); classic != want {
			t.Errorf("round %d: shown %s, want %s", i, classic, want)
		}
	}
}

// An exemplar is sent once, when it is known that it may be shown; each is newer than those before.
func TestExemplarsSince(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	decided := map[byte]Decision{}
	for _, undecided := range []bool{false, true} {
		m := newMetrics(t, func(c *Config) {
			c.Now = func() time.Time { return now }
			if undecided {
				c.Kept = func(_ string, id span.TraceID, _ uint64) Decision { return decided[id[0]] }
			}
		})
		known := now.Add(-time.Second)
		sent := func(want string) {
			t.Helper()
			families, at := m.gather("a", known.UnixNano())
			known = at
			for _, f := range families {
				if f.GetName() != "traces_spanmetrics_latency" {
					continue
				}
				got := ""
				for _, e := range f.Metric[0].Histogram.Exemplars {
					got += fmt.Sprint(e.Label[0].GetValue()[:2], "@", e.Timestamp.AsTime().Unix()-1_700_000_000, " ")
				}
				if got != want {
					t.Errorf("undecided %v: got %q, want %q", undecided, got, want)
				}
			}
			now = now.Add(time.Second)
		}
		now = time.Unix(1_700_000_000, 0)
		clear(decided)
		observe := func(trace byte, ms uint64) {
			m.Observe("a", batchOf(buy(1, "buy", ms, func(s *span.Span) {
				s.TraceID, s.Kind = span.TraceID{0: trace}, 1
				s.Start, s.End = s.Start-uint64(trace)*1e9, s.End-uint64(trace)*1e9 // later ones ended earlier
			})))
		}
		observe(1, 700)
		observe(2, 3)
		if !undecided {
			sent("02@0 01@0 ") // the smaller value first
			observe(3, 3)
			sent("03@1 ")
			sent("")
			continue
		}
		sent("")
		decided[2] = Kept
		sent("02@0 ")
		sent("")
		decided[1] = Kept
		sent("01@0 ")
	}
}

// Without decisions all is kept, and the newest is shown.
func TestExemplarsOfAllTraces(t *testing.T) {
	m := newMetrics(t, nil)
	for id := range byte(3) {
		m.Observe("a", batchOf(buy(1, "buy", 3, func(s *span.Span) { s.TraceID = span.TraceID{0: id + 1} })))
	}
	if classic, native := shown(t, m); classic != "[03]" || native != "[03]" {
		t.Errorf("shown: %s and %s", classic, native)
	}
}

// The randomness is that of the trace state where it has one.
func TestExemplarRandomness(t *testing.T) {
	var asked []uint64
	m := newMetrics(t, func(c *Config) {
		c.Kept = func(_ string, _ span.TraceID, randomness uint64) Decision {
			asked = append(asked, randomness)
			return Kept
		}
	})
	m.Observe("a", batchOf(buy(1, "buy", 3, func(s *span.Span) { s.Kind, s.TraceState = 1, "ot=rv:000000000000ab" })))
	text(t, m, "a")
	if fmt.Sprint(asked) != "[171]" {
		t.Errorf("asked with %v", asked)
	}
}
