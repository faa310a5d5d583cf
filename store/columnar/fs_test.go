package columnar

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestFSMemAgrees holds the file system in memory against the real one: the
// same random calls give the same answers.
func TestFSMemAgrees(t *testing.T) {
	for seed := range uint64(10) {
		real := &fsScript{fs: OSFS{}, root: t.TempDir(), rnd: rand.New(rand.NewPCG(seed, 1))}
		mem := &fsScript{fs: newFSMem(), root: "/mem", rnd: rand.New(rand.NewPCG(seed, 1))}
		if err := mem.fs.MkdirAll(mem.root, 0o750); err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			want, got := real.step(), mem.step()
			if got != want {
				t.Fatalf("seed %d, call %d: in memory %s\non disk %s", seed, i, got, want)
			}
		}
		real.close()
	}
}

// fsScript makes random calls to one file system.
type fsScript struct {
	fs   FS
	root string
	rnd  *rand.Rand
	open []File
}

var fsScriptFlags = []int{
	os.O_RDWR, os.O_RDONLY, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL,
	os.O_WRONLY | os.O_CREATE | os.O_TRUNC, os.O_RDWR | os.O_CREATE | os.O_APPEND,
}

// step makes one call and tells what it answered.
func (s *fsScript) step() string {
	name, other := s.name(), s.name()
	pick, n, off := s.rnd.IntN(16), 1+s.rnd.IntN(20), int64(s.rnd.IntN(30))
	flag := fsScriptFlags[s.rnd.IntN(len(fsScriptFlags))]
	var file File
	if len(s.open) > 0 {
		file = s.open[s.rnd.IntN(len(s.open))]
	}
	switch {
	case pick < 4 || file == nil:
		f, err := s.fs.OpenFile(name, flag, 0o640)
		if err == nil {
			s.open = append(s.open, f)
		}
		return s.say("open", name, flag, err)
	case pick == 4:
		return s.say("rename", name, other, s.fs.Rename(name, other))
	case pick == 5:
		return s.say("remove", name, s.fs.Remove(name))
	case pick == 6:
		return s.say("mkdir", s.fs.MkdirAll(filepath.Join(s.root, "d", "e"), 0o750))
	case pick == 7:
		return s.say("removeall", s.fs.RemoveAll(filepath.Join(s.root, "d")))
	case pick == 8:
		entries, err := s.fs.ReadDir(filepath.Dir(name))
		return s.say("readdir", name, fmt.Sprint(entries), err, s.fs.SyncDir(filepath.Dir(name)))
	case pick == 9:
		info, err := s.fs.Stat(name)
		if err != nil {
			return s.say("stat", name, err)
		}
		return s.say("stat", info.Name(), info.IsDir(), info.IsDir() || info.Size() >= 0)
	case pick == 10:
		return s.say("truncate", off, file.Truncate(off), file.Sync())
	case pick == 11:
		return s.say("close", file.Close())
	case pick == 12:
		m, err := file.Write([]byte("abcdefghijklmnopqrst")[:n])
		return s.say("write", m, err)
	case pick == 13:
		m, err := file.WriteAt([]byte("ABCDEFGHIJKLMNOPQRST")[:n], off)
		return s.say("writeat", m, err)
	default:
		buf := make([]byte, n)
		m, err := file.ReadAt(buf, off)
		return s.say("readat", m, string(buf[:m]), err)
	}
}

func (s *fsScript) name() string {
	return filepath.Join(s.root, []string{"a", "b", "d/a", "d/e/b"}[s.rnd.IntN(4)])
}

// say prints an answer without what may differ: paths, and the words around a system error.
func (s *fsScript) say(parts ...any) string {
	for i, p := range parts {
		err, ok := p.(error)
		if !ok {
			continue
		}
		for _, sentinel := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrClosed, syscall.EBADF, syscall.EINVAL, syscall.ENOTEMPTY, syscall.EISDIR} {
			if errors.Is(err, sentinel) {
				parts[i] = sentinel
			}
		}
		if strings.Contains(err.Error(), "O_APPEND") {
			parts[i] = "O_APPEND"
		}
	}
	return strings.ReplaceAll(fmt.Sprintln(parts...), s.root, "")
}

func (s *fsScript) close() {
	for _, f := range s.open {
		f.Close()
	}
}

