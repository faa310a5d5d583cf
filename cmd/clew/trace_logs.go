package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
)

// mostTraceLogs is how many log records a waterfall draws at most.
const mostTraceLogs = 10_000

// waterfallLogs are the log records that are drawn with spans.
type waterfallLogs struct {
	bySpan map[span.SpanID][]*api.LogRecord
	others []*api.LogRecord // on no span of the trace
	hidden int              // that were not read
	links  []api.LogLink
}

// setLogs gives each record to its span.
func (w *waterfall) setLogs(list *api.LogList) {
	known := make(map[span.SpanID]bool, w.spans)
	for i := range w.spans {
		known[w.nodes[i].id] = true
	}
	w.logs = waterfallLogs{bySpan: map[span.SpanID][]*api.LogRecord{}, hidden: list.Matching - len(list.Logs), links: list.Links}
	for i := range list.Logs {
		l := &list.Logs[i]
		id, err := span.ParseSpanID(l.SpanID)
		if err != nil || !known[id] {
			w.logs.others = append(w.logs.others, l)
			continue
		}
		w.logs.bySpan[id] = append(w.logs.bySpan[id], l)
	}
}

// passing makes the branches to a span those that pass by what is below it.
var passing = strings.NewReplacer("├", "│", "└", " ")

// drawLogs draws the records of a span below it. Of spans that share an id the first drawn has them.
func (l *layout) drawLogs(buf *bufio.Writer, at int32) {
	id := l.nodes[at].id
	prefix := passing.Replace(l.branches(at)) + "  "
	if l.below[at] > 0 {
		prefix = strings.TrimSuffix(prefix, "  ") + "│ "
	}
	for _, record := range l.logs.bySpan[id] {
		label := fit(prefix+"· "+levelOf(record), l.label)
		offset := formatDuration(elapsed(l.first, timeOfLog(record)))
		line := fmt.Sprintf("%s %*s %*s %s", label, numberWidth, offset, numberWidth, "", textOfLog(record))
		fmt.Fprintln(buf, l.out.coloured(record, line))
	}
	delete(l.logs.bySpan, id)
}

// drawOtherLogs draws the records that are on no span that was drawn.
func (w *waterfall) drawOtherLogs(buf *bufio.Writer, out screen) {
	for _, link := range w.logs.links {
		fmt.Fprintf(buf, "\nlogs elsewhere, %s: %s\n", printable(link.Name), printable(link.URL))
	}
	if len(w.logs.others) > 0 {
		fmt.Fprintln(buf, "\nLOGS ON NO SPAN OF THE TRACE")
	}
	for _, l := range w.logs.others {
		line := fmt.Sprintf("%s  %-5s  %s  %s", out.time(timeOfLog(l)).Format("15:04:05.000000"), levelOf(l), serviceText(l.Service), textOfLog(l))
		fmt.Fprintln(buf, out.coloured(l, line))
	}
	if w.logs.hidden > 0 {
		fmt.Fprintf(buf, "\n%s not drawn; \"clew logs %s\" lists all\n", counted(w.logs.hidden, "more log record"), w.id)
	}
}
