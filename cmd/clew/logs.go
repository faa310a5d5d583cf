package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
)

type logsOptions struct {
	client
	span, severity, grep string
	limit                int
	after                string
	json                 bool
}

func newLogsCmd() *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs TRACE_ID",
		Short: "Show the log records of a trace, or send logs",
		Long: `Show the log records of a trace, oldest first, each with its span. They are shown
too if the trace itself is not there, as when it was sampled out.

"clew trace TRACE_ID --logs" draws them with the spans.`,
		Example: "  clew logs 0af7651916cd43dd8448eb211c80319c --severity warn\n" +
			"  clew logs 0af7651916cd43dd8448eb211c80319c --span b7ad6b7169203331 --grep timeout\n" +
			"  clew logs send /var/log/shop.jsonl --follow",
		Args: takesArgs(1, 1, `the id of a trace, or "send FILE"`),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.show(cmd.Context(), args[0], newScreen(cmd.OutOrStdout()))
		},
	}
	o.client.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.span, "span", "", "only records of the span with this `id`")
	flags.StringVar(&o.severity, "severity", "", "least severity: trace, debug, info, warn, error, fatal or a number of OTLP")
	flags.StringVar(&o.grep, "grep", "", "only records that have this `text` in any case")
	flags.IntVar(&o.limit, "limit", 1000, "most records to show")
	flags.StringVar(&o.after, "after", "", "show what comes behind a page: the `cursor` that it ended with")
	flags.BoolVar(&o.json, "json", false, "print the server's answer")
	cmd.AddCommand(newLogsSendCmd())
	return cmd
}

func (o *logsOptions) show(ctx context.Context, arg string, out screen) error {
	id, err := span.ParseTraceID(arg)
	if err != nil {
		return err
	}
	values := url.Values{"limit": {strconv.Itoa(o.limit)}}
	for name, value := range map[string]string{"span": o.span, "severity": o.severity, "q": o.grep, "after": o.after} {
		if value != "" {
			values.Set(name, value)
		}
	}
	var list api.LogList
	if err := o.read(ctx, "/api/clew/v1/traces/"+id.String()+"/logs", values, &list); err != nil {
		return err
	}
	if o.json {
		return out.printJSON(&list)
	}
	return drawLogs(out, &list)
}

// drawLogs writes records as lines, the time first.
func drawLogs(out screen, list *api.LogList) error {
	buf := bufio.NewWriter(out)
	fmt.Fprintf(buf, "trace     %s\n", list.TraceID)
	if list.Note != "" {
		fmt.Fprintf(buf, "note      %s\n", printable(list.Note))
	}
	fmt.Fprintf(buf, "records   %s\n", counted(list.Total, "record"))
	if list.Matching != list.Total {
		fmt.Fprintf(buf, "matching  %s\n", grouped(list.Matching))
	}
	for _, link := range list.Links {
		fmt.Fprintf(buf, "elsewhere %s: %s\n", printable(link.Name), printable(link.URL))
	}
	for _, gap := range list.Gaps {
		fmt.Fprintf(buf, "partial   records may be missing: %s\n", printable(gap))
	}
	fmt.Fprintln(buf)
	for i := range list.Logs {
		l := &list.Logs[i]
		line := fmt.Sprintf("%s  %-5s  %s  %s  %s", out.time(timeOfLog(l)).Format("2006-01-02 15:04:05.000000"), levelOf(l),
			fit(l.SpanID, 16), serviceText(l.Service), textOfLog(l))
		fmt.Fprintln(buf, out.coloured(l, strings.TrimRight(line, " ")))
	}
	if list.Next != "" {
		fmt.Fprintf(buf, "\nthere are more: --after %s\n", list.Next)
	}
	return buf.Flush()
}

// timeOfLog returns when a record was written, or observed if that is not known.
func timeOfLog(l *api.LogRecord) uint64 {
	if l.TimeUnixNano == 0 {
		return l.ObservedTimeUnixNano
	}
	return l.TimeUnixNano
}

func levelOf(l *api.LogRecord) string {
	if l.Level == "" {
		return fit(printable(l.SeverityText), 5)
	}
	return strings.ToUpper(l.Level)
}

func serviceText(name string) string {
	if name == "" {
		return "(no service)"
	}
	return printable(name)
}

// textOfLog returns the body, the event name before it and the attributes behind it.
func textOfLog(l *api.LogRecord) string {
	var parts []string
	if l.EventName != "" {
		parts = append(parts, printable(l.EventName)+":")
	}
	parts = append(parts, printable(l.Text))
	for _, a := range l.Attributes {
		value := string(a.Value)
		if a.Type == "string" || a.Type == "int" {
			if text, err := strconv.Unquote(value); err == nil && !strings.ContainsAny(text, " \"") {
				value = text
			}
		}
		parts = append(parts, printable(a.Key)+"="+printable(value))
	}
	return strings.Join(parts, " ")
}

func (s screen) coloured(l *api.LogRecord, text string) string {
	switch l.Level {
	case "error", "fatal":
		return s.red(text)
	case "trace", "debug":
		return s.dim(text)
	}
	return text
}
