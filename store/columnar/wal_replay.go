package columnar

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// walReplayed is what a replay found.
type walReplayed struct {
	segments int
	records  int
	bytes    int64    // of records, headers included
	torn     int64    // bytes of a record at the log's end that was never completed
	lost     int64    // bytes that are damaged or could not be read
	damaged  []string // the files that hold them
}

// replay calls f for each record in the segments from number from on, in the
// order in which they were appended. The payload is valid until f returns; an
// error of f ends the replay and is returned. Segments below from are left
// alone, for removeThrough.
//
// What is no valid record is skipped. At the end of the last segment it is the
// rest of a write that was cut short by the end of the process or of the power,
// and is cut off. Anywhere else it is damage: f gets every record around it,
// then the segment is renamed to *.damaged and from then on never removed.
// Later replays read it too, until from has passed it.
func (w *wal) replay(from uint64, f func(seq uint64, r walRecord) error) (walReplayed, error) {
	var sum walReplayed
	w.mu.Lock()
	segments := slices.Clone(w.segments)
	w.mu.Unlock()
	for i, seg := range segments {
		if seg.seq < from {
			continue
		}
		visit := func(r walRecord) error { return f(seg.seq, r) }
		if err := w.replaySegment(seg, i == len(segments)-1, visit, &sum); err != nil {
			return sum, fmt.Errorf("write-ahead log segment %s: %w", filepath.Join(w.dir, seg.name), err)
		}
	}
	if sum.segments == 0 {
		return sum, nil
	}
	if err := w.fs.SyncDir(w.dir); err != nil {
		return sum, fmt.Errorf("write-ahead log: %w", err)
	}
	return sum, nil
}

