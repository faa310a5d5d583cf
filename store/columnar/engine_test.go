package columnar

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

const (
	blocksDir = "/data/tenants/" + testTenant + "/blocks"
	logDir    = "/data/tenants/" + testTenant + "/wal"
)

// files returns the names in a folder of the engine's disk, without leading zeros.
func (e *testEngine) files(dir string) string {
	e.t.Helper()
	entries, err := e.opts.FS.ReadDir(dir)
	if err != nil {
		e.t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimLeft(entry.Name(), "0"))
	}
	return strings.Join(names, " ")
}

// oneSpan returns a span of a trace of its own.
func oneSpan(id byte, start time.Time) span.Span {
	at := uint64(start.UnixNano())
	return span.Span{
		TraceID: span.TraceID{0: id, 15: 1}, SpanID: span.SpanID{7: id}, Name: fmt.Sprint("span ", id), Start: at, End: at + 1e6,
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}},
	}
}

func (e *testEngine) has(id byte) bool {
	e.t.Helper()
	_, err := e.Trace(e.t.Context(), testTenant, span.TraceID{0: id, 15: 1}, store.TimeRange{})
	if err != nil && err != store.ErrNotFound {
		e.t.Fatal(err)
	}
	return err == nil
}

// TestRetentionByAge: a block goes when all of its spans arrived too long ago,
// however old the spans themselves are.
func TestRetentionByAge(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{Retention: 48 * time.Hour})
		e.mustWrite(oneSpan(1, time.Unix(0, 5)))
		e.mustSettle()
		e.later.Add(int64(24 * time.Hour))
		e.mustWrite(oneSpan(2, time.Now()))
		e.mustSettle()
		for _, c := range []struct {
			pass      time.Duration
			has       [2]bool
			files     string
			dropped   uint64
			remaining int
		}{
			{23 * time.Hour, [2]bool{true, true}, "1.blk 2.blk", 0, 2},
			{2 * time.Hour, [2]bool{false, true}, "2.blk", 1, 1},
			{24 * time.Hour, [2]bool{false, false}, "", 2, 0},
		} {
			e.later.Add(int64(c.pass))
			time.Sleep(2 * maintainEvery)
			if got := [2]bool{e.has(1), e.has(2)}; got != c.has {
				t.Errorf("after %v more the spans are there: %v, want %v", c.pass, got, c.has)
			}
			if files := e.files(blocksDir); files != c.files {
				t.Errorf("after %v more there are files %q, want %q", c.pass, files, c.files)
			}
			if n := e.stats.expired.Load(); n != c.dropped {
				t.Errorf("after %v more %d spans count as expired, want %d", c.pass, n, c.dropped)
			}
		}
	})
}

// TestRetentionBySize: the blocks that arrived first go first, whosever they are.
func TestRetentionBySize(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{})
		for i, tenant := range []string{"a", "b", "a", "b"} {
			b := new(span.Batch)
			s := oneSpan(byte(i), time.Now())
			b.Append(&s)
			b.Raw = encodeRows(t, b)
			if err := e.Write(t.Context(), tenant, b); err != nil {
				t.Fatal(err)
			}
			e.mustSettle()
			e.later.Add(int64(time.Minute))
		}
		size := e.tenants["a"].blocks[0].size
		for _, c := range []struct {
			max  int64
			a, b string
		}{
			{4 * size, "1.blk 2.blk", "1.blk 2.blk"},
			{4*size - 1, "2.blk", "1.blk 2.blk"},
			{3*size - 1, "2.blk", "2.blk"},
			{2*size - 1, "", "2.blk"},
			{1, "", ""},
		} {
			if err := e.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			e.opts.MaxBytes = c.max
			if err := e.open(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * maintainEvery)
			if a, b := e.files("/data/tenants/a/blocks"), e.files("/data/tenants/b/blocks"); a != c.a || b != c.b {
				t.Errorf("with room for %d bytes: %q and %q, want %q and %q (a block has %d)", c.max, a, b, c.a, c.b, size)
			}
		}
	})
}

