package columnar

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clewhq/clew/span"
)

// ErrDamaged is returned by Verify if something in the data folder is damaged.
var ErrDamaged = errors.New("data folder is damaged")

// Verify reads every file of a data folder, writes to out what it found, and
// returns ErrDamaged if something is wrong. It changes nothing. Of a folder
// that is in use, files that disappear meanwhile are passed over.
func Verify(dir string, out io.Writer) error {
	damaged := 0
	report := func(path string, err error) {
		damaged++
		fmt.Fprintf(out, "DAMAGED %s: %v\n", path, err)
	}
	err := eachTenant(dir, func(name, dir string) error {
		var blocks, spans, records int
		err := eachFile(filepath.Join(dir, "blocks"), func(path string) {
			switch {
			case strings.HasSuffix(path, damagedSuffix):
				report(path, errors.New("was set aside; delete it if it cannot be restored from a copy"))
			case strings.HasSuffix(path, blockSuffix):
				b, err := openBlock(OSFS{}, path, newCache(8<<20))
				if err == nil {
					err = b.verify()
					spans += int(b.meta.Rows)
					b.release()
				}
				if errors.Is(err, os.ErrNotExist) {
					return
				}
				blocks++
				if err != nil {
					report(path, err)
				}
			case strings.HasSuffix(path, keptSuffix):
				if err := verifyKept(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					report(path, err)
				}
			}
		})
		if err != nil {
			return err
		}
		var segments []string
		err = eachFile(filepath.Join(dir, "wal"), func(path string) { segments = append(segments, path) })
		for i, path := range segments {
			n, err := verifySegment(path, i == len(segments)-1)
			if records += n; err != nil && !errors.Is(err, os.ErrNotExist) {
				report(path, err)
			}
		}
		fmt.Fprintf(out, "tenant %s: %d blocks with %d spans, %d requests in the log\n", name, blocks, spans, records)
		return err
	})
	if err == nil && damaged > 0 {
		return fmt.Errorf("%w: %d files", ErrDamaged, damaged)
	}
	return err
}

// verifyKept checks a file of what is kept of a block, if the block is there.
func verifyKept(path string) error {
	b, err := openBlock(OSFS{}, strings.TrimSuffix(path, keptSuffix)+blockSuffix, newCache(8<<20))
	if err != nil {
		return nil // the block is reported by itself; without it, the next start removes the file
	}
	defer b.release()
	_, err = b.kept()
	return err
}

