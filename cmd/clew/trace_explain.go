package main

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/api"
)

// traceView is a view of a trace that the server sent.
type traceView struct{ api.TraceView }

// rowSpan names the span of a row.
type rowSpan struct {
	SpanID  string `json:"spanId"`
	Service string `json:"service"`
	Name    string `json:"name"`
}

func (v *traceView) span(row int32) rowSpan {
	r := int(row)
	return rowSpan{
		hex.EncodeToString(v.Spans.ID[8*r : 8*r+8]), v.Strings[v.Spans.Service.Int32(r)], v.Strings[v.Spans.Name.Int32(r)],
	}
}

func (v *traceView) failed(row int32) bool {
	return analyze.Flags(v.Spans.Flags.Uint16(int(row)))&(analyze.ErrorOrigin|analyze.ErrorWay) != 0
}

// pathAnswer is the critical path as --json prints it.
type pathAnswer struct {
	TraceID       string          `json:"traceId"`
	DurationNanos int64           `json:"durationNanos"`
	PathNanos     int64           `json:"pathNanos"`
	Operations    []pathOperation `json:"operations"`
	Segments      []pathSegment   `json:"segments"`
}

// pathOperation is what the spans of one service and name have of the path.
type pathOperation struct {
	Service   string  `json:"service"`
	Name      string  `json:"name"`
	Spans     int     `json:"spans"`
	PathNanos int64   `json:"pathNanos"`
	Share     float64 `json:"share"`
}

// pathSegment is a part of the path.
type pathSegment struct {
	rowSpan
	AfterNanos    int64 `json:"afterNanos"`
	DurationNanos int64 `json:"durationNanos"`
	failed        bool
}

func (v *traceView) criticalPath() *pathAnswer {
	p := &pathAnswer{TraceID: v.TraceID, DurationNanos: v.DurationNanos, Operations: []pathOperation{}, Segments: []pathSegment{}}
	type key struct{ service, name string }
	place := map[key]int{}
	seen := map[int32]bool{}
	for i := range len(v.CriticalPath.Row) / 4 {
		row := v.CriticalPath.Row.Int32(i)
		s := pathSegment{rowSpan: v.span(row), AfterNanos: int64(v.CriticalPath.Start.Float64(i)), failed: v.failed(row)}
		s.DurationNanos = int64(v.CriticalPath.End.Float64(i)) - s.AfterNanos
		p.Segments = append(p.Segments, s)
		p.PathNanos += s.DurationNanos
		k := key{s.Service, s.Name}
		at, ok := place[k]
		if !ok {
			at = len(p.Operations)
			place[k] = at
			p.Operations = append(p.Operations, pathOperation{Service: s.Service, Name: s.Name})
		}
		p.Operations[at].PathNanos += s.DurationNanos
		if !seen[row] {
			p.Operations[at].Spans++
		}
		seen[row] = true
	}
	for i := range p.Operations {
		p.Operations[i].Share = float64(p.Operations[i].PathNanos) / math.Max(1, float64(p.PathNanos))
	}
	slices.SortStableFunc(p.Operations, func(a, b pathOperation) int { return cmp.Compare(b.PathNanos, a.PathNanos) })
	return p
}

// drawHead writes what a trace is; drawn says of what more there is.
func (v *traceView) drawHead(buf *bufio.Writer, out screen, name, text string) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(buf, "%-14s%s\n", name, fmt.Sprintf(format, args...))
	}
	line("trace", "%s", printable(v.TraceID))
	line("start", "%s", out.time(v.StartUnixNano).Format("2006-01-02 15:04:05.000000 MST"))
	line("duration", "%s", formatDuration(time.Duration(v.DurationNanos)))
	line("spans", "%s of %s", counted(v.SpanCount, "span"), counted(len(v.Services), "service"))
	line(name, "%s", text)
	for _, gap := range v.Gaps {
		line("partial", "spans may be missing: %s", printable(gap))
	}
}

const shareWidth = 6 // of "100.0%"

// maxPathOperations is how many operations are told of before the segments.
const maxPathOperations = 20

// drawPath writes who has how much of the critical path, and then the path itself.
func (v *traceView) drawPath(out screen, limit int) error {
	p := v.criticalPath()
	buf := bufio.NewWriter(out)
	v.drawHead(buf, out, "critical path", fmt.Sprintf("%s in %s", formatDuration(time.Duration(p.PathNanos)), counted(len(p.Segments), "segment")))
	if len(p.Segments) == 0 {
		return buf.Flush()
	}
	drawPathOperations(buf, out, p.Operations)
	drawPathSegments(buf, out, p, limit)
	return buf.Flush()
}

func drawPathOperations(buf *bufio.Writer, out screen, operations []pathOperation) {
	shown := operations[:min(len(operations), maxPathOperations)]
	room := out.width - (numberWidth + 1) - (shareWidth + 1) - (numberWidth + 1) - 1
	label, bar := shareRoom(room, func(yield func(string)) {
		for _, o := range shown {
			yield(title(o.Service, o.Name))
		}
	})
	fmt.Fprintf(buf, "\n%s %*s %*s %*s\n", fit("OPERATION", label), numberWidth, "SPANS", numberWidth, "ON PATH", shareWidth, "SHARE")
	for _, o := range shown {
		fmt.Fprintf(buf, "%s %*s %*s %*s", fit(title(o.Service, o.Name), label), numberWidth, grouped(o.Spans),
			numberWidth, formatDuration(time.Duration(o.PathNanos)), shareWidth, percent(o.Share))
		if n := int(o.Share*float64(bar) + 0.5); n > 0 {
			fmt.Fprint(buf, " "+out.dim(strings.Repeat("█", n)))
		}
		fmt.Fprintln(buf)
	}
	if rest := operations[len(shown):]; len(rest) > 0 {
		share := 0.0
		for _, o := range rest {
			share += o.Share
		}
		fmt.Fprintf(buf, "%s more have %s\n", grouped(len(rest)), percent(share))
	}
}

