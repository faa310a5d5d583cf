package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar"
)

func newStorageCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "storage",
		Short: "Check a data folder, or show what is in it",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "verify DIR",
			Short: "Read every file of a data folder and check it",
			Args:  takesArgs(1, 1, "the data folder, which --data-dir of the server names"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return eachStore(args[0], cmd.OutOrStdout(), columnar.Verify)
			},
		},
		&cobra.Command{
			Use:   "inspect DIR",
			Short: "Show what a data folder holds",
			Args:  takesArgs(1, 1, "the data folder, which --data-dir of the server names"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return eachStore(args[0], cmd.OutOrStdout(), columnar.Inspect)
			},
		})
	return cmd
}

// eachStore calls do for the store of spans and, if there is one, for that of log records.
func eachStore(dir string, out io.Writer, do func(dir string, out io.Writer) error) error {
	err := do(dir, out)
	logs := logsFolder(dir)
	if _, missing := os.Stat(logs); missing != nil {
		return err
	}
	fmt.Fprintf(out, "\nlog records, %s:\n", logs)
	return errors.Join(err, do(logs, out))
}

// decode reads what the write-ahead log kept of a request; the store's own
// limits held when it came.
func decode(format span.Format, raw []byte, b *span.Batch) error {
	_, err := ingest.DecodeOTLP(format, raw, b, ingest.Limits{})
	return err
}
