package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FS is the disk as the engine sees it. Everything that the engine reads or
// writes goes through one, so that tests can make each call fail. Methods
// behave as their namesakes in package os unless they say otherwise, and may be
// called concurrently.
//
// A file's content outlives a power cut once File.Sync has returned, its name
// (creation, renaming, removal) once SyncDir of its folder has.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	ReadDir(dir string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// MkdirAll creates dir and the parents that it lacks, all of them durably.
	MkdirAll(dir string, perm fs.FileMode) error
	SyncDir(dir string) error
	// Lock makes dir this process's own until the Closer is closed or the
	// process ends. It fails at once if somebody else has it.
	Lock(dir string) (io.Closer, error)
	// Free returns the bytes that may still be written to the disk that dir lies on.
	Free(dir string) (uint64, error)
}

// File is an open file of an FS. Calls may be made concurrently, as on an *os.File.
type File interface {
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
}

// fsLockName is the file in a data folder whose flock says that the folder is
// in use. It holds the owner's process id as text, and stays when it is unlocked.
const fsLockName = "LOCK"

// OSFS is the operating system's file system.
type OSFS struct{}

var _ FS = OSFS{}

// OpenFile is os.OpenFile.
func (OSFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not f: a nil *os.File in a File is not nil
	}
	return f, nil
}

// Rename is os.Rename.
func (OSFS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OSFS) Remove(name string) error { return os.Remove(name) }

// RemoveAll is os.RemoveAll.
func (OSFS) RemoveAll(name string) error { return os.RemoveAll(name) }

// ReadDir is os.ReadDir.
func (OSFS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

// Stat is os.Stat.
func (OSFS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// MkdirAll creates dir and the parents that it lacks, and syncs the folder above each.
func (o OSFS) MkdirAll(dir string, perm fs.FileMode) error {
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrNotExist}
	}
	if err := o.MkdirAll(parent, perm); err != nil {
		return err
	}
	// Somebody else may create the same folder at the same time.
	if err := os.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return o.SyncDir(parent)
}

// SyncDir makes the names in dir durable.
func (OSFS) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Lock takes an flock on a file in dir.
func (OSFS) Lock(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, fsLockName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := fsLockFile(f, dir); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func fsLockFile(f *os.File, dir string) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("data folder %s is used by another process (pid %s)", dir, fsLockOwner(f))
	}
	if err != nil {
		return &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	// On a full disk the owner stays unnamed; the lock holds nevertheless.
	if _, err := fmt.Fprintf(f, "%d\n", os.Getpid()); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// fsLockOwner returns the process id that the holder of the lock has left in f.
func fsLockOwner(f *os.File) string {
	var buf [32]byte
	n, _ := f.ReadAt(buf[:], 0)
	if pid := bytes.TrimSpace(buf[:n]); len(pid) > 0 {
		return string(pid)
	}
	return "unknown"
}

// Free asks statfs for the blocks that an unprivileged user may still write.
func (OSFS) Free(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
