package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/sample"
)

type keepOptions struct {
	client
	json bool
}

func newKeepCmd() *cobra.Command {
	var o keepOptions
	cmd := &cobra.Command{
		Use:   "keep QUERY",
		Short: "Keep traces that tail sampling has not decided about yet",
		Long: `Keep all traces that a query finds among those that tail sampling has not
decided about yet, whatever its policies say. What was sampled out is gone.`,
		Example: "  clew keep '{ resource.service.name = \"checkout\" && status = error }'\n  clew keep 'service=checkout duration > 2s'",
		Args:    takesArgs(1, 1, "QUERY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer sample.Kept
			if err := o.post(cmd.Context(), "/api/clew/v1/sampling/keep", url.Values{"q": {args[0]}}, "", nil, &answer); err != nil {
				return err
			}
			out := newScreen(cmd.OutOrStdout())
			if o.json {
				return out.printJSON(&answer)
			}
			fmt.Fprintf(out, "%s kept, %s were to stay already\n", counted(answer.Kept, "trace"), grouped(answer.Already))
			for _, gap := range answer.Gaps {
				fmt.Fprintln(cmd.ErrOrStderr(), "Some could not be read, and are decided by the policies:", printable(gap))
			}
			return nil
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print the server's answer")
	return cmd
}
