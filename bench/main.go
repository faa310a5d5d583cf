// Command bench measures a tracing backend: it sends recorded traffic with
// fresh ids to any OTLP server, verifies that every span is there, and tells
// what that cost and how fast the data is found. README.md shows how to use it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second signal ends at once
	if err := newRootCmd().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Measure a tracing backend with recorded traffic",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newRunCmd(), newLoadCmd(), newVerifyCmd(), newQueryCmd(), newFacesCmd(), newUDPCmd())
	return root
}
