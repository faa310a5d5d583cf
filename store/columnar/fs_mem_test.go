package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fsMem is a file system in memory that knows what would be left of it after a
// power cut: it keeps what was synced apart from what was not.
type fsMem struct {
	mu     sync.Mutex
	files  map[string]*fsMemNode
	synced map[string]*fsMemNode // the names that SyncDir has made durable
	dirs   map[string]bool       // durable at once, as FS.MkdirAll promises
	locked map[string]bool
	open   int // files
	free   uint64
}

type fsMemNode struct {
	data   []byte
	synced []byte // the content when it was last synced
}

var _ FS = (*fsMem)(nil)

func newFSMem() *fsMem {
	return &fsMem{
		files: map[string]*fsMemNode{}, synced: map[string]*fsMemNode{}, dirs: map[string]bool{"/": true, ".": true},
		locked: map[string]bool{}, free: 1 << 40,
	}
}

// powerCut returns the file system as it is when power is back. Everything
// synced is there. What was not is gone if rnd is nil; else it depends on rnd,
// for each name and each page of a file, as on a real disk. Whoever still uses
// the old file system does not reach the new one.
func (m *fsMem) powerCut(rnd *rand.Rand) *fsMem {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := newFSMem()
	for dir := range m.dirs {
		after.dirs[dir] = true
	}
	var names []string
	for name := range m.files {
		names = append(names, name)
	}
	for name := range m.synced {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		node := m.synced[name]
		if rnd != nil && rnd.IntN(2) == 0 {
			node = m.files[name]
		}
		if node == nil {
			continue
		}
		data := node.afterCut(rnd)
		left := &fsMemNode{data: data, synced: slices.Clone(data)}
		after.files[name], after.synced[name] = left, left
		after.dirs[filepath.Dir(name)] = true
	}
	return after
}

func (n *fsMemNode) afterCut(rnd *rand.Rand) []byte {
	if rnd == nil || bytes.Equal(n.data, n.synced) {
		return slices.Clone(n.synced)
	}
	const page = 512
	lo, hi := min(len(n.data), len(n.synced)), max(len(n.data), len(n.synced))
	left := make([]byte, lo+rnd.IntN(hi-lo+1))
	for at := 0; at < len(left); at += page {
		from := n.synced
		if rnd.IntN(2) == 0 {
			from = n.data
		}
		if at < len(from) {
			copy(left[at:min(at+page, len(left))], from[at:])
		}
	}
	return left
}

func (m *fsMem) OpenFile(name string, flag int, _ fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	fail := func(err error) (File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	node := m.files[name]
	switch {
	case m.dirs[name]:
		return fail(syscall.EISDIR)
	case node == nil && (flag&os.O_CREATE == 0 || !m.dirs[filepath.Dir(name)]):
		return fail(syscall.ENOENT)
	case node != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return fail(syscall.EEXIST)
	case node == nil:
		node = &fsMemNode{}
		m.files[name] = node
	case flag&os.O_TRUNC != 0:
		node.data = nil
	}
	m.open++
	return &fsMemFile{fs: m, name: name, node: node, flag: flag}, nil
}

func (m *fsMem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	node := m.files[from]
	if node == nil || !m.dirs[filepath.Dir(to)] {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.ENOENT}
	}
	delete(m.files, from)
	m.files[to] = node
	return nil
}

func (m *fsMem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	switch {
	case m.files[name] != nil:
		delete(m.files, name)
		return nil
	case !m.dirs[name]:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOENT}
	case len(m.list(name)) > 0:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	delete(m.dirs, name)
	return nil
}

func (m *fsMem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	for path := range m.files {
		if path == name || strings.HasPrefix(path, name+"/") {
			delete(m.files, path)
		}
	}
	for path := range m.dirs {
		if path == name || strings.HasPrefix(path, name+"/") {
			delete(m.dirs, path)
		}
	}
	return nil
}

func (m *fsMem) MkdirAll(dir string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir = filepath.Clean(dir); !m.dirs[dir]; dir = filepath.Dir(dir) {
		if m.files[dir] != nil {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		m.dirs[dir] = true
	}
	return nil
}

func (m *fsMem) ReadDir(dir string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	if !m.dirs[dir] {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOENT}
	}
	return m.list(dir), nil
}

