package columnar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
	"github.com/clewhq/clew/store/storetest"
)

// richSpans returns spans that make a block use every kind of section and
// piece: random ones, and n that are alike but for values that are new each time.
func richSpans(seed uint64, n int) []span.Span {
	spans := someSpans(seed, 12)
	for i := range n {
		s := oneSpan(byte(i/4), time.Unix(1_790_000_000, int64(i)*1e6))
		s.SpanID[0] = byte(i)
		s.Attrs = []span.KeyValue{
			{Key: "text", Value: span.StringValue(fmt.Sprintf("value %d of the text", i*i))},
			{Key: "uuid", Value: span.StringValue(fmt.Sprintf("%08x-0000-4000-8000-%012x", i*7919, i))},
			{Key: "few", Value: span.StringValue([]string{"one", "two", "three"}[i%3])},
			{Key: "number", Value: span.IntValue(int64(i * i * i))},
			{Key: "constant", Value: span.IntValue(42)},
			{Key: "ratio", Value: span.FloatValue(float64(i) / 3)},
			{Key: "nothing", Value: span.Value{}},
		}
		spans = append(spans, s)
	}
	return spans
}

// blockFile returns the bytes of a block with spans.
func blockFile(t testing.TB, spans []span.Span) []byte {
	t.Helper()
	mem := newFSMem()
	e := openEngine(t, Options{FS: mem})
	e.mustWrite(spans...)
	e.mustSettle()
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return mem.read(filepath.Join(blocksDir, blockName(1)))
}

// openBytes opens a block file that is in memory.
func openBytes(t testing.TB, data []byte) (*block, error) {
	mem := newFSMem()
	mem.put("/x/"+blockName(1), data)
	b, err := openBlock(mem, "/x/"+blockName(1), newCache(1<<20))
	if err == nil {
		t.Cleanup(b.release)
	}
	return b, err
}

// section is a part of a block file.
type section struct {
	kind string
	location
}