// TestTenantsOnDisk: each tenant has a folder of its name, no other name becomes
// one, and who only asks makes none.
func TestTenantsOnDisk(t *testing.T) {
	e := openEngine(t, Options{})
	s := oneSpan(1, time.Now())
	for _, name := range []string{"a", "A", "team-1_x.y", "(1)!*'", strings.Repeat("n", 150)} {
		b := new(span.Batch)
		b.Append(&s)
		b.Raw = encodeRows(t, b)
		if err := e.Write(t.Context(), name, b); err != nil {
			t.Errorf("tenant %q: %v", name, err)
		}
		b.Reset()
	}
	want := e.files("/data/tenants")
	for _, name := range []string{"", ".", "..", "a/b", "../x", "/", `a\b`, "a b", "é", "a\x00", "x|y", strings.Repeat("n", 151)} {
		b := new(span.Batch)
		b.Append(&s)
		b.Raw = encodeRows(t, b)
		err := e.Write(t.Context(), name, b)
		var retry *store.RetryError
		if err == nil || errors.As(err, &retry) || !strings.Contains(err.Error(), "tenant") {
			t.Errorf("tenant %q: %v, want an error about its name", name, err)
		}
		if _, err := e.Trace(t.Context(), name, s.TraceID, store.TimeRange{}); err != store.ErrNotFound {
			t.Errorf("a trace of tenant %q: %v", name, err)
		}
		if names, err := e.Services(t.Context(), name, store.TimeRange{}); err != nil || len(names.List) > 0 {
			t.Errorf("services of tenant %q: %v, %v", name, names, err)
		}
	}
	if _, err := e.Trace(t.Context(), "nobody", s.TraceID, store.TimeRange{}); err != store.ErrNotFound {
		t.Errorf("a trace of a tenant who never wrote: %v", err)
	}
	if got := e.files("/data/tenants"); got != want {
		t.Errorf("folders %q, want %q", got, want)
	}
}

func TestDueMerge(t *testing.T) {
	const day = uint64(24 * time.Hour)
	// A block is given by its day, its rows, its chunks, what its lists hold and, if it is undecided, its slice.
	type spec [5]uint64
	several := func(n int, s spec) []spec { return slices.Repeat([]spec{s}, n) }
	const today = 10
	const small, large = 1000, 1 << 20
	for _, c := range []struct {
		name   string
		blocks []spec
		want   []int // places in blocks
	}{
		{"nothing", nil, nil},
		{"too few", several(mergeFanIn-1, spec{today, small}), nil},
		{"enough", several(mergeFanIn, spec{today, small}), []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"at most", several(40, spec{today, small}), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{"two of a day that is over", several(2, spec{9, small}), []int{0, 1}},
		{"one of a day that is over", []spec{{9, small}, {8, small}, {today, small}}, nil},
		{"of several tiers", []spec{{9, small}, {9, large}}, nil},
		{"no days are mixed", slices.Concat(several(mergeFanIn-1, spec{today, small}), several(mergeFanIn-1, spec{today + 1, small})), nil},
		{"the smallest first", slices.Concat(several(8, spec{today, large}), several(8, spec{today, small})), []int{8, 9, 10, 11, 12, 13, 14, 15}},
		{"the oldest first", slices.Concat(several(2, spec{9, small}), several(2, spec{8, small})), []int{2, 3}},
		{"not beyond the largest", several(6, spec{9, maxBlockRows/2 - 1}), []int{0, 1}},
		{"another group beside the largest", slices.Concat(several(6, spec{9, maxBlockRows - 1}), several(2, spec{8, maxBlockRows / 4})), []int{6, 7}},
		{"too many chunks", several(2, spec{9, small, maxBlockChunks/maxMergeFanIn + 1}), nil},
		{"as many as lists allow", several(6, spec{9, small, 1, maxListed / 3}), []int{0, 1, 2}},
		{"one slice", append(several(7, spec{today, small, 0, 0, 3}), spec{today, small}), nil},
		{"no slices are mixed", slices.Concat(several(7, spec{today, small, 0, 0, 3}), several(8, spec{today, small, 0, 0, 4})), []int{7, 8, 9, 10, 11, 12, 13, 14}},
		{"another group beside long lists", slices.Concat(several(6, spec{9, small, 1, maxListed}), several(2, spec{9, large, 1, 5})), []int{6, 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sliced := &tenant{e: &Engine{opts: Options{Slice: time.Minute}}}
			var blocks []*block
			for _, s := range c.blocks {
				blocks = append(blocks, &block{meta: blockMeta{MaxReceived: s[0]*day + s[4]*uint64(time.Minute) + 5, Rows: s[1], Chunks: s[2], Undecided: s[4] > 0}})
			}
			var got []int
			listed := func(b *block) int { return int(c.blocks[slices.Index(blocks, b)][3]) }
			for _, b := range dueMerge(blocks, sliced.groupOf, today, listed) {
				got = append(got, slices.Index(blocks, b))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("merges %v, want %v", got, c.want)
			}
		})
	}
}

// TestMergeCutShort: the end of the process between the making of a merged
// block and the removal of what it replaces, at each of its removals.
func TestMergeCutShort(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for kept := range 4 {
			mem := newFSMem()
			e := openEngine(t, Options{FS: mem})
			for seed := range uint64(3) {
				e.mustWrite(someSpans(seed, 10)...)
				e.mustSettle()
			}
			parents := map[string][]byte{}
			for id := range uint64(3) {
				path := filepath.Join(blocksDir, blockName(id+1))
				parents[path] = mem.read(path)
			}
			if err := e.mergeAll(); err != nil {
				t.Fatal(err)
			}
			_, rows := e.blockCount()
			e.abandon()
			for path, data := range parents {
				if kept > 0 {
					mem.put(path, data)
					kept--
				}
			}
			if err := e.open(); err != nil {
				t.Fatal(err)
			}
			if blocks, n := e.blockCount(); blocks != 1 || n != rows {
				t.Errorf("%d blocks with %d spans, want one with %d", blocks, n, rows)
			}
			if files := e.files(blocksDir); files != "4.blk" {
				t.Errorf("files %s", files)
			}
			e.checkAll("opened")
		}
	})
}

