package sample

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/clewhq/clew/span"
)

// A file of decisions, as docs/format.md describes it, is a header, the groups, and the entries in pages. It never changes.
const (
	decisionsMagic  = "clewdec1"
	decisionsSuffix = ".dec"
	temporary       = ".tmp"

	headerBytes    = 56
	entryBytes     = 8
	pageBytes      = 4096
	entriesPerPage = pageBytes/entryBytes - 1 // the last eight bytes are the checksum
	maxGroupsBytes = 64 << 20
)

// fileGroup is a group as the file has it.
type fileGroup struct {
	Policy    string         `json:"policy,omitempty"`
	Kept      bool           `json:"kept,omitempty"`
	DryRun    bool           `json:"dry_run,omitempty"`
	Threshold span.Threshold `json:"threshold,omitempty"`
	Traces    uint32         `json:"traces"`
	At        int64          `json:"at,omitempty"` // unix nanoseconds, in a merged file
}

func (r *decisionRun) encode() ([]byte, error) {
	list := make([]fileGroup, len(r.groups))
	for i, g := range r.groups {
		list[i] = fileGroup{g.Policy, g.Kept, g.DryRun, g.Threshold, r.counts[i], 0}
		if !g.At.IsZero() {
			list[i].At = g.At.UnixNano()
		}
	}
	groups, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	r.base = int64(headerBytes + len(groups))
	out := make([]byte, 0, headerBytes+len(groups)+pageBytes*pages(r.n))
	out = append(out, decisionsMagic...)
	for _, n := range []int64{r.at.UnixNano(), r.first.UnixNano(), r.last.UnixNano()} {
		out = binary.LittleEndian.AppendUint64(out, uint64(n))
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(r.n))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(groups)))
	out = binary.LittleEndian.AppendUint64(out, xxhash.Sum64(groups))
	out = binary.LittleEndian.AppendUint64(out, xxhash.Sum64(out))
	out = append(out, groups...)
	for entries := r.entries; len(entries) > 0; {
		n := min(entriesPerPage, len(entries))
		start := len(out)
		for _, e := range entries[:n] {
			out = binary.LittleEndian.AppendUint64(out, e)
		}
		out = binary.LittleEndian.AppendUint64(out, xxhash.Sum64(out[start:]))
		entries = entries[n:]
	}
	return out, nil
}

func pages(n int) int { return (n + entriesPerPage - 1) / entriesPerPage }

// writeDecisionRun writes a file that is there as a whole or not at all, also after a power cut.
func writeDecisionRun(dir string, r *decisionRun) error {
	text, err := r.encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for n := r.at.UnixNano(); ; n++ { // two at one time have different names
		r.path = filepath.Join(dir, fmt.Sprintf("%020d%s", n, decisionsSuffix))
		if _, err := os.Stat(r.path); errors.Is(err, os.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
	}
	if err := writeSynced(r.path+temporary, text); err != nil {
		return err
	}
	if err := os.Rename(r.path+temporary, r.path); err != nil {
		return err
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

var errDamaged = errors.New("checksum does not match")

// readDecisionRun reads all of a file but its entries.
func readDecisionRun(path string) (*decisionRun, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headerBytes)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	switch {
	case string(head[:8]) != decisionsMagic:
		return nil, errors.New("it is no file of decisions of a version that is known")
	case le.Uint64(head[48:]) != xxhash.Sum64(head[:48]):
		return nil, errDamaged
	}
	r := &decisionRun{path: path, at: unixNano(head[8:]), first: unixNano(head[16:]), last: unixNano(head[24:]), n: int(le.Uint32(head[32:]))}
	size := le.Uint32(head[36:])
	if size > maxGroupsBytes {
		return nil, errDamaged
	}
	groups := make([]byte, size)
	if _, err := io.ReadFull(f, groups); err != nil {
		return nil, err
	}
	if le.Uint64(head[40:]) != xxhash.Sum64(groups) {
		return nil, errDamaged
	}
	var list []fileGroup
	if err := json.Unmarshal(groups, &list); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != int64(headerBytes)+int64(size)+int64(r.n+pages(r.n))*entryBytes {
		return nil, fmt.Errorf("it has %d bytes, which is not what it says", info.Size())
	}
	for _, g := range list {
		d := Decision{Policy: g.Policy, Kept: g.Kept, DryRun: g.DryRun, Threshold: g.Threshold}
		if g.At != 0 {
			d.At = time.Unix(0, g.At)
		}
		r.groups = append(r.groups, d)
		r.counts = append(r.counts, g.Traces)
	}
	r.base = int64(headerBytes) + int64(size)
	return r, nil
}

func unixNano(b []byte) time.Time { return time.Unix(0, int64(binary.LittleEndian.Uint64(b))) }

// readDecisionEntries reads the entries of a file.
func readDecisionEntries(r *decisionRun) ([]uint64, error) {
	f, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries := make([]uint64, 0, r.n)
	for i := range pages(r.n) {
		page, err := r.page(f, i)
		if err != nil {
			return nil, err
		}
		entries = append(entries, page...)
	}
	return entries, nil
}

// page reads a page of entries.
func (r *decisionRun) page(f io.ReaderAt, i int) ([]uint64, error) {
	n := min(entriesPerPage, r.n-i*entriesPerPage)
	text := make([]byte, (n+1)*entryBytes)
	if _, err := f.ReadAt(text, r.base+int64(i)*pageBytes); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	if le.Uint64(text[n*entryBytes:]) != xxhash.Sum64(text[:n*entryBytes]) {
		return nil, errDamaged
	}
	entries := make([]uint64, n)
	for k := range entries {
		entries[k] = le.Uint64(text[k*entryBytes:])
		if entries[k]%maxGroups >= uint64(len(r.groups)) {
			return nil, errDamaged
		}
	}
	return entries, nil
}

// findInFile is find in the file. Keys are spread evenly, so that it reads one page or two.
func (r *decisionRun) findInFile(key uint64) (group int, ok bool, err error) {
	f, err := os.Open(r.path)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	lo, hi := 0, pages(r.n)
	for at := roughly(key, hi); lo < hi; {
		page, err := r.page(f, at)
		if err != nil {
			return 0, false, err
		}
		in := decisionRun{entries: page}
		if group, ok, _ := in.find(key); ok {
			return group, true, nil
		}
		switch { // a key is there once in a run, as a trace is once in a slice
		case key < page[0]>>groupBits:
			hi, at = at, at-1
		case key > page[len(page)-1]>>groupBits:
			lo, at = at+1, at+1
		default:
			return 0, false, nil
		}
	}
	return 0, false, nil
}
