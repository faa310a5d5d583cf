package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// takesArgs checks how many arguments a command has; needs says in words what it needs.
func takesArgs(least, most int, needs string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		problem := "needs " + needs
		switch {
		case len(args) > most:
			problem = fmt.Sprintf("does not know what to do with %q; quote what has spaces", args[most])
		case len(args) >= least:
			return nil
		}
		name := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
		return fmt.Errorf("%s %s\n  usage: %s\n  more:  %s --help", name, problem, cmd.UseLine(), cmd.CommandPath())
	}
}

// noSuchCommand refuses arguments of a command that only has others below it.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return fmt.Errorf("unknown command %q for %q; there are: %s", args[0], cmd.CommandPath(), strings.Join(names, ", "))
}

// takesOneOf lets a command run with at most one of some flags.
func takesOneOf(cmd *cobra.Command, names ...string) {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		var given []string
		for _, name := range names {
			if cmd.Flags().Changed(name) {
				given = append(given, "--"+name)
			}
		}
		if len(given) > 1 {
			return fmt.Errorf("%s do not go together; give one of them", strings.Join(given, " and "))
		}
		return nil
	}
}
