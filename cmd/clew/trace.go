package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/span"
)

type traceOptions struct {
	client
	depth int
	limit int
	json  bool
}

func newTraceCmd() *cobra.Command {
	var o traceOptions
	cmd := &cobra.Command{
		Use:   "trace ID",
		Short: "Draw a trace as a waterfall",
		Long: `Draw a trace as a waterfall: its spans as a tree, each with when it began
after the start of the trace, how long it took, and a bar of both. ✗ marks a
span with an error; ? stands for a parent that the server does not have.`,
		Example: "  clew trace 0af7651916cd43dd8448eb211c80319c\n  clew trace 0af7651916cd43dd8448eb211c80319c --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showTrace(cmd.Context(), &o, args[0], newScreen(cmd.OutOrStdout()))
		},
	}
	o.addFlags(cmd)
	cmd.Flags().IntVar(&o.depth, "depth", 0, "levels of the tree to draw; 0 draws all")
	cmd.Flags().IntVar(&o.limit, "limit", 500, "spans to draw; 0 draws all")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the trace as OTLP JSON")
	return cmd
}

func showTrace(ctx context.Context, o *traceOptions, arg string, out screen) error {
	id, err := span.ParseTraceID(arg)
	if err != nil {
		return err
	}
	body, header, err := o.get(ctx, "/api/clew/v1/traces/"+id.String(), nil, "application/json")
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
	w.gaps = header.Values("Clew-Gap")
	return w.draw(out, o.depth, o.limit)
}