func (m *fsMem) list(dir string) []fs.DirEntry {
	var entries []fs.DirEntry
	for name, node := range m.files {
		if filepath.Dir(name) == dir {
			entries = append(entries, fs.FileInfoToDirEntry(fsMemInfo{name: filepath.Base(name), size: int64(len(node.data))}))
		}
	}
	for name := range m.dirs {
		if filepath.Dir(name) == dir && name != dir {
			entries = append(entries, fs.FileInfoToDirEntry(fsMemInfo{name: filepath.Base(name), dir: true}))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

func (m *fsMem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	if node := m.files[name]; node != nil {
		return fsMemInfo{name: filepath.Base(name), size: int64(len(node.data))}, nil
	}
	if m.dirs[name] {
		return fsMemInfo{name: filepath.Base(name), dir: true}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: syscall.ENOENT}
}

func (m *fsMem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	if !m.dirs[dir] {
		return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOENT}
	}
	for name := range m.synced {
		if filepath.Dir(name) == dir && m.files[name] == nil {
			delete(m.synced, name)
		}
	}
	for name, node := range m.files {
		if filepath.Dir(name) == dir {
			m.synced[name] = node
		}
	}
	return nil
}

func (m *fsMem) Lock(dir string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	if m.locked[dir] {
		return nil, fmt.Errorf("data folder %s is used by another process (pid %d)", dir, os.Getpid())
	}
	m.locked[dir] = true
	return fsMemLock(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.locked, dir)
	}), nil
}

type fsMemLock func()

func (unlock fsMemLock) Close() error { unlock(); return nil }

func (m *fsMem) Free(string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free, nil
}

// read returns a copy of a file's content.
func (m *fsMem) read(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.files[filepath.Clean(name)].data)
}

// openFiles returns how many files are open.
func (m *fsMem) openFiles() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

// put makes name a durable file with the given content.
func (m *fsMem) put(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := &fsMemNode{data: slices.Clone(data), synced: slices.Clone(data)}
	name = filepath.Clean(name)
	m.files[name], m.synced[name], m.dirs[filepath.Dir(name)] = node, node, true
}

// fsMemFile is an open file of an fsMem.
type fsMemFile struct {
	fs     *fsMem
	name   string
	node   *fsMemNode
	flag   int
	off    int64 // of Write
	closed bool
}

// begin locks the file system if the file can be used.
func (f *fsMemFile) begin(op string, write bool) error {
	f.fs.mu.Lock()
	err := error(nil)
	switch {
	case f.closed:
		err = fs.ErrClosed
	case op == "truncate" && f.flag&(os.O_WRONLY|os.O_RDWR) == 0:
		err = syscall.EINVAL
	case write && f.flag&(os.O_WRONLY|os.O_RDWR) == 0, op == "read" && f.flag&os.O_WRONLY != 0:
		err = syscall.EBADF
	}
	if err == nil {
		return nil
	}
	f.fs.mu.Unlock()
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *fsMemFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.begin("read", false); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	n := 0
	if off < int64(len(f.node.data)) {
		n = copy(p, f.node.data[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *fsMemFile) Write(p []byte) (int, error) {
	if err := f.begin("write", true); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if f.flag&os.O_APPEND != 0 {
		f.off = int64(len(f.node.data))
	}
	f.writeAt(p, f.off)
	f.off += int64(len(p))
	return len(p), nil
}

func (f *fsMemFile) WriteAt(p []byte, off int64) (int, error) {
	if f.flag&os.O_APPEND != 0 {
		return 0, errors.New("WriteAt on a file opened with O_APPEND")
	}
	if err := f.begin("write", true); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	f.writeAt(p, off)
	return len(p), nil
}

func (f *fsMemFile) writeAt(p []byte, off int64) {
	if len(p) > 0 && int64(len(f.node.data)) < off+int64(len(p)) {
		f.resize(off + int64(len(p)))
	}
	copy(f.node.data[min(off, int64(len(f.node.data))):], p)
}

// resize cuts the file or fills it up with zeros.
func (f *fsMemFile) resize(size int64) {
	old := int64(len(f.node.data))
	if size <= old {
		f.node.data = f.node.data[:size:size]
		return
	}
	f.node.data = append(f.node.data, make([]byte, size-old)...)
}

func (f *fsMemFile) Truncate(size int64) error {
	if err := f.begin("truncate", true); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.resize(size)
	return nil
}

func (f *fsMemFile) Sync() error {
	if err := f.begin("sync", false); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.node.synced = slices.Clone(f.node.data)
	return nil
}

func (f *fsMemFile) Stat() (fs.FileInfo, error) {
	if err := f.begin("stat", false); err != nil {
		return nil, err
	}
	defer f.fs.mu.Unlock()
	return fsMemInfo{name: filepath.Base(f.name), size: int64(len(f.node.data))}, nil
}

func (f *fsMemFile) Close() error {
	if err := f.begin("close", false); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.closed = true
	f.fs.open--
	return nil
}

type fsMemInfo struct {
	name string
	size int64
	dir  bool
}

func (i fsMemInfo) Name() string       { return i.name }
func (i fsMemInfo) Size() int64        { return i.size }
func (i fsMemInfo) IsDir() bool        { return i.dir }
func (i fsMemInfo) ModTime() time.Time { return time.Time{} }
func (i fsMemInfo) Sys() any           { return nil }
func (i fsMemInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o750
	}
	return 0o640
}
