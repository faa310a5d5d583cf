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
	if err := newRootCmd().ExecuteContext(untilSignal()); err != nil {
		fmt.Fprintln(os.Stderr, "clew:", strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}

// untilSignal returns a context that ends with the first signal to stop. Before
// it ends, signals have their usual effect again: a second one kills the process.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "clew",
		Short: "Clew stores distributed traces and finds them again",
		Long: `Clew stores distributed traces and finds them again: it takes OpenTelemetry
data in, keeps it on disk, answers TraceQL, and speaks Jaeger's and Tempo's APIs.

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
	addTo("run", newServeCmd(), newDemoCmd(), newDoctorCmd(), newConfigCmd(), newStorageCmd())
	addTo("look", newQueryCmd(), newTraceCmd(), newLogsCmd(), newDiffCmd(), newDiffersCmd(), newServicesCmd(), newQualityCmd(), newSamplingCmd(), newKeepCmd())
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