// TestMergedBlock: in whatever order blocks are merged, the result knows what all
// of them knew, and has each span once.
func TestMergedBlock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{})
		began := e.opts.Now()
		for seed := range uint64(4) {
			e.mustWrite(someSpans(seed%2, 10)...) // each comes twice
			e.mustSettle()
			e.later.Add(int64(time.Hour))
		}
		tn := e.tenants[testTenant]
		s := tn.snapshot()
		defer s.release()
		for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}} {
			var parents []*block
			var ids []uint64
			for _, i := range order {
				parents, ids = append(parents, s.blocks[i]), append(ids, uint64(i+1))
			}
			b, err := tn.writeMerged(t.Context(), parents, nil)
			if err != nil {
				t.Fatal(err)
			}
			m := b.meta
			first, last := uint64(began.UnixNano()), uint64(began.Add(3*time.Hour).UnixNano())
			if m.WALSegment != 4 || m.Level != 1 || !slices.Equal(m.Parents, ids) || m.MinReceived != first || m.MaxReceived != last {
				t.Errorf("blocks %v become %+v", ids, m)
			}
			if int(m.Rows) != e.sent.distinct() {
				t.Errorf("blocks %v become one of %d spans, want %d", ids, m.Rows, e.sent.distinct())
			}
			if err := b.verify(); err != nil {
				t.Error(err)
			}
			b.drop()
		}
	})
}

// TestBackPressure: while heads cannot be stored, writers wait, and are then
// told to come again because too much comes in. They go on when it is over.
func TestBackPressure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		disk := newFSFault(newFSMem())
		e := openEngine(t, Options{FS: disk, HeadBytes: 64 << 10})
		stalled := make(chan struct{})
		disk.inject(fsRule{op: fsOpWrite, match: "*.tmp", hook: func() { <-stalled }})
		var err error
		began := time.Now()
		for seed := uint64(0); err == nil && seed < 10_000; seed++ {
			began = time.Now()
			err = e.write(someSpans(seed, 10)...)
		}
		var retry *store.RetryError
		if !errors.As(err, &retry) || !retry.Overload || retry.After <= 0 || !strings.Contains(err.Error(), "faster than they can be stored") {
			t.Fatalf("a write to full memory fails with %v", err)
		}
		if waited := time.Since(began); waited != writeWait {
			t.Errorf("it was turned away after %v, want %v", waited, writeWait)
		}
		held := int64(0)
		for _, h := range append(slices.Clone(e.tenants[testTenant].sealed), e.tenants[testTenant].head) {
			held += h.size()
		}
		if most := int64((maxSealed + 2) * 64 << 10); held > most {
			t.Errorf("heads hold %d bytes, want at most %d", held, most)
		}
		e.checkAll("under pressure")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b := new(span.Batch)
		b.Append(&span.Span{})
		b.Raw = encodeRows(t, b)
		if err := e.Write(ctx, testTenant, b); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a writer whose context ends gets %v", err)
		}
		close(stalled)
		e.mustWrite(someSpans(1, 10)...)
		e.mustSettle()
		e.checkAll("relieved")
	})
}

