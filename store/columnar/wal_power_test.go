package columnar

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

func walTestTime(nanos int64) time.Time { return time.Unix(0, nanos) }

// walTestPower is a log that lives through power cuts, and what is known of it.
type walTestPower struct {
	t       *testing.T
	rnd     *rand.Rand
	mem     *fsMem
	log     *walTestLog
	always  bool
	removed uint64 // every segment up to this one is stored elsewhere

	records []walTestPowered // in order of appending
}

type walTestPowered struct {
	walRecord
	pos     walPos
	durable bool
}

func (p *walTestPower) open() {
	p.t.Helper()
	opts := walOptions{min: p.removed + 1}
	if p.always {
		opts.interval = -1
	}
	p.log = walTestOpen(p.t, p.mem, opts)
}

// step does something that a log is used for.
func (p *walTestPower) step() {
	p.t.Helper()
	switch pick := p.rnd.IntN(10); {
	case pick < 6:
		r := walTestRecord(len(p.records), p.rnd.IntN(1500))
		pos, err := p.log.append(r.format, r.received, r.payload)
		if err == nil {
			err = p.log.commit(p.t.Context(), pos)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		p.records = append(p.records, walTestPowered{r, pos, p.always})
	case pick < 8:
		p.log.sync()
		for i := range p.records {
			p.records[i].durable = true
		}
	case pick == 8:
		p.log.rotate()
	default:
		if sealed := p.log.rotate(); p.rnd.IntN(2) == 0 {
			p.removed = sealed
		} else {
			p.removed = max(p.removed, sealed/2)
		}
		if err := p.log.removeThrough(p.removed); err != nil {
			p.t.Fatal(err)
		}
		p.records = slices.DeleteFunc(p.records, func(r walTestPowered) bool { return r.pos.seg.seq <= p.removed })
	}
}

// check replays and compares: every durable record is there; if exact, no
// other; and none that was not appended. What is there now is durable.
func (p *walTestPower) check(exact bool) {
	p.t.Helper()
	known := p.records
	p.records = nil
	sum, err := p.log.replay(p.removed+1, func(seq uint64, r walRecord) error {
		for len(known) > 0 && !walTestEqual(known[0].walRecord, r) {
			if known[0].durable {
				return fmt.Errorf("a durable record of %d bytes is missing", len(known[0].payload))
			}
			known = known[1:]
		}
		if len(known) == 0 {
			return fmt.Errorf("a record of %d bytes was never appended, or not here", len(r.payload))
		}
		if exact && !known[0].durable {
			return fmt.Errorf("a record came back that was never synced")
		}
		pos := walPos{seg: &walSegment{seq: seq}}
		p.records = append(p.records, walTestPowered{known[0].walRecord, pos, true})
		known = known[1:]
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range known {
		if r.durable {
			p.t.Fatalf("a durable record of %d bytes is missing at the end", len(r.payload))
		}
	}
	if exact && sum.lost+sum.torn > 0 {
		p.t.Errorf("nothing was half written, but replay says %+v", sum)
	}
}

// TestWALPowerCut cuts the power at random moments, several times in the life of
// a log. What was synced is there, whatever a disk may make of the rest.
func TestWALPowerCut(t *testing.T) {
	for _, always := range []bool{true, false} {
		for _, exact := range []bool{true, false} {
			t.Run(fmt.Sprintf("always=%v,exact=%v", always, exact), func(t *testing.T) {
				for seed := range uint64(40) {
					rnd := rand.New(rand.NewPCG(seed, 7))
					p := &walTestPower{t: t, rnd: rnd, mem: newFSMem(), always: always}
					p.open()
					for range 6 {
						for range rnd.IntN(40) {
							p.step()
						}
						if exact {
							p.mem = p.mem.powerCut(nil)
						} else {
							p.mem = p.mem.powerCut(rnd)
						}
						p.open()
						p.check(exact)
					}
				}
			})
		}
	}
}

// TestWALReplayMakesDurable: records that a killed process never synced are
// durable once they were replayed.
func TestWALReplayMakesDurable(t *testing.T) {
	mem := newFSMem()
	killed := walTestOpen(t, mem, walOptions{})
	killed.add(10, 20)
	killed.rotate()
	killed.add(30)
	walTestReplay(t, mem, 0)
	got, _ := walTestReplay(t, mem.powerCut(nil), 0)
	walTestCompare(t, got, killed.want)
}

// TestWALPowerCutUnderLoad cuts the power while many writers wait for their
// commits: every commit that had returned holds.
func TestWALPowerCutUnderLoad(t *testing.T) {
	const writers = 16
	mem := newFSMem()
	l := walTestOpen(t, mem, walOptions{interval: -1})
	var mu sync.Mutex
	acknowledged := make([]uint32, writers) // records of each writer
	enough := make(chan struct{})
	total := 0
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := uint32(0); ; j++ {
				payload := append(binary.BigEndian.AppendUint32([]byte{byte(i)}, j), make([]byte, 10*i)...)
				pos, err := l.append(span.FormatOTLPProto, time.Unix(0, 1), payload)
				if err == nil {
					err = l.commit(ctx, pos)
				}
				if err != nil {
					return // the test is over
				}
				mu.Lock()
				acknowledged[i] = j + 1
				if total++; total == 2000 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			l.rotate()
		}
	})
	<-enough
	mu.Lock()
	want := slices.Clone(acknowledged)
	mu.Unlock()
	after := mem.powerCut(nil)
	cancel()
	wg.Wait()

	next := make([]uint32, writers)
	got, _ := walTestReplay(t, after, 0)
	for _, r := range got {
		i, j := r.payload[0], binary.BigEndian.Uint32(r.payload[1:])
		if j != next[i] {
			t.Fatalf("writer %d: record %d came where %d was due", i, j, next[i])
		}
		next[i]++
	}
	for i := range writers {
		if next[i] < want[i] {
			t.Errorf("writer %d: %d records are left of %d acknowledged ones", i, next[i], want[i])
		}
	}
}