// verifySegment counts the records of a log segment. The end of the last one may be the rest of a write
// that was cut short: the next start removes it.
func verifySegment(path string, last bool) (records int, err error) {
	seq, damaged, ok := walParseName(filepath.Base(path))
	if !ok {
		return 0, nil
	}
	if damaged {
		return 0, errors.New("was set aside; its readable requests were kept")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	scan, err := walScanSegment(f, info.Size(), seq, func(walRecord) error {
		records++
		return nil
	})
	switch {
	case err != nil:
	case scan.readErr != nil:
		err = scan.readErr
	case !scan.header && info.Size() >= walHeaderSize:
		err = errors.New("its header is damaged")
	case scan.lost > 0 || !last && scan.end < info.Size() && info.Size() >= walHeaderSize:
		err = fmt.Errorf("%d bytes from offset %d on are no valid requests", scan.lost+info.Size()-scan.end, scan.firstBad())
	}
	return records, err
}

// Inspect writes what a data folder holds: blocks, and what their columns take.
func Inspect(dir string, out io.Writer) error {
	return eachTenant(dir, func(name, dir string) error {
		fmt.Fprintf(out, "tenant %s\n\n", name)
		sizes := map[colKey]*columnSize{}
		var rows, bytes uint64
		w := tabwriter.NewWriter(out, 2, 8, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "block\tmerges\tspans\ttraces\tchunks\tMiB\tB/span\tfirst start\tlast start\t")
		err := eachFile(filepath.Join(dir, "blocks"), func(path string) {
			if !strings.HasSuffix(path, blockSuffix) {
				return
			}
			b, err := openBlock(OSFS{}, path, newCache(8<<20))
			if err != nil {
				fmt.Fprintf(w, "%s\t%v\t\n", filepath.Base(path), err)
				return
			}
			defer b.release()
			m := &b.meta
			rows, bytes = rows+m.Rows, bytes+uint64(b.size)
			fmt.Fprintf(w, "%x\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t%s\t%s\t\n", m.ID, m.Level, m.Rows, m.Traces, m.Chunks,
				float64(b.size)/(1<<20), float64(b.size)/float64(max(m.Rows, 1)), showTime(m.MinStart), showTime(m.MaxStart))
			if err := b.addSizes(sizes); err != nil {
				fmt.Fprintf(w, "%s\t%v\t\n", filepath.Base(path), err)
			}
		})
		w.Flush()
		if err != nil || rows == 0 {
			return err
		}
		fmt.Fprintf(out, "\n%d spans, %.1f bytes a span\n\n", rows, float64(bytes)/float64(rows))
		writeSizes(out, sizes, rows)
		return nil
	})
}

func showTime(ns uint64) string {
	return time.Unix(int64(ns/1e9), int64(ns%1e9)).UTC().Format("2006-01-02T15:04:05")
}

// columnSize is what a column takes on disk.
type columnSize struct {
	values, pieces, index uint64
}

func (b *block) addSizes(sizes map[colKey]*columnSize) error {
	d, err := b.directory()
	if err != nil {
		return err
	}
	for num, k := range d.keys {
		c, err := b.column(uint32(num))
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		s := sizes[k]
		if s == nil {
			s = new(columnSize)
			sizes[k] = s
		}
		s.values += d.totals[num]
		s.index += uint64(d.where[num].len) + uint64(d.dicts[num].len) + uint64(d.filters[num].len)
		for _, p := range c.pieces {
			s.pieces += uint64(p.len)
		}
	}
	x, err := b.traceIndex()
	if err != nil {
		return err
	}
	chunks, err := b.chunkTable()
	if err != nil {
		return err
	}
	add := func(name string, l location) {
		k := colKey{Key: name}
		if sizes[k] == nil {
			sizes[k] = new(columnSize)
		}
		sizes[k].index += uint64(l.len)
	}
	if info, err := b.fs.Stat(b.keptPath()); err == nil {
		add("(kept)", location{len: uint32(info.Size())})
	}
	m := &b.meta
	add("(chunks)", m.chunks)
	add("(shapes)", m.shapes)
	add("(resources and scopes)", m.tables)
	add("(directory)", m.directory)
	add("(catalog)", m.catalog)
	add("(trace index)", m.traceIndex)
	for _, page := range x.pages {
		add("(trace index)", page)
	}
	for _, c := range chunks {
		add("(chunks)", c.pieces)
	}
	return nil
}

func writeSizes(out io.Writer, sizes map[colKey]*columnSize, rows uint64) {
	keys := make([]colKey, 0, len(sizes))
	for k := range sizes {
		keys = append(keys, k)
	}
	total := func(k colKey) uint64 { return sizes[k].pieces + sizes[k].index }
	slices.SortFunc(keys, func(a, b colKey) int {
		return cmp.Or(cmp.Compare(total(b), total(a)), cmp.Compare(a.Key, b.Key))
	})
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "column\tof\ttype\tvalues\tB/value\tB/span\tof it index")
	for _, k := range keys {
		s := sizes[k]
		of := [...]string{"", "span", "event", "link"}[k.Scope]
		typ := k.Type.String()
		if k.Type == span.Empty && k.Scope == colFixed {
			typ = ""
		}
		fmt.Fprintf(w, "%.60q\t%s\t%s\t%d\t%.2f\t%.3f\t%.3f\n", k.Key, of, typ, s.values, float64(total(k))/float64(max(s.values, 1)),
			float64(total(k))/float64(rows), float64(s.index)/float64(rows))
	}
	w.Flush()
}

// eachTenant calls f for each tenant's folder.
func eachTenant(dir string, f func(name, dir string) error) error {
	entries, err := os.ReadDir(filepath.Join(dir, tenantsFolder))
	if err != nil {
		return fmt.Errorf("%s is not a data folder: %w", dir, err)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := f(e.Name(), filepath.Join(dir, tenantsFolder, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachFile calls f for each file of a folder, which need not exist.
func eachFile(dir string, f func(path string)) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			f(filepath.Join(dir, e.Name()))
		}
	}
	return nil
}
