package traceql

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// exemplarChunk is a chunk of n traces of three spans, a second apart, after the given one.
func exemplarChunk(first, n int) *memoryChunk {
	c := &memoryChunk{}
	for i := range n {
		run := store.TraceRun{Start: uint64(first+i) * 1e9, Lo: 3 * i, Hi: 3*i + 3}
		binary.BigEndian.PutUint64(run.ID[8:], uint64(first+i+1))
		c.runs = append(c.runs, run)
		for s := range 3 {
			c.starts = append(c.starts, run.Start+uint64(s))
			c.ids = append(c.ids, span.SpanID{byte(s + 1)})
		}
	}
	return c
}

func offerAll(n *nominees, at *intervals, c *memoryChunk) {
	s := &samples{}
	var rows []int32
	for row, start := range c.starts {
		rows = append(rows, int32(row))
		s.slots = append(s.slots, uint32(at.of(start)))
		s.ints = append(s.ints, int64(row%3))
	}
	n.offer(c, rows, s)
}

func TestNominees(t *testing.T) {
	at := makeIntervals(0, 1000e9, 10e9, false)
	var chunks []*memoryChunk
	for first := 0; first < 1000; first += 50 {
		chunks = append(chunks, exemplarChunk(first, 50))
	}
	whole := newNominees(&at, 20)
	for _, c := range chunks {
		offerAll(whole, &at, c)
	}
	want := whole.chosen()
	if len(want) != 20 {
		t.Fatalf("%d exemplars of 20", len(want))
	}
	seen := map[span.TraceID]bool{}
	for i, one := range want {
		if seen[one.traceID] {
			t.Errorf("two exemplars of trace %s", one.traceID)
		}
		seen[one.traceID] = true
		if i > 0 && one.start < want[i-1].start {
			t.Errorf("exemplar %d is older than the one before", i)
		}
		if lo, hi := uint64(i)*50e9, uint64(i+1)*51e9; one.start < lo || one.start > hi {
			t.Errorf("exemplar %d starts at %d, want %d to %d", i, one.start, lo, hi)
		}
		if one.value != float64(one.spanID[0]-1) || one.slot != uint32(at.of(one.start)) {
			t.Errorf("exemplar %d is %+v", i, one)
		}
	}

	// The order does not matter, nor who counts which, nor that some traces come in parts.
	for i, run := range chunks[3].runs {
		if i%2 == 0 {
			cut := *chunks[3]
			cut.runs = []store.TraceRun{{ID: run.ID, Start: run.Start, Lo: run.Lo, Hi: run.Lo + 1}}
			offerAll(whole, &at, &cut)
			chunks = append(chunks, &cut)
		}
	}
	want = whole.chosen()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		rng.Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
		parts := []*nominees{newNominees(&at, 20), newNominees(&at, 20)}
		for i, c := range chunks {
			offerAll(parts[i%2], &at, c)
		}
		parts[0].merge(parts[1], []uint32{0})
		if got := parts[0].chosen(); !slices.Equal(got, want) {
			t.Fatalf("other exemplars in another order:\n%v\nwant\n%v", got, want)
		}
	}
}

func TestNomineesFew(t *testing.T) {
	at := makeIntervals(0, 2e9, 1e9, false)
	for n, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 3, 6: 5, 100: 5} {
		list := newNominees(&at, n)
		if list == nil {
			if n > 0 {
				t.Errorf("no exemplars where %d are wanted", n)
			}
			continue
		}
		c := exemplarChunk(0, 5)
		for row := range c.starts { // all in the three intervals
			c.starts[row] = uint64(row) % 3 * 1e9
		}
		for i := range c.runs {
			c.runs[i].Start = uint64(i) % 3 * 1e9
		}
		offerAll(list, &at, c)
		if got := len(list.chosen()); got != want {
			t.Errorf("%d exemplars where %d are wanted, want %d", got, n, want)
		}
	}
	instant := makeIntervals(0, 2e9, 1e9, true)
	if newNominees(&instant, 5) != nil {
		t.Error("an instant query has exemplars")
	}
}
