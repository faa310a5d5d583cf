package traceql

import (
	"strings"
	"testing"

	"github.com/clewhq/clew/store"
)

func TestExplain(t *testing.T) {
	for query, want := range map[string]string{
		`{ resource.service.name = "shop" } >> { duration > 5ms && span.a > span.b } | by(name) | count() > 1`: `
query: { resource.service.name = "shop" } >> { duration > 5ms && span.a > span.b } | by(name) | count() > 1
the store is asked for:
  whole traces
  only traces in which a span has: resource.service.name = "shop"
  only traces in which a span has: (duration > 5000000) && (span.a != nil) && (span.b != nil)
  set #0: the spans with: resource.service.name = "shop"
  set #1: the spans with: (span.a != nil) && (span.b != nil)
  set #2: the spans with: duration > 5000000
  columns, when needed: span.a, span.b, kind, name, status, resource.service.name, duration
then, on the rows of each chunk:
  >> of:
    set #0
    all of, in this order:
      set #2
      all of, in this order:
        set #1
        row by row: span.a > span.b
  then
  by(name)
  then
  compare count() > 1
ends when no older trace can be among the first
`,
		`{ parent.a = 1 || !(nestedSetParent < 0) || (.b = 1) = (.c = 1) || .d = error || parent.e = nil || .f + 1 = nil }`: `
query: { parent.a = 1 || !(nestedSetParent < 0) || .b = 1 = (.c = 1) || .d = error || parent.e = nil || .f + 1 = nil }
the store is asked for:
  whole traces
  set #0: the spans with: .a = 1
  set #1: the spans with: .b = 1
  set #2: the spans with: .c = 1
  set #3: the spans with: .d = 2
  set #4: the spans with: !(.e != nil)
  columns, when needed: kind, .f, name, status, resource.service.name, .a, .b, .c, .d, .e
then, on the rows of each chunk:
  any of, in this order:
    both or none of:
      set #1
      set #2
    not:
      has no parent
    on the parent:
      set #0
    on the parent, or there is none:
      set #4
    row by row: .f + 1 = nil
    all of, in this order:
      set #3
      row by row: .d = error
ends when no older trace can be among the first
`,
		`{ nestedSetParent < 0 && (.a = 1) != (.b = 1) } | by(name) | coalesce()`: `
query: { nestedSetParent < 0 && .a = 1 != (.b = 1) } | by(name) | coalesce()
the store is asked for:
  whole traces
  set #0: the spans with: .a = 1
  set #1: the spans with: .b = 1
  columns, when needed: kind, name, status, resource.service.name, .a, .b
then, on the rows of each chunk:
  all of, in this order:
    one of, not both:
      set #0
      set #1
    has no parent
  then
  by(name)
  then
  coalesce()
ends when no older trace can be among the first
`,
		`({ status = error } | rate()) / ({ } | rate())`: `
query: ({ status = error } | rate()) / ({ } | rate())
the store is asked for:
  spans, one by one
  set #0: the spans with: status = 2
then, on the rows of each chunk, for rate():
  set #0
then, on the rows of each chunk, for rate():
  all
`,
	} {
		if got := (&Engine{}).Explain(parsed(t, query)); got != strings.TrimPrefix(want, "\n") {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
	want := "measured:\n  1000 spans judged\n  1 chunks read (25.0%), 3 skipped\n  2.0 MiB read\n"
	if got := ExplainStats(store.ScanStats{Rows: 1000, ChunksRead: 1, ChunksSkipped: 3, BytesRead: 2 << 20}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
