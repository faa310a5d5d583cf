package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/traceql"
)

type queryOptions struct {
	client
	times
	spans   bool
	limit   int
	sort    string
	step    string
	instant bool
	explain bool
	json    bool
}

func newQueryCmd() *cobra.Command { return new(queryOptions).command() }

func (o *queryOptions) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query [flags] [QUERY]",
		Short: "Find traces and spans, or draw time series of them",
		Long: `Find traces and spans, newest first, or draw time series of them. QUERY is
TraceQL, or plain words:

  service operation name status kind duration    = != > >= < <= =~ !~    value
  any other key is that of an attribute; error=true; !key is not there;
  OR between conditions; other words are looked for in names

Without QUERY it lists the newest traces. A query that ends in a function such
as | rate() gives time series. Quote it, as the shell takes < > | & and ! for
its own.`,
		Example: `  clew query 'service=checkout duration > 1s'
  clew query 'service=checkout error=true http.status_code >= 500' --since 24h
  clew query '{ resource.service.name = "frontend" } >> { status = error }' --spans
  clew query '{ status = error } | rate() by (resource.service.name)' --since 6h`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), strings.Join(args, " "), time.Now(), newScreen(cmd.OutOrStdout()), newScreen(cmd.ErrOrStderr()))
		},
	}
	o.client.addFlags(cmd)
	o.times.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.spans, "spans", false, "list the matching spans themselves")
	f.IntVar(&o.limit, "limit", 20, "traces or spans to list, or time series to draw")
	f.StringVar(&o.sort, "sort", "newest", "`order` of traces: newest or slowest")
	f.StringVar(&o.step, "step", "", "`interval` of time series, such as 30s (default: about 240 intervals)")
	f.BoolVar(&o.instant, "instant", false, "one value for each time series, over the whole range")
	f.BoolVar(&o.explain, "explain", false, "show what plain words became, and what was read for the answer")
	f.BoolVar(&o.json, "json", false, "print the server's answer")
	return cmd
}

// run answers the query on out; notes gets what is said besides.
func (o *queryOptions) run(ctx context.Context, text string, now time.Time, out, notes screen) error {
	q, err := traceql.ParseAny(text)
	if err != nil {
		return withCaret(err)
	}
	if o.limit < 1 {
		return fmt.Errorf("--limit is %d; expected 1 or more", o.limit)
	}
	if q.Metrics != nil {
		return o.series(ctx, text, now, out, notes)
	}
	return o.search(ctx, text, now, out, notes)
}

// withCaret adds the place in a query's text to an error about it.
func withCaret(err error) error {
	if e := (*traceql.Error)(nil); errors.As(err, &e) {
		return fmt.Errorf("%w%s", err, indentedCaret(e.Caret()))
	}
	return err
}

// indentedCaret sets the two lines of a caret apart from a message.
func indentedCaret(caret string) string {
	var b strings.Builder
	for line := range strings.Lines(caret) {
		b.WriteString("\n  " + printable(strings.TrimRight(line, "\n")))
	}
	return b.String()
}

// search lists traces or spans.
func (o *queryOptions) search(ctx context.Context, text string, now time.Time, out, notes screen) error {
	if o.step != "" || o.instant {
		return errors.New("--step and --instant are for time series; end the query with a function such as | rate()")
	}
	values := url.Values{"q": {text}, "sort": {o.sort}, "explain": {strconv.FormatBool(o.explain)}}
	if o.spans {
		values.Set("mode", "spans")
	}
	if err := o.times.set(values, now); err != nil {
		return err
	}
	answer, err := o.pages(ctx, values, notes)
	if err != nil {
		return err
	}
	if o.json {
		return out.printJSON(answer)
	}
	if o.explain {
		drawPlan(out, answer.Query, answer.Plan, answer.Stats)
	}
	drawTraces(out, answer.Traces)
	drawSpans(out, answer.Spans)
	switch {
	case len(answer.Traces)+len(answer.Spans) == 0:
		fmt.Fprintln(notes, "nothing found"+o.times.hint())
	case answer.Next != "":
		fmt.Fprintln(notes, "there are more; --limit sets how many are listed")
	}
	tellGaps(notes, answer.Gaps)
	return nil
}

// pageSize is the most traces or spans to ask for at once.
const pageSize = 1000

// pages puts the pages of a search together, up to the limit.
func (o *queryOptions) pages(ctx context.Context, values url.Values, notes screen) (*api.SearchResult, error) {
	var all api.SearchResult
	for left := o.limit; ; {
		size := left
		if o.sort != "slowest" { // which comes as one page
			size = min(left, pageSize)
		}
		values.Set("limit", strconv.Itoa(size))
		var page api.SearchResult
		if err := o.ask(ctx, "/api/clew/v1/search", values, &page, notes); err != nil {
			return nil, err
		}
		if all.Query == "" {
			all = page
		} else {
			appendPage(&all, &page)
		}
		left -= len(page.Traces) + len(page.Spans)
		if page.Next == "" || left <= 0 {
			return &all, nil
		}
		values.Set("after", string(page.Next))
	}
}

func appendPage(all, page *api.SearchResult) {
	all.Traces = append(all.Traces, page.Traces...)
	all.Spans = append(all.Spans, page.Spans...)
	all.Next = page.Next
	all.Gaps = append(all.Gaps, page.Gaps...)
	slices.Sort(all.Gaps)
	all.Gaps = slices.Compact(all.Gaps)
	all.Plan = append(all.Plan, page.Plan...)
	all.Stats.Rows += page.Stats.Rows
	all.Stats.ChunksRead += page.Stats.ChunksRead
	all.Stats.ChunksSkipped += page.Stats.ChunksSkipped
	all.Stats.BytesRead += page.Stats.BytesRead
}

func tellGaps(notes screen, gaps []string) {
	for _, gap := range gaps {
		fmt.Fprintln(notes, "the answer may be incomplete:", printable(gap))
	}
}
