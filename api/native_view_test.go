package api

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
)

// viewAnswer is a view as a client reads it.
type viewAnswer struct {
	ViewHead
	Strings []string
	Spans   struct {
		ID, Parent, Descendants, Depth, Start, Duration, Self, Critical, Name, Service, Flags []byte
	}
	CriticalPath    struct{ Row, Start, End []byte }
	Events          struct{ Row, At, Name, Exception []byte }
	EventsTruncated bool
	Services        []ViewService
	Errors          []ViewError
	ErrorOrigins    int
	Skew            []ViewSkew
	Warnings        []ViewWarning
	Gaps            []string
}

func readView(t *testing.T, h http.Handler, path string) *viewAnswer {
	t.Helper()
	v := &viewAnswer{}
	if err := json.Unmarshal(getOK(t, h, path), v); err != nil {
		t.Fatal(err)
	}
	return v
}

func uint16s(b []byte) (list []uint16) {
	for ; len(b) > 0; b = b[2:] {
		list = append(list, binary.LittleEndian.Uint16(b))
	}
	return list
}

func int32s(b []byte) (list []int32) {
	for ; len(b) > 0; b = b[4:] {
		list = append(list, int32(binary.LittleEndian.Uint32(b)))
	}
	return list
}

func float64s(b []byte) (list []float64) {
	for ; len(b) > 0; b = b[8:] {
		list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return list
}

// text writes a view out so that it can be read.
func (v *viewAnswer) text() []byte {
	var b strings.Builder
	root := "none"
	if v.Root != nil {
		root = v.Root.Service + " " + v.Root.Name
	}
	fmt.Fprintf(&b, "trace %s, view %s: %d spans in %d ns from %d, root %s, stands for %v\n",
		v.TraceID, v.View, v.SpanCount, v.DurationNanos, v.StartUnixNano, root, v.AdjustedCount)
	parent, below, depth := int32s(v.Spans.Parent), int32s(v.Spans.Descendants), uint16s(v.Spans.Depth)
	start, duration := float64s(v.Spans.Start), float64s(v.Spans.Duration)
	self, critical := float64s(v.Spans.Self), float64s(v.Spans.Critical)
	name, service, flags := int32s(v.Spans.Name), int32s(v.Spans.Service), uint16s(v.Spans.Flags)
	fmt.Fprintf(&b, "%3s %-16s %6s %5s %12s %12s %12s %12s %14s\n", "row", "id", "parent", "below", "start", "duration", "self", "critical", "flags")
	for row := range v.SpanCount {
		fmt.Fprintf(&b, "%3d %x %6d %5d %12.0f %12.0f %12.0f %12.0f %014b %s%s %s\n", row, v.Spans.ID[8*row:8*row+8], parent[row], below[row],
			start[row], duration[row], self[row], critical[row], flags[row], strings.Repeat("  ", int(depth[row])), v.Strings[service[row]], v.Strings[name[row]])
	}
	fmt.Fprintln(&b, "critical path")
	from, to := float64s(v.CriticalPath.Start), float64s(v.CriticalPath.End)
	for i, row := range int32s(v.CriticalPath.Row) {
		fmt.Fprintf(&b, "%3d %12.0f %12.0f\n", row, from[i], to[i])
	}
	fmt.Fprintln(&b, "events")
	at, names := float64s(v.Events.At), int32s(v.Events.Name)
	for i, row := range int32s(v.Events.Row) {
		fmt.Fprintf(&b, "%3d %12.0f %d %s\n", row, at[i], v.Events.Exception[i], v.Strings[names[i]])
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
	golden(t, "native_view.txt", v.text())
	if again := readView(t, h, "/api/clew/v1/traces/"+traceWhole+"/view?view="+v.View); again.View != v.View {
		t.Errorf("the view %s of a trace that did not change becomes %s", v.View, again.View)
	}
}
