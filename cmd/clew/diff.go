package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
)

type diffOptions struct {
	client
	limit int
	json  bool
}

func newDiffCmd() *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two traces",
		Long: `Compare two traces, as one tree: each line stands for all spans that are called
in the same way from the root on, by service, name and kind.

  +  only B has such spans, or more of them
  -  only A has such spans, or more of them
  ~  they took longer or shorter, or fail in one of the traces (✗: in B)

Durations are those of all spans of a line together, the change that of the
spans that both traces have. It counts if it is more than a tenth, and more than
a 200th of the shorter trace.`,
		Example: "  clew diff 0af7651916cd43dd8448eb211c80319c 1bf7651916cd43dd8448eb211c80319d",
		Args:    takesArgs(2, 2, `the ids of two traces, as "clew query" lists them`),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], args[1], newScreen(cmd.OutOrStdout()), newScreen(cmd.ErrOrStderr()))
		},
	}
	o.addFlags(cmd)
	cmd.Flags().IntVar(&o.limit, "limit", 500, "lines of the tree to draw")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the server's answer")
	return cmd
}

func (o *diffOptions) run(ctx context.Context, a, b string, out, notes screen) error {
	if o.limit < 1 {
		return fmt.Errorf("--limit is %d; expected 1 or more", o.limit)
	}
	for _, id := range []string{a, b} {
		if _, err := span.ParseTraceID(id); err != nil {
			return err
		}
	}
	var answer api.TraceDiff
	values := url.Values{"a": {a}, "b": {b}, "limit": {strconv.Itoa(o.limit)}}
	if err := o.ask(ctx, "/api/clew/v1/diff", values, &answer, notes); err != nil {
		return err
	}
	if o.json {
		return out.printJSON(&answer)
	}
	if err := drawDiff(out, &answer); err != nil {
		return err
	}
	if answer.Omitted > 0 {
		fmt.Fprintf(notes, "%s not drawn; --limit sets how many are\n", counted(answer.Omitted, "more line"))
	}
	tellGaps(notes, answer.Gaps)
	return nil
}

// diffTree draws the tree of a diff.
type diffTree struct {
	out   screen
	nodes []api.DiffNode
	last  []bool // nothing comes behind the node below the same one
	label int    // columns
}

// Columns of a line behind its label.
const (
	diffSpans  = 11
	diffChange = 10
)

func drawDiff(out screen, d *api.TraceDiff) error {
	buf := bufio.NewWriter(out)
	fmt.Fprintf(buf, "%-10s%-34s%s\n", "trace", printable(d.A.TraceID), printable(d.B.TraceID))
	both := func(name string, text func(*api.DiffTrace) string) {
		fmt.Fprintf(buf, "%-10s%s%s\n", name, fit(text(&d.A), 34), text(&d.B))
	}
	both("root", func(t *api.DiffTrace) string {
		if t.Root == nil {
			return "?"
		}
		return runewidth.Truncate(title(t.Root.Service, t.Root.Name), 33, "…")
	})
	both("start", func(t *api.DiffTrace) string { return out.time(t.Start).Format("2006-01-02 15:04:05.000 MST") })
	both("duration", func(t *api.DiffTrace) string { return formatDuration(time.Duration(t.Duration)) })
	both("spans", func(t *api.DiffTrace) string { return grouped(t.Spans) + ", " + counted(t.Errors, "error") })
	fmt.Fprintf(buf, "%-10s%s\n\n", "in both", diffCounts(&d.DiffCounts))
	t := &diffTree{out: out, nodes: d.Nodes, last: lastBelow(d.Nodes)}
	room := max(out.width-2-diffSpans-2*numberWidth-diffChange-5, minLabel)
	t.label = minLabel
	for i := range d.Nodes {
		t.label = max(t.label, min(runewidth.StringWidth(t.labelOf(i, room)), room))
	}
	fmt.Fprintf(buf, "  %s %*s %*s %*s %*s\n", fit("SPAN", t.label), diffSpans, "SPANS", numberWidth, "A", numberWidth, "B", diffChange, "CHANGE")
	for i := range d.Nodes {
		t.draw(buf, i)
	}
	return buf.Flush()
}

