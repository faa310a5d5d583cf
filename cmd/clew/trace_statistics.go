package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/clewhq/clew/api"
)

// statisticsColumns are what stands behind the value of a group; each one has numberWidth columns.
var statisticsColumns = []struct {
	head string
	text func(g *api.StatisticsGroup) string
}{
	{"SPANS", func(g *api.StatisticsGroup) string { return grouped(g.Count) }},
	{"ERRORS", func(g *api.StatisticsGroup) string { return grouped(g.Errors) }},
	{"SELF", func(g *api.StatisticsGroup) string { return nanos(g.SelfNanos) }},
	{"PATH", func(g *api.StatisticsGroup) string { return nanos(g.CriticalNanos) }},
	{"SHARE", func(g *api.StatisticsGroup) string { return percent(g.CriticalShare) }},
	{"TOTAL", func(g *api.StatisticsGroup) string { return nanos(g.TotalNanos) }},
	{"AVG", func(g *api.StatisticsGroup) string { return nanos(g.AvgNanos) }},
	{"P50", func(g *api.StatisticsGroup) string { return nanos(g.P50Nanos) }},
	{"P95", func(g *api.StatisticsGroup) string { return nanos(g.P95Nanos) }},
	{"MAX", func(g *api.StatisticsGroup) string { return nanos(g.MaxNanos) }},
}

func nanos(n int64) string { return formatDuration(time.Duration(n)) }

// drawStatistics writes a table of groups by some attributes, those of the second level indented. Where the screen is narrow the last
// columns are left out.
func drawStatistics(out screen, by []string, answer *api.StatisticsAnswer, limit int) error {
	buf := bufio.NewWriter(out)
	columns := statisticsColumns
	columns = columns[:min(len(columns), max(3, (out.width-minLabel)/(numberWidth+1)))]
	head := strings.ToUpper(printable(strings.Join(by, ", ")))
	label := max(minLabel, runewidth.StringWidth(head))
	lines := 0
	eachGroup(answer.Groups, 0, func(g *api.StatisticsGroup, level int) bool {
		label = max(label, runewidth.StringWidth(groupLabel(g, level)))
		lines++
		return limit <= 0 || lines < limit
	})
	label = max(minLabel, min(label, out.width-len(columns)*(numberWidth+1)))
	fmt.Fprint(buf, fit(head, label))
	for _, c := range columns {
		fmt.Fprintf(buf, " %*s", numberWidth, c.head)
	}
	fmt.Fprintln(buf)
	drawn, all := 0, 0
	eachGroup(answer.Groups, 0, func(g *api.StatisticsGroup, level int) bool {
		if all++; limit > 0 && drawn == limit {
			return true
		}
		drawn++
		line := fit(groupLabel(g, level), label)
		for _, c := range columns {
			line += fmt.Sprintf(" %*s", numberWidth, c.text(g))
		}
		switch {
		case g.Errors > 0:
			line = out.red(line)
		case level > 0:
			line = out.dim(line)
		}
		fmt.Fprintln(buf, line)
		return true
	})
	switch hidden := all - drawn; {
	case hidden > 0:
		fmt.Fprintf(buf, "\n%s not drawn; --limit sets how many are\n", counted(hidden, "more group"))
	case answer.More:
		fmt.Fprint(buf, "\nthe groups with the least self time are left out\n")
	}
	return buf.Flush()
}

// eachGroup goes through the groups and those within them until yield returns false.
func eachGroup(groups []api.StatisticsGroup, level int, yield func(g *api.StatisticsGroup, level int) bool) bool {
	for i := range groups {
		if !yield(&groups[i], level) || !eachGroup(groups[i].Groups, level+1, yield) {
			return false
		}
	}
	return true
}

func groupLabel(g *api.StatisticsGroup, level int) string {
	text := string(g.Value.Value)
	var quoted string
	switch {
	case g.Value.Type == "nil":
		text = "(none)"
	case json.Unmarshal(g.Value.Value, &quoted) == nil:
		if text = quoted; text == "" {
			text = `""`
		}
	}
	return strings.Repeat("  ", level) + printable(text)
}