func TestFSPowerCut(t *testing.T) {
	m := newFSMem()
	if err := m.MkdirAll("/d", 0o750); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, sync bool) {
		t.Helper()
		f, err := m.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if sync {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("/d/kept", "synced", true)
	write("/d/removed", "comes back", true)
	write("/d/from", "moved", true)
	if err := m.SyncDir("/d"); err != nil {
		t.Fatal(err)
	}
	write("/d/kept", " and not", false)
	write("/d/nameless", "content synced, name not", true)
	if err := errors.Join(m.Remove("/d/removed"), m.Rename("/d/from", "/d/to")); err != nil {
		t.Fatal(err)
	}

	after := m.powerCut(nil)
	entries, err := after.ReadDir("/d")
	if got, want := fmt.Sprint(entries), "[- from - kept - removed]"; err != nil || got != want {
		t.Errorf("left: %s %v, want %s", got, err, want)
	}
	if got := string(after.read("/d/kept")); got != "synced" {
		t.Errorf("left of a file: %q, want what was synced", got)
	}
	if got := string(m.read("/d/kept")); got != "synced and not" {
		t.Errorf("before the cut the file holds %q", got)
	}
}

func TestFSLock(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv("CLEW_TEST_LOCK") != "" { // the other process
		_, err := OSFS{}.Lock(os.Getenv("CLEW_TEST_LOCK"))
		fmt.Println(err)
		return
	}
	other := func() string {
		t.Helper()
		cmd := exec.Command(os.Args[0], "-test.run=^TestFSLock$", "-test.v")
		cmd.Env = append(os.Environ(), "CLEW_TEST_LOCK="+dir, "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	lock, err := OSFS{}.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("data folder %s is used by another process (pid %d)", dir, os.Getpid())
	if out := other(); !strings.Contains(out, want) {
		t.Errorf("another process is told %q, want %q", out, want)
	}
	if _, err := (OSFS{}).Lock(dir); err == nil || err.Error() != want {
		t.Errorf("locking twice: %v, want %q", err, want)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if out := other(); !strings.Contains(out, "<nil>") {
		t.Errorf("another process cannot lock a folder that was unlocked: %q", out)
	}
	if _, err := (OSFS{}).Lock(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("locking a folder that is not there: %v", err)
	}
}

func TestOSFSFree(t *testing.T) {
	if free, err := (OSFS{}).Free(t.TempDir()); err != nil || free == 0 {
		t.Errorf("free space: %d, %v", free, err)
	}
	if _, err := (OSFS{}).Free(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("free space of a folder that is not there: %v", err)
	}
}

func TestOSFSMkdirAll(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want error
	}{
		{"a/b/c", nil},
		{"a/b/c", nil},
		{"a/x/", nil},
		{"file", syscall.ENOTDIR},
		{"file/below", syscall.ENOTDIR},
	} {
		if err := (OSFS{}).MkdirAll(filepath.Join(dir, c.path), 0o750); !errors.Is(err, c.want) {
			t.Errorf("creating %s: %v, want %v", c.path, err, c.want)
		}
	}
	for _, path := range []string{"a/b/c", "a/x"} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || !info.IsDir() {
			t.Errorf("%s was not created: %v", path, err)
		}
	}
}

// TestFSFault checks the instrument itself: each fault hits the calls that it is meant for.
func TestFSFault(t *testing.T) {
	f := newFSFault(newFSMem())
	file, err := f.OpenFile("/x", os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	f.inject(fsRule{op: fsOpWrite, match: "x", skip: 1, times: 2, short: 2, err: syscall.EIO})
	var wrote []int
	for range 4 {
		n, err := file.Write([]byte("12345"))
		if (err != nil) != (n < 5) {
			t.Errorf("%d bytes written with error %v", n, err)
		}
		wrote = append(wrote, n)
	}
	if want := []int{5, 2, 2, 5}; !slices.Equal(wrote, want) {
		t.Errorf("wrote %v, want %v", wrote, want)
	}
	f.setRoom(7)
	for _, want := range []int{5, 2, 0} {
		if n, err := file.Write([]byte("abcde")); n != want || (n < 5) != errors.Is(err, syscall.ENOSPC) {
			t.Errorf("on a disk that fills up: %d bytes, %v, want %d", n, err, want)
		}
	}
	f.heal()
	f.inject(fsRule{op: fsOpRead, flip: 8*2 + 1})
	buf := make([]byte, 3)
	if _, err := file.ReadAt(buf, 1); err != nil || string(buf) != "224" {
		t.Errorf("read %q, %v, want 234 with the lowest bit of the second flipped", buf, err)
	}
	if got := f.count(fsOpWrite); got != 7 {
		t.Errorf("counted %d writes, want 7", got)
	}
}