func diffCounts(c *api.DiffCounts) string {
	parts := []string{grouped(c.Matched)}
	for _, p := range []struct {
		n    int
		text string
	}{{c.Slower, "slower"}, {c.Faster, "faster"}, {c.Broken, "failing in B"}, {c.Mended, "failing in A"}} {
		if p.n > 0 {
			parts = append(parts, grouped(p.n)+" "+p.text)
		}
	}
	return strings.Join(parts, ", ") + fmt.Sprintf("; %s only in A, %s only in B", grouped(c.Missing), grouped(c.Added))
}

// lastBelow tells which nodes are the last below theirs. Nodes are depth first, so from behind that is the first.
func lastBelow(nodes []api.DiffNode) []bool {
	last, seen := make([]bool, len(nodes)), make([]bool, len(nodes)+1)
	for i := len(nodes) - 1; i >= 0; i-- {
		if up := nodes[i].Parent + 1; up >= 0 && int(up) <= i {
			last[i], seen[up] = !seen[up], true
		}
	}
	return last
}

func (t *diffTree) draw(buf *bufio.Writer, i int) {
	n := &t.nodes[i]
	spans, tookA, tookB := diffSide(n.A), diffTook(n.A), diffTook(n.B)
	if after := diffSide(n.B); after != spans {
		spans += " → " + after
	}
	change := ""
	switch {
	case n.Change == "slower" || n.Change == "faster":
		change = formatDuration(time.Duration(n.Delta))
		if n.Delta > 0 {
			change = "+" + change
		}
	case n.Change != "same":
		change = printable(n.Change)
	}
	line := fmt.Sprintf("%s %s %*s %*s %*s %*s", diffMark(n), fit(t.labelOf(i, t.label), t.label),
		diffSpans+len(spans)-runewidth.StringWidth(spans), spans, numberWidth, tookA, numberWidth, tookB, diffChange, change)
	switch line = strings.TrimRight(line, " "); {
	case n.Broken > 0 || n.Change == "slower":
		line = t.out.red(line)
	case diffMark(n) == " ":
		line = t.out.dim(line)
	}
	fmt.Fprintln(buf, line)
}

func diffSide(s *api.DiffSide) string {
	if s == nil {
		return "0"
	}
	return grouped(s.Spans)
}

func diffTook(s *api.DiffSide) string {
	if s == nil {
		return ""
	}
	return formatDuration(time.Duration(s.Duration))
}

// diffMark says in one column how a node differs.
func diffMark(n *api.DiffNode) string {
	switch {
	case n.Added > n.Missing:
		return "+"
	case n.Missing > n.Added:
		return "-"
	case n.Change != "same" || n.Broken+n.Mended+n.Added > 0:
		return "~"
	}
	return " "
}

// labelOf returns the branches that lead to a node and its name. Where they would take more than
// half of the room, the node's level stands for them.
func (t *diffTree) labelOf(i, room int) string {
	n := &t.nodes[i]
	name := title(n.Service, n.Name)
	if n.B != nil && n.B.Errors > 0 {
		name = "✗ " + name
	}
	level := int(n.Depth)
	switch {
	case level == 0:
		return name
	case 2*level > room/2:
		return fmt.Sprintf("[%d] %s", level, name)
	}
	parts := make([]string, level)
	parts[level-1] = "├ "
	if t.last[i] {
		parts[level-1] = "└ "
	}
	for up := int(n.Parent); level > 1 && up >= 0 && up < len(t.nodes); up = int(t.nodes[up].Parent) {
		level--
		parts[level-1] = "│ "
		if t.last[up] {
			parts[level-1] = "  "
		}
	}
	return strings.Join(parts, "") + name
}
