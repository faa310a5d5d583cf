package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/api"
)

// drawTraces writes a table. What may be long comes last. Below a trace stand
// the sets of its spans that have values of their own.
func drawTraces(out screen, traces []api.TraceSummary) {
	if len(traces) == 0 {
		return
	}
	fmt.Fprintf(out, "%-32s  %-19s  %8s  %6s  %6s  %7s  %s\n", "TRACE ID", "START", "DURATION", "SPANS", "ERRORS", "MATCHED", "ROOT")
	for i := range traces {
		t := &traces[i]
		root := title(t.Service, t.Operation)
		if !t.Root {
			root = "? " + root
		}
		line := fmt.Sprintf("%-32s  %s  %8s  %6s  %6s  %7s  %s",
			printable(t.TraceID), out.time(t.Start).Format(time.DateTime), formatDuration(elapsed(0, t.Duration)),
			grouped(t.Spans), grouped(t.Errors), grouped(t.Matched), root)
		if t.Errors > 0 {
			line = out.red(line)
		}
		fmt.Fprintln(out, line)
		for _, set := range t.SpanSets {
			if len(set.Attributes) > 0 {
				fmt.Fprintln(out, out.dim("  └ "+attributeText(set.Attributes)+", "+counted(set.Matched, "span")))
			}
		}
	}
}

const spanTime = "2006-01-02 15:04:05.000"

// drawSpans writes a table of spans with the values that the query mentions.
func drawSpans(out screen, spans []api.FoundSpan) {
	if len(spans) == 0 {
		return
	}
	fmt.Fprintf(out, "%-32s  %-16s  %-23s  %8s  %s\n", "TRACE ID", "SPAN ID", "START", "DURATION", "SPAN")
	for i := range spans {
		s := &spans[i]
		var more []api.Attribute
		for _, a := range s.Attributes {
			if !shownColumns[a.Name] {
				more = append(more, a)
			}
		}
		text := title(s.Service, s.Name)
		if len(more) > 0 {
			text += "  " + out.dim(attributeText(more))
		}
		fmt.Fprintf(out, "%-32s  %-16s  %s  %8s  %s\n", printable(s.TraceID), printable(s.SpanID),
			out.time(s.Start).Format(spanTime), formatDuration(time.Duration(s.Duration)), text)
	}
}

// shownColumns are the values that drawSpans has columns for.
var shownColumns = map[string]bool{
	"name": true, "span:name": true, "duration": true, "span:duration": true, "resource.service.name": true,
	"trace:id": true, "span:id": true,
}

// attributeText writes a list of names and values.
func attributeText(list []api.Attribute) string {
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = printable(a.Name) + "=" + valueText(a.TypedValue, true)
	}
	return strings.Join(parts, ", ")
}

// valueText writes a value; strings in quotes if that is asked for.
func valueText(v api.TypedValue, quoted bool) string {
	var text string
	if json.Unmarshal(v.Value, &text) != nil {
		return printable(string(v.Value)) // a number, a bool, an array or a map
	}
	switch {
	case v.Type == "nil":
		return v.Type
	case v.Type == "duration":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return formatDuration(time.Duration(n))
		}
	case v.Type == "string" && quoted:
		return printable(strconv.Quote(text))
	}
	return printable(text)
}

// drawPlan says what the query became and what it took.
func drawPlan(out screen, query string, plan []api.Look, stats api.Stats) {
	line := func(name, text string) { fmt.Fprintf(out, "%-10s%s\n", name, printable(text)) }
	line("query", query)
	for i := range plan {
		look := &plan[i]
		manner := "span by span"
		if look.WholeTraces {
			manner = "whole traces"
		}
		if look.StopsEarly {
			manner += ", until there are enough"
		}
		line(fmt.Sprintf("look %d", i+1), manner)
		for _, p := range look.Needs {
			line("  needs", p)
		}
		for _, p := range look.Where {
			if !slices.Contains(look.Needs, p) {
				line("  judges", p)
			}
		}
		if len(look.Columns) > 0 {
			line("  reads", strings.Join(look.Columns, ", "))
		}
		line("  cost", costText(look.Stats))
	}
	line("total", costText(stats))
	fmt.Fprintln(out)
}

func costText(s api.Stats) string {
	return fmt.Sprintf("%s in %s and %s read; %s skipped", counted(int(s.Rows), "span"), counted(int(s.ChunksRead), "chunk"),
		formatBytes(s.BytesRead), counted(int(s.ChunksSkipped), "chunk"))
}
