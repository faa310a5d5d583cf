package columnar

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// diskEngine opens an engine on a real disk, with a block and a request that is only in the log.
func diskEngine(t *testing.T) *testEngine {
	t.Helper()
	e := openEngine(t, Options{FS: OSFS{}, Dir: t.TempDir()})
	e.mustWrite(richSpans(1, 100)...)
	e.mustSettle()
	e.mustWrite(oneSpan(1, time.Now()))
	return e
}

func (e *testEngine) path(folder, name string) string {
	return filepath.Join(e.opts.Dir, tenantsFolder, testTenant, folder, name)
}

// verifyFolder returns what Verify says of a folder, which it calls DIR.
func verifyFolder(dir string) (string, error) {
	var out strings.Builder
	err := Verify(dir, &out)
	return strings.ReplaceAll(out.String(), dir, "DIR"), err
}

// flipFile flips a bit of the byte at a place of a file, from its end if that is negative.
func flipFile(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 0x20
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFolder(t *testing.T) {
	const sound = "tenant single-tenant: 1 blocks with 114 spans, 1 requests in the log\n"
	for _, c := range []struct {
		name string
		hurt func(e *testEngine)
		want []string // lines
	}{
		{"sound", func(*testEngine) {}, []string{sound}},
		{"in use", func(e *testEngine) {
			if err := e.open(); err != nil {
				t.Fatal(err)
			}
		}, []string{sound}},
		{"a piece", func(e *testEngine) { flipFile(t, e.path("blocks", blockName(1)), 50) }, []string{
			`DAMAGED DIR/tenants/single-tenant/blocks/0+1.blk: column trace.id: block DIR/tenants/single-tenant/blocks/0+1.blk, bytes \d+ to \d+: corrupt column data: checksum does not match`,
			"tenant single-tenant: 1 blocks with 114 spans, 1 requests in the log"}},
		{"a footer", func(e *testEngine) { flipFile(t, e.path("blocks", blockName(1)), -40) }, []string{
			`DAMAGED DIR/tenants/single-tenant/blocks/0+1.blk: block DIR/tenants/single-tenant/blocks/0+1.blk: corrupt column data: checksum of the footer does not match`,
			"tenant single-tenant: 1 blocks with 0 spans, 1 requests in the log"}},
		{"a block set aside", func(e *testEngine) {
			if err := os.Rename(e.path("blocks", blockName(1)), e.path("blocks", blockName(1)+damagedSuffix)); err != nil {
				t.Fatal(err)
			}
		}, []string{
			`DAMAGED DIR/tenants/single-tenant/blocks/0+1.blk.damaged: was set aside; delete it if it cannot be restored from a copy`,
			"tenant single-tenant: 0 blocks with 0 spans, 1 requests in the log"}},
		{"the end of the log", func(e *testEngine) { flipFile(t, e.path("wal", walName(2)), -1) }, []string{
			"tenant single-tenant: 1 blocks with 114 spans, 0 requests in the log"}}, // may have been cut short
		{"the log before its end", func(e *testEngine) {
			flipFile(t, e.path("wal", walName(2)), -1)
			if err := os.WriteFile(e.path("wal", walName(3)), walTestHeader(3), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{
			`DAMAGED DIR/tenants/single-tenant/wal/0+2.wal: \d+ bytes from offset 20 on are no valid requests`,
			"tenant single-tenant: 1 blocks with 114 spans, 0 requests in the log"}},
		{"the log's header", func(e *testEngine) { flipFile(t, e.path("wal", walName(2)), 9) }, []string{
			`DAMAGED DIR/tenants/single-tenant/wal/0+2.wal: its header is damaged`,
			"tenant single-tenant: 1 blocks with 114 spans, 1 requests in the log"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := diskEngine(t)
			e.abandon()
			c.hurt(e)
			out, err := verifyFolder(e.opts.Dir)
			want := strings.TrimSuffix(strings.Join(c.want, "\n"), "\n") + "\n"
			if !regexp.MustCompile("^" + want + "$").MatchString(out) {
				t.Errorf("it says\n%swant\n%s", out, want)
			}
			if damaged := len(c.want) > 1; errors.Is(err, ErrDamaged) != damaged || !damaged && err != nil {
				t.Errorf("the folder is judged %v", err)
			}
		})
	}
	if _, err := verifyFolder(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a data folder") {
		t.Errorf("another folder: %v", err)
	}
}

func TestInspect(t *testing.T) {
	e := diskEngine(t)
	late := oneSpan(2, time.Now())
	late.Start, late.End = 1<<64-2e9, 1<<64-1e9
	e.mustWrite(late)
	e.mustSettle()
	var out strings.Builder
	if err := Inspect(e.opts.Dir, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^tenant single-tenant$`,
		`(?m)^ *1 +0 +114 +\d+ +1 +0\.0 +\d+\.\d +1970-01-01T00:00:0\d +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d *$`,
		`(?m)^ *2 +0 +2 +2 +1 +0\.0 +\d+\.\d +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d +2554-07-21T23:34:31 *$`,
		`(?m)^116 spans, \d+\.\d bytes a span$`,
		`(?m)^"uuid" +span +string +100 `,
		`(?m)^"ratio" +span +float +100 `,
		`(?m)^"span.id" +bytes +116 `,
		`(?m)^"\(trace index\)" +0 `,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%s is missing in\n%s", want, out.String())
		}
	}
}

// TestInspectSizes: what columns and lists take is what the file takes, but for its ends.
func TestInspectSizes(t *testing.T) {
	b, err := openBytes(t, blockFile(t, richSpans(1, 100)))
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[colKey]*columnSize{}
	if err := b.addSizes(sizes); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, s := range sizes {
		sum += s.pieces + s.index
	}
	for _, s := range sections(t, b) {
		if s.kind == "magic" || s.kind == "footer" || s.kind == "trailer" {
			sum += uint64(s.len)
		}
	}
	if sum != uint64(b.size) {
		t.Errorf("all parts take %d bytes, the file %d", sum, b.size)
	}
}
