package columnar

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// keepingEngine returns an engine that keeps the ids of spans on disk, and has one merged block.
func keepingEngine(t *testing.T, fs FS, dir string) *testEngine {
	t.Helper()
	e := openEngine(t, Options{FS: fs, Dir: dir, Ahead: keepIDsAhead})
	for part := range 2 {
		var spans []span.Span
		for i := range 400 {
			spans = append(spans, splitSpan(400*part+i, 0))
		}
		e.mustWrite(spans...)
		e.mustSettle()
	}
	e.later.Add(int64(25 * time.Hour)) // blocks of a day that is over are merged
	e.mustSettle()
	if blocks, _ := e.blockCount(); blocks != 1 {
		t.Fatalf("%d blocks, want them merged", blocks)
	}
	return e
}

func keepIDsAhead(ctx context.Context, r store.Reader, _ string) error {
	_, _, err := keepIDs(ctx, r, store.TimeRange{}, "ids")
	return err
}

// looksAgain opens the engine anew, with nothing in memory, and returns how many spans a look comes across, and of how
// many of these it looks at the rows.
func (e *testEngine) looksAgain(ahead bool) (all, rows int) {
	e.t.Helper()
	if e.opts.Ahead = nil; ahead {
		e.opts.Ahead = keepIDsAhead
	}
	e.reopen()
	e.mustSettle()
	seen, kept, err := keepIDs(e.t.Context(), e, store.TimeRange{}, "ids")
	if err != nil {
		e.t.Fatal(err)
	}
	for k, n := range seen {
		if n != 1 {
			e.t.Fatalf("span %v is counted %d times", k, n)
		}
	}
	return len(seen), len(seen) - kept
}

// filesOf returns the names of files in the tenant's folder of blocks that end with a suffix.
func (e *testEngine) filesOf(suffix string) (names []string) {
	e.t.Helper()
	entries, err := e.opts.FS.ReadDir(filepath.Dir(e.path("blocks", "x")))
	if err != nil {
		e.t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), suffix) {
			names = append(names, entry.Name())
		}
	}
	return names
}

func wantLooks(t *testing.T, when string, all, rows, wantAll, wantRows int) {
	t.Helper()
	if all != wantAll || rows != wantRows {
		t.Errorf("%s: %d spans, %d of them by their rows; want %d and %d", when, all, rows, wantAll, wantRows)
	}
}

// TestKeptOnDisk: what is made of a merged block is there for the next process, true whatever was written meanwhile,
// and goes with the block.
func TestKeptOnDisk(t *testing.T) {
	e := keepingEngine(t, newFSMem(), "/data")
	all, rows := e.looksAgain(false)
	wantLooks(t, "opened again", all, rows, 800, 0)
	e.mustWrite(splitSpan(3, 1)) // of a trace of the block: its part has to be made again
	all, rows = e.looksAgain(false)
	wantLooks(t, "with a late span", all, rows, 801, 801)
	all, rows = e.looksAgain(true)
	wantLooks(t, "with a late span, looked at ahead", all, rows, 801, 2)
	e.later.Add(int64(25 * time.Hour))
	if err := e.mergeAll(); err != nil {
		t.Fatal(err)
	}
	all, rows = e.looksAgain(true)
	wantLooks(t, "merged", all, rows, 801, 0)
	if names := e.filesOf(keptSuffix); len(names) != 1 {
		t.Errorf("files are %v, want that of the merged block", names)
	}
	e.tenants[testTenant].dropBlocks(func(*block) bool { return true }, "for a test")
	if names := e.filesOf(""); len(names) != 0 {
		t.Errorf("files %v stay of a block that was dropped", names)
	}
}

