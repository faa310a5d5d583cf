package columnar

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// powerCut is a disk after the power is back, and what has to be on it.
type powerCut struct {
	disk *fsMem
	want *ledger
}

// limit takes those acknowledgements back that other does not have.
func (l *ledger) limit(other *ledger) {
	for id, spans := range l.traces {
		for text := range spans {
			spans[text] = spans[text] && other.traces[id][text]
		}
	}
}

// powerTest is an engine under whose feet the power is cut again and again.
type powerTest struct {
	*testEngine
	mem    *fsMem
	rnd    *rand.Rand
	always bool // the log is synced before each acknowledgement

	mu      sync.Mutex
	chance  *rand.Rand
	durable *ledger // unless always, what was known to be synced
	cuts    []powerCut
}

// openPower opens an engine whose disk remembers, at one call of twelve that
// change something, what a power cut would leave behind.
func openPower(t *testing.T, seed uint64, always bool) *powerTest {
	p := &powerTest{mem: newFSMem(), rnd: rand.New(rand.NewPCG(seed, 1)), chance: rand.New(rand.NewPCG(seed, 2)), always: always}
	disk := newFSFault(p.mem)
	opts := Options{FS: disk, SyncInterval: farOff, Retention: 24 * time.Hour, Slice: time.Minute}
	if always {
		opts.SyncInterval = 0
	}
	p.testEngine = newTestEngine(t, opts)
	p.durable = p.sent.clone()
	for _, op := range []fsOp{fsOpOpen, fsOpRename, fsOpRemove, fsOpSyncDir, fsOpWrite, fsOpTruncate, fsOpSync} {
		disk.inject(fsRule{op: op, hook: p.cut})
	}
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *powerTest) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chance.IntN(12) > 0 {
		return
	}
	c := powerCut{want: p.sent.clone()} // before the power goes: later acknowledgements may be lost
	if !p.always {
		c.want.limit(p.durable)
	}
	if p.chance.IntN(2) == 0 {
		c.disk = p.mem.powerCut(nil)
	} else {
		c.disk = p.mem.powerCut(p.chance)
	}
	p.cuts = append(p.cuts, c)
}

// makeDurable runs something behind which all that was acknowledged before is durable.
func (p *powerTest) makeDurable(sync func()) {
	acked := p.sent.clone()
	sync()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.durable = acked
}

// step does something that an engine is used for.
func (p *powerTest) step(seed uint64, background *sync.WaitGroup) {
	p.t.Helper()
	switch pick := p.rnd.IntN(20); {
	case pick < 11:
		p.mustWrite(someSpans(seed, 1+p.rnd.IntN(12))...)
	case pick < 14: // beside what follows
		background.Go(p.trySettle)
	case pick == 14:
		p.makeDurable(p.mustSettle)
	case pick == 15:
		p.makeDurable(p.tenants[testTenant].wal.sync)
	case pick == 16:
		if err := p.thin(everyTrace); err != nil {
			p.t.Fatal(err)
		}
	case pick < 18:
		background.Wait() // who merges beside us drops what we merge
		if err := p.mergeAll(); err != nil {
			p.t.Fatal(err)
		}
	case pick == 18:
		background.Wait()
		p.abandon()
		if err := p.open(); err != nil {
			p.t.Fatal(err)
		}
	default:
		p.retire()
	}
}

// retire lets the retention of everything written so far end.
func (p *powerTest) retire() {
	p.mu.Lock()
	p.sent.forgive()
	p.durable.forgive()
	p.mu.Unlock()
	p.later.Add(int64(25 * time.Hour))
	time.Sleep(2 * maintainEvery)
}

// TestEnginePowerCut cuts the power while an engine writes, stores heads,
// merges, thins, drops blocks and opens: whatever the disk makes of what was not
// synced, the engine opens again, and everything that was acknowledged is there
// if the log is synced before each acknowledgement, else everything that was
// acknowledged before the last sync.
func TestEnginePowerCut(t *testing.T) {
	for _, always := range []bool{true, false} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("always=%v,seed=%d", always, seed), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					p := openPower(t, seed, always)
					p.mustWrite(someSpans(1, 10)...)
					var background sync.WaitGroup
					for i := range uint64(30) {
						p.step(100*seed+i, &background)
					}
					background.Wait()
					p.abandon()
					if len(p.cuts) == 0 {
						t.Error("the power was never cut")
					}
					for i, c := range p.cuts {
						p.checkCut(fmt.Sprint("cut ", i), c)
					}
				})
			})
		}
	}
}

// checkCut opens what a power cut has left.
func (p *powerTest) checkCut(when string, c powerCut) {
	p.t.Helper()
	e := newTestEngine(p.t, Options{FS: c.disk})
	e.sent = c.want
	if err := e.open(); err != nil {
		p.t.Fatalf("%s: %v", when, err)
	}
	e.survived(when + ", opened")
	if files := e.files(blocksDir); strings.Contains(files, tmpSuffix) {
		p.t.Errorf("%s: what was never finished is left: %s", when, files)
	}
	e.trySettle()
	e.survived(when + ", settled")
	e.reopen()
	e.survived(when + ", reopened")
	if err := e.Close(p.t.Context()); err != nil {
		p.t.Fatalf("%s: %v", when, err)
	}
}

// survived checks that nothing is missing. A log segment that was not the last
// one may have lost its end, which looks like damage.
func (e *testEngine) survived(when string) {
	e.t.Helper()
	missing, gaps, err := e.sent.compare(e.t.Context(), e.Engine)
	for _, gap := range gaps {
		if !strings.Contains(gap, "write-ahead log") {
			e.t.Errorf("%s: %s", when, gap)
		}
	}
	if err != nil || missing > 0 {
		e.t.Fatalf("%s: %d acknowledged spans are missing, %v", when, missing, err)
	}
}