func drawPathSegments(buf *bufio.Writer, out screen, p *pathAnswer, limit int) {
	shown := p.Segments
	if limit > 0 {
		shown = shown[:min(len(shown), limit)]
	}
	room := out.width - 2*(numberWidth+1) - 1
	label, bar := shareRoom(room, func(yield func(string)) {
		for _, s := range shown {
			yield(segmentLabel(&s))
		}
	})
	fmt.Fprintf(buf, "\n%s %*s %*s\n", fit("SEGMENT", label), numberWidth, "AFTER", numberWidth, "TOOK")
	scale := float64(bar) / math.Max(1, float64(p.DurationNanos))
	for _, s := range shown {
		text := fit(segmentLabel(&s), label)
		if s.failed {
			text = out.red(text)
		}
		from := min(int(float64(s.AfterNanos)*scale), bar-1)
		width := float64(s.DurationNanos) * scale
		mark := "▏"
		if width >= 0.5 {
			mark = strings.Repeat("█", min(max(1, int(width+0.5)), bar-from))
		}
		fmt.Fprintf(buf, "%s %*s %*s %s%s\n", text, numberWidth, formatDuration(time.Duration(s.AfterNanos)),
			numberWidth, formatDuration(time.Duration(s.DurationNanos)), strings.Repeat(" ", from), mark)
	}
	if hidden := len(p.Segments) - len(shown); hidden > 0 {
		fmt.Fprintf(buf, "\n%s not drawn; --limit sets how many are\n", counted(hidden, "more segment"))
	}
}

func segmentLabel(s *pathSegment) string {
	if s.failed {
		return "✗ " + title(s.Service, s.Name)
	}
	return title(s.Service, s.Name)
}

// shareRoom divides columns between labels, as wide as the widest if that leaves a third, and a bar.
func shareRoom(room int, labels func(yield func(string))) (label, bar int) {
	room = max(room, minLabel+minBar)
	label = minLabel
	labels(func(text string) { label = max(label, runewidth.StringWidth(text)) })
	label = min(label, room-max(minBar, room/3))
	return label, room - label
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// failureAnswer is where errors began as --json prints it.
type failureAnswer struct {
	TraceID string         `json:"traceId"`
	Origins int            `json:"origins"`
	Errors  []traceFailure `json:"errors"`
}

// traceFailure is where an error began, and its way up.
type traceFailure struct {
	rowSpan
	Message    string       `json:"message"`
	AfterNanos int64        `json:"afterNanos"`
	Count      int          `json:"count"`
	Way        []failureWay `json:"way"`
}

// failureWay is a span above the one where an error began.
type failureWay struct {
	rowSpan
	Failed bool `json:"failed"`
}

func (v *traceView) failures() *failureAnswer {
	a := &failureAnswer{TraceID: v.TraceID, Origins: v.ErrorOrigins, Errors: []traceFailure{}}
	for _, e := range v.Errors {
		f := traceFailure{rowSpan: v.span(e.Origin), Message: e.Message, AfterNanos: int64(v.Spans.Start.Float64(int(e.Origin))), Count: e.Count, Way: []failureWay{}}
		for _, row := range e.Path[min(1, len(e.Path)):] {
			f.Way = append(f.Way, failureWay{v.span(row), v.failed(row)})
		}
		a.Errors = append(a.Errors, f)
	}
	return a
}

// drawErrors writes where errors began, what they say and how far up they came.
func (v *traceView) drawErrors(out screen, limit int) error {
	buf := bufio.NewWriter(out)
	a := v.failures()
	text := "no span failed"
	if a.Origins > 0 {
		text = "began in " + counted(a.Origins, "span")
	}
	v.drawHead(buf, out, "errors", text)
	shown := a.Errors
	if limit > 0 {
		shown = shown[:min(len(shown), limit)]
	}
	for _, f := range shown {
		more := ""
		if f.Count > 1 {
			more = fmt.Sprintf(" (one of %s alike)", grouped(f.Count))
		}
		fmt.Fprintf(buf, "\n%s%s\n", out.red("✗ "+title(f.Service, f.Name)), out.dim(fmt.Sprintf("  span %s, after %s%s", printable(f.SpanID), formatDuration(time.Duration(f.AfterNanos)), more)))
		message := "it does not say why"
		if f.Message != "" {
			message = printable(f.Message)
		}
		fmt.Fprintf(buf, "  %s\n", message)
		for i, w := range f.Way {
			mark := "· "
			if w.Failed {
				mark = "✗ "
			}
			line := fmt.Sprintf("  %s└ %s%s", strings.Repeat("  ", min(i, 20)), mark, title(w.Service, w.Name))
			fmt.Fprintln(buf, out.dim(strings.TrimRight(runewidth.Truncate(line, out.width, "…"), " ")))
		}
	}
	if hidden := a.Origins - len(shown); hidden > 0 {
		fmt.Fprintf(buf, "\n%s not shown\n", counted(hidden, "more span"))
	}
	return buf.Flush()
}
