package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
)

type traceOptions struct {
	client
	depth int
	limit int
	json  bool
	logs  bool

	path   bool
	errors bool
	by     []string
}

func newTraceCmd() *cobra.Command {
	var o traceOptions
	cmd := &cobra.Command{
		Use:   "trace ID",
		Short: "Draw a trace as a waterfall, or tell what it waited for and where it failed",
		Long: `Draw a trace as a waterfall: its spans as a tree, each with when it began
after the start of the trace, how long it took, and a bar of both. ✗ marks a
span with an error; ? stands for a parent that the server does not have. What
else is odd, such as clocks that differ, is told below. With tail sampling it
says why the trace stays, or in a dry run what would have become of it.

--logs draws the log records of each span below it, and those of no span at the
end.

--critical-path tells where the time went: the spans that the end of the root
waited for, one after the other. To make any other span faster does not make the
trace faster.

--errors tells where errors began: the spans that failed with nothing below them
that did, what they say, and the way each error took up.

--statistics groups the spans by service, name, kind, status or any attribute, or
by two of them, the second within the first. SELF is the time in which spans did
not wait for others below them, PATH their time on the critical path.`,
		Example: "  clew trace 0af7651916cd43dd8448eb211c80319c\n" +
			"  clew trace 0af7651916cd43dd8448eb211c80319c --critical-path\n" +
			"  clew trace 0af7651916cd43dd8448eb211c80319c --statistics service,name\n" +
			"  clew trace 0af7651916cd43dd8448eb211c80319c --json",
		Args: takesArgs(1, 1, `the id of a trace, as "clew query" lists them`),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showTrace(cmd.Context(), &o, args[0], newScreen(cmd.OutOrStdout()))
		},
	}
	o.addFlags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.depth, "depth", 0, "levels of the tree to draw; 0 draws all")
	flags.IntVar(&o.limit, "limit", 500, "spans, segments, errors or groups to draw; 0 draws all")
	flags.BoolVar(&o.json, "json", false, "print JSON: the trace as OTLP, or what was asked about it")
	flags.BoolVar(&o.logs, "logs", false, "draw log records with the spans")
	flags.BoolVar(&o.path, "critical-path", false, "tell what the trace waited for")
	flags.BoolVar(&o.errors, "errors", false, "tell where errors began")
	flags.StringSliceVar(&o.by, "statistics", nil, "group the spans by `attributes`, such as service, name or span.http.method")
	takesOneOf(cmd, "logs", "critical-path", "errors", "statistics")
	return cmd
}

func showTrace(ctx context.Context, o *traceOptions, arg string, out screen) error {
	id, err := span.ParseTraceID(arg)
	if err != nil {
		return err
	}
	path := "/api/clew/v1/traces/" + id.String()
	switch {
	case o.path, o.errors:
		return o.explain(ctx, path, out)
	case len(o.by) > 0:
		return o.statistics(ctx, path, out)
	}
	logs := new(api.LogList)
	if o.logs && !o.json {
		if err := o.read(ctx, path+"/logs", url.Values{"limit": {strconv.Itoa(mostTraceLogs)}}, logs); err != nil {
			return err
		}
		if !logs.TraceFound {
			return drawLogs(out, logs)
		}
	}
	body, header, err := o.get(ctx, path, nil, "application/json")
	if err != nil {
		return err
	}
	defer body.Close()
	if o.json {
		return out.copyJSON(body)
	}
	spans, err := readSpans(body)
	if err != nil {
		return fmt.Errorf("cannot read the server's answer: %w", err)
	}
	w := newWaterfall(spans)
	w.id = id
	w.gaps, w.warnings, w.sampling = header.Values("Clew-Gap"), header.Values("Clew-Warning"), header.Get("Clew-Sampling")
	w.setLogs(logs)
	return w.draw(out, o.depth, o.limit)
}

// explain asks for the view of a trace and tells of its critical path, or of its errors.
func (o *traceOptions) explain(ctx context.Context, path string, out screen) error {
	var v traceView
	if err := o.read(ctx, path+"/view", nil, &v.TraceView); err != nil {
		return err
	}
	switch {
	case o.json && o.path:
		return out.printJSON(v.criticalPath())
	case o.json:
		return out.printJSON(v.failures())
	case o.path:
		return v.drawPath(out, o.limit)
	}
	return v.drawErrors(out, o.limit)
}

func (o *traceOptions) statistics(ctx context.Context, path string, out screen) error {
	if o.json {
		body, _, err := o.get(ctx, path+"/statistics", url.Values{"by": o.by}, "application/json")
		if err != nil {
			return err
		}
		defer body.Close()
		return out.copyJSON(body)
	}
	var answer api.StatisticsAnswer
	if err := o.read(ctx, path+"/statistics", url.Values{"by": o.by}, &answer); err != nil {
		return err
	}
	return drawStatistics(out, o.by, &answer, o.limit)
}
