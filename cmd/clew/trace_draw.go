package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Columns of a line: label, offset, duration, bar; one space between them.
const (
	numberWidth = 9 // of offset and duration
	minBar      = 10
	minLabel    = 16
)

// draw writes the trace: at most depth levels and limit spans, 0 meaning all.
func (w *waterfall) draw(out screen, depth, limit int) error {
	buf := bufio.NewWriter(out)
	first, end := w.extent()
	w.drawHead(buf, out, first, end)
	var shown []int32
	spans := 0
	for _, at := range w.order {
		if depth > 0 && int(w.depth[at]) >= depth {
			continue
		}
		if limit > 0 && spans == limit {
			break
		}
		shown = append(shown, at)
		if !w.isMissing(at) {
			spans++
		}
	}
	l := w.layout(out, shown, depth, first, end)
	fmt.Fprintf(buf, "\n%s %*s %*s\n", fit("SPAN", l.label), numberWidth, "AFTER", numberWidth, "TOOK")
	for _, at := range shown {
		l.drawLine(buf, at)
		l.drawLogs(buf, at)
	}
	if hidden := w.spans - spans; hidden > 0 {
		fmt.Fprintf(buf, "\n%s not drawn; --limit and --depth set how many are\n", counted(hidden, "more span"))
	}
	w.drawOtherLogs(buf, out)
	w.drawWarnings(buf)
	return buf.Flush()
}

// extent returns the earliest start and the latest end of the spans.
func (w *waterfall) extent() (first, end uint64) {
	if w.spans == 0 {
		return 0, 0
	}
	first = w.nodes[0].start
	for i := range w.spans {
		end = max(end, w.nodes[i].start, w.nodes[i].end)
	}
	return first, end
}

func (w *waterfall) drawHead(buf *bufio.Writer, out screen, first, end uint64) {
	failed, orphans := 0, 0
	services := map[string]bool{}
	for i := range w.spans {
		services[w.nodes[i].service] = true
		if w.nodes[i].failed {
			failed++
		}
		if up := w.parent[i]; up != none && w.isMissing(up) {
			orphans++
		}
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(buf, "%-10s%s\n", name, fmt.Sprintf(format, args...))
	}
	line("trace", "%s", w.id)
	line("start", "%s", out.time(first).Format("2006-01-02 15:04:05.000000 MST"))
	line("duration", "%s", formatDuration(elapsed(first, end)))
	line("spans", "%s of %s, %s", counted(w.spans, "span"), counted(len(services), "service"), counted(failed, "error"))
	if orphans > 0 {
		line("missing", "%s of %s, drawn as ?", counted(len(w.nodes)-w.spans, "parent"), counted(orphans, "span"))
	}
	if w.looped > 0 {
		line("circular", "%s in a circle of parents, drawn as roots", counted(w.looped, "span"))
	}
	if w.sampling != "" {
		line("sampling", "%s", printable(w.sampling))
	}
	for _, gap := range w.gaps {
		line("partial", "spans may be missing: %s", printable(gap))
	}
}

// drawWarnings writes what else is odd: a warning that names a missing parent is drawn already.
func (w *waterfall) drawWarnings(buf *bufio.Writer) {
	var list []string
	for _, warning := range w.warnings {
		if !slices.ContainsFunc(w.nodes[w.spans:], func(n traceSpan) bool { return strings.Contains(warning, n.id.String()) }) {
			list = append(list, printable(warning))
		}
	}
	if len(list) > 0 {
		fmt.Fprintf(buf, "\nWARNINGS\n%s\n", strings.Join(list, "\n"))
	}
}

// layout says where on the screen the columns of a waterfall are.
type layout struct {
	*waterfall
	out     screen
	deepest int // level of the last spans to draw, -1 if all are
	label   int // columns
	bar     int
	first   uint64  // time at the left end of the bars
	scale   float64 // columns a nanosecond
}

func (w *waterfall) layout(out screen, shown []int32, depth int, first, end uint64) *layout {
	l := &layout{waterfall: w, out: out, deepest: depth - 1, first: first}
	room := max(out.width-2*(numberWidth+1)-1, minLabel+minBar)
	widest := minLabel
	l.label = room - max(minBar, room/3)
	for _, at := range shown {
		widest = max(widest, runewidth.StringWidth(l.labelOf(at)))
	}
	l.label = min(l.label, widest)
	l.bar = room - l.label
	if end > first {
		l.scale = float64(l.bar) / float64(end-first)
	}
	return l
}

func (l *layout) drawLine(buf *bufio.Writer, at int32) {
	node := &l.nodes[at]
	label := fit(l.labelOf(at), l.label)
	switch {
	case l.isMissing(at):
		fmt.Fprintln(buf, l.out.dim(strings.TrimRight(label, " ")))
		return
	case node.failed:
		label = l.out.red(label)
	}
	offset := formatDuration(elapsed(l.first, node.start))
	took := formatDuration(elapsed(node.start, node.end))
	fmt.Fprintf(buf, "%s %*s %*s %s\n", label, numberWidth, offset, numberWidth, took, l.barOf(node))
}

// labelOf returns the branches that lead to a node and its name.
func (l *layout) labelOf(at int32) string {
	node := &l.nodes[at]
	prefix := l.branches(at)
	if l.isMissing(at) {
		return prefix + "? missing parent " + node.id.String()
	}
	var b strings.Builder
	b.WriteString(prefix)
	if node.failed {
		b.WriteString("✗ ")
	}
	b.WriteString(title(node.service, node.name))
	if below := l.below[at]; below > 0 && int(l.depth[at]) == l.deepest {
		fmt.Fprintf(&b, " (+%s)", grouped(int(below)))
	}
	return b.String()
}

// branches draws the lines of the tree left of a node. Where they would take
// more than half of the label, the node's level stands for them.
func (l *layout) branches(at int32) string {
	level := int(l.depth[at])
	if level == 0 {
		return ""
	}
	if 2*level > l.label/2 {
		return fmt.Sprintf("[%d] ", level)
	}
	parts := make([]string, level)
	parts[level-1] = "├ "
	if l.last[at] {
		parts[level-1] = "└ "
	}
	for up := l.parent[at]; level > 1; up = l.parent[up] {
		level--
		parts[level-1] = "│ "
		if l.last[up] {
			parts[level-1] = "  "
		}
	}
	return strings.Join(parts, "")
}

// barOf draws the time of a span: at least one column, a thin one if it took
// less than half of that.
func (l *layout) barOf(s *traceSpan) string {
	took := uint64(0)
	if s.end > s.start {
		took = s.end - s.start
	}
	from := min(int(float64(s.start-l.first)*l.scale), l.bar-1)
	width := float64(took) * l.scale
	if width < 0.5 {
		return strings.Repeat(" ", from) + "▏"
	}
	return strings.Repeat(" ", from) + strings.Repeat("█", min(max(1, int(width+0.5)), l.bar-from))
}
