package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/sample"
)

// newHead returns what SDKs are told about sampling. The state of adaptive
// sampling is kept with the data.
func newHead(ctx context.Context, c config.Sampling, dataDir string, client *http.Client, log *slog.Logger) (*sample.Head, error) {
	source, err := sample.NewSource(ctx, c.Strategies, c.DefaultProbability, client, log)
	if err != nil {
		return nil, err
	}
	var adaptive *sample.Adaptive
	if c.Adaptive == "on" {
		cfg := sample.DefaultAdaptive()
		cfg.TargetSamplesPerSecond, cfg.MinSamplesPerSecond = c.TargetSamplesPerSecond, c.MinSamplesPerSecond
		cfg.InitialProbability, cfg.MinProbability, cfg.DeltaTolerance = c.InitialProbability, c.MinProbability, c.DeltaTolerance
		cfg.CalculationInterval, cfg.AggregationBuckets = c.CalculationInterval, c.AggregationBuckets
		if adaptive, err = sample.NewAdaptive(cfg, filepath.Join(dataDir, "sampling.json"), log); err != nil {
			return nil, err
		}
	}
	return sample.NewHead(source, adaptive, log), nil
}

type samplingOptions struct {
	client
	json bool
}

func newSamplingCmd() *cobra.Command {
	var o samplingOptions
	cmd := &cobra.Command{
		Use:   "sampling [SERVICE]",
		Short: "Show what SDKs are told about sampling, and what is kept at the tail; try policies",
		Long: `Show what SDKs are told about sampling that ask for it: the strategies of the
file, and the probabilities that adaptive sampling has found, with the rate of
requests that it estimates; and what the policies of tail sampling kept.
"clew sampling simulate" tries policies before they are applied.`,
		Example: "  clew sampling\n  clew sampling checkout\n  clew sampling simulate --policies policies.yaml",
		Args:    takesArgs(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer sample.Overview
			if err := o.ask(cmd.Context(), "/api/clew/v1/sampling", nil, &answer, newScreen(cmd.ErrOrStderr())); err != nil {
				return err
			}
			out := newScreen(cmd.OutOrStdout())
			if o.json {
				return out.printJSON(&answer)
			}
			drawSampling(out, &answer, args)
			return nil
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print the server's answer")
	cmd.AddCommand(newSimulateCmd())
	return cmd
}

// drawSampling writes a line for each service and operation, or for those of the services named.
func drawSampling(out screen, o *sample.Overview, only []string) {
	const columns = "%-22s  %10s  %s\n"
	told := false // whether there is anything about those wanted
	fmt.Fprintf(out, columns, "SAMPLED", "REQUESTS", "SERVICE, OPERATION")
	strategy := func(name string, s *sample.ServiceStrategy) {
		told = true
		sampled := formatShare(s.Param)
		if s.Type == "ratelimiting" {
			sampled = formatNumber(s.Param) + " traces/s"
		}
		fmt.Fprintf(out, columns, sampled, "", name)
		for _, op := range s.Operations {
			fmt.Fprintf(out, columns, formatShare(op.Probability), "", "  "+printable(op.Operation))
		}
	}
	wanted := func(service string) bool { return len(only) == 0 || slices.Contains(only, service) }
	for i := range o.Services {
		if wanted(o.Services[i].Service) {
			strategy(printable(o.Services[i].Service), &o.Services[i])
		}
	}
	if o.Adaptive != nil {
		service := ""
		for _, op := range o.Adaptive.Operations {
			if !wanted(op.Service) {
				continue
			}
			if op.Service != service {
				service, told = op.Service, true
				fmt.Fprintf(out, columns, "adaptive", "", printable(service))
			}
			fmt.Fprintf(out, columns, formatShare(op.Probability), formatRate(op.Rate), "  "+printable(op.Operation))
		}
	}
	switch {
	case len(only) == 0:
		strategy("(all others)", &o.Default)
		if o.FileProblem != "" {
			drawProblem(out, "The file of strategies is not used as it is now, but as it was before:", o.FileProblem)
		}
		if o.Tail != nil {
			drawTail(out, o.Tail)
		}
	case !told:
		strategy(printable(only[0])+" (by default: nothing is said of it)", &o.Default)
	}
}

// drawTail writes what tail sampling decided.
func drawTail(out screen, t *sample.TailOverview) {
	what := "decided at the tail"
	if t.DryRun {
		what = "would be decided at the tail (a dry run: all stay)"
	}
	fmt.Fprintf(out, "\nTraces %s in the last day, each %v after it arrived:\n", what, time.Duration(t.WindowSeconds*float64(time.Second)))
	const columns = "%12s  %12s  %s\n"
	fmt.Fprintf(out, columns, "KEPT", "DROPPED", "POLICY")
	seen := map[string]bool{}
	for _, c := range t.Decided {
		name := printable(c.Policy)
		if c.Policy == "" {
			name = "(none matches)"
		}
		seen[c.Policy] = true
		fmt.Fprintf(out, columns, strconv.FormatUint(c.Kept, 10), strconv.FormatUint(c.Dropped, 10), name)
	}
	for _, name := range t.Policies {
		if !seen[name] {
			fmt.Fprintf(out, columns, "0", "0", printable(name))
		}
	}
	switch {
	case len(t.Policies) == 0:
		drawProblem(out, "There are no policies that could be read: nothing is dropped.", t.FileProblem)
	case t.FileProblem != "":
		drawProblem(out, "The file of policies is not used as it is now, but as it was before:", t.FileProblem)
	}
	if t.Problem != "" {
		fmt.Fprintln(out, "The last round failed, and what it was about stays:", printable(t.Problem))
	}
}

// drawProblem writes what is wrong, which may have several lines.
func drawProblem(out screen, what, problem string) {
	fmt.Fprintln(out, what)
	for line := range strings.Lines(problem) {
		fmt.Fprintln(out, "  "+printable(strings.TrimSuffix(line, "\n")))
	}
}

func newSamplingGRPC(head *sample.Head) service {
	server := grpc.NewServer(grpc.MaxConcurrentStreams(100))
	sample.Register(server, head)
	return ingest.GRPCServer{Server: server}
}