// TestCloseInAHurry: heads that are not stored at the end stay in the log.
func TestCloseInAHurry(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{SyncInterval: time.Second})
		for seed := range uint64(3) {
			e.mustWrite(someSpans(seed, 10)...)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if err := e.Close(ended); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "safe in the log") {
				t.Errorf("closing without time: %v", err)
			}
			if err := e.Close(t.Context()); err != ErrClosed {
				t.Errorf("closing twice: %v", err)
			}
			if err := e.open(); err != nil {
				t.Fatal(err)
			}
			e.checkAll("opened again")
		}
		if files := e.files(blocksDir); files != "" {
			t.Errorf("blocks %s were written", files)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if blocks, log := e.files(blocksDir), e.files(logDir); log != "" || len(strings.Fields(blocks)) != 1 {
			t.Errorf("closing in time leaves blocks %q and log %q", blocks, log)
		}
	})
}

// TestSnapshotOutlivesMerge: who began to read before a merge goes on reading
// what is replaced; the files go when nobody does.
func TestSnapshotOutlivesMerge(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{})
		for i := range byte(3) {
			e.mustWrite(oneSpan(i, time.Now()))
			e.mustSettle()
		}
		seen := 0
		_, err := eachTrace(t.Context(), e, &store.Query{}, func(store.Chunk, store.TraceRun) {
			if seen++; seen == 1 {
				if err := e.mergeAll(); err != nil {
					t.Error(err)
				}
				e.cache.entries.InvalidateAll()
				if files := e.files(blocksDir); files != "1.blk 2.blk 3.blk 4.blk" {
					t.Errorf("while they are read: files %s", files)
				}
			}
		})
		if err != nil || seen != 3 {
			t.Errorf("%d traces, %v, want 3", seen, err)
		}
		if files := e.files(blocksDir); files != "4.blk" {
			t.Errorf("when nobody reads: files %s", files)
		}
		e.checkAll("merged")
	})
}

// TestTimesFarApart: spans of 1970 to 2554 lie in as few files as those of one day.
func TestTimesFarApart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{Retention: time.Hour})
		const apart = math.MaxUint64 / 200 // almost three years
		for i := range byte(200) {
			s := oneSpan(i, time.Now())
			s.Start, s.End = uint64(i)*apart, uint64(i)*apart+1
			e.mustWrite(s)
			if i%40 == 39 {
				e.mustSettle()
			}
		}
		if blocks, rows := e.blockCount(); blocks > 5 || rows != 200 {
			t.Errorf("%d spans lie in %d blocks", rows, blocks)
		}
		if err := e.mergeAll(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * maintainEvery)
		e.checkAll("merged")
		r := store.TimeRange{Start: 180 * apart}
		n := 0
		_, err := eachTrace(t.Context(), e, &store.Query{Range: r}, func(c store.Chunk, t store.TraceRun) {
			if r.Contains(t.Start) {
				n++
			}
		})
		if err != nil || n != 20 {
			t.Errorf("%d spans are of the last 58 years, %v, want 20", n, err)
		}
	})
}

// TestNoStrings: spans of no name and no attributes leave the dictionary of the head empty.
func TestNoStrings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		e := openEngine(t, Options{})
		for i := range byte(2) {
			e.mustWrite(span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: i + 1}, Start: 1, End: 2})
		}
		e.mustSettle()
		e.checkAll("in a block")
	})
}

