package columnar

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

var updateGolden = flag.Bool("update", false, "write a block of the present format version to testdata; one that is there stays as it is")

// TestBlockGolden reads a block of every format version that there was, and
// holds all that is in it against text.
func TestBlockGolden(t *testing.T) {
	if *updateGolden {
		inBubble(t, writeGolden)
	}
	files, err := filepath.Glob("testdata/block/v*.blk")
	if err != nil || len(files) < int(blockMagic[7]) {
		t.Fatalf("there are blocks %v, %v, and %d versions", files, err, blockMagic[7])
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".blk") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			b, err := openBytes(t, data)
			if err == nil {
				err = b.verify()
			}
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(describe(t, data), "\n")
			for i, line := range strings.Split(strings.TrimSuffix(string(want), "\n"), "\n") {
				if i >= len(got) || got[i] != line {
					t.Fatalf("line %d is\n%q, want\n%q", i+1, append(got, "")[min(i, len(got))], line)
				}
			}
		})
	}
}

// writeGolden writes a block of the present version with text that describes it.
func writeGolden(t *testing.T) {
	name := fmt.Sprintf("testdata/block/v%d", blockMagic[7])
	if _, err := os.Stat(name + ".blk"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s.blk is there already; what was released is not written again (%v)", name, err)
	}
	mem := newFSMem()
	e := openEngine(t, Options{FS: mem})
	e.mustWrite(everyFeature()...)
	e.mustSettle()
	e.mustWrite(richSpans(1, 100)[12:]...)
	e.mustSettle()
	if err := e.mergeAll(); err != nil {
		t.Fatal(err)
	}
	data := mem.read(filepath.Join(blocksDir, blockName(3)))
	err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name+".blk", data, 0o644),
		os.WriteFile(name+".txt", []byte(describe(t, data)), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

// everyFeature returns spans that have everything that a span can have, and a
// trace of values so long that it lies in two chunks.
func everyFeature() []span.Span {
	at := uint64(1_790_000_000e9)
	values := []span.Value{
		{}, span.StringValue("text"), span.StringValue(""), span.BoolValue(true), span.BoolValue(false),
		span.IntValue(math.MinInt64), span.IntValue(-1), span.IntValue(math.MaxInt64),
		span.FloatValue(-0.5), span.FloatValue(math.Inf(1)), {Type: span.Float, Num: 0x7ff8000000000001}, span.BytesValue("\x00\xff"),
		span.ArrayValue(span.IntValue(1), span.StringValue("two"), span.ArrayValue(span.BoolValue(true))),
		span.MapValue(span.KeyValue{Key: "k", Value: span.MapValue(span.KeyValue{Key: "inner", Value: span.FloatValue(1)})}),
	}
	var all []span.KeyValue
	for i, v := range values {
		all = append(all, span.KeyValue{Key: fmt.Sprintf("%s %d", v.Type, i), Value: v})
	}
	all = append(all, span.KeyValue{Key: "repeated", Value: span.IntValue(1)}, span.KeyValue{Key: "repeated", Value: span.IntValue(2)},
		span.KeyValue{Key: "repeated", Value: span.StringValue("3")}, span.KeyValue{Key: "", Value: span.StringValue("no key")})
	full := span.Span{
		TraceID: span.TraceID{0: 0xaa, 15: 1}, SpanID: span.SpanID{7: 2}, Parent: span.SpanID{7: 1}, TraceState: "a=1,b=2", Flags: 0x301,
		Name: "full", Kind: 3, Start: at, End: at + 5e6, Status: 2, Message: "it failed", Attrs: all, Dropped: span.Dropped{Attrs: 1, Events: 2, Links: math.MaxUint32},
		Events: []span.SpanEvent{{Time: at + 1, Name: "first", Attrs: all, DroppedAttrs: 3}, {Time: at - 1}, {Time: math.MaxUint64, Name: "first"}},
		Links: []span.SpanLink{{TraceID: span.TraceID{1}, SpanID: span.SpanID{2}, TraceState: "c=3", Flags: 1, Attrs: all, DroppedAttrs: 4},
			{TraceID: span.TraceID{0: 0xaa, 15: 1}, SpanID: span.SpanID{7: 1}}},
		Resource: span.SpanResource{Attrs: append([]span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}, all...), DroppedAttrs: 5,
			SchemaURL: "https://example/1", EntityRefs: "\x1a\x00"},
		Scope: span.SpanScope{Name: "lib", Version: "1.2", SchemaURL: "https://example/2", Attrs: all, DroppedAttrs: 6},
	}
	bare := span.Span{TraceID: full.TraceID, SpanID: span.SpanID{7: 1}, Start: at - 7, End: at - 9}
	strange := span.Span{TraceID: span.TraceID{15: 0xff}, SpanID: span.SpanID{0xff}, Parent: span.SpanID{0xff}, Name: "\xff\x00é", Kind: -1, Status: math.MaxInt32, End: math.MaxUint64}
	twin := strange
	twin.Name = "shares its ids"
	list := []span.Span{full, bare, strange, twin, strange}
	for i := range byte(11) { // one more than eight mebibytes end a chunk
		long := span.Span{TraceID: span.TraceID{0: 0xbb, 15: 1}, SpanID: span.SpanID{7: i + 1}, Parent: span.SpanID{7: i}, Start: at + uint64(i), End: at + 100, Name: "long"}
		long.Attrs = []span.KeyValue{{Key: "long", Value: span.StringValue(strings.Repeat(string('a'+rune(i)), 1<<20))}}
		list = append(list, long)
	}
	for i, service := range []string{"front", "pay", "front", "pay"} { // a critical path through two services, outlasted by an orphan
		s := span.Span{TraceID: span.TraceID{0: 0xcc, 15: 1}, SpanID: span.SpanID{7: byte(i + 1)}, Name: "step", Kind: int32(2 + i%2),
			Start: at + uint64(10*i)*1e6, End: at + uint64(100-10*i)*1e6, Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}}}
		if s.Parent[7] = byte(i); i == 3 {
			s.Parent[7], s.End = 0xff, at+200e6
		}
		list = append(list, s)
	}
	return list
}

