package columnar

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func everyTrace(span.TraceID) store.Fate { return store.Fate{Stays: true} }

// half is the fate of which every other trace goes.
func half(id span.TraceID) store.Fate { return store.Fate{Stays: id[15]%2 == 0} }

// thin decides about all undecided spans of blocks.
func (e *testEngine) thin(fate func(span.TraceID) store.Fate) error {
	s, err := e.Undecided(e.t.Context(), testTenant, e.opts.Now().Add(time.Second))
	if err != nil || s == nil {
		return err
	}
	defer s.Close()
	_, err = s.Thin(e.t.Context(), fate)
	return err
}

// half leaves it open whether the traces are there that half takes out of a store, and returns them.
func (l *ledger) half() (gone []span.TraceID) {
	for id, spans := range l.traces {
		if !half(id).Stays {
			for text := range spans {
				spans[text] = false
			}
			gone = append(gone, id)
		}
	}
	return gone
}

// checkHalf fails the test unless the store has what half leaves of what was sent, and nothing else.
func (e *testEngine) checkHalf(when string, gone []span.TraceID) {
	e.t.Helper()
	e.checkAll(when)
	for _, id := range gone {
		if _, err := e.Trace(e.t.Context(), testTenant, id, store.TimeRange{}); !errors.Is(err, store.ErrNotFound) {
			e.t.Fatalf("%s: trace %s, which was sampled out, answers %v", when, id, err)
		}
	}
}

// tracesOf returns spans of n traces.
func tracesOf(n int) (list []span.Span) {
	for i := range n {
		for _, s := range someSpans(uint64(i), 3) {
			s.TraceID = span.TraceID{14: byte(i >> 8), 15: byte(i)}
			list = append(list, s)
		}
	}
	return list
}

// TestThinFails makes each call of a kind fail while a slice is thinned: what stays is there all the time, and it
// can be thinned again, in the same process and after the next start.
func TestThinFails(t *testing.T) {
	for _, c := range []struct {
		name string
		rule fsRule
	}{
		{"creation", fsRule{op: fsOpOpen, match: "*.tmp", err: syscall.EMFILE}},
		{"write", fsRule{op: fsOpWrite, match: "*.tmp", err: syscall.ENOSPC}},
		{"fsync", fsRule{op: fsOpSync, match: "*.tmp", err: syscall.EIO}},
		{"rename", fsRule{op: fsOpRename, match: "*.tmp", err: syscall.EIO}},
		{"folder fsync", fsRule{op: fsOpSyncDir, match: "blocks", err: syscall.EIO}},
		{"opening", fsRule{op: fsOpOpen, match: "*.blk", err: syscall.EMFILE}},
		{"removal", fsRule{op: fsOpRemove, match: "*.blk", err: syscall.EIO}},
		{"read", fsRule{op: fsOpRead, match: "*.blk", err: syscall.EIO}},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,restarts=%v", c.name, restarts), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					disk := newFSFault(newFSMem())
					e := openEngine(t, Options{FS: disk, Slice: time.Minute})
					for i := range 3 {
						e.mustWrite(tracesOf(10 * (i + 1))...) // the first ones are in all blocks
						e.mustSettle()
					}
					gone := e.sent.half()
					rule := c.rule
					rule.times = 1
					disk.inject(rule)
					err := e.thin(half)
					if err == nil && c.rule.op != fsOpRemove && c.rule.op != fsOpRead { // which can be done without

						t.Error("the fault was not noticed")
					}
					disk.heal()
					e.checkAll("failed")
					if restarts {
						e.abandon()
						if err := e.open(); err != nil {
							t.Fatal(err)
						}
						e.checkAll("started again")
					}
					if err := e.thin(half); err != nil {
						t.Fatal(err)
					}
					e.checkHalf("thinned", gone)
					e.reopen()
					e.checkHalf("reopened", gone)
				})
			})
		}
	}
}

// TestSliceStaysApart: what is undecided is neither merged with what is decided nor forgotten by a start, and a
// store that decides nothing leaves it as it is.
func TestSliceStaysApart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{Slice: time.Minute})
		e.mustWrite(tracesOf(20)...)
		e.mustSettle()
		if err := e.thin(everyTrace); err != nil {
			t.Fatal(err)
		}
		for i := range mergeFanIn + 2 {
			e.mustWrite(tracesOf(20 + i)...)
			e.mustSettle()
		}
		e.reopen()
		s, err := e.Undecided(t.Context(), testTenant, e.opts.Now().Add(time.Second))
		if err != nil || s == nil {
			t.Fatalf("slice %v, %v", s, err)
		}
		if blocks, _ := e.blockCount(); len(s.(*slice).blocks) != blocks-1 {
			t.Errorf("%d of %d blocks are undecided, want all but the first", len(s.(*slice).blocks), blocks)
		}
		if _, err := e.Undecided(t.Context(), testTenant, e.opts.Now().Add(time.Second)); err == nil {
			t.Error("there are two slices at once")
		}
		s.Close()
		e.mustWrite(tracesOf(5)...)
		if s, err = e.Undecided(t.Context(), testTenant, e.opts.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if rows := e.tenants[testTenant].head.rows; rows > 0 {
			t.Errorf("%d spans that arrived before are in no slice", rows)
		}
		s.Close()
		e.opts.Slice = 0
		e.reopen()
		if err := e.thin(half); err != nil {
			t.Fatal(err)
		}
		e.checkAll("nothing is undecided")
	})
}
