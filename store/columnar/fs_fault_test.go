package columnar

import (
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
)

// fsOp is a kind of call that an fsFault can make fail.
type fsOp int

const (
	fsOpOpen fsOp = iota
	fsOpRename
	fsOpRemove
	fsOpReadDir
	fsOpMkdir
	fsOpStat
	fsOpSyncDir
	fsOpLock
	fsOpFree
	fsOpRead
	fsOpWrite
	fsOpTruncate
	fsOpSync
)

// fsRule is a fault: what happens to the calls of one kind on some files.
type fsRule struct {
	op    fsOp
	match string // pattern of filepath.Match for the file's base name; "" matches all
	skip  int    // calls that are let through first
	times int    // calls that are hit then; 0: all
	err   error  // what they return; nil lets them through
	short int    // bytes that a failing write still writes
	flip  int64  // with err nil, a read of this bit of the file (counted from 1) finds it flipped
	hook  func() // runs before the call
}

// fsFault passes calls on to FS and injects faults into them.
type fsFault struct {
	FS

	mu    sync.Mutex
	rules []*fsRule
	full  bool  // writes may not pass room
	room  int64 // bytes
	calls map[fsOp]int
}

var _ FS = (*fsFault)(nil)

func newFSFault(under FS) *fsFault { return &fsFault{FS: under, calls: map[fsOp]int{}} }

// inject adds a fault. The first rule that fits a call decides about it.
func (f *fsFault) inject(r fsRule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &r)
}

// heal removes all faults.
func (f *fsFault) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.full = nil, false
}

// setRoom lets n more bytes be written; then the disk is full until it is called again.
func (f *fsFault) setRoom(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full, f.room = true, n
}

// count returns how many calls of a kind there were.
func (f *fsFault) count(op fsOp) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

// hit returns the rule for a call, or an empty one, and runs its hook.
func (f *fsFault) hit(op fsOp, name string) fsRule {
	r := f.find(op, filepath.Base(name))
	if r.hook != nil {
		r.hook()
	}
	return r
}

func (f *fsFault) find(op fsOp, base string) fsRule {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	for _, r := range f.rules {
		if r.op != op || r.times < 0 {
			continue
		}
		if ok, err := filepath.Match(r.match, base); err != nil {
			panic(err)
		} else if !ok && r.match != "" {
			continue
		}
		if r.skip > 0 {
			r.skip--
			continue
		}
		hit := *r
		if r.times == 1 {
			r.times = -1 // used up
		} else if r.times > 1 {
			r.times--
		}
		return hit
	}
	return fsRule{}
}

// take returns how many of n bytes may be written.
func (f *fsFault) take(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.full {
		return n
	}
	n = int(min(int64(n), f.room))
	f.room -= int64(n)
	return n
}

func (f *fsFault) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if r := f.hit(fsOpOpen, name); r.err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: r.err}
	}
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &fsFaultFile{File: file, fs: f, name: name}, nil
}

func (f *fsFault) Rename(from, to string) error {
	if r := f.hit(fsOpRename, from); r.err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: r.err}
	}
	return f.FS.Rename(from, to)
}

func (f *fsFault) Remove(name string) error {
	if r := f.hit(fsOpRemove, name); r.err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: r.err}
	}
	return f.FS.Remove(name)
}

func (f *fsFault) RemoveAll(name string) error {
	if r := f.hit(fsOpRemove, name); r.err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: r.err}
	}
	return f.FS.RemoveAll(name)
}

func (f *fsFault) ReadDir(dir string) ([]fs.DirEntry, error) {
	if r := f.hit(fsOpReadDir, dir); r.err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: r.err}
	}
	return f.FS.ReadDir(dir)
}

func (f *fsFault) MkdirAll(dir string, perm fs.FileMode) error {
	if r := f.hit(fsOpMkdir, dir); r.err != nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: r.err}
	}
	return f.FS.MkdirAll(dir, perm)
}

func (f *fsFault) Stat(name string) (fs.FileInfo, error) {
	if r := f.hit(fsOpStat, name); r.err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: r.err}
	}
	return f.FS.Stat(name)
}

func (f *fsFault) SyncDir(dir string) error {
	if r := f.hit(fsOpSyncDir, dir); r.err != nil {
		return &fs.PathError{Op: "sync", Path: dir, Err: r.err}
	}
	return f.FS.SyncDir(dir)
}

func (f *fsFault) Lock(dir string) (io.Closer, error) {
	if r := f.hit(fsOpLock, dir); r.err != nil {
		return nil, &fs.PathError{Op: "flock", Path: dir, Err: r.err}
	}
	return f.FS.Lock(dir)
}

// Free returns what setRoom has left, if the disk has an end.
func (f *fsFault) Free(dir string) (uint64, error) {
	if r := f.hit(fsOpFree, dir); r.err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: r.err}
	}
	f.mu.Lock()
	full, room := f.full, f.room
	f.mu.Unlock()
	if full {
		return uint64(room), nil
	}
	return f.FS.Free(dir)
}

// fsFaultFile is an open file of an fsFault.
type fsFaultFile struct {
	File
	fs   *fsFault
	name string
}

func (f *fsFaultFile) ReadAt(p []byte, off int64) (int, error) {
	r := f.fs.hit(fsOpRead, f.name)
	if r.err != nil {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: r.err}
	}
	n, err := f.File.ReadAt(p, off)
	if at := (r.flip-1)/8 - off; r.flip > 0 && at >= 0 && at < int64(n) {
		p[at] ^= 1 << ((r.flip - 1) % 8)
	}
	return n, err
}

func (f *fsFaultFile) Write(p []byte) (int, error) {
	return f.write(p, f.File.Write)
}

func (f *fsFaultFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

// write writes as much of p as the faults let through.
func (f *fsFaultFile) write(p []byte, through func([]byte) (int, error)) (int, error) {
	r := f.fs.hit(fsOpWrite, f.name)
	n := len(p)
	if r.err != nil {
		n = min(n, r.short)
	} else if n = f.fs.take(n); n < len(p) {
		r.err = syscall.ENOSPC
	}
	n, err := through(p[:n])
	if err == nil && r.err != nil {
		err = &fs.PathError{Op: "write", Path: f.name, Err: r.err}
	}
	return n, err
}

func (f *fsFaultFile) Truncate(size int64) error {
	if r := f.fs.hit(fsOpTruncate, f.name); r.err != nil {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: r.err}
	}
	return f.File.Truncate(size)
}

func (f *fsFaultFile) Sync() error {
	if r := f.fs.hit(fsOpSync, f.name); r.err != nil {
		return &fs.PathError{Op: "sync", Path: f.name, Err: r.err}
	}
	return f.File.Sync()
}
