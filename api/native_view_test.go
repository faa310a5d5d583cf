package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/traceql"
)

func readView(t *testing.T, h http.Handler, path string) *TraceView {
	t.Helper()
	v := &TraceView{}
	if err := json.Unmarshal(getOK(t, h, path), v); err != nil {
		t.Fatal(err)
	}
	return v
}

// int32s returns the numbers of a column.
func int32s(c Column) (list []int32) {
	for i := range len(c) / 4 {
		list = append(list, c.Int32(i))
	}
	return list
}

// viewText writes a view out so that it can be read.
func viewText(v *TraceView) []byte {
	var b strings.Builder
	root := "none"
	if v.Root != nil {
		root = v.Root.Service + " " + v.Root.Name
	}
	fmt.Fprintf(&b, "trace %s, view %s: %d spans in %d ns from %d, root %s, stands for %v\n",
		v.TraceID, v.View, v.SpanCount, v.DurationNanos, v.StartUnixNano, root, v.AdjustedCount)
	s := &v.Spans
	fmt.Fprintf(&b, "%3s %-16s %6s %5s %12s %12s %12s %12s %14s\n", "row", "id", "parent", "below", "start", "duration", "self", "critical", "flags")
	for row := range v.SpanCount {
		fmt.Fprintf(&b, "%3d %x %6d %5d %12.0f %12.0f %12.0f %12.0f %014b %s%s %s\n", row, []byte(s.ID[8*row:8*row+8]), s.Parent.Int32(row), s.Descendants.Int32(row),
			s.Start.Float64(row), s.Duration.Float64(row), s.Self.Float64(row), s.Critical.Float64(row), s.Flags.Uint16(row),
			strings.Repeat("  ", int(s.Depth.Uint16(row))), v.Strings[s.Service.Int32(row)], v.Strings[s.Name.Int32(row)])
	}
	fmt.Fprintln(&b, "critical path")
	for i, row := range int32s(v.CriticalPath.Row) {
		fmt.Fprintf(&b, "%3d %12.0f %12.0f\n", row, v.CriticalPath.Start.Float64(i), v.CriticalPath.End.Float64(i))
	}
	fmt.Fprintln(&b, "events")
	for i, row := range int32s(v.Events.Row) {
		fmt.Fprintf(&b, "%3d %12.0f %d %s\n", row, v.Events.At.Float64(i), v.Events.Exception[i], v.Strings[v.Events.Name.Int32(i)])
	}
	for _, part := range []any{v.Services, v.Errors, v.Skew, v.Warnings, v.Gaps} {
		text, _ := json.MarshalIndent(part, "", " ")
		fmt.Fprintf(&b, "%s\n", text)
	}
	return []byte(b.String())
}

func TestViewGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	v := readView(t, h, "/api/clew/v1/traces/"+traceWhole+"/view")
	golden(t, "native_view.txt", viewText(v))
	if again := readView(t, h, "/api/clew/v1/traces/"+traceWhole+"/view?view="+v.View); again.View != v.View {
		t.Errorf("the view %s of a trace that did not change becomes %s", v.View, again.View)
	}
}

// TestViewLimits: of very many events the first come, and of very many values the most frequent.
func TestViewLimits(t *testing.T) {
	s := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}, Start: 1000, End: 2000}
	for i := range maxViewEvents + 1 {
		s.Events = append(s.Events, span.SpanEvent{Name: "late", Time: uint64(1000 + maxViewEvents - i)})
	}
	s.Events[maxViewEvents].Name = "early"
	b := batchOf(s)
	for i := range analyze.MaxValues {
		one := span.Span{TraceID: s.TraceID, SpanID: span.SpanID{3: 1, 4: byte(i >> 16), 5: byte(i >> 8), 6: byte(i)}, Name: "same", Start: 3000, End: 3000}
		b.Append(&one)
	}
	v := newView([]string{"a"}, "", analyze.NewTrace(b), nil)
	var text bytes.Buffer
	if err := writeView(&text, v, nil); err != nil {
		t.Fatal(err)
	}
	var answer TraceView
	if err := json.Unmarshal(text.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if n := len(answer.Events.Exception); !answer.EventsTruncated || n != maxViewEvents || answer.Strings[answer.Events.Name.Int32(0)] != "early" {
		t.Errorf("%d events, truncated %t", n, answer.EventsTruncated)
	}
	ids, err := traceql.ParseAttribute("span:id")
	if err != nil {
		t.Fatal(err)
	}
	found, err := v.trace.Column(t.Context(), ids)
	if err != nil || !found.More || len(found.Values) != analyze.MaxValues || slices.Max(found.Codes) != math.MaxUint32 || slices.Min(found.Codes) == 0 {
		t.Errorf("%v: %d values of %d rows, more %t", err, len(found.Values), len(found.Codes), found.More)
	}
}