// sections returns all parts of a block file, by place.
func sections(t testing.TB, b *block) (list []section) {
	t.Helper()
	add := func(kind string, l location) {
		if l.len > 0 {
			list = append(list, section{kind, l})
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add("magic", location{0, uint32(len(blockMagic))})
	m := &b.meta
	for kind, l := range map[string]location{"table of chunks": m.chunks, "shapes": m.shapes, "resources and scopes": m.tables,
		"directory": m.directory, "catalog": m.catalog, "trace index": m.traceIndex} {
		add(kind, l)
	}
	x, err := b.traceIndex()
	must(err)
	for _, page := range x.pages {
		add("page of the trace index", page)
	}
	chunks, err := b.chunkTable()
	must(err)
	for _, c := range chunks {
		add("pieces of a chunk", c.pieces)
	}
	d, err := b.directory()
	must(err)
	for num := range d.keys {
		add("column index", d.where[num])
		add("dictionary", d.dicts[num])
		add("filters", d.filters[num])
		c, err := b.column(uint32(num))
		must(err)
		if c == nil {
			continue
		}
		encs := map[encoding]string{encInts: "numbers", encStrings: "strings", encNone: "nothing", encID8: "ids", encID16: "ids"}
		for _, p := range c.pieces {
			kind := encs[c.enc]
			if p.mode == pieceLocal {
				kind += " of their own"
			}
			add("piece of "+kind, location{p.off, p.len})
		}
	}
	slices.SortFunc(list, func(a, b section) int { return int(a.off) - int(b.off) })
	last := list[len(list)-1]
	end := last.off + uint64(last.len)
	add("footer", location{end, uint32(uint64(b.size) - trailerSize - end)})
	add("trailer", location{uint64(b.size) - trailerSize, trailerSize})
	return list
}

// everyKind are the kinds of sections that a block can have.
var everyKind = []string{"catalog", "column index", "dictionary", "directory", "filters", "footer", "magic",
	"page of the trace index", "piece of ids", "piece of numbers", "piece of strings", "piece of strings of their own", "pieces of a chunk",
	"resources and scopes", "shapes", "table of chunks", "trace index", "trailer"}

// TestBlockSections: each byte of a block belongs to exactly one section, and
// the blocks that these tests damage have a section of every kind.
func TestBlockSections(t *testing.T) {
	b, err := openBytes(t, blockFile(t, richSpans(1, 100)))
	if err != nil {
		t.Fatal(err)
	}
	at := uint64(0)
	kinds := map[string]bool{}
	for _, s := range sections(t, b) {
		if s.off != at {
			t.Errorf("the section before %s at %d ends at %d", s.kind, s.off, at)
		}
		at = s.off + uint64(s.len)
		kinds[s.kind] = true
	}
	if at != uint64(b.size) {
		t.Errorf("sections end at %d of %d", at, b.size)
	}
	for _, kind := range everyKind {
		if !kinds[kind] {
			t.Errorf("there is no section of the kind %q", kind)
		}
		delete(kinds, kind)
	}
	if len(kinds) > 0 {
		t.Errorf("there are sections of other kinds: %v", kinds)
	}
	if err := b.verify(); err != nil {
		t.Error(err)
	}
}

// victim is a block file that is to be damaged.
type victim struct {
	name  string
	spans []span.Span
	data  []byte
	ends  bool // flip bits of every section, at its ends and within; else one of each byte
}

// exhaustiveVar, if it is set, makes these tests flip a bit of every byte.
const exhaustiveVar = "CLEW_TEST_EXHAUSTIVE"

func victims(t *testing.T) []victim {
	small, rich := someSpans(3, 1), richSpans(1, 100)
	return []victim{
		{"a small block", small, blockFile(t, small), false},
		{"a rich block", rich, blockFile(t, rich), os.Getenv(exhaustiveVar) == ""},
	}
}

// flip calls f with one bit after another flipped.
func (v *victim) flip(t *testing.T, f func(data []byte, what string)) {
	rnd := rand.New(rand.NewPCG(1, 2))
	flip := func(at uint64, what string) {
		mask := byte(1) << rnd.IntN(8)
		v.data[at] ^= mask
		f(v.data, fmt.Sprintf("byte %d ^ %#x of %s", at, mask, what))
		v.data[at] ^= mask
	}
	if !v.ends {
		for at := range v.data {
			flip(uint64(at), v.name)
		}
		return
	}
	b, err := openBytes(t, v.data)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, s := range sections(t, b) {
		if seen[s.kind]++; seen[s.kind] > 6 {
			continue // enough of that kind
		}
		for _, at := range []uint64{0, 1, uint64(s.len) / 2, uint64(rnd.IntN(int(s.len))), uint64(s.len) - 1} {
			flip(s.off+at, v.name+", "+s.kind)
		}
	}
}

// TestVerifyFindsFlippedBits: whichever bit of a block is flipped, verify says so.
func TestVerifyFindsFlippedBits(t *testing.T) {
	for _, v := range victims(t) {
		v.flip(t, func(data []byte, what string) {
			b, err := openBytes(t, data)
			if err == nil {
				err = b.verify()
			}
			if err == nil {
				t.Errorf("%s is flipped, and not found", what)
			}
		})
	}
}

// TestVerifyComparesCounts: what a block says of itself has to be so.
func TestVerifyComparesCounts(t *testing.T) {
	data := blockFile(t, richSpans(1, 100))
	for name, change := range map[string]func(b *block) error{
		"rows":   func(b *block) error { b.meta.Rows++; return nil },
		"traces": func(b *block) error { b.meta.Traces--; return nil },
		"values of a column": func(b *block) error {
			d, err := b.directory()
			d.totals[colKind]++
			return err
		},
		"rows of a chunk": func(b *block) error {
			chunks, err := b.chunkTable()
			chunks[0].traces++
			return err
		},
		"index of traces": func(b *block) error {
			x, err := b.traceIndex()
			x.first[0]++
			return err
		},
		"filters": func(b *block) error {
			d, err := b.directory()
			for num := range d.keys {
				c, err := b.column(uint32(num))
				if err != nil || c == nil || d.filters[num].len == 0 {
					continue
				}
				list, err := b.filters(c)
				if err != nil {
					return err
				}
				if list[0] != nil {
					clear(list[0].Fingerprints)
					return nil
				}
			}
			return errors.Join(err, errors.New("there is no filter"))
		},
	} {
		b, err := openBytes(t, data)
		if err == nil {
			err = change(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := b.verify(); !errors.Is(err, colenc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// question is something to ask a store.
type question struct {
	name string
	// ask returns the answer in lines, one for each thing that is counted, and whether it says that it is not the whole one.
	ask func(ctx context.Context, r store.Reader) (lines []string, partial bool)
}

// questions ask for everything in a store, in every way.
func questions(ids []span.TraceID, fields []store.Field) (list []question) {
	for _, id := range ids {
		list = append(list, question{"trace " + id.String(), func(ctx context.Context, r store.Reader) (lines []string, partial bool) {
			trace, err := r.Trace(ctx, testTenant, id, store.TimeRange{})
			if err != nil {
				return nil, err != store.ErrNotFound
			}
			for i := range trace.Spans.Len() {
				lines = append(lines, spanText(trace.Spans, i))
			}
			return lines, len(trace.Gaps) > 0
		}})
	}
	list = append(list, scanFor("all", nil, fields...))
	for _, f := range fields {
		list = append(list, valuesOf(f), scanFor(f.String()+" exists", store.Exists{Field: f}))
		for _, v := range []span.Value{span.StringValue("value 25 of the text"), span.StringValue("two"), span.IntValue(42), span.FloatValue(2)} {
			equal, greater := store.Compare{Field: f, Op: store.Equal, Value: v}, store.Compare{Field: f, Op: store.Greater, Value: v}
			list = append(list, scanFor(equal.String(), equal), scanFor("not "+greater.String(), store.Not{P: greater}, f))
		}
	}
	list = append(list, question{"summaries", summariesOf})
	return append(list, names()...)
}

func summariesOf(ctx context.Context, r store.Reader) (lines []string, partial bool) {
	var mu sync.Mutex
	result, err := r.Scan(ctx, testTenant, &store.Query{}, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		if all := store.Summaries(c); c.Err() == nil {
			for i, t := range c.Traces() {
				s := all[i]
				lines = append(lines, fmt.Sprintf("%s: %+v end %d critical %d", t.ID, *s.Pattern, s.End, s.Critical))
			}
		}
		return nil
	})
	slices.Sort(lines)
	return lines, err != nil || len(result.Gaps) > 0
}

// scanFor asks for the spans on which p holds, with the values of fields.
func scanFor(name string, p store.Predicate, fields ...store.Field) question {
	return question{"scan for " + name, func(ctx context.Context, r store.Reader) (lines []string, partial bool) {
		q := store.Query{Needs: []store.Predicate{p}, Where: []store.Predicate{p}, Columns: fields}
		var mu sync.Mutex
		result, err := r.Scan(ctx, testTenant, &q, func(_ int, c store.Chunk) error {
			mu.Lock()
			defer mu.Unlock()
			if found := rowsWhere(c, fields); c.Err() == nil {
				lines = append(lines, found...)
			}
			return nil
		})
		slices.Sort(lines)
		return lines, err != nil || len(result.Gaps) > 0
	}}
}

// rowsWhere has a line for each row on which the predicate of the query holds.
func rowsWhere(c store.Chunk, fields []store.Field) (lines []string) {
	rows := c.Where(0)
	for _, t := range c.Traces() {
		for i := rows.Next(t.Lo); i >= 0 && i < t.Hi; i = rows.Next(i + 1) {
			line := fmt.Sprintf("%s from %d: %s %d %d", t.ID, t.Start, c.SpanIDs()[i], c.Starts()[i], c.Ends()[i])
			for _, f := range fields {
				v, ok := c.Column(f).Value(i)
				line += fmt.Sprintf(" %#v %v", v, ok)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func valuesOf(f store.Field) question {
	return question{"values of " + f.String(), func(ctx context.Context, r store.Reader) (lines []string, partial bool) {
		values, err := r.AttributeValues(ctx, testTenant, f, store.TimeRange{}, 0)
		return listed(values, err, func(v store.ValueCount) []string { return counted(fmt.Sprintf("%#v", v.Value), v.Count) })
	}}
}

// names asks for services, operations and keys.
func names() []question {
	return []question{
		{"services", func(ctx context.Context, r store.Reader) (lines []string, partial bool) {
			services, err := r.Services(ctx, testTenant, store.TimeRange{})
			return listed(services, err, func(name string) []string { return []string{name} })
		}},
		{"operations", func(ctx context.Context, r store.Reader) (lines []string, partial bool) {
			ops, err := r.Operations(ctx, testTenant, "", store.TimeRange{})
			return listed(ops, err, func(op store.Operation) []string { return []string{fmt.Sprintf("%#v", op)} })
		}},
		{"keys", func(ctx context.Context, r store.Reader) (lines []string, partial bool) {
			keys, err := r.AttributeKeys(ctx, testTenant, store.TimeRange{})
			return listed(keys, err, func(k store.AttributeKey) []string {
				return counted(fmt.Sprintf("%s %q %s", k.Scope, k.Key, k.Type), k.Count)
			})
		}},
	}
}

// counted repeats a line, but not as often as damage may make one believe.
func counted(line string, n uint64) []string { return slices.Repeat([]string{line}, int(min(n, 1000))) }

// listed has the lines of a listing. Damage is no error: that makes a line which is never right.
func listed[T any](answer *store.Listing[T], err error, linesOf func(T) []string) (lines []string, partial bool) {
	if err != nil {
		return []string{"error: " + err.Error()}, true
	}
	for _, v := range answer.List {
		lines = append(lines, linesOf(v)...)
	}
	return lines, len(answer.Gaps) > 0
}

// someFields are of every scope, and of columns of every type.
var someFields = []store.Field{
	store.Attr(store.SpanScope, "text"), store.Attr(store.SpanScope, "uuid"), store.Attr(store.SpanScope, "few"),
	store.Attr(store.SpanScope, "number"), store.Attr(store.SpanScope, "ratio"), store.Attr(store.SpanScope, "nothing"),
	store.Attr(store.AnyScope, "service.name"), store.Attr(store.EventScope, "k"), store.Attr(store.LinkScope, "k"), store.Attr(store.InstrumentationScope, "k"),
	store.Of(store.Name), store.Of(store.Duration), store.Of(store.StatusMessage), store.Of(store.Flags), store.Of(store.EventName),
	store.Of(store.LinkSpanID), store.Of(store.ParentID),
}

// TestReadsOfFlippedBits: an answer from a block in which a bit is flipped is
// right, or it says that something is missing and holds nothing that is wrong.
// What is not in that block is answered as ever.
func TestReadsOfFlippedBits(t *testing.T) {
	elsewhere := oneSpan(77, time.Now())
	other := blockFile(t, []span.Span{elsewhere})
	rnd := rand.New(rand.NewPCG(1, 3))
	for _, v := range victims(t) {
		ids := []span.TraceID{}
		for _, s := range v.spans {
			ids = append(ids, s.TraceID)
		}
		all := questions(ids, someFields)
		all = append(all, questions([]span.TraceID{elsewhere.TraceID}, nil)[0])
		right := answersOf(t, all, v.data, other)
		partials, n := 0, 0
		v.flip(t, func(data []byte, what string) {
			if n++; !v.ends && n%8 > 0 {
				return
			}
			e := openBlocks(t, data, other)
			for range 10 {
				i := rnd.IntN(len(all))
				lines, partial := all[i].ask(t.Context(), e)
				if err := compareAnswers(lines, right[i], partial); err != nil {
					t.Errorf("%s is flipped: %s: %v", what, all[i].name, err)
				}
				if partial {
					partials++
				}
			}
			last := len(all) - 1
			if lines, _ := all[last].ask(t.Context(), e); !slices.Equal(lines, right[last]) {
				t.Errorf("%s is flipped: a trace in another block: %q", what, lines)
			}
			if err := e.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
		if partials == 0 || len(right[len(all)-1]) != 1 {
			t.Errorf("%d answers of %s are partial, %q", partials, v.name, right[len(all)-1])
		}
	}
}

// answersOf asks an engine with the given blocks.
func answersOf(t testing.TB, list []question, files ...[]byte) [][]string {
	t.Helper()
	e := openBlocks(t, files...)
	defer e.Close(context.Background())
	var answers [][]string
	for _, q := range list {
		lines, partial := q.ask(context.Background(), e)
		if partial {
			t.Fatalf("%s of sound blocks is answered in part", q.name)
		}
		answers = append(answers, lines)
	}
	return answers
}

// openBlocks opens an engine with the given block files.
func openBlocks(t testing.TB, files ...[]byte) *Engine {
	t.Helper()
	mem := newFSMem()
	if err := mem.MkdirAll(blocksDir, 0o750); err != nil {
		t.Fatal(err)
	}
	for i, data := range files {
		mem.put(filepath.Join(blocksDir, blockName(uint64(i+1))), data)
	}
	e, err := Open(Options{FS: mem, Dir: "/data", Decode: storetest.DecodeSpans, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// compareAnswers says what is wrong about an answer: one that is partial may lack lines.
func compareAnswers(got, want []string, partial bool) error {
	if slices.Equal(got, want) {
		return nil
	}
	if !partial {
		return fmt.Errorf("%d lines instead of %d, or others, and nothing said about it", len(got), len(want))
	}
	left := map[string]int{}
	for _, line := range want {
		left[line]++
	}
	for _, line := range got {
		if left[line]--; left[line] < 0 {
			return fmt.Errorf("wrong line %.500s", line)
		}
	}
	return nil
}

// silent is a store that does not tell of gaps in its listings.
type silent struct{ store.Reader }

func withoutGaps[T any](answer *store.Listing[T], err error) (*store.Listing[T], error) {
	if err == nil {
		answer.Gaps = nil
	}
	return answer, err
}

func (s silent) Services(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[string], error) {
	return withoutGaps(s.Reader.Services(ctx, tenant, r))
}

func (s silent) Operations(ctx context.Context, tenant, service string, r store.TimeRange) (*store.Listing[store.Operation], error) {
	return withoutGaps(s.Reader.Operations(ctx, tenant, service, r))
}

func (s silent) AttributeKeys(ctx context.Context, tenant string, r store.TimeRange) (*store.Listing[store.AttributeKey], error) {
	return withoutGaps(s.Reader.AttributeKeys(ctx, tenant, r))
}

func (s silent) AttributeValues(ctx context.Context, tenant string, f store.Field, r store.TimeRange, limit int) (*store.Listing[store.ValueCount], error) {
	return withoutGaps(s.Reader.AttributeValues(ctx, tenant, f, r, limit))
}

// TestListingsOfDamagedBlocks: a listing has what the other blocks have, and says what it lacks, whether the
// block was set aside when the store opened or is found damaged now. These checks find a store that does not say so.
func TestListingsOfDamagedBlocks(t *testing.T) {
	few, name := valuesOf(store.Attr(store.SpanScope, "few")), valuesOf(store.Of(store.Name))
	all := append(names(), few, name)
	hit, sound := blockFile(t, richSpans(1, 100)), blockFile(t, richSpans(2, 8))
	whole, rest := answersOf(t, all, hit, sound), answersOf(t, all, sound)
	b, err := openBytes(t, hit)
	if err != nil {
		t.Fatal(err)
	}
	parts := sections(t, b)
	for kind, hurt := range map[string][]string{
		"footer":               {"services", "operations", "keys", few.name, name.name},
		"catalog":              {"services", "operations"},
		"resources and scopes": {"keys"},
		"directory":            {"keys", few.name, name.name},
	} {
		at := parts[slices.IndexFunc(parts, func(s section) bool { return s.kind == kind })]
		bad := slices.Clone(hit)
		bad[at.off+uint64(at.len)/2] ^= 4
		e := openBlocks(t, bad, sound)
		for i, q := range all {
			want := whole[i]
			if slices.Contains(hurt, q.name) {
				want = rest[i]
			}
			lines, partial := q.ask(t.Context(), e)
			if !slices.Equal(lines, want) || partial != slices.Contains(hurt, q.name) {
				t.Errorf("damaged %s, %s: %d lines, want %d; partial %v", kind, q.name, len(lines), len(want), partial)
			}
			lines, partial = q.ask(t.Context(), silent{e})
			if err := compareAnswers(lines, whole[i], partial); (err != nil) != slices.Contains(hurt, q.name) {
				t.Errorf("damaged %s, %s: a store that does not tell of gaps is judged %v", kind, q.name, err)
			}
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