// TestReadsDuringClose: a read that began before the end is answered in full,
// one that begins later is refused, none is answered in part.
func TestReadsDuringClose(t *testing.T) {
	const traces = 20
	for range 20 {
		e := openEngine(t, Options{})
		for i := range byte(traces) {
			e.mustWrite(oneSpan(i, time.Now()))
			if i%8 == 7 {
				e.mustSettle()
			}
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					found, gaps, err := scanAll(t.Context(), e)
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil || len(gaps) > 0 || len(found) != traces {
						t.Errorf("%d traces of %d, gaps %q, %v", len(found), traces, gaps, err)
						return
					}
				}
			})
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if e.tenants[testTenant].snapshot() != nil {
			t.Error("a read that had found its tenant before the end does not learn of it")
		}
		if _, err := e.Services(t.Context(), testTenant, store.TimeRange{}); err != ErrClosed {
			t.Errorf("services of a closed store: %v", err)
		}
		if err := e.write(oneSpan(1, time.Now())); err != ErrClosed {
			t.Errorf("a write to a closed store: %v", err)
		}
		if n := e.opts.FS.(*fsMem).openFiles(); n > 0 {
			t.Errorf("%d files are open", n)
		}
	}
}

// TestDamagedLog: requests that a damaged log has lost are missed in every answer until the file is taken away.
func TestDamagedLog(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		mem := newFSMem()
		e := openEngine(t, Options{FS: mem})
		for i := range byte(3) {
			e.mustWrite(oneSpan(i, time.Now()))
		}
		e.abandon()
		path := filepath.Join(logDir, walName(1))
		data := mem.read(path)
		data[walHeaderSize+walRecordHeaderSize+10] ^= 4 // in the first request
		mem.put(path, data)
		want := "write-ahead log segment 0000000000000001.wal.damaged is damaged, and requests in it are lost"
		check := func(when string, gap bool) {
			t.Helper()
			missing, gaps, err := e.sent.compare(t.Context(), e)
			if err != nil || missing != 1 || gap != slices.Contains(gaps, want) || !gap && len(gaps) > 0 {
				t.Errorf("%s: %d spans are missing, gaps %q, %v", when, missing, gaps, err)
			}
		}
		for _, when := range []string{"opened", "opened again"} {
			if err := e.open(); err != nil {
				t.Fatal(err)
			}
			check(when, true)
			e.abandon()
		}
		if err := e.open(); err != nil {
			t.Fatal(err)
		}
		e.mustSettle()
		check("stored", true)
		e.reopen()
		check("opened when stored", true)
		if err := mem.Remove(path + walDamagedSuffix); err != nil {
			t.Fatal(err)
		}
		e.reopen()
		check("taken away", false)
	})
}

// TestRequestsThatDoNotDecode: what cannot be read back is missed in every answer.
func TestRequestsThatDoNotDecode(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		refuse := false
		e := openEngine(t, Options{Decode: func(f span.Format, raw []byte, b *span.Batch) error {
			if refuse {
				refuse = false
				return errors.New("not today")
			}
			return storetest.DecodeSpans(f, raw, b)
		}})
		e.mustWrite(oneSpan(1, time.Now()))
		e.mustWrite(oneSpan(2, time.Now()))
		e.abandon()
		refuse = true
		if err := e.open(); err != nil {
			t.Fatal(err)
		}
		missing, gaps, err := e.sent.compare(t.Context(), e)
		if err != nil || missing != 1 || !slices.Contains(gaps, "1 requests of the write-ahead log cannot be decoded") {
			t.Errorf("%d spans are missing, gaps %q, %v", missing, gaps, err)
		}
	})
}

// TestDamagedBlockComesBack: a block that was set aside leaves its number, and
// those of the log that it covers, unused: put back from a copy it stands
// beside all that was written since.
func TestDamagedBlockComesBack(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprintf("stored=%v", stored), func(t *testing.T) {
			inBubble(t, func(t *testing.T) { damagedBlockComesBack(t, stored) })
		})
	}
}

