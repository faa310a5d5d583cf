// Command clew stores and finds distributed traces. This file has the list of
// its commands; each has a file of its own.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clewhq/clew/config"
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // so that a second signal ends the process at once
	if err := newRootCmd().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "clew:", strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "clew",
		Short: "Clew stores distributed traces and finds them again",
		Long: `Clew stores distributed traces and finds them again: it takes OpenTelemetry
data in, keeps it on disk, and answers Jaeger's and Tempo's APIs.

Begin with "clew serve", and "clew demo" in a second terminal.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run it:"},
		&cobra.Group{ID: "look", Title: "Look at traces:"})
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 110"))
	addTo := func(group string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	addTo("run", newServeCmd(), newDemoCmd(), newConfigCmd(), newStorageCmd())
	addTo("look", newSearchCmd(), newTraceCmd())
	addTo("", newVersionCmd())
	root.SetFlagErrorFunc(suggestFlag)
	return root
}

// suggestFlag adds the flag that was probably meant to the error about an unknown one.
func suggestFlag(cmd *cobra.Command, err error) error {
	given, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return fmt.Errorf("%w%s", err, config.DidYouMean("--"+given, names))
}