// TestKeptDamaged: a file that is damaged, of another block or of another version does no harm, and is replaced.
func TestKeptDamaged(t *testing.T) {
	disk := newFSMem()
	e := keepingEngine(t, disk, "/data")
	path := e.path("blocks", e.filesOf(keptSuffix)[0])
	sound := disk.read(path)
	check := func(when string, data []byte) {
		t.Helper()
		disk.put(path, data)
		all, rows := e.looksAgain(false)
		wantLooks(t, when, all, rows, 800, 800)
		all, rows = e.looksAgain(true)
		wantLooks(t, when+", looked at ahead", all, rows, 800, 0)
		if !bytes.Equal(disk.read(path), sound) {
			t.Errorf("%s: the file was not replaced", when)
		}
	}
	for _, at := range []int{0, 8, 16, 20, len(sound) / 2, len(sound) - 1} {
		data := bytes.Clone(sound)
		data[at] ^= 1
		check("a bit is wrong", data)
	}
	check("it is empty", nil)
	check("it is cut off", sound[:len(sound)/2])
	check("it is too long", append(bytes.Clone(sound), make([]byte, 2*leastKept)...))
	check("it is of another version", append([]byte("CLEWKPT\x02"), sound[8:]...))
	b, err := openBlock(disk, strings.TrimSuffix(path, keptSuffix)+blockSuffix, newCache(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer b.release()
	list, err := parseKept(sound, b)
	if err != nil {
		t.Fatal(err)
	}
	b.sum++
	check("it is of another block", list.append(nil, b))
	b.sum--
	for key := range list {
		list[key] = list[key][1:]
	}
	check("what is in it cannot be understood", list.append(nil, b))
}

// TestKeptWithoutItsBlock: it is removed at the start.
func TestKeptWithoutItsBlock(t *testing.T) {
	disk := newFSMem()
	e := keepingEngine(t, disk, "/data")
	names := e.filesOf(keptSuffix)
	disk.put(e.path("blocks", "00000000000000ff"+keptSuffix), disk.read(e.path("blocks", names[0])))
	e.reopen()
	if got := e.filesOf(keptSuffix); !slices.Equal(got, names) {
		t.Errorf("files are %v, want %v", got, names)
	}
}

// TestKeptCannotBeWritten: all else goes on.
func TestKeptCannotBeWritten(t *testing.T) {
	for _, op := range []fsOp{fsOpWrite, fsOpSync, fsOpRename, fsOpOpen} {
		disk := newFSFault(newFSMem())
		disk.inject(fsRule{op: op, match: "*" + keptSuffix + "*", err: syscall.EIO})
		e := keepingEngine(t, disk, "/data")
		all, _ := e.looksAgain(false)
		if names := append(e.filesOf(keptSuffix), e.filesOf(tmpSuffix)...); all != 800 || len(names) > 0 {
			t.Errorf("%v fails: %d spans, files %v; want 800 and none", op, all, names)
		}
	}
	disk := newFSMem()
	disk.free = spareBytes
	e := openEngine(t, Options{FS: disk, Ahead: keepIDsAhead})
	e.mustWrite(splitSpan(1, 0))
	e.mustSettle()
	s := e.tenants[testTenant].snapshot()
	defer s.release()
	if err := keepIDsAhead(t.Context(), &aheadReader{Engine: e.Engine, s: s, b: s.blocks[0]}, testTenant); err != nil {
		t.Fatal(err)
	}
	if names := e.filesOf(keptSuffix); len(names) > 0 {
		t.Errorf("%v was written on a disk without room to spare", names)
	}
}

// TestKeptRoom: what takes too much room is left out, what scans before this one kept stays, and nothing else does.
func TestKeptRoom(t *testing.T) {
	e := keepingEngine(t, newFSMem(), "/data")
	s := e.tenants[testTenant].snapshot()
	defer s.release()
	b := s.blocks[0]
	small, large, nobodys := keptKey{1, 0, 1}, keptKey{1, 64, 1}, keptKey{2, 0, 1}
	list, room := keptParts{}, b.keptRoom()
	list.add(large, make([]byte, room), &room)
	list.add(small, []byte("small"), &room)
	list.add(nobodys, []byte("of a version before this one"), &room)
	if err := b.writeKept(list); err != nil {
		t.Fatal(err)
	}
	r := &aheadReader{Engine: e.Engine, s: s, b: b, purposes: []uint64{1}}
	if err := keepIDsAhead(t.Context(), r, testTenant); err != nil {
		t.Fatal(err)
	}
	got, err := b.kept()
	_, triedBefore := got[large]
	_, useless := got[nobodys]
	if err != nil || len(got) != 3 || string(got[small]) != "small" || !triedBefore || len(got[large]) > 0 || useless {
		t.Errorf("%v, kept %+v", err, got)
	}
}

// TestAheadOneAtATime: looks ahead take turns with merges, of all tenants, so that a start with many of them takes no more
// memory than one.
func TestAheadOneAtATime(t *testing.T) {
	e := keepingEngine(t, newFSMem(), "/data")
	looks := 0
	e.opts.Ahead = func(_ context.Context, r store.Reader, _ string) error {
		looks++
		select {
		case r.(*aheadReader).merging <- struct{}{}:
			t.Error("a merge could begin beside it")
			<-r.(*aheadReader).merging
		default:
		}
		return nil
	}
	e.reopen()
	e.mustSettle()
	if looks != 1 {
		t.Errorf("%d looks, want 1", looks)
	}
}

// TestVerifyKept: clew storage verify finds a damaged file.
func TestVerifyKept(t *testing.T) {
	e := keepingEngine(t, OSFS{}, t.TempDir())
	path := e.path("blocks", e.filesOf(keptSuffix)[0])
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := verifyFolder(e.opts.Dir); err != nil {
		t.Fatal(err, out)
	}
	flipFile(t, path, 40)
	out, err := verifyFolder(e.opts.Dir)
	if err == nil || !strings.Contains(out, keptSuffix+": corrupt column data: checksum does not match") {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if out, err := verifyFolder(e.opts.Dir); err != nil {
		t.Error(err, out)
	}
}

// FuzzParseKept: what is understood is written again with the same meaning.
func FuzzParseKept(f *testing.F) {
	b := &block{size: 1 << 20, sum: 77}
	f.Add(keptParts{}.append(nil, b)[len(keptMagic) : len(keptMagic)+13])
	whole := keptParts{{1, 2, 3}: []byte("one"), {1, 64, 3}: nil}.append(nil, b)
	f.Add(whole[len(keptMagic) : len(whole)-crcSize])
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append([]byte(keptMagic), body...)
		list, err := parseKept(binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli)), b)
		if err != nil {
			return
		}
		again, err := parseKept(list.append(nil, b), b)
		if err != nil || len(again) != len(list) {
			t.Fatalf("%v: %d entries, want %d", err, len(again), len(list))
		}
		for key, packed := range list {
			if !bytes.Equal(again[key], packed) {
				t.Fatalf("entry %+v is %q, want %q", key, again[key], packed)
			}
		}
	})
}