// describe writes all that a block has as text.
func describe(t *testing.T, data []byte) string {
	t.Helper()
	b, err := openBytes(t, data)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	m := b.meta
	fmt.Fprintf(&out, "block %d of level %d replaces %d: %d spans of %d traces in %d chunks, log segment %d\n", m.ID, m.Level, m.Parents, m.Rows, m.Traces, m.Chunks, m.WALSegment)
	fmt.Fprintf(&out, "starts %d to %d, of traces to %d, received %d to %d\n", m.MinStart, m.MaxStart, m.MaxTrace, m.MinReceived, m.MaxReceived)
	chunks, err := b.chunkTable()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range chunks {
		fmt.Fprintf(&out, "chunk %d: %d spans of %d traces, continues %v, starts %d to %d, of traces %d to %d\n",
			i, c.rows, c.traces, c.continues, c.minStart, c.maxStart, c.minTrace, c.maxTrace)
	}
	e := openBlocks(t, data)
	defer e.Close(t.Context())
	describeNames(t, &out, e)
	var runs []store.TraceRun
	_, err = eachTrace(t.Context(), e, &store.Query{}, func(_ store.Chunk, run store.TraceRun) { runs = append(runs, run) })
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(runs, func(a, b store.TraceRun) int {
		return cmp.Or(cmp.Compare(b.Start, a.Start), bytes.Compare(b.ID[:], a.ID[:]))
	})
	for _, run := range runs {
		trace, err := e.Trace(t.Context(), testTenant, run.ID, store.TimeRange{})
		if err != nil || len(trace.Gaps) > 0 {
			t.Fatalf("trace %s: %v, %v", run.ID, trace, err)
		}
		for i := range trace.Spans.Len() {
			s := trace.Spans.Span(i)
			describeSpan(&out, &s)
		}
	}
	summaries, _ := summariesOf(t.Context(), e)
	out.WriteString("summaries\n" + strings.Join(summaries, "\n") + "\n")
	return out.String()
}

func describeNames(t *testing.T, out *strings.Builder, e *Engine) {
	t.Helper()
	var all store.TimeRange
	services, err1 := e.Services(t.Context(), testTenant, all)
	operations, err2 := e.Operations(t.Context(), testTenant, "", all)
	keys, err3 := e.AttributeKeys(t.Context(), testTenant, all)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(out, "services %q\n", services.List)
	for _, op := range operations.List {
		fmt.Fprintf(out, "operation %q of kind %d\n", op.Name, op.Kind)
	}
	for _, k := range keys.List {
		fmt.Fprintf(out, "%s key %q of type %s: %d\n", k.Scope, k.Key, k.Type, k.Count)
	}
	for _, f := range someFields {
		values, err := e.AttributeValues(t.Context(), testTenant, f, all, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values.List {
			fmt.Fprintf(out, "value of %s: %s, %d\n", f, describeValue(v.Value), v.Count)
		}
	}
}

func describeSpan(out *strings.Builder, s *span.Span) {
	fmt.Fprintf(out, "span %s of %s, parent %s, state %q, flags %#x\n", s.SpanID, s.TraceID, s.Parent, s.TraceState, s.Flags)
	fmt.Fprintf(out, "  %q kind %d, from %d to %d, status %d %q, dropped %d\n", s.Name, s.Kind, s.Start, s.End, s.Status, s.Message, s.Dropped)
	describeAttrs(out, s.Attrs)
	for _, e := range s.Events {
		fmt.Fprintf(out, "  event %d %q, dropped %d\n", e.Time, e.Name, e.DroppedAttrs)
		describeAttrs(out, e.Attrs)
	}
	for _, l := range s.Links {
		fmt.Fprintf(out, "  link %s of %s, state %q, flags %#x, dropped %d\n", l.SpanID, l.TraceID, l.TraceState, l.Flags, l.DroppedAttrs)
		describeAttrs(out, l.Attrs)
	}
	fmt.Fprintf(out, "  resource %q %q, dropped %d\n", s.Resource.SchemaURL, s.Resource.EntityRefs, s.Resource.DroppedAttrs)
	describeAttrs(out, s.Resource.Attrs)
	fmt.Fprintf(out, "  scope %q %q %q, dropped %d\n", s.Scope.Name, s.Scope.Version, s.Scope.SchemaURL, s.Scope.DroppedAttrs)
	describeAttrs(out, s.Scope.Attrs)
}

func describeAttrs(out *strings.Builder, list []span.KeyValue) {
	for _, kv := range list {
		fmt.Fprintf(out, "    %q: %s\n", kv.Key, describeValue(kv.Value))
	}
}

func describeValue(v span.Value) string {
	switch {
	case len(v.Str) > 200:
		return fmt.Sprintf("%s %.20q… of %d bytes, SHA-256 %x", v.Type, v.Str, len(v.Str), sha256.Sum256([]byte(v.Str)))
	case v.Type.InDict():
		return fmt.Sprintf("%s %q", v.Type, v.Str)
	case v.Type == span.Float:
		return fmt.Sprintf("float %v, %#x", v.Float(), v.Num)
	}
	return fmt.Sprintf("%s %d", v.Type, int64(v.Num))
}