// replaySegment replays one segment and leaves it durable: an earlier process
// may have ended before its last fsync.
func (w *wal) replaySegment(seg *walSegment, last bool, f func(walRecord) error, sum *walReplayed) error {
	file, err := w.fs.OpenFile(filepath.Join(w.dir, seg.name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	scan, err := walScanSegment(file, size, seg.seq, f)
	if err != nil {
		return err
	}
	sum.segments++
	sum.records += scan.records
	sum.bytes += scan.bytes

	tail := size - scan.end
	short := size < walHeaderSize // the process ended before it had written the header
	switch {
	case seg.damaged, !short && !scan.whole(), !short && !last && tail > 0:
		sum.lost += scan.lost + tail
		err = w.setAside(seg, scan, tail)
		sum.damaged = append(sum.damaged, filepath.Join(w.dir, seg.name))
	case scan.records == 0:
		sum.torn += tail
		return w.removeEmpty(seg, tail)
	case tail > 0:
		sum.torn += tail
		err = w.cutTail(seg, file, scan.end, tail)
	}
	if err != nil {
		return err
	}
	return file.Sync()
}

// cutTail removes an incomplete record from the end of the last segment.
func (w *wal) cutTail(seg *walSegment, file File, end, tail int64) error {
	w.log.Warn("write-ahead log: an incomplete record at the end was cut off",
		"segment", filepath.Join(w.dir, seg.name), "offset", end, "bytes", tail)
	w.mu.Lock()
	seg.end, seg.durable = end, end
	w.mu.Unlock()
	return file.Truncate(end)
}

// removeEmpty removes a segment that holds no record.
func (w *wal) removeEmpty(seg *walSegment, tail int64) error {
	if tail > 0 {
		w.log.Warn("write-ahead log: a segment with nothing but an incomplete record was removed",
			"segment", filepath.Join(w.dir, seg.name), "bytes", tail)
	}
	w.mu.Lock()
	w.segments = slices.DeleteFunc(w.segments, func(s *walSegment) bool { return s == seg })
	w.mu.Unlock()
	return w.fs.Remove(filepath.Join(w.dir, seg.name))
}

// setAside renames a damaged segment so that it is kept.
func (w *wal) setAside(seg *walSegment, scan walScan, tail int64) error {
	from := filepath.Join(w.dir, seg.name)
	w.mu.Lock()
	if !seg.damaged {
		seg.name += walDamagedSuffix
	}
	seg.damaged = true
	w.mu.Unlock()
	to := filepath.Join(w.dir, seg.name)
	w.log.Error("write-ahead log: a segment is damaged; its good records were read, and it is kept for inspection",
		"segment", from, "kept_as", to, "offset", scan.firstBad(), "lost_bytes", scan.lost+tail,
		"records", scan.records, "read_error", scan.readErr)
	if from == to {
		return nil
	}
	return w.fs.Rename(from, to)
}

// damaged returns the names of the segments that were set aside, also of those whose records are in blocks now.
func (w *wal) damaged() (names []string, err error) {
	entries, err := w.fs.ReadDir(w.dir)
	if err != nil {
		return nil, fmt.Errorf("write-ahead log: %w", err)
	}
	for _, e := range entries {
		if _, damaged, ok := walParseName(e.Name()); ok && damaged {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// walScan is what a pass over a segment found.
type walScan struct {
	records int
	bytes   int64 // of records, headers included
	end     int64 // behind the last record; what follows is no record, or could not be read
	lost    int64 // bytes before end that belong to no record
	badAt   int64 // where the first of them lies
	header  bool  // the segment's header is valid
	readErr error // ended the pass
}

// whole reports whether all is well up to end.
func (s walScan) whole() bool { return s.header && s.lost == 0 && s.readErr == nil }

func (s walScan) firstBad() int64 {
	if s.lost > 0 {
		return s.badAt
	}
	return s.end
}

// walScanSegment calls f for each record of a segment of size bytes. Where no
// valid record begins, it goes on with the next byte at which one does. Of the
// errors that it returns, one is f's; another says that the segment is of a
// version that this program does not know.
func walScanSegment(src io.ReaderAt, size int64, seq uint64, f func(walRecord) error) (walScan, error) {
	var s walScan
	r := walReader{src: src, size: size, seq: seq}
	if s.readErr = r.header(&s); s.readErr != nil {
		if errors.Is(s.readErr, errWALVersion) {
			return s, s.readErr
		}
		return s, nil
	}
	for off := int64(walHeaderSize); off+walRecordHeaderSize <= size; {
		rec, ok, err := r.record(off)
		if err != nil {
			s.readErr = err
			break
		}
		if !ok {
			off++
			continue
		}
		if err := f(rec); err != nil {
			return s, err
		}
		if off > s.end {
			if s.lost == 0 {
				s.badAt = s.end
			}
			s.lost += off - s.end
		}
		n := walRecordHeaderSize + int64(len(rec.payload))
		off += n
		s.end = off
		s.bytes += n
		s.records++
	}
	return s, nil
}

var errWALVersion = errors.New("unknown format version")

// walReadAhead is how much of a segment is read at once.
const walReadAhead = 256 << 10

// walReader reads a segment through one buffer, which grows to the largest record.
type walReader struct {
	src    io.ReaderAt
	size   int64
	seq    uint64
	buf    []byte // bytes of the segment from off on
	off    int64
	placed walPlaced
}

// header reads the segment's header. A damaged one is no obstacle, since records
// do not depend on it.
func (r *walReader) header(s *walScan) error {
	if r.size < walHeaderSize {
		return nil
	}
	b, err := r.bytes(0, walHeaderSize)
	if err != nil {
		return err
	}
	version, seq, ok := walParseHeader(b)
	if ok && version != walVersion {
		return fmt.Errorf("%w %d: it was written by a newer release, which is needed to read it", errWALVersion, version)
	}
	if ok && seq == r.seq {
		s.header = true
		s.end = walHeaderSize
	}
	return nil
}

// record reads the record at off, and whether there is a valid one. The payload
// is valid until the next call.
func (r *walReader) record(off int64) (rec walRecord, ok bool, err error) {
	b, err := r.bytes(off, walRecordHeaderSize)
	if err != nil {
		return rec, false, err
	}
	h, ok := walParseRecordHeader(b, &r.placed, r.seq, off, r.size)
	if !ok {
		return rec, false, nil
	}
	if b, err = r.bytes(off+walRecordHeaderSize, int(h.length)); err != nil {
		return rec, false, err
	}
	if crc32.Checksum(b, walCRC) != h.sum {
		return rec, false, nil
	}
	return walRecord{format: h.format, received: time.Unix(0, h.received), payload: b}, true, nil
}

// bytes returns n bytes of the segment at off, which has them, valid until the next call.
func (r *walReader) bytes(off int64, n int) ([]byte, error) {
	if off < r.off || off+int64(n) > r.off+int64(len(r.buf)) {
		want := int(min(int64(max(n, walReadAhead)), r.size-off))
		if cap(r.buf) < want {
			r.buf = make([]byte, want)
		}
		m, err := r.src.ReadAt(r.buf[:want], off)
		r.buf, r.off = r.buf[:m], off
		if m < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	at := int(off - r.off)
	return r.buf[at : at+n : at+n], nil
}
