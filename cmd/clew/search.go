package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
)

type searchOptions struct {
	client
	service, operation string
	tags               []string
	minDuration        time.Duration
	maxDuration        time.Duration
	since              time.Duration
	from, to           string
	limit              int
	after              string
	json               bool
}

func newSearchCmd() *cobra.Command {
	var o searchOptions
	cmd := &cobra.Command{
		Use:   "search",
		Short: "List traces, newest first",
		Long: `List traces that have a span with everything that the flags ask for, newest
first. Conditions on tags are

  key          it is there              !key           it is not
  key=text     it reads like the text   key!=text      it is there but does not
  key=~regex   the whole text matches   key!~regex     it is there but does not
  key>number   also >=, < and <=        duration>100ms

A tag is an attribute of the span, its resource, its scope, an event or a link;
span. resource. instrumentation. event. or link. before the key looks only
there. error=true and span.kind=server work too. A key with one of =!<>" in it
is written in double quotes.`,
		Example: `  clew search --service checkout --min-duration 1s
  clew search --tag 'http.response.status_code>=500' --since 24h
  clew search --tag 'resource.k8s.pod.name=~cart-.*' --tag '!db.system'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listTraces(cmd.Context(), &o, time.Now(), newScreen(cmd.OutOrStdout()), cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.service, "service", "", "service name")
	f.StringVar(&o.operation, "operation", "", "span name")
	f.StringArrayVar(&o.tags, "tag", nil, "`condition` such as key=text or 'key>=number'; may be repeated")
	f.DurationVar(&o.minDuration, "min-duration", 0, "shortest duration of a span, such as 250ms")
	f.DurationVar(&o.maxDuration, "max-duration", 0, "longest duration of a span")
	f.DurationVar(&o.since, "since", time.Hour, "how far to look back from --to; 0 looks back to the beginning")
	f.StringVar(&o.from, "from", "", "earliest start, as 2026-01-31T12:00:00Z or, in local time, \"2026-01-31 12:00\" (instead of --since)")
	f.StringVar(&o.to, "to", "", "latest start (default now)")
	f.IntVar(&o.limit, "limit", 20, "traces to list")
	f.StringVar(&o.after, "after", "", "go on behind the last page, with the cursor that it ended with")
	f.BoolVar(&o.json, "json", false, "print the server's answer")
	cmd.MarkFlagsMutuallyExclusive("since", "from")
	return cmd
}

func listTraces(ctx context.Context, o *searchOptions, now time.Time, out screen, notes io.Writer) error {
	query, err := o.query(now)
	if err != nil {
		return err
	}
	body, _, err := o.get(ctx, "/api/clew/v1/search", query)
	if err != nil {
		return err
	}
	defer body.Close()
	if o.json {
		return out.copyJSON(body)
	}
	var answer api.SearchResult
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return fmt.Errorf("cannot read the server's answer: %w", err)
	}
	if err := drawList(out, answer.Traces); err != nil {
		return err
	}
	for _, gap := range answer.Gaps {
		fmt.Fprintln(notes, "traces may be missing:", printable(gap))
	}
	switch {
	case len(answer.Traces) == 0:
		fmt.Fprintln(notes, "no traces found; --since looks further back")
	case answer.Next != "":
		fmt.Fprintln(notes, "there are more: repeat the search with --after", printable(string(answer.Next)))
	}
	return nil
}

// query returns the parameters of the server's search.
func (o *searchOptions) query(now time.Time) (url.Values, error) {
	q := url.Values{"tag": o.tags, "limit": {strconv.Itoa(o.limit)}}
	for name, text := range map[string]string{"service": o.service, "operation": o.operation, "after": o.after} {
		if text != "" {
			q.Set(name, text)
		}
	}
	for name, d := range map[string]time.Duration{"minDuration": o.minDuration, "maxDuration": o.maxDuration} {
		if d != 0 {
			q.Set(name, d.String())
		}
	}
	to, err := parseTime("to", o.to, now.Location())
	if err != nil {
		return nil, err
	}
	from, err := parseTime("from", o.from, now.Location())
	if err != nil {
		return nil, err
	}
	if !to.IsZero() {
		q.Set("end", to.Format(time.RFC3339Nano))
		now = to
	}
	if from.IsZero() && o.since > 0 {
		from = now.Add(-o.since)
	}
	if !from.IsZero() {
		q.Set("start", from.Format(time.RFC3339Nano))
	}
	return q, nil
}

var errTime = errors.New(`not a time such as 2026-01-31T12:00:00Z, "2026-01-31 12:00" or 2026-01-31`)

// parseTime reads a time; one that names no zone is of the given one.
func parseTime(flag, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, strings.Replace(text, "T", " ", 1), zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q: %w", flag, text, errTime)
}

// drawList writes a table. What may be long comes last.
func drawList(out screen, traces []api.TraceSummary) error {
	if len(traces) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(out, "%-32s  %-19s  %8s  %6s  %6s  %8s  %s\n",
		"TRACE ID", "START", "DURATION", "SPANS", "ERRORS", "SERVICES", "ROOT"); err != nil {
		return err
	}
	for i := range traces {
		t := &traces[i]
		root := title(t.Service, t.Operation)
		if !t.Root {
			root = "? " + root
		}
		line := fmt.Sprintf("%-32s  %s  %8s  %6s  %6s  %8s  %s",
			printable(t.TraceID), out.time(t.Start).Format(time.DateTime),
			formatDuration(elapsed(0, t.Duration)), grouped(t.Spans), grouped(t.Errors), grouped(len(t.Services)), root)
		if t.Errors > 0 {
			line = out.red(line)
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