// damagedBlockComesBack writes again while a block is away, and stores that in a block, or leaves it to the log.
func damagedBlockComesBack(t *testing.T, stored bool) {
	mem := newFSMem()
	e := openEngine(t, Options{FS: mem})
	for seed := range uint64(3) {
		e.mustWrite(someSpans(seed, 10)...)
		e.mustSettle()
	}
	e.abandon()
	path := filepath.Join(blocksDir, blockName(3))
	good := mem.read(path)
	bad := slices.Clone(good)
	bad[len(bad)-30] ^= 1 // in the footer
	mem.put(path, bad)
	for range 2 {
		if err := e.open(); err != nil {
			t.Fatal(err)
		}
		const want = "block 0000000000000003.blk is damaged and was set aside"
		missing, gaps, err := e.sent.compare(t.Context(), e)
		if err != nil || missing == 0 || !slices.Contains(gaps, want) {
			t.Errorf("%d spans are missing, gaps %q, %v", missing, gaps, err)
		}
		e.abandon()
	}
	if err := e.open(); err != nil {
		t.Fatal(err)
	}
	e.mustWrite(someSpans(10, 10)...)
	if stored {
		e.mustSettle()
	}
	e.abandon()
	mem.put(path, good)
	if err := mem.Remove(path + damagedSuffix); err != nil {
		t.Fatal(err)
	}
	if err := e.open(); err != nil {
		t.Fatal(err)
	}
	e.checkAll("restored")
	e.reopen()
	e.checkAll("restored and reopened")
}

// TestUnreadableBlock: a block that cannot be read when the store opens is left
// where it is, and missed in answers; the next start has it again beside all
// that was written meanwhile.
func TestUnreadableBlock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		disk := newFSFault(newFSMem())
		e := openEngine(t, Options{FS: disk})
		for seed := range uint64(2) {
			e.mustWrite(someSpans(seed, 10)...)
			e.mustSettle()
		}
		e.abandon()
		disk.inject(fsRule{op: fsOpRead, match: blockName(2), err: syscall.EIO})
		if err := e.open(); err != nil {
			t.Fatal(err)
		}
		missing, gaps, err := e.sent.compare(t.Context(), e)
		if err != nil || missing == 0 || len(gaps) == 0 {
			t.Errorf("%d spans are missing, gaps %q, %v", missing, gaps, err)
		}
		e.mustWrite(someSpans(3, 10)...)
		e.abandon()
		disk.heal()
		if err := e.open(); err != nil {
			t.Fatal(err)
		}
		e.checkAll("readable again")
	})
}

// TestOpenReadErrors fails each call that opening a data folder makes, once. Either the folder opens,
// and says what it lacks, or the error names a path; the next start has everything.
func TestOpenReadErrors(t *testing.T) {
	ops := map[string]fsOp{"open": fsOpOpen, "read": fsOpRead, "stat": fsOpStat, "readdir": fsOpReadDir, "mkdir": fsOpMkdir,
		"lock": fsOpLock, "rename": fsOpRename, "remove": fsOpRemove, "sync": fsOpSync, "syncdir": fsOpSyncDir, "truncate": fsOpTruncate}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				disk := newFSFault(newFSMem())
				e := openEngine(t, Options{FS: disk})
				for seed := range uint64(4) {
					e.mustWrite(someSpans(seed, 10)...)
					if seed < 2 {
						e.mustSettle()
					}
				}
				e.abandon()
				for skip, hit := 0, true; hit; skip++ {
					hit = false
					disk.inject(fsRule{op: op, skip: skip, times: 1, err: syscall.EIO, hook: func() { hit = true }})
					if err := e.open(); err == nil {
						missing, gaps, err := e.sent.compare(t.Context(), e)
						if err != nil || missing > 0 && len(gaps) == 0 {
							t.Errorf("call %d fails: %d spans are missing, gaps %q, %v", skip, missing, gaps, err)
						}
						e.abandon()
					} else if !hit || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "/data") {
						t.Errorf("call %d fails: %v", skip, err)
					}
					disk.heal()
				}
				if err := e.open(); err != nil {
					t.Fatal(err)
				}
				// A log that could not be read once stays set aside, and is read all the same.
				if missing, _, err := e.sent.compare(t.Context(), e); missing > 0 || err != nil {
					t.Errorf("on a disk that is well again %d spans are missing, %v", missing, err)
				}
				if err := e.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if n := disk.FS.(*fsMem).openFiles(); n > 0 {
					t.Errorf("%d files are left open", n)
				}
			})
		})
	}
}
